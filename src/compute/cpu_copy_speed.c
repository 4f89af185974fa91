/* cpu_copy_speed: how fast the host's memory copies: every thread a stretch of its own, larger than the caches. */
#include "compute/cpu.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"

#include <stdlib.h>
#include <string.h>

enum { RUNS = 5 };

static const size_t most_stretch_bytes = (size_t)64 << 20, most_bytes = (size_t)512 << 20;

struct copy {
    size_t stretch_bytes;
    char *from, *to; /* [n_threads, stretch_bytes] */
};

static void copy_stretch(void *context, int64_t item, int thread)
{
    const struct copy *copy = context;

    (void)thread;
    memcpy(copy->to + (size_t)item * copy->stretch_bytes, copy->from + (size_t)item * copy->stretch_bytes,
           copy->stretch_bytes);
}

enum status cpu_copy_speed(int device, int threads, double *bytes_a_second)
{
    const size_t n = (size_t)threads, fair = most_bytes / n;
    const size_t stretch_bytes = fair < most_stretch_bytes ? fair : most_stretch_bytes, bytes = n * stretch_bytes;
    struct copy copy = {stretch_bytes, mem_array(bytes, 1), mem_array(bytes, 1)};
    struct pool *pool = NULL;
    enum status st = copy.from && copy.to ? pool_open(threads, &pool) : ST_NOMEM;

    (void)device;
    *bytes_a_second = 0.0;
    if (st != ST_OK)
        goto done;
    memset(copy.from, 1, bytes); /* else all of it is one page of zeros */
    for (int i = 0; i <= RUNS; i++) {
        const double started = clock_seconds();

        pool_run(pool, threads, copy_stretch, &copy);
        const double speed = 2.0 * (double)bytes / (clock_seconds() - started);
        if (i > 0 && speed > *bytes_a_second) /* the first finds the target's pages */
            *bytes_a_second = speed;
    }
done:
    pool_close(&pool);
    free(copy.to);
    free(copy.from);
    return st;
}
