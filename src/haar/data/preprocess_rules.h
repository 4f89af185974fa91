/* preprocess_rules: deskewing and gradient channels of a small grey image, u8 [height, width], 1 to 64 pixels a side.
 * Integers only, the same bits everywhere; C99 or C++ and <stdint.h>, nothing else. */
#ifndef JACQUARD_HAAR_DATA_PREPROCESS_RULES_H
#define JACQUARD_HAAR_DATA_PREPROCESS_RULES_H

#include <stdint.h>

/* Places are in 1/65536 pixel. */
#define JQ_ONE 65536

/* floor(a / 2^bits); >> of a negative number is the compiler's choice in C99. */
static inline int64_t jq_floor_shift(int64_t a, int bits)
{
    return a >= 0 ? a >> bits : -((-a - 1) >> bits) - 1;
}

/* a / b in 1/65536, rounded to nearest, limited to -1..1; b > 0, both below 2^53. */
static inline int32_t jq_ratio(int64_t a, int64_t b)
{
    const int64_t size = a < 0 ? -a : a;
    int64_t q, rest;

    if (size >= b)
        return a < 0 ? -JQ_ONE : JQ_ONE;
    q = size * 256 / b; /* long division, two digits of 8 bits: size * 65536 would not fit */
    rest = size * 256 % b;
    q = q * 256 + (rest * 256 + b / 2) / b;
    return (int32_t)(a < 0 ? -q : q);
}

/* Pixel (x, y), black outside. */
static inline int32_t jq_pixel(const uint8_t *in, int width, int height, int32_t x, int32_t y)
{
    return x >= 0 && x < width && y >= 0 && y < height ? in[y * width + x] : 0;
}

/* The image at a place between four pixels, bilinear, rounded to nearest. */
static inline uint8_t jq_sample(const uint8_t *in, int width, int height, int32_t x, int32_t y)
{
    const int32_t column = (int32_t)jq_floor_shift(x, 16), row = (int32_t)jq_floor_shift(y, 16);
    const int32_t right = x - column * JQ_ONE, below = y - row * JQ_ONE;
    const int64_t top = (int64_t)jq_pixel(in, width, height, column, row) * (JQ_ONE - right) +
                        (int64_t)jq_pixel(in, width, height, column + 1, row) * right;
    const int64_t bottom = (int64_t)jq_pixel(in, width, height, column, row + 1) * (JQ_ONE - right) +
                           (int64_t)jq_pixel(in, width, height, column + 1, row + 1) * right;

    return (uint8_t)((top * (JQ_ONE - below) + bottom * below + ((int64_t)1 << 31)) >> 32);
}

/* Upright and centred, by moments: the centre of mass goes to the middle, rows are shifted so that x and y no longer
 * correlate, by at most one pixel a row. What is shifted out is lost. out: u8 [height, width], not in. */
static inline void jq_deskew(const uint8_t *in, int width, int height, uint8_t *out)
{
    int64_t mass = 0, sum_x = 0, sum_y = 0, sum_xy = 0, sum_yy = 0; /* with x, y < 64 below 2^33 */
    int32_t centre_x = (width - 1) * (JQ_ONE / 2), centre_y = (height - 1) * (JQ_ONE / 2), slant = 0;
    int x, y;

    for (y = 0; y < height; y++)
        for (x = 0; x < width; x++) {
            const int64_t p = in[y * width + x];
            mass += p;
            sum_x += p * x;
            sum_y += p * y;
            sum_xy += p * x * y;
            sum_yy += p * y * y;
        }
    if (mass > 0) {
        const int64_t mu_xy = mass * sum_xy - sum_x * sum_y; /* mass^2 times the central moments, below 2^53 */
        const int64_t mu_yy = mass * sum_yy - sum_y * sum_y;
        centre_x = (int32_t)((sum_x * JQ_ONE + mass / 2) / mass);
        centre_y = (int32_t)((sum_y * JQ_ONE + mass / 2) / mass);
        slant = mu_yy > 0 ? jq_ratio(mu_xy, mu_yy) : 0;
    }
    for (y = 0; y < height; y++) {
        const int32_t twice_up = 2 * y - (height - 1); /* from the middle, in half pixels */
        const int32_t from_y = centre_y + twice_up * (JQ_ONE / 2);
        const int32_t shift = (int32_t)jq_floor_shift((int64_t)twice_up * slant + 1, 1);
        for (x = 0; x < width; x++)
            out[y * width + x] =
                jq_sample(in, width, height, centre_x + (2 * x - (width - 1)) * (JQ_ONE / 2) + shift, from_y);
    }
}

/* floor(sqrt(n)), n < 2^18 */
static inline int32_t jq_root(int32_t n)
{
    int32_t root = 0, bit;

    for (bit = 256; bit > 0; bit /= 2)
        if ((root + bit) * (root + bit) <= n)
            root += bit;
    return root;
}

/* Gradient magnitude, limited to 255, in four orientations of the gradient, 0, 45, 90 and 135 degrees from the x axis
 * to the y axis (down), opposite ones alike: shared between the two nearest. Central differences; the border repeats.
 * out: u8 [4, height, width]. */
static inline void jq_gradient(const uint8_t *in, int width, int height, uint8_t *out)
{
    const int n_pixels = width * height;
    int x, y, channel;

    for (y = 0; y < height; y++)
        for (x = 0; x < width; x++) {
            const uint8_t *row = in + y * width;
            const int32_t gx = row[x + 1 < width ? x + 1 : x] - row[x > 0 ? x - 1 : x];
            const int32_t gy = in[(y + 1 < height ? y + 1 : y) * width + x] - in[(y > 0 ? y - 1 : y) * width + x];
            const int32_t across = gx < 0 ? -gx : gx, down = gy < 0 ? -gy : gy;
            const int32_t more = across > down ? across : down, less = across > down ? down : across;
            uint8_t *to = out + y * width + x;

            for (channel = 0; channel < 4; channel++)
                to[channel * n_pixels] = 0;
            if (more > 0) {
                /* the angle to the nearer axis in 1/256 of 45 degrees: atan(t) 4 / pi = t + 0.348 t (1 - t) + .. */
                const int32_t t = (less * 256 + more / 2) / more;
                const int32_t part = t + (89 * t * (256 - t) + JQ_ONE / 2) / JQ_ONE;
                const int32_t size = jq_root(gx * gx + gy * gy);
                const int32_t oblique = (size * part + 128) / 256, straight = size - oblique;
                to[(across >= down ? 0 : 2) * n_pixels] = (uint8_t)(straight > 255 ? 255 : straight);
                to[((gx < 0) == (gy < 0) ? 1 : 3) * n_pixels] = (uint8_t)(oblique > 255 ? 255 : oblique);
            }
        }
}

#endif
