/* piece_files: what is kept in files between the pieces of a film: its index and the shares of its samples, for later
 * processes of the same program on the same kind of machine. Local. */
#ifndef JACQUARD_BARCODE_PIECE_FILES_H
#define JACQUARD_BARCODE_PIECE_FILES_H

#include "barcode/extract.h"

struct piece_files {
    const char *store; /* begins their names: STORE.index, STORE.3of8 */
    const char *key;   /* 64 hex digits, of film and settings: what was kept under another key is ignored */
};

enum status piece_files_save_index(const struct piece_files *f, const struct film *film);

/* Into an empty film; path becomes its. *found false where there is none. */
enum status piece_files_load_index(const struct piece_files *f, const char *path, struct film *film, bool *found);

/* Share `share` of n_shares: what was delivered of r. stats: of all that was extracted of it so far. */
enum status piece_files_save_share(const struct piece_files *f, int share, int n_shares,
                                   const struct extract_setup *setup, const struct extract_result *r,
                                   const struct extract_stats *stats);

/* Adds it to a result that has room and to stats. *found false where there is none. */
enum status piece_files_load_share(const struct piece_files *f, int share, int n_shares,
                                   const struct extract_setup *setup, struct extract_result *r,
                                   struct extract_stats *stats, bool *found);

/* Removes all of them: STORE.index, STORE.3of8 ... */
void piece_files_remove(const char *store);

#endif
