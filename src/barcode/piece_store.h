/* piece_store: blocks of bytes kept in a file for a later process of the same program on the same kind of machine. What
 * is torn, foreign or of another key is as good as not there. */
#ifndef JACQUARD_BARCODE_PIECE_STORE_H
#define JACQUARD_BARCODE_PIECE_STORE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

enum { PIECE_KEY_BYTES = 64 };

struct piece_block {
    const void *data;
    size_t bytes;
};

/* Written under a temporary name, synced, renamed. */
enum status piece_store_save(const char *path, const char *key, const struct piece_block *block, int n_blocks);

/* The blocks one after the other; *data is heap, *found false where there is nothing to be trusted. */
enum status piece_store_load(const char *path, const char *key, char **data, size_t *bytes, bool *found);

#endif
