/* pipeline: from a film to its barcode, step by step: index > plan > extract (decode and cluster) > judge > join >
 * verify > write; with --weight rare it is extracted twice. The ranks of a communicator share the work (job.h), or
 * processes that share nothing but files do it in pieces (piece.h); the steps are the same. All is Collective over
 * pipeline.comm unless it says otherwise: every rank comes back with the same status. */
#ifndef JACQUARD_BARCODE_PIPELINE_H
#define JACQUARD_BARCODE_PIPELINE_H

#include "barcode/column.h"
#include "barcode/config.h"
#include "barcode/extract.h"
#include "barcode/piece_files.h"
#include "job/resources.h"

enum pipeline_step {
    PIPELINE_INDEX,
    PIPELINE_LOOK,
    PIPELINE_LIST,
    PIPELINE_COUNT,
    PIPELINE_EXTRACT,
    PIPELINE_VERIFY,
    N_PIPELINE_STEPS
};

/* Called on this rank; each may be NULL. */
struct pipeline_watch {
    void *context;
    void (*begins)(void *context, enum pipeline_step step);
    void (*progress)(void *context, int64_t done, int64_t total); /* of the step, any unit; several times a second */
    void (*ends)(void *context, enum pipeline_step step);
    enum status (*may_write)(void *context); /* asked on every rank before outputs are written; may refuse */
};

struct pipeline {
    struct barcode_config config; /* n_init filled in */
    struct resources resources;
    struct comm *comm;
    const struct piece_files *kept; /* where finished work is kept and looked for; NULL: nowhere */
    atomic_int *stop;               /* becomes non-zero: end soon with ST_INTERRUPTED */
    const atomic_int *drain;        /* becomes non-zero: finish what is begun, then end; NULL: never */
    struct pipeline_watch watch;

    struct film film;
    struct plan plan;
    struct extract_setup extract;
    struct extract_result samples; /* this rank's */
    struct extract_stats stats;    /* of all ranks, and of what was kept */
    struct barcode barcode;        /* on rank 0, joined */
    char (*hash)[65]; /* [n_samples] on rank 0, where hashes of frames are wanted; "" where not of this one */
    bool is_counting; /* the extraction is the first of two: see extract_setup.counts_cells */
    uint8_t rarity[WEIGHTS_CELLS]; /* what came of it */
    bool is_index_stored;          /* on rank 0: the store has the index as it is here */
    double index_seconds, extract_seconds, write_seconds;
    double mean_done; /* mean over the ranks of the seconds in which each had work, in the last extraction */
};

/* Local. Starts nothing; resources, comm and whatever else is wanted are the caller's to fill in. Ends with
 * pipeline_release. */
void pipeline_init(struct pipeline *p, const struct barcode_config *config, atomic_int *stop);
void pipeline_release(struct pipeline *p);

/* All of it. unsplit: the film is listed by decoding and decoded from start to end, as any player would; done by itself
 * where that turns out to be needed. *drained: it was told to end early and has kept what it has (where it may),
 * nothing is written; the same call later goes on from there. */
enum status pipeline_run(struct pipeline *p, bool unsplit, bool *drained);

/* ---- the steps, for callers that run them one by one ---- */

/* Rank 0 reads the film's index, or finds it kept; the others have it from there. Logs what is unusual about it and
 * how it will be decoded. ST_FORMAT where it is not whole and that is not allowed, and where its colours are not
 * converted (IPT-PQ) and are not wanted as they are coded. */
enum status pipeline_index(struct pipeline *p);

/* Its parts after the reading. Local: logs what is unusual about the film and how it will be decoded; ST_FORMAT as
 * above. Collective: rank 0's film becomes everybody's, in place of any older one. */
enum status pipeline_judge_film(const struct pipeline *p);
enum status pipeline_share_film(struct pipeline *p);

/* The plan for n_shares of work on the film, the same wherever it is made, and the set-up for one of them. */
enum status pipeline_plan(struct pipeline *p, int share, int n_shares);

/* Plans, then decodes and clusters this rank's share. count: of all ranks. */
enum status pipeline_extract(struct pipeline *p, int share, int n_shares, struct extract_count *count);

/* The film again, listed by decoding it from start to end: the fallback where split decoding went wrong. */
enum status pipeline_list_again(struct pipeline *p);

/* Of all ranks' samples, which are all that there are: the barcode, on rank 0; then it is verified and written. */
enum status pipeline_join(struct pipeline *p);

#endif
