// Backward following: where did a holder's units come from? Asked of a ledger, answered by its
// index.
//
//   fifo      The inverse of first in, first out, which is exact: each transaction, and each
//             account, puts its units out in the order in which they came in, so every range of
//             units that was paid out is one range of what came in. A unit has one way back.
//   haircut   What a holder has is a mixture, and so is what it was mixed from: a demand is shared
//             over everything that came in, by value. (The weight of an input in a transaction is
//             its value over all values; multiplied along a path and added over all paths that is
//             a source's share in the holder.) Shares are whole units, by the cumulative floor rule
//             or by floor and rest, so that nothing is lost.
//
// Following ends at origins: where units were made, where a person said that other people's money
// mixes, where the ledger begins, and where a limit was reached, which is said. The units of all
// origins come to the units asked for, always (asserted).
//
// The ledger is read from the holder backward, newest first, so that all demands on a transaction
// (haircut: on an account at a moment) have come together when it is reached. It takes memory for
// what is under way and for the history of each account it meets, up to memory_max.
//
// Sources: "Tracing stolen bitcoin" (Anderson, Shumailov and others, 2018) for fifo backward;
// exposure as services report it ("receiving", "source of funds") for haircut. See docs/TAINT.md.
#ifndef DP_ENGINE_BACKWARD_H
#define DP_ENGINE_BACKWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "engine/case.h"
#include "engine/engine.h"
#include "ledger/ledger.h"

// What units come from in the end. The order is that of the report.
typedef enum dp_origin_kind {
	DP_ORIGIN_COINBASE = 0, // made by a block of a UTXO chain
	DP_ORIGIN_MINT,         // account: paid by nobody: a mint, a reward, a withdrawal
	DP_ORIGIN_SERVICE,      // paid on by an address at which following was to stop
	DP_ORIGIN_BEFORE,       // was there before the ledger's first block, or came in unseen
	DP_ORIGIN_HUB,          // account: paid on by an address with too many movements
	DP_ORIGIN_CUT,          // not followed further: a limit of steps or of memory was reached
	DP_ORIGIN_KIND_COUNT
} dp_origin_kind;
const char *dp_origin_name(dp_origin_kind kind); // "coinbase", "mint", ...

#define DP_BACKWARD_NO_TX UINT64_MAX
#define DP_BACKWARD_NO_INDEX UINT32_MAX
#define DP_BACKWARD_TAGGED (UINT32_MAX - 1) // dp_origin.stop: not listed, but tagged

enum {
	DP_BACKWARD_STEPS_MAX = 1000000,
	DP_BACKWARD_KEPT_MAX = 100000 // steps kept as evidence
};
#define DP_BACKWARD_MEMORY_MAX ((uint64_t)1 << 30)

typedef struct dp_backward_options {
	bool is_haircut;     // else fifo
	const dp_stop *stop; // where following stops; must outlive the call
	uint32_t stop_count;
	const dp_tags *tags; // who else is a service (dp_tags_stop); NULL: nobody
	bool stops_at_risk;  // as in dp_engine_options
	uint32_t hub_limit;  // movements of one account in the asset; 0 = off
	uint64_t steps_max;  // 0 = DP_BACKWARD_STEPS_MAX
	uint64_t memory_max; // 0 = DP_BACKWARD_MEMORY_MAX
	uint32_t kept_max;   // 0 = DP_BACKWARD_KEPT_MAX
} dp_backward_options;

// Whose units. Either a coin; or an address (UTXO chains: one text may stand for two,
// chain/address.h) with what it holds right before transaction `tx_end`, or with what arrived at it
// in transaction `in` (a fee is no arrival, nor is what it paid itself).
typedef struct dp_backward_start {
	bool has_outpoint, has_in;
	dp_outpoint outpoint;
	dp_addr addr[2];
	uint32_t addr_count;
	dp_asset asset; // account chains
	uint8_t in[32];
	uint64_t tx_end; // may be the total: at the end
} dp_backward_start;

// Units of one kind, address and transaction.
typedef struct dp_origin {
	uint8_t kind;  // dp_origin_kind
	dp_addr addr;  // who had them; coinbase and mint: whom they were made for
	uint32_t stop; // service: index in the options' stops, or DP_BACKWARD_TAGGED; else NO_INDEX
	// Transactions (account: movements) from there to the holder, the fewest. The one that made
	// the units is not counted.
	uint32_t hops;
	// The transaction that made them, or by which they left that address; of a cut: the one
	// that was to be looked at next. DP_BACKWARD_NO_TX: several, there were too many to list.
	uint64_t tx_no;
	uint8_t txid[32];
	uint64_t height;
	int64_t time;
	dp_u256 units;
} dp_origin;

// Evidence: `units` of those asked for went over one movement.
typedef struct dp_backward_step {
	uint64_t tx_no;
	uint8_t txid[32];
	uint32_t place;    // of the movement (UTXO: the input) in it; NO_INDEX: coinbase
	uint32_t to_place; // UTXO: of the output; NO_INDEX: several together (haircut), or account
	dp_addr from, to;  // `to` is nobody where several are meant
	dp_u256 units;
} dp_backward_step;

typedef struct dp_backward {
	const dp_chain *chain;
	dp_asset asset;
	bool is_haircut;
	dp_u256 units;     // asked for
	dp_origin *origin; // units descending, then address, kind, transaction
	uint32_t origin_count;
	dp_u256 sum[DP_ORIGIN_KIND_COUNT]; // by kind; together they are `units`
	uint32_t count[DP_ORIGIN_KIND_COUNT];
	dp_backward_step *step; // the first kept_max, newest transactions first
	uint32_t step_count;
	uint64_t step_total; // that carried units
	uint64_t shares;     // computed, also those of nothing: what steps_max counts
	uint64_t assumed;    // steps over inputs of unknown value, taken to be as large as needed
	bool is_steps_cut, is_memory_cut; // which limit was reached
} dp_backward;

// DP_NOT_FOUND: no such coin or transaction. DP_BAD_CASE: nothing arrived. A holder that has
// nothing gives a result of no units.
DP_MUST dp_code dp_backward_run(dp_backward **ret_backward, dp_ledger *ledger,
                                const dp_backward_start *start, const dp_backward_options *options,
                                dp_fault *fault);
void dp_backward_free(dp_backward *b); // NULL is fine

#endif
