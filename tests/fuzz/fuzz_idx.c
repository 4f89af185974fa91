/* fuzz_idx: the IDX reader on arbitrary bytes (see fuzz.h). It fails too where the reader contradicts itself. */
#define FUZZ_NAME "fuzz_idx"
#define FUZZ_ROUNDS 4000
#include "fuzz/fuzz.h"

#include "haar/data/idx.h"

#include <zlib.h>

static bool is_expected(enum status st)
{
    return st == ST_OK || st == ST_FORMAT;
}

static int64_t n_read; /* in all */

/* Reads items [first, first + n) of what can be opened; their sum is the caller's to compare. */
static enum status read_part(const char *path, bool as_labels, int quarter, uint64_t *sum)
{
    struct idx idx;
    enum status st = as_labels ? idx_open_labels(path, &idx) : idx_open_images(path, &idx);

    *sum = 0;
    if (st == ST_OK) {
        const int64_t first = quarter < 0 ? 0 : idx.dim[0] * (int64_t)quarter / 4;
        const int64_t end = quarter < 0 ? idx.dim[0] : idx.dim[0] * ((int64_t)quarter + 1) / 4;
        const size_t bytes = (size_t)((end - first) * idx.item_bytes);
        uint8_t *out = malloc(bytes ? bytes : 1);
        demand(out != NULL, "out of memory: a header was believed");
        st = idx_read(&idx, first, end - first, out);
        for (size_t i = 0; st == ST_OK && i < bytes; i++)
            *sum += out[i];
        free(out);
    }
    demand(is_expected(st), "a fault of another kind than the file's");
    demand(st == ST_OK || strstr(status_message(), path) != NULL, "a message without the path");
    if (st == ST_OK)
        n_read++;
    else
        fuzz_notice_text(status_message());
    idx_close(&idx);
    return st;
}

/* A whole read and four quarters agree. */
static void read_in_parts(const char *path, bool as_labels)
{
    uint64_t whole, part, parts = 0;
    const enum status st = read_part(path, as_labels, -1, &whole);

    for (int quarter = 0; quarter < 4; quarter++) {
        demand(read_part(path, as_labels, quarter, &part) == st, "a part ends unlike the whole");
        parts += part;
    }
    demand(parts == whole, "the parts are not the whole");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file(data, size);

    read_in_parts(path, false);
    read_in_parts(path, true);
    return 0;
}

#ifndef FUZZ_WITH_LIBFUZZER

/* The bytes as they are, and packed. */
static void add_both(const uint8_t *bytes, size_t n)
{
    static uint8_t packed[FUZZ_MOST_BYTES];
    z_stream z = {0};

    add_seed(bytes, n);
    demand(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK, "zlib does not start");
    z.next_in = (Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)n;
    z.next_out = packed;
    z.avail_out = sizeof packed;
    demand(deflate(&z, Z_FINISH) == Z_STREAM_END, "zlib does not end");
    add_seed(packed, z.total_out);
    deflateEnd(&z);
}

static void add_samples(void)
{
    static const uint8_t images[16] = {0, 0, 8, 3, 0, 0, 0, 5, 0, 0, 0, 3, 0, 0, 0, 4};
    static const uint8_t labels[8] = {0, 0, 8, 1, 0, 0, 0, 30};
    uint8_t file[4096];

    for (size_t i = 0; i < sizeof file; i++)
        file[i] = (uint8_t)(i % 7 ? 0 : i);
    memcpy(file, images, sizeof images);
    add_both(file, 16 + 5 * 12);
    memcpy(file, labels, sizeof labels);
    add_both(file, 8 + 30);
    memcpy(file, images, sizeof images);
    file[11] = file[15] = 28;
    add_both(file, 16 + 5 * 784);
}

/* Most changes near the start, where the headers are. */
static size_t mutate(uint8_t *bytes, size_t n)
{
    return fuzz_mutate_bytes(bytes, n, 24);
}

static void tell(void)
{
    demand(n_read > 0, "nothing was ever read: this looks at nothing");
    printf(FUZZ_NAME ": %lld times images or labels\n", (long long)n_read);
}

#endif
