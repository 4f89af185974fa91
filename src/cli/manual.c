#include "cli/manual.h"

#include <string.h>

const char *const manual_shells[N_SHELLS] = {"bash", "zsh", "fish"};

/* The command's rows that are shown: so many of row[]. */
static int list_rows(const struct command *command, const struct opt *row[OPTS_MAX])
{
    int n = 0;

    for (const struct opt_group *group = command->groups; group->title; group++)
        for (const struct opt *r = group->rows; r->kind != OPT_END && n < OPTS_MAX; r++)
            if (r->name && r->help)
                row[n++] = r;
    return n;
}

/* ---- manual pages ---- */

/* Text as roff shows it as it is; '\n' begins a line. */
static void print_escaped(FILE *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (c == text || c[-1] == '\n')
            fputs(c == text ? "" : ".br\n", out);
        if ((c == text || c[-1] == '\n') && (*c == '.' || *c == '\''))
            fputs("\\&", out); /* else a request */
        fprintf(out, *c == '\\' ? "\\e" : *c == '-' ? "\\-" : "%c", *c);
    }
}

static void print_line(FILE *out, const char *text)
{
    print_escaped(out, text);
    fputc('\n', out);
}

static void print_head(FILE *out, const char *name, const char *summary)
{
    fputs(".TH ", out);
    for (const char *c = name; *c; c++)
        fputc(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c, out);
    fprintf(out, " 1 \"\" \"jacquard " JACQUARD_VERSION "\"\n.SH NAME\n");
    print_line(out, name);
    fputs("\\- ", out);
    print_line(out, summary);
}

static void print_section(FILE *out, const char *title, const char *text)
{
    fprintf(out, ".SH %s\n", title);
    print_line(out, text);
}

static void print_option(FILE *out, const struct opt *row)
{
    char text[1024];

    fputs(".TP\n", out);
    if (row->letter)
        fprintf(out, "\\fB\\-%c\\fR, ", row->letter);
    fputs("\\fB\\-\\-", out);
    print_escaped(out, row->name);
    fputs("\\fR", out);
    if (row->argument)
        fprintf(out, " \\fI%s\\fR", row->argument);
    fputs("\n", out);
    opts_describe(row, text, sizeof text);
    print_line(out, text);
}

void manual_print_command(FILE *out, const struct command *command)
{
    char text[256];

    snprintf(text, sizeof text, "jacquard-%s", command->name);
    print_head(out, text, command->summary);
    snprintf(text, sizeof text, "jacquard %s %s", command->name, command->usage);
    print_section(out, "SYNOPSIS", text);
    print_section(out, "DESCRIPTION", command->description);
    fputs(".SH OPTIONS\n", out);
    for (const struct opt_group *group = command->groups; group->title; group++) {
        if (command->groups[1].title)
            fprintf(out, ".SS %s\n", group->title);
        for (const struct opt *row = group->rows; row->kind != OPT_END; row++)
            if (row->name && row->help)
                print_option(out, row);
    }
    if (command->closing)
        print_section(out, "NOTES", command->closing);
    print_section(out, "SEE ALSO", "jacquard(1)");
}

void manual_print_program(FILE *out)
{
    print_head(out, "jacquard", "films become barcodes, labelled images become classifiers");
    print_section(out, "SYNOPSIS", "jacquard COMMAND ...\nmpirun -n N jacquard COMMAND ...");
    fputs(".SH COMMANDS\n", out);
    for (int i = 0; commands[i]; i++) {
        fprintf(out, ".TP\n.BR jacquard\\-%s (1)\n", commands[i]->name);
        print_line(out, commands[i]->summary);
    }
    print_section(out, "EXIT STATUS", COMMAND_EXIT_CODES);
}

/* ---- completions ---- */

static void print_names(FILE *out, const struct opt *row)
{
    for (int i = 0; i < row->n_names; i++)
        fprintf(out, "%s%s", i > 0 ? " " : "", row->names[i]);
}

static bool has_words(const struct opt *row)
{
    return row->argument && row->n_names > 0;
}

static void print_command_names(FILE *out)
{
    for (int i = 0; commands[i]; i++)
        fprintf(out, "%s ", commands[i]->name);
}

/* What may follow a command's options. */
static void print_bash_values(FILE *out, const struct command *command)
{
    const struct opt *row[OPTS_MAX];
    const int n = list_rows(command, row);

    for (int i = 0; i < n; i++)
        if (has_words(row[i])) {
            fprintf(out, "        %s--%s) words='", command->name, row[i]->name);
            print_names(out, row[i]);
            fputs("' ;;\n", out);
        }
}

static void print_bash_options(FILE *out, const struct command *command)
{
    const struct opt *row[OPTS_MAX];
    const int n = list_rows(command, row);

    fprintf(out, "            %s) words='--help", command->name);
    for (int i = 0; i < n; i++)
        fprintf(out, " --%s", row[i]->name);
    fputs("' ;;\n", out);
}

static void print_bash(FILE *out)
{
    fputs("# bash completion for jacquard\n"
          "_jacquard() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} words=\n"
          "    if ((COMP_CWORD == 1)); then\n"
          "        COMPREPLY=($(compgen -W '",
          out);
    print_command_names(out);
    fputs("--help --version' -- \"$cur\"))\n"
          "        return\n"
          "    fi\n"
          "    case ${COMP_WORDS[1]}${COMP_WORDS[COMP_CWORD - 1]} in\n",
          out);
    for (int i = 0; commands[i]; i++)
        print_bash_values(out, commands[i]);
    fputs("    esac\n"
          "    if [[ -z $words && $cur == -* ]]; then\n"
          "        case ${COMP_WORDS[1]} in\n",
          out);
    for (int i = 0; commands[i]; i++)
        print_bash_options(out, commands[i]);
    fputs("        esac\n"
          "    fi\n"
          "    if [[ $words ]]; then\n"
          "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
          "    else\n"
          "        COMPREPLY=($(compgen -f -- \"$cur\"))\n"
          "    fi\n"
          "}\n"
          "complete -o filenames -F _jacquard jacquard\n",
          out);
}

/* Inside single quotes of zsh and fish; `signs` have a backslash before them. */
static void print_quoted(FILE *out, const char *text, const char *signs)
{
    for (; *text; text++)
        fprintf(out, *text == '\'' ? "'\\''" : strchr(signs, *text) ? "\\%c" : "%c", *text);
}

static void print_zsh_option(FILE *out, const struct opt *row)
{
    if (row->letter)
        fprintf(out, " \\\n        '(-%c --%s)'{-%c,--%s}'[", row->letter, row->name, row->letter, row->name);
    else
        fprintf(out, " \\\n        '--%s[", row->name);
    print_quoted(out, row->help, "[]:\\");
    fputs("]", out);
    if (row->argument) {
        fputs(":", out);
        print_quoted(out, row->argument, "[]:\\");
        fputs(has_words(row) ? ":(" : ":_files", out);
        if (has_words(row))
            print_names(out, row);
        fputs(has_words(row) ? ")" : "", out);
    }
    fputs("'", out);
}

static void print_zsh(FILE *out)
{
    const struct opt *row[OPTS_MAX];

    fputs("#compdef jacquard\n"
          "if ((CURRENT == 2)); then\n"
          "    _values command",
          out);
    for (int i = 0; commands[i]; i++) {
        fprintf(out, " \\\n        '%s[", commands[i]->name);
        print_quoted(out, commands[i]->summary, "[]:\\");
        fputs("]'", out);
    }
    fputs("\n    return\n"
          "fi\n"
          "shift words\n"
          "((CURRENT--))\n"
          "case $words[1] in\n",
          out);
    for (int i = 0; commands[i]; i++) {
        const int n = list_rows(commands[i], row);
        fprintf(out, "%s)\n    _arguments -s '(-h --help)'{-h,--help}'[this]'", commands[i]->name);
        for (int r = 0; r < n; r++)
            print_zsh_option(out, row[r]);
        fputs(" \\\n        '*:file:_files'\n    ;;\n", out);
    }
    fputs("esac\n", out);
}

static void print_fish_option(FILE *out, const struct command *command, const struct opt *row)
{
    fprintf(out, "complete -c jacquard -n '__fish_seen_subcommand_from %s' -l %s", command->name, row->name);
    if (row->letter)
        fprintf(out, " -s %c", row->letter);
    if (has_words(row)) {
        fputs(" -x -a '", out);
        print_names(out, row);
        fputs("'", out);
    } else if (row->argument) {
        fputs(" -r", out);
    }
    fputs(" -d '", out);
    print_quoted(out, row->help, "\\");
    fputs("'\n", out);
}

static void print_fish(FILE *out)
{
    const struct opt *row[OPTS_MAX];

    fputs("# fish completion for jacquard\n", out);
    for (int i = 0; commands[i]; i++) {
        const int n = list_rows(commands[i], row);
        fprintf(out, "complete -c jacquard -n __fish_use_subcommand -f -a %s -d '", commands[i]->name);
        print_quoted(out, commands[i]->summary, "\\");
        fputs("'\n", out);
        for (int r = 0; r < n; r++)
            print_fish_option(out, commands[i], row[r]);
    }
}

void manual_print_completions(FILE *out, const char *shell)
{
    if (strcmp(shell, "bash") == 0)
        print_bash(out);
    else if (strcmp(shell, "zsh") == 0)
        print_zsh(out);
    else
        print_fish(out);
}
