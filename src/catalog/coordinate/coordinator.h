/* coordinator: deals a catalogue's work to the worker processes of all ranks, and keeps the books. On rank 0. */
#ifndef JACQUARD_CATALOG_COORDINATE_COORDINATOR_H
#define JACQUARD_CATALOG_COORDINATE_COORDINATOR_H

#include "catalog/protocol/message.h"
#include "catalog/coordinate/resume.h"
#include "mpi/comm.h"

struct coordinator_setup {
    struct comm *comm;
    const struct catalog_config *config;
    const char *settings_id;
    const struct listing *listing;
    const struct resume_film *resume; /* [listing->n] */
    struct journal *journal;          /* NULL: nothing is written (a dry run: films are only probed) */
};

struct coordinator_totals {
    int64_t n_films, n_done, n_done_before, n_failed; /* n_failed: before this run too */
    int64_t columns, frames;                          /* of the films done by this run */
    double film_seconds;
    double seconds, busy_seconds; /* of the run from the first request on; of its worker processes, summed */
    double index_seconds, extract_seconds, write_seconds; /* of the worker processes', summed */
    double tail_idle_seconds; /* of its worker processes, summed: without a request because there was none left */
    int n_workers;
    bool is_out_of_time, is_interrupted;
};

struct coordinator;

enum status coordinator_open(const struct coordinator_setup *setup, struct coordinator **d);
void coordinator_close(struct coordinator **d);

/* A message for the coordinator, from a rank. A fault ends the run. */
enum status coordinator_on_message(struct coordinator *d, int from, const struct message *m);

/* Deals what can be dealt, watches the time, shows progress. A fault ends the run. */
enum status coordinator_step(struct coordinator *d);

/* Nothing in the hands of a worker process, and nothing that will be dealt. */
bool coordinator_is_over(const struct coordinator *d);

/* The work has to end because of a fault: worker processes are stopped; coordinator_is_over tells when. */
void coordinator_give_up(struct coordinator *d);

void coordinator_totals(const struct coordinator *d, struct coordinator_totals *totals);

/* Estimated core seconds of a film; negative: not known. */
double coordinator_cost(const struct coordinator *d, int64_t film);

bool coordinator_has_failed(const struct coordinator *d, int64_t film);

#endif
