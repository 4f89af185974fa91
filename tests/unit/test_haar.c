/* test_haar: the arithmetic that all training stands on: feature values against sums pixel by pixel, bins and their
 * cuts, powers and logarithms in fixed point against libm. */
#include "compute/haar/weight.h"
#include "unit/haar_plain.h"
#include "unit/test.h"

enum { MOST_PIXELS = HAAR_MAX_CHANNELS * HAAR_MAX_SIDE * HAAR_MAX_SIDE };
enum { MOST_ENTRIES = HAAR_MAX_CHANNELS * (HAAR_MAX_SIDE + 1) * (HAAR_MAX_SIDE + 1) };

struct image {
    int width, height, n_channels;
    uint8_t pixels[MOST_PIXELS];
    int32_t integral[MOST_ENTRIES];
};

static void integrate(struct image *image)
{
    int32_t *entry = image->integral;

    for (int c = 0; c < image->n_channels; c++)
        for (int y = 0; y <= image->height; y++)
            for (int x = 0; x <= image->width; x++, entry++)
                *entry = x == 0 || y == 0 ? 0
                                          : entry[-1] + entry[-image->width - 1] - entry[-image->width - 2] +
                                                image->pixels[(c * image->height + y - 1) * image->width + x - 1];
}

/* ---- values ---- */

/* The rectangle's white pixels get one value, its black ones another. */
static void paint(struct image *image, struct haar_feature f, uint8_t white, uint8_t black)
{
    for (int v = 0; v < f.h; v++)
        for (int u = 0; u < f.w; u++)
            image->pixels[(f.channel * image->height + f.y + v) * image->width + f.x + u] =
                plain_is_white(f, u, v) ? white : black;
    integrate(image);
}

static void check_value(const struct image *image, struct haar_feature f)
{
    static int32_t strided[3 * MOST_ENTRIES];
    const struct haar_corners c = haar_corners_of(f, image->width, image->height);
    const int n_entries = image->n_channels * (image->width + 1) * (image->height + 1);
    const int64_t wanted = plain_value(f, image->pixels, image->width, image->height);

    CHECK(c.n >= 4 && c.n <= HAAR_MAX_CORNERS);
    for (int i = 0; i < HAAR_MAX_CORNERS; i++)
        CHECK(c.offset[i] >= 0 && c.offset[i] < n_entries && (i < c.n || c.factor[i] == 0));
    CHECK_INT(haar_value(&c, image->integral, 1), wanted);
    CHECK(c.most >= 1 && wanted <= c.most && wanted >= (c.is_positive ? 0 : -c.most));
    CHECK(c.is_positive == (f.type == HAAR_BOX));
    for (int i = 0; i < n_entries; i++)
        strided[3 * i + 1] = image->integral[i];
    CHECK_INT(haar_value(&c, strided + 1, 3), wanted);
}

static void test_values(void)
{
    static struct image image;
    struct plain_random random = {.key = 11};
    int n_of_type[HAAR_N_TYPES] = {0};

    for (int t = 0; t < 3000; t++) {
        image.width = t < 64 ? t + 1 : plain_int(&random, 1, t % 3 ? 12 : HAAR_MAX_SIDE);
        image.height = t < 64 ? t + 1 : plain_int(&random, 1, t % 3 ? 12 : HAAR_MAX_SIDE);
        image.n_channels = plain_int(&random, 1, HAAR_MAX_CHANNELS);
        const struct haar_feature f = plain_feature(&random, image.width, image.height, image.n_channels);
        const struct haar_corners c = haar_corners_of(f, image.width, image.height);

        n_of_type[f.type]++;
        for (int i = 0; i < image.n_channels * image.width * image.height; i++)
            image.pixels[i] = (uint8_t)plain_word(&random);
        integrate(&image);
        check_value(&image, f);
        /* The bound is reached, on both sides. */
        paint(&image, f, 255, 0);
        check_value(&image, f);
        CHECK_INT(haar_value(&c, image.integral, 1), c.most);
        paint(&image, f, 0, 255);
        check_value(&image, f);
        CHECK_INT(haar_value(&c, image.integral, 1), c.is_positive ? 0 : -c.most);
        /* On a constant image every value but a box's is 0. */
        paint(&image, f, 255, 255);
        CHECK_INT(haar_value(&c, image.integral, 1), c.is_positive ? c.most : 0);
    }
    for (int type = 0; type < HAAR_N_TYPES; type++)
        CHECK(n_of_type[type] > 100);
}

/* By hand, on 3 x 2 pixels. */
static void test_known_values(void)
{
    static struct image image = {.width = 3, .height = 2, .n_channels = 1, .pixels = {1, 2, 4, 8, 16, 32}};
    static const struct {
        struct haar_feature f;
        int32_t value, most;
    } known[] = {
        {{HAAR_EDGE_H, 0, 0, 0, 3, 2, 0, 1}, 1 + 2 + 4 - 8 - 16 - 32, 3 * 255},
        {{HAAR_EDGE_V, 0, 1, 0, 2, 2, 1, 0}, 2 + 16 - 4 - 32, 2 * 255},
        {{HAAR_EDGE_V, 0, 0, 0, 3, 1, 1, 0}, 2 * 1 - 2 - 4, 2 * 255}, /* one white, two black */
        {{HAAR_LINE_V, 0, 0, 0, 3, 2, 1, 2}, 1 + 4 + 8 + 32 - 2 * (2 + 16), 4 * 255},
        {{HAAR_QUAD, 0, 0, 0, 2, 2, 1, 1}, 1 - 2 - 8 + 16, 2 * 255},
        {{HAAR_QUAD, 0, 0, 0, 3, 2, 1, 1}, 1 - 2 - 4 - 8 + 16 + 32, 3 * 255},
        {{HAAR_BOX, 0, 1, 0, 2, 2, 0, 0}, 2 + 4 + 16 + 32, 4 * 255},
    };

    integrate(&image);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const struct haar_corners c = haar_corners_of(known[i].f, 3, 2);
        CHECK_INT(haar_value(&c, image.integral, 1), known[i].value);
        CHECK_INT(c.most, known[i].most);
    }
}

/* ---- bins ---- */

/* value >= cut <=> bin(value) >= bin: bins do not fall, so it is enough to look at both sides of the cut. */
static void check_cuts(const struct haar_corners *c)
{
    const struct haar_binning b = haar_binning_of(c);
    const int32_t low = c->is_positive ? 0 : -c->most;
    int32_t before = low;

    CHECK_INT(haar_bin(b, low), c->is_positive ? 0 : 1);
    CHECK_INT(haar_bin(b, 0), c->is_positive ? 0 : 128);
    CHECK_INT(haar_bin(b, c->most), 255);
    for (int bin = 1; bin < HAAR_BINS; bin++) {
        const int32_t cut = haar_cut_of(c, bin);
        CHECK(cut >= before && cut <= c->most); /* the last bin is always reached */
        CHECK(haar_bin(b, cut) >= bin);
        CHECK(cut == low || haar_bin(b, cut - 1) < bin);
        before = cut;
    }
}

static void check_all_values(const struct haar_corners *c)
{
    const struct haar_binning b = haar_binning_of(c);
    int32_t cut[HAAR_BINS], bin = c->is_positive ? 0 : 1;

    for (int i = 1; i < HAAR_BINS; i++)
        cut[i] = haar_cut_of(c, i);
    for (int32_t value = c->is_positive ? 0 : -c->most; value <= c->most; value++) {
        const int32_t now = haar_bin(b, value);
        bool is_same = true;
        for (int i = 1; i < HAAR_BINS; i++)
            is_same = is_same && (value >= cut[i]) == (now >= i);
        CHECK(is_same && now >= bin && now < HAAR_BINS);
        bin = now;
    }
}

/* Neighbours are in order, all over the range of the largest features. */
static void check_order(const struct haar_corners *c, struct plain_random *random)
{
    const struct haar_binning b = haar_binning_of(c);
    const int32_t low = c->is_positive ? 0 : -c->most;

    for (int i = 0; i < 200; i++) {
        const int32_t value = low + (int32_t)((uint64_t)plain_word(random) * (uint64_t)((int64_t)c->most - low) >> 32);
        const int32_t here = haar_bin(b, value), next = haar_bin(b, value + 1);
        CHECK(here >= 0 && next >= here && next < HAAR_BINS);
        CHECK(here == 0 || value >= haar_cut_of(c, here));
        CHECK(here == 255 || value < haar_cut_of(c, here + 1));
    }
}

static void test_bins(void)
{
    struct plain_random random = {.key = 12};
    int32_t largest = 0;

    for (int t = 0; t < 400; t++) {
        const int side = t < 40 ? plain_int(&random, 1, 4) : plain_int(&random, 1, HAAR_MAX_SIDE);
        const struct haar_feature f = plain_feature(&random, side, side, 1);
        const struct haar_corners c = haar_corners_of(f, side, side);
        check_cuts(&c);
        check_order(&c, &random);
        if (t < 40 && c.most < 5000)
            check_all_values(&c);
        largest = c.most > largest ? c.most : largest;
    }
    CHECK(largest > 100000000); /* uneven splits with areas that have no common factor */

    /* The largest bound of all: areas of 63 x 63 pixels, one more white than black. */
    const struct haar_corners c = haar_corners_of((struct haar_feature){HAAR_QUAD, 0, 0, 0, 63, 63, 32, 32}, 64, 64);
    CHECK_INT(c.most, 255 * 1985 * 1984);
    check_cuts(&c);
    check_order(&c, &random);
}

/* ---- powers and logarithms ---- */

/* Mantissas are off by 2^-32 of themselves, their product is rounded down by up to 2^-31, the weight to a whole. */
static void check_power(const struct haar_powers *p, int64_t exponent)
{
    const double exact = exp2(HAAR_FINE_BITS + (double)exponent / HAAR_OCTAVE);
    const double found = (double)haar_power(p, exponent);

    CHECK(found <= exact * (1 + exp2(-30.9)));
    CHECK(found > exact * (1 - exp2(-29.9)) - 1);
    CHECK(haar_power(p, exponent + 1) >= haar_power(p, exponent));
}

static uint32_t checksum(const uint32_t *word, int n)
{
    uint32_t sum = 2166136261u; /* FNV-1a, byte by byte, the lowest first */

    for (int i = 0; i < 4 * n; i++)
        sum = (sum ^ (word[i / 4] >> 8 * (i % 4) & 255)) * 16777619u;
    return sum;
}

static void test_powers(void)
{
    struct plain_random random = {.key = 13};
    struct haar_powers p;

    /* The bits of 2^31 * 2^(i / 256) and 2^31 * 2^(i / 65536), rounded to the nearest: a model's bytes hang on them. */
    haar_powers_init(&p);
    CHECK_INT(checksum(p.high, 256), 0x14C48FD0);
    CHECK_INT(checksum(p.low, 256), 0x131CCE9C);
    CHECK_INT(p.high[0], 0x80000000);
    CHECK_INT(p.high[128], 0xB504F334); /* the root of 2 */

    for (int octave = -HAAR_FINE_BITS; octave <= 16; octave++)
        CHECK_INT(haar_power(&p, (int64_t)octave * HAAR_OCTAVE), (int64_t)1 << (HAAR_FINE_BITS + octave));
    for (int64_t e = -(int64_t)48 * HAAR_OCTAVE; e < (int64_t)16 * HAAR_OCTAVE; e += 1 + (plain_word(&random) & 127))
        check_power(&p, e);
    for (int64_t e = 0; e < HAAR_OCTAVE; e++) /* one octave, all of it */
        check_power(&p, e);

    CHECK_INT(haar_power(&p, -(int64_t)HAAR_FINE_BITS * HAAR_OCTAVE - 1), 0);
    CHECK_INT(haar_power(&p, -(int64_t)(HAAR_FINE_BITS + 1) * HAAR_OCTAVE - 1), 0);
    CHECK_INT(haar_power(&p, INT64_MIN), 0);
    CHECK_INT(haar_power(&p, INT32_MIN), 0);
    CHECK_INT(haar_power(&p, (int64_t)16 * HAAR_OCTAVE + 1), (int64_t)1 << 62);
    CHECK_INT(haar_power(&p, INT32_MAX), (int64_t)1 << 62);
    CHECK_INT(haar_power(&p, INT64_MAX), (int64_t)1 << 62);
}

static void test_coarse(void)
{
    CHECK_INT(haar_coarse(0), 0);
    CHECK_INT(haar_coarse(32767), 0);
    CHECK_INT(haar_coarse(32768), 1);
    CHECK_INT(haar_coarse(65536 + 32767), 1);
    CHECK_INT(haar_coarse(65536 + 32768), 2);
    CHECK_INT(haar_coarse((int64_t)1 << HAAR_FINE_BITS), 1 << HAAR_COARSE_BITS);
    CHECK_INT(haar_coarse(((int64_t)1 << 47) - 65536), INT32_MAX);
}

/* Rounded down: the squares lose less than 1/1000 of a unit in all. */
static void check_log(uint64_t x)
{
    const long double exact = log2l((long double)x) * HAAR_OCTAVE;
    const long double off = exact - haar_log2(x);

    CHECK(off > -1e-6L && off < 1.001L);
}

static void test_logs(void)
{
    struct plain_random random = {.key = 14};
    struct haar_powers p;
    int32_t before = -1;

    haar_powers_init(&p);
    for (int octave = 0; octave < 64; octave++) {
        const uint64_t x = (uint64_t)1 << octave;
        CHECK_INT(haar_log2(x), octave * HAAR_OCTAVE);
        CHECK(octave == 0 || haar_log2(x - 1) < octave * HAAR_OCTAVE);
        CHECK(haar_log2(x | 1) >= octave * HAAR_OCTAVE);
    }
    for (uint64_t x = 1; x < 3000; x++) {
        CHECK(haar_log2(x) >= before);
        before = haar_log2(x);
        check_log(x);
    }
    for (int i = 0; i < 20000; i++) {
        const uint64_t x = (uint64_t)plain_word(&random) << 32 | plain_word(&random);
        check_log(x >> plain_int(&random, 0, 63) | 1);
    }
    check_log(UINT64_MAX);
    /* A power's logarithm is its exponent, or one less where the power was rounded down. */
    for (int32_t e = -8 * HAAR_OCTAVE; e < 8 * HAAR_OCTAVE; e += 37) {
        const int32_t found = haar_log2((uint64_t)haar_power(&p, e)) - HAAR_FINE_BITS * HAAR_OCTAVE;
        CHECK(found == e || found == e - 1);
    }
}

static void test_spread(void)
{
    CHECK_INT(haar_spread_step(0), 0);
    CHECK_INT(haar_spread_step(-1), 0);
    CHECK_INT(haar_spread_step(1), 0);
    CHECK_INT(haar_spread_step(2), 16);
    CHECK_INT(haar_spread_step(3), 16 + 9); /* log2(1.5) = 0.585, of 16 steps */
    CHECK_INT(haar_spread_step((int64_t)1 << 46), 46 * 16);
    CHECK_INT(haar_spread_step(((int64_t)1 << 46) - 1), 46 * 16 - 1);
    CHECK(haar_spread_step(INT64_MAX) < HAAR_SPREAD);
}

static void test_scores(void)
{
    const int32_t most = HAAR_MOST_SCORE;

    CHECK_INT(haar_log2(0), 0);
    CHECK_INT(haar_add_vote(5, -7), -2);
    CHECK_INT(haar_add_vote(most - 3, 3), most);
    CHECK_INT(haar_add_vote(most - 3, 4), most);
    CHECK_INT(haar_add_vote(3 - most, -4), -most);
    CHECK_INT(haar_add_vote(most, most / 2), most);
    CHECK_INT(haar_add_vote(-most, -most / 2), -most);
}

int main(void)
{
    test_values();
    test_scores();
    test_known_values();
    test_bins();
    test_powers();
    test_coarse();
    test_logs();
    test_spread();
    return test_end();
}
