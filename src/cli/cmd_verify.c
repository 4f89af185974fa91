/* jacquard verify: a catalogue's results against what they were made of. */
#include "base/opts.h"
#include "catalog/show/verify.h"
#include "cli/commands.h"
#include "cli/run_opts.h"

#include <stdio.h>
#include <unistd.h>

enum { OPT_THREADS, OPT_PROGRESS, OPT_HELP };

static const struct opt options[] = {
    [OPT_THREADS] = RUN_OPT_THREADS,
    [OPT_PROGRESS] = RUN_OPT_PROGRESS,
    [OPT_HELP] = RUN_OPT_HELP,
    {NULL, 0, NULL, NULL},
};

struct parsed {
    const char *out;
    int threads;
    enum progress_mode progress;
    bool help;
};

static enum status handle(void *context, int which, const char *arg)
{
    struct parsed *p = context;

    if (which == OPT_THREADS)
        return run_opts_threads(arg, &p->threads);
    if (which == OPT_PROGRESS)
        return run_opts_progress(arg, &p->progress);
    p->help = true;
    return ST_OK;
}

static enum status verify(const struct parsed *p, const atomic_int *stop)
{
    struct verify_result r;
    const long n_cores = sysconf(_SC_NPROCESSORS_ONLN);

    TRY(verify_run(p->out, p->threads > 0 ? p->threads : n_cores > 0 ? (int)n_cores : 1, p->progress, stop, &r));
    printf("%lld films verified, %lld off\n", (long long)r.n_films, (long long)r.n_off);
    if (r.n_off > 0)
        return FAIL(ST_MISMATCH, "%lld of %lld films in %s are not as they should be", (long long)r.n_off,
                    (long long)r.n_films, p->out);
    return ST_OK;
}

enum status command_verify(struct comm *comm, int argc, char **argv, atomic_int *stop)
{
    struct parsed p = {0};
    int n;

    TRY(opts_parse("verify", options, argc, argv, handle, &p, &p.out, 1, &n));
    if (p.help) {
        if (comm->rank == 0) {
            puts("usage: jacquard verify DIR\n\n"
                 "Checks every result of a catalogue against its side-car and its film; exit code 5 if any is off.\n"
                 "jacquard catalog makes anew what is off.\n");
            opts_print(options);
        }
        return ST_OK;
    }
    if (n != 1)
        return FAIL(ST_USAGE, "the folder of a catalogue is missing (see: jacquard verify --help)");
    return comm_agree(comm, comm->rank == 0 ? verify(&p, stop) : ST_OK);
}
