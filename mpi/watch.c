/* watch: see watch.h. The thread sleeps, heartbeats, listens, judges; the main thread passes it a few atomic numbers.
 * The rank that finds a reason to end the job prints it in one line and aborts. */
#include "mpi/watch.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "mpi/comm.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const double heartbeat_seconds = 0.5, /* between two heartbeats */
    launcher_seconds = 10,                   /* that a launcher takes to end a job */
    held_up_seconds = 1.0,                   /* so much later than that, the whole process was held up */
    least_work = 1e-3, /* of processor time: less than that is no sign of life of the main thread */
    /* Without rank 0 all others would print the one line: each gives the rank before it some time. */
    turn_seconds = 0.5, most_turns = 10;

/* Read or written between two heartbeats: the watch and MPI's own threads take less. */
enum { LEAST_BYTES = 1024 };

/* What is known of a rank, in clock_seconds() of this one. */
struct seen {
    double heard; /* last time */
    double moved; /* last time that it was not in the same wait as before */
    int64_t n_waits;
};

enum mode { MODE_WATCH, MODE_LAST, MODE_END };

static struct {
    pthread_t thread;
    pthread_mutex_t lock; /* of mode */
    pthread_cond_t changed;
    enum mode mode;
    bool is_open;
    int rank, size;
    char (*host)[HOST_BYTES]; /* [size] */
    /* The thread's own. */
    struct seen *seen;   /* [size]; of itself too */
    double locked_out;   /* since when MPI has not been free; 0: it was */
    double last_since;   /* MODE_LAST */
    double worked;       /* when this rank last did something, */
    double cpu;          /* and the seconds of its threads, without the watch, at the time */
    int64_t moved_bytes; /* that it had read or written at the last heartbeat */
    long n_faults;       /* pages read, likewise */
} watch = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Set by the main thread. */
static _Atomic double timeout_seconds = COMM_RANK_TIMEOUT;
static atomic_bool is_waiting, is_resting;
static atomic_int_fast64_t n_waits;

static pthread_mutex_t mpi_lock = PTHREAD_MUTEX_INITIALIZER;

void watch_lock(void)
{
    pthread_mutex_lock(&mpi_lock);
}

void watch_unlock(void)
{
    pthread_mutex_unlock(&mpi_lock);
}

static struct timespec deadline_in(double seconds)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)seconds;
    t.tv_nsec += (long)(1e9 * (seconds - floor(seconds)));
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

bool watch_lock_within(double seconds)
{
    const struct timespec until = deadline_in(seconds);

    return pthread_mutex_clocklock(&mpi_lock, CLOCK_MONOTONIC, &until) == 0;
}

void comm_set_rank_timeout(double seconds)
{
    atomic_store(&timeout_seconds, seconds);
}

void comm_rest(bool rests)
{
    atomic_store(&is_resting, rests);
}

void watch_wait_begin(void)
{
    atomic_store_explicit(&is_waiting, true, memory_order_relaxed);
}

void watch_wait_end(void)
{
    atomic_fetch_add_explicit(&n_waits, 1, memory_order_relaxed);
    atomic_store_explicit(&is_waiting, false, memory_order_relaxed);
}

void watch_host(char host[HOST_BYTES])
{
    memset(host, 0, HOST_BYTES);
    if (gethostname(host, HOST_BYTES - 1) != 0 || !host[0])
        snprintf(host, HOST_BYTES, "?");
}

/* ---- the verdict ---- */

/* The one line, and the end. */
static void give_up(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void give_up(const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_error("%s (--rank-timeout)", text);
    comm_mpi_abort(status_exit_code(ST_COMM));
}

static bool is_silent(int rank, double now, double timeout)
{
    return rank != watch.rank && now - watch.seen[rank].heard > timeout;
}

static void judge_silence(double now, double timeout)
{
    int first = -1, n = 0;
    char others[32] = "";

    if (watch.rank > 0) {
        timeout += turn_seconds * fmin(watch.rank - 1, most_turns);
        first = is_silent(0, now, timeout) ? 0 : -1;
    } else {
        for (int r = watch.size - 1; r > 0; r--)
            if (is_silent(r, now, timeout)) {
                first = r;
                n++;
            }
    }
    if (first < 0)
        return;
    if (n > 1)
        snprintf(others, sizeof others, " and from %d other%s", n - 1, n > 2 ? "s" : "");
    give_up(
        "rank %d on %s is silent: no sign of life from it%s for %g s; it was stopped, or its host or network is gone",
        first, watch.host[first], others, atomic_load(&timeout_seconds));
}

static void judge_deadlock(double now, double timeout)
{
    for (int r = 0; r < watch.size; r++)
        if (now - watch.seen[r].moved <= timeout)
            return;
    give_up("all %d ranks have been waiting for each other for %g s: is the network between them gone?", watch.size,
            timeout);
}

static double clock_of(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* 0 where the kernel does not count them. */
static int64_t count_moved_bytes(void)
{
    long long n_read = 0, n_written = 0;
    FILE *file = fopen("/proc/self/io", "re");

    if (!file)
        return 0;
    if (fscanf(file, "rchar: %lld wchar: %lld", &n_read, &n_written) != 2)
        n_read = n_written = 0;
    fclose(file);
    return n_read + n_written;
}

/* By all threads but the watch, so also those that the main one waits for. */
static bool has_worked(double cpu)
{
    const int64_t moved_bytes = count_moved_bytes();
    struct rusage usage = {0};

    getrusage(RUSAGE_SELF, &usage);
    const bool has = cpu - watch.cpu >= least_work || moved_bytes - watch.moved_bytes >= LEAST_BYTES ||
                     usage.ru_majflt != watch.n_faults;
    watch.moved_bytes = moved_bytes;
    watch.n_faults = usage.ru_majflt;
    return has;
}

static void judge_itself(double now, double timeout)
{
    const double cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID) - clock_of(CLOCK_THREAD_CPUTIME_ID);

    if (has_worked(cpu) || atomic_load(&is_waiting) || atomic_load(&is_resting)) {
        watch.cpu = cpu;
        watch.worked = now;
    }
    if (timeout > 0 && now - watch.worked > timeout)
        give_up("rank %d on %s is alive, but has done nothing for %g s: stuck in reading or writing a file?",
                watch.rank, watch.host[watch.rank], timeout);
}

/* ---- the thread ---- */

static enum mode mode_now(void)
{
    pthread_mutex_lock(&watch.lock);
    const enum mode mode = watch.mode;
    pthread_mutex_unlock(&watch.lock);
    return mode;
}

static void note_heartbeat(void *context, int rank, const struct heartbeat *heartbeat)
{
    const double now = *(const double *)context;
    struct seen *s = &watch.seen[rank];

    s->heard = now;
    if (!heartbeat->is_waiting || heartbeat->n_waits != s->n_waits)
        s->moved = now;
    s->n_waits = heartbeat->n_waits;
}

/* False where MPI is not free: the main thread is in one of its few blocking calls. */
static bool exchange(double now)
{
    const struct heartbeat mine = {.is_waiting = atomic_load(&is_waiting), .n_waits = (int64_t)atomic_load(&n_waits)};

    note_heartbeat(&now, watch.rank, &mine);
    if (!watch_lock_within(heartbeat_seconds))
        return false;
    if (mode_now() == MODE_WATCH)
        heartbeats_exchange(&mine, note_heartbeat, &now);
    watch_unlock();
    return true;
}

static void watch_once(double now)
{
    const double timeout = atomic_load(&timeout_seconds);

    judge_itself(now, timeout);
    if (exchange(now)) {
        watch.locked_out = 0;
        if (timeout > 0)
            judge_silence(now, timeout);
        if (timeout > 0 && watch.rank == 0)
            judge_deadlock(now, timeout);
        return;
    }
    if (watch.locked_out == 0)
        watch.locked_out = now;
    if (timeout > 0 && now - watch.locked_out > timeout)
        give_up("rank %d on %s: another rank has not come to where all of them meet for %g s", watch.rank,
                watch.host[watch.rank], timeout);
}

/* This process alone, or all of them, stood still. If it was this process alone, the others have given it up by now: it
 * waits for its end, and reports none of them. */
static void shift_times(double seconds)
{
    seconds += seconds > atomic_load(&timeout_seconds) ? launcher_seconds : 0;
    for (int r = 0; r < watch.size; r++) {
        watch.seen[r].heard += seconds;
        watch.seen[r].moved += seconds;
    }
    watch.worked += seconds;
    watch.last_since += seconds;
    if (watch.locked_out > 0)
        watch.locked_out += seconds;
}

static enum mode sleep_a_heartbeat(void)
{
    const struct timespec until = deadline_in(heartbeat_seconds);

    pthread_mutex_lock(&watch.lock);
    if (watch.mode != MODE_END)
        pthread_cond_clockwait(&watch.changed, &watch.lock, CLOCK_MONOTONIC, &until);
    pthread_mutex_unlock(&watch.lock);
    return mode_now();
}

static void *run(void *unused)
{
    double then = watch.worked; /* when it was opened: a stop may come before the thread does */

    (void)unused;
    for (enum mode mode; (mode = sleep_a_heartbeat()) != MODE_END;) {
        const double now = clock_seconds(), late = now - then - heartbeat_seconds;

        if (late > heartbeat_seconds + held_up_seconds) /* it may have waited a heartbeat for MPI */
            shift_times(late);
        then = now;
        if (mode == MODE_WATCH) {
            watch_once(now);
            watch.last_since = now;
        } else if (atomic_load(&timeout_seconds) > 0 && now - watch.last_since > atomic_load(&timeout_seconds)) {
            give_up("rank %d on %s: the other ranks have not come to the end for %g s", watch.rank,
                    watch.host[watch.rank], atomic_load(&timeout_seconds));
        }
    }
    return NULL;
}

static void set_mode(enum mode mode)
{
    pthread_mutex_lock(&watch.lock);
    watch.mode = mode;
    pthread_cond_signal(&watch.changed);
    pthread_mutex_unlock(&watch.lock);
}

/* Signals are the main thread's. */
static int start_thread(void)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int fault = pthread_create(&watch.thread, NULL, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return fault;
}

enum status watch_open(int rank, int size, const char (*host)[HOST_BYTES])
{
    const double now = clock_seconds();

    watch.rank = rank;
    watch.size = size;
    watch.host = mem_array((size_t)size, sizeof *watch.host);
    watch.seen = mem_array((size_t)size, sizeof *watch.seen);
    TRY_MEM(watch.host && watch.seen);
    memcpy(watch.host, host, (size_t)size * sizeof *watch.host);
    for (int r = 0; r < size; r++)
        watch.seen[r] = (struct seen){.heard = now, .moved = now};
    watch.worked = watch.last_since = now;
    watch.mode = MODE_WATCH;
    pthread_cond_init(&watch.changed, NULL);
    const int fault = start_thread();
    if (fault)
        return FAIL(ST_NOMEM, "cannot start the ranks' watch: %s", strerror(fault));
    watch.is_open = true;
    return ST_OK;
}

bool watch_is_open(void)
{
    return watch.is_open;
}

void watch_last(void)
{
    if (!watch.is_open)
        return;
    watch_lock(); /* it may be in the middle of a heartbeat */
    set_mode(MODE_LAST);
    watch_unlock();
}

void watch_close(void)
{
    if (watch.is_open) {
        set_mode(MODE_END);
        pthread_join(watch.thread, NULL);
        pthread_cond_destroy(&watch.changed);
    }
    watch.is_open = false;
    free(watch.seen);
    free(watch.host);
    watch.seen = NULL;
    watch.host = NULL;
}
