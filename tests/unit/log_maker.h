// Blocks with event logs for tests of src/link. The encoder here is an independent one: it writes
// the head and the tail of the ABI specification as two buffers and knows nothing of the reader.
#ifndef DP_TESTS_UNIT_LOG_MAKER_H
#define DP_TESTS_UNIT_LOG_MAKER_H

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "chain/block.h"
#include "codec/hash.h"
#include "codec/hex.h"
#include "link/leg.h"

typedef struct enc {
	uint8_t head[4096], tail[8192];
	size_t words, at, tail_size; // words: of the whole head
} enc;

static inline enc enc_of(size_t words)
{
	enc e;
	memset(&e, 0, sizeof e);
	e.words = words;
	return e;
}

static inline void enc_word(enc *e, const uint8_t word[32])
{
	memcpy(e->head + 32 * e->at++, word, 32);
}

static inline void enc_u256(enc *e, dp_u256 v)
{
	uint8_t word[32];
	dp_u256_to_be(word, v);
	enc_word(e, word);
}

static inline void enc_u(enc *e, uint64_t v)
{
	enc_u256(e, dp_u256_of(v));
}

// Hexadecimal digits with 0x, right-aligned in the word (an address, a bytes32).
static inline void word_of(uint8_t ret_word[32], const char *hex)
{
	size_t n = strlen(hex + 2) / 2;
	memset(ret_word, 0, 32);
	DP_CHECK(n <= 32 && dp_hex_decode(ret_word + 32 - n, n, hex + 2));
}

static inline void enc_hex(enc *e, const char *hex)
{
	uint8_t word[32];
	word_of(word, hex);
	enc_word(e, word);
}

static inline void enc_bytes(enc *e, const void *bytes, size_t n)
{
	enc_u(e, e->words * 32 + e->tail_size);
	dp_u256_to_be(e->tail + e->tail_size, dp_u256_of(n));
	if (n > 0) memcpy(e->tail + e->tail_size + 32, bytes, n);
	e->tail_size += 32 + (n + 31) / 32 * 32;
}

static inline void enc_tuple(enc *e, const enc *inner)
{
	enc_u(e, e->words * 32 + e->tail_size);
	memcpy(e->tail + e->tail_size, inner->head, inner->words * 32);
	memcpy(e->tail + e->tail_size + inner->words * 32, inner->tail, inner->tail_size);
	e->tail_size += inner->words * 32 + inner->tail_size;
}

static inline size_t enc_end(uint8_t *ret_bytes, const enc *e)
{
	DP_CHECK(e->at == e->words);
	memcpy(ret_bytes, e->head, e->words * 32);
	memcpy(ret_bytes + e->words * 32, e->tail, e->tail_size);
	return e->words * 32 + e->tail_size;
}

//- blocks ----------------------------------------------------------------------------------------

static inline void maker_start(dp_block_builder *b, const char *chain)
{
	dp_tx *tx;
	dp_builder_start(b, dp_chain_find(chain, strlen(chain)), 100, 1700000000);
	DP_CHECK(dp_builder_tx(b, &tx, NULL) == DP_OK);
	memset(tx->id, 0x77, 32);
}

// A log. `event`: its canonical text; topics: hexadecimal words behind the first, ended by NULL.
static inline dp_note *maker_log(dp_block_builder *b, const char *contract, const char *event,
                                 const char *const *topics, const enc *data)
{
	static uint8_t bytes[16384];
	dp_note *n;
	size_t size = data == NULL ? 0 : enc_end(bytes, data);
	DP_CHECK(dp_builder_note(b, &n, bytes, size, NULL) == DP_OK);
	n->kind = DP_NOTE_LOG;
	n->topic_count = 1;
	DP_CHECK(dp_hex_decode(n->place, 20, contract + 2));
	dp_keccak256(n->topic[0], event, strlen(event));
	// An event that no block would keep could never be read: chain/note.c must have its row.
	DP_CHECK(dp_note_topic_wanted(n->topic[0]));
	for (; topics != NULL && *topics != NULL; topics++)
		word_of(n->topic[n->topic_count++], *topics);
	return n;
}

static inline dp_addr maker_addr(const char *hex)
{
	uint8_t word[32];
	word_of(word, hex);
	return dp_link_addr(word + 12);
}

// A movement; from or to may be NULL: nobody.
static inline void maker_move(dp_block_builder *b, dp_mv_kind kind, const char *symbol,
                              uint64_t amount, const char *from, const char *to)
{
	dp_movement *mv;
	const dp_chain *chain = b->block.chain;
	DP_CHECK(dp_builder_movement(b, &mv, NULL) == DP_OK);
	mv->kind = (uint8_t)kind;
	mv->asset = symbol[0] == '\0' ? dp_asset_native(chain)
	                              : dp_asset_by_symbol(chain, symbol, strlen(symbol));
	mv->amount = dp_u256_of(amount);
	if (from != NULL) mv->from = maker_addr(from);
	if (to != NULL) mv->to = maker_addr(to);
}

// The legs of the block's only transaction that `protocol` gives for its note `n`.
static inline uint32_t maker_decode(dp_leg ret_leg[DP_LEGS_MAX], dp_block_builder *b,
                                    const dp_protocol *protocol, uint32_t n)
{
	return protocol->decode(ret_leg, &b->block, n);
}

static inline bool is_symbol(dp_asset a, const char *symbol)
{
	return a.v != 0 && strcmp(dp_asset_info_of(a)->symbol, symbol) == 0;
}

#endif
