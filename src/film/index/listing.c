/* listing: the frames of a film listed by decoding all of it, where its packets do not show them, or not rightly. */
#include "film/index/parts.h"

#include "base/mem.h"
#include "film/ticks.h"

#include <stdio.h>
#include <stdlib.h>

struct listing {
    size_t room;
    int64_t n_packets; /* sent */
    int64_t n_faults;  /* packets refused, and whatever else the decoder complained of */
    int64_t n_damaged; /* frames */
    int64_t n_marked;  /* packets, as broken, by the container */
    int64_t n_second;  /* packets that are the second field of the frame before */
    AVCodecParserContext *parser;
    int last_structure;
};

struct film_frame film_listed_frame(const struct film_frame *last, int64_t time, int64_t usual_ticks)
{
    struct film_frame frame = {.pts = ticks_time(time), .packet = -1};

    if (last && frame.pts != FILM_NO_TIME && last->pts != FILM_NO_TIME && frame.pts > last->pts)
        frame.ticks = ticks_later(last->ticks, frame.pts - last->pts);
    else if (last)
        frame.ticks = ticks_later(last->ticks, usual_ticks);
    return frame;
}

static enum status list_outputs(struct film *film, struct av_look *look, struct listing *l)
{
    AVFrame *av = look->frame;

    while (av_decoder_receive(look->decoder, av, &l->n_faults)) {
        const int64_t n = film->n_frames;
        struct film_frame *grown = mem_grow(film->frame, (size_t)n, &l->room, sizeof *grown);
        TRY_MEM(grown);
        film->frame = grown;
        if (n == 0)
            film_describe_picture(&film->info, look->decoder, av);
        const struct film_frame *last = n > 0 ? &film->frame[n - 1] : NULL;
        film->frame[film->n_frames++] = film_listed_frame(last, av->best_effort_timestamp, film->info.usual_ticks);
        l->n_damaged += film_is_damaged(av);
        av_frame_unref(av);
    }
    return ST_OK;
}

/* H.264 may have a frame's two fields in packets of their own. */
static void count_field(struct listing *l, AVCodecContext *decoder, const AVPacket *p)
{
    uint8_t *unused = NULL;
    int bytes = 0;

    if (!l->parser)
        return;
    av_parser_parse2(l->parser, decoder, &unused, &bytes, p->data, p->size, p->pts, p->dts, p->pos);
    const int now = (int)l->parser->picture_structure, last = l->last_structure;
    const bool is_second = (now == AV_PICTURE_STRUCTURE_TOP_FIELD && last == AV_PICTURE_STRUCTURE_BOTTOM_FIELD) ||
                           (now == AV_PICTURE_STRUCTURE_BOTTOM_FIELD && last == AV_PICTURE_STRUCTURE_TOP_FIELD);
    l->n_second += is_second;
    l->last_structure = is_second ? AV_PICTURE_STRUCTURE_UNKNOWN : now;
}

static enum status list_packet(struct film *film, struct av_look *look, struct listing *l)
{
    const int64_t n_faults = l->n_faults, n_damaged = l->n_damaged;

    count_field(l, look->decoder, look->packet);
    l->n_faults += avcodec_send_packet(look->decoder, look->packet) < 0;
    TRY(list_outputs(film, look, l));
    if ((l->n_faults > n_faults || l->n_damaged > n_damaged) && l->n_packets < film->n_packets)
        film->packet[l->n_packets].flags |= PACKET_BROKEN;
    l->n_packets++;
    return ST_OK;
}

/* Frames at the very beginning that refer to ones before the film's start: they are its lead-in, not part of it. */
static int64_t count_lead_in(const struct film *film)
{
    const bool starts_clean = film->n_packets > 0 && (film->packet[0].flags & PACKET_KEY);
    int64_t n = 0;

    if (starts_clean || film->info.one_thread || film->n_frames == 0 || film->frame[0].pts == FILM_NO_TIME)
        return 0;
    for (int64_t i = 0; i < film->n_packets; i++) {
        const struct film_packet *p = &film->packet[i];
        if ((p->flags & PACKET_SHOWN) && p->pts != FILM_NO_TIME && p->pts < film->frame[0].pts)
            n++;
        else if (p->pts != FILM_NO_TIME && n > 0 && p->pts > film->frame[0].pts)
            break;
    }
    return n;
}

/* What there should be: every shown packet a frame, but for lead-in and second fields. */
static struct film_decoded count_loss(const struct film *film, const struct listing *l)
{
    int64_t expected = -film->info.n_lead_in - l->n_second;

    for (int64_t i = 0; i < film->n_packets; i++)
        expected += (film->packet[i].flags & PACKET_SHOWN) != 0;
    const bool has_faults = l->n_faults + l->n_damaged > 0;
    return (struct film_decoded){.n_damaged = l->n_damaged,
                                 .n_lost = has_faults && expected > film->n_frames ? expected - film->n_frames : 0,
                                 .n_marked = l->n_marked};
}

static enum status list_frames(struct film *film, const atomic_int *stop, film_progress *progress, void *context,
                               struct listing *l)
{
    struct av_look look;
    enum status st;

    TRY_OR(done, st, av_look_open(&look, film->path, stop));
    look.decoder->pkt_timebase = look.in.stream->time_base;
    TRY_OR(done, st, av_decoder_start(look.decoder, &look.in));
    if (look.decoder->codec_id == AV_CODEC_ID_H264)
        l->parser = av_parser_init((int)look.decoder->codec_id);
    if (l->parser)
        l->parser->flags |= PARSER_FLAG_COMPLETE_FRAMES;
    while ((st = av_input_read(&look.in, look.packet, NULL, NULL)) == ST_OK) {
        st = list_packet(film, &look, l);
        av_packet_unref(look.packet);
        if (st != ST_OK)
            goto done;
        if (progress && l->n_packets % 64 == 0)
            progress(context, l->n_packets, film->n_packets);
    }
    if (st == ST_END) {
        avcodec_send_packet(look.decoder, NULL);
        st = list_outputs(film, &look, l);
    }
done:
    av_parser_close(l->parser);
    av_look_close(&look);
    return st;
}

enum status ffmpeg_list_by_decoding(struct film *film, const char *why, const atomic_int *stop, film_progress *progress,
                                    void *context)
{
    struct film_info *info = &film->info;
    struct film_frame *listed = film->frame;
    const int64_t n_listed = film->n_frames;
    struct listing l = {0};
    enum status st;

    info->sequential = true;
    if (!info->unsplit[0]) /* a reason that was there before is the better one */
        snprintf(info->unsplit, sizeof info->unsplit, "%s", why);
    if (!info->notes_container) {
        info->note[0] = '\0';
        info->frames_missing = info->incomplete[0] ? info->frames_missing : 0;
    }
    for (int64_t i = 0; i < film->n_packets; i++)
        l.n_marked += (film->packet[i].flags & PACKET_MARKED) != 0;
    film->frame = NULL;
    film->n_frames = 0;
    st = list_frames(film, stop, progress, context, &l);
    if (st == ST_OK) {
        info->frames_damaged = l.n_damaged;
        info->n_lead_in = info->n_lead_in > 0 ? info->n_lead_in : count_lead_in(film);
        const struct film_decoded decoded = count_loss(film, &l);
        /* As many as the packets promised: their times are the container's own, those of decoded frames a guess at
         * them. */
        for (int64_t i = 0; i < n_listed && n_listed == film->n_frames; i++) {
            film->frame[i].pts = listed[i].pts;
            film->frame[i].ticks = listed[i].ticks;
        }
        film_settle(film, &decoded);
    }
    free(listed);
    return st;
}
