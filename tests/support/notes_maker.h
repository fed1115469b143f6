// Notes written by hand, for the tests of decoders: a block of one transaction after the other, in
// which each log is its event's text, its topics and words. Numbers are words; an address is the
// word of its number.
#ifndef T_NOTES_MAKER_H
#define T_NOTES_MAKER_H

#include <string.h>

#include "base/check.h"
#include "chain/block.h"
#include "codec/hash.h"
#include "codec/hex.h"

enum { NM_WORDS_MAX = 400 };

typedef struct nm_word {
	uint8_t b[32];
} nm_word;

static inline nm_word nm_number(uint64_t v)
{
	nm_word w;
	dp_u256_to_be(w.b, dp_u256_of(v));
	return w;
}

// An address in EIP-55 or in lower case, without looking at its checksum.
static inline void nm_bytes(uint8_t ret[20], const char *address)
{
	DP_CHECK(strlen(address) == 42 && dp_hex_decode(ret, 20, address + 2));
}

static inline nm_word nm_address(const char *address)
{
	nm_word w = {{0}};
	nm_bytes(w.b + 12, address);
	return w;
}

static inline void nm_start(dp_block_builder *b, const char *chain, uint64_t height, int64_t time)
{
	dp_builder_start(b, dp_chain_find(chain, strlen(chain)), height, time);
}

static inline void nm_tx(dp_block_builder *b, uint64_t id)
{
	dp_tx *tx;
	DP_CHECK(dp_builder_tx(b, &tx, NULL) == DP_OK);
	dp_u256_to_be(tx->id, dp_u256_of(id));
}

// `topics` of the words are indexed: they come first.
static inline dp_note *nm_log(dp_block_builder *b, const char *place, const char *event,
                              const nm_word *word, uint32_t topics, uint32_t words)
{
	dp_note *note;
	uint8_t contract[20];
	DP_CHECK(topics <= 3 && words <= NM_WORDS_MAX && topics <= words);
	const uint8_t *data = word == NULL ? NULL : word[topics].b;
	DP_CHECK(dp_builder_note(b, &note, data, (size_t)32 * (words - topics), NULL) == DP_OK);
	nm_bytes(contract, place);
	note->kind = DP_NOTE_LOG;
	note->at = b->block.note_count;
	memcpy(note->place, contract, 20);
	note->topic_count = (uint8_t)(topics + 1);
	dp_keccak256(note->topic[0], event, strlen(event));
	for (uint32_t i = 0; i < topics; i++) memcpy(note->topic[i + 1], word[i].b, 32);
	return note;
}

static inline void nm_gas(dp_block_builder *b, uint64_t price, const char *sender)
{
	uint8_t data[52];
	dp_note *note;
	dp_u256_to_be(data, dp_u256_of(price));
	nm_bytes(data + 32, sender);
	DP_CHECK(dp_builder_note(b, &note, data, sizeof data, NULL) == DP_OK);
	note->kind = DP_NOTE_GAS;
}

static inline const dp_block *nm_finish(dp_block_builder *b)
{
	const dp_block *block;
	DP_CHECK(dp_builder_finish(b, &block, NULL) == DP_OK);
	return block;
}

#endif
