// The loops of scan_private.h with AVX-512F (Intel SDM, volume 2: VPGATHERDD, VPRORVD, VPTESTMD,
// VPCOMPRESSD), sixteen rows at a time.
//
// A number's bit is brought to the lowest place by rotating its word right by the number itself:
// rotation looks at the low five bits only, so that the shift needs no masking. Both words of a row
// are joined before the one test.
//
// Hits are written without asking whether there are any: among sixteen rows there often is one
// maybe, and a branch that goes either way costs more than the compression.
//
// The compression goes to a register and from there through a masked store: compressing straight
// to memory is microcode on Zen 4 and takes more than a hundred cycles.
#include "ledger/scan_private.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include "base/check.h"

#define AVX512 __attribute__((target("avx512f,popcnt")))
#define AVX512_INLINE __attribute__((target("avx512f,popcnt"), always_inline)) static inline

// The words of sixteen numbers, each rotated so that the number's bit is the lowest.
AVX512_INLINE __m512i look_up(__m512i number, __m512i mask, __mmask16 live, const uint32_t *table)
{
	__m512i word = _mm512_srli_epi32(_mm512_and_si512(number, mask), 5);
	__m512i zero = _mm512_setzero_si512();
	__m512i got = _mm512_mask_i32gather_epi32(zero, live, word, (const void *)table, 4);
	return _mm512_rorv_epi32(got, number);
}

AVX512_INLINE uint32_t put_hits(uint32_t *out, __mmask16 hit, uint32_t row)
{
	const __m512i step = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
	__m512i rows = _mm512_add_epi32(_mm512_set1_epi32((int)row), step);
	uint32_t count = (uint32_t)_mm_popcnt_u32(hit);
	__mmask16 first = (__mmask16)((1u << count) - 1);
	_mm512_mask_storeu_epi32(out, first, _mm512_maskz_compress_epi32(hit, rows));
	return count;
}

AVX512 uint64_t dp_scan_pairs_avx512(uint32_t *out, const uint32_t *src, const uint32_t *dst,
                                     uint64_t n, uint32_t base, const uint32_t *table,
                                     uint32_t bits)
{
	DP_CHECK(bits >= 5 && bits <= 31);
	const __m512i mask = _mm512_set1_epi32((int)((1u << bits) - 1));
	const __m512i one = _mm512_set1_epi32(1);
	uint64_t count = 0, i = 0;
	for (; i + 16 <= n; i += 16) {
		_mm_prefetch((const char *)(src + i) + DP_SCAN_AHEAD, _MM_HINT_T0);
		_mm_prefetch((const char *)(dst + i) + DP_SCAN_AHEAD, _MM_HINT_T0);
		__m512i a = look_up(_mm512_loadu_si512(src + i), mask, 0xffff, table);
		__m512i b = look_up(_mm512_loadu_si512(dst + i), mask, 0xffff, table);
		__mmask16 hit = _mm512_test_epi32_mask(_mm512_or_si512(a, b), one);
		count += put_hits(out + count, hit, base + (uint32_t)i);
	}
	if (i < n) {
		__mmask16 live = (__mmask16)((1u << (n - i)) - 1);
		__m512i a = look_up(_mm512_maskz_loadu_epi32(live, src + i), mask, live, table);
		__m512i b = look_up(_mm512_maskz_loadu_epi32(live, dst + i), mask, live, table);
		__mmask16 hit = _mm512_test_epi32_mask(_mm512_or_si512(a, b), one);
		count += put_hits(out + count, hit, base + (uint32_t)i);
	}
	return count;
}

AVX512 uint64_t dp_scan_numbers_avx512(uint32_t *out, const uint64_t *number, uint64_t n,
                                       uint32_t base, const uint32_t *table, uint32_t bits)
{
	DP_CHECK(bits >= 5 && bits <= 31);
	const __m512i mask = _mm512_set1_epi32((int)((1u << bits) - 1));
	const __m512i one = _mm512_set1_epi32(1);
	// The low halves of two vectors of eight are one of sixteen.
	const __m512i low =
	    _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
	uint64_t count = 0, i = 0;
	for (; i + 16 <= n; i += 16) {
		_mm_prefetch((const char *)(number + i) + DP_SCAN_AHEAD, _MM_HINT_T0);
		_mm_prefetch((const char *)(number + i) + DP_SCAN_AHEAD + 64, _MM_HINT_T0);
		__m512i head = _mm512_loadu_si512(number + i);
		__m512i tail = _mm512_loadu_si512(number + i + 8);
		__m512i got =
		    look_up(_mm512_permutex2var_epi32(head, low, tail), mask, 0xffff, table);
		__mmask16 hit = _mm512_test_epi32_mask(got, one);
		count += put_hits(out + count, hit, base + (uint32_t)i);
	}
	if (i < n) {
		uint32_t live = (1u << (n - i)) - 1;
		__m512i head = _mm512_maskz_loadu_epi64((__mmask8)live, number + i);
		__m512i tail = _mm512_setzero_si512();
		if (live >> 8 != 0)
			tail = _mm512_maskz_loadu_epi64((__mmask8)(live >> 8), number + i + 8);
		__m512i got = look_up(_mm512_permutex2var_epi32(head, low, tail), mask,
		                      (__mmask16)live, table);
		__mmask16 hit = _mm512_test_epi32_mask(got, one);
		count += put_hits(out + count, hit, base + (uint32_t)i);
	}
	return count;
}

#endif
