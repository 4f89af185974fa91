#include "catalog/show/status.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "catalog/out_path.h"
#include "catalog/store/history.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_SHOWN = 20 };

struct view {
    const char *out;
    struct history history;
    double now;                          /* seconds since the epoch */
    int64_t n[4];                        /* films by state */
    const struct history_film **running; /* [n_running], the longest first */
    int64_t n_running, n_left_running;
};

/* What was done with other settings than those of the last run is left to be done with these. */
static enum film_state state_of(const struct history *h, const struct history_film *f)
{
    return f->state == STATE_DONE && f->result && h->last_run.settings_id[0] &&
                   strcmp(f->result->settings_id, h->last_run.settings_id) != 0
               ? STATE_LEFT
               : f->state;
}

/* --- for people --------------------------------------------------------------------------------------------------- */

static void print_clean(const char *text) /* names must not steer the terminal */
{
    for (; *text; text++)
        putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

static void print_span(double seconds)
{
    char text[CLOCK_SPAN_BYTES];

    fputs(clock_span(fmax(seconds, 0.0), text), stdout);
}

static void print_time(double seconds)
{
    const time_t t = (time_t)seconds;
    char text[64] = "";
    struct tm local;

    if (localtime_r(&t, &local))
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local);
    fputs(text, stdout);
}

static const char *meaning_of(int exit_code)
{
    switch (exit_code) {
    case 0:
        return "all done";
    case 1:
        return "internal fault";
    case 2:
        return "usage or environment";
    case 3:
        return "films failed";
    case 75:
        return "interrupted or out of time";
    default:
        return "see jacquard --help";
    }
}

static void print_run(const struct view *v)
{
    const struct history *h = &v->history;

    if (h->n_live_runs > 0) {
        if (h->n_live_runs > 1)
            printf("%" PRId64 " runs go on, the first since ", h->n_live_runs);
        else
            fputs("a run goes on, since ", stdout);
        print_time(h->live_run_start);
        if (h->live_eta_seconds >= 0.0) {
            fputs("; about ", stdout);
            print_span(h->live_eta_seconds);
            puts(" to go");
        } else {
            puts("; not known yet how long to go");
        }
        return;
    }
    fputs("the last run, of ", stdout);
    print_time(h->last_run.started);
    fputs(h->last_run.has_ended ? ", ended " : ", is gone: the last that is known of it is of ", stdout);
    print_time(h->last_run.last_line);
    if (h->last_run.has_ended)
        printf(" with exit code %d: %s", h->last_run.exit_code, meaning_of(h->last_run.exit_code));
    putchar('\n');
}

static void print_running(const struct view *v)
{
    if (v->n_running > 0)
        puts("running:");
    for (int64_t i = 0; i < v->n_running && i < MOST_SHOWN; i++) {
        const struct history_film *f = v->running[i];
        fputs("  ", stdout);
        print_clean(f->name);
        fputs(": ", stdout);
        print_clean(f->running_kind);
        printf(" on rank %d for ", f->running_rank);
        print_span(v->now - f->running_since);
        if (f->n_running > 1)
            printf(", and %d more of it", f->n_running - 1);
        putchar('\n');
    }
    if (v->n_running > MOST_SHOWN)
        printf("  and %" PRId64 " more\n", v->n_running - MOST_SHOWN);
}

static void print_failures(const struct view *v)
{
    const int64_t n = v->n[STATE_FAILED] + v->n[STATE_QUARANTINED];
    int64_t n_shown = 0;

    if (n > 0)
        puts("failed:");
    for (int64_t i = 0; i < v->history.n && n_shown < MOST_SHOWN; i++) {
        const struct history_film *f = &v->history.film[i];
        if (!history_has_failed(f))
            continue;
        n_shown++;
        fputs("  ", stdout);
        print_clean(f->name);
        printf(" (%s%s): ", fault_names[f->failure.kind], f->state == STATE_QUARANTINED ? ", quarantined" : "");
        print_clean(f->failure.message);
        putchar('\n');
    }
    if (n > n_shown) {
        printf("  and %" PRId64 " more: see ", n - n_shown);
        print_clean(v->out);
        puts("/" OUT_REPORT ".json");
    }
}

static void print_hint(const struct view *v)
{
    const struct history *h = &v->history;
    const bool has_failures = v->n[STATE_FAILED] + v->n[STATE_QUARANTINED] > 0;

    if (h->n_live_runs > 0 || !h->last_run.command || (v->n[STATE_LEFT] == 0 && !has_failures))
        return;
    fputs(v->n[STATE_LEFT] > 0 ? "to go on: " : "to try those that failed again, add --retry-failed to: ", stdout);
    print_clean(h->last_run.command);
    putchar('\n');
}

static void print_text(const struct view *v)
{
    print_clean(v->out);
    printf(": %" PRId64 " of %" PRId64 " films done, %" PRId64 " failed, %" PRId64 " quarantined, %" PRId64 " left",
           v->n[STATE_DONE], v->history.n, v->n[STATE_FAILED], v->n[STATE_QUARANTINED], v->n[STATE_LEFT]);
    if (v->n_left_running > 0)
        printf(" (%" PRId64 " of them running)", v->n_left_running);
    fputs("; ", stdout);
    print_run(v);
    print_running(v);
    print_failures(v);
    print_hint(v);
}

/* --- for programs ------------------------------------------------------------------------------------------------- */

static void print_names(const struct history_film *f)
{
    putchar('{');
    json_print_bytes(stdout, "name", f->name);
    putchar(',');
    json_print_bytes(stdout, "path", f->path ? f->path : "");
}

static void print_running_json(const struct view *v)
{
    fputs(",\"running\":[", stdout);
    for (int64_t i = 0; i < v->n_running; i++) {
        const struct history_film *f = v->running[i];
        if (i > 0)
            putchar(',');
        print_names(f);
        fputs(",\"kind\":", stdout);
        json_print_string(stdout, f->running_kind);
        printf(",\"rank\":%d,\"tasks\":%d,\"since\":", f->running_rank, f->n_running);
        json_print_double(stdout, f->running_since);
        fputs(",\"seconds\":", stdout);
        json_print_double(stdout, v->now - f->running_since);
        putchar('}');
    }
    putchar(']');
}

static void print_failures_json(const struct view *v)
{
    bool is_first = true;

    fputs(",\"failures\":[", stdout);
    for (int64_t i = 0; i < v->history.n; i++) {
        const struct history_film *f = &v->history.film[i];
        if (!history_has_failed(f))
            continue;
        if (!is_first)
            putchar(',');
        is_first = false;
        print_names(f);
        printf(",\"status\":\"%s\",\"fault\":\"%s\",\"error\":", state_names[f->state], fault_names[f->failure.kind]);
        json_print_string(stdout, f->failure.message);
        putchar('}');
    }
    putchar(']');
}

static void print_json(const struct view *v)
{
    const struct history *h = &v->history;
    const bool is_running = h->n_live_runs > 0;

    printf("{\"films\":%" PRId64 ",\"done\":%" PRId64 ",\"failed\":%" PRId64 ",\"quarantined\":%" PRId64, h->n,
           v->n[STATE_DONE], v->n[STATE_FAILED], v->n[STATE_QUARANTINED]);
    print_running_json(v);
    printf(",\"left\":%" PRId64 ",\"eta_seconds\":", v->n[STATE_LEFT]);
    if (h->live_eta_seconds >= 0.0)
        json_print_double(stdout, h->live_eta_seconds);
    else
        fputs("null", stdout);
    printf(",\"is_running\":%s,\"exit_code\":", is_running ? "true" : "false");
    if (!is_running && h->last_run.has_ended)
        printf("%d", h->last_run.exit_code);
    else
        fputs("null", stdout);
    print_failures_json(v);
    puts("}");
}

/* --- both --------------------------------------------------------------------------------------------------------- */

static int compare_since(const void *a, const void *b)
{
    const struct history_film *x = *(const struct history_film *const *)a, *y = *(const struct history_film *const *)b;

    if (x->running_since != y->running_since)
        return x->running_since < y->running_since ? -1 : 1;
    return (x > y) - (x < y);
}

static enum status look(struct view *v)
{
    const struct history *h = &v->history;

    if (h->n_runs == 0)
        return FAIL(ST_USAGE, "%s is no catalogue: there is no journal in %s/" OUT_JOURNAL, v->out, v->out);
    v->now = clock_wall_seconds();
    v->running = mem_array((size_t)h->n, sizeof *v->running);
    TRY_MEM(v->running);
    for (int64_t i = 0; i < h->n; i++) {
        v->n[state_of(h, &h->film[i])]++;
        if (!h->film[i].running)
            continue;
        v->running[v->n_running++] = &h->film[i];
        v->n_left_running += state_of(h, &h->film[i]) == STATE_LEFT;
    }
    qsort(v->running, (size_t)v->n_running, sizeof *v->running, compare_since);
    return ST_OK;
}

enum status status_print(const char *out, bool json)
{
    struct view v = {.out = out};
    enum status st = history_read(out, &v.history);

    if (st == ST_OK)
        st = look(&v);
    if (st == ST_OK && json)
        print_json(&v);
    else if (st == ST_OK)
        print_text(&v);
    free(v.running);
    history_release(&v.history);
    return st;
}
