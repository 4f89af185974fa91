#include "job/resources.h"

#include "base/log.h"

#include <sched.h>
#include <stdio.h>
#include <unistd.h>

/* This rank's share of the host's cores. A launcher may have bound it to some (mpirun does, even to a single one):
 * those are its own, unless it shares them with the host's other ranks, as in a container. */
static int choose_threads(const struct comm *comm)
{
    const int n_online = (int)sysconf(_SC_NPROCESSORS_ONLN), share = n_online / comm->node_size;
    cpu_set_t allowed;

    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return share < 1 ? 1 : share;
    const int n_allowed = CPU_COUNT(&allowed);
    if (n_allowed < share)
        log_note("bound to %d of %d cores: with mpirun, --bind-to none lets a rank work on all of its share", n_allowed,
                 n_online);
    const int n =
        n_allowed < n_online && n_allowed * comm->node_size <= n_online ? n_allowed : n_allowed / comm->node_size;
    return n < 1 ? 1 : n;
}

enum status resources_choose(const struct comm *comm, const char *backend, int threads, struct resources *r)
{
    char text[256];

    TRY(compute_by_name(backend, &r->ops));
    const int n_devices = r->ops->n_devices();
    r->device = n_devices > 0 ? comm->node_rank % n_devices : 0;
    TRY(r->ops->describe(r->device, text, sizeof text)); /* or says why it has nothing to run on */
    r->threads = threads > 0 ? threads : choose_threads(comm);
    r->n_gpu_sharers = n_devices > 0 ? (comm->node_size + n_devices - 1) / n_devices : 1;
    r->n_host_sharers = comm->node_size;
    return ST_OK;
}

void resources_describe(const struct resources *r, char *text, size_t bytes)
{
    char on[256];

    if (r->ops->describe(r->device, on, sizeof on) != ST_OK)
        snprintf(on, sizeof on, "?");
    snprintf(text, bytes, "%s: %s, %d thread%s", r->ops->name, on, r->threads, r->threads == 1 ? "" : "s");
}
