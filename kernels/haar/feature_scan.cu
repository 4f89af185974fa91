/* feature_scan: the kernels of scan_cuda; the definition is src/compute/haar/cpu_scan.c.
 *
 * A block takes a group of 32 or 64 images. Its warps build their integral images by prefix scans along rows, then
 * columns, in a table that lies entry-major: entry e of all images, then entry e + 1. Then a lane is an image (or two
 * neighbours) and a warp walks features: which corners it reads, and whether the row above is still the one of the step
 * before, is the same for all lanes, so that nothing diverges and shared memory is read without conflicts. Border
 * entries are zeros in the table and cost no branch.
 *
 * An integer test shows whether any of the warp's images may pass (see scan_rules.h); that is rare, and only then is
 * each judged. Records go to one buffer of the whole grid, through a short queue of each warp, so that an atomic
 * reserves room for many. Where the buffer is full they are counted but not written, so that the caller knows how much
 * room it takes. */
#include "compute/haar/scan_rules.h"
#include "kernels/haar/launch_scan.h"

/* What sorting of integers does not need is most of what the header costs the compiler. */
#define NVTX_DISABLE
#define CCCL_DISABLE_FP16_SUPPORT
#define CCCL_DISABLE_BF16_SUPPORT
#define CCCL_DISABLE_FP8_SUPPORT
#include <cub/device/device_radix_sort.cuh>

#if !defined __CUDA_ARCH__ || __CUDA_ARCH__ >= 700
#define WORK_ARGUMENT const __grid_constant__ struct scan_work
#else
#define WORK_ARGUMENT const struct scan_work
#endif

namespace
{

enum {
    LANES = 32,
    PART_FEATURES = 256, /* that a warp walks at a time */
    RECORD_IMAGE_BIT = 41,
    RECORD_VALUE_BITS = 18
};

const int32_t fresh_bit = INT32_MIN;

__device__ inline struct haar_feature read_feature(const struct haar_feature *feature, uint32_t i)
{
    const uint2 raw = reinterpret_cast<const uint2 *>(feature)[i];
    struct haar_feature f;

    memcpy(&f, &raw, sizeof f);
    return f;
}

/* --- steps -------------------------------------------------------------------------------------------------------- */

__device__ bool has_same_top(struct haar_feature f, struct haar_feature g)
{
    return f.type == g.type && f.x == g.x && f.y == g.y && f.w == g.w &&
           (f.type == HAAR_EDGE_H || f.type == HAAR_LINE_H || (f.a == g.a && (f.type != HAAR_LINE_V || f.b == g.b)));
}

__global__ void make_steps(struct scan_work work, uint32_t n)
{
    const uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
    const int32_t column = work.layout.per_lane * LANES * (int32_t)sizeof(int32_t), row = (work.width + 1) * column;

    if (i >= n)
        return;
    const struct haar_feature f = read_feature(work.feature, i);
    const struct scan_test t = scan_test_of(work.rule, work.threshold, f);
    const bool is_line = f.type == HAAR_LINE_H || f.type == HAAR_LINE_V;
    struct scan_step s = {};

    s.base = f.y * row + f.x * column;
    if (i == 0 || !has_same_top(f, read_feature(work.feature, i - 1)))
        s.base |= fresh_bit;
    if (f.type == HAAR_QUAD) {
        s.p = f.a * column;
        s.q = f.w * column;
        s.r = f.b * row;
        s.s = f.h * row;
    } else {
        const bool is_v = f.type == HAAR_EDGE_V || f.type == HAAR_LINE_V;
        const int32_t along = is_v ? column : row, end = (is_v ? f.w : f.h) * along;
        s.p = is_v ? f.h * row : f.w * column;
        s.q = (f.type == HAAR_EDGE_H ? f.b : f.a) * along;
        s.r = is_line ? f.b * along : end;
        s.s = is_line ? end : 0;
    }
    s.factor_first = is_line ? t.n_black : t.n_white + t.n_black;
    s.factor_second = is_line ? t.n_white + t.n_black : t.n_white;
    s.limit = t.least - 1;
    work.step[i] = s;
}

/* --- integral images ---------------------------------------------------------------------------------------------- */

/* Four pixels of a row that still has n, the first one lowest; none for n < 1. */
__device__ inline uint32_t read_pixels(const uint8_t *at, int n, bool is_aligned)
{
    uint32_t four = 0;

    if (is_aligned)
        return *reinterpret_cast<const uint32_t *>(at);
    for (int k = 0; k < 4 && k < n; k++)
        four |= (uint32_t)at[k] << 8 * k;
    return four;
}

/* The table of a group of n images; images that it lacks are empty. A lane is an image: a warp sums up a row of all of
 * them, and once all rows are there a column, without conflicts. */
__device__ void fill_table(const struct scan_work &work, int64_t first, int n, int32_t *table)
{
    const int per_lane = work.layout.per_lane, stride = per_lane * LANES, width = work.width, height = work.height;
    const int lane = (int)threadIdx.x % LANES, warp = (int)threadIdx.x / LANES, n_warps = (int)blockDim.x / LANES;
    const int row = (width + 1) * stride, image_bytes = width * height;
    const bool is_aligned = width % 4 == 0; /* then images are, too */

    for (int i = (int)threadIdx.x; i < row; i += (int)blockDim.x)
        table[i] = 0;
    for (int i = (int)threadIdx.x; i < height * stride; i += (int)blockDim.x)
        table[(i / stride + 1) * row + i % stride] = 0;
    for (int i = warp; i < height * per_lane; i += n_warps) {
        const int y = i / per_lane, image = i % per_lane * LANES + lane;
        const uint8_t *pixels = work.pixels + (first + (image < n ? image : 0)) * image_bytes + y * width;
        int32_t *to = table + (y + 1) * row + stride + image, sum = 0;
#pragma unroll 4
        for (int x = 0; x < width; x += 4) {
            const uint32_t four = image < n ? read_pixels(pixels + x, width - x, is_aligned) : 0;
            for (int k = 0; k < 4 && x + k < width; k++, to += stride)
                *to = sum += (int32_t)(four >> 8 * k & 255);
        }
    }
    __syncthreads();
    for (int i = warp; i < width * per_lane; i += n_warps) {
        int32_t *to = table + row + (i / per_lane + 1) * stride + i % per_lane * LANES + lane, sum = 0;
#pragma unroll 4
        for (int y = 0; y < height; y++, to += row)
            *to = sum += *to;
    }
    __syncthreads();
}

/* --- features ----------------------------------------------------------------------------------------------------- */

/* A number of each of the lane's images. */
template <int N> struct alignas(4 * N) lane {
    int32_t v[N];
};

template <int N> __device__ inline lane<N> operator-(const lane<N> &a, const lane<N> &b)
{
    lane<N> c;
    for (int j = 0; j < N; j++)
        c.v[j] = a.v[j] - b.v[j];
    return c;
}

template <int N> __device__ inline lane<N> operator+(const lane<N> &a, const lane<N> &b)
{
    lane<N> c;
    for (int j = 0; j < N; j++)
        c.v[j] = a.v[j] + b.v[j];
    return c;
}

template <int N> __device__ inline lane<N> read(const char *at)
{
    return *reinterpret_cast<const lane<N> *>(at);
}

/* The images of a lane. */
struct lane_images {
    int64_t first; /* counted from the batch's first */
    int n;         /* 0..N */
};

/* The two sums that the type's test compares: EDGE, QUAD: white, all; LINE: all, black. Each is what lies between two
 * cuts through the rectangle, top is the part of it that comes from the row above. */
template <int TYPE, int N>
__device__ inline void sums_of(const struct scan_step &s, const char *at, bool is_fresh, lane<N> top[2], lane<N> *first,
                               lane<N> *second)
{
    if (TYPE == HAAR_EDGE_H) {
        if (is_fresh)
            top[0] = read<N>(at + s.p) - read<N>(at);
        *first = read<N>(at + s.q + s.p) - read<N>(at + s.q) - top[0];
        *second = read<N>(at + s.r + s.p) - read<N>(at + s.r) - top[0];
    } else if (TYPE == HAAR_LINE_H) {
        if (is_fresh)
            top[0] = read<N>(at + s.p) - read<N>(at);
        *first = read<N>(at + s.s + s.p) - read<N>(at + s.s) - top[0];
        *second = read<N>(at + s.r + s.p) - read<N>(at + s.r) - (read<N>(at + s.q + s.p) - read<N>(at + s.q));
    } else if (TYPE == HAAR_EDGE_V) {
        if (is_fresh) {
            top[0] = read<N>(at + s.q) - read<N>(at);
            top[1] = read<N>(at + s.r) - read<N>(at);
        }
        const lane<N> left = read<N>(at + s.p);
        *first = read<N>(at + s.p + s.q) - left - top[0];
        *second = read<N>(at + s.p + s.r) - left - top[1];
    } else if (TYPE == HAAR_LINE_V) {
        if (is_fresh) {
            top[0] = read<N>(at + s.s) - read<N>(at);
            top[1] = read<N>(at + s.r) - read<N>(at + s.q);
        }
        *first = read<N>(at + s.p + s.s) - read<N>(at + s.p) - top[0];
        *second = read<N>(at + s.p + s.r) - read<N>(at + s.p + s.q) - top[1];
    } else {
        if (is_fresh) {
            const lane<N> middle = read<N>(at + s.p);
            top[0] = middle - read<N>(at);
            top[1] = read<N>(at + s.q) - middle;
        }
        const lane<N> middle = read<N>(at + s.r + s.p), end = read<N>(at + s.s + s.p);
        const lane<N> left = end - read<N>(at + s.s), right = read<N>(at + s.s + s.q) - end;
        *first = middle - read<N>(at + s.r) - top[0] + (right - (read<N>(at + s.r + s.q) - middle));
        *second = left + right - (top[0] + top[1]);
    }
}

template <int N> struct threads {
    enum { IN_BLOCK = N == 2 ? 1024 : 512, WARPS = IN_BLOCK / LANES }; /* of two images a lane: fills an SM */
};

/* The queues of a block's warps, in shared memory: what one feature can give, in all lanes, always fits an empty one.
 */
template <int N> struct queues {
    enum { ROOM = LANES * N };
    uint64_t record[threads<N>::WARPS][ROOM];
    uint32_t n[threads<N>::WARPS];
    uint32_t next_part; /* of the block's work */
};

template <int N> __device__ inline queues<N> &queues_of(const struct scan_work &work)
{
    extern __shared__ int4 shared[];

    return *reinterpret_cast<queues<N> *>(reinterpret_cast<char *>(shared) + work.layout.queue_at);
}

/* Moves the n records of the warp's queue to the grid's buffer. */
template <int N> __device__ void flush(const struct scan_work &work, uint32_t n)
{
    const uint32_t at = threadIdx.x % LANES;
    const uint64_t *from = queues_of<N>(work).record[threadIdx.x / LANES];
    unsigned long long place = at == 0 ? atomicAdd(work.n_found, (unsigned long long)n) : 0;

    place = __shfl_sync(0xffffffff, place, 0);
    for (uint32_t i = at; i < n; i += LANES)
        if (place + i < work.room)
            work.record[place + i] = from[i];
    __syncwarp();
}

template <int N> __device__ inline void append(const struct scan_work &work, const uint64_t record[N], uint32_t is_kept)
{
    const uint32_t at = threadIdx.x % LANES, lower = (1u << at) - 1;
    uint64_t *to = queues_of<N>(work).record[threadIdx.x / LANES];
    uint32_t n = 0, mine = 0, n_before = queues_of<N>(work).n[threadIdx.x / LANES];

    for (int j = 0; j < N; j++) {
        const uint32_t kept = __ballot_sync(0xffffffff, is_kept >> j & 1);
        mine += (uint32_t)__popc(kept & lower);
        n += (uint32_t)__popc(kept);
    }
    if (n == 0)
        return;
    if (n_before + n > queues<N>::ROOM) {
        flush<N>(work, n_before);
        n_before = 0;
    }
    for (int j = 0; j < N; j++)
        if (is_kept >> j & 1)
            to[n_before + mine++] = record[j];
    if (at == 0)
        queues_of<N>(work).n[threadIdx.x / LANES] = n_before + n;
    __syncwarp();
}

/* Feature i on the warp's images, at least one of which may pass: bit j is set where the lane's image j does. All lanes
 * come here together. Not inlined: it is rare, and the walk needs the registers. */
template <int N>
__device__ __noinline__ uint32_t judge(const struct scan_work &work, uint32_t i, lane<N> first, lane<N> second,
                                       struct lane_images images)
{
    const struct haar_feature f = read_feature(work.feature, i);
    const struct scan_test t = scan_test_of(work.rule, work.threshold, f);
    const bool is_line = f.type == HAAR_LINE_H || f.type == HAAR_LINE_V;
    uint64_t record[N];
    uint32_t is_kept = 0;

    for (int j = 0; j < N; j++) {
        const int32_t white = is_line ? first.v[j] - second.v[j] : first.v[j];
        const int32_t black = is_line ? second.v[j] : second.v[j] - first.v[j];
        if (j < images.n && scan_keeps(work.rule, &t, white, black))
            is_kept |= 1u << j;
        record[j] = scan_record(work.first_image + images.first + j, f, white - black);
    }
    if (work.record)
        append<N>(work, record, is_kept);
    return is_kept;
}

/* n_kept[j]: features of the type that passed on the lane's image j. */
template <int N>
__device__ void add_counts(const struct scan_work &work, int type, struct lane_images images, const uint32_t n_kept[N])
{
    uint32_t n[2] = {0, 0};

    for (int j = 0; j < N; j++)
        if (j < images.n)
            n[!work.labels || work.labels[images.first + j] != 0] += n_kept[j];
    for (int group = 0; group < 2; group++) {
        for (int d = LANES / 2; d > 0; d /= 2)
            n[group] += __shfl_xor_sync(0xffffffff, n[group], d);
        if (threadIdx.x % LANES == 0 && n[group] > 0)
            atomicAdd(&work.count[group * SCAN_TYPES + type], (unsigned long long)n[group]);
    }
}

__device__ inline struct scan_step read_step(const struct scan_step *step)
{
    const int4 a = reinterpret_cast<const int4 *>(step)[0], b = reinterpret_cast<const int4 *>(step)[1];

    return {a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w};
}

/* Features [begin, end) of a type, at least one. */
template <int TYPE, int N>
__device__ void walk_type(const struct scan_work &work, const char *table, uint32_t begin, uint32_t end,
                          struct lane_images images)
{
    struct scan_step next = read_step(&work.step[begin]);
    lane<N> top[2];
    uint32_t n_kept[N] = {};

    next.base |= fresh_bit;
    for (uint32_t i = begin; i < end; i++) {
        const struct scan_step s = next;
        lane<N> first, second;
        bool may_pass = false;

        next = read_step(&work.step[i + 1]);
        sums_of<TYPE, N>(s, table + (s.base & ~fresh_bit), (s.base & fresh_bit) != 0, top, &first, &second);
        for (int j = 0; j < N; j++) {
            /* |value| > limit in one comparison; unsigned, since products of QUAD wrap */
            const uint32_t shifted = (uint32_t)first.v[j] * (uint32_t)s.factor_first -
                                     (uint32_t)second.v[j] * (uint32_t)s.factor_second + (uint32_t)s.limit;
            may_pass |= shifted > 2 * (uint32_t)s.limit;
        }
        if (__any_sync(0xffffffff, may_pass)) {
            const uint32_t is_kept = judge<N>(work, i, first, second, images);
            for (int j = 0; j < N; j++)
                n_kept[j] += is_kept >> j & 1;
        }
    }
    add_counts<N>(work, TYPE, images, n_kept);
}

#define WALK(TYPE)                                                                                                     \
    case TYPE:                                                                                                         \
        walk_type<TYPE, N>(work, table, begin, end, images);                                                           \
        break

/* The slice's features, part after part: a warp takes the next one when it is done with its own, since some take far
 * longer than others. */
template <int N>
__device__ void walk_slice(const struct scan_work &work, const char *table, int slice, struct lane_images images)
{
    for (;;) {
        uint32_t part = threadIdx.x % LANES == 0 ? atomicAdd(&queues_of<N>(work).next_part, 1) : 0, begin = 0, end = 0;
        int type = 0;

        part = __shfl_sync(0xffffffff, part, 0);
        for (; type < SCAN_TYPES; type++) {
            const uint64_t n = work.type_first[type + 1] - work.type_first[type];
            begin = work.type_first[type] + (uint32_t)(n * slice / work.n_slices);
            end = work.type_first[type] + (uint32_t)(n * (slice + 1) / work.n_slices);
            const uint32_t n_parts = (end - begin + PART_FEATURES - 1) / PART_FEATURES;
            if (part < n_parts)
                break;
            part -= n_parts;
        }
        begin += part * PART_FEATURES;
        end = end - begin < PART_FEATURES ? end : begin + PART_FEATURES;
        switch (type) {
            WALK(HAAR_EDGE_H);
            WALK(HAAR_EDGE_V);
            WALK(HAAR_LINE_H);
            WALK(HAAR_LINE_V);
            WALK(HAAR_QUAD);
        default:
            return;
        }
    }
}

template <int N, bool IS_SHARED> __global__ void __launch_bounds__(threads<N>::IN_BLOCK) scan_groups(WORK_ARGUMENT work)
{
    extern __shared__ int4 shared[];
    int32_t *table = IS_SHARED ? reinterpret_cast<int32_t *>(shared)
                               : work.table + (size_t)blockIdx.x * (work.layout.table_bytes / sizeof(int32_t));
    const int64_t group_images = LANES * N, n_items = (work.n_images + group_images - 1) / group_images * work.n_slices;
    const int at = (int)threadIdx.x % LANES * N;

    if (threadIdx.x % LANES == 0)
        queues_of<N>(work).n[threadIdx.x / LANES] = 0;
    for (int64_t item = blockIdx.x; item < n_items; item += gridDim.x) {
        const int64_t first = item / work.n_slices * group_images, left = work.n_images - first;
        const int n = left < group_images ? (int)left : (int)group_images, slice = (int)(item % work.n_slices);
        const char *lanes = reinterpret_cast<const char *>(table + at);

        __syncthreads(); /* no warp is still reading the table of the item before */
        if (threadIdx.x == 0)
            queues_of<N>(work).next_part = 0;
        fill_table(work, first, n, table);
        const struct lane_images images = {first + at, n - at < 0 ? 0 : n - at > N ? N : n - at};
        walk_slice<N>(work, lanes, slice, images);
    }
    if (queues_of<N>(work).n[threadIdx.x / LANES] > 0)
        flush<N>(work, queues_of<N>(work).n[threadIdx.x / LANES]);
}

/* The kernel of a layout, and the threads of its blocks. */
struct scan_kernel {
    void (*run)(const struct scan_work work);
    int n_threads;
};

struct scan_kernel kernel_of(struct scan_layout layout)
{
    if (layout.per_lane == 2)
        return {scan_groups<2, true>, threads<2>::IN_BLOCK};
    return {layout.is_shared ? scan_groups<1, true> : scan_groups<1, false>, threads<1>::IN_BLOCK};
}

} // namespace

struct scan_layout scan_layout_of(int width, int height, size_t shared_block_bytes)
{
    const size_t lane_bytes = sizeof(int32_t) * (size_t)(width + 1) * (size_t)(height + 1) * LANES;
    const size_t queues_of_one = sizeof(queues<1>), queues_of_two = sizeof(queues<2>);

    if (2 * lane_bytes + queues_of_two <= shared_block_bytes)
        return {2, true, 2 * lane_bytes, 2 * lane_bytes, 2 * lane_bytes + queues_of_two};
    if (lane_bytes + queues_of_one <= shared_block_bytes)
        return {1, true, lane_bytes, lane_bytes, lane_bytes + queues_of_one};
    return {1, false, lane_bytes, 0, queues_of_one};
}

cudaError_t scan_blocks_per_sm(struct scan_layout layout, int *n)
{
    const struct scan_kernel kernel = kernel_of(layout);
    cudaError_t error = cudaFuncSetAttribute((const void *)kernel.run, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                             (int)layout.shared_bytes);

    if (error == cudaSuccess)
        error = cudaOccupancyMaxActiveBlocksPerMultiprocessor(n, (const void *)kernel.run, kernel.n_threads,
                                                              layout.shared_bytes);
    return error == cudaSuccess && *n < 1 ? cudaErrorInvalidConfiguration : error;
}

cudaError_t launch_scan_steps(const struct scan_work *work, cudaStream_t stream)
{
    const uint32_t n = work->type_first[SCAN_TYPES];

    if (n > 0)
        make_steps<<<(n + 255) / 256, 256, 0, stream>>>(*work, n);
    return cudaGetLastError();
}

cudaError_t launch_scan(const struct scan_work *work, cudaStream_t stream)
{
    const struct scan_kernel kernel = kernel_of(work->layout);

    kernel.run<<<(unsigned)work->n_blocks, kernel.n_threads, work->layout.shared_bytes, stream>>>(*work);
    return cudaGetLastError();
}

/* Records differ above the value, which need not be looked at. */
cudaError_t launch_scan_sort(const uint64_t *record, uint64_t *sorted, size_t n, int64_t n_images_bound, void *scratch,
                             size_t *scratch_bytes, cudaStream_t stream)
{
    int bits = 1;

    while (n_images_bound >> bits != 0)
        bits++;
    return cub::DeviceRadixSort::SortKeys(scratch, *scratch_bytes, record, sorted, n, RECORD_VALUE_BITS,
                                          RECORD_IMAGE_BIT + bits, stream);
}
