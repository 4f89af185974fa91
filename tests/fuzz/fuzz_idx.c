/* fuzz_idx: the IDX reader on arbitrary bytes. With clang -fsanitize=fuzzer it is a libFuzzer target
 * (-DFUZZ_WITH_LIBFUZZER leaves main out); built plainly it reads the files it is given, then mutates them and samples
 * of its own: fuzz_idx [ROUNDS [FILE...]]. It fails by a sanitizer's report or by an abort where the reader
 * contradicts itself. */
#include "haar/data/idx.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool held, const char *what)
{
    if (held)
        return;
    fprintf(stderr, "fuzz_idx: %s (last message: %s)\n", what, status_message());
    abort();
}

static bool is_expected(enum status st)
{
    return st == ST_OK || st == ST_FORMAT;
}

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
    static int fd = -1;
    char path[64];
    size_t written = 0;

    if (fd < 0)
        fd = memfd_create("fuzz_idx", 0);
    demand(fd >= 0 && ftruncate(fd, 0) == 0, "cannot make a file in memory");
    while (written < size) {
        const ssize_t n = pwrite(fd, data + written, size - written, (off_t)written);
        demand(n > 0, "cannot write to a file in memory");
        written += (size_t)n;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    read_in_parts(path, false);
    read_in_parts(path, true);
    return 0;
}

#ifndef FUZZ_WITH_LIBFUZZER

enum { MOST_BYTES = 1 << 16, MOST_SEEDS = 64 };

struct sample {
    uint8_t *bytes;
    size_t n;
};

static struct sample seed[MOST_SEEDS];
static int n_seeds;
static uint64_t noise_state = 1;

static uint32_t noise(uint32_t below)
{
    noise_state = noise_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((noise_state >> 32) * below >> 32);
}

static void add_seed(const uint8_t *bytes, size_t n)
{
    if (n_seeds == MOST_SEEDS)
        return;
    struct sample *s = &seed[n_seeds++];
    s->n = n < MOST_BYTES ? n : MOST_BYTES;
    s->bytes = malloc(s->n + 1);
    demand(s->bytes != NULL, "out of memory");
    memcpy(s->bytes, bytes, s->n);
}

/* The bytes as they are, and packed. */
static void add_both(const uint8_t *bytes, size_t n)
{
    static uint8_t packed[MOST_BYTES];
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

static void read_file(const char *path)
{
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(path, "rb");

    if (!file) {
        fprintf(stderr, "fuzz_idx: cannot open %s: %s\n", path, strerror(errno));
        exit(2);
    }
    const size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, n);
    add_seed(bytes, n);
}

/* A few small changes, most of them near the start, where the headers are. */
static size_t mutate(uint8_t *bytes, size_t n)
{
    static const uint8_t telling[] = {0, 1, 3, 8, 0x1f, 0x40, 0x41, 0x7f, 0x80, 0x8b, 0xff};

    for (uint32_t changes = 1 + noise(4); changes > 0; changes--) {
        const uint32_t kind = noise(8), at = n ? noise(noise(2) && n > 24 ? 24 : (uint32_t)n) : 0;
        if (kind == 0)
            n = noise((uint32_t)n + 1);
        else if (kind == 1 && n + 16 < MOST_BYTES)
            for (uint32_t more = 1 + noise(16); more > 0; more--)
                bytes[n++] = (uint8_t)noise(256);
        else if (n > at && kind < 4)
            bytes[at] ^= (uint8_t)(1u << noise(8));
        else if (n > at && kind < 6)
            bytes[at] = telling[noise(sizeof telling)];
        else if (n > at)
            bytes[at] = (uint8_t)noise(256);
    }
    return n;
}

int main(int argc, char **argv)
{
    static uint8_t bytes[MOST_BYTES];
    const long rounds = argc > 1 ? atol(argv[1]) : 4000;

    for (int i = 2; i < argc; i++)
        read_file(argv[i]);
    add_samples();
    for (int i = 0; i < n_seeds; i++)
        LLVMFuzzerTestOneInput(seed[i].bytes, seed[i].n);
    for (long round = 0; round < rounds; round++) {
        const struct sample *s = &seed[noise((uint32_t)n_seeds)];
        memcpy(bytes, s->bytes, s->n);
        LLVMFuzzerTestOneInput(bytes, mutate(bytes, s->n));
    }
    for (int i = 0; i < n_seeds; i++)
        free(seed[i].bytes);
    printf("fuzz_idx: %d samples, %ld mutations\n", n_seeds, rounds);
    return 0;
}

#endif
