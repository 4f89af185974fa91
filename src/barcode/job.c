/* job: see job.h. The steps are the pipeline's; here is what surrounds them: what the ranks have in common, the film as
 * it was before, progress, and messages. */
#include "barcode/job.h"

#include "barcode/frame_store.h"
#include "barcode/output.h"
#include "barcode/pipeline.h"
#include "barcode/spread.h"
#include "barcode/terms.h"
#include "base/clock.h"
#include "base/log.h"
#include "film/frame_source.h"
#include "job/file_terms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct job {
    struct pipeline pipeline;
    struct file_mark film; /* as this rank saw it before anything else */
    struct progress progress;
    struct nvdec_ahead *nvdec;
    bool is_described;
    double started, step_started;
};

/* --- messages ----------------------------------------------------------------------------------------------------- */

static void describe_film(const struct film *f)
{
    const struct film_info *i = &f->info;

    log_note("%s: %s, %s %dx%d %s %s%s%s, %lld frames, %.2f s", f->path, i->container, i->codec, i->width, i->height,
             i->pixel_format, i->matrix, i->matrix_is_assumed ? " (not stated: by its size)" : "",
             i->rotation ? " (turned)" : "", (long long)f->n_frames, film_seconds(f, i->duration_ticks));
}

static void describe_work(const struct pipeline *p)
{
    char on[320];

    resources_describe(&p->resources, on, sizeof on);
    log_note("%lld columns of %lld frames (%s sampling), pictures of %dx%d, k = %d; %d rank%s, backend %s",
             (long long)p->plan.n_columns, (long long)p->film.n_frames,
             p->config.settings.sampling.snap_to_keys ? "key frame" : "exact", p->extract.picture.width,
             p->extract.picture.height, p->config.settings.kmeans.k, p->comm->size, p->comm->size > 1 ? "s" : "", on);
    if (p->config.settings.sampling.snap_to_keys)
        log_note("key frame sampling: columns are up to %.3f s away from their time%s", p->plan.largest_time_error,
                 p->film.info.sequential ? " (the key frames of this film are not known: columns are exact)" : "");
}

static void describe_run(const struct job *job)
{
    const struct pipeline *p = &job->pipeline;
    const struct extract_stats *s = &p->stats;
    const double decode = 1e-6 * (double)s->decode_us, convert = 1e-6 * (double)s->convert_us;
    const double open = 1e-6 * (double)s->open_us, wait = 1e-6 * (double)s->wait_us;
    const double cluster = 1e-6 * (double)s->cluster_us, all = open + decode + convert + cluster + wait;
    const double percent = all > 0 ? 100.0 / all : 0.0;
    const char *unsplit = p->film.info.unsplit;
    const char *verb = s->frames_loaded > 0 ? s->frames_decoded > 0 ? "decode and read" : "read" : "decode";
    char ranks[64] = "", from_store[64] = "";
    const double seconds = clock_seconds() - job->started;
    const char *bottleneck = decode < convert + cluster ? "clustering" : s->frames_decoded > 0 ? "decoding" : "reading";

    if (p->index_seconds > p->extract_seconds)
        bottleneck = "reading the index";
    if (p->comm->size > 1)
        snprintf(ranks, sizeof ranks, " (ranks' mean %.2f s)", p->mean_done);
    if (s->frames_loaded > 0)
        snprintf(from_store, sizeof from_store, "%lld frames read from the store, ", (long long)s->frames_loaded);
    log_note(
        "%lld columns from %lld frames in %.2f s (%.0f frames/s): index %.2f s, extract %.2f s%s; of the decode "
        "threads' time "
        "open %.0f %%, %s %.0f %%, convert %.0f %%, cluster %.0f %%, wait %.0f %%; %s%lld frames decoded by %lld CPU "
        "and %lld NVDEC decoders%s%s; bottleneck: %s",
        (long long)p->plan.n_columns, (long long)p->film.n_frames, seconds, (double)p->film.n_frames / seconds,
        p->index_seconds, p->extract_seconds, ranks, percent * open, verb, percent * decode, percent * convert,
        percent * cluster, percent * wait, from_store, (long long)s->frames_decoded, (long long)s->n_cpu_decoders,
        (long long)s->n_nvdec_decoders, unsplit[0] ? ", unsplit: " : "", unsplit, bottleneck);
}

/* --- the pipeline's steps ----------------------------------------------------------------------------------------- */

static void begin_step(void *context, enum pipeline_step step)
{
    static const char *const names[N_PIPELINE_STEPS] = {"index",         "look",    "index by decoding",
                                                        "count colours", "extract", "verify"};
    struct job *job = context;

    if ((step == PIPELINE_COUNT || step == PIPELINE_EXTRACT) && !job->is_described) {
        describe_work(&job->pipeline);
        job->is_described = true;
    }
    progress_start(&job->progress, job->pipeline.config.progress, names[step]);
    job->step_started = clock_seconds();
}

static void show_step(void *context, int64_t done, int64_t total)
{
    progress_show(&((struct job *)context)->progress, done, total, "");
}

static void end_step(void *context, enum pipeline_step step)
{
    struct job *job = context;
    const struct pipeline *p = &job->pipeline;

    progress_end(&job->progress);
    if (step == PIPELINE_INDEX)
        describe_film(&p->film);
    else if (step == PIPELINE_VERIFY)
        log_note("%lld of the sampled frames decoded again, one after the other from the start: the same (%.2f s)",
                 (long long)spread_count(p->plan.n_samples, p->config.verify_samples),
                 clock_seconds() - job->step_started);
}

/* A film that is being copied here while it is read gives whatever was there at the time. */
static enum status check_film(void *context)
{
    const struct job *job = context;

    return file_mark_check("film", job->pipeline.config.film, FILE_MARK_ENDS, &job->film);
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

/* Every rank looks at the film: under one name there may be several, or on some hosts none. */
static enum status get_ready(struct job *job)
{
    struct comm *comm = job->pipeline.comm;
    struct barcode_config *c = &job->pipeline.config;

    if (comm->rank > 0)
        c->progress = PROGRESS_NONE; /* one bar for all */
    TRY(resources_choose(comm, c->backend, c->threads, &job->pipeline.resources));
    TRY(file_mark_take("film", c->film, FILE_MARK_ENDS, &job->film));
    terms_of_barcode(comm, c);
    file_terms_add(comm, "film", &job->film);
    return ST_OK;
}

/* While rank 0 reads the index; not where little of the film may be decoded, or nothing. */
static void open_nvdec_ahead(struct job *job)
{
    const struct pipeline *p = &job->pipeline;
    const struct resources *r = &p->resources;
    const struct sampling *s = &p->config.settings.sampling;
    const struct nvdec_user user = {r->device, r->threads, r->n_gpu_sharers, r->n_host_sharers};

    if (p->config.store && frame_store_knows(p->config.store, job->film.fingerprint))
        return;
    if (r->ops->shares_cuda && !s->start.is_given && !s->end.is_given && !s->snap_to_keys)
        job->nvdec = nvdec_open_ahead(p->config.film, &user, p->comm->size, p->stop);
}

static enum status run(struct job *job)
{
    struct pipeline *p = &job->pipeline;
    bool drained;

    TRY(comm_meet(p->comm, get_ready(job)));
    open_nvdec_ahead(job);
    TRY(comm_agree(p->comm, p->comm->rank == 0 ? output_check(&p->config) : ST_OK));
    TRY(pipeline_run(p, false, &drained));
    describe_run(job);
    return ST_OK;
}

enum status barcode_run(struct comm *comm, const struct barcode_config *config, atomic_int *stop)
{
    struct job job = {.started = clock_seconds()};
    enum status st;

    pipeline_init(&job.pipeline, config, stop);
    job.pipeline.comm = comm;
    job.pipeline.watch = (struct pipeline_watch){&job, begin_step, show_step, end_step, check_film};
    st = run(&job);
    if (st == ST_FORMAT && job.film.fingerprint[0])
        (void)check_film(&job); /* whatever it was, that the film changed is the reason */
    progress_end(&job.progress);
    nvdec_end_ahead(&job.nvdec);
    pipeline_release(&job.pipeline);
    return st;
}
