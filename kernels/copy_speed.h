/* copy_speed: the cuda backend's compute_ops.copy_speed. Takes 2 GiB of the GPU while it runs, or half of what is free.
 */
#ifndef JACQUARD_KERNELS_COPY_SPEED_H
#define JACQUARD_KERNELS_COPY_SPEED_H

#include "base/status.h"

enum status cuda_copy_speed(int device, int threads, double *bytes_a_second);

#endif
