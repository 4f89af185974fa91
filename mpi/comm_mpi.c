/* comm_mpi: MPI_COMM_WORLD and its parts as communicators. Assumes MPI 3.1, one caller beside the watch, ranks of one
 * byte order, and that nobody else uses MPI_COMM_WORLD. Refuses an MPI without thread support. The watch calls MPI too,
 * one at a time with the main thread: see comm_mpi.h.
 *
 * Every collective is the non-blocking one, waited for by wait_patiently. What is longer than comm_chunk_bytes goes in
 * several calls. After a fault (ST_COMM) MPI may still hold the buffers, and nothing is known about the others: the job
 * can only end. */
#include "mpi/comm_mpi.h"

#include "base/log.h"
#include "base/mem.h"
#include "mpi/comm_ops.h"

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

size_t comm_chunk_bytes = (size_t)1 << 30;

/* MPI_COMM_WORLD is one per process, and so are these. */
static struct comm_group world;
static bool is_initialised_here, can_be_watched, is_watched;

/* Waits for ranks in step spin, longer where that takes the processor from no other thread. Measured with 2 ranks on 2
 * cores that work about 1 ms between sums: 134 us of a round lost to naps with the short one, 5 us with the long one;
 * with 4 ranks on 2 cores the long one made a small sum 147 us instead of 13. */
static const double short_spin_seconds = 100e-6, long_spin_seconds = 1e-3;
static double spin_seconds; /* one of them */

enum status comm_mpi_fault(int error, const char *what)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;

    if (MPI_ALONE(MPI_Error_string(error, text, &length)) != MPI_SUCCESS)
        snprintf(text, sizeof text, "MPI error %d", error);
    return FAIL(ST_COMM, "%s: %s", what, text);
}

/* MPI's own waits spin, on a core that a decoder could use. */
static enum status test_patiently(MPI_Request *request, const char *what)
{
    struct patience patience = patience_start(spin_seconds);
    int is_done = 0;

    for (;;) {
        TRY_MPI(MPI_Test(request, &is_done, MPI_STATUS_IGNORE), what);
        if (is_done)
            return ST_OK;
        patience_wait(&patience);
    }
}

static enum status wait_patiently(MPI_Request *request, const char *what)
{
    watch_wait_begin();
    const enum status st = test_patiently(request, what);
    watch_wait_end();
    return st;
}

/* ---- opening and closing ---- */

/* All ranks of the world meet, each when its messages are sent. What comes in is dropped: a sender would wait forever
 * for a rank that does not receive. */
static enum status wait_for_all(void)
{
    static const char what[] = "waiting for all ranks";
    struct patience patience = patience_start(spin_seconds);
    MPI_Request request;
    bool is_here = false;
    int is_done = 0;

    while (!is_done || world.coming.first) {
        struct message *message = NULL;

        TRY(messages_next(&world, &message));
        free(message);
        if (!is_here && !world.sent.first) {
            TRY_MPI(MPI_Ibarrier(MPI_COMM_WORLD, &request), what);
            is_here = true;
        }
        if (is_here)
            TRY_MPI(MPI_Test(&request, &is_done, MPI_STATUS_IGNORE), what);
        if (!message && !is_done)
            patience_wait(&patience);
    }
    return ST_OK;
}

static enum status group_reserve(struct comm_group *group, int size)
{
    const size_t n = (size_t)size;

    group->part_bytes = mem_array(n, sizeof *group->part_bytes);
    group->counts = mem_array(n, sizeof *group->counts);
    group->offsets = mem_array(n, sizeof *group->offsets);
    return group->part_bytes && group->counts && group->offsets ? ST_OK : ST_NOMEM;
}

static void group_release(struct comm_group *group)
{
    free(group->offsets);
    free(group->counts);
    free(group->part_bytes);
    *group = (struct comm_group){.mpi = MPI_COMM_NULL};
}

/* MPI_Finalize waits for all ranks, and spins: so all meet first. Where they cannot, it would never come back; the
 * launcher then sees a rank that left without it, and ends the others. The watch guards the meeting, and then limits
 * how long the last steps take. */
static void close_world(void)
{
    enum status st;

    watch_wait_begin();
    st = is_watched || is_initialised_here ? wait_for_all() : ST_OK;
    watch_last();
    if (st == ST_OK && is_watched)
        st = heartbeats_close();
    if (st == ST_OK && is_initialised_here)
        MPI_Finalize();
    watch_close();
    watch_wait_end();
    is_watched = false;
}

/* A part only gives back what it holds. */
static void mpi_close(struct comm *comm)
{
    struct comm_group *group = comm->group;

    if (group == &world) {
        close_world();
        group_release(group);
    } else {
        messages_give_up(&group->coming);
        messages_give_up(&group->sent);
        (void)MPI_ALONE(MPI_Comm_free(&group->mpi));
        group_release(group);
        free(group);
    }
}

/* MPI may be held by a thread that does not return, or wait for a launcher that is gone. */
void comm_mpi_abort(int exit_code)
{
    signal(SIGALRM, SIG_DFL);
    alarm(10);
    (void)watch_lock_within(2);
    MPI_Abort(MPI_COMM_WORLD, exit_code);
    _exit(exit_code);
}

/* ---- collectives ---- */

static enum status mpi_bcast(struct comm *comm, int root, void *data, size_t bytes)
{
    static const char what[] = "broadcast among the ranks";
    char *rest = data;

    while (bytes > 0) {
        const size_t n = bytes < comm_chunk_bytes ? bytes : comm_chunk_bytes;
        MPI_Request request;

        TRY_MPI(MPI_Ibcast(rest, (int)n, MPI_BYTE, root, comm->group->mpi, &request), what);
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

    TRY_MPI(MPI_Iallreduce(MPI_IN_PLACE, value, 1, MPI_INT, MPI_MIN, comm->group->mpi, &request), what);
    return wait_patiently(&request, what);
}

static enum status sum(struct comm *comm, void *values, size_t n, size_t value_bytes, MPI_Datatype type)
{
    static const char what[] = "sum over the ranks";
    const size_t most = comm_chunk_bytes / value_bytes;
    char *rest = values;

    while (n > 0) {
        const size_t n_now = n < most ? n : most;
        MPI_Request request;

        TRY_MPI(MPI_Iallreduce(MPI_IN_PLACE, rest, (int)n_now, type, MPI_SUM, comm->group->mpi, &request), what);
        TRY(wait_patiently(&request, what));
        rest += n_now * value_bytes;
        n -= n_now;
    }
    return ST_OK;
}

static enum status mpi_sum_i32(struct comm *comm, int32_t *values, size_t n)
{
    return sum(comm, values, n, sizeof *values, MPI_INT32_T);
}

static enum status mpi_sum_i64(struct comm *comm, int64_t *values, size_t n)
{
    return sum(comm, values, n, sizeof *values, MPI_INT64_T);
}

/* Every rank sends each row to the rank that it is for, in pieces, to another rank at each step, and adds what arrives:
 * the least traffic that is possible. Rows that are not used may wrap around, as they do with MPI and NCCL. (Open MPI's
 * own non-blocking one reduces all of it to rank 0 first.) */
static enum status add_row_of(const struct comm *comm, int32_t *values, size_t stride, size_t n, int step,
                              int32_t *piece, size_t most)
{
    static const char what[] = "reduce-scatter among the ranks";
    enum { TAG = 1 }; /* 0 is for messages */
    const int to = (comm->rank + step) % comm->size, from = (comm->rank + comm->size - step) % comm->size;
    int32_t *mine = values + (size_t)comm->rank * stride;
    const int32_t *theirs = values + (size_t)to * stride;

    for (size_t done = 0; done < n; done += most) {
        const size_t n_now = n - done < most ? n - done : most;
        MPI_Request coming, going;

        TRY_MPI(MPI_Irecv(piece, (int)n_now, MPI_INT32_T, from, TAG, comm->group->mpi, &coming), what);
        TRY_MPI(MPI_Isend(theirs + done, (int)n_now, MPI_INT32_T, to, TAG, comm->group->mpi, &going), what);
        TRY(wait_patiently(&coming, what));
        for (size_t i = 0; i < n_now; i++)
            mine[done + i] = (int32_t)((uint32_t)mine[done + i] + (uint32_t)piece[i]);
        TRY(wait_patiently(&going, what));
    }
    return ST_OK;
}

static enum status mpi_reduce_scatter_i32(struct comm *comm, int32_t *values, size_t stride, size_t n)
{
    static const size_t piece_bytes = (size_t)4 << 20;
    const size_t bytes = comm_chunk_bytes < piece_bytes ? comm_chunk_bytes : piece_bytes;
    const size_t most = bytes / sizeof *values;
    int32_t *piece = mem_array(n < most ? n : most, sizeof *piece);
    enum status st = comm_agree(comm, piece ? ST_OK : ST_NOMEM);

    for (int step = 1; st == ST_OK && step < comm->size; step++)
        st = add_row_of(comm, values, stride, n, step, piece, most);
    if (st != ST_COMM) /* else MPI may still write to it */
        free(piece);
    return st;
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
    const struct comm_group *group = comm->group;
    const char *mine = NULL;
    uint64_t part_start = 0;

    for (int r = 0; r < comm->size; r++) {
        const uint64_t part_end = part_start + group->part_bytes[r];
        const uint64_t from = clamp(part_start, start, end), to = clamp(part_end, start, end);

        group->counts[r] = (int)(to - from);
        group->offsets[r] = (int)(from - start);
        if (r == comm->rank && to > from)
            mine = data + (from - part_start);
        part_start = part_end;
    }

    MPI_Request request;
    TRY_MPI(MPI_Igatherv(mine, group->counts[comm->rank], MPI_BYTE, gathered ? gathered + start : NULL, group->counts,
                         group->offsets, MPI_BYTE, 0, group->mpi, &request),
            what);
    return wait_patiently(&request, what);
}

static enum status mpi_gather(struct comm *comm, const void *data, size_t bytes, void **all, size_t *all_bytes)
{
    static const char what[] = "gathering sizes from the ranks";
    const struct comm_group *group = comm->group;
    const uint64_t mine = bytes;
    uint64_t total = 0;
    char *gathered = NULL;
    MPI_Request request;

    TRY_MPI(MPI_Iallgather(&mine, 1, MPI_UINT64_T, group->part_bytes, 1, MPI_UINT64_T, group->mpi, &request), what);
    TRY(wait_patiently(&request, what));
    for (int r = 0; r < comm->size; r++)
        total += group->part_bytes[r];

    /* The others must not start sending to a rank 0 that has no memory for it. */
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

/* What does not fit one call goes as a broadcast from each rank: MPI's own gather wants the whole in int offsets. */
static enum status mpi_all_gather(struct comm *comm, const void *data, size_t bytes, void *all)
{
    static const char what[] = "gathering from the ranks to all";
    char *mine = (char *)all + (size_t)comm->rank * bytes;
    MPI_Request request;

    if (bytes == 0)
        return ST_OK;
    if (data != mine)
        memcpy(mine, data, bytes);
    if (bytes > comm_chunk_bytes / (size_t)comm->size) {
        for (int r = 0; r < comm->size; r++)
            TRY(mpi_bcast(comm, r, (char *)all + (size_t)r * bytes, bytes));
        return ST_OK;
    }
    TRY_MPI(MPI_Iallgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, all, (int)bytes, MPI_BYTE, comm->group->mpi, &request),
            what);
    return wait_patiently(&request, what);
}

static enum status mpi_split(struct comm *comm, int colour, struct comm *part);

static const struct comm_ops mpi_ops = {
    .close = mpi_close,
    .abort = comm_mpi_abort,
    .split = mpi_split,
    .bcast = mpi_bcast,
    .lowest = mpi_lowest,
    .sum_i32 = mpi_sum_i32,
    .sum_i64 = mpi_sum_i64,
    .reduce_scatter_i32 = mpi_reduce_scatter_i32,
    .gather = mpi_gather,
    .all_gather = mpi_all_gather,
    .post = comm_mpi_post,
    .take = comm_mpi_take,
};

/* The part's arrays have room for all: its size is not known before MPI_Comm_split, after which nothing may fail. */
static enum status mpi_split(struct comm *comm, int colour, struct comm *part)
{
    static const char what[] = "splitting the ranks";
    struct comm opened = {.world_rank = comm->world_rank,
                          .node_rank = comm->node_rank,
                          .node_size = comm->node_size,
                          .ops = &mpi_ops,
                          .group = mem_array(1, sizeof *opened.group)};
    const enum status st = comm_agree(comm, opened.group ? group_reserve(opened.group, comm->size) : ST_NOMEM);

    if (st != ST_OK) {
        if (opened.group)
            group_release(opened.group);
        free(opened.group);
        return st;
    }
    TRY_MPI(MPI_Comm_split(comm->group->mpi, colour, comm->rank, &opened.group->mpi), what);
    TRY_MPI(MPI_Comm_set_errhandler(opened.group->mpi, MPI_ERRORS_RETURN), what);
    TRY_MPI(MPI_Comm_rank(opened.group->mpi, &opened.rank), what);
    TRY_MPI(MPI_Comm_size(opened.group->mpi, &opened.size), what);
    *part = opened;
    return ST_OK;
}

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
        TRY_MPI(MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
        is_initialised_here = true;
    }
    if (provided < MPI_THREAD_FUNNELED)
        return FAIL(ST_UNSUPPORTED, "this MPI was built without thread support (MPI_THREAD_FUNNELED is needed)");
    can_be_watched = provided >= MPI_THREAD_SERIALIZED;
    TRY_MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    return ST_OK;
}

/* Asked of MPI and not of the environment: under mpirun SLURM_LOCALID is 0 in every rank, and under srun there is no
 * OMPI_COMM_WORLD_LOCAL_RANK. */
static enum status find_node(struct comm *comm)
{
    static const char what[] = "finding the ranks of this node";
    MPI_Comm node;
    cpu_set_t cores;

    TRY_MPI(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &node), what);
    TRY_MPI(MPI_Comm_rank(node, &comm->node_rank), what);
    TRY_MPI(MPI_Comm_size(node, &comm->node_size), what);

    /* The cores that the node's ranks may use, all together. */
    if (sched_getaffinity(0, sizeof cores, &cores) != 0)
        CPU_ZERO(&cores);
    TRY_MPI(MPI_Allreduce(MPI_IN_PLACE, &cores, (int)sizeof cores, MPI_BYTE, MPI_BOR, node), what);
    spin_seconds = CPU_COUNT(&cores) >= comm->node_size ? long_spin_seconds : short_spin_seconds;
    TRY_MPI(MPI_Comm_free(&node), what);
    return ST_OK;
}

/* Collective. Where MPI does not let the watch call it, the job runs without a watch. */
static enum status open_watch(struct comm *comm)
{
    char mine[HOST_BYTES], (*host)[HOST_BYTES] = mem_array((size_t)comm->size, sizeof *host);
    int can_all = can_be_watched;
    enum status st = comm_agree(comm, host ? heartbeats_reserve(comm->rank, comm->size) : ST_NOMEM);

    watch_host(mine);
    if (st == ST_OK)
        st = mpi_all_gather(comm, mine, sizeof mine, host);
    if (st == ST_OK)
        st = mpi_lowest(comm, &can_all);
    if (st == ST_OK && can_all && comm->size > 1) {
        st = comm_agree(comm, heartbeats_open());
        if (st == ST_OK)
            st = comm_agree(comm, watch_open(comm->rank, comm->size, (const char(*)[HOST_BYTES])host));
        is_watched = st == ST_OK;
    } else if (st == ST_OK && comm->size > 1 && comm->rank == 0) {
        log_note("this MPI serves one thread only: a rank that falls silent will not be noticed");
    }
    free(host);
    return st;
}

enum status comm_open_mpi(struct comm *comm)
{
    struct comm opened = {.ops = &mpi_ops, .group = &world};

    TRY(initialise());
    world.mpi = MPI_COMM_WORLD;
    TRY_MPI(MPI_Comm_rank(MPI_COMM_WORLD, &opened.rank), "asking for the rank");
    TRY_MPI(MPI_Comm_size(MPI_COMM_WORLD, &opened.size), "asking for the number of ranks");
    opened.world_rank = opened.rank;
    TRY(find_node(&opened));
    TRY(comm_agree(&opened, group_reserve(&world, opened.size)));
    TRY(open_watch(&opened));
    *comm = opened;
    return ST_OK;
}

void comm_describe(char *text, size_t bytes)
{
    char version[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length = 0;

    if (MPI_Get_library_version(version, &length) != MPI_SUCCESS)
        snprintf(version, sizeof version, "an MPI that does not say its version");
    version[strcspn(version, "\n")] = '\0'; /* MPICH adds its compiler flags */
    snprintf(text, bytes, "%s", version);
}
