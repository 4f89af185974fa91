/* convert: twin of src/compute/cpu_convert.c. One thread makes one pixel of the picture: it walks its rectangle of the
 * frame row by row and chroma cell by chroma cell, turns each sample into R'G'B' and adds its linear light with the
 * integer weight of the area; sums are exact, so that the order does not matter. The pixel is written as its key. Where
 * frame and picture are of one size, that is the sample's R'G'B' itself, and a thread makes four, one below the other.
 *
 * Shapes: frame [height, width] at any chroma subsampling -> key u32 [to_height, to_width]; blocks of 32 x 8 threads.
 * Several frames go in one launch, since a small one does not fill the GPU.
 * Floor on an H200: the frame is read once; 1080p 4:2:0 of 8 bits = 3.1 MB: 0.7 us at 4.3 TB/s. The work bounds it
 * before that: about 25 instructions and 3 table look-ups in shared memory a luma sample: 2-3 us. Of its own size 426 x
 * 240 is some 45 instructions a pixel at half rate: 0.3 us. */
#include "image/area.h"
#include "kernels/launch.h"

enum { BLOCK_W = 32, BLOCK_H = 8, COPY_ROWS = 4 };

/* Axis of the rectangle; area.h in 32 bits: neither side is above 65535. */
struct span {
    uint32_t first, last; /* source cells */
    uint32_t from, to;    /* the result cell in units of 1 / n_to source cell */
    uint32_t n_to;
};

static __device__ __forceinline__ struct span span_of(uint32_t j, uint32_t n_from, uint32_t n_to)
{
    const uint32_t from = j * n_from, to = from + n_from;
    const struct span s = {from / n_to, (to + n_to - 1) / n_to, from, to, n_to};

    return s;
}

static __device__ __forceinline__ uint32_t span_weight(const struct span &s, uint32_t i)
{
    const uint32_t a = i * s.n_to, b = a + s.n_to;

    return min(b, s.to) - max(a, s.from);
}

template <class SAMPLE>
static __device__ __forceinline__ int32_t sample(const struct convert_job &job, int plane, uint32_t x, uint32_t y)
{
    const char *row = (const char *)job.plane[plane] + (int64_t)y * job.stride[plane];

    return (int32_t)(__ldg((const SAMPLE *)row + x) >> job.shift);
}

/* What chroma cell cx, cy adds to a luma sample's R, G and B, with what rounds them. */
template <class SAMPLE>
static __device__ __forceinline__ void chroma_at(const struct convert_job &job, uint32_t cx, uint32_t cy, int32_t round,
                                                 int32_t to[3])
{
    const struct convert_coefs &k = job.coefs;
    const bool both = job.interleaved;
    const int32_t u = sample<SAMPLE>(job, 1, both ? 2 * cx : cx, cy) - k.c_offset;
    const int32_t v = (both ? sample<SAMPLE>(job, 1, 2 * cx + 1, cy) : sample<SAMPLE>(job, 2, cx, cy)) - k.c_offset;

    to[0] = round + k.ru * u + k.rv * v;
    to[1] = round - k.gu * u - k.gv * v;
    to[2] = round + k.bu * u + k.bv * v;
}

/* Light of a sample's R', G' or B' in fixed point, and what sums of a row are. */
struct srgb_light {
    typedef uint32_t sum_t;
    enum { BITS = CONVERT_BITS };
    const uint16_t *linear;

    __device__ __forceinline__ uint32_t of(int32_t v) const
    {
        return linear[convert_clip(v)];
    }
};

struct tone_light {
    typedef uint64_t sum_t;
    enum { BITS = CONVERT_CODE_BITS };
    const struct tone *tone;

    __device__ __forceinline__ uint32_t of(int32_t v) const
    {
        return __ldg(&tone->light[convert_code(v)]);
    }
};

template <class SUM> struct rgb {
    SUM r, g, b;
};

/* Adds the light of source row y, weighted along the row. */
template <class SAMPLE, int KIND, class LIGHT>
static __device__ __forceinline__ struct rgb<typename LIGHT::sum_t>
row_light(const struct convert_job &job, const struct span &columns, uint32_t y, const LIGHT &light) {
    typedef typename LIGHT::sum_t sum_t;
    const struct convert_coefs &k = job.coefs;
    const int32_t round = (1 << (LIGHT::BITS - 1)) - k.y * k.y_offset;
    struct rgb<sum_t> sum = {
        0, 0, 0
    };

    if constexpr (KIND == CONVERT_CHROMA) {
        const uint32_t cy = y >> job.chroma_h_log2;
        for (uint32_t x = columns.first; x < columns.last;) {
            const uint32_t cx = x >> job.chroma_w_log2;
            const uint32_t end = min((cx + 1) << job.chroma_w_log2, columns.last);
            int32_t to[3];
            chroma_at<SAMPLE>(job, cx, cy, round, to);
            for (; x < end; x++) {
                const int32_t l = k.y * sample<SAMPLE>(job, 0, x, y);
                const sum_t weight = span_weight(columns, x);
                sum.r += weight * light.of(l + to[0]);
                sum.g += weight * light.of(l + to[1]);
                sum.b += weight * light.of(l + to[2]);
            }
        }
    } else {
        for (uint32_t x = columns.first; x < columns.last; x++) {
            const sum_t weight = span_weight(columns, x);
            sum.g += weight * light.of(k.y * sample<SAMPLE>(job, 0, x, y) + round);
            if constexpr (KIND == CONVERT_RGB) {
                sum.b += weight * light.of(k.y * sample<SAMPLE>(job, 1, x, y) + round);
                sum.r += weight * light.of(k.y * sample<SAMPLE>(job, 2, x, y) + round);
            }
        }
        if constexpr (KIND == CONVERT_GREY)
            sum.r = sum.b = sum.g;
    }
    return sum;
}

/* The light of a pixel of the picture: column j, row i. */
template <class SAMPLE, int KIND, class LIGHT>
static __device__ __forceinline__ struct rgb<uint64_t> pixel_light(const struct convert_job &job, uint32_t j,
                                                                   uint32_t i, const LIGHT &light) {
    const struct span columns = span_of(j, job.width, job.to_width), rows = span_of(i, job.height, job.to_height);
    struct rgb<uint64_t> sum = {
        0, 0, 0
    };

    for (uint32_t y = rows.first; y < rows.last; y++) {
        const struct rgb<typename LIGHT::sum_t> row = row_light<SAMPLE, KIND>(job, columns, y, light);
        const uint64_t weight = span_weight(rows, y);
        sum.r += weight * row.r;
        sum.g += weight * row.g;
        sum.b += weight * row.b;
    }
    return sum;
}

struct convert_jobs {
    struct convert_job job[CONVERT_MAX_JOBS];
};

/* grid: columns / BLOCK_W, rows / BLOCK_H, jobs */
template <class SAMPLE, int KIND>
static __global__ void __launch_bounds__(BLOCK_W *BLOCK_H)
    convert_frames(const __grid_constant__ struct convert_jobs jobs, const struct transfer *__restrict__ transfer)
{
    __shared__ uint16_t linear[256];

    const struct convert_job &job = jobs.job[blockIdx.z];
    linear[threadIdx.y * BLOCK_W + threadIdx.x] = transfer->linear[threadIdx.y * BLOCK_W + threadIdx.x];
    __syncthreads();
    const uint32_t j = blockIdx.x * BLOCK_W + threadIdx.x, i = blockIdx.y * BLOCK_H + threadIdx.y;
    if (j >= job.to_width || i >= job.to_height)
        return;

    const struct rgb<uint64_t> sum = pixel_light<SAMPLE, KIND>(job, j, i, srgb_light{linear});
    const uint64_t total = (uint64_t)job.width * job.height;
    uint32_t *key = &job.key[(size_t)i * job.to_width + j];
    *key = kmeans_morton(transfer_encode(transfer, convert_quotient(sum.r, total, job.inverse)),
                         transfer_encode(transfer, convert_quotient(sum.g, total, job.inverse)),
                         transfer_encode(transfer, convert_quotient(sum.b, total, job.inverse)));
}

/* Of films of more light or colour than sRGB. Floor: the frame is read once; besides some 60 instructions in 64 bits a
 * pixel of the picture. grid: as above */
template <class SAMPLE, int KIND>
static __global__ void __launch_bounds__(BLOCK_W *BLOCK_H) tone_frames(const __grid_constant__ struct convert_jobs jobs)
{
    const struct convert_job &job = jobs.job[blockIdx.z];
    const uint32_t j = blockIdx.x * BLOCK_W + threadIdx.x, i = blockIdx.y * BLOCK_H + threadIdx.y;

    if (j >= job.to_width || i >= job.to_height)
        return;
    const struct rgb<uint64_t> sum = pixel_light<SAMPLE, KIND>(job, j, i, tone_light{job.tone});
    const uint64_t total = (uint64_t)job.width * job.height;
    const uint32_t light[3] = {convert_light_quotient(sum.r, total), convert_light_quotient(sum.g, total),
                               convert_light_quotient(sum.b, total)};
    uint8_t rgb[3];
    tone_map(job.tone, light, rgb);
    job.key[(size_t)i * job.to_width + j] = kmeans_morton(rgb[0], rgb[1], rgb[2]);
}

/* Of pictures of their frames' size: light would come back as the bytes it was. grid: columns / BLOCK_W, rows /
 * (BLOCK_H * COPY_ROWS), jobs */
template <class SAMPLE, int KIND>
static __global__ void __launch_bounds__(BLOCK_W *BLOCK_H) copy_frames(const __grid_constant__ struct convert_jobs jobs)
{
    const struct convert_job &job = jobs.job[blockIdx.z];
    const struct convert_coefs &k = job.coefs;
    const int32_t round = (1 << (CONVERT_BITS - 1)) - k.y * k.y_offset;
    const uint32_t x = blockIdx.x * BLOCK_W + threadIdx.x;
    const uint32_t first = (blockIdx.y * BLOCK_H + threadIdx.y) * COPY_ROWS;
    int32_t green[COPY_ROWS], blue[COPY_ROWS], red[COPY_ROWS];

    if (x >= job.width)
        return;
#pragma unroll
    for (uint32_t h = 0; h < COPY_ROWS; h++) { /* rows past the last do as the last does */
        const uint32_t y = min(first + h, job.height - 1);
        green[h] = blue[h] = red[h] = k.y * sample<SAMPLE>(job, 0, x, y) + round;
        if constexpr (KIND == CONVERT_RGB) {
            blue[h] = k.y * sample<SAMPLE>(job, 1, x, y) + round;
            red[h] = k.y * sample<SAMPLE>(job, 2, x, y) + round;
        } else if constexpr (KIND == CONVERT_CHROMA) {
            int32_t to[3];
            chroma_at<SAMPLE>(job, x >> job.chroma_w_log2, y >> job.chroma_h_log2, 0, to);
            red[h] += to[0];
            green[h] += to[1];
            blue[h] += to[2];
        }
    }
#pragma unroll
    for (uint32_t h = 0; h < COPY_ROWS; h++)
        if (first + h < job.height)
            job.key[(size_t)(first + h) * job.width + x] =
                kmeans_morton(convert_clip(red[h]), convert_clip(green[h]), convert_clip(blue[h]));
}

static __global__ void __launch_bounds__(256)
    unpack_pixels(const uint32_t *__restrict__ key, uint32_t n_pixels, uint8_t *__restrict__ rgb)
{
    for (size_t i = blockIdx.x * blockDim.x + threadIdx.x; i < n_pixels; i += (size_t)gridDim.x * blockDim.x) {
        const uint32_t colour = kmeans_colour_of_morton(key[i]);
        rgb[3 * i] = (uint8_t)colour;
        rgb[3 * i + 1] = (uint8_t)(colour >> 8);
        rgb[3 * i + 2] = (uint8_t)(colour >> 16);
    }
}

static __global__ void __launch_bounds__(256)
    pack_pixels(const uint8_t *__restrict__ rgb, uint32_t n_pixels, uint32_t *__restrict__ key)
{
    for (size_t i = blockIdx.x * blockDim.x + threadIdx.x; i < n_pixels; i += (size_t)gridDim.x * blockDim.x)
        key[i] = kmeans_morton(rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]);
}

/* Floor on an H200: a key is read and one written, 8 bytes: 0.24 us for 480 x 270; some 60 instructions each, three
 * roots by a table in the caches. */
static __global__ void __launch_bounds__(256)
    keys_in_space(const uint32_t *__restrict__ key, size_t n, const struct space *__restrict__ space,
                  uint32_t *__restrict__ in_space)
{
    for (size_t i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (size_t)gridDim.x * blockDim.x) {
        const uint32_t colour = kmeans_colour_of_morton(key[i]);
        const uint8_t rgb[3] = {(uint8_t)colour, (uint8_t)(colour >> 8), (uint8_t)(colour >> 16)};
        uint8_t to[3];
        space_encode(space, rgb, to);
        in_space[i] = kmeans_morton(to[0], to[1], to[2]);
    }
}

template <class SAMPLE, int KIND>
static void convert_kind(const struct convert_jobs *jobs, int n, const struct transfer *transfer, cudaStream_t stream)
{
    const struct convert_job *job = &jobs->job[0];
    const bool is_copy = !job->tone && job->width == job->to_width && job->height == job->to_height;
    const uint32_t block_rows = is_copy ? BLOCK_H * COPY_ROWS : BLOCK_H;
    const dim3 block(BLOCK_W, BLOCK_H);
    const dim3 grid((job->to_width + BLOCK_W - 1) / BLOCK_W, (job->to_height + block_rows - 1) / block_rows,
                    (uint32_t)n);

    if (job->tone)
        tone_frames<SAMPLE, KIND><<<grid, block, 0, stream>>>(*jobs);
    else if (is_copy)
        copy_frames<SAMPLE, KIND><<<grid, block, 0, stream>>>(*jobs);
    else
        convert_frames<SAMPLE, KIND><<<grid, block, 0, stream>>>(*jobs, transfer);
}

template <class SAMPLE>
static void convert_samples(const struct convert_jobs *jobs, int n, const struct transfer *transfer,
                            cudaStream_t stream)
{
    if (jobs->job[0].kind == CONVERT_GREY)
        convert_kind<SAMPLE, CONVERT_GREY>(jobs, n, transfer, stream);
    else if (jobs->job[0].kind == CONVERT_RGB)
        convert_kind<SAMPLE, CONVERT_RGB>(jobs, n, transfer, stream);
    else
        convert_kind<SAMPLE, CONVERT_CHROMA>(jobs, n, transfer, stream);
}

cudaError_t launch_convert(const struct convert_job *jobs, int n, const struct transfer *transfer, cudaStream_t stream)
{
    struct convert_jobs all;

    for (int i = 0; i < CONVERT_MAX_JOBS; i++)
        all.job[i] = jobs[i < n ? i : 0];
    if (all.job[0].wide)
        convert_samples<uint16_t>(&all, n, transfer, stream);
    else
        convert_samples<uint8_t>(&all, n, transfer, stream);
    return cudaGetLastError();
}

cudaError_t launch_pixels(const uint32_t *key, uint32_t n_pixels, uint8_t *rgb, cudaStream_t stream)
{
    const uint32_t blocks = (n_pixels + 255) / 256, most = 4096;

    unpack_pixels<<<(blocks < most ? blocks : most), 256, 0, stream>>>(key, n_pixels, rgb);
    return cudaGetLastError();
}

cudaError_t launch_keys(const uint8_t *rgb, uint32_t n_pixels, uint32_t *key, cudaStream_t stream)
{
    const uint32_t blocks = (n_pixels + 255) / 256, most = 4096;

    pack_pixels<<<(blocks < most ? blocks : most), 256, 0, stream>>>(rgb, n_pixels, key);
    return cudaGetLastError();
}

cudaError_t launch_space(const uint32_t *key, size_t n, const struct space *space, uint32_t *in_space,
                         cudaStream_t stream)
{
    const size_t blocks = (n + 255) / 256, most = 4096;

    keys_in_space<<<(uint32_t)(blocks < most ? blocks : most), 256, 0, stream>>>(key, n, space, in_space);
    return cudaGetLastError();
}
