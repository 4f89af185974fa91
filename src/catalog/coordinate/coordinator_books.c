/* coordinator_books: what an outcome means for its film, for the totals, for what is dealt next and for the journal. */
#include "catalog/coordinate/coordinator_parts.h"

#include "barcode/piece_files.h"
#include "base/log.h"
#include "catalog/out_path.h"
#include "catalog/store/outputs.h"

struct event coordinator_describe_task(const struct coordinator *d, const struct worker_state *worker,
                                       enum event_kind kind)
{
    const struct task *t = &worker->task;
    struct event e = {
        .kind = kind,
        .name = d->setup.listing->film[t->film].name,
        .as.task = {.piece = t->piece, .n_pieces = t->n_pieces, .rank = worker->rank, .worker = worker->number}};

    snprintf(e.as.task.kind, sizeof e.as.task.kind, "%s", task_kind_names[t->kind]);
    snprintf(e.as.task.host, sizeof e.as.task.host, "%s", d->hello[worker->rank].host);
    return e;
}

static enum status book_probe(struct coordinator *d, const struct outcome *o)
{
    const struct listing_film *film = &d->setup.listing->film[o->task.film];

    d->n_probes--;
    d->film[o->task.film].cost = o->cost;
    schedule_end(d->schedule, &o->task, TASK_DONE);
    if (!d->setup.journal)
        return ST_OK;
    schedule_add_film(d->schedule, o->task.film, o->cost, 0);
    return journal_write(d->setup.journal, &(struct event){.kind = EVENT_COST,
                                                           .name = film->name,
                                                           .bytes = film->bytes,
                                                           .mtime_ns = film->mtime_ns,
                                                           .as.cost.cost = o->cost});
}

static enum status book_film(struct coordinator *d, const struct outcome *o)
{
    const struct listing_film *film = &d->setup.listing->film[o->task.film];
    struct deal_film *f = &d->film[o->task.film];
    struct film_result result = o->result;

    schedule_end(d->schedule, &o->task, TASK_DONE);
    result.seconds = f->seconds;
    result.index_seconds = f->index_seconds;
    result.extract_seconds = f->extract_seconds;
    result.write_seconds = f->write_seconds;
    f->state = FILM_IS_DONE;
    d->totals.n_done++;
    d->totals.columns += result.columns;
    d->totals.frames += result.frames;
    d->totals.film_seconds += result.film_seconds;
    return journal_write(
        d->setup.journal,
        &(struct event){.kind = EVENT_DONE, .name = film->name, .path = film->path, .result = &result});
}

/* A film that has changed and cannot be read any more must not look done by what it once was. What only cannot be
 * reached keeps its results. */
static void forget_results(const struct coordinator *d, const struct outcome *o)
{
    const struct resume_film *r = &d->setup.resume[o->task.film];
    const bool is_of_film = o->fault == FAULT_NOT_A_FILM || o->fault == FAULT_INCOMPLETE || o->fault == FAULT_FORMAT;

    if (is_of_film && r->before && r->before->result)
        outputs_remove(d->setup.config->out, r->before->name, r->before->result);
}

static enum status give_film_up(struct coordinator *d, const struct outcome *o, bool quarantined)
{
    const struct listing_film *film = &d->setup.listing->film[o->task.film];
    struct deal_film *f = &d->film[o->task.film];
    struct event failed = {.kind = EVENT_FAILED,
                           .name = film->name,
                           .path = film->path,
                           .text = (char *)(uintptr_t)o->message,
                           .bytes = film->bytes,
                           .mtime_ns = film->mtime_ns,
                           .seconds = f->seconds,
                           .fault = o->fault,
                           .as.failure = {quarantined, f->n_tries}};
    char store[OUT_PATH_BYTES];

    if (d->setup.journal) {
        out_path_store(d->setup.config->out, film->name, store);
        piece_files_remove(store);
        forget_results(d, o);
    }
    schedule_end(d->schedule, &o->task, TASK_DROPPED);
    d->n_probes -= o->task.kind == TASK_PROBE;
    f->state = FILM_HAS_FAILED;
    d->totals.n_failed++;
    display_clear(&d->display);
    log_note("failed: %s", o->message);
    snprintf(failed.settings_id, sizeof failed.settings_id, "%s", d->setup.settings_id);
    return journal_write(d->setup.journal, &failed);
}

/* What brings a decoder down again and again is the film's fault, over all runs; what comes from outside (a process
 * that somebody killed, a GPU) counts in one run only. */
static enum status book_fault(struct coordinator *d, const struct worker_state *worker, const struct outcome *o)
{
    struct deal_film *f = &d->film[o->task.film];
    struct event fault = coordinator_describe_task(d, worker, EVENT_FAULT);

    /* Tried here too: a worker process that a film has taken over may say anything. */
    if (o->is_output_fault)
        TRY(outputs_can_be_written(d->setup.config->out));
    if (!o->again)
        return give_film_up(d, o, false);
    f->n_faults++;
    if (f->n_faults >= d->setup.config->tries)
        return give_film_up(d, o, o->fault == FAULT_CRASH);
    schedule_end(d->schedule, &o->task, TASK_AGAIN);
    fault.text = (char *)(uintptr_t)o->message;
    fault.fault = o->fault;
    fault.as.task.counts = o->fault == FAULT_CRASH || o->fault == FAULT_TIMEOUT || o->fault == FAULT_MEMORY;
    return journal_write(d->setup.journal, &fault);
}

static enum status book_end(struct coordinator *d, const struct worker_state *worker, const struct outcome *o)
{
    struct event step = coordinator_describe_task(d, worker, EVENT_STEP);

    switch (o->end) {
    case OUTCOME_DONE:
        if (o->task.kind == TASK_PROBE)
            return book_probe(d, o);
        if (o->task.kind == TASK_FILM || o->task.kind == TASK_JOIN)
            return book_film(d, o);
        schedule_end(d->schedule, &o->task, TASK_DONE);
        break;
    case OUTCOME_UNSPLIT:
        schedule_end(d->schedule, &o->task, TASK_UNSPLIT);
        break;
    case OUTCOME_DRAINED:
    case OUTCOME_STOPPED:
        schedule_end(d->schedule, &o->task, TASK_AGAIN);
        break;
    case OUTCOME_FAULT:
        return book_fault(d, worker, o);
    }
    step.seconds = o->seconds;
    return journal_write(d->setup.journal, &step);
}

static void add_seconds(struct coordinator *d, const struct outcome *o)
{
    struct deal_film *f = &d->film[o->task.film];

    f->seconds += o->seconds;
    f->index_seconds += o->result.index_seconds;
    f->extract_seconds += o->result.extract_seconds;
    f->write_seconds += o->result.write_seconds;
    d->totals.index_seconds += o->result.index_seconds;
    d->totals.extract_seconds += o->result.extract_seconds;
    d->totals.write_seconds += o->result.write_seconds;
}

enum status coordinator_book(struct coordinator *d, const struct worker_state *worker, const struct outcome *o)
{
    add_seconds(d, o);
    if (d->film[o->task.film].state != FILM_WAITS) {
        schedule_end(d->schedule, &o->task, TASK_DONE); /* a piece of a film that was given up meanwhile */
        return ST_OK;
    }
    return book_end(d, worker, o);
}
