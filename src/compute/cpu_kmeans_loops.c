/* cpu_kmeans_loops: the inner loops of k-means in plain C: the definition. */
#include "compute/cpu.h"

static int16_t low_half(int32_t v)
{
    return (int16_t)(v & 0xFFFF);
}

static int16_t high_half(int32_t v)
{
    return (int16_t)(v >> 16);
}

static uint32_t squared_distance(const struct cpu_points *p, uint32_t a, uint32_t b)
{
    const int32_t r = low_half(p->factor_rg[a]) - low_half(p->factor_rg[b]);
    const int32_t g = high_half(p->factor_rg[a]) - high_half(p->factor_rg[b]);
    const int32_t bl = low_half(p->factor_b[a]) - low_half(p->factor_b[b]);

    return (uint32_t)(r * r + g * g + bl * bl) >> 12; /* factors are 64 levels */
}

static void add_point(const struct cpu_points *p, uint32_t i, uint64_t *sum, uint64_t sign)
{
    const uint64_t weight = sign * p->weight[i];
    const uint32_t colour = p->colour[i];

    sum[0] += weight * (colour & 255);
    sum[1] += weight * (colour >> 8 & 255);
    sum[2] += weight * (colour >> 16 & 255);
    sum[3] += weight;
}

static void assign(const struct cpu_points *p, const struct cpu_centres *centres, uint32_t *label, uint64_t (*sum)[4])
{
    int32_t bias[COMPUTE_MAX_K];

    for (int j = 0; j < centres->k; j++)
        bias[j] = kmeans_bias(centres->c[j], j);

    for (uint32_t i = 0; i < p->n; i++) {
        const int32_t r = low_half(p->factor_rg[i]), g = high_half(p->factor_rg[i]), b = low_half(p->factor_b[i]);
        int32_t best = INT32_MAX;

        for (int j = 0; j < centres->k; j++) {
            const uint16_t *c = centres->c[j];
            const int32_t score = bias[j] + r * (c[0] - 32768) + g * (c[1] - 32768) + b * (c[2] - 32768);
            best = score < best ? score : best;
        }
        const uint32_t nearest = (uint32_t)best & 31;
        if (nearest != label[i]) {
            if (label[i] < COMPUTE_MAX_K)
                add_point(p, i, sum[label[i]], (uint64_t)-1);
            add_point(p, i, sum[nearest], 1);
            label[i] = nearest;
        }
    }
}

static void try_seeds(const struct cpu_points *p, const uint32_t *d2, const uint32_t *trial, int n_trials,
                      uint64_t *potential)
{
    for (int t = 0; t < n_trials; t++) {
        uint64_t total = 0;
        for (uint32_t i = 0; i < p->n; i++) {
            const uint32_t d = squared_distance(p, i, trial[t]);
            total += (uint64_t)p->weight[i] * (d < d2[i] ? d : d2[i]);
        }
        potential[t] = total;
    }
}

static void take_seed(const struct cpu_points *p, uint32_t seed, uint32_t *d2, uint64_t *block)
{
    for (uint32_t start = 0; start < p->n_padded; start += 16) {
        uint64_t total = 0;
        for (uint32_t i = start; i < start + 16; i++) {
            const uint32_t d = squared_distance(p, i, seed);
            d2[i] = d < d2[i] ? d : d2[i];
            total += (uint64_t)p->weight[i] * d2[i];
        }
        block[start / 16] = total;
    }
}

const struct cpu_kmeans_loops cpu_kmeans_plain = {
    .name = "plain C", .assign = assign, .try_seeds = try_seeds, .take_seed = take_seed};

#if !defined __x86_64__
const struct cpu_kmeans_loops *cpu_kmeans_best_loops(void)
{
    return &cpu_kmeans_plain;
}
#endif
