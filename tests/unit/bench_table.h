/* bench_table: `jacquard bench` within a test: its table as JSON, and what is so of every table. */
#ifndef JACQUARD_TESTS_UNIT_BENCH_TABLE_H
#define JACQUARD_TESTS_UNIT_BENCH_TABLE_H

#include "unit/jobs.h"

#include <jansson.h>
#include <math.h>

static json_t *table; /* the last one */

static inline const char *text_of(size_t row, const char *key)
{
    return json_string_value(json_object_get(json_array_get(json_object_get(table, "rows"), row), key));
}

static inline double number_of(size_t row, const char *key)
{
    return json_number_value(json_object_get(json_array_get(json_object_get(table, "rows"), row), key));
}

/* The row whose name begins so. */
static inline size_t find(const char *name)
{
    const size_t n = json_array_size(json_object_get(table, "rows"));

    for (size_t i = 0; i < n; i++)
        if (strncmp(text_of(i, "name"), name, strlen(name)) == 0)
            return i;
    CHECK_STR("no such row", name);
    return 0;
}

static inline void check_fact(const char *name, const char *text)
{
    const char *found = json_string_value(json_object_get(json_object_get(table, "facts"), name));

    if (!CHECK(found && strstr(found, text)))
        printf("  %s: %s\n", name, found ? found : "(none)");
}

/* Runs a part (its command line without the options that all get); its rows, of which there are n, keep the rules. */
static inline void measure(int n_ranks, size_t n, const char *part)
{
    char ranks[16];

    json_decref(table);
    JOB(n_ranks, &command_bench, "bench %s --backend cpu --threads 2 --runs 2 --json", part);
    table = json_loads(job_out, 0, NULL);
    if (!CHECK(table != NULL))
        exit(test_end());
    snprintf(ranks, sizeof ranks, "%d", n_ranks);
    CHECK_STR(json_string_value(json_object_get(json_object_get(table, "facts"), "ranks")), ranks);
    if (!CHECK_INT(json_array_size(json_object_get(table, "rows")), n))
        printf("%s\n", job_out);
    for (size_t i = 0; i < json_array_size(json_object_get(table, "rows")); i++) {
        const double limit = number_of(i, "limit");
        CHECK(number_of(i, "ours") > 0 && strlen(text_of(i, "unit")) > 0);
        CHECK((limit > 0) == (text_of(i, "limit_name") != NULL));
        CHECK(limit <= 0 || fabs(number_of(i, "ratio") * limit / number_of(i, "ours") - 1) < 1e-9);
        for (size_t j = 0; j < i; j++)
            CHECK(strcmp(text_of(i, "name"), text_of(j, "name")) != 0);
    }
}

#endif
