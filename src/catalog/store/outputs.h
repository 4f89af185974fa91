/* outputs: the folder of a catalogue's results. Local (rank 0). */
#ifndef JACQUARD_CATALOG_STORE_OUTPUTS_H
#define JACQUARD_CATALOG_STORE_OUTPUTS_H

#include "barcode/config.h"
#include "catalog/listing/listing.h"
#include "catalog/store/history.h"
#include "catalog/store/result.h"

#include <stdbool.h>

/* Makes OUT (its parent must exist) and OUT/pieces. ST_IO. */
enum status outputs_prepare(const char *out);

/* Removes OUT/pieces if it is empty; whoever needs it makes it again. */
void outputs_tidy(const char *out);

/* Removes what processes that were killed left half written for the listed films. */
void outputs_sweep(const char *out, const struct listing *listing);

/* ST_USAGE where OUT holds files that would be written for films that the journals do not know: nothing of the user's
 * is overwritten. */
enum status outputs_are_free(const char *out, const struct listing *listing, const struct history *history,
                             const struct barcode_config *config);

/* Tries it: ST_IO where OUT cannot be written, or is full. */
enum status outputs_can_be_written(const char *out);

/* The side-car first: it is the mark that the others are whole. */
void outputs_remove(const char *out, const char *name, const struct film_result *result);

/* Every output is there, as long as it was, with the bytes it had. */
bool outputs_are_sound(const char *out, const char *name, const struct film_result *result);

#endif
