#include "barcode/config.h"

#include <math.h>

static int at_least_one(double size)
{
    const long n = lround(size);

    return n < 1 ? 1 : (int)n;
}

/* Its sides are those of the crop, moved on clockwise by so many. */
static struct frame_crop turned(const struct frame_crop *crop, int quarters)
{
    const int side[4] = {crop->top, crop->right, crop->bottom, crop->left};
    const int from = (4 - quarters) % 4;

    return (struct frame_crop){side[from], side[(from + 1) % 4], side[(from + 2) % 4], side[(from + 3) % 4]};
}

struct frame_crop crop_as_seen(const struct frame_crop *crop, int rotation)
{
    return turned(crop, rotation / 90);
}

struct frame_crop crop_as_coded(const struct frame_crop *crop, int rotation)
{
    return turned(crop, (360 - rotation) / 90 % 4);
}

/* A window begins at a whole chroma sample: more is cut off, or less where nothing else would be left. */
static int whole_samples(int near, int far, int length, int chroma_log2)
{
    const int cell = 1 << chroma_log2, up = (near + cell - 1) / cell * cell;

    return near + far >= length ? near : up + far < length ? up : near / cell * cell;
}

static struct frame_crop given_crop(const struct film_info *i, const struct frame_crop *as_seen)
{
    struct frame_crop c = crop_as_coded(as_seen, i->rotation);

    c.left = whole_samples(c.left, c.right, i->width, i->chroma_w_log2);
    c.top = whole_samples(c.top, c.bottom, i->height, i->chroma_h_log2);
    return c;
}

struct frame_crop barcode_crop(const struct film_info *info, const struct barcode_settings *settings)
{
    return settings->crop_mode == CROP_GIVEN  ? given_crop(info, &settings->crop)
           : settings->crop_mode == CROP_AUTO ? info->look.crop
                                              : (struct frame_crop){0};
}

double barcode_aspect(const struct film_info *info, const struct frame_crop *crop)
{
    const double across = (double)(info->width - crop->left - crop->right) * info->sar_num / info->sar_den;
    const double down = info->height - crop->top - crop->bottom;

    return info->rotation % 180 ? down / across : across / down;
}

struct tone_rules barcode_tone(const struct film_info *info, const struct barcode_settings *settings)
{
    const int usual = 1000, seen = info->look.peak;
    struct tone_rules tone = info->tone;

    if (settings->raw_hdr || !tone_is_needed(&tone))
        return (struct tone_rules){0};
    tone.peak = tone.transfer != TONE_PQ ? 0 : tone.peak > 0 ? tone.peak : seen > 0 ? seen : usual;
    if (tone.transfer == TONE_PQ && tone.peak < TONE_WHITE)
        tone.peak = TONE_WHITE;
    return tone;
}

void barcode_picture_size(const struct film_info *info, const struct barcode_settings *settings, int *width,
                          int *height)
{
    const double sar = (double)info->sar_num / info->sar_den;
    const bool on_side = info->rotation % 180 != 0;
    const double box_w = on_side ? settings->box_height : settings->box_width;
    const double box_h = on_side ? settings->box_width : settings->box_height;
    const struct frame_crop crop = barcode_crop(info, settings);
    const int coded_w = info->width - crop.left - crop.right, coded_h = info->height - crop.top - crop.bottom;
    const double w = coded_w * sar, h = coded_h; /* with square pixels */
    double scale = fmin(1.0, 1.0 / sar);

    if (settings->scale == SCALE_FULL) {
        *width = coded_w;
        *height = coded_h;
        return;
    }
    scale = fmin(scale, fmin(box_w / w, box_h / h));
    *width = at_least_one(w * scale);
    *height = at_least_one(h * scale);
}
