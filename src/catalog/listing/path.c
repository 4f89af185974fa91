#include "catalog/listing/path.h"

#include "base/mem.h"

#include <stdbool.h>
#include <string.h>

char *path_join(const char *folder, const char *name)
{
    const size_t n = strlen(folder), m = strlen(name), slash = n > 0 && folder[n - 1] != '/';
    char *path = mem_array(n + slash + m + 1, 1);

    if (path) {
        memcpy(path, folder, n);
        path[n] = '/'; /* or what the copy of name begins with */
        memcpy(path + n + slash, name, m + 1);
    }
    return path;
}

const char *path_file(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* In place; what is left is never longer. */
static void shorten(char *path)
{
    const bool is_absolute = path[0] == '/';
    const char *from = path;
    char *to = path + is_absolute;

    while (*from) {
        const char *part = from + strspn(from, "/");
        const size_t length = strcspn(part, "/");
        from = part + length;
        if (length == 0 || (length == 1 && *part == '.'))
            continue;
        if (to > path + is_absolute)
            *to++ = '/';
        memmove(to, part, length);
        to += length;
    }
    if (to == path)
        *to++ = '.';
    *to = '\0';
}

char *path_place(const char *base, const char *name)
{
    char *path = path_join(base && name[0] != '/' ? base : "", name);

    if (path && base)
        shorten(path);
    return path;
}
