/* decoder: the frames of wanted packets, in whatever order they come out, decoding as little as possible: groups of
 * pictures without a wanted frame are not decoded, nor frames that no other frame needs. One instance per worker
 * thread. */
#ifndef JACQUARD_FILM_DECODE_DECODER_H
#define JACQUARD_FILM_DECODE_DECODER_H

#include "image/frame.h"
#include "film/film.h"

enum decoder_path { DECODER_CPU, DECODER_NVDEC, N_DECODER_PATHS };

/* Where frames go. The frame is valid during the call; hash: sha256 in hex of the visible samples, planes one after the
 * other without padding, or NULL where not wanted. */
struct decoder_sink {
    void *context;
    int64_t (*which)(void *context, int64_t frame); /* what to call this frame of the film, -1 if it is not wanted */
    enum status (*take)(void *context, int64_t which, const struct frame *frame, const char *hash);
    bool (*wants_hash)(void *context, int64_t which); /* with want_hash: of which frames; NULL: of all */
};

struct decoder_setup {
    const struct film *film; /* must outlive the decoder */
    enum decoder_path path; /* NVDEC falls back to the CPU by itself where the stream or the driver does not allow it */
    int device;             /* CUDA device ordinal for NVDEC; its frames are device pointers in the primary context */
    int threads;            /* of the software decoder */
    bool want_hash;
    struct decoder_sink sink;
    const atomic_int *stop; /* becomes non-zero: end soon with ST_INTERRUPTED */
    atomic_llong *progress; /* counts packets passed; may be NULL */
};

struct decoder_stats {
    int64_t frames_decoded; /* NVDEC: pictures that it made room for; else frames that came out */
    int64_t packets_in;     /* packets sent to the decoder */
    int64_t damaged;        /* frames with concealed errors, packets refused */
    int64_t doubts;         /* complaints of references that may mean nothing */
    bool used_nvdec;
    const char *nvdec_refusal; /* why NVDEC was asked for and not used; NULL if it was, or was not asked for */
    double seconds;            /* in demuxing, decoding and the sink */
};

struct decoder;
enum status decoder_open(const struct decoder_setup *setup, struct decoder **d);
void decoder_close(struct decoder **d);

/* Decodes what these frames need (numbers into film->frame, rising). They come out in any order, the last ones only
 * with the next stretch or decoder_finish. A frame that does not come out is no fault here: the sink's owner counts. */
enum status decoder_run(struct decoder *d, const int64_t *frame, int64_t n);

/* Before a stretch that begins with the frame: if decoding has to go back for it, everything still held comes out now,
 * so that nothing of the stretch before is taken for a frame of this one. */
enum status decoder_turn_to(struct decoder *d, int64_t frame);

/* Everything still held comes out. */
enum status decoder_finish(struct decoder *d);

struct decoder_stats decoder_stats(const struct decoder *d);

/* The packet at which decoding has to start so that this frame comes out exact. Pure. */
int64_t decoder_start_packet(const struct film *film, int64_t frame);

/* "libavformat 59.27.100 (built with ...)" and so on. */
void decoder_describe(char *text, size_t bytes);

#endif
