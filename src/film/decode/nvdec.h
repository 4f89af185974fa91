/* nvdec: what decoder.c needs of nvdec.c. Private to this folder. */
#ifndef JACQUARD_FILM_DECODE_NVDEC_H
#define JACQUARD_FILM_DECODE_NVDEC_H

#include "film/av/av.h"

/* An NVDEC session. Whoever takes one owns it. */
struct nvdec {
    AVCodecContext *codec;
    char kind[65]; /* film_info's */
    int device;
    int64_t first_time; /* its user's packets count their times from here on: frames of earlier ones lie before it */
    bool was_used;      /* since it was opened */
    bool holds_frames;  /* of earlier users: decoding may go on at a closed key frame, elsewhere only after a reset */
};

/* One of the film's kind that is there or about to be, else a new one. *s is NULL where FFmpeg cannot use the device.
 */
enum status nvdec_take(const struct film_info *film, const struct av_input *in, int device, struct nvdec **s);

/* False before the first packet, and after it where the device or its driver refuses the stream: FFmpeg decodes it then
 * in software. */
bool nvdec_is_hardware(const struct nvdec *s);

/* Keeps it for the next user. n_packets: all times of this user were below it. */
void nvdec_keep(struct nvdec **s, int64_t n_packets, bool holds_frames);
void nvdec_close(struct nvdec **s);

#endif
