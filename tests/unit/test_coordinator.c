/* test_coordinator: the coordinator against ranks that are played by hand: what it deals to whom, what it makes of each
 * end that a task can have, what it tells the ranks when the run has to end, and what is in the journal afterwards. */
#include "catalog/coordinate/coordinator.h"

#include "base/clock.h"
#include "base/log.h"
#include "catalog/coordinate/display.h"
#include "unit/journal_lines.h"
#include "mpi/comm_ops.h"
#include "unit/test.h"

#include <fcntl.h>

enum { MOST_FILMS = 4, MOST_POSTED = 64, N_RANKS = 2 };

/* --- two ranks, played ----------------------------------------------------------------------------------------------
 */

struct posted {
    int to;
    struct message m;
};

static struct posted queue[MOST_POSTED];
static int n_queued, n_taken;
static bool line_is_dead;
static char notes[4096];

static enum status post(struct comm *comm, int to, const void *data, size_t bytes)
{
    (void)comm;
    if (line_is_dead)
        return FAIL(ST_COMM, "nobody is there");
    if (!CHECK(n_queued < MOST_POSTED))
        exit(1);
    memset(&queue[n_queued], 0, sizeof *queue);
    queue[n_queued].to = to;
    memcpy(&queue[n_queued++].m, data, bytes);
    return ST_OK;
}

static void keep_note(const char *line)
{
    const size_t used = strlen(notes);

    snprintf(notes + used, sizeof notes - used, "%s\n", line);
}

static const struct comm_ops ops = {.post = post};

struct scene {
    struct comm comm;
    struct catalog_config config;
    struct listing listing;
    struct listing_film film[MOST_FILMS];
    struct resume_film resume[MOST_FILMS];
    struct history_film before[MOST_FILMS];
    struct journal *journal;
    struct coordinator *d;
    char out[600];
};

/* The films a, b, ... of 1000 bytes, never seen before. */
static void set_scene(struct scene *s, int n_films)
{
    static char names[MOST_FILMS][8], paths[MOST_FILMS][16];
    static int turn;

    *s = (struct scene){.comm = {.size = N_RANKS, .ops = &ops}};
    snprintf(s->out, sizeof s->out, "%s/out%d", test_folder(), turn++);
    mkdir(s->out, 0777);
    s->config = (struct catalog_config){
        .out = s->out, .tries = 2, .started = clock_seconds(), .piece_seconds = 1e6, .version = "1", .command = "c"};
    s->config.barcode.progress = PROGRESS_NONE;
    s->listing = (struct listing){.n = n_films, .film = s->film};
    for (int i = 0; i < n_films; i++) {
        snprintf(names[i], sizeof names[i], "%c", 'a' + i);
        snprintf(paths[i], sizeof paths[i], "/films/%c.mkv", 'a' + i);
        s->film[i] = (struct listing_film){.path = paths[i], .name = names[i], .bytes = 1000 + i, .mtime_ns = 7};
        s->before[i] = (struct history_film){.name = names[i], .bytes = 1000 + i, .mtime_ns = 7, .cost = -1.0};
    }
    n_queued = n_taken = 0;
    line_is_dead = false;
    notes[0] = '\0';
}

/* Known from an earlier run, which estimated its cost. */
static void know_cost(struct scene *s, int film, double cost, int n_pieces)
{
    s->before[film].cost = cost;
    s->before[film].n_pieces = n_pieces;
    s->resume[film] = (struct resume_film){.before = &s->before[film], .is_unchanged = true};
}

static void open_it(struct scene *s, bool is_dry)
{
    const struct journal_run run = {.version = "1", .settings_text = "{}", .settings_id = "id", .command = "c"};
    struct coordinator_setup setup = {
        .comm = &s->comm, .config = &s->config, .settings_id = "id", .listing = &s->listing, .resume = s->resume};

    if (!is_dry)
        CHECK_INT(journal_open(s->out, &run, &s->journal), ST_OK);
    for (int i = 0; i < s->listing.n && !is_dry; i++)
        CHECK_INT(journal_film(s->journal, s->film[i].name, s->film[i].path, s->film[i].bytes, 7), ST_OK);
    setup.journal = s->journal;
    CHECK_INT(coordinator_open(&setup, &s->d), ST_OK);
}

static void say_hello(struct scene *s, int rank, int n_workers)
{
    struct message m = {.kind = MESSAGE_HELLO};

    m.as.hello.n_workers = n_workers;
    m.as.hello.ready.threads = n_workers;
    strcpy(m.as.hello.host, "here");
    CHECK_INT(coordinator_on_message(s->d, rank, &m), ST_OK);
}

static void start(struct scene *s, int n_workers)
{
    open_it(s, false);
    say_hello(s, 1, n_workers);
    say_hello(s, 0, n_workers);
}

static void step(struct scene *s)
{
    CHECK_INT(coordinator_step(s->d), ST_OK);
}

static void end_scene(struct scene *s)
{
    CHECK_INT(n_queued - n_taken, 0); /* nothing was sent that nobody looked at */
    coordinator_close(&s->d);
    journal_close(&s->journal);
}

/* The next message must be this request. */
static struct posted expect_request(enum task_kind kind, int film, int piece)
{
    static const struct posted none = {.m = {.kind = MESSAGE_END}};

    if (!CHECK(n_taken < n_queued))
        return none;
    const struct posted p = queue[n_taken++];
    CHECK_INT(p.m.kind, MESSAGE_REQUEST);
    CHECK_STR(task_kind_names[p.m.as.request.task.kind], task_kind_names[kind]);
    CHECK_INT(p.m.as.request.task.film, film);
    CHECK_INT(p.m.as.request.task.piece, piece);
    return p;
}

static void expect_to_all(enum message_kind kind)
{
    for (int i = 0; i < N_RANKS; i++) {
        if (!CHECK(n_taken < n_queued))
            return;
        CHECK_INT(queue[n_taken].to, i);
        CHECK_INT(queue[n_taken++].m.kind, kind);
    }
}

static struct message outcome_of(const struct posted *p, enum outcome_end end)
{
    struct message m = {.kind = MESSAGE_OUTCOME, .worker = p->m.worker};

    m.as.outcome.task = p->m.as.request.task;
    m.as.outcome.end = end;
    m.as.outcome.seconds = 1.0;
    return m;
}

static void answer(struct scene *s, const struct posted *p, enum outcome_end end)
{
    struct message m = outcome_of(p, end);

    m.as.outcome.cost = 5.0;
    m.as.outcome.result.columns = 10;
    m.as.outcome.result.frames = 100;
    CHECK_INT(coordinator_on_message(s->d, p->to, &m), ST_OK);
}

static enum status answer_fault(struct scene *s, const struct posted *p, enum fault_kind fault, bool again)
{
    struct message m = outcome_of(p, OUTCOME_FAULT);

    m.as.outcome.fault = fault;
    m.as.outcome.again = again;
    m.as.outcome.is_output_fault = fault == FAULT_OTHER;
    snprintf(m.as.outcome.message, sizeof m.as.outcome.message, "it went wrong");
    return coordinator_on_message(s->d, p->to, &m);
}

static struct coordinator_totals totals(const struct scene *s)
{
    struct coordinator_totals t;

    coordinator_totals(s->d, &t);
    return t;
}

/* The film's state by the journal. */
static void expect_state(const struct scene *s, const char *name, enum film_state state)
{
    struct history h;

    CHECK_INT(history_read(s->out, &h), ST_OK);
    const struct history_film *f = history_find(&h, name);
    if (CHECK(f != NULL))
        CHECK_STR(state_names[f->state], state_names[state]);
    history_release(&h);
}

/* --- a run that goes well -------------------------------------------------------------------------------------------
 */

static void all_is_well(void)
{
    struct posted p, q;
    struct scene s;

    set_scene(&s, 4);
    s.resume[0] = (struct resume_film){.state = RESUME_DONE, .before = &s.before[0], .is_unchanged = true};
    s.resume[1] = (struct resume_film){.state = RESUME_FAILED, .before = &s.before[1], .is_unchanged = true};
    know_cost(&s, 2, 50.0, 1); /* d has no cost: it is looked at first */
    open_it(&s, false);
    say_hello(&s, 1, 1);
    step(&s);
    CHECK_INT(n_queued, 0); /* one rank has not said what it has */
    CHECK(!coordinator_is_over(s.d));
    say_hello(&s, 0, 1);
    CHECK(strstr(notes, "rank 1 on here: 1 worker process,") && strstr(notes, "rank 0 on here"));

    step(&s);
    p = expect_request(TASK_PROBE, 3, 0);
    q = expect_request(TASK_FILM, 2, 0);
    CHECK_INT(p.to, 1);
    CHECK_INT(q.to, 0);
    CHECK_STR(p.m.as.request.path, "/films/d.mkv");
    CHECK_STR(p.m.as.request.name, "d");
    step(&s);
    CHECK_INT(n_queued, 2); /* all are busy */
    answer(&s, &p, OUTCOME_DONE);
    CHECK(coordinator_cost(s.d, 3) == 5.0);
    step(&s);
    p = expect_request(TASK_FILM, 3, 0);
    CHECK_INT(p.to, 1);
    CHECK(!coordinator_is_over(s.d));
    answer(&s, &q, OUTCOME_DONE);
    answer(&s, &p, OUTCOME_DONE);
    step(&s);
    CHECK(coordinator_is_over(s.d));

    const struct coordinator_totals t = totals(&s);
    CHECK(t.n_films == 4 && t.n_done == 3 && t.n_done_before == 1 && t.n_failed == 1);
    CHECK(t.columns == 20 && t.frames == 200 && t.n_workers == 2 && !t.is_interrupted && !t.is_out_of_time);
    CHECK(coordinator_has_failed(s.d, 1) && !coordinator_has_failed(s.d, 2));
    expect_state(&s, "c", STATE_DONE);
    expect_state(&s, "d", STATE_DONE);
    expect_state(&s, "a", STATE_LEFT); /* this run has not said anything of it */
    end_scene(&s);
}

/* A dry run has no journal: films are looked at, and no more. */
static void only_looked_at(void)
{
    struct posted p;
    struct scene s;

    set_scene(&s, 3);
    know_cost(&s, 0, 9.0, 1);
    open_it(&s, true);
    say_hello(&s, 0, 1);
    say_hello(&s, 1, 0);
    step(&s);
    p = expect_request(TASK_PROBE, 2, 0); /* the bigger one first */
    answer(&s, &p, OUTCOME_DONE);
    step(&s);
    p = expect_request(TASK_PROBE, 1, 0);
    CHECK_INT(answer_fault(&s, &p, FAULT_NOT_A_FILM, false), ST_OK);
    step(&s);
    CHECK(coordinator_is_over(s.d));
    CHECK(coordinator_cost(s.d, 0) == 9.0 && coordinator_cost(s.d, 2) == 5.0 && coordinator_cost(s.d, 1) < 0.0);
    CHECK(coordinator_has_failed(s.d, 1));
    CHECK(!test_exists(test_path("out1/journal")));
    end_scene(&s);
}

/* --- films in pieces ------------------------------------------------------------------------------------------------
 */

static void pieces(void)
{
    struct posted p, q;
    struct scene s;

    set_scene(&s, 1);
    know_cost(&s, 0, 100.0, 2);
    start(&s, 1);
    step(&s);
    p = expect_request(TASK_INDEX, 0, 0);
    CHECK_INT(p.m.as.request.task.n_pieces, 2);
    answer(&s, &p, OUTCOME_DONE);
    step(&s);
    p = expect_request(TASK_PIECE, 0, 0);
    q = expect_request(TASK_PIECE, 0, 1);
    answer(&s, &p, OUTCOME_DRAINED); /* not done: once more */
    answer(&s, &q, OUTCOME_DONE);
    step(&s);
    p = expect_request(TASK_PIECE, 0, 0);
    answer(&s, &p, OUTCOME_DONE);
    step(&s);
    p = expect_request(TASK_JOIN, 0, 0);
    answer(&s, &p, OUTCOME_UNSPLIT); /* the pieces do not fit */
    step(&s);
    p = expect_request(TASK_FILM, 0, 0);
    CHECK(p.m.as.request.task.unsplit);
    expect_state(&s, "a", STATE_LEFT);
    answer(&s, &p, OUTCOME_DONE);
    step(&s);
    CHECK(coordinator_is_over(s.d));
    expect_state(&s, "a", STATE_DONE);
    end_scene(&s);
}

/* Cut by this run: later runs, however many worker processes they have, find how. */
static void cut_anew(void)
{
    struct history h;
    struct posted p;
    struct scene s;

    set_scene(&s, 1);
    know_cost(&s, 0, 100.0, 0);
    s.config.piece_seconds = 30.0;
    start(&s, 1);
    step(&s);
    p = expect_request(TASK_INDEX, 0, 0);
    CHECK_INT(history_read(s.out, &h), ST_OK);
    if (CHECK(h.n == 1))
        CHECK_INT(h.film[0].n_pieces, p.m.as.request.task.n_pieces);
    CHECK(p.m.as.request.task.n_pieces > 1);
    history_release(&h);
    answer(&s, &p, OUTCOME_UNSPLIT); /* it cannot be cut */
    step(&s);
    p = expect_request(TASK_FILM, 0, 0);
    CHECK(!p.m.as.request.task.unsplit);
    answer(&s, &p, OUTCOME_DONE);
    end_scene(&s);
}

/* --- faults ---------------------------------------------------------------------------------------------------------
 */

static void faults(void)
{
    struct film_result result = {.n_outputs = 1, .output = {{.suffix = ".json"}}};
    struct posted p;
    struct scene s;
    char path[700];

    set_scene(&s, 4);
    for (int i = 0; i < 4; i++)
        know_cost(&s, i, 40.0 - 10.0 * i, 1);
    s.before[2].n_counted_faults = 1; /* by an earlier run */
    s.before[1].result = &result;
    snprintf(path, sizeof path, "%s/b.json", s.out);
    test_write(path, "{}", 2);
    open_it(&s, false);
    say_hello(&s, 0, 1);
    say_hello(&s, 1, 0);

    step(&s);
    p = expect_request(TASK_FILM, 0, 0);
    CHECK_INT(answer_fault(&s, &p, FAULT_DEVICE, true), ST_OK); /* comes back when all others are done */
    step(&s);
    p = expect_request(TASK_FILM, 1, 0);
    CHECK(test_exists(path));
    CHECK_INT(answer_fault(&s, &p, FAULT_INCOMPLETE, false), ST_OK);
    CHECK(!test_exists(path)); /* what it once was must not look done */
    expect_state(&s, "b", STATE_FAILED);
    step(&s);
    p = expect_request(TASK_FILM, 2, 0);
    CHECK_INT(answer_fault(&s, &p, FAULT_CRASH, true), ST_OK);
    expect_state(&s, "c", STATE_QUARANTINED); /* the second crash of two that are put up with */
    step(&s);
    p = expect_request(TASK_FILM, 3, 0);
    answer(&s, &p, OUTCOME_DONE);
    step(&s);
    p = expect_request(TASK_FILM, 0, 0);
    CHECK_INT(answer_fault(&s, &p, FAULT_TIMEOUT, true), ST_OK);
    expect_state(&s, "a", STATE_FAILED); /* tried twice, but it crashed nothing */
    step(&s);
    CHECK(coordinator_is_over(s.d));
    CHECK_INT(totals(&s).n_failed, 3);
    CHECK(strstr(notes, "failed: it went wrong") != NULL);
    end_scene(&s);
}

/* A piece of a film that was given up while it was under way changes nothing any more. */
static void late_piece(void)
{
    struct posted p, q;
    struct scene s;

    set_scene(&s, 1);
    know_cost(&s, 0, 100.0, 2);
    start(&s, 1);
    step(&s);
    p = expect_request(TASK_INDEX, 0, 0);
    answer(&s, &p, OUTCOME_DONE);
    step(&s);
    p = expect_request(TASK_PIECE, 0, 0);
    q = expect_request(TASK_PIECE, 0, 1);
    CHECK_INT(answer_fault(&s, &p, FAULT_FORMAT, false), ST_OK);
    CHECK(!coordinator_is_over(s.d));
    answer(&s, &q, OUTCOME_DONE);
    step(&s);
    CHECK(coordinator_is_over(s.d));
    CHECK_INT(totals(&s).n_failed, 1);
    end_scene(&s);
}

/* That nothing can be written is seen for oneself. */
static void no_room_for_results(void)
{
    struct posted p;
    struct scene s;

    set_scene(&s, 1);
    know_cost(&s, 0, 10.0, 1);
    start(&s, 1);
    step(&s);
    p = expect_request(TASK_FILM, 0, 0);
    CHECK_INT(answer_fault(&s, &p, FAULT_OTHER, true), ST_OK); /* a worker's word alone does not end the run */
    step(&s);
    p = expect_request(TASK_FILM, 0, 0);
    s.config.out = "/nowhere/at/all";
    CHECK_INT(answer_fault(&s, &p, FAULT_OTHER, true), ST_IO);
    end_scene(&s);
}

/* --- the end --------------------------------------------------------------------------------------------------------
 */

static void signal_it(struct scene *s, int n)
{
    struct message m = {.kind = MESSAGE_SIGNALS};

    m.as.n_signals = n;
    CHECK_INT(coordinator_on_message(s->d, 1, &m), ST_OK);
}

static void interrupted(void)
{
    struct posted p;
    struct scene s;

    set_scene(&s, 3);
    for (int i = 0; i < 3; i++)
        know_cost(&s, i, 30.0, 1);
    open_it(&s, false);
    say_hello(&s, 0, 1);
    say_hello(&s, 1, 0);
    step(&s);
    p = expect_request(TASK_FILM, 0, 0);
    signal_it(&s, 1);
    step(&s);
    expect_to_all(MESSAGE_DRAIN);
    answer(&s, &p, OUTCOME_DRAINED);
    step(&s); /* deals no more, says so once */
    CHECK(coordinator_is_over(s.d));
    signal_it(&s, 2);
    step(&s);
    expect_to_all(MESSAGE_STOP);
    signal_it(&s, 1); /* there is no way back */
    step(&s);
    const struct coordinator_totals t = totals(&s);
    CHECK(t.is_interrupted && !t.is_out_of_time && t.n_done == 0 && t.n_failed == 0);
    end_scene(&s);
}

static void out_of_time(void)
{
    struct posted p;
    struct scene s;

    set_scene(&s, 2);
    know_cost(&s, 0, 30.0, 1);
    know_cost(&s, 1, 2e9, 1);
    s.config.time_limit = 1000.0;
    open_it(&s, false);
    say_hello(&s, 0, 2);
    say_hello(&s, 1, 0);
    step(&s);
    p = expect_request(TASK_FILM, 1, 0); /* one at least, however long: what is drained is kept */
    const struct posted q = expect_request(TASK_FILM, 0, 0);
    answer(&s, &q, OUTCOME_DONE);
    end_scene(&s);

    set_scene(&s, 2);
    know_cost(&s, 0, 30.0, 1);
    s.config.time_limit = 1000.0;
    s.config.started -= 950.0; /* the last 30 s are for ending */
    start(&s, 1);
    step(&s);
    p = expect_request(TASK_PROBE, 1, 0);
    expect_request(TASK_FILM, 0, 0);
    coordinator_close(&s.d);
    journal_close(&s.journal);

    set_scene(&s, 1);
    know_cost(&s, 0, 30.0, 1);
    s.config.time_limit = 1000.0;
    s.config.started -= 980.0;
    start(&s, 1);
    step(&s);
    expect_to_all(MESSAGE_DRAIN);
    CHECK(coordinator_is_over(s.d) && totals(&s).is_out_of_time);
    CHECK(strstr(notes, "the time limit is near") != NULL);
    end_scene(&s);
    (void)p;
}

static void all_are_lost(void)
{
    struct message m = {.kind = MESSAGE_LOST};
    struct posted p;
    struct scene s;

    set_scene(&s, 1);
    know_cost(&s, 0, 30.0, 1);
    open_it(&s, false);
    say_hello(&s, 0, 1);
    say_hello(&s, 1, 1);
    step(&s);
    p = expect_request(TASK_FILM, 0, 0);
    CHECK_INT(answer_fault(&s, &p, FAULT_MEMORY, true), ST_OK);
    CHECK_INT(coordinator_on_message(s.d, 0, &m), ST_OK);
    step(&s);
    p = expect_request(TASK_FILM, 0, 0);
    CHECK_INT(p.to, 1); /* the other one goes on */
    CHECK_INT(coordinator_on_message(s.d, 1, &m), ST_OK);
    CHECK(!coordinator_is_over(s.d)); /* its last outcome is still to come */
    answer(&s, &p, OUTCOME_DRAINED);
    step(&s);
    CHECK(coordinator_is_over(s.d));
    CHECK(totals(&s).n_done == 0 && totals(&s).n_failed == 0);
    CHECK(strstr(notes, "cannot be started again") != NULL);
    end_scene(&s);
}

static void given_up(void)
{
    struct posted p;
    struct scene s;

    set_scene(&s, 1);
    know_cost(&s, 0, 30.0, 1);
    start(&s, 1);
    step(&s);
    p = expect_request(TASK_FILM, 0, 0);
    coordinator_give_up(s.d);
    expect_to_all(MESSAGE_STOP);
    coordinator_give_up(s.d); /* once is enough */
    CHECK(!coordinator_is_over(s.d));
    answer(&s, &p, OUTCOME_STOPPED);
    CHECK(coordinator_is_over(s.d));
    end_scene(&s);

    set_scene(&s, 1);
    know_cost(&s, 0, 30.0, 1);
    start(&s, 1);
    step(&s);
    expect_request(TASK_FILM, 0, 0);
    line_is_dead = true;
    coordinator_give_up(s.d);
    CHECK(coordinator_is_over(s.d)); /* nobody can be told: nothing to wait for */
    end_scene(&s);
}

static void not_as_agreed(void)
{
    struct posted p;
    struct message m;
    struct scene s;

    set_scene(&s, 1);
    know_cost(&s, 0, 30.0, 1);
    start(&s, 1);
    step(&s);
    p = expect_request(TASK_FILM, 0, 0);
    m = outcome_of(&p, OUTCOME_DONE);
    CHECK_INT(coordinator_on_message(s.d, 1 - p.to, &m), ST_BUG); /* whoever has no request */
    m.worker = 7;
    CHECK_INT(coordinator_on_message(s.d, p.to, &m), ST_BUG);
    m = outcome_of(&p, OUTCOME_DONE);
    m.as.outcome.task.piece = 1;
    CHECK_INT(coordinator_on_message(s.d, p.to, &m), ST_BUG);
    for (int kind = MESSAGE_REQUEST; kind <= MESSAGE_END; kind++) {
        m = (struct message){.kind = (enum message_kind)kind};
        CHECK_INT(coordinator_on_message(s.d, 0, &m), ST_BUG);
    }
    end_scene(&s);
}

/* --- what is shown --------------------------------------------------------------------------------------------------
 */

static char *capture(int saved, const char *path)
{
    size_t n;

    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    return test_read(path, &n);
}

static int catch_stderr(const char *path)
{
    const int saved = dup(STDERR_FILENO), fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

    fflush(stderr);
    dup2(fd, STDERR_FILENO);
    close(fd);
    return saved;
}

static void bar(void)
{
    struct message progress = {.kind = MESSAGE_PROGRESS};
    const char *path = test_path("bar.txt");
    struct posted p;
    struct scene s;

    set_scene(&s, 2);
    know_cost(&s, 0, 30.0, 1);
    know_cost(&s, 1, 10.0, 1);
    s.config.barcode.progress = PROGRESS_BAR;
    start(&s, 1);
    const int saved = catch_stderr(path);
    progress.as.progress[0] = 0.5f;
    step(&s);
    p = expect_request(TASK_FILM, 0, 0);
    const struct posted q = expect_request(TASK_FILM, 1, 0);
    CHECK_INT(coordinator_on_message(s.d, p.to, &progress), ST_OK);
    answer(&s, &p, OUTCOME_DONE);
    answer(&s, &q, OUTCOME_DONE);
    coordinator_close(&s.d);
    journal_close(&s.journal);
    char *text = capture(saved, path);
    if (CHECK(text != NULL)) {
        CHECK(strstr(text, "film  a\n") != NULL); /* a line for each worker process ... */
        CHECK(strstr(text, "film  b\n") != NULL);
        CHECK(strstr(text, "0 of 2 films done, 0 failed, ETA ?") != NULL);
        CHECK(strstr(text, "\033[3A\033[J") != NULL); /* ... all of which go at the end */
    }
    free(text);
}

static bool describe(void *context, int which, char *text, size_t bytes)
{
    snprintf(text, bytes, "worker\t%d", which);
    return which < *(const int *)context;
}

static void shown(void)
{
    struct display_state state = {.n_films = 9,
                                  .now = {.n_done = 3, .n_failed = 1, .cost_done = 1.0, .cost_left = 3.0}};
    const char *path = test_path("shown.txt");
    struct display d;
    int n = 20;

    state.now.eta_seconds = 3723.0;
    display_start(&d, PROGRESS_LOG);
    notes[0] = '\0';
    display_show(&d, &state, describe, &n);
    CHECK_STR(notes, ""); /* a line a minute */
    d.shown -= 61.0;
    display_show(&d, &state, describe, &n);
    CHECK_STR(notes, "3 of 9 films done, 1 failed; 25.0 % of the work, ETA 1:02:03\n");
    state.n_probing = 2;
    d.shown -= 61.0;
    notes[0] = '\0';
    display_show(&d, &state, describe, &n);
    CHECK_STR(notes, "3 of 9 films done, 1 failed; looking at the headers of 2 more\n");

    const int saved = catch_stderr(path);
    display_start(&d, PROGRESS_AUTO); /* no terminal */
    const enum progress_mode mode = d.mode;
    display_start(&d, PROGRESS_BAR);
    display_show(&d, &state, describe, &n);
    const int n_lines = d.n_lines;
    display_show(&d, &state, describe, &n); /* not so soon */
    display_clear(&d);
    char *text = capture(saved, path);
    CHECK_INT(mode, PROGRESS_LOG);
    CHECK_INT(n_lines, 12 + 1 + 1);
    if (CHECK(text != NULL)) {
        CHECK(strstr(text, "worker?11\n  ... and 8 more\n3 of 9 films done, 1 failed, ETA 1:02:03 [") != NULL);
        CHECK(strstr(text, "]  25 %\n\033[14A\033[J") != NULL);
    }
    free(text);
}

int main(void)
{
    log_set_keeper(keep_note);
    all_is_well();
    only_looked_at();
    pieces();
    cut_anew();
    faults();
    late_piece();
    no_room_for_results();
    interrupted();
    out_of_time();
    all_are_lost();
    given_up();
    not_as_agreed();
    bar();
    shown();
    return test_end();
}
