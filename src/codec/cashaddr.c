// CashAddr, see cashaddr.h.
//
// Source: the CashAddr specification (bitcoincashorg/bitcoincash.org, spec/cashaddr.md); types 2
// and 3: CHIP-2022-02-CashTokens. An address is a prefix, a colon, and symbols of five bits in the
// alphabet of bech32: a version byte (0, four bits of type, three of length) and the hash, padded
// with zeros to whole symbols, and eight symbols of checksum. The checksum is a BCH code over
// GF(32) with 40 bits, taken over the low five bits of each letter of the prefix, a zero, and the
// symbols. Since it covers the prefix, people leave the prefix out; the reader supplies it.
#include "codec/cashaddr.h"

#include <stdbool.h>
#include <string.h>

#include "base/check.h"

enum {
	CHECK_COUNT = 8,
	PAYLOAD_MAX = 1 + DP_CASHADDR_HASH_MAX,  // bytes
	SYMBOLS_MAX = (PAYLOAD_MAX * 8 + 4) / 5, // 104
	SYMBOLS_MIN = ((1 + 20) * 8 + 4) / 5,    // 34: the shortest hash has 20 bytes
	TEXT_MIN = SYMBOLS_MIN + CHECK_COUNT,
};
_Static_assert(DP_CASHADDR_PREFIX_MAX + 1 + SYMBOLS_MAX + CHECK_COUNT < DP_CASHADDR_TEXT_MAX,
               "room for the longest address");

static const char charset[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
static const uint8_t hash_sizes[8] = {20, 24, 28, 32, 40, 48, 56, 64};

// Feeds one symbol into the checksum (the specification's PolyMod).
static uint64_t polymod_step(uint64_t state, uint8_t symbol)
{
	static const uint64_t generator[5] = {0x98f2bc8e61, 0x79b76d99e2, 0xf33e5fb3c4,
	                                      0xae2eabe2a8, 0x1e4f43e470};
	uint64_t top = state >> 35;
	state = (state & 0x07ffffffff) << 5 ^ symbol;
	for (int i = 0; i < 5; i++)
		if (top >> i & 1) state ^= generator[i];
	return state;
}

static uint64_t polymod_prefix(const char *prefix)
{
	uint64_t state = 1;
	for (const char *p = prefix; *p != 0; p++) state = polymod_step(state, (uint8_t)*p & 31);
	return polymod_step(state, 0);
}

size_t dp_cashaddr_encode(char out[DP_CASHADDR_TEXT_MAX], const char *prefix, uint8_t type,
                          const uint8_t *hash, size_t hash_size)
{
	DP_CHECK(out != NULL && (hash != NULL || hash_size == 0));
	DP_CHECK(prefix != NULL && prefix[0] != 0 && strlen(prefix) <= DP_CASHADDR_PREFIX_MAX);
	uint8_t payload[PAYLOAD_MAX], size_code = 0;
	while (size_code < 8 && hash_sizes[size_code] != hash_size) size_code++;
	if (size_code == 8 || type > DP_CASHADDR_TYPE_MAX) return 0;
	payload[0] = (uint8_t)(type << 3 | size_code);
	memcpy(payload + 1, hash, hash_size);

	uint64_t state = polymod_prefix(prefix);
	size_t at = strlen(prefix);
	memcpy(out, prefix, at);
	out[at++] = ':';
	uint32_t bits = 0, bit_count = 0;
	for (size_t i = 0; i <= hash_size; i++) {
		bits = (bits << 8 | payload[i]) & 0xfff;
		bit_count += 8;
		// The last byte is followed by zeros to the end of its symbol.
		if (i == hash_size && bit_count % 5 != 0) {
			bits <<= 5 - bit_count % 5;
			bit_count += 5 - bit_count % 5;
		}
		for (; bit_count >= 5; bit_count -= 5) {
			uint8_t symbol = bits >> (bit_count - 5) & 31;
			state = polymod_step(state, symbol);
			out[at++] = charset[symbol];
		}
	}
	for (int i = 0; i < CHECK_COUNT; i++) state = polymod_step(state, 0);
	state ^= 1;
	for (int i = CHECK_COUNT - 1; i >= 0; i--) out[at++] = charset[state >> (5 * i) & 31];
	out[at] = 0;
	DP_CHECK(at < DP_CASHADDR_TEXT_MAX);
	return at;
}

// Turns the text into symbols; it may begin with the prefix and a colon.
static dp_cashaddr_result split(uint8_t ret_symbols[SYMBOLS_MAX + CHECK_COUNT], size_t *ret_count,
                                const char *prefix, const char *text, size_t n)
{
	if (n < TEXT_MIN || n >= DP_CASHADDR_TEXT_MAX) return DP_CASHADDR_FORM;
	char folded[DP_CASHADDR_TEXT_MAX];
	bool lower = false, upper = false;
	size_t begin = 0;
	for (size_t i = 0; i < n; i++) {
		bool is_upper = text[i] >= 'A' && text[i] <= 'Z';
		lower |= text[i] >= 'a' && text[i] <= 'z';
		upper |= is_upper;
		folded[i] = is_upper ? (char)(text[i] + 32) : text[i];
		if (folded[i] == ':' && begin == 0) begin = i + 1;
	}
	if ((lower && upper) || begin == 1) return DP_CASHADDR_FORM;
	size_t count = n - begin;
	if (count < TEXT_MIN || count > SYMBOLS_MAX + CHECK_COUNT) return DP_CASHADDR_FORM;
	for (size_t i = 0; i < count; i++) {
		const char *p = memchr(charset, folded[begin + i], sizeof charset - 1);
		if (p == NULL) return DP_CASHADDR_FORM;
		ret_symbols[i] = (uint8_t)(p - charset);
	}
	size_t prefix_size = strlen(prefix);
	bool is_ours =
	    begin == 0 || (begin == prefix_size + 1 && memcmp(folded, prefix, prefix_size) == 0);
	*ret_count = count;
	return is_ours ? DP_CASHADDR_OK : DP_CASHADDR_PREFIX;
}

dp_cashaddr_result dp_cashaddr_decode(uint8_t *ret_type, uint8_t ret_hash[DP_CASHADDR_HASH_MAX],
                                      size_t *ret_hash_size, const char *prefix, const char *text,
                                      size_t n)
{
	DP_CHECK(ret_type != NULL && ret_hash != NULL && ret_hash_size != NULL);
	DP_CHECK(prefix != NULL && prefix[0] != 0 && (text != NULL || n == 0));
	uint8_t symbols[SYMBOLS_MAX + CHECK_COUNT], payload[PAYLOAD_MAX + 1];
	size_t count, size = 0;
	dp_cashaddr_result result = split(symbols, &count, prefix, text, n);
	if (result != DP_CASHADDR_OK) return result;
	uint64_t state = polymod_prefix(prefix);
	for (size_t i = 0; i < count; i++) state = polymod_step(state, symbols[i]);
	if (state != 1) return DP_CASHADDR_CHECKSUM;

	uint32_t bits = 0, bit_count = 0;
	for (size_t i = 0; i < count - CHECK_COUNT; i++) {
		bits = (bits << 5 | symbols[i]) & 0xfff;
		bit_count += 5;
		if (bit_count < 8) continue;
		bit_count -= 8;
		payload[size++] = (uint8_t)(bits >> bit_count);
	}
	DP_CHECK(size >= 1 && size <= PAYLOAD_MAX);
	// What is left over is padding: fewer than five bits, all of them zero.
	if (bit_count >= 5 || (bits & ((1u << bit_count) - 1)) != 0) return DP_CASHADDR_VERSION;
	if ((payload[0] & 0x80) != 0 || size - 1 != hash_sizes[payload[0] & 7])
		return DP_CASHADDR_VERSION;
	*ret_type = payload[0] >> 3;
	*ret_hash_size = size - 1;
	memcpy(ret_hash, payload + 1, size - 1);
	return DP_CASHADDR_OK;
}
