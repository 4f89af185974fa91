/* message: what the ranks of a catalogue tell each other: the coordinator (on rank 0) and the agents (one a rank, rank
 * 0 too). Plain data, as it is. */
#ifndef JACQUARD_CATALOG_PROTOCOL_MESSAGE_H
#define JACQUARD_CATALOG_PROTOCOL_MESSAGE_H

#include "catalog/protocol/wire.h"
#include "mpi/comm.h"

enum message_kind {
    /* to the coordinator */
    MESSAGE_HELLO,    /* once, first */
    MESSAGE_OUTCOME,  /* of a worker process's request */
    MESSAGE_PROGRESS, /* now and then */
    MESSAGE_SIGNALS,  /* so many have come to this rank */
    MESSAGE_LOST,     /* a worker process cannot be started again */
    /* to an agent */
    MESSAGE_REQUEST,
    MESSAGE_DRAIN,
    MESSAGE_STOP,
    MESSAGE_END /* the last one */
};

struct message_hello {
    int n_workers;
    char host[64];
    struct wire_ready ready;
};

struct message_end {
    enum status st;
    char text[STATUS_MESSAGE_BYTES];
};

struct message {
    enum message_kind kind;
    int worker;
    union {
        struct message_hello hello;
        struct outcome outcome;
        float progress[WORKERS_MAX]; /* 0 to 1 */
        int n_signals;
        struct task_request request;
        struct message_end end;
    } as;
};

/* Posts the part of the message that its kind uses. */
enum status message_post(struct comm *comm, int to, const struct message *m);
/* The next one that came, *from -1 where there is none. ST_COMM for one that cannot be: of another length, with numbers
 * out of range or texts without an end. */
enum status message_take(struct comm *comm, struct message *m, int *from);

static inline bool message_is_for_coordinator(const struct message *m)
{
    return m->kind <= MESSAGE_LOST;
}

#endif
