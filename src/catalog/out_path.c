#include "catalog/out_path.h"

#include <stdio.h>

int out_path(const char *out, const char *name, const char *suffix, char path[OUT_PATH_BYTES])
{
    return snprintf(path, OUT_PATH_BYTES, "%s/%s%s", out, name, suffix);
}

int out_path_store(const char *out, const char *name, char path[OUT_PATH_BYTES])
{
    return snprintf(path, OUT_PATH_BYTES, "%s/" OUT_PIECES "/%s", out, name);
}
