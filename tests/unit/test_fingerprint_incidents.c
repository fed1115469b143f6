// The fingerprints that are shipped are what the data gives, byte for byte, and the figures that
// were measured by others (hops, retention, ratio, value under 500,000 dollars of Harmony and
// LI.FI) come out of them as printed.
//
// DYEPACK_WRITE_FINGERPRINTS=1 build/unit_fingerprint_incidents   writes them anew.
//
// The flows lie outside the project (DYEPACK_SHARED, default ../shared); without them their tests
// say that they were skipped.
// Covers: technique/fingerprint.c technique/flow_file.c technique/flow_list.c technique/flow_tell.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "support/prints.h"

enum { FILE_MAX = 1 << 18 };

static const t_print_recipe *recipe_or_skip(const char *incident)
{
	char folder[1000];
	const t_print_recipe *r = t_print_recipe_of(incident);
	if (!t_print_folder(r, folder, sizeof folder)) skip();
	return r;
}

static char *read_whole(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (file == NULL) fail_msg("%s is missing", path);
	char *text = dp_alloc(FILE_MAX);
	assert_non_null(text);
	size_t n = fread(text, 1, FILE_MAX - 1, file);
	fclose(file);
	text[n] = 0;
	return text;
}

static void compare_with_shipped(const char *incident)
{
	char path[200];
	dp_fingerprint print = t_print_make(recipe_or_skip(incident), NULL, NULL), read;
	char *made = t_print_text(&print);
	snprintf(path, sizeof path, "incidents/%s/fingerprint.json", incident);
	if (getenv("DYEPACK_WRITE_FINGERPRINTS") != NULL) {
		FILE *file = fopen(path, "wb");
		assert_non_null(file);
		assert_int_equal(fwrite(made, 1, strlen(made), file), strlen(made));
		assert_int_equal(fclose(file), 0);
	}
	char *shipped = read_whole(path);
	assert_string_equal(made, shipped);
	dp_fault fault = {0};
	assert_int_equal(dp_fingerprint_parse(&read, shipped, strlen(shipped), &fault), DP_OK);
	assert_memory_equal(&read.value, &print.value, sizeof read.value);
	assert_string_equal(read.incident, incident);
	dp_free(made);
	dp_free(shipped);
}

static void harmony_is_what_the_flow_gives(void **state)
{
	(void)state;
	compare_with_shipped("harmony-2022-06");
}

static void lifi_is_what_the_flow_gives(void **state)
{
	(void)state;
	compare_with_shipped("lifi-2024-07");
}

static void bybit_is_what_its_movements_give(void **state)
{
	(void)state;
	compare_with_shipped("bybit-2025-02");
}

//- figures of others -----------------------------------------------------------------------------

// A value, divided and rounded as it was printed: 607874 of 10000 is 61 percent.
static void expect(const dp_fingerprint *f, const char *name, int64_t printed, int64_t unit)
{
	dp_feature_value v = dp_fingerprint_value(f, name);
	if (!v.known) fail_msg("%s is not known", name);
	assert_int_equal(v.low, v.high);
	int64_t rounded = (v.low + unit / 2) / unit;
	if (rounded != printed)
		fail_msg("%s: %lld instead of %lld (%lld)", name, (long long)rounded,
		         (long long)printed, (long long)v.low);
}

enum { PERCENT = 10000, TENTH_MINUTE = 6, TENTH_HOUR = 360, TENTH_K_USD = 10000 };

static void harmony_has_the_measured_figures(void **state)
{
	(void)state;
	dp_fingerprint f = t_print_make(recipe_or_skip("harmony-2022-06"), NULL, NULL);
	assert_int_equal(f.addresses, 469);
	assert_int_equal(f.transfers, 3887);
	expect(&f, "hops-min", 3, 1);
	expect(&f, "hops-median", 3, 1);
	expect(&f, "hops-max", 9, 1);
	expect(&f, "hop-3", 44, PERCENT);
	expect(&f, "hop-4", 14, PERCENT);
	expect(&f, "hop-9-more", 42, PERCENT);
	expect(&f, "retention-p10", 6, TENTH_MINUTE);
	expect(&f, "retention-p50", 62, TENTH_MINUTE);
	expect(&f, "retention-p90", 13000, 60);
	expect(&f, "fast-middles", 86, PERCENT);
	expect(&f, "lifetime-p50", 68, TENTH_HOUR);
	expect(&f, "lifetime-p90", 217, 3600);
	expect(&f, "pass-through", 84, PERCENT);
	expect(&f, "out-degree-p50", 3, 1);
	expect(&f, "out-degree-p90", 9, 1);
	expect(&f, "out-degree-max", 17, 1);
	expect(&f, "transfer-p50", 928, TENTH_K_USD);
	expect(&f, "transfer-p90", 400, 100000);
	expect(&f, "small-value", 61, PERCENT);
}

static void lifi_has_the_measured_figures(void **state)
{
	(void)state;
	dp_fingerprint f = t_print_make(recipe_or_skip("lifi-2024-07"), NULL, NULL);
	assert_int_equal(f.addresses, 93);
	assert_int_equal(f.transfers, 135);
	expect(&f, "hops-min", 1, 1);
	expect(&f, "hops-median", 1, 1);
	expect(&f, "hops-max", 5, 1);
	expect(&f, "hop-1", 59, PERCENT);
	expect(&f, "hop-3", 30, PERCENT);
	expect(&f, "hop-4", 11, PERCENT);
	expect(&f, "retention-p10", 6, TENTH_MINUTE);
	expect(&f, "retention-p50", 62, TENTH_MINUTE);
	expect(&f, "retention-p90", 947, 60);
	expect(&f, "fast-middles", 71, PERCENT);
	expect(&f, "lifetime-p50", 4, TENTH_HOUR);
	expect(&f, "lifetime-p90", 308, 3600);
	expect(&f, "pass-through", 97, PERCENT);
	expect(&f, "out-degree-p50", 2, 1);
	expect(&f, "out-degree-p90", 2, 1);
	expect(&f, "out-degree-max", 6, 1);
	expect(&f, "transfer-p50", 35, TENTH_K_USD);
	expect(&f, "transfer-p90", 686, 100000);
	expect(&f, "small-value", 36, PERCENT);
}

// 40 and nine wallets got 10,000 ether each; that is four fifths of all that moved.
static void bybit_was_split_equally(void **state)
{
	(void)state;
	dp_fingerprint f = t_print_make(t_print_recipe_of("bybit-2025-02"), NULL, NULL);
	assert_true(dp_fingerprint_value(&f, "split-equal").low > 800000);
	assert_true(dp_fingerprint_value(&f, "small-value").high < 50000);
	assert_false(dp_fingerprint_value(&f, "fast-middles").known);
	assert_false(dp_fingerprint_value(&f, "hops-max").known);
	expect(&f, "wait", 29, 60); // 14:16:11 to 14:45:11, the first 9,980 ether to the hub
}

static void the_flows_faults_are_told(void **state)
{
	(void)state;
	dp_flow *flow;
	t_print_make(recipe_or_skip("harmony-2022-06"), &flow, NULL);
	assert_int_equal(dp_flow_skipped(flow), 0);
	// 0.1 + 0.2 dollars: rows with digits beyond the millionth of a dollar.
	assert_int_equal(dp_flow_cut(flow), 799);
	uint32_t terminals = 0;
	for (uint32_t i = 0; i < dp_flow_party_count(flow); i++)
		terminals += dp_flow_party_at(flow, i)->is_terminal;
	assert_int_equal(terminals, 11); // of 14 in the list
	dp_flow_free(flow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(harmony_is_what_the_flow_gives),
	    cmocka_unit_test(lifi_is_what_the_flow_gives),
	    cmocka_unit_test(bybit_is_what_its_movements_give),
	    cmocka_unit_test(harmony_has_the_measured_figures),
	    cmocka_unit_test(lifi_has_the_measured_figures),
	    cmocka_unit_test(bybit_was_split_equally),
	    cmocka_unit_test(the_flows_faults_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
