/* jacquard predict: what a model says to images. */
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/run_opts.h"
#include "haar/use/predict.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { OPT_RANK_TIMEOUT, OPT_HELP };

static const struct opt options[] = {
    [OPT_RANK_TIMEOUT] = RUN_OPT_RANK_TIMEOUT,
    [OPT_HELP] = RUN_OPT_HELP,
    {NULL, 0, NULL, NULL},
};

static enum status handle(void *context, int which, const char *arg)
{
    if (which == OPT_RANK_TIMEOUT)
        return run_opts_rank_timeout(arg);
    *(bool *)context = true;
    return ST_OK;
}

static enum status predict(struct comm *comm, int argc, char **argv, const char **operand, atomic_int *stop)
{
    bool help = false;
    int n;

    TRY(opts_parse("predict", options, argc, argv, handle, &help, operand, argc, &n));
    if (help) {
        if (comm->rank == 0) {
            puts("usage: jacquard predict MODEL FILE...\n\n"
                 "FILE: IDX images, plain or gzip, or a PNG, of the size that the model is for; light on dark, if\n"
                 "it learnt from such. Prints a line an image: its name (of an IDX file FILE:INDEX), its class and\n"
                 "the confidence, with tabs between them. Confidence: the best class's score less the second best's,\n"
                 "as a share of what the model's votes could set them apart; 0 is a tie, 1 is never reached in\n"
                 "practice.\n");
            opts_print(options);
        }
        return ST_OK;
    }
    if (n < 2)
        return FAIL(ST_USAGE, "a model and at least one file of images are wanted (see: jacquard predict --help)");
    const struct predict_config config = {.model = operand[0], .files = operand + 1, .n_files = n - 1};
    return predict_run(comm, &config, stop);
}

enum status command_predict(struct comm *comm, int argc, char **argv, atomic_int *stop)
{
    const char **operand = mem_array((size_t)argc, sizeof *operand);
    enum status st = comm_agree(comm, operand ? ST_OK : ST_NOMEM);

    if (st == ST_OK)
        st = predict(comm, argc, argv, operand, stop);
    free(operand);
    return st;
}
