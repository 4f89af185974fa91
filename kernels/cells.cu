/* cells: a frame's pixels, put together by the upper half of their Morton code. A cell holds the 4096 colours of a cube
 * of 16 levels a side; within it a pixel is identified by the lower half alone. No sort follows: which of a cell's
 * colours there are, in order, fits a bitmap (levels.cu), so that the order of its pixels does not matter.
 *
 *   count    pixels of each cell: a block counts a tile in shared memory, neighbours of one cell at once
 *   place    one block a frame: each cell's place in the frame's room, and lists of those that have pixels, have many
 *   scatter  a block counts its tile again, takes as many places of each cell, and writes there
 *
 * Shapes: key u32 [n_frames, n_pixels] -> low u16 [n_frames, low_room], cell [n_frames, CELLS].
 * Floor on an H200 a frame of n pixels: keys are read twice (once from L2 for small frames), 2 n bytes are written:
 * 10 n bytes, 0.24 us for 426 x 240 at 4.3 TB/s, 4.8 us for 1920 x 1080; a shared atomic takes 2 clocks a warp where
 * no lanes meet, thrice a tile: 0.1 us for 426 x 240. */
#include "kernels/launch.h"
#include "kernels/warp.cuh"

enum { TILE_THREADS = 512, PLACE_THREADS = 512, PER_THREAD = CELLS / PLACE_THREADS };

static const uint32_t NO_CELL = 0xFFFFFFFFu;

/* Neighbouring lanes with the same cell: the first lane of this lane's run, and how many follow from this one on. */
struct run {
    uint32_t head, length;
};

static __device__ __forceinline__ struct run run_of(uint32_t cell)
{
    const uint32_t left = __shfl_up_sync(FULL, cell, 1);
    const uint32_t heads = __ballot_sync(FULL, lane_of() == 0 || cell != left);
    const uint32_t up_to_here = (2u << lane_of()) - 1, after = heads & ~up_to_here;
    const struct run r = {31 - (uint32_t)__clz((int)(heads & up_to_here)),
                          (after ? (uint32_t)__ffs((int)after) - 1 : 32) - lane_of()};

    return r;
}

/* How many of the tile's pixels are in each cell; by the block. */
static __device__ void count_tile(const uint32_t *key, uint32_t start, uint32_t end, uint32_t *count)
{
    for (uint32_t c = threadIdx.x; c < CELLS; c += TILE_THREADS)
        count[c] = 0;
    __syncthreads();
#pragma unroll 4
    for (uint32_t base = start; base < end; base += TILE_THREADS) {
        const uint32_t i = base + threadIdx.x;
        const uint32_t cell = i < end ? key[i] >> CELL_BITS : NO_CELL;
        const struct run r = run_of(cell);
        if (i < end && r.head == lane_of())
            atomicAdd(&count[cell], r.length);
    }
    __syncthreads();
}

/* grid: tiles, frames */
static __global__ void __launch_bounds__(TILE_THREADS) count_cells(const struct cells cells)
{
    __shared__ uint32_t count[CELLS];

    const uint32_t frame = blockIdx.y, start = blockIdx.x * CELLS_TILE, end = min(start + CELLS_TILE, cells.n_pixels);
    count_tile(cells.key + (size_t)frame * cells.n_pixels, start, end, count);
    for (uint32_t c = threadIdx.x; c < CELLS; c += TILE_THREADS)
        if (count[c] > 0)
            atomicAdd(&cells.next[(size_t)frame * CELLS + c], count[c]);
}

/* What a cell adds to running sums over cells: 1 in the top 16 bits if it has pixels, 1 in the next 16 if it is large,
 * its room below. */
static __device__ __forceinline__ uint64_t cell_step(uint32_t n)
{
    return (uint64_t)(n > 0) << 48 | (uint64_t)(n > CELL_LARGE) << 32 | ((n + 3) & ~3u);
}

/* grid: frames. Turns next from counts to places. */
static __global__ void __launch_bounds__(PLACE_THREADS) place_cells(const struct cells cells)
{
    __shared__ uint64_t of_warp[PLACE_THREADS / 32];

    const uint32_t frame = blockIdx.x, warp = threadIdx.x / 32, first = threadIdx.x * PER_THREAD;
    uint32_t *next = cells.next + (size_t)frame * CELLS, n[PER_THREAD];
    struct cell *list = cells.cell + (size_t)frame * CELLS;
    uint16_t *large = cells.large + (size_t)frame * CELLS;
    uint64_t mine = 0;

    for (uint32_t i = 0; i < PER_THREAD; i++) {
        n[i] = next[first + i];
        mine += cell_step(n[i]);
    }
    const uint64_t through = warp_scan(mine);
    if (lane_of() == 31)
        of_warp[warp] = through;
    __syncthreads();
    uint64_t at = through - mine;
    for (uint32_t w = 0; w < warp; w++)
        at += of_warp[w];
    for (uint32_t i = 0; i < PER_THREAD; i++) {
        next[first + i] = (uint32_t)at;
        if (n[i] > 0)
            list[at >> 48] = {first + i, (uint32_t)at, n[i]};
        if (n[i] > CELL_LARGE)
            large[at >> 32 & 0xFFFF] = (uint16_t)(at >> 48);
        at += cell_step(n[i]);
    }
    if (threadIdx.x == PLACE_THREADS - 1)
        cells.counts[frame] = {(uint32_t)(at >> 48), (uint32_t)(at >> 32 & 0xFFFF)};
}

/* grid: tiles, frames */
static __global__ void __launch_bounds__(TILE_THREADS) scatter_pixels(const struct cells cells)
{
    __shared__ uint32_t place[CELLS];

    const uint32_t frame = blockIdx.y, start = blockIdx.x * CELLS_TILE, end = min(start + CELLS_TILE, cells.n_pixels);
    const uint32_t *key = cells.key + (size_t)frame * cells.n_pixels;
    uint16_t *low = cells.low + (size_t)frame * cells.low_room;

    count_tile(key, start, end, place);
    for (uint32_t c = threadIdx.x; c < CELLS; c += TILE_THREADS)
        if (place[c] > 0)
            place[c] = atomicAdd(&cells.next[(size_t)frame * CELLS + c], place[c]);
    __syncthreads();
#pragma unroll 4
    for (uint32_t base = start; base < end; base += TILE_THREADS) {
        const uint32_t i = base + threadIdx.x;
        const uint32_t colour = i < end ? key[i] : 0, cell = i < end ? colour >> CELL_BITS : NO_CELL;
        const struct run r = run_of(cell);
        uint32_t at = 0;
        if (i < end && r.head == lane_of())
            at = atomicAdd(&place[cell], r.length);
        at = __shfl_sync(FULL, at, (int)r.head) + lane_of() - r.head;
        if (i < end)
            low[at] = (uint16_t)(colour % CELL_COLOURS);
    }
}

/* grid: frames */
static __global__ void __launch_bounds__(PLACE_THREADS) add_cells(const struct cells cells, uint32_t *frames)
{
    const uint32_t frame = blockIdx.x, n = cells.counts[frame].n;

    for (uint32_t i = threadIdx.x; i < n; i += PLACE_THREADS)
        atomicAdd(&frames[cells.cell[(size_t)frame * CELLS + i].number], 1u);
}

cudaError_t launch_count_cells(const struct cells *cells, int n_frames, uint32_t *frames, cudaStream_t stream)
{
    add_cells<<<(uint32_t)n_frames, PLACE_THREADS, 0, stream>>>(*cells, frames);
    return cudaGetLastError();
}

cudaError_t launch_cells(const struct cells *cells, int n_frames, cudaStream_t stream)
{
    const dim3 tiles((cells->n_pixels + CELLS_TILE - 1) / CELLS_TILE, (uint32_t)n_frames);
    const cudaError_t cleared = cudaMemsetAsync(cells->next, 0, (size_t)n_frames * CELLS * sizeof *cells->next, stream);

    if (cleared != cudaSuccess)
        return cleared;
    count_cells<<<tiles, TILE_THREADS, 0, stream>>>(*cells);
    place_cells<<<(uint32_t)n_frames, PLACE_THREADS, 0, stream>>>(*cells);
    scatter_pixels<<<tiles, TILE_THREADS, 0, stream>>>(*cells);
    return cudaGetLastError();
}
