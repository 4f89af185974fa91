/* jacquard barcode: the command line of a film's barcode. */
#include "barcode/job.h"
#include "cli/barcode_opts.h"
#include "cli/commands.h"

#include <stdio.h>

enum { OPT_OUTPUT = N_BARCODE_OPTS, OPT_JSON, OPT_CSV, OPT_FRAME_HASHES, OPT_VERIFY_SAMPLES, OPT_HELP };

static const struct opt options[] = {
    BARCODE_OPTS,
    [OPT_OUTPUT] = {"output", 'o', "OUT.png", "the picture; default: the film's name with .barcode.png"},
    [OPT_JSON] = {"json", 0, "OUT.json", "the barcode as data, for jacquard render and other programs"},
    [OPT_CSV] = {"csv", 0, "OUT.csv", "one row a column and cluster"},
    [OPT_FRAME_HASHES] = {"frame-hashes", 0, "OUT.txt", "a line a column: frame, pts, sha256 of the decoded planes"},
    [OPT_VERIFY_SAMPLES] = {"verify-samples", 0, "N",
                            "decode N of the sampled frames again, plainly from the start, and compare (default 0)"},
    [OPT_HELP] = RUN_OPT_HELP,
    {NULL, 0, NULL, NULL},
};

struct parsed {
    struct barcode_opts barcode;
    bool help;
};

static enum status handle(void *context, int which, const char *arg)
{
    struct parsed *p = context;

    switch (which) {
    case OPT_OUTPUT:
        return opts_picture("-o", arg, &p->barcode.config.output);
    case OPT_JSON:
        p->barcode.config.json = arg;
        break;
    case OPT_CSV:
        p->barcode.config.csv = arg;
        break;
    case OPT_FRAME_HASHES:
        p->barcode.config.frame_hashes = arg;
        break;
    case OPT_VERIFY_SAMPLES:
        return opts_int32("--verify-samples", arg, 0, INT32_MAX, &p->barcode.config.verify_samples);
    case OPT_HELP:
        p->help = true;
        break;
    default:
        return barcode_opts_handle(&p->barcode, which, arg);
    }
    return ST_OK;
}

static void print_help(void)
{
    static const int rows[][2] = {
        {OPT_OUTPUT, OPT_OUTPUT},
        {BARCODE_OPT_EVERY, BARCODE_OPT_STRIPS},
        {OPT_JSON, OPT_CSV},
        {BARCODE_OPT_SAMPLING, BARCODE_OPT_RANK_TIMEOUT},
        {OPT_FRAME_HASHES, OPT_VERIFY_SAMPLES},
        {BARCODE_OPT_ALLOW_PARTIAL, BARCODE_OPT_FORCE},
        {OPT_HELP, OPT_HELP},
    };

    puts("usage: jacquard barcode FILM [-o OUT.png] [OPTIONS]\n\n"
         "A frame is sampled every N frames, its pixels are clustered by k-means, and it becomes one\n"
         "column: the cluster colours stacked by share.\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        opts_print_rows(options, rows[i][0], rows[i][1]);
}

enum status command_barcode(struct comm *comm, int argc, char **argv, atomic_int *stop)
{
    struct parsed p = {.help = false};
    struct barcode_config *c = &p.barcode.config;
    int n_operands;

    barcode_opts_init(&p.barcode);
    TRY(opts_parse("barcode", options, argc, argv, handle, &p, &c->film, 1, &n_operands));
    if (p.help) {
        if (comm->rank == 0)
            print_help();
        return ST_OK;
    }
    if (n_operands != 1 || !c->film[0])
        return FAIL(ST_USAGE, "a film is missing (see: jacquard barcode --help)");
    TRY(barcode_opts_check(&p.barcode));
    return barcode_run(comm, c, stop);
}
