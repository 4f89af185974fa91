/* clock: seconds for timings, ETA and what people are told; never part of a result. */
#ifndef JACQUARD_BASE_CLOCK_H
#define JACQUARD_BASE_CLOCK_H

enum { CLOCK_SPAN_BYTES = 32 };

/* Monotonic. */
double clock_seconds(void);

/* Since the epoch, by a clock that may be set. */
double clock_wall_seconds(void);

/* "1:02:03", to the second; "?" where it is below 0: not known. */
const char *clock_span(double seconds, char text[CLOCK_SPAN_BYTES]);

#endif
