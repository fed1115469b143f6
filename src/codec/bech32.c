// Segregated-witness addresses, see bech32.h.
//
// Source: BIP 173 (bech32) and BIP 350 (bech32m). An address is the human-readable part, '1', the
// witness version as one symbol of five bits, the program in groups of five bits, and six symbols
// of checksum: a BCH code over GF(32) whose remainder is 1 for version 0 (bech32) and 0x2bc830a3
// for versions 1 to 16 (bech32m). Only witness programs are read here; other uses of bech32, such
// as invoices, are not addresses.
#include "codec/bech32.h"

#include <string.h>

#include "base/check.h"

enum { HRP_MAX = 20, DATA_MAX = 90, CHECK_COUNT = 6 };
#define BECH32_CONST 1u
#define BECH32M_CONST 0x2bc830a3u

static const char charset[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

// Feeds one symbol into the checksum (BIP 173, bech32_polymod).
static uint32_t polymod_step(uint32_t state, uint8_t symbol)
{
	static const uint32_t generator[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
	                                      0x2a1462b3};
	uint32_t top = state >> 25;
	state = (state & 0x1ffffff) << 5 ^ symbol;
	for (int i = 0; i < 5; i++)
		if (top >> i & 1) state ^= generator[i];
	return state;
}

// The checksum after the human-readable part, expanded as BIP 173 says: high bits, 0, low bits.
static uint32_t polymod_hrp(const char *hrp, size_t hrp_size)
{
	uint32_t state = 1;
	for (size_t i = 0; i < hrp_size; i++) state = polymod_step(state, (uint8_t)hrp[i] >> 5);
	state = polymod_step(state, 0);
	for (size_t i = 0; i < hrp_size; i++) state = polymod_step(state, (uint8_t)hrp[i] & 31);
	return state;
}

static bool program_allowed(uint8_t version, size_t program_size)
{
	if (version > 16 || program_size < 2 || program_size > 40) return false;
	return version != 0 || program_size == 20 || program_size == 32;
}

size_t dp_segwit_encode(char out[DP_SEGWIT_TEXT_MAX], const char *hrp, uint8_t version,
                        const uint8_t *program, size_t program_size)
{
	DP_CHECK(hrp != NULL && hrp[0] != 0);
	DP_CHECK(program != NULL || program_size == 0);
	size_t hrp_size = strlen(hrp);
	if (!program_allowed(version, program_size)) return 0;
	size_t symbol_count = 1 + (program_size * 8 + 4) / 5;
	if (hrp_size + 1 + symbol_count + CHECK_COUNT >= DP_SEGWIT_TEXT_MAX) return 0;

	uint8_t symbols[DATA_MAX];
	size_t count = 0;
	symbols[count++] = version;
	uint32_t bits = 0, bit_count = 0;
	for (size_t i = 0; i < program_size; i++) {
		bits = (bits << 8 | program[i]) & 0xfff;
		for (bit_count += 8; bit_count >= 5; bit_count -= 5)
			symbols[count++] = bits >> (bit_count - 5) & 31;
	}
	if (bit_count > 0) symbols[count++] = (uint8_t)(bits << (5 - bit_count) & 31);
	DP_CHECK(count == symbol_count);

	uint32_t state = polymod_hrp(hrp, hrp_size);
	for (size_t i = 0; i < count; i++) state = polymod_step(state, symbols[i]);
	for (int i = 0; i < CHECK_COUNT; i++) state = polymod_step(state, 0);
	state ^= version == 0 ? BECH32_CONST : BECH32M_CONST;

	memcpy(out, hrp, hrp_size);
	size_t at = hrp_size;
	out[at++] = '1';
	for (size_t i = 0; i < count; i++) out[at++] = charset[symbols[i]];
	for (int i = CHECK_COUNT - 1; i >= 0; i--) out[at++] = charset[state >> (5 * i) & 31];
	out[at] = 0;
	return at;
}

// Splits `text` into the lower-case human-readable part and the symbols after the last '1'.
static dp_segwit_result split(char ret_hrp[HRP_MAX + 1], size_t *ret_hrp_size,
                              uint8_t ret_symbols[DATA_MAX], size_t *ret_count, const char *text,
                              size_t n)
{
	if (n < 8 || n >= DP_SEGWIT_TEXT_MAX) return DP_SEGWIT_FORM;
	bool lower = false, upper = false;
	size_t separator = n;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < 33 || text[i] > 126) return DP_SEGWIT_FORM;
		lower |= text[i] >= 'a' && text[i] <= 'z';
		upper |= text[i] >= 'A' && text[i] <= 'Z';
		if (text[i] == '1') separator = i;
	}
	if (lower && upper) return DP_SEGWIT_FORM;
	if (separator == n || separator == 0 || n - separator - 1 < CHECK_COUNT + 1)
		return DP_SEGWIT_FORM;
	if (separator > HRP_MAX) return DP_SEGWIT_HRP; // longer than that of any chain
	char folded[DP_SEGWIT_TEXT_MAX];
	for (size_t i = 0; i < n; i++)
		folded[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
	memcpy(ret_hrp, folded, separator);
	ret_hrp[separator] = 0;
	*ret_hrp_size = separator;
	*ret_count = n - separator - 1;
	for (size_t i = 0; i < *ret_count; i++) {
		const char *p = strchr(charset, folded[separator + 1 + i]);
		if (p == NULL) return DP_SEGWIT_FORM;
		ret_symbols[i] = (uint8_t)(p - charset);
	}
	return DP_SEGWIT_OK;
}

dp_segwit_result dp_segwit_decode(uint8_t *ret_version, uint8_t ret_program[40],
                                  size_t *ret_program_size, const char *hrp, const char *text,
                                  size_t n)
{
	DP_CHECK(ret_version != NULL && ret_program != NULL && ret_program_size != NULL);
	DP_CHECK(hrp != NULL && (text != NULL || n == 0));
	char got[HRP_MAX + 1];
	uint8_t symbols[DATA_MAX];
	size_t got_size, count;
	dp_segwit_result result = split(got, &got_size, symbols, &count, text, n);
	if (result != DP_SEGWIT_OK) return result;
	uint32_t state = polymod_hrp(got, got_size);
	for (size_t i = 0; i < count; i++) state = polymod_step(state, symbols[i]);
	// The prefix is looked at first: a right address of another network is a better thing to
	// say than a wrong checksum.
	if (strcmp(got, hrp) != 0) return DP_SEGWIT_HRP;
	uint8_t version = symbols[0];
	if (state != BECH32_CONST && state != BECH32M_CONST) return DP_SEGWIT_CHECKSUM;
	if (version > 16) return DP_SEGWIT_PROGRAM;
	if (state != (version == 0 ? BECH32_CONST : BECH32M_CONST)) return DP_SEGWIT_CHECKSUM;

	uint8_t program[DATA_MAX];
	size_t size = 0;
	uint32_t bits = 0, bit_count = 0;
	for (size_t i = 1; i < count - CHECK_COUNT; i++) {
		bits = (bits << 5 | symbols[i]) & 0xfff;
		bit_count += 5;
		if (bit_count < 8) continue;
		bit_count -= 8;
		program[size++] = (uint8_t)(bits >> bit_count);
	}
	// What is left over is padding: fewer than five bits, all of them zero.
	if (bit_count >= 5 || (bits & ((1u << bit_count) - 1)) != 0) return DP_SEGWIT_PROGRAM;
	if (!program_allowed(version, size)) return DP_SEGWIT_PROGRAM;
	*ret_version = version;
	*ret_program_size = size;
	memcpy(ret_program, program, size);
	return DP_SEGWIT_OK;
}
