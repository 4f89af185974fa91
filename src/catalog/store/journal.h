/* journal: what happened to the films, in OUT/journal/: one append-only file of JSON lines per run, written by its rank
 * 0 alone (no locks: network file systems may have none). Nothing in it is needed to trust a finished film: the film's
 * side-car, written last, is the mark that it is done. It keeps what the outputs cannot tell: what the film was like
 * when it was read, failures, faults, what is in flight, and how far a run is. A line that was torn by a crash is
 * passed over. history.h reads it. Local. */
#ifndef JACQUARD_CATALOG_STORE_JOURNAL_H
#define JACQUARD_CATALOG_STORE_JOURNAL_H

#include "base/status.h"
#include "catalog/store/event.h"

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

/* j NULL: writes nothing (a dry run). Writes a whole line with one write(2) and the time in it, which never goes back
 * in one journal; e->time, run and film do not matter, e->kind is any but RUN. A failed write is ST_IO: the run has to
 * end (75), it is no film's fault. "run", "done", "failed", "beat" and "end" are synced to the disk (fdatasync): on a
 * network file system that is when other hosts see them. Texts may be any bytes; names and paths are kept as they are,
 * in others what is no UTF-8 becomes U+FFFD. Numbers that are none (NaN) become 0, costs and ETA unknown. */
enum status journal_write(struct journal *j, const struct event *e);

#endif
