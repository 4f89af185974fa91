/* light: twin of cpu_measure_light. A warp adds the linear light of one picture row, 32 pixels at a time: the row's
 * average is its line, the rows' sums are the frame's. Columns, where the lines of a turned film are asked for, take
 * one thread each and go down the picture, neighbours side by side. Integer sums: any order gives the same bits.
 *
 * Shapes: key u32 [n_frames, height, width] -> sum u64 [n_frames, 3], lines u8 [n_frames, n_lines, 3].
 * Floor on an H200: 4 bytes a pixel, read once (twice with columns): 480 x 270 in 0.12 us, 1920 x 1080 in 1.9 us. */
#include "kernels/launch.h"

enum { WARPS = 8 };

struct light_sum {
    unsigned long long c[3];
};

static __device__ __forceinline__ void add_pixel(struct light_sum &sum, const uint16_t *linear, uint32_t key)
{
    sum.c[0] += linear[kmeans_gather_bits(key >> 2)];
    sum.c[1] += linear[kmeans_gather_bits(key >> 1)];
    sum.c[2] += linear[kmeans_gather_bits(key)];
}

static __device__ __forceinline__ void write_line(uint8_t *line, const struct light_sum &sum, uint32_t length,
                                                  const struct light *light)
{
    for (int c = 0; c < 3; c++)
        line[c] = light_encode(light, (uint32_t)((2 * sum.c[c] + length) / (2 * (unsigned long long)length)));
}

static __device__ __forceinline__ void load_linear(uint16_t *linear, const struct light *light)
{
    for (uint32_t i = threadIdx.x; i < 256; i += blockDim.x)
        linear[i] = light->linear[i];
    __syncthreads();
}

/* grid: rows / WARPS, frames */
static __global__ void __launch_bounds__(32 * WARPS) measure_rows(const struct light_job job)
{
    __shared__ uint16_t linear[256];

    load_linear(linear, job.light);
    const uint32_t lane = threadIdx.x % 32, frame = blockIdx.y;
    for (uint32_t row = blockIdx.x * WARPS + threadIdx.x / 32; row < job.height; row += gridDim.x * WARPS) {
        const uint32_t *key = job.key + ((size_t)frame * job.height + row) * job.width;
        struct light_sum sum = {{0, 0, 0}};
#pragma unroll 4
        for (uint32_t x = lane; x < job.width; x += 32)
            add_pixel(sum, linear, key[x]);
        for (int c = 0; c < 3; c++)
            for (int step = 16; step > 0; step /= 2)
                sum.c[c] += __shfl_xor_sync(0xFFFFFFFFu, sum.c[c], step);
        if (lane < 3)
            atomicAdd(&job.sum[3 * (size_t)frame + lane], lane == 0 ? sum.c[0] : lane == 1 ? sum.c[1] : sum.c[2]);
        if (lane == 0 && job.want_lines && !job.lines_are_columns)
            write_line(job.lines + 3 * ((size_t)frame * job.height + row), sum, job.width, job.light);
    }
}

/* grid: columns / 128, frames */
static __global__ void __launch_bounds__(128) measure_columns(const struct light_job job)
{
    __shared__ uint16_t linear[256];

    load_linear(linear, job.light);
    const uint32_t x = blockIdx.x * blockDim.x + threadIdx.x, frame = blockIdx.y;
    if (x >= job.width)
        return;
    const uint32_t *key = job.key + (size_t)frame * job.height * job.width + x;
    struct light_sum sum = {{0, 0, 0}};
#pragma unroll 8
    for (uint32_t y = 0; y < job.height; y++)
        add_pixel(sum, linear, key[(size_t)y * job.width]);
    write_line(job.lines + 3 * ((size_t)frame * job.width + x), sum, job.height, job.light);
}

cudaError_t launch_light(const struct light_job *job, int n_frames, cudaStream_t stream)
{
    const cudaError_t cleared = cudaMemsetAsync(job->sum, 0, 3 * (size_t)n_frames * sizeof *job->sum, stream);

    if (cleared != cudaSuccess)
        return cleared;
    measure_rows<<<dim3((job->height + WARPS - 1) / WARPS, (uint32_t)n_frames), 32 * WARPS, 0, stream>>>(*job);
    if (job->want_lines && job->lines_are_columns)
        measure_columns<<<dim3((job->width + 127) / 128, (uint32_t)n_frames), 128, 0, stream>>>(*job);
    return cudaGetLastError();
}
