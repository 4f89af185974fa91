/* model: a model in memory, and the settings as the file names them. The file: model_write.c and model_read.c. */
#include "haar/model/model.h"

#include "base/mem.h"
#include "haar/model/model_format.h"

#include <stdlib.h>
#include <string.h>

const char *const learner_names[N_LEARNERS] = {"stump", "product", "tree"};
const char *const model_type_names[HAAR_N_TYPES] = {"edge-h", "edge-v", "line-h", "line-v", "quad", "box"};
const char *const model_kind_names[2] = {[WEAK_TREE] = "tree", [WEAK_PRODUCT] = "product"};

#define AT(member) OPT_AT(struct model, member)

static const char *const no_yes[] = {"no", "yes"}, *const channel_names[] = {"gray", "gradient"};

/* N features drawn a round, or all features after a sketch, or all of them. */
static enum status parse_search(const struct opt *row, const char *text, void *base)
{
    struct model_settings *s = &((struct model *)base)->settings;
    int64_t lazy = 0, sketch = 0;

    (void)row;
    if (strncmp(text, "lazy:", 5) == 0)
        TRY(opts_int("--search lazy", text + 5, 1, 10000000, &lazy));
    else if (strncmp(text, "sketch:", 7) == 0)
        TRY(opts_int("--search sketch", text + 7, 1, 10000000, &sketch));
    else if (strcmp(text, "sketch") == 0)
        sketch = MODEL_SKETCH;
    else if (strcmp(text, "exhaustive") != 0)
        return FAIL(ST_USAGE, "--search %s: there are lazy:N, sketch:N and exhaustive", text);
    s->lazy = (uint32_t)lazy;
    s->sketch = (uint32_t)sketch;
    return ST_OK;
}

static enum status parse_augment(const struct opt *row, const char *text, void *base)
{
    int64_t copies;

    (void)row;
    if (strncmp(text, "elastic:", 8) != 0)
        return FAIL(ST_USAGE, "--augment %s: there is elastic:N", text);
    TRY(opts_int("--augment elastic", text + 8, 0, 1000, &copies));
    ((struct model *)base)->settings.elastic = (int)copies;
    return ST_OK;
}

static enum status parse_trim(const struct opt *row, const char *text, void *base)
{
    double share = 0.0;

    (void)row;
    if (strspn(text, "0.") != strlen(text)) /* 0 leaves nothing out */
        TRY(opts_positive("--trim", text, &share));
    if (share > 0.5 || (share > 0 && share < 1e-6))
        return FAIL(ST_USAGE, "--trim %s: 0, or 0.000001 to 0.5 is wanted", text);
    ((struct model *)base)->settings.trim_ppm = (int)(share * 1e6 + 0.5);
    return ST_OK;
}

const struct opt model_rows[] = {
    {OPT_INT, AT(width), .low = 1, .high = HAAR_MAX_SIDE, .key = "width"},
    {OPT_INT, AT(height), .low = 1, .high = HAAR_MAX_SIDE, .key = "height"},
    {OPT_INT, AT(n_classes), .low = 2, .high = HAAR_MAX_CLASSES, .key = "classes"},
    {OPT_CHOICE, "learner", 0, "NAME", "what a round adds: a tree, a stump, or a product of stumps", "tree",
     AT(settings.learner), OPT_NAMES(learner_names), .key = "learner"},
    {OPT_INT, "terms", 0, "M", "stumps in a product, 1 to 5", "3", AT(settings.terms), .low = 1,
     .high = BOOST_MAX_TERMS, .key = "terms", .most = BOOST_MAX_TERMS},
    {OPT_INT, "leaves", 0, "N", "leaves of a tree, 2 to 32", "16", AT(settings.leaves), .low = 2,
     .high = BOOST_MAX_LEAVES, .key = "leaves", .most = BOOST_MAX_LEAVES},
    {OPT_INT, "rounds", 0, "R", "weak learners", "2000", AT(settings.rounds), .low = 1, .high = 10000000,
     .key = "rounds", .most = INT32_MAX},
    {OPT_CUSTOM, "search", 0, "HOW",
     "lazy:N: N features drawn anew each round; exhaustive: all features every round; sketch:N: all features at 8 "
     "cuts, the best N of them at all cuts (sketch: 8192 of them), for GPUs",
     "lazy:250", .parse = parse_search},
    {OPT_INT, AT(settings.lazy), .key = "lazy", .most = UINT32_MAX},
    {OPT_INT, AT(settings.sketch), .key = "sketch", .most = UINT32_MAX, .may_lack = true},
    {OPT_CHOICE, "features", 0, "SET", "see jacquard scan", "multiboost", AT(settings.features),
     OPT_NAMES(haar_set_names), .key = "features"},
    {OPT_FLAG, "deskew", 0, NULL, "images are centred and put upright by their moments first",
     AT(settings.preprocess.deskew), OPT_NAMES(no_yes), .key = "deskew"},
    {OPT_CHOICE, "channels", 0, "WHAT", "the image alone, or beside it its gradients in 4 orientations", "gray",
     AT(settings.preprocess.gradient), OPT_NAMES(channel_names)},
    {OPT_FLAG, AT(settings.preprocess.gradient), OPT_NAMES(no_yes), .key = "gradient"},
    {OPT_INT, "augment", 0, "elastic:N", "N distorted copies of each training image beside it", .parse = parse_augment,
     AT(settings.elastic), .key = "elastic", .most = INT32_MAX},
    {OPT_INT, "trim", 0, "SHARE", "leave the lightest images, with SHARE of the weight, out of the search", "0.01",
     .parse = parse_trim, AT(settings.trim_ppm), .key = "trim-ppm", .most = 1000000},
    {OPT_INT, "seed", 0, "S", "of all random numbers", "1", AT(settings.seed), .high = INT64_MAX - 1000, .key = "seed",
     .most = UINT64_MAX},
    {OPT_INT, AT(settings.n_images), .key = "images", .most = INT64_MAX},
    {OPT_INT, "validation", 0, "N", "hold the file's last N images out, and tell their error",
     AT(settings.n_validation), .high = INT32_MAX, .key = "validation", .most = INT64_MAX},
    {OPT_INT, AT(settings.fingerprint), .key = "fingerprint", .most = UINT32_MAX},
    {.kind = OPT_END},
};

/* As mem_grow, but from a small start: a file of many short members must not take much more memory than bytes. */
static void *grow(void *array, int n, int *room, size_t thing_bytes)
{
    if (n < *room)
        return array;
    const int wanted = *room == 0 ? 4 : *room <= INT32_MAX / 2 ? *room * 2 : INT32_MAX;
    void *grown = n < wanted ? realloc(array, (size_t)wanted * thing_bytes) : NULL;
    if (!grown) {
        (void)FAIL(ST_NOMEM, "out of memory: wanted %d x %zu bytes", wanted, thing_bytes);
        return NULL;
    }
    *room = wanted;
    return grown;
}

enum status model_add_member(struct model *model, uint64_t seed)
{
    struct model_member *grown = grow(model->member, model->n_members, &model->members_room, sizeof *model->member);

    TRY_MEM(grown);
    model->member = grown;
    model->member[model->n_members++] = (struct model_member){.seed = seed};
    return ST_OK;
}

enum status model_add_round(struct model *model, const struct model_round *round)
{
    const size_t n_votes = (size_t)round->weak.n_leaves * (size_t)model->n_classes;

    if (model->n_members < 1)
        return FAIL(ST_BUG, "a round without a member");
    struct model_member *member = &model->member[model->n_members - 1];
    struct model_round *grown = grow(member->round, member->n_rounds, &member->rounds_room, sizeof *member->round);
    TRY_MEM(grown);
    member->round = grown;
    int32_t *votes = mem_array(n_votes, sizeof *votes);
    TRY_MEM(votes);
    memcpy(votes, round->votes, n_votes * sizeof *votes);
    member->round[member->n_rounds] = *round;
    member->round[member->n_rounds++].votes = votes;
    return ST_OK;
}

void model_release(struct model *model)
{
    for (int m = 0; m < model->n_members; m++) {
        for (int t = 0; t < model->member[m].n_rounds; t++)
            free(model->member[m].round[t].votes);
        free(model->member[m].round);
    }
    free(model->member);
    *model = (struct model){0};
}
