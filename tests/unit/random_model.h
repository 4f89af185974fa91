/* random_model: models that no training made, with every type of feature, every shape of tree. The same number gives
 * the same model. */
#ifndef JACQUARD_TESTS_UNIT_RANDOM_MODEL_H
#define JACQUARD_TESTS_UNIT_RANDOM_MODEL_H

#include "base/rng.h"
#include "haar/model/model.h"

#include "test.h"

struct random_numbers {
    uint64_t key;
    uint32_t n_drawn;
};

/* low..high */
static inline int random_int(struct random_numbers *random, int low, int high)
{
    const struct rng_block block = rng_philox(random->key, random->n_drawn++, 0, 0, 0);

    return low + (int)rng_below(block.word[0], block.word[1], (uint64_t)(high - low) + 1);
}

static inline struct haar_feature random_feature(struct random_numbers *random, const struct model *model)
{
    struct haar_feature f = {0};

    f.channel = (uint8_t)random_int(random, 0, preprocess_n_channels(&model->settings.preprocess) - 1);
    f.x = (uint8_t)random_int(random, 0, model->width - 3);
    f.y = (uint8_t)random_int(random, 0, model->height - 3);
    f.w = (uint8_t)random_int(random, 3, model->width - f.x);
    f.h = (uint8_t)random_int(random, 3, model->height - f.y);
    f.type = (uint8_t)random_int(random, 0, HAAR_N_TYPES - 1);
    if (f.type == HAAR_EDGE_V || f.type == HAAR_QUAD)
        f.a = (uint8_t)random_int(random, 1, f.w - 1);
    if (f.type == HAAR_EDGE_H || f.type == HAAR_QUAD)
        f.b = (uint8_t)random_int(random, 1, f.h - 1);
    if (f.type == HAAR_LINE_H || f.type == HAAR_LINE_V) {
        const int side = f.type == HAAR_LINE_H ? f.h : f.w;
        f.a = (uint8_t)random_int(random, 1, side - 2);
        f.b = (uint8_t)random_int(random, f.a + 1, side - 1);
    }
    return f;
}

/* Splits a random leaf until there are enough. */
static inline void random_children(struct random_numbers *random, struct weak *weak)
{
    int16_t *end[BOOST_MAX_LEAVES + 1]; /* ways that lead nowhere yet */
    int n_ends = 0;

    for (int i = 0; i < weak->n_nodes; i++) {
        const int at = i > 0 ? random_int(random, 0, n_ends - 1) : 0;
        if (i > 0)
            *end[at] = (int16_t)i;
        end[i > 0 ? at : n_ends++] = &weak->node[i].child[0];
        end[n_ends++] = &weak->node[i].child[1];
    }
    for (int leaf = 0; n_ends > 0; leaf++) {
        const int at = random_int(random, 0, n_ends - 1);
        *end[at] = (int16_t)(-1 - leaf);
        end[at] = end[--n_ends];
    }
}

static inline void random_round(struct random_numbers *random, struct model *model)
{
    const struct model_settings *s = &model->settings;
    int32_t votes[BOOST_MAX_LEAVES * HAAR_MAX_CLASSES];
    struct model_round round = {.votes = votes};
    struct weak *weak = &round.weak;

    weak->kind = s->learner == LEARNER_TREE ? WEAK_TREE : WEAK_PRODUCT;
    weak->n_nodes = s->learner == LEARNER_TREE ? s->leaves - 1 : s->learner == LEARNER_PRODUCT ? s->terms : 1;
    weak->n_leaves = s->learner == LEARNER_TREE ? s->leaves : 1 << weak->n_nodes;
    for (int i = 0; i < weak->n_nodes; i++) {
        weak->node[i].feature = random_feature(random, model);
        const struct haar_corners c = haar_corners_of(weak->node[i].feature, model->width, model->height);
        weak->node[i].cut =
            c.is_positive ? random_int(random, 0, c.most / 2) : random_int(random, -c.most / 8, c.most / 8);
    }
    if (weak->kind == WEAK_TREE)
        random_children(random, weak);
    for (int i = 0; i < weak->n_leaves * model->n_classes; i++)
        votes[i] = random_int(random, -200000, 200000);
    round.shift = random_int(random, -1000000000, 1000000000);
    round.loss = random_int(random, -100000, 0);
    CHECK_INT(model_add_round(model, &round), ST_OK);
}

/* model: sizes, classes and settings filled in. */
static inline void random_rounds(struct model *model, int n_members, int n_rounds, uint64_t number)
{
    struct random_numbers random = {.key = number};

    for (int m = 0; m < n_members; m++) {
        CHECK_INT(model_add_member(model, number + (uint64_t)m), ST_OK);
        for (int t = 0; t < n_rounds; t++)
            random_round(&random, model);
    }
}

#endif
