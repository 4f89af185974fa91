/* jacquard catalog: the command line of a whole film collection. */
#include "base/clock.h"
#include "base/number.h"
#include "catalog/catalog.h"
#include "catalog/workers/workers.h"
#include "cli/command.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_PATTERNS = 256 };

struct patterns {
    const char *glob[MAX_PATTERNS];
    int n;
};

struct options {
    struct catalog_config config; /* first: rows say where in it */
    struct patterns include, exclude;
};

#define AT(member) OPT_AT(struct catalog_config, member)

static enum status parse_pattern(const struct opt *row, const char *text, void *base)
{
    struct patterns *p = (struct patterns *)((char *)base + row->offset);

    if (p->n == MAX_PATTERNS)
        return FAIL(ST_USAGE, "--%s: more than %d patterns", row->name, MAX_PATTERNS);
    p->glob[p->n++] = text;
    return ST_OK;
}

static enum status parse_share(const struct opt *row, const char *text, void *base)
{
    struct catalog_config *c = &((struct options *)base)->config;

    (void)row;
    if (!number_read_pair(text, '/', 1, 100000, &c->share, &c->n_shares) || c->share > c->n_shares)
        return FAIL(ST_USAGE, "--share %s: I/N like 1/4 is wanted, I from 1 to N", text);
    return ST_OK;
}

static const struct opt own[] = {
    {OPT_TEXT, "out", 'o', "DIR", "the folder of results; what is done there is not done again", AT(out)},
    {OPT_TEXT, "list", 0, "FILE", "films and folders, one name a line; - for standard input", AT(list)},
    {OPT_CUSTOM, "include", 0, "GLOB", "in folders take what matches, instead of what has a film's suffix",
     .parse = parse_pattern, OPT_AT(struct options, include)},
    {OPT_CUSTOM, "exclude", 0, "GLOB", "leave out what matches; both may be given several times",
     .parse = parse_pattern, OPT_AT(struct options, exclude)},
    {OPT_CUSTOM, "share", 0, "I/N", "do the I-th of N equal shares: for N jobs on one folder of results", "1/1",
     .parse = parse_share},
    {OPT_FLAG, "retry-failed", 0, NULL, "try films again that failed before", AT(retry_failed)},
    {OPT_INT, "tries", 0, "N", "give a film up that has brought its decoder down N times", "3", AT(tries), .low = 1,
     .high = 1000},
    {OPT_DURATION, "time-limit", 0, "T", "end in time, and keep what is done: 90s, 15m, 12h, 1:30:00", AT(time_limit)},
    {OPT_DURATION, "film-timeout", 0, "T", "give a film up that takes longer (default: one that hangs 10m)",
     AT(film_timeout)},
    {OPT_BYTES, "film-memory", 0, "BYTES", "give a film up that takes more (default 8G, or 3/4 of the memory)",
     AT(film_memory)},
    {OPT_DURATION, "piece-time", 0, "T", "cut films so that no piece takes longer", "2m", AT(piece_seconds)},
    {OPT_INT, "workers", 0, "N", "films at once on each rank (default: one for two threads, at most 8 on a GPU)",
     AT(workers), .low = 1, .high = WORKERS_MAX},
    {OPT_INT, "lanes", 0, "N", NULL, AT(workers), .low = 1, .high = WORKERS_MAX}, /* its older name */
    {OPT_FLAG, "store", 0, NULL,
     "keep the sampled frames in DIR/frames: a later run with another k, space or weight decodes nothing", AT(stores)},
    {OPT_FLAG, "dry-run", 0, NULL, "look at the films and print what would be done", AT(dry_run)},
    {OPT_FLAG, "gallery", 0, NULL, "renew report and gallery every minute, not only at the end", AT(gallery)},
    {.kind = OPT_END},
};

static const struct opt_group groups[] = {
    {"The collection", own, 0},
    BARCODE_SETTINGS_GROUPS(offsetof(struct options, config.barcode.settings)),
    {"How it is done", barcode_run_rows, offsetof(struct options, config.barcode)},
    {0},
};

/* The command line as a shell would take it again. */
static char *join_words(int argc, char **argv)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%";
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);

    if (!out)
        return NULL;
    fputs("jacquard", out);
    for (int i = 0; i < argc; i++) {
        const bool quoted = !argv[i][0] || argv[i][strspn(argv[i], plain)];
        fputs(quoted ? " '" : " ", out);
        for (const char *c = argv[i]; *c; c++)
            fputs(*c == '\'' ? "'\\''" : (char[2]){*c, '\0'}, out);
        fputs(quoted ? "'" : "", out);
    }
    return fclose(out) == 0 ? text : (free(text), NULL);
}

static enum status run(struct comm *comm, const struct command_call *call, atomic_int *stop)
{
    struct options *o = call->options;
    struct catalog_config *c = &o->config;

    if (!c->out || !c->out[0])
        return FAIL(ST_USAGE, "--out DIR is missing (see: jacquard catalog --help)");
    if (call->line.n_operands == 0 && !c->list)
        return FAIL(ST_USAGE, "no films: folders, films or --list FILE are wanted (see: jacquard catalog --help)");
    TRY(barcode_settings_check(&c->barcode.settings));
    if (c->barcode.settings.drawing.layout.kind != LAYOUT_STRIP)
        return FAIL(ST_USAGE, "--layout: a catalogue draws strips (jacquard render draws others from its side-cars)");
    char *words = join_words(call->argc, call->argv);
    if (!words)
        return FAIL(ST_NOMEM, "out of memory for the command line");
    c->input = call->line.operand;
    c->n_inputs = call->line.n_operands;
    c->include = o->include.glob;
    c->n_includes = o->include.n;
    c->exclude = o->exclude.glob;
    c->n_excludes = o->exclude.n;
    c->started = clock_seconds();
    c->version = JACQUARD_VERSION;
    c->command = words;
    if (c->film_memory <= 0.0)
        c->film_memory = workers_default_memory();
    const enum status st = catalog_run(comm, c, stop);
    free(words);
    return st;
}

const struct command command_catalog = {
    .name = "catalog",
    .summary = "a film collection becomes barcodes",
    .usage = "INPUT... --out DIR [OPTIONS]",
    .description = "Every film of the INPUTs (films and folders) becomes NAME.barcode.png and NAME.json in DIR, with "
                   "DIR/report.json, DIR/report.csv and DIR/index.html about all of them. What is done stays done: the "
                   "same command goes on where an earlier one ended, however that was.",
    .closing = "Exit codes: 0 every film is done, 2 usage or environment, 3 some films failed, 4 no film matches, 75 "
               "interrupted or out of time: run it again.",
    .groups = groups,
    .options_bytes = sizeof(struct options),
    .max_operands = -1,
    .meets = true,
    .run = run,
};
