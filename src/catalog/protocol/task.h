/* task: a step of a film's way through a catalogue: PROBE (its cost is not known yet) -> FILM (all of it at one go)
 *                                                                              or -> INDEX -> PIECE x n -> JOIN. */
#ifndef JACQUARD_CATALOG_PROTOCOL_TASK_H
#define JACQUARD_CATALOG_PROTOCOL_TASK_H

#include <stdbool.h>
#include <stdint.h>

enum { TASK_MOST_PIECES = 256 }; /* of a film */

enum task_kind { TASK_PROBE, TASK_FILM, TASK_INDEX, TASK_PIECE, TASK_JOIN, N_TASK_KINDS };
extern const char *const task_kind_names[N_TASK_KINDS]; /* "probe", "film", "index", "piece", "join" */

struct task {
    enum task_kind kind;
    int64_t film;        /* number in the catalogue */
    int piece, n_pieces; /* of PIECE: piece 0 .. n_pieces - 1; else 0 and n_pieces of the film (1 = not cut) */
    bool unsplit;        /* FILM: decode from start to end, the pieces did not fit together */
    double cost;         /* seconds of one core; a PIECE has its share of the film's, PROBE, INDEX and JOIN have 0 */
};

#endif
