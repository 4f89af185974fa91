/* jacquard info: what was found at build time and at run time, and what each rank would use. */
#include "base/opts.h"
#include "cli/commands.h"
#include "compute/compute.h"
#include "image/png.h"
#include "film/frame_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct opt options[] = {
    {"help", 'h', NULL, "this"},
    {NULL, 0, NULL, NULL},
};

static enum status handle(void *context, int which, const char *arg)
{
    (void)which, (void)arg;
    *(bool *)context = true;
    return ST_OK;
}

static void print_backend(const struct compute_ops *ops)
{
    char text[256];
    const int n = ops->n_devices();

    for (int device = 0; device < (n > 0 ? n : 1); device++) {
        const enum status st = ops->describe(device, text, sizeof text);
        if (n > 0)
            printf("backend %s, device %d: %s\n", ops->name, device, st == ST_OK ? text : status_message());
        else if (st == ST_OK)
            printf("backend %s: %s\n", ops->name, text);
        else
            puts(status_message()); /* names the backend */
    }
}

static void print_versions(void)
{
    char text[512];

    puts("jacquard " JACQUARD_VERSION);
    for (const struct compute_ops *const *ops = compute_backends; *ops; ops++)
        print_backend(*ops);
    comm_describe(text, sizeof text);
    printf("MPI: %s\n", text);
    comm_describe_nccl(text, sizeof text);
    printf("NCCL: %s\n", text);
    decoder_describe(text, sizeof text);
    printf("FFmpeg: %s\n", text);
    png_describe(text, sizeof text);
    printf("libpng: %s\n", text);
}

static void describe_rank(const struct comm *comm, char *line, size_t bytes)
{
    const struct compute_ops *ops = NULL;
    char host[128] = "?", on[256] = "?";

    gethostname(host, sizeof host - 1);
    if (compute_by_name("auto", &ops) != ST_OK)
        return;
    const int n = ops->n_devices(), device = n > 0 ? comm->node_rank % n : 0;
    if (ops->describe(device, on, sizeof on) != ST_OK)
        snprintf(on, sizeof on, "%s", status_message());
    snprintf(line, bytes, "rank %d of %d on %s (%d of %d there): backend %s, %s", comm->rank, comm->size, host,
             comm->node_rank, comm->node_size, ops->name, on);
}

enum status command_info(struct comm *comm, int argc, char **argv, atomic_int *stop)
{
    enum { LINE = 512 };
    char mine[LINE] = "";
    void *all = NULL;
    size_t bytes = 0;
    bool help = false;
    int n;

    (void)stop;
    TRY(opts_parse("info", options, argc, argv, handle, &help, NULL, 0, &n));
    if (help) {
        if (comm->rank == 0)
            puts("usage: jacquard info");
        return ST_OK;
    }
    describe_rank(comm, mine, sizeof mine);
    TRY(comm_gather(comm, mine, sizeof mine, &all, &bytes));
    if (comm->rank == 0) {
        print_versions();
        for (size_t i = 0; i < bytes / LINE; i++)
            puts((const char *)all + i * LINE);
    }
    free(all);
    return ST_OK;
}
