/* cpu: what the files of the cpu backend share. */
#ifndef JACQUARD_COMPUTE_CPU_H
#define JACQUARD_COMPUTE_CPU_H

#include "base/clones.h"
#include "compute/compute.h"
#include "compute/kmeans_rules.h"
#include "image/transfer.h"

/* --- convert ------------------------------------------------------------------------------------------------------ */

/* Source cells first..last make one result cell; those between them all weigh picture.width. A lone cell has a
 * last_weight of 0. */
struct cpu_span {
    uint32_t first, last, first_weight, last_weight;
};

/* column[i] += weight x the linear light of row[i]. */
typedef void cpu_add_linear(const struct transfer *transfer, const uint8_t *row, uint32_t weight, int n,
                            uint32_t *column);
cpu_add_linear cpu_add_linear_plain, cpu_add_linear_avx512;

/* The fastest that this processor runs. */
cpu_add_linear *cpu_best_add_linear(void);

struct cpu_convert {
    struct picture_settings picture;
    struct transfer transfer;
    struct tone *tone; /* NULL: samples are sRGB as they are */
    cpu_add_linear *add_linear;
    int max_width;         /* room in the rows below */
    int32_t *chroma[3];    /* i32 [max_width]: what a row's chroma samples add to R, G, B */
    uint8_t *row[3];       /* u8 [max_width] r, g, b of a source row */
    uint32_t *column[3];   /* u32 [max_width]: weighted linear light of the rows so far */
    int row_cached;        /* the source row that row[] holds, -1 = none */
    struct cpu_span *span; /* [picture.width] for source rows of span_width */
    int span_width;
    int64_t *sum; /* i64 [picture.width]: the result cells of one channel and row */
    /* With tone, in place of row and column: */
    uint16_t *code[3];   /* u16 [max_width] */
    uint64_t *light[3];  /* u64 [max_width] */
    uint32_t *result[3]; /* u32 [picture.width]: light of a result row's pixels */
};

enum status cpu_convert_init(struct cpu_convert *cv, const struct picture_settings *picture);
void cpu_convert_release(struct cpu_convert *cv);

/* rgb: u8 [height, width, 3] */
enum status cpu_convert_frame(struct cpu_convert *cv, const struct frame *frame, uint8_t *rgb);

/* Sums of linear light, and the average of every line where the settings want them (lines may be NULL). */
void cpu_measure_light(const struct cpu_convert *cv, const uint8_t *rgb, struct frame_light *light, uint8_t *lines);

/* --- k-means ------------------------------------------------------------------------------------------------------ */

/* Points of one level, padded with weight 0 to a multiple of 16. */
struct cpu_points {
    uint32_t n, n_padded, room;
    uint32_t *colour; /* see kmeans_colour */
    uint32_t *weight;
    int32_t *factor_rg; /* two i16: kmeans_factor of r (low half) and g */
    int32_t *factor_b;  /* kmeans_factor of b in the low half, 0 above */
};

struct cpu_centres {
    int k;
    uint16_t c[COMPUTE_MAX_K][3];
};

/* The inner loops, in plain C and in AVX2; both give the same bits. label: u32 [n_padded]; sum: u64 [k][4] r, g, b,
 * weight. */
struct cpu_kmeans_loops {
    const char *name;
    /* Moves every point whose nearest centre changed from its old cluster's sums to its new one's. Labels of
     * COMPUTE_MAX_K and more mean "in no cluster yet". */
    void (*assign)(const struct cpu_points *points, const struct cpu_centres *centres, uint32_t *label,
                   uint64_t (*sum)[4]);
    /* potential[t] = sum of weight x min(d2, distance to trial t), for n_trials points of the level. */
    void (*try_seeds)(const struct cpu_points *points, const uint32_t *d2, const uint32_t *trial, int n_trials,
                      uint64_t *potential);
    /* d2 = min(d2, distance to point seed); block[i] = sum of weight x d2 over points 16 i .. 16 i + 15. */
    void (*take_seed)(const struct cpu_points *points, uint32_t seed, uint32_t *d2, uint64_t *block);
};

extern const struct cpu_kmeans_loops cpu_kmeans_plain, cpu_kmeans_avx2;

struct cpu_kmeans;
/* rarity: see compute_setup. */
enum status cpu_kmeans_open(struct cpu_kmeans **km, const struct kmeans_settings *settings, const uint8_t *rarity,
                            uint32_t n_pixels, const struct cpu_kmeans_loops *loops);
void cpu_kmeans_close(struct cpu_kmeans **km);
void cpu_kmeans_frame(struct cpu_kmeans *km, const uint8_t *rgb, int64_t frame_number, struct frame_clusters *out);

/* The fastest loops this processor runs. */
const struct cpu_kmeans_loops *cpu_kmeans_best_loops(void);

/* compute_ops.copy_speed. Takes 128 MiB a thread while it runs, 1 GiB at most. */
enum status cpu_copy_speed(int device, int threads, double *bytes_a_second);

#endif
