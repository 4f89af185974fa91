#include "haar/train/grow.h"

#include "base/mem.h"
#include "compute/haar/sketch.h"

#include <stdlib.h>
#include <string.h>

static enum status all_gather(void *context, const void *data, size_t bytes, void *all)
{
    return comm_all_gather(context, data, bytes, all);
}

/* The features with the highest steps of all shards, by whole steps until there are enough, so that shards agree
 * without comparing features. Features of step 0 are left out. */
static enum status choose_promising(struct boosting *b)
{
    int64_t spread[SKETCH_STEPS] = {0}, n = 0;
    int lowest = SKETCH_STEPS;

    for (uint32_t i = 0; i < b->n; i++)
        spread[b->step[i]]++;
    TRY(comm_sum_i64(b->grid.features, spread, SKETCH_STEPS));
    while (lowest > 1 && n < b->settings->sketch)
        n += spread[--lowest];
    b->n_promising = 0;
    for (uint32_t i = 0; i < b->n; i++)
        if (b->step[i] >= lowest) {
            b->place[b->n_promising] = i;
            b->promising[b->n_promising++] = b->own[i];
        }
    return ST_OK;
}

/* A sketch of all features for a node, then a search among the promising ones. */
static enum status search_promising(struct boosting *b, int node, struct boost_best *best)
{
    static const uint64_t all = 0;

    TRY(b->ops->sketch(b->train, b->n, b->own, all, node, b->step));
    TRY(choose_promising(b));
    TRY(b->ops->search(b->train, b->n_promising, b->promising, ++b->list_number, 1, &node, best));
    if (best->loss != UINT64_MAX)
        best->feature = b->place[best->feature];
    return ST_OK;
}

/* The best cut of each node over the features of all feature shards. Collective over grid.features (and the data shards
 * sum within). best[i].feature counts in b->drawn. */
static enum status search_best(struct boosting *b, int n_nodes, const int *node, struct boost_best *best)
{
    struct comm *shards = b->grid.features;
    const struct boost_sum exchange = {
        .context = shards, .n_shards = shards->size, .shard = shards->rank, .all_gather = all_gather};

    if (b->settings->sketch > 0)
        for (int i = 0; i < n_nodes; i++)
            TRY(search_promising(b, node[i], &best[i]));
    else
        TRY(b->ops->search(b->train, b->n, b->own, b->list_number, n_nodes, node, best));
    if (shards->size == 1)
        return ST_OK;
    for (int i = 0; i < n_nodes; i++)
        best[i].feature = best[i].feature * (uint32_t)shards->size + (uint32_t)shards->rank;
    return boost_choose(&exchange, n_nodes, best);
}

/* All cuts from bin to next split the active images alike: the middle leaves room on both sides for unseen images. */
static int32_t cut_of(const struct boosting *b, const struct boost_best *best)
{
    const struct haar_corners corners = haar_corners_of(b->drawn[best->feature], b->width, b->height);

    return haar_cut_of(&corners, best->bin + (best->next - best->bin + 1) / 2);
}

/* ---- trees ---- */

/* By how much a node's best cut lowers Z / 2; 0: not at all, or there is no cut. */
static float gain_of(const struct boosting *b, const struct boost_best *best)
{
    float before = 0.0f, after;
    uint32_t bits;

    if (best->loss == UINT64_MAX)
        return 0.0f;
    for (int l = 0; l < b->n_classes; l++)
        before += boost_root(best->total[l], best->total[b->n_classes + l]);
    bits = (uint32_t)best->loss;
    memcpy(&after, &bits, sizeof after);
    return before > after ? before - after : 0.0f;
}

/* Where a leaf hangs: the child of a node, or nowhere (the root). */
struct hook {
    int16_t node, side;
};

enum status grow_tree(struct boosting *b, struct boost_scale scale, struct weak *weak)
{
    struct boost_best *best = mem_array(BOOST_MAX_LEAVES + 2, sizeof *best); /* by leaf, and two of a search */
    struct boost_best *found = best ? best + BOOST_MAX_LEAVES : NULL;
    struct hook hook[BOOST_MAX_LEAVES] = {{-1, 0}};
    int searched[BOOSTING_NODES] = {0};
    int n_searched = 1;
    enum status st = ST_NOMEM;

    memset(weak, 0, sizeof *weak);
    weak->kind = WEAK_TREE;
    weak->n_leaves = 1;
    TRY_MEM(best);
    TRY_OR(done, st, b->ops->weigh(b->train, scale, 0, NULL));
    while (weak->n_leaves < b->settings->leaves) {
        TRY_OR(done, st, search_best(b, n_searched, searched, found));
        for (int i = 0; i < n_searched; i++)
            best[searched[i]] = found[i];
        int leaf = 0;
        for (int i = 1; i < weak->n_leaves; i++)
            if (gain_of(b, &best[i]) > gain_of(b, &best[leaf]))
                leaf = i;
        if (!(gain_of(b, &best[leaf]) > 0.0f))
            break;

        /* The node's right side becomes a new leaf, its left side keeps the number. */
        const int at = weak->n_nodes++, right = weak->n_leaves++;
        weak->node[at] = (struct weak_node){.feature = b->drawn[best[leaf].feature],
                                            .cut = cut_of(b, &best[leaf]),
                                            .child = {(int16_t)(-1 - leaf), (int16_t)(-1 - right)}};
        if (hook[leaf].node >= 0)
            weak->node[hook[leaf].node].child[hook[leaf].side] = (int16_t)at;
        hook[leaf] = (struct hook){(int16_t)at, 0};
        hook[right] = (struct hook){(int16_t)at, 1};
        TRY_OR(done, st, b->ops->split(b->train, leaf, weak->node[at].feature, weak->node[at].cut, right));
        searched[0] = leaf;
        searched[1] = right;
        n_searched = 2;
    }
    st = ST_OK;
done:
    free(best);
    return st;
}

/* ---- products ---- */

static void set_term(const struct boosting *b, const struct boost_best *best, struct boost_term *term)
{
    memset(term, 0, sizeof *term);
    term->feature = b->drawn[best->feature];
    term->cut = cut_of(b, best);
    for (int l = 0; l < b->n_classes; l++) /* images right of the cut count as +1 */
        term->v[l] = (int64_t)best->total[l] - 2 * (int64_t)best->below[l] >= 0 ? 1 : -1;
}

static void assemble_product(const struct boosting *b, int n_terms, const struct boost_term *term, struct weak *weak,
                             int8_t *sign)
{
    memset(weak, 0, sizeof *weak);
    weak->kind = WEAK_PRODUCT;
    weak->n_nodes = n_terms;
    weak->n_leaves = 1 << n_terms;
    for (int t = 0; t < n_terms; t++)
        weak->node[t] = (struct weak_node){.feature = term[t].feature, .cut = term[t].cut};
    for (int leaf = 0; leaf < weak->n_leaves; leaf++)
        for (int l = 0; l < b->n_classes; l++) {
            int s = 1;
            for (int t = 0; t < n_terms; t++)
                s *= leaf >> t & 1 ? term[t].v[l] : -term[t].v[l];
            sign[leaf * b->n_classes + l] = (int8_t)s;
        }
}

enum status grow_product(struct boosting *b, struct boost_scale scale, struct weak *weak, int8_t *sign)
{
    static const int root = 0;
    const int most = b->settings->learner == LEARNER_STUMP ? 1 : b->settings->terms;
    struct boost_term term[BOOST_MAX_TERMS], others[BOOST_MAX_TERMS];
    struct boost_best best;
    uint64_t lowest = boost_signed_top; /* an edge of 0 */
    int n_terms = 0;

    /* Every accepted search raises the edge, a whole number: it ends. */
    for (int step = 0;; step++) {
        const int at = step % most;
        int n_others = 0;
        for (int t = 0; t < n_terms; t++)
            if (t != at)
                others[n_others++] = term[t];
        TRY(b->ops->weigh(b->train, scale, n_others, others));
        TRY(search_best(b, 1, &root, &best));
        if (best.loss >= lowest)
            break;
        lowest = best.loss;
        set_term(b, &best, &term[at]);
        n_terms = at < n_terms ? n_terms : at + 1;
        if (most == 1)
            break;
    }
    assemble_product(b, n_terms, term, weak, sign);
    return ST_OK;
}
