/* nvdec: sessions of a GPU's video decoders, driven by FFmpeg. The driver takes 0.06 s to open one and 0.05 s to close
 * one, and does one at a time on a host, whichever process and GPU it is for (measured: 1 to 16 sessions on one and two
 * H200s). So sessions are opened ahead, while a film's index is being read, and kept for what is decoded next, if it is
 * of the same kind: a stream with the same headers. The process has one store of them; any thread may call. */
#include "film/decode/ffmpeg.h"

#include "base/mem.h"
#include "base/number.h"
#include "film/decode/nvdec.h"

#include <libavutil/hwcontext.h>
#include <libavutil/pixdesc.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_SESSIONS = 64,
    FIRST_PACKETS = 256 /* among which a key frame is looked for */
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int n, n_coming, n_waiting;        /* kept; being opened ahead; who waits for those */
    struct nvdec *kept[MOST_SESSIONS]; /* the oldest first */
    char kind[65];                     /* of the last film, and what it and those of its kind before it took */
    double kind_seconds;               /* seconds that the processor alone would have taken for them */
} store = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* --- one session -------------------------------------------------------------------------------------------------- */

static enum AVPixelFormat choose_format(AVCodecContext *codec, const enum AVPixelFormat *offered)
{
    (void)codec;
    for (const enum AVPixelFormat *f = offered; *f != AV_PIX_FMT_NONE; f++)
        if (*f == AV_PIX_FMT_CUDA)
            return *f;
    /* Refused. The first software format is the one FFmpeg would take. */
    for (const enum AVPixelFormat *f = offered; *f != AV_PIX_FMT_NONE; f++)
        if (!(av_pix_fmt_desc_get(*f)->flags & AV_PIX_FMT_FLAG_HWACCEL))
            return *f;
    return AV_PIX_FMT_NONE;
}

static enum status open_session(const struct film_info *film, const struct av_input *in, int device, struct nvdec **out)
{
    AVBufferRef *context = NULL;
    char ordinal[16];
    enum status st;

    *out = NULL;
    snprintf(ordinal, sizeof ordinal, "%d", device);
    /* 1 = AV_CUDA_USE_PRIMARY_CONTEXT: the one that the CUDA runtime works in. */
    if (av_hwdevice_ctx_create(&context, AV_HWDEVICE_TYPE_CUDA, ordinal, NULL, 1) < 0)
        return ST_OK;
    struct nvdec *s = *out = mem_array(1, sizeof *s);
    if (!s) {
        av_buffer_unref(&context);
        return ST_NOMEM;
    }
    memcpy(s->kind, film->kind, sizeof s->kind);
    s->device = device;
    st = av_decoder_open(&s->codec, in, 1);
    if (st == ST_OK) {
        s->codec->get_format = choose_format;
        s->codec->hw_device_ctx = context;
        context = NULL; /* the codec's now */
        st = av_decoder_start(s->codec, in);
    }
    av_buffer_unref(&context);
    if (st != ST_OK)
        nvdec_close(out);
    return st;
}

bool nvdec_is_hardware(const struct nvdec *s)
{
    return s->codec->hwaccel != NULL;
}

void nvdec_close(struct nvdec **s)
{
    if (*s)
        avcodec_free_context(&(*s)->codec);
    free(*s);
    *s = NULL;
}

/* --- the store ---------------------------------------------------------------------------------------------------- */

static struct nvdec *remove_kept(int i)
{
    struct nvdec *s = store.kept[i];

    memmove(&store.kept[i], &store.kept[i + 1], (size_t)(--store.n - i) * sizeof *store.kept);
    return s;
}

static bool is_kept(int i, const char *kind, int device)
{
    return strcmp(store.kept[i]->kind, kind) == 0 && store.kept[i]->device == device;
}

/* -1: none. */
static int find_kept(const char *kind, int device)
{
    for (int i = 0; i < store.n; i++)
        if (is_kept(i, kind, device))
            return i;
    return -1;
}

enum status nvdec_take(const struct film_info *film, const struct av_input *in, int device, struct nvdec **out)
{
    struct nvdec *other = NULL;
    int found;

    pthread_mutex_lock(&store.lock);
    while ((found = find_kept(film->kind, device)) < 0 && store.n_coming > store.n_waiting) {
        store.n_waiting++;
        pthread_cond_wait(&store.changed, &store.lock);
        store.n_waiting--;
    }
    *out = found >= 0 ? remove_kept(found) : NULL;
    if (!*out && store.n > 0)
        other = remove_kept(0); /* makes room: there are never more than were in use at one time */
    pthread_mutex_unlock(&store.lock);
    nvdec_close(&other);
    return *out ? ST_OK : open_session(film, in, device, out);
}

void nvdec_keep(struct nvdec **s, int64_t n_packets, bool holds_frames)
{
    struct nvdec *oldest = NULL;

    (*s)->first_time += n_packets;
    (*s)->holds_frames = holds_frames;
    (*s)->was_used = true;
    pthread_mutex_lock(&store.lock);
    if (store.n == MOST_SESSIONS)
        oldest = remove_kept(0);
    store.kept[store.n++] = *s;
    pthread_mutex_unlock(&store.lock);
    *s = NULL;
    nvdec_close(&oldest);
}

/* --- how many ----------------------------------------------------------------------------------------------------- */

/* *n: the sessions that JACQUARD_NVDEC asks for, -1 where it is not set. */
static enum status read_request(int *n)
{
    const char *text = getenv("JACQUARD_NVDEC");

    *n = -1;
    if (!text || !*text)
        return ST_OK;
    if (!number_read_int32(text, 0, MOST_SESSIONS, n))
        return FAIL(ST_USAGE, "JACQUARD_NVDEC is '%s': not a number of sessions from 0 to %d", text, MOST_SESSIONS);
    return ST_OK;
}

static int share_of_gpu(const struct nvdec_user *user)
{
    const int n = user->n_gpu_sharers > 1 ? NVDEC_SESSIONS / user->n_gpu_sharers : NVDEC_SESSIONS;

    return n > 1 ? n : 1;
}

/* A session pays if it saves the processor at least as much time as the driver needs to open and close it: more where
 * the driver opens other processes' sessions at the same time. */
static int count_paying(double cpu_seconds, const struct nvdec_user *user)
{
    const double host_seconds = 0.1 * user->n_host_sharers, worth_seconds = host_seconds > 0.25 ? host_seconds : 0.25;
    const double n = cpu_seconds / worth_seconds + 0.5;

    return n < share_of_gpu(user) ? (int)n : share_of_gpu(user);
}

static double cpu_seconds(const struct film_info *film, int64_t n_frames, const struct nvdec_user *user)
{
    return (double)n_frames * film->width * film->height * film_seconds_a_pixel(film->codec) / user->threads;
}

enum status nvdec_choose(const struct film_info *film, const struct nvdec_user *user, int64_t n_frames, int *n)
{
    int requested, n_there = 0;

    *n = 0;
    TRY(read_request(&requested));
    if (!film->nvdec_exact)
        return ST_OK;
    pthread_mutex_lock(&store.lock);
    /* A session is kept for the next film: earlier films have paid for it as well. */
    if (strcmp(store.kind, film->kind) != 0)
        store.kind_seconds = 0.0;
    memcpy(store.kind, film->kind, sizeof store.kind);
    store.kind_seconds += cpu_seconds(film, n_frames, user);
    for (int i = 0; i < store.n; i++)
        n_there += is_kept(i, film->kind, user->device);
    n_there = n_there < share_of_gpu(user) ? n_there : share_of_gpu(user);
    const int n_paying = count_paying(store.kind_seconds, user);
    pthread_mutex_unlock(&store.lock);
    *n = requested >= 0 ? requested : n_paying > n_there ? n_paying : n_there;
    return ST_OK;
}

/* --- ahead -------------------------------------------------------------------------------------------------------- */

struct nvdec_ahead {
    char *path;
    struct nvdec_user user;
    int n_shares;
    const atomic_int *job_stop;
    atomic_int stop;
    pthread_t thread;
};

static void expect(int n)
{
    pthread_mutex_lock(&store.lock);
    store.n_coming = n;
    pthread_cond_broadcast(&store.changed);
    pthread_mutex_unlock(&store.lock);
}

static int choose_ahead(const struct nvdec_ahead *a, const struct film_info *film, const struct av_input *in)
{
    const double frames = av_input_seconds(in) * av_q2d(in->stream->avg_frame_rate);
    int requested;

    if (!film->nvdec_exact || read_request(&requested) != ST_OK)
        return 0;
    if (requested >= 0)
        return requested;
    return frames > 0.0 && frames < 1e9
               ? count_paying(cpu_seconds(film, (int64_t)(frames / a->n_shares), &a->user), &a->user)
               : 0;
}

/* The first picture decides what the decoder needs: it counts as open when it has seen one. */
static enum status start_session(struct nvdec_ahead *a, const struct film_info *film, const struct av_input *in,
                                 const AVPacket *key)
{
    struct nvdec *s;

    TRY(open_session(film, in, a->user.device, &s));
    if (s && (avcodec_send_packet(s->codec, key) < 0 || !nvdec_is_hardware(s)))
        nvdec_close(&s);
    if (!s)
        return ST_UNSUPPORTED;
    nvdec_keep(&s, 0, true);
    return ST_OK;
}

static enum status open_ahead(struct nvdec_ahead *a, struct av_input *in, AVPacket *packet)
{
    struct film_info film = {0};

    TRY(av_input_open(in, a->path, a->job_stop));
    film_describe_stream(&film, in);
    const int n = choose_ahead(a, &film, in);
    expect(n);
    if (n == 0)
        return ST_OK;
    for (int i = 0; i == 0 || !(packet->flags & AV_PKT_FLAG_KEY); i++) {
        av_packet_unref(packet);
        TRY(i < FIRST_PACKETS ? av_input_read(in, packet, NULL, NULL) : ST_END);
    }
    packet->pts = packet->dts = -1; /* earlier than any packet of a film */
    for (int i = n; i > 0 && !atomic_load(&a->stop) && !atomic_load(a->job_stop); i--) {
        TRY(start_session(a, &film, in, packet));
        expect(i - 1);
    }
    return ST_OK;
}

static void *ahead_main(void *context)
{
    struct nvdec_ahead *a = context;
    struct av_input in = {0};
    AVPacket *packet = av_packet_alloc();

    if (packet)
        open_ahead(a, &in, packet);
    expect(0);
    av_packet_free(&packet);
    av_input_close(&in);
    return NULL;
}

struct nvdec_ahead *nvdec_open_ahead(const char *path, const struct nvdec_user *user, int n_shares,
                                     const atomic_int *stop)
{
    struct nvdec_ahead *a = mem_array(1, sizeof *a);

    if (!a)
        return NULL;
    a->path = strdup(path);
    a->user = *user;
    a->n_shares = n_shares;
    a->job_stop = stop;
    expect(NVDEC_SESSIONS); /* until the headers are read */
    if (a->path && pthread_create(&a->thread, NULL, ahead_main, a) == 0)
        return a;
    expect(0);
    free(a->path);
    free(a);
    return NULL;
}

void nvdec_end_ahead(struct nvdec_ahead **in)
{
    struct nvdec_ahead *a = *in;

    *in = NULL;
    if (!a)
        return;
    atomic_store(&a->stop, 1);
    pthread_join(a->thread, NULL);
    free(a->path);
    free(a);
}
