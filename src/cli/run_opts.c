#include "cli/run_opts.h"

enum status run_opts_backend(const char *text, const char **backend)
{
    static const char *const names[] = {"auto", "cpu", "cuda"};
    int which = 0;

    TRY(opts_choice("--backend", text, names, 3, &which));
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
