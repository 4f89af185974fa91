/* comm_mpi: MPI_COMM_WORLD as a communicator; the only file that sees <mpi.h>. Assumes MPI 3.1, one caller (the main
 * thread), ranks of one byte order, and that nobody else uses MPI_COMM_WORLD. Refuses an MPI that cannot live with
 * threads.
 *
 * Every collective is the non-blocking one, waited for by wait_patiently. What is longer than comm_chunk_bytes goes in
 * several calls. After a fault (ST_COMM) MPI may still hold the buffers, and nothing is known about the others: the job
 * can only end. */
#include "base/clock.h"
#include "base/mem.h"
#include "mpi/comm_ops.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

size_t comm_chunk_bytes = (size_t)1 << 30;

/* MPI_COMM_WORLD is one per process, and so is this. The arrays have one entry a rank and serve the gathers: what
 * is allocated before a collective cannot fail inside it. */
static struct world {
    bool is_initialised_here;
    uint64_t *part_bytes;
    int *counts, *offsets;
} world;

static enum status mpi_fault(int error, const char *what)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;

    if (MPI_Error_string(error, text, &length) != MPI_SUCCESS)
        snprintf(text, sizeof text, "MPI error %d", error);
    return FAIL(ST_COMM, "%s: %s", what, text);
}

/* `what` says what was tried. */
#define TRY_MPI(call, what)                                                                                            \
    do {                                                                                                               \
        const int try_error = (call);                                                                                  \
        if (try_error != MPI_SUCCESS)                                                                                  \
            return mpi_fault(try_error, what);                                                                         \
    } while (0)

/* MPI's own waiting spins at 100 % of a core that a decoder could use. This spins for as long as ranks in step need,
 * then naps: at most 1 ms late, at next to no load. */
static enum status wait_patiently(MPI_Request *request, const char *what)
{
    static const double spin_seconds = 100e-6;
    static const long shortest_nap_ns = 10 * 1000, longest_nap_ns = 1000 * 1000;
    const double started = clock_seconds();
    struct timespec nap = {.tv_nsec = shortest_nap_ns};
    int is_done = 0;

    for (;;) {
        TRY_MPI(MPI_Test(request, &is_done, MPI_STATUS_IGNORE), what);
        if (is_done)
            return ST_OK;
        if (clock_seconds() - started < spin_seconds)
            continue;
        nanosleep(&nap, NULL);
        nap.tv_nsec = nap.tv_nsec * 2 < longest_nap_ns ? nap.tv_nsec * 2 : longest_nap_ns;
    }
}

static enum status wait_for_all(void)
{
    static const char what[] = "waiting for all ranks";
    MPI_Request request;

    TRY_MPI(MPI_Ibarrier(MPI_COMM_WORLD, &request), what);
    return wait_patiently(&request, what);
}

static void release_world(void)
{
    free(world.offsets);
    free(world.counts);
    free(world.part_bytes);
    world = (struct world){0};
}

/* MPI_Finalize waits for all ranks, and spins: so all meet first. Where they cannot, it would never come back; the
 * launcher then sees a rank that left without it, and ends the others. */
static void mpi_close(struct comm *comm)
{
    (void)comm;
    if (world.is_initialised_here && wait_for_all() == ST_OK)
        MPI_Finalize();
    release_world();
}

static void mpi_abort(int exit_code)
{
    MPI_Abort(MPI_COMM_WORLD, exit_code);
    _exit(exit_code);
}

static enum status mpi_bcast(struct comm *comm, int root, void *data, size_t bytes)
{
    static const char what[] = "broadcast among the ranks";
    char *rest = data;

    (void)comm;
    while (bytes > 0) {
        const size_t n = bytes < comm_chunk_bytes ? bytes : comm_chunk_bytes;
        MPI_Request request;

        TRY_MPI(MPI_Ibcast(rest, (int)n, MPI_BYTE, root, MPI_COMM_WORLD, &request), what);
        TRY(wait_patiently(&request, what));
        rest += n;
        bytes -= n;
    }
    return ST_OK;
}

static enum status mpi_lowest(struct comm *comm, int *value)
{
    static const char what[] = "agreement of the ranks";
    MPI_Request request;

    (void)comm;
    TRY_MPI(MPI_Iallreduce(MPI_IN_PLACE, value, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD, &request), what);
    return wait_patiently(&request, what);
}

static enum status mpi_sum_i64(struct comm *comm, int64_t *values, int n)
{
    static const char what[] = "sum over the ranks";
    const int most = (int)(comm_chunk_bytes / sizeof *values);

    (void)comm;
    while (n > 0) {
        const int n_now = n < most ? n : most;
        MPI_Request request;

        TRY_MPI(MPI_Iallreduce(MPI_IN_PLACE, values, n_now, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD, &request), what);
        TRY(wait_patiently(&request, what));
        values += n_now;
        n -= n_now;
    }
    return ST_OK;
}

static uint64_t clamp(uint64_t x, uint64_t low, uint64_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* One call of the gather: bytes [start, end) of the whole, to which each rank gives what it has of them. gathered is
 * the whole on rank 0, NULL on the others. */
static enum status gather_window(const struct comm *comm, const char *data, char *gathered, uint64_t start,
                                 uint64_t end)
{
    static const char what[] = "gathering from the ranks";
    const char *mine = NULL;
    uint64_t part_start = 0;

    for (int r = 0; r < comm->size; r++) {
        const uint64_t part_end = part_start + world.part_bytes[r];
        const uint64_t from = clamp(part_start, start, end), to = clamp(part_end, start, end);

        world.counts[r] = (int)(to - from);
        world.offsets[r] = (int)(from - start);
        if (r == comm->rank && to > from)
            mine = data + (from - part_start);
        part_start = part_end;
    }

    MPI_Request request;
    TRY_MPI(MPI_Igatherv(mine, world.counts[comm->rank], MPI_BYTE, gathered ? gathered + start : NULL, world.counts,
                         world.offsets, MPI_BYTE, 0, MPI_COMM_WORLD, &request),
            what);
    return wait_patiently(&request, what);
}

static enum status mpi_gather(struct comm *comm, const void *data, size_t bytes, void **all, size_t *all_bytes)
{
    static const char what[] = "gathering sizes from the ranks";
    const uint64_t mine = bytes;
    uint64_t total = 0;
    char *gathered = NULL;
    MPI_Request request;

    TRY_MPI(MPI_Iallgather(&mine, 1, MPI_UINT64_T, world.part_bytes, 1, MPI_UINT64_T, MPI_COMM_WORLD, &request), what);
    TRY(wait_patiently(&request, what));
    for (int r = 0; r < comm->size; r++)
        total += world.part_bytes[r];

    /* The others must not start to send to a rank 0 that has no room. */
    if (comm->rank == 0)
        gathered = mem_array(total, 1);
    TRY(comm_agree(comm, comm->rank == 0 && !gathered ? ST_NOMEM : ST_OK));

    for (uint64_t start = 0; start < total; start += comm_chunk_bytes) {
        const uint64_t end = total - start < comm_chunk_bytes ? total : start + comm_chunk_bytes;
        TRY(gather_window(comm, data, gathered, start, end)); /* gathered leaks: MPI may still write to it */
    }
    *all = gathered;
    *all_bytes = gathered ? total : 0;
    return ST_OK;
}

static const struct comm_ops mpi_ops = {
    .close = mpi_close,
    .abort = mpi_abort,
    .bcast = mpi_bcast,
    .lowest = mpi_lowest,
    .sum_i64 = mpi_sum_i64,
    .gather = mpi_gather,
};

static enum status initialise(void)
{
    int is_initialised = 0, is_finalised = 0, provided = MPI_THREAD_SINGLE;

    TRY_MPI(MPI_Finalized(&is_finalised), "asking for MPI's state");
    if (is_finalised)
        return FAIL(ST_BUG, "the MPI world was closed before; it cannot be opened twice in one process");
    TRY_MPI(MPI_Initialized(&is_initialised), "asking for MPI's state");
    if (is_initialised) {
        TRY_MPI(MPI_Query_thread(&provided), "asking for MPI's thread level");
    } else {
        TRY_MPI(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
        world.is_initialised_here = true;
    }
    if (provided < MPI_THREAD_FUNNELED)
        return FAIL(ST_UNSUPPORTED, "this MPI was built without thread support (MPI_THREAD_FUNNELED is needed)");
    TRY_MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    return ST_OK;
}

/* Asked of MPI and not of the environment: under mpirun SLURM_LOCALID is 0 in every rank, and under srun there is no
 * OMPI_COMM_WORLD_LOCAL_RANK. */
static enum status find_node(struct comm *comm)
{
    static const char what[] = "finding the ranks of this node";
    MPI_Comm node;

    TRY_MPI(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &node), what);
    TRY_MPI(MPI_Comm_rank(node, &comm->node_rank), what);
    TRY_MPI(MPI_Comm_size(node, &comm->node_size), what);
    TRY_MPI(MPI_Comm_free(&node), what);
    return ST_OK;
}

enum status comm_open_mpi(struct comm *comm)
{
    struct comm opened = {.ops = &mpi_ops};

    TRY(initialise());
    TRY_MPI(MPI_Comm_rank(MPI_COMM_WORLD, &opened.rank), "asking for the rank");
    TRY_MPI(MPI_Comm_size(MPI_COMM_WORLD, &opened.size), "asking for the number of ranks");
    TRY(find_node(&opened));

    const size_t n = (size_t)opened.size;
    world.part_bytes = mem_array(n, sizeof *world.part_bytes);
    world.counts = mem_array(n, sizeof *world.counts);
    world.offsets = mem_array(n, sizeof *world.offsets);
    TRY(comm_agree(&opened, world.part_bytes && world.counts && world.offsets ? ST_OK : ST_NOMEM));
    *comm = opened;
    return ST_OK;
}

void comm_describe(char *text, size_t bytes)
{
    char version[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length = 0;

    if (MPI_Get_library_version(version, &length) != MPI_SUCCESS)
        snprintf(version, sizeof version, "an MPI that does not say its version");
    version[strcspn(version, "\n")] = '\0'; /* MPICH goes on about its compiler flags */
    snprintf(text, bytes, "%s", version);
}
