#include "kernels/gpu.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum status gpu_fail(const struct gpu *gpu, cudaError_t error, const char *format, ...)
{
    char what[256];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    (void)cudaGetLastError(); /* it has been reported */
    return FAIL(error == cudaErrorMemoryAllocation ? ST_NOMEM : ST_DEVICE, "GPU %d: could not %s: %s", gpu->device,
                what, cudaGetErrorString(error));
}

int gpu_n_devices(void)
{
    int n = 0;

    if (cudaGetDeviceCount(&n) != cudaSuccess) {
        (void)cudaGetLastError();
        return 0;
    }
    return n;
}

static enum status ask(const struct gpu *gpu, enum cudaDeviceAttr attribute, int *value)
{
    CUDA_TRY(gpu, cudaDeviceGetAttribute(value, attribute, gpu->device), "ask for its properties");
    return ST_OK;
}

enum status gpu_open(struct gpu *gpu, int device, bool is_blocking)
{
    int shared_block, shared_sm;

    gpu->device = device;
    if (gpu_n_devices() <= device)
        return FAIL(ST_UNSUPPORTED, "backend cuda: there is no GPU %d: %d found", device, gpu_n_devices());
    if (is_blocking)
        CUDA_TRY(gpu, cudaInitDevice(device, cudaDeviceScheduleBlockingSync, cudaInitDeviceFlagsAreValid),
                 "initialise it");
    TRY(gpu_use(gpu));
    TRY(ask(gpu, cudaDevAttrMultiProcessorCount, &gpu->n_sms));
    TRY(ask(gpu, cudaDevAttrMaxSharedMemoryPerBlockOptin, &shared_block));
    TRY(ask(gpu, cudaDevAttrMaxSharedMemoryPerMultiprocessor, &shared_sm));
    gpu->shared_block = (size_t)shared_block;
    gpu->shared_sm = (size_t)shared_sm;
    CUDA_TRY(gpu, cudaStreamCreateWithFlags(&gpu->stream, cudaStreamNonBlocking), "open a stream");
    return gpu_hold(gpu, GPU_STREAM, gpu->stream);
}

static void give_back(struct gpu_held held)
{
    if (held.kind == GPU_MEMORY)
        cudaFree(held.what);
    else if (held.kind == GPU_PINNED)
        cudaFreeHost(held.what);
    else if (held.kind == GPU_EVENT)
        cudaEventDestroy(held.what);
    else
        cudaStreamDestroy(held.what);
}

void gpu_close(struct gpu *gpu)
{
    if (gpu->n_held == 0)
        return;
    cudaSetDevice(gpu->device);
    cudaStreamSynchronize(gpu->stream);
    while (gpu->n_held > 0)
        give_back(gpu->held[--gpu->n_held]);
    (void)cudaGetLastError();
}

enum status gpu_hold(struct gpu *gpu, enum gpu_kind kind, void *what)
{
    if (gpu->n_held == GPU_MOST_HELD)
        return FAIL(ST_BUG, "backend cuda: more than %d things are held", GPU_MOST_HELD);
    gpu->held[gpu->n_held++] = (struct gpu_held){kind, what};
    return ST_OK;
}

enum status gpu_reserve(struct gpu *gpu, void *pointer_to, size_t bytes, const char *what)
{
    void *memory = NULL;

    CUDA_TRY(gpu, cudaMalloc(&memory, bytes), "reserve %zu bytes for %s", bytes, what);
    memcpy(pointer_to, &memory, sizeof memory);
    return gpu_hold(gpu, GPU_MEMORY, memory);
}

enum status gpu_pin(struct gpu *gpu, void *pointer_to, size_t bytes, const char *what)
{
    void *memory = NULL;

    CUDA_TRY(gpu, cudaMallocHost(&memory, bytes), "pin %zu bytes of host memory for %s", bytes, what);
    memcpy(pointer_to, &memory, sizeof memory);
    return gpu_hold(gpu, GPU_PINNED, memory);
}

enum status gpu_event(struct gpu *gpu, cudaEvent_t *event, bool is_timed)
{
    CUDA_TRY(gpu, cudaEventCreateWithFlags(event, is_timed ? cudaEventDefault : cudaEventDisableTiming),
             "make an event");
    return gpu_hold(gpu, GPU_EVENT, *event);
}

void gpu_release(struct gpu *gpu, void *pointer_to)
{
    void *what, *const none = NULL;

    memcpy(&what, pointer_to, sizeof what);
    for (int i = 0; what && i < gpu->n_held; i++)
        if (gpu->held[i].what == what) {
            give_back(gpu->held[i]);
            gpu->held[i] = gpu->held[--gpu->n_held];
            break;
        }
    memcpy(pointer_to, &none, sizeof none);
}

enum status gpu_use(const struct gpu *gpu)
{
    CUDA_TRY(gpu, cudaSetDevice(gpu->device), "use it");
    return ST_OK;
}

enum status gpu_send(const struct gpu *gpu, void *to, const void *from, size_t bytes, const char *what)
{
    CUDA_TRY(gpu, cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, gpu->stream), "copy %s to it", what);
    return ST_OK;
}

enum status gpu_fetch(const struct gpu *gpu, void *to, const void *from, size_t bytes, const char *what)
{
    CUDA_TRY(gpu, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, gpu->stream), "copy %s from it", what);
    return ST_OK;
}
