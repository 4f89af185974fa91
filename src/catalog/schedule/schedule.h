/* schedule: what is done next. Pure: no clock, no ranks, no files. Longest first by estimated decode cost (LPT: Graham
 * 1969, at most 4/3 of the best makespan, far better with many small films), dealt one piece at a time to whoever is
 * free; films that are long against what a worker process has to do in all are cut into pieces, so that the last film
 * does not leave all worker processes but one idle.
 *
 * A film's way: PROBE (its cost is not known yet) -> FILM (all of it at one go)
 *                                               or -> INDEX -> PIECE x n -> JOIN.
 *
 * Nothing here fails once it is open: all memory is taken by schedule_open, about 150 bytes a film. */
#ifndef JACQUARD_CATALOG_SCHEDULE_SCHEDULE_H
#define JACQUARD_CATALOG_SCHEDULE_SCHEDULE_H

#include "base/status.h"
#include "catalog/protocol/task.h"

#include <stdbool.h>
#include <stdint.h>

/* What became of a task. */
enum task_end {
    TASK_DONE,
    TASK_AGAIN,   /* to be done again, after all that is not: decoding crashed, hung, was told to end ... */
    TASK_UNSPLIT, /* of INDEX (the film cannot be cut) or JOIN (pieces do not fit): the film follows as one FILM task,
                     after a JOIN with unsplit; of others the same as AGAIN */
    TASK_DROPPED  /* the film is given up: what is left of it is not dealt; its tasks in flight still end, however */
};

struct schedule_setup {
    int64_t n_films;
    int n_workers;        /* of all ranks, >= 1 */
    double worker_speed;  /* mean, in cores: cost / speed = seconds; > 0 */
    double most_seconds;  /* a piece shall not take a worker process longer than this; > 0 */
    double least_seconds; /* nor be made shorter than this; below most_seconds, 0: no matter how short */
};

struct schedule;

/* ST_NOMEM. *s is NULL where it fails; NULL may be closed. */
enum status schedule_open(const struct schedule_setup *setup, struct schedule **s);
void schedule_close(struct schedule **s);

/* Each film of the catalogue that is to be done is added once, one way or the other, and where a probe has ended as
 * DONE a second time, as a film; what is there already is passed over. A probe comes before all other work, big files
 * first. cost: what is not finite or below 0 counts as 0. n_pieces: 0 = to be decided (so is what is not in 0 .. 256),
 * > 0 = from an earlier run that has begun the film: 1 is not cut, more start with the INDEX again: cheap where it was
 * kept. */
void schedule_add_probe(struct schedule *s, int64_t film, int64_t bytes);
void schedule_add_film(struct schedule *s, int64_t film, double cost, int n_pieces); /* also: what a probe found */

/* Takes the next task into flight; false where there is none now (there may be one when a task has ended). Probes
 * first, then joins, then films by falling cost; what is done again comes last. An index and all pieces have their
 * film's place: a film that is begun is finished before a shorter one is begun, and few are half done at a time.
 *
 * Nothing that costs more than most_cost is dealt (HUGE_VAL: no limit), and no INDEX where one piece would cost more.
 * A call is fast if most_cost is near the last one: the films in between are moved.
 *
 * A film is cut when it is dealt: if its cost is above a quarter of what one worker process still has to do from there
 * on (films not begun and tasks in flight, over the worker processes), or if it would take a worker process longer than
 * most_seconds; into as many pieces as keep each below both but not below least_seconds, 256 at most; where there is
 * one worker process, by most_seconds alone. A quarter, since the piece dealt last may take some times its estimate, on
 * a slow worker process. Pieces that are not dealt yet do not count as to be done: they come before this film's. With
 * them, many worker processes and few films, whose indexes are all dealt at once, gave 1.63 times the best makespan
 * instead of 1.03 (1,000 films, 512 worker processes; tests/bench/month). */
bool schedule_next(struct schedule *s, double most_cost, struct task *task);

/* Every task that was dealt ends once. After a PROBE that is DONE the caller adds the film with its cost, or leaves it.
 */
void schedule_end(struct schedule *s, const struct task *task, enum task_end end);

/* Cost not yet dealt, and in flight: of all that has to be done again too. Probes count nothing. */
double schedule_cost_left(const struct schedule *s);
double schedule_cost_in_flight(const struct schedule *s);

#endif
