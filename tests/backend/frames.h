/* frames: frames made by rule, for the backend tests: the same on every machine. */
#ifndef JACQUARD_TESTS_BACKEND_FRAMES_H
#define JACQUARD_TESTS_BACKEND_FRAMES_H

#include "image/frame.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum content {
    CONTENT_GRADIENT,
    CONTENT_NOISE,
    CONTENT_SOFT,      /* smooth with grain, as film is */
    CONTENT_DARK,      /* few colours, all near black */
    CONTENT_LETTERBOX, /* soft between black bars */
    CONTENT_THREE,     /* three colours, unequal shares */
    CONTENT_TWO,
    CONTENT_ONE,
    N_CONTENTS
};

/* How samples lie in memory. */
struct form {
    const char *name;
    int n_planes, chroma_w_log2, chroma_h_log2, depth, shift;
    enum frame_matrix matrix;
    bool full_range;
};

static const struct form forms[] = {
    {"4:2:0 8 bit 709", 3, 1, 1, 8, 0, FRAME_BT709, false},
    {"4:2:0 8 bit 601 full", 3, 1, 1, 8, 0, FRAME_BT601, true},
    {"4:2:2 8 bit 240M", 3, 1, 0, 8, 0, FRAME_SMPTE240M, false},
    {"4:4:4 8 bit FCC", 3, 0, 0, 8, 0, FRAME_FCC, false},
    {"4:1:0 8 bit 601", 3, 2, 2, 8, 0, FRAME_BT601, false},
    {"4:1:1 8 bit 601", 3, 2, 0, 8, 0, FRAME_BT601, false},
    {"NV12", 2, 1, 1, 8, 0, FRAME_BT709, false},
    {"P010 2020", 2, 1, 1, 10, 6, FRAME_BT2020, false},
    {"4:2:0 10 bit 2020", 3, 1, 1, 10, 0, FRAME_BT2020, false},
    {"4:2:2 12 bit full", 3, 1, 0, 12, 0, FRAME_BT709, true},
    {"4:4:4 16 bit", 3, 0, 0, 16, 0, FRAME_BT709, false},
    {"4:2:0 9 bit", 3, 1, 1, 9, 0, FRAME_BT601, false},
    {"grey", 1, 0, 0, 8, 0, FRAME_BT601, true},
    {"grey 10 bit", 1, 0, 0, 10, 0, FRAME_BT709, false},
    {"RGB planes", 3, 0, 0, 8, 0, FRAME_RGB, true},
    {"RGB planes 10 bit", 3, 0, 0, 10, 0, FRAME_RGB, true},
    {"4:2:0 8 bit Y'CgCo", 3, 1, 1, 8, 0, FRAME_YCGCO, false},
    {"4:4:4 10 bit Y'CgCo full", 3, 0, 0, 10, 0, FRAME_YCGCO, true},
    {"NV12 Y'CgCo full", 2, 1, 1, 8, 0, FRAME_YCGCO, true},
    {"P016 Y'CgCo", 2, 1, 1, 16, 0, FRAME_YCGCO, false},
};

enum { N_FORMS = sizeof forms / sizeof *forms, FORM_RGB = 14 };

struct made_frame {
    struct frame frame;
    uint8_t *plane[3];
};

static inline uint64_t mix_bits(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

/* A sample as 16 bits; plane 0 is luma or green. */
static inline uint32_t content_sample(enum content content, uint64_t seed, int plane, int x, int y, int w, int h)
{
    const uint32_t noise =
        (uint32_t)(mix_bits(seed ^ mix_bits((uint64_t)plane << 50 ^ (uint64_t)x << 25 ^ (uint64_t)y)) & 0xFFFF);
    const uint32_t u = (uint32_t)(65535 * (int64_t)x / w), v = (uint32_t)(65535 * (int64_t)y / h);
    const uint32_t tilt = (uint32_t)(mix_bits(seed + (uint64_t)plane) & 0x7FFF);

    switch (content) {
    case CONTENT_GRADIENT:
        return plane == 0 ? (u + v) / 2 : plane == 1 ? u : 65535 - v;
    case CONTENT_NOISE:
        return noise;
    case CONTENT_LETTERBOX:
        if (y < h / 6 || y >= h - h / 6)
            return plane == 0 ? 16 * 256 : 128 * 256;
        /* fall through */
    case CONTENT_SOFT:
        return (tilt + (plane == 1 ? v : u) / 3 + (4 * x / w % 2 ? 9000 : 0) + noise % 2600) & 0xFFFF;
    case CONTENT_DARK:
        return plane == 0 ? (16 + noise % 6) * 256 : (127 + noise % 3) * 256;
    case CONTENT_THREE:
        return (uint32_t)(mix_bits(seed + (x < w / 7 ? 0u : y < h / 2 ? 7u : 14u) + (uint64_t)plane) & 0xFF00);
    case CONTENT_TWO:
        return (uint32_t)(mix_bits(seed + 7 * (uint64_t)(x < w / 3) + (uint64_t)plane) & 0xFF00);
    case CONTENT_ONE:
    case N_CONTENTS:
        break;
    }
    return tilt & 0xFF00;
}

static inline void made_frame_release(struct made_frame *m)
{
    for (int i = 0; i < 3; i++)
        free(m->plane[i]);
}

/* Rows end with bytes that belong to nobody. */
static inline void made_frame_init(struct made_frame *m, const struct form *form, int width, int height,
                                   enum content content, uint64_t seed)
{
    const int sample_bytes = form->depth == 8 ? 1 : 2;

    *m = (struct made_frame){.frame = {.n_planes = form->n_planes,
                                       .width = width,
                                       .height = height,
                                       .chroma_w_log2 = form->chroma_w_log2,
                                       .chroma_h_log2 = form->chroma_h_log2,
                                       .depth = form->depth,
                                       .shift = form->shift,
                                       .matrix = form->matrix,
                                       .full_range = form->full_range}};
    for (int i = 0; i < form->n_planes; i++) {
        const int w = i == 0 ? width : (width + (1 << form->chroma_w_log2) - 1) >> form->chroma_w_log2;
        const int h = i == 0 ? height : (height + (1 << form->chroma_h_log2) - 1) >> form->chroma_h_log2;
        const int per = i == 1 && form->n_planes == 2 ? 2 : 1;
        const size_t stride = (size_t)(w * per * sample_bytes) + 13;
        uint8_t *bytes = malloc(stride * (size_t)h);
        if (!bytes) {
            printf("out of memory\n");
            exit(1);
        }
        for (int y = 0; y < h; y++) {
            uint8_t *row = bytes + stride * (size_t)y;
            for (int x = 0; x < w * per; x++) {
                const uint32_t s = content_sample(content, seed, i + x % per, x / per, y, w, h) >> (16 - form->depth);
                if (sample_bytes == 1) {
                    row[x] = (uint8_t)s;
                } else {
                    row[2 * x] = (uint8_t)(s << form->shift);
                    row[2 * x + 1] = (uint8_t)(s << form->shift >> 8);
                }
            }
            for (size_t x = (size_t)(w * per * sample_bytes); x < stride; x++)
                row[x] = 0xA5;
        }
        m->plane[i] = bytes;
        m->frame.plane[i] = bytes;
        m->frame.stride[i] = (ptrdiff_t)stride;
    }
}

#endif
