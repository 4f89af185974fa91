/* render: from columns to strips, in integers, so that a strip is the same bytes everywhere. Assumes clusters as the
 * compute step leaves them: 1..COMPUTE_MAX_K, none empty, largest first. */
#include "barcode/render.h"

#include "barcode/flow.h"
#include "base/mem.h"
#include "image/area.h"
#include "image/colour.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_COLUMNS = 0x7fffffff };

const char *const strip_names[N_STRIPS] = {"kmeans", "average", "prominent", "squeezed", "least", "equal"};
const char *const order_names[N_ORDERS] = {"share", "lightness", "hue", "flow"};

void apportion(const uint32_t *count, int n, uint32_t height, uint32_t *rows)
{
    uint64_t remainder[COMPUTE_MAX_K], total = 0;
    uint32_t left = height;

    for (int i = 0; i < n; i++)
        total += count[i];
    for (int i = 0; i < n; i++) {
        const uint64_t quota = (uint64_t)count[i] * height; /* in units of 1 / total */
        rows[i] = (uint32_t)(quota / total);
        remainder[i] = quota % total;
        left -= rows[i];
    }
    for (; left > 0; left--) { /* fewer left than there are remainders above 0: none is chosen twice */
        int best = 0;
        for (int i = 1; i < n; i++)
            if (remainder[i] > remainder[best])
                best = i;
        rows[best]++;
        remainder[best] = 0;
    }
}

/* < 0 where a belongs above b. */
static int compare(const struct frame_clusters *clusters, const struct transfer *transfer, enum order order, int a,
                   int b)
{
    if (order == ORDER_LIGHTNESS) {
        const uint64_t la = colour_luminance(transfer, clusters->centre[a]);
        const uint64_t lb = colour_luminance(transfer, clusters->centre[b]);
        if (la != lb)
            return la > lb ? -1 : 1;
    }
    if (order == ORDER_HUE) {
        const struct colour_hue ha = colour_hue_of(clusters->centre[a]), hb = colour_hue_of(clusters->centre[b]);
        if ((ha.chroma == 0) != (hb.chroma == 0))
            return ha.chroma == 0 ? 1 : -1;
        const int64_t difference = ha.along * hb.chroma - hb.along * ha.chroma;
        if (difference != 0)
            return difference < 0 ? -1 : 1;
    }
    if (clusters->count[a] != clusters->count[b])
        return clusters->count[a] > clusters->count[b] ? -1 : 1;
    return a - b;
}

static void sort_clusters(const struct frame_clusters *clusters, const struct transfer *transfer, enum order order,
                          int *index)
{
    for (int i = 0; i < clusters->n; i++) {
        int at = i;
        for (; at > 0 && compare(clusters, transfer, order, i, index[at - 1]) < 0; at--)
            index[at] = index[at - 1];
        index[at] = i;
    }
}

void stack_order(const struct frame_clusters *clusters, enum order order, int *index)
{
    struct transfer transfer;

    transfer_init(&transfer, false);
    sort_clusters(clusters, &transfer, order, index);
}

/* One column of the picture: pixel y is at[y * stride]. */
struct band {
    uint8_t *at;
    size_t stride;
    uint32_t height;
};

/* Fills rows [from, from + n) with a colour in 1/256 levels. */
static void fill(const struct band *band, uint32_t from, uint32_t n, uint32_t r, uint32_t g, uint32_t b)
{
    const uint8_t rgb[3] = {(uint8_t)((r + 128) >> 8), (uint8_t)((g + 128) >> 8), (uint8_t)((b + 128) >> 8)};

    for (uint32_t y = from; y < from + n; y++)
        memcpy(band->at + y * band->stride, rgb, 3);
}

static void fill_cluster(const struct band *band, uint32_t from, uint32_t n, const struct frame_clusters *clusters,
                         int i)
{
    fill(band, from, n, clusters->centre[i][0], clusters->centre[i][1], clusters->centre[i][2]);
}

static void stack(const struct band *band, const struct frame_clusters *clusters, const int *index, bool equal)
{
    uint32_t count[COMPUTE_MAX_K], rows[COMPUTE_MAX_K], y = 0;

    for (int i = 0; i < clusters->n; i++)
        count[i] = equal ? 1 : clusters->count[index[i]];
    apportion(count, clusters->n, band->height, rows);
    for (int i = 0; i < clusters->n; i++) {
        fill_cluster(band, y, rows[i], clusters, index[i]);
        y += rows[i];
    }
}

/* Area average of the column's lines in linear light (where legacy: of the bytes). */
static void squeeze(const struct band *band, const struct transfer *transfer, const uint8_t *lines, uint32_t n_lines)
{
    for (uint32_t y = 0; y < band->height; y++) {
        const uint32_t first = area_first(y, n_lines, band->height), last = area_last(y, n_lines, band->height);
        uint64_t sum[3] = {0, 0, 0};
        for (uint32_t i = first; i < last; i++) {
            const uint64_t weight = area_weight(i, y, n_lines, band->height);
            for (int c = 0; c < 3; c++)
                sum[c] += weight * transfer->linear[lines[(size_t)i * 3 + (size_t)c]];
        }
        for (int c = 0; c < 3; c++)
            band->at[y * band->stride + (size_t)c] =
                transfer_encode(transfer, (uint32_t)((2 * sum[c] + n_lines) / (2 * (uint64_t)n_lines)));
    }
}

enum status render_check_size(int64_t n_columns, int n_lines, uint32_t height, double memory)
{
    const double n = (double)n_columns, each = (double)sizeof(struct column) + 3.0 * n_lines;
    const double bytes = n * each + n * height * 3.0;

    if (n_columns > MOST_COLUMNS)
        return FAIL(ST_UNSUPPORTED, "a picture of %lld columns is wider than a PNG can be (%d)", (long long)n_columns,
                    MOST_COLUMNS);
    if (bytes > memory)
        return FAIL(ST_UNSUPPORTED,
                    "a picture of %lld columns and %u rows takes %.1f GiB with what it is made of, and there are %.1f "
                    "GiB of memory for it: fewer columns (--every, --columns) or rows (--height) are wanted",
                    (long long)n_columns, height, bytes / 0x1p30, memory / 0x1p30);
    return ST_OK;
}

static enum status draw(const struct barcode *b, enum strip strip, enum order order, uint32_t height, uint8_t **rgb)
{
    struct transfer transfer;
    struct flow flow;
    int index[COMPUTE_MAX_K];

    *rgb = NULL;
    if (b->n_columns < 1 || height < 1)
        return FAIL(ST_USAGE, "cannot draw a strip of %lld columns and %u rows", (long long)b->n_columns, height);
    if (strip == STRIP_SQUEEZED && b->n_lines < 1)
        return FAIL(ST_USAGE, "the squeezed strip needs the average of every line, which was not kept for this "
                              "barcode; make it again with --strips squeezed");
    const size_t n = (size_t)b->n_columns;
    if (n > SIZE_MAX / 3 / height)
        return FAIL(ST_NOMEM, "out of memory: a strip of %zu columns and %u rows", n, height);
    *rgb = mem_array(n * height, 3);
    TRY_MEM(*rgb);

    transfer_init(&transfer,
                  strip == STRIP_SQUEEZED && b->legacy); /* lightness is a matter of light in legacy mode too */
    if (order == ORDER_FLOW)
        flow_init(&flow);
    for (size_t x = 0; x < n; x++) {
        const struct column *column = &b->columns[x];
        const struct frame_clusters *clusters = &column->clusters;
        const struct band band = {*rgb + 3 * x, 3 * n, height};
        switch (strip) {
        case STRIP_KMEANS:
        case STRIP_EQUAL:
            if (order == ORDER_FLOW)
                flow_next(&flow, clusters, index);
            else
                sort_clusters(clusters, &transfer, order, index);
            stack(&band, clusters, index, strip == STRIP_EQUAL);
            break;
        case STRIP_AVERAGE:
            fill(&band, 0, height, column->mean[0], column->mean[1], column->mean[2]);
            break;
        case STRIP_PROMINENT:
            fill_cluster(&band, 0, height, clusters, 0);
            break;
        case STRIP_LEAST:
            fill_cluster(&band, 0, height, clusters, clusters->n - 1);
            break;
        case STRIP_SQUEEZED:
            squeeze(&band, &transfer, column->lines, (uint32_t)b->n_lines);
            break;
        case N_STRIPS:
            free(*rgb);
            *rgb = NULL;
            return FAIL(ST_BUG, "no such strip");
        }
    }
    return ST_OK;
}

static enum status draw_picture(const struct barcode *b, enum strip strip, const struct drawing *d, struct picture *p)
{
    *p = (struct picture){.width = (uint32_t)b->n_columns, .height = d->height};
    TRY(draw(b, strip, d->order, d->height, &p->rgb));
    return layout_bend(&d->layout, b->columns, p);
}

enum status render_strip(const struct barcode *b, enum strip strip, const struct drawing *d, struct picture *p)
{
    struct barcode shaped = *b;

    *p = (struct picture){0};
    if (b->n_columns < 1 || !shape_is_needed(&d->shape, b))
        return draw_picture(b, strip, d, p);
    TRY(shape_columns(b, &d->shape, &shaped.columns, &shaped.n_columns));
    const enum status st = draw_picture(&shaped, strip, d, p);
    shape_release(&shaped.columns, shaped.n_columns);
    return st;
}
