/* levels: sorted pixels become the exact level and the three coarser ones (kmeans_rules.h; twin of sort_keys,
 * build_exact_level and build_level in src/compute/cpu_kmeans.c).
 *
 * All frames of a chunk are sorted at once: the frame is the key's top byte. Then a warp walks each tile of 1024 keys:
 *   count   where neighbours differ, in their highest differing bit: how many points start in the tile at every level
 *   scan    one block a frame adds the tiles up, picks the dropped bits and each tile's place in the four levels
 *   emit    each first pixel of a colour writes its point; points of coarser levels note their first exact point
 *   merge   eight lanes add up the exact points of each coarser point
 * so that the host need not know any count.
 *
 * Floor on an H200 a frame of n pixels with m colours: radix sort reads and writes 4 n bytes in each of four passes and
 * reads once more (36 n bytes: 1.1 us for 480 x 270; cub reaches perhaps a third of that), count and emit read 8 n and
 * write 8 m, merge reads 24 m bytes: together about 0.6 us for 480 x 270, 9 us for 1920 x 1080. */
#include "kernels/launch.h"

#include <cub/device/device_radix_sort.cuh>

enum { WARPS = 8, MERGE_LANES = 8, SCAN_WARPS = 16 };

static const uint32_t FULL = 0xFFFFFFFFu;

static __device__ __forceinline__ uint32_t lane_of(void)
{
    return threadIdx.x % 32;
}

/* The highest bit in which a key differs from the one before; KMEANS_COLOUR_BITS for a frame's first, -1 for none. */
static __device__ __forceinline__ int new_colour_bit(uint32_t i, bool valid, uint32_t key, uint32_t *before_warp)
{
    const uint32_t left = __shfl_up_sync(FULL, key, 1);
    const uint32_t before = lane_of() == 0 ? *before_warp : left;

    *before_warp = __shfl_sync(FULL, key, 31);
    if (!valid)
        return -1;
    return i == 0 ? KMEANS_COLOUR_BITS : 31 - __clz((int)(key ^ before));
}

/* grid: tiles / WARPS, frames */
static __global__ void __launch_bounds__(32 * WARPS) count_heads(const struct levels l)
{
    __shared__ uint32_t counts[WARPS][LEVELS_TILE_WORDS];

    const uint32_t lane = lane_of(), warp = threadIdx.x / 32, frame = blockIdx.y;
    const uint32_t tile = blockIdx.x * WARPS + warp;
    if (tile >= l.n_tiles) /* whole warps leave, and no barrier of the block follows */
        return;
    const uint32_t *keys = l.sorted + (size_t)frame * l.n_pixels;
    const uint32_t start = tile * LEVELS_TILE;
    uint32_t before = start > 0 ? keys[start - 1] : 0;

    counts[warp][lane] = 0;
    __syncwarp();
#pragma unroll 8
    for (uint32_t base = start; base < start + LEVELS_TILE; base += 32) {
        const uint32_t i = base + lane;
        const bool valid = i < l.n_pixels;
        const uint32_t key = valid ? keys[i] : 0;
        const int bit = new_colour_bit(i, valid, key, &before);
        if (bit >= 0)
            atomicAdd(&counts[warp][bit], 1u);
    }
    __syncwarp();
    uint32_t heads = counts[warp][lane]; /* of bit lane; then of that bit and all above */
    for (int step = 1; step < 32; step *= 2) {
        const uint32_t above = __shfl_down_sync(FULL, heads, step);
        heads += lane + step < 32 ? above : 0;
    }
    l.tile_heads[((size_t)frame * l.n_tiles + tile) * LEVELS_TILE_WORDS + lane] = heads;
}

static __device__ __forceinline__ uint32_t coarse_at(int level)
{
    return level == LEVEL_POLISH ? LEVELS_POLISH_AT : level == LEVEL_SEARCH ? LEVELS_SEARCH_AT : LEVELS_SEED_AT;
}

/* grid: frames */
static __global__ void __launch_bounds__(32 * SCAN_WARPS) scan_tiles(const struct levels l)
{
    __shared__ uint32_t part[SCAN_WARPS][LEVELS_TILE_WORDS];
    __shared__ uint32_t merged[LEVELS_TILE_WORDS];
    __shared__ struct level_info info;

    const uint32_t lane = lane_of(), warp = threadIdx.x / 32, frame = blockIdx.x;
    const uint32_t *heads = l.tile_heads + (size_t)frame * l.n_tiles * LEVELS_TILE_WORDS;
    uint32_t sum = 0;

#pragma unroll 4
    for (uint32_t tile = warp; tile < l.n_tiles; tile += SCAN_WARPS)
        sum += heads[(size_t)tile * LEVELS_TILE_WORDS + lane];
    part[warp][lane] = sum;
    __syncthreads();
    if (warp == 0) {
        for (uint32_t w = 1; w < SCAN_WARPS; w++)
            sum += part[w][lane];
        merged[lane] = sum;
        __syncwarp();
        if (lane < N_LEVELS) {
            const uint32_t cap = lane == LEVEL_EXACT || l.plain ? UINT32_MAX
                                 : lane == LEVEL_POLISH         ? l.polish_points
                                 : lane == LEVEL_SEARCH         ? l.search_points
                                                                : l.seed_points;
            const int dropped = kmeans_level(merged, cap);
            info.dropped[lane] = dropped;
            info.n[lane] = merged[dropped];
        }
        __syncwarp();
        if (lane == 0)
            l.info[frame] = info;
        if (lane < 4 && info.n[LEVEL_EXACT] + lane < l.exact_room) {
            const size_t end = (size_t)frame * l.exact_room + info.n[LEVEL_EXACT] + lane;
            l.colour[end] = 0;
            l.weight[end] = 0;
        }
        if (!l.plain && lane > LEVEL_EXACT && lane < N_LEVELS)
            l.coarse_first[(size_t)frame * LEVELS_ROOM + coarse_at((int)lane) + info.n[lane]] = info.n[LEVEL_EXACT];
    }
    __syncthreads();
    if (warp >= N_LEVELS)
        return;

    /* warp = level */
    uint32_t *offset = l.tile_offset + (size_t)frame * l.n_tiles * N_LEVELS;
    const int dropped = info.dropped[warp];
    uint32_t before = 0;
    for (uint32_t base = 0; base < l.n_tiles; base += 32) {
        const uint32_t tile = base + lane;
        const uint32_t n = tile < l.n_tiles ? heads[(size_t)tile * LEVELS_TILE_WORDS + dropped] : 0;
        uint32_t through = n;
        for (int step = 1; step < 32; step *= 2) {
            const uint32_t left = __shfl_up_sync(FULL, through, step);
            through += lane >= (uint32_t)step ? left : 0;
        }
        if (tile < l.n_tiles)
            offset[(size_t)tile * N_LEVELS + warp] = before + through - n;
        before += __shfl_sync(FULL, through, 31);
    }
}

/* The first place in [low, high) whose key is not `key`, else high; the whole warp searches. */
static __device__ uint32_t end_of_run(const uint32_t *keys, uint32_t low, uint32_t high, uint32_t key)
{
    uint32_t step = 1; /* mostly the run ends soon */

    while (low < high) {
        const uint32_t mine = min(low + (lane_of() + 1) * step, high) - 1;
        const uint32_t differs = __ballot_sync(FULL, keys[mine] != key);
        if (differs == 0) {
            low = min(low + 32 * step, high);
        } else {
            const uint32_t first = (uint32_t)__ffs((int)differs) - 1;
            high = min(low + (first + 1) * step, high) - 1;
            low = min(low + first * step, high);
        }
        step = (high - low + 31) / 32;
    }
    return high;
}

/* grid: tiles / WARPS, frames */
static __global__ void __launch_bounds__(32 * WARPS) emit_points(const struct levels l)
{
    const uint32_t lane = lane_of(), frame = blockIdx.y;
    const uint32_t tile = blockIdx.x * WARPS + threadIdx.x / 32;
    if (tile >= l.n_tiles)
        return;
    const uint32_t *keys = l.sorted + (size_t)frame * l.n_pixels;
    const uint32_t start = tile * LEVELS_TILE, end = min(start + LEVELS_TILE, l.n_pixels);
    const uint32_t *offset = l.tile_offset + ((size_t)frame * l.n_tiles + tile) * N_LEVELS;
    uint32_t *colour = l.colour + (size_t)frame * l.exact_room, *weight = l.weight + (size_t)frame * l.exact_room;
    uint32_t before = start > 0 ? keys[start - 1] : 0;
    uint32_t n_before[N_LEVELS];
    int dropped[N_LEVELS];
    bool pending = false; /* a point whose last pixel was not met yet; the same in all lanes */
    uint32_t pending_point = 0, pending_start = 0, pending_key = 0;

    for (int level = 0; level < N_LEVELS; level++) {
        n_before[level] = offset[level];
        dropped[level] = l.info[frame].dropped[level];
    }
    for (uint32_t base = start; base < end; base += 32) {
        const uint32_t i = base + lane;
        const bool valid = i < end;
        const uint32_t key = valid ? keys[i] : 0;
        const int bit = new_colour_bit(i, valid, key, &before);
        const uint32_t heads = __ballot_sync(FULL, bit >= 0);
        const uint32_t lower = (1u << lane) - 1;
        const uint32_t point = n_before[LEVEL_EXACT] + (uint32_t)__popc(heads & lower);

        if (bit >= 0) {
            const uint32_t next = heads & ~(lower << 1 | 1);
            colour[point] = kmeans_colour_of_morton(key & 0xFFFFFF);
            if (next)
                weight[point] = (uint32_t)__ffs((int)next) - 1 - lane;
        }
        for (int level = LEVEL_POLISH; level < N_LEVELS && !l.plain; level++) {
            const uint32_t firsts = __ballot_sync(FULL, bit >= dropped[level]);
            if (bit >= dropped[level])
                l.coarse_first[(size_t)frame * LEVELS_ROOM + coarse_at(level) + n_before[level] +
                               (uint32_t)__popc(firsts & lower)] = point;
            n_before[level] += (uint32_t)__popc(firsts);
        }
        if (heads) {
            const uint32_t last = 31 - (uint32_t)__clz((int)heads);
            if (pending && lane == 0)
                weight[pending_point] = base + (uint32_t)__ffs((int)heads) - 1 - pending_start;
            n_before[LEVEL_EXACT] += (uint32_t)__popc(heads);
            pending = true;
            pending_point = n_before[LEVEL_EXACT] - 1;
            pending_start = base + last;
            pending_key = __shfl_sync(FULL, key, (int)last);
        }
    }
    if (pending) {
        const uint32_t stop = end_of_run(keys, end, l.n_pixels, pending_key);
        if (lane == 0)
            weight[pending_point] = stop - pending_start;
    }
}

/* grid: any, frames, coarser levels */
static __global__ void __launch_bounds__(256) merge_points(const struct levels l)
{
    const uint32_t frame = blockIdx.y, sub = threadIdx.x % MERGE_LANES;
    const int level = LEVEL_POLISH + (int)blockIdx.z;
    const uint32_t n = l.info[frame].n[level], n_padded = (n + 3) & ~3u;
    const size_t at = (size_t)frame * LEVELS_ROOM + coarse_at(level);
    const uint32_t *colour = l.colour + (size_t)frame * l.exact_room, *weight = l.weight + (size_t)frame * l.exact_room;
    const uint32_t per_block = 256 / MERGE_LANES;

    for (uint32_t base = blockIdx.x * per_block; base < n_padded; base += gridDim.x * per_block) {
        const uint32_t point = base + threadIdx.x / MERGE_LANES;
        const uint32_t first = point < n ? l.coarse_first[at + point] : 0;
        const uint32_t last = point < n ? l.coarse_first[at + point + 1] : 0;
        unsigned long long r = 0, g = 0, b = 0, w = 0;

        for (uint32_t i = first + sub; i < last; i += MERGE_LANES) {
            const uint32_t c = colour[i];
            const unsigned long long wi = weight[i];
            r += wi * (c & 255);
            g += wi * (c >> 8 & 255);
            b += wi * (c >> 16 & 255);
            w += wi;
        }
        for (int step = MERGE_LANES / 2; step > 0; step /= 2) {
            r += __shfl_xor_sync(FULL, r, step);
            g += __shfl_xor_sync(FULL, g, step);
            b += __shfl_xor_sync(FULL, b, step);
            w += __shfl_xor_sync(FULL, w, step);
        }
        if (sub == 0 && point < n_padded) {
            l.coarse_colour[at + point] = point < n ? kmeans_mean_colour(r, g, b, w) : 0;
            l.coarse_weight[at + point] = point < n ? (uint32_t)w : 0;
        }
    }
}

cudaError_t launch_sort_bytes(uint32_t n_keys, size_t *bytes)
{
    return cub::DeviceRadixSort::SortKeys(nullptr, *bytes, (const uint32_t *)nullptr, (uint32_t *)nullptr, (int)n_keys,
                                          0, 32);
}

cudaError_t launch_sort(const uint32_t *key, uint32_t *sorted, uint32_t n_keys, int n_bits, void *scratch,
                        size_t scratch_bytes, cudaStream_t stream)
{
    return cub::DeviceRadixSort::SortKeys(scratch, scratch_bytes, key, sorted, (int)n_keys, 0, n_bits, stream);
}

cudaError_t launch_levels(const struct levels *levels, int n_frames, cudaStream_t stream)
{
    const dim3 tiles((levels->n_tiles + WARPS - 1) / WARPS, (uint32_t)n_frames);

    count_heads<<<tiles, 32 * WARPS, 0, stream>>>(*levels);
    scan_tiles<<<(uint32_t)n_frames, 32 * SCAN_WARPS, 0, stream>>>(*levels);
    emit_points<<<tiles, 32 * WARPS, 0, stream>>>(*levels);
    if (!levels->plain)
        merge_points<<<dim3(32, (uint32_t)n_frames, 3), 256, 0, stream>>>(*levels);
    return cudaGetLastError();
}
