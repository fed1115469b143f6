// What contract mixers log, as events: who paid in, who was paid out. They are what leads (leads.h)
// are looked for in; a mixer's way out is never taint. Tornado Cash and Railgun.
//
// A casebook keeps the events of every block that it follows, not of those alone that the case
// touches: how unusual something is can only be told from what strangers do.
#ifndef DP_LINK_MIXER_H
#define DP_LINK_MIXER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/u256.h"
#include "chain/asset.h"
#include "chain/block.h"

typedef enum dp_mixer_kind { DP_MIXER_DEPOSIT = 1, DP_MIXER_WITHDRAWAL } dp_mixer_kind;

// Plain data without padding that matters: may be stored field by field. Addresses are EVM ones,
// all zero where there is none.
typedef struct dp_mixer_event {
	const dp_chain *chain;
	uint64_t height;
	int64_t time;
	uint64_t gas_price;  // wei for a unit of gas; has_gas
	dp_u256 amount;      // base units: what went in, or what came out before the relayer's fee
	uint32_t tx_no, log; // places in its block, which order its events
	uint32_t leaf;       // deposits: how many there were before it in this pool; has_leaf
	dp_asset asset;      // NONE: not on the asset list
	uint8_t kind;        // dp_mixer_kind
	bool is_case;        // deposit by money of the case; the decoder leaves it false
	bool is_fixed;       // the pool takes one amount only, so amounts tell nothing
	bool has_gas, has_leaf;
	bool is_relayed;     // withdrawal that somebody else sent, for a fee
	uint8_t pool[20];    // contract
	uint8_t address[20]; // depositor (who sent the transaction), or recipient
	uint8_t sender[20];  // who sent the transaction; zero: not known
	uint8_t relayer[20];
	uint8_t txid[32];
} dp_mixer_event;

enum { DP_MIXER_EVENTS_MAX = 8 }; // of one note; all others cut

// The events that note `n` of block `b` speaks of. Never fails: bad bytes are no event.
uint32_t dp_mixer_events_of_note(dp_mixer_event ret_event[DP_MIXER_EVENTS_MAX], const dp_block *b,
                                 uint32_t n);

// A pool of Tornado Cash.
typedef struct dp_tornado_pool {
	const dp_chain *chain;
	uint8_t contract[20];
	const char *symbol;  // of what it takes
	const char *coins;   // how much of it, in whole coins: "0.1"
	uint32_t decimals;   // of it
	dp_u256 amount;      // the same in base units
	dp_asset asset;      // NONE: not on the asset list (cDAI)
	const char *address; // EIP-55
} dp_tornado_pool;
const dp_tornado_pool *dp_tornado_pools(uint32_t *ret_count);
const dp_tornado_pool *dp_tornado_pool_find(const dp_chain *chain, const uint8_t contract[20]);

// ---- for the mixers' own files -----------------------------------------------------------------

// What is the same for all events of a note: block, transaction, its sender and gas price.
void dp_mixer_event_start(dp_mixer_event *ret_event, const dp_block *b, uint32_t n);
uint32_t dp_tornado_events(dp_mixer_event ret_event[DP_MIXER_EVENTS_MAX], const dp_block *b,
                           uint32_t n);
uint32_t dp_railgun_events(dp_mixer_event ret_event[DP_MIXER_EVENTS_MAX], const dp_block *b,
                           uint32_t n);

#endif
