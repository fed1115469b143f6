// ethereum-etl exports: what each sort of file means, what is refused and with which words, and
// that the order of rows, their form and the memory allowed change nothing.
//
// The property: random blocks are written as ethereum-etl writes them (CSV, JSON lines, receipts
// apart or among the transactions, one mixed stream), in order and shuffled, in one file or
// several, read with much memory and with little: all give the same blocks, byte for byte, and
// the same as dp_evm_build makes of what the generator knows.
//
// The reference: GraphSense's own totals for its raw export of five blocks. They lie outside the
// project (DYEPACK_SHARED, default ../shared); without them that test says that it was skipped.
// Covers: source/ethereum_etl.c source/etl_row.c source/etl_read.c source/etl_store.c
// Covers: source/etl_block.c source/etl_files.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "chain/digest.h"
#include "chain/ethereum.h"
#include "codec/hex.h"
#include "source/ethereum_etl.h"
#include "source/etl_row.h"
#include "source/evm_json.h"
#include "source/source_kinds.h"

// ---- Running. ----------------------------------------------------------------------------------

enum { TEXT_MAX = 1 << 18, FILES_MAX = 16, DIGESTS_MAX = 128 };

static struct result {
	dp_code code;
	dp_fault fault;
	uint64_t gaps, reordered;
	uint32_t blocks;
	uint8_t digest[DIGESTS_MAX][96]; // of each block: its rows', its hash, the one before
	char text[TEXT_MAX];
	size_t size;
	char notices[4096]; // a line each
} result;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(result.text + result.size, TEXT_MAX - result.size, format, args);
	va_end(args);
	assert_true(n >= 0 && (size_t)n < TEXT_MAX - result.size);
	result.size += (size_t)n;
}

// The last four digits of an address tell ours apart.
static void say_addr(const dp_addr *a)
{
	if (a->kind == DP_ADDR_NONE)
		say("-");
	else
		say("%02x%02x", a->bytes[18], a->bytes[19]);
}

// "log 4 0009 2 topics 3/3 616263": data by its first bytes and sizes kept and stated.
static void say_notes(const dp_block *b, uint32_t tx)
{
	static const char *const kinds[] = {"?", "log", "memo", "output", "gas", "nominal", "safe"};
	uint32_t first, count;
	dp_block_notes(b, &first, &count, tx);
	for (uint32_t i = first; i < first + count; i++) {
		const dp_note *n = &b->note[i];
		char hex[2 * 64 + 1] = "";
		dp_hex_encode(hex, dp_note_data(b, n), n->data_size < 64 ? n->data_size : 64);
		say("  %s %u %02x%02x %u topics %u/%u %s\n", kinds[n->kind], n->at, n->place[18],
		    n->place[19], n->topic_count, n->data_size, n->full_size, hex);
	}
}

static void say_block(const dp_block *b)
{
	static const char *const kinds[] = {"input", "output", "native", "internal",
	                                    "token", "fee",    "reward"};
	say("B%llu@%lld\n", (unsigned long long)b->height, (long long)b->time);
	for (uint32_t i = 0; i < b->tx_count; i++) {
		const dp_tx *tx = &b->tx[i];
		say(" T%02x%s%s\n", tx->id[31], (tx->flags & DP_TXF_FAILED) != 0 ? "!" : "",
		    (tx->flags & DP_TXF_COINBASE) != 0 ? "*" : "");
		for (uint32_t k = 0; k < tx->mv_count; k++) {
			const dp_movement *mv = &b->mv[tx->mv_first + k];
			char amount[DP_U256_DEC_MAX];
			dp_u256_format(amount, mv->amount, 0);
			say("  %s %s %s ", kinds[mv->kind],
			    mv->asset.v == 0 ? "~" : dp_asset_info_of(mv->asset)->symbol, amount);
			say_addr(&mv->from);
			say(">");
			say_addr(&mv->to);
			say("\n");
		}
		say_notes(b, i);
	}
}

static void drain(dp_source *s)
{
	const dp_block *b;
	uint64_t height = 0;
	while ((result.code = dp_source_next(s, &b, &result.fault)) == DP_OK) {
		assert_true(result.blocks == 0 || b->height > height);
		height = b->height;
		assert_true(result.blocks < DIGESTS_MAX);
		dp_block_digest(result.digest[result.blocks], b);
		memcpy(result.digest[result.blocks] + 32, b->hash, 32);
		memcpy(result.digest[result.blocks] + 64, b->prev, 32);
		result.blocks++;
		say_block(b);
	}
	result.gaps = s->gaps;
	result.reordered = s->stats.reordered;
	dp_source_close(s);
}

static void start_result(void)
{
	result.size = 0;
	result.text[0] = 0;
	result.blocks = 0;
	memset(result.digest, 0, sizeof result.digest);
	result.gaps = result.reordered = 0;
	result.notices[0] = 0;
	memset(&result.fault, 0, sizeof result.fault);
}

static void hear(void *context, const char *text)
{
	struct result *r = context;
	size_t n = strlen(r->notices);
	assert_true(n + strlen(text) + 2 < sizeof r->notices);
	(void)snprintf(r->notices + n, sizeof r->notices - n, "%s\n", text);
}

static void run_files(const dp_eth_etl_bytes *files, uint32_t count, uint64_t memory)
{
	dp_source_options options = {.memory_max = memory,
	                             .watch = {.context = &result, .notice = hear}};
	dp_source *s;
	int64_t live = dp_mem_live();
	start_result();
	result.code = dp_eth_etl_open_bytes(&s, files, count, &options, &result.fault);
	if (result.code == DP_OK) drain(s);
	assert_int_equal(dp_mem_live(), live);
	if (result.code != DP_END) assert_int_equal(result.fault.code, result.code);
}

// Texts, up to a NULL, named a, b, c, ...
static void run(const char *first, ...)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
	dp_eth_etl_bytes files[8];
	uint32_t n = 0;
	va_list args;
	va_start(args, first);
	for (const char *t = first; t != NULL; t = va_arg(args, const char *)) {
		assert_true(n < 8);
		files[n] = (dp_eth_etl_bytes){.name = names[n], .bytes = t, .size = strlen(t)};
		n++;
	}
	va_end(args);
	run_files(files, n, 0);
}

static void expect(const char *text)
{
	if (result.code != DP_END)
		fail_msg("%s:%u: %s", result.fault.file, result.fault.line, result.fault.text);
	assert_string_equal(result.text, text);
}

static void expect_bad(const char *file, uint32_t line, const char *words)
{
	if (result.code != DP_BAD_BYTES || strcmp(result.fault.file, file) != 0 ||
	    result.fault.line != line || strstr(result.fault.text, words) == NULL)
		fail_msg("not \"%s\" but %d %s:%u: %s", words, result.code, result.fault.file,
		         result.fault.line, result.fault.text);
}

// ---- Small files by hand. ----------------------------------------------------------------------

#define X4(d) d d d d
#define A(d) "0x" X4("00000000") "0000" d                // four digits
#define H(d) "0x" X4("00000000") X4("000000") "000000" d // two digits
#define USDT "0xdac17f958d2ee523a2206206994597c13d831ec7"
#define WETH "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
#define TRANSFER "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
#define DEPOSIT "0xe1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c46072c1eafc8a6b2e6b9c1"

#define BLOCKS                                                                                     \
	"number,hash,parent_hash,miner,difficulty,timestamp,transaction_count,base_fee_per_gas\n"
#define TXS                                                                                        \
	"hash,nonce,block_hash,block_number,transaction_index,from_address,to_address,value,gas,"  \
	"gas_price,input,block_timestamp\n"
#define RECEIPTS                                                                                   \
	"transaction_hash,transaction_index,block_number,cumulative_gas_used,gas_used,"            \
	"contract_address,status,effective_gas_price\n"
#define LOGS "log_index,transaction_hash,transaction_index,block_number,address,data,topics\n"
#define TOKENS                                                                                     \
	"token_address,from_address,to_address,value,transaction_hash,log_index,block_number\n"
#define TRACES                                                                                     \
	"block_number,transaction_hash,transaction_index,from_address,to_address,value,"           \
	"trace_type,call_type,reward_type,trace_address,error,status,trace_id\n"

#define B1 "15600000," H("b1") "," H("b0") "," A("00ee") ",0,1000,1,7\n"
#define T1 H("01") ",5," H("b1") ",15600000,0," A("000a") "," A("000b") ",100,50000,10,0x,1000\n"
#define R1 H("01") ",0,15600000,30000,30000,,1,9\n"
#define C1 "15600000," H("01") ",0," A("000a") "," A("000b") ",100,call,call,,,,1,\n"

static void blocks_transactions_and_receipts_make_payments_and_split_fees(void **state)
{
	(void)state;
	run(BLOCKS B1, TXS T1, RECEIPTS R1, TRACES C1, LOGS, NULL);
	expect("B15600000@1000\n T01\n  native ETH 100 000a>000b\n  fee ETH 210000 000a>-\n"
	       "  fee ETH 60000 000a>00ee\n");
	assert_int_equal(result.gaps, DP_GAP_UNPROVEN);
}

static void what_is_not_there_is_a_gap(void **state)
{
	(void)state;
	run(TXS T1, NULL);
	expect("B15600000@1000\n T01\n  native ETH 100 000a>000b\n");
	assert_int_equal(result.gaps, DP_GAP_UNPROVEN | DP_GAP_TRACES | DP_GAP_FEES |
	                                  DP_GAP_STATUS | DP_GAP_TOKENS | DP_GAP_REWARDS |
	                                  DP_GAP_NOTES);
	run(TXS T1, RECEIPTS R1, NULL); // no block: no payee
	expect("B15600000@1000\n T01\n  native ETH 100 000a>000b\n  fee ETH 270000 000a>-\n");
	assert_int_equal(result.gaps, DP_GAP_UNPROVEN | DP_GAP_TRACES | DP_GAP_FEE_PAYEE |
	                                  DP_GAP_TOKENS | DP_GAP_REWARDS | DP_GAP_NOTES);
}

static void a_failed_transaction_keeps_only_its_fee(void **state)
{
	(void)state;
	run(BLOCKS B1, TXS T1, RECEIPTS H("01") ",0,15600000,30000,30000,,0,9\n", NULL);
	expect("B15600000@1000\n T01!\n  fee ETH 210000 000a>-\n  fee ETH 60000 000a>00ee\n");
}

#define CALL(path, from, to, value, type, status)                                                  \
	"15600000," H("01") ",0," A(from) "," A(to) "," value ",call," type ",,\"" path            \
	                                            "\",," status ",\n"

static void calls_move_what_they_carry_unless_they_or_their_callers_failed(void **state)
{
	(void)state;
	// Rows are not in order; the delegate call carries its caller's value, and moves nothing.
	run(BLOCKS B1, TXS T1,
	    TRACES CALL("1,0", "000d", "000e", "4", "call", "0")
	        CALL("0,0", "000c", "000a", "2", "call", "1")
	            CALL("1", "000b", "000d", "3", "call", "0")
	                CALL("0", "000b", "000c", "1", "call", "1")
	                    CALL("2", "000b", "000f", "9", "delegatecall", "1") C1,
	    NULL);
	expect("B15600000@1000\n T01\n  native ETH 100 000a>000b\n  internal ETH 1 000b>000c\n"
	       "  internal ETH 2 000c>000a\n");
	assert_int_equal(result.gaps & DP_GAP_TRACES, 0);
}

static void calls_without_that_of_their_transaction_are_taken_as_incomplete(void **state)
{
	(void)state;
	run(BLOCKS B1, TXS T1, TRACES CALL("0,3,1", "000b", "000c", "1", "call", "1"), NULL);
	expect("B15600000@1000\n T01\n  native ETH 100 000a>000b\n  internal ETH 1 000b>000c\n");
	assert_true((result.gaps & DP_GAP_TRACES) != 0);
}

static void traces_alone_make_transactions(void **state)
{
	(void)state;
	run(TRACES C1 CALL("0", "000b", "000c", "1", "call", "1"), NULL);
	expect("B15600000@0\n T01\n  native ETH 100 000a>000b\n  internal ETH 1 000b>000c\n");
	assert_int_equal(result.gaps & (DP_GAP_TRACES | DP_GAP_STATUS), 0);
	assert_true((result.gaps & DP_GAP_FEES) != 0);
}

#define TOKEN(log, tx, to, value)                                                                  \
	USDT "," A("000a") "," A(to) "," value "," H(tx) "," log ",15600000\n"

static void token_transfers_alone_make_transactions_in_the_order_of_their_logs(void **state)
{
	(void)state;
	run(TOKENS TOKEN("7", "01", "000c", "5") TOKEN("2", "02", "000b", "4")
	        TOKEN("9", "01", "000d", "1"),
	    NULL);
	expect("B15600000@0\n T02\n  token USDT 4 000a>000b\n T01\n  token USDT 5 000a>000c\n"
	       "  token USDT 1 000a>000d\n");
	assert_true((result.gaps & DP_GAP_PARTIAL) != 0);
	assert_int_equal(result.gaps & DP_GAP_TOKENS, 0);
}

#define WORD "0x" X4("00000000") X4("00000000")
#define TOPIC(d) "0x" X4("00000000") X4("000000") "0000" d
#define LOG(log, data, topics) log "," H("01") ",0,15600000," USDT "," data ",\"" topics "\"\n"
#define FIVE "0x" X4("00000000") X4("000000") "00000005"

static void logs_are_transfers_by_their_topics(void **state)
{
	(void)state;
	run(TXS T1, LOGS LOG("0", FIVE, TRANSFER "," TOPIC("000a") "," TOPIC("000b")), NULL);
	expect("B15600000@1000\n T01\n  native ETH 100 000a>000b\n  token USDT 5 000a>000b\n");
	run(TXS T1, LOGS LOG("0", "0x", TRANSFER), NULL);
	expect("B15600000@1000\n T01\n  native ETH 100 000a>000b\n");
	// Where both tell, they must tell the same.
	run(TXS T1, LOGS LOG("7", FIVE, TRANSFER "," TOPIC("000a") "," TOPIC("000c")),
	    TOKENS TOKEN("7", "01", "000c", "5"), NULL);
	expect("B15600000@1000\n T01\n  native ETH 100 000a>000b\n  token USDT 5 000a>000c\n");
	run(TXS T1, LOGS LOG("7", FIVE, TRANSFER "," TOPIC("000a") "," TOPIC("000c")),
	    TOKENS TOKEN("7", "01", "000c", "6"), NULL);
	expect_bad("c", 2, "says something else in line 2 of b");
}

static void scientific_notation_is_read_exactly_or_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *value; // NULL: refused
	} forms[] = {{"199e17", "19900000000000000000"},
	             {"5999895e14", "599989500000000000000"},
	             {"1e20", "100000000000000000000"},
	             {"1E+2", "100"},
	             {"1.5e1", "15"},
	             {"1.0", "1"},
	             {"0x10", "16"},
	             {"1.55e1", NULL},
	             {"1e-1", NULL},
	             {"1e", NULL},
	             {"1e999", NULL},
	             {"e5", NULL},
	             {"-1", NULL},
	             {"0x", NULL},
	             {"1e78", NULL}};
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		dp_u256 v;
		dp_fault fault;
		char text[DP_U256_DEC_MAX];
		dp_code code =
		    dp_etl_parse_amount(&v, forms[i].text, strlen(forms[i].text), &fault);
		assert_int_equal(code, forms[i].value == NULL ? DP_BAD_BYTES : DP_OK);
		if (code != DP_OK) continue;
		dp_u256_format(text, v, 0);
		assert_string_equal(text, forms[i].value);
	}
}

static void rewards_come_from_traces_or_are_computed(void **state)
{
	(void)state;
#define POW BLOCKS "15000000," H("b1") "," H("b0") "," A("00ee") ",5,1000,0,7\n"
	run(POW,
	    TRACES "15000000,,,," A("00ef") ",1750000000000000000,reward,,uncle,,,1,\n"
	                                    "15000000,,,," A(
	                                        "00ee") ",2062500000000000000,reward,,block,,,1,\n",
	    NULL);
	expect("B15000000@1000\n Tb1*\n  reward ETH 2062500000000000000 ->00ee\n"
	       "  reward ETH 1750000000000000000 ->00ef\n");
	assert_int_equal(result.gaps & DP_GAP_REWARDS, 0);
	run(POW, NULL);
	expect("B15000000@1000\n Tb1*\n  reward ETH 2000000000000000000 ->00ee\n");
	assert_true((result.gaps & DP_GAP_REWARDS) != 0); // uncles are not known
	run("number,hash,parent_hash,sha3_uncles,miner,difficulty,timestamp\n"
	    "15000000," H("b1") "," H(
	        "b0") ","
	              "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347," A(
	                  "00ee") ",5,1000\n",
	    NULL);
	expect("B15000000@1000\n Tb1*\n  reward ETH 2000000000000000000 ->00ee\n");
	assert_int_equal(result.gaps & DP_GAP_REWARDS, 0);
}

static void withdrawals_are_gwei_as_python_or_json_write_them(void **state)
{
	(void)state;
#define SHANGHAI "17100000," H("b1") "," H("b0") "," A("00ee") ",0,1690000000,"
	run("number,hash,parent_hash,miner,difficulty,timestamp,withdrawals\n" SHANGHAI
	    "\"[{'index': 1, 'validator_index': 2, 'address': '" A(
	        "000a") "', 'amount': 3}, "
	                "{'index': 2, 'validator_index': 2, 'address': '" A(
	                    "000b") "', 'amount': 4}]\"\n",
	    NULL);
	const char *same = "B17100000@1690000000\n Tb1*\n  reward ETH 3000000000 ->000a\n"
	                   "  reward ETH 4000000000 ->000b\n";
	expect(same);
	assert_int_equal(result.gaps & DP_GAP_REWARDS, 0);
	run("{\"type\":\"block\",\"number\":17100000,\"hash\":\"" H("b1") "\",\"parent_hash\":\"" H(
	        "b0") "\",\"miner\":\"" A("00ee") "\",\"difficulty\":0,\"timestamp\":1690000000,"
	                                          "\"withdrawals\":[{\"address\":\"" A(
	                                              "000a") "\","
	                                                      "\"a"
	                                                      "mou"
	                                                      "nt"
	                                                      "\":"
	                                                      "\"3"
	                                                      "\"}"
	                                                      ",{"
	                                                      "\"a"
	                                                      "ddr"
	                                                      "ess"
	                                                      "\":"
	                                                      "\"" A("000b") "\",\"amount\":4}]}\n",
	    NULL);
	expect(same);
	run("number,hash,parent_hash,miner,difficulty,timestamp\n" SHANGHAI "\n", NULL);
	expect_bad("a", 2, "fields");
	run("number,hash,parent_hash,miner,difficulty,timestamp\n17100000," H("b1") "," H(
	        "b0") "," A("00ee") ",0,1690000000\n",
	    NULL);
	assert_true((result.gaps & DP_GAP_REWARDS) != 0); // no such column
}

static void genesis_and_the_dao_fork_move_by_decree(void **state)
{
	(void)state;
	run(TRACES "0,,,," A("000a") ",7,genesis,,,,,1,genesis_0_0\n", NULL);
	expect("B0@0\n T00*\n  reward ETH 7 ->000a\n");
	run(TRACES "1920000,,," A("000a") "," A("000b") ",7,daofork,,,,,1,daofork_1920000_0\n",
	    NULL);
	expect("B1920000@0\n T00\n  internal ETH 7 000a>000b\n");
}

static void a_contract_is_found_by_its_receipt_or_its_trace(void **state)
{
	(void)state;
#define MAKES H("01") ",5," H("b1") ",15600000,0," A("000a") ",,100,50000,10,0x,1000\n"
	run(BLOCKS B1, TXS MAKES, RECEIPTS H("01") ",0,15600000,3,3," A("00cc") ",1,9\n", NULL);
	expect("B15600000@1000\n T01\n  native ETH 100 000a>00cc\n  fee ETH 21 000a>-\n"
	       "  fee ETH 6 000a>00ee\n");
	run(BLOCKS B1, TXS MAKES,
	    TRACES "15600000," H("01") ",0," A("000a") "," A("00cc") ",100,create,,,,,1,\n", NULL);
	expect("B15600000@1000\n T01\n  native ETH 100 000a>00cc\n");
}

// ---- Contradictions. ---------------------------------------------------------------------------

static void contradictions_are_refused_with_file_and_line(void **state)
{
	(void)state;
	run(BLOCKS B1, TXS T1,
	    TRACES C1 "15600000," H("02") ",1," A("000a") "," A("000b") ",1,call,call,,,,1,\n",
	    NULL);
	expect_bad("c", 3, "in no file of transactions");
	run(BLOCKS B1, TXS T1 T1, NULL);
	expect_bad("b", 3, "stands in line 2 of b too");
	run(BLOCKS B1 B1, NULL);
	expect_bad("a", 3, "stands in line 2 of a too");
	run(BLOCKS B1, TRACES C1 C1, NULL);
	expect_bad("b", 3, "repeats line 2 of b");
	run(BLOCKS B1,
	    TRACES C1 "15600001," H("02") ",0," A("000a") "," A("000b") ",1,call,call,,,,1,\n",
	    NULL);
	expect_bad("b", 3, "is in no file of blocks");
	run(BLOCKS B1,
	    TXS H("01") ",5," H("b2") ",15600000,0," A("000a") "," A(
	        "000b") ",100,50000,10,0x,1000\n",
	    NULL);
	expect_bad("b", 2, "another hash in line 2 of a");
	run(BLOCKS B1, TXS T1, RECEIPTS H("01") ",3,15600000,3,3,,1,9\n", NULL);
	expect_bad("c", 2, "index 3");
	run(BLOCKS B1, TXS T1, RECEIPTS H("01") ",0,15600000,3,3,,2,9\n", NULL);
	expect_bad("c", 2, "status 2");
	run(BLOCKS B1, TXS T1, RECEIPTS R1,
	    TRACES
	    "15600000," H("01") ",0," A("000a") "," A("000b") ",100,call,call,,,out of gas,0,\n",
	    NULL);
	expect_bad("d", 2, "line 2 of c that it did not");
	run(BLOCKS B1 "15600001," H("b3") "," H("b2") "," A("00ee") ",0,1012,0,7\n", NULL);
	expect_bad("a", 3, "does not stand on");
	run(TXS T1 H("02") ",5," H("b1") ",15600000,0," A("000a") "," A(
	        "000b") ",1,50000,10,0x,1000\n",
	    NULL);
	expect_bad("a", 3, "has index 0 too");
}

static void wrong_rows_are_refused_with_file_and_line(void **state)
{
	(void)state;
	run(TXS "0x12,5,,15600000,0," A("000a") "," A("000b") ",1,5,10,0x,1000\n", NULL);
	expect_bad("a", 2, "64 hexadecimal digits");
	run(TXS T1 "x\n", NULL);
	expect_bad("a", 3, "fields");
	run(TXS H("01") ",5,,,0," A("000a") "," A("000b") ",1,5,10,0x,1000\n", NULL);
	expect_bad("a", 2, "no block number");
	run("{\"type\":\"transaction\",\"hash\":\n", NULL);
	expect_bad("a", 1, "JSON");
	run("a,b\n1,2\n", NULL);
	expect_bad("a", 0, "is no file of ethereum-etl");
	run("", NULL);
	expect_bad("a", 0, "is no file of ethereum-etl");
}

static void a_pipe_must_be_in_order(void **state)
{
	(void)state;
#define AT(h, d) H(d) ",5,," h ",0," A("000a") "," A("000b") ",1,5,10,0x,1000\n"
	static const char rows[] = TXS AT("15600001", "01") AT("15600000", "02");
	dp_eth_etl_bytes file = {.name = "-", .bytes = rows, .size = sizeof rows - 1};
	run_files(&file, 1, 0);
	assert_int_equal(result.code, DP_END);
	assert_int_equal(result.blocks, 2);
	assert_int_equal(result.reordered, 2);
	file.is_pipe = true;
	run_files(&file, 1, 0);
	expect_bad("-", 3, "pipe must be in order");
}

static void another_chain_has_no_such_rewards_and_bitcoin_has_no_such_export(void **state)
{
	(void)state;
	dp_source *s;
	dp_eth_etl_bytes file = {.name = "a", .bytes = TXS T1, .size = strlen(TXS T1)};
	dp_source_options options = {.chain = dp_chain_find("bitcoin", 7)};
	assert_int_equal(dp_eth_etl_open_bytes(&s, &file, 1, &options, &result.fault), DP_BAD_CASE);
	options.chain = dp_chain_find("bsc", 3);
	assert_int_equal(dp_eth_etl_open_bytes(&s, &file, 1, &options, &result.fault), DP_OK);
	start_result();
	drain(s);
	assert_non_null(strstr(result.text, "native BNB 100"));
}

static void kinds_are_told_by_columns_not_names(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		dp_etl_sort sort;
	} heads[] = {
	    {BLOCKS, DP_ETL_BLOCKS},
	    {TXS, DP_ETL_TXS},
	    {RECEIPTS, DP_ETL_RECEIPTS},
	    {LOGS, DP_ETL_LOGS},
	    {TOKENS, DP_ETL_TRANSFERS},
	    {TRACES, DP_ETL_TRACES},
	    {"address,bytecode,function_sighashes,is_erc20,is_erc721,block_number\n", DP_ETL_OTHER},
	    {"address,symbol,name,decimals,total_supply,block_number\n", DP_ETL_OTHER},
	    {"{\"type\": \"log\", \"log_index\": 1", DP_ETL_LOGS},
	    {"block,time,tx,from,to,asset,amount\n", DP_ETL_NONE},
	    // bitcoin-etl's
	    {"{\"type\": \"transaction\", \"hash\": \"00\", \"inputs\": []}", DP_ETL_NONE},
	    {"{\"hash\": \"00\", \"lock_time\": 0, \"type\": \"transaction\"}", DP_ETL_NONE},
	};
	for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
		assert_int_equal(dp_etl_sort_of(heads[i].text, strlen(heads[i].text), true),
		                 heads[i].sort);
}

// ---- Parts that are missing. -------------------------------------------------------------------

#define BLOOM_BLOCKS                                                                               \
	"number,hash,parent_hash,logs_bloom,miner,difficulty,timestamp,transaction_count,"         \
	"base_fee_per_gas\n"
#define ZEROS64 X4(X4("0000"))
#define NO_LOGS "0x" X4(ZEROS64 ZEROS64)
#define NOT_FIRST(tx, height, block)                                                               \
	H(tx) ",5," H(block) "," height ",0," A("000a") "," A("000b") ",100,50000,10,0x,1000\n"

static char bloom[2][2 + 512 + 1]; // of any logs, and of transfers

static void make_blooms(void)
{
	// Keccak-256 of Transfer's topic begins with 0xada5, 0x29e1, 0x8c24, modulo 2048.
	static const uint32_t bits[] = {1443, 481, 1060};
	for (uint32_t i = 0; i < 2; i++) {
		(void)memset(bloom[i], '0', 514);
		bloom[i][1] = 'x';
		bloom[i][514] = 0;
		bloom[i][513] = '1';
	}
	for (uint32_t i = 0; i < 3; i++)
		bloom[1][2 + 511 - bits[i] / 4] = (char)('0' + (1 << bits[i] % 4));
}

// Two blocks of one transaction each, with these filters, and further files.
static void run_blocks(const char *first, const char *second, const char *more, const char *last)
{
	static char blocks[4000];
	(void)snprintf(blocks, sizeof blocks, "%s%s%s%s%s%s", BLOOM_BLOCKS,
	               "15600000," H("b1") "," H("b0") ",", first,
	               "," A("00ee") ",0,1000,1,7\n15600001," H("b2") "," H("b1") ",", second,
	               "," A("00ee") ",0,1000,1,7\n");
	run(blocks, TXS T1 NOT_FIRST("02", "15600001", "b2"), more, last, NULL);
	if (result.code != DP_END)
		fail_msg("%s:%u: %s", result.fault.file, result.fault.line, result.fault.text);
}

static void a_block_without_its_logs_is_a_gap_and_told(void **state)
{
	(void)state;
	make_blooms();
	const char *one = LOGS LOG("0", FIVE, TRANSFER "," TOPIC("000a") "," TOPIC("000b"));
	run_blocks(bloom[1], NO_LOGS, one, NULL);
	assert_int_equal(result.gaps & DP_GAP_TOKENS, 0);
	assert_string_equal(result.notices, "");
	run_blocks(bloom[1], bloom[0], one, NULL);
	assert_true((result.gaps & DP_GAP_TOKENS) != 0);
	assert_non_null(strstr(result.notices, "block 15600001 has logs (its logs_bloom says so), "
	                                       "but none is in a file"));
	run_blocks(bloom[0], bloom[0], LOGS, NULL);
	assert_true((result.gaps & DP_GAP_TOKENS) != 0);
	assert_non_null(strstr(result.notices, "block 15600000 has logs"));
	assert_non_null(strstr(result.notices, "logs: 2 blocks in all are not there"));
	assert_null(strstr(result.notices, "block 15600001"));
	// Token transfers alone: only the filter of transfers proves that one is missing.
	run_blocks(bloom[1], bloom[0], TOKENS TOKEN("0", "01", "000b", "5"), NULL);
	assert_int_equal(result.gaps & DP_GAP_TOKENS, 0);
	assert_string_equal(result.notices, "");
	run_blocks(bloom[1], bloom[1], TOKENS TOKEN("0", "01", "000b", "5"), NULL);
	assert_true((result.gaps & DP_GAP_TOKENS) != 0);
	assert_non_null(strstr(result.notices, "block 15600001 has token transfers"));
	// Neither given: said already. A filter that was cut proves nothing.
	run_blocks(bloom[1], bloom[1], NULL, NULL);
	assert_string_equal(result.notices, "");
	run_blocks("0x01", "zz", LOGS, NULL);
	assert_string_equal(result.notices, "");
	assert_int_equal(result.gaps & DP_GAP_TOKENS, 0);
}

static void a_transaction_without_its_receipt_or_traces_is_a_gap_and_told(void **state)
{
	(void)state;
	run_blocks(NO_LOGS, NO_LOGS, RECEIPTS R1, NULL);
	assert_true((result.gaps & DP_GAP_FEES) != 0 && (result.gaps & DP_GAP_STATUS) != 0);
	assert_non_null(strstr(result.notices, "block 15600001 has transactions whose receipts"));
#define R2 H("02") ",0,15600001,30000,30000,,1,9\n"
	run_blocks(NO_LOGS, NO_LOGS, RECEIPTS R1 R2, TRACES C1);
	assert_int_equal(result.gaps & (DP_GAP_FEES | DP_GAP_STATUS), 0);
	assert_true((result.gaps & DP_GAP_TRACES) != 0);
	assert_string_equal(result.notices,
	                    "block 15600001 has transactions whose traces are in no file: what "
	                    "contracts paid is not seen there\n");
	// Without transactions the block's count says it.
	run(BLOCKS B1 "15600001," H("b2") "," H("b1") "," A("00ee") ",0,1012,2,7\n",
	    TRACES C1 "15600001," H("02") ",0," A("000a") "," A("000b") ",1,call,call,,,,1,\n",
	    NULL);
	assert_true((result.gaps & DP_GAP_TRACES) != 0);
	assert_non_null(strstr(result.notices, "block 15600001 has transactions whose traces"));
	// A plain payment calls nobody, and neither does what failed.
	run_blocks(NO_LOGS, NO_LOGS, RECEIPTS R1 H("02") ",0,15600001,21000,21000,,1,9\n",
	           TRACES C1);
	assert_int_equal(result.gaps & DP_GAP_TRACES, 0);
	assert_string_equal(result.notices, "");
	// Fewer transactions than the block has.
	run(BLOCKS "15600000," H("b1") "," H("b0") "," A("00ee") ",0,1000,2,7\n", TXS T1, NULL);
	assert_true((result.gaps & DP_GAP_PARTIAL) != 0);
	assert_non_null(strstr(result.notices, "block 15600000 has transactions that are in no"));
}

static void blocks_that_are_in_no_file_are_a_gap_and_told(void **state)
{
	(void)state;
#define EMPTY(height, hash) height "," H(hash) ",," A("00ee") ",0,1012,0,7\n"
	run(BLOCKS EMPTY("15600000", "b1") EMPTY("15600003", "b4"), NULL);
	assert_int_equal(result.code, DP_END);
	assert_true((result.gaps & DP_GAP_PARTIAL) != 0);
	assert_string_equal(
	    result.notices,
	    "blocks 15600001 to 15600002 are in no file: what moved in them is not seen\n");
	run(BLOCKS EMPTY("15600000", "b1") EMPTY("15600002", "b3") EMPTY("15600004", "b5"), TXS,
	    NULL);
	assert_string_equal(result.notices,
	                    "block 15600001 is in no file: what moved in it is not seen\n"
	                    "blocks: 2 blocks in all are not there\n");
	run(BLOCKS EMPTY("15600000", "b1") EMPTY("15600001", "b2"), TXS, NULL);
	assert_int_equal(result.gaps & DP_GAP_PARTIAL, 0);
	assert_string_equal(result.notices, "");
	// Without blocks the one between may simply be empty.
	run(TXS T1 NOT_FIRST("02", "15600002", "b3"), NULL);
	assert_int_equal(result.gaps & DP_GAP_PARTIAL, 0);
	assert_string_equal(result.notices, "");
}

#define GIFT(to, value, type, id) "15000000,,,," A(to) "," value ",reward,," type ",,,1," id "\n"
#define OWN GIFT("00ee", "2062500000000000000", "block", "")
#define UNCLE(id) GIFT("00ef", "1750000000000000000", "uncle", id)

static void a_reward_that_stands_twice_is_refused(void **state)
{
	(void)state;
	run(POW, TRACES OWN OWN, NULL);
	expect_bad("b", 3, "repeats line 2 of b");
	run(POW, TRACES OWN, TRACES OWN, NULL);
	expect_bad("c", 2, "repeats line 2 of b");
	run(POW, TRACES OWN GIFT("00ee", "2", "block", ""), NULL);
	expect_bad("b", 3, "has its reward in line 2 of b already");
	run(POW, TRACES UNCLE("reward_15000000_1") OWN UNCLE("reward_15000000_1"), NULL);
	expect_bad("b", 4, "repeats line 2 of b");
	// Two uncles of one miner are worth the same: by their numbers they are two.
	run(POW, TRACES UNCLE("reward_15000000_1") OWN UNCLE("reward_15000000_2"), NULL);
	expect("B15000000@1000\n Tb1*\n  reward ETH 2062500000000000000 ->00ee\n"
	       "  reward ETH 1750000000000000000 ->00ef\n"
	       "  reward ETH 1750000000000000000 ->00ef\n");
	run(POW, TRACES UNCLE("") OWN UNCLE(""), NULL);
	assert_int_equal(result.code, DP_END);
	run(POW, TRACES OWN UNCLE(""), TRACES UNCLE(""), NULL);
	expect_bad("c", 2, "repeats line 3 of b");
	run(POW, TRACES UNCLE("") UNCLE("") UNCLE(""), NULL);
	expect_bad("b", 4, "more than 2 rewards for uncles");
	run(TRACES "0,,,," A("000a") ",7,genesis,,,,,1,genesis_0_0\n"
	                             "0,,,," A("000a") ",7,genesis,,,,,1,genesis_0_1\n",
	    NULL);
	expect_bad("a", 3, "repeats line 2 of a");
}

// ---- Random blocks in every form. --------------------------------------------------------------

enum { LINES_MAX = 4000, LINE_MAX = 1600, SORTS = DP_ETL_OTHER, BLOCKS_MADE = 7 };

// The lines of one sort of file, in both forms; the header stands apart.
struct lines {
	char *csv[LINES_MAX], *json[LINES_MAX];
	uint32_t count;
};

static struct lines made[SORTS], with_receipts;
static dp_evm_block evm; // the block being made, as said without any file
static dp_block_builder evm_builder;
static uint8_t evm_digest[BLOCKS_MADE][96];
static uint64_t seed;

static uint32_t chance(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 20) % n;
}

static void hash_text(char out[67], uint32_t number)
{
	(void)snprintf(out, 67, "0x%056x%08x", 0, number);
}

static void addr_text(char out[43], uint32_t number)
{
	(void)snprintf(out, 43, "0x%032x%08x", 0, number);
}

__attribute__((format(printf, 2, 3))) static char *text_of(char **out, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vasprintf(out, format, args);
	va_end(args);
	assert_true(n > 0);
	return *out;
}

static void decode(uint8_t *out, size_t n, const char *text)
{
	assert_true(dp_hex_decode(out, n, text + 2));
}

struct tx_made {
	char hash[67], from[43], to[43], block[67];
	uint32_t height, index, value, log, gas;
	bool failed;
};

static void make_call(const struct tx_made *x, const char *path, const char *json_path,
                      const char *from, const char *to, uint32_t value, const char *type,
                      bool failed)
{
	struct lines *l = &made[DP_ETL_TRACES];
	uint32_t i = l->count++;
	dp_evm_frame *f;
	assert_true(i < LINES_MAX);
	assert_int_equal(dp_evm_add_frame(&evm, &f, NULL), DP_OK);
	f->depth = 1;
	for (const char *p = path; *p != 0; p++) f->depth += *p == ',';
	f->kind = strcmp(type, "call") == 0 ? DP_EVM_CALL : DP_EVM_NO_VALUE;
	f->value = dp_u256_of(value);
	f->failed = failed;
	f->has_to = true;
	decode(f->from, 20, from);
	decode(f->to, 20, to);
	text_of(&l->csv[i], "%u,%s,%u,%s,%s,%u,call,%s,,\"%s\",%s,%u,\n", x->height, x->hash,
	        x->index, from, to, value, type, path, failed ? "reverted" : "", failed ? 0 : 1);
	text_of(
	    &l->json[i],
	    "{\"type\":\"trace\",\"block_number\":%u,\"transaction_hash\":\"%s\","
	    "\"transaction_index\":%u,\"from_address\":\"%s\",\"to_address\":\"%s\",\"value\":%u,"
	    "\"trace_type\":\"call\",\"call_type\":\"%s\",\"trace_address\":[%s],"
	    "\"error\":null,\"status\":%u}\n",
	    x->height, x->hash, x->index, from, to, value, type, json_path, failed ? 0 : 1);
}

// Calls below a path, each with calls of its own.
static void make_calls(const struct tx_made *x, const char *path, const char *caller,
                       uint32_t depth, bool failed)
{
	uint32_t n = depth > 2 ? 0 : chance(4);
	for (uint32_t i = 0; i < n; i++) {
		char below[64], to[43];
		(void)snprintf(below, sizeof below, "%s%s%u", path, path[0] == 0 ? "" : ",", i);
		addr_text(to, 0xa0 + chance(9));
		static const char *const types[] = {"call", "call", "delegatecall", "staticcall"};
		bool undone = failed || chance(5) == 0;
		make_call(x, below, below, caller, to, chance(50), types[chance(4)], undone);
		make_calls(x, below, to, depth + 1, undone);
	}
}

static void make_log(struct tx_made *x)
{
	static const char *const contracts[] = {USDT, WETH, A("0999")};
	const char *contract = contracts[chance(3)];
	uint32_t from = 0xa0 + chance(9), to = 0xa0 + chance(9), value = chance(1000);
	char from_text[43], to_text[43], from_topic[67], to_topic[67], data[67];
	addr_text(from_text, from);
	addr_text(to_text, to);
	hash_text(from_topic, from);
	hash_text(to_topic, to);
	hash_text(data, value);
	dp_evm_transfer *said;
	assert_int_equal(dp_evm_add_transfer(&evm, &said, NULL), DP_OK);
	said->amount = dp_u256_of(value);
	said->log_index = x->log;
	decode(said->contract, 20, contract);
	decode(said->from, 20, from_text);
	decode(said->to, 20, to_text);
	struct lines *l = &made[DP_ETL_LOGS], *t = &made[DP_ETL_TRANSFERS];
	uint32_t i = l->count++, k = t->count++;
	text_of(&l->csv[i], "%u,%s,%u,%u,%s,%s,\"%s,%s,%s\"\n", x->log, x->hash, x->index,
	        x->height, contract, data, TRANSFER, from_topic, to_topic);
	text_of(&l->json[i],
	        "{\"type\":\"log\",\"log_index\":%u,\"transaction_hash\":\"%s\","
	        "\"transaction_index\":%u,\"block_number\":%u,\"address\":\"%s\",\"data\":\"%s\","
	        "\"topics\":[\"%s\",\"%s\",\"%s\"]}\n",
	        x->log, x->hash, x->index, x->height, contract, data, TRANSFER, from_topic,
	        to_topic);
	text_of(&t->csv[k], "%s,%s,%s,%u,%s,%u,%u\n", contract, from_text, to_text, value, x->hash,
	        x->log, x->height);
	text_of(&t->json[k],
	        "{\"type\":\"token_transfer\",\"token_address\":\"%s\",\"from_address\":\"%s\","
	        "\"to_address\":\"%s\",\"value\":\"%u\",\"transaction_hash\":\"%s\","
	        "\"log_index\":%u,\"block_number\":%u}\n",
	        contract, from_text, to_text, value, x->hash, x->log, x->height);
	x->log++;
}

// Amounts above 2^53 show whether every digit of a JSON number is kept.
#define LARGE "123456789012345678"

static void say_tx_without_file(const struct tx_made *x, const char *value)
{
	dp_evm_tx *tx;
	dp_evm_frame *f;
	assert_int_equal(dp_evm_add_tx(&evm, &tx, NULL), DP_OK);
	assert_int_equal(dp_evm_add_frame(&evm, &f, NULL), DP_OK);
	decode(tx->hash, 32, x->hash);
	decode(tx->from, 20, x->from);
	decode(tx->to, 20, x->to);
	assert_int_equal(dp_u256_parse(&tx->value, value, strlen(value), 0, NULL), DP_OK);
	tx->gas_used = x->gas;
	tx->gas_price = dp_u256_of(20);
	tx->has_to = tx->has_fee = tx->has_frames = f->has_to = true;
	tx->status = x->failed ? DP_EVM_FAILED : DP_EVM_DONE;
	f->failed = x->failed;
	f->value = tx->value;
	memcpy(f->from, tx->from, 20);
	memcpy(f->to, tx->to, 20);
}

static void make_tx(struct tx_made *x)
{
	struct lines *t = &made[DP_ETL_TXS], *r = &made[DP_ETL_RECEIPTS];
	uint32_t i = t->count++, k = r->count++, w = with_receipts.count++;
	char value[48];
	(void)snprintf(value, sizeof value, "%s%u", chance(3) == 0 ? LARGE : "", x->value);
	say_tx_without_file(x, value);
	text_of(&t->csv[i], "%s,5,%s,%u,%u,%s,%s,%s,90000,%u,0x,%u\n", x->hash, x->block, x->height,
	        x->index, x->from, x->to, value, 30, x->height + 5);
#define TX_JSON                                                                                    \
	"{\"type\":\"transaction\",\"hash\":\"%s\",\"nonce\":5,\"block_hash\":\"%s\","             \
	"\"block_number\":%u,\"transaction_index\":%u,\"from_address\":\"%s\","                    \
	"\"to_address\":\"%s\",\"value\":%s,\"gas_price\":30,\"block_timestamp\":%u"
	text_of(&t->json[i], TX_JSON "}\n", x->hash, x->block, x->height, x->index, x->from, x->to,
	        value, x->height + 5);
	text_of(&with_receipts.json[w],
	        TX_JSON
	        ",\"receipt_gas_used\":\"%u\",\"receipt_status\":%u,"
	        "\"receipt_effective_gas_price\":\"%u\",\"receipt_contract_address\":null}\n",
	        x->hash, x->block, x->height, x->index, x->from, x->to, value, x->height + 5,
	        x->gas, x->failed ? 0 : 1, 20);
	text_of(&with_receipts.csv[w], " ");
	text_of(&r->csv[k], "%s,%u,%u,%u,%u,,%u,%u\n", x->hash, x->index, x->height, x->gas, x->gas,
	        x->failed ? 0 : 1, 20);
	text_of(&r->json[k],
	        "{\"type\":\"receipt\",\"transaction_hash\":\"%s\",\"transaction_index\":%u,"
	        "\"block_number\":%u,\"cumulative_gas_used\":1,\"gas_used\":%u,\"status\":%u,"
	        "\"effective_gas_price\":%u}\n",
	        x->hash, x->index, x->height, x->gas, x->failed ? 0 : 1, 20);
	struct lines *c = &made[DP_ETL_TRACES];
	uint32_t n = c->count++;
	text_of(&c->csv[n], "%u,%s,%u,%s,%s,%s,call,call,,,%s,%u,\n", x->height, x->hash, x->index,
	        x->from, x->to, value, x->failed ? "bad" : "", x->failed ? 0 : 1);
	text_of(
	    &c->json[n],
	    "{\"type\":\"trace\",\"block_number\":%u,\"transaction_hash\":\"%s\","
	    "\"transaction_index\":%u,\"from_address\":\"%s\",\"to_address\":\"%s\",\"value\":%s,"
	    "\"trace_type\":\"call\",\"call_type\":\"call\",\"trace_address\":[],\"status\":%u}\n",
	    x->height, x->hash, x->index, x->from, x->to, value, x->failed ? 0 : 1);
	make_calls(x, "", x->to, 0, x->failed);
	for (uint32_t logs = x->failed ? 0 : chance(4); logs > 0; logs--) make_log(x);
}

static void make_reward(uint32_t height, const char *to, const char *amount, const char *type)
{
	struct lines *c = &made[DP_ETL_TRACES];
	uint32_t n = c->count++;
	text_of(&c->csv[n], "%u,,,,%s,%s,reward,,%s,,,1,\n", height, to, amount, type);
	text_of(&c->json[n],
	        "{\"type\":\"trace\",\"block_number\":%u,\"to_address\":\"%s\",\"value\":%s,"
	        "\"trace_type\":\"reward\",\"reward_type\":\"%s\",\"status\":1}\n",
	        height, to, amount, type);
}

static void give(const char *to, uint64_t amount)
{
	dp_evm_gift *gift;
	assert_int_equal(dp_evm_add_gift(&evm, &gift, NULL), DP_OK);
	gift->amount = dp_u256_of(amount);
	decode(gift->to, 20, to);
}

static void finish_without_file(uint32_t number)
{
	const dp_block *b;
	uint64_t gaps = 0;
	assert_int_equal(dp_evm_build(&evm_builder, &b, &gaps, &evm, &result.fault), DP_OK);
	assert_int_equal(gaps, 0);
	dp_block_digest(evm_digest[number], b);
	memcpy(evm_digest[number] + 32, b->hash, 32);
	memcpy(evm_digest[number] + 64, b->prev, 32);
}

// The last blocks with proof of work and the first without.
static void make_block(uint32_t number)
{
	uint32_t height = 15537390 + number, txs = chance(5);
	char hash[67], prev[67], miner[43], uncle[43];
	hash_text(hash, 0xb000 + number);
	hash_text(prev, 0xb000 + number - 1);
	addr_text(miner, 0xee);
	addr_text(uncle, 0xef);
	bool work = height < 15537394;
	struct lines *b = &made[DP_ETL_BLOCKS];
	uint32_t i = b->count++;
	text_of(&b->csv[i], "%u,%s,%s,%s,%u,%u,%u,7\n", height, hash, prev, miner, work ? 9 : 0,
	        height + 5, txs);
	text_of(&b->json[i],
	        "{\"type\":\"block\",\"number\":%u,\"hash\":\"%s\",\"parent_hash\":\"%s\","
	        "\"miner\":\"%s\",\"difficulty\":%u,\"timestamp\":%u,\"transaction_count\":%u,"
	        "\"base_fee_per_gas\":7}\n",
	        height, hash, prev, miner, work ? 9 : 0, height + 5, txs);
	struct tx_made x = {.height = height};
	memcpy(x.block, hash, sizeof hash);
	dp_evm_start(&evm, dp_chain_find("ethereum", 8), height, height + 5);
	decode(evm.hash, 32, hash);
	decode(evm.prev, 32, prev);
	decode(evm.miner, 20, miner);
	evm.has_miner = evm.has_base_fee = true;
	evm.base_fee = dp_u256_of(7);
	for (uint32_t t = 0; t < txs; t++) {
		hash_text(x.hash, (height << 8) + chance(200) * 5 + t);
		addr_text(x.from, 0xa0 + chance(9));
		addr_text(x.to, 0xa0 + chance(9));
		x.index = t;
		x.value = chance(1000);
		x.gas = 21000 + chance(9999);
		x.failed = chance(6) == 0;
		make_tx(&x);
	}
	if (work) {
		give(miner, 2000000000000000000);
		if (chance(2) == 0) {
			make_reward(height, uncle, "1750000000000000000", "uncle");
			give(uncle, 1750000000000000000);
		}
		make_reward(height, miner, "2000000000000000000", "block");
	}
	finish_without_file(number);
}

static void forget(void)
{
	for (uint32_t s = 0; s <= SORTS; s++) {
		struct lines *l = s == SORTS ? &with_receipts : &made[s];
		for (uint32_t i = 0; i < l->count; i++) {
			free(l->csv[i]);
			free(l->json[i]);
		}
		l->count = 0;
	}
}

static void shuffle(struct lines *l)
{
	for (uint32_t i = l->count; i > 1; i--) {
		uint32_t k = chance(i);
		char *csv = l->csv[i - 1], *json = l->json[i - 1];
		l->csv[i - 1] = l->csv[k];
		l->json[i - 1] = l->json[k];
		l->csv[k] = csv;
		l->json[k] = json;
	}
}

// Writes every `step`-th line from `first` on into a file in memory.
static dp_eth_etl_bytes write_lines(const struct lines *l, const char *header, bool json,
                                    uint32_t first, uint32_t step)
{
	size_t size = header == NULL ? 0 : strlen(header);
	for (uint32_t i = first; i < l->count; i += step)
		size += strlen(json ? l->json[i] : l->csv[i]);
	char *text = malloc(size + 1), *p = text;
	assert_non_null(text);
	p[0] = 0;
	if (header != NULL) p = stpcpy(p, header);
	for (uint32_t i = first; i < l->count; i += step)
		p = stpcpy(p, json ? l->json[i] : l->csv[i]);
	return (dp_eth_etl_bytes){.name = "made", .bytes = text, .size = size};
}

static const char *const headers[SORTS] = {BLOCKS, TXS, RECEIPTS, LOGS, TOKENS, TRACES};

enum { FORM_JSON = 1, FORM_HALVES = 2, FORM_BIGQUERY = 4, FORM_MIXED = 8, FORM_NO_TOKENS = 16 };

static void run_form(uint32_t form, uint64_t memory)
{
	static struct lines mixed;
	dp_eth_etl_bytes files[FILES_MAX];
	uint32_t n = 0;
	bool json = (form & (FORM_JSON | FORM_MIXED)) != 0;
	mixed.count = 0;
	for (uint32_t s = 0; s < SORTS; s++) {
		const struct lines *l = &made[s];
		if ((form & FORM_BIGQUERY) != 0 && s == DP_ETL_RECEIPTS) continue;
		if ((form & FORM_BIGQUERY) != 0 && s == DP_ETL_TXS) l = &with_receipts;
		if ((form & FORM_NO_TOKENS) != 0 && s == DP_ETL_TRANSFERS) continue;
		bool as_json = json || ((form & FORM_BIGQUERY) != 0 && s == DP_ETL_TXS);
		if ((form & FORM_MIXED) != 0) {
			for (uint32_t i = 0; i < l->count; i++)
				mixed.json[mixed.count++] = l->json[i];
			continue;
		}
		uint32_t step = (form & FORM_HALVES) != 0 ? 2 : 1;
		for (uint32_t first = 0; first < step; first++)
			if (!as_json || l->count > first)
				files[n++] = write_lines(l, as_json ? NULL : headers[s], as_json,
				                         first, step);
	}
	if ((form & FORM_MIXED) != 0) files[n++] = write_lines(&mixed, NULL, true, 0, 1);
	run_files(files, n, memory);
	for (uint32_t i = 0; i < n; i++) free((void *)(uintptr_t)files[i].bytes);
}

static void form_order_and_memory_change_nothing(void **state)
{
	(void)state;
	static char want[TEXT_MAX];
	static uint8_t digest[DIGESTS_MAX][96];
	uint32_t limits = 0, equals = 0;
	for (uint32_t round = 0; round < 40; round++) {
		seed = 0x9e3779b97f4a7c15u + round;
		for (uint32_t i = 0; i < BLOCKS_MADE; i++) make_block(i);
		run_form(0, 0);
		if (result.code != DP_END)
			fail_msg("round %u: %s:%u %s", round, result.fault.file, result.fault.line,
			         result.fault.text);
		assert_int_equal(result.reordered, 0);
		memcpy(want, result.text, sizeof want);
		memcpy(digest, result.digest, sizeof digest);
		assert_int_equal(result.blocks, BLOCKS_MADE);
		assert_memory_equal(digest, evm_digest, sizeof evm_digest);
		for (uint32_t form = 0; form < 64; form++) {
			bool shuffled = (form & 32) != 0;
			if (shuffled)
				for (uint32_t s = 0; s < SORTS; s++) shuffle(&made[s]);
			if (shuffled) shuffle(&with_receipts);
			static const uint64_t memory[] = {0, 128 << 10, 512 << 10, 1 << 20};
			run_form(form & 31, memory[chance(4)]);
			// Little memory may be too little, and says so; never another answer.
			if (result.code == DP_LIMIT) {
				limits++;
				assert_non_null(strstr(result.fault.text, "memory"));
				continue;
			}
			if (result.code != DP_END)
				fail_msg("round %u form %u: %s:%u %s", round, form,
				         result.fault.file, result.fault.line, result.fault.text);
			assert_string_equal(result.text, want);
			assert_memory_equal(result.digest, digest, sizeof digest);
			equals++;
		}
		forget();
	}
	dp_evm_done(&evm);
	dp_builder_done(&evm_builder);
	print_message("%u forms gave the same, %u were too large\n", equals, limits);
	assert_true(equals > 40 * 32);
}

static void running_out_of_memory_leaves_nothing_behind(void **state)
{
	(void)state;
	static const char blocks[] = BLOCKS B1, txs[] = TXS T1, receipts[] = RECEIPTS R1;
	static const char traces[] = TRACES CALL("0", "000b", "000c", "1", "call", "1") C1;
	const dp_eth_etl_bytes files[] = {{"a", blocks, sizeof blocks - 1, false},
	                                  {"b", txs, sizeof txs - 1, false},
	                                  {"c", receipts, sizeof receipts - 1, false},
	                                  {"d", traces, sizeof traces - 1, false}};
	for (int64_t n = 0; n < 1000; n++) {
		dp_mem_fail_after(n);
		run_files(files, 4, 0);
		dp_mem_fail_after(-1);
		if (result.code == DP_END) {
			assert_true(n > 20);
			return;
		}
		assert_int_equal(result.code, DP_NO_MEMORY);
	}
	fail_msg("it never succeeds");
}

// ---- Folders. ----------------------------------------------------------------------------------

static void put_file(const char *folder, const char *name, const char *text)
{
	char path[300];
	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	for (char *p = path + strlen(folder) + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = 0;
		(void)mkdir(path, 0700);
		*p = '/';
	}
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void a_hive_folder_is_recognised_and_read(void **state)
{
	(void)state;
	char folder[] = "/tmp/dyepack-etl-XXXXXX", command[64];
	assert_non_null(mkdtemp(folder));
	put_file(folder, "blocks/start_block=0/end_block=9/blocks_0_9.csv", BLOCKS B1);
	put_file(folder, "transactions/start_block=0/end_block=9/t.csv", TXS T1);
	put_file(folder, "contracts/start_block=0/end_block=9/contracts.csv",
	         "address,bytecode,function_sighashes,is_erc20,is_erc721,block_number\n");
	put_file(folder, "notes.txt", "nothing of this");
	put_file(folder, ".tmp/x.csv", TXS T1);
	assert_true(dp_source_eth_etl.recognise(folder, NULL, 0, true) > 0);
	dp_source *s;
	dp_source_options options = {0};
	const char *path = folder;
	start_result();
	assert_int_equal(dp_source_eth_etl.open(&s, &path, 1, &options, &result.fault), DP_OK);
	drain(s);
	expect("B15600000@1000\n T01\n  native ETH 100 000a>000b\n");
	put_file(folder, "empty/notes.txt", "");
	char empty[64];
	(void)snprintf(empty, sizeof empty, "%s/empty", folder);
	assert_int_equal(dp_source_eth_etl.recognise(empty, NULL, 0, true), 0);
	(void)snprintf(command, sizeof command, "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

// ---- Real blocks: a node's answer and the export that ethereum-etl makes of it. -----------------

static char *export_text;
static size_t export_size;

__attribute__((format(printf, 1, 2))) static void put(const char *format, ...)
{
	enum { EXPORT_MAX = 1 << 20 };
	va_list args;
	if (export_text == NULL) export_text = malloc(EXPORT_MAX);
	assert_non_null(export_text);
	va_start(args, format);
	int n = vsnprintf(export_text + export_size, EXPORT_MAX - export_size, format, args);
	va_end(args);
	assert_true(n >= 0 && (size_t)n < EXPORT_MAX - export_size);
	export_size += (size_t)n;
}

// A member as text; quantities in decimal, as ethereum-etl writes them.
static void put_member(const dp_json *v, const char *key, bool is_number, const char *end)
{
	const char *text = dp_json_text(dp_json_get(v, key));
	dp_u256 number;
	char digits[DP_U256_DEC_MAX];
	if (text != NULL && is_number) {
		assert_int_equal(dp_etl_parse_amount(&number, text, strlen(text), NULL), DP_OK);
		dp_u256_format(digits, number, 0);
		text = digits;
	}
	put("%s%s", text == NULL ? "" : text, end);
}

// Both files into export_text; where the second begins is returned.
static size_t export_block(const dp_json *block)
{
	export_size = 0;
	put("number,hash,parent_hash,sha3_uncles,miner,difficulty,timestamp,base_fee_per_gas,"
	    "excess_blob_gas,withdrawals\n");
	put_member(block, "number", true, ",");
	put_member(block, "hash", false, ",");
	put_member(block, "parentHash", false, ",");
	put_member(block, "sha3Uncles", false, ",");
	put_member(block, "miner", false, ",");
	put_member(block, "difficulty", true, ",");
	put_member(block, "timestamp", true, ",");
	put_member(block, "baseFeePerGas", true, ",");
	put_member(block, "excessBlobGas", true, ",\"[");
	const dp_json *w = dp_json_first(dp_json_get(block, "withdrawals"));
	for (; w != NULL; w = dp_json_next(w)) {
		put("{'index': 1, 'address': '");
		put_member(w, "address", false, "', 'amount': ");
		put_member(w, "amount", true, "}, ");
	}
	put("]\"\n");
	size_t second = export_size;
	put(TXS);
	const dp_json *t = dp_json_first(dp_json_get(block, "transactions"));
	for (; t != NULL; t = dp_json_next(t)) {
		put_member(t, "hash", false, ",");
		put_member(t, "nonce", true, ",");
		put_member(t, "blockHash", false, ",");
		put_member(t, "blockNumber", true, ",");
		put_member(t, "transactionIndex", true, ",");
		put_member(t, "from", false, ",");
		put_member(t, "to", false, ",");
		put_member(t, "value", true, ",90000,");
		put_member(t, "gasPrice", true, ",0x,");
		put_member(block, "timestamp", true, "\n");
	}
	return second;
}

static void compare_block(const dp_json *answer, uint64_t height)
{
	dp_evm_block told = {.chain = NULL};
	dp_block_builder builder = {.tx_cap = 0};
	const dp_block *b;
	uint64_t gaps = 0;
	uint8_t digest[32];
	const dp_chain *chain = dp_chain_find("ethereum", 8);
	dp_u256 difficulty;
	const char *text = dp_json_text(dp_json_get(answer, "difficulty"));
	assert_int_equal(dp_etl_parse_amount(&difficulty, text, strlen(text), NULL), DP_OK);
	assert_int_equal(dp_evm_json_block(&told, chain, height, answer, &result.fault), DP_OK);
	if (!dp_u256_is_zero(difficulty))
		assert_int_equal(dp_evm_add_rewards(&told, NULL, NULL, 0, NULL), DP_OK);
	assert_int_equal(dp_evm_build(&builder, &b, &gaps, &told, &result.fault), DP_OK);
	size_t second = export_block(answer);
	const dp_eth_etl_bytes files[] = {
	    {"blocks", export_text, second, false},
	    {"transactions", export_text + second, export_size - second, false}};
	run_files(files, 2, 0);
	if (result.code != DP_END)
		fail_msg("%s:%u %s", result.fault.file, result.fault.line, result.fault.text);
	assert_int_equal(result.blocks, 1);
	dp_block_digest(digest, b);
	assert_memory_equal(result.digest[0], digest, 32);
	assert_memory_equal(result.digest[0] + 32, b->hash, 32);
	assert_memory_equal(result.digest[0] + 64, b->prev, 32);
	// No uncles, and all withdrawals: nothing is missing of what was made.
	assert_int_equal(result.gaps & DP_GAP_REWARDS, 0);
	dp_evm_done(&told);
	dp_builder_done(&builder);
}

static const char *shared_path(const char *folder, const char *name);
static dp_eth_etl_bytes read_shared(const char *folder, const char *name);

static void a_node_s_block_and_its_export_give_the_same_rows(void **state)
{
	(void)state;
	static const uint64_t heights[] = {46147,    930196,   11743952, 12459406,
	                                   15537393, 15537394, 19426586, 19934116};
	for (size_t i = 0; i < sizeof heights / sizeof heights[0]; i++) {
		char name[40];
		(void)snprintf(name, sizeof name, "%llu.json", (unsigned long long)heights[i]);
		dp_eth_etl_bytes file = read_shared("blocks", name);
		dp_json *answer;
		assert_int_equal(dp_json_parse(&answer, file.bytes, file.size, &result.fault),
		                 DP_OK);
		compare_block(answer, heights[i]);
		dp_json_free(answer);
		free((void *)(uintptr_t)file.bytes);
	}
	free(export_text);
	export_text = NULL;
}

// ---- GraphSense's totals. ----------------------------------------------------------------------
//
// What GraphSense counts, found by recomputing: every trace whose status is 1, of all types, so
// block rewards and the first block's allocation too; no fees at all, neither as spent nor as
// received; failed calls not. And it adds the value of delegate calls, which do not move it: the
// callee runs with its caller's own balance, and the value is that of the call above once more. So
// 26 of the 782 addresses and 17 of the relations have more there than changed hands. We must
// differ in exactly these, and agree in all once the delegate calls of the raw file are added.
//
// Six rows at the end of its transactions were made up for its own tests (lines 328 to 333): their
// block hash or time is another block's. We refuse the file as it is, and read it without them.

enum { ADDRS_MAX = 4096, PAIRS_MAX = 8192, FAKE_LINE = 328 };

struct total {
	uint8_t addr[20];
	dp_u256 in, out, delegate_in, delegate_out;
};
struct pair {
	uint8_t from[20], to[20];
	dp_u256 sum, delegate;
};

static struct total totals[ADDRS_MAX];
static struct pair pairs[PAIRS_MAX];
static uint32_t total_count, pair_count;

static struct total *total_of(const uint8_t addr[20])
{
	for (uint32_t i = 0; i < total_count; i++)
		if (memcmp(totals[i].addr, addr, 20) == 0) return &totals[i];
	assert_true(total_count < ADDRS_MAX);
	memcpy(totals[total_count].addr, addr, 20);
	return &totals[total_count++];
}

static struct pair *pair_of(const uint8_t from[20], const uint8_t to[20])
{
	for (uint32_t i = 0; i < pair_count; i++)
		if (memcmp(pairs[i].from, from, 20) == 0 && memcmp(pairs[i].to, to, 20) == 0)
			return &pairs[i];
	assert_true(pair_count < PAIRS_MAX);
	memcpy(pairs[pair_count].from, from, 20);
	memcpy(pairs[pair_count].to, to, 20);
	return &pairs[pair_count++];
}

static void add_to(dp_u256 *io_sum, dp_u256 amount)
{
	*io_sum = dp_u256_add(*io_sum, amount);
}

// A path below the shared data; skips where it is missing.
static const char *shared_path(const char *folder, const char *name)
{
	static char path[600];
	const char *root = getenv("DYEPACK_SHARED");
	if (root == NULL || root[0] == 0) root = "../shared";
	(void)snprintf(path, sizeof path, "%s/data/ethereum/%s/%s", root, folder, name);
	if (access(path, R_OK) != 0) {
		print_message("skipped: %s is not there (DYEPACK_SHARED names its folder)\n", path);
		skip();
	}
	return path;
}

static dp_eth_etl_bytes read_shared(const char *folder, const char *name)
{
	FILE *f = fopen(shared_path(folder, name), "r");
	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	long size = ftell(f);
	assert_true(size > 0);
	rewind(f);
	char *text = malloc((size_t)size + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, (size_t)size, f), (size_t)size);
	text[size] = 0;
	assert_int_equal(fclose(f), 0);
	return (dp_eth_etl_bytes){.name = name, .bytes = text, .size = (size_t)size};
}

static dp_eth_etl_bytes read_reference(const char *name)
{
	return read_shared("mainnet-15000000-15000004", name);
}

static void decode64(uint8_t *out, size_t n, const char *text)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = 0, have = 0;
	size_t k = 0;
	for (; *text != 0 && *text != '='; text++) {
		const char *d = strchr(digits, *text);
		assert_non_null(d);
		bits = bits << 6 | (uint32_t)(d - digits);
		have += 6;
		if (have < 8) continue;
		have -= 8;
		assert_true(k < n);
		out[k++] = (uint8_t)(bits >> have);
	}
	assert_int_equal(k, n);
}

static dp_u256 json_amount(const dp_json *v)
{
	dp_u256 amount;
	const char *text = dp_json_number(v);
	assert_non_null(text);
	assert_int_equal(dp_u256_parse(&amount, text, strlen(text), 0, NULL), DP_OK);
	return amount;
}

static uint32_t next_id(const dp_json *v, const char *key)
{
	uint64_t id;
	assert_true(dp_json_u64(dp_json_get(v, key), &id));
	return (uint32_t)id;
}

// The next line of a file in memory as an object; NULL at the end.
static dp_json *next_object(const char **io_at)
{
	const char *end = strchr(*io_at, '\n');
	if (**io_at == 0) return NULL;
	size_t n = end == NULL ? strlen(*io_at) : (size_t)(end - *io_at);
	dp_json *v;
	assert_int_equal(dp_json_parse(&v, *io_at, n, &result.fault), DP_OK);
	*io_at += n + (end != NULL);
	return v;
}

static uint32_t usdt_count;
static struct usdt {
	uint64_t height;
	uint8_t tx[32], from[20], to[20];
	dp_u256 amount;
} usdt[512];

static void add_block(const dp_block *b)
{
	dp_asset tether = dp_asset_by_symbol(b->chain, "usdt", 4);
	for (uint32_t t = 0; t < b->tx_count; t++) {
		for (uint32_t i = 0; i < b->tx[t].mv_count; i++) {
			const dp_movement *mv = &b->mv[b->tx[t].mv_first + i];
			if (mv->asset.v == tether.v) {
				assert_true(usdt_count < 512);
				struct usdt *u = &usdt[usdt_count++];
				*u = (struct usdt){.height = b->height, .amount = mv->amount};
				memcpy(u->tx, b->tx[t].id, 32);
				memcpy(u->from, mv->from.bytes, 20);
				memcpy(u->to, mv->to.bytes, 20);
			}
			if (mv->kind == DP_MV_TOKEN || mv->kind == DP_MV_FEE) continue;
			add_to(&total_of(mv->to.bytes)->in, mv->amount);
			if (mv->from.kind == DP_ADDR_NONE) continue;
			add_to(&total_of(mv->from.bytes)->out, mv->amount);
			add_to(&pair_of(mv->from.bytes, mv->to.bytes)->sum, mv->amount);
		}
	}
}

// Column numbers of the raw traces file.
enum { RAW_FROM = 4, RAW_TO = 5, RAW_VALUE = 6, RAW_STATUS = 7, RAW_CALL = 8 };

static void add_delegate_calls(const char *text)
{
	uint32_t count = 0;
	while ((text = strchr(text, '\n')) != NULL && *++text != 0) {
		const char *field[10], *p = text;
		size_t size[10];
		for (uint32_t i = 0; i < 10; i++) {
			field[i] = p;
			size[i] = strcspn(p, ",\n");
			p += size[i] + 1;
		}
		if (strncmp(field[RAW_CALL], "delegatecall,", 13) != 0) continue;
		if (field[RAW_STATUS][0] != '1') continue;
		uint8_t from[20], to[20];
		dp_u256 value;
		assert_true(dp_hex_decode(from, 20, field[RAW_FROM] + 2));
		assert_true(dp_hex_decode(to, 20, field[RAW_TO] + 2));
		assert_int_equal(
		    dp_etl_parse_amount(&value, field[RAW_VALUE], size[RAW_VALUE], NULL), DP_OK);
		add_to(&total_of(to)->delegate_in, value);
		add_to(&total_of(from)->delegate_out, value);
		add_to(&pair_of(from, to)->delegate, value);
		count++;
	}
	assert_int_equal(count, 922);
}

static void read_export(void)
{
	dp_eth_etl_bytes files[] = {read_reference("blocks.csv"), read_reference("traces.csv"),
	                            read_reference("logs.json"),
	                            read_reference("transactions.csv")};
	dp_source_options options = {0};
	dp_source *s;
	const dp_block *b;
	run_files(files, 4, 0);
	expect_bad("transactions.csv", FAKE_LINE, "block 15000004 has another hash");
	const char *end = files[3].bytes;
	for (uint32_t line = 1; line < FAKE_LINE; line++) end = strchr(end, '\n') + 1;
	files[3].size = (size_t)(end - (const char *)files[3].bytes);
	assert_int_equal(dp_eth_etl_open_bytes(&s, files, 4, &options, &result.fault), DP_OK);
	while ((result.code = dp_source_next(s, &b, &result.fault)) == DP_OK) add_block(b);
	assert_int_equal(result.code, DP_END);
	assert_int_equal(s->stats.blocks, 90);
	assert_int_equal(s->stats.reordered, 326); // the transactions alone are not in order
	assert_true((s->gaps & DP_GAP_PARTIAL) != 0);
	assert_int_equal(s->gaps & (DP_GAP_REWARDS | DP_GAP_TOKENS | DP_GAP_STATUS), 0);
	dp_source_close(s);
	add_delegate_calls(files[1].bytes);
	for (uint32_t i = 0; i < 4; i++) free((void *)(uintptr_t)files[i].bytes);
}

static struct {
	uint32_t id;
	uint8_t addr[20];
} known[1024];
static uint32_t known_count;

static void compare_addresses(void)
{
	dp_eth_etl_bytes file = read_reference("reference/addresses.json");
	const char *at = file.bytes;
	uint32_t without = 0, with = 0;
	for (dp_json *v; (v = next_object(&at)) != NULL; dp_json_free(v)) {
		assert_true(known_count < 1024);
		known[known_count].id = next_id(v, "addressId");
		decode64(known[known_count].addr, 20, dp_json_text(dp_json_get(v, "address")));
		const struct total *t = total_of(known[known_count++].addr);
		dp_u256 in = json_amount(dp_json_get(dp_json_get(v, "totalReceived"), "value"));
		dp_u256 out = json_amount(dp_json_get(dp_json_get(v, "totalSpent"), "value"));
		without += dp_u256_eq(in, t->in) && dp_u256_eq(out, t->out);
		with += dp_u256_eq(in, dp_u256_add(t->in, t->delegate_in)) &&
		        dp_u256_eq(out, dp_u256_add(t->out, t->delegate_out));
		// Ours differ from GraphSense's by the delegate calls, and by nothing else.
		bool same = dp_u256_is_zero(t->delegate_in) && dp_u256_is_zero(t->delegate_out);
		assert_int_equal(same, dp_u256_eq(in, t->in) && dp_u256_eq(out, t->out));
	}
	free((void *)(uintptr_t)file.bytes);
	print_message("addresses: %u of %u agree, %u with delegate calls\n", without, known_count,
	              with);
	assert_int_equal(known_count, 782);
	assert_int_equal(with, 782);
	assert_int_equal(without, 756);
}

static const uint8_t *known_addr(uint32_t id)
{
	for (uint32_t i = 0; i < known_count; i++)
		if (known[i].id == id) return known[i].addr;
	return NULL;
}

static void compare_relations(void)
{
	dp_eth_etl_bytes file = read_reference("reference/address_relations.json");
	const char *at = file.bytes;
	uint32_t without = 0, with = 0, count = 0;
	for (dp_json *v; (v = next_object(&at)) != NULL; dp_json_free(v)) {
		// Most relations lead to addresses that its list leaves out.
		const uint8_t *from = known_addr(next_id(v, "srcAddressId"));
		const uint8_t *to = known_addr(next_id(v, "dstAddressId"));
		if (from == NULL || to == NULL) continue;
		const struct pair *p = pair_of(from, to);
		dp_u256 sum = json_amount(dp_json_get(dp_json_get(v, "value"), "value"));
		without += dp_u256_eq(sum, p->sum);
		with += dp_u256_eq(sum, dp_u256_add(p->sum, p->delegate));
		count++;
	}
	free((void *)(uintptr_t)file.bytes);
	print_message("relations: %u of %u agree, %u with delegate calls\n", without, count, with);
	assert_int_equal(count, 1306);
	assert_int_equal(with, 1306);
	assert_int_equal(without, 1289);
}

static void compare_usdt(void)
{
	dp_eth_etl_bytes file = read_reference("reference/USDT_token_transfers.json");
	const char *at = file.bytes;
	uint32_t count = 0, found = 0;
	for (dp_json *v; (v = next_object(&at)) != NULL; dp_json_free(v)) {
		struct usdt want = {.amount = json_amount(dp_json_get(v, "value"))};
		assert_true(dp_json_u64(dp_json_get(v, "blockId"), &want.height));
		decode64(want.tx, 32, dp_json_text(dp_json_get(v, "txHash")));
		decode64(want.from, 20, dp_json_text(dp_json_get(v, "from")));
		decode64(want.to, 20, dp_json_text(dp_json_get(v, "to")));
		count++;
		for (uint32_t i = 0; i < usdt_count; i++) {
			if (memcmp(&usdt[i], &want, sizeof want) != 0) continue;
			usdt[i].height = 0; // each once
			found++;
			break;
		}
	}
	free((void *)(uintptr_t)file.bytes);
	assert_int_equal(count, 143);
	assert_int_equal(usdt_count, 143);
	assert_int_equal(found, 143);
}

static void graphsense_totals_are_ours_and_its_delegate_calls(void **state)
{
	(void)state;
	read_export();
	compare_addresses();
	compare_relations();
	compare_usdt();
}

// ---- Notes. ------------------------------------------------------------------------------------

#define THOR "0xef519b7eb82aaf6ac376a6df2d793843ebfd593de5f1a0601d3cc6ab49ebb395"
#define SHARES "0x9d9c909296d9c674451c0c24f02cb64981eb3b727f99865939192f880a755dcb"
#define STETH "0xae7ab96520de3a18e5e111b5eaab095312d7fe84"
#define GAS "0000000000000000000000000000000000000000000000000000000000000009"

static const char noted[] =
    "B15600000@1000\n T01\n  native ETH 100 000a>000b\n  token stETH-share 90 000a>000b\n"
    "  fee ETH 210000 000a>-\n  fee ETH 60000 000a>00ee\n"
    "  memo 0 000b 0 topics 7/7 3d3a623a626331\n"
    "  nominal 1 fe84 0 topics 32/32 " X4("00000000")
        X4("000000") "00000064\n"
                     "  log 4 0009 3 topics 3/3 616263\n  log 8 0009 1 topics 0/0 \n"
                     "  gas 0 0000 0 topics 52/52 " GAS X4("00000000") "0000000a\n";

#define MEMO_TX(value, input)                                                                      \
	TXS H("01") ",5," H("b1") ",15600000,0," A("000a") "," A("000b") "," value                 \
	                                                                 ",50000,10," input        \
	                                                                 ",1000\n"
#define NOTE_LOG(index, who, data, topics)                                                         \
	index "," H("01") ",0,15600000," who "," data "," topics "\n"

static void logs_and_memos_become_notes(void **state)
{
	(void)state;
	// In any order.
	run(BLOCKS B1, MEMO_TX("100", "0x3d3a623a626331"), RECEIPTS R1, TRACES C1,
	    LOGS NOTE_LOG("8", A("0009"), "0x", THOR)
	        NOTE_LOG("4", A("0009"), "0x616263", "\"" THOR "," H("02") "," H("03") "\"")
	            NOTE_LOG("5", A("0009"), "0x616263", H("02"))
	                NOTE_LOG("6", STETH, H("64"), "\"" TRANSFER "," H("0a") "," H("0b") "\"")
	                    NOTE_LOG("7", STETH, H("5a"), "\"" SHARES "," H("0a") "," H("0b") "\""),
	    NULL);
	expect(noted);
	assert_int_equal(result.gaps & DP_GAP_NOTES, 0);
}

#define JSON_LOG(index, who, data, topics)                                                         \
	"{'type':'log','log_index':" index ",'transaction_hash':'" H(                              \
	    "01") "','transaction_index':0,'block_number':15600000,'address':'" who                \
	          "','topics':[" topics "],'data':'" data "'}\n"

// Also with the topics before the data.
static void lines_of_json_give_the_same_notes(void **state)
{
	(void)state;
	char json[] = JSON_LOG("4", A("0009"), "0x616263", "'" THOR "','" H("02") "','" H("03") "'")
	    JSON_LOG("8", A("0009"), "0x", "'" THOR "'")
	        JSON_LOG("6", STETH, H("64"), "'" TRANSFER "','" H("0a") "','" H("0b") "'")
	            JSON_LOG("7", STETH, H("5a"), "'" SHARES "','" H("0a") "','" H("0b") "'");
	for (char *p = json; *p != 0; p++)
		if (*p == '\'') *p = '"';
	run(BLOCKS B1, MEMO_TX("100", "0x3d3a623a626331"), RECEIPTS R1, TRACES C1, json, NULL);
	expect(noted);
}

static void what_is_no_note_is_dropped_and_what_is_cut_says_so(void **state)
{
	(void)state;
	static char logs[3 * DP_NOTE_DATA_MAX];
	size_t n =
	    (size_t)snprintf(logs, sizeof logs, LOGS "4," H("01") ",0,15600000," A("0009") ",0x");
	memset(logs + n, 'a', 2 * DP_NOTE_DATA_MAX + 2);
	(void)snprintf(logs + n + 2 * DP_NOTE_DATA_MAX + 2, 100, "," THOR "\n");
	run(BLOCKS B1, TXS T1, RECEIPTS R1, TRACES C1, logs, NULL);
	assert_int_equal(result.code, DP_END);
	assert_non_null(strstr(result.text, "  log 4 0009 1 topics 4096/4097 aaaa"));
	// Call data without value, or that is no memo, or of which nobody knows who is paid.
	static const char *const no_memos[] = {
	    MEMO_TX("0", "0x3d3a623a626331"), MEMO_TX("100", "0x3d3a623a620131"),
	    TXS H("01") ",5," H("b1") ",15600000,0," A("000a") ",,100,50000,10,0x3d3a623a,1000\n"};
	for (size_t i = 0; i < 3; i++) {
		run(BLOCKS B1, no_memos[i], RECEIPTS R1, LOGS, NULL);
		assert_int_equal(result.code, DP_END);
		assert_null(strstr(result.text, "memo"));
	}
	// What a failed transaction says it did not do.
	run(BLOCKS B1, MEMO_TX("100", "0x3d3a623a626331"),
	    RECEIPTS H("01") ",0,15600000,30000,30000,,0,9\n", LOGS, NULL);
	assert_int_equal(result.code, DP_END);
	assert_null(strstr(result.text, "memo"));
	run(TXS T1, LOGS NOTE_LOG("4", A("0009"), "0xzz", THOR), NULL);
	expect_bad("b", 2, "data is not 0x and pairs of digits");
	run(MEMO_TX("100", "0xzz"), NULL);
	expect_bad("a", 2, "input is not 0x and pairs of digits");
}

// Of a Safe's execTransaction what is kept says how long it was; value does not matter.
static void a_safes_delegate_call_is_kept(void **state)
{
	(void)state;
	static char txs[4 * DP_NOTE_DATA_MAX];
	for (uint32_t operation = 0; operation < 2; operation++) {
		char input[3 * DP_NOTE_DATA_MAX];
		(void)snprintf(input, sizeof input, "0x6a761202%0192u%064u%0*u", 0U, operation,
		               2 * (DP_NOTE_DATA_MAX + 1 - 4 - 4 * 32), 0U);
		(void)snprintf(txs, sizeof txs,
		               TXS H("01") ",5," H("b1") ",15600000,0," A("000a") "," A(
		                   "000b") ",0,50000,10,%s,1000\n",
		               input);
		run(BLOCKS B1, txs, RECEIPTS R1, LOGS, NULL);
		assert_int_equal(result.code, DP_END);
		const char *note = strstr(result.text, "  safe 0 000b 0 topics 4096/4097 6a761202");
		assert_true((note != NULL) == (operation == 1));
	}
	run(MEMO_TX("0", "0x6a761202zz"), NULL);
	expect_bad("a", 2, "input is not 0x and pairs of digits");
}

// Lido's mint of 0.01 ether in block 15,000,002: a wei less of stETH, and its shares.
static void a_real_mint_of_steth_is_counted_in_shares(void **state)
{
	(void)state;
	dp_eth_etl_bytes files[] = {read_reference("blocks.csv"),
	                            read_reference("transactions.csv"), read_reference("logs.json"),
	                            read_reference("traces.csv")};
	run_files(files, 4, 0);
	for (size_t i = 0; i < 4; i++) free((void *)(uintptr_t)files[i].bytes);
	assert_int_equal(result.code, DP_BAD_BYTES); // two blocks further on, see read_export
	const char *row = strstr(result.text, "stETH-share");
	assert_non_null(row);
	assert_null(strstr(row + 1, "stETH-share"));
	assert_non_null(strstr(result.text, "  token stETH-share 9296826431595847 ->e7c8\n"));
	assert_non_null(strstr(result.text, "  nominal 1 fe84 0 topics 32/32 " X4("00000000")
	                                        X4("0000") "002386f26fc0ffff\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(blocks_transactions_and_receipts_make_payments_and_split_fees),
	    cmocka_unit_test(what_is_not_there_is_a_gap),
	    cmocka_unit_test(a_failed_transaction_keeps_only_its_fee),
	    cmocka_unit_test(calls_move_what_they_carry_unless_they_or_their_callers_failed),
	    cmocka_unit_test(calls_without_that_of_their_transaction_are_taken_as_incomplete),
	    cmocka_unit_test(traces_alone_make_transactions),
	    cmocka_unit_test(token_transfers_alone_make_transactions_in_the_order_of_their_logs),
	    cmocka_unit_test(logs_are_transfers_by_their_topics),
	    cmocka_unit_test(scientific_notation_is_read_exactly_or_refused),
	    cmocka_unit_test(rewards_come_from_traces_or_are_computed),
	    cmocka_unit_test(withdrawals_are_gwei_as_python_or_json_write_them),
	    cmocka_unit_test(genesis_and_the_dao_fork_move_by_decree),
	    cmocka_unit_test(a_contract_is_found_by_its_receipt_or_its_trace),
	    cmocka_unit_test(contradictions_are_refused_with_file_and_line),
	    cmocka_unit_test(a_block_without_its_logs_is_a_gap_and_told),
	    cmocka_unit_test(a_transaction_without_its_receipt_or_traces_is_a_gap_and_told),
	    cmocka_unit_test(blocks_that_are_in_no_file_are_a_gap_and_told),
	    cmocka_unit_test(a_reward_that_stands_twice_is_refused),
	    cmocka_unit_test(wrong_rows_are_refused_with_file_and_line),
	    cmocka_unit_test(a_pipe_must_be_in_order),
	    cmocka_unit_test(another_chain_has_no_such_rewards_and_bitcoin_has_no_such_export),
	    cmocka_unit_test(kinds_are_told_by_columns_not_names),
	    cmocka_unit_test(form_order_and_memory_change_nothing),
	    cmocka_unit_test(running_out_of_memory_leaves_nothing_behind),
	    cmocka_unit_test(a_hive_folder_is_recognised_and_read),
	    cmocka_unit_test(a_node_s_block_and_its_export_give_the_same_rows),
	    cmocka_unit_test(graphsense_totals_are_ours_and_its_delegate_calls),
	    cmocka_unit_test(logs_and_memos_become_notes),
	    cmocka_unit_test(lines_of_json_give_the_same_notes),
	    cmocka_unit_test(what_is_no_note_is_dropped_and_what_is_cut_says_so),
	    cmocka_unit_test(a_safes_delegate_call_is_kept),
	    cmocka_unit_test(a_real_mint_of_steth_is_counted_in_shares),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
