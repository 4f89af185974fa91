/* comm: chooses between `self` and `mpi`, and what is the same for both: the singleton guard, comm_agree, waiting and
 * the count of the traffic. Assumes that the environment is as the launcher left it. Refuses a launch whose processes
 * do not find each other. */
#include "mpi/comm.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"
#include "mpi/comm_ops.h"
#include "mpi/watch.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- self: one rank, nobody to wait for ---- */

/* A message on its way to where it comes from. */
struct self_message {
    struct self_message *next;
    size_t bytes;
    char data[];
};

static struct self_message *self_next(struct comm *comm)
{
    struct self_message *message = comm->first;

    if (message)
        comm->first = message->next;
    return message;
}

static void self_close(struct comm *comm)
{
    for (struct self_message *message; (message = self_next(comm)) != NULL;)
        free(message);
}

/* Not exit(): a function registered to run at exit may be what this rank is stuck in. */
static void self_abort(int exit_code)
{
    _exit(exit_code);
}

static enum status self_post(struct comm *comm, int to, const void *data, size_t bytes)
{
    struct self_message *message = mem_array(sizeof *message + bytes, 1);

    (void)to;
    TRY_MEM(message);
    message->bytes = bytes;
    if (bytes > 0)
        memcpy(message->data, data, bytes);
    if (comm->first)
        comm->last->next = message;
    else
        comm->first = message;
    comm->last = message;
    return ST_OK;
}

static enum status self_take(struct comm *comm, void *data, size_t room, size_t *bytes, int *from)
{
    struct self_message *message = self_next(comm);

    if (!message)
        return ST_OK;
    const enum status st = comm_hand_over(message->data, message->bytes, 0, data, room);
    *bytes = message->bytes;
    *from = 0;
    free(message);
    return st;
}

static enum status self_split(struct comm *comm, int colour, struct comm *part);

static const struct comm_ops self_ops = {
    .close = self_close,
    .abort = self_abort,
    .split = self_split,
    .post = self_post,
    .take = self_take,
};

static const struct comm self = {.rank = 0, .size = 1, .node_rank = 0, .node_size = 1, .ops = &self_ops};

void comm_open_self(struct comm *comm)
{
    *comm = self;
}

static enum status self_split(struct comm *comm, int colour, struct comm *part)
{
    (void)comm, (void)colour;
    *part = self;
    return ST_OK;
}

/* ---- the choice ---- */

/* How many processes the launcher says it started, and the variable that says so; 0 where none does. Innermost launcher
 * first: mpirun and mpiexec inside a Slurm job start their daemons by srun, and the ranks inherit SLURM_STEP_NUM_TASKS
 * of the daemons. SLURM_NTASKS and SLURM_PROCID are no sign: they are also set in the plain shell of a batch job. */
static int count_launched(const char **variable)
{
    static const char *const variables[] = {
        "OMPI_COMM_WORLD_SIZE", /* Open MPI's mpirun, LSF's jsrun */
        "PMI_SIZE",             /* MPICH's and Intel's mpiexec, srun --mpi=pmi2, Flux, PALS */
        "SLURM_STEP_NUM_TASKS", /* srun, whatever its --mpi */
    };

    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const char *text = getenv(variables[i]);
        int32_t n;

        if (text && number_read_int32(text, 1, INT32_MAX, &n)) {
            *variable = variables[i];
            return n;
        }
    }
    return 0;
}

/* MPI_Init costs a third of a second and, without a launcher, can only find this process. So it is called only where
 * there may be other processes: a launcher that says it started several, or one that gives a rank but no count (a PMIx
 * server that is not Slurm's). One process under a launcher stands alone too: a job array then needs no working MPI. */
static bool is_joining(int n_launched)
{
    return n_launched > 1 || (n_launched == 0 && (getenv("PMIX_RANK") || getenv("PMI_RANK")));
}

enum status comm_open_world(struct comm *comm)
{
    const char *variable = NULL;
    const int n_launched = count_launched(&variable);

    *comm = self;
    if (!is_joining(n_launched))
        return ST_OK;
    TRY(comm_open_mpi(comm));

    /* The singleton guard. N worlds of one rank would each do the whole job and write the same files. */
    if (comm->size == 1 && n_launched > 1) {
        comm_close(comm);
        return FAIL(ST_USAGE,
                    "%s is %d, but this process sees only itself: the launcher and this program's MPI do not fit; "
                    "start it by that MPI's own mpirun or by another srun --mpi=TYPE (`srun --mpi=list` shows them)",
                    variable, n_launched);
    }
    return ST_OK;
}

enum status comm_split(struct comm *comm, int colour, struct comm *part)
{
    *part = (struct comm){0};
    TRY(comm_agree(comm, colour >= 0 ? ST_OK : FAIL(ST_BUG, "a part of the ranks was given the colour %d", colour)));
    return comm->ops->split(comm, colour, part);
}

void comm_close(struct comm *comm)
{
    comm_gpu_close(comm);
    if (comm->ops)
        comm->ops->close(comm);
    comm_forget_terms(comm);
    *comm = (struct comm){0};
}

void comm_abort(struct comm *comm, int exit_code)
{
    const struct comm_ops *ops = comm->ops ? comm->ops : &self_ops;

    ops->abort(exit_code);
}

void comm_end_ranks(struct comm *comm, enum status st)
{
    if (st == ST_OK)
        return;
    log_error("rank %d: %s", comm->world_rank, status_message());
    comm_abort(comm, status_exit_code(st));
}

/* ---- the same for both: waiting, counting ---- */

struct patience patience_start(double spin_seconds)
{
    return (struct patience){.spin_until = clock_seconds() + spin_seconds, .nap_ns = 10 * 1000};
}

void patience_wait(struct patience *patience)
{
    static const long longest_nap_ns = 1000 * 1000;
    const struct timespec nap = {.tv_nsec = patience->nap_ns};

    if (clock_seconds() < patience->spin_until)
        return;
    nanosleep(&nap, NULL);
    patience->nap_ns = patience->nap_ns * 2 < longest_nap_ns ? patience->nap_ns * 2 : longest_nap_ns;
}

void comm_count(struct comm *comm, enum comm_kind kind, size_t bytes, double seconds)
{
    struct comm_traffic *traffic = &comm->traffic[kind];

    traffic->calls++;
    traffic->bytes += (int64_t)bytes;
    traffic->seconds += seconds;
}

void comm_traffic_read(const struct comm *comm, struct comm_traffic traffic[N_COMM_KINDS])
{
    memcpy(traffic, comm->traffic, sizeof comm->traffic);
}

const char *comm_kind_name(enum comm_kind kind)
{
    static const char *const name[N_COMM_KINDS] = {
        [COMM_BCAST] = "broadcast",
        [COMM_SUM_I32] = "sum of int32",
        [COMM_SUM_I64] = "sum of int64",
        [COMM_REDUCE_SCATTER_I32] = "reduce-scatter of int32",
        [COMM_ALL_GATHER] = "all-gather",
        [COMM_GPU_SUM_I32] = "GPU sum of int32",
        [COMM_GPU_REDUCE_SCATTER_I32] = "GPU reduce-scatter of int32",
    };

    return name[kind];
}

/* Where there are several ranks, the operation; counted in any case. */
#define TRY_COUNTED(comm, kind, n_bytes, op, ...)                                                                      \
    do {                                                                                                               \
        const double started = clock_seconds();                                                                        \
        if ((comm)->ops->op)                                                                                           \
            TRY((comm)->ops->op(comm, __VA_ARGS__));                                                                   \
        comm_count(comm, kind, n_bytes, clock_seconds() - started);                                                    \
    } while (0)

enum status comm_bcast(struct comm *comm, void *data, size_t bytes)
{
    TRY_COUNTED(comm, COMM_BCAST, bytes, bcast, 0, data, bytes);
    return ST_OK;
}

enum status comm_sum_i32(struct comm *comm, int32_t *values, size_t n)
{
    TRY_COUNTED(comm, COMM_SUM_I32, n * sizeof *values, sum_i32, values, n);
    return ST_OK;
}

enum status comm_sum_i64(struct comm *comm, int64_t *values, size_t n)
{
    TRY_COUNTED(comm, COMM_SUM_I64, n * sizeof *values, sum_i64, values, n);
    return ST_OK;
}

enum status comm_reduce_scatter_i32(struct comm *comm, int32_t *values, size_t n)
{
    TRY_COUNTED(comm, COMM_REDUCE_SCATTER_I32, (size_t)comm->size * n * sizeof *values, reduce_scatter_i32, values, n,
                n);
    return ST_OK;
}

enum status comm_all_gather(struct comm *comm, const void *data, size_t bytes, void *all)
{
    if (!comm->ops->all_gather && bytes > 0)
        memmove(all, data, bytes);
    TRY_COUNTED(comm, COMM_ALL_GATHER, (size_t)comm->size * bytes, all_gather, data, bytes, all);
    return ST_OK;
}

enum status comm_gather(struct comm *comm, const void *data, size_t bytes, void **all, size_t *all_bytes)
{
    *all = NULL;
    *all_bytes = 0;
    if (comm->ops->gather)
        return comm->ops->gather(comm, data, bytes, all, all_bytes);
    *all = mem_array(bytes, 1);
    TRY_MEM(*all);
    if (bytes > 0)
        memcpy(*all, data, bytes);
    *all_bytes = bytes;
    return ST_OK;
}

/* ---- the same for both: messages ---- */

enum status comm_post(struct comm *comm, int to, const void *data, size_t bytes)
{
    if (to < 0 || to >= comm->size)
        return FAIL(ST_BUG, "a message to rank %d of %d", to, comm->size);
    if (bytes > (size_t)1 << 30)
        return FAIL(ST_BUG, "a message of %zu bytes to rank %d: 1 GiB is the most", bytes, to);
    return comm->ops->post(comm, to, data, bytes);
}

enum status comm_take(struct comm *comm, void *data, size_t room, size_t *bytes, int *from)
{
    *bytes = 0;
    *from = -1;
    return comm->ops->take(comm, data, room, bytes, from);
}

enum status comm_hand_over(const void *message, size_t message_bytes, int from, void *data, size_t room)
{
    if (message_bytes > room)
        return FAIL(ST_BUG, "a message of %zu bytes from rank %d, with room for %zu", message_bytes, from, room);
    if (message_bytes > 0)
        memcpy(data, message, message_bytes);
    return ST_OK;
}

/* ---- the same for both: the outcome of a phase ---- */

enum status comm_is_same(struct comm *comm, const void *data, size_t bytes, bool *is_same)
{
    void *first = mem_array(bytes, 1);
    enum status st = comm_agree(comm, first ? ST_OK : ST_NOMEM);

    if (st == ST_OK) {
        memcpy(first, data, bytes);
        st = comm_bcast(comm, first, bytes);
        *is_same = st == ST_OK && memcmp(first, data, bytes) == 0;
    }
    free(first);
    return st;
}

/* "rank N: " or "rank N on HOST: "; a fault that was agreed on before keeps the rank that it names. */
static bool names_rank(const char *message)
{
    static const char word[] = "rank ";
    int32_t rank;

    if (strncmp(message, word, sizeof word - 1) != 0)
        return false;
    message += sizeof word - 1;
    if (!number_next_int32(&message, 0, INT32_MAX, &rank))
        return false;
    if (strncmp(message, " on ", 4) == 0)
        message += 4 + strcspn(message + 4, ": ");
    return strncmp(message, ": ", 2) == 0;
}

struct verdict {
    int32_t st, world_rank;
    char host[HOST_BYTES];
    char message[STATUS_MESSAGE_BYTES];
};

/* Collective. The verdict of the lowest rank that failed, to all; st is ST_OK where none did. */
static enum status find_verdict(struct comm *comm, enum status mine, struct verdict *verdict)
{
    int failed = mine == ST_OK ? comm->size : comm->rank;

    *verdict = (struct verdict){.st = ST_OK};
    TRY(comm->ops->lowest(comm, &failed));
    if (failed == comm->size)
        return ST_OK;
    if (comm->rank == failed) {
        verdict->st = (int32_t)mine;
        verdict->world_rank = comm->world_rank;
        watch_host(verdict->host);
        snprintf(verdict->message, sizeof verdict->message, "%s", status_message());
    }
    return comm->ops->bcast(comm, failed, verdict, sizeof *verdict);
}

enum status comm_agree(struct comm *comm, enum status mine)
{
    struct verdict verdict;
    char message[STATUS_MESSAGE_BYTES + 32];

    if (mine == ST_END)
        mine = FAIL(ST_BUG, "the end of a film was handed on as the outcome of a phase");
    if (comm->size == 1)
        return mine;
    TRY(find_verdict(comm, mine, &verdict));
    if (verdict.st == ST_OK)
        return ST_OK;
    if (names_rank(verdict.message))
        snprintf(message, sizeof message, "%s", verdict.message);
    else
        snprintf(message, sizeof message, "rank %d: %s", verdict.world_rank, verdict.message);
    status_adopt(message);
    return (enum status)verdict.st;
}

enum status comm_agree_on_start(struct comm *comm, enum status mine)
{
    struct verdict verdict;
    char message[STATUS_MESSAGE_BYTES + HOST_BYTES + 32];

    TRY(find_verdict(comm, mine, &verdict));
    if (verdict.st == ST_OK)
        return ST_OK;
    int all_alike = mine == (enum status)verdict.st && strcmp(status_message(), verdict.message) == 0;
    TRY(comm->ops->lowest(comm, &all_alike));
    if (all_alike) /* what all ranks report needs no rank's name */
        return (enum status)verdict.st;
    snprintf(message, sizeof message, "rank %d on %s: %s", verdict.world_rank, verdict.host, verdict.message);
    status_adopt(message);
    return (enum status)verdict.st;
}
