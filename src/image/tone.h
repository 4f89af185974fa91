/* tone: pictures of more light or more colour than sRGB has, as sRGB shows them. Light comes from a sample's R'G'B' by
 * a table, areas are averaged in it, and each pixel of the result then goes through tone_map:
 *
 * - PQ is display light (SMPTE ST 2084). HLG is the scene's, which the system gamma of 1.2, for a display of 1,000
 *   cd/m2, makes display light (ITU-R BT.2100). SDR has the sRGB curve.
 * - BT.2020 and P3 become BT.709 in linear light. A colour outside of it, with a negative R, G or B, moves towards the
 *   grey of its luminance until it is inside.
 * - PQ and HLG are brought down to the 203 cd/m2 of white (ITU-R BT.2408) by the curve of ITU-R BT.2390, section 5.4.1,
 *   over the largest of R, G and B: none of them is clipped, and their ratio stays. It comes last: bright yellow, whose
 *   luminance is near white's, would else lose half of its colour on its way into BT.709.
 *
 * All of it is integers and tables, which are the same on every machine (power.h). */
#ifndef JACQUARD_IMAGE_TONE_H
#define JACQUARD_IMAGE_TONE_H

#include "base/host_device.h"
#include "image/frame.h"
#include "image/transfer.h"

#include <stdint.h>

enum tone_transfer { TONE_SDR, TONE_PQ, TONE_HLG, N_TONE_TRANSFERS };
enum tone_primaries { TONE_BT709, TONE_BT2020, TONE_P3, TONE_P3_DCI, N_TONE_PRIMARIES };

extern const char *const tone_transfer_names[N_TONE_TRANSFERS], *const tone_primaries_names[N_TONE_PRIMARIES];

struct tone_rules { /* all 0: what sRGB holds as it is */
    enum tone_transfer transfer;
    enum tone_primaries primaries;
    int peak; /* of PQ: the brightest light of the film, cd/m2, 203..10000; HLG: 1000 */
};

/* Whether a picture has to be mapped at all. */
bool tone_is_needed(const struct tone_rules *rules);

enum {
    TONE_WHITE = 203,  /* cd/m2 of SDR's white (BT.2408); no peak is below it */
    TONE_MOST = 10000, /* cd/m2 that PQ has a code for; no peak is above it */
    TONE_CODE_BITS = 14,
    TONE_CODES = 1 << TONE_CODE_BITS, /* R', G', B' from 0 to TONE_CODES - 1 */
    TONE_LEVELS = 4096,               /* luma from 0 to TONE_LEVELS - 1, where only the brightest is looked for */
    TONE_LIGHT_BITS = 26,             /* the most light that can be coded is 1 << 26 */
    TONE_STEP_BITS = 6,               /* curves have 64 steps an octave and are straight between them */
    TONE_CURVE_BITS = 27,             /* in BT.709 a channel may be 1.7 times as bright */
    TONE_CURVE = ((TONE_CURVE_BITS - TONE_STEP_BITS) << TONE_STEP_BITS) + (2 << TONE_STEP_BITS)
};

struct tone {
    uint32_t light[TONE_CODES];  /* of R', G' or B' */
    uint32_t system[TONE_CURVE]; /* HLG: factor of the scene's light by its luminance, 1 << 30 = 1 */
    uint32_t gain[TONE_CURVE];   /* factor by the largest of R, G, B, to white = 65535 << 8, after a shift by 24 bits */
    int32_t matrix[3][3];        /* to BT.709, 65536 = 1 */
    int32_t luminance[3];        /* of the film's own R, G, B, 65536 = 1 */
    bool is_hlg;
    struct transfer transfer; /* of sRGB */
};

/* What is brightest in a frame in host memory, as a level of luma: of a thousand samples one is above. */
uint32_t tone_brightest(const struct frame *frame);

/* cd/m2 of a grey of the level in PQ. */
double tone_pq_light(uint32_t level);

void tone_init(struct tone *tone, const struct tone_rules *rules);

HOST_DEVICE uint32_t tone_curve(const uint32_t *curve, uint32_t light)
{
    uint32_t shift = 0;

    while (light >> shift >= 2u << TONE_STEP_BITS)
        shift++;
    const uint32_t at = (shift << TONE_STEP_BITS) + (light >> shift), rest = light & ((1u << shift) - 1);
    const int64_t rise = (int64_t)curve[at + 1] - (int64_t)curve[at];

    return (uint32_t)((int64_t)curve[at] + ((rise * (int64_t)rest) >> shift));
}

/* What is below black moves towards the grey of its luminance. */
HOST_DEVICE void tone_into_gamut(int64_t v[3])
{
    const int64_t y = (13933 * v[0] + 46871 * v[1] + 4732 * v[2]) >> 16, grey = y > 0 ? y : 0;
    const int64_t least = v[0] < v[1] ? v[0] : v[1], low = least < v[2] ? least : v[2];

    for (int c = 0; low < 0 && c < 3; c++)
        v[c] = v[c] == low ? 0 : grey + (v[c] - grey) * grey / (grey - low);
}

/* light[3]: r, g, b, at most 1 << TONE_LIGHT_BITS. rgb[3]: as sRGB has it. */
HOST_DEVICE void tone_map(const struct tone *tone, const uint32_t light[3], uint8_t rgb[3])
{
    uint64_t display[3];
    int64_t v[3];

    for (int c = 0; c < 3; c++)
        display[c] = light[c];
    if (tone->is_hlg) {
        const uint64_t y =
            ((uint64_t)(uint32_t)tone->luminance[0] * light[0] + (uint64_t)(uint32_t)tone->luminance[1] * light[1] +
             (uint64_t)(uint32_t)tone->luminance[2] * light[2]) >>
            16;
        const uint64_t factor = tone_curve(tone->system, (uint32_t)y);
        for (int c = 0; c < 3; c++)
            display[c] = (factor * light[c]) >> 30;
    }
    for (int c = 0; c < 3; c++) {
        v[c] = 32768;
        for (int i = 0; i < 3; i++)
            v[c] += tone->matrix[c][i] * (int64_t)display[i];
        v[c] >>= 16;
    }
    tone_into_gamut(v);
    const int64_t larger = v[0] > v[1] ? v[0] : v[1], most = larger > v[2] ? larger : v[2];
    const uint64_t gain = tone_curve(tone->gain, (uint32_t)(most > 0 ? most : 0));
    for (int c = 0; c < 3; c++) {
        const uint64_t linear = (((v[c] > 0 ? (uint64_t)v[c] : 0) * gain >> 24) + 128) >> 8;
        rgb[c] = transfer_encode(&tone->transfer, linear > 65535 ? 65535 : (uint32_t)linear); /* by rounding alone */
    }
}

#endif
