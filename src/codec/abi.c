// ABI-encoded values, see abi.h.
//
// The specification lets an offset point anywhere, even at bytes that another value uses too, and
// lets decoders follow. Compilers (Solidity, Vyper) always write the tail in the order of the head
// and without overlaps. What is not written that way was written by hand, and the usual reason is
// that two readers shall see two things: it is refused. The order costs one number, `tail`: the end
// of everything read so far. A value whose head is skipped (dp_abi_skip) is not looked at, and the
// one after it may begin anywhere behind what was read.
//
// The zeros that fill the last word of a string are not looked at, and may be missing at the very
// end of the data: some contracts written in assembly leave them out.
#include "codec/abi.h"

#include "base/check.h"

dp_abi dp_abi_of(const uint8_t *bytes, size_t size, size_t words)
{
	return dp_abi_cut(bytes, size, size, words);
}

dp_abi dp_abi_cut(const uint8_t *bytes, size_t size, size_t whole, size_t words)
{
	DP_CHECK(bytes != NULL || size == 0);
	DP_CHECK(size <= whole);
	dp_abi a = {.p = bytes, .size = size, .whole = whole};
	// A head that is not there whole is no head: nothing of it may be believed.
	if (words > size / DP_ABI_WORD) {
		a.failed = true;
		return a;
	}
	a.head = words * DP_ABI_WORD;
	a.tail = a.head;
	return a;
}

const uint8_t *dp_abi_word(dp_abi *a)
{
	DP_CHECK(a != NULL && a->at <= a->head);
	if (a->failed || a->head - a->at < DP_ABI_WORD) {
		a->failed = true;
		return NULL;
	}
	const uint8_t *word = a->p + a->at;
	a->at += DP_ABI_WORD;
	return word;
}

dp_u256 dp_abi_u256(dp_abi *a)
{
	const uint8_t *word = dp_abi_word(a);
	return word == NULL ? DP_U256_ZERO : dp_u256_from_be(word, DP_ABI_WORD);
}

// An unsigned integer that must not be above `max`.
static uint64_t at_most(dp_abi *a, uint64_t max)
{
	uint64_t value;
	const uint8_t *word = dp_abi_word(a);
	if (word == NULL) return 0;
	if (dp_abi_word_u64(&value, word) && value <= max) return value;
	a->failed = true;
	return 0;
}

uint64_t dp_abi_u64(dp_abi *a)
{
	return at_most(a, UINT64_MAX);
}

uint32_t dp_abi_u32(dp_abi *a)
{
	return (uint32_t)at_most(a, UINT32_MAX);
}

uint16_t dp_abi_u16(dp_abi *a)
{
	return (uint16_t)at_most(a, UINT16_MAX);
}

bool dp_abi_bool(dp_abi *a)
{
	return at_most(a, 1) == 1;
}

const uint8_t *dp_abi_address(dp_abi *a)
{
	const uint8_t *word = dp_abi_word(a);
	if (word == NULL) return NULL;
	uint8_t above = 0;
	for (size_t i = 0; i < 12; i++) above |= word[i];
	if (above == 0) return word + 12;
	a->failed = true;
	return NULL;
}

void dp_abi_skip(dp_abi *a, size_t words)
{
	DP_CHECK(a != NULL && a->at <= a->head);
	if (a->failed || words > (a->head - a->at) / DP_ABI_WORD)
		a->failed = true;
	else
		a->at += words * DP_ABI_WORD;
}

// Follows the offset in the next word of the head to a place where `need` bytes follow; false, and
// failed, when it may not be followed.
static bool follow(dp_abi *a, size_t *ret_at, size_t need)
{
	uint64_t offset = dp_abi_u64(a);
	if (a->failed) return false;
	DP_CHECK(a->tail >= a->head && a->tail <= a->whole);
	if (offset % DP_ABI_WORD != 0 || offset < a->tail || offset > a->size ||
	    a->size - offset < need) {
		a->failed = true;
		return false;
	}
	*ret_at = (size_t)offset;
	return true;
}

// The word at `at`, which is a length or a count; false, and failed, when it is beyond `max`.
static bool length_at(dp_abi *a, size_t *ret_length, size_t at, size_t max)
{
	uint64_t n;
	DP_CHECK(at <= a->size && a->size - at >= DP_ABI_WORD);
	if (!dp_abi_word_u64(&n, a->p + at) || n > max) {
		a->failed = true;
		return false;
	}
	*ret_length = (size_t)n;
	return true;
}

const uint8_t *dp_abi_bytes(dp_abi *a, size_t *ret_size)
{
	DP_CHECK(a != NULL && ret_size != NULL);
	size_t at, n;
	*ret_size = 0;
	if (!follow(a, &at, DP_ABI_WORD)) return NULL;
	size_t room = a->size - at - DP_ABI_WORD;
	if (!length_at(a, &n, at, room)) return NULL;
	size_t filled = (n + DP_ABI_WORD - 1) / DP_ABI_WORD * DP_ABI_WORD;
	a->tail = at + DP_ABI_WORD + (filled < room ? filled : room);
	*ret_size = n;
	return a->p + at + DP_ABI_WORD;
}

const uint8_t *dp_abi_bytes_cut(dp_abi *a, size_t *ret_size, size_t *ret_seen)
{
	DP_CHECK(a != NULL && ret_size != NULL && ret_seen != NULL);
	*ret_size = *ret_seen = 0;
	uint64_t offset = dp_abi_u64(a);
	if (a->failed) return NULL;
	if (offset % DP_ABI_WORD != 0 || offset < a->tail || offset > a->whole ||
	    a->whole - offset < DP_ABI_WORD) {
		a->failed = true;
		return NULL;
	}
	size_t at = (size_t)offset, n;
	if (at > a->size || a->size - at < DP_ABI_WORD) {
		a->tail = at + DP_ABI_WORD;
		*ret_size = SIZE_MAX;
		return a->p + a->size;
	}
	size_t room = a->whole - at - DP_ABI_WORD, seen = a->size - at - DP_ABI_WORD;
	if (!length_at(a, &n, at, room)) return NULL;
	size_t filled = (n + DP_ABI_WORD - 1) / DP_ABI_WORD * DP_ABI_WORD;
	a->tail = at + DP_ABI_WORD + (filled < room ? filled : room);
	*ret_size = n;
	*ret_seen = n < seen ? n : seen;
	return a->p + at + DP_ABI_WORD;
}

dp_abi dp_abi_tuple(dp_abi *a, size_t words)
{
	DP_CHECK(a != NULL);
	size_t at;
	// The head alone is asked for; a count of words beyond all data cannot overflow.
	size_t need = words > a->size / DP_ABI_WORD ? SIZE_MAX : words * DP_ABI_WORD;
	if (!follow(a, &at, need)) return (dp_abi){.failed = true};
	return dp_abi_cut(a->p + at, a->size - at, a->whole - at, words);
}

dp_abi dp_abi_array(dp_abi *a, size_t *ret_count, size_t words, size_t max)
{
	DP_CHECK(a != NULL && ret_count != NULL && words > 0);
	size_t at, n;
	*ret_count = 0;
	if (!follow(a, &at, DP_ABI_WORD)) return (dp_abi){.failed = true};
	size_t room = (a->size - at - DP_ABI_WORD) / DP_ABI_WORD / words;
	if (!length_at(a, &n, at, room < max ? room : max)) return (dp_abi){.failed = true};
	*ret_count = n;
	// Offsets of elements count from behind the count, as the specification has it.
	size_t from = at + DP_ABI_WORD;
	return dp_abi_cut(a->p + from, a->size - from, a->whole - from, n * words);
}

void dp_abi_end(dp_abi *a, const dp_abi *inner)
{
	DP_CHECK(a != NULL && inner != NULL);
	if (a->failed || inner->failed) {
		a->failed = true;
		return;
	}
	DP_CHECK(inner->p >= a->p && inner->p <= a->p + a->size);
	size_t end = (size_t)(inner->p - a->p) + inner->tail;
	DP_CHECK(end <= a->whole);
	if (end > a->tail) a->tail = end;
}

bool dp_abi_word_address(uint8_t ret_address[20], const uint8_t word[DP_ABI_WORD])
{
	DP_CHECK(ret_address != NULL && word != NULL);
	uint8_t above = 0;
	for (size_t i = 0; i < 12; i++) above |= word[i];
	if (above != 0) return false;
	for (size_t i = 0; i < 20; i++) ret_address[i] = word[12 + i];
	return true;
}

bool dp_abi_word_u64(uint64_t *ret_value, const uint8_t word[DP_ABI_WORD])
{
	DP_CHECK(ret_value != NULL && word != NULL);
	uint8_t above = 0;
	uint64_t value = 0;
	for (size_t i = 0; i < 24; i++) above |= word[i];
	if (above != 0) return false;
	for (size_t i = 24; i < DP_ABI_WORD; i++) value = value << 8 | word[i];
	*ret_value = value;
	return true;
}
