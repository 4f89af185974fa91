/* search: twin of cpu_search.c, second half: the best cut of every feature and node, then of every node. A block takes
 * a histogram, a thread a bin: prefix sums over the bins by shuffles, a column after the other, and the losses as
 * boost.h says. The sums left of the winning cut are read from its histogram once it is known.
 *
 * Floor on an H200 for 299,880 features, K = 10: 6 GB of histograms, read once: 1.4 ms. */
#include "kernels/haar/launch_boost.h"

enum { BEST_THREADS = HAAR_BINS };

static const uint32_t all_lanes = 0xFFFFFFFFu;

/* A thread a bin: to its left are the bins of earlier warps (strips) and of earlier lanes. grid: features, nodes */
template <bool IS_SPLIT>
static __global__ void __launch_bounds__(BEST_THREADS) find_cuts(const __grid_constant__ struct boost_search search)
{
    __shared__ int32_t before[BEST_THREADS / 32 + 1][BOOST_MAX_COLUMNS];
    __shared__ unsigned long long strip_loss[BEST_THREADS / 32];
    const uint32_t lane = threadIdx.x % 32, strip = threadIdx.x / 32, bin = threadIdx.x;
    const size_t at = (size_t)blockIdx.x * search.n_nodes + blockIdx.y;
    const int n_classes = search.n_classes, n_columns = search.n_columns;
    const int32_t *histogram = search.histogram + at * HAAR_BINS * n_columns;

    for (int c = (int)lane; c < n_columns; c += 32) {
        const int32_t *from = histogram + strip * 32 * (uint32_t)n_columns + c;
        int32_t sum = 0;
#pragma unroll 8
        for (int i = 0; i < 32; i++)
            sum += from[i * n_columns];
        before[strip + 1][c] = sum;
    }
    __syncthreads();
    for (int c = (int)threadIdx.x; c < n_columns; c += BEST_THREADS) {
        before[0][c] = 0;
        for (uint32_t s = 1; s <= BEST_THREADS / 32; s++)
            before[s][c] += before[s - 1][c];
    }
    __syncthreads();

    float z = 0.0f;
    int64_t edge = 0;
    bool has_left = false, has_right = false;
    for (int l = 0; l < n_classes; l++) {
        int32_t below[2], total[2];
#pragma unroll
        for (int half = 0; half < (IS_SPLIT ? 2 : 1); half++) {
            const int c = half * n_classes + l;
            const int32_t own = histogram[bin * (uint32_t)n_columns + c];
            int32_t sum = own;
            for (int step = 1; step < 32; step *= 2) {
                const int32_t other = __shfl_up_sync(all_lanes, sum, step);
                sum += (int)lane >= step ? other : 0;
            }
            below[half] = before[strip][c] + sum - own;
            total[half] = before[BEST_THREADS / 32][c];
            has_left = has_left || below[half] != 0;
            has_right = has_right || below[half] != total[half];
        }
        if (IS_SPLIT)
            z = boost_add_class(z, total[0], total[IS_SPLIT], below[0], below[IS_SPLIT]);
        else
            edge += boost_edge_of_class(total[0], below[0]);
    }
    const unsigned long long loss = IS_SPLIT ? __float_as_uint(z) : boost_signed_top - (uint64_t)edge;
    const unsigned long long own = has_left && has_right ? loss : UINT64_MAX; /* bin 0 has nothing on its left */
    unsigned long long least = own;
    for (int step = 16; step > 0; step /= 2) {
        const unsigned long long other = __shfl_xor_sync(all_lanes, least, step);
        least = other < least ? other : least;
    }
    if (lane == 0)
        strip_loss[strip] = least;
    __syncthreads();
    for (uint32_t s = 0; s < BEST_THREADS / 32; s++)
        least = strip_loss[s] < least ? strip_loss[s] : least;
    /* The lowest bin among equals: the first lane of the first strip. */
    bool is_first = true;
    for (uint32_t s = 0; s < strip; s++)
        is_first = is_first && strip_loss[s] != least;
    const uint32_t with = __ballot_sync(all_lanes, own == least);
    if (is_first && with != 0 && lane == (uint32_t)__ffs((int)with) - 1) {
        search.loss[at] = least;
        search.cut[at] = (uint8_t)bin;
    }
}

static __device__ __forceinline__ bool is_better(unsigned long long loss, uint32_t feature, unsigned long long than,
                                                 uint32_t than_feature)
{
    return loss < than || (loss == than && feature < than_feature);
}

struct candidate {
    unsigned long long loss;
    uint32_t feature; /* of the chunk */
};

/* The chunk's best feature for a node, lowest first; in every thread. */
static __device__ struct candidate best_of_chunk(const struct boost_search &search, uint32_t n, int slot)
{
    __shared__ struct candidate strip_best[BEST_THREADS / 32];
    struct candidate best = {UINT64_MAX, UINT32_MAX};

#pragma unroll 4
    for (uint32_t f = threadIdx.x; f < n; f += BEST_THREADS) {
        const unsigned long long loss = search.loss[(size_t)f * search.n_nodes + slot];
        if (is_better(loss, f, best.loss, best.feature)) {
            best.loss = loss;
            best.feature = f;
        }
    }
    for (int step = 16; step > 0; step /= 2) {
        const unsigned long long loss = __shfl_xor_sync(all_lanes, best.loss, step);
        const uint32_t feature = __shfl_xor_sync(all_lanes, best.feature, step);
        if (is_better(loss, feature, best.loss, best.feature)) {
            best.loss = loss;
            best.feature = feature;
        }
    }
    if (threadIdx.x % 32 == 0)
        strip_best[threadIdx.x / 32] = best;
    __syncthreads();
    best = strip_best[0];
    for (int s = 1; s < BEST_THREADS / 32; s++)
        if (is_better(strip_best[s].loss, strip_best[s].feature, best.loss, best.feature))
            best = strip_best[s];
    return best;
}

/* The chunk's best cut becomes the node's, if it is better than those of the chunks before; with the totals and what
 * is left of it, from its histogram. grid: nodes */
static __global__ void __launch_bounds__(BEST_THREADS)
    choose_best(const __grid_constant__ struct boost_search search, uint32_t first, uint32_t n, bool is_first)
{
    __shared__ int32_t total[BOOST_MAX_COLUMNS], below[BOOST_MAX_COLUMNS];
    __shared__ int32_t next;
    const int slot = (int)blockIdx.x, n_columns = search.n_columns;
    struct boost_best *best = &search.best[slot];
    const struct candidate found = best_of_chunk(search, n, slot);
    const bool is_found = found.loss != UINT64_MAX;

    if (!is_first && found.loss >= best->loss) /* equal: the earlier chunk has the lower feature */
        return;
    const size_t at = (size_t)(is_found ? found.feature : 0) * search.n_nodes + slot;
    const int32_t *histogram = search.histogram + at * HAAR_BINS * n_columns;
    const int32_t cut = is_found ? search.cut[at] : 0;
    if (threadIdx.x < BOOST_MAX_COLUMNS)
        total[threadIdx.x] = below[threadIdx.x] = 0;
    if (threadIdx.x == 0)
        next = HAAR_BINS;
    __syncthreads();
    for (int c = (int)threadIdx.x % 32; c < n_columns; c += 32) {
        int32_t all = 0, left = 0;
#pragma unroll 8
        for (int bin = (int)threadIdx.x / 32 * 32, i = 0; i < 32; i++) {
            const int32_t sum = histogram[(bin + i) * n_columns + c];
            all += sum;
            left += bin + i < cut ? sum : 0;
            if (sum != 0 && bin + i >= cut)
                atomicMin(&next, bin + i);
        }
        atomicAdd(&total[c], all);
        atomicAdd(&below[c], left);
    }
    __syncthreads();
    if (threadIdx.x < BOOST_MAX_COLUMNS) {
        best->total[threadIdx.x] = total[threadIdx.x];
        best->below[threadIdx.x] = below[threadIdx.x];
    }
    if (threadIdx.x == 0) {
        best->loss = found.loss;
        best->feature = is_found ? first + found.feature : 0;
        best->bin = cut;
        best->next = is_found ? next : 0;
    }
}

cudaError_t launch_best(const struct boost_search *search, uint32_t first, uint32_t n, bool is_first,
                        cudaStream_t stream)
{
    const dim3 grid(n, (unsigned)search->n_nodes);

    if (n == 0)
        return cudaSuccess;
    if (search->is_split)
        find_cuts<true><<<grid, BEST_THREADS, 0, stream>>>(*search);
    else
        find_cuts<false><<<grid, BEST_THREADS, 0, stream>>>(*search);
    choose_best<<<(unsigned)search->n_nodes, BEST_THREADS, 0, stream>>>(*search, first, n, is_first);
    return cudaGetLastError();
}
