/* film_listing: the frames of a film listed by decoding all of it, where its packets do not tell, or told wrong. */
#include "media/film_parts.h"

#include "base/mem.h"
#include "media/ticks.h"

#include <stdio.h>
#include <stdlib.h>

struct listing {
    size_t room;
    int64_t n_damaged, n_refused;
};

static enum status list_outputs(struct film *film, struct av_look *look, struct listing *l)
{
    AVFrame *av = look->frame;
    int error;

    while ((error = avcodec_receive_frame(look->decoder, av)) >= 0) {
        const int64_t n = film->n_frames;
        struct film_frame *grown = mem_grow(film->frame, (size_t)n, &l->room, sizeof *grown);
        if (!grown)
            return ST_NOMEM;
        film->frame = grown;
        if (n == 0)
            film_describe_picture(&film->info, look->decoder, av);
        const int64_t pts = ticks_time(av->best_effort_timestamp);
        int64_t ticks = n == 0 ? 0 : ticks_later(film->frame[n - 1].ticks, film->info.usual_ticks);
        if (n > 0 && pts != FILM_NO_TIME && film->frame[n - 1].pts != FILM_NO_TIME && pts > film->frame[n - 1].pts)
            ticks = ticks_later(film->frame[n - 1].ticks, pts - film->frame[n - 1].pts);
        film->frame[film->n_frames++] = (struct film_frame){.pts = pts, .ticks = ticks, .packet = -1};
        l->n_damaged += film_is_damaged(av);
        av_frame_unref(av);
    }
    l->n_refused += error != AVERROR(EAGAIN) && error != AVERROR_EOF;
    return ST_OK;
}

/* What there should be: every shown packet a frame. Lead-in does not count, nor do second fields. */
static void judge_loss(struct film *film, const struct listing *l)
{
    struct film_info *info = &film->info;
    int64_t expected = -info->n_lead_in;

    for (int64_t i = 0; i < film->n_packets; i++)
        expected += (film->packet[i].flags & PACKET_SHOWN) != 0;
    const int64_t lost = expected - film->n_frames;
    if (l->n_refused + l->n_damaged > 0 && lost > 0 && !info->incomplete[0]) {
        info->frames_missing = lost;
        snprintf(info->incomplete, sizeof info->incomplete, "damaged: %lld of %lld frames could be decoded",
                 (long long)film->n_frames, (long long)expected);
    }
}

static enum status list_frames(struct film *film, const atomic_int *stop, film_progress *progress, void *context,
                               struct listing *l)
{
    struct av_look look;
    int64_t n_packets = 0;
    enum status st;

    TRY_OR(done, st, av_look_open(&look, film->path, stop));
    look.decoder->pkt_timebase = look.in.stream->time_base;
    TRY_OR(done, st, av_decoder_start(look.decoder, &look.in));
    while ((st = av_input_read(&look.in, look.packet, NULL, NULL)) == ST_OK) {
        l->n_refused += avcodec_send_packet(look.decoder, look.packet) < 0;
        if (progress && ++n_packets % 64 == 0)
            progress(context, n_packets, film->n_packets);
        av_packet_unref(look.packet);
        TRY_OR(done, st, list_outputs(film, &look, l));
    }
    if (st == ST_END || st == ST_FORMAT) {
        avcodec_send_packet(look.decoder, NULL);
        st = list_outputs(film, &look, l);
    }
done:
    av_look_close(&look);
    return st;
}

enum status film_list_by_decoding(struct film *film, const atomic_int *stop, film_progress *progress, void *context)
{
    struct film_frame *listed = film->frame;
    const int64_t n_listed = film->n_frames;
    struct listing l = {0};
    enum status st;

    film->info.sequential = true;
    film->frame = NULL;
    film->n_frames = 0;
    st = list_frames(film, stop, progress, context, &l);
    if (st == ST_OK) {
        film->info.frames_damaged = l.n_damaged;
        judge_loss(film, &l);
        /* As many as the packets promised: their times are the container's own, those of decoded frames a guess at
         * them. */
        for (int64_t i = 0; i < n_listed && n_listed == film->n_frames; i++) {
            film->frame[i].pts = listed[i].pts;
            film->frame[i].ticks = listed[i].ticks;
        }
        film_settle(film, l.n_refused + l.n_damaged > 0);
    }
    free(listed);
    return st;
}
