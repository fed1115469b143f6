// What Bitcoin nodes say in JSON, turned into bytes and whole numbers. No input or output here:
// the calls are made by source/bitcoin_rpc.c, and fuzzing needs no network.
//
// Three shapes are read: a block with everything in it (`getblock` at verbosity 3 of Bitcoin Core
// 23 and later), a block or a transaction as hexadecimal text, and amounts in whole coins, which
// are decimal fractions and never pass through a floating-point number.
#ifndef DP_SOURCE_BITCOIN_JSON_H
#define DP_SOURCE_BITCOIN_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "chain/undo.h"
#include "codec/bytes.h"
#include "codec/json.h"

enum {
	DP_BITCOIN_JSON_BYTES_MAX = 64 << 20, // of a block: twice Bitcoin Cash's largest
	DP_BITCOIN_HASH_TEXT = 65,            // 64 digits and a terminator
};

// An amount in whole coins ("0.00012345", "1e-8") in base units of 1e-8, exact. False when it is
// no number, negative, more precise than that, or above 2^63.
bool dp_bitcoin_json_amount(uint64_t *ret_units, const dp_json *v);

// Hashes as people print them, in the reverse order of the bytes.
bool dp_bitcoin_json_hash(uint8_t ret_hash[32], const dp_json *v);
bool dp_bitcoin_hash_parse(uint8_t ret_hash[32], const char *text); // exactly 64 digits
void dp_bitcoin_hash_text(char out[DP_BITCOIN_HASH_TEXT], const uint8_t hash[32]);

// Zero-initialise; reused block by block.
typedef struct dp_bitcoin_answer {
	// Whose outputs these are; NULL: of a chain that puts nothing before their scripts.
	const dp_chain *chain;
	uint8_t *bytes; // the block as it is serialised
	uint64_t size, bytes_cap;
	dp_spent_coin *coin; // what its inputs spend, in order; none when any is not told
	uint64_t coin_count, coin_cap;
	uint64_t input_count; // without coinbases
	bool has_prevouts;    // every input's is there (also when there is no input at all)
	uint8_t *script;      // scratch
	uint64_t script_cap;
} dp_bitcoin_answer;

// A block at verbosity 3. Only a missing prevout is no fault: see has_prevouts.
DP_MUST dp_code dp_bitcoin_answer_full(dp_bitcoin_answer *a, const dp_json *result,
                                       dp_fault *fault);
// A block or transaction as hexadecimal text: fills `bytes` and nothing else.
DP_MUST dp_code dp_bitcoin_answer_hex(dp_bitcoin_answer *a, const dp_json *result, dp_fault *fault);
void dp_bitcoin_answer_done(dp_bitcoin_answer *a);

// The outputs of one serialised transaction, one after the other. False when the bytes are no
// transaction as far as its outputs.
typedef struct dp_bitcoin_outputs {
	const dp_chain *chain; // as above; set it after dp_bitcoin_outputs_of
	dp_bytes bytes;
	uint64_t count, next;
	uint8_t txid[32];
} dp_bitcoin_outputs;
bool dp_bitcoin_outputs_of(dp_bitcoin_outputs *ret_outputs, const uint8_t *bytes, size_t size);
// False at the end.
bool dp_bitcoin_outputs_next(dp_bitcoin_outputs *o, dp_spent_coin *ret_coin);

#endif
