/* bars: the black bars around a picture (letterbox, pillarbox, windowbox). A bar is an area at the frame's edge of one
 * dark, neutral colour, but for noise. What a film's frames say together is decided so that no picture is lost: the
 * window is the union of what they show, so that scenes of another aspect ratio and subtitles in the bars stay; and
 * there are bars only if a well exposed frame has them. Everything here is pure. */
#ifndef JACQUARD_IMAGE_BARS_H
#define JACQUARD_IMAGE_BARS_H

#include "image/frame.h"

/* What one frame shows. */
struct bars {
    bool is_exposed;      /* its middle is bright enough for its edges to be dark because they are bars */
    struct frame_crop at; /* lines from each side that show nothing; of a dark frame all of them */
};

/* The frame's planes are in host memory. */
struct bars bars_measure(const struct frame *frame);

enum bars_verdict {
    BARS_UNKNOWN, /* no frame is well exposed */
    BARS_NONE,
    BARS_FOUND,
    BARS_MISTAKEN /* they would leave too little for a film's picture */
};

/* What n frames of width x height say together. Bars below 1 % of a side are none; the window is rounded inwards to
 * whole chroma samples; less than 45 % of a side is a mistake. *crop is what to cut off: nothing unless BARS_FOUND. */
enum bars_verdict bars_join(const struct bars *bars, int n, int width, int height, int chroma_w_log2, int chroma_h_log2,
                            struct frame_crop *crop);

#endif
