/* gallery: the page is gallery.html with three things filled in: the digests of its script and its style, by which the
 * page's Content-Security-Policy lets these two in and nothing else, and the catalogue as one JSON object, a film a
 * line. Names may be any bytes: what is no UTF-8 is shown as U+FFFD, links carry the bytes themselves. No text can end
 * the JSON block or begin an element: '<', '>' and '&' are written as \u escapes. */
#include "catalog/show/gallery.h"

#include "base/file.h"
#include "base/json.h"
#include "base/sha256.h"
#include "catalog/listing/path.h"
#include "catalog/out_path.h"
#include "catalog/show/gallery_page.h"
#include "catalog/store/result_text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- text -------------------------------------------------------------------------------------------------------- */

/* Pure ASCII, so that neither U+2028 nor a wrong idea of the page's encoding can matter. */
static void put_code(FILE *file, const char *s, size_t n)
{
    static const unsigned char head[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = (unsigned char)s[0] & head[n];

    for (size_t i = 1; i < n; i++)
        code = code << 6 | ((unsigned char)s[i] & 0x3f);
    if (code > 0xffff)
        fprintf(file, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xd800 + ((code - 0x10000) >> 10), 0xdc00 + (code & 0x3ff));
    else if (code < 0x20 || code > 0x7e || strchr("\"\\<>&", (int)code))
        fprintf(file, "\\u%04" PRIx32, code);
    else
        fputc((int)code, file);
}

/* The first n bytes of a text as a JSON string. */
static void put_part(FILE *file, const char *s, size_t n)
{
    const char *end = s + n;

    fputc('"', file);
    while (s < end) {
        const size_t length = json_utf8_length(s);
        if (length == 0 || length > (size_t)(end - s)) {
            fputs("\\ufffd", file);
            s++;
        } else {
            put_code(file, s, length);
            s += length;
        }
    }
    fputc('"', file);
}

static void put_text(FILE *file, const char *key, const char *text)
{
    fprintf(file, ",\"%s\":", key);
    put_part(file, text ? text : "", text ? strlen(text) : 0);
}

/* Rounded to so many decimals. What is not a number is left out. */
static void put_number(FILE *file, const char *key, double value, int decimals)
{
    const double scale = pow(10.0, decimals);

    if (!isfinite(value))
        return;
    fprintf(file, ",\"%s\":", key);
    json_print_double(file, rint(value * scale) / scale);
}

static void put_count(FILE *file, const char *key, int64_t value)
{
    if (value != 0)
        fprintf(file, ",\"%s\":%" PRId64, key, value);
}

/* Of an output's name without its suffix: every byte that means anything in an address is escaped, and "./" keeps a
 * colon in it from being taken for the end of a scheme. */
static void put_address(FILE *file, const char *name)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    fputs(",\"address\":\"./", file);
    for (; *name; name++)
        fprintf(file, strchr(plain, *name) ? "%c" : "%%%02X", (unsigned)(unsigned char)*name);
    fputc('"', file);
}

/* ---- films ------------------------------------------------------------------------------------------------------- */

/* A film is called what its file is called; its name where the path is not known. */
static void put_names(FILE *file, const struct history_film *film)
{
    const char *path = film->path ? film->path : "", *title = path_file(path), *dot = strrchr(title, '.');
    size_t n = dot && dot > title ? (size_t)(dot - title) : strlen(title);

    if (n == 0) {
        title = film->name;
        n = strlen(title);
    }
    fputs("{\"title\":", file);
    put_part(file, title, n);
    put_text(file, "name", film->name);
    put_text(file, "path", path);
    put_text(file, "status", state_names[film->state]);
}

/* Width and height out of a PNG's first chunk. */
static bool read_png_size(int folder, const char *name, uint32_t size[2])
{
    static const unsigned char wanted[] = "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";
    unsigned char head[24];
    const int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return false;
    const ssize_t got = read(fd, head, sizeof head);
    close(fd);
    if (got != (ssize_t)sizeof head || memcmp(head, wanted, 16) != 0)
        return false;
    for (int i = 0; i < 2; i++) {
        const unsigned char *s = head + 16 + 4 * i;
        size[i] = (uint32_t)s[0] << 24 | (uint32_t)s[1] << 16 | (uint32_t)s[2] << 8 | s[3];
    }
    return true;
}

static void put_outputs(FILE *file, int folder, const char *name, const struct film_result *r)
{
    for (int i = 0; i < r->n_outputs && i < MAX_OUTPUTS; i++) {
        const struct film_output *output = &r->output[i];
        char picture[NAME_MAX + 1];
        uint32_t size[2];
        fputs(i > 0 ? ",{\"bytes\":" : ",\"outputs\":[{\"bytes\":", file);
        fprintf(file, "%" PRId64, output->bytes);
        put_text(file, "suffix", output->suffix);
        const int length = snprintf(picture, sizeof picture, "%s%s", name, output->suffix);
        if (length < (int)sizeof picture && read_png_size(folder, picture, size))
            fprintf(file, ",\"width\":%" PRIu32 ",\"height\":%" PRIu32, size[0], size[1]);
        fputc('}', file);
    }
    if (r->n_outputs > 0)
        fputc(']', file);
}

static void put_summary(FILE *file, const struct film_summary *summary)
{
    if (summary->n_bins < 1 || summary->n_bins > SUMMARY_MAX_BINS)
        return;
    put_number(file, "hue", summary->hue, 2);
    put_number(file, "lightness", summary->lightness, 2);
    put_number(file, "chroma", summary->chroma, 4);
    fputs(",\"card\":\"", file);
    result_print_bins(file, summary);
    fputc('"', file);
}

static void put_result(FILE *file, int folder, const char *name, const struct film_result *r)
{
    put_address(file, name);
    put_number(file, "seconds", r->film_seconds, 3);
    put_count(file, "columns", r->columns);
    put_text(file, "codec", r->codec);
    put_text(file, "container", r->container);
    put_text(file, "pixels", r->pixel_format);
    put_count(file, "width", r->width);
    put_count(file, "height", r->height);
    if (r->aspect[0])
        put_text(file, "aspect", r->aspect);
    put_count(file, "bytes", r->bytes);
    put_count(file, "frames", r->frames);
    put_count(file, "missing", r->frames_missing);
    put_count(file, "damaged", r->frames_damaged);
    put_number(file, "work", r->seconds, 2);
    put_count(file, "decoded", r->frames_decoded);
    if (r->notes[0])
        put_text(file, "notes", r->notes);
    put_outputs(file, folder, name, r);
    put_summary(file, &r->summary);
}

static void put_film(FILE *file, int folder, const struct history_film *film)
{
    put_names(file, film);
    if (film->state == STATE_DONE && film->result) {
        put_result(file, folder, film->name, film->result);
    } else if (history_has_failed(film)) {
        put_text(file, "fault", (unsigned)film->failure.kind < N_FAULT_KINDS ? fault_names[film->failure.kind] : "");
        put_text(file, "error", film->failure.message);
        put_count(file, "attempts", film->attempts);
    }
    fputc('}', file);
}

/* ---- the page ---------------------------------------------------------------------------------------------------- */

struct page {
    const char *out;
    int folder; /* its descriptor, for looking at the pictures */
    const struct history *history;
};

static void put_data(FILE *file, const struct page *page)
{
    const struct history *h = page->history;
    char *out = realpath(page->out, NULL);

    fputs("{\"format\":\"jacquard-gallery\",\"version\":1", file);
    put_text(file, "title", out ? path_file(out) : "");
    free(out);
    put_count(file, "runs", h->n_runs);
    if (h->last_run.started > 0.0)
        put_number(file, "started", h->last_run.started, 0);
    fprintf(file, ",\"ended\":%s", h->last_run.has_ended ? "true" : "false");
    if (h->last_run.settings_text) /* as text: a page that opens is worth more than settings that are JSON */
        put_text(file, "settings", h->last_run.settings_text);
    if (h->last_run.command)
        put_text(file, "command", h->last_run.command);
    if (faccessat(page->folder, OUT_REPORT ".csv", R_OK, 0) == 0)
        put_text(file, "csv", OUT_REPORT ".csv");
    if (faccessat(page->folder, OUT_REPORT ".json", R_OK, 0) == 0)
        put_text(file, "json", OUT_REPORT ".json");
    fputs(",\"films\":[", file);
    for (int64_t i = 0; i < h->n; i++) {
        fputs(i > 0 ? ",\n" : "\n", file);
        put_film(file, page->folder, &h->film[i]);
    }
    fputs("\n]}", file);
}

static const char *find(const char *text, const char *what)
{
    return memmem(text, (size_t)((const char *)gallery_page + gallery_page_bytes - text), what, strlen(what));
}

/* As a Content-Security-Policy names what stands between `open` and `close`, the first of each. */
static void put_digest(FILE *file, const char *open, const char *close)
{
    const char *from = find((const char *)gallery_page, open), *to = from ? find(from, close) : NULL;
    struct sha256 sha;
    uint8_t digest[SHA256_BYTES];

    if (!to)
        return; /* the page then does nothing at all, and its tests fail */
    from += strlen(open);
    sha256_init(&sha);
    sha256_add(&sha, from, (size_t)(to - from));
    sha256_end(&sha, digest);
    result_print_base64(file, digest, sizeof digest);
}

static void put_page(FILE *file, const struct page *page)
{
    static const char *const marks[] = {"@STYLE_DIGEST@", "@SCRIPT_DIGEST@", "@DATA@"};
    const char *at = (const char *)gallery_page, *end = at + gallery_page_bytes;

    for (int i = 0; i < 3; i++) {
        const char *mark = find(at, marks[i]);
        if (!mark)
            break;
        fwrite(at, 1, (size_t)(mark - at), file);
        if (i == 0)
            put_digest(file, "<style>", "</style>");
        else if (i == 1)
            put_digest(file, "<script>", "</script>");
        else
            put_data(file, page);
        at = mark + strlen(marks[i]);
    }
    fwrite(at, 1, (size_t)(end - at), file);
}

enum status gallery_write(const char *out, const struct history *history)
{
    struct page page = {.out = out, .history = history};
    struct file_out file;
    char path[OUT_PATH_BYTES];

    out_path(out, OUT_PAGE, ".html", path);
    page.folder = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (page.folder < 0)
        return FAIL(ST_IO, "cannot write %s: %s", path, strerror(errno));
    enum status st = file_out_open(&file, path, true);
    if (st == ST_OK) {
        put_page(file.stream, &page);
        st = file_out_commit(&file);
    }
    close(page.folder);
    return st;
}
