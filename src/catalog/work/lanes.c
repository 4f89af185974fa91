#include "catalog/work/lanes.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/number.h"
#include "catalog/work/tame.h"
#include "catalog/work/worker.h"
#include "mpi/comm.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { START_TRIES = 3 };

static const double start_seconds = 120.0, /* a driver may take its time */
    stall_seconds = 600.0,                 /* without any progress: it hangs */
    stop_seconds = 3.0,                    /* to leave once told to */
    look_seconds = 0.2;                    /* between two looks at its memory */

struct lane {
    pid_t pid;  /* 0: none */
    int socket; /* -1: none */
    bool is_lost;
    bool has_order, has_outcome;
    struct work_order order;
    struct outcome outcome; /* to be taken */
    double started, moved;  /* when the order was given; when it was last seen to move on */
    struct wire_beat beat;
    enum fault_kind verdict; /* why this side killed it; N_FAULT_KINDS: it did not */
    char reason[256];
};

struct lanes {
    struct lanes_setup setup;
    int n, threads; /* of the rank */
    struct lane *lane;
    bool is_draining;
    double stop_at; /* > 0: told to stop, killed then */
    double last_look;
    char heard[WIRE_ROOM];
};

/* --- a process ---------------------------------------------------------------------------------------------------- */

/* The program again, with nothing but the standard streams and its socket: none of the rank's connections. By
 * posix_spawn, which does not copy the memory that MPI may have pinned. */
static enum status spawn(struct lane *lane)
{
    static char program[] = "jacquard", argument[] = WORKER_ARGUMENT;
    char *const argv[] = {program, argument, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    const struct timeval patience = {.tv_sec = 2};
    sigset_t none;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return FAIL(ST_NOMEM, "cannot make a socket for a lane: %s", strerror(errno));
    /* Its end must not be the number it will have: dup2 onto itself would leave it close-on-exec. */
    const int theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, WORKER_SOCKET + 1);
    close(pair[1]);
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, theirs, WORKER_SOCKET);
    posix_spawn_file_actions_addclosefrom_np(&actions, WORKER_SOCKET + 1);
    const int fault =
        theirs < 0 ? errno : posix_spawn(&lane->pid, "/proc/self/exe", &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (theirs >= 0)
        close(theirs);
    if (fault) {
        close(pair[0]);
        lane->pid = 0;
        return FAIL(ST_NOMEM, "cannot start a lane's process: %s", strerror(fault));
    }
    setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience); /* it may have stopped to listen */
    lane->socket = pair[0];
    return ST_OK;
}

/* Ends the process if it has not ended, and says how it did. */
static int reap(struct lane *lane, bool kill_it)
{
    int how = 0;

    if (lane->socket >= 0)
        close(lane->socket);
    lane->socket = -1;
    if (lane->pid > 0) {
        /* Its socket is closed, so it has ended or will within a moment; if not, it is made to. */
        for (int i = 0; i < 100 && !kill_it; i++) {
            const pid_t ended = waitpid(lane->pid, &how, WNOHANG);
            if (ended == lane->pid) {
                lane->pid = 0;
                return how;
            }
            poll(NULL, 0, 10);
        }
        kill(lane->pid, SIGKILL);
        while (waitpid(lane->pid, &how, 0) < 0 && errno == EINTR)
            continue;
        if (!kill_it)
            how = SIGABRT; /* by this side's hand, but it was its own doing */
    }
    lane->pid = 0;
    return how;
}

static enum status introduce(struct lanes *l, struct lane *lane)
{
    const struct catalog_config *c = l->setup.config;
    struct lane_setup s = {.barcode = c->barcode,
                           .rank = l->setup.comm->rank,
                           .node_rank = l->setup.comm->node_rank,
                           .node_size = l->setup.comm->node_size,
                           .parent = getpid(),
                           .film_memory = c->film_memory,
                           .only_reads = l->setup.only_reads,
                           .n_roots = l->setup.n_roots};
    bool sent;

    s.barcode.film = s.barcode.output = s.barcode.json = s.barcode.csv = s.barcode.frame_hashes = NULL;
    s.barcode.backend = NULL;
    snprintf(s.backend, sizeof s.backend, "%s", c->barcode.backend);
    snprintf(s.out, sizeof s.out, "%s", c->out);
    snprintf(s.settings_id, sizeof s.settings_id, "%s", l->setup.settings_id);
    sent = wire_send(lane->socket, WIRE_SETUP, &s, sizeof s);
    for (int i = 0; sent && i < l->setup.n_roots; i++)
        sent = wire_send(lane->socket, WIRE_ROOT, l->setup.root[i], strlen(l->setup.root[i]));
    return sent ? ST_OK : FAIL(ST_NOMEM, "a lane's process ended while it started");
}

static enum status hear_ready(struct lanes *l, struct lane *lane, struct wire_ready *ready)
{
    struct pollfd poll_it = {.fd = lane->socket, .events = POLLIN};
    enum wire_kind kind;
    size_t bytes;

    const double until = clock_seconds() + start_seconds;
    int n;

    comm_rest(true); /* a process of its own may take its time */
    do               /* a signal is for the hand to tell */
        n = poll(&poll_it, 1, (int)(1000 * fmax(until - clock_seconds(), 0.0)));
    while (n < 0 && errno == EINTR);
    comm_rest(false);
    if (n <= 0)
        return FAIL(ST_DEVICE, "a lane's process did not start within %.0f s", start_seconds);
    if (!wire_receive(lane->socket, &kind, l->heard, &bytes))
        return FAIL(ST_NOMEM, "a lane's process ended while it started");
    if (kind == WIRE_REFUSE)
        return FAIL(ST_UNSUPPORTED, "%.*s", (int)bytes, l->heard);
    if (kind != WIRE_READY || bytes != sizeof *ready || !tame_ready(ready, l->heard))
        return FAIL(ST_BUG, "a lane's process said %d when it started", (int)kind);
    return ST_OK;
}

static enum status start(struct lanes *l, struct lane *lane, struct wire_ready *ready)
{
    enum status st = spawn(lane);

    if (st == ST_OK)
        st = introduce(l, lane);
    if (st == ST_OK)
        st = hear_ready(l, lane, ready);
    if (st != ST_OK)
        reap(lane, true);
    lane->verdict = N_FAULT_KINDS;
    return st;
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

/* Two threads a film: the index of a film is read by one. Measured on an H200 with 16 threads, 89 films: 1, 2, 4, 8
 * lanes took 77, 54, 49, 49 s; 48 of 80 s went at 256, 394, 451 s of film a second on 2, 4, 8 lanes, 8 of 400 s at 457,
 * 479, 523. More than 8 would share the GPU's NVDEC sessions; each has a CUDA context of its own. */
static int choose_count(const struct catalog_config *c, const struct wire_ready *ready)
{
    const int by_threads = ready->threads < 4 ? ready->threads : ready->threads / 2;
    const int n = c->lanes > 0 ? c->lanes : ready->has_device && by_threads > 8 ? 8 : by_threads;

    return n < 1 ? 1 : n > LANES_MAX ? LANES_MAX : n;
}

double lanes_default_memory(void)
{
    const double all = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);

    return fmin(8.0 * (1 << 30), 0.75 * all);
}

enum status lanes_open(const struct lanes_setup *setup, struct lanes **out, struct wire_ready *ready)
{
    struct lanes *l = *out = mem_array(1, sizeof *l);

    if (!l)
        return ST_NOMEM;
    l->setup = *setup;
    l->lane = mem_array(LANES_MAX, sizeof *l->lane);
    if (!l->lane)
        return ST_NOMEM;
    for (int i = 0; i < LANES_MAX; i++)
        l->lane[i].socket = -1;
    l->n = 1;
    TRY(start(l, &l->lane[0], ready)); /* the first one knows what there is */
    l->n = choose_count(setup->config, ready);
    l->threads = ready->threads;
    for (int i = 1; i < l->n; i++)
        TRY(start(l, &l->lane[i], ready));
    return ST_OK;
}

void lanes_close(struct lanes **in)
{
    struct lanes *l = *in;

    *in = NULL;
    if (!l)
        return;
    for (int i = 0; l->lane && i < l->n; i++)
        reap(&l->lane[i], true);
    free(l->lane);
    free(l);
}

int lanes_count(const struct lanes *l)
{
    return l->n;
}

bool lanes_is_free(const struct lanes *l, int i)
{
    return !l->lane[i].is_lost && !l->lane[i].has_order && !l->lane[i].has_outcome;
}

bool lanes_is_lost(const struct lanes *l, int i)
{
    return l->lane[i].is_lost;
}

static void give_outcome(struct lane *lane, const struct outcome *outcome)
{
    lane->outcome = *outcome;
    lane->has_outcome = true;
    lane->has_order = false;
}

void lanes_give(struct lanes *l, int i, const struct work_order *order)
{
    struct lane *lane = &l->lane[i];

    if (lane->is_lost) { /* it was lost while the order was on its way */
        give_outcome(lane, &(struct outcome){.task = order->task, .end = OUTCOME_DRAINED});
        return;
    }
    lane->order = *order;
    lane->order.threads = (l->threads + l->n - 1) / l->n;
    lane->order.n_lanes = l->n;
    lane->has_order = true;
    lane->started = lane->moved = clock_seconds();
    lane->beat = (struct wire_beat){0};
    wire_send(lane->socket, WIRE_ORDER, &lane->order, sizeof lane->order); /* if it is gone, its end is heard below */
}

double lanes_progress(const struct lanes *l, int i)
{
    const struct wire_beat *b = &l->lane[i].beat;

    return b->total <= 0 || b->done < 0 ? 0.0 : b->done >= b->total ? 1.0 : (double)b->done / (double)b->total;
}

/* --- what is heard ------------------------------------------------------------------------------------------------ */

/* The process has ended in the middle of an order, by itself or by this side's hand. */
static void explain_end(const struct lanes *l, struct lane *lane, int how)
{
    struct outcome o = {.task = lane->order.task, .end = OUTCOME_FAULT, .again = true, .fault = FAULT_CRASH};

    o.seconds = clock_seconds() - lane->started;
    if (l->stop_at > 0.0)
        o.end = OUTCOME_STOPPED;
    if (lane->verdict != N_FAULT_KINDS) {
        o.fault = lane->verdict;
        snprintf(o.message, sizeof o.message, "%.500s: %s", lane->order.path, lane->reason);
    } else if (WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL) {
        o.fault = FAULT_KILLED;
        snprintf(o.message, sizeof o.message,
                 "%.500s: the process that decoded it was killed from outside (out of memory?)", lane->order.path);
    } else if (WIFSIGNALED(how)) {
        snprintf(o.message, sizeof o.message, "%.500s: the decoder crashed: %s", lane->order.path,
                 strsignal(WTERMSIG(how)));
    } else {
        snprintf(o.message, sizeof o.message, "%.500s: the decoder ended its process with code %d", lane->order.path,
                 WEXITSTATUS(how));
    }
    give_outcome(lane, &o);
}

static void replace(struct lanes *l, struct lane *lane)
{
    struct wire_ready ready;
    const int how = reap(lane, lane->verdict != N_FAULT_KINDS);

    if (lane->has_order)
        explain_end(l, lane, how);
    lane->is_lost = true;
    for (int i = 0; i < START_TRIES && lane->is_lost && l->stop_at <= 0.0; i++)
        lane->is_lost = start(l, lane, &ready) != ST_OK;
    if (!lane->is_lost && l->is_draining)
        wire_send(lane->socket, WIRE_DRAIN, NULL, 0);
}

static void condemn(struct lane *lane, enum fault_kind kind)
{
    lane->verdict = kind;
    kill(lane->pid, SIGKILL); /* its end is heard on the socket */
}

static void hear(struct lanes *l, struct lane *lane)
{
    enum wire_kind kind;
    size_t bytes;

    if (!wire_receive(lane->socket, &kind, l->heard, &bytes)) {
        replace(l, lane);
    } else if (lane->verdict != N_FAULT_KINDS) {
        return; /* condemned already: what it still says comes too late */
    } else if (kind == WIRE_BEAT && bytes == sizeof lane->beat) {
        struct wire_beat beat;
        memcpy(&beat, l->heard, sizeof beat);
        if (beat.done != lane->beat.done || beat.total != lane->beat.total)
            lane->moved = clock_seconds();
        lane->beat = beat;
    } else if (kind == WIRE_OUTCOME && bytes == sizeof lane->outcome && lane->has_order) {
        struct outcome o;
        memcpy(&o, l->heard, sizeof o);
        tame_outcome(&o, &lane->order, l->is_draining || l->stop_at > 0.0);
        give_outcome(lane, &o);
        if (o.end == OUTCOME_FAULT && (o.fault == FAULT_DEVICE || o.fault == FAULT_MEMORY)) {
            reap(lane, true); /* such faults stick to a process */
            replace(l, lane);
        }
    } else {
        snprintf(lane->reason, sizeof lane->reason, "the process that decoded it spoke nonsense");
        condemn(lane, FAULT_CRASH);
    }
}

/* --- what is not put up with -------------------------------------------------------------------------------------- */

static double resident_bytes(pid_t pid)
{
    char path[64], text[128] = "";
    int64_t pages = 0;

    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0.0;
    const char *second = read(fd, text, sizeof text - 1) > 0 ? strchr(text, ' ') : NULL;
    if (second++)
        (void)number_next_int(&second, 0, INT64_MAX, &pages);
    close(fd);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void look_after(const struct lanes *l, struct lane *lane, double now)
{
    const struct catalog_config *c = l->setup.config;

    if (!lane->has_order || lane->pid == 0 || lane->verdict != N_FAULT_KINDS)
        return;
    const double memory = resident_bytes(lane->pid);
    if (c->film_memory > 0 && memory > c->film_memory) {
        snprintf(lane->reason, sizeof lane->reason, "its decoding took %.1f GiB, more than --film-memory %.1f GiB",
                 memory / (1 << 30), c->film_memory / (1 << 30));
        condemn(lane, FAULT_MEMORY);
    } else if (c->film_timeout > 0 && now - lane->started > c->film_timeout) {
        snprintf(lane->reason, sizeof lane->reason, "not done after %.0f s (--film-timeout)", c->film_timeout);
        condemn(lane, FAULT_TIMEOUT);
    } else if (now - lane->moved > stall_seconds) {
        snprintf(lane->reason, sizeof lane->reason, "hangs: no progress for %.0f s", stall_seconds);
        condemn(lane, FAULT_TIMEOUT);
    } else if (l->stop_at > 0.0 && now > l->stop_at) {
        kill(lane->pid, SIGKILL);
    }
}

void lanes_wait(struct lanes *l, double seconds)
{
    struct pollfd polled[LANES_MAX];
    const double now = clock_seconds();

    for (int i = 0; i < l->n; i++)
        polled[i] = (struct pollfd){.fd = l->lane[i].has_outcome ? -1 : l->lane[i].socket, .events = POLLIN};
    comm_rest(true); /* lanes have deadlines of their own */
    const int n_heard = poll(polled, (nfds_t)l->n, (int)(1000 * seconds + 0.5));
    comm_rest(false);
    if (n_heard > 0)
        for (int i = 0; i < l->n; i++)
            if (polled[i].fd >= 0 && polled[i].revents)
                hear(l, &l->lane[i]);
    if (now - l->last_look < look_seconds)
        return;
    l->last_look = now;
    for (int i = 0; i < l->n; i++)
        look_after(l, &l->lane[i], now);
}

bool lanes_take(struct lanes *l, int *which, struct outcome *outcome)
{
    for (int i = 0; i < l->n; i++) {
        if (!l->lane[i].has_outcome)
            continue;
        *which = i;
        *outcome = l->lane[i].outcome;
        l->lane[i].has_outcome = false;
        return true;
    }
    return false;
}

static void tell_all(struct lanes *l, enum wire_kind kind)
{
    for (int i = 0; i < l->n; i++)
        if (l->lane[i].socket >= 0)
            wire_send(l->lane[i].socket, kind, NULL, 0);
}

void lanes_drain(struct lanes *l)
{
    l->is_draining = true;
    tell_all(l, WIRE_DRAIN);
}

void lanes_stop(struct lanes *l)
{
    if (l->stop_at > 0.0)
        return;
    l->stop_at = clock_seconds() + stop_seconds;
    tell_all(l, WIRE_STOP);
}
