/* sandbox_parts: the two big parts of sandbox_seal. Each adds what is in force, or why not, to the text. */
#ifndef JACQUARD_CATALOG_WORKERS_SANDBOX_PARTS_H
#define JACQUARD_CATALOG_WORKERS_SANDBOX_PARTS_H

#include "catalog/workers/sandbox.h"

struct sandbox_text {
    char *text;
    size_t bytes;
};

void sandbox_tell(struct sandbox_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Landlock. Needs no_new_privs, and files and system calls not restricted yet. */
enum status sandbox_seal_files(const struct sandbox_setup *setup, struct sandbox_text *t);

/* seccomp. Likewise needs no_new_privs; last of all. */
enum status sandbox_seal_calls(const struct sandbox_setup *setup, struct sandbox_text *t);

#endif
