/* table: what a bench found: lines of a figure of ours beside the floor or ceiling that was measured in the same run.
 * Printed on stdout, for people or as JSON. Local. */
#ifndef JACQUARD_BENCH_TABLE_H
#define JACQUARD_BENCH_TABLE_H

#include "base/status.h"

#include <stdbool.h>
#include <stdio.h>

enum { BENCH_TEXT_BYTES = 96, BENCH_MAX_ROWS = 64, BENCH_MAX_FACTS = 16 };

struct bench_row {
    char name[BENCH_TEXT_BYTES];       /* what was done: "extract, 16 CPU and 8 NVDEC decoders" */
    double ours;                       /* above 0 */
    char unit[24];                     /* of both figures: "frames/s", "us/frame", "ms", "GB/s" */
    double limit;                      /* the best that can be; 0 = nothing to compare with */
    char limit_name[BENCH_TEXT_BYTES]; /* how it was measured: "pure decode of the same packets" */
    double target;                     /* for ours / limit; 0 = none */
    bool lower_is_better;
};

struct bench_fact { /* "device": "NVIDIA H200", "film": "..." */
    char name[32];
    char text[256];
};

struct bench_table {
    char title[BENCH_TEXT_BYTES]; /* "barcode" */
    int n_facts, n_rows;
    struct bench_fact fact[BENCH_MAX_FACTS];
    struct bench_row row[BENCH_MAX_ROWS];
};

/* The median of n > 0 figures, which are sorted. */
double bench_median(double *figure, int n);

void bench_table_init(struct bench_table *t, const char *title);

/* What the figures are of; the text may be cut. Beyond BENCH_MAX_FACTS or BENCH_MAX_ROWS nothing is added. */
void bench_table_fact(struct bench_table *t, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A figure. The result may be completed by bench_row_limit and a target; never NULL. */
struct bench_row *bench_table_row(struct bench_table *t, const char *unit, bool lower_is_better, double ours,
                                  const char *format, ...) __attribute__((format(printf, 5, 6)));
void bench_row_limit(struct bench_row *row, double limit, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A table of text, or one JSON object: {"bench", "facts": {...}, "rows": [{"name", "ours", "unit", "limit",
 * "limit_name", "ratio", "target", "lower_is_better"}]}; what is not there is null. ratio = ours / limit. */
void bench_table_print(const struct bench_table *t, bool as_json, FILE *file);

#endif
