/* test_bars: black bars in drawn frames of every layout, and what frames say together. */
#include "image/bars.h"

#include "test.h"

#include <stdint.h>

enum { W = 320, H = 240, MOST = 16 };

struct drawing {
    uint16_t y[H][W], u[H][W], v[H][W]; /* of 8 bits, then as the frame has them */
    uint8_t bytes[3][H][W];
};

static struct drawing drawing;
static uint32_t seed;

static int noise(int most)
{
    seed = seed * 1664525u + 1013904223u;
    return (int)((seed >> 16) % (uint32_t)(2 * most + 1)) - most;
}

struct scene {
    struct frame_crop bars;
    int black, bar_noise;    /* luma of the bars; plus and minus */
    int picture, bar_chroma; /* mean luma of the picture; chroma of the bars, 128 neutral */
    bool has_subtitle;       /* letters across the lower bar */
    bool is_white;           /* bars of luma 235 */
};

static void draw(const struct scene *s)
{
    seed = 1;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            const bool is_bar =
                y < s->bars.top || y >= H - s->bars.bottom || x < s->bars.left || x >= W - s->bars.right;
            const bool is_letter = s->has_subtitle && y >= H - s->bars.bottom / 2 - 6 && y < H - s->bars.bottom / 2 &&
                                   x > W / 2 - 12 && x < W / 2 + 12 && x % 3 == 0;
            const int bar = (s->is_white ? 235 : s->black) + noise(s->bar_noise);
            const int picture = s->picture + noise(s->picture / 4) + 20 * ((x / 16 + y / 16) % 2);
            const int luma = is_letter ? 235 : is_bar ? bar : picture;
            drawing.y[y][x] = (uint16_t)(luma < 0 ? 0 : luma > 255 ? 255 : luma);
            drawing.u[y][x] = (uint16_t)(is_bar ? s->bar_chroma : 110);
            drawing.v[y][x] = (uint16_t)(is_bar ? 128 : 150);
        }
}

/* The drawing as 4:4:4 of 8 bits in limited range. */
static struct frame planar(void)
{
    struct frame f = {.n_planes = 3, .width = W, .height = H, .depth = 8, .matrix = FRAME_BT709};

    for (int p = 0; p < 3; p++) {
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++)
                drawing.bytes[p][y][x] = (uint8_t)(p == 0 ? drawing.y : p == 1 ? drawing.u : drawing.v)[y][x];
        f.plane[p] = drawing.bytes[p];
        f.stride[p] = W;
    }
    return f;
}

static void check_crop(const struct frame_crop *found, const struct frame_crop *wanted)
{
    CHECK_INT(found->top, wanted->top);
    CHECK_INT(found->right, wanted->right);
    CHECK_INT(found->bottom, wanted->bottom);
    CHECK_INT(found->left, wanted->left);
}

static void one_frame(const char *name, const struct scene *scene, const struct frame_crop *wanted)
{
    printf("%s\n", name);
    draw(scene);
    const struct frame f = planar();
    const struct bars b = bars_measure(&f);
    CHECK(b.is_exposed);
    check_crop(&b.at, wanted);
}

static void scenes(void)
{
    const struct scene plain = {{30, 0, 30, 0}, 16, 0, 100, 128, false, false};
    struct scene s = plain;

    one_frame("letterbox", &s, &s.bars);
    s.bars = (struct frame_crop){0, 41, 0, 39};
    one_frame("pillarbox", &s, &s.bars);
    s.bars = (struct frame_crop){10, 20, 30, 40};
    one_frame("windowbox", &s, &s.bars);
    s.bar_noise = 6;
    one_frame("noisy bars", &s, &s.bars);
    s = plain;
    s.black = 32;
    one_frame("raised blacks", &s, &s.bars);
    s.black = 8;
    one_frame("blacks below black", &s, &s.bars);
    s = plain;
    s.bars = (struct frame_crop){0};
    one_frame("no bars", &s, &s.bars);
    s = plain;
    s.is_white = true;
    one_frame("white bars", &s, &(struct frame_crop){0});
    s = plain;
    s.bar_chroma = 170;
    one_frame("blue bars", &s, &(struct frame_crop){0});
    s = plain;
    s.has_subtitle = true;
    one_frame("a subtitle", &s, &(struct frame_crop){30, 0, 15, 0});
}

/* Depths, ranges, subsamplings, semi-planar and RGB frames show the same. */
static void layouts(void)
{
    static uint16_t words[3][H][W];
    static uint8_t pairs[H / 2][W], quarter[2][H / 2][W / 2], rgb[3][H][W];
    const struct scene s = {{20, 0, 31, 16}, 16, 2, 120, 128, false, false};
    struct frame f;
    struct bars b;

    draw(&s);
    f = planar();
    for (int depth = 9; depth <= 16; depth++)
        for (int shift = 0; shift <= 16 - depth; shift += 16 - depth > 0 ? 16 - depth : 1) {
            for (int p = 0; p < 3; p++) {
                for (int y = 0; y < H; y++)
                    for (int x = 0; x < W; x++)
                        words[p][y][x] = (uint16_t)(drawing.bytes[p][y][x] << (depth - 8) << shift);
                f.plane[p] = words[p];
                f.stride[p] = 2 * W;
            }
            f.depth = depth;
            f.shift = shift;
            b = bars_measure(&f);
            CHECK(b.is_exposed);
            check_crop(&b.at, &s.bars);
        }

    f = planar();
    f.chroma_w_log2 = f.chroma_h_log2 = 1;
    for (int y = 0; y < H / 2; y++)
        for (int x = 0; x < W / 2; x++) {
            quarter[0][y][x] = pairs[y][2 * x] = drawing.bytes[1][2 * y][2 * x];
            quarter[1][y][x] = pairs[y][2 * x + 1] = drawing.bytes[2][2 * y][2 * x];
        }
    for (int p = 1; p < 3; p++) {
        f.plane[p] = quarter[p - 1];
        f.stride[p] = W / 2;
    }
    b = bars_measure(&f);
    check_crop(&b.at, &s.bars);
    f.n_planes = 2;
    f.plane[1] = pairs;
    f.stride[1] = W;
    b = bars_measure(&f);
    check_crop(&b.at, &s.bars);
    f.n_planes = 1;
    b = bars_measure(&f);
    check_crop(&b.at, &s.bars);

    f = planar();
    f.matrix = FRAME_RGB;
    f.full_range = true;
    for (int p = 0; p < 3; p++) {
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++)
                rgb[p][y][x] = (uint8_t)(drawing.y[y][x] > 30 ? drawing.y[y][x] : 0);
        f.plane[p] = rgb[p];
    }
    b = bars_measure(&f);
    check_crop(&b.at, &s.bars);
    memset(rgb[2], 60, sizeof rgb[2]); /* red bars */
    b = bars_measure(&f);
    check_crop(&b.at, &(struct frame_crop){0});
}

/* --- together ----------------------------------------------------------------------------------------------------- */

struct film {
    const char *name;
    struct bars frame[MOST]; /* the last one said stands for all others */
    int n;
    int width, height, chroma; /* log2, both ways */
    enum bars_verdict verdict;
    struct frame_crop crop;
};

static void films(void)
{
    static const struct film all[] = {
        {"none", {{true, {0, 0, 0, 0}}}, 1, 1280, 720, 1, BARS_NONE, {0}},
        {"letterbox", {{true, {88, 0, 88, 0}}}, 9, 1280, 720, 1, BARS_FOUND, {88, 0, 88, 0}},
        {"rounded inwards", {{true, {87, 0, 87, 0}}}, 9, 1280, 720, 1, BARS_FOUND, {88, 0, 88, 0}},
        {"4:4:4", {{true, {87, 0, 87, 0}}}, 9, 1280, 720, 0, BARS_FOUND, {87, 0, 87, 0}},
        {"an odd height", {{true, {44, 0, 45, 0}}}, 9, 640, 361, 1, BARS_FOUND, {44, 0, 45, 0}},
        {"below 1 %", {{true, {7, 12, 7, 12}}}, 9, 1280, 720, 1, BARS_NONE, {0}},
        {"a fade-in",
         {{false, {720, 1280, 720, 1280}}, {false, {200, 0, 200, 0}}, {true, {88, 0, 88, 0}}},
         9,
         1280,
         720,
         1,
         BARS_FOUND,
         {88, 0, 88, 0}},
        {"a dark film", {{false, {200, 300, 200, 300}}}, 9, 1280, 720, 1, BARS_UNKNOWN, {0}},
        {"one scene of full height", {{true, {0, 0, 0, 0}}, {true, {88, 0, 88, 0}}}, 16, 1280, 720, 1, BARS_NONE, {0}},
        {"one scene of more height",
         {{true, {40, 0, 40, 0}}, {true, {88, 0, 88, 0}}},
         16,
         1280,
         720,
         1,
         BARS_FOUND,
         {40, 0, 40, 0}},
        {"a subtitle", {{false, {88, 0, 31, 0}}, {true, {88, 0, 88, 0}}}, 16, 1280, 720, 1, BARS_FOUND, {88, 0, 32, 0}},
        {"a noisy edge",
         {{true, {86, 0, 85, 0}}, {true, {88, 0, 88, 0}}},
         16,
         1280,
         720,
         1,
         BARS_FOUND,
         {88, 0, 88, 0}},
        {"each its own dark edge",
         {{true, {40, 0, 0, 0}},
          {true, {55, 0, 0, 0}},
          {true, {70, 0, 0, 0}},
          {true, {85, 0, 0, 0}},
          {true, {100, 0, 0, 0}},
          {true, {115, 0, 0, 0}},
          {true, {130, 0, 0, 0}},
          {true, {145, 0, 0, 0}}},
         8,
         1280,
         720,
         1,
         BARS_NONE,
         {0}},
        {"too little left", {{true, {150, 160, 150, 160}}}, 9, 640, 480, 1, BARS_MISTAKEN, {0}},
        {"no frame", {{false, {0, 0, 0, 0}}}, 0, 640, 480, 1, BARS_UNKNOWN, {0}},
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const struct film *f = &all[i];
        struct bars bars[MOST];
        struct frame_crop crop;
        int n_said = MOST;
        while (n_said > 1 && !f->frame[n_said - 1].is_exposed && f->frame[n_said - 1].at.top == 0 &&
               f->frame[n_said - 1].at.left == 0)
            n_said--;
        for (int j = 0; j < f->n; j++)
            bars[j] = f->frame[j < n_said ? j : n_said - 1];
        printf("%s\n", f->name);
        CHECK_INT(bars_join(bars, f->n, f->width, f->height, f->chroma, f->chroma, &crop), f->verdict);
        check_crop(&crop, &f->crop);
    }
}

/* The window of a frame: its planes, moved to its corner. */
static void windows(void)
{
    const struct frame_crop crop = {10, 20, 30, 41};
    struct frame f = planar(), w = frame_window(&f, &crop, W, H);

    CHECK_INT(w.width, W - 61);
    CHECK_INT(w.height, H - 40);
    CHECK(w.plane[2] == &drawing.bytes[2][10][41]);
    f.chroma_w_log2 = f.chroma_h_log2 = 1; /* begins at a whole chroma sample */
    w = frame_window(&f, &crop, W, H);
    CHECK_INT(w.width, W - 62);
    CHECK(w.plane[0] == &drawing.bytes[0][10][42] && w.plane[1] == &drawing.bytes[1][5][21]);
    f.n_planes = 2;
    w = frame_window(&f, &crop, W, H);
    CHECK(w.plane[1] == &drawing.bytes[1][5][42]);
    w = frame_window(&f, &crop, 2 * W, 2 * H); /* a frame of half the size */
    CHECK_INT(w.width, W - 10 - 22);
    CHECK_INT(w.height, H - 6 - 15);
    f.width = f.height = 1;
    w = frame_window(&f, &crop, W, H);
    CHECK(w.width == 1 && w.height == 1 && w.plane[0] == f.plane[0]);
}

int main(void)
{
    scenes();
    layouts();
    films();
    windows();
    return test_end();
}
