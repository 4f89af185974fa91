#include "barcode/weave.h"

#include "barcode/spread.h"
#include "base/clock.h"
#include "base/mem.h"
#include "media/decoder.h"
#include "media/nvdec.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    DEVICE_BATCH = 32, /* frames clustered at once by each worker of a GPU */
    DEVICE_BATCH_PIXELS = 1 << 25
};

static const int64_t most_picture_bytes = (int64_t)1200
                                          << 20; /* of a rank's decoders' pictures: with all else below 2 GB */

struct worker {
    struct weave *weave;
    pthread_t thread;
    bool started;
    enum decoder_path path;
    int decoder_threads;
    struct decoder *decoder;
    struct compute *compute;
    int batch, n_pending;
    int64_t pending[COMPUTE_MAX_FRAME_BATCH]; /* samples, relative to the rank's first */
    int64_t first, last;                      /* the segments in work, likewise: samples first..last-1 */
    struct decoder_stats decoding;
    double open_seconds, convert_seconds, cluster_seconds;
    double ended;                /* clock */
    int64_t packets, packets_us; /* of the segments it is done with */
    int64_t n_clustered;
};

struct weave {
    struct weave_setup setup;
    struct weave_result result;
    int n_workers;
    struct worker *worker;
    atomic_ushort *owner; /* [samples of this rank] 1 + index of the worker that has it; 0 = nobody yet */
    atomic_llong next_segment, progress;
    int n_of[N_DECODER_PATHS];                                  /* workers */
    atomic_llong packets[N_DECODER_PATHS], us[N_DECODER_PATHS]; /* of the segments they are done with */
    int64_t last_segment, total;
    pthread_mutex_t lock;
    pthread_cond_t all_done; /* on the monotonic clock */
    int n_running;
    enum status failure;
    char failure_message[STATUS_MESSAGE_BYTES];
};

static int64_t at_most(int64_t n, int64_t limit)
{
    return n < limit ? n : limit;
}

static int64_t at_least(int64_t n, int64_t limit)
{
    return n > limit ? n : limit;
}

/* --- one worker --------------------------------------------------------------------------------------------------- */

static enum status cluster_pending(struct worker *w)
{
    struct weave *weave = w->weave;
    struct frame_clusters clusters[COMPUTE_MAX_FRAME_BATCH];
    struct frame_light light[COMPUTE_MAX_FRAME_BATCH];
    uint8_t *lines[COMPUTE_MAX_FRAME_BATCH];
    int64_t number[COMPUTE_MAX_FRAME_BATCH];
    const double started = clock_seconds();
    const size_t line_bytes = 3 * (size_t)weave->setup.n_lines;

    if (w->n_pending == 0)
        return ST_OK;
    for (int i = 0; i < w->n_pending; i++) {
        number[i] = weave->setup.plan->sample_frame[weave->result.first + w->pending[i]];
        lines[i] = line_bytes ? weave->result.lines + (size_t)w->pending[i] * line_bytes : NULL;
    }
    TRY(compute_cluster(w->compute, w->n_pending, number, clusters, light, lines));
    for (int i = 0; i < w->n_pending; i++) {
        weave->result.clusters[w->pending[i]] = clusters[i];
        weave->result.light[w->pending[i]] = light[i];
    }
    w->n_clustered += w->n_pending;
    w->n_pending = 0;
    w->cluster_seconds += clock_seconds() - started;
    return ST_OK;
}

static int compare_frames(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static uint16_t owner_of(const struct worker *w)
{
    return (uint16_t)(w - w->weave->worker + 1);
}

/* Frames decoded on the way to a segment may be samples of the one before it: somebody else's, or delivered already. */
static int64_t which_sample(void *context, int64_t frame)
{
    const struct worker *w = context;
    const struct weave_result *r = &w->weave->result;
    const int64_t *frames = w->weave->setup.plan->sample_frame + r->first;
    const int64_t *found = bsearch(&frame, frames, (size_t)r->n, sizeof *frames, compare_frames);

    const int64_t sample = found ? found - frames : -1;

    if (!found || atomic_load(&w->weave->owner[sample]) != owner_of(w))
        return -1;
    return sample >= w->first && sample < w->last ? sample : r->delivered[sample] ? -1 : sample;
}

static enum status take_frame(void *context, int64_t sample, const struct frame *frame, const char *hash)
{
    struct worker *w = context;
    const double started = clock_seconds();

    /* A frame that comes out twice is as wrong as one that does not come. */
    if (w->weave->result.delivered[sample]++ > 0)
        return ST_OK;
    if (hash)
        memcpy(w->weave->result.hash[sample], hash, sizeof w->weave->result.hash[sample]);
    TRY(compute_convert(w->compute, w->n_pending, frame));
    w->pending[w->n_pending++] = sample;
    w->convert_seconds += clock_seconds() - started;
    return w->n_pending == w->batch ? cluster_pending(w) : ST_OK;
}

static bool wants_hash(void *context, int64_t sample)
{
    const struct weave *weave = ((const struct worker *)context)->weave;
    const int64_t n = weave->setup.n_hashed;

    return n == 0 || spread_has(weave->setup.plan->n_samples, n, weave->result.first + sample);
}

static enum status open_worker(struct worker *w)
{
    const struct weave_setup *s = &w->weave->setup;
    const struct decoder_setup decoder = {
        .film = s->film,
        .path = w->path,
        .device = s->device,
        .threads = w->decoder_threads,
        .want_hash = s->want_hash,
        .sink = {w, which_sample, take_frame, wants_hash},
        .stop = s->stop,
        .progress = &w->weave->progress,
    };
    const struct compute_setup compute = {
        .device = s->device, .batch = w->batch, .picture = s->picture, .kmeans = s->kmeans};
    const double started = clock_seconds();

    TRY(compute_open(s->ops, &compute, &w->compute));
    TRY(decoder_open(&decoder, &w->decoder));
    w->open_seconds = clock_seconds() - started;
    return ST_OK;
}

/* An earlier weave has all of the segment. What it has of others is done anew with the rest of them. */
static bool has_segment(struct weave *weave, int64_t segment)
{
    const struct segment *s = &weave->setup.plan->segment[segment];
    uint8_t *delivered = weave->result.delivered + (s->first - weave->result.first);
    bool has_all = weave->setup.earlier != NULL;

    for (int64_t i = 0; i < s->last - s->first; i++)
        has_all = has_all && delivered[i] == 1;
    if (!has_all)
        memset(delivered, 0, (size_t)(s->last - s->first));
    return has_all;
}

/* Packets a microsecond that one worker of the kind does, going by all of them; 0: not known yet. */
static double speed_of(const struct weave *weave, enum decoder_path path)
{
    const int64_t us = atomic_load(&weave->us[path]);

    return us > 0 ? (double)atomic_load(&weave->packets[path]) / (double)us : 0.0;
}

/* With one of the last segments a core would be busy when the NVDEC sessions, several times as fast each, are done with
 * the others and this one. */
static bool leaves_it_to_nvdec(const struct worker *w, int64_t n_left)
{
    const struct weave *weave = w->weave;
    const double nvdec = speed_of(weave, DECODER_NVDEC);

    if (w->path == DECODER_NVDEC || nvdec <= 0.0 || w->packets == 0)
        return false;
    const double mine = (double)w->packets / (double)w->packets_us;
    return nvdec > mine * ((double)n_left / weave->n_of[DECODER_NVDEC] + 1.0);
}

/* What the worker would do of n_left segments if all were to end together; 1 until it is known how fast its kind is. */
static double share_of(const struct worker *w, int64_t n_left)
{
    const struct weave *weave = w->weave;
    const enum decoder_path other = w->path == DECODER_CPU ? DECODER_NVDEC : DECODER_CPU;
    const double mine = speed_of(weave, w->path), theirs = speed_of(weave, other);

    if (weave->n_of[other] == 0)
        return (double)n_left / weave->n_workers;
    if (mine <= 0.0)
        return 1.0;
    return (double)n_left / (weave->n_of[w->path] + weave->n_of[other] * (theirs > 0.0 ? theirs / mine : 1.0));
}

/* A worker's next segments, *first .. *last - 1: a third of its share of what is left, so that starts are few and
 * workers end at about the same time (guided self-scheduling: Polychronopoulos, Kuck, 1987); but no more than a 64th of
 * all, so that a slow one is not left with too much, nor a drained one busy for long. */
static bool take_segments(const struct worker *w, int64_t *first, int64_t *last)
{
    struct weave *weave = w->weave;
    const struct plan *plan = weave->setup.plan;
    const int64_t all = weave->last_segment - plan->rank_segment[weave->setup.rank];
    long long at = atomic_load(&weave->next_segment);
    int64_t n;

    do {
        const int64_t left = weave->last_segment - at;
        if (left <= 0 || leaves_it_to_nvdec(w, left))
            return false;
        n = at_least(at_most((int64_t)(share_of(w, left) / 3.0), all / 64), 1);
    } while (!atomic_compare_exchange_weak(&weave->next_segment, &at, at + n));
    *first = at;
    *last = at + n;
    return true;
}

static void count_work(struct worker *w, int64_t from, int64_t to, double seconds)
{
    const struct segment *segment = w->weave->setup.plan->segment;
    const int64_t us = (int64_t)(1e6 * seconds);
    int64_t packets = 0;

    for (int64_t i = from; i < to; i++)
        packets += segment[i].packets;
    w->packets += packets;
    w->packets_us += us;
    atomic_fetch_add(&w->weave->packets[w->path], packets);
    atomic_fetch_add(&w->weave->us[w->path], us);
}

/* Segments [from, to) in one go. */
static enum status decode_segments(struct worker *w, int64_t from, int64_t to)
{
    struct weave *weave = w->weave;
    const struct plan *plan = weave->setup.plan;
    const int64_t first = plan->segment[from].first, last = plan->segment[to - 1].last;

    if (!w->decoder) /* only once there is work: opening costs */
        TRY(open_worker(w));
    const double started = clock_seconds();
    TRY(decoder_turn_to(w->decoder, plan->sample_frame[first]));
    w->first = first - weave->result.first;
    w->last = last - weave->result.first;
    for (int64_t j = w->first; j < w->last; j++)
        atomic_store(&weave->owner[j], owner_of(w));
    TRY(decoder_run(w->decoder, plan->sample_frame + first, last - first));
    count_work(w, from, to, clock_seconds() - started);
    return ST_OK;
}

static enum status work(struct worker *w)
{
    struct weave *weave = w->weave;
    const atomic_int *drain = weave->setup.drain;
    int64_t at, last;

    while (!(drain && atomic_load(drain)) && take_segments(w, &at, &last))
        for (int64_t end; at < last; at = end) {
            end = at + 1;
            if (has_segment(weave, at)) {
                atomic_fetch_add(&weave->progress, weave->setup.plan->segment[at].packets);
                continue;
            }
            while (end < last && !has_segment(weave, end))
                end++;
            TRY(decode_segments(w, at, end));
        }
    if (w->decoder)
        TRY(decoder_finish(w->decoder));
    return cluster_pending(w);
}

static void *worker_main(void *context)
{
    struct worker *w = context;
    struct weave *weave = w->weave;

    /* Those who feed NVDEC sessions do little, but at once. HEVC of 60,000 frames by 16 cores and 8 sessions took 2.8
     * s, with lower priority for the cores' decoders 2.4 to 2.5. */
    const int niceness =
        w->path == DECODER_CPU && weave->n_of[DECODER_NVDEC] > 0 ? nice(10) : 0; /* and threads it makes */
    (void)niceness;
    const enum status st = work(w);

    if (w->decoder)
        w->decoding = decoder_stats(w->decoder);
    decoder_close(&w->decoder);
    if (st == ST_OK)
        compute_retire(&w->compute);
    else
        compute_close(&w->compute);
    w->ended = clock_seconds();
    pthread_mutex_lock(&weave->lock);
    /* "interrupted" is only the echo of another worker's failure, unless there is none. */
    if (st != ST_OK && (weave->failure == ST_OK || weave->failure == ST_INTERRUPTED)) {
        weave->failure = st;
        memcpy(weave->failure_message, status_message(), STATUS_MESSAGE_BYTES);
        atomic_store(weave->setup.stop, 1);
    }
    if (--weave->n_running == 0)
        pthread_cond_broadcast(&weave->all_done);
    pthread_mutex_unlock(&weave->lock);
    return NULL;
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

enum status weave_result_make(const struct weave_setup *setup, struct weave_result *r)
{
    int64_t last;

    *r = (struct weave_result){0};
    plan_rank_samples(setup->plan, setup->rank, &r->first, &last);
    r->n = last - r->first;
    r->clusters = mem_array((size_t)r->n, sizeof *r->clusters);
    r->light = mem_array((size_t)r->n, sizeof *r->light);
    r->lines = mem_array((size_t)r->n, 3 * (size_t)setup->n_lines);
    r->hash = mem_array(setup->want_hash ? (size_t)r->n : 0, sizeof *r->hash);
    r->delivered = mem_array((size_t)r->n, 1);
    return r->clusters && r->light && r->lines && r->hash && r->delivered ? ST_OK : ST_NOMEM;
}

static enum status allocate_result(struct weave *w)
{
    if (w->setup.earlier) {
        w->result = *w->setup.earlier;
        *w->setup.earlier = (struct weave_result){0};
    } else {
        TRY(weave_result_make(&w->setup, &w->result));
    }
    w->owner = mem_array((size_t)w->result.n, sizeof *w->owner);
    return w->owner ? ST_OK : ST_NOMEM;
}

/* As many decoders as there are segments and cores for, and memory: cores that are left over help inside the decoders,
 * which takes longer but far fewer pictures. */
static int64_t choose_cpu_decoders(const struct weave *w)
{
    const int64_t one = w->setup.film->info.decoder_bytes;

    return at_most(w->setup.threads, one > 0 ? at_least(most_picture_bytes / one, 1) : w->setup.threads);
}

int weave_batch(const struct compute_ops *ops, const struct picture_settings *picture)
{
    const int64_t n_pixels = (int64_t)picture->width * picture->height;

    return ops == &compute_cuda ? (int)at_most(at_least(DEVICE_BATCH_PIXELS / n_pixels, 1), DEVICE_BATCH) : 1;
}

static enum status choose_nvdec_sessions(const struct weave *w, int *n)
{
    const struct weave_setup *s = &w->setup;
    const struct nvdec_user user = {s->device, s->threads, s->n_gpu_sharers, s->n_host_sharers};

    *n = s->decoders ? s->decoders->n_nvdec : 0;
    return s->decoders || s->ops != &compute_cuda ? ST_OK : nvdec_choose(&s->film->info, &user, w->total, n);
}

/* NVDEC sessions join where there are more segments than decoders. */
static enum status allocate_workers(struct weave *w)
{
    const struct weave_setup *s = &w->setup;
    const int64_t n_segments = w->last_segment - atomic_load(&w->next_segment);
    const int batch = weave_batch(s->ops, &s->picture);
    const int n_cpu = (int)at_most(n_segments, s->decoders ? s->decoders->n_cpu : choose_cpu_decoders(w));
    int n_nvdec;

    TRY(choose_nvdec_sessions(w, &n_nvdec));
    n_nvdec = (int)at_most(n_segments - n_cpu, n_nvdec);
    w->worker = mem_array((size_t)(n_nvdec + n_cpu), sizeof *w->worker);
    if (!w->worker)
        return ST_NOMEM;
    w->n_workers = n_nvdec + n_cpu;
    w->n_of[DECODER_CPU] = n_cpu;
    w->n_of[DECODER_NVDEC] = n_nvdec;
    for (int i = 0; i < w->n_workers; i++) {
        w->worker[i].weave = w;
        w->worker[i].batch = batch;
        w->worker[i].path = i < n_cpu ? DECODER_CPU : DECODER_NVDEC;
        w->worker[i].decoder_threads = n_cpu > 0 ? (s->threads + n_cpu - 1) / n_cpu : 1;
    }
    return ST_OK;
}

enum status weave_start(const struct weave_setup *setup, struct weave **out)
{
    struct weave *w = mem_array(1, sizeof *w);
    pthread_condattr_t attr;

    *out = w;
    if (!w)
        return ST_NOMEM;
    w->setup = *setup;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->all_done, &attr);
    pthread_condattr_destroy(&attr);
    atomic_init(&w->next_segment, setup->plan->rank_segment[setup->rank]);
    w->last_segment = setup->plan->rank_segment[setup->rank + 1];
    for (int64_t i = atomic_load(&w->next_segment); i < w->last_segment; i++)
        w->total += setup->plan->segment[i].packets;
    TRY(allocate_result(w));
    TRY(allocate_workers(w));
    w->n_running = w->n_workers;
    for (int i = 0; i < w->n_workers; i++) {
        if (pthread_create(&w->worker[i].thread, NULL, worker_main, &w->worker[i]) != 0) {
            atomic_store(setup->stop, 1);
            pthread_mutex_lock(&w->lock);
            w->n_running -= w->n_workers - i;
            pthread_mutex_unlock(&w->lock);
            return FAIL(ST_NOMEM, "cannot start worker thread %d of %d", i + 1, w->n_workers);
        }
        w->worker[i].started = true;
    }
    return ST_OK;
}

bool weave_wait(struct weave *w, double seconds, int64_t *done, int64_t *total)
{
    struct timespec until;
    bool finished;

    clock_gettime(CLOCK_MONOTONIC, &until);
    const long nanoseconds = until.tv_nsec + (long)(seconds * 1e9);
    until.tv_sec += nanoseconds / 1000000000;
    until.tv_nsec = nanoseconds % 1000000000;
    pthread_mutex_lock(&w->lock);
    while (w->n_running > 0 && pthread_cond_timedwait(&w->all_done, &w->lock, &until) == 0)
        continue;
    finished = w->n_running == 0;
    pthread_mutex_unlock(&w->lock);
    *done = finished ? w->total : at_most(atomic_load(&w->progress), w->total); /* some packets are decoded twice */
    *total = w->total;
    return finished;
}

bool weave_failed(struct weave *w)
{
    pthread_mutex_lock(&w->lock);
    const bool failed = w->failure != ST_OK;
    pthread_mutex_unlock(&w->lock);
    return failed;
}

enum status weave_finish(struct weave **in, struct weave_result *result, struct weave_stats *stats)
{
    struct weave *w = *in;
    enum status st;

    *in = NULL;
    *result = (struct weave_result){0};
    *stats = (struct weave_stats){0};
    if (!w)
        return ST_OK;
    double last_ended = 0.0;
    for (int i = 0; i < w->n_workers; i++)
        if (w->worker[i].started) {
            pthread_join(w->worker[i].thread, NULL);
            last_ended = w->worker[i].ended > last_ended ? w->worker[i].ended : last_ended;
        }
    for (int i = 0; i < w->n_workers; i++) {
        const struct worker *k = &w->worker[i];
        if (!k->started)
            continue;
        const double in_sink = k->convert_seconds + k->cluster_seconds;
        stats->open_us += (int64_t)(1e6 * k->open_seconds);
        stats->wait_us += (int64_t)(1e6 * (last_ended - k->ended));
        stats->decode_us += (int64_t)(1e6 * (k->decoding.seconds > in_sink ? k->decoding.seconds - in_sink : 0.0));
        stats->convert_us += (int64_t)(1e6 * k->convert_seconds);
        stats->cluster_us += (int64_t)(1e6 * k->cluster_seconds);
        stats->frames_decoded += k->decoding.frames_decoded;
        stats->packets_sent += k->decoding.packets_in;
        stats->damaged += k->decoding.damaged;
        stats->frames_clustered += k->n_clustered;
        if (k->decoding.nvdec_refusal)
            stats->nvdec_refusal = k->decoding.nvdec_refusal;
        stats->n_nvdec_decoders += k->decoding.used_nvdec;
        stats->n_cpu_decoders += k->decoding.packets_in > 0 && !k->decoding.used_nvdec;
    }
    *result = w->result;
    st = w->failure;
    if (st != ST_OK)
        status_adopt(w->failure_message);
    pthread_cond_destroy(&w->all_done);
    pthread_mutex_destroy(&w->lock);
    free(w->owner);
    free(w->worker);
    free(w);
    return st;
}

void weave_result_release(struct weave_result *r)
{
    free(r->clusters);
    free(r->light);
    free(r->lines);
    free(r->hash);
    free(r->delivered);
    *r = (struct weave_result){0};
}
