/* comm_nccl: the only file that sees <nccl.h>. For now it only says which NCCL there is. Built without
 * JACQUARD_HAVE_NCCL it answers so. */
#include "mpi/comm.h"

#include <stdio.h>

#ifdef JACQUARD_HAVE_NCCL

#include <nccl.h>

void comm_describe_nccl(char *text, size_t bytes)
{
    int found = 0;
    const ncclResult_t result = ncclGetVersion(&found);

    if (result != ncclSuccess) {
        snprintf(text, bytes, "built with NCCL %d.%d.%d; at run time: %s", NCCL_MAJOR, NCCL_MINOR, NCCL_PATCH,
                 ncclGetErrorString(result));
        return;
    }
    /* The code is major * 10000 + minor * 100 + patch since 2.9; no older one is built against. */
    snprintf(text, bytes, "NCCL %d.%d.%d (built with %d.%d.%d)", found / 10000, found / 100 % 100, found % 100,
             NCCL_MAJOR, NCCL_MINOR, NCCL_PATCH);
}

#else

void comm_describe_nccl(char *text, size_t bytes)
{
    snprintf(text, bytes, "built without NCCL");
}

#endif
