/* event: a line of a journal, read. */
#ifndef JACQUARD_CATALOG_STORE_EVENT_H
#define JACQUARD_CATALOG_STORE_EVENT_H

#include "catalog/store/history.h"

#include <stddef.h>

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
    char *name, *path;          /* FILM to FAILED; FILM, DONE, FAILED; heap */
    char *text;                 /* message of FAULT and FAILED, settings of RUN, NULL where they are no object; heap */
    char *command;              /* RUN; heap */
    size_t run, film;           /* numbers, the reader's to set: 0 */
    struct film_result *result; /* DONE; heap */
    union {
        struct {
            int64_t bytes, mtime_ns;
            double cost;
            int n_pieces;
        } film; /* FILM, COST */
        struct {
            char kind[8];
            int piece, rank, worker;
            bool counts;
        } task; /* START, STEP, FAULT */
        struct {
            enum fault_kind kind;
            bool quarantined;
            int64_t bytes, mtime_ns;
            double seconds;
            char settings_id[65];
        } failure;                          /* FAILED */
        struct journal_heartbeat heartbeat; /* HEARTBEAT */
        int exit_code;                      /* END */
        char settings_id[65];               /* RUN; "" where it does not say */
    } as;
};

/* ST_FORMAT, without a message, where the line is none that a journal writes; ST_NOMEM. */
enum status event_read(const char *line, size_t length, struct event *e);
void event_release(struct event *e);

#endif
