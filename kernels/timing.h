/* timing: GPU time by stage, for the bench tool; off unless asked for. While it is on every stage waits for its end, so
 * that stages do not overlap: the sums are GPU time, not the speed of a run. Not for several threads at once. */
#ifndef JACQUARD_KERNELS_TIMING_H
#define JACQUARD_KERNELS_TIMING_H

#include <stdbool.h>

enum cuda_stage {
    CUDA_STAGE_COPY,
    CUDA_STAGE_CONVERT,
    CUDA_STAGE_CELLS,
    CUDA_STAGE_LEVELS,
    CUDA_STAGE_LIGHT,
    CUDA_STAGE_SEARCH,
    CUDA_STAGE_REFINE,
    CUDA_STAGE_FINAL,
    N_CUDA_STAGES
};

const char *cuda_stage_name(enum cuda_stage stage);

/* For all instances that are opened from now on. Sets the sums to zero. */
void cuda_timing_set(bool on);

/* Milliseconds since then, one sum a stage. */
void cuda_timing_read(double ms[N_CUDA_STAGES]);

#endif
