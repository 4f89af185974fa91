#include "base/opts.h"

#include "base/number.h"

#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { FIRST_LONG = 256, HELP = FIRST_LONG + OPTS_MAX, COLUMN = 28, WIDTH = 118 };

/* ---- the command line ---- */

/* The tables getopt_long wants, and where each row's struct is. */
struct tables {
    struct option longs[OPTS_MAX + 2];
    char shorts[2 * OPTS_MAX + 4];
    void *base[OPTS_MAX];
};

static enum status make_tables(const struct opt_group *groups, void *base, struct tables *t, struct opts_line *line)
{
    char *s = t->shorts;

    memset(t, 0, sizeof *t);
    *s++ = ':'; /* tell a missing argument from an unknown option */
    *s++ = 'h';
    for (; groups->title; groups++)
        for (const struct opt *o = groups->rows; o->kind != OPT_END; o++) {
            const int n = line->n_rows;
            if (!o->name)
                continue;
            if (n == OPTS_MAX)
                return FAIL(ST_BUG, "--%s: more than %d options", o->name, OPTS_MAX);
            t->longs[n] = (struct option){o->name, o->argument ? required_argument : no_argument, NULL, FIRST_LONG + n};
            t->base[n] = (char *)base + groups->at;
            line->row[line->n_rows++] = o;
            if (o->letter) {
                *s++ = o->letter;
                if (o->argument)
                    *s++ = ':';
            }
        }
    t->longs[line->n_rows] = (struct option){"help", no_argument, NULL, HELP};
    return ST_OK;
}

static int which_option(const struct opts_line *line, int code)
{
    for (int i = 0; code < FIRST_LONG && i < line->n_rows; i++)
        if (line->row[i]->letter == code)
            return i;
    return code - FIRST_LONG;
}

static enum status check_excludes(const struct opts_line *line)
{
    for (int i = 0; i < line->n_rows; i++)
        for (int j = 0; line->is_given[i] && line->row[i]->excludes && j < line->n_rows; j++)
            if (line->is_given[j] && strcmp(line->row[j]->name, line->row[i]->excludes) == 0)
                return FAIL(ST_USAGE, "--%s and --%s exclude each other", line->row[j]->name, line->row[i]->name);
    return ST_OK;
}

static enum status parse_words(const char *command, const struct tables *t, int argc, char **argv,
                               struct opts_line *line)
{
    int code;

    opterr = 0;
    optind = 0; /* GNU: start afresh */
    while ((code = getopt_long(argc, argv, t->shorts, t->longs, NULL)) != -1) {
        if (code == ':')
            return FAIL(ST_USAGE, "%s needs an argument (see: jacquard %s --help)", argv[optind - 1], command);
        if (code == '?' && optopt && optopt < FIRST_LONG)
            return FAIL(ST_USAGE, "unknown option -%c (see: jacquard %s --help)", optopt, command);
        if (code == '?')
            return FAIL(ST_USAGE, "unknown option %s, or an argument where none belongs (see: jacquard %s --help)",
                        argv[optind - 1], command);
        if (code == 'h' || code == HELP) {
            line->wants_help = true;
            continue;
        }
        const int which = which_option(line, code);
        line->is_given[which] = true;
        TRY(opts_set(line->row[which], optarg, t->base[which]));
    }
    return ST_OK;
}

enum status opts_parse(const char *command, const struct opt_group *groups, void *base, int argc, char **argv,
                       int max_operands, struct opts_line *line)
{
    struct tables t;

    *line = (struct opts_line){.operand = line->operand};
    TRY(make_tables(groups, base, &t, line));
    for (; groups->title; groups++)
        TRY(opts_init(groups->rows, (char *)base + groups->at));
    TRY(parse_words(command, &t, argc, argv, line));
    for (; optind < argc && !line->wants_help; optind++) {
        if (line->n_operands == max_operands)
            return FAIL(ST_USAGE, "too many arguments: %s (see: jacquard %s --help)", argv[optind], command);
        line->operand[line->n_operands++] = argv[optind];
    }
    return line->wants_help ? ST_OK : check_excludes(line);
}

enum status opts_init(const struct opt *rows, void *base)
{
    for (; rows->kind != OPT_END; rows++)
        if (rows->initial && opts_set(rows, rows->initial, base) != ST_OK)
            return FAIL(ST_BUG, "the default of --%s is not one of its values: %s", rows->name, rows->initial);
    return ST_OK;
}

/* ---- the help ---- */

void opts_describe(const struct opt *row, char *text, size_t room)
{
    size_t used = (size_t)snprintf(text, room, "%s", row->help);

    for (int i = 0; row->n_names > 1 && i < row->n_names && row->argument && used < room; i++)
        used += (size_t)snprintf(text + used, room - used, "%s%s%s", i > 0 ? ", " : ": ", row->names[i],
                                 row->initial && strcmp(row->initial, row->names[i]) == 0 ? " (default)" : "");
    if (row->initial && row->n_names == 0 && used < room)
        snprintf(text + used, room - used, " (default %s)", row->initial);
}

void opts_wrap(FILE *out, const char *text, int indent, int width)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        if (n > (size_t)width)
            for (n = (size_t)width; n > 0 && text[n] != ' ';)
                n--;
        n = n > 0 ? n : strcspn(text, " \n"); /* one long word */
        fprintf(out, "%.*s\n", (int)n, text);
        text += n + (text[n] != '\0');
        fprintf(out, "%*s", *text ? indent : 0, "");
    }
}

static void print_row(FILE *out, const struct opt *row)
{
    const char letter[] = {'-', row->letter, ',', '\0'};
    char head[64], text[1024];
    const int n = snprintf(head, sizeof head, "  %-3s --%s %s", row->letter ? letter : "", row->name,
                           row->argument ? row->argument : "");

    opts_describe(row, text, sizeof text);
    fprintf(out, n >= COLUMN ? "%s\n%*s" : "%s%*s", head, n >= COLUMN ? COLUMN : COLUMN - n, "");
    opts_wrap(out, text, COLUMN, WIDTH - COLUMN);
}

void opts_print(FILE *out, const struct opt_group *group)
{
    fprintf(out, "\n%s:\n", group->title);
    for (const struct opt *row = group->rows; row->kind != OPT_END; row++)
        if (row->name && row->help)
            print_row(out, row);
}

/* ---- values ---- */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "an integer's low bytes come first");

uint64_t opts_number(const struct opt *row, const void *base)
{
    uint64_t value = 0;

    memcpy(&value, (const char *)base + row->offset, row->bytes);
    return value;
}

void opts_set_number(const struct opt *row, void *base, uint64_t value)
{
    memcpy((char *)base + row->offset, &value, row->bytes);
}

void opts_range(const struct opt *row, uint64_t *least, uint64_t *most)
{
    const bool is_named = row->kind == OPT_FLAG || row->kind == OPT_CHOICE;

    *least = is_named ? 0 : row->most > 0 ? row->may_lack : (uint64_t)row->low;
    *most = row->kind == OPT_FLAG ? 1
            : is_named            ? (uint64_t)row->n_names - 1
            : row->most > 0       ? row->most
                                  : (uint64_t)row->high;
}

void opts_text(const struct opt *row, const void *base, bool as_json, char *text, size_t room)
{
    const void *at = (const char *)base + row->offset;
    const int32_t *pair = at;
    const double *real = at;

    if (row->print)
        row->print(row, base, text, room);
    else if (row->kind == OPT_PAIR)
        snprintf(text, room, as_json ? "[%d,%d]" : "%dx%d", pair[0], pair[1]);
    else if (row->kind == OPT_REAL || row->kind == OPT_DURATION || row->kind == OPT_BYTES)
        snprintf(text, room, "%.17g", *real);
    else if (row->names)
        snprintf(text, room, as_json ? "\"%s\"" : "%s", row->names[opts_number(row, base)]);
    else if (row->kind == OPT_FLAG)
        snprintf(text, room, "%s", opts_number(row, base) ? "true" : "false");
    else
        snprintf(text, room, "%" PRIu64, opts_number(row, base));
}

const struct opt *opts_difference(const struct opt *rows, const void *a, const void *b)
{
    char text[2][256];

    for (; rows->kind != OPT_END; rows++) {
        if (!rows->key)
            continue;
        opts_text(rows, a, true, text[0], sizeof text[0]);
        opts_text(rows, b, true, text[1], sizeof text[1]);
        if (strcmp(text[0], text[1]) != 0)
            return rows;
    }
    return NULL;
}

/* ---- arguments ---- */

enum status opts_int(const char *option, const char *text, int64_t low, int64_t high, int64_t *value)
{
    if (!number_read_int(text, low, high, value))
        return FAIL(ST_USAGE, "%s %s: a whole number from %lld to %lld is wanted", option, text, (long long)low,
                    (long long)high);
    return ST_OK;
}

enum status opts_positive(const char *option, const char *text, double *value)
{
    if (!number_read_real(text, value) || *value <= 0.0)
        return FAIL(ST_USAGE, "%s %s: a number above 0 is wanted", option, text);
    return ST_OK;
}

/* A decimal that one of the letters may follow: *unit is its place among them, -1 where there is none. */
static bool read_with_unit(const char *text, const char *units, double *value, int *unit)
{
    if (!number_next_decimal(&text, value))
        return false;
    const char *letter = *text ? strchr(units, *text) : NULL;
    *unit = letter ? (int)(letter - units) : -1;
    return text[letter != NULL] == '\0';
}

/* m:s or h:m:s; all but the seconds are whole, all but the first are below 60. */
static bool read_clock(const char *text, double *seconds)
{
    double total = 0.0, part;

    for (int n = 1; n <= 3; n++, text++) {
        if (!number_next_decimal(&text, &part) || (n > 1 && part >= 60.0))
            return false;
        total = 60.0 * total + part;
        if (*text == '\0') {
            *seconds = total;
            return n > 1;
        }
        if (*text != ':' || part != floor(part))
            return false;
    }
    return false;
}

enum status opts_duration(const char *option, const char *text, double *seconds)
{
    static const double unit_seconds[] = {1.0, 60.0, 3600.0, 86400.0};
    int unit;
    const bool is_read = read_with_unit(text, "smhd", seconds, &unit);

    if (is_read && unit >= 0)
        *seconds *= unit_seconds[unit];
    if ((!is_read && !read_clock(text, seconds)) || !isfinite(*seconds) || *seconds <= 0.0)
        return FAIL(ST_USAGE, "%s %s: a time above 0 is wanted: 90, 90s, 15m, 12h, 2d, or [h:]m:s (1:30:00)", option,
                    text);
    return ST_OK;
}

static enum status read_bytes(const char *option, const char *text, double *bytes)
{
    int unit;
    const bool is_read = read_with_unit(text, "KMGTkmgt", bytes, &unit);

    if (is_read && unit >= 0)
        *bytes = floor(ldexp(*bytes, 10 * (1 + unit % 4)));
    if (!is_read || *bytes != floor(*bytes) || *bytes < 1.0 || *bytes > 0x1p53)
        return FAIL(ST_USAGE, "%s %s: a number of bytes is wanted, like 512M or 2G (K, M, G, T)", option, text);
    return ST_OK;
}

static enum status read_picture(const char *option, const char *text, const char **path)
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

static enum status set_number(const struct opt *row, const char *option, const char *text, void *base)
{
    int64_t value = 1;
    int which = 0;

    if (row->kind == OPT_INT)
        TRY(opts_int(option, text, row->low, row->high, &value));
    if (row->kind == OPT_CHOICE) {
        TRY(opts_choice(option, text, row->names, row->n_names, &which));
        value = which;
    }
    opts_set_number(row, base, (uint64_t)value);
    return ST_OK;
}

static enum status set_text(const struct opt *row, const char *option, const char *text, const char **at)
{
    int which = 0;

    if (row->kind == OPT_PICTURE)
        return read_picture(option, text, at);
    if (row->kind == OPT_NAME)
        TRY(opts_choice(option, text, row->names, row->n_names, &which));
    *at = row->kind == OPT_NAME ? row->names[which] : text;
    return ST_OK;
}

enum status opts_set(const struct opt *row, const char *text, void *base)
{
    const char letter[] = {'-', row->letter, '\0'};
    char option[64];
    void *at = (char *)base + row->offset;
    int32_t *pair = at;

    snprintf(option, sizeof option, "%s%s", row->letter ? letter : "--", row->letter ? "" : row->name);
    if (row->parse)
        return row->parse(row, text, base);
    switch (row->kind) {
    case OPT_FLAG:
    case OPT_INT:
    case OPT_CHOICE:
        return set_number(row, option, text, base);
    case OPT_PAIR:
        if (number_read_pair(text, 'x', (int32_t)row->low, (int32_t)row->high, &pair[0], &pair[1]))
            return ST_OK;
        return FAIL(ST_USAGE, "%s %s: %s like %s is wanted, each %lld to %lld", option, text, row->argument,
                    row->initial, (long long)row->low, (long long)row->high);
    case OPT_REAL:
        return opts_positive(option, text, at);
    case OPT_DURATION:
        return opts_duration(option, text, at);
    case OPT_BYTES:
        return read_bytes(option, text, at);
    case OPT_NAME:
    case OPT_TEXT:
    case OPT_PICTURE:
        return set_text(row, option, text, at);
    default:
        return FAIL(ST_BUG, "%s has no reader", option);
    }
}
