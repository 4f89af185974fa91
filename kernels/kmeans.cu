/* kmeans: the search of kmeans_rules.h, twin of src/compute/cpu_kmeans.c. Nothing is approximate and nothing depends on
 * the order of threads: scores, sums and costs are integers, ties go to the lowest index or number.
 *
 *   search  one block a frame: its search and seed levels lie in shared memory, each warp takes restarts by number:
 *           greedy k-means++, then the first stage's steps; the block ranks them and takes the second stage likewise
 *   refine  one block for each of the restarts that are left: last stage, then the polish level, out of L2
 *   final   one block a frame: the best restart over all colours until it stands still
 *   plain   instead of search and refine: one block a restart over all colours
 *
 * Lloyd's step. With c a centre in 8.8 fixed point and v a colour, both as they are stored, the CPU's score less
 * 2^21 (v_r + v_g + v_b), which is the same for all centres, is B - 64 v.c with a B that depends on the centre alone
 * and holds the index in its low 5 bits. Two dp2a yield v.c from the stored words; all of it fits 32 bits:
 * it is 32 (|c - 256 v|^2 / 256 - 256 |v|^2), within +-1.6e9. We take the maximum of the negative.
 * A lane takes four neighbouring points at a time, which mostly share a cluster, and adds runs of one cluster at once
 * to sums of its own in shared memory, [cluster][lane], free of bank conflicts.
 *
 * Floor on an H200 at k = 8: a point and centre cost 4 instructions at half rate, a point some 15 more: about 0.45
 * clocks of an SM a point and step. 48 restarts of 4 steps and 16 of 8 on 2048 points are 0.3 M clocks, 1.3 us of the
 * whole GPU a frame; seeding on 512 points about 0.3 us; refine at most 0.8 us; 12 final steps over 60,000 colours
 * 1.4 us. */
#include "base/rng.h"
#include "kernels/launch.h"

enum {
    MAX_WARPS = 16,
    REFINE_WARPS = 4,
    PLAIN_WARPS = 8,
    GROUPS = COMPUTE_MAX_K / 8, /* a lane holds channel lane % 4 of the centres lane / 4, 8 + lane / 4, ... */
    INDEX_MASK = 31
};

static_assert(KMEANS_SEED_POINTS <= 1024, "a warp looks through one lane's seed points at once");

static const uint32_t FULL = 0xFFFFFFFFu;

struct points {
    const uint32_t *colour, *weight;
    uint32_t n, n_padded; /* weight 0 from n to n_padded, a multiple of 4 */
};

/* r, g, b, weight: T is 32 bits where 255 x a frame's pixels fits them. */
template <class T> struct alignas(16) sums {
    T r, g, b, weight;
};

/* A centre's channel lane % 4 (3: nothing), and its cluster's sum. */
struct held_centres {
    uint32_t centre[GROUPS];
    uint64_t sum[GROUPS];
};

/* Shared memory of those who run Lloyd together: one warp or the block. */
template <class T> struct workspace {
    uint4 *packed;    /* [k] */
    sums<T> *lane_sum; /* of this warp: [k][32] */
    uint64_t *part;   /* of the block: [warps][4 k] */
};

static __device__ __forceinline__ uint32_t lane_of(void)
{
    return threadIdx.x % 32;
}

static __device__ __forceinline__ uint32_t warp_of(void)
{
    return threadIdx.x / 32;
}

template <class T> static __device__ __forceinline__ T warp_sum(T v)
{
    for (int step = 16; step > 0; step /= 2)
        v += __shfl_xor_sync(FULL, v, step);
    return v;
}

static __device__ __forceinline__ uint64_t warp_scan(uint64_t v)
{
    for (int step = 1; step < 32; step *= 2) {
        const uint64_t left = __shfl_up_sync(FULL, v, step);
        v += lane_of() >= (uint32_t)step ? left : 0;
    }
    return v;
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

/* Where the sums would move the centres; yields whether any moves. */
static __device__ __forceinline__ bool move_centres(uint32_t *moved_to, const struct held_centres &held, int k)
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
        moved |= moved_to[g] != held.centre[g];
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
                                                 const struct workspace<T> &space)
{
    for (int step = 0; step < n_steps; step++) {
        uint32_t to[GROUPS];
        assign_points<T, BLOCK>(p, held, k, space);
        const bool moved = move_centres(to, held, k);
        if (FINISH && (!moved || step + 1 == n_steps))
            break;
#pragma unroll
        for (int g = 0; g < GROUPS; g++)
            held.centre[g] = to[g];
        if (!moved)
            break;
    }
}

template <class T> static __device__ __forceinline__ struct workspace<T> block_workspace(uint4 *shared, int k)
{
    struct workspace<T> space;

    space.packed = shared;
    space.lane_sum = (sums<T> *)(shared + k) + (size_t)32 * k * warp_of();
    space.part = (uint64_t *)((sums<T> *)(shared + k) + (size_t)32 * k * (blockDim.x / 32));
    return space;
}

/* --- search ------------------------------------------------------------------------------------------------------- */

/* A lane owns 2^lane_log2 seed points in a row, so that a running sum over lanes is one over points. */
struct seed_points {
    const uint32_t *colour, *weight;
    uint32_t n;
    int lane_log2;
};

/* The first point at which the running sum of weight x d2 passes target; below, through: this lane's running sums. */
static __device__ __forceinline__ uint32_t draw_point(const struct seed_points &p, const uint32_t *d2, uint64_t below,
                                                      uint64_t through, uint64_t target)
{
    const int owner = __ffs((int)__ballot_sync(FULL, through > target)) - 1;
    const uint32_t first = (uint32_t)owner << p.lane_log2, i = first + lane_of();
    uint64_t mass = 0;

    target -= __shfl_sync(FULL, below, owner);
    if (lane_of() < 1u << p.lane_log2 && i < p.n)
        mass = (uint64_t)p.weight[i] * d2[i];
    mass = warp_scan(mass);
    return first + (uint32_t)__ffs((int)__ballot_sync(FULL, mass > target)) - 1;
}

/* Greedy k-means++ by one warp; d2: u32 [KMEANS_SEED_POINTS] of shared memory. Lane j gets the colour of centre j. */
static __device__ uint32_t seed_restart(const struct kmeans_work &work, const struct seed_points &p, uint32_t *d2,
                                        int64_t frame_number, uint32_t number)
{
    const uint32_t lane = lane_of(), per_lane = 1u << p.lane_log2, start = lane << p.lane_log2;
    const uint32_t f0 = (uint32_t)frame_number, f1 = (uint32_t)((uint64_t)frame_number >> 32);
    const int n_trials = work.schedule.trials;
    uint64_t mass = 0;
    uint32_t mine = 0;

    for (uint32_t h = 0; h < per_lane; h++) {
        const uint32_t i = start + ((h + lane) & (per_lane - 1)); /* lanes begin at different banks */
        d2[i] = 1;
        mass += i < p.n ? p.weight[i] : 0;
    }
    __syncwarp();
    uint64_t through = warp_scan(mass), total = __shfl_sync(FULL, through, 31);
    const struct rng_block first = rng_philox(work.seed, f0, f1, number, 0);
    uint32_t seed = draw_point(p, d2, through - mass, through, rng_below(first.word[0], first.word[1], total));

    for (int j = 0;; j++) {
        const uint32_t seed_colour = p.colour[seed];
        if (lane == (uint32_t)j)
            mine = seed_colour;
        if (j + 1 == work.k)
            return mine;

        __syncwarp(); /* others have read d2 */
        mass = 0;
        for (uint32_t h = 0; h < per_lane; h++) {
            const uint32_t i = start + ((h + lane) & (per_lane - 1));
            const uint32_t d = squared_distance(p.colour[i], seed_colour), nearer = j == 0 ? d : min(d2[i], d);
            d2[i] = nearer;
            mass += (uint64_t)(i < p.n ? p.weight[i] : 0) * nearer;
        }
        __syncwarp();
        through = warp_scan(mass);
        total = __shfl_sync(FULL, through, 31);
        if (total == 0) /* fewer colours at this level than centres */
            return lane > (uint32_t)j ? seed_colour : mine;

        /* lane t draws for trial t */
        const struct rng_block x = rng_philox(work.seed, f0, f1, number, (uint32_t)(4 * (j + 1)) + lane % 8 / 2);
        const uint64_t target = lane % 2 == 0 ? rng_below(x.word[0], x.word[1], total)
                                              : rng_below(x.word[2], x.word[3], total);
        uint32_t trial[KMEANS_MAX_TRIALS], colour[KMEANS_MAX_TRIALS];
        uint64_t potential[KMEANS_MAX_TRIALS];
#pragma unroll
        for (int t = 0; t < KMEANS_MAX_TRIALS; t++) {
            trial[t] = colour[t] = 0;
            potential[t] = 0;
            if (t < n_trials) {
                trial[t] = draw_point(p, d2, through - mass, through, __shfl_sync(FULL, target, t));
                colour[t] = p.colour[trial[t]];
            }
        }
        for (uint32_t h = 0; h < per_lane; h++) {
            const uint32_t i = start + ((h + lane) & (per_lane - 1));
            const uint32_t c = p.colour[i], near = d2[i];
            const uint64_t weight = i < p.n ? p.weight[i] : 0;
#pragma unroll
            for (int t = 0; t < KMEANS_MAX_TRIALS; t++)
                if (t < n_trials)
                    potential[t] += weight * min(near, squared_distance(c, colour[t]));
        }
        uint64_t lowest = 0;
#pragma unroll
        for (int t = 0; t < KMEANS_MAX_TRIALS; t++)
            if (t < n_trials) {
                const uint64_t sum = warp_sum(potential[t]);
                if (t == 0 || sum < lowest) {
                    lowest = sum;
                    seed = trial[t];
                }
            }
    }
}

static __device__ __forceinline__ bool is_better(int64_t cost, int number, int64_t than_cost, int than_number)
{
    return cost < than_cost || (cost == than_cost && number < than_number);
}

/* Sorts from[n] into to[n], the whole block. */
static __device__ void rank_restarts(const int64_t *cost, const uint16_t *from, uint16_t *to, int n)
{
    for (int i = (int)threadIdx.x; i < n; i += (int)blockDim.x) {
        const int number = from[i];
        int rank = 0;
        for (int other = 0; other < n; other++)
            rank += is_better(cost[from[other]], from[other], cost[number], number);
        to[rank] = (uint16_t)number;
    }
    __syncthreads();
}

/* Bytes of shared memory, in order: points, costs, two orders, then each warp's. */
static __host__ __device__ size_t search_points_bytes(bool staged)
{
    return staged ? 8 * (KMEANS_SEARCH_POINTS + KMEANS_SEED_POINTS) : 0;
}

static __host__ __device__ size_t search_ranks_bytes(int n_init)
{
    return ((size_t)n_init * (sizeof(int64_t) + 2 * sizeof(uint16_t)) + 15) & ~(size_t)15;
}

/* Lane sums and the seeding's d2 take turns. */
template <class T> static __host__ __device__ size_t search_warp_bytes(int k)
{
    const size_t lane_sums = 32 * (size_t)k * sizeof(sums<T>), d2 = KMEANS_SEED_POINTS * sizeof(uint32_t);

    return (size_t)k * sizeof(uint4) + (lane_sums > d2 ? lane_sums : d2);
}

/* grid: frames. STAGED: the points are copied to shared memory. */
template <class T, bool STAGED>
static __global__ void __launch_bounds__(32 * MAX_WARPS, 2) search_frames(const struct kmeans_work work)
{
    extern __shared__ uint4 shared[];

    const uint32_t frame = blockIdx.x, n_warps = blockDim.x / 32;
    const int k = work.k, n_init = work.n_init;
    if (work.levels.info[frame].n[LEVEL_EXACT] <= (uint32_t)k)
        return;

    char *at = (char *)shared;
    struct points search = level_of(work, frame, LEVEL_SEARCH);
    const struct points seeds = level_of(work, frame, LEVEL_SEED);
    struct seed_points seed = {seeds.colour, seeds.weight, seeds.n, 0};
    while (32u << seed.lane_log2 < seeds.n)
        seed.lane_log2++;
    if (STAGED) {
        uint32_t *colour = (uint32_t *)at, *weight = colour + KMEANS_SEARCH_POINTS;
        uint32_t *seed_colour = weight + KMEANS_SEARCH_POINTS, *seed_weight = seed_colour + KMEANS_SEED_POINTS;
        for (uint32_t i = threadIdx.x; i < search.n_padded; i += blockDim.x) {
            colour[i] = search.colour[i];
            weight[i] = search.weight[i];
        }
        for (uint32_t i = threadIdx.x; i < seeds.n; i += blockDim.x) {
            seed_colour[i] = seeds.colour[i];
            seed_weight[i] = seeds.weight[i];
        }
        search.colour = colour;
        search.weight = weight;
        seed.colour = seed_colour;
        seed.weight = seed_weight;
    }
    at += search_points_bytes(STAGED);
    int64_t *cost = (int64_t *)at;
    uint16_t *order = (uint16_t *)(cost + n_init), *next = order + n_init;
    at += search_ranks_bytes(n_init) + search_warp_bytes<T>(k) * warp_of();
    const struct workspace<T> space = {(uint4 *)at, (sums<T> *)((uint4 *)at + k), nullptr};
    struct held_centres held;

    for (int i = (int)threadIdx.x; i < n_init; i += (int)blockDim.x)
        order[i] = (uint16_t)i;
    __syncthreads();
    for (uint32_t number = warp_of(); number < (uint32_t)n_init; number += n_warps) {
        set_centres(held, seed_restart(work, seed, (uint32_t *)space.lane_sum, work.frame_number[frame], number));
        __syncwarp();
        run_lloyd<T, false, false>(search, held, k, work.schedule.stage[0].steps, space);
        store_centres(restart_centre(work, frame, number), held, k);
        const int64_t restart_cost = total_cost(held, k);
        if (lane_of() == 0)
            cost[number] = restart_cost;
    }
    __syncthreads();
    rank_restarts(cost, order, next, n_init);

    const int n_second = work.schedule.stage[1].n, n_last = work.schedule.stage[2].n;
    for (uint32_t i = warp_of(); i < (uint32_t)n_second; i += n_warps) {
        const uint32_t number = next[i];
        load_centres(held, restart_centre(work, frame, number), k);
        run_lloyd<T, false, false>(search, held, k, work.schedule.stage[1].steps, space);
        store_centres(restart_centre(work, frame, number), held, k);
        const int64_t restart_cost = total_cost(held, k);
        if (lane_of() == 0)
            cost[number] = restart_cost;
    }
    __syncthreads();
    rank_restarts(cost, next, order, n_second);
    for (int i = (int)threadIdx.x; i < n_last; i += (int)blockDim.x)
        work.last[(size_t)frame * n_last + i] = order[i];
}

/* --- refine ------------------------------------------------------------------------------------------------------- */

/* grid: restarts of the last stage, frames */
template <class T>
static __global__ void __launch_bounds__(32 * REFINE_WARPS) refine_restarts(const struct kmeans_work work)
{
    extern __shared__ uint4 shared[];

    const uint32_t frame = blockIdx.y;
    const struct level_info info = work.levels.info[frame];
    const int k = work.k;
    if (info.n[LEVEL_EXACT] <= (uint32_t)k)
        return;

    const uint32_t number = work.last[(size_t)frame * gridDim.x + blockIdx.x];
    uint16_t *centre = restart_centre(work, frame, number);
    const struct workspace<T> space = block_workspace<T>(shared, k);
    struct held_centres held;

    load_centres(held, centre, k);
    run_lloyd<T, true, false>(level_of(work, frame, LEVEL_SEARCH), held, k, work.schedule.stage[2].steps, space);
    if (info.dropped[LEVEL_POLISH] != info.dropped[LEVEL_SEARCH])
        run_lloyd<T, true, false>(level_of(work, frame, LEVEL_POLISH), held, k, KMEANS_POLISH_STEPS, space);
    const int64_t cost = total_cost(held, k);
    if (warp_of() == 0)
        store_centres(centre, held, k);
    if (threadIdx.x == 0)
        work.cost[(size_t)frame * work.n_init + number] = cost;
}

/* --- plain -------------------------------------------------------------------------------------------------------- */

struct plain_seeding {
    uint32_t colour[COMPUTE_MAX_K];
    uint32_t trial[KMEANS_MAX_TRIALS];
    uint64_t warp_mass[PLAIN_WARPS], scratch[PLAIN_WARPS];
};

/* Weight x squared distance to the nearest of the first n seeds; of weight alone for n = 0. */
static __device__ __forceinline__ uint32_t nearest_seed(const struct plain_seeding *s, int n, uint32_t colour)
{
    uint32_t d2 = n == 0 ? 1 : UINT32_MAX;

    for (int j = 0; j < n; j++)
        d2 = min(d2, squared_distance(colour, s->colour[j]));
    return d2;
}

/* The block's warps hold a stretch of the points each, so that sums over warps are running sums. */
static __device__ void draw_by_block(const struct points &p, struct plain_seeding *s, int n_seeds, int t,
                                     uint64_t target)
{
    const uint32_t n_warps = blockDim.x / 32, stretch = ((p.n + n_warps - 1) / n_warps + 31) & ~31u;
    const uint32_t begin = min(warp_of() * stretch, p.n), end = min(begin + stretch, p.n);
    uint64_t below = 0;

    for (uint32_t w = 0; w < warp_of(); w++)
        below += s->warp_mass[w];
    if (target < below || target >= below + s->warp_mass[warp_of()])
        return;
    for (uint32_t base = begin; base < end; base += 32) {
        const uint32_t i = base + lane_of();
        uint64_t mass = i < end ? (uint64_t)p.weight[i] * nearest_seed(s, n_seeds, p.colour[i]) : 0;
        mass = below + warp_scan(mass);
        const uint32_t passed = __ballot_sync(FULL, mass > target);
        if (passed) {
            if (lane_of() == 0)
                s->trial[t] = base + (uint32_t)__ffs((int)passed) - 1;
            return;
        }
        below = __shfl_sync(FULL, mass, 31);
    }
}

/* Sets warp_mass and yields the total. */
static __device__ uint64_t mass_by_block(const struct points &p, struct plain_seeding *s, int n_seeds)
{
    const uint32_t n_warps = blockDim.x / 32, stretch = ((p.n + n_warps - 1) / n_warps + 31) & ~31u;
    const uint32_t begin = min(warp_of() * stretch, p.n), end = min(begin + stretch, p.n);
    uint64_t mass = 0, total = 0;

    for (uint32_t i = begin + lane_of(); i < end; i += 32)
        mass += (uint64_t)p.weight[i] * nearest_seed(s, n_seeds, p.colour[i]);
    mass = warp_sum(mass);
    if (lane_of() == 0)
        s->warp_mass[warp_of()] = mass;
    __syncthreads();
    for (uint32_t w = 0; w < n_warps; w++)
        total += s->warp_mass[w];
    return total;
}

/* As seed_restart, by the block; distances are computed afresh rather than kept. */
static __device__ void seed_by_block(const struct kmeans_work &work, const struct points &p, struct plain_seeding *s,
                                     int64_t frame_number, uint32_t number)
{
    const uint32_t f0 = (uint32_t)frame_number, f1 = (uint32_t)((uint64_t)frame_number >> 32);
    const struct rng_block first = rng_philox(work.seed, f0, f1, number, 0);

    draw_by_block(p, s, 0, 0, rng_below(first.word[0], first.word[1], mass_by_block(p, s, 0)));
    __syncthreads();
    uint32_t seed = s->trial[0];
    for (int j = 0;; j++) {
        const uint32_t seed_colour = p.colour[seed];
        if (threadIdx.x == 0)
            s->colour[j] = seed_colour;
        __syncthreads();
        if (j + 1 == work.k)
            return;

        const uint64_t total = mass_by_block(p, s, j + 1);
        if (total == 0) {
            for (uint32_t rest = (uint32_t)j + 1 + threadIdx.x; rest < (uint32_t)work.k; rest += blockDim.x)
                s->colour[rest] = seed_colour;
            __syncthreads();
            return;
        }
        for (int t = 0; t < work.schedule.trials; t++) {
            const struct rng_block x = rng_philox(work.seed, f0, f1, number, (uint32_t)(4 * (j + 1) + t / 2));
            draw_by_block(p, s, j + 1, t,
                          t % 2 == 0 ? rng_below(x.word[0], x.word[1], total) : rng_below(x.word[2], x.word[3], total));
        }
        __syncthreads();
        uint64_t lowest = 0;
        for (int t = 0; t < work.schedule.trials; t++) {
            const uint32_t trial = s->trial[t], colour = p.colour[trial];
            uint64_t potential = 0;
            for (uint32_t i = threadIdx.x; i < p.n; i += blockDim.x)
                potential += (uint64_t)p.weight[i] * min(nearest_seed(s, j + 1, p.colour[i]),
                                                         squared_distance(p.colour[i], colour));
            potential = block_sum(potential, s->scratch);
            if (t == 0 || potential < lowest) {
                lowest = potential;
                seed = trial;
            }
        }
    }
}

/* grid: restarts, frames */
template <class T> static __global__ void __launch_bounds__(32 * PLAIN_WARPS) run_plain(const struct kmeans_work work)
{
    extern __shared__ uint4 shared[];
    __shared__ struct plain_seeding seeding;

    const uint32_t frame = blockIdx.y, number = blockIdx.x;
    const struct points p = level_of(work, frame, LEVEL_EXACT);
    const int k = work.k;
    if (p.n <= (uint32_t)k)
        return;

    struct held_centres held;
    seed_by_block(work, p, &seeding, work.frame_number[frame], number);
    set_centres(held, lane_of() < (uint32_t)k ? seeding.colour[lane_of()] : 0);
    run_lloyd<T, true, false>(p, held, k, work.schedule.stage[0].steps, block_workspace<T>(shared, k));
    const int64_t cost = total_cost(held, k);
    if (warp_of() == 0)
        store_centres(restart_centre(work, frame, number), held, k);
    if (threadIdx.x == 0)
        work.cost[(size_t)frame * work.n_init + number] = cost;
}

/* --- final -------------------------------------------------------------------------------------------------------- */

/* The number of the best restart that is left; the same in all lanes. */
static __device__ uint32_t best_restart(const struct kmeans_work &work, uint32_t frame)
{
    const int n_last = work.schedule.stage[2].n, n = work.levels.plain ? work.n_init : n_last;
    int64_t best_cost = INT64_MAX;
    int best = INT32_MAX;

    for (int i = (int)lane_of(); i < n; i += 32) {
        const int number = work.levels.plain ? i : work.last[(size_t)frame * n_last + i];
        const int64_t cost = work.cost[(size_t)frame * work.n_init + number];
        if (is_better(cost, number, best_cost, best)) {
            best_cost = cost;
            best = number;
        }
    }
    for (int step = 16; step > 0; step /= 2) {
        const int64_t cost = __shfl_xor_sync(FULL, best_cost, step);
        const int number = __shfl_xor_sync(FULL, best, step);
        if (is_better(cost, number, best_cost, best)) {
            best_cost = cost;
            best = number;
        }
    }
    return (uint32_t)best;
}

/* grid: frames */
template <class T>
static __global__ void __launch_bounds__(32 * MAX_WARPS, 2) finish_frames(const struct kmeans_work work)
{
    extern __shared__ uint4 shared[];
    __shared__ uint64_t scratch[MAX_WARPS];

    const uint32_t frame = blockIdx.x;
    const struct points p = level_of(work, frame, LEVEL_EXACT);
    const int k = p.n <= (uint32_t)work.k ? (int)p.n : work.k;
    struct held_centres held;

    if (p.n <= (uint32_t)work.k) /* every colour its own cluster */
        set_centres(held, lane_of() < p.n ? p.colour[lane_of()] : 0);
    else
        load_centres(held, restart_centre(work, frame, best_restart(work, frame)), k);
    run_lloyd<T, true, true>(p, held, k, KMEANS_FINAL_STEPS, block_workspace<T>(shared, k));

    uint64_t squares = 0;
    for (uint32_t i = threadIdx.x; i < p.n; i += blockDim.x)
        squares += (uint64_t)p.weight[i] * squared_distance(p.colour[i], kmeans_colour(0, 0, 0));
    squares = block_sum(squares, scratch);
    const int64_t cost = total_cost(held, k);

    struct frame_clusters *result = &work.result[frame];
    if (warp_of() > 0)
        return;
    if (lane_of() == 0) {
        result->n = k;
        result->inertia = cost + (int64_t)squares * COMPUTE_CENTRE_ONE * COMPUTE_CENTRE_ONE;
    }
    store_centres(&result->centre[0][0], held, k);
#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
        const int j = 8 * g + (int)lane_of() / 4;
        if (j < k && lane_of() % 4 == 3)
            result->count[j] = (uint32_t)held.sum[g];
    }
}

/* --- launches ----------------------------------------------------------------------------------------------------- */

/* The most warps, up to wanted, whose shared memory a block may have; 0 where not one fits. */
static int warps_that_fit(const struct kmeans_work *work, size_t fixed, size_t per_warp, int wanted)
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

/* Sums over a frame need 64 bits. */
static bool is_wide(const struct kmeans_work *work)
{
    return (uint64_t)work->levels.n_pixels * 255 > UINT32_MAX;
}

template <class T>
static cudaError_t launch_search_as(const struct kmeans_work *work, int n_frames, cudaStream_t stream)
{
    const size_t fixed = search_points_bytes(true) + search_ranks_bytes(work->n_init);
    const size_t per_warp = search_warp_bytes<T>(work->k);
    const int most = warps_that_fit(work, fixed, per_warp, MAX_WARPS);
    int n_warps = most, best = 0;

    /* as many warps on an SM as can be; in larger blocks where that is equal */
    for (int n = most; n > 0; n--) {
        const size_t bytes = fixed + per_warp * (size_t)n + 1024; /* CUDA takes 1 KiB a block */
        const int blocks = (int)(work->shared_sm / bytes) < 2 ? 1 : 2;
        if (blocks * n > best) {
            best = blocks * n;
            n_warps = n;
        }
    }
    if (n_warps > 0)
        return launch(search_frames<T, true>, dim3((uint32_t)n_frames), n_warps, fixed + per_warp * (size_t)n_warps,
                      work, stream);
    const size_t rest = search_ranks_bytes(work->n_init);
    n_warps = warps_that_fit(work, rest, per_warp, MAX_WARPS);
    return launch(search_frames<T, false>, dim3((uint32_t)n_frames), n_warps, rest + per_warp * (size_t)n_warps, work,
                  stream);
}

cudaError_t launch_search(const struct kmeans_work *work, int n_frames, cudaStream_t stream)
{
    return is_wide(work) ? launch_search_as<uint64_t>(work, n_frames, stream)
                         : launch_search_as<uint32_t>(work, n_frames, stream);
}

cudaError_t launch_refine(const struct kmeans_work *work, int n_frames, cudaStream_t stream)
{
    const dim3 grid((uint32_t)work->schedule.stage[2].n, (uint32_t)n_frames);

    return is_wide(work) ? launch_by_block(refine_restarts<uint64_t>, uint64_t(), grid, REFINE_WARPS, work, stream)
                         : launch_by_block(refine_restarts<uint32_t>, uint32_t(), grid, REFINE_WARPS, work, stream);
}

cudaError_t launch_plain(const struct kmeans_work *work, int n_frames, cudaStream_t stream)
{
    const dim3 grid((uint32_t)work->n_init, (uint32_t)n_frames);

    return is_wide(work) ? launch_by_block(run_plain<uint64_t>, uint64_t(), grid, PLAIN_WARPS, work, stream)
                         : launch_by_block(run_plain<uint32_t>, uint32_t(), grid, PLAIN_WARPS, work, stream);
}

cudaError_t launch_final(const struct kmeans_work *work, int n_frames, cudaStream_t stream)
{
    const dim3 grid((uint32_t)n_frames);

    return is_wide(work) ? launch_by_block(finish_frames<uint64_t>, uint64_t(), grid, MAX_WARPS, work, stream)
                         : launch_by_block(finish_frames<uint32_t>, uint32_t(), grid, MAX_WARPS, work, stream);
}
