/* history: what the journals of a catalogue tell, all runs taken together. Local. */
#ifndef JACQUARD_CATALOG_STORE_HISTORY_H
#define JACQUARD_CATALOG_STORE_HISTORY_H

#include "base/status.h"
#include "catalog/store/result.h"

#include <stdbool.h>
#include <stdint.h>

/* Why a film failed, or a try of it. */
enum fault_kind {
    FAULT_UNREADABLE, /* no such file, no permission, no regular file, read error */
    FAULT_NOT_A_FILM, /* no container or no video that can be decoded */
    FAULT_INCOMPLETE, /* truncated or with holes: counted against its index */
    FAULT_FORMAT,     /* any other fault in the film */
    FAULT_SETTINGS,   /* a film without fault that these settings do not fit */
    FAULT_CRASH,      /* the decoder died of a signal or by abort */
    FAULT_TIMEOUT,    /* took longer than --film-timeout, or did not move on */
    FAULT_MEMORY,     /* took more than --film-memory */
    FAULT_KILLED,     /* its process was killed from outside (the kernel's out-of-memory killer, or a person) */
    FAULT_DEVICE,     /* the GPU or its driver */
    FAULT_OTHER,
    N_FAULT_KINDS
};
extern const char *const fault_names[N_FAULT_KINDS]; /* "unreadable", "not-a-film", "incomplete", "damaged", "settings",
                                                        "crash", "timeout", "memory", "killed", "device", "other" */

struct journal_heartbeat { /* how far a run is */
    int64_t n_done, n_failed, n_left, n_running;
    double cost_done, cost_left, eta_seconds; /* eta < 0: not known */
};

enum film_state { STATE_LEFT, STATE_DONE, STATE_FAILED, STATE_QUARANTINED };
extern const char *const state_names[4]; /* "left", "done", "failed", "quarantined" */

struct history_film {
    char *name, *path;       /* path: NULL where no line that could be read says it */
    int64_t bytes, mtime_ns; /* as last seen */
    enum film_state state;   /* the last of done, failed; LEFT where neither, or the film changed since */
    bool running; /* begun by a run that goes on (it has neither ended nor been silent for a minute), not ended since */
    int n_running; /* tasks of it that run; the next three are of the one that began first */
    char running_kind[8];
    int running_rank;
    double running_since; /* seconds since the epoch */
    double state_time;    /* likewise: when it became done or failed; 0: LEFT */
    int n_counted_faults; /* since the film last changed or was done: crashes, timeouts, memory */
    int attempts; /* starts of a PROBE, FILM or INDEX since the film changed or, if begun anew, since it was done; a
                     PROBE that ended well counts no more: 1 = done at first go */
    double cost;  /* < 0: not known */
    int n_pieces; /* 0: not known */
    struct film_result *result; /* STATE_DONE; heap */
    struct {                    /* STATE_FAILED, STATE_QUARANTINED */
        enum fault_kind kind;
        char *message, settings_id[65];
        double seconds;
    } failure;
};

struct history_run { /* what one journal tells; times in seconds since the epoch, 0: none */
    double started;  /* of its "run" line, or of its first where that is torn */
    double heartbeat_time, last_line;
    bool has_ended, is_live; /* live: it has neither ended nor been silent for a minute, by this host's clock */
    int exit_code;
    struct journal_heartbeat heartbeat;
    char settings_id[65];          /* "" where it does not say */
    char *settings_text, *command; /* heap; settings_text one JSON object or NULL; both NULL without a "run" line */
};

struct history {
    int64_t n;
    struct history_film *film;   /* [n] sorted by name, byte by byte */
    int64_t n_runs;              /* journals with a line that can be read */
    int64_t n_bad_lines;         /* that could not be read and were passed over */
    int64_t n_live_runs;         /* that are live */
    double live_run_start;       /* of the first of them, seconds since the epoch */
    double live_eta_seconds;     /* the longest that one of them tells; < 0: none does */
    struct history_run last_run; /* the one that began last; {0} without one */
};

/* Merges all journals of OUT in the order of their times. No journal folder: n_runs = 0, not a fault. What cannot be
 * read of a journal is no fault: its lines are counted, noted (again only when they are more) and passed over; so are,
 * silently, events that this version does not know. ST_USAGE where a journal cannot be opened, ST_IO where reading it
 * fails: films would be taken for undone. *h ends with history_release, also after a failure. One thread at a time. */
enum status history_read(const char *out, struct history *h);
void history_release(struct history *h);
const struct history_film *history_find(const struct history *h, const char *name); /* NULL: unknown */

static inline bool history_has_failed(const struct history_film *film)
{
    return film->state == STATE_FAILED || film->state == STATE_QUARANTINED;
}

#endif
