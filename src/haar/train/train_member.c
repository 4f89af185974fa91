/* train_member: one member's training: images into instances of the backend, rounds, checkpoints, the log. Within the
 * rounds ranks cannot agree on the fault of one, so that rank ends the job. */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "haar/train/boosting.h"
#include "haar/train/checkpoint.h"
#include "haar/data/loader.h"
#include "haar/train/train_job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct member {
    struct train_job *job;
    int number;
    struct model model; /* settings and one member */
    char *checkpoint;   /* or NULL */
    char *log_path;     /* or NULL */
    FILE *log;          /* the team's rank 0 */
    struct boosting boosting;
    double sum_log2_z;
};

/* ---- open, close ---- */

static enum status open_instance(struct train_job *job, const struct dataset *set, int n_copies, uint64_t seed,
                                 bool is_searching, void **out)
{
    struct boost_setup setup = train_setup(job, loader_n_images(set, n_copies));
    const struct loader loader = {.ops = job->resources.ops->boost,
                                  .preprocess = job->model.settings.preprocess,
                                  .n_copies = n_copies,
                                  .seed = seed,
                                  .pool = job->pool};

    setup.is_searching = is_searching;
    return loader_open(&loader, &setup, set, out);
}

static enum status open_files(struct member *m)
{
    const struct train_config *c = m->job->config;

    if (c->checkpoint && !(m->checkpoint = checkpoint_path(c->checkpoint, m->number, c->n_members)))
        return ST_NOMEM;
    if (c->log && !(m->log_path = checkpoint_path(c->log, m->number, c->n_members)))
        return ST_NOMEM;
    return c->resume ? checkpoint_read(m->checkpoint, &m->model) : ST_OK;
}

static enum status open_member(struct member *m)
{
    struct train_job *job = m->job;
    struct boosting *b = &m->boosting;
    const uint64_t seed = job->model.settings.seed + (uint64_t)m->number;

    m->model = (struct model){.width = job->model.width,
                              .height = job->model.height,
                              .n_classes = job->model.n_classes,
                              .settings = job->model.settings};
    TRY(model_add_member(&m->model, seed));
    TRY(open_files(m));
    *b = train_boosting(job, &m->model.settings, seed);
    /* The training images last: their instance takes what memory is left for bins. */
    if (job->config->log && m->model.settings.n_validation > 0)
        TRY(open_instance(job, &job->held_out, 0, seed, false, &b->held_out));
    TRY(open_instance(job, &job->train, m->model.settings.elastic, seed, true, &b->train));
    return boosting_init(b);
}

/* Collective. Nodes may see different checkpoints under one name, or one of them none. */
static enum status compare_resumed(struct member *m)
{
    char mine[65] = "";
    bool is_same;

    TRY(comm_agree(&m->job->team, model_digest(&m->model, mine)));
    TRY(comm_is_same(&m->job->team, mine, sizeof mine, &is_same));
    return comm_agree(&m->job->team,
                      is_same ? ST_OK : FAIL(ST_FORMAT, "%s is not the same file as on rank 0", m->checkpoint));
}

static void close_member(struct member *m)
{
    boosting_release(&m->boosting);
    loader_close(m->job->resources.ops->boost, &m->boosting.held_out);
    loader_close(m->job->resources.ops->boost, &m->boosting.train);
    if (m->log)
        fclose(m->log);
    free(m->log_path);
    free(m->checkpoint);
    model_release(&m->model);
}

/* ---- the log ---- */

static const char log_head[] = "member,round,log2_z,sum_log2_z,leaves,active,train_errors,held_out_errors,seconds\n";

/* The log of what the checkpoint holds is kept: the first n_rounds rows of what was there. */
static enum status keep_rows(struct member *m)
{
    FILE *old = m->job->config->resume ? fopen(m->log_path, "r") : NULL;
    char line[256];
    enum status st = ST_OK;

    for (int row = 0; old && row <= m->model.member[0].n_rounds && fgets(line, sizeof line, old); row++)
        if (row > 0 && fputs(line, m->log) == EOF)
            st = FAIL(ST_IO, "%s: %s", m->log_path, strerror(errno));
    if (old)
        fclose(old);
    return st;
}

/* Written anew beside the old one, then in its place; from there on it grows. */
static enum status open_log(struct member *m)
{
    struct file_out out;
    enum status st;

    if (!m->log_path || m->job->team.rank > 0)
        return ST_OK;
    TRY(file_out_open(&out, m->log_path, true));
    m->log = out.stream;
    st = fputs(log_head, m->log) == EOF ? FAIL(ST_IO, "%s: %s", m->log_path, strerror(errno)) : keep_rows(m);
    m->log = NULL;
    TRY(file_out_end(&out, st));
    m->log = fopen(m->log_path, "a");
    return m->log ? ST_OK : FAIL(ST_IO, "%s: %s", m->log_path, strerror(errno));
}

/* A line a round, flushed at once, so that the log can be followed. */
static enum status log_round(struct member *m, const struct model_round *learnt, const struct boosting_round *outcome)
{
    int64_t n_train = 0, n_held_out = 0;

    if (!m->log_path)
        return ST_OK;
    TRY(boosting_errors(&m->boosting, &n_train, &n_held_out));
    if (m->log &&
        (fprintf(m->log, "%d,%d,%.6f,%.6f,%d,%lld,%lld,%lld,%.3f\n", m->number + 1, m->model.member[0].n_rounds,
                 outcome->log2_z, m->sum_log2_z, learnt->weak.n_leaves, (long long)outcome->n_active,
                 (long long)n_train, (long long)n_held_out, clock_seconds() - m->job->started) < 0 ||
         fflush(m->log) != 0))
        return FAIL(ST_IO, "%s: %s", m->log_path, strerror(errno));
    return ST_OK;
}

/* ---- rounds ---- */

static enum status save_checkpoint(struct member *m)
{
    struct comm *team = &m->job->team;

    return comm_agree(team, team->rank == 0 ? model_write(&m->model, m->checkpoint, true) : ST_OK);
}

/* Within the rounds the team is in a collective: a fault of this rank alone must end them too. */
static enum status end_team(struct train_job *job, enum status st)
{
    if (job->team.size > 1)
        comm_end_ranks(job->world, st);
    return st;
}

static void show_progress(struct member *m)
{
    const struct train_config *c = m->job->config;
    const int n_rounds = m->model.member[0].n_rounds;
    char detail[64];

    snprintf(detail, sizeof detail, "round %d, log2 Z %.2f", n_rounds, m->sum_log2_z);
    progress_show(&m->job->progress, (int64_t)m->number * c->settings.rounds + n_rounds,
                  (int64_t)c->n_members * c->settings.rounds, detail);
}

static enum status train_round(struct member *m, bool *is_stopping)
{
    struct model_round learnt;
    struct boosting_round outcome = {0};
    enum status st;

    st = boosting_step(&m->boosting, m->model.member[0].n_rounds, atomic_load(m->job->stop) != 0, &learnt, &outcome);
    if (st == ST_OK)
        st = model_add_round(&m->model, &learnt);
    m->sum_log2_z += outcome.log2_z;
    if (st == ST_OK)
        st = log_round(m, &learnt, &outcome);
    *is_stopping = outcome.is_stopping;
    free(learnt.votes);
    return st;
}

static enum status train_rounds(struct member *m)
{
    struct train_job *job = m->job;
    const struct model_member *member = &m->model.member[0];
    const int last = m->model.settings.rounds;

    TRY(end_team(job, boosting_resume(&m->boosting, member)));
    for (int i = 0; i < member->n_rounds; i++)
        m->sum_log2_z += member->round[i].loss / (double)HAAR_OCTAVE;
    if (member->n_rounds > 0)
        log_note("%s: going on after round %d", m->checkpoint, member->n_rounds);
    while (member->n_rounds < last && !job->is_stopped && !boosting_is_exhausted(&m->boosting)) {
        bool is_stopping = false;
        int64_t n_busy;

        TRY(end_team(job, train_round(m, &is_stopping)));
        job->rounds_done++;
        show_progress(m);
        if (job->plan.deals_members)
            TRY(train_exchange(job, true, false, &n_busy));
        else
            job->is_stopped = is_stopping && member->n_rounds < last;
        if (m->checkpoint &&
            (job->is_stopped || member->n_rounds == last || member->n_rounds % job->config->checkpoint_every == 0))
            TRY(save_checkpoint(m));
    }
    if (boosting_is_exhausted(&m->boosting)) {
        log_note(
            "member %d ends after round %d: its weights have shrunk so far that more rounds would change no answer",
            m->number + 1, member->n_rounds);
        return m->checkpoint ? save_checkpoint(m) : ST_OK;
    }
    return ST_OK;
}

/* ---- all of it ---- */

/* The finished member is moved into the job's model. */
static enum status keep_member(struct train_job *job, struct model *from)
{
    TRY(model_add_member(&job->model, from->member[0].seed));
    job->model.member[job->model.n_members - 1] = from->member[0];
    from->n_members = 0;
    return ST_OK;
}

enum status train_member(struct train_job *job, int number)
{
    struct member m = {.job = job, .number = number};
    enum status st;

    TRY_OR(done, st, comm_agree(&job->team, open_member(&m)));
    if (job->config->resume)
        TRY_OR(done, st, compare_resumed(&m));
    TRY_OR(done, st, comm_agree(&job->team, open_log(&m)));
    TRY_OR(done, st, train_rounds(&m));
    if (!job->is_stopped)
        st = comm_agree(&job->team, keep_member(job, &m.model));
done:
    close_member(&m);
    return st;
}
