#include "haar/train/boosting.h"

#include "base/mem.h"
#include "base/rng.h"
#include "haar/train/grow.h"

#include <stdlib.h>
#include <string.h>

/* ---- life ---- */

static bool has_box(const struct model_settings *s)
{
    return s->preprocess.gradient; /* a plain sum says little of grey values, but much of gradients */
}

static void list_features(const struct model_settings *s, int width, int height, struct haar_feature_list *list)
{
    haar_feature_list_init(list, s->features, width, height, has_box(s), preprocess_n_channels(&s->preprocess));
}

uint32_t boosting_list_size(const struct model_settings *s, int width, int height)
{
    struct haar_feature_list list;

    list_features(s, width, height, &list);
    return s->lazy > 0 ? s->lazy : list.n_all;
}

/* Dealt in turn, so that every shard has the same share of each type and of the promising features. */
void boosting_share_features(struct boosting *b)
{
    const uint32_t shards = (uint32_t)b->grid.features->size, shard = (uint32_t)b->grid.features->rank;

    b->n = 0;
    for (uint32_t i = shard; i < b->n_drawn; i += shards)
        b->own[b->n++] = b->drawn[i];
}

enum status boosting_init(struct boosting *b)
{
    const uint32_t shards = (uint32_t)b->grid.features->size;

    list_features(b->settings, b->width, b->height, &b->list);
    if (b->list.n_all == 0)
        return FAIL(ST_USAGE, "images of %d x %d pixels are too small for any feature of the set %s", b->width,
                    b->height, haar_set_names[b->settings->features]);
    for (int type = 0; type < b->list.n_types; type++)
        if (b->list.n[type] > 0)
            b->type[b->n_types++] = (enum haar_type)type;
    b->n_drawn = b->settings->lazy > 0 ? b->settings->lazy : b->list.n_all;
    const size_t most = (b->n_drawn + shards - 1) / shards;
    b->drawn = mem_array(b->n_drawn, sizeof *b->drawn);
    b->own = mem_array(most, sizeof *b->own);
    b->sums = mem_array((size_t)BOOST_MAX_LEAVES * (size_t)b->n_classes * 2 + 1, sizeof *b->sums);
    if (b->settings->sketch > 0) {
        b->step = mem_array(most, sizeof *b->step);
        b->place = mem_array(most, sizeof *b->place);
        b->promising = mem_array(most, sizeof *b->promising);
    }
    if (!b->drawn || !b->own || !b->sums || (b->settings->sketch > 0 && (!b->step || !b->place || !b->promising)))
        return ST_NOMEM;
    if (b->settings->lazy == 0) {
        haar_feature_list_all(&b->list, b->drawn);
        boosting_share_features(b);
    }

    haar_powers_init(&b->powers);
    /* 1 / 2n for the right class, 1 / (2n (K - 1)) for the others: half of the weight each. */
    b->base.right = -haar_log2(2 * (uint64_t)b->n_weighted);
    b->base.wrong = -haar_log2(2 * (uint64_t)b->n_weighted * (uint64_t)(b->n_classes - 1));
    return ST_OK;
}

void boosting_release(struct boosting *b)
{
    free(b->promising);
    free(b->place);
    free(b->step);
    free(b->sums);
    free(b->own);
    free(b->drawn);
}

static struct boost_scale scale_now(const struct boosting *b)
{
    return (struct boost_scale){b->base.right + b->shift, b->base.wrong + b->shift};
}

/* ---- which images, which features ---- */

/* Leaves the lightest images, which together carry no more than trim_ppm of the weight, out of the search; by whole
 * steps of weight, so that shards agree without comparing images. */
static enum status trim(struct boosting *b)
{
    int64_t spread[HAAR_SPREAD] = {0};
    int64_t total = 0, below = 0;
    int lowest = 0;

    if (b->settings->trim_ppm > 0) {
        TRY(b->ops->spread(b->train, scale_now(b), spread));
        TRY(comm_sum_i64(b->grid.data, spread, HAAR_SPREAD));
        for (int i = 0; i < HAAR_SPREAD; i++)
            total += spread[i];
        const int64_t most = total / 1000000 * b->settings->trim_ppm;
        while (lowest < HAAR_SPREAD - 1 && below + spread[lowest] <= most)
            below += spread[lowest++];
    }
    TRY(b->ops->activate(b->train, scale_now(b), lowest, &b->n_active));
    return comm_sum_i64(b->grid.data, &b->n_active, 1);
}

static bool is_trim_round(const struct boosting *b, int round)
{
    return round == 0 || (b->settings->trim_ppm > 0 && round % BOOSTING_TRIM_EVERY == 0);
}

/* Types are equally likely, so that the large families do not crowd out the small ones; so are channels. */
static void draw(struct boosting *b, int round)
{
    for (uint32_t i = 0; i < b->n_drawn; i++) {
        const struct rng_block r = rng_philox(b->seed, (uint32_t)round, i, 0, 0);
        const enum haar_type type = b->type[rng_below(r.word[0], 0, (uint64_t)b->n_types)];
        const int channel = (int)rng_below(r.word[1], 0, (uint64_t)b->list.n_channels);
        const uint32_t number = (uint32_t)rng_below(r.word[2], r.word[3], b->list.n[type]);
        b->drawn[i] = haar_feature_at(&b->list, type, channel, number);
    }
    boosting_share_features(b);
}

/* ---- votes ---- */

/* Half the log odds of each leaf and class, smoothed by 1 / nK of the whole weight, of which 3/4 are taken (shrinkage:
 * Friedman, Greedy function approximation, 2001): on held-out digits this removes a tenth of the errors of 8-leaf
 * trees, and it is no worse elsewhere. */
static void vote_tree(const struct boosting *b, const struct weak *weak, int32_t *votes)
{
    const uint64_t nk = (uint64_t)b->n_weighted * (uint64_t)b->n_classes;
    const uint64_t smooth = ((uint64_t)1 << HAAR_FINE_BITS) / nk + 1;

    for (int i = 0; i < weak->n_leaves * b->n_classes; i++) {
        const uint64_t negative = (uint64_t)b->sums[2 * i], positive = (uint64_t)b->sums[2 * i + 1];
        votes[i] = (haar_log2(positive + smooth) - haar_log2(negative + smooth)) * 3 / 8;
    }
}

/* One alpha for all: half the log odds of being right. */
static void vote_product(const struct boosting *b, const struct weak *weak, const int8_t *sign, int32_t *votes)
{
    const uint64_t smooth = ((uint64_t)1 << HAAR_FINE_BITS) / 100 / (uint64_t)b->n_weighted + 1;
    uint64_t right = smooth, wrong = smooth;

    for (int i = 0; i < weak->n_leaves * b->n_classes; i++) {
        right += (uint64_t)b->sums[2 * i + (sign[i] > 0)];
        wrong += (uint64_t)b->sums[2 * i + (sign[i] < 0)];
    }
    const int32_t alpha = (haar_log2(right) - haar_log2(wrong)) / 2;
    for (int i = 0; i < weak->n_leaves * b->n_classes; i++)
        votes[i] = sign[i] * (alpha > 0 ? alpha : 0);
}

/* log2, in 1/65536 octaves, of the weights' sum after the votes over 2^46: known from the leaves' sums, so the new
 * weights need not be added up. */
static int32_t log2_of_total(const struct boosting *b, const struct weak *weak, const int32_t *votes)
{
    uint64_t total = 0; /* in 2^-40 */

    for (int i = 0; i < weak->n_leaves * b->n_classes; i++) {
        const uint64_t down = (uint64_t)haar_power(&b->powers, -(int64_t)votes[i] - 16 * HAAR_OCTAVE);
        const uint64_t up = (uint64_t)haar_power(&b->powers, (int64_t)votes[i] - 16 * HAAR_OCTAVE);
        total += ((uint64_t)b->sums[2 * i] >> 16) * up >> 20;
        total += ((uint64_t)b->sums[2 * i + 1] >> 16) * down >> 20;
    }
    return total > 0 ? haar_log2(total) - 40 * HAAR_OCTAVE : 0;
}

/* ---- rounds ---- */

static enum status apply(struct boosting *b, const struct weak *weak, const int32_t *votes)
{
    TRY(b->ops->vote(b->train, weak->n_leaves, votes));
    if (b->held_out) {
        TRY(b->ops->leaves(b->held_out, weak, scale_now(b), NULL));
        TRY(b->ops->vote(b->held_out, weak->n_leaves, votes));
    }
    return ST_OK;
}

enum status boosting_resume(struct boosting *b, const struct model_member *member)
{
    const int last_trim = b->settings->trim_ppm > 0 ? member->n_rounds / BOOSTING_TRIM_EVERY * BOOSTING_TRIM_EVERY : 0;

    for (int r = 0; r < member->n_rounds; r++) {
        const struct model_round *round = &member->round[r];
        if (r == last_trim)
            TRY(trim(b));
        TRY(b->ops->leaves(b->train, &round->weak, scale_now(b), NULL));
        TRY(apply(b, &round->weak, round->votes));
        b->shift = round->shift;
    }
    return ST_OK;
}

/* The leaves' sums over all images; every feature shard has the same ones, so a sum over all ranks counts each the same
 * number of times. A request to stop is sent along. */
static enum status sum_leaves(struct boosting *b, const struct weak *weak, bool stop, bool *is_stopping)
{
    const size_t n = (size_t)weak->n_leaves * (size_t)b->n_classes * 2;

    TRY(b->ops->leaves(b->train, weak, scale_now(b), b->sums));
    b->sums[n] = stop;
    TRY(comm_sum_i64(b->grid.all, b->sums, n + 1));
    *is_stopping = b->sums[n] > 0;
    for (size_t i = 0; i < n; i++)
        b->sums[i] /= b->grid.features->size;
    return ST_OK;
}

enum status boosting_step(struct boosting *b, int round, bool stop, struct model_round *learnt,
                          struct boosting_round *outcome)
{
    int8_t sign[BOOST_MAX_LEAVES * HAAR_MAX_CLASSES];
    const bool is_tree = b->settings->learner == LEARNER_TREE;

    memset(learnt, 0, sizeof *learnt);
    if (is_trim_round(b, round))
        TRY(trim(b));
    if (b->settings->lazy > 0) {
        draw(b, round);
        b->list_number = (uint64_t)round + 1;
    }
    TRY(is_tree ? grow_tree(b, scale_now(b), &learnt->weak) : grow_product(b, scale_now(b), &learnt->weak, sign));
    TRY(sum_leaves(b, &learnt->weak, stop, &outcome->is_stopping));

    learnt->votes = mem_array((size_t)learnt->weak.n_leaves * (size_t)b->n_classes, sizeof *learnt->votes);
    TRY_MEM(learnt->votes);
    int64_t before = 0;
    for (int i = 0; i < learnt->weak.n_leaves * b->n_classes * 2; i++)
        before += b->sums[i];
    if (is_tree)
        vote_tree(b, &learnt->weak, learnt->votes);
    else
        vote_product(b, &learnt->weak, sign, learnt->votes);
    TRY(apply(b, &learnt->weak, learnt->votes));

    const int32_t after = log2_of_total(b, &learnt->weak, learnt->votes);
    learnt->loss = after - (before > 0 ? haar_log2((uint64_t)before) - HAAR_FINE_BITS * HAAR_OCTAVE : 0);
    b->shift -= after;
    learnt->shift = b->shift;
    outcome->log2_z = learnt->loss / (double)HAAR_OCTAVE;
    outcome->n_active = b->n_active;
    return ST_OK;
}

bool boosting_is_exhausted(const struct boosting *b)
{
    return b->shift > HAAR_MOST_SCORE / 2;
}

enum status boosting_errors(struct boosting *b, int64_t *n_train_errors, int64_t *n_held_out_errors)
{
    int64_t n[2] = {0, 0};

    TRY(b->ops->errors(b->train, &n[0]));
    if (b->held_out)
        TRY(b->ops->errors(b->held_out, &n[1]));
    TRY(comm_sum_i64(b->grid.data, n, 2));
    *n_train_errors = n[0];
    *n_held_out_errors = n[1];
    return ST_OK;
}
