/* pipeline: one film in one process, step by step: what a job of many ranks (job.c) and work in pieces (piece.c) share.
 * Everything here is Local but what says otherwise. */
#ifndef JACQUARD_BARCODE_PIPELINE_H
#define JACQUARD_BARCODE_PIPELINE_H

#include "barcode/config.h"
#include "barcode/extract.h"
#include "job/resources.h"

struct pipeline {
    struct barcode_config config; /* n_init filled in */
    struct resources resources;
    atomic_int *stop; /* becomes non-zero: end soon with ST_INTERRUPTED */
    struct film film;
    struct plan plan;
    struct extract_setup extract;
    struct barcode barcode;
    char (*hash)[65]; /* [n_samples], where hashes of frames are wanted; "" where not of this one */
};

/* No film yet; resources are the caller's to fill in. Ends with loom_release. */
void pipeline_init(struct pipeline *pipeline, const struct barcode_config *config, atomic_int *stop);
void pipeline_release(struct pipeline *pipeline);

/* Notes what the film is; what is uncommon about it, and how it will be decoded. ST_FORMAT where it is not whole and
 * that is not allowed. */
void pipeline_describe_film(const struct pipeline *pipeline);
enum status pipeline_judge_film(const struct pipeline *pipeline);

/* The film again, listed by decoding it from start to end: the way out where split decoding went wrong. */
enum status pipeline_list_again(struct pipeline *pipeline, film_progress *progress, void *context);

/* The plan for n_shares of work on the film, the same wherever it is made, and the set-up of the extraction for one of
 * them.
 */
enum status pipeline_plan(struct pipeline *pipeline, int n_shares);
void loom_setup_extract(struct pipeline *pipeline, int share);

/* Collective. Rank 0's index of the film becomes everybody's, in place of any older one. */
enum status pipeline_share_film(struct pipeline *pipeline, struct comm *comm);
/* Collective. loom_plan and loom_setup_weave for this rank's share. */
enum status pipeline_plan_ranks(struct pipeline *pipeline, struct comm *comm);

/* Samples as they travel between processes of one machine type: records of loom_record_bytes each. */
size_t pipeline_record_bytes(const struct pipeline *pipeline);
/* Those of a extraction's result, in its order; all or only those delivered once. *packed is heap. */
enum status pipeline_pack(const struct pipeline *pipeline, const struct extract_result *extracted, uint8_t **packed,
                          size_t *bytes);
int64_t pipeline_record_sample(const uint8_t *record);
/* The way back, into a result that has room. */
void pipeline_unpack(const struct pipeline *pipeline, const uint8_t *record, struct extract_result *extracted);

/* pipeline->barcode from the records of all samples in order. */
enum status pipeline_assemble(struct pipeline *pipeline, const uint8_t *packed, size_t bytes);

/* The outputs that the config names. */
enum status pipeline_write(struct pipeline *pipeline);

#endif
