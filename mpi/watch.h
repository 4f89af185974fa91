/* watch: notices a rank that gives no sign of life; private to mpi/ and its tests. One a process, for the world.
 *
 * Every rank has a thread that tells rank 0 twice a second that it lives, and rank 0's tells all others. A rank whose
 * heartbeat is missing for the timeout ends the job: it was stopped, or its host or network is gone. Besides, each rank
 * looks at itself: one that for that long neither waits for another rank nor computes, reads or writes is stuck in a
 * call (to a disk that does not answer, for example) and ends the job; and rank 0 ends a job whose ranks all wait for
 * each other for that long. So what has a deadline is progress, not time: whoever computes or reads, however slowly,
 * may take as long as it needs. A process that was held up as a whole (Ctrl-Z, a suspended machine) leaves that time
 * out of everybody's when it goes on.
 *
 * The heartbeats go through MPI, by a communicator of their own: so they need no port, no address and no rule of a
 * firewall, and fail only where the job's own messages would. MPI is called by one thread at a time, by a lock around
 * each call (MPI_THREAD_SERIALIZED); the main thread's waits are short calls with naps between, so the lock is free
 * when the watch wants it.
 *
 * When all ranks have ended, the launcher may still wait for a host that is gone: Open MPI's mpirun until it finds
 * its daemon's connection dead (its parameters oob_tcp_keepalive_*, 8 minutes as they come). */
#ifndef JACQUARD_MPI_WATCH_H
#define JACQUARD_MPI_WATCH_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { HOST_BYTES = 64 }; /* of a host's name; what is longer is cut */

/* The name of this host. */
void watch_host(char host[HOST_BYTES]);

/* Local. Starts the watch of rank `rank` of `size`, at least 2, on hosts host[size] (copied). ST_NOMEM. */
enum status watch_open(int rank, int size, const char (*host)[HOST_BYTES]);
/* No MPI call from now on, but where the end is not reached within the timeout the process ends. */
void watch_last(void);
void watch_close(void); /* harmless where none was opened */
bool watch_is_open(void);

/* Around what waits for other ranks. Both are a few nanoseconds. */
void watch_wait_begin(void);
void watch_wait_end(void);

/* Around every MPI call. */
void watch_lock(void);
void watch_unlock(void);
bool watch_lock_within(double seconds); /* false: it was not free for that long */

/* ---- what comm_mpi.c and comm_mpi_heartbeat.c do for it ---- */

/* Any thread. Ends all ranks at once, within seconds whatever MPI is in. */
void comm_mpi_abort(int exit_code) __attribute__((noreturn));

struct heartbeat {
    int32_t is_last;    /* nothing comes after it */
    int32_t is_waiting; /* for other ranks, now */
    int64_t n_waits;    /* that are over */
};

typedef void heartbeats_received(void *context, int rank, const struct heartbeat *heartbeat);

/* Local. ST_NOMEM. */
enum status heartbeats_reserve(int rank, int size);
/* Collective over MPI_COMM_WORLD, blocking: for when all ranks are there. */
enum status heartbeats_open(void);
/* Under the lock. Tells mine to those who listen to this rank, where they have taken the one before, and hands on what
 * has come in. Never waits. */
void heartbeats_exchange(const struct heartbeat *mine, heartbeats_received *on_heartbeat, void *context);
/* Collective, when the watch calls MPI no more: every heartbeat that was sent is received. */
enum status heartbeats_close(void);

#endif
