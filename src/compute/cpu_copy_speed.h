/* cpu_copy_speed: the cpu backend's compute_ops.copy_speed. Takes 128 MiB a thread while it runs, 1 GiB
 * at most. */
#ifndef JACQUARD_COMPUTE_CPU_COPY_SPEED_H
#define JACQUARD_COMPUTE_CPU_COPY_SPEED_H

#include "base/status.h"

enum status cpu_copy_speed(int device, int threads, double *bytes_a_second);

#endif
