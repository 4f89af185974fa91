/* learner: twin of cpu_boost.c: weights, which images take part, splits, leaves, votes and answers. A thread an image,
 * or an image and a class: everything here is a few passes over scores, and bound by memory. A weight is computed from
 * its score wherever it is needed.
 *
 * Shapes: see launch_boost.h. Floor on an H200 for 60,000 images of 10 classes: 2.4 MB of scores in 0.6 us a pass,
 * so that the cost is that of starting the kernels. */
#include "kernels/haar/launch_boost.h"

enum { THREADS = 256, SPREAD_BLOCKS = 256, SUM_WARPS = 2, SUM_IMAGES = 1024 };

static const uint32_t all_lanes = 0xFFFFFFFFu;

static uint32_t n_blocks(uint32_t n, uint32_t threads)
{
    return (n + threads - 1) / threads;
}

/* --- weights ------------------------------------------------------------------------------------------------------ */

static __device__ __forceinline__ int64_t fine_weight(const struct boost_all &all, struct boost_scale scale,
                                                      size_t image, int l, bool is_own)
{
    const int64_t score = all.score[(size_t)l * all.images.stride + image];

    return haar_power(all.powers, is_own ? scale.right - score : scale.wrong + score);
}

static __device__ int64_t weight_of_image(const struct boost_all &all, struct boost_scale scale, size_t image)
{
    const int label = all.images.label[image];
    int64_t sum = 0;

#pragma unroll 4
    for (int l = 0; l < all.n_classes; l++)
        sum += fine_weight(all, scale, image, l, l == label);
    return sum;
}

static __global__ void __launch_bounds__(THREADS)
    add_spread(const struct boost_all all, struct boost_scale scale, unsigned long long *spread)
{
    __shared__ unsigned long long block_spread[HAAR_SPREAD];

    for (uint32_t i = threadIdx.x; i < HAAR_SPREAD; i += blockDim.x)
        block_spread[i] = 0;
    __syncthreads();
    for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i < all.images.n;
         i += gridDim.x * (size_t)blockDim.x) {
        const int64_t sum = weight_of_image(all, scale, i);
        atomicAdd(&block_spread[haar_spread_step(sum)], (unsigned long long)sum);
    }
    __syncthreads();
    for (uint32_t i = threadIdx.x; i < HAAR_SPREAD; i += blockDim.x)
        if (block_spread[i] != 0)
            atomicAdd(&spread[i], block_spread[i]);
}

cudaError_t launch_spread(const struct boost_all *all, struct boost_scale scale, unsigned long long *spread,
                          cudaStream_t stream)
{
    const cudaError_t cleared = cudaMemsetAsync(spread, 0, HAAR_SPREAD * sizeof *spread, stream);
    const uint32_t blocks = n_blocks(all->images.n, THREADS);
    const uint32_t grid = blocks < SPREAD_BLOCKS ? blocks : SPREAD_BLOCKS;

    if (cleared != cudaSuccess || grid == 0)
        return cleared;
    add_spread<<<grid, THREADS, 0, stream>>>(*all, scale, spread);
    return cudaGetLastError();
}

static __global__ void __launch_bounds__(BOOST_SELECT_IMAGES)
    flag_images(const struct boost_all all, struct boost_scale scale, int lowest, uint32_t *block_count, uint8_t *flag)
{
    const uint32_t i = blockIdx.x * BOOST_SELECT_IMAGES + threadIdx.x;
    const bool is_in = i < all.images.n && haar_spread_step(weight_of_image(all, scale, i)) >= lowest;

    if (i < all.images.n)
        flag[i] = is_in;
    const int count = __syncthreads_count(is_in);
    if (threadIdx.x == 0)
        block_count[blockIdx.x] = (uint32_t)count;
}

/* Every block adds up the counts of the blocks before it: there are few. */
static __global__ void __launch_bounds__(BOOST_SELECT_IMAGES)
    compact_images(uint32_t n, const uint32_t *block_count, const uint8_t *flag, uint32_t *index, uint32_t *n_selected)
{
    __shared__ uint32_t before, warp_count[BOOST_SELECT_IMAGES / 32];
    const uint32_t i = blockIdx.x * BOOST_SELECT_IMAGES + threadIdx.x, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const bool is_in = i < n && flag[i] != 0;
    const uint32_t in = __ballot_sync(all_lanes, is_in);
    uint32_t sum = 0;

    if (threadIdx.x == 0)
        before = 0;
    if (lane == 0)
        warp_count[warp] = (uint32_t)__popc(in);
    __syncthreads();
    for (uint32_t b = threadIdx.x; b < blockIdx.x; b += BOOST_SELECT_IMAGES)
        sum += block_count[b];
    if (sum != 0)
        atomicAdd(&before, sum);
    __syncthreads();
    uint32_t at = before;
    for (uint32_t w = 0; w < warp; w++)
        at += warp_count[w];
    if (is_in)
        index[at + (uint32_t)__popc(in & ((1u << lane) - 1))] = i;
    if (blockIdx.x == gridDim.x - 1 && threadIdx.x == BOOST_SELECT_IMAGES - 1)
        *n_selected = at + (uint32_t)__popc(in);
}

cudaError_t launch_select(const struct boost_all *all, struct boost_scale scale, int lowest, uint32_t *scratch,
                          uint8_t *flag, uint32_t *index, uint32_t *n_selected, cudaStream_t stream)
{
    const uint32_t n = all->images.n, blocks = n_blocks(n, BOOST_SELECT_IMAGES);

    if (blocks == 0)
        return cudaMemsetAsync(n_selected, 0, sizeof *n_selected, stream);
    flag_images<<<blocks, BOOST_SELECT_IMAGES, 0, stream>>>(*all, scale, lowest, scratch, flag);
    compact_images<<<blocks, BOOST_SELECT_IMAGES, 0, stream>>>(n, scratch, flag, index, n_selected);
    return cudaGetLastError();
}

/* grid: active images / threads, classes */
static __global__ void __launch_bounds__(THREADS)
    weigh_images(const struct boost_all all, const struct boost_active active, struct boost_scale scale,
                 const __grid_constant__ struct boost_flips flips)
{
    const uint32_t i = blockIdx.x * THREADS + threadIdx.x;
    const int l = (int)blockIdx.y;

    if (i >= active.images.n)
        return;
    const bool is_own = active.images.label[i] == l;
    int32_t weight = haar_coarse(fine_weight(all, scale, active.index[i], l, is_own));
    bool is_positive = is_own;
    for (int t = 0; t < flips.n; t++) {
        const int32_t value = haar_value(&flips.corners[t], active.images.integral + i, (int64_t)active.images.stride);
        is_positive ^= (value >= flips.cut[t]) != (flips.v[t][l] > 0);
    }
    active.weight[l * active.images.stride + i] = is_positive ? weight : -weight;
    if (l == 0)
        active.node[i] = 0;
    if (l == 0 && i == 0)
        active.node_count[0] = active.images.n;
}

cudaError_t launch_weigh(const struct boost_all *all, const struct boost_active *active, struct boost_scale scale,
                         const struct boost_flips *flips, cudaStream_t stream)
{
    const cudaError_t cleared =
        cudaMemsetAsync(active->node_count, 0, BOOST_MAX_LEAVES * sizeof *active->node_count, stream);
    const uint32_t blocks = n_blocks(active->images.n, THREADS);

    if (cleared != cudaSuccess || blocks == 0)
        return cleared;
    weigh_images<<<dim3(blocks, (unsigned)all->n_classes), THREADS, 0, stream>>>(*all, *active, scale, *flips);
    return cudaGetLastError();
}

static __global__ void __launch_bounds__(THREADS)
    split_images(const struct boost_active active, int node, const __grid_constant__ struct haar_corners corners,
                 int32_t cut, int new_node)
{
    const uint32_t i = blockIdx.x * THREADS + threadIdx.x;
    const bool goes = i < active.images.n && active.node[i] == node &&
                      haar_value(&corners, active.images.integral + i, (int64_t)active.images.stride) >= cut;

    if (goes)
        active.node[i] = (uint8_t)new_node;
    const int count = __syncthreads_count(goes);
    if (threadIdx.x == 0 && count > 0) {
        atomicAdd(&active.node_count[new_node], (uint32_t)count);
        atomicSub(&active.node_count[node], (uint32_t)count);
    }
}

cudaError_t launch_split(const struct boost_active *active, int node, const struct haar_corners *corners, int32_t cut,
                         int new_node, cudaStream_t stream)
{
    const uint32_t blocks = n_blocks(active->images.n, THREADS);

    if (blocks == 0)
        return cudaSuccess;
    split_images<<<blocks, THREADS, 0, stream>>>(*active, node, *corners, cut, new_node);
    return cudaGetLastError();
}

/* --- the finished learner ----------------------------------------------------------------------------------------- */

static __global__ void __launch_bounds__(THREADS)
    find_leaves(const struct boost_all all, const __grid_constant__ struct boost_walk walk)
{
    __shared__ struct haar_corners corners[BOOST_MAX_LEAVES];
    const uint32_t i = blockIdx.x * THREADS + threadIdx.x;

    if (threadIdx.x < (uint32_t)walk.n_nodes)
        corners[threadIdx.x] = walk.corners[threadIdx.x];
    __syncthreads();
    if (i >= all.images.n)
        return;
    const int32_t *integral = all.images.integral + i;
    const int64_t stride = (int64_t)all.images.stride;
    int leaf = 0;
    if (walk.is_product) {
        for (int t = 0; t < walk.n_nodes; t++)
            leaf |= (haar_value(&corners[t], integral, stride) >= walk.cut[t] ? 1 : 0) << t;
    } else {
        int at = walk.n_nodes > 0 ? 0 : -1;
        while (at >= 0)
            at = walk.child[at][haar_value(&corners[at], integral, stride) >= walk.cut[at] ? 1 : 0];
        leaf = -1 - at;
    }
    all.leaf[i] = (uint8_t)leaf;
}

cudaError_t launch_leaves(const struct boost_all *all, const struct boost_walk *walk, cudaStream_t stream)
{
    const uint32_t blocks = n_blocks(all->images.n, THREADS);

    if (blocks == 0)
        return cudaSuccess;
    find_leaves<<<blocks, THREADS, 0, stream>>>(*all, *walk);
    return cudaGetLastError();
}

/* A warp adds up one class of SUM_IMAGES images. Every lane has sums of its own, [2 n_leaves] in shared memory, so that
 * nothing collides; at the end the lanes add theirs up. grid: images, classes */
static __global__ void __launch_bounds__(32 * SUM_WARPS)
    add_leaf_sums(const struct boost_all all, int n_leaves, struct boost_scale scale, unsigned long long *sums)
{
    extern __shared__ unsigned long long block_sums[];
    const uint32_t lane = threadIdx.x % 32, strip = blockIdx.x * SUM_WARPS + threadIdx.x / 32;
    const int l = (int)blockIdx.y;
    unsigned long long *own = block_sums + threadIdx.x / 32 * (uint32_t)n_leaves * 64 + lane;

    for (int s = 0; s < 2 * n_leaves; s++)
        own[32 * s] = 0;
    const size_t first = (size_t)strip * SUM_IMAGES, end = first + SUM_IMAGES;
#pragma unroll 2
    for (size_t i = first + lane; i < end; i += 32) {
        if (i < all.images.n) {
            const bool is_own = all.images.label[i] == l;
            own[32 * (2 * all.leaf[i] + is_own)] += (unsigned long long)fine_weight(all, scale, i, l, is_own);
        }
    }
    for (int s = 0; s < 2 * n_leaves; s++) {
        unsigned long long sum = own[32 * s];
        for (int step = 16; step > 0; step /= 2)
            sum += __shfl_xor_sync(all_lanes, sum, step);
        if (lane == 0 && sum != 0)
            atomicAdd(&sums[((size_t)(s / 2) * all.n_classes + l) * 2 + s % 2], sum);
    }
}

cudaError_t launch_leaf_sums(const struct boost_all *all, int n_leaves, struct boost_scale scale,
                             unsigned long long *sums, cudaStream_t stream)
{
    const cudaError_t cleared =
        cudaMemsetAsync(sums, 0, 2 * (size_t)n_leaves * (size_t)all->n_classes * sizeof *sums, stream);
    const uint32_t blocks = n_blocks(all->images.n, SUM_WARPS * SUM_IMAGES);

    if (cleared != cudaSuccess || blocks == 0)
        return cleared;
    const size_t shared = (size_t)SUM_WARPS * (size_t)n_leaves * 64 * sizeof *sums; /* 32 KB at most */
    add_leaf_sums<<<dim3(blocks, (unsigned)all->n_classes), 32 * SUM_WARPS, shared, stream>>>(*all, n_leaves, scale,
                                                                                              sums);
    return cudaGetLastError();
}

struct vote_list {
    int first, n; /* classes */
    int32_t vote[BOOST_VOTES];
};

/* grid: images / threads, classes of the list */
static __global__ void __launch_bounds__(THREADS)
    add_votes(const struct boost_all all, const __grid_constant__ struct vote_list list)
{
    __shared__ int32_t vote[BOOST_MAX_LEAVES];
    const uint32_t i = blockIdx.x * THREADS + threadIdx.x;

    if (threadIdx.x < BOOST_MAX_LEAVES)
        vote[threadIdx.x] = list.vote[blockIdx.y * BOOST_MAX_LEAVES + threadIdx.x];
    __syncthreads();
    if (i < all.images.n) {
        int32_t *score = all.score + (list.first + blockIdx.y) * all.images.stride + i;
        *score = haar_add_vote(*score, vote[all.leaf[i]]);
    }
}

cudaError_t launch_vote(const struct boost_all *all, int n_leaves, const int32_t *votes, cudaStream_t stream)
{
    const int most = BOOST_VOTES / BOOST_MAX_LEAVES; /* classes of a launch */
    const uint32_t blocks = n_blocks(all->images.n, THREADS);

    for (int first = 0; first < all->n_classes && blocks > 0; first += most) {
        struct vote_list list = {first, all->n_classes - first < most ? all->n_classes - first : most, {0}};
        for (int l = 0; l < list.n; l++)
            for (int leaf = 0; leaf < n_leaves; leaf++)
                list.vote[l * BOOST_MAX_LEAVES + leaf] = votes[leaf * all->n_classes + first + l];
        add_votes<<<dim3(blocks, (unsigned)list.n), THREADS, 0, stream>>>(*all, list);
    }
    return cudaGetLastError();
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

static __global__ void __launch_bounds__(THREADS) count_errors(const struct boost_all all, unsigned long long *n_errors)
{
    const uint32_t i = blockIdx.x * THREADS + threadIdx.x;
    bool is_wrong = false;

    if (i < all.images.n) {
        int best = 0;
        int32_t highest = all.score[i];
#pragma unroll 4
        for (int l = 1; l < all.n_classes; l++) {
            const int32_t score = all.score[l * all.images.stride + i];
            best = score > highest ? l : best;
            highest = score > highest ? score : highest;
        }
        is_wrong = best != all.images.label[i];
    }
    const int count = __syncthreads_count(is_wrong);
    if (threadIdx.x == 0 && count > 0)
        atomicAdd(n_errors, (unsigned long long)count);
}

cudaError_t launch_errors(const struct boost_all *all, unsigned long long *n_errors, cudaStream_t stream)
{
    const cudaError_t cleared = cudaMemsetAsync(n_errors, 0, sizeof *n_errors, stream);
    const uint32_t blocks = n_blocks(all->images.n, THREADS);

    if (cleared != cudaSuccess || blocks == 0)
        return cleared;
    count_errors<<<blocks, THREADS, 0, stream>>>(*all, n_errors);
    return cudaGetLastError();
}

static __global__ void __launch_bounds__(THREADS)
    transpose_scores(const struct boost_all all, size_t first, uint32_t n, int32_t *scores)
{
    const size_t i = blockIdx.x * (size_t)THREADS + threadIdx.x, n_classes = (size_t)all.n_classes;

    if (i < n * n_classes)
        scores[i] = all.score[i % n_classes * all.images.stride + first + i / n_classes];
}

cudaError_t launch_scores(const struct boost_all *all, size_t first, uint32_t n, int32_t *scores, cudaStream_t stream)
{
    const uint32_t blocks = n_blocks(n * (uint32_t)all->n_classes, THREADS);

    if (blocks == 0)
        return cudaSuccess;
    transpose_scores<<<blocks, THREADS, 0, stream>>>(*all, first, n, scores);
    return cudaGetLastError();
}
