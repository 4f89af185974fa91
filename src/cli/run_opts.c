#include "cli/run_opts.h"

#include "compute/compute.h"
#include "mpi/comm.h"

#include <string.h>

enum status run_opts_backend(const char *text, const char **backend)
{
    const char *names[8] = {"auto"};
    int n = 1, which = 0;

    for (const struct compute_ops *const *ops = compute_backends; *ops; ops++)
        names[n++] = (*ops)->name;
    TRY(opts_choice("--backend", text, names, n, &which));
    *backend = names[which];
    return ST_OK;
}

enum status run_opts_threads(const char *text, int *threads)
{
    return opts_int32("--threads", text, 1, 1024, threads);
}

enum status run_opts_progress(const char *text, enum progress_mode *mode)
{
    static const char *const names[] = {
        [PROGRESS_AUTO] = "auto", [PROGRESS_BAR] = "bar", [PROGRESS_LOG] = "log", [PROGRESS_NONE] = "none"};
    int which = 0;

    TRY(opts_choice("--progress", text, names, 4, &which));
    *mode = (enum progress_mode)which;
    return ST_OK;
}

/* Ranks send heartbeats twice a second. */
enum status run_opts_rank_timeout(const char *text)
{
    double seconds = 0.0;

    if (strcmp(text, "0") != 0 && strcmp(text, "0s") != 0) {
        TRY(opts_duration("--rank-timeout", text, &seconds));
        if (seconds < 2.0)
            return FAIL(ST_USAGE, "--rank-timeout %s: 0 (never), or 2 seconds or more are wanted", text);
    }
    comm_set_rank_timeout(seconds);
    return ST_OK;
}
