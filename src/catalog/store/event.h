/* event: a line of a journal, written and read. */
#ifndef JACQUARD_CATALOG_STORE_EVENT_H
#define JACQUARD_CATALOG_STORE_EVENT_H

#include "catalog/store/history.h"

#include <stddef.h>
#include <stdio.h>

enum event_kind {
    EVENT_RUN,
    EVENT_FILM,
    EVENT_COST,
    EVENT_START,
    EVENT_STEP,
    EVENT_FAULT,
    EVENT_DONE,
    EVENT_FAILED,
    EVENT_HEARTBEAT,
    EVENT_END,
    N_EVENT_KINDS,
    EVENT_UNKNOWN = N_EVENT_KINDS /* of a later version */
};

struct event {
    double time; /* seconds since the epoch */
    enum event_kind kind;
    char *name, *path;          /* FILM to FAILED, as the outputs are called; FILM, DONE, FAILED. Heap when it was read,
                                   as are the next three */
    char *text;                 /* message of FAULT and FAILED, settings of RUN, NULL where they are no object */
    char *command;              /* RUN */
    struct film_result *result; /* DONE */
    size_t run, film;           /* numbers, the reader's to set: 0 */
    int64_t bytes, mtime_ns;    /* FILM, COST, FAILED */
    double seconds;             /* STEP (written only), FAILED */
    enum fault_kind fault;      /* FAULT (written only), FAILED */
    char settings_id[65];       /* RUN, "" where it does not say; FAILED */
    union {
        struct {
            double cost;  /* estimated core seconds; < 0 when read: not known */
            int n_pieces; /* once decided, else 0 */
        } cost;           /* COST, which ends a probe */
        struct {
            char kind[8]; /* task_kind_names */
            int piece, rank, worker;
            bool counts;   /* FAULT, which will be repeated: a later run shall count it against the film too */
            int n_pieces;  /* written only */
            char host[65]; /* written only */
        } task;            /* a task in the hands of a worker process: START, STEP (it ended well), FAULT */
        struct {
            bool quarantined;               /* a poison film, it brought down `attempts` decoders */
            int attempts;                   /* written only */
        } failure;                          /* FAILED */
        struct journal_heartbeat heartbeat; /* HEARTBEAT */
        int exit_code;                      /* END */
    } as;
};

/* The line's members from "event" on, each with a comma before it; of RUN that one alone. */
void event_print(FILE *file, const struct event *e);

/* ST_FORMAT, without a message, where the line is none that a journal writes; ST_NOMEM. */
enum status event_read(const char *line, size_t length, struct event *e);
void event_release(struct event *e);

#endif
