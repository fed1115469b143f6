// CoinJoins: transactions that many people made together, so that their inputs are not one owner's.
//
// Each rule is one of those in use (domain notes 3.1 to 3.3: GraphSense after Schnoering and
// Vazirgiannis, BlockSci, CRJOIN, Dumplings, Wasabi's own), written down where it stands with its
// source. Published rules contradict each other and now and then the protocol itself; a verdict
// comes from five more, one a protocol and one for Tx0, which take what its own code allows. What
// the transaction looks like decides, nothing else: no lineage, no memory. So a verdict can be
// computed again by anybody from the transaction alone.
#ifndef DP_SHAPE_COINJOIN_H
#define DP_SHAPE_COINJOIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "chain/block.h"

typedef enum dp_coinjoin_kind {
	DP_CJ_NONE = 0,
	DP_CJ_WHIRLPOOL,
	DP_CJ_WHIRLPOOL_TX0, // prepares one: its inputs are one owner's, it is no CoinJoin itself
	DP_CJ_WASABI2,
	DP_CJ_WASABI1, // 1.0 and 1.1
	DP_CJ_JOINMARKET,
	DP_CJ_KIND_COUNT
} dp_coinjoin_kind;
const char *dp_coinjoin_name(dp_coinjoin_kind kind); // "whirlpool", "whirlpool-tx0", ...

// The rules, each asked by itself so that a report can say which of them accept and why.
typedef enum dp_coinjoin_rule {
	DP_CJR_WHIRLPOOL = 0, // GraphSense
	DP_CJR_WHIRLPOOL_CRJOIN,
	DP_CJR_TX0,
	DP_CJR_WASABI2,        // GraphSense
	DP_CJR_WASABI2_WALLET, // the wallet's own: standard denominations
	DP_CJR_WASABI10,
	DP_CJR_WASABI11,
	DP_CJR_WASABI1_CRJOIN,
	DP_CJR_JOINMARKET, // GraphSense
	DP_CJR_BLOCKSCI,   // isCoinjoin
	DP_CJR_DUMPLINGS,  // "other CoinJoin", with CRJOIN's exclusions
	DP_CJR_WASABI1_DUMPLINGS,
	// What the protocols' own code allows: these give the verdicts.
	DP_CJR_WHIRLPOOL_PROTOCOL,
	DP_CJR_TX0_PROTOCOL,
	DP_CJR_WASABI2_PROTOCOL,
	DP_CJR_WASABI1_PROTOCOL,
	DP_CJR_JOINMARKET_PROTOCOL,
	DP_CJR_COUNT
} dp_coinjoin_rule;
const char *dp_coinjoin_rule_name(dp_coinjoin_rule rule);

// One input or output. Outputs that nobody can spend (OP_RETURN) are not in the list but counted.
// All others are, also those that have no address form (bare keys, bare multisig, odd scripts):
// somebody holds them, and a rule that wants certain kinds of address asks for them.
typedef struct dp_shape_end {
	uint64_t value;
	dp_addr addr;
} dp_shape_end;

// More than a Bitcoin block can hold. A transaction with more (Bitcoin Cash) gets no verdict: its
// shape has no ends and inputs_known false.
enum { DP_SHAPE_ENDS_MAX = 1 << 17 };

typedef struct dp_shape {
	const dp_shape_end *in, *out;
	uint32_t in_count, out_count;
	uint32_t nulldata_count; // OP_RETURN outputs left out
	bool is_coinbase;
	bool inputs_known; // false: values or addresses of inputs are not to be had: no verdict
} dp_shape;

// Working memory that is reused from call to call. Zero-initialise; dp_shaper_done frees it.
typedef struct dp_shaper {
	dp_shape shape;
	dp_shape_end *end;
	uint64_t end_cap;
	uint64_t *number; // values, sorted
	uint64_t number_cap;
	struct dp_shape_mark *mark; // addresses by key, sorted
	uint64_t mark_cap;
} dp_shaper;
void dp_shaper_done(dp_shaper *s);
// Of a transaction of a UTXO chain; valid until the next call.
DP_MUST dp_code dp_shape_of(dp_shaper *s, const dp_shape **ret_shape, const dp_block *block,
                            uint32_t tx, dp_fault *fault);

enum { DP_CJ_WHY_MAX = 240 };
typedef struct dp_coinjoin {
	uint8_t kind;            // dp_coinjoin_kind: the verdict, after the vetoes
	uint8_t rule;            // dp_coinjoin_rule that gave it
	uint8_t confidence;      // 0..100
	uint8_t vetoed;          // a rule accepted, a veto (Stonewall's shape) overruled it
	uint32_t accepted;       // bit per dp_coinjoin_rule
	uint64_t denomination;   // satoshi; 0 where there is no single one
	uint32_t participants;   // at least so many
	char why[DP_CJ_WHY_MAX]; // one line: what was counted, or why it is none
} dp_coinjoin;
DP_MUST dp_code dp_coinjoin_judge(dp_shaper *s, dp_coinjoin *ret_verdict, const dp_shape *shape,
                                  dp_fault *fault);
// Only whether it is one, without words: the same verdict as above, cheap where two inputs or three
// outputs settle it.
DP_MUST dp_code dp_coinjoin_is(dp_shaper *s, bool *ret_is, const dp_shape *shape, dp_fault *fault);
// For clusters, where nobody's inputs may be joined with a stranger's: also true where no rule
// accepts, but strangers could have signed together (coinjoin_may.c), as makers of JoinMarket do
// when the taker has changed his program. Three inputs and four outputs at least.
DP_MUST dp_code dp_coinjoin_may(dp_shaper *s, bool *ret_may, const dp_shape *shape,
                                dp_fault *fault);

#endif
