// Whose technique a flow is like, for people and for programs: what the judge said
// (technique/judge.h), each step with its transactions, the nearest known incidents by fingerprint,
// and what infrastructure is shared with others.
//
// As in every report, nothing is said that the evidence does not carry: a likeness is shown with
// its interval and how much could be judged at all, and no name of an actor stands anywhere but
// in the judge's own sentence and beside who claims it (I-8).
#ifndef DP_REPORT_LIKENESS_H
#define DP_REPORT_LIKENESS_H

#include "report/case_funders.h"
#include "report/result.h"
#include "technique/judge.h"

// One transfer of the evidence. Texts are valid until the next one is asked for; "" where there is
// none.
typedef struct dp_likeness_row {
	const char *chain, *tx, *from, *to;
	int64_t time;
	char amount[128]; // with its asset: "10,000 ETH", "$12,345.67"
} dp_likeness_row;

// A known incident beside the flow.
typedef struct dp_likeness_near {
	const dp_fingerprint *print;
	dp_distance distance;
} dp_likeness_near;

typedef struct dp_likeness_item {
	dp_likeness likeness;
	const dp_mine *mine; // that its findings are of
} dp_likeness_item;

typedef struct dp_likeness_report {
	const char *subject; // the incident's name
	const char *from;    // whence: "casebook bybit.casebook", a folder
	int64_t theft_time;  // 0: not known
	int64_t now;
	uint32_t knows;               // DP_KNOWS_*
	const dp_likeness_item *item; // the likest first
	uint32_t item_count;
	const dp_fingerprint *print;  // NULL: not made
	const dp_likeness_near *near; // the nearest first
	uint32_t near_count;
	const dp_overlaps *overlaps; // NULL: nobody looked
	const dp_use *my_uses, *their_uses;
	const dp_gas_report *gas; // who paid the first gas; NULL: no ledger was asked
	dp_code (*row)(void *context, dp_likeness_row *ret_row, uint64_t ref, dp_fault *fault);
	void *row_context;
} dp_likeness_report;

// Why a ledger's answers may be wrong, in words; "" where nothing is known against it.
enum { DP_GAS_CAVEAT_MAX = 400 };
const char *dp_gas_caveat(char out[DP_GAS_CAVEAT_MAX], const dp_gas_report *gas, uint32_t ledger);
const char *dp_payer_kind_text(dp_payer_kind kind);

enum { DP_LIKENESS_ROWS_SHOWN = 4 }; // transactions of a finding in the text; JSON has them all

// `all`: every technique in full; else those that are somewhat alike, the others a line each.
DP_MUST dp_code dp_likeness_text(const dp_likeness_report *r, bool all, const dp_sink *w,
                                 dp_fault *fault);
DP_MUST dp_code dp_likeness_json(const dp_likeness_report *r, const dp_sink *w, dp_fault *fault);
// A STIX 2.1 bundle: the case as an incident, techniques that it is consistent with as
// attack-patterns with their MITRE AADAPT references, what was seen as notes. Ids are made from the
// content (UUID version 5), so equal cases give equal bundles.
DP_MUST dp_code dp_likeness_stix(const dp_likeness_report *r, const dp_sink *w, dp_fault *fault);

// The findings of a mine, not only those that techniques asked for: what `--findings` prints. In
// text the ten best of each typology, unless `all`; a large case has thousands.
DP_MUST dp_code dp_findings_text(const dp_likeness_report *r, const dp_mine *mine, bool all,
                                 const dp_sink *w, dp_fault *fault);
DP_MUST dp_code dp_findings_json(const dp_likeness_report *r, const dp_mine *mine, const dp_sink *w,
                                 dp_fault *fault);

#endif
