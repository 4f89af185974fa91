/* haar_plain: features the plain way, for tests to compare with: random ones of every shape, and values pixel by pixel.
 * No integral image, no corners. */
#ifndef JACQUARD_TESTS_UNIT_HAAR_PLAIN_H
#define JACQUARD_TESTS_UNIT_HAAR_PLAIN_H

#include "base/rng.h"
#include "compute/haar/feature.h"

struct plain_random {
    uint64_t key;
    uint32_t n_drawn;
};

static inline uint32_t plain_word(struct plain_random *random)
{
    return rng_philox(random->key, random->n_drawn++, 0, 0, 0).word[0];
}

/* low..high */
static inline int plain_int(struct plain_random *random, int low, int high)
{
    return low + (int)((uint64_t)plain_word(random) * (uint64_t)(high - low + 1) >> 32);
}

/* A feature that fits the image, splits wherever they may be; a box where the image is too small for the type drawn. */
static inline struct haar_feature plain_feature(struct plain_random *random, int width, int height, int n_channels)
{
    struct haar_feature f = {.type = (uint8_t)plain_int(random, 0, HAAR_N_TYPES - 1)};
    const int least_w = f.type == HAAR_LINE_V ? 3 : f.type == HAAR_EDGE_V || f.type == HAAR_QUAD ? 2 : 1;
    const int least_h = f.type == HAAR_LINE_H ? 3 : f.type == HAAR_EDGE_H || f.type == HAAR_QUAD ? 2 : 1;

    f.channel = (uint8_t)plain_int(random, 0, n_channels - 1);
    if (width < least_w || height < least_h)
        f.type = HAAR_BOX;
    f.w = (uint8_t)plain_int(random, f.type == HAAR_BOX ? 1 : least_w, width);
    f.h = (uint8_t)plain_int(random, f.type == HAAR_BOX ? 1 : least_h, height);
    f.x = (uint8_t)plain_int(random, 0, width - f.w);
    f.y = (uint8_t)plain_int(random, 0, height - f.h);
    if (f.type == HAAR_EDGE_V || f.type == HAAR_QUAD)
        f.a = (uint8_t)plain_int(random, 1, f.w - 1);
    if (f.type == HAAR_EDGE_H || f.type == HAAR_QUAD)
        f.b = (uint8_t)plain_int(random, 1, f.h - 1);
    if (f.type == HAAR_LINE_H || f.type == HAAR_LINE_V) {
        const int side = f.type == HAAR_LINE_H ? f.h : f.w;
        f.a = (uint8_t)plain_int(random, 1, side - 2);
        f.b = (uint8_t)plain_int(random, f.a + 1, side - 1);
    }
    return f;
}

/* Is pixel (u, v) of the rectangle white? Else it is black. */
static inline bool plain_is_white(struct haar_feature f, int u, int v)
{
    switch (f.type) {
    case HAAR_EDGE_H:
        return v < f.b;
    case HAAR_EDGE_V:
        return u < f.a;
    case HAAR_LINE_H:
        return v < f.a || v >= f.b;
    case HAAR_LINE_V:
        return u < f.a || u >= f.b;
    case HAAR_QUAD:
        return (u < f.a) == (v < f.b);
    default:
        return true;
    }
}

/* White pixels count black's area, black ones minus white's, both without their common factor. pixels: u8 [n_channels,
 * height, width]. */
static inline int64_t plain_value(struct haar_feature f, const uint8_t *pixels, int width, int height)
{
    int64_t sum[2] = {0, 0}, area[2] = {0, 0};

    for (int v = 0; v < f.h; v++)
        for (int u = 0; u < f.w; u++) {
            const bool is_white = plain_is_white(f, u, v);
            sum[is_white] += pixels[(f.channel * height + f.y + v) * width + f.x + u];
            area[is_white]++;
        }
    if (area[0] == 0)
        return sum[1];
    int64_t divisor = area[0] < area[1] ? area[0] : area[1];
    while (area[0] % divisor != 0 || area[1] % divisor != 0)
        divisor--;
    return (area[0] * sum[1] - area[1] * sum[0]) / divisor;
}

#endif
