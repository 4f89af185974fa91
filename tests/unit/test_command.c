/* test_command: the tables of all commands, and what is made of them: help, manual pages, completions. */
#include "cli/command.h"

#include "barcode/settings.h"
#include "cli/manual.h"
#include "haar/model/model.h"
#include "unit/test.h"

#include <ctype.h>

/* What `print` prints: heap. */
static char *printed(void (*print)(FILE *out, const void *what), const void *what)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);

    print(out, what);
    fclose(out);
    return text;
}

static void print_help(FILE *out, const void *command)
{
    command_print_help(out, command);
}

static void print_page(FILE *out, const void *command)
{
    if (command)
        manual_print_command(out, command);
    else
        manual_print_program(out);
}

static void print_completions(FILE *out, const void *shell)
{
    manual_print_completions(out, shell);
}

/* As a word of its own, with nothing that goes on behind it. */
static bool has_word(const char *text, const char *word)
{
    const size_t n = strlen(word);

    for (const char *at = text; (at = strstr(at, word)); at += n)
        if ((at == text || !isalnum((unsigned char)at[-1])) && !isalnum((unsigned char)at[n]) && at[n] != '-')
            return true;
    return false;
}

/* The part of a completion file that is about a command and a row, as each shell has it. */
static bool is_completed(const char *shell, const char *text, const struct command *command, const struct opt *row)
{
    char wanted[128];

    if (strcmp(shell, "fish") == 0) {
        snprintf(wanted, sizeof wanted, "'__fish_seen_subcommand_from %s' -l %s ", command->name, row->name);
        return strstr(text, wanted) != NULL;
    }
    snprintf(wanted, sizeof wanted, strcmp(shell, "bash") == 0 ? "            %s) words='" : "\n%s)\n", command->name);
    const char *begin = strstr(text, wanted), *end = begin ? strstr(begin, ";;") : NULL;
    char *part = begin && end ? strndup(begin, (size_t)(end - begin)) : strdup("");
    snprintf(wanted, sizeof wanted, "--%s", row->name);
    const bool is_there = has_word(part, wanted);
    free(part);
    return is_there;
}

static void check_row(const struct command *command, const struct opt *row, char *const completions[N_SHELLS])
{
    char name[64], escaped[96] = "";
    char *help = printed(print_help, command), *page = printed(print_page, command);

    snprintf(name, sizeof name, "--%s", row->name);
    for (const char *c = name; *c; c++)
        snprintf(escaped + strlen(escaped), 3, *c == '-' ? "\\-" : "%c", *c);
    if (!CHECK_INT(has_word(help, name), row->help != NULL) ||
        !CHECK_INT(strstr(page, escaped) != NULL, row->help != NULL))
        printf("    %s %s\n", command->name, name);
    for (int s = 0; s < N_SHELLS; s++)
        if (!CHECK_INT(is_completed(manual_shells[s], completions[s], command, row), row->help != NULL))
            printf("    %s: %s %s\n", manual_shells[s], command->name, name);
    free(page);
    free(help);
}

/* No name and no letter twice; what an option excludes is there. */
static void check_names(const struct command *command, const struct opt *const *row, int n)
{
    for (int i = 0; i < n; i++) {
        bool is_there = row[i]->excludes == NULL;
        for (int j = 0; j < n; j++) {
            CHECK(i == j || strcmp(row[i]->name, row[j]->name) != 0);
            CHECK(i == j || row[i]->letter == 0 || row[i]->letter != row[j]->letter);
            is_there |= row[i]->excludes && strcmp(row[j]->name, row[i]->excludes) == 0;
        }
        if (!CHECK(is_there) || !CHECK(strcmp(row[i]->name, "help") != 0 && row[i]->letter != 'h'))
            printf("    %s --%s\n", command->name, row[i]->name);
        CHECK((row[i]->kind == OPT_FLAG) == (row[i]->argument == NULL));
    }
}

static void test_rows(void)
{
    char *completions[N_SHELLS];
    int n_rows = 0;

    for (int s = 0; s < N_SHELLS; s++)
        completions[s] = printed(print_completions, manual_shells[s]);
    for (int i = 0; commands[i]; i++) {
        char *options = calloc(1, commands[i]->options_bytes + 1), *argv[] = {(char *)commands[i]->name, NULL};
        struct opts_line line = {0};
        if (!CHECK_INT(opts_parse(commands[i]->name, commands[i]->groups, options, 1, argv, 0, &line), ST_OK))
            printf("    %s: %s\n", commands[i]->name, status_message()); /* its defaults */
        check_names(commands[i], line.row, line.n_rows);
        for (int r = 0; r < line.n_rows; r++)
            check_row(commands[i], line.row[r], completions);
        n_rows += line.n_rows;
        CHECK(command_find(commands[i]->name) == commands[i]);
        free(options);
    }
    CHECK(n_rows > 100);
    CHECK(command_find("") == NULL && command_find("barcod") == NULL);
    for (int s = 0; s < N_SHELLS; s++)
        free(completions[s]);
}

/* What decides bytes is an option or found out, and stands in the side-car or the model. */
static void test_keys(void)
{
    const struct barcode_settings settings = {.kmeans.k = 8, .n_strips = 1};
    char *text = barcode_settings_text(&settings), quoted[64];
    int n = 0;

    for (int t = 0; barcode_settings_tables[t]; t++)
        for (const struct opt *row = barcode_settings_tables[t]; row->kind != OPT_END; row++)
            if (row->key) {
                snprintf(quoted, sizeof quoted, "\"%s\":", row->key);
                CHECK(row->may_lack || strstr(text, quoted) != NULL);
                n++;
            }
    CHECK_INT(n, 24);
    free(text);

    struct model model = {.width = 1, .height = 1, .n_classes = 2, .settings = {.sketch = 1}};
    CHECK_INT(model_add_member(&model, 1), ST_OK);
    CHECK_INT(model_write(&model, test_path("model"), true), ST_OK);
    size_t bytes;
    text = test_read(test_path("model"), &bytes);
    n = 0;
    for (const struct opt *row = model_rows; row->kind != OPT_END; row++)
        if (row->key) {
            snprintf(quoted, sizeof quoted, "\n%s ", row->key);
            CHECK(strstr(text, quoted) != NULL);
            n++;
        }
    CHECK_INT(n, 18);
    free(text);
    model_release(&model);
}

/* ---- the pages and files as others read them ---- */

static void check_silent(const char *command)
{
    char line[256], said[512] = "";
    FILE *out = popen(command, "r");

    while (out && fgets(line, sizeof line, out))
        snprintf(said + strlen(said), sizeof said - strlen(said), "%s", line);
    if (!CHECK(out != NULL) || !CHECK_INT(pclose(out), 0) || !CHECK_STR(said, ""))
        printf("    %s\n", command);
}

static void write_printed(const char *path, void (*print)(FILE *out, const void *what), const void *what)
{
    char *text = printed(print, what);

    test_write(path, text, strlen(text));
    free(text);
}

static void test_pages(void)
{
    char command[1024];

    if (system("command -v groff >/dev/null") != 0)
        return;
    for (int i = -1; i < 0 || commands[i]; i++) {
        write_printed(test_path("page.1"), print_page, i < 0 ? NULL : commands[i]);
        snprintf(command, sizeof command, "groff -man -ww -b -z '%s' 2>&1", test_path("page.1"));
        check_silent(command);
    }
}

/* Each shell that is here reads its file. */
static void test_syntax(void)
{
    char command[1024];

    for (int s = 0; s < N_SHELLS; s++) {
        write_printed(test_path("completions"), print_completions, manual_shells[s]);
        snprintf(command, sizeof command, "! command -v %s >/dev/null || %s -n '%s' 2>&1", manual_shells[s],
                 manual_shells[s], test_path("completions"));
        check_silent(command);
    }
}

/* What bash offers for the last word of a line, with commas between. */
static void check_bash(const char *words, int n, const char *wanted)
{
    char command[1024], line[4096] = "";

    snprintf(command, sizeof command,
             "cd '%s' && bash -c '. ./jacquard.bash; COMP_WORDS=(%s); COMP_CWORD=%d; _jacquard; IFS=,; echo "
             "\"${COMPREPLY[*]}\"'",
             test_folder(), words, n - 1);
    FILE *out = popen(command, "r");
    CHECK(out && fgets(line, sizeof line, out) != NULL);
    CHECK_INT(out ? pclose(out) : 1, 0);
    line[strcspn(line, "\n")] = '\0';
    CHECK_STR(line, wanted);
}

static void test_bash(void)
{
    write_printed(test_path("jacquard.bash"), print_completions, "bash");
    test_write(test_path("film.mkv"), "", 0);
    check_bash("jacquard bar", 2, "barcode");
    check_bash("jacquard e", 2, "evaluate,export");
    check_bash("jacquard barcode --sa", 3, "--sampling");
    check_bash("jacquard barcode film.mkv --order \"\"", 5, "share,lightness,hue,flow");
    check_bash("jacquard barcode --order l", 4, "lightness");
    check_bash("jacquard catalog --lan", 3, "");
    check_bash("jacquard train --search e", 4, "");
    check_bash("jacquard barcode fi", 3, "film.mkv");
    check_bash("jacquard barcode --backend cu", 4, "cuda");
    check_bash("jacquard info --completions \"\"", 4, "bash,zsh,fish");
}

int main(void)
{
    test_rows();
    test_keys();
    test_pages();
    test_syntax();
    test_bash();
    return test_end();
}
