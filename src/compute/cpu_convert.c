/* cpu_convert: a decoded frame becomes the pixels that are clustered: Y'CbCr to R'G'B' in integers, then the exact area
 * average in linear light. Vertical sums come first, so that the costly horizontal step runs once per result row. */
#include "base/mem.h"
#include "compute/convert_rules.h"
#include "compute/cpu.h"
#include "image/area.h"

#include <stdlib.h>
#include <string.h>

enum status cpu_convert_init(struct cpu_convert *cv, const struct picture_settings *picture)
{
    *cv = (struct cpu_convert){.picture = *picture};
    transfer_init(&cv->transfer, picture->legacy);
    cv->add_linear = cpu_best_add_linear();
    cv->span = mem_array((size_t)picture->width, sizeof *cv->span);
    cv->sum = mem_array((size_t)picture->width, sizeof *cv->sum);
    TRY_MEM(cv->span && cv->sum);
    if (!tone_is_needed(&picture->tone))
        return ST_OK;
    cv->tone = mem_array(1, sizeof *cv->tone);
    for (int c = 0; c < 3; c++) {
        cv->result[c] = mem_array((size_t)picture->width, sizeof *cv->result[c]);
        TRY_MEM(cv->result[c]);
    }
    TRY_MEM(cv->tone);
    tone_init(cv->tone, &picture->tone);
    return ST_OK;
}

static void release_rows(struct cpu_convert *cv)
{
    for (int c = 0; c < 3; c++) {
        free(cv->chroma[c]);
        free(cv->row[c]);
        free(cv->column[c]);
        free(cv->code[c]);
        free(cv->light[c]);
        cv->code[c] = NULL;
        cv->light[c] = NULL;
        cv->chroma[c] = NULL;
        cv->row[c] = NULL;
        cv->column[c] = NULL;
    }
    cv->max_width = 0;
}

void cpu_convert_release(struct cpu_convert *cv)
{
    release_rows(cv);
    for (int c = 0; c < 3; c++) {
        free(cv->result[c]);
        cv->result[c] = NULL;
    }
    free(cv->tone);
    cv->tone = NULL;
    free(cv->sum);
    free(cv->span);
    cv->sum = NULL;
    cv->span = NULL;
}

static void make_spans(struct cpu_convert *cv, uint32_t width)
{
    const uint32_t w = (uint32_t)cv->picture.width;

    for (uint32_t j = 0; j < w; j++) {
        const uint32_t first = area_first(j, width, w), last = area_last(j, width, w) - 1;
        const uint32_t first_weight = area_weight(first, j, width, w);
        cv->span[j] = (struct cpu_span){first, last, first_weight, first < last ? area_weight(last, j, width, w) : 0};
    }
    cv->span_width = (int)width;
}

/* A film may change its size on the way. */
static enum status reserve_rows(struct cpu_convert *cv, int width)
{
    const size_t n = (size_t)width + 1;

    if (width <= cv->max_width)
        return ST_OK;
    release_rows(cv);
    for (int c = 0; c < 3; c++) {
        cv->chroma[c] = mem_array(n, sizeof *cv->chroma[c]);
        cv->row[c] = mem_array(n, sizeof *cv->row[c]);
        cv->column[c] = mem_array(n, sizeof *cv->column[c]);
        TRY_MEM(cv->chroma[c] && cv->row[c] && cv->column[c]);
        if (!cv->tone)
            continue;
        cv->code[c] = mem_array(n, sizeof *cv->code[c]);
        cv->light[c] = mem_array(n, sizeof *cv->light[c]);
        TRY_MEM(cv->code[c] && cv->light[c]);
    }
    cv->max_width = width;
    return ST_OK;
}

static int32_t sample(const struct frame *f, int plane, int x, int y)
{
    const uint8_t *row = (const uint8_t *)f->plane[plane] + y * f->stride[plane];

    if (f->depth == 8)
        return row[x];
    return (row[2 * x] | row[2 * x + 1] << 8) >> f->shift;
}

CPU_CLONES static void weigh_chroma_8(const struct convert_coefs *k, const uint8_t *restrict u,
                                      const uint8_t *restrict v, int n, int32_t *restrict r, int32_t *restrict g,
                                      int32_t *restrict b)
{
    for (int i = 0; i < n; i++) {
        const int32_t du = u[i] - k->c_offset, dv = v[i] - k->c_offset;
        r[i] = k->ru * du + k->rv * dv;
        g[i] = -k->gu * du - k->gv * dv;
        b[i] = k->bu * du + k->bv * dv;
    }
}

static void read_chroma_row(struct cpu_convert *cv, const struct frame *f, const struct convert_coefs *k, int y)
{
    const int cy = y >> f->chroma_h_log2, n = (f->width + (1 << f->chroma_w_log2) - 1) >> f->chroma_w_log2;
    const bool interleaved = f->n_planes == 2;

    if (f->depth == 8 && !interleaved) {
        weigh_chroma_8(k, (const uint8_t *)f->plane[1] + cy * f->stride[1],
                       (const uint8_t *)f->plane[2] + cy * f->stride[2], n, cv->chroma[0], cv->chroma[1],
                       cv->chroma[2]);
        return;
    }
    for (int cx = 0; cx < n; cx++) {
        const int32_t u = (interleaved ? sample(f, 1, 2 * cx, cy) : sample(f, 1, cx, cy)) - k->c_offset;
        const int32_t v = (interleaved ? sample(f, 1, 2 * cx + 1, cy) : sample(f, 2, cx, cy)) - k->c_offset;
        cv->chroma[0][cx] = k->ru * u + k->rv * v;
        cv->chroma[1][cx] = -k->gu * u - k->gv * v;
        cv->chroma[2][cx] = k->bu * u + k->bv * v;
    }
}

static inline uint8_t clip(int32_t v)
{
    return (uint8_t)convert_clip(v);
}

/* One of R, G, B: factor * luma + round + chroma. Most films are 8-bit with a chroma sample for two pixels. */
CPU_CLONES static void mix_8_halved(uint8_t *restrict to, const uint8_t *restrict luma, const int32_t *restrict chroma,
                                    int32_t factor, int32_t round, int n)
{
    for (int i = 0; i < n / 2; i++) {
        to[2 * i] = clip(factor * luma[2 * i] + round + chroma[i]);
        to[2 * i + 1] = clip(factor * luma[2 * i + 1] + round + chroma[i]);
    }
    if (n % 2)
        to[n - 1] = clip(factor * luma[n - 1] + round + chroma[n / 2]);
}

static void convert_row(struct cpu_convert *cv, const struct frame *f, const struct convert_coefs *k, int y)
{
    const int n = f->width;
    const int32_t round = (1 << (CONVERT_BITS - 1)) - k->y * k->y_offset;
    uint8_t *const r = cv->row[0], *const g = cv->row[1], *const b = cv->row[2];

    if (f->matrix == FRAME_RGB && f->n_planes == 3) {
        for (int x = 0; x < n; x++) {
            g[x] = clip(k->y * sample(f, 0, x, y) + round);
            b[x] = clip(k->y * sample(f, 1, x, y) + round);
            r[x] = clip(k->y * sample(f, 2, x, y) + round);
        }
        return;
    }
    if (f->n_planes == 1) {
        for (int x = 0; x < n; x++)
            r[x] = g[x] = b[x] = clip(k->y * sample(f, 0, x, y) + round);
        return;
    }
    if (cv->row_cached < 0 || cv->row_cached >> f->chroma_h_log2 != y >> f->chroma_h_log2)
        read_chroma_row(cv, f, k, y);

    for (int c = 0; c < 3; c++)
        if (f->depth == 8 && f->chroma_w_log2 == 1)
            mix_8_halved(cv->row[c], (const uint8_t *)f->plane[0] + y * f->stride[0], cv->chroma[c], k->y, round, n);
        else
            for (int x = 0; x < n; x++)
                cv->row[c][x] = clip(k->y * sample(f, 0, x, y) + round + cv->chroma[c][x >> f->chroma_w_log2]);
}

static void use_row(struct cpu_convert *cv, const struct frame *f, const struct convert_coefs *k, int y)
{
    if (cv->row_cached == y)
        return;
    convert_row(cv, f, k, y);
    cv->row_cached = y;
}

void cpu_add_linear_plain(const struct transfer *transfer, const uint8_t *row, uint32_t weight, int n, uint32_t *column)
{
    for (int x = 0; x < n; x++)
        column[x] += weight * transfer->linear[row[x]];
}

/* sum[j]: the weighted sum of a result cell's part of the column sums. */
static void add_spans(const struct cpu_span *span, const uint32_t *restrict column, uint32_t w, int64_t *restrict sum)
{
    for (uint32_t j = 0; j < w; j++) {
        const struct cpu_span s = span[j];
        uint64_t inner = 0;

        for (uint32_t i = s.first + 1; i < s.last; i++)
            inner += column[i];
        sum[j] = (int64_t)((uint64_t)s.first_weight * column[s.first] + (uint64_t)s.last_weight * column[s.last] +
                           w * inner);
    }
}

/* In place. */
CPU_CLONES static void divide_sums(int64_t *sum, uint32_t n, uint64_t total, double inverse)
{
    for (uint32_t j = 0; j < n; j++)
        sum[j] = convert_quotient((uint64_t)sum[j], total, inverse);
}

static void emit_row(const struct cpu_convert *cv, uint32_t width, uint32_t height, uint8_t *rgb)
{
    const uint32_t w = (uint32_t)cv->picture.width;
    const uint64_t total = (uint64_t)width * height;

    for (uint32_t c = 0; c < 3; c++) {
        add_spans(cv->span, cv->column[c], w, cv->sum);
        divide_sums(cv->sum, w, total, convert_inverse(total));
        for (uint32_t j = 0; j < w; j++)
            rgb[3 * j + c] = transfer_encode(&cv->transfer, (uint32_t)cv->sum[j]);
    }
}

/* --- films of more light or colour than sRGB ---------------------------------------------------------------------- */

/* The codes of a source row. */
static void code_row(struct cpu_convert *cv, const struct frame *f, const struct convert_coefs *k, int y)
{
    static const int channel_of_plane[] = {1, 2, 0}; /* G, B, R */
    const int32_t round = (1 << (CONVERT_CODE_BITS - 1)) - k->y * k->y_offset;
    const bool is_rgb = f->matrix == FRAME_RGB && f->n_planes == 3;

    if (cv->row_cached == y)
        return;
    if (!is_rgb && f->n_planes > 1 &&
        (cv->row_cached < 0 || cv->row_cached >> f->chroma_h_log2 != y >> f->chroma_h_log2))
        read_chroma_row(cv, f, k, y);
    cv->row_cached = y;
    for (int p = 0; p < 3; p++) {
        const int c = channel_of_plane[p];
        for (int x = 0; x < f->width; x++) {
            const int32_t chroma = is_rgb || f->n_planes == 1 ? 0 : cv->chroma[c][x >> f->chroma_w_log2];
            cv->code[c][x] = (uint16_t)convert_code(k->y * sample(f, is_rgb ? p : 0, x, y) + round + chroma);
        }
    }
}

static void add_light(const struct tone *tone, const uint16_t *restrict code, uint32_t weight, int n,
                      uint64_t *restrict light)
{
    for (int x = 0; x < n; x++)
        light[x] += (uint64_t)weight * tone->light[code[x]];
}

/* The mean light of a result cell, of its part of the column sums. */
static uint32_t span_light(const struct cpu_span *s, const uint64_t *light, uint32_t w, uint64_t total)
{
    uint64_t inner = 0;

    for (uint32_t i = s->first + 1; i < s->last; i++)
        inner += light[i];
    return convert_light_quotient(s->first_weight * light[s->first] + s->last_weight * light[s->last] + w * inner,
                                  total);
}

static void tone_row(struct cpu_convert *cv, const struct frame *f, const struct convert_coefs *k, uint32_t j,
                     uint8_t *rgb)
{
    const uint32_t w = (uint32_t)cv->picture.width, h = (uint32_t)cv->picture.height, height = (uint32_t)f->height;

    for (int c = 0; c < 3; c++)
        memset(cv->light[c], 0, (size_t)f->width * sizeof *cv->light[c]);
    for (uint32_t i = area_first(j, height, h); i < area_last(j, height, h); i++) {
        code_row(cv, f, k, (int)i);
        for (int c = 0; c < 3; c++)
            add_light(cv->tone, cv->code[c], area_weight(i, j, height, h), f->width, cv->light[c]);
    }
    for (int c = 0; c < 3; c++)
        for (uint32_t x = 0; x < w; x++)
            cv->result[c][x] = span_light(&cv->span[x], cv->light[c], w, (uint64_t)f->width * height);
    for (uint32_t x = 0; x < w; x++) {
        const uint32_t light[3] = {cv->result[0][x], cv->result[1][x], cv->result[2][x]};
        tone_map(cv->tone, light, rgb + (size_t)3 * x);
    }
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

enum status cpu_convert_frame(struct cpu_convert *cv, const struct frame *f, uint8_t *rgb)
{
    const struct convert_coefs k = cv->tone ? convert_code_coefs_of(f) : convert_coefs_of(f);
    const uint32_t width = (uint32_t)f->width, height = (uint32_t)f->height;
    const uint32_t w = (uint32_t)cv->picture.width, h = (uint32_t)cv->picture.height;

    if (f->on_device)
        return FAIL(ST_BUG, "convert: the cpu backend was given a frame in GPU memory");
    TRY(reserve_rows(cv, f->width));
    cv->row_cached = -1;
    if (cv->span_width != f->width)
        make_spans(cv, width);

    for (uint32_t j = 0; j < h; j++) {
        uint8_t *out = rgb + (size_t)3 * w * j;

        if (cv->tone) {
            tone_row(cv, f, &k, j, out);
            continue;
        }
        if (w == width && h == height) { /* the average of one pixel is the pixel */
            use_row(cv, f, &k, (int)j);
            for (uint32_t x = 0; x < w; x++)
                for (int c = 0; c < 3; c++)
                    out[3 * x + (uint32_t)c] = cv->row[c][x];
            continue;
        }
        for (int c = 0; c < 3; c++)
            memset(cv->column[c], 0, width * sizeof *cv->column[c]);
        for (uint32_t i = area_first(j, height, h); i < area_last(j, height, h); i++) {
            use_row(cv, f, &k, (int)i);
            for (int c = 0; c < 3; c++)
                cv->add_linear(&cv->transfer, cv->row[c], area_weight(i, j, height, h), f->width, cv->column[c]);
        }
        emit_row(cv, width, height, out);
    }
    return ST_OK;
}

void cpu_measure_light(const struct cpu_convert *cv, const uint8_t *rgb, struct frame_light *light, uint8_t *lines)
{
    const struct picture_settings *p = &cv->picture;
    const uint16_t *linear = cv->transfer.linear;

    memset(light, 0, sizeof *light);
    for (size_t i = 0; i < (size_t)p->width * (size_t)p->height; i++)
        for (int c = 0; c < 3; c++)
            light->sum[c] += linear[rgb[3 * i + (size_t)c]];

    if (!p->want_lines || !lines)
        return;
    const size_t n_lines = (size_t)(p->lines_are_columns ? p->width : p->height);
    const size_t length = (size_t)(p->lines_are_columns ? p->height : p->width);
    const size_t line_step = p->lines_are_columns ? 3 : 3 * (size_t)p->width;
    const size_t pixel_step = p->lines_are_columns ? 3 * (size_t)p->width : 3;
    for (size_t j = 0; j < n_lines; j++)
        for (size_t c = 0; c < 3; c++) {
            uint64_t sum = 0;
            for (size_t i = 0; i < length; i++)
                sum += linear[rgb[j * line_step + i * pixel_step + c]];
            lines[3 * j + c] = transfer_encode(&cv->transfer, (uint32_t)((2 * sum + length) / (2 * length)));
        }
}
