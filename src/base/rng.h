/* rng: counter-based random numbers: a pure function of (seed, where it is used), so that they do not depend on rank,
 * thread, batch or device. Philox4x32-10 of Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3
 * (SC'11). The header is the implementation, shared with the CUDA kernels. */
#ifndef JACQUARD_BASE_RNG_H
#define JACQUARD_BASE_RNG_H

#include "base/host_device.h"

#include <stdint.h>

struct rng_block {
    uint32_t word[4];
};

HOST_DEVICE struct rng_block rng_philox(uint64_t key, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3)
{
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);

    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        const uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        const uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        const uint32_t n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    const struct rng_block b = {{c0, c1, c2, c3}};
    return b;
}

/* A number below bound (bound > 0) from 64 random bits: the high half of bits x bound. */
HOST_DEVICE uint64_t rng_below(uint32_t high, uint32_t low, uint64_t bound)
{
    const uint64_t bits = ((uint64_t)high << 32) | low;
#ifdef __CUDA_ARCH__
    return __umul64hi(bits, bound);
#else
    const uint64_t bl = bits & 0xFFFFFFFFu, bh = bits >> 32, ol = bound & 0xFFFFFFFFu, oh = bound >> 32;
    const uint64_t mid = bh * ol + ((bl * ol) >> 32);
    const uint64_t mid2 = bl * oh + (mid & 0xFFFFFFFFu);
    return bh * oh + (mid >> 32) + (mid2 >> 32);
#endif
}

#endif
