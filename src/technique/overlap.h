// Infrastructure overlap: what two cases share that only one hand can hold. It weighs more than any
// likeness of shape, because shapes can be imitated and keys cannot.
//
//   case A: who used which address how, in which transactions --+
//                                                               +-- dp_overlap_find --> findings
//   case B, or what is known of older incidents ----------------+
//
// What counts is shared *control* or a shared source of money:
//
//   shared wallet   it is where both thefts began (or one, and somebody of authority says that it
//                   is the other's). On EVM chains the same 20 bytes are the same key on every
//                   chain, so the chain does not matter. Contracts excepted: their address says
//                   nothing about their owner on another chain
//   same funder     the same address (no service) paid for the first gas in both, or in one, and is
//                   where the other began (or, by the word of authority, the other's own)
//   same gathering  both cases gather in the address, which is no service
//   same deposit    both pay into the same deposit address at a service: one customer
//   co-mingling     money of both cases met in one wallet that spent it on
//
// What does not count: that one case *pays* the other's address. The thief of Euler sent 100 ether
// to an address of Lazarus on 17 March 2023 and had nothing to do with it. Anybody can pay anybody:
// it is reported as `exposure`, with weight 0. So is being paid by the other: a
// wallet does not choose who pays it. And when the one that was paid spends on, the payment's money
// goes on through it without anybody's doing: so money passing through counts as co-mingling only
// where it is at least DP_OVERLAP_SHARE_MIN of the case's loot. A gift to lay a false trail is
// cheap; a hundredth of the loot is not (100 ether were less than a thousandth of Euler's).
#ifndef DP_TECHNIQUE_OVERLAP_H
#define DP_TECHNIQUE_OVERLAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

// How a case used an address, or is said to have. A set.
enum {
	DP_USE_ROOT = 1,       // the theft itself paid it, or it signed the theft
	DP_USE_SPENDS = 2,     // money of the case came to it and was spent on
	DP_USE_RECEIVES = 4,   // money of the case was paid to it; says nothing about who holds it
	DP_USE_GATHERS = 8,    // from DP_OVERLAP_GATHER_MIN of the case's own wallets or more
	DP_USE_FUNDS_GAS = 16, // it paid the first gas of a wallet of the case
	DP_USE_DEPOSIT = 32,   // it is a customer's own address at a service, paid by the case
	// Somebody of authority says that it is the thief's (a tag, a list): as good as a root, by
	// his word.
	DP_USE_CLAIMED = 64
};
enum {
	DP_USE_CONTRACT = 1, // code, not a key (a factory may put it at one address everywhere)
	DP_USE_SERVICE = 2   // other people's money is in it: sharing it means nothing
};

enum {
	DP_OVERLAP_GATHER_MIN = 3,
	DP_OVERLAP_SHARE_MIN = 10000, // millionths of the loot
	DP_OVERLAP_USES_MAX = 1 << 24,
	DP_OVERLAP_FOUND_MAX = 1 << 16, // beyond, they are only counted
	DP_OVERLAP_TX_MAX = 4           // shown of each side
};

// One address in one case, or in what is known. The texts are borrowed: they must outlive the
// result.
typedef struct dp_use {
	const char *address; // as people write it; EVM addresses in either case
	const char *chain;   // "ethereum"; shown, and compared for addresses that are not EVM's. ""
	                     // fits any
	const char *whose;   // the case or incident: "harmony-2022-06"
	const char *actor;   // who is held responsible for that incident; "" nobody
	const char *says;    // by whose word, when: a tag's source, a list; "" is the ledger itself
	uint32_t use;        // DP_USE_ROOT ...
	uint32_t share_ppm;  // of the case's loot that came to it; 0: not known
	uint32_t is;         // DP_USE_CONTRACT, DP_USE_SERVICE, as far as known
	// CLAIMED: said after the other side's theft, or nobody knows when: it may be about that
	// very theft, which is then no likeness to anything.
	bool said_after;
	const char *said;                  // CLAIMED: the day, "2025-02-26"; NULL or "": not known
	const char *tx[DP_OVERLAP_TX_MAX]; // hashes that show it; NULL ends
} dp_use;

typedef enum dp_overlap_kind {
	DP_OVERLAP_WALLET = 0,
	DP_OVERLAP_GAS,
	DP_OVERLAP_GATHERING,
	DP_OVERLAP_DEPOSIT,
	DP_OVERLAP_COMINGLED,
	DP_OVERLAP_EXPOSURE, // not an overlap: no control is shared; weight 0
	DP_OVERLAP_KIND_COUNT
} dp_overlap_kind;

typedef struct dp_overlap_row {
	const char *name;  // "shared-wallet"
	const char *words; // "the wallet of both"
	uint32_t weight;   // thousandths: how strongly it ties the two together
	const char *text;  // why that much
} dp_overlap_row;
const dp_overlap_row *dp_overlap_rows(uint32_t *ret_count); // by dp_overlap_kind

typedef struct dp_overlap {
	dp_overlap_kind kind;
	uint32_t weight; // the row's; three quarters where a side rests on somebody's word, half
	                 // where nobody knows how much of the loot passed; 0: may_be_itself
	uint32_t mine, theirs; // which uses: of several of one address and whose, the first
	bool other_chain;      // seen on different chains
	bool by_claim;         // a side rests on somebody's word
	// That word came after my theft (dp_use.said_after), and may be about it: it is somebody's
	// word on this case, to be said, and weighs nothing as an overlap with another.
	bool may_be_itself;
} dp_overlap;

typedef struct dp_overlaps {
	dp_overlap *item; // heaviest first, then by kind and place in `mine`, `theirs`
	uint32_t count;
	uint64_t left_out; // pairs that were not looked at, beyond DP_OVERLAP_FOUND_MAX
	// All together, thousandths: 1000 - product of (1000 - weight); of one address only the
	// heaviest counts, because its kinds are not independent.
	uint32_t weight;
} dp_overlaps;

// Several uses of one address on one side are put together, whoever's they are on `theirs` (each
// `whose` gives its own findings). Uses of the same `whose` on both sides are one and the same case
// and say nothing. Addresses are compared by what they are: 20 bytes of EVM whatever the chain and
// spelling, other texts exactly and on one chain.
DP_MUST dp_code dp_overlap_find(dp_overlaps *ret_found, const dp_use *mine, uint32_t mine_count,
                                const dp_use *theirs, uint32_t theirs_count, dp_fault *fault);
void dp_overlaps_done(dp_overlaps *found);

// Uses of the addresses of a verified flow that has been told (dp_flow_feed or _fill: shares of the
// loot are known then), for either side of a comparison. Texts are the flow's and the caller's.
// *ret_uses is the caller's (dp_free).
struct dp_flow;
DP_MUST dp_code dp_overlap_uses_of_flow(dp_use **ret_uses, uint32_t *ret_count,
                                        const struct dp_flow *flow, const char *whose,
                                        const char *chain, dp_fault *fault);

// One line: "0x7549...: the wallet of both (coinex-2023-09 on arbitrum, stake-2023-09 on
// polygon by the word of FBI, 2023-09-06)".
size_t dp_overlap_format(char *out, size_t size, const dp_overlap *o, const dp_use *mine,
                         const dp_use *theirs);

#endif
