/* decoder: the frames of wanted packets, in whatever order they come out, decoding as little as possible: groups of
 * pictures without a wanted frame are not decoded, nor frames that no other frame needs. One instance per worker thread. */
#ifndef JACQUARD_MEDIA_DECODER_H
#define JACQUARD_MEDIA_DECODER_H

#include "image/frame.h"
#include "media/film.h"

enum decoder_path { DECODER_CPU, DECODER_NVDEC };

struct decoder_setup {
    const struct film *film;    /* must outlive the decoder */
    enum decoder_path path;     /* NVDEC falls back to the CPU by itself where the stream or the driver does not allow it */
    int device;                 /* CUDA device ordinal for NVDEC; its frames are device pointers in the primary context */
    int threads;                /* of the software decoder */
    bool want_hash;
    const atomic_int *stop;     /* becomes non-zero: end soon with ST_INTERRUPTED */
};

/* A stretch of the film: wanted frames [n] in presentation order, decoding may start at packet `start`. */
struct decoder_stretch {
    const int64_t *frame; /* numbers into film->frame, rising */
    int64_t n;
};

struct decoder_stats {
    int64_t frames_out;     /* frames that came out of the decoder */
    int64_t packets_in;     /* packets sent to it */
    int64_t wanted_out;
    int64_t damaged;        /* frames with concealed errors, packets refused */
    bool used_nvdec;
    const char *nvdec_refusal; /* why NVDEC was asked for and not used; NULL if it was, or was not asked for */
    double seconds;         /* in demuxing and decoding */
    atomic_llong *progress; /* cost units done, may be NULL; counted in packets passed */
};

/* Called for each wanted frame as it comes out; which = index into stretch->frame. The frame is valid during the call. hash:
 * sha256 in hex of the visible samples, planes one after the other without padding, or NULL. */
typedef enum status decoder_sink(void *context, int64_t which, const struct frame *frame, const char *hash);

struct decoder;
enum status decoder_open(const struct decoder_setup *setup, struct decoder **d);
void decoder_close(struct decoder **d);

/* Decodes a stretch. delivered[n] (bytes, zeroed by the caller) is set for every wanted frame handed to the sink exactly
 * once; a frame that did not come out is no fault here. ST_FORMAT only where the file could not be read at all. */
enum status decoder_run(struct decoder *d, const struct decoder_stretch *stretch, uint8_t *delivered,
                        decoder_sink *sink, void *context, struct decoder_stats *stats);

/* The packet at which decoding has to start so that this frame comes out exact. Pure. */
int64_t decoder_start_packet(const struct film *film, int64_t frame);

/* "libavformat 59.27.100 (built with ...)" and so on. */
void decoder_describe(char *text, size_t bytes);

#endif
