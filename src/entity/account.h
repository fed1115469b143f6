// Who is behind an account: what the movements of an account chain's ledger tell of an address.
// All of it is inferred, and says from what (I-8): every finding carries its transactions.
//
// Sources (domain notes 2.5): Victor, "Address clustering heuristics for Ethereum" (FC 2020);
// its parameters as Tutela and etherclust have them.
#ifndef DP_ENTITY_ACCOUNT_H
#define DP_ENTITY_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/u256.h"
#include "ledger/ledger.h"
#include "shape/poisoning.h"
#include "tag/index.h"

// An approval of a token: `owner` lets `spender` take of it. Ledgers keep movements, and this is
// none: it comes from elsewhere (entity/approvals.h).
typedef struct dp_approval {
	dp_addr owner, spender;
	uint8_t txid[32];
	uint64_t height;
} dp_approval;

// Look-alikes and noise are left out of everything here: a movement of no genuine asset, a transfer
// of zero, and what came from a counterparty that only imitates another one (shape/poisoning.h).
typedef struct dp_account_options {
	const dp_tags *tags;            // who is an exchange; may be NULL
	dp_u256 deposit_slack;          // native: what may stay behind of a deposit (0.01 coins)
	uint64_t deposit_blocks;        // from deposit to forward, at most (3200)
	uint64_t airdrop_receivers_min; // 1000
	uint64_t airdrop_gap_max;       // median blocks between its transfers, at most (2)
	uint64_t history_max; // transactions of one address that are looked at (100000); what is
	                      // left out is said
	const dp_approval *approval; // what self-authorisation goes by; the ledger has none
	uint64_t approval_count;
	uint64_t spender_owners_max; // who more owners than so many approved is a service (5)
} dp_account_options;
void dp_account_defaults(dp_account_options *ret_options, const dp_chain *chain);

// One movement of a ledger, as evidence.
typedef struct dp_evidence {
	uint64_t tx_no, height;
	int64_t time;
	uint8_t txid[32];
	uint32_t mv_no; // in its block
	dp_addr from, to;
	dp_asset asset;
	dp_u256 amount;
} dp_evidence;

// When an address was active, and whether it is an account that somebody has the key of: only those
// sign transactions and pay for them. A contract never does; of who was never seen to, nothing is
// known. UTXO ledgers, too, but for the latter.
typedef struct dp_activity {
	uint64_t txs; // it has part in, all of them
	uint64_t height_first, height_last;
	int64_t time_first, time_last;
	uint8_t txid_first[32], txid_last[32];
	bool is_account; // has paid a fee (where the source has no fees: sent a transaction)
	uint8_t txid_account[32]; // the one that shows it
	bool is_cut;              // not all of its transactions were looked at for that
} dp_activity;
DP_MUST dp_code dp_account_activity(dp_ledger *l, dp_activity *ret_activity, const dp_addr *addr,
                                    const dp_account_options *options, dp_fault *fault);

// Who paid an address's first gas: the first native transfer with which it had enough for the first
// fee that it paid, so that the dust of poisoners, who pay too little for that, funds nobody. An
// address that has paid no fee yet: the first one. From nobody: a block reward or withdrawal.
// DP_NOT_FOUND, without a message: nobody in this ledger; *ret_had_before says that it spent before
// it was paid, so that the ledger begins too late. *ret_is_cut: its first history_max transactions
// only paid it, so that which of them paid for the first fee is not known: the first is given.
DP_MUST dp_code dp_account_funder(dp_ledger *l, dp_evidence *ret_first, bool *ret_had_before,
                                  bool *ret_is_cut, const dp_addr *addr,
                                  const dp_account_options *options, dp_fault *fault);

// Is it a deposit address of an exchange: what others send it, it passes on to the exchange's
// wallet (native: all but at most deposit_slack; tokens: exactly), within deposit_blocks.
enum { DP_DEPOSIT_EVIDENCE_MAX = 8 };
typedef struct dp_deposit {
	dp_addr addr;            // the deposit address
	dp_addr exchange;        // the wallet that it forwards to
	uint64_t pairs;          // deposits that were forwarded so
	uint64_t ins, outs;      // all genuine transfers in and out: pairs of how many
	uint64_t senders;        // different ones
	bool is_exclusive;       // it never sent to anybody else than this exchange
	bool is_cut;             // has more transactions than history_max
	uint32_t evidence_count; // pairs of movements: in, out
	dp_evidence in[DP_DEPOSIT_EVIDENCE_MAX], out[DP_DEPOSIT_EVIDENCE_MAX];
} dp_deposit;
DP_MUST dp_code dp_account_deposit(dp_ledger *l, bool *ret_is, dp_deposit *ret_deposit,
                                   const dp_addr *addr, const dp_account_options *options,
                                   dp_fault *fault);
// All deposit addresses of the tagged exchanges in the ledger: those who ever paid one of their
// wallets are looked at.
DP_MUST dp_code dp_account_deposits(dp_ledger *l, const dp_account_options *options,
                                    dp_code (*visit)(void *context, const dp_deposit *deposit,
                                                     dp_fault *fault),
                                    void *context, dp_fault *fault);

// Off-ramp: of an address's outflows of one asset, the places tagged as services they went to,
// directly or through a deposit address, the greatest sum first.
typedef struct dp_offramp {
	dp_addr service, deposit; // deposit: nobody when paid directly
	dp_asset asset;
	dp_u256 amount, sent; // to it; by the address in all
	uint64_t transfers;
	dp_evidence first, largest;
} dp_offramp;
enum { DP_OFFRAMP_MAX = 64 };
// *ret_is_cut: the address has too many transactions or counterparties to look at all of them.
DP_MUST dp_code dp_account_offramps(dp_ledger *l, dp_offramp ret_offramps[DP_OFFRAMP_MAX],
                                    uint32_t *ret_count, bool *ret_is_cut, const dp_addr *addr,
                                    const dp_account_options *options, dp_fault *fault);

// Of an address's counterparties those that only imitate another one, in order of appearance.
typedef struct dp_imitation {
	dp_addr addr, original;
	uint32_t leading, trailing; // hex digits they share
	bool is_worthless;          // nothing genuine ever went between it and the address
	dp_evidence first; // its first movement; asset 0: of no genuine asset, or of nothing
} dp_imitation;
DP_MUST dp_code dp_account_imitations(dp_ledger *l, const dp_addr *addr,
                                      const dp_account_options *options,
                                      dp_code (*visit)(void *context, const dp_imitation *imitation,
                                                       dp_fault *fault),
                                      void *context, dp_fault *fault);

// Pairs of accounts under one control, with the heuristic (entity/cluster.h) and the transactions
// that say so:
//
//   deposit reuse       both sent to one deposit address what it passed on. Its first sender with
//                       each other one. Exchanges and other services are no senders
//   airdrop             both got the same in an airdrop and sent exactly that on to one account.
//                       Only of listed tokens that nobody pays with (no coins, no stable ones)
//   self-authorisation  one let the other take its tokens in a transaction of this ledger that it
//                       signed, and both are accounts
//
// What several have in common may be a third one's: a payment processor's deposit address, a
// broker.
typedef struct dp_account_pair {
	dp_addr a, b;
	uint8_t heuristic; // dp_heuristic
	dp_addr through;   // the deposit address, the airdrop's target, ...
	dp_evidence first, second;
} dp_account_pair;
DP_MUST dp_code dp_account_pairs(dp_ledger *l, const dp_account_options *options,
                                 dp_code (*visit)(void *context, const dp_account_pair *pair,
                                                  dp_fault *fault),
                                 void *context, dp_fault *fault);

#endif
