/* sketch: twin of cpu_sketch.c, for every feature of a list. A byte of an image and feature, its code, has a bit for
 * each of the feature's 8 cuts: set where the image is right of it. The sums of weights right of all cuts are then a
 * product of matrices, [features x cuts, images] x [images, columns], of which tensor cores do 16 features x 32 images
 * x 8 columns of 8-bit numbers at a time: a cut's row of zeros and 2^cut is the codes and a mask, one instruction for 4
 * images. A weight of 16 bits is two signed digits of base 256, a column each.
 *
 * Floor on an H200 for 60,000 images, 450,000 features, K = 10: 27 GB of codes, read once: 6.3 ms; 1.04 * 10^13
 * multiplications, two operations each, at the 1,200 * 10^12 operations a second that mma.sync gets of 8-bit numbers:
 * 17 ms / 2 = 8.6 ms. */
#include "compute/haar/sketch.h"
#include "kernels/haar/launch_boost.h"
#include "kernels/warp.cuh"

enum {
    ENCODE_THREADS = 256, /* a bin each */
    SUM_WARPS = 12,       /* of a block; each has 16 features, and all 8 cuts of them in its registers */
    SUM_THREADS = 32 * SUM_WARPS,
    TILE_FEATURES = 16,
    STEP_IMAGES = 64, /* two multiplications' */
    STAGE_STEPS = 2,
    MANY_STAGES = 6, /* on their way to a block at once: 166 KB, or, where a block cannot have as much, */
    FEW_STAGES = 2,
    GAIN_THREADS = 256,
    WEIGH_THREADS = 256
};

/* 128 * 128 * so many images fit a sum. */
static const uint32_t most_slice_images = 1u << 16;

/* --- codes -------------------------------------------------------------------------------------------------------- */

/* A block takes a feature: counts its bins, a lane's into banks of its own, then finds cuts and codes. */
static __global__ void __launch_bounds__(ENCODE_THREADS)
    encode(uint32_t n_images, size_t stride, const uint8_t *bins, uint8_t *codes)
{
    __shared__ uint32_t count[HAAR_BINS][32];
    __shared__ uint32_t strip_count[ENCODE_THREADS / 32];
    __shared__ uint32_t cut[SKETCH_CUTS];
    __shared__ uint8_t code[HAAR_BINS];
    const uint32_t bin = threadIdx.x, lane = threadIdx.x % 32, strip = threadIdx.x / 32;
    const uint32_t *from = (const uint32_t *)(bins + blockIdx.x * stride);
    uint32_t *to = (uint32_t *)(codes + blockIdx.x * stride);

    for (uint32_t s = 0; s < HAAR_BINS; s += ENCODE_THREADS / 32)
        count[s + strip][lane] = 0;
    __syncthreads();
    for (uint32_t i = threadIdx.x; 4 * i < n_images; i += ENCODE_THREADS) {
        const uint32_t four = from[i];
#pragma unroll
        for (uint32_t k = 0; k < 4; k++)
            if (4 * i + k < n_images)
                atomicAdd(&count[four >> 8 * k & 255][lane], 1);
    }
    __syncthreads();

    uint32_t own = 0;
    for (uint32_t k = 0; k < 32; k++)
        own += count[bin][(k + lane) % 32];
    uint32_t up_to = warp_scan(own);
    if (lane == 31)
        strip_count[strip] = up_to;
    __syncthreads();
    for (uint32_t s = 0; s < strip; s++)
        up_to += strip_count[s];
    for (int i = 0; i < SKETCH_CUTS; i++) {
        const uint32_t share = sketch_share(i);
        const bool is_lowest = bin == 0 || !sketch_is_below(share, up_to - own, n_images);
        if (is_lowest && sketch_is_below(share, up_to, n_images))
            cut[i] = bin < HAAR_BINS - 1 ? bin + 1 : HAAR_BINS - 1;
    }
    __syncthreads();
    uint32_t bits = 0;
    for (int i = 0; i < SKETCH_CUTS; i++)
        bits |= (uint32_t)(bin >= cut[i]) << i;
    code[bin] = (uint8_t)bits;
    __syncthreads();
    for (uint32_t i = threadIdx.x; 4 * i < stride; i += ENCODE_THREADS) {
        const uint32_t four = from[i];
        to[i] = (uint32_t)code[four & 255] | (uint32_t)code[four >> 8 & 255] << 8 |
                (uint32_t)code[four >> 16 & 255] << 16 | (uint32_t)code[four >> 24] << 24;
    }
}

cudaError_t launch_codes(const struct boost_search *search, uint32_t n, uint8_t *codes, cudaStream_t stream)
{
    const struct boost_images *images = &search->active.images;

    if (n > 0 && images->n > 0)
        encode<<<n, ENCODE_THREADS, 0, stream>>>(images->n, images->stride, search->bins, codes);
    return cudaGetLastError();
}

/* --- weights ------------------------------------------------------------------------------------------------------ */

/* The weight of image i in a column, of 16 bits. */
static __device__ int32_t column_weight(const struct boost_search &search, int node, int shift, int column, uint32_t i)
{
    const int n_classes = search.n_classes, l = column % n_classes;

    if (column >= search.n_columns || i >= search.active.images.n || search.active.node[i] != node)
        return 0;
    const int32_t w = sketch_weight(search.active.weight[l * search.active.images.stride + i], shift);
    if (!search.is_split)
        return w;
    return column < n_classes ? (w < 0 ? -w : 0) : w > 0 ? w : 0;
}

/* Digits in the order in which the lanes of a multiplication need them: a thread makes a word, the digits of 4 images.
 * Column c has digit columns 2c, the higher one, and 2c + 1. Of 64 images in a row a lane's 16 are read at once by
 * sum_codes: its 4 words are the two k groups of two multiplications. grid: words of a pass, passes */
static __global__ void __launch_bounds__(WEIGH_THREADS)
    make_digits(const __grid_constant__ struct boost_search search, int node, int shift, uint32_t n_words,
                uint32_t *digits, int32_t *total)
{
    const uint32_t word = blockIdx.x * WEIGH_THREADS + threadIdx.x;
    const uint32_t half = word % 2, lane = word / 2 % 32, tile = word / 64 % SKETCH_TILES;
    const uint32_t step = word / SKETCH_DIGIT_WORDS, digit_column = tile * 8 + lane / 4;
    const int column = (int)(blockIdx.y * SKETCH_PASS_COLUMNS + digit_column / 2);
    const uint32_t first = step / 2 * 64 + lane % 4 * 16 + step % 2 * 8 + half * 4;
    const bool is_higher = digit_column % 2 == 0;
    uint32_t four = 0;
    int32_t sum = 0;

    if (word >= n_words)
        return; /* whole warps: words are a multiple of 64 */
    for (uint32_t k = 0; k < 4; k++) {
        const int32_t w = column_weight(search, node, shift, column, first + k);
        const int32_t higher = (w + 128) >> 8;
        four |= ((uint32_t)(is_higher ? higher : w - higher * 256) & 255) << 8 * k;
        sum += w;
    }
    digits[(size_t)blockIdx.y * n_words + word] = four;
    sum = is_higher ? sum : 0;
    for (int step_size = 1; step_size < 8; step_size *= 2) /* the lanes of a column: half, and 4 groups of images */
        sum += __shfl_xor_sync(FULL, sum, step_size);
    if (word % 8 == 0 && sum != 0)
        atomicAdd(&total[column], sum);
}

cudaError_t launch_digits(const struct boost_search *search, int node, int shift, uint32_t *digits, int32_t *total,
                          cudaStream_t stream)
{
    const uint32_t n_words = (uint32_t)sketch_digit_words(search->active.images.stride);
    const uint32_t passes = sketch_passes(search->n_columns);
    const cudaError_t cleared = cudaMemsetAsync(total, 0, BOOST_MAX_COLUMNS * sizeof *total, stream);

    if (cleared != cudaSuccess)
        return cleared;
    make_digits<<<dim3((n_words + WEIGH_THREADS - 1) / WEIGH_THREADS, passes), WEIGH_THREADS, 0, stream>>>(
        *search, node, shift, n_words, digits, total);
    return cudaGetLastError();
}

/* --- sums --------------------------------------------------------------------------------------------------------- */

/* sum [16 features, 8 digit columns] += a [16, 32 images] of 0 or 2^cut times b [32, 8] of digits. */
static __device__ __forceinline__ void multiply(int32_t (&sum)[4], const uint32_t (&a)[4], uint2 b)
{
#if __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
        "%3};"
        : "+r"(sum[0]), "+r"(sum[1]), "+r"(sum[2]), "+r"(sum[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b.x), "r"(b.y));
#elif __CUDA_ARCH__ < 750 /* the same by hand: a lane's sums are of row lane / 4, columns 2 (lane % 4) and the next */
    const uint32_t lane = threadIdx.x % 32;
    for (uint32_t i = 0; i < 16; i++) {
        const uint32_t row = __shfl_sync(FULL, a[i / 4], lane / 4 * 4 + i % 4);
        for (uint32_t c = 0; c < 2; c++) {
            const uint32_t column = __shfl_sync(FULL, i < 8 ? b.x : b.y, (lane % 4 * 2 + c) * 4 + i % 4);
            int32_t &to = sum[i / 4 % 2 * 2 + c];
            asm("dp4a.u32.s32 %0, %1, %2, %0;" : "+r"(to) : "r"(row), "r"(column));
        }
    }
#else                     /* by quarters */
#pragma unroll
    for (int i = 0; i < 4; i++)
        asm("mma.sync.aligned.m8n8k16.row.col.s32.u8.s8.s32 {%0, %1}, {%2}, {%3}, {%0, %1};"
            : "+r"(sum[i % 2 * 2]), "+r"(sum[i % 2 * 2 + 1])
            : "r"(a[i]), "r"(i < 2 ? b.x : b.y));
#endif
}

/* 16 bytes straight into shared memory, where the GPU can. */
static __device__ __forceinline__ void fetch(void *to, const void *from)
{
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"((uint32_t)__cvta_generic_to_shared(to)), "l"(from)
                 : "memory");
#else
    *(uint4 *)to = *(const uint4 *)from;
#endif
}

static __device__ __forceinline__ void end_of_fetches(void)
{
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/* Until all but the last LATER groups of this thread are there. */
template <int LATER> static __device__ __forceinline__ void wait_for_fetches(void)
{
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(LATER) : "memory");
#endif
}

/* What a block works on next: every thread's own codes, and digits for all. */
struct sum_stage {
    uint4 codes[STAGE_STEPS][2][SUM_THREADS];
    uint32_t digits[STAGE_STEPS * 2 * SKETCH_DIGIT_WORDS];
};

struct sum_job {
    uint32_t n_features;
    size_t stride;
    uint32_t n_steps; /* of STEP_IMAGES */
    uint32_t n_slice; /* of them in a slice, a multiple of STAGE_STEPS */
    const uint8_t *codes;
    const uint32_t *digits; /* of pass 0 */
    size_t digit_words;     /* of a pass */
    int n_columns;
    int32_t *sums; /* [n_features, SKETCH_CUTS, n_columns] */
};

/* Lane 4g + c has features g and g + 8 of its warp's, and of 64 images 16c to 16c + 15. grid: features, passes over
 * columns, slices of the images. */
template <int STAGES> static __global__ void __launch_bounds__(SUM_THREADS) sum_codes(const struct sum_job job)
{
    extern __shared__ struct sum_stage stages[];
    const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const uint32_t feature = (blockIdx.x * SUM_WARPS + warp) * TILE_FEATURES + lane / 4, last = job.n_features - 1;
    const uint32_t begin = blockIdx.z * job.n_slice, left = begin < job.n_steps ? job.n_steps - begin : 0;
    const uint32_t end = begin + (left < job.n_slice ? left : job.n_slice);
    const uint32_t *digits = job.digits + blockIdx.y * job.digit_words;
    const uint8_t *row[2];
    int32_t sum[SKETCH_CUTS][SKETCH_TILES][4] = {};

    for (uint32_t r = 0; r < 2; r++)
        row[r] = job.codes + (feature + 8 * r < last ? feature + 8 * r : last) * job.stride + lane % 4 * 16;
    auto fetch_stage = [&](uint32_t at) {
        struct sum_stage *to = &stages[(at - begin) / STAGE_STEPS % STAGES];
#pragma unroll
        for (uint32_t s = 0; s < STAGE_STEPS; s++)
            for (uint32_t r = 0; r < 2 && at + s < end; r++)
                fetch(&to->codes[s][r][threadIdx.x], row[r] + (size_t)(at + s) * STEP_IMAGES);
        const uint32_t word = 4 * threadIdx.x, step = at + word / (2 * SKETCH_DIGIT_WORDS);
        if (word < STAGE_STEPS * 2 * SKETCH_DIGIT_WORDS && step < end)
            fetch(to->digits + word, digits + (size_t)at * 2 * SKETCH_DIGIT_WORDS + word);
        end_of_fetches();
    };

    for (uint32_t i = 0; i < STAGES - 1; i++)
        fetch_stage(begin + i * STAGE_STEPS);
    for (uint32_t at = begin; at < end; at += STAGE_STEPS) {
        const struct sum_stage *here = &stages[(at - begin) / STAGE_STEPS % STAGES];
        wait_for_fetches<STAGES - 2>();
        __syncthreads(); /* the digits of all threads are there, and the stage before is free */
        fetch_stage(at + (STAGES - 1) * STAGE_STEPS);
#pragma unroll
        for (uint32_t s = 0; s < STAGE_STEPS; s++) {
            if (at + s >= end)
                break;
            const uint4 code[2] = {here->codes[s][0][threadIdx.x], here->codes[s][1][threadIdx.x]};
#pragma unroll
            for (uint32_t part = 0; part < 2; part++) {
                const uint2 *b_of = (const uint2 *)(here->digits + (2 * s + part) * SKETCH_DIGIT_WORDS) + lane;
                uint2 b[SKETCH_TILES];
#pragma unroll
                for (int t = 0; t < SKETCH_TILES; t++)
                    b[t] = b_of[t * 32];
#pragma unroll
                for (int i = 0; i < SKETCH_CUTS; i++) {
                    const uint32_t mask = 0x01010101u << i;
                    const uint32_t a[4] = {(part ? code[0].z : code[0].x) & mask, (part ? code[1].z : code[1].x) & mask,
                                           (part ? code[0].w : code[0].y) & mask,
                                           (part ? code[1].w : code[1].y) & mask};
#pragma unroll
                    for (int t = 0; t < SKETCH_TILES; t++)
                        multiply(sum[i][t], a, b[t]);
                }
            }
        }
    }

    /* A lane has both digits of a column. */
#pragma unroll
    for (int r = 0; r < 2; r++) {
        const uint32_t f = feature + 8 * (uint32_t)r;
        if (f > last)
            continue;
#pragma unroll
        for (int i = 0; i < SKETCH_CUTS; i++)
#pragma unroll
            for (int t = 0; t < SKETCH_TILES; t++) {
                const int column = (int)blockIdx.y * SKETCH_PASS_COLUMNS + t * 4 + (int)lane % 4;
                const int32_t value = (sum[i][t][2 * r] >> i) * 256 + (sum[i][t][2 * r + 1] >> i);
                int32_t *to = job.sums + ((size_t)f * SKETCH_CUTS + i) * job.n_columns + column;
                if (column >= job.n_columns)
                    continue;
                if (gridDim.z > 1)
                    atomicAdd(to, value);
                else
                    *to = value;
            }
    }
}

template <int STAGES> static cudaError_t allow_stages(const struct boost_device *device)
{
    if (device->shared_block < STAGES * sizeof(struct sum_stage))
        return STAGES > FEW_STAGES ? cudaSuccess : cudaErrorInvalidConfiguration;
    return cudaFuncSetAttribute((const void *)sum_codes<STAGES>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                STAGES * sizeof(struct sum_stage));
}

cudaError_t launch_sketch_open(const struct boost_device *device)
{
    const cudaError_t error = allow_stages<FEW_STAGES>(device);

    return error == cudaSuccess ? allow_stages<MANY_STAGES>(device) : error;
}

cudaError_t launch_sketch_sums(const struct boost_search *search, const uint8_t *codes, const uint32_t *digits,
                               uint32_t n, int32_t *sums, cudaStream_t stream)
{
    const struct boost_images *images = &search->active.images;
    const uint32_t n_block = SUM_WARPS * TILE_FEATURES;
    const uint32_t passes = sketch_passes(search->n_columns);
    const uint32_t slices = images->n > 0 ? (images->n + most_slice_images - 1) / most_slice_images : 1;
    const dim3 grid((n + n_block - 1) / n_block, passes, slices);
    struct sum_job job = {};

    if (n == 0)
        return cudaSuccess;
    job.n_features = n;
    job.stride = images->stride;
    job.n_steps = (images->n + STEP_IMAGES - 1) / STEP_IMAGES;
    job.n_slice = (job.n_steps + slices * STAGE_STEPS - 1) / (slices * STAGE_STEPS) * STAGE_STEPS;
    job.codes = codes;
    job.digits = digits;
    job.digit_words = sketch_digit_words(images->stride);
    job.n_columns = search->n_columns;
    job.sums = sums;
    if (slices > 1) {
        const size_t bytes = (size_t)n * SKETCH_CUTS * (size_t)search->n_columns * sizeof *sums;
        const cudaError_t cleared = cudaMemsetAsync(sums, 0, bytes, stream);
        if (cleared != cudaSuccess)
            return cleared;
    }
    if (search->device.shared_block >= MANY_STAGES * sizeof(struct sum_stage))
        sum_codes<MANY_STAGES><<<grid, SUM_THREADS, MANY_STAGES * sizeof(struct sum_stage), stream>>>(job);
    else
        sum_codes<FEW_STAGES><<<grid, SUM_THREADS, FEW_STAGES * sizeof(struct sum_stage), stream>>>(job);
    return cudaGetLastError();
}

/* --- steps -------------------------------------------------------------------------------------------------------- */

/* 8 lanes take a feature, a cut each. */
static __global__ void __launch_bounds__(GAIN_THREADS)
    find_steps(const __grid_constant__ struct boost_search search, const int32_t *sums, const int32_t *total,
               uint32_t n, uint16_t *step)
{
    const uint32_t feature = (blockIdx.x * GAIN_THREADS + threadIdx.x) / SKETCH_CUTS, cut = threadIdx.x % SKETCH_CUTS;
    const int k = search.n_classes;
    const int32_t *right = sums + ((size_t)(feature < n ? feature : n - 1) * SKETCH_CUTS + cut) * search.n_columns;
    float before = 0.0f, after = 0.0f;
    int64_t edge = 0;

    for (int l = 0; l < k; l++)
        if (search.is_split) {
            const int32_t all[2] = {total[l], total[k + l]};
            before = __fadd_rn(before, boost_root(all[0], all[1]));
            after = boost_add_class(after, all[0], all[1], all[0] - right[l], all[1] - right[k + l]);
        } else {
            edge += boost_edge_of_class(total[l], total[l] - right[l]);
        }
    float gain = search.is_split ? __fsub_rn(before, after) : __ll2float_rn(edge);
    for (int other = 1; other < SKETCH_CUTS; other *= 2)
        gain = fmaxf(gain, __shfl_xor_sync(FULL, gain, other));
    if (cut == 0 && feature < n)
        step[feature] = sketch_step(gain);
}

cudaError_t launch_sketch_steps(const struct boost_search *search, const int32_t *sums, const int32_t *total,
                                uint32_t n, uint16_t *step, cudaStream_t stream)
{
    const uint32_t n_block = GAIN_THREADS / SKETCH_CUTS;

    if (n > 0)
        find_steps<<<(n + n_block - 1) / n_block, GAIN_THREADS, 0, stream>>>(*search, sums, total, n, step);
    return cudaGetLastError();
}
