#include "film/decode/ffmpeg.h"

#include "film/av/av.h"

enum { PROGRESS_PACKETS = 16 };

struct plain {
    const struct plain_decode *setup;
    struct av_look look;
    struct av_picture picture;
    int64_t n_out, n_taken, n_packets;
};

static bool is_done(const struct plain *p)
{
    return p->n_taken == p->setup->n;
}

static enum status take(struct plain *p, const AVFrame *av)
{
    const struct plain_decode *s = p->setup;
    struct frame frame;
    char hash[65];

    TRY(av_picture_view(&p->picture, p->look.decoder, av, &frame));
    if (s->want_hash)
        TRY(av_picture_hash(&p->picture, p->look.decoder, av, hash));
    return s->take(s->taker, p->n_taken++, &frame, s->want_hash ? hash : NULL);
}

static enum status take_outputs(struct plain *p)
{
    AVFrame *av = p->look.frame;
    int64_t n_faults = 0;

    while (!is_done(p) && av_decoder_receive(p->look.decoder, av, &n_faults)) {
        const bool is_wanted = p->n_out++ == p->setup->frame[p->n_taken];
        const enum status st = is_wanted ? take(p, av) : ST_OK;
        av_frame_unref(av);
        TRY(st);
    }
    return ST_OK;
}

static void show(struct plain *p)
{
    const struct plain_decode *s = p->setup;

    if (s->progress && ++p->n_packets % PROGRESS_PACKETS == 0)
        s->progress(s->watcher, p->n_out, s->frame[s->n - 1] + 1);
}

static enum status decode_all(struct plain *p)
{
    enum status st = ST_OK;

    while (!is_done(p) && (st = av_input_read(&p->look.in, p->look.packet, NULL, NULL)) == ST_OK) {
        (void)avcodec_send_packet(p->look.decoder, p->look.packet);
        av_packet_unref(p->look.packet);
        TRY(take_outputs(p));
        show(p);
    }
    if (st == ST_END) {
        (void)avcodec_send_packet(p->look.decoder, NULL);
        st = take_outputs(p);
    }
    return st;
}

enum status ffmpeg_plain_decode(const struct plain_decode *setup, int64_t *n_taken)
{
    struct plain p = {.setup = setup};
    enum status st;

    *n_taken = 0;
    TRY_OR(done, st, av_look_open(&p.look, setup->path, setup->stop));
    p.look.decoder->pkt_timebase = p.look.in.stream->time_base;
    TRY_OR(done, st, av_decoder_start(p.look.decoder, &p.look.in));
    st = decode_all(&p);
    *n_taken = p.n_taken;
done:
    av_picture_release(&p.picture);
    av_look_close(&p.look);
    return st;
}
