/* jacquard evaluate: a model against labelled images. */
#include "cli/commands.h"
#include "cli/run_opts.h"
#include "haar/use/evaluate.h"

#include <stdio.h>

enum {
    OPT_IMAGES,
    OPT_LABELS,
    OPT_JSON,
    OPT_CURVE,
    OPT_CONFUSION,
    OPT_BACKEND,
    OPT_THREADS,
    OPT_RANK_TIMEOUT,
    OPT_FORCE,
    OPT_HELP
};

static const struct opt options[] = {
    [OPT_IMAGES] = {"images", 0, "FILE", "IDX images, plain or gzip"},
    [OPT_LABELS] = {"labels", 0, "FILE", "their labels"},
    [OPT_JSON] = {"json", 0, "OUT.json",
                  "the result as data, with the wrong answers of the largest margin\n"
                  "(the answer's score less the label's, in 1/65536 octaves)"},
    [OPT_CURVE] = {"curve", 0, "OUT.csv", "the error after every round"},
    [OPT_CONFUSION] = {"confusion", 0, "OUT.png",
                       "the confusion matrix as a picture: a row a label, a column an answer"},
    [OPT_BACKEND] = RUN_OPT_BACKEND,
    [OPT_THREADS] = RUN_OPT_THREADS,
    [OPT_RANK_TIMEOUT] = RUN_OPT_RANK_TIMEOUT,
    [OPT_FORCE] = {"force", 0, NULL, "overwrite existing outputs"},
    [OPT_HELP] = RUN_OPT_HELP,
    {NULL, 0, NULL, NULL},
};

struct parsed {
    struct evaluate_config config;
    bool help;
};

static enum status handle(void *context, int which, const char *arg)
{
    struct parsed *p = context;
    struct evaluate_config *c = &p->config;

    switch (which) {
    case OPT_IMAGES:
        c->images = arg;
        break;
    case OPT_LABELS:
        c->labels = arg;
        break;
    case OPT_JSON:
        c->json = arg;
        break;
    case OPT_CURVE:
        c->curve = arg;
        break;
    case OPT_CONFUSION:
        return opts_picture("--confusion", arg, &c->confusion);
    case OPT_BACKEND:
        return run_opts_backend(arg, &c->backend);
    case OPT_THREADS:
        return run_opts_threads(arg, &c->threads);
    case OPT_RANK_TIMEOUT:
        return run_opts_rank_timeout(arg);
    case OPT_FORCE:
        c->force = true;
        break;
    default:
        p->help = true;
    }
    return ST_OK;
}

enum status command_evaluate(struct comm *comm, int argc, char **argv, atomic_int *stop)
{
    struct parsed p = {.config = {.backend = "auto"}};
    int n;

    TRY(opts_parse("evaluate", options, argc, argv, handle, &p, &p.config.model, 1, &n));
    if (p.help) {
        if (comm->rank == 0) {
            puts("usage: jacquard evaluate MODEL --images FILE --labels FILE [OPTIONS]\n\n"
                 "Prints the error, a table of the classes and the confusion matrix.\n");
            opts_print(options);
        }
        return ST_OK;
    }
    if (n != 1 || !p.config.images || !p.config.labels)
        return FAIL(ST_USAGE, "a model, --images and --labels are wanted (see: jacquard evaluate --help)");
    return evaluate_run(comm, &p.config, stop);
}
