/* pool: a fixed set of threads that share out the items of a loop. The caller works too, so a pool of one has no thread
 * of its own. */
#ifndef JACQUARD_BASE_POOL_H
#define JACQUARD_BASE_POOL_H

#include "base/status.h"

#include <stdint.h>

struct pool;

/* n_threads >= 1 in all. ST_NOMEM where threads cannot be started. *pool is heap, ends with pool_close. */
enum status pool_open(int n_threads, struct pool **pool);
void pool_close(struct pool **pool); /* a NULL pool is closed already */

int pool_n_threads(const struct pool *pool);

/* Calls run(context, item, thread) for every item of [0, n_items), each once, in any order, on any thread (thread is
 * below n_threads: for scratch of its own), and returns when all are done. Not to be called from within run. */
void pool_run(struct pool *pool, int64_t n_items, void (*run)(void *context, int64_t item, int thread), void *context);

#endif
