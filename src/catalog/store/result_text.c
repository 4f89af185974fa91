/* result_text: the members are those of struct film_result, by a table that both directions share. The summary is one
 * text: base64 (RFC 4648, section 4) of offset 0   u16     n_bins 2   f64 x 3 hue, lightness, chroma (IEEE 754) 26   24
 * bytes a bin: u32 time_ms, then colour as in struct summary_bin (5 x r, g, b), then share (5) all low byte first: 26
 * to 3866 bytes. What follows the bins is refused. */
#include "catalog/store/result_text.h"

#include "base/json.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

enum {
    COLOUR_BYTES = 3 * SUMMARY_COLOURS,
    BIN_BYTES = 4 + COLOUR_BYTES + SUMMARY_COLOURS,
    HEAD_BYTES = 2 + 3 * 8,
    SUMMARY_BYTES = HEAD_BYTES + SUMMARY_MAX_BINS * BIN_BYTES
};

static const struct field {
    const char *key;
    enum { FIELD_INT, FIELD_INT64, FIELD_DOUBLE, FIELD_TEXT } kind;
    size_t at, bytes;
} fields[] = {
#define FIELD_AS(key, kind, member)                                                                                    \
    {                                                                                                                  \
        key, kind, offsetof(struct film_result, member), sizeof(((struct film_result *)0)->member)                     \
    }
#define FIELD(kind, member) FIELD_AS(#member, kind, member)
    FIELD(FIELD_INT64, bytes),
    FIELD(FIELD_INT64, mtime_ns),
    FIELD(FIELD_TEXT, fingerprint),
    FIELD(FIELD_TEXT, container),
    FIELD(FIELD_TEXT, codec),
    FIELD(FIELD_TEXT, pixel_format),
    FIELD(FIELD_INT, width),
    FIELD(FIELD_INT, height),
    FIELD(FIELD_INT64, frames),
    FIELD(FIELD_DOUBLE, film_seconds),
    FIELD(FIELD_INT64, frames_missing),
    FIELD(FIELD_INT64, frames_damaged),
    FIELD(FIELD_INT64, frames_lead_in),
    FIELD(FIELD_TEXT, note),
    FIELD(FIELD_TEXT, settings_id),
    FIELD(FIELD_INT64, columns),
    FIELD(FIELD_DOUBLE, seconds),
    FIELD(FIELD_DOUBLE, index_seconds),
    FIELD_AS("weave_seconds", FIELD_DOUBLE, extract_seconds),
    FIELD(FIELD_DOUBLE, write_seconds),
    FIELD(FIELD_INT64, frames_decoded),
    FIELD(FIELD_INT64, cpu_decoders),
    FIELD(FIELD_INT64, nvdec_decoders),
    FIELD(FIELD_INT, n_pieces),
    FIELD(FIELD_TEXT, notes),
#undef FIELD
#undef FIELD_AS
};

enum { N_FIELDS = sizeof fields / sizeof *fields };

/* --- the summary -------------------------------------------------------------------------------------------------- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static uint8_t *put_number(uint8_t *at, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *at++ = (uint8_t)(v >> 8 * i);
    return at;
}

static uint8_t *put_double(uint8_t *at, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof bits);
    return put_number(at, bits, 8);
}

static uint64_t get_number(const uint8_t *at, int bytes)
{
    uint64_t v = 0;

    for (int i = bytes; i-- > 0;)
        v = v << 8 | at[i];
    return v;
}

static double get_double(const uint8_t *at)
{
    const uint64_t bits = get_number(at, 8);
    double v;

    memcpy(&v, &bits, sizeof v);
    return v;
}

static uint8_t *put_bins(uint8_t *at, const struct film_summary *summary)
{
    for (int i = 0; i < summary->n_bins && i < SUMMARY_MAX_BINS; i++) {
        const struct summary_bin *bin = &summary->bin[i];
        at = put_number(at, bin->time_ms, 4);
        memcpy(at, bin->colour, COLOUR_BYTES);
        memcpy(at + COLOUR_BYTES, bin->share, SUMMARY_COLOURS);
        at += COLOUR_BYTES + SUMMARY_COLOURS;
    }
    return at;
}

void result_print_base64(FILE *file, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i += 3) {
        const unsigned b = i + 1 < n ? bytes[i + 1] : 0, c = i + 2 < n ? bytes[i + 2] : 0;
        const unsigned all = (unsigned)bytes[i] << 16 | b << 8 | c;
        fputc(digits[all >> 18], file);
        fputc(digits[all >> 12 & 63], file);
        fputc(i + 1 < n ? digits[all >> 6 & 63] : '=', file);
        fputc(i + 2 < n ? digits[all & 63] : '=', file);
    }
}

void result_print_bins(FILE *file, const struct film_summary *summary)
{
    uint8_t bytes[SUMMARY_BYTES];

    result_print_base64(file, bytes, (size_t)(put_bins(bytes, summary) - bytes));
}

static void print_summary(FILE *file, const struct film_summary *summary)
{
    const int n_bins = summary->n_bins < 0 || summary->n_bins > SUMMARY_MAX_BINS ? 0 : summary->n_bins;
    uint8_t bytes[SUMMARY_BYTES], *at = bytes;

    at = put_number(at, (uint64_t)n_bins, 2);
    at = put_double(at, isfinite(summary->hue) ? summary->hue : -1.0);
    at = put_double(at, isfinite(summary->lightness) ? summary->lightness : 0.0);
    at = put_double(at, isfinite(summary->chroma) ? summary->chroma : 0.0);
    if (n_bins > 0)
        at = put_bins(at, summary);
    fputs(",\"card\":\"", file);
    result_print_base64(file, bytes, (size_t)(at - bytes));
    fputc('"', file);
}

/* The number of bytes; SIZE_MAX where text is no base64 or has more than `most`. */
static size_t read_base64(const char *text, size_t length, uint8_t *bytes, size_t most)
{
    static int8_t value[256]; /* + 1; 0: no digit */
    size_t n = 0;

    if (value['A'] == 0)
        for (int i = 0; i < 64; i++)
            value[(unsigned char)digits[i]] = (int8_t)(i + 1);
    if (length == 0 || length % 4 != 0)
        return SIZE_MAX;
    const size_t padding = text[length - 1] != '=' ? 0 : text[length - 2] != '=' ? 1 : 2;
    if (length / 4 * 3 - padding > most)
        return SIZE_MAX;
    for (size_t i = 0; i < length; i += 4) {
        const size_t pad = i + 4 == length ? padding : 0;
        uint32_t all = 0;
        for (size_t j = 0; j < 4; j++) {
            const int v = value[(unsigned char)text[i + j]] - 1;
            if (v < 0 && j < 4 - pad)
                return SIZE_MAX;
            all = all << 6 | (uint32_t)(v < 0 ? 0 : v);
        }
        for (size_t j = 0; j < 3 - pad; j++)
            bytes[n++] = (uint8_t)(all >> (16 - 8 * j));
    }
    return n;
}

static bool read_summary(const char *text, size_t length, struct film_summary *summary)
{
    uint8_t bytes[SUMMARY_BYTES];
    const size_t n = read_base64(text, length, bytes, sizeof bytes);

    if (n == SIZE_MAX || n < HEAD_BYTES)
        return false;
    const size_t n_bins = (size_t)get_number(bytes, 2);
    if (n != HEAD_BYTES + n_bins * BIN_BYTES)
        return false;
    summary->n_bins = (int)n_bins;
    summary->hue = get_double(bytes + 2);
    summary->lightness = get_double(bytes + 10);
    summary->chroma = get_double(bytes + 18);
    for (size_t i = 0; i < n_bins; i++) {
        const uint8_t *at = bytes + HEAD_BYTES + i * BIN_BYTES;
        summary->bin[i].time_ms = (uint32_t)get_number(at, 4);
        memcpy(summary->bin[i].colour, at + 4, COLOUR_BYTES);
        memcpy(summary->bin[i].share, at + 4 + COLOUR_BYTES, SUMMARY_COLOURS);
    }
    return isfinite(summary->hue) && isfinite(summary->lightness) && isfinite(summary->chroma);
}

/* --- there -------------------------------------------------------------------------------------------------------- */

static void print_field(FILE *file, const struct field *f, const struct film_result *r)
{
    const char *at = (const char *)r + f->at;

    fprintf(file, ",\"%s\":", f->key);
    switch (f->kind) {
    case FIELD_INT:
        fprintf(file, "%d", *(const int *)(const void *)at);
        break;
    case FIELD_INT64:
        fprintf(file, "%" PRId64, *(const int64_t *)(const void *)at);
        break;
    case FIELD_DOUBLE:
        json_print_double(file, *(const double *)(const void *)at);
        break;
    case FIELD_TEXT:
        json_print_string(file, at);
        break;
    }
}

void result_print(FILE *file, const struct film_result *r)
{
    for (int i = 0; i < N_FIELDS; i++)
        print_field(file, &fields[i], r);
    fputs(",\"outputs\":[", file);
    for (int i = 0; i < r->n_outputs && i < MAX_OUTPUTS; i++) {
        fputs(i > 0 ? ",{\"suffix\":" : "{\"suffix\":", file);
        json_print_string(file, r->output[i].suffix);
        fprintf(file, ",\"bytes\":%" PRId64 ",\"sha256\":", r->output[i].bytes);
        json_print_string(file, r->output[i].sha256);
        fputc('}', file);
    }
    fputc(']', file);
    print_summary(file, &r->summary);
}

/* --- and back ----------------------------------------------------------------------------------------------------- */

bool result_read_text(const json_t *object, const char *key, char *text, size_t bytes)
{
    const json_t *member = json_object_get(object, key);

    if (!json_is_string(member))
        return false;
    size_t n = json_string_length(member);
    if (n >= bytes)
        for (n = bytes - 1; n > 0 && (json_string_value(member)[n] & 0xc0) == 0x80;)
            n--;
    memcpy(text, json_string_value(member), n);
    text[n] = '\0';
    return true;
}

bool result_read_double(const json_t *object, const char *key, double none, double *v)
{
    const json_t *member = json_object_get(object, key);

    *v = json_is_number(member) ? json_number_value(member) : none;
    return json_is_number(member) || json_is_null(member);
}

bool result_read_integer(const json_t *object, const char *key, int64_t *v)
{
    const json_t *member = json_object_get(object, key);

    *v = json_integer_value(member);
    return json_is_integer(member);
}

static bool read_field(const json_t *object, const struct field *f, struct film_result *r)
{
    char *at = (char *)r + f->at;
    int64_t wide;

    switch (f->kind) {
    case FIELD_INT:
        if (!result_read_integer(object, f->key, &wide) || wide < INT_MIN || wide > INT_MAX)
            return false;
        *(int *)(void *)at = (int)wide;
        return true;
    case FIELD_INT64:
        return result_read_integer(object, f->key, (int64_t *)(void *)at);
    case FIELD_DOUBLE:
        return result_read_double(object, f->key, 0.0, (double *)(void *)at);
    case FIELD_TEXT:
        return result_read_text(object, f->key, at, f->bytes);
    }
    return false;
}

static bool read_output(const json_t *object, struct film_output *output)
{
    return result_read_text(object, "suffix", output->suffix, sizeof output->suffix) && !strchr(output->suffix, '/') &&
           result_read_integer(object, "bytes", &output->bytes) &&
           result_read_text(object, "sha256", output->sha256, sizeof output->sha256);
}

bool result_read(const json_t *object, const char *summary, size_t summary_length, struct film_result *r)
{
    const json_t *outputs = json_object_get(object, "outputs");

    memset(r, 0, sizeof *r);
    for (int i = 0; i < N_FIELDS; i++)
        if (!read_field(object, &fields[i], r))
            return false;
    if (!json_is_array(outputs) || json_array_size(outputs) > MAX_OUTPUTS)
        return false;
    for (size_t i = 0; i < json_array_size(outputs); i++)
        if (!read_output(json_array_get(outputs, i), &r->output[i]))
            return false;
    r->n_outputs = (int)json_array_size(outputs);
    return read_summary(summary, summary_length, &r->summary);
}
