/* model: a model in memory, and the settings as the file names them. The file: model_write.c and model_read.c. */
#include "haar/model/model.h"

#include "base/mem.h"
#include "haar/model/model_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const learner_names[N_LEARNERS] = {"stump", "product", "tree"};
const char *const model_type_names[HAAR_N_TYPES] = {"edge-h", "edge-v", "line-h", "line-v", "quad", "box"};
const char *const model_kind_names[2] = {[WEAK_TREE] = "tree", [WEAK_PRODUCT] = "product"};

static const char *const no_yes[] = {"no", "yes"};

const struct model_setting_rule model_setting_rules[N_SETTINGS] = {
    [SETTING_WIDTH] = {"width", 1, HAAR_MAX_SIDE, NULL},
    [SETTING_HEIGHT] = {"height", 1, HAAR_MAX_SIDE, NULL},
    [SETTING_CLASSES] = {"classes", 2, HAAR_MAX_CLASSES, NULL},
    [SETTING_LEARNER] = {"learner", 0, N_LEARNERS - 1, learner_names},
    [SETTING_TERMS] = {"terms", 0, BOOST_MAX_TERMS, NULL},
    [SETTING_LEAVES] = {"leaves", 0, BOOST_MAX_LEAVES, NULL},
    [SETTING_ROUNDS] = {"rounds", 0, INT32_MAX, NULL},
    [SETTING_LAZY] = {"lazy", 0, UINT32_MAX, NULL},
    [SETTING_SKETCH] = {"sketch", 1, UINT32_MAX, NULL},
    [SETTING_FEATURES] = {"features", 0, HAAR_N_SETS - 1, haar_set_names},
    [SETTING_DESKEW] = {"deskew", 0, 1, no_yes},
    [SETTING_GRADIENT] = {"gradient", 0, 1, no_yes},
    [SETTING_ELASTIC] = {"elastic", 0, INT32_MAX, NULL},
    [SETTING_TRIM] = {"trim-ppm", 0, 1000000, NULL},
    [SETTING_SEED] = {"seed", 0, UINT64_MAX, NULL},
    [SETTING_IMAGES] = {"images", 0, INT64_MAX, NULL},
    [SETTING_VALIDATION] = {"validation", 0, INT64_MAX, NULL},
    [SETTING_FINGERPRINT] = {"fingerprint", 0, UINT32_MAX, NULL},
};

bool model_setting_is_optional(enum model_setting setting)
{
    return setting == SETTING_SKETCH;
}

void model_setting_text(enum model_setting setting, uint64_t value, char text[32])
{
    const struct model_setting_rule *rule = &model_setting_rules[setting];

    if (rule->names)
        snprintf(text, 32, "%s", rule->names[value]);
    else
        snprintf(text, 32, "%llu", (unsigned long long)value);
}

void model_pack_settings(const struct model *model, uint64_t value[N_SETTINGS])
{
    const struct model_settings *s = &model->settings;

    value[SETTING_WIDTH] = (uint64_t)model->width;
    value[SETTING_HEIGHT] = (uint64_t)model->height;
    value[SETTING_CLASSES] = (uint64_t)model->n_classes;
    value[SETTING_LEARNER] = (uint64_t)s->learner;
    value[SETTING_TERMS] = (uint64_t)s->terms;
    value[SETTING_LEAVES] = (uint64_t)s->leaves;
    value[SETTING_ROUNDS] = (uint64_t)s->rounds;
    value[SETTING_LAZY] = s->lazy;
    value[SETTING_SKETCH] = s->sketch;
    value[SETTING_FEATURES] = (uint64_t)s->features;
    value[SETTING_DESKEW] = s->preprocess.deskew;
    value[SETTING_GRADIENT] = s->preprocess.gradient;
    value[SETTING_ELASTIC] = (uint64_t)s->elastic;
    value[SETTING_TRIM] = (uint64_t)s->trim_ppm;
    value[SETTING_SEED] = s->seed;
    value[SETTING_IMAGES] = (uint64_t)s->n_images;
    value[SETTING_VALIDATION] = (uint64_t)s->n_validation;
    value[SETTING_FINGERPRINT] = s->fingerprint;
}

void model_unpack_settings(const uint64_t value[N_SETTINGS], struct model *model)
{
    model->width = (int)value[SETTING_WIDTH];
    model->height = (int)value[SETTING_HEIGHT];
    model->n_classes = (int)value[SETTING_CLASSES];
    model->settings = (struct model_settings){
        .learner = (enum learner)value[SETTING_LEARNER],
        .terms = (int)value[SETTING_TERMS],
        .leaves = (int)value[SETTING_LEAVES],
        .rounds = (int)value[SETTING_ROUNDS],
        .lazy = (uint32_t)value[SETTING_LAZY],
        .sketch = (uint32_t)value[SETTING_SKETCH],
        .features = (enum haar_set)value[SETTING_FEATURES],
        .preprocess = {.deskew = value[SETTING_DESKEW] != 0, .gradient = value[SETTING_GRADIENT] != 0},
        .elastic = (int)value[SETTING_ELASTIC],
        .trim_ppm = (int)value[SETTING_TRIM],
        .seed = value[SETTING_SEED],
        .n_images = (int64_t)value[SETTING_IMAGES],
        .n_validation = (int64_t)value[SETTING_VALIDATION],
        .fingerprint = (uint32_t)value[SETTING_FINGERPRINT],
    };
}

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

    if (!grown)
        return ST_NOMEM;
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
    if (!grown)
        return ST_NOMEM;
    member->round = grown;
    int32_t *votes = mem_array(n_votes, sizeof *votes);
    if (!votes)
        return ST_NOMEM;
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
