/* test_recheck: which of many are chosen; columns against the film that they are said to be of, decoded in the plain
 * way: what is right is found right, whatever is not is named. */
#include "barcode/recheck.h"
#include "barcode/settings.h"
#include "barcode/spread.h"
#include "film/frame_source.h"
#include "unit/test.h"
#include "unit/y4m_film.h"

static struct column columns[Y4M_COLUMNS];
static struct barcode barcode;
static const atomic_int stop;

/* ---- which ---- */

/* Each n-th part has one, and spread_has knows it and no other. */
static void spread_of(int64_t n_all, int64_t n)
{
    const int64_t count = spread_count(n_all, n);
    int64_t n_has = 0, last = -1;
    bool is_fair = true;

    CHECK_INT(count, n < n_all ? n : n_all);
    for (int64_t i = 0; i < count; i++) {
        const int64_t at = spread_at(n_all, count, i);
        is_fair =
            is_fair && at > last && at >= i * n_all / count && at < (i + 1) * n_all / count && spread_has(n_all, n, at);
        last = at;
    }
    for (int64_t at = 0; at < n_all; at++)
        n_has += spread_has(n_all, n, at);
    CHECK(is_fair);
    CHECK_INT(n_has, count);
}

static void spread(void)
{
    static const int64_t sizes[] = {1, 2, 3, 7, 64, 1000, 99991};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int64_t n = 1; n < 300; n = 2 * n + 1)
            spread_of(sizes[i], n);
    spread_of(5, INT32_MAX);
    CHECK_INT(spread_at(INT32_MAX, INT32_MAX, INT32_MAX - 1), INT32_MAX - 1);
    CHECK(spread_at(1000, 1, 0) != spread_at(10000, 1, 0)); /* not always the same place in a part */
}

/* ---- frames ---- */

struct seen {
    int64_t n;
    bool is_right;
    const int64_t *frame;
};

static enum status look(void *context, int64_t which, const struct frame *picture, const char *hash)
{
    struct seen *s = context;
    uint8_t planes[Y4M_BYTES];
    bool is_right = which == s->n++ && !hash && picture->width == Y4M_W && picture->height == Y4M_H;

    y4m_planes((int)s->frame[which], planes);
    for (int y = 0; y < Y4M_H; y++)
        is_right = is_right &&
                   memcmp((const uint8_t *)picture->plane[0] + y * picture->stride[0], planes + y * Y4M_W, Y4M_W) == 0;
    s->is_right = s->is_right && is_right;
    return ST_OK;
}

static void decode(void)
{
    static const int64_t frames[] = {0, 1, 7, 38, 39, 40};
    struct seen seen = {.is_right = true, .frame = frames};
    struct plain_decode p = {
        .path = test_path("film.y4m"), .frame = frames, .n = 5, .stop = &stop, .take = look, .taker = &seen};
    int64_t n_taken;

    CHECK_INT(plain_decode(&p, &n_taken), ST_OK);
    CHECK(seen.is_right && seen.n == 5 && n_taken == 5);
    p.n = 6; /* there is no frame 40 */
    seen = (struct seen){.is_right = true, .frame = frames};
    CHECK_INT(plain_decode(&p, &n_taken), ST_OK);
    CHECK(seen.is_right && seen.n == 5 && n_taken == 5);
    p.path = test_path("absent");
    CHECK_INT(plain_decode(&p, &n_taken), ST_USAGE);
    CHECK_INT(n_taken, 0);
    test_write(test_path("noise"), frames, sizeof frames);
    p.path = test_path("noise");
    CHECK_INT(plain_decode(&p, &n_taken), ST_FORMAT);
}

/* ---- columns ---- */

static enum status recheck(int64_t n, int64_t *n_same)
{
    return recheck_columns(&barcode, test_path("film.y4m"), n, &stop, NULL, NULL, n_same);
}

static void refused(const char *words, int line)
{
    int64_t n_same;

    if (!test_check_int(recheck(Y4M_COLUMNS, &n_same), ST_MISMATCH, __FILE__, line, "it is found off") ||
        !test_check(strstr(status_message(), words) != NULL, __FILE__, line, "the words are there"))
        printf("    said: %s\n", status_message());
    y4m_columns(columns);
}

#define CHECK_OFF(words) refused(words, __LINE__)

static void compare(void)
{
    int64_t n_same;

    CHECK_INT(recheck(Y4M_COLUMNS, &n_same), ST_OK);
    CHECK_INT(n_same, Y4M_COLUMNS);
    CHECK_INT(recheck(3, &n_same), ST_OK);
    CHECK_INT(n_same, 3);
    columns[4].frame = columns[3].frame; /* two columns of one frame */
    columns[4].clusters = columns[3].clusters;
    CHECK_INT(recheck(INT32_MAX, &n_same), ST_OK);
    CHECK_INT(n_same, Y4M_COLUMNS - 1);
    y4m_columns(columns);

    columns[2].clusters.count[0]++;
    CHECK_OFF("frame 8 at 8.000 s (column 2) is not what a plain sequential decode of its film ");
    columns[9].clusters.centre[1][2]++;
    CHECK_OFF("frame 36 at 36.000 s (column 9) is not");
    columns[0].clusters.inertia++;
    CHECK_OFF("frame 0 at 0.000 s (column 0) is not");
    columns[5].clusters.n--;
    CHECK_OFF("another clusters");
    columns[5].mean[1]--;
    CHECK_OFF("another mean colour");
    y4m_lines[6][3 * (Y4M_H - 1)] ^= 1;
    CHECK_OFF("another lines");
    columns[3].frame++; /* the next frame's number for this one's colours */
    CHECK_OFF("frame 13 at 12.000 s (column 3) is not");
    y4m_write(test_path("film.y4m"), Y4M_FRAMES - 10);
    CHECK_OFF("frame 32 at 32.000 s (column 8) does not come out");
    y4m_write(test_path("film.y4m"), Y4M_FRAMES);
}

static void refuse(void)
{
    int64_t n_same;

    columns[9].frame = Y4M_FRAMES;
    CHECK_INT(recheck(Y4M_COLUMNS, &n_same), ST_FORMAT);
    columns[9].frame = 0;
    CHECK_INT(recheck(Y4M_COLUMNS, &n_same), ST_FORMAT);
    y4m_columns(columns);
    barcode.n_lines--;
    CHECK_INT(recheck(Y4M_COLUMNS, &n_same), ST_FORMAT);
    barcode.n_lines++;
    CHECK_INT(n_same, 0);
}

/* By rarity: what cells weigh comes from the side-car, or nothing can be said. All alike are areas. */
static void weighed(void)
{
    static char rare[] = "{\"k\":3,\"n_init\":4,\"weight\":\"rare\",\"plain\":false,\"seed\":5}";
    char *const plain = barcode.settings_text;
    uint8_t of_cell[WEIGHTS_CELLS];
    int64_t n_same;

    memset(of_cell, 1, sizeof of_cell);
    barcode.settings_text = rare;
    CHECK_INT(recheck(Y4M_COLUMNS, &n_same), ST_FORMAT);
    CHECK(strstr(status_message(), "rarity") != NULL);
    barcode.rarity = of_cell;
    CHECK_INT(recheck(Y4M_COLUMNS, &n_same), ST_OK);
    CHECK_INT(n_same, Y4M_COLUMNS);
    barcode.rarity = NULL;
    barcode.settings_text = plain;
}

/* ---- settings ---- */

static void refuse_settings(const char *text, const char *words)
{
    struct kmeans_settings k;

    CHECK_INT(barcode_settings_read_kmeans(text, &k), ST_USAGE);
    CHECK(strstr(status_message(), words) != NULL);
}

static void read_settings(void)
{
    struct kmeans_settings k;

    CHECK_INT(barcode_settings_read_kmeans(Y4M_SETTINGS, &k), ST_OK);
    CHECK(k.k == 3 && k.n_init == 4 && !k.plain && k.seed == 5);
    refuse_settings("", "no JSON object");
    refuse_settings("{\"n_init\":1,\"plain\":true,\"seed\":0}", "settings.k cannot be missing");
    refuse_settings("{\"k\":33,\"n_init\":1,\"plain\":true,\"seed\":0}", "settings.k cannot be 33");
    refuse_settings("{\"k\":1,\"n_init\":0,\"plain\":true,\"seed\":0}", "settings.n_init");
    refuse_settings("{\"k\":1,\"n_init\":1025,\"plain\":true,\"seed\":0}", "settings.n_init");
    refuse_settings("{\"k\":1,\"n_init\":1,\"plain\":true,\"seed\":-1}", "settings.seed");
    refuse_settings("{\"k\":1,\"n_init\":1,\"plain\":0,\"seed\":0}", "settings.plain");
}

int main(void)
{
    static char settings_text[] = Y4M_SETTINGS;

    y4m_write(test_path("film.y4m"), Y4M_FRAMES);
    y4m_columns(columns);
    barcode = (struct barcode){.film = {.width = Y4M_W, .height = Y4M_H},
                               .film_frames = Y4M_FRAMES,
                               .settings_text = settings_text,
                               .clustered_width = Y4M_W,
                               .clustered_height = Y4M_H,
                               .n_columns = Y4M_COLUMNS,
                               .columns = columns,
                               .n_lines = Y4M_H};
    spread();
    decode();
    compare();
    refuse();
    weighed();
    read_settings();
    return test_end();
}
