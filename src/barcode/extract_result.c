/* extract_result: what comes of an extraction, and what follows from it. */
#include "barcode/extract.h"
#include "barcode/frame_store.h"
#include "base/mem.h"

#include <stddef.h>
#include <stdlib.h>

enum status extract_result_make(const struct extract_setup *setup, struct extract_result *r)
{
    int64_t last;

    *r = (struct extract_result){0};
    plan_rank_samples(setup->plan, setup->rank, &r->first, &last);
    r->n = last - r->first;
    r->clusters = mem_array((size_t)r->n, sizeof *r->clusters);
    r->light = mem_array((size_t)r->n, sizeof *r->light);
    r->lines = mem_array((size_t)r->n, 3 * (size_t)setup->n_lines);
    r->hash = mem_array(setup->want_hash ? (size_t)r->n : 0, sizeof *r->hash);
    r->delivered = mem_array((size_t)r->n, 1);
    r->frames_with = setup->counts_cells ? mem_array(WEIGHTS_CELLS, sizeof *r->frames_with) : NULL;
    return r->clusters && r->light && r->lines && r->hash && r->delivered && (r->frames_with || !setup->counts_cells)
               ? ST_OK
               : ST_NOMEM;
}

void extract_result_release(struct extract_result *r)
{
    free(r->clusters);
    free(r->light);
    free(r->lines);
    free(r->hash);
    free(r->delivered);
    free(r->frames_with);
    frame_store_close(&r->kept);
    *r = (struct extract_result){0};
}

int64_t extract_result_missing(const struct extract_result *r)
{
    int64_t n = 0;

    for (int64_t i = 0; i < r->n; i++)
        n += r->delivered[i] != 1;
    return n;
}

_Static_assert(offsetof(struct extract_stats, n_cpu_decoders) == N_EXTRACT_SUMS * sizeof(int64_t) &&
                   offsetof(struct extract_stats, nvdec_refusal) == N_EXTRACT_STATS * sizeof(int64_t),
               "each number once");

void extract_stats_add(struct extract_stats *sum, const struct extract_stats *s)
{
    for (int i = 0; i < N_EXTRACT_SUMS; i++)
        sum->each[i] += s->each[i];
    for (int i = N_EXTRACT_SUMS; i < N_EXTRACT_STATS; i++)
        sum->each[i] = s->each[i] > sum->each[i] ? s->each[i] : sum->each[i];
}

enum extract_verdict extract_judge(const struct extract_count *count)
{
    if (count->n_missing > 0 && count->was_to_drain)
        return EXTRACT_DRAINED;
    if (!count->is_sequential && (count->n_missing > 0 || count->n_damaged > 0))
        return EXTRACT_AGAIN;
    return count->n_missing > 0 ? EXTRACT_LOST : EXTRACT_SOUND;
}
