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
    light_init(&cv->light, picture->legacy);
    cv->span = mem_array((size_t)picture->width, sizeof *cv->span);
    return cv->span ? ST_OK : ST_NOMEM;
}

static void release_rows(struct cpu_convert *cv)
{
    for (int c = 0; c < 3; c++) {
        free(cv->chroma[c]);
        free(cv->row[c]);
        free(cv->linear[c]);
        free(cv->column[c]);
        cv->chroma[c] = NULL;
        cv->row[c] = NULL;
        cv->linear[c] = NULL;
        cv->column[c] = NULL;
    }
    free(cv->luma);
    free(cv->before);
    cv->luma = NULL;
    cv->before = NULL;
    cv->max_width = 0;
}

void cpu_convert_release(struct cpu_convert *cv)
{
    release_rows(cv);
    free(cv->span);
    cv->span = NULL;
}

static void make_spans(struct cpu_convert *cv, uint32_t width)
{
    const uint32_t w = (uint32_t)cv->picture.width;

    for (uint32_t j = 0; j < w; j++) {
        const uint32_t first = area_first(j, width, w), last = area_last(j, width, w) - 1;
        const uint32_t first_weight = area_weight(first, j, width, w);
        cv->span[j] = first == last ? (struct cpu_span){first, last, first_weight + w, 0}
                                    : (struct cpu_span){first, last, first_weight, area_weight(last, j, width, w)};
    }
    cv->span_width = (int)width;
}

/* A film may change its size on the way. */
static enum status reserve_rows(struct cpu_convert *cv, int width)
{
    const size_t n = (size_t)width + 16; /* chroma is written in whole groups */

    if (width <= cv->max_width)
        return ST_OK;
    release_rows(cv);
    for (int c = 0; c < 3; c++) {
        cv->chroma[c] = mem_array(n, sizeof *cv->chroma[c]);
        cv->row[c] = mem_array(n, sizeof *cv->row[c]);
        cv->linear[c] = mem_array(n, sizeof *cv->linear[c]);
        cv->column[c] = mem_array(n, sizeof *cv->column[c]);
        if (!cv->chroma[c] || !cv->row[c] || !cv->linear[c] || !cv->column[c])
            return ST_NOMEM;
    }
    cv->luma = mem_array(n, sizeof *cv->luma);
    cv->before = mem_array(n, sizeof *cv->before);
    if (!cv->luma || !cv->before)
        return ST_NOMEM;
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

static void read_chroma_row(struct cpu_convert *cv, const struct frame *f, const struct convert_coefs *k, int y)
{
    const int cy = y >> f->chroma_h_log2, per = 1 << f->chroma_w_log2;
    const bool interleaved = f->n_planes == 2;
    int32_t *const r = cv->chroma[0], *const g = cv->chroma[1], *const b = cv->chroma[2];

    for (int x = 0, cx = 0; x < f->width; cx++) {
        const int32_t u = (interleaved ? sample(f, 1, 2 * cx, cy) : sample(f, 1, cx, cy)) - k->c_offset;
        const int32_t v = (interleaved ? sample(f, 1, 2 * cx + 1, cy) : sample(f, 2, cx, cy)) - k->c_offset;
        const int32_t to_r = k->rv * v, to_g = -k->gu * u - k->gv * v, to_b = k->bu * u;
        for (const int end = x + per; x < end && x < f->width; x++) {
            r[x] = to_r;
            g[x] = to_g;
            b[x] = to_b;
        }
    }
}

static inline uint8_t clip(int32_t v)
{
    return (uint8_t)convert_clip(v);
}

CPU_CLONES static void add_chroma(uint8_t *restrict to, const int32_t *restrict luma, const int32_t *restrict chroma,
                                  int n)
{
    for (int x = 0; x < n; x++)
        to[x] = clip(luma[x] + chroma[x]);
}

CPU_CLONES static void weigh_luma_8(int32_t *restrict to, const uint8_t *restrict from, int32_t factor, int32_t round,
                                    int n)
{
    for (int x = 0; x < n; x++)
        to[x] = factor * from[x] + round;
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

    if (f->depth == 8)
        weigh_luma_8(cv->luma, (const uint8_t *)f->plane[0] + y * f->stride[0], k->y, round, n);
    else
        for (int x = 0; x < n; x++)
            cv->luma[x] = k->y * sample(f, 0, x, y) + round;
    for (int c = 0; c < 3; c++)
        add_chroma(cv->row[c], cv->luma, cv->chroma[c], n);
}

static void use_row(struct cpu_convert *cv, const struct frame *f, const struct convert_coefs *k, int y, bool linear)
{
    if (cv->row_cached == y)
        return;
    convert_row(cv, f, k, y);
    cv->row_cached = y;
    for (int c = 0; c < 3 && linear; c++)
        for (int x = 0; x < f->width; x++)
            cv->linear[c][x] = cv->light.linear[cv->row[c][x]];
}

CPU_CLONES static void add_row(uint32_t *restrict column, const uint16_t *restrict linear, uint32_t weight, int n)
{
    for (int x = 0; x < n; x++)
        column[x] += weight * linear[x];
}

CPU_CLONES static void emit_row(const struct cpu_convert *cv, uint32_t width, uint32_t height, uint8_t *rgb)
{
    const uint32_t w = (uint32_t)cv->picture.width;
    const uint64_t total = (uint64_t)width * height;
    const double inverse = convert_inverse(total);
    uint64_t *const before = cv->before;

    for (uint32_t c = 0; c < 3; c++) {
        const uint32_t *const column = cv->column[c];

        for (uint32_t i = 0; i < width; i++)
            before[i + 1] = before[i] + column[i];
        for (uint32_t j = 0; j < w; j++) {
            const struct cpu_span s = cv->span[j];
            const uint64_t sum = (uint64_t)s.first_weight * column[s.first] + (uint64_t)s.last_weight * column[s.last] +
                                 w * (before[s.last] - before[s.first + 1]);
            rgb[3 * j + c] = light_encode(&cv->light, convert_quotient(sum, total, inverse));
        }
    }
}

enum status cpu_convert_frame(struct cpu_convert *cv, const struct frame *f, uint8_t *rgb)
{
    const struct convert_coefs k = convert_coefs_of(f);
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

        if (w == width && h == height) { /* the average of one pixel is the pixel */
            use_row(cv, f, &k, (int)j, false);
            for (uint32_t x = 0; x < w; x++)
                for (int c = 0; c < 3; c++)
                    out[3 * x + (uint32_t)c] = cv->row[c][x];
            continue;
        }
        for (int c = 0; c < 3; c++)
            memset(cv->column[c], 0, width * sizeof *cv->column[c]);
        for (uint32_t i = area_first(j, height, h); i < area_last(j, height, h); i++) {
            use_row(cv, f, &k, (int)i, true);
            for (int c = 0; c < 3; c++)
                add_row(cv->column[c], cv->linear[c], area_weight(i, j, height, h), f->width);
        }
        emit_row(cv, width, height, out);
    }
    return ST_OK;
}

void cpu_measure_light(const struct cpu_convert *cv, const uint8_t *rgb, struct frame_light *light, uint8_t *lines)
{
    const struct picture_settings *p = &cv->picture;
    const uint16_t *linear = cv->light.linear;

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
            lines[3 * j + c] = light_encode(&cv->light, (uint32_t)((2 * sum + length) / (2 * length)));
        }
}
