/* area: exact area resampling of one axis: n_from cells become n_to cells of equal length. In units of 1 / n_to of a
 * source cell, source cell i covers [i n_to, (i+1) n_to) and result cell j covers [j n_from, (j+1) n_from): the weight
 * of i in j is the length of their overlap, an integer, and the weights of a result cell add to n_from. */
#ifndef JACQUARD_IMAGE_AREA_H
#define JACQUARD_IMAGE_AREA_H

#include "base/host_device.h"

#include <stdint.h>

/* First source cell that touches result cell j, and one past the last. */
HOST_DEVICE uint32_t area_first(uint32_t j, uint32_t n_from, uint32_t n_to)
{
    return (uint32_t)((uint64_t)j * n_from / n_to);
}

HOST_DEVICE uint32_t area_last(uint32_t j, uint32_t n_from, uint32_t n_to)
{
    return (uint32_t)(((uint64_t)(j + 1) * n_from + n_to - 1) / n_to);
}

HOST_DEVICE uint32_t area_weight(uint32_t i, uint32_t j, uint32_t n_from, uint32_t n_to)
{
    const uint64_t from_a = (uint64_t)i * n_to, from_b = from_a + n_to;
    const uint64_t to_a = (uint64_t)j * n_from, to_b = to_a + n_from;
    const uint64_t a = from_a > to_a ? from_a : to_a, b = from_b < to_b ? from_b : to_b;

    return b > a ? (uint32_t)(b - a) : 0;
}

#endif
