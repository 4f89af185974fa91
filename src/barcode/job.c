/* job: see job.h. Phases: each is local work or collective work; at its end all ranks agree on the outcome, and only
 * there (and in the weave's common beat) does a job stop early. */
#include "barcode/job.h"

#include "barcode/output.h"
#include "barcode/weave.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "compute/kmeans_rules.h"
#include "image/light.h"
#include "job/resources.h"
#include "media/decoder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEGMENTS_PER_THREAD = 4, MIN_SEGMENTS_PER_RANK = 16 };

struct job {
    struct comm *comm;
    struct barcode_config config; /* n_init filled in */
    atomic_int *stop;
    struct resources resources;
    struct film film;
    struct plan plan;
    struct weave_setup weave;
    struct weave_result woven;
    struct weave_stats stats; /* summed over ranks */
    struct barcode barcode;   /* rank 0 */
    char (*hash)[65];         /* rank 0: [n_samples] */
    struct progress progress;
    double started, index_seconds, weave_seconds;
};

/* --- index -------------------------------------------------------------------------------------------------------- */

static void show_index_progress(void *context, int64_t done, int64_t total)
{
    progress_show(context, done, total, "");
}

static void describe_film(const struct job *job)
{
    const struct film *f = &job->film;
    const struct film_info *i = &f->info;

    log_note("%s: %s, %s %dx%d %s%s, %lld frames, %.2f s", f->path, i->container, i->codec, i->width, i->height,
             i->pixel_format, i->rotation ? " (turned)" : "", (long long)f->n_frames,
             film_seconds(f, i->duration_ticks));
    if (i->n_video_streams > 1)
        log_note("%d video streams: taking stream %d, the default one", i->n_video_streams, i->stream);
    if (i->n_lead_in > 0)
        log_note("the film starts in the middle of a group of pictures: its first %lld frames cannot be decoded",
                 (long long)i->n_lead_in);
    if (i->sequential)
        log_note("frames cannot be told from packets in this film: it is decoded from start to end, unsplit");
    if (i->largest_gap_ticks > 0)
        log_note("no frame for %.1f s after %.1f s: is a part missing?", film_seconds(f, i->largest_gap_ticks),
                 film_seconds(f, i->largest_gap_at));
    if (i->is_hdr)
        log_note("the film is HDR (PQ or HLG): its colours are taken as they are coded, without tone mapping");
}

static enum status judge_whole(struct job *job)
{
    const struct film_info *i = &job->film.info;

    if (!i->incomplete[0])
        return ST_OK;
    if (!job->config.allow_partial)
        return FAIL(ST_FORMAT, "%s is not whole: %s (--allow-partial draws what there is)", job->film.path,
                    i->incomplete);
    log_note("%s is not whole: %s; drawing what there is", job->film.path, i->incomplete);
    return ST_OK;
}

/* Rank 0 alone opens the film; the others work on what it found. */
static enum status read_index(struct job *job)
{
    const double started = clock_seconds();
    enum status st;

    TRY(output_check(&job->config));
    progress_start(&job->progress, job->config.progress, "index");
    st = film_open(&job->film, job->config.film, job->stop, show_index_progress, &job->progress);
    progress_end(&job->progress);
    TRY(st);
    job->index_seconds = clock_seconds() - started;
    describe_film(job);
    return judge_whole(job);
}

static enum status share_film(struct job *job)
{
    struct film *f = &job->film;
    int64_t n[2] = {f->n_packets, f->n_frames};
    enum status st = ST_OK;

    TRY(comm_bcast(job->comm, n, sizeof n));
    TRY(comm_bcast(job->comm, &f->info, sizeof f->info));
    if (job->comm->rank > 0) {
        film_release(&(struct film){.packet = f->packet, .frame = f->frame});
        f->n_packets = n[0];
        f->n_frames = n[1];
        f->path = f->path ? f->path : strdup(job->config.film);
        f->packet = mem_array((size_t)n[0], sizeof *f->packet);
        f->frame = mem_array((size_t)n[1], sizeof *f->frame);
        st = f->path && f->packet && f->frame ? ST_OK : ST_NOMEM;
    }
    TRY(comm_agree(job->comm, st));
    TRY(comm_bcast(job->comm, f->packet, (size_t)n[0] * sizeof *f->packet));
    return comm_bcast(job->comm, f->frame, (size_t)n[1] * sizeof *f->frame);
}

/* --- weave -------------------------------------------------------------------------------------------------------- */

static enum status make_plan(struct job *job)
{
    int32_t per_rank = SEGMENTS_PER_THREAD * job->resources.threads;

    per_rank = per_rank < MIN_SEGMENTS_PER_RANK ? MIN_SEGMENTS_PER_RANK : per_rank;
    TRY(comm_bcast(job->comm, &per_rank, sizeof per_rank)); /* ranks may differ in cores, plans must not */
    plan_release(&job->plan);
    return plan_make(&job->plan, &job->film, &job->config.sampling, job->comm->size, per_rank);
}

static void setup_weave(struct job *job)
{
    const struct barcode_config *c = &job->config;
    struct picture_settings picture = {.legacy = c->legacy};
    bool want_lines = false;

    for (int i = 0; i < c->n_strips; i++)
        want_lines |= c->strip[i] == STRIP_SQUEEZED;
    barcode_picture_size(&job->film.info, c, &picture.width, &picture.height);
    picture.want_lines = want_lines;
    picture.lines_are_columns = job->film.info.rotation % 180 != 0;
    job->weave = (struct weave_setup){
        .film = &job->film,
        .plan = &job->plan,
        .rank = job->comm->rank,
        .ops = job->resources.ops,
        .device = job->resources.device,
        .picture = picture,
        .kmeans = {.k = c->k, .n_init = c->n_init, .plain = c->plain, .seed = c->seed},
        .n_lines = !want_lines                 ? 0
                   : picture.lines_are_columns ? picture.width
                                               : picture.height,
        .threads = job->resources.threads,
        .want_hash = c->frame_hashes != NULL,
        .stop = job->stop,
    };
}

static void describe_work(const struct job *job)
{
    char on[320];

    resources_describe(&job->resources, on, sizeof on);
    log_note("%lld columns of %lld frames (%s sampling), pictures of %dx%d, k = %d; %d rank%s, backend %s",
             (long long)job->plan.n_columns, (long long)job->film.n_frames,
             job->config.sampling.snap_to_keys ? "key frame" : "exact", job->weave.picture.width,
             job->weave.picture.height, job->config.k, job->comm->size, job->comm->size > 1 ? "s" : "", on);
    if (job->config.sampling.snap_to_keys)
        log_note("key frame sampling: columns are up to %.3f s away from their time%s", job->plan.largest_time_error,
                 job->film.info.sequential ? " (no key frames can be told in this film: they are exact)" : "");
}

/* All ranks beat in time: each beat sums progress and trouble, so that a bar can be drawn, and one rank's failure or
 * signal ends all of them within a moment. */
static enum status run_weave(struct job *job)
{
    enum { DONE, TOTAL, FINISHED, TROUBLE, N_VALUES };
    const double started = clock_seconds();
    struct weave *w = NULL;
    struct weave_stats stats;
    int64_t beat[N_VALUES] = {0};
    bool troubled = false;
    enum status st;

    weave_result_release(&job->woven);
    st = weave_start(&job->weave, &w);
    progress_start(&job->progress, job->config.progress, "weave");
    do {
        bool finished = true;
        beat[DONE] = beat[TOTAL] = 0;
        if (st == ST_OK)
            finished = weave_wait(w, troubled ? 0.02 : 0.1, &beat[DONE], &beat[TOTAL]);
        beat[FINISHED] = finished;
        beat[TROUBLE] = st != ST_OK || atomic_load(job->stop) || (w && weave_failed(w));
        const enum status sum = comm_sum_i64(job->comm, beat, N_VALUES);
        if (sum != ST_OK) { /* without the others there is no common end */
            atomic_store(job->stop, 1);
            weave_finish(&w, &job->woven, &stats);
            return sum;
        }
        if (beat[TROUBLE] > 0 && !troubled) {
            troubled = true;
            atomic_store(job->stop, 1);
        }
        progress_show(&job->progress, beat[DONE], beat[TOTAL], "");
    } while (beat[FINISHED] < job->comm->size);
    progress_end(&job->progress);

    const enum status finished = weave_finish(&w, &job->woven, &stats);
    st = st != ST_OK ? st : finished;
    if (st == ST_INTERRUPTED)
        st = ST_OK; /* told below, unless another rank has a better reason */
    TRY(comm_agree(job->comm, st));
    if (troubled)
        return FAIL(ST_INTERRUPTED, "interrupted: nothing was written");

    int64_t sums[] = {stats.decode_us,      stats.convert_us,     stats.cluster_us,
                      stats.frames_decoded, stats.packets_sent,   stats.frames_clustered,
                      stats.damaged,        stats.n_cpu_decoders, stats.n_nvdec_decoders};
    TRY(comm_sum_i64(job->comm, sums, (int)(sizeof sums / sizeof *sums)));
    job->stats = (struct weave_stats){sums[0], sums[1], sums[2], sums[3], sums[4],
                                      sums[5], sums[6], sums[7], sums[8], stats.nvdec_refusal};
    if (stats.nvdec_refusal)
        log_note("decoded on the CPU instead of NVDEC: %s", stats.nvdec_refusal);
    job->weave_seconds += clock_seconds() - started;
    return ST_OK;
}

/* Samples of all ranks that did not come out exactly once, and damage seen on the way. */
static enum status count_faults(struct job *job, int64_t *n_wrong)
{
    *n_wrong = 0;
    for (int64_t i = 0; i < job->woven.n; i++)
        *n_wrong += job->woven.delivered[i] != 1;
    TRY(comm_sum_i64(job->comm, n_wrong, 1));
    return ST_OK;
}

static enum status list_again(struct job *job)
{
    enum status st;

    progress_start(&job->progress, job->config.progress, "index by decoding");
    st = film_list_by_decoding(&job->film, job->stop, show_index_progress, &job->progress);
    progress_end(&job->progress);
    TRY(st);
    if (job->film.n_frames == 0)
        return FAIL(ST_FORMAT, "%s: no frame could be decoded", job->film.path);
    return judge_whole(job);
}

/* Split decoding is verified, not trusted: if a sampled frame is missing at a join, or the film is damaged, the film is
 * listed and decoded again from start to end, as any player would. */
static enum status weave_film(struct job *job)
{
    int64_t n_wrong;

    TRY(run_weave(job));
    TRY(count_faults(job, &n_wrong));
    if (!job->film.info.sequential && (n_wrong > 0 || job->stats.damaged > 0)) {
        log_note("%lld of %lld sampled frames did not come out as listed, %lld faults in the stream: decoding again, "
                 "unsplit",
                 (long long)n_wrong, (long long)job->plan.n_samples, (long long)job->stats.damaged);
        TRY(comm_agree(job->comm, job->comm->rank == 0 ? list_again(job) : ST_OK));
        TRY(share_film(job));
        TRY(comm_agree(job->comm, make_plan(job)));
        setup_weave(job);
        TRY(run_weave(job));
        TRY(count_faults(job, &n_wrong));
    }
    if (n_wrong > 0)
        return FAIL(ST_FORMAT, "%s: %lld of %lld sampled frames could not be decoded", job->film.path,
                    (long long)n_wrong, (long long)job->plan.n_samples);
    return ST_OK;
}

/* --- gather ------------------------------------------------------------------------------------------------------- */

struct sample_record { /* followed by the lines */
    int64_t sample;
    struct frame_clusters clusters;
    struct frame_light light;
    char hash[65];
};

static enum status pack_samples(const struct job *job, uint8_t **packed, size_t *bytes)
{
    const struct weave_result *r = &job->woven;
    const size_t line_bytes = 3 * (size_t)job->weave.n_lines, each = sizeof(struct sample_record) + line_bytes;

    *bytes = (size_t)r->n * each;
    *packed = mem_array(*bytes, 1);
    if (!*packed)
        return ST_NOMEM;
    for (int64_t i = 0; i < r->n; i++) {
        struct sample_record record;
        memset(&record, 0, sizeof record);
        record.sample = r->first + i;
        record.clusters = r->clusters[i];
        record.light = r->light[i];
        if (job->weave.want_hash)
            memcpy(record.hash, r->hash[i], sizeof record.hash);
        memcpy(*packed + (size_t)i * each, &record, sizeof record);
        memcpy(*packed + (size_t)i * each + sizeof record, r->lines + (size_t)i * line_bytes, line_bytes);
    }
    return ST_OK;
}

/* The picture's lines as they are seen: a film turned by 90 degrees has them from right to left, by 270 from left to
 * right; by 180 from bottom to top. */
static bool lines_are_reversed(int rotation)
{
    return rotation == 180 || rotation == 270;
}

static enum status fill_column(struct job *job, const struct light *light, int64_t i,
                               const struct sample_record *record, const uint8_t *lines)
{
    const struct film *f = &job->film;
    const struct film_frame *frame = &f->frame[job->plan.sample_frame[record->sample]];
    const uint64_t n_pixels = (uint64_t)job->weave.picture.width * (uint64_t)job->weave.picture.height;
    const size_t n_lines = (size_t)job->weave.n_lines;
    struct column *c = &job->barcode.columns[i];

    c->frame = job->plan.sample_frame[record->sample];
    c->pts = frame->pts;
    c->time = film_seconds(f, frame->ticks);
    c->clusters = record->clusters;
    for (int j = 0; j < 3; j++)
        c->mean[j] = light_encode_mean(light, record->light.sum[j], n_pixels);
    if (n_lines == 0)
        return ST_OK;
    c->lines = mem_array(n_lines, 3);
    if (!c->lines)
        return ST_NOMEM;
    for (size_t j = 0; j < n_lines; j++)
        memcpy(c->lines + 3 * j, lines + 3 * (lines_are_reversed(f->info.rotation) ? n_lines - 1 - j : j), 3);
    return ST_OK;
}

static enum status copy_facts(struct job *job)
{
    const struct film_info *i = &job->film.info;
    struct film_facts *f = &job->barcode.film;

    f->path = strdup(job->config.film);
    f->bytes = i->bytes;
    memcpy(f->fingerprint, i->fingerprint, sizeof f->fingerprint);
    memcpy(f->container, i->container, sizeof f->container);
    memcpy(f->codec, i->codec, sizeof f->codec);
    memcpy(f->pixel_format, i->pixel_format, sizeof f->pixel_format);
    memcpy(f->matrix, i->matrix, sizeof f->matrix);
    memcpy(f->range, i->range, sizeof f->range);
    f->width = i->width;
    f->height = i->height;
    f->rotation = i->rotation;
    f->sar_num = i->sar_num;
    f->sar_den = i->sar_den;
    f->frames = job->film.n_frames;
    f->seconds = film_seconds(&job->film, i->duration_ticks);
    f->time_base_num = i->time_base_num;
    f->time_base_den = i->time_base_den;
    f->frames_lead_in = i->n_lead_in;
    f->frames_missing = i->frames_missing;
    f->frames_damaged = i->frames_damaged;
    if (i->incomplete[0])
        f->partial = strdup(i->incomplete);
    return f->path && (f->partial || !i->incomplete[0]) ? ST_OK : FAIL(ST_NOMEM, "out of memory for the film's facts");
}

static enum status assemble(struct job *job, const uint8_t *packed, size_t bytes)
{
    const struct picture_settings *p = &job->weave.picture;
    const size_t each = sizeof(struct sample_record) + 3 * (size_t)job->weave.n_lines;
    struct barcode *b = &job->barcode;
    struct light *light = mem_array(1, sizeof *light);
    enum status st = ST_NOMEM;

    if (bytes != (size_t)job->plan.n_samples * each) {
        st = FAIL(ST_BUG, "gathered %zu bytes instead of %zu", bytes, (size_t)job->plan.n_samples * each);
        goto done;
    }
    TRY_OR(done, st, copy_facts(job));
    st = ST_NOMEM;
    b->settings_text = output_settings_text(&job->config);
    b->clustered_width = p->lines_are_columns ? p->height : p->width;
    b->clustered_height = p->lines_are_columns ? p->width : p->height;
    b->legacy = p->legacy;
    b->n_lines = job->weave.n_lines;
    b->columns = mem_array((size_t)job->plan.n_columns, sizeof *b->columns);
    job->hash = mem_array((size_t)job->plan.n_samples, sizeof *job->hash);
    if (!light || !b->settings_text || !b->columns || !job->hash)
        goto done;
    b->n_columns = job->plan.n_columns;
    light_init(light, p->legacy);
    for (int64_t i = 0; i < b->n_columns; i++) {
        struct sample_record record; /* rank order is film order */
        const uint8_t *at = packed + (size_t)job->plan.column_sample[i] * each;
        memcpy(&record, at, sizeof record);
        memcpy(job->hash[job->plan.column_sample[i]], record.hash, sizeof record.hash);
        TRY_OR(done, st, fill_column(job, light, i, &record, at + sizeof record));
    }
    st = ST_OK;
done:
    free(light);
    return st;
}

static enum status gather_columns(struct job *job)
{
    uint8_t *packed = NULL;
    void *all = NULL;
    size_t bytes = 0, all_bytes = 0;
    enum status st;

    TRY(comm_agree(job->comm, pack_samples(job, &packed, &bytes)));
    st = comm_gather(job->comm, packed, bytes, &all, &all_bytes);
    if (st == ST_OK && job->comm->rank == 0)
        st = assemble(job, all, all_bytes);
    free(packed);
    free(all);
    return comm_agree(job->comm, st);
}

/* --- write -------------------------------------------------------------------------------------------------------- */

static enum status write_results(struct job *job)
{
    const char **hash = mem_array((size_t)job->barcode.n_columns, sizeof *hash);
    enum status st;

    if (!hash)
        return ST_NOMEM;
    for (int64_t i = 0; i < job->barcode.n_columns; i++)
        hash[i] = job->hash[job->plan.column_sample[i]];
    st = output_write(&job->config, &job->barcode, hash, job->stop);
    free(hash);
    return st;
}

static void describe_run(const struct job *job)
{
    const struct weave_stats *s = &job->stats;
    const double decode = 1e-6 * (double)s->decode_us, convert = 1e-6 * (double)s->convert_us;
    const double cluster = 1e-6 * (double)s->cluster_us, busy = decode + convert + cluster;
    const double seconds = clock_seconds() - job->started;
    const char *bottleneck = decode >= convert + cluster ? "decoding" : "clustering";

    if (job->index_seconds > job->weave_seconds)
        bottleneck = "reading the index";
    log_note(
        "%lld columns from %lld frames in %.2f s (%.0f frames/s): index %.2f s, weave %.2f s; of the workers' time "
        "decode %.0f %%, convert %.0f %%, cluster %.0f %%; %lld frames decoded by %lld CPU and %lld NVDEC decoders; "
        "bottleneck: %s",
        (long long)job->plan.n_columns, (long long)job->film.n_frames, seconds, (double)job->film.n_frames / seconds,
        job->index_seconds, job->weave_seconds, busy > 0 ? 100.0 * decode / busy : 0.0,
        busy > 0 ? 100.0 * convert / busy : 0.0, busy > 0 ? 100.0 * cluster / busy : 0.0, (long long)s->frames_decoded,
        (long long)s->n_cpu_decoders, (long long)s->n_nvdec_decoders, bottleneck);
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static enum status choose_resources(struct job *job)
{
    TRY(resources_choose(job->comm, job->config.backend, job->config.threads, &job->resources));
    if (job->comm->rank > 0)
        job->config.progress = PROGRESS_NONE; /* one bar for all */
    if (job->config.n_init == 0)
        job->config.n_init = kmeans_default_restarts(job->config.k, job->config.plain);
    return ST_OK;
}

static enum status run_phases(struct job *job)
{
    struct comm *comm = job->comm;

    TRY(comm_agree(comm, choose_resources(job)));
    TRY(comm_agree(comm, comm->rank == 0 ? read_index(job) : ST_OK));
    TRY(share_film(job));
    TRY(comm_agree(comm, make_plan(job)));
    setup_weave(job);
    describe_work(job);
    TRY(weave_film(job));
    TRY(gather_columns(job));
    TRY(comm_agree(comm, comm->rank == 0 ? write_results(job) : ST_OK));
    describe_run(job);
    return ST_OK;
}

enum status barcode_run(struct comm *comm, const struct barcode_config *config, atomic_int *stop)
{
    struct job job = {.comm = comm, .config = *config, .stop = stop, .started = clock_seconds()};
    const enum status st = run_phases(&job);

    progress_end(&job.progress);
    barcode_release(&job.barcode);
    free(job.hash);
    weave_result_release(&job.woven);
    plan_release(&job.plan);
    film_release(&job.film);
    return st;
}
