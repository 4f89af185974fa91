#include "compute/convert_rules.h"

#include <math.h>

static const struct {
    double kr, kb;
} matrices[] = {
    [FRAME_RGB] = {0.0, 0.0},          [FRAME_BT601] = {0.299, 0.114},     [FRAME_BT709] = {0.2126, 0.0722},
    [FRAME_BT2020] = {0.2627, 0.0593}, [FRAME_SMPTE240M] = {0.212, 0.087}, [FRAME_FCC] = {0.30, 0.11},
    [FRAME_YCGCO] = {0.0, 0.0},
};

/* white: what becomes of full R', G' and B', in fixed point. */
static struct convert_coefs coefs_to(const struct frame *frame, double white)
{
    const double kr = matrices[frame->matrix].kr, kb = matrices[frame->matrix].kb, kg = 1.0 - kr - kb;
    const int scale = 1 << (frame->depth - 8);
    const double luma = white / (frame->full_range ? (1 << frame->depth) - 1 : 219 * scale);
    const double chroma = white / (frame->full_range ? (1 << frame->depth) - 1 : 224 * scale);
    struct convert_coefs c = {
        .y = (int32_t)lround(luma),
        .y_offset = frame->full_range ? 0 : 16 * scale,
        .c_offset = 128 * scale,
    };

    if (frame->matrix == FRAME_YCGCO) { /* G = Y + Cg, R = Y - Cg + Co, B = Y - Cg - Co */
        c.ru = c.gu = c.bu = c.bv = -c.y;
        c.rv = c.y;
    } else if (frame->matrix != FRAME_RGB && frame->n_planes > 1) {
        c.rv = (int32_t)lround(chroma * 2.0 * (1.0 - kr));
        c.bu = (int32_t)lround(chroma * 2.0 * (1.0 - kb));
        c.gu = (int32_t)lround(chroma * 2.0 * kb * (1.0 - kb) / kg);
        c.gv = (int32_t)lround(chroma * 2.0 * kr * (1.0 - kr) / kg);
    }
    return c;
}

struct convert_coefs convert_coefs_of(const struct frame *frame)
{
    return coefs_to(frame, 255.0 * (1 << CONVERT_BITS));
}

struct convert_coefs convert_code_coefs_of(const struct frame *frame)
{
    return coefs_to(frame, (TONE_CODES - 1.0) * (1 << CONVERT_CODE_BITS));
}
