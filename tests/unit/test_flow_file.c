// Verified flows: rows read, sorted, numbered and told; every bad row refused with its place.
// Covers: technique/flow_file.c technique/flow_list.c technique/flow_tell.c technique/flow_class.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "support/flow.h"
#include "technique/flow_file.h"

#define HEAD "Timestamp,Block,Tx_hash,From,From_label,To,To_label,Value_in_USD\n"
#define MOVES "block,time,tx,index,kind,from,to,asset,contract,amount,status,source\n"

static dp_fault fault;
static const dp_flow_options no_options;

static dp_flow_text text(const char *s)
{
	return (dp_flow_text){.text = s, .size = strlen(s)};
}

static dp_flow *parse(const char *edges, const char *sources, const char *terminals)
{
	dp_flow *f = NULL;
	fault = (dp_fault){0};
	if (dp_flow_parse(&f, text(edges), text(sources), text(terminals), &no_options, &fault) !=
	    DP_OK)
		fail_msg("%u:%u %s", fault.line, fault.column, fault.text);
	return f;
}

static void refuse(const char *edges, const char *sources, const char *terminals, uint32_t line,
                   uint32_t column, const char *word)
{
	dp_flow *f = NULL;
	fault = (dp_fault){0};
	assert_int_equal(
	    dp_flow_parse(&f, text(edges), text(sources), text(terminals), &no_options, &fault),
	    DP_BAD_BYTES);
	assert_null(f);
	if (strstr(fault.text, word) == NULL) fail_msg("no '%s' in: %s", word, fault.text);
	assert_int_equal(fault.line, line);
	assert_int_equal(fault.column, column);
}

static dp_graph *fill(dp_flow *f)
{
	dp_graph *g = NULL;
	assert_int_equal(dp_graph_new(&g, dp_flow_edges_needed(f), 0, &fault), DP_OK);
	if (dp_flow_fill(f, g, &fault) != DP_OK) fail_msg("%s", fault.text);
	return g;
}

//- reading ---------------------------------------------------------------------------------------

static void rows_are_sorted_by_block_and_transactions_kept_together(void **state)
{
	(void)state;
	dp_flow *f = parse(HEAD "2023-01-13 20:00:24,102,0xc,c,,d,,1\n"
	                        "2023-01-13 20:00:00,100,0xa,a,,b,,1\n"
	                        "2023-01-13 20:00:12,101,0xb,b,,c,,1\n"
	                        "2023-01-13 20:00:12,101,0xe,b,,d,,1\n"
	                        "2023-01-13 20:00:12,101,0xb,b,,e,,1\n",
	                   "a\n", "");
	static const char *const hash[] = {"0xa", "0xb", "0xb", "0xe", "0xc"};
	static const uint32_t tx[] = {1, 2, 2, 3, 4};
	assert_int_equal(dp_flow_edge_count(f), 5);
	for (uint32_t i = 0; i < 5; i++) {
		assert_string_equal(dp_flow_tx_text(f, i), hash[i]);
		assert_int_equal(dp_flow_edge_at(f, i)->tx, tx[i]);
	}
	assert_int_equal(dp_flow_edge_at(f, 0)->line, 3);
	assert_int_equal(dp_flow_party_count(f), 5);
	assert_string_equal(dp_flow_party_at(f, 0)->address, "a");
	assert_true(dp_flow_party_at(f, 0)->is_source);
	assert_int_equal(dp_flow_party_find(f, "e"), 3); // d is named by a later transaction
	assert_int_equal(dp_flow_party_find(f, "nobody"), UINT32_MAX);
	dp_flow_free(f);
}

static void dollars_are_cut_to_millionths_and_cents(void **state)
{
	(void)state;
	dp_flow *f = parse(HEAD "2023-01-13,1,0x1,a,,b,,347.55300000000005\n"
	                        "2023-01-13,2,0x2,a,,b,,200991.72078\n"
	                        "2023-01-13,3,0x3,a,,b,,0.009999999\n"
	                        "2023-01-13,4,0x4,a,,b,,5.50000000000000\n"
	                        "2023-01-13,5,0x5,a,,b,,7\n",
	                   "a\n", "");
	static const uint64_t amount[] = {347553000, 200991720780, 9999, 5500000, 7000000};
	static const uint64_t cents[] = {34755, 20099172, 0, 550, 700};
	for (uint32_t i = 0; i < 5; i++) {
		const dp_flow_edge *e = dp_flow_edge_at(f, i);
		assert_true(e->amount == amount[i]);
		assert_true(e->worth_low == cents[i] && e->worth_high == cents[i]);
	}
	assert_int_equal(dp_flow_cut(f), 2); // zeros behind the sixth digit are not lost
	dp_flow_free(f);
}

static void evm_addresses_are_one_in_either_case(void **state)
{
	(void)state;
	dp_flow *f =
	    parse(HEAD "2023-01-13,1,0x1,0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2,,"
	               "0xa4b2fd68593b6f34e51cb9edb66e71c1b4ab449e,,1\n"
	               "2023-01-13,2,0x2,0xA4B2FD68593B6F34E51CB9EDB66E71C1B4AB449E,two,b,,1\n",
	          "0x47666fab8bd0ac7003bce3f5c3585383f09486e2\n", "");
	assert_int_equal(dp_flow_party_count(f), 3);
	assert_string_equal(dp_flow_party_at(f, 1)->address,
	                    "0xa4b2fd68593b6f34e51cb9edb66e71c1b4ab449e");
	assert_string_equal(dp_flow_party_at(f, 1)->label, "two");
	assert_true(dp_flow_party_at(f, 0)->is_source);
	static const char upper[] = "0x47666FAB8BD0AC7003BCE3F5C3585383F09486E2";
	assert_true(dp_flow_party_at(f, 0)->key == dp_node_key(upper, sizeof upper - 1));
	dp_flow_free(f);
}

static void what_is_wrong_is_refused_with_its_place(void **state)
{
	(void)state;
	refuse("", "", "", 1, 1, "empty");
	refuse("Timestamp,Block,From,To\n", "", "", 1, 1, "Tx_hash");
	refuse("Timestamp,Block,Tx_hash,From,To\n", "", "", 1, 1, "Value_in_USD");
	refuse(HEAD "yesterday,1,0x1,a,,b,,1\n", "", "", 2, 1, "no time");
	refuse(HEAD "2023-01-13,-1,0x1,a,,b,,1\n", "", "", 2, 12, "block number");
	refuse(HEAD "2023-01-13,1.5,0x1,a,,b,,1\n", "", "", 2, 12, "block number");
	refuse(HEAD "2023-01-13,1,,a,,b,,1\n", "", "", 2, 14, "must not be empty");
	refuse(HEAD "2023-01-13,1,0x1,,,b,,1\n", "", "", 2, 18, "1 to 128");
	refuse(HEAD "2023-01-13,1,0x1,a,,b,,1e5\n", "", "", 2, 24, "no plain decimal");
	refuse(HEAD "2023-01-13,1,0x1,a,,b,,-3\n", "", "", 2, 24, "no plain decimal");
	refuse(HEAD "2023-01-13,1,0x1,a,,b,,99999999999999999999\n", "", "", 2, 24, "2^64");
	refuse(HEAD "2023-01-13,1,0x1,a,,b,,.\n", "", "", 2, 24, "no plain decimal");
	refuse(HEAD "2023-01-13,1,0x1,a,\x01,b,,1\n", "", "", 2, 20, "UTF-8");
	refuse(HEAD "2023-01-13,1,0x1,a,,b,,1,more\n", "", "", 2, 1, "9 fields");
	refuse(HEAD "2023-01-13,1,0x1,0x47666FAb8bd0Ac7003bce3f5C3585383F09486E2,,b,,1\n", "", "",
	       2, 18, "mistyped");
	refuse(HEAD "2023-01-13,1,0x1,a,,b,,1\n2023-01-14,2,0x1,a,,b,,1\n", "", "", 3, 1,
	       "this transaction is in block 2");
	refuse(HEAD "2023-01-13,2,0x1,a,,b,,1\n2023-01-14,1,0x2,a,,b,,1\n", "", "", 2, 1,
	       "its time is not");
	refuse(HEAD "2023-01-13,1,0x1,a,,b,,1\n", "a\n", "b\na\n", 2, 1, "a source and a terminal");
	assert_string_equal(fault.file, "");
	refuse(HEAD "2023-01-13,1,0x1,a,,b,,1\n", "a\n\" \"\n", "", 2, 1, "1 to 128");
	assert_string_equal(fault.file, "sources");
}

static void a_flow_without_sources_or_rows_cannot_be_told(void **state)
{
	(void)state;
	dp_flow *f = parse(HEAD "2023-01-13,1,0x1,a,,b,,1\n", "", "");
	dp_graph *g;
	assert_int_equal(dp_graph_new(&g, 8, 0, &fault), DP_OK);
	assert_int_equal(dp_flow_fill(f, g, &fault), DP_BAD_CASE);
	assert_non_null(strstr(fault.text, "sources.csv"));
	assert_int_equal(dp_flow_mark_source(f, "x", &fault), DP_NOT_FOUND);
	assert_int_equal(dp_flow_mark_terminal(f, "b", &fault), DP_OK);
	assert_int_equal(dp_flow_mark_source(f, "b", &fault), DP_BAD_CASE);
	assert_int_equal(dp_flow_mark_source(f, "a", &fault), DP_OK);
	assert_int_equal(dp_flow_fill(f, g, &fault), DP_OK);
	dp_graph_free(g);
	dp_flow_free(f);
	f = parse(HEAD, "a\n", "");
	assert_int_equal(dp_graph_new(&g, 8, 0, &fault), DP_OK);
	assert_int_equal(dp_flow_fill(f, g, &fault), DP_BAD_CASE);
	dp_graph_free(g);
	dp_flow_free(f);
	assert_int_equal(dp_flow_open(&f, "tests/unit", &no_options, &fault), DP_NOT_FOUND);
	assert_string_equal(fault.file, "tests/unit");
}

// Tokens, calls without value and what failed are not taken; amounts are coins, worth a range.
static void movements_give_the_coin_alone(void **state)
{
	(void)state;
	dp_flow *f = NULL;
	dp_flow_options options = {.coin_low = 190000, .coin_high = 290000};
	const char *rows =
	    MOVES "7,2025-02-21T14:29:47Z,0x1,0,native,a,b,ETH,,1.5,ok,\n"
	          "7,2025-02-21T14:29:47Z,0x2,0,native,a,b,ETH,,0.0,ok,\n"
	          "7,2025-02-21T14:29:47Z,0x3,0,token,a,b,ETH,0xfa,9,ok,\n"
	          "7,2025-02-21T14:29:47Z,0x4,0,native,a,b,ETH,,9,failed,\n"
	          "8,2025-02-21T14:30:47Z,0x5,0,internal,a,c,ETH,,0.0000000019,ok,\n";
	assert_int_equal(
	    dp_flow_parse(&f, text(rows), text("Address\na\n"), text(""), &options, &fault), DP_OK);
	assert_int_equal(dp_flow_edge_count(f), 2);
	assert_int_equal(dp_flow_skipped(f), 3);
	assert_int_equal(dp_flow_cut(f), 1);
	const dp_flow_edge *e = dp_flow_edge_at(f, 0);
	assert_true(e->amount == 1500000000);
	assert_true(e->worth_low == 285000 && e->worth_high == 435000);
	e = dp_flow_edge_at(f, 1);
	assert_true(e->amount == 1 && e->worth_low == 0 && e->worth_high == 1);
	dp_flow_free(f);
	refuse(MOVES "7,2025-02-21T14:29:47Z,0x1,0,native,a,b,ETH,,1.5,ok,\n"
	             "7,2025-02-21T14:29:47Z,0x2,0,native,a,b,BNB,,1.5,ok,\n",
	       "", "", 3, 41, "another asset");
}

// Two hundred rows of all the coins that fit: their sum times a price does not fit any more.
static void a_theft_beyond_all_measure_is_worth_the_most_there_is(void **state)
{
	(void)state;
	dp_flow *f = NULL;
	dp_graph *g = NULL;
	dp_flow_options options = {.coin_low = 10000000, .coin_high = 10000000};
	static char rows[1 << 16];
	size_t n = (size_t)snprintf(rows, sizeof rows, "%s", MOVES);
	for (int i = 0; i < 203; i++)
		n += (size_t)snprintf(rows + n, sizeof rows - n,
		                      "7,2025-02-21T14:29:47Z,0x%d,0,native,a,b%d,ETH,,"
		                      "18446744073.7,ok,\n",
		                      i, i);
	assert_true(n < sizeof rows);
	assert_int_equal(
	    dp_flow_parse(&f, text(rows), text("Address\na\n"), text(""), &options, &fault), DP_OK);
	assert_int_equal(dp_graph_new(&g, dp_flow_edges_needed(f), 0, &fault), DP_OK);
	assert_int_equal(dp_flow_fill(f, g, &fault), DP_OK);
	const dp_transfer *theft = dp_graph_edge(g, 1);
	assert_int_equal(theft->kind, DP_TR_THEFT);
	assert_true(theft->worth_low == DP_WORTH_NONE - 1);
	assert_true(theft->worth_high == DP_WORTH_NONE - 1);
	assert_string_equal(dp_flow_asset(f), "ETH");
	dp_graph_free(g);
	dp_flow_free(f);
}

//- telling ---------------------------------------------------------------------------------------

// s pays 100 to m; m has 300 of his own money from elsewhere (x); m pays 200 to t, 200 to u.
static void loot_is_shared_out_by_haircut_and_hops_counted_in_time(void **state)
{
	(void)state;
	dp_flow *f = parse(HEAD "2023-01-13,1,0x1,s,,m,,100\n"
	                        "2023-01-13,2,0x2,x,,m,,300\n"
	                        "2023-01-13,3,0x3,m,,t,HTX 34,200\n"
	                        "2023-01-13,4,0x4,m,,u,,200\n"
	                        "2023-01-13,5,0x5,m,,u,,50\n",
	                   "s\n", "t\n");
	dp_graph *g = fill(f);
	assert_int_equal(dp_graph_last(g), 6);
	const dp_transfer *t = dp_graph_edge(g, 1);
	assert_int_equal(t->kind, DP_TR_THEFT);
	assert_true(t->amount == 100000000 && t->worth_low == 10000 && t->worth_high == 10000);
	assert_true(t->loot == DP_LOOT_WHOLE && t->ref == UINT64_MAX);
	assert_int_equal(dp_graph_node_at(g, t->src)->role, DP_NODE_VICTIM);
	static const uint64_t loot[] = {DP_LOOT_WHOLE, 0, DP_LOOT_WHOLE / 2, DP_LOOT_WHOLE / 2, 0};
	static const uint32_t hop[] = {1, 0, 2, 2, 2};
	for (uint32_t i = 0; i < 5; i++) {
		t = dp_graph_edge(g, i + 2);
		assert_true(t->loot == loot[i] && t->hop == hop[i] && t->ref == i);
		assert_true(dp_flow_edge_at(f, i)->loot == loot[i]);
		assert_int_equal(t->tx, i + 2);
	}
	t = dp_graph_edge(g, 4);
	assert_int_equal(t->kind, DP_TR_SERVICE);
	assert_true(t->venue != 0);
	assert_int_equal(dp_graph_node_at(g, t->dst)->role, DP_NODE_SERVICE);
	assert_int_equal(t->flags & DP_TRF_FRESH, 0);
	assert_int_equal(dp_graph_edge(g, 5)->flags & DP_TRF_FRESH, DP_TRF_FRESH);
	assert_int_equal(dp_graph_edge(g, 6)->flags & DP_TRF_FRESH, 0);
	dp_graph_free(g);
	dp_flow_free(f);
}

// Two sources in one transaction, one of which also pays the other; one that never pays.
static void thefts_come_before_their_transaction(void **state)
{
	(void)state;
	dp_flow *f = parse(HEAD "2023-01-13,1,0x1,a,,m,,30\n"
	                        "2023-01-13,1,0x1,b,,m,,70\n"
	                        "2023-01-13,2,0x2,a,,b,,20\n"
	                        "2023-01-13,3,0x3,a,,c,,50\n",
	                   "a\nb\nc\nnobody\n", "");
	dp_graph *g = fill(f);
	static const uint8_t kind[] = {DP_TR_THEFT, DP_TR_THEFT, DP_TR_MOVE, DP_TR_MOVE,
	                               DP_TR_MOVE,  DP_TR_THEFT, DP_TR_MOVE};
	static const uint32_t tx[] = {1, 2, 3, 3, 4, 5, 6};
	uint64_t loot = 0;
	assert_int_equal(dp_graph_last(g), 7);
	for (dp_edge e = 1; e <= 7; e++) {
		const dp_transfer *t = dp_graph_edge(g, e);
		assert_int_equal(t->kind, kind[e - 1]);
		assert_int_equal(t->tx, tx[e - 1]);
		if (t->kind == DP_TR_THEFT) loot += t->loot;
	}
	assert_true(loot == DP_LOOT_WHOLE);
	assert_true(dp_graph_edge(g, 1)->amount == 100000000); // a: pays 100, gets nothing
	assert_true(dp_graph_edge(g, 2)->amount == 50000000);  // b: pays 70, gets 20
	assert_true(dp_graph_edge(g, 6)->amount == 0);         // c: pays nothing
	dp_graph_free(g);
	dp_flow_free(f);
}

static void terminals_without_a_known_name_stay_wallets(void **state)
{
	(void)state;
	dp_flow *f = parse(HEAD "2023-01-13,1,0x1,s,,m,Binance_Deposit_0x66b2,9\n"
	                        "2023-01-13,2,0x2,m,,o,Harmony Bridge Hacker 45,4\n"
	                        "2023-01-13,3,0x3,m,,n,,2\n"
	                        "2023-01-13,4,0x4,m,,t,Tornado.Cash: Router,1\n",
	                   "s\n", "o\nn\nt\n");
	dp_graph *g = fill(f);
	uint32_t ends[4];
	assert_int_equal(dp_flow_own_ends(f, g, ends, 4), 2);
	for (int i = 0; i < 2; i++)
		assert_int_equal(dp_graph_node_at(g, ends[i])->role, DP_NODE_WALLET);
	// A customer's deposit address is no end: the list shows it paying on.
	assert_int_equal(dp_graph_edge(g, 2)->kind, DP_TR_MOVE);
	assert_int_equal(dp_graph_edge(g, 5)->kind, DP_TR_MIXER);
	dp_graph_free(g);
	dp_flow_free(f);
}

// What a mine is told is what a graph is told, and evidence leads back to the rows.
static void a_mine_is_told_the_same(void **state)
{
	(void)state;
	char edges[4000];
	size_t n = (size_t)snprintf(edges, sizeof edges, "%s", HEAD);
	for (int i = 0; i < 12; i++)
		n += (size_t)snprintf(edges + n, sizeof edges - n,
		                      "2023-01-13 20:%02d:00,%d,0x%d,s,,m%d,,100000\n", i, i, i, i);
	dp_flow *f = parse(edges, "s\n", "");
	dp_graph *g = fill(f);
	dp_mine *m = t_flow_mine(NULL, 0, 0, true, 0);
	if (dp_flow_feed(f, m, &fault) != DP_OK) fail_msg("%s", fault.text);
	const dp_graph *mined = dp_mine_graph(m);
	assert_int_equal(dp_graph_last(mined), dp_graph_last(g));
	for (dp_edge e = 1; e <= dp_graph_last(g); e++)
		assert_memory_equal(dp_graph_edge(mined, e), dp_graph_edge(g, e),
		                    sizeof(dp_transfer));
	const dp_finding *fan = t_flow_first(m, "fan-out");
	assert_non_null(fan);
	assert_int_equal(fan->edge_count, 12);
	uint32_t at = 0;
	while (dp_mine_finding(m, at) != fan) at++;
	const dp_mine_edge *said = dp_mine_evidence(m, at);
	for (uint32_t i = 0; i < 12; i++)
		assert_string_equal(dp_flow_tx_text(f, (uint32_t)said[i].ref),
		                    dp_flow_tx_text(f, i));
	dp_mine_free(m);
	dp_graph_free(g);
	dp_flow_free(f);
}

static void labels_are_read_by_whole_words(void **state)
{
	(void)state;
	static const struct {
		const char *label;
		int role;
		const char *venue;
	} rows[] = {
	    {"Tornado.Cash: Router", DP_NODE_MIXER, "Tornado Cash"},
	    {"RAILGUN: relay", DP_NODE_MIXER, "Railgun"},
	    {"Harmony Bridge Hacker 45", DP_NODE_WALLET, ""},
	    {"Avalanche: Bridge", DP_NODE_BRIDGE, "Avalanche bridge"},
	    {"Hop", DP_NODE_BRIDGE, "Hop"},
	    {"Huobi_Deposit_0x09c9", DP_NODE_SERVICE, "HTX"},
	    {"HTX 34", DP_NODE_SERVICE, "HTX"},
	    {"eXch", DP_NODE_SERVICE, "eXch"},
	    {"CoW Protocol: Settlement", DP_NODE_VENUE, "CoW"},
	    {"Null: 0x000", DP_NODE_BURN, ""},
	    {"Hope Foundation", -1, ""},
	    {"Investigate", -1, ""},
	    {"", -1, ""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const dp_flow_class *c = dp_flow_classify(rows[i].label, strlen(rows[i].label));
		if (rows[i].role < 0) {
			assert_null(c);
			continue;
		}
		if (c == NULL) fail_msg("%s is not known", rows[i].label);
		assert_int_equal(c->role, rows[i].role);
		assert_string_equal(c->venue, rows[i].venue);
	}
	uint32_t count;
	const dp_flow_class *c = dp_flow_classes(&count);
	for (uint32_t i = 0; i < count; i++) // a word is no part of the table twice
		for (uint32_t k = 0; k < i; k++) assert_string_not_equal(c[i].word, c[k].word);
}

static void nothing_is_left_when_memory_runs_out(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	const char *edges = HEAD "2023-01-13,1,0x1,s,,m,,9\n2023-01-13,2,0x2,m,HTX,o,,4\n";
	for (int64_t n = 0;; n++) {
		dp_flow *f = NULL;
		dp_graph *g = NULL;
		dp_mem_fail_after(n);
		dp_code code =
		    dp_flow_parse(&f, text(edges), text("s\n"), text("o\n"), &no_options, &fault);
		if (code == DP_OK) code = dp_graph_new(&g, 8, 0, &fault);
		if (code == DP_OK) code = dp_flow_fill(f, g, &fault);
		dp_mem_fail_after(-1);
		dp_graph_free(g);
		dp_flow_free(f);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_OK) break;
		assert_int_equal(code, DP_NO_MEMORY);
		assert_true(n < 200);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows_are_sorted_by_block_and_transactions_kept_together),
	    cmocka_unit_test(dollars_are_cut_to_millionths_and_cents),
	    cmocka_unit_test(evm_addresses_are_one_in_either_case),
	    cmocka_unit_test(what_is_wrong_is_refused_with_its_place),
	    cmocka_unit_test(a_flow_without_sources_or_rows_cannot_be_told),
	    cmocka_unit_test(movements_give_the_coin_alone),
	    cmocka_unit_test(a_theft_beyond_all_measure_is_worth_the_most_there_is),
	    cmocka_unit_test(loot_is_shared_out_by_haircut_and_hops_counted_in_time),
	    cmocka_unit_test(thefts_come_before_their_transaction),
	    cmocka_unit_test(terminals_without_a_known_name_stay_wallets),
	    cmocka_unit_test(a_mine_is_told_the_same),
	    cmocka_unit_test(labels_are_read_by_whole_words),
	    cmocka_unit_test(nothing_is_left_when_memory_runs_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
