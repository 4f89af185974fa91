/* jacquard predict: what a model says to images. */
#include "cli/command.h"
#include "haar/use/predict.h"

static const struct opt rows[] = {ROW_RANK_TIMEOUT, {.kind = OPT_END}};
static const struct opt_group groups[] = {{"Options", rows, 0}, {0}};

static enum status run(struct comm *comm, const struct command_call *call, atomic_int *stop)
{
    const char *const *operand = call->line.operand;
    const int n = call->line.n_operands;

    if (n < 2)
        return FAIL(ST_USAGE, "a model and at least one file of images are wanted (see: jacquard predict --help)");
    const struct predict_config config = {.model = operand[0], .files = operand + 1, .n_files = n - 1};
    return predict_run(comm, &config, stop);
}

const struct command command_predict = {
    .name = "predict",
    .summary = "what a classifier sees in images",
    .usage = "MODEL FILE...",
    .description =
        "FILE: IDX images, plain or gzip, or a PNG, of the size that the model is for; light on dark, if it was "
        "trained on such. Prints a line for each image: its name (of an IDX file FILE:INDEX), its class and the "
        "confidence, with tabs between them. Confidence: the best class's score less the second best's, as a "
        "share of the most that the model's votes could set them apart by; 0 is a tie, 1 is never reached in practice.",
    .groups = groups,
    .max_operands = -1,
    .run = run,
};
