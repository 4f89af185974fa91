/* piece: a film's barcode made in pieces by processes that share nothing but files, at different times and places: the
 * index, shares of the samples, and the joining of them. Each step keeps what it has in a file, so that it is not lost
 * when the next one is never reached. However it was cut, the barcode has the same bits. Local.
 *
 * piece_film does all of it at one go, or piece_index -> piece_weave for each share -> piece_join. */
#ifndef JACQUARD_BARCODE_PIECE_H
#define JACQUARD_BARCODE_PIECE_H

#include "barcode/pipeline.h"

struct piece_setup {
    struct barcode_config config; /* film, output and json name files */
    struct resources resources;
    const char *store;       /* begins the names of the files in between: STORE.index, STORE.3of8 */
    const char *key;         /* 64 hex digits, of film and settings: what was kept under another key is not looked at */
    atomic_int *stop;        /* becomes non-zero: end at once with ST_INTERRUPTED, nothing is kept */
    const atomic_int *drain; /* becomes non-zero: finish what is begun, keep it, come back */
    /* Told several times a second while things move on; done rises. */
    void (*progress)(void *context, int64_t done, int64_t total);
    /* Asked before outputs are written, may refuse; NULL: nobody is asked. */
    enum status (*may_write)(void *context);
    void *context;
};

struct piece {
    struct piece_setup setup;
    struct pipeline pipeline; /* after piece_film and piece_join: its film and barcode are those that were written */
    struct extract_result extracted;
    struct extract_stats stats;                           /* of this step; after piece_join of all extractions */
    double index_seconds, extract_seconds, write_seconds; /* of this step */
};

void piece_init(struct piece *p, const struct piece_setup *setup);
void piece_release(struct piece *p);

/* Reads (or finds) the index and keeps it. *splits: the film can be cut. */
enum status piece_index(struct piece *p, bool *splits);

/* Share `share` of n_shares of the samples. *drained: it was told to end early and has kept what it has; the same call
 * later goes on from there. */
enum status piece_extract(struct piece *p, int share, int n_shares, bool *drained);

/* Puts n_shares together and writes the outputs. *fits false: a share is not there or the film turned out not to be
 * what its index says (it is damaged, say): piece_film with unsplit is the way then. */
enum status piece_join(struct piece *p, int n_shares, bool *fits);

/* All of it. unsplit: the film is listed by decoding and decoded from start to end, as any player would; done by itself
 * where that turns out to be needed. *drained as above; nothing is written then. */
enum status piece_film(struct piece *p, bool unsplit, bool *drained);

/* Removes the files in between: STORE.index, STORE.3of8 ... */
void piece_forget(const char *store);

#endif
