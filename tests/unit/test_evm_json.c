// evm_json.h: recorded answers of a real node give, wei for wei, the balances that the node itself
// states after each block, whichever way it tells of calls; real mainnet blocks decode; and what is
// wrong with an answer is said with its place.
// Covers: source/evm_json.c source/evm_fields.c source/evm_traces.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zstd.h>

#include "base/mem.h"
#include "source/evm_json.h"

enum { FILE_MAX = 4 << 20, ACCOUNTS_MAX = 200, RECEIPTS_MAX = 400 };

static dp_evm_block block;
static dp_block_builder builder;
static dp_fault fault;

static const dp_chain *chain_named(const char *name)
{
	return dp_chain_find(name, strlen(name));
}

static int tear_down(void **state)
{
	(void)state;
	dp_evm_done(&block);
	dp_builder_done(&builder);
	assert_int_equal(dp_mem_live(), 0);
	return 0;
}

static dp_json *parse(const char *text)
{
	dp_json *doc = NULL;
	dp_code code = dp_json_parse(&doc, text, strlen(text), &fault);
	if (code != DP_OK) print_message("%s\n", fault.text);
	assert_int_equal(code, DP_OK);
	return doc;
}

// The file's text, unpacked if it is packed; NULL when there is no such file.
static char *read_text(const char *path)
{
	FILE *f = fopen(path, "rb");
	if (f == NULL) return NULL;
	char *raw = malloc(FILE_MAX), *text = malloc(FILE_MAX + 1);
	assert_true(raw != NULL && text != NULL);
	size_t n = fread(raw, 1, FILE_MAX, f);
	fclose(f);
	assert_true(n > 0 && n < FILE_MAX);
	if ((uint8_t)raw[0] == 0x28) {
		size_t got = ZSTD_decompress(text, FILE_MAX, raw, n);
		assert_false(ZSTD_isError(got));
		n = got;
	} else {
		memcpy(text, raw, n);
	}
	text[n] = 0;
	free(raw);
	return text;
}

static dp_code read_receipts(const dp_json *list)
{
	const dp_json *receipt[RECEIPTS_MAX];
	uint32_t count = 0;
	for (const dp_json *i = dp_json_first(list); i != NULL; i = dp_json_next(i)) {
		assert_true(count < RECEIPTS_MAX);
		receipt[count++] = i;
	}
	return dp_evm_json_receipts(&block, receipt, count, &fault);
}

static void assert_ok(dp_code code)
{
	if (code != DP_OK) print_message("%s\n", fault.text);
	assert_int_equal(code, DP_OK);
}

//- recordings ------------------------------------------------------------------------------------

static struct {
	dp_addr address;
	dp_u256 held;
} accounts[ACCOUNTS_MAX];
static uint32_t account_count;

static dp_u256 *held_by(const dp_addr *a)
{
	for (uint32_t i = 0; i < account_count; i++)
		if (dp_addr_eq(&accounts[i].address, a)) return &accounts[i].held;
	fail_msg("a row names an account that the recording does not");
	return NULL;
}

static dp_addr address_of(const char *text)
{
	dp_addr a;
	assert_ok(dp_addr_parse(&a, text, strlen(text), chain_named("ethereum"), &fault));
	return a;
}

static void open_accounts(const dp_json *opening)
{
	account_count = 0;
	for (const dp_json *i = dp_json_first(opening); i != NULL; i = dp_json_next(i)) {
		assert_true(account_count < ACCOUNTS_MAX);
		accounts[account_count].address = address_of(dp_json_name(i));
		assert_true(dp_evm_json_u256(&accounts[account_count++].held, i));
	}
}

static void apply(const dp_block *k)
{
	for (uint32_t i = 0; i < k->mv_count; i++) {
		const dp_movement *mv = &k->mv[i];
		if (mv->asset.v != dp_asset_native(k->chain).v) continue;
		if (mv->from.kind != DP_ADDR_NONE) {
			dp_u256 *held = held_by(&mv->from);
			assert_false(dp_u256_sub_over(held, *held, mv->amount));
		}
		if (mv->to.kind == DP_ADDR_NONE) continue;
		dp_u256 *held = held_by(&mv->to);
		*held = dp_u256_add(*held, mv->amount);
	}
}

static void assert_balances(const dp_json *balances)
{
	for (const dp_json *i = dp_json_first(balances); i != NULL; i = dp_json_next(i)) {
		dp_u256 want;
		dp_addr a = address_of(dp_json_name(i));
		assert_true(dp_evm_json_u256(&want, i));
		dp_u256 *got = held_by(&a);
		if (dp_u256_eq(*got, want)) continue;
		char text[2][DP_U256_DEC_MAX];
		dp_u256_format(text[0], *got, 0);
		dp_u256_format(text[1], want, 0);
		fail_msg("block %d, %s: %s, the node says %s", (int)block.height, dp_json_name(i),
		         text[0], text[1]);
	}
}

static const dp_block *decode(const dp_json *recorded, uint64_t height, bool parity)
{
	const dp_block *k;
	uint64_t gaps = 0;
	assert_ok(dp_evm_json_block(&block, chain_named("ethereum"), height,
	                            dp_json_get(recorded, "block"), &fault));
	assert_false(dp_evm_json_pays_reward(dp_json_get(recorded, "block")));
	assert_ok(read_receipts(dp_json_get(recorded, "receipts")));
	if (parity)
		assert_ok(dp_evm_json_parity(&block, dp_json_get(recorded, "parity"), &fault));
	else
		assert_ok(dp_evm_json_calls(&block, dp_json_get(recorded, "calls"), &fault));
	assert_ok(dp_evm_build(&builder, &k, &gaps, &block, &fault));
	assert_int_equal(gaps, 0);
	return k;
}

static void follow(const char *path, bool parity)
{
	char *text = read_text(path);
	assert_non_null(text);
	dp_json *doc = parse(text);
	uint64_t height = 0, rows = 0;
	open_accounts(dp_json_get(doc, "opening"));
	const dp_json *i = dp_json_first(dp_json_get(doc, "blocks"));
	for (; i != NULL; i = dp_json_next(i)) {
		const dp_block *k = decode(i, ++height, parity);
		rows += k->mv_count;
		apply(k);
		assert_balances(dp_json_get(i, "balances"));
	}
	assert_true(height >= 6 && rows > 90);
	dp_json_free(doc);
	free(text);
}

static void balances_are_those_of_the_node(void **state)
{
	(void)state;
	static const char *const path[] = {"tests/data/evm/calls-prague.json.zst",
	                                   "tests/data/evm/calls-shanghai.json.zst",
	                                   "tests/data/evm/calls-istanbul.json.zst"};
	for (size_t i = 0; i < sizeof path / sizeof *path; i++) {
		follow(path[i], false);
		follow(path[i], true);
	}
}

static void both_ways_to_tell_of_calls_give_the_same_rows(void **state)
{
	(void)state;
	char *text = read_text("tests/data/evm/calls-prague.json.zst");
	assert_non_null(text);
	dp_json *doc = parse(text);
	uint64_t height = 0;
	uint32_t tokens = 0, failed = 0;
	const dp_json *i = dp_json_first(dp_json_get(doc, "blocks"));
	for (; i != NULL; i = dp_json_next(i)) {
		const dp_block *k = decode(i, ++height, false);
		uint32_t count = k->mv_count;
		dp_movement *rows = calloc(count + 1, sizeof *rows);
		assert_non_null(rows);
		if (count > 0) memcpy(rows, k->mv, count * sizeof *rows);
		k = decode(i, height, true);
		assert_int_equal(k->mv_count, count);
		if (count > 0) assert_memory_equal(rows, k->mv, count * sizeof *rows);
		free(rows);
		for (uint32_t t = 0; t < k->tx_count; t++)
			failed += k->tx[t].flags == DP_TXF_FAILED;
		for (uint32_t m = 0; m < count; m++) tokens += k->mv[m].kind == DP_MV_TOKEN;
	}
	// One of the three logs stands in a call that failed: it is in no receipt.
	assert_int_equal(tokens, 2);
	assert_int_equal(failed, 4);
	dp_json_free(doc);
	free(text);
}

static void memory_that_fails_is_reported(void **state)
{
	(void)state;
	char *text = read_text("tests/data/evm/calls-prague.json.zst");
	assert_non_null(text);
	dp_json *doc = parse(text);
	const dp_json *b = dp_json_next(dp_json_first(dp_json_get(doc, "blocks")));
	dp_evm_done(&block);
	dp_builder_done(&builder);
	int64_t before = dp_mem_live();
	for (int64_t allowed = 0;; allowed++) {
		const dp_block *k;
		uint64_t gaps = 0;
		dp_evm_done(&block);
		dp_builder_done(&builder);
		dp_mem_fail_after(allowed);
		dp_code code = dp_evm_json_block(&block, chain_named("ethereum"), 2,
		                                 dp_json_get(b, "block"), &fault);
		if (code == DP_OK) code = read_receipts(dp_json_get(b, "receipts"));
		if (code == DP_OK)
			code = dp_evm_json_calls(&block, dp_json_get(b, "calls"), &fault);
		if (code == DP_OK) code = dp_evm_build(&builder, &k, &gaps, &block, &fault);
		dp_mem_fail_after(-1);
		if (code == DP_OK) break;
		assert_int_equal(code, DP_NO_MEMORY);
	}
	dp_evm_done(&block);
	dp_builder_done(&builder);
	assert_int_equal(dp_mem_live(), before);
	dp_json_free(doc);
	free(text);
}

//- real blocks -----------------------------------------------------------------------------------

static void mainnet_blocks_decode(void **state)
{
	(void)state;
	static const struct {
		uint64_t height;
		uint32_t txs, gifts;
		bool pays, cancun, base_fee;
	} cases[] = {{46147, 1, 0, true, false, false},     {930196, 0, 0, true, false, false},
	             {11743952, 0, 0, true, false, false},  {12459406, 0, 0, true, false, false},
	             {15537393, 1, 0, true, false, true},   {15537394, 80, 0, false, false, true},
	             {19426586, 0, 16, false, false, true}, {19934116, 0, 16, false, true, true}};
	const char *shared = getenv("DYEPACK_SHARED");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char path[600];
		snprintf(path, sizeof path, "%s/data/ethereum/blocks/%d.json",
		         shared != NULL ? shared : "../shared", (int)cases[i].height);
		char *text = read_text(path);
		if (text == NULL) {
			print_message("skipped: there is no %s\n", path);
			skip();
		}
		dp_json *doc = parse(text);
		const dp_block *k;
		uint64_t gaps = 0;
		assert_ok(dp_evm_json_block(&block, chain_named("ethereum"), cases[i].height, doc,
		                            &fault));
		if (cases[i].txs > 0) assert_int_equal(block.tx_count, cases[i].txs);
		assert_true(block.tx_count > 0);
		assert_int_equal(block.gift_count, cases[i].gifts);
		assert_int_equal(dp_evm_json_pays_reward(doc), cases[i].pays);
		assert_int_equal(dp_evm_json_uncle_count(doc), 0);
		assert_int_equal(block.is_cancun, cases[i].cancun);
		assert_int_equal(block.has_base_fee, cases[i].base_fee);
		assert_ok(dp_evm_build(&builder, &k, &gaps, &block, &fault));
		assert_int_equal(gaps, DP_GAP_FEES | DP_GAP_STATUS |
		                           (gaps & DP_GAP_TRACES)); // no receipts here
		assert_true(k->mv_count >= block.tx_count);
		// Some carry words ("ord_in:1611832257355-...", "Hello, PoS!"), none a memo.
		assert_int_equal(k->note_count, 0);
		dp_json_free(doc);
		free(text);
	}
}

//- values ----------------------------------------------------------------------------------------

static void quantities_are_exact_or_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool good;
		uint64_t value;
	} cases[] = {{"\"0x0\"", true, 0},
	             {"\"0x00ff\"", true, 255},
	             {"\"0xFfffffffffffffff\"", true, UINT64_MAX},
	             {"\"0x10000000000000000\"", false, 0},
	             {"\"0x\"", false, 0},
	             {"\"ff\"", false, 0},
	             {"\"0xg\"", false, 0},
	             {"\"0x-1\"", false, 0},
	             {"\"0x1 \"", false, 0},
	             {"\"\"", false, 0},
	             {"17", false, 0},
	             {"null", false, 0},
	             {"[]", false, 0}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint64_t v = 77;
		dp_json *doc = parse(cases[i].text);
		assert_int_equal(dp_evm_json_u64(&v, doc), cases[i].good);
		assert_true(v == (cases[i].good ? cases[i].value : 77));
		dp_json_free(doc);
	}
	assert_false(dp_evm_json_u64(&(uint64_t){0}, NULL));
	char text[100];
	dp_u256 v;
	snprintf(text, sizeof text, "\"0x000%064d\"", 0);
	text[6] = 'f';
	dp_json *doc = parse(text);
	assert_true(dp_evm_json_u256(&v, doc));
	assert_true(v.w[3] == 0xf000000000000000u);
	dp_json_free(doc);
	text[4] = '1';
	doc = parse(text);
	assert_false(dp_evm_json_u256(&v, doc));
	dp_json_free(doc);
}

static void data_has_the_size_asked_for(void **state)
{
	(void)state;
	uint8_t bytes[70];
	char text[200];
	dp_json *doc = parse("\"0x01fF\"");
	assert_true(dp_evm_json_bytes(bytes, 2, doc));
	assert_int_equal(bytes[1], 255);
	assert_false(dp_evm_json_bytes(bytes, 1, doc));
	assert_false(dp_evm_json_bytes(bytes, 3, doc));
	dp_json_free(doc);
	doc = parse("\"0x01f\"");
	assert_false(dp_evm_json_bytes(bytes, 1, doc));
	dp_json_free(doc);
	snprintf(text, sizeof text, "\"0x%0139dz\"", 0);
	doc = parse(text);
	memset(bytes, 7, sizeof bytes);
	assert_false(dp_evm_json_bytes(bytes, 70, doc)); // nothing is written but on success
	assert_int_equal(bytes[0], 7);
	dp_json_free(doc);
	text[3 + 139] = '1';
	doc = parse(text);
	assert_true(dp_evm_json_bytes(bytes, 70, doc));
	assert_int_equal(bytes[69], 1);
	dp_json_free(doc);
}

//- bad answers -----------------------------------------------------------------------------------

// Answers in short: ' stands for ", #1 for a hash of ones and @2 for an address of twos, with their
// quotes.
static const char good_block[] =
    "{'number':'0x9','hash':#b,'parentHash':#a,'timestamp':'0x10','miner':@c,'difficulty':'0x5',"
    "'uncles':[#d],'transactions':[{'hash':#1,'from':@2,'to':@3,'value':'0x64','gasPrice':'0xa',"
    "'transactionIndex':'0x0'}],'withdrawals':[{'address':@4,'amount':'0x2'}]}";
static const char good_receipt[] =
    "{'transactionHash':#1,'transactionIndex':'0x0','blockHash':#b,'status':'0x1',"
    "'gasUsed':'0x5208','logs':["
    "{'address':@9,'topics':[],'data':'0x','logIndex':'0x4','removed':false},"
    "{'address':@9,'topics':[],'data':'0x','logIndex':'0x5'}]}";
static const char good_call[] = "{'type':'CALL','from':@2,'to':@3,'value':'0x64','calls':["
                                "{'type':'DELEGATECALL','from':@3,'to':@5},"
                                "{'type':'CALL','from':@3,'to':@5,'value':'0x1'}]}";
static const char good_parity[] =
    "[{'type':'call','action':{'callType':'call','from':@2,'to':@3,'value':'0x64'},"
    "'traceAddress':[],'transactionPosition':0,'transactionHash':#1},"
    "{'type':'reward','action':{'author':@c,'value':'0x4563918244f40000','rewardType':'block'},"
    "'traceAddress':[]}]";

static dp_json *parse_short(const char *text)
{
	char *full = malloc(strlen(text) * 70 + 1), *p = full;
	assert_non_null(full);
	for (; *text != 0; text++) {
		size_t digits = *text == '#' ? 64 : *text == '@' ? 40 : 0;
		*p++ = *text == '\'' || digits > 0 ? '"' : *text;
		if (digits == 0) continue;
		memcpy(p, "0x", 2);
		memset(p + 2, *++text, digits);
		p += 2 + digits;
		*p++ = '"';
	}
	*p = 0;
	dp_json *doc = parse(full);
	free(full);
	return doc;
}

// A copy of `text` with its first `old` changed; freed by the next call.
static const char *changed(const char *text, const char *old, const char *new)
{
	static char out[8000];
	const char *p = strstr(text, old);
	assert_non_null(p);
	snprintf(out, sizeof out, "%.*s%s%s", (int)(p - text), text, new, p + strlen(old));
	return out;
}

static dp_code read_block(const char *text)
{
	dp_json *doc = parse_short(text);
	memset(&fault, 0, sizeof fault);
	dp_code code = dp_evm_json_block(&block, chain_named("ethereum"), 9, doc, &fault);
	dp_json_free(doc);
	return code;
}

typedef enum answer { PART_BLOCK, PART_RECEIPT, PART_CALLS, PART_PARITY } answer;

static dp_code read_part(answer part, const char *text)
{
	if (part == PART_BLOCK) return read_block(text);
	// Calls by trace_block state a reward, so the block must be one of proof of work.
	static char copy[8000];
	snprintf(copy, sizeof copy, "%s", text);
	assert_ok(read_block(changed(good_block, "'withdrawals'", "'w'")));
	dp_json *doc = parse_short(copy);
	const dp_json *list[] = {doc};
	memset(&fault, 0, sizeof fault);
	dp_code code = part == PART_RECEIPT ? dp_evm_json_receipts(&block, list, 1, &fault)
	               : part == PART_CALLS ? dp_evm_json_calls(&block, doc, &fault)
	                                    : dp_evm_json_parity(&block, doc, &fault);
	dp_json_free(doc);
	return code;
}

static void what_is_wrong_is_said_with_its_place(void **state)
{
	(void)state;
	static const struct {
		answer part;
		const char *old, *new, *want;
	} cases[] = {
	    {PART_BLOCK, "'0x9'", "'0x8'", "block 9: the node answers with block 8"},
	    {PART_BLOCK, "'0x9'", "9", "block 9: 'number' is not a hexadecimal quantity"},
	    {PART_BLOCK, "'number'", "'n'", "block 9: 'number' is missing"},
	    {PART_BLOCK, "'0x10'", "'0xffffffffffffffff'", "block 9: 'timestamp' is no time"},
	    {PART_BLOCK, "#a", "'0x1'", "block 9: 'parentHash' is not a hash of 32"},
	    {PART_BLOCK, "@c", "'0xcc'", "block 9: 'miner' is not an address of 20"},
	    {PART_BLOCK, "'0x64'", "'100'",
	     "block 9, transaction 0: 'value' is not a hexadecimal quantity"},
	    {PART_BLOCK, "'0x64'", "null", "block 9, transaction 0: 'value' is missing"},
	    {PART_BLOCK, "gasPrice", "x", "block 9, transaction 0: it has neither"},
	    {PART_BLOCK, "Index':'0x0", "Index':'0x1", "transaction 0: it calls itself number 1"},
	    {PART_BLOCK, "[{'hash", "['0x1',{'hash", "transaction 0: it is not an object"},
	    {PART_BLOCK, "'transactions'", "'t'", "block 9: 'transactions' is not an array"},
	    {PART_BLOCK, "'0x2'", "'0x10000000000000000'", "block 9, withdrawal 0: 'amount'"},
	    {PART_BLOCK, "[{'address'", "7,'w':[{'address'", "'withdrawals' is not an array"},
	    {PART_RECEIPT, "#1", "#2", "receipt 0: it belongs to another transaction"},
	    {PART_RECEIPT, "Index':'0x0", "Index':'0x1", "receipt 0: it belongs to another tr"},
	    {PART_RECEIPT, "#b", "#e", "block 9, receipt 0: it belongs to another block"},
	    {PART_RECEIPT, "'0x1'", "'0x2'", "receipt 0: 'status' is neither"},
	    {PART_RECEIPT, "gasUsed", "g", "receipt 0: 'gasUsed' is missing"},
	    {PART_RECEIPT, "'0x5'", "'0x4'", "receipt 0, log 1: 'logIndex' 4 does not rise"},
	    {PART_RECEIPT, "false", "true", "block 9, receipt 0, log 0: it was removed"},
	    {PART_RECEIPT, "'topics':[]", "'topics':[1]", "log 0: topic 0 is not 32 bytes"},
	    {PART_RECEIPT, "'topics':[]", "'topics':7", "log 0: 'topics' is not an array"},
	    {PART_RECEIPT, "'0x'", "7", "log 0: 'data' is no text"},
	    {PART_RECEIPT, "'0x'", "#z", "'data' is not hexadecimal"},
	    {PART_RECEIPT, "logs", "l", "receipt 0: 'logs' is not an array"},
	    {PART_RECEIPT, "'status'", "'blobGasUsed':'0x1','status'", "'blobGasPrice'"},
	    {PART_CALLS, "'CALL'", "'JUMP'", "transaction 0: a call has the unknown type"},
	    {PART_CALLS, "'calls':[", "'calls':7,'c':[", "0: 'calls' is not an array"},
	    {PART_CALLS, "'0x1'", "1", "transaction 0: 'value' is not a hexadecimal"},
	    {PART_CALLS, "'result':", "'error':'out of time','r':",
	     "transaction 0: the node could not trace it"},
	    {PART_CALLS, "#1", "#2", "its trace belongs to another transaction"},
	    {PART_CALLS, "[{'txHash", "[{'result':{},'txHash", "a call has no 'type'"},
	    {PART_PARITY, "'call'", "'jump'", "transaction 0: a call has the unknown type"},
	    {PART_PARITY, "'callType':'call", "'callType':'jump", "unknown 'callType'"},
	    {PART_PARITY, "Position':0", "Position':1", "block 9: calls of transaction 1 stand"},
	    {PART_PARITY, "#1", "#2", "transaction 0: calls of another transaction bear"},
	    {PART_PARITY, "'traceAddress':[]", "'traceAddress':[0]", "call 0 has depth 1"},
	    {PART_PARITY, "'traceAddress':[]", "'traceAddress':7", "'traceAddress' is not"},
	};
	char calls[4000];
	snprintf(calls, sizeof calls, "[{'txHash':#1,'result':%s}]", good_call);
	const char *good[] = {good_block, good_receipt, calls, good_parity};
	for (size_t i = 0; i < 4; i++) assert_ok(read_part((answer)i, good[i]));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *text = changed(good[cases[i].part], cases[i].old, cases[i].new);
		assert_int_equal(read_part(cases[i].part, text), DP_BAD_BYTES);
		for (char *q = fault.text; *q != 0; q++)
			if (*q == '"') *q = '\'';
		if (strstr(fault.text, cases[i].want) == NULL)
			fail_msg("want %s, got %s", cases[i].want, fault.text);
		assert_null(strstr(fault.text, "out of time")); // a node's own words
	}
}

static void every_transaction_has_its_receipt_and_its_calls(void **state)
{
	(void)state;
	static const char *const empty[] = {"[]", "null", "7", "{}"};
	assert_ok(read_block(good_block));
	assert_int_equal(dp_evm_json_receipts(&block, NULL, 0, &fault), DP_BAD_BYTES);
	const dp_json *missing[] = {NULL};
	assert_int_equal(dp_evm_json_receipts(&block, missing, 1, &fault), DP_BAD_BYTES);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(read_part(PART_CALLS, empty[i]), DP_BAD_BYTES);
		assert_int_equal(read_part(PART_PARITY, empty[i]), DP_BAD_BYTES);
		assert_int_equal(read_block(empty[i]), DP_BAD_BYTES);
	}
	assert_int_equal(dp_evm_json_block(&block, chain_named("ethereum"), 9, NULL, &fault),
	                 DP_BAD_BYTES);
	assert_int_equal(dp_evm_json_calls(&block, NULL, &fault), DP_BAD_BYTES);
	assert_int_equal(dp_evm_json_parity(&block, NULL, &fault), DP_BAD_BYTES);
}

//- what is told in several ways ------------------------------------------------------------------

static void traces_come_bare_or_wrapped(void **state)
{
	(void)state;
	char text[4000];
	snprintf(text, sizeof text, "[%s]", good_call);
	assert_ok(read_part(PART_CALLS, text));
	assert_int_equal(block.tx[0].frame_count, 3);
	snprintf(text, sizeof text, "[{'result':%s}]", good_call);
	assert_ok(read_part(PART_CALLS, text));
	assert_int_equal(block.tx[0].frame_count, 3);
	assert_int_equal(block.frame[1].kind, DP_EVM_NO_VALUE);
	assert_int_equal(block.frame[2].depth, 1);
	assert_false(block.frame[0].failed);
	// A bare result whose call failed has an error and is a trace all the same.
	char failed[4000];
	snprintf(failed, sizeof failed, "[%s]",
	         changed(good_call, "'type'", "'error':'execution reverted','type'"));
	assert_ok(read_part(PART_CALLS, failed));
	assert_true(block.frame[0].failed);
}

static void prices_are_paid_or_worked_out(void **state)
{
	(void)state;
	static const char fees[] = "'baseFeePerGas':'0x7','timestamp'";
	assert_ok(read_part(PART_RECEIPT, good_receipt));
	assert_true(dp_u256_eq(block.tx[0].gas_price, dp_u256_of(10)));
	assert_true(block.tx[0].has_fee && block.tx[0].gas_used == 21000);
	assert_ok(read_part(
	    PART_RECEIPT, changed(good_receipt, "'status'", "'effectiveGasPrice':'0xb','status'")));
	assert_true(dp_u256_eq(block.tx[0].gas_price, dp_u256_of(11)));
	char text[8000];
	snprintf(text, sizeof text, "%s", changed(good_block, "'timestamp'", fees));
	assert_ok(read_block(changed(text, "'gasPrice':'0xa'",
	                             "'maxFeePerGas':'0x9','maxPriorityFeePerGas':'0x1'")));
	assert_true(dp_u256_eq(block.tx[0].gas_price, dp_u256_of(8)));
	assert_ok(read_block(changed(text, "'gasPrice':'0xa'",
	                             "'maxFeePerGas':'0x9','maxPriorityFeePerGas':'0x5'")));
	assert_true(dp_u256_eq(block.tx[0].gas_price, dp_u256_of(9)));
}

static void deposits_and_operator_fees_of_the_op_stack(void **state)
{
	(void)state;
	char text[8000];
	snprintf(text, sizeof text, "%s",
	         changed(good_block, "'gasPrice':'0xa'", "'type':'0x7e','mint':'0x64'"));
	dp_json *doc = parse_short(text), *receipt;
	assert_ok(dp_evm_json_block(&block, chain_named("base"), 9, doc, &fault));
	dp_json_free(doc);
	assert_true(dp_u256_eq(block.tx[0].mint, dp_u256_of(100)));
	receipt = parse_short(changed(good_receipt, "'status'",
	                              "'type':'0x7e','effectiveGasPrice':'0x5','l1Fee':'0x1',"
	                              "'status'"));
	const dp_json *list[] = {receipt};
	assert_ok(dp_evm_json_receipts(&block, list, 1, &fault));
	assert_true(dp_u256_is_zero(block.tx[0].gas_price));
	assert_true(dp_u256_is_zero(block.tx[0].l1_fee));
	dp_json_free(receipt);
	receipt = parse_short(changed(good_receipt, "'status'",
	                              "'type':'0x2','l1Fee':'0x11','operatorFeeScalar':'0x1',"
	                              "'blobGasUsed':'0x400','status'"));
	list[0] = receipt;
	assert_ok(dp_evm_json_receipts(&block, list, 1, &fault));
	assert_true(dp_u256_eq(block.tx[0].l1_fee, dp_u256_of(17)));
	assert_true(block.tx[0].has_unknown_fee);
	assert_int_equal(block.tx[0].blob_gas_used, 0);
	dp_json_free(receipt);
}

static void rewards_of_a_node_agree_with_ours(void **state)
{
	(void)state;
	dp_json *doc = parse_short(good_parity);
	char text[8000];
	snprintf(text, sizeof text, "%s", changed(good_block, "'withdrawals'", "'w'"));
	assert_ok(read_block(text));
	assert_ok(dp_evm_json_parity(&block, doc, &fault)); // nothing to compare with
	assert_ok(dp_evm_add_rewards(&block, NULL, NULL, 0, &fault));
	assert_int_equal(block.gift_count, 1);
	assert_ok(dp_evm_json_parity(&block, doc, &fault));
	block.gift[0].amount = dp_u256_of(1);
	assert_int_equal(dp_evm_json_parity(&block, doc, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "block 9: the node states a reward"));
	dp_json_free(doc);
}

static void uncles_are_counted_and_read(void **state)
{
	(void)state;
	uint8_t miner[20] = {0};
	uint64_t height = 0;
	dp_json *doc = parse_short(good_block);
	assert_int_equal(dp_evm_json_uncle_count(doc), 1);
	assert_true(dp_evm_json_pays_reward(doc));
	assert_ok(dp_evm_json_uncle(miner, &height, doc, &fault)); // a header is a header
	assert_int_equal(height, 9);
	assert_int_equal(miner[19], 0xcc);
	dp_json_free(doc);
	static const char *const none[] = {"null", "{'number':'0x9'}", "{'miner':'0x'}"};
	for (size_t i = 0; i < 3; i++) {
		doc = parse_short(none[i]);
		assert_int_equal(dp_evm_json_uncle(miner, &height, doc, &fault), DP_BAD_BYTES);
		assert_false(dp_evm_json_pays_reward(doc));
		assert_int_equal(dp_evm_json_uncle_count(doc), 0);
		dp_json_free(doc);
	}
	doc = parse_short("{'number':'0x0','difficulty':'0x5'}");
	assert_false(dp_evm_json_pays_reward(doc));
	dp_json_free(doc);
}

// A contract before Homestead whose code could not be paid for: geth states an error, yet it was
// made.
static void a_frontier_contract_without_code_keeps_its_value(void **state)
{
	(void)state;
	static const char made[] = "[{'type':'CREATE','from':@2,'to':@3,'value':'0x64',"
	                           "'error':'contract creation code storage out of gas'}]";
	assert_ok(read_part(PART_CALLS, made));
	assert_false(block.frame[0].failed);
	dp_json *doc = parse_short(made);
	block.height = 1150000;
	assert_ok(dp_evm_json_calls(&block, doc, &fault));
	assert_true(block.frame[1].failed);
	dp_json_free(doc);
}

// What revm's tracers say of a contract that leaves all to itself and stays.
static void a_destruction_by_somebody_else_is_none(void **state)
{
	(void)state;
	static const char calls[] =
	    "[{'type':'CALL','from':@2,'to':@3,'value':'0x64',"
	    "'calls':[{'type':'SELFDESTRUCT','from':@2,'to':@3,'value':'0x64'}]}]";
	assert_int_equal(read_part(PART_CALLS, calls), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "destroys another contract"));
	assert_ok(read_block(good_block));
	block.is_cancun = true;
	dp_json *doc = parse_short(calls);
	assert_ok(dp_evm_json_calls(&block, doc, &fault));
	assert_int_equal(block.frame[1].kind, DP_EVM_NO_VALUE);
	dp_json_free(doc);
}

static void calls_nest_as_deep_as_they_may(void **state)
{
	(void)state;
	static const char head[] = "{'type':'CALL','from':@2,'to':@3,'value':'0x64','calls':[";
	const size_t n = sizeof head - 1;
	for (uint32_t depth = 1; depth < 2048; depth += 1023) {
		char *text = malloc(depth * (n + 2) + 3), *p = text;
		assert_non_null(text);
		*p++ = '[';
		for (uint32_t i = 0; i < depth; i++, p += n) memcpy(p, head, n);
		for (uint32_t i = 0; i < depth; i++, p += 2) memcpy(p, "]}", 2);
		memcpy(p, "]", 2);
		assert_ok(read_block(good_block));
		dp_json *doc = parse_short(text);
		assert_ok(dp_evm_json_calls(&block, doc, &fault));
		assert_int_equal(block.tx[0].frame_count, depth);
		assert_int_equal(block.frame[depth - 1].depth, depth - 1);
		dp_json_free(doc);
		free(text);
	}
}

static void a_trace_address_has_a_limit(void **state)
{
	(void)state;
	char list[2 * 2048 + 1], text[8000];
	for (size_t i = 0; i < 2048; i++) memcpy(list + 2 * i, "0,", 2);
	list[2 * 2048 - 1] = 0;
	snprintf(text, sizeof text, "'traceAddress':[%s]", list);
	static char full[8000];
	snprintf(full, sizeof full, "%s", changed(good_parity, "'traceAddress':[]", text));
	assert_int_equal(read_part(PART_PARITY, full), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "deeper than 2048"));
}

// Polygon's nodes list a transaction of the system's own that they do not trace.
static void polygon_does_not_trace_state_sync(void **state)
{
	(void)state;
	static char two[8000];
	snprintf(two, sizeof two, "%s",
	         changed(good_block, "}],'w",
	                 "},{'hash':#e,'from':@0,'to':@0,'value':'0x0','gasPrice':'0x0'}],'w"));
	static const char *const chains[] = {"polygon", "ethereum"};
	char text[4000];
	snprintf(text, sizeof text, "[%s]", good_call);
	dp_json *doc = parse_short(two), *calls = parse_short(text);
	dp_json *parity = parse_short(good_parity);
	for (size_t i = 0; i < 2; i++) {
		dp_code want = i == 0 ? DP_OK : DP_BAD_BYTES;
		assert_ok(dp_evm_json_block(&block, chain_named(chains[i]), 9, doc, &fault));
		block.gift_count = 0;
		assert_int_equal(dp_evm_json_parity(&block, parity, &fault), want);
		assert_ok(dp_evm_json_block(&block, chain_named(chains[i]), 9, doc, &fault));
		assert_int_equal(dp_evm_json_calls(&block, calls, &fault), want);
		assert_int_equal(block.tx[0].frame_count, 3);
		assert_int_equal(block.tx[1].frame_count, 0);
		assert_false(block.tx[1].has_frames);
	}
	const dp_block *k;
	uint64_t gaps = 0;
	assert_ok(dp_evm_json_block(&block, chain_named("polygon"), 9, doc, &fault));
	assert_ok(dp_evm_json_calls(&block, calls, &fault));
	assert_ok(dp_evm_build(&builder, &k, &gaps, &block, &fault));
	assert_int_equal(k->tx_count, 3); // and the withdrawal
	dp_json_free(doc);
	dp_json_free(calls);
	dp_json_free(parity);
}

//- notes -----------------------------------------------------------------------------------------

// THORChain's Deposit, as a log's first topic.
#define THOR "0xef519b7eb82aaf6ac376a6df2d793843ebfd593de5f1a0601d3cc6ab49ebb395"
#define SHARES "0x9d9c909296d9c674451c0c24f02cb64981eb3b727f99865939192f880a755dcb"
#define TRANSFER "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
#define STETH "'0xae7ab96520de3a18e5e111b5eaab095312d7fe84'"
#define WORD(d) "'0x00000000000000000000000000000000000000000000000000000000000000" d "'"
#define ZERO64 "0000000000000000000000000000000000000000000000000000000000000000"

static const char memo_block[] =
    "{'number':'0x9','hash':#b,'parentHash':#a,'timestamp':'0x10','miner':@c,'transactions':["
    "{'hash':#1,'from':@2,'to':@3,'value':'0x64','gasPrice':'0xa','input':'0x3d3a623a626331'},"
    "{'hash':#4,'from':@2,'to':@3,'value':'0x64','gasPrice':'0xa','input':'0x'},"
    "{'hash':#5,'from':@2,'to':@3,'value':'0x64','gasPrice':'0xa','input':'0x0102'}]}";

static dp_code read_receipts_of(const char *logs0, const char *logs1, const char *logs2)
{
	static char text[60000];
	snprintf(text, sizeof text,
	         "[{'transactionHash':#1,'status':'0x1','gasUsed':'0x5208','logs':[%s]},"
	         "{'transactionHash':#4,'status':'0x1','gasUsed':'0x5208','logs':[%s]},"
	         "{'transactionHash':#5,'status':'0x1','gasUsed':'0x5208','logs':[%s]}]",
	         logs0, logs1, logs2);
	assert_ok(read_block(memo_block));
	dp_json *doc = parse_short(text);
	memset(&fault, 0, sizeof fault);
	dp_code code = read_receipts(doc);
	dp_json_free(doc);
	return code;
}

static void logs_that_somebody_reads_become_notes(void **state)
{
	(void)state;
	const dp_block *k;
	uint64_t gaps = 0;
	static char big[20000];
	// Twice the longest that is kept.
	size_t n = (size_t)snprintf(big, sizeof big,
	                            "{'address':@9,'topics':['" THOR "'],'logIndex':'0x7',"
	                            "'data':'0x");
	memset(big + n, 'a', 4 * DP_NOTE_DATA_MAX);
	memcpy(big + n + 4 * DP_NOTE_DATA_MAX, "'}", 3);
	assert_ok(read_receipts_of(
	    "",
	    "{'address':@9,'topics':['" THOR "',#2,#3],'data':'0x0abc','logIndex':'0x4'},"
	    "{'address':@9,'topics':[#2,'" THOR "'],'data':'0x','logIndex':'0x5'},"
	    "{'address':@9,'topics':['" THOR "'],'data':'0x','logIndex':'0x6'}",
	    big));
	assert_ok(dp_evm_build(&builder, &k, &gaps, &block, &fault));
	static const struct {
		uint32_t tx, at, size, full, topics;
		uint8_t kind;
	} want[] = {{0, 0, 7, 7, 0, DP_NOTE_INPUT}, {0, 0, 52, 52, 0, DP_NOTE_GAS},
	            {1, 4, 2, 2, 3, DP_NOTE_LOG},   {1, 6, 0, 0, 1, DP_NOTE_LOG},
	            {1, 0, 52, 52, 0, DP_NOTE_GAS}, {2, 7, 4096, 8192, 1, DP_NOTE_LOG},
	            {2, 0, 52, 52, 0, DP_NOTE_GAS}};
	assert_int_equal(k->note_count, sizeof want / sizeof *want);
	for (uint32_t i = 0; i < k->note_count; i++) {
		assert_int_equal(k->note[i].tx, want[i].tx);
		assert_int_equal(k->note[i].kind, want[i].kind);
		assert_int_equal(k->note[i].at, want[i].at);
		assert_int_equal(k->note[i].data_size, want[i].size);
		assert_int_equal(k->note[i].full_size, want[i].full);
		assert_int_equal(k->note[i].topic_count, want[i].topics);
	}
	assert_memory_equal(dp_note_data(k, &k->note[0]), "=:b:bc1", 7);
	assert_int_equal(k->note[0].place[0], 0x33);
	assert_memory_equal(dp_note_data(k, &k->note[2]), "\x0a\xbc", 2);
	assert_int_equal(k->note[2].place[19], 0x99);
	assert_int_equal(k->note[2].topic[2][31], 0x33);
	assert_int_equal(dp_note_data(k, &k->note[5])[4095], 0xaa);
	// Their data must be data, those of other logs are not looked at.
	assert_int_equal(read_receipts_of("", "",
	                                  "{'address':@9,'topics':['" THOR
	                                  "'],'data':'0xa','logIndex':'0x4'}"),
	                 DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "log 0: \"data\" is not hexadecimal"));
	assert_int_equal(
	    read_receipts_of(
	        "", "{'address':@9,'topics':['" THOR "'],'data':'0xzz','logIndex':'0x4'}", ""),
	    DP_BAD_BYTES);
	assert_int_equal(read_receipts_of("{'address':@9,'topics':['" THOR "',#1,#1,#1,#1],"
	                                  "'data':'0x','logIndex':'0x4'}",
	                                  "", ""),
	                 DP_BAD_BYTES);
	assert_ok(read_receipts_of("", "",
	                           "{'address':@9,'topics':[#1],'data':'0xa',"
	                           "'logIndex':'0x4'}"));
}

static void call_data_is_a_memo_where_value_goes_with_it(void **state)
{
	(void)state;
	static const struct {
		const char *old, *new;
		uint32_t memos;
	} cases[] = {{"'0x3d3a", "'0x3d3a", 1},
	             {"'0x3d3a623a626331'", "null", 0},
	             {"'0x3d3a623a626331'", "'0x3d3a623a6263'", 1},
	             {"'value':'0x64'", "'value':'0x0'", 0},
	             {"'to':@3", "'to':null", 0}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const dp_block *k;
		uint64_t gaps = 0;
		assert_ok(read_block(changed(memo_block, cases[i].old, cases[i].new)));
		assert_ok(dp_evm_build(&builder, &k, &gaps, &block, &fault));
		// Without receipts nobody knows what was paid for gas.
		assert_int_equal(k->note_count, cases[i].memos);
	}
	assert_int_equal(read_block(changed(memo_block, "'0x3d3a", "'0x3d3")), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "transaction 0: \"input\" is not hexadecimal"));
}

// A Safe's execTransaction with an operation and `more` bytes behind its head, in quotes.
static const char *safe_call(uint32_t operation, uint32_t more)
{
	static char text[2 * (DP_SAFE_HEAD_SIZE + DP_NOTE_DATA_MAX) + 8];
	(void)snprintf(text, sizeof text, "'0x6A761202%0192u%064u%0*u'", 0U, operation,
	               (int)(2 * (DP_SAFE_HEAD_SIZE - 4 - 4 * 32 + more)), 0U);
	return text;
}

// The first transaction's call data, without value.
static const char *with_input(const char *input)
{
	static char text[30000];
	static const char old[] = "'0x3d3a623a626331'";
	const char *block_text = changed(memo_block, "'value':'0x64'", "'value':'0x0'");
	const char *at = strstr(block_text, old);
	assert_non_null(at);
	(void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - block_text), block_text, input,
	               at + sizeof old - 1);
	return text;
}

static void a_safes_delegate_call_is_kept(void **state)
{
	(void)state;
	static const uint32_t more[] = {0, 100, DP_NOTE_DATA_MAX - DP_SAFE_HEAD_SIZE,
	                                DP_NOTE_DATA_MAX - DP_SAFE_HEAD_SIZE + 1};
	for (uint32_t i = 0; i < 8; i++) {
		const dp_block *k;
		uint64_t gaps = 0;
		uint32_t size = DP_SAFE_HEAD_SIZE + more[i / 2];
		assert_ok(read_block(with_input(safe_call(i % 2, more[i / 2]))));
		assert_ok(dp_evm_build(&builder, &k, &gaps, &block, &fault));
		assert_int_equal(k->note_count, i % 2); // an ordinary call is nobody's business
		if (i % 2 == 0) continue;
		assert_int_equal(k->note[0].kind, DP_NOTE_SAFE);
		assert_int_equal(k->note[0].full_size, size);
		assert_int_equal(k->note[0].data_size,
		                 size < DP_NOTE_DATA_MAX ? size : DP_NOTE_DATA_MAX);
		assert_int_equal(k->note[0].place[0], 0x33);
	}
	assert_int_equal(read_block(with_input("'0x6a761202zz'")), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "transaction 0: \"input\" is not hexadecimal"));
	assert_int_equal(read_block(with_input("'0x6a7612020'")), DP_BAD_BYTES);
	assert_ok(read_block(with_input("'0x6a761202'")));
}

static void shares_are_read_from_receipts(void **state)
{
	(void)state;
	const dp_block *k;
	uint64_t gaps = 0;
	static const char logs[] =
	    "{'address':" STETH ",'topics':['" TRANSFER "'," WORD("01") "," WORD(
	        "02") "],"
	              "'data':" WORD("64") ",'logIndex':'0x4'},"
	                                   "{'address':" STETH ",'topics':['" SHARES
	                                   "'," WORD("01") "," WORD(
	                                       "02") "],"
	                                             "'data':" WORD("5a") ",'logIndex':'0x5'}";
	assert_ok(read_receipts_of(logs, "", logs));
	assert_ok(dp_evm_build(&builder, &k, &gaps, &block, &fault));
	assert_int_equal(k->note_count, 5);
	for (uint32_t t = 0; t < 3; t += 2) {
		const dp_movement *mv = &k->mv[k->tx[t].mv_first + 1];
		assert_int_equal(mv->kind, DP_MV_TOKEN);
		assert_string_equal(dp_asset_info_of(mv->asset)->symbol, "stETH-share");
		assert_true(dp_u256_eq(mv->amount, dp_u256_of(0x5a)));
		uint32_t first, count;
		dp_block_notes(k, &first, &count, t);
		const dp_note *n = &k->note[t == 0 ? first + 1 : first];
		assert_int_equal(n->kind, DP_NOTE_NOMINAL);
		assert_int_equal(n->at, 1);
		assert_int_equal(dp_note_data(k, n)[31], 0x64);
	}
	assert_int_equal(k->tx[1].mv_count, 2); // its value and its fee
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(balances_are_those_of_the_node),
	    cmocka_unit_test(both_ways_to_tell_of_calls_give_the_same_rows),
	    cmocka_unit_test(memory_that_fails_is_reported),
	    cmocka_unit_test(mainnet_blocks_decode),
	    cmocka_unit_test(quantities_are_exact_or_refused),
	    cmocka_unit_test(data_has_the_size_asked_for),
	    cmocka_unit_test(what_is_wrong_is_said_with_its_place),
	    cmocka_unit_test(every_transaction_has_its_receipt_and_its_calls),
	    cmocka_unit_test(traces_come_bare_or_wrapped),
	    cmocka_unit_test(prices_are_paid_or_worked_out),
	    cmocka_unit_test(deposits_and_operator_fees_of_the_op_stack),
	    cmocka_unit_test(rewards_of_a_node_agree_with_ours),
	    cmocka_unit_test(uncles_are_counted_and_read),
	    cmocka_unit_test(a_frontier_contract_without_code_keeps_its_value),
	    cmocka_unit_test(a_destruction_by_somebody_else_is_none),
	    cmocka_unit_test(calls_nest_as_deep_as_they_may),
	    cmocka_unit_test(a_trace_address_has_a_limit),
	    cmocka_unit_test(polygon_does_not_trace_state_sync),
	    cmocka_unit_test(shares_are_read_from_receipts),
	    cmocka_unit_test(call_data_is_a_memo_where_value_goes_with_it),
	    cmocka_unit_test(a_safes_delegate_call_is_kept),
	    cmocka_unit_test(logs_that_somebody_reads_become_notes),
	};
	return cmocka_run_group_tests(tests, NULL, tear_down);
}
