/* test_listing: which films a catalogue has and what their outputs are called: folders with all that file systems can
 * hold are walked, the same film is listed once, and names are harmless, unique and the same every time. */
#include "catalog/listing/content.h"
#include "catalog/listing/listing.h"
#include "catalog/listing/names.h"
#include "catalog/out_path.h"
#include "catalog/listing/path.h"

#include "base/sha256.h"
#include "test.h"

#include <fcntl.h>
#include <stdint.h>

/* ---- helpers ---- */

static void make_folder(const char *name)
{
    if (mkdir(test_path(name), 0777) != 0) {
        printf("cannot make the folder %s\n", test_path(name));
        exit(1);
    }
}

static void make_film(const char *name)
{
    test_write(test_path(name), name, strlen(name));
}

static void make_link(const char *target, const char *name)
{
    CHECK_INT(symlink(target, test_path(name)), 0);
}

static void empty_folder(void)
{
    test_remove_folder();
    CHECK_INT(mkdir(test_folder(), 0777), 0);
}

/* Lists; the films' paths below the test's folder one after the other, "a.mp4|b/c.mkv|". */
static const char *list(const struct listing_request *request, struct listing *listing)
{
    static char text[8192];
    const size_t root = strlen(test_folder());

    text[0] = '\0';
    if (!CHECK_INT(listing_make(listing, request), ST_OK))
        printf("    said: %s\n", status_message());
    for (int64_t i = 0; i < listing->n; i++) {
        const char *path = listing->film[i].path;
        const bool is_inside = strncmp(path, test_folder(), root) == 0 && path[root] == '/';
        strcat(strcat(text, is_inside ? path + root + 1 : path), "|");
    }
    return text;
}

#define CHECK_LIST(request, wanted, passed_over, twice)                                                                \
    do {                                                                                                               \
        struct listing checked;                                                                                        \
        CHECK_STR(list((request), &checked), (wanted));                                                                \
        CHECK_INT(checked.passed.n, (passed_over));                                                                    \
        CHECK_INT(checked.n_twice, (twice));                                                                           \
        listing_release(&checked);                                                                                     \
    } while (0)

static void check_refused(const struct listing_request *request, const char *words)
{
    struct listing listing;

    CHECK_INT(listing_make(&listing, request), ST_USAGE);
    if (!CHECK(strstr(status_message(), words) != NULL))
        printf("    \"%s\" lacks \"%s\"\n", status_message(), words);
    listing_release(&listing);
    CHECK(listing.n == 0 && !listing.film);
}

/* ---- folders ---- */

static void suffixes(void)
{
    static const char all[] =
        "mp4 m4v mov mkv webm avi mpg mpeg m2v ts m2ts mts vob flv f4v wmv asf ogv ogm 3gp 3g2 "
        "mxf dv gif h264 264 hevc 265 h265 ivf nut rm rmvb y4m divx av1 obu mj2 wtv m1v qt m2t m2p tod "
        "trp vro evo mk3d apng pva nsv 4xm dxa mjpg mjpeg";
    const char *input[] = {test_folder()};
    const struct listing_request request = {.input = input, .n_inputs = 1};
    char copy[sizeof all], name[64];
    struct listing listing;
    int n = 0;

    strcpy(copy, all);
    for (char *s = strtok(copy, " "); s; s = strtok(NULL, " "), n++) {
        snprintf(name, sizeof name, "film.%s", s);
        make_film(name);
    }
    CHECK_INT(n, 55);
    list(&request, &listing);
    CHECK_INT(listing.n, n);
    CHECK_INT(listing.passed.n, 0);
    listing_release(&listing);
    empty_folder();
    make_film("a.MP4");
    make_film("b.MkV");
    make_film("c.mp4.txt");
    make_film("d.mp3");
    make_film("mp4");
    make_film("e.mp");
    make_film("f.mp45");
    make_film("g.");
    make_folder("h.mp4"); /* a folder that is called like a film */
    make_film("h.mp4/i.ts");
    CHECK_LIST(&request, "a.MP4|b.MkV|h.mp4/i.ts|", 6, 0);
    empty_folder();
}

/* --- what a file is by its first bytes ---------------------------------------------------------------------------- */

/* An Ogg page that begins a stream, or goes on with one. */
static size_t put_page(uint8_t *to, bool is_first, const char *payload, size_t n)
{
    memset(to, 0, 28);
    memcpy(to, "OggS", 4);
    to[5] = is_first ? 2 : 0;
    to[26] = 1; /* one segment */
    to[27] = (uint8_t)n;
    memcpy(to + 28, payload, n);
    return 28 + n;
}

static void contents(void)
{
    static const char vorbis[] = "\x01vorbis and more", theora[] = "\x80theora and more";
    static uint8_t bytes[2000];
    size_t n = put_page(bytes, true, vorbis, sizeof vorbis);

    CHECK(!content_is_film(bytes, n));
    const size_t second = n;
    n += put_page(bytes + n, true, theora, sizeof theora);
    CHECK(content_is_film(bytes, n));
    for (size_t cut = 0; cut < second + 28 + 7; cut++)
        CHECK(!content_is_film(bytes, cut));
    bytes[second + 5] = 0; /* not the first page of a stream: what it holds does not name a codec */
    CHECK(!content_is_film(bytes, n));
    put_page(bytes, true, "OVP80 ", 6);
    CHECK(content_is_film(bytes, 40));
    put_page(bytes, true, "OpusHead", 8);
    CHECK(!content_is_film(bytes, 40));

    static const struct {
        const char *bytes;
        size_t n;
        bool is_film;
    } heads[] = {
        {"\0\0\1\xba\x44", 5, true},
        {"\0\0\1\xb3\x14", 5, true},
        {"RIFF\1\2\3\4CDXAfmt ", 16, true},
        {"RIFF\1\2\3\4AVI LIST", 16, true},
        {"RIFF\1\2\3\4WAVEfmt ", 16, false},
        {"xxxx\1\2\3\4AVI LIST", 16, false},
        {"\0\0\0\x18"
         "ftypisom",
         12, true},
        {"\x1a\x45\xdf\xa3", 4, true},
        {"\x1a\x45\xdf", 3, false},
        {"module github.com/x/y\n\ngo 1.20\n", 32, false},
        {"\x7f"
         "ELF\2\1\1",
         7, false},
        {"", 0, false},
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (!CHECK_INT(content_is_film((const uint8_t *)heads[i].bytes, heads[i].n), heads[i].is_film))
            printf("    head %zu\n", i);
    for (size_t size = 188; size <= 204; size++) { /* packets, the recording begins within one */
        memset(bytes, 0xff, sizeof bytes);
        for (size_t at = 77; at < sizeof bytes; at += size)
            bytes[at] = 0x47;
        CHECK_INT(content_is_film(bytes, sizeof bytes), size == 188 || size == 192 || size == 204);
    }
}

/* Suffixes that films share with music and data: taken if they begin like films, else counted, never refused. */
static void doubtful_files(void)
{
    static const char pack[] = "\0\0\1\xba\x44\0\4\0";
    const char *input[] = {test_folder(), NULL}, *include[] = {"*.mod"};
    struct listing_request request = {.input = input, .n_inputs = 1};
    struct listing listing;
    uint8_t page[64];

    test_write(test_path("camera.MOD"), pack, sizeof pack);
    test_write(test_path("disc.dat"), pack, sizeof pack);
    test_write(test_path("film.ogg"), page, put_page(page, true, "\x80theora", 7));
    test_write(test_path("song.ogg"), page, put_page(page, true, "\x01vorbis", 7));
    make_film("go.mod");
    make_film("table.dat");
    make_film("empty.dat");
    make_film("cover.jpg");
    make_film("COVER.JPG");
    make_film("README");
    make_film("odd.s f");
    CHECK_INT(mkfifo(test_path("pipe.dat"), 0666), 0);
    make_link("absent", "dead.ogg");
    CHECK_STR(list(&request, &listing), "camera.MOD|disc.dat|film.ogg|");
    CHECK_INT(listing.passed.n, 10);
    char text[200];
    passed_describe(&listing.passed, text, sizeof text);
    CHECK_STR(text, "3 .dat, 2 without a suffix, 2 .jpg, 2 .ogg, 1 .mod");
    listing_release(&listing);
    input[1] = test_path("table.dat"); /* named: its turn will say what it is */
    request.n_inputs = 2;
    CHECK_LIST(&request, "camera.MOD|disc.dat|film.ogg|table.dat|", 10, 0);
    request.include = include; /* asked for: whatever it begins like */
    request.n_includes = 1;
    CHECK_LIST(&request, "go.mod|", 13, 0);
    empty_folder();
}

static void passed_over(void)
{
    static struct passed p, empty;
    char name[64], text[400];

    passed_describe(&empty, text, sizeof text);
    CHECK_STR(text, "none");
    for (int i = 0; i < 300; i++) { /* more kinds than are kept */
        snprintf(name, sizeof name, "dir.x/f.k%d", i);
        for (int j = 0; j < (i < 12 ? 20 - i : 1); j++)
            passed_add(&p, name);
    }
    passed_add(&p, "x.averyveryverylongsuffix");
    passed_add(&p, "dir.jpg/none");
    passed_add(&p, ".jpg");
    passed_sort(&p);
    CHECK_INT(p.n_kinds, PASSED_MOST_KINDS);
    CHECK_INT(p.n, 20 * 12 - 66 + 288 + 3);
    CHECK_INT(p.n_others, 103);
    passed_describe(&p, text, sizeof text);
    CHECK_STR(text, "20 .k0, 19 .k1, 18 .k2, 17 .k3, 16 .k4, 15 .k5, 14 .k6, 13 .k7, 12 .k8, 11 .k9, 310 others");
    passed_describe(&p, text, 12); /* cut, not past the end */
    CHECK_INT(strlen(text), 11);
}

/* ---- names of inputs ---- */

static void check_place(const char *base, const char *name, const char *wanted)
{
    char *path = path_place(base, name);

    CHECK_STR(path, wanted);
    free(path);
}

static void places(void)
{
    check_place("/w", ".", "/w");
    check_place("/w", "./", "/w");
    check_place("/w", ".//", "/w");
    check_place("/w", "././/", "/w");
    check_place("/w", ".//a", "/w/a");
    check_place("/w", "./.hidden/", "/w/.hidden");
    check_place("/w", "a//b/./c/.", "/w/a/b/c");
    check_place("/w", "..", "/w/..");
    check_place("/w", "..//x/", "/w/../x");
    check_place("/w", "...", "/w/...");
    check_place("/w", "/", "/");
    check_place("/w", "//", "/");
    check_place("/w", "/./", "/");
    check_place("/w", "/a//b//", "/a/b");
    check_place("/", "a", "/a");
    check_place("/", ".//", "/");
    check_place(NULL, ".//a", ".//a");
}

/* However a folder is written, it is that folder, and its films have the same names. */
static void endings(void)
{
    static const char *const spelled[] = {".", "./", ".//", "././", "./.", ".//.//", "../in", "../in/", "..//in//."};
    char *before = getcwd(NULL, 0), base[700];
    const char *input[1];
    struct listing_request request = {.input = input, .n_inputs = 1, .base = base};
    struct listing listing;

    make_folder("in");
    make_film("in/a.mp4");
    make_folder("in/sub");
    make_film("in/sub/b.mp4");
    make_film("outside.mp4");
    make_link("in/sub", "link");
    snprintf(base, sizeof base, "%s", test_path("in"));
    if (!before || chdir(base) != 0) {
        printf("cannot go to %s\n", base);
        exit(1);
    }
    for (size_t i = 0; i < sizeof spelled / sizeof *spelled; i++) {
        input[0] = spelled[i];
        const char *wanted = spelled[i][1] == '.' ? "in/../in/a.mp4|in/../in/sub/b.mp4|" : "in/a.mp4|in/sub/b.mp4|";
        if (!CHECK_STR(list(&request, &listing), wanted))
            printf("    %s\n", spelled[i]);
        listing_release(&listing);
    }
    input[0] = ".//sub//";
    CHECK_LIST(&request, "in/sub/b.mp4|", 0, 0);
    input[0] = ".//a.mp4";
    CHECK_LIST(&request, "in/a.mp4|", 0, 0);
    input[0] = "a.mp4/"; /* a file is not a folder */
    check_refused(&request, "a.mp4/: Not a directory");
    const char *both[] = {"../link/", "."}; /* a link, its slash notwithstanding: the film's own name is kept */
    request.input = both;
    request.n_inputs = 2;
    CHECK_LIST(&request, "in/a.mp4|in/sub/b.mp4|", 0, 0);
    CHECK_INT(chdir(before), 0);
    free(before);
    empty_folder();
}

static void odd_names(void)
{
    const char *input[] = {test_folder()};
    const struct listing_request request = {.input = input, .n_inputs = 1};
    struct listing listing;
    struct stat info;

    make_film("-rf.mp4");
    make_film(".hidden.mp4");
    make_film(".mp4");
    make_film("a\nb.mp4");
    make_film("caf\xe9.mp4"); /* Latin-1 */
    make_film("film.mp4 ");
    make_film("\xe6\x98\xa0.mp4");
    make_folder(".folder");
    make_film(".folder/x.mp4");
    make_folder("[a*b?]");
    make_film("[a*b?]/'\"$(x).mp4");
    CHECK_LIST(&request, "-rf.mp4|[a*b?]/'\"$(x).mp4|a\nb.mp4|caf\xe9.mp4|\xe6\x98\xa0.mp4|", 1, 0);

    list(&request, &listing); /* sizes and times */
    CHECK_INT(stat(test_path("-rf.mp4"), &info), 0);
    if (CHECK(listing.n > 0)) {
        CHECK_INT(listing.film[0].bytes, 7);
        CHECK_INT(listing.film[0].mtime_ns, (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec);
        CHECK(listing.film[0].name == NULL);
    }
    listing_release(&listing);
    empty_folder();
}

/* The same list whatever the inputs look like: slashes at their ends, a part given again. */
static void inputs(void)
{
    char slashed[700], inside[700];
    const char *input[] = {slashed, inside, inside};
    struct listing_request request = {.input = input, .n_inputs = 1};

    make_folder("in");
    make_folder("in/sub");
    make_folder("in/sub/deep");
    make_film("in/b.mp4");
    make_film("in/sub/a.mp4");
    make_film("in/sub/deep/c.mp4");
    make_film("in/note.txt");
    snprintf(slashed, sizeof slashed, "%s/in//", test_folder());
    snprintf(inside, sizeof inside, "%s/in/sub", test_folder());
    CHECK_LIST(&request, "in//b.mp4|in//sub/a.mp4|in//sub/deep/c.mp4|", 1, 0);
    snprintf(slashed, sizeof slashed, "%s/in/", test_folder());
    CHECK_LIST(&request, "in/b.mp4|in/sub/a.mp4|in/sub/deep/c.mp4|", 1, 0);
    request.n_inputs = 3;
    CHECK_LIST(&request, "in/b.mp4|in/sub/a.mp4|in/sub/deep/c.mp4|", 1, 0);
    snprintf(inside, sizeof inside, "%s/in/sub/a.mp4", test_folder());
    CHECK_LIST(&request, "in/b.mp4|in/sub/a.mp4|in/sub/deep/c.mp4|", 1, 2);
    snprintf(inside, sizeof inside, "%s/in/note.txt", test_folder()); /* named: whatever its suffix */
    CHECK_LIST(&request, "in/b.mp4|in/note.txt|in/sub/a.mp4|in/sub/deep/c.mp4|", 1, 1);
    snprintf(inside, sizeof inside, "%s/absent.mp4", test_folder());
    check_refused(&request, "absent.mp4: No such file");
    request.n_inputs = 0;
    CHECK_LIST(&request, "", 0, 0);
    empty_folder();
}

static void links(void)
{
    const char *input[] = {test_folder(), NULL};
    struct listing_request request = {.input = input, .n_inputs = 1};

    make_folder("a");
    make_folder("m");
    make_folder("m/real");
    make_film("m/real/film.mp4");
    make_film("z.mkv");
    make_link("../m/real", "a/link"); /* found before the folder that it leads to, kept after it */
    make_link("..", "m/real/up");     /* loops */
    make_link(".", "m/self");
    make_link("m/real/film.mp4", "0.mp4"); /* sorted before what it leads to */
    make_link("z.mkv", "y.dat");           /* no film's suffix: no film */
    make_link("absent", "dead.mp4");       /* dead links */
    make_link("absent", "dead.txt");
    make_link("loop.mp4", "loop.mp4");
    CHECK_LIST(&request, "dead.mp4|loop.mp4|m/real/film.mp4|z.mkv|", 2, 1);
    CHECK_INT(link(test_path("z.mkv"), test_path("b.mkv")), 0); /* hard links: the first by path */
    CHECK_INT(link(test_path("z.mkv"), test_path("m/c.mkv")), 0);
    CHECK_LIST(&request, "b.mkv|dead.mp4|loop.mp4|m/real/film.mp4|", 2, 3);
    input[0] = test_path("a"); /* only by the link */
    CHECK_LIST(&request, "a/link/film.mp4|a/link/up/c.mkv|", 0, 0);
    input[0] = test_path("a/link"); /* a link that is named, then what it leads to */
    CHECK_LIST(&request, "a/link/film.mp4|a/link/up/c.mkv|", 0, 0);
    input[1] = test_path("m");
    request.n_inputs = 2;
    CHECK_LIST(&request, "m/c.mkv|m/real/film.mp4|", 0, 0);
    input[0] = test_path("0.mp4");
    CHECK_LIST(&request, "m/c.mkv|m/real/film.mp4|", 0, 1);
    request.n_inputs = 1;
    CHECK_LIST(&request, "0.mp4|", 0, 0);
    input[0] = test_path("dead.txt"); /* named: listed */
    CHECK_LIST(&request, "dead.txt|", 0, 0);
    empty_folder();
}

/* A folder that only links lead to is walked by the first of them; what is not behind a link comes before. */
static void linked_folders(void)
{
    const char *input[] = {test_path("in")};
    const struct listing_request request = {.input = input, .n_inputs = 1};

    make_folder("in");
    make_folder("outside");
    make_folder("outside/sub");
    make_film("outside/sub/a.mp4");
    make_film("outside/sub/b.mp4");
    make_link("../outside", "in/link 2");
    make_link("../outside", "in/link 1");
    make_link("../outside", "in/link 3");
    CHECK_INT(link(test_path("outside/sub/b.mp4"), test_path("in/z.mp4")), 0);
    CHECK_LIST(&request, "in/link 1/sub/a.mp4|in/z.mp4|", 0, 1);
    empty_folder();
}

static void no_regular_files(void)
{
    const char *input[] = {test_folder()};
    const struct listing_request request = {.input = input, .n_inputs = 1};
    struct listing listing;

    CHECK_INT(mkfifo(test_path("pipe.mp4"), 0666), 0);
    CHECK_INT(mkfifo(test_path("pipe"), 0666), 0);
    make_link("/dev/null", "null.mkv");
    make_link("absent", "x.ts");
    CHECK_STR(list(&request, &listing), "null.mkv|pipe.mp4|x.ts|");
    CHECK_INT(listing.passed.n, 1);
    for (int64_t i = 0; i < listing.n; i++)
        CHECK(listing.film[i].bytes == 0 && listing.film[i].mtime_ns == 0);
    listing_release(&listing);
    empty_folder();
}

/* Root may read everything: nothing to see then. */
static void no_permission(void)
{
    const char *input[] = {test_folder()};
    const struct listing_request request = {.input = input, .n_inputs = 1};

    if (geteuid() == 0) {
        printf("not tested as root: folders that cannot be read\n");
        return;
    }
    make_folder("closed");
    make_film("closed/a.mp4");
    make_folder("unsearchable");
    make_film("unsearchable/b.mp4");
    make_film("c.mp4");
    make_folder("unsearchable/sub"); /* noted as a folder, not counted as a file */
    chmod(test_path("closed"), 0);
    chmod(test_path("unsearchable"), 0444);
    CHECK_LIST(&request, "c.mp4|unsearchable/b.mp4|", 0, 0);
    input[0] = test_path("closed");
    check_refused(&request, "cannot read folder");
    chmod(test_path("closed"), 0777);
    chmod(test_path("unsearchable"), 0777);
    empty_folder();
}

static void out_folder(void)
{
    const char *input[] = {test_folder(), NULL};
    struct listing_request request = {.input = input, .n_inputs = 1};

    make_folder("out");
    make_film("out/x.mp4");
    make_film("a.mp4");
    make_link("out", "link");
    request.out = test_path("absent"); /* is made later */
    CHECK_LIST(&request, "a.mp4|out/x.mp4|", 0, 0);
    request.out = test_path("out/");
    CHECK_LIST(&request, "a.mp4|", 0, 0);
    request.out = test_path("link");
    CHECK_LIST(&request, "a.mp4|", 0, 0);
    input[1] = test_path("out/x.mp4"); /* named */
    request.n_inputs = 2;
    CHECK_LIST(&request, "a.mp4|out/x.mp4|", 0, 0);
    input[1] = test_path("./out");
    check_refused(&request, "holds the results (--out)");
    request.out = test_folder();
    request.n_inputs = 1;
    check_refused(&request, "holds the results (--out)");
    empty_folder();
}

static void patterns(void)
{
    const char *input[] = {test_folder(), NULL}, *include[2], *exclude[2];
    struct listing_request request = {.input = input, .n_inputs = 1, .include = include, .exclude = exclude};

    make_folder("extras");
    make_folder("extras/more");
    make_film("extras/x.mp4");
    make_film("extras/more/y.mp4");
    make_film("a.mp4");
    make_film("a.sample.mp4");
    make_film("b.raw");
    make_film("c.txt");
    exclude[0] = "extras/*"; /* '*' matches '/' */
    request.n_excludes = 1;
    CHECK_LIST(&request, "a.mp4|a.sample.mp4|", 4, 0);
    exclude[1] = "*.sample.*";
    request.n_excludes = 2;
    CHECK_LIST(&request, "a.mp4|", 5, 0);
    request.n_excludes = 0;
    include[0] = "*.raw"; /* instead of what has a film's suffix */
    request.n_includes = 1;
    CHECK_LIST(&request, "b.raw|", 5, 0);
    include[1] = "extras/more/?.mp4";
    request.n_includes = 2;
    CHECK_LIST(&request, "b.raw|extras/more/y.mp4|", 4, 0);
    exclude[0] = "[xy].mp4";
    request.n_excludes = 1;
    CHECK_LIST(&request, "b.raw|", 5, 0);
    include[1] = "A.MP4"; /* case counts */
    CHECK_LIST(&request, "b.raw|", 5, 0);
    input[0] = test_path("a.mp4"); /* named files too */
    input[1] = test_path("b.raw");
    request.n_inputs = 2;
    CHECK_LIST(&request, "b.raw|", 1, 0);
    request.n_includes = 0;
    exclude[0] = "b.*";
    CHECK_LIST(&request, "a.mp4|", 1, 0);
    empty_folder();
}

/* ---- list files ---- */

static void write_list(const char *text, size_t n)
{
    test_write(test_path("films.txt"), text, n);
}

static void lists(void)
{
    char *before = getcwd(NULL, 0), list_path[700];
    struct listing_request request = {.list = list_path};
    static const char text[] = "\xef\xbb\xbf"
                               "a.mp4\r\n"
                               "\r\n"
                               "\n"
                               "# remark.mp4\n"
                               "sub\n"
                               "./#odd.mp4\n"
                               "-dash.mp4\r\n"
                               "absent.mp4\n"
                               "absent.mp4\n"
                               " b.mp4\n"
                               "note\n"
                               "caf\xe9.mp4\n"
                               "a.mp4";
    struct listing listing;

    snprintf(list_path, sizeof list_path, "%s", test_path("films.txt"));
    make_folder("sub");
    make_film("sub/s.mp4");
    make_film("sub/t.txt");
    make_film("a.mp4");
    make_film("#odd.mp4");
    make_film("-dash.mp4");
    make_film(" b.mp4");
    make_film("note");
    make_film("caf\xe9.mp4");
    if (!before || chdir(test_folder()) != 0) {
        printf("cannot go to %s\n", test_folder());
        exit(1);
    }
    write_list(text, sizeof text - 1);
    CHECK_LIST(&request, " b.mp4|-dash.mp4|./#odd.mp4|a.mp4|absent.mp4|caf\xe9.mp4|note|sub/s.mp4|", 1, 2);
    CHECK_STR(list(&request, &listing), " b.mp4|-dash.mp4|./#odd.mp4|a.mp4|absent.mp4|caf\xe9.mp4|note|sub/s.mp4|");
    if (CHECK_INT(listing.n, 8)) {
        CHECK_INT(listing.film[3].bytes, 5);
        CHECK_INT(listing.film[4].bytes, 0);
        CHECK_INT(listing.film[4].mtime_ns, 0);
    }
    listing_release(&listing);

    write_list("", 0);
    CHECK_LIST(&request, "", 0, 0);
    write_list("a\0.\0m\0p\0004\0\n\0", 12); /* UTF-16 */
    check_refused(&request, "line 1 holds a 0 byte");
    request.list = "absent.txt";
    check_refused(&request, "cannot open the list absent.txt: No such file");
    request.list = "sub";
    check_refused(&request, "cannot read the list sub: ");
    static char endless[20000]; /* a line that no name can be: not all of it is read */
    memset(endless, 'x', sizeof endless);
    write_list(endless, sizeof endless);
    request.list = list_path;
    check_refused(&request, "line 1 is longer than a file's name can be");
    CHECK_INT(truncate(list_path, (off_t)1 << 40), 0); /* a TiB */
    check_refused(&request, "line 1 ");
    endless[4000] = '\n';
    write_list(endless, 4001);
    CHECK_INT(listing_make(&listing, &request), ST_OK); /* too long to be opened: that comes later */
    CHECK_INT(listing.n, 1);
    listing_release(&listing);

    const int kept = dup(STDIN_FILENO); /* "-" is standard input */
    write_list("a.mp4\nnote\n", 11);
    if (CHECK(freopen("films.txt", "r", stdin) != NULL)) {
        request.list = "-";
        CHECK_LIST(&request, "a.mp4|note|", 0, 0);
    }
    if (kept >= 0) {
        dup2(kept, STDIN_FILENO);
        close(kept);
    }
    CHECK_INT(chdir(before), 0);
    free(before);
    empty_folder();
}

/* ---- names ---- */

struct owner {
    const char *name, *path; /* the results called name are of path */
};

static enum names_claim claim(void *context, const char *name, const struct listing_film *film)
{
    const struct owner *o = context;

    if (!o->name || strcmp(name, o->name) != 0)
        return NAME_IS_FREE;
    return strcmp(film->path, o->path) == 0 ? NAME_IS_ITS_OWN : NAME_IS_ANOTHERS;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const struct listing_film *)a)->path, ((const struct listing_film *)b)->path);
}

/* Names for the paths (sorted, without owners): names_of("a.mp4", ..., NULL). The strings are the listing's. */
static void name_films(struct listing *listing, struct owner *owner, const char *const *path, int n)
{
    *listing = (struct listing){.n = n, .film = calloc((size_t)n + 1, sizeof *listing->film)};
    for (int i = 0; i < n; i++)
        listing->film[i].path = strdup(path[i]);
    qsort(listing->film, (size_t)n, sizeof *listing->film, compare_paths);
    if (!CHECK_INT(names_assign(listing, claim, owner), ST_OK))
        printf("    said: %s\n", status_message());
}

static const char *name_of(const struct listing *listing, const char *path)
{
    for (int64_t i = 0; i < listing->n; i++)
        if (strcmp(listing->film[i].path, path) == 0)
            return listing->film[i].name;
    return NULL;
}

static const char *one_name(const char *path)
{
    static char name[NAMES_MAX_BYTES + 1];
    struct owner owner = {0};
    struct listing listing;

    name_films(&listing, &owner, &path, 1);
    snprintf(name, sizeof name, "%s", listing.film[0].name);
    listing_release(&listing);
    return name;
}

/* A name that is another film's is not taken, by one film or by several. */
static void respects_claims(void)
{
    static const char *const one[] = {"b/x.mp4"}, *const two[] = {"b/x.mp4", "c/x.mkv"};
    struct owner another = {.name = "x", .path = "a/x.mp4"};
    struct listing listing;

    name_films(&listing, &another, one, 1);
    CHECK(strncmp(name_of(&listing, "b/x.mp4"), "x-", 2) == 0);
    listing_release(&listing);
    name_films(&listing, &another, two, 2);
    CHECK(strncmp(name_of(&listing, "b/x.mp4"), "x-", 2) == 0);
    CHECK(strncmp(name_of(&listing, "c/x.mkv"), "x-", 2) == 0);
    listing_release(&listing);
}

/* stem-xxxxxxxx, the digits of path; one of 4 buffers in turn */
static const char *with_digits(const char *stem, const char *path, int n_digits)
{
    static char name[4][400];
    static int turn;
    char hex[65], *text = name[turn++ % 4];

    sha256_hex(path, strlen(path), hex);
    snprintf(text, sizeof name[0], "%s-%.*s", stem, n_digits, hex);
    return text;
}

static void single_names(void)
{
    char path[1200], wanted[1200];

    CHECK_STR(one_name("/films/A film.mp4"), "A film");
    CHECK_STR(one_name("a.b.c.mkv"), "a.b.c");
    CHECK_STR(one_name("plain"), "plain");
    CHECK_STR(one_name("x/.mp4"), "_mp4");
    CHECK_STR(one_name("x/..mp4"), "_");
    CHECK_STR(one_name("-rf.mp4"), "_rf");
    CHECK_STR(one_name("a\nb\\c\x7f\x01.mp4"), "a_b_c__");
    CHECK_STR(one_name("x/"), "film");
    CHECK_STR(one_name("\xe6\x98\xa0\xf0\x9f\x8e\xac.mp4"), "\xe6\x98\xa0\xf0\x9f\x8e\xac");
    CHECK_STR(one_name("caf\xe9.mp4"), "caf_");
    CHECK_STR(one_name("\xc0\xaf\xe0\x80\xaf\xed\xa0\x80\xf5.mp4"),
              "_________");                    /* overlong, surrogate, past the end */
    CHECK_STR(one_name("\xe6\x98.mp4"), "__"); /* cut off */
    CHECK_STR(one_name("Report.mp4"), with_digits("Report", "Report.mp4", 8));
    CHECK_STR(one_name("x/index.mp4"), with_digits("index", "x/index.mp4", 8));
    CHECK_STR(one_name("reports.mp4"), "reports");

    for (int lead = 0; lead < 3; lead++) { /* characters of three bytes, cut at 200 - 0, 1, 2 */
        size_t n = 0;
        memset(path, 'a', (size_t)lead);
        for (n = (size_t)lead; n < 600; n += 3)
            memcpy(path + n, "\xe6\x98\xa0", 3);
        strcpy(path + n, ".mp4");
        const size_t kept = (size_t)lead + (200 - (size_t)lead) / 3 * 3;
        snprintf(wanted, sizeof wanted, "%.*s", (int)kept, path);
        CHECK_STR(one_name(path), wanted);
    }
    memset(path, '\x80', 600); /* nothing but bytes that continue */
    path[600] = '\0';
    memset(wanted, '_', 200);
    wanted[200] = '\0';
    CHECK_STR(one_name(path), wanted);
}

static void wanted_by_several(void)
{
    static const char *const path[] = {"b/Film.mp4", "a/film.mkv", "c/FILM.avi", "d/film.1.mkv", "d/other.mp4"};
    struct owner owner = {0};
    struct listing listing;

    name_films(&listing, &owner, path, 5);
    CHECK_STR(name_of(&listing, "a/film.mkv"), "film"); /* the first by path */
    CHECK_STR(name_of(&listing, "b/Film.mp4"), with_digits("Film", "b/Film.mp4", 8));
    CHECK_STR(name_of(&listing, "c/FILM.avi"), with_digits("FILM", "c/FILM.avi", 8));
    CHECK_STR(name_of(&listing, "d/film.1.mkv"), "film.1");
    CHECK_STR(name_of(&listing, "d/other.mp4"), "other");
    listing_release(&listing);

    owner = (struct owner){.name = "FILM", .path = "c/FILM.avi"};
    name_films(&listing, &owner, path, 5);
    CHECK_STR(name_of(&listing, "a/film.mkv"), with_digits("film", "a/film.mkv", 8));
    CHECK_STR(name_of(&listing, "b/Film.mp4"), with_digits("Film", "b/Film.mp4", 8));
    CHECK_STR(name_of(&listing, "c/FILM.avi"), "FILM");
    listing_release(&listing);

    name_films(&listing, &owner, path, 0);
    CHECK_INT(listing.n, 0);
    listing_release(&listing);
}

/* Pairs that some file system takes for one name, and pairs that none does. */
static void letters_case(void)
{
    static const char *const pair[][2] = {{"\xc3\x89t\xc3\xa9", "\xc3\xa9T\xc3\x89"},               /* E acute */
                                          {"\xc5\x81", "\xc5\x82"},                                 /* L stroke */
                                          {"\xc5\xbd", "\xc5\xbe"},                                 /* Z caron */
                                          {"\xce\xa9", "\xcf\x89"},                                 /* Omega */
                                          {"\xd0\x9c\xd0\xb8\xd1\x80", "\xd0\xbc\xd0\x98\xd0\xa0"}, /* Mir */
                                          {"\xd0\x81", "\xd1\x91"},                                 /* Yo */
                                          {"\xe1\xba\xa0", "\xe1\xba\xa1"}};                        /* A dot below */
    static const char *const apart[][2] = {
        {"a", "b"}, {"\xc3\xa9", "e"}, {"\xd0\xb0", "a"}, {"\xe6\x98\xa0", "\xe6\x98\xa1"}};
    char path[2][64];
    const char *const both[] = {path[0], path[1]};
    struct listing listing;

    for (size_t i = 0; i < sizeof pair / sizeof *pair + sizeof apart / sizeof *apart; i++) {
        const bool is_alike = i < sizeof pair / sizeof *pair;
        const char *const *names = is_alike ? pair[i] : apart[i - sizeof pair / sizeof *pair];
        struct owner owner = {0};
        snprintf(path[0], sizeof path[0], "1/%s.mp4", names[0]);
        snprintf(path[1], sizeof path[1], "2/%s.mp4", names[1]);
        name_films(&listing, &owner, both, 2);
        CHECK_STR(name_of(&listing, path[0]), names[0]);
        CHECK_STR(name_of(&listing, path[1]), is_alike ? with_digits(names[1], path[1], 8) : names[1]);
        listing_release(&listing);
    }
}

/* A film may be called as another one with its digits; long names keep room for theirs. */
static void digits(void)
{
    char taken[128], long_a[400], long_b[400], stem[200];
    const char *const path[] = {"a/x.mp4", "b/x.mp4", taken};
    const char *const longs[] = {long_a, long_b};
    struct owner owner = {0};
    struct listing listing;

    snprintf(taken, sizeof taken, "0/%s.mp4", with_digits("x", "b/x.mp4", 8));
    name_films(&listing, &owner, path, 3);
    CHECK_STR(name_of(&listing, taken), with_digits("x", "b/x.mp4", 8));
    CHECK_STR(name_of(&listing, "a/x.mp4"), "x");
    CHECK_STR(name_of(&listing, "b/x.mp4"), with_digits("x", "b/x.mp4", 16));
    listing_release(&listing);

    memset(stem, 'y', 191);
    stem[191] = '\0';
    snprintf(long_a, sizeof long_a, "a/%syyyyyyyyy1.mp4", stem); /* 201 bytes, alike in the first 200 */
    snprintf(long_b, sizeof long_b, "b/%syyyyyyyyy2.mp4", stem);
    name_films(&listing, &owner, longs, 2);
    CHECK_INT(strlen(name_of(&listing, long_a)), 200);
    CHECK_STR(name_of(&listing, long_b), with_digits(stem, long_b, 8));
    CHECK_INT(strlen(name_of(&listing, long_b)), 200);
    listing_release(&listing);
}

static void many_of_one_name(void)
{
    enum { N = 3000 };
    static char path[N][32];
    static const char *all[N];
    struct owner owner = {0};
    struct listing listing, again;
    int n_plain = 0, n_same = 0;

    for (int i = 0; i < N; i++) {
        snprintf(path[i], sizeof path[i], "%04d/video.mp4", i);
        all[i] = path[i];
    }
    name_films(&listing, &owner, all, N);
    for (int i = 0; i < N / 2; i++) { /* the order in which they come does not matter */
        const char *swap = all[i];
        all[i] = all[N - 1 - i];
        all[N - 1 - i] = swap;
    }
    name_films(&again, &owner, all, N);
    for (int i = 0; i < N; i++) {
        n_plain += strcmp(listing.film[i].name, "video") == 0;
        n_same += strcmp(listing.film[i].name, again.film[i].name) == 0;
    }
    CHECK_INT(n_plain, 1);
    CHECK_INT(n_same, N);
    CHECK_STR(listing.film[0].name, "video");
    listing_release(&listing);
    listing_release(&again);
}

int main(void)
{
    suffixes();
    contents();
    doubtful_files();
    passed_over();
    places();
    endings();
    odd_names();
    inputs();
    links();
    linked_folders();
    no_regular_files();
    no_permission();
    out_folder();
    patterns();
    lists();
    single_names();
    wanted_by_several();
    letters_case();
    digits();
    many_of_one_name();
    respects_claims();
    return test_end();
}
