// The watch: what is told of a block, of which case, once. Real engines on small blocks of three
// chains (support/links_world.h), recorded in a casebook.
// Covers: alert/watch.c alert/watch_find.c alert/watch_facts.c
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
#include <unistd.h>

#include "alert/watch.h"
#include "base/mem.h"
#include "codec/json.h"
#include "support/links_world.h"
#include "support/rows.h"

//- a desk that is told ---------------------------------------------------------------------------

static lw_world *w;
static dp_alert_rules rules;
static dp_tags *tags;
static dp_advice *advice;
static dp_watch *watch;
static uint32_t raised;  // revisions so far
static bool is_muted[2]; // of the first and the second case
static char told[300];   // the last line for people

// What a contract was asked, and what it says.
static struct asked {
	uint32_t count;
	uint8_t to[20], data[36];
	size_t size;
	bool knows, is_frozen;
	dp_code code;
} asked;

static dp_code ask(void *context, bool *ret_known, uint8_t ret_word[32], const dp_chain *chain,
                   const uint8_t to[20], const uint8_t *data, size_t size, dp_fault *fault)
{
	(void)context;
	assert_string_equal(chain->caip2, "eip155:1");
	assert_int_equal(size, 36);
	asked.count++;
	asked.size = size;
	memcpy(asked.to, to, 20);
	memcpy(asked.data, data, 36);
	// Whoever fails may have written anything before.
	*ret_known = asked.knows;
	memset(ret_word, 0, 32);
	ret_word[31] = asked.is_frozen;
	return asked.code == DP_OK ? DP_OK : dp_fail(fault, asked.code, "no answer");
}

static void hear(void *context, const dp_alert *alert, const char *line)
{
	(void)context;
	assert_true(alert->revision == 0 || alert->revision > 0);
	(void)snprintf(told, sizeof told, "%s", line);
}

static bool mutes(void *context, const char *incident)
{
	(void)context;
	for (uint32_t i = 0; i < w->case_count; i++)
		if (strcmp(w->cases[i].incident, incident) == 0) return is_muted[i];
	return false;
}

static void must(dp_code code, const dp_fault *fault)
{
	if (code != DP_OK) fail_msg("%u:%u: %s", fault->line, fault->column, fault->text);
}

static int start(void **state)
{
	(void)state;
	w = lw_new();
	raised = 0;
	asked = (struct asked){0};
	is_muted[0] = is_muted[1] = false;
	told[0] = 0;
	return 0;
}

static int end(void **state)
{
	(void)state;
	dp_watch_free(watch);
	watch = NULL;
	lw_free(w);
	dp_alert_rules_done(&rules);
	rules = (dp_alert_rules){0};
	dp_tags_free(tags);
	tags = NULL;
	dp_advice_free(advice);
	advice = NULL;
	return 0;
}

// A case whose first theft of `amount` of `symbol` lies with `who` from Ethereum's first block on.
static void theft(const char *incident, const char *who, const char *symbol, const char *amount,
                  const char *more)
{
	char text[8192];
	(void)snprintf(text, sizeof text,
	               "incident: %s\ntitle: A theft\nchain: ethereum\npolicy: fifo\nstolen:\n"
	               "  - {address: '%s', asset: %s, amount: '%s', block: 100}\n%s",
	               incident, lw_hex(who), symbol, amount, more);
	lw_case(w, text);
}

// The coin 1000+n:0 of Bitcoin was stolen.
static void theft_of_coins(const char *incident, int64_t first, int64_t last, const char *more)
{
	char text[8192];
	size_t n = (size_t)snprintf(text, sizeof text,
	                            "incident: %s\ntitle: Coins\nchain: bitcoin\npolicy: fifo\n"
	                            "stolen:\n",
	                            incident);
	for (int64_t tx = first; tx <= last; tx++)
		n += (size_t)snprintf(text + n, sizeof text - n,
		                      "  - {outpoint: '%s:0', time: 2025-02-21}\n",
		                      lw_txid(LW_BTC, tx));
	(void)snprintf(text + n, sizeof text - n, "%s", more);
	lw_case(w, text);
}

// Tags in a file: address, label, category, currency, actor.
static void tagged(const char *rows)
{
	char path[] = "/tmp/dyepack-watch-XXXXXX.csv";
	int file = mkstemps(path, 4);
	dp_fault fault = {0};
	assert_true(file >= 0);
	FILE *out = fdopen(file, "w");
	(void)fprintf(out, "address,label,category,currency,actor\n%s", rows);
	assert_int_equal(fclose(out), 0);
	const char *paths[] = {path};
	dp_tags_options o = {.path = paths, .path_count = 1, .no_builtin = true, .now = 1};
	dp_code code = dp_tags_load(&tags, &o, &fault);
	(void)unlink(path);
	must(code, &fault);
	w->options.tags = tags;
}

// `text`: what stands below "rules:"; one rule a line, without braces, all told to the same desk.
static void begin(const char *text)
{
	char yaml[4096];
	dp_fault fault = {0};
	size_t n =
	    (size_t)snprintf(yaml, sizeof yaml, "sinks: {desk: {file: /dev/null}}\nrules:\n");
	while (*text != 0) {
		int size = (int)strcspn(text, "\n");
		n += (size_t)snprintf(yaml + n, sizeof yaml - n, "  - {%.*s, to: [desk]}\n", size,
		                      text);
		text += size + (text[size] != 0);
	}
	must(dp_alert_rules_parse(&rules, yaml, strlen(yaml), "/", &fault), &fault);
	dp_watch_options o = {
	    .rules = &rules, .tags = tags, .advice = advice, .ask_contract = ask, .told = hear};
	must(dp_watch_new(&watch, &o, &fault), &fault);
	lw_start(w, "fifo");
	lw_keep(w, ":memory:");
}

static dp_watch_view view_of(int chain, const dp_block *b)
{
	return (dp_watch_view){.engine = w->side[chain].engine,
	                       .block = b,
	                       .db = dp_casebook_db(w->casebook),
	                       .run = dp_casebook_run(w->casebook, b->chain),
	                       .wants_watched = true,
	                       .is_muted = mutes,
	                       .now_ms = 1000 * b->time};
}

// Follows the next block of a chain and watches it; how many revisions it brought.
static uint32_t step(int chain)
{
	dp_fault fault = {0};
	uint32_t before = raised;
	const dp_block *b = w->side[chain].block[w->side[chain].next];
	must(lw_apply(w, chain, &fault), &fault);
	dp_watch_view v = view_of(chain, b);
	must(dp_watch_block(watch, &raised, &v, &fault), &fault);
	lw_settle(w);
	return raised - before;
}

static dp_code look(void *context, dp_fault *fault)
{
	dp_watch_view *v = context;
	return dp_watch_block(watch, &raised, v, fault);
}

// Sees the transactions of a block that has not come; `b` is that block.
static uint32_t suppose(int chain, const dp_block *b)
{
	dp_fault fault = {0};
	uint32_t before = raised;
	dp_watch_view v = view_of(chain, b);
	v.is_pending = true;
	must(dp_engine_suppose(w->side[chain].engine, b, look, &v, &fault), &fault);
	return raised - before;
}

static int64_t count(const char *where)
{
	char sql[600];
	(void)snprintf(sql, sizeof sql, "select count(*) from alert where %s", where);
	return t_rows_number(dp_casebook_db(w->casebook), sql);
}

static void show(void)
{
	sqlite3_stmt *s;
	(void)sqlite3_prepare_v2(
	    dp_casebook_db(w->casebook),
	    "select incident||' | '||rule||' | '||state||' '||revision||' | '||"
	    "subject||' | '||facts from alert",
	    -1, &s, NULL);
	while (sqlite3_step(s) == SQLITE_ROW)
		print_error("# %s\n", (const char *)sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
}

static void expect_at(int64_t n, int line, const char *format, ...) DP_PRINTF(3, 4);
static void expect_at(int64_t n, int line, const char *format, ...)
{
	char where[500];
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(where, sizeof where, format, arguments);
	va_end(arguments);
	int64_t got = count(where);
	if (got == n) return;
	show();
	fail_msg("line %d: %lld alerts, not %lld, where %s", line, (long long)got, (long long)n,
	         where);
}
// How many alerts are there that look so?
#define expect(n, ...) expect_at(n, __LINE__, __VA_ARGS__)
#define FACT(path) "json_extract(facts, '$." path "')"

//- arrivals --------------------------------------------------------------------------------------

static void tag_rows(char *out, size_t size, const char *extra)
{
	(void)snprintf(out, size,
	               "%s,Big Exchange 4,exchange,ETH,bigx\n"
	               "%s,Blender,mixing_service,ETH,blender\n%s",
	               lw_hex("exchange"), lw_hex("blender"), extra);
}

static void pays(int64_t tx, const char *from, const char *to, const char *symbol,
                 const char *amount)
{
	lw_tx(w, tx);
	lw_move(w, symbol, from, to, amount);
}

static void arrivals(void)
{
	char rows[1000], more[300];
	(void)snprintf(more, sizeof more, "services:\n  - {address: '%s', name: Shop}\n",
	               lw_hex("shop"));
	theft("heist", "thief", "ETH", "100", more);
	tag_rows(rows, sizeof rows, "");
	tagged(rows);
	lw_block(w, LW_ETH, 1);
	pays(1, "thief", "shop", "ETH", "5");
	pays(2, "thief", "exchange", "ETH", "7");
	pays(3, "thief", "blender", "ETH", "9");
	pays(4, "stranger", "exchange", "ETH", "11");
}

static void what_arrives_at_a_service_is_told_with_whose_word_it_is(void **state)
{
	(void)state;
	arrivals();
	begin("name: all, when: arrival, severity: critical\n"
	      "name: exchanges, when: arrival, categories: [exchange]\n"
	      "name: big, when: arrival, services: ['BIG exchange*']\n"
	      "name: actor, when: arrival, services: [bigx]\n"
	      "name: dear, when: arrival, min: ['6 eth']\n"
	      "name: dear-steth, when: arrival, min: ['6 steth'], only-listed: true\n"
	      "name: others, when: arrival, cases: ['other*']\n"
	      "name: ours, when: arrival, cases: ['hei?t']");
	step(LW_ETH);
	expect(3, "rule='all' and severity='critical' and kind='arrival' and incident='heist'");
	expect(
	    1,
	    "rule='all' and " FACT("service.label") "='Shop' and " FACT(
	        "service.source") "='the case file' and " FACT("amount") "='5000000000000000000'");
	expect(1, "rule='all' and " FACT("service.actor") "='bigx' and " FACT(
	              "service.category") "='exchange' and " FACT("shown") "='7 ETH'");
	expect(1, "rule='all' and " FACT("service.category") "='mixing_service'");
	expect(1, "rule='exchanges'");
	expect(1, "rule='big'");
	expect(1, "rule='actor'");
	expect(2, "rule='dear'");
	expect(0, "rule='dear-steth' or rule='others'");
	expect(3, "rule='ours'");
	expect(1, "rule='all' and grp='bigx' and subject='%s' and " FACT("from") "='%s'",
	       lw_hex("exchange"), lw_hex("thief"));
}

// Of a muted case nothing is told; of the other one of the same block it is.
static void stopped_cases_are_silent(void **state)
{
	(void)state;
	theft("heist", "thief", "ETH", "100", "");
	theft("other", "robber", "ETH", "100", "");
	lw_block(w, LW_ETH, 1);
	pays(1, "thief", "mule", "ETH", "5");
	pays(2, "robber", "mule", "ETH", "5");
	begin("name: moves, when: move");
	is_muted[0] = true;
	step(LW_ETH);
	expect(1, "incident='other'");
	expect(0, "incident='heist'");
}

//- moves -----------------------------------------------------------------------------------------

static void what_moves_in_one_transaction_is_one_alert_for_each_receiver(void **state)
{
	(void)state;
	theft("heist", "thief", "ETH", "100", "");
	theft("other", "thief", "ETH", "50", "");
	lw_block(w, LW_ETH, 1);
	lw_block(w, LW_ETH, 2);
	// Both cases lie in one pool: fifo pays the first one's 100, then the other's.
	lw_tx(w, 1);
	lw_move(w, "ETH", "thief", "mule", "60");
	lw_move(w, "ETH", "thief", "mule", "30");
	lw_move(w, "ETH", "thief", "mule", "20");
	lw_move(w, "ETH", "thief", "driver", "5");
	begin("name: moves, when: move");
	assert_int_equal(step(LW_ETH), 0); // the thefts are no moves
	assert_int_equal(step(LW_ETH), 3);
	expect(1, "incident='heist' and subject='%s' and " FACT("shown") "='100 ETH'",
	       lw_hex("mule"));
	expect(1,
	       "incident='other' and subject='%s' and " FACT("shown") "='10 ETH' and " FACT(
	           "origin") "='10000000000000000000'",
	       lw_hex("mule"));
	expect(1, "incident='other' and subject='%s' and " FACT("shown") "='5 ETH'",
	       lw_hex("driver"));
}

static void coins_of_several_inputs_are_added_up(void **state)
{
	(void)state;
	theft_of_coins("coins", 1001, 1003, "");
	lw_block(w, LW_BTC, 1);
	for (int64_t tx = 1001; tx <= 1003; tx++) {
		lw_tx(w, tx);
		lw_in(w, 5000 + tx, 0, "victim", 1000);
		lw_out(w, "thief", 1000);
	}
	lw_block(w, LW_BTC, 2);
	lw_tx(w, 7);
	for (int64_t tx = 1001; tx <= 1003; tx++) lw_in(w, tx, 0, "thief", 1000);
	lw_out(w, "mule", 700);
	lw_out(w, "driver", 300);
	lw_out(w, "mule", 1900);
	begin("name: moves, when: move\nname: new, when: holder\nname: dear, when: move, min: "
	      "['0.00001 btc']");
	assert_int_equal(step(LW_BTC), 0);
	step(LW_BTC);
	expect(2, "rule='moves'");
	expect(2, "rule='new'");
	expect(
	    1,
	    "rule='moves' and subject='%s' and " FACT("amount") "='2600' and " FACT("from") "='%s'",
	    lw_bc1("mule"), lw_bc1("thief"));
	expect(1, "rule='dear' and subject='%s'", lw_bc1("mule"));
	expect(1, "rule='dear'");
}

static void only_who_held_nothing_before_is_new(void **state)
{
	(void)state;
	theft("heist", "thief", "ETH", "100", "");
	lw_block(w, LW_ETH, 1);
	pays(1, "thief", "mule", "ETH", "5");
	lw_block(w, LW_ETH, 2);
	pays(2, "thief", "mule", "ETH", "5");
	pays(3, "mule", "driver", "ETH", "1");
	begin("name: new, when: holder");
	step(LW_ETH);
	expect(1, "subject='%s'", lw_hex("mule"));
	step(LW_ETH);
	expect(1, "subject='%s'", lw_hex("driver"));
	expect(2, "rule='new'");
}

//- waking ----------------------------------------------------------------------------------------

static void what_lay_still_wakes_once(void **state)
{
	(void)state;
	theft("heist", "thief", "ETH", "100", "");
	lw_block(w, LW_ETH, 1);
	pays(1, "thief", "mule", "ETH", "50");
	lw_block(w, LW_ETH, 1 + 60 * 24);
	pays(2, "mule", "driver", "ETH", "10");
	lw_block(w, LW_ETH, 2 + 60 * 24);
	pays(3, "mule", "driver", "ETH", "10");
	begin("name: day, when: wake, dormant: 23h\nname: month, when: wake, dormant: 30d");
	assert_int_equal(step(LW_ETH), 0);
	assert_int_equal(step(LW_ETH), 1);
	expect(1,
	       "rule='day' and subject='%s' and " FACT("dormant_s") "=86400 and " FACT(
	           "address") "='%s'",
	       lw_hex("mule"), lw_hex("mule"));
	expect(0, FACT("to") " is not null or " FACT("from") " is not null");
	assert_int_equal(step(LW_ETH), 0);
}

// Two coins of one address, the fresh one spent first: what lay still wakes all the same.
static void a_coin_wakes_though_a_fresh_one_is_spent_beside_it(void **state)
{
	(void)state;
	theft_of_coins("coins", 1001, 1002, "");
	lw_block(w, LW_BTC, 1);
	lw_tx(w, 1001);
	lw_in(w, 6001, 0, "victim", 1000);
	lw_out(w, "thief", 1000);
	lw_block(w, LW_BTC, 60 * 24 * 40);
	lw_tx(w, 1002);
	lw_in(w, 6002, 0, "victim", 500);
	lw_out(w, "thief", 500);
	lw_block(w, LW_BTC, 60 * 24 * 40 + 10);
	lw_tx(w, 7);
	lw_in(w, 1002, 0, "thief", 500);
	lw_in(w, 1001, 0, "thief", 1000);
	lw_out(w, "mule", 1500);
	begin("name: month, when: wake, dormant: 30d");
	step(LW_BTC);
	step(LW_BTC);
	assert_int_equal(step(LW_BTC), 1);
	expect(1, "subject='%s' and " FACT("amount") "='1000' and " FACT("dormant_s") ">86400*30",
	       lw_bc1("thief"));
}

//- links -----------------------------------------------------------------------------------------

static void deposits(void)
{
	char memo[200], answer[200];
	(void)snprintf(memo, sizeof memo, "=:BTC.BTC:%s", lw_bc1("coins"));
	theft("heist", "thief", "ETH", "100", "");
	lw_block(w, LW_ETH, 1);
	lw_tx(w, 1);
	lw_thor_deposit(w, "thief", "ETH", "10", memo);
	lw_tx(w, 2);
	lw_thor_deposit(w, "thief", "ETH", "5", memo);
	lw_block(w, LW_ETH, 2);
	lw_tx(w, 3);
	lw_tornado(w, "thief");
	lw_tx(w, 4);
	lw_thor_deposit(w, "thief", "ETH", "3", memo);
	lw_block(w, LW_BTC, 10);
	lw_tx(w, 20);
	lw_in(w, 9020, 0, "btcvault", 28100000);
	lw_out(w, "coins", 28000000);
	lw_out(w, "btcvault", 99000);
	(void)snprintf(answer, sizeof answer, "OUT:%s", lw_txid(LW_ETH, 1));
	lw_memo(w, answer);
}

static void what_goes_into_bridges_and_mixers_is_told(void **state)
{
	(void)state;
	deposits();
	begin("name: all, when: link\n"
	      "name: first, when: link, first: true\n"
	      "name: mixers, when: link, kinds: [mixer]\n"
	      "name: moves, when: move");
	step(LW_ETH);
	step(LW_ETH);
	expect(3, "rule='all' and chain='eip155:1' and " FACT("link.kind") "='bridge-out'");
	expect(1, "rule='all' and " FACT("link.kind") "='mixer' and " FACT(
	              "link.protocol") "='tornado'");
	expect(1, "rule='mixers'");
	expect(0, "rule='moves'");
	// Whoever is to be paid on Bitcoin is written as people there do.
	expect(1,
	       "rule='all' and subject='%s bridge' and " FACT("shown") "='10 ETH' and " FACT(
	           "to") "='%s' and " FACT("from") "='%s' and " FACT("link.to_chain") "='%s'",
	       lw_bc1("coins"), lw_bc1("coins"), lw_hex("thief"), w->side[LW_BTC].chain->caip2);
	expect(2, "rule='first' and tx is not null");
	step(LW_BTC);
	expect(1, "rule='all' and chain<>'eip155:1' and " FACT("link.kind") "='bridge-in'");
	expect(1, "rule='all' and " FACT("link.from_chain") "='eip155:1' and " FACT("from") "='%s'",
	       lw_hex("thief"));
	expect(1, "rule='all' and " FACT("link.from_chain") "='eip155:1' and " FACT("to") "='%s'",
	       lw_bc1("coins"));
	expect(3, "rule='first'"); // each chain's first is told there
	expect(0, "chain<>'eip155:1' and " FACT("link.to_chain") " is not null");
	expect(0, "rule='moves'");
}

static void positions_and_swaps_are_told_where_they_are_asked_for(void **state)
{
	(void)state;
	theft("heist", "thief", "USDC", "1000", "");
	lw_block(w, LW_ETH, 1);
	lw_tx(w, 1);
	lw_position_in(w, "thief", 77, "400", "1");
	lw_tx(w, 2);
	lw_move(w, "USDC", "thief", "market", "100");
	lw_move(w, "WETH", "market", "thief", "0.05");
	lw_block(w, LW_ETH, 2);
	lw_tx(w, 3);
	lw_position_out(w, "thief", 77, "300", "0.5");
	begin("name: all, when: link\n"
	      "name: positions, when: link, kinds: [position]\n"
	      "name: bridges, when: link, kinds: [bridge]\n"
	      "name: swaps, when: link, kinds: [swap]");
	step(LW_ETH);
	expect(1, "rule='positions' and " FACT("link.protocol") "='uniswap3'");
	expect(1, "rule='swaps' and " FACT("link.kind") "='swap'");
	expect(1, "rule='all'");
	step(LW_ETH);
	expect(0, "rule='bridges'");
	expect(0, "rule='positions' and " FACT("from_chain") " is not null");
	assert_true(count("rule='positions'") > 1);
}

//- freezes ---------------------------------------------------------------------------------------

static void what_an_issuer_does_is_told(void **state)
{
	(void)state;
	theft("heist", "thief", "USDT", "1000", "");
	lw_block(w, LW_ETH, 1);
	pays(1, "thief", "mule", "USDT", "300");
	lw_block(w, LW_ETH, 2);
	lw_tx(w, 2);
	lw_freeze(w, "thief");
	lw_tx(w, 3);
	lw_freeze(w, "mule");
	lw_tx(w, 4);
	lw_freeze(w, "stranger");
	lw_block(w, LW_ETH, 3);
	lw_tx(w, 5);
	lw_release(w, "mule");
	lw_tx(w, 6);
	lw_destroy(w, "thief", "700");
	begin("name: all, when: freeze\nname: gone, when: freeze, kinds: [destroyed]");
	step(LW_ETH);
	assert_int_equal(step(LW_ETH), 2);
	expect(1, "rule='all' and subject='%s frozen' and " FACT("shown") "='700 USDT'",
	       lw_hex("thief"));
	expect(1, "rule='all' and subject='%s frozen' and " FACT("finding") "='frozen'",
	       lw_hex("mule"));
	step(LW_ETH);
	expect(1, "rule='all' and subject='%s released' and " FACT("amount") "='300000000'",
	       lw_hex("mule"));
	expect(1, "rule='all' and subject='%s destroyed' and " FACT("amount") "='700000000'",
	       lw_hex("thief"));
	expect(1, "rule='gone'");
}

//- watched addresses -----------------------------------------------------------------------------

static void watched_addresses_are_told_of_with_and_without_stolen_money(void **state)
{
	(void)state;
	char text[1000];
	theft("heist", "thief", "ETH", "100", "");
	lw_block(w, LW_ETH, 1);
	pays(1, "thief", "vault", "ETH", "5");
	pays(2, "stranger", "vault", "USDC", "8");
	lw_tx(w, 3);
	lw_fee(w, "vault", "0.001");
	lw_move(w, "ETH", "vault", "friend", "2");
	lw_move(w, "ETH", "vault", "friend", "1");
	pays(4, "stranger", "friend", "ETH", "1");
	lw_block(w, LW_BASE, 2);
	pays(5, "stranger", "vault", "ETH", "3");
	pays(6, "stranger", "vault", "ETH", "1"); // of ether on every chain: not worth telling
	(void)snprintf(text, sizeof text,
	               "name: here, when: watched, addresses: ['ethereum:%s']\n"
	               "name: any, when: watched, addresses: ['%s'], min: ['2 eth']",
	               lw_hex("vault"), lw_hex("vault"));
	begin(text);
	assert_true(dp_watch_touches(watch, w->side[LW_ETH].block[0]));
	assert_true(dp_watch_touches(watch, w->side[LW_BASE].block[0]));
	step(LW_ETH);
	expect(3, "rule='here' and incident=''");
	expect(1,
	       "rule='here' and subject='%s in' and " FACT("shown") "='5 ETH' and " FACT(
	           "from") "='%s' and " FACT("to") "='%s' and " FACT("direction") "='in'",
	       lw_hex("vault"), lw_hex("thief"), lw_hex("vault"));
	expect(1,
	       "rule='here' and subject='%s out' and " FACT("shown") "='3.001 ETH' and " FACT(
	           "from") "='%s' and " FACT("to") "='%s' and " FACT("address") "='%s'",
	       lw_hex("vault"), lw_hex("vault"), lw_hex("friend"), lw_hex("vault"));
	expect(3, "rule='any'");
	step(LW_BASE);
	expect(0, "rule='here' and chain<>'eip155:1'");
	expect(1, "rule='any' and chain<>'eip155:1'");
}

static void watched_coins_are_told_of_in_both_directions(void **state)
{
	(void)state;
	char text[300];
	theft_of_coins("coins", 1001, 1001, "");
	lw_block(w, LW_BTC, 1);
	lw_tx(w, 7);
	lw_in(w, 8001, 0, "vault", 1000);
	lw_in(w, 8002, 1, "vault", 500);
	lw_out(w, "friend", 900);
	lw_out(w, "vault", 590);
	(void)snprintf(text, sizeof text, "name: vault, when: watched, addresses: ['%s']",
	               lw_bc1("vault"));
	begin(text);
	assert_int_equal(step(LW_BTC), 2);
	expect(1, FACT("direction") "='out' and " FACT("amount") "='1500'");
	expect(1, FACT("direction") "='in' and " FACT("amount") "='590'");
}

//- findings --------------------------------------------------------------------------------------

static void a_coinjoin_is_told_to_each_case_that_pays_into_it(void **state)
{
	(void)state;
	theft_of_coins("coins", 1001, 1001, "");
	theft_of_coins("others", 1002, 1002, "");
	lw_block(w, LW_BTC, 1);
	for (int64_t tx = 1001; tx <= 1002; tx++) {
		lw_tx(w, tx);
		lw_in(w, 6000 + tx, 0, "victim", 1000500);
		lw_out(w, "thief", 1000500);
	}
	lw_block(w, LW_BTC, 2);
	lw_tx(w, 7); // a Whirlpool
	static const char *const in[] = {"thief", "p1", "p2", "p3", "p4"};
	static const char *const out[] = {"q0", "q1", "q2", "q3", "q4"};
	lw_in(w, 1001, 0, "thief", 1000500);
	for (int i = 1; i < 5; i++) lw_in(w, 7000 + i, 0, in[i], (uint64_t)(1000000 + 100 * i));
	for (int i = 0; i < 5; i++) lw_out(w, out[i], 1000000);
	begin("name: mixes, when: finding, kinds: [coinjoin]\nname: all, when: finding");
	step(LW_BTC);
	assert_int_equal(step(LW_BTC), 2);
	expect(1, "rule='mixes' and incident='coins' and " FACT("finding") "='coinjoin' and " FACT(
	              "amount") "='1000500' and " FACT("link.confidence") ">0");
	expect(1, "rule='all'");
}

static void hubs_and_uncovered_pools_are_told_to_their_case(void **state)
{
	(void)state;
	theft("heist", "thief", "ETH", "100", "hub_limit: 3\n");
	theft("other", "robber", "ETH", "100", "hub_limit: 3\n");
	lw_block(w, LW_ETH, 1);
	pays(1, "robber", "hubby", "ETH", "50");
	for (int64_t tx = 2; tx < 8; tx++) pays(tx, "hubby", "many", "ETH", "1");
	pays(9, "robber", "mule", "ETH", "10");
	pays(10, "mule", "driver", "ETH", "12");
	begin("name: hubs, when: finding, kinds: [hub]\n"
	      "name: more, when: finding, kinds: [uncovered]\n"
	      "name: heist-only, when: finding, cases: [heist]");
	step(LW_ETH);
	expect(1, "rule='hubs' and incident='other' and subject='%s hub'", lw_hex("hubby"));
	expect(1,
	       "rule='more' and incident='other' and subject='%s uncovered' and " FACT(
	           "shown") "='2 ETH'",
	       lw_hex("mule"));
	expect(0, "incident='heist'");
}

static void poisoning_is_told_to_the_case_it_names(void **state)
{
	(void)state;
	theft("heist", "thief", "ETH", "100", "");
	theft("other", "robber", "ETH", "100", "");
	lw_block(w, LW_ETH, 1);
	pays(1, "robber", "mule", "ETH", "50");
	lw_block(w, LW_ETH, 2);
	for (int64_t tx = 2; tx < 4; tx++) {
		dp_movement *mv;
		lw_tx(w, tx);
		assert_int_equal(dp_builder_movement(w->at, &mv, NULL), DP_OK);
		mv->kind = DP_MV_TOKEN;
		mv->from = lw_addr(LW_ETH, tx == 2 ? "fake" : "robber");
		mv->to = lw_addr(LW_ETH, tx == 2 ? "mule" : "fake");
		mv->amount = dp_u256_of(5);
		mv->noise.contract[0] = 0x66;
	}
	begin("name: noise, when: finding, kinds: [poisoning]");
	assert_int_equal(step(LW_ETH), 0);
	assert_int_equal(step(LW_ETH), 2);
	expect(2, "incident='other' and " FACT("finding") "='poisoning'");
	expect(1, "subject='%s poisoning'", lw_hex("mule"));
}

// Without rows that say whose it is, a case that was stopped does not swallow it.
static void nobodys_finding_goes_to_a_case_that_is_not_stopped(void **state)
{
	(void)state;
	theft("heist", "thief", "ETH", "100", "");
	theft("other", "robber", "ETH", "100", "");
	lw_block(w, LW_ETH, 1);
	pays(1, "robber", "mule", "ETH", "10");
	lw_block(w, LW_ETH, 2);
	pays(2, "mule", "driver", "ETH", "12");
	begin("name: more, when: finding, kinds: [uncovered]");
	is_muted[0] = true;
	step(LW_ETH);
	t_rows_run(dp_casebook_db(w->casebook), "delete from flow");
	step(LW_ETH);
	expect(1, "incident='other'");
}

//- before the block, and after a reorganisation --------------------------------------------------

static void what_was_pending_is_confirmed_under_the_same_id(void **state)
{
	(void)state;
	arrivals();
	begin("name: all, when: arrival\nname: sure, when: arrival, pending: false");
	assert_int_equal(suppose(LW_ETH, w->side[LW_ETH].block[0]), 3);
	expect(3, "state='pending' and revision=1 and height is null and rule='all'");
	assert_int_equal(suppose(LW_ETH, w->side[LW_ETH].block[0]), 0);
	assert_int_equal(step(LW_ETH), 6);
	expect(3, "state='confirmed' and revision=2 and height=100 and rule='all'");
	expect(3, "state='confirmed' and revision=1 and rule='sure'");
	// Seen again by a node that is late: nothing is taken back.
	lw_undo(w, LW_ETH);
	assert_int_equal(suppose(LW_ETH, w->side[LW_ETH].block[0]), 0);
	expect(6, "state='confirmed'");
}

static void shake(int chain, int64_t height)
{
	dp_fault fault = {0};
	must(dp_outbox_shake(dp_casebook_db(w->casebook),
	                     dp_casebook_run(w->casebook, w->side[chain].chain),
	                     w->side[chain].chain->caip2, height, &fault),
	     &fault);
}

static uint32_t settle(int chain)
{
	uint32_t n = 0;
	dp_fault fault = {0};
	must(dp_outbox_settle(dp_casebook_db(w->casebook), &n,
	                      dp_casebook_run(w->casebook, w->side[chain].chain),
	                      w->side[chain].chain->caip2, false, "reorganised away", 1, &fault),
	     &fault);
	return n;
}

// The other branch has the same transaction in another block, another amount, or not at all.
static void another_branch_brings_corrections_and_nothing_else(void **state)
{
	(void)state;
	theft("heist", "thief", "ETH", "100", "");
	lw_block(w, LW_ETH, 1);
	pays(1, "thief", "mule", "ETH", "5");
	pays(2, "thief", "driver", "ETH", "6");
	pays(3, "thief", "lawyer", "ETH", "7");
	lw_block(w, LW_ETH, 3);
	pays(2, "thief", "driver", "ETH", "4");
	pays(1, "thief", "mule", "ETH", "5");
	begin("name: moves, when: move");
	assert_int_equal(step(LW_ETH), 3);
	lw_undo(w, LW_ETH);
	w->side[LW_ETH].next = 1; // the second block is the other branch
	shake(LW_ETH, 99);
	assert_int_equal(step(LW_ETH), 1);
	expect(1, "subject='%s' and revision=1 and height=101", lw_hex("mule"));
	expect(1, "subject='%s' and revision=2 and state='confirmed' and " FACT("shown") "='4 ETH'",
	       lw_hex("driver"));
	assert_int_equal(settle(LW_ETH), 1);
	expect(1, "subject='%s' and revision=2 and state='withdrawn'", lw_hex("lawyer"));
	expect(3, "1");
}

static void the_first_use_is_told_once_whatever_comes_back(void **state)
{
	(void)state;
	deposits();
	begin("name: first, when: link, first: true");
	assert_int_equal(step(LW_ETH), 1);
	assert_int_equal(step(LW_ETH), 1); // the mixer
	lw_undo(w, LW_ETH);
	lw_undo(w, LW_ETH);
	shake(LW_ETH, 99);
	assert_int_equal(step(LW_ETH), 0);
	assert_int_equal(step(LW_ETH), 0);
	assert_int_equal(settle(LW_ETH), 0);
	expect(2, "revision=1 and state='confirmed'");
}

// Two stolen assets in one: what each stands for is told by itself, and neither corrects the other.
static void what_stands_for_two_thefts_is_told_apart_and_once(void **state)
{
	(void)state;
	char more[300];
	(void)snprintf(more, sizeof more,
	               "  - {address: '%s', asset: USDC, amount: '100', block: 100}\n",
	               lw_hex("thief"));
	theft("heist", "thief", "ETH", "10", more);
	lw_block(w, LW_ETH, 1);
	lw_tx(w, 1);
	lw_move(w, "USDC", "thief", "market", "100");
	lw_internal(w, "market", "thief", "0.05");
	lw_block(w, LW_ETH, 2);
	pays(2, "thief", "mule", "ETH", "10.05");
	begin("name: moves, when: move");
	step(LW_ETH);
	assert_int_equal(step(LW_ETH), 2);
	expect(1, FACT("shown") "='10 ETH' and " FACT("origin_shown") "='10 ETH'");
	expect(1, FACT("shown") "='0.05 ETH' and " FACT("origin_shown") "='100 USDC'");
	lw_undo(w, LW_ETH);
	shake(LW_ETH, 100);
	assert_int_equal(step(LW_ETH), 0);
	assert_int_equal(settle(LW_ETH), 0);
	expect(2, "revision=1 and state='confirmed'");
}

//- facts -----------------------------------------------------------------------------------------

static const char *const keys[] = {
    "amount", "shown",     "asset",   "symbol",    "origin", "stolen",  "origin_shown",
    "from",   "to",        "address", "holder",    "hop",    "service", "block",
    "link",   "dormant_s", "finding", "direction", "frozen", "todo",
};

static void facts_are_json_with_the_keys_that_are_documented(void **state)
{
	(void)state;
	dp_fault fault = {0};
	uint32_t seen = 0, hops = 0;
	arrivals();
	lw_tx(w, 9);
	lw_thor_deposit(w, "thief", "ETH", "3", "=:BTC.BTC:x");
	pays(10, "thief", "friend", "ETH", "1");
	must(dp_advice_load(&advice, NULL, &fault), &fault);
	begin("name: all, when: arrival\nname: links, when: link\nname: moves, when: move");
	step(LW_ETH);
	sqlite3_stmt *s;
	assert_int_equal(sqlite3_prepare_v2(dp_casebook_db(w->casebook), "select facts from alert",
	                                    -1, &s, NULL),
	                 SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW) {
		dp_json *doc;
		const char *text = (const char *)sqlite3_column_text(s, 0);
		must(dp_json_parse(&doc, text, strlen(text), &fault), &fault);
		assert_null(strchr(text, '\n'));
		assert_true(dp_json_is_array(dp_json_get(doc, "todo")));
		assert_non_null(dp_json_text(dp_json_get(doc, "amount")));
		for (const dp_json *m = dp_json_first(doc); m != NULL; m = dp_json_next(m)) {
			bool known = false;
			for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
				known |= strcmp(keys[i], dp_json_name(m)) == 0;
			if (!known) fail_msg("an undocumented key: %s", dp_json_name(m));
		}
		hops += dp_json_number(dp_json_get(doc, "hop")) != NULL;
		assert_non_null(dp_json_text(dp_json_get(doc, "block")));
		dp_json_free(doc);
		seen++;
	}
	sqlite3_finalize(s);
	assert_true(seen >= 4 && hops > 0);
}

static void a_contract_is_asked_whether_its_issuer_froze(void **state)
{
	(void)state;
	dp_fault fault = {0};
	theft("heist", "thief", "USDT", "1000", "");
	lw_block(w, LW_ETH, 1);
	pays(1, "thief", "mule", "USDT", "300");
	lw_block(w, LW_ETH, 2);
	pays(2, "thief", "driver", "USDT", "1");
	lw_block(w, LW_ETH, 3);
	static const char *const many[] = {"m0", "m1", "m2", "m3", "m4", "m5",
	                                   "m6", "m7", "m8", "m9", "m10"};
	for (int64_t i = 0; i < 11; i++) pays(10 + i, "thief", many[i], "USDT", "1");
	must(dp_advice_load(&advice, NULL, &fault), &fault);
	begin("name: moves, when: move\nname: again, when: move");
	asked.knows = asked.is_frozen = true;
	step(LW_ETH);
	assert_int_equal(asked.count, 1); // one find, two rules
	dp_addr tether = lw_addr(LW_ETH, "0xdAC17F958D2ee523a2206206994597C13D831ec7");
	dp_addr mule = lw_addr(LW_ETH, "mule");
	static const uint8_t selector[16] = {0xe4, 0x7d, 0x60, 0x60}; // isBlackListed(address)
	assert_memory_equal(asked.to, tether.bytes, 20);
	assert_memory_equal(asked.data, selector, 16);
	assert_memory_equal(asked.data + 16, mule.bytes, 20);
	expect(2, FACT("frozen") "=1 and subject='%s'", lw_hex("mule"));
	asked.code = DP_IO;
	step(LW_ETH);
	expect(2, FACT("frozen") " is null and subject='%s'", lw_hex("driver"));
	asked.code = DP_OK;
	asked.is_frozen = false;
	asked.count = 0;
	step(LW_ETH);
	assert_int_equal(asked.count, 8);
	expect(16, FACT("frozen") "=0");
}

static void names_of_strangers_stay_text(void **state)
{
	(void)state;
	char more[400], rows[1000];
	(void)snprintf(more, sizeof more,
	               "services:\n  - {address: '%s', name: \"a\\\"b'\\\\<x>\\u202e %%s %%n\"}\n",
	               lw_hex("shop"));
	theft("heist", "thief", "ETH", "100", more);
	(void)snprintf(rows, sizeof rows, "%s,\"x\"\"y,z{}[]: %s\",exchange,ETH,bigx\n",
	               lw_hex("exchange"),
	               "0123456789012345678901234567890123456789012345678901234567890123456789"
	               "0123456789012345678901234567890123456789012345678901234567890123456789"
	               "\xf0\x9f\x92\xb0\xf0\x9f\x92\xb0");
	tagged(rows);
	lw_block(w, LW_ETH, 1);
	pays(1, "thief", "shop", "ETH", "5");
	pays(2, "thief", "exchange", "ETH", "5");
	begin("name: all, when: arrival");
	assert_int_equal(step(LW_ETH), 2);
	expect(2, "json_valid(facts)");
	expect(1, FACT("service.label") " like 'x\"y,z{}[]:%%'");
	expect(1, FACT("service.label") " like 'a\"b''\\<x>%%'");
	// The lines for logs are short, and one line each.
	assert_null(strchr(told, '\n'));
	assert_true(strlen(told) < sizeof told - 1);
}

//- bounds ----------------------------------------------------------------------------------------

static double seconds(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// Thousands of outputs to one address are one alert; to as many addresses as many, soon told.
static void many_outputs_are_told_soon(void **state)
{
	(void)state;
	enum { MANY = 3000 };
	theft_of_coins("coins", 1001, 1001, "");
	lw_block(w, LW_BTC, 1);
	lw_tx(w, 1001);
	lw_in(w, 6001, 0, "victim", 1000 * MANY);
	lw_out(w, "thief", 1000 * MANY);
	lw_block(w, LW_BTC, 2);
	lw_tx(w, 7);
	lw_in(w, 1001, 0, "thief", 1000 * MANY);
	for (int i = 0; i < MANY; i++) lw_out(w, "mule", 1000);
	lw_block(w, LW_BTC, 60 * 24);
	lw_tx(w, 8);
	for (uint32_t i = 0; i < MANY; i++) lw_in(w, 7, i, "mule", 1000);
	for (int i = 0; i < MANY; i++) {
		char name[16];
		(void)snprintf(name, sizeof name, "to%d", i);
		lw_out(w, name, 1000);
	}
	begin("name: moves, when: move\nname: woken, when: wake, dormant: 1h");
	step(LW_BTC);
	double from = seconds();
	assert_int_equal(step(LW_BTC), 1);
	expect(1, FACT("amount") "='3000000'");
	assert_int_equal(step(LW_BTC), MANY + 1);
	double took = seconds() - from;
	print_message("# %.3f s\n", took);
	assert_true(took < 20); // a minute and more, were it quadratic
}

static void watch_all_again(void)
{
	dp_fault fault = {0};
	dp_watch_options o = {
	    .rules = &rules, .tags = tags, .advice = advice, .ask_contract = ask, .told = hear};
	dp_watch_free(watch);
	watch = NULL;
	must(dp_watch_new(&watch, &o, &fault), &fault);
}

static void without_memory_it_says_so(void **state)
{
	(void)state;
	dp_fault fault = {0};
	arrivals();
	lw_tx(w, 9);
	lw_thor_deposit(w, "thief", "ETH", "3", "=:BTC.BTC:x");
	must(dp_advice_load(&advice, NULL, &fault), &fault);
	begin("name: all, when: arrival\nname: links, when: link\nname: moves, when: move\n"
	      "name: w, when: watched, addresses: ['0x0000000000000000000000000000000000000001']");
	const dp_block *b = w->side[LW_ETH].block[0];
	must(lw_apply(w, LW_ETH, &fault), &fault);
	dp_code code = DP_NO_MEMORY;
	int64_t n = 0;
	for (; code != DP_OK; n++) {
		dp_watch_options o = {.rules = &rules, .tags = tags, .advice = advice};
		dp_watch *one = NULL;
		dp_watch_view v = view_of(LW_ETH, b);
		int64_t live = dp_mem_live();
		t_rows_run(v.db, "savepoint here");
		dp_mem_fail_after(n);
		code = dp_watch_new(&one, &o, &fault);
		if (code == DP_OK) code = dp_watch_block(one, &raised, &v, &fault);
		dp_mem_fail_after(-1);
		if (code != DP_OK) assert_int_equal(code, DP_NO_MEMORY);
		dp_watch_free(one);
		assert_int_equal(dp_mem_live(), live);
		t_rows_run(v.db, "rollback to here; release here");
	}
	assert_true(n > 4);
	watch_all_again();
	dp_watch_view v = view_of(LW_ETH, b);
	must(dp_watch_block(watch, &raised, &v, &fault), &fault);
	assert_true(count("1") >= 4);
}

#define T(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(what_arrives_at_a_service_is_told_with_whose_word_it_is),
	    T(stopped_cases_are_silent),
	    T(what_moves_in_one_transaction_is_one_alert_for_each_receiver),
	    T(coins_of_several_inputs_are_added_up),
	    T(only_who_held_nothing_before_is_new),
	    T(what_lay_still_wakes_once),
	    T(a_coin_wakes_though_a_fresh_one_is_spent_beside_it),
	    T(what_goes_into_bridges_and_mixers_is_told),
	    T(positions_and_swaps_are_told_where_they_are_asked_for),
	    T(what_an_issuer_does_is_told),
	    T(watched_addresses_are_told_of_with_and_without_stolen_money),
	    T(watched_coins_are_told_of_in_both_directions),
	    T(a_coinjoin_is_told_to_each_case_that_pays_into_it),
	    T(hubs_and_uncovered_pools_are_told_to_their_case),
	    T(poisoning_is_told_to_the_case_it_names),
	    T(nobodys_finding_goes_to_a_case_that_is_not_stopped),
	    T(what_was_pending_is_confirmed_under_the_same_id),
	    T(another_branch_brings_corrections_and_nothing_else),
	    T(the_first_use_is_told_once_whatever_comes_back),
	    T(what_stands_for_two_thefts_is_told_apart_and_once),
	    T(facts_are_json_with_the_keys_that_are_documented),
	    T(a_contract_is_asked_whether_its_issuer_froze),
	    T(names_of_strangers_stay_text),
	    T(many_outputs_are_told_soon),
	    T(without_memory_it_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
