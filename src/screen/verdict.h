// A verdict with its reasons: everything that is known of one address, which rules matched what,
// and whose word each of it is. For people and for reports; who screens a million addresses asks
// dp_screener_judge, and this about those that it finds risky. The level is always the same.
#ifndef DP_SCREEN_VERDICT_H
#define DP_SCREEN_VERDICT_H

#include "base/mem.h"
#include "codec/json.h"
#include "screen/screener.h"

typedef struct dp_reason {
	const dp_rule *rule;
	uint32_t fact; // index
	const char *text;
} dp_reason;

enum { DP_VERDICT_FACTS_MAX = 1 << 20, DP_VERDICT_REASONS_MAX = 1 << 20 };

// What a ledger says besides tags and casebooks.
typedef struct dp_verdict_ledger {
	bool has_cluster, has_exposure;
	uint64_t cluster_size, cluster_tagged; // members, and those among them that have tags
	dp_addr cluster_name;
	const char *const *limit; // what was not looked at, ended by NULL; may be NULL
} dp_verdict_ledger;

typedef struct dp_verdict {
	const dp_screener *screener;
	dp_addr addr;
	const dp_network *network; // NULL: not known
	bool is_guessed;           // told by the address's form: it may be of a ledger's chain too
	const dp_chain *chain;     // whose form is written; never NULL
	char text[DP_PLACE_TEXT_MAX];
	int64_t at; // DP_AT_LATEST
	dp_risk_level level;
	uint32_t flags;
	dp_screen_fact *fact;
	uint64_t fact_cap;
	uint32_t fact_count;
	dp_reason *reason; // the worst first, then in the order of rules and facts
	uint64_t reason_cap;
	uint32_t reason_count;
	dp_verdict_ledger ledger;
	dp_arena arena;
} dp_verdict;

// `v` must stay where it is until dp_verdict_done. Facts of a ledger are added between start and
// finish; nothing is changed behind finish.
DP_MUST dp_code dp_verdict_start(dp_verdict *v, const dp_screener *s, const dp_addr *addr,
                                 const dp_network *network, int64_t at, dp_fault *fault);
DP_MUST dp_code dp_verdict_add(dp_verdict *v, const dp_screen_fact *fact, dp_fault *fault);
DP_MUST dp_code dp_verdict_finish(dp_verdict *v, dp_fault *fault);
void dp_verdict_done(dp_verdict *v);

// Where text goes.
typedef struct dp_screen_sink {
	dp_code (*write)(void *context, const char *text, size_t n, dp_fault *fault);
	void *context;
} dp_screen_sink;

// For people: the verdict, then each reason with its source, list, dates and confidence.
DP_MUST dp_code dp_verdict_text(const dp_verdict *v, const dp_screen_sink *sink, dp_fault *fault);
// One reason a line, nothing else.
DP_MUST dp_code dp_verdict_lines(const dp_verdict *v, const dp_screen_sink *sink, dp_fault *fault);
// One object; `input` is what was asked, as it was written, and `where` is what it is in a
// transaction ("input 3"); NULL: left out.
void dp_verdict_json(const dp_verdict *v, dp_json_out *o, const char *input, const char *where);
// One row a reason, or one row without a reason: the header is DP_VERDICT_CSV_HEADER.
#define DP_VERDICT_CSV_HEADER                                                                      \
	"input,address,chain,level,flags,rule,rule_level,reason,kind,label,list,source,"           \
	"confidence,first_seen,gone,case,hops,amount,asset\n"
DP_MUST dp_code dp_verdict_csv(const dp_verdict *v, const char *input, const dp_screen_sink *sink,
                               dp_fault *fault);

// Names of the flags that are set, in order: "sanctioned, thief". `sep` between them.
enum { DP_FLAGS_TEXT_MAX = 240 };
const char *dp_flags_text(char out[DP_FLAGS_TEXT_MAX], uint32_t flags, const char *sep);
const char *dp_flag_name(uint32_t bit); // by number of the bit; NULL behind the last

#endif
