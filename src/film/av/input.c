/* input: opens a film's container so that hostile input stays harmless: only regular files, only the file: protocol,
 * only formats of films (no playlists, no image patterns), never a second file, pictures of bounded size; and
 * decoders for it. */
#include "film/av/av.h"

#include "film/av/mjpeg.h"

#include <libavutil/avstring.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Containers that hold films (or sound, so that "no video" can be reported); names as `ffmpeg -demuxers` has them. Each
 * reads the one file that it is given, and knows it by a signature at its beginning (4xm, apng, dfa, dxa, film_cpk,
 * pmp), by packets that follow each other (mpegts, pva), or by a tag in its first bytes (nsv). apng wants the chunk of
 * an animation before the first picture, so that a PNG stays a still. mjpeg is taken where av_is_mjpeg says so: by
 * itself libavformat takes such a stream for a still picture. Left out: those that open further files, addresses or
 * devices (concat, dash, hls, image2, imf, webm_dash_manifest, sdp, rtsp, rtp, lavfi, and whatever captures), those
 * that take a still or any text for a film (*_pipe, ico, fits, tty, subtitles, data, rawvideo and whatever needs to be
 * given a size), mpjpeg (the multipart answers of network cameras: known by text), and formats of games alone. */
static const char formats[] =
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,live_flv,asf,ogg,h264,hevc,"
    "vvc,m4v,mxf,dv,gif,ivf,nut,rm,vc1,vc1test,wtv,yuv4mpegpipe,obu,av1,gxf,mp3,flac,wav,aac,ac3,"
    "apng,film_cpk,pva,4xm,dxa,dfa,pmp,nsv,mjpeg";
enum { MAX_PIXELS = 8192 * 8192, MAX_STREAMS = 64, MOST_ERRORS_ON_END = 64 };

const char *av_error_text(int error)
{
    static _Thread_local char text[AV_ERROR_MAX_STRING_SIZE];

    av_strerror(error, text, sizeof text);
    return text;
}

/* What decoders report only in their log. HEVC's makes up a missing reference, with the motion of whatever picture was
 * in that memory before; FFV1's puts the last picture's slice in the place of a damaged one; and neither marks the
 * frame. H.264's complains about references also in pictures before an open start, which are never shown: such a
 * complaint is only a doubt. */
static void count_logged(void *who, int level, const char *format, va_list args)
{
    static const char *const faults[] = {"Could not find ref with POC", "slice CRC mismatch", "CRC mismatch"};
    static const char *const doubts[] = {"co located POCs unavailable", "mmco: unref short failure",
                                         "Missing reference picture", "reference picture missing during reorder"};

    (void)args;
    if (level > AV_LOG_ERROR || !who || *(const AVClass *const *)who != avcodec_get_class())
        return;
    struct av_logged *logged = ((AVCodecContext *)who)->opaque; /* FFmpeg's threads have copies of the context */
    for (size_t i = 0; i < sizeof faults / sizeof *faults && logged; i++)
        if (strncmp(format, faults[i], strlen(faults[i])) == 0)
            atomic_fetch_add(&logged->n_faults, 1);
    for (size_t i = 0; i < sizeof doubts / sizeof *doubts && logged; i++)
        if (strncmp(format, doubts[i], strlen(doubts[i])) == 0)
            atomic_fetch_add(&logged->n_doubts, 1);
}

static void start_counting(void)
{
    av_log_set_callback(count_logged);
}

/* A film may ask for more memory than there is: another one may still fit. */
static enum status status_of_error(int error)
{
    return error == AVERROR(ENOMEM) ? ST_NOMEM : ST_FORMAT;
}

/* A FIFO would block forever inside libavformat, and a folder or device is no film: check before libavformat opens
 * it. */
static enum status check_file(const char *path)
{
    struct stat s;
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    const int failed = fd < 0 ? errno : fstat(fd, &s) ? errno : 0;

    if (fd >= 0)
        close(fd);
    if (failed)
        return FAIL(ST_USAGE, "cannot open film %s: %s", path, strerror(failed));
    if (!S_ISREG(s.st_mode))
        return FAIL(ST_USAGE, "cannot open film %s: it is a %s, not a file", path,
                    S_ISDIR(s.st_mode)    ? "folder"
                    : S_ISFIFO(s.st_mode) ? "FIFO"
                                          : "device");
    if (s.st_size == 0)
        return FAIL(ST_FORMAT, "%s is empty (0 bytes)", path);
    return ST_OK;
}

static int is_stopped(void *context)
{
    const struct av_input *in = context;

    return in->stop && atomic_load(in->stop);
}

static int open_only_once(AVFormatContext *format, AVIOContext **io, const char *url, int flags, AVDictionary **options)
{
    struct av_input *in = format->opaque;

    if (in->opened_once)
        return AVERROR(EPERM);
    in->opened_once = true;
    return avio_open2(io, url, flags, &format->interrupt_callback, options);
}

static bool is_film_stream(const AVStream *s)
{
    return s->codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
           !(s->disposition & (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS));
}

static enum status choose_stream(struct av_input *in, const char *path)
{
    AVFormatContext *f = in->format;
    int best = av_find_best_stream(f, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    bool has_cover = false;

    for (unsigned i = 0; i < f->nb_streams; i++) {
        const bool is_film = is_film_stream(f->streams[i]);
        in->n_video_streams += is_film;
        has_cover |= !is_film && f->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
        if (is_film && (best < 0 || !is_film_stream(f->streams[best])))
            best = (int)i;
    }
    if (in->n_video_streams == 0)
        return FAIL(ST_FORMAT, "%s: no video stream among %u streams (%s)%s", path, f->nb_streams, f->iformat->name,
                    has_cover ? ", only cover art" : "");
    in->stream = f->streams[best];
    in->codec = avcodec_find_decoder(in->stream->codecpar->codec_id);
    if (!in->codec)
        return FAIL(ST_FORMAT, "%s: this FFmpeg has no decoder for its video codec %s", path,
                    avcodec_get_name(in->stream->codecpar->codec_id));
    return ST_OK;
}

static enum status probe_streams(struct av_input *in, const char *path)
{
    AVDictionary *options[MAX_STREAMS] = {NULL};
    const unsigned n = in->format->nb_streams < MAX_STREAMS ? in->format->nb_streams : MAX_STREAMS;

    /* find_stream_info decodes, so a decompression bomb must be stopped there already. */
    for (unsigned i = 0; i < n; i++) {
        av_dict_set_int(&options[i], "max_pixels", MAX_PIXELS, 0);
        av_dict_set(&options[i], "threads", "1", 0);
    }
    const int error = avformat_find_stream_info(in->format, n ? options : NULL);
    for (unsigned i = 0; i < n; i++)
        av_dict_free(&options[i]);
    if (error < 0)
        return is_stopped(in)
                   ? FAIL(ST_INTERRUPTED, "interrupted")
                   : FAIL(status_of_error(error), "%s: its streams cannot be read: %s", path, av_error_text(error));
    return ST_OK;
}

static enum status open_container(struct av_input *in, const char *path)
{
    AVDictionary *options = NULL;
    char *url;
    int error;

    TRY(check_file(path));
    in->format = avformat_alloc_context();
    url = av_asprintf("file:%s", path);
    if (!in->format || !url) {
        av_free(url);
        return FAIL(ST_NOMEM, "out of memory opening %s", path);
    }
    in->format->opaque = in;
    in->format->io_open = open_only_once;
    in->format->interrupt_callback = (AVIOInterruptCB){is_stopped, in};
    av_dict_set(&options, "protocol_whitelist", "file", 0);
    av_dict_set(&options, "format_whitelist", formats, 0);
    av_dict_set_int(&options, "max_streams", MAX_STREAMS, 0);
    error = avformat_open_input(&in->format, url, av_is_mjpeg(path) ? av_find_input_format("mjpeg") : NULL,
                                &options); /* frees the context on failure */
    av_dict_free(&options);
    av_free(url);
    if (error < 0)
        return is_stopped(in) ? FAIL(ST_INTERRUPTED, "interrupted")
                              : FAIL(status_of_error(error), "%s is not a film that can be read: %s", path,
                                     error == AVERROR(EINVAL) ? "not a film format" : av_error_text(error));
    TRY(probe_streams(in, path));
    return choose_stream(in, path);
}

enum status av_input_open(struct av_input *in, const char *path, const atomic_int *stop)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, start_counting);
    *in = (struct av_input){.stop = stop};
    const enum status st = open_container(in, path);
    return st == ST_OK ? ST_OK : film_blame_encryption(path, st);
}

void av_input_close(struct av_input *in)
{
    avformat_close_input(&in->format);
}

/* Some demuxers report the end as an error: behind GXF's end-of-stream packet, VC-1's last frame... */
static bool is_end(const struct av_input *in, int64_t before)
{
    static const char *const names[] = {"gxf", "vc1test", "pva", "nsv", "pmp"};
    AVIOContext *io = in->format->pb;
    bool ends_so = false;

    if (!io || io->error < 0)
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ends_so |= strcmp(in->format->iformat->name, names[i]) == 0;
    return before >= avio_size(io) || (ends_so && avio_feof(io));
}

static void note_error(struct av_input *in, int error)
{
    if (in->n_read_errors++ == 0)
        in->read_error = error;
}

enum status av_input_read(struct av_input *in, AVPacket *packet, void (*other)(void *, const AVPacket *), void *context)
{
    for (;;) {
        const int64_t before = in->format->pb ? avio_tell(in->format->pb) : 0;
        const int error = av_read_frame(in->format, packet);
        if (is_stopped(in)) {
            av_packet_unref(packet);
            return FAIL(ST_INTERRUPTED, "interrupted");
        }
        if (error == AVERROR(EAGAIN))
            continue;
        if (error == AVERROR(ENOMEM))
            return FAIL(ST_NOMEM, "out of memory reading a packet");
        if (error == AVERROR_EOF) {
            if (in->format->pb && in->format->pb->error < 0 && in->format->pb->error != AVERROR_EOF) {
                note_error(in, in->format->pb->error);
                in->n_errors_on_end++;
            }
            return ST_END;
        }
        if (error < 0) {
            if (is_end(in, before))
                return ST_END;
            note_error(in, error);
            if (++in->n_errors_on_end == MOST_ERRORS_ON_END)
                return ST_END;
            continue;
        }
        in->n_errors_on_end = 0;
        if (packet->stream_index == in->stream->index)
            return ST_OK;
        if (other)
            other(context, packet);
        av_packet_unref(packet);
    }
}

double av_input_seconds(const struct av_input *in)
{
    const AVStream *s = in->stream;
    const double of_stream = s->duration != AV_NOPTS_VALUE ? (double)s->duration * av_q2d(s->time_base) : 0.0;
    const double of_film = in->format->duration != AV_NOPTS_VALUE ? (double)in->format->duration / AV_TIME_BASE : 0.0;

    return of_film > 0.0 ? of_film : of_stream;
}

enum status av_decoder_open(AVCodecContext **decoder, const struct av_input *in, int threads)
{
    AVCodecContext *d = avcodec_alloc_context3(in->codec);
    int error;

    *decoder = d;
    if (!d)
        return FAIL(ST_NOMEM, "out of memory for a decoder");
    error = avcodec_parameters_to_context(d, in->stream->codecpar);
    d->thread_count = threads;
    d->max_pixels = MAX_PIXELS;
    if (error < 0)
        return FAIL(status_of_error(error), "decoder %s: %s", in->codec->name, av_error_text(error));
    return ST_OK;
}

enum status av_decoder_start(AVCodecContext *decoder, const struct av_input *in)
{
    const int error = avcodec_open2(decoder, in->codec, NULL);

    return error < 0
               ? FAIL(status_of_error(error), "decoder %s cannot be opened: %s", in->codec->name, av_error_text(error))
               : ST_OK;
}

bool av_decoder_receive(AVCodecContext *decoder, AVFrame *frame, int64_t *n_faults)
{
    int error = 0;

    for (int i = 0; i < MOST_ERRORS_ON_END; i++) { /* one that answers with nothing but errors would never end */
        error = avcodec_receive_frame(decoder, frame);
        if (error >= 0 || error == AVERROR(EAGAIN) || error == AVERROR_EOF)
            break;
        ++*n_faults;
    }
    struct av_logged *logged = decoder->opaque;
    *n_faults += logged ? (int64_t)atomic_exchange(&logged->n_faults, 0) : 0;
    return error >= 0;
}

enum status av_look_open(struct av_look *look, const char *path, const atomic_int *stop)
{
    *look = (struct av_look){.packet = av_packet_alloc(), .frame = av_frame_alloc()};
    if (!look->packet || !look->frame)
        return FAIL(ST_NOMEM, "out of memory for a decoder");
    TRY(av_input_open(&look->in, path, stop));
    TRY(av_decoder_open(&look->decoder, &look->in, 1));
    look->decoder->opaque = &look->logged;
    return ST_OK;
}

void av_look_close(struct av_look *look)
{
    av_frame_free(&look->frame);
    av_packet_free(&look->packet);
    avcodec_free_context(&look->decoder);
    av_input_close(&look->in);
}
