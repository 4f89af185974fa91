/* fingerprint: see fingerprint.h. */
#include "film/fingerprint.h"

#include "base/file_mark.h"

#include <string.h>

enum status film_fingerprint(const char *path, int64_t *bytes, char hex[65])
{
    struct file_mark mark;
    const enum status st = file_mark_take("film", path, FILE_MARK_ENDS, &mark);

    *bytes = mark.bytes;
    memcpy(hex, mark.fingerprint, sizeof mark.fingerprint);
    return st;
}
