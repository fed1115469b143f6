// Technique rules: what is read, what is refused and where it stands, and what people are told.
// Covers: technique/rule.c technique/rule_value.c technique/rule_condition.c technique/rule_step.c
// Covers: technique/rule_test.c technique/rule_moves.c technique/rule_explain.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "technique/rule.h"

#define HEAD                                                                                       \
	"technique: 1\nid: some\ntitle: Some\ndescription: It is some.\nauthor: me\n"              \
	"date: 2026-11-23\nreferences: [a book]\nfalse-positives: [none known]\n"
#define STEPS "steps:\n  - {id: a, typology: fan-out, weight: 10}\n"

static dp_code read(dp_technique_set *set, const char *yaml, dp_fault *fault)
{
	return dp_technique_add(set, "x.yaml", yaml, strlen(yaml), fault);
}

// The fault of a rule: "LINE:COLUMN part of the text".
static void refuses(const char *yaml, uint32_t line, uint32_t column, const char *part)
{
	dp_technique_set set = {0};
	dp_fault fault = {0};
	assert_int_not_equal(read(&set, yaml, &fault), DP_OK);
	if (fault.line != line || fault.column != column || strstr(fault.text, part) == NULL)
		fail_msg("%u:%u: %s (wanted %u:%u: %s)", fault.line, fault.column, fault.text, line,
		         column, part);
	assert_string_equal(fault.file, "x.yaml");
	assert_int_equal(set.count, 0);
	dp_technique_set_done(&set);
}

static void everything_of_a_rule_is_read(void **state)
{
	(void)state;
	dp_technique_set set = {0};
	dp_fault fault = {0};
	const char *yaml = HEAD
	    "aadapt: [ADT3028, ADT3028.003]\nenough: 40%\n"
	    "actors: [{name: A, claimant: B, date: 2025-02-26, reference: C}]\n"
	    "steps:\n"
	    "  - {id: a, title: first, typology: fan-out, with: {k: 8, within: 6h}, weight: 20,\n"
	    "     where: {share: \">= 10%\", recipients: 8..20, worth: \"<= $1.5m\"}, counts: "
	    "sum,\n"
	    "     share: 10%..80%, within: 2d}\n"
	    "  - {id: b, feature: small-value, ramp: 60%..40%, after: a, needs: a, weight: 5}\n"
	    "  - {id: c, overlap: same-gas-funder, optional: yes, weight: 100}\n"
	    "  - {id: d, any: [{typology: burn, needs-data: [prices, coins]}, {all:\n"
	    "     [{typology: fan-in, counts: number, number: 1..5},\n"
	    "      {feature: worth, ramp: $1m..$5m, given: {span: \">= 1d\"}}]}],\n"
	    "     excludes: yes, weight: 3}\n"
	    "tests:\n"
	    "  - {name: t, likeness: \"< 0.3\", seen: a, not-seen: [b, c], now: 3d,\n"
	    "     moves: [\"0 v -> t 5 eth $10k theft\", \"1h+10s t -> w{1..3} 1.5 eth old\"]}\n"
	    "  - {name: u, likeness: 0.6..1, incident: harmony-2022-06, data: [theft, prices]}\n";
	if (read(&set, yaml, &fault) != DP_OK) fail_msg("%u: %s", fault.line, fault.text);
	const dp_technique *t = dp_technique_find(&set, "some");
	assert_non_null(t);
	assert_null(dp_technique_find(&set, "other"));
	assert_string_equal(dp_technique_nearest(&set, "sone"), "some");
	assert_int_equal(t->step_count, 4);
	assert_int_equal(t->enough, 400);
	assert_int_equal(dp_technique_weight(t), 25);
	const dp_condition *a = t->step[0].condition;
	assert_int_equal(a->instance.param[0], 8);
	assert_int_equal(a->instance.param[1], 21600);
	assert_int_equal(a->where_count, 3);
	assert_int_equal(a->where[0].of, DP_WHERE_SHARE);
	assert_int_equal(a->where[0].range.min, 100000);
	assert_int_equal(a->where[2].range.max, 150000000);
	assert_int_equal(a->counts, DP_COUNTS_SUM);
	assert_int_equal(t->step[0].within_s, 172800);
	assert_int_equal(t->step[1].after, 0);
	assert_int_equal(t->step[1].needs, 0);
	assert_true(t->step[2].is_optional && t->step[3].is_against);
	const dp_condition *burn = t->step[3].condition->first;
	assert_int_equal(burn->knows, DP_KNOWS_PRICES | DP_KNOWS_COINS);
	assert_int_equal(burn->next->kind, DP_COND_ALL);
	assert_int_equal(t->test[0].transfer_count, 4);
	assert_int_equal(t->test[0].likeness.max, 299);
	assert_int_equal(t->test[0].move[0].worth, 1000000);
	assert_int_equal(t->test[0].move[1].amount, 1500000000);
	assert_true(t->test[0].move[1].is_old);
	assert_int_equal(t->test[1].likeness.min, 600);
	dp_technique_set_done(&set);
}

static void mistakes_are_named_with_their_place(void **state)
{
	(void)state;
	refuses(HEAD "stepz: []\n", 9, 1, "did you mean 'steps'");
	refuses("technique: 2\n", 1, 12, "version");
	refuses(HEAD, 1, 1, "has no `steps`");
	refuses(HEAD "aadapt: [T1027]\n" STEPS, 9, 10, "MITRE AADAPT");
	refuses(HEAD "aadapt: [ADT3028.03]\n" STEPS, 9, 10, "MITRE AADAPT");
	refuses(HEAD "actors: [{name: A}]\n" STEPS, 9, 10, "claimant");
	refuses(HEAD "steps:\n  - {id: a, typology: fan-oat, weight: 1}\n", 10, 23,
	        "did you mean 'fan-out'");
	refuses(HEAD "steps:\n  - {id: a, typology: fan-out, with: {k: 1}, weight: 1}\n", 10, 42,
	        "out of range");
	refuses(HEAD "steps:\n  - {id: a, typology: fan-out, with: {kk: 5}, weight: 1}\n", 10, 39,
	        "fan-out has no 'kk'");
	refuses(HEAD
	        "steps:\n  - {id: a, typology: fan-out, where: {recipient: \">= 5\"}, weight: 1}\n",
	        10, 40, "did you mean 'recipients'");
	refuses(HEAD "steps:\n  - {id: a, typology: fan-out, where: {share: 5}, weight: 1}\n", 10,
	        47, "is no comparison");
	refuses(HEAD "steps:\n  - {id: a, typology: fan-out, share: 80, weight: 1}\n", 10, 39,
	        "is no ramp");
	refuses(HEAD "steps:\n  - {id: a, feature: small-values, ramp: 1%..2%, weight: 1}\n", 10,
	        22, "did you mean 'small-value'");
	refuses(HEAD "steps:\n  - {id: a, feature: small-value, weight: 1}\n", 10, 22,
	        "needs a ramp");
	refuses(HEAD "steps:\n  - {id: a, overlap: exposure, weight: 1}\n", 10, 22, "no overlap");
	refuses(HEAD "steps:\n  - {id: a, typology: fan-out, feature: worth, weight: 1}\n", 10, 32,
	        "beside 'typology'");
	refuses(HEAD "steps:\n  - {id: a, overlap: same-gas-funder, share: 5%, weight: 1}\n", 10,
	        39, "means nothing");
	refuses(HEAD "steps:\n  - {id: a, typology: fan-out}\n", 10, 5, "no `weight`");
	refuses(HEAD "steps:\n  - {id: a, typology: fan-out, weight: 0}\n", 10, 40, "out of range");
	refuses(HEAD "steps:\n  - {id: a, typology: fan-out, weight: 1}\n"
	             "  - {id: a, typology: fan-in, weight: 1}\n",
	        11, 10, "there already");
	refuses(HEAD "steps:\n  - {id: a, typology: fan-out, weight: 1, optional: yes}\n", 10, 3,
	        "every step is optional");
	refuses(HEAD "steps:\n  - {id: a, typology: fan-out, weight: 1, after: c}\n", 10, 50,
	        "no step of this rule");
	// Nothing is more than the largest number there is: not everything, as by overflow.
	refuses(HEAD "steps:\n  - {id: a, typology: fan-out, weight: 1,\n"
	             "     where: {transfers: \"> 9223372036854775807\"}}\n",
	        11, 25, "is no comparison");
	refuses(HEAD "steps:\n  - {id: a, typology: fan-out, weight: 1,\n"
	             "     where: {score: \">= 922337203685477.5807%\"}}\n",
	        11, 21, "no number from 0 to 1");
	refuses(HEAD "enough: 120%\n" STEPS, 9, 9, "out of range");
	refuses(HEAD "enough: \"(a+)+$\"\n" STEPS, 9, 9,
	        "expected a share, such as 80% or 0.8, not '(a+)+$'");
	refuses(HEAD "steps:\n  - {id: a, typology: fan-out, weight: 0.5}\n", 10, 40,
	        "expected a whole number, such as 8, not '0.5'");
	refuses(HEAD "steps:\n  - {id: a, typology: fan-out, weight: 123456789012345678901}\n", 10,
	        40, "such as 8, not '123456789012345678901': it has too many digits");
	refuses(HEAD "enough: 50.123456%\n" STEPS, 9, 9, "'50.123456%': it has too many digits");
}

static void a_circle_of_steps_is_named_whole(void **state)
{
	(void)state;
	refuses(HEAD "steps:\n"
	             "  - {id: a, typology: fan-out, weight: 1, after: b}\n"
	             "  - {id: b, typology: fan-out, weight: 1, needs: c}\n"
	             "  - {id: c, typology: fan-out, weight: 1, after: a}\n",
	        10, 5, "a after b needs c after a");
	refuses(HEAD "steps:\n  - {id: a, typology: fan-out, weight: 1, after: a}\n", 10, 5,
	        "a after a");
}

static void tests_are_checked_like_rules(void **state)
{
	(void)state;
#define TEST(line) HEAD STEPS "tests:\n  - {name: t, likeness: \">= 0.6\", moves: [\"" line "\"]}\n"
	refuses(TEST("0 v > t 5 eth theft"), 12, 43, "stands ->");
	refuses(TEST("noon v -> t 5 eth theft"), 12, 43, "begins with its time");
	refuses(TEST("0 v -> t five eth theft"), 12, 43, "an amount is a number");
	refuses(TEST("0 v -> t 5 eth thefd"), 12, 43, "no kind of movement");
	refuses(TEST("0 v{1..2} -> t{1..3} 5 eth"), 12, 43, "the same size");
	refuses(TEST("0 v -> t{1..20000} 5 eth"), 12, 43, "10000 at most");
	refuses(TEST("0 v -> t{3..1} 5 eth"), 12, 43, "a range is written");
	refuses(TEST("0 v -> t 99999999999 eth"), 12, 43, "below 18 billion");
	refuses(HEAD STEPS
	        "tests:\n  - {name: t, likeness: \">= 2\", moves: [\"0 a -> b 1 eth\"]}\n",
	        12, 25, "is no comparison");
	refuses(TEST("0 v -> t 5 eth"), 12, 5, "have no theft");
	refuses(HEAD STEPS
	        "tests:\n  - {name: t, likeness: \">= 0.6\", now: 1h,\n"
	        "     moves: [\"0 v -> t 5 eth theft\", \"1h+1s t -> w{1..2} 1 eth\"]}\n",
	        12, 5, "before the last of the moves");
	refuses(HEAD STEPS "tests:\n  - {name: t, likeness: \">= 0.6\"}\n", 12, 5,
	        "one of `moves`, `incident` and `file`");
	refuses(HEAD STEPS "tests:\n  - {name: t, moves: [\"0 a -> b 1 eth\"]}\n", 12, 5,
	        "no `likeness`");
}

static void too_much_is_refused(void **state)
{
	(void)state;
	static char yaml[1 << 16];
	size_t n = (size_t)snprintf(yaml, sizeof yaml, "%s", HEAD "steps:\n");
	for (int i = 0; i < 33; i++)
		n += (size_t)snprintf(yaml + n, sizeof yaml - n,
		                      "  - {id: s%d, typology: fan-out, weight: 1}\n", i);
	refuses(yaml, 10, 3, "more than 32 steps");
	n = (size_t)snprintf(yaml, sizeof yaml, "%s", HEAD "steps:\n  - {id: a, weight: 1, any: ");
	for (int i = 0; i < 6; i++)
		n += (size_t)snprintf(yaml + n, sizeof yaml - n, "[{typology: burn}, {any: ");
	n += (size_t)snprintf(yaml + n, sizeof yaml - n, "[{typology: burn}, {typology: burn}]");
	for (int i = 0; i < 6; i++) n += (size_t)snprintf(yaml + n, sizeof yaml - n, "}]");
	(void)snprintf(yaml + n, sizeof yaml - n, "}\n");
	refuses(yaml, 10, 129, "deeper than 4 levels");
}

// Ten thousand rules are read in bounded time, the next is refused, and each is found.
static void ten_thousand_rules_at_once(void **state)
{
	(void)state;
	dp_technique_set set = {0};
	dp_fault fault = {0};
	char yaml[2048];
	struct timespec begin, end;
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	for (uint32_t i = 0; i < DP_TECHNIQUES_MAX; i++) {
		int n =
		    snprintf(yaml, sizeof yaml,
		             "technique: 1\nid: rule-%u\ntitle: T\ndescription: D\nauthor: A\n"
		             "date: 2026-01-01\nreferences: [R]\nfalse-positives: [F]\n"
		             "steps:\n  - {id: a, typology: fan-out, with: {k: %u}, weight: 2}\n"
		             "  - {id: b, typology: fan-in, after: a, within: 2d, weight: 3}\n",
		             i, 2 + i % 100);
		if (dp_technique_add(&set, "many.yaml", yaml, (size_t)n, &fault) != DP_OK)
			fail_msg("%s", fault.text);
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	assert_true(end.tv_sec - begin.tv_sec < 20);
	assert_int_equal(read(&set, HEAD STEPS, &fault), DP_LIMIT);
	assert_non_null(strstr(fault.text, "10000"));
	assert_string_equal(dp_technique_find(&set, "rule-9999")->id, "rule-9999");
	dp_technique_set_done(&set);
}

static void a_second_rule_of_the_same_id_is_refused(void **state)
{
	(void)state;
	dp_technique_set set = {0};
	dp_fault fault = {0};
	assert_int_equal(read(&set, HEAD STEPS, &fault), DP_OK);
	assert_int_equal(read(&set, HEAD STEPS, &fault), DP_BAD_CASE);
	assert_non_null(strstr(fault.text, "there already, from x.yaml"));
	assert_int_equal(set.count, 1);
	dp_technique_set_done(&set);
}

static dp_code keep(void *context, const char *text, size_t n, dp_fault *fault)
{
	(void)fault;
	char *out = context;
	size_t used = strlen(out);
	assert_true(used + n < 1 << 16);
	memcpy(out + used, text, n);
	out[used + n] = 0;
	return DP_OK;
}

static void explaining_writes_out_every_number(void **state)
{
	(void)state;
	static char out[1 << 16];
	dp_technique_set set = {0};
	dp_fault fault = {0};
	const char *yaml =
	    HEAD "steps:\n  - {id: a, title: first, typology: fan-out, with: {k: 8}, weight: 20,\n"
	         "     share: 10%..80%, within: 2d}\n"
	         "  - {id: b, feature: worth, ramp: $5m..$250k, after: a, weight: 5}\n";
	out[0] = 0;
	assert_int_equal(read(&set, yaml, &fault), DP_OK);
	assert_int_equal(dp_technique_explain(&set.technique[0], keep, out, &fault), DP_OK);
	const char *wanted[] = {"1. a: first, weight 20",
	                        "fan-out (k 8, within 1d",
	                        "share of the loot from 10%, in full from 80%",
	                        "within 2d of the theft",
	                        "after 'a'",
	                        "worth of the flow from $5m, in full down to $250k",
	                        "Mistaken for it:\n  - none known",
	                        "Sources:\n  - a book"};
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (strstr(out, wanted[i]) == NULL) fail_msg("no '%s' in:\n%s", wanted[i], out);
	dp_technique_set_done(&set);
}

static void numbers_are_written_as_they_are_read(void **state)
{
	(void)state;
	static const struct {
		dp_unit unit;
		int64_t value;
		const char *text;
	} rows[] = {{DP_UNIT_SECONDS, 600, "10m"},     {DP_UNIT_SECONDS, 90, "90s"},
	            {DP_UNIT_SECONDS, 172800, "2d"},   {DP_UNIT_PPM, 800000, "80%"},
	            {DP_UNIT_PPM, 607874, "60.7874%"}, {DP_UNIT_PPM, 1000, "0.1%"},
	            {DP_UNIT_CENTS, 50000, "$500"},    {DP_UNIT_CENTS, 150000000, "$1.5m"},
	            {DP_UNIT_CENTS, 123, "$1.23"},     {DP_UNIT_COUNT, 12, "12"},
	            {DP_UNIT_FLAG, 1, "yes"},          {DP_UNIT_CENTS, 146000000000, "$1.46bn"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char out[DP_NUMBER_TEXT_MAX];
		size_t n = dp_number_text(out, rows[i].unit, rows[i].value);
		assert_string_equal(out, rows[i].text);
		assert_int_equal(n, strlen(out));
	}
}

static void ramps_count_in_proportion_and_may_fall(void **state)
{
	(void)state;
	assert_int_equal(dp_ramp_at((dp_ramp){10, 20}, 10), 0);
	assert_int_equal(dp_ramp_at((dp_ramp){10, 20}, 15), 500);
	assert_int_equal(dp_ramp_at((dp_ramp){10, 20}, 20), 1000);
	assert_int_equal(dp_ramp_at((dp_ramp){20, 10}, 15), 500);
	assert_int_equal(dp_ramp_at((dp_ramp){20, 10}, 25), 0);
	assert_int_equal(dp_ramp_at((dp_ramp){5, 5}, 5), 1000);
	assert_int_equal(dp_ramp_at((dp_ramp){5, 5}, 4), 0);
	assert_int_equal(dp_ramp_at((dp_ramp){INT64_MIN, INT64_MAX}, 0), 500);
}

static void the_shipped_rules_are_right(void **state)
{
	(void)state;
	dp_technique_set set = {0};
	dp_fault fault = {0};
	if (dp_technique_add_builtin(&set, &fault) != DP_OK)
		fail_msg("%s:%u:%u: %s", fault.file, fault.line, fault.column, fault.text);
	assert_true(set.count >= 6);
	for (uint64_t i = 0; i < set.count; i++) {
		assert_true(set.technique[i].reference_count > 0);
		assert_true(set.technique[i].false_positive_count > 0);
		assert_true(set.technique[i].test_count >= 2);
	}
	dp_technique_set_done(&set);
}

// Every allocation may fail; nothing is left over.
static void memory_may_run_out_anywhere(void **state)
{
	(void)state;
	int64_t before = dp_mem_live();
	for (int64_t n = 0;; n++) {
		dp_technique_set set = {0};
		dp_fault fault = {0};
		dp_mem_fail_after(n);
		dp_code code = read(&set,
		                    HEAD STEPS "tests:\n  - {name: t, likeness: \"< 1\", moves: "
		                               "[\"0 v -> t 5 eth theft\"]}\n",
		                    &fault);
		dp_mem_fail_after(-1);
		dp_technique_set_done(&set);
		assert_int_equal(dp_mem_live(), before);
		if (code == DP_OK) break;
		assert_int_equal(code, DP_NO_MEMORY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(everything_of_a_rule_is_read),
	    cmocka_unit_test(mistakes_are_named_with_their_place),
	    cmocka_unit_test(a_circle_of_steps_is_named_whole),
	    cmocka_unit_test(tests_are_checked_like_rules),
	    cmocka_unit_test(too_much_is_refused),
	    cmocka_unit_test(ten_thousand_rules_at_once),
	    cmocka_unit_test(a_second_rule_of_the_same_id_is_refused),
	    cmocka_unit_test(explaining_writes_out_every_number),
	    cmocka_unit_test(numbers_are_written_as_they_are_read),
	    cmocka_unit_test(ramps_count_in_proportion_and_may_fall),
	    cmocka_unit_test(the_shipped_rules_are_right),
	    cmocka_unit_test(memory_may_run_out_anywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
