/* describe: what a film is, by its headers and by a decoded picture. */
#include "base/sha256.h"
#include "film/av/av.h"

#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/mastering_display_metadata.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The display matrix turns pictures counter-clockwise by its angle. */
static int rotation_of(const AVStream *s)
{
    size_t bytes;
    const uint8_t *matrix = av_side_data(s, AV_PKT_DATA_DISPLAYMATRIX, &bytes);
    const double angle = bytes >= 36 ? av_display_rotation_get((const int32_t *)matrix) : 0.0;
    if (!isfinite(angle))
        return 0;
    const int quarter = (int)lround(-angle / 90.0);
    return ((quarter % 4) + 4) % 4 * 90;
}

/* The brightest light of a PQ film as it states it, of a picture or else of the display that it was made on. What PQ
 * has no code for is not believed. */
static void note_peak(struct film_info *info, const void *light_level, const void *mastering)
{
    const AVContentLightMetadata *level = light_level;
    const AVMasteringDisplayMetadata *display = mastering;

    if (level && level->MaxCLL > 0 && level->MaxCLL <= TONE_MOST) {
        info->tone.peak = (int)level->MaxCLL;
        snprintf(info->peak_from, sizeof info->peak_from, "MaxCLL");
    } else if (info->tone.peak == 0 && display && display->has_luminance && av_q2d(display->max_luminance) >= 1.0 &&
               av_q2d(display->max_luminance) <= TONE_MOST) {
        info->tone.peak = (int)lround(av_q2d(display->max_luminance));
        snprintf(info->peak_from, sizeof info->peak_from, "mastering");
    }
}

static enum tone_transfer transfer_of(enum AVColorTransferCharacteristic trc)
{
    return trc == AVCOL_TRC_SMPTE2084 ? TONE_PQ : trc == AVCOL_TRC_ARIB_STD_B67 ? TONE_HLG : TONE_SDR;
}

static enum tone_primaries primaries_of(enum AVColorPrimaries primaries)
{
    return primaries == AVCOL_PRI_BT2020     ? TONE_BT2020
           : primaries == AVCOL_PRI_SMPTE432 ? TONE_P3
           : primaries == AVCOL_PRI_SMPTE431 ? TONE_P3_DCI
                                             : TONE_BT709;
}

static const void *frame_side_data(const AVFrame *av, enum AVFrameSideDataType type)
{
    const AVFrameSideData *side = av_frame_get_side_data(av, type);

    return side ? side->data : NULL;
}

/* A digest of everything that a decoder is given when it is opened. */
static void hash_kind(const AVCodecParameters *par, char kind[65])
{
    const int value[] = {(int)par->codec_id,
                         par->profile,
                         par->format,
                         par->width,
                         par->height,
                         (int)par->field_order,
                         (int)par->color_range,
                         (int)par->color_primaries,
                         (int)par->color_trc,
                         (int)par->color_space,
                         (int)par->chroma_location,
                         par->video_delay};
    struct sha256 sha;
    uint8_t digest[SHA256_BYTES];

    sha256_init(&sha);
    sha256_add(&sha, value, sizeof value);
    if (par->extradata_size > 0)
        sha256_add(&sha, par->extradata, (size_t)par->extradata_size);
    sha256_end(&sha, digest);
    sha256_digits(digest, kind);
}

void film_describe_stream(struct film_info *info, const struct av_input *in)
{
    const AVCodecParameters *par = in->stream->codecpar;
    const AVRational sar = av_guess_sample_aspect_ratio(in->format, in->stream, NULL);
    const char *format = av_get_pix_fmt_name(par->format);

    snprintf(info->container, sizeof info->container, "%s", in->format->iformat->name);
    snprintf(info->codec, sizeof info->codec, "%s", avcodec_get_name(par->codec_id));
    snprintf(info->decoder, sizeof info->decoder, "%s", in->codec->name);
    snprintf(info->pixel_format, sizeof info->pixel_format, "%s", format ? format : "unknown");
    info->stream = in->stream->index;
    info->n_video_streams = in->n_video_streams;
    info->width = par->width;
    info->height = par->height;
    info->rotation = rotation_of(in->stream);
    info->sar_num = sar.num > 0 && sar.den > 0 ? sar.num : 1;
    info->sar_den = sar.num > 0 && sar.den > 0 ? sar.den : 1;
    info->time_base_num = in->stream->time_base.num;
    info->time_base_den = in->stream->time_base.den;
    info->dovi_profile = film_dovi_profile(in, &info->is_ipt);
    size_t bytes;
    note_peak(info, av_side_data(in->stream, AV_PKT_DATA_CONTENT_LIGHT_LEVEL, &bytes),
              av_side_data(in->stream, AV_PKT_DATA_MASTERING_DISPLAY_METADATA, &bytes));

    /* Their standards make every decoder bit-exact; MPEG-1, -2 and -4 part 2 leave the IDCT to the decoder. */
    const bool is_420_8 = par->format == AV_PIX_FMT_YUV420P || par->format == AV_PIX_FMT_YUVJ420P;
    const bool is_420_10 = par->format == AV_PIX_FMT_YUV420P10LE;
    const bool is_even = par->width % 2 == 0 && par->height % 2 == 0; /* NVDEC loses the last chroma of odd sizes */
    info->nvdec_exact = is_even && ((par->codec_id == AV_CODEC_ID_H264 && is_420_8) ||
                                    (par->codec_id == AV_CODEC_ID_HEVC && (is_420_8 || is_420_10)) ||
                                    (par->codec_id == AV_CODEC_ID_VP9 && (is_420_8 || is_420_10)) ||
                                    (par->codec_id == AV_CODEC_ID_VP8 && is_420_8));
    info->skips_unreferenced = par->codec_id == AV_CODEC_ID_H264 || par->codec_id == AV_CODEC_ID_HEVC ||
                               par->codec_id == AV_CODEC_ID_MPEG1VIDEO || par->codec_id == AV_CODEC_ID_MPEG2VIDEO;
    hash_kind(par, info->kind);
}

/* Pictures that a decoder of one thread holds: those that others may refer to (only H.264's headers tell FFmpeg's
 * callers how many), the one in work and one on its way out; beside each its motion vectors. Measured: H.264 5 pictures
 * with 3 references, 17 with 16; HEVC 6. */
static int64_t estimate_decoder_bytes(const AVCodecContext *decoder, const AVFrame *av)
{
    const int picture = av_image_get_buffer_size(av->format, av->width, av->height, 32);
    int n;

    switch (decoder->codec_id) {
    case AV_CODEC_ID_H264:
        n = (decoder->refs > 1 ? decoder->refs : 1) + 2;
        break;
    case AV_CODEC_ID_HEVC:
        n = 8;
        break;
    case AV_CODEC_ID_VP9:
    case AV_CODEC_ID_AV1:
        n = 10;
        break;
    default:
        n = 4;
    }
    return picture > 0 ? (int64_t)picture * 4 / 3 * n : 0;
}

void film_describe_picture(struct film_info *info, const AVCodecContext *decoder, const AVFrame *av)
{
    struct av_picture picture = {0};
    struct frame f;

    if (av_picture_view(&picture, decoder, av, &f) == ST_OK) {
        info->matrix_is_assumed = f.matrix != FRAME_RGB && f.n_planes > 1 && av->colorspace == AVCOL_SPC_UNSPECIFIED;
        info->chroma_w_log2 = f.chroma_w_log2;
        info->chroma_h_log2 = f.chroma_h_log2;
        snprintf(info->matrix, sizeof info->matrix, "%s", av_matrix_name(f.matrix));
        snprintf(info->range, sizeof info->range, "%s", f.full_range ? "full" : "limited");
    }
    const char *format = av_get_pix_fmt_name(av->format);
    snprintf(info->pixel_format, sizeof info->pixel_format, "%s", format ? format : "unknown");
    info->is_ipt |= av_picture_is_ipt(av);
    info->tone.transfer = transfer_of(av->color_trc);
    info->tone.primaries = primaries_of(av->color_primaries);
    note_peak(info, frame_side_data(av, AV_FRAME_DATA_CONTENT_LIGHT_LEVEL),
              frame_side_data(av, AV_FRAME_DATA_MASTERING_DISPLAY_METADATA));
    info->width = av->width;
    info->height = av->height;
    info->decoder_bytes = estimate_decoder_bytes(decoder, av);
    av_picture_release(&picture);
}
