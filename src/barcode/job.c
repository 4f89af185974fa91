/* job: see job.h. Phases: each is local work or collective work; at its end all ranks agree on the outcome, and only
 * there (and in the exchanges of the extraction) does a job stop early. */
#include "barcode/job.h"

#include "barcode/pipeline.h"
#include "barcode/output.h"
#include "barcode/recheck.h"
#include "barcode/terms.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "film/frame_source.h"
#include "job/file_terms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct job {
    struct comm *comm;
    struct pipeline pipeline; /* its barcode on rank 0 only */
    struct file_mark film;    /* as this rank saw it before anything else */
    struct extract_result extracted;
    struct extract_stats stats; /* summed over ranks */
    struct progress progress;
    struct nvdec_ahead *nvdec;
    double started, index_seconds, extract_seconds;
    double mean_done; /* seconds of the last extraction in which a rank had work, their mean */
};

/* --- index -------------------------------------------------------------------------------------------------------- */

static void show_index_progress(void *context, int64_t done, int64_t total)
{
    progress_show(context, done, total, "");
}

/* Rank 0 alone reads all of the film's packets; the others work on what it found. */
static enum status read_index(struct job *job)
{
    const double started = clock_seconds();
    enum status st;

    TRY(output_check(&job->pipeline.config));
    progress_start(&job->progress, job->pipeline.config.progress, "index");
    st = film_open(&job->pipeline.film, job->pipeline.config.film, job->pipeline.stop, show_index_progress,
                   &job->progress);
    progress_end(&job->progress);
    TRY(st);
    job->index_seconds = clock_seconds() - started;
    pipeline_describe_film(&job->pipeline);
    return pipeline_judge_film(&job->pipeline);
}

/* --- extraction
 * -------------------------------------------------------------------------------------------------------- */

static void describe_work(const struct job *job)
{
    char on[320];

    resources_describe(&job->pipeline.resources, on, sizeof on);
    log_note("%lld columns of %lld frames (%s sampling), pictures of %dx%d, k = %d; %d rank%s, backend %s",
             (long long)job->pipeline.plan.n_columns, (long long)job->pipeline.film.n_frames,
             job->pipeline.config.sampling.snap_to_keys ? "key frame" : "exact", job->pipeline.extract.picture.width,
             job->pipeline.extract.picture.height, job->pipeline.config.k, job->comm->size,
             job->comm->size > 1 ? "s" : "", on);
    if (job->pipeline.config.sampling.snap_to_keys)
        log_note("key frame sampling: columns are up to %.3f s away from their time%s",
                 job->pipeline.plan.largest_time_error,
                 job->pipeline.film.info.sequential ? " (no key frames can be told in this film: they are exact)" : "");
}

/* The ranks exchange their state several times a second: each exchange sums progress and trouble, so that a bar can be
 * drawn, and one rank's failure or signal ends all of them within a moment. */
static enum status run_extract(struct job *job)
{
    enum { DONE, TOTAL, FINISHED, TROUBLE, N_VALUES };
    const double started = clock_seconds();
    struct extract *w = NULL;
    struct extract_stats stats;
    int64_t state[N_VALUES] = {0};
    int64_t own_us = 0; /* that this rank took */
    bool troubled = false;
    enum status st;

    extract_result_release(&job->extracted);
    st = extract_start(&job->pipeline.extract, &w);
    progress_start(&job->progress, job->pipeline.config.progress, "extract");
    do {
        bool finished = true;
        state[DONE] = state[TOTAL] = 0;
        if (st == ST_OK)
            finished = extract_wait(w, troubled ? 0.02 : 0.1, &state[DONE], &state[TOTAL]);
        own_us = finished && own_us == 0 ? (int64_t)(1e6 * (clock_seconds() - started)) : own_us;
        state[FINISHED] = finished;
        state[TROUBLE] = st != ST_OK || atomic_load(job->pipeline.stop) || (w && extract_failed(w));
        const enum status sum = comm_sum_i64(job->comm, state, N_VALUES);
        if (sum != ST_OK) { /* without the others there is no common end */
            atomic_store(job->pipeline.stop, 1);
            extract_finish(&w, &job->extracted, &stats);
            return sum;
        }
        if (state[TROUBLE] > 0 && !troubled) {
            troubled = true;
            atomic_store(job->pipeline.stop, 1);
        }
        progress_show(&job->progress, state[DONE], state[TOTAL], "");
    } while (state[FINISHED] < job->comm->size);
    progress_end(&job->progress);

    const enum status finished = extract_finish(&w, &job->extracted, &stats);
    st = st != ST_OK ? st : finished;
    if (st == ST_INTERRUPTED)
        st = ST_OK; /* told below, unless another rank has a better reason */
    TRY(comm_agree(job->comm, st));
    if (troubled)
        return FAIL(ST_INTERRUPTED, "interrupted: nothing was written");

    int64_t sums[] = {stats.open_us, stats.decode_us,      stats.convert_us,       stats.cluster_us,
                      stats.wait_us, stats.frames_decoded, stats.packets_sent,     stats.frames_clustered,
                      stats.damaged, stats.n_cpu_decoders, stats.n_nvdec_decoders, own_us};
    TRY(comm_sum_i64(job->comm, sums, (int)(sizeof sums / sizeof *sums)));
    job->stats = (struct extract_stats){sums[0], sums[1], sums[2], sums[3], sums[4],  sums[5],
                                        sums[6], sums[7], sums[8], sums[9], sums[10], stats.nvdec_refusal};
    job->mean_done = 1e-6 * (double)sums[11] / job->comm->size;
    if (stats.nvdec_refusal)
        log_note("decoded on the CPU instead of NVDEC: %s", stats.nvdec_refusal);
    job->extract_seconds += clock_seconds() - started;
    return ST_OK;
}

/* Samples of all ranks that did not come out exactly once, and damage seen on the way. */
static enum status count_faults(struct job *job, int64_t *n_wrong)
{
    *n_wrong = 0;
    for (int64_t i = 0; i < job->extracted.n; i++)
        *n_wrong += job->extracted.delivered[i] != 1;
    TRY(comm_sum_i64(job->comm, n_wrong, 1));
    return ST_OK;
}

static enum status list_again(struct job *job)
{
    enum status st;

    progress_start(&job->progress, job->pipeline.config.progress, "index by decoding");
    st = pipeline_list_again(&job->pipeline, show_index_progress, &job->progress);
    progress_end(&job->progress);
    return st;
}

/* Split decoding is verified, not trusted: if a sampled frame is missing at a join, or the film is damaged, the film is
 * listed and decoded again from start to end, as any player would. */
static enum status extract_film(struct job *job)
{
    int64_t n_wrong;

    TRY(run_extract(job));
    TRY(count_faults(job, &n_wrong));
    if (!job->pipeline.film.info.sequential && (n_wrong > 0 || job->stats.damaged > 0)) {
        log_note("%lld of %lld sampled frames did not come out as listed, %lld faults in the stream: decoding again, "
                 "unsplit",
                 (long long)n_wrong, (long long)job->pipeline.plan.n_samples, (long long)job->stats.damaged);
        TRY(comm_agree(job->comm, job->comm->rank == 0 ? list_again(job) : ST_OK));
        TRY(pipeline_share_film(&job->pipeline, job->comm));
        TRY(pipeline_plan_ranks(&job->pipeline, job->comm));
        TRY(run_extract(job));
        TRY(count_faults(job, &n_wrong));
    }
    if (n_wrong > 0)
        return FAIL(ST_FORMAT, "%s: %lld of %lld sampled frames could not be decoded", job->pipeline.film.path,
                    (long long)n_wrong, (long long)job->pipeline.plan.n_samples);
    return ST_OK;
}

/* --- gather ------------------------------------------------------------------------------------------------------- */

static enum status gather_columns(struct job *job)
{
    uint8_t *packed = NULL;
    void *all = NULL;
    size_t bytes = 0, all_bytes = 0;
    enum status st;

    TRY(comm_agree(job->comm, pipeline_pack(&job->pipeline, &job->extracted, &packed, &bytes)));
    st = comm_gather(job->comm, packed, bytes, &all, &all_bytes);
    if (st == ST_OK && job->comm->rank == 0)
        st = pipeline_assemble(&job->pipeline, all, all_bytes); /* rank order is film order */
    free(packed);
    free(all);
    return comm_agree(job->comm, st);
}

/* --- verify ------------------------------------------------------------------------------------------------------- */

/* By rank 0: whoever decodes from the start has to go through all of it. */
static enum status verify_frames(struct job *job)
{
    const double started = clock_seconds();
    enum status st;

    if (job->pipeline.config.verify_samples == 0)
        return ST_OK;
    progress_start(&job->progress, job->pipeline.config.progress, "verify");
    st = recheck_frames(&job->pipeline, show_index_progress, &job->progress);
    progress_end(&job->progress);
    TRY(st);
    log_note("%lld of the sampled frames decoded again, one after the other from the start: the same (%.2f s)",
             (long long)recheck_count(&job->pipeline), clock_seconds() - started);
    return ST_OK;
}

/* --- write -------------------------------------------------------------------------------------------------------- */

static void describe_run(const struct job *job)
{
    const struct extract_stats *s = &job->stats;
    const double decode = 1e-6 * (double)s->decode_us, convert = 1e-6 * (double)s->convert_us;
    const double open = 1e-6 * (double)s->open_us, wait = 1e-6 * (double)s->wait_us;
    const double cluster = 1e-6 * (double)s->cluster_us, all = open + decode + convert + cluster + wait;
    const double percent = all > 0 ? 100.0 / all : 0.0;
    const char *unsplit = job->pipeline.film.info.unsplit;
    char ranks[64] = "";
    const double seconds = clock_seconds() - job->started;
    const char *bottleneck = decode >= convert + cluster ? "decoding" : "clustering";

    if (job->index_seconds > job->extract_seconds)
        bottleneck = "reading the index";
    if (job->comm->size > 1)
        snprintf(ranks, sizeof ranks, " (ranks' mean %.2f s)", job->mean_done);
    log_note(
        "%lld columns from %lld frames in %.2f s (%.0f frames/s): index %.2f s, extract %.2f s%s; of the decode "
        "threads' time "
        "open %.0f %%, decode %.0f %%, convert %.0f %%, cluster %.0f %%, wait %.0f %%; %lld frames decoded by %lld CPU "
        "and %lld NVDEC decoders%s%s; bottleneck: %s",
        (long long)job->pipeline.plan.n_columns, (long long)job->pipeline.film.n_frames, seconds,
        (double)job->pipeline.film.n_frames / seconds, job->index_seconds, job->extract_seconds, ranks, percent * open,
        percent * decode, percent * convert, percent * cluster, percent * wait, (long long)s->frames_decoded,
        (long long)s->n_cpu_decoders, (long long)s->n_nvdec_decoders, unsplit[0] ? ", unsplit: " : "", unsplit,
        bottleneck);
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static enum status choose_resources(struct job *job)
{
    if (job->comm->rank > 0)
        job->pipeline.config.progress = PROGRESS_NONE; /* one bar for all */
    return resources_choose(job->comm, job->pipeline.config.backend, job->pipeline.config.threads,
                            &job->pipeline.resources);
}

/* Every rank looks at the film: under one name there may be several, or on some hosts none. */
static enum status get_ready(struct job *job)
{
    const struct barcode_config *c = &job->pipeline.config;

    TRY(choose_resources(job));
    TRY(file_mark_take("film", c->film, FILE_MARK_ENDS, &job->film));
    TRY(terms_of_barcode(job->comm, c));
    file_terms_add(job->comm, "film", &job->film);
    return ST_OK;
}

/* A film that is being copied here while it is read gives whatever was there at the time. */
static enum status check_film(const struct job *job)
{
    return file_mark_check("film", job->pipeline.config.film, FILE_MARK_ENDS, &job->film);
}

/* While rank 0 reads the index; not where little of the film may be decoded. */
static void open_nvdec_ahead(struct job *job)
{
    const struct resources *r = &job->pipeline.resources;
    const struct sampling *s = &job->pipeline.config.sampling;
    const struct nvdec_user user = {r->device, r->threads, r->n_gpu_sharers, r->n_host_sharers};

    if (r->ops == &compute_cuda && !s->has_start && !s->has_end && !s->snap_to_keys)
        job->nvdec = nvdec_open_ahead(job->pipeline.config.film, &user, job->comm->size, job->pipeline.stop);
}

static enum status run_phases(struct job *job)
{
    struct comm *comm = job->comm;

    TRY(comm_meet(comm, get_ready(job)));
    open_nvdec_ahead(job);
    TRY(comm_agree(comm, comm->rank == 0 ? read_index(job) : ST_OK));
    TRY(pipeline_share_film(&job->pipeline, job->comm));
    TRY(pipeline_plan_ranks(&job->pipeline, job->comm));
    describe_work(job);
    TRY(extract_film(job));
    TRY(gather_columns(job));
    TRY(comm_agree(comm, comm->rank == 0 ? verify_frames(job) : ST_OK));
    TRY(comm_agree(comm, check_film(job)));
    TRY(comm_agree(comm, comm->rank == 0 ? pipeline_write(&job->pipeline) : ST_OK));
    describe_run(job);
    return ST_OK;
}

enum status barcode_run(struct comm *comm, const struct barcode_config *config, atomic_int *stop)
{
    struct job job = {.comm = comm, .started = clock_seconds()};
    enum status st;

    pipeline_init(&job.pipeline, config, stop);
    st = run_phases(&job);
    if (st == ST_FORMAT && job.film.fingerprint[0])
        (void)check_film(&job); /* whatever it was, that the film changed is the reason */
    progress_end(&job.progress);
    nvdec_end_ahead(&job.nvdec);
    extract_result_release(&job.extracted);
    pipeline_release(&job.pipeline);
    return st;
}
