/* bench_barcode: see bench.h. Rank 0 opens and plans the film as a job does and extracts it several times: with the
 * backend, then with a backend that does nothing to the frames, so that decoding is left. Then all ranks extract
 * their shares of one plan. Assumes that the film does not change meanwhile. Refuses a film that is not whole, as a job
 * does, and results with frames missing: what went wrong is not measured. */
#include "bench/measure.h"

#include "barcode/pipeline.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "film/frame_source.h"

#include <stdlib.h>
#include <string.h>

struct extracted {
    double seconds;
    int64_t n_wrong; /* samples that did not come out exactly once */
    struct extract_stats stats;
};

enum { DECODE_CPU, DECODE_NVDEC, DECODE_BOTH, DECODE_SAME, N_DECODES };

struct bench {
    const struct bench_run *run;
    struct pipeline pipeline;
    struct extract_decoders decoders;   /* that pipeline.extraction is told to use, where it is told */
    struct extracted *each;             /* [run->runs] of what is being measured */
    double index_speed;                 /* frames a second */
    double first_seconds;               /* of the extraction that is not counted */
    struct extracted extract;           /* the median, as the others; 0 seconds: not measured */
    struct extracted decode[N_DECODES]; /* pure; SAME: by as many as extraction's, where none of the others is */
    struct extracted ranks;             /* all of them; its decoders are summed */
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
    .batch_frames = 1,
    .open = open_nothing,
    .close = close_nothing,
    .convert = convert_nothing,
    .cluster = cluster_nothing,
};

/* --- one extraction ----------------------------------------------------------------------------------------------- */

static enum status extract_once(struct bench *b, struct extracted *extracted)
{
    const double started = clock_seconds();
    struct extract *w = NULL;
    struct extract_result result;
    int64_t done, total;
    enum status st = extract_start(&b->pipeline.extract, &w);

    while (st == ST_OK && !extract_wait(w, 1.0, &done, &total))
        continue;
    const enum status finished = extract_finish(&w, &result, &extracted->stats);
    extracted->seconds = clock_seconds() - started;
    st = st != ST_OK ? st : finished;
    extracted->n_wrong = 0;
    for (int64_t i = 0; st == ST_OK && i < result.n; i++)
        extracted->n_wrong += result.delivered[i] != 1;
    extract_result_release(&result);
    return st == ST_OK || st == ST_INTERRUPTED ? bench_check_stop(b->run) : st;
}

static int compare_seconds(const void *a, const void *b)
{
    const struct extracted *x = a, *y = b;

    return x->seconds < y->seconds ? -1 : x->seconds > y->seconds;
}

static struct extracted find_median(struct bench *b)
{
    qsort(b->each, (size_t)b->run->runs, sizeof *b->each, compare_seconds);
    return b->each[b->run->runs / 2];
}

static enum status check_extracted(const struct bench *b, const struct extracted *extracted)
{
    if (extracted->n_wrong == 0)
        return ST_OK;
    return FAIL(ST_FORMAT, "%s: %lld of %lld sampled frames could not be decoded", b->pipeline.film.path,
                (long long)extracted->n_wrong, (long long)b->pipeline.plan.n_samples);
}

static enum status extract_runs(struct bench *b, struct extracted *median)
{
    for (int i = 0; i < b->run->runs; i++) {
        TRY(extract_once(b, &b->each[i]));
        TRY(check_extracted(b, &b->each[i]));
    }
    *median = find_median(b);
    return ST_OK;
}

/* --- rank 0 alone ------------------------------------------------------------------------------------------------- */

static enum status index_once(void *context, double *seconds)
{
    struct bench *b = context;

    film_release(&b->pipeline.film);
    const double started = clock_seconds();
    TRY(film_open(&b->pipeline.film, b->pipeline.config.film, b->run->stop, NULL, NULL));
    *seconds = clock_seconds() - started;
    return ST_OK;
}

static enum status measure_index(struct bench *b)
{
    double seconds;

    TRY(bench_time_runs(b->run, NULL, index_once, b, 1, &seconds));
    b->index_speed = (double)b->pipeline.film.n_frames / seconds;
    return pipeline_judge_film(&b->pipeline);
}

static enum status plan_alone(struct bench *b)
{
    TRY(pipeline_plan(&b->pipeline, 0, 1));
    b->pipeline.extract.n_gpu_sharers = b->pipeline.extract.n_host_sharers = 1;
    return ST_OK;
}

/* Where the film cannot be split as planned a job goes on unsplit: so does this. */
static enum status measure_extract(struct bench *b)
{
    struct extracted first;

    TRY(plan_alone(b));
    TRY(extract_once(b, &first));
    const struct extract_count count = {.n_missing = first.n_wrong,
                                        .n_damaged = first.stats.damaged,
                                        .is_sequential = b->pipeline.film.info.sequential};
    if (extract_judge(&count) == EXTRACT_AGAIN) {
        log_note("not all sampled frames came out as listed and sound: the film is decoded unsplit from here on");
        TRY(pipeline_list_again(&b->pipeline));
        TRY(plan_alone(b));
        TRY(extract_once(b, &first));
    }
    b->first_seconds = first.seconds;
    return extract_runs(b, &b->extract);
}

static enum status measure_decode(struct bench *b, int n_cpu, int n_nvdec, struct extracted *median)
{
    b->decoders = (struct extract_decoders){n_cpu, n_nvdec};
    b->pipeline.extract.ops = &nothing;
    b->pipeline.extract.decoders = &b->decoders;
    TRY(extract_once(b, median)); /* is not counted */
    return extract_runs(b, median);
}

/* Which pure decode was by as many decoders as the extraction; SAME where none was yet. */
static int find_same(const struct bench *b)
{
    const struct extract_stats *s = &b->extract.stats, *d;

    for (int i = 0; i < DECODE_SAME; i++) {
        d = &b->decode[i].stats; /* all 0 where it was not measured */
        if (d->n_cpu_decoders == s->n_cpu_decoders && d->n_nvdec_decoders == s->n_nvdec_decoders)
            return i;
    }
    return DECODE_SAME;
}

static enum status measure_alone(struct bench *b)
{
    const int threads = b->pipeline.resources.threads;
    struct extracted *decode = b->decode;

    TRY(measure_index(b));
    TRY(measure_extract(b)); /* first of all: what its first run takes longer is the start-up of everything */
    TRY(measure_decode(b, threads, 0, &decode[DECODE_CPU]));
    if (b->pipeline.resources.ops->shares_cuda && b->pipeline.film.info.nvdec_exact &&
        !b->pipeline.film.info.sequential) {
        TRY(measure_decode(b, 0, NVDEC_SESSIONS, &decode[DECODE_NVDEC]));
        if (decode[DECODE_NVDEC].stats.n_nvdec_decoders > 0)
            TRY(measure_decode(b, threads, NVDEC_SESSIONS, &decode[DECODE_BOTH]));
    }
    if (find_same(b) == DECODE_SAME)
        TRY(measure_decode(b, (int)b->extract.stats.n_cpu_decoders, (int)b->extract.stats.n_nvdec_decoders,
                           &decode[DECODE_SAME]));
    return ST_OK;
}

/* --- all ranks ---------------------------------------------------------------------------------------------------- */

/* From when all are there to when the last one is done. */
static enum status extract_together(struct bench *b, struct extracted *extracted)
{
    struct comm *comm = b->run->comm;

    TRY(comm_agree(comm, ST_OK));
    const double started = clock_seconds();
    TRY(comm_agree(comm, extract_once(b, extracted)));
    extracted->seconds = clock_seconds() - started;

    int64_t sums[] = {extracted->n_wrong, extracted->stats.n_cpu_decoders, extracted->stats.n_nvdec_decoders};
    TRY(comm_sum_i64(comm, sums, sizeof sums / sizeof *sums));
    extracted->n_wrong = sums[0];
    extracted->stats.n_cpu_decoders = sums[1];
    extracted->stats.n_nvdec_decoders = sums[2];
    return check_extracted(b, extracted); /* the same for all ranks */
}

static enum status measure_ranks(struct bench *b)
{
    struct comm *comm = b->pipeline.comm = b->run->comm;

    TRY(pipeline_share_film(&b->pipeline));
    TRY(pipeline_plan(&b->pipeline, comm->rank, comm->size));
    TRY(extract_together(b, &b->ranks)); /* is not counted */
    for (int i = 0; i < b->run->runs; i++)
        TRY(extract_together(b, &b->each[i]));
    b->ranks = find_median(b);
    return ST_OK;
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

/* "16 CPU and 8 NVDEC decoders" */
static const char *describe_decoders(const struct extract_stats *s, char text[64])
{
    const int n_cpu = (int)s->n_cpu_decoders, n_nvdec = (int)s->n_nvdec_decoders, n = n_cpu + n_nvdec;

    if (n_cpu > 0 && n_nvdec > 0)
        snprintf(text, 64, "%d CPU and %d NVDEC decoders", n_cpu, n_nvdec);
    else
        snprintf(text, 64, "%d %s decoder%s", n, n_nvdec > 0 ? "NVDEC" : "CPU", n > 1 ? "s" : "");
    return text;
}

/* Of the film, decoded or passed over. */
static double count_frames(const struct pipeline *pipeline)
{
    const struct sampling *s = &pipeline->config.settings.sampling;
    const struct plan *p = &pipeline->plan;
    const int64_t first = s->start.is_given ? p->sample_frame[0] : 0;
    const int64_t last = s->end.is_given ? p->sample_frame[p->n_samples - 1] : pipeline->film.n_frames - 1;

    return (double)(last - first + 1);
}

static void add_facts(const struct bench *b)
{
    struct bench_table *t = b->run->table;
    const struct pipeline *pipeline = &b->pipeline;
    const struct film_info *i = &pipeline->film.info;
    const char *refusal = b->decode[DECODE_NVDEC].stats.nvdec_refusal;

    bench_add_resources(b->run, &pipeline->resources);
    bench_table_fact(t, "film", "%s", pipeline->film.path);
    bench_table_fact(t, "its frames", "%lld, %s %dx%d, %.2f s%s", (long long)pipeline->film.n_frames, i->codec,
                     i->width, i->height, film_seconds(&pipeline->film, i->duration_ticks),
                     i->sequential ? ", decoded unsplit: frames cannot be told from packets" : "");
    bench_table_fact(t, "barcode", "%lld columns of %.0f frames, pictures of %dx%d, k = %d",
                     (long long)pipeline->plan.n_columns, count_frames(pipeline), pipeline->extract.picture.width,
                     pipeline->extract.picture.height, pipeline->config.settings.kmeans.k);
    bench_table_fact(t, "start-up", "the first extraction took %.2f s longer than the median",
                     b->first_seconds > b->extract.seconds ? b->first_seconds - b->extract.seconds : 0.0);
    if (refusal)
        bench_table_fact(t, "NVDEC", "refused: %s", refusal);
    if (b->run->comm->size > 1)
        bench_table_fact(t, "alone", "all rows but the last: rank 0, while the others wait");
}

static void add_decoding(const struct bench *b, double frames)
{
    const struct extracted *d = b->decode;
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
        row->target = 0.9;
    }
}

static void add_extract(const struct bench *b)
{
    struct bench_table *t = b->run->table;
    const struct extract_stats *s = &b->extract.stats;
    const double clustering = 1e-6 * (double)(s->convert_us + s->cluster_us), decoding = 1e-6 * (double)s->decode_us;
    char text[64];

    struct bench_row *row =
        bench_table_row(t, "s", true, b->extract.seconds, "extract, %s", describe_decoders(s, text));
    bench_row_limit(row, b->decode[find_same(b)].seconds, "pure decode of the same packets by the same decoders");
    row->target = 1.05;
    if (b->pipeline.resources.ops->has_device)
        return;
    row = bench_table_row(t, "s", true, clustering, "convert and k-means / decoding");
    bench_row_limit(row, decoding, "decoding, of the same extraction's thread time");
    row->target = 0.15;
}

static void fill_table(const struct bench *b)
{
    struct bench_table *t = b->run->table;
    const double frames = count_frames(&b->pipeline);
    const int n_ranks = b->run->comm->size;
    char text[64];

    add_facts(b);
    bench_table_row(t, "frames/s", false, b->index_speed, "index");
    add_decoding(b, frames);
    add_extract(b);
    if (n_ranks == 1)
        return;
    struct bench_row *row = bench_table_row(t, "frames/s", false, frames / b->ranks.seconds, "extract, %d ranks, %s",
                                            n_ranks, describe_decoders(&b->ranks.stats, text));
    bench_row_limit(row, n_ranks * frames / b->extract.seconds, "%d times rank 0 alone", n_ranks);
    row->target = 0.925;
}

enum status bench_barcode(const struct bench_run *run, const struct barcode_config *config)
{
    struct comm *comm = run->comm;
    struct bench b = {.run = run};
    struct comm self; /* rank 0's, while the others wait */
    enum status st;

    comm_open_self(&self);
    pipeline_init(&b.pipeline, config, run->stop);
    b.pipeline.comm = &self;
    b.pipeline.config.frame_hashes = NULL; /* not an output only: it takes time */
    b.each = mem_array((size_t)run->runs, sizeof *b.each);
    st = b.each ? resources_choose(comm, run->backend, run->threads, &b.pipeline.resources) : ST_NOMEM;
    TRY_OR(done, st, comm_agree(comm, st));
    TRY_OR(done, st, comm_agree(comm, comm->rank == 0 ? measure_alone(&b) : ST_OK));
    if (comm->size > 1)
        TRY_OR(done, st, measure_ranks(&b));
    if (comm->rank == 0)
        fill_table(&b);
done:
    free(b.each);
    pipeline_release(&b.pipeline);
    return st;
}
