/* test_comm: every function of mpi/comm.h, on any number of ranks, started by mpirun or plainly.
 *
 *   test_comm               all checks; a failed one is printed and ends all ranks with code 1
 *   test_comm open          opens and closes; prints "rank R of S", or the refusal, and ends with its exit code
 *   test_comm abort CODE    the last rank calls comm_abort(CODE) while the others wait for it in a collective
 *   test_comm big           counts and offsets beyond 2 GiB; wants about 8 GiB of memory, so no suite runs it */
#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "mpi/comm.h"
#include "mpi/comm_ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct comm comm;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: rank %d of %d: not so: %s [%s]\n", __FILE__, __LINE__, comm.rank, comm.size,       \
                    #condition, status_message());                                                                     \
            comm_abort(&comm, 1);                                                                                      \
        }                                                                                                              \
    } while (0)

/* The byte that rank's part has at i. */
static unsigned char byte_of(int rank, size_t i)
{
    return (unsigned char)((i * 7 + (i >> 8) + (size_t)rank * 31 + 1) & 0xff);
}

static void check_ranks(void)
{
    CHECK(comm.size >= 1 && comm.rank >= 0 && comm.rank < comm.size);
    CHECK(comm.node_size >= 1 && comm.node_size <= comm.size);
    CHECK(comm.node_rank >= 0 && comm.node_rank < comm.node_size);

    /* Each rank is there once, and the first of each node once a node. */
    int64_t *seen = mem_array((size_t)comm.size + 1, sizeof *seen);
    CHECK(seen);
    seen[comm.rank] = 1;
    seen[comm.size] = comm.node_rank == 0 ? comm.node_size : 0;
    CHECK(comm_sum_i64(&comm, seen, comm.size + 1) == ST_OK);
    for (int r = 0; r < comm.size; r++)
        CHECK(seen[r] == 1);
    CHECK(seen[comm.size] == comm.size);
    free(seen);
}

static void check_bcast(size_t bytes)
{
    unsigned char *data = mem_array(bytes + 1, 1);

    CHECK(data);
    for (size_t i = 0; i < bytes; i++)
        data[i] = comm.rank == 0 ? byte_of(0, i) : 0xee;
    data[bytes] = 0xaa;
    CHECK(comm_bcast(&comm, data, bytes) == ST_OK);
    for (size_t i = 0; i < bytes; i++)
        CHECK(data[i] == byte_of(0, i));
    CHECK(data[bytes] == 0xaa);
    free(data);
}

static void check_sum(int n)
{
    const int64_t large = INT64_C(1) << 53; /* a sum in doubles would lose the 1 */
    int64_t *values = mem_array((size_t)n + 1, sizeof *values);

    CHECK(values);
    for (int i = 0; i < n; i++)
        values[i] = (i % 2 ? -1 : 1) * (large + comm.rank + i);
    values[n] = 77;
    CHECK(comm_sum_i64(&comm, values, n) == ST_OK);
    for (int i = 0; i < n; i++)
        CHECK(values[i] == (i % 2 ? -1 : 1) * (comm.size * (large + i) + comm.size * (comm.size - 1) / 2));
    CHECK(values[n] == 77);
    free(values);
}

/* parts[r % n_parts] bytes from rank r. */
static void check_gather(const size_t *parts, size_t n_parts)
{
    const size_t bytes = parts[(size_t)comm.rank % n_parts];
    unsigned char *mine = bytes ? mem_array(bytes, 1) : NULL; /* nothing to give: NULL is fine */
    void *all = &comm;
    size_t all_bytes = 12345;

    CHECK(mine || !bytes);
    for (size_t i = 0; i < bytes; i++)
        mine[i] = byte_of(comm.rank, i);
    CHECK(comm_gather(&comm, mine, bytes, &all, &all_bytes) == ST_OK);
    free(mine);

    if (comm.rank != 0) {
        CHECK(!all && all_bytes == 0);
        return;
    }
    const unsigned char *at = all;
    size_t total = 0;
    CHECK(all);
    for (int r = 0; r < comm.size; r++) {
        const size_t part = parts[(size_t)r % n_parts];
        CHECK(total + part <= all_bytes);
        for (size_t i = 0; i < part; i++)
            CHECK(at[total + i] == byte_of(r, i));
        total += part;
    }
    CHECK(all_bytes == total);
    free(all);
}

/* Rank 0 has no room: all hear of it, nobody sends, and the next collective works. The claimed part is never read. */
static void check_gather_without_room(void)
{
#ifndef __SANITIZE_ADDRESS__ /* which ends a program that asks for this much */
    const char little = 0;
    void *all = NULL;
    size_t all_bytes = 0;

    const enum status st =
        comm_gather(&comm, &little, comm.rank == comm.size - 1 ? (size_t)1 << 62 : 1, &all, &all_bytes);
    CHECK(st == ST_NOMEM && !all && all_bytes == 0);
    CHECK(strstr(status_message(), "out of memory"));
    CHECK(comm.size == 1 || strncmp(status_message(), "rank 0: ", 8) == 0);
    CHECK(comm_agree(&comm, ST_OK) == ST_OK);
#endif
}

static void check_transfers(void)
{
    static const size_t nothing[] = {0}, some[] = {5, 0, 17, 1}, others[] = {0, 0, 9}, even[] = {16};
    static const size_t large[] = {100000, 3, 0, 70001};
    static const size_t sizes[] = {0, 1, 15, 16, 17, 100000};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        check_bcast(sizes[i]);
    check_sum(0);
    check_sum(1);
    check_sum(9);
    check_sum(10001);
    check_gather(nothing, 1);
    check_gather(even, 1);
    check_gather(some, sizeof some / sizeof some[0]);
    check_gather(others, sizeof others / sizeof others[0]);
    check_gather(large, sizeof large / sizeof large[0]);
}

/* Chunks that divide the sizes, that do not, and that end within a part. */
static void check_chunks(void)
{
    static const size_t chunks[] = {8, 13, 16, 4096, 100000};
    const size_t usual = comm_chunk_bytes;

    CHECK(usual <= INT32_MAX);
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        comm_chunk_bytes = chunks[i];
        check_transfers();
    }
    comm_chunk_bytes = usual;
}

static void check_verdict(enum status got, enum status st, int rank, const char *text)
{
    char expected[STATUS_MESSAGE_BYTES];

    if (comm.size > 1)
        snprintf(expected, sizeof expected, "rank %d: %s", rank, text);
    else
        snprintf(expected, sizeof expected, "%s", text);
    CHECK(got == st);
    CHECK(strcmp(status_message(), expected) == 0);
}

static void check_agree(void)
{
    const int last = comm.size - 1, middle = comm.size / 2;
    enum status mine = ST_OK;

    CHECK(comm_agree(&comm, ST_OK) == ST_OK);

    /* Each rank alone. */
    for (int r = 0; r < comm.size; r++) {
        mine = comm.rank == r ? FAIL(ST_FORMAT, "bad film on %d", r) : ST_OK;
        char text[64];
        snprintf(text, sizeof text, "bad film on %d", r);
        check_verdict(comm_agree(&comm, mine), ST_FORMAT, r, text);
    }

    /* Several: the lowest wins, whatever the order of the codes. */
    mine = ST_OK;
    if (comm.rank == last)
        mine = FAIL(ST_NOMEM, "the last");
    if (comm.rank == middle)
        mine = FAIL(ST_DEVICE, "the middle");
    check_verdict(comm_agree(&comm, mine), ST_DEVICE, middle, "the middle");

    mine = FAIL(comm.rank % 2 ? ST_IO : ST_INTERRUPTED, "all, here %d", comm.rank);
    check_verdict(comm_agree(&comm, mine), ST_INTERRUPTED, 0, "all, here 0");

    /* Agreed on twice: the message keeps its rank. */
    mine = comm_agree(&comm, comm.rank == last ? FAIL(ST_IO, "disk full") : ST_OK);
    check_verdict(comm_agree(&comm, mine), ST_IO, last, "disk full");

    /* A message that fills its room is cut, not overrun. */
    char endless[STATUS_MESSAGE_BYTES];
    memset(endless, 'x', sizeof endless);
    endless[sizeof endless - 1] = '\0';
    mine = comm.rank == last ? FAIL(ST_IO, "%s", endless) : ST_OK;
    CHECK(comm_agree(&comm, mine) == ST_IO);
    CHECK(strlen(status_message()) == STATUS_MESSAGE_BYTES - 1);
    CHECK(comm.size == 1 || strncmp(status_message(), "rank ", 5) == 0);

    /* The end of a film is no outcome. */
    CHECK(comm_agree(&comm, comm.rank == last ? ST_END : ST_OK) == ST_BUG);

    CHECK(comm_agree(&comm, ST_OK) == ST_OK);
}

/* What MPI refuses comes back as a status with MPI's own words. A root that does not exist is refused before anything
 * is sent. */
static void check_fault(void)
{
    char byte = 0;

    if (comm.size == 1)
        return;
    CHECK(comm.ops->bcast(&comm, comm.size, &byte, 1) == ST_COMM);
    CHECK(strstr(status_message(), "broadcast among the ranks: ") && strstr(status_message(), "root"));
    CHECK(comm_agree(&comm, ST_OK) == ST_OK);
}

/* A rank that waits 0.5 s for another must leave the processor to it. */
static void check_patience(void)
{
    static const struct timespec late = {.tv_nsec = 500 * 1000 * 1000};
    struct timespec before, after;

    CHECK(comm_agree(&comm, ST_OK) == ST_OK);
    const double started = clock_seconds();
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    if (comm.rank == 0)
        nanosleep(&late, NULL);
    CHECK(comm_agree(&comm, ST_OK) == ST_OK);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    const double waited = clock_seconds() - started;
    const double worked = (double)(after.tv_sec - before.tv_sec) + 1e-9 * (double)(after.tv_nsec - before.tv_nsec);
    CHECK(waited >= 0.4 || comm.size == 1);
    CHECK(worked < 0.2);
}

static void check_describe(void)
{
    char text[256] = "", little[5] = "";

    comm_describe(text, sizeof text);
    CHECK(strlen(text) > 5 && !strchr(text, '\n'));
    if (comm.rank == 0)
        printf("%s\n", text);
    comm_describe(little, sizeof little);
    CHECK(strlen(little) == 4 && strncmp(little, text, 4) == 0);
    comm_describe_nccl(text, sizeof text);
    CHECK(strstr(text, "NCCL"));
    if (comm.rank == 0)
        printf("%s\n", text);
}

/* Part sizes whose sum and offsets do not fit an int; chunks as they are. */
static void check_big(void)
{
    static const size_t parts[] = {((size_t)5 << 28) + 3, ((size_t)3 << 28) + 1, 0, 11};

    check_gather(parts, sizeof parts / sizeof parts[0]);
    check_bcast(((size_t)9 << 28) + 5);
}

static int open_only(void)
{
    const enum status st = comm_open_world(&comm);

    if (st != ST_OK)
        fprintf(stderr, "refused: %s\n", status_message());
    else
        printf("rank %d of %d\n", comm.rank, comm.size);
    comm_close(&comm);
    return status_exit_code(st);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "all";

    if (strcmp(mode, "open") == 0)
        return open_only();
    if (comm_open_world(&comm) != ST_OK) {
        fprintf(stderr, "no world: %s\n", status_message());
        return 1;
    }
    if (strcmp(mode, "abort") == 0) {
        if (comm.rank == comm.size - 1)
            comm_abort(&comm, argc > 2 ? atoi(argv[2]) : 1);
        CHECK(comm_agree(&comm, ST_OK) == ST_OK);
    } else if (strcmp(mode, "big") == 0) {
        check_big();
    } else {
        check_ranks();
        check_transfers();
        check_chunks();
        check_gather_without_room();
        check_agree();
        check_fault();
        check_patience();
        check_describe();
    }
    if (comm.rank == 0)
        printf("test_comm: %d ranks, all well\n", comm.size);
    comm_close(&comm);
    comm_close(&comm); /* closed twice: nothing happens */
    return 0;
}
