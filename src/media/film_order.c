/* film_order: the frames of a film in the order in which they are shown, out of its packets' times; proved on the first
 * few by decoding them. */
#include "media/film_parts.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { HEAD_PACKETS = 64 }; /* decoded to see that packets and frames agree */

struct shown {
    int64_t epoch, time, packet; /* time: unwrapped, without the container's jumps */
};

static int compare_shown(const void *a, const void *b)
{
    const struct shown *x = a, *y = b;

    if (x->epoch != y->epoch)
        return x->epoch < y->epoch ? -1 : 1;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return x->packet < y->packet ? -1 : x->packet > y->packet;
}

/* A timestamp of wrap_bits bits, taken to the neighbourhood of a reference. */
static int64_t unwrap(int64_t t, int64_t reference, int wrap_bits)
{
    if (wrap_bits >= 63 || reference == FILM_NO_TIME)
        return t;
    const int64_t period = (int64_t)1 << wrap_bits;
    while (t < reference - period / 2)
        t += period;
    while (t > reference + period / 2)
        t -= period;
    return t;
}

/* Decoders emit frames by their order of display, whatever jumps the timestamps make. Sorting by timestamp is right
 * between two jumps (an *epoch*; decode timestamps only rise in one); each epoch's time goes on where the last one
 * ended. */
bool film_order_by_time(struct film *film, const struct av_input *in, int64_t usual_duration)
{
    struct shown *shown = mem_array((size_t)film->n_packets, sizeof *shown);
    const bool has_delay = in->stream->codecpar->video_delay > 0;
    int64_t n = 0, epoch = 0, last_dts = FILM_NO_TIME;
    bool known = shown != NULL;

    for (int64_t i = 0; i < film->n_packets && known; i++) {
        const struct film_packet *p = &film->packet[i];
        const int64_t dts = p->dts == FILM_NO_TIME ? FILM_NO_TIME : unwrap(p->dts, last_dts, in->stream->pts_wrap_bits);
        int64_t pts = p->pts != FILM_NO_TIME ? p->pts : has_delay ? FILM_NO_TIME : p->dts;

        if (dts != FILM_NO_TIME) {
            if (last_dts != FILM_NO_TIME && dts < last_dts)
                epoch++;
            last_dts = dts;
        }
        if (!(p->flags & PACKET_SHOWN))
            continue;
        known = pts != FILM_NO_TIME;
        if (known)
            shown[n++] = (struct shown){epoch, unwrap(pts, last_dts, in->stream->pts_wrap_bits), i};
    }
    if (known)
        qsort(shown, (size_t)n, sizeof *shown, compare_shown);
    for (int64_t i = 1; i < n && known; i++) /* two packets at one time: fields, or nonsense */
        known = shown[i].epoch != shown[i - 1].epoch || shown[i].time != shown[i - 1].time;

    int64_t offset = n > 0 ? -shown[0].time : 0;
    for (int64_t i = 0; i < n && known; i++) {
        const int64_t packet = shown[i].packet;
        if (i > 0 && shown[i].epoch != shown[i - 1].epoch)
            offset = film->frame[i - 1].ticks + usual_duration - shown[i].time;
        const struct film_packet *p = &film->packet[packet];
        film->frame[i] = (struct film_frame){
            .pts = p->pts != FILM_NO_TIME ? p->pts : p->dts, .ticks = shown[i].time + offset, .packet = packet};
    }
    film->n_frames = known ? n : 0;
    free(shown);
    return known;
}

/* --- decoding to see ---------------------------------------------------------------------------------------------- */

struct output {
    int64_t *packet; /* [n] in the order of output */
    int64_t n;
    bool damaged;
};

static void take_outputs(struct film *film, AVCodecContext *decoder, AVFrame *av, struct output *out, int64_t room)
{
    int error;

    while ((error = avcodec_receive_frame(decoder, av)) >= 0) {
        if (out->n == 0)
            film_describe_picture(&film->info, decoder, av);
        if (out->n < room)
            out->packet[out->n++] = av->pts;
        out->damaged |= film_is_damaged(av);
        av_frame_unref(av);
    }
    out->damaged |= error != AVERROR(EAGAIN) && error != AVERROR_EOF;
}

/* Decodes the first packets, each carrying its number as its timestamp. */
static enum status decode_head(struct film *film, int64_t n_packets, const atomic_int *stop, struct output *out)
{
    const int64_t room = 4 * n_packets;
    struct av_input in = {0};
    AVCodecContext *decoder = NULL;
    AVPacket *p = av_packet_alloc();
    AVFrame *av = av_frame_alloc();
    enum status st;

    *out = (struct output){.packet = mem_array((size_t)room, sizeof *out->packet)};
    if (!p || !av || !out->packet) {
        st = FAIL(ST_NOMEM, "out of memory for a decoder");
        goto done;
    }
    TRY_OR(done, st, av_input_open(&in, film->path, stop));
    TRY_OR(done, st, av_decoder_open(&decoder, &in, 1));
    decoder->skip_loop_filter = AVDISCARD_ALL; /* nobody sees them */
    TRY_OR(done, st, av_decoder_start(decoder, &in));
    for (int64_t i = 0; i < n_packets; i++) {
        st = av_input_read(&in, p, NULL, NULL);
        if (st != ST_OK)
            break;
        p->pts = p->dts = i;
        if (avcodec_send_packet(decoder, p) < 0)
            out->damaged = true;
        av_packet_unref(p);
        take_outputs(film, decoder, av, out, room);
    }
    avcodec_send_packet(decoder, NULL);
    take_outputs(film, decoder, av, out, room);
    st = st == ST_INTERRUPTED ? st : ST_OK;
done:
    av_frame_free(&av);
    av_packet_free(&p);
    avcodec_free_context(&decoder);
    av_input_close(&in);
    return st;
}

/* Compares the first decoded frames with what the packets promised. Packets at the very beginning that no frame comes
 * of refer to pictures before the film's start: they are its lead-in, not part of it. */
static bool head_agrees(struct film *film, const struct output *out, int64_t n_packets)
{
    int64_t at = 0, first = 0;

    while (first < film->n_frames && out->n > 0 && film->frame[first].packet != out->packet[0])
        first++;
    if (first == film->n_frames || out->n == 0)
        return false;
    for (int64_t i = 0; i < first; i++)
        if (film->frame[i].packet >= n_packets || out->damaged)
            return false;
    for (int64_t i = first; i < film->n_frames && at < out->n; i++) {
        if (film->frame[i].packet >= n_packets)
            continue; /* comes later in the file than was decoded */
        if (film->frame[i].packet != out->packet[at])
            return false;
        at++;
    }
    if (at != out->n)
        return false;
    for (int64_t i = 0; i < first; i++)
        film->packet[film->frame[i].packet].flags &= ~(uint32_t)PACKET_SHOWN;
    film->info.n_lead_in = first;
    film->n_frames -= first;
    memmove(film->frame, film->frame + first, (size_t)film->n_frames * sizeof *film->frame);
    const int64_t start = film->frame[0].ticks;
    for (int64_t i = 0; i < film->n_frames; i++)
        film->frame[i].ticks -= start;
    return true;
}

enum status film_check_head(struct film *film, const atomic_int *stop, bool *agrees)
{
    const int64_t n_head = film->n_packets < HEAD_PACKETS ? film->n_packets : HEAD_PACKETS;
    struct output head = {0};

    const enum status st = decode_head(film, n_head, stop, &head);
    *agrees = st == ST_OK && head_agrees(film, &head, n_head);
    free(head.packet);
    return st;
}

/* --- links -------------------------------------------------------------------------------------------------------- */

void film_link_packets(struct film *film)
{
    int64_t key = -1;

    for (int64_t i = 0; i < film->n_packets; i++)
        film->packet[i].frame = -1;
    for (int64_t i = 0; i < film->n_frames && !film->info.sequential; i++)
        film->packet[film->frame[i].packet].frame = i;
    for (int64_t i = 0; i < film->n_packets; i++) {
        if ((film->packet[i].flags & PACKET_KEY) && film->packet[i].frame >= 0)
            key = i;
        film->packet[i].key = key;
    }
}
