/* shape: other columns made of a barcode's: fewer or more of them, and smoothed over time. Exact and in integers, so
 * that a picture is the same bytes everywhere. Averages are of linear light (where legacy: of the bytes); clusters are
 * those of all columns that take part, by their weights, in the space of the clustering, the two that are nearest
 * merged again and again (Ward, 1963) until there are no more than before. Pure. */
#ifndef JACQUARD_BARCODE_SHAPE_H
#define JACQUARD_BARCODE_SHAPE_H

#include "barcode/column.h"
#include "base/status.h"

enum { SHAPE_MOST_WIDTH = 1 << 20 };

struct shape {          /* all 0: columns as they are */
    uint32_t width;     /* so many columns, by area: 1..SHAPE_MOST_WIDTH */
    uint32_t smooth_ms; /* first every column becomes the average of those within half of this before and behind it */
    bool keeps_cuts;    /* ... of its shot: to the next cut as order flow sees it */
};

static inline bool shape_is_needed(const struct shape *shape, const struct barcode *b)
{
    return shape->smooth_ms > 0 || (shape->width > 0 && shape->width != b->n_columns);
}

/* The columns (heap, ends with shape_release), frame and time those of the nearest one that took part. b has at least
 * one column. */
enum status shape_columns(const struct barcode *b, const struct shape *shape, struct column **columns, int64_t *n);
void shape_release(struct column **columns, int64_t n);

#endif
