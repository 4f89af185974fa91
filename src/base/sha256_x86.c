/* sha256_x86: SHA-256's rounds by the SHA instructions, where the processor has them: two rounds an instruction. */
#include "base/sha256_blocks.h"

#if defined __x86_64__

#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>
#include <stdbool.h>

#define SHA_CODE __attribute__((target("sha,sse4.1")))

/* The next four words of the schedule, of the last sixteen: w[t] = s1(w[t-2]) + w[t-7] + s0(w[t-15]) + w[t-16]. */
SHA_CODE static __m128i next_words(const __m128i w[4])
{
    const __m128i seven_back = _mm_alignr_epi8(w[3], w[2], 4);

    return _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(w[0], w[1]), seven_back), w[3]);
}

SHA_CODE static void blocks_x86(uint32_t state[8], const uint8_t *block, size_t n)
{
    const __m128i big_endian = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    const __m128i abcd = _mm_loadu_si128((const __m128i *)state), efgh = _mm_loadu_si128((const __m128i *)(state + 4));
    const __m128i badc = _mm_shuffle_epi32(abcd, 0xB1), hgfe = _mm_shuffle_epi32(efgh, 0x1B);
    __m128i abef = _mm_alignr_epi8(badc, hgfe, 8), cdgh = _mm_blend_epi16(hgfe, badc, 0xF0); /* as the rounds want it */

    for (; n > 0; n--, block += 64) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i w[4];
        for (int i = 0; i < 4; i++)
            w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(block + 16 * i)), big_endian);
#pragma GCC unroll 16
        for (int t = 0; t < 64; t += 4) {
            const __m128i constants = _mm_loadu_si128((const __m128i *)(sha256_constant + t));
            const __m128i sum = _mm_add_epi32(w[0], constants), later = next_words(w);
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0E));
            w[0] = w[1];
            w[1] = w[2];
            w[2] = w[3];
            w[3] = later;
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    const __m128i feba = _mm_shuffle_epi32(abef, 0x1B), dchg = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

/* Asking is slow where a hypervisor answers: once. */
sha256_blocks *sha256_best_blocks(void)
{
    static _Atomic(sha256_blocks *) best;
    unsigned a = 0, b = 0, c = 0, d = 0;

    if (!atomic_load_explicit(&best, memory_order_relaxed)) {
        const bool has_sha =
            __builtin_cpu_supports("sse4.1") && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
        atomic_store_explicit(&best, has_sha ? blocks_x86 : sha256_blocks_plain, memory_order_relaxed);
    }
    return atomic_load_explicit(&best, memory_order_relaxed);
}

#else

sha256_blocks *sha256_best_blocks(void)
{
    return sha256_blocks_plain;
}

#endif
