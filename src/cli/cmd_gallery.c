/* jacquard gallery: a catalogue's page and report anew. */
#include "catalog/out_path.h"
#include "catalog/show/views.h"
#include "cli/command.h"

static const struct opt_group groups[] = {{0}};

static enum status rebuild(const char *out)
{
    TRY(views_rebuild(out));
    printf("%s/" OUT_REPORT ".json\n%s/" OUT_REPORT ".csv\n%s/" OUT_PAGE ".html\n", out, out, out);
    return ST_OK;
}

static enum status run(struct comm *comm, const struct command_call *call, atomic_int *stop)
{
    (void)stop;
    if (call->line.n_operands != 1)
        return FAIL(ST_USAGE, "the folder of a catalogue is missing (see: jacquard gallery --help)");
    return comm_agree(comm, comm->rank == 0 ? rebuild(call->line.operand[0]) : ST_OK);
}

const struct command command_gallery = {
    .name = "gallery",
    .summary = "draw a catalogue's page and report again",
    .usage = "DIR",
    .description = "Writes DIR/report.json, DIR/report.csv and DIR/index.html again from what is in DIR: no film is "
                   "looked for or opened.",
    .groups = groups,
    .options_bytes = 1, /* it has none */
    .max_operands = 1,
    .run = run,
};
