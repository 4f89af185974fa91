/* cuda_boost: the GPU backend's table of the trainer's steps: life cycle, memory, copies and the order of the kernels,
 * which are the .cu files of this folder; the definition of each step is its twin in src/compute/haar/. An instance has
 * one CUDA stream. load, weigh, split, vote, and leaves without sums return while the GPU still works; the others wait.
 *
 * Memory is taken when an instance opens, but for the copies of trimmed images, which grow as they must. While every
 * image is active, the active images are all of them, and nothing is copied. Bins are kept from call to call where the
 * whole list's fit the room; else they are made anew, as many features at a time as fit.
 *
 * Refuses: more than 2^23 images on a GPU. */
#include "compute/haar/boost.h"
#include "kernels/check.h"
#include "kernels/haar/launch_boost.h"

#include <string.h>

enum { MOST_IMAGES = 1 << 23, MOST_ARRAYS = 32 };

static const size_t most_scratch = (size_t)64 << 20; /* for pixels on their way in, and scores out */
static const size_t memory_reserve = (size_t)256 << 20;

struct results { /* pinned */
    struct boost_best best[BOOST_MAX_LEAVES];
    int64_t spread[HAAR_SPREAD];
    int64_t sums[BOOST_MAX_LEAVES * BOOST_MAX_COLUMNS];
    int64_t n_errors;
    uint32_t n_selected;
};

struct cuda_boost {
    struct boost_setup setup;
    int device;
    cudaStream_t stream;
    size_t n_entries; /* of an image */
    void *array[MOST_ARRAYS];
    int n_arrays;

    struct boost_all all;
    uint8_t *scratch; /* [scratch_bytes] */
    size_t scratch_bytes;
    unsigned long long *spread, *sums, *n_errors;
    struct results *results;

    struct boost_search search;     /* with the active images */
    struct boost_images trimmed;    /* the copies; n as it happens to be */
    size_t trimmed_room;            /* images */
    uint32_t *n_selected, *counter; /* scratch of the selection */
    uint8_t *flag;
    struct haar_feature *feature, *host_feature; /* [most_features]; the latter pinned */
    size_t bins_bytes;
    bool has_list, is_binned; /* the list is on the GPU; all its bins are */
    uint64_t list_number;
};

/* --- life --------------------------------------------------------------------------------------------------------- */

static size_t round_up(size_t n, size_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

static size_t stride_of(size_t n_images)
{
    return n_images > 0 ? round_up(n_images, BOOST_PAD) : BOOST_PAD;
}

/* Zeroed, so that padding is never uninitialised. */
static enum status reserve(struct cuda_boost *b, void *pointer_to, size_t bytes, const char *what)
{
    void *memory = NULL;

    if (b->n_arrays == MOST_ARRAYS)
        return FAIL(ST_BUG, "backend cuda: more than %d arrays", MOST_ARRAYS);
    CUDA_TRY(b->device, cudaMalloc(&memory, bytes), "reserve %zu bytes for %s", bytes, what);
    b->array[b->n_arrays++] = memory;
    CUDA_TRY(b->device, cudaMemsetAsync(memory, 0, bytes, b->stream), "clear %zu bytes for %s", bytes, what);
    memcpy(pointer_to, &memory, sizeof memory);
    return ST_OK;
}

static enum status open_powers(struct cuda_boost *b)
{
    struct haar_powers powers;
    struct haar_powers *on_device = NULL;

    haar_powers_init(&powers);
    TRY(reserve(b, &on_device, sizeof powers, "powers"));
    CUDA_TRY(b->device, cudaMemcpyAsync(on_device, &powers, sizeof powers, cudaMemcpyHostToDevice, b->stream),
             "copy powers to it");
    b->all.powers = on_device;
    return ST_OK;
}

static enum status open_images(struct cuda_boost *b)
{
    const struct boost_setup *s = &b->setup;
    const size_t n = (size_t)s->n_images, stride = stride_of(n), n_classes = (size_t)s->n_classes;
    const size_t image_bytes = (size_t)s->n_channels * (size_t)s->width * (size_t)s->height;
    const size_t score_bytes = n_classes * sizeof(int32_t);
    const size_t most = n * (image_bytes > score_bytes ? image_bytes : score_bytes);

    b->all.n_classes = s->n_classes;
    b->all.images = (struct boost_images){
        .n = (uint32_t)n, .stride = stride, .width = s->width, .height = s->height, .n_channels = s->n_channels};
    TRY(reserve(b, &b->all.images.integral, b->n_entries * stride * sizeof(int32_t), "integral images"));
    TRY(reserve(b, &b->all.images.label, stride, "labels"));
    TRY(reserve(b, &b->all.score, stride * score_bytes, "scores"));
    TRY(reserve(b, &b->all.leaf, stride, "leaves"));
    b->scratch_bytes = most < 1 ? 1 : most < most_scratch ? most : most_scratch;
    TRY(reserve(b, &b->scratch, b->scratch_bytes, "pixels"));
    TRY(reserve(b, &b->spread, HAAR_SPREAD * sizeof *b->spread, "results"));
    TRY(reserve(b, &b->sums, sizeof b->results->sums, "results"));
    return reserve(b, &b->n_errors, sizeof *b->n_errors, "results");
}

/* Room for bins: the whole list's where that leaves room for copies of all images; else half of what there is. */
static enum status open_bins(struct cuda_boost *b)
{
    const size_t stride = b->all.images.stride, want = stride * (size_t)b->setup.most_features;
    const size_t copies = b->n_entries * stride * sizeof(int32_t) + memory_reserve;
    size_t free_bytes = 0, total_bytes = 0;

    CUDA_TRY(b->device, cudaMemGetInfo(&free_bytes, &total_bytes), "ask for its free memory");
    size_t room = free_bytes / 2;
    if (free_bytes > copies && free_bytes - copies > room)
        room = free_bytes - copies;
    b->bins_bytes = want < room ? want : room / stride * stride;
    if (b->bins_bytes < stride)
        b->bins_bytes = stride;
    return reserve(b, &b->search.bins, b->bins_bytes, "bins");
}

static enum status open_search(struct cuda_boost *b)
{
    struct boost_search *s = &b->search;
    const size_t n = (size_t)b->setup.n_images, stride = b->all.images.stride, items = boost_item_room(n);
    const size_t n_classes = (size_t)b->setup.n_classes, n_features = b->setup.most_features;

    s->is_split = b->setup.columns == BOOST_SPLIT;
    s->n_classes = b->setup.n_classes;
    s->n_columns = s->is_split ? 2 * s->n_classes : s->n_classes;
    s->active.images = b->all.images;
    s->active.images.n = 0;
    CUDA_TRY(b->device, launch_search_open(b->device, &s->device), "prepare the search");

    const size_t one = HAAR_BINS * (size_t)s->n_columns * sizeof(int32_t);
    size_t histograms = n_features * (size_t)b->setup.most_nodes;
    if (histograms * one > b->setup.histogram_bytes)
        histograms = b->setup.histogram_bytes / one;
    TRY(reserve(b, &s->histogram, histograms * one, "histograms"));
    TRY(reserve(b, &s->loss, histograms * sizeof *s->loss, "losses"));
    TRY(reserve(b, &s->cut, histograms, "cuts"));
    TRY(reserve(b, &s->best, BOOST_MAX_LEAVES * sizeof *s->best, "results"));
    TRY(reserve(b, &s->cursor, BOOST_MAX_LEAVES * sizeof *s->cursor, "counters"));
    TRY(reserve(b, &s->item, items * sizeof *s->item, "items"));
    TRY(reserve(b, &s->item_weight, items * n_classes * sizeof *s->item_weight, "items"));
    TRY(reserve(b, &s->active.index, stride * sizeof *s->active.index, "active images"));
    TRY(reserve(b, &s->active.weight, stride * n_classes * sizeof *s->active.weight, "weights"));
    TRY(reserve(b, &s->active.node, stride, "nodes"));
    TRY(reserve(b, &s->active.node_count, BOOST_MAX_LEAVES * sizeof *s->active.node_count, "counters"));
    TRY(reserve(b, &b->n_selected, sizeof *b->n_selected, "counters"));
    TRY(reserve(b, &b->counter, (stride / BOOST_SELECT_IMAGES + 1) * sizeof *b->counter, "counters"));
    TRY(reserve(b, &b->flag, stride, "active images"));
    TRY(reserve(b, &b->feature, n_features * sizeof *b->feature, "features"));
    s->feature = b->feature;
    CUDA_TRY(b->device, cudaMallocHost((void **)&b->host_feature, n_features * sizeof *b->host_feature),
             "pin %zu bytes of host memory for features", n_features * sizeof *b->host_feature);
    return open_bins(b);
}

static enum status cuda_open(void *priv, const struct boost_setup *setup)
{
    struct cuda_boost *b = priv;
    int n_devices = 0;

    b->setup = *setup;
    b->device = setup->device;
    b->n_entries = (size_t)(setup->n_channels * (setup->width + 1) * (setup->height + 1));
    if (setup->n_images > MOST_IMAGES)
        return FAIL(ST_UNSUPPORTED, "backend cuda: %lld images on one GPU: no more than %d go",
                    (long long)setup->n_images, MOST_IMAGES);
    if (cudaGetDeviceCount(&n_devices) != cudaSuccess)
        (void)cudaGetLastError();
    if (n_devices <= setup->device)
        return FAIL(ST_UNSUPPORTED, "backend cuda: there is no GPU %d: %d found", setup->device, n_devices);
    CUDA_TRY(b->device, cudaSetDevice(b->device), "use it");
    CUDA_TRY(b->device, cudaStreamCreateWithFlags(&b->stream, cudaStreamNonBlocking), "open a stream");
    CUDA_TRY(b->device, cudaMallocHost((void **)&b->results, sizeof *b->results),
             "pin %zu bytes of host memory for results", sizeof *b->results);
    TRY(open_powers(b));
    TRY(open_images(b));
    if (setup->is_searching)
        TRY(open_search(b));
    CUDA_TRY(b->device, cudaStreamSynchronize(b->stream), "clear its memory");
    return ST_OK;
}

/* The frees take NULL. */
static void cuda_close(void *priv)
{
    struct cuda_boost *b = priv;

    if (!b->stream) /* nothing was reserved */
        return;
    cudaSetDevice(b->device);
    cudaStreamSynchronize(b->stream);
    for (int i = 0; i < b->n_arrays; i++)
        cudaFree(b->array[i]);
    cudaFree(b->trimmed.integral);
    cudaFree(b->trimmed.label);
    cudaFreeHost(b->host_feature);
    cudaFreeHost(b->results);
    cudaStreamDestroy(b->stream);
    (void)cudaGetLastError();
    memset(b, 0, sizeof *b);
}

/* --- copies ------------------------------------------------------------------------------------------------------- */

static enum status use(const struct cuda_boost *b)
{
    CUDA_TRY(b->device, cudaSetDevice(b->device), "use it");
    return ST_OK;
}

/* Results of the stream's work so far. */
static enum status fetch(const struct cuda_boost *b, void *pinned, const void *from, size_t bytes, const char *what)
{
    CUDA_TRY(b->device, cudaMemcpyAsync(pinned, from, bytes, cudaMemcpyDeviceToHost, b->stream), "copy %s from it",
             what);
    CUDA_TRY(b->device, cudaStreamSynchronize(b->stream), "find %s", what);
    return ST_OK;
}

/* Pageable pixels are off the caller's memory when a copy's call returns, pinned ones are not: wait for each piece. */
static enum status cuda_load(void *priv, int64_t first, int64_t n, const uint8_t *pixels, const uint8_t *labels)
{
    struct cuda_boost *b = priv;
    const struct boost_images *images = &b->all.images;
    const size_t image_bytes = (size_t)images->n_channels * (size_t)images->width * (size_t)images->height;
    const size_t piece = b->scratch_bytes / image_bytes, end = (size_t)(first + n);

    TRY(use(b));
    if (n < 1)
        return ST_OK;
    CUDA_TRY(b->device, cudaMemcpyAsync(images->label + first, labels, (size_t)n, cudaMemcpyHostToDevice, b->stream),
             "copy labels to it");
    CUDA_TRY(b->device,
             cudaMemset2DAsync(b->all.score + first, images->stride * sizeof *b->all.score, 0,
                               (size_t)n * sizeof *b->all.score, (size_t)b->all.n_classes, b->stream),
             "clear scores");
    for (size_t at = (size_t)first; at < end; at += piece) {
        const size_t count = end - at < piece ? end - at : piece;
        CUDA_TRY(b->device,
                 cudaMemcpyAsync(b->scratch, pixels + (at - (size_t)first) * image_bytes, count * image_bytes,
                                 cudaMemcpyHostToDevice, b->stream),
                 "copy images to it");
        CUDA_TRY(b->device, launch_integral(images, at, (uint32_t)count, b->scratch, b->stream),
                 "make integral images");
        CUDA_TRY(b->device, cudaStreamSynchronize(b->stream), "make integral images");
    }
    return ST_OK;
}

static enum status cuda_scores(void *priv, int32_t *scores)
{
    struct cuda_boost *b = priv;
    const size_t n = b->all.images.n, n_classes = (size_t)b->all.n_classes;
    const size_t piece = b->scratch_bytes / (n_classes * sizeof *scores);

    TRY(use(b));
    for (size_t at = 0; at < n; at += piece) {
        const size_t count = n - at < piece ? n - at : piece;
        CUDA_TRY(b->device, launch_scores(&b->all, at, (uint32_t)count, (int32_t *)(void *)b->scratch, b->stream),
                 "sort scores");
        TRY(fetch(b, scores + at * n_classes, b->scratch, count * n_classes * sizeof *scores, "scores"));
    }
    return ST_OK;
}

/* --- weights ------------------------------------------------------------------------------------------------------ */

static enum status cuda_spread(void *priv, struct boost_scale scale, int64_t spread[HAAR_SPREAD])
{
    struct cuda_boost *b = priv;

    TRY(use(b));
    CUDA_TRY(b->device, launch_spread(&b->all, scale, b->spread, b->stream), "find the weights' spread");
    TRY(fetch(b, b->results->spread, b->spread, sizeof b->results->spread, "the weights' spread"));
    memcpy(spread, b->results->spread, sizeof b->results->spread);
    return ST_OK;
}

/* An eighth more than asked for, but not more than there are: the active set seldom grows. */
static enum status grow_trimmed(struct cuda_boost *b, size_t n)
{
    const size_t most = b->all.images.stride, want = stride_of(n + n / 8), room = want < most ? want : most;
    const size_t bytes = b->n_entries * room * sizeof(int32_t);

    if (stride_of(n) <= b->trimmed_room)
        return ST_OK;
    cudaFree(b->trimmed.integral);
    cudaFree(b->trimmed.label);
    b->trimmed = b->all.images;
    b->trimmed.integral = NULL;
    b->trimmed.label = NULL;
    b->trimmed_room = 0;
    CUDA_TRY(b->device, cudaMalloc((void **)&b->trimmed.integral, bytes),
             "reserve %zu bytes for the active images' integral images", bytes);
    CUDA_TRY(b->device, cudaMalloc((void **)&b->trimmed.label, room), "reserve %zu bytes for labels", room);
    b->trimmed_room = room;
    return ST_OK;
}

static enum status cuda_activate(void *priv, struct boost_scale scale, int lowest, int64_t *n_active)
{
    struct cuda_boost *b = priv;
    struct boost_active *active = &b->search.active;

    TRY(use(b));
    CUDA_TRY(b->device,
             launch_select(&b->all, scale, lowest, b->counter, b->flag, active->index, b->n_selected, b->stream),
             "select images");
    TRY(fetch(b, &b->results->n_selected, b->n_selected, sizeof *b->n_selected, "the active images"));
    const uint32_t n = b->results->n_selected;
    *n_active = n;
    b->is_binned = false;
    active->images = b->all.images;
    if (n == b->all.images.n)
        return ST_OK;
    active->images.n = 0;
    TRY(grow_trimmed(b, n));
    active->images = b->trimmed;
    active->images.n = n;
    active->images.stride = stride_of(n);
    CUDA_TRY(b->device, launch_gather(&b->all.images, active->index, &active->images, b->stream),
             "copy the active images");
    return ST_OK;
}

static struct haar_corners corners_of(const struct cuda_boost *b, struct haar_feature feature)
{
    return haar_corners_of(feature, b->setup.width, b->setup.height);
}

static enum status cuda_weigh(void *priv, struct boost_scale scale, int n_terms, const struct boost_term *term)
{
    struct cuda_boost *b = priv;
    struct boost_flips flips = {.n = n_terms};

    for (int t = 0; t < n_terms; t++) {
        flips.cut[t] = term[t].cut;
        flips.corners[t] = corners_of(b, term[t].feature);
        memcpy(flips.v[t], term[t].v, sizeof flips.v[t]);
    }
    TRY(use(b));
    CUDA_TRY(b->device, launch_weigh(&b->all, &b->search.active, scale, &flips, b->stream), "weigh images");
    return ST_OK;
}

/* --- the search --------------------------------------------------------------------------------------------------- */

static enum status take_list(struct cuda_boost *b, uint32_t n_features, const struct haar_feature *feature,
                             uint64_t list_number)
{
    const size_t bytes = n_features * sizeof *feature;

    if (b->has_list && b->list_number == list_number)
        return ST_OK;
    b->has_list = b->is_binned = false;
    memcpy(b->host_feature, feature, bytes); /* free: the last search waited */
    CUDA_TRY(b->device, cudaMemcpyAsync(b->feature, b->host_feature, bytes, cudaMemcpyHostToDevice, b->stream),
             "copy features to it");
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
        CUDA_TRY(b->device, launch_histograms(&b->search, first, n, 0, b->stream), "make histograms");
        return ST_OK;
    }
    for (uint32_t at = 0; at < n; at += part) {
        const uint32_t count = n - at < part ? n - at : part;
        CUDA_TRY(b->device, launch_bins(&b->search, first + at, count, b->stream), "find bins");
        CUDA_TRY(b->device, launch_histograms(&b->search, 0, count, at, b->stream), "make histograms");
    }
    return ST_OK;
}

static enum status cuda_search(void *priv, uint32_t n_features, const struct haar_feature *feature,
                               uint64_t list_number, int n_nodes, const int *node, struct boost_best *best)
{
    struct cuda_boost *b = priv;
    struct boost_search *s = &b->search;
    const size_t size = HAAR_BINS * (size_t)s->n_columns * (size_t)n_nodes; /* of a feature's histograms */
    const size_t room = b->setup.histogram_bytes / (size * sizeof *s->histogram);
    const uint32_t chunk = room < n_features ? (uint32_t)room : n_features;

    for (int i = 0; i < n_nodes; i++)
        best[i] = (struct boost_best){.loss = UINT64_MAX};
    if (n_features == 0 || n_nodes == 0)
        return ST_OK;
    TRY(use(b));
    TRY(take_list(b, n_features, feature, list_number));
    s->n_nodes = n_nodes;
    for (int i = 0; i < n_nodes; i++)
        s->node[i] = (uint8_t)node[i];
    if (!b->is_binned && b->bins_bytes / s->active.images.stride >= n_features) {
        CUDA_TRY(b->device, launch_bins(s, 0, n_features, b->stream), "find bins");
        b->is_binned = true;
    }
    CUDA_TRY(b->device, launch_items(s, b->stream), "sort images by node");
    for (uint32_t first = 0; first < n_features; first += chunk) {
        const uint32_t n = n_features - first < chunk ? n_features - first : chunk;
        TRY(fill_histograms(b, first, n));
        if (b->setup.sum.sum_i32)
            TRY(b->setup.sum.sum_i32(b->setup.sum.context, s->histogram, n * size, b->stream));
        CUDA_TRY(b->device, launch_best(s, first, n, b->stream), "find the best cuts");
    }
    TRY(fetch(b, b->results->best, s->best, (size_t)n_nodes * sizeof *best, "the best cuts"));
    memcpy(best, b->results->best, (size_t)n_nodes * sizeof *best);
    return ST_OK;
}

static enum status cuda_split(void *priv, int node, struct haar_feature feature, int32_t cut, int new_node)
{
    struct cuda_boost *b = priv;
    const struct haar_corners corners = corners_of(b, feature);

    TRY(use(b));
    CUDA_TRY(b->device, launch_split(&b->search.active, node, &corners, cut, new_node, b->stream), "split a node");
    return ST_OK;
}

/* --- the finished learner ----------------------------------------------------------------------------------------- */

static enum status cuda_leaves(void *priv, const struct weak *weak, struct boost_scale scale, int64_t *sums)
{
    struct cuda_boost *b = priv;
    struct boost_walk walk = {.n_nodes = weak->n_nodes, .is_product = weak->kind == WEAK_PRODUCT};
    const size_t n_sums = (size_t)weak->n_leaves * (size_t)b->all.n_classes * 2;

    for (int i = 0; i < weak->n_nodes; i++) {
        walk.cut[i] = weak->node[i].cut;
        memcpy(walk.child[i], weak->node[i].child, sizeof walk.child[i]);
        walk.corners[i] = corners_of(b, weak->node[i].feature);
    }
    TRY(use(b));
    CUDA_TRY(b->device, launch_leaves(&b->all, &walk, b->stream), "find leaves");
    if (!sums)
        return ST_OK;
    CUDA_TRY(b->device, launch_leaf_sums(&b->all, weak->n_leaves, scale, b->sums, b->stream), "sum up leaves");
    TRY(fetch(b, b->results->sums, b->sums, n_sums * sizeof *sums, "the leaves' sums"));
    memcpy(sums, b->results->sums, n_sums * sizeof *sums);
    return ST_OK;
}

static enum status cuda_vote(void *priv, int n_leaves, const int32_t *votes)
{
    struct cuda_boost *b = priv;

    TRY(use(b));
    CUDA_TRY(b->device, launch_vote(&b->all, n_leaves, votes, b->stream), "add votes");
    return ST_OK;
}

static enum status cuda_errors(void *priv, int64_t *n_errors)
{
    struct cuda_boost *b = priv;

    TRY(use(b));
    CUDA_TRY(b->device, launch_errors(&b->all, b->n_errors, b->stream), "count errors");
    TRY(fetch(b, &b->results->n_errors, b->n_errors, sizeof *b->n_errors, "the errors"));
    *n_errors = b->results->n_errors;
    return ST_OK;
}

const struct boost_ops boost_cuda = {
    .priv_bytes = sizeof(struct cuda_boost),
    .open = cuda_open,
    .close = cuda_close,
    .load = cuda_load,
    .spread = cuda_spread,
    .activate = cuda_activate,
    .weigh = cuda_weigh,
    .search = cuda_search,
    .split = cuda_split,
    .leaves = cuda_leaves,
    .vote = cuda_vote,
    .errors = cuda_errors,
    .scores = cuda_scores,
};
