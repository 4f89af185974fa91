/* seqdecode: the plain way to decode a film, as a yardstick for the clever one. Straight over libavformat and
 * libavcodec, none of jacquard's code: one file, its default video stream, every packet in file order, one thread, no
 * seeking, no skipping. Prints one line per frame that comes out: `n pts sha256`, where n counts from 0 and sha256 is
 * over the visible samples of all planes, one plane after the other, without padding, samples or words of more than 8
 * bits in little endian.
 *
 * usage: seqdecode [--every N] [--count] FILE     exit: 0, 1 film cannot be opened or decoded, 2 usage
 *
 * Packets and frames that the decoder refuses are counted (stderr says how many) and passed over. It trusts its input:
 * it is for test clips, not for files from strangers. */
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/imgutils.h>
#include <libavutil/mem.h>
#include <libavutil/pixdesc.h>
#include <libavutil/sha.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGEST_BYTES = 32 };

struct tally {
    int64_t every; /* print each frame whose number is a multiple of this */
    bool count_only;
    int64_t n_frames;
    int64_t n_refused; /* packets or frames that the decoder returned an error for */
    struct AVSHA *sha;
    uint8_t *bytes; /* one packed frame */
    size_t room;
};

static bool complain(const char *what, const char *path, int error)
{
    char reason[AV_ERROR_MAX_STRING_SIZE] = "";

    av_strerror(error, reason, sizeof reason);
    fprintf(stderr, "seqdecode: %s: %s: %s\n", path, what, reason);
    return false;
}

/* What `ffmpeg -i FILE` and the players would show, but never cover art: that is a picture, not a film. */
static int default_video_stream(AVFormatContext *container)
{
    const int best = av_find_best_stream(container, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    int chosen = -1;

    if (best >= 0 && !(container->streams[best]->disposition & AV_DISPOSITION_ATTACHED_PIC))
        return best;
    for (unsigned i = 0; i < container->nb_streams; i++) {
        const AVStream *stream = container->streams[i];
        if (stream->codecpar->codec_type != AVMEDIA_TYPE_VIDEO || stream->disposition & AV_DISPOSITION_ATTACHED_PIC)
            continue;
        if (chosen < 0 || (stream->disposition & AV_DISPOSITION_DEFAULT &&
                           !(container->streams[chosen]->disposition & AV_DISPOSITION_DEFAULT)))
            chosen = (int)i;
    }
    return chosen;
}

/* Of a big-endian format: how many bytes have to be turned round together. Samples of more than 8 bits, or the word
 * that a pixel's samples share. */
static int word_bytes(const AVPixFmtDescriptor *description)
{
    static const char *const pixels_of_32_bits[] = {"x2rgb10", "x2bgr10", "xv30", "v30x"};

    for (size_t i = 0; i < sizeof pixels_of_32_bits / sizeof *pixels_of_32_bits; i++)
        if (strncmp(description->name, pixels_of_32_bits[i], strlen(pixels_of_32_bits[i])) == 0)
            return 4;
    return description->comp[0].depth == 32 ? 4 : 2;
}

static bool print_hash(struct tally *tally, const AVFrame *frame)
{
    const enum AVPixelFormat format = (enum AVPixelFormat)frame->format;
    const AVPixFmtDescriptor *description = av_pix_fmt_desc_get(format);
    const int bytes = av_image_get_buffer_size(format, frame->width, frame->height, 1);
    uint8_t digest[DIGEST_BYTES];

    if (!description || bytes < 0)
        return complain("frame of unknown layout", "decoder", bytes);
    if ((size_t)bytes > tally->room) {
        av_free(tally->bytes);
        tally->room = 0;
        tally->bytes = av_malloc((size_t)bytes);
        if (!tally->bytes)
            return complain("frame", "memory", AVERROR(ENOMEM));
        tally->room = (size_t)bytes;
    }
    const int copied = av_image_copy_to_buffer(tally->bytes, bytes, (const uint8_t *const *)frame->data,
                                               frame->linesize, format, frame->width, frame->height, 1);
    if (copied != bytes)
        return complain("frame cannot be packed", "decoder", copied);
    if (description->flags & AV_PIX_FMT_FLAG_BE) {
        const int word = word_bytes(description);
        for (int at = 0; at + word <= bytes; at += word)
            for (int i = 0, j = word - 1; i < j; i++, j--) {
                const uint8_t high = tally->bytes[at + i];
                tally->bytes[at + i] = tally->bytes[at + j];
                tally->bytes[at + j] = high;
            }
    }

    av_sha_init(tally->sha, 8 * DIGEST_BYTES);
    av_sha_update(tally->sha, tally->bytes, (size_t)bytes);
    av_sha_final(tally->sha, digest);
    printf("%" PRId64 " ", tally->n_frames);
    if (frame->best_effort_timestamp == AV_NOPTS_VALUE)
        printf("nopts ");
    else
        printf("%" PRId64 " ", frame->best_effort_timestamp);
    for (int i = 0; i < DIGEST_BYTES; i++)
        printf("%02x", digest[i]);
    putchar('\n');
    return true;
}

/* Takes every frame the decoder has ready. */
static bool drain(struct tally *tally, AVCodecContext *decoder, AVFrame *frame)
{
    /* A decoder that answers each call with an error would never end; a real one has at most a few frames queued. */
    for (int n_errors = 0; n_errors < 1000;) {
        const int got = avcodec_receive_frame(decoder, frame);
        if (got == AVERROR(EAGAIN) || got == AVERROR_EOF)
            return true;
        if (got < 0) {
            tally->n_refused++;
            n_errors++;
            continue;
        }
        const bool wanted = !tally->count_only && tally->n_frames % tally->every == 0;
        const bool printed = !wanted || print_hash(tally, frame);
        av_frame_unref(frame);
        if (!printed)
            return false;
        tally->n_frames++;
    }
    return complain("gives nothing but errors", "decoder", AVERROR_INVALIDDATA);
}

static bool feed(struct tally *tally, AVCodecContext *decoder, const AVPacket *packet, AVFrame *frame)
{
    const int sent = avcodec_send_packet(decoder, packet);

    if (sent < 0 && sent != AVERROR_EOF)
        tally->n_refused++;
    return drain(tally, decoder, frame);
}

static bool decode_all(struct tally *tally, AVFormatContext *container, int index, AVCodecContext *decoder)
{
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    bool good = packet && frame;
    int got = 0;

    while (good && (got = av_read_frame(container, packet)) >= 0) {
        if (packet->stream_index == index)
            good = feed(tally, decoder, packet, frame);
        av_packet_unref(packet);
    }
    if (good && got != AVERROR_EOF)
        complain("reading stopped early", container->url, got);
    good = good && feed(tally, decoder, NULL, frame);
    av_frame_free(&frame);
    av_packet_free(&packet);
    return good;
}

static AVCodecContext *decoder_open(const AVFormatContext *container, int index)
{
    const AVStream *stream = container->streams[index];
    const AVCodec *codec = avcodec_find_decoder(stream->codecpar->codec_id);
    AVCodecContext *decoder = codec ? avcodec_alloc_context3(codec) : NULL;
    int error = codec ? AVERROR(ENOMEM) : AVERROR_DECODER_NOT_FOUND;

    if (decoder) {
        decoder->thread_count = 1;
        decoder->pkt_timebase = stream->time_base;
        error = avcodec_parameters_to_context(decoder, stream->codecpar);
        if (error >= 0)
            error = avcodec_open2(decoder, codec, NULL);
        if (error >= 0)
            return decoder;
    }
    complain("no decoder", container->url, error);
    avcodec_free_context(&decoder);
    return NULL;
}

static bool film_decode(const char *path, struct tally *tally)
{
    AVFormatContext *container = NULL;
    char *url = NULL;
    bool good = false;

    /* "file:" keeps names with colons and leading dashes from being read as protocols. */
    const size_t url_bytes = strlen(path) + sizeof "file:";
    url = av_malloc(url_bytes);
    tally->sha = av_sha_alloc();
    if (!url || !tally->sha) {
        complain("start", "memory", AVERROR(ENOMEM));
        goto done;
    }
    snprintf(url, url_bytes, "file:%s", path);

    int error = avformat_open_input(&container, url, NULL, NULL);
    if (error < 0) {
        complain("open", path, error);
        goto done;
    }
    error = avformat_find_stream_info(container, NULL);
    if (error < 0) {
        complain("stream info", path, error);
        goto done;
    }
    const int index = default_video_stream(container);
    if (index < 0) {
        complain("no film in it", path, AVERROR_STREAM_NOT_FOUND);
        goto done;
    }
    AVCodecContext *decoder = decoder_open(container, index);
    if (!decoder)
        goto done;
    good = decode_all(tally, container, index, decoder);
    avcodec_free_context(&decoder);

done:
    avformat_close_input(&container);
    av_freep(&tally->bytes);
    av_freep(&tally->sha);
    av_free(url);
    return good;
}

static int usage(void)
{
    fputs("usage: seqdecode [--every N] [--count] FILE\n", stderr);
    return 2;
}

int main(int argc, char **argv)
{
    struct tally tally = {.every = 1};
    int i = 1;

    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        char *end = NULL;
        if (strcmp(argv[i], "--count") == 0) {
            tally.count_only = true;
        } else if (strcmp(argv[i], "--every") == 0 && i + 1 < argc) {
            tally.every = strtoll(argv[++i], &end, 10);
            if (end == argv[i] || *end || tally.every < 1)
                return usage();
        } else if (argv[i][2] == '\0') {
            i++;
            break;
        } else {
            return usage();
        }
    }
    if (i + 1 != argc)
        return usage();

    av_log_set_level(AV_LOG_QUIET);
    const bool good = film_decode(argv[i], &tally);
    if (tally.count_only && good)
        printf("%" PRId64 "\n", tally.n_frames);
    if (tally.n_refused)
        fprintf(stderr, "seqdecode: %" PRId64 " packets or frames refused by the decoder\n", tally.n_refused);
    if (good && tally.n_frames == 0)
        fprintf(stderr, "seqdecode: %s: no frame came out\n", argv[i]);
    return good && tally.n_frames > 0 && fflush(stdout) == 0 ? 0 : 1;
}
