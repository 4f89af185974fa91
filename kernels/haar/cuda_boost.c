/* cuda_boost: the GPU backend's table of the trainer's steps: life cycle, memory, copies and the order of the kernels,
 * which are the .cu files of this folder; the definition of each step is its twin in src/compute/haar/. An instance has
 * one CUDA stream. load, weigh, split, vote, and leaves without sums return while the GPU still works; the others wait.
 *
 * Memory is taken when an instance opens, except for the copies of trimmed images, which grow as needed. While every
 * image is active, the active images are all of them, and nothing is copied. The search is in cuda_search.c.
 *
 * Refuses: more than 2^23 images on a GPU. */
#include "kernels/haar/cuda_boost.h"

#include <string.h>

enum { MOST_IMAGES = 1 << 23 };

static const size_t most_scratch = (size_t)64 << 20; /* for pixels on their way in, and scores out */

/* --- life --------------------------------------------------------------------------------------------------------- */

static size_t round_up(size_t n, size_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

size_t cuda_boost_stride(size_t n_images)
{
    return n_images > 0 ? round_up(n_images, BOOST_PAD) : BOOST_PAD;
}

enum status cuda_boost_reserve(struct cuda_boost *b, void *pointer_to, size_t bytes, const char *what)
{
    void *memory;

    TRY(gpu_reserve(&b->gpu, pointer_to, bytes, what));
    memcpy(&memory, pointer_to, sizeof memory);
    CUDA_TRY(&b->gpu, cudaMemsetAsync(memory, 0, bytes, b->gpu.stream), "clear %zu bytes for %s", bytes, what);
    return ST_OK;
}

static enum status open_powers(struct cuda_boost *b)
{
    struct haar_powers powers;
    struct haar_powers *on_device = NULL;

    haar_powers_init(&powers);
    TRY(cuda_boost_reserve(b, &on_device, sizeof powers, "powers"));
    TRY(gpu_send(&b->gpu, on_device, &powers, sizeof powers, "powers"));
    b->all.powers = on_device;
    return ST_OK;
}

static enum status open_images(struct cuda_boost *b)
{
    const struct boost_setup *s = &b->setup;
    const size_t n = (size_t)s->n_images, stride = cuda_boost_stride(n), n_classes = (size_t)s->n_classes;
    const size_t image_bytes = (size_t)s->n_channels * (size_t)s->width * (size_t)s->height;
    const size_t score_bytes = n_classes * sizeof(int32_t);
    const size_t most = n * (image_bytes > score_bytes ? image_bytes : score_bytes);

    b->all.n_classes = s->n_classes;
    b->all.images = (struct boost_images){
        .n = (uint32_t)n, .stride = stride, .width = s->width, .height = s->height, .n_channels = s->n_channels};
    TRY(cuda_boost_reserve(b, &b->all.images.integral, b->n_entries * stride * sizeof(int32_t), "integral images"));
    TRY(cuda_boost_reserve(b, &b->all.images.label, stride, "labels"));
    TRY(cuda_boost_reserve(b, &b->all.score, stride * score_bytes, "scores"));
    TRY(cuda_boost_reserve(b, &b->all.leaf, stride, "leaves"));
    b->scratch_bytes = most < 1 ? 1 : most < most_scratch ? most : most_scratch;
    TRY(cuda_boost_reserve(b, &b->scratch, b->scratch_bytes, "pixels"));
    TRY(cuda_boost_reserve(b, &b->spread, HAAR_SPREAD * sizeof *b->spread, "results"));
    TRY(cuda_boost_reserve(b, &b->sums, sizeof b->results->sums, "results"));
    return cuda_boost_reserve(b, &b->n_errors, sizeof *b->n_errors, "results");
}

static enum status cuda_open(void *priv, const struct boost_setup *setup)
{
    struct cuda_boost *b = priv;

    b->setup = *setup;
    b->n_entries = (size_t)(setup->n_channels * (setup->width + 1) * (setup->height + 1));
    if (setup->n_images > MOST_IMAGES)
        return FAIL(ST_UNSUPPORTED, "backend cuda: %lld images on one GPU: %d are the most", (long long)setup->n_images,
                    MOST_IMAGES);
    TRY(gpu_open(&b->gpu, setup->device, false));
    TRY(gpu_pin(&b->gpu, &b->results, sizeof *b->results, "results"));
    TRY(open_powers(b));
    TRY(open_images(b));
    if (setup->is_searching)
        TRY(cuda_search_open(b));
    CUDA_TRY(&b->gpu, cudaStreamSynchronize(b->gpu.stream), "clear its memory");
    return ST_OK;
}

static void cuda_close(void *priv)
{
    gpu_close(&((struct cuda_boost *)priv)->gpu);
}

/* --- copies ------------------------------------------------------------------------------------------------------- */

enum status cuda_boost_fetch(const struct cuda_boost *b, void *pinned, const void *from, size_t bytes, const char *what)
{
    TRY(gpu_fetch(&b->gpu, pinned, from, bytes, what));
    CUDA_TRY(&b->gpu, cudaStreamSynchronize(b->gpu.stream), "find %s", what);
    return ST_OK;
}

/* Pageable pixels have left the caller's memory when the copy's call returns, pinned ones have not: so wait for each
 * piece. */
static enum status cuda_load(void *priv, int64_t first, int64_t n, const uint8_t *pixels, const uint8_t *labels)
{
    struct cuda_boost *b = priv;
    const struct boost_images *images = &b->all.images;
    const size_t image_bytes = (size_t)images->n_channels * (size_t)images->width * (size_t)images->height;
    const size_t piece = b->scratch_bytes / image_bytes, end = (size_t)(first + n);

    TRY(gpu_use(&b->gpu));
    if (n < 1)
        return ST_OK;
    TRY(gpu_send(&b->gpu, images->label + first, labels, (size_t)n, "labels"));
    CUDA_TRY(&b->gpu,
             cudaMemset2DAsync(b->all.score + first, images->stride * sizeof *b->all.score, 0,
                               (size_t)n * sizeof *b->all.score, (size_t)b->all.n_classes, b->gpu.stream),
             "clear scores");
    for (size_t at = (size_t)first; at < end; at += piece) {
        const size_t count = end - at < piece ? end - at : piece;
        TRY(gpu_send(&b->gpu, b->scratch, pixels + (at - (size_t)first) * image_bytes, count * image_bytes, "images"));
        CUDA_TRY(&b->gpu, launch_integral(images, at, (uint32_t)count, b->scratch, b->gpu.stream),
                 "make integral images");
        CUDA_TRY(&b->gpu, cudaStreamSynchronize(b->gpu.stream), "make integral images");
    }
    return ST_OK;
}

static enum status cuda_scores(void *priv, int32_t *scores)
{
    struct cuda_boost *b = priv;
    const size_t n = b->all.images.n, n_classes = (size_t)b->all.n_classes;
    const size_t piece = b->scratch_bytes / (n_classes * sizeof *scores);

    TRY(gpu_use(&b->gpu));
    for (size_t at = 0; at < n; at += piece) {
        const size_t count = n - at < piece ? n - at : piece;
        CUDA_TRY(&b->gpu, launch_scores(&b->all, at, (uint32_t)count, (int32_t *)(void *)b->scratch, b->gpu.stream),
                 "sort scores");
        TRY(cuda_boost_fetch(b, scores + at * n_classes, b->scratch, count * n_classes * sizeof *scores, "scores"));
    }
    return ST_OK;
}

/* --- weights ------------------------------------------------------------------------------------------------------ */

static enum status cuda_spread(void *priv, struct boost_scale scale, int64_t spread[HAAR_SPREAD])
{
    struct cuda_boost *b = priv;

    TRY(gpu_use(&b->gpu));
    CUDA_TRY(&b->gpu, launch_spread(&b->all, scale, b->spread, b->gpu.stream), "find the weights' spread");
    TRY(cuda_boost_fetch(b, b->results->spread, b->spread, sizeof b->results->spread, "the weights' spread"));
    memcpy(spread, b->results->spread, sizeof b->results->spread);
    return ST_OK;
}

/* An eighth more than asked for, but not more than there are: the active set seldom grows. */
static enum status grow_trimmed(struct cuda_boost *b, size_t n)
{
    const size_t most = b->all.images.stride, want = cuda_boost_stride(n + n / 8), room = want < most ? want : most;
    const size_t bytes = b->n_entries * room * sizeof(int32_t);

    if (cuda_boost_stride(n) <= b->trimmed_room)
        return ST_OK;
    gpu_release(&b->gpu, &b->trimmed.integral);
    gpu_release(&b->gpu, &b->trimmed.label);
    b->trimmed = b->all.images;
    b->trimmed.integral = NULL;
    b->trimmed.label = NULL;
    b->trimmed_room = 0;
    TRY(gpu_reserve(&b->gpu, &b->trimmed.integral, bytes, "the active images' integral images"));
    TRY(gpu_reserve(&b->gpu, &b->trimmed.label, room, "labels"));
    b->trimmed_room = room;
    return ST_OK;
}

static enum status cuda_activate(void *priv, struct boost_scale scale, int lowest, int64_t *n_active)
{
    struct cuda_boost *b = priv;
    struct boost_active *active = &b->search.active;

    TRY(gpu_use(&b->gpu));
    CUDA_TRY(&b->gpu,
             launch_select(&b->all, scale, lowest, b->counter, b->flag, active->index, b->n_selected, b->gpu.stream),
             "select images");
    TRY(cuda_boost_fetch(b, &b->results->n_selected, b->n_selected, sizeof *b->n_selected, "the active images"));
    const uint32_t n = b->results->n_selected;
    *n_active = n;
    b->is_binned = b->is_coded = false;
    active->images = b->all.images;
    if (n == b->all.images.n)
        return ST_OK;
    active->images.n = 0;
    TRY(grow_trimmed(b, n));
    active->images = b->trimmed;
    active->images.n = n;
    active->images.stride = cuda_boost_stride(n);
    CUDA_TRY(&b->gpu, launch_gather(&b->all.images, active->index, &active->images, b->gpu.stream),
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
    TRY(gpu_use(&b->gpu));
    CUDA_TRY(&b->gpu, launch_weigh(&b->all, &b->search.active, scale, &flips, b->gpu.stream), "weigh images");
    return ST_OK;
}

static enum status cuda_split(void *priv, int node, struct haar_feature feature, int32_t cut, int new_node)
{
    struct cuda_boost *b = priv;
    const struct haar_corners corners = corners_of(b, feature);

    TRY(gpu_use(&b->gpu));
    CUDA_TRY(&b->gpu, launch_split(&b->search.active, node, &corners, cut, new_node, b->gpu.stream), "split a node");
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
    TRY(gpu_use(&b->gpu));
    CUDA_TRY(&b->gpu, launch_leaves(&b->all, &walk, b->gpu.stream), "find leaves");
    if (!sums)
        return ST_OK;
    CUDA_TRY(&b->gpu, launch_leaf_sums(&b->all, weak->n_leaves, scale, b->sums, b->gpu.stream), "sum up leaves");
    TRY(cuda_boost_fetch(b, b->results->sums, b->sums, n_sums * sizeof *sums, "the leaves' sums"));
    memcpy(sums, b->results->sums, n_sums * sizeof *sums);
    return ST_OK;
}

static enum status cuda_vote(void *priv, int n_leaves, const int32_t *votes)
{
    struct cuda_boost *b = priv;

    TRY(gpu_use(&b->gpu));
    CUDA_TRY(&b->gpu, launch_vote(&b->all, n_leaves, votes, b->gpu.stream), "add votes");
    return ST_OK;
}

static enum status cuda_errors(void *priv, int64_t *n_errors)
{
    struct cuda_boost *b = priv;

    TRY(gpu_use(&b->gpu));
    CUDA_TRY(&b->gpu, launch_errors(&b->all, b->n_errors, b->gpu.stream), "count errors");
    TRY(cuda_boost_fetch(b, &b->results->n_errors, b->n_errors, sizeof *b->n_errors, "the errors"));
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
    .sketch = cuda_sketch,
    .split = cuda_split,
    .leaves = cuda_leaves,
    .vote = cuda_vote,
    .errors = cuda_errors,
    .scores = cuda_scores,
};
