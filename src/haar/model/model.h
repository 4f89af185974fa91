/* model: a trained classifier: one or several members (an ensemble), each a list of weak learners with their votes. An
 * image's score for a class is the sum of the votes of the leaves it falls into, over all rounds of all members; the
 * answer is the class with the highest score, the lowest among equals. A text file with a SHA-256 of itself; also the
 * checkpoint of a training that is not finished. */
#ifndef JACQUARD_HAAR_MODEL_H
#define JACQUARD_HAAR_MODEL_H

#include "base/opts.h"
#include "compute/haar/boost.h"
#include "haar/features.h"
#include "haar/data/preprocess.h"

#include <stdbool.h>
#include <stdint.h>

enum learner { LEARNER_STUMP, LEARNER_PRODUCT, LEARNER_TREE, N_LEARNERS };
extern const char *const learner_names[N_LEARNERS];

/* Of all features that are sketched, so many are searched unless told otherwise: the errors of models are those of
 * exhaustive searches. */
enum { MODEL_SKETCH = 8192 };

/* Everything that decides the model's bytes, except the images. Equal settings and images make equal models. */
struct model_settings {
    enum learner learner;
    int terms;              /* of a product, 1..BOOST_MAX_TERMS */
    int leaves;             /* of a tree, 2..BOOST_MAX_LEAVES */
    int rounds;             /* a member */
    uint32_t lazy;          /* features drawn a round; 0: all of them */
    uint32_t sketch;        /* of all features, how many are searched after a sketch; 0: no sketch, all of them */
    enum haar_set features; /* see haar_set_names */
    struct preprocess preprocess;
    int elastic;          /* distorted copies of each training image */
    int trim_ppm;         /* of the weight is left out of the search, in millionths */
    uint64_t seed;        /* of the first member; the others follow */
    int64_t n_images;     /* trained on, copies not counted */
    int64_t n_validation; /* images held out: the last ones of the file */
    uint32_t fingerprint; /* of the training set: see dataset.h */
};

struct model_round {
    struct weak weak;
    int32_t *votes; /* i32 [n_leaves, n_classes], in 1/65536 octaves; heap */
    int32_t shift;  /* what the weights' exponents had gained in all after this round: lets a training go on */
    int32_t loss;   /* log2 of the factor by which this round changed the weights' sum, 1/65536 octaves; <= 0 */
};

struct model_member {
    uint64_t seed;
    int n_rounds, rounds_room;
    struct model_round *round;
};

struct model {
    int width, height, n_classes;
    struct model_settings settings;
    int n_members, members_room;
    struct model_member *member;
};

/* Of struct model: its settings, in the order in which the file has those with a key, and as options. */
extern const struct opt model_rows[];

/* Appends; the votes are copied. ST_NOMEM. */
enum status model_add_member(struct model *model, uint64_t seed);
enum status model_add_round(struct model *model, const struct model_round *round); /* to the last member */
void model_release(struct model *model);                                           /* safe on a zeroed one */

/* The file appears whole or not at all. The same model gives the same bytes. */
enum status model_write(const struct model *model, const char *path, bool force);
/* *model is released by the caller, also after a failure. ST_FORMAT: no model, another version, damaged (its SHA-256
 * does not fit), or a number out of its range (every index is checked: a model may come from anywhere). */
enum status model_read(const char *path, struct model *model);

/* The digest in the file, as 64 hexadecimal digits and a 0. Local. */
enum status model_digest(const struct model *model, char hex[65]);

#endif
