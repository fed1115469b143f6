// memo.h: the grammar with every word and every code, real memos, and what is wrong with others.
// Real memos are from THORChain's and Maya's documents, from ShapeShift's captures of real
// transactions, and from GraphSense's comments.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "chain/block.h"
#include "codec/hex.h"
#include "link/memo.h"

#define TXID "EA7D80B3EB709319A6577AF6CF4DEFF67975D4F5A93CD8817E7FF04A048D1C5C"
#define BTC_ADDRESS "bc1q6527vxxqjpq80la2l0sw7hay3lj6dz07zs6gzl"
#define ETH_ADDRESS "0x7a093cebfa77403672d68e1c22d0681400a36682"

static const dp_chain *on(const char *name)
{
	return name == NULL ? NULL : dp_chain_find(name, strlen(name));
}

static dp_memo read_on(const char *memo, int of, const char *chain)
{
	dp_memo m;
	dp_memo_read(&m, (const uint8_t *)memo, strlen(memo), of, on(chain));
	return m;
}

static dp_memo read(const char *memo)
{
	return read_on(memo, DP_MEMO_OF_THORCHAIN, "ethereum");
}

static void assert_text(dp_memo_text t, const char *want)
{
	assert_int_equal(t.size, strlen(want));
	if (t.size > 0) assert_memory_equal(t.text, want, t.size);
}

static void assert_number(dp_u256 v, const char *want)
{
	char text[DP_U256_DEC_MAX];
	dp_u256_format(text, v, 0);
	assert_string_equal(text, want);
}

static void assert_addr(const dp_addr *a, const char *chain, const char *want)
{
	char text[DP_ADDR_TEXT_MAX];
	assert_int_not_equal(a->kind, DP_ADDR_NONE);
	dp_addr_format(text, a, on(chain));
	assert_string_equal(text, want);
}

static void assert_asset(dp_asset a, const char *chain, const char *symbol)
{
	assert_int_not_equal(a.v, 0);
	assert_string_equal(dp_asset_info_of(a)->chain->name, chain);
	assert_string_equal(dp_asset_info_of(a)->symbol, symbol);
}

// The word that a reason must hold, and where it points.
static void assert_wrong(const char *memo, const char *why, uint32_t at)
{
	dp_memo m = read(memo);
	if (m.wrong == NULL) fail_msg("not wrong: %s", memo);
	if (strstr(m.wrong, why) == NULL) fail_msg("%s: %s", memo, m.wrong);
	if (m.wrong_at != at) fail_msg("%s: at %u, not %u", memo, m.wrong_at, at);
	assert_true(m.wrong_at <= strlen(memo));
}

static void a_swap_is_read_with_all_its_parts(void **state)
{
	(void)state;
	dp_memo m = read("=:BTC.BTC:" BTC_ADDRESS "/" ETH_ADDRESS
	                 ":51e7/3/10:t1/dx/ss:10/20/30:agg:0xfinal:15e2|any:thing");
	assert_int_equal(m.kind, DP_MEMO_SWAP);
	assert_string_equal(m.function, "=");
	assert_null(m.wrong);
	assert_null(m.unsure);
	assert_string_equal(m.on->name, "bitcoin");
	assert_asset(m.asset, "bitcoin", "BTC");
	assert_addr(&m.to, "bitcoin", BTC_ADDRESS);
	assert_text(m.refund, ETH_ADDRESS);
	assert_int_equal(m.back.kind, DP_ADDR_EVM);
	assert_true(m.has_limit);
	assert_number(m.limit, "510000000");
	assert_int_equal(m.interval, 3);
	assert_int_equal(m.quantity, 10);
	assert_int_equal(m.affiliate_count, 3);
	assert_text(m.affiliate[1], "dx");
	assert_int_equal(m.fee_count, 3);
	assert_int_equal(m.fee[2], 30);
	assert_text(m.aggregator, "agg");
	assert_text(m.final_token, "0xfinal");
	assert_number(m.min_out, "1500");
	assert_text(m.data, "any:thing");
	assert_false(m.stays_inside || m.to_sender || m.is_limit);
}

static void every_word_is_known_in_any_case(void **state)
{
	(void)state;
	static const struct {
		const char *memo;
		dp_memo_kind kind;
		const char *function;
	} list[] = {
	    {"SWAP:e:", DP_MEMO_SWAP, "="},
	    {"Swap:e:", DP_MEMO_SWAP, "="},
	    {"S:e:", DP_MEMO_SWAP, "="},
	    {"=<:e:", DP_MEMO_SWAP, "=<"},
	    {"limito:e:", DP_MEMO_SWAP, "=<"},
	    {"LO:e:", DP_MEMO_SWAP, "=<"},
	    {"r:12345", DP_MEMO_SWAP, "r"},
	    {"ADD:BTC.BTC", DP_MEMO_INSIDE, "+"},
	    {"+:BTC.BTC::t:0", DP_MEMO_INSIDE, "+"},
	    {"stake:BTC.BTC", DP_MEMO_INSIDE, "+"},
	    {"DONATE:BTC.BTC", DP_MEMO_INSIDE, "donate"},
	    {"d:BTC.BTC", DP_MEMO_INSIDE, "donate"},
	    {"BOND:thor1x", DP_MEMO_INSIDE, "bond"},
	    {"REBOND:thor1x:thor1y", DP_MEMO_INSIDE, "rebond"},
	    {"reserve", DP_MEMO_INSIDE, "reserve"},
	    {"NOOP:NOVAULT", DP_MEMO_INSIDE, "noop"},
	    {"noop", DP_MEMO_INSIDE, "noop"},
	    {"$+:BTC.BTC:x", DP_MEMO_INSIDE, "$+"},
	    {"LOAN+:BTC.BTC:x", DP_MEMO_INSIDE, "$+"},
	    {"TRADE+:thor1x", DP_MEMO_INSIDE, "trade+"},
	    {"secure+:thor1x", DP_MEMO_INSIDE, "secure+"},
	    {"pool+", DP_MEMO_INSIDE, "pool+"},
	    {"TCY:thor1x", DP_MEMO_INSIDE, "tcy"},
	    {"x:thor1x:aGk=", DP_MEMO_INSIDE, "x"},
	    {"name:me:BTC:x", DP_MEMO_INSIDE, "~"},
	    {"n:me:BTC:x", DP_MEMO_INSIDE, "~"},
	    {"~:me:BTC:x", DP_MEMO_INSIDE, "~"},
	    {"switch:thor1x", DP_MEMO_INSIDE, "switch"},
	    {"reference:ETH.ETH:=:b:x", DP_MEMO_INSIDE, "reference"},
	    {"operator:thor1x", DP_MEMO_INSIDE, "operator"},
	    {"WITHDRAW:BTC.BTC:10000", DP_MEMO_ASK, "-"},
	    {"wd:BTC.BTC:10000", DP_MEMO_ASK, "-"},
	    {"-:BTC.BTC:10000", DP_MEMO_ASK, "-"},
	    {"UNBOND:thor1x:1", DP_MEMO_ASK, "unbond"},
	    {"LEAVE:thor1x", DP_MEMO_ASK, "leave"},
	    {"$-:BTC.BTC:x", DP_MEMO_ASK, "$-"},
	    {"trade-:x", DP_MEMO_ASK, "trade-"},
	    {"SECURE-:x", DP_MEMO_ASK, "secure-"},
	    {"POOL-:10000", DP_MEMO_ASK, "pool-"},
	    {"m=<:1BTC.BTC:1ETH.ETH:0", DP_MEMO_ASK, "m=<"},
	    {"OUT:" TXID, DP_MEMO_OUT, "OUT"},
	    {"outbound:" TXID, DP_MEMO_OUT, "OUT"},
	    {"refund:" TXID, DP_MEMO_REFUND, "REFUND"},
	    {"MIGRATE:3494355", DP_MEMO_OWN, "MIGRATE"},
	    {"RAGNAROK:1", DP_MEMO_OWN, "RAGNAROK"},
	    {"YGGDRASIL+:1", DP_MEMO_OWN, "YGGDRASIL+"},
	    {"yggdrasil-:1", DP_MEMO_OWN, "YGGDRASIL-"},
	    {"consolidate", DP_MEMO_OWN, "consolidate"},
	};
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		dp_memo m = read(list[i].memo);
		if (m.kind != list[i].kind) fail_msg("%s: kind %d", list[i].memo, m.kind);
		assert_string_equal(m.function, list[i].function);
		// A source keeps what could be a memo, and must not lose one that we read.
		if (!dp_memo_maybe((const uint8_t *)list[i].memo, strlen(list[i].memo)))
			fail_msg("no source keeps %s", list[i].memo);
	}
}

static void every_code_of_an_asset_is_known(void **state)
{
	(void)state;
	static const struct {
		int of;
		const char *code, *shown, *chain;
	} list[] = {
	    {DP_MEMO_OF_THORCHAIN, "b", "=:BTC.BTC", "bitcoin"},
	    {DP_MEMO_OF_THORCHAIN, "B", "=:BTC.BTC", "bitcoin"},
	    {DP_MEMO_OF_THORCHAIN, "e", "=:ETH.ETH", "ethereum"},
	    {DP_MEMO_OF_THORCHAIN, "a", "=:AVAX.AVAX", "avalanche"},
	    {DP_MEMO_OF_THORCHAIN, "c", "=:BCH.BCH", "bitcoin-cash"},
	    {DP_MEMO_OF_THORCHAIN, "d", "=:DOGE.DOGE", "dogecoin"},
	    {DP_MEMO_OF_THORCHAIN, "f", "=:BASE.ETH", "base"},
	    {DP_MEMO_OF_THORCHAIN, "g", "=:GAIA.ATOM", NULL},
	    {DP_MEMO_OF_THORCHAIN, "l", "=:LTC.LTC", "litecoin"},
	    {DP_MEMO_OF_THORCHAIN, "r", "=:THOR.RUNE", NULL},
	    {DP_MEMO_OF_THORCHAIN, "s", "=:BSC.BNB", "bsc"},
	    {DP_MEMO_OF_THORCHAIN, "x", "=:XRP.XRP", NULL},
	    {DP_MEMO_OF_THORCHAIN, "tr", "=:TRON.TRX", NULL},
	    {DP_MEMO_OF_MAYA, "a", "=:ARB.ETH", "arbitrum"},
	    {DP_MEMO_OF_MAYA, "c", "=:MAYA.CACAO", NULL},
	    {DP_MEMO_OF_MAYA, "m", "=:MAYA.CACAO", NULL},
	    {DP_MEMO_OF_MAYA, "d", "=:DASH.DASH", NULL},
	    {DP_MEMO_OF_MAYA, "x", "=:XRD.XRD", NULL},
	    {DP_MEMO_OF_MAYA, "z", "=:ZEC.ZEC", NULL},
	    {DP_MEMO_OF_MAYA, "tr", "=:THOR.RUNE", NULL},
	    {DP_MEMO_OF_MAYA, "et", "=:ETH.USDT-0XDAC17F958D2EE523A2206206994597C13D831EC7",
	     "ethereum"},
	};
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		char memo[64], shown[DP_MEMO_SHOWN_MAX];
		snprintf(memo, sizeof memo, "=:%s:", list[i].code);
		dp_memo m = read_on(memo, list[i].of, NULL);
		dp_memo_print(shown, &m);
		assert_string_equal(shown, list[i].shown);
		assert_ptr_equal(m.on, on(list[i].chain));
		assert_int_equal(m.asset.v != 0, list[i].chain != NULL);
	}
}

static void what_lives_on_the_protocol_stays_inside(void **state)
{
	(void)state;
	static const char *const inside[] = {"r",        "THOR.RUNE",    "RUNE",
	                                     "THOR.TCY", "BTC/BTC",      "BTC~BTC",
	                                     "BTC-BTC",  "ETH~USDT-ec7", "eth/eth"};
	for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
		char memo[128];
		snprintf(memo, sizeof memo, "=:%s:thor1el4ufmhll3yw7zxzszvfakrk66j7fx0tvcslym:19",
		         inside[i]);
		dp_memo m = read(memo);
		if (m.wrong != NULL || !m.stays_inside) fail_msg("%s: %s", memo, m.wrong);
		assert_null(m.on);
		assert_int_equal(m.to.kind, DP_ADDR_NONE);
	}
	// On Maya's books THORChain is another chain.
	assert_false(read_on("=:r:thor1x", DP_MEMO_OF_MAYA, "ethereum").stays_inside);
	assert_true(read_on("=:m:maya1x", DP_MEMO_OF_MAYA, "ethereum").stays_inside);
	assert_false(read("=:BTC.BTC:" BTC_ADDRESS).stays_inside);
}

static void tokens_are_told_by_the_end_of_their_contract(void **state)
{
	(void)state;
#define USDT "dAC17F958D2ee523a2206206994597C13D831ec7"
	static const char *const usdt[] = {"ETH.USDT",         "ETH.USDT-ec7",
	                                   "eth.usdt-EC7",     "ETH.USDT-" USDT,
	                                   "ETH.USDT-0x" USDT, "ETH.USDT-0X" USDT};
	for (size_t i = 0; i < sizeof usdt / sizeof *usdt; i++) {
		char memo[256];
		snprintf(memo, sizeof memo, "=:%s:" ETH_ADDRESS, usdt[i]);
		assert_asset(read(memo).asset, "ethereum", "USDT");
	}
	// Another end, a part with 0x before it, what is not listed: none, and no fault.
	static const char *const none[] = {"ETH.USDT-ec8", "ETH.USDT-0xec7", "ETH.NOSUCH-123",
	                                   "ETH.ETH-1"};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		char memo[256];
		snprintf(memo, sizeof memo, "=:%s:" ETH_ADDRESS, none[i]);
		dp_memo m = read(memo);
		assert_int_equal(m.asset.v, 0);
		assert_null(m.wrong);
		assert_addr(&m.to, "ethereum", "0x7A093ceBfa77403672D68E1c22D0681400a36682");
	}
	// Of two that fit none is taken: nobody knows which pool is the deeper one.
	uint32_t listed = 0;
	for (uint16_t v = 1; v <= dp_asset_count(); v++)
		listed += strcmp(dp_asset_info_of((dp_asset){v})->symbol, "USDT") == 0;
	assert_true(listed > 1); // on several chains, yet one on each
}

static void amounts_are_exact(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want;
	} list[] = {
	    {"0", "0"},
	    {"51e7", "510000000"},
	    {"51E7", "510000000"},
	    {"37207e5", "3720700000"},
	    {"1.5e3", "1500"},
	    {"1.2345e2", "123"},
	    {"12.99", "12"},
	    {".5e1", "5"},
	    {"5.", "5"},
	    {"007", "7"},
	    {"1e+3", "1000"},
	    {"1999e-3", "1"},
	    {"1e-99999999999999999999", "0"},
	    {"0e99999999999999999999", "0"},
	    {"0.000000000000000000000000001e28", "10"},
	    {"9007199254740993", "9007199254740993"}, // a double would say ...992
	    {"115792089237316195423570985008687907853269984665640564039457584007913129639935",
	     "115792089237316195423570985008687907853269984665640564039457584007913129639935"},
	};
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		dp_u256 v;
		const char *why = dp_memo_number(&v, list[i].text, strlen(list[i].text));
		if (why != NULL) fail_msg("%s: %s", list[i].text, why);
		assert_number(v, list[i].want);
	}
	static const char *const bad[] = {
	    "",
	    ".",
	    "e5",
	    "1e",
	    "1e-",
	    "1e+",
	    "-1",
	    "+1",
	    "1e5e5",
	    "1..2",
	    "0x10",
	    "1_000",
	    "Inf",
	    "NaN",
	    "1 ",
	    "1e99999999999999",
	    "1e78",
	    "115792089237316195423570985008687907853269984665640564039457584007913129639936"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		dp_u256 v;
		if (dp_memo_number(&v, bad[i], strlen(bad[i])) == NULL) fail_msg("%s", bad[i]);
	}
}

static void wrong_memos_say_why_and_where(void **state)
{
	(void)state;
	assert_wrong("=:BTC.BTC:bc1q6527vxxqjpq80la2l0sw7hay3lj6dz07zs6gzm", "checksum", 10);
	assert_wrong("=:ETH.ETH:0x7A093cebfa77403672d68e1c22d0681400a36682", "checksum", 10);
	assert_wrong("=:ETH.ETH:0x7a093c", "no address", 10);
	assert_wrong("=:ETH.ETH:" BTC_ADDRESS, "no address", 10);
	assert_wrong("=:BTC.BTC:" ETH_ADDRESS, "no address", 10);
	assert_wrong("=:BTC.BTC:bc1qq", "no address", 10);
	assert_wrong("=:BTC.BTC:bc1q!", "no address", 10);
	assert_wrong("=:BTC.BTC:nulldata.", "no address", 10);
	assert_wrong("=:MOON.MOON:x", "chain that does not exist", 2);
	assert_wrong("=:.:x", "chain that does not exist", 2);
	assert_wrong("=:BTC.:x", "no name", 2);
	assert_wrong("=:", "does not say what is bought", 2);
	assert_wrong("=::" BTC_ADDRESS, "does not say what is bought", 2);
	assert_wrong("=:b:", "names no receiver", 4);
	assert_wrong("=:b:" BTC_ADDRESS "/nobody!", "refund", 47);
	assert_wrong("=:b:" BTC_ADDRESS ":x", "not a number", 47);
	assert_wrong("=:b:" BTC_ADDRESS ":1/x/1", "interval", 49);
	assert_wrong("=:b:" BTC_ADDRESS ":1/1/1/1", "number of parts", 51);
	assert_wrong("=:b:" BTC_ADDRESS ":1/1/18446744073709551616", "number of parts", 51);
	assert_wrong("=:b:" BTC_ADDRESS "::a/b/c/d/e/f", "five affiliates", 58);
	assert_wrong("=:b:" BTC_ADDRESS "::a:10001", "ten thousandths", 50);
	assert_wrong("=:b:" BTC_ADDRESS ":::::f:y", "not a number", 53);
	assert_wrong("OUT:", "no transaction", 4);
	assert_wrong("OUT:123", "no transaction", 4);
	assert_wrong("OUT:" TXID "00", "no transaction", 4);
	assert_wrong("OUT:0000000000000000000000000000000000000000000000000000000000000000",
	             "no transaction", 4);
	assert_wrong("hello:world", "no word", 0);
	assert_wrong("", "no word", 0);
	assert_wrong("=", "no word", 0); // not a word that is a memo alone
	assert_wrong("=:b:\x01", "no text", 4);
	assert_wrong("=:b:b\xc3\xa9", "no text", 5);
	// A word of ours for scripts without an address is no address of anybody.
	assert_int_equal(read("=:BTC.BTC:nulldata").to.kind, DP_ADDR_NONE);
}

static void odd_bytes_are_no_memo(void **state)
{
	(void)state;
	dp_memo m;
	uint8_t bytes[300];
	memset(bytes, ':', sizeof bytes);
	dp_memo_read(&m, bytes, 250, DP_MEMO_OF_BOTH, on("bitcoin"));
	assert_int_equal(m.kind, DP_MEMO_NONE);
	assert_non_null(m.wrong);
	memcpy(bytes, "=", 1);
	dp_memo_read(&m, bytes, 250, DP_MEMO_OF_BOTH, on("bitcoin"));
	assert_int_equal(m.kind, DP_MEMO_SWAP);
	assert_non_null(m.wrong);
	dp_memo_read(&m, bytes, 251, DP_MEMO_OF_BOTH, on("bitcoin"));
	assert_int_equal(m.kind, DP_MEMO_NONE);
	assert_non_null(strstr(m.wrong, "250"));
	memcpy(bytes, "=:b:bc1\0q", 9);
	dp_memo_read(&m, bytes, 20, DP_MEMO_OF_THORCHAIN, NULL);
	assert_int_equal(m.kind, DP_MEMO_NONE);
	assert_int_equal(m.wrong_at, 7);
	dp_memo_read(&m, NULL, 0, DP_MEMO_OF_BOTH, NULL);
	assert_int_equal(m.kind, DP_MEMO_NONE);
}

static void names_and_unread_chains_are_unsure(void **state)
{
	(void)state;
	dp_memo m = read("=:b:odin-cash_1+");
	assert_null(m.wrong);
	assert_string_equal(m.unsure, "the receiver is a THORName: needs a look-up");
	assert_int_equal(m.unsure_at, 4);
	assert_string_equal(m.on->name, "bitcoin");
	m = read("=:GAIA.ATOM:cosmos1aywmluxanawepu2g2vpe3a449ashlxy04l2mcc:37207e5:rg:25");
	assert_null(m.wrong);
	assert_non_null(strstr(m.unsure, "chain that is not read here"));
	assert_null(m.on);
	assert_number(m.limit, "3720700000");
	m = read("=:b:" BTC_ADDRESS "/odin");
	assert_null(m.wrong);
	assert_non_null(strstr(m.unsure, "refund"));
	assert_addr(&m.to, "bitcoin", BTC_ADDRESS);
	assert_non_null(read("r:00042").unsure);
}

static void no_receiver_is_the_sender(void **state)
{
	(void)state;
	dp_memo m = read("=:ETH.USDC::100");
	assert_null(m.wrong);
	assert_true(m.to_sender);
	assert_asset(m.asset, "ethereum", "USDC");
	assert_non_null(read_on("=:e::100", DP_MEMO_OF_THORCHAIN, "bitcoin").wrong);
	// Where the sender is nobody knows, nothing is held against it.
	assert_null(read_on("=:e::100", DP_MEMO_OF_THORCHAIN, NULL).wrong);
}

static void a_code_of_two_meanings_is_told_by_its_address(void **state)
{
	(void)state;
	dp_memo m = read_on("=:d:D5ZxkWY2dwwjPhUEQBRHcb3wNamft1XGga", DP_MEMO_OF_BOTH, "bitcoin");
	assert_int_equal(m.of, DP_MEMO_OF_THORCHAIN);
	assert_string_equal(m.on->name, "dogecoin");
	m = read_on("=:d:XpESxaUmonkq8RaLLp46Brx2K39ggQe226", DP_MEMO_OF_BOTH, "bitcoin");
	assert_int_equal(m.of, DP_MEMO_OF_MAYA);
	assert_null(m.wrong);
	m = read_on("=:c:maya1a7gg93dgwlulsrqf6qtage985ujhpu068zllw7", DP_MEMO_OF_BOTH, "bitcoin");
	assert_int_equal(m.of, DP_MEMO_OF_MAYA);
	assert_true(m.stays_inside);
	// Both have such addresses: the receiver is known, his chain is not.
	m = read_on("=:a:" ETH_ADDRESS, DP_MEMO_OF_BOTH, "bitcoin");
	assert_int_equal(m.of, DP_MEMO_OF_BOTH);
	assert_null(m.on);
	assert_int_equal(m.to.kind, DP_ADDR_EVM);
	assert_non_null(strstr(m.unsure, "THORChain and Maya"));
	m = read_on("=:b:" BTC_ADDRESS, DP_MEMO_OF_BOTH, "ethereum");
	assert_int_equal(m.of, DP_MEMO_OF_BOTH);
	assert_null(m.unsure);
	m = read_on("=:c:notanaddressofanybody!", DP_MEMO_OF_BOTH, "bitcoin");
	assert_null(m.on);
	assert_int_equal(m.to.kind, DP_ADDR_NONE);
}

static void a_payment_names_its_transaction(void **state)
{
	(void)state;
	static const char *const forms[] = {
	    "OUT:" TXID, "out:0x" TXID, "Out:0X" TXID,
	    "OUT:ea7d80b3eb709319a6577af6cf4deff67975d4f5a93cd8817e7ff04a048d1c5c",
	    "OUT:" TXID "|x"};
	uint8_t want[32];
	assert_true(dp_hex_decode(want, 32, TXID));
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		dp_memo m = read(forms[i]);
		assert_null(m.wrong);
		assert_int_equal(m.kind, DP_MEMO_OUT);
		assert_memory_equal(m.txid, want, 32);
	}
}

static void real_memos_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *memo;
		int of;
		const char *chain, *symbol, *to;
	} list[] = {
	    {"=:b:3GsSTWcQfbEpMQW4nJ6oPr1UhQZZCS74KD:7415381:t:30", DP_MEMO_OF_THORCHAIN, "bitcoin",
	     "BTC", "3GsSTWcQfbEpMQW4nJ6oPr1UhQZZCS74KD"},
	    {"=:DOGE.DOGE:D5ZxkWY2dwwjPhUEQBRHcb3wNamft1XGga:654517605534:ss:0",
	     DP_MEMO_OF_THORCHAIN, "dogecoin", "DOGE", "D5ZxkWY2dwwjPhUEQBRHcb3wNamft1XGga"},
	    {"=:ETH.USDT-EC7:0x6057d2D9f07e06FA0836a17a4e4F0044d8F02912:0/1/0:ti:70",
	     DP_MEMO_OF_THORCHAIN, "ethereum", "USDT",
	     "0x6057d2D9f07e06FA0836a17a4e4F0044d8F02912"},
	    {"=:b:bc1q6fxj6446h2gr40wtfkzqyfk848gw4q4t8akr2p:0/1/0:dx:30", DP_MEMO_OF_THORCHAIN,
	     "bitcoin", "BTC", "bc1q6fxj6446h2gr40wtfkzqyfk848gw4q4t8akr2p"},
	    {"=:ETH.ETH:0x19317e026ef473d44D746d364062539Ba7Cb0fa3:117890211/1/0:wr:100",
	     DP_MEMO_OF_THORCHAIN, "ethereum", "ETH", "0x19317e026ef473d44D746d364062539Ba7Cb0fa3"},
	    {"SWAP:BTC.BTC:bc1qtgsttdcy3z67hegc36l99egdm36va0m5r0gece:24000000",
	     DP_MEMO_OF_THORCHAIN, "bitcoin", "BTC", "bc1qtgsttdcy3z67hegc36l99egdm36va0m5r0gece"},
	    // Maya, transaction 0x2b6fa2ac...3afc
	    {"=:b:bc1q2yjae3xdnlwwk6hxf7jxjdt0waupl8qglv3qs7:115252390/3/0:ns:5", DP_MEMO_OF_MAYA,
	     "bitcoin", "BTC", "bc1q2yjae3xdnlwwk6hxf7jxjdt0waupl8qglv3qs7"},
	};
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		dp_memo m = read_on(list[i].memo, list[i].of, "ethereum");
		if (m.wrong != NULL || m.unsure != NULL) fail_msg("%s", list[i].memo);
		assert_string_equal(m.on->name, list[i].chain);
		assert_asset(m.asset, list[i].chain, list[i].symbol);
		assert_addr(&m.to, list[i].chain, list[i].to);
		dp_memo both = read_on(list[i].memo, DP_MEMO_OF_BOTH, "ethereum");
		assert_true(dp_addr_eq(&both.to, &m.to));
	}
}

static void test_chains_have_their_own_addresses(void **state)
{
	(void)state;
	dp_memo m = read_on("=:b:bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
	                    DP_MEMO_OF_THORCHAIN, "anvil");
	assert_null(m.wrong);
	assert_string_equal(m.on->name, "regtest");
	// The coin is called tBTC there; the memo's limit still speaks of it.
	assert_int_equal(m.asset.v, dp_asset_native(m.on).v);
	m = read_on("=:e:" ETH_ADDRESS, DP_MEMO_OF_THORCHAIN, "simnet");
	assert_string_equal(m.on->name, "anvil");
	// On a real chain there are no such addresses.
	assert_non_null(read("=:b:bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080").wrong);
}

static void add_output(dp_block_builder *b, const char *hex, dp_addr_kind kind)
{
	dp_movement *mv;
	assert_int_equal(dp_builder_movement(b, &mv, NULL), DP_OK);
	mv->kind = DP_MV_OUTPUT;
	mv->asset = dp_asset_native(on("bitcoin"));
	mv->amount = dp_u256_of(294);
	mv->to.kind = (uint8_t)kind;
	mv->to.len = kind == DP_ADDR_NULLDATA ? 0 : 20;
	if (hex != NULL) assert_true(dp_hex_decode(mv->to.bytes, 20, hex));
}

// The example of THORChain's documents, "Memo greater than 80 characters".
static void long_memos_go_on_in_fake_outputs(void **state)
{
	(void)state;
	static const char head[] = "SWAP:GAIA.ATOM:cosmos1fegapd4jc3ejqeg0eu3jk4hvr74hg66076gyyd/"
	                           "bc1qnfw0gkk05qxl38^";
	static const char whole[] = "SWAP:GAIA.ATOM:cosmos1fegapd4jc3ejqeg0eu3jk4hvr74hg66076gyyd/"
	                            "bc1qnfw0gkk05qxl38mslc69hc6vc64mksyw6zzxhg";
	static const dp_addr_kind kinds[] = {DP_ADDR_P2WPKH, DP_ADDR_P2PKH};
	assert_int_equal(strlen(head), 80);
	for (int i = 0; i < 2; i++) {
		dp_block_builder b = {0};
		dp_tx *tx;
		uint8_t memo[DP_MEMO_UTXO_MAX];
		dp_builder_start(&b, on("bitcoin"), 1, 1);
		assert_int_equal(dp_builder_tx(&b, &tx, NULL), DP_OK);
		add_output(&b, "00112233445566778899aabbccddeeff00112233", DP_ADDR_P2WPKH);
		add_output(&b, NULL, DP_ADDR_NULLDATA);
		add_output(&b, "6d736c633639686336766336346d6b737977367a", kinds[i]);
		add_output(&b, "7a78686700000000000000000000000000000000", kinds[i]);
		add_output(&b, "4141414141414141414141414141414141414141", kinds[i]);
		size_t n = dp_memo_join(memo, (const uint8_t *)head, 80, &b.block, 0, 1);
		assert_int_equal(n, strlen(whole));
		assert_memory_equal(memo, whole, n);
		// Without the mark nothing is read on; without outputs behind it the mark stays.
		assert_int_equal(dp_memo_join(memo, (const uint8_t *)head, 79, &b.block, 0, 1), 79);
		assert_int_equal(dp_memo_join(memo, (const uint8_t *)head, 80, &b.block, 0, 4), 80);
		assert_int_equal(dp_memo_join(memo, NULL, 0, &b.block, 0, 1), 0);
		dp_builder_done(&b);
	}
	dp_memo m = read_on(whole, DP_MEMO_OF_BOTH, "bitcoin");
	assert_null(m.wrong);
	assert_addr(&m.back, "bitcoin", "bc1qnfw0gkk05qxl38mslc69hc6vc64mksyw6zzxhg");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_swap_is_read_with_all_its_parts),
	    cmocka_unit_test(every_word_is_known_in_any_case),
	    cmocka_unit_test(every_code_of_an_asset_is_known),
	    cmocka_unit_test(what_lives_on_the_protocol_stays_inside),
	    cmocka_unit_test(tokens_are_told_by_the_end_of_their_contract),
	    cmocka_unit_test(amounts_are_exact),
	    cmocka_unit_test(wrong_memos_say_why_and_where),
	    cmocka_unit_test(odd_bytes_are_no_memo),
	    cmocka_unit_test(names_and_unread_chains_are_unsure),
	    cmocka_unit_test(no_receiver_is_the_sender),
	    cmocka_unit_test(a_code_of_two_meanings_is_told_by_its_address),
	    cmocka_unit_test(a_payment_names_its_transaction),
	    cmocka_unit_test(real_memos_are_read),
	    cmocka_unit_test(test_chains_have_their_own_addresses),
	    cmocka_unit_test(long_memos_go_on_in_fake_outputs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
