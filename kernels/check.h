/* check: a CUDA error becomes this program's fault: ST_DEVICE (ST_NOMEM where memory ran out) and one line that says
 * which GPU, what was tried and what CUDA found. Kernel launches come back through the launch_* functions of launch.h,
 * which return cudaGetLastError(). Errors while closing are ignored. */
#ifndef JACQUARD_KERNELS_CHECK_H
#define JACQUARD_KERNELS_CHECK_H

#include "base/status.h"

#include <cuda_runtime_api.h>

/* `CUDA_TRY(device, cudaMalloc(&p, n), "reserve %zu bytes for pixels", n);` */
#define CUDA_TRY(device, call, ...)                                                                                    \
    do {                                                                                                               \
        const cudaError_t cuda_error = (call);                                                                         \
        if (cuda_error != cudaSuccess)                                                                                 \
            return cuda_fail((device), cuda_error, __VA_ARGS__);                                                       \
    } while (0)

enum status cuda_fail(int device, cudaError_t error, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Memory of the current GPU, which is device; what: for the message. */
enum status cuda_reserve(int device, void *pointer_to, size_t bytes, const char *what);

#endif
