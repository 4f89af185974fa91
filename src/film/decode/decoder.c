/* decoder: FFmpeg's, behind frame_source.h. Every packet carries its number as its timestamp through the decoder, so a
 * frame that comes out names the packet it came from. In a sequential film frames are counted as they come out instead.
 */
#include "film/decode/ffmpeg.h"

#include "base/clock.h"
#include "base/mem.h"
#include "film/decode/nvdec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    READ_AHEAD_BYTES = 4 << 20, /* nearer than this, reading on is faster than seeking */
    SYNC_PACKETS = 512,         /* after a seek, packets looked at to find out where it led */
    NVDEC_RESET_PACKETS = 256,  /* a reset that makes a new session costs about as much as decoding this many packets */
    NVDEC_MORE_PACKETS = 128    /* decoded instead at the end, at most */
};

enum { SENT_NOTHING = -1, SENT_BY_OTHERS = -2 };

struct av_decoder {
    struct decoder_setup setup;
    struct av_input in;
    AVCodecContext *codec;
    struct nvdec *nvdec; /* whose codec it is; NULL: its own, in software */
    struct av_logged logged;
    int64_t first_time; /* packets and frames carry this and their number as their time */
    AVPacket *packet;
    AVFrame *av;
    struct av_picture picture;
    bool is_open;       /* the input */
    bool is_finished;   /* nothing is left in the decoder that anybody asked for */
    int64_t next;       /* number of the packet that the input will deliver next; -1 = not known */
    int64_t sent;       /* number of the last packet sent to the decoder since its last reset, or SENT_... */
    int64_t last_out;   /* the last frame of the film that came out since then; -1 = none */
    int64_t n_due;      /* frames that were asked for and did not come out yet */
    bool goes_on;       /* what is decoded now was not asked for: its damage does not count */
    bool is_unsound;    /* damage was met, in frames that were asked for or not */
    bool needs_headers; /* the codec may have those of another film */
    int64_t counted;    /* sequential films: frames that came out so far */
    struct decoder_stats stats;
};

/* --- life --------------------------------------------------------------------------------------------------------- */

/* A session's pictures are counted as it makes room for them: few come out. */
static int count_picture(AVCodecContext *codec, AVFrame *frame, int flags)
{
    ((struct av_logged *)codec->opaque)->n_pictures++;
    return avcodec_default_get_buffer2(codec, frame, flags);
}

static enum status open_nvdec(struct av_decoder *d)
{
    TRY(nvdec_take(&d->setup.film->info, &d->in, d->setup.device, &d->nvdec));
    if (!d->nvdec) {
        d->stats.nvdec_refusal = "FFmpeg cannot use the CUDA device";
        return ST_OK;
    }
    d->codec = d->nvdec->codec;
    d->codec->opaque = &d->logged;
    d->codec->get_buffer2 = count_picture;
    d->first_time = d->nvdec->first_time;
    d->sent = d->nvdec->holds_frames ? SENT_BY_OTHERS : SENT_NOTHING;
    d->needs_headers = d->nvdec->was_used;
    return ST_OK;
}

static enum status open_codec(struct av_decoder *d)
{
    const struct film_info *film = &d->setup.film->info;
    const bool hardware = d->setup.path == DECODER_NVDEC && film->nvdec_exact && !film->sequential;

    if (hardware)
        TRY(open_nvdec(d));
    if (d->codec)
        return ST_OK;
    TRY(av_decoder_open(&d->codec, &d->in, hardware || film->sequential || film->one_thread ? 1 : d->setup.threads));
    d->codec->opaque = &d->logged;
    /* Where a slice is damaged these decoders show what was in their memory before, and mark no frame. They are made to
     * fail, so that the film is decoded from its start, as any player would. */
    const enum AVCodecID codec = d->codec->codec_id;
    if ((codec == AV_CODEC_ID_HEVC || codec == AV_CODEC_ID_MJPEG) && !film->sequential)
        d->codec->err_recognition |= AV_EF_EXPLODE;
    return av_decoder_start(d->codec, &d->in);
}

static enum status reopen_input(struct av_decoder *d)
{
    if (d->is_open)
        av_input_close(&d->in);
    d->is_open = true;
    d->next = 0;
    return av_input_open(&d->in, d->setup.film->path, d->setup.stop);
}

static enum status open_decoder(void *priv, const struct decoder_setup *setup)
{
    struct av_decoder *d = priv;

    d->setup = *setup;
    d->sent = SENT_NOTHING;
    d->last_out = -1;
    d->packet = av_packet_alloc();
    d->av = av_frame_alloc();
    if (!d->packet || !d->av)
        return FAIL(ST_NOMEM, "out of memory for a decoder");
    TRY(reopen_input(d));
    return open_codec(d);
}

/* The codec still describes pictures as the container does, so that it may be used for another film with the same
 * headers. */
static bool is_as_listed(const struct av_decoder *d)
{
    const AVCodecContext *codec = d->nvdec->codec;
    const AVCodecParameters *par = d->in.stream->codecpar;

    return nvdec_is_hardware(d->nvdec) && codec->width == par->width && codec->height == par->height &&
           codec->color_range == par->color_range && codec->colorspace == par->color_space &&
           codec->has_b_frames == par->video_delay;
}

static void close_decoder(void *priv)
{
    struct av_decoder *d = priv;

    if (d->nvdec) {
        d->codec->get_buffer2 = avcodec_default_get_buffer2;
        d->codec->opaque = NULL;
        d->codec = NULL;
        if (d->is_finished && !d->is_unsound && is_as_listed(d))
            nvdec_keep(&d->nvdec, d->setup.film->n_packets, d->sent != SENT_NOTHING);
        else
            nvdec_close(&d->nvdec);
    }
    av_frame_free(&d->av);
    av_packet_free(&d->packet);
    avcodec_free_context(&d->codec);
    if (d->is_open)
        av_input_close(&d->in);
    av_picture_release(&d->picture);
}

/* --- position ----------------------------------------------------------------------------------------------------- */

static bool is_same_packet(const AVPacket *p, const struct film_packet *known)
{
    if ((uint32_t)p->size != known->bytes || (p->pos >= 0 && known->pos >= 0 && p->pos != known->pos))
        return false;
    return p->pts == AV_NOPTS_VALUE || known->pts == FILM_NO_TIME || p->pts == known->pts;
}

/* The number of the packet at hand, if exactly one packet of the index matches it. */
static int64_t find_packet(const struct film *film, const AVPacket *p)
{
    int64_t found = -1;

    if (p->pos < 0)
        return -1;
    for (int64_t i = 0; i < film->n_packets; i++)
        if (film->packet[i].pos == p->pos && is_same_packet(p, &film->packet[i])) {
            if (found >= 0)
                return -1;
            found = i;
        }
    return found;
}

/* Seeks to a packet at or before `to` and learns which; leaves that packet in hand. ST_END: it did not work. */
static enum status seek_near(struct av_decoder *d, int64_t to)
{
    const struct film *film = d->setup.film;
    const struct film_packet *target = &film->packet[to];
    int64_t time = target->dts != FILM_NO_TIME ? target->dts : target->pts;

    if (target->pts != FILM_NO_TIME && target->pts < time)
        time = target->pts;
    if (time == FILM_NO_TIME || av_seek_frame(d->in.format, d->in.stream->index, time, AVSEEK_FLAG_BACKWARD) < 0)
        return ST_END;
    for (int i = 0; i < SYNC_PACKETS; i++) {
        const enum status st = av_input_read(&d->in, d->packet, NULL, NULL);
        if (st != ST_OK)
            return st;
        const int64_t number = find_packet(film, d->packet);
        if (number > to)
            break;
        if (number >= 0) {
            d->next = number;
            return ST_OK;
        }
        av_packet_unref(d->packet);
    }
    av_packet_unref(d->packet);
    return ST_END;
}

/* Makes the input deliver packet `to` next or, after a seek, have an earlier one in hand already (*in_hand). */
static enum status go_to(struct av_decoder *d, int64_t to, bool *in_hand)
{
    const struct film *film = d->setup.film;
    const int64_t from_pos = d->next >= 0 && d->next < film->n_packets ? film->packet[d->next].pos : -1;
    enum status st;

    *in_hand = false;
    if (d->next >= 0 && d->next <= to &&
        (to - d->next < 64 || (from_pos >= 0 && film->packet[to].pos - from_pos < READ_AHEAD_BYTES)))
        return ST_OK;
    /* Containers without an index land late: ask for an earlier key frame then. */
    int64_t ask = to;
    for (int tries = 0; tries < 3 && ask > 0; tries++) {
        st = seek_near(d, ask);
        if (st != ST_END) {
            *in_hand = st == ST_OK;
            return st;
        }
        ask = film->packet[ask - 1].key;
    }
    return reopen_input(d); /* reading from the start is always exact */
}

/* --- frames out --------------------------------------------------------------------------------------------------- */

static enum status deliver(struct av_decoder *d, int64_t which)
{
    const struct decoder_sink *sink = &d->setup.sink;
    const bool want_hash = d->setup.want_hash && (!sink->wants_hash || sink->wants_hash(sink->context, which));
    struct frame frame;
    char hash[65];

    if (av_picture_is_ipt(d->av) && !d->setup.film->info.is_ipt)
        return FAIL(ST_FORMAT,
                    "the colours of a picture of the film are IPT-PQ (Dolby Vision), those of its first are not");
    TRY(av_picture_view(&d->picture, d->codec, d->av, &frame));
    if (want_hash)
        TRY(av_picture_hash(&d->picture, d->codec, d->av, hash));
    d->stats.used_nvdec |= frame.on_device;
    if (d->nvdec && !frame.on_device)
        d->stats.nvdec_refusal = "the GPU or this FFmpeg does not decode such a stream";
    return sink->take(sink->context, which, &frame, want_hash ? hash : NULL);
}

static void count_damage(struct av_decoder *d, bool is_asked_for)
{
    d->stats.damaged += is_asked_for;
    d->is_unsound = true;
}

static enum status take_frames(struct av_decoder *d)
{
    const struct film *film = d->setup.film;
    int64_t n_faults = 0;

    while (av_decoder_receive(d->codec, d->av, &n_faults)) {
        const int64_t number = d->av->pts - d->first_time;
        int64_t frame = -1;

        if (d->nvdec && number < 0) { /* of an earlier user of the session */
            av_frame_unref(d->av);
            continue;
        }
        if (film->info.sequential)
            frame = d->counted++;
        else if (number >= 0 && number < film->n_packets)
            frame = film->packet[number].frame;
        if (frame >= 0 && frame <= d->last_out) /* they come in another order than they are listed in */
            count_damage(d, !d->goes_on);
        d->last_out = frame >= 0 ? frame : d->last_out;
        d->stats.frames_decoded += !d->nvdec;
        const int64_t which = frame < 0 ? -1 : d->setup.sink.which(d->setup.sink.context, frame);
        d->n_due -= which >= 0;
        if (film_is_damaged(d->av))
            count_damage(d, which >= 0 || !d->goes_on);
        const enum status st = which < 0 ? ST_OK : deliver(d, which);
        av_frame_unref(d->av);
        TRY(st);
    }
    if (n_faults > 0)
        count_damage(d, !d->goes_on);
    return ST_OK;
}

/* Lets the decoder give out all it holds, and makes it ready for another start. */
static enum status drain(struct av_decoder *d)
{
    enum status st;

    if (d->sent == SENT_NOTHING)
        return ST_OK;
    if (d->sent == SENT_BY_OTHERS)
        d->goes_on = true;
    d->sent = SENT_NOTHING;
    avcodec_send_packet(d->codec, NULL);
    st = take_frames(d);
    avcodec_flush_buffers(d->codec);
    d->last_out = -1;
    d->goes_on = false;
    return st;
}

static enum status send_packet(struct av_decoder *d, int64_t number)
{
    d->sent = number;
    d->stats.packets_in++;
    if (avcodec_send_packet(d->codec, d->packet) < 0)
        count_damage(d, !d->goes_on);
    return take_frames(d);
}

/* --- packets in --------------------------------------------------------------------------------------------------- */

struct wanted_packet {
    int64_t packet, start; /* decode from start on to get packet's frame */
};

static int compare_wanted(const void *a, const void *b)
{
    const struct wanted_packet *x = a, *y = b;

    return x->packet < y->packet ? -1 : x->packet > y->packet;
}

static void count_packet(struct av_decoder *d)
{
    if (d->setup.progress)
        atomic_fetch_add(d->setup.progress, 1);
}

/* Where decoding cannot go on from what was sent last, nor at a closed key frame, the decoder has to be drained and
 * reset. */
static bool is_gap(const struct av_decoder *d, int64_t last, int64_t start)
{
    return last != SENT_NOTHING && start > last + 1 && !(d->setup.film->packet[start].flags & PACKET_CLOSED);
}

/* FFmpeg's H.264 decoder makes a new session of a reset hardware decoder: decoding through a short gap is faster. */
static int64_t start_or_go_on(const struct av_decoder *d, int64_t last, int64_t start)
{
    const bool is_slow = d->nvdec && d->codec->codec_id == AV_CODEC_ID_H264 && start - last < NVDEC_RESET_PACKETS;

    return is_slow && last >= 0 && is_gap(d, last, start) ? last + 1 : start;
}

/* Wanted packets in decode order; from each one's start to itself everything has to be decoded, all else is passed
 * over. */
static void list_wanted(const struct av_decoder *d, const int64_t *frame, int64_t n, struct wanted_packet *wanted)
{
    const struct film *film = d->setup.film;

    for (int64_t i = 0; i < n; i++)
        wanted[i] = (struct wanted_packet){film->frame[frame[i]].packet, film_start_packet(film, frame[i])};
    qsort(wanted, (size_t)n, sizeof *wanted, compare_wanted);
    for (int64_t i = n - 1; i > 0; i--) /* a later one may reach further back */
        if (wanted[i].start < wanted[i - 1].start)
            wanted[i - 1].start = wanted[i].start;
    for (int64_t i = 0; i < n; i++)
        wanted[i].start = start_or_go_on(d, i > 0 ? wanted[i - 1].packet : d->sent, wanted[i].start);
}

/* For a film whose headers are not in its packets: another film's packets may have changed them. */
static enum status hand_over_headers(struct av_decoder *d)
{
    const AVCodecParameters *par = d->in.stream->codecpar;

    d->needs_headers = false;
    if (par->extradata_size <= 0 || av_packet_get_side_data(d->packet, AV_PKT_DATA_NEW_EXTRADATA, NULL))
        return ST_OK;
    uint8_t *data = av_packet_new_side_data(d->packet, AV_PKT_DATA_NEW_EXTRADATA, (size_t)par->extradata_size);
    if (!data)
        return FAIL(ST_NOMEM, "out of memory for a film's headers");
    memcpy(data, par->extradata, (size_t)par->extradata_size);
    return ST_OK;
}

/* A hardware decoder copies each picture that it gives out, and its feeder waits for it: only those asked for are to
 * come out. A software one reports damage only with the picture; and a picture that is shown again comes out with the
 * mark that it was decoded with. */
static bool may_stay_inside(const struct av_decoder *d)
{
    return d->nvdec && nvdec_is_hardware(d->nvdec) && !d->setup.film->info.shows_again;
}

static enum status decode_packet(struct av_decoder *d, int64_t number, bool is_wanted)
{
    const int64_t last = d->sent;

    if (last >= number || is_gap(d, last, number)) /* or back again: a stretch that starts before the last one's end */
        TRY(drain(d));
    d->codec->skip_frame = !is_wanted && d->setup.film->info.skips_unreferenced ? AVDISCARD_NONREF : AVDISCARD_DEFAULT;
    if (!is_wanted && may_stay_inside(d))
        d->packet->flags |= AV_PKT_FLAG_DISCARD;
    if (d->needs_headers)
        TRY(hand_over_headers(d));
    d->packet->pts = d->packet->dts = d->first_time + number;
    return send_packet(d, number);
}

/* Puts the next packet in hand, unless one is there already. ST_END: there is none, or none that was listed, so that
 * nothing more can be trusted; what is missing does not come out. */
static enum status read_listed(struct av_decoder *d, bool in_hand)
{
    const struct film *film = d->setup.film;
    const int64_t number = d->next;
    enum status st = in_hand ? ST_OK : av_input_read(&d->in, d->packet, NULL, NULL);

    if (st == ST_OK && (number >= film->n_packets || !is_same_packet(d->packet, &film->packet[number]))) {
        av_packet_unref(d->packet);
        st = ST_END;
    }
    d->next = st == ST_OK ? number + 1 : -1;
    return st;
}

static enum status run_split(struct av_decoder *d, const struct wanted_packet *wanted, int64_t n)
{
    bool in_hand = false;
    int64_t at = 0;
    enum status st = go_to(d, wanted[0].start, &in_hand);

    while (st == ST_OK && at < n) {
        const int64_t number = d->next;
        TRY_OR(done, st, read_listed(d, in_hand));
        in_hand = false;
        if (number >= wanted[at].start) {
            const bool is_wanted = number == wanted[at].packet;
            st = decode_packet(d, number, is_wanted);
            at += is_wanted;
            count_packet(d);
        }
        av_packet_unref(d->packet);
    }
done:
    return st == ST_END ? ST_OK : st;
}

static enum status run_sequential(struct av_decoder *d, int64_t last)
{
    enum status st = d->next == 0 ? ST_OK : reopen_input(d);

    d->codec->pkt_timebase = d->in.stream->time_base;
    while (st == ST_OK && d->counted <= last) {
        st = av_input_read(&d->in, d->packet, NULL, NULL);
        if (st != ST_OK)
            break;
        st = send_packet(d, d->next++);
        av_packet_unref(d->packet);
        count_packet(d);
    }
    return st == ST_END ? ST_OK : st;
}

static enum status run(void *priv, const int64_t *frame, int64_t n)
{
    struct av_decoder *d = priv;
    const double started = clock_seconds();
    struct wanted_packet *wanted = NULL;
    enum status st = ST_OK;

    d->is_finished = false;
    if (n > 0 && d->setup.film->info.sequential) {
        st = run_sequential(d, frame[n - 1]);
    } else if (n > 0) {
        wanted = mem_array((size_t)n, sizeof *wanted);
        TRY_MEM(wanted);
        list_wanted(d, frame, n, wanted);
        d->n_due += n;
        st = run_split(d, wanted, n);
        free(wanted);
    }
    d->stats.seconds += clock_seconds() - started;
    return st;
}

static enum status turn_to(void *priv, int64_t frame)
{
    struct av_decoder *d = priv;
    const double started = clock_seconds();
    const enum status st = film_start_packet(d->setup.film, frame) <= d->sent ? drain(d) : ST_OK;

    d->stats.seconds += clock_seconds() - started;
    return st;
}

/* Until all that was asked for has come out, which takes a few packets; draining would end in a reset, with H.264 in a
 * new session. ST_END: it did not get there. */
static enum status decode_on(struct av_decoder *d)
{
    enum status st = d->sent >= 0 && d->next == d->sent + 1 ? ST_OK : ST_END;

    for (int i = 0; i < NVDEC_MORE_PACKETS && st == ST_OK && d->n_due > 0; i++) {
        const int64_t number = d->next;
        TRY(read_listed(d, false));
        d->goes_on = true;
        st = decode_packet(d, number, false);
        av_packet_unref(d->packet);
    }
    return st == ST_OK && d->n_due > 0 ? ST_END : st;
}

static enum status finish(void *priv)
{
    struct av_decoder *d = priv;
    const double started = clock_seconds();
    enum status st = d->nvdec ? decode_on(d) : ST_END;

    if (st == ST_END)
        st = drain(d);
    d->goes_on = false;
    d->is_finished = st == ST_OK;
    d->stats.seconds += clock_seconds() - started;
    return st;
}

static struct decoder_stats stats_of(const void *priv)
{
    const struct av_decoder *d = priv;
    struct decoder_stats stats = d->stats;

    stats.frames_decoded += d->logged.n_pictures;
    stats.doubts = (int64_t)atomic_load(&d->logged.n_doubts);
    return stats;
}

const struct decoder_ops ffmpeg_decoder = {
    .priv_bytes = sizeof(struct av_decoder),
    .open = open_decoder,
    .close = close_decoder,
    .run = run,
    .turn_to = turn_to,
    .finish = finish,
    .stats = stats_of,
};
