/* order: the frames of a film in the order in which they are shown, derived from its packets' times. */
#include "film/index/parts.h"

#include "base/mem.h"
#include "film/ticks.h"

#include <stdlib.h>
#include <string.h>

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

/* Decoders emit frames by their order of display, whatever jumps the timestamps make. Sorting by timestamp is right
 * between two jumps (an *epoch*; decode timestamps only rise in one); each epoch's time goes on where the last one
 * ended. */
bool film_order_by_time(struct film *film, int video_delay, int wrap_bits)
{
    struct shown *shown = mem_array((size_t)film->n_packets, sizeof *shown);
    const bool has_delay = video_delay > 0;
    int64_t n = 0, epoch = 0, last_dts = FILM_NO_TIME;
    bool known = shown != NULL;

    for (int64_t i = 0; i < film->n_packets && known; i++) {
        const struct film_packet *p = &film->packet[i];
        const int64_t dts = ticks_unwrap(p->dts, last_dts, wrap_bits);
        const int64_t pts = p->pts != FILM_NO_TIME ? p->pts : has_delay ? FILM_NO_TIME : p->dts;

        if (dts != FILM_NO_TIME) {
            if (last_dts != FILM_NO_TIME && dts < last_dts)
                epoch++;
            last_dts = dts;
        }
        if (!(p->flags & PACKET_SHOWN))
            continue;
        known = pts != FILM_NO_TIME;
        if (known)
            shown[n++] = (struct shown){epoch, ticks_unwrap(pts, last_dts, wrap_bits), i};
    }
    if (known)
        qsort(shown, (size_t)n, sizeof *shown, compare_shown);
    for (int64_t i = 1; i < n && known; i++) /* two packets at one time: fields, or wrong times */
        known = shown[i].epoch != shown[i - 1].epoch || shown[i].time != shown[i - 1].time;

    int64_t start = 0, first = 0; /* of the epoch: its time, its first frame */
    for (int64_t i = 0; i < n && known; i++) {
        const int64_t packet = shown[i].packet;
        if (i > 0 && shown[i].epoch != shown[i - 1].epoch) {
            start = ticks_later(film->frame[i - 1].ticks, film->info.usual_ticks);
            first = i;
        }
        const struct film_packet *p = &film->packet[packet];
        film->frame[i] = (struct film_frame){.pts = p->pts != FILM_NO_TIME ? p->pts : p->dts,
                                             .ticks = ticks_later(start, shown[i].time - shown[first].time),
                                             .packet = packet};
    }
    film->n_frames = known ? n : 0;
    free(shown);
    return known;
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
