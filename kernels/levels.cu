/* levels: the cells' pixels become the exact level and the three coarser ones (kmeans_rules.h; twin of sort_keys,
 * build_exact_level and build_level in src/compute/cpu_kmeans.c). A warp takes a cell: a bitmap of its 4096 colours has
 * them in Morton order, and the number of bits below one is that colour's place.
 *   measure  how many points start in the cell at every level: the bitmap, folded again and again
 *   scan     one block a frame adds the cells up, picks the dropped bits and each cell's place in the four levels
 *   emit     counts each colour's pixels and writes the points; points of coarser levels note their first exact point
 *   merge    eight lanes add up the exact points of each coarser point
 * so that the host need not know any count.
 *
 * Floor on an H200 a frame of n pixels with m colours: measure reads 2 n bytes, emit 4 n (from L2 where frames are
 * small) and writes 8 m, merge reads 24 m: 0.6 us for 426 x 240 with m = n / 2. A cell costs a warp some 150
 * instructions in each of measure and emit beside its pixels: 1,000 cells 0.35 us. */
#include "kernels/launch.h"

enum {
    WARPS = 8,
    CELL_BLOCKS = 16,   /* of WARPS a frame: cells are dealt to them in turn */
    EMIT_COLOURS = 512, /* of a cell that are counted at a time */
    MERGE_LANES = 8,
    SCAN_WARPS = 16,
    BITMAP_WORDS = CELL_COLOURS / 32
};

static const uint32_t FULL = 0xFFFFFFFFu;

static __device__ __forceinline__ uint32_t lane_of(void)
{
    return threadIdx.x % 32;
}

/* --- a cell's colours --------------------------------------------------------------------------------------------- */

/* Calls take(low half, pixels) for the cell's pixels, equal neighbours of a lane's four at once. */
template <class TAKE> static __device__ __forceinline__ void for_pixels(const uint16_t *low, uint32_t n, TAKE take)
{
    for (uint32_t i = 4 * lane_of(); i < n; i += 4 * 32) {
        const uint2 four = *(const uint2 *)(low + i);
        const uint32_t v[4] = {four.x & 0xFFFF, four.x >> 16, four.y & 0xFFFF, four.y >> 16};
        uint32_t run = 0;
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

/* bitmap: [BITMAP_WORDS] of this warp */
static __device__ __forceinline__ void mark_colours(const uint16_t *low, uint32_t n, uint32_t *bitmap)
{
    ((uint4 *)bitmap)[lane_of()] = make_uint4(0, 0, 0, 0);
    __syncwarp();
    for_pixels(low, n, [=](uint32_t v, uint32_t) {
        const uint32_t bit = 1u << v % 32;
        if (!(*(volatile uint32_t *)&bitmap[v / 32] & bit)) /* mostly it is there already */
            atomicOr(&bitmap[v / 32], bit);
    });
    __syncwarp();
}

static __device__ __forceinline__ uint32_t warp_sum(uint32_t v)
{
    for (int step = 16; step > 0; step /= 2)
        v += __shfl_xor_sync(FULL, v, step);
    return v;
}

/* --- measure ------------------------------------------------------------------------------------------------------ */

/* grid: CELL_BLOCKS, frames */
static __global__ void __launch_bounds__(32 * WARPS) measure_cells(const struct levels l)
{
    __shared__ uint4 bitmaps[WARPS][BITMAP_WORDS / 4];

    const uint32_t lane = lane_of(), warp = threadIdx.x / 32, frame = blockIdx.y, n_cells = l.cells.n_cells[frame];
    const struct cell *cells = l.cells.cell + (size_t)frame * CELLS;
    uint16_t *heads = l.cell_heads + (size_t)frame * CELLS * LEVELS_CELL_WORDS;

    for (uint32_t i = blockIdx.x * WARPS + warp; i < n_cells; i += CELL_BLOCKS * WARPS) {
        const struct cell cell = cells[i];
        mark_colours(l.cells.low + (size_t)frame * l.cells.low_room + cell.start, cell.n, (uint32_t *)bitmaps[warp]);
        const uint4 four = bitmaps[warp][lane];
        uint32_t word[4] = {four.x, four.y, four.z, four.w}, n[CELL_BITS];

        /* 2^d neighbouring bits fold into one; a lane's four words hold 2^7 colours */
        for (int d = 0; d < 5; d++) {
            const uint32_t lowest[5] = {0x55555555, 0x11111111, 0x01010101, 0x00010001, 1};
            n[d] = 0;
            for (int w = 0; w < 4; w++) {
                n[d] += (uint32_t)__popc(word[w]);
                word[w] = (word[w] | word[w] >> (1 << d)) & lowest[d];
            }
        }
        n[5] = word[0] + word[1] + word[2] + word[3];
        n[6] = (word[0] | word[1]) + (word[2] | word[3]);
        for (int d = 0; d < 6; d += 2) { /* none is above 4096 */
            const uint32_t both = warp_sum(n[d] | n[d + 1] << 16);
            n[d] = both & 0xFFFF;
            n[d + 1] = both >> 16;
        }
        n[6] = warp_sum(n[6]);
        uint32_t lanes = __ballot_sync(FULL, (word[0] | word[1] | word[2] | word[3]) != 0);
        for (int d = 7; d < CELL_BITS; d++) {
            const uint32_t lowest[5] = {0x55555555, 0x11111111, 0x01010101, 0x00010001, 1};
            n[d] = (uint32_t)__popc(lanes);
            lanes = (lanes | lanes >> (1 << (d - 7))) & lowest[d - 7];
        }
        uint32_t mine =
            i == 0 ? KMEANS_COLOUR_BITS : CELL_BITS + 31 - (uint32_t)__clz((int)(cell.number ^ cells[i - 1].number));
        for (uint32_t d = 0; d < CELL_BITS; d++)
            mine = lane == d ? n[d] : mine;
        if (lane <= CELL_BITS)
            heads[(size_t)i * LEVELS_CELL_WORDS + lane] = (uint16_t)mine;
        __syncwarp(); /* the bitmap has been read */
    }
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
    const uint32_t n_cells = l.cells.n_cells[frame];
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
    uint32_t *offset = l.cell_offset + (size_t)frame * CELLS * N_LEVELS;
    const uint32_t dropped = (uint32_t)info.dropped[warp];
    uint32_t before = 0;
    for (uint32_t base = 0; base < n_cells; base += 32) {
        const uint32_t cell = base + lane;
        const uint32_t n = cell < n_cells ? cell_heads_of(heads, cell, dropped) : 0;
        uint32_t through = n;
        for (int step = 1; step < 32; step *= 2) {
            const uint32_t left = __shfl_up_sync(FULL, through, step);
            through += lane >= (uint32_t)step ? left : 0;
        }
        if (cell < n_cells)
            offset[(size_t)cell * N_LEVELS + warp] = before + through - n;
        before += __shfl_sync(FULL, through, 31);
    }
}

/* --- emit --------------------------------------------------------------------------------------------------------- */

struct emit_room {
    uint32_t bitmap[BITMAP_WORDS], count[EMIT_COLOURS];
    uint16_t before[BITMAP_WORDS], colour[EMIT_COLOURS]; /* colours in the words before; the low halves by place */
};

/* Fills before; yields the number of the cell's colours. */
static __device__ __forceinline__ uint32_t rank_colours(struct emit_room &room)
{
    const uint4 four = ((const uint4 *)room.bitmap)[lane_of()];
    const uint32_t x = (uint32_t)__popc(four.x), y = (uint32_t)__popc(four.y), z = (uint32_t)__popc(four.z);
    const uint32_t mine = x + y + z + (uint32_t)__popc(four.w);
    uint32_t through = mine;

    for (uint32_t step = 1; step < 32; step *= 2) {
        const uint32_t left = __shfl_up_sync(FULL, through, step);
        through += lane_of() >= step ? left : 0;
    }
    const uint32_t at = through - mine;
    ((ushort4 *)room.before)[lane_of()] =
        make_ushort4((uint16_t)at, (uint16_t)(at + x), (uint16_t)(at + x + y), (uint16_t)(at + x + y + z));
    __syncwarp();
    return __shfl_sync(FULL, through, 31);
}

/* grid: CELL_BLOCKS, frames */
static __global__ void __launch_bounds__(32 * WARPS) emit_points(const struct levels l)
{
    __shared__ __align__(16) struct emit_room rooms[WARPS];

    const uint32_t lane = lane_of(), frame = blockIdx.y, n_cells = l.cells.n_cells[frame];
    struct emit_room &room = rooms[threadIdx.x / 32];
    uint32_t *colour = l.colour + (size_t)frame * l.exact_room, *weight = l.weight + (size_t)frame * l.exact_room;
    uint32_t *coarse_first = l.coarse_first + (size_t)frame * LEVELS_ROOM;
    int dropped[N_LEVELS];

    for (int level = 0; level < N_LEVELS; level++)
        dropped[level] = l.info[frame].dropped[level];
    for (uint32_t i = blockIdx.x * WARPS + threadIdx.x / 32; i < n_cells; i += CELL_BLOCKS * WARPS) {
        const size_t cell_at = (size_t)frame * CELLS + i;
        const struct cell cell = l.cells.cell[cell_at];
        const uint16_t *low = l.cells.low + (size_t)frame * l.cells.low_room + cell.start;
        uint32_t n_before[N_LEVELS];
        for (int level = 0; level < N_LEVELS; level++)
            n_before[level] = l.cell_offset[cell_at * N_LEVELS + level];

        mark_colours(low, cell.n, room.bitmap);
        const uint32_t n_colours = rank_colours(room);
        uint32_t before = 0; /* the colour that ended the last 32 */
        for (uint32_t first = 0; first < n_colours; first += EMIT_COLOURS) {
            const uint32_t n = min(n_colours - first, (uint32_t)EMIT_COLOURS);
            for (uint32_t c = lane; c < n; c += 32)
                room.count[c] = 0;
            __syncwarp();
            for_pixels(low, cell.n, [=, &room](uint32_t v, uint32_t pixels) {
                const uint32_t below = room.bitmap[v / 32] & ((1u << v % 32) - 1);
                const uint32_t c = room.before[v / 32] + (uint32_t)__popc(below) - first;
                if (c < n) {
                    atomicAdd(&room.count[c], pixels);
                    room.colour[c] = (uint16_t)v; /* all who write here write the same */
                }
            });
            __syncwarp();
            for (uint32_t base = 0; base < n; base += 32) {
                const uint32_t c = base + lane, key = room.colour[min(c, n - 1)];
                const uint32_t left = __shfl_up_sync(FULL, key, 1);
                const uint32_t point = n_before[LEVEL_EXACT] + first + c;
                int bit = 31 - __clz((int)(key ^ (lane == 0 ? before : left))); /* the highest that differs */
                if (first + c == 0)
                    bit = l.cell_heads[cell_at * LEVELS_CELL_WORDS + CELL_BITS];
                before = __shfl_sync(FULL, key, 31);
                if (c < n) {
                    colour[point] = kmeans_colour_of_morton(cell.number << CELL_BITS | key);
                    weight[point] = room.count[c];
                }
                for (int level = LEVEL_POLISH; level < N_LEVELS && !l.plain; level++) {
                    const bool starts = c < n && bit >= dropped[level];
                    const uint32_t starting = __ballot_sync(FULL, starts);
                    if (starts)
                        coarse_first[coarse_at(level) + n_before[level] +
                                     (uint32_t)__popc(starting & ((1u << lane) - 1))] = point;
                    n_before[level] += (uint32_t)__popc(starting);
                }
            }
            __syncwarp(); /* the counts have been read */
        }
    }
}

/* --- merge -------------------------------------------------------------------------------------------------------- */

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

cudaError_t launch_levels(const struct levels *levels, int n_frames, cudaStream_t stream)
{
    const dim3 cells(CELL_BLOCKS, (uint32_t)n_frames);

    measure_cells<<<cells, 32 * WARPS, 0, stream>>>(*levels);
    scan_cells<<<(uint32_t)n_frames, 32 * SCAN_WARPS, 0, stream>>>(*levels);
    emit_points<<<cells, 32 * WARPS, 0, stream>>>(*levels);
    if (!levels->plain)
        merge_points<<<dim3(32, (uint32_t)n_frames, 3), 256, 0, stream>>>(*levels);
    return cudaGetLastError();
}
