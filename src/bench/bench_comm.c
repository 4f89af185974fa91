/* bench_comm: what the ranks tell each other by comm.h, as the program's jobs call it, again and again without a pause.
 * A figure is the time of many calls, until all ranks are done, over their number; all ranks make as many. What is sent
 * are zeros, which may be summed as often as one likes. The sums between GPUs are made where training makes them: in a
 * search, on its histograms, which lie in the GPU's memory; so no other memory of a GPU is needed here. */
#include "bench/measure.h"

#include "base/clock.h"
#include "base/mem.h"
#include "compute/haar/boost.h"
#include "haar/features.h"

#include <sched.h>
#include <stdlib.h>

enum {
    MOST_CALLS = 2000, /* of a run */
    /* A search whose histograms are as large as the largest sum: 1,024 features x 256 bins x 64 classes x 4 bytes. */
    SEARCH_SIDE = 28,
    SEARCH_FEATURES = 1024
};

static const size_t most_bytes = (size_t)64 << 20, large_bytes = (size_t)1 << 20; /* large ones are told in GB/s */

/* Of a figure's runs that count, together. */
static const double seconds_a_figure = 0.2;

static const struct {
    size_t bytes;
    const char *name;
} sizes[] = {{4, "4 bytes"},
             {256, "256 bytes"},
             {4096, "4 KB"},
             {(size_t)64 << 10, "64 KB"},
             {(size_t)1 << 20, "1 MB"},
             {(size_t)16 << 20, "16 MB"},
             {(size_t)64 << 20, "64 MB"}};

enum { N_SIZES = sizeof sizes / sizeof *sizes };

struct talk {
    const struct bench_run *run;
    struct comm *comm;
    struct resources resources;
    char *data;          /* [most_bytes], and a value more for each rank */
    int32_t *gpu_values; /* those of a search, and its stream */
    void *stream;
};

/* ---- the calls ---- */

/* One call, with so many bytes in all. */
typedef enum status call_once(struct talk *t, size_t bytes);

static size_t share_of(const struct talk *t, size_t n)
{
    const size_t each = n / (size_t)t->comm->size;

    return each > 0 ? each : 1;
}

static enum status agree(struct talk *t, size_t bytes)
{
    (void)bytes;
    return comm_agree(t->comm, ST_OK);
}

static enum status bcast(struct talk *t, size_t bytes)
{
    return comm_bcast(t->comm, t->data, bytes);
}

static enum status sum(struct talk *t, size_t bytes)
{
    return comm_sum_i32(t->comm, (int32_t *)(void *)t->data, bytes / sizeof(int32_t));
}

static enum status reduce_scatter(struct talk *t, size_t bytes)
{
    return comm_reduce_scatter_i32(t->comm, (int32_t *)(void *)t->data, share_of(t, bytes / sizeof(int32_t)));
}

static enum status all_gather(struct talk *t, size_t bytes)
{
    const size_t each = share_of(t, bytes);

    return comm_all_gather(t->comm, t->data + (size_t)t->comm->rank * each, each, t->data);
}

static enum status gather(struct talk *t, size_t bytes)
{
    size_t all_bytes;
    void *all;

    TRY(comm_gather(t->comm, t->data, share_of(t, bytes), &all, &all_bytes));
    free(all);
    return ST_OK;
}

static enum status take(struct talk *t)
{
    size_t bytes;
    int from;

    for (;;) {
        TRY(comm_take(t->comm, t->data, most_bytes, &bytes, &from));
        if (from >= 0)
            return ST_OK;
        sched_yield(); /* there may be more ranks than cores */
    }
}

/* There and back. */
static enum status ping_pong(struct talk *t, size_t bytes)
{
    const int last = t->comm->size - 1;

    if (t->comm->rank == 0) {
        TRY(comm_post(t->comm, last, t->data, bytes));
        return take(t);
    }
    if (t->comm->rank < last)
        return ST_OK;
    TRY(take(t));
    return comm_post(t->comm, 0, t->data, bytes);
}

static enum status gpu_sum(struct talk *t, size_t bytes)
{
    return comm_gpu_sum_i32(t->comm, t->gpu_values, bytes / sizeof(int32_t), t->stream);
}

static enum status gpu_reduce_scatter(struct talk *t, size_t bytes)
{
    return comm_gpu_reduce_scatter_i32(t->comm, t->gpu_values, share_of(t, bytes / sizeof(int32_t)), t->stream);
}

/* ---- one figure ---- */

struct calls {
    struct talk *talk;
    call_once *once;
    size_t bytes;
    int32_t n;
};

/* Collective. Seconds of all calls, until all ranks are done. A rank cannot agree with others that wait inside a call,
 * so its fault ends the job. */
static enum status time_calls(void *context, double *seconds)
{
    const struct calls *c = context;
    const double started = clock_seconds();

    for (int i = 0; i < c->n; i++)
        comm_end_ranks(c->talk->comm, c->once(c->talk, c->bytes));
    TRY(comm_agree(c->talk->comm, ST_OK));
    *seconds = clock_seconds() - started;
    return ST_OK;
}

/* Collective. Seconds of a call: the median of the runs. Rank 0 decides by a first call how many make a run. */
static enum status time_call(struct talk *t, call_once *once, size_t bytes, double *seconds)
{
    struct calls calls = {.talk = t, .once = once, .bytes = bytes, .n = 1};

    TRY(comm_agree(t->comm, bench_check_stop(t->run)));
    TRY(time_calls(&calls, seconds));
    const double wanted = seconds_a_figure / t->run->runs / (*seconds + 1e-9);
    calls.n = wanted < 1 ? 1 : wanted < MOST_CALLS ? (int32_t)wanted : MOST_CALLS;
    TRY(comm_bcast(t->comm, &calls.n, sizeof calls.n));
    TRY(bench_time_runs(t->run, t->comm, time_calls, &calls, 1, seconds));
    *seconds /= calls.n;
    return ST_OK;
}

/* Collective. A row for each size up to most; n_ways: how often the bytes travel in a call. */
static enum status time_sizes(struct talk *t, const char *name, call_once *once, int n_ways, size_t most)
{
    double least = 0.0;

    for (int i = 0; i < N_SIZES && sizes[i].bytes <= most; i++) {
        double seconds;

        TRY(time_call(t, once, sizes[i].bytes, &seconds));
        seconds /= n_ways;
        if (t->comm->rank > 0)
            continue;
        if (sizes[i].bytes >= large_bytes) {
            bench_table_row(t->run->table, "GB/s", false, 1e-9 * (double)sizes[i].bytes / seconds, "%s, %s", name,
                            sizes[i].name);
            continue;
        }
        struct bench_row *row =
            bench_table_row(t->run->table, "us", true, 1e6 * seconds, "%s, %s", name, sizes[i].name);
        if (i == 0)
            least = seconds;
        else
            bench_row_limit(row, 1e6 * least, "%s", sizes[0].name);
    }
    return ST_OK;
}

/* ---- sums between GPUs ---- */

/* What the search calls to sum its histograms: not once, and not only all of them. */
static enum status sum_in_search(void *context, int32_t *values, size_t n, void *stream)
{
    struct talk *t = context;

    if (t->gpu_values)
        return ST_OK;
    t->gpu_values = values;
    t->stream = stream;
    TRY(time_sizes(t, "GPU sum", gpu_sum, 1, n * sizeof *values));
    return time_sizes(t, "GPU reduce-scatter", gpu_reduce_scatter, 1, n * sizeof *values);
}

/* Collective: a search without an image, whose histograms are zeros. */
static enum status search(struct talk *t, void *instance, struct haar_feature *feature)
{
    static const int root = 0;
    static const struct boost_scale scale;
    const struct boost_ops *ops = t->resources.ops->boost;
    struct haar_feature_list list;
    struct boost_best best;
    int64_t n_active;
    const struct boost_setup setup = {.device = t->resources.device,
                                      .n_threads = 1,
                                      .width = SEARCH_SIDE,
                                      .height = SEARCH_SIDE,
                                      .n_channels = 1,
                                      .n_classes = HAAR_MAX_CLASSES,
                                      .is_searching = true,
                                      .columns = BOOST_SIGNED,
                                      .most_nodes = 1,
                                      .most_features = SEARCH_FEATURES,
                                      .histogram_bytes = most_bytes,
                                      .sum = {.context = t,
                                              .n_shards = t->comm->size,
                                              .shard = t->comm->rank,
                                              .scatter_bytes = SIZE_MAX, /* never */
                                              .sum_i32 = sum_in_search}};

    haar_feature_list_init(&list, HAAR_SEED, SEARCH_SIDE, SEARCH_SIDE, false, 1);
    for (uint32_t i = 0; i < SEARCH_FEATURES; i++)
        feature[i] = haar_feature_at(&list, HAAR_EDGE_H, 0, i);
    TRY(comm_agree(t->comm, ops->open(instance, &setup)));
    TRY(comm_agree(t->comm, ops->activate(instance, scale, 0, &n_active)));
    TRY(comm_agree(t->comm, ops->weigh(instance, scale, 0, NULL)));
    const enum status st = ops->search(instance, SEARCH_FEATURES, feature, 1, 1, &root, &best);
    if (!t->gpu_values) /* the others wait in the search's sum */
        comm_end_ranks(t->comm, st);
    return comm_agree(t->comm, st);
}

/* Collective, where every rank has a GPU. */
static enum status time_gpu_sums(struct talk *t)
{
    const struct boost_ops *ops = t->resources.ops->boost;
    void *instance = mem_array(1, ops->priv_bytes);
    struct haar_feature *feature = mem_array(SEARCH_FEATURES, sizeof *feature);
    enum status st;

    TRY_OR(done, st, comm_agree(t->comm, instance && feature ? ST_OK : ST_NOMEM));
    TRY_OR(done, st, comm_gpu_open(t->comm, t->resources.device));
    st = search(t, instance, feature);
    ops->close(instance);
    if (st == ST_OK && t->comm->rank == 0)
        bench_table_fact(t->run->table, "GPU sums", "%s", comm_gpu_path(t->comm));
done:
    free(feature);
    free(instance);
    return st;
}

/* ---- all of it ---- */

static void describe(const struct talk *t)
{
    struct bench_table *table = t->run->table;
    char text[256];

    bench_add_resources(t->run, &t->resources);
    comm_describe(text, sizeof text);
    bench_table_fact(table, "MPI", "%s", text);
    bench_table_fact(table, "host", "%d of %d ranks are on rank 0's", t->comm->node_size, t->comm->size);
    bench_table_fact(table, "messages", "between rank 0 and rank %d, one way", t->comm->size - 1);
}

static enum status time_all(struct talk *t)
{
    int64_t n_gpus = t->resources.ops->shares_cuda;
    double seconds;

    TRY(time_call(t, agree, 0, &seconds));
    if (t->comm->rank == 0)
        bench_table_row(t->run->table, "us", true, 1e6 * seconds, "agreement");
    TRY(time_sizes(t, "broadcast", bcast, 1, most_bytes));
    TRY(time_sizes(t, "sum of int32", sum, 1, most_bytes));
    TRY(time_sizes(t, "reduce-scatter of int32", reduce_scatter, 1, most_bytes));
    TRY(time_sizes(t, "all-gather", all_gather, 1, most_bytes));
    TRY(time_sizes(t, "gather", gather, 1, most_bytes));
    TRY(time_sizes(t, "message", ping_pong, 2, most_bytes));
    TRY(comm_sum_i64(t->comm, &n_gpus, 1));
    if (n_gpus == t->comm->size)
        return time_gpu_sums(t);
    if (t->comm->rank == 0)
        bench_table_fact(t->run->table, "GPU sums", "not measured: %d of %d ranks compute on a GPU", (int)n_gpus,
                         t->comm->size);
    return ST_OK;
}

enum status bench_comm(const struct bench_run *run)
{
    struct talk t = {.run = run, .comm = run->comm};
    enum status st;

    if (run->comm->size == 1) {
        bench_table_fact(run->table, "communication", "one rank: nothing to measure");
        return ST_OK;
    }
    t.data = mem_array(most_bytes + sizeof(int32_t) * (size_t)t.comm->size, 1);
    st = t.data ? resources_choose(t.comm, run->backend, run->threads, &t.resources) : ST_NOMEM;
    st = comm_agree(t.comm, st);
    if (st == ST_OK && t.comm->rank == 0)
        describe(&t);
    if (st == ST_OK)
        st = time_all(&t);
    free(t.data);
    return st;
}
