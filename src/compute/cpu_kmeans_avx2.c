/* cpu_kmeans_avx2: the inner loops of k-means, eight points at a time. Compiled with -mavx2 and called only where the
 * processor has it. vpmaddwd does two of the three products of a score at once: 5 instructions for 8 points a centre.
 */
#if defined __x86_64__

#include "compute/cpu.h"

#include <immintrin.h>

/* r, g, b and 1, times weight, in four 64-bit lanes. */
static __m256i point_sums(const struct cpu_points *p, uint32_t i)
{
    const __m256i colour = _mm256_cvtepu8_epi64(_mm_cvtsi32_si128((int)p->colour[i]));

    return _mm256_mul_epu32(colour, _mm256_set1_epi64x((long long)p->weight[i]));
}

static void move_points(const struct cpu_points *p, uint32_t start, unsigned changed, uint32_t *label,
                        const uint32_t *nearest, uint64_t (*sum)[4])
{
    while (changed) {
        const uint32_t i = (uint32_t)__builtin_ctz(changed);
        const __m256i v = point_sums(p, start + i);
        const uint32_t old = label[start + i];

        if (old < COMPUTE_MAX_K) {
            __m256i *from = (__m256i *)sum[old];
            _mm256_storeu_si256(from, _mm256_sub_epi64(_mm256_loadu_si256(from), v));
        }
        __m256i *to = (__m256i *)sum[nearest[i]];
        _mm256_storeu_si256(to, _mm256_add_epi64(_mm256_loadu_si256(to), v));
        label[start + i] = nearest[i];
        changed &= changed - 1;
    }
}

static void assign(const struct cpu_points *p, const struct cpu_centres *centres, uint32_t *label, uint64_t (*sum)[4])
{
    __m256i bias[COMPUTE_MAX_K], rg[COMPUTE_MAX_K], b[COMPUTE_MAX_K];
    const int k = centres->k;

    for (int j = 0; j < k; j++) {
        const uint16_t *c = centres->c[j];
        const uint32_t r = (uint16_t)(c[0] - 32768), g = (uint16_t)(c[1] - 32768), bl = (uint16_t)(c[2] - 32768);
        bias[j] = _mm256_set1_epi32(kmeans_bias(c, j));
        rg[j] = _mm256_set1_epi32((int)(r | g << 16));
        b[j] = _mm256_set1_epi32((int)bl);
    }

    const __m256i index_mask = _mm256_set1_epi32(31);
    for (uint32_t i = 0; i < p->n_padded; i += 16) {
        const __m256i rg0 = _mm256_load_si256((const __m256i *)(p->factor_rg + i));
        const __m256i rg1 = _mm256_load_si256((const __m256i *)(p->factor_rg + i + 8));
        const __m256i b0 = _mm256_load_si256((const __m256i *)(p->factor_b + i));
        const __m256i b1 = _mm256_load_si256((const __m256i *)(p->factor_b + i + 8));
        __m256i best0 = _mm256_set1_epi32(INT32_MAX), best1 = best0;

        for (int j = 0; j < k; j++) {
            const __m256i s0 =
                _mm256_add_epi32(_mm256_add_epi32(_mm256_madd_epi16(rg0, rg[j]), bias[j]), _mm256_madd_epi16(b0, b[j]));
            const __m256i s1 =
                _mm256_add_epi32(_mm256_add_epi32(_mm256_madd_epi16(rg1, rg[j]), bias[j]), _mm256_madd_epi16(b1, b[j]));
            best0 = _mm256_min_epi32(best0, s0);
            best1 = _mm256_min_epi32(best1, s1);
        }
        best0 = _mm256_and_si256(best0, index_mask);
        best1 = _mm256_and_si256(best1, index_mask);
        const __m256i same0 = _mm256_cmpeq_epi32(best0, _mm256_load_si256((const __m256i *)(label + i)));
        const __m256i same1 = _mm256_cmpeq_epi32(best1, _mm256_load_si256((const __m256i *)(label + i + 8)));
        const unsigned same = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(same0)) |
                              (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(same1)) << 8;
        if (same != 0xFFFF) {
            _Alignas(32) uint32_t nearest[16];
            _mm256_store_si256((__m256i *)nearest, best0);
            _mm256_store_si256((__m256i *)(nearest + 8), best1);
            move_points(p, i, ~same & 0xFFFF, label, nearest, sum);
        }
    }
}

struct colour8 {
    __m256i rg, b;
};

static struct colour8 broadcast(const struct cpu_points *p, uint32_t i)
{
    return (struct colour8){_mm256_set1_epi32(p->factor_rg[i]), _mm256_set1_epi32(p->factor_b[i])};
}

static __m256i squared_distance(__m256i rg, __m256i b, struct colour8 to)
{
    const __m256i drg = _mm256_sub_epi16(rg, to.rg), db = _mm256_sub_epi16(b, to.b);

    return _mm256_srli_epi32(_mm256_add_epi32(_mm256_madd_epi16(drg, drg), _mm256_madd_epi16(db, db)), 12);
}

/* Adds eight products of 32-bit numbers to four 64-bit lanes. */
static __m256i add_products(__m256i total, __m256i x, __m256i y)
{
    total = _mm256_add_epi64(total, _mm256_mul_epu32(x, y));
    return _mm256_add_epi64(total, _mm256_mul_epu32(_mm256_srli_epi64(x, 32), _mm256_srli_epi64(y, 32)));
}

static uint64_t add_lanes(__m256i v)
{
    const __m128i half = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));

    return (uint64_t)_mm_extract_epi64(half, 0) + (uint64_t)_mm_extract_epi64(half, 1);
}

static void try_seeds(const struct cpu_points *p, const uint32_t *d2, const uint32_t *trial, int n_trials,
                      uint64_t *potential)
{
    struct colour8 seed[KMEANS_MAX_TRIALS];
    __m256i total[KMEANS_MAX_TRIALS];

    for (int t = 0; t < n_trials; t++) {
        seed[t] = broadcast(p, trial[t]);
        total[t] = _mm256_setzero_si256();
    }
    for (uint32_t i = 0; i < p->n_padded; i += 8) {
        const __m256i rg = _mm256_load_si256((const __m256i *)(p->factor_rg + i));
        const __m256i b = _mm256_load_si256((const __m256i *)(p->factor_b + i));
        const __m256i weight = _mm256_load_si256((const __m256i *)(p->weight + i));
        const __m256i near = _mm256_load_si256((const __m256i *)(d2 + i));
        for (int t = 0; t < n_trials; t++)
            total[t] = add_products(total[t], weight, _mm256_min_epu32(near, squared_distance(rg, b, seed[t])));
    }
    for (int t = 0; t < n_trials; t++)
        potential[t] = add_lanes(total[t]);
}

static void take_seed(const struct cpu_points *p, uint32_t seed, uint32_t *d2, uint64_t *block)
{
    const struct colour8 taken = broadcast(p, seed);

    for (uint32_t i = 0; i < p->n_padded; i += 16) {
        __m256i total = _mm256_setzero_si256();
        for (uint32_t h = i; h < i + 16; h += 8) {
            const __m256i rg = _mm256_load_si256((const __m256i *)(p->factor_rg + h));
            const __m256i b = _mm256_load_si256((const __m256i *)(p->factor_b + h));
            const __m256i near =
                _mm256_min_epu32(_mm256_load_si256((const __m256i *)(d2 + h)), squared_distance(rg, b, taken));
            _mm256_store_si256((__m256i *)(d2 + h), near);
            total = add_products(total, _mm256_load_si256((const __m256i *)(p->weight + h)), near);
        }
        block[i / 16] = add_lanes(total);
    }
}

const struct cpu_kmeans_loops cpu_kmeans_avx2 = {
    .name = "AVX2", .assign = assign, .try_seeds = try_seeds, .take_seed = take_seed};

const struct cpu_kmeans_loops *cpu_kmeans_best_loops(void)
{
    return __builtin_cpu_supports("avx2") ? &cpu_kmeans_avx2 : &cpu_kmeans_plain;
}

#endif
