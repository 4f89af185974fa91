/* copy_speed: how fast the GPU's memory copies: a GiB from one place to another, by the driver's own copy. */
#include "kernels/cuda_backend.h"

enum { RUNS = 8 };

static const size_t most_bytes = (size_t)1 << 30;

/* Each copy by itself: seconds of the fastest. */
static enum status time_copies(const struct gpu *gpu, char *from, char *to, size_t bytes, cudaEvent_t start,
                               cudaEvent_t end, float *least_ms)
{
    CUDA_TRY(gpu, cudaMemset(from, 1, bytes), "fill memory");
    for (int i = 0; i <= RUNS; i++) {
        float ms = 0.0f;

        CUDA_TRY(gpu, cudaEventRecord(start, 0), "time a copy");
        CUDA_TRY(gpu, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, 0), "copy memory");
        CUDA_TRY(gpu, cudaEventRecord(end, 0), "time a copy");
        CUDA_TRY(gpu, cudaEventSynchronize(end), "copy memory");
        CUDA_TRY(gpu, cudaEventElapsedTime(&ms, start, end), "time a copy");
        if (i == 1 || (i > 1 && ms < *least_ms)) /* the first one warms up */
            *least_ms = ms;
    }
    return ST_OK;
}

static enum status copy_speed_of(struct gpu *gpu, double *bytes_a_second)
{
    size_t free_bytes = 0, total_bytes = 0;
    char *memory = NULL;
    cudaEvent_t start, end;
    float ms = 0.0f;

    CUDA_TRY(gpu, cudaMemGetInfo(&free_bytes, &total_bytes), "ask for its free memory");
    const size_t bytes = free_bytes / 4 < most_bytes ? free_bytes / 4 : most_bytes;
    TRY(gpu_reserve(gpu, &memory, 2 * bytes, "copies"));
    TRY(gpu_event(gpu, &start, true));
    TRY(gpu_event(gpu, &end, true));
    TRY(time_copies(gpu, memory, memory + bytes, bytes, start, end, &ms));
    *bytes_a_second = 2.0 * (double)bytes / (1e-3 * (double)ms);
    return ST_OK;
}

enum status cuda_copy_speed(int device, int threads, double *bytes_a_second)
{
    struct gpu gpu = {0};
    enum status st;

    (void)threads;
    st = gpu_open(&gpu, device, false);
    if (st == ST_OK)
        st = copy_speed_of(&gpu, bytes_a_second);
    gpu_close(&gpu);
    return st;
}
