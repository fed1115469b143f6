// Reading technique rules: what the files rule*.c share. Everybody else includes technique/rule.h.
#ifndef DP_TECHNIQUE_RULE_PRIVATE_H
#define DP_TECHNIQUE_RULE_PRIVATE_H

#include "codec/yaml.h"
#include "technique/rule.h"

typedef struct dp_tech_reader {
	dp_arena *arena; // what is kept
	dp_technique *t;
	dp_tech_step *step; // t->step, to be written
	const dp_yaml *step_at[DP_TECH_STEPS_MAX];
	uint32_t condition_count;
	dp_fault *fault;
} dp_tech_reader;

//- rule_value.c: faults, texts, numbers

DP_MUST dp_code dp_tech_wrong(const dp_tech_reader *r, const dp_yaml *at, const char *text);
DP_MUST dp_code dp_tech_no_memory(const dp_tech_reader *r);
// "`what` has no 'key': did you mean ...?"
DP_MUST dp_code dp_tech_bad_key(const dp_tech_reader *r, const dp_yaml *at,
                                const char *const *known, const char *what);
// "'word' is no `what`: did you mean ...?"
DP_MUST dp_code dp_tech_bad_word(const dp_tech_reader *r, const dp_yaml *at,
                                 const char *const *known, const char *what);
// One value, not empty, no control characters (line ends are fine where `has_lines`).
DP_MUST dp_code dp_tech_scalar(const dp_tech_reader *r, const dp_yaml *v, bool has_lines);
DP_MUST dp_code dp_tech_text(const dp_tech_reader *r, const dp_yaml *v, size_t max,
                             const char **ret_text);
// A name: letters, digits, '-', '_' and '.'.
DP_MUST dp_code dp_tech_name(const dp_tech_reader *r, const dp_yaml *v, const char **ret_name);
DP_MUST dp_code dp_tech_list(const dp_tech_reader *r, const dp_yaml *v, const char ***ret_text,
                             uint32_t *ret_count);
DP_MUST dp_code dp_tech_yes_no(const dp_tech_reader *r, const dp_yaml *v, bool *ret_value);
// In [min, max], both named in the fault.
DP_MUST dp_code dp_tech_number(const dp_tech_reader *r, const dp_yaml *v, dp_unit unit, int64_t min,
                               int64_t max, int64_t *ret_value);
DP_MUST dp_code dp_tech_ramp(const dp_tech_reader *r, const dp_yaml *v, dp_unit unit,
                             dp_ramp *ret_ramp);
DP_MUST dp_code dp_tech_range(const dp_tech_reader *r, const dp_yaml *v, dp_unit unit,
                              dp_range *ret_range);
// Thousandths, written 0.6 or 60%.
DP_MUST dp_code dp_tech_range_score(const dp_tech_reader *r, const dp_yaml *v, dp_range *ret_range);

// Numbers without a place: false when the text is none. How a unit is written, for faults.
bool dp_number_parse(int64_t *ret_value, dp_unit unit, const char *text, size_t n);
const char *dp_unit_written(dp_unit unit);

//- rule_condition.c

// Which keys a condition may have; NULL ends.
extern const char *const dp_condition_keys[];
bool dp_condition_has_key(const char *key);
// `owner` is a map whose keys are conditions' or, where `is_step`, also a step's.
DP_MUST dp_code dp_tech_read_condition(dp_tech_reader *r, const dp_yaml *owner, bool is_step,
                                       const dp_condition **ret_condition);
DP_MUST dp_code dp_tech_read_knows(const dp_tech_reader *r, const dp_yaml *v, uint32_t *ret_knows);
DP_MUST dp_code dp_tech_read_overlaps(const dp_tech_reader *r, const dp_yaml *v, bool with_exposure,
                                      uint32_t *ret_kinds);

//- rule_step.c

DP_MUST dp_code dp_tech_read_steps(dp_tech_reader *r, const dp_yaml *v);
uint32_t dp_tech_step_find(const dp_technique *t, const char *id); // DP_STEP_NONE
// A step's id that stands in `v`.
DP_MUST dp_code dp_tech_step_of(const dp_tech_reader *r, const dp_yaml *v, uint32_t *ret_step);

//- rule_test.c, rule_moves.c

DP_MUST dp_code dp_tech_read_tests(dp_tech_reader *r, const dp_yaml *v);
DP_MUST dp_code dp_tech_read_moves(dp_tech_reader *r, const dp_yaml *v, dp_tech_test *io_test);

#endif
