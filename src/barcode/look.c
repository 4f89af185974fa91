#include "barcode/look.h"

#include "barcode/spread.h"
#include "base/mem.h"
#include "base/pool.h"
#include "film/frame_source.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FRAMES = 64, ENOUGH_KEYS = 16 };

/* What one frame showed, as the ranks add it up: all zero where it is another rank's. */
enum { TOP, RIGHT, BOTTOM, LEFT, EXPOSED, BRIGHTEST, CAME, N_VALUES };

struct look {
    struct film *film;
    const atomic_int *stop;
    int rank, n_ranks;
    int64_t frame[MOST_FRAMES];
    int n_frames;
    int group[MOST_FRAMES + 1]; /* its first frame: those of a group are decoded from one start */
    int n_groups;
    int64_t seen[MOST_FRAMES][N_VALUES];
    struct decoder **decoder; /* [threads] */
    atomic_int status;        /* the first fault */
    char message[STATUS_MESSAGE_BYTES];
    film_progress *progress;
    void *context;
    pthread_mutex_t lock; /* of progress and: */
    int n_done;           /* frames of this rank */
};

/* --- which frames ------------------------------------------------------------------------------------------------- */

static bool is_key(const struct film *film, int64_t frame)
{
    const int64_t packet = film->frame[frame].packet;

    return packet >= 0 && film->packet[packet].flags & PACKET_KEY;
}

static void choose_frames(struct look *look, int64_t first, int64_t last)
{
    const struct film *film = look->film;
    int64_t n_keys = 0, n_all = last - first, key = 0;

    for (int64_t f = first; f < last; f++)
        n_keys += is_key(film, f);
    const bool are_keys = n_keys >= ENOUGH_KEYS;
    n_all = are_keys ? n_keys : n_all;
    look->n_frames = (int)spread_count(n_all, MOST_FRAMES);
    for (int64_t f = first, i = 0; f < last && i < look->n_frames; f++) {
        if (are_keys && !is_key(film, f))
            continue;
        if (key++ == spread_at(n_all, look->n_frames, i))
            look->frame[i++] = f;
    }
}

static void make_groups(struct look *look)
{
    for (int i = 0; i < look->n_frames; i++)
        if (i == 0 ||
            film_start_packet(look->film, look->frame[i]) != film_start_packet(look->film, look->frame[i - 1]))
            look->group[look->n_groups++] = i;
    look->group[look->n_groups] = look->n_frames;
}

/* --- looking ------------------------------------------------------------------------------------------------------ */

static int64_t which_frame(void *context, int64_t frame)
{
    const struct look *look = context;

    for (int i = 0; i < look->n_frames; i++)
        if (look->frame[i] == frame)
            return i;
    return -1;
}

/* Frame by frame, since a group may be the whole film. */
static void tell_progress(struct look *look)
{
    pthread_mutex_lock(&look->lock);
    const int64_t done = (int64_t)++look->n_done * look->n_ranks;
    if (look->progress)
        look->progress(look->context, done < look->n_frames ? done : look->n_frames, look->n_frames);
    pthread_mutex_unlock(&look->lock);
}

static enum status take_frame(void *context, int64_t which, const struct frame *frame, const char *hash)
{
    struct look *look = context;
    int64_t *seen = look->seen[which];

    (void)hash;
    tell_progress(look);
    if (frame->width != look->film->info.width || frame->height != look->film->info.height)
        return ST_OK;
    const struct bars b = bars_measure(frame);
    const int64_t values[N_VALUES] = {b.at.top, b.at.right, b.at.bottom, b.at.left, b.is_exposed, tone_brightest(frame),
                                      1};
    memcpy(seen, values, sizeof values);
    return ST_OK;
}

static enum status decode_group(struct look *look, int group, struct decoder **decoder)
{
    const int first = look->group[group], n = look->group[group + 1] - first;
    const struct decoder_setup setup = {.film = look->film,
                                        .path = DECODER_CPU,
                                        .threads = 1,
                                        .sink = {look, which_frame, take_frame, NULL},
                                        .stop = look->stop};

    if (!*decoder)
        TRY(decoder_open(&setup, decoder));
    TRY(decoder_turn_to(*decoder, look->frame[first]));
    TRY(decoder_run(*decoder, look->frame + first, n));
    return decoder_finish(*decoder);
}

/* The item-th group of this rank. */
static void run_group(void *context, int64_t item, int thread)
{
    struct look *look = context;
    int well = ST_OK;

    if (atomic_load(&look->status) != ST_OK)
        return;
    const enum status st = decode_group(look, (int)item * look->n_ranks + look->rank, &look->decoder[thread]);
    if (st != ST_OK && atomic_compare_exchange_strong(&look->status, &well, (int)st))
        memcpy(look->message, status_message(), sizeof look->message);
}

static enum status look_here(struct look *look, int threads)
{
    const int n_groups = (look->n_groups - look->rank + look->n_ranks - 1) / look->n_ranks;
    const int n_threads = threads < n_groups ? threads : n_groups;
    struct pool *pool = NULL;

    if (n_groups <= 0)
        return ST_OK;
    look->decoder = mem_array((size_t)n_threads, sizeof(struct decoder *));
    TRY_MEM(look->decoder);
    enum status st = pool_open(n_threads, &pool);
    if (st == ST_OK) {
        pool_run(pool, n_groups, run_group, look);
        st = (enum status)atomic_load(&look->status);
        if (st != ST_OK)
            status_adopt(look->message);
    }
    pool_close(&pool);
    for (int i = 0; i < n_threads; i++)
        decoder_close(&look->decoder[i]);
    free(look->decoder);
    return st;
}

/* --- what was seen ------------------------------------------------------------------------------------------------ */

static void judge(struct look *look)
{
    struct film_info *info = &look->film->info;
    struct bars bars[MOST_FRAMES];
    int64_t brightest = 0;
    int n = 0;

    info->look = (struct film_look){.n_frames = look->n_frames};
    for (int i = 0; i < look->n_frames; i++) {
        const int64_t *s = look->seen[i];
        if (!s[CAME])
            continue;
        bars[n++] = (struct bars){s[EXPOSED] != 0, {(int)s[TOP], (int)s[RIGHT], (int)s[BOTTOM], (int)s[LEFT]}};
        info->look.n_exposed += s[EXPOSED] != 0;
        brightest = s[BRIGHTEST] > brightest ? s[BRIGHTEST] : brightest;
    }
    if (info->tone.transfer == TONE_PQ)
        info->look.peak = (int)(tone_pq_light((uint32_t)brightest) + 0.5);
    info->look.bars =
        bars_join(bars, n, info->width, info->height, info->chroma_w_log2, info->chroma_h_log2, &info->look.crop);
}

enum status look_at_film(struct comm *comm, struct film *film, const struct sampling *sampling, int threads,
                         const atomic_int *stop, film_progress *progress, void *context)
{
    struct look *look = mem_array(1, sizeof *look);
    int64_t first = 0, last = 0;
    enum status st = look ? plan_range(film, sampling, &first, &last) : ST_NOMEM;

    if (st == ST_OK) {
        *look = (struct look){.film = film,
                              .stop = stop,
                              .rank = comm->rank,
                              .n_ranks = comm->size,
                              .progress = progress,
                              .context = context,
                              .lock = PTHREAD_MUTEX_INITIALIZER};
        choose_frames(look, first, last);
        make_groups(look);
        st = look_here(look, threads);
    }
    st = comm_agree(comm, st);
    if (st == ST_OK)
        st = comm_sum_i64(comm, look->seen[0], (size_t)look->n_frames * N_VALUES);
    if (st == ST_OK)
        judge(look);
    free(look);
    return st;
}
