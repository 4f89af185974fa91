/* png: writes 8-bit RGB pictures, reads them again, reads any as 8-bit grey. The only place that knows libpng. */
#ifndef JACQUARD_IMAGE_PNG_H
#define JACQUARD_IMAGE_PNG_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* rgb: u8 [height, width, 3]. Writes to the open file, row by row; up to 2^31 - 1 pixels a side. ST_IO on a full disk,
 * ST_USAGE where libpng cannot hold the size. path is for messages only. */
enum status png_write_rgb(FILE *file, const char *path, const uint8_t *rgb, uint32_t width, uint32_t height);

/* *rgb: u8 [height, width, 3], heap; NULL on failure. The picture must be of exactly this size (both >= 1), so that no
 * file decides how much memory is taken, of 8 bits a sample at most and without transparency: palettes and greys become
 * RGB, no colour is changed. ST_USAGE where the file cannot be opened, ST_FORMAT where it is no such PNG or damaged. */
enum status png_read_rgb(const char *path, uint32_t width, uint32_t height, uint8_t **rgb);

enum { PNG_MAX_READ_SIDE = 4096 };

/* *pixels: u8 [height, width], heap; NULL on failure. Whatever the PNG's kind: colours by the luma of ITU-R BT.601,
 * (299 R + 587 G + 114 B) / 1000, whatever is transparent on black, deep samples rounded to 8 bits; gamma and profiles
 * are not looked at. ST_USAGE where the file cannot be opened, ST_FORMAT where it is no PNG, damaged or too large. */
enum status png_read_grey(const char *path, uint8_t **pixels, uint32_t *width, uint32_t *height);

/* "1.6.39 (built with 1.6.39)" */
void png_describe(char *text, size_t bytes);

#endif
