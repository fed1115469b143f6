// See utf8.h.
//
// The table of well-formed sequences is RFC 3629, section 4; the ranges of format characters are
// those of general category Cf in Unicode 15 that can move or hide their neighbours. Those are not
// harmless: a log line with U+202E reads backwards, and an address with U+200B in it looks like
// another (the "Trojan Source" attacks).
#include "codec/utf8.h"

#include "base/check.h"

uint32_t dp_utf8_next(const char *text, size_t n, size_t *io_at)
{
	DP_CHECK(*io_at < n);
	const uint8_t *p = (const uint8_t *)text + *io_at;
	size_t left = n - *io_at;
	(*io_at)++;
	if (p[0] < 0x80) return p[0];
	// Length, and the least code point that may need it: anything below is overlong.
	uint32_t more, least, value;
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		more = 1, least = 0x80, value = p[0] & 0x1fu;
	} else if ((p[0] & 0xf0) == 0xe0) {
		more = 2, least = 0x800, value = p[0] & 0x0fu;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		more = 3, least = 0x10000, value = p[0] & 0x07u;
	} else {
		return DP_UTF8_BAD;
	}
	if (left <= more) return DP_UTF8_BAD;
	for (uint32_t i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80) return DP_UTF8_BAD;
		value = value << 6 | (p[i] & 0x3fu);
	}
	if (value < least || value > 0x10ffff) return DP_UTF8_BAD;
	if (value >= 0xd800 && value <= 0xdfff) return DP_UTF8_BAD;
	*io_at += more;
	return value;
}

bool dp_utf8_is_shown(uint32_t c)
{
	// Ranges of what is not, in order.
	static const struct {
		uint32_t first, last;
	} hidden[] = {
	    {0x0000, 0x001f},   {0x007f, 0x009f}, // controls
	    {0x00ad, 0x00ad},                     // soft hyphen
	    {0x061c, 0x061c},                     // Arabic letter mark
	    {0x180e, 0x180e},                     // Mongolian vowel separator
	    {0x200b, 0x200f},                     // zero width, marks of direction
	    {0x2028, 0x202e},                     // separators of lines, embeddings, overrides
	    {0x2060, 0x206f},                     // word joiner to isolates
	    {0xd800, 0xdfff},                     // surrogates: no characters at all
	    {0xfdd0, 0xfdef},                     // noncharacters
	    {0xfeff, 0xfeff},                     // byte order mark
	    {0xfff0, 0xfffb},                     // interlinear annotation
	    {0xfffe, 0xffff},                     // noncharacters
	    {0xe0000, 0xe0fff},                   // tags
	};
	DP_CHECK(c <= 0x10ffff);
	for (uint32_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
		if (c < hidden[i].first) break;
		if (c <= hidden[i].last) return false;
	}
	return (c & 0xfffe) != 0xfffe; // the last two of every plane are noncharacters
}
