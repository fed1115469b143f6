// The loops of scan_private.h with AVX2 (Intel SDM, volume 2: VPGATHERDD, VPSLLVD, VMOVMSKPS),
// eight rows at a time.
//
// A number's bit is brought to the highest place of its word, from where VMOVMSKPS collects eight
// signs into one number; its bits are then walked. Hits are few where speed matters, so that no
// table of permutations is needed to write them.
#include "ledger/scan_private.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include "base/check.h"

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE __attribute__((target("avx2"), always_inline)) static inline

// The words of eight numbers, each shifted so that the number's bit is the highest.
AVX2_INLINE __m256i look_up(__m256i number, __m256i mask, const uint32_t *table)
{
	__m256i word = _mm256_srli_epi32(_mm256_and_si256(number, mask), 5);
	__m256i got = _mm256_i32gather_epi32((const int *)(const void *)table, word, 4);
	__m256i shift = _mm256_andnot_si256(number, _mm256_set1_epi32(31)); // 31 - number % 32
	return _mm256_sllv_epi32(got, shift);
}

AVX2_INLINE uint32_t signs(__m256i v)
{
	return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(v));
}

AVX2_INLINE __m256i load(const void *p)
{
	return _mm256_loadu_si256((const __m256i *)p);
}

AVX2_INLINE uint64_t put_hits(uint32_t *out, uint32_t hit, uint32_t row)
{
	uint64_t count = 0;
	for (; hit != 0; hit &= hit - 1) out[count++] = row + (uint32_t)__builtin_ctz(hit);
	return count;
}

AVX2 uint64_t dp_scan_pairs_avx2(uint32_t *out, const uint32_t *src, const uint32_t *dst,
                                 uint64_t n, uint32_t base, const uint32_t *table, uint32_t bits)
{
	DP_CHECK(bits >= 5 && bits <= 31);
	const __m256i mask = _mm256_set1_epi32((int)((1u << bits) - 1));
	uint64_t count = 0, i = 0;
	for (; i + 16 <= n; i += 16) {
		_mm_prefetch((const char *)(src + i) + DP_SCAN_AHEAD, _MM_HINT_T0);
		_mm_prefetch((const char *)(dst + i) + DP_SCAN_AHEAD, _MM_HINT_T0);
		__m256i a = look_up(load(src + i), mask, table);
		__m256i b = look_up(load(dst + i), mask, table);
		__m256i c = look_up(load(src + i + 8), mask, table);
		__m256i d = look_up(load(dst + i + 8), mask, table);
		uint32_t hit = signs(_mm256_or_si256(a, b)) | signs(_mm256_or_si256(c, d)) << 8;
		if (hit != 0) count += put_hits(out + count, hit, base + (uint32_t)i);
	}
	return count + dp_scan_pairs_plain(out + count, src + i, dst + i, n - i, base + (uint32_t)i,
	                                   table, bits);
}

// The low halves of eight 64-bit numbers.
AVX2_INLINE __m256i low_halves(const uint64_t *number)
{
	__m256 a = _mm256_castsi256_ps(load(number)), b = _mm256_castsi256_ps(load(number + 4));
	__m256i mixed = _mm256_castps_si256(_mm256_shuffle_ps(a, b, _MM_SHUFFLE(2, 0, 2, 0)));
	return _mm256_permute4x64_epi64(mixed, _MM_SHUFFLE(3, 1, 2, 0));
}

AVX2 uint64_t dp_scan_numbers_avx2(uint32_t *out, const uint64_t *number, uint64_t n, uint32_t base,
                                   const uint32_t *table, uint32_t bits)
{
	DP_CHECK(bits >= 5 && bits <= 31);
	const __m256i mask = _mm256_set1_epi32((int)((1u << bits) - 1));
	uint64_t count = 0, i = 0;
	for (; i + 16 <= n; i += 16) {
		_mm_prefetch((const char *)(number + i) + DP_SCAN_AHEAD, _MM_HINT_T0);
		_mm_prefetch((const char *)(number + i) + DP_SCAN_AHEAD + 64, _MM_HINT_T0);
		__m256i a = look_up(low_halves(number + i), mask, table);
		__m256i b = look_up(low_halves(number + i + 8), mask, table);
		uint32_t hit = signs(a) | signs(b) << 8;
		if (hit != 0) count += put_hits(out + count, hit, base + (uint32_t)i);
	}
	return count + dp_scan_numbers_plain(out + count, number + i, n - i, base + (uint32_t)i,
	                                     table, bits);
}

#endif
