/* test_encoded: small films of real codecs in real containers, written here by libav*: every frame is listed and where
 * it can be decoded from; what the decoder gives is what the plain way gives, however little it decodes; a film that
 * was cut off is not whole. */
#include "film/frame_source.h"
#include "unit/y4m_film.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>

enum { N_FRAMES = Y4M_FRAMES, FPS = 25 };

struct made {
    const char *encoder, *name, *options; /* of the muxer: key=value,... */
    int gop, b_frames;
    bool is_split;  /* several decoders may share it */
    bool says_end;  /* so that a part of it is not whole */
    bool has_times; /* of its frames */
};

static const struct made films[] = {
    {"mpeg4", "plain.mp4", "", 8, 0, true, true, true},
    {"mpeg4", "first.mov", "movflags=faststart", 8, 2, true, true, true},
    {"mpeg4", "fragments.mp4", "movflags=frag_keyframe+empty_moov", 8, 0, true, true, true},
    {"mpeg4", "plain.avi", "", 8, 0, true, true, true},
    {"mpeg4", "plain.mkv", "", 8, 2, true, true, true},
    {"mpeg4", "plain.nut", "", 8, 0, true, false, true},
    {"mpeg2video", "plain.ts", "", 8, 2, true, false, true},
    {"mpeg2video", "program.mpg", "", 8, 2, false, false, true},
    {"mpeg1video", "raw.m1v", "", 8, 2, false, false, false}, /* without times: listed by decoding */
    {"mjpeg", "jpeg.avi", "", 1, 0, true, true, true},
    {"ffv1", "lossless.mkv", "", 1, 0, true, true, true},
    {"flv", "video.flv", "", 8, 0, false, true, true}, /* where it can begin does not show */
    {"libx264", "h264.mp4", "", 8, 2, true, true, true},
    {"libx264", "h264.mkv", "", 8, 2, true, true, true},
    {"libx264", "h264.ts", "", 8, 2, true, false, true},
    {"libvpx", "vp8.webm", "", 8, 0, true, true, true},
};
enum { N_FILMS = sizeof films / sizeof *films };

/* --- writing ------------------------------------------------------------------------------------------------------ */

static void must(int result, const char *what)
{
    if (result < 0) {
        printf("cannot make a film: %s\n", what);
        exit(1);
    }
}

static void write_packets(AVCodecContext *encoder, AVFormatContext *out, const AVFrame *frame)
{
    AVPacket *packet = av_packet_alloc();

    must(avcodec_send_frame(encoder, frame), "encoding");
    while (avcodec_receive_packet(encoder, packet) >= 0) {
        packet->duration = 1;
        av_packet_rescale_ts(packet, encoder->time_base, out->streams[0]->time_base);
        must(av_interleaved_write_frame(out, packet), "writing");
    }
    av_packet_free(&packet);
}

/* False where this FFmpeg has not the encoder or the muxer. */
static bool write_film(const struct made *m, const char *path)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(m->encoder);
    AVFormatContext *out = NULL;
    AVDictionary *options = NULL;
    uint8_t planes[Y4M_BYTES];

    if (!codec || !av_guess_format(NULL, path, NULL))
        return false;
    AVCodecContext *encoder = avcodec_alloc_context3(codec);
    AVFrame *frame = av_frame_alloc();
    encoder->width = frame->width = Y4M_W;
    encoder->height = frame->height = Y4M_H;
    encoder->pix_fmt = codec->id == AV_CODEC_ID_MJPEG ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_YUV420P;
    frame->format = encoder->pix_fmt;
    encoder->time_base = (AVRational){1, FPS};
    encoder->framerate = (AVRational){FPS, 1};
    encoder->gop_size = m->gop;
    encoder->max_b_frames = m->b_frames;
    encoder->bit_rate = 400000;
    encoder->thread_count = 1;
    encoder->flags |= AV_CODEC_FLAG_BITEXACT;
    av_opt_set(encoder->priv_data, "x264-params", "log-level=none:scenecut=0", 0);
    must(avformat_alloc_output_context2(&out, NULL, NULL, path), path);
    if (out->oformat->flags & AVFMT_GLOBALHEADER)
        encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    must(avcodec_open2(encoder, codec, NULL), m->encoder);
    AVStream *stream = avformat_new_stream(out, NULL);
    must(avcodec_parameters_from_context(stream->codecpar, encoder), "parameters");
    stream->time_base = encoder->time_base;
    stream->avg_frame_rate = encoder->framerate;
    must(av_dict_parse_string(&options, m->options, "=", ",", 0), m->options);
    must(avio_open(&out->pb, path, AVIO_FLAG_WRITE), path);
    must(avformat_write_header(out, &options), path);
    must(av_frame_get_buffer(frame, 0), "memory");
    for (int i = 0; i < N_FRAMES; i++) {
        must(av_frame_make_writable(frame), "memory");
        y4m_planes(i, planes);
        for (int p = 0, at = 0; p < 3; p++)
            for (int y = 0; y < (p ? Y4M_H / 2 : Y4M_H); y++, at += p ? Y4M_W / 2 : Y4M_W)
                memcpy(frame->data[p] + y * frame->linesize[p], planes + at, p ? Y4M_W / 2 : Y4M_W);
        frame->pts = i;
        write_packets(encoder, out, frame);
    }
    write_packets(encoder, out, NULL);
    must(av_write_trailer(out), path);
    avio_closep(&out->pb);
    avformat_free_context(out);
    avcodec_free_context(&encoder);
    av_frame_free(&frame);
    av_dict_free(&options);
    return true;
}

/* --- decoding ----------------------------------------------------------------------------------------------------- */

struct taken {
    char plain[N_FRAMES][65], decoded[N_FRAMES][65]; /* hashes, "" = did not come out */
    int64_t which[N_FRAMES];                         /* that the plain way is asked for */
};

static enum status take_plain(void *context, int64_t which, const struct frame *picture, const char *hash)
{
    struct taken *t = context;

    CHECK_INT(picture->width, Y4M_W);
    memcpy(t->plain[t->which[which]], hash, 65);
    return ST_OK;
}

static int64_t which_every_third(void *context, int64_t frame)
{
    (void)context;
    return frame % 3 == 0 || frame == N_FRAMES - 1 ? frame : -1;
}

static enum status take_decoded(void *context, int64_t which, const struct frame *picture, const char *hash)
{
    struct taken *t = context;

    CHECK_INT(picture->height, Y4M_H);
    CHECK_STR(t->decoded[which], ""); /* once */
    memcpy(t->decoded[which], hash, 65);
    return ST_OK;
}

static struct decoder_stats decode(const struct film *film, int threads, const int64_t *frame, int64_t n,
                                   struct taken *t)
{
    atomic_int stop = 0;
    struct decoder *d = NULL;
    struct decoder_stats stats = {0};
    const struct decoder_setup setup = {.film = film,
                                        .threads = threads,
                                        .want_hash = true,
                                        .sink = {t, which_every_third, take_decoded, NULL},
                                        .stop = &stop};

    memset(t->decoded, 0, sizeof t->decoded);
    CHECK_INT(decoder_open(&setup, &d), ST_OK);
    CHECK_INT(decoder_run(d, frame, n), ST_OK);
    CHECK_INT(decoder_finish(d), ST_OK);
    stats = decoder_stats(d);
    decoder_close(&d);
    return stats;
}

static void check_frames(const struct film *film)
{
    struct taken t = {0};
    int64_t wanted[N_FRAMES] = {0}, n = 0, n_taken = 0;

    for (int64_t i = 0; i < N_FRAMES; i++)
        if (which_every_third(NULL, i) >= 0)
            wanted[n++] = i;
    memcpy(t.which, wanted, sizeof wanted);
    const struct plain_decode plain = {
        .path = film->path, .frame = t.which, .n = n, .want_hash = true, .take = take_plain, .taker = &t};
    CHECK_INT(plain_decode(&plain, &n_taken), ST_OK);
    CHECK_INT(n_taken, n);
    for (int threads = 1; threads <= 3; threads += 2) {
        const struct decoder_stats stats = decode(film, threads, wanted, n, &t);
        CHECK_INT(stats.damaged, 0);
        for (int64_t i = 0; i < n; i++)
            CHECK_STR(t.decoded[wanted[i]], t.plain[wanted[i]]);
    }
    /* The last frame alone. */
    const struct decoder_stats stats = decode(film, 1, &wanted[n - 1], 1, &t);
    CHECK_STR(t.decoded[N_FRAMES - 1], t.plain[N_FRAMES - 1]);
    CHECK(film->info.unsplit[0] ? stats.packets_in >= N_FRAMES : stats.packets_in <= N_FRAMES / 2);
}

static void check_film(const struct made *m, const char *path)
{
    const atomic_int stop = 0;
    struct film film = {0}, listed = {0};
    struct film_probe probe;

    CHECK_INT(film_probe(path, &stop, &probe), ST_OK);
    CHECK(probe.width == Y4M_W && probe.height == Y4M_H);
    if (!CHECK_INT(film_open(&film, path, &stop, NULL, NULL), ST_OK))
        return;
    CHECK_INT(film.n_frames, N_FRAMES);
    CHECK_STR(film.info.incomplete, "");
    CHECK_INT(film.info.frames_missing, 0);
    CHECK(film.info.width == Y4M_W && film.info.height == Y4M_H);
    CHECK_INT(film.info.unsplit[0] == '\0', m->is_split);
    for (int64_t i = 0; i < film.n_frames; i++) {
        const double seconds = film_seconds(&film, film.frame[i].ticks);
        CHECK(!m->has_times || (seconds > (double)i / FPS - 0.002 && seconds < (double)i / FPS + 0.002));
    }
    check_frames(&film);

    /* By decoding all of it the same frames are found. */
    CHECK_INT(film_open(&listed, path, &stop, NULL, NULL), ST_OK);
    CHECK_INT(film_list_by_decoding(&listed, "a test", &stop, NULL, NULL), ST_OK);
    CHECK(listed.info.sequential);
    CHECK(strstr(listed.info.unsplit, film.info.unsplit[0] ? film.info.unsplit : "a test") != NULL);
    CHECK_INT(listed.n_frames, N_FRAMES);
    check_frames(&listed);
    film_release(&listed);
    film_release(&film);
}

/* The first part of the file: no film at all, or one that says what it lacks. */
static void check_cut(const struct made *m, const char *path)
{
    const atomic_int stop = 0;
    const char *cut = test_path("cut");
    struct film film = {0};
    size_t n;
    char *bytes = test_read(path, &n);

    test_write(cut, bytes, n * 6 / 10);
    free(bytes);
    if (film_open(&film, cut, &stop, NULL, NULL) == ST_OK)
        CHECK(film.n_frames < N_FRAMES && (film.info.incomplete[0] != '\0' || !m->says_end));
    else
        CHECK(strstr(status_message(), cut) != NULL);
    film_release(&film);
}

int main(void)
{
    int n_made = 0;

    av_log_set_level(AV_LOG_QUIET);
    for (int i = 0; i < N_FILMS; i++) {
        const char *path = test_path(films[i].name);
        const long n_failed = test_n_failed;
        if (!write_film(&films[i], path))
            continue;
        check_film(&films[i], path);
        check_cut(&films[i], path);
        if (test_n_failed > n_failed)
            printf("    (%s in %s)\n", films[i].encoder, films[i].name);
        n_made++;
    }
    printf("%d of %d films\n", n_made, N_FILMS);
    if (n_made < 12 && test_n_failed == 0) { /* all but those of foreign libraries */
        printf("skipped: this FFmpeg has too few encoders\n");
        return TEST_SKIP;
    }
    return test_end();
}
