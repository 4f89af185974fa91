/* lanes: the processes in which a rank's films are decoded and clustered, each with one order at a time. A process that
 * crashes, hangs or takes too much memory is ended and replaced; what it worked on comes back as a fault. The rank
 * itself touches neither films nor GPUs. Local; one thread. */
#ifndef JACQUARD_CATALOG_WORK_LANES_H
#define JACQUARD_CATALOG_WORK_LANES_H

#include "catalog/config.h"
#include "catalog/work/order.h"
#include "catalog/work/wire.h"
#include "mpi/comm.h"

enum { LANES_MAX = 256 };

struct lanes_setup {
    const struct comm *comm;
    const struct catalog_config *config;
    const char *settings_id;
    const char *const *root; /* [n_roots] folders that hold films; must outlive the lanes */
    int n_roots;
    bool only_reads; /* orders that check, none that make: the processes may write nowhere */
};

struct lanes;

/* Bytes that the decoding of a film may take where nobody says: 8 GiB, or three quarters of what the host has. */
double lanes_default_memory(void);

/* Starts the processes; config->lanes of them, or by the rank's threads and backend. *ready: what they run on. The
 * status of a process that cannot start (no such GPU, say). */
enum status lanes_open(const struct lanes_setup *setup, struct lanes **l, struct wire_ready *ready);
/* Whatever still works is killed. */
void lanes_close(struct lanes **l);

int lanes_count(const struct lanes *l);
bool lanes_is_free(const struct lanes *l, int lane); /* alive and without an order */
bool lanes_is_lost(const struct lanes *l, int lane); /* its process could not be started again */

void lanes_give(struct lanes *l, int lane, const struct work_order *order); /* to a free lane */

/* Sleeps until something is heard of a lane, at most so long; ends processes whose time or memory is over. */
void lanes_wait(struct lanes *l, double seconds);

/* The next outcome; false where there is none. */
bool lanes_take(struct lanes *l, int *lane, struct outcome *outcome);

/* How far a lane's order is, 0 to 1. */
double lanes_progress(const struct lanes *l, int lane);

/* All lanes: finish what is begun and keep it; end at once, keep nothing. Every order still has its outcome. */
void lanes_drain(struct lanes *l);
void lanes_stop(struct lanes *l);

#endif
