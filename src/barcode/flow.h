/* flow: an order of columns' colours in which bands run through the film. A colour of a column goes on where the one of
 * the column before lay that it is matched with: of all ways to match two columns the one whose differences of colour
 * (OKLab) and share are least in sum (the assignment problem: Kuhn, 1955, by shortest augmenting paths: Jonker and
 * Volgenant, 1987). Where most of a picture has no match there is a cut, and its colours are stacked anew by lightness.
 * In integers; pure, from column to column. */
#ifndef JACQUARD_BARCODE_FLOW_H
#define JACQUARD_BARCODE_FLOW_H

#include "compute/compute.h"

struct flow {
    struct space space;
    bool is_cut; /* the last column begins anew */
    int n;       /* of the last column, from the top: */
    struct flow_band {
        uint8_t lab[3]; /* bytes of OKLab */
        int32_t share;  /* of 4096 */
    } band[COMPUTE_MAX_K];
};

void flow_init(struct flow *flow);

/* The next column's clusters from the top: index[clusters->n]. */
void flow_next(struct flow *flow, const struct frame_clusters *clusters, int *index);

/* Rows, at most as many as columns, each to a column of its own, so that the sum of their costs is least:
 * cost[row * COMPUTE_MAX_K + column], 0..2^40; column_of[n_rows]. */
void flow_assign(const int64_t *cost, int n_rows, int n_columns, int *column_of);

#endif
