/* ledger: names are found by a hash table, so that time grows with the events alone. Tasks in flight are a plain list:
 * there are no more of them than worker processes. */
#include "catalog/store/ledger.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct book { /* what is known of a film on the way */
    struct history_film film;
    uint64_t hash;
    bool is_seen;    /* bytes and mtime_ns are known */
    bool is_settled; /* done, and not begun anew */
    bool is_probing; /* the last start was a probe's, and it has not ended well */
};

struct flight { /* a task in the hands of a worker process of a run that goes on */
    size_t run, film;
    int rank, worker, piece;
    char kind[8];
    double since;
};

/* --- films by name ------------------------------------------------------------------------------------------------ */

static uint64_t hash_of(const char *text) /* FNV-1a */
{
    uint64_t hash = 14695981039346656037u;

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return hash ^ hash >> 29;
}

/* The slot that holds the name, or the free one where it belongs. */
static size_t *slot_of(const struct ledger *l, const char *name, uint64_t hash)
{
    size_t at = (size_t)hash & (l->n_slots - 1);

    while (l->slot[at] > 0) {
        const struct book *b = &l->book[l->slot[at] - 1];
        if (b->hash == hash && strcmp(b->film.name, name) == 0)
            break;
        at = (at + 1) & (l->n_slots - 1);
    }
    return &l->slot[at];
}

static enum status grow_slots(struct ledger *l)
{
    const size_t n = l->n_slots ? 2 * l->n_slots : 1024;
    size_t *slot = mem_array(n, sizeof *slot);

    TRY_MEM(slot);
    free(l->slot);
    l->slot = slot;
    l->n_slots = n;
    for (size_t i = 0; i < l->n_books; i++)
        *slot_of(l, l->book[i].film.name, l->book[i].hash) = i + 1;
    return ST_OK;
}

enum status ledger_find(struct ledger *l, char **name, size_t *film)
{
    const uint64_t hash = hash_of(*name);

    if (2 * (l->n_books + 1) > l->n_slots)
        TRY(grow_slots(l));
    size_t *slot = slot_of(l, *name, hash);
    if (*slot > 0) {
        free(*name);
    } else {
        struct book *grown = mem_grow(l->book, l->n_books, &l->book_room, sizeof *grown);
        TRY_MEM(grown);
        l->book = grown;
        l->book[l->n_books] = (struct book){.film = {.name = *name, .cost = -1.0}, .hash = hash};
        *slot = ++l->n_books;
    }
    *name = NULL;
    *film = *slot - 1;
    return ST_OK;
}

/* --- what happened ------------------------------------------------------------------------------------------------ */

static void forget_end(struct history_film *f)
{
    free(f->result);
    free(f->failure.message);
    f->result = NULL;
    memset(&f->failure, 0, sizeof f->failure);
    f->state = STATE_LEFT;
    f->state_time = 0.0;
}

/* A film that is not what it was begins anew. */
static void see(struct book *b, int64_t bytes, int64_t mtime_ns)
{
    struct history_film *f = &b->film;

    if (b->is_seen && (f->bytes != bytes || f->mtime_ns != mtime_ns)) {
        forget_end(f);
        f->cost = -1.0;
        f->n_pieces = f->attempts = f->n_counted_faults = 0;
        b->is_settled = b->is_probing = false;
    }
    b->is_seen = true;
    f->bytes = bytes;
    f->mtime_ns = mtime_ns;
}

static void take_path(struct history_film *f, struct event *e)
{
    free(f->path);
    f->path = e->path;
    e->path = NULL;
}

static void book_cost(struct book *b, const struct event *e)
{
    struct history_film *f = &b->film;

    if (b->is_seen && (f->bytes != e->bytes || f->mtime_ns != e->mtime_ns))
        return; /* of what the film is no more */
    see(b, e->bytes, e->mtime_ns);
    f->cost = e->as.cost.cost;
    f->n_pieces = e->as.cost.n_pieces;
    f->attempts -= b->is_probing;
    b->is_probing = false;
}

static void book_start(struct book *b, const struct event *e)
{
    const char *kind = e->as.task.kind;
    const bool is_probe = strcmp(kind, "probe") == 0;

    if (b->is_settled)
        b->film.attempts = 0;
    b->is_settled = false;
    b->is_probing = is_probe;
    b->film.attempts += is_probe || strcmp(kind, "film") == 0 || strcmp(kind, "index") == 0;
}

static void book_done(struct book *b, struct event *e)
{
    struct history_film *f = &b->film;

    forget_end(f);
    take_path(f, e);
    b->is_seen = b->is_settled = true;
    f->bytes = e->result->bytes;
    f->mtime_ns = e->result->mtime_ns;
    f->state = STATE_DONE;
    f->state_time = e->time;
    f->n_counted_faults = 0;
    f->result = e->result;
    e->result = NULL;
}

static void book_failed(struct book *b, struct event *e)
{
    struct history_film *f = &b->film;

    see(b, e->bytes, e->mtime_ns);
    forget_end(f);
    take_path(f, e);
    f->state = e->as.failure.quarantined ? STATE_QUARANTINED : STATE_FAILED;
    f->state_time = e->time;
    f->failure.kind = e->fault;
    f->failure.seconds = e->seconds;
    memcpy(f->failure.settings_id, e->settings_id, sizeof f->failure.settings_id);
    f->failure.message = e->text;
    e->text = NULL;
}

/* --- what is in flight -------------------------------------------------------------------------------------------- */

/* A film's end ends all its tasks; a probe ends by what it tells; any other task by what is said of its worker process,
 * also by the next start there, or by being dealt again. */
static bool is_ended_by(const struct flight *f, const struct event *e)
{
    switch (e->kind) {
    case EVENT_DONE:
    case EVENT_FAILED:
        return f->film == e->film;
    case EVENT_COST:
        return f->film == e->film && f->run == e->run && strcmp(f->kind, "probe") == 0;
    case EVENT_START:
        if (f->film == e->film && f->run == e->run && strcmp(f->kind, e->as.task.kind) == 0 &&
            f->piece == e->as.task.piece)
            return true;
        return f->run == e->run && f->rank == e->as.task.rank && f->worker == e->as.task.worker;
    case EVENT_STEP:
    case EVENT_FAULT:
        return f->run == e->run && f->rank == e->as.task.rank && f->worker == e->as.task.worker;
    case EVENT_RUN:
    case EVENT_FILM:
    case EVENT_HEARTBEAT:
    case EVENT_END:
    case EVENT_UNKNOWN:
        break;
    }
    return false;
}

static enum status follow_flights(struct ledger *l, const struct event *e, bool is_live)
{
    size_t n = 0;

    for (size_t i = 0; i < l->n_flights; i++)
        if (!is_ended_by(&l->flight[i], e))
            l->flight[n++] = l->flight[i];
    l->n_flights = n;
    if (e->kind != EVENT_START || !is_live)
        return ST_OK;
    struct flight *grown = mem_grow(l->flight, n, &l->flight_room, sizeof *grown);
    TRY_MEM(grown);
    l->flight = grown;
    l->flight[l->n_flights++] = (struct flight){.run = e->run,
                                                .film = e->film,
                                                .rank = e->as.task.rank,
                                                .worker = e->as.task.worker,
                                                .piece = e->as.task.piece,
                                                .since = e->time};
    memcpy(l->flight[n].kind, e->as.task.kind, sizeof l->flight[n].kind);
    return ST_OK;
}

static void tell_flights(struct ledger *l)
{
    for (size_t i = 0; i < l->n_flights; i++) {
        const struct flight *t = &l->flight[i];
        struct history_film *f = &l->book[t->film].film;
        f->n_running++;
        if (f->running && f->running_since <= t->since)
            continue;
        f->running = true;
        f->running_since = t->since;
        f->running_rank = t->rank;
        memcpy(f->running_kind, t->kind, sizeof f->running_kind);
    }
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

enum status ledger_follow(struct ledger *l, struct event *e, bool is_live)
{
    struct book *b = e->kind >= EVENT_FILM && e->kind <= EVENT_FAILED ? &l->book[e->film] : NULL;

    switch (e->kind) {
    case EVENT_FILM:
        see(b, e->bytes, e->mtime_ns);
        take_path(&b->film, e);
        break;
    case EVENT_COST:
        book_cost(b, e);
        break;
    case EVENT_START:
        book_start(b, e);
        break;
    case EVENT_FAULT:
        b->film.n_counted_faults += e->as.task.counts;
        b->is_probing = false;
        break;
    case EVENT_DONE:
        book_done(b, e);
        break;
    case EVENT_FAILED:
        book_failed(b, e);
        break;
    case EVENT_STEP:
    case EVENT_RUN:
    case EVENT_HEARTBEAT:
    case EVENT_END:
    case EVENT_UNKNOWN:
        break;
    }
    return follow_flights(l, e, is_live);
}

enum status ledger_hand_out(struct ledger *l, struct history_film **film, int64_t *n)
{
    *film = mem_array(l->n_books, sizeof **film);
    TRY_MEM(*film);
    tell_flights(l);
    for (size_t i = 0; i < l->n_books; i++)
        (*film)[i] = l->book[i].film;
    *n = (int64_t)l->n_books;
    l->n_books = l->n_flights = 0;
    return ST_OK;
}

void ledger_release_film(struct history_film *film)
{
    free(film->name);
    free(film->path);
    free(film->result);
    free(film->failure.message);
}

void ledger_release(struct ledger *l)
{
    for (size_t i = 0; i < l->n_books; i++)
        ledger_release_film(&l->book[i].film);
    free(l->book);
    free(l->slot);
    free(l->flight);
    *l = (struct ledger){0};
}
