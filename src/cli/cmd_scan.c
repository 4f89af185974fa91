/* jacquard scan: the command line of counting Haar-like features over a threshold. */
#include "haar/scan/scan.h"
#include "cli/commands.h"
#include "cli/run_opts.h"

#include <stdio.h>

enum { DEFAULT_THRESHOLD = 200 };

enum {
    OPT_IMAGES,
    OPT_LABELS,
    OPT_COMPAT,
    OPT_FEATURES,
    OPT_THRESHOLD,
    OPT_COUNT_ONLY,
    OPT_OUTPUT,
    OPT_JSON,
    OPT_BACKEND,
    OPT_THREADS,
    OPT_PROGRESS,
    OPT_RANK_TIMEOUT,
    OPT_FORCE,
    OPT_HELP
};

static const struct opt options[] = {
    [OPT_IMAGES] = {"images", 0, "FILE", "IDX images, plain or gzip, up to 64x64 pixels"},
    [OPT_LABELS] = {"labels", 0, "FILE", "their IDX labels: label 0 is counted apart from the others"},
    [OPT_FEATURES] = {"features", 0, "SET",
                      "multiboost (default): equal parts; seed: sides of at least 5, halves and 1:2:1\n"
                      "quarters of any side; full: the same with sides of at least 4"},
    [OPT_THRESHOLD] = {"threshold", 0, "T",
                       "0 to 255 (default 200): what the mean grey of white and of black differ by at least;\n"
                       "more than T passes"},
    [OPT_COMPAT] = {"compat", 0, "seed",
                    "the student project's program: set seed, and its test in float, which scales T by\n"
                    "the other side less one"},
    [OPT_COUNT_ONLY] = {"count-only", 0, NULL, "no records (as without -o)"},
    [OPT_OUTPUT] = {"output", 'o', "RECORDS", "every feature over the threshold, 8 bytes each, sorted"},
    [OPT_JSON] = {"json", 0, "OUT.json", "the counts and times as data"},
    [OPT_BACKEND] = RUN_OPT_BACKEND,
    [OPT_THREADS] = RUN_OPT_THREADS,
    [OPT_PROGRESS] = RUN_OPT_PROGRESS,
    [OPT_RANK_TIMEOUT] = RUN_OPT_RANK_TIMEOUT,
    [OPT_FORCE] = {"force", 0, NULL, "overwrite existing outputs"},
    [OPT_HELP] = RUN_OPT_HELP,
    {NULL, 0, NULL, NULL},
};

struct parsed {
    struct scan_config config;
    bool help, is_compat, has_set, count_only;
};

static enum status handle(void *context, int which, const char *arg)
{
    static const char *const compats[] = {"seed"};
    struct parsed *p = context;
    struct scan_config *c = &p->config;
    int value = 0;

    switch (which) {
    case OPT_IMAGES:
        c->images = arg;
        break;
    case OPT_LABELS:
        c->labels = arg;
        break;
    case OPT_COMPAT:
        p->is_compat = true;
        return opts_choice("--compat", arg, compats, 1, &value);
    case OPT_FEATURES:
        p->has_set = true;
        TRY(opts_choice("--features", arg, haar_set_names, HAAR_N_SETS, &value));
        c->set = (enum haar_set)value;
        break;
    case OPT_THRESHOLD:
        return opts_int32("--threshold", arg, 0, 255, &c->threshold);
    case OPT_COUNT_ONLY:
        p->count_only = true;
        break;
    case OPT_OUTPUT:
        c->records = arg;
        break;
    case OPT_JSON:
        c->json = arg;
        break;
    case OPT_BACKEND:
        return run_opts_backend(arg, &c->backend);
    case OPT_THREADS:
        return run_opts_threads(arg, &c->threads);
    case OPT_PROGRESS:
        return run_opts_progress(arg, &c->progress);
    case OPT_RANK_TIMEOUT:
        return run_opts_rank_timeout(arg);
    case OPT_FORCE:
        c->force = true;
        break;
    case OPT_HELP:
        p->help = true;
        break;
    default:
        return FAIL(ST_BUG, "scan: option %d", which);
    }
    return ST_OK;
}

static enum status check(struct parsed *p)
{
    if (!p->config.images || !p->config.images[0])
        return FAIL(ST_USAGE, "--images is missing (see: jacquard scan --help)");
    if (p->is_compat && p->has_set)
        return FAIL(ST_USAGE, "--compat and --features exclude each other");
    if (p->count_only && p->config.records)
        return FAIL(ST_USAGE, "--count-only and --output exclude each other");
    if (p->is_compat) {
        p->config.set = HAAR_SEED;
        p->config.rule = SCAN_SEED;
    }
    return ST_OK;
}

enum status command_scan(struct comm *comm, int argc, char **argv, atomic_int *stop)
{
    struct parsed p = {.config = {
                           .set = HAAR_MULTIBOOST,
                           .rule = SCAN_MEAN,
                           .threshold = DEFAULT_THRESHOLD,
                           .backend = "auto",
                       }};
    int n_operands;

    TRY(opts_parse("scan", options, argc, argv, handle, &p, NULL, 0, &n_operands));
    if (p.help) {
        if (comm->rank == 0) {
            puts("usage: jacquard scan --images FILE [--labels FILE] [-o RECORDS] [OPTIONS]\n\n"
                 "Every Haar-like feature of every image is evaluated; those over the threshold are counted by\n"
                 "type, and recorded with -o.\n");
            opts_print(options);
        }
        return ST_OK;
    }
    TRY(check(&p));
    return scan_run(comm, &p.config, stop);
}
