/* fingerprint: see fingerprint.h. Knows nothing of films. */
#include "media/fingerprint.h"

#include "base/mem.h"
#include "base/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PART_BYTES = 1 << 20 }; /* of the head and of the tail */

/* Up to PART_BYTES from `from` on. */
static enum status add_part(struct sha256 *sha, int fd, const char *path, int64_t from, uint8_t *block)
{
    size_t n = 0;

    while (n < PART_BYTES) {
        const ssize_t got = pread(fd, block + n, PART_BYTES - n, (off_t)from + (off_t)n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return FAIL(ST_FORMAT, "cannot read film %s: %s", path, strerror(errno));
        if (got == 0)
            break;
        n += (size_t)got;
    }
    sha256_add(sha, block, n);
    return ST_OK;
}

static enum status add_all(struct sha256 *sha, int fd, const char *path, int64_t bytes)
{
    uint8_t *block = mem_array(PART_BYTES, 1);
    char size[32];

    if (!block)
        return ST_NOMEM;
    sha256_add(sha, size, (size_t)snprintf(size, sizeof size, "%lld", (long long)bytes));
    enum status st = add_part(sha, fd, path, 0, block);
    if (st == ST_OK)
        st = add_part(sha, fd, path, bytes > PART_BYTES ? bytes - PART_BYTES : 0, block);
    free(block);
    return st;
}

enum status film_fingerprint(const char *path, int64_t *bytes, char hex[65])
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us up */
    uint8_t digest[SHA256_BYTES];
    struct sha256 sha;
    struct stat info;
    enum status st;

    *bytes = 0;
    hex[0] = '\0';
    if (fd < 0)
        return FAIL(ST_USAGE, "cannot open film %s: %s", path, strerror(errno));
    if (fstat(fd, &info) != 0)
        TRY_OR(done, st, FAIL(ST_USAGE, "cannot open film %s: %s", path, strerror(errno)));
    if (!S_ISREG(info.st_mode))
        TRY_OR(done, st, FAIL(ST_USAGE, "cannot open film %s: it is not a regular file", path));
    sha256_init(&sha);
    TRY_OR(done, st, add_all(&sha, fd, path, info.st_size));
    sha256_end(&sha, digest);
    *bytes = info.st_size;
    for (int i = 0; i < SHA256_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
done:
    close(fd);
    return st;
}
