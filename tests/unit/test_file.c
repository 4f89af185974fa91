/* test_file: outputs appear whole or not at all, and never in the place of something they should not replace. */
#include "base/file.h"

#include "base/lines.h"
#include "base/sha256.h"

#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>

/* Entries of the test's folder. */
static int n_entries(void)
{
    DIR *folder = opendir(test_folder());
    int n = 0;

    if (!folder)
        return -1;
    for (const struct dirent *e = readdir(folder); e; e = readdir(folder))
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(folder);
    return n;
}

static bool holds(const char *path, const char *wanted)
{
    size_t n;
    char *text = test_read(path, &n);
    const bool same = text && strcmp(text, wanted) == 0;

    free(text);
    return same;
}

static bool released(const struct file_out *out)
{
    return !out->stream && !out->path && !out->temp_path;
}

static void write_text(struct file_out *out, const char *text)
{
    if (CHECK(out->stream != NULL))
        CHECK(fputs(text, out->stream) >= 0);
}

static void new_file(void)
{
    const char *path = test_path("new.txt");
    struct file_out out;
    struct stat info;
    const mode_t mask = umask(027);

    CHECK_INT(file_check_output(path, false), ST_OK);
    CHECK_INT(n_entries(), 0);
    CHECK_INT(file_out_open(&out, path, false), ST_OK);
    CHECK_STR(out.path, path);
    CHECK_INT(strlen(out.temp_path), strlen(path) + 11);
    CHECK(strncmp(out.temp_path, path, strlen(path)) == 0);
    CHECK_STR(out.temp_path + strlen(out.temp_path) - 4, ".tmp");
    CHECK(test_exists(out.temp_path));
    CHECK(!test_exists(path));
    CHECK(fcntl(fileno(out.stream), F_GETFD) & FD_CLOEXEC);
    write_text(&out, "whole");
    CHECK(!test_exists(path));
    CHECK_INT(file_out_commit(&out), ST_OK);
    CHECK(released(&out));
    CHECK(holds(path, "whole"));
    CHECK_INT(n_entries(), 1);
    CHECK_INT(stat(path, &info), 0);
    CHECK_INT(info.st_mode & 07777, 0640);
    file_out_discard(&out); /* does nothing after a commit */
    CHECK(holds(path, "whole"));
    umask(mask);
    unlink(path);
}

static void existing_file(void)
{
    const char *path = test_path("old.txt");
    struct file_out out;

    test_write(path, "old", 3);
    CHECK_INT(file_check_output(path, false), ST_USAGE);
    CHECK(strstr(status_message(), "--force") != NULL);
    CHECK_INT(file_out_open(&out, path, false), ST_USAGE);
    CHECK(released(&out));
    CHECK(holds(path, "old"));
    CHECK_INT(n_entries(), 1);

    CHECK_INT(file_check_output(path, true), ST_OK);
    CHECK(holds(path, "old"));
    CHECK_INT(file_out_open(&out, path, true), ST_OK);
    write_text(&out, "newer");
    CHECK(holds(path, "old"));
    CHECK_INT(file_out_commit(&out), ST_OK);
    CHECK(holds(path, "newer"));
    CHECK_INT(n_entries(), 1);
    unlink(path);
}

static void discarded(void)
{
    const char *path = test_path("never.txt");
    struct file_out out = {0};

    file_out_discard(&out);
    CHECK_INT(file_out_open(&out, path, false), ST_OK);
    write_text(&out, "part");
    CHECK_INT(n_entries(), 1);
    file_out_discard(&out);
    CHECK(released(&out));
    CHECK_INT(n_entries(), 0);
    file_out_discard(&out);

    test_write(path, "old", 3);
    CHECK_INT(file_out_open(&out, path, true), ST_OK);
    write_text(&out, "part");
    file_out_discard(&out);
    CHECK(holds(path, "old"));
    CHECK_INT(n_entries(), 1);
    unlink(path);
}

static void appeared_meanwhile(void)
{
    const char *path = test_path("race.txt");
    struct file_out out, second;

    CHECK_INT(file_out_open(&out, path, false), ST_OK);
    write_text(&out, "mine");
    test_write(path, "theirs", 6);
    CHECK_INT(file_out_commit(&out), ST_USAGE);
    CHECK(strstr(status_message(), path) != NULL);
    CHECK(released(&out));
    CHECK(holds(path, "theirs"));
    CHECK_INT(n_entries(), 1);
    unlink(path);

    CHECK_INT(file_out_open(&out, path, false), ST_OK); /* two at once: the first wins */
    CHECK_INT(file_out_open(&second, path, false), ST_OK);
    CHECK(strcmp(out.temp_path, second.temp_path) != 0);
    write_text(&out, "first");
    write_text(&second, "second");
    CHECK_INT(file_out_commit(&out), ST_OK);
    CHECK_INT(file_out_commit(&second), ST_USAGE);
    CHECK(holds(path, "first"));
    CHECK_INT(n_entries(), 1);
    unlink(path);

    CHECK_INT(file_out_open(&out, path, true), ST_OK); /* with force a folder is still not replaced */
    mkdir(path, 0777);
    CHECK_INT(file_out_commit(&out), ST_IO);
    CHECK(released(&out));
    CHECK_INT(n_entries(), 1);
    rmdir(path);
}

static void refuse(const char *path, bool force, enum status opening, const char *reason)
{
    struct file_out out;
    const int before = n_entries();

    CHECK_INT(file_check_output(path, force), ST_USAGE);
    if (!CHECK(strstr(status_message(), reason) != NULL))
        printf("    said: %s\n", status_message());
    CHECK_INT(file_out_open(&out, path, force), opening);
    if (!CHECK(strstr(status_message(), reason) != NULL))
        printf("    said: %s\n", status_message());
    CHECK(released(&out));
    CHECK_INT(n_entries(), before);
}

static void impossible_targets(void)
{
    char longest[NAME_MAX + 100];
    const char *file = test_path("file");

    refuse("", false, ST_USAGE, "empty");
    refuse(test_path("missing/x.png"), false, ST_IO, "does not exist");
    refuse(test_path("missing/"), false, ST_USAGE, "folder");
    refuse(test_folder(), false, ST_USAGE, "folder");
    refuse(test_folder(), true, ST_USAGE, "folder");
    refuse("/dev/null", true, ST_USAGE, "not a regular file");
    CHECK(test_exists("/dev/null"));
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    refuse(test_path(longest), false, ST_IO, "too long");

    test_write(file, "", 0);
    refuse(test_path("file/x.png"), false, ST_IO, "does not exist");
    unlink(file);
}

static void links(void)
{
    const char *path = test_path("link"), *file = test_path("target");
    struct file_out out;

    CHECK_INT(symlink("nowhere", path), 0); /* a link to nowhere is something that exists */
    CHECK_INT(file_check_output(path, false), ST_USAGE);
    CHECK_INT(file_check_output(path, true), ST_OK);
    unlink(path);

    CHECK_INT(symlink(test_folder(), path), 0);
    refuse(path, true, ST_USAGE, "folder");
    unlink(path);

    test_write(file, "kept", 4); /* the link is replaced, not what it points to */
    CHECK_INT(symlink("target", path), 0);
    CHECK_INT(file_out_open(&out, path, true), ST_OK);
    write_text(&out, "new");
    CHECK_INT(file_out_commit(&out), ST_OK);
    CHECK(holds(path, "new"));
    CHECK(holds(file, "kept"));
    unlink(path);
    unlink(file);
}

static void unwritable_folder(void)
{
    const char *folder = test_path("locked"), *path = test_path("locked/x.png");

    if (geteuid() == 0) { /* root may write anywhere */
        printf("not tested as root: a folder without write permission\n");
        return;
    }
    CHECK_INT(mkdir(folder, 0555), 0);
    refuse(path, false, ST_IO, "not writable");
    rmdir(folder);
}

/* A write that fails (here: into a descriptor that cannot be written) must not become a file. */
static void failed_write(void)
{
    const char *path = test_path("full.txt");
    struct file_out out;
    const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    if (full < 0) {
        printf("not tested: no /dev/full here\n");
        return;
    }
    for (int early = 0; early < 2; early++) { /* seen by an earlier flush, or only by the commit's own */
        CHECK_INT(file_out_open(&out, path, false), ST_OK);
        CHECK(dup2(full, fileno(out.stream)) >= 0);
        write_text(&out, "lost");
        if (early)
            CHECK(fflush(out.stream) != 0);
        CHECK_INT(file_out_commit(&out), ST_IO);
        CHECK(released(&out));
        CHECK_INT(n_entries(), 0);
    }
    close(full);
}

static void relative_paths(void)
{
    struct file_out out;
    char here[PATH_MAX];

    CHECK(getcwd(here, sizeof here) != NULL);
    CHECK_INT(chdir(test_folder()), 0);
    CHECK_INT(file_check_output("plain", false), ST_OK);
    CHECK_INT(file_out_open(&out, "plain", false), ST_OK);
    write_text(&out, "x");
    CHECK_INT(file_out_commit(&out), ST_OK);
    CHECK(holds("plain", "x"));
    CHECK_INT(n_entries(), 1);
    unlink("plain");
    CHECK_INT(chdir(here), 0);
}

static void suffixes(void)
{
    static const char *const cases[][3] = {
        {"a/b.mp4", ".png", "a/b.png"},
        {"a/b", ".png", "a/b.png"},
        {"a.b/c", ".png", "a.b/c.png"},
        {"film.tar.gz", ".barcode.png", "film.tar.barcode.png"},
        {".film", ".png", ".film.png"},
        {"a/.film", ".png", "a/.film.png"},
        {"a/.film.mkv", ".x", "a/.film.x"},
        {"b.", ".png", "b.png"},
        {"", ".png", ".png"},
        {"x.png", "", "x"},
        {"x.png", ".average.png", "x.average.png"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *found = file_with_suffix(cases[i][0], cases[i][1]);
        CHECK_STR(found, cases[i][2]);
        free(found);
    }
}

static void most_bytes(void)
{
    char *text = NULL, hex[65], wanted[65];
    static char large[200000];
    size_t n = 0;
    int64_t bytes = 0;

    test_write(test_path("ten"), "0123456789", 10);
    CHECK_INT(file_read_most(test_path("ten"), ST_IO, 10, &text, &n), ST_OK);
    CHECK_STR(text, "0123456789");
    CHECK_INT(n, 10);
    free(text);
    CHECK_INT(file_read_most(test_path("ten"), ST_IO, 9, &text, &n), ST_USAGE);
    CHECK(strstr(status_message(), "ten is too long: 10 bytes, at most 9 are read") && !text && n == 0);

    /* A file of 1 TiB with nothing in it: refused without looking for the memory. */
    CHECK_INT(truncate(test_path("ten"), (off_t)1 << 40), 0);
    CHECK_INT(file_read_most(test_path("ten"), ST_IO, 1 << 30, &text, &n), ST_USAGE);
    CHECK(!text);
    CHECK_INT(unlink(test_path("ten")), 0);

    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (char)(i * 7 + i / 1000);
    const size_t sizes[] = {0, 1, 65535, 65536, 65537, 131072, sizeof large};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        test_write(test_path("large"), large, sizes[i]);
        sha256_hex(large, sizes[i], wanted);
        CHECK_INT(file_sha256(test_path("large"), ST_IO, hex, &bytes), ST_OK);
        CHECK_STR(hex, wanted);
        CHECK_INT(bytes, sizes[i]);
    }
    CHECK_INT(file_sha256(test_path("absent"), ST_IO, hex, &bytes), ST_USAGE);
    CHECK_INT(file_sha256(test_folder(), ST_IO, hex, &bytes), ST_USAGE);
}

/* Reads text by lines of at most `longest` bytes: "a|b|cut>|". */
static const char *read_lines(const char *text, size_t n, size_t longest, int64_t most, enum status *st)
{
    static char all[400];
    struct lines lines;
    size_t length = 0;
    char *line = NULL;
    bool is_cut = false;

    test_write(test_path("lines"), text, n);
    const int fd = open(test_path("lines"), O_RDONLY);
    all[0] = '\0';
    lines_start(&lines, fd, "the lines", ST_IO, longest, most);
    while ((*st = lines_next(&lines, &line, &length, &is_cut)) == ST_OK) {
        CHECK(length <= longest && line[length] == '\0');
        if (strlen(all) > sizeof all - 40)
            continue;
        strncat(all, line, 30);
        strcat(all, is_cut ? ">|" : "|");
    }
    lines_end(&lines);
    close(fd);
    return all;
}

static void by_lines(void)
{
    static char text[400000];
    enum status st;

    CHECK_STR(read_lines("", 0, 10, 1000, &st), "");
    CHECK_INT(st, ST_END);
    CHECK_STR(read_lines("a\nb", 3, 10, 1000, &st), "a|b|");
    CHECK_STR(read_lines("a\n\nb\n", 5, 10, 1000, &st), "a||b|");
    CHECK_STR(read_lines("1234\n12345\n123456\n1\n", 20, 5, 1000, &st), "1234|12345|12345>|1|");
    CHECK_STR(read_lines("123456789", 9, 5, 1000, &st), "12345>|");
    CHECK_STR(read_lines("123456", 6, 5, 1000, &st), "12345>|");
    CHECK_STR(read_lines("12345", 5, 5, 1000, &st), "12345|");
    CHECK_INT(st, ST_END);
    memset(text, 'x', sizeof text); /* longer than any window */
    CHECK_STR(read_lines(text, sizeof text, 3, sizeof text, &st), "xxx>|");
    CHECK_INT(st, ST_END);
    memcpy(text + sizeof text - 4, "\nab\n", 4);
    CHECK_STR(read_lines(text, sizeof text, 3, sizeof text, &st), "xxx>|ab|");
    memset(text, '\n', 150000);
    memcpy(text + 65530, "0123456789", 10); /* over the window's end */
    text[150000 - 1] = '\n';
    struct lines lines;
    char *line;
    size_t length, n_lines = 0, n_long = 0;
    bool is_cut;
    test_write(test_path("many"), text, 150000);
    const int fd = open(test_path("many"), O_RDONLY);
    lines_start(&lines, fd, "many", ST_IO, 1 << 20, 1 << 20);
    for (; lines_next(&lines, &line, &length, &is_cut) == ST_OK; n_lines++)
        n_long += length == 10 && memcmp(line, "0123456789", 10) == 0;
    CHECK_INT(n_lines, 150000 - 10);
    CHECK_INT(n_long, 1);
    lines_end(&lines);
    close(fd);
    read_lines(text, sizeof text, 3, sizeof text - 1, &st);
    CHECK_INT(st, ST_USAGE);
    CHECK(strstr(status_message(), "the lines is too long"));
    lines_start(&lines, -1, "nothing", ST_IO, 10, 10);
    CHECK_INT(lines_next(&lines, &line, &length, &is_cut), ST_IO);
    lines_end(&lines);
}

int main(void)
{
    CHECK_INT(n_entries(), 0);
    new_file();
    existing_file();
    discarded();
    appeared_meanwhile();
    impossible_targets();
    links();
    unwritable_folder();
    failed_write();
    relative_paths();
    suffixes();
    CHECK_INT(n_entries(), 0);
    most_bytes();
    by_lines();
    return test_end();
}
