/* boosting: the rounds of AdaBoost.MH for one member: what to search, the weak learner that results, its votes, and the
 * weights' new scale. All decisions are made on the host from whole numbers that are the same on every rank, so that
 * they need not be communicated. Schapire, Singer 1999; trees and products: Kegl, Busa-Fekete 2009; drawing features:
 * Busa-Fekete, Kegl: Bandit-aided boosting, 2009 (LazyBoost: Escudero, Marquez, Rigau 2000). */
#ifndef JACQUARD_HAAR_BOOSTING_H
#define JACQUARD_HAAR_BOOSTING_H

#include "haar/features.h"
#include "haar/model/model.h"
#include "mpi/comm.h"

enum { BOOSTING_TRIM_EVERY = 10 }; /* rounds between choices of the active images */

/* The ranks as a grid: data shards x feature shards. */
struct boosting_grid {
    struct comm *all;      /* of this training */
    struct comm *data;     /* the ranks that search the same features on other images: their weight sums are added */
    struct comm *features; /* the ranks that search other features on the same images: their best cuts are compared */
};

struct boosting {
    const struct model_settings *settings;
    struct boosting_grid grid;
    const struct boost_ops *ops;
    void *train;    /* an open instance of ops, loaded: this rank's training images */
    void *held_out; /* another, or NULL: validation images */
    int width, height, n_classes;
    int64_t n_weighted; /* training images of all data shards, copies counted */
    uint64_t seed;

    /* The rest is boosting's own (bench_train thins the list). */
    struct haar_feature_list list;
    enum haar_type type[HAAR_N_TYPES]; /* [n_types]: those that have features */
    int n_types;
    struct haar_feature *drawn; /* [n_drawn] this round's features */
    uint32_t n_drawn;
    struct haar_feature *own; /* [n] this feature shard's part of them: drawn[i * shards + shard] */
    uint32_t n;
    uint64_t list_number;
    uint16_t *step;                 /* [n] of a sketch, and the features that are worth searching: */
    uint32_t n_promising;           /* their number; */
    uint32_t *place;                /* [n_promising] where they are in own, ascending; room for n */
    struct haar_feature *promising; /* likewise */
    struct boost_scale base;
    int32_t shift;
    struct haar_powers powers;
    int64_t n_active; /* of all data shards */
    int64_t *sums;    /* i64 [BOOST_MAX_LEAVES, n_classes, 2] and one more */
};

/* The outcome of a round, over all data shards. */
struct boosting_round {
    double log2_z;    /* of the weights' sum: how much it shrank; <= 0 */
    int64_t n_active; /* of all data shards */
    bool is_stopping; /* some rank was asked to stop: the same on all */
};

/* How many features a search list holds at most, and the nodes it looks at: for opening an instance. */
uint32_t boosting_list_size(const struct model_settings *settings, int width, int height);
enum { BOOSTING_NODES = 2 };

/* The fields above "the rest" are set. Local. Ends with boosting_release, also after a failure. */
enum status boosting_init(struct boosting *b);
/* Local. own and n from drawn and n_drawn, of which there are no more than there were. */
void boosting_share_features(struct boosting *b);
void boosting_release(struct boosting *b);

/* Collective over grid.all. Applies the rounds that a member has already: as if they had just been trained. */
enum status boosting_resume(struct boosting *b, const struct model_member *member);

/* Collective over grid.all. Trains round number `round` (from 0) and hands it out; round->votes is heap. A fault of one
 * rank alone cannot be agreed on in here: such a rank must end the job. */
enum status boosting_step(struct boosting *b, int round, bool stop, struct model_round *learnt,
                          struct boosting_round *outcome);

/* Local. The weights have shrunk by more than 2^8192 in all: more rounds would not change an answer, and scores
 * approach the end of their range. The training ends then. */
bool boosting_is_exhausted(const struct boosting *b);

/* Collective over grid.all: errors of the training images, copies counted, and of the held-out ones (0 without). */
enum status boosting_errors(struct boosting *b, int64_t *n_train_errors, int64_t *n_held_out_errors);

#endif
