#include "catalog/workers/workers.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/number.h"
#include "catalog/protocol/sanitize.h"
#include "catalog/workers/worker_main.h"
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

struct worker {
    pid_t pid;  /* 0: none */
    int socket; /* -1: none */
    bool is_lost;
    bool has_request, has_outcome;
    struct task_request request;
    struct outcome outcome; /* to be taken */
    double started, moved;  /* when the request was given; when it was last seen to move on */
    struct wire_progress progress;
    enum fault_kind verdict; /* why this side killed it; N_FAULT_KINDS: it did not */
    char reason[256];
};

struct workers {
    struct workers_setup setup;
    int n, threads; /* of the rank */
    struct worker *worker;
    bool is_draining;
    double stop_at; /* > 0: told to stop, killed then */
    double last_look;
    char received[WIRE_ROOM];
};

/* --- a process ---------------------------------------------------------------------------------------------------- */

/* The program again, with nothing but the standard streams and its socket: none of the rank's connections. By
 * posix_spawn, which does not copy the memory that MPI may have pinned. */
static enum status spawn(struct worker *worker)
{
    static char program[] = "jacquard", argument[] = WORKER_ARGUMENT;
    char *const argv[] = {program, argument, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    const struct timeval patience = {.tv_sec = 2};
    sigset_t none;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return FAIL(ST_NOMEM, "cannot make a socket for a worker: %s", strerror(errno));
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
        theirs < 0 ? errno : posix_spawn(&worker->pid, "/proc/self/exe", &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (theirs >= 0)
        close(theirs);
    if (fault) {
        close(pair[0]);
        worker->pid = 0;
        return FAIL(ST_NOMEM, "cannot start a worker process: %s", strerror(fault));
    }
    setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience); /* it may have stopped listening */
    worker->socket = pair[0];
    return ST_OK;
}

/* Ends the process if it has not ended, and says how it did. */
static int reap(struct worker *worker, bool kill_it)
{
    int how = 0;

    if (worker->socket >= 0)
        close(worker->socket);
    worker->socket = -1;
    if (worker->pid > 0) {
        /* Its socket is closed, so it has ended or will within a moment; if not, it is made to. */
        for (int i = 0; i < 100 && !kill_it; i++) {
            const pid_t ended = waitpid(worker->pid, &how, WNOHANG);
            if (ended == worker->pid) {
                worker->pid = 0;
                return how;
            }
            poll(NULL, 0, 10);
        }
        kill(worker->pid, SIGKILL);
        while (waitpid(worker->pid, &how, 0) < 0 && errno == EINTR)
            continue;
        if (!kill_it)
            how = SIGABRT; /* by this side, but it was its own doing */
    }
    worker->pid = 0;
    return how;
}

static enum status introduce(struct workers *l, struct worker *worker)
{
    const struct catalog_config *c = l->setup.config;
    struct worker_setup s = {.settings = c->barcode.settings,
                             .allow_partial = c->barcode.allow_partial,
                             .stores = c->stores,
                             .threads = c->barcode.threads,
                             .rank = l->setup.comm->rank,
                             .node_rank = l->setup.comm->node_rank,
                             .node_size = l->setup.comm->node_size,
                             .parent = getpid(),
                             .film_memory = c->film_memory,
                             .only_reads = l->setup.only_reads,
                             .n_roots = l->setup.roots->n};
    bool sent;

    snprintf(s.backend, sizeof s.backend, "%s", c->barcode.backend);
    snprintf(s.out, sizeof s.out, "%s", c->out);
    snprintf(s.settings_id, sizeof s.settings_id, "%s", l->setup.settings_id);
    sent = wire_send(worker->socket, WIRE_SETUP, &s, sizeof s);
    for (int i = 0; sent && i < l->setup.roots->n; i++)
        sent = wire_send(worker->socket, WIRE_ROOT, l->setup.roots->path[i], strlen(l->setup.roots->path[i]));
    return sent ? ST_OK : FAIL(ST_NOMEM, "a worker process ended while it started");
}

static enum status on_ready(struct workers *l, struct worker *worker, struct wire_ready *ready)
{
    struct pollfd poll_it = {.fd = worker->socket, .events = POLLIN};
    enum wire_kind kind;
    size_t bytes;

    const double until = clock_seconds() + start_seconds;
    int n;

    comm_rest(true); /* a process of its own may take its time */
    do               /* a signal is for the agent to tell */
        n = poll(&poll_it, 1, (int)(1000 * fmax(until - clock_seconds(), 0.0)));
    while (n < 0 && errno == EINTR);
    comm_rest(false);
    if (n <= 0)
        return FAIL(ST_DEVICE, "a worker process did not start within %.0f s", start_seconds);
    if (!wire_receive(worker->socket, &kind, l->received, &bytes))
        return FAIL(ST_NOMEM, "a worker process ended while it started");
    if (kind == WIRE_REFUSE)
        return FAIL(ST_UNSUPPORTED, "%.*s", (int)bytes, l->received);
    if (kind != WIRE_READY || bytes != sizeof *ready || !sanitize_ready(ready, l->received))
        return FAIL(ST_BUG, "a worker process said %d when it started", (int)kind);
    return ST_OK;
}

static enum status start(struct workers *l, struct worker *worker, struct wire_ready *ready)
{
    enum status st = spawn(worker);

    if (st == ST_OK)
        st = introduce(l, worker);
    if (st == ST_OK)
        st = on_ready(l, worker, ready);
    if (st != ST_OK)
        reap(worker, true);
    worker->verdict = N_FAULT_KINDS;
    return st;
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

/* Two threads a film: the index of a film is read by one. Measured on an H200 with 16 threads, 89 films: 1, 2, 4, 8
 * worker processes took 77, 54, 49, 49 s; 48 of 80 s went at 256, 394, 451 s of film a second on 2, 4, 8 worker
 * processes, 8 of 400 s at 457, 479, 523. More than 8 would share the GPU's NVDEC sessions; each has a CUDA context of
 * its own. */
static int choose_count(const struct catalog_config *c, const struct wire_ready *ready)
{
    const int by_threads = ready->threads < 4 ? ready->threads : ready->threads / 2;
    const int n = c->workers > 0 ? c->workers : ready->has_device && by_threads > 8 ? 8 : by_threads;

    return n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : n;
}

double workers_default_memory(void)
{
    const double all = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);

    return fmin(8.0 * (1 << 30), 0.75 * all);
}

enum status workers_open(const struct workers_setup *setup, struct workers **out, struct wire_ready *ready)
{
    struct workers *l = *out = mem_array(1, sizeof *l);

    TRY_MEM(l);
    l->setup = *setup;
    l->worker = mem_array(WORKERS_MAX, sizeof *l->worker);
    TRY_MEM(l->worker);
    for (int i = 0; i < WORKERS_MAX; i++)
        l->worker[i].socket = -1;
    l->n = 1;
    TRY(start(l, &l->worker[0], ready)); /* the first one knows what there is */
    l->n = choose_count(setup->config, ready);
    l->threads = ready->threads;
    for (int i = 1; i < l->n; i++)
        TRY(start(l, &l->worker[i], ready));
    return ST_OK;
}

void workers_close(struct workers **in)
{
    struct workers *l = *in;

    *in = NULL;
    if (!l)
        return;
    for (int i = 0; l->worker && i < l->n; i++)
        reap(&l->worker[i], true);
    free(l->worker);
    free(l);
}

int workers_count(const struct workers *l)
{
    return l->n;
}

bool workers_is_free(const struct workers *l, int i)
{
    return !l->worker[i].is_lost && !l->worker[i].has_request && !l->worker[i].has_outcome;
}

bool workers_is_lost(const struct workers *l, int i)
{
    return l->worker[i].is_lost;
}

static void give_outcome(struct worker *worker, const struct outcome *outcome)
{
    worker->outcome = *outcome;
    worker->has_outcome = true;
    worker->has_request = false;
}

void workers_give(struct workers *l, int i, const struct task_request *request)
{
    struct worker *worker = &l->worker[i];

    if (worker->is_lost) { /* it was lost while the request was on its way */
        give_outcome(worker, &(struct outcome){.task = request->task, .end = OUTCOME_DRAINED});
        return;
    }
    worker->request = *request;
    worker->request.threads = (l->threads + l->n - 1) / l->n;
    worker->request.n_workers = l->n;
    worker->has_request = true;
    worker->started = worker->moved = clock_seconds();
    worker->progress = (struct wire_progress){0};
    wire_send(worker->socket, WIRE_REQUEST, &worker->request,
              sizeof worker->request); /* if it is gone, its end is received below */
}

double workers_progress(const struct workers *l, int i)
{
    const struct wire_progress *b = &l->worker[i].progress;

    return b->total <= 0 || b->done < 0 ? 0.0 : b->done >= b->total ? 1.0 : (double)b->done / (double)b->total;
}

/* --- what is received --------------------------------------------------------------------------------------------- */

/* The process has ended in the middle of a request, by itself or killed by this side. */
static void explain_end(const struct workers *l, struct worker *worker, int how)
{
    struct outcome o = {.task = worker->request.task, .end = OUTCOME_FAULT, .again = true, .fault = FAULT_CRASH};

    o.seconds = clock_seconds() - worker->started;
    if (l->stop_at > 0.0)
        o.end = OUTCOME_STOPPED;
    if (worker->verdict != N_FAULT_KINDS) {
        o.fault = worker->verdict;
        snprintf(o.message, sizeof o.message, "%.500s: %s", worker->request.path, worker->reason);
    } else if (WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL) {
        o.fault = FAULT_KILLED;
        snprintf(o.message, sizeof o.message,
                 "%.500s: the process that decoded it was killed from outside (out of memory?)", worker->request.path);
    } else if (WIFSIGNALED(how)) {
        snprintf(o.message, sizeof o.message, "%.500s: the decoder crashed: %s", worker->request.path,
                 strsignal(WTERMSIG(how)));
    } else {
        snprintf(o.message, sizeof o.message, "%.500s: the decoder ended its process with code %d",
                 worker->request.path, WEXITSTATUS(how));
    }
    give_outcome(worker, &o);
}

static void replace(struct workers *l, struct worker *worker)
{
    struct wire_ready ready;
    const int how = reap(worker, worker->verdict != N_FAULT_KINDS);

    if (worker->has_request)
        explain_end(l, worker, how);
    worker->is_lost = true;
    for (int i = 0; i < START_TRIES && worker->is_lost && l->stop_at <= 0.0; i++)
        worker->is_lost = start(l, worker, &ready) != ST_OK;
    if (!worker->is_lost && l->is_draining)
        wire_send(worker->socket, WIRE_DRAIN, NULL, 0);
}

static void kill_worker(struct worker *worker, enum fault_kind kind)
{
    worker->verdict = kind;
    kill(worker->pid, SIGKILL); /* its end is received on the socket */
}

static void receive(struct workers *l, struct worker *worker)
{
    enum wire_kind kind;
    size_t bytes;

    if (!wire_receive(worker->socket, &kind, l->received, &bytes)) {
        replace(l, worker);
    } else if (worker->verdict != N_FAULT_KINDS) {
        return; /* killed already: what it still says comes too late */
    } else if (kind == WIRE_PROGRESS && bytes == sizeof worker->progress) {
        struct wire_progress progress;
        memcpy(&progress, l->received, sizeof progress);
        if (progress.done != worker->progress.done || progress.total != worker->progress.total)
            worker->moved = clock_seconds();
        worker->progress = progress;
    } else if (kind == WIRE_OUTCOME && bytes == sizeof worker->outcome && worker->has_request) {
        struct outcome o;
        memcpy(&o, l->received, sizeof o);
        sanitize_outcome(&o, &worker->request, l->is_draining || l->stop_at > 0.0);
        give_outcome(worker, &o);
        if (o.end == OUTCOME_FAULT && (o.fault == FAULT_DEVICE || o.fault == FAULT_MEMORY)) {
            reap(worker, true); /* such faults stick to a process */
            replace(l, worker);
        }
    } else {
        snprintf(worker->reason, sizeof worker->reason, "the process that decoded it sent what is no message");
        kill_worker(worker, FAULT_CRASH);
    }
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

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

static void look_after(const struct workers *l, struct worker *worker, double now)
{
    const struct catalog_config *c = l->setup.config;

    if (!worker->has_request || worker->pid == 0 || worker->verdict != N_FAULT_KINDS)
        return;
    const double memory = resident_bytes(worker->pid);
    if (c->film_memory > 0 && memory > c->film_memory) {
        snprintf(worker->reason, sizeof worker->reason, "its decoding took %.1f GiB, more than --film-memory %.1f GiB",
                 memory / (1 << 30), c->film_memory / (1 << 30));
        kill_worker(worker, FAULT_MEMORY);
    } else if (c->film_timeout > 0 && now - worker->started > c->film_timeout) {
        snprintf(worker->reason, sizeof worker->reason, "not done after %.0f s (--film-timeout)", c->film_timeout);
        kill_worker(worker, FAULT_TIMEOUT);
    } else if (now - worker->moved > stall_seconds) {
        snprintf(worker->reason, sizeof worker->reason, "hangs: no progress for %.0f s", stall_seconds);
        kill_worker(worker, FAULT_TIMEOUT);
    } else if (l->stop_at > 0.0 && now > l->stop_at) {
        kill(worker->pid, SIGKILL);
    }
}

void workers_wait(struct workers *l, double seconds)
{
    struct pollfd polled[WORKERS_MAX];
    const double now = clock_seconds();

    for (int i = 0; i < l->n; i++)
        polled[i] = (struct pollfd){.fd = l->worker[i].has_outcome ? -1 : l->worker[i].socket, .events = POLLIN};
    comm_rest(true); /* worker processes have deadlines of their own */
    const int n_heard = poll(polled, (nfds_t)l->n, (int)(1000 * seconds + 0.5));
    comm_rest(false);
    if (n_heard > 0)
        for (int i = 0; i < l->n; i++)
            if (polled[i].fd >= 0 && polled[i].revents)
                receive(l, &l->worker[i]);
    if (now - l->last_look < look_seconds)
        return;
    l->last_look = now;
    for (int i = 0; i < l->n; i++)
        look_after(l, &l->worker[i], now);
}

bool workers_take(struct workers *l, int *which, struct outcome *outcome)
{
    for (int i = 0; i < l->n; i++) {
        if (!l->worker[i].has_outcome)
            continue;
        *which = i;
        *outcome = l->worker[i].outcome;
        l->worker[i].has_outcome = false;
        return true;
    }
    return false;
}

static void tell_all(struct workers *l, enum wire_kind kind)
{
    for (int i = 0; i < l->n; i++)
        if (l->worker[i].socket >= 0)
            wire_send(l->worker[i].socket, kind, NULL, 0);
}

void workers_drain(struct workers *l)
{
    l->is_draining = true;
    tell_all(l, WIRE_DRAIN);
}

void workers_stop(struct workers *l)
{
    if (l->stop_at > 0.0)
        return;
    l->stop_at = clock_seconds() + stop_seconds;
    tell_all(l, WIRE_STOP);
}
