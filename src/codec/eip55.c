// See eip55.h. Eight digits at a time in one word (as codec/hex.h): in ASCII letters have bit 6
// where digits have none, and small letters bit 5, which digits have too; so setting bit 5
// everywhere makes hex digits lower case.
#include "codec/eip55.h"

#include <string.h>

#include "base/check.h"
#include "codec/hash.h"
#include "codec/keccak_many.h"

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t load(const char *text)
{
	uint64_t x;
	memcpy(&x, text, sizeof x);
	return x;
}

// Bit 7 of each byte that is a letter, and of each that is an upper-case one.
static inline uint64_t letters_of(uint64_t x)
{
	return (x & EACH(0x40)) << 1;
}

static inline uint64_t uppers_of(uint64_t x)
{
	return letters_of(x) & ~(x << 2);
}

// Bit 7 of byte i where digit i of these four bytes of the hash is 8 or more: the first digit is
// the upper half of a byte. Each byte moves to the place of its two digits, then the lower half's
// bit into the second of them.
static inline uint64_t high_digits(const uint8_t hash[4])
{
	uint64_t v = (uint64_t)hash[0] | (uint64_t)hash[1] << 16 | (uint64_t)hash[2] << 32 |
	             (uint64_t)hash[3] << 48;
	uint64_t bits = (v & UINT64_C(0x0080008000800080)) | (v & UINT64_C(0x0008000800080008))
	                                                         << 12;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	bits = __builtin_bswap64(bits);
#endif
	return bits;
}

static void lower(char out[DP_EIP55_DIGITS], const char *text)
{
	for (size_t i = 0; i < DP_EIP55_DIGITS; i += 8) {
		uint64_t x = load(text + i) | EACH(0x20);
		memcpy(out + i, &x, sizeof x);
	}
}

static bool agrees(const char *text, const uint8_t hash[32])
{
	uint64_t wrong = 0;
	for (size_t i = 0; i < DP_EIP55_DIGITS; i += 8) {
		uint64_t x = load(text + i);
		wrong |= letters_of(x) & (high_digits(hash + i / 2) ^ uppers_of(x));
	}
	return wrong == 0;
}

bool dp_eip55_is_mixed(const char *text)
{
	uint64_t small = 0, upper = 0;
	DP_CHECK(text != NULL);
	for (size_t i = 0; i < DP_EIP55_DIGITS; i += 8) {
		uint64_t x = load(text + i);
		upper |= uppers_of(x);
		small |= letters_of(x) & ~uppers_of(x);
	}
	return small != 0 && upper != 0;
}

bool dp_eip55_is_right(const char *text)
{
	char digits[DP_EIP55_DIGITS];
	uint8_t hash[32];
	DP_CHECK(text != NULL);
	lower(digits, text);
	dp_keccak256(hash, digits, sizeof digits);
	return agrees(text, hash);
}

void dp_eip55_are_right(bool *ret_right, const char *const *texts, size_t count)
{
	char digits[DP_EIP55_TOGETHER_MAX][DP_EIP55_DIGITS];
	uint8_t hash[DP_EIP55_TOGETHER_MAX][32];
	DP_CHECK(count <= DP_EIP55_TOGETHER_MAX);
	DP_CHECK((ret_right != NULL && texts != NULL) || count == 0);
	if (count == 0) return;
	for (size_t i = 0; i < count; i++) lower(digits[i], texts[i]);
	dp_keccak256_many(hash[0], (const uint8_t *)digits[0], DP_EIP55_DIGITS, count);
	for (size_t i = 0; i < count; i++) ret_right[i] = agrees(texts[i], hash[i]);
}

void dp_eip55_set(char *io_text)
{
	uint8_t hash[32];
	DP_CHECK(io_text != NULL);
	dp_keccak256(hash, io_text, DP_EIP55_DIGITS);
	for (size_t i = 0; i < DP_EIP55_DIGITS; i += 8) {
		uint64_t x = load(io_text + i);
		DP_CHECK(uppers_of(x) == 0);
		// Without bit 5 a small letter is a capital.
		x &= ~((letters_of(x) & high_digits(hash + i / 2)) >> 2);
		memcpy(io_text + i, &x, sizeof x);
	}
}
