// Which output of a transaction is its change? Each heuristic is one small function that says
// whether an output cannot be ruled out, as its authors wrote it (domain notes 2.2 and 2.3).
//
//   BlockSci     change_address.cpp (Kalodner et al. 2020)
//   GraphSense   graphsense-lib, change heuristics (Haslhofer, Stuetz, Romiti, King 2021)
//
// What they need to know of a transaction is put into one record, so that they can be checked on
// vectors without a ledger. Outputs that nobody can spend (OP_RETURN) are never change.
//
// Two of BlockSci's cannot be told from a ledger, which keeps neither lock times nor sizes:
// `locktime` and `fixed_fee`. They are refused by name instead of being faked.
#ifndef DP_ENTITY_CHANGE_H
#define DP_ENTITY_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "entity/cluster.h"

// What became of an output.
typedef enum dp_change_fate {
	DP_FATE_UNSPENT = 0,
	DP_FATE_SPENT_BY_CHAIN, // by a transaction of one input and two outputs
	DP_FATE_SPENT
} dp_change_fate;

typedef struct dp_change_end {
	uint64_t value;
	uint32_t number; // of the address; UINT32_MAX: nobody's
	uint8_t kind;    // dp_addr_kind
	uint8_t fate;    // of an output, where it was asked for (dp_change_asks)
	bool is_fresh;   // the address first appears in this transaction
	bool is_only;    // and nobody ever paid it again, where it was asked for
} dp_change_end;

typedef struct dp_change {
	dp_change_end *in, *out;
	uint32_t in_count, out_count;
	uint64_t in_cap, out_cap;
	bool is_coinjoin;
	bool input_from_chain; // its first input was made by one of one input and two outputs
	uint64_t *sorted;      // dp_change_note: numbers of the inputs' addresses, ascending, each
	uint64_t sorted_cap;   // once; then room for the outputs' values
	uint32_t sorted_count; // 0: not noted
} dp_change;
void dp_change_done(dp_change *t);

// Which of these are heuristics of change; which of them a ledger cannot answer; which ask what
// became of an output, so that their answer may change as the ledger grows.
uint32_t dp_change_all(void);
uint32_t dp_change_unanswerable(void);
uint32_t dp_change_future(void);

// Notes what `reuse`, `direct` and `legacy` ask of a whole transaction: whose inputs they are, and
// is_coinjoin, which is BlockSci's own isCoinjoin there (it takes smaller ones for CoinJoins than
// shape/coinjoin.h does). Without it the first two look through all inputs for each output.
DP_MUST dp_code dp_change_note(dp_change *t, uint32_t heuristics, dp_fault *fault);

// Does the heuristic keep output `o`? `t` has at least one input and one output.
bool dp_change_keeps(dp_heuristic h, const dp_change *t, uint32_t o);
// The only output that all of them keep; UINT32_MAX when there is none, or several.
uint32_t dp_change_only(const dp_change *t, uint32_t heuristics);

#endif
