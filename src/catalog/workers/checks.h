/* checks: films that are done, decoded once more in worker processes and compared with their side-cars. Local; one
 * thread. */
#ifndef JACQUARD_CATALOG_WORKERS_CHECKS_H
#define JACQUARD_CATALOG_WORKERS_CHECKS_H

#include "base/progress.h"
#include "base/status.h"

#include <stdatomic.h>
#include <stdint.h>

struct checks_film {
    const char *name; /* its side-car is OUT/NAME.json */
    const char *path;
};

struct checks_setup {
    const char *out;
    int n_samples;       /* columns of each film, at most; > 0 */
    int n_workers;       /* films side by side; >= 1 */
    double film_timeout; /* seconds that a film may take; 0 = as long as it moves on */
    double film_memory;  /* bytes that its decoding may take */
    struct progress *progress;
    const atomic_int *stop;
    /* Told once of each film, in any order: message NULL: n_same columns are what a plain decode gives; else what is
     * off. */
    void (*tell)(void *context, int64_t film, int64_t n_same, const char *message);
    void *context;
};

/* Checks film[n] (recheck.h, recheck_columns), each in a process that may read the folders that hold the films and
 * their side-cars, and nothing else. A film that brings it down, hangs or eats the memory is off, with the reason; if
 * that may have been bad luck, after another try. Other faults: of the processes (ST_NOMEM, ST_UNSUPPORTED), and
 * ST_INTERRUPTED. */
enum status checks_run(const struct checks_setup *setup, const struct checks_film *film, int64_t n);

#endif
