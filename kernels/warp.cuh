/* warp: sums over the lanes of a warp, all of which take part. */
#ifndef JACQUARD_KERNELS_WARP_CUH
#define JACQUARD_KERNELS_WARP_CUH

#include <stdint.h>

static const uint32_t FULL = 0xFFFFFFFFu;

static __device__ __forceinline__ uint32_t lane_of(void)
{
    return threadIdx.x % 32;
}

/* Of all lanes; every lane gets it. */
template <class T> static __device__ __forceinline__ T warp_sum(T v)
{
    for (int step = 16; step > 0; step /= 2)
        v += __shfl_xor_sync(FULL, v, step);
    return v;
}

/* Of the lanes up to and including this one. */
template <class T> static __device__ __forceinline__ T warp_scan(T v)
{
    for (uint32_t step = 1; step < 32; step *= 2) {
        const T left = __shfl_up_sync(FULL, v, step);
        v += lane_of() >= step ? left : 0;
    }
    return v;
}

#endif
