#include "catalog/coordinate/coordinator_parts.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double least_piece_seconds =
                        6.0,  /* opening decoders costs about as long for a short piece as for a long one */
    drain_seconds = 60.0,     /* for what is begun, after a signal */
    heartbeat_seconds = 15.0, /* between two in the journal */
    gpu_speed = 16.0;         /* in cores; only estimates depend on it */

/* --- start -------------------------------------------------------------------------------------------------------- */

enum status coordinator_open(const struct coordinator_setup *setup, struct coordinator **out)
{
    struct coordinator *d = *out = mem_array(1, sizeof *d);
    const int64_t n = setup->listing->n;

    TRY_MEM(d);
    d->setup = *setup;
    d->started = setup->config->started;
    d->last_heartbeat = clock_seconds();
    d->totals.n_films = n;
    d->film = mem_array((size_t)n, sizeof *d->film);
    d->hello = mem_array((size_t)setup->comm->size, sizeof *d->hello);
    TRY_MEM(d->film && d->hello);
    for (int64_t i = 0; i < n; i++) {
        const struct resume_film *r = &setup->resume[i];
        const struct history_film *before = r->is_unchanged ? r->before : NULL;
        d->film[i].cost = before ? before->cost : -1.0;
        d->film[i].n_faults = before && !setup->config->retry_failed ? before->n_counted_faults : 0;
        d->film[i].n_pieces = before ? before->n_pieces : 0;
        d->film[i].state = r->state == RESUME_DONE     ? FILM_IS_DONE
                           : r->state == RESUME_FAILED ? FILM_HAS_FAILED
                                                       : FILM_WAITS;
        d->totals.n_done_before += r->state == RESUME_DONE;
        d->totals.n_failed += r->state == RESUME_FAILED;
    }
    d->totals.n_done = d->totals.n_done_before;
    display_start(&d->display, setup->config->barcode.progress);
    return ST_OK;
}

void coordinator_close(struct coordinator **in)
{
    struct coordinator *d = *in;

    *in = NULL;
    if (!d)
        return;
    display_clear(&d->display);
    schedule_close(&d->schedule);
    free(d->hello);
    free(d->worker);
    free(d->film);
    free(d);
}

/* Seconds of one core that a worker process does in a second, as far as anybody knows before it has worked. */
static double nominal_speed(const struct coordinator *d)
{
    double speed = 0.0;

    for (int i = 0; i < d->setup.comm->size; i++)
        speed += d->hello[i].ready.threads + (d->hello[i].ready.has_device ? gpu_speed : 0.0);
    return fmax(speed / d->n_workers, 0.1);
}

/* The same as measured, once something was. */
static double worker_speed(const struct coordinator *d)
{
    const double factor = d->rate_seconds > 10.0 ? d->rate_cost / d->rate_seconds : 1.0;

    return nominal_speed(d) * fmin(fmax(factor, 0.01), 100.0);
}

static enum status make_schedule(struct coordinator *d)
{
    const struct catalog_config *c = d->setup.config;
    /* What is rare shows in all of a film: it is not cut. */
    const bool is_rare = c->barcode.settings.kmeans.weights.weight == WEIGHT_RARE;
    const struct schedule_setup setup = {.n_films = d->setup.listing->n,
                                         .n_workers = d->n_workers,
                                         .worker_speed = nominal_speed(d),
                                         .most_seconds = c->piece_seconds,
                                         .least_seconds =
                                             is_rare ? INFINITY : fmin(least_piece_seconds, 0.5 * c->piece_seconds)};

    TRY(schedule_open(&setup, &d->schedule));
    for (int64_t i = 0; i < d->setup.listing->n; i++) {
        const struct deal_film *f = &d->film[i];
        if (f->state != FILM_WAITS)
            continue;
        if (f->cost >= 0.0 && d->setup.journal) {
            schedule_add_film(d->schedule, i, f->cost, f->n_pieces);
        } else if (f->cost < 0.0) {
            schedule_add_probe(d->schedule, i, d->setup.listing->film[i].bytes);
            d->n_probes++;
        }
    }
    return ST_OK;
}

static enum status on_hello(struct coordinator *d, int rank, const struct message_hello *hello)
{
    d->hello[rank] = *hello;
    for (int i = 0; i < hello->n_workers; i++) {
        struct worker_state *worker = mem_grow(d->worker, (size_t)d->n_workers, &d->worker_room, sizeof *worker);
        TRY_MEM(worker);
        d->worker = worker;
        d->worker[d->n_workers++] = (struct worker_state){.rank = rank, .number = i};
    }
    log_note("rank %d on %s: %d worker process%s, %s; sandbox: %s", rank, hello->host, hello->n_workers,
             hello->n_workers == 1 ? "" : "es", hello->ready.backend, hello->ready.sandbox);
    if (++d->n_hellos < d->setup.comm->size)
        return ST_OK;
    d->totals.n_workers = d->n_workers;
    d->first_request = clock_seconds();
    return make_schedule(d);
}

/* --- what is heard ------------------------------------------------------------------------------------------------ */

static struct worker_state *find_worker(struct coordinator *d, int rank, int number)
{
    for (int i = 0; i < d->n_workers; i++)
        if (d->worker[i].rank == rank && d->worker[i].number == number)
            return &d->worker[i];
    return NULL;
}

static enum status on_outcome(struct coordinator *d, int rank, const struct message *m)
{
    struct worker_state *worker = find_worker(d, rank, m->worker);
    const struct outcome *o = &m->as.outcome;

    if (!worker || !worker->is_busy)
        return FAIL(ST_BUG, "an outcome from worker %d of rank %d, which has no request", m->worker, rank);
    if (o->task.kind != worker->task.kind || o->task.film != worker->task.film || o->task.piece != worker->task.piece)
        return FAIL(ST_BUG, "an outcome from worker %d of rank %d, which has another request", m->worker, rank);
    worker->is_busy = false;
    d->n_busy--;
    d->totals.busy_seconds += clock_seconds() - worker->since;
    if (o->end == OUTCOME_DONE && (o->task.kind == TASK_FILM || o->task.kind == TASK_PIECE)) {
        d->cost_done += o->task.cost;
        d->rate_cost += o->task.cost;
        d->rate_seconds += o->seconds * nominal_speed(d);
    }
    return coordinator_book(d, worker, o);
}

enum status coordinator_on_message(struct coordinator *d, int from, const struct message *m)
{
    struct worker_state *worker;

    switch (m->kind) {
    case MESSAGE_HELLO:
        return on_hello(d, from, &m->as.hello);
    case MESSAGE_OUTCOME:
        return on_outcome(d, from, m);
    case MESSAGE_PROGRESS:
        for (int i = 0; i < d->n_workers; i++)
            if (d->worker[i].rank == from && d->worker[i].is_busy)
                d->worker[i].progress = (double)m->as.progress[d->worker[i].number];
        return ST_OK;
    case MESSAGE_SIGNALS:
        d->n_signals = m->as.n_signals > d->n_signals ? m->as.n_signals : d->n_signals;
        return ST_OK;
    case MESSAGE_LOST:
        worker = find_worker(d, from, m->worker);
        if (worker)
            worker->is_lost = true;
        if (!d->is_stopped) {
            display_clear(&d->display);
            log_note("worker %d of rank %d cannot be started again: going on without it", m->worker, from);
        }
        return ST_OK;
    case MESSAGE_REQUEST:
    case MESSAGE_DRAIN:
    case MESSAGE_STOP:
    case MESSAGE_END:
        break;
    }
    return FAIL(ST_BUG, "the coordinator was sent message %d", (int)m->kind);
}

/* --- dealing ------------------------------------------------------------------------------------------------------ */

static enum status give(struct coordinator *d, struct worker_state *worker, const struct task *task)
{
    const struct listing_film *film = &d->setup.listing->film[task->film];
    struct message m = {.kind = MESSAGE_REQUEST, .worker = worker->number};
    struct deal_film *f = &d->film[task->film];

    worker->task = *task;
    f->n_tries += task->kind == TASK_PROBE || task->kind == TASK_FILM || task->kind == TASK_INDEX;
    m.as.request.task = *task;
    snprintf(m.as.request.path, sizeof m.as.request.path, "%s", film->path);
    snprintf(m.as.request.name, sizeof m.as.request.name, "%s", film->name);
    if (task->kind == TASK_INDEX && f->n_pieces != task->n_pieces) {
        f->n_pieces = task->n_pieces; /* later runs, however many worker processes they have, cut it like this */
        TRY(journal_write(d->setup.journal, &(struct event){.kind = EVENT_COST,
                                                            .name = film->name,
                                                            .bytes = film->bytes,
                                                            .mtime_ns = film->mtime_ns,
                                                            .as.cost = {f->cost, f->n_pieces}}));
    }
    const struct event start = coordinator_describe_task(d, worker, EVENT_START);
    TRY(journal_write(d->setup.journal, &start));
    TRY(message_post(d->setup.comm, worker->rank, &m));
    worker->is_busy = true; /* only what was sent comes back */
    worker->is_dry = false;
    worker->since = clock_seconds();
    worker->progress = 0.0;
    d->n_busy++;
    d->n_films_dealt += task->kind != TASK_PROBE;
    return ST_OK;
}

static double seconds_left(const struct coordinator *d)
{
    return d->setup.config->time_limit > 0 ? d->started + d->setup.config->time_limit - clock_seconds() : HUGE_VAL;
}

/* Before the limit, so that what is begun can be kept. */
static double drain_margin(const struct coordinator *d)
{
    return fmin(30.0, 0.1 * d->setup.config->time_limit);
}

static enum status deal(struct coordinator *d)
{
    const double left = seconds_left(d) - drain_margin(d);
    /* One film at least: what is drained is kept, so that runs too short for a film still come to its end. */
    const double most_cost = isfinite(left) && d->n_films_dealt > 0 ? fmax(left, 0.0) * worker_speed(d) : HUGE_VAL;
    struct task task;

    for (int i = 0; i < d->n_workers; i++) {
        struct worker_state *worker = &d->worker[i];
        if (worker->is_busy || worker->is_lost)
            continue;
        if (schedule_next(d->schedule, most_cost, &task)) {
            TRY(give(d, worker, &task));
        } else if (!worker->is_dry) {
            worker->is_dry = true;
            worker->since = clock_seconds();
        }
    }
    return ST_OK;
}

static enum status tell_all(struct coordinator *d, enum message_kind kind)
{
    const struct message m = {.kind = kind};

    for (int i = 0; i < d->setup.comm->size; i++)
        TRY(message_post(d->setup.comm, i, &m));
    return ST_OK;
}

static enum status drain(struct coordinator *d, double seconds)
{
    if (d->is_draining)
        return ST_OK;
    d->is_draining = true;
    d->drain_until = clock_seconds() + seconds;
    return tell_all(d, MESSAGE_DRAIN);
}

static enum status halt(struct coordinator *d)
{
    if (d->is_stopped)
        return ST_OK;
    d->is_draining = d->is_stopped = true;
    return tell_all(d, MESSAGE_STOP);
}

static enum status watch_the_time(struct coordinator *d)
{
    const double left = seconds_left(d);

    if (d->n_signals > 0 && !d->totals.is_interrupted) {
        d->totals.is_interrupted = true;
        display_clear(&d->display);
        log_note("interrupted: finishing what is begun (once more: at once)");
        TRY(drain(d, drain_seconds));
    }
    if (left < drain_margin(d) && !d->is_draining) {
        d->totals.is_out_of_time = true;
        display_clear(&d->display);
        log_note("the time limit is near: finishing what is begun");
        TRY(drain(d, left));
    }
    return d->n_signals > 1 || (d->is_draining && clock_seconds() > d->drain_until) ? halt(d) : ST_OK;
}

static double cost_in_workers(const struct coordinator *d)
{
    double cost = 0.0;

    for (int i = 0; i < d->n_workers; i++)
        if (d->worker[i].is_busy)
            cost += d->worker[i].progress * d->worker[i].task.cost;
    return cost;
}

static int count_alive(const struct coordinator *d)
{
    int n = 0;

    for (int i = 0; i < d->n_workers; i++)
        n += !d->worker[i].is_lost;
    return n;
}

static double estimate_eta(const struct coordinator *d, double cost_left)
{
    const int n = count_alive(d);

    return d->rate_seconds <= 0.0 || n == 0 ? -1.0 : cost_left / (worker_speed(d) * n);
}

static bool describe_worker(void *context, int which, char *text, size_t bytes)
{
    const struct coordinator *d = context;
    const struct worker_state *worker = &d->worker[which];

    if (which >= d->n_workers)
        return false;
    if (worker->is_busy)
        snprintf(text, bytes, "  rank %d.%d %3.0f %% %-5s %s", worker->rank, worker->number, 100.0 * worker->progress,
                 task_kind_names[worker->task.kind], d->setup.listing->film[worker->task.film].name);
    else
        snprintf(text, bytes, "  rank %d.%d %s", worker->rank, worker->number, worker->is_lost ? "lost" : "idle");
    return true;
}

static enum status tell_how_far(struct coordinator *d)
{
    const double in_workers = cost_in_workers(d), now = clock_seconds();
    const double cost_left =
        fmax(schedule_cost_left(d->schedule) + schedule_cost_in_flight(d->schedule) - in_workers, 0.0);
    const struct coordinator_totals *t = &d->totals;
    const struct display_state state = {.n_films = t->n_films,
                                        .n_probing = d->n_probes,
                                        .now = {.n_done = t->n_done,
                                                .n_failed = t->n_failed,
                                                .n_left = t->n_films - t->n_done - t->n_failed,
                                                .n_running = d->n_busy,
                                                .cost_done = d->cost_done + in_workers,
                                                .cost_left = cost_left,
                                                .eta_seconds = estimate_eta(d, cost_left)}};

    display_show(&d->display, &state, describe_worker, d);
    if (now - d->last_heartbeat < heartbeat_seconds)
        return ST_OK;
    d->last_heartbeat = now;
    return journal_write(d->setup.journal, &(struct event){.kind = EVENT_HEARTBEAT, .as.heartbeat = state.now});
}

enum status coordinator_step(struct coordinator *d)
{
    if (d->n_hellos < d->setup.comm->size)
        return ST_OK;
    TRY(watch_the_time(d));
    if (!d->is_draining)
        TRY(deal(d));
    return tell_how_far(d);
}

bool coordinator_is_over(const struct coordinator *d)
{
    /* After a step, what is not dealt will not be: there is none, or no time, or no worker process. */
    return d->n_hellos == d->setup.comm->size && d->n_busy == 0;
}

void coordinator_give_up(struct coordinator *d)
{
    if (halt(d) != ST_OK)
        d->n_busy = 0; /* the ranks cannot be told: there is nothing to wait for */
}

void coordinator_totals(const struct coordinator *d, struct coordinator_totals *totals)
{
    const double now = clock_seconds();

    *totals = d->totals;
    totals->seconds = d->first_request > 0.0 ? now - d->first_request : 0.0;
    for (int i = 0; i < d->n_workers; i++)
        totals->tail_idle_seconds += d->worker[i].is_dry ? now - d->worker[i].since : 0.0;
    totals->is_out_of_time |= d->setup.config->time_limit > 0 && !totals->is_interrupted && count_alive(d) > 0;
}

double coordinator_cost(const struct coordinator *d, int64_t film)
{
    return d->film[film].cost;
}

bool coordinator_has_failed(const struct coordinator *d, int64_t film)
{
    return d->film[film].state == FILM_HAS_FAILED;
}
