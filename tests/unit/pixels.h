/* pixels: a strip's pixels alone, for tests that know its size. */
#ifndef JACQUARD_TESTS_UNIT_PIXELS_H
#define JACQUARD_TESTS_UNIT_PIXELS_H

#include "barcode/render.h"

static inline enum status render_pixels(const struct barcode *b, enum strip strip, const struct drawing *drawing,
                                        uint8_t **rgb)
{
    struct picture picture;
    const enum status st = render_strip(b, strip, drawing, &picture);

    *rgb = picture.rgb;
    return st;
}

#endif
