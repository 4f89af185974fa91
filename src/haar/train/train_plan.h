/* train_plan: how the ranks share a training, and what memory that takes; pure functions of the configuration. */
#ifndef JACQUARD_HAAR_TRAIN_PLAN_H
#define JACQUARD_HAAR_TRAIN_PLAN_H

#include "haar/train/train.h"

struct train_plan {
    bool deals_members;              /* every rank trains members of its own, alone */
    int data_shards, feature_shards; /* of one training; their product is its number of ranks */
};

/* ST_USAGE where shards x shards is not the number of ranks. */
enum status train_plan_make(const struct train_config *config, int n_ranks, struct train_plan *plan);

/* What an instance is opened with; n_images: this rank's, copies counted. device and threads are left to the caller.
 * The room for histograms depends on the configuration alone, since it decides which sums the ranks make together. */
struct boost_setup train_plan_setup(const struct model_settings *settings, int width, int height, int n_classes,
                                    int64_t n_images, int data_shards, int feature_shards);

/* The largest arrays of a rank, in bytes; on_gpu: in the memory of its GPU. */
struct train_memory {
    double integral, active, bins, histograms, scores;
    double all;
};
struct train_memory train_plan_memory(const struct boost_setup *setup, bool on_gpu);

#endif
