/* light: between gamma-encoded bytes and linear light, by table. Linear light is 0..65535. Inverse = piecewise linear
 * between the 256 codes, so that a uniform area comes back as exactly the byte it was. With `legacy` the curve is the
 * straight line (averages of gamma-encoded bytes, as older barcode programs do). Curve: IEC 61966-2-1 (sRGB). */
#ifndef JACQUARD_IMAGE_LIGHT_H
#define JACQUARD_IMAGE_LIGHT_H

#include <stdbool.h>
#include <stdint.h>

struct light {
    uint16_t linear[256];   /* byte -> linear light, strictly rising, 0 -> 0, 255 -> 65535 */
    uint8_t encoded[65536]; /* linear light -> nearest byte; encoded[linear[v]] == v */
};

void light_init(struct light *light, bool legacy);

/* The byte, with fraction in 1/256 levels (0..65280), of sum / n where sum adds n values of linear light. n > 0. */
uint32_t light_encode_mean(const struct light *light, uint64_t sum, uint64_t n);

#endif
