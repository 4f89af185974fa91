/* assemble: the samples of a film become its barcode. Local. */
#ifndef JACQUARD_BARCODE_ASSEMBLE_H
#define JACQUARD_BARCODE_ASSEMBLE_H

#include "barcode/column.h"
#include "barcode/config.h"
#include "barcode/extract.h"

/* Fills b (empty before) from the records (samples.h) of all of the plan's samples, in order. *hash: heap, [n_samples]
 * their hashes, the caller's also after a failure. What b holds is released by barcode_release, also after a failure:
 * ST_NOMEM, or ST_BUG where the records are not of so many samples. */
enum status assemble(struct barcode *b, const struct barcode_config *config, const struct extract_setup *extract,
                     const uint8_t *records, size_t bytes, char (**hash)[65]);

#endif
