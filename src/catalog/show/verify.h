/* verify: every result of a catalogue against what it was made of. */
#ifndef JACQUARD_CATALOG_SHOW_VERIFY_H
#define JACQUARD_CATALOG_SHOW_VERIFY_H

#include "base/progress.h"
#include "base/status.h"

#include <stdatomic.h>
#include <stdint.h>

struct verify_result {
    int64_t n_films, n_off; /* films that should be done, and those of them of which anything is off */
};

/* For each film that is done: its outputs are there, with the size and SHA-256 that the journal says; the side-car can
 * be read, is of the film that the journal says (by fingerprint; it may have moved) and has the settings of the other
 * films that were made with the same ones; each strip's pixels are those drawn from the side-car; the film is there and
 * has the size and fingerprint (first and last MiB) that the side-car says. What was drawn from a side-car is not
 * looked at where the side-car itself has changed, and a strip's pixels are not where its bytes have. A side-car in OUT
 * (NAME.json with a NAME.barcode.png beside it, or that begins like one) that no journal knows is held to the same
 * without journal and digests. Relative names of films are looked for from where the program runs.
 *
 * One line on stdout for each thing that is off: "NAME: what is off", as they are found. Films that are left, and how
 * many failed, are said in a closing note; they are not off. Films side by side on `threads` threads. Local.
 *
 * ST_OK also where something is off: *result says so. ST_USAGE where OUT is no catalogue; ST_NOMEM; ST_IO where stdout
 * cannot be written; ST_INTERRUPTED when *stop, with what was counted until then in *result. */
enum status verify_run(const char *out, int threads, enum progress_mode progress, const atomic_int *stop,
                       struct verify_result *result);

#endif
