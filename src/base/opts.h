/* opts: command lines from a table: the same table parses and prints the help. */
#ifndef JACQUARD_BASE_OPTS_H
#define JACQUARD_BASE_OPTS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct opt {
    const char *name;     /* without dashes; NULL ends the table */
    char letter;          /* or 0 */
    const char *argument; /* what the help calls its argument; NULL: takes none */
    const char *help;     /* may have several lines; NULL: not shown, an older name */
};

/* Handles option number `which` of the table. */
typedef enum status opts_handler(void *context, int which, const char *argument);

/* Parses argv[1..]; operands may stand anywhere, "--" ends the options. Fills operand[] (at most max_operands, else
 * ST_USAGE) and *n_operands. Messages name the command: "jacquard COMMAND --help" tells more. */
enum status opts_parse(const char *command, const struct opt *table, int argc, char **argv, opts_handler *handle,
                       void *context, const char **operand, int max_operands, int *n_operands);

/* The help: all rows, or rows first to last. */
void opts_print(const struct opt *table);
void opts_print_rows(const struct opt *table, int first, int last);

/* Strict readers of arguments: the whole text, in range, or ST_USAGE naming the option. */
enum status opts_int(const char *option, const char *text, int64_t low, int64_t high, int64_t *value);
enum status opts_int32(const char *option, const char *text, int32_t low, int32_t high, int32_t *value);
enum status opts_positive(const char *option, const char *text, double *value);
/* 90, 90s, 1.5m, 12h, 2d, 30:00 (m:s), 1:30:00 (h:m:s), above 0. */
enum status opts_duration(const char *option, const char *text, double *seconds);
/* 512M, 1.5G, 1048576: K, M, G and T are powers of 1024. A whole number from 1 to 2^53. */
enum status opts_bytes(const char *option, const char *text, double *bytes);
/* The name of a picture to be written: ST_USAGE where its suffix is that of another kind than PNG. Keeps text. */
enum status opts_picture(const char *option, const char *text, const char **path);
/* The index of text among names[n]. */
enum status opts_choice(const char *option, const char *text, const char *const *names, int n, int *value);

#endif
