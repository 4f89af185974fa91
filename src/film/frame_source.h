/* frame_source: where a film's frames come from: how a film is indexed, and how wanted frames of it are decoded. A
 * source is one table of functions, chosen by the first bytes of a file. `ffmpeg` takes any real film, `pattern`
 * synthetic ones whose pixels are known (pattern.h). Code outside src/film uses decoders in no other way. Everything
 * here is Local. */
#ifndef JACQUARD_FILM_FRAME_SOURCE_H
#define JACQUARD_FILM_FRAME_SOURCE_H

#include "film/film.h"
#include "image/frame.h"

/* --- index -------------------------------------------------------------------------------------------------------- */

/* Reads the index. Refuses (ST_USAGE) what is not a regular file, (ST_FORMAT) what is not a film. A film that is not
 * whole is no fault here: info.incomplete says so. *stop != 0 ends it with ST_INTERRUPTED. */
enum status film_open(struct film *film, const char *path, const atomic_int *stop, film_progress *progress,
                      void *context);

/* Lists the frames of a film by decoding all of it, and makes it sequential: the fallback when what film_open derived
 * from the packets turns out to be wrong. `why` goes into info.unsplit. Counts damage. */
enum status film_list_by_decoding(struct film *film, const char *why, const atomic_int *stop, film_progress *progress,
                                  void *context);

/* What the headers claim; 0 where they do not say. */
struct film_probe {
    int64_t bytes;
    double seconds, fps;
    int width, height;
    char codec[64];
};

/* Quick: reads only headers. Refuses as film_open does. */
enum status film_probe(const char *path, const atomic_int *stop, struct film_probe *probe);

/* --- wanted frames ------------------------------------------------------------------------------------------------ */

enum decoder_path { DECODER_CPU, DECODER_NVDEC, N_DECODER_PATHS };

/* Where frames go. The frame is valid during the call; hash: SHA-256 in hex of the visible samples, planes one after
 * the other without padding, or NULL where not wanted. */
struct decoder_sink {
    void *context;
    int64_t (*which)(void *context, int64_t frame); /* the number of this frame of the film for take, -1: not wanted */
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
    int64_t doubts;         /* complaints about references that may mean nothing */
    bool used_nvdec;
    const char *nvdec_refusal; /* why NVDEC was asked for and not used; NULL if it was, or was not asked for */
    double seconds;            /* in demuxing, decoding and the sink */
};

/* The frames of wanted packets, in whatever order they come out, decoding as little as possible: groups of pictures
 * without a wanted frame are not decoded, nor frames that no other frame needs. One instance per thread. */
struct decoder;

/* *d ends with decoder_close, also after a failure. */
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

/* "libavformat 59.27.100 (built with ...)" and so on. */
void decoder_describe(char *text, size_t bytes);

/* --- hardware decoders -------------------------------------------------------------------------------------------- */

/* On a GPU: an H200 has 7 engines; 7 to 8 sessions saturate them, more gain nothing. */
enum { NVDEC_SESSIONS = 8 };

struct nvdec_user {
    int device, threads;               /* CUDA ordinal; processor threads that decode beside it */
    int n_gpu_sharers, n_host_sharers; /* processes doing such work on this GPU and this host, with this one; 0 = 1 */
};

/* Sessions to decode so many of the film's frames with, 0 where NVDEC does not give the same bits: no more than this
 * process's share of its GPU's, and as many as pay, those that are there already or pay by what is decoded before and
 * after. JACQUARD_NVDEC=N asks for N whatever there is to do; ST_USAGE where it is no number from 0 to 64. */
enum status nvdec_choose(const struct film_info *film, const struct nvdec_user *user, int64_t n_frames, int *n);

/* In the background, as many as pay for the film's n_shares-th part by what its headers claim. Faults are not reported:
 * a session that is missing is opened when it is needed. *stop != 0 ends it soon. *ahead ends with nvdec_end_ahead;
 * NULL where no thread could start. */
struct nvdec_ahead;
struct nvdec_ahead *nvdec_open_ahead(const char *path, const struct nvdec_user *user, int n_shares,
                                     const atomic_int *stop);
void nvdec_end_ahead(struct nvdec_ahead **ahead);

/* --- the plain way ------------------------------------------------------------------------------------------------ */

/* Chosen frames of a film as the plain way gives them: one decoder of one thread, in software, from the first packet
 * on, nothing sought, nothing left out, frames counted as they come out. Slow; decoders must give the same, and are
 * checked against this. */
struct plain_decode {
    const char *path;
    const int64_t *frame; /* [n] numbers in presentation order, from 0, strictly rising */
    int64_t n;
    bool want_hash;
    const atomic_int *stop;  /* becomes non-zero: end soon with ST_INTERRUPTED; may be NULL */
    film_progress *progress; /* called with the frames that came out, of those that have to; may be NULL */
    void *watcher, *taker;   /* contexts of progress and of take */
    /* frame[which] and, where wanted, its hash as the sink above has them. Valid during the call. In rising order. */
    enum status (*take)(void *taker, int64_t which, const struct frame *picture, const char *hash);
};

/* Ends after the last of them. Frames that do not come out are no fault here: *n_taken of them did, the first ones.
 * What the decoder refuses is passed over, and reading goes on after an error. Refuses as film_open does. */
enum status plain_decode(const struct plain_decode *p, int64_t *n_taken);

/* --- sources ------------------------------------------------------------------------------------------------------ */

struct decoder_ops { /* the functions above, on priv: priv_bytes, zeroed before open */
    size_t priv_bytes;
    enum status (*open)(void *priv, const struct decoder_setup *setup);
    void (*close)(void *priv);
    enum status (*run)(void *priv, const int64_t *frame, int64_t n);
    enum status (*turn_to)(void *priv, int64_t frame);
    enum status (*finish)(void *priv);
    struct decoder_stats (*stats)(const void *priv);
};

struct frame_source {
    const char *name;                           /* what film_info.source says */
    bool (*claims)(const void *head, size_t n); /* by the first n bytes of the file, n <= FRAME_SOURCE_HEAD */
    enum status (*index)(struct film *film, const atomic_int *stop, film_progress *progress, void *context);
    enum status (*list_by_decoding)(struct film *film, const char *why, const atomic_int *stop, film_progress *progress,
                                    void *context);
    enum status (*probe)(const char *path, const atomic_int *stop, struct film_probe *probe);
    enum status (*plain)(const struct plain_decode *p, int64_t *n_taken);
    const struct decoder_ops *decoder;
};

enum { FRAME_SOURCE_HEAD = 64 };

extern const struct frame_source source_ffmpeg, source_pattern;

#endif
