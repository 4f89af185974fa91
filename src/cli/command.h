/* command: what a subcommand of the program is: what it is called, which options it has (tables of rows: base/opts.h),
 * and what it does with them. */
#ifndef JACQUARD_CLI_COMMAND_H
#define JACQUARD_CLI_COMMAND_H

#include "base/opts.h"
#include "compute/compute.h"
#include "mpi/comm.h"

#include <stdatomic.h>

/* What a command was called with. */
struct command_call {
    void *options;         /* the command's struct, all options in it */
    struct opts_line line; /* operands, and which options were given */
    int argc;
    char **argv; /* [argc] the words as they came, the command's name first */
};

struct command {
    const char *name;
    const char *summary;     /* half a line */
    const char *usage;       /* after the name */
    const char *description; /* one line of any length */
    const char *closing;     /* what stands behind the options, likewise; NULL: nothing */
    const struct opt_group *groups;
    size_t options_bytes; /* of the struct that the groups fill */
    int max_operands;     /* -1: any number */
    bool meets;           /* run calls comm_meet itself; else the ranks' command lines are compared before it */
    /* Collective. *stop counts signals to end: SIGINT, SIGTERM, SIGHUP, SIGUSR1. */
    enum status (*run)(struct comm *comm, const struct command_call *call, atomic_int *stop);
};

/* All of them, in the order of the help; NULL behind the last one. */
extern const struct command *const commands[];
extern const struct command command_barcode, command_render, command_info;
extern const struct command command_catalog, command_status, command_gallery, command_verify;
extern const struct command command_scan, command_train, command_evaluate, command_predict, command_export;
extern const struct command command_bench;

const struct command *command_find(const char *name); /* NULL: no command is called that */

/* Collective. Reads the options, argv[0] being the command's name; prints the help or runs the command. */
enum status command_run(const struct command *command, struct comm *comm, int argc, char **argv, atomic_int *stop);

void command_print_help(FILE *out, const struct command *command);
void command_print_all(FILE *out); /* the program's help */

#define COMMAND_EXIT_CODES                                                                                             \
    "Exit codes: 0 done, 1 internal fault, 2 usage or environment, 3 an input is damaged or not whole, 4 nothing "     \
    "matched, 5 results are not what they should be, 75 interrupted."

/* ---- rows that several commands have; `type` is the struct with the member of that name ---- */

#define ROW_BACKEND(type)                                                                                              \
    {                                                                                                                  \
        OPT_NAME, "backend", 0, "NAME", "what computes", "auto", OPT_AT(type, backend), OPT_NAMES(compute_names)       \
    }
#define ROW_THREADS(type)                                                                                              \
    {                                                                                                                  \
        OPT_INT, "threads", 0, "N", "processor threads a rank (default: the host's cores shared among its ranks)",     \
            OPT_AT(type, threads), .low = 1, .high = 1024                                                              \
    }
#define ROW_PROGRESS(type)                                                                                             \
    {                                                                                                                  \
        OPT_CHOICE, "progress", 0, "HOW", "how to show how far it is", "auto", OPT_AT(type, progress),                 \
            OPT_NAMES(progress_names)                                                                                  \
    }
#define ROW_RANK_TIMEOUT                                                                                               \
    {                                                                                                                  \
        OPT_CUSTOM, "rank-timeout", 0, "T",                                                                            \
            "end a job in which a rank is silent or stuck for so long (default 5m; 0: never)",                         \
            .parse = command_set_rank_timeout                                                                          \
    }
#define ROW_FORCE(type, what)                                                                                          \
    {                                                                                                                  \
        OPT_FLAG, "force", 0, NULL, what, OPT_AT(type, force)                                                          \
    }

extern const char *const progress_names[4];
enum status command_set_rank_timeout(const struct opt *row, const char *text, void *base); /* takes effect at once */

extern const struct opt barcode_run_rows[]; /* of struct barcode_config: how barcodes are made */

#endif
