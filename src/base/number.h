/* number: the one reader of numbers out of texts. Decimal digits and nothing else (no blanks, no '+', no hexadecimal,
 * no "inf"), checked against a range: what does not fit is refused, nothing wraps. Pure. */
#ifndef JACQUARD_BASE_NUMBER_H
#define JACQUARD_BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Reads at *text, which ends with a 0, and steps over what it has read. False where there is no number, or one that is
 * out of range: *text and *value are as before. Signed ones may begin with a '-'. */
bool number_next_u64(const char **text, uint64_t high, uint64_t *value);
bool number_next_int(const char **text, int64_t low, int64_t high, int64_t *value);
bool number_next_int32(const char **text, int32_t low, int32_t high, int32_t *value);
/* Digits with at most one point among them, at least one digit; not below 0, finite. */
bool number_next_decimal(const char **text, double *value);

/* Likewise, of the whole text. number_read_real takes a decimal with an exponent too: 2.5e-3. */
bool number_read_int(const char *text, int64_t low, int64_t high, int64_t *value);
bool number_read_int32(const char *text, int32_t low, int32_t high, int32_t *value);
bool number_read_real(const char *text, double *value);

/* Two numbers with `between` between them and nothing else, each in its range: "480x270", "1/4". */
bool number_read_pair(const char *text, char between, int32_t low, int32_t high, int32_t *first, int32_t *second);

#endif
