/* comm_nccl: sums between GPUs, through NCCL or through host memory and MPI, and what is known of NCCL; the only file
 * that sees <nccl.h>, and outside kernels/ the only one that sees the CUDA runtime. Built without JACQUARD_HAVE_CUDA or
 * JACQUARD_HAVE_NCCL it says so; NCCL sums nothing without CUDA. Assumes NCCL 2.14 (non-blocking communicators).
 *
 * A wait for a rank that is gone would never end, so waits on NCCL can be ended: calls do not block, their
 * outcome is polled, the watch knows that this rank waits, and what is late or failed is aborted. NCCL and the sums of
 * MPI are never busy at once. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "mpi/comm_ops.h"
#include "mpi/watch.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef JACQUARD_HAVE_CUDA
#include <cuda_runtime_api.h>
#endif
#ifdef JACQUARD_HAVE_NCCL
#include <nccl.h>
#endif

enum { BUS_BYTES = 32 };

/* values[n] of all ranks for all of them, or [size, n], a row for each. */
enum gpu_sum { FOR_ALL, A_ROW_EACH };

struct comm_gpu {
    int device; /* negative: the values are in host memory */
    char path[64];
    double timeout_seconds;
    /* How it is summed, by all ranks alike; NULL for one rank. *seconds is set. */
    enum status (*sum)(struct comm *comm, enum gpu_sum which, int32_t *values, size_t n, void *stream, double *seconds);
#ifdef JACQUARD_HAVE_CUDA
    int32_t *staging;         /* pinned: [piece_values]; NULL with NCCL */
    cudaEvent_t began, ended; /* around NCCL's sums */
#endif
#ifdef JACQUARD_HAVE_NCCL
    ncclComm_t nccl; /* NULL after a fault */
#endif
};

/* What MPI sums at a time, the same on all ranks whatever the place of their values. */
static const size_t piece_values = (size_t)4 << 20;

static size_t columns_at_once(const struct comm *comm, enum gpu_sum which)
{
    return piece_values / (which == A_ROW_EACH ? (size_t)comm->size : 1);
}

/* ---- MPI between ranks that compute on their CPUs, or whose partners do ---- */

static enum status sum_on_host(struct comm *comm, enum gpu_sum which, int32_t *values, size_t n, void *stream,
                               double *seconds)
{
    const double started = clock_seconds();

    (void)stream;
    for (size_t done = 0, most = columns_at_once(comm, which); done < n; done += most) {
        const size_t n_now = n - done < most ? n - done : most;

        if (which == A_ROW_EACH)
            TRY(comm->ops->reduce_scatter_i32(comm, values + done, n, n_now));
        else
            TRY(comm->ops->sum_i32(comm, values + done, n_now));
    }
    *seconds = clock_seconds() - started;
    return ST_OK;
}

#ifdef JACQUARD_HAVE_CUDA

/* ---- CUDA ---- */

/* ST_COMM where the others are left waiting. */
#define TRY_CUDA(st, gpu, call, what)                                                                                  \
    do {                                                                                                               \
        const cudaError_t try_error = (call);                                                                          \
        if (try_error != cudaSuccess)                                                                                  \
            return cuda_fault(st, gpu, try_error, what);                                                               \
    } while (0)

static enum status cuda_fault(enum status st, const struct comm_gpu *gpu, cudaError_t error, const char *what)
{
    (void)cudaGetLastError(); /* it has been reported */
    return FAIL(st, "GPU %d: could not %s: %s", gpu->device, what, cudaGetErrorString(error));
}

static enum status device_open(struct comm_gpu *gpu, char bus[BUS_BYTES])
{
    TRY_CUDA(ST_UNSUPPORTED, gpu, cudaSetDevice(gpu->device), "select it");
    TRY_CUDA(ST_DEVICE, gpu, cudaDeviceGetPCIBusId(bus, BUS_BYTES, gpu->device), "ask for its PCI address");
    TRY_CUDA(ST_DEVICE, gpu, cudaEventCreate(&gpu->began), "create an event");
    TRY_CUDA(ST_DEVICE, gpu, cudaEventCreate(&gpu->ended), "create an event");
    return ST_OK;
}

/* ---- MPI between ranks with GPUs ---- */

static enum status staging_open(struct comm_gpu *gpu)
{
    TRY_CUDA(ST_NOMEM, gpu, cudaMallocHost((void **)&gpu->staging, piece_values * sizeof *gpu->staging),
             "pin host memory for sums");
    return ST_OK;
}

/* So many columns at a time: of the one row, or of every rank's. */
static enum status sum_piece(struct comm *comm, enum gpu_sum which, int32_t *values, size_t n, size_t first,
                             size_t n_now, cudaStream_t stream)
{
    const struct comm_gpu *gpu = comm->gpu;
    const size_t rows = which == A_ROW_EACH ? (size_t)comm->size : 1, bytes = n_now * sizeof *values;
    const size_t mine = which == A_ROW_EACH ? (size_t)comm->rank : 0;

    TRY_CUDA(ST_COMM, gpu,
             cudaMemcpy2DAsync(gpu->staging, bytes, values + first, n * sizeof *values, bytes, rows,
                               cudaMemcpyDeviceToHost, stream),
             "copy what is to be summed");
    TRY_CUDA(ST_COMM, gpu, cudaStreamSynchronize(stream), "copy what is to be summed");
    if (which == A_ROW_EACH)
        TRY(comm->ops->reduce_scatter_i32(comm, gpu->staging, n_now, n_now));
    else
        TRY(comm->ops->sum_i32(comm, gpu->staging, n_now));
    TRY_CUDA(
        ST_COMM, gpu,
        cudaMemcpyAsync(values + mine * n + first, gpu->staging + mine * n_now, bytes, cudaMemcpyHostToDevice, stream),
        "copy the sums back");
    TRY_CUDA(ST_COMM, gpu, cudaStreamSynchronize(stream), "copy the sums back");
    return ST_OK;
}

static enum status sum_staged(struct comm *comm, enum gpu_sum which, int32_t *values, size_t n, void *stream,
                              double *seconds)
{
    const struct comm_gpu *gpu = comm->gpu;
    const size_t most = columns_at_once(comm, which);

    TRY_CUDA(ST_COMM, gpu, cudaSetDevice(gpu->device), "select it");
    TRY_CUDA(ST_COMM, gpu, cudaStreamSynchronize(stream), "finish the work before a sum");
    const double started = clock_seconds();
    for (size_t done = 0; done < n; done += most)
        TRY(sum_piece(comm, which, values, n, done, n - done < most ? n - done : most, stream));
    *seconds = clock_seconds() - started;
    return ST_OK;
}

#ifdef JACQUARD_HAVE_NCCL

/* ---- NCCL ---- */

/* A rank that drives a GPU has a core of its own, and a sum takes milliseconds; only ranks out of step wait longer. */
static const double spin_seconds = 20e-3;

/* For what is done already on this rank. */
static const double closing_seconds = 10;

static enum status nccl_fault(const struct comm_gpu *gpu, ncclResult_t result, const char *what)
{
    const char *last = ncclGetLastError(gpu->nccl);

    return FAIL(ST_COMM, "GPU %d: %s: NCCL: %s%s%s", gpu->device, what, ncclGetErrorString(result),
                last && *last ? ": " : "", last ? last : "");
}

static enum status nccl_late(const struct comm_gpu *gpu, const char *what)
{
    return FAIL(ST_COMM, "GPU %d: %s: not done within %g s (JACQUARD_COMM_TIMEOUT): a rank is late or gone",
                gpu->device, what, gpu->timeout_seconds);
}

/* Until what NCCL was asked to do is done, or queued in its stream; result is the call's. ncclInProgress: too late. */
static ncclResult_t nccl_ask(const struct comm_gpu *gpu, ncclResult_t result, double deadline)
{
    struct patience patience = patience_start(spin_seconds);

    while (result == ncclSuccess || result == ncclInProgress) {
        ncclResult_t state = ncclInternalError;

        result = ncclCommGetAsyncError(gpu->nccl, &state);
        if (result == ncclSuccess)
            result = state;
        if (result != ncclInProgress || clock_seconds() > deadline)
            return result;
        patience_wait(&patience);
    }
    return result;
}

static ncclResult_t nccl_wait(const struct comm_gpu *gpu, ncclResult_t result, double deadline)
{
    watch_wait_begin();
    result = nccl_ask(gpu, result, deadline);
    watch_wait_end();
    return result;
}

static enum status nccl_settle(const struct comm_gpu *gpu, ncclResult_t result, double deadline, const char *what)
{
    result = nccl_wait(gpu, result, deadline);
    if (result == ncclInProgress)
        return nccl_late(gpu, what);
    return result == ncclSuccess ? ST_OK : nccl_fault(gpu, result, what);
}

static void nccl_abort(struct comm_gpu *gpu)
{
    if (gpu->nccl)
        ncclCommAbort(gpu->nccl);
    gpu->nccl = NULL;
}

static enum status nccl_finish(const struct comm_gpu *gpu, double deadline, const char *what)
{
    struct patience patience = patience_start(spin_seconds);
    cudaError_t error;

    while ((error = cudaEventQuery(gpu->ended)) == cudaErrorNotReady) {
        (void)cudaGetLastError(); /* it is kept for the next call */
        const ncclResult_t result = nccl_ask(gpu, ncclSuccess, deadline);
        if (result == ncclInProgress || clock_seconds() > deadline)
            return nccl_late(gpu, what);
        if (result != ncclSuccess)
            return nccl_fault(gpu, result, what);
        patience_wait(&patience);
    }
    TRY_CUDA(ST_COMM, gpu, error, "finish a sum and the work before it");
    return ST_OK;
}

static enum status nccl_queue(const struct comm *comm, enum gpu_sum which, int32_t *values, size_t n,
                              cudaStream_t stream, double deadline)
{
    static const char what[] = "sum over the GPUs";
    const struct comm_gpu *gpu = comm->gpu;
    int32_t *row = values + (size_t)comm->rank * n;

    TRY_CUDA(ST_COMM, gpu, cudaEventRecord(gpu->began, stream), "take the time");
    TRY(nccl_settle(gpu,
                    which == A_ROW_EACH ? ncclReduceScatter(values, row, n, ncclInt32, ncclSum, gpu->nccl, stream)
                                        : ncclAllReduce(values, values, n, ncclInt32, ncclSum, gpu->nccl, stream),
                    deadline, what));
    TRY_CUDA(ST_COMM, gpu, cudaEventRecord(gpu->ended, stream), "take the time");

    watch_wait_begin();
    const enum status st = nccl_finish(gpu, deadline, what);
    watch_wait_end();
    return st;
}

static enum status sum_by_nccl(struct comm *comm, enum gpu_sum which, int32_t *values, size_t n, void *stream,
                               double *seconds)
{
    struct comm_gpu *gpu = comm->gpu;
    float ms = 0;

    if (!gpu->nccl)
        return FAIL(ST_COMM, "GPU %d: sum over the GPUs: NCCL was given up after an earlier fault", gpu->device);
    TRY_CUDA(ST_COMM, gpu, cudaSetDevice(gpu->device), "select it");
    const enum status st = nccl_queue(comm, which, values, n, stream, clock_seconds() + gpu->timeout_seconds);
    if (st != ST_OK) {
        nccl_abort(gpu);
        return st;
    }
    TRY_CUDA(ST_COMM, gpu, cudaEventElapsedTime(&ms, gpu->began, gpu->ended), "take the time");
    *seconds = 1e-3 * (double)ms;
    return ST_OK;
}

static enum status nccl_start(struct comm *comm, struct comm_gpu *gpu)
{
    static const char what[] = "joining the GPUs";
    const double deadline = clock_seconds() + gpu->timeout_seconds;
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    ncclUniqueId id = {0};
    ncclResult_t result = ncclSuccess;
    int version = 0;

    config.blocking = 0;
    setenv("NCCL_NVLS_ENABLE", "0", 0);
    if (comm->rank == 0)
        result = ncclGetUniqueId(&id);
    TRY(comm_agree(comm, result == ncclSuccess ? ST_OK : nccl_fault(gpu, result, what)));
    TRY(comm->ops->bcast(comm, 0, &id, sizeof id));
    result = ncclCommInitRankConfig(&gpu->nccl, comm->size, id, comm->rank, &config);
    const enum status st = nccl_settle(gpu, result, deadline, what);
    if (st != ST_OK) {
        nccl_abort(gpu);
        return st;
    }

    ncclGetVersion(&version);
    snprintf(gpu->path, sizeof gpu->path, "NCCL %d.%d.%d", version / 10000, version / 100 % 100, version % 100);
    gpu->sum = sum_by_nccl;
    return ST_OK;
}

/* Without a message: cleaning up must not hide the fault that led to it. */
static void nccl_close(struct comm_gpu *gpu)
{
    if (gpu->nccl && nccl_wait(gpu, ncclCommFinalize(gpu->nccl), clock_seconds() + closing_seconds) == ncclSuccess) {
        ncclCommDestroy(gpu->nccl);
        gpu->nccl = NULL;
    }
    nccl_abort(gpu);
}

#endif

static void device_close(struct comm_gpu *gpu)
{
    (void)cudaSetDevice(gpu->device);
#ifdef JACQUARD_HAVE_NCCL
    nccl_close(gpu);
#endif
    cudaFreeHost(gpu->staging);
    if (gpu->ended)
        cudaEventDestroy(gpu->ended);
    if (gpu->began)
        cudaEventDestroy(gpu->began);
    (void)cudaGetLastError();
}

#else

static enum status device_open(struct comm_gpu *gpu, char bus[BUS_BYTES])
{
    (void)bus;
    return FAIL(ST_UNSUPPORTED, "GPU %d: built without CUDA", gpu->device);
}

#endif

/* ---- the choice ---- */

/* Where a rank computes; gathered as bytes, so without holes. */
struct place {
    uint64_t host;
    int32_t world_rank;
    int32_t has_gpu;
    char bus[BUS_BYTES];
};

/* NCCL's idea of a host: NCCL_HOSTID, or the name and the boot's id. FNV-1a. */
static uint64_t host_id(void)
{
    const char *given = getenv("NCCL_HOSTID");
    char text[512] = "";
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    if (!given || !*given) {
        FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");

        (void)gethostname(text, 256);
        text[255] = '\0';
        const size_t used = strlen(text);
        if (file) {
            const size_t n_read = fread(text + used, 1, sizeof text - used - 1, file);
            text[used + n_read] = '\0';
            fclose(file);
        }
        given = text;
    }
    for (; *given; given++)
        hash = (hash ^ (unsigned char)*given) * UINT64_C(0x100000001b3);
    return hash;
}

/* Why NCCL cannot serve these n ranks; "" where it can. */
static void find_obstacle(const struct place *place, int n, char *reason, size_t bytes)
{
    reason[0] = '\0';
#ifndef JACQUARD_HAVE_NCCL
    snprintf(reason, bytes, "the program was built without NCCL");
#endif
    for (int r = 0; r < n; r++) {
        if (!place[r].has_gpu) {
            snprintf(reason, bytes, "rank %d computes on its CPU", place[r].world_rank);
            return;
        }
        for (int q = 0; q < r; q++)
            if (place[q].host == place[r].host && strcmp(place[q].bus, place[r].bus) == 0) {
                snprintf(reason, bytes, "ranks %d and %d share the GPU %s", place[q].world_rank, place[r].world_rank,
                         place[r].bus);
                return;
            }
    }
}

static enum status read_timeout(double *seconds)
{
    const char *text = getenv("JACQUARD_COMM_TIMEOUT");

    *seconds = watch_is_open() ? HUGE_VAL : 600;
    if (!text || !*text)
        return ST_OK;
    if (!number_read_real(text, seconds) || *seconds <= 0)
        return FAIL(ST_USAGE, "JACQUARD_COMM_TIMEOUT is '%s': not a number of seconds above 0", text);
    return ST_OK;
}

/* Local: what can fail on a rank alone. */
static enum status prepare(struct comm_gpu *gpu, struct place *place)
{
    TRY(read_timeout(&gpu->timeout_seconds));
    if (gpu->device >= 0)
        TRY(device_open(gpu, place->bus));
    return ST_OK;
}

/* Through MPI: needs nothing but the piece of pinned memory. */
static enum status start_mpi(struct comm *comm, struct comm_gpu *gpu)
{
    enum status st = ST_OK;

    snprintf(gpu->path, sizeof gpu->path, "MPI through host memory");
    gpu->sum = sum_on_host;
#ifdef JACQUARD_HAVE_CUDA
    if (gpu->device >= 0) {
        st = staging_open(gpu);
        gpu->sum = sum_staged;
    }
#endif
    return comm_agree(comm, st);
}

static enum status choose(struct comm *comm, struct comm_gpu *gpu, const struct place *mine, struct place *places)
{
    char reason[160];
    bool has_gpu = false;

    TRY(comm->ops->all_gather(comm, mine, sizeof *mine, places));
    find_obstacle(places, comm->size, reason, sizeof reason);
#if defined(JACQUARD_HAVE_CUDA) && defined(JACQUARD_HAVE_NCCL)
    if (!reason[0])
        return nccl_start(comm, gpu);
#endif
    for (int r = 0; r < comm->size; r++)
        has_gpu = has_gpu || places[r].has_gpu;
    if (has_gpu && comm->rank == 0)
        log_note("sums between GPUs go through host memory and MPI: %s", reason);
    return start_mpi(comm, gpu);
}

enum status comm_gpu_open(struct comm *comm, int device)
{
    if (comm->gpu)
        return FAIL(ST_BUG, "the sums between GPUs were opened twice");

    struct place mine = {.host = host_id(), .world_rank = comm->world_rank, .has_gpu = device >= 0};
    struct place *places = mem_array((size_t)comm->size, sizeof *places);
    struct comm_gpu *gpu = mem_array(1, sizeof *gpu);
    enum status st = gpu && places ? ST_OK : ST_NOMEM;

    comm->gpu = gpu;
    if (st == ST_OK) {
        gpu->device = device;
        snprintf(gpu->path, sizeof gpu->path, "one rank");
        st = prepare(gpu, &mine);
    }
    st = comm_agree(comm, st);
    if (st == ST_OK && comm->size > 1)
        st = choose(comm, gpu, &mine, places);
    if (st != ST_OK)
        comm_gpu_close(comm);
    free(places);
    return st;
}

const char *comm_gpu_path(const struct comm *comm)
{
    return comm->gpu ? comm->gpu->path : "not opened";
}

static enum status sum(struct comm *comm, enum gpu_sum which, int32_t *values, size_t n, void *stream)
{
    const size_t rows = which == A_ROW_EACH ? (size_t)comm->size : 1;
    double seconds = 0;

    if (!comm->gpu)
        return FAIL(ST_BUG, "a sum between GPUs that were not opened for it");
    if (comm->gpu->sum && n > 0)
        TRY(comm->gpu->sum(comm, which, values, n, stream, &seconds));
    comm_count(comm, which == A_ROW_EACH ? COMM_GPU_REDUCE_SCATTER_I32 : COMM_GPU_SUM_I32, rows * n * sizeof *values,
               seconds);
    return ST_OK;
}

enum status comm_gpu_sum_i32(struct comm *comm, int32_t *values, size_t n, void *stream)
{
    return sum(comm, FOR_ALL, values, n, stream);
}

enum status comm_gpu_reduce_scatter_i32(struct comm *comm, int32_t *values, size_t n, void *stream)
{
    return sum(comm, A_ROW_EACH, values, n, stream);
}

void comm_gpu_close(struct comm *comm)
{
    struct comm_gpu *gpu = comm->gpu;

    if (!gpu)
        return;
#ifdef JACQUARD_HAVE_CUDA
    if (gpu->device >= 0)
        device_close(gpu);
#endif
    free(gpu);
    comm->gpu = NULL;
}

/* ---- what there is ---- */

#ifdef JACQUARD_HAVE_NCCL

/* The code is major * 10000 + minor * 100 + patch since 2.9; no older one is built against. */
void comm_describe_nccl(char *text, size_t bytes)
{
    int found = 0;
    const ncclResult_t result = ncclGetVersion(&found);

    if (result != ncclSuccess) {
        snprintf(text, bytes, "built with NCCL %d.%d.%d; at run time: %s", NCCL_MAJOR, NCCL_MINOR, NCCL_PATCH,
                 ncclGetErrorString(result));
        return;
    }
    snprintf(text, bytes, "NCCL %d.%d.%d (built with %d.%d.%d)", found / 10000, found / 100 % 100, found % 100,
             NCCL_MAJOR, NCCL_MINOR, NCCL_PATCH);
}

#else

void comm_describe_nccl(char *text, size_t bytes)
{
    snprintf(text, bytes, "built without NCCL");
}

#endif
