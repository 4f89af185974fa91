/* y4m_film: a film without compression, written by hand, and the columns that are right for it: by the compute seam
 * from the planes as they were written, no decoder between. */
#ifndef JACQUARD_TESTS_UNIT_Y4M_FILM_H
#define JACQUARD_TESTS_UNIT_Y4M_FILM_H

#include "barcode/column.h"
#include "image/transfer.h"
#include "unit/test.h"

enum { Y4M_W = 64, Y4M_H = 36, Y4M_FRAMES = 40, Y4M_BYTES = Y4M_W * Y4M_H * 3 / 2, Y4M_EVERY = 4 };
enum { Y4M_COLUMNS = Y4M_FRAMES / Y4M_EVERY };

#define Y4M_SETTINGS                                                                                                   \
    "{\"k\":3,\"n_init\":4,\"plain\":false,\"seed\":5,\"height\":12,\"order\":\"lightness\","                          \
    "\"strips\":[\"average\",\"squeezed\",\"kmeans\"]}"

static uint8_t y4m_lines[Y4M_COLUMNS][Y4M_H * 3];

/* Coarse blocks that move, their colours other in each frame: a few colours, none of them grey alone. */
static inline void y4m_planes(int number, uint8_t planes[Y4M_BYTES])
{
    for (int i = 0; i < Y4M_BYTES; i++) {
        const bool is_luma = i < Y4M_W * Y4M_H;
        const int in_plane = is_luma ? i : (i - Y4M_W * Y4M_H) % (Y4M_W * Y4M_H / 4), w = is_luma ? Y4M_W : Y4M_W / 2;
        const int x = in_plane % w * (is_luma ? 1 : 2), y = in_plane / w * (is_luma ? 1 : 2);
        planes[i] = (uint8_t)(30 + (x / 8 * 37 + y / 6 * 53 + number * 29 + (is_luma ? 0 : i / 1000 * 71)) % 190);
    }
}

/* n_frames of it, 1 a second. */
static inline void y4m_write(const char *path, int n_frames)
{
    FILE *file = fopen(path, "wb");
    uint8_t planes[Y4M_BYTES];

    if (!file) {
        printf("cannot write %s\n", path);
        exit(1);
    }
    fprintf(file, "YUV4MPEG2 W%d H%d F1:1 Ip A1:1 C420jpeg\n", Y4M_W, Y4M_H);
    for (int i = 0; i < n_frames; i++) {
        y4m_planes(i, planes);
        fputs("FRAME\n", file);
        fwrite(planes, sizeof planes, 1, file);
    }
    fclose(file);
}

/* Frames 0, 4, 8...; their lines are y4m_lines. */
static inline void y4m_columns(struct column columns[Y4M_COLUMNS])
{
    const struct compute_setup setup = {.batch = 1,
                                        .picture = {.width = Y4M_W, .height = Y4M_H, .want_lines = true},
                                        .kmeans = {.k = 3, .n_init = 4, .seed = 5}};
    static struct transfer transfer;
    struct compute *compute;
    uint8_t planes[Y4M_BYTES];

    transfer_init(&transfer, false);
    if (compute_open(&compute_cpu, &setup, &compute) != ST_OK)
        exit(1);
    for (int i = 0; i < Y4M_COLUMNS; i++) {
        struct column *c = &columns[i];
        struct frame_light sums;
        const int64_t number = i * Y4M_EVERY;
        const struct frame frame = {.plane = {planes, planes + Y4M_W * Y4M_H, planes + Y4M_W * Y4M_H * 5 / 4},
                                    .stride = {Y4M_W, Y4M_W / 2, Y4M_W / 2},
                                    .n_planes = 3,
                                    .width = Y4M_W,
                                    .height = Y4M_H,
                                    .chroma_w_log2 = 1,
                                    .chroma_h_log2 = 1,
                                    .depth = 8,
                                    .matrix = FRAME_BT601};
        uint8_t *lines = y4m_lines[i];
        *c = (struct column){.frame = number, .pts = number, .time = (double)number, .lines = lines};
        y4m_planes((int)number, planes);
        CHECK_INT(compute_convert(compute, 0, &frame), ST_OK);
        CHECK_INT(compute_cluster(compute, 1, &number, &c->clusters, &sums, &lines), ST_OK);
        for (int j = 0; j < 3; j++)
            c->mean[j] = transfer_encode_mean(&transfer, sums.sum[j], Y4M_W * Y4M_H);
    }
    compute_close(&compute);
}

#endif
