/* space: colours in a space where distances are nearer to what one sees, as three bytes, so that k-means works on them
 * as it does on R, G and B: OKLab (Ottosson, 2020) and CIELAB (CIE 15, D65). All three coordinates have one scale, so
 * that distances are those of the space, chroma times a weight; scale and offset are such that all of sRGB fits. All of
 * it is integers and tables, which are the same on every machine (power.h). */
#ifndef JACQUARD_IMAGE_SPACE_H
#define JACQUARD_IMAGE_SPACE_H

#include "base/host_device.h"
#include "image/transfer.h"

#include <stdint.h>

enum space_name { SPACE_SRGB, SPACE_OKLAB, SPACE_CIELAB, N_SPACES };
extern const char *const space_names[N_SPACES];

struct space_rules { /* all 0: sRGB */
    enum space_name space;
    int chroma; /* weight of chroma, 256 = 1; 16..4096 */
};

/* Chroma's weight where none is given: 512 for OKLab, 256 for CIELAB. */
int space_default_chroma(enum space_name space);

enum {
    SPACE_CURVE_BITS = 10, /* steps of the cube root, which is straight between them, from 0 to 1 */
    SPACE_CURVE = (1 << SPACE_CURVE_BITS) + 2,
    SPACE_LOW = 64 /* the first 1 / SPACE_LOW of light has as many steps again, as it bends most there */
};

struct space {
    uint16_t linear[256];                          /* of a byte of sRGB */
    int32_t cones[3][3];                           /* from linear light: rows add to 65536 */
    uint32_t curve[SPACE_CURVE], low[SPACE_CURVE]; /* 65536 x its root */
    int32_t axis[3][3];                            /* from roots to coordinates in 1/65536 of a byte's step */
    int32_t offset[3];
};

void space_init(struct space *space, const struct space_rules *rules);

/* light 0..65535 */
HOST_DEVICE int32_t space_root(const struct space *space, uint32_t light)
{
    const bool is_low = light < 65536 / SPACE_LOW;
    const uint32_t *curve = is_low ? space->low : space->curve;
    const uint32_t at = is_low ? light * SPACE_LOW : light; /* of 65536 */
    const uint32_t step = at >> (16 - SPACE_CURVE_BITS), rest = at & ((1u << (16 - SPACE_CURVE_BITS)) - 1);

    return (int32_t)(curve[step] + (((curve[step + 1] - curve[step]) * rest) >> (16 - SPACE_CURVE_BITS)));
}

/* rgb[3]: bytes of sRGB. to[3]: bytes of the space. */
HOST_DEVICE void space_encode(const struct space *space, const uint8_t rgb[3], uint8_t to[3])
{
    int32_t root[3];

    for (int i = 0; i < 3; i++) {
        int64_t light = 32768;
        for (int c = 0; c < 3; c++)
            light += (int64_t)space->cones[i][c] * space->linear[rgb[c]];
        light >>= 16;
        root[i] = space_root(space, light < 0 ? 0 : light > 65535 ? 65535 : (uint32_t)light);
    }
    for (int i = 0; i < 3; i++) {
        int64_t v = (int64_t)space->offset[i] * 65536;
        for (int c = 0; c < 3; c++)
            v += (int64_t)space->axis[i][c] * root[c];
        v = (v + ((int64_t)1 << 31)) >> 32;
        to[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
}

/* OKLab and CIELAB: the first coordinate's byte of a grey of CIE lightness L* (0..100). */
uint32_t space_byte_of_lightness(const struct space_rules *rules, double lightness);

struct space_back { /* from the space to sRGB */
    struct space_rules rules;
    double zero[3], scale[3];        /* of the bytes */
    double roots[3][3], light[3][3]; /* from the three coordinates, and from the roots' cubes */
};

void space_back_init(struct space_back *back, const struct space_rules *rules);

/* A centre in 1/256 steps of the space, back in 1/256 levels of sRGB (0..65280); what sRGB has not is clipped. */
void space_decode(const struct space_back *back, const uint16_t centre[3], uint16_t rgb[3]);

#endif
