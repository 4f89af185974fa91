/* display: how far a catalogue is: on a terminal a bar and a line for each worker process, elsewhere a line a minute.
 */
#ifndef JACQUARD_CATALOG_COORDINATE_DISPLAY_H
#define JACQUARD_CATALOG_COORDINATE_DISPLAY_H

#include "base/progress.h"
#include "catalog/store/history.h"

#include <stddef.h>
#include <stdint.h>

struct display_state {
    int64_t n_films, n_probing;   /* of this run's share, and of its films */
    struct journal_heartbeat now; /* films done and failed before count too, their cost does not */
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
