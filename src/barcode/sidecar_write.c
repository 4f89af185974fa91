/* sidecar_write: a barcode as JSON and as CSV. Prints directly: one column a line, every number in as many digits as it
 * has. Refuses times that are no numbers. */
#include "barcode/sidecar.h"

#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

static void print_member(FILE *file, const char *key, const char *text)
{
    fprintf(file, ",\"%s\":", key);
    json_print_string(file, text);
}

/* v / 256 exactly: eight decimals at most. */
static void print_level(FILE *file, uint32_t v)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%" PRIu32 ".%08" PRIu32, v / 256, v % 256 * 390625);

    while (text[length - 1] == '0')
        length--;
    if (text[length - 1] == '.')
        length--;
    fprintf(file, "%.*s", length, text);
}

static void print_levels(FILE *file, uint32_t r, uint32_t g, uint32_t b, const char *between)
{
    print_level(file, r);
    fputs(between, file);
    print_level(file, g);
    fputs(between, file);
    print_level(file, b);
}

static void print_film(FILE *file, const struct barcode *b)
{
    const struct film_info *f = &b->film;

    fputs("\"film\":{\"path\":", file);
    json_print_string(file, b->film_path ? b->film_path : "");
    fprintf(file, ",\"bytes\":%" PRId64, f->bytes);
    print_member(file, "fingerprint", f->fingerprint);
    print_member(file, "container", f->container);
    print_member(file, "codec", f->codec);
    fprintf(file, ",\"width\":%d,\"height\":%d,\"rotation\":%d", f->width, f->height, f->rotation);
    fprintf(file, ",\"sar\":\"%d:%d\"", f->sar_num, f->sar_den);
    print_member(file, "pixel_format", f->pixel_format);
    print_member(file, "matrix", f->matrix);
    print_member(file, "range", f->range);
    fprintf(file, ",\"frames\":%" PRId64 ",\"seconds\":", b->film_frames);
    json_print_double(file, b->film_seconds);
    fprintf(file, ",\"time_base\":\"%d/%d\"", f->time_base_num, f->time_base_den);
    if (f->n_lead_in > 0)
        fprintf(file, ",\"frames_lead_in\":%" PRId64, f->n_lead_in);
    if (f->frames_missing > 0)
        fprintf(file, ",\"frames_missing\":%" PRId64, f->frames_missing);
    if (f->frames_damaged > 0)
        fprintf(file, ",\"frames_damaged\":%" PRId64, f->frames_damaged);
    if (f->incomplete[0])
        print_member(file, "partial", f->incomplete);
    if (f->note[0])
        print_member(file, "note", f->note);
    fputs("}", file);
}

static void print_window(FILE *file, const struct window *w)
{
    fprintf(file, "\"look\":{\"crop\":[%d,%d,%d,%d]", w->crop.top, w->crop.right, w->crop.bottom, w->crop.left);
    print_member(file, "aspect", w->aspect);
    fprintf(file, ",\"frames\":%d", w->n_frames);
    if (tone_is_needed(&w->tone)) {
        fprintf(file, ",\"hdr\":{\"transfer\":\"%s\",\"primaries\":\"%s\"", tone_transfer_names[w->tone.transfer],
                tone_primaries_names[w->tone.primaries]);
        if (w->tone.transfer == TONE_PQ)
            fprintf(file, ",\"peak\":%d", w->tone.peak);
        fputs("}", file);
    }
    fputs("},\n", file);
}

/* A digit of base 32 a cell. */
static void print_rarity(FILE *file, const uint8_t *rarity)
{
    fputs("\"rarity\":\"", file);
    for (int cell = 0; cell < WEIGHTS_CELLS; cell++)
        fputc("0123456789abcdefghijklmnopqrstuv"[rarity[cell] & 31], file);
    fputs("\",\n", file);
}

static void print_column(FILE *file, const struct column *c, int n_lines, bool is_in_space)
{
    static const char hex[] = "0123456789abcdef";

    fprintf(file, "{\"frame\":%" PRId64 ",\"pts\":%" PRId64 ",\"time\":", c->frame, c->pts);
    json_print_double(file, c->time);
    fputs(",\"clusters\":[", file);
    for (int i = 0; i < c->clusters.n; i++) {
        const uint16_t *centre = c->clusters.centre[i];
        fputs(i > 0 ? ",{\"rgb\":[" : "{\"rgb\":[", file);
        print_levels(file, centre[0], centre[1], centre[2], ",");
        if (is_in_space) {
            fputs("],\"native\":[", file);
            print_levels(file, c->native[i][0], c->native[i][1], c->native[i][2], ",");
        }
        fprintf(file, "],\"count\":%" PRIu32 "}", c->clusters.count[i]);
    }
    fputs("],\"mean\":[", file);
    print_levels(file, c->mean[0], c->mean[1], c->mean[2], ",");
    fputs("],\"inertia\":", file);
    json_print_double(file, (double)c->clusters.inertia / SIDECAR_INERTIA_ONE);
    if (n_lines > 0) {
        fputs(",\"lines\":\"", file);
        for (size_t i = 0; i < (size_t)n_lines * 3; i++) {
            fputc(hex[c->lines[i] >> 4], file);
            fputc(hex[c->lines[i] & 15], file);
        }
        fputs("\"", file);
    }
    fputs("}", file);
}

/* Ends at the first failed write. */
static bool print_json(FILE *file, const struct barcode *b)
{
    fprintf(file, "{\"format\":\"%s\",\"version\":%d,\n", SIDECAR_FORMAT, SIDECAR_VERSION);
    print_film(file, b);
    fprintf(file, ",\n\"settings\":%s,\n", b->settings_text ? b->settings_text : "{}");
    if (b->window.is_known)
        print_window(file, &b->window);
    if (b->rarity)
        print_rarity(file, b->rarity);
    fprintf(file, "\"picture\":{\"width\":%d,\"height\":%d,\"legacy\":%s,\"lines\":%d},\n", b->clustered_width,
            b->clustered_height, b->legacy ? "true" : "false", b->n_lines);
    fputs("\"columns\":[", file);
    for (int64_t i = 0; i < b->n_columns && !ferror(file); i++) {
        fputs(i > 0 ? ",\n" : "\n", file);
        print_column(file, &b->columns[i], b->n_lines, b->space.space != SPACE_SRGB);
    }
    fputs("\n]}\n", file);
    return !ferror(file);
}

static void print_csv_rows(FILE *file, int64_t number, const struct column *c)
{
    uint64_t total = 0;

    for (int i = 0; i < c->clusters.n; i++)
        total += c->clusters.count[i];
    for (int i = 0; i < c->clusters.n; i++) {
        const uint16_t *centre = c->clusters.centre[i];
        const uint64_t count = c->clusters.count[i];
        const uint64_t share = (2 * count * 1000000000 + total) / (2 * total); /* rounded, in 1e-9 */
        fprintf(file, "%" PRId64 ",%" PRId64 ",", number, c->frame);
        json_print_double(file, c->time);
        fprintf(file, ",%d,", i);
        print_levels(file, centre[0], centre[1], centre[2], ",");
        fprintf(file, ",%" PRIu64 ",%" PRIu64 ".%09" PRIu64 "\n", count, share / 1000000000, share % 1000000000);
    }
}

static bool print_csv(FILE *file, const struct barcode *b)
{
    fputs("column,frame,time,cluster,r,g,b,count,share\n", file);
    for (int64_t i = 0; i < b->n_columns && !ferror(file); i++)
        print_csv_rows(file, i, &b->columns[i]);
    return !ferror(file);
}

/* JSON has no text for a number that is none. */
static enum status check_times(const struct barcode *b)
{
    if (!isfinite(b->film_seconds))
        return FAIL(ST_BUG, "the film's length is not a number");
    for (int64_t i = 0; i < b->n_columns; i++)
        if (!isfinite(b->columns[i].time))
            return FAIL(ST_BUG, "the time of column %" PRId64 " is not a number", i);
    return ST_OK;
}

static enum status write_with(bool (*print)(FILE *, const struct barcode *), FILE *file, const char *path,
                              const struct barcode *b)
{
    TRY(check_times(b));
    errno = 0;
    if (!print(file, b) || fflush(file) != 0)
        return FAIL(ST_IO, "cannot write %s: %s", path, errno ? strerror(errno) : "an earlier write failed");
    return ST_OK;
}

enum status sidecar_write_json(FILE *file, const char *path, const struct barcode *b)
{
    return write_with(print_json, file, path, b);
}

enum status sidecar_write_csv(FILE *file, const char *path, const struct barcode *b)
{
    return write_with(print_csv, file, path, b);
}
