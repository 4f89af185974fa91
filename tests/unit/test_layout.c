/* test_layout: strips bent into rings and rows: where which pixel goes, and what stays black. */
#include "barcode/layout.h"

#include "unit/test.h"

enum { H = 40, SIDE = 3 * H };

static struct picture strip_of(uint32_t width)
{
    struct picture p = {malloc((size_t)width * H * 3), width, H};

    for (uint32_t y = 0; y < H; y++)
        for (uint32_t x = 0; x < width; x++) {
            uint8_t *rgb = p.rgb + 3 * (y * width + x);
            rgb[0] = (uint8_t)(10 + x);
            rgb[1] = (uint8_t)(y < H / 2 ? 200 : 100); /* outside and inside */
            rgb[2] = 7;
        }
    return p;
}

static bool is_at(const struct picture *p, int x, int y, int red, int green)
{
    const uint8_t *rgb = p->rgb + 3 * (y * (int)p->width + x);
    const bool is_right = rgb[0] == red && rgb[1] == green && rgb[2] == (red ? 7 : 0);

    if (!is_right)
        printf("    %d,%d is %d %d %d, not %d %d\n", x, y, rgb[0], rgb[1], rgb[2], red, green);
    return is_right;
}

/* Eight columns, 45 degrees each: in the middle of each, outside and inside. */
static void circle(void)
{
    static const double middle[8][2] = {{.3827, -.9239}, {.9239, -.3827}, {.9239, .3827},   {.3827, .9239},
                                        {-.3827, .9239}, {-.9239, .3827}, {-.9239, -.3827}, {-.3827, -.9239}};
    struct picture p = strip_of(8);

    if (!CHECK_INT(layout_bend(&(struct layout){LAYOUT_CIRCLE, 0}, NULL, &p), ST_OK))
        return;
    CHECK_INT(p.width, SIDE);
    CHECK_INT(p.height, SIDE);
    for (int i = 0; i < 8; i++)
        for (int inside = 0; inside < 2; inside++) {
            const double r = inside ? .75 * H : 1.25 * H;
            CHECK(is_at(&p, (int)(SIDE / 2 + r * middle[i][0]), (int)(SIDE / 2 + r * middle[i][1]), 10 + i,
                        inside ? 100 : 200));
        }
    CHECK(is_at(&p, 0, 0, 0, 0) && is_at(&p, SIDE - 1, SIDE - 1, 0, 0));                    /* corners */
    CHECK(is_at(&p, SIDE / 2, SIDE / 2, 0, 0) && is_at(&p, SIDE / 2 + 15, SIDE / 2, 0, 0)); /* the hole */
    CHECK(is_at(&p, SIDE / 2, 0, 10, 200) && is_at(&p, SIDE / 2 - 1, 1, 17, 200)); /* the top: first and last */
    free(p.rgb);
}

static void rows(void)
{
    struct column columns[10] = {0};
    struct picture p = strip_of(10);
    const uint32_t gap = H / 20;

    for (int i = 0; i < 10; i++)
        columns[i].time = i < 4 ? i : 30.0 + i; /* 0..3, 34..39 */
    if (!CHECK_INT(layout_bend(&(struct layout){LAYOUT_ROWS, 12000}, columns, &p), ST_OK))
        return;
    CHECK_INT(p.width, 4); /* 0..12 s: 4, 12..24: none, 24..36: 34 and 35, 36..48: 4 */
    CHECK_INT(p.height, 4 * H + 3 * gap);
    for (int x = 0; x < 4; x++) {
        CHECK(is_at(&p, x, 0, 10 + x, 200) && is_at(&p, x, H - 1, 10 + x, 100));
        CHECK(is_at(&p, x, H, 0, 0));
        CHECK(is_at(&p, x, (int)(H + gap), 0, 0));
        CHECK(is_at(&p, x, (int)(2 * (H + gap)), x < 2 ? 14 + x : 0, x < 2 ? 200 : 0));
        CHECK(is_at(&p, x, (int)(3 * (H + gap) + H - 1), 16 + x, 100));
    }
    free(p.rgb);

    p = strip_of(10);
    columns[9].time = 1e9;
    CHECK_INT(layout_bend(&(struct layout){LAYOUT_ROWS, 1000}, columns, &p), ST_UNSUPPORTED);
    CHECK(p.rgb == NULL);
}

static void strips(void)
{
    struct picture p = strip_of(3);

    CHECK_INT(layout_bend(&(struct layout){LAYOUT_STRIP, 0}, NULL, &p), ST_OK);
    CHECK(p.width == 3 && p.height == H && is_at(&p, 2, 0, 12, 200));
    free(p.rgb);
}

int main(void)
{
    strips();
    circle();
    rows();
    return test_end();
}
