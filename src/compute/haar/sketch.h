/* sketch: the rules of a sketch of the search, for both backends: each feature at 8 cuts only, with weights of 16 bits,
 * tells how promising it is; the search then looks at the best of them at all cuts. The cuts are quantiles of the
 * feature's values over the active images, closer together at the ends than even ones: the best cut is seldom far from
 * one of them. (Coarse histograms first, fine ones of what is left: as LightGBM's quantized training, Shi et al. 2022,
 * for the weights; PV-Tree, Meng et al. 2016, for voting candidates before exact sums.) */
#ifndef JACQUARD_COMPUTE_HAAR_SKETCH_H
#define JACQUARD_COMPUTE_HAAR_SKETCH_H

#include "compute/haar/boost.h"

#include <string.h>

enum {
    SKETCH_CUTS = 8,
    SKETCH_STEPS = 4096,       /* of promise: 128 an octave */
    SKETCH_MOST_WEIGHT = 32639 /* 127 * 256 + 127: two signed digits of base 256 */
};

/* Cut i has so many 64ths of the images below it. */
HOST_DEVICE uint32_t sketch_share(int i)
{
    return (uint32_t)(0x3d362d241c130a03ull >> 8 * i) & 255; /* 3 10 19 28 36 45 54 61 */
}

/* Is the bin, which so many of n images do not exceed, the last one left of the cut with that share? Of all that are,
 * the lowest counts; the cut is the next bin, 255 at most. */
HOST_DEVICE bool sketch_is_below(uint32_t share, uint32_t n_up_to_bin, uint32_t n)
{
    return (uint64_t)n_up_to_bin * 64 >= (uint64_t)share * n;
}

/* Coarse weights, whose sum is 2^30, lose so many bits: what is left is 32 or more on average, and sums fit an int32_t.
 */
HOST_DEVICE int sketch_shift(int64_t n_images, int n_classes)
{
    int shift = 25;

    for (int64_t n = n_images * n_classes; n > 1 && shift > 0; n = (n + 1) / 2)
        shift--;
    return shift;
}

HOST_DEVICE int32_t sketch_weight(int32_t coarse, int shift)
{
    const int32_t size = coarse < 0 ? -coarse : coarse;
    const int32_t rounded = (size + (1 << shift >> 1)) >> shift;
    const int32_t held = rounded < SKETCH_MOST_WEIGHT ? rounded : SKETCH_MOST_WEIGHT;

    return coarse < 0 ? -held : held;
}

/* How promising: 0 to SKETCH_STEPS - 1. gain: what the best of the cuts gains, its edge (BOOST_SIGNED), or what it
 * takes off Z / 2 (BOOST_SPLIT). */
HOST_DEVICE uint16_t sketch_step(float gain)
{
    uint32_t bits;

    if (!(gain >= 1.0f))
        return 0;
#ifdef __CUDA_ARCH__
    bits = __float_as_uint(gain);
#else
    memcpy(&bits, &gain, sizeof bits);
#endif
    const uint32_t step = (bits >> 16) - (127 << 7);
    return (uint16_t)(step < SKETCH_STEPS ? step : SKETCH_STEPS - 1);
}

#endif
