/* jacquard status: how far a catalogue is. */
#include "catalog/show/status.h"
#include "cli/command.h"

struct options {
    bool json;
};

static const struct opt rows[] = {
    {OPT_FLAG, "json", 0, NULL, "one JSON object, for programs", OPT_AT(struct options, json)},
    {.kind = OPT_END},
};

static const struct opt_group groups[] = {{"Options", rows, 0}, {0}};

static enum status run(struct comm *comm, const struct command_call *call, atomic_int *stop)
{
    const struct options *o = call->options;

    (void)stop;
    if (call->line.n_operands != 1)
        return FAIL(ST_USAGE, "the folder of a catalogue is missing (see: jacquard status --help)");
    return comm_agree(comm, comm->rank == 0 ? status_print(call->line.operand[0], o->json) : ST_OK);
}

const struct command command_status = {
    .name = "status",
    .summary = "how far a catalogue is",
    .usage = "DIR [--json]",
    .description = "Prints how far a catalogue is, whether its run is going on, here or elsewhere, or is over.",
    .groups = groups,
    .options_bytes = sizeof(struct options),
    .max_operands = 1,
    .run = run,
};
