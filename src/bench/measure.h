/* measure: what the parts of the bench share: runs and their medians, facts, made-up digits. */
#ifndef JACQUARD_BENCH_MEASURE_H
#define JACQUARD_BENCH_MEASURE_H

#include "bench/bench.h"
#include "haar/data/dataset.h"
#include "job/resources.h"

enum { MADE_UP_SIDE = 28, MADE_UP_PIXELS = MADE_UP_SIDE * MADE_UP_SIDE, MADE_UP_IMAGES = 60000 };

/* Local. ST_INTERRUPTED when the bench is to stop. */
enum status bench_check_stop(const struct bench_run *run);

/* One run: figure[n] are its figures. */
typedef enum status bench_once(void *context, double *figure);

/* Collective over comm; Local where it is NULL. figure[n], n at most 2, become the medians of run->runs runs after one
 * that is not counted. */
enum status bench_time_runs(const struct bench_run *run, struct comm *comm, bench_once *once, void *context, int n,
                            double *figure);

/* Local. The part of bench_io about the frame store. */
enum status bench_store(const struct bench_run *run, const char *folder);

/* Adds the fact "runs on". */
void bench_add_resources(const struct bench_run *run, const struct resources *resources);

/* A bent stroke of a pen on black: as much ink as a written digit takes, and as hard to pack. u8 [28, 28], zeroed by
 * the caller; the same for the same number. Of one class: 0. */
uint8_t bench_draw_digit(uint32_t number, uint8_t image[MADE_UP_PIXELS]);

/* Local. Share `part` of n_parts of n made-up images; draw makes number `number`, into zeros, and gives its label. With
 * n_classes 0 there are no labels. ST_NOMEM; the set ends with dataset_release. */
enum status bench_make_images(int64_t n, int n_classes, int part, int n_parts,
                              uint8_t (*draw)(uint32_t number, uint8_t image[MADE_UP_PIXELS]), struct dataset *set);

#endif
