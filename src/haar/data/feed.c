#include "haar/data/feed.h"

#include "base/mem.h"
#include "haar/data/elastic.h"

#include <stdlib.h>

enum { FEED_BATCH = 8192, FEED_BLOCK = 64 };

struct batch {
    const struct feed *feed;
    const struct dataset *set;
    int copy;
    int64_t first, n; /* of the set's images */
    size_t image_bytes, prepared_bytes;
    uint8_t *prepared; /* [n, prepared_bytes] */
    uint8_t *scratch;  /* [n_threads, ELASTIC_SCRATCH_BYTES] */
};

static void prepare_block(void *context, int64_t item, int thread)
{
    const struct batch *b = context;
    const struct dataset *set = b->set;
    uint8_t distorted[HAAR_MAX_SIDE * HAAR_MAX_SIDE];
    const int64_t end = (item + 1) * FEED_BLOCK < b->n ? (item + 1) * FEED_BLOCK : b->n;

    for (int64_t i = item * FEED_BLOCK; i < end; i++) {
        const uint8_t *image = set->pixels + (size_t)(b->first + i) * b->image_bytes;
        if (b->copy > 0) {
            elastic_copy(b->feed->seed, set->first + b->first + i, b->copy, image, set->width, set->height, distorted,
                         b->scratch + (size_t)thread * ELASTIC_SCRATCH_BYTES);
            image = distorted;
        }
        prepare_image(&b->feed->prepare, image, set->width, set->height, b->prepared + (size_t)i * b->prepared_bytes);
    }
}

enum status feed_load(const struct feed *feed, const struct dataset *set)
{
    struct batch b = {.feed = feed, .set = set};
    enum status st = ST_NOMEM;

    b.image_bytes = (size_t)set->width * (size_t)set->height;
    b.prepared_bytes = (size_t)prepare_n_channels(&feed->prepare) * b.image_bytes;
    b.prepared = mem_array(FEED_BATCH, b.prepared_bytes);
    b.scratch = mem_array((size_t)pool_n_threads(feed->pool), ELASTIC_SCRATCH_BYTES);
    if (!b.prepared || !b.scratch)
        goto done;
    st = ST_OK;
    for (b.copy = 0; b.copy <= feed->n_copies; b.copy++)
        for (b.first = 0; b.first < set->n; b.first += FEED_BATCH) {
            b.n = set->n - b.first < FEED_BATCH ? set->n - b.first : FEED_BATCH;
            pool_run(feed->pool, (b.n + FEED_BLOCK - 1) / FEED_BLOCK, prepare_block, &b);
            TRY_OR(done, st,
                   feed->ops->load(feed->instance, b.copy * set->n + b.first, b.n, b.prepared, set->labels + b.first));
        }
done:
    free(b.scratch);
    free(b.prepared);
    return st;
}
