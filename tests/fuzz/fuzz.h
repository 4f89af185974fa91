/* fuzz: what the fuzz targets share. A target is a program of its own: it defines FUZZ_NAME and FUZZ_ROUNDS (of
 * mutations, as a test), includes this, and defines
 *
 *   int LLVMFuzzerTestOneInput(const uint8_t *, size_t)   looks at one input; demand() what must hold
 *   static void add_samples(void)                         add_seed() of good inputs, to be mutated
 *   static size_t mutate(uint8_t *bytes, size_t n)        n bytes (room FUZZ_MOST_BYTES) into others; returns how many
 *   static void tell(void)                                prints what it saw, checks that it saw something
 *
 * Built plainly it is run as
 *
 *   fuzz_x [ROUNDS | SECONDSs [FILE...]]     1000: so many mutations; 600s: so many seconds of processor time
 *   fuzz_x --write FOLDER                    writes its samples there
 *
 * always with the same numbers of chance. What an input does that none before it did (fuzz_notice) makes it a sample,
 * too: a little guidance without instruments. It fails by a sanitizer's report, by an abort where something demanded
 * does not hold, or by SIGALRM where one input takes more than a minute. It is a libFuzzer target, for which --write
 * makes a corpus, when built by
 *
 *   CC=clang cmake -B build/fuzz -DJACQUARD_SANITIZE=ON -DJACQUARD_LIBFUZZER=ON -DJACQUARD_CUDA=OFF
 *                  -DCMAKE_C_FLAGS="-fsanitize=fuzzer-no-link -U__gnu_linux__"
 *
 * (without the loops that are compiled several times, which clang 14 does not take). */
#ifndef JACQUARD_TESTS_FUZZ_FUZZ_H
#define JACQUARD_TESTS_FUZZ_FUZZ_H

#include "base/status.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { FUZZ_MOST_BYTES = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void demand(bool held, const char *what)
{
    if (held)
        return;
    fprintf(stderr, FUZZ_NAME ": %s (last message: %s)\n", what, status_message());
    abort();
}

/* --- what was seen ------------------------------------------------------------------------------------------------ */

static bool fuzz_is_new;

static inline uint64_t fuzz_mix(uint64_t a, uint64_t b)
{
    a = (a ^ b) * 0x9e3779b97f4a7c15u;
    return a ^ a >> 29;
}

static inline void fuzz_notice(uint64_t what)
{
    static uint64_t seen[1 << 14];
    const uint64_t bit = fuzz_mix(what, 0x1234567) >> 44;

    fuzz_is_new |= !(seen[bit / 64] >> bit % 64 & 1);
    seen[bit / 64] |= (uint64_t)1 << bit % 64;
}

/* The letters of a message: numbers, and what it quotes, make no difference. */
static inline void fuzz_notice_text(const char *text)
{
    uint64_t mixed = 0;
    char quote = 0;

    for (; *text; text++)
        if (quote)
            quote = *text == quote ? 0 : quote;
        else if (*text == '"' || *text == '\'')
            quote = *text;
        else if (*text >= 'a' && *text <= 'z')
            mixed = fuzz_mix(mixed, (uint64_t)*text);
    fuzz_notice(mixed);
}

/* A number by its size. */
static inline void fuzz_notice_size(int which, uint64_t n)
{
    int bits = 0;

    for (; n > 0; n >>= 1)
        bits++;
    fuzz_notice((uint64_t)which * 1000 + (uint64_t)bits);
}

/* --- a file in memory --------------------------------------------------------------------------------------------- */

/* The path of the one file, which holds these bytes now. */
static inline const char *fuzz_file(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    size_t written = 0;

    if (fd < 0) {
        fd = memfd_create(FUZZ_NAME, MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)getpid(), fd);
    }
    demand(fd >= 0 && ftruncate(fd, 0) == 0, "cannot make a file in memory");
    while (written < size) {
        const ssize_t n = pwrite(fd, data + written, size - written, (off_t)written);
        demand(n > 0, "cannot write to a file in memory");
        written += (size_t)n;
    }
    return path;
}

#ifndef FUZZ_WITH_LIBFUZZER

/* --- chance ------------------------------------------------------------------------------------------------------- */

static uint64_t fuzz_chance = 1;

static inline uint32_t noise(uint32_t below)
{
    fuzz_chance = fuzz_chance * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((fuzz_chance >> 32) * below >> 32);
}

/* --- samples ------------------------------------------------------------------------------------------------------ */

enum { FUZZ_MOST_SEEDS = 2048 };

static struct fuzz_seed {
    uint8_t *bytes;
    size_t n;
} fuzz_seed[FUZZ_MOST_SEEDS];
static int fuzz_n_seeds;

/* Where there are too many, in the place of a later one. */
static inline void add_seed(const void *bytes, size_t n)
{
    const int which =
        fuzz_n_seeds < FUZZ_MOST_SEEDS ? fuzz_n_seeds++ : FUZZ_MOST_SEEDS / 2 + (int)noise(FUZZ_MOST_SEEDS / 2);
    struct fuzz_seed *s = &fuzz_seed[which];

    free(s->bytes);
    s->n = n < FUZZ_MOST_BYTES ? n : FUZZ_MOST_BYTES;
    s->bytes = malloc(s->n + 1);
    demand(s->bytes != NULL, "out of memory");
    if (s->n > 0)
        memcpy(s->bytes, bytes, s->n);
}

static inline void add_file(const char *path)
{
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(path, "rb");

    if (!file) {
        fprintf(stderr, FUZZ_NAME ": cannot open %s: %s\n", path, strerror(errno));
        exit(2);
    }
    const size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, n);
    add_seed(bytes, n);
}

static inline int fuzz_write_seeds(const char *folder)
{
    char path[700];

    for (int i = 0; i < fuzz_n_seeds; i++) {
        snprintf(path, sizeof path, "%s/%03d", folder, i);
        FILE *file = fopen(path, "wb");
        if (!file || fwrite(fuzz_seed[i].bytes, 1, fuzz_seed[i].n, file) != fuzz_seed[i].n || fclose(file) != 0) {
            fprintf(stderr, FUZZ_NAME ": cannot write %s: %s\n", path, strerror(errno));
            return 2;
        }
    }
    return 0;
}

/* --- mutations ---------------------------------------------------------------------------------------------------- */

static inline size_t fuzz_put(uint8_t *bytes, size_t n, size_t at, const void *what, size_t length)
{
    if (n + length > FUZZ_MOST_BYTES)
        return n;
    memmove(bytes + at + length, bytes + at, n - at);
    memcpy(bytes + at, what, length);
    return n + length;
}

static inline size_t fuzz_cut(uint8_t *bytes, size_t n, size_t at, size_t length)
{
    memmove(bytes + at, bytes + at + length, n - at - length);
    return n - length;
}

/* A part of it or of another sample, elsewhere. */
static inline size_t fuzz_move_part(uint8_t *bytes, size_t n, uint32_t most)
{
    uint8_t part[256];
    const struct fuzz_seed *s = &fuzz_seed[noise((uint32_t)fuzz_n_seeds)];
    const bool is_other = noise(4) == 0;
    const uint8_t *from = is_other ? s->bytes : bytes;
    const size_t n_from = is_other ? s->n : n;

    most = most < sizeof part ? most : sizeof part;
    if (n_from == 0)
        return n;
    const size_t at = noise((uint32_t)n_from), length = 1 + noise((uint32_t)(n_from - at < most ? n_from - at : most));
    memcpy(part, from + at, length < sizeof part ? length : sizeof part);
    return fuzz_put(bytes, n, noise((uint32_t)n + 1), part, length < sizeof part ? length : sizeof part);
}

/* A few small changes to what is no text; `telling` places at its start are changed more often than others. */
static inline size_t fuzz_mutate_bytes(uint8_t *bytes, size_t n, uint32_t telling)
{
    static const uint8_t marks[] = {0, 1, 2, 3, 8, 0x1f, 0x40, 0x41, 0x7f, 0x80, 0x8b, 0xfe, 0xff};

    for (uint32_t changes = 1 + noise(4); changes > 0; changes--) {
        const uint32_t kind = noise(10), at = n ? noise(noise(2) && n > telling && telling ? telling : (uint32_t)n) : 0;
        if (kind == 0 && noise(2))
            n = noise((uint32_t)n + 1);
        else if (kind == 1 && n + 16 < FUZZ_MOST_BYTES)
            for (uint32_t more = 1 + noise(16); more > 0; more--)
                bytes[n++] = (uint8_t)noise(256);
        else if (kind == 2)
            n = fuzz_move_part(bytes, n, 64);
        else if (kind == 3 && n > at)
            n = fuzz_cut(bytes, n, at, 1 + noise((uint32_t)(n - at < 16 ? n - at : 16)));
        else if (n > at && kind < 6)
            bytes[at] ^= (uint8_t)(1u << noise(8));
        else if (n > at && kind < 8)
            bytes[at] = marks[noise(sizeof marks)];
        else if (n > at)
            bytes[at] = (uint8_t)noise(256);
    }
    return n;
}

/* A few small changes to a text; most of them are such that it is still one of its kind now and then. */
static inline size_t fuzz_mutate_text(uint8_t *bytes, size_t n, const char *const *piece, uint32_t n_pieces)
{
    for (uint32_t changes = noise(2) ? 1 : 1 + noise(4); changes > 0; changes--) {
        const uint32_t kind = noise(8), at = n ? noise((uint32_t)n) : 0;
        if (kind == 0 && noise(4) == 0) {
            n = noise((uint32_t)n + 1);
        } else if (kind <= 1) {
            const char *what = piece[noise(n_pieces)];
            n = fuzz_put(bytes, n, at, what, strlen(what));
        } else if ((kind == 2 || kind == 7) && n > at && bytes[at] >= '0' && bytes[at] <= '9') { /* another number */
            const char *what = piece[noise(n_pieces)];
            size_t end = at, start = at;
            while (end < n && ((bytes[end] >= '0' && bytes[end] <= '9') || bytes[end] == '.'))
                end++;
            while (start > 0 && ((bytes[start - 1] >= '0' && bytes[start - 1] <= '9') || bytes[start - 1] == '-'))
                start--;
            n = fuzz_cut(bytes, n, start, end - start);
            n = fuzz_put(bytes, n, start, what, strlen(what));
        } else if (kind == 3) {
            n = fuzz_move_part(bytes, n, noise(4) ? 64 : 256);
        } else if (kind == 4 && n > 0) {
            n = fuzz_cut(bytes, n, at, 1 + noise((uint32_t)(n - at < 16 ? n - at : 16)));
        } else if (kind == 5 && n > at) {
            bytes[at] ^= (uint8_t)(1u << noise(8));
        } else if (n > at) { /* a digit or a letter for another */
            const uint8_t c = bytes[at];
            bytes[at] = c >= '0' && c <= '9' ? (uint8_t)('0' + noise(10)) : (uint8_t)(32 + noise(95));
        }
    }
    return n;
}

/* --- the run ------------------------------------------------------------------------------------------------------ */

static void add_samples(void);
static size_t mutate(uint8_t *bytes, size_t n);
static void tell(void);

static inline double fuzz_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static inline void fuzz_one(const uint8_t *bytes, size_t n)
{
    uint8_t *own = malloc(n + (n == 0)); /* of just this length, so that a sanitizer sees who reads past its end */

    demand(own != NULL, "out of memory");
    memcpy(own, bytes, n);
    alarm(60);
    LLVMFuzzerTestOneInput(own, n);
    alarm(0);
    free(own);
}

int main(int argc, char **argv)
{
    static uint8_t bytes[FUZZ_MOST_BYTES];
    const char *how_long = argc > 1 ? argv[1] : "";
    char *unit = NULL;
    const double amount = strtod(how_long, &unit);
    const bool is_time = unit && *unit == 's';
    long n_rounds = 0, n_looks = 0;

    if (argc == 3 && strcmp(how_long, "--write") == 0) {
        add_samples();
        return fuzz_write_seeds(argv[2]);
    }
    for (int i = 2; i < argc; i++)
        add_file(argv[i]);
    add_samples();
    for (int i = 0; i < fuzz_n_seeds; i++, n_looks++)
        fuzz_one(fuzz_seed[i].bytes, fuzz_seed[i].n);
    const int n_given = fuzz_n_seeds;
    for (; is_time ? fuzz_seconds() < amount : n_rounds < (argc > 1 ? (long)amount : FUZZ_ROUNDS); n_rounds++) {
        const struct fuzz_seed *s = &fuzz_seed[noise((uint32_t)(noise(2) ? n_given : fuzz_n_seeds))];
        memcpy(bytes, s->bytes, s->n);
        const size_t n = mutate(bytes, s->n);
        fuzz_is_new = false;
        fuzz_one(bytes, n);
        if (fuzz_is_new)
            add_seed(bytes, n);
    }
    printf(FUZZ_NAME ": %d samples, %ld inputs, %d of them new in what they did, %.1f s\n", n_given, n_looks + n_rounds,
           fuzz_n_seeds - n_given, fuzz_seconds());
    for (int i = 0; i < fuzz_n_seeds; i++)
        free(fuzz_seed[i].bytes);
    tell();
    return 0;
}

#endif

#endif
