#include "barcode/samples.h"

#include "base/mem.h"

#include <string.h>

static size_t bytes_of_lines(const struct extract_setup *setup)
{
    return 3 * (size_t)setup->n_lines;
}

size_t samples_record_bytes(const struct extract_setup *setup)
{
    return sizeof(struct sample_record) + bytes_of_lines(setup);
}

enum status samples_pack(const struct extract_setup *setup, const struct extract_result *r, uint8_t **packed,
                         size_t *bytes)
{
    const size_t line_bytes = bytes_of_lines(setup);
    uint8_t *at = *packed = mem_array((size_t)r->n, samples_record_bytes(setup));

    TRY_MEM(at);
    for (int64_t i = 0; i < r->n; i++) {
        struct sample_record record;
        if (r->delivered[i] != 1)
            continue;
        memset(&record, 0, sizeof record);
        record.sample = r->first + i;
        record.clusters = r->clusters[i];
        record.light = r->light[i];
        if (setup->want_hash)
            memcpy(record.hash, r->hash[i], sizeof record.hash);
        memcpy(at, &record, sizeof record);
        memcpy(at + sizeof record, r->lines + (size_t)i * line_bytes, line_bytes);
        at += sizeof record + line_bytes;
    }
    *bytes = (size_t)(at - *packed);
    return ST_OK;
}

struct sample_record samples_read(const uint8_t *at)
{
    struct sample_record record;

    memcpy(&record, at, sizeof record);
    return record;
}

void samples_unpack(const struct extract_setup *setup, const uint8_t *packed, size_t bytes, struct extract_result *r)
{
    const size_t line_bytes = bytes_of_lines(setup), each = samples_record_bytes(setup);

    for (const uint8_t *at = packed; at < packed + bytes; at += each) {
        const struct sample_record record = samples_read(at);
        const int64_t i = record.sample - r->first;
        if (i < 0 || i >= r->n)
            continue;
        r->clusters[i] = record.clusters;
        r->light[i] = record.light;
        if (setup->want_hash)
            memcpy(r->hash[i], record.hash, sizeof record.hash);
        memcpy(r->lines + (size_t)i * line_bytes, at + sizeof record, line_bytes);
        r->delivered[i] = 1;
    }
}
