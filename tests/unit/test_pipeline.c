/* test_pipeline: whole films through the pipeline, whose pixels are known (film/pattern.h): every colour, count, mean
 * and line of every column is the one that was drawn, however the film is cut, kept, drained, joined, missed or damaged
 * on its way. */
#include "barcode/frame_store.h"
#include "barcode/job.h"
#include "barcode/look.h"
#include "barcode/piece.h"
#include "barcode/sidecar.h"
#include "base/log.h"
#include "film/frame_source.h"
#include "film/pattern.h"
#include "image/transfer.h"
#include "base/file.h"
#include "unit/test.h"

#include <dirent.h>
#include <unistd.h>

enum { W = 64, H = 48, FRAMES = 500, EVERY = 7, COLUMNS = (FRAMES + EVERY - 1) / EVERY };

static const char *write_film(const char *name, const char *more)
{
    const char *path = test_path(name);
    char text[256];
    const int n = snprintf(text, sizeof text, "jacquard pattern 1\nsize %dx%d\nframes %d\n%s", W, H, FRAMES, more);

    test_write(path, text, (size_t)n);
    return path;
}

static struct barcode_config config_of(const char *film, const char *json)
{
    static char png[600];

    snprintf(png, sizeof png, "%s.png", json);
    return (struct barcode_config){.film = film,
                                   .output = png,
                                   .json = json,
                                   .settings.sampling = {.unit = SAMPLE_FRAMES, .every = EVERY},
                                   .settings.kmeans.k = PATTERN_BARS,
                                   .settings.drawing.height = 16,
                                   .settings.strip = {STRIP_KMEANS, STRIP_SQUEEZED},
                                   .settings.n_strips = 2,
                                   .settings.scale = SCALE_FULL,
                                   .settings.crop_mode = CROP_AUTO,
                                   .backend = "cpu",
                                   .threads = 3,
                                   .progress = PROGRESS_NONE,
                                   .force = true};
}

/* --- what is right ------------------------------------------------------------------------------------------------ */

static int bar_of(int64_t frame, const uint16_t centre[3])
{
    for (int bar = 0; bar < PATTERN_BARS; bar++) {
        uint8_t rgb[3];
        pattern_colour(frame, bar, rgb);
        if (centre[0] == 256 * rgb[0] && centre[1] == 256 * rgb[1] && centre[2] == 256 * rgb[2])
            return bar;
    }
    return -1;
}

static void check_column(const struct column *c, int64_t number)
{
    static struct transfer transfer;
    unsigned seen = 0;

    transfer_init(&transfer, false);
    CHECK_INT(c->frame, number * EVERY);
    CHECK_INT(c->pts, c->frame);
    CHECK(c->time == (double)c->frame / 25.0);
    CHECK_INT(c->clusters.n, PATTERN_BARS);
    CHECK_INT(c->clusters.inertia, 0);
    for (int i = 0; i < c->clusters.n; i++) {
        const int bar = bar_of(c->frame, c->clusters.centre[i]);
        if (!CHECK(bar >= 0))
            continue;
        seen |= 1u << bar;
        CHECK_INT(c->clusters.count[i], H * (pattern_bar(bar + 1, W) - pattern_bar(bar, W)));
    }
    CHECK_INT(seen, (1 << PATTERN_BARS) - 1);
    for (int channel = 0; channel < 3; channel++) {
        uint64_t sum = 0;
        for (int x = 0, bar = 0; x < W; x++) {
            uint8_t rgb[3];
            bar += x == pattern_bar(bar + 1, W);
            pattern_colour(c->frame, bar, rgb);
            sum += transfer.linear[rgb[channel]];
        }
        CHECK_INT(c->mean[channel], transfer_encode_mean(&transfer, sum, W));
        const uint8_t line = transfer_encode(&transfer, (uint32_t)((2 * sum + W) / (2 * W)));
        for (int y = 0; y < H; y++)
            CHECK_INT(c->lines[3 * y + channel], line);
    }
}

static void check_barcode(const struct barcode *b)
{
    CHECK_INT(b->n_columns, COLUMNS);
    CHECK_INT(b->film_frames, FRAMES);
    CHECK_INT(b->n_lines, H);
    CHECK_INT(b->film.height - b->window.crop.top - b->window.crop.bottom, H);
    CHECK(b->window.n_frames > 0);
    for (int64_t i = 0; i < b->n_columns; i++)
        check_column(&b->columns[i], i);
}

static void check_sidecar(const char *json)
{
    struct barcode b;

    if (!CHECK_INT(sidecar_read_json(json, &b), ST_OK))
        return;
    CHECK_INT(b.n_columns, COLUMNS);
    for (int64_t i = 0; i < b.n_columns; i++)
        CHECK_INT(bar_of(b.columns[i].frame, b.columns[i].clusters.centre[0]), 0);
    barcode_release(&b);
}

/* --- pipelines ---------------------------------------------------------------------------------------------------- */

static atomic_int stop, drain;
static struct comm self;

static void open_pipeline(struct pipeline *p, const char *film, const char *json, const struct piece_files *kept)
{
    const struct barcode_config config = config_of(film, json);

    comm_open_self(&self);
    atomic_store(&stop, 0);
    atomic_store(&drain, 0);
    pipeline_init(p, &config, &stop);
    p->comm = &self;
    p->kept = kept;
    p->drain = kept ? &drain : NULL;
    CHECK_INT(resources_choose(&self, "cpu", 3, &p->resources), ST_OK);
}

static const struct piece_files *kept_files(void)
{
    static struct piece_files kept;

    kept = (struct piece_files){test_path("kept/film"),
                                "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};
    return &kept;
}

static int walk_folder(const char *folder, const char *ending, char *last, bool removes)
{
    DIR *entries = opendir(folder);
    char path[1200];
    int n = 0;

    for (const struct dirent *e = entries ? readdir(entries) : NULL; e; e = readdir(entries)) {
        const size_t length = strlen(e->d_name), ends = strlen(ending);
        if (e->d_name[0] == '.' || length < ends || strcmp(e->d_name + length - ends, ending) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (removes)
            CHECK_INT(unlink(path), 0);
        if (last)
            snprintf(last, 600, "%.599s", path);
        n++;
    }
    if (entries)
        closedir(entries);
    return n;
}

static int count_files(const char *folder, const char *ending)
{
    return walk_folder(folder, ending, NULL, false);
}

static void find_file(const char *folder, const char *ending, char path[600])
{
    CHECK_INT(walk_folder(folder, ending, path, false), 1);
}

static void empty_folder(const char *folder)
{
    walk_folder(folder, "", NULL, true);
}

/* Of films in one go: what they say of themselves on the way does not change a pixel. */
static void whole_films(void)
{
    static const struct {
        const char *name, *more;
        bool sequential;
        int64_t n_damaged;
    } films[] = {
        {"plain", "", false, 0},
        {"keys 1", "keys 1\n", false, 0},
        {"one key", "keys 500\n", false, 0},
        {"unsplit", "split no\n", true, 0},
        {"missed", "misses 70\n", true, 0},
        {"missed at a key", "misses 84\n", true, 0},
        {"damaged", "damages 70\n", true, 1},
        {"missed, nobody's", "misses 71\n", false, 0},
        {"letterbox", "bars 8\n", false, 0},
        {"letterbox, unsplit", "bars 9\nsplit no\n", true, 0},
    };

    for (size_t i = 0; i < sizeof films / sizeof *films; i++) {
        char *film = strdup(write_film(films[i].name, films[i].more)), *store = strdup(test_path("store"));
        for (int turn = 0; turn < 4; turn++) { /* decoded; decoded and kept; out of the store; decoded twice */
            struct pipeline p;
            bool drained = true;
            open_pipeline(&p, film, test_path("whole.json"), NULL);
            p.config.store = turn == 1 || turn == 2 ? store : NULL;
            p.config.settings.kmeans.weights.weight = turn == 3 ? WEIGHT_RARE : WEIGHT_AREA;
            printf("%s, turn %d\n", films[i].name, turn);
            CHECK_INT(pipeline_run(&p, false, &drained), ST_OK);
            CHECK(!drained);
            check_barcode(&p.barcode);
            CHECK_INT(p.film.info.sequential, films[i].sequential);
            CHECK_INT(p.film.info.frames_damaged, films[i].n_damaged);
            CHECK_INT(extract_result_missing(&p.samples), 0);
            CHECK_INT(p.stats.frames_loaded, turn == 2 ? COLUMNS : 0);
            CHECK((p.stats.frames_decoded == 0) == (turn == 2));
            CHECK((p.barcode.rarity != NULL) == (turn == 3));
            check_sidecar(p.config.json);
            pipeline_release(&p);
        }
        empty_folder(store);
        free(film);
        free(store);
    }
}

/* --- kept frames -------------------------------------------------------------------------------------------------- */

static enum status run_with_store(const char *film, const char *store, struct pipeline *p)
{
    bool flag;

    open_pipeline(p, film, test_path("stored.json"), NULL);
    p->config.store = store;
    const enum status st = pipeline_run(p, false, &flag);
    if (st == ST_OK)
        check_barcode(&p->barcode);
    return st;
}

/* Pieces and whole runs find each other's frames. */
static void stored_in_pieces(const char *film, char *store)
{
    const struct piece_files kept = *kept_files();
    struct pipeline p;
    bool flag;

    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < 3; i++) {
            open_pipeline(&p, film, test_path("pieces.json"), &kept);
            p.config.store = store;
            CHECK_INT(piece_extract(&p, i, 3, &flag), ST_OK);
            CHECK_INT(p.stats.frames_loaded, turn ? p.samples.n : 0);
            pipeline_release(&p);
        }
        piece_files_remove(kept.store);
        CHECK_INT(count_files(store, ".frames"), 3);
    }
    CHECK_INT(run_with_store(film, store, &p), ST_OK);
    CHECK_INT(p.stats.frames_loaded, COLUMNS);
    pipeline_release(&p);

    /* Of two shares one is there: that alone is not decoded. */
    empty_folder(store);
    open_pipeline(&p, film, test_path("pieces.json"), &kept);
    p.config.store = store;
    CHECK_INT(piece_extract(&p, 1, 2, &flag), ST_OK);
    pipeline_release(&p);
    piece_files_remove(kept.store);
    CHECK_INT(run_with_store(film, store, &p), ST_OK);
    CHECK_INT(p.stats.frames_loaded, 0);
    CHECK_INT(count_files(store, ".frames"), 2);
    pipeline_release(&p);
    empty_folder(store);
}

/* What other settings made of the pixels is not taken, what other settings of the clustering make of them is. */
static void stored_settings(const char *film, char *store)
{
    struct pipeline p;
    bool flag;

    CHECK_INT(run_with_store(film, store, &p), ST_OK);
    pipeline_release(&p);
    for (int i = 0; i < 5; i++) {
        open_pipeline(&p, film, test_path("settings.json"), NULL);
        p.config.store = store;
        p.config.settings.kmeans.k = i == 0 ? 3 : PATTERN_BARS;
        p.config.settings.sampling.every = i == 1 ? 2 * EVERY : EVERY;
        p.config.settings.legacy = i == 2;
        p.config.settings.crop_mode = i == 3 ? CROP_GIVEN : CROP_AUTO;
        p.config.settings.crop.left = 2;
        p.config.verify_samples = i == 4 ? 3 : 0; /* hashes are those of a decoder */
        CHECK_INT(pipeline_run(&p, false, &flag), ST_OK);
        CHECK_INT(p.stats.frames_loaded, i == 0 ? COLUMNS : 0);
        pipeline_release(&p);
    }
    CHECK_INT(count_files(store, ".frames"), 4);
    CHECK_INT(count_files(store, ".index"), 1);
    empty_folder(store);
}

/* At any place: one line that names the file, and no output; and once it is gone all is well. */
static void stored_and_damaged(const char *film, char *store)
{
    char path[600], *whole;
    size_t bytes;
    struct pipeline p;

    CHECK_INT(run_with_store(film, store, &p), ST_OK);
    pipeline_release(&p);
    find_file(store, ".frames", path);
    CHECK_INT(file_read_all(path, ST_IO, &whole, &bytes), ST_OK);
    const size_t frames_end = FRAME_STORE_ALIGN * (size_t)(1 + 3 * COLUMNS), ends[] = {0, 1, bytes / 2, bytes - 1};
    const size_t places[] = {0, 700, FRAME_STORE_ALIGN, frames_end - FRAME_STORE_ALIGN, frames_end, bytes - 1};
    CHECK_INT(bytes, frames_end + 32 * (COLUMNS + 1));
    for (size_t i = 0; i < sizeof places / sizeof *places + sizeof ends / sizeof *ends; i++) {
        const size_t n_places = sizeof places / sizeof *places, at = i < n_places ? places[i] : 0;
        whole[at] ^= (char)(i < n_places);
        test_write(path, whole, i < n_places ? bytes : ends[i - n_places]);
        whole[at] ^= (char)(i < n_places);
        remove(test_path("stored.json"));
        CHECK_INT(run_with_store(film, store, &p), ST_FORMAT);
        CHECK(strstr(status_message(), path) != NULL);
        CHECK(!test_exists(test_path("stored.json")));
        pipeline_release(&p);
    }
    remove(path);
    CHECK_INT(run_with_store(film, store, &p), ST_OK);
    CHECK_INT(p.stats.frames_loaded, 0);
    pipeline_release(&p);

    /* Another film's, by the name of this one's. */
    char *other = strdup(write_film("shorter", "rate 24\n")), foreign[600];
    find_file(store, ".frames", path);
    CHECK_INT(rename(path, test_path("aside")), 0);
    open_pipeline(&p, other, test_path("other.json"), NULL);
    p.config.store = store;
    bool flag;
    CHECK_INT(pipeline_run(&p, false, &flag), ST_OK);
    pipeline_release(&p);
    find_file(store, ".frames", foreign);
    CHECK_INT(rename(foreign, path), 0);
    CHECK_INT(run_with_store(film, store, &p), ST_FORMAT);
    CHECK(strstr(status_message(), "does not speak of this film") != NULL);
    pipeline_release(&p);
    empty_folder(store);

    /* An index that is damaged is read anew. */
    CHECK_INT(run_with_store(film, store, &p), ST_OK);
    pipeline_release(&p);
    find_file(store, ".index", path);
    test_write(path, "jacquard-piece", 14);
    CHECK_INT(run_with_store(film, store, &p), ST_OK);
    CHECK_INT(p.stats.frames_loaded, COLUMNS);
    pipeline_release(&p);
    empty_folder(store);
    free(other);
    free(whole);
}

/* Nothing half-written stays of what ended early, nor where the folder cannot be one. */
static void not_stored(const char *film, char *store)
{
    struct pipeline p;
    bool flag;

    open_pipeline(&p, film, test_path("stored.json"), kept_files());
    p.config.store = store;
    atomic_store(&drain, 1);
    CHECK_INT(pipeline_run(&p, false, &flag), ST_OK);
    CHECK(flag);
    pipeline_release(&p);
    CHECK_INT(count_files(store, ""), 0);
    open_pipeline(&p, film, test_path("stored.json"), kept_files());
    p.config.store = store;
    CHECK_INT(pipeline_run(&p, false, &flag), ST_OK); /* goes on; frames of before are not at hand */
    check_barcode(&p.barcode);
    pipeline_release(&p);
    piece_files_remove(kept_files()->store);
    CHECK_INT(count_files(store, ".frames"), 0);
    empty_folder(store);
    test_write(test_path("no_folder"), "x", 1);
    CHECK_INT(run_with_store(film, test_path("no_folder"), &p), ST_IO);
    pipeline_release(&p);
}

static void in_pieces(const char *film, int n_shares, bool fits_wanted)
{
    const char *json = test_path("pieces.json");
    const struct piece_files kept = *kept_files();
    struct pipeline p;
    bool flag;

    open_pipeline(&p, film, json, &kept);
    CHECK_INT(piece_index(&p, &flag), ST_OK);
    CHECK(flag);
    pipeline_release(&p);
    CHECK(test_exists(test_path("kept/film.index")));
    for (int i = n_shares - 1; i >= 0; i--) { /* in no order */
        open_pipeline(&p, film, json, &kept);
        CHECK_INT(piece_extract(&p, i, n_shares, &flag), ST_OK);
        CHECK(!flag);
        pipeline_release(&p);
    }
    open_pipeline(&p, film, json, &kept);
    CHECK_INT(piece_join(&p, n_shares, &flag), ST_OK);
    CHECK_INT(flag, fits_wanted);
    if (flag)
        check_barcode(&p.barcode);
    pipeline_release(&p);
    if (!fits_wanted) {
        CHECK(!test_exists(json));
        open_pipeline(&p, film, json, &kept);
        CHECK_INT(pipeline_run(&p, true, &flag), ST_OK);
        CHECK(!flag && p.film.info.sequential);
        check_barcode(&p.barcode);
        pipeline_release(&p);
    }
    check_sidecar(json);
    remove(json);
    piece_files_remove(kept.store);
    CHECK(!test_exists(test_path("kept/film.index")));
}

static void a_share_is_missing(const char *film)
{
    const struct piece_files kept = *kept_files();
    struct pipeline p;
    bool flag = true;

    open_pipeline(&p, film, test_path("never.json"), &kept);
    CHECK_INT(piece_extract(&p, 0, 2, &flag), ST_OK);
    pipeline_release(&p);
    open_pipeline(&p, film, test_path("never.json"), &kept);
    CHECK_INT(piece_join(&p, 2, &flag), ST_OK);
    CHECK(!flag && !test_exists(test_path("never.json")));
    pipeline_release(&p);
    piece_files_remove(kept.store);
}

/* Told to end at once: nothing is written, and the same call later does all of it. A film that has to be decoded from
 * its start is not ended on the way. */
static void drained(const char *film)
{
    struct pipeline p;
    bool flag;

    open_pipeline(&p, film, test_path("drained.json"), kept_files());
    atomic_store(&drain, 1);
    CHECK_INT(pipeline_run(&p, false, &flag), ST_OK);
    CHECK(flag && !test_exists(test_path("drained.json")));
    CHECK(p.stats.frames_clustered < COLUMNS);
    pipeline_release(&p);
    open_pipeline(&p, film, test_path("drained.json"), kept_files());
    CHECK_INT(pipeline_run(&p, false, &flag), ST_OK);
    CHECK(!flag);
    CHECK_INT(p.stats.frames_clustered, COLUMNS);
    check_barcode(&p.barcode);
    pipeline_release(&p);
    open_pipeline(&p, film, test_path("drained.json"), kept_files());
    atomic_store(&drain, 1);
    CHECK_INT(pipeline_run(&p, true, &flag), ST_OK);
    CHECK(!flag);
    check_barcode(&p.barcode);
    pipeline_release(&p);
    piece_files_remove(kept_files()->store);
}

/* What was kept is not done again: of a share that lacks its last part that part alone is extracted, and the rest is
 * what was kept, marked here by a count that no film gives. */
static void goes_on(const char *film)
{
    enum { THERE = 40, MARK = 12345 };
    struct extract_count c;
    struct pipeline p;
    bool flag;

    open_pipeline(&p, film, test_path("goes_on.json"), kept_files());
    CHECK_INT(pipeline_index(&p), ST_OK);
    CHECK_INT(pipeline_extract(&p, 0, 1, &c), ST_OK);
    memset(p.samples.delivered + THERE, 0, COLUMNS - THERE);
    p.samples.clusters[0].count[0] = MARK;
    p.stats = (struct extract_stats){.damaged = 0};
    CHECK_INT(piece_files_save_index(kept_files(), &p.film), ST_OK);
    CHECK_INT(piece_files_save_share(kept_files(), 0, 1, &p.extract, &p.samples, &p.stats), ST_OK);
    pipeline_release(&p);

    open_pipeline(&p, film, test_path("goes_on.json"), kept_files());
    CHECK_INT(piece_extract(&p, 0, 1, &flag), ST_OK);
    CHECK(!flag);
    CHECK_INT(extract_result_missing(&p.samples), 0);
    CHECK_INT(p.samples.clusters[0].count[0], MARK);
    CHECK(p.stats.frames_clustered >= COLUMNS - THERE && p.stats.frames_clustered < COLUMNS);
    pipeline_release(&p);

    /* Of another film or other settings: not looked at. */
    const struct piece_files other = {kept_files()->store,
                                      "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};
    open_pipeline(&p, film, test_path("goes_on.json"), &other);
    CHECK_INT(pipeline_run(&p, false, &flag), ST_OK);
    CHECK_INT(p.stats.frames_clustered, COLUMNS);
    check_barcode(&p.barcode);
    pipeline_release(&p);
    piece_files_remove(kept_files()->store);
}

static void stopped(const char *film)
{
    struct pipeline p;
    bool flag;

    open_pipeline(&p, film, test_path("stopped.json"), NULL);
    atomic_store(&stop, 1);
    CHECK_INT(pipeline_run(&p, false, &flag), ST_INTERRUPTED);
    CHECK(!test_exists(test_path("stopped.json")));
    pipeline_release(&p);
}

static enum status refuse(void *context)
{
    (void)context;
    return FAIL(ST_MISMATCH, "the film has changed");
}

static void refused(const char *film)
{
    struct pipeline p;
    bool flag;

    open_pipeline(&p, film, test_path("refused.json"), NULL);
    p.watch.may_write = refuse;
    CHECK_INT(pipeline_run(&p, false, &flag), ST_MISMATCH);
    CHECK_STR(status_message(), "the film has changed");
    CHECK(!test_exists(test_path("refused.json")));
    pipeline_release(&p);
}

/* The job around it: with hashes and the second, plain decode, which must be the same. */
static void job(const char *film)
{
    struct barcode_config config = config_of(film, test_path("job.json"));

    comm_open_self(&self);
    atomic_store(&stop, 0);
    config.csv = test_path("job.csv");
    config.frame_hashes = test_path("job.txt");
    config.verify_samples = COLUMNS;
    CHECK_INT(barcode_run(&self, &config, &stop), ST_OK);
    check_sidecar(config.json);
    CHECK(test_exists(config.csv) && test_exists(config.frame_hashes));
    config.force = false;
    comm_open_self(&self);
    CHECK_INT(barcode_run(&self, &config, &stop), ST_USAGE); /* it is there already */
    config.force = true;
    config.film = test_path("none");
    comm_open_self(&self);
    CHECK_INT(barcode_run(&self, &config, &stop), ST_USAGE);
}

/* --- the look ----------------------------------------------------------------------------------------------------- */

struct told {
    int n;
    int64_t done, total;
};

static void count_progress(void *context, int64_t done, int64_t total)
{
    struct told *told = context;

    CHECK(done > told->done && done <= total);
    *told = (struct told){told->n + 1, done, total};
}

/* A film that is decoded from start to end is one stretch: whoever waits for it hears of it on the way all the same. */
static void look_is_heard_of(void)
{
    const struct sampling sampling = {.unit = SAMPLE_FRAMES, .every = 1};
    struct told told = {0};
    struct film film;

    comm_open_self(&self);
    CHECK_INT(film_open(&film, write_film("one.key", "keys 500\nsplit no\n"), &stop, NULL, NULL), ST_OK);
    CHECK_INT(look_at_film(&self, &film, &sampling, 3, &stop, count_progress, &told), ST_OK);
    CHECK_INT(told.n, film.info.look.n_frames);
    CHECK_INT(told.done, told.total);
    film_release(&film);
}

/* --- the rule ----------------------------------------------------------------------------------------------------- */

static void judging(void)
{
    static const struct {
        struct extract_count count;
        enum extract_verdict wanted;
    } rows[] = {
        {{0, 0, false, false}, EXTRACT_SOUND},  {{0, 0, true, false}, EXTRACT_SOUND},
        {{0, 0, false, true}, EXTRACT_SOUND}, /* told to end when all was done */
        {{1, 0, false, false}, EXTRACT_AGAIN},  {{0, 1, false, false}, EXTRACT_AGAIN},
        {{1, 1, false, false}, EXTRACT_AGAIN},  {{0, 1, true, false}, EXTRACT_SOUND}, /* damage is all that there is */
        {{1, 0, true, false}, EXTRACT_LOST},    {{1, 1, true, false}, EXTRACT_LOST},
        {{1, 0, false, true}, EXTRACT_DRAINED}, {{1, 1, true, true}, EXTRACT_DRAINED},
        {{0, 1, false, true}, EXTRACT_AGAIN},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        CHECK_INT(extract_judge(&rows[i].count), rows[i].wanted);
}

/* --- the source --------------------------------------------------------------------------------------------------- */

static void bad_patterns(void)
{
    static const char *const texts[] = {
        "jacquard pattern 1\n",
        "jacquard pattern 1\nsize 8x8\n",
        "jacquard pattern 1\nframes 8\n",
        "jacquard pattern 1\nsize 0x8\nframes 8\n",
        "jacquard pattern 1\nsize 8x8193\nframes 8\n",
        "jacquard pattern 1\nsize 8x8\nframes 0\n",
        "jacquard pattern 1\nsize 8x8\nframes 2097153\n",
        "jacquard pattern 1\nsize 8x8\nframes 8\nrate 0\n",
        "jacquard pattern 1\nsize 8x8\nframes 8\nkeys -1\n",
        "jacquard pattern 1\nsize 8x8\nframes 8\nsplit maybe\n",
        "jacquard pattern 1\nsize 8x8\nframes 8\nsmells good\n",
        "jacquard pattern 2\nsize 8x8\nframes 8\n", /* nobody's, so FFmpeg's to refuse */
    };
    struct film film;
    struct film_probe probe;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *path = test_path("bad.pattern");
        test_write(path, texts[i], strlen(texts[i]));
        CHECK_INT(film_open(&film, path, &stop, NULL, NULL), ST_FORMAT);
        CHECK(strstr(status_message(), path) != NULL);
        film_release(&film);
        CHECK_INT(film_probe(path, &stop, &probe), ST_FORMAT);
    }
    atomic_store(&stop, 0);
    CHECK_INT(film_probe(write_film("probed", "rate 50\n"), &stop, &probe), ST_OK);
    CHECK(probe.seconds == FRAMES / 50.0 && probe.fps == 50.0 && probe.width == W && probe.height == H);
}

int main(void)
{
    log_set_speaker(false);
    judging();
    look_is_heard_of();
    bad_patterns();
    char *film = strdup(write_film("film", "")), *other = strdup(write_film("other", "misses 70\n"));
    char *store = strdup(test_path("store"));
    whole_films();
    stored_in_pieces(film, store);
    stored_settings(film, store);
    stored_and_damaged(film, store);
    not_stored(film, store);
    in_pieces(film, 1, true);
    in_pieces(film, 5, true);
    in_pieces(other, 3, false);
    a_share_is_missing(film);
    drained(film);
    goes_on(film);
    stopped(film);
    refused(film);
    job(film);
    free(film);
    free(other);
    free(store);
    return test_end();
}
