/* result: what is known of a film when its barcode is done. Plain data without pointers: it travels between processes
 * of one machine type as it is. */
#ifndef JACQUARD_CATALOG_STORE_RESULT_H
#define JACQUARD_CATALOG_STORE_RESULT_H

#include "barcode/output_names.h"

#include <stdint.h>

enum {
    SUMMARY_MAX_BINS = 160,
    SUMMARY_COLOURS = 5,
    MAX_OUTPUTS = N_STRIPS + 1, /* the strips and the side-car */
    NOTES_BYTES = 512
};

/* A film at a glance, for the gallery: columns spread evenly over the barcode. */
struct film_summary {
    int n_bins; /* 1 .. SUMMARY_MAX_BINS, at most the number of columns */
    struct summary_bin {
        uint32_t time_ms;                   /* of the column, after the film's first frame */
        uint8_t colour[SUMMARY_COLOURS][3]; /* r, g, b; by falling share */
        uint8_t share[SUMMARY_COLOURS];     /* in 1/255 of the column's pixels; 0: no such colour */
    } bin[SUMMARY_MAX_BINS];
    double hue;       /* degrees, 0 to 360, of the film's mean colour weighted by saturation; -1 for a grey film */
    double lightness; /* CIE L*, 0 to 100, mean of the columns */
    double chroma;    /* 0 to 1: how far the colours are from grey in the mean (HSV saturation x value) */
};

struct film_output {
    char suffix[OUTPUT_SUFFIX_BYTES]; /* after NAME: ".barcode.png", ".barcode.average.png", ".json" */
    int64_t bytes;
    char sha256[65];
};

struct film_result {
    /* The film */
    int64_t bytes, mtime_ns;
    char fingerprint[65]; /* sha256 (hex) of size, first and last MiB */
    char container[64], codec[64], pixel_format[32];
    int width, height; /* as coded */
    char aspect[16];   /* of what was drawn of its pictures, as in the side-car: "2.35"; "" = not known */
    int64_t frames;
    double film_seconds;
    int64_t frames_missing, frames_damaged, frames_lead_in;
    char note[256]; /* what little is missing or strange in a film that counts as whole; "" = nothing */
    /* The work */
    char settings_id[65]; /* sha256 (hex) of all that decides the outputs: settings and version */
    int64_t columns;
    double seconds;                                       /* of its worker processes, summed over its pieces */
    double index_seconds, extract_seconds, write_seconds; /* of these */
    int64_t frames_decoded, cpu_decoders, nvdec_decoders;
    int n_pieces;
    char notes[NOTES_BYTES]; /* what was noted on the way, lines; cut if long */
    /* The outputs, in the order in which they were made: the side-car last */
    int n_outputs;
    struct film_output output[MAX_OUTPUTS];
    struct film_summary summary;
};

#endif
