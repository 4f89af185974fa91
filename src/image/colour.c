#include "image/colour.h"

#include <math.h>

double colour_lightness(const double rgb[3])
{
    const double y = 0.2126 * transfer_light(rgb[0] / 255.0) + 0.7152 * transfer_light(rgb[1] / 255.0) +
                     0.0722 * transfer_light(rgb[2] / 255.0);

    return y > 216.0 / 24389.0 ? 116.0 * cbrt(y) - 16.0 : y * 24389.0 / 27.0;
}

void colour_hue_chroma(const double rgb[3], double *hue, double *chroma)
{
    static const double turn = 6.283185307179586; /* radians */
    const double r = rgb[0] / 255.0, g = rgb[1] / 255.0, b = rgb[2] / 255.0;
    const double most = fmax(r, fmax(g, b)), range = most - fmin(r, fmin(g, b));
    double sixth = 0.0;

    if (range > 0.0)
        sixth = most == r ? (g - b) / range : most == g ? 2.0 + (b - r) / range : 4.0 + (r - g) / range;
    *hue = sixth / 6.0 * turn;
    *chroma = range;
}

uint64_t colour_luminance(const struct transfer *transfer, const uint16_t rgb[3])
{
    static const uint64_t weight[3] = {2126, 7152, 722};
    uint64_t sum = 0;

    for (int c = 0; c < 3; c++) {
        const uint64_t code = rgb[c] / 256, part = rgb[c] % 256;
        const uint64_t below = transfer->linear[code], above = transfer->linear[code + (part > 0)];
        sum += weight[c] * (below * (256 - part) + above * part);
    }
    return sum;
}

struct colour_hue colour_hue_of(const uint16_t rgb[3])
{
    const int64_t r = rgb[0], g = rgb[1], b = rgb[2];
    const int64_t max = r > g ? (r > b ? r : b) : (g > b ? g : b);
    const int64_t min = r < g ? (r < b ? r : b) : (g < b ? g : b);
    struct colour_hue hue = {.chroma = max - min};

    if (max == r)
        hue.along = g - b + (g < b ? 6 * hue.chroma : 0);
    else if (max == g)
        hue.along = b - r + 2 * hue.chroma;
    else
        hue.along = r - g + 4 * hue.chroma;
    return hue;
}
