/* remux: copies a film's video packets into another file and tells lies about them on the way, or leaves some out, as
 * damaged and badly written files do. Straight over libavformat, none of jacquard's code.
 *
 * usage: remux [OPTION...] IN OUT      exit: 0, 1 it cannot be read or written, 2 usage
 *   --format NAME    of OUT; default: by its suffix
 *   --key all        every packet is called a key frame
 *   --key first      only the first is
 *   --key late       each packet is called what the one five before it really is: wrong ones are called key
 *   --drop FIRST,N   packets FIRST .. FIRST+N-1 (in decode order, from 0) are left out
 *   --pause AT,S     packets from AT on come S seconds later
 *   --from S         all times begin S seconds later */
#include <libavformat/avformat.h>
#include <libavutil/mathematics.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LATE = 5, MAX_CUTS = 16 };
enum lie { LIE_NONE, LIE_ALL, LIE_FIRST, LIE_LATE };

struct cut {
    int64_t at, n;
};

struct options {
    const char *in, *out, *format;
    enum lie lie;
    struct cut drop[MAX_CUTS];
    int n_drops;
    int64_t pause_at;
    double pause, from;
};

static int complain(const char *what, const char *path, int error)
{
    char reason[AV_ERROR_MAX_STRING_SIZE] = "";

    av_strerror(error, reason, sizeof reason);
    fprintf(stderr, "remux: %s: %s: %s\n", path, what, reason);
    return error;
}

static bool is_dropped(const struct options *o, int64_t n)
{
    for (int i = 0; i < o->n_drops; i++)
        if (n >= o->drop[i].at && n < o->drop[i].at + o->drop[i].n)
            return true;
    return false;
}

static void lie_about(const struct options *o, AVPacket *packet, int64_t n, bool *was_key)
{
    const bool is_key = (packet->flags & AV_PKT_FLAG_KEY) != 0;
    bool said = is_key;

    if (o->lie == LIE_ALL)
        said = true;
    else if (o->lie == LIE_FIRST)
        said = n == 0;
    else if (o->lie == LIE_LATE)
        said = n == 0 || (n >= LATE && was_key[n % LATE]);
    was_key[n % LATE] = is_key;
    packet->flags = said ? packet->flags | AV_PKT_FLAG_KEY : packet->flags & ~AV_PKT_FLAG_KEY;
}

static void shift(const struct options *o, AVPacket *packet, int64_t n, AVRational time_base)
{
    const double seconds = o->from + (o->pause > 0.0 && n >= o->pause_at ? o->pause : 0.0);
    const int64_t ticks = (int64_t)(seconds / av_q2d(time_base) + 0.5);

    if (packet->pts != AV_NOPTS_VALUE)
        packet->pts += ticks;
    if (packet->dts != AV_NOPTS_VALUE)
        packet->dts += ticks;
}

static int copy_packets(const struct options *o, AVFormatContext *in, int index, AVFormatContext *out)
{
    AVPacket *packet = av_packet_alloc();
    bool was_key[LATE] = {false};
    int error = packet ? 0 : AVERROR(ENOMEM);

    for (int64_t n = 0; error >= 0 && (error = av_read_frame(in, packet)) >= 0;) {
        if (packet->stream_index == index) {
            lie_about(o, packet, n, was_key);
            shift(o, packet, n, in->streams[index]->time_base);
            av_packet_rescale_ts(packet, in->streams[index]->time_base, out->streams[0]->time_base);
            packet->stream_index = 0;
            packet->pos = -1;
            if (!is_dropped(o, n++))
                error = av_write_frame(out, packet);
        }
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    return error == AVERROR_EOF ? 0 : error;
}

static int set_up(AVFormatContext *in, int index, AVFormatContext *out)
{
    AVStream *stream = avformat_new_stream(out, NULL);
    unsigned tag = 0;

    if (!stream)
        return AVERROR(ENOMEM);
    const int error = avcodec_parameters_copy(stream->codecpar, in->streams[index]->codecpar);
    const enum AVCodecID id = stream->codecpar->codec_id;
    /* Another container's tag for the codec would be refused. */
    if (out->oformat->codec_tag && av_codec_get_id(out->oformat->codec_tag, stream->codecpar->codec_tag) != id &&
        av_codec_get_tag2(out->oformat->codec_tag, id, &tag))
        stream->codecpar->codec_tag = tag;
    stream->time_base = in->streams[index]->time_base;
    stream->avg_frame_rate = in->streams[index]->avg_frame_rate;
    stream->r_frame_rate = in->streams[index]->r_frame_rate;
    out->flags |= AVFMT_FLAG_BITEXACT;
    out->avoid_negative_ts = 0;
    return error;
}

static int remux(const struct options *o)
{
    AVFormatContext *in = NULL, *out = NULL;
    int error, index;

    if ((error = avformat_open_input(&in, o->in, NULL, NULL)) < 0)
        return complain("open", o->in, error);
    if ((error = avformat_find_stream_info(in, NULL)) < 0)
        return complain("stream info", o->in, error);
    if ((index = av_find_best_stream(in, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0)) < 0)
        return complain("no video", o->in, index);
    if ((error = avformat_alloc_output_context2(&out, NULL, o->format, o->out)) < 0)
        return complain("format", o->out, error);
    if ((error = set_up(in, index, out)) < 0 || (error = avio_open(&out->pb, o->out, AVIO_FLAG_WRITE)) < 0 ||
        (error = avformat_write_header(out, NULL)) < 0)
        return complain("header", o->out, error);
    if ((error = copy_packets(o, in, index, out)) < 0)
        return complain("packets", o->out, error);
    if ((error = av_write_trailer(out)) < 0)
        return complain("trailer", o->out, error);
    avio_closep(&out->pb);
    avformat_free_context(out);
    avformat_close_input(&in);
    return 0;
}

static bool parse(struct options *o, const char *name, const char *value)
{
    static const char *const lies[] = {"", "all", "first", "late"};
    int used = 0;

    if (strcmp(name, "--format") == 0) {
        o->format = value;
        return true;
    }
    if (strcmp(name, "--drop") == 0 && o->n_drops < MAX_CUTS) {
        struct cut *c = &o->drop[o->n_drops++];
        return sscanf(value, "%" SCNd64 ",%" SCNd64 "%n", &c->at, &c->n, &used) == 2 && !value[used];
    }
    if (strcmp(name, "--pause") == 0)
        return sscanf(value, "%" SCNd64 ",%lf%n", &o->pause_at, &o->pause, &used) == 2 && !value[used];
    if (strcmp(name, "--from") == 0)
        return sscanf(value, "%lf%n", &o->from, &used) == 1 && !value[used];
    if (strcmp(name, "--key") != 0)
        return false;
    for (int i = LIE_ALL; i <= LIE_LATE; i++)
        if (strcmp(value, lies[i]) == 0)
            o->lie = (enum lie)i;
    return o->lie != LIE_NONE;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    int i = 1;

    for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2)
        if (!parse(&o, argv[i], argv[i + 1]))
            break;
    if (i + 2 != argc) {
        fputs("usage: remux [--format NAME] [--key all|first|late] [--drop FIRST,N]... [--pause AT,S] [--from S] IN "
              "OUT\n",
              stderr);
        return 2;
    }
    o.in = argv[i];
    o.out = argv[i + 1];
    av_log_set_level(AV_LOG_ERROR);
    return remux(&o) < 0;
}
