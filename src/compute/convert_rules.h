/* convert_rules: from Y'CbCr samples to 8-bit R'G'B' in integers, shared by the CPU code and the CUDA kernels.
 * Coefficients follow from a matrix's Kr and Kb (Rec. ITU-R BT.601, BT.709, BT.2020), or are those of Y'CgCo, in 12.20
 * fixed point; chroma is taken from the nearest sample, so that no filter has to agree. */
#ifndef JACQUARD_COMPUTE_CONVERT_RULES_H
#define JACQUARD_COMPUTE_CONVERT_RULES_H

#include "base/host_device.h"
#include "image/tone.h"

#include <stdint.h>

enum {
    CONVERT_RULES = 1, /* one more with every change of a frame's pixels: kept ones are not taken for it */
    CONVERT_BITS = 20,
    CONVERT_CODE_BITS = 14
};

struct convert_coefs {
    int32_t y, ru, rv, gu, gv, bu, bv; /* rv: what V adds to R, and so on; gu, gv are subtracted */
    int32_t y_offset, c_offset;
};

/* Not for FRAME_RGB with depth 8 and full range, whose samples are the bytes already; works for all others. */
struct convert_coefs convert_coefs_of(const struct frame *frame);

/* For all frames: to codes of R', G', B' (image/tone.h), in 18.14 fixed point. */
struct convert_coefs convert_code_coefs_of(const struct frame *frame);

HOST_DEVICE uint32_t convert_code(int32_t v)
{
    v >>= CONVERT_CODE_BITS;
    return v < 0 ? 0u : v > TONE_CODES - 1 ? (uint32_t)(TONE_CODES - 1) : (uint32_t)v;
}

HOST_DEVICE uint32_t convert_clip(int32_t v)
{
    v >>= CONVERT_BITS;
    return v < 0 ? 0u : v > 255 ? 255u : (uint32_t)v;
}

/* sum / total, rounded, for sums below 2^43 and totals below 2^26, by a multiplication that is still exact: with n = 2
 * sum + total and d = 2 total, n + 1/2 lies at least 1/(2 d) away from every multiple of d, far more than doubles err
 * here. */
HOST_DEVICE double convert_inverse(uint64_t total)
{
    return 1.0 / (double)(2 * total);
}

HOST_DEVICE uint32_t convert_quotient(uint64_t sum, uint64_t total, double inverse)
{
    return (uint32_t)(((double)(int64_t)(2 * sum + total) + 0.5) * inverse); /* signed converts faster */
}

/* Likewise of light: sums below 2^62. */
HOST_DEVICE uint32_t convert_light_quotient(uint64_t sum, uint64_t total)
{
    return (uint32_t)((2 * sum + total) / (2 * total));
}

#endif
