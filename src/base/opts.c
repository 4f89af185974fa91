#include "base/opts.h"

#include "base/number.h"

#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { MAX_OPTIONS = 64, FIRST_LONG = 256 };

/* The tables getopt_long wants. */
struct tables {
    struct option longs[MAX_OPTIONS + 1];
    char shorts[2 * MAX_OPTIONS + 3];
    int n;
};

static void make_tables(const struct opt *table, struct tables *t)
{
    char *s = t->shorts;

    memset(t, 0, sizeof *t);
    *s++ = ':'; /* tell a missing argument from an unknown option */
    for (; table[t->n].name && t->n < MAX_OPTIONS; t->n++) {
        const struct opt *o = &table[t->n];
        t->longs[t->n] =
            (struct option){o->name, o->argument ? required_argument : no_argument, NULL, FIRST_LONG + t->n};
        if (o->letter) {
            *s++ = o->letter;
            if (o->argument)
                *s++ = ':';
        }
    }
}

static int which_option(const struct opt *table, int code)
{
    if (code >= FIRST_LONG)
        return code - FIRST_LONG;
    for (int i = 0; table[i].name; i++)
        if (table[i].letter == code)
            return i;
    return -1;
}

enum status opts_parse(const char *command, const struct opt *table, int argc, char **argv, opts_handler *handle,
                       void *context, const char **operand, int max_operands, int *n_operands)
{
    struct tables t;
    int code;

    make_tables(table, &t);
    *n_operands = 0;
    opterr = 0;
    optind = 0; /* GNU: start afresh */
    while ((code = getopt_long(argc, argv, t.shorts, t.longs, NULL)) != -1) {
        if (code == ':')
            return FAIL(ST_USAGE, "%s needs an argument (see: jacquard %s --help)", argv[optind - 1], command);
        if (code == '?' && optopt && optopt < FIRST_LONG)
            return FAIL(ST_USAGE, "unknown option -%c (see: jacquard %s --help)", optopt, command);
        if (code == '?')
            return FAIL(ST_USAGE, "unknown option %s, or an argument where none belongs (see: jacquard %s --help)",
                        argv[optind - 1], command);
        TRY(handle(context, which_option(table, code), optarg));
    }
    for (; optind < argc; optind++) {
        if (*n_operands == max_operands)
            return FAIL(ST_USAGE, "too many arguments: %s (see: jacquard %s --help)", argv[optind], command);
        operand[(*n_operands)++] = argv[optind];
    }
    return ST_OK;
}

static void print_row(const struct opt *row)
{
    char head[64];
    const char *line = row->help;
    int used = row->letter ? snprintf(head, sizeof head, "  -%c, --%s", row->letter, row->name)
                           : snprintf(head, sizeof head, "      --%s", row->name);

    if (row->argument)
        snprintf(head + used, sizeof head - (size_t)used, " %s", row->argument);
    for (const char *shown = head; line; shown = "") {
        const char *end = strchr(line, '\n');
        const int n = end ? (int)(end - line) : (int)strlen(line);
        if (strlen(shown) > 27)
            printf("%s\n%-28s%.*s\n", shown, "", n, line);
        else
            printf("%-28s%.*s\n", shown, n, line);
        line = end ? end + 1 : NULL;
    }
}

void opts_print(const struct opt *table)
{
    for (; table->name; table++)
        if (table->help)
            print_row(table);
}

void opts_print_rows(const struct opt *table, int first, int last)
{
    for (int i = first; i <= last; i++)
        print_row(&table[i]);
}

enum status opts_int(const char *option, const char *text, int64_t low, int64_t high, int64_t *value)
{
    if (!number_read_int(text, low, high, value))
        return FAIL(ST_USAGE, "%s %s: a whole number from %lld to %lld is wanted", option, text, (long long)low,
                    (long long)high);
    return ST_OK;
}

enum status opts_int32(const char *option, const char *text, int32_t low, int32_t high, int32_t *value)
{
    int64_t wide = 0;

    TRY(opts_int(option, text, low, high, &wide));
    *value = (int32_t)wide;
    return ST_OK;
}

enum status opts_positive(const char *option, const char *text, double *value)
{
    if (!number_read_real(text, value) || *value <= 0.0)
        return FAIL(ST_USAGE, "%s %s: a number above 0 is wanted", option, text);
    return ST_OK;
}

/* NULL: none. */
static const char *read_decimal(const char *text, double *value)
{
    return number_next_decimal(&text, value) ? text : NULL;
}

/* m:s or h:m:s; all but the seconds are whole, all but the first are below 60. */
static bool read_clock(const char *text, double *seconds)
{
    double total = 0.0, part;

    for (int n = 1; n <= 3; n++) {
        const char *end = read_decimal(text, &part);
        if (!end || (n > 1 && part >= 60.0))
            return false;
        total = 60.0 * total + part;
        if (*end == '\0') {
            *seconds = total;
            return n > 1;
        }
        if (*end != ':' || part != floor(part))
            return false;
        text = end + 1;
    }
    return false;
}

enum status opts_duration(const char *option, const char *text, double *seconds)
{
    static const double unit_seconds[] = {1.0, 60.0, 3600.0, 86400.0};
    static const char units[] = "smhd";
    const char *end = read_decimal(text, seconds);
    bool is_read = end && *end == '\0';

    if (end && *end && end[1] == '\0' && strchr(units, *end)) {
        *seconds *= unit_seconds[strchr(units, *end) - units];
        is_read = true;
    }
    if ((!is_read && !read_clock(text, seconds)) || !isfinite(*seconds) || *seconds <= 0.0)
        return FAIL(ST_USAGE, "%s %s: a time above 0 is wanted: 90, 90s, 15m, 12h, 2d, or [h:]m:s (1:30:00)", option,
                    text);
    return ST_OK;
}

enum status opts_bytes(const char *option, const char *text, double *bytes)
{
    static const char units[] = "KMGTkmgt";
    const char *end = read_decimal(text, bytes);
    bool is_read = end && *end == '\0';

    if (end && *end && end[1] == '\0' && strchr(units, *end)) {
        *bytes = floor(ldexp(*bytes, 10 * (1 + (int)(strchr(units, *end) - units) % 4)));
        is_read = true;
    }
    if (!is_read || *bytes != floor(*bytes) || *bytes < 1.0 || *bytes > 0x1p53)
        return FAIL(ST_USAGE, "%s %s: a number of bytes is wanted, like 512M or 2G (K, M, G, T)", option, text);
    return ST_OK;
}

enum status opts_picture(const char *option, const char *text, const char **path)
{
    static const char *const others[] = {"jpg",  "jpeg", "jpe",  "jfif", "webp", "gif", "tif", "tiff", "bmp",
                                         "heic", "heif", "avif", "jxl",  "jp2",  "ppm", "pgm", "pnm",  "tga",
                                         "exr",  "psd",  "ico",  "svg",  "pdf",  "eps", "ps"};
    const char *slash = strrchr(text, '/'), *dot = strrchr(slash ? slash : text, '.');

    for (size_t i = 0; dot && i < sizeof others / sizeof *others; i++)
        if (strcasecmp(dot + 1, others[i]) == 0)
            return FAIL(ST_USAGE, "%s %s: pictures are written as PNG: a name that ends in .png is wanted", option,
                        text);
    *path = text;
    return ST_OK;
}

enum status opts_choice(const char *option, const char *text, const char *const *names, int n, int *value)
{
    char all[256] = "";

    for (*value = 0; *value < n; ++*value) {
        if (strcmp(text, names[*value]) == 0)
            return ST_OK;
        const size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", *value ? ", " : "", names[*value]);
    }
    return FAIL(ST_USAGE, "%s %s: one of %s is wanted", option, text, all);
}
