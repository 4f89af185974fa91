/* whole: whether a film is whole. Three answers: it is (incomplete and note are ""); it is except for a little, which a
 * note describes; it is not. A hole in time alone is no loss (a recorder that was paused, one that motion starts,
 * repeats that were dropped): something else has to say that frames were there, the container's tables and counters,
 * its fragments' numbers, bytes that belong to nothing, or a decoder that lacks references. */
#include "film/index/parts.h"

#include "base/file.h"
#include "base/mem.h"
#include "film/ticks.h"

#include <libavutil/intreadwrite.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_REORDER = 16, /* frames that may be shown before one that precedes them in the file */
    FEW_FRAMES = 5,   /* that may be lost, or a thousandth of all */
    LONG_HOLE = 50    /* times the usual step, and 2 s */
};
static const double few_seconds = 2.0; /* that a lost hole may last */

static bool is_little(const struct film *film, int64_t lost)
{
    const int64_t thousandth = (film->n_frames + lost) / 1000;

    return lost <= (thousandth > FEW_FRAMES ? thousandth : FEW_FRAMES);
}

/* --- what the container promises ---------------------------------------------------------------------------------- */

/* All ones is how containers write "not known". */
static bool is_known_duration(int64_t d)
{
    return d > 0 && d != AV_NOPTS_VALUE && d != UINT32_MAX && d != INT32_MAX && d != INT64_MAX;
}

/* Containers with an index of all frames; empty entries stand for frames that are not there on purpose. */
static int64_t count_index_entries(AVStream *stream)
{
    int64_t n = 0;

    for (int i = 0; i < avformat_index_get_entries_count(stream); i++)
        n += avformat_index_get_entry(stream, i)->size > 0;
    return n;
}

/* An AVI whose own size goes beyond the file's end: its index, which stands there, is lost, and only the header counts
 * the frames that there were, empty ones too. */
static int64_t count_cut_avi(const struct film *film, AVStream *stream)
{
    const int64_t n = avformat_index_get_entries_count(stream);
    uint8_t head[8] = {0};
    const bool is_read = file_read_head(film->path, head, sizeof head) == sizeof head;
    const int64_t bytes = AV_RL32(head + 4);

    const bool is_cut = is_read && memcmp(head, "RIFF", 4) == 0 && bytes != UINT32_MAX && bytes > film->info.bytes;
    return is_cut && stream->nb_frames > n ? stream->nb_frames : 0;
}

/* Fewer frames than the index has. Where reading went on behind an error, up to the end, they are missing in the
 * middle. */
static void judge_promise(struct film *film, const struct film_reader *r, int64_t promised)
{
    struct film_info *info = &film->info;
    const int64_t lost = promised - film->n_packets;
    const bool is_end = r->in->n_read_errors == 0 || r->in->n_errors_on_end > 0;

    info->frames_missing = lost;
    if (is_end || lost > FEW_FRAMES)
        snprintf(info->incomplete, sizeof info->incomplete, "%lld of the %lld frames in its index are there",
                 (long long)film->n_packets, (long long)promised);
    else
        snprintf(info->note, sizeof info->note, "%lld of the %lld frames in its index could not be read",
                 (long long)lost, (long long)promised);
}

/* Times of containers may count from the film's start or from 0: the later end is what they can mean. */
static void judge_duration(struct film *film, const struct film_reader *r, bool is_mov)
{
    struct film_info *info = &film->info;
    const struct av_input *in = r->in;
    double declared = 0.0;

    if (is_known_duration(in->stream->duration) && is_mov)
        declared = (double)in->stream->duration * av_q2d(in->stream->time_base);
    else if (is_known_duration(in->format->duration) && !is_mov &&
             in->format->duration_estimation_method == AVFMT_DURATION_FROM_STREAM)
        declared = (double)in->format->duration / AV_TIME_BASE;
    if (declared > r->seen_end + fmin(1.0, 0.5 + 0.02 * r->seen_end)) {
        const double lost = declared - r->seen_end, frame = film_seconds(film, info->usual_ticks);
        info->frames_missing = frame > 0.0 && lost / frame < 1e12 ? (int64_t)(lost / frame) : 1;
        snprintf(info->incomplete, sizeof info->incomplete, "it says that it lasts %.2f s, but ends after %.2f s",
                 declared, r->seen_end);
    }
}

enum status film_judge_container(struct film *film, const struct film_reader *r)
{
    struct film_info *info = &film->info;
    const char *container = r->in->format->iformat->name;
    const bool is_mov = strstr(container, "mov") != NULL, is_avi = strcmp(container, "avi") == 0;
    int64_t promised = is_mov || is_avi ? count_index_entries(r->in->stream) : 0;
    bool is_cut = false;

    if (is_mov)
        TRY(film_mark_fragments(film, &is_cut));
    if (is_avi && promised <= film->n_packets)
        promised = count_cut_avi(film, r->in->stream);
    if (promised > film->n_packets)
        judge_promise(film, r, promised);
    else if (r->in->n_read_errors > 0 && r->in->n_errors_on_end > 0)
        snprintf(info->incomplete, sizeof info->incomplete, "read error: %s", av_error_text(r->in->read_error));
    else if (r->in->n_read_errors > 0)
        snprintf(info->note, sizeof info->note, "read error on the way: %s", av_error_text(r->in->read_error));
    info->notes_container = info->note[0] != '\0';
    if (is_cut && !info->incomplete[0])
        snprintf(info->incomplete, sizeof info->incomplete, "it is cut off within a fragment");
    if (!info->incomplete[0])
        judge_duration(film, r, is_mov);
    return ST_OK;
}

/* --- holes -------------------------------------------------------------------------------------------------------- */

static int compare_i64(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* Times of the broken packets, rising. */
static int64_t *list_breaks(const struct film *film, int64_t *n)
{
    int64_t *at = mem_array((size_t)film->n_packets, sizeof *at), last = FILM_NO_TIME;

    *n = 0;
    for (int64_t i = 0; i < film->n_packets && at; i++) {
        const struct film_packet *p = &film->packet[i];
        last = p->pts != FILM_NO_TIME ? p->pts : p->dts != FILM_NO_TIME ? p->dts : last;
        if ((p->flags & PACKET_BROKEN) && last != FILM_NO_TIME)
            at[(*n)++] = last;
    }
    if (at)
        qsort(at, (size_t)*n, sizeof *at, compare_i64);
    return at;
}

static bool is_break_within(const int64_t *at, int64_t n, int64_t from, int64_t to)
{
    int64_t low = 0, high = n;

    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (at[middle] < from)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && at[low] <= to;
}

struct holes {
    bool is_even;                /* the film's frames come in equal steps */
    int64_t usual;               /* step */
    int64_t longest, longest_at; /* of all; ticks */
    int64_t lost;                /* frames, in holes where something says that they were there */
    int64_t lost_longest, lost_at, first_at;
};

static int64_t step_after(const struct film *film, int64_t frame)
{
    return film->frame[frame + 1].ticks - film->frame[frame].ticks;
}

bool film_is_even(const struct film *film, int64_t *usual)
{
    const int64_t n = film->n_frames - 1;
    int64_t *step = n > 0 ? mem_array((size_t)n, sizeof *step) : NULL, n_even = 0;

    *usual = 1;
    if (!step)
        return false;
    for (int64_t i = 0; i < n; i++)
        step[i] = step_after(film, i);
    qsort(step, (size_t)n, sizeof *step, compare_i64);
    *usual = step[n / 2] > 0 ? step[n / 2] : 1;
    for (int64_t i = 0; i < n; i++)
        n_even += step[i] * 10 >= *usual * 9 && step[i] * 10 <= *usual * 11;
    free(step);
    return n_even * 20 >= n * 19;
}

/* A recording may end within a group of pictures: frames of its end may be missing. */
static void find_holes(const struct film *film, struct holes *h, const int64_t *breaks, int64_t n_breaks)
{
    const int64_t n = film->n_frames - 1, slack = ticks_later(0, h->usual) * MAX_REORDER;

    for (int64_t i = 0; i < n; i++) {
        const struct film_frame *a = &film->frame[i], *b = a + 1;
        const int64_t here = step_after(film, i), lost = (here + h->usual / 2) / h->usual - 1;
        if (here > h->longest) {
            h->longest = here;
            h->longest_at = a->ticks;
        }
        if (lost < 1 || i >= n - MAX_REORDER || a->pts == FILM_NO_TIME || b->pts == FILM_NO_TIME)
            continue;
        if (!h->is_even && film_seconds(film, here) <= few_seconds)
            continue;
        if (!is_break_within(breaks, n_breaks, a->pts - slack, b->pts + slack))
            continue;
        h->first_at = h->lost == 0 ? a->ticks : h->first_at;
        h->lost += lost;
        if (here - h->usual > h->lost_longest) {
            h->lost_longest = here - h->usual;
            h->lost_at = a->ticks;
        }
    }
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

/* Seconds after the film's start at which something is known to be broken first; below 0 where that is not known. */
static double first_break(const struct film *film, const int64_t *breaks, int64_t n_breaks)
{
    const int64_t start = film->frame[0].pts;

    return n_breaks > 0 && start != FILM_NO_TIME && breaks[0] >= start ? film_seconds(film, breaks[0] - start) : -1.0;
}

/* "WHAT: N of M THINGS, the first after T s" */
static void tell(char text[256], const char *what, int64_t n, int64_t of, const char *things, double first)
{
    const int length = snprintf(text, 256, "%s: %lld of %lld %s", what, (long long)n, (long long)of, things);

    if (first >= 0.0)
        snprintf(text + length, 256 - (size_t)length, ", the first after %.2f s", first);
}

/* What is lost or damaged: refused where it is much, a note where it is little. */
static void judge_loss(struct film *film, const struct holes *h, const struct film_decoded *d, double first)
{
    struct film_info *info = &film->info;
    const int64_t lost = h->lost > d->n_lost ? h->lost : d->n_lost;
    const bool is_much = lost > 0 && !(is_little(film, lost) && film_seconds(film, h->lost_longest) <= few_seconds);
    char unused[256], *text = is_much ? info->incomplete : info->notes_container ? unused : info->note;

    if (d->n_damaged * 4 > film->n_frames) {
        tell(info->incomplete, "damaged", d->n_damaged, film->n_frames, "frames that could be decoded", first);
    } else if (h->lost > 0) {
        info->frames_missing = lost;
        snprintf(text, sizeof unused,
                 "lost: %lld of %lld frames, the first after %.2f s, the longest hole is %.2f s after %.2f s",
                 (long long)lost, (long long)(lost + film->n_frames), film_seconds(film, h->first_at),
                 film_seconds(film, h->lost_longest + h->usual), film_seconds(film, h->lost_at));
    } else if (lost > 0) {
        info->frames_missing = lost;
        tell(text, "lost", lost, lost + film->n_frames, "frames, damaged", first);
    } else if (d->n_damaged > 0) {
        tell(text, "damaged", d->n_damaged, film->n_frames, "frames", first);
    } else if (d->n_marked > 0) {
        tell(text, "damaged", d->n_marked, film->n_packets, "packets", first);
    }
}

void film_judge_frames(struct film *film, const struct film_decoded *decoded)
{
    static const struct film_decoded nothing = {0};
    struct film_info *info = &film->info;
    struct holes h = {0};
    int64_t n_breaks = 0, *breaks = list_breaks(film, &n_breaks);

    h.is_even = film_is_even(film, &h.usual);
    if (breaks)
        find_holes(film, &h, breaks, n_breaks);
    if (!info->incomplete[0])
        judge_loss(film, &h, decoded ? decoded : &nothing, breaks ? first_break(film, breaks, n_breaks) : -1.0);
    free(breaks);
    info->largest_gap_ticks = info->largest_gap_at = 0;
    if (h.longest / LONG_HOLE >= h.usual && film_seconds(film, h.longest) >= few_seconds) {
        info->largest_gap_ticks = h.longest;
        info->largest_gap_at = h.longest_at;
    }
    if (h.is_even && h.longest / (FEW_FRAMES + 1) >= h.usual && !info->incomplete[0] && !info->note[0])
        snprintf(info->note, sizeof info->note, "a pause of %.2f s after %.2f s: nothing says that frames are missing",
                 film_seconds(film, h.longest), film_seconds(film, h.longest_at));
}
