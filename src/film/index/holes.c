/* holes: what decoders make of a film's holes in time. Behind a missing part they output held-back frames out of order,
 * conceal with what they decoded before, and lack references; behind a pause everything is as listed. Tables and
 * counters are no proof: a film may have been remuxed after the loss. */
#include "film/index/parts.h"

#include "base/mem.h"
#include "film/decode/ffmpeg.h"

#include <stdlib.h>
#include <string.h>

enum {
    MOST_HOLES = 16, /* the longest: each takes a group of pictures */
    FRAMES_BEFORE = 16,
    FRAMES_BEHIND = 32
};

struct watch {
    int64_t first, end, n, last; /* first .. end - 1 are wanted, n of them came out, last the last of all */
    bool in_order;
};

static int64_t watch_frame(void *context, int64_t frame)
{
    struct watch *w = context;

    w->in_order &= frame > w->last;
    w->last = frame;
    return frame >= w->first && frame < w->end ? frame : -1;
}

static enum status count_frame(void *context, int64_t which, const struct frame *frame, const char *hash)
{
    struct watch *w = context;

    (void)which;
    (void)frame;
    (void)hash;
    w->n++;
    return ST_OK;
}

/* All frames around the hole, decoded by one thread: each comes out, in the order listed, without a fault. */
static enum status look_at(const struct film *film, int64_t frame, const atomic_int *stop, bool *is_sound)
{
    const int64_t first = frame > FRAMES_BEFORE ? frame - FRAMES_BEFORE : 0;
    const int64_t end = frame + FRAMES_BEHIND < film->n_frames ? frame + FRAMES_BEHIND : film->n_frames;
    struct watch watch = {.first = first, .end = end, .last = -1, .in_order = true};
    const struct decoder_setup setup = {.film = film,
                                        .threads = 1,
                                        .sink = {.context = &watch, .which = watch_frame, .take = count_frame},
                                        .stop = stop};
    int64_t wanted[FRAMES_BEFORE + FRAMES_BEHIND];
    struct decoder *d = NULL;
    enum status st;

    for (int64_t i = first; i < end; i++)
        wanted[i - first] = i;
    st = decoder_open(&setup, &d);
    if (st == ST_OK)
        st = decoder_run(d, wanted, end - first);
    if (st == ST_OK)
        st = decoder_finish(d);
    *is_sound = st == ST_OK && watch.in_order && watch.n == end - first && decoder_stats(d).damaged == 0 &&
                decoder_stats(d).doubts == 0;
    decoder_close(&d);
    return st;
}

static int compare_holes(const void *a, const void *b)
{
    const struct film_hole *x = a, *y = b;

    return x->ticks != y->ticks ? (x->ticks > y->ticks ? -1 : 1) : (x->frame > y->frame) - (x->frame < y->frame);
}

/* Where the container's clock was set again, or seems to have been. */
static bool is_jump(const struct film_frame *a)
{
    return a[0].pts != FILM_NO_TIME && a[1].pts != FILM_NO_TIME && a[1].pts - a[0].pts != a[1].ticks - a[0].ticks;
}

struct film_hole *film_list_holes(const struct film *film, int64_t *n)
{
    struct film_hole *hole = mem_array((size_t)film->n_frames, sizeof *hole);
    int64_t usual;
    const bool is_even = film_is_even(film, &usual);

    *n = 0;
    for (int64_t i = 0; i + 1 < film->n_frames && hole; i++) {
        const struct film_frame *a = &film->frame[i];
        const int64_t ticks = a[1].ticks - a[0].ticks;
        if (is_jump(a))
            hole[(*n)++] = (struct film_hole){INT64_MAX, i};
        else if (is_even && 2 * ticks >= 3 * usual)
            hole[(*n)++] = (struct film_hole){ticks, i};
    }
    if (hole)
        qsort(hole, (size_t)*n, sizeof *hole, compare_holes);
    return hole;
}

/* A frame behind a hole that goes on from the one before it may refer to a lost one: what is put in its place depends
 * on all that the decoder saw, so it has to see all. */
static bool goes_on(const struct film *film, const struct film_hole *h)
{
    return !(film->packet[film->frame[h->frame + 1].packet].flags & PACKET_KEY);
}

enum status film_look_at_holes(struct film *film, const atomic_int *stop, bool *are_sound)
{
    int64_t n;
    struct film_hole *hole = film_list_holes(film, &n);
    enum status st = ST_OK;

    *are_sound = true;
    TRY_MEM(hole);
    /* Where decoding has to start at the film's beginning, listing by decoding is as quick. FFmpeg's VP8 decoder
     * silently goes on where a frame is lost, with what was in its memory before. */
    *are_sound = n == 0 || !film->info.unsplit[0];
    for (int64_t i = 0; i < n; i++) {
        film->info.skips_unreferenced &= !goes_on(film, &hole[i]);
        *are_sound &= !goes_on(film, &hole[i]) || strcmp(film->info.codec, "vp8") != 0;
    }
    for (int64_t i = 0; i < n && i < MOST_HOLES && st == ST_OK && *are_sound; i++)
        st = look_at(film, hole[i].frame, stop, are_sound);
    free(hole);
    return st;
}
