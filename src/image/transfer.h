/* transfer: between gamma-encoded bytes and linear light, by table. Linear light is 0..65535. Inverse = piecewise
 * linear between the 256 codes, so that a uniform area comes back as exactly the byte it was. With `legacy` the curve
 * is the straight line (averages of gamma-encoded bytes, as older barcode programs do). Curve: IEC 61966-2-1 (sRGB). */
#ifndef JACQUARD_IMAGE_TRANSFER_H
#define JACQUARD_IMAGE_TRANSFER_H

#include "base/host_device.h"

#include <stdbool.h>
#include <stdint.h>

enum { TRANSFER_BUCKET_BITS = 4 }; /* two neighbouring codes are more than 16 apart in light */

struct transfer {
    uint16_t linear[256];                          /* byte -> linear light, strictly rising, 0 -> 0, 255 -> 65535 */
    uint32_t next[256];                            /* the least light whose nearest byte is above v; 65536 for 255 */
    uint8_t bucket[65536 >> TRANSFER_BUCKET_BITS]; /* nearest byte of the least light of each bucket */
};

/* Light 0..1 of an encoded value 0..1: the curve itself. */
double transfer_light(double encoded);

void transfer_init(struct transfer *transfer, bool legacy);

/* The byte nearest to linear light 0..65535; of linear[v] it is v. Tables small enough to stay in the innermost cache.
 */
HOST_DEVICE uint8_t transfer_encode(const struct transfer *transfer, uint32_t linear)
{
    const uint32_t v = transfer->bucket[linear >> TRANSFER_BUCKET_BITS];

    return (uint8_t)(v + (linear >= transfer->next[v]));
}

/* The byte, with fraction in 1/256 levels (0..65280), of sum / n where sum adds n values of linear light. n > 0. */
uint32_t transfer_encode_mean(const struct transfer *transfer, uint64_t sum, uint64_t n);

#endif
