/* test_tone: HDR and wide gamut colours against the formulas of the standards in double precision, with matrices worked
 * out from chromaticities: ramps, and colours at random. */
#include "image/power.h"
#include "image/tone.h"
#include "image/transfer.h"

#include "test.h"

#include <math.h>
#include <stdint.h>

static struct tone tone;
static uint64_t state = 1;

static uint32_t below(uint32_t n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((state >> 33) % n);
}

/* --- the standards ------------------------------------------------------------------------------------------------ */

static double pq_light(double v) /* cd/m2 */
{
    const double n = pow(v, 32.0 / 2523.0);

    return 10000.0 * pow(fmax(n - 0.8359375, 0.0) / (18.8515625 - 18.6875 * n), 16384.0 / 2610.0);
}

static double pq_code(double light)
{
    const double y = pow(light / 10000.0, 2610.0 / 16384.0);

    return pow((0.8359375 + 18.8515625 * y) / (1.0 + 18.6875 * y), 2523.0 / 32.0);
}

static double hlg_scene(double v)
{
    const double a = 0.17883277, b = 1.0 - 4.0 * a, c = 0.5 - a * log(4.0 * a);

    return v <= 0.5 ? v * v / 3.0 : (exp((v - c) / a) + b) / 12.0;
}

static double eetf(double light, double peak) /* BT.2390-10, 5.4.1 */
{
    const double lw = pq_code(peak), most = pq_code(203.0) / lw, ks = 1.5 * most - 0.5;
    const double e1 = pq_code(fmin(light, peak)) / lw;

    if (most >= 1.0)
        return fmin(light, 203.0);
    if (e1 < ks)
        return light;
    const double t = (e1 - ks) / (1.0 - ks);
    const double e2 = (2 * t * t * t - 3 * t * t + 1) * ks + (t * t * t - 2 * t * t + t) * (1 - ks) +
                      (-2 * t * t * t + 3 * t * t) * most;
    return pq_light(e2 * lw);
}

static void invert(const double m[3][3], double to[3][3])
{
    double d = 0.0;

    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            const int a = (j + 1) % 3, b = (j + 2) % 3, c = (i + 1) % 3, e = (i + 2) % 3;
            to[i][j] = m[a][c] * m[b][e] - m[a][e] * m[b][c];
        }
    for (int j = 0; j < 3; j++)
        d += m[0][j] * to[j][0];
    for (int i = 0; i < 9; i++)
        to[i / 3][i % 3] /= d;
}

static void times(const double m[3][3], const double v[3], double to[3])
{
    for (int i = 0; i < 3; i++)
        to[i] = m[i][0] * v[0] + m[i][1] * v[1] + m[i][2] * v[2];
}

static void to_xyz(const double xy[4][2], double m[3][3]) /* red, green, blue, white */
{
    double p[3][3], back[3][3], s[3];
    const double w[3] = {xy[3][0] / xy[3][1], 1.0, (1.0 - xy[3][0] - xy[3][1]) / xy[3][1]};

    for (int c = 0; c < 3; c++) {
        p[0][c] = xy[c][0] / xy[c][1];
        p[1][c] = 1.0;
        p[2][c] = (1.0 - xy[c][0] - xy[c][1]) / xy[c][1];
    }
    invert((const double(*)[3])p, back);
    times((const double(*)[3])back, w, s);
    for (int i = 0; i < 3; i++)
        for (int c = 0; c < 3; c++)
            m[i][c] = p[i][c] * s[c];
}

static void expected(const struct tone_rules *r, const double code[3], double rgb[3])
{
    static const double xy[N_TONE_PRIMARIES][4][2] = {
        [TONE_BT709] = {{0.64, 0.33}, {0.30, 0.60}, {0.15, 0.06}, {0.3127, 0.3290}},
        [TONE_BT2020] = {{0.708, 0.292}, {0.170, 0.797}, {0.131, 0.046}, {0.3127, 0.3290}},
        [TONE_P3] = {{0.680, 0.320}, {0.265, 0.690}, {0.150, 0.060}, {0.3127, 0.3290}},
        [TONE_P3_DCI] = {{0.680, 0.320}, {0.265, 0.690}, {0.150, 0.060}, {0.314, 0.351}},
    };
    static const double bradford[3][3] = {
        {0.8951, 0.2664, -0.1614}, {-0.7502, 1.7135, 0.0367}, {0.0389, -0.0685, 1.0296}};
    double from[3][3], to[3][3], back[3][3], cone_back[3][3], v[3], xyz[3], cone[3], m, y = 0.0, share = 1.0;

    for (int c = 0; c < 3; c++)
        v[c] = r->transfer == TONE_PQ    ? pq_light(code[c])
               : r->transfer == TONE_HLG ? hlg_scene(code[c])
                                         : 203.0 * transfer_light(code[c]);
    if (r->transfer == TONE_HLG) {
        const double scene = 0.2627 * v[0] + 0.6780 * v[1] + 0.0593 * v[2];
        for (int c = 0; c < 3; c++)
            v[c] *= 1000.0 * pow(scene, 0.2);
    }
    to_xyz(xy[r->primaries], from);
    to_xyz(xy[TONE_BT709], to);
    invert((const double(*)[3])to, back);
    times((const double(*)[3])from, v, xyz);
    if (r->primaries == TONE_P3_DCI) {
        const double dci[3] = {0.314 / 0.351, 1.0, 0.335 / 0.351}, d65[3] = {0.3127 / 0.3290, 1.0, 0.3583 / 0.3290};
        double a[3], b[3];
        times(bradford, dci, a);
        times(bradford, d65, b);
        times(bradford, xyz, cone);
        for (int c = 0; c < 3; c++)
            cone[c] *= b[c] / a[c];
        invert(bradford, cone_back);
        times((const double(*)[3])cone_back, cone, xyz);
    }
    times((const double(*)[3])back, xyz, v);
    for (int c = 0; c < 3; c++)
        y += (const double[]){0.2126, 0.7152, 0.0722}[c] * v[c];
    for (int c = 0; c < 3; c++)
        share = v[c] < -1e-9 ? fmin(share, fmax(y, 0.0) / (fmax(y, 0.0) - v[c])) : share;
    for (int c = 0; c < 3; c++)
        v[c] = y + share * (v[c] - y);
    m = fmax(v[0], fmax(v[1], v[2]));
    if (m > 0.0) {
        const double shown =
            r->transfer == TONE_SDR ? fmin(m, 203.0) : eetf(m, r->transfer == TONE_PQ ? r->peak : 1000.0);
        for (int c = 0; c < 3; c++)
            v[c] *= shown / m;
    }
    for (int c = 0; c < 3; c++) {
        const double light = fmin(fmax(v[c] / 203.0, 0.0), 1.0);
        rgb[c] = 255.0 * (light <= 0.0031308 ? 12.92 * light : 1.055 * pow(light, 1.0 / 2.4) - 0.055);
    }
}

/* --- against them ------------------------------------------------------------------------------------------------- */

static double check_code(const struct tone_rules *r, const uint32_t code[3])
{
    const double share[3] = {code[0] / (TONE_CODES - 1.0), code[1] / (TONE_CODES - 1.0), code[2] / (TONE_CODES - 1.0)};
    const uint32_t light[3] = {tone.light[code[0]], tone.light[code[1]], tone.light[code[2]]};
    double wanted[3], most = 0.0;
    uint8_t rgb[3];

    tone_map(&tone, light, rgb);
    expected(r, share, wanted);
    for (int c = 0; c < 3; c++)
        most = fmax(most, fabs(rgb[c] - wanted[c]));
    if (!CHECK(most <= 1.0))
        printf("    %s %s %d: code %u %u %u: wanted %.2f %.2f %.2f, found %d %d %d\n", tone_transfer_names[r->transfer],
               tone_primaries_names[r->primaries], r->peak, code[0], code[1], code[2], wanted[0], wanted[1], wanted[2],
               rgb[0], rgb[1], rgb[2]);
    return most;
}

static void rules(const struct tone_rules *r)
{
    double most = 0.0;

    tone_init(&tone, r);
    for (uint32_t i = 0; i < TONE_CODES; i++)
        for (uint32_t mask = 1; mask < 8; mask++) {
            const uint32_t code[3] = {mask & 1 ? i : 0, mask & 2 ? i : 0, mask & 4 ? i : 0};
            most = fmax(most, check_code(r, code));
        }
    for (int i = 0; i < 20000; i++) {
        const uint32_t top = 1 + below(TONE_CODES), code[3] = {below(top), below(top), below(top)};
        most = fmax(most, check_code(r, code));
    }
    printf("%s %s %d: at most %.3f levels off\n", tone_transfer_names[r->transfer], tone_primaries_names[r->primaries],
           r->peak, most);
}

static void powers(void)
{
    for (int i = 0; i < 100000; i++) {
        const double x = (1.0 + below(1u << 31)) / (1.0 + below(1u << 31)), y = (below(2000) - 1000.0) / 37.0;
        const double wanted = pow(x, y);
        if (wanted > 1e-200 && wanted < 1e200)
            CHECK(fabs(power(x, y) / wanted - 1.0) < 1e-13);
    }
    CHECK(power(0.0, 0.2) == 0.0 && power(1.0, 7.0) == 1.0 && power_of_two(10.0) == 1024.0);
    CHECK(fabs(power_of_two(0.5) - sqrt(2.0)) < 1e-15);
}

static void greys(void)
{
    const struct tone_rules all[] = {
        {TONE_PQ, TONE_BT2020, 1000}, {TONE_HLG, TONE_BT2020, 1000}, {TONE_SDR, TONE_P3, 0}};

    for (size_t i = 0; i < 3; i++) {
        uint8_t before = 0, rgb[3];
        tone_init(&tone, &all[i]);
        for (uint32_t code = 0; code < TONE_CODES; code++) {
            const uint32_t light[3] = {tone.light[code], tone.light[code], tone.light[code]};
            tone_map(&tone, light, rgb);
            CHECK(rgb[0] == rgb[1] && rgb[1] == rgb[2] && rgb[0] >= before);
            before = rgb[0];
        }
        CHECK_INT(rgb[0], 255);
    }
}

int main(void)
{
    const struct tone_rules all[] = {{TONE_PQ, TONE_BT2020, 1000},  {TONE_PQ, TONE_BT2020, 4000},
                                     {TONE_PQ, TONE_BT2020, 10000}, {TONE_PQ, TONE_P3, 300},
                                     {TONE_PQ, TONE_BT709, 600},    {TONE_HLG, TONE_BT2020, 1000},
                                     {TONE_HLG, TONE_BT709, 1000},  {TONE_SDR, TONE_BT2020, 0},
                                     {TONE_SDR, TONE_P3, 0},        {TONE_SDR, TONE_P3_DCI, 0}};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        rules(&all[i]);
    powers();
    greys();
    return test_end();
}
