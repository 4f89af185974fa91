#include "barcode/output_names.h"

#include "base/number.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

void output_name_strip(const char *first, enum strip strip, char *name, size_t bytes)
{
    const size_t n = strlen(first), stem = n > 4 && strcmp(first + n - 4, ".png") == 0 ? n - 4 : n;

    snprintf(name, bytes, "%.*s.%s.png", (int)stem, first, strip_names[strip]);
}

void output_suffix_strip(const enum strip *strip, int i, char suffix[OUTPUT_SUFFIX_BYTES])
{
    if (i == 0)
        strcpy(suffix, PICTURE_SUFFIX);
    else
        output_name_strip(PICTURE_SUFFIX, strip[i], suffix, OUTPUT_SUFFIX_BYTES);
}

void output_suffix_share(int share, int n_shares, char suffix[OUTPUT_SUFFIX_BYTES])
{
    snprintf(suffix, OUTPUT_SUFFIX_BYTES, ".%dof%d", share + 1, n_shares);
}

bool output_suffix_is_part(const char *suffix)
{
    int32_t part, n;

    if (strcmp(suffix, INDEX_SUFFIX) == 0)
        return true;
    return *suffix++ == '.' && number_next_int32(&suffix, 0, INT32_MAX, &part) && strncmp(suffix, "of", 2) == 0 &&
           number_read_int32(suffix + 2, 1, INT32_MAX, &n);
}

bool output_suffix_is_known(const char *suffix)
{
    char name[OUTPUT_SUFFIX_BYTES];

    if (strcmp(suffix, PICTURE_SUFFIX) == 0 || strcmp(suffix, SIDECAR_SUFFIX) == 0)
        return true;
    for (int i = 0; i < N_STRIPS; i++) {
        output_name_strip(PICTURE_SUFFIX, (enum strip)i, name, sizeof name);
        if (strcmp(suffix, name) == 0)
            return true;
    }
    return output_suffix_is_part(suffix);
}
