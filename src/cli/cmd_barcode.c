/* jacquard barcode: the command line of a film's barcode. */
#include "barcode/job.h"
#include "cli/commands.h"
#include "cli/run_opts.h"
#include "compute/kmeans_rules.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPT_OUTPUT,
    OPT_EVERY,
    OPT_COLUMNS,
    OPT_START,
    OPT_END,
    OPT_K,
    OPT_HEIGHT,
    OPT_ORDER,
    OPT_STRIPS,
    OPT_JSON,
    OPT_CSV,
    OPT_SAMPLING,
    OPT_SEED,
    OPT_N_INIT,
    OPT_PLAIN,
    OPT_SCALE,
    OPT_FULL,
    OPT_LEGACY,
    OPT_BACKEND,
    OPT_THREADS,
    OPT_PROGRESS,
    OPT_FRAME_HASHES,
    OPT_ALLOW_PARTIAL,
    OPT_FORCE,
    OPT_HELP
};

static const struct opt options[] = {
    [OPT_OUTPUT] = {"output", 'o', "OUT.png", "the picture; default: the film's name with .barcode.png"},
    [OPT_EVERY] = {"every", 0, "24f|1s", "a column every N frames or T seconds (default 24f)"},
    [OPT_COLUMNS] = {"columns", 0, "W", "W columns spread over the whole range instead"},
    [OPT_START] = {"start", 0, "T", "begin at T: seconds, [h:]m:s, or a share of the film like 10%"},
    [OPT_END] = {"end", 0, "T", "end before T"},
    [OPT_K] = {"clusters", 'k', "K", "colours a column, 1 to 32 (default 8)"},
    [OPT_HEIGHT] = {"height", 0, "H", "rows of the picture (default 480)"},
    [OPT_ORDER] = {"order", 0, "ORDER", "of a column's colours from the top: share (default), lightness, hue"},
    [OPT_STRIPS] = {"strips", 0, "LIST",
                    "of kmeans (default), average, prominent, squeezed, least, equal:\n"
                    "each its own picture, the first is OUT.png, then OUT.average.png ..."},
    [OPT_JSON] = {"json", 0, "OUT.json", "the barcode as data, for jacquard render and other programs"},
    [OPT_CSV] = {"csv", 0, "OUT.csv", "one row a column and cluster"},
    [OPT_SAMPLING] = {"sampling", 0, "HOW", "exact (default), or key: the nearest key frames, faster"},
    [OPT_SEED] = {"seed", 0, "S", "of the clustering's random numbers (default 0)"},
    [OPT_N_INIT] = {"n-init", 0, "N", "restarts of the clustering (default 48 to 128 by K; --plain: 20)"},
    [OPT_PLAIN] = {"plain", 0, NULL, "every restart over all pixels: the slow reference"},
    [OPT_SCALE] = {"scale", 0, "WxH", "cluster pictures fitted into this box (default 480x270)"},
    [OPT_FULL] = {"full", 0, NULL, "cluster pictures as they are coded, whatever their size"},
    [OPT_LEGACY] = {"legacy", 0, NULL, "average gamma-encoded bytes, as older programs do"},
    [OPT_BACKEND] = RUN_OPT_BACKEND,
    [OPT_THREADS] = RUN_OPT_THREADS,
    [OPT_PROGRESS] = RUN_OPT_PROGRESS,
    [OPT_FRAME_HASHES] = {"frame-hashes", 0, "OUT.txt", "a line a column: frame, pts, sha256 of the decoded planes"},
    [OPT_ALLOW_PARTIAL] = {"allow-partial", 0, NULL, "draw what there is of a film that is not whole"},
    [OPT_FORCE] = {"force", 0, NULL, "overwrite existing outputs"},
    [OPT_HELP] = RUN_OPT_HELP,
    {NULL, 0, NULL, NULL},
};

struct parsed {
    struct barcode_config config;
    bool help, has_every, has_columns, has_scale;
};

static enum status parse_every(const char *text, struct sampling *s)
{
    const size_t n = strlen(text);
    char number[64];
    int64_t frames;

    if (n < 2 || n >= sizeof number || (text[n - 1] != 'f' && text[n - 1] != 's'))
        return FAIL(ST_USAGE, "--every %s: N frames (24f) or T seconds (1s) are wanted", text);
    memcpy(number, text, n - 1);
    number[n - 1] = '\0';
    s->unit = text[n - 1] == 'f' ? SAMPLE_FRAMES : SAMPLE_SECONDS;
    if (s->unit == SAMPLE_SECONDS)
        return opts_positive("--every", number, &s->every);
    TRY(opts_int("--every", number, 1, INT32_MAX, &frames));
    s->every = (double)frames;
    return ST_OK;
}

/* 90, 1:30, 0:01:30.5, 10% */
static enum status parse_time(const char *option, const char *text, struct film_time *t)
{
    const char *at = text;
    double total = 0.0;
    int n_parts = 0;

    t->is_percent = false;
    for (;; at++) {
        char *end;
        const double part = strtod(at, &end);
        if (end == at || !isfinite(part) || part < 0.0 || (n_parts > 0 && part >= 60.0) || ++n_parts > 3)
            break;
        total = 60.0 * total + part;
        if (*end == '\0' || (*end == '%' && end[1] == '\0' && n_parts == 1)) {
            t->is_percent = *end == '%';
            t->value = total;
            return t->is_percent && total > 100.0 ? FAIL(ST_USAGE, "%s %s: at most 100%%", option, text) : ST_OK;
        }
        if (*end != ':')
            break;
        at = end;
    }
    return FAIL(ST_USAGE, "%s %s: seconds (90), [h:]m:s (1:30) or a share (10%%) is wanted", option, text);
}

static enum status parse_scale(const char *text, struct barcode_config *c)
{
    char extra;

    if (sscanf(text, "%dx%d%c", &c->box_width, &c->box_height, &extra) != 2 || c->box_width < 1 || c->box_height < 1 ||
        c->box_width > 8192 || c->box_height > 8192)
        return FAIL(ST_USAGE, "--scale %s: WIDTHxHEIGHT like 480x270 is wanted, each 1 to 8192", text);
    c->scale = SCALE_FIT;
    return ST_OK;
}

static enum status parse_strips(const char *text, struct barcode_config *c)
{
    char name[32];

    c->n_strips = 0;
    while (*text) {
        const size_t n = strcspn(text, ",");
        int strip;
        if (n == 0 || n >= sizeof name || text[n + (text[n] != '\0')] == ',' || (text[n] == ',' && !text[n + 1]))
            return FAIL(ST_USAGE, "--strips: a list like kmeans,average is wanted, not \"%s\"", text);
        memcpy(name, text, n);
        name[n] = '\0';
        TRY(opts_choice("--strips", name, strip_names, N_STRIPS, &strip));
        for (int i = 0; i < c->n_strips; i++)
            if ((int)c->strip[i] == strip)
                return FAIL(ST_USAGE, "--strips names %s twice", name);
        c->strip[c->n_strips++] = (enum strip)strip;
        text += n + (text[n] == ',');
    }
    return c->n_strips > 0 ? ST_OK : FAIL(ST_USAGE, "--strips names no strip");
}

static enum status parse_seed(const char *text, uint64_t *seed)
{
    int64_t value;

    TRY(opts_int("--seed", text, 0, INT64_MAX, &value));
    *seed = (uint64_t)value;
    return ST_OK;
}

static enum status handle(void *context, int which, const char *arg)
{
    static const char *const samplings[] = {"exact", "key"};
    struct parsed *p = context;
    struct barcode_config *c = &p->config;
    int value = 0;

    switch (which) {
    case OPT_OUTPUT:
        c->output = arg;
        break;
    case OPT_EVERY:
        p->has_every = true;
        return parse_every(arg, &c->sampling);
    case OPT_COLUMNS:
        p->has_columns = true;
        TRY(opts_int32("--columns", arg, 1, INT32_MAX, &value));
        c->sampling.unit = SAMPLE_COLUMNS;
        c->sampling.every = value;
        break;
    case OPT_START:
        c->sampling.has_start = true;
        return parse_time("--start", arg, &c->sampling.start);
    case OPT_END:
        c->sampling.has_end = true;
        return parse_time("--end", arg, &c->sampling.end);
    case OPT_K:
        return opts_int32("-k", arg, 1, COMPUTE_MAX_K, &c->k);
    case OPT_HEIGHT:
        TRY(opts_int32("--height", arg, 1, 65535, &value));
        c->height = (uint32_t)value;
        break;
    case OPT_ORDER:
        TRY(opts_choice("--order", arg, order_names, N_ORDERS, &value));
        c->order = (enum order)value;
        break;
    case OPT_STRIPS:
        return parse_strips(arg, c);
    case OPT_JSON:
        c->json = arg;
        break;
    case OPT_CSV:
        c->csv = arg;
        break;
    case OPT_SAMPLING:
        TRY(opts_choice("--sampling", arg, samplings, 2, &value));
        c->sampling.snap_to_keys = value == 1;
        break;
    case OPT_SEED:
        return parse_seed(arg, &c->seed);
    case OPT_N_INIT:
        return opts_int32("--n-init", arg, 1, KMEANS_MAX_RESTARTS, &c->n_init);
    case OPT_PLAIN:
        c->plain = true;
        break;
    case OPT_SCALE:
        p->has_scale = true;
        return parse_scale(arg, c);
    case OPT_FULL:
        c->scale = SCALE_FULL;
        break;
    case OPT_LEGACY:
        c->legacy = true;
        break;
    case OPT_BACKEND:
        return run_opts_backend(arg, &c->backend);
    case OPT_THREADS:
        return run_opts_threads(arg, &c->threads);
    case OPT_PROGRESS:
        return run_opts_progress(arg, &c->progress);
    case OPT_FRAME_HASHES:
        c->frame_hashes = arg;
        break;
    case OPT_ALLOW_PARTIAL:
        c->allow_partial = true;
        break;
    case OPT_FORCE:
        c->force = true;
        break;
    case OPT_HELP:
        p->help = true;
        break;
    default:
        return FAIL(ST_BUG, "barcode: option %d", which);
    }
    return ST_OK;
}

static enum status check(const struct parsed *p, int n_operands)
{
    if (n_operands != 1 || !p->config.film[0])
        return FAIL(ST_USAGE, "a film is missing (see: jacquard barcode --help)");
    if (p->has_every && p->has_columns)
        return FAIL(ST_USAGE, "--every and --columns exclude each other");
    if (p->has_scale && p->config.scale == SCALE_FULL)
        return FAIL(ST_USAGE, "--scale and --full exclude each other");
    return ST_OK;
}

enum status command_barcode(struct comm *comm, int argc, char **argv, atomic_int *stop)
{
    struct parsed p = {.config = {
                           .sampling = {.unit = SAMPLE_FRAMES, .every = 24.0},
                           .k = 8,
                           .height = 480,
                           .strip = {STRIP_KMEANS},
                           .n_strips = 1,
                           .box_width = 480,
                           .box_height = 270,
                           .backend = "auto",
                       }};
    int n_operands;

    TRY(opts_parse("barcode", options, argc, argv, handle, &p, &p.config.film, 1, &n_operands));
    if (p.help) {
        if (comm->rank == 0) {
            puts("usage: jacquard barcode FILM [-o OUT.png] [OPTIONS]\n\n"
                 "A frame is sampled every N frames, its pixels are clustered by k-means, and it becomes one\n"
                 "column: the cluster colours stacked by share.\n");
            opts_print(options);
        }
        return ST_OK;
    }
    TRY(check(&p, n_operands));
    return barcode_run(comm, &p.config, stop);
}
