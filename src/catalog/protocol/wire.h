/* wire: messages between a rank and its worker processes, over a local socket that keeps their boundaries
 * (SEQPACKET). */
#ifndef JACQUARD_CATALOG_PROTOCOL_WIRE_H
#define JACQUARD_CATALOG_PROTOCOL_WIRE_H

#include "catalog/protocol/task_request.h"

#include <stddef.h>
#include <stdint.h>

enum wire_kind {
    /* to the worker process */
    WIRE_SETUP,   /* struct worker_setup, first */
    WIRE_ROOT,    /* a path, n_roots times */
    WIRE_REQUEST, /* struct task_request */
    WIRE_DRAIN,   /* end soon, keep what is done */
    WIRE_STOP,    /* end at once */
    /* from it */
    WIRE_READY,    /* struct wire_ready: it takes requests */
    WIRE_REFUSE,   /* text: it cannot start */
    WIRE_PROGRESS, /* struct wire_progress, while it works */
    WIRE_OUTCOME   /* struct outcome */
};

struct wire_ready {
    int threads;       /* processor threads that the rank may use */
    bool has_device;   /* computes on a GPU */
    char backend[320]; /* as resources_describe tells it */
    char sandbox[256]; /* as sandbox_seal tells it */
};

struct wire_progress {
    int64_t done, total;
};

/* The largest of them. */
enum { WIRE_ROOM = 32 << 10 };
_Static_assert(sizeof(struct outcome) + 8 <= WIRE_ROOM && sizeof(struct task_request) + 8 <= WIRE_ROOM, "messages fit");

/* Waits until it is sent. False when the other end is gone. */
bool wire_send(int socket, enum wire_kind kind, const void *data, size_t bytes);

/* One message, waiting for it; *bytes of data (room WIRE_ROOM). False when the other end is gone. */
bool wire_receive(int socket, enum wire_kind *kind, void *data, size_t *bytes);

#endif
