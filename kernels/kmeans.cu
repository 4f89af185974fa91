/* kmeans: the search of kmeans_rules.h, twin of src/compute/cpu_kmeans.c. Nothing is approximate and nothing depends on
 * the order of threads: scores, sums and costs are integers, ties go to the lowest index or number.
 *
 *   search  one block a frame: its seed and search levels lie in shared memory, each warp takes restarts by number:
 *           greedy k-means++ on the one, the first stage's steps on the other; the block ranks them, and warps take
 *           those of the next stages likewise
 *   refine  one block for each of the restarts that are left: last stage, then the polish level, out of L2
 *   final   one block a frame: the best restart over all colours until it stands still
 *
 * kmeans_plain.cu stands in for search and refine where every restart goes over all colours; lloyd.cuh has the steps.
 *
 * Floor on an H200 at k = 8: a point and centre cost 4 instructions at half rate, a point some 15 more: about 0.45
 * clocks of an SM a point and step. 256 steps of all restarts together on 2048 points are 0.24 M clocks, 1.0 us of the
 * whole GPU a frame, seeding a third of a us more; refine at most 0.3 us; 6 final steps over 60,000 colours 0.7
 * us. */
#include "base/rng.h"
#include "kernels/lloyd.cuh"

enum { MAX_WARPS = 16, REFINE_WARPS = 8 };

static_assert(KMEANS_SEED_POINTS <= 1024, "a warp looks through one lane's seed points at once");

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

/* Greedy k-means++ by one warp; d2: u32 [seed points] of shared memory. Lane j gets the colour of centre j. */
static __device__ uint32_t seed_restart(const struct kmeans_work &work, const struct seed_points &p, uint32_t *d2,
                                        int64_t frame_number, uint32_t number)
{
    const uint32_t lane = lane_of(), per_lane = 1u << p.lane_log2, start = lane << p.lane_log2;
    const uint32_t turn = lane >> (5 - p.lane_log2); /* where a lane begins among its points: all at different banks */
    const uint32_t f0 = (uint32_t)frame_number, f1 = (uint32_t)((uint64_t)frame_number >> 32);
    const int n_trials = work.schedule.trials;
    uint64_t mass = 0;
    uint32_t mine = 0;

    for (uint32_t h = 0; h < per_lane; h++) {
        const uint32_t i = start + ((h + turn) & (per_lane - 1));
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
            const uint32_t i = start + ((h + turn) & (per_lane - 1));
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
        const uint64_t target =
            lane % 2 == 0 ? rng_below(x.word[0], x.word[1], total) : rng_below(x.word[2], x.word[3], total);
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
            const uint32_t i = start + ((h + turn) & (per_lane - 1));
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
static __host__ __device__ size_t search_points_bytes(const struct kmeans_work &work)
{
    return 8 * ((size_t)KMEANS_SEARCH_POINTS + work.schedule.seed_points);
}

static __host__ __device__ size_t search_ranks_bytes(int n_init)
{
    return ((size_t)n_init * (sizeof(int64_t) + 2 * sizeof(uint16_t)) + 15) & ~(size_t)15;
}

/* Lane sums and the seeding's d2 take turns. */
template <class T> static __host__ __device__ size_t search_warp_bytes(const struct kmeans_work &work)
{
    const size_t k = (size_t)work.k;
    const size_t lane_sums = 32 * k * sizeof(sums<T>), d2 = work.schedule.seed_points * sizeof(uint32_t);

    return k * sizeof(uint4) + (lane_sums > d2 ? lane_sums : d2);
}

/* Copies the points to shared memory, and makes p point there. */
static __device__ void stage_points(struct points &p, uint32_t *colour, uint32_t *weight)
{
    for (uint32_t i = threadIdx.x; i < p.n_padded; i += blockDim.x) {
        colour[i] = p.colour[i];
        weight[i] = p.weight[i];
    }
    p.colour = colour;
    p.weight = weight;
}

/* grid: frames */
template <class T>
static __global__ void __launch_bounds__(32 * MAX_WARPS, 2) search_frames(const struct kmeans_work work)
{
    extern __shared__ uint4 shared[];

    const uint32_t frame = blockIdx.x, n_warps = blockDim.x / 32;
    const int k = work.k, n_init = work.n_init;
    if (work.levels.info[frame].n_light <= (uint32_t)k)
        return;

    char *at = (char *)shared;
    struct points search = level_of(work, frame, LEVEL_SEARCH), seeds = level_of(work, frame, LEVEL_SEED);
    uint32_t *colour = (uint32_t *)at;
    stage_points(search, colour, colour + KMEANS_SEARCH_POINTS);
    colour += 2 * KMEANS_SEARCH_POINTS;
    stage_points(seeds, colour, colour + work.schedule.seed_points);
    struct seed_points seed = {seeds.colour, seeds.weight, seeds.n, 0};
    while (32u << seed.lane_log2 < seeds.n)
        seed.lane_log2++;
    at += search_points_bytes(work);
    int64_t *cost = (int64_t *)at;
    uint16_t *order = (uint16_t *)(cost + n_init), *next = order + n_init;
    at += search_ranks_bytes(n_init) + search_warp_bytes<T>(work) * warp_of();
    const struct workspace<T> space = {
        (uint4 *)at, (sums<T> *)((uint4 *)at + k), nullptr
    };
    struct held_centres held;

    for (int i = (int)threadIdx.x; i < n_init; i += (int)blockDim.x)
        order[i] = (uint16_t)i;
    __syncthreads();
    for (int stage = 0; stage < KMEANS_STAGES - 1; stage++) {
        const struct kmeans_stage now = work.schedule.stage[stage];
        for (uint32_t i = warp_of(); i < (uint32_t)now.n; i += n_warps) {
            const uint32_t number = order[i];
            if (stage == 0)
                set_centres(held,
                            seed_restart(work, seed, (uint32_t *)space.lane_sum, work.frame_number[frame], number));
            else
                load_centres(held, restart_centre(work, frame, number), k);
            __syncwarp();
            run_lloyd<T, false, false>(search, held, k, now.steps, work.schedule.still, space);
            store_centres(restart_centre(work, frame, number), held, k);
            const int64_t restart_cost = total_cost(held, k);
            if (lane_of() == 0)
                cost[number] = restart_cost;
        }
        __syncthreads();
        rank_restarts(cost, order, next, now.n);
        uint16_t *const ranked = next;
        next = order;
        order = ranked;
    }
    const int n_last = work.schedule.stage[KMEANS_STAGES - 1].n;
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
    if (info.n_light <= (uint32_t)k)
        return;

    const uint32_t number = work.last[(size_t)frame * gridDim.x + blockIdx.x];
    uint16_t *centre = restart_centre(work, frame, number);
    const struct workspace<T> space = block_workspace<T>(shared, k);
    struct held_centres held;

    load_centres(held, centre, k);
    const int levels = info.dropped[LEVEL_POLISH] != info.dropped[LEVEL_SEARCH] ? 2 : 1;
#pragma unroll 1
    for (int i = 0; i < levels; i++)
        run_lloyd<T, true, false>(level_of(work, frame, i == 0 ? LEVEL_SEARCH : LEVEL_POLISH), held, k,
                                  i == 0 ? work.schedule.stage[KMEANS_STAGES - 1].steps : work.schedule.fine_steps,
                                  work.schedule.still, space);
    const int64_t cost = total_cost(held, k);
    if (warp_of() == 0)
        store_centres(centre, held, k);
    if (threadIdx.x == 0)
        work.cost[(size_t)frame * work.n_init + number] = cost;
}

/* --- final -------------------------------------------------------------------------------------------------------- */

/* The number of the best restart that is left; the same in all lanes. */
static __device__ uint32_t best_restart(const struct kmeans_work &work, uint32_t frame)
{
    const int n_last = work.schedule.stage[KMEANS_STAGES - 1].n, n = work.levels.plain ? work.n_init : n_last;
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

/* Lane j gets the j-th colour of a weight, of which there are at most 32; by one warp. */
static __device__ uint32_t light_colours(const struct points &p)
{
    uint32_t mine = 0, n = 0;

    for (uint32_t base = 0; base < p.n; base += 32) {
        const uint32_t i = base + lane_of(), colour = i < p.n ? p.colour[i] : 0;
        uint32_t light = __ballot_sync(FULL, i < p.n && p.weight[i] > 0);
        for (; light; light &= light - 1, n++) {
            const uint32_t next = __shfl_sync(FULL, colour, __ffs((int)light) - 1);
            mine = lane_of() == n ? next : mine;
        }
    }
    return mine;
}

/* From weights back to pixels; dark points keep 0. By the block. */
static __device__ void weigh_by_area(uint32_t *weight, const uint32_t *area, uint32_t n)
{
    for (uint32_t i = threadIdx.x; i < n; i += blockDim.x)
        if (weight[i] > 0)
            weight[i] = area[i];
    __syncthreads();
}

/* Puts the dark points together as cluster result->n, if there are any; yields its cost. By the block. */
static __device__ int64_t part_dark(const struct points &p, const uint32_t *area, struct frame_clusters *result,
                                    uint64_t *scratch)
{
    uint64_t sum[4] = {0, 0, 0, 0};
    uint16_t centre[3];

    for (uint32_t i = threadIdx.x; i < p.n; i += blockDim.x)
        if (p.weight[i] == 0)
#pragma unroll
            for (int c = 0; c < 4; c++)
                sum[c] += (uint64_t)area[i] * (p.colour[i] >> 8 * c & 255);
#pragma unroll
    for (int c = 0; c < 4; c++)
        sum[c] = block_sum(sum[c], scratch);
    if (sum[3] == 0)
        return 0;
#pragma unroll
    for (int c = 0; c < 3; c++)
        centre[c] = kmeans_new_centre(sum[c], sum[3]);
    if (threadIdx.x == 0) {
        for (int c = 0; c < 3; c++)
            result->centre[result->n][c] = centre[c];
        result->count[result->n++] = (uint32_t)sum[3];
    }
    return kmeans_cost(centre, sum);
}

/* grid: frames */
template <class T>
static __global__ void __launch_bounds__(32 * MAX_WARPS, 2) finish_frames(const struct kmeans_work work)
{
    extern __shared__ uint4 shared[];
    __shared__ uint64_t scratch[MAX_WARPS];

    const uint32_t frame = blockIdx.x, n_light = work.levels.info[frame].n_light;
    const struct points p = level_of(work, frame, LEVEL_EXACT);
    const size_t exact = (size_t)frame * work.levels.exact_room;
    const uint32_t *area = work.levels.area + exact;
    const int k = n_light <= (uint32_t)work.k ? (int)n_light : work.k;
    const struct workspace<T> space = block_workspace<T>(shared, k);
    struct frame_clusters *result = &work.result[frame];
    struct held_centres held;

    if (n_light <= (uint32_t)work.k) /* every colour its own cluster */
        set_centres(held, light_colours(p));
    else
        load_centres(held, restart_centre(work, frame, best_restart(work, frame)), k);
    if (k > 0)
        run_lloyd<T, true, true>(p, held, k, work.schedule.fine_steps, work.schedule.still, space);
    if (work.levels.weights) { /* once more, by area */
        weigh_by_area(work.levels.weight + exact, area, p.n);
        if (k > 0)
            assign_points<T, true>(p, held, k, space);
    }

    uint64_t squares = 0;
    for (uint32_t i = threadIdx.x; i < p.n; i += blockDim.x)
        squares += (uint64_t)area[i] * squared_distance(p.colour[i], kmeans_colour(0, 0, 0));
    squares = block_sum(squares, scratch);
    int64_t cost = total_cost(held, k);

    if (threadIdx.x == 0)
        result->n = k;
    if (work.levels.weights)
        cost += part_dark(p, area, result, scratch);
    if (warp_of() > 0)
        return;
    if (lane_of() == 0)
        result->inertia = cost + (int64_t)squares * COMPUTE_CENTRE_ONE * COMPUTE_CENTRE_ONE;
    store_centres(&result->centre[0][0], held, k);
#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
        const int j = 8 * g + (int)lane_of() / 4;
        if (j < k && lane_of() % 4 == 3)
            result->count[j] = (uint32_t)held.sum[g];
    }
}

/* --- launches ----------------------------------------------------------------------------------------------------- */

template <class T>
static cudaError_t launch_search_as(const struct kmeans_work *work, int n_frames, cudaStream_t stream)
{
    const size_t fixed = search_points_bytes(*work) + search_ranks_bytes(work->n_init);
    const size_t per_warp = search_warp_bytes<T>(*work);
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
    return launch(search_frames<T>, dim3((uint32_t)n_frames), n_warps, fixed + per_warp * (size_t)n_warps, work,
                  stream);
}

cudaError_t launch_search(const struct kmeans_work *work, int n_frames, cudaStream_t stream)
{
    return levels_are_wide(&work->levels) ? launch_search_as<uint64_t>(work, n_frames, stream)
                                          : launch_search_as<uint32_t>(work, n_frames, stream);
}

cudaError_t launch_refine(const struct kmeans_work *work, int n_frames, cudaStream_t stream)
{
    const dim3 grid((uint32_t)work->schedule.stage[KMEANS_STAGES - 1].n, (uint32_t)n_frames);

    return levels_are_wide(&work->levels)
               ? launch_by_block(refine_restarts<uint64_t>, uint64_t(), grid, REFINE_WARPS, work, stream)
               : launch_by_block(refine_restarts<uint32_t>, uint32_t(), grid, REFINE_WARPS, work, stream);
}

cudaError_t launch_final(const struct kmeans_work *work, int n_frames, cudaStream_t stream)
{
    const dim3 grid((uint32_t)n_frames);

    return levels_are_wide(&work->levels)
               ? launch_by_block(finish_frames<uint64_t>, uint64_t(), grid, MAX_WARPS, work, stream)
               : launch_by_block(finish_frames<uint32_t>, uint32_t(), grid, MAX_WARPS, work, stream);
}
