// Judging: states of steps, the sums, the interval, what may be said, and that the rules which ship
// pass their own tests and get real flows right.
// Covers: technique/judge.c technique/judge_step.c technique/judge_say.c technique/judge_test.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "technique/flow_file.h"
#include "technique/judge.h"

#define HEAD                                                                                       \
	"technique: 1\nid: some\ntitle: Some\ndescription: It is some.\nauthor: me\n"              \
	"date: 2026-11-23\nreferences: [a book]\nfalse-positives: [none known]\n"
#define ACTOR                                                                                      \
	"actors: [{name: Grey Heron, claimant: The Bureau, date: 2025-02-26, reference: PSA 1}]\n"

static dp_technique_set set;
static dp_likeness l;

// Reads a rule and runs its first test.
static const char *run(const char *yaml)
{
	static char why[DP_WHY_TEXT_MAX];
	dp_fault fault = {0};
	dp_test_verdict verdict;
	dp_technique_set_done(&set);
	if (dp_technique_add(&set, "", yaml, strlen(yaml), &fault) != DP_OK)
		fail_msg("%u:%u: %s", fault.line, fault.column, fault.text);
	if (dp_technique_test(&set.technique[0], 0, NULL, &verdict, &l, why, &fault) != DP_OK)
		fail_msg("%s", fault.text);
	return verdict == DP_TEST_PASSED ? NULL : why;
}

static int done(void **state)
{
	(void)state;
	dp_technique_set_done(&set);
	return 0;
}

// A split, a run through a bridge after it, and what speaks against it.
#define STEPS                                                                                      \
	"steps:\n"                                                                                 \
	"  - {id: split, typology: equal-split, counts: sum, share: 10%..60%, weight: 30}\n"       \
	"  - {id: hop, typology: chain-hop, counts: sum, share: 0%..50%, after: split,\n"          \
	"     needs: split, within: 10d, weight: 30}\n"                                            \
	"  - {id: mix, typology: anonymiser, optional: yes, weight: 20}\n"                         \
	"  - {id: returned, feature: returned-share, ramp: 10%..50%, excludes: yes, weight: 60}\n" \
	"  - {id: shared, overlap: [shared-wallet, same-gas-funder], optional: yes, weight: "      \
	"100}\n"
#define SPLIT "\"0 v -> t 1000 eth theft\", \"1h+1m t -> w{1..10} 100 eth\""
#define HOPS ", \"1d+1m w{1..10} -> thorchain 100 eth bridge-out via thorchain\""
#define TEST(likeness, more, moves)                                                                \
	HEAD ACTOR STEPS "tests: [{name: t, likeness: \"" likeness "\"" more ", moves: [" moves    \
	                 "]}]\n"

enum { SPLIT_STEP, HOP_STEP, MIX_STEP, RETURNED_STEP, SHARED_STEP };

static void steps_that_are_seen_add_up(void **state)
{
	(void)state;
	assert_null(
	    run(TEST(">= 0.8", ", seen: [split, hop], not-seen: mix, now: 30d", SPLIT HOPS)));
	assert_int_equal(l.step[SPLIT_STEP].state, DP_STEP_SEEN);
	assert_true(l.step[SPLIT_STEP].finding_count >= 1);
	assert_true(l.step[SPLIT_STEP].has_time);
	assert_int_equal(l.step[MIX_STEP].state, DP_STEP_NOT_SEEN);
	assert_int_equal(l.known, 1000);
	assert_int_equal(l.say, DP_SAY_CONSISTENT);
	assert_non_null(strstr(l.sentence, "is consistent with the technique 'Some'"));
	// Without either of the two it would be about half.
	assert_true(l.step[HOP_STEP].if_not < 600);
	assert_true(l.holds == SPLIT_STEP || l.holds == HOP_STEP);
}

static void what_may_still_come_is_not_held_against_it(void **state)
{
	(void)state;
	assert_null(run(TEST(">= 0.8", ", now: 2d", SPLIT)));
	assert_int_equal(l.step[HOP_STEP].state, DP_STEP_NOT_YET);
	assert_int_equal(l.step[HOP_STEP].until, 1704067200 + 3600 + 10 * 86400);
	assert_false(l.step[HOP_STEP].is_known);
	assert_true(l.low < 550 && l.low < l.value && l.high >= 950);
	// Ten days later it is held against it, and the interval closes.
	assert_null(run(TEST("<= 0.5", ", now: 30d", SPLIT)));
	assert_int_equal(l.step[HOP_STEP].state, DP_STEP_NOT_SEEN);
	assert_int_equal(l.low, l.value);
	assert_int_equal(l.high, l.value);
	assert_int_equal(l.raises, HOP_STEP);
}

static void what_the_flow_does_not_tell_is_unknown(void **state)
{
	(void)state;
	assert_null(run(TEST(">= 0.8", ", now: 30d, data: [theft]", SPLIT)));
	assert_int_equal(l.step[HOP_STEP].state, DP_STEP_UNKNOWN);
	assert_non_null(strstr(l.step[HOP_STEP].why, "bridges"));
	assert_int_equal(l.known, 500);
	assert_true(l.low < 550 && l.low < l.value && l.high >= 940);
}

static void a_step_says_nothing_without_the_one_it_needs(void **state)
{
	(void)state;
	assert_null(run(TEST("< 0.1", ", not-seen: [split, hop], now: 30d",
	                     "\"0 v -> t 1000 eth theft\", "
	                     "\"1d t -> thorchain 1000 eth bridge-out via thorchain\"")));
	assert_int_equal(l.step[HOP_STEP].state, DP_STEP_NOT_SEEN);
	assert_non_null(strstr(l.step[HOP_STEP].why, "nothing without"));
	assert_int_equal(l.say, DP_SAY_UNLIKE);
}

static void a_step_at_the_wrong_time_contradicts(void **state)
{
	(void)state;
	assert_null(run(TEST("< 0.6", ", not-seen: hop, now: 60d",
	                     SPLIT ", \"40d+1m w{1..10} -> thorchain 100 eth bridge-out\"")));
	assert_int_equal(l.step[HOP_STEP].state, DP_STEP_CONTRADICTED);
	assert_non_null(strstr(l.step[HOP_STEP].why, "too late"));
}

// A finding that several members of `any` want is one, also where it comes too late.
static void a_finding_counts_once_in_a_step(void **state)
{
	(void)state;
#define ANY "any: [{typology: equal-split}, {typology: equal-split, where: {transfers: \">= 5\"}}]"
#define TWICE(more)                                                                                \
	HEAD ACTOR "steps:\n  - {id: split, weight: 30, " more ANY "}\n"                           \
	           "tests: [{name: t, likeness: \">= 0\", now: 30d, moves: [" SPLIT "]}]\n"
	assert_null(run(TWICE("")));
	assert_int_equal(l.step[0].state, DP_STEP_SEEN);
	assert_int_equal(l.step[0].finding_count, 1);
	assert_null(run(TWICE("within: 1m, ")));
	assert_int_equal(l.step[0].state, DP_STEP_CONTRADICTED);
	assert_int_equal(l.step[0].finding_count, 0);
	assert_non_null(strstr(l.step[0].why, "1 found, at the wrong time: too late"));
}

static void what_speaks_against_it_lowers_it(void **state)
{
	(void)state;
	assert_null(
	    run(TEST("< 0.5", ", now: 30d", SPLIT ", \"2d+1m w{1..10} -> v 100 eth returned\"")));
	assert_int_equal(l.step[RETURNED_STEP].state, DP_STEP_CONTRADICTED);
	assert_int_equal(l.say, DP_SAY_UNLIKE);
}

static void a_name_comes_only_with_shared_infrastructure_and_who_says_it(void **state)
{
	(void)state;
	assert_null(run(TEST(">= 0.8", ", now: 30d", SPLIT HOPS)));
	assert_null(strstr(l.sentence, "Grey Heron"));
	assert_non_null(strstr(l.sentence, "does not say who did it"));
	assert_null(
	    run(TEST(">= 0.8", ", seen: shared, overlap: shared-wallet, now: 30d", SPLIT HOPS)));
	assert_int_equal(l.say, DP_SAY_OVERLAP);
	assert_non_null(strstr(l.sentence, "Grey Heron"));
	assert_non_null(strstr(l.sentence, "the test attributed"));
	assert_non_null(strstr(l.sentence, "does not prove"));
}

// Euler's thief paid 100 ether to an address of Lazarus, and gave the loot back.
static void the_trap_of_euler_is_exposure_and_nothing_more(void **state)
{
	(void)state;
	static dp_likeness without;
	assert_null(run(TEST(">= 0.8", ", now: 30d", SPLIT HOPS)));
	without = l;
	assert_null(
	    run(TEST(">= 0.8", ", not-seen: shared, overlap: exposure, now: 30d", SPLIT HOPS)));
	assert_int_equal(l.value, without.value);
	assert_int_equal(l.low, without.low);
	assert_int_equal(l.high, without.high);
	assert_int_equal(l.say, DP_SAY_CONSISTENT);
	assert_true(l.is_exposed);
	assert_null(strstr(l.sentence, "Grey Heron"));
	assert_non_null(strstr(l.sentence, "exposure"));
}

static void a_word_of_authority_is_told_with_its_source(void **state)
{
	(void)state;
	dp_fault fault = {0};
	dp_instance instance[DP_INSTANCES_MAX];
	dp_mine_options o = {.instance = instance, .edges_max = 16, .is_case = true};
	uint64_t end;
	dp_mine *mine;
	dp_judge *j;
	(void)run(TEST("< 1", "", SPLIT));
	assert_int_equal(dp_judge_instances(&set, 0, &end, instance, &o.instance_count, &fault),
	                 DP_OK);
	assert_int_equal(end, 1);
	assert_int_equal(dp_mine_new(&mine, &o, &fault), DP_OK);
	const dp_attribution word = {"this", "GREY heron", "The Bureau", "2025-03-01", "PSA 2"};
	dp_judge_input in = {.mine = mine, .authority = &word, .authority_count = 1};
	assert_int_equal(dp_judge_new(&j, &in, &fault), DP_OK);
	dp_judge_technique(j, &l, &set.technique[0]);
	assert_int_equal(l.say, DP_SAY_AUTHORITY);
	assert_non_null(
	    strstr(l.sentence, "The Bureau attributed this case to GREY heron on 2025-03-01"));
	assert_non_null(strstr(l.sentence, "PSA 2"));
	dp_judge_free(j);
	// Somebody else's name is none of this rule's business.
	const dp_attribution other = {"this", "Red Heron", "The Bureau", "2025-03-01", "PSA 2"};
	in.authority = &other;
	assert_int_equal(dp_judge_new(&j, &in, &fault), DP_OK);
	dp_judge_technique(j, &l, &set.technique[0]);
	assert_null(strstr(l.sentence, "Heron"));
	dp_judge_free(j);
	dp_mine_free(mine);
}

static void many_instances_are_taken_in_portions(void **state)
{
	(void)state;
	dp_technique_set many = {0};
	dp_fault fault = {0};
	static dp_instance instance[DP_INSTANCES_MAX];
	char yaml[1024];
	uint64_t at = 0, end, portions = 0;
	uint32_t count;
	for (int i = 0; i < 600; i++) {
		int n =
		    snprintf(yaml, sizeof yaml,
		             "technique: 1\nid: r%d\ntitle: T\ndescription: D\nauthor: A\n"
		             "date: 2026-01-01\nreferences: [R]\nfalse-positives: [F]\n"
		             "steps:\n  - {id: a, typology: fan-out, with: {k: %d}, weight: 2}\n",
		             i, 2 + i);
		assert_int_equal(dp_technique_add(&many, "", yaml, (size_t)n, &fault), DP_OK);
	}
	for (; at < many.count; at = end, portions++) {
		assert_int_equal(dp_judge_instances(&many, at, &end, instance, &count, &fault),
		                 DP_OK);
		assert_true(end > at && count <= DP_INSTANCES_MAX);
	}
	assert_int_equal(portions, 3);
	dp_technique_set_done(&many);
}

static void the_shipped_rules_pass_their_own_tests(void **state)
{
	(void)state;
	dp_technique_set all = {0};
	dp_fault fault = {0};
	dp_test_verdict verdict;
	char why[DP_WHY_TEXT_MAX];
	assert_int_equal(dp_technique_add_builtin(&all, &fault), DP_OK);
	for (uint64_t i = 0; i < all.count; i++)
		for (uint32_t t = 0; t < all.technique[i].test_count; t++) {
			const dp_technique *rule = &all.technique[i];
			if (dp_technique_test(rule, t, NULL, &verdict, &l, why, &fault) != DP_OK)
				fail_msg("%s: %s", rule->id, fault.text);
			if (verdict == DP_TEST_FAILED)
				fail_msg("%s, '%s': %s", rule->id, rule->test[t].name, why);
		}
	dp_technique_set_done(&all);
}

static void judging_twice_gives_the_same_to_the_letter(void **state)
{
	(void)state;
	static dp_likeness first;
	assert_null(run(TEST(">= 0.8", ", now: 30d", SPLIT HOPS)));
	first = l;
	assert_null(run(TEST(">= 0.8", ", now: 30d", SPLIT HOPS)));
	assert_string_equal(first.sentence, l.sentence);
	for (uint32_t i = 0; i < l.step_count; i++) {
		assert_string_equal(first.step[i].why, l.step[i].why);
		assert_int_equal(first.step[i].value, l.step[i].value);
	}
}

static void memory_may_run_out_anywhere(void **state)
{
	(void)state;
	dp_test_verdict verdict;
	char why[DP_WHY_TEXT_MAX];
	(void)run(TEST("< 1", ", overlap: exposure", SPLIT HOPS));
	int64_t before = dp_mem_live();
	for (int64_t n = 0;; n++) {
		dp_fault fault = {0};
		dp_mem_fail_after(n);
		dp_code code =
		    dp_technique_test(&set.technique[0], 0, NULL, &verdict, &l, why, &fault);
		dp_mem_fail_after(-1);
		assert_int_equal(dp_mem_live(), before);
		if (code == DP_OK) break;
		assert_int_equal(code, DP_NO_MEMORY);
	}
}

//- real flows ------------------------------------------------------------------------------------

// The likeness of a verified flow and a shipped technique; false when the data is not there.
static bool judge_flow(const char *name, const char *id, uint32_t knows)
{
	const char *shared = getenv("DYEPACK_SHARED");
	char path[512];
	dp_flow *flow;
	dp_mine *mine;
	dp_judge *j;
	dp_fault fault = {0};
	uint32_t ends[256], end_count;
	uint64_t end;
	static dp_instance instance[DP_INSTANCES_MAX];
	(void)snprintf(path, sizeof path, "%s/data/flows/%s", shared != NULL ? shared : "../shared",
	               name);
	if (access(path, R_OK) != 0) {
		print_message("skipped: no %s; DYEPACK_SHARED names the folder of real data\n",
		              path);
		return false;
	}
	dp_technique_set_done(&set);
	assert_int_equal(dp_technique_add_builtin(&set, &fault), DP_OK);
	dp_mine_options o = {.instance = instance, .is_case = true};
	assert_int_equal(dp_judge_instances(&set, 0, &end, instance, &o.instance_count, &fault),
	                 DP_OK);
	assert_int_equal(dp_flow_open(&flow, path, &(dp_flow_options){0}, &fault), DP_OK);
	o.edges_max = dp_flow_edges_needed(flow);
	assert_int_equal(dp_mine_new(&mine, &o, &fault), DP_OK);
	assert_int_equal(dp_flow_feed(flow, mine, &fault), DP_OK);
	const dp_graph *g = dp_mine_graph(mine);
	int64_t last = dp_graph_edge(g, dp_graph_last(g))->time;
	assert_int_equal(dp_mine_finish(mine, last, &fault), DP_OK);
	end_count = dp_flow_own_ends(flow, g, ends, 256);
	dp_fingerprint print;
	assert_int_equal(dp_fingerprint_of(&print, g,
	                                   &(dp_fingerprint_options){.now = last,
	                                                             .terminal = ends,
	                                                             .terminal_count = end_count},
	                                   &fault),
	                 DP_OK);
	dp_judge_input in = {
	    .mine = mine, .print = &print, .has_loot = true, .now = last, .knows = knows};
	assert_int_equal(dp_judge_new(&j, &in, &fault), DP_OK);
	dp_judge_technique(j, &l, dp_technique_find(&set, id));
	dp_judge_free(j);
	dp_mine_free(mine);
	dp_flow_free(flow);
	return true;
}

// Whatever of bridges and mixers the list is believed to know.
static void real_flows_come_out_right(void **state)
{
	(void)state;
	static const uint32_t knows[] = {DP_KNOWS_SERVICES | DP_KNOWS_PRICES,
	                                 DP_KNOWS_SERVICES | DP_KNOWS_PRICES | DP_KNOWS_BRIDGES |
	                                     DP_KNOWS_MIXERS};
	for (size_t i = 0; i < sizeof knows / sizeof *knows; i++) {
		if (!judge_flow("harmony", "split-and-hop", knows[i])) skip();
		if (l.value < 600) fail_msg("harmony %u: %s", l.value, l.sentence);
		assert_int_equal(l.step[1].state, DP_STEP_UNKNOWN); // swaps are not in the list
		if (!judge_flow("lifi", "split-and-hop", knows[i])) skip();
		if (l.value >= 300) fail_msg("lifi %u: %s", l.value, l.sentence);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(steps_that_are_seen_add_up),
	    cmocka_unit_test(what_may_still_come_is_not_held_against_it),
	    cmocka_unit_test(what_the_flow_does_not_tell_is_unknown),
	    cmocka_unit_test(a_step_says_nothing_without_the_one_it_needs),
	    cmocka_unit_test(a_step_at_the_wrong_time_contradicts),
	    cmocka_unit_test(a_finding_counts_once_in_a_step),
	    cmocka_unit_test(what_speaks_against_it_lowers_it),
	    cmocka_unit_test(a_name_comes_only_with_shared_infrastructure_and_who_says_it),
	    cmocka_unit_test(the_trap_of_euler_is_exposure_and_nothing_more),
	    cmocka_unit_test(a_word_of_authority_is_told_with_its_source),
	    cmocka_unit_test(many_instances_are_taken_in_portions),
	    cmocka_unit_test(the_shipped_rules_pass_their_own_tests),
	    cmocka_unit_test(judging_twice_gives_the_same_to_the_letter),
	    cmocka_unit_test(memory_may_run_out_anywhere),
	    cmocka_unit_test(real_flows_come_out_right),
	};
	return cmocka_run_group_tests(tests, NULL, done);
}
