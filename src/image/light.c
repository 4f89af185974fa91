/* light: see light.h. The curve is evaluated 256 times in double precision and rounded once; none of the 256 values
 * lies near a half, so that every C library gives the same table (a unit test holds the margin). */
#include "image/light.h"

#include <math.h>

/* IEC 61966-2-1: light 0..1 of an sRGB value 0..1. */
static double srgb_to_linear(double encoded)
{
    return encoded <= 0.04045 ? encoded / 12.92 : pow((encoded + 0.055) / 1.055, 2.4);
}

void light_init(struct light *light, bool legacy)
{
    for (int v = 0; v < 256; v++)
        light->linear[v] = (uint16_t)(legacy ? 257 * v : (int)(65535.0 * srgb_to_linear(v / 255.0) + 0.5));

    /* From half way to the next code on, that one is nearer (a half goes up). */
    for (uint32_t v = 0; v < 255; v++)
        light->next[v] = ((uint32_t)light->linear[v] + light->linear[v + 1] + 1) / 2;
    light->next[255] = 65536;
    for (uint32_t i = 0, v = 0; i < 65536 >> LIGHT_BUCKET_BITS; i++) {
        while (i << LIGHT_BUCKET_BITS >= light->next[v])
            v++;
        light->bucket[i] = (uint8_t)v;
    }
}

uint32_t light_encode_mean(const struct light *light, uint64_t sum, uint64_t n)
{
    const uint64_t whole = sum / n;
    uint32_t v = light_encode(light, (uint32_t)whole);

    if (light->linear[v] > whole) /* the nearest code may be the one above */
        v--;
    if (v == 255)
        return 255 * 256;
    const uint64_t from = light->linear[v], step = light->linear[v + 1] - from;
    return 256 * v + (uint32_t)((512 * (sum - from * n) + step * n) / (2 * step * n));
}
