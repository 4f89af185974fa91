/* journal_lines: a line of a journal each, for tests that write one. */
#ifndef JACQUARD_TESTS_UNIT_JOURNAL_LINES_H
#define JACQUARD_TESTS_UNIT_JOURNAL_LINES_H

#include "catalog/store/journal.h"

#include <stdio.h>
#include <string.h>

struct journal_try {
    const char *kind;
    int piece, n_pieces, rank, worker;
    const char *host;
};

struct journal_failure {
    enum fault_kind kind;
    bool quarantined;
    int attempts;
    const char *message, *settings_id;
    int64_t bytes, mtime_ns;
    double seconds;
};

/* What is written is only read. */
static inline char *journal_text(const char *text)
{
    return (char *)(uintptr_t)text;
}

static inline enum status journal_film(struct journal *j, const char *name, const char *path, int64_t bytes,
                                       int64_t mtime_ns)
{
    return journal_write(j, &(struct event){.kind = EVENT_FILM,
                                            .name = journal_text(name),
                                            .path = journal_text(path),
                                            .bytes = bytes,
                                            .mtime_ns = mtime_ns});
}

static inline enum status journal_cost(struct journal *j, const char *name, int64_t bytes, int64_t mtime_ns,
                                       double cost, int n_pieces)
{
    return journal_write(j, &(struct event){.kind = EVENT_COST,
                                            .name = journal_text(name),
                                            .bytes = bytes,
                                            .mtime_ns = mtime_ns,
                                            .as.cost = {cost, n_pieces}});
}

static inline struct event journal_task(enum event_kind kind, const char *name, const struct journal_try *t)
{
    struct event e = {.kind = kind,
                      .name = journal_text(name),
                      .as.task = {.piece = t->piece, .n_pieces = t->n_pieces, .rank = t->rank, .worker = t->worker}};

    snprintf(e.as.task.kind, sizeof e.as.task.kind, "%s", t->kind);
    snprintf(e.as.task.host, sizeof e.as.task.host, "%s", t->host ? t->host : "");
    return e;
}

static inline enum status journal_start(struct journal *j, const char *name, const struct journal_try *t)
{
    const struct event e = journal_task(EVENT_START, name, t);

    return journal_write(j, &e);
}

static inline enum status journal_step(struct journal *j, const char *name, const struct journal_try *t, double seconds)
{
    struct event e = journal_task(EVENT_STEP, name, t);

    e.seconds = seconds;
    return journal_write(j, &e);
}

static inline enum status journal_fault(struct journal *j, const char *name, const struct journal_try *t,
                                        enum fault_kind kind, bool counts, const char *message)
{
    struct event e = journal_task(EVENT_FAULT, name, t);

    e.fault = kind;
    e.as.task.counts = counts;
    e.text = journal_text(message);
    return journal_write(j, &e);
}

static inline enum status journal_done(struct journal *j, const char *name, const char *path,
                                       const struct film_result *result)
{
    return journal_write(j, &(struct event){.kind = EVENT_DONE,
                                            .name = journal_text(name),
                                            .path = journal_text(path),
                                            .result = (struct film_result *)(uintptr_t)result});
}

static inline enum status journal_failed(struct journal *j, const char *name, const char *path,
                                         const struct journal_failure *f)
{
    struct event e = {.kind = EVENT_FAILED,
                      .name = journal_text(name),
                      .path = journal_text(path),
                      .text = journal_text(f->message),
                      .bytes = f->bytes,
                      .mtime_ns = f->mtime_ns,
                      .seconds = f->seconds,
                      .fault = f->kind,
                      .as.failure = {f->quarantined, f->attempts}};

    snprintf(e.settings_id, sizeof e.settings_id, "%s", f->settings_id ? f->settings_id : "");
    return journal_write(j, &e);
}

static inline enum status journal_heartbeat(struct journal *j, const struct journal_heartbeat *b)
{
    return journal_write(j, &(struct event){.kind = EVENT_HEARTBEAT, .as.heartbeat = *b});
}

static inline enum status journal_end(struct journal *j, int exit_code)
{
    return journal_write(j, &(struct event){.kind = EVENT_END, .as.exit_code = exit_code});
}

#endif
