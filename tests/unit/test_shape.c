/* test_shape: columns by area and over time, against what follows by hand: unchanged widths, doubled columns, halves,
 * averages of light, merged clusters, windows and cuts. */
#include "barcode/shape.h"

#include "image/transfer.h"
#include "unit/test.h"

enum { N = 12, LINES = 2, PIXELS = 1000 };

static struct transfer transfer;

static void set_column(struct column *c, double time, uint8_t grey, uint8_t red)
{
    c->time = time;
    c->frame = (int64_t)(10 * time);
    c->clusters = (struct frame_clusters){.n = 2, .count = {600, 400}};
    for (int i = 0; i < 3; i++) {
        c->clusters.centre[0][i] = (uint16_t)(256 * grey);
        c->clusters.centre[1][i] = (uint16_t)(256 * (i == 0 ? red : 0));
        c->mean[i] = 256u * grey;
        c->lines[i] = grey;
        c->lines[3 + i] = 255;
    }
    memcpy(c->native, c->clusters.centre, sizeof c->native);
}

static struct barcode make(void)
{
    struct barcode b = {.n_columns = N, .n_lines = LINES, .columns = calloc(N, sizeof *b.columns)};

    for (int i = 0; i < N; i++) {
        b.columns[i].lines = calloc(LINES, 3);
        set_column(&b.columns[i], i, (uint8_t)(100 + i), (uint8_t)(200 - i));
    }
    return b;
}

static bool is_same(const struct column *a, const struct column *b)
{
    return a->time == b->time && a->frame == b->frame && a->clusters.n == b->clusters.n &&
           memcmp(a->clusters.centre, b->clusters.centre, sizeof a->clusters.centre) == 0 &&
           memcmp(a->clusters.count, b->clusters.count, sizeof a->clusters.count) == 0 &&
           memcmp(a->mean, b->mean, sizeof a->mean) == 0 && memcmp(a->lines, b->lines, 3 * LINES) == 0;
}

static struct column *shape(const struct barcode *b, struct shape how, int64_t wanted)
{
    struct column *columns;
    int64_t n;

    CHECK(shape_is_needed(&how, b));
    if (!CHECK_INT(shape_columns(b, &how, &columns, &n), ST_OK) || !CHECK_INT(n, wanted))
        exit(1);
    return columns;
}

static void widths(void)
{
    struct barcode b = make();
    const struct shape none = {0}, same = {.width = N};

    CHECK(!shape_is_needed(&none, &b) && !shape_is_needed(&same, &b));
    struct column *twice = shape(&b, (struct shape){.width = 2 * N}, 2 * N);
    for (int i = 0; i < 2 * N; i++)
        CHECK(is_same(&twice[i], &b.columns[i / 2]));
    shape_release(&twice, 2 * N);

    struct column *half = shape(&b, (struct shape){.width = N / 2}, N / 2);
    for (int i = 0; i < N / 2; i++) {
        const uint8_t v = (uint8_t)(100 + 2 * i);
        const uint64_t light = (uint64_t)transfer.linear[v] + transfer.linear[v + 1];
        CHECK_INT(half[i].mean[1], transfer_encode_mean(&transfer, light, 2));
        CHECK_INT(half[i].lines[0], transfer_encode(&transfer, (uint32_t)((light + 1) / 2)));
        CHECK_INT(half[i].lines[4], 255);
        CHECK_INT(half[i].clusters.n, 2); /* greys with greys, reds with reds: half way between */
        CHECK_INT(half[i].clusters.centre[0][0], 256 * v + 128);
        CHECK_INT(half[i].clusters.centre[1][0], 256 * (200 - 2 * i) - 128);
        CHECK_INT(half[i].clusters.centre[1][1], 0);
        const double share =
            half[i].clusters.count[0] / (double)(half[i].clusters.count[0] + half[i].clusters.count[1]);
        CHECK(share > 0.5999 && share < 0.6001);
        CHECK_INT(half[i].frame, 10 * (2 * i + 1));
    }
    shape_release(&half, N / 2);

    /* 12 columns in 8: every other result is one column and a half of the next, 2 to 1. */
    struct column *some = shape(&b, (struct shape){.width = 8}, 8);
    const uint64_t light = 2 * (uint64_t)transfer.linear[100] + transfer.linear[101];
    CHECK_INT(some[0].mean[0], transfer_encode_mean(&transfer, light, 3));
    CHECK_INT(some[0].clusters.centre[0][2], (2 * (2 * 256 * 100 + 256 * 101) + 3) / 6);
    shape_release(&some, 8);

    struct column *one = shape(&b, (struct shape){.width = 1}, 1);
    CHECK_INT(one[0].clusters.n, 2);
    CHECK(one[0].clusters.centre[0][0] > 256 * 104 && one[0].clusters.centre[0][0] < 256 * 107);
    shape_release(&one, 1);
    barcode_release(&b);
}

static void windows(void)
{
    struct barcode b = make();

    struct column *alone = shape(&b, (struct shape){.smooth_ms = 1000}, N); /* half a second to each side: none */
    for (int i = 0; i < N; i++) {
        CHECK_INT(alone[i].mean[0], b.columns[i].mean[0]);
        CHECK(memcmp(alone[i].clusters.centre, b.columns[i].clusters.centre, sizeof alone[i].clusters.centre) == 0);
    }
    shape_release(&alone, N);

    struct column *three = shape(&b, (struct shape){.smooth_ms = 2000}, N);
    const uint64_t light = (uint64_t)transfer.linear[104] + transfer.linear[105] + transfer.linear[106];
    CHECK_INT(three[5].mean[0], transfer_encode_mean(&transfer, light, 3));
    CHECK_INT(three[0].mean[0],
              transfer_encode_mean(&transfer, (uint64_t)transfer.linear[100] + transfer.linear[101], 2));
    CHECK_INT(three[5].clusters.n, 2);
    CHECK_INT(three[5].frame, 50);
    shape_release(&three, N);

    struct column *both = shape(&b, (struct shape){.width = 4, .smooth_ms = 2000}, 4);
    CHECK_INT(both[0].clusters.n, 2);
    shape_release(&both, 4);

    /* A cut: what lies behind it is another picture, and stays out. */
    for (int i = 6; i < N; i++)
        set_column(&b.columns[i], i, 250, 20);
    struct column *over = shape(&b, (struct shape){.smooth_ms = 4000}, N);
    CHECK(over[5].mean[0] > b.columns[5].mean[0] + 256 * 20);
    shape_release(&over, N);
    struct column *kept = shape(&b, (struct shape){.smooth_ms = 4000, .keeps_cuts = true}, N);
    CHECK(kept[5].mean[0] < b.columns[5].mean[0]);
    for (int i = 6; i < N; i++)
        CHECK_INT(kept[i].mean[0], 256 * 250);
    shape_release(&kept, N);
    barcode_release(&b);
}

/* In another space the native centres are averaged, and come back as sRGB. */
static void spaces(void)
{
    struct barcode b = make();
    struct space_back back;
    uint16_t rgb[3];

    b.space = (struct space_rules){SPACE_OKLAB, 512};
    space_back_init(&back, &b.space);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < 2; j++) {
            const uint16_t native[3] = {(uint16_t)(256 * (60 + 100 * j)), (uint16_t)(256 * 120), (uint16_t)(256 * 140)};
            memcpy(b.columns[i].native[j], native, sizeof native);
            space_decode(&back, native, b.columns[i].clusters.centre[j]);
        }
    struct column *half = shape(&b, (struct shape){.width = N / 2}, N / 2);
    for (int i = 0; i < N / 2; i++)
        for (int j = 0; j < 2; j++) {
            CHECK_INT(half[i].native[j][0], 256 * (60 + 100 * j));
            space_decode(&back, half[i].native[j], rgb);
            CHECK(memcmp(half[i].clusters.centre[j], rgb, sizeof rgb) == 0);
        }
    shape_release(&half, N / 2);
    barcode_release(&b);
}

/* Many colours in many columns: never more than there were, all of the area. */
static void many(void)
{
    struct barcode b = make();

    for (int i = 0; i < N; i++) {
        struct frame_clusters *k = &b.columns[i].clusters;
        k->n = i % 2 ? COMPUTE_MAX_K : 3;
        for (int j = 0; j < k->n; j++) {
            k->count[j] = (uint32_t)(1 + (j * 7919 + i * 104729) % 5000);
            for (int c = 0; c < 3; c++)
                k->centre[j][c] = (uint16_t)(((unsigned)j * 2654435761u + (unsigned)(i * c) * 40503u) % 65281);
        }
        clusters_arrange(k);
    }
    for (uint32_t width = 1; width < 2 * N; width++) {
        if (width == N)
            continue;
        struct column *columns = shape(&b, (struct shape){.width = width}, width);
        for (uint32_t x = 0; x < width; x++) {
            CHECK(columns[x].clusters.n >= 3 && columns[x].clusters.n <= COMPUTE_MAX_K);
            for (int j = 1; j < columns[x].clusters.n; j++)
                CHECK(columns[x].clusters.count[j - 1] >= columns[x].clusters.count[j] &&
                      columns[x].clusters.count[j] > 0);
        }
        shape_release(&columns, width);
    }
    barcode_release(&b);
}

int main(void)
{
    transfer_init(&transfer, false);
    widths();
    windows();
    spaces();
    many();
    return test_end();
}
