// What a ledger adds to screening: who is in one cluster with an address and what is said of them,
// and exposure: from which named places its money came, and to which it went, directly or through
// others, in exact base units.
//
//   received   each arrival is followed backward (engine/backward.h, haircut) to the first name
//   sent       each arrival is followed forward (engine/engine.h, haircut) to the first name
//
// Haircut because exposure asks for shares: what leaves a purse is taken to be mixed as what is in
// it. A tagged place ends following whatever it is, so a thief who paid through an exchange is seen
// as the exchange. Limits are stated, never silent.
//
// A ledger handle is for one thread at a time, and so is this.
#ifndef DP_SCREEN_LEDGER_H
#define DP_SCREEN_LEDGER_H

#include "ledger/ledger.h"
#include "screen/verdict.h"

typedef struct dp_screen_ledger dp_screen_ledger;

typedef struct dp_screen_ledger_options {
	const dp_screener *screener;
	uint32_t hub_limit;    // 0: DP_HUB_LIMIT_DEFAULT
	uint32_t arrivals_max; // of one address and asset that are followed; 0: 200
	uint64_t steps_max;    // of following backward, in all of one address; 0: 1,000,000
	bool no_exposure;
} dp_screen_ledger_options;

// `chain` NULL: the only one of the folder. Opens the ledger's clusters too, where it has any.
DP_MUST dp_code dp_screen_ledger_open(dp_screen_ledger **ret_ledger, const char *folder,
                                      const dp_chain *chain,
                                      const dp_screen_ledger_options *options, dp_fault *fault);
void dp_screen_ledger_close(dp_screen_ledger *l); // NULL is fine
dp_ledger *dp_screen_ledger_of(dp_screen_ledger *l);

// Adds to a verdict (between start and finish) what the ledger says, as of the verdict's time.
// `with_exposure` false: the cluster only. For an address of another chain only a note is added
// that says so; but one whose chain was told by its form (is_guessed) is taken for one of the
// ledger's chain where it can be: 0x... has the same form on every chain of Ethereum's kind.
DP_MUST dp_code dp_screen_ledger_add(dp_screen_ledger *l, dp_verdict *v, bool with_exposure,
                                     dp_fault *fault);

#endif
