/* mjpeg: films that are JPEG pictures one after the other and nothing else. */
#ifndef JACQUARD_FILM_AV_MJPEG_H
#define JACQUARD_FILM_AV_MJPEG_H

#include <stdbool.h>

/* Whether the file begins with two whole JPEG pictures of the same size, the second right behind the first: a stream of
 * Motion JPEG. A photo is none, nor one with a thumbnail or a preview in it or behind it (other sizes), nor the two
 * views of a stereo photo (Multi-Picture Format). False where it cannot be read. */
bool av_is_mjpeg(const char *path);

#endif
