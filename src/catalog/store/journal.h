/* journal: what happened to the films, in OUT/journal/: one append-only file of JSON lines per run, written by its rank
 * 0 alone (no locks: network file systems may have none). Nothing in it is needed to trust a finished film: the film's
 * side-car, written last, is the mark that it is done. It keeps what the outputs cannot tell: what the film was like
 * when it was read, failures, faults, what is in flight, and how far a run is. A line that was torn by a crash is
 * passed over. history.h reads it. Local. */
#ifndef JACQUARD_CATALOG_STORE_JOURNAL_H
#define JACQUARD_CATALOG_STORE_JOURNAL_H

#include "base/status.h"
#include "catalog/store/history.h"
#include "catalog/store/result.h"

#include <stdbool.h>
#include <stdint.h>

struct journal;

struct journal_run {           /* who writes */
    const char *version;       /* of the program */
    const char *settings_text; /* one JSON object */
    const char *settings_id;
    const char *command; /* the command line, for people */
    int n_ranks, n_workers;
    int64_t n_films;
    const char *launch; /* Slurm's job and step or ""; for people */
    double not_before;  /* seconds since the epoch: the last line that is there; clocks of hosts differ */
};

/* Makes OUT/journal if need be and OUT/journal/<UTC time>-<host>-<pid>.ndjson, with a "run" line. ST_IO. */
enum status journal_open(const char *out, const struct journal_run *run, struct journal **j);
void journal_close(struct journal **j);

/* Each writes a whole line with one write(2) and the time in it, which never goes back in one journal. A failed write
 * is ST_IO: the run has to end (75), it is no film's fault. "run", "done", "failed", "beat" and "end" are synced to the
 * disk (fdatasync): on a network file system that is when other hosts see them. name: as the outputs are called. Texts
 * may be any bytes; names and paths are kept as they are, in others what is no UTF-8 becomes U+FFFD. Numbers that are
 * none (NaN) become 0, costs and ETA unknown. */
enum status journal_film(struct journal *j, const char *name, const char *path, int64_t bytes, int64_t mtime_ns);
enum status journal_cost(struct journal *j, const char *name, int64_t bytes, int64_t mtime_ns, double cost,
                         int n_pieces); /* estimated core seconds; n_pieces once decided, else 0. Ends a probe */
struct journal_try {                    /* a task in the hands of a worker process */
    const char *kind;                   /* "probe", "film", "index", "piece", "join" */
    int piece, n_pieces, rank, worker;
    const char *host;
};
enum status journal_start(struct journal *j, const char *name, const struct journal_try *t);
enum status journal_step(struct journal *j, const char *name, const struct journal_try *t,
                         double seconds); /* ended well */
/* A try that ended badly and will be repeated. counts: a later run shall count it against the film too. */
enum status journal_fault(struct journal *j, const char *name, const struct journal_try *t, enum fault_kind kind,
                          bool counts, const char *message);
enum status journal_done(struct journal *j, const char *name, const char *path, const struct film_result *result);
/* quarantined: a poison film, it brought down `attempts` decoders. bytes, mtime_ns: of what failed. */
struct journal_failure {
    enum fault_kind kind;
    bool quarantined;
    int attempts;
    const char *message;
    int64_t bytes, mtime_ns;
    double seconds;
};
enum status journal_failed(struct journal *j, const char *name, const char *path, const struct journal_failure *f);
enum status journal_heartbeat(struct journal *j, const struct journal_heartbeat *heartbeat);
enum status journal_end(struct journal *j, int exit_code);

#endif
