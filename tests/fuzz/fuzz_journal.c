/* fuzz_journal: the reader of a catalogue's journals on arbitrary bytes (see fuzz.h). It fails too where the reader
 * calls damage a fault, or tells what cannot be. */
#define FUZZ_NAME "fuzz_journal"
#define FUZZ_ROUNDS 20000
#include "fuzz/fuzz.h"

#include "base/log.h"
#include "unit/journal_lines.h"

#include <dirent.h>
#include <math.h>
#include <sys/stat.h>

static char folder[300];             /* a catalogue whose only journal is a link to a file in memory */
static int64_t n_films, n_bad_lines; /* in all */

static void keep_quiet(const char *line)
{
    (void)line;
}

static const char *path_of(const char *name)
{
    static char path[2][400];
    static int turn;
    char *p = path[turn++ % 2];

    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

static void remove_folder(void)
{
    unlink(path_of("journal/x.ndjson"));
    rmdir(path_of("journal"));
    rmdir(folder);
}

static void make_folder(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/jacquard-fuzz-XXXXXX", base && *base ? base : "/tmp");
    demand(mkdtemp(folder) && mkdir(path_of("journal"), 0777) == 0 &&
               symlink(fuzz_file(NULL, 0), path_of("journal/x.ndjson")) == 0,
           "cannot make a folder");
    atexit(remove_folder);
    log_set_keeper(keep_quiet);
}

static bool is_number(double v)
{
    return isfinite(v);
}

static bool ends(const char *text, size_t bytes)
{
    return memchr(text, 0, bytes) != NULL;
}

static void check_result(const struct film_result *r)
{
    demand(ends(r->fingerprint, sizeof r->fingerprint) && ends(r->container, sizeof r->container) &&
               ends(r->codec, sizeof r->codec) && ends(r->pixel_format, sizeof r->pixel_format) &&
               ends(r->settings_id, sizeof r->settings_id) && ends(r->notes, sizeof r->notes),
           "a text without an end");
    demand(is_number(r->film_seconds) && is_number(r->seconds) && is_number(r->summary.hue) &&
               is_number(r->summary.lightness) && is_number(r->summary.chroma),
           "a number that is none");
    demand(r->summary.n_bins >= 0 && r->summary.n_bins <= SUMMARY_MAX_BINS, "more bins than a summary has");
    demand(r->n_outputs >= 0 && r->n_outputs <= MAX_OUTPUTS, "more outputs than there can be");
    for (int i = 0; i < r->n_outputs; i++)
        demand(ends(r->output[i].suffix, sizeof r->output[i].suffix) && !strchr(r->output[i].suffix, '/') &&
                   ends(r->output[i].sha256, sizeof r->output[i].sha256),
               "an output that is none");
}

static void check_film(const struct history *h, int64_t i)
{
    const struct history_film *f = &h->film[i];
    const bool has_failed = f->state == STATE_FAILED || f->state == STATE_QUARANTINED;

    demand(f->name && f->name[0] && !strchr(f->name, '/'), "a name that is none");
    demand(i == 0 || strcmp(h->film[i - 1].name, f->name) < 0, "films are not sorted, or one is there twice");
    demand(history_find(h, f->name) == f, "a film is not found");
    demand((f->state == STATE_DONE) == (f->result != NULL), "done without a result, or a result without done");
    demand(has_failed == (f->failure.message != NULL), "failed without a message, or a message without a failure");
    demand((unsigned)f->failure.kind < N_FAULT_KINDS && ends(f->failure.settings_id, sizeof f->failure.settings_id),
           "a failure that is none");
    demand((f->state != STATE_LEFT) == (f->state_time > 0.0), "an end without a time, or a time without an end");
    demand(f->running == (f->n_running > 0) && ends(f->running_kind, sizeof f->running_kind), "running, but no task");
    demand(f->attempts >= 0 && f->n_counted_faults >= 0 && f->n_pieces >= 0, "less than none");
    demand(is_number(f->cost), "a cost that is no number");
    if (f->result)
        check_result(f->result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct history h;
    size_t n_lines = 1;

    if (!folder[0])
        make_folder();
    fuzz_file(data, size);
    for (size_t i = 0; i < size; i++)
        n_lines += data[i] == '\n';
    demand(history_read(folder, &h) == ST_OK, "damage is taken for a fault");
    demand(h.n >= 0 && (size_t)h.n <= n_lines && (size_t)h.n_bad_lines <= n_lines, "more films than lines");
    demand(h.n_runs == 0 || h.n_runs == 1, "more runs than journals");
    demand(h.n_live_runs <= h.n_runs && !(h.n_live_runs > 0 && h.last_run.has_ended), "a run that ended goes on");
    for (int64_t i = 0; i < h.n; i++) {
        check_film(&h, i);
        demand(!h.film[i].running || h.n_live_runs > 0, "a film runs, but no run");
    }
    fuzz_notice_size(1, (uint64_t)h.n);
    fuzz_notice_size(2, (uint64_t)h.n_bad_lines);
    n_films += h.n;
    n_bad_lines += h.n_bad_lines;
    history_release(&h);
    return 0;
}

#ifndef FUZZ_WITH_LIBFUZZER

static void write_sample(const char *out)
{
    const struct journal_run run = {.version = "1",
                                    .settings_text = "{\"k\":8}",
                                    .settings_id = "s",
                                    .command = "c",
                                    .n_ranks = 1,
                                    .n_workers = 1,
                                    .n_films = 3,
                                    .launch = ""};
    const struct journal_try t = {.kind = "film", .n_pieces = 1, .rank = 0, .worker = 0, .host = "h"};
    const struct journal_failure failure = {.kind = FAULT_FORMAT, .message = "m", .bytes = 1, .mtime_ns = 2};
    const struct journal_heartbeat beat = {.n_left = 1, .eta_seconds = -1.0};
    struct film_result result = {.bytes = 1, .mtime_ns = 2, .n_outputs = 1, .summary = {.n_bins = 3, .hue = -1.0}};
    struct journal *j;

    snprintf(result.output[0].suffix, sizeof result.output[0].suffix, ".json");
    demand(journal_open(out, &run, &j) == ST_OK && journal_film(j, "a", "/a", 1, 2) == ST_OK &&
               journal_film(j, "\xff", "/\xff", 1, 2) == ST_OK && journal_start(j, "a", &t) == ST_OK &&
               journal_cost(j, "a", 1, 2, 3.5, 4) == ST_OK && journal_step(j, "a", &t, 5.0) == ST_OK &&
               journal_start(j, "b", &t) == ST_OK && journal_fault(j, "b", &t, FAULT_CRASH, true, "m") == ST_OK &&
               journal_done(j, "a", "/a", &result) == ST_OK && journal_failed(j, "b", "/b", &failure) == ST_OK &&
               journal_start(j, "\xff", &t) == ST_OK && journal_heartbeat(j, &beat) == ST_OK,
           "a sample cannot be written");
    journal_close(&j);
}

/* A journal of each kind of line, and each of its lines. */
static void add_samples(void)
{
    struct dirent *entry;
    char path[700], made[400];

    make_folder();
    snprintf(made, sizeof made, "%s", path_of("sample"));
    snprintf(path, sizeof path, "%s/journal", made);
    demand(mkdir(made, 0777) == 0, "cannot make a folder");
    write_sample(made);
    DIR *dir = opendir(path);
    demand(dir != NULL, "the sample is gone");
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/journal/%s", made, entry->d_name);
        add_file(path);
        unlink(path);
    }
    closedir(dir);
    snprintf(path, sizeof path, "%s/journal", made);
    rmdir(path);
    rmdir(made);
    demand(fuzz_n_seeds > 0, "there is no sample");
    const struct fuzz_seed all = fuzz_seed[fuzz_n_seeds - 1];
    for (size_t at = 0, end; at < all.n; at = end) {
        const uint8_t *newline = memchr(all.bytes + at, '\n', all.n - at);
        end = newline ? (size_t)(newline - all.bytes) + 1 : all.n;
        add_seed(all.bytes + at, end - at);
    }
}

static size_t mutate(uint8_t *bytes, size_t n)
{
    static const char *const piece[] = {"\"",
                                        "\\",
                                        "\\u0000",
                                        "{",
                                        "}",
                                        "[",
                                        "]",
                                        ",",
                                        ":",
                                        "null",
                                        "true",
                                        "-1",
                                        "1e999",
                                        "0.5",
                                        "0",
                                        "9223372036854775807",
                                        "1e18",
                                        "\n",
                                        "=",
                                        "../",
                                        "_hex",
                                        "ff",
                                        "A",
                                        "99999999999999999999",
                                        "\"name\"",
                                        "\xff",
                                        "\"card\":\"\"",
                                        "\"time\":0"};

    return fuzz_mutate_text(bytes, n, piece, sizeof piece / sizeof *piece);
}

static void tell(void)
{
    demand(n_films > 0, "no film was ever read: this looks at nothing");
    printf(FUZZ_NAME ": %lld films, %lld lines passed over\n", (long long)n_films, (long long)n_bad_lines);
}

#endif
