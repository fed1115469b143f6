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
};

struct dp_loader {
	dp_casebook *cb;
	sqlite3 *db;
	dp_result *r;
	int64_t run;
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
	struct dp_deposit_state *deposit; // by node
	int64_t theft_time;               // INT64_MAX: none yet
};

//- services.c

// What others wrote (a label, a source) for one line of a report: control characters and ends of
// lines become blanks, so that no label can pretend to be a line of ours, what is too long is cut,
// and what is inferred says so (I-8).
enum { DP_REPORT_LABEL_MAX = 448 };
const char *dp_report_label(char out[DP_REPORT_LABEL_MAX], const char *text, bool is_inferred);
DP_MUST dp_code dp_result_services(struct dp_loader *l, dp_fault *fault);
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
DP_MUST dp_code dp_result_notes(struct dp_loader *l, dp_fault *fault);
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
const char *dp_asset_caip(char out[DP_ASSET_TEXT_MAX], dp_asset asset);
// "0x47666f…f09486e2"-like short form of an address or outpoint, in ASCII ("..").
enum { DP_SHORT_MAX = 40 };
const char *dp_address_short(char out[DP_SHORT_MAX], const char *address);

#endif
