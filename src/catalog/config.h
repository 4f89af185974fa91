/* config: everything the command line can say about a catalogue. */
#ifndef JACQUARD_CATALOG_CONFIG_H
#define JACQUARD_CATALOG_CONFIG_H

#include "barcode/config.h"

struct catalog_config {
    const char *const *input; /* [n_inputs] films and folders */
    int n_inputs;
    const char *list;                            /* a file of names, one a line; "-" = standard input; NULL */
    const char *const *include, *const *exclude; /* [n_includes], [n_excludes] glob patterns */
    int n_includes, n_excludes;
    int share, n_shares;           /* of the films, this run takes share `share` of 1..n_shares; 1 of 1 = all */
    const char *out;               /* the folder of results */
    struct barcode_config barcode; /* for every film; film, output, json, csv, frame_hashes are NULL */
    bool retry_failed;
    int tries;            /* of a film whose decoding crashes, hangs or eats the memory; >= 1 */
    double started;       /* clock_seconds() at the start of the program's work */
    double time_limit;    /* seconds from then on for the whole run; 0 = none */
    double film_timeout;  /* seconds a film may take at one go; 0 = as long as it moves on */
    double piece_seconds; /* a film is cut so that no piece is estimated to take a worker process longer; > 0 */
    double film_memory;   /* bytes that the decoding of a film may take */
    int workers;          /* films at once on each rank; 0 = by the rank's threads */
    bool stores;          /* the sampled frames are kept below out */
    bool dry_run;
    bool gallery;        /* refresh report and gallery while the run goes on */
    const char *version; /* of the program: other versions' results are not taken for this one's */
    const char *command; /* the command line, for people */
};

#endif
