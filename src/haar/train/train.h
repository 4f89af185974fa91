/* train: the job of `jacquard train`: labelled images become a model. The model's bytes depend on the images and on
 * model_settings alone: not on backend, ranks, shards, threads or interruptions. */
#ifndef JACQUARD_HAAR_TRAIN_H
#define JACQUARD_HAAR_TRAIN_H

#include "base/progress.h"
#include "haar/model/model.h"
#include "mpi/comm.h"

#include <stdatomic.h>

struct train_config {
    const char *images, *labels, *output;
    struct model_settings settings; /* n_images and fingerprint are filled in by the job */
    int n_members;
    int data_shards, feature_shards; /* 0 and 0: data shards for one member; for several, a member a rank at a time */
    const char *checkpoint;          /* NULL: none. With several members: CHECKPOINT.1, CHECKPOINT.2, ... */
    int checkpoint_every;            /* rounds */
    bool resume;                     /* go on from the checkpoint, if it is there */
    const char *log;                 /* CSV, a line a round; NULL: none. Several members: LOG.1, ... */
    bool plan_only;                  /* print what would be done and the memory it takes */
    const char *backend;
    int threads;
    enum progress_mode progress;
    bool force;
};

/* Collective. Writes the model and prints its path on stdout, and with held-out images their error before.
 * ST_INTERRUPTED when *stop was set on any rank: the round was finished and the checkpoint written. */
enum status train_run(struct comm *comm, const struct train_config *config, atomic_int *stop);

#endif
