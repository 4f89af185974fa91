/* test_file_mark: a file's mark is the same as long as the file is, and another one where it is looked at and changed.
 */
#include "base/file_mark.h"

#include "test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

static const char *file_of(int64_t bytes)
{
    const char *path = test_path("file");
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

    CHECK(fd >= 0 && ftruncate(fd, bytes) == 0 && close(fd) == 0);
    return path;
}

/* The byte at `at` becomes another one; the time stays, as far as the marks are asked for it. */
static void change(const char *path, int64_t at)
{
    const int fd = open(path, O_WRONLY);

    CHECK(fd >= 0 && pwrite(fd, "x", 1, at) == 1 && close(fd) == 0);
}

static bool sees_change(int64_t bytes, int64_t at, int n_parts)
{
    const char *path = file_of(bytes);
    struct file_mark before, after;

    CHECK_INT(file_mark_take("thing", path, n_parts, &before), ST_OK);
    CHECK_INT(before.bytes, bytes);
    CHECK_INT(strlen(before.fingerprint), 64);
    CHECK_INT(file_mark_check("thing", path, n_parts, &before), ST_OK);
    change(path, at);
    CHECK_INT(file_mark_take("thing", path, n_parts, &after), ST_OK);
    return strcmp(before.fingerprint, after.fingerprint) != 0;
}

static void parts(void)
{
    static const int64_t sizes[] = {1, MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + 1};

    /* Throughout: of a short file every byte. */
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int j = 0; j <= 4; j++)
            CHECK(sees_change(sizes[i], (sizes[i] - 1) * j / 4, FILE_MARK_THROUGHOUT));
    CHECK(sees_change(5 * MIB, MIB - 1, FILE_MARK_ENDS));
    CHECK(!sees_change(5 * MIB, MIB, FILE_MARK_ENDS));
    CHECK(!sees_change(5 * MIB, 4 * MIB - 1, FILE_MARK_ENDS));
    CHECK(sees_change(5 * MIB, 4 * MIB, FILE_MARK_ENDS));
    CHECK(sees_change(2 * MIB, MIB, FILE_MARK_ENDS));
    /* Of a long one the ends and what lies evenly between: with 3 parts of 9 MiB the fifth. */
    CHECK(sees_change(9 * MIB, 4 * MIB, 3));
    CHECK(!sees_change(9 * MIB, 4 * MIB - 1, 3));
    CHECK(sees_change(INT64_C(8) << 30, (INT64_C(8) << 30) - 1, 16)); /* a hole, but for its end */
}

static void changes(void)
{
    const char *path = file_of(3 * MIB);
    const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1, .tv_nsec = 1}};
    struct file_mark mark, none = {0};

    CHECK_INT(file_mark_take("thing", path, FILE_MARK_ENDS, &mark), ST_OK);
    CHECK_INT(utimensat(AT_FDCWD, path, times, 0), 0); /* the content is the same, as far as it was looked at */
    CHECK_INT(file_mark_check("thing", path, FILE_MARK_ENDS, &mark), ST_FORMAT);
    CHECK(strstr(status_message(), "file changed while it was read"));
    CHECK_INT(file_mark_take("thing", path, FILE_MARK_ENDS, &mark), ST_OK);
    CHECK_INT(mark.mtime_ns, 1000000001);
    change(path, 0);
    CHECK_INT(utimensat(AT_FDCWD, path, times, 0), 0); /* the time says nothing */
    CHECK_INT(file_mark_check("thing", path, FILE_MARK_ENDS, &mark), ST_FORMAT);
    CHECK_INT(unlink(path), 0);
    CHECK_INT(file_mark_check("thing", path, FILE_MARK_ENDS, &mark), ST_FORMAT);
    CHECK_INT(file_mark_take("thing", path, FILE_MARK_ENDS, &mark), ST_USAGE);
    CHECK(strstr(status_message(), "cannot open thing ") && memcmp(&mark, &none, sizeof mark) == 0);
}

int main(void)
{
    parts();
    changes();
    return test_end();
}
