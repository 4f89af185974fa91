/* agent: a rank's side of a catalogue: takes requests from the coordinator to its worker processes and outcomes back.
 */
#ifndef JACQUARD_CATALOG_COORDINATE_AGENT_H
#define JACQUARD_CATALOG_COORDINATE_AGENT_H

#include "catalog/protocol/message.h"

#include <stdatomic.h>

struct agent {
    struct comm *comm;
    struct workers *workers;
    const atomic_int *n_signals; /* counted by the signal handler */
    int n_signals_told;
    double told;     /* when progress was told last */
    bool *lost_told; /* [WORKERS_MAX] */
    bool is_over;
    struct message_end end; /* once it is over */
};

/* Takes over the worker processes and greets the coordinator. Local. */
enum status agent_open(struct agent *h, struct comm *comm, struct workers **workers, const struct wire_ready *ready,
                       const atomic_int *n_signals);
void agent_close(struct agent *h);

/* Tells the coordinator what is new, sleeping up to `seconds` for something new of a worker process. */
enum status agent_step(struct agent *h, double seconds);

/* A message for an agent. */
enum status agent_on_message(struct agent *h, const struct message *m);

#endif
