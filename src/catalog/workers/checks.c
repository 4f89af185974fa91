#include "catalog/workers/checks.h"

#include "base/mem.h"
#include "catalog/workers/workers.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_TRIES = 2, PARTS = 1000 /* of a film, for the progress bar */ };

static const double wait_seconds = 0.1;

struct checks {
    const struct checks_setup *setup;
    const struct checks_film *film;
    int64_t n, n_ended;
    struct roots roots;
    int64_t *queue; /* [n_queued] films to be given, those again last */
    uint8_t *tries; /* [n] */
    int64_t n_given, n_queued;
    struct workers *workers;
};

/* --- folders ------------------------------------------------------------------------------------------------------ */

static enum status find_roots(struct checks *c)
{
    char path[OUT_PATH_BYTES];

    for (int64_t i = 0; i < c->n; i++) {
        out_path(c->setup->out, c->film[i].name, SIDECAR_SUFFIX, path);
        TRY(roots_add_file(&c->roots, path));
        TRY(roots_add_file(&c->roots, c->film[i].path));
    }
    return ST_OK;
}

/* --- films -------------------------------------------------------------------------------------------------------- */

static void give_requests(struct checks *c)
{
    for (int i = 0; i < workers_count(c->workers) && c->n_given < c->n_queued; i++) {
        if (!workers_is_free(c->workers, i))
            continue;
        const int64_t film = c->queue[c->n_given++];
        struct task_request request = {.task = {.kind = TASK_FILM, .film = film, .n_pieces = 1},
                                       .n_samples = c->setup->n_samples};
        snprintf(request.path, sizeof request.path, "%s", c->film[film].path);
        snprintf(request.name, sizeof request.name, "%s", c->film[film].name);
        c->tries[film]++;
        workers_give(c->workers, i, &request);
    }
}

static void take_outcomes(struct checks *c)
{
    struct outcome o;
    int worker;

    while (workers_take(c->workers, &worker, &o)) {
        const int64_t film = o.task.film;
        const bool is_same = o.end == OUTCOME_DONE;
        const bool may_be_luck = o.end != OUTCOME_FAULT || (o.again && o.fault != FAULT_TIMEOUT);
        if (!is_same && may_be_luck && c->tries[film] < MOST_TRIES) {
            c->queue[c->n_queued++] = film;
            continue;
        }
        c->n_ended++;
        c->setup->tell(c->setup->context, film, o.n_same,
                       is_same        ? NULL
                       : o.message[0] ? o.message
                                      : "its decoding was not done");
    }
}

static void show(const struct checks *c)
{
    double done = (double)c->n_ended;

    for (int i = 0; i < workers_count(c->workers); i++)
        if (!workers_is_lost(c->workers, i) && !workers_is_free(c->workers, i))
            done += workers_progress(c->workers, i);
    progress_show(c->setup->progress, (int64_t)(done * PARTS), c->n * PARTS, "");
}

static bool is_any_left(const struct workers *l)
{
    for (int i = 0; i < workers_count(l); i++)
        if (!workers_is_lost(l, i))
            return true;
    return false;
}

static enum status check_all(struct checks *c)
{
    while (c->n_ended < c->n) {
        give_requests(c);
        workers_wait(c->workers, wait_seconds);
        take_outcomes(c);
        show(c);
        if (atomic_load(c->setup->stop))
            return FAIL(ST_INTERRUPTED, "interrupted with %lld of %lld films decoded again", (long long)c->n_ended,
                        (long long)c->n);
        if (c->n_ended < c->n && !is_any_left(c->workers))
            return FAIL(ST_NOMEM, "no more processes can be started to decode films");
    }
    return ST_OK;
}

static enum status run_workers(struct checks *c)
{
    const struct comm alone = {.size = 1, .node_size = 1};
    const struct checks_setup *s = c->setup;
    const int64_t most = s->n_workers < WORKERS_MAX ? s->n_workers : WORKERS_MAX;
    const struct catalog_config config = {.barcode = {.backend = "cpu", .threads = 1},
                                          .out = s->out,
                                          .film_timeout = s->film_timeout,
                                          .film_memory = s->film_memory,
                                          .workers = (int)(c->n < most ? c->n : most)};
    const struct workers_setup workers = {
        .comm = &alone, .config = &config, .settings_id = "", .roots = &c->roots, .only_reads = true};
    struct wire_ready ready;

    TRY(workers_open(&workers, &c->workers, &ready));
    return check_all(c);
}

enum status checks_run(const struct checks_setup *setup, const struct checks_film *film, int64_t n)
{
    struct checks c = {.setup = setup, .film = film, .n = n, .n_queued = n};
    enum status st = ST_NOMEM;

    c.queue = mem_array(MOST_TRIES * (size_t)n, sizeof *c.queue);
    c.tries = mem_array((size_t)n, 1);
    for (int64_t i = 0; c.queue && i < n; i++)
        c.queue[i] = i;
    if (c.queue && c.tries && n > 0)
        st = find_roots(&c);
    if (st == ST_OK)
        st = run_workers(&c);
    workers_close(&c.workers);
    roots_release(&c.roots);
    free(c.queue);
    free(c.tries);
    return n > 0 ? st : ST_OK;
}
