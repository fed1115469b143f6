// Bitcoin output scripts by form, see script.h.
//
// Source: Bitcoin Core, src/script/solver.cpp (Solver, MatchPayToPubkey, MatchMultisig) and
// src/script/script.cpp (IsWitnessProgram). A script is looked at, never run. Where Core asks for
// more than the form (an OP_RETURN script counts as null data only when what follows is pushes) we
// ask for less: no script that begins with OP_RETURN can ever be spent, and that is what matters to
// whoever follows the money.
#include "codec/script.h"

#include <stdbool.h>

#include "base/check.h"
#include "codec/bytes.h"

enum {
	OP_0 = 0x00,
	OP_1 = 0x51,
	OP_16 = 0x60,
	OP_RETURN = 0x6a,
	OP_DUP = 0x76,
	OP_EQUAL = 0x87,
	OP_EQUALVERIFY = 0x88,
	OP_HASH160 = 0xa9,
	OP_CHECKSIG = 0xac,
	OP_CHECKMULTISIG = 0xae,
	MULTISIG_KEYS_MAX = 20
};

// A public key by its first byte and length (Core: CPubKey::ValidSize); 6 and 7 are the hybrid
// form of the earliest clients.
static bool is_key(const uint8_t *p, size_t size)
{
	if (size == 33) return p[0] == 2 || p[0] == 3;
	if (size == 65) return p[0] == 4 || p[0] == 6 || p[0] == 7;
	return false;
}

// Reads a count of keys at *at: OP_1..OP_16, or one byte pushed for 17 to 20 (the shortest form).
static uint8_t read_count(const uint8_t *s, size_t size, size_t *at)
{
	if (*at >= size) return 0;
	if (s[*at] >= OP_1 && s[*at] <= OP_16) return (uint8_t)(s[(*at)++] - OP_1 + 1);
	if (s[*at] == 1 && *at + 1 < size && s[*at + 1] > 16 && s[*at + 1] <= MULTISIG_KEYS_MAX) {
		*at += 2;
		return s[*at - 1];
	}
	return 0;
}

static bool match_multisig(dp_script_info *info, const uint8_t *s, size_t size)
{
	if (size < 3 || s[size - 1] != OP_CHECKMULTISIG) return false;
	size_t at = 0;
	uint8_t m = read_count(s, size, &at);
	if (m == 0) return false;
	uint8_t keys = 0;
	while (at < size && (s[at] == 33 || s[at] == 65)) {
		size_t key_size = s[at];
		if (key_size > size - at - 1 || !is_key(s + at + 1, key_size)) return false;
		if (++keys > MULTISIG_KEYS_MAX) return false;
		at += 1 + key_size;
	}
	uint8_t n = read_count(s, size, &at);
	if (n == 0 || n != keys || m > n || at + 1 != size) return false;
	info->m = m;
	info->n = n;
	return true;
}

static bool match_witness(dp_script_info *info, const uint8_t *s, size_t size)
{
	if (size < 4 || size > 42) return false;
	if (s[0] != OP_0 && (s[0] < OP_1 || s[0] > OP_16)) return false;
	if ((size_t)s[1] + 2 != size) return false;
	info->version = s[0] == OP_0 ? 0 : (uint8_t)(s[0] - OP_1 + 1);
	info->data = s + 2;
	info->data_size = size - 2;
	return true;
}

dp_script_info dp_script_classify(const uint8_t *script, size_t size)
{
	DP_CHECK(script != NULL || size == 0);
	dp_script_info info = {.class = DP_SCRIPT_OTHER};
	const uint8_t *s = script;
	if (size == 25 && s[0] == OP_DUP && s[1] == OP_HASH160 && s[2] == 20 &&
	    s[23] == OP_EQUALVERIFY && s[24] == OP_CHECKSIG) {
		info.class = DP_SCRIPT_P2PKH;
		info.data = s + 3;
		info.data_size = 20;
	} else if (size == 23 && s[0] == OP_HASH160 && s[1] == 20 && s[22] == OP_EQUAL) {
		info.class = DP_SCRIPT_P2SH;
		info.data = s + 2;
		info.data_size = 20;
	} else if (match_witness(&info, s, size)) {
		info.class = DP_SCRIPT_WITNESS;
	} else if (size > 0 && s[0] == OP_RETURN) {
		info.class = DP_SCRIPT_NULLDATA;
		info.data = s + 1;
		info.data_size = size - 1;
	} else if ((size == 35 || size == 67) && s[0] == size - 2 && s[size - 1] == OP_CHECKSIG &&
	           is_key(s + 1, size - 2)) {
		info.class = DP_SCRIPT_P2PK;
		info.data = s + 1;
		info.data_size = size - 2;
	} else if (match_multisig(&info, s, size)) {
		info.class = DP_SCRIPT_MULTISIG;
	}
	DP_CHECK(info.data == NULL || info.data + info.data_size <= script + size);
	return info;
}

//- tokens ----------------------------------------------------------------------------------------

// CHIP-2022-02-CashTokens, "Token Prefix":
//
//   0xef, category 32 bytes, bits 1 byte, [commitment length, commitment], [amount]
//
// bits: 0x10 has an amount, 0x20 has a token of its own kind (NFT), 0x40 that one has a commitment,
// 0x80 reserved; the low four are what the NFT allows: 0 nothing, 1 to be changed, 2 to make more.
// Length and amount are CompactSize, the amount 1 to 2^63 - 1. A commitment has at most 40 bytes
// by the rules of 2023 and 128 by later ones; a longer one makes no prefix.
enum {
	PREFIX_TOKEN = 0xef,
	TOKEN_AMOUNT = 0x10,
	TOKEN_NFT = 0x20,
	TOKEN_COMMITMENT = 0x40,
	TOKEN_RESERVED = 0x80,
	TOKEN_COMMITMENT_MAX = 128,
};

size_t dp_script_token_prefix(const uint8_t *field, size_t size)
{
	DP_CHECK(field != NULL || size == 0);
	if (size < 34 || field[0] != PREFIX_TOKEN) return 0;
	uint8_t bits = field[33] & 0xf0, allows = field[33] & 0x0f;
	bool has_nft = (bits & TOKEN_NFT) != 0;
	if ((bits & TOKEN_RESERVED) != 0 || (bits & (TOKEN_NFT | TOKEN_AMOUNT)) == 0) return 0;
	if (allows > 2 || (!has_nft && (allows != 0 || (bits & TOKEN_COMMITMENT) != 0))) return 0;
	dp_bytes b = dp_bytes_of(field, size);
	b.at = 34;
	if ((bits & TOKEN_COMMITMENT) != 0) {
		uint64_t length = dp_bytes_varint(&b);
		if (b.failed || length == 0 || length > TOKEN_COMMITMENT_MAX) return 0;
		(void)dp_bytes_take(&b, (size_t)length);
	}
	if ((bits & TOKEN_AMOUNT) != 0) {
		uint64_t amount = dp_bytes_varint(&b);
		if (amount == 0 || amount > INT64_MAX) return 0;
	}
	DP_CHECK(b.at <= size);
	return b.failed ? 0 : b.at;
}
