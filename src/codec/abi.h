// A reader over ABI-encoded values (Solidity's contract ABI specification, "Formal Specification of
// the Encoding"): data of event logs from outside. No allocation; what it gives points into the
// bytes it was given. Every read is checked and the first failure sticks, as in codec/bytes.h: read
// everything, then ask dp_abi_ok once.
//
//   head: one word (32 bytes) a value   | tail: what is longer, in the order of its heads
//   amount | offset of text | address   | length of text, text, zeros to a full word
//
// Strict where a lie could hide something: offsets are whole words, point behind the head and
// behind what was read before them, so that two values never share bytes and nothing points into
// itself; small integers have zeros above them; lengths and counts lie inside the data.
#ifndef DP_CODEC_ABI_H
#define DP_CODEC_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/u256.h"

enum { DP_ABI_WORD = 32 };

typedef struct dp_abi {
	const uint8_t *p; // the tuple's first word: its offsets count from here
	size_t size;      // bytes from there to the end of all data that is there
	size_t whole;     // the same of all there was; more than size when the end was cut off
	size_t at;        // next word of the head
	size_t head;      // end of the head
	size_t tail;      // what an offset must not be below
	bool failed;
} dp_abi;

// A tuple whose head has `words` words, or the whole data of a log. A static tuple or array inside
// counts with all its words: it stands in the head.
dp_abi dp_abi_of(const uint8_t *bytes, size_t size, size_t words);
// The same of data of `whole` bytes, of which the first `size` are there.
dp_abi dp_abi_cut(const uint8_t *bytes, size_t size, size_t whole, size_t words);

// The next value of the head. After a failure: zeros, NULL, and failed stays set.
const uint8_t *dp_abi_word(dp_abi *a); // 32 bytes, or NULL
dp_u256 dp_abi_u256(dp_abi *a);
uint64_t dp_abi_u64(dp_abi *a); // fails when the value needs more than 64 bits
uint32_t dp_abi_u32(dp_abi *a);
uint16_t dp_abi_u16(dp_abi *a);
bool dp_abi_bool(dp_abi *a); // fails unless 0 or 1
// 20 bytes, or NULL; fails when the twelve bytes above are not zero.
const uint8_t *dp_abi_address(dp_abi *a);
void dp_abi_skip(dp_abi *a, size_t words);
// Dynamic bytes or a string. NULL after a failure; never NULL else, though *ret_size may be 0.
const uint8_t *dp_abi_bytes(dp_abi *a, size_t *ret_size);
// The same, and no failure when some of them were cut off: the first *ret_seen of *ret_size are
// there (0 of SIZE_MAX when not even the length is). What is long and of no use must not hide the
// rest.
const uint8_t *dp_abi_bytes_cut(dp_abi *a, size_t *ret_size, size_t *ret_seen);
// A dynamic tuple whose own head has `words` words; end it before the next dynamic value is read.
dp_abi dp_abi_tuple(dp_abi *a, size_t words);
// A dynamic array: its elements are the head of what is returned, `words` words each (1 for a
// dynamic element: its offset). At most `max` elements, else it fails.
dp_abi dp_abi_array(dp_abi *a, size_t *ret_count, size_t words, size_t max);
// Takes over how far the inner one got, and its failure.
void dp_abi_end(dp_abi *a, const dp_abi *inner);

static inline bool dp_abi_ok(const dp_abi *a)
{
	return !a->failed;
}

// The same rules for a topic, or a word met elsewhere. false when it is not of that form.
bool dp_abi_word_address(uint8_t ret_address[20], const uint8_t word[DP_ABI_WORD]);
bool dp_abi_word_u64(uint64_t *ret_value, const uint8_t word[DP_ABI_WORD]);

#endif
