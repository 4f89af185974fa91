/* jacquard info: what was found at build time and at run time, and what each rank would use. */
#include "cli/command.h"
#include "cli/manual.h"
#include "compute/compute.h"
#include "film/frame_source.h"
#include "image/png.h"
#include "job/resources.h"

#include <stdlib.h>
#include <unistd.h>

struct options {
    bool man;
    const char *shell;
};

static const struct opt rows[] = {
    {OPT_FLAG, "man", 0, NULL, "print the manual page of COMMAND, or of the program, for man -l",
     .excludes = "completions", OPT_AT(struct options, man)},
    {OPT_NAME, "completions", 0, "SHELL", "print the file by which a shell completes command lines",
     OPT_AT(struct options, shell), OPT_NAMES(manual_shells)},
    {.kind = OPT_END},
};

static const struct opt_group groups[] = {{"Options", rows, 0}, {0}};

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
    struct resources r;
    char host[128] = "?", on[256];

    gethostname(host, sizeof host - 1);
    if (resources_choose(comm, "auto", 1, &r) != ST_OK || r.ops->describe(r.device, on, sizeof on) != ST_OK)
        snprintf(on, sizeof on, "%s", status_message());
    snprintf(line, bytes, "rank %d of %d on %s (%d of %d there): backend %s, %s", comm->rank, comm->size, host,
             comm->node_rank, comm->node_size, r.ops->name, on);
}

static enum status print_manual(const char *name)
{
    const struct command *command = name ? command_find(name) : NULL;

    if (name && !command)
        return FAIL(ST_USAGE, "unknown command %s (see: jacquard --help)", name);
    if (command)
        manual_print_command(stdout, command);
    else
        manual_print_program(stdout);
    return ST_OK;
}

static enum status run(struct comm *comm, const struct command_call *call, atomic_int *stop)
{
    enum { LINE = 512 };
    const struct options *o = call->options;
    char mine[LINE] = "";
    void *all = NULL;
    size_t bytes = 0;

    (void)stop;
    if (call->line.n_operands > 0 && !o->man)
        return FAIL(ST_USAGE, "%s is one argument too many: only --man takes a command", call->line.operand[0]);
    if (o->man)
        return comm->rank == 0 ? print_manual(call->line.n_operands > 0 ? call->line.operand[0] : NULL) : ST_OK;
    if (o->shell) {
        if (comm->rank == 0)
            manual_print_completions(stdout, o->shell);
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

const struct command command_info = {
    .name = "info",
    .summary = "what this build and this machine have",
    .usage = "[--man [COMMAND] | --completions SHELL]",
    .description = "Prints the versions of all parts and what each rank would compute on.",
    .groups = groups,
    .options_bytes = sizeof(struct options),
    .max_operands = 1,
    .run = run,
};
