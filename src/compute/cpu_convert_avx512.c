/* cpu_convert_avx512: bytes into linear light by registers: the table's 256 low bytes and 256 high bytes are four
 * registers each, and vpermi2b looks 64 bytes up in two of them. Compiled for processors with AVX-512 VBMI and called
 * only on those. A table in memory gives one value a cycle, this some twenty. */
#include "compute/cpu.h"

#if defined __x86_64__ && defined __GNUC__

#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vbmi")))

struct table {
    __m512i quarter[4]; /* entries 0..63, 64..127, ... */
};

AVX512 static inline __m512i look_up(const struct table *t, __m512i index)
{
    const __m512i lower = _mm512_permutex2var_epi8(t->quarter[0], index, t->quarter[1]); /* by 7 bits of the index */
    const __m512i upper = _mm512_permutex2var_epi8(t->quarter[2], index, t->quarter[3]);

    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), lower, upper);
}

AVX512 static inline struct table load_table(const struct transfer *transfer, int shift)
{
    struct table t;
    uint8_t bytes[256];

    for (int i = 0; i < 256; i++)
        bytes[i] = (uint8_t)(transfer->linear[i] >> shift);
    for (int q = 0; q < 4; q++)
        t.quarter[q] = _mm512_loadu_si512(bytes + 64 * q);
    return t;
}

/* 16 of the 64: low and high bytes become the light, which is weighed and added. */
AVX512 static inline void add_16(__m128i low, __m128i high, __m512i weight, uint32_t *column)
{
    const __m512i linear = _mm512_or_si512(_mm512_cvtepu8_epi32(low), _mm512_slli_epi32(_mm512_cvtepu8_epi32(high), 8));
    const __m512i sum = _mm512_loadu_si512(column);

    _mm512_storeu_si512(column, _mm512_add_epi32(sum, _mm512_mullo_epi32(linear, weight)));
}

AVX512 void cpu_add_linear_avx512(const struct transfer *transfer, const uint8_t *row, uint32_t weight, int n,
                                  uint32_t *column)
{
    const struct table low = load_table(transfer, 0), high = load_table(transfer, 8);
    const __m512i weights = _mm512_set1_epi32((int)weight);
    int x = 0;

    for (; x + 64 <= n; x += 64) {
        const __m512i index = _mm512_loadu_si512(row + x);
        const __m512i l = look_up(&low, index), h = look_up(&high, index);

        add_16(_mm512_extracti32x4_epi32(l, 0), _mm512_extracti32x4_epi32(h, 0), weights, column + x);
        add_16(_mm512_extracti32x4_epi32(l, 1), _mm512_extracti32x4_epi32(h, 1), weights, column + x + 16);
        add_16(_mm512_extracti32x4_epi32(l, 2), _mm512_extracti32x4_epi32(h, 2), weights, column + x + 32);
        add_16(_mm512_extracti32x4_epi32(l, 3), _mm512_extracti32x4_epi32(h, 3), weights, column + x + 48);
    }
    cpu_add_linear_plain(transfer, row + x, weight, n - x, column + x);
}

cpu_add_linear *cpu_best_add_linear(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512bw") ? cpu_add_linear_avx512
                                                                                      : cpu_add_linear_plain;
}

#else

cpu_add_linear *cpu_best_add_linear(void)
{
    return cpu_add_linear_plain;
}

#endif
