/* report: a film's members, the fields of its row and the header over them are printed by the same lines of code, so
 * that they cannot come apart. Texts and numbers out of a journal may be anything that a journal can hold. */
#include "catalog/show/report.h"

#include "base/file.h"
#include "base/json.h"
#include "catalog/out_path.h"

#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <string.h>

struct sheet {
    FILE *file;
    enum { SHEET_JSON, SHEET_CSV, SHEET_HEADER } kind;
    bool has_begun; /* the film's object or row */
};

/* --- members and fields ------------------------------------------------------------------------------------------- */

/* What comes before a value. False where the value is not wanted: the header has none, and JSON leaves it out. */
static bool begin(struct sheet *s, const char *key, bool has_value)
{
    const bool is_json = s->kind == SHEET_JSON;

    if (is_json && !has_value)
        return false;
    if (s->has_begun)
        fputc(',', s->file);
    s->has_begun = true;
    if (is_json)
        fprintf(s->file, "\"%s\":", key);
    else if (s->kind == SHEET_HEADER)
        fputs(key, s->file);
    return has_value && s->kind != SHEET_HEADER;
}

static void print_field(FILE *file, const char *text)
{
    const bool is_quoted = strpbrk(text, ",\"\r\n") != NULL;

    if (is_quoted)
        fputc('"', file);
    while (*text) {
        const size_t n = json_utf8_length(text);
        if (n == 0)
            fputs("\xef\xbf\xbd", file); /* U+FFFD */
        else if (*text == '"')
            fputs("\"\"", file);
        else
            fwrite(text, 1, n, file);
        text += n > 0 ? n : 1;
    }
    if (is_quoted)
        fputc('"', file);
}

static void put_text(struct sheet *s, const char *key, const char *text) /* NULL: there is none */
{
    if (!begin(s, key, text != NULL))
        return;
    if (s->kind == SHEET_JSON)
        json_print_string(s->file, text);
    else
        print_field(s->file, text);
}

/* A text that is the name of a file. */
static void put_name(struct sheet *s, const char *key, const char *name)
{
    if (s->kind != SHEET_JSON || !name) {
        put_text(s, key, name);
        return;
    }
    if (s->has_begun)
        fputc(',', s->file);
    s->has_begun = true;
    json_print_bytes(s->file, key, name);
}

static void put_int(struct sheet *s, const char *key, bool has_value, int64_t v)
{
    if (begin(s, key, has_value))
        fprintf(s->file, "%" PRId64, v);
}

static void put_double(struct sheet *s, const char *key, bool has_value, double v)
{
    if (begin(s, key, has_value && (s->kind != SHEET_CSV || isfinite(v))))
        json_print_double(s->file, v);
}

/* --- films -------------------------------------------------------------------------------------------------------- */

static const char *describe_decoders(const struct film_result *r, char text[64])
{
    char cpu[28] = "", nvdec[28] = "";

    if (r->cpu_decoders != 0)
        snprintf(cpu, sizeof cpu, "%" PRId64 " cpu", r->cpu_decoders);
    if (r->nvdec_decoders != 0)
        snprintf(nvdec, sizeof nvdec, "%" PRId64 " nvdec", r->nvdec_decoders);
    if (!cpu[0] && !nvdec[0]) /* all frames had been kept */
        return "store";
    snprintf(text, 64, "%s%s%s", cpu, cpu[0] && nvdec[0] ? ", " : "", nvdec);
    return text;
}

static void put_outputs(struct sheet *s, const char *name, const struct film_result *r)
{
    if (s->kind != SHEET_JSON || !begin(s, "outputs", true))
        return;
    fputc('[', s->file);
    for (int i = 0; i < r->n_outputs; i++) {
        char file[NAME_MAX + sizeof r->output[0].suffix + 1];
        snprintf(file, sizeof file, "%s%s", name, r->output[i].suffix);
        fputs(i > 0 ? ",{" : "{", s->file);
        json_print_bytes(s->file, "file", file);
        fprintf(s->file, ",\"bytes\":%" PRId64 ",\"sha256\":", r->output[i].bytes);
        json_print_string(s->file, r->output[i].sha256);
        fputc('}', s->file);
    }
    fputc(']', s->file);
}

static double work_seconds(const struct history_film *f)
{
    return f->result ? f->result->seconds : f->failure.seconds;
}

static void put_film(struct sheet *s, const struct history_film *f)
{
    static const struct film_result nothing;
    const struct film_result *r = f->result ? f->result : &nothing;
    const bool is_done = f->result, has_failed = history_has_failed(f);
    char decoders[64];

    s->has_begun = false;
    put_name(s, "name", f->name);
    put_name(s, "path", f->path);
    put_text(s, "status", state_names[f->state]);
    put_int(s, "columns", is_done, r->columns);
    put_int(s, "frames", is_done, r->frames);
    put_double(s, "film_seconds", is_done, r->film_seconds);
    put_double(s, "seconds", is_done || has_failed, work_seconds(f));
    put_double(s, "fps", is_done && r->seconds > 0.0, (double)r->frames / r->seconds);
    put_text(s, "decode", is_done ? describe_decoders(r, decoders) : NULL);
    put_int(s, "pieces", is_done, r->n_pieces);
    put_int(s, "attempts", true, f->attempts);
    put_int(s, "width", is_done, r->width);
    put_int(s, "height", is_done, r->height);
    put_text(s, "aspect", is_done && r->aspect[0] ? r->aspect : NULL);
    put_text(s, "codec", is_done ? r->codec : NULL);
    put_text(s, "container", is_done ? r->container : NULL);
    put_text(s, "fingerprint", is_done ? r->fingerprint : NULL);
    put_int(s, "frames_missing", is_done, r->frames_missing);
    put_int(s, "frames_damaged", is_done, r->frames_damaged);
    put_text(s, "note", is_done && r->note[0] ? r->note : NULL);
    put_text(s, "notes", is_done ? r->notes : NULL);
    put_double(s, "hue", is_done, r->summary.hue);
    put_double(s, "lightness", is_done, r->summary.lightness);
    put_text(s, "fault", has_failed ? fault_names[f->failure.kind] : NULL);
    put_text(s, "error", has_failed ? f->failure.message : NULL);
    if (is_done)
        put_outputs(s, f->name, r);
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static void add(int64_t *sum, int64_t n) /* a damaged journal may hold any number: no sum of them may be undefined */
{
    *sum = (int64_t)((uint64_t)*sum + (uint64_t)n);
}

static void print_totals(FILE *file, const struct history *h)
{
    int64_t n[4] = {0}, columns = 0, frames = 0;
    double film_seconds = 0.0, seconds = 0.0;

    for (int64_t i = 0; i < h->n; i++) {
        const struct history_film *f = &h->film[i];
        n[f->state]++;
        seconds += work_seconds(f);
        if (!f->result)
            continue;
        add(&columns, f->result->columns);
        add(&frames, f->result->frames);
        film_seconds += f->result->film_seconds;
    }
    fprintf(file,
            "{\"films\":%" PRId64 ",\"done\":%" PRId64 ",\"failed\":%" PRId64 ",\"quarantined\":%" PRId64
            ",\"left\":%" PRId64 ",\"columns\":%" PRId64 ",\"film_seconds\":",
            h->n, n[STATE_DONE], n[STATE_FAILED], n[STATE_QUARANTINED], n[STATE_LEFT], columns);
    json_print_double(file, film_seconds);
    fputs(",\"seconds\":", file);
    json_print_double(file, seconds);
    fprintf(file, ",\"frames\":%" PRId64 "}", frames);
}

static void print_passed(FILE *file, const struct passed *p)
{
    fprintf(file, "{\"files\":%" PRId64 ",\"suffixes\":[", p->n);
    for (int i = 0; i < p->n_kinds; i++)
        fprintf(file, "%s{\"suffix\":\"%s\",\"files\":%" PRId64 "}", i > 0 ? "," : "", p->kind[i].suffix, p->kind[i].n);
    fprintf(file, "],\"others\":%" PRId64 "}", p->n_others);
}

static void print_json(FILE *file, const struct history *h, const struct passed *passed)
{
    struct sheet sheet = {.file = file, .kind = SHEET_JSON};

    fprintf(file, "{\"format\":\"jacquard-catalog\",\"version\":1,\n\"settings\":%s,\n\"totals\":",
            h->last_run.settings_text ? h->last_run.settings_text : "null");
    print_totals(file, h);
    fputs(",\n\"passed_over\":", file);
    print_passed(file, passed);
    fputs(",\n\"films\":[", file);
    for (int64_t i = 0; i < h->n && !ferror(file); i++) {
        fputs(i > 0 ? ",\n{" : "\n{", file);
        put_film(&sheet, &h->film[i]);
        fputc('}', file);
    }
    fputs("\n]}\n", file);
}

static void print_csv(FILE *file, const struct history *h, const struct passed *passed)
{
    static const struct history_film nobody;
    struct sheet sheet = {.file = file, .kind = SHEET_HEADER};

    (void)passed; /* its rows are films */
    put_film(&sheet, &nobody);
    fputc('\n', file);
    sheet.kind = SHEET_CSV;
    for (int64_t i = 0; i < h->n && !ferror(file); i++) {
        put_film(&sheet, &h->film[i]);
        fputc('\n', file);
    }
}

static enum status write_file(const char *out, const char *suffix,
                              void (*print)(FILE *, const struct history *, const struct passed *),
                              const struct history *h, const struct passed *passed)
{
    char path[OUT_PATH_BYTES];
    struct file_out file;

    out_path(out, OUT_REPORT, suffix, path);
    TRY(file_out_open(&file, path, true));
    print(file.stream, h, passed);
    return file_out_commit(&file);
}

/* False where it is not what print_passed wrote. */
static bool take_passed(const json_t *object, struct passed *p)
{
    const json_t *suffixes = json_object_get(object, "suffixes"), *others = json_object_get(object, "others");
    const size_t n = json_array_size(suffixes);

    if (!json_is_integer(others) || json_integer_value(others) < 0 || n > PASSED_MOST_KINDS)
        return false;
    p->n = p->n_others = json_integer_value(others);
    for (size_t i = 0; i < n; i++) {
        const json_t *kind = json_array_get(suffixes, i);
        const char *suffix = json_string_value(json_object_get(kind, "suffix"));
        const json_int_t files = json_integer_value(json_object_get(kind, "files"));
        if (!suffix || strlen(suffix) >= PASSED_SUFFIX_BYTES || files < 1 || files > INT32_MAX ||
            suffix[strspn(suffix, ".abcdefghijklmnopqrstuvwxyz0123456789")])
            return false;
        strcpy(p->kind[i].suffix, suffix);
        p->kind[i].n = files;
        p->n += files;
    }
    p->n_kinds = (int)n;
    return true;
}

void report_read_passed(const char *out, struct passed *passed)
{
    char path[OUT_PATH_BYTES];
    json_error_t error;

    *passed = (struct passed){0};
    out_path(out, OUT_REPORT, ".json", path);
    json_t *report = json_load_file(path, 0, &error);
    if (!take_passed(json_object_get(report, "passed_over"), passed))
        *passed = (struct passed){0};
    json_decref(report);
}

enum status report_write(const char *out, const struct history *history, const struct passed *passed)
{
    TRY(write_file(out, ".json", print_json, history, passed));
    return write_file(out, ".csv", print_csv, history, passed);
}
