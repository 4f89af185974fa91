/* film: see film.h. Steps: read all packets (film_packets.c); order them as they will be shown (film_order.c); decode
 * the first few to see that packets and frames agree (film_head.c) and all where they do not (film_listing.c); count
 * what is missing. Here is what a film is, whether it is whole, and its life. */
#include "media/film.h"

#include "base/mem.h"
#include "base/sha256.h"
#include "media/film_parts.h"
#include "media/fingerprint.h"

#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_REORDER = 16 }; /* frames that may be shown before one that precedes them in the file */

double film_seconds(const struct film *film, int64_t ticks)
{
    return (double)ticks * film->info.time_base_num / film->info.time_base_den;
}

/* --- what the headers say ----------------------------------------------------------------------------------------- */

/* The display matrix turns pictures counter-clockwise by its angle. */
static int rotation_of(const AVStream *s)
{
    const int32_t *matrix = NULL;

#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 30, 100)
    const AVCodecParameters *par = s->codecpar;
    const AVPacketSideData *side =
        av_packet_side_data_get(par->coded_side_data, par->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
    if (side && side->size >= 36)
        matrix = (const int32_t *)side->data;
#else
    matrix = (const int32_t *)av_stream_get_side_data(s, AV_PKT_DATA_DISPLAYMATRIX, NULL);
#endif
    const double angle = matrix ? av_display_rotation_get(matrix) : 0.0;
    if (!isfinite(angle))
        return 0;
    const int quarter = (int)lround(-angle / 90.0);
    return ((quarter % 4) + 4) % 4 * 90;
}

/* Of all that a decoder is told when it is opened. */
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
    av_hash_hex(digest, kind);
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
    info->is_hdr = par->color_trc == AVCOL_TRC_SMPTE2084 || par->color_trc == AVCOL_TRC_ARIB_STD_B67;

    /* By their standards bit-exact in every decoder; MPEG-1, -2 and -4 part 2 leave the IDCT to the decoder. */
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
        snprintf(info->matrix, sizeof info->matrix, "%s", av_matrix_name(f.matrix));
        snprintf(info->range, sizeof info->range, "%s", f.full_range ? "full" : "limited");
    }
    const char *format = av_get_pix_fmt_name(av->format);
    snprintf(info->pixel_format, sizeof info->pixel_format, "%s", format ? format : "unknown");
    info->width = av->width;
    info->height = av->height;
    info->decoder_bytes = estimate_decoder_bytes(decoder, av);
    av_picture_release(&picture);
}

/* --- completeness ------------------------------------------------------------------------------------------------- */

/* All ones is how containers write "not known". */
static bool is_known_duration(int64_t d)
{
    return d > 0 && d != AV_NOPTS_VALUE && d != UINT32_MAX && d != INT32_MAX && d != INT64_MAX;
}

/* Containers with an index of all frames; empty entries stand for frames that are not there on purpose. */
static int64_t count_index_entries(AVStream *stream)
{
    int64_t n = 0;

    for (int i = 0; i < avformat_index_get_entries_count(stream); i++)
        n += avformat_index_get_entry(stream, i)->size > 0;
    return n;
}

static void judge_completeness(struct film *film, const struct film_reader *r)
{
    struct film_info *info = &film->info;
    const struct av_input *in = r->in;
    const bool is_mov = strstr(in->format->iformat->name, "mov") != NULL;
    const bool is_avi = strcmp(in->format->iformat->name, "avi") == 0;
    const int64_t promised = is_mov || is_avi ? count_index_entries(in->stream) : 0;
    const double tb = av_q2d(in->stream->time_base);

    if (promised > film->n_packets) {
        info->frames_missing = promised - film->n_packets;
        snprintf(info->incomplete, sizeof info->incomplete, "%lld of the %lld frames in its index are there",
                 (long long)film->n_packets, (long long)promised);
        return;
    }
    if (info->incomplete[0]) /* a read error */
        return;

    const double start = in->format->start_time != AV_NOPTS_VALUE ? (double)in->format->start_time / AV_TIME_BASE : 0.0;
    double declared = 0.0, found = r->seen_end - (start > 0.0 ? start : 0.0);
    if (is_known_duration(in->stream->duration) && is_mov)
        declared = (double)in->stream->duration * tb;
    else if (is_known_duration(in->format->duration) && !is_mov &&
             in->format->duration_estimation_method == AVFMT_DURATION_FROM_STREAM)
        declared = (double)in->format->duration / AV_TIME_BASE;
    if (declared > found + fmin(1.0, 0.5 + 0.02 * found)) {
        const double lost = declared - found, frame = film_seconds(film, info->usual_ticks);
        info->frames_missing = frame > 0.0 && lost / frame < 1e12 ? (int64_t)(lost / frame) : 1;
        snprintf(info->incomplete, sizeof info->incomplete, "it says that it lasts %.2f s, but ends after %.2f s",
                 declared, found);
    }
}

static int compare_i64(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* Holes in time. In a film whose frames are evenly spaced a long one is a part that is missing, and so is any one where
 * there is damage; elsewhere (screen recordings, slide shows) a long one is worth a word. */
static void judge_gaps(struct film *film, bool damaged)
{
    struct film_info *info = &film->info;
    int64_t n = film->n_frames - 1, *gap = n > 0 ? mem_array((size_t)n, sizeof *gap) : NULL;
    int64_t n_even = 0, n_missing = 0;

    info->largest_gap_ticks = info->largest_gap_at = 0;
    if (!gap)
        return;
    for (int64_t i = 0; i < n; i++)
        gap[i] = film->frame[i + 1].ticks - film->frame[i].ticks;
    for (int64_t i = 0; i < n; i++)
        if (gap[i] > info->largest_gap_ticks) {
            info->largest_gap_ticks = gap[i];
            info->largest_gap_at = film->frame[i].ticks;
        }
    qsort(gap, (size_t)n, sizeof *gap, compare_i64);
    const int64_t usual = gap[n / 2] > 0 ? gap[n / 2] : 1;
    for (int64_t i = 0; i < n; i++) {
        const int64_t here = film->frame[i + 1].ticks - film->frame[i].ticks;
        n_even += here * 10 >= usual * 9 && here * 10 <= usual * 11;
        if (i < n - MAX_REORDER) /* a recording may end within a group of pictures: frames of its end may lack */
            n_missing += here > usual ? (here + usual / 2) / usual - 1 : 0;
    }
    const bool is_long = info->largest_gap_ticks >= 50 * usual && film_seconds(film, info->largest_gap_ticks) >= 2.0;
    if (n_even * 20 >= n * 19 && n_missing > 0 && (is_long || damaged) && !info->incomplete[0]) {
        info->frames_missing = n_missing;
        snprintf(info->incomplete, sizeof info->incomplete,
                 "%lld of %lld evenly spaced frames are missing, the longest hole is %.2f s after %.2f s",
                 (long long)n_missing, (long long)(n_missing + film->n_frames),
                 film_seconds(film, info->largest_gap_ticks), film_seconds(film, info->largest_gap_at));
    }
    if (!is_long)
        info->largest_gap_ticks = info->largest_gap_at = 0;
    free(gap);
}

void film_settle(struct film *film, bool damaged)
{
    if (film->n_frames == 0)
        return;
    film->info.duration_ticks = film->frame[film->n_frames - 1].ticks + film->info.usual_ticks;
    film_link_packets(film);
    judge_gaps(film, damaged || film->info.has_corrupt_packets);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static enum status read_index(struct film *film, struct film_reader *r, struct film_head *head, const atomic_int *stop,
                              film_progress *progress, void *context)
{
    enum status st = ST_OK;

    film_describe_stream(&film->info, r->in);
    TRY(film_fingerprint(film->path, &film->info.bytes, film->info.fingerprint));
    TRY(film_read_packets(r, progress, context));
    if (film->n_packets == 0)
        return FAIL(ST_FORMAT, "%s: its video stream (%s) holds no frames", film->path, film->info.codec);
    if (r->has_sublayers)
        film->info.skips_unreferenced = false;
    film->info.usual_ticks = film_usual_duration(r);
    film->info.has_corrupt_packets = r->n_corrupt > 0;
    film->frame = mem_array((size_t)film->n_packets, sizeof *film->frame);
    if (!film->frame)
        return ST_NOMEM;
    judge_completeness(film, r);

    /* Packets that the container knows to be broken: only decoding tells what is left. Headers that a decoder knows
     * only if it has come by: it has to start at the beginning. */
    bool agrees = r->n_corrupt == 0 && !r->has_loose_headers &&
                  film_order_by_time(film, r->in->stream->codecpar->video_delay, r->in->stream->pts_wrap_bits);
    if (agrees)
        st = film_head_compare(head, film, &agrees);
    if (st == ST_OK && agrees)
        film_settle(film, false);
    if (st == ST_OK && !agrees) {
        film->n_frames = 0;
        st = film_list_by_decoding(film, stop, progress, context);
    }
    if (st == ST_OK && film->n_frames == 0)
        st = FAIL(ST_FORMAT, "%s: none of its %lld video packets (%s) could be decoded", film->path,
                  (long long)film->n_packets, film->info.codec);
    return st;
}

enum status film_open(struct film *film, const char *path, const atomic_int *stop, film_progress *progress,
                      void *context)
{
    struct av_input in = {0};
    struct film_reader r = {.film = film, .in = &in};
    struct film_head *head = NULL;
    enum status st;

    *film = (struct film){.path = strdup(path)};
    if (!film->path)
        return FAIL(ST_NOMEM, "out of memory opening %s", path);
    st = av_input_open(&in, path, stop);
    if (st == ST_OK)
        st = film_head_begin(film->path, stop, &head);
    if (st == ST_OK)
        st = read_index(film, &r, head, stop, progress, context);
    film_head_end(&head);
    av_input_close(&in);
    return st;
}

void film_release(struct film *film)
{
    free(film->path);
    free(film->packet);
    free(film->frame);
    *film = (struct film){0};
}
