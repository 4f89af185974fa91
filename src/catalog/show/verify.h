/* verify: every result of a catalogue against what it was made of. */
#ifndef JACQUARD_CATALOG_SHOW_VERIFY_H
#define JACQUARD_CATALOG_SHOW_VERIFY_H

#include "base/progress.h"
#include "base/status.h"

#include <stdatomic.h>
#include <stdint.h>

struct verify_setup {
    const char *out;
    int threads; /* films side by side */
    enum progress_mode progress;
    const atomic_int *stop;
    int n_samples; /* so many columns of each film are made again from the film; 0: none */
    /* Where n_samples > 0: */
    const char *version;              /* of the program: other versions' results are not compared */
    double film_timeout, film_memory; /* seconds (0: no limit) and bytes that the decoding of a film may take */
};

struct verify_result {
    int64_t n_films, n_off;  /* films that should be done, and those of them of which anything is off */
    int64_t n_again, n_same; /* films of which columns were made again, and the columns that came out the same */
    int64_t n_not_ours;      /* films of which none could be: another version's or other rules', or no journal
                                says whose */
};

/* For each film that is done: its outputs are there, with the size and SHA-256 that the journal says; the side-car can
 * be read, is of the film that the journal says (by fingerprint; it may have moved) and has the settings of the other
 * films that were made with the same ones; each strip's pixels are those drawn from the side-car; the film is there and
 * has the size and fingerprint (first and last MiB) that the side-car says. What was drawn from a side-car is not
 * looked at where the side-car itself has changed, and a strip's pixels are not where its bytes have. A side-car in OUT
 * (NAME.json with a NAME.barcode.png beside it, or that begins like one) that no journal knows is held to the same
 * without journal and digests. Relative names of films are looked for from where the program runs.
 *
 * With n_samples, of each film whose side-car and film are as they should be and that was drawn by this version and
 * these rules, so many columns, spread over the film, are made again from the film, decoded in the plain way, and must
 * come out the same to the last bit. That is done in processes that may do nothing else (checks.h).
 *
 * One line on stdout for each thing that is off: "NAME: what is off", as they are found. Films that are left, and how
 * many failed, are said in a closing note; they are not off. Local.
 *
 * ST_OK also where something is off: *result says so. ST_USAGE where OUT is no catalogue; ST_NOMEM; ST_IO where stdout
 * cannot be written; ST_INTERRUPTED when *stop, with what was counted until then in *result. */
enum status verify_run(const struct verify_setup *setup, struct verify_result *result);

#endif
