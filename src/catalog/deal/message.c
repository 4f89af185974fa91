#include "catalog/deal/message.h"

#include <stddef.h>
#include <string.h>

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

/* --- what can be meant -------------------------------------------------------------------------------------------- */

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
    return t->kind < N_TASK_KINDS && t->film >= 0 && t->piece >= 0 && t->piece < SCHEDULE_MOST_PIECES &&
           t->n_pieces >= 0 && t->n_pieces <= SCHEDULE_MOST_PIECES && is_truth(&t->unsplit) && is_number(t->cost);
}

static bool is_hello(const struct message_hello *h)
{
    return h->n_lanes >= 0 && h->n_lanes <= LANES_MAX && ENDS(h->host) && h->ready.threads >= 1 &&
           is_truth(&h->ready.has_device) && ENDS(h->ready.backend) && ENDS(h->ready.sandbox);
}

static bool is_result(const struct film_result *r)
{
    for (int i = 0; i < MAX_OUTPUTS; i++)
        if (!ENDS(r->output[i].suffix) || !ENDS(r->output[i].sha256))
            return false;
    return ENDS(r->fingerprint) && ENDS(r->container) && ENDS(r->codec) && ENDS(r->pixel_format) &&
           ENDS(r->settings_id) && ENDS(r->note) && ENDS(r->notes) && is_number(r->film_seconds) &&
           is_number(r->seconds) && is_number(r->index_seconds) && is_number(r->weave_seconds) &&
           is_number(r->write_seconds) && r->n_outputs >= 0 && r->n_outputs <= MAX_OUTPUTS && r->card.n_bins >= 0 &&
           r->card.n_bins <= CARD_MAX_BINS && is_number(r->card.hue + 1.0) && is_number(r->card.lightness) &&
           is_number(r->card.chroma);
}

static bool is_outcome(const struct outcome *o)
{
    return is_task(&o->task) && o->end <= OUTCOME_STOPPED && o->fault < N_FAULT_KINDS && ENDS(o->message) &&
           is_number(o->seconds) && is_number(o->cost) && is_result(&o->result);
}

static bool is_progress(const float *progress)
{
    for (int i = 0; i < LANES_MAX; i++)
        if (!(progress[i] >= 0.0f && progress[i] <= 1.0f))
            return false;
    return true;
}

static bool is_lane(const struct message *m)
{
    return m->lane >= 0 && m->lane < LANES_MAX;
}

/* Lanes' outcomes come tamed (work/tame.h), so that this is only about ranks. */
static bool is_sound(const struct message *m)
{
    switch (m->kind) {
    case MESSAGE_HELLO:
        return is_hello(&m->as.hello);
    case MESSAGE_OUTCOME:
        return is_lane(m) && is_outcome(&m->as.outcome);
    case MESSAGE_PROGRESS:
        return is_progress(m->as.progress);
    case MESSAGE_SIGNALS:
        return m->as.n_signals >= 0;
    case MESSAGE_LOST:
        return is_lane(m);
    case MESSAGE_ORDER:
        return is_lane(m) && is_task(&m->as.order.task) && ENDS(m->as.order.path) && ENDS(m->as.order.name);
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
        return FAIL(ST_COMM, "rank %d sent a message (%d) that cannot be meant", *from, (int)m->kind);
    return ST_OK;
}
