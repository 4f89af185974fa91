/* jacquard bench: the command line of measuring the program on this machine. */
#include "barcode/terms.h"
#include "bench/bench.h"
#include "cli/command.h"
#include "job/file_terms.h"

#include <stdlib.h>
#include <string.h>

enum what { BENCH_BARCODE, BENCH_KMEANS, BENCH_SCAN, BENCH_TRAIN, BENCH_IO, BENCH_COMM, N_BENCHES };

static const struct {
    const char *name;
    int least_films, most_films;
    const char *options; /* beside those that all take */
} benches[N_BENCHES] = {
    [BENCH_BARCODE] = {"barcode", 1, 1, NULL}, /* the settings of a barcode */
    [BENCH_KMEANS] = {"kmeans", 0, 1, "clusters n-init plain seed"},
    [BENCH_SCAN] = {"scan", 0, 0, "images"},
    [BENCH_TRAIN] = {"train", 0, 0, "images labels features"},
    [BENCH_IO] = {"io", 0, 1, "folder"},
    [BENCH_COMM] = {"comm", 0, 0, ""},
};

struct options {
    struct barcode_config barcode;
    const char *images, *labels, *folder;
    enum haar_set set;
    int runs;
    bool as_json;
};

#define AT(member) OPT_AT(struct options, member)

static const struct opt own[] = {
    {OPT_TEXT, "images", 0, "FILE", "scan, train: IDX images (default: made up, as many as MNIST has)", AT(images)},
    {OPT_TEXT, "labels", 0, "FILE", "train: their labels", AT(labels)},
    {OPT_CHOICE, "features", 0, "SET", "train: see jacquard scan", "seed", AT(set), OPT_NAMES(haar_set_names)},
    {OPT_TEXT, "folder", 0, "DIR", "io: where a file may be written, and removed again", ".", AT(folder)},
    {OPT_INT, "runs", 0, "N", "runs whose median counts, after one that does not", "3", AT(runs), .low = 1,
     .high = 1000},
    {OPT_FLAG, "json", 0, NULL, "the table as JSON", AT(as_json)},
    {.kind = OPT_END},
};

static const struct opt_group groups[] = {
    {"What is measured", own, 0},
    BARCODE_SETTINGS_GROUPS(offsetof(struct options, barcode.settings)),
    {"How it is done", barcode_run_rows, offsetof(struct options, barcode)},
    {0},
};

struct parsed {
    const struct options *options;
    enum what what;
    const char *film;
};

static bool is_among(const char *words, const char *word)
{
    const size_t n = strlen(word);

    for (const char *at = words; (at = strstr(at, word)) != NULL; at += n)
        if ((at == words || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return true;
    return false;
}

/* A bench takes no option that would do nothing. */
static bool does_something(const char *option, enum what what)
{
    if (is_among("runs json backend threads rank-timeout", option))
        return true;
    return benches[what].options ? is_among(benches[what].options, option)
                                 : !is_among("images labels features folder", option);
}

static enum status check_options(const struct parsed *p, const struct opts_line *line)
{
    for (int i = 0; i < line->n_rows; i++)
        if (line->is_given[i] && !does_something(line->row[i]->name, p->what))
            return FAIL(ST_USAGE, "bench %s takes no --%s (see: jacquard bench --help)", benches[p->what].name,
                        line->row[i]->name);
    if (p->what == BENCH_TRAIN && (p->options->images != NULL) != (p->options->labels != NULL))
        return FAIL(ST_USAGE, "--images and --labels go together");
    return ST_OK;
}

static enum status check(struct parsed *p, const struct opts_line *line)
{
    const char *const *operand = line->operand;
    const int n_operands = line->n_operands;

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
    return check_options(p, line);
}

/* Local. What the ranks must have alike to measure the same. */
static enum status get_ready(struct comm *comm, const struct parsed *p)
{
    comm_must_match(comm, "what is measured", "%s", benches[p->what].name);
    comm_must_match(comm, "--runs", "%d", p->options->runs);
    comm_must_match(comm, "--features", "%s", haar_set_names[p->options->set]);
    terms_of_barcode(comm, &p->options->barcode);
    if (p->what == BENCH_SCAN || p->what == BENCH_TRAIN) {
        TRY(file_terms_take(comm, "the file of images", p->options->images));
        TRY(file_terms_take(comm, "the file of labels", p->options->labels));
    }
    return p->what == BENCH_BARCODE ? file_terms_take(comm, "film", p->film) : ST_OK;
}

static enum status run_bench(const struct parsed *p, const struct bench_run *run)
{
    struct barcode_config config = p->options->barcode;

    config.film = p->film;
    switch (p->what) {
    case BENCH_BARCODE:
        return bench_barcode(run, &config);
    case BENCH_KMEANS:
        return bench_kmeans(run, p->film, &config.settings.kmeans);
    case BENCH_SCAN:
        return bench_scan(run, p->options->images);
    case BENCH_TRAIN:
        return bench_train(run, p->options->images, p->options->labels, p->options->set);
    case BENCH_IO:
        return bench_io(run, p->film, p->options->folder);
    default:
        return bench_comm(run);
    }
}

static enum status run(struct comm *comm, const struct command_call *call, atomic_int *stop)
{
    struct parsed p = {.options = call->options};

    TRY(check(&p, &call->line));

    struct bench_table *table = malloc(sizeof *table);
    enum status st = comm_meet(comm, table ? get_ready(comm, &p) : FAIL(ST_NOMEM, "out of memory"));
    const struct bench_run bench = {.comm = comm,
                                    .backend = p.options->barcode.backend,
                                    .threads = p.options->barcode.threads,
                                    .runs = p.options->runs,
                                    .stop = stop,
                                    .table = table};
    if (st == ST_OK) {
        bench_table_init(table, benches[p.what].name);
        bench_table_fact(table, "ranks", "%d", comm->size);
        st = comm_agree(comm, run_bench(&p, &bench));
    }
    if (st == ST_OK && comm->rank == 0)
        bench_table_print(table, p.options->as_json, stdout);
    free(table);
    return st;
}

const struct command command_bench = {
    .name = "bench",
    .summary = "how fast all this is here, beside what the machine allows",
    .usage = "barcode FILM | kmeans [FILM] | scan | train | io [FILM] | comm  [OPTIONS]",
    .description =
        "Measures this program on this machine: a table of our figures, each beside the floor or ceiling that "
        "was measured in the same run, and their ratio. barcode takes the options of jacquard barcode that "
        "say what a barcode is; kmeans those of the clustering; all of them --backend, --threads, --runs and "
        "--json.",
    .groups = groups,
    .options_bytes = sizeof(struct options),
    .max_operands = 3,
    .meets = true,
    .run = run,
};
