/* bench: measures the program on this machine, each figure beside a floor or ceiling that is measured in the same run.
 * Figures are medians of several runs after one that is not counted. Each function is Collective where it says so, and
 * adds its rows to *table on rank 0 (on the others *table is left as it is). A bench stops early with ST_INTERRUPTED
 * when *stop becomes non-zero. Nothing is written but what io says. */
#ifndef JACQUARD_BENCH_BENCH_H
#define JACQUARD_BENCH_BENCH_H

#include "barcode/config.h"
#include "bench/table.h"
#include "haar/features.h"
#include "mpi/comm.h"

#include <stdatomic.h>

struct bench_run {
    struct comm *comm;
    const char *backend; /* "auto", "cpu", "cuda" */
    int threads;         /* a rank; 0 = its share of the host's cores */
    int runs;            /* that count, at least 1 */
    atomic_int *stop;
    struct bench_table *table;
};

/* Collective. One film, as `jacquard barcode` would extract it. Ceilings: the same packets decoded by the same
 * decoders with nothing done to the frames; CPU and NVDEC decoders apart, added; with several ranks, their number times
 * rank 0 alone. The config names the film and the settings; outputs are not looked at. */
enum status bench_barcode(const struct bench_run *run, const struct barcode_config *config);

/* Local: rank 0 works, the others wait. Convert and k-means a frame, for 1920x1080 frames fitted into 480x270 and
 * 426x240, and for pictures of 1920x1080 as they are. film: whose frames are taken; NULL: made-up ones. Floor: the
 * frame's bytes read once at the speed of copying in that memory. */
enum status bench_kmeans(const struct bench_run *run, const char *film, const struct kmeans_settings *kmeans);

/* Collective. The student project's scan (HAAR_SEED, its threshold) of IDX images; NULL: 60,000 made-up ones of 28x28.
 * Beside it: one thread that goes about it as that project's plain loops do (on a part of the images), and the integral
 * images read once at the speed of copying. */
enum status bench_scan(const struct bench_run *run, const char *images);

/* Collective. Rounds of AdaBoost.MH on IDX images and labels (both NULL: 60,000 made-up ones of 10 classes): exhaustive
 * stumps on `set`, beside the time in which the bins can be read once at the speed of copying; lazy:250 trees. */
enum status bench_train(const struct bench_run *run, const char *images, const char *labels, enum haar_set set);

/* Local: rank 0 works, the others wait. Reading `film` (may be NULL) and listing its packets, beside reading the file
 * alone; writing a PNG into `folder`, beside writing its bytes (the file is removed again); reading gzip'ed IDX data,
 * beside inflating it; keeping frames there and loading them again (frame_store.h), by pread and by the backend's
 * direct way, beside the disk's own speed. */
enum status bench_io(const struct bench_run *run, const char *film, const char *folder);

/* Collective. What the ranks tell each other: agreements, broadcasts, gathers, sums of int32 on the host and between
 * GPUs, from 4 bytes to 64 MB, beside the same call with next to no data. */
enum status bench_comm(const struct bench_run *run);

#endif
