/* scan_rules: the tests of scan.h and its records, shared with the CUDA kernels. A backend sweeps with integers alone
 * and asks scan_keeps only where it may say yes.
 *
 * |white / n_white - black / n_black| > bound is, over the common denominator, |value| > bound * n_white * n_black with
 * value = white * n_black - black * n_white, which 32 bits hold: at most 255 * n_white * n_black * the side across, and
 * each part is at most half of 64 (of 4096 for QUAD). That is SCAN_MEAN. In SCAN_SEED's float arithmetic the quotients
 * are below 2^14, so both roundings together are off by at most 2^-10: whatever passes has |value| >= (bound - 2^-10) *
 * n_white * n_black. Nor does value 0 pass: equal quotients round alike. */
#ifndef JACQUARD_COMPUTE_HAAR_SCAN_RULES_H
#define JACQUARD_COMPUTE_HAAR_SCAN_RULES_H

#include "compute/haar/scan.h"

struct scan_test {
    int32_t n_white, n_black; /* rows, columns or pixels of both parts */
    int32_t bound;            /* of the difference of the quotients */
    int32_t least;            /* at least 1; |value| below this does not pass */
};

HOST_DEVICE struct scan_test scan_test_of(enum scan_rule rule, int32_t threshold, struct haar_feature f)
{
    const int32_t side = f.type == HAAR_EDGE_H || f.type == HAAR_LINE_H ? f.h : f.w;
    const int32_t across = f.type == HAAR_EDGE_H || f.type == HAAR_LINE_H ? f.w : f.h;
    struct scan_test t;

    if (f.type == HAAR_QUAD) {
        t.n_white = f.a * f.b + (f.w - f.a) * (f.h - f.b);
        t.n_black = f.w * f.h - t.n_white;
        t.bound = threshold;
    } else {
        if (f.type == HAAR_EDGE_H || f.type == HAAR_EDGE_V)
            t.n_white = f.type == HAAR_EDGE_H ? f.b : f.a;
        else
            t.n_white = side - (f.b - f.a);
        t.n_black = side - t.n_white;
        t.bound = threshold * (rule == SCAN_SEED ? across - 1 : across);
    }
    const int32_t area = t.n_white * t.n_black;
    t.least = rule == SCAN_SEED ? t.bound * area - (area >> 10) - 1 : t.bound * area + 1;
    if (t.least < 1)
        t.least = 1;
    return t;
}

HOST_DEVICE bool scan_keeps(enum scan_rule rule, const struct scan_test *t, int32_t white, int32_t black)
{
    if (rule == SCAN_MEAN) {
        const int32_t value = white * t->n_black - black * t->n_white;
        return (value < 0 ? -value : value) >= t->least;
    }
#ifdef __CUDA_ARCH__
    const float w = __fdiv_rn(__int2float_rn(white), __int2float_rn(t->n_white));
    const float b = __fdiv_rn(__int2float_rn(black), __int2float_rn(t->n_black));
    return white != black && fabsf(__fsub_rn(w, b)) > __int2float_rn(t->bound);
#else
    const float w = (float)white / (float)t->n_white;
    const float b = (float)black / (float)t->n_black;
    return white != black && fabsf(w - b) > (float)t->bound;
#endif
}

HOST_DEVICE uint64_t scan_record(int64_t image, struct haar_feature f, int32_t value)
{
    return (uint64_t)image << 41 | (uint64_t)f.type << 38 | (uint64_t)f.x << 33 | (uint64_t)f.y << 28 |
           (uint64_t)(f.w - 1) << 23 | (uint64_t)(f.h - 1) << 18 | ((uint64_t)value & 0x3ffff);
}

#endif
