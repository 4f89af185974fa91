/* test: the harness of the unit tests. A test is a program: it calls CHECK as often as it likes, never stops at a
 * failure, and ends with `return test_end();`: 0 when all held, 1 when any failed or none was made. Each failure is a
 * line with its place. One thread only. */
#ifndef JACQUARD_TESTS_UNIT_TEST_H
#define JACQUARD_TESTS_UNIT_TEST_H

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEST_MAX_SHOWN = 40, TEST_SKIP = 77 /* the exit code that means: could not be run here */ };

static long test_n_checks, test_n_failed;

/* All three yield whether it held. */
#define CHECK(condition) test_check((condition), __FILE__, __LINE__, #condition)
#define CHECK_INT(found, wanted)                                                                                       \
    test_check_int((long long)(found), (long long)(wanted), __FILE__, __LINE__, #found " is " #wanted)
#define CHECK_STR(found, wanted) test_check_str((found), (wanted), __FILE__, __LINE__, #found " is " #wanted)

static inline bool test_failed_here(const char *file, int line)
{
    test_n_failed++;
    if (test_n_failed <= TEST_MAX_SHOWN)
        printf("%s:%d: ", file, line);
    return test_n_failed <= TEST_MAX_SHOWN;
}

static inline bool test_check(bool held, const char *file, int line, const char *what)
{
    test_n_checks++;
    if (!held && test_failed_here(file, line))
        printf("not so: %s\n", what);
    return held;
}

static inline bool test_check_int(long long found, long long wanted, const char *file, int line, const char *what)
{
    test_n_checks++;
    if (found != wanted && test_failed_here(file, line))
        printf("not so: %s: found %lld, wanted %lld\n", what, found, wanted);
    return found == wanted;
}

static inline bool test_check_str(const char *found, const char *wanted, const char *file, int line, const char *what)
{
    const bool held = found && strcmp(found, wanted) == 0;

    test_n_checks++;
    if (!held && test_failed_here(file, line))
        printf("not so: %s: found \"%s\", wanted \"%s\"\n", what, found ? found : "(null)", wanted);
    return held;
}

static inline int test_end(void)
{
    printf("%ld checks, %ld failed\n", test_n_checks, test_n_failed);
    return test_n_failed > 0 || test_n_checks == 0;
}

/* ---- files ---- */

static char test_folder_name[256];

static inline int test_remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

static inline void test_remove_folder(void)
{
    nftw(test_folder_name, test_remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* A folder of this test's own, removed at exit. */
static inline const char *test_folder(void)
{
    if (test_folder_name[0] == '\0') {
        const char *base = getenv("TMPDIR");
        snprintf(test_folder_name, sizeof test_folder_name, "%s/jacquard-test-XXXXXX", base && *base ? base : "/tmp");
        if (!mkdtemp(test_folder_name)) {
            printf("cannot make a folder like %s\n", test_folder_name);
            exit(1);
        }
        atexit(test_remove_folder);
    }
    return test_folder_name;
}

/* A path in it; one of 16 buffers in turn. */
static inline const char *test_path(const char *name)
{
    static char path[16][600];
    static int turn;
    char *p = path[turn++ % 16];

    snprintf(p, sizeof path[0], "%s/%s", test_folder(), name);
    return p;
}

static inline bool test_exists(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0;
}

static inline void test_write(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");

    if (!file || fwrite(bytes, 1, n, file) != n || fclose(file) != 0) {
        printf("cannot write %s\n", path);
        exit(1);
    }
}

/* The whole file as text (heap, a 0 byte after its *n bytes); NULL where there is none. */
static inline char *test_read(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t room = 0;

    *n = 0;
    if (!file)
        return NULL;
    do {
        room = room ? 2 * room : 4096;
        text = realloc(text, room + 1);
        if (!text) {
            printf("out of memory\n");
            exit(1);
        }
        *n += fread(text + *n, 1, room - *n, file);
    } while (*n == room);
    fclose(file);
    text[*n] = '\0';
    return text;
}

#endif
