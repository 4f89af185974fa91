/* png: writes an 8-bit RGB picture. The only place that knows libpng. */
#ifndef JACQUARD_IMAGE_PNG_H
#define JACQUARD_IMAGE_PNG_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* rgb: u8 [height, width, 3]. Writes to the open file, row by row; up to 2^31 - 1 pixels a side. ST_IO on a full disk,
 * ST_USAGE where libpng cannot hold the size. path is for messages only. */
enum status png_write_rgb(FILE *file, const char *path, const uint8_t *rgb, uint32_t width, uint32_t height);

/* "1.6.39 (built with 1.6.39)" */
void png_describe(char *text, size_t bytes);

#endif
