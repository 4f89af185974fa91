#include "cli/command.h"

#include "barcode/config.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- rows ---- */

const char *const progress_names[] = {
    [PROGRESS_AUTO] = "auto", [PROGRESS_BAR] = "bar", [PROGRESS_LOG] = "log", [PROGRESS_NONE] = "none"};

/* Ranks send heartbeats twice a second. */
enum status command_set_rank_timeout(const struct opt *row, const char *text, void *base)
{
    double seconds = 0.0;

    (void)row, (void)base;
    if (strcmp(text, "0") != 0 && strcmp(text, "0s") != 0) {
        TRY(opts_duration("--rank-timeout", text, &seconds));
        if (seconds < 2.0)
            return FAIL(ST_USAGE, "--rank-timeout %s: 0 (never), or 2 seconds or more are wanted", text);
    }
    comm_set_rank_timeout(seconds);
    return ST_OK;
}

const struct opt barcode_run_rows[] = {
    ROW_BACKEND(struct barcode_config),
    ROW_THREADS(struct barcode_config),
    ROW_PROGRESS(struct barcode_config),
    ROW_RANK_TIMEOUT,
    {OPT_FLAG, "allow-partial", 0, NULL, "draw what there is of a film that is not whole",
     OPT_AT(struct barcode_config, allow_partial)},
    ROW_FORCE(struct barcode_config, "overwrite existing outputs"),
    {.kind = OPT_END},
};

/* ---- commands ---- */

const struct command *const commands[] = {
    &command_barcode,  &command_catalog,
    &command_status,   &command_gallery,
    &command_verify,   &command_render,
    &command_scan,     &command_train,
    &command_evaluate, &command_predict,
    &command_export,   &command_bench,
    &command_info,     NULL,
};

const struct command *command_find(const char *name)
{
    for (int i = 0; commands[i]; i++)
        if (strcmp(name, commands[i]->name) == 0)
            return commands[i];
    return NULL;
}

enum { WIDTH = 100 };

void command_print_help(FILE *out, const struct command *command)
{
    fprintf(out, "usage: jacquard %s %s\n\n", command->name, command->usage);
    opts_wrap(out, command->description, 0, WIDTH);
    for (const struct opt_group *group = command->groups; group->title; group++)
        opts_print(out, group);
    fprintf(out, "%-28s%s\n", "  -h, --help", "this");
    if (command->closing) {
        fputs("\n", out);
        opts_wrap(out, command->closing, 0, WIDTH);
    }
}

void command_print_all(FILE *out)
{
    fputs("usage: jacquard COMMAND ...\n       mpirun -n N jacquard COMMAND ...\n\n", out);
    for (int i = 0; commands[i]; i++)
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\njacquard COMMAND --help tells a command's options; jacquard --version the version.\n", out);
    opts_wrap(out, COMMAND_EXIT_CODES, 0, WIDTH);
}

enum status command_run(const struct command *command, struct comm *comm, int argc, char **argv, atomic_int *stop)
{
    struct command_call call = {.argc = argc, .argv = argv};
    char **shuffled = mem_array((size_t)argc + 1, sizeof *shuffled);
    enum status st = ST_NOMEM;

    call.options = mem_array(1, command->options_bytes + 1);
    call.line.operand = mem_array((size_t)argc, sizeof *call.line.operand);
    if (shuffled && call.options && call.line.operand) {
        memcpy(shuffled, argv, (size_t)argc * sizeof *shuffled);
        st = opts_parse(command->name, command->groups, call.options, argc, shuffled,
                        command->max_operands < 0 ? argc : command->max_operands, &call.line);
    }
    if (st == ST_OK && !call.line.wants_help)
        st = command->run(comm, &call, stop);
    else if (st == ST_OK && comm->rank == 0)
        command_print_help(stdout, command);
    free(call.line.operand);
    free(call.options);
    free(shuffled);
    return st;
}
