/* spread: some of many things in a row, one of each part of it, at a place in the part that looks random but is always
 * the same. Pure; n_all and n below 2^31. */
#ifndef JACQUARD_BARCODE_SPREAD_H
#define JACQUARD_BARCODE_SPREAD_H

#include "base/rng.h"

#include <stdbool.h>
#include <stdint.h>

/* How many of n_all that makes where n are wanted. */
static inline int64_t spread_count(int64_t n_all, int64_t n)
{
    return n < n_all ? n : n_all;
}

/* The i-th of n <= n_all, strictly rising with i. */
static inline int64_t spread_at(int64_t n_all, int64_t n, int64_t i)
{
    const int64_t from = i * n_all / n, to = (i + 1) * n_all / n;
    const struct rng_block b = rng_philox(0x7370726561640000u, (uint32_t)i, (uint32_t)n, (uint32_t)n_all, 0);

    return from + (int64_t)rng_below(b.word[0], b.word[1], (uint64_t)(to - from));
}

/* Whether thing `at` of n_all is one of n > 0 that are wanted. */
static inline bool spread_has(int64_t n_all, int64_t n, int64_t at)
{
    const int64_t count = spread_count(n_all, n);

    return spread_at(n_all, count, ((at + 1) * count - 1) / n_all) == at;
}

#endif
