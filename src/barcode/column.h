/* column: what is known of a film and of each sampled frame, from the pipeline to the side-car and the pictures. */
#ifndef JACQUARD_BARCODE_COLUMN_H
#define JACQUARD_BARCODE_COLUMN_H

#include "compute/compute.h"

#include <stdbool.h>
#include <stdint.h>

struct column {
    int64_t frame; /* number in presentation order, from 0 */
    int64_t pts;   /* the container's own timestamp, in film time_base units */
    double time;   /* seconds after the film's first frame */
    struct frame_clusters clusters;
    uint32_t mean[3]; /* r, g, b of the average colour, in 1/256 levels */
    uint8_t *lines;   /* u8 [n_lines, 3] top to bottom, or NULL where not asked for; owned by the barcode */
};

struct film_facts {
    char *path; /* as given on the command line */
    int64_t bytes;
    char fingerprint[65]; /* sha256 (hex) of: size as decimal text, first MiB, last MiB */
    char container[64], codec[64];
    int width, height;    /* visible pixels as coded */
    int rotation;         /* degrees clockwise the picture is turned for viewing: 0, 90, 180, 270 */
    int sar_num, sar_den; /* sample aspect ratio, 1:1 when unknown */
    int64_t frames;       /* in the whole film */
    double seconds;       /* from the first frame to the end of the last */
    int time_base_num, time_base_den;
    char pixel_format[32], matrix[32], range[16];
    int64_t frames_lead_in; /* before the first frame that can be decoded; not counted in frames */
    int64_t frames_missing; /* known to be lost: few, or drawn with --allow-partial; 0 = none */
    int64_t frames_damaged; /* decoded with errors concealed */
    char *partial;          /* why it is not whole, or NULL */
    char *note;             /* what little is missing or strange in a whole one, or NULL */
};

struct barcode {
    struct film_facts film;
    char *settings_text;                   /* one JSON object, as written to the side-car */
    int clustered_width, clustered_height; /* the picture that was clustered, upright */
    bool legacy;
    int64_t n_columns;
    struct column *columns; /* [n_columns] in film order */
    int n_lines;            /* per column; 0 where not asked for */
};

void barcode_release(struct barcode *b);

#endif
