// Base58Check, see base58.h.
//
// Source: Bitcoin Core, src/base58.cpp. The bytes are one big-endian number written in base 58 with
// an alphabet without 0, O, I and l; a leading zero byte, which a number cannot show, becomes a
// leading '1'. The last four bytes are the first four of SHA-256d over the rest. The conversion is
// the schoolbook one; at 25 bytes nothing cleverer pays.
#include "codec/base58.h"

#include <string.h>

#include "base/check.h"
#include "codec/hash.h"

static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

enum { CHECK_SIZE = 4, RAW_MAX = 1 + DP_BASE58CHECK_PAYLOAD_MAX + CHECK_SIZE };

// The digit's value, or -1.
static int digit_value(char c)
{
	const char *p = c == 0 ? NULL : strchr(alphabet, c);
	return p == NULL ? -1 : (int)(p - alphabet);
}

size_t dp_base58check_encode(char out[DP_BASE58CHECK_TEXT_MAX], uint8_t version,
                             const uint8_t *payload, size_t payload_size)
{
	DP_CHECK(payload_size <= DP_BASE58CHECK_PAYLOAD_MAX);
	DP_CHECK(payload != NULL || payload_size == 0);
	uint8_t raw[RAW_MAX], check[32];
	raw[0] = version;
	if (payload_size > 0) memcpy(raw + 1, payload, payload_size);
	dp_sha256d(check, raw, 1 + payload_size);
	memcpy(raw + 1 + payload_size, check, CHECK_SIZE);
	size_t raw_size = 1 + payload_size + CHECK_SIZE;

	size_t zeros = 0;
	while (zeros < raw_size && raw[zeros] == 0) zeros++;
	// Digits, least significant first. 69 bytes make at most 95 digits, below TEXT_MAX.
	uint8_t digits[DP_BASE58CHECK_TEXT_MAX];
	size_t digit_count = 0;
	for (size_t i = zeros; i < raw_size; i++) {
		uint32_t carry = raw[i];
		for (size_t j = 0; j < digit_count; j++) {
			carry += (uint32_t)digits[j] << 8;
			digits[j] = (uint8_t)(carry % 58);
			carry /= 58;
		}
		for (; carry > 0; carry /= 58) {
			DP_CHECK(digit_count < sizeof digits);
			digits[digit_count++] = (uint8_t)(carry % 58);
		}
	}
	size_t length = zeros + digit_count;
	DP_CHECK(length < DP_BASE58CHECK_TEXT_MAX);
	memset(out, '1', zeros);
	for (size_t i = 0; i < digit_count; i++)
		out[zeros + i] = alphabet[digits[digit_count - 1 - i]];
	out[length] = 0;
	return length;
}

dp_base58_result dp_base58check_decode(uint8_t *ret_version,
                                       uint8_t ret_payload[DP_BASE58CHECK_PAYLOAD_MAX],
                                       size_t *ret_payload_size, const char *text, size_t n)
{
	DP_CHECK(ret_version != NULL && ret_payload != NULL && ret_payload_size != NULL);
	DP_CHECK(text != NULL || n == 0);
	if (n >= DP_BASE58CHECK_TEXT_MAX) return DP_BASE58_LENGTH;
	size_t zeros = 0;
	while (zeros < n && text[zeros] == '1') zeros++;
	// Bytes, least significant first. 99 digits make at most 73 bytes.
	uint8_t bytes[DP_BASE58CHECK_TEXT_MAX];
	size_t byte_count = 0;
	for (size_t i = zeros; i < n; i++) {
		int digit = digit_value(text[i]);
		if (digit < 0) return DP_BASE58_CHARACTER;
		uint32_t carry = (uint32_t)digit;
		for (size_t j = 0; j < byte_count; j++) {
			carry += (uint32_t)bytes[j] * 58;
			bytes[j] = (uint8_t)carry;
			carry >>= 8;
		}
		for (; carry > 0; carry >>= 8) bytes[byte_count++] = (uint8_t)carry;
	}
	size_t raw_size = zeros + byte_count;
	if (raw_size < 1 + CHECK_SIZE || raw_size > RAW_MAX) return DP_BASE58_LENGTH;
	uint8_t raw[RAW_MAX], check[32];
	memset(raw, 0, zeros);
	for (size_t i = 0; i < byte_count; i++) raw[zeros + i] = bytes[byte_count - 1 - i];
	dp_sha256d(check, raw, raw_size - CHECK_SIZE);
	if (memcmp(check, raw + raw_size - CHECK_SIZE, CHECK_SIZE) != 0) return DP_BASE58_CHECKSUM;
	*ret_version = raw[0];
	*ret_payload_size = raw_size - 1 - CHECK_SIZE;
	memcpy(ret_payload, raw + 1, *ret_payload_size);
	return DP_BASE58_OK;
}
