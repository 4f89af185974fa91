/* idx: reads IDX files, plain or gzip. The only place that knows zlib. No size in a header is trusted before it is
 * compared with the file's size: exactly for a plain file, by what deflate can expand at most for gzip. Assumes a
 * regular file that does not change meanwhile. Refuses whatever is not exactly one array of unsigned bytes. */
#include "haar/data/idx.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum {
    IMAGE_DIMS = 3,
    LABEL_DIMS = 1,
    TYPE_U8 = 8,
    MAX_SIDE = 64,
    IN_BYTES = 1 << 16,
    SKIP_BYTES = 1 << 16,
    GZIP_WINDOW = 15 + 16, /* inflateInit2: the widest window, a gzip header and nothing else */
    MOST_EXPANSION = 1032  /* a deflate stream never yields more bytes a byte (zlib's technical notes) */
};

struct idx_stream {
    int fd;
    int64_t file_bytes, file_at;          /* file_at: what has been taken from the file */
    bool is_gzip, has_inflate, is_at_end; /* at_end: of the gzip member; its CRC and length were right */
    z_stream z;
    uint8_t in[IN_BYTES], skip[SKIP_BYTES];
};

/* --- bytes -------------------------------------------------------------------------------------------------------- */

/* Up to n bytes; fewer only at the end of the file. */
static enum status take_from_file(struct idx *idx, uint8_t *out, size_t n, size_t *taken)
{
    struct idx_stream *s = idx->stream;

    *taken = 0;
    while (*taken < n) {
        const ssize_t got = pread(s->fd, out + *taken, n - *taken, (off_t)s->file_at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return FAIL(ST_FORMAT, "cannot read %s at byte %lld: %s", idx->path, (long long)s->file_at,
                        strerror(errno));
        if (got == 0)
            break;
        s->file_at += got;
        *taken += (size_t)got;
    }
    return ST_OK;
}

static enum status explain_inflate(const struct idx *idx, int result)
{
    const z_stream *z = &idx->stream->z;

    if (result == Z_MEM_ERROR)
        return FAIL(ST_NOMEM, "out of memory while unpacking %s", idx->path);
    if (result == Z_NEED_DICT)
        return FAIL(ST_FORMAT, "%s: damaged gzip data: wants a dictionary", idx->path);
    return FAIL(ST_FORMAT, "%s: damaged gzip data near byte %lld of %lld: %s", idx->path,
                (long long)(idx->stream->file_at - z->avail_in), (long long)idx->stream->file_bytes,
                z->msg ? z->msg : "inflate failed");
}

/* Up to n bytes (n fits uInt); fewer only at the end of the gzip member. */
static enum status take_inflated(struct idx *idx, uint8_t *out, size_t n, size_t *taken)
{
    struct idx_stream *s = idx->stream;

    s->z.next_out = out;
    s->z.avail_out = (uInt)n;
    while (s->z.avail_out > 0 && !s->is_at_end) {
        if (s->z.avail_in == 0) {
            size_t in;
            TRY(take_from_file(idx, s->in, sizeof s->in, &in));
            if (in == 0)
                return FAIL(ST_FORMAT, "%s: the gzip data is cut off: it ends after %lld bytes, unfinished", idx->path,
                            (long long)s->file_at);
            s->z.next_in = s->in;
            s->z.avail_in = (uInt)in;
        }
        const int result = inflate(&s->z, Z_NO_FLUSH);
        if (result == Z_STREAM_END)
            s->is_at_end = true;
        else if (result != Z_OK && result != Z_BUF_ERROR)
            return explain_inflate(idx, result);
    }
    *taken = n - s->z.avail_out;
    return ST_OK;
}

static enum status take(struct idx *idx, uint8_t *out, int64_t n, int64_t *taken)
{
    *taken = 0;
    while (*taken < n) {
        const size_t wanted = n - *taken < INT_MAX ? (size_t)(n - *taken) : INT_MAX;
        size_t got;
        TRY(idx->stream->is_gzip ? take_inflated(idx, out + *taken, wanted, &got)
                                 : take_from_file(idx, out + *taken, wanted, &got));
        *taken += (int64_t)got;
        if (got < wanted)
            break;
    }
    return ST_OK;
}

/* --- header ------------------------------------------------------------------------------------------------------- */

static const char *thing_of(const struct idx *idx)
{
    return idx->n_dims == IMAGE_DIMS ? "images" : "labels";
}

static int header_bytes(const struct idx *idx)
{
    return 4 + 4 * idx->n_dims;
}

static const char *name_of_type(int type)
{
    static const char *const names[] = {[0x09] = "signed bytes",
                                        [0x0b] = "16-bit integers",
                                        [0x0c] = "32-bit integers",
                                        [0x0d] = "floats",
                                        [0x0e] = "doubles"};

    return type < (int)(sizeof names / sizeof *names) && names[type] ? names[type] : "unknown";
}

/* magic: 0, 0, element type, number of dimensions */
static enum status check_magic(const struct idx *idx, const uint8_t *magic)
{
    const int dims = magic[3];

    if (magic[0] == 0x1f && magic[1] == 0x8b)
        return FAIL(ST_FORMAT, "%s: gzip within gzip: unpack it once", idx->path);
    if (magic[0] == idx->n_dims && magic[1] == TYPE_U8 && magic[2] == 0 && magic[3] == 0)
        return FAIL(ST_FORMAT, "%s: its header is little-endian; IDX is big-endian", idx->path);
    if (magic[0] != 0 || magic[1] != 0)
        return FAIL(ST_FORMAT, "%s is not an IDX file: it begins with %02x %02x %02x %02x, wanted 00 00 08 %02x",
                    idx->path, magic[0], magic[1], magic[2], magic[3], (unsigned)idx->n_dims);
    if (magic[2] != TYPE_U8)
        return FAIL(ST_FORMAT, "%s: elements of type 0x%02x (%s), wanted 0x08 (unsigned bytes)", idx->path, magic[2],
                    name_of_type(magic[2]));
    if (dims == idx->n_dims)
        return ST_OK;
    if (dims == IMAGE_DIMS || dims == LABEL_DIMS)
        return FAIL(ST_FORMAT, "%s holds %s (%d dimension%s), wanted %s (%d)", idx->path,
                    dims == IMAGE_DIMS ? "images" : "labels", dims, dims == 1 ? "" : "s", thing_of(idx), idx->n_dims);
    return FAIL(ST_FORMAT, "%s: an array of %d dimensions, wanted %d (%s)", idx->path, dims, idx->n_dims,
                thing_of(idx));
}

static enum status check_dims(struct idx *idx)
{
    if (idx->dim[0] == 0)
        return FAIL(ST_FORMAT, "%s: its header announces no %s", idx->path, thing_of(idx));
    if (idx->dim[0] > INT32_MAX)
        return FAIL(ST_FORMAT, "%s: its header announces %u %s, more than %d", idx->path, idx->dim[0], thing_of(idx),
                    INT32_MAX);
    idx->item_bytes = 1;
    if (idx->n_dims == LABEL_DIMS)
        return ST_OK;
    const uint32_t height = idx->dim[1], width = idx->dim[2];
    if (height == 0 || width == 0)
        return FAIL(ST_FORMAT, "%s: its header announces images without pixels (%u wide, %u high)", idx->path, width,
                    height);
    if (height > MAX_SIDE || width > MAX_SIDE)
        return FAIL(ST_FORMAT, "%s: its header announces images of %u x %u pixels, more than %d a side", idx->path,
                    width, height, MAX_SIDE);
    idx->item_bytes = (int64_t)height * width;
    return ST_OK;
}

/* "100 images of 28 x 28" */
static const char *describe(const struct idx *idx, char *text, size_t bytes)
{
    if (idx->n_dims == IMAGE_DIMS)
        snprintf(text, bytes, "%u images of %u x %u", idx->dim[0], idx->dim[2], idx->dim[1]);
    else
        snprintf(text, bytes, "%u labels", idx->dim[0]);
    return text;
}

static int64_t whole_bytes(const struct idx *idx)
{
    return header_bytes(idx) + (int64_t)idx->dim[0] * idx->item_bytes;
}

/* Whether the file can hold what its header announces. */
static enum status check_size(const struct idx *idx)
{
    const struct idx_stream *s = idx->stream;
    const int64_t wanted = whole_bytes(idx);
    char text[64];

    if (s->is_gzip && wanted / MOST_EXPANSION > s->file_bytes)
        return FAIL(ST_FORMAT, "%s: %lld bytes of gzip are too few for %s, even of one colour", idx->path,
                    (long long)s->file_bytes, describe(idx, text, sizeof text));
    if (s->is_gzip || s->file_bytes == wanted)
        return ST_OK;
    if (s->file_bytes < wanted)
        return FAIL(ST_FORMAT, "%s is cut off: %lld bytes long, wanted %lld for %s", idx->path,
                    (long long)s->file_bytes, (long long)wanted, describe(idx, text, sizeof text));
    return FAIL(ST_FORMAT, "%s is too long: %lld bytes, wanted %lld for %s", idx->path, (long long)s->file_bytes,
                (long long)wanted, describe(idx, text, sizeof text));
}

static enum status read_header(struct idx *idx)
{
    const int bytes = header_bytes(idx);
    uint8_t header[4 + 4 * IMAGE_DIMS];
    int64_t n;

    TRY(take(idx, header, bytes, &n));
    if (n == 0)
        return FAIL(ST_FORMAT, "%s: the gzip file is empty inside", idx->path);
    if (n >= 4)
        TRY(check_magic(idx, header));
    if (n < bytes)
        return FAIL(ST_FORMAT, "%s: its header is cut off: %lld bytes, wanted %d for %s", idx->path, (long long)n,
                    bytes, thing_of(idx));
    for (int d = 0; d < idx->n_dims; d++) {
        const uint8_t *p = header + 4 + 4 * d;
        idx->dim[d] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    }
    TRY(check_dims(idx));
    return check_size(idx);
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static enum status open_file(struct idx *idx)
{
    struct idx_stream *s = idx->stream;
    struct stat info;

    s->fd = open(idx->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe without a writer would hang */
    if (s->fd < 0)
        return FAIL(ST_USAGE, "cannot open %s: %s", idx->path, strerror(errno));
    if (fstat(s->fd, &info) != 0)
        return FAIL(ST_USAGE, "cannot look at %s: %s", idx->path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return FAIL(ST_USAGE, "cannot read %s: it is a folder", idx->path);
    if (!S_ISREG(info.st_mode))
        return FAIL(ST_USAGE, "cannot read %s: it is not a regular file", idx->path);
    s->file_bytes = info.st_size;
    return ST_OK;
}

/* By the first bytes only: names are not to be trusted. */
static enum status sniff(struct idx *idx)
{
    struct idx_stream *s = idx->stream;
    uint8_t first[2];
    size_t n;

    TRY(take_from_file(idx, first, sizeof first, &n));
    s->file_at = 0;
    if (n == 0)
        return FAIL(ST_FORMAT, "%s is empty", idx->path);
    s->is_gzip = n == 2 && first[0] == 0x1f && first[1] == 0x8b;
    if (!s->is_gzip)
        return ST_OK;
    if (inflateInit2(&s->z, GZIP_WINDOW) != Z_OK)
        return FAIL(ST_NOMEM, "out of memory: zlib does not start for %s", idx->path);
    s->has_inflate = true;
    return ST_OK;
}

static enum status open_idx(const char *path, int n_dims, struct idx *idx)
{
    *idx = (struct idx){.path = path, .n_dims = n_dims};
    idx->stream = mem_array(1, sizeof *idx->stream);
    TRY_MEM(idx->stream);
    idx->stream->fd = -1;
    TRY(open_file(idx));
    TRY(sniff(idx));
    return read_header(idx);
}

enum status idx_open_images(const char *path, struct idx *idx)
{
    return open_idx(path, IMAGE_DIMS, idx);
}

enum status idx_open_labels(const char *path, struct idx *idx)
{
    return open_idx(path, LABEL_DIMS, idx);
}

void idx_close(struct idx *idx)
{
    if (idx->stream) {
        if (idx->stream->has_inflate)
            inflateEnd(&idx->stream->z);
        if (idx->stream->fd >= 0)
            close(idx->stream->fd);
        free(idx->stream);
    }
    *idx = (struct idx){0};
}

/* --- items -------------------------------------------------------------------------------------------------------- */

static enum status fail_short(const struct idx *idx)
{
    char text[64];

    return FAIL(ST_FORMAT, "%s is cut off: %lld bytes %s, wanted %lld for %s", idx->path,
                idx->stream->is_gzip ? (long long)idx->stream->z.total_out : (long long)idx->stream->file_at,
                idx->stream->is_gzip ? "when unpacked" : "long", (long long)whole_bytes(idx),
                describe(idx, text, sizeof text));
}

static enum status take_all(struct idx *idx, uint8_t *out, int64_t n)
{
    int64_t taken;

    TRY(take(idx, out, n, &taken));
    return taken == n ? ST_OK : fail_short(idx);
}

static enum status skip(struct idx *idx, int64_t n)
{
    for (int64_t left = n; left > 0;) {
        const int64_t part = left < SKIP_BYTES ? left : SKIP_BYTES;
        TRY(take_all(idx, idx->stream->skip, part));
        left -= part;
    }
    return ST_OK;
}

/* Asking for one byte too many makes zlib check length and CRC; a decompression bomb is never unpacked. */
static enum status finish_gzip(struct idx *idx)
{
    struct idx_stream *s = idx->stream;
    uint8_t more;
    int64_t n;
    char text[64];

    TRY(take(idx, &more, 1, &n));
    if (n > 0)
        return FAIL(ST_FORMAT, "%s is too long: unpacked, it goes on after the %lld bytes of %s", idx->path,
                    (long long)whole_bytes(idx), describe(idx, text, sizeof text));
    const int64_t behind = s->file_bytes - (s->file_at - s->z.avail_in);
    if (behind != 0)
        return FAIL(ST_FORMAT, "%s: %lld more bytes follow the end of the gzip data (a second member?)", idx->path,
                    (long long)behind);
    return ST_OK;
}

enum status idx_read(struct idx *idx, int64_t first, int64_t n, uint8_t *out)
{
    const int64_t last = idx->dim[0];

    if (first < 0 || n < 0 || n > last || first > last - n)
        return FAIL(ST_BUG, "%s: items %lld to %lld of %lld asked for", idx->path, (long long)first,
                    (long long)(first + n), (long long)last);
    if (!idx->stream->is_gzip) {
        idx->stream->file_at = header_bytes(idx) + first * idx->item_bytes;
        return take_all(idx, out, n * idx->item_bytes);
    }
    TRY(skip(idx, first * idx->item_bytes));
    TRY(take_all(idx, out, n * idx->item_bytes));
    TRY(skip(idx, (last - first - n) * idx->item_bytes));
    return finish_gzip(idx);
}
