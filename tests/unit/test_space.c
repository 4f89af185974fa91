/* test_space: OKLab and CIELAB against their formulas in double precision: every colour of sRGB fits, is within a step,
 * and comes back; known values. */
#include "image/space.h"

#include "test.h"

#include <math.h>

static struct space space;
static struct space_back space_back;

static void lab_of(enum space_name name, const uint8_t rgb[3], double lab[3])
{
    double light[3];

    for (int c = 0; c < 3; c++)
        light[c] = transfer_light(rgb[c] / 255.0);
    if (name == SPACE_OKLAB) {
        const double l = cbrt(0.4122214708 * light[0] + 0.5363325363 * light[1] + 0.0514459929 * light[2]);
        const double m = cbrt(0.2119034982 * light[0] + 0.6806995451 * light[1] + 0.1073969566 * light[2]);
        const double s = cbrt(0.0883024619 * light[0] + 0.2817188376 * light[1] + 0.6299787005 * light[2]);
        lab[0] = 0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s;
        lab[1] = 1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s;
        lab[2] = 0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s;
        return;
    }
    const double x = 0.4123908 * light[0] + 0.3575843 * light[1] + 0.1804808 * light[2];
    const double y = 0.2126390 * light[0] + 0.7151687 * light[1] + 0.0721923 * light[2];
    const double z = 0.0193308 * light[0] + 0.1191948 * light[1] + 0.9505322 * light[2];
    const double t[3] = {x / 0.9504559, y, z / 1.0890578};
    double f[3];
    for (int i = 0; i < 3; i++)
        f[i] = t[i] > 216.0 / 24389.0 ? cbrt(t[i]) : (24389.0 / 27.0 * t[i] + 16.0) / 116.0;
    lab[0] = 116.0 * f[1] - 16.0;
    lab[1] = 500.0 * (f[0] - f[1]);
    lab[2] = 200.0 * (f[1] - f[2]);
}

/* Bytes are a scale and an offset of the formulas', the same scale for all, chroma's times its weight: found from the
 * bytes of black, white and two colours, then held against all. */
static void all_colours(const struct space_rules *r, double units)
{
    const uint8_t black[3] = {0, 0, 0}, white[3] = {255, 255, 255};
    uint8_t low[3], high[3];
    double worst = 0.0, worst_back = 0.0;

    space_init(&space, r);
    space_back_init(&space_back, r);
    space_encode(&space, black, low);
    space_encode(&space, white, high);
    const double scale = (high[0] - low[0]) / units;
    for (int red = 0; red < 256; red += 5)
        for (int green = 0; green < 256; green += 3)
            for (int blue = 0; blue < 256; blue += 5) {
                const uint8_t rgb[3] = {(uint8_t)red, (uint8_t)green, (uint8_t)blue};
                double lab[3];
                uint8_t found[3];
                uint16_t back[3];
                lab_of(r->space, rgb, lab);
                space_encode(&space, rgb, found);
                for (int i = 0; i < 3; i++) {
                    const double wanted = low[i] + lab[i] * scale * (i ? r->chroma / 256.0 : 1.0);
                    worst = fmax(worst, fabs(found[i] - wanted));
                }
                const uint16_t centre[3] = {(uint16_t)(256 * found[0]), (uint16_t)(256 * found[1]),
                                            (uint16_t)(256 * found[2])};
                uint8_t again[3], near[3];
                space_decode(&space_back, centre, back);
                for (int i = 0; i < 3; i++)
                    near[i] = (uint8_t)((back[i] + 128) / 256);
                space_encode(&space, near, again);
                for (int i = 0; i < 3; i++)
                    worst_back = fmax(worst_back, abs(again[i] - found[i]));
            }
    printf("%s, chroma %d/256: %.1f steps a unit, at most %.2f steps off, %.0f after going back\n",
           space_names[r->space], r->chroma, scale, worst, worst_back);
    CHECK(worst <= 2.0); /* half a step of rounding each: of the value, of black and, stretched, of white */
    CHECK(worst_back <= 3.0);
}

static void greys(enum space_name name)
{
    const struct space_rules r = {name, space_default_chroma(name)};
    uint8_t first[3] = {0}, found[3];
    int before = -1;

    space_init(&space, &r);
    space_back_init(&space_back, &r);
    for (int v = 0; v < 256; v++) {
        const uint8_t grey[3] = {(uint8_t)v, (uint8_t)v, (uint8_t)v};
        space_encode(&space, grey, found);
        if (v == 0)
            memcpy(first, found, sizeof first);
        CHECK(found[1] == first[1] && found[2] == first[2] && found[0] >= before);
        const uint16_t centre[3] = {(uint16_t)(256 * found[0]), (uint16_t)(256 * found[1]), (uint16_t)(256 * found[2])};
        uint16_t rgb[3];
        space_decode(&space_back, centre, rgb);
        for (int c = 0; c < 3; c++) /* a grey comes back as one, within a quarter of a level */
            CHECK(abs(rgb[c] - rgb[(c + 1) % 3]) <= 64);
        before = found[0];
    }
}

int main(void)
{
    const struct space_rules all[] = {{SPACE_OKLAB, 256},  {SPACE_OKLAB, 512},  {SPACE_OKLAB, 1024},
                                      {SPACE_CIELAB, 256}, {SPACE_CIELAB, 128}, {SPACE_CIELAB, 512}};
    const struct space_rules srgb = {SPACE_SRGB, 0};
    const uint16_t centre[3] = {1, 2, 65280};
    uint16_t same[3];

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        all_colours(&all[i], all[i].space == SPACE_OKLAB ? 1.0 : 100.0);
    greys(SPACE_OKLAB);
    greys(SPACE_CIELAB);
    space_back_init(&space_back, &srgb);
    space_decode(&space_back, centre, same);
    CHECK(same[0] == 1 && same[1] == 2 && same[2] == 65280);
    return test_end();
}
