#include "catalog/schedule/schedule.h"

#include "base/mem.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

const char *const task_kind_names[N_TASK_KINDS] = {"probe", "film", "index", "piece", "join"};

/* Where a film is on its way. From PROBING to JOINING its tasks are those of one kind. */
enum stage { STAGE_NONE, STAGE_PROBING, STAGE_WHOLE, STAGE_INDEXING, STAGE_PIECES, STAGE_JOINING, STAGE_OVER };

struct schedule_film {
    enum stage stage;
    double cost;
    int n_pieces;        /* 0: not decided */
    int n_dealt, n_done; /* of PIECES; pieces that wait to be done again count as dealt */
    int n_waiting;       /* of its entries, 2 at most */
    bool is_begun, unsplit;
    uint64_t again[TASK_MOST_PIECES / 64]; /* pieces to be done again; of other stages bit 0 */
};

/* What waits: a film's next task (of PIECES: all that were not dealt yet), or what it has to do again. */
enum turn { TURN_AGAIN, TURN_WORK, TURN_JOIN, TURN_PROBE };
struct entry {
    enum turn turn;
    double size; /* of a probe the file's bytes, else the film's cost */
    double price;
    int64_t film;
};

struct heap {
    struct entry *entry; /* [2 x n_films] */
    size_t n;
    bool (*before)(const struct entry *a, const struct entry *b);
};

struct schedule {
    struct schedule_setup setup;
    struct schedule_film *film; /* [n_films] */
    struct heap ready, held;    /* held: costs more than the most_cost that it met; price says how much */
    int64_t n_waiting, n_in_flight;
    double cost_left, cost_in_flight, cost_ahead; /* ahead: of films that are not begun */
};

/* --- heaps -------------------------------------------------------------------------------------------------------- */

static bool is_more_urgent(const struct entry *a, const struct entry *b)
{
    if (a->turn != b->turn)
        return a->turn > b->turn;
    return a->size != b->size ? a->size > b->size : a->film < b->film;
}

static bool is_cheaper(const struct entry *a, const struct entry *b)
{
    return a->price < b->price;
}

static void heap_push(struct heap *heap, struct entry entry)
{
    size_t i = heap->n++;

    for (; i > 0 && heap->before(&entry, &heap->entry[(i - 1) / 2]); i = (i - 1) / 2)
        heap->entry[i] = heap->entry[(i - 1) / 2];
    heap->entry[i] = entry;
}

static struct entry heap_pop(struct heap *heap)
{
    const struct entry first = heap->entry[0], last = heap->entry[--heap->n];
    size_t i = 0;

    for (size_t child; (child = 2 * i + 1) < heap->n; i = child) {
        if (child + 1 < heap->n && heap->before(&heap->entry[child + 1], &heap->entry[child]))
            child++;
        if (!heap->before(&heap->entry[child], &last))
            break;
        heap->entry[i] = heap->entry[child];
    }
    heap->entry[i] = last;
    return first;
}

/* --- films -------------------------------------------------------------------------------------------------------- */

enum status schedule_open(const struct schedule_setup *setup, struct schedule **out)
{
    struct schedule *s = *out = mem_array(1, sizeof *s);
    const size_t n = (size_t)setup->n_films;

    TRY_MEM(s);
    s->setup = *setup;
    s->film = mem_array(n, sizeof *s->film);
    s->ready = (struct heap){.entry = mem_array(2 * n, sizeof *s->ready.entry), .before = is_more_urgent};
    s->held = (struct heap){.entry = mem_array(2 * n, sizeof *s->held.entry), .before = is_cheaper};
    if (s->film && s->ready.entry && s->held.entry)
        return ST_OK;
    schedule_close(out);
    return ST_NOMEM;
}

void schedule_close(struct schedule **in)
{
    struct schedule *s = *in;

    *in = NULL;
    if (!s)
        return;
    free(s->held.entry);
    free(s->ready.entry);
    free(s->film);
    free(s);
}

static void wait_as(struct schedule *s, int64_t film, enum turn turn, double size)
{
    heap_push(&s->ready, (struct entry){.turn = turn, .size = size, .film = film});
    s->film[film].n_waiting++;
    s->n_waiting++;
}

static void enter_stage(struct schedule *s, int64_t film, enum stage stage)
{
    s->film[film].stage = stage;
    wait_as(s, film, stage == STAGE_JOINING ? TURN_JOIN : TURN_WORK, s->film[film].cost);
}

void schedule_add_probe(struct schedule *s, int64_t film, int64_t bytes)
{
    if (s->film[film].stage != STAGE_NONE)
        return;
    s->film[film].stage = STAGE_PROBING;
    wait_as(s, film, TURN_PROBE, (double)bytes);
}

void schedule_add_film(struct schedule *s, int64_t film, double cost, int n_pieces)
{
    struct schedule_film *f = &s->film[film];

    if (f->stage != STAGE_NONE)
        return;
    f->cost = isfinite(cost) && cost > 0.0 ? cost : 0.0;
    f->n_pieces = n_pieces >= 0 && n_pieces <= TASK_MOST_PIECES ? n_pieces : 0;
    s->cost_left += f->cost;
    s->cost_ahead += f->cost;
    enter_stage(s, film, STAGE_WHOLE);
}

/* --- dealing ------------------------------------------------------------------------------------------------------ */

static int decide_pieces(const struct schedule *s, double cost)
{
    const struct schedule_setup *setup = &s->setup;
    double most = setup->most_seconds * setup->worker_speed;

    if (setup->n_workers > 1)
        most = fmin(most, (s->cost_ahead + s->cost_in_flight) / setup->n_workers / 4.0);
    most = fmax(most, setup->least_seconds * setup->worker_speed); /* and never below 0, whatever the rounding */
    return cost > most ? (int)fmin(ceil(cost / most), TASK_MOST_PIECES) : 1;
}

/* How many pieces the film would have if it were dealt now. */
static int pieces_now(const struct schedule *s, const struct schedule_film *f)
{
    return f->n_pieces > 0 ? f->n_pieces : decide_pieces(s, f->cost);
}

/* What the film's next task costs; of an index that is to come, one piece. */
static double price_now(const struct schedule *s, const struct schedule_film *f)
{
    return f->stage == STAGE_PROBING || f->stage == STAGE_JOINING ? 0.0 : f->cost / pieces_now(s, f);
}

/* The first piece to be done again, or -1. */
static int find_repeat(const struct schedule_film *f)
{
    for (int i = 0; i < TASK_MOST_PIECES; i++)
        if (f->again[i / 64] >> i % 64 & 1)
            return i;
    return -1;
}

static struct task make_task(struct schedule *s, int64_t film, bool is_repeat)
{
    static const enum task_kind kind[] = {[STAGE_PROBING] = TASK_PROBE,
                                          [STAGE_WHOLE] = TASK_FILM,
                                          [STAGE_INDEXING] = TASK_INDEX,
                                          [STAGE_PIECES] = TASK_PIECE,
                                          [STAGE_JOINING] = TASK_JOIN};
    struct schedule_film *f = &s->film[film];
    struct task task = {.film = film, .n_pieces = 1};

    if (f->stage == STAGE_WHOLE) {
        f->n_pieces = pieces_now(s, f);
        s->cost_ahead -= f->is_begun ? 0.0 : f->cost;
        f->is_begun = true;
        if (f->n_pieces > 1)
            f->stage = STAGE_INDEXING;
    }
    task.kind = kind[f->stage];
    if (f->n_pieces > 0)
        task.n_pieces = f->n_pieces;
    task.unsplit = task.kind == TASK_FILM && f->unsplit;
    if (task.kind == TASK_FILM || task.kind == TASK_PIECE)
        task.cost = f->cost / task.n_pieces;
    if (is_repeat) {
        task.piece = find_repeat(f);
        f->again[task.piece / 64] &= ~((uint64_t)1 << task.piece % 64);
    } else if (task.kind == TASK_PIECE) {
        task.piece = f->n_dealt++;
    }
    return task;
}

bool schedule_next(struct schedule *s, double most_cost, struct task *task)
{
    while (s->held.n > 0 && s->held.entry[0].price <= most_cost)
        heap_push(&s->ready, heap_pop(&s->held));
    while (s->ready.n > 0) {
        struct entry e = heap_pop(&s->ready);
        struct schedule_film *f = &s->film[e.film];

        if (f->stage == STAGE_OVER) /* dropped while it waited */
            continue;
        e.price = price_now(s, f);
        if (e.price > most_cost) {
            heap_push(&s->held, e);
            continue;
        }
        *task = make_task(s, e.film, e.turn == TURN_AGAIN);
        s->n_in_flight++;
        s->cost_left -= task->cost;
        s->cost_in_flight += task->cost;
        if (e.turn == TURN_AGAIN ? find_repeat(f) >= 0 : f->stage == STAGE_PIECES && f->n_dealt < f->n_pieces) {
            heap_push(&s->ready, e);
        } else {
            f->n_waiting--;
            s->n_waiting--;
        }
        return true;
    }
    return false;
}

/* --- ends --------------------------------------------------------------------------------------------------------- */

static void end_done(struct schedule *s, int64_t film)
{
    struct schedule_film *f = &s->film[film];

    switch (f->stage) {
    case STAGE_PROBING:
        f->stage = STAGE_NONE;
        break;
    case STAGE_INDEXING:
        enter_stage(s, film, STAGE_PIECES);
        break;
    case STAGE_PIECES:
        if (++f->n_done == f->n_pieces)
            enter_stage(s, film, STAGE_JOINING);
        break;
    case STAGE_WHOLE:
    case STAGE_JOINING:
        f->stage = STAGE_OVER;
        break;
    case STAGE_NONE:
    case STAGE_OVER:
        break;
    }
}

static void end_again(struct schedule *s, const struct task *task)
{
    struct schedule_film *f = &s->film[task->film];

    s->cost_left += task->cost;
    if (find_repeat(f) < 0)
        wait_as(s, task->film, TURN_AGAIN, f->cost);
    f->again[task->piece / 64] |= (uint64_t)1 << task->piece % 64;
}

static void end_unsplit(struct schedule *s, int64_t film)
{
    struct schedule_film *f = &s->film[film];

    if (f->stage == STAGE_JOINING) { /* the pieces were for nothing */
        f->unsplit = true;
        s->cost_left += f->cost;
    }
    f->n_pieces = 1;
    enter_stage(s, film, STAGE_WHOLE);
}

static void end_dropped(struct schedule *s, int64_t film)
{
    struct schedule_film *f = &s->film[film];
    int n_left = f->stage == STAGE_PIECES ? f->n_pieces - f->n_dealt : f->stage == STAGE_INDEXING ? f->n_pieces : 0;

    if (f->stage == STAGE_PIECES)
        for (int i = 0; i < f->n_pieces; i++)
            n_left += (int)(f->again[i / 64] >> i % 64 & 1);
    if (n_left > 0)
        s->cost_left -= f->cost * n_left / f->n_pieces;
    s->n_waiting -= f->n_waiting;
    f->stage = STAGE_OVER;
}

void schedule_end(struct schedule *s, const struct task *task, enum task_end end)
{
    const bool may_unsplit = task->kind == TASK_INDEX || task->kind == TASK_JOIN;

    s->n_in_flight--;
    s->cost_in_flight -= task->cost;
    if (s->film[task->film].stage != STAGE_OVER) {
        if (end == TASK_DONE)
            end_done(s, task->film);
        else if (end == TASK_DROPPED)
            end_dropped(s, task->film);
        else if (end == TASK_UNSPLIT && may_unsplit)
            end_unsplit(s, task->film);
        else
            end_again(s, task);
    }
    /* Sums of a hundred thousand roundings: what is nothing shall be 0. */
    if (s->n_in_flight == 0)
        s->cost_in_flight = 0.0;
    if (s->n_waiting == 0 && s->n_in_flight == 0)
        s->cost_left = 0.0;
}

double schedule_cost_left(const struct schedule *s)
{
    return fmax(s->cost_left, 0.0);
}

double schedule_cost_in_flight(const struct schedule *s)
{
    return fmax(s->cost_in_flight, 0.0);
}
