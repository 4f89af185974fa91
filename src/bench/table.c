/* table: see table.h. */
#include "bench/table.h"

#include "base/json.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static int compare_figures(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

double bench_median(double *figure, int n)
{
    qsort(figure, (size_t)n, sizeof *figure, compare_figures);
    return (figure[(n - 1) / 2] + figure[n / 2]) / 2.0;
}

void bench_table_init(struct bench_table *t, const char *title)
{
    memset(t, 0, sizeof *t);
    snprintf(t->title, sizeof t->title, "%s", title);
}

void bench_table_fact(struct bench_table *t, const char *name, const char *format, ...)
{
    va_list args;

    if (t->n_facts == BENCH_MAX_FACTS)
        return;
    struct bench_fact *fact = &t->fact[t->n_facts++];
    snprintf(fact->name, sizeof fact->name, "%s", name);
    va_start(args, format);
    vsnprintf(fact->text, sizeof fact->text, format, args);
    va_end(args);
}

struct bench_row *bench_table_row(struct bench_table *t, const char *unit, bool lower_is_better, double ours,
                                  const char *format, ...)
{
    static struct bench_row beyond; /* what does not fit goes nowhere */
    struct bench_row *row = t->n_rows < BENCH_MAX_ROWS ? &t->row[t->n_rows++] : &beyond;
    va_list args;

    *row = (struct bench_row){.ours = ours, .lower_is_better = lower_is_better};
    snprintf(row->unit, sizeof row->unit, "%s", unit);
    va_start(args, format);
    vsnprintf(row->name, sizeof row->name, format, args);
    va_end(args);
    return row;
}

void bench_row_limit(struct bench_row *row, double limit, const char *format, ...)
{
    va_list args;

    row->limit = limit;
    va_start(args, format);
    vsnprintf(row->limit_name, sizeof row->limit_name, format, args);
    va_end(args);
}

/* Four digits that count, without an exponent. */
static void print_figure(char *text, size_t bytes, double v)
{
    const double size = v < 0 ? -v : v;

    snprintf(text, bytes, "%.*f", size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 0.1 ? 3 : 5, v);
}

static bool meets_target(const struct bench_row *row)
{
    const double ratio = row->ours / row->limit;

    return row->lower_is_better ? ratio <= row->target : ratio >= row->target;
}

static void print_text(const struct bench_table *t, FILE *file)
{
    int width = 0;

    fprintf(file, "%s\n", t->title);
    for (int i = 0; i < t->n_facts; i++)
        fprintf(file, "  %s: %s\n", t->fact[i].name, t->fact[i].text);
    for (int i = 0; i < t->n_rows; i++)
        width = (int)strlen(t->row[i].name) > width ? (int)strlen(t->row[i].name) : width;
    for (int i = 0; i < t->n_rows; i++) {
        const struct bench_row *row = &t->row[i];
        char ours[32], limit[32];

        print_figure(ours, sizeof ours, row->ours);
        fprintf(file, "  %-*s %12s %s", width, row->name, ours, row->unit);
        if (row->limit > 0.0) {
            print_figure(limit, sizeof limit, row->limit);
            fprintf(file, "   %.3f of %s (%s)", row->ours / row->limit, limit, row->limit_name);
        }
        if (row->limit > 0.0 && row->target > 0.0)
            fprintf(file, "   target %s %.2f: %s", row->lower_is_better ? "<=" : ">=", row->target,
                    meets_target(row) ? "met" : "missed");
        fprintf(file, "\n");
    }
}

static void print_optional(FILE *file, const char *name, double v)
{
    fprintf(file, ",\"%s\":", name);
    if (v > 0.0)
        json_print_double(file, v);
    else
        fputs("null", file);
}

static void print_row(const struct bench_row *row, FILE *file)
{
    fputs("{\"name\":", file);
    json_print_string(file, row->name);
    print_optional(file, "ours", row->ours);
    fputs(",\"unit\":", file);
    json_print_string(file, row->unit);
    print_optional(file, "limit", row->limit);
    fputs(",\"limit_name\":", file);
    if (row->limit > 0.0)
        json_print_string(file, row->limit_name);
    else
        fputs("null", file);
    print_optional(file, "ratio", row->limit > 0.0 ? row->ours / row->limit : 0.0);
    print_optional(file, "target", row->target);
    fprintf(file, ",\"lower_is_better\":%s}", row->lower_is_better ? "true" : "false");
}

static void print_json(const struct bench_table *t, FILE *file)
{
    fputs("{\"bench\":", file);
    json_print_string(file, t->title);
    fputs(",\"facts\":{", file);
    for (int i = 0; i < t->n_facts; i++) {
        fputs(i ? "," : "", file);
        json_print_string(file, t->fact[i].name);
        fputc(':', file);
        json_print_string(file, t->fact[i].text);
    }
    fputs("},\"rows\":[", file);
    for (int i = 0; i < t->n_rows; i++) {
        fputs(i ? "," : "", file);
        print_row(&t->row[i], file);
    }
    fputs("]}\n", file);
}

void bench_table_print(const struct bench_table *t, bool as_json, FILE *file)
{
    if (as_json)
        print_json(t, file);
    else
        print_text(t, file);
}
