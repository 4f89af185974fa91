/* jacquard barcode: the command line of a film's barcode. */
#include "barcode/job.h"
#include "cli/command.h"

#define AT(member) OPT_AT(struct barcode_config, member)

static const struct opt outputs[] = {
    {OPT_PICTURE, "output", 'o', "OUT.png", "the picture (default: the film's name with .barcode.png)", AT(output)},
    {OPT_TEXT, "json", 0, "OUT.json", "the barcode as data, for jacquard render and other programs", AT(json)},
    {OPT_TEXT, "csv", 0, "OUT.csv", "one row a column and cluster", AT(csv)},
    {OPT_TEXT, "frame-hashes", 0, "OUT.txt", "a line a column: frame, pts, sha256 of the decoded planes",
     AT(frame_hashes)},
    {OPT_INT, "verify-samples", 0, "N", "decode N of the sampled frames again, plainly from the start, and compare",
     "0", AT(verify_samples), .high = INT32_MAX},
    {OPT_TEXT, "store", 0, "DIR",
     "keep the sampled frames in DIR: later runs with another k, space or weight decode nothing", AT(store)},
    {.kind = OPT_END},
};

static const struct opt_group groups[] = {{"Outputs", outputs, 0},
                                          BARCODE_SETTINGS_GROUPS(offsetof(struct barcode_config, settings)),
                                          {"How it is done", barcode_run_rows, 0},
                                          {0}};

static enum status run(struct comm *comm, const struct command_call *call, atomic_int *stop)
{
    struct barcode_config *c = call->options;

    c->film = call->line.operand[0];
    if (call->line.n_operands != 1 || !c->film[0])
        return FAIL(ST_USAGE, "a film is missing (see: jacquard barcode --help)");
    TRY(barcode_settings_check(&c->settings));
    return barcode_run(comm, c, stop);
}

const struct command command_barcode = {
    .name = "barcode",
    .summary = "a film becomes its barcode",
    .usage = "FILM [-o OUT.png] [OPTIONS]",
    .description = "A frame is sampled every N frames, its pixels are clustered by k-means, and it becomes one column: "
                   "the cluster colours stacked by share.",
    .groups = groups,
    .options_bytes = sizeof(struct barcode_config),
    .max_operands = 1,
    .meets = true,
    .run = run,
};
