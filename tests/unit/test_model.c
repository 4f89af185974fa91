/* test_model: a model goes to its file and back byte for byte, and no bytes that are not a sound model are taken for
 * one: the digest finds damage, and behind a digest that fits every number is still looked at. */
#include "base/clock.h"
#include "base/sha256.h"
#include "haar/model/model.h"

#include "unit/random_model.h"

static struct model tree_model(int n_members, int n_rounds)
{
    struct model model = {.width = 28, .height = 24, .n_classes = 10};

    model.settings = (struct model_settings){.learner = LEARNER_TREE,
                                             .leaves = 8,
                                             .rounds = n_rounds,
                                             .lazy = 250,
                                             .features = HAAR_MULTIBOOST,
                                             .preprocess = {.deskew = true},
                                             .elastic = 3,
                                             .trim_ppm = 10000,
                                             .seed = UINT64_MAX,
                                             .n_images = 60000,
                                             .n_validation = 5000,
                                             .fingerprint = UINT32_MAX};
    random_rounds(&model, n_members, n_rounds, 1);
    return model;
}

static struct model product_model(void)
{
    struct model model = {.width = 16, .height = 64, .n_classes = 3};

    model.settings = (struct model_settings){.learner = LEARNER_PRODUCT, .terms = 3, .rounds = 9, .sketch = 4096};
    model.settings.preprocess.gradient = true;
    random_rounds(&model, 1, 5, 2);
    return model;
}

/* The text of the file (heap). */
static char *text_of(const struct model *model, size_t *n)
{
    const char *path = test_path("written.model");

    if (!CHECK_INT(model_write(model, path, true), ST_OK))
        printf("    said: %s\n", status_message());
    return test_read(path, n);
}

static enum status read_bytes(const char *bytes, size_t n)
{
    const char *path = test_path("read.model");
    struct model model;

    test_write(path, bytes, n);
    const enum status st = model_read(path, &model);
    if (st == ST_OK) { /* what is read is written again as it was */
        size_t n_again;
        char *again = text_of(&model, &n_again);
        CHECK(n_again == n && memcmp(again, bytes, n) == 0);
        free(again);
    } else {
        CHECK(status_message()[0] != '\0' && strstr(status_message(), path));
    }
    model_release(&model);
    CHECK(!model.member && model.n_members == 0);
    return st;
}

/* Puts the digest right that a changed text needs. */
static void seal(char *text)
{
    char *digest = strstr(text, "sha256 ") + 7, hex[65];

    sha256_hex(digest + 65, strlen(digest + 65), hex);
    memcpy(digest, hex, 64);
}

/* ---- the round trip ---- */

static void check_same(const struct model *a, const struct model *b)
{
    char one[65], two[65];

    CHECK_INT(a->width, b->width);
    CHECK_INT(a->height, b->height);
    CHECK_INT(a->n_classes, b->n_classes);
    CHECK_INT(a->settings.learner, b->settings.learner);
    CHECK_INT(a->settings.terms, b->settings.terms);
    CHECK_INT(a->settings.leaves, b->settings.leaves);
    CHECK_INT(a->settings.rounds, b->settings.rounds);
    CHECK_INT(a->settings.lazy, b->settings.lazy);
    CHECK_INT(a->settings.sketch, b->settings.sketch);
    CHECK_INT(a->settings.features, b->settings.features);
    CHECK_INT(a->settings.preprocess.deskew, b->settings.preprocess.deskew);
    CHECK_INT(a->settings.preprocess.gradient, b->settings.preprocess.gradient);
    CHECK_INT(a->settings.elastic, b->settings.elastic);
    CHECK_INT(a->settings.trim_ppm, b->settings.trim_ppm);
    CHECK(a->settings.seed == b->settings.seed);
    CHECK_INT(a->settings.n_images, b->settings.n_images);
    CHECK_INT(a->settings.n_validation, b->settings.n_validation);
    CHECK_INT(a->settings.fingerprint, b->settings.fingerprint);
    if (!CHECK_INT(a->n_members, b->n_members))
        return;
    for (int m = 0; m < a->n_members; m++) {
        CHECK(a->member[m].seed == b->member[m].seed);
        if (!CHECK_INT(a->member[m].n_rounds, b->member[m].n_rounds))
            return;
        for (int t = 0; t < a->member[m].n_rounds; t++) {
            const struct model_round *x = &a->member[m].round[t], *y = &b->member[m].round[t];
            CHECK(memcmp(&x->weak, &y->weak, sizeof x->weak) == 0);
            CHECK(memcmp(x->votes, y->votes, (size_t)(x->weak.n_leaves * a->n_classes) * sizeof *x->votes) == 0);
            CHECK_INT(x->shift, y->shift);
            CHECK_INT(x->loss, y->loss);
        }
    }
    CHECK_INT(model_digest(a, one), ST_OK);
    CHECK_INT(model_digest(b, two), ST_OK);
    CHECK_STR(one, two);
}

static void check_round_trip(struct model *model)
{
    struct model again;
    char hex[65];
    size_t n;
    char *text = text_of(model, &n);

    CHECK_INT(model_digest(model, hex), ST_OK);
    CHECK(strstr(text, "sha256 ") && memcmp(strstr(text, "sha256 ") + 7, hex, 64) == 0);
    CHECK_INT(read_bytes(text, n), ST_OK);
    if (CHECK_INT(model_read(test_path("read.model"), &again), ST_OK))
        check_same(model, &again);
    else
        printf("    said: %s\n", status_message());
    model_release(&again);
    model_release(model);
    free(text);
}

static void round_trips(void)
{
    struct model model = tree_model(3, 40);

    check_round_trip(&model);
    model = product_model(); /* a checkpoint: 5 of 9 rounds */
    check_round_trip(&model);

    model =
        (struct model){.width = 5, .height = 5, .n_classes = 2, .settings = {.learner = LEARNER_STUMP, .rounds = 7}};
    random_rounds(&model, 1, 7, 3);
    check_round_trip(&model);

    model = (struct model){.width = 64, .height = 64, .n_classes = 64};
    model.settings = (struct model_settings){.learner = LEARNER_TREE, .leaves = 32, .rounds = 5};
    model.settings.preprocess = (struct preprocess){.deskew = true, .gradient = true};
    random_rounds(&model, 2, 5, 4);
    check_round_trip(&model);

    model = tree_model(1, 0); /* nothing learnt yet */
    check_round_trip(&model);

    model = tree_model(1, 1); /* a tree that found no cut is a lone leaf */
    model.member[0].round[0].weak = (struct weak){.kind = WEAK_TREE, .n_leaves = 1};
    check_round_trip(&model);
}

/* The ends of every range are inside. */
static void extremes(void)
{
    struct model model = {.width = 64, .height = 64, .n_classes = 2};
    int32_t votes[4] = {64 * 65536, -64 * 65536, 0, 1};
    struct model_round round = {
        .weak = {.kind = WEAK_TREE, .n_nodes = 1, .n_leaves = 2, .node = {{.child = {-2, -1}}}},
        .votes = votes,
        .shift = INT32_MIN,
        .loss = INT32_MIN,
    };

    model.settings = (struct model_settings){.learner = LEARNER_TREE, .leaves = 2, .rounds = INT32_MAX};
    model.settings.n_images = INT64_MAX;
    CHECK_INT(model_add_member(&model, UINT64_MAX), ST_OK);
    round.weak.node[0].feature = (struct haar_feature){.type = HAAR_QUAD, .w = 64, .h = 64, .a = 63, .b = 63};
    for (int sign = -1; sign <= 1; sign += 2) {
        const struct haar_corners c = haar_corners_of(round.weak.node[0].feature, 64, 64);
        round.weak.node[0].cut = sign < 0 ? -c.most : c.most + 1;
        CHECK_INT(model_add_round(&model, &round), ST_OK);
    }
    round.weak.node[0].feature = (struct haar_feature){.type = HAAR_BOX, .x = 63, .y = 63, .w = 1, .h = 1};
    round.weak.node[0].cut = 256;
    round.shift = INT32_MAX;
    CHECK_INT(model_add_round(&model, &round), ST_OK);
    check_round_trip(&model);
}

/* ---- damage ---- */

static void every_byte(void)
{
    struct model model = tree_model(1, 1);
    size_t n;
    char *text = text_of(&model, &n);

    for (size_t i = 0; i < n; i++) {
        const char byte = text[i];
        text[i] = (char)(byte ^ 1 << i % 8);
        CHECK_INT(read_bytes(text, n), ST_FORMAT);
        text[i] = byte;
    }
    for (size_t length = 0; length < n; length++)
        CHECK_INT(read_bytes(text, length), ST_FORMAT);
    CHECK_INT(read_bytes(text, n), ST_OK);
    free(text);
    model_release(&model);
}

/* Any change of one byte behind a digest that fits: read as another sound model or refused, never worse. */
static void every_byte_sealed(void)
{
    struct model model = product_model();
    struct random_numbers random = {.key = 5};
    size_t n, n_read = 0;
    char *text = text_of(&model, &n);
    static const char bytes[] = "0123456789 -|;\n.a\xff";

    for (size_t i = (size_t)(strstr(text, "width") - text); i < n; i++) {
        const char byte = text[i];
        text[i] = bytes[random_int(&random, 0, (int)sizeof bytes - 2)];
        seal(text);
        const enum status st = read_bytes(text, n);
        CHECK(st == ST_OK || st == ST_FORMAT);
        n_read += st == ST_OK;
        text[i] = byte;
    }
    CHECK(n_read > n / 20 && n_read < n * 9 / 10); /* both happened */
    free(text);
    model_release(&model);
}

static const char small[] = "jacquard-model 1\n"
                            "sha256 0000000000000000000000000000000000000000000000000000000000000000\n"
                            "width 20\nheight 10\nclasses 3\nlearner tree\nterms 0\nleaves 4\nrounds 2\nlazy 0\n"
                            "features full\ndeskew yes\ngradient no\nelastic 0\ntrim-ppm 0\nseed 1\nimages 100\n"
                            "validation 0\nfingerprint 7\n"
                            "member 1 2\n"
                            "tree 4 shift 5 loss -6 | edge-h 0 1 2 3 4 0 1 7 2 1 ; edge-v 0 1 2 3 4 2 0 -7 -1 -2 ; "
                            "line-v 0 4 0 16 10 4 12 0 -3 -4 | 1 2 3 4 5 6 7 8 9 10 11 12\n"
                            "tree 2 shift 5 loss -6 | quad 0 0 0 20 10 19 9 0 -2 -1 | 1 2 3 4 5 6\n"
                            "member 2 1\n"
                            "tree 3 shift 5 loss -6 | box 0 19 9 1 1 0 0 256 -1 1 ; line-h 0 0 0 2 9 3 6 1 -2 -3 | "
                            "1 2 3 4 5 6 7 8 9\n"
                            "end\n";

/* small with its first `from` replaced, sealed. */
static enum status read_edited(const char *from, const char *to)
{
    char text[sizeof small + 200];
    const char *at = strstr(small, from);

    if (!at) {
        printf("a test asks for an edit that cannot be: %s\n", from);
        exit(1);
    }
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - small), small, to, at + strlen(from));
    if (strstr(text, "sha256 "))
        seal(text);
    return read_bytes(text, strlen(text));
}

static void lies(void)
{
    static const char *const edits[][2] = {
        /* the head */
        {"jacquard-model 1", "jacquard-model 2"},
        {"jacquard-model 1", "jacquard-model 0"},
        {"jacquard-model 1", "jacquard-model 01"},
        {"jacquard-model 1", "jacquard-model  1"},
        {"jacquard-model 1", "jacquard-barcode 1"},
        {"jacquard-model 1\n", "jacquard-model 1\r\n"},
        {"sha256", "sha512"},
        /* settings */
        {"width 20", "width 0"},
        {"width 20", "width 65"},
        {"width 20", "width -20"},
        {"width 20", "width 020"},
        {"width 20", "width +20"},
        {"width 20", "width 20 "},
        {"width 20", "width 20.0"},
        {"width 20\n", ""},
        {"width 20\n", "width 20\nwidth 20\n"},
        {"width 20\nheight 10\n", "height 10\nwidth 20\n"},
        {"width 20", "width 18446744073709551636"}, /* 2^64 + 20 */
        {"width 20", "width 16"},                   /* the features reach further */
        {"height 10", "height 9"},
        {"classes 3", "classes 1"},
        {"classes 3", "classes 65"},
        {"classes 3", "classes 2"},
        {"classes 3", "classes 4"},
        {"learner tree", "learner forest"},
        {"learner tree", "learner treetop"},
        {"learner tree", "learner tre"},
        {"learner tree", "learner product"},
        {"learner tree\nterms 0", "learner product\nterms 3"},
        {"learner tree", "learner stump"},
        {"terms 0", "terms 6"},
        {"leaves 4", "leaves 3"},
        {"leaves 4", "leaves 33"},
        {"leaves 4", "leaves 1"},
        {"rounds 2", "rounds 1"},
        {"rounds 2", "rounds 2147483648"},
        {"lazy 0", "lazy 4294967296"},
        {"lazy 0\n", "lazy 0\nsketch 0\n"}, /* 0 has no line */
        {"lazy 0\n", "lazy 0\nsketch 4294967296\n"},
        {"lazy 0\n", "sketch 5\nlazy 0\n"},
        {"features full", "features many"},
        {"deskew yes", "deskew 1"},
        {"gradient no", "gradient "},
        {"trim-ppm 0", "trim-ppm 1000001"},
        {"seed 1", "seed 18446744073709551616"},
        {"images 100", "images 9223372036854775808"},
        {"fingerprint 7", "fingerprint 4294967296"},
        {"fingerprint 7", "fingerprint 0x7"},
        {"fingerprint 7\n", "fingerprint 7\n\n"},
        /* members and counts */
        {"member 1 2", "member 1 1"},
        {"member 1 2", "member 1 3"},
        {"member 1 2", "member 1 -1"},
        {"member 1 2", "member 1 2000000000"},
        {"member 1 2", "member -1 2"},
        {"member 1 2", "member 1"},
        {"member 1 2\n", ""},
        {"end\n", ""},
        {"end\n", "end"},
        {"end\n", "end\nend\n"},
        {"end\n", "member 3 0\n"},
        {"tree 4 shift", "tree 5 shift"},
        {"tree 4 shift", "tree 3 shift"},
        {"tree 4 shift", "tree 0 shift"},
        {"tree 4 shift", "tree -4 shift"},
        {"tree 4 shift", "tree 4294967300 shift"},
        {"tree 4 shift", "product 2 shift"},
        {"shift 5", "shift 2147483648"},
        {"shift 5", "shift -2147483649"},
        {"shift 5", "shift -0"},
        {"loss -6", "loss --6"},
        {"loss -6", "loss -"},
        {" | 1 2 3 4 5 6 7 8 9 10 11 12\n", " | 1 2 3 4 5 6 7 8 9 10 11\n"},
        {" | 1 2 3 4 5 6 7 8 9 10 11 12\n", " | 1 2 3 4 5 6 7 8 9 10 11 12 13\n"},
        {" 10 11 12\n", " 10 11 4194305\n"},
        {" 10 11 12\n", " 10 11 -4194305\n"},
        {" 10 11 12\n", " 10 11 -9223372036854775809\n"},
        {" 10 11 12\n", " 10 11 12 \n"},
        {" 10 11 12\n", " 10 11  12\n"},
        /* features */
        {"edge-h 0 1 2 3 4 0 1", "edge-x 0 1 2 3 4 0 1"},
        {"edge-h 0 1 2 3 4 0 1", "edge-h 1 1 2 3 4 0 1"}, /* no channels but the image */
        {"edge-h 0 1 2 3 4 0 1", "edge-h -1 1 2 3 4 0 1"},
        {"edge-h 0 1 2 3 4 0 1", "edge-h 0 20 2 1 4 0 1"},
        {"edge-h 0 1 2 3 4 0 1", "edge-h 0 -1 2 3 4 0 1"},
        {"edge-h 0 1 2 3 4 0 1", "edge-h 0 1 10 3 1 0 1"},
        {"edge-h 0 1 2 3 4 0 1", "edge-h 0 1 2 20 4 0 1"},
        {"edge-h 0 1 2 3 4 0 1", "edge-h 0 1 2 3 9 0 1"},
        {"edge-h 0 1 2 3 4 0 1", "edge-h 0 1 2 0 4 0 1"},
        {"edge-h 0 1 2 3 4 0 1", "edge-h 0 1 2 3 0 0 1"},
        {"edge-h 0 1 2 3 4 0 1", "edge-h 0 1 2 3 1 0 1"},
        {"edge-h 0 1 2 3 4 0 1", "edge-h 0 1 2 3 4 1 1"},
        {"edge-h 0 1 2 3 4 0 1", "edge-h 0 1 2 3 4 0 0"},
        {"edge-h 0 1 2 3 4 0 1", "edge-h 0 1 2 3 4 0 4"},
        {"edge-h 0 1 2 3 4 0 1", "edge-h 0 1 2 3 4 0 257"},
        {"edge-v 0 1 2 3 4 2 0", "edge-v 0 1 2 3 4 3 0"},
        {"edge-v 0 1 2 3 4 2 0", "edge-v 0 1 2 3 4 0 0"},
        {"edge-v 0 1 2 3 4 2 0", "edge-v 0 1 2 3 4 2 1"},
        {"edge-v 0 1 2 3 4 2 0", "edge-v 0 1 2 1 4 1 0"},
        {"line-v 0 4 0 16 10 4 12", "line-v 0 4 0 16 10 0 12"},
        {"line-v 0 4 0 16 10 4 12", "line-v 0 4 0 16 10 12 12"},
        {"line-v 0 4 0 16 10 4 12", "line-v 0 4 0 16 10 12 4"},
        {"line-v 0 4 0 16 10 4 12", "line-v 0 4 0 16 10 4 16"},
        {"line-v 0 4 0 16 10 4 12", "line-v 0 4 0 2 10 1 1"},
        {"line-h 0 0 0 2 9 3 6", "line-h 0 0 0 2 9 3 9"},
        {"line-h 0 0 0 2 9 3 6", "line-h 0 0 0 2 9 0 6"},
        {"line-h 0 0 0 2 9 3 6", "line-h 0 0 0 2 9 7 6"},
        {"quad 0 0 0 20 10 19 9", "quad 0 0 0 20 10 20 9"},
        {"quad 0 0 0 20 10 19 9", "quad 0 0 0 20 10 19 10"},
        {"quad 0 0 0 20 10 19 9", "quad 0 0 0 20 10 0 9"},
        {"quad 0 0 0 20 10 19 9", "quad 0 0 0 20 10 19 0"},
        {"box 0 19 9 1 1 0 0 256", "box 0 19 9 1 1 1 0 256"},
        {"box 0 19 9 1 1 0 0 256", "box 0 19 9 1 1 0 1 256"},
        {"box 0 19 9 1 1 0 0 256", "box 0 19 9 1 1 0 0 257"},
        {"box 0 19 9 1 1 0 0 256", "box 0 19 9 1 1 0 0 -1"},
        {"box 0 19 9 1 1 0 0 256", "box 0 19 9 2 1 0 0 256"},
        {"4 0 1 7 2 1", "4 0 1 2297 2 1"}, /* 255 * 3 white * 3 + 1 is 2296 */
        /* trees */
        {"7 2 1 ;", "7 2 2 ;"},       /* node 2 twice */
        {"7 2 1 ;", "7 2 -1 ;"},      /* leaf 0 twice, node 1 never */
        {"7 2 1 ;", "7 0 1 ;"},       /* a circle */
        {"7 2 1 ;", "7 2 3 ;"},       /* no such node */
        {"-7 -1 -2", "-7 1 -2"},      /* itself */
        {"-7 -1 -2", "-7 0 -2"},      /* back */
        {"-7 -1 -2", "-7 -1 -1"},     /* leaf 0 twice */
        {"-7 -1 -2", "-7 -1 -5"},     /* no such leaf */
        {"-7 -1 -2", "-7 -1 -32770"}, /* nor as 16 bits */
        {"-7 -1 -2", "-7 -1 65534"},  /* nor as 16 bits */
        {"-7 -1 -2", "-7 -1"},
        {"-7 -1 -2", "-7 -1 -2 -3"},
        {" ; edge-v 0 1 2 3 4 2 0 -7 -1 -2", ""},
        {" ; edge-v", " | edge-v"},
    };

    if (!CHECK_INT(read_edited("width", "width"), ST_OK))
        printf("    said: %s\n", status_message());
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++)
        if (!CHECK_INT(read_edited(edits[i][0], edits[i][1]), ST_FORMAT))
            printf("    \"%s\" became \"%s\"\n", edits[i][0], edits[i][1]);
}

static void messages(void)
{
    CHECK_INT(read_edited("box 0 19 9 1 1", "box 0 19 9 2 1"), ST_FORMAT);
    CHECK(strstr(status_message(), "line 24: a feature's width from 1 to 1 is wanted, not \"2\""));
    CHECK_INT(read_edited("-7 -1 -2", "-7 -1 -1"), ST_FORMAT);
    CHECK(strstr(status_message(), "line 21: this is no tree: two ways lead to leaf 0"));
    CHECK_INT(read_edited("jacquard-model 1", "jacquard-model 2"), ST_FORMAT);
    CHECK(strstr(status_message(), "version 2"));
    CHECK_INT(read_edited("jacquard", "PNG"), ST_FORMAT);
    CHECK(strstr(status_message(), "is not a jacquard model"));
    CHECK_INT(read_bytes(small, sizeof small - 1), ST_FORMAT);
    CHECK(strstr(status_message(), "is damaged: its SHA-256 is "));
    CHECK_INT(read_bytes("", 0), ST_FORMAT);
}

static void no_file(void)
{
    struct model model;

    CHECK_INT(model_read(test_path("none.model"), &model), ST_USAGE);
    model_release(&model);
    CHECK_INT(model_read(test_folder(), &model), ST_USAGE);
    model_release(&model);

    model = tree_model(1, 1);
    test_write(test_path("there.model"), "x", 1);
    CHECK_INT(model_write(&model, test_path("there.model"), false), ST_USAGE);
    CHECK_INT(model_write(&model, test_path("there.model"), true), ST_OK);
    CHECK_INT(model_write(&model, test_path("no/folder.model"), true), ST_IO);
    model_release(&model);
}

static void is_quick(void)
{
    struct model model = tree_model(1, 2000), again;
    const double started = clock_seconds();

    CHECK_INT(model_write(&model, test_path("big.model"), true), ST_OK);
    const double written = clock_seconds();
    CHECK_INT(model_read(test_path("big.model"), &again), ST_OK);
    const double done = clock_seconds();
    printf("2000 trees of 8 leaves: written in %.1f ms, read in %.1f ms\n", (written - started) * 1e3,
           (done - written) * 1e3);
    check_same(&model, &again);
    CHECK(done - written < 2.0); /* a machine that is busy, or under the sanitizers */
    model_release(&model);
    model_release(&again);
}

int main(void)
{
    round_trips();
    extremes();
    every_byte();
    every_byte_sealed();
    lies();
    messages();
    no_file();
    is_quick();
    return test_end();
}
