#include "image/tone.h"

#include "image/power.h"
#include "image/transfer.h"

#include <math.h>
#include <string.h>

const char *const tone_transfer_names[N_TONE_TRANSFERS] = {"sdr", "pq", "hlg"};
const char *const tone_primaries_names[N_TONE_PRIMARIES] = {"bt709", "bt2020", "display-p3", "dci-p3"};

/* From their chromaticities (ITU-R BT.709, BT.2020, SMPTE EG 432-1, RP 431-2; DCI's white is adapted to D65 by the
 * Bradford matrix); a row's sum is 1, so that greys stay grey. */
static const int32_t matrices[N_TONE_PRIMARIES][3][3] = {
    [TONE_BT709] = {{65536, 0, 0}, {0, 65536, 0}, {0, 0, 65536}},
    [TONE_BT2020] = {{108822, -38512, -4774}, {-8163, 74246, -547}, {-1190, -6592, 73318}},
    [TONE_P3] = {{80278, -14742, 0}, {-2756, 68292, 0}, {-1287, -5153, 71976}},
    [TONE_P3_DCI] = {{75859, -10156, -167}, {-2720, 68523, -267}, {-1183, -5150, 71869}},
};
static const int32_t luminance_2020[3] = {17216, 44434, 3886}; /* 0.2627, 0.6780, 0.0593 */

static const double white = TONE_WHITE;
static const double hlg_peak = 1000.0; /* cd/m2, of the display that BT.2100's system gamma of 1.2 is for */

bool tone_is_needed(const struct tone_rules *r)
{
    return r->transfer != TONE_SDR || r->primaries != TONE_BT709;
}

/* --- transfer ----------------------------------------------------------------------------------------------------- */

/* SMPTE ST 2084: its constants, a code's share of 10,000 cd/m2, and back. */
static const double pq_m1 = 2610.0 / 16384.0, pq_m2 = 2523.0 / 4096.0 * 128.0, pq_c1 = 3424.0 / 4096.0,
                    pq_c2 = 2413.0 / 4096.0 * 32.0, pq_c3 = 2392.0 / 4096.0 * 32.0;

static double light_of_pq(double code)
{
    const double n = power(code, 1.0 / pq_m2);

    return power(fmax(n - pq_c1, 0.0) / (pq_c2 - pq_c3 * n), 1.0 / pq_m1);
}

static double pq_of_light(double light)
{
    const double y = power(light, pq_m1);

    return power((pq_c1 + pq_c2 * y) / (1.0 + pq_c3 * y), pq_m2);
}

/* ARIB STD-B67: the scene's light, 0..1. */
static double light_of_hlg(double code)
{
    const double a = 0.17883277, b = 1.0 - 4.0 * a, c = 0.55991073; /* 0.5 - a ln(4 a) */
    const double log_2_e = 1.44269504088896340736;

    return code <= 0.5 ? code * code / 3.0 : (power_of_two((code - c) / a * log_2_e) + b) / 12.0;
}

/* IEC 61966-2-1, as transfer_light has it, but by power.h: more codes than its 256, of which some may lie near a half.
 */
static double light_of_srgb(double code)
{
    return code <= 0.04045 ? code / 12.92 : power((code + 0.055) / 1.055, 2.4);
}

double tone_pq_light(uint32_t level)
{
    return 10000.0 * light_of_pq(level / (TONE_LEVELS - 1.0));
}

uint32_t tone_brightest(const struct frame *f)
{
    const int one = 1 << (f->depth - 8), black = f->full_range ? 0 : 16 * one;
    const int range = f->full_range ? (1 << f->depth) - 1 : 219 * one;
    uint32_t n_of[TONE_LEVELS] = {0};
    int64_t n_above = (int64_t)f->width * f->height / 1000;
    uint32_t brightest = TONE_LEVELS - 1;

    for (int y = 0; y < f->height; y++) {
        const uint8_t *row = (const uint8_t *)f->plane[0] + y * f->stride[0];
        for (int x = 0; x < f->width; x++) {
            const int v = f->depth == 8 ? row[x] : (row[2 * x] | row[2 * x + 1] << 8) >> f->shift;
            const int level = v < black ? 0 : v - black > range ? range : v - black;
            n_of[(int64_t)level * (TONE_LEVELS - 1) / range]++;
        }
    }
    while (brightest > 0 && (n_above -= n_of[brightest]) >= 0)
        brightest--;
    return brightest;
}

/* --- the curve of BT.2390 ----------------------------------------------------------------------------------------- */

/* Light (cd/m2) of a source whose brightest is peak, on a display whose white is `white`. Black stays black. */
static double roll_off(double light, double peak)
{
    const double top = pq_of_light(peak / 10000.0), most = pq_of_light(white / 10000.0) / top;
    const double knee = 1.5 * most - 0.5, e = pq_of_light(fmin(light, peak) / 10000.0) / top;

    if (most >= 1.0 || e < knee)
        return fmin(light, white);
    const double t = (e - knee) / (1.0 - knee), square = t * t, cube = square * t;
    const double p = (2.0 * cube - 3.0 * square + 1.0) * knee + (cube - 2.0 * square + t) * (1.0 - knee) +
                     (-2.0 * cube + 3.0 * square) * most;
    return 10000.0 * light_of_pq(p * top);
}

/* --- tables ------------------------------------------------------------------------------------------------------- */

/* The light that stands at an entry of a curve. */
static double light_at(int entry)
{
    const int shift = entry >> TONE_STEP_BITS > 1 ? (entry >> TONE_STEP_BITS) - 1 : 0;

    return ldexp(entry - (shift << TONE_STEP_BITS), shift);
}

static uint32_t fixed(double value, double one)
{
    return (uint32_t)floor(fmin(value * one + 0.5, 4294967295.0));
}

static void fill_gain(struct tone *t, const struct tone_rules *r)
{
    const double most = ldexp(1.0, TONE_LIGHT_BITS), to = 65535.0 * 256.0 * 16777216.0;
    const double whole = r->transfer == TONE_PQ ? 10000.0 : r->transfer == TONE_HLG ? hlg_peak : white;
    const double peak = r->transfer == TONE_PQ ? r->peak : whole;

    for (int i = 0; i < TONE_CURVE; i++) {
        const double light = fmax(light_at(i), 1.0), shown = light / most * whole;
        const double mapped = r->transfer == TONE_SDR ? fmin(shown, white) : roll_off(shown, peak);
        t->gain[i] = fixed(mapped / white / light, to);
    }
}

void tone_init(struct tone *t, const struct tone_rules *r)
{
    double (*const light_of[N_TONE_TRANSFERS])(double) = {light_of_srgb, light_of_pq, light_of_hlg};

    memset(t, 0, sizeof *t);
    memcpy(t->matrix, matrices[r->primaries], sizeof t->matrix);
    memcpy(t->luminance, luminance_2020, sizeof t->luminance);
    transfer_init(&t->transfer, false);
    t->is_hlg = r->transfer == TONE_HLG;
    for (int i = 0; i < TONE_CODES; i++)
        t->light[i] = fixed(light_of[r->transfer](i / (TONE_CODES - 1.0)), ldexp(1.0, TONE_LIGHT_BITS));
    for (int i = 0; i < TONE_CURVE; i++)
        t->system[i] = fixed(power(light_at(i) / ldexp(1.0, TONE_LIGHT_BITS), 0.2), 1 << 30);
    fill_gain(t, r);
}
