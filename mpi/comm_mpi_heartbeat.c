/* comm_mpi_heartbeat: how the heartbeats of the watch travel: small messages between rank 0 and each other rank, on a
 * communicator of their own. One message at a time is under way to each receiver, and one receive is always posted for
 * each sender: a rank that is stopped holds up a few bytes, and no other rank. */
#include "mpi/comm_mpi.h"

#include "base/mem.h"
#include "mpi/comm_ops.h"

#include <stdlib.h>

/* A rank at the other end; the requests are MPI_REQUEST_NULL where nothing is under way. */
struct peer {
    int rank;
    struct heartbeat received, told;
    MPI_Request coming, going;
    bool has_ended; /* its last heartbeat has come */
};

static MPI_Comm heartbeats = MPI_COMM_NULL;
static struct peer *peer; /* [n_peers]: of rank 0 all others, of the others rank 0 */
static int n_peers;

static int listen_to(struct peer *p)
{
    return MPI_Irecv(&p->received, sizeof p->received, MPI_BYTE, p->rank, 0, heartbeats, &p->coming);
}

enum status heartbeats_reserve(int rank, int size)
{
    n_peers = rank == 0 ? size - 1 : 1;
    peer = mem_array((size_t)n_peers, sizeof *peer);
    for (int i = 0; peer && i < n_peers; i++)
        peer[i] = (struct peer){.rank = rank == 0 ? i + 1 : 0, .coming = MPI_REQUEST_NULL, .going = MPI_REQUEST_NULL};
    return peer ? ST_OK : ST_NOMEM;
}

enum status heartbeats_open(void)
{
    static const char what[] = "opening the ranks' watch";

    TRY_MPI(MPI_Comm_dup(MPI_COMM_WORLD, &heartbeats), what);
    TRY_MPI(MPI_Comm_set_errhandler(heartbeats, MPI_ERRORS_RETURN), what);
    for (int i = 0; i < n_peers; i++)
        TRY_MPI(listen_to(&peer[i]), what);
    return ST_OK;
}

/* A heartbeat that a fault holds back will be missed in time. */
static void receive(struct peer *p, heartbeats_received *received, void *context)
{
    int has_come = 1;

    while (!p->has_ended && MPI_Test(&p->coming, &has_come, MPI_STATUS_IGNORE) == MPI_SUCCESS && has_come) {
        p->has_ended = p->received.is_last;
        if (received)
            received(context, p->rank, &p->received);
        if (!p->has_ended && listen_to(p) != MPI_SUCCESS)
            p->has_ended = true;
    }
}

static bool tell(struct peer *p, const struct heartbeat *mine)
{
    int has_gone = 0;

    if (MPI_Test(&p->going, &has_gone, MPI_STATUS_IGNORE) != MPI_SUCCESS || !has_gone)
        return false;
    p->told = *mine;
    return MPI_Isend(&p->told, sizeof p->told, MPI_BYTE, p->rank, 0, heartbeats, &p->going) == MPI_SUCCESS;
}

void heartbeats_exchange(const struct heartbeat *mine, heartbeats_received *received, void *context)
{
    for (int i = 0; i < n_peers; i++) {
        receive(&peer[i], received, context);
        tell(&peer[i], mine);
    }
}

/* Until the peer's last heartbeat has come and this rank's has gone. */
static void part_from(struct peer *p)
{
    const struct heartbeat last = {.is_last = 1};
    struct patience patience = patience_start(0);
    int has_gone = 0;

    for (bool is_told = false; !p->has_ended || !has_gone;) {
        watch_lock();
        receive(p, NULL, NULL);
        is_told = is_told || tell(p, &last);
        if (is_told && MPI_Test(&p->going, &has_gone, MPI_STATUS_IGNORE) != MPI_SUCCESS)
            p->has_ended = true, has_gone = 1;
        watch_unlock();
        if (!p->has_ended || !has_gone)
            patience_wait(&patience);
    }
}

enum status heartbeats_close(void)
{
    for (int i = 0; i < n_peers; i++)
        part_from(&peer[i]);
    free(peer);
    peer = NULL;
    n_peers = 0;
    TRY_MPI(MPI_Comm_free(&heartbeats), "closing the ranks' watch");
    return ST_OK;
}
