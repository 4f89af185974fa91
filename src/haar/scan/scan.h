/* scan: the job of `jacquard scan`: every Haar-like feature of a set on every image of an IDX file; those over the
 * threshold are counted and, where wanted, recorded. Counts and records are the same for every backend, number of ranks
 * and number of threads. */
#ifndef JACQUARD_HAAR_SCAN_H
#define JACQUARD_HAAR_SCAN_H

#include "base/progress.h"
#include "compute/compute.h"
#include "compute/haar/scan.h"
#include "haar/data/dataset.h"
#include "haar/features.h"
#include "mpi/comm.h"

#include <stdatomic.h>
#include <stdbool.h>

struct scan_config {
    const char *images, *labels; /* labels may be NULL: all images are then counted together */
    enum haar_set set;
    enum scan_rule rule;
    int32_t threshold;          /* 0..255 */
    const char *records, *json; /* outputs; NULL: none. Records: of images of up to 32 x 32 pixels */
    const char *backend;        /* auto, cpu, cuda */
    int threads;                /* 0: this rank's share of the host's cores */
    enum progress_mode progress;
    bool force; /* overwrite */
};

/* Collective. Rank 0 writes the files and prints the counts on stdout; *stop != 0 ends it with ST_INTERRUPTED before
 * anything appears. */
enum status scan_run(struct comm *comm, const struct scan_config *config, atomic_int *stop);

/* ---- for bench_scan, too ---- */

/* Local. All features of a set that the images have, *feature heap; `images` is for the message. ST_USAGE: none. */
enum status scan_list_features(const char *images, enum haar_set features, const struct dataset *set,
                               struct haar_feature_list *list, struct haar_feature **feature);

/* Local. Scans the job's images, as many at a time as the backend takes. *n_done: images before those that
 * job->progress counts. ST_INTERRUPTED when *stop is set. */
enum status scan_slices(const struct compute_ops *ops, const struct scan_job *job, atomic_int *stop, int64_t *n_done,
                        struct scan_result *result);

#endif
