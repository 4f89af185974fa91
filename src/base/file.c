/* file: an output's bytes go to a temporary file in the target's own folder, so that the last step is one rename: a
 * reader sees the older file or the new one, never a part. Assumes that the caller commits or discards; there are no
 * signal handlers here. Refuses targets that are not regular files: a rename would put a picture in the place of
 * /dev/null. */
#include "base/file.h"

#include "base/mem.h"
#include "base/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status check_target(const char *path, bool force)
{
    const size_t length = strlen(path);
    struct stat info;

    if (length == 0)
        return FAIL(ST_USAGE, "an output has an empty name");
    if (path[length - 1] == '/')
        return FAIL(ST_USAGE, "cannot write %s: that names a folder", path);
    if (lstat(path, &info) != 0)
        return ST_OK; /* nothing there, or out of reach: opening the temporary file will show which */
    if (!force && !S_ISDIR(info.st_mode))
        return FAIL(ST_USAGE, "%s exists already; --force replaces it", path);
    if (S_ISLNK(info.st_mode) && stat(path, &info) != 0)
        return ST_OK; /* a link to nowhere is replaced */
    if (S_ISDIR(info.st_mode))
        return FAIL(ST_USAGE, "cannot write %s: it is a folder", path);
    if (!S_ISREG(info.st_mode))
        return FAIL(ST_USAGE, "cannot write %s: it is not a regular file", path);
    return ST_OK;
}

/* As mkstemp, which would make the file private: here the umask (or the folder's access list) decides. The six letters
 * start at temp[at]. Returns the descriptor or -1 with errno. */
static int open_temp(char *temp, size_t at)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";

    for (int attempt = 0; attempt < 100; attempt++) {
        unsigned char random[6];
        if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
            return -1;
        for (size_t i = 0; i < sizeof random; i++)
            temp[at + i] = letters[random[i] % (sizeof letters - 1)];
        const int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

/* *temp is heap. On failure: blame with the reason. */
static enum status create_temp(const char *path, enum status blame, char **temp, int *fd)
{
    static const char ending[] = ".XXXXXX.tmp";
    const size_t length = strlen(path);

    *temp = mem_array(length + sizeof ending, 1);
    TRY_MEM(*temp);
    memcpy(*temp, path, length);
    memcpy(*temp + length, ending, sizeof ending);
    *fd = open_temp(*temp, length + 1);
    if (*fd >= 0)
        return ST_OK;

    const int fault = errno;
    free(*temp);
    *temp = NULL;
    if (fault == ENOENT || fault == ENOTDIR)
        return FAIL(blame, "cannot write %s: its folder does not exist", path);
    if (fault == EACCES || fault == EPERM || fault == EROFS)
        return FAIL(blame, "cannot write %s: its folder is not writable (%s)", path, strerror(fault));
    return FAIL(blame, "cannot write %s: %s", path, strerror(fault));
}

enum status file_out_open(struct file_out *out, const char *path, bool force)
{
    int fd;

    *out = (struct file_out){.force = force};
    TRY(check_target(path, force));
    out->path = mem_array(strlen(path) + 1, 1);
    TRY_MEM(out->path);
    memcpy(out->path, path, strlen(path) + 1);
    const enum status st = create_temp(path, ST_IO, &out->temp_path, &fd);
    if (st != ST_OK) {
        file_out_discard(out);
        return st;
    }
    out->stream = fdopen(fd, "wb");
    if (!out->stream) {
        const int fault = errno;
        close(fd);
        file_out_discard(out);
        return FAIL(ST_NOMEM, "cannot write %s: %s", path, strerror(fault));
    }
    return ST_OK;
}

/* Best effort: what was renamed is in place whether or not the folder can be synced. */
static void sync_folder_of(char *path)
{
    char *slash = strrchr(path, '/');

    if (slash)
        slash[slash == path] = '\0'; /* "/x" is in "/" */
    const int fd = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

/* Gives temp the name path only if that is free. Returns 0 or an errno. */
static int rename_if_free(const char *temp, const char *path)
{
    struct stat info;

    if (renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP)
        return errno;
    if (link(temp, path) == 0) { /* for file systems that do not know the flag */
        unlink(temp);
        return 0;
    }
    if (errno != EPERM && errno != ENOSYS && errno != ENOTSUP)
        return errno;
    if (lstat(path, &info) == 0) /* no hard links either (some network mounts): a narrow race rather than no result */
        return EEXIST;
    return rename(temp, path) == 0 ? 0 : errno;
}

enum status file_out_commit(struct file_out *out)
{
    enum status st = ST_OK;
    int fault = 0;

    if (fflush(out->stream) != 0)
        fault = errno;
    else if (ferror(out->stream)) /* an earlier write failed; its reason is gone */
        fault = EIO;
    if (!fault && fsync(fileno(out->stream)) != 0 && errno != EINVAL && errno != ENOSYS && errno != ENOTSUP)
        fault = errno;
    if (fclose(out->stream) != 0 && !fault)
        fault = errno;
    out->stream = NULL;
    if (!fault && out->force)
        fault = rename(out->temp_path, out->path) == 0 ? 0 : errno;
    else if (!fault)
        fault = rename_if_free(out->temp_path, out->path);

    if (fault == 0) {
        sync_folder_of(out->path);
        free(out->temp_path);
        out->temp_path = NULL;
    } else if (fault == EEXIST && !out->force) {
        st = FAIL(ST_USAGE, "%s appeared while it was being made and is left as it is; --force replaces it", out->path);
    } else {
        st = FAIL(ST_IO, "cannot write %s: %s", out->path, strerror(fault));
    }
    file_out_discard(out);
    return st;
}

void file_out_discard(struct file_out *out)
{
    if (out->stream)
        fclose(out->stream);
    if (out->temp_path)
        unlink(out->temp_path);
    free(out->temp_path);
    free(out->path);
    *out = (struct file_out){0};
}

enum status file_out_end(struct file_out *out, enum status st)
{
    if (st == ST_OK)
        return file_out_commit(out);
    file_out_discard(out);
    return st;
}

enum status file_check_output(const char *path, bool force)
{
    char *temp;
    int fd;

    TRY(check_target(path, force));
    TRY(create_temp(path, ST_USAGE, &temp, &fd)); /* only trying gives a reliable answer on network mounts */
    close(fd);
    unlink(temp);
    free(temp);
    return ST_OK;
}

char *file_with_suffix(const char *path, const char *suffix)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    const size_t stem = dot && dot > name ? (size_t)(dot - path) : strlen(path); /* ".film" is a name, not a suffix */
    char *result = mem_array(stem + strlen(suffix) + 1, 1);

    if (result) {
        memcpy(result, path, stem);
        memcpy(result + stem, suffix, strlen(suffix) + 1);
    }
    return result;
}

static bool is_same_inode(const char *a, const char *b)
{
    struct stat x, y;

    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool file_is_same(const char *a, const char *b)
{
    const char *slash_a = strrchr(a, '/'), *slash_b = strrchr(b, '/');
    char folder_a[PATH_MAX], folder_b[PATH_MAX];

    if (is_same_inode(a, b))
        return true;
    if (strcmp(slash_a ? slash_a + 1 : a, slash_b ? slash_b + 1 : b) != 0)
        return false;
    snprintf(folder_a, sizeof folder_a, "%.*s", slash_a ? (int)(slash_a - a) + 1 : 1, slash_a ? a : ".");
    snprintf(folder_b, sizeof folder_b, "%.*s", slash_b ? (int)(slash_b - b) + 1 : 1, slash_b ? b : ".");
    return is_same_inode(folder_a, folder_b);
}

enum status file_check_outputs(const char *const *outputs, int n, const char *const *inputs, int n_inputs, bool force)
{
    for (int i = 0; i < n; i++) {
        if (!outputs[i])
            continue;
        for (int j = 0; j < n_inputs; j++)
            if (inputs[j] && file_is_same(outputs[i], inputs[j]))
                return FAIL(ST_USAGE, "the output %s is an input as well", outputs[i]);
        for (int j = 0; j < i; j++)
            if (outputs[j] && file_is_same(outputs[i], outputs[j]))
                return FAIL(ST_USAGE, "two outputs are the same file: %s", outputs[i]);
        TRY(file_check_output(outputs[i], force));
    }
    return ST_OK;
}

enum status file_in_open(struct file_in *in, const char *path, int64_t most_bytes)
{
    struct stat info;

    *in = (struct file_in){.path = path,
                           .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)}; /* opening a FIFO must not block */
    if (in->fd < 0)
        return FAIL(ST_USAGE, "cannot read %s: %s", path, strerror(errno));
    if (fstat(in->fd, &info) != 0 || !S_ISREG(info.st_mode))
        return FAIL(ST_USAGE, "cannot read %s: it is not a regular file", path);
    in->bytes = info.st_size;
    if (in->bytes > most_bytes)
        return FAIL(ST_USAGE, "%s is too long: %lld bytes, at most %lld are read", path, (long long)in->bytes,
                    (long long)most_bytes);
    return ST_OK;
}

enum status file_in_read(struct file_in *in, enum status at_fault, void *to, size_t wanted, size_t *n)
{
    for (*n = 0; *n < wanted;) {
        const ssize_t got = read(in->fd, (char *)to + *n, wanted - *n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return FAIL(at_fault, "cannot read %s: %s", in->path, strerror(errno));
        if (got == 0)
            break;
        *n += (size_t)got;
    }
    return ST_OK;
}

void file_in_close(struct file_in *in)
{
    if (in->fd >= 0)
        close(in->fd);
    in->fd = -1;
}

enum status file_read_most(const char *path, enum status at_fault, int64_t most_bytes, char **text, size_t *bytes)
{
    struct file_in in;

    *text = NULL;
    *bytes = 0;
    enum status st = file_in_open(&in, path, most_bytes);
    if (st == ST_OK)
        *text = mem_array((size_t)in.bytes + 1, 1);
    if (st == ST_OK && !*text)
        st = ST_NOMEM;
    if (st == ST_OK)
        st = file_in_read(&in, at_fault, *text, (size_t)in.bytes, bytes);
    file_in_close(&in);
    return st;
}

enum status file_read_all(const char *path, enum status at_fault, char **text, size_t *bytes)
{
    return file_read_most(path, at_fault, INT64_MAX, text, bytes);
}

size_t file_read_head(const char *path, void *head, size_t most)
{
    struct file_in in;
    size_t n = 0;

    if (file_in_open(&in, path, INT64_MAX) == ST_OK && file_in_read(&in, ST_FORMAT, head, most, &n) != ST_OK)
        n = 0;
    file_in_close(&in);
    return n;
}

enum status file_sha256(const char *path, enum status at_fault, char hex[65], int64_t *bytes)
{
    enum { PIECE = 1 << 16 };
    uint8_t *piece = mem_array(PIECE, 1), digest[SHA256_BYTES];
    struct sha256 sha;
    struct file_in in;
    size_t n = PIECE;

    *bytes = 0;
    sha256_init(&sha);
    enum status st = file_in_open(&in, path, INT64_MAX);
    if (st == ST_OK && !piece)
        st = ST_NOMEM;
    while (st == ST_OK && n == PIECE) {
        st = file_in_read(&in, at_fault, piece, PIECE, &n);
        sha256_add(&sha, piece, n);
        *bytes += (int64_t)n;
    }
    sha256_end(&sha, digest);
    sha256_digits(digest, hex);
    file_in_close(&in);
    free(piece);
    return st;
}

enum status file_read_at(const char *path, int fd, void *to, size_t n, int64_t at)
{
    for (size_t done = 0; done < n;) {
        const ssize_t got = pread(fd, (char *)to + done, n - done, (off_t)at + (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return FAIL(ST_FORMAT, "cannot read %s: %s", path, got < 0 ? strerror(errno) : "it ends too early");
        done += (size_t)got;
    }
    return ST_OK;
}

enum status file_write_at(const char *path, int fd, const void *from, size_t n, int64_t at)
{
    for (size_t done = 0; done < n;) {
        const ssize_t put = pwrite(fd, (const char *)from + done, n - done, (off_t)at + (off_t)done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return FAIL(ST_IO, "cannot write %s: %s", path, put < 0 ? strerror(errno) : "nothing is taken");
        done += (size_t)put;
    }
    return ST_OK;
}

enum status file_make_folder(const char *path)
{
    struct stat s;

    if (mkdir(path, 0777) == 0 || (errno == EEXIST && stat(path, &s) == 0 && S_ISDIR(s.st_mode)))
        return ST_OK;
    return FAIL(ST_IO, "cannot make the folder %s: %s", path,
                errno == EEXIST ? "a file of this name exists" : strerror(errno));
}
