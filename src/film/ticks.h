/* ticks: arithmetic with times that a container claims. Where packets become film_packets their times are held against
 * a range, once; everything after works with times and lengths whose sums and differences cannot overflow. All pure. */
#ifndef JACQUARD_FILM_TICKS_H
#define JACQUARD_FILM_TICKS_H

#include "film/film.h"

/* A container's times lie within +-TICKS_TIME_MOST (73 years in nanoseconds, so that such a clock may count from 1970).
 * A film's own times, after its first frame, and lengths lie within 0 .. TICKS_MOST: two years in nanoseconds; they may
 * be multiplied by a hundred. */
#define TICKS_TIME_MOST ((int64_t)1 << 61)
#define TICKS_MOST ((int64_t)1 << 56)

/* A container's time as it is, or FILM_NO_TIME where none can be meant. */
static inline int64_t ticks_time(int64_t t)
{
    return t >= -TICKS_TIME_MOST && t <= TICKS_TIME_MOST ? t : FILM_NO_TIME;
}

/* How long a frame lasts, from what is claimed of it: 1 .. TICKS_MOST. */
static inline int64_t ticks_length(int64_t claimed)
{
    return claimed < 1 ? 1 : claimed > TICKS_MOST ? TICKS_MOST : claimed;
}

/* ticks (0 .. TICKS_MOST) and a difference of two times later: never earlier, never past the end of the range. */
static inline int64_t ticks_later(int64_t ticks, int64_t difference)
{
    return difference <= 0 ? ticks : difference > TICKS_MOST - ticks ? TICKS_MOST : ticks + difference;
}

/* The whole part of a number of ticks, clamped to +-2^62; 0 for NaN. */
static inline int64_t ticks_whole(double ticks)
{
    return ticks >= 0x1p62    ? (int64_t)1 << 62
           : ticks <= -0x1p62 ? -((int64_t)1 << 62)
           : ticks == ticks   ? (int64_t)ticks
                              : 0;
}

/* A time of wrap_bits bits, taken to the neighbourhood of a reference; both from ticks_time, or FILM_NO_TIME for the
 * reference. Stays as it is where there is no reference, the clock does not wrap (less than 1 bit, more than 62) or the
 * neighbourhood lies out of range. */
int64_t ticks_unwrap(int64_t t, int64_t reference, int wrap_bits);

#endif
