/* fuzz_worker: messages of a worker process to its rank, and of ranks to each other, of arbitrary bytes (see
 * fuzz.h). What a worker process says is sanitized, fits any message between ranks afterwards, and goes into a
 * journal's line and out of it. What is taken from a rank can be meant. Messages keep their borders.
 *
 * An input is a byte that says what it is, a byte of the request's task, and the message. */
#define FUZZ_NAME "fuzz_worker"
#define FUZZ_ROUNDS 8000
#include "fuzz/fuzz.h"

#include "catalog/protocol/message.h"
#include "catalog/store/result_text.h"
#include "catalog/protocol/sanitize.h"

#include <math.h>
#include <sys/socket.h>

enum { OF_OUTCOME, OF_READY, OF_RANK, OF_WIRE, N_KINDS };

static int64_t n_sanitized, n_ready, n_taken, n_refused, n_wires; /* in all */

static bool ends(const char *text, size_t bytes)
{
    return memchr(text, 0, bytes) != NULL;
}

static bool is_number(double v)
{
    return isfinite(v) && v >= 0.0;
}

/* --- a worker process's outcome --------------------------------------------------------------------------------- */

static void check_result(const struct film_result *r)
{
    demand(ends(r->fingerprint, sizeof r->fingerprint) && ends(r->container, sizeof r->container) &&
               ends(r->codec, sizeof r->codec) && ends(r->pixel_format, sizeof r->pixel_format) &&
               ends(r->aspect, sizeof r->aspect) && !r->aspect[strspn(r->aspect, "0123456789.")] &&
               ends(r->settings_id, sizeof r->settings_id) && ends(r->note, sizeof r->note) &&
               ends(r->notes, sizeof r->notes),
           "a text without an end");
    demand(is_number(r->film_seconds) && is_number(r->seconds) && is_number(r->index_seconds) &&
               is_number(r->extract_seconds) && is_number(r->write_seconds) && is_number(r->summary.hue + 1.0) &&
               is_number(r->summary.lightness) && is_number(r->summary.chroma),
           "a number that is none");
    demand(r->frames >= 0 && r->columns >= 0 && r->frames_missing >= 0 && r->frames_damaged >= 0 && r->width >= 0 &&
               r->height >= 0 && r->bytes >= 0 && r->n_pieces >= 0,
           "less than none");
    demand(r->n_outputs >= 0 && r->n_outputs <= MAX_OUTPUTS && r->summary.n_bins >= 0 &&
               r->summary.n_bins <= SUMMARY_MAX_BINS,
           "more than there can be");
    for (int i = 0; i < MAX_OUTPUTS; i++)
        demand(ends(r->output[i].suffix, sizeof r->output[i].suffix) && !strchr(r->output[i].suffix, '/') &&
                   ends(r->output[i].sha256, sizeof r->output[i].sha256) && r->output[i].bytes >= 0,
               "an output that is none");
}

/* As in a journal; the summary stands at its key, without quotes. */
static void write_and_read(const struct film_result *r)
{
    static struct film_result again;
    char *text = NULL;
    size_t n = 0;
    FILE *file = open_memstream(&text, &n);
    json_error_t error;

    demand(file != NULL, "out of memory");
    fputs("{\"a\":0", file);
    result_print(file, r);
    fputs("}", file);
    fclose(file);
    json_t *object = json_loadb(text, n, 0, &error);
    demand(object != NULL, "a journal's line is no JSON");
    const char *summary = json_string_value(json_object_get(object, "card"));
    demand(summary != NULL, "a result without its summary");
    demand(result_read(object, summary, strlen(summary), &again), "a result is not read back");
    demand(again.frames == r->frames && again.columns == r->columns && again.n_outputs == r->n_outputs &&
               again.summary.n_bins == r->summary.n_bins && again.bytes == r->bytes,
           "a result is read back as another one");
    demand(strcmp(again.aspect, r->aspect) == 0, "an aspect ratio is read back as another one");
    json_decref(object);
    free(text);
}

static struct comm *world(void)
{
    static struct comm comm;

    if (!comm.ops)
        demand(comm_open_world(&comm) == ST_OK, "there is no world");
    return &comm;
}

static void look_at_outcome(const uint8_t *data, size_t size, uint8_t about)
{
    static struct message m, taken;
    static struct task_request request;
    struct outcome *o = &m.as.outcome;
    int from = -1;

    memset(&m, 0, sizeof m);
    m.kind = MESSAGE_OUTCOME;
    m.worker = about;
    memcpy(o, data, size < sizeof *o ? size : sizeof *o);
    request.n_samples = about & 3;
    request.task = (struct task){.kind = (enum task_kind)(about >> 2) % N_TASK_KINDS,
                                 .film = about * 1000,
                                 .piece = about & 15,
                                 .n_pieces = 16,
                                 .cost = about * 0.5};
    sanitize_outcome(o, &request, about & 128);
    n_sanitized++;
    demand(o->task.film == request.task.film && o->task.kind == request.task.kind, "another task");
    demand(o->end <= OUTCOME_STOPPED && o->fault < N_FAULT_KINDS && o->again <= 1 && o->is_output_fault <= 1,
           "an end that is none");
    demand(o->n_same >= 0 && o->n_same <= request.n_samples && is_number(o->seconds) && is_number(o->cost) &&
               ends(o->message, sizeof o->message),
           "a number out of range");
    check_result(&o->result);
    write_and_read(&o->result);
    fuzz_notice(100 + (uint64_t)o->end * 16 + (uint64_t)o->fault);
    fuzz_notice_size(1, (uint64_t)o->result.n_outputs);
    fuzz_notice_size(2, (uint64_t)o->result.summary.n_bins);
    demand(message_post(world(), 0, &m) == ST_OK && message_take(world(), &taken, &from) == ST_OK && from == 0 &&
               memcmp(&taken.as.outcome, o, sizeof *o) == 0,
           "what a worker process said does not go from rank to rank");
}

static void look_at_ready(const uint8_t *data, size_t size)
{
    static struct wire_ready raw, ready;

    memset(&raw, 0, sizeof raw);
    memcpy(&raw, data, size < sizeof raw ? size : sizeof raw);
    if (!sanitize_ready(&ready, &raw))
        return;
    n_ready++;
    demand(ready.threads >= 1 && ends(ready.backend, sizeof ready.backend) && ends(ready.sandbox, sizeof ready.sandbox),
           "a worker process that is none");
}

/* --- ranks -------------------------------------------------------------------------------------------------------- */

static void check_taken(const struct message *m)
{
    demand(m->kind <= MESSAGE_END, "a message of no kind");
    if (m->kind == MESSAGE_OUTCOME) {
        const struct task *t = &m->as.outcome.task;
        demand(t->kind < N_TASK_KINDS && t->film >= 0 && t->piece >= 0 && t->piece < TASK_MOST_PIECES,
               "a task that is none");
        demand(ends(m->as.outcome.message, sizeof m->as.outcome.message) && m->as.outcome.fault < N_FAULT_KINDS,
               "a fault that is none");
        for (int i = 0; i < MAX_OUTPUTS; i++)
            demand(ends(m->as.outcome.result.output[i].suffix, 32), "a text without an end");
        demand(m->as.outcome.result.n_outputs <= MAX_OUTPUTS && m->as.outcome.result.n_outputs >= 0, "outputs");
        demand(isfinite(m->as.outcome.result.film_seconds) && isfinite(m->as.outcome.seconds), "seconds");
    } else if (m->kind == MESSAGE_HELLO) {
        demand(m->as.hello.n_workers >= 0 && m->as.hello.n_workers <= WORKERS_MAX && ends(m->as.hello.host, 64),
               "a hello");
        const int workers = m->as.hello.ready.has_device ? 8 : 1; /* a truth that is none would be seen here */
        demand(workers > 0, "a truth that is none");
    } else if (m->kind == MESSAGE_REQUEST) {
        demand(ends(m->as.request.path, sizeof m->as.request.path) &&
                   ends(m->as.request.name, sizeof m->as.request.name),
               "an order without an end");
        const int tasks = m->as.request.task.unsplit ? 1 : 2;
        demand(tasks > 0, "a truth that is none");
    } else if (m->kind == MESSAGE_PROGRESS) {
        for (int i = 0; i < WORKERS_MAX; i++)
            demand(m->as.progress[i] >= 0.0f && m->as.progress[i] <= 1.0f, "more than all of it");
    } else if (m->kind == MESSAGE_END) {
        demand(ends(m->as.end.text, sizeof m->as.end.text), "an end without an end");
    }
}

static void look_at_rank(const uint8_t *data, size_t size)
{
    static struct message m, again;
    int from = -1;

    demand(comm_post(world(), 0, data, size) == ST_OK, "cannot post");
    const enum status st = message_take(world(), &m, &from);
    demand(st == ST_OK || st == ST_COMM || (st == ST_BUG && size > sizeof m), "a fault of another kind");
    fuzz_notice(200 + (uint64_t)st * 16 + (uint64_t)(st == ST_OK ? m.kind : 0));
    if (st != ST_OK) {
        n_refused++;
        fuzz_notice_text(status_message());
        return;
    }
    n_taken++;
    demand(from == 0, "a message of nobody");
    check_taken(&m);
    demand(message_post(world(), 0, &m) == ST_OK && message_take(world(), &again, &from) == ST_OK &&
               memcmp(&m, &again, size) == 0,
           "a message does not go on as it came");
}

static void look_at_wire(const uint8_t *data, size_t size)
{
    static char heard[WIRE_ROOM];
    enum wire_kind kind = WIRE_SETUP;
    size_t bytes = 0, sent = size;
    int pair[2];

    demand(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "cannot make a socket");
    demand(send(pair[0], data, size, 0) == (ssize_t)size, "cannot send");
    demand(wire_send(pair[0], WIRE_PROGRESS, "1234567890123456", 16), "cannot send a beat");
    if (wire_receive(pair[1], &kind, heard, &bytes)) {
        sent = sent < sizeof heard + 4 ? sent : sizeof heard + 4;
        demand(bytes + 4 == sent && memcmp(heard, data + 4, bytes) == 0, "other bytes than were sent");
        demand(wire_receive(pair[1], &kind, heard, &bytes) && kind == WIRE_PROGRESS && bytes == 16,
               "the next one is gone");
        n_wires++;
    } else {
        demand(size < 4, "a message is taken for an end");
    }
    close(pair[0]);
    close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    switch (data[0] % N_KINDS) {
    case OF_OUTCOME:
        look_at_outcome(data + 2, size - 2, data[1]);
        break;
    case OF_READY:
        look_at_ready(data + 2, size - 2);
        break;
    case OF_RANK:
        look_at_rank(data + 2, size - 2);
        break;
    default:
        look_at_wire(data + 2, size - 2);
    }
    return 0;
}

#ifndef FUZZ_WITH_LIBFUZZER

static void add_message(uint8_t kind, uint8_t about, const void *message, size_t bytes)
{
    static uint8_t input[FUZZ_MOST_BYTES];

    input[0] = kind;
    input[1] = about;
    memcpy(input + 2, message, bytes);
    add_seed(input, bytes + 2);
}

static void add_samples(void)
{
    static struct message m;
    static struct outcome o;
    const struct wire_ready ready = {.threads = 4, .backend = "cpu", .sandbox = "landlock"};
    const size_t head = offsetof(struct message, as);

    o = (struct outcome){.task = {.kind = TASK_FILM, .film = 3, .n_pieces = 1, .cost = 2.5}, .seconds = 1.0};
    o.result = (struct film_result){
        .bytes = 5, .frames = 100, .film_seconds = 4.0, .columns = 5, .aspect = "2.35", .n_outputs = 2};
    snprintf(o.result.output[0].suffix, sizeof o.result.output[0].suffix, ".barcode.png");
    snprintf(o.result.output[1].suffix, sizeof o.result.output[1].suffix, ".json");
    o.result.summary = (struct film_summary){.n_bins = 2, .hue = 12.0, .lightness = 50.0, .chroma = 0.5};
    add_message(OF_OUTCOME, 5, &o, sizeof o);
    o.end = OUTCOME_FAULT;
    o.fault = FAULT_FORMAT;
    snprintf(o.message, sizeof o.message, "x.mkv is not whole");
    add_message(OF_OUTCOME, 5, &o, sizeof o);
    add_message(OF_READY, 0, &ready, sizeof ready);
    add_message(OF_WIRE, 0, "\6\0\0\0x.mkv is no film", 19);
    m = (struct message){.kind = MESSAGE_OUTCOME, .worker = 1, .as.outcome = o};
    add_message(OF_RANK, 0, &m, head + sizeof o);
    m = (struct message){.kind = MESSAGE_HELLO, .as.hello = {.n_workers = 2, .host = "here", .ready = ready}};
    add_message(OF_RANK, 0, &m, head + sizeof m.as.hello);
    m = (struct message){.kind = MESSAGE_PROGRESS, .as.progress = {0.5f, 1.0f}};
    add_message(OF_RANK, 0, &m, head + sizeof m.as.progress);
    m = (struct message){.kind = MESSAGE_SIGNALS, .as.n_signals = 1};
    add_message(OF_RANK, 0, &m, head + sizeof m.as.n_signals);
    m = (struct message){.kind = MESSAGE_LOST, .worker = 2};
    add_message(OF_RANK, 0, &m, head);
    m = (struct message){.kind = MESSAGE_REQUEST, .as.request = {.task = o.task, .path = "/x.mkv", .name = "x"}};
    add_message(OF_RANK, 0, &m, head + sizeof m.as.request);
    m = (struct message){.kind = MESSAGE_END, .as.end = {.text = "all is well"}};
    add_message(OF_RANK, 0, &m, head + sizeof m.as.end);
    m = (struct message){.kind = MESSAGE_DRAIN};
    add_message(OF_RANK, 0, &m, head);
}

/* Messages are of a fixed length, mostly zeros: few bytes tell, and their places matter. */
static size_t mutate(uint8_t *bytes, size_t n)
{
    static const uint64_t words[] = {0,
                                     1,
                                     UINT64_MAX,
                                     (uint64_t)INT64_MAX,
                                     (uint64_t)INT64_MIN,
                                     0x7ff0000000000000u,
                                     0xfff0000000000000u,
                                     0x7ff8000000000000u,
                                     0x7fefffffffffffffu,
                                     0xbff0000000000000u,
                                     256,
                                     255};

    if (noise(8) == 0)
        return fuzz_mutate_bytes(bytes, n, 64);
    for (uint32_t changes = 1 + noise(3); changes > 0 && n > 2; changes--) {
        const size_t at = 2 + (noise(2) ? noise((uint32_t)n - 2) : noise((uint32_t)(n - 2 < 4000 ? n - 2 : 4000)));
        if (noise(2) && n >= 16) {
            const uint64_t word = words[noise(sizeof words / sizeof *words)];
            const size_t place = (at - 2) / 8 * 8 + 2;
            memcpy(bytes + place, &word, n - place < 8 ? n - place : 8);
        } else if (noise(3) == 0) { /* a text without an end */
            const size_t length = 1 + noise(300);
            memset(bytes + at, noise(2) ? '/' : 0xff, n - at < length ? n - at : length);
        } else {
            bytes[at] = (uint8_t)(noise(2) ? noise(256) : noise(4));
        }
        if (noise(4) == 0)
            bytes[1] = (uint8_t)noise(256);
    }
    return n;
}

static void tell(void)
{
    demand(n_sanitized > 0 && n_ready > 0 && n_taken > 0 && n_refused > 0 && n_wires > 0, "a way was never taken");
    printf(FUZZ_NAME ": %lld outcomes sanitized, %lld worker processes ready, %lld messages taken, %lld refused, %lld "
                     "over a socket\n",
           (long long)n_sanitized, (long long)n_ready, (long long)n_taken, (long long)n_refused, (long long)n_wires);
}

#endif
