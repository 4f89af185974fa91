/* integral: twin of load_block of cpu_boost.c, and the copy of the active images. A warp makes one channel's integral
 * image by parallel prefix sums in registers, first along the rows, then down the columns, in a tile of shared memory;
 * the block then writes its tiles out entry by entry, neighbouring images side by side.
 *
 * Shapes: pixels u8 [n, n_channels, height, width] -> integral i32 [n_channels, height + 1, width + 1, stride]. */
#include "kernels/haar/launch_boost.h"

enum { MOST_WARPS = 16, SHARED_BYTES = 48 * 1024, GATHER_THREADS = 256 };

static const uint32_t all_lanes = 0xFFFFFFFFu;

static __device__ __forceinline__ int32_t warp_prefix(int32_t x, int lane)
{
    for (int step = 1; step < 32; step *= 2) {
        const int32_t below = __shfl_up_sync(all_lanes, x, step);
        x += lane >= step ? below : 0;
    }
    return x;
}

/* Prefix sums of n things, 32 at a time; thing i is at line[i * step]. */
template <class Thing>
static __device__ __forceinline__ void prefix_line(const Thing *line, int step, int n, int32_t *to, int to_step,
                                                   int lane)
{
    int32_t before = 0;

    for (int first = 0; first < n; first += 32) {
        const int i = first + lane;
        const int32_t sum = before + warp_prefix(i < n ? (int32_t)line[i * step] : 0, lane);
        if (i < n)
            to[i * to_step] = sum;
        before = __shfl_sync(all_lanes, sum, 31);
    }
}

/* grid: images / warps, channels. tile_size: entries, made odd so that images fall into different banks */
static __global__ void __launch_bounds__(32 * MOST_WARPS)
    make_integrals(const struct boost_images images, size_t first, uint32_t n, const uint8_t *pixels, int tile_size)
{
    extern __shared__ int32_t tile[];
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32, n_warps = (int)blockDim.x / 32;
    const int width = images.width, height = images.height, row = width + 1, n_entries = row * (height + 1);
    const uint32_t block_first = blockIdx.x * (uint32_t)n_warps, image = block_first + (uint32_t)warp;

    if (image < n) {
        const uint8_t *pixel =
            pixels + ((size_t)image * (size_t)images.n_channels + blockIdx.y) * (size_t)width * height;
        int32_t *own = tile + warp * tile_size;
        for (int x = lane; x < row; x += 32)
            own[x] = 0;
        for (int y = lane; y <= height; y += 32)
            own[y * row] = 0;
        for (int y = 0; y < height; y++)
            prefix_line(pixel + y * width, 1, width, own + (y + 1) * row + 1, 1, lane);
        __syncwarp();
        for (int x = 1; x <= width; x++)
            prefix_line(own + row + x, row, height, own + row + x, row, lane);
    }
    __syncthreads();
    for (int i = (int)threadIdx.x; i < n_entries * n_warps; i += (int)blockDim.x) {
        const int entry = i / n_warps, at = i % n_warps;
        if (block_first + (uint32_t)at < n)
            images.integral[((size_t)blockIdx.y * n_entries + entry) * images.stride + first + block_first + at] =
                tile[at * tile_size + entry];
    }
}

cudaError_t launch_integral(const struct boost_images *images, size_t first, uint32_t n, const uint8_t *pixels,
                            cudaStream_t stream)
{
    const int tile_size = (images->width + 1) * (images->height + 1) | 1;
    const size_t tile_bytes = (size_t)tile_size * sizeof(int32_t);
    uint32_t n_warps = MOST_WARPS;

    if (n == 0)
        return cudaSuccess;
    while (n_warps > 1 && n_warps * tile_bytes > SHARED_BYTES)
        n_warps /= 2;
    const dim3 grid((n + n_warps - 1) / n_warps, (unsigned)images->n_channels);
    make_integrals<<<grid, 32 * n_warps, n_warps * tile_bytes, stream>>>(*images, first, n, pixels, tile_size);
    return cudaGetLastError();
}

/* grid: images / threads, entries and one more for the labels. Padding takes the last image's values. */
static __global__ void __launch_bounds__(GATHER_THREADS)
    gather_images(const struct boost_images from, const uint32_t *index, const struct boost_images to,
                  uint32_t n_entries)
{
    const size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x;

    if (i >= to.stride)
        return;
    const size_t at = index[i < to.n ? i : to.n - 1];
    if (blockIdx.y == n_entries)
        to.label[i] = from.label[at];
    else
        to.integral[blockIdx.y * to.stride + i] = from.integral[blockIdx.y * from.stride + at];
}

cudaError_t launch_gather(const struct boost_images *from, const uint32_t *index, const struct boost_images *to,
                          cudaStream_t stream)
{
    const uint32_t n_entries = (uint32_t)(from->n_channels * (from->width + 1) * (from->height + 1));

    if (to->n == 0)
        return cudaSuccess;
    const dim3 grid((unsigned)((to->stride + GATHER_THREADS - 1) / GATHER_THREADS), n_entries + 1);
    gather_images<<<grid, GATHER_THREADS, 0, stream>>>(*from, index, *to, n_entries);
    return cudaGetLastError();
}
