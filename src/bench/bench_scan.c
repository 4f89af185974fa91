/* bench_scan: the student project's job: 450,000 features on each of 60,000 images of 28 x 28, counted. Rank 0 does all
 * of it alone while the others wait, then all ranks do it together. Beside it the plain loops of that project: one
 * thread, one image and one feature at a time. The counts have to be the same everywhere. */
#include "bench/measure.h"

#include "base/clock.h"
#include "haar/data/dataset.h"
#include "haar/scan/scan.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum {
    THRESHOLD = 200, /* the student project's */
    LEAST_SIDE = 5,
    PLAIN_IMAGES = 200
};

struct bench {
    const struct bench_run *run;
    struct resources resources;
    struct dataset set; /* rank 0 has all images, the others their share */
    struct haar_feature_list list;
    struct haar_feature *feature; /* [list.n_all] */
};

struct outcome {
    int64_t count[SCAN_TYPES];
    double kernel_seconds, seconds; /* of one scan, or the medians of several; kernel's not of the plain loops */
};

/* --- images and features ------------------------------------------------------------------------------------------ */

/* Collective. */
static enum status load_images(struct bench *b, const char *images)
{
    struct comm *comm = b->run->comm;
    const int part = comm->rank, n_parts = comm->rank > 0 ? comm->size : 1;

    if (!images)
        return comm_agree(comm, bench_make_images(MADE_UP_IMAGES, 0, part, n_parts, bench_draw_digit, &b->set));
    return dataset_load(comm, images, NULL, (struct dataset_range){0, -1}, part, n_parts, &b->set);
}

static enum status get_ready(struct bench *b)
{
    TRY(resources_choose(b->run->comm, b->run->backend, b->run->threads, &b->resources));
    if (!b->resources.ops->scan)
        return FAIL(ST_UNSUPPORTED, "backend %s cannot scan", b->resources.ops->name);
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
    o->seconds = clock_seconds() - started;
}

/* --- runs --------------------------------------------------------------------------------------------------------- */

/* The first n images that this rank has. */
static enum status scan_images(const struct bench *b, int64_t n, struct outcome *o)
{
    const struct scan_job job = {
        .device = b->resources.device,
        .n_threads = b->resources.threads,
        .width = b->set.width,
        .height = b->set.height,
        .rule = SCAN_SEED,
        .threshold = THRESHOLD,
        .n_features = b->list.n_all,
        .feature = b->feature,
        .n_images = n,
        .first_image = b->set.first,
        .pixels = b->set.pixels,
    };
    const double started = clock_seconds();
    struct scan_result result;
    int64_t n_done;

    TRY(scan_slices(b->resources.ops, &job, b->run->stop, &n_done, &result));
    for (int type = 0; type < SCAN_TYPES; type++)
        o->count[type] = result.count[0][type] + result.count[1][type];
    o->kernel_seconds = result.kernel_seconds;
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

/* What is timed: scan_images, or the plain loops, over n images. */
struct timed {
    const struct bench *b;
    int64_t n;
    struct outcome outcome; /* of the last run */
};

static enum status scan_once(void *context, double seconds[2])
{
    struct timed *t = context;

    TRY(scan_images(t->b, t->n, &t->outcome));
    seconds[0] = t->outcome.seconds;
    seconds[1] = t->outcome.kernel_seconds;
    return ST_OK;
}

static enum status scan_plainly_once(void *context, double *seconds)
{
    struct timed *t = context;

    plain_scan(&t->b->set, t->n, &t->outcome);
    *seconds = t->outcome.seconds;
    return ST_OK;
}

/* --- rank 0 alone ------------------------------------------------------------------------------------------------- */

static void add_facts(const struct bench *b, const char *images)
{
    struct bench_table *t = b->run->table;

    bench_add_resources(b->run, &b->resources);
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
    struct timed plain = {.b = b, .n = n_plain}, whole = {.b = b, .n = n};
    double copy_speed, plain_seconds, seconds[2];
    struct outcome same;

    TRY(b->resources.ops->copy_speed(b->resources.device, b->resources.threads, &copy_speed));
    TRY(bench_time_runs(b->run, NULL, scan_plainly_once, &plain, 1, &plain_seconds));
    TRY(scan_images(b, n_plain, &same));
    TRY(check_counts(&same, &plain.outcome, "by the plain loops"));
    TRY(bench_time_runs(b->run, NULL, scan_once, &whole, 2, seconds));
    *all = whole.outcome;
    all->seconds = seconds[0];
    all->kernel_seconds = seconds[1];

    const double speed = giga * (double)n / all->kernel_seconds;
    bench_row_limit(bench_table_row(t, "ms", true, 1e3 * all->kernel_seconds, "scan, count only: kernels"),
                    1e3 * table_bytes * (double)n / copy_speed, "integral images read once");
    if (!b->resources.ops->has_device) {
        const int threads = b->resources.threads;
        struct bench_row *row =
            bench_table_row(t, "G/s", false, speed, "evaluations, %d thread%s", threads, threads == 1 ? "" : "s");
        bench_row_limit(row, threads * giga * (double)n_plain / plain_seconds, "%d x one thread of plain loops",
                        threads);
        row->target = 4.0;
    } else {
        bench_table_row(t, "G/s", false, speed, "evaluations");
    }
    bench_row_limit(bench_table_row(t, "ms", true, 1e3 * all->seconds, "end to end"), 1e3 * all->kernel_seconds,
                    "the kernels");
    return ST_OK;
}

/* --- all ranks ---------------------------------------------------------------------------------------------------- */

/* Collective. One run, begun together. On rank 0 the counts of all ranks and the slowest one's kernel seconds. */
static enum status scan_together(void *context, double *seconds)
{
    struct timed *t = context;
    struct comm *comm = t->b->run->comm;
    double *all = NULL;
    size_t bytes;

    TRY(comm_agree(comm, scan_images(t->b, t->n, &t->outcome)));
    TRY(comm_sum_i64(comm, t->outcome.count, SCAN_TYPES));
    TRY(comm_gather(comm, &t->outcome.kernel_seconds, sizeof *all, (void **)&all, &bytes));
    *seconds = 0.0;
    for (size_t i = 0; i < bytes / sizeof *all; i++)
        *seconds = all[i] > *seconds ? all[i] : *seconds;
    free(all);
    return ST_OK;
}

/* Collective. alone: rank 0's. */
static enum status measure_together(const struct bench *b, const struct outcome *alone)
{
    struct comm *comm = b->run->comm;
    struct timed t = {.b = b,
                      .n = dataset_share(b->set.n_total, comm->rank + 1, comm->size) -
                           dataset_share(b->set.n_total, comm->rank, comm->size)};
    double seconds;

    TRY(bench_time_runs(b->run, comm, scan_together, &t, 1, &seconds));
    TRY(comm_agree(comm, comm->rank == 0 ? check_counts(&t.outcome, alone, "by rank 0 alone") : ST_OK));
    if (comm->rank > 0)
        return ST_OK;
    struct bench_row *row =
        bench_table_row(b->run->table, "ms", true, 1e3 * seconds, "%d ranks: the slowest one's kernels", comm->size);
    bench_row_limit(row, 1e3 * alone->kernel_seconds / comm->size, "rank 0 alone / %d", comm->size);
    row->target = 1.11; /* 3.6 times as fast on 4 */
    return ST_OK;
}

static enum status run_phases(struct bench *b, const char *images)
{
    struct comm *comm = b->run->comm;
    struct outcome alone = {0};

    TRY(comm_agree(comm, get_ready(b)));
    TRY(load_images(b, images));
    TRY(comm_agree(comm, scan_list_features(images, HAAR_SEED, &b->set, &b->list, &b->feature)));
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
    return st;
}
