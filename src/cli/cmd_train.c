/* jacquard train: the command line of training. */
#include "cli/commands.h"
#include "cli/run_opts.h"
#include "haar/train/train.h"

#include <stdio.h>
#include <string.h>

enum {
    OPT_IMAGES,
    OPT_LABELS,
    OPT_OUTPUT,
    OPT_ROUNDS,
    OPT_LEARNER,
    OPT_TERMS,
    OPT_LEAVES,
    OPT_SEARCH,
    OPT_FEATURES,
    OPT_DESKEW,
    OPT_AUGMENT,
    OPT_CHANNELS,
    OPT_ENSEMBLE,
    OPT_VALIDATION,
    OPT_TRIM,
    OPT_SEED,
    OPT_SHARD,
    OPT_CHECKPOINT,
    OPT_EVERY_ROUNDS,
    OPT_RESUME,
    OPT_LOG,
    OPT_PLAN,
    OPT_BACKEND,
    OPT_THREADS,
    OPT_PROGRESS,
    OPT_RANK_TIMEOUT,
    OPT_FORCE,
    OPT_HELP
};

static const struct opt options[] = {
    [OPT_IMAGES] = {"images", 0, "FILE", "training images, IDX, gzip or not"},
    [OPT_LABELS] = {"labels", 0, "FILE", "their labels, IDX, gzip or not; 2 to 64 classes"},
    [OPT_OUTPUT] = {"output", 'o', "MODEL", "the model, a text file"},
    [OPT_ROUNDS] = {"rounds", 0, "R", "weak learners (default 2000)"},
    [OPT_LEARNER] = {"learner", 0, "NAME", "tree (default), product of stumps, stump"},
    [OPT_TERMS] = {"terms", 0, "M", "stumps in a product, 1 to 5 (default 3)"},
    [OPT_LEAVES] = {"leaves", 0, "N", "leaves of a tree, 2 to 32 (default 16)"},
    [OPT_SEARCH] = {"search", 0, "HOW",
                    "lazy:N: N features drawn anew each round (default lazy:250);\n"
                    "exhaustive: all features every round;\n"
                    "sketch:N: all features at 8 cuts, the best N of them at all cuts\n"
                    "(sketch: 8192 of them): for GPUs"},
    [OPT_FEATURES] = {"features", 0, "SET", "multiboost (default), seed, full: see jacquard scan"},
    [OPT_DESKEW] = {"deskew", 0, NULL, "images are centred and put upright by their moments first"},
    [OPT_AUGMENT] = {"augment", 0, "elastic:N", "N distorted copies of each training image beside it"},
    [OPT_CHANNELS] = {"channels", 0, "WHAT", "gray (default), or gradient: gray and gradients in 4 orientations"},
    [OPT_ENSEMBLE] = {"ensemble", 0, "N",
                      "N members, seeds S, S+1, ...; their votes are added. Several ranks\n"
                      "train a member each, unless --shard says otherwise"},
    [OPT_VALIDATION] = {"validation", 0, "N", "hold the file's last N images out, and tell their error"},
    [OPT_TRIM] = {"trim", 0, "SHARE",
                  "of the weight, in the lightest images, is left out of the search (default 0.01)"},
    [OPT_SEED] = {"seed", 0, "S", "of all random numbers (default 1)"},
    [OPT_SHARD] = {"shard", 0, "HOW",
                   "data (default, but not with a sketch): images are dealt to the ranks,\n"
                   "weight sums added;\n"
                   "features: every rank has all images and searches its share of the\n"
                   "features; DxF: a grid of both"},
    [OPT_CHECKPOINT] = {"checkpoint", 0, "FILE", "keep what is done here"},
    [OPT_EVERY_ROUNDS] = {"every-rounds", 0, "R", "a checkpoint every R rounds (default 100)"},
    [OPT_RESUME] = {"resume", 0, NULL, "go on from the checkpoint, if there is one: the same model comes of it"},
    [OPT_LOG] = {"log", 0, "OUT.csv", "a line a round"},
    [OPT_PLAN] = {"plan", 0, NULL, "only tell what would be done, and the memory it takes"},
    [OPT_BACKEND] = RUN_OPT_BACKEND,
    [OPT_THREADS] = RUN_OPT_THREADS,
    [OPT_PROGRESS] = RUN_OPT_PROGRESS,
    [OPT_RANK_TIMEOUT] = RUN_OPT_RANK_TIMEOUT,
    [OPT_FORCE] = {"force", 0, NULL, "overwrite an existing model, checkpoint, log"},
    [OPT_HELP] = RUN_OPT_HELP,
    {NULL, 0, NULL, NULL},
};

struct parsed {
    struct train_config config;
    bool help;
};

static enum status parse_search(const char *text, struct model_settings *s)
{
    int64_t lazy = 0, sketch = 0;

    if (strncmp(text, "lazy:", 5) == 0)
        TRY(opts_int("--search lazy", text + 5, 1, 10000000, &lazy));
    else if (strncmp(text, "sketch:", 7) == 0)
        TRY(opts_int("--search sketch", text + 7, 1, 10000000, &sketch));
    else if (strcmp(text, "sketch") == 0)
        sketch = TRAIN_SKETCH;
    else if (strcmp(text, "exhaustive") != 0)
        return FAIL(ST_USAGE, "--search %s: there are lazy:N, sketch:N and exhaustive", text);
    s->lazy = (uint32_t)lazy;
    s->sketch = (uint32_t)sketch;
    return ST_OK;
}

static enum status parse_shard(const char *text, struct train_config *c)
{
    const char *x = strchr(text, 'x');
    char data[16] = "";

    c->data_shards = c->feature_shards = 0;
    if (strcmp(text, "data") == 0)
        c->feature_shards = 1;
    else if (strcmp(text, "features") == 0)
        c->data_shards = 1;
    else if (!x || x - text >= (int)sizeof data)
        return FAIL(ST_USAGE, "--shard %s: there are data, features, and DxF (like 2x4)", text);
    else {
        memcpy(data, text, (size_t)(x - text));
        TRY(opts_int32("--shard", data, 1, 1 << 20, &c->data_shards));
        TRY(opts_int32("--shard", x + 1, 1, 1 << 20, &c->feature_shards));
    }
    return ST_OK;
}

static enum status parse_trim(const char *text, int *ppm)
{
    double share = 0.0;

    if (strspn(text, "0.") != strlen(text)) /* 0 leaves nothing out */
        TRY(opts_positive("--trim", text, &share));
    if (share > 0.5 || (share > 0 && share < 1e-6))
        return FAIL(ST_USAGE, "--trim %s: 0, or 0.000001 to 0.5 is wanted", text);
    *ppm = (int)(share * 1e6 + 0.5);
    return ST_OK;
}

static enum status handle(void *context, int which, const char *arg)
{
    static const char *const channels[] = {"gray", "gradient"};
    struct parsed *p = context;
    struct train_config *c = &p->config;
    struct model_settings *s = &c->settings;
    int value = 0;

    switch (which) {
    case OPT_IMAGES:
        c->images = arg;
        break;
    case OPT_LABELS:
        c->labels = arg;
        break;
    case OPT_OUTPUT:
        c->output = arg;
        break;
    case OPT_ROUNDS:
        return opts_int32("--rounds", arg, 1, 10000000, &s->rounds);
    case OPT_LEARNER:
        TRY(opts_choice("--learner", arg, learner_names, N_LEARNERS, &value));
        s->learner = (enum learner)value;
        break;
    case OPT_TERMS:
        return opts_int32("--terms", arg, 1, BOOST_MAX_TERMS, &s->terms);
    case OPT_LEAVES:
        return opts_int32("--leaves", arg, 2, BOOST_MAX_LEAVES, &s->leaves);
    case OPT_SEARCH:
        return parse_search(arg, s);
    case OPT_FEATURES:
        TRY(opts_choice("--features", arg, haar_set_names, HAAR_N_SETS, &value));
        s->features = (enum haar_set)value;
        break;
    case OPT_DESKEW:
        s->preprocess.deskew = true;
        break;
    case OPT_AUGMENT:
        if (strncmp(arg, "elastic:", 8) != 0)
            return FAIL(ST_USAGE, "--augment %s: there is elastic:N", arg);
        return opts_int32("--augment elastic", arg + 8, 0, 1000, &s->elastic);
    case OPT_CHANNELS:
        TRY(opts_choice("--channels", arg, channels, 2, &value));
        s->preprocess.gradient = value == 1;
        break;
    case OPT_ENSEMBLE:
        return opts_int32("--ensemble", arg, 1, 1000, &c->n_members);
    case OPT_VALIDATION:
        return opts_int("--validation", arg, 0, INT32_MAX, &s->n_validation);
    case OPT_TRIM:
        return parse_trim(arg, &s->trim_ppm);
    case OPT_SEED: {
        int64_t seed = 0;
        TRY(opts_int("--seed", arg, 0, INT64_MAX - 1000, &seed));
        s->seed = (uint64_t)seed;
        break;
    }
    case OPT_SHARD:
        return parse_shard(arg, c);
    case OPT_CHECKPOINT:
        c->checkpoint = arg;
        break;
    case OPT_EVERY_ROUNDS:
        return opts_int32("--every-rounds", arg, 1, 10000000, &c->checkpoint_every);
    case OPT_RESUME:
        c->resume = true;
        break;
    case OPT_LOG:
        c->log = arg;
        break;
    case OPT_PLAN:
        c->plan_only = true;
        break;
    case OPT_BACKEND:
        return run_opts_backend(arg, &c->backend);
    case OPT_THREADS:
        return run_opts_threads(arg, &c->threads);
    case OPT_PROGRESS:
        return run_opts_progress(arg, &c->progress);
    case OPT_RANK_TIMEOUT:
        return run_opts_rank_timeout(arg);
    case OPT_FORCE:
        c->force = true;
        break;
    case OPT_HELP:
        p->help = true;
        break;
    }
    return ST_OK;
}

static void print_help(void)
{
    puts("usage: jacquard train --images FILE --labels FILE -o MODEL [OPTIONS]\n\n"
         "Trains a classifier by AdaBoost.MH on Haar-like features. The model does not depend on the backend, the\n"
         "ranks or how they share the work. jacquard evaluate tests it, predict uses it.\n");
    opts_print(options);
}

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

enum status command_train(struct comm *comm, int argc, char **argv, atomic_int *stop)
{
    struct parsed p = {.config = {.settings = {.learner = LEARNER_TREE,
                                               .terms = 3,
                                               .leaves = 16,
                                               .rounds = 2000,
                                               .lazy = 250,
                                               .features = HAAR_MULTIBOOST,
                                               .trim_ppm = 10000,
                                               .seed = 1},
                                  .n_members = 1,
                                  .checkpoint_every = 100,
                                  .backend = "auto"}};
    int n_operands = 0;

    TRY(opts_parse("train", options, argc, argv, handle, &p, NULL, 0, &n_operands));
    if (p.help) {
        if (comm->rank == 0)
            print_help();
        return ST_OK;
    }
    TRY(check(&p.config));
    forget_unused(&p.config.settings);
    return train_run(comm, &p.config, stop);
}
