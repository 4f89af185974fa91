/* scan: see haar/scan/scan.h. Every rank scans a contiguous share of the images; at the end of each phase all agree on
 * the outcome, and only there does a job stop early. */
#include "haar/scan/scan.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "haar/data/dataset.h"
#include "haar/scan/scan_records.h"
#include "job/file_terms.h"
#include "job/resources.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *const type_names[SCAN_TYPES] = {"edge_h", "edge_v", "line_h", "line_v", "quad"};
static const char *const rule_names[] = {[SCAN_SEED] = "seed", [SCAN_MEAN] = "mean"};

struct job {
    struct comm *comm;
    const struct scan_config *config;
    atomic_int *stop;
    struct resources resources;
    struct dataset set;
    struct haar_feature_list list;
    struct haar_feature *feature; /* [list.n_all] */
    struct scan_records records;
    struct progress progress;
    int64_t n_done; /* images of this rank in the slices before */
    struct scan_result result;
    double started, load_seconds, scan_seconds, kernel_seconds; /* the slowest rank's kernel seconds, on rank 0 */
};

/* --- phases ------------------------------------------------------------------------------------------------------- */

static enum status check_outputs(const struct scan_config *c)
{
    const char *const outputs[] = {c->records, c->json}, *const inputs[] = {c->images, c->labels};

    return file_check_outputs(outputs, 2, inputs, 2, c->force);
}

static enum status get_ready(struct job *job)
{
    const struct scan_config *c = job->config;

    comm_must_match(job->comm, "--features", "%s", haar_set_names[c->set]);
    comm_must_match(job->comm, "the rule", "%s", rule_names[c->rule]);
    comm_must_match(job->comm, "--threshold", "%d", c->threshold);
    comm_must_match(job->comm, "--output", "%s", c->records ? "wanted" : "not wanted");
    TRY(file_terms_take(job->comm, "the file of images", c->images));
    TRY(file_terms_take(job->comm, "the file of labels", c->labels));
    TRY(resources_choose(job->comm, job->config->backend, job->config->threads, &job->resources));
    if (!job->resources.ops->scan)
        return FAIL(ST_UNSUPPORTED, "backend %s cannot scan", job->resources.ops->name);
    return job->comm->rank == 0 ? check_outputs(job->config) : ST_OK;
}

enum status scan_list_features(const char *images, enum haar_set features, const struct dataset *set,
                               struct haar_feature_list *list, struct haar_feature **feature)
{
    haar_feature_list_init(list, features, set->width, set->height, false, 1);
    if (list->n_all == 0)
        return FAIL(ST_USAGE, "%s: in images of %dx%d there is no feature of the set %s", images, set->width,
                    set->height, haar_set_names[features]);
    *feature = mem_array(list->n_all, sizeof **feature);
    TRY_MEM(*feature);
    haar_feature_list_all(list, *feature);
    return ST_OK;
}

static enum status list_features(struct job *job)
{
    const struct scan_config *c = job->config;
    const struct dataset *set = &job->set;

    TRY(scan_list_features(c->images, c->set, set, &job->list, &job->feature));
    if (c->records && (set->width > SCAN_MAX_RECORD_SIDE || set->height > SCAN_MAX_RECORD_SIDE))
        return FAIL(ST_USAGE, "%s: records are for images of up to %dx%d pixels, these have %dx%d", c->images,
                    SCAN_MAX_RECORD_SIDE, SCAN_MAX_RECORD_SIDE, set->width, set->height);
    if (c->records && set->n_total > SCAN_MAX_RECORD_IMAGES)
        return FAIL(ST_USAGE, "%s: records are for up to %d images, these are %" PRId64, c->images,
                    SCAN_MAX_RECORD_IMAGES, set->n_total);
    return ST_OK;
}

static enum status open_records(struct job *job)
{
    const struct scan_config *c = job->config;

    return c->records ? scan_records_open(&job->records, job->comm, c->records, c->force) : ST_OK;
}

static void describe_work(const struct job *job)
{
    char on[320];

    resources_describe(&job->resources, on, sizeof on);
    log_note("%" PRId64 " images of %dx%d, %u features (%s) each, threshold %d (%s rule); %d rank%s, backend %s",
             job->set.n_total, job->set.width, job->set.height, job->list.n_all, haar_set_names[job->config->set],
             job->config->threshold, rule_names[job->config->rule], job->comm->size, job->comm->size > 1 ? "s" : "",
             on);
}

static enum status take_records(void *context, const uint64_t *record, size_t n)
{
    struct job *job = context;

    return scan_records_add(&job->records, record, n);
}

static void show_progress(void *context, int64_t n_done)
{
    struct job *job = context;

    progress_show(&job->progress, job->n_done + n_done, job->set.n, "");
}

enum status scan_slices(const struct compute_ops *ops, const struct scan_job *job, atomic_int *stop, int64_t *n_done,
                        struct scan_result *result)
{
    *result = (struct scan_result){0};
    for (*n_done = 0; *n_done < job->n_images; *n_done += ops->scan_slice) {
        struct scan_job slice = *job;
        struct scan_result part;

        slice.n_images = job->n_images - *n_done < ops->scan_slice ? job->n_images - *n_done : ops->scan_slice;
        slice.first_image += *n_done;
        slice.pixels += *n_done * job->width * job->height;
        slice.labels = job->labels ? job->labels + *n_done : NULL;
        TRY(ops->scan(&slice, &part));
        for (int i = 0; i < 2 * SCAN_TYPES; i++)
            result->count[i / SCAN_TYPES][i % SCAN_TYPES] += part.count[i / SCAN_TYPES][i % SCAN_TYPES];
        result->kernel_seconds += part.kernel_seconds;
        if (atomic_load(stop))
            return FAIL(ST_INTERRUPTED, "interrupted: nothing was written");
    }
    return ST_OK;
}

static enum status scan_share(struct job *job)
{
    const struct dataset *set = &job->set;
    const struct scan_job share = {
        .device = job->resources.device,
        .n_threads = job->resources.threads,
        .width = set->width,
        .height = set->height,
        .rule = job->config->rule,
        .threshold = job->config->threshold,
        .n_features = job->list.n_all,
        .feature = job->feature,
        .n_images = set->n,
        .first_image = set->first,
        .pixels = set->pixels,
        .labels = set->labels,
        .context = job,
        .take = job->config->records ? take_records : NULL,
        .progress = show_progress,
    };
    const double started = clock_seconds();

    progress_start(&job->progress, job->comm->rank == 0 ? job->config->progress : PROGRESS_NONE, "scan");
    const enum status st = scan_slices(job->resources.ops, &share, job->stop, &job->n_done, &job->result);
    progress_end(&job->progress);
    job->scan_seconds = clock_seconds() - started;
    return st;
}

/* Sums the counts; the slowest rank's times are the job's. */
static enum status sum_up(struct job *job)
{
    const double mine[2] = {job->scan_seconds, job->result.kernel_seconds};
    double *all = NULL;
    size_t bytes;

    TRY(comm_sum_i64(job->comm, &job->result.count[0][0], 2 * SCAN_TYPES));
    TRY(comm_gather(job->comm, mine, sizeof mine, (void **)&all, &bytes));
    for (size_t i = 0; i < bytes / sizeof *all; i += 2) {
        job->scan_seconds = all[i] > job->scan_seconds ? all[i] : job->scan_seconds;
        job->kernel_seconds = all[i + 1] > job->kernel_seconds ? all[i + 1] : job->kernel_seconds;
    }
    free(all);
    return ST_OK;
}

/* --- what it found ------------------------------------------------------------------------------------------------ */

static int64_t count_of(const struct job *job, int group)
{
    int64_t n = 0;

    for (int type = 0; type < SCAN_TYPES; type++)
        n += job->result.count[group][type];
    return n;
}

static enum status write_json(const struct job *job)
{
    const struct scan_config *c = job->config;
    const int64_t *const zero = job->result.count[0], *const others = job->result.count[1];
    struct file_out out = {0};

    TRY(file_out_open(&out, c->json, c->force));
    FILE *f = out.stream;
    fprintf(f, "{\n  \"images\": %" PRId64 ",\n  \"width\": %d,\n  \"height\": %d,\n  \"features\": %u,\n",
            job->set.n_total, job->set.width, job->set.height, job->list.n_all);
    fprintf(f, "  \"set\": \"%s\",\n  \"rule\": \"%s\",\n  \"threshold\": %d,\n", haar_set_names[c->set],
            rule_names[c->rule], c->threshold);
    fprintf(f, "  \"total\": %" PRId64 ",\n", count_of(job, 0) + count_of(job, 1));
    if (job->set.labels)
        fprintf(f, "  \"label0\": %" PRId64 ",\n  \"others\": %" PRId64 ",\n", count_of(job, 0), count_of(job, 1));
    else
        fputs("  \"label0\": null,\n  \"others\": null,\n", f);
    fputs("  \"by_type\": {", f);
    for (int type = 0; type < SCAN_TYPES; type++)
        fprintf(f, "%s\"%s\": %" PRId64, type > 0 ? ", " : "", type_names[type], zero[type] + others[type]);
    fprintf(f, "},\n  \"seconds\": {\"load\": %.6f, \"scan\": %.6f, \"kernel\": %.6f, \"all\": %.6f}\n}\n",
            job->load_seconds, job->scan_seconds, job->kernel_seconds, clock_seconds() - job->started);
    return file_out_commit(&out);
}

static void print_row(const struct job *job, const char *name, int64_t zero, int64_t others)
{
    if (job->set.labels)
        printf("%-8s %15" PRId64 " %15" PRId64 " %15" PRId64 "\n", name, zero, others, zero + others);
    else
        printf("%-8s %15" PRId64 "\n", name, zero + others);
}

static enum status print_counts(const struct job *job)
{
    if (job->set.labels)
        printf("%-8s %15s %15s %15s\n", "type", "label 0", "others", "all");
    else
        printf("%-8s %15s\n", "type", "all");
    for (int type = 0; type < SCAN_TYPES; type++)
        print_row(job, type_names[type], job->result.count[0][type], job->result.count[1][type]);
    print_row(job, "all", count_of(job, 0), count_of(job, 1));
    return fflush(stdout) == 0 ? ST_OK : FAIL(ST_IO, "cannot write the counts to stdout");
}

static enum status write_results(struct job *job)
{
    if (atomic_load(job->stop))
        return FAIL(ST_INTERRUPTED, "interrupted: nothing was written");
    TRY(print_counts(job));
    if (job->config->json)
        TRY(write_json(job));
    return job->config->records ? scan_records_commit(&job->records) : ST_OK;
}

static void describe_run(const struct job *job)
{
    const double n = (double)job->set.n_total * job->list.n_all, seconds = clock_seconds() - job->started;

    log_note("%.3g evaluations in %.3f s (%.3g a second; %.3f s in kernels: %.3g a second); loading %.2f s, all %.2f s",
             n, job->scan_seconds, n / job->scan_seconds, job->kernel_seconds, n / job->kernel_seconds,
             job->load_seconds, seconds);
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static enum status run_phases(struct job *job)
{
    const struct scan_config *c = job->config;
    struct comm *comm = job->comm;

    TRY(comm_meet(comm, get_ready(job)));
    TRY(dataset_load(comm, c->images, c->labels, (struct dataset_range){0, -1}, comm->rank, comm->size, &job->set));
    job->load_seconds = clock_seconds() - job->started;
    TRY(comm_agree(comm, list_features(job)));
    TRY(comm_agree(comm, open_records(job)));
    describe_work(job);
    TRY(comm_agree(comm, scan_share(job)));
    TRY(sum_up(job));
    if (c->records)
        TRY(scan_records_collect(&job->records, job->set.width, job->set.height, job->set.n_total));
    TRY(comm_agree(comm, comm->rank == 0 ? write_results(job) : ST_OK));
    if (comm->rank == 0)
        describe_run(job);
    return ST_OK;
}

enum status scan_run(struct comm *comm, const struct scan_config *config, atomic_int *stop)
{
    struct job job = {.comm = comm, .config = config, .stop = stop, .started = clock_seconds()};
    const enum status st = run_phases(&job);

    progress_end(&job.progress);
    scan_records_close(&job.records);
    free(job.feature);
    dataset_release(&job.set);
    return st;
}
