/* path: names of files put together. Heap; NULL with a message when memory ran out. Local, looks at no file. */
#ifndef JACQUARD_CATALOG_LISTING_PATH_H
#define JACQUARD_CATALOG_LISTING_PATH_H

/* folder/name. */
char *path_join(const char *folder, const char *name);

/* What stands after the last slash. */
const char *path_file(const char *path);

/* name, below base if it is relative, as short as it can be said: no "." on its way, no slash twice or at its end; ".."
 * stays, since what comes before it may be a link. base NULL: name as it is. name is not empty. */
char *path_place(const char *base, const char *name);

#endif
