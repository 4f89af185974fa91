/* layout: a drawn strip bent into another picture. Background is black. In integers, the same bytes everywhere. Pure.
 */
#ifndef JACQUARD_BARCODE_LAYOUT_H
#define JACQUARD_BARCODE_LAYOUT_H

#include "barcode/column.h"
#include "base/status.h"

/* STRIP: as it is. CIRCLE: a ring as thick as the strip is high, with half of that as the hole's radius: time runs
 * clockwise from the top, the strip's top is outside. ROWS: a row for every so many minutes, one below the other. */
enum layout_kind { LAYOUT_STRIP, LAYOUT_CIRCLE, LAYOUT_ROWS };

struct layout { /* all 0: STRIP */
    enum layout_kind kind;
    uint32_t row_ms; /* of ROWS */
};

struct picture {
    uint8_t *rgb; /* u8 [height, width, 3], heap */
    uint32_t width, height;
};

/* From a strip of the columns, which is released, to its layout. ST_UNSUPPORTED where that has more than 2^30 pixels.
 * After a failure there is no picture. */
enum status layout_bend(const struct layout *layout, const struct column *columns, struct picture *picture);

#endif
