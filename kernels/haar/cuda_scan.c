/* cuda_scan: scan_cuda: memory, batches and the order of the kernels of feature_scan.cu.
 *
 * Records go to one buffer of the whole grid. How many a batch of images gives is not known before; a batch has as
 * many images as should fit by what the batches before gave. A batch that did not fit is done again, smaller: its count
 * says how much, and one group of images always fits, since the buffer has room for all of its features. So no record
 * is lost and none is counted twice. Exactly as many as there are are sorted and copied out. */
#include "base/mem.h"
#include "kernels/gpu.h"
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

struct scan {
    const struct scan_job *job;
    struct gpu gpu;
    int blocks_per_sm;
    size_t room; /* records; 0: only counted */
    int64_t most_images, group_images;
    cudaEvent_t began, ended;

    struct scan_work work; /* pixels and labels: [most_images, ..]; n_found is behind the counts */
    uint64_t *sorted;      /* [room] */
    void *sort_scratch;
    size_t sort_bytes;
    uint64_t *piece; /* pinned: [PIECE] */
};

/* --- life --------------------------------------------------------------------------------------------------------- */

static enum status open_device(struct scan *s)
{
    TRY(gpu_open(&s->gpu, s->job->device, false));
    TRY(gpu_event(&s->gpu, &s->began, true));
    TRY(gpu_event(&s->gpu, &s->ended, true));
    s->work.layout = scan_layout_of(s->job->width, s->job->height, s->gpu.shared_block);
    CUDA_TRY(&s->gpu, scan_blocks_per_sm(s->work.layout, &s->blocks_per_sm), "prepare the scan");
    s->group_images = LANES * s->work.layout.per_lane;
    return ST_OK;
}

static enum status open_features(struct scan *s)
{
    const struct scan_job *job = s->job;
    struct scan_work *w = &s->work;

    for (uint32_t i = 0; i < job->n_features; i++)
        w->type_first[job->feature[i].type + 1]++;
    for (int type = 0; type < SCAN_TYPES; type++)
        w->type_first[type + 1] += w->type_first[type];
    TRY(gpu_reserve(&s->gpu, &w->feature, job->n_features * sizeof *w->feature, "features"));
    TRY(gpu_reserve(&s->gpu, &w->step, ((size_t)job->n_features + 1) * sizeof *w->step, "features"));
    TRY(gpu_send(&s->gpu, w->feature, job->feature, job->n_features * sizeof *w->feature, "features"));
    CUDA_TRY(&s->gpu, cudaMemsetAsync(w->step + job->n_features, 0, sizeof *w->step, s->gpu.stream),
             "prepare the features");
    CUDA_TRY(&s->gpu, launch_scan_steps(w, s->gpu.stream), "prepare the features");
    return ST_OK;
}

static enum status open_images(struct scan *s)
{
    const struct scan_job *job = s->job;
    const size_t n = (size_t)s->most_images, image_bytes = (size_t)job->width * (size_t)job->height;
    struct scan_work *w = &s->work;

    TRY(gpu_reserve(&s->gpu, &w->pixels, n * image_bytes, "images"));
    if (job->labels)
        TRY(gpu_reserve(&s->gpu, &w->labels, n, "labels"));
    if (!w->layout.is_shared)
        TRY(gpu_reserve(&s->gpu, &w->table, (size_t)s->gpu.n_sms * TABLE_BLOCKS_PER_SM * w->layout.table_bytes,
                        "integral images"));
    TRY(gpu_reserve(&s->gpu, &w->count, (2 * SCAN_TYPES + 1) * sizeof *w->count, "counts"));
    w->n_found = w->count + 2 * SCAN_TYPES;
    return ST_OK;
}

static enum status open_records(struct scan *s)
{
    const size_t n_features = s->job->n_features, least = (size_t)s->group_images * n_features;
    const size_t most = (size_t)s->most_images * n_features;

    s->room = least > USUAL_ROOM ? least : USUAL_ROOM;
    s->room = s->room < most ? s->room : most;
    TRY(gpu_reserve(&s->gpu, &s->work.record, s->room * sizeof *s->work.record, "records"));
    TRY(gpu_reserve(&s->gpu, &s->sorted, s->room * sizeof *s->sorted, "records"));
    CUDA_TRY(&s->gpu,
             launch_scan_sort(s->work.record, s->sorted, s->room, SCAN_MAX_RECORD_IMAGES, NULL, &s->sort_bytes,
                              s->gpu.stream),
             "plan the sorting of records");
    TRY(gpu_reserve(&s->gpu, &s->sort_scratch, s->sort_bytes, "the sorting of records"));
    TRY(gpu_pin(&s->gpu, &s->piece, PIECE * sizeof *s->piece, "records"));
    s->work.room = s->room;
    return ST_OK;
}

static enum status open_all(struct scan *s)
{
    const struct scan_job *job = s->job;

    s->work.width = job->width;
    s->work.height = job->height;
    s->work.rule = job->rule;
    s->work.threshold = job->threshold;
    TRY(open_device(s));
    TRY(open_features(s));
    TRY(open_images(s));
    return job->take ? open_records(s) : ST_OK;
}

/* --- batches ------------------------------------------------------------------------------------------------------ */

/* Blocks of one size run in waves, the last of which may leave most SMs idle: so many slices that the waves end
 * soonest, in features. */
static int choose_slices(const struct scan *s, int64_t n_groups)
{
    const int64_t at_once = (int64_t)s->gpu.n_sms * s->blocks_per_sm;
    int64_t soonest = INT64_MAX;
    int best = 1;

    for (int slices = 1; slices <= MOST_SLICES; slices++) {
        const int64_t waves = (n_groups * slices + at_once - 1) / at_once;
        const int64_t end = waves * ((int64_t)s->job->n_features / slices + FILL_FEATURES);
        if (end < soonest) {
            soonest = end;
            best = slices;
        }
    }
    return best;
}

/* Shares out the groups of n images, each cut into slices of features. */
static void share_out(struct scan *s, int64_t n)
{
    struct scan_work *w = &s->work;
    const int64_t n_groups = (n + s->group_images - 1) / s->group_images;

    w->n_images = n;
    w->n_slices = choose_slices(s, n_groups);
    w->n_blocks = (int)(n_groups * w->n_slices);
    if (!w->layout.is_shared && w->n_blocks > s->gpu.n_sms * TABLE_BLOCKS_PER_SM)
        w->n_blocks = s->gpu.n_sms * TABLE_BLOCKS_PER_SM;
}

/* Images [first, first + n): found becomes their counts and number of records. */
static enum status scan_batch(struct scan *s, int64_t first, int64_t n, unsigned long long *found, double *seconds)
{
    const struct scan_job *job = s->job;
    const size_t image_bytes = (size_t)job->width * (size_t)job->height;
    const size_t found_bytes = (2 * SCAN_TYPES + 1) * sizeof *found;
    float ms = 0;

    share_out(s, n);
    s->work.first_image = job->first_image + first;
    TRY(gpu_send(&s->gpu, s->work.pixels, job->pixels + (size_t)first * image_bytes, (size_t)n * image_bytes,
                 "images"));
    if (job->labels)
        TRY(gpu_send(&s->gpu, s->work.labels, job->labels + first, (size_t)n, "labels"));
    CUDA_TRY(&s->gpu, cudaMemsetAsync(s->work.count, 0, found_bytes, s->gpu.stream), "scan images");
    CUDA_TRY(&s->gpu, cudaEventRecord(s->began, s->gpu.stream), "take the time");
    CUDA_TRY(&s->gpu, launch_scan(&s->work, s->gpu.stream), "scan images");
    CUDA_TRY(&s->gpu, cudaEventRecord(s->ended, s->gpu.stream), "take the time");
    TRY(gpu_fetch(&s->gpu, found, s->work.count, found_bytes, "counts"));
    CUDA_TRY(&s->gpu, cudaStreamSynchronize(s->gpu.stream), "scan images");
    CUDA_TRY(&s->gpu, cudaEventElapsedTime(&ms, s->began, s->ended), "take the time");
    *seconds += 1e-3 * (double)ms;
    return ST_OK;
}

/* The batch's n records, sorted. */
static enum status take_records(struct scan *s, size_t n)
{
    const struct scan_job *job = s->job;
    size_t scratch_bytes = s->sort_bytes;

    if (n == 0)
        return ST_OK;
    CUDA_TRY(&s->gpu,
             launch_scan_sort(s->work.record, s->sorted, n, s->work.first_image + s->work.n_images, s->sort_scratch,
                              &scratch_bytes, s->gpu.stream),
             "sort records");
    for (size_t at = 0; at < n; at += PIECE) {
        const size_t count = n - at < PIECE ? n - at : PIECE;
        TRY(gpu_fetch(&s->gpu, s->piece, s->sorted + at, count * sizeof *s->piece, "records"));
        CUDA_TRY(&s->gpu, cudaStreamSynchronize(s->gpu.stream), "sort and copy records");
        TRY(job->take(job->context, s->piece, count));
    }
    return ST_OK;
}

/* How many images should give no more than room records where the last n gave n_found. */
static int64_t images_that_fit(const struct scan *s, int64_t n, unsigned long long n_found)
{
    const double fit = 0.8 * (double)s->room * (double)n / (n_found > 0 ? (double)n_found : 1);
    const int64_t most = fit < (double)s->most_images ? (int64_t)fit : s->most_images;

    return most < s->group_images ? s->group_images : most / s->group_images * s->group_images;
}

static enum status scan_all(struct scan *s, struct scan_result *result)
{
    const struct scan_job *job = s->job;
    int64_t batch = job->take && s->most_images > FIRST_IMAGES ? FIRST_IMAGES : s->most_images;

    for (int64_t first = 0; first < job->n_images;) {
        const int64_t n = job->n_images - first < batch ? job->n_images - first : batch;
        unsigned long long found[2 * SCAN_TYPES + 1];
        TRY(scan_batch(s, first, n, found, &result->kernel_seconds));
        const unsigned long long n_found = found[2 * SCAN_TYPES];
        if (job->take)
            batch = images_that_fit(s, n, n_found);
        if (n_found > s->room)
            continue;
        for (int i = 0; i < 2 * SCAN_TYPES; i++)
            result->count[i / SCAN_TYPES][i % SCAN_TYPES] += (int64_t)found[i];
        if (job->take)
            TRY(take_records(s, (size_t)n_found));
        first += n;
        if (job->progress)
            job->progress(job->context, first);
    }
    return ST_OK;
}

enum status scan_cuda(const struct scan_job *job, struct scan_result *result)
{
    struct scan s = {.job = job};
    enum status st;

    *result = (struct scan_result){0};
    if (job->n_images == 0 || job->n_features == 0)
        return ST_OK;
    s.most_images = job->n_images < MOST_IMAGES ? job->n_images : MOST_IMAGES;
    st = open_all(&s);
    if (st == ST_OK)
        st = scan_all(&s, result);
    gpu_close(&s.gpu);
    return st;
}
