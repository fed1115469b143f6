// What ledgers witness of a wallet: who paid its first gas, whether an address is a customer's own
// at a service. The bare answers of entity/account.h, from several ledgers at once, with what keeps
// them from being believed; report/case_funders.h makes uses of a case (technique/overlap.h) of
// them.
//
// A first funder is worth something only where it cannot be anybody. So an answer says, too:
//
//   dust       the entity room's rule is "the first transfer with which it had enough for the first
//              fee that it paid". Of a wallet that has paid no fee, or whose first fee the ledger
//              does not know, that is whoever sent it anything: no answer
//   contracts  a contract pays whoever calls it (a mixer, a bridge, a tool that pays many): only
//              who signed the payment himself is an answer
//   late       it spent before the ledger shows that it was paid: no answer. A ledger that begins
//              in the middle can still be mistaken where it was paid twice, so when each begins is
//              told
//   seen       whether the ledger had shown the wallet before it was paid. If not, only who knew of
//              it could pay it; if so, anybody
#ifndef DP_REPORT_WITNESS_H
#define DP_REPORT_WITNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "chain/block.h"
#include "tag/index.h"

enum {
	DP_WITNESS_LEDGERS_MAX = 64,
	// Transactions of one wallet before it spends: more is nobody's new wallet.
	DP_WITNESS_WALLET_TXS_MAX = 1000,
	// Of an address that may be a deposit address; more is a service's.
	DP_WITNESS_DEPOSIT_TXS_MAX = 2000
};

typedef struct dp_witness dp_witness;

typedef struct dp_witness_ledger {
	const char *folder;
	const dp_chain *chain;
	uint64_t height_first; // what was paid below, it has not seen
	int64_t time_first;
	bool from_beginning; // its first block is the chain's
	uint64_t gaps;       // DP_GAP_*
} dp_witness_ledger;

// All ledgers of chains of accounts that the folders have (NULL ends them; borrowed, as the tags
// are). DP_BAD_CASE: a folder has none but of chains of coins; nobody pays gas there. Faults name
// the folder.
DP_MUST dp_code dp_witness_open(dp_witness **ret_witness, const char *const *folder,
                                const dp_tags *tags, dp_fault *fault);
void dp_witness_close(dp_witness *w); // NULL is fine
uint32_t dp_witness_count(const dp_witness *w);
const dp_witness_ledger *dp_witness_at(const dp_witness *w, uint32_t ledger);

// From the least that is known to the most, so that the best of several ledgers' is the greatest.
typedef enum dp_gas_answer {
	DP_GAS_ABSENT = 0, // it has part in nothing there
	DP_GAS_UNKNOWN,    // it paid no fee that is known, or too much came before
	DP_GAS_TOO_LATE,   // it spent before it was paid
	DP_GAS_NOBODY,     // a block's reward, a withdrawal, a contract
	DP_GAS_PAID
} dp_gas_answer;

typedef struct dp_first_gas {
	dp_addr payer;
	uint8_t txid[32];
	int64_t time;
	bool was_unseen; // the payment is the first that the ledger shows of the wallet
} dp_first_gas;

// *ret_gas only with DP_GAS_PAID.
DP_MUST dp_code dp_witness_first_gas(dp_witness *w, dp_gas_answer *ret_answer,
                                     dp_first_gas *ret_gas, uint32_t ledger, const dp_addr *wallet,
                                     dp_fault *fault);

// Does an address pay for others as a business? By somebody's tag (not an inferred one), or with
// more than DP_HUB_LIMIT_DEFAULT transactions in one of the ledgers, where following ends, too.
typedef enum dp_payer_kind { DP_PAYER_PERSON = 0, DP_PAYER_SERVICE, DP_PAYER_HUB } dp_payer_kind;
DP_MUST dp_code dp_witness_payer(dp_witness *w, dp_payer_kind *ret_kind, const dp_addr *addr,
                                 dp_fault *fault);

// A customer's own address at a tagged exchange: it passed on there what it got, and paid nobody
// else ever; looked at whole. *ret_txid: of a transaction that passed it on.
DP_MUST dp_code dp_witness_deposit(dp_witness *w, bool *ret_is, uint8_t ret_txid[32],
                                   uint32_t *ret_ledger, const dp_addr *addr, dp_fault *fault);

#endif
