/* test_boosting: rounds of AdaBoost.MH worked out by hand; that a training can be taken up after any round; how ranks
 * share a training; what a checkpoint refuses. One rank. */
#include "haar/train/boosting.h"
#include "haar/train/checkpoint.h"
#include "haar/model/model_format.h"
#include "haar/train/train_plan.h"
#include "unit/haar_plain.h"
#include "unit/test.h"

#include <math.h>

static struct comm world;

static void must(enum status st)
{
    if (!CHECK_INT(st, ST_OK)) {
        printf("  %s\n", status_message());
        exit(1);
    }
}

static bool message_has(const char *text)
{
    return strstr(status_message(), text) != NULL;
}

/* --- images and an open boosting ---------------------------------------------------------------------------------- */

struct images {
    int width, height, n_classes, n;
    const uint8_t *pixels, *labels; /* one channel */
};

static void *open_instance(const struct images *images, const struct model_settings *settings, bool is_searching)
{
    struct boost_setup setup =
        train_plan_setup(settings, images->width, images->height, images->n_classes, images->n, 1, 1);
    void *priv = calloc(1, boost_cpu.priv_bytes);

    setup.n_threads = 1;
    setup.is_searching = is_searching;
    must(priv ? ST_OK : ST_NOMEM);
    must(boost_cpu.open(priv, &setup));
    must(boost_cpu.load(priv, 0, images->n, images->pixels, images->labels));
    return priv;
}

/* The training images are the held-out ones too. */
static struct boosting open_boosting(const struct images *images, const struct model_settings *settings)
{
    struct boosting b = {.settings = settings,
                         .grid = {&world, &world, &world},
                         .ops = &boost_cpu,
                         .train = open_instance(images, settings, true),
                         .held_out = open_instance(images, settings, false),
                         .width = images->width,
                         .height = images->height,
                         .n_classes = images->n_classes,
                         .n_weighted = images->n,
                         .seed = settings->seed};

    must(boosting_init(&b));
    return b;
}

static void close_boosting(struct boosting *b)
{
    boosting_release(b);
    boost_cpu.close(b->held_out);
    boost_cpu.close(b->train);
    free(b->held_out);
    free(b->train);
}

/* --- by hand ---------------------------------------------------------------------------------------------------------
 * Three images of 2 x 1 pixels, three classes; the only feature of that size is left - right, at most 255 either way:
 *
 *   image  pixels   label  value  bin (128 +- 127.99 sqrt(|value| / 255))
 *   A      200   0  0       200   128 + 113 = 241
 *   B        0 255  1      -255   128 - 127 = 1
 *   C      255   0  2       255   128 + 127 = 255
 *
 * An image weighs 1/(2n) = 1/6 for its own class and 1/(2n (K - 1)) = 1/12 for each other one at first. There are two
 * cuts, {B | A C} at bins 2 to 241 and {B A | C} at bins 242 to 255. The middle of 2..241 is bin 122; values of -1 and
 * less are below it (128 - 127.99 sqrt(1 / 255) = 120), 0 is in bin 128: the cut is value >= 0. */
static const uint8_t hand_pixels[] = {200, 0, 0, 255, 255, 0}, hand_labels[] = {0, 1, 2};
static const struct images hand = {2, 1, 3, 3, hand_pixels, hand_labels};

enum { UNIT = HAAR_OCTAVE };

/* Numbers below are in octaves, bounds in units of 1/65536 octave. */
static void check_near(double found_units, double wanted, double most_off)
{
    if (!CHECK(fabs(found_units - wanted * UNIT) <= most_off))
        printf("  found %.3f units, wanted %.3f +- %.3f\n", found_units, wanted * UNIT, most_off);
}

/* The fine weights, over the initial 2^46 in all, by (leaf of the learner, class, is its own label). A weight's
 * exponent is a sum of: the initial one (a logarithm rounded down: < 1 unit off), the score and the scale, with their
 * bounds. */
static void check_weight(const struct boosting *b, const int64_t *sums, int leaf, int l, int own, double wanted,
                         double most_off_units)
{
    const double found = (double)sums[(leaf * b->n_classes + l) * 2 + own] / exp2(HAAR_FINE_BITS);

    if (wanted == 0)
        CHECK(found == 0);
    else
        check_near(log2(found) * UNIT, log2(wanted), most_off_units);
}

static void leaves_now(const struct boosting *b, const struct weak *weak, int64_t *sums)
{
    must(
        b->ops->leaves(b->train, weak, (struct boost_scale){b->base.right + b->shift, b->base.wrong + b->shift}, sums));
}

static void check_hand_node(const struct weak_node *node)
{
    const struct haar_feature f = node->feature;

    CHECK(f.type == HAAR_EDGE_V && f.channel == 0 && f.x == 0 && f.y == 0 && f.w == 2 && f.h == 1 && f.a == 1);
    CHECK_INT(node->cut, 0);
}

/* A and C have equal scores for classes 0 and 2: the lower one is A's label, not C's. */
static void check_hand_errors(struct boosting *b)
{
    int64_t n_train, n_held_out;

    must(boosting_errors(b, &n_train, &n_held_out));
    CHECK_INT(n_train, 1);
    CHECK_INT(n_held_out, 1);
}

/* The stump. Right minus left of the signed weights, in twelfths (A is + 2 - 1 - 1, B is -1 + 2 - 1, C is -1 - 1 + 2):
 *   {B | A C}: class 0: (2 - 1) + 1 = 2, class 1: (-1 - 1) - 2 = -4, class 2: (-1 + 2) + 1 = 2: edge 8/12
 *   {B A | C}: -1 - 1 = -2, -1 - 1 = -2, 2 + 2 = 4: edge 8/12 too
 * The lower bin wins: value >= 0 votes for classes 0 and 2, against 1; less than 0 the other way. All of B is right, of
 * A and C only the vote for the other's class is wrong: e- = 2/12, e+ = 10/12,
 *   alpha = log2((10/12 + s) / (2/12 + s)) / 2, s = 0.01/3: log2(0.836667 / 0.17) / 2 = 1.149560.
 * Then right weights are multiplied by 2^-alpha, wrong ones by 2^alpha; Z = (10 2^-alpha + 2 2^alpha) / 12. */
static void test_stump_by_hand(void)
{
    const struct model_settings settings = {
        .learner = LEARNER_STUMP, .terms = 3, .rounds = 1, .features = HAAR_MULTIBOOST, .seed = 5};
    const double s = 0.01 / 3, alpha = log2((10.0 / 12 + s) / (2.0 / 12 + s)) / 2;
    const double up = exp2(alpha) / 12, down = exp2(-alpha) / 12, z = 10 * down + 2 * up;
    static const int sign[2][3] = {{-1, 1, -1}, {1, -1, 1}};
    struct boosting b = open_boosting(&hand, &settings);
    struct model_round learnt;
    struct boosting_round outcome;
    int64_t sums[2 * 3 * 2];

    CHECK(fabs(alpha - 1.149560) < 1e-6); /* what the comment says */
    CHECK_INT(boosting_list_size(&settings, 2, 1), 1);
    must(boosting_step(&b, 0, false, &learnt, &outcome));
    CHECK_INT(learnt.weak.kind, WEAK_PRODUCT);
    CHECK_INT(learnt.weak.n_nodes, 1);
    CHECK_INT(learnt.weak.n_leaves, 2);
    check_hand_node(&learnt.weak.node[0]);
    CHECK(!outcome.is_stopping);
    CHECK_INT(outcome.n_active, 3);

    /* Both logarithms are rounded down (< 1 unit off each, opposite signs), half of the difference towards 0 (1/2): 1
     * unit. All weights are too heavy by the same part, at most 1 unit, which s hides from alpha but for 0.01 units. */
    const int32_t a = learnt.votes[3];
    check_near(a, alpha, 1.01);
    for (int i = 0; i < 6; i++)
        CHECK_INT(learnt.votes[i], a * sign[i / 3][i % 3]);

    /* Z is near its lowest: alpha's error moves it by less than 0.05 units. Its logarithm is rounded down (1 unit), and
     * the sum before was up to 1 unit too heavy: so is the sum that the shift makes up for. */
    check_near(learnt.loss, log2(z), 2.05);
    CHECK(outcome.log2_z == learnt.loss / (double)UNIT);
    check_near(learnt.shift, -log2(z), 2.05);
    CHECK_INT(b.shift, learnt.shift);

    /* Too heavy by 1 unit, and alpha's and the shift's errors. */
    const double off = 1 + 1.01 + 2.05;
    leaves_now(&b, &learnt.weak, sums);
    for (int l = 0; l < 3; l++) {
        check_weight(&b, sums, 0, l, l == 1, (l == 1 ? 2 : 1) * down / z, off); /* B */
        check_weight(&b, sums, 0, l, l != 1, 0, 0);
    }
    for (int l = 0; l < 3; l += 2) {
        check_weight(&b, sums, 1, l, 1, 2 * down / z, off); /* A's own, C's own */
        check_weight(&b, sums, 1, l, 0, up / z, off);       /* C's, A's */
    }
    check_weight(&b, sums, 1, 1, 0, 2 * down / z, off); /* both */
    check_weight(&b, sums, 1, 1, 1, 0, 0);
    int64_t all = 0;
    for (int i = 0; i < 12; i++)
        all += sums[i];
    check_near(log2((double)all / exp2(HAAR_FINE_BITS)) * UNIT, 0, 1.01); /* normalised again */

    check_hand_errors(&b);
    free(learnt.votes);
    close_boosting(&b);
}

/* The tree of two leaves. Z / 2 = sum over leaves and classes of sqrt(W+ W-), W+ the weight of images of the class.
 * {B | A C}: left 0, B is pure; right sqrt(2/12 1/12) for classes 0 and 2, 0 for class 1, which nobody there is of:
 * 0.236. {B A | C} the same with classes 0 and 1. Before, it was 3 sqrt(2/12 2/12) = 0.5: a gain; the lower bin wins.
 * Votes are 3/4 of log2((W+ + s) / (W- + s)) / 2 with s = 1/nK = 1/9; the odds are, in 36ths, with s = 4:
 *   left  (B):    classes 0, 2: 4 / (3 + 4),       class 1: (6 + 4) / 4
 *   right (A, C): classes 0, 2: (6 + 4) / (3 + 4), class 1: 4 / (6 + 4)
 * and a weight is multiplied by 2^-vote where the image is of the class, 2^vote where it is not. */
static void test_tree_by_hand(void)
{
    const struct model_settings settings = {
        .learner = LEARNER_TREE, .leaves = 2, .rounds = 1, .features = HAAR_MULTIBOOST, .seed = 5};
    const double odds[6] = {4.0 / 7, 10.0 / 4, 4.0 / 7, 10.0 / 7, 4.0 / 10, 10.0 / 7};
    const double negative[6] = {1, 0, 1, 1, 2, 1}, positive[6] = {0, 2, 0, 2, 0, 2}; /* twelfths */
    struct boosting b = open_boosting(&hand, &settings);
    struct model_round learnt;
    struct boosting_round outcome;
    int64_t sums[2 * 3 * 2];
    double vote[6], z = 0;

    for (int i = 0; i < 6; i++) {
        vote[i] = 0.75 * log2(odds[i]) / 2;
        z += (negative[i] * exp2(vote[i]) + positive[i] * exp2(-vote[i])) / 12;
    }
    must(boosting_step(&b, 0, true, &learnt, &outcome));
    CHECK(outcome.is_stopping);
    CHECK_INT(learnt.weak.kind, WEAK_TREE);
    CHECK_INT(learnt.weak.n_nodes, 1);
    CHECK_INT(learnt.weak.n_leaves, 2);
    check_hand_node(&learnt.weak.node[0]);
    CHECK_INT(learnt.weak.node[0].child[0], -1);
    CHECK_INT(learnt.weak.node[0].child[1], -2);

    /* Two logarithms (< 1 unit), of which 3/8 are taken, towards 0 (1); weights up to 1 unit too heavy make log (W + s)
     * up to 6/10 units larger: 3/8 + 1 + 3/8 6/10. */
    const double off = 1.6;
    for (int i = 0; i < 6; i++)
        check_near(learnt.votes[i], vote[i], off);
    /* Z is off by no more than each vote is; then as for the stump. */
    check_near(learnt.loss, log2(z), off + 2);
    check_near(learnt.shift, -log2(z), off + 2);
    leaves_now(&b, &learnt.weak, sums);
    for (int i = 0; i < 6; i++) {
        check_weight(&b, sums, i / 3, i % 3, 0, negative[i] * exp2(vote[i]) / 12 / z, 1 + off + off + 2);
        check_weight(&b, sums, i / 3, i % 3, 1, positive[i] * exp2(-vote[i]) / 12 / z, 1 + off + off + 2);
    }
    check_hand_errors(&b);
    free(learnt.votes);
    close_boosting(&b);
}

/* --- on random images --------------------------------------------------------------------------------------------- */

enum { SIDE = 5, N_IMAGES = 90, N_CLASSES = 3, N_ROUNDS = 23 };

static uint8_t many_pixels[N_IMAGES][SIDE * SIDE], many_labels[N_IMAGES];
static const struct images many = {SIDE, SIDE, N_CLASSES, N_IMAGES, many_pixels[0], many_labels};

static void make_many(void)
{
    struct plain_random random = {.key = 31};

    for (int i = 0; i < N_IMAGES; i++) {
        many_labels[i] = (uint8_t)(i % N_CLASSES);
        for (int p = 0; p < SIDE * SIDE; p++)
            many_pixels[i][p] = (uint8_t)(plain_int(&random, 0, 150) + (p % N_CLASSES == many_labels[i] ? 50 : 0));
    }
}

static void train_on(struct boosting *b, struct model *model)
{
    while (model->member[0].n_rounds < model->settings.rounds) {
        struct model_round learnt;
        struct boosting_round outcome;
        must(boosting_step(b, model->member[0].n_rounds, false, &learnt, &outcome));
        must(model_add_round(model, &learnt));
        free(learnt.votes);
    }
}

static struct model empty_model(const struct model_settings *settings)
{
    struct model model = {.width = SIDE, .height = SIDE, .n_classes = N_CLASSES, .settings = *settings};

    must(model_add_member(&model, settings->seed));
    return model;
}

/* After k rounds another boosting takes over: the same model, the same scores. */
static void test_resume(const struct model_settings *settings)
{
    static const int after[] = {0, 1, 9, 10, 11, 19, 20, 22, N_ROUNDS};
    struct model whole = empty_model(settings);
    struct boosting first = open_boosting(&many, settings);
    char wanted[65], found[65];
    int32_t scores[2][N_IMAGES * N_CLASSES];
    int64_t errors[2], again[2];

    train_on(&first, &whole);
    must(model_digest(&whole, wanted));
    must(boost_cpu.scores(first.train, scores[0]));
    must(boosting_errors(&first, &errors[0], &errors[1]));
    CHECK(errors[0] == errors[1] && errors[0] < N_IMAGES / 3); /* it learns; chance is 2/3 wrong */
    for (size_t i = 0; i < sizeof after / sizeof after[0]; i++) {
        struct model model = empty_model(settings);
        struct boosting b = open_boosting(&many, settings);
        for (int r = 0; r < after[i]; r++)
            must(model_add_round(&model, &whole.member[0].round[r]));
        must(boosting_resume(&b, &model.member[0]));
        train_on(&b, &model);
        must(model_digest(&model, found));
        CHECK_STR(found, wanted);
        must(boost_cpu.scores(b.train, scores[1]));
        CHECK(memcmp(scores[0], scores[1], sizeof scores[0]) == 0);
        must(boost_cpu.scores(b.held_out, scores[1]));
        CHECK(memcmp(scores[0], scores[1], sizeof scores[0]) == 0);
        must(boosting_errors(&b, &again[0], &again[1]));
        CHECK(again[0] == errors[0] && again[1] == errors[1]);
        CHECK(b.n_active == first.n_active || after[i] == N_ROUNDS);
        close_boosting(&b);
        model_release(&model);
    }
    close_boosting(&first);
    model_release(&whole);
}

static void test_resumes(void)
{
    struct model_settings s = {
        .leaves = 4, .terms = 2, .rounds = N_ROUNDS, .features = HAAR_MULTIBOOST, .seed = 77, .trim_ppm = 100000};

    for (int learner = 0; learner < N_LEARNERS; learner++) {
        s.learner = (enum learner)learner;
        s.lazy = 30;
        test_resume(&s);
        s.lazy = 0;
        test_resume(&s);
    }
    s.trim_ppm = 0;
    test_resume(&s);
}

/* The images that take part are those of at least some step; all lower steps together hold at most the share, and with
 * one step more they would hold more. */
static void test_trim(void)
{
    const struct model_settings settings = {.learner = LEARNER_TREE,
                                            .leaves = 4,
                                            .rounds = 31,
                                            .lazy = 40,
                                            .features = HAAR_MULTIBOOST,
                                            .seed = 3,
                                            .trim_ppm = 50000};
    struct boosting b = open_boosting(&many, &settings);
    bool has_trimmed = false;

    for (int round = 0; round < settings.rounds; round++) {
        const struct boost_scale now = {b.base.right + b.shift, b.base.wrong + b.shift};
        int64_t spread[HAAR_SPREAD] = {0}, all = 0, below = 0, n = 0;
        int32_t scores[N_IMAGES][N_CLASSES];
        struct haar_powers powers;
        struct model_round learnt;
        struct boosting_round outcome;
        int lowest = 0, step[N_IMAGES];

        haar_powers_init(&powers);
        must(boost_cpu.scores(b.train, scores[0]));
        for (int i = 0; i < N_IMAGES; i++) {
            int64_t sum = 0;
            for (int l = 0; l < N_CLASSES; l++)
                sum += haar_power(&powers, l == many_labels[i] ? now.right - scores[i][l] : now.wrong + scores[i][l]);
            step[i] = haar_spread_step(sum);
            spread[step[i]] += sum;
            all += sum;
        }
        while ((double)(below + spread[lowest]) <= 0.05 * (double)all)
            below += spread[lowest++];
        for (int i = 0; i < N_IMAGES; i++)
            n += step[i] >= lowest;
        const int64_t before = b.n_active;
        must(boosting_step(&b, round, false, &learnt, &outcome));
        CHECK_INT(outcome.n_active, round % BOOSTING_TRIM_EVERY == 0 ? n : before);
        has_trimmed = has_trimmed || outcome.n_active < N_IMAGES;
        CHECK(learnt.loss <= 0 && outcome.log2_z <= 0);
        free(learnt.votes);
    }
    CHECK(has_trimmed);
    close_boosting(&b);
}

/* The weights' sum stays where it was, however many rounds: what each round loses is given back. */
static void test_drift(void)
{
    const struct model_settings settings = {
        .learner = LEARNER_TREE, .leaves = 4, .lazy = 10, .rounds = 200, .features = HAAR_MULTIBOOST, .seed = 9};
    struct model model = empty_model(&settings);
    struct boosting b = open_boosting(&many, &settings);
    struct boost_scale now;
    int64_t spread[HAAR_SPREAD] = {0}, all = 0;

    train_on(&b, &model);
    now = (struct boost_scale){b.base.right + b.shift, b.base.wrong + b.shift};
    must(boost_cpu.spread(b.train, now, spread));
    for (int i = 0; i < HAAR_SPREAD; i++)
        all += spread[i];
    /* A round's logarithm is of the whole sum as it is, so that roundings do not add up: one unit, and 2^-16 of 2^46
     * that each of 24 sums loses. */
    check_near(log2((double)all / exp2(HAAR_FINE_BITS)) * UNIT, 0, 1.1);
    close_boosting(&b);
    model_release(&model);
}

/* Nothing to learn from: images all alike. Every round is a lone leaf or a product of nothing, and still a model. */
static void test_all_alike(void)
{
    static const uint8_t pixels[6][SIDE * SIDE], labels[6] = {0, 1, 2, 0, 1, 2};
    const struct images alike = {SIDE, SIDE, N_CLASSES, 6, pixels[0], labels};
    struct model_settings settings = {
        .leaves = 4, .terms = 2, .rounds = 2, .lazy = 10, .features = HAAR_MULTIBOOST, .seed = 1};

    for (int learner = 0; learner < N_LEARNERS; learner++) {
        settings.learner = (enum learner)learner;
        struct model model = empty_model(&settings), back = {0};
        struct boosting b = open_boosting(&alike, &settings);
        const char *path = test_path(learner_names[learner]);

        train_on(&b, &model);
        for (int r = 0; r < 2; r++)
            CHECK(model.member[0].round[r].loss <= 0);
        must(model_write(&model, path, true));
        if (!CHECK_INT(model_read(path, &back), ST_OK))
            printf("  %s: %s\n", learner_names[learner], status_message());
        close_boosting(&b);
        model_release(&back);
        model_release(&model);
    }
}

static void test_too_small(void)
{
    const struct model_settings settings = {.learner = LEARNER_TREE, .leaves = 2, .features = HAAR_SEED};
    struct boosting b = {.settings = &settings,
                         .grid = {&world, &world, &world},
                         .width = 4,
                         .height = 64,
                         .n_classes = 2,
                         .n_weighted = 10};

    CHECK_INT(boosting_init(&b), ST_USAGE);
    CHECK(message_has("4 x 64") && message_has("seed"));
    boosting_release(&b);
}

/* --- how ranks share a training ----------------------------------------------------------------------------------- */

/* A sketch wants all images on every rank. */
static void test_sketch_plan(void)
{
    struct train_config config = {.n_members = 1, .settings = {.sketch = 9}};
    struct train_plan plan;

    CHECK_INT(train_plan_make(&config, 5, &plan), ST_OK);
    CHECK(plan.data_shards == 1 && plan.feature_shards == 5 && !plan.deals_members);
    config.n_members = 2;
    CHECK_INT(train_plan_make(&config, 5, &plan), ST_OK);
    CHECK(plan.data_shards == 1 && plan.feature_shards == 1 && plan.deals_members);
    config.data_shards = 1;
    CHECK_INT(train_plan_make(&config, 5, &plan), ST_OK);
    CHECK(plan.data_shards == 1 && plan.feature_shards == 5 && !plan.deals_members);
    config.data_shards = 5;
    CHECK_INT(train_plan_make(&config, 5, &plan), ST_USAGE);
    CHECK(message_has("sketch"));
}

static void test_plan(void)
{
    static const struct {
        int n_members, data, features, n_ranks; /* in */
        bool deals;
        int data_shards, feature_shards; /* out; 0: refused */
    } cases[] = {
        {1, 0, 0, 1, false, 1, 1}, {1, 0, 0, 5, false, 5, 1}, {3, 0, 0, 1, false, 1, 1},
        {3, 0, 0, 2, true, 1, 1},  {3, 0, 0, 9, true, 1, 1},  {3, 0, 1, 4, false, 4, 1},
        {1, 0, 1, 4, false, 4, 1}, {1, 1, 0, 4, false, 1, 4}, {1, 2, 2, 4, false, 2, 2},
        {1, 2, 3, 6, false, 2, 3}, {2, 3, 2, 6, false, 3, 2}, {1, 2, 0, 6, false, 2, 3},
        {1, 0, 2, 6, false, 3, 2}, {1, 2, 2, 3, false, 0, 0}, {1, 2, 2, 5, false, 0, 0},
        {1, 2, 2, 1, false, 0, 0}, {1, 5, 0, 3, false, 0, 0}, {1, 0, 2, 5, false, 0, 0},
        {1, 1, 1, 2, false, 0, 0}, {3, 1, 1, 2, false, 0, 0}, {1, 65536, 65536, 4, false, 0, 0},
        {1, 1, 1, 1, false, 1, 1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct train_config config = {
            .n_members = cases[i].n_members, .data_shards = cases[i].data, .feature_shards = cases[i].features};
        struct train_plan plan;
        const enum status st = train_plan_make(&config, cases[i].n_ranks, &plan);
        CHECK_INT(st, cases[i].data_shards > 0 ? ST_OK : ST_USAGE);
        if (st == ST_OK) {
            CHECK(plan.deals_members == cases[i].deals);
            CHECK_INT(plan.data_shards, cases[i].data_shards);
            CHECK_INT(plan.feature_shards, cases[i].feature_shards);
        } else
            CHECK(message_has("--shard"));
    }
}

/* The room for sums holds whole features, is the same for every rank, and within bounds. */
static void test_setup(void)
{
    struct model_settings s = {.learner = LEARNER_TREE, .leaves = 8, .lazy = 250, .features = HAAR_MULTIBOOST};
    const size_t a_feature = 256 * 20 * 4 * 2;
    struct boost_setup setup = train_plan_setup(&s, 28, 28, 10, 1000, 1, 1);

    CHECK(setup.columns == BOOST_SPLIT && setup.n_channels == 1 && setup.most_nodes == 2);
    CHECK_INT(setup.most_features, 250);
    CHECK_INT(setup.histogram_bytes, 250 * a_feature);
    CHECK_INT(train_plan_setup(&s, 28, 28, 10, 1000, 4, 1).histogram_bytes, 252 * a_feature); /* equal parts */
    CHECK_INT(train_plan_setup(&s, 28, 28, 10, 1000, 300, 1).histogram_bytes, 600 * a_feature);
    CHECK_INT(train_plan_setup(&s, 28, 28, 10, 1000, 1, 300).histogram_bytes, a_feature);
    s.lazy = 0;
    s.preprocess.gradient = true;
    setup = train_plan_setup(&s, 28, 28, 10, 1000, 1, 1);
    CHECK_INT(setup.most_features, 5 * (299880 + 406 * 406));
    CHECK(setup.histogram_bytes % a_feature == 0 && setup.histogram_bytes <= (size_t)256 << 20);
    CHECK(setup.histogram_bytes > ((size_t)256 << 20) - a_feature);
    s.learner = LEARNER_STUMP;
    CHECK(train_plan_setup(&s, 64, 64, 64, 0, 1, 1).histogram_bytes >= 256 * 64 * 4);
    CHECK(train_plan_setup(&s, 28, 28, 10, 9, 1, 1).columns == BOOST_SIGNED);
    CHECK_INT(train_plan_setup(&s, 28, 28, 10, 9, 1, 1).most_nodes, 1);

    const struct train_memory m = train_plan_memory(&setup, false), of_gpu = train_plan_memory(&setup, true);
    CHECK(m.integral == 4.0 * 1000 * 5 * 29 * 29 && m.bins == 1000.0 * setup.most_features && m.histograms == 0);
    CHECK(m.all == m.integral + m.active + m.bins + m.histograms + m.scores);
    CHECK(of_gpu.histograms == (double)setup.histogram_bytes && of_gpu.bins == m.bins);
    setup.is_sketching = true;
    CHECK(train_plan_memory(&setup, true).bins > m.bins);
}

/* --- checkpoints -------------------------------------------------------------------------------------------------- */

static struct model checkpoint_model(int n_rounds)
{
    const struct model_settings settings = {.learner = LEARNER_TREE,
                                            .terms = 3,
                                            .leaves = 4,
                                            .rounds = 5,
                                            .lazy = 20,
                                            .features = HAAR_MULTIBOOST,
                                            .seed = 77,
                                            .trim_ppm = 1000,
                                            .n_images = N_IMAGES,
                                            .n_validation = 7,
                                            .fingerprint = 12345};
    struct model model = empty_model(&settings);
    struct boosting b = open_boosting(&many, &settings);

    model.settings.rounds = n_rounds;
    train_on(&b, &model);
    model.settings.rounds = settings.rounds;
    close_boosting(&b);
    return model;
}

static enum status resume_with(const char *path, const struct model *settings, uint64_t seed, int *n_rounds)
{
    struct model model = {.width = settings->width,
                          .height = settings->height,
                          .n_classes = settings->n_classes,
                          .settings = settings->settings};
    enum status st;

    must(model_add_member(&model, seed));
    st = checkpoint_read(path, &model);
    *n_rounds = model.member[0].n_rounds;
    model_release(&model);
    return st;
}

static void test_checkpoint(void)
{
    struct model model = checkpoint_model(4), now = model;
    const char *path = test_path("checkpoint");
    int n_rounds;

    must(model_write(&model, path, true));
    must(resume_with(path, &now, 77, &n_rounds));
    CHECK_INT(n_rounds, 4);
    must(resume_with(test_path("not there"), &now, 77, &n_rounds));
    CHECK_INT(n_rounds, 0);

    /* Any other setting is refused by its name; of the rounds there may be more, or as many as there are. */
    for (const struct opt *row = model_rows; row->kind != OPT_END; row++) {
        char quoted[64];
        uint64_t least, most;
        if (!row->key)
            continue;
        const uint64_t was = opts_number(row, &now);
        opts_range(row, &least, &most);
        opts_set_number(row, &now, was < most ? was + 1 : was - 1);
        const enum status st = resume_with(path, &now, 77, &n_rounds);
        snprintf(quoted, sizeof quoted, "\"%s\"", row->key);
        if (strcmp(row->key, "rounds") == 0 || strcmp(row->key, "seed") == 0)
            CHECK(st == ST_OK && n_rounds == 4);
        else if (!CHECK(st == ST_USAGE && n_rounds == 0 && message_has(quoted) && message_has(path)))
            printf("  %s: %s\n", row->key, status_message());
        opts_set_number(row, &now, was);
    }
    CHECK_INT(resume_with(path, &now, 78, &n_rounds), ST_USAGE);
    CHECK(message_has("seed") && message_has("77") && message_has("78"));
    now.settings.rounds = 4;
    CHECK_INT(resume_with(path, &now, 77, &n_rounds), ST_OK);
    now.settings.rounds = 3;
    CHECK_INT(resume_with(path, &now, 77, &n_rounds), ST_USAGE);
    CHECK(message_has("--rounds is 3"));
    now.settings.rounds = 5;

    must(model_add_member(&model, 78)); /* a whole ensemble is not a checkpoint of one member */
    must(model_write(&model, path, true));
    CHECK_INT(resume_with(path, &now, 77, &n_rounds), ST_USAGE);
    test_write(path, "jacquard-model 1\n", 17);
    CHECK_INT(resume_with(path, &now, 77, &n_rounds), ST_FORMAT);
    model_release(&model);
}

static void test_checkpoint_path(void)
{
    char *lone = checkpoint_path("a/b.ckpt", 0, 1), *third = checkpoint_path("a/b.ckpt", 2, 12);

    CHECK_STR(lone, "a/b.ckpt");
    CHECK_STR(third, "a/b.ckpt.3");
    free(lone);
    free(third);
}

/* --- images that one feature tells apart: every round doubles the margins' exponent again, without an end of its own
 */

static void check_exhausted(enum learner learner)
{
    static const uint8_t pixels[] = {200, 0, 0, 200, 180, 0, 0, 180}, labels[] = {0, 1, 0, 1};
    const struct images apart = {2, 1, 2, 4, pixels, labels};
    const struct model_settings s = {
        .learner = learner, .terms = 1, .leaves = 2, .features = HAAR_MULTIBOOST, .seed = 1, .trim_ppm = 10000};
    struct boosting b = open_boosting(&apart, &s);
    int32_t scores[8];
    int64_t n_train = -1, n_held_out = -1;
    int round = 0;

    for (; round < 20000 && !boosting_is_exhausted(&b); round++) {
        struct model_round learnt;
        struct boosting_round outcome;
        must(boosting_step(&b, round, false, &learnt, &outcome));
        free(learnt.votes);
    }
    CHECK(round > 100 && round < 20000);
    must(boosting_errors(&b, &n_train, &n_held_out));
    CHECK_INT(n_train, 0);
    CHECK_INT(n_held_out, 0);
    must(b.ops->scores(b.train, scores));
    for (int i = 0; i < 8; i++)
        CHECK(abs(scores[i]) <= HAAR_MOST_SCORE && (scores[i] > 0) == (labels[i / 2] == i % 2));
    close_boosting(&b);
}

static void test_exhausted(void)
{
    check_exhausted(LEARNER_STUMP);
    check_exhausted(LEARNER_TREE);
}

int main(void)
{
    must(comm_open_world(&world));
    make_many();
    test_stump_by_hand();
    test_tree_by_hand();
    test_resumes();
    test_trim();
    test_drift();
    test_all_alike();
    test_too_small();
    test_plan();
    test_sketch_plan();
    test_setup();
    test_checkpoint();
    test_checkpoint_path();
    test_exhausted();
    comm_close(&world);
    return test_end();
}
