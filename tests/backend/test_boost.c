/* test_boost: the trainer's steps on the cpu, which define them, against the oracle of boost_plain.h: whole lives of an
 * instance on small random sets, trees and products, one shard and several, and what a life does not come upon. */
#include "backend/boost_plain.h"

#include <pthread.h>
#include <stdatomic.h>

enum { SHARDS = 2 };

/* --- one instance and the oracle, side by side -------------------------------------------------------------------- */

struct pair {
    const struct boost_ops *ops;
    void *priv;
    struct boost_setup setup;
    int first; /* of the oracle's images */
};

static void open_pair(struct pair *pair, const struct plain *p, int first, int n, struct boost_setup setup)
{
    const size_t image_bytes = (size_t)p->n_channels * (size_t)p->width * (size_t)p->height;
    uint8_t *pixels = room((size_t)n * image_bytes);
    struct plain_random random = {.key = (uint64_t)n};

    setup.width = p->width;
    setup.height = p->height;
    setup.n_channels = p->n_channels;
    setup.n_classes = p->n_classes;
    setup.columns = p->columns;
    setup.n_images = n;
    *pair = (struct pair){.ops = &boost_cpu, .setup = setup, .first = first};
    pair->priv = room(pair->ops->priv_bytes);
    CHECK_INT(pair->ops->open(pair->priv, &setup), ST_OK);
    for (int i = 0; i < n; i++)
        memcpy(pixels + (size_t)i * image_bytes, p->pixels[first + i], image_bytes);
    for (int at = 0, some; at < n; at += some) { /* in pieces */
        some = plain_int(&random, 1, n - at);
        CHECK_INT(pair->ops->load(pair->priv, at, some, pixels + (size_t)at * image_bytes, p->label + first + at),
                  ST_OK);
    }
    CHECK_INT(pair->ops->load(pair->priv, 0, 0, pixels, p->label), ST_OK);
    free(pixels);
}

static void close_pair(struct pair *pair)
{
    pair->ops->close(pair->priv);
    free(pair->priv);
}

/* Rounding of plain_loss's float against its double: a factor of 1 +- this. */
static double rounding(const struct plain *p)
{
    return (p->n_classes + 5) * exp2(-24);
}

static long n_cuts, n_equals; /* best cuts compared; of them those that other features could have given too */

static void check_best(const struct plain *p, const struct boost_best *found, const struct plain_best *wanted)
{
    const int n_columns = plain_n_columns(p);
    bool is_same = true;

    CHECK(found->loss == wanted->loss);
    for (int c = 0; c < n_columns; c++)
        is_same = is_same && found->total[c] == wanted->total[c];
    CHECK(is_same);
    if (wanted->loss == UINT64_MAX)
        return;
    n_cuts++;
    n_equals += wanted->n_equals > 0;
    CHECK_INT(found->feature, wanted->feature);
    CHECK_INT(found->bin, wanted->bin);
    CHECK_INT(found->next, wanted->next);
    for (int c = 0; c < n_columns; c++)
        is_same = is_same && found->below[c] == wanted->below[c];
    CHECK(is_same);
    if (p->columns == BOOST_SPLIT)
        CHECK(wanted->z * (1 - rounding(p)) <= wanted->lowest_z * (1 + rounding(p)));
    else
        CHECK(wanted->z == wanted->lowest_z);
}

static void check_search(struct pair *pair, const struct plain *p, uint32_t n_features,
                         const struct haar_feature *feature, uint64_t list_number, int n_nodes, const int *node,
                         struct boost_best *best)
{
    memset(best, 0xA5, (size_t)n_nodes * sizeof *best); /* nothing of it is read */
    CHECK_INT(pair->ops->search(pair->priv, n_features, feature, list_number, n_nodes, node, best), ST_OK);
    for (int i = 0; i < n_nodes; i++) {
        const struct plain_best wanted = plain_search(p, n_features, feature, node[i]);
        check_best(p, &best[i], &wanted);
    }
}

static long n_steps, n_promising; /* steps compared; of them those that were not 0 */

static void check_sketch(struct pair *pair, const struct plain *p, uint32_t n_features,
                         const struct haar_feature *feature, uint64_t list_number, int node)
{
    uint16_t step[MOST_FEATURES];

    memset(step, 0xA5, sizeof step);
    CHECK_INT(pair->ops->sketch(pair->priv, n_features, feature, list_number, node, step), ST_OK);
    for (uint32_t f = 0; f < n_features; f++) {
        CHECK_INT(step[f], plain_step(p, feature[f], node));
        n_steps++;
        n_promising += step[f] > 0;
    }
}

static void check_scores(struct pair *pair, const struct plain *p)
{
    int32_t *found = room((size_t)p->n * (size_t)p->n_classes * sizeof *found);
    int64_t n_errors = -1, n_wrong = 0;
    bool is_same = true;

    CHECK_INT(pair->ops->scores(pair->priv, found), ST_OK);
    CHECK_INT(pair->ops->errors(pair->priv, &n_errors), ST_OK);
    for (int i = 0; i < p->n; i++) {
        int answer = 0;
        for (int l = 0; l < p->n_classes; l++) {
            is_same = is_same && found[i * p->n_classes + l] == p->score[i][l];
            if (p->score[i][l] > p->score[i][answer])
                answer = l;
        }
        n_wrong += answer != p->label[i];
    }
    CHECK(is_same);
    CHECK_INT(n_errors, n_wrong);
    free(found);
}

/* Leaves, their sums, votes, scores. */
static void check_learner(struct pair *pair, struct plain *p, const struct weak *weak, struct boost_scale scale,
                          const int32_t *votes)
{
    const int k = p->n_classes, n_sums = weak->n_leaves * k * 2;
    int64_t *found = room((size_t)n_sums * sizeof *found), *wanted = room((size_t)n_sums * sizeof *found);

    memset(found, 0xA5, (size_t)n_sums * sizeof *found);
    CHECK_INT(pair->ops->leaves(pair->priv, weak, scale, found), ST_OK);
    for (int i = 0; i < p->n; i++) {
        p->leaf[i] = plain_leaf(p, i, weak);
        for (int l = 0; l < k; l++)
            wanted[(p->leaf[i] * k + l) * 2 + (l == p->label[i])] += plain_fine(p, scale, i, l);
    }
    CHECK(memcmp(found, wanted, (size_t)n_sums * sizeof *found) == 0);
    CHECK_INT(pair->ops->leaves(pair->priv, weak, scale, NULL), ST_OK);
    CHECK_INT(pair->ops->vote(pair->priv, weak->n_leaves, votes), ST_OK);
    for (int i = 0; i < p->n; i++)
        for (int l = 0; l < k; l++)
            p->score[i][l] += votes[p->leaf[i] * k + l];
    check_scores(pair, p);
    free(wanted);
    free(found);
}

static void check_spread(struct pair *pair, const struct plain *p, struct boost_scale scale)
{
    int64_t found[HAAR_SPREAD] = {0}, wanted[HAAR_SPREAD] = {0};

    CHECK_INT(pair->ops->spread(pair->priv, scale, found), ST_OK);
    for (int i = 0; i < p->n; i++)
        wanted[haar_spread_step(plain_sum(p, scale, i))] += plain_sum(p, scale, i);
    CHECK(memcmp(found, wanted, sizeof found) == 0);
}

static void check_activate(struct pair *pair, struct plain *p, struct boost_scale scale, int lowest)
{
    int64_t n_active = -1;

    CHECK_INT(pair->ops->activate(pair->priv, scale, lowest, &n_active), ST_OK);
    CHECK_INT(n_active, plain_activate(p, scale, lowest));
}

/* --- a life ------------------------------------------------------------------------------------------------------- */

struct list {
    struct haar_feature feature[MOST_FEATURES];
    uint32_t n;
    uint64_t number;
};

static void check_tree_searches(struct pair *pair, struct plain *p, struct plain_random *random,
                                const struct list *list)
{
    static const int numbers[] = {0, 31, 1, 17};
    struct boost_best best[3];
    int node[3] = {0, 9, 0};

    check_search(pair, p, list->n, list->feature, list->number, 2, node, best); /* nobody is in node 9 */
    for (int to = 1; to < 4; to++) {
        const int from = plain_int(random, 0, to - 1);
        struct haar_feature f = list->feature[plain_int(random, 0, (int)list->n - 1)];
        int32_t cut = random_cut(p, random, f);

        if (best[0].loss != UINT64_MAX && from == 0) { /* the cut that was found */
            const struct haar_corners corners = haar_corners_of(list->feature[best[0].feature], p->width, p->height);
            f = list->feature[best[0].feature];
            cut = haar_cut_of(&corners, plain_int(random, best[0].bin, best[0].next));
        }
        CHECK_INT(pair->ops->split(pair->priv, numbers[from], f, cut, numbers[to]), ST_OK);
        plain_split(p, numbers[from], f, cut, numbers[to]);
        node[0] = numbers[0];
        node[1] = numbers[to];
        node[2] = numbers[from];
        check_search(pair, p, list->n, list->feature, list->number, pair->setup.most_nodes, node, best);
        if (plain_int(random, 0, 1))
            check_sketch(pair, p, list->n, list->feature, list->number, node[1]);
    }
}

static void check_product_searches(struct pair *pair, struct plain *p, struct plain_random *random,
                                   struct boost_scale scale, const struct list *list)
{
    struct boost_term term[BOOST_MAX_TERMS];
    struct boost_best best;
    const int root = 0;

    for (int n_terms = 0; n_terms <= BOOST_MAX_TERMS; n_terms += n_terms < 2 ? 1 : 3) {
        for (int t = 0; t < n_terms; t++) {
            term[t].feature = plain_feature(random, p->width, p->height, p->n_channels);
            term[t].cut = random_cut(p, random, term[t].feature);
            for (int l = 0; l < HAAR_MAX_CLASSES; l++)
                term[t].v[l] = (int8_t)(plain_int(random, 0, 1) ? 1 : -1);
        }
        CHECK_INT(pair->ops->weigh(pair->priv, scale, n_terms, term), ST_OK);
        plain_weigh(p, scale, n_terms, term);
        if (plain_int(random, 0, 1))
            check_sketch(pair, p, list->n, list->feature, list->number, root);
        check_search(pair, p, list->n, list->feature, list->number, 1, &root, &best);
    }
}

/* The round that every weak learner goes through. */
static void check_round(struct pair *pair, struct plain *p, struct plain_random *random, struct list *list)
{
    const struct boost_scale scale = random_scale(p, random);
    int32_t votes[BOOST_MAX_LEAVES * HAAR_MAX_CLASSES];

    check_spread(pair, p, scale);
    if (plain_int(random, 0, 1)) {
        const int i = p->n > 0 ? plain_int(random, 0, p->n - 1) : 0;
        const bool is_trimming = plain_int(random, 0, 3) && p->n > 0;
        check_activate(pair, p, scale, is_trimming ? haar_spread_step(plain_sum(p, scale, i)) : 0);
    }
    if (plain_int(random, 0, 1)) { /* another list; else it is the one from before, whoever is active now */
        list->n = (uint32_t)plain_int(
            random, 1, (int)pair->setup.most_features < MOST_FEATURES ? (int)pair->setup.most_features : MOST_FEATURES);
        list->number++;
        random_list(p, random, (int)list->n, list->feature);
    }
    CHECK_INT(pair->ops->weigh(pair->priv, scale, 0, NULL), ST_OK);
    plain_weigh(p, scale, 0, NULL);
    if (p->columns == BOOST_SPLIT)
        check_tree_searches(pair, p, random, list);
    else
        check_product_searches(pair, p, random, scale, list);

    const struct weak weak = plain_int(random, 0, 1) ? random_tree(p, random, plain_int(random, 1, BOOST_MAX_LEAVES))
                                                     : random_product(p, random, plain_int(random, 1, BOOST_MAX_TERMS));
    for (int i = 0; i < weak.n_leaves * p->n_classes; i++)
        votes[i] = plain_int(random, 0, 4) ? plain_int(random, -2, 2) * HAAR_OCTAVE / 3
                                           : plain_int(random, -4 * HAAR_OCTAVE, 4 * HAAR_OCTAVE);
    check_learner(pair, p, &weak, scale, votes);
}

static void check_life(uint64_t key, enum boost_columns columns, int n, int n_classes, struct boost_setup setup)
{
    struct plain_random random = {.key = key};
    struct plain *p = random_plain(&random, columns, n, n_classes);
    struct list list = {.n = 5};
    struct pair pair;

    setup.is_searching = setup.is_sketching = true;
    setup.most_nodes = columns == BOOST_SPLIT ? plain_int(&random, 2, 3) : 1;
    open_pair(&pair, p, 0, n, setup);
    check_scores(&pair, p); /* all 0 */
    random_list(p, &random, (int)list.n, list.feature);
    check_activate(&pair, p, random_scale(p, &random), 0);
    for (int round = 0; round < 4; round++)
        check_round(&pair, p, &random, &list);
    close_pair(&pair);
    free(p);
}

static void test_lives(void)
{
    static const enum boost_columns columns[] = {BOOST_SPLIT, BOOST_SIGNED};
    struct plain_random random = {.key = 21};
    struct boost_setup setup = {.most_features = MOST_FEATURES, .histogram_bytes = 1};

    for (int t = 0; t < 60; t++) {
        setup.n_threads = t % 3 == 0 ? 3 : 1;
        check_life(100 + (uint64_t)t, columns[t % 2], plain_int(&random, 1, t % 4 ? 40 : MOST_IMAGES),
                   plain_int(&random, 2, 12), setup);
    }
    for (int t = 0; t < 2; t++) {
        setup.n_threads = 2;
        check_life(200 + (uint64_t)t, columns[t], 150, HAAR_MAX_CLASSES, setup);
        check_life(210 + (uint64_t)t, columns[t], 0, 3, setup);  /* a shard without images */
        check_life(220 + (uint64_t)t, columns[t], 1, 10, setup); /* a lone one */
        check_life(230 + (uint64_t)t, columns[t], MOST_IMAGES, 2, setup);
    }
    /* Lists too long for their bins to be kept: they are made anew for every search. */
    setup.most_features = UINT32_MAX;
    for (int t = 0; t < 4; t++) {
        setup.n_threads = t < 2 ? 1 : 3;
        check_life(240 + (uint64_t)t, columns[t % 2], 40, 5, setup);
    }
}

/* --- what a round does not come upon ------------------------------------------------------------------------------ */

/* Images all alike, and images of no weight: no cut. */
static void test_no_cut(enum boost_columns columns)
{
    const struct boost_setup setup = {
        .n_threads = 1, .is_searching = true, .most_nodes = 1, .most_features = MOST_FEATURES, .histogram_bytes = 1};
    struct plain_random random = {.key = 22};
    struct plain *p = random_plain(&random, columns, 33, 4);
    struct haar_feature list[MOST_FEATURES];
    struct boost_best best;
    struct pair pair;
    const int root = 0;
    const struct boost_scale nothing = {-60 * HAAR_OCTAVE, -60 * HAAR_OCTAVE};

    random_list(p, &random, MOST_FEATURES, list);
    for (int is_alike = 0; is_alike < 2; is_alike++) {
        for (int i = 1; i < p->n && is_alike; i++)
            memcpy(p->pixels[i], p->pixels[0], sizeof p->pixels[0]);
        const struct boost_scale scale = is_alike ? random_scale(p, &random) : nothing;
        open_pair(&pair, p, 0, p->n, setup);
        check_activate(&pair, p, scale, 0);
        CHECK_INT(pair.ops->weigh(pair.priv, scale, 0, NULL), ST_OK);
        plain_weigh(p, scale, 0, NULL);
        check_search(&pair, p, MOST_FEATURES, list, 1, 1, &root, &best);
        CHECK(best.loss == UINT64_MAX);
        check_search(&pair, p, 0, list, 2, 1, &root, &best); /* a shard without features */
        CHECK(best.loss == UINT64_MAX);
        check_activate(&pair, p, scale, HAAR_SPREAD - 1); /* nobody */
        CHECK_INT(pair.ops->weigh(pair.priv, scale, 0, NULL), ST_OK);
        check_search(&pair, p, MOST_FEATURES, list, 3, 1, &root, &best);
        CHECK(best.loss == UINT64_MAX && is_zero((int64_t[]){best.total[0], best.total[1]}, 2));
        close_pair(&pair);
    }
    free(p);
}

/* Equal losses: two images, mirrored; whatever parts them costs the same. */
static void test_ties(void)
{
    const struct boost_setup setup = {
        .n_threads = 3, .is_searching = true, .most_nodes = 1, .most_features = 6, .histogram_bytes = 1};
    struct plain *p = room(sizeof *p);
    const struct haar_feature edge = {HAAR_EDGE_V, 0, 0, 0, 2, 3, 1, 0}, level = {HAAR_EDGE_H, 0, 0, 0, 3, 2, 0, 1};
    const struct haar_feature list[6] = {level, level, {HAAR_EDGE_V, 0, 1, 0, 2, 3, 1, 0}, edge, edge, edge};
    const struct boost_scale scale = {-2 * HAAR_OCTAVE, -2 * HAAR_OCTAVE};
    struct boost_best best;
    struct pair pair;
    const int root = 0;

    *p = (struct plain){.width = 3, .height = 3, .n_channels = 1, .n_classes = 2, .n = 2, .label = {0, 1}};
    for (int y = 0; y < 3; y++) {
        p->pixels[0][3 * y] = 255; /* bright on the left, or on the right: levels are 0 for both */
        p->pixels[1][3 * y + 2] = 255;
    }
    haar_powers_init(&p->powers);
    for (int columns = 0; columns < 2; columns++) {
        p->columns = columns ? BOOST_SIGNED : BOOST_SPLIT;
        open_pair(&pair, p, 0, p->n, setup);
        check_activate(&pair, p, scale, 0);
        CHECK_INT(pair.ops->weigh(pair.priv, scale, 0, NULL), ST_OK);
        plain_weigh(p, scale, 0, NULL);
        check_search(&pair, p, 6, list, 1, 1, &root, &best);
        /* [1, 3) sees nothing of the first image and -most of the second: bins 128 and 1. The cut that loses nothing is
         * the one from 2 to 128. */
        CHECK_INT(best.feature, 2);
        CHECK_INT(best.bin, 2);
        CHECK_INT(best.next, 128);
        CHECK(best.loss == (columns ? boost_signed_top - ((uint64_t)1 << 30) : 0));
        close_pair(&pair);
    }
    free(p);
}

/* Signed weights that cancel, class by class, are no weight. Images of two classes weigh alike at score 0, so that one
 * of each is nothing: neither one side of a cut, nor a bin that a cut could end at. */
static void test_cancelled(void)
{
    const struct boost_setup setup = {
        .n_threads = 1, .is_searching = true, .most_nodes = 1, .most_features = 1, .histogram_bytes = 1};
    const struct haar_feature edge = {HAAR_EDGE_V, 0, 0, 0, 2, 1, 1, 0};
    const struct boost_scale scale = {-3 * HAAR_OCTAVE, -3 * HAAR_OCTAVE};
    static const struct {
        int n, left[5], label[5]; /* pixels left, 0; a label each */
        bool is_cut;
        int bin, next;
    } cases[] = {
        {3, {0, 9, 255}, {1, 0, 1}, false, 0, 0},            /* {1 | 0 1}, {1 0 | 1} */
        {2, {7, 7}, {0, 1}, false, 0, 0},                    /* one bin, of nothing */
        {2, {0, 255}, {0, 1}, true, 129, 255},               /* all */
        {4, {0, 81, 81, 255}, {0, 0, 1, 1}, true, 129, 255}, /* the pair between is not there */
        {5, {0, 81, 81, 255, 255}, {0, 0, 1, 1, 0}, false, 0, 0},
    };
    const int root = 0;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct plain *p = room(sizeof *p);
        struct boost_best best;
        struct pair pair;
        *p = (struct plain){
            .width = 2, .height = 1, .n_channels = 1, .n_classes = 2, .n = cases[i].n, .columns = BOOST_SIGNED};
        haar_powers_init(&p->powers);
        for (int image = 0; image < p->n; image++) {
            p->pixels[image][0] = (uint8_t)cases[i].left[image];
            p->label[image] = (uint8_t)cases[i].label[image];
        }
        open_pair(&pair, p, 0, p->n, setup);
        check_activate(&pair, p, scale, 0);
        CHECK_INT(pair.ops->weigh(pair.priv, scale, 0, NULL), ST_OK);
        plain_weigh(p, scale, 0, NULL);
        check_search(&pair, p, 1, &edge, 1, 1, &root, &best);
        CHECK((best.loss != UINT64_MAX) == cases[i].is_cut);
        CHECK(!cases[i].is_cut || (best.bin == cases[i].bin && best.next == cases[i].next));
        close_pair(&pair);
        free(p);
    }
}

/* An instance for evaluation: no search, so no active images. */
static void test_evaluation(void)
{
    struct plain_random random = {.key = 23};
    struct plain *p = random_plain(&random, BOOST_SPLIT, 77, 6);
    const struct boost_scale scale = random_scale(p, &random);
    int32_t votes[BOOST_MAX_LEAVES * 6];
    struct pair pair;

    open_pair(&pair, p, 0, p->n, (struct boost_setup){.n_threads = 2});
    for (int t = 0; t < 5; t++) {
        const struct weak weak = random_tree(p, &random, plain_int(&random, 1, BOOST_MAX_LEAVES));
        for (int i = 0; i < weak.n_leaves * 6; i++)
            votes[i] = plain_int(&random, -HAAR_OCTAVE, HAAR_OCTAVE);
        check_learner(&pair, p, &weak, scale, votes);
    }
    close_pair(&pair);
    free(p);
}

/* --- shards ------------------------------------------------------------------------------------------------------- */

/* A sum that stands for other shards with the same images. */
struct echo {
    int32_t times;
    int n_calls;
    size_t n, most;
    bool is_failing;
};

static enum status sum_of_copies(void *context, int32_t *values, size_t n, void *stream)
{
    struct echo *echo = context;

    (void)stream;
    if (echo->is_failing)
        return FAIL(ST_COMM, "no shard answers");
    echo->n_calls++;
    echo->n += n;
    echo->most = n > echo->most ? n : echo->most;
    for (size_t i = 0; i < n; i++)
        values[i] *= echo->times;
    return ST_OK;
}

/* As if every image were there twice; and sums of one chunk's size, chunk after chunk. */
static void test_copies(enum boost_columns columns)
{
    struct plain_random random = {.key = 24};
    struct plain *p = random_plain(&random, columns, 50, 5);
    const int n_columns = plain_n_columns(p), most_nodes = columns == BOOST_SPLIT ? 2 : 1, node[2] = {0, 3};
    const size_t a_feature = (size_t)HAAR_BINS * (size_t)n_columns * (size_t)most_nodes;
    struct echo echo = {.times = 2};
    struct boost_setup setup = {
        .n_threads = 2,
        .is_searching = true,
        .most_nodes = most_nodes,
        .most_features = MOST_FEATURES,
        .histogram_bytes = 2 * 7 * a_feature * 4 + 100, /* two chunks */
        .sum = {.context = &echo, .n_shards = 2, .scatter_bytes = SIZE_MAX, .sum_i32 = sum_of_copies}};
    struct boost_scale scale = random_scale(p, &random);
    struct haar_feature list[MOST_FEATURES];
    struct boost_best best[2];
    struct pair pair;

    scale.right -= HAAR_OCTAVE; /* so that twice the sum fits */
    scale.wrong -= HAAR_OCTAVE;
    random_list(p, &random, MOST_FEATURES, list);
    open_pair(&pair, p, 0, p->n, setup);
    check_activate(&pair, p, scale, 0);
    CHECK_INT(pair.ops->weigh(pair.priv, scale, 0, NULL), ST_OK);
    plain_weigh(p, scale, 0, NULL);
    if (most_nodes == 2) {
        CHECK_INT(pair.ops->split(pair.priv, 0, list[0], 0, 3), ST_OK);
        plain_split(p, 0, list[0], 0, 3);
    }
    for (int i = 0; i < p->n; i++)
        for (int l = 0; l < p->n_classes; l++)
            p->weight[i][l] *= 2;
    check_search(&pair, p, MOST_FEATURES, list, 1, most_nodes, node, best);
    CHECK_INT(echo.n_calls, 6); /* 41 features: 5 x 7 + 6 */
    CHECK_INT(echo.n, MOST_FEATURES * a_feature);
    CHECK_INT(echo.most, 7 * a_feature);
    echo.is_failing = true;
    CHECK_INT(pair.ops->search(pair.priv, MOST_FEATURES, list, 1, most_nodes, node, best), ST_COMM);
    close_pair(&pair);
    free(p);
}

/* Two instances, each with its part of the images, each on a thread of its own, that meet in the sum. */
struct meeting {
    pthread_barrier_t barrier;
    int32_t *values[SHARDS];
    size_t n[SHARDS];
    const void *data[SHARDS];
    atomic_int n_scattered;
    size_t scatter_bytes;
};

struct shard {
    struct meeting *meeting;
    const struct plain *p; /* of all shards */
    struct boost_scale scale;
    const struct haar_feature *list;
    int number, first, n;
    enum status status;
    struct boost_best best[3];
};

static enum status sum_of_shards(void *context, int32_t *values, size_t n, void *stream)
{
    struct shard *shard = context;
    struct meeting *m = shard->meeting;

    (void)stream;
    m->values[shard->number] = values;
    m->n[shard->number] = n;
    pthread_barrier_wait(&m->barrier);
    const bool is_same = m->n[0] == m->n[1];
    if (shard->number == 0 && is_same)
        for (size_t i = 0; i < n; i++)
            m->values[0][i] = m->values[1][i] += m->values[0][i];
    pthread_barrier_wait(&m->barrier);
    return is_same ? ST_OK : FAIL(ST_COMM, "the shards add up different things");
}

/* Shard 0 sums row 0, shard 1 row 1; then nobody's other row is what it was. */
static enum status reduce_scatter_of_shards(void *context, int32_t *values, size_t n, void *stream)
{
    struct shard *shard = context;
    struct meeting *m = shard->meeting;
    const size_t mine = (size_t)shard->number * n, other = (size_t)(1 - shard->number) * n;

    (void)stream;
    m->values[shard->number] = values;
    m->n[shard->number] = n;
    pthread_barrier_wait(&m->barrier);
    const bool is_same = m->n[0] == m->n[1];
    for (size_t i = 0; is_same && i < n; i++)
        values[mine + i] += m->values[1 - shard->number][mine + i];
    pthread_barrier_wait(&m->barrier);
    memset(values + other, 0x3A, n * sizeof *values);
    m->n_scattered++;
    return is_same ? ST_OK : FAIL(ST_COMM, "the shards add up different things");
}

static enum status gather_of_shards(void *context, const void *data, size_t bytes, void *all)
{
    struct shard *shard = context;
    struct meeting *m = shard->meeting;

    m->data[shard->number] = data;
    pthread_barrier_wait(&m->barrier);
    for (int r = 0; r < SHARDS; r++)
        memcpy((char *)all + (size_t)r * bytes, m->data[r], bytes);
    pthread_barrier_wait(&m->barrier);
    return ST_OK;
}

static enum status search_shard(struct shard *s, const struct boost_ops *ops, void *priv)
{
    const size_t image_bytes = (size_t)s->p->n_channels * (size_t)s->p->width * (size_t)s->p->height;
    static const int nodes[2] = {0, 5}, root = 0;
    int64_t n_active;

    for (int i = 0; i < s->n; i++) {
        uint8_t pixels[MOST_BYTES];
        memcpy(pixels, s->p->pixels[s->first + i], image_bytes);
        TRY(ops->load(priv, i, 1, pixels, &s->p->label[s->first + i]));
    }
    TRY(ops->activate(priv, s->scale, 0, &n_active));
    TRY(ops->weigh(priv, s->scale, 0, NULL));
    TRY(ops->search(priv, MOST_FEATURES, s->list, 1, 1, &root, &s->best[0]));
    if (s->p->columns == BOOST_SPLIT) {
        TRY(ops->split(priv, 0, s->list[1], 0, 5));
        TRY(ops->search(priv, MOST_FEATURES, s->list, 1, 2, nodes, &s->best[1]));
    }
    return ST_OK;
}

static void *run_shard(void *context)
{
    struct shard *s = context;
    const struct boost_ops *ops = &boost_cpu;
    void *priv = room(ops->priv_bytes);
    const struct boost_setup setup = {.n_threads = 1 + s->number,
                                      .width = s->p->width,
                                      .height = s->p->height,
                                      .n_channels = s->p->n_channels,
                                      .n_classes = s->p->n_classes,
                                      .n_images = s->n,
                                      .is_searching = true,
                                      .columns = s->p->columns,
                                      .most_nodes = 2,
                                      .most_features = MOST_FEATURES,
                                      .histogram_bytes = 200000,
                                      .sum = {.context = s,
                                              .n_shards = SHARDS,
                                              .shard = s->number,
                                              .scatter_bytes = s->meeting->scatter_bytes,
                                              .sum_i32 = sum_of_shards,
                                              .reduce_scatter_i32 = reduce_scatter_of_shards,
                                              .all_gather = gather_of_shards}};

    s->status = ops->open(priv, &setup);
    if (s->status == ST_OK)
        s->status = search_shard(s, ops, priv);
    ops->close(priv);
    free(priv);
    return NULL;
}

static void test_shards(enum boost_columns columns, int n, int n_first, bool is_scattered)
{
    struct plain_random random = {.key = 25};
    struct plain *p = random_plain(&random, columns, n, 4);
    struct haar_feature list[MOST_FEATURES];
    struct meeting meeting = {0};
    struct shard shard[SHARDS];
    pthread_t thread;
    const struct boost_scale scale = random_scale(p, &random);

    random_list(p, &random, MOST_FEATURES, list);
    pthread_barrier_init(&meeting.barrier, NULL, SHARDS);
    atomic_init(&meeting.n_scattered, 0);
    meeting.scatter_bytes = is_scattered ? 0 : SIZE_MAX;
    for (int r = 0; r < SHARDS; r++)
        shard[r] = (struct shard){.meeting = &meeting,
                                  .p = p,
                                  .scale = scale,
                                  .list = list,
                                  .number = r,
                                  .first = r * n_first,
                                  .n = r == 0 ? n_first : n - n_first};
    if (!CHECK_INT(pthread_create(&thread, NULL, run_shard, &shard[1]), 0))
        exit(1);
    run_shard(&shard[0]);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&meeting.barrier);
    CHECK((atomic_load(&meeting.n_scattered) > 0) == is_scattered);

    plain_activate(p, scale, 0);
    plain_weigh(p, scale, 0, NULL);
    for (int i = 0; i < (columns == BOOST_SPLIT ? 3 : 1); i++) {
        if (i == 1)
            plain_split(p, 0, list[1], 0, 5);
        const struct plain_best wanted = plain_search(p, MOST_FEATURES, list, i < 2 ? 0 : 5);
        for (int r = 0; r < SHARDS; r++) {
            CHECK_INT(shard[r].status, ST_OK);
            check_best(p, &shard[r].best[i], &wanted);
        }
    }
    free(p);
}

int main(void)
{
    test_lives();
    CHECK(n_cuts > 300 && n_equals > 100);
    CHECK(n_steps > 1000 && n_promising > 500);
    test_ties();
    test_cancelled();
    test_evaluation();
    for (int c = 0; c < 2; c++) {
        const enum boost_columns columns = c ? BOOST_SIGNED : BOOST_SPLIT;
        test_no_cut(columns);
        test_copies(columns);
        for (int s = 0; s < 2; s++) {
            test_shards(columns, 60, 23, s);
            test_shards(columns, 60, 0, s); /* one has no images */
            test_shards(columns, 60, 60, s);
            test_shards(columns, 1, 1, s);
        }
    }
    return test_end();
}
