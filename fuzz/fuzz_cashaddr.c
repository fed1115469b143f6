// Fuzzes CashAddr both ways.
//
// Strategy: the input is read as text; and the address of a hash taken from the same bytes is
// written, because a checksum is not found by trying. Invariants: what reads is written back as the
// same text in lower case; what is written reads as what it was written from; one changed symbol is
// never accepted.
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "codec/cashaddr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char prefix[] = "bitcoincash";

static void try_text(const char *text, size_t n)
{
	uint8_t type, hash[DP_CASHADDR_HASH_MAX];
	size_t hash_size;
	char out[DP_CASHADDR_TEXT_MAX];
	if (dp_cashaddr_decode(&type, hash, &hash_size, prefix, text, n) != DP_CASHADDR_OK) return;
	DP_CHECK(type <= DP_CASHADDR_TYPE_MAX && hash_size <= sizeof hash);
	size_t length = dp_cashaddr_encode(out, prefix, type, hash, hash_size);
	DP_CHECK(length == strlen(out) && length >= n);
	// With or without its prefix, the text is the end of what is written.
	for (size_t i = 0; i < n; i++) {
		char c = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : text[i];
		DP_CHECK(c == out[length - n + i]);
	}
}

static void try_hash(uint8_t type, const uint8_t *hash, size_t n)
{
	char out[DP_CASHADDR_TEXT_MAX];
	uint8_t type_back, back[DP_CASHADDR_HASH_MAX];
	size_t size_back, length = dp_cashaddr_encode(out, prefix, type, hash, n);
	if (length == 0) return;
	DP_CHECK(dp_cashaddr_decode(&type_back, back, &size_back, prefix, out, length) ==
	         DP_CASHADDR_OK);
	DP_CHECK(type_back == type && size_back == n && memcmp(back, hash, n) == 0);
	out[length - 1] = out[length - 1] == 'q' ? 'p' : 'q';
	DP_CHECK(dp_cashaddr_decode(&type_back, back, &size_back, prefix, out, length) ==
	         DP_CASHADDR_CHECKSUM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t sizes[] = {20, 24, 28, 32, 40, 48, 56, 64};
	try_text((const char *)data, size);
	if (size == 0) return 0;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		if (size > sizes[i]) try_hash(data[0] & 31, data + 1, sizes[i]);
	return 0;
}
