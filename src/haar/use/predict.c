/* predict: see predict.h. Works on the processor: one image is not worth starting a GPU, and many are evaluate's job.
 * Refuses images of another size than the model's. */
#include "haar/use/predict.h"

#include "base/mem.h"
#include "haar/data/idx.h"
#include "haar/use/scores.h"
#include "image/png.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct predict {
    struct model model;
    struct resources resources;
    atomic_int *stop;
    int64_t most_apart; /* what two classes' scores can differ by at most */
};

/* The sum over all rounds of the largest difference between two votes of the learner. */
static int64_t sum_spans(const struct model *model)
{
    int64_t sum = 0;

    for (int m = 0; m < model->n_members; m++)
        for (int t = 0; t < model->member[m].n_rounds; t++) {
            const struct model_round *round = &model->member[m].round[t];
            int32_t low = round->votes[0], high = round->votes[0];
            for (int i = 1; i < round->weak.n_leaves * model->n_classes; i++) {
                low = round->votes[i] < low ? round->votes[i] : low;
                high = round->votes[i] > high ? round->votes[i] : high;
            }
            sum += (int64_t)high - low;
        }
    return sum;
}

/* Best score less second best as a share of most_apart, in 1/10000, rounded half up. */
static int64_t confidence(const struct predict *p, const int32_t *scores, int best)
{
    int64_t second = INT64_MIN;

    for (int l = 0; l < p->model.n_classes; l++)
        if (l != best && scores[l] > second)
            second = scores[l];
    const int64_t apart = scores[best] - second;
    if (apart >= p->most_apart)
        return apart > 0 ? 10000 : 0;
    return (2 * apart * 10000 + p->most_apart) / (2 * p->most_apart);
}

/* index: -1 where the file is one image. */
static enum status print_answer(const struct predict *p, const char *file, int64_t index, const int32_t *scores)
{
    const int best = scores_best(scores, p->model.n_classes);
    const int64_t sure = confidence(p, scores, best);
    char number[24] = "";

    if (index >= 0)
        snprintf(number, sizeof number, ":%" PRId64, index);
    if (printf("%s%s\t%d\t%" PRId64 ".%04" PRId64 "\n", file, number, best, sure / 10000, sure % 10000) < 0)
        return FAIL(ST_IO, "cannot write to standard output: %s", strerror(errno));
    return ST_OK;
}

static enum status check_size(const struct predict *p, const char *file, uint32_t width, uint32_t height)
{
    if (width != (uint32_t)p->model.width || height != (uint32_t)p->model.height)
        return FAIL(ST_USAGE, "%s is %u x %u pixels; the model is for %d x %d", file, width, height, p->model.width,
                    p->model.height);
    return ST_OK;
}

static enum status answer(const struct predict *p, const char *file, bool is_one, const uint8_t *pixels, int64_t n)
{
    int32_t *scores;
    const struct scores_job job = {
        .model = &p->model, .resources = p->resources, .n = n, .pixels = pixels, .stop = p->stop};
    enum status st = scores_make(&job, &scores);

    for (int64_t i = 0; st == ST_OK && i < n; i++)
        st = print_answer(p, file, is_one ? -1 : i, scores + i * p->model.n_classes);
    free(scores);
    return st;
}

static enum status predict_png(const struct predict *p, const char *file)
{
    uint8_t *pixels = NULL;
    uint32_t width, height;
    enum status st = png_read_grey(file, &pixels, &width, &height);

    if (st == ST_OK)
        st = check_size(p, file, width, height);
    if (st == ST_OK)
        st = answer(p, file, true, pixels, 1);
    free(pixels);
    return st;
}

static enum status predict_idx(const struct predict *p, const char *file)
{
    struct idx idx = {0};
    uint8_t *pixels = NULL;
    enum status st;

    TRY_OR(done, st, idx_open_images(file, &idx));
    TRY_OR(done, st, check_size(p, file, idx.dim[2], idx.dim[1]));
    pixels = mem_array(idx.dim[0], (size_t)idx.item_bytes);
    TRY_OR(done, st, pixels ? idx_read(&idx, 0, idx.dim[0], pixels) : ST_NOMEM);
    st = answer(p, file, false, pixels, idx.dim[0]);
done:
    free(pixels);
    idx_close(&idx);
    return st;
}

/* By the first bytes, not the name. What cannot be opened is not one: idx_open_images says why. */
static bool is_png(const char *file)
{
    static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    uint8_t first[sizeof signature];
    struct stat info;

    if (stat(file, &info) != 0 || !S_ISREG(info.st_mode)) /* to open a pipe may hang */
        return false;
    FILE *stream = fopen(file, "rbe");
    const size_t n = stream ? fread(first, 1, sizeof first, stream) : 0;
    if (stream)
        fclose(stream);
    return n == sizeof first && memcmp(first, signature, sizeof first) == 0;
}

static enum status predict_files(struct predict *p, const struct comm *comm, const struct predict_config *config)
{
    TRY(resources_choose(comm, "cpu", 0, &p->resources));
    TRY(model_read(config->model, &p->model));
    p->most_apart = sum_spans(&p->model);
    for (int i = 0; i < config->n_files; i++)
        TRY(is_png(config->files[i]) ? predict_png(p, config->files[i]) : predict_idx(p, config->files[i]));
    return ST_OK;
}

enum status predict_run(struct comm *comm, const struct predict_config *config, atomic_int *stop)
{
    struct predict p = {.stop = stop};
    enum status st = ST_OK;

    if (comm->rank == 0) {
        st = predict_files(&p, comm, config);
        model_release(&p.model);
    }
    return comm_agree(comm, st);
}
