/* parts: what the files of src/film/index share, in the order in which index.c makes an index. Private to them. */
#ifndef JACQUARD_FILM_INDEX_PARTS_H
#define JACQUARD_FILM_INDEX_PARTS_H

#include "film/av/av.h"
#include "film/index/index.h"

/* A film while its packets are being read. */
struct film_reader {
    struct film *film;
    struct av_input *in;
    size_t room;
    double seen_end;    /* seconds: latest end of any stream's packet */
    int64_t seen_bytes; /* offset up to which the file's bytes belong to packets */
    int64_t n_corrupt, video_bytes;
    int64_t last_duration;
    int64_t n_read_errors;    /* up to the last packet of the film */
    bool is_behind_fault;     /* other streams' packets since then were */
    bool has_other_headers;   /* packets have had some that the container does not have (MPEG-4, MJPEG: any) */
    bool has_loose_headers;   /* and a key frame after them has none of its own, or the container changes them midway */
    uint8_t headers[32];      /* MPEG-4: hash of the first in packets; MJPEG: whether the first had a comment */
    bool is_hidden;           /* the last packet: a decoder never shows its picture */
    bool drops_leading;       /* HEVC: nor the leading pictures of the last IRAP that refer to what was before it */
    bool has_irap, has_ended; /* HEVC: there was one; a sequence's end came with the packet before */
    bool has_side_data;       /* palettes or parameters that came with packets */
    bool has_sublayers;       /* HEVC temporal sub-layers: "not a reference" is then meant only within one */
    uint32_t (*starts)(struct film_reader *, const AVPacket *); /* the codec's rule of starts.c; NULL = none */
};

/* starts.c. Before the first packet; of each one, PACKET_KEY, _CLEAN and _CLOSED, and whether it is hidden; after the
 * last, when everything that speaks against splitting has been seen. */
void film_starts_begin(struct film_reader *r);
uint32_t film_start_flags(struct film_reader *r, const AVPacket *p);
void film_starts_end(struct film_reader *r);

/* The flags of a start: one that no later packet refers across, or one that pictures shown before it do. */
enum { CLOSED_START = PACKET_KEY | PACKET_CLEAN | PACKET_CLOSED, OPEN_START = PACKET_KEY | PACKET_CLEAN };

/* Whether the container's headers hold these bytes. */
bool film_header_has(const AVCodecParameters *par, const uint8_t *bytes, size_t n);

/* nal.c. */
uint32_t film_start_of_h264(struct film_reader *r, const AVPacket *p);
uint32_t film_start_of_hevc(struct film_reader *r, const AVPacket *p);

/* packets.c. Reads to the end, past read errors. */
enum status film_read_packets(struct film_reader *r, film_progress *progress, void *context);

/* Ticks that a frame lasts where nothing says better, 1 .. TICKS_MOST: needs r->in, knows more after the packets. */
int64_t film_usual_duration(const struct film_reader *r);

/* order.c. Fills film->frame, which has room for every packet; needs info.usual_ticks. video_delay: frames by
 * which the codec may reorder; wrap_bits: of the container's clock. False where times do not tell the order. */
bool film_order_by_time(struct film *film, int video_delay, int wrap_bits);

/* Likewise. Fills packet.frame and packet.key. */
void film_link_packets(struct film *film);

/* listing.c. A sequential film's frame after *last (NULL: the first), of the time that its decoder tells. */
struct film_frame film_listed_frame(const struct film_frame *last, int64_t time, int64_t usual_ticks);

/* head.c. Begins to decode the first packets in the background. *head, also after a failure, ends with
 * film_head_end; the path must live as long. */
struct film_head;
enum status film_head_begin(const char *path, const atomic_int *stop, struct film_head **head);

/* Waits for it. *agrees: the frames that came out are those that were listed; leaves out the lead-in. */
enum status film_head_compare(struct film_head *head, struct film *film, bool *agrees);
void film_head_end(struct film_head **head);

/* whole.c. Whether what the container promises is there: once, after all packets. */
enum status film_judge_container(struct film *film, const struct film_reader *r);

/* fragments.c. Marks, in a fragmented MP4, packets behind fragments that were left out. */
enum status film_mark_fragments(struct film *film, bool *is_cut);

/* What decoding all of a film showed; frames that did not come out are lost only where a decoder complained. */
struct film_decoded {
    int64_t n_damaged, n_lost;
    int64_t n_marked; /* packets that the container, too, calls broken */
};

/* whole.c. Whether frames are missing from the list. decoded: NULL where they were not decoded. */
void film_judge_frames(struct film *film, const struct film_decoded *decoded);

/* whole.c. Whether frames come in equal steps (19 of 20 within a tenth); *usual: the median, ticks. */
bool film_is_even(const struct film *film, int64_t *usual);

struct film_hole {
    int64_t ticks, frame; /* how long, and behind which frame */
};

/* holes.c. Jumps of the clock, then, of a film whose frames are else evenly spaced, where a frame or more would fit
 * in; the longest first. Heap, [*n]; NULL: no memory. */
struct film_hole *film_list_holes(const struct film *film, int64_t *n);

/* holes.c. Of a settled film: whether decoders show the frames around its holes as they are listed, and whether they
 * may leave frames out. The 16 longest holes are looked at; the others are taken to be like them. */
enum status film_look_at_holes(struct film *film, const atomic_int *stop, bool *are_sound);

/* index.c. What follows from the list of frames: duration, links, whether it is whole. */
void film_settle(struct film *film, const struct film_decoded *decoded);

#endif
