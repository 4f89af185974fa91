/* settings_id: the name of all that decides a film's outputs, beside the film: results under another one are not taken
 * for this program's. Pure. */
#ifndef JACQUARD_CATALOG_STORE_SETTINGS_ID_H
#define JACQUARD_CATALOG_STORE_SETTINGS_ID_H

#include "base/status.h"

#include <stdbool.h>

/* sha256 (hex) of the settings as side-cars have them, the program's version, the rules of the clustering, and whether
 * films that are not whole may be drawn. ST_NOMEM. */
enum status settings_id_make(const char *settings_text, const char *version, bool allow_partial, char id[65]);

#endif
