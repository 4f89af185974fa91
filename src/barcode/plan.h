/* plan: which frames become columns, and who decodes which of them. Pure: a function of the film's index, the same on
 * every rank. */
#ifndef JACQUARD_BARCODE_PLAN_H
#define JACQUARD_BARCODE_PLAN_H

#include "base/status.h"
#include "film/film.h"

#include <stdbool.h>

enum sampling_unit { SAMPLE_FRAMES, SAMPLE_SECONDS, SAMPLE_COLUMNS };

/* A point in the film: seconds after its first frame, or a share of its length; none unless it is given. */
struct film_time {
    double value;
    bool is_percent, is_given;
};

struct sampling {
    enum sampling_unit unit;
    double every;                /* frames (whole, >= 1), seconds (> 0), or the number of columns (whole, >= 1) */
    struct film_time start, end; /* the range is half-open */
    bool snap_to_keys;           /* --sampling key */
};

/* A stretch of samples decoded without a break: half-open, starts at a key frame, samples in exactly one segment. */
struct segment {
    int64_t first, last; /* samples first..last-1 */
    int64_t cost;        /* relative decode time */
    int64_t packets;     /* to decode up to its last sample, those that a segment before it has left out */
};

struct plan {
    int64_t n_columns;
    int64_t *column_sample; /* [n_columns] index into sample_frame; several columns may share a sample */
    int64_t n_samples;
    int64_t *sample_frame;     /* [n_samples] frame numbers, strictly rising */
    double largest_time_error; /* seconds, of --sampling key */
    int64_t n_segments;
    struct segment *segment; /* [n_segments] in film order */
    int n_ranks;
    int64_t *rank_segment; /* [n_ranks + 1] rank r has segments rank_segment[r] .. rank_segment[r + 1] - 1 */
};

/* The frames of the range: *first .. *last - 1. ST_USAGE where there are none. */
enum status plan_range(const struct film *film, const struct sampling *sampling, int64_t *first, int64_t *last);

/* ST_USAGE where the range holds no frame, more than 2^21 columns are asked for, or (of SAMPLE_SECONDS) more than
 * 86,400 that are also more than 64 a frame: the film's times are wrong then. Needs times as film/ticks.h keeps them.
 */
enum status plan_make(struct plan *plan, const struct film *film, const struct sampling *sampling, int n_ranks,
                      int segments_per_rank);
void plan_release(struct plan *plan);

/* Samples of a rank: *first .. *last - 1. */
void plan_rank_samples(const struct plan *plan, int rank, int64_t *first, int64_t *last);

#endif
