/* preprocess: see preprocess_rules.h, which is the whole of it. */
#include "haar/data/preprocess.h"

#include "haar/data/preprocess_rules.h"

#include <string.h>

void preprocess_image(const struct preprocess *p, const uint8_t *in, int width, int height, uint8_t *out)
{
    const int n_pixels = width * height;

    if (p->deskew)
        jq_deskew(in, width, height, out);
    else
        memcpy(out, in, (size_t)n_pixels);
    if (p->gradient)
        jq_gradient(out, width, height, out + n_pixels);
}
