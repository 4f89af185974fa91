/* test_bench_train: the parts of `jacquard bench` that take a few seconds whatever they are given: see test_bench_job.
 */
#include "unit/bench_table.h"

static void test_train(void)
{
    measure(2, 7, "train --images @images --labels @labels --features full");
    const double alone = number_of(0, "ours");
    CHECK(strstr(text_of(0, "name"), "exhaustive stump round, ") &&
          strstr(text_of(0, "name"), " x 40 images, one rank"));
    CHECK_STR(text_of(0, "unit"), "ms");
    CHECK(number_of(find("lazy:250 tree round, 16 leaves, 40 images"), "limit") == 0);
    check_fact("stumps", "full features, --trim 0;");
    for (size_t i = 1; i < 5; i++)
        if (strstr(text_of(i, "name"), "exhaustive")) {
            CHECK(fabs(2 * number_of(i, "limit") / alone - 1) < 1e-9);
            CHECK_STR(text_of(i, "limit_name"), "one rank / 2");
            CHECK((number_of(i, "target") == 1.08) == (strstr(text_of(i, "name"), "feature shards") != NULL));
        }
    check_fact("data shards", "sum of int");
}

/* The files that it writes are gone, and one of the same name would not have been replaced. */
static void test_io(void)
{
    mkdir(test_path("folder"), 0700);
    measure(1, 5, "io --folder @folder");
    CHECK_STR(text_of(find("write PNG"), "limit_name"), "its bytes written as they are");
    CHECK_STR(text_of(find("read gzip IDX"), "limit_name"), "zlib's inflate of the same bytes in memory");
    check_fact("picture", "16384x480, ");
    check_fact("IDX data", "60000 made-up images of 28x28, 47040016 bytes, ");
    CHECK(rmdir(test_path("folder")) == 0);
    JOB_FAILS(ST_USAGE, "folder", 1, &command_bench, "bench io --folder @folder");
}

int main(void)
{
    job_write_images(test_path("images"), test_path("labels"), 0, 40);
    test_train();
    test_io();
    json_decref(table);
    return test_end();
}
