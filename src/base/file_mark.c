/* file_mark: see file_mark.h. */
#include "base/file_mark.h"

#include "base/mem.h"
#include "base/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PART_BYTES = 1 << 20 };

struct source {
    const char *what, *path;
    int fd;
    int64_t bytes;
};

/* Up to PART_BYTES from `from` on. */
static enum status add_part(struct sha256 *sha, const struct source *s, int64_t from, uint8_t *block)
{
    size_t n = 0;

    while (n < PART_BYTES) {
        const ssize_t got = pread(s->fd, block + n, PART_BYTES - n, (off_t)from + (off_t)n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return FAIL(ST_FORMAT, "cannot read %s %s: %s", s->what, s->path, strerror(errno));
        if (got == 0)
            break;
        n += (size_t)got;
    }
    sha256_add(sha, block, n);
    return ST_OK;
}

static enum status digest(const struct source *s, int n_parts, char hex[65])
{
    const int64_t n_needed = s->bytes / PART_BYTES + (s->bytes % PART_BYTES != 0);
    const int64_t n = n_parts < n_needed ? n_parts : n_needed < 2 ? 2 : n_needed;
    const int64_t last = s->bytes > PART_BYTES ? s->bytes - PART_BYTES : 0;
    uint8_t bytes[SHA256_BYTES], *block = mem_array(PART_BYTES, 1);
    char size[32];
    struct sha256 sha;
    enum status st = block ? ST_OK : ST_NOMEM;

    sha256_init(&sha);
    sha256_add(&sha, size, (size_t)snprintf(size, sizeof size, "%lld", (long long)s->bytes));
    for (int64_t i = 0; st == ST_OK && i < n; i++)
        st = add_part(&sha, s, last / (n - 1) * i + last % (n - 1) * i / (n - 1), block);
    free(block);
    if (st != ST_OK)
        return st;
    sha256_end(&sha, bytes);
    sha256_digits(bytes, hex);
    return ST_OK;
}

static enum status take(struct source *s, int n_parts, struct file_mark *mark)
{
    struct stat info;

    if (fstat(s->fd, &info) != 0)
        return FAIL(ST_USAGE, "cannot open %s %s: %s", s->what, s->path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return FAIL(ST_USAGE, "cannot open %s %s: it is a %s, not a file", s->what, s->path,
                    S_ISDIR(info.st_mode)    ? "folder"
                    : S_ISFIFO(info.st_mode) ? "FIFO"
                                             : "device");
    s->bytes = info.st_size;
    TRY(digest(s, n_parts, mark->fingerprint));
    mark->bytes = info.st_size;
    mark->mtime_ns = file_mark_time(&info);
    return ST_OK;
}

enum status file_mark_take(const char *what, const char *path, int n_parts, struct file_mark *mark)
{
    /* opening a FIFO must not block */
    struct source s = {.what = what, .path = path, .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};

    *mark = (struct file_mark){0};
    if (s.fd < 0)
        return FAIL(ST_USAGE, "cannot open %s %s: %s", what, path, strerror(errno));
    const enum status st = take(&s, n_parts, mark);
    if (st != ST_OK)
        *mark = (struct file_mark){0};
    close(s.fd);
    return st;
}

enum status file_mark_check(const char *what, const char *path, int n_parts, const struct file_mark *mark)
{
    struct file_mark now;

    if (file_mark_take(what, path, n_parts, &now) == ST_OK && now.bytes == mark->bytes &&
        now.mtime_ns == mark->mtime_ns && strcmp(now.fingerprint, mark->fingerprint) == 0)
        return ST_OK;
    return FAIL(ST_FORMAT, "%s changed while it was read", path);
}
