// See keccak_many.h. The rounds are those of keccak_round.h on vectors (an extension of GCC and
// Clang): element i of each of the 25 vectors belongs to message i. AVX-512 has a rotation and a
// three-operand "xor with and not" of its own, so that eight states cost less there than four do
// with AVX2.
#include "codec/keccak_many.h"

#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "codec/hash.h"
#include "codec/keccak_round.h"

static void many_plain(uint8_t *ret, const uint8_t *data, size_t size, size_t count)
{
	for (size_t i = 0; i < count; i++) dp_keccak256(ret + 32 * i, data + size * i, size);
}

#if defined(__x86_64__)

typedef uint64_t lanes4 __attribute__((vector_size(32)));
typedef uint64_t lanes8 __attribute__((vector_size(64)));

// The padded messages, word by word: element i of words[w] is word w of message i. The padding
// 10*1 is a first 1 bit behind the message and a last one at the end of the block.
static inline __attribute__((always_inline)) void spread(uint64_t *words, unsigned width,
                                                         const uint8_t *data, size_t size)
{
	size_t whole = size / 8, rest = size % 8;
	for (unsigned i = 0; i < width; i++) {
		const uint8_t *p = data + size * i;
		for (size_t w = 0; w < whole; w++)
			memcpy(&words[w * width + i], p + 8 * w, sizeof *words);
		uint8_t last[8] = {0};
		memcpy(last, p + 8 * whole, rest);
		last[rest] = 0x01;
		memcpy(&words[whole * width + i], last, sizeof last);
		words[(DP_KECCAK_RATE / 8 - 1) * width + i] ^= UINT64_C(0x80) << 56;
	}
}

#define PERMUTE_AND_GATHER(lane, width)                                                            \
	lane a[DP_KECCAK_LANES] = {0}, e[DP_KECCAK_LANES];                                         \
	spread((uint64_t *)a, (width), data, size);                                                \
	for (int i = 0; i < DP_KECCAK_ROUNDS; i += 2) {                                            \
		DP_KECCAK_ROUND(lane, e, a, dp_keccak_iota[i]);                                    \
		DP_KECCAK_ROUND(lane, a, e, dp_keccak_iota[i + 1]);                                \
	}                                                                                          \
	for (unsigned i = 0; i < (width); i++)                                                     \
		for (size_t w = 0; w < 4; w++) {                                                   \
			uint64_t word = a[w][i];                                                   \
			memcpy(ret + 32 * i + 8 * w, &word, sizeof word);                          \
		}

__attribute__((target("avx2"))) static void four(uint8_t *ret, const uint8_t *data, size_t size)
{
	PERMUTE_AND_GATHER(lanes4, 4)
}

__attribute__((target("avx512f"))) static void eight(uint8_t *ret, const uint8_t *data, size_t size)
{
	PERMUTE_AND_GATHER(lanes8, 8)
}

unsigned dp_keccak256_many_width(void)
{
	if (__builtin_cpu_supports("avx512f")) return 8;
	return __builtin_cpu_supports("avx2") ? 4 : 1;
}

#else

unsigned dp_keccak256_many_width(void)
{
	return 1;
}

#endif

void dp_keccak256_many_of(uint8_t *ret, const uint8_t *data, size_t size, size_t count,
                          unsigned width)
{
	DP_CHECK((ret != NULL && data != NULL) || count == 0);
	DP_CHECK(size <= DP_KECCAK_MANY_SIZE_MAX);
	size_t done = 0;
#if defined(__x86_64__)
	unsigned most = dp_keccak256_many_width();
	for (; width == 8 && most == 8 && done + 8 <= count; done += 8)
		eight(ret + 32 * done, data + size * done, size);
	// What eight leave over may still be four.
	for (; width >= 4 && most >= 4 && done + 4 <= count; done += 4)
		four(ret + 32 * done, data + size * done, size);
#else
	(void)width;
#endif
	many_plain(ret + 32 * done, data + size * done, size, count - done);
}

void dp_keccak256_many(uint8_t *ret, const uint8_t *data, size_t size, size_t count)
{
	dp_keccak256_many_of(ret, data, size, count, dp_keccak256_many_width());
}
