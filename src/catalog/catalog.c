#include "catalog/catalog.h"

#include "barcode/terms.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/coordinate/coordinator.h"
#include "catalog/coordinate/agent.h"
#include "catalog/listing/names.h"
#include "catalog/show/views.h"
#include "catalog/store/journal.h"
#include "catalog/store/outputs.h"
#include "catalog/store/settings_id.h"
#include "catalog/workers/workers.h"
#include "job/file_terms.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_FAILURES_SHOWN = 20 };

static const double step_seconds = 0.002, /* a request or an outcome waits so long at most */
    refresh_seconds = 60.0;

struct catalog {
    struct comm *comm;
    struct catalog_config config;
    atomic_int *n_signals;
    char *settings_text, settings_id[65];
    struct roots roots; /* folders that hold films */
    int64_t n_todo;
    struct agent agent;
    /* Rank 0 */
    struct listing listing;
    struct history history;
    struct resume_film *resume;
    struct journal *journal;
    struct coordinator *coordinator;
    double refreshed;
};

/* --- what all ranks must have alike ------------------------------------------------------------------------------- */

static enum status name_settings(struct catalog *c)
{
    c->settings_text = barcode_settings_text(&c->config.barcode.settings);
    TRY_MEM(c->settings_text);
    return settings_id_make(c->settings_text, c->config.version, c->config.barcode.allow_partial, c->settings_id);
}

/* From the root of the file system, where the name does not say it. */
static void name_whole(struct comm *comm, const char *what, const char *path)
{
    char here[PATH_MAX];
    const bool is_whole = path[0] == '/' || !getcwd(here, sizeof here);

    comm_must_match(comm, what, "%s%s%s", is_whole ? "" : here, is_whole ? "" : "/", path);
}

static void name_each(struct comm *comm, const char *what, const char *const *item, int n, bool is_path)
{
    char numbered[64];

    for (int i = 0; i < n; i++) {
        snprintf(numbered, sizeof numbered, "%s %d", what, i + 1);
        if (is_path)
            name_whole(comm, numbered, item[i]);
        else
            comm_must_match(comm, numbered, "%s", item[i]);
    }
}

/* A pipe, standard input: only rank 0 can read it, and whoever writes it may take its time. */
static bool is_stream(const char *list)
{
    struct stat info;

    return strcmp(list, "-") == 0 || (stat(list, &info) == 0 && !S_ISREG(info.st_mode));
}

static enum status name_list(struct catalog *c)
{
    const char *list = c->config.list;

    if (c->comm->size == 1 || !list)
        return ST_OK;
    if (is_stream(list)) {
        comm_must_match(c->comm, "list", "a stream");
        return ST_OK;
    }
    name_whole(c->comm, "the folder that the list's names start from", "");
    return file_terms_take(c->comm, "list", list);
}

static enum status get_ready(struct catalog *c)
{
    const struct catalog_config *f = &c->config;
    struct comm *comm = c->comm;

    TRY(name_settings(c));
    terms_of_barcode(comm, &f->barcode);
    name_whole(comm, "--out", f->out);
    comm_must_match(comm, "--share", "%d/%d", f->share, f->n_shares);
    comm_must_match(comm, "--dry-run", "%s", f->dry_run ? "on" : "off");
    comm_must_match(comm, "--retry-failed", "%s", f->retry_failed ? "on" : "off");
    comm_must_match(comm, "--tries", "%d", f->tries);
    comm_must_match(comm, "--time-limit", "%g s", f->time_limit);
    comm_must_match(comm, "--film-timeout", "%g s", f->film_timeout);
    comm_must_match(comm, "--piece-time", "%g s", f->piece_seconds);
    name_each(comm, "input", f->input, f->n_inputs, true);
    name_each(comm, "--include", f->include, f->n_includes, false);
    name_each(comm, "--exclude", f->exclude, f->n_excludes, false);
    return name_list(c);
}

/* --- what there is to do, on rank 0 ------------------------------------------------------------------------------- */

/* A name stays with the film that the journals say it is of, as long as that film is there: a later run over other
 * folders does not take it. What was moved has left its name. */
static enum names_claim claim_name(void *context, const char *name, const struct listing_film *film)
{
    const struct history_film *h = history_find(context, name);
    struct stat theirs, its;

    if (!h || !h->path)
        return NAME_IS_FREE;
    if (strcmp(h->path, film->path) == 0)
        return NAME_IS_ITS_OWN;
    if (stat(h->path, &theirs) != 0)
        return NAME_IS_FREE;
    return stat(film->path, &its) == 0 && its.st_dev == theirs.st_dev && its.st_ino == theirs.st_ino ? NAME_IS_ITS_OWN
                                                                                                     : NAME_IS_ANOTHERS;
}

static enum status find_films(struct catalog *c)
{
    const struct catalog_config *f = &c->config;
    char base[PATH_MAX], passed[512];
    const struct listing_request request = {.input = f->input,
                                            .n_inputs = f->n_inputs,
                                            .list = f->list,
                                            .include = f->include,
                                            .exclude = f->exclude,
                                            .n_includes = f->n_includes,
                                            .n_excludes = f->n_excludes,
                                            .out = f->out,
                                            .stop = c->n_signals,
                                            .base = getcwd(base, sizeof base)};

    comm_rest(f->list && is_stream(f->list));
    const enum status st = listing_make(&c->listing, &request);
    comm_rest(false);
    TRY(st);
    passed_describe(&c->listing.passed, passed, sizeof passed);
    log_note("%lld films found; passed over: %s; films listed under a second name: %lld", (long long)c->listing.n,
             passed, (long long)c->listing.n_twice);
    if (c->listing.n == 0)
        return FAIL(ST_NO_MATCH, "no film matches");
    for (int64_t i = 0; i < c->listing.n; i++)
        if (strlen(c->listing.film[i].path) >= PATH_MAX)
            return FAIL(ST_USAGE, "the name of a film is too long: %.200s...", c->listing.film[i].path);
    return ST_OK;
}

static enum status open_journal(struct catalog *c)
{
    const char *job = getenv("SLURM_JOB_ID"), *restarts = getenv("SLURM_RESTART_COUNT");
    char launch[128] = "";

    if (job)
        snprintf(launch, sizeof launch, "Slurm job %s, restart %s", job, restarts ? restarts : "0");
    const struct journal_run run = {.version = c->config.version,
                                    .settings_text = c->settings_text,
                                    .settings_id = c->settings_id,
                                    .command = c->config.command,
                                    .n_ranks = c->comm->size,
                                    .n_workers = c->config.workers,
                                    .n_films = c->listing.n,
                                    .launch = launch,
                                    .not_before = c->history.last_run.last_line};

    TRY(journal_open(c->config.out, &run, &c->journal));
    for (int64_t i = 0; i < c->listing.n; i++) {
        const struct listing_film *f = &c->listing.film[i];
        const struct history_film *before = c->resume[i].before;
        if (before && c->resume[i].is_unchanged && before->path && strcmp(before->path, f->path) == 0)
            continue;
        TRY(journal_write(
            c->journal,
            &(struct event){
                .kind = EVENT_FILM, .name = f->name, .path = f->path, .bytes = f->bytes, .mtime_ns = f->mtime_ns}));
    }
    return ST_OK;
}

static void count_rest(struct catalog *c)
{
    int64_t n_done = 0, n_failed = 0;

    for (int64_t i = 0; i < c->listing.n; i++) {
        n_done += c->resume[i].state == RESUME_DONE;
        n_failed += c->resume[i].state == RESUME_FAILED;
    }
    c->n_todo = c->listing.n - n_done - n_failed;
    log_note("%lld films to do; %lld are done and sound, %lld failed before%s", (long long)c->n_todo, (long long)n_done,
             (long long)n_failed, n_failed > 0 ? " (--retry-failed tries them again)" : "");
}

/* Rank 0: everything that is known before the first film is opened. */
static enum status prepare(struct catalog *c)
{
    TRY(find_films(c));
    TRY(history_read(c->config.out, &c->history));
    TRY(names_assign(&c->listing, claim_name, &c->history));
    TRY(outputs_are_free(c->config.out, &c->listing, &c->history, &c->config.barcode));
    if (!c->config.dry_run)
        TRY(outputs_prepare(c->config.out));
    listing_take_share(&c->listing, c->config.share, c->config.n_shares);
    if (c->listing.n == 0)
        log_note("there are fewer films than shares: share %d of %d has none", c->config.share, c->config.n_shares);
    for (int64_t i = 0; i < c->listing.n; i++)
        TRY(roots_add_file(&c->roots, c->listing.film[i].path));
    c->resume = mem_array((size_t)c->listing.n, sizeof *c->resume);
    TRY_MEM(c->resume);
    TRY(resume_decide(&c->config, c->settings_id, &c->listing, &c->history, c->n_signals, c->resume));
    count_rest(c);
    if (c->config.dry_run)
        return ST_OK;
    outputs_sweep(c->config.out, &c->listing);
    return open_journal(c);
}

/* Collective. */
static enum status share_roots(struct catalog *c)
{
    int32_t n = c->roots.n;

    TRY(comm_bcast(c->comm, &n, sizeof n));
    for (int i = 0; i < n; i++) {
        char text[PATH_MAX] = "";
        if (c->comm->rank == 0)
            snprintf(text, sizeof text, "%s", c->roots.path[i]);
        TRY(comm_bcast(c->comm, text, sizeof text));
        if (c->comm->rank > 0 && roots_add(&c->roots, text) != ST_OK)
            return ST_COMM; /* the others wait: the job can only end */
    }
    return ST_OK;
}

static enum status open_workers(struct catalog *c)
{
    const struct workers_setup setup = {
        .comm = c->comm, .config = &c->config, .settings_id = c->settings_id, .roots = &c->roots};
    struct wire_ready ready;
    struct workers *workers = NULL;
    enum status st = comm_agree(c->comm, workers_open(&setup, &workers, &ready));

    if (st == ST_OK)
        st = agent_open(&c->agent, c->comm, &workers, &ready, c->n_signals);
    workers_close(&workers);
    return comm_agree(c->comm, st);
}

/* --- the run ------------------------------------------------------------------------------------------------------ */

static enum status deal_step(struct catalog *c)
{
    int64_t n;

    TRY(coordinator_step(c->coordinator));
    if (!c->config.gallery || c->config.dry_run || clock_seconds() - c->refreshed <= refresh_seconds)
        return ST_OK;
    const enum status st = views_write(c->config.out, &c->listing.passed, &n);
    c->refreshed = clock_seconds();
    return st;
}

/* What ends the run: the first fault, told to the coordinator once. */
static void note_fault(struct catalog *c, enum status st, struct message_end *end)
{
    if (st == ST_OK || end->st != ST_OK)
        return;
    end->st = st;
    snprintf(end->text, sizeof end->text, "%s", status_message());
    coordinator_give_up(c->coordinator);
}

/* Takes all messages that have come: they are the agent's or, on rank 0, the coordinator's. */
static enum status take_messages(struct catalog *c, struct message_end *end)
{
    for (;;) {
        struct message m;
        int from;

        TRY(message_take(c->comm, &m, &from));
        if (from < 0)
            return ST_OK;
        if (message_is_for_coordinator(&m))
            note_fault(c, coordinator_on_message(c->coordinator, from, &m), end);
        else
            TRY(agent_on_message(&c->agent, &m));
    }
}

/* Every rank's loop. Rank 0 deals besides, until nothing is left to deal or to come back; a fault of its own stops the
 * worker processes first. */
static enum status run_until_over(struct catalog *c)
{
    struct message m = {.kind = MESSAGE_END};
    bool deals = c->comm->rank == 0;

    c->refreshed = clock_seconds();
    while (!c->agent.is_over) {
        TRY(agent_step(&c->agent, step_seconds));
        TRY(take_messages(c, &m.as.end));
        if (deals && m.as.end.st == ST_OK)
            note_fault(c, deal_step(c), &m.as.end);
        if (!deals || !coordinator_is_over(c->coordinator))
            continue;
        for (int i = 0; i < c->comm->size; i++)
            TRY(message_post(c->comm, i, &m));
        deals = false;
    }
    if (c->agent.end.st != ST_OK)
        status_adopt(c->agent.end.text);
    return c->agent.end.st;
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

static void list_failures(const struct catalog *c, const struct history *h)
{
    int n = 0;

    for (int64_t i = 0; i < c->listing.n && n < MOST_FAILURES_SHOWN; i++) {
        const struct history_film *f = history_find(h, c->listing.film[i].name);
        if (!f || !history_has_failed(f))
            continue;
        log_note("%s (%s): %s", f->state == STATE_FAILED ? "failed" : "quarantined", fault_names[f->failure.kind],
                 f->failure.message);
        n++;
    }
}

static void summarise(const struct catalog *c, const struct coordinator_totals *t)
{
    const double workers_seconds = t->seconds * t->n_workers,
                 share = workers_seconds > 0.0 ? 100.0 / workers_seconds : 0.0;
    const int64_t n_now = t->n_done - t->n_done_before;
    char took[CLOCK_SPAN_BYTES];

    log_note(
        "%lld of %lld films done (%lld of them before), %lld failed, %lld left; in %s: %lld films, %lld columns of "
        "%lld frames, %.0f films/h, %.1f s of film a second; %d worker processes on %d ranks, busy %.1f %% (index %.1f "
        "%%, extract "
        "%.1f %%, write %.1f %%), tail idle %.1f %%",
        (long long)t->n_done, (long long)t->n_films, (long long)t->n_done_before, (long long)t->n_failed,
        (long long)(t->n_films - t->n_done - t->n_failed), clock_span(t->seconds, took), (long long)n_now,
        (long long)t->columns, (long long)t->frames, t->seconds > 0.0 ? (double)n_now * 3600.0 / t->seconds : 0.0,
        t->seconds > 0.0 ? t->film_seconds / t->seconds : 0.0, t->n_workers, c->comm->size, share * t->busy_seconds,
        share * t->index_seconds, share * t->extract_seconds, share * t->write_seconds, share * t->tail_idle_seconds);
}

static enum status judge(const struct catalog *c, const struct coordinator_totals *t)
{
    const int64_t n_left = t->n_films - t->n_done - t->n_failed;

    if (n_left > 0 && (t->is_interrupted || t->is_out_of_time))
        return FAIL(ST_INTERRUPTED, "%s with %lld of %lld films left: the same command goes on from here",
                    t->is_interrupted ? "interrupted" : "out of time", (long long)n_left, (long long)t->n_films);
    if (n_left > 0)
        return FAIL(ST_DEVICE, "no worker process is left that works; %lld of %lld films are not done",
                    (long long)n_left, (long long)t->n_films);
    if (t->n_failed > 0)
        return FAIL(ST_FORMAT, "%lld of %lld films failed: %s/" OUT_REPORT ".json says why", (long long)t->n_failed,
                    (long long)t->n_films, c->config.out);
    return ST_OK;
}

static void print_plan(const struct catalog *c)
{
    static const char *const states[] = {
        [RESUME_TODO] = "to do", [RESUME_DONE] = "done", [RESUME_FAILED] = "failed before"};

    printf("name\tstate\tbytes\tcore seconds\tfilm\n");
    for (int64_t i = 0; i < c->listing.n; i++) {
        const struct listing_film *f = &c->listing.film[i];
        const double cost = coordinator_cost(c->coordinator, i);
        char text[32] = "?";
        if (cost >= 0.0)
            snprintf(text, sizeof text, "%.1f", cost);
        const bool fails = c->resume[i].state == RESUME_TODO && coordinator_has_failed(c->coordinator, i);
        printf("%s\t%s\t%lld\t%s\t", f->name, fails ? "cannot be read" : states[c->resume[i].state],
               (long long)f->bytes, text);
        for (const char *p = f->path; *p; p++) /* names must not break the table, nor steer the terminal */
            putchar((unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p);
        putchar('\n');
    }
}

static enum status finish(struct catalog *c, enum status st)
{
    struct coordinator_totals t;
    char why[STATUS_MESSAGE_BYTES];

    coordinator_totals(c->coordinator, &t);
    if (c->config.dry_run) {
        if (st == ST_OK && (t.is_interrupted || t.is_out_of_time))
            st = FAIL(ST_INTERRUPTED, "%s before all films were looked at",
                      t.is_interrupted ? "interrupted" : "out of time");
        if (st == ST_OK)
            print_plan(c);
        return st;
    }
    summarise(c, &t);
    if (st == ST_OK)
        st = judge(c, &t);
    snprintf(why, sizeof why, "%s", status_message());
    outputs_tidy(c->config.out);
    const enum status ended =
        journal_write(c->journal, &(struct event){.kind = EVENT_END, .as.exit_code = status_exit_code(st)});
    const enum status shown = views_write_last(c->config.out, &c->listing.passed);
    if (st == ST_FORMAT) {
        struct history h;
        if (history_read(c->config.out, &h) == ST_OK)
            list_failures(c, &h);
        history_release(&h);
    }
    if (st == ST_OK)
        return ended != ST_OK ? ended : shown;
    status_adopt(why);
    return st;
}

static enum status run_phases(struct catalog *c)
{
    struct comm *comm = c->comm;
    enum status st;

    TRY(comm_meet(comm, get_ready(c)));
    TRY(comm_agree(comm, comm->rank == 0 ? prepare(c) : ST_OK));
    TRY(share_roots(c));
    if (comm->rank == 0) {
        const struct coordinator_setup setup = {.comm = comm,
                                                .config = &c->config,
                                                .settings_id = c->settings_id,
                                                .listing = &c->listing,
                                                .resume = c->resume,
                                                .journal = c->journal};
        st = coordinator_open(&setup, &c->coordinator);
    } else {
        st = ST_OK;
    }
    TRY(comm_agree(comm, st));
    TRY(comm_bcast(comm, &c->n_todo, sizeof c->n_todo));
    if (c->n_todo > 0) {
        st = open_workers(c);
        if (st == ST_OK)
            st = run_until_over(c);
    }
    if (st == ST_COMM)
        return st;
    return comm_agree(comm, comm->rank == 0 ? finish(c, st) : ST_OK);
}

enum status catalog_run(struct comm *comm, const struct catalog_config *config, atomic_int *n_signals)
{
    struct catalog c = {.comm = comm, .config = *config, .n_signals = n_signals};
    const enum status st = run_phases(&c);

    agent_close(&c.agent);
    coordinator_close(&c.coordinator);
    journal_close(&c.journal);
    free(c.resume);
    history_release(&c.history);
    listing_release(&c.listing);
    roots_release(&c.roots);
    free(c.settings_text);
    return st;
}
