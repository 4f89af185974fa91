/* config: everything the command line can say about a barcode: what it is of, what decides its bytes, where it goes,
 * how it is made. */
#ifndef JACQUARD_BARCODE_CONFIG_H
#define JACQUARD_BARCODE_CONFIG_H

#include "barcode/settings.h"
#include "base/progress.h"

struct barcode_config {
    const char *film;
    const char *output;                    /* of the first strip; NULL: film's name with .barcode.png */
    const char *json, *csv, *frame_hashes; /* NULL: not wanted */
    const char *store;                     /* folder of kept frames (frame_store.h); NULL: none */
    struct barcode_settings settings;
    const char *backend; /* "auto", "cpu", "cuda" */
    int threads;         /* 0: the cores of this host shared among its ranks */
    enum progress_mode progress;
    bool allow_partial, force;
    int verify_samples; /* how many samples are decoded again in the plain way and compared; 0: none */
};

/* What is cut off the film's pictures as they are coded, by the settings and what was seen of it: at the left and the
 * top whole chroma samples, of a crop by hand too. Pure. */
struct frame_crop barcode_crop(const struct film_info *info, const struct barcode_settings *settings);

/* Width by height of what a crop of the film's pictures as they are coded leaves, upright and with square pixels. Pure.
 */
double barcode_aspect(const struct film_info *info, const struct frame_crop *crop);

/* How the film's pictures become sRGB; all 0 where they are taken as they are coded. Pure. */
struct tone_rules barcode_tone(const struct film_info *info, const struct barcode_settings *settings);

/* The same crop of a picture as it is seen, which is as it is coded and then turned clockwise by rotation degrees; and
 * back. Pure. */
struct frame_crop crop_as_seen(const struct frame_crop *crop, int rotation);
struct frame_crop crop_as_coded(const struct frame_crop *crop, int rotation);

/* The size at which a film's window is clustered: square pixels, fitted into the box, enlarged in neither direction.
 * Result in the frame's own orientation. Pure. */
void barcode_picture_size(const struct film_info *info, const struct barcode_settings *settings, int *width,
                          int *height);

#endif
