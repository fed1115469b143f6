// What the parts of `dyepack who` share: everything that is known of one address, gathered before
// anything is printed, so that a fault in the middle prints nothing by halves.
#ifndef DP_CLI_WHO_H
#define DP_CLI_WHO_H

#include "cli/ledger_command.h"
#include "cli/tags_option.h"
#include "entity/account.h"
#include "entity/approvals.h"
#include "shape/coinjoin.h"

enum {
	DP_WHO_STEPS_MAX = 32, // of funders
	DP_WHO_SHOWN_MAX = 20, // look-alikes, and inputs of a funding transaction
	DP_WHO_CHAINS_MAX = 32,
};

typedef struct dp_who {
	dp_cli_tags tags_from;
	const char *folder;
	uint64_t steps_max;
	dp_cli_format format;
	dp_ledger *ledger;
	const dp_chain *chain;
	dp_tags *tags;
	dp_approvals approvals;
	dp_account_options options;
	dp_block_builder builder;
	dp_shaper shaper;
	dp_json_out json;
} dp_who;

// UTXO chains have off-ramps by transaction: what a transaction that the address signed paid to
// services.
typedef struct dp_who_payment {
	dp_addr service;
	dp_u256 amount;
	uint64_t transfers;
	dp_evidence first;
} dp_who_payment;

typedef struct dp_finding {
	dp_addr addr;
	dp_activity activity;
	// first funder, its own first funder, and so on, up to the first that is tagged
	dp_evidence step[DP_WHO_STEPS_MAX];
	uint32_t step_count;
	bool funder_cut; // of the last of them only the first history_max transactions were read
	bool had_before; // the last of them spent before it was paid: the ledger begins too late
	bool went_round; // the last funder was there before
	// account chains
	bool is_deposit, offramps_cut;
	dp_deposit deposit;
	dp_offramp offramp[DP_OFFRAMP_MAX];
	uint32_t offramp_count;
	dp_imitation imitation[DP_WHO_SHOWN_MAX];
	uint64_t imitation_count;
	struct dp_who_chain {
		const dp_chain *chain;
		dp_activity activity;
	} other[DP_WHO_CHAINS_MAX]; // the same address in the folder's other ledgers
	uint32_t other_count;
	// UTXO chains
	bool has_cluster, has_clusters; // it is in one; there are any
	dp_addr cluster;
	uint64_t cluster_size;
	dp_evidence funded; // the first transaction that pays it
	bool is_funded;
	dp_coinjoin funded_shape;
	dp_addr funder[DP_WHO_SHOWN_MAX]; // who signed it
	uint32_t funder_count, funder_more;
	dp_who_payment payment[DP_OFFRAMP_MAX];
	uint32_t payment_count;
	dp_u256 paid_all;   // to anybody but those who signed
	uint64_t coinjoins; // left out
	bool payments_cut;
} dp_finding;

// Of an address that has part in nothing the activity only.
DP_MUST dp_code dp_who_find(dp_who *w, dp_finding *ret_finding, const dp_addr *addr,
                            dp_fault *fault);
DP_MUST dp_code dp_who_find_utxo(dp_who *w, dp_finding *f, dp_fault *fault);

void dp_who_text(dp_who *w, const dp_finding *f);
void dp_who_json(dp_who *w, const dp_finding *f);
void dp_who_json_evidence(dp_who *w, const char *key, const dp_evidence *e);

// "12.5 ETH", and "85.21" of a hundred, rounded down.
enum { DP_WHO_AMOUNT_MAX = DP_U256_DEC_MAX + 32, DP_WHO_PERCENT_MAX = 32 };
const char *dp_who_amount(char out[DP_WHO_AMOUNT_MAX], dp_u256 amount, dp_asset asset);
const char *dp_who_percent(char out[DP_WHO_PERCENT_MAX], dp_u256 part, dp_u256 whole);
// The best tag's label; "" when there is none that speaks of this network.
const char *dp_who_label(const dp_who *w, const dp_addr *addr);

// The whole ledger: all inferred deposit addresses; `export_path` NULL: only listed.
DP_MUST dp_code dp_who_deposits(dp_who *w, const char *export_path, dp_fault *fault);
DP_MUST dp_code dp_who_pairs(dp_who *w, dp_fault *fault);

#endif
