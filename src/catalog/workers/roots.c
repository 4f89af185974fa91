#include "catalog/workers/roots.h"

#include "base/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum status roots_add_file(struct roots *r, const char *file)
{
    char real[PATH_MAX];

    if (!realpath(file, real))
        return ST_OK;
    char *slash = strrchr(real, '/');
    slash[slash == real] = '\0';
    return roots_add(r, real);
}

enum status roots_add(struct roots *r, const char *folder)
{
    for (int i = r->n; i-- > 0;)
        if (strcmp(r->path[i], folder) == 0)
            return ST_OK;
    char **grown = mem_grow(r->path, (size_t)r->n, &r->room, sizeof *grown);
    TRY_MEM(grown);
    r->path = grown;
    r->path[r->n] = strdup(folder);
    return r->path[r->n++] ? ST_OK : FAIL(ST_NOMEM, "out of memory for a folder's name");
}

void roots_release(struct roots *r)
{
    for (int i = 0; i < r->n; i++)
        free(r->path[i]);
    free(r->path);
    *r = (struct roots){0};
}
