/* samples: extracted samples as they travel between processes of one machine type, over MPI or through files: records
 * of one size, each followed by the sample's lines. Local. */
#ifndef JACQUARD_BARCODE_SAMPLES_H
#define JACQUARD_BARCODE_SAMPLES_H

#include "barcode/extract.h"

struct sample_record {
    int64_t sample; /* of the plan */
    struct frame_clusters clusters;
    struct frame_light light;
    char hash[65]; /* "" where it was not wanted */
};

/* Of a record and its lines. */
size_t samples_record_bytes(const struct extract_setup *setup);

/* Those of r that were delivered once, in its order. *packed is heap. ST_NOMEM. */
enum status samples_pack(const struct extract_setup *setup, const struct extract_result *r, uint8_t **packed,
                         size_t *bytes);

/* The way back, into a result that has room; the samples of others are passed over. bytes: of whole records. */
void samples_unpack(const struct extract_setup *setup, const uint8_t *packed, size_t bytes, struct extract_result *r);

/* The record at `at`; its lines follow it. */
struct sample_record samples_read(const uint8_t *at);

#endif
