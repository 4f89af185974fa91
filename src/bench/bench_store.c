/* bench_store: see bench.h, bench_io. Made-up frames are kept and read again as an extraction does it, by all threads,
 * each with an instance of the backend; nothing is clustered. Beside it the same bytes in pieces of 4 MiB, by the same
 * threads. Takes 0.4 GB in the folder, in a folder of its own that is removed again. "From the disk": the page cache
 * is told to drop the file before each run, and the comparison reads past it, where the file system allows that. */
#include "bench/measure.h"

#include "barcode/frame_store.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/sha256.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N_FRAMES = 512, WIDTH = 480, HEIGHT = 270, FRAME_BYTES = 3 * WIDTH * HEIGHT, PIECE = 4 << 20, SEED = 29 };

static const int64_t all_bytes = (int64_t)N_FRAMES * FRAME_BYTES;

struct store_bench;
typedef enum status do_item(struct store_bench *b, int64_t item, int thread);

struct store_bench {
    const struct bench_run *run;
    struct resources resources;
    struct pool *pool;
    struct film film;
    struct plan plan;
    struct frame_store_frames frames;
    struct compute_setup setup; /* of the instances */
    struct compute **compute;   /* [threads] */
    uint8_t *scratch;           /* u8 [threads, PIECE], which has room for a frame too; as direct reading wants it */
    char folder[PATH_MAX], plain[PATH_MAX];
    struct frame_store *store;
    enum frame_store_way way;
    int fd; /* of the plain file */
    bool is_cold;
    do_item *item;
    atomic_int st;
    char message[STATUS_MESSAGE_BYTES];
};

/* --- threads ------------------------------------------------------------------------------------------------------ */

static void run_item(void *context, int64_t item, int thread)
{
    struct store_bench *b = context;

    if (atomic_load(&b->st) != ST_OK)
        return;
    const enum status st = b->item(b, item, thread);
    int none = ST_OK;
    if (st != ST_OK && atomic_compare_exchange_strong(&b->st, &none, (int)st))
        memcpy(b->message, status_message(), sizeof b->message);
}

static enum status run_all(struct store_bench *b, do_item *item, int64_t n)
{
    TRY(bench_check_stop(b->run));
    b->item = item;
    atomic_store(&b->st, ST_OK);
    pool_run(b->pool, n, run_item, b);
    if (atomic_load(&b->st) != ST_OK)
        status_adopt(b->message);
    return (enum status)atomic_load(&b->st);
}

static uint8_t *scratch_of(const struct store_bench *b, int thread)
{
    return b->scratch + (size_t)thread * PIECE;
}

/* --- frames ------------------------------------------------------------------------------------------------------- */

static enum status write_frame(struct store_bench *b, int64_t sample, int thread)
{
    uint8_t *pixels = scratch_of(b, thread);

    memcpy(pixels, &sample, sizeof sample); /* no two are alike */
    return frame_store_write(b->store, sample, pixels);
}

static enum status load_frame(struct store_bench *b, int64_t sample, int thread)
{
    return frame_store_load(b->store, sample, b->compute[thread], (int)sample % b->setup.batch);
}

static enum status keep_once(void *context, double *seconds)
{
    struct store_bench *b = context;
    const double started = clock_seconds();

    enum status st = frame_store_create(b->folder, &b->frames, &b->store);
    if (st == ST_OK)
        st = run_all(b, write_frame, N_FRAMES);
    if (st == ST_OK)
        st = frame_store_commit(b->store);
    frame_store_close(&b->store);
    *seconds = clock_seconds() - started;
    return st;
}

/* Calls act(path) of every file in the folder. */
static void for_files(const struct store_bench *b, void (*act)(const char *path))
{
    DIR *entries = opendir(b->folder);
    char path[PATH_MAX + 256];

    for (const struct dirent *e = entries ? readdir(entries) : NULL; e; e = readdir(entries)) {
        snprintf(path, sizeof path, "%s/%s", b->folder, e->d_name);
        if (e->d_name[0] != '.')
            act(path);
    }
    if (entries)
        closedir(entries);
}

static void evict(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0)
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    if (fd >= 0)
        close(fd);
}

static void remove_file(const char *path)
{
    (void)unlink(path);
}

static enum status load_once(void *context, double *seconds)
{
    struct store_bench *b = context;

    if (b->is_cold)
        for_files(b, evict);
    const double started = clock_seconds();
    enum status st = frame_store_find(b->folder, &b->frames, b->way, &b->store);
    if (st == ST_OK && !b->store)
        st = FAIL(ST_BUG, "frames that were kept are not found");
    if (st == ST_OK)
        st = run_all(b, load_frame, N_FRAMES);
    frame_store_close(&b->store);
    *seconds = clock_seconds() - started;
    return st;
}

/* --- the same bytes ----------------------------------------------------------------------------------------------- */

static size_t piece_bytes(int64_t piece)
{
    const int64_t left = all_bytes - piece * PIECE;

    return (size_t)(left < PIECE ? left : PIECE);
}

static enum status write_piece(struct store_bench *b, int64_t piece, int thread)
{
    return file_write_at(b->plain, b->fd, scratch_of(b, thread), piece_bytes(piece), piece * PIECE);
}

static enum status read_piece(struct store_bench *b, int64_t piece, int thread)
{
    const ssize_t got = pread(b->fd, scratch_of(b, thread), PIECE, (off_t)(piece * PIECE)); /* whole pages */

    return got == (ssize_t)piece_bytes(piece)
               ? ST_OK
               : FAIL(ST_IO, "cannot read %s: %s", b->plain, got < 0 ? strerror(errno) : "too short");
}

static enum status write_plain_once(void *context, double *seconds)
{
    struct store_bench *b = context;
    struct file_out out;
    const double started = clock_seconds();

    TRY(file_out_open(&out, b->plain, true));
    b->fd = fileno(out.stream);
    (void)fallocate(b->fd, 0, 0, all_bytes);
    TRY(file_out_end(&out, run_all(b, write_piece, (all_bytes + PIECE - 1) / PIECE)));
    *seconds = clock_seconds() - started;
    return ST_OK;
}

static enum status read_plain_once(void *context, double *seconds)
{
    struct store_bench *b = context;

    evict(b->is_cold ? b->plain : "");
    const double started = clock_seconds();
    b->fd = open(b->plain, O_RDONLY | O_CLOEXEC | (b->is_cold ? O_DIRECT : 0));
    if (b->fd < 0)
        b->fd = open(b->plain, O_RDONLY | O_CLOEXEC);
    if (b->fd < 0)
        return FAIL(ST_IO, "cannot read %s: %s", b->plain, strerror(errno));
    const enum status st = run_all(b, read_piece, (all_bytes + PIECE - 1) / PIECE);
    close(b->fd);
    *seconds = clock_seconds() - started;
    return st;
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

static enum status add_row(struct store_bench *b, bench_once *once, bench_once *plain, const char *name,
                           const char *limit_name)
{
    const double gigabytes = 1e-9 * (double)all_bytes;
    double seconds, plain_seconds;

    TRY(bench_time_runs(b->run, NULL, plain, b, 1, &plain_seconds));
    TRY(bench_time_runs(b->run, NULL, once, b, 1, &seconds));
    bench_row_limit(bench_table_row(b->run->table, "GB/s", false, gigabytes / seconds, "%s", name),
                    gigabytes / plain_seconds, "%s", limit_name);
    return ST_OK;
}

static enum status add_rows(struct store_bench *b)
{
    const struct compute_direct *direct = b->resources.ops->direct;
    const bool is_device = b->resources.ops->has_device;
    char text[STATUS_MESSAGE_BYTES] = "the backend has none", name[BENCH_TEXT_BYTES];

    bench_table_fact(b->run->table, "frame store", "%d frames of %dx%d, %.2f GB, %d threads", N_FRAMES, WIDTH, HEIGHT,
                     1e-9 * (double)all_bytes, b->resources.threads);
    TRY(add_row(b, keep_once, write_plain_once, "keep frames", "the same bytes in pieces of 4 MiB"));
    b->is_cold = true;
    snprintf(name, sizeof name, "load frames%s from the disk, pread", is_device ? " to the GPU" : "");
    TRY(add_row(b, load_once, read_plain_once, name, "the disk read past the page cache"));
    if (direct && direct->describe(text, sizeof text) == ST_OK) {
        b->way = FRAME_STORE_DIRECT;
        snprintf(name, sizeof name, "load frames to the GPU from the disk, %s", text);
        const enum status st = add_row(b, load_once, read_plain_once, name, "the disk read past the page cache");
        if (st == ST_UNSUPPORTED) /* not of this file system */
            snprintf(text, sizeof text, "%s", status_message());
        else
            TRY(st);
    }
    bench_table_fact(b->run->table, "direct reading", "%s%s", text,
                     direct && !direct->pays() ? "; no GPUDirect Storage" : "");
    b->way = FRAME_STORE_PREAD;
    b->is_cold = false;
    snprintf(name, sizeof name, "load frames%s from the page cache, pread", is_device ? " to the GPU" : "");
    return add_row(b, load_once, read_plain_once, name, "the page cache read in pieces of 4 MiB");
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static enum status make_film(struct store_bench *b)
{
    static const char nobody[] = "made up";

    b->film.n_frames = b->plan.n_samples = N_FRAMES;
    b->film.frame = mem_array(N_FRAMES, sizeof *b->film.frame);
    b->plan.sample_frame = mem_array(N_FRAMES, sizeof *b->plan.sample_frame);
    b->plan.segment = mem_array(1, sizeof *b->plan.segment);
    b->plan.rank_segment = mem_array(2, sizeof *b->plan.rank_segment);
    if (!b->film.frame || !b->plan.sample_frame || !b->plan.segment || !b->plan.rank_segment)
        return ST_NOMEM;
    sha256_hex(nobody, sizeof nobody, b->film.info.fingerprint);
    for (int64_t i = 0; i < N_FRAMES; i++)
        b->plan.sample_frame[i] = b->film.frame[i].pts = i;
    b->plan.segment[0].last = N_FRAMES;
    b->plan.rank_segment[1] = b->plan.n_segments = b->plan.n_ranks = 1;
    b->frames = (struct frame_store_frames){
        .film = &b->film, .plan = &b->plan, .picture = {.width = WIDTH, .height = HEIGHT}, .ops = b->resources.ops};
    b->setup = (struct compute_setup){.device = b->resources.device,
                                      .batch = b->resources.ops->batch_frames,
                                      .picture = b->frames.picture,
                                      .kmeans = {.k = 1, .n_init = 1}};
    return ST_OK;
}

static enum status open_all(struct store_bench *b, const char *folder)
{
    const int threads = b->resources.threads;

    if (snprintf(b->folder, sizeof b->folder, "%s/jacquard-bench.%ld", folder, (long)getpid()) >=
            (int)sizeof b->folder ||
        snprintf(b->plain, sizeof b->plain, "%s.plain", b->folder) >= (int)sizeof b->plain)
        return FAIL(ST_USAGE, "cannot write into a folder whose name is that long");
    TRY(pool_open(threads, &b->pool));
    b->compute = mem_array((size_t)threads, sizeof *b->compute);
    b->scratch = aligned_alloc(FRAME_STORE_ALIGN, (size_t)threads * PIECE);
    TRY_MEM(b->compute && b->scratch);
    for (size_t i = 0; i < (size_t)threads * PIECE; i += sizeof(uint32_t)) {
        const uint32_t word = rng_philox(SEED, (uint32_t)i, 0, 0, 0).word[0];
        memcpy(b->scratch + i, &word, sizeof word);
    }
    for (int i = 0; i < threads; i++)
        TRY(compute_open(b->resources.ops, &b->setup, &b->compute[i]));
    return ST_OK;
}

enum status bench_store(const struct bench_run *run, const char *folder)
{
    struct store_bench *b = mem_array(1, sizeof *b);
    enum status st;

    TRY_MEM(b);
    b->run = run;
    b->way = FRAME_STORE_PREAD;
    TRY_OR(done, st, resources_choose(run->comm, run->backend, run->threads, &b->resources));
    bench_add_resources(run, &b->resources);
    TRY_OR(done, st, make_film(b));
    TRY_OR(done, st, open_all(b, folder));
    st = add_rows(b);
done:
    for_files(b, remove_file);
    (void)rmdir(b->folder);
    (void)unlink(b->plain);
    for (int i = 0; b->compute && i < b->resources.threads; i++)
        compute_close(&b->compute[i]);
    free(b->compute);
    free(b->scratch);
    pool_close(&b->pool);
    free(b->film.frame);
    plan_release(&b->plan);
    free(b);
    return st;
}
