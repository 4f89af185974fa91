/* test_starts: where decoding can start, read out of made-up packets of each codec; what its container calls a key
 * frame has no say. */
#include "film/index/parts.h"
#include "unit/test.h"

enum { CLOSED = PACKET_KEY | PACKET_CLEAN | PACKET_CLOSED, OPEN = PACKET_KEY | PACKET_CLEAN, FLAGS = CLOSED };

/* A film that is being read, of a codec with these headers. */
struct reading {
    struct film film;
    struct av_input in;
    struct film_reader reader;
};

static void begin(struct reading *r, enum AVCodecID codec, const char *headers, size_t n)
{
    *r = (struct reading){0};
    r->in.format = avformat_alloc_context();
    r->in.stream = avformat_new_stream(r->in.format, NULL);
    r->in.stream->codecpar->codec_id = codec;
    r->in.stream->codecpar->format = -1;
    if (n > 0) {
        r->in.stream->codecpar->extradata = av_mallocz(n + AV_INPUT_BUFFER_PADDING_SIZE);
        memcpy(r->in.stream->codecpar->extradata, headers, n);
        r->in.stream->codecpar->extradata_size = (int)n;
    }
    snprintf(r->film.info.codec, sizeof r->film.info.codec, "%s", avcodec_get_name(codec));
    r->film.packet = calloc(64, sizeof *r->film.packet);
    r->reader = (struct film_reader){.film = &r->film, .in = &r->in};
    film_starts_begin(&r->reader);
}

static uint32_t add(struct reading *r, const char *bytes, size_t n, const AVPacketSideData *side)
{
    AVPacket *p = av_packet_alloc();

    av_new_packet(p, (int)n);
    memcpy(p->data, bytes, n);
    p->flags = AV_PKT_FLAG_KEY; /* says the container, of every one */
    if (side)
        memset(av_packet_new_side_data(p, side->type, 4), 1, 4);
    const uint32_t flags = film_start_flags(&r->reader, p);
    r->film.packet[r->film.n_packets++].flags = flags;
    av_packet_free(&p);
    return flags & FLAGS;
}

static void end(struct reading *r)
{
    film_starts_end(&r->reader);
    free(r->film.packet);
    avformat_free_context(r->in.format);
}

#define BYTES(text) (text), sizeof(text) - 1
#define ADD(r, text) add((r), BYTES(text), NULL)

static void test_h264(void)
{
    struct reading r;

    begin(&r, AV_CODEC_ID_H264, NULL, 0);
    CHECK_INT(ADD(&r, "\0\0\0\1\x65\x88\x84\0\1"), CLOSED);                         /* IDR */
    CHECK_INT(ADD(&r, "\0\0\0\1\x41\x9A\x24\0\1"), 0);                              /* P */
    CHECK_INT(ADD(&r, "\0\0\1\x06\x06\1\xC4\x80\0\0\1\x41\xB0\0\1\1"), PACKET_KEY); /* recovers at once, an I slice */
    CHECK_INT(ADD(&r, "\0\0\1\x06\x06\1\xC4\x80\0\0\1\x41\xE0\0\1\1"), 0);          /* says so, but a P slice */
    CHECK_INT(ADD(&r, "\0\0\1\x06\x06\1\x18\x80\0\0\1\x41\xB0\0\1\1"), 0);          /* recovers after 11 frames */
    CHECK_INT(ADD(&r, "\0\0\1\x06\x01\1\x80\x06\1\xC4\x80\0\0\1\x41\xB0\0\1\1"), PACKET_KEY); /* the second message */
    CHECK_INT(ADD(&r, "\0\0\1\x06\xFF\xFF\xFF"), 0); /* a message without an end */
    end(&r);
    CHECK_STR(r.film.info.unsplit, "");

    /* Length-prefixed; lengths of 0 and beyond the packet. */
    begin(&r, AV_CODEC_ID_H264, BYTES("\1\x64\0\x0A\xFF\xE1\0"));
    CHECK_INT(ADD(&r, "\0\0\0\5\x65\x88\x84\0\1"), CLOSED);
    CHECK_INT(ADD(&r, "\0\0\0\0\0\0\0\5\x65\x88\x84\0\1"), CLOSED);
    CHECK_INT(ADD(&r, "\xFF\xFF\xFF\xFF\x65\x88\x84\0\1"), 0);
    CHECK_INT(ADD(&r, "\0\0\0\1\x65\x88\x84\0\1"), CLOSED); /* start codes all the same */
    CHECK_INT(ADD(&r, "\xFF\xFF\xFF\xFF\x41\x88\x84\0\1"), 0);
    CHECK_INT(ADD(&r, "\0\0"), 0);
    end(&r);
}

static void test_hevc(void)
{
    struct reading r;

    begin(&r, AV_CODEC_ID_HEVC, NULL, 0);
    CHECK_INT(ADD(&r, "\0\0\1\x26\1\1\1\1"), CLOSED); /* 19, IDR */
    CHECK_INT(ADD(&r, "\0\0\1\x02\1\1\1\1"), 0);      /* 1, TRAIL_R */
    CHECK_INT(ADD(&r, "\0\0\1\x2A\1\1\1\1"), OPEN);   /* 21, CRA */
    CHECK_INT(ADD(&r, "\0\0\1\x20\1\1\1\1"), OPEN);   /* 16, BLA */
    CHECK(!r.reader.has_sublayers);
    CHECK_INT(ADD(&r, "\0\0\1\x02\2\1\1\1"), 0); /* temporal id 1 */
    CHECK(r.reader.has_sublayers);
    end(&r);

    /* RASL pictures (8, 9) are shown behind a CRA, not behind a BLA, nor behind a CRA that begins a sequence. */
    static const struct {
        const char *bytes;
        size_t n;
        bool is_hidden;
    } order[] = {
        {BYTES("\0\0\1\x26\1\1\1\1"), false}, {BYTES("\0\0\1\x2A\1\1\1\1"), false},
        {BYTES("\0\0\1\x10\1\1\1\1"), false}, {BYTES("\0\0\1\x20\1\1\1\1"), false},
        {BYTES("\0\0\1\x10\1\1\1\1"), true},  {BYTES("\0\0\1\x12\1\1\1\1"), true},
        {BYTES("\0\0\1\x02\1\1\1\1"), false}, {BYTES("\0\0\1\x2A\1\1\1\1"), false},
        {BYTES("\0\0\1\x12\1\1\1\1"), false}, {BYTES("\0\0\1\x02\1\1\1\1\0\0\1\x48\1"), false},
        {BYTES("\0\0\1\x2A\1\1\1\1"), false}, {BYTES("\0\0\1\x12\1\1\1\1"), true},
    };
    begin(&r, AV_CODEC_ID_HEVC, NULL, 0);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        add(&r, order[i].bytes, order[i].n, NULL);
        CHECK_INT(r.reader.is_hidden, order[i].is_hidden);
    }
    end(&r);
}

static void test_vpx_and_av1(void)
{
    struct reading r;

    begin(&r, AV_CODEC_ID_VP8, NULL, 0);
    CHECK_INT(ADD(&r, "\x10\2\0\x9D\1\x2A\x40\1\xF0\0"), CLOSED);
    CHECK_INT(ADD(&r, "\x11\2\0\x9D\1\x2A\x40\1\xF0\0"), 0);
    CHECK_INT(ADD(&r, "\x10\2\0\x9D\1\x2B\x40\1\xF0\0"), 0); /* not its start code */
    end(&r);

    begin(&r, AV_CODEC_ID_VP9, NULL, 0);
    CHECK_INT(ADD(&r, "\x82\x49\x83\x42\0\0"), CLOSED);
    CHECK_INT(ADD(&r, "\x86\x49\x83\x42\0\0"), 0);      /* an inter frame */
    CHECK_INT(ADD(&r, "\x88\x49\x83\x42\0\0"), 0);      /* shows an earlier one */
    CHECK_INT(ADD(&r, "\xB1\x24\xC1\xA1\0\0"), CLOSED); /* profile 3: all one bit later */
    CHECK_INT(ADD(&r, "\xB3\x24\xC1\xA1\0\0"), 0);
    end(&r);

    begin(&r, AV_CODEC_ID_AV1, NULL, 0);
    CHECK_INT(ADD(&r, "\x12\0\x0A\4\0\0\0\1\x32\3\x10\0\0"), CLOSED); /* delimiter, sequence header, shown key frame */
    CHECK_INT(ADD(&r, "\x12\0\x32\3\x10\0\0"), 0);                    /* nobody knows the sequence */
    CHECK_INT(ADD(&r, "\x12\0\x0A\4\0\0\0\1\x32\3\0\0\0"), 0);        /* not shown */
    CHECK_INT(ADD(&r, "\x12\0\x0A\4\0\0\0\1\x32\3\x30\0\0"), 0);      /* an inter frame */
    CHECK_INT(ADD(&r, "\x12\0\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), 0); /* a size without an end */
    end(&r);
}

static void test_mpeg(void)
{
    struct reading r;

    begin(&r, AV_CODEC_ID_MPEG2VIDEO, BYTES("\0\0\1\xB3\x14\0"));
    CHECK_INT(ADD(&r, "\0\0\1\xB3\x14\0\0\0\1\xB8\0\0\0\1\0\0\x08\0"), OPEN); /* sequence, group, I */
    CHECK_INT(ADD(&r, "\0\0\1\xB8\0\0\0\1\0\0\x08\0"), OPEN);                 /* group, I; the container's sequence */
    CHECK_INT(ADD(&r, "\0\0\1\0\0\x08\0"), 0);                                /* I alone */
    CHECK_INT(ADD(&r, "\0\0\1\xB8\0\0\0\1\0\0\x10\0"), 0);                    /* group, P */
    CHECK_INT(ADD(&r, "\0\0\1\0\0\x10\0\0\0\1\xB5\x80\0\0\0\1\1\0"), 0);
    CHECK_INT(ADD(&r, "\0\0\1\xB8\0\0\0\1\0\0\x08\0"), OPEN);
    CHECK_INT(ADD(&r, "\0\0\1\0\0\x10\0\0\0\1\xB5\x30\0\0\0\1\1\0"), 0); /* a picture's own matrices stay */
    CHECK_INT(ADD(&r, "\0\0\1\xB8\0\0\0\1\0\0\x08\0"), 0);
    CHECK_INT(ADD(&r, "\0\0\1\xB3\x15\0\0\0\1\xB8\0\0\0\1\0\0\x08\0"), OPEN); /* another sequence, its own */
    CHECK_INT(ADD(&r, "\0\0\1\xB8\0\0\0\1\0\0\x08\0"), 0);                    /* whose? */
    end(&r);

    begin(&r, AV_CODEC_ID_MPEG4, BYTES("\0\0\1\x20\1"));
    CHECK_INT(ADD(&r, "\0\0\1\xB6\x10\0"), OPEN); /* I-VOP, headers of the container */
    CHECK_INT(ADD(&r, "\0\0\1\xB6\x50\0"), 0);    /* P-VOP */
    CHECK_INT(ADD(&r, "\0\0\1\xB3\0\x80\0\0\1\xB6\x10\0"), OPEN);
    end(&r);

    begin(&r, AV_CODEC_ID_MPEG4, NULL, 0);
    CHECK_INT(ADD(&r, "\0\0\1\x20\1\0\0\1\xB2XviD\0\0\1\xB6\x10\0"), OPEN);
    CHECK_INT(ADD(&r, "\0\0\1\x20\1\0\0\1\xB2XviD\0\0\1\xB6\x10\0"), OPEN);
    CHECK_INT(ADD(&r, "\0\0\1\x20\1\0\0\1\xB6\x10\0"), 0); /* without the user data that the first has */
    CHECK_INT(ADD(&r, "\0\0\1\xB6\x10\0"), 0);
    end(&r);
}

/* A picture of one component, or of two of which the second wants tables of its own, with these tables. */
static uint32_t add_jpeg(struct reading *r, int n_components, int quantizers, const char *huffman, bool has_comment)
{
    char bytes[1024];
    size_t n = 0;
#define PUT(text) (memcpy(bytes + n, text, sizeof(text) - 1), n += sizeof(text) - 1)

    PUT("\xFF\xD8");
    if (has_comment)
        PUT("\xFF\xFE\0\x04hi");
    for (int i = 0; i < quantizers; i++) {
        PUT("\xFF\xDB\0\x43");
        bytes[n++] = (char)i;
        memset(bytes + n, 1, 64);
        n += 64;
    }
    for (; *huffman; huffman++) { /* the byte that says class and id, as two letters: a = DC 0, b = DC 1, c, d = AC */
        PUT("\xFF\xC4\0\x14");
        bytes[n++] = (char)((*huffman - 'a') / 2 * 16 + (*huffman - 'a') % 2);
        memset(bytes + n, 0, 17);
        bytes[n] = 1;
        n += 17;
    }
    if (n_components == 1)
        PUT("\xFF\xC0\0\x0B\x08\0\x10\0\x10\1\1\x11\0\xFF\xDA\0\x08\1\1\0\0\x3F\0data");
    else
        PUT("\xFF\xC0\0\x0E\x08\0\x10\0\x10\2\1\x11\0\2\x11\1\xFF\xDA\0\x0A\2\1\0\2\x11\0\x3F\0data");
#undef PUT
    return add(r, bytes, n, NULL);
}

static void test_mjpeg(void)
{
    struct reading r;

    begin(&r, AV_CODEC_ID_MJPEG, NULL, 0);
    CHECK_INT(add_jpeg(&r, 1, 1, "", false), OPEN); /* the standard's Huffman tables */
    CHECK_INT(add_jpeg(&r, 1, 0, "", false), 0);    /* no quantizer of its own */
    CHECK_INT(add_jpeg(&r, 2, 1, "", false), 0);    /* one of two */
    CHECK_INT(add_jpeg(&r, 1, 1, "", true), 0);     /* a comment, which the first has not */
    CHECK_INT(add_jpeg(&r, 2, 2, "abcd", false), OPEN);
    CHECK_INT(add_jpeg(&r, 2, 2, "acd", false), 0); /* one of four is that of the one before */
    CHECK_INT(add_jpeg(&r, 1, 1, "ac", false), OPEN);
    CHECK_INT(add_jpeg(&r, 1, 1, "", false), 0); /* those of the one before? */
    CHECK_INT(ADD(&r, "\xFF\xD8\xFF\xDB\xFF\xFF\0\xFF\xDA\0\2"), 0);
    CHECK_INT(ADD(&r, "\xFF\xD8\xFF\xC0\0\x02"), 0);
    end(&r);
}

static void test_others(void)
{
    struct reading r;

    test_mjpeg();

    begin(&r, AV_CODEC_ID_FFV1, NULL, 0);
    CHECK_INT(ADD(&r, "\xB0\0\0\0"), OPEN);
    CHECK_INT(ADD(&r, "\x30\0\0\0"), 0);
    end(&r);

    begin(&r, AV_CODEC_ID_THEORA, NULL, 0);
    CHECK_INT(ADD(&r, "\x30\0"), OPEN);
    CHECK_INT(ADD(&r, "\x70\0"), 0);
    CHECK_INT(ADD(&r, ""), 0); /* the picture before, again */
    end(&r);

    begin(&r, AV_CODEC_ID_PRORES, NULL, 0);
    CHECK_INT(ADD(&r, "icpf"), OPEN);
    CHECK_INT(ADD(&r, "icpf"), OPEN);
    end(&r);
    CHECK_STR(r.film.info.unsplit, "");
    CHECK(!r.film.info.one_thread);
}

static void test_unsplit(void)
{
    static const enum AVCodecID codecs[] = {AV_CODEC_ID_CINEPAK, AV_CODEC_ID_WMV2,      AV_CODEC_ID_VC1,
                                            AV_CODEC_ID_H263P,   AV_CODEC_ID_MSMPEG4V3, AV_CODEC_ID_FLV1,
                                            AV_CODEC_ID_RV40,    AV_CODEC_ID_QTRLE,     AV_CODEC_ID_PNG,
                                            AV_CODEC_ID_GIF,     AV_CODEC_ID_CFHD,      AV_CODEC_ID_SVQ3};
    const AVPacketSideData palette = {.type = AV_PKT_DATA_PALETTE}, change = {.type = AV_PKT_DATA_PARAM_CHANGE};
    const AVPacketSideData *const side[] = {&palette, &change};
    struct reading r;

    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
        begin(&r, codecs[i], NULL, 0);
        CHECK_INT(ADD(&r, "a packet"), 0);
        end(&r);
        CHECK(strstr(r.film.info.unsplit, avcodec_get_name(codecs[i])) != NULL);
        CHECK(r.film.info.one_thread);
    }
    for (size_t i = 0; i < 2; i++) { /* samples alone, but what they mean came with the first */
        uint32_t left;
        begin(&r, AV_CODEC_ID_RAWVIDEO, NULL, 0);
        add(&r, BYTES("a packet"), side[i]);
        CHECK_INT(ADD(&r, "a packet"), OPEN);
        film_starts_end(&r.reader);
        left = r.film.packet[0].flags | r.film.packet[1].flags;
        CHECK_INT(left & FLAGS, 0);
        end(&r);
        CHECK(r.film.info.unsplit[0] != '\0' && r.film.info.one_thread);
    }
    /* One start, at the beginning: threads do not matter. */
    begin(&r, AV_CODEC_ID_H264, NULL, 0);
    ADD(&r, "\0\0\0\1\x65\x88\x84\0\1");
    ADD(&r, "\0\0\0\1\x41\x9A\x24\0\1");
    end(&r);
    CHECK(r.film.info.unsplit[0] != '\0' && !r.film.info.one_thread);
}

int main(void)
{
    test_h264();
    test_hevc();
    test_vpx_and_av1();
    test_mpeg();
    test_others();
    test_unsplit();
    return test_end();
}
