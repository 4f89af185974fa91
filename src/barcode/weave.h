/* weave: one rank's share of the work: several decoders side by side take segments from a queue, each with its own
 * compute instance, so that clustering hides behind decoding. Local. */
#ifndef JACQUARD_BARCODE_WEAVE_H
#define JACQUARD_BARCODE_WEAVE_H

#include "barcode/plan.h"
#include "compute/compute.h"
#include "media/film.h"

#include <stdatomic.h>

/* Frames that each worker clusters at once. */
int weave_batch(const struct compute_ops *ops, const struct picture_settings *picture);

struct weave_decoders { /* side by side; at least one in all */
    int n_cpu, n_nvdec;
};

struct weave_setup {
    const struct film *film;
    const struct plan *plan;
    int rank;
    const struct compute_ops *ops;
    int device;
    struct picture_settings picture;
    struct kmeans_settings kmeans;
    int n_lines;                       /* per frame; 0 where not wanted */
    int threads;                       /* processor threads this rank may use */
    int n_gpu_sharers, n_host_sharers; /* processes at such work on this GPU and on this host, this one too; 0 = 1 */
    const struct weave_decoders *decoders; /* NULL: as many as suit the work; never more than there are segments */
    bool want_hash;
    int64_t n_hashed;             /* with want_hash: of so many of the plan's samples (spread.h); 0: of all */
    atomic_int *stop;             /* set by whoever wants all work to end; weave sets it when a worker fails */
    const atomic_int *drain;      /* set by whoever wants it to end soon: what is begun is finished; may be NULL */
    struct weave_result *earlier; /* of a weave that was drained: taken over, what it has is not done again; or NULL */
};

struct weave_result { /* samples first .. first + n - 1 of the plan */
    int64_t first, n;
    struct frame_clusters *clusters; /* [n] */
    struct frame_light *light;       /* [n] */
    uint8_t *lines;                  /* u8 [n, n_lines, 3] */
    char (*hash)[65];                /* [n] "" where it was not wanted */
    uint8_t *delivered;              /* [n] 1 = fine; 0 or more than 1: the film cannot be split as planned, or
                                      the weave was drained before its turn */
};

struct weave_stats { /* sums over the rank's workers, in microseconds where times */
    int64_t open_us, decode_us, convert_us, cluster_us;
    int64_t wait_us; /* from a worker's end to that of the rank's last one */
    int64_t frames_decoded, packets_sent, frames_clustered, damaged;
    int64_t n_cpu_decoders, n_nvdec_decoders;
    const char *nvdec_refusal; /* of this rank's last worker that met one */
};

struct weave;

/* Room for the samples of the set-up's share, none delivered. */
enum status weave_result_make(const struct weave_setup *setup, struct weave_result *r);

/* Starts the workers. *w ends with weave_finish. */
enum status weave_start(const struct weave_setup *setup, struct weave **w);

/* Sleeps until the workers are done or the time is over; true when done. done/total: progress in packets. */
bool weave_wait(struct weave *w, double seconds, int64_t *done, int64_t *total);

/* True as soon as a worker failed. */
bool weave_failed(struct weave *w);

/* Joins the workers. The result's arrays are the caller's (weave_result_release), also after a failure. */
enum status weave_finish(struct weave **w, struct weave_result *result, struct weave_stats *stats);
void weave_result_release(struct weave_result *r);

#endif
