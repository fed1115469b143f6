// Base58Check: version byte, payload, first four bytes of SHA-256d.
#ifndef DP_CODEC_BASE58_H
#define DP_CODEC_BASE58_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DP_BASE58CHECK_PAYLOAD_MAX = 64, DP_BASE58CHECK_TEXT_MAX = 100 };
// Returns the length; payload_size <= DP_BASE58CHECK_PAYLOAD_MAX.
size_t dp_base58check_encode(char out[DP_BASE58CHECK_TEXT_MAX], uint8_t version,
                             const uint8_t *payload, size_t payload_size);
typedef enum {
	DP_BASE58_OK,
	DP_BASE58_CHARACTER,
	DP_BASE58_LENGTH,
	DP_BASE58_CHECKSUM
} dp_base58_result;
dp_base58_result dp_base58check_decode(uint8_t *ret_version,
                                       uint8_t ret_payload[DP_BASE58CHECK_PAYLOAD_MAX],
                                       size_t *ret_payload_size, const char *text, size_t n);
#endif
