/* gallery_page: the text of gallery.html, put into the program when it is built (cmake/embed.cmake). */
#ifndef JACQUARD_CATALOG_SHOW_GALLERY_PAGE_H
#define JACQUARD_CATALOG_SHOW_GALLERY_PAGE_H

#include <stddef.h>

extern const unsigned char gallery_page[]; /* [gallery_page_bytes], no 0 at the end */
extern const size_t gallery_page_bytes;

#endif
