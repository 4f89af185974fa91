#include "base/progress.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BAR_CELLS = 30 };

void progress_start(struct progress *p, enum progress_mode mode, const char *what)
{
    const char *term = getenv("TERM");

    if (mode == PROGRESS_AUTO)
        mode = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0 ? PROGRESS_BAR : PROGRESS_LOG;
    *p = (struct progress){.mode = mode, .what = what, .started = clock_seconds()};
    /* A log's first line comes after 10 s: short jobs stay silent. */
    p->last_shown = mode == PROGRESS_LOG ? p->started - 20.0 : 0.0;
}

void progress_show(struct progress *p, int64_t done, int64_t total, const char *detail)
{
    const double now = clock_seconds();
    const double interval = p->mode == PROGRESS_BAR ? 0.2 : 30.0;

    if (p->mode == PROGRESS_NONE || total <= 0 || now - p->last_shown < interval)
        return;
    p->last_shown = now;

    const double share = done >= total ? 1.0 : (double)done / (double)total;
    char eta[CLOCK_SPAN_BYTES];
    clock_span(share > 0.0 ? (now - p->started) * (1.0 - share) / share : -1.0, eta);

    if (p->mode == PROGRESS_LOG) {
        log_note("%s: %.0f %%%s%s, %s left", p->what, 100.0 * share, *detail ? ", " : "", detail, eta);
        return;
    }
    char bar[BAR_CELLS + 1];
    const int filled = (int)(share * BAR_CELLS);
    memset(bar, '.', BAR_CELLS);
    memset(bar, '#', (size_t)filled);
    bar[BAR_CELLS] = '\0';
    fprintf(stderr, "\r\033[K%s [%s] %3.0f %%  %s  ETA %s", p->what, bar, 100.0 * share, detail, eta);
    fflush(stderr);
    p->drawn = true;
}

void progress_end(struct progress *p)
{
    if (p->drawn)
        fputs("\r\033[K", stderr);
    p->drawn = false;
}
