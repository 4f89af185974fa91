/* train: see train.h. The phases of a training; at the end of each all ranks agree on the outcome. */
#include "haar/train/train.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "haar/train/boosting.h"
#include "haar/train/checkpoint.h"
#include "haar/data/loader.h"
#include "haar/data/idx.h"
#include "haar/model/model_format.h"
#include "haar/use/scores.h"
#include "haar/train/train_job.h"
#include "job/file_terms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- set-up ---- */

/* The files of all members. A checkpoint that exists is not overwritten by mistake: that is what --resume is for. */
static enum status check_outputs(const struct train_config *c)
{
    const char *const inputs[] = {c->images, c->labels};
    enum status st = c->plan_only ? ST_OK : file_check_outputs(&c->output, 1, inputs, 2, c->force);

    for (int i = 0; st == ST_OK && i < c->n_members && !c->plan_only; i++) {
        char *checkpoint = c->checkpoint ? checkpoint_path(c->checkpoint, i, c->n_members) : NULL;
        char *log = c->log ? checkpoint_path(c->log, i, c->n_members) : NULL;
        const char *const taken[] = {c->images, c->labels, c->output};
        const char *const outputs[] = {checkpoint, log};

        if ((c->checkpoint && !checkpoint) || (c->log && !log))
            st = ST_NOMEM;
        else
            st = file_check_outputs(outputs, 2, taken, 3, c->force || c->resume);
        free(log);
        free(checkpoint);
    }
    return st;
}

/* Local. What decides the model's bytes, or which steps the ranks take together. */
static enum status get_ready(struct train_job *job)
{
    const struct train_config *c = job->config;
    const struct model model = {.settings = c->settings}; /* width and the like are not known yet */
    struct comm *world = job->world;
    char text[32];

    comm_must_match(world, "the version of the model's format", "%d", MODEL_VERSION);
    for (const struct opt *row = model_rows; row->kind != OPT_END; row++)
        if (row->key) {
            opts_text(row, &model, false, text, sizeof text);
            comm_must_match(world, row->key, "%s", text);
        }
    comm_must_match(world, "--ensemble", "%d", c->n_members);
    comm_must_match(world, "--shard", "%dx%d", c->data_shards, c->feature_shards);
    comm_must_match(world, "--plan", "%s", c->plan_only ? "on" : "off");
    comm_must_match(world, "--resume", "%s", c->resume ? "on" : "off");
    comm_must_match(world, "--log", "%s", c->log ? "wanted" : "not wanted");
    if (c->checkpoint)
        comm_must_match(world, "--checkpoint", "every %d rounds", c->checkpoint_every);
    TRY(file_terms_take(world, "the file of images", c->images));
    TRY(file_terms_take(world, "the file of labels", c->labels));
    return world->rank == 0 ? check_outputs(c) : ST_OK;
}

static enum status load_images(struct train_job *job)
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

    int64_t pixels = job->train.pixel_sum;
    TRY(comm_sum_i64(&job->data, &pixels, 1));
    job->model.settings.fingerprint = job->train.fingerprint ^ (uint32_t)pixels;
    return ST_OK;
}

static void describe_work(const struct train_job *job)
{
    const struct model_settings *s = &job->model.settings;
    char on[320], search[64] = "exhaustive";

    resources_describe(&job->resources, on, sizeof on);
    if (s->lazy > 0)
        snprintf(search, sizeof search, "%u drawn a round", s->lazy);
    if (s->sketch > 0)
        snprintf(search, sizeof search, "sketch, then the best %u", s->sketch);
    struct model_settings all = *s;
    all.lazy = 0;
    log_note("%lld images of %dx%d, %d classes, %d cop%s of each, %lld held out; %s features %s: %u, search: %s",
             (long long)s->n_images, job->model.width, job->model.height, job->model.n_classes, s->elastic,
             s->elastic == 1 ? "y" : "ies", (long long)s->n_validation, haar_set_names[s->features],
             s->preprocess.gradient ? "on grey and gradients" : "on grey",
             boosting_list_size(&all, job->model.width, job->model.height), search);
    log_note("%d member%s of %d rounds, learner %s; %d rank%s: %s%d data x %d feature shards (weights summed by %s); "
             "backend %s",
             job->config->n_members, job->config->n_members == 1 ? "" : "s", s->rounds, learner_names[s->learner],
             job->world->size, job->world->size == 1 ? "" : "s",
             job->plan.deals_members ? "members dealt to ranks; " : "", job->plan.data_shards, job->plan.feature_shards,
             comm_gpu_path(&job->data), on);
}

static void print_plan(struct train_job *job)
{
    const struct boost_setup setup = train_setup(job, loader_n_images(&job->train, job->model.settings.elastic));
    const bool on_gpu = job->resources.ops->has_device;
    const struct train_memory m = train_plan_memory(&setup, on_gpu);

    printf("rank 0 of %d: %lld images (copies counted), %u features a search\n", job->world->size,
           (long long)setup.n_images, setup.most_features);
    printf("  integral images    %14.0f bytes\n", m.integral);
    printf("  active copies      %14.0f bytes at most (weight trimming makes them fewer)\n", m.active);
    printf("  %-18s %14.0f bytes; where they do not fit they are made again for each search, part after part\n",
           setup.is_sketching && on_gpu ? "bins, codes" : "bins", m.bins);
    printf("  histograms         %14.0f bytes\n", m.histograms);
    printf("  scores, weights    %14.0f bytes\n", m.scores);
    printf("  all                %14.0f bytes; without kept bins %.0f\n", m.all, m.all - m.bins);
}

/* ---- all members ---- */

/* Where members were dealt, a rank without work takes part in the exchanges of those with some. */
static enum status end_together(struct train_job *job, enum status st)
{
    int64_t n_busy = job->plan.deals_members;

    while (n_busy > 0)
        TRY(train_exchange(job, false, st != ST_OK, &n_busy));
    return ST_OK;
}

static enum status train_members(struct train_job *job)
{
    const int first = job->plan.deals_members ? job->world->rank : 0;
    const int step = job->plan.deals_members ? job->world->size : 1;
    const double started = clock_seconds();
    enum status st = ST_OK;

    /* One bar for all. */
    progress_start(&job->progress, job->world->rank == 0 ? job->config->progress : PROGRESS_NONE, "train");
    for (int number = first; st == ST_OK && number < job->config->n_members && !job->is_stopped; number += step)
        st = train_member(job, number);
    progress_end(&job->progress);
    TRY(end_together(job, st));
    TRY(comm_agree(job->world, st));
    job->train_seconds = clock_seconds() - started;

    int64_t counts[] = {job->is_stopped, job->plan.deals_members || job->world->rank == 0 ? job->rounds_done : 0};
    TRY(comm_sum_i64(job->world, counts, 2));
    job->is_stopped = counts[0] > 0;
    job->rounds_done = counts[1];
    if (job->is_stopped && job->config->checkpoint)
        return FAIL(ST_INTERRUPTED, "interrupted: %s holds what is done, --resume goes on from it",
                    job->config->checkpoint);
    if (job->is_stopped)
        return FAIL(ST_INTERRUPTED, "interrupted: nothing was written (--checkpoint keeps what is done)");
    return ST_OK;
}

/* Held-out images, each on one rank that has the whole model. */
static enum status count_errors(const struct train_job *job, int64_t *n_wrong)
{
    const struct dataset *set = &job->held_out;
    const bool is_mine = job->plan.deals_members ? job->world->rank == 0 : job->features.rank == 0;
    const size_t n_classes = (size_t)job->model.n_classes;
    int32_t *scores;
    const struct scores_job work = {.model = &job->model,
                                    .resources = job->resources,
                                    .n = set->n,
                                    .pixels = set->pixels,
                                    .labels = set->labels,
                                    .stop = NULL};
    enum status st;

    *n_wrong = 0;
    if (!is_mine)
        return ST_OK;
    st = scores_make(&work, &scores);
    for (int64_t i = 0; st == ST_OK && i < set->n; i++)
        *n_wrong += scores_best(scores + (size_t)i * n_classes, job->model.n_classes) != set->labels[i];
    free(scores);
    return st;
}

static enum status judge_held_out(struct train_job *job, int64_t *n_wrong)
{
    *n_wrong = 0;
    if (job->config->settings.n_validation == 0)
        return ST_OK;
    TRY(comm_agree(job->world, count_errors(job, n_wrong)));
    return comm_sum_i64(job->world, n_wrong, 1);
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

static void describe_run(const struct train_job *job)
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

static enum status write_results(struct train_job *job, int64_t n_wrong)
{
    const int64_t n = job->config->settings.n_validation;

    TRY(model_write(&job->model, job->config->output, job->config->force));
    if (n > 0)
        printf("held-out error %.2f%% (%lld/%lld)\n", 100.0 * (double)n_wrong / (double)n, (long long)n_wrong,
               (long long)n);
    printf("%s\n", job->config->output);
    return ST_OK;
}

static enum status run_phases(struct train_job *job)
{
    const struct train_config *c = job->config;
    struct comm *world = job->world;
    int64_t n_wrong;

    TRY(comm_meet(world, get_ready(job)));
    TRY(comm_agree(world, resources_choose(world, c->backend, c->threads, &job->resources)));
    TRY(comm_agree(world, train_plan_make(c, world->size, &job->plan)));
    TRY(train_open_grid(job));
    TRY(load_images(job));
    describe_work(job);
    if (c->plan_only) {
        if (world->rank == 0)
            print_plan(job);
        return ST_OK;
    }
    TRY(comm_agree(world, pool_open(job->resources.threads, &job->pool)));
    TRY(train_members(job));
    if (job->plan.deals_members)
        TRY(train_gather_members(job));
    TRY(judge_held_out(job, &n_wrong));
    TRY(comm_agree(world, world->rank == 0 ? write_results(job, n_wrong) : ST_OK));
    describe_run(job);
    return ST_OK;
}

enum status train_run(struct comm *comm, const struct train_config *config, atomic_int *stop)
{
    struct train_job job = {.world = comm, .config = config, .stop = stop, .started = clock_seconds()};
    const enum status st = run_phases(&job);

    train_job_release(&job);
    return st;
}
