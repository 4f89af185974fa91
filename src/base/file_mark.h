/* file_mark: identifies files without reading them whole, and notices when one has changed. Local. */
#ifndef JACQUARD_BASE_FILE_MARK_H
#define JACQUARD_BASE_FILE_MARK_H

#include "base/status.h"

#include <stdint.h>
#include <sys/stat.h>

struct file_mark {
    int64_t bytes, mtime_ns; /* of the last change, since the epoch; wraps for times that are centuries away */
    char fingerprint[65];    /* hex */
};

/* A file's mtime_ns. */
static inline int64_t file_mark_time(const struct stat *info)
{
    return (int64_t)((uint64_t)info->st_mtim.tv_sec * UINT64_C(1000000000) + (uint64_t)info->st_mtim.tv_nsec);
}

/* Of parts: the head, the tail and what lies evenly between, a MiB each. */
enum { FILE_MARK_ENDS = 2, FILE_MARK_THROUGHOUT = 256 };

/* fingerprint: sha256 of the size as decimal text and up to n_parts parts (at least 2; they overlap in short files, and
 * of a file of up to n_parts MiB are all of it). `what` is the file's kind, for messages ("film"). ST_USAGE where it
 * cannot be opened or is not a regular file, ST_FORMAT where reading fails; *mark is then zeroed. */
enum status file_mark_take(const char *what, const char *path, int n_parts, struct file_mark *mark);

/* ST_FORMAT where size, time or fingerprint are not the mark's any more, or the file is gone. */
enum status file_mark_check(const char *what, const char *path, int n_parts, const struct file_mark *mark);

#endif
