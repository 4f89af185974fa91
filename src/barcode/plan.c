#include "barcode/plan.h"

#include "base/mem.h"
#include "film/film.h"
#include "film/ticks.h"

#include <math.h>
#include <stdlib.h>

enum {
    MAX_COLUMNS = 1 << 21, /* a column for every frame of nearly ten hours at 60 frames/s */
    /* By time a frame may be sampled over and over: a slide show, a still. A day of one slide at a column a second is
     * meant; more columns than that want some frames to be drawn from, else it is the times that are wrong. */
    FREE_COLUMNS = 86400,
    COLUMNS_A_FRAME = 64
};

/* --- columns ------------------------------------------------------------------------------------------------------ */

static double ticks_of(const struct film *film, double seconds)
{
    return seconds * film->info.time_base_den / film->info.time_base_num;
}

/* Rounded up, but 0.1 s must not miss the frame at 0.1 s. */
static int64_t boundary_ticks(const struct film *film, const struct film_time *t)
{
    const double ticks =
        t->is_percent ? t->value / 100.0 * (double)film->info.duration_ticks : ticks_of(film, t->value);

    return ticks_whole(ceil(ticks - 1e-6));
}

/* The first frame shown at or after a time; n_frames if there is none. */
static int64_t first_frame_from(const struct film *film, int64_t ticks)
{
    int64_t low = 0, high = film->n_frames;

    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (film->frame[middle].ticks < ticks)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Each column's frame becomes the key frame nearest in time, where there are any. */
static enum status snap_to_keys(struct plan *plan, const struct film *film, int64_t from, int64_t to, int64_t *column)
{
    int64_t *key = mem_array((size_t)(to - from), sizeof *key), n_keys = 0;

    TRY_MEM(key);
    for (int64_t f = from; f < to; f++)
        if (film->frame[f].packet >= 0 && (film->packet[film->frame[f].packet].flags & PACKET_KEY))
            key[n_keys++] = f;
    for (int64_t i = 0, next = 0; i < plan->n_columns && n_keys > 0; i++) {
        const int64_t ticks = film->frame[column[i]].ticks;
        while (next < n_keys && key[next] < column[i]) /* columns' frames never fall */
            next++;
        const bool is_before = next == n_keys || (next > 0 && ticks - film->frame[key[next - 1]].ticks <=
                                                                  film->frame[key[next]].ticks - ticks);
        const int64_t snapped = key[next - is_before];
        const double error = fabs(film_seconds(film, film->frame[snapped].ticks - ticks));
        if (error > plan->largest_time_error)
            plan->largest_time_error = error;
        column[i] = snapped;
    }
    free(key);
    return ST_OK;
}

/* Frames that share a sample are decoded once. */
static enum status collect_samples(struct plan *plan, const int64_t *column)
{
    plan->column_sample = mem_array((size_t)plan->n_columns, sizeof *plan->column_sample);
    plan->sample_frame = mem_array((size_t)plan->n_columns, sizeof *plan->sample_frame);
    TRY_MEM(plan->column_sample && plan->sample_frame);
    for (int64_t i = 0; i < plan->n_columns; i++) {
        if (plan->n_samples == 0 || plan->sample_frame[plan->n_samples - 1] != column[i])
            plan->sample_frame[plan->n_samples++] = column[i];
        plan->column_sample[i] = plan->n_samples - 1;
    }
    return ST_OK;
}

static enum status check_number(const struct film *film, const struct sampling *s, double n, int64_t n_frames)
{
    const int64_t of_frames = n_frames < MAX_COLUMNS / COLUMNS_A_FRAME ? n_frames * COLUMNS_A_FRAME : MAX_COLUMNS;
    const int64_t most = of_frames > FREE_COLUMNS ? of_frames : FREE_COLUMNS;

    if (s->unit == SAMPLE_SECONDS && n > (double)most)
        return FAIL(ST_USAGE,
                    "%s: %.7g columns are too many for %lld frames, %lld are the most: by its timestamps, which may be "
                    "wrong, it lasts %.7g s; sample more coarsely, or by frames (--every 24f)",
                    film->path ? film->path : "the film", n, (long long)n_frames, (long long)most,
                    film_seconds(film, film->info.duration_ticks));
    if (!(n <= MAX_COLUMNS))
        return FAIL(ST_USAGE,
                    "%.3g columns are too many for one picture, %d are the most: sample more coarsely, or parts of "
                    "the film by --start and --end",
                    n, MAX_COLUMNS);
    return ST_OK;
}

enum status plan_range(const struct film *film, const struct sampling *s, int64_t *first, int64_t *last)
{
    const int64_t start = s->start.is_given ? boundary_ticks(film, &s->start) : 0;
    const int64_t end = s->end.is_given ? boundary_ticks(film, &s->end) : INT64_MAX;

    *first = first_frame_from(film, start);
    *last = first_frame_from(film, end);
    return *first < *last ? ST_OK
                          : FAIL(ST_USAGE, "no frame lies between --start and --end: the film lasts %.2f s",
                                 film_seconds(film, film->info.duration_ticks));
}

static enum status choose_columns(struct plan *plan, const struct film *film, const struct sampling *s)
{
    int64_t *column, from, to;
    double n = 0.0;
    enum status st;

    TRY(plan_range(film, s, &from, &to));
    const int64_t n_frames = to - from;
    if (s->unit == SAMPLE_FRAMES) {
        n = ceil((double)n_frames / s->every);
    } else if (s->unit == SAMPLE_COLUMNS) {
        n = s->every;
    } else {
        /* A frame is shown until the next one comes: the last sample lies before the end of the last frame. */
        const int64_t stop = to < film->n_frames ? film->frame[to].ticks : film->info.duration_ticks;
        n = ceil(film_seconds(film, stop - film->frame[from].ticks) / s->every - 1e-9);
        n = n < 1.0 ? 1.0 : n;
    }
    TRY(check_number(film, s, n, n_frames));
    plan->n_columns = (int64_t)n;
    column = mem_array((size_t)plan->n_columns, sizeof *column);
    TRY_MEM(column);
    for (int64_t i = 0; i < plan->n_columns; i++) {
        if (s->unit == SAMPLE_SECONDS) { /* the frame that is shown at that time */
            const int64_t passed = ticks_whole(floor(ticks_of(film, (double)i * s->every) + 1e-6));
            column[i] = first_frame_from(film, film->frame[from].ticks + passed + 1) - 1;
        } else if (s->unit == SAMPLE_FRAMES) {
            column[i] = from + (int64_t)((double)i * s->every);
        } else { /* the middle of each of W equal parts, so that the film's end is seen as well as its start */
            column[i] = from + (int64_t)(((double)i + 0.5) * (double)n_frames / s->every);
        }
        column[i] = column[i] < from ? from : column[i] >= to ? to - 1 : column[i];
    }
    st = s->snap_to_keys ? snap_to_keys(plan, film, from, to, column) : ST_OK;
    if (st == ST_OK)
        st = collect_samples(plan, column);
    free(column);
    return st;
}

/* --- segments ----------------------------------------------------------------------------------------------------- */

/* Decode time goes with the number of frames and with their bits, about half and half. */
static int64_t *cost_before_packets(const struct film *film)
{
    int64_t *before = mem_array((size_t)film->n_packets + 1, sizeof *before), total = 0;

    if (!before)
        return NULL;
    for (int64_t i = 0; i < film->n_packets; i++)
        total += film->packet[i].bytes;
    const int64_t mean = total / film->n_packets + 1;
    for (int64_t i = 0; i < film->n_packets; i++)
        before[i + 1] = before[i] + mean + film->packet[i].bytes;
    return before;
}

struct stretch {
    int64_t from, end; /* packets */
};

/* What a sample that is decoded from packet start on adds to what is decoded already, up to packet *reached. */
static struct stretch add_sample(const struct film *film, int64_t start, int64_t frame, int64_t *reached)
{
    const int64_t end = film->frame[frame].packet + 1, from = start > *reached ? start : *reached;

    *reached = end > *reached ? end : *reached;
    return (struct stretch){from, end > from ? end : from};
}

static enum status cut_segments(struct plan *plan, const struct film *film, int64_t n_wanted)
{
    int64_t *start = mem_array((size_t)plan->n_samples, sizeof *start), *before = cost_before_packets(film);
    int64_t total = 0, done = 0, reached = 0; /* done: by the segment alone; reached: by all of them together */
    enum status st = ST_NOMEM;

    plan->segment = mem_array((size_t)plan->n_samples, sizeof *plan->segment);
    if (!start || !before || !plan->segment)
        goto done;
    for (int64_t i = 0; i < plan->n_samples; i++) {
        start[i] = film_start_packet(film, plan->sample_frame[i]);
        const struct stretch added = add_sample(film, start[i], plan->sample_frame[i], &done);
        total += before[added.end] - before[added.from];
    }
    done = 0;
    struct segment s = {0};
    int64_t spent = 0;
    for (int64_t i = 0; i < plan->n_samples; i++) {
        /* A cut is possible where decoding can start; it is made when the segments so far have had their share. */
        const bool can_cut = i > s.first && start[i] > start[i - 1];
        if (can_cut && (double)spent * (double)n_wanted >= (double)total * (double)(plan->n_segments + 1)) {
            s.last = i;
            plan->segment[plan->n_segments++] = s;
            s = (struct segment){.first = i};
            done = 0;
        }
        const struct stretch alone = add_sample(film, start[i], plan->sample_frame[i], &done);
        const struct stretch together = add_sample(film, start[i], plan->sample_frame[i], &reached);
        const int64_t cost = before[alone.end] - before[alone.from];
        s.packets += together.end - together.from;
        s.cost += cost;
        spent += cost;
    }
    s.last = plan->n_samples;
    plan->segment[plan->n_segments++] = s;
    st = ST_OK;
done:
    free(start);
    free(before);
    return st;
}

/* Contiguous shares of about equal cost: a segment goes to the rank in whose share its middle lies. */
static enum status deal_to_ranks(struct plan *plan)
{
    double total = 0.0, spent = 0.0;
    int64_t at = 0;

    plan->rank_segment = mem_array((size_t)plan->n_ranks + 1, sizeof *plan->rank_segment);
    TRY_MEM(plan->rank_segment);
    for (int64_t i = 0; i < plan->n_segments; i++)
        total += (double)plan->segment[i].cost;
    for (int r = 0; r < plan->n_ranks; r++) {
        plan->rank_segment[r] = at;
        while (at < plan->n_segments) {
            const double cost = (double)plan->segment[at].cost;
            if ((spent + 0.5 * cost) * plan->n_ranks >= total * (r + 1) && r + 1 < plan->n_ranks)
                break;
            spent += cost;
            at++;
        }
    }
    plan->rank_segment[plan->n_ranks] = plan->n_segments;
    return ST_OK;
}

enum status plan_make(struct plan *plan, const struct film *film, const struct sampling *sampling, int n_ranks,
                      int segments_per_rank)
{
    *plan = (struct plan){.n_ranks = n_ranks};
    TRY(choose_columns(plan, film, sampling));
    if (film->info.sequential) {
        plan->segment = mem_array(1, sizeof *plan->segment);
        TRY_MEM(plan->segment);
        plan->segment[0] = (struct segment){0, plan->n_samples, film->n_packets + 1, film->n_packets};
        plan->n_segments = 1;
    } else {
        TRY(cut_segments(plan, film, (int64_t)n_ranks * segments_per_rank));
    }
    return deal_to_ranks(plan);
}

void plan_release(struct plan *plan)
{
    free(plan->column_sample);
    free(plan->sample_frame);
    free(plan->segment);
    free(plan->rank_segment);
    *plan = (struct plan){0};
}

void plan_rank_samples(const struct plan *plan, int rank, int64_t *first, int64_t *last)
{
    const int64_t a = plan->rank_segment[rank], b = plan->rank_segment[rank + 1];

    *first = a < b ? plan->segment[a].first : 0;
    *last = a < b ? plan->segment[b - 1].last : 0;
}
