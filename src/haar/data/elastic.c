/* elastic: smooth random distortion of a small image. Displacements are made on a field of 28 x 28 cells that is laid
 * over the image, so that every size is distorted by the same share of itself. Places and displacements are in 1/65536
 * pixel or cell. Assumes 1 to 64 pixels a side, and that >> of a negative number rounds down, as it does with gcc and
 * clang. */
#include "haar/data/elastic.h"

#include "base/rng.h"
#include "base/clones.h"

#include <string.h>

enum {
    FIELD = 28,
    ROW = 32, /* cells of a field's row in memory: a multiple of every vector length */
    REACH = 12,
    TAPS = 2 * REACH + 1,
    ALPHA = 24, /* displacement for a field of ones, in cells: gives a standard deviation of about one cell */
    ONE = 1 << 16,
    MOST_ROTATION = 5243,  /* 0.08 rad */
    MOST_STRETCH = 3932,   /* 6 % */
    PITCH = 68,            /* of an image of up to 64 pixels with black around: one before, two behind */
    USED_FOR = 0x656c6173u /* separates these random numbers from others of the same seed */
};

/* exp(-k^2 / 32), k = -12..12: sigma 4. The sum is 2^14. */
static const int16_t gauss[TAPS] = {18,   37,   72,   130, 222, 354, 531, 749, 993, 1236, 1445, 1587, 1636,
                                    1587, 1445, 1236, 993, 749, 531, 354, 222, 130, 72,   37,   18};

struct room {
    int16_t noise[2][FIELD + 2 * REACH][ROW];    /* zero around, in 1/2^14: dx, dy */
    int16_t smooth_y[2][FIELD][ROW + 2 * REACH]; /* smoothed down the columns; zero around */
    int32_t field[2][FIELD][ROW];                /* smoothed, times ALPHA */
    int32_t blend[2][ROW];                       /* the field between two rows */
    uint32_t index[PITCH], weight_x[PITCH], weight_y[PITCH];
    uint8_t black[PITCH * PITCH]; /* the image, framed */
    uint32_t quad[PITCH * PITCH]; /* a pixel (low byte), its right, its lower and its lower right neighbour */
};
_Static_assert(sizeof(struct room) <= ELASTIC_SCRATCH_BYTES, "scratch");

/* Where a pixel lies on the field: cell + part / 256. */
struct spot {
    int32_t cell, part;
};

struct affine {
    int32_t xx, xy, yx, yy;
};

static void draw_noise(struct room *r, uint64_t seed, int64_t image, int copy)
{
    const uint32_t low = (uint32_t)image, high = (uint32_t)((uint64_t)image >> 32) ^ USED_FOR;

    memset(r->noise, 0, sizeof r->noise);
    for (uint32_t n = 0; n < FIELD * FIELD; n += 4) {
        const struct rng_block b = rng_philox(seed, low, high, (uint32_t)copy, n / 4);
        for (uint32_t i = 0; i < 4; i++)
            for (int axis = 0; axis < 2; axis++)
                r->noise[axis][REACH + n / FIELD][n % FIELD + i] = (int16_t)((int16_t)(b.word[i] >> 16 * axis) >> 1);
    }
}

static int32_t between(uint32_t word, int32_t most)
{
    return (int32_t)((int64_t)(int32_t)word * most >> 31);
}

static struct affine draw_affine(uint64_t seed, int64_t image, int copy)
{
    const struct rng_block b = rng_philox(seed, (uint32_t)image, (uint32_t)((uint64_t)image >> 32) ^ USED_FOR,
                                          (uint32_t)copy, FIELD * FIELD / 4);
    const int32_t rotation = between(b.word[0], MOST_ROTATION);
    const struct affine a = {.xx = ONE + between(b.word[1], MOST_STRETCH),
                             .xy = between(b.word[2], MOST_STRETCH) - rotation,
                             .yx = rotation,
                             .yy = ONE + between(b.word[3], MOST_STRETCH)};
    return a;
}

CPU_CLONES static void smooth(struct room *r)
{
    memset(r->smooth_y, 0, sizeof r->smooth_y);
    for (int axis = 0; axis < 2; axis++)
        for (int y = 0; y < FIELD; y++) {
            int32_t sum[ROW] = {0};
            for (int k = 0; k < TAPS; k++)
                for (int x = 0; x < ROW; x++)
                    sum[x] += gauss[k] * r->noise[axis][y + k][x];
            for (int x = 0; x < ROW; x++)
                r->smooth_y[axis][y][REACH + x] = (int16_t)(sum[x] >> 14);
        }
    for (int axis = 0; axis < 2; axis++)
        for (int y = 0; y < FIELD; y++) {
            int32_t sum[ROW] = {0};
            for (int k = 0; k < TAPS; k++)
                for (int x = 0; x < ROW; x++)
                    sum[x] += gauss[k] * r->smooth_y[axis][y][x + k];
            for (int x = 0; x < ROW; x++) /* 2^28 is one */
                r->field[axis][y][x] = (sum[x] >> 10) * ALPHA >> 2;
        }
}

CPU_CLONES static void frame(struct room *r, const uint8_t *in, int width, int height)
{
    memset(r->black, 0, (size_t)(height + 3) * PITCH);
    for (int y = 0; y < height; y++)
        memcpy(r->black + (y + 1) * PITCH + 1, in + y * width, (size_t)width);
    for (int i = 0; i < (height + 2) * PITCH - 1; i++)
        r->quad[i] = (uint32_t)r->black[i] | (uint32_t)r->black[i + 1] << 8 | (uint32_t)r->black[i + PITCH] << 16 |
                     (uint32_t)r->black[i + PITCH + 1] << 24;
}

/* The middle of pixel i of n on the field; pixels beyond the middle of the outermost cells take these. */
static struct spot spot_of(int i, int n)
{
    const int32_t at = ((2 * i + 1) * FIELD * 256 / n - 256) / 2;
    const int32_t inside = at < 0 ? 0 : at > (FIELD - 1) * 256 ? (FIELD - 1) * 256 : at;
    const int32_t cell = inside / 256 < FIELD - 2 ? inside / 256 : FIELD - 2;
    const struct spot spot = {cell, inside - cell * 256};

    return spot;
}

static int32_t within(int32_t place, int size)
{
    return place < -ONE ? -ONE : place > size * ONE ? size * ONE : place;
}

CPU_CLONES static void blend_rows(struct room *r, struct spot spot)
{
    for (int axis = 0; axis < 2; axis++)
        for (int x = 0; x < ROW; x++) {
            const int32_t above = r->field[axis][spot.cell][x], below = r->field[axis][spot.cell + 1][x];
            r->blend[axis][x] = above + ((below - above) * spot.part >> 8);
        }
}

/* Bilinear between the four of a quad, to the nearest; outside is black. */
CPU_CLONES static void sample_row(const struct room *r, int width, uint8_t *restrict out)
{
    for (int x = 0; x < width; x++) {
        const uint32_t quad = r->quad[r->index[x]], right = r->weight_x[x], below = r->weight_y[x];
        const uint32_t top = (quad & 255) * (256 - right) + (quad >> 8 & 255) * right;
        const uint32_t bottom = (quad >> 16 & 255) * (256 - right) + (quad >> 24) * right;
        out[x] = (uint8_t)((top * (256 - below) + bottom * below + (1 << 15)) >> 16);
    }
}

void elastic_copy(uint64_t seed, int64_t image, int copy, const uint8_t *in, int width, int height, uint8_t *out,
                  void *scratch)
{
    struct room *r = scratch;
    const struct affine a = draw_affine(seed, image, copy);
    struct spot across[PITCH];

    draw_noise(r, seed, image, copy);
    smooth(r);
    frame(r, in, width, height);
    for (int x = 0; x < width; x++)
        across[x] = spot_of(x, width);
    for (int y = 0; y < height; y++) {
        const int32_t dy = 2 * y - (height - 1); /* from the middle, in half pixels */
        blend_rows(r, spot_of(y, height));
        for (int x = 0; x < width; x++) {
            const int32_t dx = 2 * x - (width - 1), cell = across[x].cell, part = across[x].part;
            const int32_t *shift_x = r->blend[0] + cell, *shift_y = r->blend[1] + cell;
            const int32_t by_x = (shift_x[0] + ((shift_x[1] - shift_x[0]) * part >> 8)) * width / FIELD;
            const int32_t by_y = (shift_y[0] + ((shift_y[1] - shift_y[0]) * part >> 8)) * height / FIELD;
            const int32_t from_x = within((width - 1) * (ONE / 2) + ((dx * a.xx + dy * a.xy) >> 1) + by_x, width);
            const int32_t from_y = within((height - 1) * (ONE / 2) + ((dx * a.yx + dy * a.yy) >> 1) + by_y, height);
            r->index[x] = (uint32_t)(((from_y >> 16) + 1) * PITCH + (from_x >> 16) + 1);
            r->weight_x[x] = (uint32_t)(from_x >> 8 & 255);
            r->weight_y[x] = (uint32_t)(from_y >> 8 & 255);
        }
        sample_row(r, width, out + y * width);
    }
}
