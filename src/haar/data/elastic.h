/* elastic: distorted copies of training images: a smooth random displacement field and a small random affine map
 * (Simard, Steinkraus, Platt: Best Practices for Convolutional Neural Networks, ICDAR 2003). A pure function of (seed,
 * image number, copy), in integers: the same bits on every machine and whatever the shards. */
#ifndef JACQUARD_HAAR_ELASTIC_H
#define JACQUARD_HAAR_ELASTIC_H

#include <stdint.h>

enum { ELASTIC_SCRATCH_BYTES = 1 << 17 };

/* u8 [height, width] in and out, up to 64 x 64, not the same. copy >= 1. scratch: ELASTIC_SCRATCH_BYTES, aligned to 64.
 */
void elastic_copy(uint64_t seed, int64_t image, int copy, const uint8_t *in, int width, int height, uint8_t *out,
                  void *scratch);

#endif
