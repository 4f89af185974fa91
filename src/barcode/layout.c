#include "barcode/layout.h"

#include "base/mem.h"
#include "image/transfer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SAMPLES = 3,        /* a pixel's side has so many: edges are smooth */
    UNIT = 2 * SAMPLES, /* of a pixel: samples lie at odd places */
    STEPS = 20          /* of an angle, each halves its error */
};

static enum status make_picture(uint64_t width, uint64_t height, struct picture *p)
{
    *p = (struct picture){0};
    if (width > 1u << 30 || height > 1u << 30 || width * height > 1u << 30)
        return FAIL(ST_UNSUPPORTED, "a picture of %llu x %llu pixels is too large: less --height is wanted",
                    (unsigned long long)width, (unsigned long long)height);
    p->rgb = mem_array((size_t)(width * height), 3);
    p->width = (uint32_t)width;
    p->height = (uint32_t)height;
    return p->rgb ? ST_OK : ST_NOMEM;
}

/* --- circle ------------------------------------------------------------------------------------------------------- */

/* Angles in 1/2^32 turns; Volder's CORDIC (1959). */
static void make_steps(uint32_t step[STEPS])
{
    for (int i = 0; i < STEPS; i++)
        step[i] = (uint32_t)llround(atan(ldexp(1.0, -i)) / 6.283185307179586476925 * 4294967296.0);
}

/* Clockwise from the top of (x to the right, y down). */
static uint32_t angle_of(const uint32_t step[STEPS], int64_t x, int64_t y)
{
    int64_t along = -y, across = x; /* the top is along */
    uint32_t angle = 0;

    if (along < 0) {
        along = -along;
        across = -across;
        angle = 1u << 31;
    }
    along *= 1 << 24; /* room for fractions */
    across *= 1 << 24;
    for (int i = 0; i < STEPS; i++) {
        const int64_t a = along / ((int64_t)1 << i), c = across / ((int64_t)1 << i);
        if (across > 0) {
            along += c;
            across -= a;
            angle += step[i];
        } else {
            along -= c;
            across += a;
            angle -= step[i];
        }
    }
    return angle;
}

static int64_t root_of(int64_t v)
{
    int64_t root = (int64_t)sqrt((double)v); /* off by one at most */

    root -= root * root > v;
    root += (root + 1) * (root + 1) <= v;
    return root;
}

/* The strip's pixel at a sample, whose place is in 1/UNIT pixels from the centre; NULL: beside the ring. */
static const uint8_t *pixel_at(const struct picture *strip, const uint32_t step[STEPS], int64_t x, int64_t y)
{
    const int64_t h = strip->height, inside = h * UNIT / 2, outside = inside + h * UNIT, r = root_of(x * x + y * y);

    if (r < inside || r >= outside)
        return NULL;
    const int64_t row = (outside - 1 - r) / UNIT;
    const uint32_t column = (uint32_t)((uint64_t)angle_of(step, x, y) * strip->width >> 32);
    return strip->rgb + 3 * ((size_t)row * strip->width + column);
}

static enum status bend_circle(const struct picture *strip, struct picture *p)
{
    const uint64_t side = 3 * (uint64_t)strip->height;
    struct transfer transfer;
    uint32_t step[STEPS];

    TRY(make_picture(side, side, p));
    transfer_init(&transfer, false);
    make_steps(step);
    for (uint32_t y = 0; y < side; y++)
        for (uint32_t x = 0; x < side; x++) {
            uint32_t sum[3] = {0};
            for (int s = 0; s < SAMPLES * SAMPLES; s++) {
                const int64_t at_x = (int64_t)x * UNIT + 2 * (s % SAMPLES) + 1 - (int64_t)side * UNIT / 2;
                const int64_t at_y = (int64_t)y * UNIT + 2 * (s / SAMPLES) + 1 - (int64_t)side * UNIT / 2;
                const uint8_t *rgb = pixel_at(strip, step, at_x, at_y);
                for (int c = 0; rgb && c < 3; c++)
                    sum[c] += transfer.linear[rgb[c]];
            }
            for (int c = 0; c < 3; c++)
                p->rgb[3 * ((size_t)y * side + x) + (size_t)c] =
                    transfer_encode(&transfer, (2 * sum[c] + SAMPLES * SAMPLES) / (2 * SAMPLES * SAMPLES));
        }
    return ST_OK;
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

static uint64_t row_of(const struct column *c, uint32_t row_ms)
{
    return c->time > 0.0 ? (uint64_t)(c->time * 1000.0) / row_ms : 0;
}

/* A row's columns begin at its left; a gap of a 20th of a row between rows. */
static enum status bend_rows(const struct picture *strip, const struct column *columns, uint32_t row_ms,
                             struct picture *p)
{
    const uint32_t gap = strip->height / 20;
    uint64_t widest = 0, x = 0, row = 0, last = 0;

    for (uint32_t i = 0; i < strip->width; i++) {
        const uint64_t now = row_of(&columns[i], row_ms);
        x = i > 0 && now == last ? x + 1 : 1;
        widest = x > widest ? x : widest;
        last = now;
    }
    if (last >= 1u << 30)
        return FAIL(ST_UNSUPPORTED, "a picture of %llu rows is too large", (unsigned long long)last + 1);
    TRY(make_picture(widest, (last + 1) * (strip->height + gap) - gap, p));
    x = 0;
    for (uint32_t i = 0; i < strip->width; i++) {
        const uint64_t now = row_of(&columns[i], row_ms);
        x = now == row ? x : 0;
        row = now;
        for (uint32_t y = 0; y < strip->height; y++)
            memcpy(p->rgb + 3 * ((row * (strip->height + gap) + y) * p->width + x),
                   strip->rgb + 3 * ((size_t)y * strip->width + i), 3);
        x++;
    }
    return ST_OK;
}

enum status layout_bend(const struct layout *layout, const struct column *columns, struct picture *picture)
{
    struct picture strip = *picture;
    enum status st;

    if (layout->kind == LAYOUT_STRIP)
        return ST_OK;
    st = layout->kind == LAYOUT_CIRCLE ? bend_circle(&strip, picture)
                                       : bend_rows(&strip, columns, layout->row_ms, picture);
    free(strip.rgb);
    return st;
}
