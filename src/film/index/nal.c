/* nal: H.264 and HEVC: where decoding can start, and whether a decoder that starts there knows the headers. */
#include "film/index/parts.h"

#include <string.h>

/* --- NAL units ---------------------------------------------------------------------------------------------------- */

/* Gets a NAL unit of at least 2 bytes and how many there are from it on: its own, or after start codes all that
 * follow. */
typedef bool nal_visitor(void *context, const uint8_t *nal, size_t bytes);

/* Visits the NAL units of a packet, length-prefixed (length_bytes 1..4) or after start codes (0), until visit says
 * so. */
static void each_nal(const AVPacket *p, int length_bytes, nal_visitor *visit, void *context)
{
    const uint8_t *at = p->data, *const end = p->data + p->size;

    if (length_bytes == 4 && p->size > 4 && memcmp(at, "\0\0\0\1", 4) == 0) /* start codes all the same */
        length_bytes = 0;
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
        if (length > there || (length >= 2 && visit(context, at + length_bytes, length)))
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

/* The bytes of a NAL unit without those that keep start codes from appearing in it; ends also at a start code. */
struct payload {
    const uint8_t *at, *end;
    int zeros;
};

static int next_byte(struct payload *s)
{
    if (s->at < s->end && s->zeros >= 2 && *s->at == 3) {
        s->at++;
        s->zeros = 0;
    }
    if (s->at == s->end || (s->zeros >= 2 && *s->at <= 1))
        return -1;
    s->zeros = *s->at == 0 ? s->zeros + 1 : 0;
    return *s->at++;
}

/* A number that goes on as long as its bytes are 255 (H.264, 7.3.2.3.1). */
static int64_t next_number(struct payload *s)
{
    int64_t sum = 0;
    int byte;

    while ((byte = next_byte(s)) == 255)
        sum += 255;
    return byte < 0 ? -1 : sum + byte;
}

/* --- parameter sets of H.264 and HEVC ----------------------------------------------------------------------------- */

/* Parameter sets within packets. Where they say other things than the container does, decoding must not start at a key
 * frame that has none of its own. */
struct headers {
    const AVCodecParameters *par;
    bool are_there, are_others;
};

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
    h->are_others |= !film_header_has(h->par, nal, bytes);
    return false;
}

/* The flags as they are. */
static uint32_t with_headers_judged(struct film_reader *r, const AVPacket *p, uint32_t flags)
{
    struct headers h = {.par = r->in->stream->codecpar};

    each_nal(p, nal_length_bytes(h.par), note_headers, &h);
    if ((flags & PACKET_KEY) && !h.are_there && r->has_other_headers)
        r->has_loose_headers = true;
    r->has_other_headers |= h.are_others;
    return flags;
}

/* --- H.264 -------------------------------------------------------------------------------------------------------- */

struct h264_start {
    bool is_idr, is_intra; /* the first slice */
    int64_t recovery;      /* frames after which what is shown is said to be exact; -1 = no recovery point */
};

/* Exp-Golomb from bit `from` of 8 bytes on; -1 where they are too few. */
static int64_t read_ue(const uint8_t data[8], int *from)
{
    uint64_t bits = 0;

    for (int i = 0; i < 8; i++)
        bits = bits << 8 | data[i];
    bits <<= *from;
    const int zeros = bits ? __builtin_clzll(bits) : 64;
    *from += 2 * zeros + 1;
    return zeros > 20 || *from > 63 ? -1 : (int64_t)(bits >> (63 - 2 * zeros)) - 1;
}

/* Supplemental enhancement information with a recovery point in it (H.264, D.1.8). */
static int64_t find_recovery_point(const uint8_t *nal, size_t bytes)
{
    struct payload s = {nal + 1, nal + bytes, 0};

    for (;;) {
        const int64_t type = next_number(&s), size = next_number(&s);
        uint8_t data[8] = {0};
        if (type < 0 || size <= 0)
            return -1;
        for (int64_t i = 0; i < size; i++) {
            const int byte = next_byte(&s);
            if (byte < 0)
                return -1;
            if (i < 8)
                data[i] = (uint8_t)byte;
        }
        int from = 0;
        if (type == 6)
            return read_ue(data, &from);
    }
}

/* H.264, 7.3.3: first_mb_in_slice, slice_type, which is 2 or 7 of I slices. */
static bool is_intra_slice(const uint8_t *nal, size_t bytes)
{
    uint8_t data[8] = {0};
    int from = 0;

    memcpy(data, nal + 1, bytes - 1 < 8 ? bytes - 1 : 8); /* no numbers so small hold start codes */
    return read_ue(data, &from) >= 0 && read_ue(data, &from) % 5 == 2;
}

static bool visit_h264(void *context, const uint8_t *nal, size_t bytes)
{
    struct h264_start *s = context;
    const int type = nal[0] & 31;

    if (type == 6 && s->recovery < 0)
        s->recovery = find_recovery_point(nal, bytes);
    if (type != 5 && type != 1 && type != 2)
        return false;
    s->is_idr = type == 5;
    s->is_intra = is_intra_slice(nal, bytes);
    return true;
}

/* A recovery point is exact only some frames on. One that takes frames to recover (intra refresh) is none: 12 of 100
 * frames of an x264 film that starts so came out different, many frames after they should have been exact. */
uint32_t film_start_of_h264(struct film_reader *r, const AVPacket *p)
{
    struct h264_start s = {.recovery = -1};

    each_nal(p, nal_length_bytes(r->in->stream->codecpar), visit_h264, &s);
    return with_headers_judged(r, p, s.is_idr ? CLOSED_START : s.recovery == 0 && s.is_intra ? PACKET_KEY : 0);
}

/* --- HEVC --------------------------------------------------------------------------------------------------------- */

enum {
    RASL_N = 8,
    RASL_R = 9,
    BLA_FIRST = 16,
    BLA_LAST = 18,
    IDR_FIRST = 19,
    IDR_LAST = 20,
    CRA = 21,
    EOS = 36,
    EOB = 37
};

struct hevc_start {
    int slice_type; /* of the first slice's NAL unit; -1 = none */
    bool is_upper_sublayer;
    bool ends_before; /* a sequence's end precedes it */
};

static bool visit_hevc(void *context, const uint8_t *nal, size_t bytes)
{
    struct hevc_start *s = context;
    const int type = nal[0] >> 1 & 63, temporal_id = bytes > 1 ? (nal[1] & 7) - 1 : 0;

    s->ends_before |= type == EOS || type == EOB;
    if (type >= 32)
        return false;
    s->slice_type = type;
    s->is_upper_sublayer = temporal_id > 0;
    return true;
}

/* A sequence's end as the packet's last NAL unit, of two bytes. */
static bool ends_sequence(const AVPacket *p)
{
    const uint8_t *e = p->data + p->size;
    const int type = p->size >= 6 ? e[-2] >> 1 & 63 : 0;

    return (type == EOS || type == EOB) && (e[-3] == 1 || e[-3] == 2) && e[-4] == 0 && e[-5] == 0;
}

/* H.265, 8.1: leading pictures that refer to what precedes their IRAP are not shown behind a BLA, nor behind a CRA that
 * begins a sequence. (Those at the film's beginning are found with its first pictures.) */
static void note_hidden(struct film_reader *r, const AVPacket *p, const struct hevc_start *s)
{
    const bool is_irap = s->slice_type >= BLA_FIRST && s->slice_type <= CRA;

    if (is_irap)
        r->drops_leading = r->has_irap && ((s->slice_type >= BLA_FIRST && s->slice_type <= BLA_LAST) ||
                                           (s->slice_type == CRA && (s->ends_before || r->has_ended)));
    r->is_hidden = r->drops_leading && (s->slice_type == RASL_N || s->slice_type == RASL_R);
    r->has_irap |= is_irap;
    r->has_ended = ends_sequence(p);
}

/* IRAP pictures; those that are not IDR may be followed by pictures that refer to earlier ones. */
uint32_t film_start_of_hevc(struct film_reader *r, const AVPacket *p)
{
    struct hevc_start s = {.slice_type = -1};

    each_nal(p, nal_length_bytes(r->in->stream->codecpar), visit_hevc, &s);
    r->has_sublayers |= s.is_upper_sublayer;
    note_hidden(r, p, &s);
    const bool is_idr = s.slice_type == IDR_FIRST || s.slice_type == IDR_LAST;
    const bool is_irap = s.slice_type >= BLA_FIRST && s.slice_type <= CRA;
    return with_headers_judged(r, p, is_idr ? CLOSED_START : is_irap ? OPEN_START : 0);
}
