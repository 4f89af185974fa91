/* test_scan: scan_cpu against two oracles written here pixel by pixel: the student project's own loops, in its
 * inclusive coordinates, and the definitions of feature.h; a few images by hand; then every backend with a device
 * against cpu, counts and records, where there is a GPU (else a line says that this part was left out). */
#include "compute/compute.h"
#include "compute/haar/scan.h"
#include "haar/features.h"
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

struct records {
    uint64_t *record;
    size_t n, room;
    int n_calls, fail_at; /* this call fails, counted from 1 */
};

static void add(struct records *r, uint64_t record)
{
    if (r->n == r->room) {
        r->room = r->room ? 2 * r->room : 1024;
        r->record = realloc(r->record, r->room * sizeof *r->record);
        if (!r->record) {
            printf("out of memory\n");
            exit(1);
        }
    }
    r->record[r->n++] = record;
}

static enum status take(void *context, const uint64_t *record, size_t n)
{
    struct records *r = context;

    if (++r->n_calls == r->fail_at)
        return FAIL(ST_IO, "the test's own fault");
    for (size_t i = 0; i < n; i++)
        add(r, record[i]);
    return ST_OK;
}

/* --- images ------------------------------------------------------------------------------------------------------- */

static uint32_t random_state = 1;

static uint32_t draw(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

/* Noise of bytes or of few levels, blocks, gradients, ties on purpose, empty, white. */
static void draw_image(uint8_t *pixels, int width, int height, int kind)
{
    static const uint8_t levels[] = {0, 200, 255, 128};
    const int step = 2 + (int)(draw() % 9), phase = (int)(draw() % 16);

    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint8_t v = 0;
            if (kind % 8 == 0)
                v = (uint8_t)draw();
            else if (kind % 8 == 1)
                v = draw() % 2 ? 255 : 0;
            else if (kind % 8 == 2)
                v = (x + phase) / step % 2 ? 255 : 0;
            else if (kind % 8 == 3)
                v = (y + phase) / step % 2 ? 200 : 0;
            else if (kind % 8 == 4)
                v = ((x + phase) / step + y / step) % 2 ? 255 : 0;
            else if (kind % 8 == 5)
                v = levels[((x + phase) / step * 7 + y / step * 5) % 4];
            else if (kind % 8 == 6)
                v = kind % 16 == 6 ? 255 : 0;
            else
                v = (uint8_t)(x * 255 / width);
            pixels[y * width + x] = v;
        }
}

/* --- the student project's loops: one image, records with value in the order of scan.h ---------------------------- */

struct image {
    const uint8_t *pixels;
    int width;
};

/* Sum of an inclusive rectangle. */
static int64_t sum(struct image m, int x1, int y1, int x2, int y2)
{
    int64_t s = 0;

    for (int y = y1; y <= y2; y++)
        for (int x = x1; x <= x2; x++)
            s += m.pixels[y * m.width + x];
    return s;
}

static void oracle_keep(struct records *r, int64_t number, int type, int x1, int y1, int xs, int ys, bool passes,
                        int64_t value)
{
    if (passes)
        add(r, (uint64_t)number << 41 | (uint64_t)type << 38 | (uint64_t)x1 << 33 | (uint64_t)y1 << 28 |
                   (uint64_t)xs << 23 | (uint64_t)ys << 18 | ((uint64_t)value & 0x3ffff));
}

static void oracle_seed_at(struct records *r, struct image m, int64_t number, int type, int x1, int y1, int xs, int ys,
                           int threshold)
{
    const int x2 = x1 + xs, y2 = y1 + ys;
    int64_t white, black;
    int white_weight, black_weight, bound;

    if (type == HAAR_EDGE_H) {
        const int y3 = (y1 + y2) / 2;
        white = sum(m, x1, y1, x2, y3);
        black = sum(m, x1, y3 + 1, x2, y2);
        white_weight = y3 - y1 + 1;
        black_weight = y2 - y3;
        bound = threshold * (x2 - x1);
    } else if (type == HAAR_EDGE_V) {
        const int x3 = (x1 + x2) / 2;
        white = sum(m, x1, y1, x3, y2);
        black = sum(m, x3 + 1, y1, x2, y2);
        white_weight = x3 - x1 + 1;
        black_weight = x2 - x3;
        bound = threshold * (y2 - y1);
    } else if (type == HAAR_LINE_H) {
        const int y3 = (3 * y1 + y2) / 4, y4 = (y1 + 3 * y2) / 4;
        white = sum(m, x1, y1, x2, y3) + sum(m, x1, y4 + 1, x2, y2);
        black = sum(m, x1, y3 + 1, x2, y4);
        white_weight = y3 - y1 + y2 - (y4 - 1);
        black_weight = y4 - y3;
        bound = threshold * (x2 - x1);
    } else if (type == HAAR_LINE_V) {
        const int x3 = (3 * x1 + x2) / 4, x4 = (x1 + 3 * x2) / 4;
        white = sum(m, x1, y1, x3, y2) + sum(m, x4 + 1, y1, x2, y2);
        black = sum(m, x3 + 1, y1, x4, y2);
        white_weight = x3 - x1 + x2 - (x4 - 1);
        black_weight = x4 - x3;
        bound = threshold * (y2 - y1);
    } else {
        const int x3 = (x1 + x2) / 2, y3 = (y1 + y2) / 2;
        white = sum(m, x1, y1, x3, y3) + sum(m, x3 + 1, y3 + 1, x2, y2);
        black = sum(m, x3 + 1, y1, x2, y3) + sum(m, x1, y3 + 1, x3, y2);
        white_weight = (x3 - x1 + 1) * (y3 - y1 + 1) + (x2 - x3) * (y2 - y3);
        black_weight = (x2 - x3) * (y3 - y1 + 1) + (x3 - x1 + 1) * (y2 - y3);
        bound = threshold;
    }
    /* volatile: one rounding an operation */
    volatile const float w = (float)white / (float)white_weight, b = (float)black / (float)black_weight;
    volatile const float difference = w - b;
    oracle_keep(r, number, type, x1, y1, xs, ys, fabsf(difference) > (float)bound && white != black, white - black);
}

static void oracle_seed(struct records *r, struct image m, int height, int64_t number, int threshold)
{
    for (int type = 0; type < SCAN_TYPES; type++)
        for (int x1 = 0; x1 + 4 < m.width; x1++)
            for (int y1 = 0; y1 + 4 < height; y1++)
                for (int xs = 4; x1 + xs < m.width; xs++)
                    for (int ys = 4; y1 + ys < height; ys++)
                        oracle_seed_at(r, m, number, type, x1, y1, xs, ys, threshold);
}

/* --- the definitions of feature.h, SCAN_MEAN ---------------------------------------------------------------------- */

static bool is_white(const struct haar_feature *f, int x, int y)
{
    switch (f->type) {
    case HAAR_EDGE_H:
        return y < f->b;
    case HAAR_EDGE_V:
        return x < f->a;
    case HAAR_LINE_H:
        return y < f->a || y >= f->b;
    case HAAR_LINE_V:
        return x < f->a || x >= f->b;
    default:
        return (x < f->a) == (y < f->b);
    }
}

static void oracle_mean_at(struct records *r, struct image m, int64_t number, const struct haar_feature *f,
                           int threshold)
{
    int64_t part[2] = {0, 0}, n[2] = {0, 0};

    for (int y = 0; y < f->h; y++)
        for (int x = 0; x < f->w; x++) {
            part[is_white(f, x, y)] += m.pixels[(f->y + y) * m.width + f->x + x];
            n[is_white(f, x, y)]++;
        }
    /* exact: products of less than 2^53 */
    const double value = (double)(part[1] * n[0] - part[0] * n[1]);
    oracle_keep(r, number, f->type, f->x, f->y, f->w - 1, f->h - 1,
                fabs(value) > (double)threshold * (double)(n[0] * n[1]), part[1] - part[0]);
}

/* --- jobs --------------------------------------------------------------------------------------------------------- */

struct set_up {
    struct scan_job job;
    struct haar_feature_list list;
    struct haar_feature *feature;
    uint8_t *pixels, *labels;
};

static void set_up(struct set_up *s, enum haar_set set, int width, int height, int n_images, enum scan_rule rule,
                   int threshold)
{
    const size_t image_bytes = (size_t)width * (size_t)height, n = (size_t)n_images;

    memset(s, 0, sizeof *s);
    haar_feature_list_init(&s->list, set, width, height, false, 1);
    s->feature = room(s->list.n_all * sizeof *s->feature);
    haar_feature_list_all(&s->list, s->feature);
    s->pixels = room(n * image_bytes);
    s->labels = room(n);
    for (int i = 0; i < n_images; i++) {
        draw_image(s->pixels + (size_t)i * image_bytes, width, height, i + n_images);
        s->labels[i] = (uint8_t)(draw() % 3);
    }
    s->job = (struct scan_job){
        .n_threads = 1,
        .width = width,
        .height = height,
        .rule = rule,
        .threshold = threshold,
        .n_features = s->list.n_all,
        .feature = s->feature,
        .n_images = n_images,
        .pixels = s->pixels,
        .labels = s->labels,
    };
}

static void tear_down(struct set_up *s)
{
    free(s->feature);
    free(s->pixels);
    free(s->labels);
}

static enum status run(scan_function *scan, const struct set_up *s, struct records *r, struct scan_result *result)
{
    struct scan_job job = s->job;

    *r = (struct records){0};
    job.context = r;
    job.take = take;
    memset(result, 0xA5, sizeof *result);
    const enum status st = scan(&job, result);
    if (!CHECK_INT(st, ST_OK))
        printf("  %s\n", status_message());
    return st;
}

/* That the records are these and the counts theirs. */
static void check_found(const struct set_up *s, const struct records *found, const struct scan_result *result,
                        const struct records *wanted)
{
    int64_t count[2][SCAN_TYPES] = {{0}};

    for (size_t i = 0; i < wanted->n; i++) {
        const int64_t image = (int64_t)(wanted->record[i] >> 41) - s->job.first_image;
        count[!s->job.labels || s->job.labels[image] != 0][wanted->record[i] >> 38 & 7]++;
    }
    CHECK_INT(found->n, wanted->n);
    if (found->n == wanted->n && wanted->n > 0)
        CHECK(memcmp(found->record, wanted->record, wanted->n * sizeof *wanted->record) == 0);
    if (!CHECK(memcmp(count, result->count, sizeof count) == 0))
        printf("  %s, %dx%d, %lld images, threshold %d\n", haar_set_names[s->list.set], s->job.width, s->job.height,
               (long long)s->job.n_images, (int)s->job.threshold);
    CHECK(result->kernel_seconds >= 0);
}

/* --- scan_cpu ----------------------------------------------------------------------------------------------------- */

static void against_oracle(const struct set_up *s, int n_threads)
{
    struct set_up with = *s;
    struct records found, wanted = {0};
    struct scan_result result;

    with.job.n_threads = n_threads;
    with.job.first_image = 1000;
    for (int64_t i = 0; i < s->job.n_images; i++) {
        const struct image m = {s->pixels + i * s->job.width * s->job.height, s->job.width};
        if (s->job.rule == SCAN_SEED)
            oracle_seed(&wanted, m, s->job.height, 1000 + i, s->job.threshold);
        for (uint32_t f = 0; f < s->list.n_all && s->job.rule == SCAN_MEAN; f++)
            oracle_mean_at(&wanted, m, 1000 + i, &s->feature[f], s->job.threshold);
    }
    if (run(scan_cpu, &with, &found, &result) == ST_OK)
        check_found(&with, &found, &result, &wanted);
    free(found.record);
    free(wanted.record);
}

/* White and black may be equal and pass, where their sizes differ: SCAN_SEED drops those, SCAN_MEAN keeps them. */
static void test_oracles(void)
{
    static const struct {
        enum haar_set set;
        int width, height, n_images;
        enum scan_rule rule;
        int threshold, n_threads;
    } cases[] = {
        {HAAR_SEED, 12, 9, 40, SCAN_SEED, 200, 2},       {HAAR_SEED, 9, 12, 17, SCAN_SEED, 0, 1},
        {HAAR_SEED, 11, 11, 33, SCAN_SEED, 100, 3},      {HAAR_SEED, 16, 16, 16, SCAN_SEED, 128, 1},
        {HAAR_SEED, 5, 5, 300, SCAN_SEED, 51, 2},        {HAAR_SEED, 28, 28, 3, SCAN_SEED, 40, 2},
        {HAAR_SEED, 8, 7, 150, SCAN_SEED, 255, 1},       {HAAR_SEED, 10, 10, 64, SCAN_SEED, 1, 1},
        {HAAR_MULTIBOOST, 10, 7, 35, SCAN_MEAN, 127, 2}, {HAAR_MULTIBOOST, 1, 8, 20, SCAN_MEAN, 200, 1},
        {HAAR_MULTIBOOST, 6, 6, 200, SCAN_MEAN, 254, 2}, {HAAR_MULTIBOOST, 32, 32, 2, SCAN_MEAN, 100, 1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct set_up s;
        set_up(&s, cases[i].set, cases[i].width, cases[i].height, cases[i].n_images, cases[i].rule, cases[i].threshold);
        against_oracle(&s, cases[i].n_threads);
        tear_down(&s);
    }
}

/* Images in which white minus black is the same for many features and lands on the bound itself: what float makes of
 * a third, a seventh and so on decides. */
static void test_ties(void)
{
    for (int threshold = 3; threshold < 120; threshold += 13) {
        struct set_up s;
        set_up(&s, HAAR_SEED, 14, 10, 24, SCAN_SEED, threshold);
        for (int i = 0; i < 24; i++)
            for (int at = 0; at < 14 * 10; at++)
                s.pixels[i * 140 + at] = (uint8_t)(threshold * (i % 3 + 1) / 2 * ((at / (3 + i % 5)) % 2) + i % 7);
        against_oracle(&s, 1);
        tear_down(&s);
    }
}

/* White rows above black ones in an image of 5x5: EDGE_H is 3 rows against 2. */
static void test_by_hand(void)
{
    struct set_up s;
    struct records r;
    struct scan_result result;

    set_up(&s, HAAR_SEED, 5, 5, 1, SCAN_SEED, 200);
    CHECK_INT(s.list.n_all, 5);
    s.labels[0] = 0;
    for (int i = 0; i < 25; i++)
        s.pixels[i] = i < 15 ? 255 : 0;
    s.job.first_image = 5;
    run(scan_cpu, &s, &r, &result);
    /* 1275 - 0 > 200 * 4; LINE_H: rows 0, 1, 4 against 2, 3: 2550 / 3 - 1275 / 2 = 212.5 */
    CHECK_INT(result.count[0][HAAR_EDGE_H], 1);
    CHECK_INT(result.count[0][HAAR_LINE_H] + result.count[0][HAAR_EDGE_V] + result.count[0][HAAR_LINE_V], 0);
    if (CHECK_INT(r.n, 1)) {
        CHECK_INT(r.record[0] >> 41, 5);
        CHECK_INT(r.record[0] >> 38 & 7, HAAR_EDGE_H);
        CHECK_INT(r.record[0] >> 23 & 31, 4);
        CHECK_INT(r.record[0] >> 18 & 31, 4);
        CHECK_INT(r.record[0] & 0x3ffff, 255 * 15);
    }
    free(r.record);

    for (int i = 0; i < 25; i++)
        s.pixels[i] = i < 15 ? 0 : 200;
    s.job.labels = NULL;
    run(scan_cpu, &s, &r, &result); /* 1000 > 800, the other way round */
    CHECK_INT(result.count[1][HAAR_EDGE_H], 1);
    CHECK_INT(result.count[0][HAAR_EDGE_H], 0);
    if (CHECK_INT(r.n, 1))
        CHECK_INT(r.record[0] & 0x3ffff, 0x40000 - 200 * 10);
    free(r.record);

    s.job.threshold = 250; /* 1000 is not more than 1000 */
    run(scan_cpu, &s, &r, &result);
    CHECK_INT(r.n, 0);
    CHECK_INT(result.count[1][HAAR_EDGE_H], 0);
    free(r.record);
    tear_down(&s);
}

/* Counting alone gives the same counts, and so does any number of threads; progress ends at the last image. */
static void note_progress(void *context, int64_t n_done)
{
    int64_t *last = context;

    CHECK(n_done > *last);
    *last = n_done;
}

static void test_counting(void)
{
    struct set_up s;
    struct records r;
    struct scan_result with, without;

    set_up(&s, HAAR_MULTIBOOST, 9, 8, 1000, SCAN_MEAN, 90);
    run(scan_cpu, &s, &r, &with);
    CHECK(r.n > 0);
    free(r.record);
    for (int n_threads = 1; n_threads <= 5; n_threads += 2) {
        int64_t last = 0;
        s.job.n_threads = n_threads;
        s.job.context = &last;
        s.job.progress = note_progress;
        CHECK_INT(scan_cpu(&s.job, &without), ST_OK);
        CHECK(memcmp(with.count, without.count, sizeof with.count) == 0);
        CHECK_INT(last, 1000);
    }
    s.job.n_images = 0;
    s.job.progress = NULL;
    CHECK_INT(scan_cpu(&s.job, &without), ST_OK);
    for (int i = 0; i < 2 * SCAN_TYPES; i++)
        CHECK_INT(without.count[i / SCAN_TYPES][i % SCAN_TYPES], 0);
    tear_down(&s);
}

static void check_failing(scan_function *scan)
{
    struct set_up s;
    struct records r = {.fail_at = 1};
    struct scan_result result;

    set_up(&s, HAAR_MULTIBOOST, 8, 8, 100, SCAN_MEAN, 50);
    s.job.context = &r;
    s.job.take = take;
    CHECK_INT(scan(&s.job, &result), ST_IO);
    CHECK_STR(status_message(), "the test's own fault");
    tear_down(&s);
}

/* --- other backends ----------------------------------------------------------------------------------------------- */

static void compare_with_cpu(scan_function *scan, enum haar_set set, int width, int height, int n_images,
                             enum scan_rule rule, int threshold)
{
    struct set_up s;
    struct records cpu = {0}, other = {0};
    struct scan_result by_cpu, by_other;

    set_up(&s, set, width, height, n_images, rule, threshold);
    s.job.first_image = 77;
    s.job.n_threads = 4;
    if (width > SCAN_MAX_RECORD_SIDE || height > SCAN_MAX_RECORD_SIDE) {
        CHECK_INT(scan_cpu(&s.job, &by_cpu), ST_OK);
        CHECK_INT(scan(&s.job, &by_other), ST_OK);
        CHECK(memcmp(by_cpu.count, by_other.count, sizeof by_cpu.count) == 0);
    } else {
        run(scan_cpu, &s, &cpu, &by_cpu);
        if (run(scan, &s, &other, &by_other) == ST_OK)
            check_found(&s, &other, &by_other, &cpu);
        CHECK_INT(scan(&s.job, &by_other), ST_OK); /* counts only */
        CHECK(memcmp(by_cpu.count, by_other.count, sizeof by_cpu.count) == 0);
        free(other.record);
        s.job.labels = NULL;
        run(scan, &s, &other, &by_other);
        check_found(&s, &other, &by_other, &cpu);
    }
    free(cpu.record);
    free(other.record);
    tear_down(&s);
}

static void test_against_cpu(scan_function *scan)
{
    compare_with_cpu(scan, HAAR_SEED, 28, 28, 1, SCAN_SEED, 200);
    compare_with_cpu(scan, HAAR_SEED, 28, 28, 33, SCAN_SEED, 200);
    compare_with_cpu(scan, HAAR_SEED, 28, 28, 500, SCAN_SEED, 60);
    compare_with_cpu(scan, HAAR_SEED, 28, 28, 40, SCAN_SEED, 0); /* most pass: about 1e7 records */
    compare_with_cpu(scan, HAAR_FULL, 17, 32, 65, SCAN_SEED, 30);
    compare_with_cpu(scan, HAAR_FULL, 32, 32, 70, SCAN_MEAN, 100);
    compare_with_cpu(scan, HAAR_MULTIBOOST, 28, 28, 200, SCAN_MEAN, 128);
    compare_with_cpu(scan, HAAR_MULTIBOOST, 1, 9, 64, SCAN_MEAN, 0);
    compare_with_cpu(scan, HAAR_MULTIBOOST, 7, 3, 10000, SCAN_MEAN, 20);
    compare_with_cpu(scan, HAAR_FULL, 40, 41, 40, SCAN_SEED, 150);
    compare_with_cpu(scan, HAAR_FULL, 64, 64, 17, SCAN_SEED, 100);
    compare_with_cpu(scan, HAAR_MULTIBOOST, 64, 50, 35, SCAN_MEAN, 80);
    check_failing(scan);
}

int main(void)
{
    test_by_hand();
    test_oracles();
    test_ties();
    test_counting();
    check_failing(scan_cpu);
    for (const struct compute_ops *const *ops = compute_backends + 1; *ops; ops++)
        if ((*ops)->scan && (*ops)->n_devices() > 0)
            test_against_cpu((*ops)->scan);
        else
            printf("no device: %s was not compared with cpu\n", (*ops)->name);
    return test_end();
}
