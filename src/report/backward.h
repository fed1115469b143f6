// Reports of backward following (engine/backward.h): where a holder's units came from. They look
// like those of a case, but need no casebook: the ledger is asked anew each time.
#ifndef DP_REPORT_BACKWARD_H
#define DP_REPORT_BACKWARD_H

#include "engine/backward.h"
#include "report/result.h"

// What was asked, and of which ledger.
typedef struct dp_backward_about {
	const dp_chain *chain;
	const char *holder;  // as a person reads it: an address, or txid:vout
	const char *in;      // what arrived in this transaction; NULL: what it has
	const dp_stop *stop; // the stops that were followed with: names of services
	uint32_t stop_count;
	const dp_tags *tags; // and by tags; NULL: without
	uint32_t hub_limit;  // 0 = off
	dp_ledger_totals totals;
	bool has_moment; // of the last block that counts; false: before the first
	uint64_t height;
	int64_t time;
} dp_backward_about;

DP_MUST dp_code dp_report_backward_text(const dp_backward *b, const dp_backward_about *about,
                                        const dp_sink *w, dp_fault *fault);
DP_MUST dp_code dp_report_backward_json(const dp_backward *b, const dp_backward_about *about,
                                        const dp_sink *w, dp_fault *fault);
DP_MUST dp_code dp_report_backward_csv(const dp_backward *b, const dp_backward_about *about,
                                       const dp_sink *w, dp_fault *fault);

#endif
