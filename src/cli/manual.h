/* manual: what the tables of commands and options are made into beside the help: manual pages, shell completions. */
#ifndef JACQUARD_CLI_MANUAL_H
#define JACQUARD_CLI_MANUAL_H

#include "cli/command.h"

/* Pages of section 1, as roff: jacquard-COMMAND.1, jacquard.1. */
void manual_print_command(FILE *out, const struct command *command);
void manual_print_program(FILE *out);

enum { N_SHELLS = 3 };
extern const char *const manual_shells[N_SHELLS]; /* bash, zsh, fish */

/* The file that one of these shells reads: bash-completion's jacquard, zsh's _jacquard, fish's jacquard.fish. */
void manual_print_completions(FILE *out, const char *shell);

#endif
