/* kmeans_rules: the k-means search in numbers, shared word for word by the CPU code and the CUDA kernels, so that both
 * take the same decisions.
 *
 * A frame's pixels are sorted by colour in Morton order (bits r7 g7 b7 r6 g6 b6 ...) and counted: the *exact level*
 * holds each distinct colour once, with its number of pixels; a sum over it is the sum over all pixels. Dropping the
 * low d bits of the Morton code merges neighbours, so every coarser level is a run-length merge of the exact one: an
 * adaptive colour histogram that keeps between cap / 2 and cap points, or all colours where there are no more than cap.
 *
 *   seed    greedy k-means++ (Arthur & Vassilvitskii 2007, with the local trials of scikit-learn) on <= SEED_POINTS
 *   search  Lloyd on <= SEARCH_POINTS with successive halving: many restarts two steps, the best two thirds two more, a
 *           third and then a sixth four more each, the best three until they stand still
 *   polish  these three on <= POLISH_POINTS
 *   final   the best one on the exact level, so counts and inertia are those of all pixels
 *
 * Centres stand still when no channel moves by more than STILL, a sixteenth of a level (plain: when none moves at all).
 * scikit-learn's default stops where the squared moves add up to less than 1e-4 of the variance, which is coarser on
 * most frames.
 *
 * Centres are 8.8 fixed point. For a pixel p and a centre c, both less 128 levels, argmin |p - c|^2 is argmin of
 * |c|^2 / 256 - 2 p.c, which needs 27 bits: times 32 plus the centre's index it fits an int32, and one min yields the
 * nearest centre with ties to the lowest index. */
#ifndef JACQUARD_COMPUTE_KMEANS_RULES_H
#define JACQUARD_COMPUTE_KMEANS_RULES_H

#include "base/host_device.h"

#include <stdint.h>

enum {
    KMEANS_RULES = 2,          /* one more with every change of results: a collection does not mix them */
    KMEANS_SEED_POINTS = 1024, /* 512 up to 8 clusters */
    KMEANS_SEARCH_POINTS = 2048,
    KMEANS_POLISH_POINTS = 8192,
    KMEANS_MAX_RESTARTS = 1024,
    KMEANS_MAX_TRIALS = 5,
    KMEANS_STAGES = 5,
    KMEANS_COLOUR_BITS = 24,
    KMEANS_STILL = 16 /* in 1/256 level */
};

/* How many restarts a stage keeps and how many Lloyd steps each of them takes there at most. */
struct kmeans_stage {
    int n, steps;
};

struct kmeans_schedule {
    struct kmeans_stage stage[KMEANS_STAGES];
    int fine_steps;                                     /* at most, of the polish and of the final run */
    int still;                                          /* the largest move of a centre's channel that is none */
    int trials;                                         /* candidates per k-means++ step: 2 + floor(ln k) */
    uint32_t seed_points, search_points, polish_points; /* UINT32_MAX: the exact level */
};

HOST_DEVICE int kmeans_default_restarts(int k, int plain)
{
    return plain ? 20 : k <= 8 ? 48 : k <= 16 ? 64 : 128;
}

HOST_DEVICE struct kmeans_schedule kmeans_schedule_of(int k, int n_init, int plain)
{
    const int sixths[KMEANS_STAGES - 1] = {6, 4, 2, 1}, steps[KMEANS_STAGES - 1] = {2, 2, 4, 4};
    const int last = KMEANS_STAGES - 1, n_last = n_init < 3 ? n_init : 3;
    struct kmeans_schedule s;

    s.trials = k < 3 ? 2 : k < 8 ? 3 : k < 21 ? 4 : 5;
    if (plain) {
        for (int i = 0; i < KMEANS_STAGES; i++) {
            s.stage[i].n = i == 0 ? n_init : 1;
            s.stage[i].steps = i == 0 ? 300 : 0;
        }
        s.fine_steps = 12;
        s.still = 0;
        s.seed_points = s.search_points = s.polish_points = UINT32_MAX;
        return s;
    }
    for (int i = 0; i < last; i++) {
        const int n = (n_init * sixths[i] + 5) / 6;
        s.stage[i].n = n > n_last ? n : n_last;
        s.stage[i].steps = steps[i];
    }
    s.stage[last].n = n_last;
    s.stage[last].steps = 20;
    s.fine_steps = k <= 8 ? 6 : 12;
    s.still = KMEANS_STILL;
    s.seed_points = k <= 8 ? KMEANS_SEED_POINTS / 2 : KMEANS_SEED_POINTS;
    s.search_points = KMEANS_SEARCH_POINTS;
    s.polish_points = KMEANS_POLISH_POINTS;
    return s;
}

/* Spreads 8 bits to every third position. */
HOST_DEVICE uint32_t kmeans_spread(uint32_t v)
{
    v = (v | v << 8) & 0x00F00Fu;
    v = (v | v << 4) & 0x0C30C3u;
    return (v | v << 2) & 0x249249u;
}

HOST_DEVICE uint32_t kmeans_gather_bits(uint32_t v)
{
    v &= 0x249249u;
    v = (v | v >> 2) & 0x0C30C3u;
    v = (v | v >> 4) & 0x00F00Fu;
    return (v | v >> 8) & 0x0000FFu;
}

HOST_DEVICE uint32_t kmeans_morton(uint32_t r, uint32_t g, uint32_t b)
{
    return kmeans_spread(r) << 2 | kmeans_spread(g) << 1 | kmeans_spread(b);
}

/* A point's colour: r, g, b and the byte 1, lowest first: (r, g, b, 1) x weight are the four sums. */
HOST_DEVICE uint32_t kmeans_colour(uint32_t r, uint32_t g, uint32_t b)
{
    return r | g << 8 | b << 16 | 1u << 24;
}

HOST_DEVICE uint32_t kmeans_colour_of_morton(uint32_t key)
{
    return kmeans_colour(kmeans_gather_bits(key >> 2), kmeans_gather_bits(key >> 1), kmeans_gather_bits(key));
}

/* The rounded mean of weight pixels with these sums; black of none. */
HOST_DEVICE uint32_t kmeans_mean_colour(uint64_t r, uint64_t g, uint64_t b, uint64_t weight)
{
    weight += weight == 0;
    return kmeans_colour((uint32_t)((2 * r + weight) / (2 * weight)), (uint32_t)((2 * g + weight) / (2 * weight)),
                         (uint32_t)((2 * b + weight) / (2 * weight)));
}

/* The number of low Morton bits to drop so that at most cap points remain; merged[d] = points left after dropping d. */
HOST_DEVICE int kmeans_level(const uint32_t *merged, uint32_t cap)
{
    int d = 0;

    while (d < KMEANS_COLOUR_BITS && merged[d] > cap)
        d++;
    return d;
}

/* |c|^2 / 256 of a centre about mid-grey, times 32, plus its index. */
HOST_DEVICE int32_t kmeans_bias(const uint16_t *centre, int index)
{
    const int64_t r = (int64_t)centre[0] - 32768, g = (int64_t)centre[1] - 32768, b = (int64_t)centre[2] - 32768;

    return (int32_t)((r * r + g * g + b * b + 128) >> 8) * 32 + index;
}

/* A pixel's channel as the factor of the centre: -64 (v - 128). */
HOST_DEVICE int32_t kmeans_factor(uint32_t v)
{
    return 64 * (128 - (int32_t)v);
}

HOST_DEVICE uint16_t kmeans_new_centre(uint64_t sum, uint64_t weight)
{
    return (uint16_t)((512 * sum + weight) / (2 * weight));
}

/* A cluster's share of the inertia less 65536 sum(w |p|^2), which is the same for all clusterings; sum = r, g, b,
 * weight. Each term is below 65280^2 x weight: three fit up to a weight of 7.2e8, 31 x 2^24 pixels and more. */
HOST_DEVICE int64_t kmeans_cost(const uint16_t *centre, const uint64_t *sum)
{
    const int64_t r = centre[0], g = centre[1], b = centre[2];

    return r * ((int64_t)sum[3] * r - 512 * (int64_t)sum[0]) + g * ((int64_t)sum[3] * g - 512 * (int64_t)sum[1]) +
           b * ((int64_t)sum[3] * b - 512 * (int64_t)sum[2]);
}

#endif
