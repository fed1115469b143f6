// Hexadecimal text, see hex.h.
//
// Both directions go through a table: transaction ids and addresses are printed and read by the
// million, and a branch on each digit would cost more than everything around it. The decoding table
// holds 0xff for what is no digit, so that one test of the two halves together finds any mistake.
#include "codec/hex.h"

#include "base/check.h"

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

bool dp_hex_decode(uint8_t *ret_bytes, size_t n, const char *text)
{
	DP_CHECK(ret_bytes != NULL || n == 0);
	DP_CHECK(text != NULL || n == 0);
	// Look at everything before writing anything: outputs are written only on success.
	for (size_t i = 0; i < 2 * n; i++)
		if (digit_value(text[i]) == 0xff) return false;
	for (size_t i = 0; i < n; i++)
		ret_bytes[i] =
		    (uint8_t)(digit_value(text[2 * i]) << 4 | digit_value(text[2 * i + 1]));
	return true;
}
