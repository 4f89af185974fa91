/* plain_decode: chosen frames of a film as the plain way gives them: one decoder of one thread, in software, from the
 * first packet on, nothing sought, nothing left out, frames counted as they come out. Slow; what decoder.h gives must
 * be the same, and is held to it by this. */
#ifndef JACQUARD_FILM_DECODE_PLAIN_DECODE_H
#define JACQUARD_FILM_DECODE_PLAIN_DECODE_H

#include "image/frame.h"
#include "film/film.h"

struct plain_decode {
    const char *path;
    const int64_t *frame; /* [n] numbers in presentation order, from 0, strictly rising */
    int64_t n;
    bool want_hash;
    const atomic_int *stop;  /* becomes non-zero: end soon with ST_INTERRUPTED; may be NULL */
    film_progress *progress; /* told frames that came out, of those that have to; may be NULL */
    void *context;           /* of both functions */
    /* frame[which] and, where wanted, its hash as decoder.h has them. Valid during the call. In rising order. */
    enum status (*take)(void *context, int64_t which, const struct frame *picture, const char *hash);
};

/* Ends after the last of them. Frames that do not come out are no fault here: *n_taken of them did, the first ones.
 * What the decoder refuses is passed over, and reading goes on after an error. Refuses as film_open does. Local. */
enum status plain_decode(const struct plain_decode *p, int64_t *n_taken);

#endif
