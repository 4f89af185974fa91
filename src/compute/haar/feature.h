/* feature: a Haar-like feature, its value on an image, and the bin that the value falls into. Viola, Jones: Rapid
 * Object Detection using a Boosted Cascade of Simple Features (CVPR 2001). The header is the implementation, shared
 * with the CUDA kernels; all of it is exact: integers, and single IEEE operations of float.
 *
 * An integral image is i32 [height + 1, width + 1] a channel: entry (y, x) is the sum of the pixels above and to the
 * left, so row 0 and column 0 are zero. A feature's value is a weighted sum of at most 9 entries (its corners). The
 * weights are whole numbers that balance white against black: on a constant image every value but BOX's is 0. */
#ifndef JACQUARD_COMPUTE_HAAR_FEATURE_H
#define JACQUARD_COMPUTE_HAAR_FEATURE_H

#include "base/host_device.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

enum { HAAR_MAX_SIDE = 64, HAAR_MAX_CHANNELS = 5, HAAR_MAX_CLASSES = 64, HAAR_MAX_CORNERS = 9, HAAR_BINS = 256 };

enum haar_type {
    HAAR_EDGE_H, /* white above black: rows [y, y + b) against [y + b, y + h) */
    HAAR_EDGE_V, /* white left of black: columns [x, x + a) against [x + a, x + w) */
    HAAR_LINE_H, /* black between white: rows [y + a, y + b) against the others */
    HAAR_LINE_V, /* columns [x + a, x + b) against the others */
    HAAR_QUAD,   /* white top left and bottom right, split at column x + a and row y + b */
    HAAR_BOX,    /* the plain sum of the rectangle */
    HAAR_N_TYPES
};

/* In pixels; 0 <= x, x + w <= width, 0 <= y, y + h <= height. a and b are the splits that the type has, else 0. */
struct haar_feature {
    uint8_t type, channel;
    uint8_t x, y, w, h;
    uint8_t a, b;
};

struct haar_corners {
    int32_t n;
    int32_t offset[HAAR_MAX_CORNERS]; /* into the channels' integral images, one after the other */
    int32_t factor[HAAR_MAX_CORNERS];
    int32_t most;     /* |value| is at most this; at least 1 */
    bool is_positive; /* BOX: no value is negative */
};

HOST_DEVICE int32_t haar_gcd(int32_t a, int32_t b)
{
    while (b != 0) {
        const int32_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* The feature as corners, for images of width x height. */
HOST_DEVICE struct haar_corners haar_corners_of(struct haar_feature f, int32_t width, int32_t height)
{
    const int32_t row = width + 1;
    const int32_t base = f.channel * row * (height + 1) + f.y * row + f.x;
    struct haar_corners c;
    int32_t white, black; /* areas */

    for (int i = 0; i < HAAR_MAX_CORNERS; i++) {
        c.offset[i] = base;
        c.factor[i] = 0;
    }
    /* EDGE and LINE: black from `from` to `to` along one side of the rectangle. */
    const bool is_h = f.type == HAAR_EDGE_H || f.type == HAAR_LINE_H;
    const bool is_line = f.type == HAAR_LINE_H || f.type == HAAR_LINE_V;
    const bool has_stripes = is_h || is_line || f.type == HAAR_EDGE_V;
    const int32_t side = is_h ? f.h : f.w, across = is_h ? f.w : f.h;
    const int32_t from = f.type == HAAR_EDGE_H ? f.b : f.a, to = is_line ? f.b : side;

    c.is_positive = f.type == HAAR_BOX;
    if (has_stripes) {
        black = (to - from) * across;
        white = f.w * f.h - black;
    } else if (f.type == HAAR_QUAD) {
        white = f.a * f.b + (f.w - f.a) * (f.h - f.b);
        black = f.w * f.h - white;
    } else {
        white = f.w * f.h;
        black = 0;
    }
    const int32_t divisor = haar_gcd(white, black);
    const int32_t p = black > 0 ? black / divisor : 1; /* what a white pixel counts */
    const int32_t m = black > 0 ? white / divisor : 0; /* what a black pixel counts, negative */
    const int32_t s = p + m;
    c.most = 255 * white * p;

    if (has_stripes) {
        /* +p at the first edge, -s at the change to black, +s at the change back or, without one, +m at the end */
        const int32_t along = is_h ? row : 1, end = is_h ? f.w : f.h * row;
        const int32_t cut[4] = {0, from, to, side}, factor[4] = {-p, s, is_line ? -s : -m, p};
        c.n = is_line ? 8 : 6;
        for (int i = 0; i < c.n / 2; i++) {
            c.offset[2 * i] = base + cut[i] * along;
            c.factor[2 * i] = -factor[i];
            c.offset[2 * i + 1] = base + cut[i] * along + end;
            c.factor[2 * i + 1] = factor[i];
        }
    } else if (f.type == HAAR_QUAD) {
        const int32_t dx[3] = {0, f.a, f.w}, dy[3] = {0, f.b, f.h};
        const int32_t factor[9] = {p, -s, m, -s, 2 * s, -s, m, -s, p};
        c.n = 9;
        for (int i = 0; i < 9; i++) {
            c.offset[i] = base + dy[i / 3] * row + dx[i % 3];
            c.factor[i] = factor[i];
        }
    } else {
        c.n = 4;
        for (int i = 0; i < 4; i++) {
            c.offset[i] = base + (i / 2) * f.h * row + (i % 2) * f.w;
            c.factor[i] = i == 0 || i == 3 ? 1 : -1;
        }
    }
    return c;
}

/* The value on one image. stride is the distance between an image's entries: 1, or the number of images where entry e
 * of all images comes before entry e + 1. Wraps in between, never in the end. */
HOST_DEVICE int32_t haar_value(const struct haar_corners *c, const int32_t *integral, int64_t stride)
{
    uint32_t sum = 0;

    for (int i = 0; i < c->n; i++)
        sum += (uint32_t)c->factor[i] * (uint32_t)integral[c->offset[i] * stride];
    return (int32_t)sum;
}

/* --- bins ---------------------------------------------------------------------------------------------------------
 * 256 bins a feature, a function of the feature alone, so that shards need not agree on quantiles: the square root of
 * the value's share of its bound, which is fine near 0, where most values are, and coarse far out. */

struct haar_binning {
    float scale; /* 1 / most */
    float span;
    int32_t zero; /* bin of value 0 */
};

HOST_DEVICE struct haar_binning haar_binning_of(const struct haar_corners *c)
{
    struct haar_binning b;

    b.scale = 1.0f / (float)c->most;
    b.span = c->is_positive ? 255.99f : 127.99f;
    b.zero = c->is_positive ? 0 : 128;
    return b;
}

/* 0..255, monotonic in the value. Every operation rounds on its own: no fused multiply-add (-ffp-contract=off). */
HOST_DEVICE int32_t haar_bin(struct haar_binning b, int32_t value)
{
#ifdef __CUDA_ARCH__
    const float share = __fmul_rn(__int2float_rn(value < 0 ? -value : value), b.scale);
    const int32_t step = (int32_t)__fmul_rn(__fsqrt_rn(share), b.span);
#else
    const float share = (float)(value < 0 ? -value : value) * b.scale;
    const int32_t step = (int32_t)(sqrtf(share) * b.span);
#endif
    return b.zero + (value < 0 ? -step : step);
}

/* The lowest value of the bin or a higher one: value >= cut is the same as bin(value) >= bin. For 1 <= bin <= 255 and,
 * where no value falls that high, most + 1. */
HOST_DEVICE int32_t haar_cut_of(const struct haar_corners *c, int32_t bin)
{
    const struct haar_binning b = haar_binning_of(c);
    int32_t low = c->is_positive ? 0 : -c->most, high = c->most + 1; /* the cut is in [low, high] */

    while (low < high) {
        const int32_t middle = (int32_t)(((int64_t)low + high - 1 - (((int64_t)low + high - 1) & 1)) / 2);
        if (haar_bin(b, middle) >= bin)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

#endif
