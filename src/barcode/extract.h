/* extract: one rank's share of the work: several decoders side by side take segments from a queue, each with its own
 * compute instance, so that clustering hides behind decoding. Where the share's frames were kept in files by an earlier
 * run, they are read instead of decoded. Local. */
#ifndef JACQUARD_BARCODE_EXTRACT_H
#define JACQUARD_BARCODE_EXTRACT_H

#include "barcode/plan.h"
#include "compute/compute.h"
#include "film/film.h"

#include <stdatomic.h>

/* Frames that each decode thread clusters at once. */
int extract_batch(const struct compute_ops *ops, const struct picture_settings *picture);

struct extract_decoders { /* side by side; at least one in all */
    int n_cpu, n_nvdec;
};

struct extract_setup {
    const struct film *film;
    const struct plan *plan;
    int rank;
    const struct compute_ops *ops;
    int device;
    struct frame_crop crop; /* of the film's pictures as they are coded */
    struct picture_settings picture;
    struct kmeans_settings kmeans;
    const uint8_t *rarity; /* u8 [WEIGHTS_CELLS]: with WEIGHT_RARE */
    bool counts_cells;     /* only counts in how many frames each cell of colours occurs: nothing is clustered */
    int n_lines;           /* per frame; 0 where not wanted */
    int threads;           /* processor threads this rank may use */
    int n_gpu_sharers, n_host_sharers; /* processes doing such work on this GPU and this host, with this one; 0 = 1 */
    const struct extract_decoders *decoders; /* NULL: as many as suit the work; never more than there are segments */
    bool want_hash;
    int64_t n_hashed;  /* with want_hash: for how many of the plan's samples (spread.h); 0: all */
    atomic_int *stop;  /* non-zero ends all work; set here too when a thread fails */
    const char *store; /* folder of kept frames (frame_store.h): what it has is not decoded, else it is kept there;
                          NULL: neither */
    const atomic_int *drain; /* non-zero ends it soon: what is begun is finished; may be NULL */
    struct extract_result
        *earlier; /* of an extraction that was drained: taken over, what it has is not done again; or NULL */
};

struct extract_result { /* samples first .. first + n - 1 of the plan */
    int64_t first, n;
    struct frame_clusters *clusters; /* [n] */
    struct frame_light *light;       /* [n] */
    uint8_t *lines;                  /* u8 [n, n_lines, 3] */
    char (*hash)[65];                /* [n] "" where it was not wanted */
    uint8_t *delivered;              /* [n] 1 = fine; 0 or more than 1: the film cannot be split as planned, or
                                      the extraction was drained before its turn */
    int64_t *frames_with;            /* i64 [WEIGHTS_CELLS], with counts_cells: frames that have the cell; else NULL */
    struct frame_store *kept;        /* all frames, not committed yet; NULL where none were to be kept */
};

enum { N_EXTRACT_SUMS = 10, N_EXTRACT_STATS = 12 };

struct extract_stats { /* sums over the rank's decode threads, in microseconds where times */
    union {
        struct {
            int64_t open_us, decode_us, convert_us, cluster_us;
            int64_t wait_us; /* from a thread's end to that of the rank's last one */
            int64_t frames_decoded, frames_loaded, packets_sent, frames_clustered, damaged;
            int64_t n_cpu_decoders, n_nvdec_decoders;
        };
        int64_t each[N_EXTRACT_STATS]; /* the same numbers in this order */
    };
    const char *nvdec_refusal; /* of this rank's last thread that met one */
};

/* Sums; of decoders the most that there were at one time. */
void extract_stats_add(struct extract_stats *sum, const struct extract_stats *s);

struct extract;

/* Room for the samples of the set-up's share, none delivered. */
enum status extract_result_make(const struct extract_setup *setup, struct extract_result *r);

/* Starts the decode threads. *w ends with extract_finish. */
enum status extract_start(const struct extract_setup *setup, struct extract **w);

/* Sleeps until the threads are done or the time is over; true when done. done/total: progress in packets. */
bool extract_wait(struct extract *w, double seconds, int64_t *done, int64_t *total);

/* True as soon as a thread failed. */
bool extract_failed(struct extract *w);

/* Joins the threads. The result's arrays are the caller's (extract_result_release), also after a failure. */
enum status extract_finish(struct extract **w, struct extract_result *result, struct extract_stats *stats);
void extract_result_release(struct extract_result *r);

/* Samples that did not come out exactly once. */
int64_t extract_result_missing(const struct extract_result *r);

/* What came of extracting all shares of a film. */
struct extract_count {
    int64_t n_missing, n_damaged; /* samples; faults that decoders met */
    bool is_sequential;           /* the film was decoded from start to end */
    bool was_to_drain;            /* told to end early: what is missing may only not have had its turn */
};

enum extract_verdict { EXTRACT_SOUND, EXTRACT_DRAINED, EXTRACT_AGAIN, EXTRACT_LOST };

/* Split decoding is verified, not trusted: where a sampled frame is missing at a join, or the film is damaged, it is
 * listed and decoded again from start to end, as any player would (EXTRACT_AGAIN). What does not come out then either
 * is lost. Pure. */
enum extract_verdict extract_judge(const struct extract_count *count);

#endif
