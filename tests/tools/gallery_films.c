/* gallery_films: a catalogue that nobody wove: made-up films with their cards and pictures, and the page over them, for
 * the tests of the gallery. The same arguments make the same files.
 *
 * usage: gallery_films FOLDER N     N films with full cards, and pictures (16 of them, by links, under all names)
 *        gallery_films FOLDER odd   a film with known columns, names that want to be dangerous, films that failed */
#include "barcode/render.h"
#include "base/mem.h"
#include "catalog/show/gallery.h"
#include "catalog/workers/film_summary.h"
#include "image/png.h"
#include "tests/unit/pixels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { N_PICTURES = 16, HEIGHT = 480 };

static void fail(const char *what)
{
    fprintf(stderr, "gallery_films: %s: %s\n", what, status_message());
    exit(1);
}

static uint64_t random_state;

static double chance(void) /* 0 to 1; SplitMix64 */
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

/* ---- columns ----------------------------------------------------------------------------------------------------- */

/* Column i of the film that is called Ruler: what the tests look for. */
static void rule_column(struct column *c, int64_t i)
{
    const uint16_t step = (uint16_t)(i / 4 * COMPUTE_CENTRE_ONE); /* 0 to 249 levels over 1000 columns */
    const uint16_t centre[3][3] = {
        {step, (uint16_t)(255 * COMPUTE_CENTRE_ONE - step), 40 * COMPUTE_CENTRE_ONE},
        {10 * COMPUTE_CENTRE_ONE, step, 200 * COMPUTE_CENTRE_ONE},
        {255 * COMPUTE_CENTRE_ONE, 255 * COMPUTE_CENTRE_ONE, 255 * COMPUTE_CENTRE_ONE},
    };

    *c = (struct column){.frame = 24 * i, .time = 1.001 * (double)i};
    c->clusters.n = 3;
    memcpy(c->clusters.centre, centre, sizeof centre);
    c->clusters.count[0] = 600;
    c->clusters.count[1] = 300;
    c->clusters.count[2] = 100;
    memcpy(c->mean, (uint32_t[]){step, 128 * 256, 90 * 256}, sizeof c->mean);
}

struct look { /* of a scene */
    double hue, saturation, value;
};

static void paint(uint16_t centre[3], double hue, double saturation, double value)
{
    for (int i = 0; i < 3; i++) {
        const double k = fmod(5.0 - 2.0 * i + hue / 60.0, 6.0);
        const double level = value * (1.0 - saturation * fmax(0.0, fmin(fmin(k, 4.0 - k), 1.0)));
        centre[i] = (uint16_t)(level * 65280.0);
    }
}

/* Scenes of a film: a few colours around one hue, their shares slowly moving. */
static void extract(struct barcode *b, double seconds_per_column, bool is_grey)
{
    const double film_hue = 360.0 * chance(), film_value = 0.25 + 0.6 * chance(),
                 colourful = is_grey ? 0.0 : 0.15 + 0.65 * chance();
    struct look look[5] = {{0}};
    double share[5] = {0.5, 0.2, 0.15, 0.1, 0.05};
    int64_t scene_end = 0;

    for (int64_t i = 0; i < b->n_columns; i++) {
        struct column *c = &b->columns[i];
        double total[3] = {0.0};
        if (i == scene_end) {
            const double hue = film_hue + (chance() < 0.25 ? 180.0 : 0.0) + 90.0 * (chance() - 0.5);
            const double value = film_value * (0.35 + 0.85 * chance());
            scene_end += 2 + (int64_t)(pow(chance(), 3.0) * (double)b->n_columns / 15.0);
            for (int j = 0; j < 5; j++)
                look[j] = (struct look){fmod(hue + 60.0 * (chance() - 0.5) + 360.0, 360.0),
                                        fmin(1.0, colourful * (0.4 + chance())), fmin(1.0, value * (0.2 + 0.4 * j))};
        }
        *c = (struct column){.frame = 24 * i, .time = seconds_per_column * (double)i};
        c->clusters.n = 5;
        for (int j = 0; j < 5; j++) {
            share[j] = fmin(0.8, fmax(0.03, share[j] + 0.04 * (chance() - 0.5)));
            paint(c->clusters.centre[j], look[j].hue, look[j].saturation,
                  fmin(1.0, look[j].value * (0.95 + 0.1 * chance())));
            c->clusters.count[j] = (uint32_t)(share[j] * 100000.0);
        }
        for (int j = 0; j < 5; j++) /* largest first, as the compute step leaves them */
            for (int k = j; k > 0 && c->clusters.count[k] > c->clusters.count[k - 1]; k--) {
                const uint32_t count = c->clusters.count[k];
                uint16_t centre[3];
                memcpy(centre, c->clusters.centre[k], sizeof centre);
                memcpy(c->clusters.centre[k], c->clusters.centre[k - 1], sizeof centre);
                memcpy(c->clusters.centre[k - 1], centre, sizeof centre);
                c->clusters.count[k] = c->clusters.count[k - 1];
                c->clusters.count[k - 1] = count;
            }
        for (int j = 0; j < 5; j++)
            for (int k = 0; k < 3; k++)
                total[k] += (double)c->clusters.centre[j][k] * c->clusters.count[j];
        for (int k = 0; k < 3; k++)
            c->mean[k] = (uint32_t)(total[k] / (c->clusters.count[0] + c->clusters.count[1] + c->clusters.count[2] +
                                                c->clusters.count[3] + c->clusters.count[4]));
    }
}

/* ---- films ------------------------------------------------------------------------------------------------------- */

static void write_strip(const char *path, const struct barcode *b, enum strip strip)
{
    FILE *file = fopen(path, "wb");
    uint8_t *rgb = NULL;

    if (!file || render_pixels(b, strip, &(struct drawing){.height = HEIGHT}, &rgb) != ST_OK ||
        png_write_rgb(file, path, rgb, (uint32_t)b->n_columns, HEIGHT) != ST_OK || fclose(file) != 0)
        fail(path);
    free(rgb);
}

static char *copy(const char *text)
{
    char *result = strdup(text);

    if (!result)
        fail("out of memory");
    return result;
}

/* Names it; the outputs are called after the file, as far as a file system allows. */
static void name_film(struct history_film *film, const char *folder, const char *file)
{
    char path[1024], name[300];
    const char *dot = strrchr(file, '.');

    snprintf(path, sizeof path, "%s/%s", folder, file);
    snprintf(name, sizeof name, "%.*s", dot ? (int)(dot - file) : (int)strlen(file), file);
    for (char *c = name; *c; c++)
        if (*c == '/' || *c == '\\')
            *c = '_';
    film->path = copy(path);
    film->name = copy(name);
}

static void fill_result(struct history_film *film, const struct barcode *b, double seconds, int n_strips)
{
    static const char *const codecs[] = {"h264", "hevc", "av1", "mpeg2video", "vp9"};
    static const char *const suffix[] = {".barcode.png", ".barcode.average.png", ".json"};
    struct film_result *r = film->result = mem_array(1, sizeof *r);

    if (!r)
        fail("out of memory");
    film->state = STATE_DONE;
    r->film_seconds = seconds;
    r->columns = b->n_columns;
    r->frames = (int64_t)(seconds * 24.0);
    r->frames_decoded = r->frames;
    r->seconds = seconds / 40.0;
    r->bytes = (int64_t)(seconds * (2e5 + 8e5 * chance()));
    snprintf(r->codec, sizeof r->codec, "%s", codecs[(int)(chance() * 5)]);
    snprintf(r->container, sizeof r->container, "matroska,webm");
    snprintf(r->pixel_format, sizeof r->pixel_format, "yuv420p");
    r->width = 1920;
    r->height = 1080;
    for (int i = 0; i < 3; i++)
        if (i < n_strips || i == 2) {
            struct film_output *o = &r->output[r->n_outputs++];
            snprintf(o->suffix, sizeof o->suffix, "%s", suffix[i]);
            o->bytes = i == 2 ? 2500 * b->n_columns : 180 * b->n_columns;
        }
    film_summary_make(&r->summary, b);
}

static void open_barcode(struct barcode *b, int64_t n_columns)
{
    *b = (struct barcode){.n_columns = n_columns, .columns = mem_array((size_t)n_columns, sizeof *b->columns)};
    if (!b->columns)
        fail("out of memory");
}

/* A film with pictures of its own. */
static void make_film(const char *out, struct history_film *film, const char *file, const struct barcode *b,
                      double seconds)
{
    char path[2048];

    name_film(film, "/films/odd", file);
    fill_result(film, b, seconds, 2);
    snprintf(path, sizeof path, "%s/%s.barcode.png", out, film->name);
    write_strip(path, b, STRIP_KMEANS);
    snprintf(path, sizeof path, "%s/%s.barcode.average.png", out, film->name);
    write_strip(path, b, STRIP_AVERAGE);
    snprintf(path, sizeof path, "%s/%s.json", out, film->name);
    FILE *file_ = fopen(path, "w");
    if (!file_ || fputs("{}\n", file_) < 0 || fclose(file_) != 0)
        fail(path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct history_film *)a)->name, ((const struct history_film *)b)->name);
}

static void finish(const char *out, struct history *h)
{
    qsort(h->film, (size_t)h->n, sizeof *h->film, by_name);
    h->n_runs = 2;
    h->last_run.started = 1750000000.0;
    h->last_run.has_ended = true;
    h->last_run.settings_text =
        copy("{\"every\":24,\"every_unit\":\"frames\",\"start\":null,\"end\":null,\"sampling\":\"exact\","
             "\"k\":5,\"n_init\":48,\"plain\":false,\"seed\":0,\"scale\":\"fit\",\"box\":[480,270],"
             "\"legacy\":false,\"height\":480,\"order\":\"share\",\"strips\":[\"kmeans\",\"average\"]}");
    h->last_run.command = copy("jacquard catalog /films --out barcodes --every 24f -k 5 --strips kmeans,average");
    if (gallery_write(out, h) != ST_OK)
        fail(out);
    for (int64_t i = 0; i < h->n; i++) {
        free(h->film[i].name);
        free(h->film[i].path);
        free(h->film[i].failure.message);
        free(h->film[i].result);
    }
    free(h->film);
    free(h->last_run.settings_text);
    free(h->last_run.command);
}

/* ---- the two catalogues ------------------------------------------------------------------------------------------ */

static void make_many(const char *out, struct history *h)
{
    static const char *const first[] = {"The Last",     "A Quiet", "Return to", "Under the",    "Beyond", "Seven",
                                        "Letters from", "Café",    "Über die",  "Night of the", "My",     "Lost"};
    static const char *const second[] = {"Harbour", "Garden",  "Mountains", "Winter",     "Orchard",   "River",
                                         "Étoile",  "Railway", "Summer",    "Lighthouse", "Strangers", "Field"};
    static struct barcode extracted[N_PICTURES];
    char picture[N_PICTURES][2048], path[2048], file[256];

    for (int64_t i = 0; i < h->n; i++) {
        struct barcode *b = &extracted[i % N_PICTURES];
        struct history_film *film = &h->film[i];
        random_state = (uint64_t)i;
        if (i < N_PICTURES) {
            open_barcode(b, i % 3 == 0 ? 7200 : i % 3 == 1 ? 5400 : 1200);
            extract(b, 1.001, i == 5);
        }
        random_state = (uint64_t)i + 1000;
        snprintf(file, sizeof file, "%s %s %lld (%d).mkv", first[(int)(chance() * 12)], second[(int)(chance() * 12)],
                 (long long)i + 1, 1930 + (int)(chance() * 95));
        name_film(film, i % 3 == 0 ? "/films/a to m" : "/films/n to z", file);
        fill_result(film, b, 1.001 * (double)b->n_columns, 1);
        snprintf(path, sizeof path, "%s/%s.barcode.png", out, film->name);
        if (i < N_PICTURES) {
            snprintf(picture[i], sizeof picture[i], "%s", path);
            write_strip(path, b, STRIP_KMEANS);
        } else if (link(picture[i % N_PICTURES], path) != 0) {
            fail(path);
        }
    }
    for (int i = 0; i < N_PICTURES; i++)
        free(extracted[i].columns);
}

/* Bytes that mean something in HTML, in JSON, in addresses or to people. */
static const char *const names[] = {
    "<img src=x onerror=alert(1)>.mkv",
    "<\x2fscript><script>alert(2)<\x2fscript>.mkv", /* its slashes cannot be in a file's name, but in the path */
    "quotes \" ' ` &amp; &lt;.mkv",
    "\xe2\x80\xa8line\xe2\x80\xa9paragraph.mkv",
    "100% #1? a+b;c=d&e:f@g[h]{i}|j^k~l$m!n*o(p),q.mkv",
    "scheme:name.mkv",
    "javascript:alert(3).mkv",
    "new\nline and\ttab.mkv",
    "latin-1 \xe9\xff\xfe.mkv",
    "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xe2\x80\xaertl.mkv",
    "\xf0\x9f\x8e\x9e film.mkv",
    "Am\xc3\xa9lie \xc3\x98rsted Stra\xc3\x9f"
    "e.mkv",
    "${alert(4)} {{alert(5)}} <!-- --> ]]>.mkv",
    "-dash and trailing space .mkv",
    "back\\slash.mkv",
    "film 10.mkv",
    "film 2.mkv",
    "film 1.mkv",
    "a very long name that goes on and on and on as names do when nobody stops them because a site or a person put all "
    "they knew about the film into the name of its file.2160p.mkv",
};
enum { N_NAMES = sizeof names / sizeof names[0] };

static void make_odd(const char *out, struct history *h)
{
    static const struct {
        const char *file, *message;
        enum fault_kind kind;
        bool quarantined;
    } bad[] = {
        {"<b onmouseover=alert(6)>broken.mkv", "moov atom not found <script>alert(7)</script> \"'", FAULT_NOT_A_FILM,
         false},
        {"poison.avi", "its decoder died of signal 11 (Segmentation fault) at frame 4711", FAULT_CRASH, true},
        {"cut short.mkv", "5021 of 171341 frames are missing", FAULT_INCOMPLETE, false},
    };
    struct history_film *film = h->film;
    struct barcode b;

    open_barcode(&b, 1000);
    for (int64_t i = 0; i < b.n_columns; i++)
        rule_column(&b.columns[i], i);
    make_film(out, film++, "Ruler.mkv", &b, 1001.0);
    free(b.columns);
    for (int i = 0; i < N_NAMES; i++) {
        random_state = (uint64_t)i + 77;
        open_barcode(&b, 40 + 73 * (i * 7 % N_NAMES));
        extract(&b, 1.001, i == 3 || i == 8);
        make_film(out, film++, names[i], &b, 1.001 * (double)b.n_columns);
        free(b.columns);
    }
    open_barcode(&b, 1); /* a film of one column, without pictures: its summary stands in */
    extract(&b, 1.0, false);
    name_film(film, "/films/odd", "one column.mkv");
    fill_result(film++, &b, 0.3, 0);
    free(b.columns);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++, film++) {
        name_film(film, "/films/bad", bad[i].file);
        film->state = bad[i].quarantined ? STATE_QUARANTINED : STATE_FAILED;
        film->attempts = bad[i].quarantined ? 3 : 1;
        film->failure.kind = bad[i].kind;
        film->failure.message = copy(bad[i].message);
    }
    name_film(film++, "/films/odd", "still to come.mkv");
    h->n = film - h->film;
}

int main(int argc, char **argv)
{
    struct history h = {0};
    const bool is_odd = argc == 3 && strcmp(argv[2], "odd") == 0;

    if (argc != 3 || (!is_odd && (atoi(argv[2]) < 0 || atoi(argv[2]) > 100000))) {
        fprintf(stderr, "usage: gallery_films FOLDER N|odd\n");
        return 2;
    }
    h.n = is_odd ? N_NAMES + 16 : atoi(argv[2]);
    h.film = mem_array((size_t)h.n, sizeof *h.film);
    if (!h.film || (mkdir(argv[1], 0777) != 0 && access(argv[1], W_OK) != 0))
        fail(argv[1]);
    if (is_odd)
        make_odd(argv[1], &h);
    else
        make_many(argv[1], &h);
    finish(argv[1], &h);
    return 0;
}
