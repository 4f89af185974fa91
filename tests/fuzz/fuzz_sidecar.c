/* fuzz_sidecar: the reader of side-cars on arbitrary text (see fuzz.h), and what is done with a barcode that it has
 * read: it is drawn, made a summary of, written again and read again. It fails too where a message is without its
 * place, a number is out of its range, or what is written again is not what was read. */
#define FUZZ_NAME "fuzz_sidecar"
#define FUZZ_ROUNDS 8000
#include "fuzz/fuzz.h"

#include "barcode/render.h"
#include "barcode/sidecar.h"
#include "catalog/workers/film_summary.h"
#include "tests/unit/pixels.h"

#include <math.h>

static int64_t n_barcodes, n_columns, n_refused; /* in all */

static void check_column(const struct barcode *b, const struct column *c)
{
    demand(isfinite(c->time) && c->frame >= 0, "a time or frame that is none");
    demand(c->clusters.n >= 1 && c->clusters.n <= COMPUTE_MAX_K && c->clusters.inertia >= 0, "clusters that are none");
    for (int i = 0; i < c->clusters.n; i++) {
        demand(c->clusters.count[i] >= 1, "a cluster of nothing");
        demand(i == 0 || c->clusters.count[i] <= c->clusters.count[i - 1], "clusters do not fall");
        for (int j = 0; j < 3; j++)
            demand(c->clusters.centre[i][j] <= 255 * 256 && c->mean[j] <= 255 * 256, "a colour out of range");
    }
    demand((c->lines != NULL) == (b->n_lines > 0), "lines that are not counted");
}

static void check_barcode(const struct barcode *b)
{
    const struct film_info *f = &b->film;

    demand(b->n_columns >= 1 && b->settings_text && b->film_path, "something lacks");
    demand(b->clustered_width >= 1 && b->clustered_height >= 1 && b->n_lines >= 0, "a picture of no size");
    demand(f->width >= 1 && f->height >= 1 && f->rotation % 90 == 0 && f->rotation >= 0 && f->rotation < 360 &&
               f->sar_num > 0 && f->sar_den > 0 && f->time_base_num > 0 && f->time_base_den > 0,
           "a film that is none");
    demand(!b->window.is_known ||
               b->window.crop.top + b->window.crop.bottom < (f->rotation % 180 ? f->width : f->height),
           "a window of nothing");
    demand(isfinite(b->film_seconds) && b->film_frames >= 0 && f->frames_missing >= 0 && f->frames_damaged >= 0,
           "facts below 0");
    for (int64_t i = 0; i < b->n_columns; i++)
        check_column(b, &b->columns[i]);
}

static void draw(const struct barcode *b)
{
    static struct film_summary summary;

    for (int strip = 0; strip < N_STRIPS; strip++)
        for (int order = 0; order < N_ORDERS; order++) {
            uint8_t *rgb = NULL;
            struct drawing drawing = {.height = 7, .order = (enum order)order};
            if (order % 2) /* of other columns */
                drawing.shape = (struct shape){.width = 3 + (uint32_t)order, .smooth_ms = 1500, .keeps_cuts = true};
            const enum status st = render_pixels(b, (enum strip)strip, &drawing, &rgb);
            demand(st == ST_OK || (st == ST_USAGE && strip == STRIP_SQUEEZED && b->n_lines == 0), "it cannot be drawn");
            free(rgb);
        }
    film_summary_make(&summary, b);
    demand(summary.n_bins >= 1 && summary.n_bins <= SUMMARY_MAX_BINS && summary.n_bins <= b->n_columns,
           "a summary without bins");
    demand(summary.hue >= -1.0 && summary.hue <= 360.0 && summary.lightness >= 0.0 && summary.lightness < 100.1 &&
               summary.chroma >= 0.0 && summary.chroma < 1.01,
           "a summary of a colour that is none");
}

static char *text_of(const struct barcode *b, bool as_csv, size_t *n)
{
    char *text = NULL;
    FILE *file = open_memstream(&text, n);

    demand(file != NULL, "out of memory");
    demand((as_csv ? sidecar_write_csv(file, "x", b) : sidecar_write_json(file, "x", b)) == ST_OK,
           "it cannot be written");
    fclose(file);
    return text;
}

static void write_again(const struct barcode *b)
{
    struct barcode second;
    size_t n = 0, n_second = 0, n_csv = 0;
    char *text = text_of(b, false, &n);

    free(text_of(b, true, &n_csv));
    demand(sidecar_read_json(fuzz_file((const uint8_t *)text, n), &second) == ST_OK, "what is written cannot be read");
    char *text_second = text_of(&second, false, &n_second);
    demand(n == n_second && memcmp(text, text_second, n) == 0, "what is read is not what was written");
    barcode_release(&second);
    free(text_second);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file(data, size);
    struct barcode b;
    const enum status st = sidecar_read_json(path, &b);

    demand(st == ST_OK || st == ST_USAGE, "a fault of another kind than the file's");
    if (st != ST_OK) {
        n_refused++;
        demand(strstr(status_message(), path) != NULL, "a message without the path");
        demand(!b.columns && !b.settings_text, "something is left of what was refused");
        fuzz_notice_text(status_message());
        return 0;
    }
    n_barcodes++;
    n_columns += b.n_columns;
    fuzz_notice_size(1, (uint64_t)b.n_columns);
    fuzz_notice_size(2, (uint64_t)b.n_lines);
    fuzz_notice_size(3, (uint64_t)b.columns[0].clusters.n);
    check_barcode(&b);
    draw(&b);
    write_again(&b);
    barcode_release(&b);
    return 0;
}

#ifndef FUZZ_WITH_LIBFUZZER

static void add_barcode(int n, int n_clusters, int n_lines, const char *partial)
{
    static uint8_t lines[3 * 8];
    struct column column[4] = {0};
    struct barcode b = {.film_path = (char *)(uintptr_t) "a \"film\"\t\xc3\xa9.mkv",
                        .film_frames = 48,
                        .film_seconds = 2.002,
                        .film = {.bytes = 5000000000,
                                 .fingerprint = "0123456789abcdef",
                                 .container = "matroska,webm",
                                 .codec = "h264",
                                 .width = 1920,
                                 .height = 1080,
                                 .rotation = 90,
                                 .sar_num = 64,
                                 .sar_den = 45,
                                 .time_base_num = 1,
                                 .time_base_den = 90000,
                                 .pixel_format = "yuv420p",
                                 .matrix = "bt709",
                                 .range = "limited",
                                 .n_lead_in = n,
                                 .frames_missing = partial ? 3 : 0},
                        .window = {.is_known = partial,
                                   .crop = {100, 0, 120, 8},
                                   .aspect = "2.35",
                                   .n_frames = 64,
                                   .tone = {TONE_PQ, TONE_BT2020, 1000}},
                        .settings_text = (char *)(uintptr_t) "{\"k\":8,\"every\":\"24f\"}",
                        .clustered_width = 480,
                        .clustered_height = 270,
                        .n_columns = n,
                        .columns = column,
                        .n_lines = n_lines};
    size_t bytes = 0;

    snprintf(b.film.incomplete, sizeof b.film.incomplete, "%s", partial ? partial : "");
    for (int i = 0; i < n; i++) {
        struct column *c = &column[i];
        *c = (struct column){.frame = 24 * i, .pts = 1001 * i - 5, .time = 1.001 * i, .mean = {65280, 1, 12345}};
        c->clusters.n = n_clusters;
        c->clusters.inertia = 123456789 * (int64_t)i;
        for (int k = 0; k < n_clusters; k++) {
            c->clusters.count[k] = (uint32_t)(1000 - 10 * k);
            for (int j = 0; j < 3; j++)
                c->clusters.centre[k][j] = (uint16_t)(20000 * (k + j) % 65281);
        }
        c->lines = n_lines > 0 ? lines : NULL;
    }
    char *text = text_of(&b, false, &bytes);
    add_seed(text, bytes);
    free(text);
}

static void add_samples(void)
{
    add_barcode(1, 1, 0, NULL);
    add_barcode(2, 3, 0, NULL);
    add_barcode(4, 8, 8, NULL);
    add_barcode(3, 2, 2, "it ends early");
}

static size_t mutate(uint8_t *bytes, size_t n)
{
    static const char *const piece[] = {"\"",
                                        "\\",
                                        "\\u0000",
                                        "\\ud800",
                                        "{",
                                        "}",
                                        "[",
                                        "]",
                                        ",",
                                        ":",
                                        "null",
                                        "true",
                                        "-1",
                                        "1e308",
                                        "-1e308",
                                        "1e999",
                                        "0.5",
                                        "0",
                                        "1",
                                        "255",
                                        "256",
                                        "4294967295",
                                        "9223372036854775807",
                                        "-9223372036854775808",
                                        "140737488355328",
                                        "99999999999999999999",
                                        "\n",
                                        "\xff",
                                        "\"partial\":\"\",",
                                        "\"lines\":\"000000\",",
                                        "\"0/0\"",
                                        "\"2147483648:1\"",
                                        "\"version\":1,",
                                        "\"columns\":[],",
                                        "[[[[[[[[",
                                        "{\"a\":{\"a\":"};

    return fuzz_mutate_text(bytes, n, piece, sizeof piece / sizeof *piece);
}

static void tell(void)
{
    demand(n_barcodes > 0 && n_refused > 0, "a way was never taken");
    printf(FUZZ_NAME ": %lld barcodes of %lld columns, %lld refused\n", (long long)n_barcodes, (long long)n_columns,
           (long long)n_refused);
}

#endif
