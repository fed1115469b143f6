// Memos: what a depositor tells THORChain or Maya to do, and what their vaults say when they pay.
//
//   =:BTC.BTC:bc1q65...gzl/0x7a09...6682:51e7/3/0:dx/ss:10/5:AGG:FINALTOKEN:MINOUT|DATA
//   | |       |            |             |   | |  |     |                         free text
//   | |       |            |             |   | |  |     fee of each affiliate, 1/10000
//   | |       |            |             |   | |  affiliates, five at most
//   | |       |            |             |   | number of parts (0: as many as is best)
//   | |       |            |             |   blocks between parts: a "streaming" swap
//   | |       |            |             at least so much, in 1e-8 coins; 51e7 is 510,000,000
//   | |       |            who gets it back if it fails (none: the sender)
//   | |       who gets it (none: the sender; or a name of a book that is on THORChain)
//   | what is bought
//   what to do; `SWAP`, `s` and `=` are one
//
//   OUT:EA7D80B3...1C5C        a vault pays: this transaction is answered
//   REFUND:EA7D80B3...1C5C     a vault gives back
//   MIGRATE:3494355            a vault moves house
//
// Anybody can write a memo. Reading one never fails: `kind` NONE says that it is none, `wrong` that
// the protocol will not do what it says (and gives the money back), `unsure` that it may, and that
// where the money then is cannot be told from the memo alone.
#ifndef DP_LINK_MEMO_H
#define DP_LINK_MEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/u256.h"
#include "chain/address.h"
#include "chain/asset.h"
#include "chain/block.h"
#include "chain/chain.h"

typedef enum dp_memo_kind {
	DP_MEMO_NONE = 0, // no memo
	DP_MEMO_SWAP,     // money goes in, and something else comes out
	DP_MEMO_INSIDE,   // money goes in and stays: liquidity, bonds, loans, trade accounts, names
	DP_MEMO_ASK,      // a little goes in to ask for money that went in under another memo
	DP_MEMO_OUT,      // a vault pays what `txid` asked for
	DP_MEMO_REFUND,   // a vault gives back what `txid` brought
	DP_MEMO_OWN       // vaults among themselves
} dp_memo_kind;

// Whose grammar. Nothing in a Bitcoin transaction tells them apart: then both are tried.
enum { DP_MEMO_OF_THORCHAIN = 1, DP_MEMO_OF_MAYA = 2, DP_MEMO_OF_BOTH = 3 };
enum {
	DP_MEMO_AFFILIATES_MAX = 5,
	DP_MEMO_SHOWN_MAX = 640 // more than any memo needs when it is written out
};

// A piece of the memo, or of a text that lives for ever ("BTC.BTC" for `b`).
typedef struct dp_memo_text {
	const char *text;
	size_t size;
} dp_memo_text;

typedef struct dp_memo {
	uint8_t kind;         // dp_memo_kind
	uint8_t of;           // DP_MEMO_OF_*: whose grammar gives this reading
	bool is_limit;        // SWAP: waits for its price ("=<")
	const char *function; // the word as it is best written: "=", "+", "OUT"; NULL for NONE
	dp_memo_text rest;    // all behind the function's colon, without DATA
	dp_memo_text data;    // behind "|"

	// NULL: nothing. Sentences without a full stop, texts that live for ever; the number is the
	// byte of the memo where it was found.
	const char *wrong, *unsure;
	uint32_t wrong_at, unsure_at;

	// SWAP
	char separator;                     // '.', '/' synth, '~' trade, '-' secured
	dp_memo_text chain, ticker, suffix; // of what is bought; suffix: of its contract, or empty
	const dp_chain *on;                 // NULL: not a chain that is read here
	dp_asset asset;                     // NONE: not listed, or not one alone
	bool stays_inside;                  // lives on the protocol's own ledger
	dp_memo_text destination, refund;   // as written
	bool to_sender;                     // no destination is written
	dp_addr to, back;                   // kind NONE: not written, or not to be told
	bool has_limit, has_min_out;
	dp_u256 limit; // at least so much, in 1e-8 coins of what is bought (1e-10 of CACAO)
	uint64_t interval, quantity;
	dp_memo_text affiliate[DP_MEMO_AFFILIATES_MAX];
	uint16_t fee[DP_MEMO_AFFILIATES_MAX];
	uint32_t affiliate_count, fee_count;
	dp_memo_text aggregator, final_token; // a contract that trades once more behind the vault
	dp_u256 min_out;

	uint8_t txid[32]; // OUT, REFUND: in the order people print it; zero when it is wrong
} dp_memo;

// Reads a memo that stood in a transaction of chain `seen_on` (NULL: not known; refund addresses
// are then not looked at). `of` says whose grammar is tried. The result points into `bytes`.
void dp_memo_read(dp_memo *ret_memo, const uint8_t *bytes, size_t n, int of,
                  const dp_chain *seen_on);

// Writes the memo in its long form, terminated, and returns its length; 0 for NONE. Reading that
// again gives the same, as far as its length allows.
size_t dp_memo_print(char out[DP_MEMO_SHOWN_MAX], const dp_memo *m);

// The memo of a UTXO transaction whose output `at` pushes `bytes`. A long one ends in "^" there and
// goes on in the outputs behind it, which pretend to pay a key: 20 bytes each, the last filled up
// with zeros. Returns the length.
size_t dp_memo_join(uint8_t ret_memo[DP_MEMO_UTXO_MAX], const uint8_t *bytes, size_t n,
                    const dp_block *b, uint32_t tx, uint32_t at);

// Exactly 64 hex digits, with or without 0x, and not all zero.
bool dp_memo_txid(uint8_t ret_id[32], const char *text, size_t n);
// A whole number with scientific notation as the protocol reads it: 51e7, 1.5E3, 12. What is left
// behind the point is cut. NULL, or what is wrong.
const char *dp_memo_number(dp_u256 *ret_number, const char *text, size_t n);

#endif
