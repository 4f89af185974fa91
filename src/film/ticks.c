#include "film/ticks.h"

int64_t ticks_unwrap(int64_t t, int64_t reference, int wrap_bits)
{
    if (t == FILM_NO_TIME || reference == FILM_NO_TIME || wrap_bits < 1 || wrap_bits > 62)
        return t;
    const int64_t period = (int64_t)1 << wrap_bits, half = period / 2, ahead = t - reference;
    int64_t rounds = 0; /* too many */

    if (ahead > half)
        rounds = (ahead - half - 1) / period + 1;
    else if (ahead < -half)
        rounds = -((-half - ahead - 1) / period + 1);
    const int64_t near = ahead - rounds * period; /* within half a period */
    return reference + near >= -TICKS_TIME_MOST && reference + near <= TICKS_TIME_MOST ? reference + near : t;
}
