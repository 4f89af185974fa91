/* head: decodes a film's first packets, to see that packets and frames agree. In a thread of its own, since reading all
 * packets takes as long. */
#include "film/index/parts.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_PACKETS = 64, HEAD_ROOM = 4 * HEAD_PACKETS };

struct film_head {
    const char *path;
    const atomic_int *stop;
    pthread_t thread;
    bool is_running, damaged;
    struct film_info picture;     /* what the first picture tells */
    int64_t n, packet[HEAD_ROOM]; /* in the order of output */
    enum status status;
    char message[STATUS_MESSAGE_BYTES];
};

/* --- decoding ----------------------------------------------------------------------------------------------------- */

static void take_outputs(struct film_head *h, struct av_look *look)
{
    int64_t n_faults = 0;

    while (av_decoder_receive(look->decoder, look->frame, &n_faults)) {
        if (h->n == 0)
            film_describe_picture(&h->picture, look->decoder, look->frame);
        if (h->n < HEAD_ROOM)
            h->packet[h->n++] = look->frame->pts;
        h->damaged |= film_is_damaged(look->frame);
        av_frame_unref(look->frame);
    }
    h->damaged |= n_faults > 0;
}

/* Each packet carries its number as its timestamp. */
static enum status decode_head(struct film_head *h)
{
    struct av_look look;
    enum status st;

    TRY_OR(done, st, av_look_open(&look, h->path, h->stop));
    look.decoder->skip_loop_filter = AVDISCARD_ALL; /* the pictures are not shown */
    TRY_OR(done, st, av_decoder_start(look.decoder, &look.in));
    for (int i = 0; i < HEAD_PACKETS; i++) {
        st = av_input_read(&look.in, look.packet, NULL, NULL);
        if (st != ST_OK)
            break;
        look.packet->pts = look.packet->dts = i;
        if (avcodec_send_packet(look.decoder, look.packet) < 0)
            h->damaged = true;
        av_packet_unref(look.packet);
        take_outputs(h, &look);
    }
    avcodec_send_packet(look.decoder, NULL);
    take_outputs(h, &look);
    st = st == ST_INTERRUPTED ? st : ST_OK;
done:
    av_look_close(&look);
    return st;
}

static void *head_main(void *context)
{
    struct film_head *h = context;

    h->status = decode_head(h);
    if (h->status != ST_OK)
        memcpy(h->message, status_message(), sizeof h->message);
    return NULL;
}

enum status film_head_begin(const char *path, const atomic_int *stop, struct film_head **out)
{
    struct film_head *h = *out = mem_array(1, sizeof *h);

    TRY_MEM(h);
    h->path = path;
    h->stop = stop;
    h->is_running = pthread_create(&h->thread, NULL, head_main, h) == 0;
    if (!h->is_running)
        head_main(h);
    return ST_OK;
}

static void wait_for(struct film_head *h)
{
    if (h->is_running)
        pthread_join(h->thread, NULL);
    h->is_running = false;
}

void film_head_end(struct film_head **h)
{
    if (*h)
        wait_for(*h);
    free(*h);
    *h = NULL;
}

/* --- comparing ---------------------------------------------------------------------------------------------------- */

static void take_picture(struct film_info *to, const struct film_info *from)
{
    memcpy(to->matrix, from->matrix, sizeof to->matrix);
    memcpy(to->range, from->range, sizeof to->range);
    memcpy(to->pixel_format, from->pixel_format, sizeof to->pixel_format);
    to->matrix_is_assumed = from->matrix_is_assumed;
    to->chroma_w_log2 = from->chroma_w_log2;
    to->chroma_h_log2 = from->chroma_h_log2;
    to->is_ipt |= from->is_ipt;
    to->tone.transfer = from->tone.transfer;
    to->tone.primaries = from->tone.primaries;
    if (from->tone.peak > 0 && (to->tone.peak == 0 || strcmp(from->peak_from, "MaxCLL") == 0)) {
        to->tone.peak = from->tone.peak;
        memcpy(to->peak_from, from->peak_from, sizeof to->peak_from);
    }
    to->width = from->width;
    to->height = from->height;
    to->decoder_bytes = from->decoder_bytes;
}

/* Packets at the very beginning that yield no frame refer to pictures before the film's start: they are its lead-in,
 * not part of it. */
static bool agrees_with(struct film *film, const struct film_head *h)
{
    const int64_t n_packets = film->n_packets < HEAD_PACKETS ? film->n_packets : HEAD_PACKETS;
    int64_t at = 0, first = 0;

    while (first < film->n_frames && h->n > 0 && film->frame[first].packet != h->packet[0])
        first++;
    if (first == film->n_frames || h->n == 0)
        return false;
    for (int64_t i = 0; i < first; i++)
        if (film->frame[i].packet >= n_packets || h->damaged)
            return false;
    for (int64_t i = first; i < film->n_frames && at < h->n; i++) {
        if (film->frame[i].packet >= n_packets)
            continue; /* comes later in the file than was decoded */
        if (film->frame[i].packet != h->packet[at])
            return false;
        at++;
    }
    if (at != h->n)
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

enum status film_head_compare(struct film_head *h, struct film *film, bool *agrees)
{
    wait_for(h);
    *agrees = false;
    if (h->status != ST_OK) {
        status_adopt(h->message);
        return h->status;
    }
    if (h->n > 0)
        take_picture(&film->info, &h->picture);
    *agrees = agrees_with(film, h);
    return ST_OK;
}
