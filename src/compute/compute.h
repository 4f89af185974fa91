/* compute: the seam between what is computed and what computes it. A backend is one table of functions and of what it
 * prefers; `cpu` is the definition of every step, the others give the same bits, faster (doc/backends.md). All
 * arithmetic is on integers, so that order does not matter. A backend instance belongs to one thread. Everything here
 * is Local. */
#ifndef JACQUARD_COMPUTE_COMPUTE_H
#define JACQUARD_COMPUTE_COMPUTE_H

#include "base/sha256.h"
#include "base/status.h"
#include "compute/weights.h"
#include "image/space.h"
#include "image/tone.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    COMPUTE_MAX_K = 32,
    COMPUTE_CENTRE_ONE = 256, /* centres are 8.8 fixed point: 256 = one level */
    COMPUTE_MAX_FRAME_BATCH = 256
};

struct kmeans_settings {
    int k;      /* 1..COMPUTE_MAX_K */
    int n_init; /* restarts, 1..1024 */
    bool plain; /* every restart runs over all pixels until it stands still; else histogram levels and halving */
    uint64_t seed;
    struct space_rules space;    /* in which distances are measured; all 0: sRGB */
    struct weight_rules weights; /* what pixels count in the search; all 0: 1 each. Else pictures have at most 2^24 */
};

/* How frames become pixels; the same for every frame of a film. */
struct picture_settings {
    int width, height;      /* of the clustered picture, in the frame's own orientation */
    struct tone_rules tone; /* all 0: samples are sRGB as they are */
    bool legacy;            /* average gamma-encoded bytes instead of linear light */
    bool want_lines;        /* also average every line of the picture (the squeezed strip) */
    bool lines_are_columns; /* lines run along the frame's height (a film turned by 90 degrees) */
};

/* What became of one frame. With near_black the dark pixels are one cluster more, which the search does not see: n is
 * up to k + 1 (k is below COMPUTE_MAX_K then), and 1 where all is dark. */
struct frame_clusters {
    int n;                             /* <= k: never more than there are colours, none is empty */
    uint16_t centre[COMPUTE_MAX_K][3]; /* r, g, b (or the space's) in 1/256 levels; 0..65280 */
    uint32_t count[COMPUTE_MAX_K]; /* pixels nearest to the centre (either one within 1/256 squared level of a tie) */
    int64_t inertia;               /* exact sum of squared distances to the centres, in 1/65536 squared levels */
};                                 /* largest count first, ties by colour */

/* For backends. Drops empty clusters and sorts: largest count first, ties by colour. */
void clusters_arrange(struct frame_clusters *clusters);

struct frame_light {
    uint64_t sum[3]; /* r, g, b: sums over all pixels of 16-bit linear light (see image/transfer.h) */
};

struct compute_setup {
    int device; /* CUDA device ordinal; cpu: not looked at */
    int batch;  /* frames clustered at once: slots 0..batch-1; 1..COMPUTE_MAX_FRAME_BATCH */
    struct picture_settings picture;
    struct kmeans_settings kmeans;
    const uint8_t *rarity; /* u8 [WEIGHTS_CELLS], of WEIGHT_RARE: what cells weigh; read by open alone; else NULL */
};

/* Pixels in a file, as `pixels` hands them out. */
struct compute_file {
    const char *path; /* for messages */
    int fd;
    void *direct; /* of compute_direct.add; NULL: read through the host's memory */
};

/* How a backend has files read straight into its device's memory. */
struct compute_direct {
    /* Whether storage and device may exchange data by themselves here, past the host's memory. Cheap. */
    bool (*pays)(void);
    /* What does it: "cuFile 1.15"; makes it ready. ST_UNSUPPORTED where it cannot be done at all. */
    enum status (*describe)(char *text, size_t bytes);
    /* ST_UNSUPPORTED where not of this file. Ends with remove, before fd is closed. */
    enum status (*add)(struct compute_file *file);
    void (*remove)(struct compute_file *file);
};

struct boost_ops;
struct scan_job;
struct scan_result;

struct compute_ops {
    const char *name;
    size_t priv_bytes;

    bool has_device;  /* computes on a GPU; else on the caller's cores */
    bool shares_cuda; /* its memory and streams are CUDA's: convert takes the frames that NVDEC leaves on the GPU, and
                         NCCL sums its arrays (boost_sum) */
    int batch_frames; /* frames that an instance clusters at once, at best; fewer where they have more pixels than: */
    int64_t batch_pixels;
    int64_t scan_slice; /* images of a call of scan: the job's stop flag is looked at between calls, some seconds apart
                           at most */

    /* One line on what it would run on ("2 cores online, k-means loops in AVX2" or the GPU's name); ST_UNSUPPORTED with
     * the reason if nothing. */
    enum status (*describe)(int device, char *text, size_t bytes);
    int (*n_devices)(void); /* cpu: 0 */

    enum status (*open)(void *priv, const struct compute_setup *setup);
    void (*close)(void *priv); /* also after a failed open */

    /* Turns a frame into the pixels of a slot. The frame's planes may be released when this returns. */
    enum status (*convert)(void *priv, int slot, const struct frame *frame);

    /* The same out of a file: u8 [height, width, 3] r, g, b from byte `at` on; digest becomes the SHA-256 of what has
     * arrived. ST_FORMAT where the file ends before. */
    enum status (*load)(void *priv, int slot, const struct compute_file *file, int64_t at,
                        uint8_t digest[SHA256_BYTES]);

    /* Clusters slots 0..n-1; frame_number[i] picks slot i's random numbers. Fills clusters[n], light[n] and, where
     * want_lines, lines[i]: u8 [n_lines, 3], the average colour of each line (top to bottom, or left to right). */
    enum status (*cluster)(void *priv, int n, const int64_t *frame_number, struct frame_clusters *clusters,
                           struct frame_light *light, uint8_t **lines);

    /* Adds 1 to frames[c] (i64 [WEIGHTS_CELLS]) for each of slots 0..n-1 that has a pixel, in the clustering space, in
     * cell c. */
    enum status (*count_cells)(void *priv, int n, int64_t *frames);

    /* Copies out a slot's pixels, u8 [height, width, 3] r, g, b, after convert or load. */
    enum status (*pixels)(void *priv, int slot, uint8_t *rgb);
    const struct compute_direct *direct; /* NULL: load reads through the host's memory */

    /* What its memory does: bytes read and written a second by a large copy, the best of several; threads: how many of
     * the host copy side by side (cpu). */
    enum status (*copy_speed)(int device, int threads, double *bytes_a_second);

    /* The steps of classifiers (compute/haar); NULL where the backend was not built: describe says so. */
    const struct boost_ops *boost;
    enum status (*scan)(const struct scan_job *job, struct scan_result *result);
};

extern const struct compute_ops compute_cpu;
extern const struct compute_ops compute_cuda; /* always links; without CUDA every call says "built without CUDA" */

/* All of them, the definition first; ends with NULL. */
extern const struct compute_ops *const compute_backends[];
/* "auto", then their names: what --backend takes. */
enum { COMPUTE_N_NAMES = 3 };
extern const char *const compute_names[COMPUTE_N_NAMES];

/* A backend's name, or "auto": the last one with a device that is there, else the definition. */
enum status compute_by_name(const char *name, const struct compute_ops **ops);

struct compute; /* an open instance */

/* Checks the setup once, so that backends need not. *c is heap, ends with compute_close. */
enum status compute_open(const struct compute_ops *ops, const struct compute_setup *setup, struct compute **c);
void compute_close(struct compute **c);

/* Instead of compute_close, where all went well: the instance is kept for the next compute_open of the same set-up, on
 * whichever thread, since a GPU's memory takes long to get and to give back. As many are kept as were open at one time;
 * the oldest are closed for newer ones. */
void compute_retire(struct compute **c);

enum status compute_convert(struct compute *c, int slot, const struct frame *frame);
enum status compute_load(struct compute *c, int slot, const struct compute_file *file, int64_t at,
                         uint8_t digest[SHA256_BYTES]);
enum status compute_cluster(struct compute *c, int n, const int64_t *frame_number, struct frame_clusters *clusters,
                            struct frame_light *light, uint8_t **lines);
enum status compute_count_cells(struct compute *c, int n, int64_t *frames);
enum status compute_pixels(struct compute *c, int slot, uint8_t *rgb);

#endif
