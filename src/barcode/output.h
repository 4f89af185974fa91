/* output: a finished barcode becomes files. */
#ifndef JACQUARD_BARCODE_OUTPUT_H
#define JACQUARD_BARCODE_OUTPUT_H

#include "barcode/column.h"
#include "barcode/config.h"

#include <stdatomic.h>

/* Refuses before the long work starts what could not be written at its end. */
enum status output_check(const struct barcode_config *config);

/* Refuses, likewise, a picture of so many columns that it could not be drawn here: ST_UNSUPPORTED. */
enum status output_check_size(const struct barcode_config *config, int64_t n_columns, int n_lines);

/* Writes every strip, side-car, CSV and frame hash that the config names: all of them, or none. The frame hash of
 * column i is hash[column_sample[i]]. Prints the paths on stdout. *stop != 0 on the way: ST_INTERRUPTED, nothing is
 * left. Local (rank 0). */
enum status output_write(const struct barcode_config *config, const struct barcode *b, const char (*hash)[65],
                         const int64_t *column_sample, const atomic_int *stop);

#endif
