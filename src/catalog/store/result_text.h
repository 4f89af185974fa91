/* result_text: a film's result as members of a JSON object, there and back. Local. */
#ifndef JACQUARD_CATALOG_STORE_RESULT_TEXT_H
#define JACQUARD_CATALOG_STORE_RESULT_TEXT_H

#include "catalog/store/field.h"
#include "catalog/store/result.h"

#include <stdint.h>

/* Members, each with a comma before it. Texts that are no UTF-8 get U+FFFD, numbers that are none become 0. */
void result_print(FILE *file, const struct film_result *r);

/* False where a member is missing or of the wrong kind, or a number does not fit; texts that are too long are cut.
 * summary: the text at "summary", without its quotes. */
bool result_read(const json_t *object, const char *summary, size_t summary_length, struct film_result *r);

/* RFC 4648, section 4, padded; and so the bins of a summary alone. */
void result_print_base64(FILE *file, const uint8_t *bytes, size_t n);
void result_print_bins(FILE *file, const struct film_summary *summary);

#endif
