/* colour: what is said of sRGB colours: luminance, lightness, hue (light: transfer.h). The integer functions decide the
 * order of a strip's colours, the others describe films. */
#ifndef JACQUARD_IMAGE_COLOUR_H
#define JACQUARD_IMAGE_COLOUR_H

#include "image/transfer.h"

/* CIE L* under D65, 0..100; r, g, b 0..255. */
double colour_lightness(const double rgb[3]);

/* HSV hue in radians, -pi/3 to 5 pi/3 (grey: 0), and HSV saturation x value, 0..1; r, g, b 0..255. */
void colour_hue_chroma(const double rgb[3], double *hue, double *chroma);

/* Relative luminance (Rec. ITU-R BT.709 weights) as an integer; r, g, b in 1/256 levels. L* rises with it, so that it
 * need not be worked out. */
uint64_t colour_luminance(const struct transfer *transfer, const uint16_t rgb[3]);

/* HSV hue as the fraction along / chroma, 0 <= along < 6 chroma; chroma 0 = grey. */
struct colour_hue {
    int64_t along, chroma;
};
struct colour_hue colour_hue_of(const uint16_t rgb[3]);

#endif
