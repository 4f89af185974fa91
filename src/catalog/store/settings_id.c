#include "catalog/store/settings_id.h"

#include "base/sha256.h"
#include "compute/kmeans_rules.h"

#include <stdio.h>
#include <stdlib.h>

enum status settings_id_make(const char *settings_text, const char *version, bool allow_partial, char id[65])
{
    char *text;
    const int n = asprintf(&text, "%s\n%s\n%d\n%d", settings_text, version, KMEANS_RULES, allow_partial);

    if (n < 0)
        return FAIL(ST_NOMEM, "out of memory for the settings");
    sha256_hex(text, (size_t)n, id);
    free(text);
    return ST_OK;
}
