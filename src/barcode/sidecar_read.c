/* sidecar_read: a barcode out of the JSON of sidecar_write.c. Walks the outer object and the list of columns by itself
 * and hands each value to jansson, so that a film of 200,000 columns needs no tree of its whole document, the settings
 * come back byte for byte, and a message can say which line. The file goes through a window that holds one value of the
 * outer object or one column. The order of members does not matter, unknown members are passed over; whatever is
 * missing, twice there, of the wrong kind or out of range is refused, and so is what would take more memory than there
 * is. */
#include "barcode/sidecar.h"

#include "barcode/settings.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/opts.h"

#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_VALUE_BYTES = 64 << 20, MOST_DEPTH = 100, FIRST_ROOM = 1 << 16 };
static const int64_t most_bytes = (int64_t)64 << 30; /* of the file */

struct reader {
    const char *path;
    struct file_in file;
    char *text;              /* the window */
    size_t length, room, at; /* bytes in the window, room in it, where we are in it */
    size_t value_at;         /* where next_value began */
    size_t n_lines;          /* before the window */
    bool has_ended;          /* nothing is left behind the window */
    char where[64];          /* the object that is being taken apart: "film", "columns[12].clusters[3]" */
};

/* "x.json: line 12: columns[7].count is ...": the line is that of reader->at. */
static enum status wrong(const struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static enum status wrong(const struct reader *r, const char *format, ...)
{
    char what[400];
    size_t line = r->n_lines + 1;
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    for (size_t i = 0; i < r->at; i++)
        line += r->text[i] == '\n';
    return FAIL(ST_USAGE, "%s: line %zu: %s", r->path, line, what);
}

/* The window lets go of what is behind us and takes more of the file: at least a byte, or has_ended. */
static enum status read_more(struct reader *r)
{
    size_t got = 0;

    for (size_t i = 0; i < r->at; i++)
        r->n_lines += r->text[i] == '\n';
    if (r->at > 0)
        memmove(r->text, r->text + r->at, r->length - r->at);
    r->length -= r->at;
    r->at = 0;
    if (r->length == r->room) {
        const size_t wanted = r->room ? 2 * r->room : FIRST_ROOM;
        char *grown = realloc(r->text, wanted);
        if (!grown)
            return FAIL(ST_NOMEM, "out of memory: reading %s", r->path);
        r->text = grown;
        r->room = wanted;
    }
    TRY(file_in_read(&r->file, ST_USAGE, r->text + r->length, r->room - r->length, &got));
    r->length += got;
    r->has_ended = got == 0;
    return ST_OK;
}

static enum status skip_space(struct reader *r)
{
    for (;; r->at++) {
        if (r->at == r->length && !r->has_ended)
            TRY(read_more(r));
        if (r->at == r->length || !r->text[r->at] || !strchr(" \t\r\n", r->text[r->at]))
            return ST_OK;
    }
}

static enum status next_is(struct reader *r, char c, bool *is_next)
{
    TRY(skip_space(r));
    *is_next = r->at < r->length && r->text[r->at] == c;
    r->at += *is_next;
    return ST_OK;
}

static enum status expect(struct reader *r, char c)
{
    bool is_next = false;

    TRY(next_is(r, c, &is_next));
    return is_next ? ST_OK : wrong(r, "expected '%c'%s", c, r->at == r->length ? ", found the end" : "");
}

/* Holds all of the value at r->at in the window. What is no JSON is held up to where that shows, or the file ends. */
static enum status hold_value(struct reader *r)
{
    struct json_walk walk = {0};
    size_t walked = 0;
    bool is_whole = false;

    while (!is_whole) {
        walked += json_walk(&walk, r->text + r->at + walked, r->length - r->at - walked, &is_whole);
        if (walked > MOST_VALUE_BYTES)
            return wrong(r, "there is a value of more than %d MiB", MOST_VALUE_BYTES >> 20);
        if (walk.depth > MOST_DEPTH || r->has_ended)
            break;
        if (!is_whole)
            TRY(read_more(r));
    }
    return json_depth(r->text + r->at, walked) <= MOST_DEPTH
               ? ST_OK
               : wrong(r, "lists and objects are nested more than %d deep", MOST_DEPTH);
}

/* Parses the value at r->at, which becomes r->value_at, and steps over it. *value is the caller's. */
static enum status next_value(struct reader *r, json_t **value)
{
    json_error_t error;

    *value = NULL;
    TRY(skip_space(r));
    TRY(hold_value(r));
    r->value_at = r->at;
    *value = json_loadb(r->text + r->at, r->length - r->at,
                        JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, &error);
    if (!*value && error.text[0] == '\0') /* jansson finds no words for it */
        return FAIL(ST_NOMEM, "out of memory: reading %s", r->path);
    if (*value || error.position > 0)
        r->at += (size_t)error.position;
    if (r->at > r->length)
        r->at = r->length;
    return *value ? ST_OK : wrong(r, "%s", error.text);
}

/* Types of jansson, as bits. */
enum types {
    LIST = 1 << JSON_ARRAY,
    TEXT = 1 << JSON_STRING,
    WHOLE = 1 << JSON_INTEGER,
    NUMBER = WHOLE | 1 << JSON_REAL,
    BOOLEAN = 1 << JSON_TRUE | 1 << JSON_FALSE
};

/* The member, which must be of one of the types; kind is for the message. */
static enum status get(const struct reader *r, const json_t *object, const char *key, enum types types,
                       const char *kind, json_t **member)
{
    *member = json_object_get(object, key);
    if (!*member)
        return wrong(r, "%s has no \"%s\"", r->where, key);
    return 1 << json_typeof(*member) & (int)types ? ST_OK : wrong(r, "%s.%s is not %s", r->where, key, kind);
}

static enum status get_integer(const struct reader *r, const json_t *object, const char *key, int64_t min, int64_t max,
                               int64_t *n)
{
    json_t *member;

    TRY(get(r, object, key, WHOLE, "a whole number", &member));
    *n = json_integer_value(member);
    if (*n < min || *n > max)
        return wrong(r, "%s.%s is %" PRId64 ", not from %" PRId64 " to %" PRId64, r->where, key, *n, min, max);
    return ST_OK;
}

static enum status get_int(const struct reader *r, const json_t *object, const char *key, int min, int *n)
{
    int64_t wide = 0;

    TRY(get_integer(r, object, key, min, INT_MAX, &wide));
    *n = (int)wide;
    return ST_OK;
}

static enum status get_double(const struct reader *r, const json_t *object, const char *key, double *v)
{
    json_t *member;

    TRY(get(r, object, key, NUMBER, "a number", &member));
    *v = json_number_value(member);
    return ST_OK;
}

static enum status get_text(const struct reader *r, const json_t *object, const char *key, char *text, size_t bytes)
{
    json_t *member;

    TRY(get(r, object, key, TEXT, "a text", &member));
    if (json_string_length(member) >= bytes)
        return wrong(r, "%s.%s is longer than %zu bytes", r->where, key, bytes - 1);
    memcpy(text, json_string_value(member), json_string_length(member) + 1);
    return ST_OK;
}

/* "16:9" where between is ':'. */
static enum status get_ratio(const struct reader *r, const json_t *object, const char *key, char between, int *num,
                             int *den)
{
    char text[32], again[32];

    TRY(get_text(r, object, key, text, sizeof text));
    const bool is_read = number_read_pair(text, between, 1, INT32_MAX, num, den);
    if (is_read) /* as it is written, or not at all: no leading zeros */
        snprintf(again, sizeof again, "%d%c%d", *num, between, *den);
    if (!is_read || strcmp(text, again) != 0)
        return wrong(r, "%s.%s is not like \"1%c1\"", r->where, key, between);
    return ST_OK;
}

/* [r, g, b] in levels; each must be a whole number of 1/256. */
static enum status get_levels(const struct reader *r, const json_t *object, const char *key, uint32_t level[3])
{
    json_t *member;

    TRY(get(r, object, key, LIST, "a list", &member));
    if (json_array_size(member) != 3)
        return wrong(r, "%s.%s is not a list of three numbers", r->where, key);
    for (size_t c = 0; c < 3; c++) {
        const json_t *number = json_array_get(member, c);
        const double v = json_is_number(number) ? json_number_value(number) * COMPUTE_CENTRE_ONE : -1;
        if (!(v >= 0 && v <= 255 * COMPUTE_CENTRE_ONE && v == floor(v)))
            return wrong(r, "%s.%s[%zu] is not a colour value from 0 to 255 in steps of 1/256", r->where, key, c);
        level[c] = (uint32_t)v;
    }
    return ST_OK;
}

static enum status get_inertia(const struct reader *r, const json_t *object, int64_t *inertia)
{
    double v = 0;

    TRY(get_double(r, object, "inertia", &v));
    v *= SIDECAR_INERTIA_ONE;
    if (!(v >= 0 && v < 0x1p63 && v == floor(v)))
        return wrong(r, "%s.inertia is not a sum of squares in steps of 1/65536", r->where);
    *inertia = (int64_t)v;
    return ST_OK;
}

static enum status read_clusters(struct reader *r, const json_t *object, struct column *column)
{
    struct frame_clusters *clusters = &column->clusters;
    json_t *list;
    const size_t stem = strlen(r->where);

    TRY(get_inertia(r, object, &clusters->inertia));
    TRY(get(r, object, "clusters", LIST, "a list", &list));
    const size_t n = json_array_size(list);
    if (n < 1 || n > COMPUTE_MAX_K)
        return wrong(r, "%s has %zu clusters, not from 1 to %d", r->where, n, COMPUTE_MAX_K);
    for (size_t i = 0; i < n; i++) {
        const json_t *cluster = json_array_get(list, i);
        uint32_t level[3] = {0, 0, 0};
        int64_t count = 0;
        snprintf(r->where + stem, sizeof r->where - stem, ".clusters[%zu]", i);
        if (!json_is_object(cluster))
            return wrong(r, "%s is not an object", r->where);
        TRY(get_levels(r, cluster, "rgb", level));
        TRY(get_integer(r, cluster, "count", 1, UINT32_MAX, &count));
        if (i > 0 && count > clusters->count[i - 1])
            return wrong(r, "%s.count is larger than the one before: the largest comes first", r->where);
        clusters->count[i] = (uint32_t)count;
        for (int c = 0; c < 3; c++)
            column->native[i][c] = clusters->centre[i][c] = (uint16_t)level[c];
        if (!json_object_get(cluster, "native"))
            continue;
        TRY(get_levels(r, cluster, "native", level));
        for (int c = 0; c < 3; c++)
            column->native[i][c] = (uint16_t)level[c];
    }
    clusters->n = (int)n;
    r->where[stem] = '\0';
    return ST_OK;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The first column sets how many lines there are. */
static enum status read_lines(const struct reader *r, const json_t *object, struct barcode *b, struct column *column)
{
    json_t *member = json_object_get(object, "lines");

    if (member && !json_is_string(member))
        return wrong(r, "%s.lines is not a text", r->where);
    const char *hex = member ? json_string_value(member) : "";
    const size_t length = member ? json_string_length(member) : 0;
    if (member && (length == 0 || length % 6 != 0 || length / 6 > INT_MAX))
        return wrong(r, "%s.lines is %zu digits long, not six a line", r->where, length);
    if (b->n_columns == 0)
        b->n_lines = (int)(length / 6);
    if (length / 6 != (size_t)b->n_lines)
        return wrong(r, "%s has %zu lines where the columns before have %d", r->where, length / 6, b->n_lines);
    if (length == 0)
        return ST_OK;

    column->lines = mem_array(length / 2, 1);
    TRY_MEM(column->lines);
    for (size_t i = 0; i < length; i += 2) {
        const int high = hex_digit(hex[i]), low = hex_digit(hex[i + 1]);
        if (high < 0 || low < 0) {
            free(column->lines);
            column->lines = NULL;
            return wrong(r, "%s.lines has a character that is no lower-case hexadecimal digit", r->where);
        }
        column->lines[i / 2] = (uint8_t)(high * 16 + low);
    }
    return ST_OK;
}

static enum status read_column(struct reader *r, const json_t *object, struct barcode *b, struct column *column)
{
    *column = (struct column){0};
    snprintf(r->where, sizeof r->where, "columns[%" PRId64 "]", b->n_columns);
    if (!json_is_object(object))
        return wrong(r, "%s is not an object", r->where);
    TRY(get_integer(r, object, "frame", 0, INT64_MAX, &column->frame));
    TRY(get_integer(r, object, "pts", INT64_MIN, INT64_MAX, &column->pts));
    TRY(get_double(r, object, "time", &column->time));
    TRY(read_clusters(r, object, column));
    TRY(get_levels(r, object, "mean", column->mean));
    return read_lines(r, object, b, column);
}

static enum status read_columns(struct reader *r, struct barcode *b)
{
    const double memory = mem_limit();
    bool is_next = false;
    size_t room = 0;

    TRY(expect(r, '['));
    TRY(next_is(r, ']', &is_next));
    if (is_next)
        return wrong(r, "there are no columns");
    do {
        json_t *value;
        if ((double)(b->n_columns + 1) * ((double)sizeof *b->columns + 3.0 * b->n_lines) > memory)
            return wrong(r, "there are more columns than fit into %.1f GiB of memory", memory / 0x1p30);
        struct column *grown = mem_grow(b->columns, (size_t)b->n_columns, &room, sizeof *b->columns);
        TRY_MEM(grown);
        b->columns = grown;
        TRY(next_value(r, &value));
        const size_t end = r->at;
        r->at = r->value_at; /* messages are about the line where the column starts */
        const enum status st = read_column(r, value, b, &b->columns[b->n_columns]);
        json_decref(value);
        TRY(st);
        r->at = end;
        b->n_columns++;
        TRY(next_is(r, ',', &is_next));
    } while (is_next);
    return expect(r, ']');
}

/* A member that is only there where it says something. */
static bool has(const json_t *object, const char *key)
{
    return json_object_get(object, key) != NULL;
}

static enum status read_film(struct reader *r, const json_t *object, struct barcode *b)
{
    struct film_info *f = &b->film;
    json_t *path;

    TRY(get(r, object, "path", TEXT, "a text", &path));
    b->film_path = strdup(json_string_value(path));
    if (!b->film_path)
        return FAIL(ST_NOMEM, "out of memory: reading %s", r->path);
    TRY(get_integer(r, object, "bytes", 0, INT64_MAX, &f->bytes));
    TRY(get_text(r, object, "fingerprint", f->fingerprint, sizeof f->fingerprint));
    TRY(get_text(r, object, "container", f->container, sizeof f->container));
    TRY(get_text(r, object, "codec", f->codec, sizeof f->codec));
    TRY(get_int(r, object, "width", 1, &f->width));
    TRY(get_int(r, object, "height", 1, &f->height));
    TRY(get_int(r, object, "rotation", 0, &f->rotation));
    if (f->rotation % 90 != 0 || f->rotation > 270)
        return wrong(r, "%s.rotation is %d, not 0, 90, 180 or 270", r->where, f->rotation);
    TRY(get_ratio(r, object, "sar", ':', &f->sar_num, &f->sar_den));
    TRY(get_text(r, object, "pixel_format", f->pixel_format, sizeof f->pixel_format));
    TRY(get_text(r, object, "matrix", f->matrix, sizeof f->matrix));
    TRY(get_text(r, object, "range", f->range, sizeof f->range));
    TRY(get_integer(r, object, "frames", 0, INT64_MAX, &b->film_frames));
    TRY(get_double(r, object, "seconds", &b->film_seconds));
    TRY(get_ratio(r, object, "time_base", '/', &f->time_base_num, &f->time_base_den));
    if (has(object, "frames_lead_in"))
        TRY(get_integer(r, object, "frames_lead_in", 0, INT64_MAX, &f->n_lead_in));
    if (has(object, "frames_missing"))
        TRY(get_integer(r, object, "frames_missing", 0, INT64_MAX, &f->frames_missing));
    if (has(object, "frames_damaged"))
        TRY(get_integer(r, object, "frames_damaged", 0, INT64_MAX, &f->frames_damaged));
    if (has(object, "partial"))
        TRY(get_text(r, object, "partial", f->incomplete, sizeof f->incomplete));
    if (has(object, "note"))
        TRY(get_text(r, object, "note", f->note, sizeof f->note));
    return ST_OK;
}

static enum status read_tone(const struct reader *r, const json_t *object, struct tone_rules *tone)
{
    char transfer[16], primaries[16];
    int which;

    TRY(get_text(r, object, "transfer", transfer, sizeof transfer));
    TRY(get_text(r, object, "primaries", primaries, sizeof primaries));
    if (opts_choice("transfer", transfer, tone_transfer_names, N_TONE_TRANSFERS, &which) != ST_OK)
        return wrong(r, "%s.hdr.transfer is %s, which is not known", r->where, transfer);
    tone->transfer = (enum tone_transfer)which;
    if (opts_choice("primaries", primaries, tone_primaries_names, N_TONE_PRIMARIES, &which) != ST_OK)
        return wrong(r, "%s.hdr.primaries is %s, which is not known", r->where, primaries);
    tone->primaries = (enum tone_primaries)which;
    if (tone->transfer == TONE_PQ)
        TRY(get_int(r, object, "peak", TONE_WHITE, &tone->peak));
    return tone->peak <= TONE_MOST ? ST_OK : wrong(r, "%s.hdr.peak is %d, more than PQ has", r->where, tone->peak);
}

static enum status read_window(const struct reader *r, const json_t *object, struct window *w)
{
    int *const side[] = {&w->crop.top, &w->crop.right, &w->crop.bottom, &w->crop.left};
    json_t *crop;

    TRY(get(r, object, "crop", LIST, "a list", &crop));
    for (size_t i = 0; i < 4; i++) {
        const json_t *value = json_array_get(crop, i);
        const json_int_t n = json_integer_value(value);
        if (json_array_size(crop) != 4 || !json_is_integer(value) || n < 0 || n > 65535)
            return wrong(r, "%s.crop is not four numbers of pixels", r->where);
        *side[i] = (int)n;
    }
    w->is_known = true;
    TRY(get_text(r, object, "aspect", w->aspect, sizeof w->aspect));
    TRY(get_int(r, object, "frames", 0, &w->n_frames));
    const json_t *hdr = json_object_get(object, "hdr");
    return hdr ? read_tone(r, hdr, &w->tone) : ST_OK;
}

static enum status read_picture(const struct reader *r, const json_t *object, struct barcode *b, int *n_lines)
{
    json_t *legacy;

    TRY(get_int(r, object, "width", 1, &b->clustered_width));
    TRY(get_int(r, object, "height", 1, &b->clustered_height));
    TRY(get(r, object, "legacy", BOOLEAN, "true or false", &legacy));
    b->legacy = json_is_true(legacy);
    return get_int(r, object, "lines", 0, n_lines);
}

/* A digit of base 32 a cell, none is 0. */
static enum status read_rarity(const struct reader *r, const json_t *value, struct barcode *b)
{
    const char *digit = json_string_value(value);

    if (!digit || json_string_length(value) != WEIGHTS_CELLS)
        return wrong(r, "rarity is not a text of %d digits", WEIGHTS_CELLS);
    b->rarity = mem_array(WEIGHTS_CELLS, sizeof *b->rarity);
    TRY_MEM(b->rarity);
    for (int cell = 0; cell < WEIGHTS_CELLS; cell++) {
        const char d = digit[cell];
        if (!(d >= '1' && d <= '9') && !(d >= 'a' && d <= 'v'))
            return wrong(r, "rarity has a character that is no digit from 1 to v");
        b->rarity[cell] = (uint8_t)(d <= '9' ? d - '0' : d - 'a' + 10);
    }
    return ST_OK;
}

static enum status check_version(const struct reader *r, const json_t *value)
{
    if (!json_is_integer(value) || json_integer_value(value) < 1)
        return wrong(r, "the version is not a number");
    if (json_integer_value(value) != SIDECAR_VERSION)
        return wrong(r, "this is version %lld of the format; this program reads version %d",
                     (long long)json_integer_value(value), SIDECAR_VERSION);
    return ST_OK;
}

enum member { FORMAT, VERSION, FILM, SETTINGS, LOOK, PICTURE, RARITY, COLUMNS, N_MEMBERS };
static const char *const member_names[N_MEMBERS] = {"format", "version", "film",   "settings",
                                                    "look",   "picture", "rarity", "columns"};

/* Reads the value of an outer member, other than the columns. */
static enum status read_member(struct reader *r, enum member member, struct barcode *b, int *n_lines)
{
    enum status st = ST_OK;
    json_t *value;

    TRY(next_value(r, &value));
    const size_t start = r->value_at, end = r->at;
    r->at = start;
    if (member >= FILM && member <= PICTURE && !json_is_object(value))
        TRY_OR(done, st, wrong(r, "\"%s\" is not an object", member_names[member]));
    if (member < N_MEMBERS)
        snprintf(r->where, sizeof r->where, "%s", member_names[member]);
    if (member == FORMAT && (!json_is_string(value) || strcmp(json_string_value(value), SIDECAR_FORMAT) != 0))
        st = wrong(r, "this is not a " SIDECAR_FORMAT " file");
    else if (member == VERSION)
        st = check_version(r, value);
    else if (member == FILM)
        st = read_film(r, value, b);
    else if (member == SETTINGS && !(b->settings_text = strndup(r->text + start, end - start)))
        st = FAIL(ST_NOMEM, "out of memory: reading %s", r->path);
    else if (member == LOOK)
        st = read_window(r, value, &b->window);
    else if (member == PICTURE)
        st = read_picture(r, value, b, n_lines);
    else if (member == RARITY)
        st = read_rarity(r, value, b);
    if (st == ST_OK)
        r->at = end;
done:
    json_decref(value);
    return st;
}

static enum status next_name(struct reader *r, bool seen[N_MEMBERS], enum member *member)
{
    json_t *name;
    int i = 0;

    TRY(next_value(r, &name));
    const bool is_name = json_is_string(name);
    while (is_name && i < N_MEMBERS && strcmp(json_string_value(name), member_names[i]) != 0)
        i++;
    json_decref(name);
    if (!is_name)
        return wrong(r, "expected the name of a member");
    *member = (enum member)i;
    if (i == N_MEMBERS)
        return ST_OK;
    if (seen[i])
        return wrong(r, "\"%s\" is there twice", member_names[i]);
    seen[i] = true;
    return ST_OK;
}

/* The film may come after the look. */
static enum status check_crop(const struct reader *r, const struct barcode *b)
{
    const struct frame_crop *c = &b->window.crop;
    const bool is_on_side = b->film.rotation % 180 != 0;
    const int width = is_on_side ? b->film.height : b->film.width, height = is_on_side ? b->film.width : b->film.height;

    if (c->left + c->right < width && c->top + c->bottom < height)
        return ST_OK;
    return FAIL(ST_USAGE, "%s: look.crop leaves nothing of pictures that are seen as %dx%d", r->path, width, height);
}

static enum status read_document(struct reader *r, struct barcode *b)
{
    bool seen[N_MEMBERS] = {false};
    bool is_next = false;
    int n_lines = 0;

    TRY(expect(r, '{'));
    do {
        enum member member = N_MEMBERS;
        TRY(next_name(r, seen, &member));
        TRY(expect(r, ':'));
        TRY(member == COLUMNS ? read_columns(r, b) : read_member(r, member, b, &n_lines));
        TRY(next_is(r, ',', &is_next));
    } while (is_next);
    TRY(expect(r, '}'));
    TRY(skip_space(r));
    if (r->at != r->length)
        return wrong(r, "there is something after the end");
    for (int i = 0; i < N_MEMBERS; i++)
        if (!seen[i] && i != LOOK && i != RARITY)
            return FAIL(ST_USAGE, "%s: there is no \"%s\": this is not a whole " SIDECAR_FORMAT " file", r->path,
                        member_names[i]);
    struct kmeans_settings kmeans;
    if (barcode_settings_read_kmeans(b->settings_text, &kmeans) == ST_OK) /* else they say nothing of a space */
        b->space = kmeans.space;
    if (n_lines != b->n_lines)
        return FAIL(ST_USAGE, "%s: picture.lines is %d, but the columns have %d lines", r->path, n_lines, b->n_lines);
    return check_crop(r, b);
}

enum status sidecar_read_json(const char *path, struct barcode *b)
{
    struct reader reader = {.path = path};

    *b = (struct barcode){0};
    enum status st = file_in_open(&reader.file, path, most_bytes);
    if (st == ST_OK)
        st = read_document(&reader, b);
    if (st != ST_OK)
        barcode_release(b);
    file_in_close(&reader.file);
    free(reader.text);
    return st;
}
