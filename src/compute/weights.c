#include "compute/weights.h"

#include "compute/kmeans_rules.h"

#include <string.h>

const char *const weight_names[N_WEIGHTS] = {"area", "accent", "rare"};

/* --- accent ------------------------------------------------------------------------------------------------------- */

enum {
    GREY_WEIGHT = 2,
    FULL_CHROMA = 120 /* steps of OKLab at 480 a unit: 0.25, as the purest red has */
};

static uint32_t root_of(uint32_t square)
{
    uint32_t root = 0;

    while ((root + 1) * (root + 1) <= square)
        root++;
    return root;
}

/* A cell's weight rises with the OKLab chroma of its middle. */
static void weigh_chroma(uint8_t of_cell[WEIGHTS_CELLS], const struct space_rules *rules)
{
    const uint8_t grey[3] = {128, 128, 128};
    struct space_back back;
    struct space oklab;
    uint8_t zero[3];

    space_back_init(&back, rules);
    space_init(&oklab, &(struct space_rules){SPACE_OKLAB, 512});
    space_encode(&oklab, grey, zero);
    for (uint32_t cell = 0; cell < WEIGHTS_CELLS; cell++) {
        const uint32_t corner = kmeans_colour_of_morton(cell << 12);
        uint16_t middle[3], rgb[3];
        uint8_t bytes[3], lab[3];
        for (int c = 0; c < 3; c++)
            middle[c] = (uint16_t)(((corner >> 8 * c & 255) + 8) * 256);
        space_decode(&back, middle, rgb);
        for (int c = 0; c < 3; c++)
            bytes[c] = (uint8_t)((rgb[c] + 128) / 256);
        space_encode(&oklab, bytes, lab);
        const int32_t a = lab[1] - zero[1], b = lab[2] - zero[2];
        const uint32_t chroma = root_of((uint32_t)(a * a + b * b));
        const uint32_t weight = GREY_WEIGHT + (WEIGHTS_MOST - GREY_WEIGHT) * chroma / FULL_CHROMA;
        of_cell[cell] = (uint8_t)(weight < WEIGHTS_MOST ? weight : WEIGHTS_MOST);
    }
}

/* --- rare --------------------------------------------------------------------------------------------------------- */

/* log2 in 1/2^20, by squaring: each doubles the logarithm of what is left of 1..2. v > 0. */
static uint64_t log_2(uint64_t v)
{
    const int whole = 63 - __builtin_clzll(v);
    uint64_t rest = whole > 31 ? v >> (whole - 31) : v << (31 - whole), log = (uint64_t)whole;

    for (int i = 0; i < 20; i++) {
        rest = (rest * rest) >> 31;
        log = 2 * log + (rest >> 32);
        rest >>= rest >> 32;
    }
    return log;
}

void weights_of_counts(const int64_t frames_with[WEIGHTS_CELLS], int64_t n_frames, uint8_t of_cell[WEIGHTS_CELLS])
{
    const uint64_t all = log_2(1 + (uint64_t)n_frames);
    uint64_t most = 0;

    for (int cell = 0; cell < WEIGHTS_CELLS; cell++) {
        const uint64_t rarity = all - log_2(1 + (uint64_t)frames_with[cell]);
        most = frames_with[cell] > 0 && rarity > most ? rarity : most;
    }
    for (int cell = 0; cell < WEIGHTS_CELLS; cell++) {
        const uint64_t rarity = all - log_2(1 + (uint64_t)frames_with[cell]);
        of_cell[cell] = (uint8_t)(rarity > most ? WEIGHTS_MOST
                                  : most == 0   ? 1
                                                : 1 + (2 * (WEIGHTS_MOST - 1) * rarity + most) / (2 * most));
    }
}

/* --- near black --------------------------------------------------------------------------------------------------- */

/* Least sum of 2126, 7152, 722 times linear light, white 655,350,000, that has this lightness: (n + 1600)^3 / 11600^3
 * of white, or n 27 / 2,438,900 up to L* 8, as exact fractions. */
static uint32_t luminance_of(int near_black)
{
    const uint64_t n = (uint64_t)near_black, m = n + 1600;

    return (uint32_t)(n <= 800 ? (n * 27 * 655350000 + 2438899) / 2438900 : (13107 * m * m * m + 31217919) / 31217920);
}

static void darken(struct weights *w, int near_black, const struct space_rules *space)
{
    static const uint32_t part[3] = {2126, 7152, 722};
    struct transfer transfer;

    if (near_black == 0)
        return;
    if (space->space != SPACE_SRGB) { /* lightness is a coordinate of its own */
        for (uint32_t v = 0; v < 256; v++)
            w->part[0][v] = v;
        w->dark_below = space_byte_of_lightness(space, near_black / 100.0);
        return;
    }
    transfer_init(&transfer, false);
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < 256; v++)
            w->part[c][v] = part[c] * transfer.linear[v];
    w->dark_below = luminance_of(near_black);
}

void weights_init(struct weights *w, const struct weight_rules *rules, const struct space_rules *space,
                  const uint8_t *rarity)
{
    memset(w, 0, sizeof *w);
    if (rules->weight == WEIGHT_RARE)
        memcpy(w->of_cell, rarity, sizeof w->of_cell);
    else if (rules->weight == WEIGHT_ACCENT)
        weigh_chroma(w->of_cell, space);
    else
        memset(w->of_cell, 1, sizeof w->of_cell);
    darken(w, rules->near_black, space);
}
