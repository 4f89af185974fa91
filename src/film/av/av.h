/* av: what the files of src/film share about libav*. Private to src/film. */
#ifndef JACQUARD_FILM_AV_AV_H
#define JACQUARD_FILM_AV_AV_H

#include "image/frame.h"
#include "film/av/planes.h"
#include "film/film.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

/* An open container with its one video stream chosen; packets of that stream come out numbered as in the index. */
struct av_input {
    AVFormatContext *format;
    AVStream *stream;
    const AVCodec *codec;
    int n_video_streams;
    bool opened_once;      /* the film's own file; no other file is ever opened */
    int64_t n_read_errors; /* that reading went on after, as players do, or ended with */
    int read_error;        /* the first one, FFmpeg's code */
    int n_errors_on_end;
    const atomic_int *stop;
};

/* The struct must not move while it is open. Refuses as film_open does. */
enum status av_input_open(struct av_input *in, const char *path, const atomic_int *stop);
void av_input_close(struct av_input *in);

/* The next packet of the video stream (others are passed to `other`, which may be NULL): ST_OK, ST_END, ST_INTERRUPTED,
 * ST_NOMEM. A read error is counted, and reading goes on behind it where the container lets it. */
enum status av_input_read(struct av_input *in, AVPacket *packet, void (*other)(void *, const AVPacket *),
                          void *context);

/* What the headers claim; 0 or less where they do not say. */
double av_input_seconds(const struct av_input *in);

/* What a decoder reports only in its log; `opaque` of a codec context points to one, or is NULL. */
struct av_logged {
    atomic_llong n_faults, n_doubts; /* damage; complaints about references that may mean nothing */
    int64_t n_pictures;              /* pictures that a hardware session made room for */
};

/* A decoder for the input's stream; the caller may set more before av_decoder_start. Ends with avcodec_free_context. */
enum status av_decoder_open(AVCodecContext **decoder, const struct av_input *in, int threads);
enum status av_decoder_start(AVCodecContext *decoder, const struct av_input *in);

/* The decoder's next frame; false where none is ready. Errors are counted and passed over, as players do; so are faults
 * that the decoder reported only in its log. */
bool av_decoder_receive(AVCodecContext *decoder, AVFrame *frame, int64_t *n_faults);

/* Decodes a film from its start with one thread: several would not see all damage, and what a decoder conceals depends
 * on how many it has. The struct must not move while it is open; av_look_close is called also after a failure. */
struct av_look {
    struct av_input in;
    AVCodecContext *decoder; /* the caller may set more before av_decoder_start */
    AVPacket *packet;
    AVFrame *frame;
    struct av_logged logged;
};

enum status av_look_open(struct av_look *look, const char *path, const atomic_int *stop);
void av_look_close(struct av_look *look);

const char *av_error_text(int error); /* thread-local buffer */

/* refusal.c. Films whose headers say that no decoder would give their pictures: encrypted ones, colours that are not
 * converted: ST_FORMAT, by name. IPT-PQ is not refused here: it may be wanted as it is coded. */
enum status film_refuse_by_headers(const struct av_input *in, const char *path);

/* What the headers hold beside the stream; NULL and 0 bytes where they do not. */
const uint8_t *av_side_data(const AVStream *s, enum AVPacketSideDataType type, size_t *bytes);

/* Of a film that could not be opened: ST_FORMAT becomes "encrypted" where that is why. */
enum status film_blame_encryption(const char *path, enum status st);

/* The picture's own data says that it is IPT-PQ (Dolby Vision profile 5), whatever the container knows. */
bool film_is_dovi_ipt(const AVFrame *av);

/* Of Dolby Vision by its configuration record; 0: there is none. is_ipt: without a compatible layer. */
int film_dovi_profile(const struct av_input *in, bool *is_ipt);

/* Turns AVFrames into frames: planes are lent as they are where the layout is planar or semi-planar, other layouts
 * (packed RGB, palettes, X'Y'Z') become planes. */
struct av_picture {
    struct av_planes planes;
    uint8_t *packed; /* for hashing */
    size_t packed_bytes;
};

/* What a stream or a picture says of its colours. */
struct av_colours {
    enum AVPixelFormat format;
    enum AVColorSpace matrix;
    enum AVColorPrimaries primaries;
    enum AVColorTransferCharacteristic transfer;
};

/* The name of colours that are not converted; NULL: they are. IPT-PQ is one of them. */
const char *av_colours_refused(const struct av_colours *colours);
bool av_colours_are_ipt(const struct av_colours *colours);

/* IPT-PQ, by its own data or its matrix. */
bool av_picture_is_ipt(const AVFrame *av);

/* ST_FORMAT: a layout or colours that are not converted, but for IPT-PQ, which is taken for Y'CbCr. */
enum status av_picture_view(struct av_picture *p, const AVCodecContext *decoder, const AVFrame *av,
                            struct frame *frame);
enum status av_picture_hash(struct av_picture *p, const AVCodecContext *decoder, const AVFrame *av, char hex[65]);
void av_picture_release(struct av_picture *p);

const char *av_matrix_name(enum frame_matrix matrix);

/* describe.c. What the headers say. */
void film_describe_stream(struct film_info *info, const struct av_input *in);

/* describe.c. What only a decoded picture tells for sure. */
void film_describe_picture(struct film_info *info, const AVCodecContext *decoder, const AVFrame *av);

static inline bool film_is_damaged(const AVFrame *av)
{
    return av->decode_error_flags != 0 || (av->flags & AV_FRAME_FLAG_CORRUPT);
}

#endif
