/* test_status: what status prints of catalogues whose journals are written by hand. */
#include "catalog/show/status.h"

#include "catalog/store/journal.h"
#include "test.h"

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <time.h>

static const char *out; /* the catalogue */
static double now;

static void add(const char *file, double time, const char *members)
{
    char path[700];

    snprintf(path, sizeof path, "%s/journal/%s.ndjson", out, file);
    FILE *f = fopen(path, "ab");
    if (!f) {
        printf("cannot write %s\n", path);
        exit(1);
    }
    fprintf(f, "{\"time\":%.6f,%s}\n", time, members);
    fclose(f);
}

static void new_catalog(const char *name)
{
    static char folder[600];
    char journal[700];

    snprintf(folder, sizeof folder, "%s", test_path(name));
    snprintf(journal, sizeof journal, "%s/journal", folder);
    out = folder;
    if (mkdir(folder, 0777) != 0 || mkdir(journal, 0777) != 0) {
        printf("cannot make %s\n", journal);
        exit(1);
    }
}

/* What it prints (heap). */
static char *print(bool json, enum status wanted)
{
    const char *path = test_path("stdout");
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    size_t bytes;

    fflush(stdout);
    const int before = dup(1);
    dup2(fd, 1);
    close(fd);
    const enum status st = status_print(out, json);
    fflush(stdout);
    dup2(before, 1);
    close(before);
    if (!CHECK_INT(st, wanted) && st != ST_OK)
        puts(status_message());
    return test_read(path, &bytes);
}

static json_t *print_json(void)
{
    char *text = print(true, ST_OK);
    json_error_t error;
    json_t *root = json_loads(text ? text : "", JSON_REJECT_DUPLICATES, &error);

    if (!CHECK(root != NULL))
        printf("%s: %s\n", error.text, text ? text : "");
    CHECK(text && strchr(text, '\n') == text + strlen(text) - 1);
    free(text);
    return root;
}

static void check_text(const char *const *wanted)
{
    char *text = print(false, ST_OK);

    for (; *wanted; wanted++)
        if (!CHECK(text && strstr(text, *wanted)))
            printf("  wanted: %s\n  found: %s\n", *wanted, text ? text : "");
    free(text);
}

static const json_t *at(const json_t *object, const char *key)
{
    const json_t *member = json_object_get(object, key);

    CHECK(member != NULL);
    return member;
}

#define RUN "\"event\":\"run\",\"settings\":\"{}\",\"command\":\"jacquard catalog films\\u001b[2J --out x\""
#define FILM(name) "\"event\":\"film\",\"name\":\"" name "\",\"path\":\"/" name ".mkv\",\"bytes\":1,\"mtime_ns\":2"
#define START(name, piece, lane)                                                                                       \
    "\"event\":\"start\",\"name\":\"" name "\",\"kind\":\"piece\",\"piece\":" #piece ",\"pieces\":9,\"rank\":3,"       \
    "\"lane\":" #lane ",\"host\":\"h\""
#define FAILED(name, quarantined)                                                                                      \
    "\"event\":\"failed\",\"name\":\"" name "\",\"path\":\"/" name ".mkv\",\"fault\":\"timeout\","                     \
    "\"quarantined\":" quarantined ",\"attempts\":1,\"error\":\"reason of " name "\",\"bytes\":1,\"mtime_ns\":2,"      \
    "\"seconds\":1,\"settings_id\":\"s\""
#define BEAT(eta)                                                                                                      \
    "\"event\":\"beat\",\"done\":0,\"failed\":0,\"left\":2,\"running\":1,\"cost_done\":1,\"cost_left\":2,"             \
    "\"eta_seconds\":" eta

static void going_on(void)
{
    new_catalog("going on");
    add("a", now - 300.0, RUN);
    add("a", now - 299.0, FILM("left"));
    add("a", now - 298.0, FILM("begun"));
    add("a", now - 297.0,
        "\"event\":\"film\",\"name\":\"x\",\"name_hex\":\"ff\",\"path\":\"p\",\"bytes\":1,\"mtime_ns\":2");
    add("a", now - 200.0, START("begun", 0, 0));
    add("a", now - 100.0, START("begun", 1, 1));
    add("a", now - 50.0, START("first", 0, 2));
    add("a", now - 10.0, FAILED("bad", "false"));
    add("a", now - 5.0, FAILED("poison", "true"));
    add("a", now - 1.0, BEAT("5025"));
    add("b", now - 30.0, RUN); /* another began later, and is over */
    add("b", now - 20.0, "\"event\":\"end\",\"exit_code\":3");
    json_t *root = print_json();
    CHECK_INT(json_integer_value(at(root, "films")), 6);
    CHECK_INT(json_integer_value(at(root, "done")), 0);
    CHECK_INT(json_integer_value(at(root, "failed")), 1);
    CHECK_INT(json_integer_value(at(root, "quarantined")), 1);
    CHECK_INT(json_integer_value(at(root, "left")), 4);
    CHECK(json_number_value(at(root, "eta_seconds")) == 5025.0);
    CHECK(json_is_true(at(root, "is_running")));
    CHECK(json_is_null(at(root, "exit_code")));
    const json_t *running = at(root, "running"), *failures = at(root, "failures");
    CHECK_INT(json_array_size(running), 2);
    const json_t *first = json_array_get(running, 0);
    CHECK_STR(json_string_value(at(first, "name")), "begun");
    CHECK_STR(json_string_value(at(first, "path")), "/begun.mkv");
    CHECK_STR(json_string_value(at(first, "kind")), "piece");
    CHECK_INT(json_integer_value(at(first, "rank")), 3);
    CHECK_INT(json_integer_value(at(first, "tasks")), 2);
    CHECK(fabs(json_number_value(at(first, "seconds")) - 200.0) < 10.0);
    CHECK_INT(json_array_size(failures), 2);
    CHECK_STR(json_string_value(at(json_array_get(failures, 0), "name")), "bad");
    CHECK_STR(json_string_value(at(json_array_get(failures, 0), "fault")), "timeout");
    CHECK_STR(json_string_value(at(json_array_get(failures, 1), "status")), "quarantined");
    CHECK_STR(json_string_value(at(json_array_get(failures, 1), "error")), "reason of poison");
    json_decref(root);
    check_text((const char *const[]){
        "0 of 6 films done, 1 failed, 1 quarantined, 4 left (2 of them running)", "a run goes on, since 20",
        "about 1:23:45 to go\n", "  begun: piece on rank 3 for 0:03:", ", and 1 more of it\n", "  first: piece",
        "  bad (timeout): reason of bad\n", "  poison (timeout, quarantined): reason of poison\n", NULL});
    char *text = print(false, ST_OK);
    CHECK(text && !strstr(text, "to go on")); /* it does */
    free(text);

    add("a", now - 0.5, BEAT("null"));
    root = print_json();
    CHECK(json_is_null(at(root, "eta_seconds")));
    json_decref(root);
    check_text((const char *const[]){"not known yet", NULL});
}

static void ended(void)
{
    new_catalog("ended");
    add("a", now - 300.0, RUN);
    add("a", now - 299.0, FILM("left"));
    add("a", now - 298.0, START("left", 0, 0));
    add("a", now - 20.0, "\"event\":\"end\",\"exit_code\":75");
    json_t *root = print_json();
    CHECK(json_is_false(at(root, "is_running")));
    CHECK_INT(json_integer_value(at(root, "exit_code")), 75);
    CHECK(json_is_null(at(root, "eta_seconds")));
    CHECK_INT(json_array_size(at(root, "running")), 0);
    CHECK_INT(json_array_size(at(root, "failures")), 0);
    json_decref(root);
    check_text((const char *const[]){"0 of 1 films done, 0 failed, 0 quarantined, 1 left; the last run, of 20",
                                     ", ended 20", " with exit code 75: interrupted or out of time\n",
                                     "to go on: jacquard catalog films?[2J --out x\n", NULL});
}

static void gone(void)
{
    char name[64];

    new_catalog("gone");
    add("a", now - 300.0, RUN);
    add("a", now - 299.0, FILM("left"));
    add("a", now - 298.0, START("left", 0, 0));
    for (int i = 0; i < 25; i++) {
        char line[600];
        snprintf(name, sizeof name, "f%02d", i);
        snprintf(line, sizeof line,
                 "\"event\":\"failed\",\"name\":\"%s\",\"path\":\"/f\",\"fault\":\"damaged\",\"quarantined\":false,"
                 "\"attempts\":1,\"error\":\"e\",\"bytes\":1,\"mtime_ns\":2,\"seconds\":1,\"settings_id\":\"s\"",
                 name);
        add("a", now - 200.0, line);
    }
    json_t *root = print_json();
    CHECK(json_is_false(at(root, "is_running")));
    CHECK(json_is_null(at(root, "exit_code")));
    CHECK_INT(json_array_size(at(root, "failures")), 25);
    json_decref(root);
    check_text(
        (const char *const[]){"is gone", "  f19 (damaged): e\n  and 5 more: see ", "/report.json\nto go on: ", NULL});
    char *text = print(false, ST_OK);
    CHECK(text && !strstr(text, "f20"));
    free(text);
}

static void no_catalog(void)
{
    new_catalog("empty");
    char *text = print(false, ST_USAGE);
    CHECK_STR(text, "");
    CHECK(strstr(status_message(), "is no catalogue"));
    free(text);
    out = "/nonexistent";
    free(print(true, ST_USAGE));
}

int main(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    now = (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
    going_on();
    ended();
    gone();
    no_catalog();
    return test_end();
}
