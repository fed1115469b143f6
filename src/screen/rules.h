// Rules of risk: what makes an address bad, and how bad. A file that a person can read and change
// (risk.yaml in the project's root ships with the program); nothing about levels of risk is decided
// anywhere else.
//
// A rule speaks of one kind of fact: a tag, taint that a casebook knows of, exposure that a ledger
// shows, or a likeness to a known address. Each fact is held against each rule, in order. Every
// match is a reason; the worst level among them is the verdict's. So a rule can only make a verdict
// worse, never hide what another one found, and the order of rules only orders the reasons.
//
//   rules:
//     - id: sanctioned
//       level: severe
//       when: {tag: {class: sanction, dated: on}}
//       reason: "on the sanctions list {list} as {label}, since {first_seen}"
#ifndef DP_SCREEN_RULES_H
#define DP_SCREEN_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/u256.h"
#include "chain/asset.h"
#include "tag/index.h"

typedef enum dp_risk_level {
	DP_RISK_NONE = 0,
	DP_RISK_LOW,
	DP_RISK_MEDIUM,
	DP_RISK_HIGH,
	DP_RISK_SEVERE,
	DP_RISK_LEVEL_COUNT
} dp_risk_level;
const char *dp_risk_level_name(dp_risk_level level); // "none", "low", ...
bool dp_risk_level_find(dp_risk_level *ret_level, const char *name);

typedef enum dp_fact_kind {
	DP_FACT_TAG = 0,
	DP_FACT_TAINT,
	DP_FACT_EXPOSURE,
	DP_FACT_LOOKALIKE,
	DP_FACT_KIND_COUNT
} dp_fact_kind;
const char *dp_fact_kind_name(dp_fact_kind kind);

// How a tag's dates lie to the time that is asked about.
enum {
	DP_DATE_ON = 1,    // on its list then
	DP_DATE_GONE = 2,  // was on it before, and was taken off
	DP_DATE_LATER = 4, // no issue that we have had it yet
	DP_DATE_ALL = 7
};

// How a casebook's money lies to an address.
enum {
	DP_TAINT_NOW = 1,     // holds some at the time that is asked about
	DP_TAINT_EVER = 2,    // held some then or before
	DP_TAINT_ARRIVAL = 4, // some arrived at it, where following stopped: a service
	DP_TAINT_REACH = 8    // the policy says only that it was reached, not how much
};

enum { DP_SIDE_RECEIVED = 1, DP_SIDE_SENT = 2 };

#define DP_SHARE_ONE 1000000u // shares are parts of a million, rounded down
#define DP_HOPS_NONE 0xffffu

// One thing that is known about an address. Texts belong to the tags, casebooks or ledger that it
// comes from.
typedef struct dp_screen_fact {
	uint8_t kind;      // dp_fact_kind
	uint8_t dated;     // one of DP_DATE_*
	uint8_t match;     // dp_tag_match
	uint8_t taint;     // DP_TAINT_*
	uint8_t side;      // DP_SIDE_*
	uint8_t risk;      // dp_risk_class; exposure of no tagged place: DP_CLASS_NONE
	bool is_cluster;   // the tag is on another member of its cluster
	bool is_inferred;  // by heuristics
	bool is_uncertain; // exposure: what is not known, for a limit or the ledger's beginning
	uint16_t hops;
	uint32_t share;           // taint: of all it holds; exposure: of all that came or went
	bool is_share_unknown;    // taint: what lies beside it is not known
	const dp_tag_record *tag; // tag, look-alike of a tagged place, exposure: NULL where none
	dp_addr place;            // whom the tag speaks of, where that is another address
	// taint and exposure
	dp_u256 units, origin;
	dp_asset asset, stolen;                   // what the units, what the origin's units are of
	const char *incident, *policy, *casebook; // "" where there is none
	int64_t since;                            // DP_NO_DATE
	uint8_t tx[32];
	bool has_tx;
	// look-alikes: shared digits, and one in so many that chance would make
	uint32_t leading, trailing;
	uint64_t chance;
} dp_screen_fact;

enum { DP_RULES_MAX = 1000, DP_RULE_WORDS_MAX = 64, DP_RULES_BYTES_MAX = 1 << 20 };

// A rule's words are lists ended by NULL; an empty list (NULL) does not restrict.
typedef struct dp_rule {
	const char *id;
	const char *reason;
	uint8_t level;              // dp_risk_level
	uint8_t kind;               // dp_fact_kind
	uint8_t dated, taint, side; // which of the bits will do; 0: any
	uint8_t confidence_min;
	uint8_t match_min;  // DP_MATCH_EXACT: of this very chain
	int8_t is_inferred; // -1: whether or not
	int8_t is_cluster;
	bool has_amount;
	uint32_t classes; // bit per dp_risk_class; 0: any
	// At least, and below: a share that is not known is enough, and never below.
	uint32_t share_min, share_end;
	uint16_t hops_min, hops_max;
	uint64_t chance_min;
	dp_u256 amount_min, amount_end; // in 10^-18 coins; amount_end 0: none
	const char *const *category,
	    *const *actor, *const *list, *const *label, *const *policy, *const *incident;
	uint32_t line;
} dp_rule;

typedef struct dp_rules {
	dp_rule *rule;
	uint32_t count;
	uint8_t digest[32]; // SHA-256 of the file: which rules judged
	dp_arena arena;     // owns everything above
} dp_rules;

// Every mistake is named with its line and column. On failure *ret_rules holds nothing.
DP_MUST dp_code dp_rules_parse(dp_rules *ret_rules, const char *yaml, size_t size, dp_fault *fault);
void dp_rules_done(dp_rules *r);

// The rules that ship with the program, as YAML.
const char *dp_rules_builtin(size_t *ret_size);

// Does the rule speak of this fact?
bool dp_rule_matches(const dp_rule *rule, const dp_screen_fact *fact, const dp_tags *tags);

// The rule's reason with what is known put in for {label}, {list}, ... Cut to fit, terminated.
enum { DP_REASON_TEXT_MAX = 600 };
size_t dp_rule_reason(const dp_rule *rule, char out[DP_REASON_TEXT_MAX], const dp_screen_fact *fact,
                      const dp_tags *tags, const dp_chain *chain);

// A date as YYYY-MM-DD; "" for none.
enum { DP_DAY_TEXT_MAX = 16 };
const char *dp_day_text(char out[DP_DAY_TEXT_MAX], uint32_t days);
// Units in whole coins, exact, with the asset's symbol: "0.5 BTC".
enum { DP_COINS_TEXT_MAX = 112 };
const char *dp_coins_text(char out[DP_COINS_TEXT_MAX], dp_u256 units, dp_asset asset);
// "12.5 %", cut at a tenth; "under 0.1 %".
enum { DP_SHARE_TEXT_MAX = 24 };
const char *dp_share_text(char out[DP_SHARE_TEXT_MAX], uint32_t share);

#endif
