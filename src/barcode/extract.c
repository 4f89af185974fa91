#include "barcode/extract.h"

#include "barcode/frame_store.h"
#include "barcode/spread.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "film/frame_source.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PICTURE_BYTES = 1200 << 20 }; /* of a rank's decoders' pictures: with all else below 2 GB */

struct decode_thread {
    struct extract *extract;
    pthread_t thread;
    bool started;
    enum decoder_path path;
    int decoder_threads;
    struct decoder *decoder;
    struct compute *compute;
    uint8_t *pixels; /* u8 [height, width, 3] of a frame that goes to the store */
    int batch, n_pending;
    int64_t pending[COMPUTE_MAX_FRAME_BATCH]; /* samples, relative to the rank's first */
    int64_t first, last;                      /* the segments in work, likewise: samples first..last-1 */
    struct decoder_stats decoding;
    double open_seconds, convert_seconds, cluster_seconds;
    double ended;                /* clock */
    int64_t packets, packets_us; /* of the segments it is done with */
    int64_t n_clustered, n_loaded;
};

struct extract {
    struct extract_setup setup;
    struct extract_result result;
    struct frame_store *stored; /* where all frames come from; NULL: they are decoded */
    int n_decode_threads;
    struct decode_thread *decode_thread;
    atomic_ushort *owner; /* [samples of this rank] 1 + index of the thread that has it; 0 = none yet */
    atomic_llong next_segment, progress;
    int n_of[N_DECODER_PATHS];                                  /* threads */
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

/* --- one thread --------------------------------------------------------------------------------------------------- */

static enum status keep_pending(const struct decode_thread *w)
{
    const struct extract_result *r = &w->extract->result;

    for (int i = 0; r->kept && i < w->n_pending; i++) {
        TRY(compute_pixels(w->compute, i, w->pixels));
        TRY(frame_store_write(r->kept, r->first + w->pending[i], w->pixels));
    }
    return ST_OK;
}

static enum status count_pending(const struct decode_thread *w)
{
    struct extract *extract = w->extract;
    int64_t frames[WEIGHTS_CELLS] = {0};

    TRY(compute_count_cells(w->compute, w->n_pending, frames));
    pthread_mutex_lock(&extract->lock);
    for (int i = 0; i < WEIGHTS_CELLS; i++)
        extract->result.frames_with[i] += frames[i];
    pthread_mutex_unlock(&extract->lock);
    return ST_OK;
}

static enum status cluster_pending(struct decode_thread *w)
{
    struct extract *extract = w->extract;
    struct frame_clusters clusters[COMPUTE_MAX_FRAME_BATCH];
    struct frame_light light[COMPUTE_MAX_FRAME_BATCH];
    uint8_t *lines[COMPUTE_MAX_FRAME_BATCH];
    int64_t number[COMPUTE_MAX_FRAME_BATCH];
    const double started = clock_seconds();
    const size_t line_bytes = 3 * (size_t)extract->setup.n_lines;

    if (w->n_pending == 0)
        return ST_OK;
    for (int i = 0; i < w->n_pending; i++) {
        number[i] = extract->setup.plan->sample_frame[extract->result.first + w->pending[i]];
        lines[i] = line_bytes ? extract->result.lines + (size_t)w->pending[i] * line_bytes : NULL;
    }
    TRY(keep_pending(w));
    if (extract->setup.counts_cells)
        TRY(count_pending(w));
    else
        TRY(compute_cluster(w->compute, w->n_pending, number, clusters, light, lines));
    for (int i = 0; i < w->n_pending && !extract->setup.counts_cells; i++) {
        extract->result.clusters[w->pending[i]] = clusters[i];
        extract->result.light[w->pending[i]] = light[i];
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

static uint16_t owner_of(const struct decode_thread *w)
{
    return (uint16_t)(w - w->extract->decode_thread + 1);
}

/* Frames decoded on the way to a segment may be samples of the one before it: another thread's, or delivered already.
 */
static int64_t which_sample(void *context, int64_t frame)
{
    const struct decode_thread *w = context;
    const struct extract_result *r = &w->extract->result;
    const int64_t *frames = w->extract->setup.plan->sample_frame + r->first;
    const int64_t *found = bsearch(&frame, frames, (size_t)r->n, sizeof *frames, compare_frames);
    const int64_t sample = found ? found - frames : -1;

    if (!found || atomic_load(&w->extract->owner[sample]) != owner_of(w))
        return -1;
    return sample >= w->first && sample < w->last ? sample : r->delivered[sample] ? -1 : sample;
}

static enum status take_frame(void *context, int64_t sample, const struct frame *frame, const char *hash)
{
    struct decode_thread *w = context;
    const struct extract_setup *setup = &w->extract->setup;
    const double started = clock_seconds();

    /* A frame that comes out twice is as wrong as one that does not come. */
    if (w->extract->result.delivered[sample]++ > 0)
        return ST_OK;
    if (hash)
        memcpy(w->extract->result.hash[sample], hash, sizeof w->extract->result.hash[sample]);
    const struct frame window = frame_window(frame, &setup->crop, setup->film->info.width, setup->film->info.height);
    TRY(compute_convert(w->compute, w->n_pending, &window));
    w->pending[w->n_pending++] = sample;
    w->convert_seconds += clock_seconds() - started;
    return w->n_pending == w->batch ? cluster_pending(w) : ST_OK;
}

static bool wants_hash(void *context, int64_t sample)
{
    const struct extract *extract = ((const struct decode_thread *)context)->extract;
    const int64_t n = extract->setup.n_hashed;

    return n == 0 || spread_has(extract->setup.plan->n_samples, n, extract->result.first + sample);
}

static enum status open_compute(struct decode_thread *w)
{
    const struct extract_setup *s = &w->extract->setup;
    const struct compute_setup compute = {
        .device = s->device, .batch = w->batch, .picture = s->picture, .kmeans = s->kmeans, .rarity = s->rarity};
    const double started = clock_seconds();

    TRY(compute_open(s->ops, &compute, &w->compute));
    w->open_seconds += clock_seconds() - started;
    if (!w->extract->result.kept)
        return ST_OK;
    w->pixels = mem_array((size_t)s->picture.width * (size_t)s->picture.height, 3);
    return w->pixels ? ST_OK : ST_NOMEM;
}

static enum status open_decoder(struct decode_thread *w)
{
    const struct extract_setup *s = &w->extract->setup;
    const struct decoder_setup decoder = {
        .film = s->film,
        .path = w->path,
        .device = s->device,
        .threads = w->decoder_threads,
        .want_hash = s->want_hash,
        .sink = {w, which_sample, take_frame, wants_hash},
        .stop = s->stop,
        .progress = &w->extract->progress,
    };
    const double started = clock_seconds();

    TRY(decoder_open(&decoder, &w->decoder));
    w->open_seconds += clock_seconds() - started;
    return ST_OK;
}

/* An earlier extraction has all of the segment. Segments of which it has a part are done again. */
static bool has_segment(struct extract *extract, int64_t segment)
{
    const struct segment *s = &extract->setup.plan->segment[segment];
    uint8_t *delivered = extract->result.delivered + (s->first - extract->result.first);
    bool has_all = extract->setup.earlier != NULL;

    for (int64_t i = 0; i < s->last - s->first; i++)
        has_all = has_all && delivered[i] == 1;
    if (!has_all)
        memset(delivered, 0, (size_t)(s->last - s->first));
    return has_all;
}

/* Packets a microsecond that one thread of the kind does, going by all of them; 0: not known yet. */
static double speed_of(const struct extract *extract, enum decoder_path path)
{
    const int64_t us = atomic_load(&extract->us[path]);

    return us > 0 ? (double)atomic_load(&extract->packets[path]) / (double)us : 0.0;
}

/* With one of the last segments a core would be busy when the NVDEC sessions, several times as fast each, are done with
 * the others and this one. */
static bool leaves_it_to_nvdec(const struct decode_thread *w, int64_t n_left)
{
    const struct extract *extract = w->extract;
    const double nvdec = speed_of(extract, DECODER_NVDEC);

    if (w->path == DECODER_NVDEC || nvdec <= 0.0 || w->packets == 0)
        return false;
    const double mine = (double)w->packets / (double)w->packets_us;
    return nvdec > mine * ((double)n_left / extract->n_of[DECODER_NVDEC] + 1.0);
}

/* What the thread would do of n_left segments if all were to end together; 1 until it is known how fast its kind is. */
static double share_of(const struct decode_thread *w, int64_t n_left)
{
    const struct extract *extract = w->extract;
    const enum decoder_path other = w->path == DECODER_CPU ? DECODER_NVDEC : DECODER_CPU;
    const double mine = speed_of(extract, w->path), theirs = speed_of(extract, other);

    if (extract->n_of[other] == 0)
        return (double)n_left / extract->n_decode_threads;
    if (mine <= 0.0)
        return 1.0;
    return (double)n_left / (extract->n_of[w->path] + extract->n_of[other] * (theirs > 0.0 ? theirs / mine : 1.0));
}

/* A thread's next segments, *first .. *last - 1: a third of its share of what is left, so that starts are few and
 * threads end at about the same time (guided self-scheduling: Polychronopoulos, Kuck, 1987); but no more than a 64th of
 * all, so that a slow one is not left with too much, nor a drained one busy for long. */
static bool take_segments(const struct decode_thread *w, int64_t *first, int64_t *last)
{
    struct extract *extract = w->extract;
    const struct plan *plan = extract->setup.plan;
    const int64_t all = extract->last_segment - plan->rank_segment[extract->setup.rank];
    long long at = atomic_load(&extract->next_segment);
    int64_t n;

    do {
        const int64_t left = extract->last_segment - at;
        if (left <= 0 || leaves_it_to_nvdec(w, left))
            return false;
        n = at_least(at_most((int64_t)(share_of(w, left) / 3.0), all / 64), 1);
    } while (!atomic_compare_exchange_weak(&extract->next_segment, &at, at + n));
    *first = at;
    *last = at + n;
    return true;
}

static int64_t count_work(struct decode_thread *w, int64_t from, int64_t to, double seconds)
{
    const struct segment *segment = w->extract->setup.plan->segment;
    const int64_t us = (int64_t)(1e6 * seconds);
    int64_t packets = 0;

    for (int64_t i = from; i < to; i++)
        packets += segment[i].packets;
    w->packets += packets;
    w->packets_us += us;
    atomic_fetch_add(&w->extract->packets[w->path], packets);
    atomic_fetch_add(&w->extract->us[w->path], us);
    return packets;
}

/* Segments [from, to), out of the store. */
static enum status load_segments(struct decode_thread *w, int64_t from, int64_t to)
{
    struct extract *extract = w->extract;
    const struct plan *plan = extract->setup.plan;
    const double started = clock_seconds();

    for (int64_t i = plan->segment[from].first; i < plan->segment[to - 1].last; i++) {
        if (atomic_load(extract->setup.stop))
            return FAIL(ST_INTERRUPTED, "interrupted");
        TRY(frame_store_load(extract->stored, i, w->compute, w->n_pending));
        extract->result.delivered[i - extract->result.first] = 1;
        w->pending[w->n_pending++] = i - extract->result.first;
        w->n_loaded++;
        if (w->n_pending == w->batch)
            TRY(cluster_pending(w));
    }
    w->decoding.seconds += clock_seconds() - started;
    atomic_fetch_add(&extract->progress, count_work(w, from, to, clock_seconds() - started));
    return ST_OK;
}

/* Segments [from, to), as one stretch. */
static enum status decode_segments(struct decode_thread *w, int64_t from, int64_t to)
{
    struct extract *extract = w->extract;
    const struct plan *plan = extract->setup.plan;
    const int64_t first = plan->segment[from].first, last = plan->segment[to - 1].last;

    if (!w->compute) /* only once there is work: opening costs */
        TRY(open_compute(w));
    if (extract->stored)
        return load_segments(w, from, to);
    if (!w->decoder)
        TRY(open_decoder(w));
    const double started = clock_seconds();
    TRY(decoder_turn_to(w->decoder, plan->sample_frame[first]));
    w->first = first - extract->result.first;
    w->last = last - extract->result.first;
    for (int64_t j = w->first; j < w->last; j++)
        atomic_store(&extract->owner[j], owner_of(w));
    TRY(decoder_run(w->decoder, plan->sample_frame + first, last - first));
    count_work(w, from, to, clock_seconds() - started);
    return ST_OK;
}

static enum status work(struct decode_thread *w)
{
    struct extract *extract = w->extract;
    const atomic_int *drain = extract->setup.drain;
    int64_t at, last;

    while (!(drain && atomic_load(drain)) && take_segments(w, &at, &last))
        for (int64_t end; at < last; at = end) {
            end = at + 1;
            if (has_segment(extract, at)) {
                atomic_fetch_add(&extract->progress, extract->setup.plan->segment[at].packets);
                continue;
            }
            while (end < last && !has_segment(extract, end))
                end++;
            TRY(decode_segments(w, at, end));
        }
    if (w->decoder)
        TRY(decoder_finish(w->decoder));
    return cluster_pending(w);
}

static void *decode_thread_main(void *context)
{
    struct decode_thread *w = context;
    struct extract *extract = w->extract;

    /* Threads that feed NVDEC sessions have little to do, but must not be kept waiting. HEVC of 60,000 frames by 16
     * cores and 8 sessions took 2.8 s, with lower priority for the cores' decoders 2.4 to 2.5 s. */
    const int niceness =
        w->path == DECODER_CPU && extract->n_of[DECODER_NVDEC] > 0 ? nice(10) : 0; /* and threads it makes */
    (void)niceness;
    const enum status st = work(w);

    if (w->decoder)
        w->decoding = decoder_stats(w->decoder);
    decoder_close(&w->decoder);
    if (st == ST_OK)
        compute_retire(&w->compute);
    else
        compute_close(&w->compute);
    free(w->pixels);
    w->ended = clock_seconds();
    pthread_mutex_lock(&extract->lock);
    /* "interrupted" is only the echo of another thread's failure, unless there is none. */
    if (st != ST_OK && (extract->failure == ST_OK || extract->failure == ST_INTERRUPTED)) {
        extract->failure = st;
        memcpy(extract->failure_message, status_message(), STATUS_MESSAGE_BYTES);
        atomic_store(extract->setup.stop, 1);
    }
    if (--extract->n_running == 0)
        pthread_cond_broadcast(&extract->all_done);
    pthread_mutex_unlock(&extract->lock);
    return NULL;
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

static enum status allocate_result(struct extract *w)
{
    if (w->setup.earlier) {
        w->result = *w->setup.earlier;
        *w->setup.earlier = (struct extract_result){0};
    } else {
        TRY(extract_result_make(&w->setup, &w->result));
    }
    w->owner = mem_array((size_t)w->result.n, sizeof *w->owner);
    return w->owner ? ST_OK : ST_NOMEM;
}

/* As many decoders as there are segments and cores for, and memory: cores that are left over help inside the decoders,
 * which takes longer but far fewer pictures. */
static int64_t choose_cpu_decoders(const struct extract *w)
{
    const int64_t one = w->setup.film->info.decoder_bytes;

    return at_most(w->setup.threads, one > 0 ? at_least(MOST_PICTURE_BYTES / one, 1) : w->setup.threads);
}

int extract_batch(const struct compute_ops *ops, const struct picture_settings *picture)
{
    const int64_t n_pixels = (int64_t)picture->width * picture->height;

    return (int)at_most(at_least(ops->batch_pixels / n_pixels, 1), ops->batch_frames);
}

static enum status choose_nvdec_sessions(const struct extract *w, int *n)
{
    const struct extract_setup *s = &w->setup;
    const struct nvdec_user user = {s->device, s->threads, s->n_gpu_sharers, s->n_host_sharers};

    *n = s->decoders && !w->stored ? s->decoders->n_nvdec : 0;
    return s->decoders || w->stored || !s->ops->shares_cuda ? ST_OK : nvdec_choose(&s->film->info, &user, w->total, n);
}

/* NVDEC sessions join where there are more segments than decoders. */
static enum status allocate_decode_threads(struct extract *w)
{
    const struct extract_setup *s = &w->setup;
    const int64_t n_segments = w->last_segment - atomic_load(&w->next_segment);
    const int batch = extract_batch(s->ops, &s->picture);
    const int n_cpu = (int)at_most(n_segments, s->decoders ? s->decoders->n_cpu : choose_cpu_decoders(w));
    int n_nvdec;

    TRY(choose_nvdec_sessions(w, &n_nvdec));
    n_nvdec = (int)at_most(n_segments - n_cpu, n_nvdec);
    w->decode_thread = mem_array((size_t)(n_nvdec + n_cpu), sizeof *w->decode_thread);
    TRY_MEM(w->decode_thread);
    w->n_decode_threads = n_nvdec + n_cpu;
    w->n_of[DECODER_CPU] = n_cpu;
    w->n_of[DECODER_NVDEC] = n_nvdec;
    for (int i = 0; i < w->n_decode_threads; i++) {
        w->decode_thread[i].extract = w;
        w->decode_thread[i].batch = batch;
        w->decode_thread[i].path = i < n_cpu ? DECODER_CPU : DECODER_NVDEC;
        w->decode_thread[i].decoder_threads = n_cpu > 0 ? (s->threads + n_cpu - 1) / n_cpu : 1;
    }
    return ST_OK;
}

/* Kept frames were not hashed as they came out of the decoder; and a new file has to have all of them. */
static enum status open_store(struct extract *w)
{
    const struct extract_setup *s = &w->setup;
    const struct frame_store_frames frames = {s->film, s->plan, s->rank, s->crop, s->picture, s->ops};

    if (!s->store || w->result.n == 0)
        return ST_OK;
    if (!s->want_hash)
        TRY(frame_store_find(s->store, &frames, FRAME_STORE_BEST, &w->stored));
    if (w->stored)
        log_note("%lld frames are in %s (%.2f GB): read by %s, not decoded", (long long)w->result.n, s->store,
                 1e-9 * (double)frame_store_bytes(w->stored), frame_store_reader(w->stored));
    else if (s->earlier)
        log_note("no frames are kept in %s: part of the film was done earlier", s->store);
    else
        TRY(frame_store_create(s->store, &frames, &w->result.kept));
    return ST_OK;
}

enum status extract_start(const struct extract_setup *setup, struct extract **out)
{
    struct extract *w = mem_array(1, sizeof *w);
    pthread_condattr_t attr;

    *out = w;
    TRY_MEM(w);
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
    TRY(open_store(w));
    TRY(allocate_decode_threads(w));
    w->n_running = w->n_decode_threads;
    for (int i = 0; i < w->n_decode_threads; i++) {
        if (pthread_create(&w->decode_thread[i].thread, NULL, decode_thread_main, &w->decode_thread[i]) != 0) {
            atomic_store(setup->stop, 1);
            pthread_mutex_lock(&w->lock);
            w->n_running -= w->n_decode_threads - i;
            pthread_mutex_unlock(&w->lock);
            return FAIL(ST_NOMEM, "cannot start decode thread %d of %d", i + 1, w->n_decode_threads);
        }
        w->decode_thread[i].started = true;
    }
    return ST_OK;
}

bool extract_wait(struct extract *w, double seconds, int64_t *done, int64_t *total)
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

bool extract_failed(struct extract *w)
{
    pthread_mutex_lock(&w->lock);
    const bool failed = w->failure != ST_OK;
    pthread_mutex_unlock(&w->lock);
    return failed;
}

enum status extract_finish(struct extract **in, struct extract_result *result, struct extract_stats *stats)
{
    struct extract *w = *in;
    enum status st;

    *in = NULL;
    *result = (struct extract_result){0};
    *stats = (struct extract_stats){0};
    if (!w)
        return ST_OK;
    double last_ended = 0.0;
    for (int i = 0; i < w->n_decode_threads; i++)
        if (w->decode_thread[i].started) {
            pthread_join(w->decode_thread[i].thread, NULL);
            last_ended = w->decode_thread[i].ended > last_ended ? w->decode_thread[i].ended : last_ended;
        }
    for (int i = 0; i < w->n_decode_threads; i++) {
        const struct decode_thread *k = &w->decode_thread[i];
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
        stats->frames_loaded += k->n_loaded;
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
    frame_store_close(&w->stored);
    pthread_cond_destroy(&w->all_done);
    pthread_mutex_destroy(&w->lock);
    free(w->owner);
    free(w->decode_thread);
    free(w);
    return st;
}
