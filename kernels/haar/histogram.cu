/* histogram: twin of cpu_search.c, first half: bins, items, histograms of weights.
 *
 * Histograms dominate the cost of a search: K additions an image and feature, into 256 bins. A warp takes the classes
 * of one image for as many features as fit its lanes (K = 10: three features), and lane i adds only to words i and 32 +
 * i of a bin's 64: no two lanes ever meet in a bank, let alone in a word, whatever the bins; shared-memory atomics are
 * needed between warps only. A bin's two halves of 32 words are the two signs of a split column or two sets of
 * features, so a tile is 256 * 64 words, 64 KB, and an address in it is put together by one byte permutation: bin * 256
 * + half * 128 + lane * 4. Features in plenty: a block has three tiles, so that a weight is fetched once for all of
 * them. Few features: one tile a block, three blocks an SM, and several blocks share a feature's images.
 *
 * Floor on an H200 for 60,000 images, 299,880 features, K = 10: 6 * 10^9 warp additions, 1 a clock and SM: 26 ms. */
#include "kernels/haar/launch_boost.h"

enum {
    BIN_WARPS = 8,
    BIN_FEATURES = 64, /* of a block */
    ITEM_THREADS = 256,
    TILE_WORDS = 64 * HAAR_BINS,
    TILE_BYTES = 4 * TILE_WORDS,
    PLENTY_TILES = 3,
    FEW_THREADS = 320, /* three blocks fit the registers and threads of an SM */
    PLENTY_THREADS = 1024,
    MOST_SLICES = 32
};

static const uint32_t all_lanes = 0xFFFFFFFFu;

/* --- bins --------------------------------------------------------------------------------------------------------- */

/* A lane has 4 neighbouring images. grid: features / BIN_FEATURES, images / 128: blocks that run at the same time share
 * their images' entries in L2. */
static __global__ void __launch_bounds__(32 * BIN_WARPS)
    bin_values(const struct boost_images images, const struct haar_feature *feature, uint32_t n, uint8_t *bins)
{
    __shared__ struct haar_corners corners[BIN_FEATURES];
    __shared__ struct haar_binning binning[BIN_FEATURES];
    const uint32_t first = blockIdx.x * BIN_FEATURES, count = n - first < BIN_FEATURES ? n - first : BIN_FEATURES;
    const size_t image = blockIdx.y * (size_t)BOOST_PAD + threadIdx.x % 32 * 4;

    if (threadIdx.x < count) {
        corners[threadIdx.x] = haar_corners_of(feature[first + threadIdx.x], images.width, images.height);
        binning[threadIdx.x] = haar_binning_of(&corners[threadIdx.x]);
    }
    __syncthreads();
    for (uint32_t f = threadIdx.x / 32; f < count; f += BIN_WARPS) {
        const struct haar_corners &c = corners[f];
        uint32_t x = 0, y = 0, z = 0, w = 0;
#pragma unroll 3
        for (int i = 0; i < c.n; i++) {
            const uint4 entry = __ldg((const uint4 *)(images.integral + (size_t)c.offset[i] * images.stride + image));
            const uint32_t factor = (uint32_t)c.factor[i];
            x += factor * entry.x;
            y += factor * entry.y;
            z += factor * entry.z;
            w += factor * entry.w;
        }
        const struct haar_binning b = binning[f];
        *(uint32_t *)(bins + (first + f) * images.stride + image) =
            (uint32_t)haar_bin(b, (int32_t)x) | (uint32_t)haar_bin(b, (int32_t)y) << 8 |
            (uint32_t)haar_bin(b, (int32_t)z) << 16 | (uint32_t)haar_bin(b, (int32_t)w) << 24;
    }
}

cudaError_t launch_bins(const struct boost_search *search, uint32_t first, uint32_t n, cudaStream_t stream)
{
    const struct boost_images *images = &search->active.images;

    if (n == 0 || images->n == 0)
        return cudaSuccess;
    const dim3 grid((n + BIN_FEATURES - 1) / BIN_FEATURES, (unsigned)(images->stride / BOOST_PAD));
    bin_values<<<grid, 32 * BIN_WARPS, 0, stream>>>(*images, search->feature + first, n, search->bins);
    return cudaGetLastError();
}

/* --- items -------------------------------------------------------------------------------------------------------- */

/* Four items each. */
static __device__ __forceinline__ uint32_t n_quads(const struct boost_search &search, int slot)
{
    return (search.active.node_count[search.node[slot]] + 3) / 4;
}

static __device__ __forceinline__ uint32_t first_quad(const struct boost_search &search, int slot)
{
    uint32_t first = 0;

    for (int s = 0; s < slot; s++)
        first += n_quads(search, s);
    return first;
}

static __device__ void put_item(const struct boost_search &search, uint32_t at, uint32_t image, bool is_padding)
{
    search.item[at] = image;
    for (int l = 0; l < search.n_classes; l++)
        search.item_weight[((size_t)(at / 4) * search.n_classes + l) * 4 + at % 4] =
            is_padding ? 0 : search.active.weight[l * search.active.images.stride + image];
}

/* Within a block items keep the images' order; blocks come as they come. The first block adds the padding. */
static __global__ void __launch_bounds__(ITEM_THREADS) make_items(const __grid_constant__ struct boost_search search)
{
    __shared__ uint32_t count[BOOST_MAX_LEAVES][ITEM_THREADS / 32], base[BOOST_MAX_LEAVES];
    const uint32_t i = blockIdx.x * ITEM_THREADS + threadIdx.x, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int node = i < search.active.images.n ? search.active.node[i] : -1;
    uint32_t rank = 0;
    int slot = -1;

    for (int s = 0; s < search.n_nodes; s++) {
        const uint32_t with = __ballot_sync(all_lanes, node == search.node[s]);
        if (lane == 0)
            count[s][warp] = (uint32_t)__popc(with);
        if (node == search.node[s]) {
            slot = s;
            rank = (uint32_t)__popc(with & ((1u << lane) - 1));
        }
    }
    __syncthreads();
    if (threadIdx.x < (uint32_t)search.n_nodes) {
        uint32_t sum = 0;
        for (int w = 0; w < ITEM_THREADS / 32; w++) {
            const uint32_t own = count[threadIdx.x][w];
            count[threadIdx.x][w] = sum;
            sum += own;
        }
        base[threadIdx.x] = 4 * first_quad(search, (int)threadIdx.x) + atomicAdd(&search.cursor[threadIdx.x], sum);
    }
    __syncthreads();
    if (slot >= 0)
        put_item(search, base[slot] + count[slot][warp] + rank, i, false);
    if (blockIdx.x == 0 && threadIdx.x < 4 * (uint32_t)search.n_nodes) {
        const int s = (int)threadIdx.x / 4;
        const uint32_t n = search.active.node_count[search.node[s]], at = n + threadIdx.x % 4;
        if (at < 4 * n_quads(search, s))
            put_item(search, 4 * first_quad(search, s) + at, 0, true);
    }
}

cudaError_t launch_items(const struct boost_search *search, cudaStream_t stream)
{
    const cudaError_t cleared = cudaMemsetAsync(search->cursor, 0, BOOST_MAX_LEAVES * sizeof *search->cursor, stream);

    if (cleared != cudaSuccess || search->active.images.n == 0)
        return cleared;
    make_items<<<(search->active.images.n + ITEM_THREADS - 1) / ITEM_THREADS, ITEM_THREADS, 0, stream>>>(*search);
    return cudaGetLastError();
}

/* --- histograms --------------------------------------------------------------------------------------------------- */

/* How a warp's lanes are laid out. K > 32: one feature, and two groups of classes. */
struct lanes {
    int width;        /* classes, at most 32 */
    int n_features;   /* 32 / width */
    int class_groups; /* of width classes */
};

static __host__ __device__ __forceinline__ struct lanes lanes_of(int n_classes)
{
    struct lanes lanes;

    lanes.width = n_classes < 32 ? n_classes : 32;
    lanes.n_features = 32 / lanes.width;
    lanes.class_groups = (n_classes + 31) / 32;
    return lanes;
}

struct histogram_job {
    uint32_t n;           /* features */
    const uint8_t *bins;  /* of the first */
    int32_t *histogram;   /* of the first */
    uint32_t n_per_block; /* features */
    bool is_shared;       /* several blocks (grid z) share a feature's images */
};

/* One image of a quad in all words of bins: byte I is the image's bin. */
template <int WORDS, bool IS_SPLIT, int I>
static __device__ __forceinline__ void add_weight(char *tile, const uint32_t (&word)[WORDS], uint32_t lane_offset,
                                                  int32_t weight)
{
    const uint32_t offset = IS_SPLIT ? ((uint32_t)weight >> 24 & 128) | lane_offset : lane_offset;

#pragma unroll
    for (int k = 0; k < WORDS; k++) {
        const uint32_t half = IS_SPLIT ? 0 : k % 2 * 128;
        const uint32_t at = __byte_perm(offset, word[k], 0x1140 + 0x10 * I);
        atomicAdd((int32_t *)(tile + (IS_SPLIT ? k : k / 2) * TILE_BYTES + half + at), weight);
    }
}

/* Split columns: the half of a tile is the weight's sign bit: 0 own, 1 (negative) others. */
template <int TILES, bool IS_SPLIT>
static __global__ void __launch_bounds__(TILES > 1 ? PLENTY_THREADS : FEW_THREADS)
    add_histograms(const __grid_constant__ struct boost_search search, const struct histogram_job job)
{
    constexpr int WORDS = IS_SPLIT ? TILES : 2 * TILES;
    extern __shared__ int4 tiles[];
    const struct lanes lanes = lanes_of(search.n_classes);
    const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32, n_warps = blockDim.x / 32;
    const int slot = (int)blockIdx.y, width = lanes.width;
    const uint32_t block = blockIdx.x / (uint32_t)lanes.class_groups, group = blockIdx.x % (uint32_t)lanes.class_groups;
    const uint32_t quads = n_quads(search, slot), n_batches = (quads + (uint32_t)width - 1) / (uint32_t)width;

    /* For small nodes the later slices would hold too little work for a block. */
    if (blockIdx.z > 0 && blockIdx.z * 2 * n_warps >= n_batches)
        return;
    const uint32_t most_slices = (n_batches + 2 * n_warps - 1) / (2 * n_warps);
    const uint32_t slices = most_slices < 1 ? 1 : most_slices < gridDim.z ? most_slices : gridDim.z;
    for (uint32_t i = threadIdx.x; i < TILES * TILE_WORDS / 4; i += blockDim.x)
        tiles[i] = make_int4(0, 0, 0, 0);
    __syncthreads();

    /* Lanes without a feature or class do what a neighbour does, in words that are not read. */
    const int part = (int)lane / width < lanes.n_features ? (int)lane / width : lanes.n_features - 1;
    const int place = (int)lane % width, at_class = (int)group * 32 + place;
    const int l = at_class < search.n_classes ? at_class : search.n_classes - 1;
    const uint8_t *row[WORDS];
#pragma unroll
    for (int k = 0; k < WORDS; k++) {
        const uint32_t f = block * job.n_per_block + (uint32_t)(k * lanes.n_features + part);
        row[k] = job.bins + (f < job.n ? f : job.n - 1) * search.active.images.stride;
    }

    const uint32_t first = first_quad(search, slot);
    const uint4 *item = (const uint4 *)search.item + first;
    const int4 *weight = (const int4 *)search.item_weight + (size_t)first * search.n_classes + l;
    for (uint32_t batch = blockIdx.z * n_warps + warp; batch < n_batches; batch += slices * n_warps) {
        const uint32_t quad = batch * (uint32_t)width;
        const int n = quads - quad < (uint32_t)width ? (int)(quads - quad) : width;
        const uint4 at = __ldg(item + quad + (place < n ? place : n - 1));
        const int4 *w = weight + (size_t)quad * search.n_classes;
        uint32_t own[WORDS];
#pragma unroll
        for (int k = 0; k < WORDS; k++)
            own[k] = (uint32_t)__ldg(row[k] + at.x) | (uint32_t)__ldg(row[k] + at.y) << 8 |
                     (uint32_t)__ldg(row[k] + at.z) << 16 | (uint32_t)__ldg(row[k] + at.w) << 24;
        int4 next = __ldg(w);
        for (int q = 0; q < n; q++) {
            const int4 now = next;
            uint32_t word[WORDS];
            next = __ldg(w + (size_t)(q + 1 < n ? q + 1 : q) * search.n_classes);
#pragma unroll
            for (int k = 0; k < WORDS; k++)
                word[k] = __shfl_sync(all_lanes, own[k], part * width + q);
            add_weight<WORDS, IS_SPLIT, 0>((char *)tiles, word, 4 * lane, now.x);
            add_weight<WORDS, IS_SPLIT, 1>((char *)tiles, word, 4 * lane, now.y);
            add_weight<WORDS, IS_SPLIT, 2>((char *)tiles, word, 4 * lane, now.z);
            add_weight<WORDS, IS_SPLIT, 3>((char *)tiles, word, 4 * lane, now.w);
        }
    }
    __syncthreads();

    if ((int)lane >= width * lanes.n_features || at_class >= search.n_classes)
        return;
#pragma unroll
    for (int half = 0; half < 2 * TILES; half++) {
        const int k = IS_SPLIT ? half / 2 : half;
        const uint32_t f = block * job.n_per_block + (uint32_t)(k * lanes.n_features + part);
        if (f >= job.n)
            continue;
        const int column = IS_SPLIT && half % 2 == 0 ? search.n_classes + l : l;
        int32_t *to = job.histogram + ((size_t)f * search.n_nodes + slot) * HAAR_BINS * search.n_columns + column;
        const int32_t *from = (const int32_t *)tiles + half / 2 * TILE_WORDS + half % 2 * 32 + lane;
        for (uint32_t bin = warp; bin < HAAR_BINS; bin += n_warps) {
            const int32_t sum = IS_SPLIT && half % 2 == 1 ? -from[bin * 64] : from[bin * 64];
            if (!job.is_shared)
                to[(size_t)bin * search.n_columns] = sum;
            else if (sum != 0)
                atomicAdd(&to[(size_t)bin * search.n_columns], sum);
        }
    }
}

template <int TILES, bool IS_SPLIT>
static cudaError_t start_histograms(const struct boost_search *search, struct histogram_job job, cudaStream_t stream)
{
    const struct lanes lanes = lanes_of(search->n_classes);
    const uint32_t n_threads = TILES > 1 ? PLENTY_THREADS : FEW_THREADS;

    job.n_per_block = (uint32_t)((IS_SPLIT ? TILES : 2 * TILES) * lanes.n_features);
    const uint32_t x = (job.n + job.n_per_block - 1) / job.n_per_block * (uint32_t)lanes.class_groups;
    const uint32_t resident = (uint32_t)(search->device.shared_sm / (TILES * TILE_BYTES + 1024));
    const uint32_t room = (resident < 1 ? 1 : resident) * (uint32_t)search->device.n_sms;
    const uint32_t n_items = n_threads / 32 * 2 * 4 * (uint32_t)lanes.width; /* that a slice should have */
    uint32_t slices = room / (x * (uint32_t)search->n_nodes), most = (search->active.images.n + n_items - 1) / n_items;

    most = most < MOST_SLICES ? most : MOST_SLICES;
    slices = slices < most ? slices : most;
    slices = slices < 1 ? 1 : slices;
    job.is_shared = slices > 1;
    if (job.is_shared) {
        const size_t n = (size_t)job.n * (size_t)search->n_nodes * HAAR_BINS * (size_t)search->n_columns;
        const cudaError_t cleared = cudaMemsetAsync(job.histogram, 0, n * sizeof *job.histogram, stream);
        if (cleared != cudaSuccess)
            return cleared;
    }
    add_histograms<TILES, IS_SPLIT>
        <<<dim3(x, (unsigned)search->n_nodes, slices), n_threads, TILES * TILE_BYTES, stream>>>(*search, job);
    return cudaGetLastError();
}

cudaError_t launch_histograms(const struct boost_search *search, uint32_t bins_first, uint32_t n, uint32_t to_first,
                              cudaStream_t stream)
{
    const struct lanes lanes = lanes_of(search->n_classes);
    struct histogram_job job = {};

    if (n == 0)
        return cudaSuccess;
    job.n = n;
    job.bins = search->bins + bins_first * search->active.images.stride;
    job.histogram = search->histogram + (size_t)to_first * search->n_nodes * HAAR_BINS * search->n_columns;
    /* Many features: several waves of the big blocks, so that the last one hardly matters. */
    const uint32_t wave = (uint32_t)(search->device.n_sms * PLENTY_TILES * lanes.n_features);
    const bool is_plenty = n >= 8 * wave && search->device.shared_block >= PLENTY_TILES * TILE_BYTES;
    if (search->is_split)
        return is_plenty ? start_histograms<PLENTY_TILES, true>(search, job, stream)
                         : start_histograms<1, true>(search, job, stream);
    return is_plenty ? start_histograms<PLENTY_TILES, false>(search, job, stream)
                     : start_histograms<1, false>(search, job, stream);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

template <int TILES, bool IS_SPLIT> static cudaError_t allow_tiles(const struct boost_device *device)
{
    if (device->shared_block < TILES * TILE_BYTES)
        return TILES > 1 ? cudaSuccess : cudaErrorInvalidConfiguration;
    return cudaFuncSetAttribute((const void *)add_histograms<TILES, IS_SPLIT>,
                                cudaFuncAttributeMaxDynamicSharedMemorySize, TILES * TILE_BYTES);
}

cudaError_t launch_search_open(const struct boost_device *device)
{
    cudaError_t error = allow_tiles<1, true>(device);

    if (error == cudaSuccess)
        error = allow_tiles<1, false>(device);
    if (error == cudaSuccess)
        error = allow_tiles<PLENTY_TILES, true>(device);
    return error == cudaSuccess ? allow_tiles<PLENTY_TILES, false>(device) : error;
}
