// What the two halves of case_funders.h share: case_gas.c finds who paid the first gas of one
// case's wallets, case_funders.c makes uses of what two cases have in common.
#ifndef DP_REPORT_CASE_FUNDERS_PRIVATE_H
#define DP_REPORT_CASE_FUNDERS_PRIVATE_H

#include "report/case_funders.h"

typedef struct dp_gas_wallet {
	uint32_t node;
	uint64_t key;  // of the node
	uint16_t hop;  // from the theft
	uint64_t loot; // parts of DP_LOOT_WHOLE that came to it
	bool is_root;
} dp_gas_wallet;

// One wallet's first gas on one ledger.
typedef struct dp_gas_payment {
	dp_addr payer;
	uint32_t wallet, ledger;
	uint16_t hop;
	bool was_unseen;
	uint8_t txid[32];
} dp_gas_payment;

typedef struct dp_gas_payer {
	dp_addr addr;
	uint32_t first, end; // its payments
	bool is_told;        // it is among the uses
} dp_gas_payer;

typedef struct dp_gas {
	dp_gas_wallet *wallet;
	uint32_t wallet_count;
	dp_gas_payment *payment;
	uint64_t payment_cap;
	uint32_t payment_count;
	dp_gas_payer *payer; // in order of their addresses
	uint64_t payer_cap;
	uint32_t payer_count;
} dp_gas;

struct dp_case_funders {
	dp_witness *witness;
	dp_arena arena;
	dp_gas mine;
	dp_gas_of_case *of_case;
	uint64_t case_cap;
	uint32_t case_count;
	uint64_t present[DP_WITNESS_LEDGERS_MAX];
	dp_gas_dropped dropped[DP_FUNDERS_DROPPED_MAX];
	uint32_t dropped_shown;
	uint64_t dropped_count, deposits_left_out;
};

// Asks the ledgers for the wallets of a case, and says what was done. On failure, too, `io_gas` is
// the caller's to end.
DP_MUST dp_code dp_gas_collect(dp_case_funders *f, dp_gas *io_gas, const dp_case_side *side,
                               dp_fault *fault);
void dp_gas_done(dp_gas *g);
// Does a payer count in the case, by wallets that have no part in another one (NULL: none)? Those
// in common are compared themselves, and whose money came to them first says nothing more.
bool dp_gas_counts(const dp_gas *g, const dp_gas_payer *p, const dp_graph *other);
bool dp_gas_is_common(const dp_gas *g, const dp_gas_payment *p, const dp_graph *other);
const dp_chain *dp_gas_chain(const dp_case_funders *f, const dp_gas_payment *p);
// An address's node in a case; DP_NODE_NONE: it has no part in it.
uint32_t dp_gas_node(const dp_graph *g, const dp_addr *addr, const dp_chain *chain);

#endif
