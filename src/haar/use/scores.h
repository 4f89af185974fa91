/* scores: runs a model over images: preprocesses them, walks all weak learners, hands out the classes' scores. */
#ifndef JACQUARD_HAAR_SCORES_H
#define JACQUARD_HAAR_SCORES_H

#include "haar/model/model.h"
#include "job/resources.h"

#include <stdatomic.h>

struct scores_job {
    const struct model *model;
    struct resources resources;
    int64_t n;             /* at least 0 */
    const uint8_t *pixels; /* u8 [n, height, width], of the model's size */
    const uint8_t *labels; /* u8 [n], below the model's n_classes; NULL: not known */
    int64_t *wrong;   /* [scores_n_rounds] or NULL: wrong answers where all members are cut after round t + 1, added
                         to what is there; needs labels */
    atomic_int *stop; /* NULL: cannot be stopped */
};

/* Rounds of the longest member. */
int scores_n_rounds(const struct model *model);

/* *scores: i32 [n, n_classes], heap; the caller frees it, also after a failure. ST_INTERRUPTED when *stop is set.
 * Local.
 */
enum status scores_make(const struct scores_job *job, int32_t **scores);

/* The answer: the class with the highest score, the lowest among equals. */
int scores_best(const int32_t *scores, int n_classes);

#endif
