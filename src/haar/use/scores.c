/* scores: see scores.h. Images go through the compute seam in blocks, so that integral images take bounded memory.
 * Assumes a model as model_read leaves it. */
#include "haar/use/scores.h"

#include "base/mem.h"
#include "haar/data/loader.h"

enum {
    BLOCK_BYTES = 1 << 30, /* of a block's integral images */
    THREAD_IMAGES = 256    /* images that make a further thread worth while */
};

int scores_n_rounds(const struct model *model)
{
    int n = 0;

    for (int m = 0; m < model->n_members; m++)
        if (model->member[m].n_rounds > n)
            n = model->member[m].n_rounds;
    return n;
}

int scores_best(const int32_t *scores, int n_classes)
{
    int best = 0;

    for (int l = 1; l < n_classes; l++)
        if (scores[l] > scores[best])
            best = l;
    return best;
}

/* Member by member within a round, so that after each round the scores are those of all members cut there. */
static enum status walk(const struct scores_job *job, void *priv)
{
    const struct boost_ops *boost = job->resources.ops->boost;
    const struct boost_scale no_scale = {0};
    const int n_rounds = scores_n_rounds(job->model);

    for (int t = 0; t < n_rounds; t++) {
        int64_t wrong = 0;
        if (job->stop && atomic_load(job->stop))
            return FAIL(ST_INTERRUPTED, "interrupted");
        for (int m = 0; m < job->model->n_members; m++) {
            const struct model_member *member = &job->model->member[m];
            if (t >= member->n_rounds)
                continue;
            TRY(boost->leaves(priv, &member->round[t].weak, no_scale, NULL));
            TRY(boost->vote(priv, member->round[t].weak.n_leaves, member->round[t].votes));
        }
        if (job->wrong) {
            TRY(boost->errors(priv, &wrong));
            job->wrong[t] += wrong;
        }
    }
    return ST_OK;
}

static enum status score_block(const struct scores_job *job, struct pool *pool, int64_t first, int64_t n,
                               int32_t *scores)
{
    const struct boost_ops *boost = job->resources.ops->boost;
    const struct boost_setup setup = {
        .device = job->resources.device,
        .n_threads = pool_n_threads(pool),
        .width = job->model->width,
        .height = job->model->height,
        .n_channels = preprocess_n_channels(&job->model->settings.preprocess),
        .n_classes = job->model->n_classes,
        .n_images = n,
    };
    const size_t n_pixels = (size_t)job->model->width * (size_t)job->model->height;
    const struct dataset block = {.width = job->model->width,
                                  .height = job->model->height,
                                  .n = n,
                                  .pixels = (uint8_t *)job->pixels + (size_t)first * n_pixels,
                                  .labels = job->labels ? (uint8_t *)job->labels + first : NULL};
    const struct loader loader = {.ops = boost, .preprocess = job->model->settings.preprocess, .pool = pool};
    void *instance;
    enum status st;

    TRY_OR(done, st, loader_open(&loader, &setup, &block, &instance));
    TRY_OR(done, st, walk(job, instance));
    st = boost->scores(instance, scores);
done:
    loader_close(boost, &instance);
    return st;
}

enum status scores_make(const struct scores_job *job, int32_t **scores)
{
    const struct model *model = job->model;
    const int n_channels = preprocess_n_channels(&model->settings.preprocess);
    const int64_t entries = (int64_t)n_channels * (model->width + 1) * (model->height + 1);
    const int64_t most = BLOCK_BYTES / (entries * (int64_t)sizeof(int32_t));
    const int64_t n_threads = 1 + job->n / THREAD_IMAGES;
    struct pool *pool = NULL;
    enum status st = ST_OK;

    *scores = mem_array((size_t)job->n * (size_t)model->n_classes, sizeof **scores);
    TRY_MEM(*scores);
    if (!job->resources.ops->boost)
        return FAIL(ST_UNSUPPORTED, "the backend %s cannot run models", job->resources.ops->name);
    TRY(pool_open(n_threads < job->resources.threads ? (int)n_threads : job->resources.threads, &pool));
    for (int64_t first = 0; st == ST_OK && first < job->n; first += most) {
        const int64_t n = job->n - first < most ? job->n - first : most;
        st = score_block(job, pool, first, n, *scores + first * model->n_classes);
    }
    pool_close(&pool);
    return st;
}
