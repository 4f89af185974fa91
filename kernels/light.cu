/* light: twin of cpu_measure_light. A frame's sum is taken over its colours, each times its number of pixels, so that
 * it follows the levels. Lines, where they are asked for, come from the pixels: a warp adds up a row, 32 at a time;
 * columns, of a turned film, take one thread each and go down the picture, neighbours side by side. Integer sums: any
 * order gives the same bits. A line's sum fits 32 bits, as no side is above 65535.
 *
 * Shapes: colour, area u32 [n_frames, colours] -> sum u64 [n_frames, 3]; key u32 [n_frames, height, width] -> lines
 * u8 [n_frames, n_lines, 3]. Floor on an H200: 8 bytes a colour, 0.1 us for 50,000; lines 4 bytes a pixel: 480 x 270 in
 * 0.12 us. */
#include "kernels/launch.h"
#include "kernels/warp.cuh"

enum { WARPS = 8, SUM_BLOCKS = 4 };

struct light_sum {
    uint32_t c[3];
};

static __device__ __forceinline__ void add_pixel(struct light_sum &sum, const uint16_t *linear, uint32_t key)
{
    sum.c[0] += linear[kmeans_gather_bits(key >> 2)];
    sum.c[1] += linear[kmeans_gather_bits(key >> 1)];
    sum.c[2] += linear[kmeans_gather_bits(key)];
}

static __device__ __forceinline__ void write_line(uint8_t *line, const struct light_sum &sum, uint32_t length,
                                                  const struct transfer *transfer)
{
    for (int c = 0; c < 3; c++)
        line[c] = transfer_encode(
            transfer, (uint32_t)((2 * (unsigned long long)sum.c[c] + length) / (2 * (unsigned long long)length)));
}

static __device__ __forceinline__ void load_linear(uint16_t *linear, const struct transfer *transfer)
{
    for (uint32_t i = threadIdx.x; i < 256; i += blockDim.x)
        linear[i] = transfer->linear[i];
    __syncthreads();
}

/* grid: SUM_BLOCKS, frames */
static __global__ void __launch_bounds__(32 * WARPS) measure_colours(const struct light_job job)
{
    __shared__ uint16_t linear[256];

    load_linear(linear, job.transfer);
    const uint32_t frame = blockIdx.y, n = job.levels.info[frame].n[LEVEL_EXACT];
    const size_t room = (size_t)frame * job.levels.exact_room;
    unsigned long long sum[3] = {0, 0, 0};
#pragma unroll 4
    for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        const uint32_t colour = job.levels.colour[room + i];
        const unsigned long long area = job.levels.area[room + i];
        for (int c = 0; c < 3; c++)
            sum[c] += area * linear[colour >> 8 * c & 255];
    }
    for (int c = 0; c < 3; c++) {
        sum[c] = warp_sum(sum[c]);
        if (lane_of() == 0)
            atomicAdd(&job.sum[3 * (size_t)frame + c], sum[c]);
    }
}

/* grid: rows / WARPS, frames */
static __global__ void __launch_bounds__(32 * WARPS) measure_rows(const struct light_job job)
{
    __shared__ uint16_t linear[256];

    load_linear(linear, job.transfer);
    const uint32_t lane = lane_of(), frame = blockIdx.y, row = blockIdx.x * WARPS + threadIdx.x / 32;
    if (row >= job.height)
        return;
    const uint32_t *key = job.levels.cells.key + ((size_t)frame * job.height + row) * job.width;
    struct light_sum sum = {{0, 0, 0}};
#pragma unroll 4
    for (uint32_t x = lane; x < job.width; x += 32)
        add_pixel(sum, linear, key[x]);
    for (int c = 0; c < 3; c++)
        sum.c[c] = warp_sum(sum.c[c]);
    if (lane == 0)
        write_line(job.lines + 3 * ((size_t)frame * job.height + row), sum, job.width, job.transfer);
}

/* grid: columns / 128, frames */
static __global__ void __launch_bounds__(128) measure_columns(const struct light_job job)
{
    __shared__ uint16_t linear[256];

    load_linear(linear, job.transfer);
    const uint32_t x = blockIdx.x * blockDim.x + threadIdx.x, frame = blockIdx.y;
    if (x >= job.width)
        return;
    const uint32_t *key = job.levels.cells.key + (size_t)frame * job.height * job.width + x;
    struct light_sum sum = {{0, 0, 0}};
#pragma unroll 8
    for (uint32_t y = 0; y < job.height; y++)
        add_pixel(sum, linear, key[(size_t)y * job.width]);
    write_line(job.lines + 3 * ((size_t)frame * job.width + x), sum, job.height, job.transfer);
}

cudaError_t launch_light(const struct light_job *job, int n_frames, cudaStream_t stream)
{
    const uint32_t frames = (uint32_t)n_frames;
    const cudaError_t cleared = cudaMemsetAsync(job->sum, 0, 3 * (size_t)n_frames * sizeof *job->sum, stream);

    if (cleared != cudaSuccess)
        return cleared;
    measure_colours<<<dim3(SUM_BLOCKS, frames), 32 * WARPS, 0, stream>>>(*job);
    if (job->want_lines && job->lines_are_columns)
        measure_columns<<<dim3((job->width + 127) / 128, frames), 128, 0, stream>>>(*job);
    else if (job->want_lines)
        measure_rows<<<dim3((job->height + WARPS - 1) / WARPS, frames), 32 * WARPS, 0, stream>>>(*job);
    return cudaGetLastError();
}
