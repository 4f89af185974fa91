/* film_packets: reads all packets of a film's video stream: when each is shown, whether a frame comes of it at all, and
 * what it promises as a place to start decoding, for which the NAL units of H.264 and HEVC are looked into; of VP9
 * whether pictures are shown twice. */
#include "media/film_parts.h"

#include "base/mem.h"
#include "media/ticks.h"

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

static void note_other_packet(void *context, const AVPacket *p)
{
    struct film_reader *r = context;

    note_end(r, p, r->in->format->streams[p->stream_index]->time_base);
}

/* Gets a NAL unit and how many bytes there are from it on: its own, or after start codes all that follow. */
typedef bool nal_visitor(void *context, const uint8_t *nal, size_t bytes);

/* Visits the NAL units of a packet, length-prefixed (length_bytes 1..4) or after start codes (0), until visit says
 * so. */
static void each_nal(const AVPacket *p, int length_bytes, nal_visitor *visit, void *context)
{
    const uint8_t *at = p->data, *const end = p->data + p->size;

    while (end - at > length_bytes + 2) {
        if (length_bytes == 0) {
            if (at[0] == 0 && at[1] == 0 && at[2] == 1 && end - at > 4) {
                if (visit(context, at + 3, (size_t)(end - at - 3)))
                    return;
                at += 3;
            }
            at++;
            continue;
        }
        uint32_t length = 0;
        for (int i = 0; i < length_bytes; i++)
            length = length << 8 | at[i];
        const size_t there = (size_t)(end - at - length_bytes);
        if (visit(context, at + length_bytes, length < there ? length : there) || length > there)
            return;
        at += length_bytes + (ptrdiff_t)length;
    }
}

static int nal_length_bytes(const AVCodecParameters *par)
{
    const uint8_t *e = par->extradata;

    if (par->codec_id == AV_CODEC_ID_H264)
        return par->extradata_size >= 7 && e[0] == 1 ? (e[4] & 3) + 1 : 0; /* 0: Annex B */
    return par->extradata_size >= 23 && (e[0] || e[1] || e[2] > 1) ? (e[21] & 3) + 1 : 0;
}

static bool is_h264_idr(void *found, const uint8_t *nal, size_t bytes)
{
    (void)bytes;
    const int type = nal[0] & 31;

    *(bool *)found |= type == 5;
    return type == 5 || type == 1;
}

static bool is_hevc_idr(void *found, const uint8_t *nal, size_t bytes)
{
    (void)bytes;
    const int type = nal[0] >> 1 & 63;

    *(bool *)found |= type == 19 || type == 20;
    return type < 32;
}

static bool is_upper_sublayer(void *found, const uint8_t *nal, size_t bytes)
{
    (void)bytes;
    const int type = nal[0] >> 1 & 63, temporal_id = (nal[1] & 7) - 1;

    if (type < 32 && temporal_id > 0)
        *(bool *)found = true;
    return *(bool *)found;
}

/* Parameter sets within packets. Where they say other things than the container does, decoding must not start at a key
 * frame that has none of its own. */
struct headers {
    const AVCodecParameters *par;
    bool are_there, are_others;
};

static bool has_bytes(const AVCodecParameters *par, const uint8_t *bytes, size_t n)
{
    return par->extradata_size > 0 && memmem(par->extradata, (size_t)par->extradata_size, bytes, n);
}

static bool note_headers(void *context, const uint8_t *nal, size_t bytes)
{
    struct headers *h = context;
    const bool is_h264 = h->par->codec_id == AV_CODEC_ID_H264;
    const int type = is_h264 ? nal[0] & 31 : nal[0] >> 1 & 63;

    if (is_h264 ? type >= 1 && type <= 5 : type < 32) /* a slice: they come before */
        return true;
    if (is_h264 ? type != 7 && type != 8 : type > 34)
        return false;
    if (nal_length_bytes(h->par) == 0) {
        const uint8_t *next = memmem(nal, bytes, "\0\0\1", 3);
        bytes = next ? (size_t)(next - nal) : bytes;
    }
    while (bytes > 0 && nal[bytes - 1] == 0)
        bytes--;
    h->are_there = true;
    h->are_others |= !has_bytes(h->par, nal, bytes);
    return false;
}

static void judge_headers(struct film_reader *r, const AVPacket *p)
{
    struct headers h = {.par = r->in->stream->codecpar};
    size_t bytes = 0;
    const uint8_t *own = av_packet_get_side_data(p, AV_PKT_DATA_NEW_EXTRADATA, &bytes);

    if (own && bytes > 0 && !has_bytes(h.par, own, bytes))
        r->has_loose_headers = true;
    if (h.par->codec_id != AV_CODEC_ID_H264 && h.par->codec_id != AV_CODEC_ID_HEVC)
        return;
    each_nal(p, nal_length_bytes(h.par), note_headers, &h);
    if ((p->flags & AV_PKT_FLAG_KEY) && !h.are_there && r->has_other_headers)
        r->has_loose_headers = true;
    r->has_other_headers |= h.are_others;
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

static uint32_t key_flags(const AVCodecParameters *par, const AVPacket *p)
{
    bool is_idr = false;

    switch (par->codec_id) {
    case AV_CODEC_ID_H264: /* a recovery point is a key frame too, but exact only some frames on */
        each_nal(p, nal_length_bytes(par), is_h264_idr, &is_idr);
        return is_idr ? PACKET_KEY | PACKET_CLEAN | PACKET_CLOSED : PACKET_KEY;
    case AV_CODEC_ID_HEVC: /* after a CRA picture come some that look behind it */
        each_nal(p, nal_length_bytes(par), is_hevc_idr, &is_idr);
        return is_idr ? PACKET_KEY | PACKET_CLEAN | PACKET_CLOSED : PACKET_KEY | PACKET_CLEAN;
    case AV_CODEC_ID_VP8:
    case AV_CODEC_ID_VP9:
    case AV_CODEC_ID_AV1:
        return PACKET_KEY | PACKET_CLEAN | PACKET_CLOSED;
    default:
        return PACKET_KEY | PACKET_CLEAN;
    }
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
    if (p->flags & AV_PKT_FLAG_KEY)
        flags |= key_flags(par, p);
    judge_headers(r, p);
    if (par->codec_id == AV_CODEC_ID_HEVC && !r->has_sublayers)
        each_nal(p, nal_length_bytes(par), is_upper_sublayer, &r->has_sublayers);
    return flags;
}

static enum status add_packet(struct film_reader *r, const AVPacket *p)
{
    struct film *film = r->film;
    struct film_packet *grown = mem_grow(film->packet, (size_t)film->n_packets, &r->room, sizeof *grown);

    if (!grown)
        return ST_NOMEM;
    film->packet = grown;
    film->packet[film->n_packets++] = (struct film_packet){
        .pts = ticks_time(p->pts),
        .dts = ticks_time(p->dts),
        .pos = p->pos,
        .bytes = (uint32_t)p->size,
        .flags = packet_flags(r, p),
    };
    note_end(r, p, r->in->stream->time_base);
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
    while ((st = av_input_read(r->in, p, note_other_packet, r)) == ST_OK) {
        st = add_packet(r, p);
        if (progress && r->film->n_packets % 256 == 0 && p->pos >= 0)
            progress(context, p->pos, info->bytes);
        av_packet_unref(p);
        if (st != ST_OK)
            break;
    }
    av_packet_free(&p);
    if (st == ST_FORMAT)
        snprintf(info->incomplete, sizeof info->incomplete, "%s", status_message());
    return st == ST_END || st == ST_FORMAT ? ST_OK : st;
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
