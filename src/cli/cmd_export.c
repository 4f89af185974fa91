/* jacquard export: a model becomes a C header. */
#include "cli/command.h"
#include "haar/use/export.h"

struct options {
    const char *output;
    bool force;
};

static const struct opt rows[] = {
    {OPT_TEXT, "c", 0, "OUT.h", "the header", OPT_AT(struct options, output)},
    ROW_FORCE(struct options, "overwrite an existing header"),
    {.kind = OPT_END},
};

static const struct opt_group groups[] = {{"Options", rows, 0}, {0}};

static enum status run(struct comm *comm, const struct command_call *call, atomic_int *stop)
{
    const struct options *o = call->options;

    (void)stop; /* done in a moment */
    if (call->line.n_operands != 1 || !o->output)
        return FAIL(ST_USAGE, "a model and --c are wanted (see: jacquard export --help)");
    return comm_agree(comm, comm->rank == 0 ? export_run(call->line.operand[0], o->output, o->force) : ST_OK);
}

const struct command command_export = {
    .name = "export",
    .summary = "a classifier as a C header",
    .usage = "MODEL --c OUT.h [--force]",
    .description = "A model becomes one C header (C99 or C++) that needs nothing but <stdint.h>, with the function\n"
                   "    int jacquard_classify(const uint8_t *pixels, int32_t *scores)",
    .groups = groups,
    .options_bytes = sizeof(struct options),
    .max_operands = 1,
    .run = run,
};
