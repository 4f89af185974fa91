/* test_verify: a small catalogue is made, found sound, then damaged in one place after the other: each damage is told
 * in one line that names the film, and nothing else is. */
#include "catalog/show/verify.h"

#include "barcode/settings.h"
#include "barcode/sidecar.h"
#include "base/sha256.h"
#include "unit/journal_lines.h"
#include "catalog/store/settings_id.h"
#include "catalog/workers/worker_main.h"
#include "image/png.h"
#include "base/file_mark.h"
#include "unit/test.h"
#include "unit/y4m_film.h"
#include "unit/pixels.h"

#include <fcntl.h>

enum { N_COLUMNS = 5, N_LINES = 2, HEIGHT = 12, FILM_BYTES = (2 << 20) + 4096, MAX_FILMS = 3 };

static const char VERSION[] = "3.1";
static const char settings[] =
    "{\"every\":1,\"k\":3,\"height\":12,\"order\":\"lightness\",\"strips\":[\"average\",\"squeezed\",\"kmeans\"]}";
static const char *const suffixes[] = {".barcode.png", ".barcode.squeezed.png", ".barcode.kmeans.png", ".json"};
static const enum strip strips[] = {STRIP_AVERAGE, STRIP_SQUEEZED, STRIP_KMEANS};

/* A film of the catalogue: what is written into its journal line and its side-car. */
struct made {
    char name[40], path[600];
    struct barcode barcode;
    struct film_result result;
};

static struct made films[MAX_FILMS];
static int n_films;
static uint8_t lines[N_COLUMNS][N_LINES * 3];
static struct column columns[N_COLUMNS];
static atomic_int stop;
static int n_samples;

/* ---- a catalogue ---- */

static const char *out_path(const char *name, const char *suffix)
{
    static char path[8][700];
    static int turn;
    char *p = path[turn++ % 8];

    snprintf(p, sizeof path[0], "%s/out/%s%s", test_folder(), name, suffix);
    return p;
}

static void make_columns(void)
{
    for (int i = 0; i < N_COLUMNS; i++) {
        struct column *c = &columns[i];
        *c = (struct column){.frame = i, .pts = i, .time = i};
        c->clusters.n = 3;
        for (int j = 0; j < 3; j++) {
            c->clusters.count[j] = (uint32_t)(50 - 10 * j - i);
            for (int k = 0; k < 3; k++)
                c->clusters.centre[j][k] = (uint16_t)((40 * i + 70 * j + 11 * k) % 256 * 256);
        }
        for (int k = 0; k < 3; k++)
            c->mean[k] = (uint32_t)(3000 * i + 500 * k);
        for (int k = 0; k < N_LINES * 3; k++)
            lines[i][k] = (uint8_t)(30 * i + 9 * k);
        c->lines = lines[i];
    }
}

static void write_film(const char *path)
{
    static uint8_t bytes[FILM_BYTES];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    test_write(path, bytes, sizeof bytes);
}

static void describe_output(struct made *m, int i)
{
    struct film_output *o = &m->result.output[i];
    size_t n;
    char *bytes = test_read(out_path(m->name, suffixes[i]), &n);

    snprintf(o->suffix, sizeof o->suffix, "%s", suffixes[i]);
    o->bytes = (int64_t)n;
    sha256_hex(bytes, n, o->sha256);
    free(bytes);
}

static void write_strip(struct made *m, int i, const uint8_t *rgb, uint32_t width, uint32_t height)
{
    const char *path = out_path(m->name, suffixes[i]);
    FILE *file = fopen(path, "wb");

    if (!file || png_write_rgb(file, path, rgb, width, height) != ST_OK || fclose(file) != 0) {
        printf("cannot write %s\n", path);
        exit(1);
    }
    describe_output(m, i);
}

static void draw_strip(struct made *m, int i)
{
    uint8_t *rgb;

    CHECK_INT(
        render_pixels(&m->barcode, strips[i], &(struct drawing){.height = HEIGHT, .order = ORDER_LIGHTNESS}, &rgb),
        ST_OK);
    write_strip(m, i, rgb, N_COLUMNS, HEIGHT);
    free(rgb);
}

static void write_sidecar(struct made *m)
{
    const char *path = out_path(m->name, ".json");
    FILE *file = fopen(path, "wb");

    CHECK_INT(file ? sidecar_write_json(file, path, &m->barcode) : ST_IO, ST_OK);
    if (file)
        fclose(file);
    describe_output(m, 3);
}

/* film: below the test's folder. */
static struct made *make_film(const char *name, const char *film)
{
    static char settings_text[sizeof settings];
    struct made *m = &films[n_films++];
    struct file_mark mark;

    *m = (struct made){0};
    strcpy(settings_text, settings);
    snprintf(m->name, sizeof m->name, "%s", name);
    snprintf(m->path, sizeof m->path, "%s/%s", test_folder(), film);
    write_film(m->path);
    m->barcode = (struct barcode){.film_path = m->path,
                                  .film_frames = N_COLUMNS,
                                  .film_seconds = N_COLUMNS,
                                  .film = {.container = "matroska",
                                           .codec = "h264",
                                           .width = 64,
                                           .height = 36,
                                           .sar_num = 1,
                                           .sar_den = 1,
                                           .time_base_num = 1,
                                           .time_base_den = 1},
                                  .settings_text = settings_text,
                                  .clustered_width = 64,
                                  .clustered_height = 36,
                                  .n_columns = N_COLUMNS,
                                  .columns = columns,
                                  .n_lines = N_LINES};
    CHECK_INT(file_mark_take("film", m->path, FILE_MARK_ENDS, &mark), ST_OK);
    strcpy(m->barcode.film.fingerprint, mark.fingerprint);
    m->barcode.film.bytes = mark.bytes;
    m->result = (struct film_result){.bytes = mark.bytes,
                                     .mtime_ns = 1,
                                     .frames = N_COLUMNS,
                                     .film_seconds = N_COLUMNS,
                                     .columns = N_COLUMNS,
                                     .n_pieces = 1,
                                     .width = 64,
                                     .height = 36,
                                     .n_outputs = 4,
                                     .summary = {.n_bins = 1, .hue = -1}};
    strcpy(m->result.fingerprint, m->barcode.film.fingerprint);
    memset(m->result.settings_id, 'a', 64);
    strcpy(m->result.container, "matroska");
    strcpy(m->result.codec, "h264");
    strcpy(m->result.pixel_format, "yuv420p");
    for (int i = 0; i < 3; i++)
        draw_strip(m, i);
    write_sidecar(m);
    return m;
}

static struct journal *begin_journal(void)
{
    const struct journal_run run = {.version = "0",
                                    .settings_text = settings,
                                    .settings_id = films[0].result.settings_id,
                                    .command = "jacquard catalog",
                                    .n_ranks = 1,
                                    .n_workers = 1,
                                    .n_films = n_films,
                                    .launch = ""};
    struct journal *j;

    nftw(out_path("journal", ""), test_remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    if (journal_open(test_path("out"), &run, &j) != ST_OK) {
        printf("cannot open a journal: %s\n", status_message());
        exit(1);
    }
    return j;
}

/* The films as they are described now, in place of what the journal said before. */
static void write_journal(void)
{
    struct journal *j = begin_journal();

    for (int i = 0; i < n_films; i++) {
        const struct made *m = &films[i];
        CHECK_INT(journal_film(j, m->name, m->path, m->result.bytes, m->result.mtime_ns), ST_OK);
        CHECK_INT(journal_done(j, m->name, m->path, &m->result), ST_OK);
    }
    CHECK_INT(journal_end(j, 0), ST_OK);
    journal_close(&j);
}

static void make_catalogue(void)
{
    test_remove_folder();
    CHECK_INT(mkdir(test_folder(), 0777), 0);
    CHECK_INT(mkdir(test_path("out"), 0777), 0);
    CHECK_INT(mkdir(test_path("films"), 0777), 0);
    n_films = 0;
    make_columns();
    make_film("a", "films/a.mkv");
    make_film("b b", "films/b b.mkv");
    write_journal();
}

/* ---- what verify says ---- */

static enum status run_on(const char *folder, int threads, struct verify_result *result)
{
    char out[600];
    const struct verify_setup setup = {.out = out,
                                       .threads = threads,
                                       .progress = PROGRESS_NONE,
                                       .stop = &stop,
                                       .n_samples = n_samples,
                                       .version = VERSION,
                                       .film_memory = 2e9};

    snprintf(out, sizeof out, "%s", test_path(folder));
    return verify_run(&setup, result);
}

/* What it printed (heap). */
static char *verify(int threads, enum status wanted, struct verify_result *result)
{
    const char *path = test_path("stdout");
    const int screen = dup(STDOUT_FILENO), file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
    size_t n;

    fflush(stdout);
    if (screen < 0 || file < 0 || dup2(file, STDOUT_FILENO) < 0)
        exit(1);
    const enum status st = run_on("out", threads, result);
    fflush(stdout);
    dup2(screen, STDOUT_FILENO);
    close(screen);
    close(file);
    if (!CHECK_INT(st, wanted))
        printf("    said: %s\n", status_message());
    return test_read(path, &n);
}

static int n_lines_of(const char *text)
{
    int n = 0;

    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static bool holds(const char *text, const char *words, const char *file, int line)
{
    const bool held = strstr(text, words) != NULL;

    if (!test_check(held, file, line, "the words are there"))
        printf("    \"%s\" lacks \"%s\"\n", text, words);
    return held;
}

/* One line, which begins and goes on so; then all is repaired. */
#define CHECK_OFF(begins, words)                                                                                       \
    do {                                                                                                               \
        struct verify_result found;                                                                                    \
        char *said = verify(2, ST_OK, &found);                                                                         \
        if (!CHECK_INT(n_lines_of(said), 1))                                                                           \
            printf("    %s\n", said);                                                                                  \
        if (!CHECK(strncmp(said, begins ": ", strlen(begins ": ")) == 0))                                              \
            printf("    %s\n", said);                                                                                  \
        holds(said, words, __FILE__, __LINE__);                                                                        \
        CHECK_INT(found.n_off, 1);                                                                                     \
        free(said);                                                                                                    \
        make_catalogue();                                                                                              \
    } while (0)

#define CHECK_SOUND(n)                                                                                                 \
    do {                                                                                                               \
        struct verify_result found;                                                                                    \
        char *said = verify(2, ST_OK, &found);                                                                         \
        CHECK_STR(said, "");                                                                                           \
        CHECK_INT(found.n_films, (n));                                                                                 \
        CHECK_INT(found.n_off, 0);                                                                                     \
        free(said);                                                                                                    \
    } while (0)

static void flip(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    int c;

    if (!file || fseek(file, at, SEEK_SET) != 0 || (c = fgetc(file)) == EOF || fseek(file, at, SEEK_SET) != 0 ||
        fputc(c ^ 1, file) == EOF || fclose(file) != 0) {
        printf("cannot change byte %ld of %s\n", at, path);
        exit(1);
    }
}

static void cut(const char *path, long n)
{
    if (truncate(path, n) != 0) {
        printf("cannot cut %s\n", path);
        exit(1);
    }
}

/* ---- damage ---- */

static void damaged_outputs(void)
{
    unlink(out_path("a", ".barcode.png"));
    CHECK_OFF("a", "/out/a.barcode.png: No such file");
    cut(out_path("a", ".barcode.kmeans.png"), 40);
    CHECK_OFF("a", "/out/a.barcode.kmeans.png has 40 bytes, not ");
    flip(out_path("b b", ".barcode.squeezed.png"), 60);
    CHECK_OFF("b b", "/out/b b.barcode.squeezed.png has changed since it was made (SHA-256 ");
    unlink(out_path("a", ".json"));
    CHECK_OFF("a", "/out/a.json: No such file");
    flip(out_path("b b", ".json"), 300);
    CHECK_OFF("b b", "/out/b b.json has changed since it was made");
    cut(out_path("a", ".json"), 0);
    CHECK_OFF("a", "/out/a.json has 0 bytes, not ");
    unlink(out_path("a", ".json"));
    CHECK_INT(mkfifo(out_path("a", ".json"), 0666), 0);
    CHECK_OFF("a", "/out/a.json has 0 bytes, not ");
}

/* The journal knows the digests of what is written here: only what it means is wrong. */
static void wrong_outputs(void)
{
    struct made *a = &films[0];
    uint8_t *rgb;

    CHECK_INT(
        render_pixels(&a->barcode, STRIP_KMEANS, &(struct drawing){.height = HEIGHT, .order = ORDER_LIGHTNESS}, &rgb),
        ST_OK);
    rgb[(7 * N_COLUMNS + 3) * 3 + 1] ^= 1;
    write_strip(a, 2, rgb, N_COLUMNS, HEIGHT);
    write_journal();
    CHECK_OFF("a", "/out/a.barcode.kmeans.png is not what its side-car draws: first at column 3, row 7");
    write_strip(a, 2, rgb, N_COLUMNS, HEIGHT - 1);
    write_journal();
    CHECK_OFF("a", "/out/a.barcode.kmeans.png: it is 5 x 11 pixels, not 5 x 12");
    free(rgb);
    test_write(out_path("a", ".barcode.png"), "no picture", 10);
    describe_output(a, 0);
    write_journal();
    CHECK_OFF("a", "/out/a.barcode.png is not a PNG file");
    draw_strip(a, 1); /* the place of one strip holds another */
    CHECK_INT(rename(out_path("a", ".barcode.squeezed.png"), out_path("a", ".barcode.kmeans.png")), 0);
    describe_output(a, 2);
    draw_strip(a, 1);
    write_journal();
    CHECK_OFF("a", "/out/a.barcode.kmeans.png is not what its side-car draws");

    test_write(out_path("a", ".json"), "{}", 2);
    describe_output(a, 3);
    write_journal();
    CHECK_OFF("a", "/out/a.json: line 1: ");
    write_sidecar(a);
    write_journal();
    a->result.bytes++;
    write_journal();
    CHECK_OFF("a", "the journal one of 2101249, ");
    a->result.fingerprint[5] ^= 1;
    write_journal();
    CHECK_OFF("a", "its side-car names a film of 2101248 bytes, fingerprint ");
    a->result.columns++;
    write_journal();
    CHECK_OFF("a", "its side-car has 5 columns of 5 frames, the journal 6 of 5");
    a->result.n_outputs--;
    a->result.output[2] = a->result.output[3];
    write_journal();
    CHECK_OFF("a", "by its settings it has 4 outputs, by the journal 3");
}

static void wrong_settings(void)
{
    static char others[] =
        "{\"every\":2,\"k\":3,\"height\":12,\"order\":\"lightness\",\"strips\":[\"average\",\"squeezed\",\"kmeans\"]}";
    static char broken[] = "{\"height\":65536,\"order\":\"lightness\",\"strips\":[\"kmeans\"]}";
    struct made *b = &films[1];

    b->barcode.settings_text = others;
    write_sidecar(b);
    write_journal();
    CHECK_OFF("b b", "the settings in its side-car are not those of a, which the journal says are the same");
    b->barcode.settings_text = others;
    write_sidecar(b);
    b->result.settings_id[0] = 'b';
    write_journal();
    CHECK_SOUND(2);
    b->barcode.settings_text = broken;
    write_sidecar(b);
    write_journal();
    CHECK_OFF("b b", "settings.height cannot be 65536");
}

static void changed_films(void)
{
    const long middle = FILM_BYTES / 2;

    unlink(films[0].path);
    CHECK_OFF("a", "/films/a.mkv: No such file");
    unlink(films[0].path);
    CHECK_INT(mkfifo(films[0].path, 0666), 0);
    CHECK_OFF("a", "/films/a.mkv: it is a FIFO, not a file");
    cut(films[1].path, FILM_BYTES - 1);
    CHECK_OFF("b b", "/films/b b.mkv has 2101247 bytes, not 2101248 as when it was read");
    flip(films[0].path, 0);
    CHECK_OFF("a", "/films/a.mkv has changed since it was read (fingerprint ");
    flip(films[0].path, (1 << 20) - 1);
    CHECK_OFF("a", "/films/a.mkv has changed since it was read (fingerprint ");
    flip(films[0].path, FILM_BYTES - (1 << 20));
    CHECK_OFF("a", "/films/a.mkv has changed since it was read (fingerprint ");
    flip(films[0].path, FILM_BYTES - 1);
    CHECK_OFF("a", "/films/a.mkv has changed since it was read (fingerprint ");
    flip(films[0].path, middle); /* only the first and the last MiB are looked at */
    CHECK_SOUND(2);
    make_catalogue();
}

/* Each of two films, and two things of one. */
static void several_at_once(int threads)
{
    struct verify_result result;

    flip(out_path("a", ".json"), 300); /* what was drawn from it is not told: nothing is known of it any more */
    flip(films[0].path, 0);
    unlink(out_path("b b", ".barcode.png"));
    char *said = verify(threads, ST_OK, &result);
    CHECK_INT(n_lines_of(said), 3);
    holds(said, "a: ", __FILE__, __LINE__);
    holds(said, "/a.json has changed", __FILE__, __LINE__);
    holds(said, "/a.mkv has changed", __FILE__, __LINE__);
    holds(said, "b b: cannot read ", __FILE__, __LINE__);
    CHECK_INT(result.n_films, 2);
    CHECK_INT(result.n_off, 2);
    free(said);
    make_catalogue();
}

static void not_done(void)
{
    struct journal *j = begin_journal();
    const struct journal_failure failure = {
        .kind = FAULT_INCOMPLETE, .attempts = 1, .message = "it is cut off", .bytes = FILM_BYTES, .mtime_ns = 1};

    CHECK_INT(journal_done(j, "a", films[0].path, &films[0].result), ST_OK);
    CHECK_INT(journal_film(j, "b b", films[1].path, FILM_BYTES, 1), ST_OK);
    CHECK_INT(journal_failed(j, "c", "c.mkv", &failure), ST_OK);
    journal_close(&j);
    unlink(out_path("b b", ".barcode.png")); /* of a film that is left: whoever makes it will see */
    CHECK_SOUND(1);
    make_catalogue();
}

/* ---- without a journal ---- */

static void remove_journal(void)
{
    nftw(out_path("journal", ""), test_remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void strangers(void)
{
    uint8_t *rgb;

    remove_journal();
    CHECK_SOUND(2);
    flip(films[1].path, 0);
    CHECK_OFF("b b", "/films/b b.mkv has changed since it was read");
    remove_journal();
    CHECK_INT(
        render_pixels(&films[0].barcode, STRIP_AVERAGE, &(struct drawing){.height = HEIGHT, .order = ORDER_HUE}, &rgb),
        ST_OK);
    rgb[0] ^= 1;
    write_strip(&films[0], 0, rgb, N_COLUMNS, HEIGHT);
    free(rgb);
    CHECK_OFF("a", "/out/a.barcode.png is not what its side-car draws");
    remove_journal();
    unlink(out_path("a", ".barcode.squeezed.png"));
    CHECK_OFF("a", "cannot open ");
    remove_journal();
    cut(out_path("a", ".json"), 0); /* there is a picture beside it */
    CHECK_OFF("a", "/out/a.json: ");
    remove_journal();
    unlink(out_path("a", ".barcode.png"));
    cut(out_path("a", ".json"), 100); /* it begins like one */
    CHECK_OFF("a", "/out/a.json: ");

    n_films = 1; /* the journal knows one of two */
    write_journal();
    test_write(out_path("report", ".json"), "{\"format\":\"jacquard-catalog\"}", 29); /* nobody's business */
    test_write(out_path(".a", ".json"), "{\"format\":\"jacquard-barcode\"}", 29);
    test_write(out_path("note", ".json"), "{}", 2);
    CHECK_INT(mkdir(out_path("x", ".json"), 0777), 0);
    CHECK_INT(mkfifo(out_path("y", ".json"), 0666), 0);
    CHECK_SOUND(2);
    flip(out_path("b b", ".barcode.kmeans.png"), 60);
    CHECK_OFF("b b", "/out/b b.barcode.kmeans.png");
}

/* A path that is not UTF-8 is another text in the side-car; a name must not steer the terminal. */
static void odd_names(void)
{
    struct verify_result result;

    make_film("c", "films/caf\xe9\n.mkv");
    write_journal();
    CHECK_SOUND(3);
    remove_journal();
    unlink(films[2].path);
    CHECK_INT(rename(out_path("c", ".json"), out_path("\x1b[2J\n", ".json")), 0);
    char *said = verify(1, ST_OK, &result);
    CHECK_INT(n_lines_of(said), 4); /* three strips and the film */
    holds(said, "?[2J?: cannot open ", __FILE__, __LINE__);
    CHECK(!strchr(said, '\x1b'));
    CHECK_INT(result.n_films, 3);
    CHECK_INT(result.n_off, 1);
    free(said);
    make_catalogue();
}

static void full_stdout(void)
{
    const int screen = dup(STDOUT_FILENO), full = open("/dev/full", O_WRONLY);
    struct verify_result result;

    if (screen < 0 || full < 0) {
        printf("not tested: no /dev/full here\n");
        return;
    }
    unlink(films[0].path);
    fflush(stdout);
    dup2(full, STDOUT_FILENO);
    const enum status st = run_on("out", 1, &result);
    dup2(screen, STDOUT_FILENO);
    clearerr(stdout);
    CHECK_INT(st, ST_IO);
    CHECK_INT(result.n_off, 1);
    close(screen);
    close(full);
    make_catalogue();
}

static void no_catalogue(void)
{
    struct verify_result result;

    CHECK_INT(run_on("absent", 1, &result), ST_USAGE);
    holds(status_message(), "absent: No such file", __FILE__, __LINE__);
    CHECK_INT(run_on("films", 1, &result), ST_USAGE);
    holds(status_message(), "films is no catalogue", __FILE__, __LINE__);
    CHECK(result.n_films == 0 && result.n_off == 0);
}

static void interrupted(void)
{
    struct verify_result result;

    stop = 1;
    char *said = verify(2, ST_INTERRUPTED, &result);
    CHECK_STR(said, "");
    CHECK_INT(result.n_films, 0);
    free(said);
    stop = 0;
}

/* ---- what is in the films ---- */

static struct column real_columns[Y4M_COLUMNS];

/* A third film, a real one, whose side-car is right, made by this version; its outputs and record are described anew
 * with describe_real. */
static struct made *make_real(void)
{
    static char settings_text[] = Y4M_SETTINGS;
    struct made *m = make_film("real", "films/real.y4m");
    struct file_mark mark;

    y4m_write(m->path, Y4M_FRAMES);
    y4m_columns(real_columns);
    CHECK_INT(file_mark_take("film", m->path, FILE_MARK_ENDS, &mark), ST_OK);
    strcpy(m->barcode.film.fingerprint, mark.fingerprint);
    strcpy(m->result.fingerprint, mark.fingerprint);
    m->barcode.film.bytes = m->result.bytes = mark.bytes;
    m->barcode.film_frames = m->result.frames = Y4M_FRAMES;
    m->barcode.columns = real_columns;
    m->barcode.n_columns = m->result.columns = Y4M_COLUMNS;
    m->barcode.n_lines = Y4M_H;
    m->barcode.settings_text = settings_text;
    CHECK_INT(settings_id_make(settings_text, VERSION, false, m->result.settings_id), ST_OK);
    return m;
}

static void describe_real(struct made *m)
{
    uint8_t *rgb;

    for (int i = 0; i < 3; i++) {
        CHECK_INT(
            render_pixels(&m->barcode, strips[i], &(struct drawing){.height = HEIGHT, .order = ORDER_LIGHTNESS}, &rgb),
            ST_OK);
        write_strip(m, i, rgb, Y4M_COLUMNS, HEIGHT);
        free(rgb);
    }
    write_sidecar(m);
    write_journal();
}

static void check_samples(int64_t again, int64_t same, int64_t not_ours, const char *words, int line)
{
    struct verify_result found;
    char *said = verify(2, ST_OK, &found);

    if (!test_check_int(n_lines_of(said), words ? 1 : 0, __FILE__, line, "lines"))
        printf("    %s\n", said);
    if (words)
        holds(said, words, __FILE__, line);
    test_check_int(found.n_off, words ? 1 : 0, __FILE__, line, "films off");
    test_check_int(found.n_again, again, __FILE__, line, "films made again");
    test_check_int(found.n_same, same, __FILE__, line, "columns the same");
    test_check_int(found.n_not_ours, not_ours, __FILE__, line, "films not ours");
    free(said);
}

#define CHECK_SAMPLES(again, same, not_ours, words) check_samples(again, same, not_ours, words, __LINE__)

/* Drawn wrongly: side-car, pictures and journal agree with one another, only the film does not. */
static void wrongly_drawn(void)
{
    struct made *m = make_real();

    n_samples = 4;
    describe_real(m);
    CHECK_SAMPLES(1, 4, 2, NULL);
    CHECK_INT(settings_id_make(m->barcode.settings_text, VERSION, true, m->result.settings_id), ST_OK);
    n_samples = INT32_MAX;
    write_journal();
    CHECK_SAMPLES(1, Y4M_COLUMNS, 2, NULL);
    real_columns[7].clusters.centre[0][1] ^= 256;
    describe_real(m);
    CHECK_SAMPLES(1, 7, 2, "real: frame 28 at 28.000 s (column 7) is not what a plain sequential decode of its film ");
    n_samples = 0; /* nothing else sees it */
    CHECK_SAMPLES(0, 0, 0, NULL);
    n_samples = INT32_MAX;
    CHECK_INT(settings_id_make(m->barcode.settings_text, "3.0", false, m->result.settings_id), ST_OK);
    write_journal();
    CHECK_SAMPLES(0, 0, 3, NULL);
    remove_journal();
    CHECK_SAMPLES(0, 0, 3, NULL);
    make_catalogue();
}

/* Files that are not films, or that have changed where fingerprints do not look. */
static void undecodable(void)
{
    static char text[] = Y4M_SETTINGS;
    struct made *a = &films[0];

    n_samples = 1;
    CHECK_INT(settings_id_make(settings, VERSION, false, a->result.settings_id), ST_OK);
    write_journal();
    CHECK_SAMPLES(1, 0, 1, "a: settings.n_init cannot be missing");
    make_catalogue();
    a->barcode.settings_text = text;
    a->barcode.clustered_height = N_LINES;
    write_sidecar(a);
    CHECK_INT(settings_id_make(text, VERSION, false, a->result.settings_id), ST_OK);
    write_journal();
    CHECK_SAMPLES(1, 0, 1, "/films/a.mkv is not a film that can be read");
    make_catalogue();
    n_samples = 0;
}

/* ---- settings ---- */

static void refuse_settings(const char *text, const char *words)
{
    struct barcode_settings plan;

    CHECK_INT(barcode_settings_read(text, barcode_picture_rows, &plan), ST_USAGE);
    holds(status_message(), words, __FILE__, __LINE__);
}

static void read_settings(void)
{
    struct barcode_settings plan;

    if (CHECK_INT(barcode_settings_read(settings, barcode_picture_rows, &plan), ST_OK)) {
        CHECK_INT(plan.drawing.height, 12);
        CHECK_INT(plan.drawing.order, ORDER_LIGHTNESS);
        CHECK_INT(plan.n_strips, 3);
        for (int i = 0; i < 3; i++)
            CHECK_INT(plan.strip[i], strips[i]);
    }
    refuse_settings("", "no JSON object");
    refuse_settings("[]", "settings.height");
    refuse_settings("{\"height\":1,\"height\":1}", "no JSON object");
    refuse_settings("{\"height\":0,\"order\":\"hue\",\"strips\":[\"kmeans\"]}", "settings.height");
    refuse_settings("{\"height\":\"9\",\"order\":\"hue\",\"strips\":[\"kmeans\"]}", "settings.height");
    refuse_settings("{\"height\":9,\"order\":\"size\",\"strips\":[\"kmeans\"]}", "settings.order");
    refuse_settings("{\"height\":9,\"strips\":[\"kmeans\"]}", "settings.order");
    refuse_settings("{\"height\":9,\"order\":\"hue\"}", "settings.strips cannot be");
    refuse_settings("{\"height\":9,\"order\":\"hue\",\"strips\":[]}", "settings.strips cannot be");
    refuse_settings("{\"height\":9,\"order\":\"hue\",\"strips\":[\"kmeans\",1]}", "settings.strips cannot be");
    refuse_settings("{\"height\":9,\"order\":\"hue\",\"strips\":[\"kmeans\",\"kmeans\"]}", "settings.strips cannot be");
    refuse_settings("{\"height\":9,\"order\":\"hue\",\"strips\":[\"no\"]}", "settings.strips cannot be");
}

/* ---- fingerprints ---- */

static void fingerprint_of(size_t n)
{
    const size_t part = 1 << 20, head = n < part ? n : part;
    uint8_t *all = malloc(n + 2 * part + 32);
    struct file_mark found;
    char wanted[65];

    for (size_t i = 0; i < n; i++)
        all[i] = (uint8_t)(i * 2654435761u >> 11);
    test_write(test_path("f"), all, n);
    uint8_t *text = malloc(2 * part + 32);
    size_t length = (size_t)sprintf((char *)text, "%zu", n);
    memcpy(text + length, all, head);
    memcpy(text + length + head, all + n - head, head);
    sha256_hex(text, length + 2 * head, wanted);
    CHECK_INT(file_mark_take("film", test_path("f"), FILE_MARK_ENDS, &found), ST_OK);
    CHECK_INT(found.bytes, n);
    CHECK_STR(found.fingerprint, wanted);
    free(text);
    free(all);
    unlink(test_path("f"));
}

static void fingerprints(void)
{
    struct file_mark mark;

    fingerprint_of(0);
    fingerprint_of(1);
    fingerprint_of((1 << 20) - 1);
    fingerprint_of(1 << 20);
    fingerprint_of((1 << 20) + 1);
    fingerprint_of(3 << 20);
    CHECK_INT(file_mark_take("film", test_folder(), FILE_MARK_ENDS, &mark), ST_USAGE);
    holds(status_message(), "it is a folder, not a file", __FILE__, __LINE__);
    CHECK_STR(mark.fingerprint, "");
    CHECK_INT(mark.bytes, 0);
    CHECK_INT(mkfifo(test_path("pipe"), 0666), 0);
    CHECK_INT(file_mark_take("film", test_path("pipe"), FILE_MARK_ENDS, &mark), ST_USAGE);
    CHECK_INT(file_mark_take("film", test_path("none"), FILE_MARK_ENDS, &mark), ST_USAGE);
    holds(status_message(), "none: No such file", __FILE__, __LINE__);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], WORKER_ARGUMENT) == 0)
        return worker_main(); /* films are decoded by the program, started again */
    read_settings();
    fingerprints();
    make_catalogue();
    CHECK_SOUND(2);
    damaged_outputs();
    wrong_outputs();
    wrong_settings();
    changed_films();
    several_at_once(1);
    several_at_once(8);
    not_done();
    strangers();
    odd_names();
    full_stdout();
    no_catalogue();
    interrupted();
    wrongly_drawn();
    undecodable();
    return test_end();
}
