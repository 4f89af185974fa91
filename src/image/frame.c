#include "image/frame.h"

#include <stdint.h>

/* What a cut off a side of `of` samples is on one of `side`. */
static int on_side(int cut, int of, int side)
{
    return of == side ? cut : (int)(((int64_t)cut * side + of / 2) / of);
}

/* Rounded up to whole chroma samples; something of the side is left. */
static int first_of(int cut, int side, int chroma_log2)
{
    const int cell = 1 << chroma_log2, most = (side - 1) / cell * cell, whole = (cut + cell - 1) / cell * cell;

    return whole < most ? whole : most;
}

struct frame frame_window(const struct frame *frame, const struct frame_crop *crop, int width, int height)
{
    const int w = frame->width, h = frame->height, sample = frame->depth > 8 ? 2 : 1;
    const int x = first_of(on_side(crop->left, width, w), w, frame->chroma_w_log2);
    const int y = first_of(on_side(crop->top, height, h), h, frame->chroma_h_log2);
    const int right = w - on_side(crop->right, width, w), bottom = h - on_side(crop->bottom, height, h);
    struct frame window = *frame;

    window.width = right > x ? right - x : 1;
    window.height = bottom > y ? bottom - y : 1;
    for (int p = 0; p < frame->n_planes; p++) {
        const int px = p ? x >> frame->chroma_w_log2 : x, py = p ? y >> frame->chroma_h_log2 : y;
        const ptrdiff_t across = (ptrdiff_t)px * sample * (p && frame->n_planes == 2 ? 2 : 1);
        window.plane[p] = (const char *)frame->plane[p] + py * frame->stride[p] + across;
    }
    return window;
}
