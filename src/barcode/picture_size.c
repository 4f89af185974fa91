#include "barcode/config.h"

#include <math.h>

static int at_least_one(double size)
{
    const long n = lround(size);

    return n < 1 ? 1 : (int)n;
}

void barcode_picture_size(const struct film_info *info, const struct barcode_settings *settings, int *width,
                          int *height)
{
    const double sar = (double)info->sar_num / info->sar_den;
    const bool on_side = info->rotation % 180 != 0;
    const double box_w = on_side ? settings->box_height : settings->box_width;
    const double box_h = on_side ? settings->box_width : settings->box_height;
    const double w = info->width * sar, h = info->height; /* with square pixels */
    double scale = fmin(1.0, 1.0 / sar);

    if (settings->scale == SCALE_FULL) {
        *width = info->width;
        *height = info->height;
        return;
    }
    scale = fmin(scale, fmin(box_w / w, box_h / h));
    *width = at_least_one(w * scale);
    *height = at_least_one(h * scale);
}
