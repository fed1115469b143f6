// What the parts of link/net share: the rules stand in net.h, and each file does some of them.
//
//   rows --net_lots.c--> lots --net_market.c--> what is exchanged --net_share.c--> shares
//
// Parties are numbered in the order in which the rows name them, and everything else speaks of them
// by number. Nothing that is decided may hang on that order: see rule 1.
#ifndef DP_LINK_NET_PRIVATE_H
#define DP_LINK_NET_PRIVATE_H

#include "link/net.h"
#include "link/worth.h"

enum { NET_NOBODY = UINT32_MAX };

typedef struct net_party {
	dp_addr addr;
	uint64_t key;
	// While the lots of one asset are made.
	uint32_t head, tail; // its queue of pieces; NET_NOBODY: empty
	uint32_t paid_own;   // pieces of its own that are not back
	bool is_seen;        // in this asset
	// Its lots, as ranges of net.loss_at and net.gain_at.
	uint32_t loss_first, loss_count, gain_first, gain_count;
	bool is_converter;
	uint32_t parent; // market, as a union-find forest over parties
} net_party;

typedef struct net_row {
	uint32_t mv, from, to;
	dp_asset asset;
	bool is_mint, is_burn;
} net_row;

// While lots are made: a part of a queue, or a lot in the making.
typedef struct net_piece {
	dp_u256 units;
	uint32_t loser, holder, mv, mv_out, next;
	bool is_minted, is_burnt, is_gone;
} net_piece;

typedef struct net_lot {
	dp_u256 units;
	uint32_t loser, gainer;
	uint32_t mv, mv_out;
	dp_asset asset;
	bool is_minted; // its first row came from nobody
	bool is_burnt;  // its last row went to nobody
	bool is_given;  // the loser, a converter otherwise, did not sell this
	bool is_gotten; // the gainer, a converter otherwise, did not buy this
	bool is_exchanged;
} net_lot;

typedef enum net_part {
	NET_STAYS = 0,
	NET_OWN,  // a party's own: what it paid in, and what it got
	NET_REST, // of the others together
	NET_SENT  // a gain of the sender
} net_part;

// A lot between a market and somebody who is no converter.
typedef struct net_edge {
	uint32_t market, party, lot;
	bool is_in;   // the party paid in
	uint8_t part; // net_part
} net_edge;

// One side of a split: so much of an asset of one party.
typedef struct net_side {
	dp_u256 units;
	uint32_t party, via;
	uint32_t mv, mv_out;
	uint32_t parts; // shares made of it
	dp_asset asset;
	bool is_minted;
} net_side;

struct dp_net {
	const dp_block *block;
	uint32_t tx;
	uint32_t work; // lots passed on so far, against DP_NET_WORK_MAX
	net_party *party;
	net_row *row;
	net_piece *piece;
	net_lot *lot;
	net_edge *edge;
	net_side *loss, *gain;
	dp_worth_item *item, *item_other;
	dp_net_share *share;
	dp_u256 *weight;
	uint32_t *table, *loss_at, *gain_at, *list, *list_other;
	uint64_t *probe;
	uint32_t party_count, row_count, piece_count, lot_count, edge_count, share_count;
	uint32_t loss_count, gain_count, item_count, item_other_count, table_size;
	uint64_t party_cap, row_cap, piece_cap, lot_cap, edge_cap, share_cap, loss_cap, gain_cap;
	uint64_t item_cap, item_other_cap, weight_cap, table_cap, loss_at_cap, gain_at_cap;
	uint64_t list_cap, list_other_cap, probe_cap;
};

// One more item at the end of an array of the net.
#define NET_PUSH(n, name, count_max, fault)                                                        \
	dp_grow((void **)&(n)->name, &(n)->name##_cap, sizeof *(n)->name,                          \
	        (uint64_t)(n)->name##_count + 1, (count_max), (fault))
#define NET_HOLD(n, name, count, fault)                                                            \
	dp_grow((void **)&(n)->name, &(n)->name##_cap, sizeof *(n)->name, (count),                 \
	        (uint64_t)DP_NET_WORK_MAX * 4, (fault))

// Does a row carry value, as rule 1 has it?
static inline bool net_is_value(const dp_movement *mv)
{
	return mv->asset.v != 0 && mv->kind != DP_MV_FEE &&
	       (mv->flags & (DP_MVF_FAILED | DP_MVF_UNSIGNED_ZERO | DP_MVF_VALUE_UNKNOWN)) == 0 &&
	       !dp_u256_is_zero(mv->amount);
}

// Who stands for nobody where a token is minted or burnt: its contract. False: nobody does.
bool dp_net_contract(dp_addr *ret_addr, dp_asset asset);
// The number of a party of this transaction; NET_NOBODY when no value row names it.
uint32_t dp_net_party(const dp_net *n, const dp_addr *addr, uint64_t key);
// DP_LIMIT (without a text) from any of these means: too large.
DP_MUST dp_code dp_net_lots(dp_net *n, dp_fault *fault);
DP_MUST dp_code dp_net_markets(dp_net *n, dp_fault *fault);
DP_MUST dp_code dp_net_split(dp_net *n, dp_fault *fault);
uint32_t dp_net_market_of(dp_net *n, uint32_t party);
uint32_t dp_net_sender(const dp_net *n); // NET_NOBODY: not known or not among the parties
// Counts work; DP_LIMIT when there was too much.
static inline dp_code net_spend(dp_net *n, uint32_t work)
{
	if (work > DP_NET_WORK_MAX || n->work > DP_NET_WORK_MAX - work) return DP_LIMIT;
	n->work += work;
	return DP_OK;
}

#endif
