/* kmeans_plain: the plain search of kmeans_rules.h, instead of the search and refine steps of kmeans.cu: one block a
 * restart over all colours of its frame. There is no memory for a distance per colour: seeding computes them afresh. */
#include "base/rng.h"
#include "kernels/lloyd.cuh"

enum { PLAIN_WARPS = 8 };

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
                potential += (uint64_t)p.weight[i] *
                             min(nearest_seed(s, j + 1, p.colour[i]), squared_distance(p.colour[i], colour));
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
    if (work.levels.info[frame].n_light <= (uint32_t)k)
        return;

    struct held_centres held;
    seed_by_block(work, p, &seeding, work.frame_number[frame], number);
    set_centres(held, lane_of() < (uint32_t)k ? seeding.colour[lane_of()] : 0);
    run_lloyd<T, true, false>(p, held, k, work.schedule.stage[0].steps, work.schedule.still,
                              block_workspace<T>(shared, k));
    const int64_t cost = total_cost(held, k);
    if (warp_of() == 0)
        store_centres(restart_centre(work, frame, number), held, k);
    if (threadIdx.x == 0)
        work.cost[(size_t)frame * work.n_init + number] = cost;
}

cudaError_t launch_plain(const struct kmeans_work *work, int n_frames, cudaStream_t stream)
{
    const dim3 grid((uint32_t)work->n_init, (uint32_t)n_frames);

    return levels_are_wide(&work->levels)
               ? launch_by_block(run_plain<uint64_t>, uint64_t(), grid, PLAIN_WARPS, work, stream)
               : launch_by_block(run_plain<uint32_t>, uint32_t(), grid, PLAIN_WARPS, work, stream);
}
