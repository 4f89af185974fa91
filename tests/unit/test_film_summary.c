/* test_film_summary: a barcode at a glance: which columns, in which colours, and what the whole film looks like. And
 * what a film is thought to take, which orders the work of a catalogue. */
#include "catalog/workers/film_summary.h"

#include "catalog/schedule/cost.h"
#include "unit/test.h"

#include <math.h>

enum { MOST = 1000 };

static struct column columns[MOST];

static bool is_near(double a, double b)
{
    return fabs(a - b) < 1e-3;
}

/* n columns, one a second, of one colour: levels 0 to 255. */
static struct barcode plain(int n, unsigned r, unsigned g, unsigned b)
{
    for (int i = 0; i < n; i++) {
        columns[i] = (struct column){.time = i, .mean = {r * 256, g * 256, b * 256}};
        columns[i].clusters.n = 1;
        columns[i].clusters.count[0] = 100;
        columns[i].clusters.centre[0][0] = (uint16_t)(r * 256);
        columns[i].clusters.centre[0][1] = (uint16_t)(g * 256);
        columns[i].clusters.centre[0][2] = (uint16_t)(b * 256);
    }
    return (struct barcode){.n_columns = n, .columns = columns};
}

static struct film_summary summary_of(const struct barcode *b)
{
    struct film_summary s;

    film_summary_make(&s, b);
    return s;
}

/* Hue as HSV has it, lightness as CIE has it for sRGB under D65. */
static void colours(void)
{
    static const struct {
        unsigned r, g, b;
        double hue, lightness, chroma;
    } cases[] = {
        {0, 0, 0, -1.0, 0.0, 0.0},        {255, 255, 255, -1.0, 100.0, 0.0}, {128, 128, 128, -1.0, 53.59, 0.0},
        {255, 0, 0, 0.0, 53.24, 1.0},     {0, 255, 0, 120.0, 87.73, 1.0},    {0, 0, 255, 240.0, 32.30, 1.0},
        {0, 255, 255, 180.0, 91.11, 1.0}, {255, 0, 51, 348.0, NAN, 1.0},     {2, 1, 1, -1.0, NAN, 1.0 / 255.0}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct barcode b = plain(7, cases[i].r, cases[i].g, cases[i].b);
        const struct film_summary s = summary_of(&b);
        CHECK(is_near(s.hue, cases[i].hue));
        CHECK(isnan(cases[i].lightness) || fabs(s.lightness - cases[i].lightness) < 0.01); /* as tables have it */
        CHECK(is_near(s.chroma, cases[i].chroma));
    }
    struct barcode b = plain(2, 255, 0, 0); /* red and cyan: together grey */
    columns[1].mean[0] = 0;
    columns[1].mean[1] = columns[1].mean[2] = 255 * 256;
    CHECK(summary_of(&b).hue == -1.0 && summary_of(&b).chroma < 1e-9);
}

static void bins(void)
{
    struct barcode b = plain(MOST, 10, 20, 30);

    columns[3].clusters.n = 7; /* five of them are shown */
    columns[3].time = 3.0004;
    for (int j = 0; j < 7; j++) {
        columns[3].clusters.count[j] = (uint32_t)(70 - 10 * j);
        columns[3].clusters.centre[j][0] = (uint16_t)(100 * 256 + 127 + j % 2); /* rounds down, then up */
    }
    struct film_summary s = summary_of(&b);
    CHECK_INT(s.n_bins, SUMMARY_MAX_BINS);
    CHECK_INT(s.bin[0].time_ms, 3000); /* the middle of the first 6.25 columns */
    CHECK_INT(s.bin[SUMMARY_MAX_BINS - 1].time_ms, 996000);
    CHECK_INT(s.bin[0].colour[0][0], 100);
    CHECK_INT(s.bin[0].colour[1][0], 101);
    CHECK_INT(s.bin[0].share[0], 64); /* 70 of 280 */
    CHECK_INT(s.bin[0].share[4], 27); /* 30 of 280 */
    CHECK_INT(s.bin[1].share[0], 255);
    CHECK_INT(s.bin[1].share[1], 0);
    for (int i = 1; i < s.n_bins; i++)
        CHECK(s.bin[i].time_ms > s.bin[i - 1].time_ms);

    b = plain(3, 1, 2, 3);
    columns[0].time = -5.0;
    columns[2].time = 1e9;
    s = summary_of(&b);
    CHECK_INT(s.n_bins, 3);
    CHECK_INT(s.bin[0].time_ms, 0);
    CHECK_INT(s.bin[1].colour[0][2], 3);
    CHECK_INT(s.bin[2].time_ms, UINT32_MAX);
    b.n_columns = 0;
    s = summary_of(&b);
    CHECK(s.n_bins == 0 && s.hue == -1.0 && s.lightness == 0.0);
}

static void costs(void)
{
    struct film_probe probe = {.bytes = 100 << 20, .seconds = 600.0, .fps = 25.0, .width = 1920, .height = 1080};
    struct barcode_settings settings = {.box_width = 480, .box_height = 270};

    settings.sampling = (struct sampling){.unit = SAMPLE_FRAMES, .every = 24.0};
    const double all = cost_estimate(&probe, &settings);
    settings.sampling = (struct sampling){.unit = SAMPLE_SECONDS, .every = 24.0 / 25.0};
    CHECK(is_near(cost_estimate(&probe, &settings), all)); /* the same columns, said otherwise */
    settings.sampling = (struct sampling){.unit = SAMPLE_COLUMNS, .every = 625.0};
    CHECK(is_near(cost_estimate(&probe, &settings), all));
    settings.scale = SCALE_FULL;
    CHECK(cost_estimate(&probe, &settings) > all); /* 16 times the pixels are clustered */
    settings.scale = SCALE_FIT;
    settings.sampling.snap_to_keys = true;
    CHECK(cost_estimate(&probe, &settings) < 0.5 * all); /* 625 of 15,000 frames are decoded */
    settings.sampling.snap_to_keys = false;
    probe.seconds = 1200.0;
    const double longer = cost_estimate(&probe, &settings);
    CHECK(longer > 1.5 * all && longer < 2.0 * all);
    probe.seconds = 1e15; /* whatever a header says: no more than its bytes can hold */
    CHECK(cost_estimate(&probe, &settings) < 1e6);
    probe.seconds = 0.0; /* not said: by its bytes */
    CHECK(cost_estimate(&probe, &settings) > 1.0);
}

int main(void)
{
    colours();
    bins();
    costs();
    return test_end();
}
