// Chains: the ledgers we know, by CAIP-2 name, with what differs between those of one kind.
#ifndef DP_CHAIN_CHAIN_H
#define DP_CHAIN_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

typedef enum dp_chain_kind { DP_CHAIN_UTXO, DP_CHAIN_ACCOUNT } dp_chain_kind;

typedef struct dp_chain {
	uint16_t id;       // index in the table; stable within a run only
	const char *caip2; // "eip155:1"
	const char *name;  // "ethereum": accepted everywhere, printed in results
	dp_chain_kind kind;
	const char *native; // symbol of the native asset
	// UTXO chains only
	uint32_t magic;       // block file framing, little-endian as stored
	uint8_t p2pkh, p2sh;  // base58check version bytes
	uint8_t p2sh_old;     // a second P2SH version that is still read, never written; 0 = none
	const char *hrp;      // bech32 human-readable part; NULL = no segregated witness
	const char *cashaddr; // prefix of CashAddr, which is then what people write; NULL = none
	uint32_t block_size_max;
	uint64_t money_max;      // base units that no sum in a block may pass
	bool has_auxpow;         // headers may carry a merge-mining proof (version bit 8)
	bool has_mweb;           // blocks may carry a MimbleWimble part behind their transactions
	bool any_order;          // transactions may stand before those whose outputs they spend
	bool is_scrypt;          // proof of work is over another hash: claimed work is believed
	uint32_t halving_blocks; // 0: the subsidy has a rule of its own (dp_chain_subsidy)
	uint32_t bip34_height; // from here on a coinbase must state its height; 0 = never demanded
} dp_chain;

enum { DP_CHAIN_BLOCK_SIZE_MAX = 256000000 }; // no chain's block_size_max is larger

// NULL when unknown. Accepts CAIP-2 and short names, case-insensitive for short names.
const dp_chain *dp_chain_find(const char *text, size_t n);
const dp_chain *dp_chain_at(uint16_t id); // aborts when out of range
uint16_t dp_chain_count(void);
// NULL when unknown. Bitcoin Cash kept Bitcoin's magic in its block files: the answer is bitcoin.
const dp_chain *dp_chain_by_magic(uint32_t magic);
// May files of one be files of the other? Both are UTXO chains and their magic is the same.
bool dp_chain_same_magic(const dp_chain *a, const dp_chain *b);

// New coins that a block may make at this height. Where the amount hangs on more than the height
// (Dogecoin's first 145,000 blocks drew lots) it is the most that it can be. UTXO chains only.
uint64_t dp_chain_subsidy(const dp_chain *chain, uint64_t height);

#endif
