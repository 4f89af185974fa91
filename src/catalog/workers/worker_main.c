#include "catalog/workers/worker_main.h"

#include "barcode/piece.h"
#include "barcode/recheck.h"
#include "barcode/sidecar.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/file.h"
#include "base/file_mark.h"
#include "catalog/schedule/cost.h"
#include "catalog/workers/film_summary.h"
#include "catalog/workers/sandbox.h"
#include "catalog/protocol/wire.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* One a process. The main thread works; another one listens, so that a drain, a stop and the rank's end are heard at
 * any time. */
static struct {
    struct worker_setup setup;
    struct resources resources;
    char **root;                              /* [setup.n_roots] */
    atomic_int stop, drain, was_told_to_stop; /* an extraction that fails sets stop too, for itself */
    pthread_mutex_t lock;
    pthread_cond_t request_came;
    bool has_request;
    struct task_request request;
    char notes[NOTES_BYTES];
    double last_heartbeat;
} me = {.lock = PTHREAD_MUTEX_INITIALIZER, .request_came = PTHREAD_COND_INITIALIZER};

/* --- hearing ------------------------------------------------------------------------------------------------------ */

static void *listen_to_rank(void *context)
{
    enum wire_kind kind;
    size_t bytes;
    char *data = context;

    while (wire_receive(WORKER_SOCKET, &kind, data, &bytes)) {
        pthread_mutex_lock(&me.lock);
        if (kind == WIRE_REQUEST && bytes == sizeof me.request) {
            memcpy(&me.request, data, bytes);
            me.has_request = true;
            pthread_cond_signal(&me.request_came);
        }
        pthread_mutex_unlock(&me.lock);
        if (kind == WIRE_DRAIN || kind == WIRE_STOP)
            atomic_store(&me.drain, 1);
        if (kind == WIRE_STOP) {
            atomic_store(&me.was_told_to_stop, 1);
            atomic_store(&me.stop, 1);
        }
    }
    _exit(0); /* the rank is gone or needs no more: whatever is half done goes with the process */
    return NULL;
}

static struct task_request next_request(void)
{
    struct task_request request;

    pthread_mutex_lock(&me.lock);
    while (!me.has_request)
        pthread_cond_wait(&me.request_came, &me.lock);
    request = me.request;
    me.has_request = false;
    pthread_mutex_unlock(&me.lock);
    return request;
}

/* --- telling ------------------------------------------------------------------------------------------------------ */

static void tell_progress(void *context, int64_t done, int64_t total)
{
    const struct wire_progress progress = {done, total};
    const double now = clock_seconds();

    (void)context;
    if (now - me.last_heartbeat < 0.2)
        return;
    me.last_heartbeat = now;
    wire_send(WORKER_SOCKET, WIRE_PROGRESS, &progress, sizeof progress);
}

/* What the pipeline notes belongs to the film's record, not to the terminal. */
static void keep_note(const char *line)
{
    pthread_mutex_lock(&me.lock);
    const size_t used = strlen(me.notes);
    snprintf(me.notes + used, sizeof me.notes - used, "%s%s", used ? "\n" : "", line);
    pthread_mutex_unlock(&me.lock);
}

/* --- one request -------------------------------------------------------------------------------------------------- */

struct work {
    const struct task_request *request;
    struct outcome *outcome;
    struct file_mark before; /* the film, when its turn came */
    char key[65];
    char output[OUT_PATH_BYTES], json[OUT_PATH_BYTES], store[OUT_PATH_BYTES], frames[OUT_PATH_BYTES];
    struct comm self;
    struct piece_files kept;
    struct pipeline pipeline;
};

static enum status look_at_film(struct work *w)
{
    char text[256];

    TRY(file_mark_take("film", w->request->path, FILE_MARK_ENDS, &w->before));
    const int n = snprintf(text, sizeof text, "%s %lld %s %s", me.setup.settings_id, (long long)w->before.mtime_ns,
                           w->before.fingerprint, w->request->name);
    sha256_hex(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1, w->key);
    return ST_OK;
}

/* A film that is being copied here while it is read gives whatever was there at the time. */
static enum status film_is_unchanged(void *context)
{
    const struct work *w = context;
    const enum status st = file_mark_check("film", w->request->path, FILE_MARK_ENDS, &w->before);

    if (st != ST_OK) {
        w->outcome->again = true;
        w->outcome->fault = FAULT_UNREADABLE;
    }
    return st;
}

static void set_up_pipeline(struct work *w)
{
    const struct barcode_config config = {.film = w->request->path,
                                          .output = w->output,
                                          .json = w->json,
                                          .store = me.setup.stores ? w->frames : NULL,
                                          .settings = me.setup.settings,
                                          .backend = me.setup.backend,
                                          .threads = me.setup.threads,
                                          .allow_partial = me.setup.allow_partial,
                                          .force = true}; /* older results of ours: the rank has looked */
    struct pipeline *p = &w->pipeline;

    out_path(me.setup.out, w->request->name, PICTURE_SUFFIX, w->output);
    out_path(me.setup.out, w->request->name, SIDECAR_SUFFIX, w->json);
    out_path_store(me.setup.out, w->request->name, w->store);
    out_path(me.setup.out, OUT_FRAMES, "", w->frames);
    comm_open_self(&w->self);
    w->kept = (struct piece_files){w->store, w->key};
    pipeline_init(p, &config, &me.stop);
    p->comm = &w->self;
    p->kept = &w->kept;
    p->drain = &me.drain;
    p->watch = (struct pipeline_watch){.context = w, .progress = tell_progress, .may_write = film_is_unchanged};
    p->resources = me.resources;
    p->resources.threads = w->request->threads;
    p->resources.n_gpu_sharers *= w->request->n_workers;
    p->resources.n_host_sharers *= w->request->n_workers;
}

static enum status digest_outputs(struct film_result *r, const struct barcode_settings *c, const char *name)
{
    r->n_outputs = c->n_strips + 1;
    for (int i = 0; i < r->n_outputs; i++) {
        struct film_output *output = &r->output[i];
        char path[OUT_PATH_BYTES];
        if (i < c->n_strips)
            output_suffix_strip(c->strip, i, output->suffix);
        else
            strcpy(output->suffix, SIDECAR_SUFFIX);
        out_path(me.setup.out, name, output->suffix, path);
        TRY(file_sha256(path, ST_IO, output->sha256, &output->bytes)); /* what is recorded is what is there */
    }
    return ST_OK;
}

static enum status record_result(struct work *w)
{
    const struct pipeline *p = &w->pipeline;
    const struct film_info *f = &p->barcode.film;
    struct film_result *r = &w->outcome->result;

    r->bytes = w->before.bytes;
    r->mtime_ns = w->before.mtime_ns;
    snprintf(r->fingerprint, sizeof r->fingerprint, "%s", w->before.fingerprint);
    snprintf(r->container, sizeof r->container, "%s", f->container);
    snprintf(r->codec, sizeof r->codec, "%s", f->codec);
    snprintf(r->pixel_format, sizeof r->pixel_format, "%s", f->pixel_format);
    r->width = f->width;
    r->height = f->height;
    if (p->barcode.window.is_known)
        snprintf(r->aspect, sizeof r->aspect, "%s", p->barcode.window.aspect);
    r->frames = p->barcode.film_frames;
    r->film_seconds = p->barcode.film_seconds;
    r->frames_missing = f->frames_missing;
    r->frames_damaged = f->frames_damaged;
    r->frames_lead_in = f->n_lead_in;
    snprintf(r->note, sizeof r->note, "%s", f->note);
    snprintf(r->settings_id, sizeof r->settings_id, "%s", me.setup.settings_id);
    r->columns = p->barcode.n_columns;
    r->frames_decoded = p->stats.frames_decoded;
    r->cpu_decoders = p->stats.n_cpu_decoders;
    r->nvdec_decoders = p->stats.n_nvdec_decoders;
    r->n_pieces = w->request->task.n_pieces;
    film_summary_make(&r->summary, &p->barcode);
    return digest_outputs(r, &p->config.settings, w->request->name);
}

static enum status do_probe(struct work *w)
{
    struct film_probe probe;

    TRY(film_probe(w->request->path, &me.stop, &probe));
    w->outcome->cost = cost_estimate(&probe, &me.setup.settings);
    return ST_OK;
}

static enum status do_task(struct work *w, enum outcome_end *end)
{
    const struct task *t = &w->request->task;
    struct pipeline *p = &w->pipeline;
    bool flag = false;
    enum status st;

    switch (t->kind) {
    case TASK_INDEX:
        st = piece_index(p, &flag);
        *end = flag ? OUTCOME_DONE : OUTCOME_UNSPLIT;
        break;
    case TASK_PIECE:
        st = piece_extract(p, t->piece, t->n_pieces, &flag);
        *end = flag ? OUTCOME_DRAINED : OUTCOME_DONE;
        break;
    case TASK_JOIN:
        st = piece_join(p, t->n_pieces, &flag);
        *end = flag ? OUTCOME_DONE : OUTCOME_UNSPLIT;
        break;
    default:
        st = pipeline_run(p, t->unsplit, &flag);
        *end = flag ? OUTCOME_DRAINED : OUTCOME_DONE;
    }
    return st;
}

static enum status do_piece(struct work *w)
{
    const enum task_kind kind = w->request->task.kind;
    struct outcome *o = w->outcome;
    const struct pipeline *p = &w->pipeline;
    enum status st;

    set_up_pipeline(w);
    st = do_task(w, &o->end);
    if (st == ST_OK && o->end == OUTCOME_DONE && (kind == TASK_FILM || kind == TASK_JOIN)) {
        st = record_result(w);
        if (st == ST_OK)
            piece_files_remove(w->store);
    }
    o->result.index_seconds = p->index_seconds;
    o->result.extract_seconds = p->extract_seconds;
    o->result.write_seconds = p->write_seconds;
    if (st == ST_FORMAT && !o->again)
        o->fault = p->film.info.is_ipt && !p->config.settings.raw_hdr ? FAULT_SETTINGS
                   : p->film.info.incomplete[0]                       ? FAULT_INCOMPLETE
                                                                      : FAULT_FORMAT;
    else if (st == ST_USAGE && p->film.n_frames > 0) /* it was read: what was asked for does not fit it */
        o->fault = FAULT_SETTINGS;
    pipeline_release(&w->pipeline);
    return st;
}

static enum status do_check(struct work *w)
{
    struct barcode b;

    out_path(me.setup.out, w->request->name, SIDECAR_SUFFIX, w->json);
    TRY(sidecar_read_json(w->json, &b));
    const enum status st = recheck_columns(&b, w->request->path, w->request->n_samples, &me.stop, tell_progress, NULL,
                                           &w->outcome->n_same);
    barcode_release(&b);
    return st;
}

static void judge(struct outcome *o, enum task_kind kind, enum status st)
{
    if (st == ST_OK)
        return;
    o->end = st == ST_INTERRUPTED ? OUTCOME_STOPPED : OUTCOME_FAULT;
    snprintf(o->message, sizeof o->message, "%s", status_message());
    if (st == ST_FORMAT && kind == TASK_PROBE && !o->again)
        o->fault = FAULT_NOT_A_FILM;
    else if (st == ST_DEVICE || st == ST_UNSUPPORTED)
        o->fault = FAULT_DEVICE;
    else if (st == ST_NOMEM)
        o->fault = FAULT_MEMORY;
    else if (st != ST_FORMAT && st != ST_USAGE) /* of these it is known by now */
        o->fault = FAULT_OTHER;
    o->again = o->again || st == ST_DEVICE || st == ST_NOMEM;
    o->is_output_fault = st == ST_IO;
}

static void work_on(const struct task_request *request, struct outcome *outcome)
{
    struct work w = {.request = request, .outcome = outcome};
    const double started = clock_seconds();
    enum status st;

    *outcome = (struct outcome){.task = request->task, .end = OUTCOME_DONE, .fault = FAULT_UNREADABLE};
    me.notes[0] = '\0';
    me.last_heartbeat = 0.0;
    if (request->task.kind == TASK_PROBE) {
        st = do_probe(&w);
    } else {
        st = look_at_film(&w);
        if (st == ST_OK)
            st = request->n_samples > 0 ? do_check(&w) : do_piece(&w);
        if ((st == ST_FORMAT || st == ST_MISMATCH) && !outcome->again && film_is_unchanged(&w) != ST_OK)
            outcome->again = true; /* it is not the film that was damaged, but the reading of it */
    }
    judge(outcome, request->task.kind, st);
    outcome->seconds = clock_seconds() - started;
    memcpy(outcome->result.notes, me.notes, sizeof me.notes);
}

/* --- start -------------------------------------------------------------------------------------------------------- */

static bool read_setup(char *data)
{
    enum wire_kind kind;
    size_t bytes;

    if (!wire_receive(WORKER_SOCKET, &kind, data, &bytes) || kind != WIRE_SETUP || bytes != sizeof me.setup)
        return false;
    memcpy(&me.setup, data, sizeof me.setup);
    me.root = mem_array((size_t)me.setup.n_roots, sizeof *me.root);
    for (int i = 0; me.root && i < me.setup.n_roots; i++) {
        if (!wire_receive(WORKER_SOCKET, &kind, data, &bytes) || kind != WIRE_ROOT)
            return false;
        me.root[i] = strndup(data, bytes);
        if (!me.root[i])
            return false;
    }
    return me.root != NULL;
}

/* The GPU is opened while there still are rights to do so; its context stays for the process's life. */
static enum status open_device(struct compute **compute)
{
    const struct compute_setup setup = {.device = me.resources.device,
                                        .batch = 1,
                                        .picture = {.width = 16, .height = 16},
                                        .kmeans = {.k = 1, .n_init = 1}};

    *compute = NULL;
    return me.resources.ops->has_device ? compute_open(me.resources.ops, &setup, compute) : ST_OK;
}

static enum status start(struct compute **compute, struct wire_ready *ready)
{
    const struct comm place = {.rank = me.setup.rank, .node_rank = me.setup.node_rank, .node_size = me.setup.node_size};
    const char *const writable[] = {me.setup.out};

    TRY(sandbox_begin(me.setup.parent));
    TRY(resources_choose(&place, me.setup.backend, me.setup.threads, &me.resources));
    TRY(open_device(compute));
    const struct sandbox_setup sandbox = {.readable = (const char *const *)me.root,
                                          .n_readable = me.setup.n_roots,
                                          .writable = writable,
                                          .n_writable = me.setup.only_reads ? 0 : 1,
                                          .has_device = me.resources.ops->has_device,
                                          .memory = me.setup.film_memory};
    TRY(sandbox_seal(&sandbox, ready->sandbox, sizeof ready->sandbox));
    ready->threads = me.resources.threads;
    ready->has_device = sandbox.has_device;
    resources_describe(&me.resources, ready->backend, sizeof ready->backend);
    return ST_OK;
}

int worker_main(void)
{
    static char received[WIRE_ROOM];
    static struct outcome outcome;
    struct wire_ready ready = {0};
    struct compute *compute;
    pthread_t listener;

    signal(SIGINT, SIG_IGN); /* a terminal's Ctrl-C, a batch system's notice: the rank hears them and says what to do */
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    prctl(PR_SET_NAME, "jacquard-worker");
    if (!read_setup(received))
        return 1;
    log_set_keeper(keep_note);
    if (start(&compute, &ready) != ST_OK) {
        wire_send(WORKER_SOCKET, WIRE_REFUSE, status_message(), strlen(status_message()));
        return 1;
    }
    if (pthread_create(&listener, NULL, listen_to_rank, received) != 0 ||
        !wire_send(WORKER_SOCKET, WIRE_READY, &ready, sizeof ready))
        return 1;
    for (;;) {
        const struct task_request request = next_request();
        work_on(&request, &outcome);
        atomic_store(&me.stop, 0);
        if (atomic_load(&me.was_told_to_stop))
            atomic_store(&me.stop, 1);
        if (!wire_send(WORKER_SOCKET, WIRE_OUTCOME, &outcome, sizeof outcome))
            return 1;
    }
}
