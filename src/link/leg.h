// Legs: one side of a continuation that the ledger does not show as a movement. A protocol's file
// reads a note (chain/note.h) and says: so much of this asset left into us under this key, or came
// out of us under this key. The engine matches the two sides; nothing here knows of taint.
//
//   thief --> router            note: Deposit(vault, asset, amount, memo)    leg OUT, key = txid
//   ...
//   vault --> new wallet        note: OUT:<txid>                             leg IN,  key = txid
//
// Everything is written by strangers. What a protocol's own contract says (`is_proven`) was checked
// against the list of its contracts; what anybody can write (a memo, a payment to a vault) is not,
// and counts when the other side confirms it. What cannot be a leg though it looks like one is
// given with `refused`: why, in words. Decoders never fail: bad bytes are a refusal.
#ifndef DP_LINK_LEG_H
#define DP_LINK_LEG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/u256.h"
#include "chain/address.h"
#include "chain/asset.h"
#include "chain/block.h"
#include "chain/chain.h"

typedef enum dp_leg_side {
	DP_LEG_OUT = 1, // value goes into the protocol here
	DP_LEG_IN,      // value comes out of it here
	DP_LEG_VAULT,   // `place[0]` holds the protocol's money from here on (THORChain's vaults)
	DP_LEG_ABOUT    // says something of another leg of the same transaction and protocol
	                // `about`: Li.Fi names receiver, chain and bridge
} dp_leg_side;

// Where the units are while they are in: what is shown, and what the books call it.
typedef enum dp_leg_store {
	DP_STORE_TRANSIT = 0, // a bridge: will come out, perhaps on another chain
	DP_STORE_MIXER,       // a contract mixer: what comes out cannot be told apart
	DP_STORE_FROZEN,      // stopped by the issuer; side IN: released again
	DP_STORE_DESTROYED,   // destroyed by the issuer: returned or burnt, as the case says
	DP_STORE_POSITION     // a liquidity position (an NFT): comes out in parts
} dp_leg_store;

enum { DP_LEG_PLACES_MAX = 4, DP_LEG_TEXT_MAX = 72, DP_LEGS_MAX = 8 };
#define DP_LEG_NO_NOTE UINT32_MAX // read off the movements alone (dp_protocol.decode_tx)

typedef struct dp_protocol dp_protocol;

typedef struct dp_leg {
	const dp_protocol *protocol;
	const char *about;   // ABOUT: name of the protocol it speaks of, NULL: any
	const char *refused; // not NULL: no leg, and why
	uint8_t side;        // dp_leg_side
	uint8_t store;       // dp_leg_store
	bool is_proven;      // the protocol's own contract says so
	bool is_refund;      // IN: gives back what went in, or OUT: never got in
	bool has_key;        // without: nothing will ever come out under a name we know
	bool has_time_key;   // the key is not unique (CCTP 2): the oldest open one counts
	bool is_bound;       // IN: the protocol's contract itself ties this key to one way in: who
	                     // is paid, and how much, is what it says, whoever was named there
	uint8_t key[32];     // dp_link_key
	uint32_t note;       // index in the block; DP_LEG_NO_NOTE: none
	uint8_t ref[32];     // the protocol's own id as people write it: a txid, an order id, ...
	uint8_t ref_size;    // bytes used of it
	char text[DP_LEG_TEXT_MAX]; // what people know it by: "nonce 1234 of domain 0"; or ""

	// What, on this side.
	dp_asset asset; // NONE: not on the list
	dp_u256 amount; // base units; 0 with all_of_it
	bool all_of_it; // whatever reaches (OUT) or leaves (IN) `place` in this transaction,
	                // FROZEN: whatever `place[0]` holds
	dp_addr place[DP_LEG_PLACES_MAX]; // OUT: who takes it (any of them; kind NONE: nobody, it
	                                  // is burnt); IN: who pays it (NONE: it is minted)
	uint32_t place_count;             // IN: 0: anybody
	dp_addr to;   // OUT: receiver on the other side; IN: receiver here; kind NONE: not stated
	dp_addr back; // OUT: receiver of a refund; kind NONE: whoever sent the transaction

	// The other side, as far as this one says.
	const dp_chain *other;  // NULL: unknown to us or not said
	uint64_t other_number;  // the protocol's own number of that chain
	dp_asset other_asset;   // OUT: what is bought; IN: what `asset` was traded for on its
	                        // way to `to`; NONE: not said or not listed
	dp_u256 least;          // OUT: at least so much comes out (has_least)
	uint8_t least_decimals; // in units of 10^-least_decimals coins of what is bought
	bool has_least;
	bool stays_inside; // OUT: what is bought lives on the protocol's own ledger: no way out
} dp_leg;

struct dp_protocol {
	const char *name;      // "thorchain": in results, stable
	const char *title;     // "THORChain"
	const char *proves;    // what matches the two sides, in words
	const char *data;      // what it is read from: events, memos, on which chains
	const char *source;    // where that was read
	bool is_deterministic; // has a key
	// Legs that note `n` of block `b` speaks of, at most DP_LEGS_MAX, all others cut. Called
	// for notes of any kind on any chain: returns 0 quickly for what is not its own.
	uint32_t (*decode)(dp_leg ret_leg[DP_LEGS_MAX], const dp_block *b, uint32_t n);
	// What is a leg without any note: a plain transfer to a bridge's address (Avalanche's).
	// NULL for most. Called for every transaction that is asked about.
	uint32_t (*decode_tx)(dp_leg ret_leg[DP_LEGS_MAX], const dp_block *b, uint32_t tx);
	// With decode_tx: the one address on this chain whose payments it reads; kind NONE: no such
	// address there.
	dp_addr (*watches)(const dp_chain *chain);
};

extern const dp_protocol dp_protocol_thorchain, dp_protocol_maya, dp_protocol_chainflip,
    dp_protocol_across, dp_protocol_cctp, dp_protocol_cctp2, dp_protocol_layerzero,
    dp_protocol_stargate1, dp_protocol_wormhole, dp_protocol_debridge, dp_protocol_cbridge,
    dp_protocol_avalanche, dp_protocol_lifi, dp_protocol_uniswap3, dp_protocol_uniswap4,
    dp_protocol_tornado, dp_protocol_railgun, dp_protocol_freeze;
// Every protocol, ended by NULL. One file, one row.
extern const dp_protocol *const dp_protocols[];
const dp_protocol *dp_protocol_find(const char *name); // NULL when unknown

// All legs of one transaction, in order of notes, ABOUT legs merged into those they speak of and
// left out. What several notes say of one thing (Li.Fi and the bridge below it) is one leg.
// At most `max`; *ret_cut when there were more.
uint32_t dp_legs_of_tx(dp_leg *ret_leg, uint32_t max, bool *ret_cut, const dp_block *b,
                       uint32_t tx);
// Has a transaction without notes legs all the same (decode_tx)?
bool dp_legs_without_notes(const dp_block *b, uint32_t tx);
// Only one that pays the address with this key (dst_key) can have, on this chain; 0: none can.
uint64_t dp_legs_watched(const dp_chain *chain);

// Keccak-256 of the protocol's name, a colon and the bytes: what two sides must have in common.
// THORChain and Maya share the name "thorchain": a Bitcoin memo does not tell whose it is, and a
// transaction's id is used by one of them only.
void dp_link_key(uint8_t ret_key[32], const char *protocol, const uint8_t *bytes, size_t n);

// The chain of an EVM chain id; NULL when we do not know it.
const dp_chain *dp_link_evm_chain(uint64_t chain_id);
// An EVM address out of 20 bytes; asset of a token contract (all zero: the native asset).
dp_addr dp_link_addr(const uint8_t bytes[20]);
dp_asset dp_link_asset(const dp_chain *chain, const uint8_t contract[20]);

#endif
