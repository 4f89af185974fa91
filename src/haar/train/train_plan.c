#include "haar/train/train_plan.h"

#include "haar/train/boosting.h"

enum status train_plan_make(const struct train_config *config, int n_ranks, struct train_plan *plan)
{
    const bool is_told = config->data_shards > 0 || config->feature_shards > 0;

    const bool is_sketch = config->settings.sketch > 0;

    plan->deals_members = !is_told && config->n_members > 1 && n_ranks > 1;
    plan->data_shards = plan->deals_members || is_sketch ? 1 : n_ranks;
    plan->feature_shards = !plan->deals_members && is_sketch ? n_ranks : 1;
    if (!is_told)
        return ST_OK;
    plan->data_shards = config->data_shards > 0 ? config->data_shards : n_ranks;
    plan->feature_shards = config->feature_shards > 0 ? config->feature_shards : n_ranks;
    if (config->data_shards > 0 && config->feature_shards <= 0)
        plan->feature_shards = n_ranks / plan->data_shards;
    if (config->feature_shards > 0 && config->data_shards <= 0)
        plan->data_shards = n_ranks / plan->feature_shards;
    if ((int64_t)plan->data_shards * plan->feature_shards != n_ranks)
        return FAIL(ST_USAGE, "--shard: %d data shards x %d feature shards do not make %d ranks", plan->data_shards,
                    plan->feature_shards, n_ranks);
    if (is_sketch && plan->data_shards > 1)
        return FAIL(ST_USAGE,
                    "--shard: %d data shards, but --search sketch wants all images on every rank: --shard features",
                    plan->data_shards);
    return ST_OK;
}

struct boost_setup train_plan_setup(const struct model_settings *settings, int width, int height, int n_classes,
                                    int64_t n_images, int data_shards, int feature_shards)
{
    const uint32_t f = (uint32_t)feature_shards;
    static const size_t most_histogram_bytes = (size_t)256 << 20;
    const bool is_tree = settings->learner == LEARNER_TREE;
    struct boost_setup setup = {.width = width,
                                .height = height,
                                .n_channels = preprocess_n_channels(&settings->preprocess),
                                .n_classes = n_classes,
                                .n_images = n_images,
                                .is_searching = true,
                                .is_sketching = settings->sketch > 0,
                                .columns = is_tree ? BOOST_SPLIT : BOOST_SIGNED,
                                .most_nodes = is_tree ? BOOSTING_NODES : 1,
                                .most_features = (boosting_list_size(settings, width, height) + f - 1) / f};
    const size_t columns = (size_t)n_classes * (is_tree ? 2 : 1);
    const size_t a_feature = HAAR_BINS * columns * sizeof(int32_t) * (size_t)setup.most_nodes;

    /* Of a list that is shared out, the last shard's part is filled up to the others' length. */
    const size_t shards = (size_t)data_shards, least = shards > 1 ? 2 * shards : 1;
    size_t n = (setup.most_features + shards - 1) / shards * shards;
    if (n * a_feature > most_histogram_bytes)
        n = most_histogram_bytes / a_feature;
    setup.histogram_bytes = (n > least ? n : least) * a_feature;
    return setup;
}

struct train_memory train_plan_memory(const struct boost_setup *setup, bool on_gpu)
{
    const double n = (double)setup->n_images;
    const double entries = (double)setup->n_channels * (setup->width + 1) * (setup->height + 1);
    struct train_memory m = {
        .integral = 4 * n * entries,
        .active = 4 * n * entries, /* before trimming: all of them */
        .bins = n * setup->most_features * (setup->is_sketching && on_gpu ? 1 + 1.0 / 8 : 1),
        .histograms = on_gpu || setup->sum.sum_i32 ? (double)setup->histogram_bytes : 0,
        /* scores, weights (of a sketch, too), leaves, labels, orders */
        .scores = n * ((setup->is_sketching ? 12.0 : 8.0) * setup->n_classes + 16),
    };

    m.all = m.integral + m.active + m.bins + m.histograms + m.scores;
    return m;
}
