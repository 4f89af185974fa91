/* test_comm: every function of mpi/comm.h, on any number of ranks, started by mpirun or plainly.
 *
 *   test_comm               all checks; a failed one is printed and ends all ranks with code 1
 *   test_comm threads N     the same on N ranks that are threads of one process (unit/ranks.h): what stands in comm.c,
 *                           meet.c and comm_nccl.c whatever carries the messages
 *   test_comm alone         the same on an MPI world of one, which no launcher made
 *   test_comm open          opens and closes; prints "rank R of S", or the refusal, and ends with its exit code
 *   test_comm abort CODE    the last rank calls comm_abort(CODE) while the others wait for it in a collective
 *   test_comm die           the last rank is killed while the others wait for it in a sum, in a part and in the world
 *   test_comm leave         the same, but it leaves by _exit(0)
 *   test_comm big           counts and offsets beyond 2 GiB; wants about 8 GiB of memory, so no suite runs it */
#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "mpi/comm.h"
#include "mpi/comm_ops.h"
#include "unit/ranks.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static _Thread_local struct comm comm; /* the world, or the part of it that is looked at */
static bool is_threads;                /* the ranks are */

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: rank %d (%d of %d): not so: %s [%s]\n", __FILE__, __LINE__, comm.world_rank,       \
                    comm.rank, comm.size, #condition, status_message());                                               \
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
    CHECK(comm.size >= 1 && comm.rank >= 0 && comm.rank < comm.size && comm.world_rank == comm.rank);
    CHECK(comm.node_size >= 1 && comm.node_size <= comm.size);
    CHECK(comm.node_rank >= 0 && comm.node_rank < comm.node_size);

    /* Each rank is there once, and the first of each node once a node. */
    int64_t *seen = mem_array((size_t)comm.size + 1, sizeof *seen);
    CHECK(seen);
    seen[comm.rank] = 1;
    seen[comm.size] = comm.node_rank == 0 ? comm.node_size : 0;
    CHECK(comm_sum_i64(&comm, seen, (size_t)comm.size + 1) == ST_OK);
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

static void check_sum_i64(size_t n)
{
    const int64_t large = INT64_C(1) << 53; /* a sum in doubles would lose the 1 */
    int64_t *values = mem_array(n + 1, sizeof *values);

    CHECK(values);
    for (size_t i = 0; i < n; i++)
        values[i] = (i % 2 ? -1 : 1) * (large + comm.rank + (int64_t)i);
    values[n] = 77;
    CHECK(comm_sum_i64(&comm, values, n) == ST_OK);
    for (size_t i = 0; i < n; i++)
        CHECK(values[i] == (i % 2 ? -1 : 1) * (comm.size * (large + (int64_t)i) + comm.size * (comm.size - 1) / 2));
    CHECK(values[n] == 77);
    free(values);
}

/* A sum in floats would lose the low bits; the last value is as low as an int32_t goes. */
static void check_sum_i32(enum status (*sum)(int32_t *values, size_t n), size_t n)
{
    const int32_t large = INT32_C(1) << 28;
    int32_t *values = mem_array(n + 1, sizeof *values);

    CHECK(values && comm.size <= 7);
    for (size_t i = 0; i < n; i++)
        values[i] = (i % 2 ? -1 : 1) * (large + comm.rank + (int32_t)(i % 99999));
    if (n > 0)
        values[n - 1] = comm.rank == comm.size - 1 ? INT32_MIN : 0;
    values[n] = 77;
    CHECK(sum(values, n) == ST_OK);
    for (size_t i = 0; i + 1 < n; i++)
        CHECK(values[i] ==
              (i % 2 ? -1 : 1) * (comm.size * (large + (int32_t)(i % 99999)) + comm.size * (comm.size - 1) / 2));
    CHECK(n == 0 || values[n - 1] == INT32_MIN);
    CHECK(values[n] == 77);
    free(values);
}

/* Each rank's row has its sums; of the other rows nothing is said. */
static void check_reduce_scatter(enum status (*scatter)(int32_t *values, size_t n), size_t n)
{
    const int32_t large = INT32_C(1) << 28;
    const size_t all = (size_t)comm.size * n;
    int32_t *values = mem_array(all + 1, sizeof *values);

    CHECK(values && comm.size <= 7);
    for (size_t i = 0; i < all; i++)
        values[i] = (i % 2 ? -1 : 1) * (large + comm.rank + (int32_t)(i % 99999));
    values[all] = 77;
    CHECK(scatter(values, n) == ST_OK);
    for (size_t i = (size_t)comm.rank * n; i < (size_t)(comm.rank + 1) * n; i++)
        CHECK(values[i] ==
              (i % 2 ? -1 : 1) * (comm.size * (large + (int32_t)(i % 99999)) + comm.size * (comm.size - 1) / 2));
    CHECK(values[all] == 77);
    free(values);
}

static enum status scatter_on_host(int32_t *values, size_t n)
{
    return comm_reduce_scatter_i32(&comm, values, n);
}

static enum status scatter_without_gpu(int32_t *values, size_t n)
{
    return comm_gpu_reduce_scatter_i32(&comm, values, n, NULL);
}

static enum status sum_on_host(int32_t *values, size_t n)
{
    return comm_sum_i32(&comm, values, n);
}

/* With no device the values are in host memory. */
static enum status sum_without_gpu(int32_t *values, size_t n)
{
    return comm_gpu_sum_i32(&comm, values, n, NULL);
}

static void check_all_gather(size_t bytes)
{
    const size_t total = (size_t)comm.size * bytes;
    unsigned char *all = mem_array(total + 1, 1), *mine = mem_array(bytes, 1);

    CHECK(all && mine);
    for (int in_place = 0; in_place < 2; in_place++) {
        unsigned char *from = in_place ? all + (size_t)comm.rank * bytes : mine;

        memset(all, 0xee, total);
        all[total] = 0xaa;
        for (size_t i = 0; i < bytes; i++)
            from[i] = byte_of(comm.rank, i);
        CHECK(comm_all_gather(&comm, from, bytes, all) == ST_OK);
        CHECK(all[total] == 0xaa);
        for (int r = 0; r < comm.size; r++)
            for (size_t i = 0; i < bytes; i++)
                CHECK(all[(size_t)r * bytes + i] == byte_of(r, i));
    }
    free(mine);
    free(all);
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
    char expected[32] = "";
    int first = comm.world_rank;
    CHECK(st == ST_NOMEM && !all && all_bytes == 0);
    CHECK(comm_bcast(&comm, &first, sizeof first) == ST_OK);
    if (comm.size > 1)
        snprintf(expected, sizeof expected, "rank %d: ", first);
    CHECK(strncmp(status_message(), expected, strlen(expected)) == 0 && strstr(status_message(), "out of memory"));
    CHECK(comm_agree(&comm, ST_OK) == ST_OK);
#endif
}

static void check_transfers(size_t most)
{
    const size_t nothing[] = {0}, some[] = {5, 0, 17, 1}, others[] = {0, 0, 9}, even[] = {16};
    const size_t large[] = {most, 3, 0, most * 7 / 10 + 1}, sizes[] = {0, 1, 15, 16, 17, most};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        check_bcast(sizes[i]);
        check_all_gather(sizes[i]);
        check_sum_i32(sum_on_host, sizes[i]);
        check_reduce_scatter(scatter_on_host, sizes[i]);
    }
    check_sum_i64(0);
    check_sum_i64(1);
    check_sum_i64(9);
    check_sum_i64(most / 10 + 1);
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
        check_transfers(chunks[i] < 4096 ? 2000 : 100000);
    }
    comm_chunk_bytes = usual;
}

/* rank is one of comm's; the message must name the world's. */
static void check_verdict(enum status got, enum status st, int rank, const char *text)
{
    char expected[STATUS_MESSAGE_BYTES], said[STATUS_MESSAGE_BYTES];
    int world_rank = comm.rank == rank ? comm.world_rank : 0;

    snprintf(said, sizeof said, "%s", status_message());
    CHECK(comm_sum_i32(&comm, &world_rank, 1) == ST_OK);
    if (comm.size > 1)
        snprintf(expected, sizeof expected, "rank %d: %s", world_rank, text);
    else
        snprintf(expected, sizeof expected, "%s", text);
    CHECK(got == st);
    CHECK(strcmp(said, expected) == 0);
}

static void check_is_same(void)
{
    const int mine = comm.rank;
    bool is_same = false;

    CHECK(comm_is_same(&comm, "alike", 6, &is_same) == ST_OK);
    CHECK(is_same);
    CHECK(comm_is_same(&comm, &mine, sizeof mine, &is_same) == ST_OK);
    CHECK(is_same == (comm.rank == 0));
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

    if (comm.size == 1 || is_threads)
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

/* ---- what the ranks have in common ---- */

static void check_met(enum status st, enum status wanted, const char *text, bool names_last)
{
    char who[32];

    CHECK(st == wanted && comm.has_met && !comm.terms);
    snprintf(who, sizeof who, "rank %d on ", comm.size - 1);
    if (st != ST_OK) {
        CHECK(strstr(status_message(), text));
        CHECK(names_last == (strncmp(status_message(), who, strlen(who)) == 0));
    }
}

/* Each time as if it were the first; what the last rank has may be another thing. */
static void check_meet(void)
{
    const bool is_last = comm.rank == comm.size - 1, is_alone = comm.size == 1;
    const enum status differs = is_alone ? ST_OK : ST_USAGE;

    check_met(comm_meet(&comm, ST_OK), ST_OK, "", false);
    comm_must_match(&comm, "k", "%d", 5);
    comm_must_match(&comm, "empty", "%s", "");
    check_met(comm_meet(&comm, ST_OK), ST_OK, "", false);

    comm_must_match(&comm, "k", "%d", is_last ? 8 : 5); /* what was said before is forgotten */
    comm_must_match(&comm, "l", "%d", is_last ? 8 : 5);
    check_met(comm_meet(&comm, ST_OK), differs, "k is 8, but 5 on rank 0 on ", true);
    comm_must_match(&comm, "b", "a text, with \"signs\"");
    comm_must_match(&comm, "c", "%d", is_last ? 8 : 7);
    check_met(comm_meet(&comm, ST_OK), differs, "c is 8, but 7 on rank 0 on ", true);
    comm_must_match(&comm, "same", "this");
    if (is_last)
        comm_must_match(&comm, "more", "that");
    check_met(comm_meet(&comm, ST_OK), differs, "more is that; rank 0 on ", true);
    if (!is_last)
        comm_must_match(&comm, "less", "that");
    check_met(comm_meet(&comm, ST_OK), differs, "no less, which is that on rank 0 on ", true);

    /* A rank that failed is told, whatever else differs; one whose fault is all ranks' is not named. */
    comm_must_match(&comm, "k", "%d", comm.rank);
    check_met(comm_meet(&comm, is_last ? FAIL(ST_FORMAT, "bad page") : ST_OK), ST_FORMAT, "bad page", !is_alone);
    check_met(comm_meet(&comm, FAIL(ST_FORMAT, "bad page")), ST_FORMAT, "bad page", false);
    if (!is_alone)
        check_met(comm_meet(&comm, FAIL(ST_FORMAT, "bad page %d", comm.rank)), ST_FORMAT, "rank 0 on ", false);

    /* What was agreed on when they met keeps its rank later. */
    char text[STATUS_MESSAGE_BYTES];
    const enum status st = comm_meet(&comm, is_last ? FAIL(ST_FORMAT, "bad page") : ST_OK);
    snprintf(text, sizeof text, "%s", status_message());
    CHECK(comm_agree(&comm, st) == ST_FORMAT && strcmp(status_message(), text) == 0);
}

/* ---- messages ---- */

enum { MOST_MESSAGE_BYTES = 300004 };

/* What a rank posts as its number-th message, and how long it is. */
static size_t write_message(int from, int32_t number, bool is_short, unsigned char *data)
{
    static const size_t bytes[] = {0, 1, 70000, 13, 4095, 4096, 300000, 65, 20000};
    const size_t n = sizeof number + bytes[is_short ? 1 : (size_t)number % (sizeof bytes / sizeof bytes[0])];

    memcpy(data, &number, sizeof number);
    for (size_t i = sizeof number; i < n; i++)
        data[i] = byte_of(from + number, i);
    return n;
}

/* Takes what has arrived, which must be each rank's next: n_taken[rank] counts them. */
static bool take_message(int32_t *n_taken, bool is_short)
{
    static unsigned char found[MOST_MESSAGE_BYTES], expected[MOST_MESSAGE_BYTES];
    size_t bytes = 99;
    int from = 99;

    CHECK(comm_take(&comm, found, sizeof found, &bytes, &from) == ST_OK);
    if (from == -1) {
        CHECK(bytes == 0);
        return false;
    }
    CHECK(from >= 0 && from < comm.size);
    CHECK(bytes == write_message(from, n_taken[from], is_short, expected));
    CHECK(memcmp(found, expected, bytes) == 0);
    n_taken[from]++;
    return true;
}

static void take_all(int32_t *n_taken, int32_t n, bool is_short)
{
    struct patience patience = patience_start(1e-3);

    for (int r = 0; r < comm.size; r++)
        while (n_taken[r] < n)
            if (!take_message(n_taken, is_short))
                patience_wait(&patience);
    for (int r = 0; r < comm.size; r++)
        CHECK(n_taken[r] == n);
}

/* Everybody posts n messages to everybody, and every `pause` messages takes one and meets the others in a sum. */
static void check_exchange(int32_t n, int32_t pause, bool is_short)
{
    static unsigned char data[MOST_MESSAGE_BYTES];
    int32_t *n_taken = mem_array((size_t)comm.size, sizeof *n_taken);

    CHECK(n_taken);
    for (int32_t i = 0; i < n; i++) {
        const size_t bytes = write_message(comm.rank, i, is_short, data);

        for (int r = 0; r < comm.size; r++)
            CHECK(comm_post(&comm, (comm.rank + r) % comm.size, data, bytes) == ST_OK);
        memset(data, 0xee, bytes); /* it was copied */
        if (i % pause == pause - 1) {
            int64_t ones = 1;
            (void)take_message(n_taken, is_short);
            CHECK(comm_sum_i64(&comm, &ones, 1) == ST_OK);
            CHECK(ones == comm.size);
        }
    }
    CHECK(comm_agree(&comm, ST_OK) == ST_OK);
    take_all(n_taken, n, is_short);
    CHECK(comm_agree(&comm, ST_OK) == ST_OK);
    CHECK(!take_message(n_taken, is_short));
    CHECK(comm_agree(&comm, ST_OK) == ST_OK);
    free(n_taken);
}

/* The next one, waited for; st is what comm_take must say. */
static size_t wait_for_message(unsigned char *data, size_t room, enum status st, int *from)
{
    struct patience patience = patience_start(1e-3);
    size_t bytes = 0;

    for (;;) {
        const enum status got = comm_take(&comm, data, room, &bytes, from);
        if (*from >= 0) {
            CHECK(got == st);
            return bytes;
        }
        CHECK(got == ST_OK);
        patience_wait(&patience);
    }
}

/* The sender of a long message does something else. Nobody waits for it, and another rank's messages pass. */
static void check_busy_sender(void)
{
    static const struct timespec busy = {.tv_nsec = 300 * 1000 * 1000};
    const size_t most = (size_t)8 << 20;
    const int last = comm.size - 1;
    unsigned char *data = mem_array(most, 1);
    int n_left = comm.rank == 0 ? comm.size : 0, from = -1;

    CHECK(data);
    CHECK(comm_agree(&comm, ST_OK) == ST_OK);
    data[most - 1] = byte_of(comm.rank, 1);
    CHECK(comm_post(&comm, 0, data, comm.rank == last ? most : 1) == ST_OK);
    if (comm.rank == last && last > 0)
        nanosleep(&busy, NULL);
    while (n_left > 0) {
        size_t bytes = 0;
        const double started = clock_seconds();
        CHECK(comm_take(&comm, data, most, &bytes, &from) == ST_OK);
        CHECK(clock_seconds() - started < 0.2);
        if (from >= 0) {
            CHECK(bytes == (from == last ? most : 1));
            CHECK(from != last || data[most - 1] == byte_of(last, 1));
            n_left--;
        }
    }
    CHECK(comm_agree(&comm, ST_OK) == ST_OK);
    free(data);
}

static void check_messages(void)
{
    unsigned char data[8] = "jacquar";
    const int next = (comm.rank + 1) % comm.size, previous = (comm.rank + comm.size - 1) % comm.size;
    int from = 99;
    size_t bytes = 99;

    CHECK(comm_take(&comm, data, sizeof data, &bytes, &from) == ST_OK && from == -1 && bytes == 0);
    CHECK(comm_agree(&comm, ST_OK) == ST_OK);

    /* An empty one; one that fills the room; one that does not fit, is refused and gone. */
    CHECK(comm_post(&comm, next, NULL, 0) == ST_OK);
    CHECK(comm_post(&comm, next, data, 8) == ST_OK);
    CHECK(comm_post(&comm, next, data, 8) == ST_OK);
    CHECK(comm_post(&comm, next, data, 1) == ST_OK);
    CHECK(wait_for_message(NULL, 0, ST_OK, &from) == 0 && from == previous);
    CHECK(wait_for_message(data, 8, ST_OK, &from) == 8 && from == previous && memcmp(data, "jacquar", 8) == 0);
    CHECK(wait_for_message(data, 7, ST_BUG, &from) == 8 && strstr(status_message(), "room for 7"));
    CHECK(wait_for_message(data, 8, ST_OK, &from) == 1);

    CHECK(comm_post(&comm, comm.size, data, 1) == ST_BUG && strstr(status_message(), "to rank"));
    CHECK(comm_post(&comm, -1, data, 1) == ST_BUG);
    CHECK(comm_post(&comm, 0, data, ((size_t)1 << 30) + 1) == ST_BUG && strstr(status_message(), "1 GiB"));
    CHECK(comm_agree(&comm, ST_OK) == ST_OK);

    check_exchange(100, 7, false);
    check_exchange(40, 1000, false); /* nothing is taken before all is posted */
    check_exchange(10000, 20000, true);
    if (!is_threads) /* of which one runs at a time */
        check_busy_sender();
}

/* One short and one long message to everybody. */
static void leave_messages(void)
{
    static unsigned char data[MOST_MESSAGE_BYTES];

    for (int r = 0; r < comm.size; r++) {
        CHECK(comm_post(&comm, r, data, 1) == ST_OK);
        CHECK(comm_post(&comm, r, data, sizeof data) == ST_OK);
    }
}

/* ---- parts ---- */

/* comm becomes a part of itself, *whole what it was; ended by close_part. */
static void open_part(struct comm *whole, int colour)
{
    *whole = comm;
    CHECK(comm_split(whole, colour, &comm) == ST_OK);
}

static void close_part(const struct comm *whole)
{
    comm_close(&comm);
    CHECK(!comm.ops && !comm.group && !comm.gpu);
    comm = *whole;
}

/* The ranks of equal parity, in order, with all that a communicator can; and each half of them. */
static void check_parity(void)
{
    struct comm whole, parity;
    const int colour = comm.rank % 2, size = (comm.size + 1 - colour) / 2, rank = comm.rank / 2;

    open_part(&whole, 5 * colour);
    CHECK(comm.size == size && comm.rank == rank && comm.world_rank == whole.rank);
    CHECK(comm.node_rank == whole.node_rank && comm.node_size == whole.node_size);
    check_transfers(100000);
    check_chunks();
    check_gather_without_room();
    check_is_same();
    check_agree();
    check_messages();

    open_part(&parity, rank < (size + 1) / 2);
    CHECK(comm.size == (rank < (size + 1) / 2 ? (size + 1) / 2 : size / 2) && comm.world_rank == whole.rank);
    check_transfers(100000);
    check_agree();
    close_part(&parity);

    check_transfers(100000);
    leave_messages(); /* are lost with the part, and seen nowhere else */
    close_part(&whole);
    check_transfers(100000);
    check_exchange(3, 1, true);
}

/* Rows and columns, all open at once and used in turn: the sum over the sums of the rows is the sum of all. */
static void check_grid(void)
{
    struct comm whole = comm, row, column;
    int64_t direct = comm.rank + 1, crossed = direct;

    CHECK(comm_split(&whole, comm.rank / 2, &row) == ST_OK);
    CHECK(comm_split(&whole, comm.rank % 2, &column) == ST_OK);
    for (int i = 0; i < 50; i++) {
        direct = crossed = comm.rank + 1 + i;
        CHECK(comm_sum_i64(&comm, &direct, 1) == ST_OK);
        CHECK(comm_sum_i64(&row, &crossed, 1) == ST_OK);
        if (comm.size % 2 == 0)
            CHECK(comm_sum_i64(&column, &crossed, 1) == ST_OK);
        CHECK(crossed == direct || comm.size % 2);
        CHECK(direct == (int64_t)comm.size * (comm.size + 1) / 2 + (int64_t)i * comm.size);
    }
    comm_close(&row); /* in another order than they were opened */
    comm_close(&column);
}

static void check_split(void)
{
    struct comm whole, part;

    check_parity();
    check_grid();

    open_part(&whole, 3); /* all */
    CHECK(comm.size == whole.size && comm.rank == whole.rank);
    check_agree();
    close_part(&whole);

    open_part(&whole, comm.rank); /* each for itself */
    CHECK(comm.size == 1 && comm.rank == 0 && comm.world_rank == whole.rank);
    check_transfers(100000);
    check_agree();
    close_part(&whole);

    /* A fault that a part agreed on keeps its rank of the world when all agree on it. */
    const int last = comm.size - 1;
    open_part(&whole, comm.rank % 2);
    enum status mine = comm_agree(&comm, whole.rank == last ? FAIL(ST_FORMAT, "bad page") : ST_OK);
    close_part(&whole);
    check_verdict(comm_agree(&comm, mine), ST_FORMAT, last, "bad page");

    CHECK(comm_split(&comm, comm.rank == last ? -1 : 0, &part) == ST_BUG);
    CHECK(!part.ops && strstr(status_message(), "colour -1"));
    comm_close(&part);
    CHECK(comm_agree(&comm, ST_OK) == ST_OK);
}

/* ---- sums without a GPU ---- */

static void check_gpu_refused(int device, enum status st, const char *text)
{
    const int last = comm.size - 1;

    CHECK(comm_gpu_open(&comm, comm.rank == last ? device : -1) == st);
    CHECK(strstr(status_message(), text) && !comm.gpu);
}

static void check_without_gpu(void)
{
    int32_t value = 1;

    CHECK(comm_gpu_sum_i32(&comm, &value, 1, NULL) == ST_BUG);
    CHECK(strcmp(comm_gpu_path(&comm), "not opened") == 0);
    check_gpu_refused(99999, ST_UNSUPPORTED, "GPU 99999: "); /* in every build, on every machine */
    setenv("JACQUARD_COMM_TIMEOUT", "soon", 1);
    check_gpu_refused(-1, ST_USAGE, "JACQUARD_COMM_TIMEOUT is 'soon'");
    setenv("JACQUARD_COMM_TIMEOUT", "0", 1);
    check_gpu_refused(-1, ST_USAGE, "JACQUARD_COMM_TIMEOUT is '0'");
    setenv("JACQUARD_COMM_TIMEOUT", "60", 1);

    CHECK(comm_gpu_open(&comm, -1) == ST_OK);
    CHECK(strcmp(comm_gpu_path(&comm), comm.size > 1 ? "MPI through host memory" : "one rank") == 0);
    CHECK(comm_gpu_open(&comm, -1) == ST_BUG);
    check_sum_i32(sum_without_gpu, 0);
    check_sum_i32(sum_without_gpu, 1000);
    check_sum_i32(sum_without_gpu, ((size_t)9 << 20) + 7); /* in pieces */
    check_reduce_scatter(scatter_without_gpu, 0);
    check_reduce_scatter(scatter_without_gpu, ((size_t)3 << 20) + 7);

    struct comm whole;
    open_part(&whole, comm.rank % 2);
    CHECK(!comm.gpu); /* each communicator has its own */
    CHECK(comm_gpu_open(&comm, -1) == ST_OK);
    check_sum_i32(sum_without_gpu, 1000);
    close_part(&whole);
}

/* ---- traffic ---- */

static void check_counted(enum comm_kind kind, int64_t calls, size_t bytes, double longest)
{
    struct comm_traffic traffic[N_COMM_KINDS];

    comm_traffic_read(&comm, traffic);
    CHECK(traffic[kind].calls == calls && traffic[kind].bytes == (int64_t)bytes);
    CHECK(traffic[kind].seconds >= 0 && traffic[kind].seconds <= longest);
}

static void check_traffic(void)
{
    int32_t narrow[5] = {0};
    int64_t wide[3] = {0}, *all = mem_array((size_t)comm.size, sizeof *all);
    struct comm whole;

    CHECK(all);
    open_part(&whole, 0);
    for (int kind = 0; kind < N_COMM_KINDS; kind++) {
        check_counted((enum comm_kind)kind, 0, 0, 0);
        CHECK(strlen(comm_kind_name((enum comm_kind)kind)) > 3);
        for (int other = 0; other < kind; other++)
            CHECK(strcmp(comm_kind_name((enum comm_kind)kind), comm_kind_name((enum comm_kind)other)) != 0);
    }
    CHECK(comm_gpu_open(&comm, -1) == ST_OK);
    const double started = clock_seconds();
    for (int i = 0; i < 2; i++) {
        CHECK(comm_sum_i32(&comm, narrow, 5) == ST_OK);
        CHECK(comm_gpu_sum_i32(&comm, narrow, 3, NULL) == ST_OK);
        CHECK(comm_all_gather(&comm, wide, sizeof *wide, all) == ST_OK);
    }
    CHECK(comm_sum_i64(&comm, wide, 3) == ST_OK);
    CHECK(comm_bcast(&comm, wide, 7) == ST_OK);
    CHECK(comm_agree(&comm, ST_OK) == ST_OK); /* none of the kinds */
    const double longest = clock_seconds() - started;

    check_counted(COMM_SUM_I32, 2, 40, longest);
    check_counted(COMM_GPU_SUM_I32, 2, 24, longest);
    check_counted(COMM_ALL_GATHER, 2, 2 * (size_t)comm.size * sizeof *all, longest);
    check_counted(COMM_SUM_I64, 1, 24, longest);
    check_counted(COMM_BCAST, 1, 7, longest);
    close_part(&whole);
    free(all);
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
    check_all_gather(((size_t)3 << 28) + 5);
    check_sum_i32(sum_on_host, ((size_t)1 << 29) + 77);
}

/* The last rank goes while the others wait for it. Whatever they see, the launcher must end them: they do not come to
 * the end of this. */
static void lose_last_rank(int by_signal)
{
    struct comm part;
    int32_t values[3] = {0};

    CHECK(comm_split(&comm, comm.rank % 2 == (comm.size - 1) % 2, &part) == ST_OK);
    CHECK(comm_sum_i32(&part, values, 3) == ST_OK);
    if (comm.rank == comm.size - 1) {
        if (by_signal)
            raise(SIGKILL);
        _exit(0);
    }
    (void)comm_sum_i32(&part, values, 3);
    (void)comm_sum_i32(&comm, values, 3);
    printf("rank %d goes on without the last\n", comm.rank);
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

/* Everything, to the end of the communicator. */
static void check_all(void)
{
    check_ranks();
    check_transfers(100000);
    check_chunks();
    check_gather_without_room();
    check_agree();
    check_meet();
    check_fault();
    check_messages();
    check_split();
    check_without_gpu();
    check_traffic();
    if (!is_threads)
        check_patience();
    check_describe();
    if (comm.rank == 0)
        printf("test_comm: %d ranks, all well\n", comm.size);
    leave_messages(); /* nobody takes them, and the end comes all the same */
    comm_close(&comm);
    comm_close(&comm); /* closed twice: nothing happens */
}

static void check_thread(struct comm *opened, void *unused)
{
    (void)unused;
    comm = *opened;
    check_all();
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "all";

    if (strcmp(mode, "open") == 0)
        return open_only();
    if (strcmp(mode, "threads") == 0) {
        is_threads = true;
        ranks_run(argc > 2 ? atoi(argv[2]) : 2, check_thread, NULL);
        return 0;
    }
    if ((strcmp(mode, "alone") == 0 ? comm_open_mpi(&comm) : comm_open_world(&comm)) != ST_OK) {
        fprintf(stderr, "no world: %s\n", status_message());
        return 1;
    }
    if (strcmp(mode, "abort") == 0) {
        if (comm.rank == comm.size - 1)
            comm_abort(&comm, argc > 2 ? atoi(argv[2]) : 1);
        CHECK(comm_agree(&comm, ST_OK) == ST_OK);
    } else if (strcmp(mode, "die") == 0 || strcmp(mode, "leave") == 0) {
        lose_last_rank(strcmp(mode, "die") == 0);
    } else if (strcmp(mode, "big") == 0) {
        check_big();
        comm_close(&comm);
    } else {
        check_all();
    }
    return 0;
}
