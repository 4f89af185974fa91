/* jacquard export: a model becomes a C header. */
#include "cli/commands.h"
#include "cli/run_opts.h"
#include "haar/use/export.h"

#include <stdbool.h>
#include <stdio.h>

enum { OPT_C, OPT_FORCE, OPT_HELP };

static const struct opt options[] = {
    [OPT_C] = {"c", 0, "OUT.h", "the header"},
    [OPT_FORCE] = {"force", 0, NULL, "overwrite an existing header"},
    [OPT_HELP] = RUN_OPT_HELP,
    {NULL, 0, NULL, NULL},
};

struct export_options {
    const char *output;
    bool force, help;
};

static enum status handle(void *context, int which, const char *arg)
{
    struct export_options *o = context;

    switch (which) {
    case OPT_C:
        o->output = arg;
        break;
    case OPT_FORCE:
        o->force = true;
        break;
    default:
        o->help = true;
    }
    return ST_OK;
}

enum status command_export(struct comm *comm, int argc, char **argv, atomic_int *stop)
{
    struct export_options o = {0};
    const char *model = NULL;
    int n;

    (void)stop; /* done in a moment */
    TRY(opts_parse("export", options, argc, argv, handle, &o, &model, 1, &n));
    if (o.help) {
        if (comm->rank == 0) {
            puts("usage: jacquard export MODEL --c OUT.h [--force]\n\n"
                 "A model becomes one C header (C99 or C++) that needs nothing but <stdint.h>, with the function\n"
                 "    int jacquard_classify(const uint8_t *pixels, int32_t *scores)\n");
            opts_print(options);
        }
        return ST_OK;
    }
    if (n != 1 || !o.output)
        return FAIL(ST_USAGE, "a model and --c are wanted (see: jacquard export --help)");
    return comm_agree(comm, comm->rank == 0 ? export_run(model, o.output, o.force) : ST_OK);
}
