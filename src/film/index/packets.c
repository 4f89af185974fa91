/* packets: reads all packets of a film's video stream: when each is shown, whether it yields a frame, and whether
 * decoding can start there; for VP9 also whether pictures are shown twice. */
#include "film/index/parts.h"

#include "base/mem.h"
#include "film/ticks.h"

#include <stdio.h>
#include <string.h>

static void note_end(struct film_reader *r, const AVPacket *p, AVRational time_base)
{
    const int64_t t = p->pts != AV_NOPTS_VALUE ? p->pts : p->dts;

    if (t != AV_NOPTS_VALUE) {
        const double end = ((double)t + (double)(p->duration > 0 ? p->duration : 0)) * av_q2d(time_base);
        if (end > r->seen_end)
            r->seen_end = end;
    }
}

/* Bytes between packets that belong to none, where packets lie in the file in one piece each, more than there are in a
 * frame: something was there. */
static bool is_behind_strays(struct film_reader *r, const AVPacket *p)
{
    static const char *const in_one_piece[] = {"matroska,webm", "flv"};
    const int64_t usual = r->film->n_packets > 0 ? r->video_bytes / r->film->n_packets : 0;
    bool found = false;

    for (size_t i = 0; i < sizeof in_one_piece / sizeof *in_one_piece; i++)
        found |= strcmp(r->in->format->iformat->name, in_one_piece[i]) == 0;
    found = found && r->seen_bytes > 0 && p->pos - r->seen_bytes > usual + 1024;
    if (p->pos >= 0 && p->pos + p->size > r->seen_bytes)
        r->seen_bytes = p->pos + p->size;
    return found;
}

static void note_other_packet(void *context, const AVPacket *p)
{
    struct film_reader *r = context;

    note_end(r, p, r->in->format->streams[p->stream_index]->time_base);
    r->is_behind_fault |= is_behind_strays(r, p);
}

/* VP9 bitstream specification, 6.2: show_existing_frame of a frame that begins with this byte. */
static bool is_vp9_repeat(uint8_t first)
{
    const bool is_profile_3 = (first & 0x30) == 0x30;

    return (first & (is_profile_3 ? 4 : 8)) != 0;
}

/* Annex B: a superframe ends with an index of its frames' sizes between two equal bytes. */
static bool has_vp9_repeat(const AVPacket *p)
{
    const uint8_t mark = p->data[p->size - 1];
    const int n = (mark & 7) + 1, bytes = (mark >> 3 & 3) + 1, index = p->size - 2 - n * bytes;
    size_t at = 0;

    if ((mark & 0xE0) != 0xC0 || index < 0 || p->data[index] != mark)
        return is_vp9_repeat(p->data[0]);
    for (int i = 0; i < n && at < (size_t)index; i++) {
        if (is_vp9_repeat(p->data[at]))
            return true;
        for (int b = 0; b < bytes; b++)
            at += (size_t)p->data[index + 1 + i * bytes + b] << 8 * b;
    }
    return false;
}

static uint32_t packet_flags(struct film_reader *r, const AVPacket *p)
{
    const AVCodecParameters *par = r->in->stream->codecpar;
    uint32_t flags = PACKET_SHOWN;

    if (p->flags & AV_PKT_FLAG_DISCARD) /* cut away by an edit list */
        flags &= ~(uint32_t)PACKET_SHOWN;
    if (par->codec_id == AV_CODEC_ID_VP8 && p->size > 0 && !(p->data[0] & 0x10)) /* show_frame, RFC 6386 section 9.1 */
        flags &= ~(uint32_t)PACKET_SHOWN;
    if (par->codec_id == AV_CODEC_ID_VP9 && p->size > 0 && has_vp9_repeat(p))
        r->film->info.shows_again = true;
    r->is_behind_fault |= is_behind_strays(r, p) || r->n_read_errors < r->in->n_read_errors;
    if (p->flags & AV_PKT_FLAG_CORRUPT)
        flags |= PACKET_BROKEN | PACKET_MARKED;
    if (r->is_behind_fault)
        flags |= PACKET_BROKEN;
    r->is_behind_fault = false;
    r->n_read_errors = r->in->n_read_errors;
    flags |= film_start_flags(r, p);
    return r->is_hidden ? flags & ~(uint32_t)PACKET_SHOWN : flags;
}

static enum status add_packet(struct film_reader *r, const AVPacket *p)
{
    struct film *film = r->film;
    struct film_packet *grown = mem_grow(film->packet, (size_t)film->n_packets, &r->room, sizeof *grown);
    const uint32_t flags = packet_flags(r, p);

    TRY_MEM(grown);
    film->packet = grown;
    film->packet[film->n_packets++] = (struct film_packet){
        .pts = ticks_time(p->pts),
        .dts = ticks_time(p->dts),
        .pos = p->pos,
        .bytes = (uint32_t)p->size,
        .flags = flags,
    };
    note_end(r, p, r->in->stream->time_base);
    r->video_bytes += p->size;
    r->n_corrupt += (p->flags & AV_PKT_FLAG_CORRUPT) != 0;
    if (p->duration > 0)
        r->last_duration = p->duration;
    return ST_OK;
}

enum status film_read_packets(struct film_reader *r, film_progress *progress, void *context)
{
    struct film_info *info = &r->film->info;
    AVPacket *p = av_packet_alloc();
    enum status st;

    if (!p)
        return FAIL(ST_NOMEM, "out of memory for a packet");
    film_starts_begin(r);
    while ((st = av_input_read(r->in, p, note_other_packet, r)) == ST_OK) {
        st = add_packet(r, p);
        if (progress && r->film->n_packets % 256 == 0 && p->pos >= 0)
            progress(context, p->pos, info->bytes);
        av_packet_unref(p);
        if (st != ST_OK)
            break;
    }
    av_packet_free(&p);
    film_starts_end(r);
    return st == ST_END ? ST_OK : st;
}

int64_t film_usual_duration(const struct film_reader *r)
{
    const AVRational rate =
        r->in->stream->avg_frame_rate.num > 0 ? r->in->stream->avg_frame_rate : r->in->stream->r_frame_rate;

    if (r->last_duration > 0)
        return ticks_length(r->last_duration);
    if (rate.num > 0 && rate.den > 0)
        return ticks_length(av_rescale_q(1, av_inv_q(rate), r->in->stream->time_base));
    return 1;
}
