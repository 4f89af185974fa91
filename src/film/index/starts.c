/* starts: where decoding can start, read out of the packets themselves. What a container calls a key frame is a hint:
 * indexes get lost, muxers mark whatever they like, and some codecs' "key" packets need pictures, codebooks or palettes
 * of earlier ones. Codecs that keep state from packet to packet and do not show their starts in a way known here are
 * decoded from the film's first packet by one decoder. */
#include "film/index/parts.h"

#include "base/sha256.h"

#include <libavutil/pixdesc.h>

#include <stdio.h>
#include <string.h>

bool film_header_has(const AVCodecParameters *par, const uint8_t *bytes, size_t n)
{
    return par->extradata_size > 0 && memmem(par->extradata, (size_t)par->extradata_size, bytes, n);
}

/* --- VP8, VP9, AV1 ------------------------------------------------------------------------------------------------ */

/* RFC 6386, section 9.1 */
static uint32_t vp8_flags(struct film_reader *r, const AVPacket *p)
{
    (void)r;
    return p->size >= 10 && !(p->data[0] & 1) && memcmp(p->data + 3, "\x9D\x01\x2A", 3) == 0 ? CLOSED_START : 0;
}

/* VP9 bitstream specification, 6.2: frame_marker, profile, show_existing_frame, frame_type, show_frame,
 * error_resilient_mode, and of key frames the sync code; profile 3 has a reserved bit more. */
static uint32_t vp9_flags(struct film_reader *r, const AVPacket *p)
{
    uint64_t bits = 0;

    (void)r;
    if (p->size < 5)
        return 0;
    for (int i = 0; i < 5; i++)
        bits = bits << 8 | p->data[i];
    const int more = (p->data[0] & 0x30) == 0x30;
    const bool is_frame = bits >> 38 == 2, shows_existing = bits >> (35 - more) & 1, is_inter = bits >> (34 - more) & 1;
    const bool is_in_sync = (bits >> (8 - more) & 0xFFFFFF) == 0x498342;

    return is_frame && !shows_existing && !is_inter && is_in_sync ? CLOSED_START : 0;
}

/* AV1 bitstream specification, 5.3: obu_header, obu_size; 5.9.2: how a frame header begins. A shown key frame, first
 * frame of its temporal unit, after a sequence header that is the film's. */
static uint32_t av1_flags(struct film_reader *r, const AVPacket *p)
{
    const AVCodecParameters *par = r->in->stream->codecpar;
    const uint8_t *at = p->data, *const end = p->data + p->size;
    bool has_sequence = false;

    while (at < end) {
        const int type = at[0] >> 3 & 15, has_extension = at[0] >> 2 & 1, has_size = at[0] >> 1 & 1;
        uint64_t bytes = 0;
        int n = 0;
        at += 1 + has_extension;
        for (bool goes_on = has_size; goes_on && at < end && n < 8; n++, at++) {
            bytes |= (uint64_t)(*at & 127) << 7 * n;
            goes_on = *at & 128;
        }
        if (at >= end)
            return 0;
        if (!has_size || bytes > (uint64_t)(end - at))
            bytes = (uint64_t)(end - at);
        if (type == 1 && bytes > 0) { /* OBU_SEQUENCE_HEADER */
            has_sequence = true;
            r->has_other_headers |= !film_header_has(par, at, bytes);
            if (at[0] & 8) /* reduced_still_picture_header: frames have no such bits */
                return 0;
        } else if ((type == 3 || type == 6) && bytes > 0) { /* OBU_FRAME_HEADER, OBU_FRAME */
            const int show_existing = at[0] >> 7, frame_type = at[0] >> 5 & 3, show_frame = at[0] >> 4 & 1;
            const bool is_known = has_sequence || (par->extradata_size > 4 && !r->has_other_headers);
            return !show_existing && frame_type == 0 && show_frame && is_known ? CLOSED_START : 0;
        }
        at += bytes;
    }
    return 0;
}

/* --- MPEG-1, -2 and -4 part 2 ------------------------------------------------------------------------------------- */

/* The next start code at or after `at`: its last byte, the one after 00 00 01; NULL = none. */
static const uint8_t *next_code(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *found = end - at >= 4 ? memmem(at, (size_t)(end - at - 1), "\0\0\1", 3) : NULL;

    return found ? found + 3 : NULL;
}

/* ISO/IEC 13818-2, 6.2: an I picture after a sequence header of its own, or after a group's where the sequence headers
 * so far are the container's, and no picture has had matrices of its own. Pictures shown before it may refer to
 * earlier ones. */
static uint32_t mpeg12_flags(struct film_reader *r, const AVPacket *p)
{
    const uint8_t *const end = p->data + p->size, *sequence = NULL, *code = next_code(p->data, end);
    bool has_sequence = false, has_group = false, is_intra = false, is_picture = false;

    for (; code && !(*code >= 0x01 && *code <= 0xAF); code = next_code(code, end)) { /* up to the first slice */
        if (sequence && *code != 0xB5 && *code != 0xB2) { /* its extensions and user data belong to it */
            r->has_other_headers |= !film_header_has(r->in->stream->codecpar, sequence, (size_t)(code - 3 - sequence));
            sequence = NULL;
        }
        if (*code == 0xB3) {
            sequence = code;
            has_sequence = true;
        }
        has_group |= *code == 0xB8;
        if (*code == 0 && !is_picture) {
            is_picture = true;
            is_intra = end - code > 2 && (code[2] >> 3 & 7) == 1;
        }
        if (*code == 0xB5 && is_picture && end - code > 1 && code[1] >> 4 == 3) /* quant matrix extension */
            r->has_other_headers = true;
    }
    return is_intra && (has_sequence || (has_group && !r->has_other_headers)) ? OPEN_START : 0;
}

/* Of what stands before a packet's first picture: object and layer headers, and user data, by which decoders know whose
 * faults to allow for. Groups' times do not count. */
static bool hash_mpeg4_headers(const AVPacket *p, uint8_t digest[SHA256_BYTES])
{
    const uint8_t *const end = p->data + p->size, *code = next_code(p->data, end), *from = NULL;
    struct sha256 sha;
    bool any = false;

    sha256_init(&sha);
    for (; code; code = next_code(code, end)) {
        if (from)
            sha256_add(&sha, from, (size_t)(code - 3 - from));
        from = *code == 0xB3 || *code == 0xB6 ? NULL : code;
        any |= from != NULL;
        if (*code == 0xB6)
            break;
    }
    sha256_end(&sha, digest);
    return any;
}

/* ISO/IEC 14496-2, 6.2.5: an I-VOP whose headers are those of the film's beginning: a decoder that starts there knows
 * the same as one that decoded everything before. */
static uint32_t mpeg4_flags(struct film_reader *r, const AVPacket *p)
{
    const AVCodecParameters *par = r->in->stream->codecpar;
    const uint8_t *const end = p->data + p->size, *code = next_code(p->data, end);
    uint8_t digest[SHA256_BYTES];
    const bool has_headers = hash_mpeg4_headers(p, digest);

    while (code && *code != 0xB6)
        code = next_code(code, end);
    if (has_headers && !r->has_other_headers) {
        memcpy(r->headers, digest, sizeof r->headers);
        r->has_other_headers = true;
    }
    const bool is_intra = code && end - code > 1 && code[1] >> 6 == 0;
    if (has_headers)
        return is_intra && memcmp(r->headers, digest, sizeof digest) == 0 ? OPEN_START : 0;
    return is_intra && !r->has_other_headers && par->extradata_size > 0 ? OPEN_START : 0;
}

/* --- the others --------------------------------------------------------------------------------------------------- */

struct jpeg_tables {
    uint32_t quantizer, huffman; /* bits of the ids that a picture defines: Huffman's by class, DC 0..3, AC 4..7 */
    uint32_t wanted_quantizer, wanted_huffman;
    int n_components, n_in_scan;
    bool is_baseline, has_comment;
};

/* A segment's body of n bytes (ITU-T T.81, B.2). False where it is not one. */
static bool read_segment(struct jpeg_tables *t, int marker, const uint8_t *s, int n)
{
    int at = 0;

    switch (marker) {
    case 0xDB:
        for (; at < n; at += 1 + (s[at] >> 4 ? 128 : 64))
            t->quantizer |= 1u << (s[at] & 3);
        return true;
    case 0xC4:
        while (at + 17 <= n) {
            int symbols = 0;
            for (int i = 1; i <= 16; i++)
                symbols += s[at + i];
            t->huffman |= 1u << ((s[at] >> 4 & 1) * 4 + (s[at] & 3));
            at += 17 + symbols;
        }
        return true;
    case 0xC0:
    case 0xC1:
        t->is_baseline = true;
        t->n_components = n >= 6 ? s[5] : 0;
        for (int i = 0; i < t->n_components && 8 + 3 * i < n; i++)
            t->wanted_quantizer |= 1u << (s[8 + 3 * i] & 3);
        return n >= 6 + 3 * t->n_components;
    case 0xDA:
        t->n_in_scan = n >= 1 ? s[0] : 0;
        for (int i = 0; i < t->n_in_scan && 2 + 2 * i < n; i++)
            t->wanted_huffman |= 1u << (s[2 + 2 * i] >> 4 & 3) | 16u << (s[2 + 2 * i] & 3);
        return n >= 1 + 2 * t->n_in_scan;
    case 0xFE:
        t->has_comment = true;
        return true;
    default:
        return true;
    }
}

/* True where the segments before the first scan, and its header, could be read. */
static bool read_jpeg_tables(struct jpeg_tables *t, const AVPacket *p)
{
    int at = 2;

    if (p->size < 4 || p->data[0] != 0xFF || p->data[1] != 0xD8)
        return false;
    while (at + 4 <= p->size && p->data[at] == 0xFF) {
        const int marker = p->data[at + 1], bytes = p->data[at + 2] << 8 | p->data[at + 3];
        if (marker == 0xFF) { /* padding */
            at++;
            continue;
        }
        if (bytes < 2 || at + 2 + bytes > p->size || !read_segment(t, marker, p->data + at + 4, bytes - 2))
            return false;
        if (marker == 0xDA)
            return true;
        at += 2 + bytes;
    }
    return false;
}

/* Tables of earlier pictures stay in force where a picture has none; without any, Huffman's are the standard's. A start
 * has all that its one scan asks for, or no Huffman table where none has been yet; comments can say what colours mean.
 */
static uint32_t mjpeg_flags(struct film_reader *r, const AVPacket *p)
{
    struct jpeg_tables t = {0};
    const bool is_read = read_jpeg_tables(&t, p);
    const bool has_any = p->size > 0 && memmem(p->data, (size_t)p->size, "\xFF\xC4", 2); /* coded data has no such */
    const bool is_first = r->film->n_packets == 0;

    r->has_other_headers |= has_any;
    if (is_first)
        r->headers[0] = t.has_comment;
    return is_read && t.is_baseline && t.n_in_scan == t.n_components && (t.wanted_quantizer & ~t.quantizer) == 0 &&
                   (r->has_other_headers ? (t.wanted_huffman & ~t.huffman) == 0 : true) &&
                   t.has_comment == r->headers[0]
               ? OPEN_START
               : 0;
}

/* The first bit that FFV1's range coder decodes, at even probability, is the key frame's mark (RFC 9043, 4.3): all
 * state is reset. */
static uint32_t ffv1_flags(struct film_reader *r, const AVPacket *p)
{
    (void)r;
    return p->size > 2 && (p->data[0] << 8 | p->data[1]) >= 0x7F80 ? OPEN_START : 0;
}

/* Theora specification, 7.1: a frame's packet, of the kind that refers to none. */
static uint32_t theora_flags(struct film_reader *r, const AVPacket *p)
{
    (void)r;
    return p->size > 0 && (p->data[0] & 0xC0) == 0 ? OPEN_START : 0;
}

static uint32_t every_packet(struct film_reader *r, const AVPacket *p)
{
    (void)r;
    return p->size > 0 ? OPEN_START : 0;
}

/* Every frame intra, and nothing that its decoder keeps from one packet to the next: why is said of each. Not PNG (may
 * hold differences to the picture before), APNG, GIF, CineForm (pairs of frames), lossless JPEG. */
static const struct {
    enum AVCodecID codec;
    uint32_t (*flags)(struct film_reader *r, const AVPacket *p);
} rules[] = {
    {AV_CODEC_ID_H264, film_start_of_h264},
    {AV_CODEC_ID_HEVC, film_start_of_hevc},
    {AV_CODEC_ID_VP8, vp8_flags},
    {AV_CODEC_ID_VP9, vp9_flags},
    {AV_CODEC_ID_AV1, av1_flags},
    {AV_CODEC_ID_MPEG1VIDEO, mpeg12_flags},
    {AV_CODEC_ID_MPEG2VIDEO, mpeg12_flags},
    {AV_CODEC_ID_MPEG4, mpeg4_flags},
    {AV_CODEC_ID_MJPEG, mjpeg_flags},
    {AV_CODEC_ID_FFV1, ffv1_flags},
    {AV_CODEC_ID_THEORA, theora_flags},
    {AV_CODEC_ID_PRORES, every_packet},   /* each frame's header has its matrices, or the standard's are meant */
    {AV_CODEC_ID_DNXHD, every_packet},    /* each frame's header names its tables */
    {AV_CODEC_ID_DVVIDEO, every_packet},  /* each frame names its profile; tables are the standard's */
    {AV_CODEC_ID_JPEG2000, every_packet}, /* each packet is a whole codestream */
    {AV_CODEC_ID_HUFFYUV, every_packet},  /* tables in the container's headers or in the packet itself */
    {AV_CODEC_ID_FFVHUFF, every_packet},  /* likewise */
    {AV_CODEC_ID_UTVIDEO, every_packet},  /* each plane of each frame has its own tables */
    {AV_CODEC_ID_MAGICYUV, every_packet}, /* likewise */
    {AV_CODEC_ID_HQX, every_packet},      /* tables are the codec's, chosen by each frame */
    {AV_CODEC_ID_RAWVIDEO, every_packet}, /* samples alone; with a palette see film_starts_begin */
    {AV_CODEC_ID_V210, every_packet},     /* samples alone, as all below */
    {AV_CODEC_ID_V210X, every_packet},
    {AV_CODEC_ID_V308, every_packet},
    {AV_CODEC_ID_V408, every_packet},
    {AV_CODEC_ID_V410, every_packet},
    {AV_CODEC_ID_R210, every_packet},
    {AV_CODEC_ID_R10K, every_packet},
    {AV_CODEC_ID_Y41P, every_packet},
    {AV_CODEC_ID_AYUV, every_packet},
};

void film_starts_begin(struct film_reader *r)
{
    const AVCodecParameters *par = r->in->stream->codecpar;
    struct film_info *info = &r->film->info;
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(par->format);
    const bool has_palette = format && (format->flags & AV_PIX_FMT_FLAG_PAL);

    for (size_t i = 0; i < sizeof rules / sizeof *rules && !r->starts; i++)
        if (rules[i].codec == par->codec_id)
            r->starts = rules[i].flags;
    if (!r->starts)
        snprintf(info->unsplit, sizeof info->unsplit, "packets of %s do not show where decoding can start",
                 info->codec);
    else if (has_palette)
        snprintf(info->unsplit, sizeof info->unsplit, "its palette comes with some packets only");
    info->one_thread = info->unsplit[0] != '\0';
}

uint32_t film_start_flags(struct film_reader *r, const AVPacket *p)
{
    const AVCodecParameters *par = r->in->stream->codecpar;
    size_t bytes = 0;
    const uint8_t *own = av_packet_get_side_data(p, AV_PKT_DATA_NEW_EXTRADATA, &bytes);

    if (own && bytes > 0 && !film_header_has(par, own, bytes))
        r->has_loose_headers = true;
    r->has_side_data |= av_packet_get_side_data(p, AV_PKT_DATA_PALETTE, NULL) ||
                        av_packet_get_side_data(p, AV_PKT_DATA_PARAM_CHANGE, NULL);
    if (!r->starts || p->size <= 0)
        return 0;
    return r->starts(r, p);
}

void film_starts_end(struct film_reader *r)
{
    struct film *film = r->film;
    struct film_info *info = &film->info;

    if (r->has_side_data && !info->unsplit[0]) {
        snprintf(info->unsplit, sizeof info->unsplit, "palettes or parameters come with some packets only");
        info->one_thread = true;
    }
    int64_t n_starts = 0;
    for (int64_t i = 0; i < film->n_packets; i++) {
        if (info->unsplit[0])
            film->packet[i].flags &= ~(uint32_t)(PACKET_KEY | PACKET_CLEAN | PACKET_CLOSED);
        n_starts += i > 0 && (film->packet[i].flags & PACKET_KEY);
    }
    if (n_starts == 0 && film->n_packets > 1 && !info->unsplit[0])
        snprintf(info->unsplit, sizeof info->unsplit, "no packet after its first shows that decoding can start there");
}
