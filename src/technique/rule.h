// Techniques as data: what Sigma is for logs and YARA for files, for laundering.
//
// A rule file says how somebody launders: steps, each a shape in the flow (a typology with its
// parameters), a number of the whole flow (a feature of its fingerprint), or infrastructure that is
// shared with an earlier case; how much each step says (`weight`), in which order and time the
// steps come, and what speaks against it. judge.h holds a flow against it. The grammar, with an
// example, is in docs/how-to/techniques.md; the rules that ship with the program are in
// techniques/.
//
//   technique: 1
//   id: mixer-run
//   title: Run through a mixer
//   ...
//   steps:
//     - {id: split, typology: equal-split, with: {k: 8}, share: 10%..80%, within: 24h, weight: 20}
//     - {id: mixer, typology: anonymiser, after: split, weight: 20}
//   tests:
//     - {name: it is seen, likeness: ">= 0.6", moves: [...]}
//
// Nothing in a rule is guessed. Every mistake is a fault with its line and column and, for a name
// that nobody knows, the nearest right one: a rule that silently never matches would clear someone.
// There are no regular expressions and no other language in it that could run long: what a rule may
// cost is bounded by the maxima below, whoever wrote it.
#ifndef DP_TECHNIQUE_RULE_H
#define DP_TECHNIQUE_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/mem.h"
#include "technique/mine.h"

enum {
	DP_TECHNIQUE_VERSION = 1,          // of the grammar
	DP_TECHNIQUES_MAX = 10000,         // rules at once
	DP_TECHNIQUE_BYTES_MAX = 1 << 20,  // one file
	DP_TECHNIQUES_BYTES_MAX = 1 << 28, // all files of a set
	DP_TECH_STEPS_MAX = 32,            // of one rule
	DP_TECH_CONDITIONS_MAX = 128,      // of one rule
	DP_TECH_DEPTH_MAX = 4,             // of any and all within each other
	DP_TECH_WHERE_MAX = 8,             // comparisons of one condition, and guards of it
	DP_TECH_LIST_MAX = 64,             // references, actors, false positives, aadapt ids, tests
	DP_TECH_ID_MAX = 63,
	DP_TECH_TITLE_MAX = 120,
	DP_TECH_TEXT_MAX = 4000, // description, a false positive, a reference
	DP_TECH_WEIGHT_MAX = 1000,
	DP_TECH_MOVES_MAX = 10000 // of one test, written out
};

// What is known of a flow at all. A step that needs what is not known is unknown, never "not seen":
// a list of wallets and dollars cannot show that nothing was swapped.
enum {
	DP_KNOWS_THEFT = 1,     // the theft itself is in it
	DP_KNOWS_SWAPS = 2,     // what was exchanged for what
	DP_KNOWS_BRIDGES = 4,   // bridges, and what came out of them
	DP_KNOWS_MIXERS = 8,    // mixers and CoinJoins are recognised
	DP_KNOWS_SERVICES = 16, // services are labelled
	DP_KNOWS_PRICES = 32,   // worth in dollars
	DP_KNOWS_COINS = 64,    // the flow's Bitcoin side is in it, if it has one
	DP_KNOWS_FRESH = 128,   // whether an address was used before
	DP_KNOWS_ASSETS = 256,  // which asset moved; else all amounts are of one
	DP_KNOWS_CALLS = 512,   // call data by which a Safe can be taken over
	DP_KNOWS_ALL = 1023
};
enum { DP_KNOWS_COUNT = 10 };
const char *dp_knows_name(uint32_t bit); // of one bit: "theft", ...
bool dp_knows_find(uint32_t *ret_bit, const char *name);

// Where a number counts nothing, and from where it counts in full; between the two in proportion.
// `from` above `full`: less is more alike. Equal: a step.
typedef struct dp_ramp {
	int64_t from, full;
} dp_ramp;
uint32_t dp_ramp_at(dp_ramp ramp, int64_t value); // 0 to 1000

// At least and at most, both inclusive.
typedef struct dp_range {
	int64_t min, max;
} dp_range;

typedef enum dp_where_of {
	DP_WHERE_FACT = 0,  // one of the typology's facts
	DP_WHERE_SHARE,     // of the loot, millionths
	DP_WHERE_WORTH,     // cents: between bounds, so that a comparison may be undecided
	DP_WHERE_SPAN,      // seconds from the first to the last transfer
	DP_WHERE_TRANSFERS, // how many
	DP_WHERE_SCORE      // thousandths
} dp_where_of;

typedef struct dp_where {
	dp_where_of of;
	uint32_t fact; // FACT: its place in the typology's row
	dp_unit unit;
	dp_range range;
} dp_where;

typedef enum dp_condition_kind {
	DP_COND_TYPOLOGY = 0,
	DP_COND_FEATURE,
	DP_COND_OVERLAP,
	DP_COND_ANY, // the most that one of its members gives
	DP_COND_ALL  // the least
} dp_condition_kind;

// How several findings of a typology add up.
typedef enum dp_counts {
	DP_COUNTS_BEST = 0, // the one that counts most
	DP_COUNTS_SUM,      // their shares of the loot, together at most all of it
	DP_COUNTS_NUMBER    // how many there are, on the ramp `number`
} dp_counts;

typedef struct dp_condition {
	dp_condition_kind kind;
	uint32_t line, column;
	// TYPOLOGY
	dp_instance instance;
	dp_where where[DP_TECH_WHERE_MAX];
	uint32_t where_count;
	dp_counts counts;
	bool has_share;
	dp_ramp share;  // millionths of the loot
	dp_ramp number; // NUMBER
	uint32_t knows; // DP_KNOWS_*, without which "not seen" is unknown
	// FEATURE
	uint32_t feature; // its place in dp_features
	dp_ramp ramp;
	// OVERLAP
	uint32_t overlap_kinds; // bits 1 << dp_overlap_kind
	// Of features and typologies: features that must lie so for the condition to mean anything;
	// where they do not, it is unknown.
	struct dp_guard {
		uint32_t feature;
		dp_range range;
	} given[DP_TECH_WHERE_MAX];
	uint32_t given_count;
	const struct dp_condition *first, *next; // ANY, ALL: members
} dp_condition;

enum { DP_STEP_NONE = 255 };

typedef struct dp_tech_step {
	const char *id, *title; // title: "" when not given
	const dp_condition *condition;
	uint32_t weight;
	uint8_t after;    // place of the step that it follows in time; DP_STEP_NONE
	uint8_t needs;    // counts at most as much as that step does, and is unknown where that
	                  // is; DP_STEP_NONE
	int64_t within_s; // of the first sight of `after`, else of the theft; 0: any time
	bool is_optional; // its absence says nothing
	bool is_against;  // `excludes`: its presence speaks against the technique
	uint32_t line, column;
} dp_tech_step;

typedef struct dp_tech_actor {
	const char *name, *claimant, *date, *reference;
} dp_tech_actor;

// One line of a test's `moves`, see docs/how-to/techniques.md. Names are of the test only.
typedef struct dp_test_move {
	int64_t time, step;    // seconds from the theft; between the members of a range
	const char *from, *to; // with ranges: the text before the number
	bool from_range, to_range;
	uint32_t from_first, to_first;
	uint32_t count;  // 1 without a range
	uint64_t amount; // in 10^-9 of the asset
	const char *asset;
	uint64_t worth;      // cents; DP_WORTH_NONE: not given
	uint64_t out_amount; // swap: what came out
	const char *out_asset;
	uint8_t kind;      // dp_transfer_kind
	const char *venue; // NULL: none
	bool is_old;       // the receiver was used before
	uint32_t line, column;
} dp_test_move;

typedef struct dp_tech_test {
	const char *name;
	uint32_t line, column;
	dp_range likeness;           // thousandths
	uint32_t seen, not_seen;     // bit per step
	const char *incident, *file; // one of them, or moves; NULL
	const dp_test_move *move;
	uint32_t move_count, transfer_count; // lines; written out
	int64_t theft;                       // unix seconds; moves count from it
	int64_t now;                         // seconds after the theft; 0: the last move's
	uint32_t knows;                      // DP_KNOWS_*
	uint32_t overlap_kinds;              // with an attributed case, given by the test; 0: none
} dp_tech_test;

typedef struct dp_technique {
	const char *id, *title, *description, *author, *date; // date: YYYY-MM-DD
	const char *file;                                     // as the caller named it; "" for none
	const char **reference, **aadapt, **false_positive;
	uint32_t reference_count, aadapt_count, false_positive_count;
	const dp_tech_actor *actor;
	uint32_t actor_count;
	uint32_t enough; // thousandths of the weights that must be known to say anything
	const dp_tech_step *step;
	uint32_t step_count;
	const dp_tech_test *test;
	uint32_t test_count;
	uint8_t digest[32]; // SHA-256 of the file: which rule judged
} dp_technique;

// Rules together, each under its own id.
typedef struct dp_technique_set {
	dp_technique *technique;
	uint64_t count, cap;
	uint64_t bytes;
	uint32_t *id_slot; // hash table of ids: place + 1
	uint64_t id_slots;
	dp_arena arena; // owns everything above but the two arrays
} dp_technique_set;

// Reads one file's rule into a set; empty is {0}. On failure the set is as it was, but for memory.
DP_MUST dp_code dp_technique_add(dp_technique_set *io_set, const char *file, const char *yaml,
                                 size_t size, dp_fault *fault);
// Those that ship with the program.
DP_MUST dp_code dp_technique_add_builtin(dp_technique_set *io_set, dp_fault *fault);
void dp_technique_set_done(dp_technique_set *set);
const dp_technique *dp_technique_find(const dp_technique_set *set, const char *id); // NULL: none
// What is nearest to an id that is not there: for "did you mean". NULL: nothing near.
const char *dp_technique_nearest(const dp_technique_set *set, const char *id);

// The sum of the weights of steps that are neither optional nor excluding.
uint32_t dp_technique_weight(const dp_technique *t);

// What a rule says, for people: its steps in order, with all numbers written out, defaults too.
// `write` gets pieces of text, ASCII but for what the rule's own texts hold.
DP_MUST dp_code dp_technique_explain(const dp_technique *t,
                                     dp_code (*write)(void *context, const char *text, size_t n,
                                                      dp_fault *fault),
                                     void *context, dp_fault *fault);
// One step's condition in one line: "equal-split with k >= 8; ...". Cut to fit, terminated.
enum { DP_CONDITION_TEXT_MAX = 600 };
size_t dp_condition_text(char out[DP_CONDITION_TEXT_MAX], const dp_condition *c);
// A number with its unit as rules write it: "10m", "80%", "$500", "8", "yes".
enum { DP_NUMBER_TEXT_MAX = 32 };
size_t dp_number_text(char out[DP_NUMBER_TEXT_MAX], dp_unit unit, int64_t value);
// The same as people read it: "1,234", "41d 4h" (cut behind the second part), "$12,345.67",
// "10,000,000 base units".
enum { DP_NUMBER_SHOWN_MAX = 64 };
size_t dp_number_shown(char out[DP_NUMBER_SHOWN_MAX], dp_unit unit, int64_t value);

#endif
