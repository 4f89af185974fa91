/* config: everything the command line can say about a barcode. */
#ifndef JACQUARD_BARCODE_CONFIG_H
#define JACQUARD_BARCODE_CONFIG_H

#include "barcode/plan.h"
#include "barcode/render.h"
#include "base/progress.h"

enum scale_mode { SCALE_FIT, SCALE_FULL };

struct barcode_config {
    const char *film;
    const char *output;                    /* of the first strip; NULL: film's name with .barcode.png */
    const char *json, *csv, *frame_hashes; /* NULL: not wanted */
    struct sampling sampling;
    int k, n_init; /* n_init 0: the default for k */
    bool plain;
    uint64_t seed;
    uint32_t height;
    enum order order;
    enum strip strip[N_STRIPS];
    int n_strips;
    enum scale_mode scale;
    int box_width, box_height; /* SCALE_FIT: the picture is fitted into this, never enlarged */
    bool legacy;
    const char *backend; /* "auto", "cpu", "cuda" */
    int threads;         /* 0: the cores of this host shared among its ranks */
    enum progress_mode progress;
    bool allow_partial, force;
    int verify_samples; /* of so many samples the frames are decoded again in a plain way and compared; 0: of none */
};

/* The size at which a film is clustered: square pixels, fitted into the box, enlarged in neither direction. Result in
 * the frame's own orientation. Pure. */
void barcode_picture_size(const struct film_info *info, const struct barcode_config *config, int *width, int *height);

#endif
