/* lines: a window slides over the text: lines that were handed out are dropped, what is read is appended. */
#include "base/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_ROOM = 1 << 16 };

void lines_start(struct lines *lines, int fd, const char *path, enum status at_fault, size_t longest,
                 int64_t most_bytes)
{
    *lines = (struct lines){.fd = fd, .path = path, .at_fault = at_fault, .longest = longest, .most_bytes = most_bytes};
}

/* The window holds a line of `longest` bytes, one more byte that shows whether it is longer, and a 0; it grows up to
 * there. */
static enum status make_room(struct lines *l)
{
    const size_t most = l->longest + 2;

    if (l->at > 0)
        memmove(l->buffer, l->buffer + l->at, l->end - l->at);
    l->end -= l->at;
    l->at = 0;
    if (l->end + 1 < l->room)
        return ST_OK;
    size_t wanted = l->room ? 2 * l->room : FIRST_ROOM;
    wanted = wanted < most ? wanted : most;
    char *grown = realloc(l->buffer, wanted);
    if (!grown)
        return FAIL(ST_NOMEM, "out of memory for a line of %s", l->path);
    l->buffer = grown;
    l->room = wanted;
    return ST_OK;
}

/* At least a byte, or has_ended. */
static enum status read_more(struct lines *l)
{
    ssize_t got;

    TRY(make_room(l));
    do { /* a pipe or a terminal may be silent for long */
        if (l->stop && atomic_load(l->stop))
            return FAIL(ST_INTERRUPTED, "interrupted while reading %s", l->path);
        got = read(l->fd, l->buffer + l->end, l->room - 1 - l->end);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return FAIL(l->at_fault, "cannot read %s: %s", l->path, strerror(errno));
    l->has_ended = got == 0;
    l->end += (size_t)got;
    l->n_bytes += got;
    return l->n_bytes <= l->most_bytes
               ? ST_OK
               : FAIL(ST_USAGE, "%s is too long: more than %lld MiB", l->path, (long long)(l->most_bytes >> 20));
}

/* From l->at on; NULL: none in the window. */
static char *find_feed(const struct lines *l, size_t from)
{
    return l->end > from ? memchr(l->buffer + from, '\n', l->end - from) : NULL;
}

/* What is left of a line that was cut. */
static enum status skip_rest(struct lines *l)
{
    for (;;) {
        const char *feed = find_feed(l, l->at);
        l->at = feed ? (size_t)(feed - l->buffer) + 1 : l->end;
        if (feed || l->has_ended)
            return ST_OK;
        TRY(read_more(l));
    }
}

enum status lines_next(struct lines *l, char **line, size_t *length, bool *is_cut)
{
    char *feed = NULL;

    if (l->must_skip)
        TRY(skip_rest(l));
    l->must_skip = false;
    for (size_t looked = 0;;) { /* bytes of the line without a line feed */
        feed = find_feed(l, l->at + looked);
        looked = l->end - l->at;
        if (feed || looked > l->longest || l->has_ended)
            break;
        TRY(read_more(l));
    }
    if (!feed && l->end == l->at)
        return ST_END;
    *line = l->buffer + l->at;
    *length = feed ? (size_t)(feed - *line) : l->end - l->at;
    *is_cut = *length > l->longest;
    if (*is_cut) {
        *length = l->longest;
        l->must_skip = true;
        l->at += *length + 1; /* that byte is not a line feed, and becomes a 0 */
    } else {
        l->at += *length + (feed != NULL);
    }
    (*line)[*length] = '\0';
    return ST_OK;
}

void lines_end(struct lines *l)
{
    free(l->buffer);
    l->buffer = NULL;
}
