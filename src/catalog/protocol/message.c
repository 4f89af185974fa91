#include "catalog/protocol/message.h"

#include "catalog/protocol/sanitize.h"

#include <stddef.h>
#include <string.h>

static size_t used_bytes(const struct message *m)
{
    static const size_t used[] = {
        [MESSAGE_HELLO] = sizeof m->as.hello,       [MESSAGE_OUTCOME] = sizeof m->as.outcome,
        [MESSAGE_PROGRESS] = sizeof m->as.progress, [MESSAGE_SIGNALS] = sizeof m->as.n_signals,
        [MESSAGE_REQUEST] = sizeof m->as.request,   [MESSAGE_END] = sizeof m->as.end};

    return offsetof(struct message, as) + ((unsigned)m->kind <= MESSAGE_END ? used[m->kind] : 0);
}

/* --- ranges ------------------------------------------------------------------------------------------------------- */

#define ENDS(text) (memchr((text), 0, sizeof(text)) != NULL)

/* Looked at as a byte: of what is neither, C says nothing. */
static bool is_truth(const bool *truth)
{
    uint8_t byte;

    memcpy(&byte, truth, sizeof byte);
    return byte <= 1;
}

static bool is_number(double v)
{
    return v >= 0.0 && v <= 1e18;
}

static bool is_task(const struct task *t)
{
    return t->kind < N_TASK_KINDS && t->film >= 0 && t->piece >= 0 && t->piece < TASK_MOST_PIECES && t->n_pieces >= 0 &&
           t->n_pieces <= TASK_MOST_PIECES && is_truth(&t->unsplit) && is_number(t->cost);
}

static bool is_hello(const struct message_hello *h)
{
    return h->n_workers >= 0 && h->n_workers <= WORKERS_MAX && ENDS(h->host) && h->ready.threads >= 1 &&
           is_truth(&h->ready.has_device) && ENDS(h->ready.backend) && ENDS(h->ready.sandbox);
}

static bool is_outcome(const struct outcome *o)
{
    return is_task(&o->task) && o->end <= OUTCOME_STOPPED && o->fault < N_FAULT_KINDS && ENDS(o->message) &&
           is_number(o->seconds) && is_number(o->cost) && sanitize_is_sound(o);
}

static bool is_progress(const float *progress)
{
    for (int i = 0; i < WORKERS_MAX; i++)
        if (!(progress[i] >= 0.0f && progress[i] <= 1.0f))
            return false;
    return true;
}

static bool is_worker(const struct message *m)
{
    return m->worker >= 0 && m->worker < WORKERS_MAX;
}

/* Worker processes' outcomes come sanitized (sanitize.h), so that this is only about ranks. */
static bool is_sound(const struct message *m)
{
    switch (m->kind) {
    case MESSAGE_HELLO:
        return is_hello(&m->as.hello);
    case MESSAGE_OUTCOME:
        return is_worker(m) && is_outcome(&m->as.outcome);
    case MESSAGE_PROGRESS:
        return is_progress(m->as.progress);
    case MESSAGE_SIGNALS:
        return m->as.n_signals >= 0;
    case MESSAGE_LOST:
        return is_worker(m);
    case MESSAGE_REQUEST:
        return is_worker(m) && is_task(&m->as.request.task) && ENDS(m->as.request.path) && ENDS(m->as.request.name);
    case MESSAGE_END:
        return m->as.end.st <= ST_BUG && ENDS(m->as.end.text);
    case MESSAGE_DRAIN:
    case MESSAGE_STOP:
        return true;
    }
    return false;
}

/* --- posting, taking ---------------------------------------------------------------------------------------------- */

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
    if (*from >= 0 && !is_sound(m))
        return FAIL(ST_COMM, "rank %d sent a message (kind %d) with a value out of range", *from, (int)m->kind);
    return ST_OK;
}
