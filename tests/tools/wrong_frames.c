/* wrong_frames: a decoder that gives wrong pictures when it is started in the middle, for tests of those who have to
 * notice. A library to be loaded before a program (LD_PRELOAD) that is linked with FFmpeg's shared libraries. What
 * comes out of a video decoder whose first packet (since it was opened or flushed) was not the film's first has the
 * upper half of its luma inverted; a decode from the start is left as it is. So it is with real films whose container
 * calls packets key that are none. The film's first packet is the first of its file that is sent to any decoder, if
 * the environment's WRONG_FRAMES says nothing, else nothing is changed but in files whose names hold that word.
 *
 * One film at a time: a process that opens another one forgets the one before. A program with AddressSanitizer needs
 * ASAN_OPTIONS=verify_asan_link_order=0. */
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DECODERS = 1024 };

static struct {
    pthread_mutex_t lock;
    char url[4096];
    int64_t first; /* bytes of the film's first packet and its place in the file, as one number; -1: none yet */
    int n;
    struct {
        const AVCodecContext *codec;
        bool is_started, is_wrong;
    } decoder[MOST_DECODERS];
} film = {.lock = PTHREAD_MUTEX_INITIALIZER, .first = -1};

/* dlsym yields an object's address; ISO C has no way from there to a function but this. */
static void next_function(const char *name, void *function)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (!found) {
        fprintf(stderr, "wrong_frames: no %s behind this library\n", name);
        abort();
    }
    memcpy(function, &found, sizeof found);
}

/* The decoder's place in the list, a new one if need be. */
static int place_of(const AVCodecContext *codec)
{
    for (int i = 0; i < film.n; i++)
        if (film.decoder[i].codec == codec)
            return i;
    if (film.n == MOST_DECODERS) {
        fprintf(stderr, "wrong_frames: more than %d decoders\n", MOST_DECODERS);
        abort();
    }
    film.decoder[film.n].codec = codec;
    film.decoder[film.n].is_started = film.decoder[film.n].is_wrong = false;
    return film.n++;
}

static void start_again(const AVCodecContext *codec)
{
    pthread_mutex_lock(&film.lock);
    const int i = place_of(codec);
    film.decoder[i].is_started = film.decoder[i].is_wrong = false;
    pthread_mutex_unlock(&film.lock);
}

static bool is_meant(const char *url)
{
    const char *word = getenv("WRONG_FRAMES");

    return !word || strstr(url, word);
}

int avformat_open_input(AVFormatContext **context, const char *url, const AVInputFormat *format, AVDictionary **options)
{
    int (*open_input)(AVFormatContext **, const char *, const AVInputFormat *, AVDictionary **);

    next_function("avformat_open_input", &open_input);
    pthread_mutex_lock(&film.lock);
    if (strcmp(film.url, url) != 0) {
        snprintf(film.url, sizeof film.url, "%s", url);
        film.first = -1;
    }
    pthread_mutex_unlock(&film.lock);
    return open_input(context, url, format, options);
}

int avcodec_open2(AVCodecContext *codec, const AVCodec *type, AVDictionary **options)
{
    int (*open2)(AVCodecContext *, const AVCodec *, AVDictionary **);

    next_function("avcodec_open2", &open2);
    start_again(codec); /* one that was freed may have had the same address */
    return open2(codec, type, options);
}

void avcodec_flush_buffers(AVCodecContext *codec)
{
    void (*flush)(AVCodecContext *);

    next_function("avcodec_flush_buffers", &flush);
    start_again(codec);
    flush(codec);
}

int avcodec_send_packet(AVCodecContext *codec, const AVPacket *packet)
{
    int (*send_packet)(AVCodecContext *, const AVPacket *);

    next_function("avcodec_send_packet", &send_packet);
    if (packet && packet->size > 0 && codec->codec_type == AVMEDIA_TYPE_VIDEO) {
        pthread_mutex_lock(&film.lock);
        const int i = place_of(codec);
        const int64_t this = packet->pos * 1000003 + packet->size;
        if (film.first < 0)
            film.first = this;
        if (!film.decoder[i].is_started)
            film.decoder[i].is_wrong = this != film.first && is_meant(film.url);
        film.decoder[i].is_started = true;
        pthread_mutex_unlock(&film.lock);
    }
    return send_packet(codec, packet);
}

int avcodec_receive_frame(AVCodecContext *codec, AVFrame *frame)
{
    int (*receive_frame)(AVCodecContext *, AVFrame *);

    next_function("avcodec_receive_frame", &receive_frame);
    const int got = receive_frame(codec, frame);
    pthread_mutex_lock(&film.lock);
    const bool is_wrong = got >= 0 && codec->codec_type == AVMEDIA_TYPE_VIDEO && film.decoder[place_of(codec)].is_wrong;
    pthread_mutex_unlock(&film.lock);
    if (is_wrong && av_frame_make_writable(frame) >= 0) /* the decoder may still refer to its own */
        for (int y = 0; y < frame->height / 2; y++)
            for (int x = 0; x < frame->width; x++)
                frame->data[0][y * frame->linesize[0] + x] ^= 0xFF;
    return got;
}
