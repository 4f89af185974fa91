/* bench_train: rounds as `jacquard train` goes through them, by its own modules: stumps on one rank alone, searched
 * exhaustively and after a sketch, then on all ranks in feature shards and in data shards; then trees as train grows
 * them by default, in data shards. No image is left out of a search for stumps (--trim 0), so that each round does the
 * same. A CPU searches a part of the images and features only: all of them would take it minutes a round. */
#include "bench/measure.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "haar/data/loader.h"
#include "haar/data/idx.h"
#include "haar/train/boosting.h"
#include "haar/train/train_job.h"

#include <stdlib.h>
#include <string.h>

enum {
    MADE_UP_CLASSES = 10,
    MADE_UP_BLOBS = 5, /* of an image */
    BLOB_RADIUS = 6,
    CPU_IMAGES = 2000, /* of a search of all features on a CPU, at most */
    CPU_FEATURES = 9000,
    CPU_SKETCH = 160,
    NOT_COUNTED = 2,    /* rounds: the first one finds the bins, the second one may still wait for memory */
    TREE_ROUNDS = 2000, /* of a default training */
    TREE_LEAVES = 16,
    TREE_LAZY = 250
};

struct work {
    const struct bench_run *run;
    const char *images, *labels; /* both NULL: made up */
    int64_t n_images;            /* that there are */
    enum haar_set set;           /* of the stumps */
    struct resources resources;
    double copy_speed; /* on rank 0 */
};

enum search { EXHAUSTIVE, SKETCH, LAZY }; /* of stumps; the last one of trees */

struct way { /* to train */
    const char *name;
    enum search search;
    bool is_alone; /* rank 0 without the others */
    int data_shards, feature_shards;
};

enum { N_WAYS = 6 };

struct measured {
    int64_t n_images;
    uint32_t n_features; /* of the list */
    int n_rounds;
    double round_seconds; /* the median of those that count */
    double all_seconds;
    char traffic[256];
};

/* ---- made-up images ---- */

/* Blobs near the places of its class, one of them at another class's place, over noise: hard enough that rounds go on
 * having work, as with digits. image: u8 [28, 28] */
static uint8_t make_up_image(uint32_t number, uint8_t image[MADE_UP_PIXELS])
{
    const uint32_t label = number % MADE_UP_CLASSES;
    const uint32_t odd = rng_philox(0, number, 0, 0, 1).word[0];
    int x[MADE_UP_BLOBS], y[MADE_UP_BLOBS], light[MADE_UP_BLOBS];
    struct rng_block noise = {{0}};

    for (uint32_t b = 0; b < MADE_UP_BLOBS; b++) {
        const uint32_t owner = odd % MADE_UP_BLOBS == b ? (odd >> 8) % MADE_UP_CLASSES : label;
        const struct rng_block place = rng_philox(0, owner, b, 0, 2), off = rng_philox(0, number, b, 0, 3);
        x[b] = 4 + (int)(place.word[0] % 20) + (int)(off.word[0] % 5) - 2;
        y[b] = 4 + (int)(place.word[1] % 20) + (int)(off.word[1] % 5) - 2;
        light[b] = 40 + (int)(off.word[2] % 160);
    }
    for (int at = 0; at < MADE_UP_PIXELS; at++) {
        if (at % 16 == 0)
            noise = rng_philox(0, number, (uint32_t)at, 0, 0);
        int sum = noise.word[at / 4 % 4] >> at % 4 * 8 & 63;
        for (int b = 0; b < MADE_UP_BLOBS; b++) {
            const int dx = at % MADE_UP_SIDE - x[b], dy = at / MADE_UP_SIDE - y[b];
            const int near = BLOB_RADIUS * BLOB_RADIUS - dx * dx - dy * dy;
            sum += near > 0 ? light[b] * near / (BLOB_RADIUS * BLOB_RADIUS) : 0;
        }
        image[at] = (uint8_t)(sum < 255 ? sum : 255);
    }
    return (uint8_t)label;
}

/* ---- a training, ready for its rounds ---- */

struct training {
    struct train_job job;
    struct boosting boosting;
};

static struct model_settings settings_of(const struct work *w, enum search search)
{
    const bool is_cpu = !w->resources.ops->has_device, is_part = search != LAZY && is_cpu;
    struct model_settings s = {
        .rounds = TREE_ROUNDS, .seed = 1, .n_images = is_part && w->n_images > CPU_IMAGES ? CPU_IMAGES : w->n_images};

    s.learner = search == LAZY ? LEARNER_TREE : LEARNER_STUMP;
    s.leaves = search == LAZY ? TREE_LEAVES : 0;
    s.lazy = search == LAZY ? TREE_LAZY : 0;
    s.sketch = search != SKETCH ? 0 : is_cpu ? CPU_SKETCH : MODEL_SKETCH;
    s.features = search == LAZY ? HAAR_MULTIBOOST : w->set;
    s.trim_ppm = search == LAZY ? 10000 : 0;
    return s;
}

/* Features from all over the list are kept; the ranks share those. */
static void thin_out(struct boosting *b)
{
    for (uint64_t i = 0; i < CPU_FEATURES; i++)
        b->drawn[i] = b->drawn[i * b->n_drawn / CPU_FEATURES];
    b->n_drawn = CPU_FEATURES;
    boosting_share_features(b);
}

/* Local. Room for bins is taken for the features that are searched. */
static enum status open_boosting(struct training *training)
{
    struct train_job *job = &training->job;
    struct boosting *b = &training->boosting;
    const struct boost_ops *ops = job->resources.ops->boost;
    struct boost_setup setup = train_setup(job, job->train.n);
    const struct loader loader = {.ops = ops, .pool = job->pool};

    *b = train_boosting(job, &job->model.settings, job->model.settings.seed);
    TRY(boosting_init(b));
    if (!job->resources.ops->has_device && b->n_drawn > CPU_FEATURES) {
        thin_out(b);
        setup.most_features = b->n;
    }
    return loader_open(&loader, &setup, &job->train, &b->train);
}

/* Collective over comm. */
static enum status training_open(struct training *training, const struct work *w, struct comm *comm, struct way way)
{
    struct train_job *job = &training->job;
    struct dataset *set = &job->train;

    *training = (struct training){.job = {.world = comm,
                                          .stop = w->run->stop,
                                          .resources = w->resources,
                                          .plan = {false, way.data_shards, way.feature_shards},
                                          .model = {.settings = settings_of(w, way.search)}}};
    TRY(train_open_grid(job));
    const int part = job->team.rank / way.feature_shards;
    const int64_t n = job->model.settings.n_images;
    if (w->images)
        TRY(dataset_load(comm, w->images, w->labels, (struct dataset_range){0, n}, part, way.data_shards, set));
    else
        TRY(comm_agree(comm, bench_make_images(n, MADE_UP_CLASSES, part, way.data_shards, make_up_image, set)));
    TRY(comm_agree(comm, pool_open(job->resources.threads, &job->pool)));
    return comm_agree(comm, open_boosting(training));
}

static void training_close(struct training *training)
{
    struct train_job *job = &training->job;

    boosting_release(&training->boosting);
    loader_close(job->resources.ops->boost, &training->boosting.train);
    train_job_release(job);
}

/* ---- rounds ---- */

/* Collective over the training's ranks. Up to most_rounds rounds, no more once most_seconds have passed on some rank:
 * that travels as the wish to stop does. seconds[*n_rounds]: of each. */
static enum status run_rounds(struct training *training, int most_rounds, double most_seconds, double *seconds,
                              int *n_rounds)
{
    const struct train_job *job = &training->job;
    struct boosting *b = &training->boosting;
    const double began = clock_seconds();
    bool is_stopping = false;

    for (*n_rounds = 0; *n_rounds < most_rounds && !is_stopping && !boosting_is_exhausted(b); ++*n_rounds) {
        const double started = clock_seconds();
        const bool wants_end = atomic_load(job->stop) != 0 || started - began > most_seconds;
        struct model_round learnt;
        struct boosting_round outcome = {0};
        const enum status st = boosting_step(b, *n_rounds, wants_end, &learnt, &outcome);

        free(learnt.votes);
        if (job->team.size > 1) /* nobody can agree on one rank's fault in here: as in a training */
            comm_end_ranks(job->world, st);
        TRY(st);
        seconds[*n_rounds] = clock_seconds() - started;
        is_stopping = outcome.is_stopping;
    }
    return comm_agree(job->world, atomic_load(job->stop) != 0 ? FAIL(ST_INTERRUPTED, "interrupted") : ST_OK);
}

/* What went through comm is added to the text. */
static void describe_traffic(const struct comm *comm, const char *which, char *text, size_t bytes)
{
    struct comm_traffic traffic[N_COMM_KINDS];

    comm_traffic_read(comm, traffic);
    for (int kind = 0; comm->size > 1 && kind < N_COMM_KINDS; kind++) {
        const double calls = (double)traffic[kind].calls;
        const size_t used = strlen(text);

        if (calls > 0)
            snprintf(text + used, bytes - used, "%s%s %s: %.0f x %.0f bytes, %.3f ms each", used > 0 ? "; " : "", which,
                     comm_kind_name((enum comm_kind)kind), calls, (double)traffic[kind].bytes / calls,
                     1e3 * traffic[kind].seconds / calls);
    }
}

static void sum_up(const struct training *training, double *seconds, struct measured *m)
{
    const struct train_job *job = &training->job;
    const int skipped = m->n_rounds > NOT_COUNTED ? NOT_COUNTED : 0;

    m->n_images = job->model.settings.n_images;
    m->n_features = training->boosting.n_drawn;
    for (int i = 0; i < m->n_rounds; i++)
        m->all_seconds += seconds[i];
    m->round_seconds = bench_median(seconds + skipped, m->n_rounds - skipped);
    describe_traffic(&job->data, "data", m->traffic, sizeof m->traffic);
    describe_traffic(&job->features, "features", m->traffic, sizeof m->traffic);
    describe_traffic(&job->team, "all", m->traffic, sizeof m->traffic);
}

/* Collective over comm. */
static enum status measure(const struct work *w, struct comm *comm, struct way way, struct measured *m)
{
    const int most_rounds = way.search == LAZY ? TREE_ROUNDS : NOT_COUNTED + w->run->runs;
    const double most_seconds = way.search != LAZY ? 1e9 : w->resources.ops->has_device ? 10.0 : 3.0;
    double *seconds = mem_array((size_t)most_rounds, sizeof *seconds);
    struct training training = {.job = {.resources = w->resources}}; /* training_close looks at them */
    enum status st;

    *m = (struct measured){0};
    TRY_OR(done, st, comm_agree(comm, seconds ? ST_OK : ST_NOMEM));
    TRY_OR(done, st, training_open(&training, w, comm, way));
    TRY_OR(done, st, run_rounds(&training, most_rounds, most_seconds, seconds, &m->n_rounds));
    sum_up(&training, seconds, m);
done:
    training_close(&training);
    free(seconds);
    return st;
}

/* ---- the table ---- */

static void describe_work(const struct work *w)
{
    struct bench_table *table = w->run->table;
    char part[96] = "";

    bench_add_resources(w->run, &w->resources);
    bench_table_fact(table, "images", "%lld, %s", (long long)w->n_images,
                     w->images ? w->images : "made up, 28x28, 10 classes");
    if (!w->resources.ops->has_device)
        snprintf(part, sizeof part, "; on a CPU at most %d images and %d features, from all over the list", CPU_IMAGES,
                 CPU_FEATURES);
    bench_table_fact(table, "stumps", "%s features, --trim 0%s", haar_set_names[w->set], part);
    bench_table_fact(table, "trees", "%s features, --trim 0.01, as jacquard train by default",
                     haar_set_names[HAAR_MULTIBOOST]);
}

/* one: the same search by one rank; m may be it. */
static void add_stumps(const struct work *w, struct way way, const struct measured *m, const struct measured *one)
{
    static const char *const names[] = {[EXHAUSTIVE] = "exhaustive", [SKETCH] = "sketch"};
    const int n_ranks = w->run->comm->size;
    struct bench_row *row = bench_table_row(w->run->table, "ms", true, 1e3 * m->round_seconds,
                                            "%s stump round, %u features x %lld images, %s", names[way.search],
                                            m->n_features, (long long)m->n_images, way.name);

    if (m == one)
        bench_row_limit(row, 1e3 * (double)m->n_features * (double)m->n_images / w->copy_speed,
                        "a byte of each image and feature read once, at %.0f GB/s", 1e-9 * w->copy_speed);
    else
        bench_row_limit(row, 1e3 * one->round_seconds / n_ranks, "one rank / %d", n_ranks);
    if (way.feature_shards > 1 && w->resources.n_gpu_sharers <= 1) /* one GPU is not twice as fast for two ranks */
        row->target = 1.08;                                        /* 3.7 times as fast on 4 */
}

static void add_trees(const struct work *w, struct way way, const struct measured *m)
{
    struct bench_table *table = w->run->table;

    bench_table_row(table, "ms", true, 1e3 * m->round_seconds, "lazy:%d tree round, %d leaves, %lld images, %s",
                    TREE_LAZY, TREE_LEAVES, (long long)m->n_images, way.name);
    if (m->n_rounds == TREE_ROUNDS)
        bench_table_row(table, "s", true, m->all_seconds, "%d such rounds", TREE_ROUNDS);
    else
        bench_table_row(table, "s", true, TREE_ROUNDS * m->round_seconds, "%d such rounds, going by %d", TREE_ROUNDS,
                        m->n_rounds);
}

/* ---- all of it ---- */

static enum status get_ready(struct work *w)
{
    const struct bench_run *run = w->run;

    TRY(resources_choose(run->comm, run->backend, run->threads, &w->resources));
    w->n_images = MADE_UP_IMAGES;
    if (w->labels) {
        struct idx labels;
        const enum status st = idx_open_labels(w->labels, &labels);

        w->n_images = st == ST_OK ? labels.dim[0] : 0;
        idx_close(&labels);
        TRY(st);
    }
    if (run->comm->rank > 0)
        return ST_OK;
    return w->resources.ops->copy_speed(w->resources.device, w->resources.threads, &w->copy_speed);
}

/* Collective over comm. */
static enum status measure_all(const struct work *w, const struct way way[N_WAYS], struct measured m[N_WAYS])
{
    struct comm *comm = w->run->comm;
    struct comm alone;
    enum status st = ST_OK;

    TRY(comm_split(comm, comm->rank > 0, &alone));
    for (int i = 0; i < N_WAYS && st == ST_OK; i++)
        if (way[i].is_alone)
            st = comm_agree(comm, comm->rank == 0 ? measure(w, &alone, way[i], &m[i]) : ST_OK);
        else if (comm->size > 1 || way[i].search == LAZY)
            st = measure(w, comm, way[i], &m[i]);
    comm_close(&alone);
    return st;
}

enum status bench_train(const struct bench_run *run, const char *images, const char *labels, enum haar_set set)
{
    const int n = run->comm->size;
    const struct way way[N_WAYS] = {
        {"one rank", EXHAUSTIVE, true, 1, 1},        {"one rank", SKETCH, true, 1, 1},
        {"feature shards", EXHAUSTIVE, false, 1, n}, {"feature shards", SKETCH, false, 1, n},
        {"data shards", EXHAUSTIVE, false, n, 1},    {n > 1 ? "data shards" : "one rank", LAZY, false, n, 1}};
    struct work w = {.run = run, .images = images, .labels = labels, .set = set};
    struct measured m[N_WAYS] = {{0}};

    TRY(comm_agree(run->comm, get_ready(&w)));
    TRY(measure_all(&w, way, m));
    if (run->comm->rank > 0)
        return ST_OK;
    describe_work(&w);
    for (int i = 0; i < N_WAYS; i++)
        if (way[i].search == LAZY)
            add_trees(&w, way[i], &m[i]);
        else if (way[i].is_alone || n > 1)
            add_stumps(&w, way[i], &m[i], &m[way[i].search]);
    for (int i = 0; i < N_WAYS && n > 1; i++)
        if (!way[i].is_alone && way[i].search != SKETCH)
            bench_table_fact(run->table, way[i].search == LAZY ? "trees" : way[i].name, "%s", m[i].traffic);
    return ST_OK;
}
