// Rules of risk: what is read, what is refused and where it stands, which facts a rule speaks of,
// and what it says. Covers: screen/rules.c screen/rules_match.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "codec/input.h"
#include "screen/rules.h"

#define RULE(level, when)                                                                          \
	"rules:\n  - id: r\n    level: " level "\n    when: {" when "}\n    reason: x\n"

static dp_rules parse(const char *yaml)
{
	dp_rules r = {0};
	dp_fault fault = {0};
	dp_code code = dp_rules_parse(&r, yaml, strlen(yaml), &fault);
	if (code != DP_OK) fail_msg("%u:%u: %s", fault.line, fault.column, fault.text);
	return r;
}

static void refused(const char *yaml, uint32_t line, uint32_t column, const char *says)
{
	dp_rules r = {0};
	dp_fault fault = {0};
	assert_int_not_equal(dp_rules_parse(&r, yaml, strlen(yaml), &fault), DP_OK);
	if (strstr(fault.text, says) == NULL) fail_msg("'%s' lacks '%s'", fault.text, says);
	if (fault.line != line || fault.column != column)
		fail_msg("%u:%u, not %u:%u: %s", fault.line, fault.column, line, column,
		         fault.text);
	assert_null(r.rule);
}

static dp_screen_fact blank(dp_fact_kind kind)
{
	return (dp_screen_fact){.kind = (uint8_t)kind,
	                        .hops = DP_HOPS_NONE,
	                        .since = DP_NO_DATE,
	                        .incident = "",
	                        .policy = "",
	                        .casebook = ""};
}

static bool matches(const char *yaml, const dp_screen_fact *fact)
{
	dp_rules r = parse(yaml);
	bool is = dp_rule_matches(&r.rule[0], fact, NULL);
	dp_rules_done(&r);
	return is;
}

static void reads_every_kind_of_rule(void **state)
{
	(void)state;
	dp_rules r =
	    parse("rules:\n"
	          "  - id: a\n    level: severe\n"
	          "    when: {tag: {class: [sanction, theft], confidence: 50, dated: [on, "
	          "gone],\n      match: exact, inferred: no, cluster: yes, list: OFAC SDN}}\n"
	          "    reason: on {list}\n"
	          "  - id: b\n    level: low\n"
	          "    when: {taint: {held: now, amount: \"0.01\", share: 12.5%, hops: "
	          "2-5, policy: fifo}}\n    reason: x\n"
	          "  - id: c\n    level: high\n"
	          "    when: {lookalike: {chance: 1000}}\n    reason: x\n"
	          "  - id: d\n    level: none\n"
	          "    when: {exposure: {side: sent, hops: 1}}\n    reason: x\n");
	assert_int_equal(r.count, 4);
	const dp_rule *a = &r.rule[0], *b = &r.rule[1];
	assert_int_equal(a->level, DP_RISK_SEVERE);
	assert_int_equal(a->classes, 1u << DP_CLASS_SANCTION | 1u << DP_CLASS_THEFT);
	assert_int_equal(a->confidence_min, 50);
	assert_int_equal(a->dated, DP_DATE_ON | DP_DATE_GONE);
	assert_int_equal(a->match_min, DP_MATCH_EXACT);
	assert_int_equal(a->is_inferred, 0);
	assert_int_equal(a->is_cluster, 1);
	assert_string_equal(a->list[0], "OFAC SDN");
	assert_null(a->list[1]);
	assert_int_equal(b->share_min, 125000);
	assert_int_equal(b->hops_min, 2);
	assert_int_equal(b->hops_max, 5);
	assert_true(dp_u256_eq(b->amount_min, dp_u256_of(10000000000000000)));
	assert_int_equal(r.rule[2].chance_min, 1000);
	assert_int_equal(r.rule[3].side, DP_SIDE_SENT);
	dp_rules_done(&r);
}

static void names_each_mistake_with_its_place(void **state)
{
	(void)state;
	refused("", 1, 1, "no 'rules'");
	refused("rules: []\n", 1, 8, "at least one");
	refused("ruels: []\n", 1, 1, "did you mean 'rules'");
	refused(RULE("sever", "tag: {}"), 3, 12, "did you mean 'severe'");
	refused(RULE("low", "tags: {}"), 4, 12, "did you mean 'tag'");
	refused(RULE("low", "tag: {clas: theft}"), 4, 18, "did you mean 'class'");
	refused(RULE("low", "tag: {class: thief}"), 4, 25, "no class of risk");
	refused(RULE("low", "tag: {hops: 1}"), 4, 18, "a condition on tag has no 'hops'");
	refused(RULE("low", "tag: {category: no such}"), 4, 28, "no taxonomy");
	refused(RULE("low", "tag: {confidence: 101}"), 4, 30, "at most 100");
	refused(RULE("low", "taint: {held: soon}"), 4, 26, "is no taint");
	refused(RULE("low", "taint: {share: 101%}"), 4, 27, "percent");
	refused(RULE("low", "taint: {hops: 5-2}"), 4, 26, "above");
	refused(RULE("low", "taint: {amount: much}"), 4, 28, "coins");
	refused(RULE("low", "tag: {}, taint: {}"), 4, 11, "one of");
	refused("rules:\n  - id: a\n    level: low\n    reason: x\n", 2, 5, "no 'when'");
	refused("rules:\n  - id: a\n    level: low\n    when: {tag: {}}\n    reason: \"{labl}\"\n",
	        5, 13, "did you mean {label}");
	refused("rules:\n  - {id: a, level: low, when: {tag: {}}, reason: x}\n"
	        "  - {id: a, level: low, when: {tag: {}}, reason: x}\n",
	        3, 5, "line 2");
}

static void a_tag_matches_by_class_date_and_match(void **state)
{
	(void)state;
	dp_tag_record tag = {.confidence = 40, .risk = DP_CLASS_THEFT};
	dp_screen_fact f = blank(DP_FACT_TAG);
	f.tag = &tag;
	f.risk = DP_CLASS_THEFT;
	f.dated = DP_DATE_GONE;
	f.match = DP_MATCH_SAME_KEY;
	assert_true(matches(RULE("low", "tag: {class: theft}"), &f));
	assert_false(matches(RULE("low", "tag: {class: scam}"), &f));
	assert_true(matches(RULE("low", "tag: {dated: gone}"), &f));
	assert_true(matches(RULE("low", "tag: {dated: any}"), &f));
	assert_false(matches(RULE("low", "tag: {dated: on}"), &f));
	assert_true(matches(RULE("low", "tag: {confidence: 40}"), &f));
	assert_false(matches(RULE("low", "tag: {confidence: 41}"), &f));
	assert_false(matches(RULE("low", "tag: {match: exact}"), &f));
	assert_true(matches(RULE("low", "tag: {match: same-key}"), &f));
	assert_false(matches(RULE("low", "tag: {cluster: yes}"), &f));
	assert_false(matches(RULE("low", "taint: {held: now}"), &f));
}

static void taint_matches_by_amount_in_coins_exactly(void **state)
{
	(void)state;
	dp_screen_fact f = blank(DP_FACT_TAINT);
	f.taint = DP_TAINT_NOW;
	f.asset = dp_asset_native(dp_chain_find("bitcoin", 7));
	f.units = dp_u256_of(1000000); // 0.01 BTC
	f.hops = 3;
	f.share = 100000;
	f.incident = "heist";
	f.policy = "fifo";
	assert_true(matches(RULE("low", "taint: {held: now, amount: \"0.01\"}"), &f));
	assert_false(matches(RULE("low", "taint: {amount: \"0.010000000000000001\"}"), &f));
	assert_false(matches(RULE("low", "taint: {held: [ever, arrival]}"), &f));
	assert_true(matches(RULE("low", "taint: {share: 10%}"), &f));
	assert_false(matches(RULE("low", "taint: {share: 10.0001%}"), &f));
	assert_false(matches(RULE("low", "taint: {share_below: 10%}"), &f));
	assert_true(matches(RULE("low", "taint: {share_below: 10.0001%}"), &f));
	assert_false(matches(RULE("low", "taint: {amount_below: \"0.01\"}"), &f));
	assert_true(matches(RULE("low", "taint: {amount_below: \"0.010000000000000001\"}"), &f));
	// What is not known is enough for whoever asks for a share, and never little.
	f.is_share_unknown = true;
	assert_true(matches(RULE("low", "taint: {share: 99%}"), &f));
	assert_false(matches(RULE("low", "taint: {share_below: 99%}"), &f));
	f.is_share_unknown = false;
	assert_true(matches(RULE("low", "taint: {hops: 3}"), &f));
	assert_false(matches(RULE("low", "taint: {hops: 2}"), &f));
	assert_false(matches(RULE("low", "taint: {hops: 4-9}"), &f));
	assert_true(matches(RULE("low", "taint: {case: [other, Heist]}"), &f));
	assert_false(matches(RULE("low", "taint: {policy: poison}"), &f));
	// The greatest amount there is does not wrap around.
	f.units = (dp_u256){{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	assert_true(matches(RULE("low", "taint: {amount: \"99999999999\"}"), &f));
}

static void a_reason_says_what_is_known(void **state)
{
	(void)state;
	char out[DP_REASON_TEXT_MAX];
	const dp_chain *bitcoin = dp_chain_find("bitcoin", 7);
	dp_rules r = parse("rules:\n  - id: a\n    level: low\n    when: {taint: {held: now}}\n"
	                   "    reason: \"{amount} of {case} by {policy}, {hops}, {share}, since "
	                   "{since}{label}\"\n");
	dp_screen_fact f = blank(DP_FACT_TAINT);
	f.asset = dp_asset_native(bitcoin);
	f.units = dp_u256_of(150000000);
	f.incident = "a\theist";
	f.policy = "fifo";
	f.hops = 1;
	f.share = 125999;
	f.since = 1700000000;
	dp_rule_reason(&r.rule[0], out, &f, NULL, bitcoin);
	assert_string_equal(out, "1.5 BTC of a heist by fifo, 1 hop, 12.5 %, since "
	                         "2023-11-14T22:13:20Za heist");
	dp_rules_done(&r);
}

static void the_rules_that_ship_are_the_file_and_parse(void **state)
{
	(void)state;
	size_t size, file_size;
	uint8_t *bytes;
	dp_input *in;
	dp_rules r;
	dp_fault fault = {0};
	const char *text = dp_rules_builtin(&size);
	dp_code code = dp_rules_parse(&r, text, size, &fault);
	if (code != DP_OK) fail_msg("risk.yaml:%u:%u: %s", fault.line, fault.column, fault.text);
	assert_true(r.count > 20);
	dp_rules_done(&r);
	assert_int_equal(dp_input_open(&in, "risk.yaml", &fault), DP_OK);
	assert_int_equal(dp_input_read_all(in, &bytes, &file_size, DP_RULES_BYTES_MAX, &fault),
	                 DP_OK);
	dp_input_close(in);
	assert_int_equal(size, file_size);
	assert_memory_equal(text, bytes, size);
	dp_free(bytes);
}

static void without_memory_nothing_is_left_over(void **state)
{
	(void)state;
	size_t size;
	const char *text = dp_rules_builtin(&size);
	int64_t live = dp_mem_live();
	for (int64_t n = 0;; n++) {
		dp_rules r = {0};
		dp_fault fault = {0};
		dp_mem_fail_after(n);
		dp_code code = dp_rules_parse(&r, text, size, &fault);
		dp_mem_fail_after(-1);
		if (code == DP_OK) dp_rules_done(&r);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_OK) return;
		assert_int_equal(code, DP_NO_MEMORY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_every_kind_of_rule),
	    cmocka_unit_test(names_each_mistake_with_its_place),
	    cmocka_unit_test(a_tag_matches_by_class_date_and_match),
	    cmocka_unit_test(taint_matches_by_amount_in_coins_exactly),
	    cmocka_unit_test(a_reason_says_what_is_known),
	    cmocka_unit_test(the_rules_that_ship_are_the_file_and_parse),
	    cmocka_unit_test(without_memory_nothing_is_left_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
