// CashAddr: how Bitcoin Cash writes addresses ("bitcoincash:qpm2qsz...").
#ifndef DP_CODEC_CASHADDR_H
#define DP_CODEC_CASHADDR_H
#include <stddef.h>
#include <stdint.h>

typedef enum dp_cashaddr_result {
	DP_CASHADDR_OK,
	DP_CASHADDR_FORM,     // not CashAddr at all
	DP_CASHADDR_PREFIX,   // another prefix than the one asked for
	DP_CASHADDR_CHECKSUM, // most likely a typing mistake
	DP_CASHADDR_VERSION   // a right checksum over a version or length that does not exist
} dp_cashaddr_result;

enum {
	DP_CASHADDR_P2KH = 0, // types; 2 and 3 say that the owner can handle tokens as well
	DP_CASHADDR_P2SH = 1,
	DP_CASHADDR_TOKEN_P2KH = 2,
	DP_CASHADDR_TOKEN_P2SH = 3,
	DP_CASHADDR_TYPE_MAX = 15,
	DP_CASHADDR_HASH_MAX = 64,
	DP_CASHADDR_PREFIX_MAX = 20,
	DP_CASHADDR_TEXT_MAX = 136, // prefix, colon, 104 symbols, 8 of checksum, terminator
};

// Writes prefix, colon and payload in lower case; returns the length, 0 when no address has a hash
// of this size (20, 24, 28, 32, 40, 48, 56 or 64 bytes) or of this type.
size_t dp_cashaddr_encode(char out[DP_CASHADDR_TEXT_MAX], const char *prefix, uint8_t type,
                          const uint8_t *hash, size_t hash_size);

// Reads an address with or without its prefix, all in lower or all in upper case. `prefix` is in
// lower case. Outputs are written only on DP_CASHADDR_OK.
dp_cashaddr_result dp_cashaddr_decode(uint8_t *ret_type, uint8_t ret_hash[DP_CASHADDR_HASH_MAX],
                                      size_t *ret_hash_size, const char *prefix, const char *text,
                                      size_t n);
#endif
