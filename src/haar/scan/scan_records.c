/* scan_records: see scan_records.h. */
#include "haar/scan/scan_records.h"

#include "base/mem.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PIECE = 1 << 22, /* records that travel at a time: 32 MiB */
    CHUNK = 1024,    /* that are put in byte order at a time */
    HEADER_BYTES = 32
};

static enum status write_failed(const struct scan_records *r)
{
    const int error = errno;

    return FAIL(ST_IO, "cannot write %s: %s", r->spill ? "records to a temporary file" : r->out.path, strerror(error));
}

/* A file without a name in TMPDIR, gone when it is closed. */
static enum status open_spill(struct scan_records *r)
{
    const char *folder = getenv("TMPDIR");
    char path[4096];

    if (!folder || !*folder)
        folder = "/tmp";
    if (snprintf(path, sizeof path, "%s/jacquard-records-XXXXXX", folder) >= (int)sizeof path)
        return FAIL(ST_IO, "cannot make a temporary file: TMPDIR is too long");
    const int fd = mkstemp(path);
    if (fd >= 0)
        unlink(path);
    r->spill = fd >= 0 ? fdopen(fd, "w+b") : NULL;
    if (!r->spill) {
        const int error = errno;
        if (fd >= 0)
            close(fd);
        return FAIL(ST_IO, "cannot make a temporary file for records in %s: %s", folder, strerror(error));
    }
    return ST_OK;
}

enum status scan_records_open(struct scan_records *r, struct comm *comm, const char *path, bool force)
{
    static const uint8_t no_header[HEADER_BYTES];

    *r = (struct scan_records){.comm = comm};
    if (comm->rank > 0)
        return open_spill(r);
    TRY(file_out_open(&r->out, path, force));
    return fwrite(no_header, sizeof no_header, 1, r->out.stream) == 1 ? ST_OK : write_failed(r);
}

void scan_records_close(struct scan_records *r)
{
    file_out_discard(&r->out);
    if (r->spill)
        fclose(r->spill);
    r->spill = NULL;
}

enum status scan_records_add(void *context, const uint64_t *record, size_t n)
{
    struct scan_records *r = context;
    FILE *stream = r->spill ? r->spill : r->out.stream;
    uint64_t little[CHUNK];

    for (size_t at = 0; at < n; at += CHUNK) {
        const size_t count = n - at < CHUNK ? n - at : CHUNK;
        for (size_t i = 0; i < count; i++)
            little[i] = htole64(record[at + i]);
        if (fwrite(little, sizeof *little, count, stream) != count)
            return write_failed(r);
    }
    r->n += (int64_t)n;
    return ST_OK;
}

static enum status write_header(struct scan_records *r, int width, int height, int64_t n_images, int64_t n_records)
{
    const uint32_t size[2] = {htole32((uint32_t)width), htole32((uint32_t)height)};
    const uint64_t number[2] = {htole64((uint64_t)n_images), htole64((uint64_t)n_records)};
    uint8_t header[HEADER_BYTES];

    memcpy(header, "JQSCAN01", 8);
    memcpy(header + 8, size, 8);
    memcpy(header + 16, number, 16);
    if (fseeko(r->out.stream, 0, SEEK_SET) != 0 || fwrite(header, sizeof header, 1, r->out.stream) != 1)
        return write_failed(r);
    return ST_OK;
}

/* The next n records of rank `from` to the end of rank 0's file. piece: room for them on that rank. */
static enum status send_piece(struct scan_records *r, int from, size_t n, void *piece)
{
    const bool is_sender = r->comm->rank == from;
    enum status st = ST_OK, sent;
    void *all = NULL;
    size_t all_bytes = 0;

    if (is_sender && fread(piece, sizeof(uint64_t), n, r->spill) != n)
        st = FAIL(ST_IO, "cannot read records back from a temporary file: %s",
                  ferror(r->spill) ? strerror(errno) : "it is too short");
    sent = comm_gather(r->comm, piece, is_sender && st == ST_OK ? n * sizeof(uint64_t) : 0, &all, &all_bytes);
    if (sent != ST_OK)
        return sent;
    if (all_bytes > 0 && fwrite(all, 1, all_bytes, r->out.stream) != all_bytes)
        st = write_failed(r);
    free(all);
    return comm_agree(r->comm, st);
}

/* n_of: i64 [size] records of each rank */
static enum status send_all(struct scan_records *r, const int64_t *n_of)
{
    const int64_t mine = r->comm->rank > 0 ? n_of[r->comm->rank] : 0;
    void *piece = mem_array(mine < PIECE ? (size_t)mine : PIECE, sizeof(uint64_t));
    enum status st = piece ? ST_OK : ST_NOMEM;

    if (piece && r->spill && (fflush(r->spill) != 0 || fseeko(r->spill, 0, SEEK_SET) != 0))
        st = write_failed(r);
    st = comm_agree(r->comm, st);
    for (int from = 1; st == ST_OK && from < r->comm->size; from++)
        for (int64_t at = 0; st == ST_OK && at < n_of[from]; at += PIECE)
            st = send_piece(r, from, n_of[from] - at < PIECE ? (size_t)(n_of[from] - at) : PIECE, piece);
    free(piece);
    return st;
}

enum status scan_records_collect(struct scan_records *r, int width, int height, int64_t n_images)
{
    const int size = r->comm->size;
    int64_t *n_of = mem_array((size_t)size, sizeof *n_of), n_records = 0;
    enum status st;

    TRY_OR(done, st, comm_agree(r->comm, n_of ? ST_OK : ST_NOMEM));
    n_of[r->comm->rank] = r->n;
    TRY_OR(done, st, comm_sum_i64(r->comm, n_of, (size_t)size));
    for (int i = 0; i < size; i++)
        n_records += n_of[i];
    TRY_OR(done, st, send_all(r, n_of));
    st = comm_agree(r->comm, r->comm->rank == 0 ? write_header(r, width, height, n_images, n_records) : ST_OK);
done:
    free(n_of);
    return st;
}

enum status scan_records_commit(struct scan_records *r)
{
    return r->comm->rank == 0 ? file_out_commit(&r->out) : ST_OK;
}
