/* barcode_opts: the options that every command which makes barcodes has: what a barcode is made of, and what makes it.
 * A command's table begins with them; its own options are numbered from N_BARCODE_OPTS. */
#ifndef JACQUARD_CLI_BARCODE_OPTS_H
#define JACQUARD_CLI_BARCODE_OPTS_H

#include "barcode/config.h"
#include "cli/run_opts.h"

#include <stdbool.h>

enum {
    BARCODE_OPT_EVERY,
    BARCODE_OPT_COLUMNS,
    BARCODE_OPT_START,
    BARCODE_OPT_END,
    BARCODE_OPT_K,
    BARCODE_OPT_HEIGHT,
    BARCODE_OPT_ORDER,
    BARCODE_OPT_STRIPS,
    BARCODE_OPT_SAMPLING,
    BARCODE_OPT_SEED,
    BARCODE_OPT_N_INIT,
    BARCODE_OPT_PLAIN,
    BARCODE_OPT_SCALE,
    BARCODE_OPT_FULL,
    BARCODE_OPT_LEGACY,
    BARCODE_OPT_BACKEND,
    BARCODE_OPT_THREADS,
    BARCODE_OPT_PROGRESS,
    BARCODE_OPT_RANK_TIMEOUT,
    BARCODE_OPT_ALLOW_PARTIAL,
    BARCODE_OPT_FORCE,
    N_BARCODE_OPTS
};

/* Rows of an option table. */
#define BARCODE_OPTS                                                                                                   \
    [BARCODE_OPT_EVERY] = {"every", 0, "24f|1s", "a column every N frames or T seconds (default 24f)"},                \
    [BARCODE_OPT_COLUMNS] = {"columns", 0, "W", "W columns spread over the whole range instead"},                      \
    [BARCODE_OPT_START] = {"start", 0, "T", "begin at T: seconds, [h:]m:s, or a share of the film like 10%"},          \
    [BARCODE_OPT_END] = {"end", 0, "T", "end before T"},                                                               \
    [BARCODE_OPT_K] = {"clusters", 'k', "K", "colours a column, 1 to 32 (default 8)"},                                 \
    [BARCODE_OPT_HEIGHT] = {"height", 0, "H", "rows of the picture (default 480)"},                                    \
    [BARCODE_OPT_ORDER] = {"order", 0, "ORDER",                                                                        \
                           "of a column's colours from the top: share (default), lightness, hue"},                     \
    [BARCODE_OPT_STRIPS] = {"strips", 0, "LIST",                                                                       \
                            "of kmeans (default), average, prominent, squeezed, least, equal:\n"                       \
                            "each its own picture, the first is OUT.png, then OUT.average.png ..."},                   \
    [BARCODE_OPT_SAMPLING] = {"sampling", 0, "HOW", "exact (default), or key: the nearest key frames, faster"},        \
    [BARCODE_OPT_SEED] = {"seed", 0, "S", "of the clustering's random numbers (default 0)"},                           \
    [BARCODE_OPT_N_INIT] = {"n-init", 0, "N", "restarts of the clustering (default 48 to 128 by K; --plain: 20)"},     \
    [BARCODE_OPT_PLAIN] = {"plain", 0, NULL, "every restart over all pixels: the slow reference"},                     \
    [BARCODE_OPT_SCALE] = {"scale", 0, "WxH", "cluster pictures fitted into this box (default 480x270)"},              \
    [BARCODE_OPT_FULL] = {"full", 0, NULL, "cluster pictures as they are coded, whatever their size"},                 \
    [BARCODE_OPT_LEGACY] = {"legacy", 0, NULL, "average gamma-encoded bytes, as older programs do"},                   \
    [BARCODE_OPT_BACKEND] = RUN_OPT_BACKEND, [BARCODE_OPT_THREADS] = RUN_OPT_THREADS,                                  \
    [BARCODE_OPT_PROGRESS] = RUN_OPT_PROGRESS, [BARCODE_OPT_RANK_TIMEOUT] = RUN_OPT_RANK_TIMEOUT,                      \
    [BARCODE_OPT_ALLOW_PARTIAL] = {"allow-partial", 0, NULL, "draw what there is of a film that is not whole"},        \
    [BARCODE_OPT_FORCE] = {"force", 0, NULL, "overwrite existing outputs"}

struct barcode_opts {
    struct barcode_config config; /* film and outputs are the command's */
    bool has_every, has_columns, has_scale;
};

/* What holds where the command line says nothing. */
void barcode_opts_init(struct barcode_opts *opts);

/* Option number which < N_BARCODE_OPTS. Keeps no pointer into arg. */
enum status barcode_opts_handle(struct barcode_opts *opts, int which, const char *arg);

/* When all are handled: options that exclude each other. */
enum status barcode_opts_check(const struct barcode_opts *opts);

#endif
