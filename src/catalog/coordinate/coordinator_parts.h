/* coordinator_parts: what coordinator.c and coordinator_books.c share. */
#ifndef JACQUARD_CATALOG_COORDINATE_COORDINATOR_PARTS_H
#define JACQUARD_CATALOG_COORDINATE_COORDINATOR_PARTS_H

#include "catalog/coordinate/coordinator.h"
#include "catalog/coordinate/display.h"
#include "catalog/schedule/schedule.h"
#include "catalog/store/journal.h"

struct deal_film {
    enum { FILM_WAITS, FILM_IS_DONE, FILM_HAS_FAILED } state;
    int n_tries;  /* that were started, in this run */
    int n_faults; /* of this run and, where they count, of earlier ones */
    int n_pieces;
    double cost;                                                   /* estimate; < 0: none */
    double seconds, index_seconds, extract_seconds, write_seconds; /* of worker processes so far */
};

struct worker_state {
    int rank, number;              /* of the rank's worker processes */
    bool is_lost, is_busy, is_dry; /* dry: asked for work and there was none */
    struct task task;
    double since, progress;
};

struct coordinator {
    struct coordinator_setup setup;
    struct schedule *schedule;
    struct deal_film *film;      /* [listing->n] */
    struct worker_state *worker; /* [n_workers] */
    size_t worker_room;
    int n_workers, n_hellos, n_busy;
    struct message_hello *hello; /* [ranks] */
    struct coordinator_totals totals;
    struct display display;
    double started, first_request, last_heartbeat, cost_done;
    double rate_cost, rate_seconds; /* of tasks that ended well: estimate, and speed x time they took */
    int64_t n_probes;               /* not answered yet */
    int64_t n_films_dealt;          /* tasks but probes */
    int n_signals;
    bool is_draining, is_stopped;
    double drain_until;
};

/* What the journal says of the worker process's task: START, STEP or FAULT. */
struct event coordinator_describe_task(const struct coordinator *d, const struct worker_state *worker,
                                       enum event_kind kind);

/* The end of the task that the worker process had. A fault ends the run. */
enum status coordinator_book(struct coordinator *d, const struct worker_state *worker, const struct outcome *o);

#endif
