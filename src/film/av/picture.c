/* picture: how a decoded AVFrame is laid out and what its samples mean. */
#include "film/av/av.h"

#include "base/sha256.h"

#include <libavutil/hwcontext.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libavutil/sha.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what samples mean -------------------------------------------------------------------------------------------- */

/* Of H.273 (MatrixCoefficients), by number where FFmpeg 5.1 has no name yet. */
enum { SPC_IPT_C2 = 15, SPC_YCGCO_RE = 16, SPC_YCGCO_RO = 17 };

static bool is_rgb(const AVPixFmtDescriptor *d)
{
    return d->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BAYER);
}

/* X'Y'Z' is recognised by the pixel format or, as with R, G, B, by the primaries of planes without a matrix. */
static bool is_xyz(const AVPixFmtDescriptor *d, const struct av_colours *c)
{
    return strncmp(d->name, "xyz", 3) == 0 || (is_rgb(d) && c->primaries == AVCOL_PRI_SMPTE428);
}

/* Matrices that a stream's primaries imply. */
static bool is_derived_from_known(enum AVColorPrimaries primaries)
{
    return primaries == AVCOL_PRI_BT709 || primaries == AVCOL_PRI_BT2020;
}

static const char ipt[] = "IPT-PQ-C2 (SMPTE ST 2128, Dolby Vision)";

const char *av_colours_refused(const struct av_colours *c)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(c->format);

    if (!d)
        return NULL;
    if (is_xyz(d, c)) {
        const bool is_cinema = c->transfer == AVCOL_TRC_SMPTE428 || c->transfer == AVCOL_TRC_UNSPECIFIED ||
                               c->transfer == AVCOL_TRC_RESERVED0;
        return is_cinema ? NULL : "X'Y'Z' with another transfer curve than that of SMPTE ST 428-1";
    }
    if (is_rgb(d) || d->nb_components < 3)
        return NULL;
    if (c->primaries == AVCOL_PRI_SMPTE428)
        return "Y'CbCr of X'Y'Z' (SMPTE ST 428-1)";
    switch ((int)c->matrix) {
    case AVCOL_SPC_BT2020_CL:
        return "BT.2020 with constant luminance";
    case AVCOL_SPC_SMPTE2085:
        return "Y'D'zD'x (SMPTE ST 2085)";
    case AVCOL_SPC_CHROMA_DERIVED_NCL:
        return is_derived_from_known(c->primaries) ? NULL
                                                   : "Y'CbCr with a matrix of its own, derived from its primaries";
    case AVCOL_SPC_CHROMA_DERIVED_CL:
        return "Y'CbCr with constant luminance, derived from its primaries";
    case AVCOL_SPC_ICTCP:
        return "ICtCp (ITU-R BT.2100)";
    case SPC_IPT_C2:
        return ipt;
    case SPC_YCGCO_RE:
        return "YCgCo-Re (H.273)";
    case SPC_YCGCO_RO:
        return "YCgCo-Ro (H.273)";
    default:
        return NULL;
    }
}

bool av_colours_are_ipt(const struct av_colours *c)
{
    return av_colours_refused(c) == ipt;
}

/* Untagged films: the matrix that encoders of that picture size use. */
static enum frame_matrix matrix_of(const AVFrame *av, const AVPixFmtDescriptor *desc)
{
    if (desc->flags & AV_PIX_FMT_FLAG_RGB)
        return FRAME_RGB;
    switch (av->colorspace) {
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M:
        return FRAME_BT601;
    case AVCOL_SPC_FCC:
        return FRAME_FCC;
    case AVCOL_SPC_SMPTE240M:
        return FRAME_SMPTE240M;
    case AVCOL_SPC_BT2020_NCL:
        return FRAME_BT2020;
    case AVCOL_SPC_BT709:
        return FRAME_BT709;
    case AVCOL_SPC_YCGCO:
        return FRAME_YCGCO;
    case AVCOL_SPC_CHROMA_DERIVED_NCL:
        return av->color_primaries == AVCOL_PRI_BT2020 ? FRAME_BT2020 : FRAME_BT709;
    default:
        return av->width >= 1280 || av->height > 576 ? FRAME_BT709 : FRAME_BT601;
    }
}

const char *av_matrix_name(enum frame_matrix matrix)
{
    static const char *const names[] = {"rgb", "bt601", "bt709", "bt2020", "smpte240m", "fcc", "ycgco"};

    return names[matrix];
}

static bool is_full_range(const AVFrame *av, enum AVPixelFormat format, const AVPixFmtDescriptor *desc)
{
    if (av->color_range != AVCOL_RANGE_UNSPECIFIED)
        return av->color_range == AVCOL_RANGE_JPEG;
    return (desc->flags & AV_PIX_FMT_FLAG_RGB) || desc->nb_components < 3 || format == AV_PIX_FMT_YUVJ420P ||
           format == AV_PIX_FMT_YUVJ422P || format == AV_PIX_FMT_YUVJ444P || format == AV_PIX_FMT_YUVJ440P ||
           format == AV_PIX_FMT_YUVJ411P;
}

/* Grey, planar or semi-planar little-endian samples of 8 to 16 bits can be lent as they are. */
static bool is_lendable(const AVPixFmtDescriptor *d)
{
    const int planes = d->nb_components >= 3 ? 3 : 1;

    if (d->flags & (AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_BE | AV_PIX_FMT_FLAG_FLOAT |
                    AV_PIX_FMT_FLAG_BAYER | AV_PIX_FMT_FLAG_HWACCEL))
        return false;
    if (d->comp[0].depth < 8 || d->comp[0].depth > 16)
        return false;
    const int bytes = d->comp[0].depth + d->comp[0].shift > 8 ? 2 : 1;
    for (int c = 0; c < planes; c++) {
        const int step = d->comp[c].step;
        const bool interleaved = planes == 3 && c > 0 && step == 2 * bytes && d->comp[c].plane == 1;
        if (d->comp[c].depth != d->comp[0].depth || d->comp[c].shift != d->comp[0].shift)
            return false;
        if (!interleaved && (step != bytes || d->comp[c].offset != 0))
            return false;
        if (interleaved && (d->comp[c].offset != (c - 1) * bytes || (d->flags & AV_PIX_FMT_FLAG_RGB)))
            return false;
    }
    return true;
}

static void lend(const AVFrame *av, const AVPixFmtDescriptor *d, struct frame *f)
{
    f->depth = d->comp[0].depth;
    f->shift = d->comp[0].shift;
    f->chroma_w_log2 = d->flags & AV_PIX_FMT_FLAG_RGB ? 0 : d->log2_chroma_w;
    f->chroma_h_log2 = d->flags & AV_PIX_FMT_FLAG_RGB ? 0 : d->log2_chroma_h;
    f->n_planes = d->nb_components < 3 ? 1 : d->comp[1].plane == d->comp[2].plane ? 2 : 3;
    for (int p = 0; p < f->n_planes; p++) {
        f->plane[p] = av->data[p];
        f->stride[p] = av->linesize[p];
    }
}

static const AVPixFmtDescriptor *software_format(const AVFrame *av, enum AVPixelFormat *format)
{
    *format = av->hw_frames_ctx ? ((const AVHWFramesContext *)av->hw_frames_ctx->data)->sw_format
                                : (enum AVPixelFormat)av->format;
    return av_pix_fmt_desc_get(*format);
}

static struct av_colours colours_of(const AVFrame *av, enum AVPixelFormat format)
{
    return (struct av_colours){format, av->colorspace, av->color_primaries, av->color_trc};
}

bool av_picture_is_ipt(const AVFrame *av)
{
    enum AVPixelFormat format;
    const AVPixFmtDescriptor *d = software_format(av, &format);
    const struct av_colours colours = colours_of(av, format);

    return film_is_dovi_ipt(av) || (d && av_colours_are_ipt(&colours));
}

enum status av_picture_view(struct av_picture *p, const AVCodecContext *decoder, const AVFrame *av, struct frame *f)
{
    enum AVPixelFormat format;
    const AVPixFmtDescriptor *d = software_format(av, &format);

    if (!d)
        return FAIL(ST_FORMAT, "a decoded frame has an unknown pixel format (%d)", av->format);
    const struct av_colours colours = colours_of(av, format);
    const char *refused = av_colours_refused(&colours);
    if (refused && refused != ipt)
        return FAIL(ST_FORMAT, "the colours of a picture of the film are %s, which this program does not convert",
                    refused);
    *f = (struct frame){
        .width = av->width,
        .height = av->height,
        .matrix = matrix_of(av, d),
        .full_range = is_full_range(av, format, d),
        .on_device = av->hw_frames_ctx != NULL,
    };
    if (is_lendable(d) && !is_xyz(d, &colours)) {
        lend(av, d, f);
        if (f->on_device && f->depth > 8) { /* P016 also carries 12-bit films: the stream knows */
            const AVPixFmtDescriptor *stream = av_pix_fmt_desc_get(decoder->sw_pix_fmt);
            if (stream && stream->comp[0].depth > 8) {
                f->depth = stream->comp[0].depth;
                f->shift = 16 - f->depth;
            }
        }
        return ST_OK;
    }
    if (f->on_device)
        return FAIL(ST_BUG, "the hardware decoder's pixel format %s is not known", d->name);

    return av_planes_unpack(&p->planes, av, is_xyz(d, &colours), f);
}

/* Bytes of a big-endian format's words: a sample's, or a whole pixel's where samples share it (RGB565, X2RGB10). */
static int word_bytes(const AVPixFmtDescriptor *d)
{
    int word = 2;

    if (d->flags & AV_PIX_FMT_FLAG_BITSTREAM)
        return d->comp[0].step / 8;
    for (int c = 0; c < d->nb_components; c++)
        word = d->comp[c].depth + d->comp[c].shift > 16 ? 4 : word;
    for (int c = 1; c < d->nb_components; c++)
        if (d->comp[c].plane == d->comp[0].plane && abs(d->comp[c].offset - d->comp[0].offset) < word)
            return d->comp[0].step;
    return word;
}

/* In place: big-endian words become little-endian ones, so that a film's hashes depend on its samples, not on how they
 * were stored. */
static void to_little_endian(const AVPixFmtDescriptor *d, uint8_t *bytes, int n)
{
    const int word = word_bytes(d);

    for (int at = 0; at + word <= n; at += word)
        for (int i = 0; i < word / 2; i++) {
            const uint8_t swapped = bytes[at + i];
            bytes[at + i] = bytes[at + word - 1 - i];
            bytes[at + word - 1 - i] = swapped;
        }
}

/* NV12 and P010 from the GPU, as the planes and values that the software decoder gives. */
static void hash_semi_planar(const struct frame *f, struct AVSHA *sha, uint8_t *row)
{
    const int bytes = f->depth > 8 ? 2 : 1;

    for (int plane = 0; plane < 3; plane++) {
        const int cw = plane ? f->chroma_w_log2 : 0, ch = plane ? f->chroma_h_log2 : 0;
        const int w = (f->width + (1 << cw) - 1) >> cw, h = (f->height + (1 << ch) - 1) >> ch;
        const int step = plane ? 2 : 1, offset = plane == 2 ? 1 : 0;
        for (int y = 0; y < h; y++) {
            const uint8_t *from = (const uint8_t *)f->plane[plane ? 1 : 0] + y * f->stride[plane ? 1 : 0];
            for (int x = 0; x < w; x++) {
                const uint8_t *s = from + (x * step + offset) * bytes;
                if (bytes == 1) {
                    row[x] = s[0];
                } else {
                    const int v = (s[0] | s[1] << 8) >> f->shift;
                    row[2 * x] = (uint8_t)v;
                    row[2 * x + 1] = (uint8_t)(v >> 8);
                }
            }
            av_sha_update(sha, row, (size_t)(w * bytes));
        }
    }
}

enum status av_picture_hash(struct av_picture *p, const AVCodecContext *decoder, const AVFrame *av, char hex[65])
{
    struct AVSHA *sha = NULL;
    AVFrame *host = NULL;
    uint8_t digest[32];
    enum status st = ST_OK;
    const int need =
        av->hw_frames_ctx ? 2 * av->width + 64 : av_image_get_buffer_size(av->format, av->width, av->height, 1);

    if (need > 0 && (size_t)need > p->packed_bytes) {
        av_free(p->packed);
        p->packed = av_malloc((size_t)need);
        p->packed_bytes = p->packed ? (size_t)need : 0;
    }
    sha = av_sha_alloc();
    if (!sha || need <= 0 || !p->packed) {
        st = FAIL(ST_NOMEM, "out of memory hashing a frame");
        goto done;
    }
    av_sha_init(sha, 256);
    if (av->hw_frames_ctx) {
        struct frame f;
        host = av_frame_alloc();
        if (!host || av_hwframe_transfer_data(host, av, 0) < 0) {
            st = FAIL(ST_DEVICE, "a decoded frame cannot be copied from the GPU");
            goto done;
        }
        TRY_OR(done, st, av_picture_view(p, decoder, av, &f));
        for (int i = 0; i < f.n_planes; i++) {
            f.plane[i] = host->data[i];
            f.stride[i] = host->linesize[i];
        }
        hash_semi_planar(&f, sha, p->packed);
    } else {
        const int n = av_image_copy_to_buffer(p->packed, need, (const uint8_t *const *)av->data, av->linesize,
                                              av->format, av->width, av->height, 1);
        const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(av->format);
        if (d && d->flags & AV_PIX_FMT_FLAG_BE)
            to_little_endian(d, p->packed, n);
        av_sha_update(sha, p->packed, (size_t)(n > 0 ? n : 0));
    }
    av_sha_final(sha, digest);
    sha256_digits(digest, hex);
done:
    av_frame_free(&host);
    av_free(sha);
    return st;
}

void av_picture_release(struct av_picture *p)
{
    av_planes_release(&p->planes);
    av_freep(&p->packed);
}
