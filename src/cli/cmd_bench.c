/* jacquard bench: the command line of measuring the program on this machine. */
#include "barcode/terms.h"
#include "bench/bench.h"
#include "cli/barcode_opts.h"
#include "cli/commands.h"
#include "job/file_terms.h"

#include <stdlib.h>
#include <string.h>

enum { OPT_IMAGES = N_BARCODE_OPTS, OPT_LABELS, OPT_FEATURES, OPT_FOLDER, OPT_RUNS, OPT_JSON, OPT_HELP, N_OPTS };

static const struct opt options[] = {
    BARCODE_OPTS,
    [OPT_IMAGES] = {"images", 0, "FILE", "scan, train: IDX images (default: made up, as many as MNIST has)"},
    [OPT_LABELS] = {"labels", 0, "FILE", "train: their labels"},
    [OPT_FEATURES] = {"features", 0, "SET", "train: seed (default), multiboost, full: see jacquard scan"},
    [OPT_FOLDER] = {"folder", 0, "DIR", "io: where a file may be written for a moment (default .)"},
    [OPT_RUNS] = {"runs", 0, "N", "of which the median counts, after one that does not (default 3)"},
    [OPT_JSON] = {"json", 0, NULL, "the table as JSON"},
    [OPT_HELP] = RUN_OPT_HELP,
    {NULL, 0, NULL, NULL},
};

enum what { BENCH_BARCODE, BENCH_KMEANS, BENCH_SCAN, BENCH_TRAIN, BENCH_IO, BENCH_COMM, N_BENCHES };

static const struct {
    const char *name;
    int least_films, most_films;
} benches[N_BENCHES] = {
    [BENCH_BARCODE] = {"barcode", 1, 1}, [BENCH_KMEANS] = {"kmeans", 0, 1}, [BENCH_SCAN] = {"scan", 0, 0},
    [BENCH_TRAIN] = {"train", 0, 0},     [BENCH_IO] = {"io", 0, 1},         [BENCH_COMM] = {"comm", 0, 0},
};

struct parsed {
    struct barcode_opts barcode;
    const char *images, *labels, *folder, *film;
    enum haar_set set;
    enum what what;
    int runs;
    bool as_json, help, is_given[N_OPTS];
};

static enum status handle(void *context, int which, const char *arg)
{
    struct parsed *p = context;
    int value = 0;

    p->is_given[which] = true;
    switch (which) {
    case OPT_IMAGES:
        p->images = arg;
        break;
    case OPT_LABELS:
        p->labels = arg;
        break;
    case OPT_FEATURES:
        TRY(opts_choice("--features", arg, haar_set_names, HAAR_N_SETS, &value));
        p->set = (enum haar_set)value;
        break;
    case OPT_FOLDER:
        p->folder = arg;
        break;
    case OPT_RUNS:
        return opts_int32("--runs", arg, 1, 1000, &p->runs);
    case OPT_JSON:
        p->as_json = true;
        break;
    case OPT_HELP:
        p->help = true;
        break;
    default:
        return barcode_opts_handle(&p->barcode, which, arg);
    }
    return ST_OK;
}

/* What an option would do nothing for, it is not taken with. */
static enum status check_options(const struct parsed *p)
{
    for (int o = 0; o < N_OPTS; o++) {
        bool fits = true;

        if (o == OPT_IMAGES)
            fits = p->what == BENCH_SCAN || p->what == BENCH_TRAIN;
        else if (o == OPT_LABELS || o == OPT_FEATURES)
            fits = p->what == BENCH_TRAIN;
        else if (o == OPT_FOLDER)
            fits = p->what == BENCH_IO;
        else if (o == BARCODE_OPT_K || o == BARCODE_OPT_N_INIT || o == BARCODE_OPT_PLAIN || o == BARCODE_OPT_SEED)
            fits = p->what == BENCH_BARCODE || p->what == BENCH_KMEANS;
        else if (o < N_BARCODE_OPTS && o != BARCODE_OPT_BACKEND && o != BARCODE_OPT_THREADS &&
                 o != BARCODE_OPT_RANK_TIMEOUT)
            fits = p->what == BENCH_BARCODE;
        if (p->is_given[o] && !fits)
            return FAIL(ST_USAGE, "bench %s takes no --%s (see: jacquard bench --help)", benches[p->what].name,
                        options[o].name);
    }
    if (p->what == BENCH_TRAIN && (p->images != NULL) != (p->labels != NULL))
        return FAIL(ST_USAGE, "--images and --labels go together");
    return barcode_opts_check(&p->barcode);
}

static enum status check(struct parsed *p, const char *const *operand, int n_operands)
{
    if (n_operands < 1)
        return FAIL(ST_USAGE, "bench: what is to be measured? barcode, kmeans, scan, train, io or comm");
    for (p->what = 0; p->what < N_BENCHES && strcmp(operand[0], benches[p->what].name) != 0;)
        p->what++;
    if (p->what == N_BENCHES)
        return FAIL(ST_USAGE, "bench: there is no %s (barcode, kmeans, scan, train, io, comm)", operand[0]);
    if (n_operands - 1 < benches[p->what].least_films)
        return FAIL(ST_USAGE, "bench %s: a film is missing", operand[0]);
    if (n_operands - 1 > benches[p->what].most_films)
        return FAIL(ST_USAGE, "bench %s: %s is one operand too many", operand[0],
                    operand[1 + benches[p->what].most_films]);
    p->film = n_operands > 1 ? operand[1] : NULL;
    return check_options(p);
}

/* Local. What the ranks must have alike to measure the same. */
static enum status get_ready(struct comm *comm, const struct parsed *p)
{
    comm_must_match(comm, "what is measured", "%s", benches[p->what].name);
    comm_must_match(comm, "--runs", "%d", p->runs);
    comm_must_match(comm, "--features", "%s", haar_set_names[p->set]);
    TRY(terms_of_barcode(comm, &p->barcode.config));
    if (p->what == BENCH_SCAN || p->what == BENCH_TRAIN) {
        TRY(file_terms_take(comm, "the file of images", p->images));
        TRY(file_terms_take(comm, "the file of labels", p->labels));
    }
    return p->what == BENCH_BARCODE ? file_terms_take(comm, "film", p->film) : ST_OK;
}

static enum status run_bench(const struct parsed *p, const struct bench_run *run)
{
    struct barcode_config config = p->barcode.config;
    const struct kmeans_settings kmeans = {
        .k = config.k, .n_init = config.n_init, .plain = config.plain, .seed = config.seed};

    config.film = p->film;
    switch (p->what) {
    case BENCH_BARCODE:
        return bench_barcode(run, &config);
    case BENCH_KMEANS:
        return bench_kmeans(run, p->film, &kmeans);
    case BENCH_SCAN:
        return bench_scan(run, p->images);
    case BENCH_TRAIN:
        return bench_train(run, p->images, p->labels, p->set);
    case BENCH_IO:
        return bench_io(run, p->film, p->folder);
    default:
        return bench_comm(run);
    }
}

static void print_help(void)
{
    puts("usage: jacquard bench barcode FILM | kmeans [FILM] | scan | train | io [FILM] | comm  [OPTIONS]\n\n"
         "Measures this program on this machine: a table of our figures, each beside the floor or ceiling that was\n"
         "measured in the same run, and their ratio. barcode takes the options of jacquard barcode that say what a\n"
         "barcode is; kmeans those of the clustering; all of them --backend, --threads, --runs and --json.\n");
    opts_print(options);
}

enum status command_bench(struct comm *comm, int argc, char **argv, atomic_int *stop)
{
    struct parsed p = {.folder = ".", .set = HAAR_SEED, .runs = 3};
    const char *operand[3];
    int n_operands = 0;

    barcode_opts_init(&p.barcode);
    TRY(opts_parse("bench", options, argc, argv, handle, &p, operand, 3, &n_operands));
    if (p.help) {
        if (comm->rank == 0)
            print_help();
        return ST_OK;
    }
    TRY(check(&p, operand, n_operands));

    struct bench_table *table = malloc(sizeof *table);
    enum status st = comm_meet(comm, table ? get_ready(comm, &p) : FAIL(ST_NOMEM, "out of memory"));
    const struct bench_run run = {.comm = comm,
                                  .backend = p.barcode.config.backend,
                                  .threads = p.barcode.config.threads,
                                  .runs = p.runs,
                                  .stop = stop,
                                  .table = table};
    if (st == ST_OK) {
        bench_table_init(table, benches[p.what].name);
        bench_table_fact(table, "ranks", "%d", comm->size);
        st = comm_agree(comm, run_bench(&p, &run));
    }
    if (st == ST_OK && comm->rank == 0)
        bench_table_print(table, p.as_json, stdout);
    free(table);
    return st;
}
