// Results and their five formats: figures come from the casebook's rows and are added up anew, so a
// row that was tampered with shows; equal splits and decoys are counted; hostile names cannot break
// a format. Covers: report/result.c report/notes.c report/out.c report/text.c report/json.c
// report/csv.c Covers: report/dot.c report/graphml.c
// Covers: casebook/unknown.c
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
#include "casebook/sql.h"
#include "codec/json.h"
#include "report/private.h"
#include "report/result.h"
#include "source/csv.h"

#define THIEF "0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2"

static const char yaml[] =
    "incident: test\n"
    "title: \"A <title> with & and \\\"quotes\\\"\"\n"
    "chain: ethereum\n"
    "stolen:\n"
    "  - {address: '" THIEF "', asset: eth, amount: '100', block: 1}\n"
    "services:\n"
    "  - {address: '0x28C6c06298d514Db089934071355E5743bf21d60', name: 'Shop, \"the\" best'}\n";

// Six wallets get 10 ether each, one decoy copies that under a Cyrillic name, one transfer of
// nothing genuine, 5 go to a service, 1 is a fee, 2 are burnt; one wallet sends more than it got.
static const char movements[] =
    "block,time,tx,from,to,asset,contract,amount,kind\n"
    "1,2025-01-01T00:00:00Z,0x01,T,0x1000000000000000000000000000000000000001,eth,,10,native\n"
    "1,2025-01-01T00:00:00Z,0x02,T,0x1000000000000000000000000000000000000002,eth,,10,native\n"
    "1,2025-01-01T00:00:00Z,0x03,T,0x1000000000000000000000000000000000000003,eth,,10,native\n"
    "1,2025-01-01T00:00:00Z,0x04,T,0x1000000000000000000000000000000000000004,eth,,10,native\n"
    "2,2025-01-01T00:00:12Z,0x05,T,0x1000000000000000000000000000000000000005,eth,,10,native\n"
    "2,2025-01-01T00:00:12Z,0x06,T,0x1000000000000000000000000000000000000006,eth,,10,native\n"
    "2,2025-01-01T00:00:12Z,0x07,T,0x100ffffffffffffffffffffffffffffffffff001,"
    "\u0415\u0422\u041d,0x0d99217c4084b141dcab56d83693994ba8fda911,10,token\n"
    "2,2025-01-01T00:00:12Z,0x08,T,0x1000000000000000000000000000000000000009,USDT,"
    "0xdAC17F958D2ee523a2206206994597C13D831ec7,0,token\n"
    "3,2025-01-01T00:00:24Z,0x09,T,0x28C6c06298d514Db089934071355E5743bf21d60,eth,,5,native\n"
    "3,2025-01-01T00:00:24Z,0x09,T,,eth,,1,fee\n"
    "3,2025-01-01T00:00:24Z,0x0a,T,0x0000000000000000000000000000000000000000,eth,,2,native\n"
    "4,2025-01-01T00:00:36Z,0x0b,0x1000000000000000000000000000000000000001,"
    "0x1000000000000000000000000000000000000007,eth,,11.5,native\n";

struct fixture {
	dp_case c;
	dp_engine *e;
	dp_casebook *book;
};

// The rows with T and short transaction ids written out.
static char *spelled_out(void)
{
	char *out = calloc(1, 16384);
	for (const char *p = movements; *p != 0; p++) {
		size_t n = strlen(out);
		if (strncmp(p, ",0x0", 4) == 0 && p[5] == ',') {
			(void)snprintf(out + n, 16384 - n, ",0x%062d%.2s", 0, p + 3);
			p += 4;
		} else if (strncmp(p, ",T,", 3) == 0) {
			(void)snprintf(out + n, 16384 - n, "," THIEF);
			p += 1;
		} else {
			out[n] = *p;
		}
	}
	return out;
}

static int make(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	dp_fault fault = {0};
	char *text = spelled_out();
	dp_csv_bytes file = {"test.csv", text, strlen(text)};
	dp_source_options so = {.chain = dp_chain_find("ethereum", 8)};
	dp_source *source = NULL;
	const dp_case *cases[1] = {&f->c};
	dp_engine_options eo = {
	    .policy = &dp_policy_fifo, .chain = so.chain, .track_openings = true};
	bool resumed;
	if (dp_case_parse(&f->c, yaml, sizeof yaml - 1, &fault) != DP_OK ||
	    dp_csv_source_open_bytes(&source, &file, 1, &so, &fault) != DP_OK ||
	    dp_engine_new(&f->e, &eo, cases, 1, &fault) != DP_OK ||
	    dp_casebook_open(&f->book, ":memory:", true, &fault) != DP_OK ||
	    dp_casebook_begin(f->book, f->e, &eo, 1, &resumed, &fault) != DP_OK)
		fail_msg("%s", fault.text);
	const dp_block *b;
	dp_code code;
	while ((code = dp_source_next(source, &b, &fault)) == DP_OK) {
		code = dp_engine_apply(f->e, b, &fault);
		if (code == DP_OK) code = dp_casebook_record(f->book, f->e, b, &fault);
		if (code != DP_OK) break;
	}
	if (code == DP_END) code = dp_casebook_commit(f->book, &fault);
	if (code != DP_OK) fail_msg("%s", fault.text);
	dp_source_close(source);
	free(text);
	*state = f;
	return 0;
}

static int done(void **state)
{
	struct fixture *f = *state;
	dp_casebook_close(f->book);
	dp_engine_free(f->e);
	dp_case_done(&f->c);
	free(f);
	return 0;
}

static dp_result *load(struct fixture *f)
{
	dp_result *r;
	dp_fault fault = {0};
	if (dp_result_load(&r, f->book, "test", &fault) != DP_OK) fail_msg("%s", fault.text);
	return r;
}

static void is_ether(dp_u256 v, const char *want)
{
	char text[DP_U256_DEC_MAX];
	dp_u256_format(text, v, 18);
	assert_string_equal(text, want);
}

//- figures ---------------------------------------------------------------------------------------

static void every_stolen_unit_is_in_one_bucket(void **state)
{
	dp_result *r = load(*state);
	assert_true(r->conserved);
	assert_int_equal(r->stolen_count, 1);
	const dp_result_stolen *t = &r->stolen[0];
	is_ether(t->units, "100");
	is_ether(t->bucket[DP_BUCKET_HELD], "92");
	is_ether(t->bucket[DP_BUCKET_SERVICE], "5");
	is_ether(t->bucket[DP_BUCKET_FEE], "1");
	is_ether(t->bucket[DP_BUCKET_BURNT], "2");
	assert_int_equal(r->arrival_count, 1);
	assert_string_equal(r->arrival[0].service, "Shop, \"the\" best");
	assert_int_equal(r->arrival[0].hop, 1);
	dp_result_free(r);
}

static void holders_are_sorted_by_origin_then_address(void **state)
{
	dp_result *r = load(*state);
	assert_int_equal(r->holder_count, 7);
	assert_string_equal(r->holder[0].address, THIEF);
	is_ether(r->holder[0].units, "32");
	for (uint32_t i = 2; i < r->holder_count; i++)
		assert_true(strcmp(r->holder[i - 1].address, r->holder[i].address) < 0);
	dp_result_free(r);
}

static void equal_split_is_counted_with_and_without_its_decoy(void **state)
{
	dp_result *r = load(*state);
	assert_int_equal(r->split_count, 1);
	assert_int_equal(r->split[0].count, 6);
	assert_int_equal(r->split[0].naive_count, 7);
	assert_int_equal(r->noise.transfers, 2);
	assert_int_equal(r->noise.counterfeit, 1);
	assert_int_equal(r->noise.zero_value, 1);
	assert_int_equal(r->noise.lookalikes, 1); // the first and last three digits of a wallet
	is_ether(r->noise.claimed[0], "10");
	dp_result_free(r);
}

static void what_left_beyond_what_came_in_is_uncovered(void **state)
{
	dp_result *r = load(*state);
	assert_int_equal(r->uncovered_count, 1);
	is_ether(r->uncovered[0].units, "1.5");
	dp_result_free(r);
}

// I-2, I-6: the verdict is computed from the rows. Whoever changes one row is found out.
static void a_tampered_row_breaks_the_sum(void **state)
{
	static const char *const tamper[] = {
	    "update flow set origin='999' where dst=-7",
	    "update parcel set origin='1' where no=4",
	    "delete from parcel where no=3",
	    "delete from flow where dst=-3",
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof tamper / sizeof *tamper; i++) {
		assert_int_equal(dp_sql_run(dp_casebook_db(f->book), "savepoint s", NULL), DP_OK);
		assert_int_equal(dp_sql_run(dp_casebook_db(f->book), tamper[i], NULL), DP_OK);
		dp_result *r = load(f);
		assert_false(r->conserved);
		dp_result_free(r);
		assert_int_equal(dp_sql_run(dp_casebook_db(f->book), "rollback to s", NULL), DP_OK);
	}
}

static void unknown_case_names_those_there_are(void **state)
{
	struct fixture *f = *state;
	dp_result *r;
	dp_fault fault = {0};
	assert_int_equal(dp_result_load(&r, f->book, "tset", &fault), DP_NOT_FOUND);
	assert_non_null(strstr(fault.text, "(did you mean 'test'?): it has test"));
}

//- formats ---------------------------------------------------------------------------------------

struct sink {
	char *text;
	size_t size, fail_at;
};

static dp_code collect(void *context, const char *text, size_t n, dp_fault *fault)
{
	struct sink *s = context;
	if (s->fail_at > 0 && s->size + n > s->fail_at) return dp_fail(fault, DP_IO, "disk full");
	s->text = realloc(s->text, s->size + n + 1);
	memcpy(s->text + s->size, text, n);
	s->size += n;
	s->text[s->size] = 0;
	return DP_OK;
}

static dp_code print(const dp_result *r, int format, const dp_sink *w, dp_fault *fault)
{
	switch (format) {
	case 0: return dp_report_text(r, w, fault);
	case 1: return dp_report_json(&r, 1, w, fault);
	case 2: return dp_report_csv(r, w, true, fault);
	case 3: return dp_report_dot(r, w, fault);
	default: return dp_report_graphml(r, w, fault);
	}
}

static char *printed(const dp_result *r, int format)
{
	struct sink s = {0};
	dp_sink w = {collect, &s};
	dp_fault fault = {0};
	if (print(r, format, &w, &fault) != DP_OK) fail_msg("%s", fault.text);
	return s.text;
}

static void text_says_the_main_things(void **state)
{
	dp_result *r = load(*state);
	char *text = printed(r, 0);
	assert_non_null(strstr(text, "100 ETH"));
	assert_non_null(strstr(text, "the books add up to the last unit"));
	assert_non_null(strstr(text, "6 wallets got exactly 10 ETH from 0x47666F..9486E2"));
	assert_non_null(strstr(text, "counts 7"));
	assert_non_null(strstr(text, "1.5 ETH"));
	for (const char *line = text; line != NULL && *line != 0;) {
		const char *end = strchr(line, '\n');
		assert_true(end != NULL && end - line <= 110);
		line = end + 1;
	}
	free(text);
	dp_result_free(r);
}

static void json_is_read_back_with_every_amount_a_string(void **state)
{
	dp_result *r = load(*state);
	char *text = printed(r, 1);
	dp_json *doc;
	dp_fault fault = {0};
	if (dp_json_parse(&doc, text, strlen(text), &fault) != DP_OK) fail_msg("%s", fault.text);
	bool conserved = false;
	assert_true(dp_json_bool(dp_json_get(doc, "conserved"), &conserved) && conserved);
	assert_string_equal(dp_json_text(dp_json_get(dp_json_get(doc, "buckets"), "held")),
	                    "92000000000000000000");
	assert_string_equal(dp_json_text(dp_json_get(doc, "title")),
	                    "A <title> with & and \"quotes\"");
	const dp_json *holder = dp_json_first(dp_json_get(doc, "holders"));
	assert_string_equal(dp_json_text(dp_json_get(holder, "amount")), "32000000000000000000");
	assert_string_equal(dp_json_text(dp_json_get(holder, "asset")), "eip155:1/slip44:60");
	dp_json_free(doc);
	free(text);
	dp_result_free(r);
}

static void csv_has_as_many_fields_in_every_row(void **state)
{
	dp_result *r = load(*state);
	char *text = printed(r, 2);
	assert_non_null(strstr(text, "\"Shop, \"\"the\"\" best\""));
	for (const char *line = text; *line != 0;) {
		const char *end = strchr(line, '\n');
		assert_non_null(end);
		int commas = 0;
		bool quoted = false;
		for (const char *p = line; p < end; p++) {
			if (*p == '"') quoted = !quoted;
			commas += *p == ',' && !quoted;
		}
		assert_int_equal(commas, 15);
		line = end + 1;
	}
	free(text);
	dp_result_free(r);
}

static void graphs_draw_equal_leaves_as_one_and_keep_all_for_programs(void **state)
{
	dp_result *r = load(*state);
	char *dot = printed(r, 3), *xml = printed(r, 4);
	assert_non_null(strstr(dot, "5 wallets\\neach exactly 10 ETH"));
	assert_null(strstr(dot, "<title>"));
	int nodes = 0;
	for (const char *p = xml; (p = strstr(p, "<node id=\"h")) != NULL; p++) nodes++;
	assert_int_equal(nodes, 8);
	free(dot);
	free(xml);
	dp_result_free(r);
}

static void a_full_disk_is_an_error_at_any_byte(void **state)
{
	dp_result *r = load(*state);
	for (int format = 0; format < 5; format++) {
		char *whole = printed(r, format);
		size_t size = strlen(whole);
		free(whole);
		for (size_t at = 1; at < size; at += size / 23 + 1) {
			struct sink s = {.fail_at = at};
			dp_sink w = {collect, &s};
			dp_fault fault = {0};
			assert_int_equal(print(r, format, &w, &fault), DP_IO);
			free(s.text);
		}
	}
	dp_result_free(r);
}

static void amounts_are_grouped_and_cut_without_rounding_up(void **state)
{
	(void)state;
	char text[DP_AMOUNT_TEXT_MAX];
	dp_asset eth = dp_asset_native(dp_chain_find("ethereum", 8));
	dp_u256 v;
	assert_int_equal(dp_u256_parse(&v, "1234567.999999", 14, 18, NULL), DP_OK);
	assert_string_equal(dp_amount_text(text, v, eth), "1,234,567.999999");
	assert_string_equal(dp_amount_short(text, v, eth, 2), "~1,234,567.99");
	assert_int_equal(dp_u256_parse(&v, "0.00000000012", 13, 18, NULL), DP_OK);
	assert_string_equal(dp_amount_short(text, v, eth, 2), "~0.0000000001");
	assert_string_equal(dp_amount_short(text, DP_U256_ZERO, eth, 2), "0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_stolen_unit_is_in_one_bucket),
	    cmocka_unit_test(holders_are_sorted_by_origin_then_address),
	    cmocka_unit_test(equal_split_is_counted_with_and_without_its_decoy),
	    cmocka_unit_test(what_left_beyond_what_came_in_is_uncovered),
	    cmocka_unit_test(a_tampered_row_breaks_the_sum),
	    cmocka_unit_test(unknown_case_names_those_there_are),
	    cmocka_unit_test(text_says_the_main_things),
	    cmocka_unit_test(json_is_read_back_with_every_amount_a_string),
	    cmocka_unit_test(csv_has_as_many_fields_in_every_row),
	    cmocka_unit_test(graphs_draw_equal_leaves_as_one_and_keep_all_for_programs),
	    cmocka_unit_test(a_full_disk_is_an_error_at_any_byte),
	    cmocka_unit_test(amounts_are_grouped_and_cut_without_rounding_up),
	};
	return cmocka_run_group_tests(tests, make, done);
}
