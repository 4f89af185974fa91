/* loom: one film in one process, step by step: what a job of many ranks (job.c) and work in pieces (piece.c) share.
 * Everything here is Local but what says otherwise. */
#ifndef JACQUARD_BARCODE_LOOM_H
#define JACQUARD_BARCODE_LOOM_H

#include "barcode/config.h"
#include "barcode/weave.h"
#include "job/resources.h"

struct loom {
    struct barcode_config config; /* n_init filled in */
    struct resources resources;
    atomic_int *stop; /* becomes non-zero: end soon with ST_INTERRUPTED */
    struct film film;
    struct plan plan;
    struct weave_setup weave;
    struct barcode barcode;
    char (*hash)[65]; /* [n_samples], where hashes of frames are wanted; "" where not of this one */
};

/* No film yet; resources are the caller's to fill in. Ends with loom_release. */
void loom_init(struct loom *loom, const struct barcode_config *config, atomic_int *stop);
void loom_release(struct loom *loom);

/* Notes what the film is; what is uncommon about it, and how it will be decoded. ST_FORMAT where it is not whole and
 * that is not allowed. */
void loom_describe_film(const struct loom *loom);
enum status loom_judge_film(const struct loom *loom);

/* The film again, listed by decoding it from start to end: the way out where split decoding went wrong. */
enum status loom_list_again(struct loom *loom, film_progress *progress, void *context);

/* The plan for n_shares of work on the film, the same wherever it is made, and the set-up of the weave for one of them.
 */
enum status loom_plan(struct loom *loom, int n_shares);
void loom_setup_weave(struct loom *loom, int share);

/* Collective. Rank 0's index of the film becomes everybody's, in place of any older one. */
enum status loom_share_film(struct loom *loom, struct comm *comm);
/* Collective. loom_plan and loom_setup_weave for this rank's share. */
enum status loom_plan_ranks(struct loom *loom, struct comm *comm);

/* Samples as they travel between processes of one machine type: records of loom_record_bytes each. */
size_t loom_record_bytes(const struct loom *loom);
/* Those of a weave's result, in its order; all or only those delivered once. *packed is heap. */
enum status loom_pack(const struct loom *loom, const struct weave_result *woven, uint8_t **packed, size_t *bytes);
int64_t loom_record_sample(const uint8_t *record);
/* The way back, into a result that has room. */
void loom_unpack(const struct loom *loom, const uint8_t *record, struct weave_result *woven);

/* loom->barcode from the records of all samples in order. */
enum status loom_assemble(struct loom *loom, const uint8_t *packed, size_t bytes);

/* The outputs that the config names. */
enum status loom_write(struct loom *loom);

#endif
