/* test_render: rows by largest remainder, the stacking orders, and every pixel of every strip of a small barcode. */
#include "barcode/render.h"

#include "test.h"
#include "tests/unit/pixels.h"

#include <math.h>

static uint64_t state = 1;

static uint32_t draw(uint32_t below)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((state >> 33) % below);
}

/* ---- apportion ---- */

/* The definition itself: floors of the exact quotas, and the rest to the largest remainders, the earlier first. */
static bool is_largest_remainder(const uint32_t *count, int n, uint32_t height, const uint32_t *rows)
{
    uint64_t total = 0, sum = 0;

    for (int i = 0; i < n; i++) {
        total += count[i];
        sum += rows[i];
    }
    for (int i = 0; i < n; i++) {
        const uint64_t quota = (uint64_t)count[i] * height;
        if (rows[i] != quota / total && rows[i] != quota / total + 1)
            return false;
        for (int j = 0; j < n; j++) { /* i got one of the left-over rows, j got none */
            const uint64_t other = (uint64_t)count[j] * height;
            if (rows[i] > quota / total && rows[j] == other / total &&
                (other % total > quota % total || (other % total == quota % total && j < i)))
                return false;
        }
        if (rows[i] > quota / total && quota % total == 0) /* |rows - quota| < 1 */
            return false;
    }
    return sum == height;
}

struct apportion_case {
    int n;
    uint32_t height, count[8], rows[8];
};

static void apportion_cases(void)
{
    static const struct apportion_case cases[] = {
        {1, 480, {129600}, {480}},
        {1, 1, {1}, {1}},
        {2, 1, {5, 4}, {1, 0}},
        {2, 1, {5, 5}, {1, 0}}, /* ties to the earlier */
        {2, 1, {4, 5}, {0, 1}},
        {3, 2, {1, 1, 1}, {1, 1, 0}},
        {3, 10, {1, 1, 1}, {4, 3, 3}},
        {4, 480, {100, 50, 25, 25}, {240, 120, 60, 60}},
        {3, 480, {129598, 1, 1}, {480, 0, 0}}, /* too small for a row */
        {3, 100, {500, 300, 199}, {50, 30, 20}},
        {5, 7, {10, 0, 10, 0, 10}, {3, 0, 2, 0, 2}},
        {3, 0, {3, 2, 1}, {0, 0, 0}},
        /* Hamilton's apportionment of 10 seats, with a remainder that decides: quotas 4.3, 3.4, 2.3. */
        {3, 10, {43, 34, 23}, {4, 4, 2}},
        {2, 4294967295u, {4294967295u, 4294967295u}, {2147483648u, 2147483647u}},
        {2, 4294967295u, {4294967295u, 1}, {4294967294u, 1}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t rows[8];
        apportion(cases[i].count, cases[i].n, cases[i].height, rows);
        for (int j = 0; j < cases[i].n; j++)
            if (!CHECK_INT(rows[j], cases[i].rows[j]))
                printf("    case %zu, cluster %d\n", i, j);
    }
}

static void apportion_32(void)
{
    uint32_t count[32], rows[32];

    for (uint32_t i = 0; i < 32; i++)
        count[i] = 1;
    for (uint32_t height = 1; height < 100; height++) {
        apportion(count, 32, height, rows);
        for (uint32_t i = 0; i < 32; i++)
            CHECK_INT(rows[i], height / 32 + (i < height % 32));
    }
}

static void apportion_property(void)
{
    for (int trial = 0; trial < 10000; trial++) {
        uint32_t count[32], rows[32];
        const int n = 1 + (int)draw(32);
        const uint32_t height = trial % 3 == 0 ? 1 + draw(40) : 1 + draw(2160);
        const uint32_t largest = trial % 5 == 0 ? 4 : trial % 5 == 1 ? 4294967295u : 129600;
        for (int i = 0; i < n; i++)
            count[i] = draw(largest);
        count[draw((uint32_t)n)] += 1;
        apportion(count, n, height, rows);
        if (!CHECK(is_largest_remainder(count, n, height, rows)))
            printf("    trial %d: %d clusters, %u rows\n", trial, n, height);
    }
}

/* ---- stack_order ---- */

static struct frame_clusters clusters_of(int n, const int rgb[][3], const uint32_t *count)
{
    struct frame_clusters c = {.n = n};

    for (int i = 0; i < n; i++) {
        c.count[i] = count[i];
        for (int j = 0; j < 3; j++)
            c.centre[i][j] = (uint16_t)(rgb[i][j] * 256);
    }
    return c;
}

static void check_order(const struct frame_clusters *c, enum order order, const int *wanted)
{
    int index[COMPUTE_MAX_K];

    stack_order(c, order, index);
    for (int i = 0; i < c->n; i++)
        if (!CHECK_INT(index[i], wanted[i]))
            printf("    order %s, place %d\n", order_names[order], i);
}

static void orders(void)
{
    static const uint32_t count[] = {90, 80, 70, 60, 50, 40, 30, 20};
    static const int rgb[][3] = {{0, 0, 255},     {128, 128, 128}, {255, 0, 0},   {0, 255, 0},
                                 {255, 255, 255}, {255, 255, 0},   {255, 0, 255}, {0, 0, 0}};
    const struct frame_clusters c = clusters_of(8, rgb, count);

    check_order(&c, ORDER_SHARE, (const int[]){0, 1, 2, 3, 4, 5, 6, 7});
    /* white 1, yellow 0.93, green 0.72, magenta 0.28, grey 0.216, red 0.213, blue 0.07, black 0 */
    check_order(&c, ORDER_LIGHTNESS, (const int[]){4, 5, 3, 6, 1, 2, 0, 7});
    /* red 0, yellow 60, green 120, blue 240, magenta 300; then the greys by share */
    check_order(&c, ORDER_HUE, (const int[]){2, 5, 3, 0, 6, 1, 4, 7});

    static const int one[][3] = {{1, 2, 3}};
    const struct frame_clusters single = clusters_of(1, one, count);
    for (int order = 0; order < ORDER_FLOW; order++)
        check_order(&single, (enum order)order, (const int[]){0});
}

static void order_ties(void)
{
    static const uint32_t count[] = {9, 8, 8, 7};
    static const int greys[][3] = {{9, 9, 9}, {9, 9, 9}, {9, 9, 9}, {9, 9, 9}};
    static const int reds[][3] = {{200, 100, 100}, {255, 0, 0}, {2, 1, 1}, {100, 50, 50}}; /* all of hue 0 */
    const struct frame_clusters same = clusters_of(4, greys, count), hue = clusters_of(4, reds, count);

    for (int order = 0; order < ORDER_FLOW; order++)
        check_order(&same, (enum order)order, (const int[]){0, 1, 2, 3});
    check_order(&hue, ORDER_HUE, (const int[]){0, 1, 2, 3});

    struct frame_clusters unsorted = same; /* share means the count, not the place in the list */
    unsorted.count[0] = 1;
    check_order(&unsorted, ORDER_SHARE, (const int[]){1, 2, 3, 0});
    check_order(&unsorted, ORDER_LIGHTNESS, (const int[]){1, 2, 3, 0});
    check_order(&unsorted, ORDER_HUE, (const int[]){1, 2, 3, 0});
}

/* A fraction of a level decides where the whole levels are equal; the hue just below red comes last of the colours. */
static void order_fractions(void)
{
    struct frame_clusters c = {
        .n = 3, .count = {3, 2, 1}, .centre = {{2560, 2560, 2560}, {2560, 2561, 2560}, {2560, 2560, 2562}}};

    check_order(&c, ORDER_LIGHTNESS, (const int[]){1, 2, 0});
    check_order(&c, ORDER_HUE, (const int[]){1, 2, 0});

    struct frame_clusters red = {.n = 3, .count = {3, 2, 1}, .centre = {{65280, 0, 1}, {65280, 1, 0}, {65280, 0, 0}}};
    check_order(&red, ORDER_HUE, (const int[]){2, 1, 0});

    struct frame_clusters bright = {.n = 2, .count = {2, 1}, .centre = {{65279, 65280, 65280}, {65280, 65280, 65280}}};
    check_order(&bright, ORDER_LIGHTNESS, (const int[]){1, 0});
}

/* Hue of every pair of 24 colours around the wheel, at several strengths. */
static void order_wheel(void)
{
    struct frame_clusters c = {.n = 24};
    int wanted[24];

    for (int i = 0; i < 24; i++) { /* i * 15 degrees; written in reverse */
        const int side = i / 4, along = i % 4, low = 1000 * (1 + i % 3), high = low + 4 * 4000;
        const int rise = low + 4000 * along, fall = high - 4000 * along;
        const int rgb[6][3] = {{high, rise, low}, {fall, high, low}, {low, high, rise},
                               {low, fall, high}, {rise, low, high}, {high, low, fall}};
        for (int ch = 0; ch < 3; ch++)
            c.centre[23 - i][ch] = (uint16_t)rgb[side][ch];
        c.count[23 - i] = (uint32_t)(100 - i);
        wanted[i] = 23 - i;
    }
    check_order(&c, ORDER_HUE, wanted);
}

/* ---- strips ---- */

static uint8_t lines[3][4 * 3] = {
    {0, 0, 0, 255, 255, 255, 10, 20, 30, 10, 20, 30},
    {7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7},
    {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
};

static struct column columns[3] = {
    {.clusters = {.n = 3,
                  .count = {60, 30, 10},
                  .centre = {{10 * 256, 20 * 256 + 127, 30 * 256 + 128}, {200 * 256, 0, 0}, {65280, 65280, 65280}}},
     .mean = {1 * 256 + 128, 2 * 256 + 127, 65280},
     .lines = lines[0]},
    {.clusters = {.n = 1, .count = {100}, .centre = {{0, 0, 65280 - 128}}},
     .mean = {0, 0, 65280 - 129},
     .lines = lines[1]},
    {.clusters = {.n = 2, .count = {999, 1}, .centre = {{50 * 256, 50 * 256, 50 * 256}, {0, 90 * 256, 0}}},
     .mean = {0, 127, 128},
     .lines = lines[2]},
};

static struct barcode barcode = {.n_columns = 3, .columns = columns, .n_lines = 4};

/* The letters stand for colours; a picture is given row by row, as it is seen. */
static const struct {
    char letter;
    uint8_t rgb[3];
} palette[] = {
    {'a', {10, 20, 31}}, {'r', {200, 0, 0}},  {'w', {255, 255, 255}}, {'b', {0, 0, 255}}, {'g', {50, 50, 50}},
    {'n', {0, 90, 0}},   {'1', {2, 2, 255}},  {'2', {0, 0, 254}},     {'3', {0, 0, 1}},   {'m', {188, 188, 188}},
    {'k', {0, 0, 0}},    {'d', {10, 20, 30}}, {'7', {7, 7, 7}},       {'A', {1, 2, 3}},   {'B', {4, 5, 6}},
    {'C', {7, 8, 9}},    {'D', {10, 11, 12}}, {'h', {128, 128, 128}},
};

static const uint8_t *colour(char letter)
{
    for (size_t i = 0; i < sizeof palette / sizeof palette[0]; i++)
        if (palette[i].letter == letter)
            return palette[i].rgb;
    return NULL;
}

static void check_strip(enum strip strip, enum order order, uint32_t height, const char *const *rows)
{
    uint8_t *rgb = NULL;

    if (!CHECK_INT(render_pixels(&barcode, strip, &(struct drawing){.height = height, .order = order}, &rgb), ST_OK))
        return;
    for (uint32_t y = 0; y < height; y++)
        for (size_t x = 0; x < 3; x++) {
            const uint8_t *p = rgb + 3 * (3 * y + x);
            if (!CHECK(memcmp(p, colour(rows[y][x]), 3) == 0))
                printf("    %s, %s, height %u: (%zu, %u) is %d %d %d, wanted '%c'\n", strip_names[strip],
                       order_names[order], height, x, y, p[0], p[1], p[2], rows[y][x]);
        }
    free(rgb);
}

#define ROWS(...)                                                                                                      \
    (const char *const[])                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

static void strips(void)
{
    const enum order share = ORDER_SHARE;

    check_strip(STRIP_KMEANS, share, 10, ROWS("abg", "abg", "abg", "abg", "abg", "abg", "rbg", "rbg", "rbg", "wbg"));
    check_strip(STRIP_KMEANS, ORDER_LIGHTNESS, 10,
                ROWS("wbg", "rbg", "rbg", "rbg", "abg", "abg", "abg", "abg", "abg", "abg"));
    check_strip(STRIP_KMEANS, ORDER_HUE, 10,
                ROWS("rbg", "rbg", "rbg", "abg", "abg", "abg", "abg", "abg", "abg", "wbg"));
    check_strip(STRIP_KMEANS, share, 2, ROWS("abg", "rbg"));
    check_strip(STRIP_KMEANS, share, 1, ROWS("abg"));
    check_strip(STRIP_AVERAGE, share, 2, ROWS("123", "123"));
    check_strip(STRIP_PROMINENT, share, 2, ROWS("abg", "abg"));
    check_strip(STRIP_PROMINENT, ORDER_LIGHTNESS, 2, ROWS("abg", "abg"));
    check_strip(STRIP_LEAST, share, 2, ROWS("wbn", "wbn"));
    check_strip(STRIP_EQUAL, share, 4, ROWS("abg", "abg", "rbn", "wbn"));
    check_strip(STRIP_EQUAL, ORDER_LIGHTNESS, 4, ROWS("wbn", "wbn", "rbg", "abg"));
    check_strip(STRIP_EQUAL, share, 6, ROWS("abg", "abg", "rbg", "rbn", "wbn", "wbn"));
}

static void squeezed(void)
{
    const enum order share = ORDER_SHARE;
    uint8_t *rgb = NULL;

    check_strip(STRIP_SQUEEZED, share, 4, ROWS("k7A", "w7B", "d7C", "d7D"));
    check_strip(STRIP_SQUEEZED, share, 8, ROWS("k7A", "k7A", "w7B", "w7B", "d7C", "d7C", "d7D", "d7D"));

    /* Two lines into one row: linear light half way between black and white is 188, not 128. */
    CHECK_INT(render_pixels(&barcode, STRIP_SQUEEZED, &(struct drawing){.height = 2, .order = share}, &rgb), ST_OK);
    CHECK(rgb && memcmp(rgb, colour('m'), 3) == 0 && memcmp(rgb + 9, colour('d'), 3) == 0);
    CHECK(rgb && memcmp(rgb + 3, colour('7'), 3) == 0);
    free(rgb);
    barcode.legacy = true;
    CHECK_INT(render_pixels(&barcode, STRIP_SQUEEZED, &(struct drawing){.height = 2, .order = share}, &rgb), ST_OK);
    CHECK(rgb && memcmp(rgb, colour('h'), 3) == 0 && memcmp(rgb + 9, colour('d'), 3) == 0);
    /* 1 and 4, 2 and 5, 3 and 6: halves go up */
    CHECK(rgb && memcmp(rgb + 6, (const uint8_t[]){3, 4, 5}, 3) == 0);
    free(rgb);

    /* Four lines into three rows: shares 3:1, 2:2, 1:3. */
    CHECK_INT(render_pixels(&barcode, STRIP_SQUEEZED, &(struct drawing){.height = 3, .order = share}, &rgb), ST_OK);
    CHECK(rgb && memcmp(rgb + 6, (const uint8_t[]){2, 3, 4}, 3) == 0);        /* (3 x 1 + 4) / 4 = 1.75 */
    CHECK(rgb && memcmp(rgb + 9 + 6, (const uint8_t[]){6, 7, 8}, 3) == 0);    /* (2 x 4 + 2 x 7) / 4 = 5.5 */
    CHECK(rgb && memcmp(rgb + 18 + 6, (const uint8_t[]){9, 10, 11}, 3) == 0); /* (7 + 3 x 10) / 4 = 9.25 */
    free(rgb);
    barcode.legacy = false;

    /* Two lines, black over white, into three rows; the box keeps the hard edges: the middle row is half of each. */
    uint8_t pair[6] = {0, 0, 0, 255, 255, 255};
    struct column column = columns[0];
    column.lines = pair;
    struct barcode small = {.n_columns = 1, .columns = &column, .n_lines = 2};
    CHECK_INT(render_pixels(&small, STRIP_SQUEEZED, &(struct drawing){.height = 3, .order = share}, &rgb), ST_OK);
    CHECK(rgb && memcmp(rgb, colour('k'), 3) == 0 && memcmp(rgb + 3, colour('m'), 3) == 0);
    CHECK(rgb && memcmp(rgb + 6, colour('w'), 3) == 0);
    free(rgb);
    /* One line into any number of rows is that line. */
    small.n_lines = 1;
    column.lines = lines[2];
    CHECK_INT(render_pixels(&small, STRIP_SQUEEZED, &(struct drawing){.height = 7, .order = share}, &rgb), ST_OK);
    for (int y = 0; rgb && y < 7; y++)
        CHECK(memcmp(rgb + 3 * y, colour('A'), 3) == 0);
    free(rgb);
}

/* A uniform film stays exactly what it was, for every byte and awkward heights. */
static void squeezed_uniform(void)
{
    enum { LINES = 270 };
    static uint8_t uniform[LINES * 3];
    static const uint32_t heights[] = {1, 7, 269, 270, 271, 480};
    struct column column = {.clusters = columns[0].clusters, .lines = uniform};
    struct barcode b = {.n_columns = 1, .columns = &column, .n_lines = LINES};

    for (int v = 0; v < 256; v++)
        for (size_t h = 0; h < sizeof heights / sizeof heights[0]; h++) {
            uint8_t *rgb = NULL;
            memset(uniform, v, sizeof uniform);
            b.legacy = (v + (int)h) % 2;
            CHECK_INT(
                render_pixels(&b, STRIP_SQUEEZED, &(struct drawing){.height = heights[h], .order = ORDER_SHARE}, &rgb),
                ST_OK);
            bool same = rgb != NULL;
            for (uint32_t i = 0; same && i < 3 * heights[h]; i++)
                same = rgb[i] == v;
            CHECK(same);
            free(rgb);
        }
}

/* No row is black that should not be: 32 clusters of awkward sizes fill every height. */
static void every_row_filled(void)
{
    struct column column = {.clusters = {.n = 32}};
    struct barcode b = {.n_columns = 1, .columns = &column};

    for (int i = 0; i < 32; i++) {
        column.clusters.count[i] = (uint32_t)(4000 / (i + 1));
        for (int c = 0; c < 3; c++)
            column.clusters.centre[i][c] = (uint16_t)((i + 1) * 256);
    }
    for (uint32_t height = 1; height <= 600; height++)
        for (int strip = 0; strip < N_STRIPS; strip++) {
            uint8_t *rgb = NULL;
            if (strip != STRIP_KMEANS && strip != STRIP_EQUAL)
                continue;
            CHECK_INT(
                render_pixels(&b, (enum strip)strip, &(struct drawing){.height = height, .order = ORDER_SHARE}, &rgb),
                ST_OK);
            bool falls = rgb != NULL;
            for (uint32_t y = 0; falls && y < height; y++)
                falls = rgb[3 * y] >= (y > 0 ? rgb[3 * y - 3] : 1);
            CHECK(falls);
            free(rgb);
        }
}

static void refusals(void)
{
    struct barcode b = barcode;
    uint8_t dummy, *rgb = &dummy;

    b.n_lines = 0;
    CHECK_INT(render_pixels(&b, STRIP_SQUEEZED, &(struct drawing){.height = 10, .order = ORDER_SHARE}, &rgb), ST_USAGE);
    CHECK(rgb == NULL && strstr(status_message(), "squeezed"));
    CHECK_INT(render_pixels(&barcode, STRIP_KMEANS, &(struct drawing){.height = 0, .order = ORDER_SHARE}, &rgb),
              ST_USAGE);
    b.n_columns = 0;
    CHECK_INT(render_pixels(&b, STRIP_KMEANS, &(struct drawing){.height = 10, .order = ORDER_SHARE}, &rgb), ST_USAGE);
    b.n_columns = INT64_MAX;
    CHECK_INT(render_pixels(&b, STRIP_KMEANS, &(struct drawing){.height = 4294967295u, .order = ORDER_SHARE}, &rgb),
              ST_NOMEM);
    CHECK(rgb == NULL);
}

/* What cannot be drawn is known from its size alone. */
static void sizes(void)
{
    const double parts = 1000.0 * sizeof(struct column), picture = 1000.0 * 480 * 3;

    CHECK_INT(render_check_size(1000, 0, 480, parts + picture), ST_OK);
    CHECK_INT(render_check_size(1000, 0, 480, parts + picture - 1), ST_UNSUPPORTED);
    CHECK(strstr(status_message(), "1000 columns and 480 rows") && strstr(status_message(), "--height"));
    CHECK_INT(render_check_size(1000, 270, 480, parts + picture), ST_UNSUPPORTED);
    CHECK_INT(render_check_size(1000, 270, 480, parts + picture + 810000), ST_OK);
    CHECK_INT(render_check_size(2090001, 0, 65535, 64 * 0x1p30), ST_UNSUPPORTED);
    CHECK_INT(render_check_size(0x7fffffff, 0, 1, INFINITY), ST_OK);
    CHECK_INT(render_check_size((int64_t)0x7fffffff + 1, 0, 1, INFINITY), ST_UNSUPPORTED);
    CHECK(strstr(status_message(), "wider than a PNG"));
    CHECK_INT(render_check_size(INT64_MAX, 0, UINT32_MAX, INFINITY), ST_UNSUPPORTED);
}

static void names(void)
{
    static const char *const strip[] = {"kmeans", "average", "prominent", "squeezed", "least", "equal"};
    static const char *const order[] = {"share", "lightness", "hue", "flow"};

    CHECK_INT(N_STRIPS, 6);
    CHECK_INT(N_ORDERS, 4);
    for (int i = 0; i < N_STRIPS; i++)
        CHECK_STR(strip_names[i], strip[i]);
    for (int i = 0; i < N_ORDERS; i++)
        CHECK_STR(order_names[i], order[i]);
}

int main(void)
{
    apportion_cases();
    apportion_32();
    apportion_property();
    orders();
    order_ties();
    order_fractions();
    order_wheel();
    strips();
    squeezed();
    squeezed_uniform();
    every_row_filled();
    refusals();
    names();
    sizes();
    return test_end();
}
