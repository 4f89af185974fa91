/* test_watch_rules: what the watch of the ranks takes for a rank that is lost, and what it leaves in peace. Each case
 * is a process of its own with its own watch, whose heartbeats are made up here: so no rank has to be lost. All of them
 * at once: they mostly wait. (That heartbeats travel, and that a job ends, is told by mpi/watch.sh.) */
#include "base/clock.h"
#include "base/log.h"
#include "mpi/comm.h"
#include "mpi/watch.h"
#include "unit/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>

enum { MOST_RANKS = 4 };

static const double timeout = 1.2, long_enough = 2.6; /* heartbeats come every half second */

/* What the other ranks do: a letter each: w works, s is silent, d waits for ever in one wait, n in ever new ones. */
static const char *others;
static int own_rank;
static atomic_int given_up;
static char line[512]; /* the last one that was said */

static void keep_line(const char *text)
{
    snprintf(line, sizeof line, "%s", text);
}

/* ---- what comm_mpi would do ---- */

void comm_mpi_abort(int exit_code)
{
    atomic_store(&given_up, exit_code);
    pthread_exit(NULL);
}

void heartbeats_exchange(const struct heartbeat *mine, heartbeats_received *received, void *context)
{
    static int64_t n;

    (void)mine;
    n++;
    for (int r = 0; others[r]; r++)
        if (r != own_rank && others[r] != 's' && (own_rank == 0 || r == 0)) {
            const struct heartbeat heartbeat = {.is_waiting = others[r] != 'w', .n_waits = others[r] == 'n' ? n : 0};
            received(context, r, &heartbeat);
        }
}

/* ---- cases ---- */

enum mine { WORK, WAIT, WAIT_ANEW, REST, STUCK, HOLD_MPI, END };

struct watch_case {
    const char *what, *others; /* one letter a rank, this one's too (it is not looked at) */
    int rank;
    enum mine mine;
    const char *wanted; /* what is said in the end; NULL: nothing, and nobody is given up */
};

static const struct watch_case cases[] = {
    {"all work", "www", 0, WORK, NULL},
    {"all work, seen from another", "www", 1, WORK, NULL},
    {"one is silent", "wws", 0, WORK, "rank 2 on host2 is silent: no sign of life from it for 1.2 s"},
    {"two are", "wsws", 0, WORK, "rank 1 on host1 is silent: no sign of life from it and from 1 other for 1.2 s"},
    {"three are", "wsss", 0, WAIT, "rank 1 on host1 is silent: no sign of life from it and from 2 others for 1.2 s"},
    {"rank 0 is", "sww", 1, WORK, "rank 0 on host0 is silent"},
    {"another than rank 0 is not rank 1's business", "wws", 1, WORK, NULL},
    {"all wait for each other", "wdd", 0, WAIT, "all 3 ranks have been waiting for each other for 1.2 s"},
    {"all but this one wait", "wdd", 0, WORK, NULL},
    {"all but another wait", "wdw", 0, WAIT, NULL},
    {"waits that end are no standstill", "wnn", 0, WAIT, NULL},
    {"one's own too", "wdd", 0, WAIT_ANEW, NULL},
    {"this one is stuck", "ww", 1, STUCK, "rank 1 on host1 is alive, but has done nothing for 1.2 s"},
    {"it rests", "ww", 1, REST, NULL},
    {"it waits", "ww", 1, WAIT, NULL},
    {"MPI is never free", "ww", 0, HOLD_MPI, "rank 0 on host0: another rank has not come to where all of them meet"},
    {"the others do not come to the end", "ww", 0, END, "rank 0 on host0: the other ranks have not come to the end"},
};

enum { N_CASES = sizeof cases / sizeof *cases };

static void nap(double seconds)
{
    nanosleep(
        &(struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = (long)(1e9 * (seconds - (double)(time_t)seconds))},
        NULL);
}

/* Works as little as is work, so that the cases do not stand in each other's way. */
static void work_until(double end)
{
    volatile uint32_t x = 1;

    while (clock_seconds() < end && !atomic_load(&given_up)) {
        const double until = clock_seconds() + 0.02;
        while (clock_seconds() < until)
            x = x * 1664525u + 1013904223u;
        nap(0.1);
    }
}

static void spend(enum mine mine, double end)
{
    if (mine == WAIT || mine == END)
        watch_wait_begin();
    if (mine == HOLD_MPI)
        watch_lock();
    if (mine == END)
        watch_last();
    comm_rest(mine == REST);
    if (mine == WORK || mine == HOLD_MPI)
        work_until(end);
    while (clock_seconds() < end && !atomic_load(&given_up)) {
        nap(0.05);
        if (mine == WAIT_ANEW) {
            watch_wait_begin();
            watch_wait_end();
            watch_wait_begin();
        }
    }
    if (mine == HOLD_MPI)
        watch_unlock();
}

/* In a process of its own: 0 where it came out as it should. */
static int run_case(const struct watch_case *c)
{
    char host[MOST_RANKS][HOST_BYTES] = {"host0", "host1", "host2", "host3"};

    log_set_keeper(keep_line);
    comm_set_rank_timeout(timeout);
    others = c->others;
    own_rank = c->rank;
    CHECK(!watch_is_open());
    CHECK_INT(watch_open(c->rank, (int)strlen(c->others), (const char(*)[HOST_BYTES])host), ST_OK);
    CHECK(watch_is_open());
    spend(c->mine, clock_seconds() + (c->wanted ? 20 : long_enough));
    watch_close();
    CHECK(!watch_is_open());
    CHECK_INT(atomic_load(&given_up), c->wanted ? 1 : 0);
    CHECK(strstr(line, c->wanted ? c->wanted : "") != NULL);
    CHECK(c->wanted ? strstr(line, "(--rank-timeout)") != NULL : line[0] == '\0');
    if (test_n_failed > 0)
        printf("  %s: it said: %s\n", c->what, line);
    fflush(stdout);
    return test_n_failed > 0;
}

int main(void)
{
    pid_t child[N_CASES];
    int outcome;

    for (int i = 0; i < N_CASES; i++) {
        fflush(stdout);
        child[i] = fork();
        if (child[i] == 0)
            exit(run_case(&cases[i]));
    }
    for (int i = 0; i < N_CASES; i++)
        if (CHECK(child[i] > 0) && CHECK(waitpid(child[i], &outcome, 0) == child[i]) && !CHECK_INT(outcome, 0))
            printf("  of: %s\n", cases[i].what);
    return test_end();
}
