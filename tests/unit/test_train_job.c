/* test_train_job: the job of `jacquard train` from files to a model file: the same bytes however many ranks there are,
 * however they share the work, and whether it was interrupted; the log, the held-out error and the plan tell what is
 * so; what it refuses, it says. */
#include "haar/model/model.h"
#include "unit/jobs.h"

enum { N_TRAIN = 150, N_HELD_OUT = 40 };

#define TRAIN "train --images @images --labels @labels --backend cpu --threads 1 --progress none --force "

static int count_lines(const char *path)
{
    size_t n;
    char *text = test_read(path, &n);
    int lines = 0;

    for (size_t i = 0; text && i < n; i++)
        lines += text[i] == '\n';
    free(text);
    return text ? lines : -1;
}

/* ---- the same model ---- */

/* What decides the model, and the ways that ranks can share it: how many, and --shard. */
struct shared {
    const char *settings;
    struct {
        int n_ranks;
        const char *how;
    } way[4];
};

static const struct shared shared[] = {
    {"--rounds 5 --learner tree --leaves 5 --search lazy:40",
     {{1, ""}, {3, ""}, {2, "--shard features"}, {4, "--shard 2x2"}}},
    {"--rounds 2 --learner stump --search exhaustive --trim 0 --features full",
     {{0, ""}, {2, "--shard data"}, {3, "--shard 1x3"}, {5, "--shard 5x1"}}},
    {"--rounds 2 --learner product --terms 2 --features seed --deskew --search exhaustive",
     {{1, ""}, {4, ""}, {4, "--shard 4x1"}, {4, "--shard features"}}},
    {"--rounds 3 --leaves 3 --search sketch:60", {{1, ""}, {3, "--shard features"}}},
    {"--rounds 4 --leaves 3 --search lazy:30 --augment elastic:2 --channels gradient --deskew --seed 9",
     {{1, ""}, {2, ""}, {3, "--shard features"}, {2, "--shard 2x1"}}},
    {"--rounds 3 --leaves 4 --search lazy:25 --ensemble 3", {{1, ""}, {2, ""}, {5, ""}, {2, "--shard data"}}},
    {"--rounds 3 --leaves 4 --search lazy:25 --ensemble 3 --validation 40",
     {{1, ""}, {2, ""}, {3, ""}, {4, "--shard 2x2"}}},
};

static void test_ranks(void)
{
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
        for (int w = 0; w < 4 && (w == 0 || shared[i].way[w].n_ranks > 0); w++) {
            const struct shared *s = &shared[i];
            char printed[200];

            JOB(s->way[w].n_ranks, &command_train, TRAIN "--threads %d %s %s -o @%s", 1 + w % 2, s->settings,
                s->way[w].how, w ? "other" : "one");
            if (w == 0)
                snprintf(printed, sizeof printed, "%.*s", (int)strcspn(job_out, "/"), job_out);
            CHECK(strncmp(job_out, printed, strlen(printed)) == 0); /* the held-out error, if any */
            if (w > 0 && !CHECK(job_same_files(test_path("one"), test_path("other"))))
                printf("  %s on %d ranks %s\n", s->settings, s->way[w].n_ranks, s->way[w].how);
        }
}

/* Every setting that is to make another model does; its digest is what the log says. */
static void test_settings_matter(void)
{
    static const char *const more[] = {
        "",           "--seed 2",   "--deskew",   "--channels gradient", "--augment elastic:1",
        "--trim 0.3", "--leaves 3", "--rounds 4", "--features seed",     "--ensemble 2"};
    enum { N = sizeof more / sizeof *more };
    char digest[N][65];
    struct model model;

    for (int i = 0; i < N; i++) {
        model = (struct model){0};
        JOB(0, &command_train, TRAIN "--rounds 3 --search lazy:30 -o @model %s", more[i]);
        CHECK_INT(model_read(test_path("model"), &model), ST_OK);
        CHECK_INT(model_digest(&model, digest[i]), ST_OK);
        CHECK(strstr(job_notes, digest[i]) != NULL);
        CHECK_INT(model.settings.n_images, N_TRAIN + N_HELD_OUT);
        for (int j = 0; j < i; j++)
            if (!CHECK(strcmp(digest[i], digest[j]) != 0))
                printf("  of %s and %s\n", more[i], more[j]);
        model_release(&model);
    }
}

/* ---- interrupted, and taken up ---- */

/* The log without its last column, which is of time. */
static char *log_without_times(const char *path)
{
    size_t n;
    char *text = test_read(path, &n), *to = text;

    for (char *at = text; at && *at; at += strcspn(at, "\n"), at += *at == '\n') {
        const size_t length = strcspn(at, "\n");
        size_t kept = length;
        while (kept > 0 && at[kept] != ',')
            kept--;
        memmove(to, at, kept);
        to[kept] = '\n';
        to += kept + 1;
        if (to > at + length + 1)
            abort();
    }
    if (to)
        *to = '\0';
    return text;
}

static void check_same_log(const char *a, const char *b)
{
    char *in_a = log_without_times(a), *in_b = log_without_times(b);

    CHECK(in_a && in_b);
    if (in_a && in_b)
        CHECK_STR(in_a, in_b);
    free(in_a);
    free(in_b);
}

static void test_resume(int n_ranks, const char *settings)
{
    JOB(n_ranks, &command_train, TRAIN "%s --rounds 7 --log @whole.csv -o @whole", settings);
    CHECK_INT(count_lines(test_path("whole.csv")), 8);

    unlink(test_path("part"));
    JOB(n_ranks, &command_train, TRAIN "%s --rounds 3 --checkpoint @part --every-rounds 2 --log @part.csv -o @short",
        settings);
    CHECK(job_same_files(test_path("part"), test_path("short"))); /* its last checkpoint is the model */
    JOB(n_ranks, &command_train, TRAIN "%s --rounds 7 --checkpoint @part --resume --log @part.csv -o @resumed",
        settings);
    CHECK(strstr(job_notes, "part: going on after round 3") != NULL);
    CHECK(job_same_files(test_path("whole"), test_path("resumed")));
    check_same_log(test_path("whole.csv"), test_path("part.csv"));
}

/* A round that has begun is finished and kept. */
static void test_interrupted(int n_ranks, const char *settings)
{
    JOB(n_ranks, &command_train, TRAIN "%s --rounds 4 -o @whole", settings);
    unlink(test_path("stopped"));
    unlink(test_path("kept"));
    atomic_store(&job_stop, 1);
    JOB_FAILS(ST_INTERRUPTED, "nothing was written (--checkpoint keeps what is done)", n_ranks, &command_train,
              TRAIN "%s --rounds 4 -o @stopped", settings);
    JOB_FAILS(ST_INTERRUPTED, "kept holds what is done, --resume goes on from it", n_ranks, &command_train,
              TRAIN "%s --rounds 4 --checkpoint @kept -o @stopped", settings);
    atomic_store(&job_stop, 0);
    CHECK(!test_exists(test_path("stopped")));
    JOB(n_ranks, &command_train, TRAIN "%s --rounds 4 --checkpoint @kept --resume -o @stopped", settings);
    CHECK(strstr(job_notes, ": going on after round 1") != NULL);
    CHECK(job_same_files(test_path("whole"), test_path("stopped")));
}

/* ---- what it tells ---- */

/* The last line of the log has the errors of the model: what evaluate counts of the same images. */
static void test_errors(void)
{
    char text[64], *log;
    size_t n;
    int round, leaves, wrong_train, wrong_held_out;
    double log2_z, sum, seconds;
    long long active;

    JOB(2, &command_train, TRAIN "--rounds 5 --leaves 4 --search lazy:30 --validation %d --log @e.csv -o @e",
        N_HELD_OUT);
    log = test_read(test_path("e.csv"), &n);
    const char *last = log ? strstr(log, "\n1,5,") : NULL;
    if (!CHECK(last != NULL) || !CHECK(sscanf(last, "\n1,%d,%lf,%lf,%d,%lld,%d,%d,%lf", &round, &log2_z, &sum, &leaves,
                                              &active, &wrong_train, &wrong_held_out, &seconds) == 8))
        return;
    CHECK(log2_z < 0 && sum <= log2_z && leaves == 4 && active > 0 && active <= N_TRAIN);
    snprintf(text, sizeof text, "held-out error %.2f%% (%d/%d)\n", 100.0 * wrong_held_out / N_HELD_OUT, wrong_held_out,
             N_HELD_OUT);
    CHECK(strncmp(job_out, text, strlen(text)) == 0);
    JOB(1, &command_evaluate, "evaluate @e --images @held_images --labels @held_labels --backend cpu");
    snprintf(text, sizeof text, " (%d/%d)\n", wrong_held_out, N_HELD_OUT);
    CHECK(strstr(job_out, text) != NULL);
    JOB(1, &command_evaluate, "evaluate @e --images @train_images --labels @train_labels --backend cpu");
    snprintf(text, sizeof text, " (%d/%d)\n", wrong_train, N_TRAIN);
    CHECK(strstr(job_out, text) != NULL);
    free(log);
}

static void test_plan(void)
{
    char text[80];

    JOB(2, &command_train, TRAIN "--plan --search lazy:77 --channels gradient --augment elastic:1 --validation %d",
        N_HELD_OUT);
    snprintf(text, sizeof text, "rank 0 of 2: %d images (copies counted), 77 features a search\n", N_TRAIN / 2 * 2);
    CHECK(strncmp(job_out, text, strlen(text)) == 0);
    snprintf(text, sizeof text, "  integral images    %14d bytes\n",
             4 * N_TRAIN * 5 * (JOB_WIDTH + 1) * (JOB_HEIGHT + 1));
    CHECK(strstr(job_out, text) != NULL);
}

/* Whose images are told apart so well that a weight would leave its range: it ends, and the model is whole. */
static void test_exhausted(void)
{
    const uint32_t dim[3] = {2, 4, 4};
    const uint8_t images[32] = {255, 255, 255, 255, 255, 255, 255, 255}, labels[2] = {0, 1};
    struct model model = {0};

    job_write_idx(test_path("two"), 3, dim, images, sizeof images);
    job_write_idx(test_path("two_labels"), 1, dim, labels, sizeof labels);
    JOB(1, &command_train,
        "train --images @two --labels @two_labels --backend cpu --threads 1 --rounds 100000 --leaves 2 --search lazy:2 "
        "--progress "
        "none "
        "--checkpoint @two.part --every-rounds 100000 -o @two.model");
    CHECK(strstr(job_notes, "member 1 ends after round ") != NULL);
    CHECK_INT(model_read(test_path("two.model"), &model), ST_OK);
    CHECK(model.n_members == 1 && model.member[0].n_rounds > 100 && model.member[0].n_rounds < 100000);
    model_release(&model);
}

/* ---- refused ---- */

static void test_refused(void)
{
    JOB(1, &command_train, TRAIN "--rounds 2 --checkpoint @c -o @old");
    JOB_FAILS(ST_USAGE, "old exists already", 3, &command_train,
              "train --images @images --labels @labels --backend cpu -o @old");
    JOB_FAILS(ST_USAGE, "c exists already", 1, &command_train,
              "train --images @images --labels @labels --backend cpu -o @none --checkpoint @c");
    JOB_FAILS(ST_USAGE, "images", 1, &command_train, TRAIN "-o @images");
    JOB_FAILS(ST_USAGE, "has only 190 labels", 2, &command_train, TRAIN "--validation 190 -o @none");
    JOB_FAILS(ST_USAGE, "2 data shards x 2 feature shards do not make 3 ranks", 3, &command_train,
              TRAIN "--shard 2x2 -o @none");
    JOB_FAILS(ST_USAGE, "--search sketch wants all images on every rank", 2, &command_train,
              TRAIN "--shard data --search sketch:9 -o @none");
    JOB_FAILS(ST_USAGE, "its \"leaves\" is 16, now it is 4", 2, &command_train,
              TRAIN "--rounds 3 --leaves 4 --checkpoint @c --resume -o @none");
    JOB_FAILS(ST_FORMAT, "held_labels", 2, &command_train,
              "train --images @images --labels @held_labels --backend cpu -o @none");
    JOB_FAILS(ST_USAGE, "no_such", 2, &command_train, TRAIN "-o @no_such/model");
    JOB_FAILS(ST_USAGE, "too small for any feature", 2, &command_train,
              "train --images @two --labels @two_labels --backend cpu --features seed -o @none");
    CHECK(!test_exists(test_path("none")));
}

int main(void)
{
    job_write_images(test_path("images"), test_path("labels"), 0, N_TRAIN + N_HELD_OUT);
    job_write_images(test_path("train_images"), test_path("train_labels"), 0, N_TRAIN);
    job_write_images(test_path("held_images"), test_path("held_labels"), N_TRAIN, N_HELD_OUT);
    test_ranks();
    test_settings_matter();
    test_resume(1, "--leaves 4 --search lazy:30 --validation 40");
    test_resume(3, "--learner stump --search exhaustive --trim 0.1");
    test_interrupted(1, "--leaves 4 --search lazy:30");
    test_interrupted(3, "--leaves 4 --search lazy:30");
    test_interrupted(2, "--leaves 4 --search lazy:30 --ensemble 2");
    test_errors();
    test_plan();
    test_exhausted();
    test_refused();
    return test_end();
}
