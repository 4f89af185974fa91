/* dataset: a rank's share of an IDX pair. Every rank reads all labels (a byte an image), so that all know the classes
 * and can compare the labels' fingerprint with rank 0's: folders that differ between nodes are found before training
 * starts. Of a plain images file only the share is read. */
#include "haar/data/dataset.h"

#include "base/mem.h"
#include "compute/haar/feature.h"
#include "haar/data/idx.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LABEL = HAAR_MAX_CLASSES - 1 };

/* CRC-32 of ISO 3309, as zlib's crc32; crc = 0 to begin. */
static uint32_t crc32_add(uint32_t crc, const uint8_t *bytes, int64_t n)
{
    crc = ~crc;
    for (int64_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

/* The numbers as a file has them, so that it is the same on every machine. */
static uint32_t fingerprint_header(const struct idx *images)
{
    uint8_t bytes[12];

    for (int i = 0; i < 12; i++)
        bytes[i] = (uint8_t)(images->dim[i / 4] >> (24 - i % 4 * 8));
    return crc32_add(0, bytes, sizeof bytes);
}

static enum status check_range(const char *path, int64_t n_images, struct dataset_range range, struct dataset *set)
{
    set->n_total = range.n < 0 ? n_images - range.first : range.n;
    if (range.first < 0 || range.first >= n_images)
        return FAIL(ST_USAGE, "%s holds %" PRId64 " images: there is no number %" PRId64, path, n_images, range.first);
    if (set->n_total == 0)
        return FAIL(ST_USAGE, "no images are asked for of %s", path);
    if (set->n_total > n_images - range.first)
        return FAIL(ST_USAGE, "%s holds %" PRId64 " images: there are no %" PRId64 " from number %" PRId64 " on", path,
                    n_images, set->n_total, range.first);
    return ST_OK;
}

/* all: u8 [n] of the whole file */
static enum status take_labels(const char *path, const uint8_t *all, int64_t n, int64_t first, struct dataset *set)
{
    int highest = 1;

    for (int64_t i = 0; i < n; i++) {
        if (all[i] > MAX_LABEL)
            return FAIL(ST_FORMAT, "%s: label %d of image %" PRId64 " is above %d", path, all[i], i, MAX_LABEL);
        if (all[i] > highest)
            highest = all[i];
    }
    set->n_classes = highest + 1;
    set->fingerprint = crc32_add(set->fingerprint, all, n);
    set->labels = mem_array((size_t)set->n, 1);
    TRY_MEM(set->labels);
    memcpy(set->labels, all + first, (size_t)set->n);
    return ST_OK;
}

static enum status load_labels(const struct idx *images, const char *path, int64_t first, struct dataset *set)
{
    struct idx labels = {0};
    uint8_t *all = NULL;
    enum status st;

    TRY_OR(done, st, idx_open_labels(path, &labels));
    if (labels.dim[0] != images->dim[0])
        TRY_OR(done, st,
               FAIL(ST_FORMAT, "%s holds %u images, but %s holds %u labels", images->path, images->dim[0], path,
                    labels.dim[0]));
    all = mem_array(labels.dim[0], 1);
    TRY_OR(done, st, all ? idx_read(&labels, 0, labels.dim[0], all) : ST_NOMEM);
    st = take_labels(path, all, labels.dim[0], first, set);
done:
    free(all);
    idx_close(&labels);
    return st;
}

/* FNV-1a, a byte at a time: Fowler, Noll, Vo; 64 bits, folded. */
static uint32_t hash_image(int64_t number, const uint8_t *pixels, int64_t n)
{
    uint64_t hash = 0xcbf29ce484222325u ^ (uint64_t)number;

    for (int64_t i = 0; i < n; i++)
        hash = (hash ^ pixels[i]) * 0x100000001b3u;
    return (uint32_t)(hash >> 32 ^ hash);
}

static enum status load_share(const char *images_path, const char *labels_path, struct dataset_range range, int part,
                              int n_parts, struct dataset *set)
{
    struct idx images = {0};
    enum status st;

    TRY_OR(done, st, idx_open_images(images_path, &images));
    TRY_OR(done, st, check_range(images_path, images.dim[0], range, set));
    set->height = (int)images.dim[1];
    set->width = (int)images.dim[2];
    set->first = dataset_share(set->n_total, part, n_parts);
    set->n = dataset_share(set->n_total, part + 1, n_parts) - set->first;
    set->fingerprint = fingerprint_header(&images);
    if (labels_path)
        TRY_OR(done, st, load_labels(&images, labels_path, range.first + set->first, set));
    set->pixels = mem_array((size_t)set->n, (size_t)images.item_bytes);
    TRY_OR(done, st, set->pixels ? idx_read(&images, range.first + set->first, set->n, set->pixels) : ST_NOMEM);
    for (int64_t i = 0; i < set->n; i++)
        set->pixel_sum += hash_image(set->first + i, set->pixels + i * images.item_bytes, images.item_bytes);
done:
    idx_close(&images);
    return st;
}

/* Collective. */
static enum status compare_with_rank_0(struct comm *comm, const char *images, const struct dataset *set)
{
    bool is_same;

    TRY(comm_is_same(comm, &set->fingerprint, sizeof set->fingerprint, &is_same));
    return comm_agree(comm,
                      is_same ? ST_OK : FAIL(ST_FORMAT, "%s or its labels are not the same file as on rank 0", images));
}

enum status dataset_load(struct comm *comm, const char *images, const char *labels, struct dataset_range range,
                         int part, int n_parts, struct dataset *set)
{
    *set = (struct dataset){0};
    TRY(comm_agree(comm, load_share(images, labels, range, part, n_parts, set)));
    return compare_with_rank_0(comm, images, set);
}

void dataset_release(struct dataset *set)
{
    free(set->pixels);
    free(set->labels);
    *set = (struct dataset){0};
}
