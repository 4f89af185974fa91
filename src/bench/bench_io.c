/* bench_io: see bench.h. Files are measured as the page cache holds them: what a run reads has been read just before.
 * The two files that are written stand under names of this process for as long as they are measured, an older file is
 * never replaced. Assumes room for some 50 MB on disk and 130 MB in memory. */
#include "bench/bench.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "haar/data/idx.h"
#include "image/png.h"
#include "film/frame_source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum {
    READ_BYTES = 4 << 20,
    PICTURE_WIDTH = 16384,
    PICTURE_HEIGHT = 480,
    PICTURE_COLOURS = 8,
    N_IMAGES = 60000,
    IMAGE_SIDE = 28,
    IMAGE_BYTES = IMAGE_SIDE * IMAGE_SIDE,
    IDX_HEADER_BYTES = 16,
    IDX_BYTES = IDX_HEADER_BYTES + N_IMAGES * IMAGE_BYTES,
    GZIP_LEVEL = 6,
    GZIP_WINDOW = 15 + 16, /* the widest window, with a gzip header */
    SEED = 28
};

struct io {
    const struct bench_run *run;
    const char *film_path;
    struct film film;    /* read once more by every run */
    uint8_t *buffer;     /* of what is read */
    char path[PATH_MAX]; /* of the file in work */
    uint8_t *picture;    /* u8 [PICTURE_HEIGHT, PICTURE_WIDTH, 3] */
    char *png;           /* what became of it */
    size_t png_bytes;
    uint8_t *plain, *packed; /* IDX data, the same as gzip */
    size_t packed_bytes;
};

static enum status check_stop(const struct io *io)
{
    return atomic_load(io->run->stop) ? FAIL(ST_INTERRUPTED, "interrupted") : ST_OK;
}

/* The median of the runs that count; once says how long it took. */
static enum status time_runs(struct io *io, enum status (*once)(struct io *io, double *seconds), double *median)
{
    const int n = io->run->runs;
    double *seconds = mem_array((size_t)n, sizeof *seconds);
    enum status st = seconds ? once(io, median) : ST_NOMEM; /* is not counted */

    for (int i = 0; i < n && st == ST_OK; i++) {
        st = check_stop(io);
        if (st == ST_OK)
            st = once(io, &seconds[i]);
    }
    if (st == ST_OK)
        *median = bench_median(seconds, n);
    free(seconds);
    return st;
}

/* --- a film's packets --------------------------------------------------------------------------------------------- */

static enum status list_once(struct io *io, double *seconds)
{
    film_release(&io->film);
    const double started = clock_seconds();
    TRY(film_open(&io->film, io->film_path, io->run->stop, NULL, NULL));
    *seconds = clock_seconds() - started;
    return ST_OK;
}

static enum status read_once(struct io *io, double *seconds)
{
    const double started = clock_seconds();
    const int fd = open(io->film_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    enum status st = fd >= 0 ? ST_OK : FAIL(ST_USAGE, "cannot open film %s: %s", io->film_path, strerror(errno));
    ssize_t got = 1;

    while (st == ST_OK && got > 0) {
        got = read(fd, io->buffer, READ_BYTES);
        if (got < 0 && errno == EINTR)
            got = 1;
        st = got < 0 ? FAIL(ST_FORMAT, "cannot read %s: %s", io->film_path, strerror(errno)) : check_stop(io);
    }
    if (fd >= 0)
        close(fd);
    *seconds = clock_seconds() - started;
    return st;
}

static enum status measure_film(struct io *io)
{
    struct bench_table *t = io->run->table;
    const char *slash = strrchr(io->film_path, '/');
    double list_seconds, read_seconds;

    io->buffer = mem_array(READ_BYTES, 1);
    if (!io->buffer)
        return ST_NOMEM;
    TRY(time_runs(io, list_once, &list_seconds));
    TRY(time_runs(io, read_once, &read_seconds));

    const struct film_info *i = &io->film.info;
    const double gigabytes = 1e-9 * (double)i->bytes;
    bench_table_fact(t, "film", "%s", io->film_path);
    bench_table_fact(t, "its packets", "%lld of %s in %s, %lld bytes%s", (long long)io->film.n_packets, i->codec,
                     i->container, (long long)i->bytes,
                     i->sequential ? ", listed by decoding: frames cannot be told from packets" : "");
    struct bench_row *row = bench_table_row(t, "GB/s", false, gigabytes / list_seconds, "list packets of %s",
                                            slash ? slash + 1 : io->film_path);
    bench_row_limit(row, gigabytes / read_seconds, "the file read in pieces of 4 MiB");
    return ST_OK;
}

/* --- a picture ---------------------------------------------------------------------------------------------------- */

/* Scenes of a few dozen columns, each column of a few colours on top of each other, the largest share first. */
static void draw_picture(uint8_t *rgb)
{
    for (uint32_t x = 0; x < PICTURE_WIDTH; x++) {
        uint32_t top = 0;
        for (uint32_t c = 0; c < PICTURE_COLOURS; c++) {
            const struct rng_block scene = rng_philox(SEED, x / 40, c, 1, 0), own = rng_philox(SEED, x, c, 2, 0);
            const uint32_t rest = PICTURE_HEIGHT - top, share = rest * (25 + scene.word[3] % 8 + own.word[3] % 4) / 100;
            const uint32_t end = c + 1 < PICTURE_COLOURS ? top + share : PICTURE_HEIGHT;
            uint8_t colour[3];
            for (int i = 0; i < 3; i++)
                colour[i] = (uint8_t)(scene.word[i] % 240 + own.word[i] % 16);
            for (; top < end; top++)
                memcpy(rgb + 3 * ((size_t)top * PICTURE_WIDTH + x), colour, sizeof colour);
        }
    }
}

/* As the program writes its pictures. The file is left to look at. */
static enum status write_png(struct io *io)
{
    struct file_out out;
    enum status st;

    TRY(file_out_open(&out, io->path, false));
    st = png_write_rgb(out.stream, io->path, io->picture, PICTURE_WIDTH, PICTURE_HEIGHT);
    if (st == ST_OK)
        st = file_out_commit(&out);
    file_out_discard(&out);
    return st;
}

static enum status write_raw(const struct io *io, const void *data, size_t bytes)
{
    struct file_out out;
    enum status st;

    TRY(file_out_open(&out, io->path, false));
    if (fwrite(data, 1, bytes, out.stream) == bytes)
        st = file_out_commit(&out);
    else
        st = FAIL(ST_IO, "cannot write %s: %s", io->path, strerror(errno));
    file_out_discard(&out);
    return st;
}

static enum status png_once(struct io *io, double *seconds)
{
    const double started = clock_seconds();

    TRY(write_png(io));
    *seconds = clock_seconds() - started;
    const enum status st = io->png ? ST_OK : file_read_all(io->path, ST_IO, &io->png, &io->png_bytes);
    unlink(io->path);
    return st;
}

static enum status raw_once(struct io *io, double *seconds)
{
    const double started = clock_seconds();

    TRY(write_raw(io, io->png, io->png_bytes));
    *seconds = clock_seconds() - started;
    unlink(io->path);
    return ST_OK;
}

static enum status measure_png(struct io *io)
{
    struct bench_table *t = io->run->table;
    double png_seconds, raw_seconds;
    char libpng[64];

    io->picture = mem_array((size_t)PICTURE_WIDTH * PICTURE_HEIGHT, 3);
    if (!io->picture)
        return ST_NOMEM;
    draw_picture(io->picture);
    TRY(time_runs(io, png_once, &png_seconds));
    TRY(time_runs(io, raw_once, &raw_seconds));

    png_describe(libpng, sizeof libpng);
    bench_table_fact(t, "picture", "%dx%d, %zu bytes as PNG, libpng %s", PICTURE_WIDTH, PICTURE_HEIGHT, io->png_bytes,
                     libpng);
    bench_row_limit(bench_table_row(t, "ms", true, 1e3 * png_seconds, "write PNG"), 1e3 * raw_seconds,
                    "its bytes written as they are");
    return ST_OK;
}

/* --- gzip --------------------------------------------------------------------------------------------------------- */

/* A round spot of ink at (x, y), in 1/16 of a pixel. */
static void draw_spot(uint8_t *image, int x, int y, int ink)
{
    for (int py = y / 16 - 2; py <= y / 16 + 2; py++)
        for (int px = x / 16 - 2; px <= x / 16 + 2; px++) {
            const int dx = 16 * px + 8 - x, dy = 16 * py + 8 - y, v = ink - (dx * dx + dy * dy) / 3;
            uint8_t *pixel = image + py * IMAGE_SIDE + px;
            if (v > *pixel)
                *pixel = (uint8_t)v;
        }
}

/* A bent stroke of a pen on nothing: as much ink as a written digit takes, and as hard to pack. */
static void draw_image(uint32_t number, uint8_t *image)
{
    enum { N_STEPS = 56, LOW = 5 * 16, HIGH = (IMAGE_SIDE - 5) * 16, SPEED = 14 };
    int x = 14 * 16, y = 14 * 16, vx = 8, vy = -8;

    for (uint32_t step = 0; step < N_STEPS; step++) {
        const struct rng_block r = rng_philox(SEED, number, step, 3, 0);
        vx += (int)(r.word[0] % 9) - 4;
        vy += (int)(r.word[1] % 9) - 4;
        vx = vx > SPEED ? SPEED : vx < -SPEED ? -SPEED : vx;
        vy = vy > SPEED ? SPEED : vy < -SPEED ? -SPEED : vy;
        vx = x + vx < LOW || x + vx > HIGH ? -vx : vx;
        vy = y + vy < LOW || y + vy > HIGH ? -vy : vy;
        x += vx;
        y += vy;
        draw_spot(image, x, y, 255 - (int)(r.word[2] % 64));
    }
}

static void draw_images(uint8_t *idx)
{
    static const uint8_t header[IDX_HEADER_BYTES] = {0, 0, 8,          3, 0, 0, N_IMAGES >> 8, N_IMAGES & 255, 0,
                                                     0, 0, IMAGE_SIDE, 0, 0, 0, IMAGE_SIDE};

    memcpy(idx, header, sizeof header);
    for (uint32_t i = 0; i < N_IMAGES; i++)
        draw_image(i, idx + IDX_HEADER_BYTES + (size_t)i * IMAGE_BYTES);
}

static enum status pack(struct io *io)
{
    enum { PIECE_BYTES = 1 << 20 };
    z_stream z = {0};
    int result = Z_OK;
    enum status st = ST_OK;

    if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return FAIL(ST_NOMEM, "out of memory: zlib does not start");
    const size_t room = deflateBound(&z, IDX_BYTES);
    io->packed = mem_array(room, 1);
    st = io->packed ? ST_OK : ST_NOMEM;
    z.next_in = io->plain;
    z.next_out = io->packed;
    z.avail_out = (uInt)room;
    while (st == ST_OK && result == Z_OK) {
        const size_t left = IDX_BYTES - z.total_in;
        z.avail_in = left < PIECE_BYTES ? (uInt)left : PIECE_BYTES;
        result = deflate(&z, left > PIECE_BYTES ? Z_NO_FLUSH : Z_FINISH);
        st = check_stop(io);
    }
    if (st == ST_OK && result != Z_STREAM_END)
        st = FAIL(ST_BUG, "zlib could not pack %d bytes: %s", IDX_BYTES, z.msg ? z.msg : "deflate failed");
    io->packed_bytes = z.total_out;
    deflateEnd(&z);
    return st;
}

static enum status idx_once(struct io *io, double *seconds)
{
    const double started = clock_seconds();
    struct idx idx;
    enum status st = idx_open_images(io->path, &idx);

    if (st == ST_OK)
        st = idx_read(&idx, 0, idx.dim[0], io->plain);
    idx_close(&idx);
    *seconds = clock_seconds() - started;
    return st;
}

static enum status inflate_once(struct io *io, double *seconds)
{
    const double started = clock_seconds();
    z_stream z = {.next_in = io->packed, .avail_in = (uInt)io->packed_bytes};

    if (inflateInit2(&z, GZIP_WINDOW) != Z_OK)
        return FAIL(ST_NOMEM, "out of memory: zlib does not start");
    z.next_out = io->plain;
    z.avail_out = IDX_BYTES;
    const int result = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    *seconds = clock_seconds() - started;
    return result == Z_STREAM_END && z.total_out == IDX_BYTES ? ST_OK : FAIL(ST_BUG, "zlib could not unpack its own");
}

static enum status measure_gzip(struct io *io)
{
    struct bench_table *t = io->run->table;
    const double megabytes = 1e-6 * IDX_BYTES;
    double idx_seconds, inflate_seconds;

    io->plain = mem_array(IDX_BYTES, 1);
    if (!io->plain)
        return ST_NOMEM;
    draw_images(io->plain);
    TRY(pack(io));
    TRY(write_raw(io, io->packed, io->packed_bytes));
    const enum status st = time_runs(io, idx_once, &idx_seconds);
    unlink(io->path);
    TRY(st);
    TRY(time_runs(io, inflate_once, &inflate_seconds));

    bench_table_fact(t, "IDX data", "%d made-up images of %dx%d, %d bytes, %zu as gzip, zlib %s", N_IMAGES, IMAGE_SIDE,
                     IMAGE_SIDE, IDX_BYTES, io->packed_bytes, zlibVersion());
    bench_row_limit(bench_table_row(t, "MB/s", false, megabytes / idx_seconds, "read gzip IDX"),
                    megabytes / inflate_seconds, "zlib's inflate of the same bytes in memory");
    return ST_OK;
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static enum status set_path(struct io *io, const char *folder, const char *suffix)
{
    const int n = snprintf(io->path, sizeof io->path, "%s/jacquard-bench.%ld%s", folder, (long)getpid(), suffix);

    if (folder[0] == '\0' || n >= (int)sizeof io->path)
        return FAIL(ST_USAGE, "cannot write into a folder whose name is %s", folder[0] ? "that long" : "empty");
    return file_check_output(io->path, false);
}

static enum status measure(struct io *io, const char *folder)
{
    TRY(set_path(io, folder, ".png")); /* tells of a folder that cannot be written to before long work starts */
    if (io->film_path)
        TRY(measure_film(io));
    TRY(measure_png(io));
    TRY(set_path(io, folder, ".gz"));
    return measure_gzip(io);
}

enum status bench_io(const struct bench_run *run, const char *film, const char *folder)
{
    struct io *io;
    enum status st;

    if (run->comm->rank > 0)
        return ST_OK;
    io = mem_array(1, sizeof *io);
    if (!io)
        return ST_NOMEM;
    io->run = run;
    io->film_path = film;
    st = measure(io, folder);
    film_release(&io->film);
    free(io->buffer);
    free(io->picture);
    free(io->png);
    free(io->plain);
    free(io->packed);
    free(io);
    return st;
}
