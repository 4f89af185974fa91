#include "barcode/flow.h"

#include <string.h>

enum {
    SHARE_ONE = 4096,
    FAR = 40 /* steps of OKLab, of which white has 245: what lies farther apart is another band */
};

void flow_init(struct flow *flow)
{
    memset(flow, 0, sizeof *flow);
    space_init(&flow->space, &(struct space_rules){SPACE_OKLAB, 256});
}

/* Shortest augmenting paths, a row after the other: potentials keep all reduced costs at 0 or more. */
void flow_assign(const int64_t *cost, int n_rows, int n_columns, int *column_of)
{
    int64_t of_row[COMPUTE_MAX_K + 1] = {0}, of_column[COMPUTE_MAX_K + 1] = {0}, least[COMPUTE_MAX_K + 1];
    int row_at[COMPUTE_MAX_K + 1] = {0}, before[COMPUTE_MAX_K + 1]; /* counted from 1; column 0 holds the new row */

    for (int row = 1; row <= n_rows; row++) {
        bool is_done[COMPUTE_MAX_K + 1] = {false};
        int column = 0;

        row_at[0] = row;
        for (int j = 0; j <= n_columns; j++)
            least[j] = INT64_MAX;
        do {
            int64_t step = INT64_MAX;
            int next = 0;
            is_done[column] = true;
            const int from = row_at[column];
            for (int j = 1; j <= n_columns; j++) {
                if (is_done[j])
                    continue;
                const int64_t reduced = cost[(from - 1) * COMPUTE_MAX_K + j - 1] - of_row[from] - of_column[j];
                if (reduced < least[j]) {
                    least[j] = reduced;
                    before[j] = column;
                }
                if (least[j] < step) {
                    step = least[j];
                    next = j;
                }
            }
            for (int j = 0; j <= n_columns; j++) {
                if (is_done[j]) {
                    of_row[row_at[j]] += step;
                    of_column[j] -= step;
                } else {
                    least[j] -= step;
                }
            }
            column = next;
        } while (row_at[column] != 0);
        for (; column != 0; column = before[column])
            row_at[column] = row_at[before[column]];
    }
    for (int j = 1; j <= n_columns; j++)
        if (row_at[j] != 0)
            column_of[row_at[j] - 1] = j - 1;
}

static int32_t distance(const struct flow_band *a, const struct flow_band *b)
{
    int32_t sum = 0;

    for (int i = 0; i < 3; i++)
        sum += (a->lab[i] - b->lab[i]) * (a->lab[i] - b->lab[i]);
    return sum;
}

/* A quarter of the picture weighs as 16 steps of colour, and large bands more than small ones. */
static int64_t cost_of(const struct flow_band *a, const struct flow_band *b)
{
    const int64_t more = (a->share - b->share) / (SHARE_ONE / 64);

    return (distance(a, b) + more * more) * (a->share + b->share);
}

static void list_bands(const struct flow *flow, const struct frame_clusters *clusters, struct flow_band *band)
{
    uint64_t total = 0;

    for (int i = 0; i < clusters->n; i++)
        total += clusters->count[i];
    for (int i = 0; i < clusters->n; i++) {
        uint8_t rgb[3];
        for (int c = 0; c < 3; c++)
            rgb[c] = (uint8_t)((clusters->centre[i][c] + 128) >> 8);
        space_encode(&flow->space, rgb, band[i].lab);
        band[i].share = (int32_t)(clusters->count[i] * (uint64_t)SHARE_ONE / total);
    }
}

/* match[new]: the old band that it goes on from, -1: none. */
static void match_bands(const struct flow *flow, const struct flow_band *band, int n, int *match)
{
    const bool is_fewer = n <= flow->n; /* the fewer are the rows */
    const int n_rows = is_fewer ? n : flow->n, n_columns = is_fewer ? flow->n : n;
    int64_t cost[COMPUTE_MAX_K * COMPUTE_MAX_K] = {0};
    int column_of[COMPUTE_MAX_K] = {0};

    for (int i = 0; i < n_rows; i++)
        for (int j = 0; j < n_columns; j++)
            cost[i * COMPUTE_MAX_K + j] =
                is_fewer ? cost_of(&band[i], &flow->band[j]) : cost_of(&band[j], &flow->band[i]);
    flow_assign(cost, n_rows, n_columns, column_of);
    for (int i = 0; i < n; i++)
        match[i] = -1;
    for (int i = 0; i < n_rows; i++) {
        const int new = is_fewer ? i : column_of[i], old = is_fewer ? column_of[i] : i;
        if (distance(&band[new], &flow->band[old]) <= FAR * FAR)
            match[new] = old;
    }
}

/* Puts a band where as few others as possible lie on the wrong side of it by lightness; the lowest such place. */
static void insert_by_lightness(const struct flow_band *band, int new, int *index, int n)
{
    int best = 0, best_wrong = n + 1;

    for (int at = 0; at <= n; at++) {
        int wrong = 0;
        for (int i = 0; i < n; i++)
            wrong += i < at ? band[index[i]].lab[0] < band[new].lab[0] : band[index[i]].lab[0] > band[new].lab[0];
        if (wrong <= best_wrong) {
            best_wrong = wrong;
            best = at;
        }
    }
    memmove(index + best + 1, index + best, (size_t)(n - best) * sizeof *index);
    index[best] = new;
}

void flow_next(struct flow *flow, const struct frame_clusters *clusters, int *index)
{
    const int n = clusters->n;
    struct flow_band band[COMPUTE_MAX_K] = {0};
    int match[COMPUTE_MAX_K], n_placed = 0;
    int32_t matched = 0, all = 0;

    list_bands(flow, clusters, band);
    match_bands(flow, band, n, match);
    for (int i = 0; i < n; i++) {
        all += band[i].share;
        matched += match[i] >= 0 ? band[i].share : 0;
    }
    flow->is_cut = 2 * matched < all;
    for (int old = 0; old < flow->n && !flow->is_cut; old++)
        for (int i = 0; i < n; i++)
            if (match[i] == old)
                index[n_placed++] = i;
    for (int i = 0; i < n; i++)
        if (flow->is_cut || match[i] < 0)
            insert_by_lightness(band, i, index, n_placed++);
    for (int i = 0; i < n; i++)
        flow->band[i] = band[index[i]];
    flow->n = n;
}
