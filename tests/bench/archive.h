/* archive: a made-up film archive, and worker processes with a virtual clock that work through it as the schedule deals
 * it. What the films take is drawn by Philox: the same seed is the same archive. For month.c and the unit test. */
#ifndef JACQUARD_TESTS_BENCH_ARCHIVE_H
#define JACQUARD_TESTS_BENCH_ARCHIVE_H

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "catalog/schedule/schedule.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

struct archive_film {
    double seconds;    /* it plays */
    double cost, work; /* seconds of one core: estimated, and in truth */
    int64_t bytes;
    int n_pieces, n_pieces_done, n_done; /* what the worker processes did with it */
};

struct archive_setup {
    uint64_t seed;
    int64_t n_films;
    int n_workers;
    double error;      /* sigma of the logarithm of work / cost */
    double slow_share; /* of the worker processes: half as fast */
    bool in_turn;      /* films are dealt in turn beforehand, film i to worker process i mod n: no schedule at all */
    bool uncut;
    double most_seconds, least_seconds; /* of pieces */
    double task_seconds, probe_seconds; /* added to every task; a probe's own */
    double index_share;                 /* of a film's work: its index */
};

struct archive_result {
    double makespan,
        ideal; /* ideal: the films' work over all worker processes' speeds; no task costs anything in itself */
    double
        tail_idle; /* share of idle time, from when the first worker process ran dry, of all worker processes' time */
    double schedule_seconds;
    int64_t n_tasks, n_cut;
    bool once; /* every film and piece was done exactly once, and the schedule knows it */
};

enum archive_draw { DRAW_KIND, DRAW_LENGTH, DRAW_FORMAT, DRAW_ERROR, DRAW_WORKER };

/* In (0, 1). */
static inline double archive_draw(uint64_t seed, int64_t i, enum archive_draw what, uint32_t which)
{
    const struct rng_block b = rng_philox(seed, (uint32_t)i, (uint32_t)(i >> 32), (uint32_t)what, which);

    return ((double)b.word[0] + 0.5) / 4294967296.0;
}

static inline struct archive_film archive_film(uint64_t seed, int64_t i, double error)
{
    /* Shorts, episodes, feature films, and a few that last all day. */
    static const struct {
        double share, least, most; /* minutes */
    } kind[] = {{0.25, 1.0, 15.0}, {0.35, 20.0, 60.0}, {0.38, 80.0, 180.0}, {1.0, 240.0, 480.0}};
    static const struct {
        double share, pixels, fps, pixel_seconds, bits;
    } format[] = {
        {0.25, 720 * 576, 25.0, 0.6e-9, 5e6},   /* MPEG-2 from DVDs */
        {0.20, 1280 * 720, 25.0, 1.1e-9, 3e6},  /* H.264 */
        {0.40, 1920 * 1080, 24.0, 1.1e-9, 6e6}, /* H.264 */
        {0.10, 3840 * 2160, 24.0, 1.4e-9, 2e7}, /* HEVC */
        {1.0, 1920 * 1080, 24.0, 2.5e-9, 2e8}   /* ProRes */
    };
    double x = archive_draw(seed, i, DRAW_KIND, 0);
    size_t k = 0, f = 0;

    for (; x > kind[k].share; k++)
        x -= kind[k].share;
    x = archive_draw(seed, i, DRAW_FORMAT, 0);
    for (; x > format[f].share; f++)
        x -= format[f].share;

    const double seconds =
        60.0 * (kind[k].least + (kind[k].most - kind[k].least) * archive_draw(seed, i, DRAW_LENGTH, 0));
    const double cost = 0.03 + seconds * format[f].fps * format[f].pixels * format[f].pixel_seconds;
    const double normal = sqrt(-2.0 * log(archive_draw(seed, i, DRAW_ERROR, 0))) *
                          cos(2.0 * 3.14159265358979 * archive_draw(seed, i, DRAW_ERROR, 1));
    return (struct archive_film){.seconds = seconds,
                                 .cost = cost,
                                 .work = cost * exp(error * normal),
                                 .bytes = (int64_t)(seconds * format[f].bits / 8.0)};
}

struct archive_worker {
    double speed, until; /* HUGE_VAL: idle */
    struct task task;
};

struct archive_run {
    const struct archive_setup *setup;
    struct archive_film *film;     /* [n_films] */
    struct archive_worker *worker; /* [n_lanes] */
    struct schedule *schedule;
    struct archive_result result;
};

static inline double archive_seconds(const struct archive_run *run, const struct task *task, double speed)
{
    const double work = run->film[task->film].work;
    const double own[N_TASK_KINDS] = {[TASK_PROBE] = run->setup->probe_seconds,
                                      [TASK_FILM] = work / speed,
                                      [TASK_INDEX] = work * run->setup->index_share / speed,
                                      [TASK_PIECE] = work * (1.0 - run->setup->index_share) / task->n_pieces / speed};

    return run->setup->task_seconds + own[task->kind];
}

static inline void archive_book(struct archive_run *run, const struct task *task)
{
    struct archive_film *f = &run->film[task->film];

    run->result.n_tasks++;
    if (task->kind == TASK_INDEX) {
        run->result.once &= f->n_pieces == 0;
        f->n_pieces = task->n_pieces;
        run->result.n_cut++;
    }
    f->n_pieces_done += task->kind == TASK_PIECE;
    if (task->kind == TASK_JOIN)
        run->result.once &= f->n_pieces == task->n_pieces && f->n_pieces_done == f->n_pieces;
    f->n_done += task->kind == TASK_FILM || task->kind == TASK_JOIN;
}

static inline void archive_end_task(struct archive_run *run, struct archive_worker *worker)
{
    const double started = clock_seconds();

    worker->until = HUGE_VAL;
    archive_book(run, &worker->task);
    schedule_end(run->schedule, &worker->task, TASK_DONE);
    if (worker->task.kind == TASK_PROBE)
        schedule_add_film(run->schedule, worker->task.film, run->film[worker->task.film].cost, 0);
    run->result.schedule_seconds += clock_seconds() - started;
}

/* Work for all that are idle; false where some stay so. */
static inline bool archive_deal(struct archive_run *run, double now)
{
    for (int i = 0; i < run->setup->n_workers; i++) {
        struct archive_worker *worker = &run->worker[i];
        if (worker->until < HUGE_VAL)
            continue;
        const double started = clock_seconds();
        const bool is_some = schedule_next(run->schedule, HUGE_VAL, &worker->task);
        run->result.schedule_seconds += clock_seconds() - started;
        if (!is_some)
            return false;
        worker->until = now + archive_seconds(run, &worker->task, worker->speed);
    }
    return true;
}

static inline void archive_work_as_scheduled(struct archive_run *run)
{
    const int n = run->setup->n_workers;
    double now = 0.0, idle = 0.0;

    for (int64_t i = 0; i < run->setup->n_films; i++)
        schedule_add_probe(run->schedule, i, run->film[i].bytes);
    for (;;) {
        struct archive_worker *next = &run->worker[0];
        int n_idle = 0;

        archive_deal(run, now);
        for (int i = 0; i < n; i++) {
            n_idle += run->worker[i].until == HUGE_VAL;
            if (run->worker[i].until < next->until)
                next = &run->worker[i];
        }
        if (n_idle == n)
            break;
        idle += n_idle * (next->until - now);
        now = next->until;
        archive_end_task(run, next);
    }
    run->result.makespan = now;
    run->result.tail_idle = idle / (n * now);
    run->result.once &= schedule_cost_left(run->schedule) + schedule_cost_in_flight(run->schedule) == 0.0;
    for (int64_t i = 0; i < run->setup->n_films; i++)
        run->result.once &= run->film[i].n_done == 1;
}

static inline void archive_work_in_turn(struct archive_run *run)
{
    const int n = run->setup->n_workers;
    double first = HUGE_VAL, idle = 0.0;

    for (int i = 0; i < n; i++)
        run->worker[i].until = 0.0;
    for (int64_t i = 0; i < run->setup->n_films; i++) {
        struct archive_worker *worker = &run->worker[i % n];
        const struct task task = {.kind = TASK_FILM, .film = i, .n_pieces = 1};

        worker->until += archive_seconds(run, &task, worker->speed);
        run->result.n_tasks++;
    }
    for (int i = 0; i < n; i++) {
        run->result.makespan = fmax(run->result.makespan, run->worker[i].until);
        first = fmin(first, run->worker[i].until);
    }
    for (int i = 0; i < n; i++)
        idle += run->result.makespan - run->worker[i].until;
    run->result.tail_idle = idle / (n * run->result.makespan);
}

static inline enum status archive_work(const struct archive_setup *setup, struct archive_result *result)
{
    struct archive_run run = {.setup = setup,
                              .film = mem_array((size_t)setup->n_films, sizeof *run.film),
                              .worker = mem_array((size_t)setup->n_workers, sizeof *run.worker),
                              .result.once = true};
    double speed = 0.0, work = 0.0;
    enum status st = run.film && run.worker ? ST_OK : ST_NOMEM;

    *result = (struct archive_result){0};
    if (st != ST_OK)
        goto done;
    for (int i = 0; i < setup->n_workers; i++) {
        const bool is_slow = archive_draw(setup->seed, i, DRAW_WORKER, 0) < setup->slow_share;
        run.worker[i] = (struct archive_worker){.speed = is_slow ? 0.5 : 1.0, .until = HUGE_VAL};
        speed += run.worker[i].speed;
    }
    for (int64_t i = 0; i < setup->n_films; i++) {
        run.film[i] = archive_film(setup->seed, i, setup->error);
        work += run.film[i].work;
    }
    run.result.ideal = work / speed;

    const struct schedule_setup schedule = {.n_films = setup->n_films,
                                            .n_workers = setup->n_workers,
                                            .worker_speed = speed / setup->n_workers,
                                            .most_seconds = setup->uncut ? 1e300 : setup->most_seconds,
                                            .least_seconds = setup->uncut ? 1e300 : setup->least_seconds};
    TRY_OR(done, st, schedule_open(&schedule, &run.schedule));
    if (setup->in_turn)
        archive_work_in_turn(&run);
    else
        archive_work_as_scheduled(&run);
    *result = run.result;
done:
    schedule_close(&run.schedule);
    free(run.worker);
    free(run.film);
    return st;
}

#endif
