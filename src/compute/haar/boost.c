/* boost: what is the same for both backends: see boost.h. */
#include "compute/haar/boost.h"

#include "base/mem.h"

#include <stdlib.h>

static uint32_t at_most(size_t n, uint32_t limit)
{
    return n < limit ? (uint32_t)n : limit;
}

struct boost_chunks boost_plan_chunks(const struct boost_setup *setup, uint32_t n_features, int n_nodes)
{
    const struct boost_sum *sum = &setup->sum;
    const size_t columns = (size_t)setup->n_classes * (setup->columns == BOOST_SPLIT ? 2 : 1);
    const size_t bytes = HAAR_BINS * columns * (size_t)(n_nodes > 0 ? n_nodes : 1) * sizeof(int32_t);
    struct boost_chunks c = {.n_features = n_features, .n_rows = 1};

    c.has_halves = sum->sum_i32 && n_features * bytes > setup->histogram_bytes;
    if (sum->sum_i32 && sum->n_shards > 1 && n_features * bytes >= sum->scatter_bytes) {
        c.n_rows = (uint32_t)sum->n_shards;
        c.row = (uint32_t)sum->shard;
    }
    /* setup promises room for 2 n_shards features: a chunk is never empty. */
    const uint32_t filled_up = (n_features + c.n_rows - 1) / c.n_rows * c.n_rows;
    c.n = at_most(setup->histogram_bytes / (c.has_halves ? 2 : 1) / bytes, filled_up) / c.n_rows * c.n_rows;
    return c;
}

struct boost_chunk boost_chunk_at(const struct boost_chunks *chunks, uint32_t first)
{
    struct boost_chunk c = {.n = at_most(chunks->n_features - first, chunks->n)};

    c.row = (c.n + chunks->n_rows - 1) / chunks->n_rows;
    c.mine = at_most(chunks->row * (size_t)c.row, c.n);
    c.n_mine = at_most(c.n - c.mine, c.row);
    return c;
}

enum status boost_choose(const struct boost_sum *sum, int n_nodes, struct boost_best *best)
{
    const size_t n = (size_t)n_nodes;
    struct boost_best *all = mem_array((size_t)sum->n_shards * n, sizeof *all);
    enum status st = all ? sum->all_gather(sum->context, best, n * sizeof *best, all) : ST_NOMEM;

    /* Where nobody found a cut the first shard's totals stand; they are 0 if it searched no features. */
    for (size_t i = 0; st == ST_OK && i < n; i++) {
        best[i] = all[i];
        for (int s = 1; s < sum->n_shards; s++)
            if (boost_is_better(&all[(size_t)s * n + i], &best[i]))
                best[i] = all[(size_t)s * n + i];
    }
    free(all);
    return st;
}
