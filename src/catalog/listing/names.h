/* names: what the outputs of each film are called. Pure but for the question who owns a name already. */
#ifndef JACQUARD_CATALOG_LISTING_NAMES_H
#define JACQUARD_CATALOG_LISTING_NAMES_H

#include "catalog/listing/listing.h"

/* Whose results called `name` are, if there are any. */
enum names_claim { NAME_IS_FREE, NAME_IS_ITS_OWN, NAME_IS_ANOTHERS };
typedef enum names_claim names_owner(void *context, const char *name, const struct listing_film *film);

/* Fills film[].name (heap): the file's name without its suffix; control bytes, '/', '\\' and bytes that are no UTF-8
 * made '_', a leading dot or dash made '_', at most NAMES_MAX_BYTES (cut at a UTF-8 boundary), "film" if nothing is
 * left. Where several films want one name (letters' case not told apart: some file systems do not), the one that owns
 * it keeps it, or else, if it is free, the first by path gets it; the others, and who wants a name that is another's,
 * get "-" and eight hex digits of the SHA-256 of their path added (before cutting: the whole fits NAMES_MAX_BYTES), and
 * more of them where eight are not enough. The same list and owners give the same names. "report" and "index" (in any
 * case) are not given to films plainly: they get the digits. listing->film must be sorted by path. ST_NOMEM; ST_BUG if
 * two names are still alike with all 64 digits. */
enum status names_assign(struct listing *listing, names_owner *claim, void *context);

#endif
