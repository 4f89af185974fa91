/* jacquard evaluate: a model against labelled images. */
#include "cli/command.h"
#include "haar/use/evaluate.h"

#define AT(member) OPT_AT(struct evaluate_config, member)

static const struct opt rows[] = {
    {OPT_TEXT, "images", 0, "FILE", "IDX images, plain or gzip", AT(images)},
    {OPT_TEXT, "labels", 0, "FILE", "their labels", AT(labels)},
    {OPT_TEXT, "json", 0, "OUT.json",
     "the result as data, with the wrong answers of the largest margin (the answer's score less the label's, in "
     "1/65536 octaves)",
     AT(json)},
    {OPT_TEXT, "curve", 0, "OUT.csv", "the error after every round", AT(curve)},
    {OPT_PICTURE, "confusion", 0, "OUT.png", "the confusion matrix as a picture: a row a label, a column an answer",
     AT(confusion)},
    ROW_BACKEND(struct evaluate_config),
    ROW_THREADS(struct evaluate_config),
    ROW_RANK_TIMEOUT,
    ROW_FORCE(struct evaluate_config, "overwrite existing outputs"),
    {.kind = OPT_END},
};

static const struct opt_group groups[] = {{"Options", rows, 0}, {0}};

static enum status run(struct comm *comm, const struct command_call *call, atomic_int *stop)
{
    struct evaluate_config *c = call->options;

    c->model = call->line.operand[0];
    if (call->line.n_operands != 1 || !c->images || !c->labels)
        return FAIL(ST_USAGE, "a model, --images and --labels are wanted (see: jacquard evaluate --help)");
    return evaluate_run(comm, c, stop);
}

const struct command command_evaluate = {
    .name = "evaluate",
    .summary = "a classifier's error on labelled images",
    .usage = "MODEL --images FILE --labels FILE [OPTIONS]",
    .description = "Prints the error, a table of the classes and the confusion matrix.",
    .groups = groups,
    .options_bytes = sizeof(struct evaluate_config),
    .max_operands = 1,
    .meets = true,
    .run = run,
};
