/* test_schedule: every way a film can go, in what order, into how many pieces; that under ends drawn at random each
 * piece of work is dealt exactly once as long as it did not fail; and that worker processes with a virtual clock are
 * kept busy. */
#include "catalog/schedule/schedule.h"

#include "bench/archive.h"

#include "base/mem.h"
#include "base/rng.h"
#include "test.h"

#include <math.h>
#include <stdint.h>

static struct schedule *open_schedule(int64_t n_films, int n_workers, double most_seconds)
{
    const struct schedule_setup setup = {
        .n_films = n_films, .n_workers = n_workers, .worker_speed = 1.0, .most_seconds = most_seconds};
    struct schedule *s = NULL;

    if (!CHECK_INT(schedule_open(&setup, &s), ST_OK))
        exit(1);
    return s;
}

/* Many worker processes' worth of films, so that those of some 100 s are not cut. */
static struct schedule *open_roomy(int64_t n_films)
{
    return open_schedule(n_films, 1, 1e9);
}

static bool is_near(double a, double b)
{
    return fabs(a - b) < 1e-6 * (1.0 + fabs(a));
}

/* The next task must be this one. */
static struct task expect(struct schedule *s, enum task_kind kind, int64_t film, int piece, int n_pieces)
{
    struct task task = {.film = -1};

    CHECK(schedule_next(s, HUGE_VAL, &task));
    CHECK_STR(task_kind_names[task.kind], task_kind_names[kind]);
    CHECK_INT(task.film, film);
    CHECK_INT(task.piece, piece);
    CHECK_INT(task.n_pieces, n_pieces);
    return task;
}

static void expect_none(struct schedule *s, double most_cost)
{
    struct task task;

    CHECK(!schedule_next(s, most_cost, &task));
}

static void expect_books(const struct schedule *s, double left, double in_flight)
{
    CHECK(is_near(schedule_cost_left(s), left));
    CHECK(is_near(schedule_cost_in_flight(s), in_flight));
}

static void expect_over(struct schedule **s)
{
    struct task task;

    CHECK(!schedule_next(*s, HUGE_VAL, &task));
    CHECK(schedule_cost_left(*s) == 0.0 && schedule_cost_in_flight(*s) == 0.0);
    schedule_close(s);
    CHECK(!*s);
    schedule_close(s);
}

static void end(struct schedule *s, struct task task, enum task_end how)
{
    schedule_end(s, &task, how);
}

/* ---- ways ---- */

static void empty(void)
{
    struct schedule *s = open_roomy(0);

    expect_over(&s);
    s = open_roomy(7); /* films that need not be done */
    expect_over(&s);
}

static void probe_then_film(void)
{
    struct schedule *s = open_roomy(3);
    struct task probe, film;

    schedule_add_probe(s, 2, 1000);
    expect_books(s, 0, 0);
    probe = expect(s, TASK_PROBE, 2, 0, 1);
    CHECK(probe.cost == 0.0 && !probe.unsplit);
    expect_none(s, HUGE_VAL);
    end(s, probe, TASK_DONE);
    schedule_add_film(s, 2, 50.0, 0);
    schedule_add_film(s, 2, 50.0, 0); /* is there already */
    schedule_add_probe(s, 2, 1000);
    expect_books(s, 50, 0);
    film = expect(s, TASK_FILM, 2, 0, 1);
    CHECK(is_near(film.cost, 50) && !film.unsplit);
    expect_books(s, 0, 50);
    expect_none(s, HUGE_VAL);
    end(s, film, TASK_DONE);
    schedule_add_film(s, 2, 50.0, 0); /* is over */
    expect_over(&s);

    s = open_roomy(1); /* probed and left */
    schedule_add_probe(s, 0, 5);
    end(s, expect(s, TASK_PROBE, 0, 0, 1), TASK_DONE);
    expect_over(&s);
}

/* A film of 90 s among worker processes that have little else to do. */
static struct schedule *open_cut(struct task *index, double most_seconds)
{
    struct schedule *s = open_schedule(2, 2, most_seconds);

    schedule_add_film(s, 0, 90.0, 0);
    schedule_add_film(s, 1, 30.0, 0);
    *index = expect(s, TASK_INDEX, 0, 0, 6); /* 120 s on 2 worker processes: 15 s a piece */
    CHECK(index->cost == 0.0);
    expect_books(s, 120, 0);
    return s;
}

static void cut_film(void)
{
    struct task index, piece[6], other;
    struct schedule *s = open_cut(&index, 1000.0);

    other = expect(s, TASK_INDEX, 1, 0, 8); /* what is left from here on: 30 s on 2 worker processes */
    expect_none(s, HUGE_VAL);
    end(s, index, TASK_DONE);
    for (int i = 0; i < 6; i++) {
        piece[i] = expect(s, TASK_PIECE, 0, i, 6);
        CHECK(is_near(piece[i].cost, 15));
        expect_books(s, 105 - 15 * i, 15 * (i + 1));
    }
    end(s, other, TASK_UNSPLIT); /* a film that cannot be cut is done as any, not the unsplit way */
    other = expect(s, TASK_FILM, 1, 0, 1);
    CHECK(is_near(other.cost, 30) && !other.unsplit);
    expect_none(s, HUGE_VAL);
    for (int i = 5; i >= 0; i--) {
        expect_none(s, HUGE_VAL);
        end(s, piece[i], TASK_DONE);
    }
    const struct task join = expect(s, TASK_JOIN, 0, 0, 6);
    CHECK(join.cost == 0.0);
    expect_books(s, 0, 30);
    end(s, join, TASK_DONE);
    end(s, other, TASK_DONE);
    expect_over(&s);
}

/* The pieces do not fit: the whole film once more, after which it is over. */
static void unsplit_join(void)
{
    struct task index, film;
    struct schedule *s = open_cut(&index, 1000.0);

    end(s, index, TASK_DONE);
    for (int i = 0; i < 6; i++)
        end(s, expect(s, TASK_PIECE, 0, i, 6), TASK_DONE);
    end(s, expect(s, TASK_JOIN, 0, 0, 6), TASK_UNSPLIT);
    expect_books(s, 120, 0);
    film = expect(s, TASK_FILM, 0, 0, 1);
    CHECK(film.unsplit && is_near(film.cost, 90));
    end(s, film, TASK_AGAIN);
    end(s, expect(s, TASK_INDEX, 1, 0, 8), TASK_UNSPLIT);
    end(s, expect(s, TASK_FILM, 1, 0, 1), TASK_DONE);
    film = expect(s, TASK_FILM, 0, 0, 1);
    CHECK(film.unsplit);
    end(s, film, TASK_UNSPLIT); /* means nothing here but AGAIN */
    end(s, expect(s, TASK_FILM, 0, 0, 1), TASK_DONE);
    expect_over(&s);
}

/* What failed comes after all that did not, each stage anew; pieces one by one, the costly film's first. */
static void again(void)
{
    struct task index, one, two;
    struct schedule *s = open_cut(&index, 1000.0);

    end(s, index, TASK_AGAIN);
    end(s, expect(s, TASK_INDEX, 1, 0, 8), TASK_UNSPLIT);
    one = expect(s, TASK_FILM, 1, 0, 1);
    index = expect(s, TASK_INDEX, 0, 0, 6); /* as many pieces as before */
    end(s, index, TASK_AGAIN);
    end(s, one, TASK_AGAIN);
    expect_books(s, 120, 0);
    end(s, expect(s, TASK_INDEX, 0, 0, 6), TASK_DONE);
    one = expect(s, TASK_PIECE, 0, 0, 6);
    two = expect(s, TASK_PIECE, 0, 1, 6);
    end(s, two, TASK_AGAIN);
    end(s, one, TASK_AGAIN);
    expect_books(s, 120, 0);
    for (int i = 2; i < 6; i++)
        end(s, expect(s, TASK_PIECE, 0, i, 6), i == 4 ? TASK_AGAIN : TASK_DONE);
    one = expect(s, TASK_PIECE, 0, 0, 6);
    CHECK(is_near(one.cost, 15));
    expect_books(s, 60, 15);
    end(s, one, TASK_AGAIN);
    for (int i = 0; i < 2; i++)
        end(s, expect(s, TASK_PIECE, 0, i, 6), TASK_DONE);
    end(s, expect(s, TASK_PIECE, 0, 4, 6), TASK_DONE);
    end(s, expect(s, TASK_JOIN, 0, 0, 6), TASK_AGAIN);
    one = expect(s, TASK_JOIN, 0, 0, 6); /* among what is done again the longest film's is first too */
    end(s, expect(s, TASK_FILM, 1, 0, 1), TASK_DONE);
    end(s, one, TASK_DONE);
    expect_over(&s);

    s = open_roomy(2);
    schedule_add_probe(s, 0, 10);
    end(s, expect(s, TASK_PROBE, 0, 0, 1), TASK_AGAIN);
    schedule_add_film(s, 0, 10.0, 0); /* not yet */
    schedule_add_film(s, 1, 0.0, 0);
    end(s, expect(s, TASK_FILM, 1, 0, 1), TASK_DONE);
    end(s, expect(s, TASK_PROBE, 0, 0, 1), TASK_DONE);
    schedule_add_film(s, 0, 10.0, 0);
    end(s, expect(s, TASK_FILM, 0, 0, 1), TASK_DONE);
    expect_over(&s);
}

/* Pieces waiting, waiting to be done again, and in flight, whatever becomes of these. */
static void dropped(void)
{
    struct task index, piece[5], other;
    struct schedule *s = open_cut(&index, 1000.0);

    end(s, index, TASK_DONE);
    for (int i = 0; i < 5; i++)
        piece[i] = expect(s, TASK_PIECE, 0, i, 6);
    end(s, piece[0], TASK_AGAIN);
    expect_books(s, 60, 60);
    end(s, piece[1], TASK_DROPPED);
    expect_books(s, 30, 45);
    other = expect(s, TASK_INDEX, 1, 0, 4); /* 75 s on two worker processes */
    expect_none(s, HUGE_VAL);
    end(s, piece[2], TASK_DONE);
    end(s, piece[3], TASK_AGAIN);
    end(s, other, TASK_DROPPED);
    expect_books(s, 0, 15);
    expect_none(s, HUGE_VAL);
    end(s, piece[4], TASK_DROPPED);
    expect_over(&s);

    /* The other stages, and all that is held back. */
    s = open_roomy(3);
    schedule_add_probe(s, 0, 1);
    schedule_add_film(s, 1, 10.0, 0);
    schedule_add_film(s, 2, 5.0, 3);
    end(s, expect(s, TASK_PROBE, 0, 0, 1), TASK_DROPPED);
    schedule_add_film(s, 0, 10.0, 0); /* it stays given up */
    end(s, expect(s, TASK_FILM, 1, 0, 1), TASK_DROPPED);
    end(s, expect(s, TASK_INDEX, 2, 0, 3), TASK_DONE);
    other = expect(s, TASK_PIECE, 2, 0, 3);
    end(s, expect(s, TASK_PIECE, 2, 1, 3), TASK_AGAIN);
    expect_none(s, 1.0);
    end(s, other, TASK_DROPPED);
    expect_over(&s);

    s = open_roomy(1);
    schedule_add_film(s, 0, 4.0, 2);
    end(s, expect(s, TASK_INDEX, 0, 0, 2), TASK_DONE);
    end(s, expect(s, TASK_PIECE, 0, 0, 2), TASK_DONE);
    end(s, expect(s, TASK_PIECE, 0, 1, 2), TASK_DONE);
    end(s, expect(s, TASK_JOIN, 0, 0, 2), TASK_DROPPED);
    expect_over(&s);
}

/* ---- order ---- */

static void order(void)
{
    static const double costs[] = {3, 50, 7, 7, 0, 90, 20, 0};
    static const int64_t sorted[] = {5, 1, 6, 2, 3, 0, 4, 7}; /* of the same cost: the lower number */
    const int n = (int)(sizeof costs / sizeof costs[0]);
    struct schedule *s = open_roomy(2 * n);
    struct task task[8], first;

    for (int i = 0; i < n; i++)
        schedule_add_probe(s, i, (int64_t)costs[i] * 1000);
    schedule_add_film(s, n, 1e6, 0);
    for (int i = 0; i < n; i++)
        task[i] = expect(s, TASK_PROBE, sorted[i], 0, 1);
    first = expect(s, TASK_FILM, n, 0, 1); /* probes out, films dealt */
    for (int i = 0; i < n; i++) {
        end(s, task[i], TASK_DONE);
        schedule_add_film(s, task[i].film, costs[task[i].film], 0);
    }
    for (int i = 0; i < n; i++)
        task[i] = expect(s, TASK_FILM, sorted[i], 0, 1);
    for (int i = 0; i < n; i++)
        end(s, task[i], TASK_DONE);
    end(s, first, TASK_DONE);
    expect_over(&s);

    /* A film that is begun comes before a shorter one, a join before everything but probes. */
    s = open_schedule(4, 1, 25.0);
    schedule_add_film(s, 0, 40.0, 0);
    schedule_add_film(s, 1, 24.0, 0);
    schedule_add_film(s, 2, 100.0, 0);
    end(s, expect(s, TASK_INDEX, 2, 0, 4), TASK_DONE);
    for (int i = 0; i < 3; i++)
        end(s, expect(s, TASK_PIECE, 2, i, 4), TASK_DONE);
    first = expect(s, TASK_PIECE, 2, 3, 4);
    end(s, expect(s, TASK_INDEX, 0, 0, 2), TASK_DONE);
    end(s, first, TASK_DONE);
    schedule_add_probe(s, 3, 1);
    first = expect(s, TASK_PROBE, 3, 0, 1);
    end(s, expect(s, TASK_JOIN, 2, 0, 4), TASK_DONE);
    end(s, expect(s, TASK_PIECE, 0, 0, 2), TASK_DONE); /* 20 s before 24 s: its film is begun */
    end(s, expect(s, TASK_PIECE, 0, 1, 2), TASK_DONE);
    end(s, first, TASK_DONE);
    schedule_add_film(s, 3, 30.0, 1); /* was not cut before */
    end(s, expect(s, TASK_JOIN, 0, 0, 2), TASK_DONE);
    end(s, expect(s, TASK_FILM, 3, 0, 1), TASK_DONE);
    end(s, expect(s, TASK_FILM, 1, 0, 1), TASK_DONE);
    expect_over(&s);
}

/* ---- pieces ---- */

static int count_pieces(const struct schedule_setup *setup, double cost, double rest, int n_pieces)
{
    struct schedule *s = NULL;
    struct task task = {.n_pieces = -1};

    CHECK_INT(schedule_open(setup, &s), ST_OK);
    schedule_add_film(s, 0, cost, n_pieces);
    for (int64_t i = 1; i < setup->n_films; i++)
        schedule_add_film(s, i, rest / (double)(setup->n_films - 1), 0);
    while (schedule_next(s, HUGE_VAL, &task) && task.film != 0)
        ;
    CHECK_INT(task.kind, task.n_pieces > 1 ? TASK_INDEX : TASK_FILM);
    schedule_close(&s);
    return task.n_pieces;
}

static void pieces(void)
{
    struct schedule_setup setup = {.n_films = 20001, .n_workers = 10, .worker_speed = 2.0, .most_seconds = 1e6};

    /* A quarter of what a worker process has to do: 250 of 10,000. */
    CHECK_INT(count_pieces(&setup, 249, 9751, 0), 1);
    CHECK_INT(count_pieces(&setup, 251, 9749, 0), 2);
    CHECK_INT(count_pieces(&setup, 1000, 9000, 0), 4);
    CHECK_INT(count_pieces(&setup, 1001, 8999, 0), 5);
    CHECK_INT(count_pieces(&setup, 10000, 0, 0), 40);
    setup.n_workers = 1000;
    CHECK_INT(count_pieces(&setup, 10000, 0, 0), 256);
    CHECK_INT(count_pieces(&setup, 0, 0, 0), 1);
    CHECK_INT(count_pieces(&setup, -5, 100, 0), 1);
    CHECK_INT(count_pieces(&setup, (double)NAN, 100, 0), 1);
    CHECK_INT(count_pieces(&setup, (double)INFINITY, 100, 0), 1);

    /* Two cores a worker process: 100 s are 200 of cost. */
    setup.n_workers = 10;
    setup.most_seconds = 100.0;
    CHECK_INT(count_pieces(&setup, 201, 1e6, 0), 2);
    CHECK_INT(count_pieces(&setup, 200, 1e6, 0), 1);
    setup.n_workers = 1;
    CHECK_INT(count_pieces(&setup, 200, 0, 0), 1);
    CHECK_INT(count_pieces(&setup, 401, 0, 0), 3);
    CHECK_INT(count_pieces(&setup, 1e9, 0, 0), 256);
    setup.n_workers = 10;
    setup.least_seconds = 10.0;
    CHECK_INT(count_pieces(&setup, 110, 0, 0), 6);
    CHECK_INT(count_pieces(&setup, 20, 0, 0), 1);

    /* As an earlier run had it. */
    CHECK_INT(count_pieces(&setup, 1e6, 0, 1), 1);
    CHECK_INT(count_pieces(&setup, 1, 0, 7), 7);
    CHECK_INT(count_pieces(&setup, 0, 0, 256), 256);
    CHECK_INT(count_pieces(&setup, 20, 0, 257), 1);
    CHECK_INT(count_pieces(&setup, 401, 1e6, -1), 3);
}

/* What is left is a sum: neither repeats nor roundings may leave something of it behind. */
static void pieces_late(void)
{
    struct schedule *s = open_schedule(3, 2, 1e9);

    schedule_add_film(s, 0, 100.0, 1);
    for (int i = 0; i < 3; i++)
        end(s, expect(s, TASK_FILM, 0, 0, 1), TASK_AGAIN);
    end(s, expect(s, TASK_FILM, 0, 0, 1), TASK_DONE);
    schedule_add_film(s, 1, 80.0, 0);
    schedule_add_film(s, 2, 80.0, 0);
    end(s, expect(s, TASK_INDEX, 1, 0, 4), TASK_DROPPED);
    end(s, expect(s, TASK_INDEX, 2, 0, 8), TASK_DROPPED);
    expect_over(&s);

    for (int n = 1; n < 50; n++) {
        s = open_schedule(n + 1, 2, 1e9);
        for (int i = 0; i < n; i++)
            schedule_add_film(s, i, 0.1 * (n - i), 1);
        schedule_add_film(s, n, 0.0, 0);
        for (int i = 0; i < n; i++)
            end(s, expect(s, TASK_FILM, i, 0, 1), TASK_DONE);
        end(s, expect(s, TASK_FILM, n, 0, 1), TASK_DONE);
        expect_over(&s);
    }
}

/* The limit of time: what is too long waits, what is short enough comes. */
static void most_cost(void)
{
    struct schedule *s = open_schedule(6, 1, 30.0);
    struct task task, index;

    schedule_add_film(s, 0, 100.0, 0); /* 4 x 25 */
    schedule_add_film(s, 1, 28.0, 0);
    schedule_add_film(s, 2, 10.0, 0);
    schedule_add_film(s, 3, 10.0, 0);
    schedule_add_film(s, 4, 0.0, 0);
    schedule_add_probe(s, 5, 100);
    CHECK(schedule_next(s, 0.0, &task) && task.kind == TASK_PROBE);
    end(s, task, TASK_DROPPED);
    CHECK(schedule_next(s, 24.9, &task) && task.film == 2); /* no index of what cannot be done */
    end(s, task, TASK_AGAIN);
    CHECK(schedule_next(s, 25.0, &index) && index.kind == TASK_INDEX);
    end(s, index, TASK_DONE);
    CHECK(schedule_next(s, 10.0, &task) && task.film == 3);
    end(s, task, TASK_DONE);
    CHECK(schedule_next(s, 9.9, &task) && task.film == 4);
    end(s, task, TASK_DONE);
    expect_none(s, 9.9);
    CHECK(schedule_next(s, 10.0, &task) && task.film == 2); /* the second time */
    end(s, task, TASK_DONE);
    expect_none(s, 24.9);
    expect_books(s, 128, 0);
    for (int i = 0; i < 4; i++) {
        CHECK(schedule_next(s, 25.0, &task) && task.film == 0 && task.piece == i);
        expect_none(s, 20.0);
        end(s, task, TASK_DONE);
    }
    CHECK(schedule_next(s, 0.0, &task) && task.kind == TASK_JOIN);
    end(s, task, TASK_DONE);
    expect_none(s, 27.9);
    CHECK(schedule_next(s, 28.0, &task) && task.film == 1);
    end(s, task, TASK_DONE);
    expect_over(&s);
}

/* ---- exactly once ---- */

enum { MOST_FILMS = 400, MOST_FLIGHT = 64 };

/* What the caller knows of a film. */
struct known_film {
    double cost;
    bool is_probed, is_indexed, is_joined, is_over, is_cut, is_unsplit;
    int n_pieces, n_in_flight;
    char piece[TASK_MOST_PIECES]; /* 0 to be done, 1 in flight, 2 done */
};

static uint32_t draw(uint64_t seed, uint32_t *n, uint32_t bound)
{
    return rng_philox(seed, (*n)++, 0, 0, 0).word[0] % bound;
}

/* The task fits what is known of its film, and nothing is dealt twice. */
static void check_dealt(struct known_film *f, const struct task *t)
{
    CHECK(!f->is_over);
    switch (t->kind) {
    case TASK_PROBE:
        CHECK(!f->is_probed && f->n_in_flight == 0);
        break;
    case TASK_FILM:
        CHECK(f->is_probed && f->n_in_flight == 0 && !f->is_indexed);
        CHECK(t->unsplit == f->is_unsplit && t->n_pieces == 1 && is_near(t->cost, f->cost));
        break;
    case TASK_INDEX:
        CHECK(f->is_probed && f->n_in_flight == 0 && !f->is_indexed && t->n_pieces > 1 && t->n_pieces <= 256);
        CHECK(!f->is_cut || t->n_pieces == f->n_pieces);
        f->is_cut = true;
        f->n_pieces = t->n_pieces;
        break;
    case TASK_PIECE:
        CHECK(f->is_indexed && t->n_pieces == f->n_pieces && t->piece >= 0 && t->piece < f->n_pieces);
        CHECK_INT(f->piece[t->piece], 0);
        CHECK(is_near(t->cost * f->n_pieces, f->cost));
        f->piece[t->piece] = 1;
        break;
    case TASK_JOIN:
        CHECK(f->is_indexed && f->n_in_flight == 0 && t->n_pieces == f->n_pieces);
        for (int i = 0; i < f->n_pieces; i++)
            CHECK_INT(f->piece[i], 2);
        break;
    case N_TASK_KINDS:
        CHECK(false);
    }
    f->n_in_flight++;
}

static enum task_end draw_end(uint64_t seed, uint32_t *n, const struct known_film *f, const struct task *t)
{
    const uint32_t x = draw(seed, n, 100);

    if (x < 12)
        return TASK_AGAIN;
    if (x < 14 && !f->is_over)
        return TASK_DROPPED;
    return x < 30 && (t->kind == TASK_INDEX || t->kind == TASK_JOIN) ? TASK_UNSPLIT : TASK_DONE;
}

static void book_end(struct known_film *f, const struct task *t, enum task_end how)
{
    f->n_in_flight--;
    if (t->kind == TASK_PIECE)
        f->piece[t->piece] = how == TASK_DONE ? 2 : 0;
    if (f->is_over)
        return;
    f->is_over = how == TASK_DROPPED || (how == TASK_DONE && (t->kind == TASK_FILM || t->kind == TASK_JOIN));
    f->is_probed |= t->kind == TASK_PROBE && how == TASK_DONE;
    f->is_indexed |= t->kind == TASK_INDEX && how == TASK_DONE;
    if (how == TASK_UNSPLIT) {
        f->is_unsplit = t->kind == TASK_JOIN;
        f->is_indexed = false;
    }
}

/* What is to be done of it by what is known. */
static double cost_to_do(const struct known_film *f, bool is_dealt_whole)
{
    int n = 0;

    if (f->is_over || !f->is_probed || is_dealt_whole)
        return 0.0;
    for (int i = 0; i < f->n_pieces && f->is_indexed; i++)
        n += f->piece[i] == 0;
    return f->is_indexed ? f->cost * n / f->n_pieces : f->cost;
}

static void check_books(const struct schedule *s, const struct known_film *film, int n_films, const struct task *flight,
                        int n_flight)
{
    static bool is_whole[MOST_FILMS];
    double left = 0.0, in_flight = 0.0;

    memset(is_whole, 0, sizeof is_whole);
    for (int i = 0; i < n_flight; i++) {
        in_flight += flight[i].cost;
        is_whole[flight[i].film] |= flight[i].kind == TASK_FILM;
    }
    for (int i = 0; i < n_films; i++)
        left += cost_to_do(&film[i], is_whole[i]);
    expect_books(s, left, in_flight);
}

static bool is_any_left(const struct known_film *film, int n)
{
    for (int i = 0; i < n; i++)
        if (!film[i].is_over)
            return true;
    return false;
}

static void random_ends(uint64_t seed)
{
    static struct known_film film[MOST_FILMS];
    uint32_t n = 0;
    const int n_films = 1 + (int)draw(seed, &n, MOST_FILMS), n_workers = 1 + (int)draw(seed, &n, MOST_FLIGHT);
    struct schedule *s = open_schedule(n_films, n_workers, 1.0 + draw(seed, &n, 300));
    struct task flight[MOST_FLIGHT];
    int n_flight = 0, n_steps = 0;

    memset(film, 0, sizeof film);
    for (int i = 0; i < n_films; i++) {
        const uint32_t kind = draw(seed, &n, 10);
        struct known_film *f = &film[i];

        f->cost = kind == 0 ? 0.0 : kind < 8 ? draw(seed, &n, 100) : draw(seed, &n, 3000);
        if (kind % 3 == 0) {
            schedule_add_probe(s, i, (int64_t)f->cost);
        } else if (kind != 1) {
            f->is_probed = true;
            if (kind == 2)
                f->n_pieces = 1 + (int)draw(seed, &n, 9);
            f->is_cut = f->n_pieces > 1;
            schedule_add_film(s, i, f->cost, f->n_pieces);
        } else {
            f->is_over = true; /* done before */
        }
    }
    for (; n_steps < 1000000 && (n_flight > 0 || is_any_left(film, n_films)); n_steps++) {
        const bool is_limited = draw(seed, &n, 4) == 0;
        const double most = is_limited ? draw(seed, &n, 100) : HUGE_VAL;
        struct task t;

        if (n_flight < n_workers && draw(seed, &n, 3) > 0 && schedule_next(s, most, &t)) {
            CHECK(t.cost <= most);
            if (!CHECK(t.film >= 0 && t.film < n_films))
                break;
            check_dealt(&film[t.film], &t);
            flight[n_flight++] = t;
        } else if (n_flight > 0) {
            const int which = (int)draw(seed, &n, (uint32_t)n_flight);
            t = flight[which];
            flight[which] = flight[--n_flight];
            const enum task_end how = draw_end(seed, &n, &film[t.film], &t);
            book_end(&film[t.film], &t, how);
            schedule_end(s, &t, how);
            if (t.kind == TASK_PROBE && how == TASK_DONE)
                schedule_add_film(s, t.film, film[t.film].cost, 0);
        }
        if (n_steps % 64 == 0)
            check_books(s, film, n_films, flight, n_flight);
    }
    CHECK(n_flight == 0 && !is_any_left(film, n_films));
    for (int i = 0; i < n_films; i++)
        CHECK_INT(film[i].n_in_flight, 0);
    expect_over(&s);
}

/* ---- many ---- */

/* A limit that falls and trembles, as that of a run with little time left does. */
static void many(void)
{
    enum { N = 100000 };
    struct schedule *s = open_schedule(N, 1, 1e9);
    double last = HUGE_VAL;
    struct task task;
    uint32_t n = 0;
    int n_dealt = 0;

    for (int i = 0; i < N; i++)
        schedule_add_film(s, i, draw(7, &n, 1000000), 0);
    for (; n_dealt < N / 2; n_dealt++) {
        const double most = 1000000.0 - 10.0 * n_dealt + draw(7, &n, 5000);
        CHECK(schedule_next(s, most, &task) && task.cost <= most);
        schedule_end(s, &task, TASK_DONE);
    }
    for (; schedule_next(s, HUGE_VAL, &task); n_dealt++) {
        CHECK(task.cost <= last);
        last = task.cost;
        schedule_end(s, &task, TASK_DONE);
    }
    CHECK_INT(n_dealt, N);
    expect_over(&s);
}

/* Worker processes with a virtual clock; the measured one is tests/bench/month.c. */
static void month(void)
{
    const struct archive_setup usual = {.n_films = 1000,
                                        .error = 0.3,
                                        .most_seconds = 120.0,
                                        .least_seconds = 2.0,
                                        .task_seconds = 0.5,
                                        .probe_seconds = 0.05,
                                        .index_share = 0.01};
    static const int workers[] = {1, 3, 16, 64};

    for (uint64_t seed = 1; seed <= 4; seed++)
        for (size_t i = 0; i < 2 * sizeof workers / sizeof workers[0]; i++) {
            struct archive_setup setup = usual;
            struct archive_result r;

            setup.seed = seed;
            setup.n_workers = workers[i / 2];
            setup.slow_share = i % 2 ? 0.2 : 0.0;
            CHECK_INT(archive_work(&setup, &r), ST_OK);
            CHECK(r.once && r.n_tasks >= 2 * setup.n_films && r.n_cut > 100);
            CHECK(r.makespan / r.ideal >= 1.0 && r.makespan / r.ideal <= 1.05);
        }
}

int main(void)
{
    empty();
    probe_then_film();
    cut_film();
    unsplit_join();
    again();
    dropped();
    order();
    pieces();
    pieces_late();
    most_cost();
    for (uint64_t seed = 1; seed <= 60; seed++)
        random_ends(seed);
    many();
    month();
    return test_end();
}
