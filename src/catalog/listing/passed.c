#include "catalog/listing/passed.h"

#include "catalog/listing/path.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SHOWN = 10 };

/* Small letters, so that A.JPG and b.jpg count together; what is no letter or digit is no suffix that anybody knows. */
static void suffix_of(const char *path, char suffix[PASSED_SUFFIX_BYTES])
{
    const char *name = path_file(path), *dot = strrchr(name, '.');
    const size_t n = dot ? strlen(dot) : 0;

    suffix[0] = '\0';
    if (n < 2 || n >= PASSED_SUFFIX_BYTES || dot == name)
        return;
    for (size_t i = 0; i < n; i++) {
        const char c = dot[i];
        const bool is_large = c >= 'A' && c <= 'Z';
        if (i > 0 && !is_large && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) {
            suffix[0] = '\0';
            return;
        }
        suffix[i] = (char)(is_large ? c + ('a' - 'A') : c);
    }
    suffix[n] = '\0';
}

void passed_add(struct passed *passed, const char *path)
{
    char suffix[PASSED_SUFFIX_BYTES];
    int i = 0;

    suffix_of(path, suffix);
    passed->n++;
    while (i < passed->n_kinds && strcmp(passed->kind[i].suffix, suffix) != 0)
        i++;
    if (i == PASSED_MOST_KINDS) {
        passed->n_others++;
        return;
    }
    if (i == passed->n_kinds)
        memcpy(passed->kind[passed->n_kinds++].suffix, suffix, sizeof suffix);
    passed->kind[i].n++;
}

static int compare_kinds(const void *a, const void *b)
{
    const struct passed_kind *x = a, *y = b;

    return x->n != y->n ? (x->n < y->n) - (x->n > y->n) : strcmp(x->suffix, y->suffix);
}

void passed_sort(struct passed *passed)
{
    qsort(passed->kind, (size_t)passed->n_kinds, sizeof *passed->kind, compare_kinds);
}

void passed_describe(const struct passed *passed, char *text, size_t bytes)
{
    int64_t n_others = passed->n;
    size_t used = 0;

    snprintf(text, bytes, "none");
    for (int i = 0; i < passed->n_kinds && i < MOST_SHOWN && used < bytes; i++) {
        const struct passed_kind *k = &passed->kind[i];
        used += (size_t)snprintf(text + used, bytes - used, "%s%lld %s", i > 0 ? ", " : "", (long long)k->n,
                                 k->suffix[0] ? k->suffix : "without a suffix");
        n_others -= k->n;
    }
    if (n_others > 0 && used < bytes)
        snprintf(text + used, bytes - used, ", %lld others", (long long)n_others);
}
