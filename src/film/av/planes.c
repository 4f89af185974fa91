/* planes: see planes.h. */
#include "film/av/planes.h"

#include "base/mem.h"
#include "image/transfer.h"

#include <libavutil/intreadwrite.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- X'Y'Z' ------------------------------------------------------------------------------------------------------- */

/* None of the 4,096 values lies near a half, so that every C library gives the same table (a test holds the margin). */
void av_xyz_light(uint32_t light[AV_XYZ_CODES])
{
    for (int code = 0; code < AV_XYZ_CODES; code++)
        light[code] = (uint32_t)(AV_XYZ_WHITE * (52.37 / 48.0) * pow(code / 4095.0, 2.6) + 0.5);
}

/* The inverse of the matrix that follows from the chromaticities of BT.709 and D65 (0.3127, 0.3290), times 2^20. */
void av_xyz_to_rgb(const uint32_t xyz[3], uint32_t rgb[3])
{
    enum { BITS = 20, LIGHT_BITS = 8 };
    static const int64_t matrix[3][3] = {
        {3398403, -1612063, -522831},
        {-1016326, 1967094, 43574},
        {58332, -213885, 1108315},
    };

    for (int i = 0; i < 3; i++) {
        const int64_t sum = matrix[i][0] * xyz[0] + matrix[i][1] * xyz[1] + matrix[i][2] * xyz[2];
        const int64_t v = (sum + ((int64_t)1 << (BITS + LIGHT_BITS - 1))) >> (BITS + LIGHT_BITS);
        rgb[i] = v < 0 ? 0 : v > 65535 ? 65535 : (uint32_t)v;
    }
}

/* --- samples in --------------------------------------------------------------------------------------------------- */

static int depth_of(const AVFrame *av, const AVPixFmtDescriptor *d, int c)
{
    return av->format != AV_PIX_FMT_RGB8 ? d->comp[c].depth : c < 2 ? 3 : 2;
}

static bool is_plain_byte(const AVFrame *av, const AVPixFmtDescriptor *d, int c)
{
    return d->comp[c].depth == 8 && d->comp[c].shift == 0 &&
           !(d->flags & (AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_BE)) &&
           !(av->format == AV_PIX_FMT_UYYVYY411 && c == 0);
}

/* Every step-th of the bytes: packed films are large, and a known step is fast. */
static void take_bytes(uint8_t *restrict to, const uint8_t *restrict from, int n, int step)
{
    if (step == 4)
        for (int x = 0; x < n; x++)
            to[x] = from[4 * x];
    else if (step == 2)
        for (int x = 0; x < n; x++)
            to[x] = from[2 * x];
    else
        for (int x = 0; x < n; x++)
            to[x] = from[step * x];
}

/* n samples of a component's row y, as FFmpeg's descriptor says that they lie. */
static void read_row(const AVFrame *av, const AVPixFmtDescriptor *d, int c, int y, int n, uint32_t *to)
{
    const AVComponentDescriptor *comp = &d->comp[c];
    const uint8_t *row = av->data[comp->plane] + (ptrdiff_t)y * av->linesize[comp->plane];

    if (av->format == AV_PIX_FMT_UYYVYY411 && c == 0) { /* U Y Y V Y Y, which no fixed step describes */
        static const uint8_t at[] = {1, 2, 4, 5};
        for (int x = 0; x < n; x++)
            to[x] = row[x / 4 * 6 + at[x % 4]];
    } else if (av->format == AV_PIX_FMT_RGB8) { /* 3, 3 and 2 bits, which FFmpeg's descriptor takes for 2, 3 and 3 */
        static const uint8_t shift[] = {5, 2, 0}, mask[] = {7, 7, 3};
        for (int x = 0; x < n; x++)
            to[x] = row[x] >> shift[c] & mask[c];
    } else {
        av_read_image_line2(to, (const uint8_t **)(uintptr_t)av->data, av->linesize, d, 0, y, c, n, 0, sizeof *to);
    }
    if (av->format == AV_PIX_FMT_MONOWHITE)
        for (int x = 0; x < n; x++)
            to[x] = !to[x];
}

/* --- samples out -------------------------------------------------------------------------------------------------- */

static void write_row(struct frame *f, uint8_t *plane, int p, int y, int n, const uint32_t *row)
{
    uint8_t *to = plane + (ptrdiff_t)y * f->stride[p];

    if (f->depth == 8)
        for (int x = 0; x < n; x++)
            to[x] = (uint8_t)row[x];
    else
        for (int x = 0; x < n; x++)
            AV_WL16(to + 2 * x, (uint16_t)row[x]);
}

/* Room for the planes of *f, whose layout is known, and for three rows. */
static enum status reserve(struct av_planes *p, struct frame *f, uint8_t *plane[3])
{
    const size_t sample = f->depth == 8 ? 1 : 2, width = (size_t)f->width;
    size_t at[3] = {0}, bytes = 0;

    for (int i = 0; i < f->n_planes; i++) {
        const int cw = i ? f->chroma_w_log2 : 0, ch = i ? f->chroma_h_log2 : 0;
        f->stride[i] = (ptrdiff_t)((size_t)AV_CEIL_RSHIFT(f->width, cw) * sample);
        at[i] = bytes;
        bytes += (size_t)f->stride[i] * (size_t)AV_CEIL_RSHIFT(f->height, ch);
    }
    if (bytes > p->room) {
        free(p->bytes);
        p->bytes = mem_array(bytes, 1);
        p->room = p->bytes ? bytes : 0;
    }
    if (width > p->row_room) {
        free(p->row);
        p->row = mem_array(3 * width, sizeof *p->row);
        p->row_room = p->row ? width : 0;
    }
    TRY_MEM(p->bytes && p->row);
    for (int i = 0; i < f->n_planes; i++) {
        plane[i] = p->bytes + at[i];
        f->plane[i] = plane[i];
    }
    return ST_OK;
}

static enum status reserve_light(struct av_planes *p)
{
    if (p->transfer)
        return ST_OK;
    p->transfer = mem_array(1, sizeof *p->transfer);
    TRY_MEM(p->transfer);
    transfer_init(p->transfer, false);
    return ST_OK;
}

static void set_rgb(struct frame *f, int depth)
{
    f->n_planes = 3;
    f->depth = depth;
    f->matrix = FRAME_RGB;
    f->full_range = true;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

/* Fewer bits become 8 by repeating them: none set stays black, all set becomes white. */
static uint32_t widen(uint32_t v, int depth)
{
    uint32_t to = 0;

    for (int shift = 8 - depth; shift > -depth; shift -= depth)
        to |= shift >= 0 ? v << shift : v >> -shift;
    return to;
}

/* 0..1 to 0..65535; in doubles, where product and sum are exact. */
static uint32_t float_sample(uint32_t bits, int depth)
{
    double v;

    if (depth == 16) {
        const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
        v = ldexp(exponent ? 1024 + mantissa : mantissa, (exponent ? exponent : 1) - 25);
        v = bits & 0x8000 ? -v : v; /* infinities and NaNs count as large */
    } else {
        float single;
        memcpy(&single, &bits, sizeof single);
        v = (double)single;
    }
    return v >= 1.0 ? 65535 : v > 0.0 ? (uint32_t)(65535.0 * v + 0.5) : 0;
}

static bool has_equal_depths(const AVPixFmtDescriptor *d, int n)
{
    for (int c = 1; c < n; c++)
        if (d->comp[c].depth != d->comp[0].depth)
            return false;
    return true;
}

/* What becomes of a component's samples. */
struct scale {
    int depth;
    bool is_float;
    const struct transfer *transfer; /* not NULL: floats are linear light */
};

static void scale_row(const struct scale *s, uint32_t *row, int n)
{
    if (s->is_float) {
        for (int x = 0; x < n; x++) {
            row[x] = float_sample(row[x], s->depth);
            if (s->transfer)
                row[x] = transfer_encode(s->transfer, row[x]);
        }
    } else if (s->depth < 8) {
        uint8_t wide[128];
        for (uint32_t v = 0; v < 1u << s->depth; v++)
            wide[v] = (uint8_t)widen(v, s->depth);
        for (int x = 0; x < n; x++)
            row[x] = wide[row[x]];
    } else if (s->depth > 16) {
        for (int x = 0; x < n; x++)
            row[x] >>= s->depth - 16;
    }
}

/* --- kinds of layouts --------------------------------------------------------------------------------------------- */

/* Grey, Y'CbCr, RGB: a plane a component. */
static enum status unpack_components(struct av_planes *p, const AVFrame *av, const AVPixFmtDescriptor *d,
                                     struct frame *f)
{
    const bool is_rgb = d->flags & AV_PIX_FMT_FLAG_RGB, is_float = d->flags & AV_PIX_FMT_FLAG_FLOAT;
    const bool is_light = is_float && av->color_trc == AVCOL_TRC_LINEAR;
    const int n = d->nb_components < 3 ? 1 : 3;
    uint8_t *plane[3];
    int most = 0;

    if (is_light)
        TRY(reserve_light(p));
    for (int c = 0; c < n; c++)
        most = d->comp[c].depth > most ? d->comp[c].depth : most;
    const bool may_differ = is_rgb && most <= 8;
    if ((!may_differ && !has_equal_depths(d, n)) || (n == 3 && !is_rgb && (is_float || most < 8)))
        return FAIL(ST_FORMAT, "pixel format %s cannot be converted", d->name);
    const int depth = is_light || most < 8 ? 8 : is_float || most > 16 ? 16 : most;
    f->n_planes = n;
    f->depth = depth;
    if (is_rgb)
        set_rgb(f, depth);
    f->chroma_w_log2 = is_rgb ? 0 : d->log2_chroma_w;
    f->chroma_h_log2 = is_rgb ? 0 : d->log2_chroma_h;
    TRY(reserve(p, f, plane));
    for (int c = 0; c < n; c++) {
        const struct scale scale = {depth_of(av, d, c), is_float, is_light ? p->transfer : NULL};
        const int to = is_rgb ? (c + 2) % 3 : c; /* R, G, B lie as G, B, R */
        const int w = AV_CEIL_RSHIFT(f->width, c ? f->chroma_w_log2 : 0);
        const int h = AV_CEIL_RSHIFT(f->height, c ? f->chroma_h_log2 : 0);
        const AVComponentDescriptor *comp = &d->comp[c];
        for (int y = 0; y < h; y++) {
            if (depth == 8 && is_plain_byte(av, d, c)) {
                take_bytes(plane[to] + y * f->stride[to],
                           av->data[comp->plane] + (ptrdiff_t)y * av->linesize[comp->plane] + comp->offset, w,
                           comp->step);
                continue;
            }
            read_row(av, d, c, y, w, p->row);
            scale_row(&scale, p->row, w);
            write_row(f, plane[to], to, y, w, p->row);
        }
    }
    return ST_OK;
}

static enum status unpack_palette(struct av_planes *p, const AVFrame *av, struct frame *f)
{
    uint8_t *plane[3];
    uint32_t palette[256];

    set_rgb(f, 8);
    TRY(reserve(p, f, plane));
    memcpy(palette, av->data[1], sizeof palette); /* 0xAARRGGBB */
    for (int y = 0; y < f->height; y++) {
        const uint8_t *from = av->data[0] + (ptrdiff_t)y * av->linesize[0];
        const ptrdiff_t at = y * f->stride[0];
        for (int x = 0; x < f->width; x++) {
            const uint32_t colour = palette[from[x]];
            plane[0][at + x] = (uint8_t)(colour >> 8);
            plane[1][at + x] = (uint8_t)colour;
            plane[2][at + x] = (uint8_t)(colour >> 16);
        }
    }
    return ST_OK;
}

/* A colour filter array: the four samples of a square, one red, one blue, two green ones, are its colour. The format's
 * name tells in which order. */
static enum status unpack_bayer(struct av_planes *p, const AVFrame *av, const AVPixFmtDescriptor *d, struct frame *f)
{
    const bool is_wide = d->comp[0].step == 2, is_be = d->flags & AV_PIX_FMT_FLAG_BE;
    uint8_t *plane[3];

    if (strncmp(d->name, "bayer_", 6) != 0 || strspn(d->name + 6, "rgb") != 4)
        return FAIL(ST_FORMAT, "pixel format %s cannot be converted", d->name);
    if (f->width < 2 || f->height < 2)
        return FAIL(ST_FORMAT, "a %d x %d picture of a colour filter array has no colours", f->width, f->height);
    set_rgb(f, is_wide ? 16 : 8);
    TRY(reserve(p, f, plane));
    for (int y = 0; y < f->height; y++) {
        const int top = y / 2 * 2 < f->height - 1 ? y / 2 * 2 : f->height - 2;
        uint32_t *const row[3] = {p->row, p->row + f->width, p->row + 2 * f->width}; /* G, B, R */
        for (int x = 0; x < f->width; x++) {
            const int left = x / 2 * 2 < f->width - 1 ? x / 2 * 2 : f->width - 2;
            uint32_t r = 0, g = 0, b = 0;
            for (int i = 0; i < 4; i++) {
                const int sy = top + i / 2, sx = left + i % 2;
                const uint8_t *from = av->data[0] + (ptrdiff_t)sy * av->linesize[0] + (is_wide ? 2 * sx : sx);
                const uint32_t v = !is_wide ? *from : is_be ? AV_RB16(from) : AV_RL16(from);
                const char colour = d->name[6 + sy % 2 * 2 + sx % 2];
                *(colour == 'r' ? &r : colour == 'g' ? &g : &b) += v;
            }
            row[0][x] = (g + 1) / 2;
            row[1][x] = b;
            row[2][x] = r;
        }
        for (int i = 0; i < 3; i++)
            write_row(f, plane[i], i, y, f->width, row[i]);
    }
    return ST_OK;
}

/* To 12 bits: what the light of X'Y'Z' is listed for. */
static void to_xyz_codes(uint32_t *row, int n, int depth)
{
    const uint32_t most = (1u << depth) - 1;

    if (depth == 12)
        return;
    for (int x = 0; x < n; x++)
        row[x] = (2 * row[x] * (AV_XYZ_CODES - 1) + most) / (2 * most);
}

static enum status unpack_xyz(struct av_planes *p, const AVFrame *av, const AVPixFmtDescriptor *d, struct frame *f)
{
    const int depth = d->comp[0].depth;
    uint8_t *plane[3];

    if (d->nb_components < 3 || !has_equal_depths(d, 3) || depth < 8 || depth > 16 ||
        d->flags & (AV_PIX_FMT_FLAG_FLOAT | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BAYER))
        return FAIL(ST_FORMAT, "X'Y'Z' in pixel format %s cannot be converted", d->name);
    TRY(reserve_light(p));
    if (!p->xyz_light) {
        p->xyz_light = mem_array(AV_XYZ_CODES, sizeof *p->xyz_light);
        TRY_MEM(p->xyz_light);
        av_xyz_light(p->xyz_light);
    }
    set_rgb(f, 8);
    TRY(reserve(p, f, plane));
    uint32_t *const row[3] = {p->row, p->row + f->width, p->row + 2 * f->width};
    for (int y = 0; y < f->height; y++) {
        for (int c = 0; c < 3; c++) {
            read_row(av, d, c, y, f->width, row[c]);
            to_xyz_codes(row[c], f->width, depth);
        }
        for (int x = 0; x < f->width; x++) {
            const uint32_t xyz[3] = {p->xyz_light[row[0][x]], p->xyz_light[row[1][x]], p->xyz_light[row[2][x]]};
            uint32_t rgb[3];
            av_xyz_to_rgb(xyz, rgb);
            for (int c = 0; c < 3; c++)
                row[c][x] = transfer_encode(p->transfer, rgb[c]);
        }
        for (int c = 0; c < 3; c++)
            write_row(f, plane[(c + 2) % 3], (c + 2) % 3, y, f->width, row[c]);
    }
    return ST_OK;
}

enum status av_planes_unpack(struct av_planes *planes, const AVFrame *av, bool is_xyz, struct frame *frame)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(av->format);

    if (!d || d->flags & AV_PIX_FMT_FLAG_HWACCEL)
        return FAIL(ST_FORMAT, "pixel format %s cannot be converted", d ? d->name : "unknown");
    frame->shift = frame->chroma_w_log2 = frame->chroma_h_log2 = 0;
    if (is_xyz)
        return unpack_xyz(planes, av, d, frame);
    if (d->flags & AV_PIX_FMT_FLAG_PAL)
        return unpack_palette(planes, av, frame);
    if (d->flags & AV_PIX_FMT_FLAG_BAYER)
        return unpack_bayer(planes, av, d, frame);
    return unpack_components(planes, av, d, frame);
}

void av_planes_release(struct av_planes *planes)
{
    free(planes->bytes);
    free(planes->row);
    free(planes->transfer);
    free(planes->xyz_light);
    *planes = (struct av_planes){0};
}
