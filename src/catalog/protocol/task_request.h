/* task_request: what is asked of a worker process, and what it answers. Plain data without pointers: it travels between
 * processes and hosts of one machine type as it is. */
#ifndef JACQUARD_CATALOG_PROTOCOL_TASK_REQUEST_H
#define JACQUARD_CATALOG_PROTOCOL_TASK_REQUEST_H

#include "barcode/settings.h"
#include "catalog/protocol/task.h"
#include "catalog/out_path.h"
#include "catalog/store/history.h"

#include <limits.h>

enum { WORKERS_MAX = 256 }; /* of a rank */

struct task_request {
    struct task task;
    int threads;   /* processor threads it may use */
    int n_workers; /* of its rank */
    int n_samples; /* > 0: the film is done already; so many of its columns are checked (recheck.h), nothing is made */
    char path[PATH_MAX];
    char name[NAMES_MAX_BYTES + 1]; /* of the outputs */
};

enum outcome_end {
    OUTCOME_DONE,
    OUTCOME_DRAINED, /* told to end early; what was done is kept */
    OUTCOME_UNSPLIT, /* the film cannot be cut, or its pieces do not fit */
    OUTCOME_FAULT,   /* fault and message say what */
    OUTCOME_STOPPED  /* told to end at once; nothing is kept */
};

struct outcome {
    struct task task;
    enum outcome_end end;
    enum fault_kind fault;
    uint8_t again;           /* the fault may not be the film's: another try is worth it */
    uint8_t is_output_fault; /* results cannot be written: no film's fault, and no sense in going on */
    char message[STATUS_MESSAGE_BYTES];
    double seconds;
    double cost;               /* PROBE: core seconds */
    struct film_result result; /* FILM and JOIN, when done */
    int64_t n_same;            /* columns that were checked and are right */
};

/* What a worker process is given once, when it starts. */
struct worker_setup {
    struct barcode_settings settings;
    bool allow_partial, stores;
    int threads; /* of the rank; 0: the cores of this host shared among its ranks */
    char backend[8];
    char out[PATH_MAX];
    char settings_id[65];
    int rank, node_rank, node_size;
    int parent; /* process id */
    double film_memory;
    uint8_t only_reads; /* not even the folder of results may be written */
    int n_roots;        /* folders of films, which follow */
};

#endif
