/* content: what a file is by its first bytes, where its name leaves that open. Local. */
#ifndef JACQUARD_CATALOG_LISTING_CONTENT_H
#define JACQUARD_CATALOG_LISTING_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether a file that begins like this may be a film: it has the first bytes of a container of films, and an Ogg file
 * says that it holds pictures. What is a film then is found out when its turn comes. */
bool content_is_film(const uint8_t *head, size_t n);

/* content_is_film of the file's first bytes; false where it cannot be read. It must be a regular file. */
bool content_file_is_film(const char *path);

#endif
