/* jacquard status: how far a catalogue is. */
#include "base/opts.h"
#include "catalog/show/status.h"
#include "cli/commands.h"
#include "cli/run_opts.h"

#include <stdio.h>

enum { OPT_JSON, OPT_HELP };

static const struct opt options[] = {
    [OPT_JSON] = {"json", 0, NULL, "one JSON object, for programs"},
    [OPT_HELP] = RUN_OPT_HELP,
    {NULL, 0, NULL, NULL},
};

struct parsed {
    const char *out;
    bool json, help;
};

static enum status handle(void *context, int which, const char *arg)
{
    struct parsed *p = context;

    (void)arg;
    p->json |= which == OPT_JSON;
    p->help |= which == OPT_HELP;
    return ST_OK;
}

enum status command_status(struct comm *comm, int argc, char **argv, atomic_int *stop)
{
    struct parsed p = {0};
    int n;

    (void)stop;
    TRY(opts_parse("status", options, argc, argv, handle, &p, &p.out, 1, &n));
    if (p.help) {
        if (comm->rank == 0) {
            puts("usage: jacquard status DIR [--json]\n\n"
                 "Tells how far a catalogue is: of a run that is going on, here or elsewhere, or is over.\n");
            opts_print(options);
        }
        return ST_OK;
    }
    if (n != 1)
        return FAIL(ST_USAGE, "the folder of a catalogue is missing (see: jacquard status --help)");
    return comm_agree(comm, comm->rank == 0 ? status_print(p.out, p.json) : ST_OK);
}
