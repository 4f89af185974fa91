/* month: how well the schedule fills the worker processes, in a simulated run over an archive of 10,000 films
 * (archive.h). Ends with 1 where a film was not done exactly once.
 *
 *   month [N_FILMS] */
#include "archive.h"

#include "base/status.h"

#include <stdio.h>

static bool all_once = true;

static bool show(const char *what, const struct archive_setup *setup)
{
    struct archive_result r;

    if (archive_work(setup, &r) != ST_OK) {
        fprintf(stderr, "%s\n", status_message());
        return false;
    }
    all_once &= r.once;
    printf("%-21s %4d %5llu %10.0f %10.0f %7.4f %6.2f %% %8lld %6lld %8.3f%s\n", what, setup->n_workers,
           (unsigned long long)setup->seed, r.makespan, r.ideal, r.makespan / r.ideal, 100.0 * r.tail_idle,
           (long long)r.n_tasks, (long long)r.n_cut, r.schedule_seconds, r.once ? "" : "  NOT ONCE");
    return true;
}

int main(int argc, char **argv)
{
    static const int workers[] = {1, 4, 64, 512};
    const struct archive_setup usual = {.n_films = argc > 1 ? atoll(argv[1]) : 10000,
                                        .n_workers = 64,
                                        .seed = 1,
                                        .error = 0.3,
                                        .most_seconds = 120.0,
                                        .least_seconds = 2.0,
                                        .task_seconds = 0.5,
                                        .probe_seconds = 0.05,
                                        .index_share = 0.01};

    if (usual.n_films < 1) {
        fprintf(stderr, "usage: month [N_FILMS]\n");
        return 2;
    }
    printf("%-21s %4s %5s %10s %10s %7s %8s %8s %6s %8s\n", "", "proc", "seed", "seconds", "ideal", "ratio", "tail",
           "tasks", "cut", "schedule");
    for (uint64_t seed = 1; seed <= 5; seed++) {
        for (size_t i = 0; i < sizeof workers / sizeof workers[0]; i++) {
            struct archive_setup setup = usual;

            setup.seed = seed;
            setup.n_workers = workers[i];
            bool ok = show("as scheduled", &setup);
            setup.slow_share = 0.2;
            ok = ok && show("  a fifth half as fast", &setup);
            setup.uncut = true;
            ok = ok && show("  the same, uncut", &setup);
            setup.slow_share = 0.0;
            ok = ok && show("uncut", &setup);
            setup.in_turn = true;
            ok = ok && show("in turn", &setup);
            if (!ok)
                return 1;
        }
    }
    return all_once ? 0 : 1;
}
