// Files of AMLworld ("IBM transactions for anti money laundering", Altman et al., arXiv
// 2306.16424): a reader, so that matchers can be judged by labelled data that others made. The data
// is not ours to give away; who wants to test with it brings it.
//
//   transactions   Timestamp,From Bank,Account,To Bank,Account,Amount Received,Receiving Currency,
//                  Amount Paid,Payment Currency,Payment Format,Is Laundering
//                  2022/09/01 00:06,021174,800737690,012,80011F990,2848.96,Euro,2848.96,Euro,ACH,1
//   patterns       the same rows without the header, between
//                  BEGIN LAUNDERING ATTEMPT - FAN-OUT:  Max 16-degree Fan-Out
//                  END LAUNDERING ATTEMPT - FAN-OUT
//
// Both are read by the same calls, one record at a time, in the order of the file, which is not
// always that of time. Times have minutes only. Banks are numbers: "021174" is 21174, because they
// are padded in one file and not in the other. Amounts are exact, in millionths.
//
// The rows of one attempt may be in another one too, and an attempt may be less than its name says
// (a scatter-gather of two accounts): that is the data's business, not an error.
#ifndef DP_TECHNIQUE_AMLWORLD_H
#define DP_TECHNIQUE_AMLWORLD_H

#include "codec/csv.h"
#include "technique/transfer.h"

enum {
	DP_AML_DECIMALS = 6,
	DP_AML_CURRENCIES_MAX = 64,
	DP_AML_WORD_MAX = 32, // of a currency, a format, an account
	DP_AML_NOTE_MAX = 80
};

typedef enum dp_aml_attempt {
	DP_AML_FAN_OUT = 0, // the order of domain: dp_aml_attempt_name
	DP_AML_FAN_IN,
	DP_AML_SCATTER_GATHER,
	DP_AML_GATHER_SCATTER,
	DP_AML_CYCLE,
	DP_AML_BIPARTITE,
	DP_AML_STACK,
	DP_AML_RANDOM,
	DP_AML_ATTEMPT_COUNT
} dp_aml_attempt;
const char *dp_aml_attempt_name(dp_aml_attempt attempt); // as the typology is called: "fan-out"

typedef enum dp_aml_kind { DP_AML_ROW = 0, DP_AML_BEGIN, DP_AML_END } dp_aml_kind;

typedef struct dp_aml_record {
	dp_aml_kind kind;
	uint32_t line;
	dp_aml_attempt attempt;     // of BEGIN and END
	char note[DP_AML_NOTE_MAX]; // of BEGIN: what stands behind the colon, cut; "" mostly
	// Of rows:
	int64_t time;
	uint64_t from_key, to_key;           // of bank and account: for dp_graph_node; never 0
	uint64_t paid, received;             // millionths
	uint32_t paid_asset, received_asset; // 1 + place of the currency in the reader's list
	char format[DP_AML_WORD_MAX];
	bool is_laundering;
} dp_aml_record;

typedef struct dp_aml_reader {
	dp_csv csv; // set csv.read and csv.context, the rest zero
	char currency[DP_AML_CURRENCIES_MAX][DP_AML_WORD_MAX];
	uint32_t currency_count;
	bool is_open; // between BEGIN and END
	dp_aml_attempt open;
	uint32_t open_line;
	bool has_begun;
} dp_aml_reader;

// DP_END after the last. DP_BAD_BYTES with the line and what is wrong with it; DP_LIMIT: more
// currencies than DP_AML_CURRENCIES_MAX. After a fault the same call may be made again: it goes on
// with the next record, so that a file with a bad line can be read to its end by who wants that.
DP_MUST dp_code dp_aml_next(dp_aml_reader *r, dp_aml_record *ret_record, dp_fault *fault);
void dp_aml_done(dp_aml_reader *r);

// The transfer of a row: what was paid, in the payer's currency. `src` and `dst` are the graph's
// nodes of the two keys; `tx` is the caller's count.
dp_transfer dp_aml_transfer(const dp_aml_record *row, uint32_t src, uint32_t dst, uint32_t tx);

#endif
