/* preprocess: what is done to an image before its integral images are made, in training as in prediction: deskewing by
 * moments, and gradient channels (integral channel features: Dollar, Tu, Perona, Belongie, BMVC 2009). Integers only.
 * The functions stand in preprocess_rules.h, without any dependency, because `jacquard export` hands them out. */
#ifndef JACQUARD_HAAR_DATA_PREPROCESS_H
#define JACQUARD_HAAR_DATA_PREPROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct preprocess {
    bool deskew;   /* upright and centred */
    bool gradient; /* channels: the image, then gradient magnitude in 4 orientations; else the image alone */
};

static inline int preprocess_n_channels(const struct preprocess *p)
{
    return p->gradient ? 5 : 1;
}

/* u8 [height, width] -> u8 [n_channels, height, width], not the same memory; 1 to 64 pixels a side. */
void preprocess_image(const struct preprocess *p, const uint8_t *in, int width, int height, uint8_t *out);

#endif
