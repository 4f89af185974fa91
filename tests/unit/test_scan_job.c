/* test_scan_job: the job of `jacquard scan` from files to files: its records and counts are those of the plain
 * definition, pixel by pixel, on one rank and on several; what it refuses, it says, and then there is no output. */
#include "compute/haar/scan.h"
#include "haar/features.h"
#include "unit/haar_plain.h"
#include "unit/jobs.h"

#include <endian.h>

enum { N_IMAGES = 7, THRESHOLD = 45, HEADER_BYTES = 32 };

static uint8_t pixels[N_IMAGES][JOB_PIXELS], labels[N_IMAGES];

/* |mean of white - mean of black| > threshold, without a division. */
static bool passes(struct haar_feature f, const uint8_t *image, int64_t sum[2])
{
    int64_t n[2] = {0, 0};

    sum[0] = sum[1] = 0;
    for (int v = 0; v < f.h; v++)
        for (int u = 0; u < f.w; u++) {
            const bool is_white = plain_is_white(f, u, v);
            sum[is_white] += image[(f.y + v) * JOB_WIDTH + f.x + u];
            n[is_white]++;
        }
    const int64_t apart = sum[1] * n[0] - sum[0] * n[1];
    return (apart < 0 ? -apart : apart) > THRESHOLD * n[0] * n[1];
}

struct wanted {
    int64_t count[2][SCAN_TYPES], n;
    uint64_t *record; /* [n] */
};

static struct wanted scan_plainly(enum haar_set set)
{
    struct haar_feature_list list;
    struct wanted w = {.n = 0};

    haar_feature_list_init(&list, set, JOB_WIDTH, JOB_HEIGHT, false, 1);
    struct haar_feature *feature = ranks_room(list.n_all * sizeof *feature);
    w.record = ranks_room((size_t)list.n_all * N_IMAGES * sizeof *w.record);
    haar_feature_list_all(&list, feature);
    for (int image = 0; image < N_IMAGES; image++)
        for (uint32_t i = 0; i < list.n_all; i++) {
            const struct haar_feature f = feature[i];
            int64_t sum[2];
            if (!passes(f, pixels[image], sum))
                continue;
            w.count[labels[image] > 0][f.type]++;
            w.record[w.n++] = (uint64_t)image << 41 | (uint64_t)f.type << 38 | (uint64_t)f.x << 33 |
                              (uint64_t)f.y << 28 | (uint64_t)(f.w - 1) << 23 | (uint64_t)(f.h - 1) << 18 |
                              ((uint64_t)(sum[1] - sum[0]) & 0x3ffff);
        }
    free(feature);
    return w;
}

static void check_file(const char *path, const struct wanted *w)
{
    size_t n;
    char *file = test_read(path, &n);
    uint32_t side[2];
    uint64_t number[2], record;

    if (!CHECK(file != NULL) || !CHECK_INT(n, HEADER_BYTES + 8 * w->n))
        return;
    memcpy(side, file + 8, sizeof side);
    memcpy(number, file + 16, sizeof number);
    CHECK(memcmp(file, "JQSCAN01", 8) == 0);
    CHECK(le32toh(side[0]) == JOB_WIDTH && le32toh(side[1]) == JOB_HEIGHT);
    CHECK(le64toh(number[0]) == N_IMAGES && le64toh(number[1]) == (uint64_t)w->n);
    for (int64_t i = 0; i < w->n; i++) {
        memcpy(&record, file + HEADER_BYTES + 8 * i, 8);
        if (!CHECK(le64toh(record) == w->record[i]))
            break;
    }
    free(file);
}

static int64_t all_of(const int64_t count[SCAN_TYPES])
{
    int64_t n = 0;

    for (int type = 0; type < SCAN_TYPES; type++)
        n += count[type];
    return n;
}

/* The last row of the table, and the JSON's numbers. */
static void check_counts(const char *json_path, const struct wanted *w, bool has_labels)
{
    const long long zero = (long long)all_of(w->count[0]), others = (long long)all_of(w->count[1]);
    char text[200];
    size_t n;
    char *json = test_read(json_path, &n);

    if (has_labels)
        snprintf(text, sizeof text, "\n%-8s %15lld %15lld %15lld\n", "all", zero, others, zero + others);
    else
        snprintf(text, sizeof text, "\n%-8s %15lld\n", "all", zero + others);
    CHECK(strstr(job_out, text) != NULL);
    if (!CHECK(json != NULL))
        return;
    snprintf(text, sizeof text, "\"total\": %lld,", zero + others);
    CHECK(strstr(json, text) != NULL);
    snprintf(text, sizeof text, "\"label0\": %lld,\n  \"others\": %lld,", zero, others);
    CHECK(strstr(json, has_labels ? text : "\"label0\": null,\n  \"others\": null,") != NULL);
    snprintf(text, sizeof text, "\"quad\": %lld}", (long long)(w->count[0][4] + w->count[1][4]));
    CHECK(strstr(json, text) != NULL);
    free(json);
}

static void check_set(enum haar_set set)
{
    const char *name = haar_set_names[set];
    struct wanted w = scan_plainly(set);

    CHECK(w.n > 100);
    for (int n_ranks = 0; n_ranks <= 4; n_ranks += 2) {
        const bool has_labels = n_ranks != 2;

        JOB(n_ranks, &command_scan,
            "scan --images @images %s -o @records --json @counts.json --features %s --threshold %d --backend cpu "
            "--threads 2 --force",
            has_labels ? "--labels @labels" : "--progress none", name, THRESHOLD);
        check_file(test_path("records"), &w);
        check_counts(test_path("counts.json"), &w, has_labels);
    }
    free(w.record);
}

static void test_refused(void)
{
    const char *tiny = test_path("tiny");
    const uint32_t dim[3] = {2, 2, 2}, big[3] = {2, 33, 4};
    const uint8_t black[2 * 33 * 4] = {0};

    JOB_FAILS(ST_USAGE, "records exists already", 3, &command_scan, "scan --images @images -o @records --backend cpu");
    JOB_FAILS(ST_USAGE, "no_such", 1, &command_scan, "scan --images @no_such --backend cpu");
    job_write_idx(tiny, 3, dim, black, 8);
    JOB_FAILS(ST_USAGE, "there is no feature of the set seed", 2, &command_scan,
              "scan --images @tiny -o @none --features seed --backend cpu");
    job_write_idx(tiny, 3, big, black, sizeof black);
    JOB_FAILS(ST_USAGE, "records are for images of up to 32x32 pixels, these have 4x33", 1, &command_scan,
              "scan --images @tiny -o @none --backend cpu");
    JOB(1, &command_scan, "scan --images @tiny --count-only --backend cpu");
    atomic_store(&job_stop, 1);
    JOB_FAILS(ST_INTERRUPTED, "interrupted: nothing was written", 2, &command_scan,
              "scan --images @images -o @none --backend cpu");
    atomic_store(&job_stop, 0);
    setenv("TMPDIR", "/no/such/folder", 1);
    JOB_FAILS(ST_IO, "rank 1: cannot make a temporary file for records in /no/such/folder", 2, &command_scan,
              "scan --images @images -o @none --backend cpu");
    CHECK(!test_exists(test_path("none")));
}

int main(void)
{
    job_write_images(test_path("images"), test_path("labels"), 0, N_IMAGES);
    for (int i = 0; i < N_IMAGES; i++)
        labels[i] = job_image(i, pixels[i]);
    check_set(HAAR_MULTIBOOST);
    check_set(HAAR_FULL);
    test_refused();
    return test_end();
}
