/* test_use_job: what `jacquard evaluate`, `predict` and `export` say of a model is what a plain walk through it says:
 * every feature pixel by pixel, every image by itself. On one rank and on several. */
#include "haar/data/preprocess.h"
#include "haar/model/model.h"
#include "image/png.h"
#include "unit/haar_plain.h"
#include "unit/jobs.h"

#include <inttypes.h>

enum { N_TRAIN = 60, N_TEST = 60, ROUNDS = 6 };

static struct model model;
static uint8_t pixels[N_TEST][JOB_PIXELS], labels[N_TEST];

/* ---- the plain walk ---- */

static bool goes_right(const struct weak_node *node, const uint8_t *image)
{
    return plain_value(node->feature, image, model.width, model.height) >= node->cut;
}

static int leaf_of(const struct weak *weak, const uint8_t *image)
{
    int at = weak->n_nodes > 0 ? 0 : -1, leaf = 0;

    if (weak->kind == WEAK_TREE) {
        while (at >= 0)
            at = weak->node[at].child[goes_right(&weak->node[at], image)];
        return -1 - at;
    }
    for (int t = 0; t < weak->n_nodes; t++)
        leaf |= goes_right(&weak->node[t], image) << t;
    return leaf;
}

/* Of all members cut after n_rounds; returns the answer. */
static int score(const uint8_t *in, int n_rounds, int64_t scores[JOB_CLASSES])
{
    uint8_t image[5 * JOB_PIXELS];
    int best = 0;

    preprocess_image(&model.settings.preprocess, in, model.width, model.height, image);
    memset(scores, 0, JOB_CLASSES * sizeof *scores);
    for (int m = 0; m < model.n_members; m++)
        for (int t = 0; t < n_rounds; t++) {
            const struct model_round *round = &model.member[m].round[t];
            const int32_t *vote = round->votes + leaf_of(&round->weak, image) * JOB_CLASSES;
            for (int l = 0; l < JOB_CLASSES; l++)
                scores[l] += vote[l];
        }
    for (int l = 1; l < JOB_CLASSES; l++)
        best = scores[l] > scores[best] ? l : best;
    return best;
}

/* ---- evaluate ---- */

static char *read_text(const char *name)
{
    size_t n;
    char *text = test_read(test_path(name), &n);

    if (!CHECK(text != NULL))
        exit(test_end());
    return text;
}

static void check_has(const char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void check_has(const char *text, const char *format, ...)
{
    char wanted[200];
    va_list args;

    va_start(args, format);
    vsnprintf(wanted, sizeof wanted, format, args);
    va_end(args);
    if (!CHECK(strstr(text, wanted) != NULL))
        printf("  looked for: %s\n", wanted);
}

/* The wrong image whose answer is furthest ahead comes first. */
static void check_worst(const char *json)
{
    int64_t most = -1;
    int worst = -1, answer = 0;

    for (int i = 0; i < N_TEST; i++) {
        int64_t scores[JOB_CLASSES];
        const int best = score(pixels[i], ROUNDS, scores);
        const int64_t margin = scores[best] - scores[labels[i]];
        if (best != labels[i] && margin > most) {
            most = margin;
            worst = i;
            answer = best;
        }
    }
    if (CHECK(worst >= 0))
        check_has(json, "\"worst\":[\n{\"index\":%d,\"label\":%d,\"answer\":%d,\"margin\":%" PRId64 "}", worst,
                  labels[worst], answer, most);
}

static void check_evaluation(void)
{
    int confusion[JOB_CLASSES][JOB_CLASSES] = {{0}}, n_wrong = 0;
    char *json = read_text("e.json"), *curve = read_text("curve.csv");
    int64_t scores[JOB_CLASSES];

    for (int t = 1; t <= ROUNDS; t++) {
        n_wrong = 0;
        for (int i = 0; i < N_TEST; i++)
            n_wrong += score(pixels[i], t, scores) != labels[i];
        check_has(curve, "\n%d,%d,0.", t, n_wrong);
    }
    for (int i = 0; i < N_TEST; i++)
        confusion[labels[i]][score(pixels[i], ROUNDS, scores)]++;
    check_has(job_out, "(%d/%d)\n", n_wrong, N_TEST);
    check_has(json, "\"wrong\":%d,\"total\":%d,", n_wrong, N_TEST);
    for (int l = 0; l < JOB_CLASSES; l++) {
        int labelled = 0, answered = 0;
        for (int k = 0; k < JOB_CLASSES; k++) {
            labelled += confusion[l][k];
            answered += confusion[k][l];
        }
        check_has(job_out, "%5d %9d %9d %8.2f%% %8.2f%%\n", l, labelled, confusion[l][l],
                  100.0 * confusion[l][l] / labelled, 100.0 * confusion[l][l] / answered);
        check_has(json, "[%d,%d,%d]", confusion[l][0], confusion[l][1], confusion[l][2]);
    }
    CHECK(n_wrong > 2 && n_wrong < N_TEST / 2); /* else nothing is told apart here */
    check_worst(json);
    free(curve);
    free(json);
}

/* The heads' and a cell's colours: right answers are blue, wrong ones red. */
static void check_confusion_picture(void)
{
    FILE *file = fopen(test_path("c.png"), "rb");
    uint8_t head[24] = {0}, *rgb = NULL;

    CHECK(file && fread(head, 1, sizeof head, file) == sizeof head);
    if (file)
        fclose(file);
    const uint32_t width = (uint32_t)head[18] << 8 | head[19], height = (uint32_t)head[22] << 8 | head[23];
    if (!CHECK_INT(png_read_rgb(test_path("c.png"), width, height, &rgb), ST_OK))
        return;
    for (uint32_t label = 0; label < JOB_CLASSES; label++)
        for (uint32_t answer = 0; answer < JOB_CLASSES; answer++) {
            const uint32_t x = (answer + 1) * (width / (JOB_CLASSES + 1)),
                           y = (label + 1) * (height / (JOB_CLASSES + 1));
            const uint8_t *c = rgb + 3 * ((size_t)(y + 1) * width + x + 1);
            CHECK(label == answer ? c[2] > c[0] : c[0] >= c[2]);
        }
    free(rgb);
}

static void test_evaluate(void)
{
    char *first = NULL;

    for (int n_ranks = 1; n_ranks <= 4; n_ranks += 3) {
        JOB(n_ranks, &command_evaluate,
            "evaluate @model --images @images --labels @labels --json @e.json --curve @curve.csv --confusion @c.png "
            "--backend cpu --threads 2 --force");
        check_evaluation();
        check_confusion_picture();
        if (!first)
            first = read_text("e.json");
        char *json = read_text("e.json");
        CHECK_STR(json, first);
        free(json);
    }
    free(first);
}

/* ---- predict ---- */

/* FILE[:INDEX], class, confidence: the lead over the second best as a share of the largest there can be. */
static void check_line(const char *name, int image)
{
    int64_t scores[JOB_CLASSES], spans = 0, second = INT64_MIN;
    const int best = score(pixels[image], ROUNDS, scores);

    for (int l = 0; l < JOB_CLASSES; l++)
        second = l != best && scores[l] > second ? scores[l] : second;
    for (int m = 0; m < model.n_members; m++)
        for (int t = 0; t < ROUNDS; t++) {
            const struct model_round *round = &model.member[m].round[t];
            int32_t low = INT32_MAX, high = INT32_MIN;
            for (int i = 0; i < round->weak.n_leaves * JOB_CLASSES; i++) {
                low = round->votes[i] < low ? round->votes[i] : low;
                high = round->votes[i] > high ? round->votes[i] : high;
            }
            spans += high - low;
        }
    const int64_t sure = (2 * (scores[best] - second) * 10000 + spans) / (2 * spans);
    check_has(job_out, "%s\t%d\t%" PRId64 ".%04" PRId64 "\n", name, best, sure / 10000, sure % 10000);
}

static void test_predict(void)
{
    const char *path = test_path("one.png");
    uint8_t rgb[3 * JOB_PIXELS];
    char name[40];
    FILE *file = fopen(path, "wb");

    for (int i = 0; i < 3 * JOB_PIXELS; i++)
        rgb[i] = pixels[5][i / 3];
    CHECK(file && png_write_rgb(file, path, rgb, JOB_WIDTH, JOB_HEIGHT) == ST_OK && fclose(file) == 0);
    JOB(2, &command_predict, "predict @model @images @one.png");
    for (int i = 0; i < N_TEST; i++) {
        snprintf(name, sizeof name, "/images:%d", i);
        check_line(name, i);
    }
    check_line("/one.png", 5);
    JOB_FAILS(ST_USAGE, "no_such", 1, &command_predict, "predict @model @one.png @no_such");
    check_line("/one.png", 5); /* what was before it is told */
    JOB_FAILS(ST_USAGE, "c.png is ", 1, &command_predict, "predict @model @c.png");
    JOB_FAILS(ST_FORMAT, "labels", 1, &command_predict, "predict @model @labels");
    atomic_store(&job_stop, 1);
    JOB_FAILS(ST_INTERRUPTED, "interrupted", 1, &command_predict, "predict @model @one.png");
    atomic_store(&job_stop, 0);
}

/* ---- export ---- */

static int64_t count_numbers(const char *header, const char *table)
{
    const char *at = strstr(header, table);
    int64_t n = 0;

    for (at = at ? strchr(at, '{') : NULL; at && *at != '}'; at++)
        n += *at == ',';
    return n;
}

/* The header has the model's digest and a number for each thing in it. (That it compiles and classifies is told by
 * e2e/model.sh.) */
static void test_export(void)
{
    int64_t n_rounds = 0, n_nodes = 0, n_votes = 0;
    char digest[65];

    JOB(1, &command_export, "export @model --c @model.h");
    char *header = read_text("model.h");
    CHECK_INT(model_digest(&model, digest), ST_OK);
    check_has(header, " * %s.\n", digest);
    for (int m = 0; m < model.n_members; m++)
        for (int t = 0; t < model.member[m].n_rounds; t++, n_rounds++) {
            n_nodes += model.member[m].round[t].weak.n_nodes;
            n_votes += model.member[m].round[t].weak.n_leaves * JOB_CLASSES;
        }
    check_has(header, "#define JACQUARD_LEARNERS %" PRId64 "\n", n_rounds);
    CHECK_INT(count_numbers(header, "jacquard_cut[]"), n_nodes);
    CHECK_INT(count_numbers(header, "jacquard_vote[]"), n_votes);
    CHECK_INT(count_numbers(header, "jacquard_first[]"), n_nodes + 1);
    CHECK((strstr(header, "jacquard_child[]") != NULL) == (model.settings.learner == LEARNER_TREE));
    CHECK((strstr(header, "jq_deskew(pixels") != NULL) == model.settings.preprocess.deskew);
    CHECK((strstr(header, "jq_gradient(prepared") != NULL) == model.settings.preprocess.gradient);
    free(header);
    JOB_FAILS(ST_USAGE, "exists already", 1, &command_export, "export @model --c @model.h");
    JOB_FAILS(ST_USAGE, "is the model itself", 1, &command_export, "export @model --c @model --force");
    JOB_FAILS(ST_FORMAT, "images", 1, &command_export, "export @images --c @none.h");
    CHECK(!test_exists(test_path("none.h")));
    unlink(test_path("model.h"));
}

/* ---- refused ---- */

static void test_refused(void)
{
    const uint32_t dim[3] = {1, 8, 8};
    const uint8_t black[64] = {0}, label = JOB_CLASSES;

    job_write_idx(test_path("small"), 3, dim, black, sizeof black);
    job_write_idx(test_path("high"), 1, dim, &label, 1);
    job_write_images(test_path("single"), test_path("single_label"), 0, 1);
    JOB_FAILS(ST_USAGE, "is a model for images of 9 x 8 pixels", 1, &command_evaluate,
              "evaluate @model --images @small --labels @high --backend cpu");
    JOB_FAILS(ST_USAGE, "knows the classes 0 to 2", 2, &command_evaluate,
              "evaluate @model --images @single --labels @high --backend cpu");
    JOB_FAILS(ST_USAGE, "exists already", 2, &command_evaluate,
              "evaluate @model --images @images --labels @labels --json @e.json --backend cpu");
    JOB_FAILS(ST_FORMAT, "images", 2, &command_evaluate,
              "evaluate @images --images @images --labels @labels --backend cpu");
    atomic_store(&job_stop, 1);
    JOB_FAILS(ST_INTERRUPTED, "interrupted", 2, &command_evaluate,
              "evaluate @model --images @images --labels @labels --backend cpu");
    atomic_store(&job_stop, 0);
}

int main(void)
{
    static const char *const settings[] = {
        "--leaves 3 --search lazy:4 --ensemble 2 --deskew --channels gradient",
        "--learner product --terms 2 --search lazy:6",
        "--leaves 2 --search lazy:9 --deskew",
    };

    job_write_images(test_path("train_images"), test_path("train_labels"), 1000, N_TRAIN);
    job_write_images(test_path("images"), test_path("labels"), 0, N_TEST);
    for (int i = 0; i < N_TEST; i++)
        labels[i] = job_image(i, pixels[i]);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        JOB(1, &command_train,
            "train --images @train_images --labels @train_labels --backend cpu --rounds %d -o @model --force %s",
            ROUNDS, settings[i]);
        CHECK_INT(model_read(test_path("model"), &model), ST_OK);
        test_evaluate();
        test_predict();
        test_export();
        test_refused();
        model_release(&model);
    }
    return test_end();
}
