/* frame: one decoded picture, as the decoder left it: planes of luma and chroma samples, on the host or on the GPU. It
 * owns nothing; the function that hands it out says how long it stays valid. Only the compute step `convert` turns it
 * into pixels. */
#ifndef JACQUARD_IMAGE_FRAME_H
#define JACQUARD_IMAGE_FRAME_H

#include <stdbool.h>
#include <stddef.h>

enum frame_matrix {
    FRAME_RGB,       /* plane 0 = G, 1 = B, 2 = R */
    FRAME_BT601,     /* Rec. ITU-R BT.601: Kr 0.299,  Kb 0.114 */
    FRAME_BT709,     /* Rec. ITU-R BT.709: Kr 0.2126, Kb 0.0722 */
    FRAME_BT2020,    /* Rec. ITU-R BT.2020, non-constant luminance: Kr 0.2627, Kb 0.0593 */
    FRAME_SMPTE240M, /* Kr 0.212, Kb 0.087 */
    FRAME_FCC,       /* Kr 0.30, Kb 0.11 */
    FRAME_YCGCO      /* Y'CgCo (ITU-T H.273, 8): plane 1 = Cg, 2 = Co, scaled as luma is */
};

struct frame {
    const void *plane[3]; /* samples of 1 byte (depth 8) or 2 (little endian, depth 9..16) */
    ptrdiff_t stride[3];  /* bytes from row to row */
    int n_planes;         /* 1 = grey, 2 = luma + interleaved chroma (NV12, P010), 3 = planar */
    int width, height;    /* visible luma samples */
    int chroma_w_log2;    /* a chroma row holds ceil(width / 2^this) samples */
    int chroma_h_log2;
    int depth; /* bits a sample, 8..16 */
    int shift; /* value = stored >> shift (P010: 6) */
    enum frame_matrix matrix;
    bool full_range;
    bool on_device; /* the planes are CUDA device pointers */
};

/* What is cut off a picture: luma samples from each side. */
struct frame_crop {
    int top, right, bottom, left;
};

/* The frame's window that a crop of a picture of width x height leaves: planes of the same memory. A frame of another
 * size loses the same share. The window begins at a whole chroma sample, and is never empty. Pure. */
struct frame frame_window(const struct frame *frame, const struct frame_crop *crop, int width, int height);

#endif
