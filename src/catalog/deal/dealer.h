/* dealer: deals a catalogue's work to the lanes of all ranks, and keeps the books. On rank 0. */
#ifndef JACQUARD_CATALOG_DEAL_DEALER_H
#define JACQUARD_CATALOG_DEAL_DEALER_H

#include "catalog/deal/message.h"
#include "catalog/deal/resume.h"
#include "mpi/comm.h"

struct dealer_setup {
    struct comm *comm;
    const struct catalog_config *config;
    const char *settings_id;
    const struct listing *listing;
    const struct resume_film *resume; /* [listing->n] */
    struct journal *journal;          /* NULL: nothing is written (a dry run: films are only probed) */
};

struct dealer_totals {
    int64_t n_films, n_done, n_done_before, n_failed, n_failed_before;
    int64_t columns, frames; /* of the films done by this run */
    double film_seconds;
    double seconds, busy_seconds;                       /* of the run from the first order on; of its lanes, summed */
    double index_seconds, weave_seconds, write_seconds; /* of the lanes', summed */
    double tail_idle_seconds; /* of its lanes, summed: without an order because there was none left */
    int n_lanes;
    bool is_out_of_time, is_interrupted;
};

struct dealer;

enum status dealer_open(const struct dealer_setup *setup, struct dealer **d);
void dealer_close(struct dealer **d);

/* A message for the dealer, from a rank. A fault ends the run. */
enum status dealer_hear(struct dealer *d, int from, const struct message *m);

/* Deals what can be dealt, minds the time, shows progress. A fault ends the run. */
enum status dealer_step(struct dealer *d);

/* Nothing in the hands of a lane, and nothing that will be dealt. */
bool dealer_is_over(const struct dealer *d);

/* The work has to end because of a fault: lanes are stopped; dealer_is_over tells when. */
void dealer_give_up(struct dealer *d);

void dealer_totals(const struct dealer *d, struct dealer_totals *totals);

/* Estimated core seconds of a film; negative: not known. */
double dealer_cost(const struct dealer *d, int64_t film);

bool dealer_has_failed(const struct dealer *d, int64_t film);

#endif
