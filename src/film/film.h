/* film: the list of a film's frames, read by demuxing alone: which packet shows which frame, when, and where decoding
 * can start. Frame counts and rates written in headers are never relied on.
 *
 * A frame is known by its packet's number in decode order: decoders carry that number through, so that a frame that
 * comes out is the packet that went in, whatever the container's timestamps look like. Where frames cannot be told from
 * packets (no timestamps, several frames a packet...) the film is *sequential*: listed by decoding it once, and decoded
 * unsplit. */
#ifndef JACQUARD_FILM_FILM_H
#define JACQUARD_FILM_FILM_H

#include "base/status.h"
#include "image/bars.h"
#include "image/tone.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PACKET_KEY = 1,     /* it shows by itself, whatever the container says, that decoding may start here */
    PACKET_CLEAN = 2,   /* ... and everything shown from here on is exact (IDR and the like) */
    PACKET_SHOWN = 4,   /* it yields a frame */
    PACKET_CLOSED = 8,  /* a key frame that no later packet refers across: a decoder in use needs no reset before it */
    PACKET_BROKEN = 16, /* something seems to be missing here, by a mark, the file's structure, its numbering, or a
                           decoder's report */
    PACKET_MARKED = 32  /* ... by the container's own mark */
};

struct film_packet {  /* in decode order */
    int64_t pts, dts; /* the container's, in time_base units; FILM_NO_TIME where it has none */
    int64_t pos;      /* byte offset, -1 unknown */
    int64_t frame;    /* the frame that it yields, -1 = none */
    int64_t key;      /* the last shown key packet up to here, itself perhaps; -1 = none */
    uint32_t bytes;
    uint32_t flags;
};

struct film_frame { /* in presentation order */
    int64_t pts;    /* as above; what --frame-hashes prints */
    int64_t ticks;  /* time_base units after the first frame; never falls, also where the container's time jumps back */
    int64_t packet; /* number in decode order; -1 in a sequential film */
};

#define FILM_NO_TIME INT64_MIN

struct film_look { /* what was seen of the film before it was planned */
    int n_frames;  /* looked at; 0: nobody looked */
    int n_exposed; /* of them */
    enum bars_verdict bars;
    struct frame_crop crop; /* what to cut off a picture as it is coded */
    int peak;               /* of PQ: the brightest light that was seen, cd/m2 */
};

struct film_info {
    int64_t bytes;
    char fingerprint[65]; /* sha256 (hex) of: size as decimal text, first MiB, last MiB */
    char source[16];      /* the name of its frame source */
    char container[64], codec[64], decoder[64], pixel_format[32], matrix[32], range[16];
    int stream, n_video_streams;
    int width, height, rotation, sar_num, sar_den;
    int chroma_w_log2, chroma_h_log2; /* image/frame.h */
    int time_base_num, time_base_den;
    int64_t usual_ticks;    /* that a frame lasts where nothing says better */
    int64_t duration_ticks; /* from the first frame to the end of the last */
    bool sequential;
    char unsplit[128]; /* why it is decoded from start to end by one decoder, "" where it can be split */
    bool one_thread;   /* ... and without threads inside: what the decoder keeps or conceals could depend on them */
    bool skips_unreferenced; /* frames that no other frame refers to can be recognised and skipped without changing
                                others */
    bool shows_again;        /* VP9: there are packets that show an earlier one's picture */
    int64_t decoder_bytes;   /* estimate of the memory that a decoder of one thread takes for pictures */
    bool nvdec_exact;        /* a hardware decoder gives the same bits for this codec, depth and chroma */
    char kind[65];           /* sha256 of its codec, what the container says of pictures, and headers */
    int64_t n_lead_in;       /* packets before the first frame that can be decoded */
    int64_t largest_gap_ticks,
        largest_gap_at;     /* longest time without a frame, where it is far longer than usual; else 0 */
    bool matrix_is_assumed; /* the film does not state it */
    struct tone_rules tone; /* what its samples mean; the peak is the one that the film states, 0 where it does not */
    int dovi_profile;       /* of Dolby Vision; 0: none, or only the pictures tell */
    bool is_ipt;            /* Dolby Vision without a compatible layer: IPT-PQ, which looks green and violet when taken
                               for Y'CbCr */
    char peak_from[16];     /* "MaxCLL", "mastering" */
    int64_t frames_missing, frames_damaged; /* that should be there and are not; decoded with errors concealed */
    char incomplete[256];                   /* why the film is not whole, "" if it is */
    char note[256];       /* what little is missing or strange in a film that counts as whole; "" = nothing */
    bool notes_container; /* the note is of what the container says, whatever the frames are */
    struct film_look look;
};

struct film {
    char *path;
    struct film_info info;
    int64_t n_packets, n_frames;
    struct film_packet *packet; /* [n_packets] */
    struct film_frame *frame;   /* [n_frames] */
};

/* Called now and then with how far reading is (bytes of the file); may be NULL. */
typedef void film_progress(void *context, int64_t done, int64_t total);

void film_release(struct film *film);

/* Fills in info.bytes and info.fingerprint (file_mark.h, of the file's ends) of the file at path. */
enum status film_identify(struct film *film);

/* The packet at which decoding has to start so that this frame comes out exact. Pure. */
int64_t film_start_packet(const struct film *film, int64_t frame);

double film_seconds(const struct film *film, int64_t ticks);

/* Estimated seconds that a core takes for a pixel of a source frame, where frames that nothing needs are skipped. */
double film_seconds_a_pixel(const char *codec);

#endif
