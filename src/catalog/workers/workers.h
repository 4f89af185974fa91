/* worker processes: the processes in which a rank's films are decoded and clustered, each with one request at a time. A
 * process that crashes, hangs or takes too much memory is ended and replaced; what it worked on comes back as a fault.
 * The rank itself touches neither films nor GPUs. Local; one thread. */
#ifndef JACQUARD_CATALOG_WORKERS_WORKERS_H
#define JACQUARD_CATALOG_WORKERS_WORKERS_H

#include "catalog/config.h"
#include "catalog/protocol/task_request.h"
#include "catalog/protocol/wire.h"
#include "catalog/workers/roots.h"
#include "mpi/comm.h"

struct workers_setup {
    const struct comm *comm;
    const struct catalog_config *config;
    const char *settings_id;
    const struct roots *roots; /* folders that hold films; must outlive the worker processes */
    bool only_reads;           /* requests that check, none that make: the processes may write nowhere */
};

struct workers;

/* Bytes that the decoding of a film may take where nobody says: 8 GiB, or three quarters of what the host has. */
double workers_default_memory(void);

/* Starts the processes; config->workers of them, or by the rank's threads and backend. *ready: what they run
 * on. The status of a process that cannot start (no such GPU, say). */
enum status workers_open(const struct workers_setup *setup, struct workers **l, struct wire_ready *ready);
/* Whatever still works is killed. */
void workers_close(struct workers **l);

int workers_count(const struct workers *l);
bool workers_is_free(const struct workers *l, int worker); /* alive and without a request */
bool workers_is_lost(const struct workers *l, int worker); /* its process could not be started again */

void workers_give(struct workers *l, int worker, const struct task_request *request); /* to a free worker process */

/* Sleeps until something is heard of a worker process, at most so long; ends processes whose time or memory is over. */
void workers_wait(struct workers *l, double seconds);

/* The next outcome; false where there is none. */
bool workers_take(struct workers *l, int *worker, struct outcome *outcome);

/* How far a worker process's request is, 0 to 1. */
double workers_progress(const struct workers *l, int worker);

/* All worker processes: finish what is begun and keep it; end at once, keep nothing. Every request still has its
 * outcome. */
void workers_drain(struct workers *l);
void workers_stop(struct workers *l);

#endif
