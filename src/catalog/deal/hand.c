#include "catalog/deal/hand.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdlib.h>
#include <unistd.h>

static const double progress_seconds = 0.5;

enum status hand_open(struct hand *h, struct comm *comm, struct lanes **lanes, const struct wire_ready *ready,
                      const atomic_int *n_signals)
{
    struct message m = {.kind = MESSAGE_HELLO};

    *h = (struct hand){.comm = comm, .lanes = *lanes, .n_signals = n_signals};
    *lanes = NULL;
    h->lost_told = mem_array(LANES_MAX, sizeof *h->lost_told);
    if (!h->lost_told)
        return ST_NOMEM;
    m.as.hello.n_lanes = lanes_count(h->lanes);
    m.as.hello.ready = *ready;
    gethostname(m.as.hello.host, sizeof m.as.hello.host - 1);
    return message_post(comm, 0, &m);
}

void hand_close(struct hand *h)
{
    lanes_close(&h->lanes);
    free(h->lost_told);
    h->lost_told = NULL;
}

static enum status tell_outcomes(struct hand *h)
{
    struct message m = {.kind = MESSAGE_OUTCOME};

    while (lanes_take(h->lanes, &m.lane, &m.as.outcome))
        TRY(message_post(h->comm, 0, &m));
    return ST_OK;
}

static enum status tell_lost(struct hand *h)
{
    struct message m = {.kind = MESSAGE_LOST};

    for (m.lane = 0; m.lane < lanes_count(h->lanes); m.lane++) {
        if (!lanes_is_lost(h->lanes, m.lane) || h->lost_told[m.lane])
            continue;
        h->lost_told[m.lane] = true;
        TRY(message_post(h->comm, 0, &m));
    }
    return ST_OK;
}

static enum status tell_signals(struct hand *h)
{
    struct message m = {.kind = MESSAGE_SIGNALS};

    m.as.n_signals = atomic_load(h->n_signals);
    if (m.as.n_signals == h->n_signals_told)
        return ST_OK;
    h->n_signals_told = m.as.n_signals;
    return message_post(h->comm, 0, &m);
}

static enum status tell_progress(struct hand *h)
{
    struct message m = {.kind = MESSAGE_PROGRESS};
    const double now = clock_seconds();

    if (now - h->told < progress_seconds)
        return ST_OK;
    h->told = now;
    for (int i = 0; i < lanes_count(h->lanes); i++)
        m.as.progress[i] = (float)lanes_progress(h->lanes, i);
    return message_post(h->comm, 0, &m);
}

enum status hand_step(struct hand *h, double seconds)
{
    lanes_wait(h->lanes, seconds);
    TRY(tell_outcomes(h));
    TRY(tell_lost(h));
    TRY(tell_signals(h));
    return tell_progress(h);
}

enum status hand_hear(struct hand *h, const struct message *m)
{
    switch (m->kind) {
    case MESSAGE_ORDER:
        lanes_give(h->lanes, m->lane, &m->as.order);
        return ST_OK;
    case MESSAGE_DRAIN:
        lanes_drain(h->lanes);
        return ST_OK;
    case MESSAGE_STOP:
        lanes_stop(h->lanes);
        return ST_OK;
    case MESSAGE_END:
        h->end = m->as.end;
        h->is_over = true;
        return ST_OK;
    case MESSAGE_HELLO:
    case MESSAGE_OUTCOME:
    case MESSAGE_PROGRESS:
    case MESSAGE_SIGNALS:
    case MESSAGE_LOST:
        break;
    }
    return FAIL(ST_BUG, "a hand was told message %d", (int)m->kind);
}
