/* cuda_sketch: the GPU's sketch: codes, the weights' digits, sums, steps. Codes are kept from call to call where the
 * whole list's fit; else they are made anew, as many features at a time as fit. */
#include "compute/haar/sketch.h"
#include "kernels/haar/cuda_boost.h"

#include <string.h>

enum status cuda_sketch_open(struct cuda_boost *b)
{
    const size_t n_features = b->setup.most_features, step_bytes = n_features * sizeof *b->step;
    const size_t digit_bytes =
        sketch_passes(b->search.n_columns) * sketch_digit_words(b->all.images.stride) * sizeof *b->digits;

    CUDA_TRY(&b->gpu, launch_sketch_open(&b->search.device), "prepare the sketch");
    TRY(cuda_boost_reserve(b, &b->digits, digit_bytes, "weights"));
    TRY(cuda_boost_reserve(b, &b->column_total, BOOST_MAX_COLUMNS * sizeof *b->column_total, "weights"));
    TRY(cuda_boost_reserve(b, &b->step, step_bytes, "results"));
    return gpu_pin(&b->gpu, &b->host_step, step_bytes, "results");
}

/* Codes of features [first, first + n) of the list on the GPU, by parts whose bins fit. */
static enum status make_codes(struct cuda_boost *b, uint32_t first, uint32_t n)
{
    const size_t stride = b->search.active.images.stride, room = b->bins_bytes / stride;
    const uint32_t part = room < n ? (uint32_t)room : n;

    b->is_binned = false;
    for (uint32_t at = 0; at < n; at += part) {
        const uint32_t count = n - at < part ? n - at : part;
        CUDA_TRY(&b->gpu, launch_bins(&b->search, first + at, count, b->gpu.stream), "find bins");
        CUDA_TRY(&b->gpu, launch_codes(&b->search, count, b->codes + at * stride, b->gpu.stream), "find codes");
    }
    return ST_OK;
}

/* Steps of n features, whose codes begin at codes, by parts whose sums fit the histograms' room. */
static enum status make_steps(struct cuda_boost *b, uint32_t n, uint16_t *step)
{
    const struct boost_search *s = &b->search;
    const size_t histogram = HAAR_BINS * (size_t)s->n_columns * sizeof *b->histograms;
    const size_t room = b->setup.histogram_bytes / histogram * (HAAR_BINS / SKETCH_CUTS);
    const uint32_t part = room < n ? (uint32_t)room : n;

    for (uint32_t at = 0; at < n; at += part) {
        const uint32_t count = n - at < part ? n - at : part;
        CUDA_TRY(&b->gpu,
                 launch_sketch_sums(s, b->codes + at * s->active.images.stride, b->digits, count, b->histograms,
                                    b->gpu.stream),
                 "sum up codes");
        CUDA_TRY(&b->gpu, launch_sketch_steps(s, b->histograms, b->column_total, count, step + at, b->gpu.stream),
                 "find steps");
    }
    return ST_OK;
}

enum status cuda_sketch(void *priv, uint32_t n_features, const struct haar_feature *feature, uint64_t list_number,
                        int node, uint16_t *step)
{
    struct cuda_boost *b = priv;
    const size_t room = b->codes_bytes / b->search.active.images.stride;
    const uint32_t part = room < n_features ? (uint32_t)room : n_features;
    const int shift = sketch_shift(b->search.active.images.n, b->search.n_classes);

    if (b->setup.sum.sum_i32 || !b->setup.is_sketching)
        return FAIL(ST_BUG, "a sketch where there is no room for it, or shards add up");
    TRY(gpu_use(&b->gpu));
    CUDA_TRY(&b->gpu, launch_digits(&b->search, node, shift, b->digits, b->column_total, b->gpu.stream),
             "round weights");
    for (uint32_t at = 0; at < n_features; at += part) {
        const uint32_t count = n_features - at < part ? n_features - at : part;
        if (!b->is_coded || b->coded_number != list_number) {
            b->is_coded = false;
            TRY(cuda_search_take_list(b, n_features, feature, list_number));
            TRY(make_codes(b, at, count));
            b->is_coded = count == n_features;
            b->coded_number = list_number;
        }
        TRY(make_steps(b, count, b->step + at));
    }
    TRY(cuda_boost_fetch(b, b->host_step, b->step, n_features * sizeof *step, "the sketch"));
    memcpy(step, b->host_step, n_features * sizeof *step);
    return ST_OK;
}
