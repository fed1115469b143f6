// What the files of this room share.
#ifndef DP_REPORT_PRIVATE_H
#define DP_REPORT_PRIVATE_H

#include <sqlite3.h>

#include "report/result.h"

// A transfer that carries nothing, as noted in the casebook.
struct dp_noise_row {
	const char *from, *to, *symbol, *tx;
	dp_u256 units;
	bool counterfeit; // else a zero-value row of a genuine contract
	const dp_chain *chain;
};

// One chain's run.
struct dp_run {
	int64_t id;
	const dp_chain *chain;
	uint32_t base;                       // what its holders' numbers are counted from
	uint32_t passage_first, passage_end; // its passages
	uint64_t height_seen;
};

struct dp_loader {
	dp_casebook *cb;
	sqlite3 *db;
	dp_result *r;
	struct dp_run *list; // in order
	uint64_t run_cap;
	uint32_t run_count;
	const struct dp_run *run; // whose rows are being read
	int64_t company;
	uint32_t case_count; // traced together
	uint64_t assumption_cap;
	bool names_chain; // assumptions are being made of one of several
	char asset_text[DP_ASSET_TEXT_MAX];
	dp_asset asset_last; // that text's
	uint32_t colour_max;
	uint32_t *stolen_of; // by colour: index + 1
	uint64_t node_cap, holder_cap, arrival_cap, edge_cap, uncovered_cap, split_cap;
	int64_t link_base;
	dp_stop *stop; // of all cases of the run, in its order; texts in the result's arena
	uint64_t stop_cap;
	uint32_t stop_count;
	uint32_t tx_hop; // of the UTXO transaction whose inputs were read last
	struct dp_noise_row *noise;
	dp_u256 *inside; // poison: by link of the run and stolen asset, what went in and waits
	uint64_t inside_cap;
	uint64_t noise_cap, lookalike_cap;
	uint32_t noise_count;
	uint64_t service_cap;
	uint64_t passage_cap, waiting_cap, mixer_cap, place_cap, finding_cap, decision_cap,
	    event_cap;
	struct dp_deposit_state *deposit; // by node
	int64_t theft_time;               // INT64_MAX: none yet
};

//- services.c

// What others wrote (a label, a source) for one line of a report: control characters and ends of
// lines become blanks, so that no label can pretend to be a line of ours, what is too long is cut,
// and what is inferred says so (I-8).
enum { DP_REPORT_LABEL_MAX = 448 };
const char *dp_report_label(char out[DP_REPORT_LABEL_MAX], const char *text, bool is_inferred);
DP_MUST dp_code dp_result_services(struct dp_loader *l, dp_fault *fault); // of one run
void dp_result_services_sort(struct dp_loader *l);
// The service that a tag named at this address; NULL: none.
const dp_result_service *dp_result_service_at(const struct dp_loader *l, const char *address);
// Watches, in order, what goes in and out of wallets: which of them only pass on to one service?
// `place` is who got it, when that is a service.
DP_MUST dp_code dp_result_deposits_init(struct dp_loader *l, dp_fault *fault);
typedef struct dp_deposit_flow {
	int64_t src, dst; // parties
	uint64_t height;
	dp_asset asset;
	dp_u256 units;
	const char *service; // name; NULL: what it goes to is none
} dp_deposit_flow;
void dp_result_deposit_note(struct dp_loader *l, const dp_deposit_flow *flow);
uint32_t dp_result_deposit_pairs(const struct dp_loader *l, uint32_t node);

DP_MUST dp_code dp_result_text(dp_result *r, const char **ret_text, const char *text,
                               dp_fault *fault);
// Grows r->list for one more and zeroes it.
#define DP_RESULT_NEXT(r, list, count, cap, fault)                                                 \
	({                                                                                         \
		void *items_ = (r)->list;                                                          \
		dp_code code_ = dp_grow(&items_, &(cap), sizeof *(r)->list, (uint64_t)(count) + 1, \
		                        DP_RESULT_ROWS_MAX, fault);                                \
		(r)->list = items_;                                                                \
		if (code_ == DP_OK) memset(&(r)->list[count], 0, sizeof *(r)->list);               \
		code_;                                                                             \
	})
DP_MUST dp_code dp_result_asset(struct dp_loader *l, dp_asset *ret_asset, const char *text,
                                dp_fault *fault);
// Index of the stolen asset of a colour; UINT32_MAX when the colour is another case's.
uint32_t dp_result_stolen_of(const struct dp_loader *l, int64_t colour);
DP_MUST dp_code dp_result_notes(struct dp_loader *l, dp_fault *fault); // of one run
DP_MUST dp_code dp_result_noise_sum(struct dp_loader *l, dp_fault *fault);

//- passages.c: what no movement shows

// A flow of the case, as passages see it.
typedef struct dp_passage_flow {
	int64_t src, dst, tx_index, link; // `link`: its row; 0 = none
	uint64_t height;
	uint32_t stolen;
	dp_u256 units, origin;
} dp_passage_flow;
DP_MUST dp_code dp_result_passages(struct dp_loader *l, dp_fault *fault);
// Tells the passages of a flow. The one that it belongs to, or NULL.
const dp_result_passage *dp_result_passage_flow(struct dp_loader *l, const dp_passage_flow *f);
// The first passage of the run that is not before a transaction.
uint32_t dp_result_passage_first(const struct dp_loader *l, uint64_t height, int64_t tx);
// After all flows: origins, what waits, mixers, decisions.
DP_MUST dp_code dp_result_passages_end(struct dp_loader *l, dp_fault *fault);
// After holders were added up: where it is now, and what undoes CoinJoins.
DP_MUST dp_code dp_result_places(struct dp_loader *l, dp_fault *fault);
DP_MUST dp_code dp_result_findings(struct dp_loader *l, dp_fault *fault);
const char *dp_passage_title(const dp_result_passage *p); // "THORChain"; "" where there is none

//- accepted.c: links on a person's word
bool dp_passage_is_claimed(const dp_result_passage *p);
// Once the origins of passages are known: loads decisions, and says whose word each such link is.
DP_MUST dp_code dp_result_accepted(struct dp_loader *l, dp_fault *fault);

//- leads.c
DP_MUST dp_code dp_result_leads(struct dp_loader *l, dp_fault *fault);

DP_MUST dp_code dp_result_splits(struct dp_loader *l, dp_fault *fault);
DP_MUST dp_code dp_result_assumptions(struct dp_loader *l, dp_fault *fault);

//- writing, for the formats

// A sticking printer: the first error is kept, later calls do nothing.
typedef struct dp_out {
	const dp_sink *w;
	dp_fault *fault;
	dp_code code;
} dp_out;
void dp_out_text(dp_out *o, const char *text);
void dp_out_printf(dp_out *o, const char *format, ...) DP_PRINTF(2, 3);

// "10,000.5" : exact, grouped by thousands.
enum { DP_AMOUNT_TEXT_MAX = 112 };
const char *dp_amount_text(char out[DP_AMOUNT_TEXT_MAX], dp_u256 units, dp_asset asset);
// Cut (never rounded up) to `places` decimals, "~" in front when something was cut; more places
// where nothing but zeros would be left.
const char *dp_amount_short(char out[DP_AMOUNT_TEXT_MAX], dp_u256 units, dp_asset asset,
                            uint32_t places);
const char *dp_asset_symbol(dp_asset asset);
// The section of the text report on swaps, bridges and mixers, and leads.
void dp_text_passages(dp_out *o, const dp_result *r);
// The parts of the JSON report on them. `links` goes on from the case file's own.
struct dp_json_out;
void dp_json_chains(struct dp_json_out *o, const dp_result *r);
void dp_json_passages(struct dp_json_out *o, const dp_result *r);
void dp_json_beyond(struct dp_json_out *o, const dp_result *r);
const char *dp_asset_caip(char out[DP_ASSET_TEXT_MAX], dp_asset asset);
// "0x47666f…f09486e2"-like short form of an address or outpoint, in ASCII ("..").
enum { DP_SHORT_MAX = 40 };
const char *dp_address_short(char out[DP_SHORT_MAX], const char *address);

#endif
