/* test_journal: what runs write about films is what later runs read, whatever was torn, damaged or written meanwhile.
 */
#include "unit/journal_lines.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <time.h>

static const struct journal_run the_run = {.version = "0.1.0",
                                           .settings_text = "{\"k\":8, \"every\":24}",
                                           .settings_id = "5e77",
                                           .command = "jacquard catalog \"a \xff film\" --out x",
                                           .n_ranks = 2,
                                           .n_workers = 3,
                                           .n_films = 4,
                                           .launch = "Slurm job 7"};
static double test_began;
static char noted[2048];
static int n_notes;

static void keep_note(const char *line)
{
    snprintf(noted, sizeof noted, "%s", line);
    n_notes++;
}

/* --- catalogues --------------------------------------------------------------------------------------------------- */

/* An empty folder for a catalogue. */
static const char *new_out(const char *name)
{
    const char *out = test_path(name);
    char folder[700];

    snprintf(folder, sizeof folder, "%s/journal", out);
    if (mkdir(out, 0777) != 0 || mkdir(folder, 0777) != 0) {
        printf("cannot make %s\n", folder);
        exit(1);
    }
    return out;
}

static void write_file(const char *out, const char *name, const void *text, size_t bytes)
{
    char path[800];

    snprintf(path, sizeof path, "%s/journal/%s.ndjson", out, name);
    test_write(path, text, bytes);
}

/* Adds a line to a journal by hand. */
static void add(const char *out, const char *name, double time, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void add(const char *out, const char *name, double time, const char *format, ...)
{
    char path[800];
    va_list args;

    snprintf(path, sizeof path, "%s/journal/%s.ndjson", out, name);
    FILE *file = fopen(path, "ab");
    if (!file) {
        printf("cannot write %s\n", path);
        exit(1);
    }
    fprintf(file, "{\"time\":%.3f,", time);
    va_start(args, format);
    vfprintf(file, format, args);
    va_end(args);
    fputs("}\n", file);
    fclose(file);
}

/* The text of the only journal there. */
static char *only_journal(const char *out, size_t *bytes)
{
    char folder[700], path[1000] = "";
    struct dirent *entry;

    snprintf(folder, sizeof folder, "%s/journal", out);
    DIR *dir = opendir(folder);
    while (dir && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    if (dir)
        closedir(dir);
    return test_read(path, bytes);
}

static const struct history_film *film_of(const struct history *h, const char *name)
{
    static const struct history_film nobody;
    const struct history_film *f = history_find(h, name);

    CHECK(f != NULL);
    return f ? f : &nobody;
}

static struct history read_all(const char *out)
{
    struct history h;

    CHECK_INT(history_read(out, &h), ST_OK);
    for (int64_t i = 1; i < h.n; i++)
        CHECK(strcmp(h.film[i - 1].name, h.film[i].name) < 0);
    return h;
}

static double now_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static struct film_result some_result(int seed)
{
    struct film_result r;

    memset(&r, 0, sizeof r);
    r.bytes = 9007199254740993 + seed; /* no double holds it */
    r.mtime_ns = 1754300000123456789 + seed;
    snprintf(r.fingerprint, sizeof r.fingerprint, "%064d", seed);
    snprintf(r.container, sizeof r.container, "matroska,webm");
    snprintf(r.codec, sizeof r.codec, "h264");
    snprintf(r.pixel_format, sizeof r.pixel_format, "yuv420p");
    r.width = 1920;
    r.height = 1080;
    snprintf(r.aspect, sizeof r.aspect, "2.39");
    r.frames = 150000;
    r.film_seconds = 0.1 + seed;
    r.frames_missing = 3;
    r.frames_damaged = 2;
    r.frames_lead_in = 1;
    snprintf(r.note, sizeof r.note, "lost: 1 of 2 \"frames\"");
    snprintf(r.settings_id, sizeof r.settings_id, "5e77");
    r.columns = 6250;
    r.seconds = 1.0 / 3.0;
    r.frames_decoded = 149999;
    r.cpu_decoders = 3;
    r.nvdec_decoders = 8;
    r.n_pieces = 11;
    snprintf(r.notes, sizeof r.notes, "first \"note\"\nsecond \\ note\t\x01 \xc3\xa9");
    r.n_outputs = 2;
    snprintf(r.output[0].suffix, sizeof r.output[0].suffix, ".barcode.png");
    snprintf(r.output[1].suffix, sizeof r.output[1].suffix, ".json");
    for (int i = 0; i < 2; i++) {
        r.output[i].bytes = 1000 + i;
        snprintf(r.output[i].sha256, sizeof r.output[i].sha256, "%064d", 100 * seed + i);
    }
    r.summary.n_bins = 1 + seed % SUMMARY_MAX_BINS;
    r.summary.hue = 123.456;
    r.summary.lightness = 1.0 / 7.0;
    r.summary.chroma = 1e-300;
    for (int i = 0; i < r.summary.n_bins; i++) {
        struct summary_bin *bin = &r.summary.bin[i];
        bin->time_ms = 4294967295u - (uint32_t)i * 977u;
        for (int k = 0; k < SUMMARY_COLOURS; k++) {
            bin->share[k] = (uint8_t)(i * 31 + k * 7 + seed);
            for (int c = 0; c < 3; c++)
                bin->colour[k][c] = (uint8_t)(i * 13 + k * 5 + c * 101 + seed);
        }
    }
    return r;
}

static bool is_same_result(const struct film_result *a, const struct film_result *b)
{
    return a && memcmp(a, b, sizeof *a) == 0;
}

/* --- one run ------------------------------------------------------------------------------------------------------ */

static const char odd_name[] = "caf\xe9 \"x\"\\";
static const char odd_path[] = "/films/\xff\xfe/new\nline/\xed\xa0\x80.mkv";

static void write_everything(const char *out, struct journal **j)
{
    const struct journal_try probe = {
        .kind = "probe", .piece = 0, .n_pieces = 1, .rank = 1, .worker = 2, .host = "node7"};
    const struct journal_try film = {
        .kind = "film", .piece = 0, .n_pieces = 1, .rank = 0, .worker = 1, .host = "node7"};
    const struct journal_try piece = {.kind = "piece", .piece = 4, .n_pieces = 9, .rank = 1, .worker = 0, .host = "n"};
    const struct journal_heartbeat beat = {.n_done = 1,
                                           .n_failed = 1,
                                           .n_left = 2,
                                           .n_running = 1,
                                           .cost_done = 10.5,
                                           .cost_left = 20.25,
                                           .eta_seconds = 33.5};
    const struct film_result result = some_result(159);
    const struct journal_failure failure = {.kind = FAULT_CRASH,
                                            .quarantined = true,
                                            .attempts = 3,
                                            .message = "the decoder died \xff of \"signal 11\"",
                                            .settings_id = "5e77",
                                            .bytes = 5,
                                            .mtime_ns = -6,
                                            .seconds = 7.5};

    if (!CHECK_INT(journal_open(out, &the_run, j), ST_OK)) {
        printf("%s\n", status_message());
        exit(1);
    }
    CHECK_INT(journal_film(*j, odd_name, odd_path, 123, 456), ST_OK);
    CHECK_INT(journal_film(*j, "b", "/films/b.mkv", result.bytes, result.mtime_ns), ST_OK);
    CHECK_INT(journal_film(*j, "c", "/films/c.mkv", 5, -6), ST_OK);
    CHECK_INT(journal_start(*j, odd_name, &probe), ST_OK);
    CHECK_INT(journal_cost(*j, odd_name, 123, 456, 77.25, 0), ST_OK);
    CHECK_INT(journal_cost(*j, odd_name, 123, 456, 77.25, 9), ST_OK);
    CHECK_INT(journal_start(*j, odd_name, &piece), ST_OK);
    CHECK_INT(journal_step(*j, odd_name, &piece, 4.5), ST_OK);
    CHECK_INT(journal_start(*j, "b", &film), ST_OK);
    CHECK_INT(journal_done(*j, "b", "/films/b.mkv", &result), ST_OK);
    CHECK_INT(journal_start(*j, "c", &film), ST_OK);
    CHECK_INT(journal_fault(*j, "c", &film, FAULT_CRASH, true, "it crashed"), ST_OK);
    CHECK_INT(journal_start(*j, "c", &film), ST_OK);
    CHECK_INT(journal_fault(*j, "c", &film, FAULT_KILLED, false, "it was killed"), ST_OK);
    CHECK_INT(journal_start(*j, "c", &film), ST_OK);
    CHECK_INT(journal_failed(*j, "c", "/films/c.mkv", &failure), ST_OK);
    CHECK_INT(journal_start(*j, odd_name, &piece), ST_OK);
    CHECK_INT(journal_heartbeat(*j, &beat), ST_OK);
}

static void check_everything(const struct history *h)
{
    const struct film_result result = some_result(159);

    CHECK_INT(h->n, 3);
    CHECK_INT(h->n_runs, 1);
    CHECK_INT(h->n_bad_lines, 0);
    CHECK_STR(h->last_run.settings_text, the_run.settings_text);
    CHECK_STR(h->last_run.command, "jacquard catalog \"a \xef\xbf\xbd film\" --out x");
    CHECK(h->last_run.started >= test_began && h->last_run.started <= now_seconds());
    CHECK(h->last_run.heartbeat_time >= h->last_run.started);
    CHECK(h->last_run.last_line >= h->last_run.heartbeat_time);
    CHECK_INT(h->last_run.heartbeat.n_done, 1);
    CHECK_INT(h->last_run.heartbeat.n_failed, 1);
    CHECK_INT(h->last_run.heartbeat.n_left, 2);
    CHECK_INT(h->last_run.heartbeat.n_running, 1);
    CHECK(h->last_run.heartbeat.cost_done == 10.5 && h->last_run.heartbeat.cost_left == 20.25 &&
          h->last_run.heartbeat.eta_seconds == 33.5);

    const struct history_film *f = film_of(h, odd_name);
    CHECK_STR(f->name, odd_name);
    CHECK_STR(f->path, odd_path);
    CHECK_INT(f->bytes, 123);
    CHECK_INT(f->mtime_ns, 456);
    CHECK_INT(f->state, STATE_LEFT);
    CHECK(f->cost == 77.25);
    CHECK_INT(f->n_pieces, 9);
    CHECK_INT(f->attempts, 0); /* a probe that ended well, and pieces */
    CHECK(!f->result && !f->failure.message);

    f = film_of(h, "b");
    CHECK_INT(f->state, STATE_DONE);
    CHECK(is_same_result(f->result, &result));
    CHECK_INT(f->attempts, 1);
    CHECK(f->state_time >= h->last_run.started && f->state_time <= h->last_run.last_line);
    CHECK(!f->running);

    f = film_of(h, "c");
    CHECK_INT(f->state, STATE_QUARANTINED);
    CHECK_INT(f->failure.kind, FAULT_CRASH);
    CHECK_STR(f->failure.message, "the decoder died \xef\xbf\xbd of \"signal 11\"");
    CHECK_STR(f->failure.settings_id, "5e77");
    CHECK(f->failure.seconds == 7.5);
    CHECK_INT(f->n_counted_faults, 1);
    CHECK_INT(f->attempts, 3);
    CHECK_INT(f->bytes, 5);
    CHECK_INT(f->mtime_ns, -6);
    CHECK(!f->running && !f->result);
    CHECK(history_find(h, "d") == NULL);
}

static void round_trip(void)
{
    const char *out = test_path("round");
    struct journal *j;
    struct history h;
    size_t bytes;

    mkdir(out, 0777);
    h = read_all(out);
    CHECK_INT(h.n_runs, 0);
    CHECK_INT(h.n, 0);
    CHECK(h.last_run.started == 0.0 && !h.last_run.settings_text && !h.last_run.command);
    CHECK(history_find(&h, "b") == NULL);
    history_release(&h);

    write_everything(out, &j);
    h = read_all(out);
    check_everything(&h);
    CHECK(!h.last_run.has_ended);
    CHECK_INT(h.n_live_runs, 1);
    CHECK(h.live_eta_seconds == 33.5);
    const struct history_film *f = film_of(&h, odd_name);
    CHECK(f->running);
    CHECK_INT(f->n_running, 1);
    CHECK_STR(f->running_kind, "piece");
    CHECK_INT(f->running_rank, 1);
    CHECK(f->running_since >= test_began && f->running_since <= now_seconds());
    history_release(&h);

    CHECK_INT(journal_end(j, 75), ST_OK);
    journal_close(&j);
    CHECK(j == NULL);
    journal_close(&j);
    h = read_all(out);
    check_everything(&h);
    CHECK(h.last_run.has_ended);
    CHECK_INT(h.last_run.exit_code, 75);
    CHECK_INT(h.n_live_runs, 0);
    CHECK(!film_of(&h, odd_name)->running);
    history_release(&h);

    char *text = only_journal(out, &bytes);
    if (CHECK(text != NULL)) {
        CHECK(strlen(text) == bytes && bytes > 0 && text[bytes - 1] == '\n');
        for (size_t n, at = 0; at < bytes; at += n) /* is UTF-8 */
            if (!CHECK((n = json_utf8_length(text + at)) > 0))
                break;
        CHECK(strstr(text, "\"name\":\"b\",\"path\":") != NULL);
        CHECK(strstr(text, "\"name_hex\":\"636166e92022782") != NULL);
        CHECK(!strstr(text, "inf") && !strstr(text, "nan"));
    }
    free(text);
}

/* What is not a number does not get into a journal, and costs no film. */
static void no_numbers(void)
{
    const char *out = new_out("nan");
    struct film_result r = some_result(1);
    const struct journal_heartbeat beat = {.cost_done = NAN, .cost_left = INFINITY, .eta_seconds = -INFINITY};
    const struct journal_try t = {.kind = "film"};
    struct journal *j;
    size_t bytes;

    r.film_seconds = -INFINITY;
    r.seconds = r.summary.hue = r.summary.lightness = r.summary.chroma = NAN;
    memset(r.notes, 0xff, sizeof r.notes - 1); /* grows threefold as text */
    CHECK_INT(journal_open(out, &the_run, &j), ST_OK);
    CHECK_INT(journal_done(j, "a", "a", &r), ST_OK);
    CHECK_INT(journal_cost(j, "a", r.bytes, r.mtime_ns, NAN, 0), ST_OK);
    CHECK_INT(journal_step(j, "a", &t, NAN), ST_OK);
    CHECK_INT(journal_heartbeat(j, &beat), ST_OK);
    journal_close(&j);
    struct history h = read_all(out);
    const struct history_film *f = film_of(&h, "a");
    CHECK_INT(h.n_bad_lines, 0);
    CHECK(h.last_run.heartbeat.cost_done == -1.0 && h.last_run.heartbeat.cost_left == -1.0 &&
          h.last_run.heartbeat.eta_seconds == -1.0);
    CHECK(f->cost == -1.0);
    if (CHECK(f->result != NULL)) {
        CHECK(f->result->film_seconds == 0.0 && f->result->seconds == 0.0);
        CHECK(f->result->summary.hue == -1.0 && f->result->summary.lightness == 0.0 &&
              f->result->summary.chroma == 0.0);
        CHECK_INT(strlen(f->result->notes), 510); /* 170 whole characters */
    }
    history_release(&h);
    char *text = only_journal(out, &bytes);
    CHECK(text && !strstr(text, "inf") && !strstr(text, "nan"));
    free(text);
}

static void locales(void)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8", "de_DE"};
    const char *found = NULL, *out = new_out("locale");
    const struct film_result wanted = some_result(7);
    struct journal *j;

    for (size_t i = 0; i < sizeof names / sizeof names[0] && !found; i++)
        found = setlocale(LC_ALL, names[i]);
    if (!found) {
        printf("not tested: no locale with a decimal comma here\n");
        return;
    }
    CHECK_STR(localeconv()->decimal_point, ",");
    CHECK_INT(journal_open(out, &the_run, &j), ST_OK);
    CHECK_INT(journal_done(j, "a", "a", &wanted), ST_OK);
    CHECK_INT(journal_cost(j, "a", wanted.bytes, wanted.mtime_ns, 0.5, 0), ST_OK);
    journal_close(&j);
    struct history h = read_all(out);
    CHECK_INT(h.n_bad_lines, 0);
    CHECK(is_same_result(film_of(&h, "a")->result, &wanted));
    CHECK(film_of(&h, "a")->cost == 0.5);
    history_release(&h);
    setlocale(LC_ALL, "C");
}

/* A disk that is full is told, and what is written after it is not glued to what it left. */
static void full_disk(void)
{
    const char *out = new_out("full");
    const struct film_result result = some_result(159);
    const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
    struct rlimit limit = none;
    struct journal *j;
    size_t bytes;

    CHECK_INT(journal_open(out, &the_run, &j), ST_OK);
    char *text = only_journal(out, &bytes);
    free(text);
    limit.rlim_cur = (rlim_t)bytes + 100;
    signal(SIGXFSZ, SIG_IGN);
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
    CHECK_INT(journal_done(j, "a", "/a", &result), ST_IO);
    CHECK(strstr(status_message(), "cannot write ") && strstr(status_message(), "/journal/"));
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &none), 0);
    CHECK_INT(journal_end(j, 75), ST_OK);
    journal_close(&j);
    struct history h = read_all(out);
    CHECK_INT(h.n_bad_lines, 1);
    CHECK_INT(h.n, 0);
    CHECK(h.last_run.has_ended);
    CHECK_INT(h.last_run.exit_code, 75);
    history_release(&h);

    CHECK_INT(journal_open("/nonexistent/out", &the_run, &j), ST_IO);
    CHECK(j == NULL);
    test_write(test_path("plain"), "", 0);
    CHECK_INT(journal_open(test_path("plain"), &the_run, &j), ST_IO);
    h = read_all(test_path("plain"));
    CHECK_INT(h.n_runs, 0);
    history_release(&h);
}

/* --- several runs ------------------------------------------------------------------------------------------------- */

#define TASK(kind, rank, worker)                                                                                       \
    "\"kind\":\"" kind "\",\"piece\":0,\"pieces\":1,\"rank\":" #rank ",\"lane\":" #worker ",\"host\":\"h\""
#define RUN "\"event\":\"run\",\"format\":\"jacquard-journal\",\"version\":1,\"settings\":\"{}\",\"command\":\"%s\""
#define FAILED                                                                                                         \
    "\"event\":\"failed\",\"name\":\"%s\",\"path\":\"/%s\",\"fault\":\"damaged\",\"quarantined\":false,"               \
    "\"attempts\":1,\"error\":\"%s\",\"bytes\":1,\"mtime_ns\":2,\"seconds\":1.5,\"settings_id\":\"s\""

static void add_done(const char *out, const char *file, double time, const char *name, int64_t bytes, int64_t mtime_ns)
{
    add(out, file, time,
        "\"event\":\"done\",\"name\":\"%s\",\"path\":\"/%s\",\"bytes\":%" PRId64 ",\"mtime_ns\":%" PRId64
        ",\"fingerprint\":\"f\",\"container\":\"c\",\"codec\":\"d\",\"pixel_format\":\"p\",\"width\":1,\"height\":2,"
        "\"frames\":3,\"film_seconds\":4,\"frames_missing\":0,\"frames_damaged\":0,\"frames_lead_in\":0,\"note\":\"\","
        "\"settings_id\":\"s\",\"columns\":5,\"seconds\":6,\"index_seconds\":0,\"weave_seconds\":0,\"write_seconds\":0,"
        "\"frames_decoded\":7,\"cpu_decoders\":8,"
        "\"nvdec_decoders\":9,\"n_pieces\":1,\"notes\":\"\",\"outputs\":[],"
        "\"card\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"later\":[{}]",
        name, name, bytes, mtime_ns);
}

static void add_film(const char *out, const char *file, double time, const char *name, int bytes, int mtime_ns)
{
    add(out, file, time, "\"event\":\"film\",\"name\":\"%s\",\"path\":\"/%s/%d\",\"bytes\":%d,\"mtime_ns\":%d", name,
        name, bytes, bytes, mtime_ns);
}

/* Three journals whose events interleave: the time decides, not the file. */
static void three_writers(void)
{
    const char *out = new_out("three");

    add(out, "c", 1000.0, RUN, "first");
    add(out, "a", 2000.0, RUN, "third");
    add(out, "b", 1500.0, RUN, "second");
    add_film(out, "c", 1001.0, "x", 1, 2);
    add_film(out, "c", 1001.0, "y", 1, 2);
    add_film(out, "c", 1001.0, "z", 1, 2);
    add(out, "c", 1002.0, FAILED, "x", "x", "old");
    add_done(out, "b", 1600.0, "x", 1, 2);
    add(out, "b", 1700.0, FAILED, "y", "y", "old");
    add(out, "a", 2100.0, FAILED, "y", "y", "new");
    add_done(out, "c", 1800.0, "y", 1, 2);
    add_done(out, "a", 2050.0, "z", 1, 2);
    add(out, "b", 2049.0, FAILED, "z", "z", "before");
    add(out, "b", 1550.0, "\"event\":\"end\",\"exit_code\":3");
    add(out, "a", 2200.0, "\"event\":\"end\",\"exit_code\":75");
    add(out, "a", 2300.0, "\"event\":\"of a later version\",\"name\":[]");
    struct history h = read_all(out);
    CHECK_INT(h.n_runs, 3);
    CHECK_INT(h.n, 3);
    CHECK_INT(h.n_bad_lines, 0);
    CHECK_STR(h.last_run.command, "third");
    CHECK(h.last_run.started == 2000.0 && h.last_run.last_line == 2300.0 && h.last_run.heartbeat_time == 0.0);
    CHECK(h.last_run.has_ended);
    CHECK_INT(h.last_run.exit_code, 75);
    CHECK_INT(film_of(&h, "x")->state, STATE_DONE);
    CHECK(film_of(&h, "x")->state_time == 1600.0);
    CHECK_INT(film_of(&h, "x")->result->nvdec_decoders, 9);
    CHECK_STR(film_of(&h, "x")->result->aspect, ""); /* a line of a version that did not write it */
    CHECK_INT(film_of(&h, "y")->state, STATE_FAILED);
    CHECK_STR(film_of(&h, "y")->failure.message, "new");
    CHECK(!film_of(&h, "y")->result);
    CHECK_INT(film_of(&h, "z")->state, STATE_DONE);
    CHECK(!film_of(&h, "z")->failure.message);
    CHECK_INT(h.n_live_runs, 0);
    history_release(&h);
}

/* Of the same time: the order in the file. Starts and ends of a film in one microsecond keep their order. */
static void equal_times(void)
{
    const char *out = new_out("equal");

    for (int i = 0; i < 300; i++) {
        if (i % 2)
            add_done(out, "a", 1000.0, "x", 1, 2);
        else
            add(out, "a", 1000.0, FAILED, "x", "x", "no");
        add(out, "a", i == 0 ? 3000.0 : 500.0 + i % 7, "\"event\":\"end\",\"exit_code\":0"); /* so that it is sorted */
    }
    struct history h = read_all(out);
    CHECK_INT(film_of(&h, "x")->state, STATE_DONE);
    history_release(&h);
}

static void changed_films(void)
{
    const char *out = new_out("changed");
    struct history h;

    add_film(out, "a", 1000.0, "x", 1, 2);
    add(out, "a", 1001.0, "\"event\":\"start\",\"name\":\"x\"," TASK("probe", 0, 0));
    add(out, "a", 1002.0, "\"event\":\"cost\",\"name\":\"x\",\"bytes\":1,\"mtime_ns\":2,\"cost\":9.5,\"pieces\":4");
    for (int i = 0; i < 3; i++) {
        add(out, "a", 1003.0 + i, "\"event\":\"start\",\"name\":\"x\"," TASK("film", 0, 0));
        add(out, "a", 1003.5 + i,
            "\"event\":\"fault\",\"name\":\"x\"," TASK("film", 0, 0) ",\"fault\":\"crash\","
                                                                     "\"counts\":%s,\"error\":\"e\"",
            i == 1 ? "false" : "true");
    }
    h = read_all(out);
    CHECK_INT(film_of(&h, "x")->n_counted_faults, 2);
    CHECK_INT(film_of(&h, "x")->attempts, 3);
    CHECK(film_of(&h, "x")->cost == 9.5);
    CHECK_INT(film_of(&h, "x")->n_pieces, 4);
    history_release(&h);

    add_film(out, "a", 1010.0, "x", 1, 2); /* is as it was */
    h = read_all(out);
    CHECK_INT(film_of(&h, "x")->n_counted_faults, 2);
    history_release(&h);

    add_done(out, "a", 1011.0, "x", 1, 2); /* settles its faults */
    h = read_all(out);
    CHECK_INT(film_of(&h, "x")->n_counted_faults, 0);
    CHECK_INT(film_of(&h, "x")->attempts, 3);
    CHECK_INT(film_of(&h, "x")->n_pieces, 4);
    history_release(&h);

    add(out, "a", 1012.0, "\"event\":\"start\",\"name\":\"x\"," TASK("film", 0, 0)); /* begun anew */
    add_film(out, "a", 1013.0, "x", 1, 2);
    h = read_all(out);
    CHECK_INT(film_of(&h, "x")->state, STATE_DONE);
    CHECK_INT(film_of(&h, "x")->attempts, 1);
    history_release(&h);

    add(out, "a", 1014.0,
        "\"event\":\"fault\",\"name\":\"x\"," TASK("film", 0, 0) ",\"fault\":\"memory\",\"counts\":true,"
                                                                 "\"error\":\"e\"");
    add_film(out, "b", 1015.0, "x", 1, 3); /* changed */
    add(out, "b", 1016.0, "\"event\":\"cost\",\"name\":\"x\",\"bytes\":1,\"mtime_ns\":2,\"cost\":9.5,\"pieces\":4");
    h = read_all(out);
    const struct history_film *f = film_of(&h, "x");
    CHECK_INT(f->state, STATE_LEFT);
    CHECK(!f->result && f->state_time == 0.0);
    CHECK_INT(f->n_counted_faults, 0);
    CHECK_INT(f->attempts, 0);
    CHECK(f->cost == -1.0); /* that one was of the film before */
    CHECK_INT(f->n_pieces, 0);
    CHECK_INT(f->mtime_ns, 3);
    history_release(&h);

    add(out, "b", 1017.0, FAILED, "x", "x", "e"); /* of what it was before: bytes 1, mtime 2 */
    add_film(out, "b", 1018.0, "x", 9, 2);
    h = read_all(out);
    CHECK_INT(film_of(&h, "x")->state, STATE_LEFT);
    CHECK_INT(film_of(&h, "x")->bytes, 9);
    CHECK_STR(film_of(&h, "x")->path, "/x/9");
    CHECK(!film_of(&h, "x")->failure.message);
    history_release(&h);

    /* It changed after it was listed and before it was read: the next list, which agrees with what was read, does not
     * undo it. */
    add_done(out, "b", 1019.0, "x", 50, 60);
    add_film(out, "b", 1020.0, "x", 50, 60);
    h = read_all(out);
    CHECK_INT(film_of(&h, "x")->state, STATE_DONE);
    CHECK_INT(film_of(&h, "x")->bytes, 50);
    history_release(&h);
}

static void running(void)
{
    const double now = now_seconds();
    const char *out = new_out("running");
    struct history h;

    /* A run that goes on, on two ranks. */
    add(out, "live", now - 500.0, RUN, "live");
    add_film(out, "live", now - 500.0, "begun", 1, 2);
    add(out, "live", now - 400.0, "\"event\":\"start\",\"name\":\"begun\"," TASK("index", 0, 0));
    add(out, "live", now - 300.0, "\"event\":\"step\",\"name\":\"begun\"," TASK("index", 0, 0) ",\"seconds\":1");
    add(out, "live", now - 200.0, "\"event\":\"start\",\"name\":\"begun\"," TASK("piece", 1, 0));
    add(out, "live", now - 199.0,
        "\"event\":\"start\",\"name\":\"begun\",\"kind\":\"piece\",\"piece\":1,\"pieces\":2,"
        "\"rank\":0,\"lane\":0,\"host\":\"h\"");
    add(out, "live", now - 198.0, "\"event\":\"start\",\"name\":\"done\"," TASK("film", 2, 0));
    add_done(out, "live", now - 197.0, "done", 1, 2);
    add(out, "live", now - 196.0, "\"event\":\"start\",\"name\":\"failed\"," TASK("film", 2, 0));
    add(out, "live", now - 195.0, FAILED, "failed", "failed", "e");
    add(out, "live", now - 194.0, "\"event\":\"start\",\"name\":\"probed\"," TASK("probe", 2, 0));
    add(out, "live", now - 193.0,
        "\"event\":\"cost\",\"name\":\"probed\",\"bytes\":1,\"mtime_ns\":2,\"cost\":1,"
        "\"pieces\":0");
    add(out, "live", now - 192.0, "\"event\":\"start\",\"name\":\"faulty\"," TASK("film", 2, 0));
    add(out, "live", now - 191.0,
        "\"event\":\"fault\",\"name\":\"faulty\"," TASK("film", 2, 0) ",\"fault\":\"crash\","
                                                                      "\"counts\":true,\"error\":\"e\"");
    add(out, "live", now - 190.0, "\"event\":\"start\",\"name\":\"replaced\"," TASK("film", 2, 0));
    add(out, "live", now - 189.0, "\"event\":\"start\",\"name\":\"on its lane\"," TASK("film", 2, 0));
    add(out, "live", now - 188.0, "\"event\":\"start\",\"name\":\"again\"," TASK("film", 3, 0));
    add(out, "live", now - 187.0, "\"event\":\"start\",\"name\":\"again\"," TASK("film", 3, 1));
    add(out, "live", now - 5.0,
        "\"event\":\"beat\",\"done\":1,\"failed\":1,\"left\":2,\"running\":2,\"cost_done\":1,"
        "\"cost_left\":1,\"eta_seconds\":60");
    /* One that ended, one that was killed a while ago, one whose clock is far ahead. */
    add(out, "ended", now - 50.0, RUN, "ended");
    add(out, "ended", now - 40.0, "\"event\":\"start\",\"name\":\"of ended\"," TASK("film", 0, 0));
    add(out, "ended", now - 30.0, "\"event\":\"end\",\"exit_code\":75");
    add(out, "killed", now - 600.0, RUN, "killed");
    add(out, "killed", now - 62.0, "\"event\":\"start\",\"name\":\"of killed\"," TASK("film", 0, 0));
    add(out, "ahead", now - 700.0, RUN, "ahead");
    add(out, "ahead", now + 1e6, "\"event\":\"start\",\"name\":\"of ahead\"," TASK("film", 0, 0));
    h = read_all(out);
    CHECK_INT(h.n_live_runs, 1);
    CHECK(h.live_eta_seconds == 60.0);
    CHECK(fabs(h.live_run_start - (now - 500.0)) < 0.01);
    CHECK_STR(h.last_run.command, "ended");
    CHECK(h.last_run.has_ended);
    const struct history_film *f = film_of(&h, "begun");
    CHECK(f->running);
    CHECK_INT(f->n_running, 2);
    CHECK_STR(f->running_kind, "piece");
    CHECK_INT(f->running_rank, 1);
    CHECK(fabs(f->running_since - (now - 200.0)) < 0.01);
    static const char *const still[] = {"done",     "failed",   "probed",    "faulty",
                                        "replaced", "of ended", "of killed", "of ahead"};
    for (size_t i = 0; i < sizeof still / sizeof *still; i++)
        if (!CHECK(!film_of(&h, still[i])->running && film_of(&h, still[i])->n_running == 0))
            printf("  (%s)\n", still[i]);
    CHECK(film_of(&h, "on its lane")->running);
    CHECK_INT(film_of(&h, "again")->n_running, 1);
    CHECK_INT(film_of(&h, "done")->state, STATE_DONE);
    history_release(&h);

    add(out, "live", now - 1.0, "\"event\":\"end\",\"exit_code\":0");
    h = read_all(out);
    CHECK_INT(h.n_live_runs, 0);
    CHECK(h.live_eta_seconds < 0.0);
    for (int64_t i = 0; i < h.n; i++)
        CHECK(!h.film[i].running);
    history_release(&h);
}

/* --- damage ------------------------------------------------------------------------------------------------------- */

/* A journal that ends anywhere: all lines that are whole, and only those, count. */
static void torn_everywhere(void)
{
    const char *out = new_out("torn"), *source = test_path("torn source");
    struct journal *j;
    size_t bytes;

    mkdir(source, 0777);
    write_everything(source, &j);
    CHECK_INT(journal_end(j, 0), ST_OK);
    journal_close(&j);
    char *text = only_journal(source, &bytes);
    if (!CHECK(text != NULL))
        return;
    for (size_t n = 0; n <= bytes; n++) {
        struct history h;
        int64_t n_lines = 0;
        for (size_t i = 0; i < n; i++)
            n_lines += text[i] == '\n';
        const bool is_torn = n > 0 && text[n - 1] != '\n' && text[n] != '\n';
        write_file(out, "x", text, n);
        if (!CHECK_INT(history_read(out, &h), ST_OK))
            break;
        CHECK_INT(h.n_runs, n_lines > 0 || (n > 0 && !is_torn));
        if (!CHECK_INT(h.n_bad_lines, is_torn))
            printf("  (%zu of %zu bytes)\n", n, bytes);
        CHECK_INT(h.last_run.has_ended, n + 1 >= bytes);
        if (n + 1 >= bytes)
            check_everything(&h);
        history_release(&h);
    }
    free(text);
}

static void bad_lines(void)
{
    static const char *const bad[] = {
        "{}",
        "[]",
        "null",
        "{\"time\":1,\"event\":\"end\",\"exit_code\":1e400}",
        "{\"time\":1,\"event\":\"end\",\"exit_code\":99999999999999999999999}",
        "{\"time\":1,\"event\":\"end\",\"exit_code\":9999999999}",
        "{\"time\":1,\"event\":\"end\",\"exit_code\":1.5}",
        "{\"time\":1,\"event\":\"end\",\"exit_code\":\"0\"}",
        "{\"time\":1,\"event\":\"end\",\"exit_code\":0,\"exit_code\":1}",
        "{\"time\":1,\"event\":\"end\",\"exit_code\":0} x",
        "{\"time\":1,\"event\":\"end\",\"exit_code\":0}{}",
        "{\"time\":NaN,\"event\":\"end\",\"exit_code\":0}",
        "{\"time\":\"1\",\"event\":\"end\",\"exit_code\":0}",
        "{\"time\":1e300,\"event\":\"end\",\"exit_code\":0}",
        "{\"time\":-1,\"event\":\"end\",\"exit_code\":0}",
        "{\"time\":1,\"event\":7,\"exit_code\":0}",
        "{\"event\":\"end\",\"exit_code\":0}",
        "{\"time\":1,\"exit_code\":0}",
        "{\"time\":1,\"event\":\"film\",\"name\":\"\",\"path\":\"p\",\"bytes\":1,\"mtime_ns\":2}",
        "{\"time\":1,\"event\":\"film\",\"name\":\"..\",\"path\":\"p\",\"bytes\":1,\"mtime_ns\":2}",
        "{\"time\":1,\"event\":\"film\",\"name\":\"../x\",\"path\":\"p\",\"bytes\":1,\"mtime_ns\":2}",
        "{\"time\":1,\"event\":\"film\",\"name\":\"a\\u0000b\",\"path\":\"p\",\"bytes\":1,\"mtime_ns\":2}",
        "{\"time\":1,\"event\":\"film\",\"name\":\"a\",\"name_hex\":\"6\",\"path\":\"p\",\"bytes\":1,\"mtime_ns\":2}",
        "{\"time\":1,\"event\":\"film\",\"name\":\"a\",\"name_hex\":\"6G\",\"path\":\"p\",\"bytes\":1,\"mtime_ns\":2}",
        "{\"time\":1,\"event\":\"film\",\"name\":\"a\",\"name_hex\":\"2e2e2f61\",\"path\":\"p\",\"bytes\":1,\"mtime_"
        "ns\":2}",
        "{\"time\":1,\"event\":\"film\",\"name\":\"a\",\"name_hex\":\"6100\",\"path\":\"p\",\"bytes\":1,\"mtime_ns\":"
        "2}",
        "{\"time\":1,\"event\":\"film\",\"name\":\"a\",\"name_hex\":7,\"path\":\"p\",\"bytes\":1,\"mtime_ns\":2}",
        "{\"time\":1,\"event\":\"film\",\"name\":\"a\",\"path\":\"p\",\"bytes\":1.0,\"mtime_ns\":2}",
        "{\"time\":1,\"event\":\"film\",\"name\":\"a\",\"path\":\"p\",\"bytes\":1}",
        "{\"time\":1,\"event\":\"film\",\"name\":\"\xff\",\"path\":\"p\",\"bytes\":1,\"mtime_ns\":2}",
        "{\"time\":1,\"event\":\"cost\",\"name\":\"a\",\"bytes\":1,\"mtime_ns\":2,\"cost\":1,\"pieces\":-1}",
        "{\"time\":1,\"event\":\"failed\",\"name\":\"a\",\"path\":\"p\",\"fault\":\"bad\",\"quarantined\":true,"
        "\"attempts\":1,\"error\":\"e\",\"bytes\":1,\"mtime_ns\":2,\"seconds\":1,\"settings_id\":\"s\"}",
        "{\"time\":1,\"event\":\"done\",\"name\":\"a\",\"path\":\"p\",\"card\":\"AAAA\"}",
        "{\"time\":1,\"event\":\"done\",\"name\":\"a\",\"path\":\"p\",\"card\":\"\"}",
        ",\"card\":\"\"}",
        "\"card\":\"\"}",
        "\"}",
        "{\"}",
    };
    const char *out = new_out("bad");
    const size_t n = sizeof bad / sizeof *bad;
    struct history h;

    for (size_t i = 0; i < n; i++) {
        write_file(out, "x", bad[i], strlen(bad[i]));
        if (CHECK_INT(history_read(out, &h), ST_OK) && (!CHECK_INT(h.n_bad_lines, 1) || !CHECK_INT(h.n, 0)))
            printf("  (%s)\n", bad[i]);
        CHECK_INT(h.n_runs, 0);
        history_release(&h);
    }

    /* Among good lines, in another file, after binary rubbish; a folder that is called like a journal. */
    add(out, "good", 1.0, "\"event\":\"end\",\"exit_code\":5");
    char rubbish[5000];
    for (size_t i = 0; i < sizeof rubbish; i++)
        rubbish[i] = (char)(i * 2654435761u >> 13);
    for (size_t i = 0; i < sizeof rubbish; i += 97)
        rubbish[i] = '\n';
    memset(rubbish + 4000, 0, 1000);
    write_file(out, "rubbish", rubbish, sizeof rubbish);
    char folder[700];
    snprintf(folder, sizeof folder, "%s/journal/folder.ndjson", out);
    mkdir(folder, 0777);
    h = read_all(out);
    CHECK_INT(h.n_runs, 1);
    CHECK(h.n_bad_lines > 40);
    CHECK(h.last_run.has_ended);
    CHECK_INT(h.last_run.exit_code, 5);
    history_release(&h);

    char *deep = malloc(2 * 100000); /* deeper than any parser should follow */
    memset(deep, '[', 100000);
    memcpy(deep, "{\"time\":1,\"event\":", 18);
    write_file(out, "x", deep, 100000);
    free(deep);
    h = read_all(out);
    CHECK_INT(h.n_runs, 1);
    history_release(&h);
}

/* Lines that no journal writes: longer than any, or nested so deep that a parser would need a large stack for it. */
static void odd_lines(void)
{
    static const char end[] = "\n{\"time\":1,\"event\":\"end\",\"exit_code\":0}\n";
    const char *out = new_out("odd");
    const size_t n = 17 << 20;
    char *text = malloc(n + sizeof end);
    struct history h;

    if (!CHECK(text != NULL))
        return;
    memset(text, 'x', n);
    text[0] = '{';
    memcpy(text + n, end, sizeof end);
    write_file(out, "x", text, n + sizeof end - 1);
    CHECK_INT(history_read(out, &h), ST_OK);
    CHECK(h.n_bad_lines == 1 && h.n_runs == 1 && h.last_run.has_ended);
    history_release(&h);

    for (int depth = 50; depth <= 1000; depth += 950) { /* of a member that nobody knows */
        char *to = text + sprintf(text, "{\"time\":1,\"event\":\"end\",\"exit_code\":0,\"x\":");
        memset(to, '[', (size_t)depth);
        memset(to + depth, ']', (size_t)depth);
        strcpy(to + 2 * depth, "}\n");
        write_file(out, "x", text, strlen(text));
        CHECK_INT(history_read(out, &h), ST_OK);
        CHECK_INT(h.n_bad_lines, depth > 100);
        history_release(&h);
    }
    free(text);
}

static void notes(void)
{
    const char *out = new_out("notes");
    struct history h;
    char many[3000];

    for (size_t i = 0; i < sizeof many; i++)
        many[i] = i % 2 ? '\n' : 'x';
    write_file(out, "x", many, sizeof many - 2);
    log_set_keeper(keep_note);
    n_notes = 0;
    for (int i = 0; i < 3; i++) {
        h = read_all(out);
        history_release(&h);
    }
    CHECK_INT(n_notes, 1);
    CHECK(strstr(noted, "1499") && strstr(noted, out));
    write_file(out, "x", many, sizeof many);
    h = read_all(out);
    history_release(&h);
    CHECK_INT(n_notes, 2);
    log_set_keeper(NULL);
}

static void settings_that_are_none(void)
{
    const char *out = new_out("settings");

    add(out, "a", 1.0, "\"event\":\"run\",\"settings\":\"}{\",\"command\":\"c\"");
    struct history h = read_all(out);
    CHECK_INT(h.n_bad_lines, 0);
    CHECK(!h.last_run.settings_text);
    CHECK_STR(h.last_run.command, "c");
    history_release(&h);
}

/* --- size --------------------------------------------------------------------------------------------------------- */

static void many_films(void)
{
    enum { N = 20000 };
    const char *out = new_out("many");
    struct film_result r = some_result(SUMMARY_MAX_BINS - 1);
    char path[800];
    size_t bytes;

    /* By hand from one line: 20,000 times syncing is not what is measured. */
    const char *one = test_path("one");
    struct journal *j;
    mkdir(one, 0777);
    CHECK_INT(journal_open(one, &the_run, &j), ST_OK);
    CHECK_INT(journal_done(j, "NAME", "/films/NAME.mkv", &r), ST_OK);
    journal_close(&j);
    char *text = only_journal(one, &bytes);
    char *name = text ? strstr(text, "NAME") : NULL, *rest = name ? strstr(name + 4, "/films/NAME") : NULL;
    if (!CHECK(rest != NULL))
        return;
    snprintf(path, sizeof path, "%s/journal/many.ndjson", out);
    FILE *file = fopen(path, "wb");
    if (!CHECK(file != NULL))
        return;
    char *line = strchr(text, '\n') + 1;
    for (int i = 0; i < N; i++)
        fprintf(file, "%.*s%d%.*s/films/%d%s", (int)(name - line), line, i * 7919 % N, (int)(rest - name - 4), name + 4,
                i, rest + 11);
    fclose(file);
    free(text);

    const double began = clock_seconds();
    struct history h = read_all(out);
    printf("%d done films with full cards read in %.2f s\n", N, clock_seconds() - began);
    CHECK_INT(h.n, N);
    CHECK_INT(h.n_bad_lines, 0);
    for (int64_t i = 0; i < h.n; i++)
        CHECK(is_same_result(h.film[i].result, &r));
    history_release(&h);
    unlink(path);
}

static void json_numbers(void)
{
    static const struct {
        double v;
        const char *text;
    } number[] = {{0.1, "0.1"},
                  {-2.0, "-2"},
                  {1e300, "1e+300"},
                  {1.0 / 3.0, "0.333333333333333"},
                  {2.0 / 3.0, "0.6666666666666666"},
                  {-1.5e-7, "-1.5e-07"},
                  {NAN, "null"},
                  {-INFINITY, "null"}};
    char *text = NULL;
    size_t bytes;

    for (size_t i = 0; i < sizeof number / sizeof *number; i++) {
        FILE *file = open_memstream(&text, &bytes);
        json_print_double(file, number[i].v);
        fclose(file);
        if (i != 3) /* as many digits as it needs: 15 are not enough for a third */
            CHECK_STR(text, number[i].text);
        CHECK(!isfinite(number[i].v) || strtod(text, NULL) == number[i].v);
        free(text);
    }
}

int main(void)
{
    test_began = now_seconds() - 1e-6; /* times in journals are cut to microseconds */
    json_numbers();
    round_trip();
    no_numbers();
    locales();
    full_disk();
    three_writers();
    equal_times();
    changed_films();
    running();
    settings_that_are_none();
    torn_everywhere();
    bad_lines();
    odd_lines();
    notes();
    many_films();
    return test_end();
}
