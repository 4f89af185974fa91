/* history: all lines of all journals are read, put in the order of their times (of the same time: in the order of the
 * files' names and lines), and told to a ledger one by one. Assumes clocks of hosts that agree to a few seconds; which
 * runs go on is told from the last line of each. */
#include "catalog/store/history.h"

#include "base/clock.h"
#include "base/lines.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/out_path.h"
#include "catalog/store/ledger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A line holds names, a command line and settings at most; a journal of 10,000 films a few MiB. */
enum { LONGEST_LINE = 16 << 20 };
static const int64_t most_bytes = (int64_t)16 << 30;

static const double silence_seconds =
                        60.0, /* after which a run counts as gone: it writes four heartbeats in that time */
    skew_seconds = 86400.0;   /* a last line from further ahead tells of a wrong clock, not of a live run */

struct merge {
    struct event *event;
    size_t n_events, event_room;
    struct history_run *run;
    size_t n_runs, run_room;
    struct ledger ledger;
    int64_t n_bad_lines;
};

/* --- lines -------------------------------------------------------------------------------------------------------- */

static enum status add_line(struct merge *m, const char *text, size_t length)
{
    struct event *grown = mem_grow(m->event, m->n_events, &m->event_room, sizeof *grown);

    TRY_MEM(grown);
    m->event = grown;
    struct event *e = &m->event[m->n_events];
    const enum status st = event_read(text, length, e);
    if (st == ST_FORMAT) {
        m->n_bad_lines++;
        return ST_OK;
    }
    TRY(st);
    m->n_events++;
    e->run = m->n_runs;
    return e->name ? ledger_find(&m->ledger, &e->name, &e->film) : ST_OK;
}

/* ST_END when all are there. */
static enum status add_next_line(struct merge *m, struct lines *lines)
{
    char *line = NULL;
    size_t length = 0;
    bool is_cut = false;

    TRY(lines_next(lines, &line, &length, &is_cut));
    if (is_cut) /* nothing that a journal writes */
        m->n_bad_lines++;
    return is_cut || length == 0 ? ST_OK : add_line(m, line, length);
}

static enum status add_lines(struct merge *m, const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct lines lines;
    enum status st;

    if (fd < 0)
        return FAIL(ST_USAGE, "cannot read %s: %s", path, strerror(errno));
    lines_start(&lines, fd, path, ST_IO, LONGEST_LINE, most_bytes);
    do
        st = add_next_line(m, &lines);
    while (st == ST_OK);
    lines_end(&lines);
    close(fd);
    return st == ST_END ? ST_OK : st;
}

/* What the events of the run, from `first` on, tell of it as a whole. */
static void describe_run(struct history_run *r, struct event *first, struct event *end, double now)
{
    *r = (struct history_run){.started = first->time, .last_line = end[-1].time, .heartbeat.eta_seconds = -1.0};
    for (struct event *e = first; e < end; e++) {
        if (e->kind == EVENT_RUN && !r->command) {
            r->started = e->time;
            r->settings_text = e->text;
            memcpy(r->settings_id, e->settings_id, sizeof r->settings_id);
            r->command = e->command;
            e->text = e->command = NULL;
        } else if (e->kind == EVENT_HEARTBEAT) {
            r->heartbeat = e->as.heartbeat;
            r->heartbeat_time = e->time;
        } else if (e->kind == EVENT_END) {
            r->has_ended = true;
            r->exit_code = e->as.exit_code;
        }
    }
    const double silent = now - r->last_line;
    r->is_live = !r->has_ended && silent < silence_seconds && silent > -skew_seconds;
}

static enum status add_file(struct merge *m, const char *path, double now)
{
    const size_t first = m->n_events;
    struct stat s;

    if (stat(path, &s) != 0 ? errno == ENOENT : !S_ISREG(s.st_mode))
        return ST_OK; /* gone meanwhile, or nothing that a run has written */
    struct history_run *grown = mem_grow(m->run, m->n_runs, &m->run_room, sizeof *grown);
    TRY_MEM(grown);
    m->run = grown;
    const enum status st = add_lines(m, path);
    if (st == ST_OK && m->n_events > first)
        describe_run(&m->run[m->n_runs++], m->event + first, m->event + m->n_events, now);
    return st;
}

static int is_journal(const struct dirent *entry)
{
    const size_t n = strlen(entry->d_name), ending = strlen(".ndjson");

    return entry->d_name[0] != '.' && n > ending && strcmp(entry->d_name + n - ending, ".ndjson") == 0;
}

static int compare_file_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static enum status add_files(struct merge *m, const char *out)
{
    const double now = clock_wall_seconds(); /* before reading: what is written meanwhile is no older than it */
    struct dirent **entry = NULL;
    char path[OUT_PATH_BYTES];
    enum status st = ST_OK;

    if (strlen(out) + sizeof "/" OUT_JOURNAL "/" + NAME_MAX > PATH_MAX)
        return FAIL(ST_USAGE, "cannot read %s: the name is too long", out);
    out_path(out, OUT_JOURNAL, "", path);
    const int n = scandir(path, &entry, is_journal, compare_file_names);
    if (n < 0 && errno != ENOENT && errno != ENOTDIR)
        return FAIL(ST_USAGE, "cannot read %s: %s", path, strerror(errno));
    for (int i = 0; i < n; i++) {
        if (st == ST_OK) {
            out_path(out, OUT_JOURNAL "/", entry[i]->d_name, path);
            st = add_file(m, path, now);
        }
        free(entry[i]);
    }
    free(entry);
    return st;
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

/* Of equal times the order of reading. */
static int compare_times(const void *a, const void *b)
{
    const struct event *x = *(struct event *const *)a, *y = *(struct event *const *)b;

    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return (x > y) - (x < y);
}

static enum status follow_all(struct merge *m)
{
    struct event **order = mem_array(m->n_events, sizeof *order);
    enum status st = ST_OK;

    TRY_MEM(order);
    for (size_t i = 0; i < m->n_events; i++)
        order[i] = &m->event[i];
    qsort(order, m->n_events, sizeof *order, compare_times);
    for (size_t i = 0; i < m->n_events && st == ST_OK; i++)
        st = ledger_follow(&m->ledger, order[i], m->run[order[i]->run].is_live);
    free(order);
    return st;
}

static void hand_out_runs(struct merge *m, struct history *h)
{
    struct history_run *last = NULL;

    for (size_t i = 0; i < m->n_runs; i++) {
        struct history_run *r = &m->run[i];
        if (r->is_live) {
            h->live_run_start = h->n_live_runs > 0 ? fmin(h->live_run_start, r->started) : r->started;
            h->live_eta_seconds = fmax(h->live_eta_seconds, r->heartbeat.eta_seconds);
            h->n_live_runs++;
        }
        if (!last || r->started >= last->started)
            last = r;
    }
    h->n_runs = (int64_t)m->n_runs;
    h->n_bad_lines = m->n_bad_lines;
    if (!last)
        return;
    h->last_run = *last;
    last->settings_text = last->command = NULL;
}

static void release_merge(struct merge *m)
{
    for (size_t i = 0; i < m->n_events; i++)
        event_release(&m->event[i]);
    for (size_t i = 0; i < m->n_runs; i++) {
        free(m->run[i].settings_text);
        free(m->run[i].command);
    }
    free(m->event);
    free(m->run);
    ledger_release(&m->ledger);
}

static void note_bad_lines(const char *out, int64_t n)
{
    static int64_t n_noted; /* a run reads its journals again and again, and says so once */

    if (n > n_noted)
        log_note(
            "lines in %s/journal that cannot be read (torn by a crash, or just being written) and are passed over: "
            "%" PRId64,
            out, n);
    n_noted = n > n_noted ? n : n_noted;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct history_film *)a)->name, ((const struct history_film *)b)->name);
}

enum status history_read(const char *out, struct history *h)
{
    struct merge m = {0};

    *h = (struct history){.live_eta_seconds = -1.0};
    enum status st = add_files(&m, out);
    if (st == ST_OK)
        st = follow_all(&m);
    if (st == ST_OK)
        st = ledger_hand_out(&m.ledger, &h->film, &h->n);
    if (st == ST_OK) {
        qsort(h->film, (size_t)h->n, sizeof *h->film, compare_names);
        hand_out_runs(&m, h);
        note_bad_lines(out, h->n_bad_lines);
    }
    release_merge(&m);
    return st;
}

void history_release(struct history *h)
{
    for (int64_t i = 0; i < h->n; i++)
        ledger_release_film(&h->film[i]);
    free(h->film);
    free(h->last_run.settings_text);
    free(h->last_run.command);
    *h = (struct history){0};
}

const struct history_film *history_find(const struct history *h, const char *name)
{
    const struct history_film key = {.name = (char *)(uintptr_t)name};

    return h->n == 0 ? NULL : bsearch(&key, h->film, (size_t)h->n, sizeof *h->film, compare_names);
}
