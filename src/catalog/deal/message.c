#include "catalog/deal/message.h"

#include <stddef.h>

static size_t used_bytes(const struct message *m)
{
    const size_t head = offsetof(struct message, as);

    switch (m->kind) {
    case MESSAGE_HELLO:
        return head + sizeof m->as.hello;
    case MESSAGE_OUTCOME:
        return head + sizeof m->as.outcome;
    case MESSAGE_PROGRESS:
        return head + sizeof m->as.progress;
    case MESSAGE_SIGNALS:
        return head + sizeof m->as.n_signals;
    case MESSAGE_ORDER:
        return head + sizeof m->as.order;
    case MESSAGE_END:
        return head + sizeof m->as.end;
    case MESSAGE_LOST:
    case MESSAGE_DRAIN:
    case MESSAGE_STOP:
        break;
    }
    return head;
}

enum status message_post(struct comm *comm, int to, const struct message *m)
{
    return comm_post(comm, to, m, used_bytes(m));
}

enum status message_take(struct comm *comm, struct message *m, int *from)
{
    size_t bytes = 0;

    TRY(comm_take(comm, m, sizeof *m, &bytes, from));
    if (*from >= 0 && (bytes < offsetof(struct message, as) || bytes != used_bytes(m)))
        return FAIL(ST_COMM, "rank %d sent %zu bytes that are no message", *from, bytes);
    return ST_OK;
}
