#include "catalog/coordinate/agent.h"
#include "catalog/workers/workers.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdlib.h>
#include <unistd.h>

static const double progress_seconds = 0.5;

enum status agent_open(struct agent *h, struct comm *comm, struct workers **workers, const struct wire_ready *ready,
                       const atomic_int *n_signals)
{
    struct message m = {.kind = MESSAGE_HELLO};

    *h = (struct agent){.comm = comm, .workers = *workers, .n_signals = n_signals};
    *workers = NULL;
    h->lost_told = mem_array(WORKERS_MAX, sizeof *h->lost_told);
    TRY_MEM(h->lost_told);
    m.as.hello.n_workers = workers_count(h->workers);
    m.as.hello.ready = *ready;
    gethostname(m.as.hello.host, sizeof m.as.hello.host - 1);
    return message_post(comm, 0, &m);
}

void agent_close(struct agent *h)
{
    workers_close(&h->workers);
    free(h->lost_told);
    h->lost_told = NULL;
}

static enum status tell_outcomes(struct agent *h)
{
    struct message m = {.kind = MESSAGE_OUTCOME};

    while (workers_take(h->workers, &m.worker, &m.as.outcome))
        TRY(message_post(h->comm, 0, &m));
    return ST_OK;
}

static enum status tell_lost(struct agent *h)
{
    struct message m = {.kind = MESSAGE_LOST};

    for (m.worker = 0; m.worker < workers_count(h->workers); m.worker++) {
        if (!workers_is_lost(h->workers, m.worker) || h->lost_told[m.worker])
            continue;
        h->lost_told[m.worker] = true;
        TRY(message_post(h->comm, 0, &m));
    }
    return ST_OK;
}

static enum status tell_signals(struct agent *h)
{
    struct message m = {.kind = MESSAGE_SIGNALS};

    m.as.n_signals = atomic_load(h->n_signals);
    if (m.as.n_signals == h->n_signals_told)
        return ST_OK;
    h->n_signals_told = m.as.n_signals;
    return message_post(h->comm, 0, &m);
}

static enum status tell_progress(struct agent *h)
{
    struct message m = {.kind = MESSAGE_PROGRESS};
    const double now = clock_seconds();

    if (now - h->told < progress_seconds)
        return ST_OK;
    h->told = now;
    for (int i = 0; i < workers_count(h->workers); i++)
        m.as.progress[i] = (float)workers_progress(h->workers, i);
    return message_post(h->comm, 0, &m);
}

enum status agent_step(struct agent *h, double seconds)
{
    workers_wait(h->workers, seconds);
    TRY(tell_outcomes(h));
    TRY(tell_lost(h));
    TRY(tell_signals(h));
    return tell_progress(h);
}

enum status agent_on_message(struct agent *h, const struct message *m)
{
    switch (m->kind) {
    case MESSAGE_REQUEST:
        workers_give(h->workers, m->worker, &m->as.request);
        return ST_OK;
    case MESSAGE_DRAIN:
        workers_drain(h->workers);
        return ST_OK;
    case MESSAGE_STOP:
        workers_stop(h->workers);
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
    return FAIL(ST_BUG, "an agent was sent message %d", (int)m->kind);
}
