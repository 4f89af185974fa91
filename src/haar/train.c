/* train: see train.h. Phases end with all ranks agreeing; within the rounds nobody can agree on one rank's fault, so
 * that rank ends the job. */
#include "haar/train.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "haar/boosting.h"
#include "haar/checkpoint.h"
#include "haar/dataset.h"
#include "haar/feed.h"
#include "haar/idx.h"
#include "haar/train_plan.h"
#include "job/resources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct job {
    struct comm *world;
    const struct train_config *config;
    atomic_int *stop;
    struct resources resources;
    struct train_plan plan;
    struct comm team, data, features; /* the ranks of one training, and its grid: parts of the world */
    struct dataset train, held_out;
    struct pool *pool;
    struct model model; /* all members; rank 0's is whole in the end */
    struct progress progress;
    FILE *log;
    double started, train_seconds;
    int64_t rounds_done, n_held_out_errors; /* of the last member trained here */
};

/* One member's training. */
struct member {
    struct job *job;
    struct model model; /* settings and one member */
    char *checkpoint;   /* or NULL */
    struct boosting boosting;
    double sum_log2_z;
};

/* ---- set-up ---- */

static enum status check_outputs(const struct train_config *c)
{
    if (!c->plan_only)
        TRY(file_check_output(c->output, c->force));
    if (c->checkpoint)
        TRY(file_check_output(c->checkpoint, true));
    if (c->log)
        TRY(file_check_output(c->log, c->force || c->resume));
    return ST_OK;
}

/* All ranks on GPUs or none: a sum has one path for all. */
static enum status check_backends(struct job *job)
{
    int64_t n_gpus = job->resources.ops != &compute_cpu;

    TRY(comm_sum_i64(job->world, &n_gpus, 1));
    if (n_gpus != 0 && n_gpus != job->world->size)
        return FAIL(ST_USAGE, "%lld of %d ranks have a GPU: --backend cpu lets all of them compute alike",
                    (long long)n_gpus, job->world->size);
    return ST_OK;
}

/* Rank r of a training is data shard r / F, feature shard r % F. */
static enum status open_grid(struct job *job)
{
    const int f = job->plan.feature_shards;

    TRY(comm_split(job->world, job->plan.deals_members ? job->world->rank : 0, &job->team));
    TRY(comm_split(&job->team, job->team.rank % f, &job->data));
    TRY(comm_split(&job->team, job->team.rank / f, &job->features));
    return comm_gpu_open(&job->data, job->resources.ops != &compute_cpu ? job->resources.device : -1);
}

static enum status sum_on_host(void *context, int32_t *values, size_t n, void *stream)
{
    (void)stream;
    return comm_sum_i32(context, values, n);
}

static enum status sum_on_gpu(void *context, int32_t *values, size_t n, void *stream)
{
    return comm_gpu_sum_i32(context, values, n, stream);
}

static struct boost_setup setup_of(struct job *job, int64_t n_images)
{
    const struct dataset *set = &job->train;
    struct boost_setup s = train_plan_setup(&job->model.settings, set->width, set->height, set->n_classes, n_images);

    s.device = job->resources.device;
    s.n_threads = job->resources.threads;
    if (job->data.size > 1) {
        s.sum.context = &job->data;
        s.sum.sum_i32 = job->resources.ops != &compute_cpu ? sum_on_gpu : sum_on_host;
    }
    return s;
}

static enum status load_images(struct job *job)
{
    const struct train_config *c = job->config;
    const int64_t n_held_out = c->settings.n_validation;
    struct idx labels;
    int64_t n = 0;
    enum status st = idx_open_labels(c->labels, &labels);

    if (st == ST_OK)
        n = labels.dim[0];
    idx_close(&labels);
    if (st == ST_OK && n_held_out >= n)
        st = FAIL(ST_USAGE, "--validation %lld: %s has only %lld labels", (long long)n_held_out, c->labels,
                  (long long)n);
    TRY(comm_agree(job->world, st));
    TRY(dataset_load(job->world, c->images, c->labels, (struct dataset_range){0, n - n_held_out},
                     job->team.rank / job->plan.feature_shards, job->plan.data_shards, &job->train));
    if (n_held_out > 0)
        TRY(dataset_load(job->world, c->images, c->labels, (struct dataset_range){n - n_held_out, n_held_out},
                         job->team.rank / job->plan.feature_shards, job->plan.data_shards, &job->held_out));
    job->model = (struct model){.width = job->train.width,
                                .height = job->train.height,
                                .n_classes = job->train.n_classes,
                                .settings = c->settings};
    job->model.settings.n_images = n - n_held_out;
    job->model.settings.fingerprint = job->train.fingerprint;
    return ST_OK;
}

static void describe_work(const struct job *job)
{
    const struct model_settings *s = &job->model.settings;
    char on[320], search[64] = "exhaustive";

    resources_describe(&job->resources, on, sizeof on);
    if (s->lazy > 0)
        snprintf(search, sizeof search, "lazy, %u of", s->lazy);
    struct model_settings all = *s;
    all.lazy = 0;
    log_note(
        "%lld images of %dx%d, %d classes, %d cop%s of each, %lld held out; %s features %s, %s search, %u features",
        (long long)s->n_images, job->model.width, job->model.height, job->model.n_classes, s->elastic,
        s->elastic == 1 ? "y" : "ies", (long long)s->n_validation, haar_set_names[s->features],
        s->prepare.gradient ? "on grey and gradients" : "on grey", search,
        boosting_list_size(&all, job->model.width, job->model.height));
    log_note("%d member%s of %d rounds, learner %s; %d rank%s: %s%d data x %d feature shards (weights summed by %s); "
             "backend %s",
             job->config->n_members, job->config->n_members == 1 ? "" : "s", s->rounds, learner_names[s->learner],
             job->world->size, job->world->size == 1 ? "" : "s",
             job->plan.deals_members ? "members dealt to ranks; " : "", job->plan.data_shards, job->plan.feature_shards,
             comm_gpu_path(&job->data), on);
}

static void print_plan(struct job *job)
{
    const struct boost_setup setup = setup_of(job, feed_n_images(&job->train, job->model.settings.elastic));
    const uint32_t n =
        (setup.most_features + (uint32_t)job->plan.feature_shards - 1) / (uint32_t)job->plan.feature_shards;
    const struct train_memory m = train_plan_memory(&setup, n);

    printf("rank 0 of %d: %lld images (copies counted), %u features a search\n", job->world->size,
           (long long)setup.n_images, n);
    printf("  integral images    %14.0f bytes\n", m.integral);
    printf("  active copies      %14.0f bytes at most (weight trimming makes them fewer)\n", m.active);
    printf("  bins               %14.0f bytes; where they do not fit they are made again for each search\n", m.bins);
    printf("  histograms         %14.0f bytes, summed %.0f bytes at a time\n", m.histograms,
           m.histograms > 0 ? (double)setup.histogram_bytes : 0.0);
    printf("  scores, weights    %14.0f bytes\n", m.scores);
    printf("  all                %14.0f bytes; without kept bins %.0f\n", m.all, m.all - m.bins);
}

/* ---- one member ---- */

static enum status open_instance(struct job *job, const struct dataset *set, int n_copies, uint64_t seed,
                                 bool is_searching, void **out)
{
    const struct boost_ops *ops = job->resources.ops->boost;
    struct boost_setup setup = setup_of(job, feed_n_images(set, n_copies));
    struct feed feed = {
        .ops = ops, .prepare = job->model.settings.prepare, .n_copies = n_copies, .seed = seed, .pool = job->pool};

    setup.is_searching = is_searching;
    *out = mem_array(1, ops->priv_bytes);
    if (!*out)
        return ST_NOMEM;
    TRY(ops->open(*out, &setup));
    feed.instance = *out;
    return feed_load(&feed, set);
}

static void close_instance(struct job *job, void **instance)
{
    if (*instance)
        job->resources.ops->boost->close(*instance);
    free(*instance);
    *instance = NULL;
}

static enum status open_member(struct member *m, int number)
{
    struct job *job = m->job;
    const struct train_config *c = job->config;
    struct boosting *b = &m->boosting;
    const uint64_t seed = job->model.settings.seed + (uint64_t)number;

    m->model = (struct model){.width = job->model.width,
                              .height = job->model.height,
                              .n_classes = job->model.n_classes,
                              .settings = job->model.settings};
    TRY(model_add_member(&m->model, seed));
    if (c->checkpoint && !(m->checkpoint = checkpoint_path(c->checkpoint, number, c->n_members)))
        return ST_NOMEM;
    if (c->resume)
        TRY(checkpoint_read(m->checkpoint, &m->model));
    *b = (struct boosting){.settings = &m->model.settings,
                           .grid = {&job->team, &job->data, &job->features},
                           .ops = job->resources.ops->boost,
                           .width = m->model.width,
                           .height = m->model.height,
                           .n_classes = m->model.n_classes,
                           .n_weighted = m->model.settings.n_images * (1 + m->model.settings.elastic),
                           .seed = seed};
    TRY(open_instance(job, &job->train, m->model.settings.elastic, seed, true, &b->train));
    if (job->config->settings.n_validation > 0)
        TRY(open_instance(job, &job->held_out, 0, seed, false, &b->held_out));
    return boosting_init(b);
}

static void close_member(struct member *m)
{
    boosting_release(&m->boosting);
    close_instance(m->job, &m->boosting.held_out);
    close_instance(m->job, &m->boosting.train);
    free(m->checkpoint);
    model_release(&m->model);
}

/* A line for every round, written at once: it can be followed. */
static enum status log_round(struct member *m, int number, int round, const struct model_round *learnt,
                             const struct boosting_round *outcome)
{
    int64_t n_train = 0, n_held_out = 0;

    if (!m->job->config->log)
        return ST_OK;
    TRY(boosting_errors(&m->boosting, &n_train, &n_held_out));
    if (m->job->log) {
        fprintf(m->job->log, "%d,%d,%.6f,%.6f,%d,%lld,%lld,%lld,%.3f\n", number + 1, round + 1, outcome->log2_z,
                m->sum_log2_z, learnt->weak.n_leaves, (long long)outcome->n_active, (long long)n_train,
                (long long)n_held_out, clock_seconds() - m->job->started);
        fflush(m->job->log);
    }
    return ST_OK;
}

static enum status save_checkpoint(struct member *m)
{
    return comm_agree(&m->job->team, m->job->team.rank == 0 ? model_write(&m->model, m->checkpoint, true) : ST_OK);
}

/* Within the rounds the others are in a collective: a fault of this rank alone must end them too. */
static enum status end_all(struct job *job, enum status st)
{
    if (st != ST_OK && job->world->size > 1) {
        log_error("rank %d: %s", job->world->rank, status_message());
        comm_abort(job->world, status_exit_code(st));
    }
    return st;
}

static void show_progress(struct member *m, int number, int round)
{
    const struct train_config *c = m->job->config;
    char detail[64];

    snprintf(detail, sizeof detail, "round %d, log2 Z %.2f", round + 1, m->sum_log2_z);
    progress_show(&m->job->progress, (int64_t)number * c->settings.rounds + round + 1,
                  (int64_t)c->n_members * c->settings.rounds, detail);
}

static enum status train_rounds(struct member *m, int number, bool *is_stopped)
{
    struct job *job = m->job;
    const struct train_config *c = job->config;
    const struct model_member *member = &m->model.member[0];

    TRY(end_all(job, boosting_resume(&m->boosting, member)));
    for (int i = 0; i < member->n_rounds; i++)
        m->sum_log2_z += member->round[i].loss / (double)HAAR_OCTAVE;
    if (member->n_rounds > 0)
        log_note("%s: going on after round %d", m->checkpoint, member->n_rounds);
    while (member->n_rounds < m->model.settings.rounds && !*is_stopped) {
        const int round = member->n_rounds;
        struct model_round learnt;
        struct boosting_round outcome;
        enum status st = boosting_step(&m->boosting, round, atomic_load(job->stop) != 0, &learnt, &outcome);

        if (st == ST_OK)
            st = model_add_round(&m->model, &learnt);
        free(learnt.votes);
        TRY(end_all(job, st));
        job->rounds_done++;
        m->sum_log2_z += outcome.log2_z;
        TRY(end_all(job, log_round(m, number, round, &learnt, &outcome)));
        show_progress(m, number, round);
        *is_stopped = outcome.is_stopping && member->n_rounds < m->model.settings.rounds;
        if (m->checkpoint && !*is_stopped && member->n_rounds % c->checkpoint_every == 0)
            TRY(save_checkpoint(m));
    }
    if (m->checkpoint)
        TRY(save_checkpoint(m));
    int64_t n_train_errors = 0;
    return end_all(job, boosting_errors(&m->boosting, &n_train_errors, &job->n_held_out_errors));
}

/* The finished member is moved into the job's model. */
static enum status keep_member(struct job *job, struct model *from)
{
    struct model_member *kept;

    TRY(model_add_member(&job->model, from->member[0].seed));
    kept = &job->model.member[job->model.n_members - 1];
    *kept = from->member[0];
    from->n_members = 0;
    return ST_OK;
}

static enum status train_member(struct job *job, int number, bool *is_stopped)
{
    struct member m = {.job = job};
    enum status st = comm_agree(&job->team, open_member(&m, number));

    if (st == ST_OK)
        st = train_rounds(&m, number, is_stopped);
    if (st == ST_OK)
        st = keep_member(job, &m.model);
    close_member(&m);
    return st;
}

/* ---- all members ---- */

static enum status train_members(struct job *job, bool *is_stopped)
{
    const int first = job->plan.deals_members ? job->world->rank : 0;
    const int step = job->plan.deals_members ? job->world->size : 1;
    const double started = clock_seconds();
    enum status st = ST_OK;

    /* One bar for all. */
    progress_start(&job->progress, job->world->rank == 0 ? job->config->progress : PROGRESS_NONE, "train");
    for (int number = first; st == ST_OK && number < job->config->n_members && !*is_stopped; number += step)
        st = train_member(job, number, is_stopped);
    progress_end(&job->progress);
    TRY(comm_agree(job->world, st));
    job->train_seconds = clock_seconds() - started;

    int64_t n_stopped = *is_stopped;
    TRY(comm_sum_i64(job->world, &n_stopped, 1));
    *is_stopped = n_stopped > 0;
    return ST_OK;
}

/* ---- members of other ranks ---- */

/* A member as bytes: its seed and number of rounds, then every round and its votes. */
static enum status pack_members(const struct job *job, uint8_t **packed, size_t *bytes)
{
    FILE *stream = open_memstream((char **)packed, bytes);

    if (!stream)
        return FAIL(ST_NOMEM, "out of memory for a model's members");
    for (int m = 0; m < job->model.n_members; m++) {
        const struct model_member *member = &job->model.member[m];
        fwrite(&member->seed, sizeof member->seed, 1, stream);
        fwrite(&member->n_rounds, sizeof member->n_rounds, 1, stream);
        for (int t = 0; t < member->n_rounds; t++) {
            const struct model_round *round = &member->round[t];
            fwrite(round, sizeof *round, 1, stream);
            fwrite(round->votes, sizeof *round->votes, (size_t)(round->weak.n_leaves * job->model.n_classes), stream);
        }
    }
    return fclose(stream) == 0 ? ST_OK : FAIL(ST_NOMEM, "out of memory for a model's members");
}

static int compare_seeds(const void *a, const void *b)
{
    const uint64_t x = ((const struct model_member *)a)->seed, y = ((const struct model_member *)b)->seed;

    return (x > y) - (x < y);
}

static const uint8_t *take(const uint8_t *at, void *to, size_t bytes)
{
    memcpy(to, at, bytes);
    return at + bytes;
}

/* Rank 0's own members are among them. */
static enum status unpack_members(struct job *job, const uint8_t *at, size_t bytes)
{
    const uint8_t *end = at + bytes;
    struct model whole = job->model;
    enum status st = ST_OK;

    whole.member = NULL;
    whole.n_members = whole.members_room = 0;
    while (st == ST_OK && at < end) {
        uint64_t seed;
        int n_rounds;
        at = take(at, &seed, sizeof seed);
        at = take(at, &n_rounds, sizeof n_rounds);
        st = model_add_member(&whole, seed);
        for (int t = 0; st == ST_OK && t < n_rounds; t++) {
            struct model_round round;
            int32_t votes[BOOST_MAX_LEAVES * HAAR_MAX_CLASSES];
            at = take(at, &round, sizeof round);
            at = take(at, votes, sizeof *votes * (size_t)(round.weak.n_leaves * whole.n_classes));
            round.votes = votes;
            st = model_add_round(&whole, &round);
        }
    }
    if (st == ST_OK)
        qsort(whole.member, (size_t)whole.n_members, sizeof *whole.member, compare_seeds);
    model_release(&job->model);
    job->model = whole;
    return st;
}

static enum status gather_members(struct job *job)
{
    uint8_t *packed = NULL;
    void *all = NULL;
    size_t bytes = 0, all_bytes = 0;
    enum status st;

    TRY(comm_agree(job->world, pack_members(job, &packed, &bytes)));
    st = comm_gather(job->world, packed, bytes, &all, &all_bytes);
    if (st == ST_OK && job->world->rank == 0)
        st = unpack_members(job, all, all_bytes);
    free(packed);
    free(all);
    return comm_agree(job->world, st);
}

/* ---- the end ---- */

static void describe_traffic(const struct comm *comm, const char *which)
{
    struct comm_traffic traffic[N_COMM_KINDS];

    comm_traffic_read(comm, traffic);
    for (int kind = 0; comm->size > 1 && kind < N_COMM_KINDS; kind++)
        if (traffic[kind].calls > 0)
            log_note("%s, %s: %lld calls, %.0f bytes and %.4f ms each", which, comm_kind_name((enum comm_kind)kind),
                     (long long)traffic[kind].calls, (double)traffic[kind].bytes / (double)traffic[kind].calls,
                     1e3 * traffic[kind].seconds / (double)traffic[kind].calls);
}

static void describe_run(const struct job *job)
{
    char digest[65] = "";

    if (model_digest(&job->model, digest) == ST_OK)
        log_note("%lld rounds in %.2f s (%.1f rounds/s), %.2f s in all; sha256 %s", (long long)job->rounds_done,
                 job->train_seconds, job->train_seconds > 0 ? (double)job->rounds_done / job->train_seconds : 0.0,
                 clock_seconds() - job->started, digest);
    describe_traffic(&job->team, "all ranks");
    describe_traffic(&job->data, "data shards");
    describe_traffic(&job->features, "feature shards");
}

static enum status write_results(struct job *job)
{
    const int64_t n = job->config->settings.n_validation;

    TRY(model_write(&job->model, job->config->output, job->config->force));
    if (n > 0 && job->config->n_members == 1)
        printf("held-out error %.2f%% (%lld/%lld)\n", 100.0 * (double)job->n_held_out_errors / (double)n,
               (long long)job->n_held_out_errors, (long long)n);
    printf("%s\n", job->config->output);
    return ST_OK;
}

static enum status open_log(struct job *job)
{
    const struct train_config *c = job->config;

    if (!c->log || job->world->rank > 0)
        return ST_OK;
    job->log = fopen(c->log, c->resume ? "a" : "w");
    if (!job->log)
        return FAIL(ST_IO, "%s: cannot be opened for the log", c->log);
    if (ftell(job->log) == 0)
        fprintf(job->log, "member,round,log2_z,sum_log2_z,leaves,active,train_errors,held_out_errors,seconds\n");
    return ST_OK;
}

static enum status run_phases(struct job *job)
{
    const struct train_config *c = job->config;
    struct comm *world = job->world;
    bool is_stopped = false;

    TRY(comm_agree(world, world->rank == 0 ? check_outputs(c) : ST_OK));
    TRY(comm_agree(world, resources_choose(world, c->backend, c->threads, &job->resources)));
    TRY(check_backends(job));
    TRY(comm_agree(world, train_plan_make(c, world->size, &job->plan)));
    TRY(open_grid(job));
    TRY(load_images(job));
    describe_work(job);
    if (c->plan_only) {
        if (world->rank == 0)
            print_plan(job);
        return ST_OK;
    }
    TRY(comm_agree(world, pool_open(job->resources.threads, &job->pool)));
    TRY(comm_agree(world, open_log(job)));
    TRY(train_members(job, &is_stopped));
    if (is_stopped && c->checkpoint)
        return FAIL(ST_INTERRUPTED, "interrupted: %s holds what is done, --resume goes on from it", c->checkpoint);
    if (is_stopped)
        return FAIL(ST_INTERRUPTED, "interrupted: nothing was written (--checkpoint keeps what is done)");
    if (job->plan.deals_members)
        TRY(gather_members(job));
    TRY(comm_agree(world, world->rank == 0 ? write_results(job) : ST_OK));
    describe_run(job);
    return ST_OK;
}

enum status train_run(struct comm *comm, const struct train_config *config, atomic_int *stop)
{
    struct job job = {.world = comm, .config = config, .stop = stop, .started = clock_seconds()};
    const enum status st = run_phases(&job);

    progress_end(&job.progress);
    if (job.log)
        fclose(job.log);
    model_release(&job.model);
    pool_close(&job.pool);
    dataset_release(&job.held_out);
    dataset_release(&job.train);
    comm_close(&job.features);
    comm_close(&job.data);
    comm_close(&job.team);
    return st;
}
