/* evaluate: see evaluate.h. Phases: read, score, sum, report; at the end of each all ranks agree on the outcome. Counts
 * are whole numbers and images are identified by their place in the file, so the result does not depend on the number
 * of ranks. Refuses images of another size than the model's and labels that the model has no class for. */
#include "haar/use/evaluate.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "haar/data/dataset.h"
#include "haar/use/evaluation.h"
#include "haar/use/scores.h"
#include "image/png.h"
#include "job/file_terms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct evaluate {
    struct comm *comm;
    const struct evaluate_config *config;
    atomic_int *stop;
    struct resources resources;
    struct model model;
    struct dataset set;
    struct evaluation result; /* this rank's, then all ranks' */
};

/* --- read --------------------------------------------------------------------------------------------------------- */

/* Before the work: refuses an output that cannot be written, or that is an input. */
static enum status check_outputs(const struct evaluate_config *c)
{
    const char *const outputs[] = {c->json, c->curve, c->confusion}, *const inputs[] = {c->model, c->images, c->labels};

    return file_check_outputs(outputs, 3, inputs, 3, c->force);
}

static enum status open_model(struct evaluate *e)
{
    if (e->comm->rank == 0)
        TRY(check_outputs(e->config));
    TRY(resources_choose(e->comm, e->config->backend, e->config->threads, &e->resources));
    TRY(model_read(e->config->model, &e->model));
    e->result.n_classes = e->model.n_classes;
    e->result.n_members = e->model.n_members;
    e->result.n_rounds = scores_n_rounds(&e->model);
    return model_digest(&e->model, e->result.digest);
}

static enum status get_ready(struct evaluate *e)
{
    TRY(open_model(e));
    comm_must_match(e->comm, "model", "the one with the sha256 %.16s...", e->result.digest);
    comm_must_match(e->comm, "--curve", "%s", e->config->curve ? "wanted" : "not wanted");
    TRY(file_terms_take(e->comm, "the file of images", e->config->images));
    return file_terms_take(e->comm, "the file of labels", e->config->labels);
}

static enum status check_fit(const struct evaluate *e)
{
    const struct model *m = &e->model;
    const struct dataset *s = &e->set;

    if (s->width != m->width || s->height != m->height)
        return FAIL(ST_USAGE, "%s is a model for images of %d x %d pixels; %s holds images of %d x %d",
                    e->config->model, m->width, m->height, e->config->images, s->width, s->height);
    if (s->n_classes > m->n_classes)
        return FAIL(ST_USAGE, "%s knows the classes 0 to %d; %s goes up to %d", e->config->model, m->n_classes - 1,
                    e->config->labels, s->n_classes - 1);
    return ST_OK;
}

/* --- score -------------------------------------------------------------------------------------------------------- */

static void count_image(struct evaluate *e, int64_t image, const int32_t *scores)
{
    const int label = e->set.labels[image], answer = scores_best(scores, e->model.n_classes);

    e->result.confusion[label * e->model.n_classes + answer]++;
    if (answer == label)
        return;
    e->result.n_wrong++;
    evaluation_note_worst(&e->result, (struct wrong_image){.index = e->set.first + image,
                                                           .margin = (int64_t)scores[answer] - scores[label],
                                                           .label = label,
                                                           .answer = answer});
}

static enum status score_share(struct evaluate *e)
{
    int32_t *scores = NULL;
    struct scores_job job = {
        .model = &e->model,
        .resources = e->resources,
        .n = e->set.n,
        .pixels = e->set.pixels,
        .labels = e->set.labels,
        .stop = e->stop,
    };

    if (e->config->curve) {
        e->result.wrong_after = mem_array((size_t)e->result.n_rounds, sizeof *e->result.wrong_after);
        TRY_MEM(e->result.wrong_after);
    }
    job.wrong = e->result.wrong_after;
    const enum status st = scores_make(&job, &scores);
    for (int64_t i = 0; st == ST_OK && i < job.n; i++)
        count_image(e, i, scores + i * e->model.n_classes);
    e->result.n_images = e->set.n;
    free(scores);
    return st;
}

/* --- sum ---------------------------------------------------------------------------------------------------------- */

/* Collective. */
static enum status sum_up(struct evaluate *e)
{
    struct evaluation *r = &e->result;
    void *all = NULL;
    size_t all_bytes = 0;

    TRY(comm_sum_i64(e->comm, &r->n_images, 1));
    TRY(comm_sum_i64(e->comm, &r->n_wrong, 1));
    TRY(comm_sum_i64(e->comm, r->confusion, (size_t)(r->n_classes * r->n_classes)));
    if (r->wrong_after)
        TRY(comm_sum_i64(e->comm, r->wrong_after, (size_t)r->n_rounds));
    TRY(comm_gather(e->comm, r->worst, (size_t)r->n_worst * sizeof *r->worst, &all, &all_bytes));
    if (e->comm->rank == 0)
        r->n_worst = 0;
    for (size_t i = 0; i < all_bytes / sizeof *r->worst; i++)
        evaluation_note_worst(r, ((struct wrong_image *)all)[i]);
    free(all);
    return ST_OK;
}

/* --- report ------------------------------------------------------------------------------------------------------- */

static enum status write_text(const struct evaluate *e, const char *path,
                              void (*print)(FILE *, const struct evaluation *))
{
    struct file_out out;

    TRY(file_out_open(&out, path, e->config->force));
    print(out.stream, &e->result);
    return file_out_commit(&out);
}

static enum status write_confusion(const struct evaluate *e)
{
    const char *path = e->config->confusion;
    struct file_out out;
    uint8_t *rgb = NULL;
    uint32_t width, height;
    enum status st;

    TRY(evaluation_draw_confusion(&e->result, &rgb, &width, &height));
    TRY_OR(done, st, file_out_open(&out, path, e->config->force));
    st = file_out_end(&out, png_write_rgb(out.stream, path, rgb, width, height));
done:
    free(rgb);
    return st;
}

static enum status report(const struct evaluate *e)
{
    evaluation_print(stdout, &e->result);
    if (fflush(stdout) != 0 || ferror(stdout))
        return FAIL(ST_IO, "cannot write to standard output: %s", strerror(errno));
    if (e->config->json)
        TRY(write_text(e, e->config->json, evaluation_print_json));
    if (e->config->curve)
        TRY(write_text(e, e->config->curve, evaluation_print_curve));
    return e->config->confusion ? write_confusion(e) : ST_OK;
}

static void note_model(const struct evaluate *e)
{
    const struct model *m = &e->model;
    char text[300];

    for (int i = 0; i < m->n_members; i++)
        if (m->member[i].n_rounds < m->settings.rounds)
            log_note("the model is not finished: member %d has %d of %d rounds", i, m->member[i].n_rounds,
                     m->settings.rounds);
    resources_describe(&e->resources, text, sizeof text);
    log_note("%lld images, %d member%s of %d rounds; %s", (long long)e->set.n_total, m->n_members,
             m->n_members == 1 ? "" : "s", e->result.n_rounds, text);
}

static enum status run(struct evaluate *e)
{
    const struct evaluate_config *c = e->config;
    const struct dataset_range everything = {.n = -1};

    TRY(comm_meet(e->comm, get_ready(e)));
    TRY(dataset_load(e->comm, c->images, c->labels, everything, e->comm->rank, e->comm->size, &e->set));
    TRY(comm_agree(e->comm, check_fit(e)));
    note_model(e);
    const double started = clock_seconds();
    TRY(comm_agree(e->comm, score_share(e)));
    TRY(sum_up(e));
    log_note("scored in %.2f s", clock_seconds() - started);
    return comm_agree(e->comm, e->comm->rank == 0 ? report(e) : ST_OK);
}

enum status evaluate_run(struct comm *comm, const struct evaluate_config *config, atomic_int *stop)
{
    struct evaluate *e = mem_array(1, sizeof *e);
    enum status st = e ? ST_OK : ST_NOMEM; /* without it this rank does not get to the meeting */

    if (st == ST_OK) {
        *e = (struct evaluate){.comm = comm, .config = config, .stop = stop};
        st = run(e);
        free(e->result.wrong_after);
        dataset_release(&e->set);
        model_release(&e->model);
    }
    free(e);
    return st;
}
