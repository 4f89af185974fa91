/* extract_result: what comes of an extraction, and what follows from it. */
#include "barcode/extract.h"
#include "base/mem.h"

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
    return r->clusters && r->light && r->lines && r->hash && r->delivered ? ST_OK : ST_NOMEM;
}

void extract_result_release(struct extract_result *r)
{
    free(r->clusters);
    free(r->light);
    free(r->lines);
    free(r->hash);
    free(r->delivered);
    *r = (struct extract_result){0};
}

int64_t extract_result_missing(const struct extract_result *r)
{
    int64_t n = 0;

    for (int64_t i = 0; i < r->n; i++)
        n += r->delivered[i] != 1;
    return n;
}

void extract_stats_add(struct extract_stats *sum, const struct extract_stats *s)
{
    sum->open_us += s->open_us;
    sum->wait_us += s->wait_us;
    sum->decode_us += s->decode_us;
    sum->convert_us += s->convert_us;
    sum->cluster_us += s->cluster_us;
    sum->frames_decoded += s->frames_decoded;
    sum->packets_sent += s->packets_sent;
    sum->frames_clustered += s->frames_clustered;
    sum->damaged += s->damaged;
    sum->n_cpu_decoders = s->n_cpu_decoders > sum->n_cpu_decoders ? s->n_cpu_decoders : sum->n_cpu_decoders;
    sum->n_nvdec_decoders = s->n_nvdec_decoders > sum->n_nvdec_decoders ? s->n_nvdec_decoders : sum->n_nvdec_decoders;
}

enum extract_verdict extract_judge(const struct extract_count *count)
{
    if (count->n_missing > 0 && count->was_to_drain)
        return EXTRACT_DRAINED;
    if (!count->is_sequential && (count->n_missing > 0 || count->n_damaged > 0))
        return EXTRACT_AGAIN;
    return count->n_missing > 0 ? EXTRACT_LOST : EXTRACT_SOUND;
}
