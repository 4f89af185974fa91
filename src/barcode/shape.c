#include "barcode/shape.h"

#include "barcode/flow.h"
#include "base/mem.h"
#include "image/area.h"
#include "image/transfer.h"

#include <stdlib.h>
#include <string.h>

enum { SHARE_ONE = 1 << 16, MOST_PARTS = 2 * COMPUTE_MAX_K };

/* Weights: a column's share in 1/SHARE_ONE, times what the column weighs, at most 2^21 columns in all: below 2^38. */
struct part {
    uint64_t weight;
    uint16_t centre[3]; /* in the space, in 1/256 steps */
};

/* What becomes of several columns. */
struct mix {
    int n, most; /* parts, and how many may be left */
    struct part part[MOST_PARTS];
    uint64_t weight;  /* of the columns so far */
    uint64_t mean[3]; /* sums of light, in 1/256, by their weight */
    uint64_t *lines;  /* u64 [n_lines, 3]: likewise, of whole bytes' light */
};

struct shaper {
    const struct barcode *b;
    struct transfer transfer;
    struct space_back back;
    struct mix mix;
};

/* --- one column of several ---------------------------------------------------------------------------------------- */

/* Light, in 1/256 of its steps, of a level in 1/256. */
static uint64_t light_of(const struct transfer *t, uint32_t level)
{
    const uint32_t v = level >> 8, rest = level & 255;

    return rest == 0 ? (uint64_t)t->linear[v] << 8
                     : (uint64_t)t->linear[v] * (256 - rest) + (uint64_t)t->linear[v + 1] * rest;
}

/* What merging two parts adds to the sum of squared distances. */
static unsigned __int128 price_of(const struct part *a, const struct part *b)
{
    uint64_t squares = 0;

    for (int c = 0; c < 3; c++) {
        const int64_t d = (int64_t)a->centre[c] - b->centre[c];
        squares += (uint64_t)(d * d);
    }
    return (unsigned __int128)a->weight * b->weight / (a->weight + b->weight) * squares;
}

/* The two cheapest become one; ties: the first. */
static void merge_parts(struct mix *m)
{
    unsigned __int128 least = 0;
    int first = 0, second = 0;

    for (int i = 0; i < m->n; i++)
        for (int j = i + 1; j < m->n; j++) {
            const unsigned __int128 price = price_of(&m->part[i], &m->part[j]);
            if (second == 0 || price < least) {
                least = price;
                first = i;
                second = j;
            }
        }
    struct part *a = &m->part[first];
    const struct part *b = &m->part[second];
    const uint64_t weight = a->weight + b->weight;
    for (int c = 0; c < 3; c++)
        a->centre[c] = (uint16_t)((2 * (a->weight * a->centre[c] + b->weight * b->centre[c]) + weight) / (2 * weight));
    a->weight = weight;
    m->part[second] = m->part[--m->n];
}

static void add_column(struct shaper *s, const struct column *c, uint32_t weight)
{
    struct mix *m = &s->mix;
    uint64_t total = 0;

    for (int i = 0; i < c->clusters.n; i++)
        total += c->clusters.count[i];
    for (int i = 0; i < c->clusters.n; i++) {
        const uint64_t share = c->clusters.count[i] * (uint64_t)SHARE_ONE / total;
        struct part *p = &m->part[m->n++];
        p->weight = (share > 0 ? share : 1) * weight;
        memcpy(p->centre, s->b->space.space == SPACE_SRGB ? c->clusters.centre[i] : c->native[i], sizeof p->centre);
    }
    m->most = c->clusters.n > m->most ? c->clusters.n : m->most;
    while (m->n > m->most)
        merge_parts(m);
    m->weight += weight;
    for (int i = 0; i < 3; i++)
        m->mean[i] += weight * light_of(&s->transfer, c->mean[i]);
    for (size_t i = 0; c->lines && i < 3 * (size_t)s->b->n_lines; i++)
        m->lines[i] += weight * (uint64_t)s->transfer.linear[c->lines[i]];
}

static void begin_column(struct shaper *s)
{
    uint64_t *lines = s->mix.lines;

    memset(lines, 0, 3 * (size_t)s->b->n_lines * sizeof *lines);
    s->mix = (struct mix){.lines = lines};
}

static enum status end_column(const struct shaper *s, struct column *c)
{
    const struct mix *m = &s->mix;
    uint64_t total = 0;
    int shift = 0;

    for (int i = 0; i < m->n; i++)
        total += m->part[i].weight;
    while (total >> shift >= 1u << 30)
        shift++;
    c->clusters = (struct frame_clusters){.n = m->n};
    for (int i = 0; i < m->n; i++) {
        const uint64_t count = m->part[i].weight >> shift;
        c->clusters.count[i] = count > 0 ? (uint32_t)count : 1;
        memcpy(c->clusters.centre[i], m->part[i].centre, sizeof c->clusters.centre[i]);
    }
    clusters_arrange(&c->clusters);
    memcpy(c->native, c->clusters.centre, sizeof c->native);
    for (int i = 0; i < c->clusters.n; i++)
        space_decode(&s->back, c->native[i], c->clusters.centre[i]);
    for (int i = 0; i < 3; i++)
        c->mean[i] = transfer_encode_mean(&s->transfer, m->mean[i], 256 * m->weight);
    if (s->b->n_lines == 0)
        return ST_OK;
    c->lines = mem_array((size_t)s->b->n_lines, 3);
    TRY_MEM(c->lines);
    for (size_t i = 0; i < 3 * (size_t)s->b->n_lines; i++)
        c->lines[i] = transfer_encode(&s->transfer, (uint32_t)((2 * m->lines[i] + m->weight) / (2 * m->weight)));
    return ST_OK;
}

/* A column alone stays as it is, to the last count. */
static enum status copy_column(const struct shaper *s, const struct column *from, struct column *to)
{
    *to = *from;
    to->lines = NULL;
    if (!from->lines)
        return ST_OK;
    to->lines = mem_array((size_t)s->b->n_lines, 3);
    TRY_MEM(to->lines);
    memcpy(to->lines, from->lines, 3 * (size_t)s->b->n_lines);
    return ST_OK;
}

/* --- all columns -------------------------------------------------------------------------------------------------- */

static enum status stretch(struct shaper *s, const struct column *from, int64_t n_from, struct column *to,
                           uint32_t width)
{
    const uint32_t n = (uint32_t)n_from;

    for (uint32_t x = 0; x < width; x++) {
        const uint32_t first = area_first(x, n, width), last = area_last(x, n, width);
        const struct column *middle = &from[(uint32_t)((2 * (uint64_t)x + 1) * n / (2 * (uint64_t)width))];
        if (last - first == 1) {
            TRY(copy_column(s, &from[first], &to[x]));
            continue;
        }
        begin_column(s);
        for (uint32_t i = first; i < last; i++)
            add_column(s, &from[i], area_weight(i, x, n, width));
        to[x] = (struct column){.frame = middle->frame, .pts = middle->pts, .time = middle->time};
        TRY(end_column(s, &to[x]));
    }
    return ST_OK;
}

/* shot[i]: which shot column i is of. */
static enum status find_shots(const struct barcode *b, int64_t **shot)
{
    struct flow *flow = mem_array(1, sizeof *flow);
    int index[COMPUTE_MAX_K];
    int64_t n = 0;

    *shot = mem_array((size_t)b->n_columns, sizeof **shot);
    if (flow && *shot) {
        flow_init(flow);
        for (int64_t i = 0; i < b->n_columns; i++) {
            flow_next(flow, &b->columns[i].clusters, index);
            n += flow->is_cut;
            (*shot)[i] = n;
        }
    }
    free(flow);
    return *shot ? ST_OK : ST_NOMEM;
}

static enum status smooth(struct shaper *s, const struct shape *shape, struct column *to)
{
    const struct barcode *b = s->b;
    const double half = shape->smooth_ms / 2000.0;
    int64_t *shot = NULL, first = 0, last = 0; /* the window: first..last-1 */
    enum status st = shape->keeps_cuts ? find_shots(b, &shot) : ST_OK;

    for (int64_t x = 0; x < b->n_columns && st == ST_OK; x++) {
        const struct column *c = &b->columns[x];
        while (last < b->n_columns && b->columns[last].time <= c->time + half)
            last++;
        while (b->columns[first].time < c->time - half)
            first++;
        begin_column(s);
        for (int64_t i = first; i < last; i++)
            if (!shot || shot[i] == shot[x])
                add_column(s, &b->columns[i], 1);
        to[x] = (struct column){.frame = c->frame, .pts = c->pts, .time = c->time};
        st = end_column(s, &to[x]);
    }
    free(shot);
    return st;
}

void shape_release(struct column **columns, int64_t n)
{
    for (int64_t i = 0; *columns && i < n; i++)
        free((*columns)[i].lines);
    free(*columns);
    *columns = NULL;
}

static enum status make_columns(struct shaper *s, const struct shape *shape, struct column **columns, int64_t *n)
{
    const bool stretches = shape->width > 0 && shape->width != s->b->n_columns;
    const struct column *from = s->b->columns;
    struct column *smoothed = NULL;
    enum status st = ST_OK;

    if (shape->smooth_ms > 0) {
        from = smoothed = mem_array((size_t)s->b->n_columns, sizeof *smoothed);
        st = smoothed ? smooth(s, shape, smoothed) : ST_NOMEM;
    }
    if (st != ST_OK || !stretches) {
        *columns = smoothed;
        *n = s->b->n_columns;
        return st;
    }
    *columns = mem_array(shape->width, sizeof **columns);
    *n = shape->width;
    st = *columns ? stretch(s, from, s->b->n_columns, *columns, shape->width) : ST_NOMEM;
    shape_release(&smoothed, s->b->n_columns);
    return st;
}

enum status shape_columns(const struct barcode *b, const struct shape *shape, struct column **columns, int64_t *n)
{
    struct shaper *s = mem_array(1, sizeof *s);
    enum status st = ST_NOMEM;

    *columns = NULL;
    *n = 0;
    if (s)
        s->mix.lines = mem_array(3 * (size_t)b->n_lines, sizeof *s->mix.lines);
    if (s && s->mix.lines) {
        s->b = b;
        transfer_init(&s->transfer, b->legacy);
        space_back_init(&s->back, &b->space);
        st = make_columns(s, shape, columns, n);
    }
    if (st != ST_OK)
        shape_release(columns, *n);
    if (s)
        free(s->mix.lines);
    free(s);
    return st;
}
