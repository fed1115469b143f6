// Fingerprints of small flows worked out by hand, their JSON, and distances between them.
// Covers: technique/fingerprint.c technique/fingerprint_table.c technique/fingerprint_json.c
// Covers: technique/fingerprint_distance.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "technique/fingerprint.h"

enum { VICTIM = 1, SOURCE = 2, EXCHANGE = 3, BRIDGE = 4, A = 10, HOUR = 3600 };
#define START INT64_C(1674000000) // 2023-01-18T00:00:00Z

static dp_graph *graph;
static uint32_t tx;
static dp_fault fault;
static dp_fingerprint print;

static int start(void **state)
{
	(void)state;
	fault = (dp_fault){0};
	tx = 0;
	return dp_graph_new(&graph, 4096, 0, &fault) == DP_OK ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	dp_graph_free(graph);
	return 0;
}

static uint32_t node(uint32_t who)
{
	dp_node_role role = who == VICTIM     ? DP_NODE_VICTIM
	                    : who == EXCHANGE ? DP_NODE_SERVICE
	                    : who == BRIDGE   ? DP_NODE_BRIDGE
	                                      : DP_NODE_WALLET;
	uint32_t n;
	assert_int_equal(dp_graph_node(graph, &n, who * 0x9e3779b97f4a7c15u, role, &fault), DP_OK);
	return n;
}

// Dollars, at a time after START; in a transaction of its own.
static void move(uint32_t src, uint32_t dst, int64_t after, uint64_t dollars, int kind)
{
	dp_edge e;
	dp_transfer t = {.tx = ++tx, .asset = 1, .time = START + after, .kind = (uint8_t)kind};
	t.src = node(src);
	t.dst = node(dst);
	t.amount = dollars * 1000000;
	t.worth_low = t.worth_high = dollars * 100;
	assert_int_equal(dp_graph_add(graph, &e, &t, &fault), DP_OK);
}

static void pay(uint32_t src, uint32_t dst, int64_t after, uint64_t dollars)
{
	move(src, dst, after, dollars,
	     dst == EXCHANGE ? DP_TR_SERVICE
	     : dst == BRIDGE ? DP_TR_BRIDGE_OUT
	                     : DP_TR_MOVE);
}

static void measure(const dp_fingerprint_options *options)
{
	static const dp_fingerprint_options none;
	if (dp_fingerprint_of(&print, graph, options == NULL ? &none : options, &fault) != DP_OK)
		fail_msg("%s", fault.text);
}

static void expect(const char *name, int64_t value)
{
	dp_feature_value v = dp_fingerprint_value(&print, name);
	if (!v.known) fail_msg("%s is not known", name);
	if (v.low != value || v.high != value)
		fail_msg("%s: %lld to %lld, not %lld", name, (long long)v.low, (long long)v.high,
		         (long long)value);
}

static void unknown(const char *name)
{
	assert_non_null(dp_feature_find(name));
	dp_feature_value v = dp_fingerprint_value(&print, name);
	if (v.known) fail_msg("%s is said to be %lld", name, (long long)v.low);
	assert_true(v.low == 0 && v.high == 0);
}

// A source splits a million in five; middles pass on all to the exchange, the k-th after k half
// hours; the last keeps half.
static void five_ways(void)
{
	move(VICTIM, SOURCE, 0, 1000000, DP_TR_THEFT);
	for (uint32_t k = 0; k < 5; k++) pay(SOURCE, A + k, HOUR + 60 * k, 200000);
	for (uint32_t k = 0; k < 5; k++)
		pay(A + k, EXCHANGE, HOUR + 60 * 4 + 1800 * (k + 1), k == 4 ? 100000 : 200000);
}

static void a_flow_is_measured_as_by_hand(void **state)
{
	(void)state;
	five_ways();
	measure(&(dp_fingerprint_options){.has_theft_time = true});
	assert_int_equal(print.addresses, 7);
	assert_int_equal(print.transfers, 10);
	assert_true(print.time_first == START + HOUR);
	assert_true(print.time_last == START + HOUR + 240 + 9000);
	expect("worth", 100000000);
	expect("middles", 5);
	expect("span", 240 + 9000);
	expect("hops-min", 2);
	expect("hops-max", 2);
	expect("hop-2", 1000000);
	expect("hop-1", 0);
	expect("retention-p10", 1800 + 240);
	expect("retention-p50", 5400 + 120);
	expect("retention-p90", 9000);
	expect("fast-middles", 200000); // 2040 s; the second keeps it for 3780
	expect("lifetime-p90", 9000);
	expect("pass-through", 800000);
	expect("out-degree-max", 1);
	expect("transfer-p50", 20000000);
	expect("small-value", 1000000);
	expect("split-equal", 526316); // 1.0 of 1.9 million
	expect("split-gini", 0);
	expect("round", 1000000);
	expect("still-share", 100000);
	expect("service-share", 900000);
	expect("wait", HOUR);
	expect("pace-50", 120);
	expect("pace-90", 240);
	expect("age-max", HOUR + 240 + 9000);
	unknown("hour-00"); // of ten transactions
	unknown("regular");
	assert_false(dp_fingerprint_value(&print, "no-such-feature").known);
}

static void without_the_thefts_time_nothing_counts_from_it(void **state)
{
	(void)state;
	five_ways();
	measure(NULL);
	unknown("wait");
	unknown("age-max");
	expect("pace-50", 120);
}

// As it was at a time: later transfers leave no trace.
static void what_is_later_is_left_out(void **state)
{
	(void)state;
	five_ways();
	measure(NULL);
	dp_fingerprint before = print;
	pay(A, A + 60, 20 * HOUR, 500);
	measure(NULL);
	expect("middles", 6);
	measure(&(dp_fingerprint_options){.now = START + 19 * HOUR});
	assert_memory_equal(&before, &print, sizeof print);
	dp_fingerprint_options early = {.now = START - 1};
	assert_int_equal(dp_fingerprint_of(&print, graph, &early, &fault), DP_BAD_CASE);
}

// A graph without a theft, an empty one, one that has lost its beginning.
static void a_flow_needs_a_beginning(void **state)
{
	(void)state;
	dp_fingerprint_options none = {0};
	assert_int_equal(dp_fingerprint_of(&print, graph, &none, &fault), DP_BAD_CASE);
	assert_non_null(strstr(fault.text, "empty"));
	pay(A, A + 1, 0, 5);
	assert_int_equal(dp_fingerprint_of(&print, graph, &none, &fault), DP_BAD_CASE);
	assert_non_null(strstr(fault.text, "theft"));
	move(VICTIM, A, 0, 5, DP_TR_THEFT);
	measure(NULL);
	expect("middles", 1);
	for (uint32_t i = 0; i < 5000; i++) pay(A, A + 1, i, 5);
	assert_int_equal(dp_fingerprint_of(&print, graph, &none, &fault), DP_BAD_CASE);
	assert_non_null(strstr(fault.text, "expired"));
}

static void few_middles_say_nothing(void **state)
{
	(void)state;
	move(VICTIM, SOURCE, 0, 100, DP_TR_THEFT);
	for (uint32_t k = 0; k < 4; k++) pay(SOURCE, A + k, 10, 25);
	for (uint32_t k = 0; k < 4; k++) pay(A + k, EXCHANGE, 20, 25);
	measure(NULL);
	unknown("retention-p50");
	unknown("fast-middles");
	unknown("pass-through");
	unknown("out-degree-max");
	expect("hops-max", 2);
	expect("service-share", 1000000);
	expect("split-equal", 0); // four parts
}

// What a service or a victim pays, what goes to the spender himself, is no part of the flow.
static void terminals_are_not_looked_behind(void **state)
{
	(void)state;
	five_ways();
	measure(NULL);
	dp_fingerprint before = print;
	pay(EXCHANGE, A + 50, 5 * HOUR, 700);
	pay(VICTIM, A + 51, 5 * HOUR, 700);
	pay(A + 1, A + 1, 5 * HOUR, 700);
	measure(NULL);
	assert_memory_equal(&before, &print, sizeof print);
}

static void money_from_a_bridge_is_in_it_no_more(void **state)
{
	(void)state;
	move(VICTIM, SOURCE, 0, 100, DP_TR_THEFT);
	pay(SOURCE, BRIDGE, 10, 100);
	move(BRIDGE, A, 20, 60, DP_TR_BRIDGE_IN);
	measure(NULL);
	expect("bridge-share", 400000);
	expect("still-share", 600000);
	pay(A, EXCHANGE, 30, 60);
	measure(NULL);
	expect("service-share", 600000);
	expect("still-share", 0);
	expect("hops-max", 3);
}

static void ends_are_told_by_kind(void **state)
{
	(void)state;
	move(VICTIM, SOURCE, 0, 1000, DP_TR_THEFT);
	static const int kind[] = {DP_TR_MIXER, DP_TR_COINJOIN, DP_TR_BURN, DP_TR_RETURNED};
	static const char *const name[] = {"mixer-share", "coinjoin-share", "burn-share",
	                                   "returned-share"};
	for (uint32_t i = 0; i < 4; i++) move(SOURCE, A + i, 10, 100, kind[i]);
	move(SOURCE, SOURCE, 20, 200, DP_TR_FROZEN);
	measure(NULL);
	for (uint32_t i = 0; i < 4; i++) expect(name[i], 100000);
	expect("frozen-share", 200000);
	expect("still-share", 400000);
}

// Inputs of one owner: no transfers, no hop, but money.
static void cospends_join_without_a_hop(void **state)
{
	(void)state;
	move(VICTIM, SOURCE, 0, 100, DP_TR_THEFT);
	move(SOURCE, A, 10, 100, DP_TR_COSPEND);
	pay(A, EXCHANGE, 10, 100);
	measure(NULL);
	assert_int_equal(print.transfers, 1);
	expect("hops-max", 1);
	expect("service-share", 1000000);
}

static void a_clock_ticks_in_constant_gaps(void **state)
{
	(void)state;
	move(VICTIM, SOURCE, 0, 3000, DP_TR_THEFT);
	for (uint32_t i = 0; i < 15; i++) pay(SOURCE, A, 420 * i + (i % 3) * 20, 100);
	for (uint32_t i = 0; i < 15; i++) pay(SOURCE, A, 8000 + 40 * i * i * i, 100);
	measure(NULL);
	dp_feature_value v = dp_fingerprint_value(&print, "regular");
	assert_true(v.known && v.low >= 500000 && v.low <= 600000);
	// START is midnight: the first nine are of the hour of 0 o'clock.
	expect("hour-00", 300000);
	assert_true(dp_fingerprint_value(&print, "office-east").low > 500000);
}

// 100 payments: one of all but 99 cents. Gini 0.99 - 1/100.
static void uneven_parts_are_uneven(void **state)
{
	(void)state;
	move(VICTIM, SOURCE, 0, 1000000, DP_TR_THEFT);
	for (uint32_t i = 0; i < 99; i++) pay(SOURCE, A + i, 10, 0);
	pay(SOURCE, A, 10, 1000000);
	measure(NULL);
	expect("split-gini", 990000);
	expect("split-equal", 0);
}

// More values than are sorted by comparing.
static void many_values_are_ranked_right(void **state)
{
	(void)state;
	move(VICTIM, SOURCE, 0, 1000000, DP_TR_THEFT);
	for (uint32_t i = 0; i < 3000; i++) pay(SOURCE, A, i, i * 7919 % 3000 * 1000 + 1);
	measure(NULL);
	expect("transfer-p50", 149900100);
	expect("transfer-p90", 269900100);
}

// Dollars as ranges: surely small, surely large, perhaps.
static void ranges_of_dollars_give_ranges(void **state)
{
	(void)state;
	five_ways();
	dp_transfer t = {.tx = ++tx, .asset = 1, .time = START + 90000};
	dp_edge e;
	t.src = node(SOURCE);
	t.dst = node(A);
	t.worth_low = 40000000;
	t.worth_high = 60000000;
	assert_int_equal(dp_graph_add(graph, &e, &t, &fault), DP_OK);
	measure(NULL);
	dp_feature_value v = dp_fingerprint_value(&print, "small-value");
	assert_true(v.known && v.high == 1000000);
	assert_int_equal(v.low, 760000); // 1.9 of 1.9 + 0.6 million
	t.worth_high = DP_WORTH_NONE;    // one unknown: no dollars at all
	assert_int_equal(dp_graph_add(graph, &e, &t, &fault), DP_OK);
	measure(NULL);
	unknown("small-value");
	unknown("transfer-p50");
	unknown("worth");
	expect("hops-max", 2);
	expect("service-share", 900000); // by amounts: one asset, and the new transfers have none
}

//- JSON ------------------------------------------------------------------------------------------

static char json[1 << 16];
static size_t json_size;

static dp_code sink(void *context, const char *text, size_t n, dp_fault *f)
{
	(void)context;
	(void)f;
	assert_true(json_size + n < sizeof json);
	memcpy(json + json_size, text, n);
	json_size += n;
	json[json_size] = 0;
	return DP_OK;
}

static void write_json(const dp_fingerprint *f)
{
	dp_json_out out = {.write = sink, .compact_depth = 3};
	json_size = 0;
	dp_fingerprint_write(f, &out);
	assert_int_equal(dp_json_finish(&out), DP_OK);
}

static void what_is_written_is_read_again(void **state)
{
	(void)state;
	five_ways();
	measure(NULL);
	snprintf(print.incident, sizeof print.incident, "a-theft");
	snprintf(print.title, sizeof print.title, "A \"theft\"");
	snprintf(print.source, sizeof print.source, "by hand");
	snprintf(print.attributed, sizeof print.attributed, "nobody");
	dp_feature_value *v = &print.value[dp_feature_index(dp_feature_find("small-value"))];
	v->low = 5;
	dp_fingerprint again;
	write_json(&print);
	assert_int_equal(dp_fingerprint_parse(&again, json, json_size, &fault), DP_OK);
	assert_memory_equal(&again, &print, sizeof print);
}

static void refuse(const char *features, const char *word)
{
	char text[600];
	dp_fingerprint f;
	int n = snprintf(text, sizeof text,
	                 "{\"format\": \"dyepack-fingerprint\", \"version\": 1, %s}", features);
	fault = (dp_fault){0};
	assert_int_equal(dp_fingerprint_parse(&f, text, (size_t)n, &fault), DP_BAD_BYTES);
	if (strstr(fault.text, word) == NULL) fail_msg("no '%s' in: %s", word, fault.text);
}

static void bad_files_are_refused_by_member(void **state)
{
	(void)state;
	dp_fingerprint f;
	assert_int_equal(dp_fingerprint_parse(&f, "[]", 2, &fault), DP_BAD_BYTES);
	assert_int_equal(dp_fingerprint_parse(&f, "{}", 2, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "format"));
	assert_int_equal(dp_fingerprint_parse(&f, "{", 1, &fault), DP_BAD_BYTES);
	static char large[DP_FINGERPRINT_SIZE_MAX + 1];
	assert_int_equal(dp_fingerprint_parse(&f, large, sizeof large, &fault), DP_LIMIT);
	refuse("\"x\": 1", "features");
	refuse("\"features\": {\"retention\": 5}", "\"retention\" is no feature");
	refuse("\"features\": {\"wait\": -5}", "\"wait\" must be a whole number");
	refuse("\"features\": {\"wait\": 1.5}", "whole number");
	refuse("\"features\": {\"wait\": true}", "whole number");
	refuse("\"features\": {\"wait\": \"9007199254740993\"}", "2^53");
	refuse("\"features\": {\"wait\": {\"low\": 5}}", "whole number");
	refuse("\"features\": {\"wait\": {\"low\": 5, \"high\": 4}}", "low end");
	refuse("\"features\": {\"round\": 1000001}", "1000000 at most");
	refuse("\"features\": {\"wait\": 5, \"wait\": 5}", "twice");
	refuse("\"features\": {\"hop-1\": 5}", "all must be known");
	refuse("\"incident\": 5, \"features\": {}", "\"incident\" must be a text");
	refuse("\"incident\": \"a\\nb\", \"features\": {}", "one line");
	refuse("\"from\": \"now\", \"features\": {}", "\"from\" must be a time");
	refuse("\"until\": \"99999999999999\", \"features\": {}", "\"until\" must be");
	refuse("\"addresses\": -1, \"features\": {}", "\"addresses\"");
	refuse("\"title\": \"0123456789012345678901234567890123456789\", \"incident\": "
	       "\"0123456789012345678901234567890123456789012345678901234567890123\", "
	       "\"features\": {}",
	       "too long");
	char second[] = "{\"format\": \"dyepack-fingerprint\", \"version\": 2, \"features\": {}}";
	assert_int_equal(dp_fingerprint_parse(&f, second, sizeof second - 1, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "version"));
}

//- distance --------------------------------------------------------------------------------------

static void give(dp_fingerprint *f, const char *name, int64_t low, int64_t high)
{
	f->value[dp_feature_index(dp_feature_find(name))] =
	    (dp_feature_value){.low = low, .high = high, .known = true};
}

static const dp_distance_part *part_of(const dp_distance *d, const char *feature)
{
	uint32_t count, index = dp_feature_index(dp_feature_find(feature));
	assert_non_null(dp_features(&count));
	for (uint32_t i = 0; i < d->part_count; i++)
		if (index >= d->part[i].feature &&
		    index < d->part[i].feature + d->part[i].feature_count)
			return &d->part[i];
	fail_msg("%s is in no part", feature);
	return NULL;
}

static void distances_are_what_the_scales_say(void **state)
{
	(void)state;
	dp_fingerprint a = {0}, b = {0};
	give(&a, "fast-middles", 860000, 860000); // span 30 points
	give(&b, "fast-middles", 710000, 710000);
	give(&a, "wait", 63, 63); // span 6 doublings: 64 and 512 are 3
	give(&b, "wait", 511, 511);
	give(&a, "small-value", 600000, 600000); // span 40 points
	give(&b, "small-value", 0, 500000);
	dp_distance d = dp_fingerprint_distance(&a, &b);
	assert_int_equal(part_of(&d, "fast-middles")->low, 500);
	assert_int_equal(part_of(&d, "fast-middles")->alike, DP_ALIKE_SOMEWHAT);
	assert_int_equal(part_of(&d, "wait")->high, 500);
	assert_int_equal(part_of(&d, "small-value")->low, 250);
	assert_int_equal(part_of(&d, "small-value")->high, 1000);
	assert_int_equal(part_of(&d, "round")->alike, DP_ALIKE_UNKNOWN);
	// 4 * 500 + 1 * 500 + 4 * 625 of 9
	assert_int_equal(d.middle, (4 * 500 + 500 + 4 * 625) / 9);
	assert_true(d.low < d.middle && d.middle < d.high);
	assert_true(part_of(&d, "small-value")->share > part_of(&d, "fast-middles")->share);
	dp_distance back = dp_fingerprint_distance(&b, &a);
	assert_memory_equal(&d, &back, sizeof d);
}

static void histograms_are_compared_by_what_must_be_moved(void **state)
{
	(void)state;
	dp_fingerprint a = {0}, b = {0};
	static const char *const ends[] = {"still-share",  "service-share", "swap-share",
	                                   "bridge-share", "mixer-share",   "coinjoin-share",
	                                   "burn-share",   "frozen-share",  "returned-share"};
	for (size_t i = 0; i < 9; i++)
		give(&a, ends[i], i == 0 ? 1000000 : 0, i == 0 ? 1000000 : 0);
	dp_distance d = dp_fingerprint_distance(&a, &b);
	assert_int_equal(part_of(&d, "mixer-share")->known_ppm, 0);
	b = a;
	give(&b, "still-share", 700000, 700000);
	give(&b, "mixer-share", 300000, 300000);
	d = dp_fingerprint_distance(&a, &b);
	assert_int_equal(part_of(&d, "mixer-share")->low, 300);
	give(&b, "still-share", 0, 0);
	give(&b, "mixer-share", 1000000, 1000000);
	d = dp_fingerprint_distance(&a, &b);
	assert_int_equal(part_of(&d, "mixer-share")->low, 1000);
	assert_int_equal(part_of(&d, "mixer-share")->alike, DP_ALIKE_NO);
	assert_int_equal(d.middle, 1000);
}

static void nothing_known_is_nothing_said(void **state)
{
	(void)state;
	dp_fingerprint a = {0};
	dp_distance d = dp_fingerprint_distance(&a, &a);
	assert_int_equal(d.low, 0);
	assert_int_equal(d.middle, 500);
	assert_int_equal(d.high, 1000);
	assert_int_equal(d.known_ppm, 0);
}

static void the_table_is_sound(void **state)
{
	(void)state;
	uint32_t count;
	const dp_feature *f = dp_features(&count);
	for (uint32_t i = 0; i < count; i++) {
		assert_ptr_equal(dp_feature_find(f[i].name), &f[i]);
		assert_int_equal(dp_feature_index(&f[i]), i);
		assert_true(f[i].span > 0);
		assert_true(f[i].text[strlen(f[i].text) - 1] == '.');
		for (uint32_t k = 0; k < i; k++) { // a group stands together and has one weight
			if (strcmp(f[i].group, f[k].group) != 0) continue;
			assert_int_equal(f[i].weight, f[k].weight);
			assert_string_equal(f[i].group, f[i - 1].group);
			assert_int_equal(f[i].scale == DP_SCALE_BIN, f[k].scale == DP_SCALE_BIN);
		}
	}
}

static void nothing_is_left_when_memory_runs_out(void **state)
{
	(void)state;
	five_ways();
	int64_t live = dp_mem_live();
	dp_fingerprint_options none = {0};
	for (int64_t n = 0;; n++) {
		dp_mem_fail_after(n);
		dp_code code = dp_fingerprint_of(&print, graph, &none, &fault);
		dp_mem_fail_after(-1);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_OK) break;
		assert_int_equal(code, DP_NO_MEMORY);
		assert_true(n < 20);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_flow_is_measured_as_by_hand),
	    TEST(without_the_thefts_time_nothing_counts_from_it),
	    TEST(what_is_later_is_left_out),
	    TEST(a_flow_needs_a_beginning),
	    TEST(few_middles_say_nothing),
	    TEST(terminals_are_not_looked_behind),
	    TEST(money_from_a_bridge_is_in_it_no_more),
	    TEST(ends_are_told_by_kind),
	    TEST(cospends_join_without_a_hop),
	    TEST(a_clock_ticks_in_constant_gaps),
	    TEST(uneven_parts_are_uneven),
	    TEST(many_values_are_ranked_right),
	    TEST(ranges_of_dollars_give_ranges),
	    TEST(what_is_written_is_read_again),
	    cmocka_unit_test(bad_files_are_refused_by_member),
	    cmocka_unit_test(distances_are_what_the_scales_say),
	    cmocka_unit_test(histograms_are_compared_by_what_must_be_moved),
	    cmocka_unit_test(nothing_known_is_nothing_said),
	    cmocka_unit_test(the_table_is_sound),
	    TEST(nothing_is_left_when_memory_runs_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
