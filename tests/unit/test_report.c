/* test_report: report.json is JSON with every film in it, report.csv has the same in as many fields as its header. */
#include "catalog/show/report.h"

#include "test.h"

#include <jansson.h>
#include <math.h>

static struct film_result result = {.bytes = 10,
                                    .container = "mov,mp4",
                                    .codec = "h264",
                                    .width = 1920,
                                    .height = 1080,
                                    .aspect = "2.35",
                                    .frames = 1000,
                                    .film_seconds = 40.5,
                                    .frames_missing = 3,
                                    .frames_damaged = 2,
                                    .columns = 41,
                                    .seconds = 2.5,
                                    .cpu_decoders = 3,
                                    .nvdec_decoders = 8,
                                    .n_pieces = 11,
                                    .note = "lost: 1 of 2 frames",
                                    .notes = "a \"note\",\nand another",
                                    .n_outputs = 2,
                                    .output = {{".barcode.png", 100, "aa"}, {".json", 200, "bb"}},
                                    .summary = {.n_bins = 1, .hue = 12.5, .lightness = 50.25}};
static struct film_result odd_result; /* not a number, sums that overflow */

static char names[4][16] = {"A", "b,\"c\"", "d\xff", "e"};
static char paths[3][32] = {"/films/A.mkv", "/films/b,\"c\"\r\n.mkv", "/films/\xff\xfe.mkv"};
static char message[] = "=cmd|'/c calc'!A1, \"quoted\"\nsecond line \xff";
static char settings[] = "{\"k\":8}";

static struct passed passed = {
    .n = 21, .n_kinds = 2, .kind = {{".jpg", 12}, {"", 4}}, .n_others = 5}; /* what the listing passed over */

static struct history make_history(struct history_film film[4])
{
    const struct history h = {.n = 4, .film = film, .n_runs = 1, .last_run.settings_text = settings};

    memset(film, 0, 4 * sizeof *film);
    for (int i = 0; i < 4; i++) {
        film[i].name = names[i];
        film[i].path = i < 3 ? paths[i] : NULL; /* of the last nobody knows */
        film[i].cost = -1.0;
    }
    film[0].state = STATE_DONE;
    film[0].result = &result;
    film[0].attempts = 2;
    film[1].state = STATE_QUARANTINED;
    film[1].failure.kind = FAULT_CRASH;
    film[1].failure.message = message;
    film[1].failure.seconds = 1.5;
    odd_result = result;
    odd_result.columns = odd_result.frames = INT64_MAX;
    odd_result.seconds = NAN;
    odd_result.film_seconds = INFINITY;
    odd_result.nvdec_decoders = 0;
    odd_result.aspect[0] = '\0';
    odd_result.summary.hue = NAN;
    film[2].state = STATE_DONE;
    film[2].result = &odd_result;
    return h;
}

/* --- report.json -------------------------------------------------------------------------------------------------- */

static json_t *load(const char *path)
{
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);

    if (!CHECK(root != NULL))
        printf("%s: line %d: %s\n", path, error.line, error.text);
    return root;
}

static const char *text_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static long long int_at(const json_t *object, const char *key)
{
    const json_t *member = json_object_get(object, key);

    return CHECK(json_is_integer(member)) ? (long long)json_integer_value(member) : -1;
}

static double number_at(const json_t *object, const char *key)
{
    const json_t *member = json_object_get(object, key);

    return CHECK(json_is_number(member)) ? json_number_value(member) : NAN;
}

static void check_totals(const json_t *totals)
{
    CHECK_INT(int_at(totals, "films"), 4);
    CHECK_INT(int_at(totals, "done"), 2);
    CHECK_INT(int_at(totals, "failed"), 0);
    CHECK_INT(int_at(totals, "quarantined"), 1);
    CHECK_INT(int_at(totals, "left"), 1);
    CHECK(json_is_integer(json_object_get(totals, "columns")) && json_is_integer(json_object_get(totals, "frames")));
    CHECK(json_is_null(json_object_get(totals, "seconds")) && json_is_null(json_object_get(totals, "film_seconds")));
}

static void check_passed(const json_t *p)
{
    const json_t *suffixes = json_object_get(p, "suffixes");

    CHECK_INT(int_at(p, "files"), 21);
    CHECK_INT(json_array_size(suffixes), 2);
    CHECK_STR(text_at(json_array_get(suffixes, 0), "suffix"), ".jpg");
    CHECK_INT(int_at(json_array_get(suffixes, 0), "files"), 12);
    CHECK_STR(text_at(json_array_get(suffixes, 1), "suffix"), "");
    CHECK_INT(int_at(json_array_get(suffixes, 1), "files"), 4);
    CHECK_INT(int_at(p, "others"), 5);
}

static void check_films(const json_t *films)
{
    const json_t *f = json_array_get(films, 0);
    CHECK_STR(text_at(f, "name"), "A");
    CHECK_STR(text_at(f, "path"), "/films/A.mkv");
    CHECK(!json_object_get(f, "path_hex") && !json_object_get(f, "name_hex"));
    CHECK_STR(text_at(f, "status"), "done");
    CHECK_INT(int_at(f, "columns"), 41);
    CHECK_INT(int_at(f, "frames"), 1000);
    CHECK(number_at(f, "film_seconds") == 40.5 && number_at(f, "seconds") == 2.5 && number_at(f, "fps") == 400.0);
    CHECK_STR(text_at(f, "decode"), "3 cpu, 8 nvdec");
    CHECK_INT(int_at(f, "pieces"), 11);
    CHECK_INT(int_at(f, "attempts"), 2);
    CHECK_INT(int_at(f, "width"), 1920);
    CHECK_INT(int_at(f, "height"), 1080);
    CHECK_STR(text_at(f, "aspect"), "2.35");
    CHECK_STR(text_at(f, "codec"), "h264");
    CHECK_STR(text_at(f, "container"), "mov,mp4");
    CHECK_STR(text_at(f, "fingerprint"), "");
    CHECK_INT(int_at(f, "frames_missing"), 3);
    CHECK_INT(int_at(f, "frames_damaged"), 2);
    CHECK_STR(text_at(f, "note"), result.note);
    CHECK_STR(text_at(f, "notes"), result.notes);
    CHECK(number_at(f, "hue") == 12.5 && number_at(f, "lightness") == 50.25);
    CHECK(!json_object_get(f, "fault") && !json_object_get(f, "error"));
    const json_t *outputs = json_object_get(f, "outputs");
    CHECK_INT(json_array_size(outputs), 2);
    CHECK_STR(text_at(json_array_get(outputs, 0), "file"), "A.barcode.png");
    CHECK_INT(int_at(json_array_get(outputs, 0), "bytes"), 100);
    CHECK_STR(text_at(json_array_get(outputs, 1), "sha256"), "bb");

    f = json_array_get(films, 1);
    CHECK_STR(text_at(f, "name"), names[1]);
    CHECK_STR(text_at(f, "path"), paths[1]);
    CHECK_STR(text_at(f, "status"), "quarantined");
    CHECK_STR(text_at(f, "fault"), "crash");
    CHECK(text_at(f, "error") && strstr(text_at(f, "error"), "line \xef\xbf\xbd"));
    CHECK(number_at(f, "seconds") == 1.5);
    CHECK(!json_object_get(f, "columns") && !json_object_get(f, "outputs"));

    f = json_array_get(films, 2);
    CHECK_STR(text_at(f, "name"), "d\xef\xbf\xbd");
    CHECK_STR(text_at(f, "name_hex"), "64ff");
    CHECK_STR(text_at(f, "path"), "/films/\xef\xbf\xbd\xef\xbf\xbd.mkv");
    CHECK_STR(text_at(f, "path_hex"), "2f66696c6d732ffffe2e6d6b76");
    CHECK_STR(text_at(f, "decode"), "3 cpu");
    CHECK(json_is_null(json_object_get(f, "seconds")) && json_is_null(json_object_get(f, "film_seconds")));
    CHECK(!json_object_get(f, "fps") && !json_object_get(f, "aspect"));
    CHECK_STR(text_at(json_array_get(json_object_get(f, "outputs"), 1), "file_hex"), "64ff2e6a736f6e");

    f = json_array_get(films, 3);
    CHECK_STR(text_at(f, "name"), "e");
    CHECK_STR(text_at(f, "status"), "left");
    CHECK(!json_object_get(f, "path") && !json_object_get(f, "seconds"));
}

static void json_report(void)
{
    struct history_film film[4];
    struct history h = make_history(film);
    size_t bytes;

    CHECK_INT(report_write(test_folder(), &h, &passed), ST_OK);
    json_t *root = load(test_path("report.json"));
    CHECK_STR(text_at(root, "format"), "jacquard-catalog");
    CHECK_INT(int_at(root, "version"), 1);
    CHECK_INT(int_at(json_object_get(root, "settings"), "k"), 8);
    CHECK_INT(json_array_size(json_object_get(root, "films")), 4);
    check_totals(json_object_get(root, "totals"));
    check_passed(json_object_get(root, "passed_over"));
    check_films(json_object_get(root, "films"));
    json_decref(root);

    char *text = test_read(test_path("report.json"), &bytes); /* a film a line */
    int n_lines = 0;
    for (const char *at = text; at && (at = strchr(at, '\n')); at++)
        n_lines += at[1] == '{';
    CHECK_INT(n_lines, 4);
    free(text);

    h.n = 0; /* and once more, over the ones that are there */
    h.last_run.settings_text = NULL;
    CHECK_INT(report_write(test_folder(), &h, &passed), ST_OK);
    root = load(test_path("report.json"));
    CHECK(json_is_null(json_object_get(root, "settings")));
    CHECK_INT(json_array_size(json_object_get(root, "films")), 0);
    json_decref(root);
}

/* --- report.csv --------------------------------------------------------------------------------------------------- */

enum { MOST_ROWS = 8, MOST_FIELDS = 40 };

/* RFC 4180, with LF; by the book, and not by the code under test. */
struct table {
    char field[MOST_ROWS][MOST_FIELDS][300];
    int n_fields[MOST_ROWS], n_rows;
};

static void read_table(const char *text, struct table *t)
{
    memset(t, 0, sizeof *t);
    while (*text && t->n_rows < MOST_ROWS) {
        char *to = t->field[t->n_rows][t->n_fields[t->n_rows]++];
        if (*text == '"') {
            for (text++; *text && (*text != '"' || text[1] == '"'); text++) {
                *to++ = *text;
                text += *text == '"';
            }
            if (!CHECK(*text++ == '"'))
                return;
        } else {
            while (*text && !strchr(",\n\"", *text))
                *to++ = *text++;
        }
        if (!CHECK(*text == ',' || *text == '\n'))
            return;
        t->n_rows += *text++ == '\n';
    }
}

static const char *cell(const struct table *t, int row, const char *column)
{
    for (int i = 0; i < t->n_fields[0]; i++)
        if (strcmp(t->field[0][i], column) == 0)
            return t->field[row][i];
    return NULL;
}

static void csv_report(void)
{
    static struct table t;
    struct history_film film[4];
    struct history h = make_history(film);
    size_t bytes;

    CHECK_INT(report_write(test_folder(), &h, &passed), ST_OK);
    char *text = test_read(test_path("report.csv"), &bytes);
    if (!CHECK(text != NULL))
        return;
    read_table(text, &t);
    CHECK(strncmp(text, "name,path,status,columns,frames,", 32) == 0);
    free(text);
    CHECK_INT(t.n_rows, 5);
    for (int row = 0; row < t.n_rows; row++)
        CHECK_INT(t.n_fields[row], t.n_fields[0]);
    CHECK_STR(cell(&t, 1, "name"), "A");
    CHECK_STR(cell(&t, 1, "fps"), "400");
    CHECK_STR(cell(&t, 1, "decode"), "3 cpu, 8 nvdec");
    CHECK_STR(cell(&t, 1, "note"), result.note);
    CHECK_STR(cell(&t, 1, "notes"), result.notes);
    CHECK_STR(cell(&t, 1, "hue"), "12.5");
    CHECK_STR(cell(&t, 1, "error"), "");
    CHECK_STR(cell(&t, 2, "name"), names[1]);
    CHECK_STR(cell(&t, 2, "path"), paths[1]);
    CHECK_STR(cell(&t, 2, "columns"), "");
    CHECK_STR(cell(&t, 2, "fault"), "crash");
    CHECK_STR(cell(&t, 2, "error"), "=cmd|'/c calc'!A1, \"quoted\"\nsecond line \xef\xbf\xbd");
    CHECK_STR(cell(&t, 3, "path"), "/films/\xef\xbf\xbd\xef\xbf\xbd.mkv");
    CHECK_STR(cell(&t, 3, "seconds"), "");
    CHECK_STR(cell(&t, 3, "film_seconds"), "");
    CHECK_STR(cell(&t, 4, "status"), "left");
    CHECK_STR(cell(&t, 4, "path"), "");
    CHECK(!cell(&t, 0, "outputs"));
}

static void refused(void)
{
    const struct history h = {.n = 0};

    CHECK_INT(report_write(test_path("nowhere"), &h, &passed), ST_IO);
    CHECK(strstr(status_message(), "nowhere/report.json"));
}

int main(void)
{
    json_report();
    csv_report();
    refused();
    return test_end();
}
