/* loader: from a data set to the images that a boost instance works on: distorted copies, preprocessing. */
#ifndef JACQUARD_HAAR_DATA_LOADER_H
#define JACQUARD_HAAR_DATA_LOADER_H

#include "base/pool.h"
#include "compute/haar/boost.h"
#include "haar/data/dataset.h"
#include "haar/data/preprocess.h"

struct loader {
    const struct boost_ops *ops;
    struct preprocess preprocess;
    int n_copies;  /* elastic ones of each image, beside itself */
    uint64_t seed; /* theirs */
    struct pool *pool;
};

static inline int64_t loader_n_images(const struct dataset *set, int n_copies)
{
    return set->n * (1 + n_copies);
}

/* Local. Opens an instance, heap, and loads all of the set: the images, then their first copies, and so on; without
 * labels all have label 0. setup->n_images is loader_n_images. Ends with loader_close, also after a failure. */
enum status loader_open(const struct loader *loader, const struct boost_setup *setup, const struct dataset *set,
                        void **instance);
void loader_close(const struct boost_ops *ops, void **instance); /* safe on NULL */

#endif
