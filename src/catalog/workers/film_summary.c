#include "catalog/workers/film_summary.h"

#include "image/colour.h"

#include <math.h>
#include <string.h>

static const double turn = 6.283185307179586; /* radians */

static void make_bin(struct summary_bin *bin, const struct column *c)
{
    double total = 0.0;

    bin->time_ms = (uint32_t)fmin(fmax(c->time, 0.0) * 1000.0 + 0.5, 4294967295.0);
    for (int i = 0; i < c->clusters.n; i++)
        total += c->clusters.count[i];
    for (int i = 0; i < c->clusters.n && i < SUMMARY_COLOURS; i++) {
        for (int j = 0; j < 3; j++)
            bin->colour[i][j] = (uint8_t)((c->clusters.centre[i][j] + 128) / 256);
        bin->share[i] = (uint8_t)(255.0 * c->clusters.count[i] / total + 0.5);
    }
}

void film_summary_make(struct film_summary *summary, const struct barcode *b)
{
    double x = 0.0, y = 0.0, lightness = 0.0;

    memset(summary, 0, sizeof *summary);
    summary->n_bins = b->n_columns < SUMMARY_MAX_BINS ? (int)b->n_columns : SUMMARY_MAX_BINS;
    for (int64_t i = 0; i < summary->n_bins; i++)
        make_bin(&summary->bin[i], &b->columns[(2 * i + 1) * b->n_columns / (2 * summary->n_bins)]);
    for (int64_t i = 0; i < b->n_columns; i++) {
        const uint32_t *mean = b->columns[i].mean;
        const double rgb[3] = {mean[0] / 256.0, mean[1] / 256.0, mean[2] / 256.0};
        double hue, chroma;
        colour_hue_chroma(rgb, &hue, &chroma);
        x += chroma * cos(hue);
        y += chroma * sin(hue);
        lightness += colour_lightness(rgb);
    }
    const double n = b->n_columns > 0 ? (double)b->n_columns : 1.0;
    summary->chroma = hypot(x, y) / n;
    summary->lightness = lightness / n;
    const double degrees = atan2(y, x) * 360.0 / turn;
    summary->hue = summary->chroma < 0.01 ? -1.0 : degrees < 0.0 ? degrees + 360.0 : degrees;
}
