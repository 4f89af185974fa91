/* cuda: the GPU backend's table: life cycle, memory and the order of the steps; the steps are the .cu files, the
 * definition of each is its twin in src/compute/. cuda_convert.c brings the frames in. cluster takes as many slots at a
 * time as about 1 GiB of scratch serves, and waits once, at its end.
 *
 * Refuses: pictures of more than 65535 pixels on a side; on GPUs with 64 KiB of shared memory a block (7.5) pictures of
 * more than 16.8 M pixels with more than 597 restarts of 32 clusters. */
#include "base/mem.h"
#include "compute/haar/boost.h"
#include "compute/haar/scan.h"
#include "kernels/cuda_backend.h"
#include "kernels/direct_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SIDE = 65535 };

static const size_t scratch_budget = (size_t)1 << 30;

/* --- timing ------------------------------------------------------------------------------------------------------- */

static bool timing_on;
static double stage_ms[N_CUDA_STAGES];

const char *cuda_stage_name(enum cuda_stage stage)
{
    static const char *const name[N_CUDA_STAGES] = {
        [CUDA_STAGE_COPY] = "copy",     [CUDA_STAGE_CONVERT] = "convert", [CUDA_STAGE_CELLS] = "cells",
        [CUDA_STAGE_LEVELS] = "levels", [CUDA_STAGE_LIGHT] = "light",     [CUDA_STAGE_SEARCH] = "search",
        [CUDA_STAGE_REFINE] = "refine", [CUDA_STAGE_FINAL] = "final",
    };

    return name[stage];
}

void cuda_timing_set(bool on)
{
    timing_on = on;
    memset(stage_ms, 0, sizeof stage_ms);
}

void cuda_timing_read(double ms[N_CUDA_STAGES])
{
    memcpy(ms, stage_ms, sizeof stage_ms);
}

enum status cuda_stage_begin(struct cuda *cuda)
{
    if (cuda->timed)
        CUDA_TRY(&cuda->gpu, cudaEventRecord(cuda->stage_began, cuda->gpu.stream), "take the time");
    return ST_OK;
}

enum status cuda_stage_end(struct cuda *cuda, enum cuda_stage stage)
{
    float ms = 0;

    if (!cuda->timed)
        return ST_OK;
    CUDA_TRY(&cuda->gpu, cudaEventRecord(cuda->stage_ended, cuda->gpu.stream), "take the time");
    CUDA_TRY(&cuda->gpu, cudaEventSynchronize(cuda->stage_ended), "run the step %s", cuda_stage_name(stage));
    CUDA_TRY(&cuda->gpu, cudaEventElapsedTime(&ms, cuda->stage_began, cuda->stage_ended), "take the time");
    stage_ms[stage] += (double)ms;
    return ST_OK;
}

/* --- devices ------------------------------------------------------------------------------------------------------ */

static enum status cuda_describe(int device, char *text, size_t bytes)
{
    const struct gpu gpu = {.device = device};
    struct cudaDeviceProp p;
    int n = 0, driver = 0, runtime = 0;
    const cudaError_t found = cudaGetDeviceCount(&n);

    if (found != cudaSuccess) {
        (void)cudaGetLastError();
        return FAIL(ST_UNSUPPORTED, "backend cuda: no GPU can be used: %s", cudaGetErrorString(found));
    }
    if (device < 0 || device >= n)
        return FAIL(ST_UNSUPPORTED, "backend cuda: there is no GPU %d: %d found", device, n);
    CUDA_TRY(&gpu, cudaGetDeviceProperties(&p, device), "ask for its properties");
    CUDA_TRY(&gpu, cudaDriverGetVersion(&driver), "ask for the driver's version");
    CUDA_TRY(&gpu, cudaRuntimeGetVersion(&runtime), "ask for the runtime's version");
    snprintf(text, bytes, "%s, %.0f GiB, %d SMs, compute capability %d.%d, CUDA driver %d.%d, runtime %d.%d", p.name,
             (double)p.totalGlobalMem / (double)(1 << 30), p.multiProcessorCount, p.major, p.minor, driver / 1000,
             driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10);
    return ST_OK;
}

/* --- life --------------------------------------------------------------------------------------------------------- */

/* *pointer_to becomes the place of a table on the GPU. */
static enum status send_table(struct cuda *cuda, void *pointer_to, const void *table, size_t bytes)
{
    void **to = pointer_to;

    TRY(gpu_reserve(&cuda->gpu, to, bytes, "the tables of linear light"));
    CUDA_TRY(&cuda->gpu, cudaMemcpy(*to, table, bytes, cudaMemcpyHostToDevice),
             "copy the tables of linear light to it");
    return ST_OK;
}

static enum status open_light(struct cuda *cuda)
{
    const struct picture_settings *p = &cuda->setup.picture;
    struct {
        struct transfer transfer;
        struct tone tone;
    } *tables = mem_array(1, sizeof *tables);
    enum status st;

    TRY_MEM(tables);
    transfer_init(&tables->transfer, p->legacy);
    st = send_table(cuda, &cuda->transfer, &tables->transfer, sizeof tables->transfer);
    if (st == ST_OK && tone_is_needed(&p->tone)) {
        tone_init(&tables->tone, &p->tone);
        st = send_table(cuda, &cuda->tone, &tables->tone, sizeof tables->tone);
    }
    free(tables);
    return st;
}

static enum status open_space(struct cuda *cuda)
{
    const struct space_rules *rules = &cuda->setup.kmeans.space;
    const size_t chunk = (size_t)cuda->chunk;
    struct space *space;
    enum status st;

    if (rules->space == SPACE_SRGB)
        return ST_OK;
    space = mem_array(1, sizeof *space);
    TRY_MEM(space);
    space_init(space, rules);
    st = send_table(cuda, &cuda->space, space, sizeof *space);
    free(space);
    TRY(st);
    return gpu_reserve(&cuda->gpu, &cuda->in_space, sizeof *cuda->in_space * chunk * cuda->n_pixels, "pixels");
}

static enum status open_weights(struct cuda *cuda)
{
    const struct kmeans_settings *k = &cuda->setup.kmeans;
    struct weights *weights;
    enum status st;

    cuda->work.levels.max_weight = 1;
    if (!weights_are_needed(&k->weights))
        return ST_OK;
    weights = mem_array(1, sizeof *weights);
    TRY_MEM(weights);
    weights_init(weights, &k->weights, &k->space, cuda->setup.rarity);
    st = send_table(cuda, &cuda->weights, weights, sizeof *weights);
    free(weights);
    cuda->work.levels.weights = cuda->weights;
    cuda->work.levels.max_weight = WEIGHTS_MOST;
    return st;
}

/* Bytes for a frame: its cells and what the levels record of them. */
static const size_t cells_bytes = CELLS * (sizeof(uint32_t) + sizeof(struct cell) + sizeof(uint16_t) +
                                           sizeof(uint16_t) * LEVELS_CELL_WORDS + sizeof(uint32_t) * N_LEVELS);

/* Of a coarse point. */
static size_t coarse_sum_bytes(const struct levels *l)
{
    return 4 * (levels_are_wide(l) ? sizeof(uint64_t) : sizeof(uint32_t));
}

/* Of a frame's points: colours, weights and, where these are something else, areas. */
static size_t exact_bytes(const struct levels *l)
{
    return (l->weights ? 3 : 2) * sizeof(uint32_t) * (size_t)l->exact_room;
}

/* How many slots are clustered at a time: what fits the budget, but at least one. */
static void size_chunk(struct cuda *cuda)
{
    const struct levels *l = &cuda->work.levels;
    const size_t frame_bytes = sizeof *l->cells.low * l->cells.low_room + exact_bytes(l) + cells_bytes +
                               (12 + coarse_sum_bytes(l)) * LEVELS_ROOM +
                               (size_t)cuda->work.n_init * (2 * KMEANS_CENTRE_WORDS + sizeof(int64_t));
    size_t chunk = scratch_budget / frame_bytes;

    if (chunk > (size_t)cuda->setup.batch)
        chunk = (size_t)cuda->setup.batch;
    cuda->chunk = chunk < 1 ? 1 : (int)chunk;
}

static enum status open_levels(struct cuda *cuda)
{
    struct levels *l = &cuda->work.levels;
    const struct kmeans_schedule *s = &cuda->work.schedule;
    const uint32_t n_pixels = cuda->n_pixels, n_colours = 1u << KMEANS_COLOUR_BITS;

    l->cells.n_pixels = n_pixels;
    l->cells.low_room = (n_pixels + 3 * (n_pixels < CELLS ? n_pixels : CELLS) + 3) & ~3u;
    l->exact_room = ((n_pixels < n_colours ? n_pixels : n_colours) + 3) & ~3u;
    l->plain = cuda->setup.kmeans.plain;
    l->polish_points = s->polish_points;
    l->search_points = s->search_points;
    l->seed_points = s->seed_points;
    size_chunk(cuda);

    const size_t chunk = (size_t)cuda->chunk, exact = chunk * l->exact_room;
    const size_t points_bytes = chunk * exact_bytes(l), rgb_bytes = 3 * (size_t)n_pixels;
    TRY(gpu_reserve(&cuda->gpu, &l->cells.low, sizeof *l->cells.low * chunk * l->cells.low_room, "pixels by cell"));
    TRY(gpu_reserve(&cuda->gpu, &l->cells.next, sizeof *l->cells.next * chunk * CELLS, "cells"));
    TRY(gpu_reserve(&cuda->gpu, &l->cells.cell, sizeof *l->cells.cell * chunk * CELLS, "cells"));
    TRY(gpu_reserve(&cuda->gpu, &l->cells.large, sizeof *l->cells.large * chunk * CELLS, "cells"));
    TRY(gpu_reserve(&cuda->gpu, &l->cells.counts, sizeof *l->cells.counts * chunk, "cells"));
    TRY(gpu_reserve(&cuda->gpu, &l->cell_heads, sizeof *l->cell_heads * chunk * CELLS * LEVELS_CELL_WORDS, "counts"));
    TRY(gpu_reserve(&cuda->gpu, &l->cell_offset, sizeof *l->cell_offset * chunk * CELLS * N_LEVELS, "offsets"));
    TRY(gpu_reserve(&cuda->gpu, &cuda->points, points_bytes > rgb_bytes ? points_bytes : rgb_bytes, "colours"));
    TRY(gpu_reserve(&cuda->gpu, &l->info, sizeof *l->info * chunk, "levels"));
    l->colour = cuda->points;
    l->weight = l->colour + exact;
    l->area = l->weights ? l->weight + exact : l->weight;
    if (l->plain)
        return ST_OK;
    TRY(gpu_reserve(&cuda->gpu, &l->coarse_first, sizeof(uint32_t) * chunk * LEVELS_ROOM, "coarse levels"));
    TRY(gpu_reserve(&cuda->gpu, &l->coarse_colour, sizeof(uint32_t) * chunk * LEVELS_ROOM, "coarse levels"));
    TRY(gpu_reserve(&cuda->gpu, &l->coarse_weight, sizeof(uint32_t) * chunk * LEVELS_ROOM, "coarse levels"));
    return gpu_reserve(&cuda->gpu, &l->coarse_sum, coarse_sum_bytes(l) * chunk * LEVELS_ROOM, "coarse levels");
}

static enum status open_kmeans(struct cuda *cuda)
{
    struct kmeans_work *w = &cuda->work;

    w->k = cuda->setup.kmeans.k;
    w->n_init = cuda->setup.kmeans.n_init;
    w->seed = cuda->setup.kmeans.seed;
    w->schedule = kmeans_schedule_of(w->k, w->n_init, cuda->setup.kmeans.plain);
    w->shared_block = cuda->gpu.shared_block;
    w->shared_sm = cuda->gpu.shared_sm;
    TRY(open_weights(cuda));
    TRY(open_levels(cuda));

    const size_t chunk = (size_t)cuda->chunk, n_restarts = chunk * (size_t)w->n_init;
    const size_t n_last = chunk * (size_t)w->schedule.stage[KMEANS_STAGES - 1].n;
    TRY(gpu_reserve(&cuda->gpu, &w->centre, sizeof *w->centre * n_restarts * KMEANS_CENTRE_WORDS, "restarts"));
    TRY(gpu_reserve(&cuda->gpu, &w->cost, sizeof *w->cost * n_restarts, "restarts"));
    return gpu_reserve(&cuda->gpu, &w->last, sizeof *w->last * n_last, "restarts");
}

static enum status cuda_open(void *priv, const struct compute_setup *setup)
{
    struct cuda *cuda = priv;
    const struct picture_settings *p = &setup->picture;
    const size_t batch = (size_t)setup->batch;

    cuda->setup = *setup;
    if (p->width > MAX_SIDE || p->height > MAX_SIDE)
        return FAIL(ST_UNSUPPORTED, "backend cuda: a picture of %d x %d pixels: no side may be above %d", p->width,
                    p->height, MAX_SIDE);
    cuda->n_pixels = (uint32_t)p->width * (uint32_t)p->height;
    cuda->n_lines = !p->want_lines ? 0 : (size_t)(p->lines_are_columns ? p->width : p->height);
    cuda->timed = timing_on;

    /* FFmpeg's NVDEC shares the primary context only if it was made to block rather than spin; which is what we want,
     * as the cores are busy decoding. */
    TRY(gpu_open(&cuda->gpu, setup->device, true));
    TRY(gpu_event(&cuda->gpu, &cuda->decoded, false));
    for (int i = 0; i < CUDA_MAX_STAGING; i++)
        TRY(gpu_event(&cuda->gpu, &cuda->staging[i].sent, false));
    if (cuda->timed) {
        TRY(gpu_event(&cuda->gpu, &cuda->stage_began, true));
        TRY(gpu_event(&cuda->gpu, &cuda->stage_ended, true));
    }
    TRY(open_light(cuda));
    TRY(gpu_reserve(&cuda->gpu, &cuda->key, sizeof *cuda->key * batch * cuda->n_pixels, "pixels"));
    TRY(open_kmeans(cuda));
    TRY(open_space(cuda));
    TRY(gpu_reserve(&cuda->gpu, &cuda->frame_number, sizeof *cuda->frame_number * batch, "results"));
    TRY(gpu_reserve(&cuda->gpu, &cuda->clusters, sizeof *cuda->clusters * batch, "results"));
    TRY(gpu_reserve(&cuda->gpu, &cuda->light_sum, 3 * sizeof *cuda->light_sum * batch, "results"));
    TRY(gpu_pin(&cuda->gpu, &cuda->host_frame_number, sizeof *cuda->frame_number * batch, "results"));
    TRY(gpu_pin(&cuda->gpu, &cuda->host_clusters, sizeof *cuda->clusters * batch, "results"));
    TRY(gpu_pin(&cuda->gpu, &cuda->host_light_sum, 3 * sizeof *cuda->light_sum * batch, "results"));
    if (cuda->n_lines == 0)
        return ST_OK;
    TRY(gpu_reserve(&cuda->gpu, &cuda->lines, 3 * batch * cuda->n_lines, "lines"));
    return gpu_pin(&cuda->gpu, &cuda->host_lines, 3 * batch * cuda->n_lines, "lines");
}

static void cuda_close(void *priv)
{
    gpu_close(&((struct cuda *)priv)->gpu);
}

/* --- cluster ------------------------------------------------------------------------------------------------------ */

/* Slots first .. first + n - 1, n <= chunk. */
static enum status cluster_chunk(struct cuda *cuda, int first, int n)
{
    const struct picture_settings *p = &cuda->setup.picture;
    struct kmeans_work work = cuda->work;

    work.levels.cells.key = cuda->key + (size_t)first * cuda->n_pixels;
    work.frame_number = cuda->frame_number + first;
    work.result = cuda->clusters + first;
    if (cuda->space) { /* weights are of its colours, not of sRGB's */
        work.levels.weights = NULL;
        work.levels.area = work.levels.weight;
    }
    const struct light_job light = {
        .levels = work.levels,
        .width = (uint32_t)p->width,
        .height = (uint32_t)p->height,
        .want_lines = cuda->n_lines > 0,
        .lines_are_columns = p->lines_are_columns,
        .transfer = cuda->transfer,
        .sum = cuda->light_sum + 3 * (size_t)first,
        .lines = cuda->n_lines > 0 ? cuda->lines + 3 * (size_t)first * cuda->n_lines : NULL,
    };

    CUDA_STEP(cuda, CUDA_STAGE_CELLS, launch_cells(&work.levels.cells, n, cuda->gpu.stream));
    CUDA_STEP(cuda, CUDA_STAGE_LEVELS, launch_levels(&work.levels, n, cuda->gpu.stream));
    CUDA_STEP(cuda, CUDA_STAGE_LIGHT, launch_light(&light, n, cuda->gpu.stream));
    if (cuda->space) { /* light is of sRGB's colours: cells and levels anew */
        CUDA_STEP(cuda, CUDA_STAGE_CONVERT,
                  launch_space(work.levels.cells.key, (size_t)n * cuda->n_pixels, cuda->space, cuda->in_space,
                               cuda->gpu.stream));
        work.levels.cells.key = cuda->in_space;
        work.levels.weights = cuda->weights;
        work.levels.area = cuda->work.levels.area;
        CUDA_STEP(cuda, CUDA_STAGE_CELLS, launch_cells(&work.levels.cells, n, cuda->gpu.stream));
        CUDA_STEP(cuda, CUDA_STAGE_LEVELS, launch_levels(&work.levels, n, cuda->gpu.stream));
    }
    if (work.levels.plain) {
        CUDA_STEP(cuda, CUDA_STAGE_SEARCH, launch_plain(&work, n, cuda->gpu.stream));
    } else {
        CUDA_STEP(cuda, CUDA_STAGE_SEARCH, launch_search(&work, n, cuda->gpu.stream));
        CUDA_STEP(cuda, CUDA_STAGE_REFINE, launch_refine(&work, n, cuda->gpu.stream));
    }
    CUDA_STEP(cuda, CUDA_STAGE_FINAL, launch_final(&work, n, cuda->gpu.stream));
    return ST_OK;
}

static enum status cuda_cluster(void *priv, int n, const int64_t *frame_number, struct frame_clusters *clusters,
                                struct frame_light *light, uint8_t **lines)
{
    struct cuda *cuda = priv;
    const size_t count = (size_t)n, line_bytes = 3 * cuda->n_lines;

    TRY(gpu_use(&cuda->gpu));
    TRY(cuda_convert_staged(cuda));
    memcpy(cuda->host_frame_number, frame_number, count * sizeof *frame_number);
    TRY(gpu_send(&cuda->gpu, cuda->frame_number, cuda->host_frame_number, count * sizeof *frame_number,
                 "frame numbers"));
    for (int first = 0; first < n; first += cuda->chunk)
        TRY(cluster_chunk(cuda, first, n - first < cuda->chunk ? n - first : cuda->chunk));
    TRY(gpu_fetch(&cuda->gpu, cuda->host_clusters, cuda->clusters, count * sizeof *clusters, "results"));
    TRY(gpu_fetch(&cuda->gpu, cuda->host_light_sum, cuda->light_sum, 3 * count * sizeof *cuda->light_sum, "results"));
    if (line_bytes > 0 && lines)
        TRY(gpu_fetch(&cuda->gpu, cuda->host_lines, cuda->lines, count * line_bytes, "results"));
    CUDA_TRY(&cuda->gpu, cudaStreamSynchronize(cuda->gpu.stream), "cluster %d frames", n);

    for (int i = 0; i < n; i++) {
        clusters[i] = cuda->host_clusters[i];
        clusters_arrange(&clusters[i]);
        for (int c = 0; c < 3; c++)
            light[i].sum[c] = cuda->host_light_sum[3 * i + c];
        if (line_bytes > 0 && lines)
            memcpy(lines[i], cuda->host_lines + (size_t)i * line_bytes, line_bytes);
    }
    return ST_OK;
}

static enum status cuda_count_cells(void *priv, int n, int64_t *frames)
{
    struct cuda *cuda = priv;
    struct cells cells = cuda->work.levels.cells;
    uint32_t *count = cuda->work.levels.cell_offset, host[CELLS]; /* room of levels, which are not made here */

    TRY(gpu_use(&cuda->gpu));
    TRY(cuda_convert_staged(cuda));
    CUDA_TRY(&cuda->gpu, cudaMemsetAsync(count, 0, sizeof host, cuda->gpu.stream), "clear counts of cells");
    for (int first = 0; first < n; first += cuda->chunk) {
        const int some = n - first < cuda->chunk ? n - first : cuda->chunk;
        cells.key = cuda->key + (size_t)first * cuda->n_pixels;
        if (cuda->space) {
            CUDA_STEP(
                cuda, CUDA_STAGE_CONVERT,
                launch_space(cells.key, (size_t)some * cuda->n_pixels, cuda->space, cuda->in_space, cuda->gpu.stream));
            cells.key = cuda->in_space;
        }
        CUDA_STEP(cuda, CUDA_STAGE_CELLS, launch_cells(&cells, some, cuda->gpu.stream));
        CUDA_STEP(cuda, CUDA_STAGE_CELLS, launch_count_cells(&cells, some, count, cuda->gpu.stream));
    }
    TRY(gpu_fetch(&cuda->gpu, host, count, sizeof host, "counts of cells"));
    CUDA_TRY(&cuda->gpu, cudaStreamSynchronize(cuda->gpu.stream), "count the cells of %d frames", n);
    for (int cell = 0; cell < CELLS; cell++)
        frames[cell] += host[cell];
    return ST_OK;
}

const struct compute_ops compute_cuda = {
    .name = "cuda",
    .priv_bytes = sizeof(struct cuda),
    .has_device = true,
    .shares_cuda = true,
    .batch_frames = 32,
    .batch_pixels = 1 << 25,
    .scan_slice = 1 << 22,
    .describe = cuda_describe,
    .n_devices = gpu_n_devices,
    .open = cuda_open,
    .close = cuda_close,
    .convert = cuda_convert,
    .load = cuda_load,
    .direct = &direct_read_cuda,
    .cluster = cuda_cluster,
    .count_cells = cuda_count_cells,
    .pixels = cuda_pixels,
    .boost = &boost_cuda,
    .copy_speed = cuda_copy_speed,
    .scan = scan_cuda,
};
