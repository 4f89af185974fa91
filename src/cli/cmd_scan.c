/* jacquard scan: the command line of counting Haar-like features over a threshold. */
#include "cli/command.h"
#include "haar/scan/scan.h"

struct options {
    struct scan_config config;
    const char *compat; /* NULL or "seed" */
    bool count_only;
};

#define AT(member) OPT_AT(struct options, config.member)

static const char *const compat_names[] = {"seed"};

static const struct opt rows[] = {
    {OPT_TEXT, "images", 0, "FILE", "IDX images, plain or gzip, up to 64x64 pixels", AT(images)},
    {OPT_TEXT, "labels", 0, "FILE", "their IDX labels: label 0 is counted apart from the others", AT(labels)},
    {OPT_NAME, "compat", 0, "seed",
     "what the student project's program counts: the set seed, by its own test in float, where T is multiplied by "
     "the length of the side that is not split, less one",
     OPT_AT(struct options, compat), OPT_NAMES(compat_names)},
    {OPT_CHOICE, "features", 0, "SET",
     "which rectangles: multiboost: those that split into equal parts; seed: the student project's, sides of at least "
     "5, halves and 1:2:1 quarters rounded; full: likewise, sides of at least 4",
     "multiboost", .excludes = "compat", AT(set), OPT_NAMES(haar_set_names)},
    {OPT_INT, "threshold", 0, "T",
     "0 to 255: a feature passes where the mean greys of its white and its black part differ by more than T", "200",
     AT(threshold), .high = 255},
    {OPT_FLAG, "count-only", 0, NULL, "no records (as without -o)", OPT_AT(struct options, count_only)},
    {OPT_TEXT, "output", 'o', "RECORDS", "every feature over the threshold, 8 bytes each, sorted",
     .excludes = "count-only", AT(records)},
    {OPT_TEXT, "json", 0, "OUT.json", "the counts and times as data", AT(json)},
    ROW_BACKEND(struct scan_config),
    ROW_THREADS(struct scan_config),
    ROW_PROGRESS(struct scan_config),
    ROW_RANK_TIMEOUT,
    ROW_FORCE(struct scan_config, "overwrite existing outputs"),
    {.kind = OPT_END},
};
_Static_assert(offsetof(struct options, config) == 0, "rows are of either struct");

static const struct opt_group groups[] = {{"Options", rows, 0}, {0}};

static enum status run(struct comm *comm, const struct command_call *call, atomic_int *stop)
{
    struct options *o = call->options;

    if (!o->config.images || !o->config.images[0])
        return FAIL(ST_USAGE, "--images is missing (see: jacquard scan --help)");
    o->config.rule = o->compat ? SCAN_SEED : SCAN_MEAN;
    if (o->compat)
        o->config.set = HAAR_SEED;
    return scan_run(comm, &o->config, stop);
}

const struct command command_scan = {
    .name = "scan",
    .summary = "Haar-like features of images, those over a threshold",
    .usage = "--images FILE [--labels FILE] [-o RECORDS] [OPTIONS]",
    .description =
        "Every Haar-like feature of every image is evaluated; those over the threshold are counted by type, and "
        "recorded with -o.",
    .groups = groups,
    .options_bytes = sizeof(struct options),
    .meets = true,
    .run = run,
};
