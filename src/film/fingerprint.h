/* fingerprint: tells films apart without reading them whole, and the same film again from one that was changed. */
#ifndef JACQUARD_FILM_FINGERPRINT_H
#define JACQUARD_FILM_FINGERPRINT_H

#include "base/status.h"

#include <stdint.h>

/* *bytes: the file's size; hex: sha256 of the size as decimal text, the first MiB and the last MiB (these overlap in
 * files below 2 MiB). ST_USAGE where the file cannot be opened or is not a regular one, ST_FORMAT where reading fails;
 * *bytes is then 0 and hex "". Local. */
enum status film_fingerprint(const char *path, int64_t *bytes, char hex[65]);

#endif
