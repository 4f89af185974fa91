/* jobs: whole commands within a test: on one rank that stands alone or on several (ranks.h), with what they print
 * caught; and small labelled images to give them. */
#ifndef JACQUARD_TESTS_UNIT_JOBS_H
#define JACQUARD_TESTS_UNIT_JOBS_H

#include "base/log.h"
#include "base/rng.h"
#include "cli/command.h"
#include "unit/ranks.h"
#include "unit/test.h"

#include <fcntl.h>
#include <stdarg.h>

/* ---- commands ---- */

enum { JOB_MOST_WORDS = 48 };

static atomic_int job_stop;       /* what the jobs look at */
static char job_message[1024];    /* of rank 0's status, where the last job failed */
static char *job_out, *job_notes; /* what it printed on stdout, and on stderr; until the next job */

struct job_line {
    const struct command *command;
    const char *text;
    enum status st[RANKS_MOST];
};

/* As main() does it. */
static inline void job_on_rank(struct comm *comm, void *context)
{
    struct job_line *line = context;
    char text[2048], *word[JOB_MOST_WORDS + 1] = {NULL}, *rest;
    int n = 0;

    snprintf(text, sizeof text, "%s", line->text);
    for (char *at = strtok_r(text, " ", &rest); at && n < JOB_MOST_WORDS; at = strtok_r(NULL, " ", &rest))
        if (asprintf(&word[n++], "%s%s%s", *at == '@' ? test_folder() : "", *at == '@' ? "/" : "", at + (*at == '@')) <
            0)
            abort();
    enum status st = command_run(line->command, comm, n, word, &job_stop);
    if (!comm->has_met)
        st = comm_meet(comm, st);
    line->st[comm->rank] = st;
    if (comm->rank == 0)
        snprintf(job_message, sizeof job_message, "%s", st == ST_OK ? "" : status_message());
    comm_close(comm);
    for (int i = 0; i < n; i++)
        free(word[i]);
}

static inline int job_catch(int fd, const char *path)
{
    const int kept = dup(fd), file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    if (kept < 0 || file < 0 || dup2(file, fd) < 0) {
        printf("cannot catch what is printed\n");
        exit(1);
    }
    close(file);
    return kept;
}

static inline void job_free(void)
{
    free(job_out);
    free(job_notes);
    job_out = job_notes = NULL;
}

/* Runs a command line, its words one space apart, on n_ranks ranks (0: one without ranks.h); @ before a word stands for
 * the test's folder. The status is the same on all ranks. */
static inline enum status job(int n_ranks, const struct command *command, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static inline enum status job(int n_ranks, const struct command *command, const char *format, ...)
{
    static bool is_registered;
    const char *out = test_path("stdout"), *notes = test_path("stderr");
    char text[2048];
    struct job_line line = {.command = command, .text = text};
    struct comm alone;
    va_list args;
    size_t n;

    if (!is_registered)
        atexit(job_free);
    is_registered = true;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    job_free();
    test_folder();
    fflush(stdout);
    const int kept_out = job_catch(1, out), kept_notes = job_catch(2, notes);
    if (n_ranks > 0)
        ranks_run(n_ranks, job_on_rank, &line);
    else if (comm_open_world(&alone) == ST_OK)
        job_on_rank(&alone, &line);
    fflush(stdout);
    dup2(kept_out, 1);
    dup2(kept_notes, 2);
    close(kept_out);
    close(kept_notes);
    job_out = test_read(out, &n);
    job_notes = test_read(notes, &n);
    for (int r = 1; r < n_ranks; r++)
        CHECK_INT(line.st[r], line.st[0]);
    return line.st[0];
}

/* A job that is to go well; where it does not, says why and ends the test. */
#define JOB(n_ranks, run, ...)                                                                                         \
    do {                                                                                                               \
        if (!CHECK_INT(job(n_ranks, run, __VA_ARGS__), ST_OK)) {                                                       \
            printf("  %s\n", job_message);                                                                             \
            exit(test_end());                                                                                          \
        }                                                                                                              \
    } while (0)

/* One that is to fail, with these words in its message. */
#define JOB_FAILS(wanted, text, n_ranks, run, ...)                                                                     \
    do {                                                                                                               \
        CHECK_INT(job(n_ranks, run, __VA_ARGS__), wanted);                                                             \
        if (!CHECK(strstr(job_message, text) != NULL))                                                                 \
            printf("  it says: %s\n", job_message);                                                                    \
    } while (0)

/* Whether two files hold the same, and something. */
static inline bool job_same_files(const char *a, const char *b)
{
    size_t n_a, n_b;
    char *in_a = test_read(a, &n_a), *in_b = test_read(b, &n_b);
    const bool is_same = in_a && in_b && n_a > 0 && n_a == n_b && memcmp(in_a, in_b, n_a) == 0;

    free(in_a);
    free(in_b);
    return is_same;
}

/* ---- images ---- */

enum { JOB_WIDTH = 9, JOB_HEIGHT = 8, JOB_CLASSES = 3, JOB_PIXELS = JOB_WIDTH * JOB_HEIGHT };

/* A bright bar at a class's place that strays a little, over noise. Some are hard to tell apart. */
static inline uint8_t job_image(int number, uint8_t pixels[JOB_PIXELS])
{
    const struct rng_block r = rng_philox(7, (uint32_t)number, 0, 0, 0);
    const int label = (int)(r.word[0] % JOB_CLASSES), stray = (int)(r.word[1] % 4);

    for (int i = 0; i < JOB_PIXELS; i++) {
        const uint32_t noise = rng_philox(7, (uint32_t)number, (uint32_t)i, 1, 0).word[0] % 120;
        const int x = i % JOB_WIDTH, y = i / JOB_WIDTH, at = label == 0 ? x : label == 1 ? y : (x + y) / 2;
        pixels[i] = (uint8_t)(noise + (at == 2 + stray ? 100 : 0));
    }
    return (uint8_t)label;
}

static inline void job_write_idx(const char *path, int n_dims, const uint32_t *dim, const uint8_t *bytes, size_t n)
{
    uint8_t header[16] = {0, 0, 8, (uint8_t)n_dims};
    FILE *file = fopen(path, "wb");

    for (int d = 0; d < n_dims; d++)
        for (int i = 0; i < 4; i++)
            header[4 + 4 * d + i] = (uint8_t)(dim[d] >> (24 - 8 * i));
    if (!file || fwrite(header, 4 + 4 * (size_t)n_dims, 1, file) != 1 || fwrite(bytes, 1, n, file) != n ||
        fclose(file) != 0) {
        printf("cannot write %s\n", path);
        exit(1);
    }
}

/* Images [first, first + n) and their labels. */
static inline void job_write_images(const char *images, const char *labels, int first, int n)
{
    const uint32_t dim[3] = {(uint32_t)n, JOB_HEIGHT, JOB_WIDTH};
    uint8_t *pixels = ranks_room((size_t)n * JOB_PIXELS), *label = ranks_room((size_t)n);

    for (int i = 0; i < n; i++)
        label[i] = job_image(first + i, pixels + (size_t)i * JOB_PIXELS);
    job_write_idx(images, 3, dim, pixels, (size_t)n * JOB_PIXELS);
    job_write_idx(labels, 1, dim, label, (size_t)n);
    free(label);
    free(pixels);
}

#endif
