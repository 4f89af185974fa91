/* bench_barcode: see bench.h. Rank 0 opens and plans the film as a job does and weaves it several times: with the
 * backend, then with a backend that does nothing to the frames, so that decoding is left. Then all ranks weave their
 * shares of one plan. Assumes that the film does not change meanwhile. Refuses a film that is not whole, as a job does,
 * and results with frames missing: what went wrong is not measured. */
#include "bench/bench.h"

#include "barcode/loom.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "media/nvdec.h"

#include <stdlib.h>
#include <string.h>

struct woven {
    double seconds;
    int64_t n_wrong; /* samples that did not come out exactly once */
    struct weave_stats stats;
};

enum { DECODE_CPU, DECODE_NVDEC, DECODE_BOTH, DECODE_SAME, N_DECODES };

struct bench {
    const struct bench_run *run;
    struct loom loom;
    struct weave_decoders decoders; /* that loom.weave is told to use, where it is told */
    struct woven *each;             /* [run->runs] of what is being measured */
    double index_speed;             /* frames a second */
    double first_seconds;           /* of the weave that is not counted */
    struct woven weave;             /* the median, as the others; 0 seconds: not measured */
    struct woven decode[N_DECODES]; /* pure; SAME: by as many as weave's, where none of the others is */
    struct woven ranks;             /* all of them; its decoders are summed */
};

/* --- a backend that does nothing: what is left is decoding -------------------------------------------------------- */

static enum status open_nothing(void *priv, const struct compute_setup *setup)
{
    (void)priv, (void)setup;
    return ST_OK;
}

static void close_nothing(void *priv)
{
    (void)priv;
}

static enum status convert_nothing(void *priv, int slot, const struct frame *frame)
{
    (void)priv, (void)slot, (void)frame;
    return ST_OK;
}

static enum status cluster_nothing(void *priv, int n, const int64_t *frame_number, struct frame_clusters *clusters,
                                   struct frame_light *light, uint8_t **lines)
{
    (void)priv, (void)frame_number, (void)lines;
    memset(clusters, 0, (size_t)n * sizeof *clusters);
    memset(light, 0, (size_t)n * sizeof *light);
    return ST_OK;
}

static const struct compute_ops nothing = {
    .name = "nothing",
    .priv_bytes = 1,
    .open = open_nothing,
    .close = close_nothing,
    .convert = convert_nothing,
    .cluster = cluster_nothing,
};

/* --- one weave ---------------------------------------------------------------------------------------------------- */

static enum status weave_once(struct bench *b, struct woven *woven)
{
    const double started = clock_seconds();
    struct weave *w = NULL;
    struct weave_result result;
    int64_t done, total;
    enum status st = weave_start(&b->loom.weave, &w);

    while (st == ST_OK && !weave_wait(w, 1.0, &done, &total))
        continue;
    const enum status finished = weave_finish(&w, &result, &woven->stats);
    woven->seconds = clock_seconds() - started;
    st = st != ST_OK ? st : finished;
    woven->n_wrong = 0;
    for (int64_t i = 0; st == ST_OK && i < result.n; i++)
        woven->n_wrong += result.delivered[i] != 1;
    weave_result_release(&result);
    if ((st == ST_OK || st == ST_INTERRUPTED) && atomic_load(b->run->stop))
        return FAIL(ST_INTERRUPTED, "interrupted");
    return st;
}

static int compare_seconds(const void *a, const void *b)
{
    const struct woven *x = a, *y = b;

    return x->seconds < y->seconds ? -1 : x->seconds > y->seconds;
}

static struct woven find_median(struct bench *b)
{
    qsort(b->each, (size_t)b->run->runs, sizeof *b->each, compare_seconds);
    return b->each[b->run->runs / 2];
}

static enum status check_woven(const struct bench *b, const struct woven *woven)
{
    if (woven->n_wrong == 0)
        return ST_OK;
    return FAIL(ST_FORMAT, "%s: %lld of %lld sampled frames could not be decoded", b->loom.film.path,
                (long long)woven->n_wrong, (long long)b->loom.plan.n_samples);
}

static enum status weave_runs(struct bench *b, struct woven *median)
{
    for (int i = 0; i < b->run->runs; i++) {
        TRY(weave_once(b, &b->each[i]));
        TRY(check_woven(b, &b->each[i]));
    }
    *median = find_median(b);
    return ST_OK;
}

/* --- rank 0 alone ------------------------------------------------------------------------------------------------- */

static enum status measure_index(struct bench *b)
{
    for (int i = -1; i < b->run->runs; i++) {
        film_release(&b->loom.film);
        const double started = clock_seconds();
        TRY(film_open(&b->loom.film, b->loom.config.film, b->run->stop, NULL, NULL));
        if (i >= 0)
            b->each[i].seconds = clock_seconds() - started;
    }
    b->index_speed = (double)b->loom.film.n_frames / find_median(b).seconds;
    return loom_judge_film(&b->loom);
}

static enum status plan_alone(struct bench *b)
{
    TRY(loom_plan(&b->loom, 1));
    loom_setup_weave(&b->loom, 0);
    b->loom.weave.n_gpu_sharers = b->loom.weave.n_host_sharers = 1;
    return ST_OK;
}

/* Where the film cannot be split as planned a job goes on unsplit: so does this. */
static enum status measure_weave(struct bench *b)
{
    struct woven first;

    TRY(plan_alone(b));
    TRY(weave_once(b, &first));
    if (!b->loom.film.info.sequential && (first.n_wrong > 0 || first.stats.damaged > 0)) {
        log_note("not all sampled frames came out as listed and sound: the film is decoded unsplit from here on");
        TRY(loom_list_again(&b->loom, NULL, NULL));
        TRY(plan_alone(b));
        TRY(weave_once(b, &first));
    }
    b->first_seconds = first.seconds;
    return weave_runs(b, &b->weave);
}

static enum status measure_decode(struct bench *b, int n_cpu, int n_nvdec, struct woven *median)
{
    b->decoders = (struct weave_decoders){n_cpu, n_nvdec};
    b->loom.weave.ops = &nothing;
    b->loom.weave.decoders = &b->decoders;
    TRY(weave_once(b, median)); /* is not counted */
    return weave_runs(b, median);
}

/* Which pure decode was by as many decoders as the weave; SAME where none was yet. */
static int find_same(const struct bench *b)
{
    const struct weave_stats *s = &b->weave.stats, *d;

    for (int i = 0; i < DECODE_SAME; i++) {
        d = &b->decode[i].stats; /* all 0 where it was not measured */
        if (d->n_cpu_decoders == s->n_cpu_decoders && d->n_nvdec_decoders == s->n_nvdec_decoders)
            return i;
    }
    return DECODE_SAME;
}

static enum status measure_alone(struct bench *b)
{
    const int threads = b->loom.resources.threads;
    struct woven *decode = b->decode;

    TRY(measure_index(b));
    TRY(measure_weave(b)); /* first of all: what it takes longer at first is the start-up of everything */
    TRY(measure_decode(b, threads, 0, &decode[DECODE_CPU]));
    if (b->loom.resources.ops == &compute_cuda && b->loom.film.info.nvdec_exact && !b->loom.film.info.sequential) {
        TRY(measure_decode(b, 0, NVDEC_SESSIONS, &decode[DECODE_NVDEC]));
        if (decode[DECODE_NVDEC].stats.n_nvdec_decoders > 0)
            TRY(measure_decode(b, threads, NVDEC_SESSIONS, &decode[DECODE_BOTH]));
    }
    if (find_same(b) == DECODE_SAME)
        TRY(measure_decode(b, (int)b->weave.stats.n_cpu_decoders, (int)b->weave.stats.n_nvdec_decoders,
                           &decode[DECODE_SAME]));
    return ST_OK;
}

/* --- all ranks ---------------------------------------------------------------------------------------------------- */

/* From when all are there to when the last one is done. */
static enum status weave_together(struct bench *b, struct woven *woven)
{
    struct comm *comm = b->run->comm;

    TRY(comm_agree(comm, ST_OK));
    const double started = clock_seconds();
    TRY(comm_agree(comm, weave_once(b, woven)));
    woven->seconds = clock_seconds() - started;

    int64_t sums[] = {woven->n_wrong, woven->stats.n_cpu_decoders, woven->stats.n_nvdec_decoders};
    TRY(comm_sum_i64(comm, sums, sizeof sums / sizeof *sums));
    woven->n_wrong = sums[0];
    woven->stats.n_cpu_decoders = sums[1];
    woven->stats.n_nvdec_decoders = sums[2];
    return check_woven(b, woven); /* the same for all ranks */
}

static enum status measure_ranks(struct bench *b)
{
    TRY(loom_share_film(&b->loom, b->run->comm));
    TRY(loom_plan_ranks(&b->loom, b->run->comm));
    TRY(weave_together(b, &b->ranks)); /* is not counted */
    for (int i = 0; i < b->run->runs; i++)
        TRY(weave_together(b, &b->each[i]));
    b->ranks = find_median(b);
    return ST_OK;
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

/* "16 CPU and 8 NVDEC decoders" */
static const char *describe_decoders(const struct weave_stats *s, char text[64])
{
    const int n_cpu = (int)s->n_cpu_decoders, n_nvdec = (int)s->n_nvdec_decoders, n = n_cpu + n_nvdec;

    if (n_cpu > 0 && n_nvdec > 0)
        snprintf(text, 64, "%d CPU and %d NVDEC decoders", n_cpu, n_nvdec);
    else
        snprintf(text, 64, "%d %s decoder%s", n, n_nvdec > 0 ? "NVDEC" : "CPU", n > 1 ? "s" : "");
    return text;
}

/* Of the film, decoded or passed over. */
static double count_frames(const struct loom *loom)
{
    const struct sampling *s = &loom->config.sampling;
    const struct plan *p = &loom->plan;
    const int64_t first = s->has_start ? p->sample_frame[0] : 0;
    const int64_t last = s->has_end ? p->sample_frame[p->n_samples - 1] : loom->film.n_frames - 1;

    return (double)(last - first + 1);
}

static void add_facts(const struct bench *b)
{
    struct bench_table *t = b->run->table;
    const struct loom *loom = &b->loom;
    const struct film_info *i = &loom->film.info;
    const char *refusal = b->decode[DECODE_NVDEC].stats.nvdec_refusal;
    char text[320];

    resources_describe(&loom->resources, text, sizeof text);
    bench_table_fact(t, "runs on", "%s", text);
    bench_table_fact(t, "film", "%s", loom->film.path);
    bench_table_fact(t, "its frames", "%lld, %s %dx%d, %.2f s%s", (long long)loom->film.n_frames, i->codec, i->width,
                     i->height, film_seconds(&loom->film, i->duration_ticks),
                     i->sequential ? ", decoded unsplit: frames cannot be told from packets" : "");
    bench_table_fact(t, "barcode", "%lld columns of %.0f frames, pictures of %dx%d, k = %d",
                     (long long)loom->plan.n_columns, count_frames(loom), loom->weave.picture.width,
                     loom->weave.picture.height, loom->config.k);
    bench_table_fact(t, "start-up", "the first weave took %.2f s longer than the median",
                     b->first_seconds > b->weave.seconds ? b->first_seconds - b->weave.seconds : 0.0);
    if (refusal)
        bench_table_fact(t, "NVDEC", "refused: %s", refusal);
    if (b->run->comm->size > 1)
        bench_table_fact(t, "alone", "all rows but the last: rank 0, while the others wait");
}

static void add_decoding(const struct bench *b, double frames)
{
    const struct woven *d = b->decode;
    struct bench_table *t = b->run->table;
    char text[64];

    for (int i = DECODE_CPU; i <= DECODE_BOTH; i++) {
        if (d[i].seconds <= 0.0 || (i != DECODE_CPU && d[i].stats.n_nvdec_decoders == 0))
            continue;
        struct bench_row *row = bench_table_row(t, "frames/s", false, frames / d[i].seconds, "decode, %s",
                                                describe_decoders(&d[i].stats, text));
        if (i != DECODE_BOTH)
            continue;
        bench_row_limit(row, frames / d[DECODE_CPU].seconds + frames / d[DECODE_NVDEC].seconds, "each alone, added");
        bench_row_target(row, 0.9);
    }
}

static void add_weave(const struct bench *b)
{
    struct bench_table *t = b->run->table;
    const struct weave_stats *s = &b->weave.stats;
    const double clustering = 1e-6 * (double)(s->convert_us + s->cluster_us), decoding = 1e-6 * (double)s->decode_us;
    char text[64];

    struct bench_row *row = bench_table_row(t, "s", true, b->weave.seconds, "weave, %s", describe_decoders(s, text));
    bench_row_limit(row, b->decode[find_same(b)].seconds, "pure decode of the same packets by the same decoders");
    bench_row_target(row, 1.05);
    if (b->loom.resources.ops != &compute_cpu)
        return;
    row = bench_table_row(t, "s", true, clustering, "convert and k-means / decoding");
    bench_row_limit(row, decoding, "decoding, of the same weave's worker time");
    bench_row_target(row, 0.15);
}

static void fill_table(const struct bench *b)
{
    struct bench_table *t = b->run->table;
    const double frames = count_frames(&b->loom);
    const int n_ranks = b->run->comm->size;
    char text[64];

    add_facts(b);
    bench_table_row(t, "frames/s", false, b->index_speed, "index");
    add_decoding(b, frames);
    add_weave(b);
    if (n_ranks == 1)
        return;
    struct bench_row *row = bench_table_row(t, "frames/s", false, frames / b->ranks.seconds, "weave, %d ranks, %s",
                                            n_ranks, describe_decoders(&b->ranks.stats, text));
    bench_row_limit(row, n_ranks * frames / b->weave.seconds, "%d times rank 0 alone", n_ranks);
    bench_row_target(row, 0.925);
}

enum status bench_barcode(const struct bench_run *run, const struct barcode_config *config)
{
    struct comm *comm = run->comm;
    struct bench b = {.run = run};
    enum status st;

    loom_init(&b.loom, config, run->stop);
    b.loom.config.frame_hashes = NULL; /* not an output only: it takes time */
    b.each = mem_array((size_t)run->runs, sizeof *b.each);
    st = b.each ? resources_choose(comm, run->backend, run->threads, &b.loom.resources) : ST_NOMEM;
    TRY_OR(done, st, comm_agree(comm, st));
    TRY_OR(done, st, comm_agree(comm, comm->rank == 0 ? measure_alone(&b) : ST_OK));
    if (comm->size > 1)
        TRY_OR(done, st, measure_ranks(&b));
    if (comm->rank == 0)
        fill_table(&b);
done:
    free(b.each);
    loom_release(&b.loom);
    return st;
}
