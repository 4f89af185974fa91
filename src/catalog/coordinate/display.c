#include "catalog/coordinate/display.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { MOST_WORKERS = 12, LINE = 512 };

static const double bar_seconds = 0.2, log_seconds = 60.0;

void display_start(struct display *d, enum progress_mode mode)
{
    const char *term = getenv("TERM");

    *d = (struct display){.mode = mode, .started = clock_seconds()};
    if (mode == PROGRESS_AUTO)
        d->mode = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0 ? PROGRESS_BAR : PROGRESS_LOG;
    d->shown = d->mode == PROGRESS_LOG ? d->started : 0.0;
}

void display_clear(struct display *d)
{
    if (d->n_lines > 0)
        fprintf(stderr, "\033[%dA\033[J", d->n_lines);
    d->n_lines = 0;
}

static int terminal_width(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

/* One screen line: whole UTF-8 letters, no control bytes. Letters that are wide or combine may still miss the edge. */
static void draw_line(struct display *d, const char *text, int width)
{
    int n = 0;

    for (; *text && n < width - 1; text++) {
        const unsigned char c = (unsigned char)*text;
        fputc(c < 0x20 || c == 0x7f ? '?' : c, stderr);
        n += (text[1] & 0xc0) != 0x80;
    }
    fputc('\n', stderr);
    d->n_lines++;
}

static void draw_bar(struct display *d, const char *head, double share, int width)
{
    char line[LINE];
    const int room = width - (int)strlen(head) - 12;
    int used = snprintf(line, sizeof line, "%s [", head);

    for (int i = 0; i < room && used < LINE - 16; i++)
        line[used++] = (double)i < share * room ? '#' : '.';
    snprintf(line + used, sizeof line - (size_t)used, "] %3.0f %%", 100.0 * share);
    draw_line(d, line, width);
}

void display_show(struct display *d, const struct display_state *s, display_worker *worker, void *context)
{
    const double now = clock_seconds(), all = s->now.cost_done + s->now.cost_left,
                 share = all > 0.0 ? s->now.cost_done / all : 0.0;
    char head[LINE / 2], line[LINE], eta[CLOCK_SPAN_BYTES];

    if (d->mode == PROGRESS_NONE || now - d->shown < (d->mode == PROGRESS_BAR ? bar_seconds : log_seconds))
        return;
    d->shown = now;
    clock_span(s->now.eta_seconds, eta);
    snprintf(head, sizeof head, "%lld of %lld films done, %lld failed", (long long)s->now.n_done, (long long)s->n_films,
             (long long)s->now.n_failed);
    if (d->mode == PROGRESS_LOG) {
        if (s->n_probing > 0)
            log_note("%s; looking at the headers of %lld more", head, (long long)s->n_probing);
        else
            log_note("%s; %.1f %% of the work, ETA %s", head, 100.0 * share, eta);
        return;
    }
    const int width = terminal_width();
    int n = 0, n_more = 0;
    display_clear(d);
    for (; worker(context, n, line, sizeof line); n++) {
        if (n < MOST_WORKERS)
            draw_line(d, line, width);
        else
            n_more++;
    }
    if (n_more > 0) {
        snprintf(line, sizeof line, "  ... and %d more", n_more);
        draw_line(d, line, width);
    }
    snprintf(line, sizeof line, "%s, ETA %s", head, eta);
    draw_bar(d, line, share, width);
    fflush(stderr);
}
