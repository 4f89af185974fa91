/* ffmpeg: what this folder provides to the source of the same name (src/film/ffmpeg.c). See frame_source.h. */
#ifndef JACQUARD_FILM_DECODE_FFMPEG_H
#define JACQUARD_FILM_DECODE_FFMPEG_H

#include "film/frame_source.h"

extern const struct decoder_ops ffmpeg_decoder;

enum status ffmpeg_plain_decode(const struct plain_decode *p, int64_t *n_taken);

#endif
