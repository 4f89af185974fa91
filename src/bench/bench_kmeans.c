/* bench_kmeans: what a frame costs once it is decoded: convert and k-means, one instance and several at once, as an
 * extraction's workers go about it. Frames lie in host memory: a GPU's time to convert is that with the upload, which
 * is the way of frames from the CPU's decoders. */
#include "bench/measure.h"

#include "barcode/extract.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"
#include "compute/kmeans_rules.h"
#include "film/frame_source.h"

#include <stdlib.h>
#include <string.h>

enum {
    N_FRAMES = 32,
    DEVICE_INSTANCES = 4,
    DEVICE_ROUNDS = 8 /* of all frames a run: a GPU needs milliseconds for one */
};

struct source {
    int n;                        /* at least 1 */
    struct frame frame[N_FRAMES]; /* [n], in host memory of their own */
    size_t bytes;                 /* of all samples */
    struct film_info info;        /* what barcode_picture_size looks at */
    int64_t wanted[N_FRAMES];     /* frames of the film, rising */
    int n_wanted;
};

struct bench {
    const struct bench_run *run;
    struct resources resources;
    struct kmeans_settings kmeans;
    struct source source;
    double copy_speed; /* bytes a second; on the cpu of one thread */
    int n_rounds;
};

struct instance { /* an instance at work */
    const struct bench *bench;
    struct compute *compute;
    int batch;
    enum status st;
    char message[STATUS_MESSAGE_BYTES];
};

/* --- frames ------------------------------------------------------------------------------------------------------- */

static size_t plane_row_bytes(const struct frame *f, int plane)
{
    const int w_log2 = plane > 0 ? f->chroma_w_log2 : 0;
    const size_t n_samples = ((size_t)f->width + ((size_t)1 << w_log2) - 1) >> w_log2;

    return n_samples * (plane > 0 && f->n_planes == 2 ? 2 : 1) * (f->depth > 8 ? 2 : 1);
}

static size_t plane_rows(const struct frame *f, int plane)
{
    const int h_log2 = plane > 0 ? f->chroma_h_log2 : 0;

    return ((size_t)f->height + ((size_t)1 << h_log2) - 1) >> h_log2;
}

/* Gives the source's next frame, which has the size and layout of *like, planes of its own without padding. */
static enum status add_frame(struct source *s, const struct frame *like, uint8_t **samples)
{
    struct frame *f = &s->frame[s->n];
    size_t bytes = 0;

    for (int i = 0; i < like->n_planes; i++)
        bytes += plane_row_bytes(like, i) * plane_rows(like, i);
    uint8_t *at = *samples = mem_array(bytes, 1);
    TRY_MEM(at);
    *f = *like;
    for (int i = 0; i < f->n_planes; i++) {
        f->plane[i] = at;
        f->stride[i] = (ptrdiff_t)plane_row_bytes(f, i);
        at += plane_row_bytes(f, i) * plane_rows(f, i);
    }
    s->bytes += bytes;
    s->n++;
    return ST_OK;
}

/* Smooth fields of colour that drift, a disc that crosses them, and grain. */
static void paint_plane(int number, int plane, int width, int height, uint8_t *at)
{
    const int drift = width * number / N_FRAMES, centre = width / 5 + 3 * drift / 5, radius = height / 5;
    uint32_t grain = 12345u + 3 * (uint32_t)number + (uint32_t)plane;

    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const int across = abs((x + drift) % width * 2 - width); /* 0..width */
            const int dx = x - centre, dy = y - height / 2, disc = dx * dx + dy * dy < radius * radius;
            const int v = plane == 0   ? 40 + 60 * across / width + 70 * y / height + 50 * disc
                          : plane == 1 ? 90 + 60 * across / width - 20 * disc
                                       : 150 - 50 * y / height + 30 * disc;
            grain = grain * 1664525u + 1013904223u;
            *at++ = (uint8_t)(v + (int)(grain >> 28) - 8);
        }
}

static enum status make_frames(struct source *s)
{
    struct frame like = {.n_planes = 3, .width = 1920, .height = 1080, .depth = 8, .matrix = FRAME_BT709};
    uint8_t *at;

    like.chroma_w_log2 = like.chroma_h_log2 = 1;
    s->info = (struct film_info){
        .width = like.width, .height = like.height, .sar_num = 1, .sar_den = 1, .pixel_format = "yuv420p"};
    for (int number = 0; number < N_FRAMES; number++) {
        TRY(add_frame(s, &like, &at));
        for (int i = 0; i < like.n_planes; i++) {
            paint_plane(number, i, (int)plane_row_bytes(&like, i), (int)plane_rows(&like, i), at);
            at += plane_row_bytes(&like, i) * plane_rows(&like, i);
        }
    }
    return ST_OK;
}

static int64_t which_frame(void *context, int64_t frame)
{
    const struct source *s = context;

    for (int i = 0; i < s->n_wanted; i++)
        if (s->wanted[i] == frame)
            return i;
    return -1;
}

static enum status keep_frame(void *context, int64_t which, const struct frame *frame, const char *hash)
{
    struct source *s = context;
    uint8_t *at;

    (void)which, (void)hash;
    if (s->n == s->n_wanted) /* one came out twice */
        return ST_OK;
    TRY(add_frame(s, frame, &at));
    for (int i = 0; i < frame->n_planes; i++)
        for (size_t y = 0; y < plane_rows(frame, i); y++, at += plane_row_bytes(frame, i))
            memcpy(at, (const uint8_t *)frame->plane[i] + (ptrdiff_t)y * frame->stride[i], plane_row_bytes(frame, i));
    return ST_OK;
}

static enum status read_frames(struct bench *b, const char *path)
{
    struct source *s = &b->source;
    struct film film = {0};
    const struct decoder_setup setup = {
        .film = &film,
        .path = DECODER_CPU, /* NVDEC's frames would not lie in host memory */
        .threads = b->resources.threads,
        .sink = {s, which_frame, keep_frame, NULL},
        .stop = b->run->stop,
    };
    struct decoder *decoder = NULL;
    enum status st;

    TRY_OR(done, st, film_open(&film, path, b->run->stop, NULL, NULL));
    s->info = film.info;
    s->n_wanted = film.n_frames < N_FRAMES ? (int)film.n_frames : N_FRAMES;
    for (int i = 0; i < s->n_wanted; i++)
        s->wanted[i] = film.n_frames * i / s->n_wanted;
    TRY_OR(done, st, decoder_open(&setup, &decoder));
    TRY_OR(done, st, decoder_run(decoder, s->wanted, s->n_wanted));
    TRY_OR(done, st, decoder_finish(decoder));
    if (s->n == 0)
        st = FAIL(ST_FORMAT, "%s: no frame could be decoded", path);
done:
    decoder_close(&decoder);
    film_release(&film);
    return st;
}

/* --- runs --------------------------------------------------------------------------------------------------------- */

/* All frames, batch by batch; a source of fewer is gone through again. Adds the seconds of convert and of cluster. A
 * GPU may still have frames to convert when convert returns: rgb, if not NULL, has room for a picture whose pixels are
 * asked for then, so that convert's seconds are all of it (and a picture's way back). */
static enum status run_frames(const struct instance *instance, uint8_t *rgb, double seconds[2])
{
    const struct source *s = &instance->bench->source;
    struct frame_clusters clusters[N_FRAMES];
    struct frame_light light[N_FRAMES];
    int64_t number[N_FRAMES];

    for (int first = 0; first < N_FRAMES; first += instance->batch) {
        const int n = N_FRAMES - first < instance->batch ? N_FRAMES - first : instance->batch;
        const double started = clock_seconds();
        TRY(bench_check_stop(instance->bench->run));
        for (int i = 0; i < n; i++) {
            number[i] = first + i;
            TRY(compute_convert(instance->compute, i, &s->frame[(first + i) % s->n]));
        }
        if (rgb)
            TRY(compute_pixels(instance->compute, n - 1, rgb));
        const double converted = clock_seconds();
        TRY(compute_cluster(instance->compute, n, number, clusters, light, NULL));
        seconds[0] += converted - started;
        seconds[1] += clock_seconds() - converted;
    }
    return ST_OK;
}

static void run_instance(void *context, int64_t item, int thread)
{
    struct instance *instance = (struct instance *)context + item;
    double seconds[2] = {0.0, 0.0};

    (void)thread;
    instance->st = ST_OK;
    for (int round = 0; round < instance->bench->n_rounds && instance->st == ST_OK; round++)
        instance->st = run_frames(instance, NULL, seconds);
    if (instance->st != ST_OK)
        memcpy(instance->message, status_message(), sizeof instance->message);
}

/* All instances, their threads, and room for a picture. */
struct instances {
    struct instance *instance;
    int n;
    struct pool *pool;
    uint8_t *rgb;
};

/* Microseconds a frame of convert and of cluster, one instance alone. */
static enum status time_one(void *context, double us[2])
{
    const struct instances *instances = context;
    const int n_rounds = instances->instance->bench->n_rounds;
    double seconds[2] = {0.0, 0.0};

    for (int round = 0; round < n_rounds; round++)
        TRY(run_frames(instances->instance, instances->rgb, seconds));
    for (int step = 0; step < 2; step++)
        us[step] = 1e6 * seconds[step] / (n_rounds * N_FRAMES);
    return ST_OK;
}

/* Microseconds a frame, all instances at once. */
static enum status time_all(void *context, double *us)
{
    const struct instances *instances = context;
    const double started = clock_seconds();

    pool_run(instances->pool, instances->n, run_instance, instances->instance);
    *us = 1e6 * (clock_seconds() - started) / ((double)instances->n * instances->instance->bench->n_rounds * N_FRAMES);
    for (int i = 0; i < instances->n; i++)
        if (instances->instance[i].st != ST_OK) {
            status_adopt(instances->instance[i].message);
            return instances->instance[i].st;
        }
    return ST_OK;
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

static void add_rows(const struct bench *b, const struct picture_settings *p, int n_instances, const double us[2],
                     double us_all)
{
    struct bench_table *t = b->run->table;
    const double picture_bytes = 3.0 * p->width * p->height, a_byte = 1e6 / b->copy_speed;

    bench_row_limit(
        bench_table_row(t, "us/frame", true, us[0], "%s to %dx%d",
                        b->resources.ops->has_device ? "upload and convert" : "convert", p->width, p->height),
        a_byte * ((double)b->source.bytes / b->source.n + picture_bytes), "frame read and picture written once");
    bench_row_limit(
        bench_table_row(t, "us/frame", true, us[1], "k-means of %dx%d, k=%d", p->width, p->height, b->kmeans.k),
        a_byte * picture_bytes, "pixels read once");
    bench_table_row(t, "us/frame", true, us_all, "both, %dx%d, %d instance%s at once", p->width, p->height, n_instances,
                    n_instances == 1 ? "" : "s");
}

static enum status measure_picture(const struct bench *b, int width, int height)
{
    const int n_instances = b->resources.ops->has_device ? DEVICE_INSTANCES : b->resources.threads;
    const struct picture_settings picture = {.width = width, .height = height};
    const struct compute_setup setup = {.device = b->resources.device,
                                        .batch = extract_batch(b->resources.ops, &picture),
                                        .picture = picture,
                                        .kmeans = b->kmeans};
    struct instances instances = {.instance = mem_array((size_t)n_instances, sizeof *instances.instance),
                                  .n = n_instances,
                                  .rgb = mem_array((size_t)width * (size_t)height, 3)};
    double us[2], us_all;
    enum status st;

    TRY_OR(done, st, instances.instance && instances.rgb ? pool_open(n_instances, &instances.pool) : ST_NOMEM);
    for (int i = 0; i < n_instances; i++) {
        instances.instance[i] = (struct instance){.bench = b, .batch = setup.batch};
        TRY_OR(done, st, compute_open(b->resources.ops, &setup, &instances.instance[i].compute));
    }
    TRY_OR(done, st, bench_time_runs(b->run, NULL, time_one, &instances, 2, us));
    TRY_OR(done, st, bench_time_runs(b->run, NULL, time_all, &instances, 1, &us_all));
    add_rows(b, &setup.picture, n_instances, us, us_all);
done:
    for (int i = 0; instances.instance && i < n_instances; i++)
        compute_close(&instances.instance[i].compute);
    pool_close(&instances.pool);
    free(instances.rgb);
    free(instances.instance);
    return st;
}

static void add_facts(const struct bench *b, const char *film)
{
    const struct source *s = &b->source;
    struct bench_table *t = b->run->table;

    bench_add_resources(b->run, &b->resources);
    bench_table_fact(t, "frames", "%d of %dx%d, %s, %s%s", s->n, s->info.width, s->info.height, s->info.pixel_format,
                     film ? "of " : "made up", film ? film : "");
    bench_table_fact(t, "k-means", "k = %d, n-init = %d%s", b->kmeans.k, b->kmeans.n_init,
                     b->kmeans.plain ? ", plain" : "");
    bench_table_fact(t, "copying", "%.2f GB/s read and written%s", 1e-9 * b->copy_speed,
                     b->resources.ops->has_device ? "" : ", one thread");
}

/* Small frames are fitted into both boxes as they are: no size is measured twice. */
static enum status measure(struct bench *b, const char *film)
{
    static const struct barcode_settings sizes[] = {{.scale = SCALE_FIT, .box_width = 480, .box_height = 270},
                                                    {.scale = SCALE_FIT, .box_width = 426, .box_height = 240},
                                                    {.scale = SCALE_FULL}};
    enum { N_SIZES = sizeof sizes / sizeof *sizes };
    int width[N_SIZES], height[N_SIZES];

    TRY(film ? read_frames(b, film) : make_frames(&b->source));
    TRY(b->resources.ops->copy_speed(b->resources.device, 1, &b->copy_speed));
    add_facts(b, film);
    for (int i = 0; i < N_SIZES; i++) {
        bool is_new = true;
        barcode_picture_size(&b->source.info, &sizes[i], &width[i], &height[i]);
        for (int j = 0; j < i; j++)
            is_new &= width[j] != width[i] || height[j] != height[i];
        if (is_new)
            TRY(measure_picture(b, width[i], height[i]));
    }
    return ST_OK;
}

enum status bench_kmeans(const struct bench_run *run, const char *film, const struct kmeans_settings *kmeans)
{
    if (run->comm->rank > 0)
        return ST_OK;

    struct bench *b = mem_array(1, sizeof *b);
    TRY_MEM(b);
    b->run = run;
    b->kmeans = *kmeans;
    if (kmeans->n_init == 0)
        b->kmeans.n_init = kmeans_default_restarts(kmeans->k, kmeans->plain);
    enum status st = resources_choose(run->comm, run->backend, run->threads, &b->resources);
    if (st == ST_OK) {
        b->n_rounds = b->resources.ops->has_device ? DEVICE_ROUNDS : 1;
        st = measure(b, film);
    }
    for (int i = 0; i < b->source.n; i++)
        free((void *)b->source.frame[i].plane[0]);
    free(b);
    return st;
}
