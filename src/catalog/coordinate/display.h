/* display: how far a catalogue is: on a terminal a bar and a line for each worker process, elsewhere a line a minute.
 */
#ifndef JACQUARD_CATALOG_COORDINATE_DISPLAY_H
#define JACQUARD_CATALOG_COORDINATE_DISPLAY_H

#include "base/progress.h"

#include <stddef.h>
#include <stdint.h>

struct display_state {
    int64_t n_films, n_done, n_failed, n_probing; /* of this run's share; done and failed before count too */
    double cost_done, cost_left;                  /* of this run's work: done before does not count */
    double eta_seconds;                           /* negative: not known yet */
};

struct display {
    enum progress_mode mode;
    double started, shown;
    int n_lines; /* drawn on the terminal, the cursor is below them */
};

/* A worker process's line; text[bytes]. False: no such worker process. */
typedef bool display_worker(void *context, int which, char *text, size_t bytes);

void display_start(struct display *d, enum progress_mode mode);
void display_show(struct display *d, const struct display_state *state, display_worker *worker, void *context);
/* Removes what is drawn. */
void display_clear(struct display *d);

#endif
