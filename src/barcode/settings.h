/* settings: what decides a barcode's bytes, besides its film, as plain data: it may be copied between processes. Each
 * setting is one row of base/opts.h (four tables, in the order in which side-cars have them): its option, its default,
 * its help, its place in a side-car's "settings", its part in what ranks and collections compare. */
#ifndef JACQUARD_BARCODE_SETTINGS_H
#define JACQUARD_BARCODE_SETTINGS_H

#include "barcode/plan.h"
#include "barcode/render.h"
#include "base/opts.h"
#include "compute/compute.h"

enum scale_mode { SCALE_FIT, SCALE_FULL };
enum crop_mode { CROP_NONE, CROP_AUTO, CROP_GIVEN }; /* AUTO: the film's bars */

struct barcode_settings {
    struct sampling sampling;
    struct kmeans_settings kmeans; /* n_init 0: the default for k and plain */
    enum scale_mode scale;
    int box_width, box_height; /* SCALE_FIT: the picture is fitted into this, never enlarged */
    bool raw_hdr;              /* colours of HDR and wide gamut films as they are coded */
    bool legacy;
    enum crop_mode crop_mode;
    struct frame_crop crop; /* CROP_GIVEN: of the picture as it is seen */
    struct drawing drawing;
    enum strip strip[N_STRIPS]; /* [n_strips] each once, n_strips >= 1; the first is the one with the plain name */
    int n_strips;
};

/* How a picture is drawn, as rows of a struct that has a member `struct drawing drawing`; from files too. */
#define ROWS_DRAWING(type)                                                                                             \
    {OPT_INT,       "height",       0, "H", "rows of the picture", "480", OPT_AT(type, drawing.height), .low = 1,      \
     .high = 65535, .key = "height"},                                                                                  \
        {OPT_INT,                                                                                                      \
         "width",                                                                                                      \
         0,                                                                                                            \
         "W",                                                                                                          \
         "columns of the picture, by area (default: a pixel a column)",                                                \
         OPT_AT(type, drawing.shape.width),                                                                            \
         .low = 1,                                                                                                     \
         .high = SHAPE_MOST_WIDTH,                                                                                     \
         .key = "width",                                                                                               \
         .most = SHAPE_MOST_WIDTH,                                                                                     \
         .may_lack = true},                                                                                            \
        {OPT_CUSTOM,                                                                                                   \
         "smooth",                                                                                                     \
         0,                                                                                                            \
         "S[:cuts]",                                                                                                   \
         "average the columns over S seconds; with :cuts not over cuts",                                               \
         .parse = barcode_parse_smooth,                                                                                \
         OPT_AT(type, drawing.shape.smooth_ms),                                                                        \
         .key = "smooth",                                                                                              \
         .print = barcode_print_smooth,                                                                                \
         .may_lack = true},                                                                                            \
        {OPT_CUSTOM,                                                                                                   \
         "layout",                                                                                                     \
         0,                                                                                                            \
         "HOW",                                                                                                        \
         "strip; circle, a ring; rows:MINUTES, a row for so many minutes",                                             \
         "strip",                                                                                                      \
         .parse = barcode_parse_layout,                                                                                \
         OPT_AT(type, drawing.layout.kind),                                                                            \
         .key = "layout",                                                                                              \
         .print = barcode_print_layout,                                                                                \
         .may_lack = true},                                                                                            \
    {                                                                                                                  \
        OPT_CHOICE, "order", 0, "ORDER", "of a column's colours from the top; flow: bands run through the film",       \
            "share", OPT_AT(type, drawing.order), OPT_NAMES(order_names), .key = "order"                               \
    }
/* Of the struct shape whose smooth_ms the row fills. */
enum status barcode_parse_smooth(const struct opt *row, const char *text, void *base);
void barcode_print_smooth(const struct opt *row, const void *base, char *text, size_t room);
/* Of the struct layout whose kind the row fills. */
enum status barcode_parse_layout(const struct opt *row, const char *text, void *base);
void barcode_print_layout(const struct opt *row, const void *base, char *text, size_t room);

/* Of struct barcode_settings: which frames become columns; how a frame's pixels are clustered; which pixels those are;
 * how columns are drawn. */
extern const struct opt barcode_sampling_rows[], barcode_kmeans_rows[], barcode_pixels_rows[], barcode_picture_rows[];
extern const struct opt *const barcode_settings_tables[]; /* all four; NULL behind them */

/* All four as groups of a command, `place` being where the settings lie in its struct. */
#define BARCODE_SETTINGS_GROUPS(place)                                                                                 \
    {"Frames", barcode_sampling_rows, (place)}, {"Clustering", barcode_kmeans_rows, (place)},                          \
        {"Pixels", barcode_pixels_rows, (place)},                                                                      \
    {                                                                                                                  \
        "Picture", barcode_picture_rows, (place)                                                                       \
    }

/* Chooses what was left to the program: n_init, chroma. */
void barcode_settings_complete(struct barcode_settings *settings);

/* ST_USAGE where two of them do not go together. Pure. */
enum status barcode_settings_check(const struct barcode_settings *settings);

/* {"every":24,...}: as side-cars have them, completed. Heap; NULL where memory runs out. */
char *barcode_settings_text(const struct barcode_settings *settings);

/* Out of such a text the members of one table; others are passed over, and what other tables fill is left as it is.
 * ST_USAGE with what is wrong (no names: the caller knows whose settings these are). Pure. */
enum status barcode_settings_read(const char *text, const struct opt *rows, struct barcode_settings *settings);

/* Likewise what it takes to cluster a picture again. */
enum status barcode_settings_read_kmeans(const char *settings_text, struct kmeans_settings *kmeans);

#endif
