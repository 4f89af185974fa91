/* cuda_scan: scan_cuda: memory, batches and the order of the kernels of feature_scan.cu.
 *
 * Records go to one buffer of the whole grid. How many a batch of images gives is not known before; a batch has as
 * many images as should fit by what the batches before gave. A batch that did not fit is done again, smaller: its count
 * says how much, and one group of images always fits, since the buffer has room for all of its features. So no record
 * is lost and none is counted twice. Exactly as many as there are are sorted and copied out. */
#include "base/mem.h"
#include "kernels/check.h"
#include "kernels/haar/launch_scan.h"

#include <string.h>

enum {
    LANES = 32,
    MOST_IMAGES = 1 << 16,   /* of a batch */
    FIRST_IMAGES = 4096,     /* of the first one that records */
    USUAL_ROOM = 1 << 25,    /* records: 256 MiB, twice because of sorting */
    PIECE = 1 << 21,         /* records that are copied out at a time */
    TABLE_BLOCKS_PER_SM = 2, /* where tables do not fit shared memory */
    FILL_FEATURES = 1024,    /* that a block could evaluate while it makes its integral images, about */
    MOST_SLICES = 64
};

struct gpu {
    const struct scan_job *job;
    int device, n_sms, blocks_per_sm;
    size_t room; /* records; 0: only counted */
    int64_t most_images, group_images;
    cudaStream_t stream;
    cudaEvent_t began, ended;

    struct scan_work work; /* its arrays are: */
    struct haar_feature *feature;
    uint8_t *pixels, *labels;  /* [most_images, ..] */
    unsigned long long *found; /* [2 * SCAN_TYPES + 1]: counts, then records */
    uint64_t *record, *sorted; /* [room] */
    void *sort_scratch;
    size_t sort_bytes;
    uint64_t *piece; /* pinned: [PIECE] */
};

/* --- life --------------------------------------------------------------------------------------------------------- */

static enum status open_device(struct gpu *gpu)
{
    int shared_bytes = 0;

    CUDA_TRY(gpu->device, cudaSetDevice(gpu->device), "use it");
    CUDA_TRY(gpu->device, cudaStreamCreateWithFlags(&gpu->stream, cudaStreamNonBlocking), "open a stream");
    CUDA_TRY(gpu->device, cudaEventCreate(&gpu->began), "make an event");
    CUDA_TRY(gpu->device, cudaEventCreate(&gpu->ended), "make an event");
    CUDA_TRY(gpu->device, cudaDeviceGetAttribute(&gpu->n_sms, cudaDevAttrMultiProcessorCount, gpu->device),
             "ask for its properties");
    CUDA_TRY(gpu->device, cudaDeviceGetAttribute(&shared_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, gpu->device),
             "ask for its properties");
    gpu->work.layout = scan_layout_of(gpu->job->width, gpu->job->height, (size_t)shared_bytes);
    CUDA_TRY(gpu->device, scan_blocks_per_sm(gpu->work.layout, &gpu->blocks_per_sm), "prepare the scan");
    gpu->group_images = LANES * gpu->work.layout.per_lane;
    return ST_OK;
}

static enum status open_features(struct gpu *gpu)
{
    const struct scan_job *job = gpu->job;
    struct scan_work *w = &gpu->work;

    for (uint32_t i = 0; i < job->n_features; i++)
        w->type_first[job->feature[i].type + 1]++;
    for (int type = 0; type < SCAN_TYPES; type++)
        w->type_first[type + 1] += w->type_first[type];
    TRY(cuda_reserve(gpu->device, &gpu->feature, job->n_features * sizeof *gpu->feature, "features"));
    TRY(cuda_reserve(gpu->device, &w->step, ((size_t)job->n_features + 1) * sizeof *w->step, "features"));
    w->feature = gpu->feature;
    CUDA_TRY(gpu->device,
             cudaMemcpyAsync(gpu->feature, job->feature, job->n_features * sizeof *gpu->feature, cudaMemcpyHostToDevice,
                             gpu->stream),
             "copy features to it");
    CUDA_TRY(gpu->device, cudaMemsetAsync(w->step + job->n_features, 0, sizeof *w->step, gpu->stream),
             "prepare the features");
    CUDA_TRY(gpu->device, launch_scan_steps(w, gpu->stream), "prepare the features");
    return ST_OK;
}

static enum status open_images(struct gpu *gpu)
{
    const struct scan_job *job = gpu->job;
    const size_t n = (size_t)gpu->most_images, image_bytes = (size_t)job->width * (size_t)job->height;
    struct scan_work *w = &gpu->work;

    TRY(cuda_reserve(gpu->device, &gpu->pixels, n * image_bytes, "images"));
    if (job->labels)
        TRY(cuda_reserve(gpu->device, &gpu->labels, n, "labels"));
    if (!w->layout.is_shared)
        TRY(cuda_reserve(gpu->device, &w->table, (size_t)gpu->n_sms * TABLE_BLOCKS_PER_SM * w->layout.table_bytes,
                         "integral images"));
    TRY(cuda_reserve(gpu->device, &gpu->found, (2 * SCAN_TYPES + 1) * sizeof *gpu->found, "counts"));
    w->pixels = gpu->pixels;
    w->labels = gpu->labels;
    w->count = gpu->found;
    w->n_found = gpu->found + 2 * SCAN_TYPES;
    return ST_OK;
}

static enum status open_records(struct gpu *gpu)
{
    const size_t n_features = gpu->job->n_features, least = (size_t)gpu->group_images * n_features;
    const size_t most = (size_t)gpu->most_images * n_features;

    gpu->room = least > USUAL_ROOM ? least : USUAL_ROOM;
    gpu->room = gpu->room < most ? gpu->room : most;
    TRY(cuda_reserve(gpu->device, &gpu->record, gpu->room * sizeof *gpu->record, "records"));
    TRY(cuda_reserve(gpu->device, &gpu->sorted, gpu->room * sizeof *gpu->sorted, "records"));
    CUDA_TRY(gpu->device,
             launch_scan_sort(gpu->record, gpu->sorted, gpu->room, SCAN_MAX_RECORD_IMAGES, NULL, &gpu->sort_bytes,
                              gpu->stream),
             "plan the sorting of records");
    TRY(cuda_reserve(gpu->device, &gpu->sort_scratch, gpu->sort_bytes, "the sorting of records"));
    CUDA_TRY(gpu->device, cudaMallocHost((void **)&gpu->piece, PIECE * sizeof *gpu->piece),
             "pin host memory for records");
    gpu->work.record = gpu->record;
    gpu->work.room = gpu->room;
    return ST_OK;
}

static enum status open_all(struct gpu *gpu)
{
    const struct scan_job *job = gpu->job;

    gpu->work.width = job->width;
    gpu->work.height = job->height;
    gpu->work.rule = job->rule;
    gpu->work.threshold = job->threshold;
    TRY(open_device(gpu));
    TRY(open_features(gpu));
    TRY(open_images(gpu));
    return job->take ? open_records(gpu) : ST_OK;
}

/* All of these take NULL, except for the destroyers. */
static void close_all(struct gpu *gpu)
{
    if (!gpu->stream) /* nothing was reserved */
        return;
    cudaStreamSynchronize(gpu->stream);
    cudaFree(gpu->feature);
    cudaFree(gpu->work.step);
    cudaFree(gpu->pixels);
    cudaFree(gpu->labels);
    cudaFree(gpu->work.table);
    cudaFree(gpu->found);
    cudaFree(gpu->record);
    cudaFree(gpu->sorted);
    cudaFree(gpu->sort_scratch);
    cudaFreeHost(gpu->piece);
    if (gpu->began)
        cudaEventDestroy(gpu->began);
    if (gpu->ended)
        cudaEventDestroy(gpu->ended);
    cudaStreamDestroy(gpu->stream);
    (void)cudaGetLastError();
}

/* --- batches ------------------------------------------------------------------------------------------------------ */

/* Blocks of one size run in waves, the last of which may leave most SMs idle: so many slices that the waves end
 * soonest, in features. */
static int choose_slices(const struct gpu *gpu, int64_t n_groups)
{
    const int64_t at_once = (int64_t)gpu->n_sms * gpu->blocks_per_sm;
    int64_t soonest = INT64_MAX;
    int best = 1;

    for (int slices = 1; slices <= MOST_SLICES; slices++) {
        const int64_t waves = (n_groups * slices + at_once - 1) / at_once;
        const int64_t end = waves * ((int64_t)gpu->job->n_features / slices + FILL_FEATURES);
        if (end < soonest) {
            soonest = end;
            best = slices;
        }
    }
    return best;
}

/* Shares out the groups of n images, each cut into slices of features. */
static void share_out(struct gpu *gpu, int64_t n)
{
    struct scan_work *w = &gpu->work;
    const int64_t n_groups = (n + gpu->group_images - 1) / gpu->group_images;

    w->n_images = n;
    w->n_slices = choose_slices(gpu, n_groups);
    w->n_blocks = (int)(n_groups * w->n_slices);
    if (!w->layout.is_shared && w->n_blocks > gpu->n_sms * TABLE_BLOCKS_PER_SM)
        w->n_blocks = gpu->n_sms * TABLE_BLOCKS_PER_SM;
}

/* Images [first, first + n): found becomes their counts and number of records. */
static enum status scan_batch(struct gpu *gpu, int64_t first, int64_t n, unsigned long long *found, double *seconds)
{
    const struct scan_job *job = gpu->job;
    const size_t image_bytes = (size_t)job->width * (size_t)job->height;
    const size_t found_bytes = (2 * SCAN_TYPES + 1) * sizeof *found;
    float ms = 0;

    share_out(gpu, n);
    gpu->work.first_image = job->first_image + first;
    CUDA_TRY(gpu->device,
             cudaMemcpyAsync(gpu->pixels, job->pixels + (size_t)first * image_bytes, (size_t)n * image_bytes,
                             cudaMemcpyHostToDevice, gpu->stream),
             "copy images to it");
    if (job->labels)
        CUDA_TRY(gpu->device,
                 cudaMemcpyAsync(gpu->labels, job->labels + first, (size_t)n, cudaMemcpyHostToDevice, gpu->stream),
                 "copy labels to it");
    CUDA_TRY(gpu->device, cudaMemsetAsync(gpu->found, 0, found_bytes, gpu->stream), "scan images");
    CUDA_TRY(gpu->device, cudaEventRecord(gpu->began, gpu->stream), "take the time");
    CUDA_TRY(gpu->device, launch_scan(&gpu->work, gpu->stream), "scan images");
    CUDA_TRY(gpu->device, cudaEventRecord(gpu->ended, gpu->stream), "take the time");
    CUDA_TRY(gpu->device, cudaMemcpyAsync(found, gpu->found, found_bytes, cudaMemcpyDeviceToHost, gpu->stream),
             "copy counts from it");
    CUDA_TRY(gpu->device, cudaStreamSynchronize(gpu->stream), "scan images");
    CUDA_TRY(gpu->device, cudaEventElapsedTime(&ms, gpu->began, gpu->ended), "take the time");
    *seconds += 1e-3 * (double)ms;
    return ST_OK;
}

/* The batch's n records, sorted. */
static enum status take_records(struct gpu *gpu, size_t n)
{
    const struct scan_job *job = gpu->job;
    size_t scratch_bytes = gpu->sort_bytes;

    if (n == 0)
        return ST_OK;
    CUDA_TRY(gpu->device,
             launch_scan_sort(gpu->record, gpu->sorted, n, gpu->work.first_image + gpu->work.n_images,
                              gpu->sort_scratch, &scratch_bytes, gpu->stream),
             "sort records");
    for (size_t at = 0; at < n; at += PIECE) {
        const size_t count = n - at < PIECE ? n - at : PIECE;
        CUDA_TRY(gpu->device,
                 cudaMemcpyAsync(gpu->piece, gpu->sorted + at, count * sizeof *gpu->piece, cudaMemcpyDeviceToHost,
                                 gpu->stream),
                 "copy records from it");
        CUDA_TRY(gpu->device, cudaStreamSynchronize(gpu->stream), "sort and copy records");
        TRY(job->take(job->context, gpu->piece, count));
    }
    return ST_OK;
}

/* How many images should give no more than room records where the last n gave n_found. */
static int64_t images_that_fit(const struct gpu *gpu, int64_t n, unsigned long long n_found)
{
    const double fit = 0.8 * (double)gpu->room * (double)n / (n_found > 0 ? (double)n_found : 1);
    const int64_t most = fit < (double)gpu->most_images ? (int64_t)fit : gpu->most_images;

    return most < gpu->group_images ? gpu->group_images : most / gpu->group_images * gpu->group_images;
}

static enum status scan_all(struct gpu *gpu, struct scan_result *result)
{
    const struct scan_job *job = gpu->job;
    int64_t batch = job->take && gpu->most_images > FIRST_IMAGES ? FIRST_IMAGES : gpu->most_images;

    for (int64_t first = 0; first < job->n_images;) {
        const int64_t n = job->n_images - first < batch ? job->n_images - first : batch;
        unsigned long long found[2 * SCAN_TYPES + 1];
        TRY(scan_batch(gpu, first, n, found, &result->kernel_seconds));
        const unsigned long long n_found = found[2 * SCAN_TYPES];
        if (job->take)
            batch = images_that_fit(gpu, n, n_found);
        if (n_found > gpu->room)
            continue;
        for (int i = 0; i < 2 * SCAN_TYPES; i++)
            result->count[i / SCAN_TYPES][i % SCAN_TYPES] += (int64_t)found[i];
        if (job->take)
            TRY(take_records(gpu, (size_t)n_found));
        first += n;
        if (job->progress)
            job->progress(job->context, first);
    }
    return ST_OK;
}

enum status scan_cuda(const struct scan_job *job, struct scan_result *result)
{
    struct gpu gpu = {.job = job, .device = job->device};
    enum status st;

    *result = (struct scan_result){0};
    if (job->n_images == 0 || job->n_features == 0)
        return ST_OK;
    gpu.most_images = job->n_images < MOST_IMAGES ? job->n_images : MOST_IMAGES;
    st = open_all(&gpu);
    if (st == ST_OK)
        st = scan_all(&gpu, result);
    close_all(&gpu);
    return st;
}
