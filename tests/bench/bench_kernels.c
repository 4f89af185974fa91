/* bench_kernels: GPU time of every stage of convert and cluster, a frame, and the speed of one and of four instances.
 *
 *     bench_kernels [-k K] [-n N_INIT] [-r ROUNDS] [-b BATCH] [FILE.ppm ...]
 *
 * Frames are 8-bit 4:2:0 BT.709: synthetic ones (smooth with grain, moving) of 1920 x 1080 and of 426 x 240, or those
 * made from the given binary PPM files (P6, 255; any one size), which are clustered in that size. For each size of
 * frame and picture and each batch (default: 32, 64, 256) it prints microseconds a frame: by
 * stage, measured with CUDA events around each stage while nothing overlaps; their sum; and the time of a whole round
 * on the clock, stages following each other freely, for one instance and for four in threads of their own. The
 * targets beside it are those to stay under for k = 8 so that the GPU hides behind decoding; the copy from the host is
 * not in them.
 * Needs a GPU: else exits with 77. */
#include "base/clock.h"
#include "compute/compute.h"
#include "compute/kmeans_rules.h"
#include "kernels/timing.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_FRAMES = 64, N_SYNTHETIC = 16, N_INSTANCES = 4 };

struct job {
    int from_width, from_height, width, height; /* of the frames and the pictures */
    double target_us;                           /* 0 = none */
};

struct source {
    struct frame frame[MAX_FRAMES];
    int n;
};

struct worker {
    const struct source *source;
    struct compute_setup setup;
    int rounds;
    double seconds;
    bool failed;
    char message[STATUS_MESSAGE_BYTES];
    pthread_barrier_t *start;
};

static void *room(size_t bytes)
{
    void *p = malloc(bytes);

    if (!p) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    return p;
}

static uint8_t level(double v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v + 0.5);
}

/* Takes rgb u8 [height, width, 3]. */
static struct frame frame_of(const uint8_t *rgb, int width, int height)
{
    const int cw = (width + 1) / 2, ch = (height + 1) / 2;
    const size_t chroma_bytes = (size_t)cw * (size_t)ch;
    uint8_t *y = room((size_t)width * (size_t)height), *u = room(chroma_bytes), *v = room(chroma_bytes);
    const struct frame f = {.plane = {y, u, v},
                            .stride = {width, cw, cw},
                            .n_planes = 3,
                            .width = width,
                            .height = height,
                            .chroma_w_log2 = 1,
                            .chroma_h_log2 = 1,
                            .depth = 8,
                            .matrix = FRAME_BT709};

    for (int j = 0; j < height; j++)
        for (int i = 0; i < width; i++) {
            const uint8_t *p = rgb + 3 * ((size_t)j * (size_t)width + (size_t)i);
            const double luma = 0.2126 * p[0] + 0.7152 * p[1] + 0.0722 * p[2];
            const size_t at = (size_t)(j / 2) * (size_t)cw + (size_t)(i / 2);
            y[(size_t)j * (size_t)width + (size_t)i] = level(16 + luma * 219 / 255);
            u[at] = level(128 + (p[2] - luma) / 1.8556 * 224 / 255);
            v[at] = level(128 + (p[0] - luma) / 1.5748 * 224 / 255);
        }
    return f;
}

static struct frame synthetic(int number, int width, int height)
{
    uint8_t *rgb = room(3 * (size_t)width * (size_t)height);
    uint32_t state = 12345u + (uint32_t)number;

    for (int j = 0; j < height; j++)
        for (int i = 0; i < width; i++) {
            uint8_t *p = rgb + 3 * ((size_t)j * (size_t)width + (size_t)i);
            const double x = (double)i / width, y = (double)j / height, t = number / 16.0;
            state = state * 1664525u + 1013904223u;
            const double grain = (double)(state >> 24) / 16 - 8;
            const double dx = x - 0.3 - 0.4 * t, dy = y - 0.5, disc = dx * dx + dy * dy < 0.03 ? 1 : 0;
            p[0] = level(40 + 90 * x + 100 * disc + grain);
            p[1] = level(50 + 110 * y * (1 - 0.5 * t) + 40 * disc + grain);
            p[2] = level(90 + 60 * (1 - x) * y + (i / 160 % 3 == 0 ? 30 : 0) + grain);
        }
    const struct frame f = frame_of(rgb, width, height);
    free(rgb);
    return f;
}

/* In place of those before, which stay where they are: there are few. */
static void make_source(struct source *source, int width, int height)
{
    for (source->n = 0; source->n < N_SYNTHETIC; source->n++)
        source->frame[source->n] = synthetic(source->n, width, height);
}

static int ppm_number(FILE *file)
{
    int c = fgetc(file), n = 0;

    while (isspace(c) || c == '#') {
        while (c == '#' && (c = fgetc(file)) != '\n' && c != EOF)
            c = '#';
        c = fgetc(file);
    }
    for (; isdigit(c) && n < 100000; c = fgetc(file))
        n = 10 * n + c - '0';
    return n;
}

static struct frame read_ppm(const char *path)
{
    FILE *file = fopen(path, "rb");
    char magic[2];

    if (!file || fread(magic, 1, 2, file) != 2 || memcmp(magic, "P6", 2) != 0) {
        fprintf(stderr, "%s: not a binary PPM file\n", path);
        exit(2);
    }
    const int width = ppm_number(file), height = ppm_number(file), most = ppm_number(file);
    if (width < 1 || height < 1 || width > 8192 || height > 8192 || most != 255) {
        fprintf(stderr, "%s: %d x %d with values up to %d is not taken\n", path, width, height, most);
        exit(2);
    }
    const size_t bytes = 3 * (size_t)width * (size_t)height;
    uint8_t *rgb = room(bytes);
    if (fread(rgb, 1, bytes, file) != bytes) {
        fprintf(stderr, "%s: ends early\n", path);
        exit(2);
    }
    fclose(file);
    const struct frame f = frame_of(rgb, width, height);
    free(rgb);
    return f;
}

/* --- runs --------------------------------------------------------------------------------------------------------- */

static enum status run_round(struct compute *c, const struct source *s, int batch, int round)
{
    struct frame_clusters clusters[COMPUTE_MAX_FRAME_BATCH];
    struct frame_light light[COMPUTE_MAX_FRAME_BATCH];
    int64_t number[COMPUTE_MAX_FRAME_BATCH];

    for (int i = 0; i < batch; i++) {
        number[i] = (int64_t)round * batch + i;
        TRY(compute_convert(c, i, &s->frame[i % s->n]));
    }
    return compute_cluster(c, batch, number, clusters, light, NULL);
}

static enum status run_worker(struct worker *w)
{
    struct compute *c;
    enum status st = compute_open(&compute_cuda, &w->setup, &c);

    if (st == ST_OK)
        st = run_round(c, w->source, w->setup.batch, 0); /* warms up */
    pthread_barrier_wait(w->start);
    const double began = clock_seconds();
    for (int r = 0; r < w->rounds && st == ST_OK; r++)
        st = run_round(c, w->source, w->setup.batch, r);
    w->seconds = clock_seconds() - began;
    compute_close(&c);
    return st;
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;

    w->failed = run_worker(w) != ST_OK;
    if (w->failed)
        snprintf(w->message, sizeof w->message, "%s", status_message());
    return NULL;
}

/* Microseconds a frame on the clock, n instances at once. */
static double time_instances(const struct source *source, const struct compute_setup *setup, int n, int rounds)
{
    struct worker worker[N_INSTANCES];
    pthread_t thread[N_INSTANCES];
    pthread_barrier_t start;
    double longest = 0;

    pthread_barrier_init(&start, NULL, (unsigned)n);
    for (int i = 0; i < n; i++) {
        worker[i] = (struct worker){.source = source, .setup = *setup, .rounds = rounds, .start = &start};
        if (pthread_create(&thread[i], NULL, worker_main, &worker[i]) != 0) {
            fprintf(stderr, "cannot start a thread\n");
            exit(2);
        }
    }
    for (int i = 0; i < n; i++) {
        pthread_join(thread[i], NULL);
        if (worker[i].failed) {
            fprintf(stderr, "%s\n", worker[i].message);
            exit(1);
        }
        longest = worker[i].seconds > longest ? worker[i].seconds : longest;
    }
    pthread_barrier_destroy(&start);
    return 1e6 * longest / ((double)n * rounds * setup->batch);
}

static void time_stages(const struct source *source, const struct compute_setup *setup, int rounds,
                        double us[N_CUDA_STAGES])
{
    struct compute *c;
    enum status st;

    cuda_timing_set(true);
    st = compute_open(&compute_cuda, setup, &c);
    if (st == ST_OK)
        st = run_round(c, source, setup->batch, 0);
    cuda_timing_set(true);
    for (int r = 0; r < rounds && st == ST_OK; r++)
        st = run_round(c, source, setup->batch, r);
    cuda_timing_read(us);
    cuda_timing_set(false);
    compute_close(&c);
    if (st != ST_OK) {
        fprintf(stderr, "%s\n", status_message());
        exit(1);
    }
    for (int s = 0; s < N_CUDA_STAGES; s++)
        us[s] *= 1000.0 / ((double)rounds * setup->batch);
}

int main(int argc, char **argv)
{
    struct job job[3] = {{1920, 1080, 480, 270, 50}, {426, 240, 426, 240, 5}, {1920, 1080, 1920, 1080, 0}};
    int batch[3] = {32, 64, 256};
    size_t n_jobs = 3, n_batches = 3;
    static struct source source;
    int k = 8, n_init = 0, rounds = 4, option;
    char text[256];

    while ((option = getopt(argc, argv, "k:n:r:b:")) != -1)
        switch (option) {
        case 'k':
            k = atoi(optarg);
            break;
        case 'n':
            n_init = atoi(optarg);
            break;
        case 'r':
            rounds = atoi(optarg);
            break;
        case 'b':
            batch[0] = atoi(optarg);
            n_batches = 1;
            break;
        default:
            fprintf(stderr, "usage: bench_kernels [-k K] [-n N_INIT] [-r ROUNDS] [-b BATCH] [FILE.ppm ...]\n");
            return 2;
        }
    if (compute_cuda.n_devices() == 0) {
        printf("skipped: %s\n", compute_cuda.describe(0, text, sizeof text) == ST_OK ? "no GPU" : status_message());
        return 77;
    }
    if (compute_cuda.describe(0, text, sizeof text) == ST_OK)
        printf("%s\n", text);
    n_init = n_init > 0 ? n_init : kmeans_default_restarts(k, 0);
    for (; optind < argc && source.n < MAX_FRAMES; optind++)
        source.frame[source.n++] = read_ppm(argv[optind]);
    const bool made = source.n == 0;
    if (!made) {
        const int width = source.frame[0].width, height = source.frame[0].height;
        job[0] = (struct job){width, height, width, height, 0};
        n_jobs = 1;
    }
    printf("%s frames, k = %d, n_init = %d, %d rounds; us a frame\n", made ? "synthetic" : "the files'", k, n_init,
           rounds);

    printf("%-9s %-9s %5s", "frame", "picture", "batch");
    for (int s = 0; s < N_CUDA_STAGES; s++)
        printf(" %7s", cuda_stage_name((enum cuda_stage)s));
    printf(" | %7s %7s | %7s %7s\n", "no copy", "target", "1 inst", "4 inst");
    for (size_t j = 0; j < n_jobs; j++) {
        if (made)
            make_source(&source, job[j].from_width, job[j].from_height);
        for (size_t b = 0; b < n_batches; b++) {
            const struct compute_setup setup = {.batch = batch[b],
                                                .picture = {.width = job[j].width, .height = job[j].height},
                                                .kmeans = {.k = k, .n_init = n_init, .seed = 1}};
            double us[N_CUDA_STAGES], sum = 0;

            time_stages(&source, &setup, rounds, us);
            printf("%4dx%-4d %4dx%-4d %5d", job[j].from_width, job[j].from_height, job[j].width, job[j].height,
                   batch[b]);
            for (int s = 0; s < N_CUDA_STAGES; s++) {
                printf(" %7.2f", us[s]);
                sum += s == CUDA_STAGE_COPY ? 0 : us[s];
            }
            printf(" | %7.2f", sum);
            if (job[j].target_us > 0)
                printf(" %7.0f", job[j].target_us);
            else
                printf(" %7s", "-");
            printf(" | %7.2f", time_instances(&source, &setup, 1, rounds));
            printf(" %7.2f\n", time_instances(&source, &setup, N_INSTANCES, rounds));
            fflush(stdout);
        }
    }
    return 0;
}
