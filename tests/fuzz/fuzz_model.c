/* fuzz_model: the reader of models on arbitrary text (see fuzz.h), and what is done with a model that it has read. The
 * digest of what begins like a model is put right before it is read, of one input in 16 not. It fails too where a model
 * is not written again byte for byte, or has a number out of its range. */
#define FUZZ_NAME "fuzz_model"
#define FUZZ_ROUNDS 4000
#include "fuzz/fuzz.h"

#include "base/sha256.h"
#include "haar/use/scores.h"
#include "unit/random_model.h"

static int64_t n_models, n_rounds, n_refused; /* in all */

static void fix_digest(uint8_t *text, size_t n)
{
    static const char head[] = "jacquard-model 1\nsha256 ";
    const size_t at = sizeof head - 1;
    char hex[65];

    if (n < at + 65 || memcmp(text, head, at) != 0)
        return;
    sha256_hex(text + at + 65, n - at - 65, hex);
    memcpy(text + at, hex, 64);
}

static void check_weak(const struct model *model, const struct weak *w)
{
    demand(w->n_nodes >= 0 && w->n_nodes <= BOOST_MAX_LEAVES && w->n_leaves >= 1 && w->n_leaves <= BOOST_MAX_LEAVES,
           "a learner of another size than there is");
    for (int i = 0; i < w->n_nodes; i++) {
        const struct haar_feature *f = &w->node[i].feature;
        demand(f->type < HAAR_N_TYPES && f->channel < preprocess_n_channels(&model->settings.preprocess),
               "a feature of another type or channel");
        demand(f->w > 0 && f->h > 0 && f->x + f->w <= model->width && f->y + f->h <= model->height,
               "a feature outside of the image");
        for (int side = 0; side < 2 && w->kind == WEAK_TREE; side++) {
            const int child = w->node[i].child[side];
            demand(child >= 0 ? child > i && child < w->n_nodes : -1 - child < w->n_leaves, "a child that is none");
        }
    }
}

/* Two images, black and not: every leaf's votes are added up. */
static void use(const struct model *model)
{
    const size_t n_pixels = (size_t)model->width * (size_t)model->height;
    uint8_t *pixels = calloc(2, n_pixels), labels[2] = {0, 1};
    int32_t *scores;
    int64_t *wrong = calloc((size_t)scores_n_rounds(model) + 1, sizeof *wrong);
    const struct scores_job job = {.model = model,
                                   .resources = {.ops = &compute_cpu, .threads = 1},
                                   .n = 2,
                                   .pixels = pixels,
                                   .labels = labels,
                                   .wrong = wrong};

    demand(pixels && wrong, "out of memory");
    for (size_t i = 0; i < n_pixels; i++)
        pixels[n_pixels + i] = (uint8_t)(i * i + i / 3);
    demand(scores_make(&job, &scores) == ST_OK, "a model that is read cannot be used");
    for (int t = 0; t < scores_n_rounds(model); t++)
        demand(wrong[t] >= 0 && wrong[t] <= 2, "more wrong answers than images");
    free(scores);
    free(wrong);
    free(pixels);
}

static void check_model(const struct model *model, const uint8_t *data, size_t size)
{
    size_t n = 0;

    demand(model->width >= 1 && model->width <= HAAR_MAX_SIDE && model->height >= 1 && model->height <= HAAR_MAX_SIDE,
           "a size out of range");
    demand(model->n_classes >= 2 && model->n_classes <= HAAR_MAX_CLASSES && model->n_members >= 1,
           "no classes, or no members");
    for (int m = 0; m < model->n_members; m++)
        for (int t = 0; t < model->member[m].n_rounds; t++, n_rounds++)
            check_weak(model, &model->member[m].round[t].weak);
    use(model);
    demand(model_write(model, test_path("again"), true) == ST_OK, "it cannot be written");
    char *again = test_read(test_path("again"), &n);
    demand(again && n == size && memcmp(again, data, n) == 0, "it is not written as it was read");
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *text = malloc(size + 1);
    struct model model;

    demand(text != NULL, "out of memory");
    memcpy(text, data, size);
    if (size % 16 != 15)
        fix_digest(text, size);
    const char *path = fuzz_file(text, size);
    const enum status st = model_read(path, &model);
    demand(st == ST_OK || st == ST_FORMAT, "a fault of another kind than the file's");
    if (st == ST_OK) {
        n_models++;
        check_model(&model, text, size);
        fuzz_notice_size(1, (uint64_t)model.n_members);
        fuzz_notice_size(2, (uint64_t)scores_n_rounds(&model));
        fuzz_notice_size(3 + (int)model.settings.learner, (uint64_t)model.n_classes);
    } else {
        n_refused++;
        demand(strstr(status_message(), path) != NULL, "a message without the path");
        fuzz_notice_text(status_message());
    }
    model_release(&model);
    free(text);
    return 0;
}

#ifndef FUZZ_WITH_LIBFUZZER

static void add_model(struct model *model, int n_members, int rounds)
{
    random_rounds(model, n_members, rounds, (uint64_t)rounds);
    demand(model_write(model, test_path("sample"), true) == ST_OK, "a sample cannot be written");
    model_release(model);
    add_file(test_path("sample"));
}

/* As many votes as there can be, all for one class. */
static void add_loud_model(void)
{
    int32_t votes[2] = {64 * 65536, -64 * 65536};
    struct model model = {
        .width = 1, .height = 1, .n_classes = 2, .settings = {.learner = LEARNER_STUMP, .rounds = 999}};
    const struct model_round round = {.weak = {.kind = WEAK_PRODUCT, .n_nodes = 0, .n_leaves = 1}, .votes = votes};

    demand(model_add_member(&model, 1) == ST_OK, "out of memory");
    for (int t = 0; t < 999; t++)
        demand(model_add_round(&model, &round) == ST_OK, "out of memory");
    add_model(&model, 0, 0);
}

static void add_samples(void)
{
    struct model tree =
                     {.width = 12,
                      .height = 9,
                      .n_classes = 3,
                      .settings = {.learner = LEARNER_TREE, .leaves = 5, .rounds = 4, .preprocess = {.deskew = true}}},
                 product = {.width = 16,
                            .height = 64,
                            .n_classes = 2,
                            .settings = {.learner = LEARNER_PRODUCT,
                                         .terms = 3,
                                         .rounds = 3,
                                         .sketch = 4096,
                                         .preprocess = {.gradient = true}}},
                 stump = {.width = 5, .height = 5, .n_classes = 2, .settings = {.learner = LEARNER_STUMP, .rounds = 7}};

    add_model(&tree, 2, 3);
    add_model(&product, 1, 2);
    add_model(&stump, 1, 7);
    add_loud_model();
}

static size_t mutate(uint8_t *bytes, size_t n)
{
    static const char *const piece[] = {
        "0",    "1",       "-1",         "4194304", "-4194304", "2147483647", "32",    "64",      "4294967296",
        " ",    "\n",      " ; ",        " | ",     "tree ",    "product ",   "quad ", "line-h ", "edge-v ",
        "box ", "member ", "end\n",      "shift ",  "loss ",    "yes",        "no",    "stump",   "-2147483648",
        "5",    "16",      "sketch 1\n", "line-v ", "edge-h ",  "2",          "3"};

    return fuzz_mutate_text(bytes, n, piece, sizeof piece / sizeof *piece);
}

static void tell(void)
{
    demand(n_models > 0 && n_refused > 0, "a way was never taken");
    printf(FUZZ_NAME ": %lld models of %lld rounds, %lld refused\n", (long long)n_models, (long long)n_rounds,
           (long long)n_refused);
}

#endif
