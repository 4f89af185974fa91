/* test_bench_job: most parts of `jacquard bench` on small work, on one rank and on two: the rows are there, their
 * numbers go together, and each figure stands beside what it should. What the figures are is the machine's. */
#include "unit/bench_table.h"
#include "unit/y4m_film.h"

static void test_scan(void)
{
    measure(1, 3, "scan --images @images");
    check_fact("images", "40 of 9x8");
    CHECK(number_of(find("evaluations, 2 threads"), "target") == 4.0);
    CHECK_STR(text_of(find("evaluations"), "limit_name"), "2 x one thread of plain loops");
    CHECK(fabs(number_of(find("end to end"), "limit") / number_of(find("scan, count only"), "ours") - 1) < 1e-9);
    measure(2, 4, "scan --images @images");
    const size_t together = find("2 ranks: the slowest one's kernels");
    CHECK(fabs(2 * number_of(together, "limit") / number_of(find("scan, count only"), "ours") - 1) < 1e-9);
    CHECK(number_of(together, "target") == 1.11);
}

static void test_films(void)
{
    measure(1, 3, "kmeans @film.y4m -k 3 --n-init 2"); /* too small a film to be scaled: one size */
    check_fact("frames", "of 64x36, yuv420p");
    check_fact("k-means", "k = 3, n-init = 2");
    CHECK_STR(text_of(find("k-means of 64x36, k=3"), "limit_name"), "pixels read once");
    measure(1, 4, "barcode @film.y4m -k 3 --every 4f");
    check_fact("barcode", "10 columns of 40 frames, pictures of 64x36, k = 3");
    CHECK(number_of(find("extract, "), "target") == 1.05);
    CHECK(number_of(find("decode, "), "limit") == 0);
    measure(2, 5, "barcode @film.y4m -k 3 --every 4f");
    const size_t together = find("extract, 2 ranks, ");
    CHECK_STR(text_of(together, "limit_name"), "2 times rank 0 alone");
    JOB_FAILS(ST_FORMAT, "images", 1, &command_bench, "bench kmeans @images --backend cpu");
    JOB_FAILS(ST_FORMAT, "images", 2, &command_bench, "bench barcode @images --backend cpu");
}

/* Sets the wish to stop after a while. */
static void *stop_later(void *seconds)
{
    usleep((useconds_t)(1e6 * *(double *)seconds));
    atomic_store(&job_stop, 1);
    return NULL;
}

static void stop_within(double seconds, int n_ranks, const char *part)
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, stop_later, &seconds) == 0);
    JOB_FAILS(ST_INTERRUPTED, "interrupted", n_ranks, &command_bench, "bench %s --backend cpu --threads 2 --runs 1000",
              part);
    pthread_join(thread, NULL);
    CHECK(job_out && job_out[0] == '\0'); /* no table of half the figures */
    atomic_store(&job_stop, 0);
}

/* All of it would take long; what there is to say on one rank is said. */
static void test_comm(void)
{
    measure(1, 0, "comm");
    check_fact("communication", "one rank: nothing to measure");
    stop_within(1.0, 2, "comm");
}

static void test_stopped(void)
{
    stop_within(0.0, 2, "scan --images @images");
    stop_within(0.1, 2, "train --images @images --labels @labels");
    stop_within(0.1, 1, "kmeans @film.y4m");
    stop_within(0.1, 2, "barcode @film.y4m");
    stop_within(0.3, 1, "io @film.y4m --folder @.");
    CHECK(!test_exists("jacquard-bench.png"));
}

int main(void)
{
    job_write_images(test_path("images"), test_path("labels"), 0, 40);
    y4m_write(test_path("film.y4m"), Y4M_FRAMES);
    test_scan();
    test_films();
    test_comm();
    test_stopped();
    json_decref(table);
    return test_end();
}
