/* test_gallery: the page over a history that was made by hand: its JSON block is JSON and says what the history says,
 * no name or message gets out of it, addresses lead to the files, the policy fits the page. */
#include "catalog/show/gallery.h"

#include "base/sha256.h"
#include "catalog/show/gallery_page.h"
#include "test.h"

#include <jansson.h>
#include <locale.h>
#include <math.h>

static char page_text[1 << 20];

/* The page over these films. */
static void write_page(struct history_film *film, int64_t n, const struct history *more)
{
    struct history h = more ? *more : (struct history){0};
    size_t bytes;

    h.n = n;
    h.film = film;
    page_text[0] = '\0';
    CHECK_INT(gallery_write(test_folder(), &h), ST_OK);
    char *text = test_read(test_path("index.html"), &bytes);
    if (CHECK(text && bytes < sizeof page_text))
        memcpy(page_text, text, bytes + 1);
    CHECK_INT(strlen(page_text), bytes); /* no 0 in it */
    free(text);
    unlink(test_path("index.html"));
}

/* What stands between the two; *n bytes. */
static const char *between(const char *open, const char *close, size_t *n)
{
    const char *from = strstr(page_text, open), *to = from ? strstr(from + strlen(open), close) : NULL;

    *n = 0;
    if (!CHECK(to))
        return NULL;
    from += strlen(open);
    *n = (size_t)(to - from);
    return from;
}

static const char data_open[] = "<script id=\"data\" type=\"application/json\">";

/* The JSON block; to be released. */
static json_t *read_data(void)
{
    json_error_t error;
    size_t n;
    const char *text = between(data_open, "</script>", &n);
    json_t *data = text ? json_loadb(text, n, JSON_REJECT_DUPLICATES, &error) : NULL;

    if (!CHECK(data))
        printf("%s at line %d\n", error.text, error.line);
    for (size_t i = 0; i < n; i++) /* nothing in it means anything to HTML, whatever the encoding */
        if (!CHECK(text[i] == '\n' || (text[i] >= 0x20 && text[i] < 0x7f && !strchr("<>&", text[i]))))
            break;
    return data;
}

static const char *string(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void empty(void)
{
    write_page(NULL, 0, NULL);
    json_t *data = read_data();
    CHECK_STR(string(data, "format"), "jacquard-gallery");
    CHECK_INT(number(data, "version"), 1);
    CHECK_INT(json_array_size(json_object_get(data, "films")), 0);
    CHECK_STR(string(data, "title"), strrchr(test_folder(), '/') + 1);
    CHECK(!json_object_get(data, "settings"));
    CHECK(!json_object_get(data, "csv"));
    json_decref(data);
}

/* A name and a path, and what the page calls them. */
static void names(void)
{
    static const struct {
        const char *name, *path, *title, *address;
    } cases[] = {
        {"a", "/films/a.mkv", "a", "./a"},
        {"a", "a.b.mkv", "a.b", "./a"},
        {"a", "", "a", "./a"},
        {"hidden", "/films/.mkv", ".mkv", "./hidden"},
        {"x", "/films/", "x", "./x"},
        {"</script><script>alert(1)</script>", "/</script><!--.mkv", "script><!--", NULL},
        {"<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>.mkv", "<img src=x onerror=alert(1)>",
         "./%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E"},
        {"a\"b'c\\d&e", "a\"b'c\\d&e.mkv", "a\"b'c\\d&e", "./a%22b%27c%5Cd%26e"},
        {"100% #1?", "100% #1?.mkv", "100% #1?", "./100%25%20%231%3F"},
        {"javascript:alert(1)", "javascript:alert(1).mkv", "javascript:alert(1)", "./javascript%3Aalert%281%29"},
        {"a\n\t\x1b\x7f", "a\n\t\x1b\x7f.mkv", "a\n\t\x1b\x7f", "./a%0A%09%1B%7F"},
        {"\xe2\x80\xa8\xe2\x80\xa9", "\xe2\x80\xa8\xe2\x80\xa9.mkv", "\xe2\x80\xa8\xe2\x80\xa9",
         "./%E2%80%A8%E2%80%A9"},
        {"\xc3\xa9\xf0\x9f\x8e\x9e", "\xc3\xa9\xf0\x9f\x8e\x9e.mkv", "\xc3\xa9\xf0\x9f\x8e\x9e",
         "./%C3%A9%F0%9F%8E%9E"},
        /* Latin-1, overlong, a surrogate, past the end of Unicode, cut short, and cut by the title's end */
        {"\xe9", "\xe9.mkv", "\xef\xbf\xbd", "./%E9"},
        {"\xc0\xaf", "\xc0\xaf.mkv", "\xef\xbf\xbd\xef\xbf\xbd", "./%C0%AF"},
        {"\xed\xa0\x80", "\xed\xa0\x80.mkv", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "./%ED%A0%80"},
        {"\xf4\x90\x80\x80", "\xf4\x90\x80\x80.mkv", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
         "./%F4%90%80%80"},
        {"\xe2\x82", "\xe2\x82.mkv", "\xef\xbf\xbd\xef\xbf\xbd", "./%E2%82"},
        {"\xe2\x82", "\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd", "./%E2%82"},
    };
    enum { N = sizeof cases / sizeof cases[0] };
    static struct film_result result;
    struct history_film film[N];
    size_t n_scripts = 0;

    memset(film, 0, sizeof film);
    for (size_t i = 0; i < N; i++) {
        film[i].name = (char *)cases[i].name;
        film[i].path = (char *)cases[i].path;
        film[i].state = STATE_DONE;
        film[i].result = &result;
    }
    write_page(film, N, NULL);
    json_t *data = read_data(), *films = json_object_get(data, "films");
    CHECK_INT(json_array_size(films), N);
    for (size_t i = 0; i < N; i++) {
        const json_t *found = json_array_get(films, i);
        const bool is_title = CHECK_STR(string(found, "title"), cases[i].title);
        if ((cases[i].address && !CHECK_STR(string(found, "address"), cases[i].address)) || !is_title)
            printf("case %zu\n", i);
    }
    json_decref(data);
    for (const char *at = page_text; (at = strstr(at, "<script")); at++)
        n_scripts++;
    CHECK_INT(n_scripts, 2); /* the page's own, and the data */
    CHECK(!strstr(page_text, "<img src=x"));
}

static const unsigned char png_head[] = "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x1c\x20\0\0\x01\xe0\x08\x02\0\0\0";

static void one_film(void)
{
    static struct film_result r = {
        .bytes = INT64_C(5000000000),
        .container = "matroska,webm",
        .codec = "h264",
        .pixel_format = "yuv420p",
        .width = 1920,
        .height = 1080,
        .frames = 172800,
        .film_seconds = 7207.2,
        .frames_missing = 3,
        .columns = 7200,
        .seconds = 12.345,
        .frames_decoded = 171000,
        .notes = "first line\nsecond \"line\"",
        .n_outputs = 3,
        .output = {{.suffix = ".barcode.png", .bytes = 123456},
                   {.suffix = ".barcode.average.png", .bytes = 7},
                   {.suffix = ".json", .bytes = 8}},
        .summary = {.n_bins = 2,
                    .hue = 123.456,
                    .lightness = 45.678,
                    .chroma = 0.125,
                    .bin = {{.time_ms = 0x01020304, .colour = {{1, 2, 3}, {4, 5, 6}}, .share = {200, 55}},
                            {.time_ms = 0xffffffff, .colour = {{255, 254, 253}}, .share = {255}}}},
    };
    /* By hand, and by another base64: 4 bytes of time, low byte first, 15 of colours, 5 of shares, twice */
    static const char wanted_summary[] = "BAMCAQECAwQFBgAAAAAAAAAAAMg3AAAA///////+/QAAAAAAAAAAAAAAAP8AAAAA";
    struct history_film film = {
        .name = (char *)"it's", .path = (char *)"/films/it's.mkv", .state = STATE_DONE, .result = &r};
    const struct history run = {.n_runs = 3,
                                .last_run.started = 1750000000.25,
                                .last_run.has_ended = true,
                                .last_run.settings_text = (char *)"{\"k\":8}",
                                .last_run.command = (char *)"jacquard catalog <x>"};

    test_write(test_path("it's.barcode.png"), png_head, sizeof png_head - 1);
    test_write(test_path("it's.barcode.average.png"), png_head, 23); /* cut short: no picture */
    test_write(test_path("it's.json"), "{\"width\": 1, \"height\": 1, \"and\": \"more\"}", 40);
    test_write(test_path("report.csv"), "", 0);
    write_page(&film, 1, &run);
    json_t *data = read_data(), *found = json_array_get(json_object_get(data, "films"), 0);
    CHECK_INT(number(data, "runs"), 3);
    CHECK_INT(number(data, "started"), 1750000000);
    CHECK(json_is_true(json_object_get(data, "ended")));
    CHECK_STR(string(data, "settings"), "{\"k\":8}");
    CHECK_STR(string(data, "command"), "jacquard catalog <x>");
    CHECK_STR(string(data, "csv"), "report.csv");
    CHECK(!json_object_get(data, "json"));
    CHECK_STR(string(found, "title"), "it's");
    CHECK_STR(string(found, "path"), "/films/it's.mkv");
    CHECK_STR(string(found, "status"), "done");
    CHECK_STR(string(found, "codec"), "h264");
    CHECK_STR(string(found, "notes"), r.notes);
    CHECK_STR(string(found, "card"), wanted_summary);
    CHECK(number(found, "bytes") == 5e9);
    CHECK(number(found, "seconds") == 7207.2);
    CHECK(number(found, "columns") == 7200);
    CHECK(number(found, "width") == 1920 && number(found, "height") == 1080);
    CHECK(number(found, "missing") == 3);
    CHECK(!json_object_get(found, "damaged"));
    CHECK(number(found, "hue") == 123.46);
    CHECK(number(found, "lightness") == 45.68);
    CHECK(number(found, "chroma") == 0.125);

    const json_t *outputs = json_object_get(found, "outputs");
    CHECK_INT(json_array_size(outputs), 3);
    const json_t *first = json_array_get(outputs, 0);
    CHECK_STR(string(first, "suffix"), ".barcode.png");
    CHECK(number(first, "bytes") == 123456);
    CHECK(number(first, "width") == 7200 && number(first, "height") == 480);
    CHECK(!json_object_get(json_array_get(outputs, 1), "width"));
    CHECK(!json_object_get(json_array_get(outputs, 2), "width"));
    json_decref(data);

    unlink(test_path("it's.barcode.png")); /* gone: the page knows */
    r.summary.hue = -1.0;
    r.summary.chroma = (double)NAN;
    r.summary.n_bins = SUMMARY_MAX_BINS + 1; /* no summary that can be believed */
    write_page(&film, 1, NULL);
    data = read_data();
    found = json_array_get(json_object_get(data, "films"), 0);
    CHECK(!json_object_get(json_array_get(json_object_get(found, "outputs"), 0), "width"));
    CHECK(!json_object_get(found, "card"));
    r.summary.n_bins = SUMMARY_MAX_BINS;
    json_decref(data);
    write_page(&film, 1, NULL);
    data = read_data();
    found = json_array_get(json_object_get(data, "films"), 0);
    CHECK(number(found, "hue") == -1.0);
    CHECK(!json_object_get(found, "chroma"));
    CHECK_INT(strlen(string(found, "card")), SUMMARY_MAX_BINS * 24 / 3 * 4);
    json_decref(data);
}

static void failures(void)
{
    struct history_film film[] = {
        {.name = (char *)"a",
         .path = (char *)"a.mkv",
         .state = STATE_FAILED,
         .attempts = 1,
         .failure = {.kind = FAULT_NOT_A_FILM, .message = (char *)"no <b>film</b>"}},
        {.name = (char *)"b",
         .path = (char *)"b.mkv",
         .state = STATE_QUARANTINED,
         .attempts = 3,
         .failure = {.kind = FAULT_CRASH, .message = (char *)"signal 11"}},
        {.name = (char *)"c", .path = (char *)"c.mkv", .state = STATE_FAILED, .failure = {.kind = N_FAULT_KINDS}},
        {.name = (char *)"d", .path = NULL, .state = STATE_LEFT},
        {.name = (char *)"e", .path = (char *)"e.mkv", .state = STATE_DONE, .result = NULL},
    };

    write_page(film, 5, NULL);
    json_t *data = read_data();
    const json_t *films = json_object_get(data, "films"), *found = json_array_get(films, 0);
    CHECK_INT(json_array_size(films), 5);
    CHECK_STR(string(found, "status"), "failed");
    CHECK_STR(string(found, "fault"), "not-a-film");
    CHECK_STR(string(found, "error"), "no <b>film</b>");
    CHECK(!json_object_get(found, "address"));
    found = json_array_get(films, 1);
    CHECK_STR(string(found, "status"), "quarantined");
    CHECK_STR(string(found, "fault"), "crash");
    CHECK(number(found, "attempts") == 3);
    CHECK_STR(string(json_array_get(films, 2), "fault"), "");
    CHECK_STR(string(json_array_get(films, 2), "error"), "");
    CHECK_STR(string(json_array_get(films, 3), "status"), "left");
    CHECK_STR(string(json_array_get(films, 3), "title"), "d");
    CHECK_STR(string(json_array_get(films, 4), "status"), "done");
    json_decref(data);
}

/* The digests in the policy are those of the page's own script and style; nothing else may run or be fetched. */
static void policy(void)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char *const parts[][3] = {{"<style>", "</style>", "style-src 'sha256-"},
                                           {"<script>", "</script>", "script-src 'sha256-"}};
    size_t n;

    write_page(NULL, 0, NULL);
    for (int i = 0; i < 2; i++) {
        char hex[2 * SHA256_BYTES + 1], found[2 * SHA256_BYTES + 3] = "";
        const char *text = between(parts[i][0], parts[i][1], &n);
        if (!text)
            continue;
        CHECK(n > 1000);
        sha256_hex(text, n, hex);
        const char *digest = between(parts[i][2], "'", &n);
        if (!digest || !CHECK_INT(n, 44))
            continue;
        for (size_t j = 0; j < 44; j += 4) { /* three bytes: six hex digits */
            unsigned bits = 0;
            for (size_t k = 0; k < 4; k++) {
                const char *at = digest[j + k] == '=' ? digits : strchr(digits, digest[j + k]);
                bits = bits << 6 | (unsigned)(CHECK(at) ? at - digits : 0);
            }
            snprintf(found + j / 4 * 6, 7, "%06x", bits);
        }
        found[2 * SHA256_BYTES] = '\0';
        CHECK_STR(found, hex);
    }
    const char *rules = between("Content-Security-Policy\" content=\"", "\"", &n);
    CHECK(rules && strncmp(rules, "default-src 'none'; img-src 'self' file: data:;", 47) == 0);
    CHECK(!memmem(rules, n, "unsafe", 6));
    CHECK(!memmem(rules, n, "http", 4));
    CHECK(!strstr(page_text, "@DATA@") && !strstr(page_text, "_DIGEST@"));
}

/* Numbers in the page do not depend on the user's locale. */
static void locales(void)
{
    static struct film_result r = {.film_seconds = 1.5};
    struct history_film film = {.name = (char *)"a", .path = (char *)"a.mkv", .state = STATE_DONE, .result = &r};

    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "fr_FR.UTF-8")) {
        printf("not tested: no locale with a decimal comma here\n");
        return;
    }
    write_page(&film, 1, NULL);
    json_t *data = read_data();
    CHECK(number(json_array_get(json_object_get(data, "films"), 0), "seconds") == 1.5);
    json_decref(data);
    setlocale(LC_ALL, "C");
}

static void nowhere(void)
{
    const struct history h = {0};

    CHECK_INT(gallery_write(test_path("no such folder"), &h), ST_IO);
    CHECK(strstr(status_message(), "index.html"));
    test_write(test_path("index.html"), "older", 5);
    CHECK_INT(gallery_write(test_folder(), &h), ST_OK); /* an older page is replaced */
}

int main(void)
{
    CHECK(gallery_page_bytes > 10000);
    empty();
    names();
    one_film();
    failures();
    policy();
    locales();
    nowhere();
    return test_end();
}
