/* evaluation: a model's answers on labelled images, and how they are shown. */
#ifndef JACQUARD_HAAR_EVALUATION_H
#define JACQUARD_HAAR_EVALUATION_H

#include "base/status.h"
#include "compute/haar/feature.h"

#include <stdint.h>
#include <stdio.h>

enum { EVALUATION_MOST_WORST = 100 };

struct wrong_image {
    int64_t index;  /* in the file */
    int64_t margin; /* the answer's score less the label's, 1/65536 octaves */
    int32_t label, answer;
};

struct evaluation {
    char digest[65]; /* the model's */
    int n_classes, n_members, n_rounds;
    int64_t n_images, n_wrong;
    int64_t confusion[HAAR_MAX_CLASSES * HAAR_MAX_CLASSES]; /* [label, answer], rows of n_classes */
    int64_t *wrong_after;                                   /* [n_rounds], or NULL: not wanted */
    int n_worst;
    struct wrong_image worst[EVALUATION_MOST_WORST]; /* largest margin first, then lowest index */
};

/* Takes its place among the worst, where it is one. */
void evaluation_note_worst(struct evaluation *e, struct wrong_image image);

/* "error 0.95% (95/10000)", a table of the classes, the confusion matrix. */
void evaluation_print(FILE *file, const struct evaluation *e);
void evaluation_print_json(FILE *file, const struct evaluation *e);
void evaluation_print_curve(FILE *file, const struct evaluation *e); /* CSV: round,wrong,error */

/* The confusion matrix as a picture, *rgb u8 [height, width, 3], heap: a row a label, a column an answer, right answers
 * blue, wrong ones red, the more the darker. */
enum status evaluation_draw_confusion(const struct evaluation *e, uint8_t **rgb, uint32_t *width, uint32_t *height);

#endif
