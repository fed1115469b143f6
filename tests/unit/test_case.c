// Case files: every key is read as it stands, every mistake is refused with its line and column.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/ledger.h"

#define THIEF "0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2"
#define OTHER "0xdD90071D52F20e85c89802e5Dc1eC0A7B6475f92"
#define TX "0x11111111111111111111111111111111111111111111111111111111111111aa"
#define COIN "22222222222222222222222222222222222222222222222222222222222222bb"
#define STOLEN "chain: ethereum\nstolen:\n  - {address: \"" THIEF "\", amount: 1, tx: \"" TX "\"}\n"
#define BTC "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"

static void every_key_is_read_as_it_stands(void **state)
{
	(void)state;
	dp_case c;
	t_case(&c, "incident: heist\n"
	           "title: A theft\n"
	           "chain: ethereum\n"
	           "policy: haircut\n"
	           "dust_limit: 7\n"
	           "hub_limit: 0\n"
	           "notes: free text\n"
	           "sources: [one]\n"
	           "theft: {by: nobody}\n"
	           "stolen:\n"
	           "  - {address: \"" THIEF "\", asset: steth, amount: \"1.5\", tx: \"" TX "\","
	           " time: 2025-02-21T14:16:11Z, by: police}\n"
	           "  - {address: \"" THIEF "\", amount_base: 12, block: 21895238}\n"
	           "links:\n"
	           "  - {from: \"" THIEF "\", assets: [steth, usdc], to: \"" OTHER "\", asset: eth,"
	           " amount: \"0.5\", txs: [\"" TX "\"], by: someone}\n"
	           "opening:\n"
	           "  - {address: \"" OTHER "\", amount: \"0\", by: node}\n"
	           "  - {address: \"" OTHER "\", asset: usdc, amount_base: 3}\n"
	           "services:\n"
	           "  - {address: \"" OTHER "\", name: Shop, by: me}\n"
	           "  - {address: \"" OTHER "\", name: Mix, bucket: mixer}\n"
	           "victim:\n"
	           "  - {address: \"" THIEF "\"}\n");
	assert_string_equal(c.incident, "heist");
	assert_string_equal(c.title, "A theft");
	assert_string_equal(c.chain->name, "ethereum");
	assert_ptr_equal(c.policy, &dp_policy_haircut);
	assert_u256_is(c.dust_limit, 7);
	assert_int_equal(c.hub_limit, 0);
	assert_int_equal(c.seed_count, 2);
	const dp_seed *s = &c.seed[0];
	assert_true(s->has_addr && s->has_tx && s->has_time && s->has_amount && !s->has_outpoint);
	assert_u256_is(s->amount, 1500000000000000000ull);
	assert_int_equal(s->asset.v, t_asset(false, 1).v);
	assert_true(s->time == 1740147371 && c.theft_time == s->time);
	assert_int_equal(s->tx[31], 0xaa);
	assert_int_equal(s->line, 11);
	assert_true(c.seed[1].has_height && c.seed[1].height == 21895238 && !c.seed[1].has_time);
	assert_int_equal(c.seed[1].asset.v, t_asset(false, 0).v); // the chain's own
	assert_int_equal(c.link_count, 1);
	assert_int_equal(c.link[0].asset_count, 2);
	assert_int_equal(c.link[0].tx_count, 1);
	assert_u256_is(c.link[0].amount, 500000000000000000ull);
	assert_string_equal(c.link[0].by, "someone");
	assert_int_equal(c.opening_count, 2);
	assert_true(dp_u256_is_zero(c.opening[0].amount));
	assert_string_equal(c.opening[0].by, "node");
	assert_u256_is(c.opening[1].amount, 3);
	assert_int_equal(c.stop_count, 3);
	assert_int_equal(c.stop[0].bucket, DP_BUCKET_SERVICE);
	assert_string_equal(c.stop[0].name, "Shop");
	assert_int_equal(c.stop[1].bucket, DP_BUCKET_MIXER);
	assert_int_equal(c.stop[2].bucket, DP_BUCKET_RETURNED);
	assert_true(strncmp(c.yaml, "incident: heist\n", 16) == 0 && strlen(c.yaml) == c.yaml_size);
	dp_case_done(&c);
	dp_case_done(NULL);
	assert_int_equal(dp_mem_live(), 0);
}

static void what_is_left_out_has_its_usual_value(void **state)
{
	(void)state;
	dp_case c;
	t_case(&c, "incident: i\nchain: eip155:1\nstolen: [{address: \"" THIEF "\", tx: \"" TX
	           "\", time: 2025-02-21}]\n");
	assert_ptr_equal(c.policy, &dp_policy_fifo);
	assert_int_equal(c.hub_limit, DP_HUB_LIMIT_DEFAULT);
	assert_true(dp_u256_is_zero(c.dust_limit));
	// The time says which theft came first even where only the transaction can tell the amount.
	assert_true(c.theft_time == 1740096000 && !c.seed[0].has_time && !c.seed[0].has_amount);
	dp_case_done(&c);
	t_case(&c, "incident: i\nchain: bitcoin\nstolen:\n"
	           "  - {outpoint: \"" COIN ":1\"}\n"
	           "  - {tx: \"" COIN "\", address: \"" BTC "\", amount: \"0.1\"}\n");
	assert_true(c.seed[0].has_outpoint && !c.seed[0].has_amount && !c.seed[0].has_tx);
	assert_int_equal(c.seed[0].outpoint.txid[0], 0xbb); // people print it from behind
	assert_int_equal(c.seed[0].outpoint.vout, 1);
	assert_true(c.seed[1].has_tx && c.seed[1].has_addr && c.theft_time == INT64_MAX);
	assert_u256_is(c.seed[1].amount, 10000000);
	dp_case_done(&c);
}

#define LINK_FAR                                                                                   \
	"  - {from: \"" THIEF "\", assets: [eth, steth], txs: [\"" TX "\"], to_chain: bitcoin,"    \
	" to: " BTC ", to_tx: \"" COIN "\", amount: \"0.25\", by: me}\n"
#define LINK_BACK                                                                                  \
	"  - {chain: bitcoin, through: " BTC ", txs: [\"" COIN                                     \
	"\"], to_chain: ethereum, to: \"" OTHER "\", to_tx: \"" TX                                 \
	"\", asset: usdc, amount: 7, by: me}\n"

static void every_entry_may_be_of_another_chain(void **state)
{
	(void)state;
	dp_case c;
	t_case(&c, "incident: i\nchain: ethereum\ndestroyed: returned\nstolen:\n"
	           "  - {address: \"" THIEF "\", amount: 1}\n"
	           "  - {chain: bitcoin, outpoint: \"" COIN ":1\", amount: \"0.5\"}\n"
	           "links:\n" LINK_FAR LINK_BACK "opening:\n"
	           "  - {chain: eip155:137, address: \"" OTHER "\", amount: \"2\"}\n"
	           "services:\n"
	           "  - {chain: litecoin, address: ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9,"
	           " name: Shop}\n"
	           "  - {address: \"" OTHER "\", name: Shop}\n"
	           "victim:\n  - {chain: bitcoin, address: " BTC "}\n"
	           "follow:\n  - {chain: bitcoin, address: " BTC ", by: me}\n");
	const dp_chain *eth = dp_chain_find("ethereum", 8), *btc = dp_chain_find("bitcoin", 7);
	assert_true(c.chain == eth && c.seed[0].chain == eth && c.seed[1].chain == btc);
	assert_int_equal(c.seed[1].asset.v, t_asset(true, 0).v);
	assert_u256_is(c.seed[1].amount, 50000000);
	const dp_link_claim *l = &c.link[0];
	assert_true(l->chain == eth && l->to_chain == btc && l->has_to_tx && l->tx_count == 1);
	assert_true(l->tx[0][31] == 0xaa && l->to_tx[0] == 0xbb);
	assert_int_equal(l->asset.v, t_asset(true, 0).v);
	assert_u256_is(l->amount, 25000000);
	assert_true(l->to.kind == DP_ADDR_P2WPKH && l->through.kind == DP_ADDR_NONE);
	l = &c.link[1];
	assert_true(l->chain == btc && l->to_chain == eth && l->has_to_tx);
	assert_true(l->from.kind == DP_ADDR_NONE && l->through.kind == DP_ADDR_P2WPKH);
	assert_true(l->asset_count == 1 && l->assets[0].v == t_asset(true, 0).v);
	assert_u256_is(l->amount, 7000000);
	assert_string_equal(c.opening[0].chain->name, "polygon");
	assert_string_equal(c.stop[0].chain->name, "litecoin");
	assert_true(c.stop[1].chain == eth && c.stop[2].chain == btc && c.stop[3].chain == btc);
	assert_int_equal(c.named_count, 4);
	assert_true(c.named[0] == eth && c.named[1] == btc && c.destroyed_is_returned);
	dp_case_done(&c);
	t_case(&c, "incident: i\nchain: bitcoin\ndestroyed: burnt\nstolen:\n"
	           "  - {chain: ethereum, address: \"" THIEF "\", amount: 1}\n");
	// The case's own is named first, whether anything is of it or not.
	assert_true(c.named_count == 2 && c.named[0] == btc && c.named[1] == eth);
	assert_false(c.destroyed_is_returned);
	dp_case_done(&c);
}

//- mistakes --------------------------------------------------------------------------------------

#define ETH "incident: i\nchain: ethereum\n"
#define UTXO "incident: i\nchain: bitcoin\n"
#define SEED "stolen: [{address: \"" THIEF "\", amount: \"1\"}]\n"
#define LINK(fields) ETH SEED "links:\n  - {" fields "}\n"
#define FAR "from: \"" THIEF "\", to_chain: bitcoin, to: " BTC
#define FROM_TO "from: \"" THIEF "\", to: \"" OTHER "\""

static const struct {
	const char *yaml, *words;
	uint32_t line, column;
} mistakes[] = {
    {"", "`incident`", 1, 1},
    {"incident: i\n", "`chain` is missing", 1, 1},
    {"incident: i\nchain: etherium\n" SEED, "did you mean 'ethereum'", 2, 8},
    {"incident: i\nchain: xyz\n" SEED, "'xyz' is not known", 2, 8},
    {"incident: [a]\nchain: bitcoin\n", "must be one value", 1, 11},
    {"incident:\nchain: bitcoin\n", "must be one value", 1, 10},
    {ETH "polcy: fifo\n" SEED, "did you mean 'policy'", 3, 1},
    {ETH "policy: best\n" SEED, "no such policy", 3, 9},
    {ETH "dust_limit: -1\n" SEED, "not an amount", 3, 13},
    {ETH "hub_limit: 4294967296\n" SEED, "too large", 3, 12},
    {ETH "hub_limit: 18446744073709551616\n" SEED, "too large", 3, 12},
    {ETH, "`stolen` is missing", 1, 1},
    {ETH "stolen: []\n", "`stolen` is missing", 1, 1},
    {ETH "stolen: all\n", "must be a list", 3, 9},
    {ETH "stolen: [all]\n", "expected a map", 3, 10},
    {ETH "stolen: [{amount: \"1\"}]\n", "`address` is missing", 3, 10},
    {ETH "stolen:\n  - {address: \"0x47666fab8bd0Ac7003bce3f5C3585383F09486E2\"}\n", "checksum", 4,
     15},
    {ETH "stolen:\n  - {address: \"" THIEF "\"}\n", "give `amount`, or `tx`", 4, 5},
    {ETH "stolen:\n  - {address: \"" THIEF "\", asset: nosuch, amount: 1}\n", "", 4, 68},
    {ETH "stolen:\n  - {address: \"" THIEF "\", asset: [eth], amount: 1}\n", "one value", 4, 68},
    {ETH "stolen:\n  - {address: \"" THIEF "\", amount: \"1,5\"}\n", "not an amount", 4, 69},
    {ETH "stolen:\n  - {address: \"" THIEF "\", amount: \"0\"}\n", "zero", 4, 69},
    {ETH "stolen:\n  - {address: \"" THIEF "\", asset: usdc, amount: \"0.0000001\"}\n", "decimals",
     4, 82},
    {ETH "stolen:\n  - {address: \"" THIEF "\", amount: 1, amount_base: 1}\n", "not both", 4, 85},
    {ETH "stolen:\n  - {address: \"" THIEF "\", amount_base: 6739986666787659948666753771754907668"
         "409286105635143120275902562304}\n",
     "so many units", 4, 74},
    {ETH "stolen:\n  - {address: \"" THIEF "\", amount: 1, tx: 0x12}\n", "transaction id", 4, 76},
    {ETH "stolen:\n  - {address: \"" THIEF "\", amount: 1, time: today}\n", "not a time", 4, 78},
    {ETH "stolen:\n  - {address: \"" THIEF "\", amount: 1, block: x}\n", "not an amount", 4, 79},
    {ETH "stolen:\n  - {address: \"" THIEF "\", amount: 1, outpoint: \"" COIN ":0\"}\n",
     "UTXO chains only", 4, 5},
    {ETH "stolen:\n  - {address: \"" THIEF "\", tx: \"" TX "\"}\n  - {address: \"" THIEF
         "\", tx: \"" TX "\"}\n",
     "listed as stolen before", 5, 5},
    {UTXO "stolen: [{amount: 1}]\n", "name what was stolen", 3, 10},
    {UTXO "stolen: [{address: \"" BTC "\"}]\n", "name what was stolen", 3, 10},
    {UTXO "stolen: [{outpoint: \"" COIN "\"}]\n", "", 3, 21},
    {UTXO "stolen: [{outpoint: \"" COIN ":1\", tx: \"" COIN "\"}]\n", "not both", 3, 10},
    {UTXO "stolen: [{outpoint: \"" COIN ":1\"}, {outpoint: \"" COIN ":1\"}]\n", "listed", 3, 92},
    {UTXO "stolen: [{outpoint: \"" COIN ":1\"}]\nlinks: [{}]\n", "`through` is missing", 4, 9},
    {UTXO "stolen: [{outpoint: \"" COIN ":1\"}]\nlinks:\n  - {through: " BTC ", to: " BTC
          ", amount: 1, by: me}\n",
     "need an account chain", 5, 5},
    {UTXO "stolen: [{outpoint: \"" COIN ":1\"}]\nlinks:\n  - {from: " BTC "}\n", "leave `from` out",
     5, 12},
    {ETH "stolen: [{address: \"" THIEF "\", amount: 1, chain: bitcon}]\n", "did you mean 'bitcoin'",
     3, 84},
    {ETH "stolen: [{address: \"" THIEF "\", amount: 1, chain: bitcoin}]\n", "no address on bitcoin",
     3, 20},
    {ETH "stolen: [{outpoint: \"" COIN ":1\"}]\n", "UTXO chains only", 3, 10},
    {ETH "destroyed: sold\n" SEED, "burnt, returned", 3, 12},
    {ETH SEED "opening: [{address: \"" OTHER "\", amount: 1, chain: bitcoin}]\n",
     "no address on bitcoin", 4, 21},
    {ETH SEED "services: [{address: \"" OTHER "\", name: a, chain: x}]\n", "'x' is not known", 4,
     84},
    {ETH SEED "follow: [{address: \"" OTHER "\", by: me, chain: [a]}]\n", "must be one value", 4,
     81},
    {LINK(FROM_TO ", to_chain: bitcoin"), "no address on bitcoin", 5, 62},
    {LINK(FAR ", amount: 1, by: me, assets: [eth]"), "needs `to_tx`", 5, 5},
    {LINK(FAR ", amount: 1, by: me, assets: [eth], to_tx: \"" COIN "\""), "needs `txs`", 5, 5},
    {LINK(FAR ", amount: 1, by: me, assets: [eth], txs: [\"" TX "\"], to_tx: 7"), "transaction id",
     5, 243},
    {LINK(FROM_TO ", amount: 1, by: me, assets: [eth], txs: [\"" TX "\"], to_tx: \"" TX "\""),
     "one of `txs`, too", 5, 226},
    {LINK(FROM_TO ", amount: 1, by: me, assets: [eth], through: \"" OTHER "\""),
     "for links with a `to_tx`", 5, 151},
    {LINK(FAR ", amount: \"0.000000001\", by: me, assets: [eth]"), "8 decimals", 5, 133},
    {LINK("to: \"" OTHER "\""), "`from` is missing", 5, 5},
    {LINK(FROM_TO ", by: me, assets: [eth]"), "`amount` is missing", 5, 5},
    {LINK(FROM_TO ", amount: 1, assets: [eth]"), "`by` is missing", 5, 5},
    {LINK(FROM_TO ", amount: 1, by: me"), "`assets` must list", 5, 5},
    {LINK(FROM_TO ", amount: 1, by: me, assets: []"), "`assets` must list", 5, 5},
    {LINK(FROM_TO ", amount: 1, by: me, assets: [{}]"), "name of an asset", 5, 136},
    {LINK(FROM_TO ", amount: 1, by: me, assets: [eth], txs: []"), "`txs` is empty", 5, 147},
    {LINK(FROM_TO ", amount: 1, by: me, assets: [eth], txs: [[a]]"), "transaction id", 5, 148},
    {LINK(FROM_TO ", amount: 1, by: me, assets: [eth], txs: [\"" TX "\", \"" TX "\"]"), "twice", 5,
     218},
    {LINK(FROM_TO ", amount: 1, by: me, assets: [eth], form: x"), "did you mean 'from'", 5, 142},
    {ETH SEED "opening: [{address: \"" OTHER "\"}]\n", "`amount` is missing", 4, 11},
    {"incident: a\nchain: ethereum\nadded: [{address: \"" OTHER "\", amount: 1}]\n",
     "`stolen` is missing", 1, 1},
    {ETH SEED "added: 7\n", "list", 4, 8},
    {ETH SEED "added: [7]\n", "", 4, 9},
    {ETH SEED "added: [{address: \"" OTHER "\"}]\n", "give `amount`, or `tx`", 4, 9},
    {ETH SEED "added: [{adress: \"" OTHER "\"}]\n", "did you mean 'address'", 4, 10},
    {"incident: a\n" STOLEN "added: [{address: \"" THIEF "\", amount: 7, tx: \"" TX "\"}]\n",
     "listed as stolen before", 5, 9},
    {"incident: a\n" STOLEN "added: [{address: \"" OTHER "\", amount: 7, tx: \"" TX
     "\"}, {address: \"" OTHER "\", amount: 7, tx: \"" TX "\"}]\n",
     "listed as stolen before", 5, 151},
    {ETH SEED "opening: [{address: \"" OTHER "\", amount: 1, amount_base: 1}]\n", "not both", 4,
     91},
    {ETH SEED "opening: [{address: \"" OTHER "\", amount: x}]\n", "not an amount", 4, 75},
    {ETH SEED "services: [{address: \"" OTHER "\"}]\n", "`name` is missing", 4, 12},
    {ETH SEED "services: [{address: \"" OTHER "\", name: a, bucket: pocket}]\n", "`bucket` is one",
     4, 85},
    {ETH SEED "victim: [{adress: \"" OTHER "\"}]\n", "did you mean 'address'", 4, 11},
    {ETH SEED "services: [\n", "", 5, 1},
};

static void every_mistake_is_refused_with_its_place(void **state)
{
	(void)state;
	uint32_t wrong = 0;
	for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
		dp_case c;
		dp_fault f = {0};
		const char *yaml = mistakes[i].yaml;
		dp_code code = dp_case_parse(&c, yaml, strlen(yaml), &f);
		if (code == DP_OK) fail_msg("accepted: %s", yaml);
		assert_true(code == DP_BAD_CASE || code == DP_BAD_BYTES);
		assert_true(f.code == code && strlen(f.text) > 5);
		assert_null(c.seed); // nothing is held
		if (f.line == mistakes[i].line && f.column == mistakes[i].column &&
		    strstr(f.text, mistakes[i].words) != NULL)
			continue;
		print_error("%u:%u: %s, expected %u:%u: %s, in\n%s\n", f.line, f.column, f.text,
		            mistakes[i].line, mistakes[i].column, mistakes[i].words, yaml);
		wrong++;
	}
	assert_int_equal(wrong, 0);
	assert_int_equal(dp_mem_live(), 0);
}

// What `dyepack case seed` writes below a file is a theft like those that were known from the
// beginning: read behind them, with its own asset and time.
static void what_was_added_later_is_stolen_as_well(void **state)
{
	(void)state;
	dp_case c;
	t_case(&c, "incident: a\n" STOLEN "added:\n"
	           "  # 2025-02-22T00:00:00Z, by police: a call\n"
	           "  - {address: \"" OTHER "\", asset: usdc, amount: \"2.5\","
	           " time: 2025-02-21T14:16:11Z}\n"
	           "  # 2025-02-23T00:00:00Z, by police: another\n"
	           "  - {address: \"" OTHER "\", amount: 1, tx: \"" TX "\"}\n");
	assert_int_equal(c.seed_count, 3);
	assert_true(c.seed[0].has_tx && c.seed[0].line == 4);
	assert_u256_is(c.seed[1].amount, 2500000);
	assert_int_equal(c.seed[1].asset.v, t_asset(false, 2).v);
	// The earliest theft ranks the case, whenever it became known.
	assert_true(c.theft_time == 1740147371);
	assert_int_equal(c.seed[2].line, 9);
	dp_case_done(&c);
	// An empty list is none; the same file without it is another file with the same thefts.
	t_case(&c, "incident: a\n" STOLEN "added: []\n");
	assert_int_equal(c.seed_count, 1);
	dp_case_done(&c);
	t_case(&c, "incident: a\nadded: [{address: \"" OTHER "\", amount: 2}]\n" STOLEN);
	assert_int_equal(c.seed_count, 2); // wherever it stands in the file
	assert_u256_is(c.seed[1].amount, 2000000000000000000ull);
	dp_case_done(&c);
	t_case(&c, "incident: b\nchain: bitcoin\nstolen: [{outpoint: \"" COIN ":1\"}]\n"
	           "added:\n  - {outpoint: \"" COIN ":2\"}\n");
	assert_int_equal(c.seed_count, 2);
	assert_int_equal(c.seed[1].outpoint.vout, 2);
	dp_case_done(&c);
	assert_int_equal(dp_mem_live(), 0);
}

// No memory at any of its allocations: it says so and holds nothing.
static void a_case_is_read_or_there_is_no_memory(void **state)
{
	(void)state;
	static const char yaml[] =
	    "incident: a\n" STOLEN "added:\n  - {address: \"" OTHER "\", amount: 1}\n";
	dp_code code = DP_NO_MEMORY;
	for (int64_t n = 0; code != DP_OK; n++) {
		dp_case c;
		dp_fault f = {0};
		dp_mem_fail_after(n);
		code = dp_case_parse(&c, yaml, sizeof yaml - 1, &f);
		dp_mem_fail_after(-1);
		if (code == DP_OK) dp_case_done(&c);
		if (code != DP_OK) assert_int_equal(code, DP_NO_MEMORY);
		assert_int_equal(dp_mem_live(), 0);
	}
}

static void bytes_that_are_no_text_are_refused(void **state)
{
	(void)state;
	dp_case c;
	dp_fault f;
	assert_int_not_equal(dp_case_parse(&c, "incident: \xff\xfe\n", 13, &f), DP_OK);
	assert_int_not_equal(dp_case_parse(&c, "incident: a\0b\n", 14, &f), DP_OK);
	assert_int_not_equal(dp_case_parse(&c, NULL, 0, &f), DP_OK);
	assert_int_not_equal(dp_case_parse(&c, "a: b\na: c\n", 10, NULL), DP_OK);
	assert_int_equal(dp_mem_live(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_key_is_read_as_it_stands),
	    cmocka_unit_test(what_is_left_out_has_its_usual_value),
	    cmocka_unit_test(every_entry_may_be_of_another_chain),
	    cmocka_unit_test(what_was_added_later_is_stolen_as_well),
	    cmocka_unit_test(a_case_is_read_or_there_is_no_memory),
	    cmocka_unit_test(every_mistake_is_refused_with_its_place),
	    cmocka_unit_test(bytes_that_are_no_text_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
