/* film: see film.h. Steps: read all packets; order them as they will be shown; decode the first few to see that packets and
 * frames agree; count what is missing. */
#include "media/film.h"

#include "base/mem.h"
#include "media/av.h"

#include <libavutil/display.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libavutil/sha.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEAD_PACKETS = 64,          /* decoded to see that packets and frames agree */
    FINGERPRINT_BYTES = 1 << 20 /* of the head and of the tail */
};

double film_seconds(const struct film *film, int64_t ticks)
{
    return (double)ticks * film->info.time_base_num / film->info.time_base_den;
}

/* --- what the headers say ----------------------------------------------------------------------------------------- */

static enum status read_fingerprint(struct film *film)
{
    struct AVSHA *sha = av_sha_alloc();
    uint8_t digest[32], *block = mem_array(FINGERPRINT_BYTES, 1);
    FILE *file = fopen(film->path, "rb");
    char size[32];
    enum status st = ST_OK;

    if (!sha || !block || !file || fseeko(file, 0, SEEK_END) != 0) {
        st = FAIL(ST_USAGE, "cannot read film %s", film->path);
        goto done;
    }
    film->info.bytes = ftello(file);
    av_sha_init(sha, 256);
    snprintf(size, sizeof size, "%lld", (long long)film->info.bytes);
    av_sha_update(sha, (const uint8_t *)size, strlen(size));
    const int64_t starts[2] = {0, film->info.bytes > FINGERPRINT_BYTES ? film->info.bytes - FINGERPRINT_BYTES : 0};
    for (int i = 0; i < 2; i++) {
        fseeko(file, starts[i], SEEK_SET);
        const size_t n = fread(block, 1, FINGERPRINT_BYTES, file);
        av_sha_update(sha, block, n);
    }
    av_sha_final(sha, digest);
    av_hash_hex(digest, film->info.fingerprint);
done:
    if (file)
        fclose(file);
    free(block);
    av_free(sha);
    return st;
}

/* The display matrix turns pictures counter-clockwise by its angle. */
static int rotation_of(const AVStream *s)
{
    const int32_t *matrix = NULL;

#if LIBAVCODEC_VERSION_MAJOR >= 61
    const AVPacketSideData *side = av_packet_side_data_get(s->codecpar->coded_side_data, s->codecpar->nb_coded_side_data,
                                                           AV_PKT_DATA_DISPLAYMATRIX);
    if (side && side->size >= 36)
        matrix = (const int32_t *)side->data;
#else
    matrix = (const int32_t *)av_stream_get_side_data(s, AV_PKT_DATA_DISPLAYMATRIX, NULL);
#endif
    const double angle = matrix ? av_display_rotation_get(matrix) : 0.0;
    if (!isfinite(angle))
        return 0;
    const int quarter = (int)lround(-angle / 90.0);
    return ((quarter % 4) + 4) % 4 * 90;
}

static void describe_stream(struct film_info *info, const struct av_input *in)
{
    const AVCodecParameters *par = in->stream->codecpar;
    const AVRational sar = av_guess_sample_aspect_ratio(in->format, in->stream, NULL);
    const char *format = av_get_pix_fmt_name(par->format);

    snprintf(info->container, sizeof info->container, "%s", in->format->iformat->name);
    snprintf(info->codec, sizeof info->codec, "%s", avcodec_get_name(par->codec_id));
    snprintf(info->decoder, sizeof info->decoder, "%s", in->codec->name);
    snprintf(info->pixel_format, sizeof info->pixel_format, "%s", format ? format : "unknown");
    info->stream = in->stream->index;
    info->n_video_streams = in->n_video_streams;
    info->width = par->width;
    info->height = par->height;
    info->rotation = rotation_of(in->stream);
    info->sar_num = sar.num > 0 && sar.den > 0 ? sar.num : 1;
    info->sar_den = sar.num > 0 && sar.den > 0 ? sar.den : 1;
    info->time_base_num = in->stream->time_base.num;
    info->time_base_den = in->stream->time_base.den;
    info->is_hdr = par->color_trc == AVCOL_TRC_SMPTE2084 || par->color_trc == AVCOL_TRC_ARIB_STD_B67;

    /* By their standards bit-exact in every decoder; MPEG-1, -2 and -4 part 2 leave the IDCT to the decoder. */
    const bool is_420_8 = par->format == AV_PIX_FMT_YUV420P || par->format == AV_PIX_FMT_YUVJ420P;
    const bool is_420_10 = par->format == AV_PIX_FMT_YUV420P10LE;
    const bool is_even = par->width % 2 == 0 && par->height % 2 == 0; /* NVDEC loses the last chroma of odd sizes */
    info->nvdec_exact = is_even && ((par->codec_id == AV_CODEC_ID_H264 && is_420_8) ||
                                    (par->codec_id == AV_CODEC_ID_HEVC && (is_420_8 || is_420_10)) ||
                                    (par->codec_id == AV_CODEC_ID_VP9 && (is_420_8 || is_420_10)) ||
                                    (par->codec_id == AV_CODEC_ID_VP8 && is_420_8));
    info->skips_unreferenced = par->codec_id == AV_CODEC_ID_H264 || par->codec_id == AV_CODEC_ID_HEVC ||
                               par->codec_id == AV_CODEC_ID_MPEG1VIDEO || par->codec_id == AV_CODEC_ID_MPEG2VIDEO;
}

/* --- packets ------------------------------------------------------------------------------------------------------ */

struct reader {
    struct film *film;
    struct av_input *in;
    size_t room;
    double seen_end;        /* seconds: latest end of any stream's packet */
    int64_t n_corrupt;
    int64_t last_duration;
    bool has_sublayers;     /* HEVC temporal sub-layers: "not a reference" then holds only within one */
};

static void note_end(struct reader *r, const AVPacket *p, AVRational time_base)
{
    const int64_t t = p->pts != AV_NOPTS_VALUE ? p->pts : p->dts;

    if (t != AV_NOPTS_VALUE) {
        const double end = (double)(t + (p->duration > 0 ? p->duration : 0)) * av_q2d(time_base);
        if (end > r->seen_end)
            r->seen_end = end;
    }
}

static void note_other_packet(void *context, const AVPacket *p)
{
    struct reader *r = context;

    note_end(r, p, r->in->format->streams[p->stream_index]->time_base);
}

/* Visits the NAL units of a packet, length-prefixed (length_bytes 1..4) or after start codes (0), until visit says so. */
static void each_nal(const AVPacket *p, int length_bytes, bool (*visit)(void *, const uint8_t *nal), void *context)
{
    const uint8_t *at = p->data, *const end = p->data + p->size;

    while (end - at > length_bytes + 2) {
        if (length_bytes == 0) {
            if (at[0] == 0 && at[1] == 0 && at[2] == 1 && end - at > 4) {
                if (visit(context, at + 3))
                    return;
                at += 3;
            }
            at++;
            continue;
        }
        uint32_t length = 0;
        for (int i = 0; i < length_bytes; i++)
            length = length << 8 | at[i];
        if (visit(context, at + length_bytes) || length > (uint32_t)(end - at - length_bytes))
            return;
        at += length_bytes + (ptrdiff_t)length;
    }
}

static int nal_length_bytes(const AVCodecParameters *par)
{
    if (par->extradata_size < 7 || par->extradata[0] != 1)
        return 0; /* Annex B */
    if (par->codec_id == AV_CODEC_ID_H264)
        return (par->extradata[4] & 3) + 1;
    return par->extradata_size >= 23 ? (par->extradata[21] & 3) + 1 : 0;
}

static bool is_h264_idr(void *found, const uint8_t *nal)
{
    const int type = nal[0] & 31;

    *(bool *)found |= type == 5;
    return type == 5 || type == 1;
}

static bool is_hevc_idr(void *found, const uint8_t *nal)
{
    const int type = nal[0] >> 1 & 63;

    *(bool *)found |= type == 19 || type == 20;
    return type < 32;
}

static bool is_upper_sublayer(void *found, const uint8_t *nal)
{
    const int type = nal[0] >> 1 & 63, temporal_id = (nal[1] & 7) - 1;

    if (type < 32 && temporal_id > 0)
        *(bool *)found = true;
    return *(bool *)found;
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

static uint32_t packet_flags(struct reader *r, const AVPacket *p)
{
    const AVCodecParameters *par = r->in->stream->codecpar;
    uint32_t flags = PACKET_SHOWN;

    if (p->flags & AV_PKT_FLAG_DISCARD) /* cut away by an edit list */
        flags &= ~(uint32_t)PACKET_SHOWN;
    if (par->codec_id == AV_CODEC_ID_VP8 && p->size > 0 && !(p->data[0] & 0x10)) /* show_frame, RFC 6386 section 9.1 */
        flags &= ~(uint32_t)PACKET_SHOWN;
    if (p->flags & AV_PKT_FLAG_KEY)
        flags |= key_flags(par, p);
    if (par->codec_id == AV_CODEC_ID_HEVC && !r->has_sublayers)
        each_nal(p, nal_length_bytes(par), is_upper_sublayer, &r->has_sublayers);
    return flags;
}

static enum status add_packet(struct reader *r, const AVPacket *p)
{
    struct film *film = r->film;
    struct film_packet *grown = mem_grow(film->packet, (size_t)film->n_packets, &r->room, sizeof *grown);

    if (!grown)
        return ST_NOMEM;
    film->packet = grown;
    film->packet[film->n_packets++] = (struct film_packet){
        .pts = p->pts == AV_NOPTS_VALUE ? FILM_NO_TIME : p->pts,
        .dts = p->dts == AV_NOPTS_VALUE ? FILM_NO_TIME : p->dts,
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

/* Reads to the end; a read error on the way is remembered in info.incomplete. */
static enum status read_packets(struct reader *r, film_progress *progress, void *context)
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

/* --- order -------------------------------------------------------------------------------------------------------- */

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

/* Decoders emit frames by their order of display, whatever jumps the timestamps make. Sorting by timestamp is right between
 * two jumps (an *epoch*; decode timestamps only rise in one); each epoch's time goes on where the last one ended. */
static bool order_by_time(struct film *film, const struct av_input *in, int64_t usual_duration)
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
        film->frame[i] = (struct film_frame){.pts = p->pts != FILM_NO_TIME ? p->pts : p->dts,
                                             .ticks = shown[i].time + offset,
                                             .packet = packet};
    }
    film->n_frames = known ? n : 0;
    free(shown);
    return known;
}

static int64_t usual_duration_of(const struct reader *r)
{
    const AVRational rate = r->in->stream->avg_frame_rate.num > 0 ? r->in->stream->avg_frame_rate
                                                                  : r->in->stream->r_frame_rate;

    if (r->last_duration > 0)
        return r->last_duration;
    if (rate.num > 0 && rate.den > 0) {
        const int64_t ticks = av_rescale_q(1, av_inv_q(rate), r->in->stream->time_base);
        return ticks > 0 ? ticks : 1;
    }
    return 1;
}

/* --- decoding to see ---------------------------------------------------------------------------------------------- */

struct output {
    int64_t *packet; /* [n] in the order of output */
    int64_t n;
    bool damaged;
};

static void record_facts(struct film_info *info, const AVCodecContext *decoder, const AVFrame *av)
{
    struct av_picture picture = {0};
    struct frame f;

    if (av_picture_view(&picture, decoder, av, &f) == ST_OK) {
        snprintf(info->matrix, sizeof info->matrix, "%s", av_matrix_name(f.matrix));
        snprintf(info->range, sizeof info->range, "%s", f.full_range ? "full" : "limited");
    }
    const char *format = av_get_pix_fmt_name(av->format);
    snprintf(info->pixel_format, sizeof info->pixel_format, "%s", format ? format : "unknown");
    info->width = av->width;
    info->height = av->height;
    av_picture_release(&picture);
}

static bool is_damaged(const AVFrame *av)
{
    return av->decode_error_flags != 0 || (av->flags & AV_FRAME_FLAG_CORRUPT);
}

static void take_outputs(struct film *film, AVCodecContext *decoder, AVFrame *av, struct output *out, int64_t room)
{
    int error;

    while ((error = avcodec_receive_frame(decoder, av)) >= 0) {
        if (out->n == 0)
            record_facts(&film->info, decoder, av);
        if (out->n < room)
            out->packet[out->n++] = av->pts;
        out->damaged |= is_damaged(av);
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

/* Compares the first decoded frames with what the packets promised. Packets at the very beginning that no frame comes of
 * refer to pictures before the film's start: they are its lead-in, not part of it. */
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

/* --- listing by decoding ------------------------------------------------------------------------------------------ */

struct listing {
    size_t room;
    int64_t usual, n_damaged, n_refused;
};

static enum status list_outputs(struct film *film, AVCodecContext *decoder, AVFrame *av, struct listing *l)
{
    int error;

    while ((error = avcodec_receive_frame(decoder, av)) >= 0) {
        const int64_t n = film->n_frames;
        struct film_frame *grown = mem_grow(film->frame, (size_t)n, &l->room, sizeof *grown);
        if (!grown)
            return ST_NOMEM;
        film->frame = grown;
        if (n == 0)
            record_facts(&film->info, decoder, av);
        const int64_t pts = av->best_effort_timestamp == AV_NOPTS_VALUE ? FILM_NO_TIME : av->best_effort_timestamp;
        int64_t ticks = n == 0 ? 0 : film->frame[n - 1].ticks + l->usual;
        if (n > 0 && pts != FILM_NO_TIME && film->frame[n - 1].pts != FILM_NO_TIME && pts > film->frame[n - 1].pts)
            ticks = film->frame[n - 1].ticks + (pts - film->frame[n - 1].pts);
        film->frame[film->n_frames++] = (struct film_frame){.pts = pts, .ticks = ticks, .packet = -1};
        l->n_damaged += is_damaged(av);
        av_frame_unref(av);
    }
    l->n_refused += error != AVERROR(EAGAIN) && error != AVERROR_EOF;
    return ST_OK;
}

/* What there should be: every shown packet a frame. Lead-in does not count, nor do second fields. */
static void judge_loss(struct film *film, const struct listing *l)
{
    struct film_info *info = &film->info;
    int64_t expected = -info->n_lead_in;

    for (int64_t i = 0; i < film->n_packets; i++)
        expected += (film->packet[i].flags & PACKET_SHOWN) != 0;
    const int64_t lost = expected - film->n_frames;
    if (l->n_refused > 0 && lost > 0 && !info->incomplete[0]) {
        info->frames_missing = lost;
        snprintf(info->incomplete, sizeof info->incomplete,
                 "damaged: %lld of %lld frames could be decoded", (long long)film->n_frames, (long long)expected);
    }
}

static enum status list_once(struct film *film, int threads, const atomic_int *stop, film_progress *progress,
                             void *context, struct listing *l)
{
    struct av_input in = {0};
    AVCodecContext *decoder = NULL;
    AVPacket *p = av_packet_alloc();
    AVFrame *av = av_frame_alloc();
    int64_t n_packets = 0;
    enum status st;

    free(film->frame);
    film->frame = NULL;
    film->n_frames = 0;
    *l = (struct listing){0};
    if (!p || !av) {
        st = FAIL(ST_NOMEM, "out of memory for a decoder");
        goto done;
    }
    TRY_OR(done, st, av_input_open(&in, film->path, stop));
    TRY_OR(done, st, av_decoder_open(&decoder, &in, threads));
    decoder->pkt_timebase = in.stream->time_base;
    TRY_OR(done, st, av_decoder_start(decoder, &in));
    l->usual = usual_duration_of(&(struct reader){.in = &in});
    while ((st = av_input_read(&in, p, NULL, NULL)) == ST_OK) {
        l->n_refused += avcodec_send_packet(decoder, p) < 0;
        if (progress && ++n_packets % 64 == 0)
            progress(context, n_packets, film->n_packets);
        av_packet_unref(p);
        TRY_OR(done, st, list_outputs(film, decoder, av, l));
    }
    if (st == ST_END || st == ST_FORMAT) {
        avcodec_send_packet(decoder, NULL);
        st = list_outputs(film, decoder, av, l);
    }
done:
    av_frame_free(&av);
    av_packet_free(&p);
    avcodec_free_context(&decoder);
    av_input_close(&in);
    return st;
}

enum status film_list_by_decoding(struct film *film, int threads, const atomic_int *stop, film_progress *progress,
                                  void *context)
{
    struct listing l;

    film->info.sequential = true;
    TRY(list_once(film, threads, stop, progress, context, &l));
    film->info.damaged = l.n_damaged + l.n_refused > 0;
    if (film->info.damaged && threads > 1)
        TRY(list_once(film, 1, stop, progress, context, &l));
    film->info.frames_damaged = l.n_damaged;
    judge_loss(film, &l);
    return ST_OK;
}

/* --- completeness ------------------------------------------------------------------------------------------------- */

/* All ones is how containers write "not known". */
static bool is_known_duration(int64_t d)
{
    return d > 0 && d != AV_NOPTS_VALUE && d != UINT32_MAX && d != INT32_MAX && d != INT64_MAX;
}

static void judge_completeness(struct film *film, const struct reader *r)
{
    struct film_info *info = &film->info;
    const struct av_input *in = r->in;
    const bool is_mov = strstr(in->format->iformat->name, "mov") != NULL;
    const int64_t promised = is_mov ? avformat_index_get_entries_count(in->stream) : 0;
    const double tb = av_q2d(in->stream->time_base);

    if (promised > film->n_packets) {
        info->frames_missing = promised - film->n_packets;
        snprintf(info->incomplete, sizeof info->incomplete, "%lld of the %lld frames in its index are there",
                 (long long)film->n_packets, (long long)promised);
        return;
    }
    if (info->incomplete[0]) /* a read error */
        return;

    const double start = in->format->start_time != AV_NOPTS_VALUE ? (double)in->format->start_time / AV_TIME_BASE : 0.0;
    double declared = 0.0, found = r->seen_end - (start > 0.0 ? start : 0.0);
    if (is_known_duration(in->stream->duration) && is_mov)
        declared = (double)in->stream->duration * tb;
    else if (is_known_duration(in->format->duration) && !is_mov &&
             in->format->duration_estimation_method == AVFMT_DURATION_FROM_STREAM)
        declared = (double)in->format->duration / AV_TIME_BASE;
    if (declared > found + 0.5 && declared > found * 1.02) {
        const double lost = declared - found, frame = film_seconds(film, usual_duration_of(r));
        info->frames_missing = frame > 0.0 && lost / frame < 1e12 ? (int64_t)(lost / frame) : 1;
        snprintf(info->incomplete, sizeof info->incomplete, "it says that it lasts %.2f s, but ends after %.2f s", declared,
                 found);
    }
}

/* Fills packet.frame and packet.key. */
static void link_packets(struct film *film)
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

static int compare_i64(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* A hole in time that is many times the usual distance is worth a word: segments may be missing. */
static void find_gap(struct film *film)
{
    int64_t n = film->n_frames - 1, *gap = n > 0 ? mem_array((size_t)n, sizeof *gap) : NULL;

    if (!gap)
        return;
    for (int64_t i = 0; i < n; i++)
        gap[i] = film->frame[i + 1].ticks - film->frame[i].ticks;
    for (int64_t i = 0; i < n; i++)
        if (gap[i] > film->info.largest_gap_ticks) {
            film->info.largest_gap_ticks = gap[i];
            film->info.largest_gap_at = film->frame[i].ticks;
        }
    qsort(gap, (size_t)n, sizeof *gap, compare_i64);
    if (film->info.largest_gap_ticks < 50 * gap[n / 2] || film_seconds(film, film->info.largest_gap_ticks) < 2.0)
        film->info.largest_gap_ticks = film->info.largest_gap_at = 0;
    free(gap);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static enum status read_index(struct film *film, struct reader *r, int threads, const atomic_int *stop,
                              film_progress *progress, void *context)
{
    struct output head = {0};
    enum status st = ST_OK;

    describe_stream(&film->info, r->in);
    TRY(read_fingerprint(film));
    TRY(read_packets(r, progress, context));
    if (film->n_packets == 0)
        return FAIL(ST_FORMAT, "%s: its video stream (%s) holds no frames", film->path, film->info.codec);
    if (r->has_sublayers)
        film->info.skips_unreferenced = false;
    film->frame = mem_array((size_t)film->n_packets, sizeof *film->frame);
    if (!film->frame)
        return ST_NOMEM;
    judge_completeness(film, r);

    const int64_t n_head = film->n_packets < HEAD_PACKETS ? film->n_packets : HEAD_PACKETS;
    bool agrees = order_by_time(film, r->in, usual_duration_of(r));
    if (agrees) {
        st = decode_head(film, n_head, stop, &head);
        agrees = st == ST_OK && head_agrees(film, &head, n_head);
        free(head.packet);
    }
    if (st == ST_OK && !agrees)
        st = film_list_by_decoding(film, threads, stop, progress, context);
    if (st == ST_OK && film->n_frames == 0)
        st = FAIL(ST_FORMAT, "%s: none of its %lld video packets (%s) could be decoded", film->path,
                  (long long)film->n_packets, film->info.codec);
    if (st == ST_OK) {
        film->info.duration_ticks = film->frame[film->n_frames - 1].ticks + usual_duration_of(r);
        link_packets(film);
        find_gap(film);
    }
    return st;
}

enum status film_open(struct film *film, const char *path, int threads, const atomic_int *stop,
                      film_progress *progress, void *context)
{
    struct av_input in = {0};
    struct reader r = {.film = film, .in = &in};
    enum status st;

    *film = (struct film){.path = strdup(path)};
    if (!film->path)
        return FAIL(ST_NOMEM, "out of memory opening %s", path);
    st = av_input_open(&in, path, stop);
    if (st == ST_OK)
        st = read_index(film, &r, threads, stop, progress, context);
    av_input_close(&in);
    return st;
}

void film_release(struct film *film)
{
    free(film->path);
    free(film->packet);
    free(film->frame);
    *film = (struct film){0};
}
