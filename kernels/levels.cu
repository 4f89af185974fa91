/* levels: the cells' pixels become the exact level and the three coarser ones (kmeans_rules.h; twin of sort_keys,
 * build_exact_level and build_level in src/compute/cpu_kmeans.c). A warp, or a block where there are many pixels, takes
 * a cell: a bitmap of its 4096 colours has them in Morton order, and the number of bits below one is its place.
 *
 *   measure  how many points start in the cell at every level: the bitmap, folded again and again
 *   scan     one block a frame adds the cells up, picks the dropped bits and each cell's place in the four levels
 *   emit     counts each colour's pixels and writes the points; where one starts a point of a coarser level, that notes
 *            its first point of the next finer one
 *   merge    four lanes add up the finer points of each coarser one, level by level
 *
 * so that the host needs no count.
 *
 * Floor on an H200 a frame of n pixels with m colours: measure reads 2 n bytes, emit 4 n (from L2 where frames are
 * small) and writes 8 m, merge reads 8 m: 0.5 us for 426 x 240 with m = n / 2. A cell costs a warp some 150
 * instructions in each of measure and emit beside its pixels: 1,000 cells 0.35 us. */
#include "kernels/launch.h"
#include "kernels/warp.cuh"

enum {
    WARPS = 8,
    BLOCK = 32 * WARPS,
    LARGE_BLOCKS = 16, /* a frame: large cells are dealt to these in turn */
    SMALL_BLOCKS = 16, /* and the others to the warps of these */
    MERGE_LANES = 4,
    SCAN_WARPS = 16,
    BITMAP_WORDS = CELL_COLOURS / 32
};

/* --- a cell's colours --------------------------------------------------------------------------------------------- */

/* TEAM: the threads that share a cell, a warp's or a block's. */
template <uint32_t TEAM> static __device__ __forceinline__ void sync_team(void)
{
    if (TEAM == 32)
        __syncwarp();
    else
        __syncthreads();
}

/* Calls take(low half, pixels) for the cell's pixels, equal neighbours of a thread's four at once. */
template <uint32_t TEAM, class TAKE>
static __device__ __forceinline__ void for_pixels(const uint16_t *low, uint32_t n, TAKE take)
{
    uint32_t i = 4 * (threadIdx.x % TEAM);
    uint2 next = i < n ? *(const uint2 *)(low + i) : make_uint2(0, 0);

    for (; i < n; i += 4 * TEAM) {
        const uint32_t v[4] = {next.x & 0xFFFF, next.x >> 16, next.y & 0xFFFF, next.y >> 16};
        uint32_t run = 0;
        if (i + 4 * TEAM < n)
            next = *(const uint2 *)(low + i + 4 * TEAM);
#pragma unroll
        for (uint32_t h = 0; h < 4; h++) {
            if (i + h >= n)
                break;
            run++;
            if (h == 3 || i + h + 1 == n || v[h == 3 ? h : h + 1] != v[h]) {
                take(v[h], run);
                run = 0;
            }
        }
    }
}

/* bitmap: [BITMAP_WORDS] of the team */
template <uint32_t TEAM>
static __device__ __forceinline__ void mark_colours(const uint16_t *low, uint32_t n, uint32_t *bitmap)
{
    for (uint32_t w = threadIdx.x % TEAM; w < BITMAP_WORDS; w += TEAM)
        bitmap[w] = 0;
    sync_team<TEAM>();
    for_pixels<TEAM>(low, n, [=](uint32_t v, uint32_t) {
        const uint32_t bit = 1u << v % 32;
        atomicOr(&bitmap[v / 32], bit);
    });
    sync_team<TEAM>();
}

/* Calls take(cell's place in the list) of the block's large cells, or of the warp's others. */
template <uint32_t TEAM, class TAKE>
static __device__ __forceinline__ void for_cells(const struct cells &cells, uint32_t frame, TAKE take)
{
    const struct cell_counts counts = cells.counts[frame];

    if (TEAM == BLOCK)
        for (uint32_t i = blockIdx.x; i < counts.n_large; i += LARGE_BLOCKS)
            take(cells.large[(size_t)frame * CELLS + i]);
    else
        for (uint32_t i = (blockIdx.x - LARGE_BLOCKS) * WARPS + threadIdx.x / 32; i < counts.n;
             i += SMALL_BLOCKS * WARPS)
            if (cells.cell[(size_t)frame * CELLS + i].n <= CELL_LARGE)
                take(i);
}

/* --- measure ------------------------------------------------------------------------------------------------------ */

/* By one warp: lane d < CELL_BITS gets how many colours the bitmap has at d dropped bits. */
static __device__ __forceinline__ uint32_t fold_colours(const uint32_t *bitmap)
{
    const uint32_t lowest[5] = {0x55555555, 0x11111111, 0x01010101, 0x00010001, 1};
    const uint4 four = ((const uint4 *)bitmap)[lane_of()];
    uint32_t word[4] = {four.x, four.y, four.z, four.w}, n[CELL_BITS], mine = 0;

    /* 2^d neighbouring bits fold into one; a lane's four words hold 2^7 colours */
#pragma unroll
    for (int d = 0; d < 5; d++) {
        n[d] = 0;
        for (int w = 0; w < 4; w++) {
            n[d] += (uint32_t)__popc(word[w]);
            word[w] = (word[w] | word[w] >> (1 << d)) & lowest[d];
        }
    }
    n[5] = word[0] + word[1] + word[2] + word[3];
    n[6] = (word[0] | word[1]) + (word[2] | word[3]);
#pragma unroll
    for (int d = 0; d < 6; d += 2) { /* none is above 4096 */
        const uint32_t both = warp_sum(n[d] | n[d + 1] << 16);
        n[d] = both & 0xFFFF;
        n[d + 1] = both >> 16;
    }
    n[6] = warp_sum(n[6]);
    uint32_t lanes = __ballot_sync(FULL, (word[0] | word[1] | word[2] | word[3]) != 0);
#pragma unroll
    for (int d = 7; d < CELL_BITS; d++) {
        n[d] = (uint32_t)__popc(lanes);
        lanes = (lanes | lanes >> (1 << (d - 7))) & lowest[d - 7];
    }
#pragma unroll
    for (int d = 0; d < CELL_BITS; d++)
        mine = lane_of() == (uint32_t)d ? n[d] : mine;
    return mine;
}

template <uint32_t TEAM>
static __device__ __forceinline__ void measure_as(const struct levels &l, uint32_t frame, uint32_t *bitmap)
{
    for_cells<TEAM>(l.cells, frame, [&](uint32_t i) {
        const struct cell *list = l.cells.cell + (size_t)frame * CELLS, cell = list[i];

        mark_colours<TEAM>(l.cells.low + (size_t)frame * l.cells.low_room + cell.start, cell.n, bitmap);
        if (threadIdx.x % TEAM < 32) {
            uint32_t mine = fold_colours(bitmap);
            if (lane_of() == CELL_BITS)
                mine = i == 0 ? KMEANS_COLOUR_BITS
                              : CELL_BITS + 31 - (uint32_t)__clz((int)(cell.number ^ list[i - 1].number));
            if (lane_of() <= CELL_BITS)
                l.cell_heads[((size_t)frame * CELLS + i) * LEVELS_CELL_WORDS + lane_of()] = (uint16_t)mine;
        }
        sync_team<TEAM>(); /* the bitmap has been read */
    });
}

/* grid: LARGE_BLOCKS + SMALL_BLOCKS, frames */
static __global__ void __launch_bounds__(BLOCK) measure_cells(const struct levels l)
{
    __shared__ __align__(16) uint32_t bitmap[WARPS][BITMAP_WORDS];

    if (blockIdx.x < LARGE_BLOCKS)
        measure_as<BLOCK>(l, blockIdx.y, bitmap[0]);
    else
        measure_as<32>(l, blockIdx.y, bitmap[threadIdx.x / 32]);
}

/* Lane d: how many points start in the cell at d dropped bits. */
static __device__ __forceinline__ uint32_t cell_heads_of(const uint16_t *heads, uint32_t cell, uint32_t dropped)
{
    const uint32_t v = heads[(size_t)cell * LEVELS_CELL_WORDS + min(dropped, (uint32_t)CELL_BITS)];

    return dropped < CELL_BITS ? v : v >= dropped;
}

/* --- scan --------------------------------------------------------------------------------------------------------- */

static __device__ __forceinline__ uint32_t coarse_at(int level)
{
    return level == LEVEL_POLISH ? LEVELS_POLISH_AT : level == LEVEL_SEARCH ? LEVELS_SEARCH_AT : LEVELS_SEED_AT;
}

/* grid: frames */
static __global__ void __launch_bounds__(32 * SCAN_WARPS) scan_cells(const struct levels l)
{
    __shared__ uint32_t part[SCAN_WARPS][32];
    __shared__ uint32_t merged[32]; /* 25 are used */
    __shared__ struct level_info info;

    const uint32_t lane = lane_of(), warp = threadIdx.x / 32, frame = blockIdx.x;
    const uint32_t n_cells = l.cells.counts[frame].n;
    const uint16_t *heads = l.cell_heads + (size_t)frame * CELLS * LEVELS_CELL_WORDS;
    uint32_t sum = 0;

#pragma unroll 4
    for (uint32_t cell = warp; cell < n_cells; cell += SCAN_WARPS)
        sum += cell_heads_of(heads, cell, lane);
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
            if (lane == LEVEL_EXACT)
                info.n_light = l.weights ? 0 : merged[dropped]; /* emit counts them */
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
            l.coarse_first[(size_t)frame * LEVELS_ROOM + coarse_at((int)lane) + info.n[lane]] = info.n[lane - 1];
    }
    __syncthreads();
    if (warp >= N_LEVELS)
        return;

    /* warp = level */
    uint32_t *offset = l.cell_offset + (size_t)frame * CELLS * N_LEVELS;
    const uint32_t dropped = (uint32_t)info.dropped[warp];
    uint32_t before = 0;
    for (uint32_t base = 0; base < n_cells; base += 32) {
        const uint32_t cell = base + lane;
        const uint32_t n = cell < n_cells ? cell_heads_of(heads, cell, dropped) : 0;
        const uint32_t through = warp_scan(n);
        if (cell < n_cells)
            offset[(size_t)cell * N_LEVELS + warp] = before + through - n;
        before += __shfl_sync(FULL, through, 31);
    }
}

/* --- emit --------------------------------------------------------------------------------------------------------- */

template <uint32_t COLOURS> struct alignas(16) emit_room {
    uint32_t bitmap[BITMAP_WORDS], count[COLOURS];
    uint16_t before[BITMAP_WORDS], colour[COLOURS]; /* colours in the words before; the low halves by place */
    uint32_t n;
};

/* By one warp: fills before, and n with the number of the cell's colours. */
template <uint32_t COLOURS> static __device__ __forceinline__ void rank_colours(struct emit_room<COLOURS> &room)
{
    const uint4 four = ((const uint4 *)room.bitmap)[lane_of()];
    const uint32_t x = (uint32_t)__popc(four.x), y = (uint32_t)__popc(four.y), z = (uint32_t)__popc(four.z);
    const uint32_t mine = x + y + z + (uint32_t)__popc(four.w);
    const uint32_t through = warp_scan(mine), at = through - mine;

    ((ushort4 *)room.before)[lane_of()] =
        make_ushort4((uint16_t)at, (uint16_t)(at + x), (uint16_t)(at + x + y), (uint16_t)(at + x + y + z));
    if (lane_of() == 31)
        room.n = through;
}

/* By one warp: from pixels to what they count in the search, of the points that its lanes have just written; yields how
 * many of them count at all. */
static __device__ __forceinline__ uint32_t weigh_point(const struct levels &l, size_t point, uint32_t cell, bool is_one)
{
    uint32_t weight = 0;

    if (is_one) {
        const uint32_t pixels = l.weight[point];
        weight = pixels * weights_of(l.weights, cell, l.colour[point]);
        l.area[point] = pixels;
        l.weight[point] = weight;
    }
    return (uint32_t)__popc(__ballot_sync(FULL, weight > 0));
}

/* By one warp: writes the cell's points, and where points of coarser levels start among them. */
template <bool WEIGHTED, uint32_t COLOURS>
static __device__ __forceinline__ void write_points(const struct levels &l, uint32_t frame, uint32_t cell_in_frame,
                                                    const struct emit_room<COLOURS> &room)
{
    const uint32_t lane = lane_of(), n = room.n;
    const size_t cell = (size_t)frame * CELLS + cell_in_frame;
    const uint32_t number = l.cells.cell[cell].number;
    uint32_t *colour = l.colour + (size_t)frame * l.exact_room, *weight = l.weight + (size_t)frame * l.exact_room;
    uint32_t *coarse_first = l.coarse_first + (size_t)frame * LEVELS_ROOM;
    const uint32_t lower = (1u << lane) - 1;
    uint32_t n_before[N_LEVELS], before = 0; /* the colour that ended the last 32 */
    uint32_t n_light = 0;
    int dropped[N_LEVELS];

#pragma unroll
    for (int level = 0; level < N_LEVELS; level++) {
        n_before[level] = l.cell_offset[cell * N_LEVELS + level];
        dropped[level] = l.info[frame].dropped[level];
    }
    for (uint32_t base = 0; base < n; base += 32) {
        const uint32_t c = base + lane, key = room.colour[min(c, n - 1)];
        const uint32_t left = __shfl_up_sync(FULL, key, 1), point = n_before[LEVEL_EXACT] + c;
        const int bit = c == 0 ? l.cell_heads[cell * LEVELS_CELL_WORDS + CELL_BITS]
                               : 31 - __clz((int)(key ^ (lane == 0 ? before : left))); /* the highest that differs */

        before = __shfl_sync(FULL, key, 31);
        if (c < n) {
            colour[point] = kmeans_colour_of_morton(number << CELL_BITS | key);
            weight[point] = room.count[c];
        }
        if (WEIGHTED)
            n_light += weigh_point(l, (size_t)frame * l.exact_room + point, number, c < n);
        uint32_t finer = point;
#pragma unroll
        for (int level = LEVEL_POLISH; level < N_LEVELS; level++) {
            if (l.plain)
                break;
            const bool starts = c < n && bit >= dropped[level];
            const uint32_t starting = __ballot_sync(FULL, starts);
            const uint32_t at = n_before[level] + (uint32_t)__popc(starting & lower);
            if (starts) /* then it starts one of the finer level too */
                coarse_first[coarse_at(level) + at] = finer;
            finer = at;
            n_before[level] += (uint32_t)__popc(starting);
        }
    }
    if (WEIGHTED && lane == 0)
        atomicAdd(&l.info[frame].n_light, n_light);
}

/* COLOURS: as many as a team's cell may have. */
template <bool WEIGHTED, uint32_t TEAM, uint32_t COLOURS>
static __device__ __forceinline__ void emit_as(const struct levels &l, uint32_t frame, struct emit_room<COLOURS> &room)
{
    for_cells<TEAM>(l.cells, frame, [&](uint32_t i) {
        const struct cell cell = l.cells.cell[(size_t)frame * CELLS + i];
        const uint16_t *low = l.cells.low + (size_t)frame * l.cells.low_room + cell.start;

        mark_colours<TEAM>(low, cell.n, room.bitmap);
        if (threadIdx.x % TEAM < 32)
            rank_colours(room);
        for (uint32_t c = threadIdx.x % TEAM; c < min(cell.n, COLOURS); c += TEAM)
            room.count[c] = 0;
        sync_team<TEAM>();
        for_pixels<TEAM>(low, cell.n, [&](uint32_t v, uint32_t pixels) {
            const uint32_t below = room.bitmap[v / 32] & ((1u << v % 32) - 1);
            const uint32_t c = room.before[v / 32] + (uint32_t)__popc(below);
            if (atomicAdd(&room.count[c], pixels) == 0)
                room.colour[c] = (uint16_t)v;
        });
        sync_team<TEAM>();
        if (threadIdx.x % TEAM < 32)
            write_points<WEIGHTED>(l, frame, i, room);
        sync_team<TEAM>(); /* the room has been read */
    });
}

/* grid: LARGE_BLOCKS + SMALL_BLOCKS, frames. shared: a room for the block, or one for each warp. */
template <bool WEIGHTED> static __global__ void __launch_bounds__(BLOCK) emit_points(const struct levels l)
{
    extern __shared__ uint4 shared[];

    if (blockIdx.x < LARGE_BLOCKS)
        emit_as<WEIGHTED, BLOCK>(l, blockIdx.y, *(struct emit_room<CELL_COLOURS> *)shared);
    else
        emit_as<WEIGHTED, 32>(l, blockIdx.y, ((struct emit_room<CELL_LARGE> *)shared)[threadIdx.x / 32]);
}

/* --- merge -------------------------------------------------------------------------------------------------------- */

/* r, g, b and weight: T is 32 bits where 255 x the weight of a frame's pixels fits them. */
template <class T> struct alignas(4 * sizeof(T)) colour_sum {
    T r, g, b, weight;
};

template <class T> static __device__ __forceinline__ uint32_t rounded_mean(T sum, T weight)
{
    weight += weight == 0;
    const T mean = sum / weight; /* as kmeans_mean_colour, without a bit more */

    return (uint32_t)(mean + (2 * (sum - mean * weight) >= weight));
}

template <class T> static __device__ __forceinline__ T lanes_sum(T v)
{
    for (int step = MERGE_LANES / 2; step > 0; step /= 2)
        v += __shfl_xor_sync(FULL, v, step);
    return v;
}

/* Adds up the finer level's points of each point of this one. grid: any, frames */
template <class T, int LEVEL> static __global__ void __launch_bounds__(256) merge_points(const struct levels l)
{
    const uint32_t frame = blockIdx.y, sub = threadIdx.x % MERGE_LANES, per_block = 256 / MERGE_LANES;
    const uint32_t n = l.info[frame].n[LEVEL], n_padded = (n + 3) & ~3u;
    const size_t room = (size_t)frame * LEVELS_ROOM, at = room + coarse_at(LEVEL);
    const uint32_t *colour = l.colour + (size_t)frame * l.exact_room, *weight = l.weight + (size_t)frame * l.exact_room;
    const struct colour_sum<T> *finer = (const struct colour_sum<T> *)l.coarse_sum + room + coarse_at(LEVEL - 1);

    for (uint32_t base = blockIdx.x * per_block; base < n_padded; base += gridDim.x * per_block) {
        const uint32_t point = base + threadIdx.x / MERGE_LANES;
        const uint32_t first = point < n ? l.coarse_first[at + point] : 0;
        const uint32_t last = point < n ? l.coarse_first[at + point + 1] : 0;
        struct colour_sum<T> sum = {
        };

        for (uint32_t i = first + sub; i < last; i += MERGE_LANES) {
            struct colour_sum<T> add;
            if (LEVEL == LEVEL_POLISH) {
                const uint32_t c = colour[i], w = weight[i];
                add = {(T)w * (c & 255), (T)w * (c >> 8 & 255), (T)w * (c >> 16 & 255), (T)w};
            } else {
                add = finer[i];
            }
            sum = {sum.r + add.r, sum.g + add.g, sum.b + add.b, sum.weight + add.weight};
        }
        sum = {lanes_sum(sum.r), lanes_sum(sum.g), lanes_sum(sum.b), lanes_sum(sum.weight)};
        if (sub == 0 && point < n) {
            l.coarse_colour[at + point] = kmeans_colour(
                rounded_mean(sum.r, sum.weight), rounded_mean(sum.g, sum.weight), rounded_mean(sum.b, sum.weight));
            l.coarse_weight[at + point] = (uint32_t)sum.weight;
            if (LEVEL != LEVEL_SEED)
                ((struct colour_sum<T> *)l.coarse_sum)[at + point] = sum;
        } else if (sub == 0 && point < n_padded) {
            l.coarse_colour[at + point] = l.coarse_weight[at + point] = 0;
        }
    }
}

template <class T> static void merge_levels(const struct levels *levels, uint32_t n_frames, cudaStream_t stream)
{
    merge_points<T, LEVEL_POLISH><<<dim3(32, n_frames), 256, 0, stream>>>(*levels);
    merge_points<T, LEVEL_SEARCH><<<dim3(8, n_frames), 256, 0, stream>>>(*levels);
    merge_points<T, LEVEL_SEED><<<dim3(4, n_frames), 256, 0, stream>>>(*levels);
}

cudaError_t launch_levels(const struct levels *levels, int n_frames, cudaStream_t stream)
{
    const dim3 cells(LARGE_BLOCKS + SMALL_BLOCKS, (uint32_t)n_frames);
    const size_t large = sizeof(struct emit_room<CELL_COLOURS>), small = WARPS * sizeof(struct emit_room<CELL_LARGE>);
    const size_t room = large > small ? large : small;

    measure_cells<<<cells, BLOCK, 0, stream>>>(*levels);
    scan_cells<<<(uint32_t)n_frames, 32 * SCAN_WARPS, 0, stream>>>(*levels);
    if (levels->weights)
        emit_points<true><<<cells, BLOCK, room, stream>>>(*levels);
    else
        emit_points<false><<<cells, BLOCK, room, stream>>>(*levels);
    if (levels->plain)
        return cudaGetLastError();
    if (levels_are_wide(levels))
        merge_levels<unsigned long long>(levels, (uint32_t)n_frames, stream);
    else
        merge_levels<uint32_t>(levels, (uint32_t)n_frames, stream);
    return cudaGetLastError();
}
