/* jacquard verify: a catalogue's results against what they were made of. */
#include "catalog/show/verify.h"
#include "catalog/workers/workers.h"
#include "cli/command.h"

#include <unistd.h>

#define AT(member) OPT_AT(struct verify_setup, member)

static const struct opt rows[] = {
    {OPT_INT, "samples", 0, "N", "also make N columns of each film again, decoded plainly from the start, and compare",
     "0", AT(n_samples), .high = INT32_MAX},
    {OPT_DURATION, "film-timeout", 0, "T",
     "with --samples: give a film up that takes longer (default: one that hangs 10m)", AT(film_timeout)},
    {OPT_BYTES, "film-memory", 0, "BYTES",
     "with --samples: give a film up that takes more (default 8G, or 3/4 of the memory)", AT(film_memory)},
    {OPT_INT, "threads", 0, "N", "films side by side (default: the host's cores)", AT(threads), .low = 1, .high = 1024},
    ROW_PROGRESS(struct verify_setup),
    ROW_RANK_TIMEOUT,
    {.kind = OPT_END},
};

static const struct opt_group groups[] = {{"Options", rows, 0}, {0}};

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

static enum status run(struct comm *comm, const struct command_call *call, atomic_int *stop)
{
    const long n_cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct verify_setup *s = call->options;

    if (call->line.n_operands != 1)
        return FAIL(ST_USAGE, "the folder of a catalogue is missing (see: jacquard verify --help)");
    s->out = call->line.operand[0];
    s->stop = stop;
    s->version = JACQUARD_VERSION;
    if (s->threads == 0)
        s->threads = n_cores > 0 ? (int)n_cores : 1;
    if (s->film_memory <= 0.0)
        s->film_memory = workers_default_memory();
    return comm_agree(comm, comm->rank == 0 ? verify(s) : ST_OK);
}

const struct command command_verify = {
    .name = "verify",
    .summary = "a catalogue's results against what they were made of",
    .usage = "DIR [OPTIONS]",
    .description =
        "Checks every result of a catalogue against its side-car and its film; exit code 5 if any is off. "
        "jacquard catalog makes anew what is off; what only --samples finds, once you have removed its NAME.json.",
    .groups = groups,
    .options_bytes = sizeof(struct verify_setup),
    .max_operands = 1,
    .run = run,
};
