#include "barcode/settings.h"

#include "base/mem.h"
#include "base/number.h"
#include "compute/kmeans_rules.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is more than a number or a name ---- */

static enum status parse_every(const struct opt *row, const char *text, void *base)
{
    struct sampling *s = &((struct barcode_settings *)base)->sampling;
    const size_t n = strlen(text);
    char number[64];
    int64_t frames;

    (void)row;
    if (n < 2 || n >= sizeof number || (text[n - 1] != 'f' && text[n - 1] != 's'))
        return FAIL(ST_USAGE, "--every %s: N frames (24f) or T seconds (1s) are wanted", text);
    memcpy(number, text, n - 1);
    number[n - 1] = '\0';
    s->unit = text[n - 1] == 'f' ? SAMPLE_FRAMES : SAMPLE_SECONDS;
    if (s->unit == SAMPLE_SECONDS)
        return opts_positive("--every", number, &s->every);
    TRY(opts_int("--every", number, 1, INT32_MAX, &frames));
    s->every = (double)frames;
    return ST_OK;
}

static enum status parse_columns(const struct opt *row, const char *text, void *base)
{
    struct sampling *s = &((struct barcode_settings *)base)->sampling;
    int64_t columns;

    (void)row;
    TRY(opts_int("--columns", text, 1, INT32_MAX, &columns));
    s->unit = SAMPLE_COLUMNS;
    s->every = (double)columns;
    return ST_OK;
}

/* 90, 1:30, 0:01:30.5, 10% */
static enum status parse_time(const struct opt *row, const char *text, void *base)
{
    struct film_time *t = (struct film_time *)((char *)base + row->offset);
    const char *at = text;
    double total = 0.0, part;
    int n_parts = 0;

    *t = (struct film_time){.is_given = true};
    for (;; at++) {
        if (!number_next_decimal(&at, &part) || (n_parts > 0 && part >= 60.0) || ++n_parts > 3)
            break;
        total = 60.0 * total + part;
        if (!isfinite(total))
            break;
        if (*at == '\0' || (*at == '%' && at[1] == '\0' && n_parts == 1)) {
            t->is_percent = *at == '%';
            t->value = total;
            return t->is_percent && total > 100.0 ? FAIL(ST_USAGE, "--%s %s: at most 100%%", row->name, text) : ST_OK;
        }
        if (*at != ':')
            break;
    }
    return FAIL(ST_USAGE, "--%s %s: seconds (90), [h:]m:s (1:30) or a share (10%%) is wanted", row->name, text);
}

static void print_time(const struct opt *row, const void *base, char *text, size_t room)
{
    const struct film_time *t = (const struct film_time *)((const char *)base + row->offset);

    snprintf(text, room, !t->is_given ? "null" : t->is_percent ? "\"%.17g%%\"" : "%.17g", t->value);
}

static enum status parse_strips(const struct opt *row, const char *text, void *base)
{
    struct barcode_settings *s = base;
    bool is_taken[N_STRIPS] = {false};
    const char *at = text;
    char name[32];

    (void)row;
    for (s->n_strips = 0; *at; at += *at == ',') {
        const size_t n = strcspn(at, ",");
        int strip;
        if (n == 0 || n >= sizeof name || (at[n] == ',' && !at[n + 1]))
            return FAIL(ST_USAGE, "--strips: a list like kmeans,average is wanted, not \"%s\"", text);
        memcpy(name, at, n);
        name[n] = '\0';
        TRY(opts_choice("--strips", name, strip_names, N_STRIPS, &strip));
        if (is_taken[strip])
            return FAIL(ST_USAGE, "--strips names %s twice", name);
        is_taken[strip] = true;
        s->strip[s->n_strips++] = (enum strip)strip;
        at += n;
    }
    return s->n_strips > 0 ? ST_OK : FAIL(ST_USAGE, "--strips names no strip");
}

static void print_strips(const struct opt *row, const void *base, char *text, size_t room)
{
    const struct barcode_settings *s = base;
    size_t used = (size_t)snprintf(text, room, "[");

    (void)row;
    for (int i = 0; i < s->n_strips && used < room; i++)
        used += (size_t)snprintf(text + used, room - used, "%s\"%s\"", i ? "," : "", strip_names[s->strip[i]]);
    snprintf(text + used, room - used, "]");
}

/* In 1/256. */
static enum status parse_chroma(const struct opt *row, const char *text, void *base)
{
    double weight;

    TRY(opts_positive("--chroma", text, &weight));
    if (weight < 0.0625 || weight > 16.0)
        return FAIL(ST_USAGE, "--chroma %s: a number from 0.0625 to 16 is wanted", text);
    opts_set_number(row, base, (uint64_t)lround(256.0 * weight));
    return ST_OK;
}

static void print_chroma(const struct opt *row, const void *base, char *text, size_t room)
{
    snprintf(text, room, "%.17g", (double)opts_number(row, base) / 256.0);
}

/* In 1/100 of L*. Below 1 it is a share of white's 100. */
static enum status parse_near_black(const struct opt *row, const char *text, void *base)
{
    double lightness;

    TRY(opts_positive("--near-black", text, &lightness));
    const double n = lightness < 1.0 ? 10000.0 * lightness : 100.0 * lightness;
    if (n < 0.5 || n >= 9999.5)
        return FAIL(ST_USAGE, "--near-black %s: a lightness above 0 and below 100 is wanted", text);
    opts_set_number(row, base, (uint64_t)lround(n));
    return ST_OK;
}

/* A lightness below 1 has to be a share, to be read as it was. */
static void print_near_black(const struct opt *row, const void *base, char *text, size_t room)
{
    const double n = (double)opts_number(row, base);

    snprintf(text, room, "%.17g", n < 100.0 ? n / 10000.0 : n / 100.0);
}

static enum status parse_crop(const struct opt *row, const char *text, void *base)
{
    struct barcode_settings *s = base;
    const char *at = text;
    int32_t side[4];

    (void)row;
    s->crop = (struct frame_crop){0};
    if (strcmp(text, "auto") == 0 || strcmp(text, "none") == 0) {
        s->crop_mode = text[0] == 'a' ? CROP_AUTO : CROP_NONE;
        return ST_OK;
    }
    for (int i = 0; i < 4; i++) {
        const size_t n = strcspn(at, ":");
        char number[16];
        if (n >= sizeof number || (at[n] == ':') != (i < 3))
            goto wrong;
        memcpy(number, at, n);
        number[n] = '\0';
        if (!number_read_int32(number, 0, 65535, &side[i]))
            goto wrong;
        at += n + (i < 3);
    }
    s->crop_mode = CROP_GIVEN;
    s->crop = (struct frame_crop){side[0], side[1], side[2], side[3]};
    return ST_OK;
wrong:
    return FAIL(ST_USAGE, "--crop %s: auto, none or TOP:RIGHT:BOTTOM:LEFT in pixels is wanted", text);
}

static void print_crop(const struct opt *row, const void *base, char *text, size_t room)
{
    const struct barcode_settings *s = base;

    (void)row;
    if (s->crop_mode == CROP_GIVEN)
        snprintf(text, room, "\"%d:%d:%d:%d\"", s->crop.top, s->crop.right, s->crop.bottom, s->crop.left);
    else
        snprintf(text, room, s->crop_mode == CROP_AUTO ? "\"auto\"" : "\"none\"");
}

static struct shape *shape_at(const struct opt *row, const void *base)
{
    return (struct shape *)((char *)(uintptr_t)base + row->offset - offsetof(struct shape, smooth_ms));
}

/* 2, 1.5:cuts */
enum status barcode_parse_smooth(const struct opt *row, const char *text, void *base)
{
    struct shape *shape = shape_at(row, base);
    const size_t n = strcspn(text, ":");
    char number[32];
    double seconds;

    if (n >= sizeof number || (text[n] == ':' && strcmp(text + n, ":cuts") != 0))
        return FAIL(ST_USAGE, "--smooth %s: seconds like 2, or 2:cuts, are wanted", text);
    memcpy(number, text, n);
    number[n] = '\0';
    TRY(opts_positive("--smooth", number, &seconds));
    if (seconds < 0.001 || seconds > 3600.0)
        return FAIL(ST_USAGE, "--smooth %s: 0.001 to 3600 seconds are wanted", text);
    shape->smooth_ms = (uint32_t)lround(1000.0 * seconds);
    shape->keeps_cuts = text[n] == ':';
    return ST_OK;
}

void barcode_print_smooth(const struct opt *row, const void *base, char *text, size_t room)
{
    const struct shape *shape = shape_at(row, base);

    snprintf(text, room, "\"%.17g%s\"", shape->smooth_ms / 1000.0, shape->keeps_cuts ? ":cuts" : "");
}

static struct layout *layout_at(const struct opt *row, const void *base)
{
    return (struct layout *)((char *)(uintptr_t)base + row->offset - offsetof(struct layout, kind));
}

/* strip, circle, rows:10, rows:0.5 */
enum status barcode_parse_layout(const struct opt *row, const char *text, void *base)
{
    struct layout *layout = layout_at(row, base);
    double minutes;

    *layout = (struct layout){strcmp(text, "circle") == 0 ? LAYOUT_CIRCLE : LAYOUT_STRIP, 0};
    if (layout->kind == LAYOUT_CIRCLE || strcmp(text, "strip") == 0)
        return ST_OK;
    if (strncmp(text, "rows:", 5) != 0)
        return FAIL(ST_USAGE, "--layout %s: strip, circle or rows:MINUTES is wanted", text);
    TRY(opts_positive("--layout rows", text + 5, &minutes));
    if (minutes < 0.01 || minutes > 10000.0)
        return FAIL(ST_USAGE, "--layout %s: rows of 0.01 to 10000 minutes are wanted", text);
    *layout = (struct layout){LAYOUT_ROWS, (uint32_t)lround(60000.0 * minutes)};
    return ST_OK;
}

void barcode_print_layout(const struct opt *row, const void *base, char *text, size_t room)
{
    const struct layout *layout = layout_at(row, base);

    if (layout->kind == LAYOUT_ROWS)
        snprintf(text, room, "\"rows:%.17g\"", layout->row_ms / 60000.0);
    else
        snprintf(text, room, layout->kind == LAYOUT_CIRCLE ? "\"circle\"" : "\"strip\"");
}

/* ---- the tables ---- */

#define AT(member) OPT_AT(struct barcode_settings, member)

static const char *const unit_names[] = {
    [SAMPLE_FRAMES] = "frames", [SAMPLE_SECONDS] = "seconds", [SAMPLE_COLUMNS] = "columns"};
static const char *const sampling_names[] = {"exact", "key"}, *const scale_names[] = {"fit", "full"},
                         *const hdr_names[] = {"map", "raw"};

const struct opt barcode_sampling_rows[] = {
    {OPT_REAL, "every", 0, "24f|1s", "a column every N frames or T seconds", "24f", .parse = parse_every,
     AT(sampling.every), .key = "every"},
    {OPT_CUSTOM, "columns", 0, "W", "W columns spread over the whole range instead", .excludes = "every",
     .parse = parse_columns},
    {OPT_CHOICE, AT(sampling.unit), OPT_NAMES(unit_names), .key = "every_unit"},
    {OPT_CUSTOM, "start", 0, "T", "begin at T: seconds, [h:]m:s, or a share of the film like 10%", .parse = parse_time,
     AT(sampling.start), .key = "start", .print = print_time},
    {OPT_CUSTOM, "end", 0, "T", "end before T", .parse = parse_time, AT(sampling.end), .key = "end",
     .print = print_time},
    {OPT_CHOICE, "sampling", 0, "HOW", "the frames themselves, or the nearest key frames, which is faster", "exact",
     AT(sampling.snap_to_keys), OPT_NAMES(sampling_names), .key = "sampling"},
    {.kind = OPT_END},
};

const struct opt barcode_kmeans_rows[] = {
    {OPT_INT, "clusters", 'k', "K", "colours a column, 1 to 32", "8", AT(kmeans.k), .low = 1, .high = COMPUTE_MAX_K,
     .key = "k"},
    {OPT_INT, "n-init", 0, "N", "restarts of the clustering (default 48 to 128 by K; --plain: 20)", AT(kmeans.n_init),
     .low = 1, .high = KMEANS_MAX_RESTARTS, .key = "n_init"},
    {OPT_CHOICE, "space", 0, "NAME", "where distances between colours are measured", "srgb", AT(kmeans.space.space),
     OPT_NAMES(space_names), .key = "space", .may_lack = true},
    {OPT_CUSTOM, "chroma", 0, "W", "weight of chroma in oklab (default 2) and cielab (default 1), 0.0625 to 16",
     AT(kmeans.space.chroma), .parse = parse_chroma, .key = "chroma", .print = print_chroma, .may_lack = true},
    {OPT_CHOICE, "weight", 0, "HOW",
     "pixels count alike in the search; or more, the more chroma; or more, the fewer frames have their colour", "area",
     AT(kmeans.weights.weight), OPT_NAMES(weight_names), .key = "weight", .may_lack = true},
    {OPT_CUSTOM, "near-black", 0, "L",
     "colours below CIE lightness L, of 100, are one cluster more (below 1: as a share, 0.1 is 10)",
     AT(kmeans.weights.near_black), .parse = parse_near_black, .key = "near_black", .print = print_near_black,
     .may_lack = true},
    {OPT_FLAG, "plain", 0, NULL, "every restart over all pixels: the slow reference", AT(kmeans.plain), .key = "plain"},
    {OPT_INT, "seed", 0, "S", "of the clustering's random numbers", "0", AT(kmeans.seed), .high = INT64_MAX,
     .key = "seed"},
    {.kind = OPT_END},
};

const struct opt barcode_pixels_rows[] = {
    {OPT_FLAG, "full", 0, NULL, "cluster pictures as they are coded, whatever their size", .excludes = "scale",
     AT(scale), OPT_NAMES(scale_names), .key = "scale"},
    {OPT_PAIR, "scale", 0, "WxH", "cluster pictures fitted into this box", "480x270", AT(box_width), .low = 1,
     .high = 8192, .key = "box"},
    {OPT_CUSTOM, "crop", 0, "HOW",
     "what is cut off: auto, the film's black bars; none; TOP:RIGHT:BOTTOM:LEFT in pixels", "auto", .parse = parse_crop,
     AT(crop_mode), .key = "crop", .print = print_crop, .may_lack = true},
    {OPT_CHOICE, "hdr", 0, "HOW", "films of more light or colour than sRGB: map it into sRGB, or raw, as coded", "map",
     AT(raw_hdr), OPT_NAMES(hdr_names), .key = "hdr", .may_lack = true},
    {OPT_FLAG, "legacy", 0, NULL, "average gamma-encoded bytes, as older programs do", AT(legacy), .key = "legacy"},
    {.kind = OPT_END},
};
_Static_assert(offsetof(struct barcode_settings, box_height) ==
                   offsetof(struct barcode_settings, box_width) + sizeof(int),
               "a pair");

const struct opt barcode_picture_rows[] = {
    ROWS_DRAWING(struct barcode_settings),
    {OPT_CUSTOM, "strips", 0, "LIST",
     "each its own picture, the first is OUT.png, then OUT.average.png and so on; names with commas between them",
     "kmeans", .parse = parse_strips, OPT_NAMES(strip_names), .key = "strips", .print = print_strips},
    {.kind = OPT_END},
};

const struct opt *const barcode_settings_tables[] = {barcode_sampling_rows, barcode_kmeans_rows, barcode_pixels_rows,
                                                     barcode_picture_rows, NULL};

/* ---- side-cars ---- */

void barcode_settings_complete(struct barcode_settings *s)
{
    if (s->kmeans.n_init == 0)
        s->kmeans.n_init = kmeans_default_restarts(s->kmeans.k, s->kmeans.plain);
    if (s->kmeans.space.space == SPACE_SRGB)
        s->kmeans.space.chroma = 0;
    else if (s->kmeans.space.chroma == 0)
        s->kmeans.space.chroma = space_default_chroma(s->kmeans.space.space);
}

enum status barcode_settings_check(const struct barcode_settings *s)
{
    if (s->kmeans.weights.near_black > 0 && s->kmeans.k == COMPUTE_MAX_K)
        return FAIL(ST_USAGE, "--near-black makes one cluster more: at most %d clusters with it, not %d",
                    COMPUTE_MAX_K - 1, s->kmeans.k);
    return ST_OK;
}

char *barcode_settings_text(const struct barcode_settings *settings)
{
    enum { ROOM = 1024 };
    struct barcode_settings whole = *settings;
    char *text = mem_array(ROOM, 1), value[256];
    size_t used = 0;

    if (!text)
        return NULL;
    barcode_settings_complete(&whole);
    for (int t = 0; barcode_settings_tables[t]; t++)
        for (const struct opt *row = barcode_settings_tables[t]; row->kind != OPT_END; row++)
            if (row->key && !(row->may_lack && opts_number(row, &whole) == 0)) {
                opts_text(row, &whole, true, value, sizeof value);
                used += (size_t)snprintf(text + used, ROOM - used, "%s\"%s\":%s", used ? "," : "{", row->key, value);
            }
    snprintf(text + used, ROOM - used, "}");
    return text;
}

/* A value as an option's argument: kmeans,average of a list of texts, 480x270 of the box; heap, NULL without memory. */
static char *make_argument(const struct opt *row, const json_t *value)
{
    const char *drop = row->kind == OPT_INT ? "" : "[]\"";
    char *dump = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY), *text = NULL;
    size_t n = 0;

    if (json_is_real(value) && asprintf(&text, "%.25f", json_real_value(value)) < 0) /* never an exponent */
        text = NULL;
    if (text || !dump) {
        free(dump);
        return text;
    }
    for (const char *c = dump; *c; c++)
        if (!strchr(drop, *c))
            dump[n++] = *c == ',' && row->kind == OPT_PAIR ? 'x' : *c;
    dump[n] = '\0';
    return dump;
}

/* A list is a list, not a text that an option would take for one. */
static bool is_as_written(const struct opt *row, const json_t *value, const void *base)
{
    char text[256], *dump = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    opts_text(row, base, true, text, sizeof text);
    const bool is_same = dump && strcmp(dump, text) == 0;
    free(dump);
    return is_same;
}

static bool read_row(const struct opt *row, const json_t *value, const char *text, void *base)
{
    const double real = json_number_value(value);
    int which = json_is_true(value);

    switch (row->kind) {
    case OPT_REAL:
        memcpy((char *)base + row->offset, &real, sizeof real);
        return real > 0.0;
    case OPT_FLAG:
    case OPT_CHOICE:
        if (row->names ? opts_choice(row->key, text, row->names, row->n_names, &which) != ST_OK
                       : !json_is_boolean(value))
            return false;
        opts_set_number(row, base, (uint64_t)which);
        return true;
    default:
        if (row->print == print_time)
            return json_is_null(value) || opts_set(row, text, base) == ST_OK;
        return opts_set(row, text, base) == ST_OK && is_as_written(row, value, base);
    }
}

enum status barcode_settings_read(const char *text, const struct opt *rows, struct barcode_settings *settings)
{
    json_error_t error;
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    enum status st = ST_OK;

    if (!object)
        return FAIL(ST_USAGE, "its settings are no JSON object: %s", error.text);
    for (; st == ST_OK && rows->kind != OPT_END; rows++) {
        const json_t *value = rows->key ? json_object_get(object, rows->key) : NULL;
        char *argument = value ? make_argument(rows, value) : NULL;

        if (value && !argument)
            st = FAIL(ST_NOMEM, "out of memory for the settings");
        else if (rows->key && !value && rows->may_lack)
            opts_set_number(rows, settings, 0);
        else if (rows->key && (!value || !read_row(rows, value, argument, settings)))
            st = FAIL(ST_USAGE, "settings.%s cannot be %.100s", rows->key, value ? argument : "missing");
        free(argument);
    }
    json_decref(object);
    return st;
}

enum status barcode_settings_read_kmeans(const char *settings_text, struct kmeans_settings *kmeans)
{
    struct barcode_settings s = {0};
    const enum status st = barcode_settings_read(settings_text, barcode_kmeans_rows, &s);

    *kmeans = s.kmeans;
    return st;
}
