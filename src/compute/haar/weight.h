/* weight: the boosting weights in fixed point. A score is a whole number of 1/65536 octaves (F = log2 of the odds / 2);
 * the weight of (image, class) is 2^(scale - y F), y = +1 for the image's label and -1 for other classes. So the scores
 * hold all there is to know, a weight is a pure function of a score, and sums of weights are exact in any order. */
#ifndef JACQUARD_COMPUTE_HAAR_WEIGHT_H
#define JACQUARD_COMPUTE_HAAR_WEIGHT_H

#include <math.h>
#include <stdint.h>

#include "compute/haar/feature.h"

enum {
    HAAR_MOST_SCORE = 1 << 30, /* 16384 octaves */
    HAAR_OCTAVE = 65536,
    HAAR_FINE_BITS = 46,  /* fine weights add up to about 2^46 over all images and classes: for what leaves vote */
    HAAR_COARSE_BITS = 30 /* coarse ones to 2^30: for the search */
};

/* Mantissas: high[i] = 2^31 * 2^(i / 256), low[i] = 2^31 * 2^(i / 65536), rounded. */
struct haar_powers {
    uint32_t high[256], low[256];
};

static inline void haar_powers_init(struct haar_powers *p)
{
    for (int i = 0; i < 256; i++) {
        p->high[i] = (uint32_t)(exp2(31.0 + i / 256.0) + 0.5);
        p->low[i] = (uint32_t)(exp2(31.0 + i / 65536.0) + 0.5);
    }
}

/* The fine weight 2^(46 + exponent / 65536), rounded down; 0 where it is below 1, 2^62 at most. */
HOST_DEVICE int64_t haar_power(const struct haar_powers *p, int64_t exponent)
{
    if (exponent >= 16 * HAAR_OCTAVE)
        return (int64_t)1 << 62;
    if (exponent < -(int64_t)(HAAR_FINE_BITS + 1) * HAAR_OCTAVE)
        return 0;
    const int32_t e = (int32_t)exponent;
    const int32_t octave = e >> 16;                                               /* rounds down: arithmetic shift */
    const uint64_t product = (uint64_t)p->high[(e >> 8) & 255] * p->low[e & 255]; /* [2^62, 2^63 + ...) */
    const uint64_t mantissa = product >> 31;                                      /* 2^31 * 2^fraction */
    const int32_t shift = octave + HAAR_FINE_BITS - 31;
    return (int64_t)(shift >= 0 ? mantissa << shift : mantissa >> -shift);
}

/* The coarse weight of a fine one: rounded to the nearest, halves up; fits an int32_t for sums up to 2^47. */
HOST_DEVICE int32_t haar_coarse(int64_t fine)
{
    return (int32_t)((fine + ((int64_t)1 << (HAAR_FINE_BITS - HAAR_COARSE_BITS - 1))) >>
                     (HAAR_FINE_BITS - HAAR_COARSE_BITS));
}

/* A score and a vote (at most HAAR_MOST_SCORE and half of that away from 0): their sum, held at +-HAAR_MOST_SCORE. */
HOST_DEVICE int32_t haar_add_vote(int32_t score, int32_t vote)
{
    const int32_t sum = score + vote;

    return sum > HAAR_MOST_SCORE ? HAAR_MOST_SCORE : sum < -HAAR_MOST_SCORE ? -HAAR_MOST_SCORE : sum;
}

/* log2(x) in 1/65536 octaves, rounded down; 0 for 0, as for 1. By repeated squaring: the same on every machine. */
HOST_DEVICE int32_t haar_log2(uint64_t x)
{
    int32_t octave = 63;

    if (x == 0)
        return 0;
    while (!(x >> 63)) {
        x <<= 1;
        octave--;
    }
    uint64_t m = x >> 32; /* [2^31, 2^32) is [1, 2) */
    int32_t log = octave;
    for (int bit = 0; bit < 16; bit++) {
        m = m * m >> 31; /* [2^31, 2^33) is [1, 4) */
        log = log << 1 | (int32_t)(m >> 32);
        if (m >> 32)
            m >>= 1;
    }
    return log;
}

/* Where an image stands among the others, for trimming: 16 steps an octave of its fine weights' sum; 0..1023. */
enum { HAAR_SPREAD = 1024 };

HOST_DEVICE int32_t haar_spread_step(int64_t fine_sum)
{
    return fine_sum > 0 ? haar_log2((uint64_t)fine_sum) >> 12 : 0;
}

#endif
