/* test_cpu: the cpu backend, which defines every step, against oracles written here straightforwardly in double
 * precision: colour conversion, area averages, light, and what must hold of every clustering. */
#include "compute/cpu.h"
#include "tests/backend/frames.h"
#include "tests/unit/test.h"

#include <math.h>

static void *room(size_t bytes)
{
    void *p = calloc(1, bytes ? bytes : 1);

    if (!p) {
        printf("out of memory\n");
        exit(1);
    }
    return p;
}

static struct compute *open_cpu(int width, int height, int batch, bool legacy, const struct kmeans_settings *kmeans)
{
    struct compute_setup setup = {.batch = batch,
                                  .picture = {.width = width, .height = height, .legacy = legacy, .want_lines = true},
                                  .kmeans = *kmeans};
    struct compute *c;

    if (!CHECK_INT(compute_open(&compute_cpu, &setup, &c), ST_OK)) {
        printf("  %s\n", status_message());
        exit(1);
    }
    return c;
}

static const struct kmeans_settings one_mean = {.k = 1, .n_init = 1};

/* --- convert ------------------------------------------------------------------------------------------------------ */

static double sample_at(const struct frame *f, int plane, int x, int y)
{
    const uint8_t *row = (const uint8_t *)f->plane[plane] + y * f->stride[plane];

    if (f->depth == 8)
        return row[x];
    return (row[2 * x] + 256 * row[2 * x + 1]) >> f->shift;
}

static double clamp(double v)
{
    return v < 0 ? 0 : v > 255 ? 255 : v;
}

/* From the definitions of the standards, without rounding. */
static void oracle_pixel(const struct frame *f, int x, int y, double rgb[3])
{
    static const double kr_kb[][2] = {{0, 0},       {0.299, 0.114}, {0.2126, 0.0722}, {0.2627, 0.0593}, {0.212, 0.087},
                                      {0.30, 0.11}, {0, 0}};
    const double kr = kr_kb[f->matrix][0], kb = kr_kb[f->matrix][1], kg = 1 - kr - kb;
    const double one = pow(2, f->depth) - 1, unit = pow(2, f->depth - 8);
    const double black = f->full_range ? 0 : 16 * unit, white = f->full_range ? one : 235 * unit;
    const double chroma_range = f->full_range ? one : 224 * unit;
    const int cx = x >> f->chroma_w_log2, cy = y >> f->chroma_h_log2;
    const bool is_rgb = f->n_planes == 3 && f->matrix == FRAME_RGB;
    double luma[3], u = 128 * unit, v = 128 * unit;

    for (int i = 0; i < 3; i++)
        luma[i] = (sample_at(f, is_rgb ? (i + 2) % 3 : 0, x, y) - black) / (white - black);
    if (f->n_planes == 2) {
        u = sample_at(f, 1, 2 * cx, cy);
        v = sample_at(f, 1, 2 * cx + 1, cy);
    } else if (f->n_planes == 3 && !is_rgb) {
        u = sample_at(f, 1, cx, cy);
        v = sample_at(f, 2, cx, cy);
    }
    if (f->matrix == FRAME_YCGCO) { /* ITU-T H.273, equations 47 to 50, of a scale with luma */
        const double cg = (u - 128 * unit) / (white - black), co = (v - 128 * unit) / (white - black);
        rgb[0] = clamp(255 * (luma[0] - cg + co));
        rgb[1] = clamp(255 * (luma[0] + cg));
        rgb[2] = clamp(255 * (luma[0] - cg - co));
        return;
    }
    u = (u - 128 * unit) / chroma_range;
    v = (v - 128 * unit) / chroma_range;
    rgb[0] = clamp(255 * (luma[0] + 2 * (1 - kr) * v));
    rgb[1] = clamp(255 * (luma[1] - 2 * (1 - kr) * kr / kg * v - 2 * (1 - kb) * kb / kg * u));
    rgb[2] = clamp(255 * (luma[2] + 2 * (1 - kb) * u));
}

static void test_colours(const struct form *form, int width, int height, enum content content)
{
    struct made_frame m;
    struct compute *c = open_cpu(width, height, 1, false, &one_mean);
    uint8_t *rgb = room(3 * (size_t)width * (size_t)height);
    double worst = 0;

    made_frame_init(&m, form, width, height, content, 5);
    CHECK_INT(compute_convert(c, 0, &m.frame), ST_OK);
    CHECK_INT(compute_pixels(c, 0, rgb), ST_OK);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            double wanted[3];
            oracle_pixel(&m.frame, x, y, wanted);
            for (int i = 0; i < 3; i++)
                worst = fmax(worst, fabs(rgb[3 * (y * width + x) + i] - wanted[i]));
        }
    /* half a level, and the coefficients' part */
    if (!CHECK(worst <= (form->matrix == FRAME_RGB && form->depth == 8 ? 0 : 0.55)))
        printf("  %s, %d x %d: %.3f levels off\n", form->name, width, height, worst);
    made_frame_release(&m);
    compute_close(&c);
    free(rgb);
}

/* --- area --------------------------------------------------------------------------------------------------------- */

static double to_light(double v, bool legacy)
{
    v /= 255;
    return legacy ? v : v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static double from_light(double v, bool legacy)
{
    return 255 * (legacy ? v : v <= 0.0031308 ? v * 12.92 : 1.055 * pow(v, 1 / 2.4) - 0.055);
}

static double overlap(double a, double b, double c, double d)
{
    return fmax(0, fmin(b, d) - fmax(a, c));
}

static void test_area(int width, int height, int w, int h, bool legacy, enum content content)
{
    struct made_frame m;
    struct compute *c = open_cpu(w, h, 1, legacy, &one_mean);
    uint8_t *rgb = room(3 * (size_t)w * (size_t)h), *lines = room(3 * (size_t)h);
    const int64_t number = 0;
    struct frame_clusters clusters;
    struct frame_light light;
    double worst = 0, worst_line = 0, sums[3] = {0};

    made_frame_init(&m, &forms[FORM_RGB], width, height, content, 11);
    CHECK_INT(compute_convert(c, 0, &m.frame), ST_OK);
    CHECK_INT(compute_pixels(c, 0, rgb), ST_OK);
    CHECK_INT(compute_cluster(c, 1, &number, &clusters, &light, &lines), ST_OK);
    for (int y = 0; y < h; y++) {
        double line[3] = {0};
        for (int x = 0; x < w; x++) {
            const double x0 = (double)x * width / w, x1 = (double)(x + 1) * width / w;
            const double y0 = (double)y * height / h, y1 = (double)(y + 1) * height / h;
            double sum[3] = {0}, area = 0;
            for (int sy = (int)y0; sy < height && sy < y1; sy++)
                for (int sx = (int)x0; sx < width && sx < x1; sx++) {
                    const double part = overlap(x0, x1, sx, sx + 1) * overlap(y0, y1, sy, sy + 1);
                    double p[3];
                    oracle_pixel(&m.frame, sx, sy, p);
                    area += part;
                    for (int i = 0; i < 3; i++)
                        sum[i] += part * to_light(p[i], legacy);
                }
            for (int i = 0; i < 3; i++) {
                const uint8_t found = rgb[3 * (y * w + x) + i];
                worst = fmax(worst, fabs(found - from_light(sum[i] / area, legacy)));
                line[i] += to_light(found, legacy) / w;
                sums[i] += to_light(found, legacy);
            }
        }
        for (int i = 0; i < 3; i++)
            worst_line = fmax(worst_line, fabs(lines[3 * y + i] - from_light(line[i], legacy)));
    }
    if (!CHECK(worst <= 1 && worst_line <= 1))
        printf("  %d x %d to %d x %d%s: pixels %.3f, lines %.3f levels off\n", width, height, w, h,
               legacy ? " legacy" : "", worst, worst_line);
    for (int i = 0; i < 3; i++)
        CHECK(fabs((double)light.sum[i] / 65535 - sums[i]) <= 1e-5 * w * h);
    made_frame_release(&m);
    compute_close(&c);
    free(rgb);
    free(lines);
}

/* --- k-means ------------------------------------------------------------------------------------------------------ */

/* Pixels of one frame as RGB bytes, clustered by the given loops. */
static struct frame_clusters cluster_weighed(const struct kmeans_settings *settings,
                                             const struct cpu_kmeans_loops *loops, const uint8_t *rarity,
                                             const uint8_t *rgb, uint32_t n_pixels, int64_t frame_number)
{
    struct frame_clusters out = {0};
    struct cpu_kmeans *km;

    if (CHECK_INT(cpu_kmeans_open(&km, settings, rarity, n_pixels, loops), ST_OK))
        cpu_kmeans_frame(km, rgb, frame_number, &out);
    cpu_kmeans_close(&km);
    return out;
}

static struct frame_clusters cluster(const struct kmeans_settings *settings, const struct cpu_kmeans_loops *loops,
                                     const uint8_t *rgb, uint32_t n_pixels, int64_t frame_number)
{
    return cluster_weighed(settings, loops, NULL, rgb, n_pixels, frame_number);
}

static bool same_clusters(const struct frame_clusters *a, const struct frame_clusters *b)
{
    return a->n == b->n && a->inertia == b->inertia && memcmp(a->centre, b->centre, sizeof a->centre) == 0 &&
           memcmp(a->count, b->count, sizeof a->count) == 0;
}

static int64_t distance(const struct frame_clusters *c, int j, const uint8_t *p)
{
    int64_t sum = 0;

    for (int i = 0; i < 3; i++)
        sum += ((int64_t)c->centre[j][i] - 256 * p[i]) * ((int64_t)c->centre[j][i] - 256 * p[i]);
    return sum;
}

/* Counts and inertia are those of the centres; ties between two centres may fall either way, and near ties too, as
 * scores are rounded to 1/256 squared level: the difference is at most 256 (of 65536) for each such pixel. */
static void check_clusters(const struct frame_clusters *c, const uint8_t *rgb, uint32_t n_pixels, int k,
                           const char *name)
{
    uint32_t least[COMPUTE_MAX_K] = {0}, most[COMPUTE_MAX_K] = {0};
    int64_t inertia = 0, n_near = 0, total = 0;
    bool fits = c->n >= 1 && c->n <= k;

    for (uint32_t i = 0; i < n_pixels; i++) {
        int64_t nearest = INT64_MAX;
        int n_candidates = 0;
        for (int j = 0; j < c->n; j++)
            if (distance(c, j, rgb + 3 * i) < nearest)
                nearest = distance(c, j, rgb + 3 * i);
        inertia += nearest;
        for (int j = 0; j < c->n; j++)
            n_candidates += distance(c, j, rgb + 3 * i) <= nearest + 256;
        n_near += n_candidates > 1;
        for (int j = 0; j < c->n; j++)
            if (distance(c, j, rgb + 3 * i) <= nearest + 256) {
                most[j]++;
                least[j] += n_candidates == 1;
            }
    }
    for (int j = 0; j < c->n; j++) {
        total += c->count[j];
        fits = fits && c->count[j] > 0 && c->count[j] >= least[j] && c->count[j] <= most[j];
        fits = fits && (j == 0 || c->count[j] <= c->count[j - 1]);
    }
    for (int j = c->n; j < COMPUTE_MAX_K; j++)
        fits = fits && c->count[j] == 0;
    if (!CHECK(fits && total == n_pixels && c->inertia >= inertia && c->inertia <= inertia + 256 * n_near))
        printf("  %s, k %d: n %d, total %lld of %u, inertia %lld, wanted %lld with %lld ties\n", name, k, c->n,
               (long long)total, n_pixels, (long long)c->inertia, (long long)inertia, (long long)n_near);
}

static uint8_t *made_pixels(enum content content, int width, int height, uint64_t seed)
{
    uint8_t *rgb = room(3 * (size_t)width * (size_t)height);

    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int i = 0; i < 3; i++)
                rgb[3 * (y * width + x) + i] = (uint8_t)(content_sample(content, seed, i, x, y, width, height) >> 8);
    return rgb;
}

static uint32_t count_colours(const uint8_t *rgb, uint32_t n_pixels)
{
    uint8_t *seen = room(1 << 21);
    uint32_t n = 0;

    for (uint32_t i = 0; i < n_pixels; i++) {
        const uint32_t code = rgb[3 * i] | (uint32_t)rgb[3 * i + 1] << 8 | (uint32_t)rgb[3 * i + 2] << 16;
        n += !(seen[code / 8] >> code % 8 & 1);
        seen[code / 8] = (uint8_t)(seen[code / 8] | 1 << code % 8);
    }
    free(seen);
    return n;
}

/* Every way to look light up, on every byte and on odd lengths, adds what the table says. */
/* Light is averaged, then mapped. */
static void test_tone(void)
{
    static const struct tone_rules rules[] = {
        {TONE_PQ, TONE_BT2020, 1000}, {TONE_HLG, TONE_BT2020, 0}, {TONE_SDR, TONE_P3, 0}};
    static struct tone tone;

    for (size_t r = 0; r < sizeof rules / sizeof *rules; r++) {
        const struct compute_setup setup = {
            .batch = 1, .picture = {.width = 1, .height = 1, .tone = rules[r]}, .kmeans = one_mean};
        struct compute *c;
        tone_init(&tone, &rules[r]);
        CHECK_INT(compute_open(&compute_cpu, &setup, &c), ST_OK);
        for (int i = 0; i < 500; i++) {
            const uint16_t y[2] = {(uint16_t)(64 + 876 * i / 499), (uint16_t)(940 - 37 * i % 877)};
            const uint16_t u = (uint16_t)(512 + (i * 7) % 97 - 48), v = (uint16_t)(512 + (i * 11) % 97 - 48);
            const struct frame f = {.plane = {y, &u, &v},
                                    .stride = {4, 2, 2},
                                    .n_planes = 3,
                                    .width = 2,
                                    .height = 1,
                                    .chroma_w_log2 = 1,
                                    .depth = 10,
                                    .matrix = FRAME_BT2020};
            uint8_t found[3], wanted[3];
            double light[3] = {0};

            for (int x = 0; x < 2; x++) {
                const double luma = (y[x] - 64) / 876.0, cb = (u - 512) / 896.0, cr = (v - 512) / 896.0;
                const double rgb[3] = {luma + 1.4746 * cr, luma - 0.16455313 * cb - 0.57135313 * cr,
                                       luma + 1.8814 * cb};
                for (int ch = 0; ch < 3; ch++)
                    light[ch] += tone.light[lround(fmin(fmax(rgb[ch], 0.0), 1.0) * (TONE_CODES - 1))];
            }
            const uint32_t mean[3] = {(uint32_t)lround(light[0] / 2), (uint32_t)lround(light[1] / 2),
                                      (uint32_t)lround(light[2] / 2)};
            tone_map(&tone, mean, wanted);
            CHECK_INT(compute_convert(c, 0, &f), ST_OK);
            CHECK_INT(compute_pixels(c, 0, found), ST_OK);
            for (int ch = 0; ch < 3; ch++)
                if (!CHECK(abs(found[ch] - wanted[ch]) <= 1)) /* a code is rounded to either side */
                    printf("    %s: %d %d %d %d: wanted %d, found %d\n", tone_transfer_names[rules[r].transfer], y[0],
                           y[1], u, v, wanted[ch], found[ch]);
        }
        compute_close(&c);
    }
}

static void test_add_linear(bool legacy)
{
    enum { MOST = 200 };
    struct transfer transfer;
    uint8_t row[256 + MOST];
    uint32_t found[256 + MOST], wanted[256 + MOST];
    cpu_add_linear *const ways[] = {cpu_add_linear_plain, cpu_best_add_linear()};

    transfer_init(&transfer, legacy);
    for (int i = 0; i < 256 + MOST; i++)
        row[i] = (uint8_t)(i < 256 ? i : 37 * i);
    for (int n = 0; n <= 256 + MOST; n += n < 256 ? 256 : 1)
        for (int w = 0; w < 2; w++) {
            const uint32_t weight = n % 3 ? (uint32_t)n * 77 : 1;
            for (int i = 0; i < 256 + MOST; i++) {
                found[i] = (uint32_t)i * 1000003u;
                wanted[i] = found[i] + (i < n ? weight * transfer.linear[row[i]] : 0);
            }
            ways[w](&transfer, row, weight, n, found);
            CHECK(memcmp(found, wanted, sizeof found) == 0);
        }
}

static bool have_avx2(void)
{
#if defined __x86_64__
    return __builtin_cpu_supports("avx2");
#else
    return false;
#endif
}

/* Both loops give the same; clusters fit their pixels; no more clusters than colours. */
static void test_search(enum content content, int width, int height)
{
    static const int k[] = {1, 2, 3, 5, 8, 16, 32};
    const uint32_t n_pixels = (uint32_t)(width * height);

    for (size_t i = 0; i < sizeof k / sizeof *k; i++)
        for (int plain = 0; plain < 2; plain++) {
            const struct kmeans_settings settings = {
                .k = k[i], .n_init = plain ? 2 : 30, .plain = plain, .seed = 99 + i};
            uint8_t *rgb = made_pixels(content, width, height, i);
            const uint32_t n_colours = count_colours(rgb, n_pixels);
            const struct frame_clusters found = cluster(&settings, &cpu_kmeans_plain, rgb, n_pixels, 1234);
            char name[64];

            snprintf(name, sizeof name, "content %d, %d x %d%s", content, width, height, plain ? ", plain" : "");
            check_clusters(&found, rgb, n_pixels, k[i], name);
            CHECK((uint32_t)found.n <= n_colours);
            if (n_colours <= (uint32_t)k[i])
                CHECK((uint32_t)found.n == n_colours && found.inertia == 0);
#if defined __x86_64__
            if (have_avx2()) {
                const struct frame_clusters fast = cluster(&settings, &cpu_kmeans_avx2, rgb, n_pixels, 1234);
                if (!CHECK(same_clusters(&found, &fast)))
                    printf("  %s, k %d: plain C and AVX2 differ\n", name, k[i]);
            }
#endif
            free(rgb);
        }
}

/* The least inertia of all ways to part n weighted colours into at most k groups, in squared levels. */
static double best_partition(const uint8_t *colour, const int *weight, int n, int k)
{
    double squares = 0, best = INFINITY;
    long n_ways = 1;

    for (int i = 0; i < n; i++) {
        n_ways *= k;
        for (int c = 0; c < 3; c++)
            squares += (double)weight[i] * colour[3 * i + c] * colour[3 * i + c];
    }
    for (long way = 0; way < n_ways; way++) {
        double sum[3][4] = {{0}}, inertia = squares;
        long rest = way;
        for (int i = 0; i < n; i++, rest /= k) {
            for (int c = 0; c < 3; c++)
                sum[rest % k][c] += weight[i] * colour[3 * i + c];
            sum[rest % k][3] += weight[i];
        }
        for (int j = 0; j < k; j++)
            for (int c = 0; c < 3 && sum[j][3] > 0; c++)
                inertia -= sum[j][c] * sum[j][c] / sum[j][3];
        best = fmin(best, inertia);
    }
    return best;
}

/* On inputs small enough to try everything, the search finds the best there is; yields whether it did. Seeding is
 * greedy and random, so that a stray case in a hundred may end in another local optimum, a little worse. */
static bool reaches_optimum(int k, int n_colours, uint64_t seed)
{
    const struct kmeans_settings settings = {.k = k, .n_init = 48, .seed = seed};
    uint8_t colour[3 * 10], *rgb;
    int weight[10];
    uint32_t n_pixels = 0, at = 0;

    for (int i = 0; i < n_colours; i++) {
        for (int c = 0; c < 3; c++)
            colour[3 * i + c] = (uint8_t)mix_bits(seed + 100 * (uint64_t)i + (uint64_t)c);
        colour[3 * i] = (uint8_t)(25 * i); /* all differ */
        weight[i] = 1 + (int)(mix_bits(seed ^ (uint64_t)(7919 * i)) % 20);
        n_pixels += (uint32_t)weight[i];
    }
    rgb = room(3 * n_pixels);
    for (int i = 0; i < n_colours; i++)
        for (int h = 0; h < weight[i]; h++)
            memcpy(rgb + 3 * at++, colour + 3 * i, 3);

    const struct frame_clusters found = cluster(&settings, cpu_kmeans_best_loops(), rgb, n_pixels, (int64_t)seed);
    const double best = best_partition(colour, weight, n_colours, k), ours = (double)found.inertia / 65536;
    const double rounding = n_pixels * 3.0 / (512 * 512) + 1e-6; /* centres are rounded to 1/256 level */
    check_clusters(&found, rgb, n_pixels, k, "tiny");
    if (!CHECK(ours >= best - 1e-6 && ours <= 1.1 * best + rounding))
        printf("  k %d, %d colours, seed %llu: found %.3f, there is %.3f\n", k, n_colours, (unsigned long long)seed,
               ours, best);
    free(rgb);
    return ours <= best + rounding;
}

/* --- weights ------------------------------------------------------------------------------------------------------ */

/* Takes the cluster of these pixels (their mean, their number, or none) out of the others, with its inertia. */
static bool take_dark(struct frame_clusters *c, const uint8_t *rgb, uint32_t n_pixels)
{
    uint64_t sum[3] = {0};
    uint16_t centre[3];
    int dark = -1;

    if (n_pixels == 0)
        return true;
    for (uint32_t i = 0; i < n_pixels; i++)
        for (uint32_t ch = 0; ch < 3; ch++)
            sum[ch] += rgb[3 * i + ch];
    for (int ch = 0; ch < 3; ch++)
        centre[ch] = (uint16_t)floor(256.0 * (double)sum[ch] / n_pixels + 0.5);
    for (int j = 0; j < c->n && dark < 0; j++)
        dark = c->count[j] == n_pixels && memcmp(c->centre[j], centre, sizeof centre) == 0 ? j : -1;
    if (dark < 0)
        return false;
    for (uint32_t i = 0; i < n_pixels; i++)
        c->inertia -= distance(c, dark, rgb + 3 * i);
    for (c->n--; dark < c->n; dark++) {
        c->count[dark] = c->count[dark + 1];
        memcpy(c->centre[dark], c->centre[dark + 1], sizeof centre);
    }
    c->count[c->n] = 0;
    return true;
}

/* How far the worst centre lies from the weighted mean of the pixels nearest to it, in 1/256 level, beyond what
 * rounding and pixels at about the same distance from two centres account for. of_cell NULL: of areas. */
static double off_mean(const struct frame_clusters *c, const uint8_t *of_cell, const uint8_t *rgb, uint32_t n_pixels)
{
    double sum[COMPUTE_MAX_K][4] = {{0}}, loose[COMPUTE_MAX_K] = {0}, worst = 0;

    for (uint32_t i = 0; i < n_pixels; i++) {
        const uint8_t *p = rgb + 3 * i;
        int cell = 0, nearest = 0;
        for (int bit = 7; bit >= 4; bit--)
            for (int ch = 0; ch < 3; ch++)
                cell = 2 * cell + (p[ch] >> bit & 1);
        const double weight = of_cell ? of_cell[cell] : 1;
        for (int j = 1; j < c->n; j++)
            if (distance(c, j, p) < distance(c, nearest, p))
                nearest = j;
        for (int ch = 0; ch < 3; ch++)
            sum[nearest][ch] += weight * 256 * p[ch];
        sum[nearest][3] += weight;
        for (int j = 0; j < c->n; j++)
            if (j != nearest && distance(c, j, p) <= distance(c, nearest, p) + 256) {
                loose[j] += weight * sqrt((double)distance(c, j, p));
                loose[nearest] += weight * sqrt((double)distance(c, j, p));
            }
    }
    for (int j = 0; j < c->n; j++)
        for (int ch = 0; ch < 3; ch++)
            worst = fmax(worst, fabs(sum[j][ch] / sum[j][3] - c->centre[j][ch]) - 0.5 - loose[j] / sum[j][3]);
    return worst;
}

/* Dark pixels apart, the others by areas; where every restart stands still, centres are weighted means. Yields whether
 * they are no means of areas. */
static bool check_weighed(const struct kmeans_settings *s, const uint8_t *rarity, enum content content, int width,
                          int height)
{
    const uint32_t n_pixels = (uint32_t)(width * height);
    const double lightness = s->weights.near_black / 100.0, root = (lightness + 16) / 116;
    const double luminance = lightness > 8 ? root * root * root : lightness * 27 / 24389;
    uint8_t *rgb = made_pixels(content, width, height, 5), *light = room(3 * n_pixels), *dark = room(3 * n_pixels);
    uint32_t n_light = 0, n_dark = 0;
    struct transfer transfer;
    struct weights weights;
    char name[96];

    transfer_init(&transfer, false);
    weights_init(&weights, &s->weights, &s->space, rarity);
    for (uint32_t i = 0; i < n_pixels; i++) {
        const uint16_t *l = transfer.linear;
        const uint8_t *p = rgb + 3 * i;
        if (0.2126 * l[p[0]] + 0.7152 * l[p[1]] + 0.0722 * l[p[2]] < 65535 * luminance - 1e-7)
            memcpy(dark + 3 * n_dark++, p, 3);
        else
            memcpy(light + 3 * n_light++, p, 3);
    }
    struct frame_clusters found = cluster_weighed(s, &cpu_kmeans_plain, rarity, rgb, n_pixels, 77);
    snprintf(name, sizeof name, "content %d, %d x %d, weight %s, near black %d, n-init %d%s", content, width, height,
             weight_names[s->weights.weight], s->weights.near_black, s->n_init, s->plain ? ", plain" : "");
#if defined __x86_64__
    if (have_avx2()) {
        const struct frame_clusters fast = cluster_weighed(s, &cpu_kmeans_avx2, rarity, rgb, n_pixels, 77);
        CHECK(same_clusters(&found, &fast));
    }
#endif
    if (!CHECK(take_dark(&found, dark, n_dark)))
        printf("  %s, k %d: not one cluster of the %u dark pixels\n", name, s->k, n_dark);
    bool is_moved = false;
    if (n_light == 0) {
        CHECK(found.n == 0 && found.inertia == 0);
    } else {
        check_clusters(&found, light, n_light, s->k, name);
        const uint32_t n_colours = count_colours(light, n_light);
        if (n_colours <= (uint32_t)s->k)
            CHECK((uint32_t)found.n == n_colours && found.inertia == 0);
        is_moved = off_mean(&found, NULL, light, n_light) > 0;
        if (s->plain && !CHECK(off_mean(&found, weights.of_cell, light, n_light) <= 1e-6))
            printf("  %s, k %d: a centre is %.3f / 256 off the mean of its weighted pixels\n", name, s->k,
                   off_mean(&found, weights.of_cell, light, n_light));
    }
    free(rgb);
    free(light);
    free(dark);
    return is_moved;
}

static void test_weights(void)
{
    static const int k[] = {1, 2, 3, 8, 31}, near_black[] = {0, 1000, 4500, 9900};
    uint8_t rarity[WEIGHTS_CELLS];
    int n_moved = 0;

    for (int cell = 0; cell < WEIGHTS_CELLS; cell++)
        rarity[cell] = (uint8_t)(1 + mix_bits((uint64_t)cell) % WEIGHTS_MOST);
    for (int weight = 0; weight < N_WEIGHTS; weight++)
        for (size_t b = 0; b < sizeof near_black / sizeof *near_black; b++)
            for (size_t i = 0; i < sizeof k / sizeof *k; i++)
                for (int plain = 0; plain < 2; plain++)
                    for (int content = 0; content < N_CONTENTS; content++) {
                        const struct kmeans_settings s = {.k = k[i],
                                                          .n_init = plain ? 2 : 20,
                                                          .plain = plain,
                                                          .weights = {(enum weight_name)weight, near_black[b]}};
                        const bool is_moved = check_weighed(&s, rarity, (enum content)content, 70, 50);
                        n_moved += is_moved && plain && weight > 0;
                        CHECK(!is_moved || !plain || weight > 0);
                    }
    CHECK(n_moved > 50);

    const struct kmeans_settings full = {.k = 32, .n_init = 5, .weights = {WEIGHT_ACCENT, 0}};
    check_weighed(&full, NULL, CONTENT_NOISE, 160, 150); /* all levels are coarser than the exact one */
}

/* 40 red pixels of 4,000 in a grey noise: areas would rather have one grey more. */
static void test_accent(void)
{
    enum { N = 4000, N_RED = 40 };
    uint8_t *rgb = room(3 * N);
    int n_red[N_WEIGHTS] = {0};

    for (int i = 0; i < N; i++)
        for (int c = 0; c < 3; c++)
            rgb[3 * i + c] = (uint8_t)(i < N_RED ? (c == 0 ? 200 : 30) : 20 + mix_bits((uint64_t)i) % 210);
    for (int weight = WEIGHT_AREA; weight <= WEIGHT_ACCENT; weight++) {
        const struct kmeans_settings s = {.k = 3, .n_init = 48, .weights = {(enum weight_name)weight, 0}};
        const struct frame_clusters found = cluster(&s, cpu_kmeans_best_loops(), rgb, N, 1);
        for (int j = 0; j < found.n; j++)
            if (found.centre[j][0] > found.centre[j][1] + 100 * 256) {
                n_red[weight]++;
                CHECK_INT(found.count[j], N_RED);
            }
    }
    CHECK_INT(n_red[WEIGHT_AREA], 0);
    CHECK_INT(n_red[WEIGHT_ACCENT], 1);
    free(rgb);
}

/* Counts of cells, against cells found by their channels' upper bits; what cannot be clustered. */
static void test_cells(void)
{
    struct compute_setup setup = {
        .batch = 3, .picture = {.width = 40, .height = 30}, .kmeans = {.k = 32, .n_init = 1}, .rarity = NULL};
    int64_t frames[WEIGHTS_CELLS] = {0}, wanted[WEIGHTS_CELLS] = {0};
    struct compute *c = open_cpu(40, 30, 3, false, &setup.kmeans), *refused;
    uint8_t *rgb = room(3 * 40 * 30);

    for (int slot = 0; slot < 3; slot++) {
        bool is_seen[WEIGHTS_CELLS] = {false};
        struct made_frame m;
        made_frame_init(&m, &forms[FORM_RGB], 40, 30, slot == 1 ? CONTENT_GRADIENT : CONTENT_SOFT, 3);
        CHECK_INT(compute_convert(c, slot, &m.frame), ST_OK);
        CHECK_INT(compute_pixels(c, slot, rgb), ST_OK);
        for (int i = 0; i < 40 * 30; i++) {
            int cell = 0;
            for (int bit = 7; bit >= 4; bit--)
                for (int ch = 0; ch < 3; ch++)
                    cell = 2 * cell + (rgb[3 * i + ch] >> bit & 1);
            is_seen[cell] = true;
        }
        for (int cell = 0; cell < WEIGHTS_CELLS; cell++)
            wanted[cell] += 2 * is_seen[cell];
        made_frame_release(&m);
    }
    CHECK_INT(compute_count_cells(c, 3, frames), ST_OK);
    CHECK_INT(compute_count_cells(c, 3, frames), ST_OK); /* adds */
    CHECK(memcmp(frames, wanted, sizeof frames) == 0);
    CHECK_INT(compute_count_cells(c, 4, frames), ST_BUG);
    compute_close(&c);
    free(rgb);

    setup.kmeans.weights.near_black = 1000;
    CHECK_INT(compute_open(&compute_cpu, &setup, &refused), ST_USAGE);
    setup.kmeans = (struct kmeans_settings){.k = 2, .n_init = 1, .weights = {WEIGHT_RARE, 0}};
    CHECK_INT(compute_open(&compute_cpu, &setup, &refused), ST_USAGE);
    setup.kmeans.weights.weight = WEIGHT_ACCENT;
    setup.picture.width = 4097;
    setup.picture.height = 4096;
    CHECK_INT(compute_open(&compute_cpu, &setup, &refused), ST_USAGE);
}

/* A frame's clusters depend on its pixels and its number alone. */
static void test_slots(void)
{
    const struct kmeans_settings settings = {.k = 5, .n_init = 20, .seed = 3};
    struct frame_clusters alone, all[6];
    struct frame_light light[6];
    struct made_frame m[6];
    int64_t number[6];
    struct compute *c = open_cpu(40, 30, 1, false, &settings);

    for (int i = 0; i < 6; i++)
        made_frame_init(&m[i], &forms[0], 64, 48, (enum content)(i % 3), (uint64_t)i);
    number[0] = 7;
    CHECK_INT(compute_convert(c, 0, &m[2].frame), ST_OK);
    CHECK_INT(compute_cluster(c, 1, number, &alone, light, NULL), ST_OK);
    compute_close(&c);
    for (int slot = 0; slot < 6; slot++) {
        c = open_cpu(40, 30, 6, false, &settings);
        for (int i = 0; i < 6; i++) {
            number[i] = i == slot ? 7 : 100 + i;
            CHECK_INT(compute_convert(c, i, &m[i == slot ? 2 : i == 2 ? slot : i].frame), ST_OK);
        }
        CHECK_INT(compute_cluster(c, 6, number, all, light, NULL), ST_OK);
        CHECK(same_clusters(&alone, &all[slot]));
        compute_close(&c);
    }
    for (int i = 0; i < 6; i++)
        made_frame_release(&m[i]);
}

int main(void)
{
    static const int size[][4] = {{64, 36, 16, 9},  {97, 61, 31, 17}, {33, 31, 32, 31},
                                  {20, 15, 47, 31}, {5, 3, 1, 2},     {1, 1, 4, 3}};

    if (!have_avx2())
        printf("no AVX2 here: its loops are not tested\n");
    for (int f = 0; f < N_FORMS; f++) {
        test_colours(&forms[f], 37, 23, CONTENT_NOISE);
        test_colours(&forms[f], 32, 20, CONTENT_GRADIENT);
        test_colours(&forms[f], 1, 1, CONTENT_NOISE);
        test_colours(&forms[f], 2, 2, CONTENT_NOISE);
    }
    for (size_t s = 0; s < sizeof size / sizeof *size; s++)
        for (int i = 0; i < 4; i++)
            test_area(size[s][0], size[s][1], size[s][2], size[s][3], i % 2, i < 2 ? CONTENT_NOISE : CONTENT_SOFT);
    for (int content = 0; content < N_CONTENTS; content++) {
        test_search((enum content)content, 80, 60);
        test_search((enum content)content, 7, 5);
        test_search((enum content)content, 1, 1);
    }
    test_search(CONTENT_NOISE, 160, 150); /* more colours than the polish level holds */
    int n_tiny = 0, n_reached = 0;
    for (int k = 1; k <= 3; k++)
        for (int n = 1; n <= 10; n++)
            for (uint64_t seed = 1; seed <= 8; seed++, n_tiny++)
                n_reached += reaches_optimum(k, n, seed);
    printf("the optimum was reached in %d of %d tiny cases\n", n_reached, n_tiny);
    CHECK(100 * n_reached >= 98 * n_tiny);
    test_tone();
    test_add_linear(false);
    test_add_linear(true);
    test_weights();
    test_accent();
    test_cells();
    test_slots();
    return test_end();
}
