/* bench_io: see bench.h. Files are measured as the page cache holds them: what a run reads has been read just before.
 * The two files that are written stand under names of this process for as long as they are measured; an older file is
 * never replaced. Assumes room for some 50 MB on disk and 130 MB in memory. */
#include "bench/measure.h"

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
    IDX_HEADER_BYTES = 16,
    IDX_BYTES = IDX_HEADER_BYTES + MADE_UP_IMAGES * MADE_UP_PIXELS,
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
    uint8_t *plain; /* IDX data */
    char *packed;   /* the same as gzip */
    size_t packed_bytes;
};

/* --- a film's packets --------------------------------------------------------------------------------------------- */

static enum status list_once(void *context, double *seconds)
{
    struct io *io = context;
    film_release(&io->film);
    const double started = clock_seconds();
    TRY(film_open(&io->film, io->film_path, io->run->stop, NULL, NULL));
    *seconds = clock_seconds() - started;
    return ST_OK;
}

static enum status read_once(void *context, double *seconds)
{
    struct io *io = context;
    const double started = clock_seconds();
    const int fd = open(io->film_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    enum status st = fd >= 0 ? ST_OK : FAIL(ST_USAGE, "cannot open film %s: %s", io->film_path, strerror(errno));
    ssize_t got = 1;

    while (st == ST_OK && got > 0) {
        got = read(fd, io->buffer, READ_BYTES);
        if (got < 0 && errno == EINTR)
            got = 1;
        st =
            got < 0 ? FAIL(ST_FORMAT, "cannot read %s: %s", io->film_path, strerror(errno)) : bench_check_stop(io->run);
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
    TRY_MEM(io->buffer);
    TRY(bench_time_runs(io->run, NULL, list_once, io, 1, &list_seconds));
    TRY(bench_time_runs(io->run, NULL, read_once, io, 1, &read_seconds));

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

    TRY(file_out_open(&out, io->path, false));
    return file_out_end(&out, png_write_rgb(out.stream, io->path, io->picture, PICTURE_WIDTH, PICTURE_HEIGHT));
}

static enum status write_raw(const struct io *io)
{
    struct file_out out;
    enum status st = ST_OK;

    TRY(file_out_open(&out, io->path, false));
    if (fwrite(io->png, 1, io->png_bytes, out.stream) != io->png_bytes)
        st = FAIL(ST_IO, "cannot write %s: %s", io->path, strerror(errno));
    return file_out_end(&out, st);
}

static enum status png_once(void *context, double *seconds)
{
    struct io *io = context;
    const double started = clock_seconds();

    TRY(write_png(io));
    *seconds = clock_seconds() - started;
    const enum status st = io->png ? ST_OK : file_read_all(io->path, ST_IO, &io->png, &io->png_bytes);
    unlink(io->path);
    return st;
}

static enum status raw_once(void *context, double *seconds)
{
    struct io *io = context;
    const double started = clock_seconds();

    TRY(write_raw(io));
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
    TRY_MEM(io->picture);
    draw_picture(io->picture);
    TRY(bench_time_runs(io->run, NULL, png_once, io, 1, &png_seconds));
    TRY(bench_time_runs(io->run, NULL, raw_once, io, 1, &raw_seconds));

    png_describe(libpng, sizeof libpng);
    bench_table_fact(t, "picture", "%dx%d, %zu bytes as PNG, libpng %s", PICTURE_WIDTH, PICTURE_HEIGHT, io->png_bytes,
                     libpng);
    bench_row_limit(bench_table_row(t, "ms", true, 1e3 * png_seconds, "write PNG"), 1e3 * raw_seconds,
                    "its bytes written as they are");
    return ST_OK;
}

/* --- gzip --------------------------------------------------------------------------------------------------------- */

static void draw_images(uint8_t *idx)
{
    static const uint8_t header[IDX_HEADER_BYTES] = {
        0, 0, 8, 3, 0, 0, MADE_UP_IMAGES >> 8, MADE_UP_IMAGES & 255, 0, 0, 0, MADE_UP_SIDE, 0, 0, 0, MADE_UP_SIDE};

    memcpy(idx, header, sizeof header);
    for (uint32_t i = 0; i < MADE_UP_IMAGES; i++)
        bench_draw_digit(i, idx + IDX_HEADER_BYTES + (size_t)i * MADE_UP_PIXELS);
}

/* The plain data as a gzip file, whose bytes are kept. */
static enum status pack(struct io *io)
{
    enum { PIECE_BYTES = 1 << 20 };
    gzFile file = gzopen(io->path, "wbe6");
    bool is_well = file != NULL;
    enum status st = ST_OK;

    for (size_t at = 0; is_well && st == ST_OK && at < IDX_BYTES; at += PIECE_BYTES) {
        const unsigned n = IDX_BYTES - at < PIECE_BYTES ? (unsigned)(IDX_BYTES - at) : PIECE_BYTES;
        is_well = gzwrite(file, io->plain + at, n) == (int)n;
        st = bench_check_stop(io->run);
    }
    is_well = file && gzclose(file) == Z_OK && is_well;
    TRY(st);
    return is_well ? file_read_all(io->path, ST_IO, &io->packed, &io->packed_bytes)
                   : FAIL(ST_IO, "cannot write %s: %s", io->path, strerror(errno));
}

static enum status idx_once(void *context, double *seconds)
{
    struct io *io = context;
    const double started = clock_seconds();
    struct idx idx;
    enum status st = idx_open_images(io->path, &idx);

    if (st == ST_OK)
        st = idx_read(&idx, 0, idx.dim[0], io->plain);
    idx_close(&idx);
    *seconds = clock_seconds() - started;
    return st;
}

static enum status inflate_once(void *context, double *seconds)
{
    struct io *io = context;
    const double started = clock_seconds();
    z_stream z = {.next_in = (Bytef *)io->packed, .avail_in = (uInt)io->packed_bytes};

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
    TRY_MEM(io->plain);
    draw_images(io->plain);
    enum status st = pack(io);
    if (st == ST_OK)
        st = bench_time_runs(io->run, NULL, idx_once, io, 1, &idx_seconds);
    unlink(io->path);
    TRY(st);
    TRY(bench_time_runs(io->run, NULL, inflate_once, io, 1, &inflate_seconds));

    bench_table_fact(t, "IDX data", "%d made-up images of %dx%d, %d bytes, %zu as gzip, zlib %s", MADE_UP_IMAGES,
                     MADE_UP_SIDE, MADE_UP_SIDE, IDX_BYTES, io->packed_bytes, zlibVersion());
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
    TRY(set_path(io, folder, ".png")); /* refuses a folder that cannot be written to, before long work starts */
    if (io->film_path)
        TRY(measure_film(io));
    TRY(measure_png(io));
    TRY(set_path(io, folder, ".gz"));
    TRY(measure_gzip(io));
    return bench_store(io->run, folder);
}

enum status bench_io(const struct bench_run *run, const char *film, const char *folder)
{
    struct io *io;
    enum status st;

    if (run->comm->rank > 0)
        return ST_OK;
    io = mem_array(1, sizeof *io);
    TRY_MEM(io);
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
