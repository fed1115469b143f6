// Who paid the first gas of two cases' wallets, and at which customer's account both arrived: what
// the flow of stolen money cannot show, because nobody stole it. Out of ledgers (report/witness.h),
// as uses for technique/overlap.h.
//
//   wallets of the case --- who paid their first gas? ---> payers, from outside the case
//   payers of both cases, or one's payer that began the other, or that an authority names
//                                                      ---> DP_USE_FUNDS_GAS
//   addresses that both cases paid --- a customer's own? --> DP_USE_DEPOSIT
//
// Anybody can pay anybody, and who is framed cannot refuse. So a payer counts in a case only if
//
//   the money was not the case's      what the case itself moved to the wallet is its flow, and is
//                                     compared as such
//   it is no service, hub, victim     and signed the payment itself: contracts pay who calls them
//   the wallet was not in sight       the ledger had not shown it before; or, as a habit, it paid
//                                     DP_OVERLAP_GATHER_MIN wallets of the case or more. One
//                                     payment to a wallet that all can see is a gift
//   the wallet is not in both cases   who came first to an address in common, with whose money,
//                                     says no more than that it is in common
//   it bore on the theft              one of its wallets is where the theft began, or together they
//                                     held DP_OVERLAP_SHARE_MIN of the loot at one distance from
//                                     it. Else a small gift of loot to somebody's wallet would make
//                                     whoever once paid that wallet's gas a helper of the thief:
//                                     the trap of Euler, by one step more
//
// A case may have a million wallets: DP_FUNDERS_WALLETS_MAX are asked, those where the theft began
// first, then those that gather, then the others as they came in. What is left out is counted.
#ifndef DP_REPORT_CASE_FUNDERS_H
#define DP_REPORT_CASE_FUNDERS_H

#include "report/case_uses.h"
#include "report/witness.h"

enum {
	DP_FUNDERS_WALLETS_MAX = 10000, // of one case
	DP_FUNDERS_COMMON_MAX = 2000,   // addresses of two cases that may be deposit addresses
	DP_FUNDERS_DROPPED_MAX = 32,    // told by name
	DP_FUNDERS_CASES_MAX = 1 << 20
};

// What was done, for a report. Texts live as long as the dp_case_funders.
typedef struct dp_gas_of_case {
	const char *incident;
	uint64_t wallets, asked;
	uint64_t paid;                              // by somebody outside the case
	uint64_t own;                               // by the case's own money
	uint64_t nobody, too_late, unknown, absent; // as dp_gas_answer
	uint64_t payers;                            // different ones outside the case
	uint64_t light;                             // of them, those who count too little
} dp_gas_of_case;

typedef struct dp_gas_dropped {
	const char *address, *with; // with which other case, or tag, it was shared
	dp_payer_kind kind;         // why that says nothing
} dp_gas_dropped;

typedef struct dp_gas_report {
	const dp_witness *witness;
	const uint64_t *present;       // by ledger: wallets that have part in it
	const dp_gas_of_case *of_case; // this case, then those that it was compared with
	uint32_t case_count;
	const dp_gas_dropped *dropped;
	uint32_t dropped_shown;
	uint64_t dropped_count;
	uint64_t deposits_left_out; // addresses in common that were not asked for
} dp_gas_report;

typedef struct dp_case_funders dp_case_funders;

// Asks for this case's wallets. `w` must outlive it.
DP_MUST dp_code dp_case_funders_new(dp_case_funders **ret_funders, dp_witness *w,
                                    const dp_case_side *mine, dp_fault *fault);
void dp_case_funders_free(dp_case_funders *f); // NULL is fine
// As dp_case_uses_common, and what the ledgers say.
DP_MUST dp_code dp_case_funders_common(dp_case_funders *f, dp_case_uses *io_uses,
                                       const dp_case_side *mine, const dp_case_side *theirs,
                                       dp_fault *fault);
// Payers whom tags give to an actor, on the word of an authority or better.
DP_MUST dp_code dp_case_funders_tagged(dp_case_funders *f, dp_case_uses *io_uses,
                                       const dp_case_side *mine, const dp_tags *tags,
                                       dp_fault *fault);
dp_gas_report dp_case_funders_report(const dp_case_funders *f);

#endif
