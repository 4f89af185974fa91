/* roots: the folders that hold a set of files, each once, by their real names: what a sandbox lets a process read. */
#ifndef JACQUARD_CATALOG_WORKERS_ROOTS_H
#define JACQUARD_CATALOG_WORKERS_ROOTS_H

#include "base/status.h"

#include <stddef.h>

struct roots {   /* {0}: none */
    char **path; /* [n] heap */
    int n;
    size_t room;
};

/* The folder that the file lies in, links resolved; of a file that is not there, none: its turn will say why it cannot
 * be read. Fast where files of one folder follow each other. ST_NOMEM. */
enum status roots_add_file(struct roots *r, const char *file);

/* The folder itself, as it is called. */
enum status roots_add(struct roots *r, const char *folder);

void roots_release(struct roots *r);

#endif
