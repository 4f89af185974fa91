/* test_sidecar: a barcode goes to JSON and back without losing a bit, JSON that is not ours is refused with one line,
 * and nothing leaks on the way (run with AddressSanitizer). */
#include "barcode/sidecar.h"

#include "test.h"

#include <inttypes.h>
#include <locale.h>

static uint8_t lines[2][2 * 3] = {{0, 1, 15, 16, 171, 255}, {9, 8, 7, 6, 5, 4}};

static struct column columns[2] = {
    {.frame = 0,
     .pts = -1024,
     .time = 0,
     .clusters = {.n = 3,
                  .centre = {{123 * 256 + 1, 7 * 256, 0}, {65280, 128, 64}, {255, 2, 1}},
                  .count = {4294967295u, 10, 1},
                  .inertia = 0},
     .mean = {65280, 1, 12345},
     .lines = lines[0]},
    {.frame = 24,
     .pts = INT64_MAX,
     .time = 1.001,
     .clusters = {.n = 1, .centre = {{1, 2, 3}}, .count = {129600}, .inertia = 9007199254740991},
     .mean = {0, 0, 0},
     .lines = lines[1]},
};

static char film_path[] = "a \"film\"\\with\ttabs, \xc3\xa9, \xe2\x82\xac and \xf0\x9f\x8e\xac.mkv";
/* Spaces, breaks and digits are kept. */
static char settings[] = "{\"k\": 8,\n  \"every\":\"24f\", \"t\":0.1, \"s\":\"}]\\\"{\"}";

static struct barcode barcode_here(void)
{
    struct barcode b = {
        .film_path = film_path,
        .film_frames = 48,
        .film_seconds = 2.0020000000000002,
        .film = {.bytes = INT64_C(5000000000),
                 .fingerprint = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                 .container = "matroska,webm",
                 .codec = "h264",
                 .width = 1920,
                 .height = 1080,
                 .rotation = 90,
                 .sar_num = 64,
                 .sar_den = 45,
                 .time_base_num = 1,
                 .time_base_den = 90000,
                 .pixel_format = "yuv420p10le",
                 .matrix = "bt709",
                 .range = "limited"},
        .settings_text = settings,
        .clustered_width = 480,
        .clustered_height = 270,
        .n_columns = 2,
        .columns = columns,
        .n_lines = 2,
    };
    return b;
}

static const char wanted_json[] =
    "{\"format\":\"jacquard-barcode\",\"version\":1,\n"
    "\"film\":{\"path\":\"a \\\"film\\\"\\\\with\\u0009tabs, \xc3\xa9, \xe2\x82\xac and \xf0\x9f\x8e\xac.mkv\","
    "\"bytes\":5000000000,\"fingerprint\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\","
    "\"container\":\"matroska,webm\",\"codec\":\"h264\",\"width\":1920,\"height\":1080,\"rotation\":90,"
    "\"sar\":\"64:45\",\"pixel_format\":\"yuv420p10le\",\"matrix\":\"bt709\",\"range\":\"limited\",\"frames\":48,"
    "\"seconds\":2.0020000000000002,\"time_base\":\"1/90000\"},\n"
    "\"settings\":{\"k\": 8,\n  \"every\":\"24f\", \"t\":0.1, \"s\":\"}]\\\"{\"},\n"
    "\"picture\":{\"width\":480,\"height\":270,\"legacy\":false,\"lines\":2},\n"
    "\"columns\":[\n"
    "{\"frame\":0,\"pts\":-1024,\"time\":0,\"clusters\":[{\"rgb\":[123.00390625,7,0],\"count\":4294967295},"
    "{\"rgb\":[255,0.5,0.25],\"count\":10},{\"rgb\":[0.99609375,0.0078125,0.00390625],\"count\":1}],"
    "\"mean\":[255,0.00390625,48.22265625],\"inertia\":0,\"lines\":\"00010f10abff\"},\n"
    "{\"frame\":24,\"pts\":9223372036854775807,\"time\":1.001,\"clusters\":[{\"rgb\":[0.00390625,0.0078125,0.01171875],"
    "\"count\":129600}],\"mean\":[0,0,0],\"inertia\":137438953471.99998,\"lines\":\"090807060504\"}\n"
    "]}\n";

/* ---- helpers ---- */

static char *json_of(const struct barcode *b)
{
    const char *path = test_path("written.json");
    FILE *file = fopen(path, "wb");
    size_t n;

    if (!file || !CHECK_INT(sidecar_write_json(file, path, b), ST_OK))
        printf("    said: %s\n", status_message());
    if (file)
        fclose(file);
    return test_read(path, &n);
}

static enum status read_text(const char *text, size_t n, struct barcode *b)
{
    const char *path = test_path("read.json");

    test_write(path, text, n);
    return sidecar_read_json(path, b);
}

static bool is_released(const struct barcode *b)
{
    static const struct barcode zero;

    return !b->columns && !b->settings_text && !b->film_path && b->n_columns == zero.n_columns;
}

static bool is_one_line(const char *text)
{
    return text[0] != '\0' && !strchr(text, '\n');
}

static void check_round_trip(const struct barcode *b)
{
    struct barcode again;
    char *first = json_of(b), *second = NULL;

    if (!CHECK_INT(read_text(first, strlen(first), &again), ST_OK))
        printf("    said: %s\n", status_message());
    else
        second = json_of(&again);
    CHECK_STR(second, first);
    barcode_release(&again);
    CHECK(is_released(&again));
    free(first);
    free(second);
}

/* wanted_json with the first `from` after `after` changed to `to` (heap). */
static char *edited(const char *after, const char *from, const char *to)
{
    const char *start = strstr(wanted_json, after);
    const char *at = start ? strstr(start, from) : NULL;
    char *text = malloc(sizeof wanted_json + strlen(to));

    if (!at || !text) {
        printf("a test asks for an edit that cannot be: %s\n", from);
        exit(1);
    }
    const size_t before = (size_t)(at - wanted_json);
    memcpy(text, wanted_json, before);
    strcpy(text + before, to);
    strcat(text, at + strlen(from));
    return text;
}

/* ---- tests ---- */

static void writes_as_documented(void)
{
    const struct barcode b = barcode_here();
    char *text = json_of(&b);

    CHECK_STR(text, wanted_json);
    free(text);
}

static void reads_back_every_field(void)
{
    const struct barcode b = barcode_here();
    struct barcode r;

    if (!CHECK_INT(read_text(wanted_json, strlen(wanted_json), &r), ST_OK)) {
        printf("    said: %s\n", status_message());
        return;
    }
    CHECK_STR(r.film_path, b.film_path);
    CHECK_INT(r.film.bytes, b.film.bytes);
    CHECK_STR(r.film.fingerprint, b.film.fingerprint);
    CHECK_STR(r.film.container, b.film.container);
    CHECK_STR(r.film.codec, b.film.codec);
    CHECK_INT(r.film.width, b.film.width);
    CHECK_INT(r.film.height, b.film.height);
    CHECK_INT(r.film.rotation, b.film.rotation);
    CHECK_INT(r.film.sar_num, b.film.sar_num);
    CHECK_INT(r.film.sar_den, b.film.sar_den);
    CHECK_STR(r.film.pixel_format, b.film.pixel_format);
    CHECK_STR(r.film.matrix, b.film.matrix);
    CHECK_STR(r.film.range, b.film.range);
    CHECK_INT(r.film_frames, b.film_frames);
    CHECK(r.film_seconds >= b.film_seconds && r.film_seconds <= b.film_seconds);
    CHECK_INT(r.film.time_base_num, b.film.time_base_num);
    CHECK_INT(r.film.time_base_den, b.film.time_base_den);
    CHECK_INT(r.film.frames_missing, 0);
    CHECK_INT(r.film.frames_damaged, 0);
    CHECK_STR(r.film.incomplete, "");
    CHECK_STR(r.settings_text, settings);
    CHECK_INT(r.clustered_width, 480);
    CHECK_INT(r.clustered_height, 270);
    CHECK(!r.legacy);
    CHECK_INT(r.n_lines, 2);
    CHECK_INT(r.n_columns, 2);
    for (int64_t i = 0; i < 2 && i < r.n_columns; i++) {
        const struct column *f = &r.columns[i], *w = &columns[i];
        CHECK_INT(f->frame, w->frame);
        CHECK_INT(f->pts, w->pts);
        CHECK(f->time >= w->time && f->time <= w->time);
        CHECK_INT(f->clusters.n, w->clusters.n);
        CHECK(memcmp(f->clusters.centre, w->clusters.centre, sizeof w->clusters.centre) == 0);
        CHECK(memcmp(f->clusters.count, w->clusters.count, sizeof w->clusters.count) == 0);
        CHECK_INT(f->clusters.inertia, w->clusters.inertia);
        CHECK(memcmp(f->mean, w->mean, sizeof w->mean) == 0);
        CHECK(memcmp(f->lines, w->lines, 6) == 0);
    }
    barcode_release(&r);
}

static void round_trips(void)
{
    struct barcode b = barcode_here();

    check_round_trip(&b);
    b.legacy = true;
    b.n_lines = 0;
    b.n_columns = 1;
    b.film.frames_missing = 3;
    b.film.frames_damaged = INT64_MAX;
    strcpy(b.film.incomplete, film_path);
    check_round_trip(&b);

    char *text = json_of(&b);
    CHECK(strstr(text, ",\"time_base\":\"1/90000\",\"frames_missing\":3,"
                       "\"frames_damaged\":9223372036854775807,\"partial\":\"a "));
    CHECK(strstr(text, "\"legacy\":true,\"lines\":0}") != NULL);
    CHECK(strstr(text, "\"lines\":\"") == NULL);
    free(text);
}

/* What cells weigh, a digit each; anything else than 4,096 digits from 1 to v is refused. */
static void rarity(void)
{
    static const char *const wrong[] = {"0", "w", "A", " ", "11", ""}; /* in place of the first, a 1 */
    struct barcode b = barcode_here(), again;
    uint8_t of_cell[WEIGHTS_CELLS];

    for (int cell = 0; cell < WEIGHTS_CELLS; cell++)
        of_cell[cell] = (uint8_t)(1 + cell % WEIGHTS_MOST);
    b.rarity = of_cell;
    check_round_trip(&b);
    char *text = json_of(&b), *bad = malloc(strlen(text) + 2);
    char *at = strstr(text, "\"rarity\":\"123456789abcdefghijklmnopqrstuv12");
    if (!CHECK(at != NULL && bad != NULL && CHECK_INT(read_text(text, strlen(text), &again), ST_OK)))
        exit(1);
    CHECK(again.rarity && memcmp(again.rarity, of_cell, sizeof of_cell) == 0);
    barcode_release(&again);
    at += strlen("\"rarity\":\"");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        sprintf(bad, "%.*s%s%s", (int)(at - text), text, wrong[i], at + 1);
        CHECK_INT(read_text(bad, strlen(bad), &again), ST_USAGE);
        CHECK(is_released(&again) && strstr(status_message(), "line 5: rarity ") != NULL);
    }
    sprintf(bad, "%.*s7,\"x\":\"%s", (int)(at - text) - 1, text, at + 8);
    CHECK_INT(read_text(bad, strlen(bad), &again), ST_USAGE);
    CHECK(strstr(status_message(), "rarity is not a text") != NULL);
    free(bad);
    free(text);
}

/* Each of the 65,281 values of a centre, every inertia near a power of two below 2^53, awkward times. */
static void every_number(void)
{
    struct column column = columns[0];
    struct barcode b = barcode_here(), again;
    const char *path = test_path("numbers.json");
    uint64_t state = 1;

    b.columns = &column;
    b.n_columns = 1;
    b.n_lines = 0;
    column.clusters.n = COMPUTE_MAX_K;
    for (uint32_t i = 0; i < COMPUTE_MAX_K; i++)
        column.clusters.count[i] = 1000 - i;
    for (uint32_t value = 0; value <= 65280;) {
        for (int i = 0; i < COMPUTE_MAX_K; i++)
            for (int c = 0; c < 3; c++, value++)
                column.clusters.centre[i][c] = (uint16_t)(value <= 65280 ? value : 65280);
        for (int c = 0; c < 3; c++)
            column.mean[c] = column.clusters.centre[c][c];
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        column.clusters.inertia = (int64_t)(state >> (11 + value % 53));
        column.time = (double)(state >> 20) / 90000.0;
        FILE *file = fopen(path, "wb");
        CHECK_INT(sidecar_write_json(file, path, &b), ST_OK);
        fclose(file);
        if (!CHECK_INT(sidecar_read_json(path, &again), ST_OK)) {
            printf("    said: %s\n", status_message());
            return;
        }
        CHECK(memcmp(again.columns[0].clusters.centre, column.clusters.centre, sizeof column.clusters.centre) == 0);
        CHECK(memcmp(again.columns[0].mean, column.mean, sizeof column.mean) == 0);
        CHECK_INT(again.columns[0].clusters.inertia, column.clusters.inertia);
        CHECK(memcmp(&again.columns[0].time, &column.time, sizeof column.time) == 0);
        barcode_release(&again);
    }
    column.clusters.inertia = INT64_C(1234567890123456789); /* past 2^53 it may round, but only once */
    check_round_trip(&b);
}

static void strange_paths(void)
{
    static const char *const cases[][2] = {
        {"plain", "\"plain\""},
        {"", "\"\""},
        {"\xff", "\"\xef\xbf\xbd\""},
        {"a\x80z", "\"a\xef\xbf\xbdz\""},
        {"\xc3", "\"\xef\xbf\xbd\""},                 /* cut short */
        {"\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\""}, /* each byte on its own */
        {"\xe2\x82z", "\"\xef\xbf\xbd\xef\xbf\xbdz\""},
        {"\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""}, /* overlong */
        {"\xe0\x80\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* a surrogate */
        {"\xf0\x8f\xbf\xbf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* past 10FFFF */
        {"\xf5\x80\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xf4\x8f\xbf\xbf \xed\x9f\xbf \xee\x80\x80 \xc2\x80",
         "\"\xf4\x8f\xbf\xbf \xed\x9f\xbf \xee\x80\x80 \xc2\x80\""},
        {"\x01\x1f\x7f\n\"\\/", "\"\\u0001\\u001f\x7f\\u000a\\\"\\\\/\""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct barcode b = barcode_here(), again;
        char path[64], wanted[128];
        snprintf(path, sizeof path, "%s", cases[i][0]);
        snprintf(wanted, sizeof wanted, "\"film\":{\"path\":%s,\"bytes\"", cases[i][1]);
        b.film_path = path;
        char *text = json_of(&b);
        if (!CHECK(strstr(text, wanted) != NULL) || !CHECK_INT(read_text(text, strlen(text), &again), ST_OK))
            printf("    path %zu: %s\n", i, status_message());
        else
            barcode_release(&again);
        free(text);
        check_round_trip(&b);
    }
}

/* What a program that does not know our layout would make of it: other spaces, another order, more members. */
static void accepts_other_layouts(void)
{
    static const char text[] =
        " \r\n{\"later\" : [1,{\"a\":null}] , \"columns\":[ {\"mean\":[1.0,2e0,3],\"inertia\":0.0,"
        "\"lines\":\"010203\",\n"
        "\"clusters\":[{\"count\":1,\"rgb\":[0,0,0],\"name\":\"black\"}],\"time\":0,\"pts\":0,\"frame\":0}\n,\t\n"
        "{\"frame\":1,\"pts\":1,\"time\":1e-3,\"clusters\":[{\"rgb\":[255,255,255],\"count\":1}],\"mean\":[0,0,0],"
        "\"inertia\":1,\"lines\":\"ffffff\"}], \"version\": 1, \"picture\":{\"lines\":1,\"legacy\":true,\"height\":1,"
        "\"width\":1},\"settings\":{},\"format\":\"jacquard\\u002dbarcode\",\"film\":{\"path\":\"x\",\"bytes\":0,"
        "\"fingerprint\":\"\",\"container\":\"\",\"codec\":\"\",\"width\":1,\"height\":1,\"rotation\":0,"
        "\"sar\":\"1:1\","
        "\"pixel_format\":\"\",\"matrix\":\"\",\"range\":\"\",\"frames\":2,\"seconds\":1,\"time_base\":\"1/1\"}} \n ";
    struct barcode b;

    if (!CHECK_INT(read_text(text, strlen(text), &b), ST_OK)) {
        printf("    said: %s\n", status_message());
        return;
    }
    CHECK_INT(b.n_columns, 2);
    CHECK_INT(b.n_lines, 1);
    CHECK(b.legacy);
    CHECK_STR(b.settings_text, "{}");
    CHECK_INT(b.columns[0].mean[1], 512);
    CHECK_INT(b.columns[1].clusters.inertia, 65536);
    CHECK_INT(b.columns[1].lines[2], 255);
    barcode_release(&b);
}

static void refuse(const char *text, size_t n, const char *reason)
{
    struct barcode b;

    if (!CHECK_INT(read_text(text, n, &b), ST_USAGE) || !CHECK(strstr(status_message(), reason) != NULL) ||
        !CHECK(strstr(status_message(), "read.json") != NULL) || !CHECK(is_one_line(status_message())))
        printf("    wanted '%s', said: %s\n    of: %.300s\n", reason, status_message(), text);
    CHECK(is_released(&b));
    barcode_release(&b); /* harmless */
}

static void refuse_edit(const char *after, const char *from, const char *to, const char *reason)
{
    char *text = edited(after, from, to);

    refuse(text, strlen(text), reason);
    free(text);
}

static void refuses_what_is_no_json(void)
{
    static const char *const texts[] = {
        "",
        "   \n\n",
        "x",
        "[]",
        "null",
        "1",
        "\"text\"",
        "{",
        "{}",
        "{\"format\"",
        "{\"format\":",
        "{\"format\":\"jacquard-barcode\"",
        "{,}",
        "{1:2}",
        "{\"columns\":[",
        "{\"columns\":[}",
        "{\"columns\":{}}",
        "{\"columns\":[1]}",
        "\xff\xfe{",
        "\x89PNG\r\n\x1a\n",
        "{\"a\":\xff}",
        "{\"a\":\"\xc3(\"}",
        "{\"a\":1e999}",
        "{\"a\":99999999999999999999}",
        "{\"a\":NaN}",
        "{\"a\":01}",
        "{\"a\":'b'}",
        "{\"a\":\"\n\"}",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        refuse(texts[i], strlen(texts[i]), "read.json");
    refuse("{\"a\":\0}", 7, "line 1");
    refuse("\0\0\0\0", 4, "line 1");
    refuse("{\"format\":\"other\"}", 18, "not a jacquard-barcode file");

    /* Nesting without end must not end the program. */
    static char deep[200000];
    memset(deep, '[', sizeof deep);
    memcpy(deep, "{\"a\":", 5);
    refuse(deep, sizeof deep, "line 1");
}

/* A hundred deep is more than anybody writes; a parser that recurses needs a stack for more. */
static void refuses_what_is_deep(void)
{
    static char text[4000];
    size_t n = 0;

    for (int depth = 0; depth < 90; depth++)
        n += (size_t)snprintf(text + n, sizeof text - n, "{\"a\":");
    n += (size_t)snprintf(text + n, sizeof text - n, "0");
    refuse(text, n, "read.json"); /* not closed: so jansson says */
    CHECK(!strstr(status_message(), "deep"));
    n = 0;
    for (int depth = 0; depth < 110; depth++)
        n += (size_t)snprintf(text + n, sizeof text - n, "{\"a\":");
    n += (size_t)snprintf(text + n, sizeof text - n, "0");
    for (int depth = 0; depth < 110; depth++)
        n += (size_t)snprintf(text + n, sizeof text - n, "}");
    refuse(text, n, "more than 100 deep");
}

/* The window on the file is smaller than what is in it, wherever values lie. */
static void reads_through_its_window(void)
{
    const char *first = strstr(wanted_json, "{\"frame\":0"), *second = strstr(wanted_json, "{\"frame\":24");
    const size_t head = (size_t)(first - wanted_json), each = (size_t)(second - first);
    enum { N = 3000 };

    for (size_t pad = 0; pad < 700; pad += 23) { /* before the first column: another place for each */
        const size_t room = head + pad + (size_t)N * each + 2000;
        char *text = malloc(room), *to = text;
        struct barcode b;
        if (!CHECK(text != NULL))
            return;
        memcpy(to, wanted_json, head);
        to += head;
        memset(to, pad % 2 ? '\n' : ' ', pad);
        to += pad;
        for (int i = 0; i < N; i++, to += each)
            memcpy(to, first, each);
        strcpy(to, second);
        if (CHECK_INT(read_text(text, strlen(text), &b), ST_OK)) {
            CHECK_INT(b.n_columns, N + 1);
            CHECK(b.columns[0].clusters.n == 3 && b.columns[N - 1].clusters.n == 3 && b.columns[N].clusters.n == 1);
            CHECK_STR(b.settings_text, "{\"k\": 8,\n  \"every\":\"24f\", \"t\":0.1, \"s\":\"}]\\\"{\"}");
            barcode_release(&b);
        } else {
            printf("    said: %s\n", status_message());
        }
        char *wrong = strstr(text + head + pad + (size_t)(N - 1) * each, "\"pts\":"); /* far behind the first window */
        wrong[1] = 'q';
        char line[40];
        snprintf(line, sizeof line, "line %zu: columns[%d]", 7 + (pad % 2 ? pad : 0) + N - 1, N - 1);
        refuse(text, strlen(text), line);
        free(text);
    }
    char *large = malloc(sizeof wanted_json + (1 << 20)); /* a value that is larger than the first window */
    if (!CHECK(large != NULL))
        return;
    struct barcode b;
    size_t n = (size_t)sprintf(large, "{\"more\":[\"");
    memset(large + n, '\\', 1 << 19);
    n += 1 << 19;
    n += (size_t)sprintf(large + n, "]}\"],%s", wanted_json + 1);
    if (!CHECK_INT(read_text(large, n, &b), ST_OK))
        printf("    said: %s\n", status_message());
    barcode_release(&b);
    free(large);
}

#define LOOK(top, right, bottom, left)                                                                                 \
    "\"look\":{\"crop\":[" #top "," #right "," #bottom "," #left "],\"aspect\":\"1\",\"frames\":1},\n\"picture\""

#define PEAK(peak)                                                                                                     \
    "\"look\":{\"crop\":[0,0,0,0],\"aspect\":\"1\",\"frames\":1,\"hdr\":{\"transfer\":\"pq\","                         \
    "\"primaries\":\"bt2020\",\"peak\":" #peak "}},\n\"picture\""

static void refuses_wrong_values(void)
{
    static const char *const edits[][4] = {
        /* after, from, to, what the message says */
        {"", "jacquard-barcode", "jacquard-barcoda", "not a jacquard-barcode"},
        {"", "\"version\":1", "\"version\":2", "version 2"},
        {"", "\"version\":1", "\"version\":\"1\"", "version"},
        {"", "\"version\":1", "\"version\":1.5", "version"},
        {"", "\"version\":1,", "", "there is no \"version\""},
        {"", "\"version\":1", "\"version\":1,\"version\":1", "twice"},
        {"", "\"film\":{", "\"film\":[],\"was\":{", "line 2: \"film\" is not an object"},
        {"", "\"film\"", "\"fulm\"", "there is no \"film\""},
        {"", "\"path\":", "\"puth\":", "film has no \"path\""},
        {"", "5000000000", "-1", "film.bytes"},
        {"", "5000000000", "5000000000.0", "film.bytes"},
        {"", "5000000000", "50000000000000000000", "line 2"},
        {"", "\"h264\"", "264", "film.codec"},
        {"", "\"h264\"", "null", "film.codec"},
        {"", "h264", "a codec name of more than sixty-three bytes, which does not fit its place", "film.codec"},
        {"", "h264", "h\\u0000", "line 2"},
        {"", "h264", "h\\ud800", "line 2"},
        {"", "0123", "00123", "film.fingerprint is longer than 64 bytes"},
        {"", "1920", "0", "film.width"},
        {"", "1920", "2147483648", "film.width"},
        {"", "\"rotation\":90", "\"rotation\":45", "rotation"},
        {"", "\"rotation\":90", "\"rotation\":360", "rotation"},
        {"", "64:45", "64/45", "film.sar"},
        {"", "64:45", "64:", "film.sar"},
        {"", "64:45", ":", "film.sar"},
        {"", "64:45", "", "film.sar"},
        {"", "64:45", "0:1", "film.sar"},
        {"", "64:45", "64:-45", "film.sar"},
        {"", "64:45", " 64:45", "film.sar"},
        {"", "64:45", "64:45x", "film.sar"},
        {"", "64:45", "99999999999:1", "film.sar"},
        {"", "1/90000", "1:90000", "film.time_base"},
        {"", "2.0020000000000002", "true", "film.seconds"},
        {"", "2.0020000000000002", "1e400", "line 2"},
        {"", "\"h264\"", "\"h264\",\"codec\":\"h264\"", "duplicate"},
        {"", "\"time_base\"", "\"frames_missing\":-1,\"time_base\"", "film.frames_missing"},
        {"", "\"time_base\"", "\"frames_damaged\":\"no\",\"time_base\"", "film.frames_damaged"},
        {"", "\"time_base\"", "\"partial\":true,\"time_base\"", "film.partial"},
        {"\"settings\"", "{\"k\": 8", "8,\"was\":{\"k\": 8", "line 3: \"settings\" is not an object"},
        {"\"settings\"", "0.1", ".1", "line 4"},
        {"\"settings\"", "\"settings\"", "\"film\"", "\"film\" is there twice"},
        {"\"picture\"", "480", "0", "picture.width"},
        {"\"picture\"", "false", "0", "picture.legacy"},
        {"\"picture\"", "\"lines\":2", "\"lines\":3", "picture.lines"},
        {"\"picture\"", "\"lines\":2", "\"lines\":-2", "picture.lines"},
        {"\"picture\"", ",\"lines\":2", "", "picture has no \"lines\""},
        {"\"columns\"", "[\n", "[1,\n", "columns[0] is not an object"},
        {"\"columns\"", "[\n", "[],[\n", "there are no columns"},
        {"\"columns\"", "\"frame\":0", "\"frame\":-1", "line 7: columns[0].frame"},
        {"\"columns\"", "\"frame\":24", "\"frame\":2.5", "line 8: columns[1].frame"},
        {"\"columns\"", "\"pts\":-1024,", "", "columns[0] has no \"pts\""},
        {"\"columns\"", "\"time\":1.001", "\"time\":\"1\"", "line 8: columns[1].time"},
        {"\"columns\"", "\"clusters\":[", "\"clusters\":[],\"was\":[", "columns[0] has 0 clusters"},
        {"\"columns\"", "\"clusters\":[", "\"clusters\":[7,", "columns[0].clusters[0] is not an object"},
        {"\"columns\"", "\"clusters\":[", "\"clusters\":{},\"was\":[", "columns[0].clusters is not a list"},
        {"\"columns\"", "123.00390625", "123.003", "columns[0].clusters[0].rgb[0]"},
        {"\"columns\"", "123.00390625", "-1", "rgb[0]"},
        {"\"columns\"", "123.00390625", "255.00390625", "rgb[0]"},
        {"\"columns\"", "123.00390625", "\"123\"", "rgb[0]"},
        {"\"columns\"", "123.00390625,7", "123.00390625", "columns[0].clusters[0].rgb"},
        {"\"columns\"", "123.00390625,7", "1,2,3", "columns[0].clusters[0].rgb"},
        {"\"columns\"", "0.25],", "1e300],", "columns[0].clusters[1].rgb[2]"},
        {"\"columns\"", "\"count\":4294967295", "\"count\":4294967296", "columns[0].clusters[0].count"},
        {"\"columns\"", "\"count\":1}", "\"count\":0}", "columns[0].clusters[2].count"},
        {"\"settings\"", "\"picture\"", LOOK(960, 0, 960, 0), "look.crop leaves nothing of pictures that are seen as"},
        {"\"settings\"", "\"picture\"", LOOK(0, 1079, 0, 1), "look.crop leaves nothing"},
        {"\"settings\"", "\"picture\"", PEAK(10001), "look.hdr.peak is 10001"},
        {"\"settings\"", "\"picture\"", PEAK(202), "look.peak"},
        {"\"settings\"", "\"picture\"", LOOK(0, 65535, 0, 65535), "look.crop leaves nothing"},
        {"\"columns\"", "\"count\":1}", "\"count\":11}", "largest comes first"},
        {"\"columns\"", "\"mean\":[255,", "\"mean\":[256,", "columns[0].mean[0]"},
        {"\"columns\"", "\"mean\":[255,", "\"mean\":[", "columns[0].mean"},
        {"\"columns\"", "\"inertia\":0", "\"inertia\":-1", "columns[0].inertia"},
        {"\"columns\"", "\"inertia\":0", "\"inertia\":0.000001", "columns[0].inertia"},
        {"\"columns\"", "\"inertia\":0", "\"inertia\":1e30", "columns[0].inertia"},
        {"\"columns\"", "00010f10abff", "00010f10abf", "columns[0].lines"},
        {"\"columns\"", "00010f10abff", "00010f10abfg", "columns[0].lines"},
        {"\"columns\"", "00010f10abff", "00010f10abFF", "columns[0].lines"},
        {"\"columns\"", "00010f10abff", "00010f10abff0102", "columns[0].lines"},
        {"\"columns\"", "00010f10abff", "", "columns[0].lines"},
        {"\"columns\"", "00010f10abff", "00010f", "columns[1] has 2 lines"},
        {"\"columns\"", "\"00010f10abff\"", "5", "columns[0].lines"},
        {"\"columns\"", ",\"lines\":\"090807060504\"", "", "columns[1] has 0 lines"},
        {"\"columns\"", "},\n{", "}\n{", "line 8: expected ']'"},
        {"\"columns\"", "},\n{", "},,\n{", "line 7"},
        {"\"columns\"", "\n]}", ",\n]}", "line 9"},
        {"\"columns\"", "]}\n", "]", "expected '}', found the end"},
        {"\"columns\"", "]}\n", "]}}", "after the end"},
        {"\"columns\"", "]}\n", "]}{}", "after the end"},
        {"\"columns\"", "]}\n", "],}", "line 9"},
    };

    char *text = edited("\"settings\"", "\"picture\"", LOOK(960, 539, 959, 540)); /* one pixel is left */
    struct barcode b;
    CHECK_INT(read_text(text, strlen(text), &b), ST_OK);
    barcode_release(&b);
    free(text);
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++)
        refuse_edit(edits[i][0], edits[i][1], edits[i][2], edits[i][3]);
}

static void refuses_too_many_clusters(void)
{
    char many[33 * 40], *end = many;

    for (int i = 0; i < 33; i++)
        end += sprintf(end, "{\"rgb\":[0,0,0],\"count\":1}%s", i < 32 ? "," : "");
    char *text = edited("\"columns\"", "{\"rgb\":[0.00390625,0.0078125,0.01171875],\"count\":129600}", many);
    refuse(text, strlen(text), "columns[1] has 33 clusters");
    free(text);
}

/* Cut off anywhere, it is refused; only the last line break may be missing. */
static void refuses_every_cut(void)
{
    const size_t whole = strlen(wanted_json);

    for (size_t n = 0; n + 1 < whole; n++)
        refuse(wanted_json, n, "read.json");
}

/* Any byte changed to any of a few: read or refused in one line, never worse. */
static void survives_every_change(void)
{
    static const char others[] = "\"\\}],:5 \xff";
    const size_t whole = strlen(wanted_json);
    char text[sizeof wanted_json];
    long refused = 0;

    memcpy(text, wanted_json, sizeof text);
    for (size_t i = 0; i < whole; i++)
        for (size_t o = 0; o < sizeof others; o++) { /* with the 0 at its end */
            struct barcode b;
            text[i] = others[o];
            const enum status st = read_text(text, whole, &b);
            text[i] = wanted_json[i];
            CHECK(st == ST_OK || (st == ST_USAGE && is_released(&b) && is_one_line(status_message())));
            refused += st != ST_OK;
            barcode_release(&b);
        }
    CHECK(refused > (long)(whole * sizeof others) / 2);
}

static void refuses_other_files(void)
{
    struct barcode b;

    CHECK_INT(sidecar_read_json(test_path("missing.json"), &b), ST_USAGE);
    CHECK(strstr(status_message(), "No such file") != NULL);
    CHECK(is_released(&b));
    CHECK_INT(sidecar_read_json(test_folder(), &b), ST_USAGE);
    CHECK(strstr(status_message(), "not a regular file") != NULL);
    const char *fifo = test_path("fifo.json");
    CHECK_INT(mkfifo(fifo, 0600), 0);
    CHECK_INT(sidecar_read_json(fifo, &b), ST_USAGE); /* at once: nobody writes to it */
    CHECK(is_released(&b));
}

static const char wanted_csv[] = "column,frame,time,cluster,r,g,b,count,share\n"
                                 "0,0,0,0,123.00390625,7,0,4294967295,0.999999997\n"
                                 "0,0,0,1,255,0.5,0.25,10,0.000000002\n"
                                 "0,0,0,2,0.99609375,0.0078125,0.00390625,1,0.000000000\n"
                                 "1,24,1.001,0,0.00390625,0.0078125,0.01171875,129600,1.000000000\n";

static char *csv_of(const struct barcode *b)
{
    const char *path = test_path("x.csv");
    FILE *file = fopen(path, "wb");
    size_t n;

    CHECK_INT(sidecar_write_csv(file, path, b), ST_OK);
    fclose(file);
    return test_read(path, &n);
}

static void csv(void)
{
    const struct barcode b = barcode_here();
    char *text = csv_of(&b);

    CHECK_STR(text, wanted_csv);
    free(text);

    struct column column = {.clusters = {.n = 3, .count = {1, 1, 1}}};
    const struct barcode thirds = {.n_columns = 1, .columns = &column};
    text = csv_of(&thirds);
    CHECK(strstr(text, "0,0,0,1,0,0,0,1,0.333333333\n") != NULL);
    column.clusters.n = 2;
    column.clusters.count[0] = 2;
    free(text);
    text = csv_of(&thirds);
    CHECK(strstr(text, "0,0,0,0,0,0,0,2,0.666666667\n") != NULL);
    free(text);
}

/* The decimal point is a point everywhere, and the program's locale is left as it was. */
static void locales(void)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8", "de_DE"};
    const struct barcode b = barcode_here();
    const char *found = NULL;

    for (size_t i = 0; i < sizeof names / sizeof names[0] && !found; i++)
        found = setlocale(LC_ALL, names[i]);
    if (!found) {
        printf("not tested: no locale with a decimal comma here\n");
        return;
    }
    CHECK_STR(localeconv()->decimal_point, ",");
    char *text = json_of(&b);
    CHECK_STR(text, wanted_json);
    free(text);
    text = csv_of(&b);
    CHECK_STR(text, wanted_csv);
    free(text);
    check_round_trip(&b);
    CHECK_STR(localeconv()->decimal_point, ",");
    setlocale(LC_ALL, "C");
}

static void full_disk(void)
{
    const struct barcode b = barcode_here();

    for (int unbuffered = 0; unbuffered < 2; unbuffered++) {
        FILE *file = fopen("/dev/full", "wb");
        if (!file) {
            printf("not tested: no /dev/full here\n");
            return;
        }
        if (unbuffered)
            setvbuf(file, NULL, _IONBF, 0);
        CHECK_INT(sidecar_write_json(file, "out.json", &b), ST_IO);
        CHECK_STR(status_message(), "cannot write out.json: No space left on device");
        CHECK_INT(sidecar_write_csv(file, "out.csv", &b), ST_IO);
        CHECK(strstr(status_message(), "cannot write out.csv") != NULL);
        fclose(file);
    }
}

static void refuses_to_write_nonsense(void)
{
    struct column column = columns[0];
    struct barcode b = barcode_here();
    const char *path = test_path("nan.json");
    FILE *file = fopen(path, "wb");
    const double zero = 0;

    b.columns = &column;
    b.n_columns = 1;
    column.time = zero / zero;
    CHECK_INT(sidecar_write_json(file, path, &b), ST_BUG);
    column.time = 0;
    b.film_seconds = 1 / zero;
    CHECK_INT(sidecar_write_json(file, path, &b), ST_BUG);
    CHECK_INT(ftell(file), 0);
    fclose(file);
}

int main(void)
{
    writes_as_documented();
    reads_back_every_field();
    round_trips();
    rarity();
    every_number();
    strange_paths();
    accepts_other_layouts();
    refuses_what_is_no_json();
    refuses_what_is_deep();
    reads_through_its_window();
    refuses_wrong_values();
    refuses_too_many_clusters();
    refuses_every_cut();
    survives_every_change();
    refuses_other_files();
    csv();
    locales();
    full_disk();
    refuses_to_write_nonsense();
    return test_end();
}
