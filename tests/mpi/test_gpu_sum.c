/* test_gpu_sum: comm_gpu_sum_i32 and comm_gpu_reduce_scatter_i32 on device memory, on any number of ranks, against sums
 * known exactly. Skipped (77) where there is no GPU.
 *
 *   test_gpu_sum            rank i of a node has its GPU i, modulo their number: NCCL where that gives each its own.
 *                           Every rank must see all GPUs of its node
 *   test_gpu_sum shared     all ranks of a node have its first GPU: MPI, and a note that says why
 *   test_gpu_sum hosts      the same, but each rank pretends a host of its own: NCCL, over sockets
 *   test_gpu_sum mixed      the last rank computes on its CPU: MPI
 *   test_gpu_sum late       the last rank stays away from a sum by NCCL: the others end in time (wants NCCL)
 *
 * The whole is looked at, and its parts of equal parity, each with GPU sums of its own. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "mpi/comm.h"

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SKIPPED = 77, LATE_SECONDS = 15 };

static struct comm comm;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: rank %d (%d of %d): not so: %s [%s]\n", __FILE__, __LINE__, comm.world_rank,       \
                    comm.rank, comm.size, #condition, status_message());                                               \
            comm_abort(&comm, 1);                                                                                      \
        }                                                                                                              \
    } while (0)

/* What the rank of the communicator gives at i: 27 random bits, whose sums no float holds; they fit for 16 ranks. */
static int32_t value_of(int rank, size_t i, unsigned salt)
{
    uint64_t x = ((uint64_t)i << 16) + ((uint64_t)rank << 8) + salt;

    x = (x ^ (x >> 31)) * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
    return (int32_t)(x >> 37) - (INT32_C(1) << 26);
}

/* A rank's values are on its GPU, or on the host where it has none; not always aligned, and a sentinel follows. */
static void check_sum(bool on_gpu, bool is_scattered, size_t n_given, unsigned salt, cudaStream_t stream)
{
    const size_t offset = salt % 3, n = is_scattered ? (size_t)comm.size * n_given : n_given;
    const size_t first = is_scattered ? (size_t)comm.rank * n_given : 0;
    int32_t *host = mem_array(offset + n + 1, sizeof *host), *values = host;
    const size_t bytes = (offset + n + 1) * sizeof *host;

    CHECK(host && comm.size <= 16);
    for (size_t i = 0; i < n; i++)
        host[offset + i] = value_of(comm.rank, i, salt);
    host[offset + n] = 77;
    if (on_gpu) {
        CHECK(cudaMalloc((void **)&values, bytes) == cudaSuccess);
        /* From pageable memory and in the stream: the sum has to come after it. */
        CHECK(cudaMemsetAsync(values, 0xee, bytes, stream) == cudaSuccess);
        CHECK(cudaMemcpyAsync(values, host, bytes, cudaMemcpyHostToDevice, stream) == cudaSuccess);
    }

    if (is_scattered)
        CHECK(comm_gpu_reduce_scatter_i32(&comm, values + offset, n_given, stream) == ST_OK);
    else
        CHECK(comm_gpu_sum_i32(&comm, values + offset, n, stream) == ST_OK);
    CHECK(cudaGetLastError() == cudaSuccess); /* nothing is left behind for the next launch */

    if (on_gpu) {
        memset(host, 0, bytes);
        CHECK(cudaMemcpyAsync(host, values, bytes, cudaMemcpyDeviceToHost, stream) == cudaSuccess);
        CHECK(cudaStreamSynchronize(stream) == cudaSuccess);
        CHECK(cudaFree(values) == cudaSuccess);
    }
    for (size_t i = first; i < first + n_given; i++) {
        int32_t sum = 0;
        for (int r = 0; r < comm.size; r++)
            sum += value_of(r, i, salt);
        CHECK(host[offset + i] == sum);
    }
    CHECK(host[offset + n] == 77);
    free(host);
}

/* Sums of many sizes, and many small ones in a row as training has them. */
static void check_sums(bool on_gpu, const char *path)
{
    /* Up to several pieces of the way through host memory (4 Mi values each). */
    static const size_t sizes[] = {0, 1, 2, 31, 1000, 4097, 650000, 4194304, 4194305, 9000001};
    struct comm_traffic traffic[N_COMM_KINDS];
    size_t n_values = 0;
    cudaStream_t stream = NULL;

    CHECK(strstr(comm_gpu_path(&comm), comm.size > 1 ? path : "one rank"));
    if (on_gpu)
        CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        check_sum(on_gpu, false, sizes[i], (unsigned)i, stream);
        check_sum(on_gpu, true, sizes[i], (unsigned)i, stream);
        n_values += sizes[i];
    }
    for (unsigned i = 0; i < 200; i++)
        check_sum(on_gpu, false, 100 + i, i, stream);
    check_sum(on_gpu, false, 1000, 1, NULL); /* the default stream */
    if (on_gpu)
        CHECK(cudaStreamDestroy(stream) == cudaSuccess);

    comm_traffic_read(&comm, traffic);
    const struct comm_traffic *sums = &traffic[COMM_GPU_SUM_I32];
    n_values += 200 * 100 + 199 * 100 + 1000;
    CHECK(sums->calls == 10 + 200 + 1 && sums->bytes == (int64_t)(n_values * sizeof(int32_t)));
    CHECK(comm.size == 1 || sums->seconds > 0);
    CHECK(traffic[COMM_GPU_REDUCE_SCATTER_I32].calls == 10);
    CHECK(traffic[COMM_SUM_I32].calls == 0);
    if (comm.rank == 0)
        printf("%d ranks from rank %d: %s: %lld sums of %.1f MB in all in %.1f ms\n", comm.size, comm.world_rank,
               comm_gpu_path(&comm), (long long)sums->calls, 1e-6 * (double)sums->bytes, 1e3 * sums->seconds);
}

/* What is measured, in microseconds a sum: for comparison, no test. */
static void print_times(void)
{
    static const size_t sizes[] = {8, 650000, 4500000};
    cudaStream_t stream = NULL;
    int32_t *values = NULL;

    CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
    CHECK(cudaMalloc((void **)&values, sizes[2] * sizeof *values) == cudaSuccess);
    CHECK(cudaMemsetAsync(values, 0, sizes[2] * sizeof *values, stream) == cudaSuccess);
    for (int k = 0; k < 3; k++) {
        struct comm_traffic before[N_COMM_KINDS], after[N_COMM_KINDS];

        CHECK(comm_gpu_sum_i32(&comm, values, sizes[k], stream) == ST_OK);
        comm_traffic_read(&comm, before);
        const double started = clock_seconds();
        for (int i = 0; i < 20; i++)
            CHECK(comm_gpu_sum_i32(&comm, values, sizes[k], stream) == ST_OK);
        const double host_us = 1e6 / 20 * (clock_seconds() - started);
        comm_traffic_read(&comm, after);
        if (comm.rank == 0)
            printf("%zu bytes: %.1f us on the host, %.1f us counted\n", sizes[k] * sizeof *values, host_us,
                   1e6 / 20 * (after[COMM_GPU_SUM_I32].seconds - before[COMM_GPU_SUM_I32].seconds));
    }
    CHECK(cudaFree(values) == cudaSuccess);
    CHECK(cudaStreamDestroy(stream) == cudaSuccess);
}

/* The others come back with ST_COMM in about the time that they were given, and can close. */
static void check_late(void)
{
    int32_t *values = NULL;

    CHECK(cudaMalloc((void **)&values, 4096) == cudaSuccess);
    CHECK(comm_gpu_sum_i32(&comm, values, 1000, NULL) == ST_OK);
    const double started = clock_seconds();
    if (comm.rank == comm.size - 1) {
        sleep(LATE_SECONDS + 5);
    } else {
        CHECK(comm_gpu_sum_i32(&comm, values, 1000, NULL) == ST_COMM);
        CHECK(strstr(status_message(), "JACQUARD_COMM_TIMEOUT"));
        CHECK(clock_seconds() - started > LATE_SECONDS - 1 && clock_seconds() - started < LATE_SECONDS + 4);
        CHECK(comm_gpu_sum_i32(&comm, values, 1000, NULL) == ST_COMM); /* at once */
        CHECK(cudaDeviceSynchronize() == cudaSuccess);                 /* nothing of it runs on */
    }
    CHECK(cudaFree(values) == cudaSuccess);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    const bool is_shared = strcmp(mode, "shared") == 0, is_mixed = strcmp(mode, "mixed") == 0;
    const bool is_late = strcmp(mode, "late") == 0, is_pretending = strcmp(mode, "hosts") == 0;
    int n_devices = 0;

    if (is_late) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%d", LATE_SECONDS);
        setenv("JACQUARD_COMM_TIMEOUT", seconds, 1);
    }
    if (comm_open_world(&comm) != ST_OK) {
        fprintf(stderr, "no world: %s\n", status_message());
        return 1;
    }
    int64_t n_without = cudaGetDeviceCount(&n_devices) != cudaSuccess || n_devices < 1;
    CHECK(comm_sum_i64(&comm, &n_without, 1) == ST_OK);
    if (n_without) {
        if (comm.rank == 0)
            printf("skipped: %lld of %d ranks have no GPU\n", (long long)n_without, comm.size);
        comm_close(&comm);
        return SKIPPED;
    }
    if (is_pretending) {
        char host[16];
        snprintf(host, sizeof host, "rank%d", comm.rank);
        setenv("NCCL_HOSTID", host, 1);
    }

    /* What is expected is found in another way than comm_gpu_open's. */
    char nccl[256];
    int64_t n_sharing = comm.node_rank >= (is_shared ? 1 : n_devices);
    comm_describe_nccl(nccl, sizeof nccl);
    CHECK(comm_sum_i64(&comm, &n_sharing, 1) == ST_OK);
    const bool is_nccl = !strstr(nccl, "without") && (is_pretending || n_sharing == 0) && !is_mixed;
    const char *path = is_nccl ? "NCCL 2." : "MPI through host memory";
    const bool on_gpu = !(is_mixed && comm.rank == comm.size - 1);
    const int device = !on_gpu ? -1 : is_shared || is_pretending ? 0 : comm.node_rank % n_devices;

    if (on_gpu)
        CHECK(cudaSetDevice(device) == cudaSuccess);
    if (is_late && !(is_nccl && comm.size > 1)) {
        if (comm.rank == 0)
            printf("skipped: wants NCCL between ranks: %s\n", nccl);
        comm_close(&comm);
        return SKIPPED;
    }
    CHECK(comm_gpu_open(&comm, device) == ST_OK);
    if (is_late) {
        check_late();
        if (comm.rank == 0)
            printf("test_gpu_sum late: %d ranks, the wait ended in time\n", comm.size);
        comm_close(&comm);
        return 0;
    }
    check_sums(on_gpu, path);
    if (!is_mixed)
        print_times();

    /* Parts may have NCCL where the whole has not, so only the sums are looked at; the whole's go on beside. */
    struct comm whole = comm;
    CHECK(comm_split(&whole, comm.rank % 2, &comm) == ST_OK);
    CHECK(comm_gpu_open(&comm, device) == ST_OK);
    check_sums(on_gpu, "");
    comm_close(&comm);
    comm = whole;
    check_sum(on_gpu, false, 5000, 3, NULL);

    CHECK(comm_agree(&comm, ST_OK) == ST_OK);
    if (comm.rank == 0)
        printf("test_gpu_sum: %d ranks, %s, all well\n", comm.size, comm_gpu_path(&comm));
    comm_close(&comm);
    return 0;
}
