/* cuda_search: the GPU's search, chunk after chunk of the list: bins, histograms, their sums over the data shards, the
 * best cuts. Bins are kept from call to call where the whole list's fit the room; else they are made anew, as many
 * features at a time as fit. Where shards add up, a chunk's sums travel while the next one's histograms are made. */
#include "kernels/haar/cuda_boost.h"

#include <string.h>

static const size_t memory_reserve = (size_t)256 << 20;

/* --- life --------------------------------------------------------------------------------------------------------- */

static size_t most_rows(size_t want, size_t room, size_t stride)
{
    const size_t rows = want < room ? want / stride : room / stride;

    return rows > 0 ? rows * stride : stride;
}

/* Room for bins: the whole list's where that leaves room for copies of all images; else half of what there is. A sketch
 * gets most of it for codes, since what is searched after it is a small part of the list. */
static enum status open_bins(struct cuda_boost *b)
{
    const size_t stride = b->all.images.stride, want = stride * (size_t)b->setup.most_features;
    const size_t copies = b->n_entries * stride * sizeof(int32_t) + memory_reserve;
    size_t free_bytes = 0, total_bytes = 0;

    CUDA_TRY(&b->gpu, cudaMemGetInfo(&free_bytes, &total_bytes), "ask for its free memory");
    size_t room = free_bytes / 2;
    if (free_bytes > copies && free_bytes - copies > room)
        room = free_bytes - copies;
    if (b->setup.most_room > 0 && b->setup.most_room < room)
        room = b->setup.most_room;
    if (!b->setup.is_sketching) {
        b->bins_bytes = most_rows(want, room, stride);
    } else {
        b->codes_bytes = most_rows(want, room - room / 8, stride);
        b->bins_bytes = most_rows(want / 8, room / 8, stride);
        TRY(cuda_boost_reserve(b, &b->codes, b->codes_bytes, "codes"));
    }
    return cuda_boost_reserve(b, &b->search.bins, b->bins_bytes, "bins");
}

/* The stream of sums has priority: its blocks come before those of the next histograms. */
static enum status open_sums(struct cuda_boost *b)
{
    int least = 0, greatest = 0;

    CUDA_TRY(&b->gpu, cudaDeviceGetStreamPriorityRange(&least, &greatest), "ask for its priorities");
    CUDA_TRY(&b->gpu, cudaStreamCreateWithPriority(&b->sum_stream, cudaStreamNonBlocking, greatest), "open a stream");
    TRY(gpu_hold(&b->gpu, GPU_STREAM, b->sum_stream));
    for (int half = 0; half < 2; half++)
        TRY(gpu_event(&b->gpu, &b->filled[half], false));
    return ST_OK;
}

enum status cuda_search_open(struct cuda_boost *b)
{
    struct boost_search *s = &b->search;
    const size_t n = (size_t)b->setup.n_images, stride = b->all.images.stride, items = boost_item_room(n);
    const size_t n_classes = (size_t)b->setup.n_classes, n_features = b->setup.most_features;

    s->is_split = b->setup.columns == BOOST_SPLIT;
    s->n_classes = b->setup.n_classes;
    s->n_columns = s->is_split ? 2 * s->n_classes : s->n_classes;
    s->active.images = b->all.images;
    s->active.images.n = 0;
    s->device = (struct boost_device){
        .n_sms = b->gpu.n_sms, .shared_block = b->gpu.shared_block, .shared_sm = b->gpu.shared_sm};
    CUDA_TRY(&b->gpu, launch_search_open(&s->device), "prepare the search");

    const size_t one = HAAR_BINS * (size_t)s->n_columns * sizeof(int32_t);
    const size_t n_filled_up = b->setup.sum.sum_i32 ? (size_t)b->setup.sum.n_shards : 0; /* see boost_chunk */
    size_t histograms = (n_features + n_filled_up) * (size_t)b->setup.most_nodes;
    if (histograms * one > b->setup.histogram_bytes)
        histograms = b->setup.histogram_bytes / one;
    TRY(cuda_boost_reserve(b, &b->histograms, histograms * one, "histograms"));
    TRY(cuda_boost_reserve(b, &s->loss, histograms * sizeof *s->loss, "losses"));
    TRY(cuda_boost_reserve(b, &s->cut, histograms, "cuts"));
    TRY(cuda_boost_reserve(b, &s->best, BOOST_MAX_LEAVES * sizeof *s->best, "results"));
    TRY(cuda_boost_reserve(b, &s->cursor, BOOST_MAX_LEAVES * sizeof *s->cursor, "counters"));
    TRY(cuda_boost_reserve(b, &s->item, items * sizeof *s->item, "items"));
    TRY(cuda_boost_reserve(b, &s->item_weight, items * n_classes * sizeof *s->item_weight, "items"));
    TRY(cuda_boost_reserve(b, &s->active.index, stride * sizeof *s->active.index, "active images"));
    TRY(cuda_boost_reserve(b, &s->active.weight, stride * n_classes * sizeof *s->active.weight, "weights"));
    TRY(cuda_boost_reserve(b, &s->active.node, stride, "nodes"));
    TRY(cuda_boost_reserve(b, &s->active.node_count, BOOST_MAX_LEAVES * sizeof *s->active.node_count, "counters"));
    TRY(cuda_boost_reserve(b, &b->n_selected, sizeof *b->n_selected, "counters"));
    TRY(cuda_boost_reserve(b, &b->counter, (stride / BOOST_SELECT_IMAGES + 1) * sizeof *b->counter, "counters"));
    TRY(cuda_boost_reserve(b, &b->flag, stride, "active images"));
    TRY(cuda_boost_reserve(b, &b->feature, n_features * sizeof *b->feature, "features"));
    s->feature = b->feature;
    TRY(gpu_pin(&b->gpu, &b->host_feature, n_features * sizeof *b->host_feature, "features"));
    if (b->setup.sum.sum_i32)
        TRY(open_sums(b));
    if (b->setup.is_sketching)
        TRY(cuda_sketch_open(b));
    return open_bins(b);
}

/* --- the search --------------------------------------------------------------------------------------------------- */

enum status cuda_search_take_list(struct cuda_boost *b, uint32_t n_features, const struct haar_feature *feature,
                                  uint64_t list_number)
{
    const size_t bytes = n_features * sizeof *feature;

    if (b->has_list && b->list_number == list_number)
        return ST_OK;
    b->has_list = b->is_binned = false;
    memcpy(b->host_feature, feature, bytes); /* free: the last search waited */
    TRY(gpu_send(&b->gpu, b->feature, b->host_feature, bytes, "features"));
    b->has_list = true;
    b->list_number = list_number;
    return ST_OK;
}

/* The histograms of features [first, first + n), by parts whose bins fit. */
static enum status fill_histograms(struct cuda_boost *b, uint32_t first, uint32_t n)
{
    const size_t room = b->bins_bytes / b->search.active.images.stride;
    const uint32_t part = room < n ? (uint32_t)room : n;

    if (b->is_binned) {
        CUDA_TRY(&b->gpu, launch_histograms(&b->search, first, n, 0, b->gpu.stream), "make histograms");
        return ST_OK;
    }
    for (uint32_t at = 0; at < n; at += part) {
        const uint32_t count = n - at < part ? n - at : part;
        CUDA_TRY(&b->gpu, launch_bins(&b->search, first + at, count, b->gpu.stream), "find bins");
        CUDA_TRY(&b->gpu, launch_histograms(&b->search, 0, count, at, b->gpu.stream), "make histograms");
    }
    return ST_OK;
}

struct walk {
    struct boost_chunks chunks;
    size_t size;     /* of a feature's histograms, in values */
    int n_looked_at; /* chunks of which this shard had features */
};

/* The sums and the best cuts of the chunk at first, whose histograms the stream makes. */
static enum status finish_chunk(struct cuda_boost *b, struct walk *w, uint32_t first, int half)
{
    struct boost_search *s = &b->search;
    const struct boost_sum *sum = &b->setup.sum;
    int32_t *histogram = b->histograms + (size_t)half * w->chunks.n * w->size;
    const struct boost_chunk chunk = boost_chunk_at(&w->chunks, first);

    if (sum->sum_i32)
        CUDA_TRY(&b->gpu, cudaStreamWaitEvent(b->sum_stream, b->filled[half], 0), "wait for histograms");
    if (w->chunks.n_rows > 1)
        TRY(sum->reduce_scatter_i32(sum->context, histogram, chunk.row * w->size, b->sum_stream));
    else if (sum->sum_i32)
        TRY(sum->sum_i32(sum->context, histogram, chunk.n * w->size, b->sum_stream));
    if (chunk.n_mine == 0)
        return ST_OK;
    s->histogram = histogram + chunk.mine * w->size;
    CUDA_TRY(&b->gpu, launch_best(s, first + chunk.mine, chunk.n_mine, w->n_looked_at++ == 0, b->gpu.stream),
             "find the best cuts");
    return ST_OK;
}

/* A sum returns when it is done; while it lasts, the GPU makes the next chunk's histograms in the other half. */
static enum status walk_list(struct cuda_boost *b, struct walk *w, uint32_t n_features)
{
    const bool has_halves = w->chunks.has_halves;
    int half = 0;

    for (uint32_t first = 0; first < n_features; first += w->chunks.n, half = has_halves ? 1 - half : 0) {
        b->search.histogram = b->histograms + (size_t)half * w->chunks.n * w->size;
        TRY(fill_histograms(b, first, boost_chunk_at(&w->chunks, first).n));
        if (b->setup.sum.sum_i32)
            CUDA_TRY(&b->gpu, cudaEventRecord(b->filled[half], b->gpu.stream), "mark histograms");
        if (has_halves && first > 0)
            TRY(finish_chunk(b, w, first - w->chunks.n, 1 - half));
        if (!has_halves || n_features - first <= w->chunks.n)
            TRY(finish_chunk(b, w, first, half));
    }
    return ST_OK;
}

enum status cuda_search(void *priv, uint32_t n_features, const struct haar_feature *feature, uint64_t list_number,
                        int n_nodes, const int *node, struct boost_best *best)
{
    struct cuda_boost *b = priv;
    struct boost_search *s = &b->search;
    struct walk w = {.chunks = boost_plan_chunks(&b->setup, n_features, n_nodes),
                     .size = HAAR_BINS * (size_t)s->n_columns * (size_t)n_nodes};

    for (int i = 0; i < n_nodes; i++)
        best[i] = (struct boost_best){.loss = UINT64_MAX};
    if (n_features == 0 || n_nodes == 0)
        return ST_OK;
    TRY(gpu_use(&b->gpu));
    TRY(cuda_search_take_list(b, n_features, feature, list_number));
    s->n_nodes = n_nodes;
    for (int i = 0; i < n_nodes; i++)
        s->node[i] = (uint8_t)node[i];
    if (!b->is_binned && b->bins_bytes / s->active.images.stride >= n_features) {
        CUDA_TRY(&b->gpu, launch_bins(s, 0, n_features, b->gpu.stream), "find bins");
        b->is_binned = true;
    }
    CUDA_TRY(&b->gpu, launch_items(s, b->gpu.stream), "sort images by node");
    TRY(walk_list(b, &w, n_features));
    if (w.n_looked_at > 0) {
        TRY(cuda_boost_fetch(b, b->results->best, s->best, (size_t)n_nodes * sizeof *best, "the best cuts"));
        memcpy(best, b->results->best, (size_t)n_nodes * sizeof *best);
    }
    return w.chunks.n_rows > 1 ? boost_choose(&b->setup.sum, n_nodes, best) : ST_OK;
}
