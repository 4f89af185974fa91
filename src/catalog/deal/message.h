/* message: what the ranks of a catalogue tell each other: the dealer (on rank 0) and the hands (one a rank, rank 0
 * too). Plain data, as it is. */
#ifndef JACQUARD_CATALOG_DEAL_MESSAGE_H
#define JACQUARD_CATALOG_DEAL_MESSAGE_H

#include "catalog/work/lanes.h"

enum message_kind {
    /* to the dealer */
    MESSAGE_HELLO,    /* once, first */
    MESSAGE_OUTCOME,  /* of lane's order */
    MESSAGE_PROGRESS, /* now and then */
    MESSAGE_SIGNALS,  /* so many have come to this rank */
    MESSAGE_LOST,     /* lane's process cannot be started again */
    /* to a hand */
    MESSAGE_ORDER,
    MESSAGE_DRAIN,
    MESSAGE_STOP,
    MESSAGE_END /* the last one */
};

struct message_hello {
    int n_lanes;
    char host[64];
    struct wire_ready ready;
};

struct message_end {
    enum status st;
    char text[STATUS_MESSAGE_BYTES];
};

struct message {
    enum message_kind kind;
    int lane;
    union {
        struct message_hello hello;
        struct outcome outcome;
        float progress[LANES_MAX]; /* 0 to 1 */
        int n_signals;
        struct work_order order;
        struct message_end end;
    } as;
};

/* Posts the part of the message that its kind uses. */
enum status message_post(struct comm *comm, int to, const struct message *m);
/* The next one that came, *from -1 where there is none. ST_COMM for one that cannot be: of another length, with numbers
 * out of range or texts without an end. */
enum status message_take(struct comm *comm, struct message *m, int *from);

static inline bool message_is_for_dealer(const struct message *m)
{
    return m->kind <= MESSAGE_LOST;
}

#endif
