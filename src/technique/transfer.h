// One step of a flow of money, as shapes are looked for in it: who paid whom, when, how much.
//
// Shapes (fan-out, peel chain, ...) are the same on every ledger and in every kind of flow: a case
// that the engine follows, a whole ledger, a list of transfers that somebody else verified. So all
// of these are turned into one stream of transfers between nodes, in the order in which they
// happened (technique/feed.h says how), and the matchers see nothing else.
//
// A transfer of an account chain is a movement. On a UTXO chain the inputs of a transaction are
// under one control (CoinJoins apart), so it is told as a star: the address of the first input that
// matters is the spender; from every other input's address a DP_TR_COSPEND goes to the spender, and
// from the spender a transfer to the address of each output. Change back to an input's address is
// a transfer to the spender himself.
#ifndef DP_TECHNIQUE_TRANSFER_H
#define DP_TECHNIQUE_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

typedef enum dp_transfer_kind {
	DP_TR_MOVE = 0,   // from one wallet to another
	DP_TR_COSPEND,    // UTXO: the owner of another input joins the spender
	DP_TR_THEFT,      // from the victim to where a case begins
	DP_TR_SERVICE,    // arrives at a service: an exchange, a custodial swapper, ...
	DP_TR_SWAP,       // another asset came out than went in; src is often dst
	DP_TR_BRIDGE_OUT, // into a bridge (or what else will come out elsewhere); dst is its node
	DP_TR_BRIDGE_IN,  // out of it: src is its node
	DP_TR_MIXER,      // into a contract mixer or a custodial one
	DP_TR_COINJOIN,   // through a CoinJoin
	DP_TR_BURN,       // to where nobody can spend it
	DP_TR_FROZEN,     // stopped where it is by its issuer
	DP_TR_RETURNED,   // given back
	DP_TR_TAKEOVER,   // moves nothing: call data let foreign code run in a Safe; to itself
	DP_TR_KIND_COUNT
} dp_transfer_kind;
const char *dp_transfer_kind_name(dp_transfer_kind kind); // "move", "cospend", ...

enum {
	// `dst` had never been seen before on its chain (nonce 0, no balance), as far as the feed
	// can tell: first in the flow otherwise.
	DP_TRF_FRESH = 1,
	DP_TRF_NATIVE = 2,     // the asset is the chain's own coin
	DP_TRF_STABLE = 4,     // the asset is worth a dollar by its maker's word
	DP_TRF_FREEZABLE = 8,  // its issuer can freeze it
	DP_TRF_COINS = 16,     // on a UTXO chain
	DP_TRF_CHANGE = 32,    // known to be the spender's change
	DP_TRF_TO_NATIVE = 64, // swaps: what came out is the chain's own coin
	// More transfers of the same transaction follow in the stream. Shapes of one transaction
	// of a UTXO chain (a peel, an equal split, many inputs into one) are judged at its last
	// transfer: a feed of coins sets this on all but that one.
	DP_TRF_MORE = 128
};

// What a share of the loot is counted in: parts of what was stolen in the whole case, all assets
// together by their worth at the theft. 0 where there is no case.
#define DP_LOOT_WHOLE ((uint64_t)1000000000000)
#define DP_WORTH_NONE UINT64_MAX // dp_transfer.worth_high: nobody knows

// In this order because walks go by what stands before worth_low: with an edge's links it fills one
// line of the cache (graph.h).
typedef struct dp_transfer {
	int64_t time;      // unix seconds; the stream's, so never less than the one before
	uint32_t src, dst; // nodes (dp_graph_node)
	uint32_t tx;       // number of its transaction in the stream: rises, equal within one
	uint32_t asset;    // a small number of the asset that moved: equal or not is all it says
	uint8_t kind;      // dp_transfer_kind
	uint8_t flags;     // DP_TRF_*
	uint16_t hop;      // hops from the theft, 0: not known
	// Of bridges, mixers, swaps, services: a small number of the protocol or the service's
	// owner (several addresses, one venue); 0: none. Of TAKEOVER: how clearly call data in its
	// transaction took a Safe over, in thousandths (shape/safe.h).
	uint32_t venue;
	// What moved, in base units, cut to nine decimals where the asset has more (gwei of ether),
	// so that it fits: shapes compare amounts, they do not keep books. Saturates.
	uint64_t amount;
	uint64_t loot; // parts of DP_LOOT_WHOLE
	// Cents of US dollars between which it was worth that much then: low <= high. 0 and
	// DP_WORTH_NONE: not known.
	uint64_t worth_low, worth_high;
	uint64_t ref; // the feed's: where its evidence is (a row of a casebook, a line of a file)
} dp_transfer;

#endif
