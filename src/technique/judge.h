// The judge: how alike a flow and a technique are, on what evidence, and what may be said of it.
//
//   dp_technique_set --- dp_judge_instances ---> a mine that looks for all that the rules want
//                                                  | fed with the flow
//   fingerprint, overlaps, what is known at all ---+--> dp_judge_new --> dp_judge_technique
//
// A likeness is no probability and no verdict on anybody. It is the weight of the steps that were
// seen, in parts of the weight of the steps that could be judged:
//
//              sum of weight * seen          over the steps that are known
//   value  =  ----------------------
//              sum of weight
//
//             (`low` where less than the rule's `enough` could be judged)
//   low       as if every step that is unknown, or has not happened yet, were not there
//   high      as if each were there in full
//
// and low <= value <= high always; a wide interval says how little `value` stands on. An optional
// step counts only as far as it is seen (in both sums); one that excludes adds its weight, as far
// as it is seen, to the lower sum only.
//
// Wording. Shapes can be imitated, and were: so the strongest thing that likeness alone may say is
// "consistent with" a technique. The name of an actor comes only with who says so, and only where
// infrastructure is shared with a case that somebody of authority attributed to him, or where such
// a one attributed this very case. Money sent to a known address is exposure, and never more: the
// thief of Euler paid 100 ether to an address of Lazarus and had nothing to do with it.
//
// All is integers; equal inputs give equal results, to the letter.
#ifndef DP_TECHNIQUE_JUDGE_H
#define DP_TECHNIQUE_JUDGE_H

#include "technique/fingerprint.h"
#include "technique/overlap.h"
#include "technique/rule.h"

enum {
	DP_JUDGE_FINDINGS_MAX = 1 << 14, // of one typology that a step looks at, heaviest first
	DP_JUDGE_EVIDENCE_MAX = 16,      // findings that a step names; beyond, it only counts them
	DP_STEP_SEEN_MIN = 200,          // thousandths from which a step is called seen
	DP_LIKENESS_CONSISTENT = 600,    // from here: "consistent with"
	DP_LIKENESS_UNLIKE = 300,        // below: "does not resemble"
	DP_WHY_TEXT_MAX = 160,
	DP_SAY_TEXT_MAX = 1000
};

// What somebody says of a case. Texts are borrowed.
typedef struct dp_attribution {
	const char *incident; // as dp_use.whose names it
	const char *actor, *claimant, *date, *reference;
} dp_attribution;

typedef struct dp_judge_input {
	const dp_mine *mine;         // finished (dp_mine_finish) up to `now`
	const dp_fingerprint *print; // NULL: not made, so every feature is unknown
	// NULL: nobody looked for overlaps, so they are unknown; empty: there are none.
	const dp_overlaps *overlaps;
	const dp_use *their_uses; // of the overlaps' `theirs`
	const dp_attribution
	    *attribution; // of the cases that `their_uses` speak of; where there is
	                  // none, a use's own `actor` and `says` are taken
	uint32_t attribution_count;
	const dp_attribution *authority; // of this very case
	uint32_t authority_count;
	bool has_theft_time; // false: windows that count from the theft are not held against it
	int64_t theft_time;
	int64_t now;    // up to when everything is known
	bool has_loot;  // shares of the loot are known (a case)
	uint32_t knows; // DP_KNOWS_*
} dp_judge_input;

typedef enum dp_step_state {
	DP_STEP_NOT_SEEN = 0, // it could have been, and was not
	DP_STEP_SEEN,
	DP_STEP_NOT_YET,      // not seen, and its time is not over
	DP_STEP_UNKNOWN,      // the flow does not say
	DP_STEP_CONTRADICTED, // what is seen speaks against it: out of order, or an excluding step
	DP_STEP_STATE_COUNT
} dp_step_state;
const char *dp_step_state_name(dp_step_state state); // "seen", "not yet", ...

typedef struct dp_step_judged {
	dp_step_state state;
	bool is_known;             // counts in `value`
	uint32_t value;            // thousandths; 0 where it is not known
	uint32_t low, high;        // 0 and 1000 where it is not known
	char why[DP_WHY_TEXT_MAX]; // one line: what was found, or what is missing; "" never
	uint32_t finding[DP_JUDGE_EVIDENCE_MAX]; // of the mine, those that count most
	uint32_t finding_count;                  // all that count
	uint32_t overlap[DP_JUDGE_EVIDENCE_MAX]; // of the overlaps
	uint32_t overlap_count;
	bool has_time;
	int64_t time_first, time_last; // of the findings that count
	int64_t until;                 // NOT_YET: when its time is over
	uint32_t if_seen, if_not; // the likeness if this step were seen in full, or known not to be
} dp_step_judged;

typedef enum dp_say {
	DP_SAY_TOO_LITTLE = 0, // too little of the flow is known to compare
	DP_SAY_UNLIKE,         // does not resemble
	DP_SAY_SOME,           // some steps of it
	DP_SAY_CONSISTENT,     // consistent with the technique
	DP_SAY_OVERLAP,        // and shares infrastructure with an attributed case
	DP_SAY_AUTHORITY,      // somebody of authority attributed this case, or a wallet of it
	DP_SAY_COUNT
} dp_say;
const char *dp_say_name(dp_say say); // "too-little-known", "unlike", "some-steps", ...

typedef struct dp_likeness {
	const dp_technique *technique;
	uint32_t value, low, high; // thousandths
	uint32_t known;            // thousandths of the weights that could be judged
	dp_say say;
	bool is_exposed; // money went to addresses of an attributed case: said, and not counted
	char sentence[DP_SAY_TEXT_MAX];
	uint32_t step_count;
	dp_step_judged step[DP_TECH_STEPS_MAX]; // in the rule's order
	// The unseen step that would raise it most, the seen one that holds most of it up;
	// DP_STEP_NONE: none.
	uint32_t raises, holds;
} dp_likeness;

// The instances that a mine needs for techniques `first` to *ret_end - 1 of the set, each once: as
// many techniques as fit into DP_INSTANCES_MAX (one always does). Judge the others with another
// mine over the same flow.
DP_MUST dp_code dp_judge_instances(const dp_technique_set *set, uint64_t first, uint64_t *ret_end,
                                   dp_instance ret_instance[DP_INSTANCES_MAX], uint32_t *ret_count,
                                   dp_fault *fault);

// Sorts the mine's findings once, for all techniques. What `input` points to must stay as it is.
typedef struct dp_judge dp_judge;
DP_MUST dp_code dp_judge_new(dp_judge **ret_judge, const dp_judge_input *input, dp_fault *fault);
void dp_judge_free(dp_judge *j);
void dp_judge_technique(const dp_judge *j, dp_likeness *ret_likeness, const dp_technique *t);

// Runs the tests of a technique's file. Flows that a test names by `incident` or `file` are given
// by the caller: `open` makes the input (mine with the instances asked for, fingerprint, ...) and
// `close` is called with the same; DP_NOT_FOUND skips the test.
typedef struct dp_test_source {
	void *context;
	dp_code (*open)(void *context, dp_judge_input *ret_input, const dp_tech_test *test,
	                const dp_technique *t, const dp_instance *instance, uint32_t count,
	                dp_fault *fault);
	void (*close)(void *context, dp_judge_input *input);
} dp_test_source;
typedef enum dp_test_verdict {
	DP_TEST_PASSED = 0,
	DP_TEST_FAILED,
	DP_TEST_SKIPPED
} dp_test_verdict;
// `ret_why`: one line for a test that failed or was skipped. `source` may be NULL.
DP_MUST dp_code dp_technique_test(const dp_technique *t, uint32_t test,
                                  const dp_test_source *source, dp_test_verdict *ret_verdict,
                                  dp_likeness *ret_likeness, char ret_why[DP_WHY_TEXT_MAX],
                                  dp_fault *fault);

// One step's line for people: "[seen 92%] equal split: 49 parts, ... ".
enum { DP_STEP_TEXT_MAX = 400 };
size_t dp_step_text(char out[DP_STEP_TEXT_MAX], const dp_likeness *l, uint32_t step);

#endif
