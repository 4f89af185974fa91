/* column: what is known of a film and of each sampled frame, from the pipeline to the side-car and the pictures. */
#ifndef JACQUARD_BARCODE_COLUMN_H
#define JACQUARD_BARCODE_COLUMN_H

#include "compute/compute.h"
#include "film/film.h"

#include <stdbool.h>
#include <stdint.h>

struct column {
    int64_t frame;                     /* number in presentation order, from 0 */
    int64_t pts;                       /* the container's own timestamp, in film time_base units */
    double time;                       /* seconds after the film's first frame */
    struct frame_clusters clusters;    /* centres: sRGB */
    uint16_t native[COMPUTE_MAX_K][3]; /* the same centres in the space of clustering, in 1/256 steps */
    uint32_t mean[3];                  /* r, g, b of the average colour, in 1/256 levels */
    uint8_t *lines; /* u8 [n_lines, 3] top to bottom, or NULL where not asked for; owned by the barcode */
};

/* What of a film's pictures was drawn, as they are seen, and how. */
struct window {
    bool is_known; /* else nothing was cut off or mapped, nor was it asked for */
    struct frame_crop crop;
    char aspect[16]; /* width by height of what is left: "2.35" */
    int n_frames;    /* looked at for it; 0: none, the crop was given */
    struct tone_rules tone;
};

struct barcode {
    char *film_path;       /* as given on the command line */
    struct film_info film; /* out of a side-car: what that has of it */
    int64_t film_frames;
    double film_seconds; /* from the first frame to the end of the last */
    struct window window;
    uint8_t *rarity;                       /* u8 [WEIGHTS_CELLS], of WEIGHT_RARE: what cells weighed; else NULL */
    struct space_rules space;              /* of the clustering */
    char *settings_text;                   /* one JSON object, as written to the side-car */
    int clustered_width, clustered_height; /* the picture that was clustered, upright */
    bool legacy;
    int64_t n_columns;
    struct column *columns; /* [n_columns] in film order */
    int n_lines;            /* per column; 0 where not asked for */
};

void barcode_release(struct barcode *b);

#endif
