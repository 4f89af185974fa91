/* loader: from a data set to the images that a boost instance works on: distorted copies, preprocessing. */
#ifndef JACQUARD_HAAR_DATA_LOADER_H
#define JACQUARD_HAAR_DATA_LOADER_H

#include "base/pool.h"
#include "compute/haar/boost.h"
#include "haar/data/dataset.h"
#include "haar/data/preprocess.h"

struct loader {
    const struct boost_ops *ops;
    void *instance; /* open, with room for loader_n_images */
    struct preprocess preprocess;
    int n_copies;  /* elastic ones of each image, beside itself */
    uint64_t seed; /* theirs */
    struct pool *pool;
};

static inline int64_t loader_n_images(const struct dataset *set, int n_copies)
{
    return set->n * (1 + n_copies);
}

/* Local. Loads all of the set: the images, then their first copies, and so on; without labels all have label 0. */
enum status loader_load(const struct loader *loader, const struct dataset *set);

#endif
