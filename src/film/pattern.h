/* pattern: the source of synthetic films, whose pixels are known: with them tests check the whole pipeline, exactly and
 * in milliseconds, without an encoder. Such a film is a text file:
 *
 *     jacquard pattern 1
 *     size 64x48           width and height, 1 to 8192 each
 *     frames 500           1 to 2^21
 *     rate 25              frames a second, 1 to 1000 (default 25)
 *     keys 12              a key frame every 12 frames (default 12)
 *     bars 8               so many black rows more above it, and below (default 0)
 *     split no             it has to be decoded from start to end by one decoder (default yes)
 *     misses 30            frame 30 does not come out where decoding does not begin at the film's start
 *     damages 40           frame 40 is damaged
 *
 * Each frame is PATTERN_BARS upright bars, of a half, a quarter, an eighth and the rest of its width, each of one
 * colour. Planes are RGB of 8 bits. */
#ifndef JACQUARD_FILM_PATTERN_H
#define JACQUARD_FILM_PATTERN_H

#include <stdint.h>

enum { PATTERN_BARS = 4 };

/* The bar's first pixel in a row of so many; of bar PATTERN_BARS the width. */
int pattern_bar(int bar, int width);

/* A bar's colour in a frame. */
void pattern_colour(int64_t frame, int bar, uint8_t rgb[3]);

#endif
