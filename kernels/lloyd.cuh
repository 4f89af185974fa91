/* lloyd: Lloyd's steps of kmeans_rules.h by a warp or a block, for every file that clusters: where a frame's points and
 * centres are, assignment, sums, moves, cost, and the launch of kernels whose blocks share them. Device functions are
 * compiled into each .cu that includes this; shared memory is the caller's.
 *
 * Lloyd's step. With c a centre in 8.8 fixed point and v a colour, both as they are stored, the CPU's score less
 * 2^21 (v_r + v_g + v_b), which is the same for all centres, is B - 64 v.c with a B that depends on the centre alone
 * and holds the index in its low 5 bits. Two dp2a yield v.c from the stored words; all of it fits 32 bits:
 * it is 32 (|c - 256 v|^2 / 256 - 256 |v|^2), within +-1.6e9. We take the maximum of the negative.
 * A lane takes four neighbouring points at a time, which mostly share a cluster, and adds runs of one cluster at once
 * to sums of its own in shared memory, [cluster][lane], free of bank conflicts. */
#ifndef JACQUARD_KERNELS_LLOYD_CUH
#define JACQUARD_KERNELS_LLOYD_CUH

#include "kernels/launch.h"
#include "kernels/warp.cuh"

enum {
    GROUPS = COMPUTE_MAX_K / 8, /* a lane holds channel lane % 4 of the centres lane / 4, 8 + lane / 4, ... */
    INDEX_MASK = 31
};

struct points {
    const uint32_t *colour, *weight;
    uint32_t n, n_padded; /* weight 0 from n to n_padded, a multiple of 4 */
};

/* r, g, b, weight: T is 32 bits where 255 x the weight of a frame's pixels fits them. */
template <class T> struct alignas(16) sums {
    T r, g, b, weight;
};

/* A centre's channel lane % 4 (3: nothing), and its cluster's sum. */
struct held_centres {
    uint32_t centre[GROUPS];
    uint64_t sum[GROUPS];
};

/* Shared memory of the threads that run Lloyd's steps together: one warp or the block. */
template <class T> struct workspace {
    uint4 *packed;     /* [k] */
    sums<T> *lane_sum; /* of this warp: [k][32] */
    uint64_t *part;    /* of the block: [warps][4 k] */
};

static __device__ __forceinline__ uint32_t warp_of(void)
{
    return threadIdx.x / 32;
}

static __device__ uint64_t block_sum(uint64_t v, uint64_t *scratch)
{
    uint64_t total = 0;

    v = warp_sum(v);
    if (lane_of() == 0)
        scratch[warp_of()] = v;
    __syncthreads();
    for (uint32_t w = 0; w < blockDim.x / 32; w++)
        total += scratch[w];
    __syncthreads();
    return total;
}

static __device__ __forceinline__ uint32_t squared_distance(uint32_t a, uint32_t b)
{
    const uint32_t d = __vabsdiffu4(a, b);

    return __dp4a(d, d, 0u);
}

/* --- where a frame's things are ----------------------------------------------------------------------------------- */

static __device__ struct points level_of(const struct kmeans_work &work, uint32_t frame, int level)
{
    const struct levels &l = work.levels;
    const size_t coarse = (size_t)frame * LEVELS_ROOM + (level == LEVEL_POLISH   ? LEVELS_POLISH_AT
                                                         : level == LEVEL_SEARCH ? LEVELS_SEARCH_AT
                                                                                 : LEVELS_SEED_AT);
    const size_t exact = (size_t)frame * l.exact_room;
    struct points p;

    p.colour = level == LEVEL_EXACT ? l.colour + exact : l.coarse_colour + coarse;
    p.weight = level == LEVEL_EXACT ? l.weight + exact : l.coarse_weight + coarse;
    p.n = l.info[frame].n[level];
    p.n_padded = (p.n + 3) & ~3u;
    return p;
}

static __device__ __forceinline__ uint16_t *restart_centre(const struct kmeans_work &work, uint32_t frame,
                                                           uint32_t number)
{
    return work.centre + ((size_t)frame * work.n_init + number) * KMEANS_CENTRE_WORDS;
}

static __device__ __forceinline__ void load_centres(struct held_centres &held, const uint16_t *centre, int k)
{
#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
        const int j = 8 * g + (int)lane_of() / 4, c = lane_of() % 4;
        held.centre[g] = j < k && c < 3 ? centre[3 * j + c] : 0;
    }
}

static __device__ __forceinline__ void store_centres(uint16_t *centre, const struct held_centres &held, int k)
{
#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
        const int j = 8 * g + (int)lane_of() / 4, c = lane_of() % 4;
        if (j < k && c < 3)
            centre[3 * j + c] = (uint16_t)held.centre[g];
    }
}

/* Lane j has the colour of centre j. */
static __device__ __forceinline__ void set_centres(struct held_centres &held, uint32_t colour)
{
#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
        const uint32_t mine = __shfl_sync(FULL, colour, 8 * g + (int)lane_of() / 4), c = lane_of() % 4;
        held.centre[g] = c < 3 ? (mine >> 8 * c & 255) * COMPUTE_CENTRE_ONE : 0;
    }
}

/* --- Lloyd -------------------------------------------------------------------------------------------------------- */

/* Writes c_r | c_g << 16, c_b, -B of every centre; by one warp. */
static __device__ __forceinline__ void pack_centres(uint4 *packed, const struct held_centres &held, int k)
{
    const int first = (int)(lane_of() & ~3u);

#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
        const int j = 8 * g + (int)lane_of() / 4;
        if (8 * g >= k)
            break;
        const uint32_t r = __shfl_sync(FULL, held.centre[g], first);
        const uint32_t green = __shfl_sync(FULL, held.centre[g], first + 1);
        const uint32_t b = __shfl_sync(FULL, held.centre[g], first + 2);
        const uint16_t centre[3] = {(uint16_t)r, (uint16_t)green, (uint16_t)b};
        const uint32_t bias = (uint32_t)kmeans_bias(centre, j) + 8192u * (r + green + b) - 402653184u;
        if (j < k && lane_of() % 4 == 0)
            packed[j] = make_uint4(r | green << 16, b, 0u - bias, 0u);
    }
}

/* mine: [k][32], of this lane */
template <class T>
static __device__ __forceinline__ void assign_four(const uint4 &colour, const uint4 &weight, const uint4 *packed, int k,
                                                   sums<T> *mine)
{
    const uint32_t v[4] = {colour.x, colour.y, colour.z, colour.w}, w[4] = {weight.x, weight.y, weight.z, weight.w};
    int32_t best[4] = {INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN};

#pragma unroll 4
    for (int j = 0; j < k; j++) {
        const uint4 c = packed[j];
#pragma unroll
        for (int p = 0; p < 4; p++) {
            const uint32_t product = __dp2a_hi(c.y, v[p], __dp2a_lo(c.x, v[p], 0u));
            best[p] = max(best[p], (int32_t)((product << 6) + c.z));
        }
    }
    sums<T> run = {0, 0, 0, 0};
#pragma unroll
    for (int p = 0; p < 4; p++) {
        const uint32_t nearest = (0u - (uint32_t)best[p]) & INDEX_MASK;
        run.r += (T)w[p] * (v[p] & 255);
        run.g += (T)w[p] * (v[p] >> 8 & 255);
        run.b += (T)w[p] * (v[p] >> 16 & 255);
        run.weight += w[p];
        if (p == 3 || nearest != ((0u - (uint32_t)best[p == 3 ? p : p + 1]) & INDEX_MASK)) {
            sums<T> to = mine[nearest * 32];
            to.r += run.r;
            to.g += run.g;
            to.b += run.b;
            to.weight += run.weight;
            mine[nearest * 32] = to;
            run = {0, 0, 0, 0};
        }
    }
}

/* One assignment of all points to the centres: afterwards every lane holds its sums. BLOCK: all warps of the block
 * share the points and hold the same centres; else each warp is on its own. */
template <class T, bool BLOCK>
static __device__ __forceinline__ void assign_points(const struct points &p, struct held_centres &held, int k,
                                                     const struct workspace<T> &space)
{
    const uint32_t lane = lane_of(), n_threads = BLOCK ? blockDim.x : 32;
    const T *words = (const T *)space.lane_sum;

    if (!BLOCK || threadIdx.x < 32)
        pack_centres(space.packed, held, k);
    for (int j = 0; j < k; j++)
        space.lane_sum[j * 32 + lane] = {0, 0, 0, 0};
    if (BLOCK)
        __syncthreads();
    else
        __syncwarp();

    for (uint32_t i = 4 * (BLOCK ? threadIdx.x : lane); i < p.n_padded; i += 4 * n_threads)
        assign_four(*(const uint4 *)(p.colour + i), *(const uint4 *)(p.weight + i), space.packed, k,
                    space.lane_sum + lane);
    __syncwarp();

#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
        const uint32_t j = 8 * g + lane / 4;
        T total = 0;
        if (8 * g >= k)
            break;
        if (j < (uint32_t)k)
#pragma unroll 8
            for (uint32_t i = 0; i < 32; i++) /* each of the 8 clusters begins at another lane: other banks */
                total += words[4 * (32 * j + (i + lane / 4) % 32) + lane % 4];
        held.sum[g] = total;
        if (BLOCK && j < (uint32_t)k)
            space.part[4 * k * warp_of() + 4 * j + lane % 4] = total;
    }
    if (!BLOCK) {
        __syncwarp();
        return;
    }
    __syncthreads();
#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
        const uint32_t j = 8 * g + lane / 4;
        uint64_t total = 0;
        if (8 * g >= k)
            break;
        if (j < (uint32_t)k)
            for (uint32_t w = 0; w < blockDim.x / 32; w++)
                total += space.part[4 * k * w + 4 * j + lane % 4];
        held.sum[g] = total;
    }
}

/* Where the sums would move the centres; yields whether any moves by more than still. */
static __device__ __forceinline__ bool move_centres(uint32_t *moved_to, const struct held_centres &held, int k,
                                                    int still)
{
    bool moved = false;

#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
        moved_to[g] = held.centre[g];
        if (8 * g >= k)
            continue;
        const uint64_t weight = __shfl_sync(FULL, held.sum[g], (int)(lane_of() | 3u));
        if (weight != 0 && lane_of() % 4 < 3) /* an empty cluster waits where it is */
            moved_to[g] = kmeans_new_centre(held.sum[g], weight);
        moved |= abs((int)moved_to[g] - (int)held.centre[g]) > still;
    }
    return __any_sync(FULL, moved);
}

static __device__ int64_t total_cost(const struct held_centres &held, int k)
{
    const int first = (int)(lane_of() & ~3u);
    int64_t cost = 0;

#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
        if (8 * g >= k)
            break;
        uint16_t centre[3];
        uint64_t sum[4];
        for (int c = 0; c < 4; c++)
            sum[c] = __shfl_sync(FULL, held.sum[g], first + c);
        for (int c = 0; c < 3; c++)
            centre[c] = (uint16_t)__shfl_sync(FULL, held.centre[g], first + c);
        if (8 * g + (int)lane_of() / 4 < k && lane_of() % 4 == 0)
            cost += kmeans_cost(centre, sum);
    }
    return warp_sum(cost);
}

/* At most n_steps (> 0) Lloyd steps. FINISH: the centres stay those of the last assignment; else they are those it led
 * to. Sums are those of the last assignment. */
template <class T, bool BLOCK, bool FINISH>
static __device__ __forceinline__ void run_lloyd(const struct points &p, struct held_centres &held, int k, int n_steps,
                                                 int still, const struct workspace<T> &space)
{
    for (int step = 0; step < n_steps; step++) {
        uint32_t to[GROUPS];
        assign_points<T, BLOCK>(p, held, k, space);
        const bool moved = move_centres(to, held, k, still);
        if (FINISH && (!moved || step + 1 == n_steps))
            break;
#pragma unroll
        for (int g = 0; g < GROUPS; g++)
            held.centre[g] = to[g];
        if (!moved)
            break;
    }
}

template <class T> static __device__ __forceinline__ struct workspace<T> block_workspace(uint4 *shared, int k) {
    struct workspace<T> space;

    space.packed = shared;
    space.lane_sum = (sums<T> *)(shared + k) + (size_t)32 * k * warp_of();
    space.part = (uint64_t *)((sums<T> *)(shared + k) + (size_t)32 * k * (blockDim.x / 32));
    return space;
}

/* --- launches ----------------------------------------------------------------------------------------------------- */

/* The most warps, up to wanted, whose shared memory a block may have; 0 where not one fits. */
static int
warps_that_fit(const struct kmeans_work *work, size_t fixed, size_t per_warp, int wanted)
{
    const size_t reserved = 512; /* static shared memory */
    int n = wanted;

    while (n > 0 && fixed + per_warp * (size_t)n + reserved > work->shared_block)
        n--;
    return n;
}

template <class KERNEL>
static cudaError_t launch(KERNEL kernel, dim3 grid, int n_warps, size_t bytes, const struct kmeans_work *work,
                          cudaStream_t stream)
{
    const cudaError_t allowed = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)bytes);

    if (allowed != cudaSuccess)
        return allowed;
    kernel<<<grid, 32 * n_warps, bytes, stream>>>(*work);
    return cudaGetLastError();
}

template <class T> static size_t block_warp_bytes(int k)
{
    return 32 * (size_t)k * sizeof(sums<T>) + 4 * (size_t)k * sizeof(uint64_t);
}

template <class KERNEL, class T>
static cudaError_t launch_by_block(KERNEL kernel, T, dim3 grid, int wanted_warps, const struct kmeans_work *work,
                                   cudaStream_t stream)
{
    const size_t fixed = (size_t)work->k * sizeof(uint4), per_warp = block_warp_bytes<T>(work->k);
    const int n_warps = warps_that_fit(work, fixed, per_warp, wanted_warps);

    return launch(kernel, grid, n_warps, fixed + per_warp * (size_t)n_warps, work, stream);
}

#endif
