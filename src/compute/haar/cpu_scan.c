/* cpu_scan: the scan on the processor: scan_cpu, the definition.
 *
 * A thread takes a block of images at a time. Their integral images lie entry-major (entry e of all images, then entry
 * e + 1), so that a feature's sweep is a run of the same integer operations along its corners' rows: the compiler makes
 * vectors of it. Integers alone tell which images may pass (see scan_rules.h); those few are judged one by one.
 * Features come sorted, so a block's records are sorted but for the image: one counting sort puts that right. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/clones.h"
#include "compute/haar/scan_rules.h"

#include <stdlib.h>
#include <string.h>

enum {
    MOST_IMAGES = 128, /* of a block: 421 KiB of integral images at 28 x 28 */
    LEAST_IMAGES = 16,
    BLOCKS_PER_THREAD = 8 /* in a round, after which records are handed on and progress is told */
};

/* One block's outcome. */
struct part {
    int64_t count[2][SCAN_TYPES];
    uint64_t *record; /* sorted */
    size_t n;
    enum status st;
};

/* What a thread works in. */
struct scratch {
    int32_t *table;  /* i32 [(height + 1) * (width + 1), block] */
    int32_t *value;  /* i32 [block] */
    uint64_t *found; /* records by feature, then image */
    size_t n_found, room;
};

struct scan {
    const struct scan_job *job;
    int block;           /* images: a multiple of LEAST_IMAGES */
    int64_t first_block; /* of this round */
    struct scratch *scratch;
    struct part *part; /* of this round */
};

/* --- sweeps: value[i] of n images, and how many reach least ------------------------------------------------------- */

/* Rows of the table: sides 0 and 1 of what the part from `from` to `to` adds up to is to1 - to0 - (from1 - from0). */
struct cut {
    const int32_t *side[2];
};

static inline int32_t between(struct cut from, struct cut to, int i)
{
    return (to.side[1][i] - to.side[0][i]) - (from.side[1][i] - from.side[0][i]);
}

/* factor_a * a - factor_b * b, where in-between products of QUAD may not fit but the difference does. */
static inline int32_t weigh(int32_t a, int32_t factor_a, int32_t b, int32_t factor_b)
{
    return (int32_t)((uint32_t)a * (uint32_t)factor_a - (uint32_t)b * (uint32_t)factor_b);
}

static inline int32_t reaches(int32_t value, int32_t least)
{
    return (value < 0 ? -value : value) >= least;
}

/* White from cut 0 to 1, black from 1 to 2. */
CPU_CLONES static int32_t sweep_edge(const struct cut cut[3], const struct scan_test *t, int n, int32_t *restrict value)
{
    const struct cut c0 = cut[0], c1 = cut[1], c2 = cut[2];
    const int32_t n_white = t->n_white, n_all = t->n_white + t->n_black, least = t->least;
    int32_t n_reached = 0;

    for (int i = 0; i < n; i++) {
        value[i] = weigh(between(c0, c1, i), n_all, between(c0, c2, i), n_white);
        n_reached += reaches(value[i], least);
    }
    return n_reached;
}

/* Black from cut 1 to 2, the rest from 0 to 3 is white. */
CPU_CLONES static int32_t sweep_line(const struct cut cut[4], const struct scan_test *t, int n, int32_t *restrict value)
{
    const struct cut c0 = cut[0], c1 = cut[1], c2 = cut[2], c3 = cut[3];
    const int32_t n_black = t->n_black, n_all = t->n_white + t->n_black, least = t->least;
    int32_t n_reached = 0;

    for (int i = 0; i < n; i++) {
        value[i] = weigh(between(c0, c3, i), n_black, between(c1, c2, i), n_all);
        n_reached += reaches(value[i], least);
    }
    return n_reached;
}

/* White above the middle row left of the middle column, and below right: cuts of the left and of the right part. */
CPU_CLONES static int32_t sweep_quad(const struct cut left[3], const struct cut right[3], const struct scan_test *t,
                                     int n, int32_t *restrict value)
{
    const struct cut l0 = left[0], l1 = left[1], l2 = left[2], r0 = right[0], r1 = right[1], r2 = right[2];
    const int32_t n_white = t->n_white, n_all = t->n_white + t->n_black, least = t->least;
    int32_t n_reached = 0;

    for (int i = 0; i < n; i++) {
        const int32_t white = between(l0, l1, i) + between(r1, r2, i);
        const int32_t all = between(l0, l2, i) + between(r0, r2, i);
        value[i] = weigh(white, n_all, all, n_white);
        n_reached += reaches(value[i], least);
    }
    return n_reached;
}

/* Where a feature's parts begin and end. */
struct cuts {
    struct cut cut[4], right[3];
};

static struct cut cut_at(const struct scan *scan, const int32_t *table, int x0, int y0, int x1, int y1)
{
    const ptrdiff_t row = scan->job->width + 1, block = scan->block;

    return (struct cut){{table + (y0 * row + x0) * block, table + (y1 * row + x1) * block}};
}

static struct cuts cuts_of(const struct scan *scan, const int32_t *table, struct haar_feature f)
{
    const bool is_line = f.type == HAAR_LINE_H || f.type == HAAR_LINE_V;
    const bool is_v = f.type == HAAR_EDGE_V || f.type == HAAR_LINE_V;
    const int side = is_v ? f.w : f.h;
    const int at[4] = {0, is_v || is_line ? f.a : f.b, is_line ? f.b : side, side};
    struct cuts c;

    for (int i = 0; i < 4; i++) {
        if (is_v)
            c.cut[i] = cut_at(scan, table, f.x + at[i], f.y, f.x + at[i], f.y + f.h);
        else
            c.cut[i] = cut_at(scan, table, f.x, f.y + at[i], f.x + (f.type == HAAR_QUAD ? f.a : f.w), f.y + at[i]);
    }
    for (int i = 0; i < 3 && f.type == HAAR_QUAD; i++)
        c.right[i] = cut_at(scan, table, f.x + f.a, f.y + at[i], f.x + f.w, f.y + at[i]);
    return c;
}

static int32_t sweep(struct haar_feature f, const struct cuts *c, const struct scan_test *t, int n, int32_t *value)
{
    if (f.type == HAAR_QUAD)
        return sweep_quad(c->cut, c->right, t, n, value);
    return f.type == HAAR_EDGE_H || f.type == HAAR_EDGE_V ? sweep_edge(c->cut, t, n, value)
                                                          : sweep_line(c->cut, t, n, value);
}

/* Sums of both parts in image i of the block. */
static void sum_parts(struct haar_feature f, const struct cuts *c, int i, int32_t *white, int32_t *black)
{
    if (f.type == HAAR_QUAD) {
        *white = between(c->cut[0], c->cut[1], i) + between(c->right[1], c->right[2], i);
        *black = between(c->right[0], c->right[1], i) + between(c->cut[1], c->cut[2], i);
    } else if (f.type == HAAR_EDGE_H || f.type == HAAR_EDGE_V) {
        *white = between(c->cut[0], c->cut[1], i);
        *black = between(c->cut[1], c->cut[2], i);
    } else {
        *black = between(c->cut[1], c->cut[2], i);
        *white = between(c->cut[0], c->cut[3], i) - *black;
    }
}

/* --- a block ------------------------------------------------------------------------------------------------------ */

/* Images that the block lacks have empty ones. */
CPU_CLONES static void integrate(const uint8_t *pixels, int n, int block, int width, int height,
                                 int32_t *restrict table)
{
    const size_t row = (size_t)(width + 1) * (size_t)block;
    const ptrdiff_t image_bytes = (ptrdiff_t)width * height;

    memset(table, 0, row * (size_t)(height + 1) * sizeof *table);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int32_t *to = table + (size_t)(y + 1) * row + (size_t)(x + 1) * (size_t)block;
            const int32_t *left = to - block, *above = to - row, *corner = above - block;
            for (int i = 0; i < n; i++)
                to[i] = left[i] + above[i] - corner[i] + pixels[i * image_bytes + y * width + x];
        }
}

static enum status keep(const struct scan *scan, struct scratch *s, int64_t image, struct haar_feature f, int32_t value)
{
    uint64_t *grown = mem_grow(s->found, s->n_found, &s->room, sizeof *s->found);

    TRY_MEM(grown);
    s->found = grown;
    s->found[s->n_found++] = scan_record(scan->job->first_image + image, f, value);
    return ST_OK;
}

/* The images of the block that may pass. */
static enum status judge(const struct scan *scan, struct scratch *s, struct haar_feature f, const struct cuts *c,
                         const struct scan_test *t, int64_t first, int n, int32_t n_reached, struct part *part)
{
    const struct scan_job *job = scan->job;

    for (int i = 0; i < n && n_reached > 0; i++) {
        int32_t white, black;
        if (!reaches(s->value[i], t->least))
            continue;
        n_reached--;
        sum_parts(f, c, i, &white, &black);
        if (!scan_keeps(job->rule, t, white, black))
            continue;
        part->count[!job->labels || job->labels[first + i] != 0][f.type]++;
        if (job->take)
            TRY(keep(scan, s, first + i, f, white - black));
    }
    return ST_OK;
}

/* found, sorted by feature and then image, becomes the part's records, by image and then feature. */
static enum status sort_by_image(const struct scratch *s, uint64_t first, int n, struct part *part)
{
    size_t at[MOST_IMAGES + 1] = {0};

    part->record = mem_array(s->n_found, sizeof *part->record);
    TRY_MEM(part->record);
    part->n = s->n_found;
    for (size_t i = 0; i < s->n_found; i++)
        at[(s->found[i] >> 41) - first + 1]++;
    for (int i = 0; i < n; i++)
        at[i + 1] += at[i];
    for (size_t i = 0; i < s->n_found; i++)
        part->record[at[(s->found[i] >> 41) - first]++] = s->found[i];
    return ST_OK;
}

static enum status scan_block(const struct scan *scan, struct scratch *s, int64_t first, struct part *part)
{
    const struct scan_job *job = scan->job;
    const int64_t left = job->n_images - first;
    const int n = left < scan->block ? (int)left : scan->block;
    const int n_swept = (n + LEAST_IMAGES - 1) / LEAST_IMAGES * LEAST_IMAGES;

    integrate(job->pixels + first * job->width * job->height, n, scan->block, job->width, job->height, s->table);
    s->n_found = 0;
    for (uint32_t i = 0; i < job->n_features; i++) {
        const struct haar_feature f = job->feature[i];
        const struct scan_test t = scan_test_of(job->rule, job->threshold, f);
        const struct cuts c = cuts_of(scan, s->table, f);
        const int32_t n_reached = sweep(f, &c, &t, n_swept, s->value);
        if (n_reached > 0)
            TRY(judge(scan, s, f, &c, &t, first, n, n_reached, part));
    }
    return job->take ? sort_by_image(s, (uint64_t)(job->first_image + first), n, part) : ST_OK;
}

static void run_block(void *context, int64_t item, int thread)
{
    const struct scan *scan = context;
    struct part *part = &scan->part[item];

    *part = (struct part){.st = ST_OK};
    part->st = scan_block(scan, &scan->scratch[thread], (scan->first_block + item) * scan->block, part);
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

/* Adds up the parts of a round and hands their records on. Empties all of them, whatever happens. */
static enum status take_round(const struct scan *scan, int64_t n_parts, struct scan_result *result)
{
    const struct scan_job *job = scan->job;
    enum status st = ST_OK;

    for (int64_t i = 0; i < n_parts; i++) {
        struct part *part = &scan->part[i];
        for (int group = 0; group < 2; group++)
            for (int type = 0; type < SCAN_TYPES; type++)
                result->count[group][type] += part->count[group][type];
        if (st == ST_OK && part->st != ST_OK) /* its message belongs to its thread */
            st = FAIL(part->st, "out of memory for the features over the threshold");
        if (st == ST_OK && part->n > 0)
            st = job->take(job->context, part->record, part->n);
        free(part->record);
        part->record = NULL;
    }
    return st;
}

static enum status run_rounds(struct scan *scan, struct pool *pool, int64_t round, struct scan_result *result)
{
    const struct scan_job *job = scan->job;
    const int64_t n_blocks = (job->n_images + scan->block - 1) / scan->block;

    for (int64_t at = 0; at < n_blocks; at += round) {
        const int64_t n = n_blocks - at < round ? n_blocks - at : round;
        const int64_t done = (at + n) * scan->block;
        const double started = clock_seconds();
        scan->first_block = at;
        pool_run(pool, n, run_block, scan);
        result->kernel_seconds += clock_seconds() - started;
        TRY(take_round(scan, n, result));
        if (job->progress)
            job->progress(job->context, done < job->n_images ? done : job->n_images);
    }
    return ST_OK;
}

/* As large a block as leaves every thread a few. */
static int block_of(const struct scan_job *job)
{
    int block = MOST_IMAGES;

    while (block > LEAST_IMAGES && job->n_images < (int64_t)2 * block * job->n_threads)
        block /= 2;
    return block;
}

enum status scan_cpu(const struct scan_job *job, struct scan_result *result)
{
    const size_t entries = (size_t)(job->width + 1) * (size_t)(job->height + 1), n_threads = (size_t)job->n_threads;
    const int64_t round = (int64_t)BLOCKS_PER_THREAD * job->n_threads;
    struct scan scan = {.job = job, .block = block_of(job)};
    struct pool *pool = NULL;
    enum status st;

    *result = (struct scan_result){0};
    TRY_OR(done, st, pool_open(job->n_threads, &pool));
    st = ST_NOMEM;
    scan.scratch = mem_array(n_threads, sizeof *scan.scratch);
    scan.part = mem_array((size_t)round, sizeof *scan.part);
    if (!scan.scratch || !scan.part)
        goto done;
    for (size_t i = 0; i < n_threads; i++) {
        scan.scratch[i].table = mem_array(entries * (size_t)scan.block, sizeof *scan.scratch[i].table);
        scan.scratch[i].value = mem_array((size_t)scan.block, sizeof *scan.scratch[i].value);
        if (!scan.scratch[i].table || !scan.scratch[i].value)
            goto done;
    }
    st = run_rounds(&scan, pool, round, result);
done:
    for (size_t i = 0; scan.scratch && i < n_threads; i++) {
        free(scan.scratch[i].found);
        free(scan.scratch[i].value);
        free(scan.scratch[i].table);
    }
    free(scan.part);
    free(scan.scratch);
    pool_close(&pool);
    return st;
}
