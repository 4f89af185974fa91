/* test_weights: what cells weigh by chroma and by rarity, and which colours are dark, against the formulas in double
 * precision. */
#include "compute/weights.h"

#include "compute/kmeans_rules.h"
#include "image/colour.h"

#include "test.h"

#include <math.h>

static struct weights weights;
static struct space space;

static const struct space_rules spaces[N_SPACES] = {{SPACE_SRGB, 0}, {SPACE_OKLAB, 512}, {SPACE_CIELAB, 256}};

/* A colour of sRGB, as a point of the space. */
static uint32_t point_of(const struct space_rules *r, uint8_t red, uint8_t green, uint8_t blue, uint32_t *cell)
{
    uint8_t v[3] = {red, green, blue};

    if (r->space != SPACE_SRGB)
        space_encode(&space, (const uint8_t[3]){red, green, blue}, v);
    *cell = kmeans_morton(v[0], v[1], v[2]) >> 12;
    return kmeans_colour(v[0], v[1], v[2]);
}

static uint32_t weight_of(const struct space_rules *r, uint8_t red, uint8_t green, uint8_t blue)
{
    uint32_t cell, colour = point_of(r, red, green, blue, &cell);

    return weights_of(&weights, cell, colour);
}

/* Greys weigh least, primaries most, in every space about the same; whatever cell there is weighs from 1 to 31. */
static void test_accent(void)
{
    for (int i = 0; i < N_SPACES; i++) {
        const struct space_rules *r = &spaces[i];
        if (r->space != SPACE_SRGB)
            space_init(&space, r);
        weights_init(&weights, &(struct weight_rules){WEIGHT_ACCENT, 0}, r, NULL);
        uint32_t least = WEIGHTS_MOST, most = 0, grey = 0;
        for (int cell = 0; cell < WEIGHTS_CELLS; cell++) {
            least = weights.of_cell[cell] < least ? weights.of_cell[cell] : least;
            most = weights.of_cell[cell] > most ? weights.of_cell[cell] : most;
        }
        for (int v = 0; v < 256; v++) {
            const uint32_t weight = weight_of(r, (uint8_t)v, (uint8_t)v, (uint8_t)v);
            grey = weight > grey ? weight : grey;
        }
        printf("%s: cells weigh %u to %u, greys up to %u, red %u, green %u, blue %u, skin %u, sky %u\n",
               space_names[r->space], least, most, grey, weight_of(r, 255, 0, 0), weight_of(r, 0, 255, 0),
               weight_of(r, 0, 0, 255), weight_of(r, 224, 172, 140), weight_of(r, 135, 180, 220));
        CHECK(least >= 1 && most == WEIGHTS_MOST);
        CHECK(grey <= 6 && weight_of(r, 255, 0, 0) >= 28 && weight_of(r, 0, 0, 255) >= 28);
        CHECK(weight_of(r, 200, 30, 30) > weight_of(r, 200, 120, 120));
        CHECK(weight_of(r, 200, 120, 120) > weight_of(r, 200, 190, 190));
    }
    weights_init(&weights, &(struct weight_rules){WEIGHT_AREA, 0}, &spaces[0], NULL);
    CHECK_INT(weight_of(&spaces[0], 255, 0, 0), 1);
    CHECK_INT(weight_of(&spaces[0], 0, 0, 0), 1);
}

static void test_rare(void)
{
    static int64_t frames[WEIGHTS_CELLS];
    uint8_t of_cell[WEIGHTS_CELLS];

    for (int cell = 0; cell < WEIGHTS_CELLS; cell++)
        frames[cell] = cell;
    weights_of_counts(frames, 4095, of_cell);
    CHECK_INT(of_cell[0], 31);   /* in no frame */
    CHECK_INT(of_cell[1], 31);   /* log2(4096 / 2) = 11 is the most */
    CHECK_INT(of_cell[63], 17);  /* 6 of 11: 1 + 16.4 */
    CHECK_INT(of_cell[1023], 6); /* 2 of 11: 1 + 5.45 */
    CHECK_INT(of_cell[2047], 4); /* 1 of 11: 1 + 2.7 */
    CHECK_INT(of_cell[4095], 1); /* in all */
    int n_off = 0;
    for (int cell = 1; cell < WEIGHTS_CELLS; cell++) {
        const double exact = 1 + 30 * log(4096.0 / (1 + cell)) / log(2048.0);
        n_off += fabs(of_cell[cell] - exact) > 0.5001;
    }
    CHECK_INT(n_off, 0);

    for (int cell = 0; cell < WEIGHTS_CELLS; cell++)
        frames[cell] = cell % 2 ? 10 : 0; /* one scene: nothing is rarer than the rest */
    weights_of_counts(frames, 10, of_cell);
    CHECK(of_cell[1] == 1 && of_cell[0] == 31);
    weights_of_counts(frames, 1000000000000, of_cell);
    CHECK(of_cell[1] == 31 && of_cell[0] == 31);
    weights_init(&weights, &(struct weight_rules){WEIGHT_RARE, 0}, &spaces[0], of_cell);
    CHECK(memcmp(weights.of_cell, of_cell, sizeof of_cell) == 0);
}

/* What is dark is what has a lower L*: of sRGB's colours but for the table's rounding, of greys in the other spaces but
 * for that of bytes. */
static void test_near_black(void)
{
    static const int bounds[] = {1, 100, 500, 799, 800, 801, 1000, 2500, 5000, 9000, 9999};

    for (size_t b = 0; b < sizeof bounds / sizeof *bounds; b++)
        for (int i = 0; i < N_SPACES; i++) {
            const struct space_rules *r = &spaces[i];
            const double bound = bounds[b] / 100.0, slack = r->space == SPACE_SRGB ? 0.03 : 1.7;
            int n_wrong = 0, n_dark = 0;
            if (r->space != SPACE_SRGB)
                space_init(&space, r);
            weights_init(&weights, &(struct weight_rules){WEIGHT_ACCENT, bounds[b]}, r, NULL);
            for (int v = 0; v < 256; v++)
                for (int tint = 0; tint < 3; tint++) {
                    const uint8_t rgb[3] = {(uint8_t)v, (uint8_t)(tint == 0 ? v : v / 2),
                                            (uint8_t)(tint == 2 ? 255 - v : v)};
                    const double lightness = colour_lightness((const double[3]){rgb[0], rgb[1], rgb[2]});
                    if (tint > 0 && r->space == SPACE_OKLAB) /* whose lightness of colours is another */
                        continue;
                    const bool is_dark = weight_of(r, rgb[0], rgb[1], rgb[2]) == 0;
                    n_dark += is_dark;
                    n_wrong += is_dark ? lightness >= bound + slack : lightness < bound - slack;
                }
            if (!CHECK_INT(n_wrong, 0))
                printf("  %s, L* %.2f\n", space_names[r->space], bound);
            CHECK(n_dark > 0 || bound < 0.5);
            CHECK(weight_of(r, 255, 255, 255) > 0);
        }
    weights_init(&weights, &(struct weight_rules){WEIGHT_AREA, 0}, &spaces[0], NULL);
    CHECK(!weights_are_needed(&(struct weight_rules){WEIGHT_AREA, 0}) &&
          weights_are_needed(&(struct weight_rules){WEIGHT_AREA, 1}) &&
          weights_are_needed(&(struct weight_rules){WEIGHT_RARE, 0}));
    CHECK_INT(weight_of(&spaces[0], 0, 0, 0), 1);
}

int main(void)
{
    test_accent();
    test_rare();
    test_near_black();
    return test_end();
}
