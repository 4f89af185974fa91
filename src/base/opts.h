/* opts: settings and options as rows of tables. A row says once where a value lies in its struct, what values it may
 * have, what its default is, what the command line calls it, and by what key files hold it. From the rows come: reading
 * command lines, defaults, help (and, in cli/manual.h, man pages and completions), values as text, comparisons. Local.
 */
#ifndef JACQUARD_BASE_OPTS_H
#define JACQUARD_BASE_OPTS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* By the member that it fills. */
enum opt_kind {
    OPT_END,      /* none: behind the last row */
    OPT_FLAG,     /* an integer, 1 where it is given: takes no argument */
    OPT_INT,      /* an integer from low to high */
    OPT_CHOICE,   /* an integer, the index of one of the names */
    OPT_PAIR,     /* int [2], or two that stand side by side: "480x270", each from low to high */
    OPT_REAL,     /* double, above 0 */
    OPT_DURATION, /* double, seconds, above 0: 90, 90s, 1.5m, 12h, 2d, 30:00 (m:s), 1:30:00 (h:m:s) */
    OPT_BYTES,    /* double, whole, 1 to 2^53: 1048576, 512M, 1.5G: K, M, G and T are powers of 1024 */
    OPT_NAME,     /* const char *, one of the names */
    OPT_TEXT,     /* const char *, any: the argument itself */
    OPT_PICTURE,  /* const char *, a picture to be written: no suffix of another kind than PNG */
    OPT_CUSTOM    /* what `parse` (and `print`) makes of it */
};

/* An integer here is a member of 1, 4 or 8 bytes: bool and enums too. */
struct opt {
    enum opt_kind kind;
    /* On the command line. */
    const char *name;     /* without dashes; NULL: not on the command line */
    char letter;          /* or 0 */
    const char *argument; /* what the help calls its argument; NULL: takes none */
    const char *help;    /* one line of any length, without the names and the default; NULL: not shown, an older name */
    const char *initial; /* the default, as an argument; NULL: the member stays 0 */
    const char *excludes; /* the name of an option that cannot be given beside it */
    /* Where not NULL it reads the argument, whatever the kind. */
    enum status (*parse)(const struct opt *row, const char *text, void *base);
    /* The value; base is the struct that the table is about. */
    size_t offset, bytes; /* of the member: OPT_AT */
    int64_t low, high;    /* of OPT_INT and OPT_PAIR */
    const char *const *names;
    int n_names; /* of OPT_CHOICE and OPT_NAME; of a flag, what 0 and 1 are called; else examples for the help */
    /* In files: what decides the bytes of a result. */
    const char *key; /* NULL: not there */
    uint64_t most;   /* not 0: files hold 0 (1 where may_lack) to this, whatever low and high say */
    bool may_lack;   /* a value of 0 is not written */
    void (*print)(const struct opt *row, const void *base, char *text, size_t room); /* of OPT_CUSTOM: as JSON */
};

#define OPT_AT(type, member) .offset = offsetof(type, member), .bytes = sizeof(((type *)NULL)->member)
#define OPT_NAMES(array) .names = (array), .n_names = (int)(sizeof(array) / sizeof *(array))

/* Some of a command's rows under a title; `at`: where their struct lies in the command's. A title of NULL ends. */
struct opt_group {
    const char *title;
    const struct opt *rows;
    size_t at;
};

enum { OPTS_MAX = 64 }; /* of a command */

/* What a command line said. */
struct opts_line {
    const char **operand; /* caller's */
    int n_operands, n_rows;
    const struct opt *row[OPTS_MAX]; /* [n_rows] all that there are */
    bool is_given[OPTS_MAX], wants_help;
};

/* Sets each row's default. ST_BUG where it is not one of its values. */
enum status opts_init(const struct opt *rows, void *base);

/* Initial arguments, then argv[1..], which are shuffled; operands may stand anywhere, "--" ends the options; -h and
 * --help are understood everywhere. Fills *line and line->operand[] (at most max_operands, else ST_USAGE). Texts are
 * kept as pointers into argv and rows. Messages name the command: "jacquard COMMAND --help" tells more. */
enum status opts_parse(const char *command, const struct opt_group *groups, void *base, int argc, char **argv,
                       int max_operands, struct opts_line *line);

/* What the help says of a row, on one line: its help, the names if there are several, its initial argument. */
void opts_describe(const struct opt *row, char *text, size_t room);
/* The group's rows, each with its description, as a terminal shows them. */
void opts_print(FILE *out, const struct opt_group *group);

/* Prints lines of at most `width` bytes; all but the first are indented. */
void opts_wrap(FILE *out, const char *text, int indent, int width);

/* A row's argument, strictly: the whole text, in range, or ST_USAGE naming option and text and what is wanted. */
enum status opts_set(const struct opt *row, const char *text, void *base);

/* An integer member. */
uint64_t opts_number(const struct opt *row, const void *base);
void opts_set_number(const struct opt *row, void *base, uint64_t value);
/* What files may hold of an integer. */
void opts_range(const struct opt *row, uint64_t *least, uint64_t *most);

/* The value as files have it: numbers, names; as JSON, names in quotes, flags as true and false. */
void opts_text(const struct opt *row, const void *base, bool as_json, char *text, size_t room);

/* The first row with a key whose values differ in a and b, NULL where there is none. */
const struct opt *opts_difference(const struct opt *rows, const void *a, const void *b);

/* Readers for `parse`. */
enum status opts_int(const char *option, const char *text, int64_t low, int64_t high, int64_t *value);
enum status opts_positive(const char *option, const char *text, double *value);
enum status opts_duration(const char *option, const char *text, double *seconds);
enum status opts_choice(const char *option, const char *text, const char *const *names, int n, int *value);

#endif
