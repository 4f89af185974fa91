/* evaluate: the job of `jacquard evaluate`: a model against labelled images. */
#ifndef JACQUARD_HAAR_EVALUATE_H
#define JACQUARD_HAAR_EVALUATE_H

#include "mpi/comm.h"

#include <stdatomic.h>
#include <stdbool.h>

struct evaluate_config {
    const char *model, *images, *labels;
    const char *json, *curve, *confusion; /* outputs, NULL where not wanted */
    const char *backend;                  /* auto, cpu, cuda */
    int threads;                          /* 0: this rank's share */
    bool force;
};

/* Collective. Each rank takes its share of the images; rank 0 prints the result to stdout and writes the outputs. */
enum status evaluate_run(struct comm *comm, const struct evaluate_config *config, atomic_int *stop);

#endif
