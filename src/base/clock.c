#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

static double read_clock(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double clock_seconds(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double clock_wall_seconds(void)
{
    return read_clock(CLOCK_REALTIME);
}

const char *clock_span(double seconds, char text[CLOCK_SPAN_BYTES])
{
    const long long s = (long long)fmin(seconds + 0.5, 1e12);

    if (seconds < 0.0)
        snprintf(text, CLOCK_SPAN_BYTES, "?");
    else
        snprintf(text, CLOCK_SPAN_BYTES, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
    return text;
}
