/* jacquard train: the command line of training. */
#include "base/number.h"
#include "cli/command.h"
#include "haar/train/train.h"

#include <string.h>

struct options {
    struct train_config config;
    struct model model; /* its settings */
};

#define AT(member) OPT_AT(struct train_config, member)

static enum status parse_shard(const struct opt *row, const char *text, void *base)
{
    struct train_config *c = base;

    (void)row;
    c->data_shards = c->feature_shards = 0;
    if (strcmp(text, "data") == 0)
        c->feature_shards = 1;
    else if (strcmp(text, "features") == 0)
        c->data_shards = 1;
    else if (!number_read_pair(text, 'x', 1, 1 << 20, &c->data_shards, &c->feature_shards))
        return FAIL(ST_USAGE, "--shard %s: there are data, features, and DxF (like 2x4)", text);
    return ST_OK;
}

static const struct opt files[] = {
    {OPT_TEXT, "images", 0, "FILE", "training images: IDX, plain or gzip", AT(images)},
    {OPT_TEXT, "labels", 0, "FILE", "their labels: IDX, plain or gzip; 2 to 64 classes", AT(labels)},
    {OPT_TEXT, "output", 'o', "MODEL", "the model, a text file", AT(output)},
    {OPT_INT, "ensemble", 0, "N",
     "N members, seeds S, S+1, ...; their votes are added. Several ranks train a member each, unless --shard says "
     "otherwise",
     "1", AT(n_members), .low = 1, .high = 1000},
    {OPT_TEXT, "checkpoint", 0, "FILE", "keep what is done in FILE", AT(checkpoint)},
    {OPT_INT, "every-rounds", 0, "R", "a checkpoint every R rounds", "100", AT(checkpoint_every), .low = 1,
     .high = 10000000},
    {OPT_FLAG, "resume", 0, NULL, "go on from the checkpoint, if there is one: the same model comes of it", AT(resume)},
    {OPT_TEXT, "log", 0, "OUT.csv", "a line a round", AT(log)},
    ROW_FORCE(struct train_config, "overwrite an existing model, checkpoint, log"),
    {.kind = OPT_END},
};

static const struct opt how[] = {
    {OPT_CUSTOM, "shard", 0, "HOW",
     "data (default, but not with a sketch): images are dealt to the ranks, weight sums added; features: every rank "
     "has all images and searches its share of the features; DxF: a grid of both",
     .parse = parse_shard},
    {OPT_FLAG, "plan", 0, NULL, "only print what would be done, and the memory it takes", AT(plan_only)},
    ROW_BACKEND(struct train_config),
    ROW_THREADS(struct train_config),
    ROW_PROGRESS(struct train_config),
    ROW_RANK_TIMEOUT,
    {.kind = OPT_END},
};

static const struct opt_group groups[] = {{"Files", files, offsetof(struct options, config)},
                                          {"The model", model_rows, offsetof(struct options, model)},
                                          {"How it is done", how, offsetof(struct options, config)},
                                          {0}};

static enum status check(const struct train_config *c)
{
    if (!c->images || !c->labels)
        return FAIL(ST_USAGE, "%s is missing (see: jacquard train --help)", c->images ? "--labels" : "--images");
    if (!c->output && !c->plan_only)
        return FAIL(ST_USAGE, "-o MODEL is missing (see: jacquard train --help)");
    if (c->resume && !c->checkpoint)
        return FAIL(ST_USAGE, "--resume needs --checkpoint FILE to go on from");
    return ST_OK;
}

/* What the learner does not look at does not tell models apart. */
static void forget_unused(struct model_settings *s)
{
    s->terms = s->learner == LEARNER_PRODUCT ? s->terms : 0;
    s->leaves = s->learner == LEARNER_TREE ? s->leaves : 0;
}

static enum status run(struct comm *comm, const struct command_call *call, atomic_int *stop)
{
    struct options *o = call->options;

    TRY(check(&o->config));
    o->config.settings = o->model.settings;
    forget_unused(&o->config.settings);
    return train_run(comm, &o->config, stop);
}

const struct command command_train = {
    .name = "train",
    .summary = "labelled images become a classifier",
    .usage = "--images FILE --labels FILE -o MODEL [OPTIONS]",
    .description =
        "Trains a classifier by AdaBoost.MH on Haar-like features. The model does not depend on the backend, "
        "the ranks or how they share the work. jacquard evaluate tests it, predict uses it.",
    .groups = groups,
    .options_bytes = sizeof(struct options),
    .meets = true,
    .run = run,
};
