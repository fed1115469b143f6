// See lookalike.h. The table of confusable letters is small on purpose: capitals and small letters
// of Cyrillic and Greek that have a Latin twin (Unicode Technical Standard 39, confusables), plus
// the full-width forms. Scripts beyond that have not been seen in poisoning tokens.
#include "chain/lookalike.h"

#include "base/check.h"

struct twin {
	uint32_t code;
	char latin;
};

static const struct twin twins[] = {
    {0x0391, 'A'}, {0x0392, 'B'}, {0x0395, 'E'}, {0x0396, 'Z'}, {0x0397, 'H'}, {0x0399, 'I'},
    {0x039a, 'K'}, {0x039c, 'M'}, {0x039d, 'N'}, {0x039f, 'O'}, {0x03a1, 'P'}, {0x03a4, 'T'},
    {0x03a5, 'Y'}, {0x03a7, 'X'}, {0x03bf, 'O'}, {0x03bd, 'V'}, {0x0405, 'S'}, {0x0406, 'I'},
    {0x0408, 'J'}, {0x0410, 'A'}, {0x0412, 'B'}, {0x0415, 'E'}, {0x041a, 'K'}, {0x041c, 'M'},
    {0x041d, 'H'}, {0x041e, 'O'}, {0x0420, 'P'}, {0x0421, 'C'}, {0x0422, 'T'}, {0x0423, 'Y'},
    {0x0425, 'X'}, {0x0430, 'A'}, {0x0435, 'E'}, {0x043e, 'O'}, {0x0440, 'P'}, {0x0441, 'C'},
    {0x0443, 'Y'}, {0x0445, 'X'}, {0x0455, 'S'}, {0x0456, 'I'}, {0x0458, 'J'}, {0x04bb, 'H'},
    {0x0501, 'D'}, {0x051a, 'Q'}, {0x051c, 'W'},
};

uint32_t dp_lookalike_ends(const dp_addr *a)
{
	DP_CHECK(a != NULL);
	if (a->kind != DP_ADDR_EVM) return 0;
	uint32_t first = (uint32_t)a->bytes[0] << 4 | a->bytes[1] >> 4;
	uint32_t last = (uint32_t)(a->bytes[18] & 15) << 8 | a->bytes[19];
	// The top bit keeps the value apart from "no such address".
	return 1u << 31 | first << 12 | last;
}

// Decodes one character; what is no UTF-8 is taken byte by byte.
static uint32_t next_code(const unsigned char **p)
{
	uint32_t c = *(*p)++;
	int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
	if (more == 0) return c;
	uint32_t code = c & (0x3fu >> more);
	for (int i = 0; i < more; i++) {
		if ((**p & 0xc0) != 0x80) return 0xfffd;
		code = code << 6 | (*(*p)++ & 0x3fu);
	}
	return code;
}

static char latin_of(uint32_t code)
{
	if (code >= 0xff01 && code <= 0xff5e) code -= 0xfee0; // full-width forms
	if (code >= 'a' && code <= 'z') return (char)(code - 32);
	if ((code >= 'A' && code <= 'Z') || (code >= '0' && code <= '9')) return (char)code;
	for (size_t i = 0; i < sizeof twins / sizeof *twins; i++)
		if (twins[i].code == code) return twins[i].latin;
	return 0;
}

size_t dp_lookalike_symbol(char *out, size_t out_size, const char *symbol)
{
	DP_CHECK(out_size > 0 && symbol != NULL);
	size_t n = 0;
	const unsigned char *p = (const unsigned char *)symbol;
	while (*p != 0) {
		char c = latin_of(next_code(&p));
		if (c != 0 && n + 1 < out_size) out[n++] = c;
	}
	out[n] = 0;
	return n;
}
