/* jacquard verify: a catalogue's results against what they were made of. */
#include "base/opts.h"
#include "catalog/show/verify.h"
#include "catalog/workers/workers.h"
#include "cli/commands.h"
#include "cli/run_opts.h"

#include <stdio.h>
#include <unistd.h>

enum { OPT_SAMPLES, OPT_FILM_TIMEOUT, OPT_FILM_MEMORY, OPT_THREADS, OPT_PROGRESS, OPT_RANK_TIMEOUT, OPT_HELP };

static const struct opt options[] = {
    [OPT_SAMPLES] = {"samples", 0, "N",
                     "also make N columns of each film again, decoded plainly from the start, and compare (default 0)"},
    [OPT_FILM_TIMEOUT] = {"film-timeout", 0, "T",
                          "with --samples: a film may take so long (default: while it moves on)"},
    [OPT_FILM_MEMORY] = {"film-memory", 0, "BYTES",
                         "with --samples: memory that decoding a film may take (default 8G, or 3/4 of all)"},
    [OPT_THREADS] = {"threads", 0, "N", "films side by side (default: the host's cores)"},
    [OPT_PROGRESS] = RUN_OPT_PROGRESS,
    [OPT_RANK_TIMEOUT] = RUN_OPT_RANK_TIMEOUT,
    [OPT_HELP] = RUN_OPT_HELP,
    {NULL, 0, NULL, NULL},
};

struct parsed {
    struct verify_setup setup;
    bool help;
};

static enum status handle(void *context, int which, const char *arg)
{
    struct parsed *p = context;
    struct verify_setup *s = &p->setup;

    switch (which) {
    case OPT_SAMPLES:
        return opts_int32("--samples", arg, 0, INT32_MAX, &s->n_samples);
    case OPT_FILM_TIMEOUT:
        return opts_duration("--film-timeout", arg, &s->film_timeout);
    case OPT_FILM_MEMORY:
        return opts_bytes("--film-memory", arg, &s->film_memory);
    case OPT_THREADS:
        return run_opts_threads(arg, &s->threads);
    case OPT_PROGRESS:
        return run_opts_progress(arg, &s->progress);
    case OPT_RANK_TIMEOUT:
        return run_opts_rank_timeout(arg);
    default:
        p->help = true;
        return ST_OK;
    }
}

static void print_result(const struct verify_setup *s, const struct verify_result *r)
{
    printf("%lld films verified, %lld off", (long long)r->n_films, (long long)r->n_off);
    if (s->n_samples > 0)
        printf("; %lld columns of %lld films made again are the same", (long long)r->n_same, (long long)r->n_again);
    if (r->n_not_ours > 0)
        printf("; %lld films were not made by this version and could not be compared", (long long)r->n_not_ours);
    putchar('\n');
}

static enum status verify(const struct verify_setup *s)
{
    struct verify_result r;

    TRY(verify_run(s, &r));
    print_result(s, &r);
    if (r.n_off > 0)
        return FAIL(ST_MISMATCH, "%lld of %lld films in %s are not as they should be", (long long)r.n_off,
                    (long long)r.n_films, s->out);
    return ST_OK;
}

static void print_help(void)
{
    puts("usage: jacquard verify DIR [OPTIONS]\n\n"
         "Checks every result of a catalogue against its side-car and its film; exit code 5 if any is off.\n"
         "jacquard catalog makes anew what is off; what --samples finds, once its NAME.json is removed.\n");
    opts_print(options);
}

enum status command_verify(struct comm *comm, int argc, char **argv, atomic_int *stop)
{
    const long n_cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct parsed p = {.setup = {.threads = n_cores > 0 ? (int)n_cores : 1,
                                 .stop = stop,
                                 .version = JACQUARD_VERSION,
                                 .film_memory = workers_default_memory()}};
    int n;

    TRY(opts_parse("verify", options, argc, argv, handle, &p, &p.setup.out, 1, &n));
    if (p.help) {
        if (comm->rank == 0)
            print_help();
        return ST_OK;
    }
    if (n != 1)
        return FAIL(ST_USAGE, "the folder of a catalogue is missing (see: jacquard verify --help)");
    return comm_agree(comm, comm->rank == 0 ? verify(&p.setup) : ST_OK);
}
