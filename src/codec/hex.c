// Hexadecimal text, see hex.h.
//
// Blocks come from nodes as hexadecimal text, so decoding must keep up with reading them: eight
// digits at a time in one word (Lamport, "Multiple byte processing with full-word instructions",
// 1975), and a single digit at a time only for what is left over. In a byte below 0x80, adding
// 0x80 - c sets the top bit exactly where the character is c or higher, and never carries into the
// next byte; two such sums say whether it lies in '0'..'9' or, with bit 5 set, in 'a'..'f'.
#include "codec/hex.h"

#include <string.h>

#include "base/check.h"

enum { GROUP = 8 }; // digits in a word

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static const char hex_digits[16] = "0123456789abcdef";

// The value of one digit, or 0xff.
static uint8_t digit_value(char c)
{
	if (c >= '0' && c <= '9') return (uint8_t)(c - '0');
	// Setting bit 5 turns 'A'..'F' into 'a'..'f' and nothing else into them.
	char lower = (char)(c | 0x20);
	if (lower >= 'a' && lower <= 'f') return (uint8_t)(lower - 'a' + 10);
	return 0xff;
}

void dp_hex_encode(char *out, const uint8_t *bytes, size_t n)
{
	DP_CHECK(out != NULL);
	DP_CHECK(bytes != NULL || n == 0);
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = hex_digits[bytes[i] >> 4];
		out[2 * i + 1] = hex_digits[bytes[i] & 15];
	}
	out[2 * n] = 0;
}

// Eight digits, the first in the lowest byte.
static inline uint64_t load(const char *text)
{
	uint64_t x;
	memcpy(&x, text, sizeof x);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	x = __builtin_bswap64(x);
#endif
	return x;
}

// The top bit of each byte that is a letter from a to f; those at or above 0x80 must be none.
static inline uint64_t letters_in(uint64_t x)
{
	uint64_t lower = x | EACH(0x20); // turns 'A'..'F' into 'a'..'f' and nothing else into them
	return (lower + EACH(0x80 - 'a')) & ~(lower + EACH(0x80 - 'g')) & EACH(0x80);
}

static inline bool are_digits(uint64_t x)
{
	if ((x & EACH(0x80)) != 0) return false;
	uint64_t numbers = (x + EACH(0x80 - '0')) & ~(x + EACH(0x80 - ':')) & EACH(0x80);
	return (numbers | letters_in(x)) == EACH(0x80);
}

// Four bytes from eight digits, the first in the lowest byte.
static inline uint32_t value_of(uint64_t x)
{
	uint64_t v = (x & EACH(0x0f)) + 9 * (letters_in(x) >> 7);
	// In each pair the first digit is the higher one; then the pairs move together.
	v = (v << 4 | v >> 8) & UINT64_C(0x00ff00ff00ff00ff);
	v = (v | v >> 8) & UINT64_C(0x0000ffff0000ffff);
	return (uint32_t)(v | v >> 16);
}

bool dp_hex_decode(uint8_t *ret_bytes, size_t n, const char *text)
{
	DP_CHECK(ret_bytes != NULL || n == 0);
	DP_CHECK(text != NULL || n == 0);
	size_t i = 0;
	// Look at everything before writing anything: outputs are written only on success.
	for (; i + GROUP <= 2 * n; i += GROUP)
		if (!are_digits(load(text + i))) return false;
	for (; i < 2 * n; i++)
		if (digit_value(text[i]) == 0xff) return false;
	for (i = 0; 2 * i + GROUP <= 2 * n; i += GROUP / 2) {
		uint32_t v = value_of(load(text + 2 * i));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		v = __builtin_bswap32(v);
#endif
		memcpy(ret_bytes + i, &v, sizeof v);
	}
	for (; i < n; i++)
		ret_bytes[i] =
		    (uint8_t)(digit_value(text[2 * i]) << 4 | digit_value(text[2 * i + 1]));
	return true;
}
