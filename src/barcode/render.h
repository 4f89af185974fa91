/* render: from columns to strips. Pure. */
#ifndef JACQUARD_BARCODE_RENDER_H
#define JACQUARD_BARCODE_RENDER_H

#include "barcode/column.h"
#include "barcode/layout.h"
#include "barcode/shape.h"
#include "base/status.h"

enum strip { STRIP_KMEANS, STRIP_AVERAGE, STRIP_PROMINENT, STRIP_SQUEEZED, STRIP_LEAST, STRIP_EQUAL, N_STRIPS };
enum order { ORDER_SHARE, ORDER_LIGHTNESS, ORDER_HUE, ORDER_FLOW, N_ORDERS };

/* How columns become a picture. */
struct drawing {
    uint32_t height;
    enum order order;
    struct shape shape;
    struct layout layout;
};

extern const char *const strip_names[N_STRIPS]; /* "kmeans", "average", ... as on the command line */
extern const char *const order_names[N_ORDERS];

/* Largest-remainder method (Hamilton): rows[n] sum to exactly height, proportional to count[n]; left-over rows go to
 * the largest remainders, ties to the earlier. At least one count > 0. A cluster may get no row when height is small.
 */
void apportion(const uint32_t *count, int n, uint32_t height, uint32_t *rows);

/* The order in which a column's clusters are stacked, top first: index[n]. share: largest on top; lightness: lightest
 * on top (CIE L* by its luminance); hue: by HSV hue angle from red, greys (saturation 0) last. Ties by share. Not
 * ORDER_FLOW, which goes from column to column (flow.h). */
void stack_order(const struct frame_clusters *clusters, enum order order, int *index);

/* ST_UNSUPPORTED where a picture of that many columns and rows cannot be drawn in `memory` bytes, its columns (of
 * n_lines lines each) beside it, or is wider than a PNG may be: asked before the long work that would end with it. */
enum status render_check_size(int64_t n_columns, int n_lines, uint32_t height, double memory);

/* The strip's picture. ST_USAGE if squeezed is wanted and the columns have no lines. */
enum status render_strip(const struct barcode *b, enum strip strip, const struct drawing *drawing,
                         struct picture *picture);

#endif
