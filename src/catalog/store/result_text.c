/* result_text: the members are those of struct film_result, by a table that both directions share. The summary is one
 * text: base64 (RFC 4648, section 4) of, low bytes first, n_bins (u16), hue, lightness and chroma (IEEE 754 doubles),
 * and 24 bytes a bin: time_ms (u32), then the colours as in struct summary_bin (5 x r, g, b), then their shares (5).
 * That is 26 to 3866 bytes; what follows the bins is refused. */
#include "catalog/store/result_text.h"

#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
    COLOUR_BYTES = 3 * SUMMARY_COLOURS,
    BIN_BYTES = 4 + COLOUR_BYTES + SUMMARY_COLOURS,
    HEAD_BYTES = 2 + 3 * 8,
    SUMMARY_BYTES = HEAD_BYTES + SUMMARY_MAX_BINS * BIN_BYTES
};

static const struct field fields[] = {
#define RESULT(kind, member) FIELD(#member, kind, film_result, member)
    RESULT(FIELD_INT64, bytes),
    RESULT(FIELD_INT64, mtime_ns),
    RESULT(FIELD_TEXT, fingerprint),
    RESULT(FIELD_TEXT, container),
    RESULT(FIELD_TEXT, codec),
    RESULT(FIELD_TEXT, pixel_format),
    RESULT(FIELD_INT, width),
    RESULT(FIELD_INT, height),
    RESULT(FIELD_OPTIONAL, aspect), /* since --crop */
    RESULT(FIELD_INT64, frames),
    RESULT(FIELD_DOUBLE, film_seconds),
    RESULT(FIELD_INT64, frames_missing),
    RESULT(FIELD_INT64, frames_damaged),
    RESULT(FIELD_INT64, frames_lead_in),
    RESULT(FIELD_TEXT, note),
    RESULT(FIELD_TEXT, settings_id),
    RESULT(FIELD_INT64, columns),
    RESULT(FIELD_DOUBLE, seconds),
    RESULT(FIELD_DOUBLE, index_seconds),
    FIELD("weave_seconds", FIELD_DOUBLE, film_result, extract_seconds),
    RESULT(FIELD_DOUBLE, write_seconds),
    RESULT(FIELD_INT64, frames_decoded),
    RESULT(FIELD_INT64, cpu_decoders),
    RESULT(FIELD_INT64, nvdec_decoders),
    RESULT(FIELD_INT, n_pieces),
    RESULT(FIELD_TEXT, notes),
#undef RESULT
};

static const struct field output_fields[] = {FIELD("suffix", FIELD_TEXT, film_output, suffix),
                                             FIELD("bytes", FIELD_INT64, film_output, bytes),
                                             FIELD("sha256", FIELD_TEXT, film_output, sha256)};

enum { N_FIELDS = sizeof fields / sizeof *fields, N_OUTPUT_FIELDS = sizeof output_fields / sizeof *output_fields };

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

void result_print(FILE *file, const struct film_result *r)
{
    for (int i = 0; i < N_FIELDS; i++)
        field_print(file, &fields[i], r);
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

static bool read_output(const json_t *object, struct film_output *output)
{
    for (int i = 0; i < N_OUTPUT_FIELDS; i++)
        if (!field_read(object, &output_fields[i], output, NULL))
            return false;
    return !strchr(output->suffix, '/');
}

bool result_read(const json_t *object, const char *summary, size_t summary_length, struct film_result *r)
{
    const json_t *outputs = json_object_get(object, "outputs");

    memset(r, 0, sizeof *r);
    for (int i = 0; i < N_FIELDS; i++)
        if (!field_read(object, &fields[i], r, NULL))
            return false;
    if (!json_is_array(outputs) || json_array_size(outputs) > MAX_OUTPUTS)
        return false;
    for (size_t i = 0; i < json_array_size(outputs); i++)
        if (!read_output(json_array_get(outputs, i), &r->output[i]))
            return false;
    r->n_outputs = (int)json_array_size(outputs);
    return read_summary(summary, summary_length, &r->summary);
}
