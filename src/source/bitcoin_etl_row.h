// One line of a bitcoin-etl export to one checked row. A private part of bitcoin_etl.c.
//
// bitcoin-etl writes two sorts of JSON lines: blocks, and transactions with their inputs and
// outputs. Which a line is of is told by its keys. The ids can be recomputed: everything that a
// transaction hashes, its witness apart, stands in its line, so its amounts and outputs are proven
// by its id, as they are in a block.
//
// Sources: blockchain-etl/bitcoin-etl, README (schema), bitcoinetl/mappers, domain and service
// (which leave out a coinbase's input, and put "nonstandard" and 40 digits of the SHA-256 of the
// script where the node gives no address).
#ifndef DP_SOURCE_BITCOIN_ETL_ROW_H
#define DP_SOURCE_BITCOIN_ETL_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "chain/address.h"
#include "chain/chain.h"
#include "chain/note.h"

typedef struct dp_btc_input {
	dp_outpoint spent;
	dp_addr from;   // kind NONE: the export does not tell it (see input_address)
	bool has_value; // an "enriched" export
	uint64_t value;
} dp_btc_input;

typedef struct dp_btc_output {
	uint64_t value;
	dp_addr to;
} dp_btc_output;

// What an output says that carries only words and could be a memo.
typedef struct dp_btc_memo {
	uint32_t vout, size;
	uint8_t bytes[DP_MEMO_MAX + 6]; // so that the next one is aligned
} dp_btc_memo;

enum {
	DP_BTCF_BLOCK = 1, // of a block, else of a transaction
	DP_BTCF_COINBASE = 2,
	DP_BTCF_HAS_INDEX = 4, // position in the block
	DP_BTCF_HAS_FEE = 8,
	DP_BTCF_PROVEN = 16,      // the id was recomputed
	DP_BTCF_HAS_MERKLE = 32,  // block
	DP_BTCF_HAS_COUNT = 64,   // block: index is the number of transactions
	DP_BTCF_HAS_HEADER = 128, // block: version, bits and nonce are there
	DP_BTCF_HAS_PREV = 256,   // block: of variants that write it
	DP_BTCF_HAS_HASH = 512,   // the block's hash
};

typedef struct dp_btc_row {
	uint64_t block, fee;
	int64_t time;
	uint8_t block_hash[32];
	uint8_t id[32]; // transaction: its id; block: the merkle root
	uint8_t prev[32];
	uint32_t flags; // DP_BTCF_*
	uint32_t index;
	uint32_t version, bits, nonce;
	uint32_t input_count, output_count, memo_count;
	uint32_t file, line;
	const dp_btc_input *input;
	const dp_btc_output *output;
	const dp_btc_memo *memo;
} dp_btc_row;

// Set `chain`, zero the rest; reused line by line.
typedef struct dp_btc_parser {
	const dp_chain *chain;
	dp_btc_input *input;
	dp_btc_output *output;
	dp_btc_memo *memo;
	uint32_t memo_count; // of the row being read
	uint8_t *bytes;      // of scripts
	uint64_t input_cap, output_cap, memo_cap, bytes_cap;
} dp_btc_parser;

// The row and what it points to are valid until the next call. `file` and `line` are left to the
// caller, also in faults.
DP_MUST dp_code dp_btc_row_parse(dp_btc_parser *p, dp_btc_row *ret_row, const char *text, size_t n,
                                 dp_fault *fault);
void dp_btc_parser_done(dp_btc_parser *p);
// Do these bytes look like the first line of such a file?
bool dp_btc_row_recognise(const uint8_t *head, size_t size);

#endif
