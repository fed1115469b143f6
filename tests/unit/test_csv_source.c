// Movements CSV: what a file means, what is refused and with which words, and the real exports.
//
// Most tests read from memory and compare a short rendering of everything the source yields:
//   B5@100            block 5, time 100
//    T1111            a transaction (first four digits of its id as printed); ! failed, * coinbase
//     native eth 15 a>b    kind, symbol, base units, from and to; then flags: ?unknown !failed 0
//     token ~FAKE 7 a>b    a symbol behind ~ is noise
// Covers: source/csv.c source/csv_columns.c source/csv_row.c source/csv_store.c source/csv_table.c
// The real files lie outside the project (DYEPACK_SHARED, default ../shared); without them those
// tests say that they were skipped.
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "source/csv.h"
#include "source/source_kinds.h"

#define X8(d) d d d d d d d d
#define TX(d) "0x" X8(d d d d d d d d)
#define UTX(d) X8(d d d d d d d d)
#define TX1 TX("1")
#define TX2 TX("2")
#define TX3 TX("3")
#define TX4 TX("4")
#define HEAD "block,time,tx,from,to,asset,amount\n"
#define UHEAD "block,time,tx,kind,from,to,amount\n"
#define STETH "0xae7ab96520de3a18e5e111b5eaab095312d7fe84"
#define FALSE_CONTRACT "0xee33058e9fceb8ebece8bdb0e70fcb257595c562"

enum { TEXT_MAX = 1 << 16 };

struct result {
	dp_code code;
	dp_fault fault;
	dp_source_stats stats;
	char text[TEXT_MAX];
	size_t size;
};

static struct result result; // of the last run; static because it is large

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(result.text + result.size, TEXT_MAX - result.size, format, args);
	va_end(args);
	assert_true(n >= 0 && (size_t)n < TEXT_MAX - result.size);
	result.size += (size_t)n;
}

static void say_end(const dp_addr *a, const dp_chain *chain)
{
	char text[DP_ADDR_TEXT_MAX];
	if (a->kind == DP_ADDR_NONE) return say("-");
	if (a->kind == DP_ADDR_NAME) return say("%.*s", (int)a->len, (const char *)a->bytes);
	dp_addr_format(text, a, chain);
	say("%.6s", text);
}

static void say_movement(const dp_movement *mv, const dp_chain *chain)
{
	static const char *const kinds[] = {"input", "output", "native", "internal",
	                                    "token", "fee",    "reward"};
	char amount[DP_U256_DEC_MAX];
	dp_u256_format(amount, mv->amount, 0);
	say("    %s ", kinds[mv->kind]);
	if (mv->asset.v != 0)
		for (const char *p = dp_asset_info_of(mv->asset)->symbol; *p != 0; p++)
			say("%c", tolower((unsigned char)*p));
	else
		say("~%s", mv->noise.symbol);
	say(" %s ", amount);
	say_end(&mv->from, chain);
	say(">");
	say_end(&mv->to, chain);
	if (mv->kind == DP_MV_INPUT) {
		char coin[DP_OUTPOINT_TEXT_MAX];
		size_t n = dp_outpoint_format(coin, &mv->spent);
		say(" %.4s%s", coin, coin + n - 2);
	}
	say("%s%s%s\n", mv->flags & DP_MVF_VALUE_UNKNOWN ? " ?" : "",
	    mv->flags & DP_MVF_FAILED ? " !" : "", mv->flags & DP_MVF_UNSIGNED_ZERO ? " 0" : "");
}

static void say_block(const dp_block *b)
{
	say("B%llu@%lld\n", (unsigned long long)b->height, (long long)b->time);
	for (uint32_t i = 0; i < b->tx_count; i++) {
		char id[DP_TXID_TEXT_MAX];
		dp_txid_format(id, b->tx[i].id, b->chain);
		say("  T%.4s%s%s\n", id + (id[1] == 'x' ? 2 : 0),
		    b->tx[i].flags & DP_TXF_FAILED ? "!" : "",
		    b->tx[i].flags & DP_TXF_COINBASE ? "*" : "");
		for (uint32_t k = 0; k < b->tx[i].mv_count; k++)
			say_movement(&b->mv[b->tx[i].mv_first + k], b->chain);
	}
}

// Drains an opened source into `result`, rendering it when `render`.
static void drain(dp_source *s, bool render)
{
	const dp_block *block;
	dp_code code = DP_OK;
	while (code == DP_OK) {
		code = s->next(s, &block, &result.fault);
		if (code == DP_OK && render) say_block(block);
	}
	result.code = code == DP_END ? DP_OK : code;
	result.stats = s->stats;
	s->close(s);
}

static void run_bytes(const dp_csv_bytes *files, uint32_t count, const dp_source_options *options)
{
	dp_source *s;
	memset(&result, 0, sizeof result);
	result.code = dp_csv_source_open_bytes(&s, files, count, options, &result.fault);
	if (result.code == DP_OK) drain(s, true);
}

static void run_with(const char *text, const dp_source_options *options)
{
	dp_csv_bytes file = {"t.csv", text, strlen(text)};
	run_bytes(&file, 1, options);
}

static void run(const char *text)
{
	run_with(text, &(dp_source_options){0});
}

static void run_bitcoin(const char *text)
{
	const dp_chain *bitcoin = dp_chain_find("bitcoin", 7);
	run_with(text, &(dp_source_options){.chain = bitcoin});
}

static void yields(const char *expected)
{
	if (result.code != DP_OK) {
		char text[1000];
		dp_fault_format(&result.fault, text, sizeof text);
		fail_msg("%s", text);
	}
	assert_string_equal(result.text, expected);
}

// The run failed at this line, and the words of the one-line message are among what it says.
static void refused(uint32_t line, const char *words)
{
	char text[1000];
	assert_int_not_equal(result.code, DP_OK);
	assert_int_equal(result.fault.code, result.code);
	dp_fault_format(&result.fault, text, sizeof text);
	if (strstr(text, words) == NULL) fail_msg("\"%s\" is not in: %s", words, text);
	assert_null(strchr(text, '\n'));
	assert_int_equal(result.fault.line, line);
	assert_string_equal(result.fault.file, "t.csv");
}

// ---- What rows mean. ---------------------------------------------------------------------------

static void columns_are_found_by_header_in_any_order_and_case(void **state)
{
	(void)state;
	run("Amount,extra,TO,From,TX,\"Block\", time ,source,Asset\n"
	    "1.5,x,name:b,name:a," TX1 ",7,1970-01-01T00:01:40Z,s,ETH\n");
	yields("B7@100\n  T1111\n    native eth 1500000000000000000 a>b\n");
	// Separators inside quotes, a mark, CR LF, and no newline at the end.
	run("\xef\xbb\xbf"
	    "block,time,tx,from,to,note,amount_base\r\n"
	    "7,100," TX1 ",name:a,name:b,\"one, \"\"two\"\"\",5\r\n"
	    "8,112," TX2 ",name:b,name:c,,6");
	yields("B7@100\n  T1111\n    native eth 5 a>b\nB8@112\n  T2222\n    native eth 6 b>c\n");
}

static void amounts_are_exact_in_coins_or_base_units(void **state)
{
	(void)state;
	run("block,tx,from,to,asset,amount,amount_base\n"
	    "1," TX1 ",name:a,name:b,eth,0.000000000000000001,\n"
	    "1," TX1 ",name:a,name:b,eth,,340282366920938463463374607431768211456\n"
	    "1," TX1 ",name:a,name:b,usdt,1.500000000,1500000\n"
	    "1," TX1 ",name:a,name:b,,0,\n");
	yields("B1@0\n  T1111\n    native eth 1 a>b\n"
	       "    native eth 340282366920938463463374607431768211456 a>b\n"
	       "    token usdt 1500000 a>b\n    native eth 0 a>b\n");
	run(HEAD "1,1," TX1 ",name:a,name:b,usdt,1.0000001\n");
	refused(2, "amount: ");
	run(HEAD "1,1," TX1 ",name:a,name:b,eth,1e18\n");
	refused(2, "amount: ");
	run(HEAD "1,1," TX1 ",name:a,name:b,eth,-1\n");
	refused(2, "amount: ");
	run(HEAD "1,1," TX1 ",name:a,name:b,eth,\n");
	refused(2, "amount: it is empty");
	run("block,tx,from,to,amount,amount_base\n1," TX1 ",name:a,name:b,1,1\n");
	refused(2, "not the same");
}

static void amounts_that_overflow_are_refused(void **state)
{
	(void)state;
	// 2^256 - 1 fits, 2^256 does not.
	run("block,tx,from,to,amount_base\n1," TX1
	    ",name:a,name:b,1157920892373161954235709850086879"
	    "07853269984665640564039457584007913129639935\n");
	yields("B1@0\n  T1111\n    native eth 1157920892373161954235709850086879"
	       "07853269984665640564039457584007913129639935 a>b\n");
	run("block,tx,from,to,amount_base\n1," TX1
	    ",name:a,name:b,1157920892373161954235709850086879"
	    "07853269984665640564039457584007913129639936\n");
	refused(2, "amount_base: ");
	assert_int_equal(result.code, DP_LIMIT);
}

static void assets_are_symbols_caip19_or_contracts(void **state)
{
	(void)state;
	run("block,tx,from,to,asset,contract,amount\n"
	    "1," TX1 ",name:a,name:b,eip155:1/slip44:60,,2\n"
	    "1," TX1 ",name:a,name:b,eip155:1/erc20:" STETH ",,2\n"
	    "1," TX1 ",name:a,name:b," STETH ",-,2\n"
	    "1," TX1 ",name:a,name:b,StETH,,2\n"
	    "1," TX1 ",name:a,name:b,USDT," STETH ",2\n" // the contract decides, not the symbol
	    "1," TX1 ",name:a,name:b," FALSE_CONTRACT ",,2\n"
	    "1," TX1 ",name:a,name:b,eip155:1/erc20:" FALSE_CONTRACT ",,2\n");
	yields("B1@0\n  T1111\n    native eth 2000000000000000000 a>b\n"
	       "    token steth 2000000000000000000 a>b\n    token steth 2000000000000000000 a>b\n"
	       "    token steth 2000000000000000000 a>b\n    token steth 2000000000000000000 a>b\n"
	       "    token ~ 2000000000000000000 a>b\n    token ~ 2000000000000000000 a>b\n");
	assert_int_equal(result.stats.noise, 2);
	run(HEAD "1,1," TX1 ",name:a,name:b,GOLD,1\n");
	refused(2, "unknown asset \"GOLD\" on ethereum: give its contract or its CAIP-19 name");
	run(HEAD "1,1," TX1 ",name:a,name:b,\xd0\x95TH,1\n"); // Cyrillic capital IE
	refused(2, "unknown asset");
	run(HEAD "1,1," TX1 ",name:a,name:b,eip155:10/slip44:60,1\n");
	refused(2, "unknown asset");
}

static void unlisted_contracts_are_noise_whatever_they_say(void **state)
{
	(void)state;
	run("block,tx,from,to,asset,contract,amount,kind\n"
	    "1," TX1 ",name:a,name:b,ETH," FALSE_CONTRACT ",10000,native\n"
	    "1," TX1 ",name:a,name:b,E\xd0\xa2H," FALSE_CONTRACT ",a lot,token\n"
	    "1," TX1 ",-,-,abcdefghijklmn\xd0\xa2H," FALSE_CONTRACT ",1,\n" // cut at a character
	    "1," TX1 ",name:a,,\xff\x01X," FALSE_CONTRACT ",,\n");
	yields("B1@0\n  T1111\n    token ~ETH 10000000000000000000000 a>b\n"
	       "    token ~E\xd0\xa2H 0 a>b\n    token ~abcdefghijklmn 1000000000000000000 ->-\n"
	       "    token ~??X 0 a>-\n");
	assert_int_equal(result.stats.noise, 4);
	// What a row of noise cannot hide: an address or a contract that is none.
	run("block,tx,from,to,asset,contract,amount\n"
	    "1," TX1 ",name:a,name:b,ETH,0xee33058E9fceb8ebece8bdb0e70fcb257595c562,1\n");
	refused(2, "contract: wrong checksum");
	run("block,tx,from,to,asset,contract,amount\n1," TX1 ",name:a,name:b,ETH,0x12,1\n");
	refused(2, "contract: ");
}

static void transfers_of_nothing_are_marked_unsigned(void **state)
{
	(void)state;
	run("block,tx,from,to,asset,contract,amount\n"
	    "1," TX1 ",name:a,name:b,stETH," STETH ",0.0\n"
	    "1," TX1 ",name:a,name:b,ETH,,0.0\n"
	    "1," TX1 ",name:a,name:b,usd,,0\n");
	yields("B1@0\n  T1111\n    token ~stETH 0 a>b 0\n    native eth 0 a>b\n"
	       "    token usd 0 a>b\n");
}

static void kinds_and_their_other_names(void **state)
{
	(void)state;
	run("block,tx,kind,from,to,asset,amount_base\n"
	    "1," TX1 ",native,name:a,name:b,,1\n1," TX1 ",Normal,name:a,name:b,,2\n"
	    "1," TX1 ",internal,name:a,name:b,,3\n1," TX1 ",erc20,name:a,name:b,usdc,4\n"
	    "1," TX1 ",token,name:a,,usdc,5\n1," TX1 ",transfer,name:a,name:b,usdc,6\n"
	    "1," TX1 ",transfer,name:a,name:b,,7\n1," TX1 ",fee,name:a,-,,8\n"
	    "1," TX1 ",reward,,name:b,,9\n");
	yields("B1@0\n  T1111\n    native eth 1 a>b\n    native eth 2 a>b\n    internal eth 3 a>b\n"
	       "    token usdc 4 a>b\n    token usdc 5 a>-\n    token usdc 6 a>b\n"
	       "    native eth 7 a>b\n    fee eth 8 a>-\n    reward eth 9 ->b\n");
	static const struct {
		const char *rest, *words;
	} bad[] = {
	    {"swap,name:a,name:b,,1\n", "kind: \"swap\" is none of"},
	    {"input,name:a,name:b,,1\n", "chains of coins"},
	    {"token,name:a,name:b,eth,1\n", "kind token, but"},
	    {"native,name:a,name:b,usdc,1\n", "the kind is not token, but"},
	    {"fee,,name:b,,1\n", "a fee needs"},
	    {"reward,name:a,name:b,,1\n", "a reward is made from nothing"},
	    {"native,-,,,1\n", "from and to are both empty"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char text[500];
		(void)snprintf(text, sizeof text, "block,tx,kind,from,to,asset,amount\n1,%s,%s",
		               TX1, bad[i].rest);
		run(text);
		refused(2, bad[i].words);
	}
}

static void failed_calls_move_nothing_but_their_fee(void **state)
{
	(void)state;
	run("block,tx,kind,from,to,asset,amount_base,status\n"
	    "1," TX1 ",native,name:a,name:b,,1,failed\n"
	    "1," TX1 ",internal,name:b,name:c,,1,ok\n"
	    "1," TX1 ",fee,name:a,,,2,\n"
	    "1," TX2 ",native,name:a,name:b,,1,1\n"
	    "1," TX2 ",internal,name:b,name:c,,1,FALSE\n"
	    "1," TX3 ",token,name:a,name:b,usdc,1,reverted\n"
	    "1," TX4 ",fee,name:a,,,3,0\n"
	    "1," TX4 ",token,name:a,name:b,usdc,1,success\n");
	yields(
	    "B1@0\n  T1111!\n    native eth 1 a>b !\n    internal eth 1 b>c !\n    fee eth 2 a>-\n"
	    "  T2222\n    native eth 1 a>b\n    internal eth 1 b>c !\n"
	    "  T3333!\n    token usdc 1 a>b !\n  T4444!\n    fee eth 3 a>-\n"
	    "    token usdc 1 a>b !\n");
	run("block,tx,from,to,amount,status\n1," TX1 ",name:a,name:b,1,maybe\n");
	refused(2, "status: \"maybe\"");
}

static void addresses_are_checked(void **state)
{
	(void)state;
	run(HEAD "1,1," TX1 ",0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2,"
	         "eip155:1:0x0000000000000000000000000000000000000000,eth,1\n");
	yields("B1@1\n  T1111\n    native eth 1000000000000000000 0x4766>0x0000\n");
	run(HEAD "1,1," TX1 ",0x47666fab8bd0Ac7003bce3f5C3585383F09486E2,name:b,eth,1\n");
	refused(2, "from: wrong checksum in 0x47666fab8bd0Ac7003bce3f5C3585383F09486E2");
	refused(2, "0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2");
	run(HEAD "1,1," TX1 ",name:a,0x47666fab,eth,1\n");
	refused(2, "to: ");
	run(HEAD "1,1," TX1 ",name:a,alice,eth,1\n");
	refused(2, "to: ");
	run(HEAD "1,1," TX1 ",name:,name:b,eth,1\n");
	refused(2, "a name has 1 to 32");
	run(HEAD "1,1,0x1234,name:a,name:b,eth,1\n");
	refused(2, "tx: ");
}

// ---- Time. -------------------------------------------------------------------------------------

static void time_is_iso_or_unix_one_for_each_block(void **state)
{
	(void)state;
	run(HEAD "1,2025-02-21 14:29:47," TX1 ",name:a,name:b,eth,1\n"
	         "1,1740148187," TX2 ",name:a,name:b,eth,1\n");
	yields("B1@1740148187\n  T1111\n    native eth 1000000000000000000 a>b\n"
	       "  T2222\n    native eth 1000000000000000000 a>b\n");
	run(HEAD "1,5," TX1 ",name:a,name:b,eth,1\n1,6," TX2 ",name:a,name:b,eth,1\n");
	refused(3, "block 1 has another time in line 2");
	run(HEAD "1,5," TX1 ",name:a,name:b,eth,1\n2,," TX2 ",name:a,name:b,eth,1\n");
	refused(3, "it is empty here, but line 2 has one");
	run(HEAD "1,," TX1 ",name:a,name:b,eth,1\n2,5," TX2 ",name:a,name:b,eth,1\n");
	refused(3, "this row has one, but line 2 has none");
	run(HEAD "1,yesterday," TX1 ",name:a,name:b,eth,1\n");
	refused(2, "time: \"yesterday\" is no time");
	run(HEAD "1,," TX1 ",name:a,name:b,eth,0\n2,," TX2 ",name:a,name:b,eth,0\n");
	yields("B1@0\n  T1111\n    native eth 0 a>b\nB2@0\n  T2222\n    native eth 0 a>b\n");
}

// ---- Order. ------------------------------------------------------------------------------------

static void rows_out_of_order_are_sorted_and_gathered(void **state)
{
	(void)state;
	run(HEAD "2,20," TX2 ",name:b,name:c,eth,0\n"
	         "1,10," TX1 ",name:a,name:b,usdt,1\n"
	         "2,20," TX3 ",name:c,name:d,eth,0\n"
	         "1,10," TX1 ",name:a,name:b,usdt,2\n"
	         "2,20," TX2 ",name:b,name:d,eth,0\n");
	yields("B1@10\n  T1111\n    token usdt 1000000 a>b\n    token usdt 2000000 a>b\n"
	       "B2@20\n  T2222\n    native eth 0 b>c\n    native eth 0 b>d\n"
	       "  T3333\n    native eth 0 c>d\n");
	assert_int_equal(result.stats.reordered, 3); // two behind block 2, one gathered
	run(HEAD "1,10," TX1 ",name:a,name:b,eth,0\n2,20," TX2 ",name:a,name:b,eth,0\n");
	assert_int_equal(result.stats.reordered, 0);
}

static void an_index_orders_rows_within_a_block(void **state)
{
	(void)state;
	run("block,index,tx,from,to,amount\n"
	    "1,30," TX2 ",name:c,name:d,0\n1,10," TX1 ",name:a,name:b,0\n"
	    "1,20," TX1 ",name:b,name:c,0\n1,30," TX3 ",name:x,name:y,0\n"
	    "1,30," TX2 ",name:d,name:e,0\n");
	yields("B1@0\n  T1111\n    native eth 0 a>b\n    native eth 0 b>c\n"
	       "  T2222\n    native eth 0 c>d\n    native eth 0 d>e\n"
	       "  T3333\n    native eth 0 x>y\n");
	run("block,index,tx,from,to,amount\n"
	    "1,10," TX1 ",name:a,name:b,0\n1,20," TX2 ",name:b,name:c,0\n"
	    "1,30," TX1 ",name:c,name:d,0\n");
	refused(4,
	        "index 30: another transaction stands between this row and the same transaction's "
	        "line 2 (index 10)");
	run("block,index,tx,from,to,amount\n1,x," TX1 ",name:a,name:b,0\n");
	refused(2, "index: \"x\"");
}

static void a_transaction_is_in_one_block_only(void **state)
{
	(void)state;
	run(HEAD "1,1," TX1 ",name:a,name:b,eth,0\n2,2," TX1 ",name:a,name:b,eth,0\n");
	refused(3, "in block 2 here and in block 1 in line 2");
}

static void several_files_become_one_source(void **state)
{
	(void)state;
	static const char a[] = HEAD "1,10," TX1 ",name:a,name:b,eth,0\n"
	                             "3,30," TX3 ",name:a,name:b,eth,0\n";
	static const char b[] = "tx,block,time,from,to,contract,amount\n" TX2
	                        ",2,20,name:c,name:d,,0\n" TX1 ",1,10,name:c,name:d," STETH ",1\n";
	dp_csv_bytes files[] = {{"t.csv", a, sizeof a - 1}, {"u.csv", b, sizeof b - 1}};
	run_bytes(files, 2, &(dp_source_options){0});
	yields("B1@10\n  T1111\n    native eth 0 a>b\n    token steth 1000000000000000000 c>d\n"
	       "B2@20\n  T2222\n    native eth 0 c>d\nB3@30\n  T3333\n    native eth 0 a>b\n");
	assert_int_equal(result.stats.bytes_total, sizeof a + sizeof b - 2);
	assert_int_equal(result.stats.bytes_read, result.stats.bytes_total);
	static const char c[] = "block,index,tx,from,to,amount\n1,1," TX4 ",name:a,name:b,0\n";
	dp_csv_bytes mixed[] = {{"u.csv", b, sizeof b - 1}, {"t.csv", c, sizeof c - 1}};
	run_bytes(mixed, 2, &(dp_source_options){0});
	refused(1, "index");
	static const char d[] = HEAD "2,21," TX4 ",name:a,name:b,eth,0\n";
	dp_csv_bytes clash[] = {{"u.csv", b, sizeof b - 1}, {"t.csv", d, sizeof d - 1}};
	run_bytes(clash, 2, &(dp_source_options){0});
	refused(2, "block 2 has another time in line 2 of u.csv");
}

// ---- Little memory. ----------------------------------------------------------------------------

// `rows` transactions in blocks of three, each block 10 s after the one before, then `last`.
static char *many_rows(uint32_t rows, uint32_t first_block, uint32_t salt, const char *last)
{
	size_t size = 400 + rows * 160UL, used;
	char *text = malloc(size);
	assert_non_null(text);
	used = (size_t)snprintf(text, size, HEAD);
	for (uint32_t i = 0; i < rows; i++) {
		uint32_t block = first_block + i / 3;
		used += (size_t)snprintf(text + used, size - used,
		                         "%u,%u,0x%08x%056x,name:a%u,name:b%u,eth,%u\n", block,
		                         block * 10, salt, i, i % 10, i % 7, i);
	}
	(void)snprintf(text + used, size - used, "%s", last);
	return text;
}

static void what_does_not_fit_in_memory_is_streamed(void **state)
{
	(void)state;
	char *a = many_rows(1200, 1, 7, ""), *b = many_rows(700, 100, 8, "");
	dp_csv_bytes files[] = {{"t.csv", a, strlen(a)}, {"u.csv", b, strlen(b)}};
	// The rendering of all of it is long: compare checksums of the blocks.
	unsigned long sum[2] = {0, 0};
	uint64_t movements[2] = {0, 0};
	for (int i = 0; i < 2; i++) {
		dp_source *s;
		const dp_block *block;
		dp_source_options options = {.memory_max = i == 0 ? 0 : 1};
		dp_fault fault;
		assert_int_equal(dp_csv_source_open_bytes(&s, files, 2, &options, &fault), DP_OK);
		uint64_t height = 0;
		while (s->next(s, &block, &fault) == DP_OK) {
			memset(&result, 0, sizeof result);
			say_block(block);
			sum[i] = crc32(sum[i], (const Bytef *)result.text, (uInt)result.size);
			movements[i] += block->mv_count;
			assert_true(block->height > height);
			height = block->height;
		}
		s->close(s);
	}
	assert_int_equal(movements[0], 1900);
	assert_int_equal(movements[1], 1900);
	assert_true(sum[0] == sum[1]);
	free(a);
	free(b);
}

static void streaming_refuses_a_row_that_comes_too_late(void **state)
{
	(void)state;
	char *text = many_rows(1200, 5, 7, "2,20," TX1 ",name:a,name:b,eth,1\n");
	run(text); // in order where memory allows
	assert_int_equal(result.code, DP_OK);
	assert_int_equal(result.stats.reordered, 1);
	run_with(text, &(dp_source_options){.memory_max = 1});
	refused(1202, "block 2 cannot be placed behind block 404");
	refused(1202, "sort the file by block first");
	free(text);
	// One block that is too large for its part of the memory.
	size_t size = 2000 * 160UL;
	text = malloc(size);
	assert_non_null(text);
	size_t used = (size_t)snprintf(text, size, HEAD);
	for (uint32_t i = 0; i < 1500; i++)
		used += (size_t)snprintf(text + used, size - used,
		                         "1,10,0x%064x,name:a,name:b,eth,1\n", i);
	run_with(text, &(dp_source_options){.memory_max = 1});
	assert_int_equal(result.code, DP_LIMIT);
	assert_non_null(strstr(result.fault.text, "block 1 alone does not fit"));
	free(text);
}

// ---- Chains of coins. --------------------------------------------------------------------------

#define P2PKH_A "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"

static void coins_are_inputs_and_outputs(void **state)
{
	(void)state;
	// A transaction's outputs may stand before its inputs; they are numbered by their place.
	run_bitcoin(UHEAD "1,10," UTX(
	    "1") ",output,," P2PKH_A ",50\n"
	         "2,20," UTX("2") ",output,,name:b,20\n"
	                          "2,20," UTX("2") ",input," UTX(
	                              "1") ":0,,\n"
	                                   "2,20," UTX("2") ",output,,name:c,29.9999\n"
	                                                    "3,30," UTX("3") ",," UTX(
	                                                        "2") ":1,,29.9999\n"
	                                                             "3,30," UTX(
	                                                                 "3") ",,,name:d,1\n");
	yields(
	    "B1@10\n  T1111*\n    output btc 5000000000 ->1A1zP1\n"
	    "B2@20\n  T2222\n    input btc 5000000000 1A1zP1>- 1111:0\n"
	    "    output btc 2000000000 ->b\n    output btc 2999990000 ->c\n"
	    "B3@30\n  T3333\n    input btc 2999990000 c>- 2222:1\n    output btc 100000000 ->d\n");
}

static void inputs_of_unknown_value_say_so(void **state)
{
	(void)state;
	static const char text[] =
	    UHEAD "1,10," UTX("1") ",input," UTX("9") ":4,,\n"
	                                              "1,10," UTX("1") ",output,,name:b,20\n";
	run_bitcoin(text);
	yields("B1@10\n  T1111\n    input btc 0 ->- 9999:4 ?\n    output btc 2000000000 ->b\n");
	assert_int_equal(result.stats.values_unknown, 1);
}

static void coins_that_cannot_be_are_refused(void **state)
{
	(void)state;
	static const struct {
		uint32_t line;
		const char *rows, *words;
	} bad[] = {
	    {2, "1,1," UTX("1") ",input," UTX("9") ":0,,1\n1,1," UTX("1") ",output,,name:b,2\n",
	     "pays 2 from inputs of 1"},
	    {3, "1,1," UTX("1") ",output,,name:b,2\n2,2," UTX("2") ",input," UTX("1") ":0,,3\n",
	     "the coin was made with another amount in line 2"},
	    {2, "1,1," UTX("1") ",native,name:a,name:b,2\n", "write input or output"},
	    {2, "1,1," UTX("1") ",output,name:a,name:b,2\n", "from: an output row"},
	    {2, "1,1," UTX("1") ",output,,,2\n", "to: an output needs"},
	    {2, "1,1," UTX("1") ",output,,name:b,\n", "amount: an output needs"},
	    {2, "1,1," UTX("1") ",input," UTX("9") ":0,name:b,1\n", "to: an input row pays nobody"},
	    {2, "1,1," UTX("1") ",input," UTX("0") ":4294967295,,1\n", "coinbase"},
	    {2, "1,1," UTX("1") ",input,coinbase,,1\n", "from: "},
	    {2, "1,1," UTX("1") ",output,,1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb,1\n", "to: "},
	    {2, "1,1," UTX("1") ",output,,name:b,200000000000\n", "more than 64 bits"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char text[1000];
		(void)snprintf(text, sizeof text, "%s%s", UHEAD, bad[i].rows);
		run_bitcoin(text);
		refused(bad[i].line, bad[i].words);
	}
	const dp_chain *bitcoin = dp_chain_find("bitcoin", 7);
	dp_source_options options = {.chain = bitcoin};
	run_with("block,tx,from,to,amount,status\n1," UTX("1") ",,name:b,2,failed\n", &options);
	refused(2, "do not fail on bitcoin");
}

// Every transaction spends two coins made before, picked at random, and makes three; no input gives
// its value. The source must know each one (none is assumed), whatever was put and removed since.
static void coins_are_found_after_many_came_and_went(void **state)
{
	(void)state;
	enum { COUNT = 3000, COINBASES = 50 };
	static struct {
		uint32_t tx, vout;
		uint64_t value;
	} coin[COUNT * 3];
	size_t size = COUNT * 700UL, used;
	char *text = malloc(size);
	assert_non_null(text);
	uint32_t have = 0, seed = 12345;
	used = (size_t)snprintf(text, size, "block,time,tx,kind,from,to,amount_base\n");
	for (uint32_t i = 0; i < COUNT; i++) {
		uint64_t value = i < COINBASES ? 3000000000 : 0;
		for (int k = 0; k < 2 && i >= COINBASES; k++) {
			seed = seed * 1664525 + 1013904223;
			uint32_t pick = (seed >> 8) % have;
			used += (size_t)snprintf(text + used, size - used,
			                         "%u,%u,%064x,input,%064x:%u,,\n", i, i, i + 1,
			                         coin[pick].tx, coin[pick].vout);
			value += coin[pick].value;
			coin[pick] = coin[--have];
		}
		for (uint32_t k = 0; k < 3; k++) {
			used += (size_t)snprintf(text + used, size - used,
			                         "%u,%u,%064x,output,,name:n%u,%llu\n", i, i, i + 1,
			                         i % 50, (unsigned long long)(value / 3));
			coin[have].tx = i + 1;
			coin[have].value = value / 3;
			coin[have++].vout = k;
		}
	}
	dp_csv_bytes file = {"t.csv", text, used};
	const dp_chain *bitcoin = dp_chain_find("bitcoin", 7);
	dp_source_options options = {.chain = bitcoin};
	dp_source *s;
	assert_int_equal(dp_csv_source_open_bytes(&s, &file, 1, &options, &result.fault), DP_OK);
	drain(s, false);
	free(text);
	if (result.code != DP_OK) fail_msg("%u: %s", result.fault.line, result.fault.text);
	assert_int_equal(result.stats.values_unknown, 0);
}

static void the_two_historic_repetitions_are_legal(void **state)
{
	(void)state;
#define TWICE "e3bf3d07d4b0375638d5f1db5255fe07ba2c4cb067cd81b84ee974b6585fb468"
	run_bitcoin(UHEAD "91722,1," TWICE ",output,,name:a,50\n91880,2," TWICE
	                  ",output,,name:a,50\n");
	yields("B91722@1\n  Te3bf*\n    output btc 5000000000 ->a\n"
	       "B91880@2\n  Te3bf*\n    output btc 5000000000 ->a\n");
	run_bitcoin(UHEAD
	            "1,1," UTX("1") ",output,,name:a,50\n2,2," UTX("1") ",output,,name:a,50\n");
	refused(3, "it can be in one only");
}

// ---- Headers and maps. -------------------------------------------------------------------------

static void a_missing_or_repeated_column_is_named(void **state)
{
	(void)state;
	run("block,time,hash,from,to,amount\n1,1," TX1 ",name:a,name:b,1\n");
	refused(1, "no column \"tx\" (it has: block,time,hash,from,to,amount)");
	run("block,tx,from,to\n1," TX1 ",name:a,name:b\n");
	refused(1, "no column \"amount\"");
	run("block,tx,from,to,amount,BLOCK\n");
	refused(1, "names \"BLOCK\" twice");
	run("");
	refused(1, "the file is empty");
	run(HEAD);
	yields("");
}

static void a_map_names_columns_and_constants(void **state)
{
	(void)state;
	static const char text[] = "Height,Hash,Sender,Receiver,Wei\n9," TX1 ",name:a,name:b,77\n";
	dp_source_options o = {.map =
	                           "block=height, tx=Hash,from=Sender,to=Receiver,amount_base=Wei,"
	                           "asset=:usdt,kind=:token,time=:100"};
	run_with(text, &o);
	yields("B9@100\n  T1111\n    token usdt 77 a>b\n");
	static const struct {
		const char *map, *words;
	} bad[] = {
	    {"blok=Height", "map: no column is called \"blok\": did you mean \"block\"?"},
	    {"zzzzzzzz=Height", "the names are block, time"},
	    {"block=Heigt", "has no column \"Heigt\" for \"block\": did you mean \"Height\"?"},
	    {"block=qqqqqqqqq", "it has Height,Hash,Sender,Receiver,Wei"},
	    {"block=Height,block=Hash", "map: \"block\" is given twice"},
	    {"block", "map: \"block\" is not name=header"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		o.map = bad[i].map;
		run_with(text, &o);
		refused(0, bad[i].words);
		assert_int_equal(result.code, DP_BAD_CASE);
	}
}

static void names_of_known_exports_need_no_map(void **state)
{
	(void)state;
	run("block,time_utc,tx_hash,from,to,asset,token_contract,amount,source\n"
	    "5,1970-01-01 00:01:40," TX1 ",name:a,name:b,ETH,,1.0,hop1.csv:2\n");
	yields("B5@100\n  T1111\n    native eth 1000000000000000000 a>b\n");
	run("Timestamp,Block,Tx_hash,From,From_label,To,To_label,Value_in_USD\n"
	    "1970-01-01 00:01:40,5," TX1 ",name:a,A SRC,name:b,,347.55300000000005\n");
	yields("B5@100\n  T1111\n    token usd 347553000000000050000 a>b\n");
	// The map wins over the recognised header.
	run_with("Timestamp,Block,Tx_hash,From,To,Value_in_USD\n100,5," TX1 ",name:a,name:b,2\n",
	         &(dp_source_options){.map = "asset=:eth"});
	yields("B5@100\n  T1111\n    native eth 2000000000000000000 a>b\n");
}

static void damaged_text_is_refused_with_its_line(void **state)
{
	(void)state;
	run(HEAD "1,1," TX1 ",name:a,name:b,eth,1\n2,2," TX2 ",\"name:a,name:b,eth,1\n3,3,\n");
	refused(3, "never closes");
	run(HEAD "1,1," TX1 ",name:a,name:b,eth\n");
	refused(2, "the row has 6 fields and the header 7");
	run(HEAD "0x10,1," TX1 ",name:a,name:b,eth,1\n");
	refused(2, "block: \"0x10\" is no block number");
	run(HEAD "9223372036854775808,1," TX1 ",name:a,name:b,eth,1\n");
	refused(2, "is no block number");
	run(HEAD ",1," TX1 ",name:a,name:b,eth,1\n");
	refused(2, "block: ");
}

static void csv_is_recognised_by_name_and_header(void **state)
{
	(void)state;
	static const char head[] = "Timestamp,Block,Tx_hash\r\n1,2,3\n";
	const uint8_t *h = (const uint8_t *)head;
	int both = dp_source_csv.recognise("x/EDGES.CSV", h, sizeof head - 1, false);
	int name = dp_source_csv.recognise("x/edges.csv.gz", (const uint8_t *)"\x1f\x8b", 2, false);
	int header = dp_source_csv.recognise("-", h, sizeof head - 1, false);
	assert_true(both > name && name > header && header > 0);
	assert_int_equal(dp_source_csv.recognise("x.csv", NULL, 0, true), 0);
	assert_int_equal(dp_source_csv.recognise("-", (const uint8_t *)"{\"block\":1,", 11, false),
	                 0);
	assert_int_equal(dp_source_csv.recognise("blk1.dat", (const uint8_t *)"\xf9\xbe", 2, false),
	                 0);
}

static void no_memory_is_an_error_and_leaks_nothing(void **state)
{
	(void)state;
	char *text = many_rows(1000, 1, 7, "");
	static const char small[] = HEAD "2,2," TX1 ",name:a,name:b,eth,1\n"
	                                 "1,1," TX2 ",name:a,name:b,eth,1\n";
	const char *texts[] = {small, text};
	int64_t before = dp_mem_live();
	for (int k = 0; k < 2; k++) {
		int64_t n = 0;
		for (result.code = DP_NO_MEMORY; result.code != DP_OK; n++) {
			dp_mem_fail_after(n);
			run_with(texts[k], &(dp_source_options){.memory_max = (uint64_t)k});
			dp_mem_fail_after(-1);
			assert_int_equal(dp_mem_live(), before);
			if (result.code != DP_OK) assert_int_equal(result.code, DP_NO_MEMORY);
			assert_true(n < 1000);
			result.size = 0;
		}
		assert_true(n > 5);
	}
	free(text);
}

// ---- Files. ------------------------------------------------------------------------------------

static void open_file(const char *path, bool render)
{
	dp_source *s;
	memset(&result, 0, sizeof result);
	result.code = dp_source_csv.open(&s, &path, 1, &(dp_source_options){0}, &result.fault);
	if (result.code == DP_OK) drain(s, render);
}

static void write_file(const char *path, const void *bytes, size_t n)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static void compressed_files_are_the_same(void **state)
{
	(void)state;
	static const char plain[] = "tests/data/csv/transfers.csv";
	open_file(plain, true);
	assert_int_equal(result.code, DP_OK);
	char expected[8192];
	assert_true(result.size > 100 && result.size < sizeof expected);
	memcpy(expected, result.text, result.size + 1);
	char text[8192];
	FILE *f = fopen(plain, "rb");
	assert_non_null(f);
	size_t n = fread(text, 1, sizeof text, f);
	(void)fclose(f);
	char folder[] = "/tmp/dyepack-csv-XXXXXX", gz[64], zst[64];
	assert_non_null(mkdtemp(folder));
	(void)snprintf(gz, sizeof gz, "%s/a.csv.gz", folder);
	(void)snprintf(zst, sizeof zst, "%s/b.csv.zst", folder);
	gzFile g = gzopen(gz, "wb");
	assert_non_null(g);
	assert_int_equal(gzwrite(g, text, (unsigned)n), n);
	assert_int_equal(gzclose(g), Z_OK);
	char packed[16384];
	size_t k = ZSTD_compress(packed, sizeof packed, text, n, 3);
	assert_false(ZSTD_isError(k));
	write_file(zst, packed, k);
	open_file(gz, true);
	yields(expected);
	open_file(zst, true);
	yields(expected);
	write_file(zst, packed, k / 2); // cut short
	open_file(zst, true);
	assert_int_equal(result.code, DP_BAD_BYTES);
	assert_non_null(strstr(result.fault.file, "b.csv.zst"));
	(void)unlink(gz);
	(void)unlink(zst);
	(void)rmdir(folder);
	open_file("/nonexistent/x.csv", true);
	assert_int_not_equal(result.code, DP_OK);
}

// ---- The real exports. -------------------------------------------------------------------------

// Sums over a whole source, so that large files need no rendering.
struct totals {
	uint64_t blocks, rows, noise, zero_native, unsigned_zero, foreign_symbols;
	dp_u256 sum[2]; // of the chain's coin, of usd
};

static dp_source *open_shared(const char *const *names, uint32_t count)
{
	static char path[4][500];
	const char *paths[4];
	const char *root = getenv("DYEPACK_SHARED");
	if (root == NULL || root[0] == 0) root = "../shared";
	for (uint32_t i = 0; i < count; i++) {
		(void)snprintf(path[i], sizeof path[i], "%s/data/%s", root, names[i]);
		paths[i] = path[i];
		if (access(path[i], R_OK) == 0) continue;
		print_message("skipped: %s is not there (DYEPACK_SHARED names its folder)\n",
		              path[i]);
		skip();
	}
	dp_source *s;
	dp_fault fault;
	dp_source_options options = {0};
	dp_code code = dp_source_csv.open(&s, paths, count, &options, &fault);
	if (code != DP_OK) fail_msg("%s", fault.text);
	return s;
}

static struct totals add_up(dp_source *s)
{
	struct totals t = {0};
	const dp_block *b;
	dp_fault fault;
	dp_code code;
	while ((code = s->next(s, &b, &fault)) == DP_OK) {
		t.blocks++;
		for (uint32_t i = 0; i < b->mv_count; i++) {
			const dp_movement *mv = &b->mv[i];
			t.rows++;
			if (mv->flags & DP_MVF_UNSIGNED_ZERO) t.unsigned_zero++;
			if (mv->asset.v == 0) {
				t.noise++;
				for (const char *p = mv->noise.symbol; *p != 0; p++)
					if ((*p & 0x80) != 0) {
						t.foreign_symbols++;
						break;
					}
				continue;
			}
			if (mv->kind == DP_MV_NATIVE && dp_u256_is_zero(mv->amount))
				t.zero_native++;
			bool usd = dp_asset_info_of(mv->asset)->class == DP_ASSET_VALUATION;
			if (usd || mv->asset.v == dp_asset_native(b->chain).v)
				t.sum[usd] = dp_u256_add(t.sum[usd], mv->amount);
		}
	}
	if (code != DP_END) fail_msg("%s:%u: %s", fault.file, fault.line, fault.text);
	assert_int_equal(s->stats.noise, t.noise);
	s->close(s);
	return t;
}

static void expect_sum(dp_u256 sum, const char *text)
{
	char out[DP_U256_DEC_MAX];
	dp_u256_format(out, sum, 18);
	assert_string_equal(out, text);
}

static void bybit_native_rows_are_all_there(void **state)
{
	(void)state;
	struct totals t = add_up(open_shared((const char *[]){"bybit/native.csv"}, 1));
	assert_int_equal(t.rows, 203);
	assert_int_equal(t.zero_native, 21);
	assert_int_equal(t.noise, 0);
	// 400001 + 98048.8948 + 98055.3621285125807993 + 10062.358226033052619 +
	// 1651.95352422111208: what the five hops sent, as their source prints it.
	expect_sum(t.sum[0], "607819.5686787667454983");
}

static void bybit_tokens_are_genuine_except_three_of_nothing(void **state)
{
	(void)state;
	struct totals t = add_up(open_shared((const char *[]){"bybit/tokens.csv"}, 1));
	assert_int_equal(t.rows, 20);
	assert_int_equal(t.unsigned_zero, 3);
	assert_int_equal(t.noise, 3);
}

static void bybit_decoys_are_all_noise(void **state)
{
	(void)state;
	struct totals t = add_up(open_shared((const char *[]){"bybit/decoys.csv"}, 1));
	assert_int_equal(t.rows, 60);
	assert_int_equal(t.noise, 60);
	assert_int_equal(t.foreign_symbols, 56); // four pretend in plain ASCII
}

static void bybit_files_merge_into_one_ledger(void **state)
{
	(void)state;
	static const char *const names[] = {"bybit/native.csv", "bybit/tokens.csv",
	                                    "bybit/decoys.csv"};
	struct totals t = add_up(open_shared(names, 3));
	assert_int_equal(t.rows, 283);
	assert_int_equal(t.noise, 63);
	expect_sum(t.sum[0], "607819.5686787667454983");
}

static void flow_graphs_sum_exactly(void **state)
{
	(void)state;
	dp_source *s = open_shared((const char *[]){"flows/harmony/edges.csv"}, 1);
	struct totals t = add_up(s);
	assert_int_equal(t.rows, 3887);
	assert_int_equal(t.blocks, 3201);
	expect_sum(t.sum[1], "704384877.69582000081217");
	t = add_up(open_shared((const char *[]){"flows/lifi/edges.csv"}, 1));
	assert_int_equal(t.rows, 135);
	expect_sum(t.sum[1], "22215924.11872481040293");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(columns_are_found_by_header_in_any_order_and_case),
	    cmocka_unit_test(amounts_are_exact_in_coins_or_base_units),
	    cmocka_unit_test(amounts_that_overflow_are_refused),
	    cmocka_unit_test(assets_are_symbols_caip19_or_contracts),
	    cmocka_unit_test(unlisted_contracts_are_noise_whatever_they_say),
	    cmocka_unit_test(transfers_of_nothing_are_marked_unsigned),
	    cmocka_unit_test(kinds_and_their_other_names),
	    cmocka_unit_test(failed_calls_move_nothing_but_their_fee),
	    cmocka_unit_test(addresses_are_checked),
	    cmocka_unit_test(time_is_iso_or_unix_one_for_each_block),
	    cmocka_unit_test(rows_out_of_order_are_sorted_and_gathered),
	    cmocka_unit_test(an_index_orders_rows_within_a_block),
	    cmocka_unit_test(a_transaction_is_in_one_block_only),
	    cmocka_unit_test(several_files_become_one_source),
	    cmocka_unit_test(what_does_not_fit_in_memory_is_streamed),
	    cmocka_unit_test(streaming_refuses_a_row_that_comes_too_late),
	    cmocka_unit_test(coins_are_inputs_and_outputs),
	    cmocka_unit_test(inputs_of_unknown_value_say_so),
	    cmocka_unit_test(coins_that_cannot_be_are_refused),
	    cmocka_unit_test(coins_are_found_after_many_came_and_went),
	    cmocka_unit_test(the_two_historic_repetitions_are_legal),
	    cmocka_unit_test(a_missing_or_repeated_column_is_named),
	    cmocka_unit_test(a_map_names_columns_and_constants),
	    cmocka_unit_test(names_of_known_exports_need_no_map),
	    cmocka_unit_test(damaged_text_is_refused_with_its_line),
	    cmocka_unit_test(csv_is_recognised_by_name_and_header),
	    cmocka_unit_test(no_memory_is_an_error_and_leaks_nothing),
	    cmocka_unit_test(compressed_files_are_the_same),
	    cmocka_unit_test(bybit_native_rows_are_all_there),
	    cmocka_unit_test(bybit_tokens_are_genuine_except_three_of_nothing),
	    cmocka_unit_test(bybit_decoys_are_all_noise),
	    cmocka_unit_test(bybit_files_merge_into_one_ledger),
	    cmocka_unit_test(flow_graphs_sum_exactly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
