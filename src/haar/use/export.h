/* export: the job of `jacquard export`: a model as one C header that needs nothing but <stdint.h>. */
#ifndef JACQUARD_HAAR_EXPORT_H
#define JACQUARD_HAAR_EXPORT_H

#include "base/status.h"

#include <stdbool.h>

/* The header defines `static int jacquard_classify(const uint8_t *pixels, int32_t *scores)` in C99 and C++: the same
 * scores, bit for bit, as `jacquard predict` works with. Local. */
enum status export_run(const char *model, const char *output, bool force);

#endif
