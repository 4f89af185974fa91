/* resume: what earlier runs have left to do. A film is done if its outputs are as they were recorded, it has not
 * changed since (size, time of last change, hash of head and tail) and the settings and program version are the same.
 */
#ifndef JACQUARD_CATALOG_COORDINATE_RESUME_H
#define JACQUARD_CATALOG_COORDINATE_RESUME_H

#include "catalog/config.h"
#include "catalog/listing/listing.h"
#include "catalog/store/history.h"

#include <stdatomic.h>

enum resume_state { RESUME_TODO, RESUME_DONE, RESUME_FAILED };

struct resume_film {
    enum resume_state state;
    const struct history_film *before; /* NULL: never seen */
    bool is_unchanged;                 /* since then, by size and time: its cost, pieces and faults still hold */
};

/* film[listing->n], the caller's. Reads what is done to see that it is sound, on several threads. ST_INTERRUPTED. */
enum status resume_decide(const struct catalog_config *config, const char *settings_id, const struct listing *listing,
                          const struct history *history, const atomic_int *stop, struct resume_film *film);

#endif
