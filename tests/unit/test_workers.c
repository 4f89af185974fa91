/* test_workers: worker processes that do what a film could make a decoder do. The program of the test, started again,
 * plays them: how it starts is told by the name of the settings, how a request ends by the name of the film. Then the
 * agent, which stands between them and the coordinator, and the messages that ranks send each other. */
#include "catalog/workers/workers.h"

#include "base/clock.h"
#include "base/log.h"
#include "catalog/coordinate/agent.h"
#include "catalog/workers/worker_main.h"
#include "unit/test.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

static const double film_memory = 400.0 * (1 << 20);

/* --- a worker process, played ---------------------------------------------------------------------------------------
 */

static char data[WIRE_ROOM];
static struct worker_setup setup;
static bool is_draining;

static void send_outcome(const struct task_request *r, enum outcome_end end, enum fault_kind fault)
{
    struct outcome o = {.task = r->task, .end = end, .fault = fault, .again = true, .cost = NAN};

    o.seconds = (double)getpid();
    o.task.film = 77; /* a lie */
    o.n_same = r->threads;
    if (!wire_send(WORKER_SOCKET, WIRE_OUTCOME, &o, sizeof o))
        exit(1);
}

static void eat_memory(void)
{
    const size_t n = (size_t)(1.5 * film_memory);
    volatile char *bytes = malloc(n);

    for (size_t i = 0; bytes && i < n; i += 4096)
        bytes[i] = 1;
}

static void sleep_for_good(void)
{
    for (;;)
        pause();
}

static void play_request(const struct task_request *r)
{
    const struct wire_progress progress = {1, 4};
    char path[PATH_MAX + 16];

    wire_send(WORKER_SOCKET, WIRE_PROGRESS, &progress, sizeof progress);
    if (strcmp(r->name, "done") == 0)
        send_outcome(r, OUTCOME_DONE, 0);
    else if (strcmp(r->name, "device") == 0)
        send_outcome(r, OUTCOME_FAULT, FAULT_DEVICE);
    else if (strcmp(r->name, "stopped by itself") == 0)
        send_outcome(r, OUTCOME_STOPPED, 0);
    else if (strcmp(r->name, "crashes") == 0)
        kill(getpid(), SIGABRT);
    else if (strcmp(r->name, "is killed") == 0)
        kill(getpid(), SIGKILL);
    else if (strcmp(r->name, "exits") == 0)
        _exit(3);
    else if (strcmp(r->name, "speaks nonsense") == 0)
        wire_send(WORKER_SOCKET, WIRE_READY, "x", 1);
    else if (strcmp(r->name, "hangs") == 0)
        sleep_for_good();
    else if (strcmp(r->name, "eats memory") == 0)
        eat_memory();
    else if (strcmp(r->name, "leaves for good") == 0) {
        snprintf(path, sizeof path, "%s/gone", setup.out);
        test_write(path, "", 0);
        _exit(0);
    } else if (strcmp(r->name, "drains") == 0 && is_draining)
        send_outcome(r, OUTCOME_DRAINED, 0);
}

static bool play_start(void)
{
    struct wire_ready ready = {.threads = 4};
    enum wire_kind kind;
    char path[PATH_MAX + 16];
    size_t bytes;

    if (!wire_receive(WORKER_SOCKET, &kind, data, &bytes) || kind != WIRE_SETUP || bytes != sizeof setup)
        return false;
    memcpy(&setup, data, sizeof setup);
    for (int i = 0; i < setup.n_roots; i++)
        if (!wire_receive(WORKER_SOCKET, &kind, data, &bytes) || kind != WIRE_ROOT)
            return false;
    snprintf(path, sizeof path, "%s/gone", setup.out);
    if (strcmp(setup.settings_id, "leaves") == 0 || test_exists(path))
        return false;
    if (strcmp(setup.settings_id, "refuses") == 0)
        return !wire_send(WORKER_SOCKET, WIRE_REFUSE, "no such GPU", 11);
    if (strcmp(setup.settings_id, "speaks nonsense") == 0)
        return !wire_send(WORKER_SOCKET, WIRE_OUTCOME, "x", 1);
    snprintf(ready.backend, sizeof ready.backend, "%d of %d on %.*s", setup.node_rank, setup.node_size, (int)bytes,
             data);
    snprintf(ready.sandbox, sizeof ready.sandbox, setup.only_reads ? "reads" : "writes");
    return wire_send(WORKER_SOCKET, WIRE_READY, &ready, sizeof ready);
}

static int play_worker(void)
{
    struct task_request request = {0};
    enum wire_kind kind;
    size_t bytes;

    if (!play_start())
        return 1;
    while (wire_receive(WORKER_SOCKET, &kind, data, &bytes)) {
        is_draining |= kind == WIRE_DRAIN;
        if (kind == WIRE_STOP)
            send_outcome(&request, OUTCOME_STOPPED, 0);
        if (kind == WIRE_REQUEST)
            memcpy(&request, data, sizeof request);
        if (kind == WIRE_REQUEST || (kind == WIRE_DRAIN && strcmp(request.name, "drains") == 0))
            play_request(&request);
    }
    return 0;
}

/* --- the rank's side ------------------------------------------------------------------------------------------------
 */

static const struct comm alone = {.size = 1, .node_size = 1};
static char *root_paths[] = {"/films", "/more"};
static const struct roots roots = {.path = root_paths, .n = 2};
static struct catalog_config config;
static int n_outs;

static enum status open_workers(const char *settings_id, int n, bool only_reads, struct workers **w,
                                struct wire_ready *ready)
{
    static char out[600];
    const struct workers_setup s = {
        .comm = &alone, .config = &config, .settings_id = settings_id, .roots = &roots, .only_reads = only_reads};

    snprintf(out, sizeof out, "%s/out%d", test_folder(), n_outs++);
    mkdir(out, 0777);
    config = (struct catalog_config){.out = out, .workers = n, .film_memory = film_memory};
    config.barcode.backend = "cpu";
    return workers_open(&s, w, ready);
}

static struct task_request request_of(const char *name)
{
    struct task_request r = {.task = {.kind = TASK_FILM, .film = 3, .n_pieces = 1}, .n_samples = 64};

    snprintf(r.path, sizeof r.path, "/films/%s.mkv", name);
    snprintf(r.name, sizeof r.name, "%s", name);
    return r;
}

static void give(struct workers *w, int i, const char *name)
{
    const struct task_request r = request_of(name);

    workers_give(w, i, &r);
}

/* Of worker process 0: the next outcome. */
static struct outcome wait_outcome(struct workers *w)
{
    const double until = clock_seconds() + 20.0;
    struct outcome o = {.end = OUTCOME_FAULT, .message = "nothing came"};
    int which = 0;

    while (!workers_take(w, &which, &o) && clock_seconds() < until)
        workers_wait(w, 0.05);
    CHECK_INT(which, 0);
    CHECK_INT(o.task.film, 3); /* whatever it says */
    return o;
}

static void starts(void)
{
    struct workers *w = NULL;
    struct wire_ready ready;

    CHECK_INT(open_workers("", 0, true, &w, &ready), ST_OK);
    CHECK_INT(workers_count(w), 2); /* two threads a film */
    CHECK_STR(ready.backend, "0 of 1 on /more");
    CHECK_STR(ready.sandbox, "reads");
    CHECK(workers_is_free(w, 0) && workers_is_free(w, 1) && !workers_is_lost(w, 1));
    workers_close(&w);
    CHECK(!w);
    CHECK_INT(open_workers("refuses", 1, false, &w, &ready), ST_UNSUPPORTED);
    CHECK_STR(status_message(), "no such GPU");
    workers_close(&w);
    CHECK_INT(open_workers("leaves", 1, false, &w, &ready), ST_NOMEM);
    workers_close(&w);
    CHECK_INT(open_workers("speaks nonsense", 1, false, &w, &ready), ST_BUG);
    workers_close(&w);
    CHECK(workers_default_memory() > 0.0);
}

/* A process that ended is replaced by one that works. */
static void expect_replaced(struct workers *w, double old_pid)
{
    CHECK(workers_is_free(w, 0) && !workers_is_lost(w, 0));
    give(w, 0, "done");
    const struct outcome o = wait_outcome(w);
    CHECK_INT(o.end, OUTCOME_DONE);
    CHECK(o.seconds != old_pid);
}

static void ends(void)
{
    static const struct {
        const char *name;
        enum fault_kind fault;
        const char *message;
    } cases[] = {{"crashes", FAULT_CRASH, "/films/crashes.mkv: the decoder crashed: Aborted"},
                 {"is killed", FAULT_KILLED,
                  "/films/is killed.mkv: the process that decoded it was killed from outside (out of memory?)"},
                 {"exits", FAULT_CRASH, "/films/exits.mkv: the decoder ended its process with code 3"},
                 {"speaks nonsense", FAULT_CRASH,
                  "/films/speaks nonsense.mkv: the process that decoded it sent what is no message"},
                 {"stopped by itself", FAULT_CRASH, "the process that decoded it sent what is no outcome"},
                 {"device", FAULT_DEVICE, ""}};
    struct workers *w = NULL;
    struct wire_ready ready;

    CHECK_INT(open_workers("", 1, false, &w, &ready), ST_OK);
    CHECK_STR(ready.sandbox, "writes");
    give(w, 0, "done");
    CHECK(!workers_is_free(w, 0));
    struct outcome o = wait_outcome(w);
    CHECK_INT(o.end, OUTCOME_DONE);
    CHECK(o.cost == 0.0);   /* it said NaN */
    CHECK_INT(o.n_same, 4); /* the rank's threads, all for the only one */
    CHECK(workers_progress(w, 0) == 0.25);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const double pid = o.seconds;
        give(w, 0, cases[i].name);
        o = wait_outcome(w);
        CHECK_INT(o.end, OUTCOME_FAULT);
        CHECK_STR(fault_names[o.fault], fault_names[cases[i].fault]);
        CHECK_STR(o.message, cases[i].message);
        CHECK(o.again);
        expect_replaced(w, strcmp(cases[i].name, "stopped by itself") == 0 ? 0.0 : pid);
        give(w, 0, "done");
        o = wait_outcome(w);
    }
    workers_close(&w);
}

/* More time or memory than a film may take. */
static void too_much(void)
{
    struct workers *w = NULL;
    struct wire_ready ready;

    CHECK_INT(open_workers("", 1, false, &w, &ready), ST_OK);
    config.film_timeout = 0.05;
    give(w, 0, "hangs");
    struct outcome o = wait_outcome(w);
    CHECK(o.end == OUTCOME_FAULT && o.fault == FAULT_TIMEOUT && o.again);
    CHECK_STR(o.message, "/films/hangs.mkv: not done after 0 s (--film-timeout)");
    config.film_timeout = 0.0;
    expect_replaced(w, 0.0);
    give(w, 0, "eats memory");
    o = wait_outcome(w);
    CHECK(o.end == OUTCOME_FAULT && o.fault == FAULT_MEMORY && o.again);
    CHECK(strstr(o.message, "more than --film-memory 0.4 GiB") != NULL);
    expect_replaced(w, 0.0);
    workers_close(&w);
}

static void lost(void)
{
    struct workers *w = NULL;
    struct wire_ready ready;

    CHECK_INT(open_workers("", 1, false, &w, &ready), ST_OK);
    give(w, 0, "leaves for good");
    struct outcome o = wait_outcome(w);
    CHECK(o.end == OUTCOME_FAULT && o.fault == FAULT_CRASH);
    CHECK(workers_is_lost(w, 0) && !workers_is_free(w, 0));
    give(w, 0, "done"); /* it was on its way */
    o = wait_outcome(w);
    CHECK_INT(o.end, OUTCOME_DRAINED);
    workers_close(&w);
}

static void told_to_end(void)
{
    struct workers *w = NULL;
    struct wire_ready ready;

    CHECK_INT(open_workers("", 1, false, &w, &ready), ST_OK);
    give(w, 0, "drains");
    workers_drain(w);
    struct outcome o = wait_outcome(w);
    CHECK_INT(o.end, OUTCOME_DRAINED);
    give(w, 0, "crashes");
    o = wait_outcome(w);
    CHECK_INT(o.end, OUTCOME_FAULT);
    give(w, 0, "drains"); /* the one that came for it was told as well */
    o = wait_outcome(w);
    CHECK_INT(o.end, OUTCOME_DRAINED);
    give(w, 0, "waits");
    workers_stop(w);
    workers_stop(w);
    o = wait_outcome(w);
    CHECK_INT(o.end, OUTCOME_STOPPED);
    give(w, 0, "crashes"); /* now nothing comes instead, and it is nobody's fault */
    o = wait_outcome(w);
    CHECK_INT(o.end, OUTCOME_STOPPED);
    CHECK(workers_is_lost(w, 0));
    workers_close(&w);
}

/* --- the agent ------------------------------------------------------------------------------------------------------
 */

static struct comm comm;

/* What the agent has posted next, progress passed over. */
static struct message next_told(struct agent *h)
{
    const double until = clock_seconds() + 20.0;
    struct message m = {.kind = MESSAGE_END};
    int from = -1;

    while (clock_seconds() < until) {
        CHECK_INT(message_take(&comm, &m, &from), ST_OK);
        if (from == 0 && m.kind != MESSAGE_PROGRESS)
            return m;
        if (from < 0)
            CHECK_INT(agent_step(h, 1.0), ST_OK);
    }
    CHECK(false);
    return m;
}

static void agent(void)
{
    struct message m = {.kind = MESSAGE_REQUEST};
    struct workers *w = NULL;
    struct wire_ready ready;
    struct agent h;
    atomic_int n_signals = 0;

    CHECK_INT(open_workers("", 1, false, &w, &ready), ST_OK);
    CHECK_INT(agent_open(&h, &comm, &w, &ready, &n_signals), ST_OK);
    CHECK(!w); /* taken over */
    m = next_told(&h);
    CHECK_INT(m.kind, MESSAGE_HELLO);
    CHECK_INT(m.as.hello.n_workers, 1);
    CHECK_STR(m.as.hello.ready.backend, "0 of 1 on /more");

    m = (struct message){.kind = MESSAGE_REQUEST};
    m.as.request = request_of("done");
    CHECK_INT(agent_on_message(&h, &m), ST_OK);
    m = next_told(&h);
    CHECK_INT(m.kind, MESSAGE_OUTCOME);
    CHECK(m.worker == 0 && m.as.outcome.end == OUTCOME_DONE && m.as.outcome.task.film == 3);

    atomic_store(&n_signals, 2);
    CHECK_INT(agent_step(&h, 0.0), ST_OK);
    CHECK_INT(agent_step(&h, 0.0), ST_OK); /* is told once */
    m = next_told(&h);
    CHECK(m.kind == MESSAGE_SIGNALS && m.as.n_signals == 2);

    m = (struct message){.kind = MESSAGE_DRAIN};
    CHECK_INT(agent_on_message(&h, &m), ST_OK);
    m = (struct message){.kind = MESSAGE_REQUEST};
    m.as.request = request_of("drains");
    CHECK_INT(agent_on_message(&h, &m), ST_OK);
    m = next_told(&h);
    CHECK(m.kind == MESSAGE_OUTCOME && m.as.outcome.end == OUTCOME_DRAINED);

    m = (struct message){.kind = MESSAGE_REQUEST};
    m.as.request = request_of("leaves for good");
    CHECK_INT(agent_on_message(&h, &m), ST_OK);
    m = next_told(&h);
    CHECK(m.kind == MESSAGE_OUTCOME && m.as.outcome.fault == FAULT_CRASH);
    m = next_told(&h);
    CHECK(m.kind == MESSAGE_LOST && m.worker == 0);

    m = (struct message){.kind = MESSAGE_STOP};
    CHECK_INT(agent_on_message(&h, &m), ST_OK);
    for (int kind = MESSAGE_HELLO; kind <= MESSAGE_LOST; kind++) {
        m = (struct message){.kind = (enum message_kind)kind};
        CHECK_INT(agent_on_message(&h, &m), ST_BUG);
    }
    CHECK(!h.is_over);
    m = (struct message){.kind = MESSAGE_END, .as.end = {.st = ST_FORMAT, .text = "one failed"}};
    CHECK_INT(agent_on_message(&h, &m), ST_OK);
    CHECK(h.is_over && h.end.st == ST_FORMAT);
    CHECK_STR(h.end.text, "one failed");
    agent_close(&h);
}

/* --- messages that cannot be meant ----------------------------------------------------------------------------------
 */

static void expect_sound(const struct message *m, bool is_sound)
{
    static struct message taken;
    int from;

    CHECK_INT(message_post(&comm, 0, m), ST_OK);
    CHECK_INT(message_take(&comm, &taken, &from), is_sound ? ST_OK : ST_COMM);
}

static void fill(char *text, size_t n)
{
    memset(text, 'x', n);
}

#define BAD(sound, member, value)                                                                                      \
    do {                                                                                                               \
        m = sound;                                                                                                     \
        m.member = value;                                                                                              \
        expect_sound(&m, false);                                                                                       \
    } while (0)
#define ENDLESS(sound, member)                                                                                         \
    do {                                                                                                               \
        m = sound;                                                                                                     \
        fill(m.member, sizeof m.member);                                                                               \
        expect_sound(&m, false);                                                                                       \
    } while (0)

static void messages(void)
{
    struct message hello = {.kind = MESSAGE_HELLO, .as.hello = {.n_workers = 1, .ready.threads = 1}}, m;
    struct message outcome = {.kind = MESSAGE_OUTCOME}, progress = {.kind = MESSAGE_PROGRESS};
    struct message request = {.kind = MESSAGE_REQUEST}, signals = {.kind = MESSAGE_SIGNALS};
    struct message end = {.kind = MESSAGE_END}, lost_one = {.kind = MESSAGE_LOST};
    size_t bytes;
    int from;

    expect_sound(&hello, true);
    BAD(hello, as.hello.n_workers, WORKERS_MAX + 1);
    BAD(hello, as.hello.ready.threads, 0);
    ENDLESS(hello, as.hello.host);
    ENDLESS(hello, as.hello.ready.backend);
    ENDLESS(hello, as.hello.ready.sandbox);
    expect_sound(&outcome, true);
    BAD(outcome, worker, WORKERS_MAX);
    BAD(outcome, as.outcome.task.piece, TASK_MOST_PIECES);
    BAD(outcome, as.outcome.task.film, -1);
    BAD(outcome, as.outcome.end, OUTCOME_STOPPED + 1);
    BAD(outcome, as.outcome.fault, N_FAULT_KINDS);
    BAD(outcome, as.outcome.seconds, NAN);
    BAD(outcome, as.outcome.result.n_outputs, MAX_OUTPUTS + 1);
    BAD(outcome, as.outcome.result.summary.n_bins, SUMMARY_MAX_BINS + 1);
    BAD(outcome, as.outcome.result.summary.hue, -1.5);
    ENDLESS(outcome, as.outcome.message);
    ENDLESS(outcome, as.outcome.result.note);
    ENDLESS(outcome, as.outcome.result.output[2].suffix);
    expect_sound(&progress, true);
    BAD(progress, as.progress[WORKERS_MAX - 1], 1.5f);
    expect_sound(&signals, true);
    BAD(signals, as.n_signals, -1);
    expect_sound(&lost_one, true);
    BAD(lost_one, worker, -1);
    expect_sound(&request, true);
    BAD(request, as.request.task.n_pieces, TASK_MOST_PIECES + 1);
    ENDLESS(request, as.request.path);
    ENDLESS(request, as.request.name);
    expect_sound(&end, true);
    BAD(end, as.end.st, ST_BUG + 1);
    ENDLESS(end, as.end.text);
    m = (struct message){.kind = (enum message_kind)(MESSAGE_END + 1)};
    expect_sound(&m, false);

    CHECK_INT(comm_post(&comm, 0, &end, sizeof end.kind + 1), ST_OK); /* cut short */
    CHECK_INT(message_take(&comm, &m, &from), ST_COMM);
    CHECK_INT(message_take(&comm, &m, &from), ST_OK);
    CHECK_INT(from, -1);
    CHECK_INT(comm_take(&comm, &m, sizeof m, &bytes, &from), ST_OK);
    CHECK_INT(from, -1);
}

static void wire(void)
{
    enum wire_kind kind;
    size_t bytes;
    int pair[2];

    if (!CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0))
        return;
    CHECK(wire_send(pair[0], WIRE_ROOT, "/films", 6) && wire_send(pair[0], WIRE_STOP, NULL, 0));
    CHECK(wire_receive(pair[1], &kind, data, &bytes) && kind == WIRE_ROOT && bytes == 6);
    CHECK(memcmp(data, "/films", 6) == 0);
    CHECK(wire_receive(pair[1], &kind, data, &bytes) && kind == WIRE_STOP && bytes == 0);
    close(pair[0]);
    CHECK(!wire_receive(pair[1], &kind, data, &bytes)); /* the other end is gone */
    CHECK(!wire_send(pair[1], WIRE_STOP, NULL, 0));
    close(pair[1]);
}

int main(int argc, char **argv)
{
    const struct rlimit no_core = {0};

    setrlimit(RLIMIT_CORE, &no_core);
    if (argc == 2 && strcmp(argv[1], WORKER_ARGUMENT) == 0)
        return play_worker();
    CHECK_INT(comm_open_world(&comm), ST_OK);
    starts();
    ends();
    too_much();
    lost();
    told_to_end();
    agent();
    messages();
    wire();
    comm_close(&comm);
    return test_end();
}
