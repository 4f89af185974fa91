/* lines: reads a text line by line, so that neither its length nor a line's decides how much memory that takes. Local.
 */
#ifndef JACQUARD_BASE_LINES_H
#define JACQUARD_BASE_LINES_H

#include "base/status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lines { /* by lines_start; ends with lines_end */
    int fd;
    const atomic_int
        *stop; /* becomes non-zero: a read that a signal ends is the last one; NULL until the caller sets it */
    const char *path;
    enum status at_fault;
    size_t longest;     /* longer lines are cut */
    int64_t most_bytes; /* of the whole text */
    char *buffer;
    size_t room, at, end;
    int64_t n_bytes;           /* read so far */
    bool has_ended, must_skip; /* must_skip: the rest of a line that was cut */
};

/* fd stays the caller's. path: for messages. at_fault: where reading fails. */
void lines_start(struct lines *lines, int fd, const char *path, enum status at_fault, size_t longest,
                 int64_t most_bytes);

/* The next line without its line feed: *line holds `length` bytes and a 0, until the next call; it may be changed. A
 * longer one is cut to its first `longest` bytes, and *is_cut says so. ST_END after the last; ST_USAGE where the text
 * has more than most_bytes; at_fault; ST_INTERRUPTED; ST_NOMEM. */
enum status lines_next(struct lines *lines, char **line, size_t *length, bool *is_cut);

void lines_end(struct lines *lines);

#endif
