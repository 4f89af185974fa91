#include "image/space.h"

#include "image/power.h"

#include <math.h>
#include <string.h>

const char *const space_names[N_SPACES] = {"srgb", "oklab", "cielab"};

/* What the two have in common: linear light to three responses, their cube roots (CIELAB's with its straight part), and
 * lightness and two axes of chroma from these. The ranges are those of sRGB's colours. */
struct model {
    double cones[3][3], axis[3][3], constant[3];
    double low[3], high[3]; /* L, a, b */
};

static const struct model models[N_SPACES] = {
    [SPACE_OKLAB] = {.cones = {{0.4122214708, 0.5363325363, 0.0514459929},
                               {0.2119034982, 0.6806995451, 0.1073969566},
                               {0.0883024619, 0.2817188376, 0.6299787005}},
                     .axis = {{0.2104542553, 0.7936177850, -0.0040720468},
                              {1.9779984951, -2.4285922050, 0.4505937099},
                              {0.0259040371, 0.7827717662, -0.8086757660}},
                     .low = {0.0, -0.2339, -0.3116},
                     .high = {1.0, 0.2763, 0.1985}},
    /* XYZ of sRGB (IEC 61966-2-1), each over that of D65 white. */
    [SPACE_CIELAB] = {.cones = {{0.4338873, 0.3762240, 0.1898886},
                                {0.2126390, 0.7151687, 0.0721923},
                                {0.0177500, 0.1094476, 0.8728023}},
                      .axis = {{0.0, 116.0, 0.0}, {500.0, -500.0, 0.0}, {0.0, 200.0, -200.0}},
                      .constant = {-16.0, 0.0, 0.0},
                      .low = {0.0, -86.19, -107.87},
                      .high = {100.0, 98.26, 94.49}},
};

int space_default_chroma(enum space_name space)
{
    return space == SPACE_OKLAB ? 512 : 256;
}

static double weight_of(const struct space_rules *r, int axis)
{
    return axis == 0 ? 1.0 : r->chroma / 256.0;
}

/* Steps a unit: the widest of the three fills 245 of a byte's 256. */
static double steps_of(const struct space_rules *r)
{
    const struct model *m = &models[r->space];
    double widest = 0.0;

    for (int i = 0; i < 3; i++)
        widest = fmax(widest, weight_of(r, i) * (m->high[i] - m->low[i]));
    return 245.0 / widest;
}

/* The byte at which a coordinate of 0 lies: a whole one, so that greys are exactly that, and stay it. */
static double zero_of(const struct space_rules *r, int axis)
{
    return floor(5.5 - weight_of(r, axis) * models[r->space].low[axis] * steps_of(r));
}

/* CIELAB has a straight part below (6/29)^3. */
static double root_of(const struct space_rules *r, double light)
{
    const double third = 6.0 / 29.0;

    if (r->space == SPACE_CIELAB && light <= third * third * third)
        return light / (3.0 * third * third) + 4.0 / 29.0;
    return power(light, 1.0 / 3.0);
}

static double light_of_root(const struct space_rules *r, double root)
{
    const double third = 6.0 / 29.0;

    return r->space == SPACE_CIELAB && root <= third ? 3.0 * third * third * (root - 4.0 / 29.0) : root * root * root;
}

static int32_t rounded(double v)
{
    return (int32_t)floor(v + 0.5);
}

void space_init(struct space *s, const struct space_rules *r)
{
    const struct model *m = &models[r->space];
    struct transfer transfer;

    transfer_init(&transfer, false);
    memcpy(s->linear, transfer.linear, sizeof s->linear);
    for (int i = 0; i < SPACE_CURVE; i++) {
        const double light = fmin(i / (double)(1 << SPACE_CURVE_BITS), 1.0);
        s->curve[i] = (uint32_t)rounded(65536.0 * root_of(r, light));
        s->low[i] = (uint32_t)rounded(65536.0 * root_of(r, light / SPACE_LOW));
    }
    for (int i = 0; i < 3; i++) {
        const double scale = steps_of(r) * weight_of(r, i);
        for (int c = 0; c < 3; c++) {
            s->cones[i][c] = rounded(65536.0 * m->cones[i][c]);
            s->axis[i][c] = rounded(65536.0 * scale * m->axis[i][c]);
        }
        s->offset[i] = rounded(65536.0 * (zero_of(r, i) + scale * m->constant[i]));
    }
}

uint32_t space_byte_of_lightness(const struct space_rules *r, double lightness)
{
    const double root = (lightness + 16.0) / 116.0;
    const double light = lightness > 8.0 ? root * root * root : lightness * 27.0 / 24389.0;
    const double own = r->space == SPACE_CIELAB ? lightness : power(light, 1.0 / 3.0);

    return (uint32_t)rounded(zero_of(r, 0) + steps_of(r) * own);
}

static void invert(const double m[3][3], double to[3][3])
{
    double determinant = 0.0;

    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            const int a = (j + 1) % 3, b = (j + 2) % 3, c = (i + 1) % 3, d = (i + 2) % 3;
            to[i][j] = m[a][c] * m[b][d] - m[a][d] * m[b][c];
        }
    for (int j = 0; j < 3; j++)
        determinant += m[0][j] * to[j][0];
    for (int i = 0; i < 9; i++)
        to[i / 3][i % 3] /= determinant;
}

static void times(const double m[3][3], const double v[3], double to[3])
{
    for (int i = 0; i < 3; i++)
        to[i] = m[i][0] * v[0] + m[i][1] * v[1] + m[i][2] * v[2];
}

/* IEC 61966-2-1 */
static double srgb_of_light(double light)
{
    return light <= 0.0031308 ? 12.92 * light : 1.055 * power(light, 1.0 / 2.4) - 0.055;
}

void space_back_init(struct space_back *back, const struct space_rules *r)
{
    *back = (struct space_back){.rules = *r};
    if (r->space == SPACE_SRGB)
        return;
    invert(models[r->space].axis, back->roots);
    invert(models[r->space].cones, back->light);
    for (int i = 0; i < 3; i++) {
        back->zero[i] = zero_of(r, i);
        back->scale[i] = steps_of(r) * weight_of(r, i);
    }
}

void space_decode(const struct space_back *back, const uint16_t centre[3], uint16_t rgb[3])
{
    const struct space_rules *r = &back->rules;
    const struct model *m = &models[r->space];
    double v[3], root[3], light[3];

    if (r->space == SPACE_SRGB) {
        memcpy(rgb, centre, 3 * sizeof *rgb);
        return;
    }
    for (int i = 0; i < 3; i++)
        v[i] = (centre[i] / 256.0 - back->zero[i]) / back->scale[i] - m->constant[i];
    times(back->roots, v, root);
    for (int i = 0; i < 3; i++)
        root[i] = light_of_root(r, root[i]);
    times(back->light, root, light);
    for (int i = 0; i < 3; i++)
        rgb[i] = (uint16_t)rounded(65280.0 * srgb_of_light(fmin(fmax(light[i], 0.0), 1.0)));
}
