/* gpu: a GPU as an instance of a backend uses it: its stream, and what the instance holds there, which gpu_close gives
 * back. A CUDA error becomes this program's fault: ST_DEVICE (ST_NOMEM where memory ran out) and one line that says
 * which GPU, what was tried and what CUDA found. Kernel launches come back through the launch_* functions of launch.h,
 * which return cudaGetLastError(). Errors while closing are ignored. */
#ifndef JACQUARD_KERNELS_GPU_H
#define JACQUARD_KERNELS_GPU_H

#include "base/status.h"

#include <cuda_runtime_api.h>
#include <stdbool.h>

enum { GPU_MOST_HELD = 128 };

enum gpu_kind { GPU_MEMORY, GPU_PINNED, GPU_EVENT, GPU_STREAM };

struct gpu {
    int device, n_sms;
    size_t shared_block, shared_sm; /* bytes of shared memory that a block may ask for, that an SM has */
    cudaStream_t stream;            /* does not wait for the default one */
    struct gpu_held {
        enum gpu_kind kind;
        void *what;
    } held[GPU_MOST_HELD]; /* [n_held], the stream first */
    int n_held;
};

/* `CUDA_TRY(&b->gpu, cudaMalloc(&p, n), "reserve %zu bytes for pixels", n);` */
#define CUDA_TRY(gpu, call, ...)                                                                                       \
    do {                                                                                                               \
        const cudaError_t cuda_error = (call);                                                                         \
        if (cuda_error != cudaSuccess)                                                                                 \
            return gpu_fail((gpu), cuda_error, __VA_ARGS__);                                                           \
    } while (0)

enum status gpu_fail(const struct gpu *gpu, cudaError_t error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* 0 too where there is no driver. */
int gpu_n_devices(void);

/* *gpu is zeroed; its device becomes the thread's. is_blocking: waits for it sleep rather than spin. ST_UNSUPPORTED
 * where there is no such device. Ends with gpu_close, also after a failure. */
enum status gpu_open(struct gpu *gpu, int device, bool is_blocking);
void gpu_close(struct gpu *gpu); /* safe on a zeroed one */

/* *pointer_to becomes the place of memory on the GPU, or of memory of the host for copies to and from it; what: for the
 * message. */
enum status gpu_reserve(struct gpu *gpu, void *pointer_to, size_t bytes, const char *what);
enum status gpu_pin(struct gpu *gpu, void *pointer_to, size_t bytes, const char *what);
enum status gpu_event(struct gpu *gpu, cudaEvent_t *event, bool is_timed);
/* Hands over what was made otherwise. */
enum status gpu_hold(struct gpu *gpu, enum gpu_kind kind, void *what);
/* Gives one thing back before the end: *pointer_to becomes NULL. Safe on NULL. */
void gpu_release(struct gpu *gpu, void *pointer_to);

/* Makes the device the thread's. */
enum status gpu_use(const struct gpu *gpu);
/* Copies to and from the GPU, in the stream's order. */
enum status gpu_send(const struct gpu *gpu, void *to, const void *from, size_t bytes, const char *what);
enum status gpu_fetch(const struct gpu *gpu, void *to, const void *from, size_t bytes, const char *what);

#endif
