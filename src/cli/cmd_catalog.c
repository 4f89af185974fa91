/* jacquard catalog: the command line of a whole film collection. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/number.h"
#include "catalog/catalog.h"
#include "catalog/workers/workers.h"
#include "cli/barcode_opts.h"
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPT_OUT = N_BARCODE_OPTS,
    OPT_LIST,
    OPT_INCLUDE,
    OPT_EXCLUDE,
    OPT_SHARE,
    OPT_RETRY_FAILED,
    OPT_TRIES,
    OPT_TIME_LIMIT,
    OPT_FILM_TIMEOUT,
    OPT_FILM_MEMORY,
    OPT_PIECE_TIME,
    OPT_WORKERS,
    OPT_LANES,
    OPT_DRY_RUN,
    OPT_GALLERY,
    OPT_HELP,
    N_OPTS
};

static const struct opt options[] = {
    BARCODE_OPTS,
    [OPT_OUT] = {"out", 'o', "DIR", "the folder of results; what is there already is not done again"},
    [OPT_LIST] = {"list", 0, "FILE", "films and folders, one name a line; - for standard input"},
    [OPT_INCLUDE] = {"include", 0, "GLOB", "in folders take what matches, instead of what has a film's suffix"},
    [OPT_EXCLUDE] = {"exclude", 0, "GLOB", "leave out what matches; both may be given several times"},
    [OPT_SHARE] = {"share", 0, "I/N", "do the I-th of N equal shares: for N jobs on one folder of results"},
    [OPT_RETRY_FAILED] = {"retry-failed", 0, NULL, "try films again that failed before"},
    [OPT_TRIES] = {"tries", 0, "N", "of a film that brings its decoder down (default 3)"},
    [OPT_TIME_LIMIT] = {"time-limit", 0, "T", "leave in time with what is done: 90s, 15m, 12h, 1:30:00"},
    [OPT_FILM_TIMEOUT] = {"film-timeout", 0, "T", "give a film up that takes longer (default: one that hangs 10m)"},
    [OPT_FILM_MEMORY] = {"film-memory", 0, "BYTES",
                         "give a film up that takes more (default 8G, or 3/4 of the memory)"},
    [OPT_PIECE_TIME] = {"piece-time", 0, "T", "cut films so that no piece takes longer (default 2m)"},
    [OPT_WORKERS] = {"workers", 0, "N",
                     "films at once on each rank (default: one for two threads, at most 8 on a GPU)"},
    [OPT_LANES] = {"lanes", 0, "N", NULL}, /* its older name */
    [OPT_DRY_RUN] = {"dry-run", 0, NULL, "look at the films and print what would be done"},
    [OPT_GALLERY] = {"gallery", 0, NULL, "renew report and gallery every minute, not only at the end"},
    [OPT_HELP] = RUN_OPT_HELP,
    {NULL, 0, NULL, NULL},
};

enum { MAX_PATTERNS = 256 };

struct parsed {
    struct barcode_opts barcode;
    struct catalog_config config;
    const char *include[MAX_PATTERNS], *exclude[MAX_PATTERNS];
    bool help;
};

static enum status add_pattern(const char *option, const char *arg, const char **patterns, int *n)
{
    if (*n == MAX_PATTERNS)
        return FAIL(ST_USAGE, "%s: more than %d patterns", option, MAX_PATTERNS);
    patterns[(*n)++] = arg;
    return ST_OK;
}

static enum status parse_share(const char *text, struct catalog_config *c)
{
    if (!number_read_pair(text, '/', 1, 100000, &c->share, &c->n_shares) || c->share > c->n_shares)
        return FAIL(ST_USAGE, "--share %s: I/N like 1/4 is wanted, I from 1 to N", text);
    return ST_OK;
}

static enum status handle(void *context, int which, const char *arg)
{
    struct parsed *p = context;
    struct catalog_config *c = &p->config;

    if (which < N_BARCODE_OPTS)
        return barcode_opts_handle(&p->barcode, which, arg);
    switch (which) {
    case OPT_OUT:
        c->out = arg;
        break;
    case OPT_LIST:
        c->list = arg;
        break;
    case OPT_INCLUDE:
        return add_pattern("--include", arg, p->include, &c->n_includes);
    case OPT_EXCLUDE:
        return add_pattern("--exclude", arg, p->exclude, &c->n_excludes);
    case OPT_SHARE:
        return parse_share(arg, c);
    case OPT_RETRY_FAILED:
        c->retry_failed = true;
        break;
    case OPT_TRIES:
        return opts_int32("--tries", arg, 1, 1000, &c->tries);
    case OPT_TIME_LIMIT:
        return opts_duration("--time-limit", arg, &c->time_limit);
    case OPT_FILM_TIMEOUT:
        return opts_duration("--film-timeout", arg, &c->film_timeout);
    case OPT_FILM_MEMORY:
        return opts_bytes("--film-memory", arg, &c->film_memory);
    case OPT_PIECE_TIME:
        return opts_duration("--piece-time", arg, &c->piece_seconds);
    case OPT_WORKERS:
    case OPT_LANES:
        return opts_int32("--workers", arg, 1, 256, &c->workers);
    case OPT_DRY_RUN:
        c->dry_run = true;
        break;
    case OPT_GALLERY:
        c->gallery = true;
        break;
    case OPT_HELP:
        p->help = true;
        break;
    default:
        return FAIL(ST_BUG, "catalog: option %d", which);
    }
    return ST_OK;
}

static void print_help(void)
{
    puts("usage: jacquard catalog INPUT... --out DIR [OPTIONS]\n\n"
         "Every film of the INPUTs (films and folders) becomes NAME.barcode.png and NAME.json in DIR, with\n"
         "DIR/report.json, DIR/report.csv and DIR/index.html about all of them. What is done stays done: the same\n"
         "command goes on where an earlier one was ended, by whatever.\n");
    opts_print_rows(options, N_BARCODE_OPTS, N_OPTS - 1);
    puts("\nOptions of every barcode, as those of jacquard barcode:\n");
    opts_print_rows(options, 0, N_BARCODE_OPTS - 1);
    puts("\nExit codes: 0 every film is done, 2 usage or environment, 3 some films failed, 4 no film matches,\n"
         "75 interrupted or out of time: run it again.");
}

static enum status check(const struct parsed *p, int n_inputs)
{
    if (!p->config.out || !p->config.out[0])
        return FAIL(ST_USAGE, "--out DIR is missing (see: jacquard catalog --help)");
    if (n_inputs == 0 && !p->config.list)
        return FAIL(ST_USAGE, "no films: folders, films or --list FILE are wanted (see: jacquard catalog --help)");
    return barcode_opts_check(&p->barcode);
}

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

enum status command_catalog(struct comm *comm, int argc, char **argv, atomic_int *stop)
{
    struct parsed p = {.config = {.share = 1,
                                  .n_shares = 1,
                                  .tries = 3,
                                  .piece_seconds = 120.0,
                                  .started = clock_seconds(),
                                  .version = JACQUARD_VERSION}};
    const char **input = mem_array((size_t)argc, sizeof *input);
    char *words = join_words(argc, argv); /* before getopt sorts them */
    enum status st = input && words ? ST_OK : ST_NOMEM;

    barcode_opts_init(&p.barcode);
    p.config.film_memory = workers_default_memory();
    if (st == ST_OK)
        st = opts_parse("catalog", options, argc, argv, handle, &p, input, argc, &p.config.n_inputs);
    if (st == ST_OK && p.help) {
        if (comm->rank == 0)
            print_help();
    } else if (st == ST_OK) {
        st = check(&p, p.config.n_inputs);
        if (st == ST_OK) {
            p.config.input = input;
            p.config.include = p.include;
            p.config.exclude = p.exclude;
            p.config.barcode = p.barcode.config;
            p.config.command = words;
            st = catalog_run(comm, &p.config, stop);
        }
    }
    free(words);
    free(input);
    return st;
}
