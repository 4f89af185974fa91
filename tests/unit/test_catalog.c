/* test_catalog: small collections become barcodes, by the command itself and worker processes of its own (the test's
 * program, started again): what is done, done again, left, failed and refused, and that films that were cut into pieces
 * give the same bytes. Then the commands that look at the results. */
#include "base/log.h"
#include "catalog/store/history.h"
#include "catalog/workers/worker_main.h"
#include "cli/command.h"
#include "unit/test.h"
#include "unit/y4m_film.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>

enum { MOST_WORDS = 40 };

static struct comm comm;
static atomic_int stop;
static char notes[1 << 16], printed[1 << 16];
static char films[600];     /* the folder of films, INPUT of most runs */
static const char *stop_at; /* a note that brings a signal */

static void keep_note(const char *line)
{
    const size_t used = strlen(notes);

    snprintf(notes + used, sizeof notes - used, "%s\n", line);
    if (stop_at && strstr(line, stop_at))
        atomic_fetch_add(&stop, 1);
}

/* Runs a command on words that end with NULL; what it prints is in printed, what it notes in notes. */
static enum status run(const struct command *command, const char *const *word)
{
    char *argv[MOST_WORDS] = {strdup(command->name)};
    const char *path = test_path("stdout.txt");
    int argc = 1;
    size_t n;

    fflush(stdout);
    const int saved = dup(STDOUT_FILENO), fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    dup2(fd, STDOUT_FILENO);
    close(fd);
    notes[0] = '\0';
    atomic_store(&stop, 0);
    for (; word[argc - 1]; argc++)
        argv[argc] = strdup(word[argc - 1]);
    const enum status st = command_run(command, &comm, argc, argv, &stop);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    char *text = test_read(path, &n);
    snprintf(printed, sizeof printed, "%s", text ? text : "");
    free(text);
    stop_at = NULL;
    return st;
}

/* jacquard catalog with settings that make it short. */
static enum status catalog(const char *out, ...)
{
    const char *word[MOST_WORDS] = {"--out", test_path(out), "--backend", "cpu",      "--every", "4f",         "-k",
                                    "2",     "--workers",    "1",         "--height", "8",       "--progress", "none",
                                    NULL};
    int n = 14;
    va_list more;

    va_start(more, out);
    while (n < MOST_WORDS - 1 && (word[n] = va_arg(more, const char *)))
        n++;
    va_end(more);
    return run(&command_catalog, word);
}

static void film(const char *name, int n_frames)
{
    y4m_write(test_path(name), n_frames);
}

static bool is_there(const char *name)
{
    return test_exists(test_path(name));
}

static void expect_state(const char *out, const char *name, enum film_state state)
{
    struct history h;

    CHECK_INT(history_read(test_path(out), &h), ST_OK);
    const struct history_film *f = history_find(&h, name);
    if (CHECK(f != NULL))
        CHECK_STR(state_names[f->state], state_names[state]);
    history_release(&h);
}

static bool is_same_file(const char *a, const char *b)
{
    size_t n, m;
    char *x = test_read(test_path(a), &n), *y = test_read(test_path(b), &m);
    const bool is = x && y && n == m && memcmp(x, y, n) == 0;

    free(x);
    free(y);
    return is;
}

/* --- runs -----------------------------------------------------------------------------------------------------------
 */

static void first_and_again(void)
{
    mkdir(films, 0777);
    film("films/a.y4m", 8);
    film("films/b.y4m", 12);
    test_write(test_path("films/c.mkv"), "this is no film", 15);
    test_write(test_path("films/notes.txt"), "x", 1);

    CHECK_INT(catalog("out", films, NULL), ST_FORMAT);
    CHECK(strstr(status_message(), "1 of 3 films failed: ") && strstr(status_message(), "/report.json says why"));
    CHECK(strstr(notes, "3 films found; passed over: 1 .txt; films listed under a second name: 0\n") != NULL);
    CHECK(strstr(notes, "3 films to do; 0 are done and sound, 0 failed before\n") != NULL);
    CHECK(strstr(notes, "2 of 3 films done (0 of them before), 1 failed, 0 left") != NULL);
    CHECK(strstr(notes, "failed (not-a-film): ") != NULL);
    CHECK(is_there("out/a.json") && is_there("out/a.barcode.png") && is_there("out/b.barcode.png"));
    CHECK(is_there("out/report.json") && is_there("out/report.csv") && is_there("out/index.html"));
    CHECK(!is_there("out/pieces") && !is_there("out/c.json"));
    expect_state("out", "a", STATE_DONE);
    expect_state("out", "c", STATE_FAILED);

    CHECK_INT(catalog("out", films, NULL), ST_FORMAT); /* nothing to do: no process is started */
    CHECK(strstr(notes, "0 films to do; 2 are done and sound, 1 failed before (--retry-failed") != NULL);
    CHECK(!strstr(notes, "rank 0 on "));
    CHECK_INT(catalog("out", films, "--retry-failed", NULL), ST_FORMAT);
    CHECK(strstr(notes, "1 films to do; 2 are done and sound, 0 failed before\n") != NULL);
    remove(test_path("films/c.mkv"));
    CHECK_INT(catalog("out", films, NULL), ST_OK);

    test_write(test_path("out/b.barcode.png"), "damaged", 7);
    CHECK_INT(catalog("out", films, NULL), ST_OK);
    CHECK(strstr(notes, "1 films to do; 1 are done and sound") != NULL);
    CHECK_INT(catalog("out", films, "--seed", "3", NULL), ST_OK); /* other settings */
    CHECK(strstr(notes, "2 films to do; 0 are done and sound") != NULL);
    film("films/a.y4m", 16); /* another film under its name */
    CHECK_INT(catalog("out", films, "--seed", "3", "--gallery", NULL), ST_OK);
    CHECK(strstr(notes, "1 films to do; 1 are done and sound") != NULL);
}

static void only_looked_at(void)
{
    test_write(test_path("films/c.mkv"), "this is no film", 15);
    film("films/d.y4m", 4);
    CHECK_INT(catalog("out", films, "--seed", "3", "--dry-run", NULL), ST_OK);
    CHECK(strstr(printed, "name\tstate\tbytes\tcore seconds\tfilm\na\tdone\t") != NULL);
    CHECK(strstr(printed, "\nc\tcannot be read\t15\t?\t") != NULL);
    CHECK(strstr(printed, "\nd\tto do\t") != NULL);
    expect_state("out", "a", STATE_DONE);
    CHECK(!is_there("out/d.json"));
    CHECK_INT(catalog("nowhere", films, "--dry-run", NULL), ST_OK);
    CHECK(!is_there("nowhere"));
    CHECK_INT(catalog("out", films, "--dry-run", "--exclude", "*", NULL), ST_NO_MATCH);
}

static void shares(void)
{
    int n[3] = {0};

    for (int i = 1; i <= 2; i++) {
        char share[8];
        snprintf(share, sizeof share, "%d/2", i);
        CHECK_INT(catalog("none", films, "--dry-run", "--share", share, NULL), ST_OK);
        for (const char *name = "abd"; *name; name++) {
            const char line[] = {'\n', *name, '\t', '\0'};
            n[i] += strstr(printed, line) != NULL;
        }
    }
    CHECK_INT(n[1] + n[2], 3); /* each film in one of them */
    CHECK(n[1] > 0 && n[2] > 0);
    CHECK_INT(catalog("none", films, "--dry-run", "--share", "9/9", NULL), ST_OK);
    CHECK(strstr(notes, "there are fewer films than shares: share 9 of 9 has none") != NULL);
}

static void in_pieces(void)
{
    const char *one = test_path("long.y4m"), *list = test_path("list.txt");

    film("long.y4m", 40);
    CHECK_INT(catalog("whole", one, "--strips", "kmeans,average", NULL), ST_OK);
    test_write(list, one, strlen(one));
    CHECK_INT(
        catalog("cut", "--list", list, "--strips", "kmeans,average", "--threads", "1", "--piece-time", "0.004", NULL),
        ST_OK);
    CHECK(strstr(notes, "1 of 1 films done") != NULL);
    CHECK(is_same_file("whole/long.json", "cut/long.json"));
    CHECK(is_same_file("whole/long.barcode.png", "cut/long.barcode.png"));
    CHECK(is_same_file("whole/long.barcode.average.png", "cut/long.barcode.average.png"));
    CHECK(!is_there("cut/pieces"));

    struct history h;
    CHECK_INT(history_read(test_path("cut"), &h), ST_OK);
    if (CHECK(h.n == 1 && h.film[0].result))
        CHECK(h.film[0].result->n_pieces > 1 && h.film[0].result->columns == 10);
    history_release(&h);
}

/* --- ends -----------------------------------------------------------------------------------------------------------
 */

static void interrupted(void)
{
    stop_at = "films found"; /* while what is done is looked at */
    CHECK_INT(catalog("stopped", films, NULL), ST_INTERRUPTED);
    CHECK_STR(status_message(), "interrupted");
    stop_at = "rank 0 on "; /* before the first request */
    CHECK_INT(catalog("stopped", films, NULL), ST_INTERRUPTED);
    CHECK(strstr(status_message(), "interrupted with ") && strstr(status_message(), " of 4 films left: "));
    CHECK(strstr(notes, "finishing what is begun") != NULL);
    stop_at = "rank 0 on ";
    CHECK_INT(catalog("stopped", films, "--dry-run", NULL), ST_INTERRUPTED);
    CHECK_STR(status_message(), "interrupted before all films were looked at");
    CHECK_INT(catalog("stopped", films, NULL), ST_FORMAT); /* goes on: c is no film */
    CHECK(strstr(notes, ", 1 failed, 0 left") != NULL);

    CHECK_INT(catalog("late", films, "--time-limit", "0.001", NULL), ST_INTERRUPTED);
    CHECK(strstr(status_message(), "out of time with 4 of 4 films left") != NULL);
}

static void refused(void)
{
    char word[5000];

    mkdir(test_path("mine"), 0777);
    test_write(test_path("mine/a.json"), "{}", 2);
    CHECK_INT(catalog("mine", films, NULL), ST_USAGE);
    CHECK(strstr(status_message(), "mine/a.json exists already and is not of a catalogue") != NULL);
    remove(test_path("mine/a.json"));
    test_write(test_path("mine/d.barcode.png"), "", 0);
    CHECK_INT(catalog("mine", films, NULL), ST_USAGE);
    CHECK(strstr(status_message(), "mine/d.barcode.png exists already") != NULL);
    test_write(test_path("mine/.a.json"), "", 0);
    CHECK_INT(catalog("mine", films, "--force", "--exclude", "c*", NULL), ST_OK);
    CHECK_INT(catalog("films", films, NULL), ST_USAGE); /* OUT holds the films */
    CHECK_INT(catalog("films/a.y4m", films, NULL), ST_IO);
    CHECK(strstr(status_message(), "a file of this name exists") != NULL);
    CHECK_INT(catalog("x", test_path("not there"), NULL), ST_USAGE);
    CHECK_INT(catalog("x", "--list", test_path("not there"), NULL), ST_USAGE);

    memset(word, 'x', sizeof word);
    word[sizeof word - 1] = '\0';
    CHECK_INT(catalog("x", test_path("films/a.y4m"), "--out", word, NULL), ST_USAGE);
}

/* A journal that no journal can be written beside; half-written files of a run that was killed. */
static void left_over(void)
{
    mkdir(test_path("left"), 0777);
    mkdir(test_path("left/pieces"), 0777);
    test_write(test_path("left/a.barcode.png.abc123.tmp"), "", 0);
    test_write(test_path("left/a.barcode.least.png.abc123.tmp"), "", 0);
    test_write(test_path("left/mine.json.abc123.tmp"), "", 0);
    test_write(test_path("left/a.other.abc123.tmp"), "", 0);
    test_write(test_path("left/a.json.ABC123.tmp"), "", 0);
    test_write(test_path("left/pieces/d.2of3.abc123.tmp"), "", 0);
    test_write(test_path("left/pieces/d.index.abc123.tmp"), "", 0);
    test_write(test_path("left/pieces/d.0x3.abc123.tmp"), "", 0);
    CHECK_INT(catalog("left", films, "--exclude", "c*", NULL), ST_OK);
    CHECK(!is_there("left/a.barcode.png.abc123.tmp") && !is_there("left/a.barcode.least.png.abc123.tmp"));
    CHECK(!is_there("left/pieces/d.2of3.abc123.tmp") && !is_there("left/pieces/d.index.abc123.tmp"));
    CHECK(is_there("left/mine.json.abc123.tmp") && is_there("left/a.other.abc123.tmp"));
    CHECK(is_there("left/a.json.ABC123.tmp") && is_there("left/pieces/d.0x3.abc123.tmp"));
}

/* --- what people look at --------------------------------------------------------------------------------------------
 */

static void looked_at(void)
{
    const char *out = test_path("left");

    CHECK_INT(run(&command_status, (const char *[]){out, NULL}), ST_OK);
    CHECK(strstr(printed, "left: 3 of 3 films done, 0 failed, 0 quarantined, 0 left; the last run, of ") != NULL);
    CHECK(strstr(printed, "exit code 0: all done") != NULL);
    CHECK_INT(run(&command_status, (const char *[]){"--json", out, NULL}), ST_OK);
    CHECK(strncmp(printed, "{\"films\":3,\"done\":3,\"failed\":0,", 30) == 0);
    CHECK_INT(run(&command_status, (const char *[]){test_path("films"), NULL}), ST_USAGE);

    CHECK_INT(run(&command_verify, (const char *[]){out, "--samples", "2", "--progress", "none", NULL}), ST_OK);
    CHECK(strncmp(printed, "3 films verified, 0 off; ", 25) == 0);
    test_write(test_path("left/d.barcode.png"), "damaged", 7);
    CHECK_INT(run(&command_verify, (const char *[]){out, "--progress", "none", NULL}), ST_MISMATCH);
    CHECK(strncmp(printed, "d: ", 3) == 0 && strstr(printed, "d.barcode.png has 7 bytes, not ") != NULL);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], WORKER_ARGUMENT) == 0)
        return worker_main();
    log_set_keeper(keep_note);
    CHECK_INT(comm_open_world(&comm), ST_OK);
    snprintf(films, sizeof films, "%s", test_path("films"));
    first_and_again();
    only_looked_at();
    shares();
    in_pieces();
    interrupted();
    refused();
    left_over();
    looked_at();
    comm_close(&comm);
    return test_end();
}
