/* gallery: OUT/index.html, one page that shows the whole catalogue. */
#ifndef JACQUARD_CATALOG_SHOW_GALLERY_H
#define JACQUARD_CATALOG_SHOW_GALLERY_H

#include "catalog/store/history.h"

/* Writes the page (then renames it): no network, opens from a file: address; the pictures are the films' own
 * NAME.barcode.png beside it, by relative links. Films that failed are listed with their reason. Local. ST_IO. */
enum status gallery_write(const char *out, const struct history *history);

#endif
