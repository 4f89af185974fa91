#include "haar/data/loader.h"

#include "base/mem.h"
#include "haar/data/elastic.h"

#include <stdlib.h>

enum { LOADER_BATCH = 8192, LOADER_BLOCK = 64 };

struct batch {
    const struct loader *loader;
    const struct dataset *set;
    int copy;
    int64_t first, n; /* of the set's images */
    size_t image_bytes, preprocessed_bytes;
    uint8_t *preprocessed; /* [n, preprocessed_bytes] */
    uint8_t *scratch;      /* [n_threads, ELASTIC_SCRATCH_BYTES], of copies */
};

static void preprocess_block(void *context, int64_t item, int thread)
{
    const struct batch *b = context;
    const struct dataset *set = b->set;
    uint8_t distorted[HAAR_MAX_SIDE * HAAR_MAX_SIDE];
    const int64_t end = (item + 1) * LOADER_BLOCK < b->n ? (item + 1) * LOADER_BLOCK : b->n;

    for (int64_t i = item * LOADER_BLOCK; i < end; i++) {
        const uint8_t *image = set->pixels + (size_t)(b->first + i) * b->image_bytes;
        if (b->copy > 0) {
            elastic_copy(b->loader->seed, set->first + b->first + i, b->copy, image, set->width, set->height, distorted,
                         b->scratch + (size_t)thread * ELASTIC_SCRATCH_BYTES);
            image = distorted;
        }
        preprocess_image(&b->loader->preprocess, image, set->width, set->height,
                         b->preprocessed + (size_t)i * b->preprocessed_bytes);
    }
}

static enum status load(const struct loader *loader, const struct dataset *set, void *instance)
{
    struct batch b = {.loader = loader, .set = set};
    enum status st = ST_NOMEM;
    const int64_t most = set->n < LOADER_BATCH ? set->n : LOADER_BATCH;
    uint8_t *no_labels = set->labels ? NULL : mem_array((size_t)most, 1);

    b.image_bytes = (size_t)set->width * (size_t)set->height;
    b.preprocessed_bytes = (size_t)preprocess_n_channels(&loader->preprocess) * b.image_bytes;
    b.preprocessed = mem_array((size_t)most, b.preprocessed_bytes);
    b.scratch = mem_array(loader->n_copies > 0 ? (size_t)pool_n_threads(loader->pool) : 1, ELASTIC_SCRATCH_BYTES);
    if (!b.preprocessed || !b.scratch || (!set->labels && !no_labels))
        goto done;
    st = ST_OK;
    for (b.copy = 0; b.copy <= loader->n_copies; b.copy++)
        for (b.first = 0; b.first < set->n; b.first += LOADER_BATCH) {
            b.n = set->n - b.first < LOADER_BATCH ? set->n - b.first : LOADER_BATCH;
            pool_run(loader->pool, (b.n + LOADER_BLOCK - 1) / LOADER_BLOCK, preprocess_block, &b);
            TRY_OR(done, st,
                   loader->ops->load(instance, b.copy * set->n + b.first, b.n, b.preprocessed,
                                     set->labels ? set->labels + b.first : no_labels));
        }
done:
    free(no_labels);
    free(b.scratch);
    free(b.preprocessed);
    return st;
}

enum status loader_open(const struct loader *loader, const struct boost_setup *setup, const struct dataset *set,
                        void **instance)
{
    *instance = mem_array(1, loader->ops->priv_bytes);
    TRY_MEM(*instance);
    TRY(loader->ops->open(*instance, setup));
    return load(loader, set, *instance);
}

void loader_close(const struct boost_ops *ops, void **instance)
{
    if (*instance)
        ops->close(*instance);
    free(*instance);
    *instance = NULL;
}
