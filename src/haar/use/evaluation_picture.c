/* evaluation_picture: the confusion matrix drawn, with a font of ten digits. A cell's colour depends on the logarithm
 * of its count, relative to the largest of right and of wrong answers: a single confusion is visible beside thousands
 * of right ones. */
#include "haar/use/evaluation.h"

#include "base/mem.h"
#include "compute/haar/weight.h"

#include <inttypes.h>
#include <string.h>

enum {
    FONT_WIDTH = 5,
    FONT_HEIGHT = 7,
    DOT = 2, /* pixels a side of a font's dot */
    ADVANCE = (FONT_WIDTH + 1) * DOT,
    MARGIN = 6, /* between a number and its cell's edge */
    CELL_HEIGHT = FONT_HEIGHT * DOT + 2 * MARGIN + 6
};

/* Rows from the top, the leftmost dot in bit 4. */
static const uint8_t font[10][FONT_HEIGHT] = {
    {0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e}, {0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e},
    {0x0e, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1f}, {0x1f, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0e},
    {0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02}, {0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e},
    {0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e}, {0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08},
    {0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e}, {0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c},
};

struct colour {
    uint8_t c[3];
};

static const struct colour right_colour = {{33, 92, 168}}, wrong_colour = {{190, 24, 38}}, paper = {{255, 255, 255}},
                           ink = {{20, 20, 20}}, head = {{226, 226, 226}}, lines = {{205, 205, 205}};

struct picture {
    uint8_t *rgb;
    uint32_t width, height, cell_width;
};

static void fill(const struct picture *p, uint32_t x, uint32_t y, uint32_t w, uint32_t h, struct colour colour)
{
    for (uint32_t row = y; row < y + h; row++)
        for (uint32_t column = x; column < x + w; column++)
            memcpy(p->rgb + 3 * ((size_t)row * p->width + column), colour.c, 3);
}

static void draw_digit(const struct picture *p, uint32_t x, uint32_t y, int digit, struct colour colour)
{
    for (uint32_t row = 0; row < FONT_HEIGHT; row++)
        for (uint32_t column = 0; column < FONT_WIDTH; column++)
            if (font[digit][row] >> (FONT_WIDTH - 1 - column) & 1)
                fill(p, x + column * DOT, y + row * DOT, DOT, DOT, colour);
}

/* The number in the middle of cell (column, row) of the grid. */
static void draw_number(const struct picture *p, uint32_t column, uint32_t row, int64_t number, struct colour colour)
{
    char digits[24];
    const uint32_t n = (uint32_t)snprintf(digits, sizeof digits, "%" PRId64, number);
    const uint32_t x = column * p->cell_width + (p->cell_width - n * ADVANCE + DOT) / 2;
    const uint32_t y = row * CELL_HEIGHT + (CELL_HEIGHT - FONT_HEIGHT * DOT) / 2;

    for (uint32_t i = 0; i < n; i++)
        draw_digit(p, x + i * ADVANCE, y, digits[i] - '0', colour);
}

/* All but a line at the right and at the bottom. */
static void fill_cell(const struct picture *p, uint32_t column, uint32_t row, struct colour colour)
{
    fill(p, column * p->cell_width, row * CELL_HEIGHT, p->cell_width - 1, CELL_HEIGHT - 1, colour);
}

/* How dark a count is: 0..65536 as its logarithm to that of the largest. */
static int64_t depth_of(int64_t count, int64_t most)
{
    const int64_t log_most = haar_log2((uint64_t)most + 1);

    return log_most > 0 ? haar_log2((uint64_t)count + 1) * (int64_t)HAAR_OCTAVE / log_most : 0;
}

static struct colour mix(struct colour full, int64_t depth)
{
    struct colour colour;

    for (int i = 0; i < 3; i++)
        colour.c[i] = (uint8_t)(paper.c[i] + (full.c[i] - paper.c[i]) * depth / HAAR_OCTAVE);
    return colour;
}

static void draw_cells(const struct picture *p, const struct evaluation *e, const int64_t most[2])
{
    for (int i = 0; i < e->n_classes * e->n_classes; i++) {
        const int label = i / e->n_classes, answer = i % e->n_classes;
        const bool is_right = label == answer;
        const int64_t depth = depth_of(e->confusion[i], most[is_right]);
        const uint32_t column = (uint32_t)answer + 1, row = (uint32_t)label + 1;
        fill_cell(p, column, row, mix(is_right ? right_colour : wrong_colour, depth));
        if (e->confusion[i] > 0 || is_right)
            draw_number(p, column, row, e->confusion[i], depth > HAAR_OCTAVE / 2 ? paper : ink);
    }
}

enum status evaluation_draw_confusion(const struct evaluation *e, uint8_t **rgb, uint32_t *width, uint32_t *height)
{
    const uint32_t n_cells = (uint32_t)e->n_classes + 1;
    int64_t most[2] = {0, 0}, largest;
    struct picture p = {.height = n_cells * CELL_HEIGHT};
    uint32_t n_digits = 2;

    for (int i = 0; i < e->n_classes * e->n_classes; i++) {
        const bool is_right = i / e->n_classes == i % e->n_classes;
        if (e->confusion[i] > most[is_right])
            most[is_right] = e->confusion[i];
    }
    for (largest = (most[0] > most[1] ? most[0] : most[1]) / 100; largest > 0; largest /= 10)
        n_digits++;
    p.cell_width = n_digits * ADVANCE + 2 * MARGIN;
    p.width = n_cells * p.cell_width;
    p.rgb = mem_array((size_t)p.width * p.height, 3);
    *rgb = p.rgb;
    *width = p.width;
    *height = p.height;
    TRY_MEM(p.rgb);
    fill(&p, 0, 0, p.width, p.height, lines);
    for (uint32_t i = 0; i < n_cells; i++) {
        fill_cell(&p, i, 0, head);
        fill_cell(&p, 0, i, head);
        if (i > 0) {
            draw_number(&p, i, 0, i - 1, ink);
            draw_number(&p, 0, i, i - 1, ink);
        }
    }
    draw_cells(&p, e, most);
    return ST_OK;
}
