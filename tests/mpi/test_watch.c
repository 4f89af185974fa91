/* test_watch: what the watch notices, and what it lets pass; watch.sh looks at how it ends. All with --rank-timeout 2.
 *
 *   test_watch stop RANK    RANK is stopped while the others wait for it
 *   test_watch end RANK     the same, but they wait for it at the end
 *   test_watch stuck RANK   RANK sleeps without end, as in a read from a dead disk
 *   test_watch apart        all ranks wait, but not for the same
 *   test_watch never RANK   RANK sleeps 4 s and nobody watches: ends well
 *   test_watch busy RANK    RANK computes for 5 s: ends well
 *   test_watch slow RANK    RANK reads a little now and then for 5 s: ends well
 *   test_watch rest RANK    RANK waits for something outside for 5 s, and says so: ends well
 *   test_watch pause        all ranks stop, and go on 4 s later: ends well */
#include "base/clock.h"
#include "base/status.h"
#include "mpi/comm.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct comm comm;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: rank %d: not so: %s [%s]\n", __FILE__, __LINE__, comm.rank, #condition,            \
                    status_message());                                                                                 \
            comm_abort(&comm, 9);                                                                                      \
        }                                                                                                              \
    } while (0)

static void sleep_seconds(double seconds)
{
    const double until = clock_seconds() + seconds;
    const struct timespec nap = {.tv_sec = (time_t)seconds, .tv_nsec = 1};

    while (clock_seconds() < until)
        nanosleep(&nap, NULL);
}

static void compute(double seconds)
{
    const double until = clock_seconds() + seconds;
    volatile double x = 1;

    while (clock_seconds() < until)
        for (int i = 0; i < 1000; i++)
            x = x * 0.999 + 1;
}

/* As from a disk that gives 32 KiB a second. */
static void read_slowly(double seconds)
{
    static char block[1 << 15];
    const double until = clock_seconds() + seconds;
    const int fd = open("/dev/zero", O_RDONLY);

    CHECK(fd >= 0);
    while (clock_seconds() < until) {
        CHECK(read(fd, block, sizeof block) == sizeof block);
        sleep_seconds(1);
    }
    close(fd);
}

/* A child wakes this process; it is none of MPI's, so it leaves by _exit. */
static void pause_all(double seconds)
{
    const pid_t parent = getpid();

    CHECK(comm_agree(&comm, ST_OK) == ST_OK);
    const pid_t child = fork();
    if (child == 0) {
        sleep_seconds(seconds);
        kill(parent, SIGCONT);
        _exit(0);
    }
    CHECK(child > 0);
    raise(SIGSTOP);
}

static void wait_apart(void)
{
    struct comm part;
    int64_t value = 1;

    CHECK(comm_split(&comm, 0, &part) == ST_OK);
    (void)comm_sum_i64(comm.rank == 0 ? &part : &comm, &value, 1);
}

static void act(const char *mode)
{
    if (strcmp(mode, "stop") == 0 || strcmp(mode, "end") == 0)
        raise(SIGSTOP);
    else if (strcmp(mode, "stuck") == 0)
        sleep_seconds(600);
    else if (strcmp(mode, "never") == 0)
        sleep_seconds(4);
    else if (strcmp(mode, "busy") == 0)
        compute(5);
    else if (strcmp(mode, "slow") == 0)
        read_slowly(5);
    else if (strcmp(mode, "rest") == 0) {
        comm_rest(true);
        sleep_seconds(5);
        comm_rest(false);
    }
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    const int rank = argc > 2 ? atoi(argv[2]) : 0;

    CHECK(comm_open_world(&comm) == ST_OK && comm.size > 1);
    comm_set_rank_timeout(strcmp(mode, "never") == 0 ? 0 : 2);
    if (strcmp(mode, "apart") == 0)
        wait_apart();
    if (strcmp(mode, "pause") == 0)
        pause_all(4);
    if (comm.rank == rank)
        act(mode);
    if (strcmp(mode, "end") != 0)
        CHECK(comm_agree(&comm, ST_OK) == ST_OK);
    const bool speaks = comm.rank == 0;
    comm_close(&comm);
    if (speaks)
        printf("all well\n");
    return 0;
}
