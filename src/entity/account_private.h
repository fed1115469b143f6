// What the parts of account.c share: the genuine transfers of one address, read once and looked at
// from several sides; and the deposit heuristic with everything it found.
#ifndef DP_ENTITY_ACCOUNT_PRIVATE_H
#define DP_ENTITY_ACCOUNT_PRIVATE_H

#include "entity/account.h"

enum {
	DP_FLOWS_MAX = 1 << 20,      // transfers of one address that are kept
	DP_PAIR_DISTANCE_MAX = 4096, // transfers in that are looked at for one transfer out
	DP_ACCOUNT_ADDRESSES_MAX = 1 << 26
};

// A transfer in or out of the address that is looked at. `is_signed`: `from` signed the transaction
// itself, so that it is an account.
typedef struct dp_flow {
	dp_evidence e;
	bool is_out, is_signed;
} dp_flow;

typedef struct dp_view {
	dp_flow *flow; // in order
	uint64_t count, cap;
	uint64_t txs; // looked at
	bool is_cut;
	bool is_account, is_miner;
} dp_view;

// `with_noise`: also what is of no genuine asset or of nothing (amount 0 then).
DP_MUST dp_code dp_view_make(dp_view *ret_view, dp_ledger *l, const dp_addr *addr, uint64_t txs_max,
                             bool with_noise, dp_fault *fault);
void dp_view_done(dp_view *v);
// Leaves out what came in from counterparties that only imitate another one. What went out stays:
// nobody can forge a genuine payment of another's, so it went where it went.
DP_MUST dp_code dp_view_drop_lookalikes(dp_view *v, const dp_account_options *options,
                                        const dp_chain *chain, dp_fault *fault);
const dp_addr *dp_flow_other(const dp_flow *f);

// One transaction, read: the movements of the builder's only transaction.
DP_MUST dp_code dp_account_read_tx(dp_ledger *l, dp_block_builder *b, uint64_t tx_no,
                                   dp_fault *fault);
bool dp_account_moves(const dp_movement *mv); // a genuine transfer
// Did `addr` sign this transaction? By who paid the fee; where fees are not known, by who sent what
// the transaction itself transferred.
bool dp_account_signed(const dp_block *b, const dp_addr *addr, uint64_t gaps);
dp_evidence dp_account_evidence(const dp_block *b, uint64_t tx_no, uint32_t mv);

// Tagged as a service by somebody else than ourselves; and as an exchange.
bool dp_account_is_service(const dp_account_options *options, const dp_chain *chain,
                           const dp_addr *addr);
const dp_tag_record *dp_account_exchange(const dp_account_options *options, const dp_chain *chain,
                                         const dp_addr *addr);

// A set of addresses in the order in which they were added.
typedef struct dp_addr_set {
	dp_addr *item;
	uint32_t *slot; // index + 1
	uint64_t count, cap, slots;
} dp_addr_set;
DP_MUST dp_code dp_addr_set_add(dp_addr_set *s, const dp_addr *addr, dp_fault *fault);
void dp_addr_set_done(dp_addr_set *s);

// Which tagged exchange addresses are wallets, that is accounts: tag files name the contracts of
// exchanges' own tokens and of exchanges without custody in the same way. Telling that takes
// reading a history, so it is kept. Zero-initialise.
typedef struct dp_wallets {
	dp_addr_set set;
	uint8_t *is_account; // of each
	uint64_t cap;
} dp_wallets;
DP_MUST dp_code dp_wallets_has(dp_wallets *w, bool *ret_is, dp_ledger *l, const dp_addr *addr,
                               const dp_account_options *options, dp_fault *fault);
void dp_wallets_done(dp_wallets *w);

// Everything the deposit heuristic found: transfers in and out that belong together, as indices
// into the view.
typedef struct dp_study {
	dp_view view;
	dp_deposit deposit;
	struct dp_study_pair {
		uint32_t in, out;
	} * pair; // those with deposit.exchange, in order of `out`
	uint64_t pair_count, pair_cap;
} dp_study;
DP_MUST dp_code dp_study_make(dp_study *ret_study, bool *ret_is, dp_ledger *l, dp_wallets *wallets,
                              const dp_addr *addr, const dp_account_options *options,
                              uint64_t txs_max, dp_fault *fault);
void dp_study_done(dp_study *s);
DP_MUST dp_code dp_account_studies(dp_ledger *l, const dp_account_options *options,
                                   dp_code (*visit)(void *context, const dp_study *study,
                                                    dp_fault *fault),
                                   void *context, dp_fault *fault);

DP_MUST dp_code dp_account_airdrops(dp_ledger *l, const dp_account_options *options,
                                    dp_code (*visit)(void *context, const dp_account_pair *pair,
                                                     dp_fault *fault),
                                    void *context, dp_fault *fault);

#endif
