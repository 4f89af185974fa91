/* index: see index.h. Steps: read all packets (packets.c); order them as they will be shown (order.c); decode the first
 * few to see that packets and frames agree (head.c) and all where they do not (listing.c); count what is missing
 * (whole.c). */
#include "film/index/index.h"

#include "base/mem.h"
#include "film/index/parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the list of frames ------------------------------------------------------------------------------------------- */

void film_settle(struct film *film, const struct film_decoded *decoded)
{
    if (film->n_frames == 0)
        return;
    film->info.duration_ticks = film->frame[film->n_frames - 1].ticks + film->info.usual_ticks;
    film_link_packets(film);
    film_judge_frames(film, decoded);
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static enum status read_index(struct film *film, struct film_reader *r, struct film_head *head, const atomic_int *stop,
                              film_progress *progress, void *context)
{
    enum status st = ST_OK;

    film_describe_stream(&film->info, r->in);
    TRY(film_identify(film));
    TRY(film_read_packets(r, progress, context));
    if (film->n_packets == 0)
        return FAIL(ST_FORMAT, "%s: its video stream (%s) holds no frames", film->path, film->info.codec);
    if (r->has_sublayers)
        film->info.skips_unreferenced = false;
    film->info.usual_ticks = film_usual_duration(r);
    film->frame = mem_array((size_t)film->n_packets, sizeof *film->frame);
    TRY_MEM(film->frame);
    TRY(film_judge_container(film, r));

    /* Packets that the container knows to be broken: only decoding tells what is left. Headers that a decoder knows
     * only if it has decoded what came before: it has to start at the beginning. */
    const char *why = r->n_corrupt > 0       ? "its container marks broken packets"
                      : r->has_loose_headers ? "its headers change midway"
                                             : NULL;
    if (!why && !film_order_by_time(film, r->in->stream->codecpar->video_delay, r->in->stream->pts_wrap_bits))
        why = "times do not tell the order of its frames";
    if (!why) {
        bool agrees;
        st = film_head_compare(head, film, &agrees);
        why = agrees ? NULL : "frames cannot be recognised by their packets";
    }
    if (st == ST_OK && !why) {
        bool are_sound;
        film_settle(film, NULL);
        st = film_look_at_holes(film, stop, &are_sound);
        why = are_sound ? NULL : "frames beside a hole do not come out as listed";
    }
    if (st == ST_OK && why) {
        film->n_frames = 0;
        st = ffmpeg_list_by_decoding(film, why, stop, progress, context);
    }
    if (st == ST_OK && film->n_frames == 0)
        st = FAIL(ST_FORMAT, "%s: none of its %lld video packets (%s) could be decoded", film->path,
                  (long long)film->n_packets, film->info.codec);
    return st;
}

enum status ffmpeg_index(struct film *film, const atomic_int *stop, film_progress *progress, void *context)
{
    struct av_input in = {0};
    struct film_reader r = {.film = film, .in = &in};
    struct film_head *head = NULL;
    enum status st = av_input_open(&in, film->path, stop);

    if (st == ST_OK)
        st = film_refuse_by_headers(&in, film->path);
    if (st == ST_OK)
        st = film_head_begin(film->path, stop, &head);
    if (st == ST_OK)
        st = read_index(film, &r, head, stop, progress, context);
    film_head_end(&head);
    av_input_close(&in);
    return st;
}
