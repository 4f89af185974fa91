/* test_preprocess: deskewing, gradient channels and elastic copies: small cases worked by hand, what must hold for any
 * image, and checksums, since a model only fits images that are preprocessed the same way to the bit. */
#include "haar/data/elastic.h"
#include "haar/data/preprocess.h"
#include "haar/data/preprocess_rules.h"

#include "test.h"

enum { MAX_SIDE = 64, MAX_PIXELS = MAX_SIDE * MAX_SIDE, GUARD = 0xA5 };

static uint8_t in[MAX_PIXELS], out[5 * MAX_PIXELS + 1];
static _Alignas(64) uint8_t scratch[ELASTIC_SCRATCH_BYTES];
static uint32_t noise_state;

static uint32_t noise(void)
{
    noise_state = noise_state * 1664525 + 1013904223;
    return noise_state >> 16;
}

/* FNV-1a */
static uint32_t checksum(uint32_t sum, const uint8_t *bytes, int n)
{
    for (int i = 0; i < n; i++)
        sum = (sum ^ bytes[i]) * 16777619u;
    return sum;
}

static int mass_of(const uint8_t *p, int n)
{
    int mass = 0;

    for (int i = 0; i < n; i++)
        mass += p[i];
    return mass;
}

/* A few random discs: something like a drawing. */
static void draw_blobs(uint32_t seed, int width, int height)
{
    noise_state = seed * 2654435761u + 1;
    memset(in, 0, sizeof in);
    for (int blob = 0; blob < 5; blob++) {
        const int cx = (int)(noise() % (uint32_t)width), cy = (int)(noise() % (uint32_t)height);
        const int radius = 1 + (int)(noise() % (uint32_t)(width / 6 + 1)), level = 100 + (int)(noise() % 156);
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
                if ((x - cx) * (x - cx) + (y - cy) * (y - cy) <= radius * radius)
                    in[y * width + x] = (uint8_t)level;
    }
}

/* --- arithmetic --------------------------------------------------------------------------------------------------- */

static void arithmetic(void)
{
    for (int a = -40; a <= 40; a++)
        for (int bits = 0; bits < 5; bits++) {
            const int64_t q = jq_floor_shift(a, bits);
            CHECK(q * (1 << bits) <= a && (q + 1) * (1 << bits) > a);
        }
    for (int32_t n = 0; n < 1 << 18; n += n < 3000 ? 1 : 37) {
        const int32_t r = jq_root(n);
        CHECK(r * r <= n && (r + 1) * (r + 1) > n);
    }
    CHECK_INT(jq_root((1 << 18) - 1), 511);
    for (int b = 1; b < 60; b++)
        for (int a = -60; a <= 60; a++) {
            const int64_t r = jq_ratio(a, b), twice = 2 * (r * b - (int64_t)a * 65536);
            CHECK(a >= b ? r == 65536 : a <= -b ? r == -65536 : twice <= b && twice >= -b);
        }
    const int64_t big = (int64_t)1 << 52;
    CHECK_INT(jq_ratio(big / 3, big), 21845);
    CHECK_INT(jq_ratio(-big / 2, big), -32768);
    CHECK_INT(jq_ratio(big - 1, big), 65536);
    CHECK_INT(jq_ratio(1, big), 0);
}

static void sampling(void)
{
    static const uint8_t p[4] = {10, 20, 30, 250};

    CHECK_INT(jq_sample(p, 2, 2, 0, 0), 10);
    CHECK_INT(jq_sample(p, 2, 2, 65536, 65536), 250);
    CHECK_INT(jq_sample(p, 2, 2, 32768, 0), 15);
    CHECK_INT(jq_sample(p, 2, 2, 0, 16384), 15);
    CHECK_INT(jq_sample(p, 2, 2, 32768, 32768), 78); /* 77.5 */
    CHECK_INT(jq_sample(p, 2, 2, -32768, 0), 5);     /* half outside */
    CHECK_INT(jq_sample(p, 2, 2, 98304, 98304), 63); /* a quarter of 250 is 62.5 */
    CHECK_INT(jq_sample(p, 2, 2, -65536, 0), 0);
    CHECK_INT(jq_sample(p, 2, 2, -16777216, 16777216), 0);
    CHECK_INT(jq_sample(p, 2, 2, -1, -1), 10);
}

/* --- deskewing ---------------------------------------------------------------------------------------------------- */

static void deskew(int width, int height)
{
    const struct preprocess p = {.deskew = true};

    memset(out, GUARD, sizeof out);
    preprocess_image(&p, in, width, height, out);
    CHECK_INT(out[width * height], GUARD);
}

/* Whole-pixel moves are exact. */
static void centring(void)
{
    static const int corner[][2] = {{0, 0}, {6, 0}, {0, 6}, {6, 6}, {3, 3}, {2, 5}};

    for (size_t i = 0; i < sizeof corner / sizeof corner[0]; i++) {
        memset(in, 0, sizeof in);
        in[corner[i][1] * 7 + corner[i][0]] = 200; /* one pixel has no slant */
        deskew(7, 7);
        CHECK_INT(out[3 * 7 + 3], 200);
        CHECK_INT(mass_of(out, 49), 200);
    }
    memset(in, 0, sizeof in); /* an even side: the middle lies between four pixels */
    in[0] = 200;
    deskew(4, 4);
    CHECK_INT(mass_of(out, 16), 200);
    CHECK(out[5] == 50 && out[6] == 50 && out[9] == 50 && out[10] == 50);

    memset(in, 0, sizeof in);
    deskew(28, 28);
    CHECK_INT(mass_of(out, 28 * 28), 0);
    memset(in, 77, 28 * 28); /* even light is centred and upright already */
    deskew(28, 28);
    CHECK(memcmp(out, in, 28 * 28) == 0);
    in[0] = 9;
    deskew(1, 1);
    CHECK_INT(out[0], 9);
    memset(in, 0, sizeof in); /* a flat line: nothing says how it slants */
    memset(in + 2 * 9, 90, 9);
    deskew(9, 9);
    CHECK_INT(mass_of(out + 4 * 9, 9), 9 * 90);
    CHECK_INT(mass_of(out, 81), 9 * 90);
}

/* A bar that leans by one pixel a row stands upright, and its rows are exact; leaning over further it is righted by as
 * much as is allowed. */
static void slanted_bars(void)
{
    for (int lean = -1; lean <= 1; lean += 2) {
        memset(in, 0, sizeof in);
        for (int y = 0; y < 7; y++)
            for (int x = -1; x <= 1; x++)
                in[(y + 4) * 15 + 7 + x + lean * (y - 3)] = 240;
        deskew(15, 15);
        for (int y = 0; y < 15; y++)
            for (int x = 0; x < 15; x++)
                CHECK_INT(out[y * 15 + x], y >= 4 && y <= 10 && x >= 6 && x <= 8 ? 240 : 0);
    }
    memset(in, 0, sizeof in);
    for (int y = 0; y < 5; y++)
        in[(y + 5) * 15 + 7 + 3 * (y - 2)] = 240;
    deskew(15, 15);
    for (int y = 0; y < 5; y++)
        CHECK_INT(out[(y + 5) * 15 + 7 + 2 * (y - 2)], 240); /* 3 a row less 1 */
}

/* Half a pixel a row: between pixels, but the mass of each row stays. */
static void half_slant(void)
{
    memset(in, 0, sizeof in);
    for (int y = 0; y < 9; y++) {
        const int twice = y - 4 + 20;
        in[(y + 6) * 21 + twice / 2] = (uint8_t)(twice % 2 ? 100 : 200);
        in[(y + 6) * 21 + twice / 2 + 1] = (uint8_t)(twice % 2 ? 100 : 0);
    }
    deskew(21, 21);
    for (int y = 0; y < 9; y++) {
        CHECK_INT(mass_of(out + (y + 6) * 21, 21), 200);
        CHECK(out[(y + 6) * 21 + 10] >= 98); /* the middle column has the most of it */
    }
}

static int64_t covariance(const uint8_t *p, int width, int height)
{
    int64_t m = 0, sx = 0, sy = 0, sxy = 0;

    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            m += p[y * width + x];
            sx += (int64_t)p[y * width + x] * x;
            sy += (int64_t)p[y * width + x] * y;
            sxy += (int64_t)p[y * width + x] * x * y;
        }
    return m ? (m * sxy - sx * sy) / m : 0;
}

/* Shapes that stay inside: the mass is kept but for rounding, they end in the middle, and slant much less. */
static void any_shape(void)
{
    for (uint32_t seed = 0; seed < 50; seed++) {
        memset(in, 0, sizeof in);
        noise_state = seed;
        for (int y = 12; y < 20; y++)
            for (int x = 12; x < 20; x++)
                in[y * 32 + x + (seed % 2 ? y / 3 : -y / 4)] = (uint8_t)(noise() & 255);
        deskew(32, 32);
        const int before = mass_of(in, 1024), after = mass_of(out, 1024);
        CHECK(abs(before - after) <= 60);
        int64_t sum_x = 0, sum_y = 0;
        for (int i = 0; i < 1024; i++) {
            sum_x += out[i] * (2 * (i % 32) - 31);
            sum_y += out[i] * (2 * (i / 32) - 31);
        }
        CHECK(llabs(sum_x) * 50 < after && llabs(sum_y) * 50 < after); /* within 0.01 pixel */
        CHECK(llabs(covariance(out, 32, 32)) * 10 <= llabs(covariance(in, 32, 32)) + 10 * after / 50);
    }
}

/* --- gradients ---------------------------------------------------------------------------------------------------- */

/* in: 9 x 9. The value of each channel at the middle. */
static void check_channels(int c0, int c45, int c90, int c135)
{
    const struct preprocess p = {.gradient = true};
    const int n = 81, middle = 40;

    memset(out, GUARD, sizeof out);
    preprocess_image(&p, in, 9, 9, out);
    CHECK(memcmp(in, out, (size_t)n) == 0);
    CHECK_INT(out[n + middle], c0);
    CHECK_INT(out[2 * n + middle], c45);
    CHECK_INT(out[3 * n + middle], c90);
    CHECK_INT(out[4 * n + middle], c135);
    CHECK_INT(out[5 * n], GUARD);
}

/* A plane that rises by (gx, gy) a pixel from 128 in the middle; its central differences are twice that. */
static void draw_plane(int gx, int gy)
{
    for (int y = 0; y < 9; y++)
        for (int x = 0; x < 9; x++)
            in[y * 9 + x] = (uint8_t)(128 + gx * (x - 4) + gy * (y - 4));
}

static void gradients(void)
{
    for (int sign = -1; sign <= 1; sign += 2) {
        draw_plane(sign * 10, 0);
        check_channels(20, 0, 0, 0);
        draw_plane(0, sign * 10);
        check_channels(0, 0, 20, 0);
        draw_plane(sign * 10, sign * 10); /* sqrt(800) = 28.28 */
        check_channels(0, 28, 0, 0);
        draw_plane(sign * 10, -sign * 10);
        check_channels(0, 0, 0, 28);
        draw_plane(sign * 12, sign * 5); /* length 26; 22.62 of 45 degrees: 13.07 */
        check_channels(13, 13, 0, 0);
        draw_plane(sign * 5, sign * 12);
        check_channels(0, 13, 13, 0);
        draw_plane(-sign * 5, sign * 12);
        check_channels(0, 0, 13, 13);
        draw_plane(-sign * 12, sign * 5);
        check_channels(13, 0, 0, 13);
    }
    draw_plane(0, 0);
    check_channels(0, 0, 0, 0);
    for (int i = 0; i < 81; i++) /* a step: black, then white from the middle column on */
        in[i] = i % 9 >= 4 ? 255 : 0;
    check_channels(255, 0, 0, 0);
    for (int i = 0; i < 81; i++)
        in[i] = i / 9 >= 4 ? 255 : 0;
    check_channels(0, 0, 255, 0);
    for (int i = 0; i < 81; i++)
        in[i] = i / 9 + i % 9 >= 8 ? 255 : 0;
    check_channels(0, 255, 0, 0); /* 360, limited */
    for (int i = 0; i < 81; i++)
        in[i] = i / 9 - i % 9 >= 0 ? 255 : 0;
    check_channels(0, 0, 0, 255);
}

/* The border repeats: half a difference there, and none along a side of one pixel. */
static void borders(void)
{
    jq_gradient((const uint8_t[]){0, 100, 255}, 3, 1, out);
    CHECK(out[0] == 100 && out[1] == 255 && out[2] == 155);
    CHECK_INT(mass_of(out + 3, 9), 0);
    jq_gradient((const uint8_t[]){0, 100, 255}, 1, 3, out);
    CHECK(out[6] == 100 && out[7] == 255 && out[8] == 155);
    CHECK_INT(mass_of(out, 6), 0);
    jq_gradient((const uint8_t[]){200}, 1, 1, out);
    CHECK_INT(mass_of(out, 4), 0);
}

/* --- elastic copies ----------------------------------------------------------------------------------------------- */

static void elastic(int width, int height, uint64_t seed, int64_t image, int copy, uint8_t *to)
{
    memset(scratch, (int)noise() & 255, sizeof scratch); /* what lay there must not matter */
    elastic_copy(seed, image, copy, in, width, height, to, scratch);
}

static void elastic_keys(void)
{
    static uint8_t a[28 * 28], b[28 * 28];
    static const int64_t far = (int64_t)1 << 32;

    draw_blobs(3, 28, 28);
    elastic(28, 28, 1, 5, 1, a);
    CHECK(memcmp(a, in, sizeof a) != 0);
    elastic(28, 28, 1, 5, 1, b);
    CHECK(memcmp(a, b, sizeof a) == 0);
    elastic(28, 28, 1, 5, 2, b);
    CHECK(memcmp(a, b, sizeof a) != 0);
    elastic(28, 28, 1, 6, 1, b);
    CHECK(memcmp(a, b, sizeof a) != 0);
    elastic(28, 28, 2, 5, 1, b);
    CHECK(memcmp(a, b, sizeof a) != 0);
    elastic(28, 28, 1 + (uint64_t)far, 5, 1, b);
    CHECK(memcmp(a, b, sizeof a) != 0);
    elastic(28, 28, 1, 5 + far, 1, b);
    CHECK(memcmp(a, b, sizeof a) != 0);
}

/* A small disc moves, but not far, and keeps about its mass; on average over copies it stays where it is. */
static void elastic_discs(void)
{
    enum { COPIES = 400 };
    static uint8_t copy[28 * 28];
    double sum_x = 0, sum_y = 0, sum_square = 0, sum_mass = 0;

    memset(in, 0, sizeof in);
    for (int i = 0; i < 28 * 28; i++)
        in[i] = (i % 28 - 16) * (i % 28 - 16) + (i / 28 - 12) * (i / 28 - 12) <= 9 ? 250 : 0;
    for (int n = 1; n <= COPIES; n++) {
        int64_t x = 0, y = 0;
        elastic(28, 28, 9, 1, n, copy);
        const int mass = mass_of(copy, 28 * 28);
        for (int i = 0; i < 28 * 28; i++) {
            x += copy[i] * (i % 28);
            y += copy[i] * (i / 28);
        }
        const double dx = (double)x / mass - 16, dy = (double)y / mass - 12;
        CHECK(dx * dx + dy * dy < 6 * 6);
        sum_x += dx;
        sum_y += dy;
        sum_square += dx * dx + dy * dy;
        sum_mass += mass;
    }
    CHECK(sum_x * sum_x < 0.2 * 0.2 * COPIES * COPIES && sum_y * sum_y < 0.2 * 0.2 * COPIES * COPIES);
    CHECK(sum_square > 0.5 * COPIES && sum_square < 4.0 * COPIES); /* a deviation of about 1 pixel each way */
    CHECK(sum_mass > 0.9 * COPIES * mass_of(in, 28 * 28) && sum_mass < 1.1 * COPIES * mass_of(in, 28 * 28));
}

/* All sizes: nothing is written behind the copy, and black stays black. */
static void elastic_sizes(void)
{
    for (int height = 1; height <= MAX_SIDE; height += height < 3 ? 1 : 13)
        for (int width = 1; width <= MAX_SIDE; width += width < 3 ? 1 : 7) {
            memset(in, 0, sizeof in);
            memset(out, GUARD, sizeof out);
            elastic(width, height, 4, width, height, out);
            CHECK_INT(mass_of(out, width * height), 0);
            memset(in, 255, sizeof in);
            elastic(width, height, 4, width, height, out);
            CHECK_INT(out[width * height], GUARD);
        }
    memset(in, 255, sizeof in); /* the largest: white stays white well inside */
    elastic(MAX_SIDE, MAX_SIDE, 4, 1, 1, out);
    CHECK_INT(out[32 * MAX_SIDE + 32], 255);
}

/* --- the same bits everywhere ------------------------------------------------------------------------------------- */

static void checksums(void)
{
    static const int size[][2] = {{28, 28}, {1, 1}, {64, 64}, {19, 40}, {64, 3}, {2, 64}};
    static const uint32_t wanted[6][3] = {{0x849fb06f, 0xb357211e, 0xe1cc2fb4}, {0x7eea1fa8, 0x60d8f208, 0x6f353357},
                                          {0x272d7ff4, 0x7e2226dd, 0x625b88e0}, {0xc3df4c29, 0xc5a1650e, 0x10be83cb},
                                          {0xfdd72b63, 0x0c179995, 0x302d36b4}, {0x49435f29, 0x32293ce2, 0x35d32c3a}};

    for (size_t i = 0; i < sizeof size / sizeof size[0]; i++) {
        const struct preprocess deskewed = {.deskew = true}, both = {.deskew = true, .gradient = true};
        const int width = size[i][0], height = size[i][1], n = width * height;
        uint32_t sum[3] = {2166136261u, 2166136261u, 2166136261u};
        CHECK_INT(preprocess_n_channels(&deskewed), 1);
        CHECK_INT(preprocess_n_channels(&both), 5);
        for (uint32_t seed = 0; seed < 20; seed++) {
            draw_blobs(seed, width, height);
            for (int pixel = 0; seed % 4 == 3 && pixel < n; pixel++)
                in[pixel] = (uint8_t)(noise() & 255);
            preprocess_image(&deskewed, in, width, height, out);
            sum[0] = checksum(sum[0], out, n);
            preprocess_image(&both, in, width, height, out);
            sum[1] = checksum(sum[1], out, 5 * n);
            elastic(width, height, seed << 20, seed, 1 + (int)seed % 3, out);
            sum[2] = checksum(sum[2], out, n);
        }
        for (int kind = 0; kind < 3; kind++)
            if (!CHECK_INT(sum[kind], wanted[i][kind]))
                printf("    %d x %d, kind %d: 0x%08x\n", width, height, kind, sum[kind]);
    }
}

int main(void)
{
    arithmetic();
    sampling();
    centring();
    slanted_bars();
    half_slant();
    any_shape();
    gradients();
    borders();
    elastic_keys();
    elastic_discs();
    elastic_sizes();
    checksums();
    return test_end();
}
