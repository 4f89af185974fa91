/* run_opts: options that several commands share: what a job runs on and how it shows where it is. */
#ifndef JACQUARD_CLI_RUN_OPTS_H
#define JACQUARD_CLI_RUN_OPTS_H

#include "base/opts.h"
#include "base/progress.h"

/* Rows of an option table. */
#define RUN_OPT_BACKEND                                                                                                \
    {                                                                                                                  \
        "backend", 0, "NAME", "auto (default), cpu, cuda"                                                              \
    }
#define RUN_OPT_THREADS                                                                                                \
    {                                                                                                                  \
        "threads", 0, "N", "processor threads a rank (default: the host's cores shared among its ranks)"               \
    }
#define RUN_OPT_PROGRESS                                                                                               \
    {                                                                                                                  \
        "progress", 0, "HOW", "auto (default), bar, log, none"                                                         \
    }
#define RUN_OPT_RANK_TIMEOUT                                                                                           \
    {                                                                                                                  \
        "rank-timeout", 0, "T", "end a job in which a rank is silent or stuck for so long (default 5m; 0: never)"      \
    }
#define RUN_OPT_HELP                                                                                                   \
    {                                                                                                                  \
        "help", 'h', NULL, "this"                                                                                      \
    }

/* Their arguments, checked. *backend becomes a constant. */
enum status run_opts_backend(const char *text, const char **backend);
enum status run_opts_threads(const char *text, int *threads);
enum status run_opts_progress(const char *text, enum progress_mode *mode);
enum status run_opts_rank_timeout(const char *text); /* holds from now on */

#endif
