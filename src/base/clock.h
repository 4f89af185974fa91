/* clock: monotonic seconds, for timings and ETA only; never part of a result. */
#ifndef JACQUARD_BASE_CLOCK_H
#define JACQUARD_BASE_CLOCK_H

double clock_seconds(void);

#endif
