/* idx: the IDX files of MNIST and its kin: images u8 [n, height, width] (magic 0x803), labels u8 [n] (magic 0x801),
 * plain or gzip, told apart by their first bytes and not by their name. http://yann.lecun.com/exdb/mnist/ */
#ifndef JACQUARD_HAAR_IDX_H
#define JACQUARD_HAAR_IDX_H

#include "base/status.h"

#include <stdint.h>

struct idx {
    const char *path;   /* the caller's, for messages */
    int n_dims;         /* 3 for images, 1 for labels */
    uint32_t dim[3];    /* images: n, height, width; labels: n */
    int64_t item_bytes; /* height * width, or 1 */
    struct idx_stream *stream;
};

/* Reads and checks the header: magic, element type, 1..64 pixels a side, at least one item, and, of a plain file, that
 * the size is exactly what the header says, or for gzip data, that a file of this size can unpack to so much. ST_FORMAT
 * with what was found; ST_USAGE where the file cannot be opened or is no regular file. Ends with idx_close, also after
 * a failure. */
enum status idx_open_images(const char *path, struct idx *idx);
enum status idx_open_labels(const char *path, struct idx *idx);

/* Items [first, first + n) into out. A plain file is read from the item's place; a gzip stream is read through to its
 * end, so that its size and CRC are checked however few items are wanted. May be called once. */
enum status idx_read(struct idx *idx, int64_t first, int64_t n, uint8_t *out);

void idx_close(struct idx *idx); /* safe on a zeroed or closed one */

#endif
