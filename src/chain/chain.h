// Chains: the ledgers we know, by CAIP-2 name, with what differs between those of one kind.
#ifndef DP_CHAIN_CHAIN_H
#define DP_CHAIN_CHAIN_H

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
	uint32_t magic;      // block file framing, little-endian as stored
	uint8_t p2pkh, p2sh; // base58check version bytes
	uint8_t p2sh_old;    // a second P2SH version that is still read, never written; 0 = none
	const char *hrp;     // bech32 human-readable part; NULL = no segregated witness
} dp_chain;

// NULL when unknown. Accepts CAIP-2 and short names, case-insensitive for short names.
const dp_chain *dp_chain_find(const char *text, size_t n);
const dp_chain *dp_chain_at(uint16_t id); // aborts when out of range
uint16_t dp_chain_count(void);
// NULL when unknown. Bitcoin Cash kept Bitcoin's magic in its block files: the answer is bitcoin.
const dp_chain *dp_chain_by_magic(uint32_t magic);

#endif
