/* bench_scan: the student project's job: 450,000 features on each of 60,000 images of 28 x 28, counted. Rank 0 does all
 * of it alone while the others wait, then all ranks do it together. Beside it the plain loops of that project: one
 * thread, one image and one feature at a time. The counts have to be the same everywhere. */
#include "bench/bench.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "haar/data/dataset.h"
#include "haar/scan/scan.h"
#include "job/resources.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum {
    THRESHOLD = 200, /* the student project's */
    LEAST_SIDE = 5,
    MADE_IMAGES = 60000,
    MADE_SIDE = 28,
    PLAIN_IMAGES = 200
};

struct bench {
    const struct bench_run *run;
    struct resources resources;
    struct dataset set; /* rank 0 has all images, the others their share */
    struct haar_feature_list list;
    struct haar_feature *feature; /* [list.n_all] */
    double *scratch;              /* [2, runs] */
};

struct outcome {
    int64_t count[SCAN_TYPES];
    double kernel_seconds, seconds; /* of one scan, or the medians of several */
};

/* --- images and features ------------------------------------------------------------------------------------------ */

/* Something like a digit: a pen of 3 x 3 pixels goes from point to point, the rest is 0. */
static void draw_image(int64_t number, uint8_t *pixels)
{
    enum { STEPS = 12, N_POINTS = 6 };
    const struct rng_block random = rng_philox(0, (uint32_t)number, 0, 0, 0);
    int x[N_POINTS], y[N_POINTS];

    for (int i = 0; i < N_POINTS; i++) {
        const uint32_t bits = random.word[i / 2] >> i % 2 * 16;
        x[i] = 5 + (int)(bits % 256 * 18 / 256);
        y[i] = 4 + (int)(bits / 256 % 256 * 20 / 256);
    }
    for (int i = 0; i + 1 < N_POINTS; i++)
        for (int step = 0; step <= STEPS; step++) {
            const int at_x = (x[i] * (STEPS - step) + x[i + 1] * step) / STEPS;
            const int at_y = (y[i] * (STEPS - step) + y[i + 1] * step) / STEPS;
            for (int dy = -1; dy <= 1; dy++)
                for (int dx = -1; dx <= 1; dx++) {
                    uint8_t *to = pixels + (at_y + dy) * MADE_SIDE + at_x + dx;
                    const uint8_t ink = dx != 0 && dy != 0 ? 100 : 218;
                    *to = ink > *to ? ink : *to;
                }
        }
}

static enum status make_images(struct dataset *set, int part, int n_parts)
{
    set->width = set->height = MADE_SIDE;
    set->n_total = MADE_IMAGES;
    set->first = dataset_share(set->n_total, part, n_parts);
    set->n = dataset_share(set->n_total, part + 1, n_parts) - set->first;
    set->pixels = mem_array((size_t)set->n, (size_t)MADE_SIDE * MADE_SIDE);
    if (!set->pixels)
        return ST_NOMEM;
    for (int64_t i = 0; i < set->n; i++)
        draw_image(set->first + i, set->pixels + i * MADE_SIDE * MADE_SIDE);
    return ST_OK;
}

/* Collective. */
static enum status load_images(struct bench *b, const char *images)
{
    struct comm *comm = b->run->comm;
    const int part = comm->rank, n_parts = comm->rank > 0 ? comm->size : 1;

    if (!images)
        return comm_agree(comm, make_images(&b->set, part, n_parts));
    return dataset_load(comm, images, NULL, (struct dataset_range){0, -1}, part, n_parts, &b->set);
}

static enum status preprocess(struct bench *b)
{
    TRY(resources_choose(b->run->comm, b->run->backend, b->run->threads, &b->resources));
    if (!b->resources.ops->scan)
        return FAIL(ST_UNSUPPORTED, "backend %s cannot scan", b->resources.ops->name);
    b->scratch = mem_array((size_t)b->run->runs, 2 * sizeof *b->scratch);
    return b->scratch ? ST_OK : ST_NOMEM;
}

static enum status list_features(struct bench *b, const char *images)
{
    haar_feature_list_init(&b->list, HAAR_SEED, b->set.width, b->set.height, false, 1);
    if (b->list.n_all == 0)
        return FAIL(ST_USAGE, "%s: in images of %dx%d there is no feature of the set %s", images, b->set.width,
                    b->set.height, haar_set_names[HAAR_SEED]);
    b->feature = mem_array(b->list.n_all, sizeof *b->feature);
    if (!b->feature)
        return ST_NOMEM;
    haar_feature_list_all(&b->list, b->feature);
    return ST_OK;
}

/* --- the plain loops ---------------------------------------------------------------------------------------------- */

/* Of columns x0..x1 - 1 and rows y0..y1 - 1. table: i32 [height + 1, row]. */
static inline int32_t sum_of(const int32_t *table, int row, int x0, int y0, int x1, int y1)
{
    return table[y1 * row + x1] - table[y0 * row + x1] - table[y1 * row + x0] + table[y0 * row + x0];
}

static inline bool passes(int32_t white, int n_white, int32_t black, int n_black, int bound)
{
    const float difference = (float)white / (float)n_white - (float)black / (float)n_black;

    return fabsf(difference) > (float)bound && white != black;
}

/* The five features of the rectangle from (x0, y0) to before (x3, y3). */
static void plain_rectangle(const int32_t *t, int row, int x0, int y0, int x3, int y3, int64_t count[SCAN_TYPES])
{
    const int xm = (x0 + x3 - 1) / 2 + 1, x1 = (3 * x0 + x3 - 1) / 4 + 1, x2 = (x0 + 3 * (x3 - 1)) / 4 + 1;
    const int ym = (y0 + y3 - 1) / 2 + 1, y1 = (3 * y0 + y3 - 1) / 4 + 1, y2 = (y0 + 3 * (y3 - 1)) / 4 + 1;
    const int left = xm - x0, right = x3 - xm, top = ym - y0, bottom = y3 - ym;
    const int bound_h = THRESHOLD * (x3 - x0 - 1), bound_v = THRESHOLD * (y3 - y0 - 1);

    count[HAAR_EDGE_H] += passes(sum_of(t, row, x0, y0, x3, ym), top, sum_of(t, row, x0, ym, x3, y3), bottom, bound_h);
    count[HAAR_EDGE_V] += passes(sum_of(t, row, x0, y0, xm, y3), left, sum_of(t, row, xm, y0, x3, y3), right, bound_v);
    count[HAAR_LINE_H] += passes(sum_of(t, row, x0, y0, x3, y1) + sum_of(t, row, x0, y2, x3, y3), y1 - y0 + y3 - y2,
                                 sum_of(t, row, x0, y1, x3, y2), y2 - y1, bound_h);
    count[HAAR_LINE_V] += passes(sum_of(t, row, x0, y0, x1, y3) + sum_of(t, row, x2, y0, x3, y3), x1 - x0 + x3 - x2,
                                 sum_of(t, row, x1, y0, x2, y3), x2 - x1, bound_v);
    count[HAAR_QUAD] +=
        passes(sum_of(t, row, x0, y0, xm, ym) + sum_of(t, row, xm, ym, x3, y3), left * top + right * bottom,
               sum_of(t, row, xm, y0, x3, ym) + sum_of(t, row, x0, ym, xm, y3), right * top + left * bottom, THRESHOLD);
}

static void plain_image(const uint8_t *pixels, int width, int height, int64_t count[SCAN_TYPES])
{
    int32_t table[(HAAR_MAX_SIDE + 1) * (HAAR_MAX_SIDE + 1)] = {0};
    const int row = width + 1;

    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            table[(y + 1) * row + x + 1] =
                table[y * row + x + 1] + table[(y + 1) * row + x] - table[y * row + x] + pixels[y * width + x];
    for (int w = LEAST_SIDE; w <= width; w++)
        for (int h = LEAST_SIDE; h <= height; h++)
            for (int y = 0; y + h <= height; y++)
                for (int x = 0; x + w <= width; x++)
                    plain_rectangle(table, row, x, y, x + w, y + h, count);
}

static void plain_scan(const struct dataset *set, int64_t n, struct outcome *o)
{
    const double started = clock_seconds();

    *o = (struct outcome){0};
    for (int64_t i = 0; i < n; i++)
        plain_image(set->pixels + i * set->width * set->height, set->width, set->height, o->count);
    o->seconds = o->kernel_seconds = clock_seconds() - started;
}

/* --- runs --------------------------------------------------------------------------------------------------------- */

static enum status check_stop(const struct bench *b)
{
    return atomic_load(b->run->stop) ? FAIL(ST_INTERRUPTED, "interrupted") : ST_OK;
}

/* The first n images that this rank has. */
static enum status scan_images(const struct bench *b, int64_t n, struct outcome *o)
{
    const struct dataset *set = &b->set;
    const int64_t slice = b->resources.ops->scan_slice;
    const double started = clock_seconds();

    *o = (struct outcome){0};
    for (int64_t first = 0; first < n; first += slice) {
        const struct scan_job job = {
            .device = b->resources.device,
            .n_threads = b->resources.threads,
            .width = set->width,
            .height = set->height,
            .rule = SCAN_SEED,
            .threshold = THRESHOLD,
            .n_features = b->list.n_all,
            .feature = b->feature,
            .n_images = n - first < slice ? n - first : slice,
            .first_image = set->first + first,
            .pixels = set->pixels + first * set->width * set->height,
        };
        struct scan_result result;
        TRY(check_stop(b));
        TRY(b->resources.ops->scan(&job, &result));
        for (int type = 0; type < SCAN_TYPES; type++)
            o->count[type] += result.count[0][type] + result.count[1][type];
        o->kernel_seconds += result.kernel_seconds;
    }
    o->seconds = clock_seconds() - started;
    return ST_OK;
}

static enum status check_counts(const struct outcome *a, const struct outcome *b, const char *what)
{
    for (int type = 0; type < SCAN_TYPES; type++)
        if (a->count[type] != b->count[type])
            return FAIL(ST_BUG, "scan: of type %d %" PRId64 " features are over the threshold, but %" PRId64 " %s",
                        type, a->count[type], b->count[type], what);
    return ST_OK;
}

/* Local. Runs of scan_images, or of the plain loops: the counts, and the medians of their times. */
static enum status time_runs(const struct bench *b, int64_t n, bool is_plain, struct outcome *o)
{
    const int runs = b->run->runs;

    for (int i = -1; i < runs; i++) {
        TRY(check_stop(b));
        if (is_plain)
            plain_scan(&b->set, n, o);
        else
            TRY(scan_images(b, n, o));
        if (i >= 0) {
            b->scratch[i] = o->seconds;
            b->scratch[runs + i] = o->kernel_seconds;
        }
    }
    o->seconds = bench_median(b->scratch, runs);
    o->kernel_seconds = bench_median(b->scratch + runs, runs);
    return ST_OK;
}

/* --- rank 0 alone ------------------------------------------------------------------------------------------------- */

static void add_facts(const struct bench *b, const char *images)
{
    struct bench_table *t = b->run->table;
    char on[320];

    resources_describe(&b->resources, on, sizeof on);
    bench_table_fact(t, "runs on", "%s", on);
    bench_table_fact(t, "images", "%" PRId64 " of %dx%d, %s", b->set.n_total, b->set.width, b->set.height,
                     images ? images : "made up");
    bench_table_fact(t, "features", "%u (%s), threshold %d", b->list.n_all, haar_set_names[HAAR_SEED], THRESHOLD);
    if (b->run->comm->size > 1)
        bench_table_fact(t, "alone", "all rows but the last: rank 0, while the others wait");
}

static enum status measure_alone(const struct bench *b, struct outcome *all)
{
    const struct dataset *set = &b->set;
    const int64_t n = set->n_total, n_plain = n < PLAIN_IMAGES ? n : PLAIN_IMAGES;
    const double giga = 1e-9 * b->list.n_all, table_bytes = 4.0 * (set->width + 1) * (set->height + 1);
    struct bench_table *t = b->run->table;
    struct outcome plain, same;
    double copy_speed;

    TRY(b->resources.ops->copy_speed(b->resources.device, b->resources.threads, &copy_speed));
    TRY(time_runs(b, n_plain, true, &plain));
    TRY(scan_images(b, n_plain, &same));
    TRY(check_counts(&same, &plain, "by the plain loops"));
    TRY(time_runs(b, n, false, all));

    const double speed = giga * (double)n / all->kernel_seconds;
    bench_row_limit(bench_table_row(t, "ms", true, 1e3 * all->kernel_seconds, "scan, count only: kernels"),
                    1e3 * table_bytes * (double)n / copy_speed, "integral images read once");
    if (!b->resources.ops->has_device) {
        const int threads = b->resources.threads;
        struct bench_row *row =
            bench_table_row(t, "G/s", false, speed, "evaluations, %d thread%s", threads, threads == 1 ? "" : "s");
        bench_row_limit(row, threads * giga * (double)n_plain / plain.seconds, "%d x one thread of plain loops",
                        threads);
        bench_row_target(row, 4.0);
    } else {
        bench_table_row(t, "G/s", false, speed, "evaluations");
    }
    bench_row_limit(bench_table_row(t, "ms", true, 1e3 * all->seconds, "end to end"), 1e3 * all->kernel_seconds,
                    "the kernels");
    return ST_OK;
}

/* --- all ranks ---------------------------------------------------------------------------------------------------- */

/* Collective. One run, begun together. On rank 0 the counts of all ranks and the slowest one's kernel seconds. */
static enum status scan_together(const struct bench *b, struct outcome *o)
{
    struct comm *comm = b->run->comm;
    const int64_t n = dataset_share(b->set.n_total, comm->rank + 1, comm->size) -
                      dataset_share(b->set.n_total, comm->rank, comm->size);
    double *all = NULL;
    size_t bytes;

    TRY(comm_agree(comm, check_stop(b)));
    TRY(comm_agree(comm, scan_images(b, n, o)));
    TRY(comm_sum_i64(comm, o->count, SCAN_TYPES));
    TRY(comm_gather(comm, &o->kernel_seconds, sizeof o->kernel_seconds, (void **)&all, &bytes));
    for (size_t i = 0; i < bytes / sizeof *all; i++)
        o->kernel_seconds = all[i] > o->kernel_seconds ? all[i] : o->kernel_seconds;
    free(all);
    return ST_OK;
}

/* Collective. alone: rank 0's. */
static enum status measure_together(const struct bench *b, const struct outcome *alone)
{
    struct comm *comm = b->run->comm;
    const int runs = b->run->runs;
    struct outcome o;

    for (int i = -1; i < runs; i++) {
        TRY(scan_together(b, &o));
        if (i >= 0)
            b->scratch[i] = o.kernel_seconds;
    }
    TRY(comm_agree(comm, comm->rank == 0 ? check_counts(&o, alone, "by rank 0 alone") : ST_OK));
    if (comm->rank > 0)
        return ST_OK;
    struct bench_row *row = bench_table_row(b->run->table, "ms", true, 1e3 * bench_median(b->scratch, runs),
                                            "%d ranks: the slowest one's kernels", comm->size);
    bench_row_limit(row, 1e3 * alone->kernel_seconds / comm->size, "rank 0 alone / %d", comm->size);
    bench_row_target(row, 1.11); /* 3.6 times as fast on 4 */
    return ST_OK;
}

static enum status run_phases(struct bench *b, const char *images)
{
    struct comm *comm = b->run->comm;
    struct outcome alone = {0};

    TRY(comm_agree(comm, preprocess(b)));
    TRY(load_images(b, images));
    TRY(comm_agree(comm, list_features(b, images)));
    if (comm->rank == 0)
        add_facts(b, images);
    TRY(comm_agree(comm, comm->rank == 0 ? measure_alone(b, &alone) : ST_OK));
    return comm->size > 1 ? measure_together(b, &alone) : ST_OK;
}

enum status bench_scan(const struct bench_run *run, const char *images)
{
    struct bench b = {.run = run};
    const enum status st = run_phases(&b, images);

    free(b.feature);
    dataset_release(&b.set);
    free(b.scratch);
    return st;
}
