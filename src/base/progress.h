/* progress: how far a long job is, drawn as a bar with ETA on a terminal, as a line now and then elsewhere. */
#ifndef JACQUARD_BASE_PROGRESS_H
#define JACQUARD_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

enum progress_mode { PROGRESS_AUTO, PROGRESS_BAR, PROGRESS_LOG, PROGRESS_NONE };

struct progress {
    enum progress_mode mode;
    const char *what; /* "index", "extraction": the step's name */
    double started;   /* clock_seconds() at the start */
    double last_shown;
    bool drawn;
};

/* mode AUTO becomes BAR where stderr is a terminal (and TERM is not "dumb"), LOG elsewhere. */
void progress_start(struct progress *p, enum progress_mode mode, const char *what);

/* done of total, in any unit; detail is shown after the percentage, may be "". A bar is redrawn at most
 * five times a second, a log line is written after 10 s and then every 30 s. */
void progress_show(struct progress *p, int64_t done, int64_t total, const char *detail);

/* Removes a drawn bar, so that the next line starts clean. */
void progress_end(struct progress *p);

#endif
