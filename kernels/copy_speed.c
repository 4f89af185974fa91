/* copy_speed: how fast the GPU's memory copies: a GiB from one place to another, by the driver's own copy. */
#include "kernels/cuda_backend.h"

enum { RUNS = 8 };

static const size_t most_bytes = (size_t)1 << 30;

/* Each copy by itself: seconds of the fastest. */
static enum status time_copies(int device, char *from, char *to, size_t bytes, cudaEvent_t start, cudaEvent_t end,
                               float *least_ms)
{
    CUDA_TRY(device, cudaMemset(from, 1, bytes), "fill memory");
    for (int i = 0; i <= RUNS; i++) {
        float ms = 0.0f;

        CUDA_TRY(device, cudaEventRecord(start, 0), "time a copy");
        CUDA_TRY(device, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, 0), "copy memory");
        CUDA_TRY(device, cudaEventRecord(end, 0), "time a copy");
        CUDA_TRY(device, cudaEventSynchronize(end), "copy memory");
        CUDA_TRY(device, cudaEventElapsedTime(&ms, start, end), "time a copy");
        if (i == 1 || (i > 1 && ms < *least_ms)) /* the first one warms up */
            *least_ms = ms;
    }
    return ST_OK;
}

enum status cuda_copy_speed(int device, int threads, double *bytes_a_second)
{
    size_t free_bytes = 0, total_bytes = 0;
    char *memory = NULL;
    cudaEvent_t start = NULL, end = NULL;
    float ms = 0.0f;

    (void)threads;
    *bytes_a_second = 0.0;
    CUDA_TRY(device, cudaSetDevice(device), "use it");
    CUDA_TRY(device, cudaMemGetInfo(&free_bytes, &total_bytes), "ask for its free memory");
    const size_t bytes = free_bytes / 4 < most_bytes ? free_bytes / 4 : most_bytes;
    CUDA_TRY(device, cudaMalloc((void **)&memory, 2 * bytes), "reserve %zu bytes", 2 * bytes);
    enum status st = cudaEventCreate(&start) == cudaSuccess && cudaEventCreate(&end) == cudaSuccess
                         ? time_copies(device, memory, memory + bytes, bytes, start, end, &ms)
                         : FAIL(ST_DEVICE, "backend cuda: device %d: cannot make events", device);
    if (st == ST_OK)
        *bytes_a_second = 2.0 * (double)bytes / (1e-3 * (double)ms);
    if (start)
        cudaEventDestroy(start);
    if (end)
        cudaEventDestroy(end);
    cudaFree(memory);
    return st;
}
