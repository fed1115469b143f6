// The EVM node source against a made-up node on loopback that does what nodes do: lacks methods,
// has no old state, is on another chain, syncs, lags, reorganises, contradicts itself.
//
// Its blocks carry a header field that no fork has, so that their hashes cannot be recomputed and
// may be anything, and it is on a chain where that is believed (optimism): what is proven of real
// blocks is tested in test_evm_proof.c, and real nodes are asked in tests/node.
// Covers: source/evm_rpc.c source/evm_node.c
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "codec/json.h"
#include "source/source.h"
#include "support/http_server.h"

enum { TEXT_MAX = 1 << 20, ITEM_MAX = 8192 };

// What the node is like. `fork` and above, blocks are those of branch `branch`.
static struct node {
	t_http *http;
	uint64_t chain_id, tip, fork;
	uint32_t branch;
	bool syncs, no_block_receipts, no_calls, no_parity, no_old_state, no_tx_index;
	bool mixes;             // receipts come from another branch
	uint64_t lacks;         // this height once gives null
	uint64_t untraceable;   // this height has no calls
	uint64_t reorganise_at; // when this height was asked for its block, the branch changes
	uint64_t reorganise_depth;
	uint32_t single_receipts, balances;
	bool reorganises_always;
	uint64_t history_from; // blocks below are thrown away
	bool says_null;        // of these, instead of an error
	uint64_t padded;       // this height has so much more to say
	uint32_t pad_size, txs_asked, headers_asked;
	struct {
		const char *method;
		uint64_t height; // 0: any
		uint32_t times;
		int code;
		const char *words;
	} trouble;
	int error_code; // of the answer being made
	const char *error;
} node;

static void trouble(const char *method, uint64_t height, uint32_t times, int code,
                    const char *words)
{
	node.trouble.method = method;
	node.trouble.height = height;
	node.trouble.times = times;
	node.trouble.code = code;
	node.trouble.words = words;
}

static uint32_t branch_of(uint64_t height)
{
	return height >= node.fork ? node.branch : 0;
}

// 32 bytes of hexadecimal that say what they are.
static const char *id(char out[67], const char *what, uint64_t height, uint32_t branch)
{
	snprintf(out, 67, "0x%s%04x%056llx", what, branch, (unsigned long long)height);
	return out;
}

static void block_text(char *out, uint64_t h)
{
	char hash[67], prev[67], tx[67];
	id(hash, "b10c", h, branch_of(h));
	id(prev, "b10c", h == 0 ? 0 : h - 1, h == 0 ? 0 : branch_of(h - 1));
	id(tx, "0074", h, branch_of(h));
	int n = snprintf(
	    out, ITEM_MAX,
	    "{\"number\":\"0x%llx\",\"hash\":\"%s\",\"parentHash\":\"%s\",\"timestamp\":\"0x%llx\","
	    "\"miner\":\"0x00000000000000000000000000000000000000ee\",\"difficulty\":\"0x0\","
	    "\"baseFeePerGas\":\"0x7\",\"madeUp\":\"0x1\",\"uncles\":[],\"transactions\":[",
	    (unsigned long long)h, hash, prev, (unsigned long long)(1000 + 12 * h));
	if (h > 0)
		n += snprintf(out + n, (size_t)(ITEM_MAX - n),
		              "{\"hash\":\"%s\",\"transactionIndex\":\"0x0\",\"type\":\"0x0\","
		              "\"from\":\"0x00000000000000000000000000000000000000aa\","
		              "\"to\":\"0x00000000000000000000000000000000000000bb\","
		              "\"value\":\"0x%llx\",\"gasPrice\":\"0xa\",\"madeUp\":\"0x1\"}",
		              tx, (unsigned long long)(100 + h));
	n += snprintf(out + n, (size_t)(ITEM_MAX - n), "]");
	if (h == node.padded && node.pad_size > 0) {
		n += snprintf(out + n, 20, ",\"padding\":\"");
		memset(out + n, 'x', node.pad_size);
		n += (int)node.pad_size;
		n += snprintf(out + n, 2, "\"");
	}
	snprintf(out + n, 2, "}");
}

static void receipt_text(char *out, uint64_t h, uint32_t branch)
{
	char hash[67], tx[67];
	snprintf(out, ITEM_MAX,
	         "{\"transactionHash\":\"%s\",\"transactionIndex\":\"0x0\",\"blockHash\":\"%s\","
	         "\"status\":\"0x1\",\"gasUsed\":\"0x5208\",\"effectiveGasPrice\":\"0xa\","
	         "\"cumulativeGasUsed\":\"0x5208\",\"type\":\"0x0\",\"madeUp\":\"0x1\","
	         "\"logsBloom\":\"0x%0512d\",\"logs\":[]}",
	         id(tx, "0074", h, branch), id(hash, "b10c", h, branch), 0);
}

// The contract at bb pays 5 on to cc.
static void calls_text(char *out, uint64_t h, bool parity)
{
	char tx[67];
	id(tx, "0074", h, branch_of(h));
	const char *aa = "0x00000000000000000000000000000000000000aa";
	const char *bb = "0x00000000000000000000000000000000000000bb";
	const char *cc = "0x00000000000000000000000000000000000000cc";
	if (parity)
		snprintf(out, ITEM_MAX,
		         "[{\"action\":{\"callType\":\"call\",\"from\":\"%s\",\"to\":\"%s\","
		         "\"value\":\"0x%llx\"},\"traceAddress\":[],\"transactionHash\":\"%s\","
		         "\"transactionPosition\":0,\"type\":\"call\"},"
		         "{\"action\":{\"callType\":\"call\",\"from\":\"%s\",\"to\":\"%s\","
		         "\"value\":\"0x5\"},\"traceAddress\":[0],\"transactionHash\":\"%s\","
		         "\"transactionPosition\":0,\"type\":\"call\"}]",
		         aa, bb, (unsigned long long)(100 + h), tx, bb, cc, tx);
	else
		snprintf(out, ITEM_MAX,
		         "[{\"txHash\":\"%s\",\"result\":{\"type\":\"CALL\",\"from\":\"%s\","
		         "\"to\":\"%s\",\"value\":\"0x%llx\",\"calls\":[{\"type\":\"CALL\","
		         "\"from\":\"%s\",\"to\":\"%s\",\"value\":\"0x5\"}]}}]",
		         tx, aa, bb, (unsigned long long)(100 + h), bb, cc);
}

static const dp_json *param(const dp_json *call, int n)
{
	const dp_json *p = dp_json_first(dp_json_get(call, "params"));
	while (p != NULL && n-- > 0) p = dp_json_next(p);
	return p;
}

static uint64_t height_param(const dp_json *call, int n)
{
	return strtoull(dp_json_text(param(call, n)), NULL, 16);
}

static bool error(int code, const char *words)
{
	node.error_code = code;
	node.error = words;
	return false;
}

static bool blocks_answer(char *out, const dp_json *call)
{
	uint64_t h = height_param(call, 0);
	bool full = false;
	if (h < node.history_from && !node.says_null)
		return error(4444, "pruned history unavailable");
	(void)dp_json_bool(param(call, 1), &full);
	if (full && h == node.reorganise_at && node.reorganise_at != 0) {
		node.branch++;
		node.fork = h - node.reorganise_depth;
		if (!node.reorganises_always) node.reorganise_at = 0;
	}
	node.headers_asked += !full;
	if (h < node.history_from) {
		snprintf(out, ITEM_MAX, "%s", "null");
	} else if (full && h == node.lacks && h != 0) {
		node.lacks = 0;
		snprintf(out, ITEM_MAX, "%s", "null");
	} else if (h > node.tip) {
		snprintf(out, ITEM_MAX, "%s", "null");
	} else {
		block_text(out, h);
	}
	return true;
}

static bool is_in_trouble(const char *method, const dp_json *call)
{
	bool state = strcmp(method, "eth_getBalance") == 0 || strcmp(method, "eth_call") == 0;
	if (node.trouble.times == 0 || strcmp(method, node.trouble.method) != 0) return false;
	if (node.trouble.height != 0 && height_param(call, state ? 1 : 0) != node.trouble.height)
		return false;
	node.trouble.times--;
	return true;
}

// False: an error, as of a method that is not there.
static bool answer(char *out, const char *method, const dp_json *call)
{
	char item[ITEM_MAX];
	const char *text = dp_json_text(param(call, 0));
	(void)error(-32601, "no such method");
	if (is_in_trouble(method, call)) return error(node.trouble.code, node.trouble.words);
	if (strcmp(method, "eth_chainId") == 0) {
		snprintf(out, ITEM_MAX, "\"0x%llx\"", (unsigned long long)node.chain_id);
	} else if (strcmp(method, "eth_syncing") == 0) {
		snprintf(out, ITEM_MAX, "%s",
		         node.syncs ? "{\"currentBlock\":\"0x5\",\"highestBlock\":\"0x64\"}"
		                    : "false");
	} else if (strcmp(method, "eth_blockNumber") == 0) {
		snprintf(out, ITEM_MAX, "\"0x%llx\"", (unsigned long long)node.tip);
	} else if (strcmp(method, "eth_getBlockByNumber") == 0) {
		return blocks_answer(out, call);
	} else if (strcmp(method, "eth_getBlockReceipts") == 0) {
		if (node.no_block_receipts) return false;
		uint64_t h = height_param(call, 0);
		receipt_text(item, h, branch_of(h) + (node.mixes ? 7 : 0));
		snprintf(out, 2 * ITEM_MAX, "[%s]", item);
	} else if (strcmp(method, "eth_getTransactionReceipt") == 0) {
		node.single_receipts++;
		uint64_t h = strtoull(text + 10, NULL, 16);
		receipt_text(out, h, branch_of(h));
	} else if (strcmp(method, "eth_getTransactionByHash") == 0) {
		node.txs_asked++;
		if (node.no_tx_index)
			snprintf(out, ITEM_MAX, "%s", "null");
		else
			snprintf(out, ITEM_MAX, "{\"blockNumber\":\"0x%llx\"}",
			         strtoull(text + 10, NULL, 16));
	} else if (strcmp(method, "debug_traceBlockByNumber") == 0) {
		if (node.no_calls || height_param(call, 0) == node.untraceable) return false;
		calls_text(out, height_param(call, 0), false);
	} else if (strcmp(method, "trace_block") == 0) {
		if (node.no_parity) return false;
		calls_text(out, height_param(call, 0), true);
	} else if (strcmp(method, "eth_getBalance") == 0) {
		if (node.no_old_state) return error(-32000, "missing trie node 0123");
		node.balances++;
		snprintf(out, ITEM_MAX, "\"0x%llx\"",
		         (unsigned long long)(1000 + height_param(call, 1)));
	} else if (strcmp(method, "eth_call") == 0) {
		if (node.no_old_state) return error(-32000, "missing trie node 0123");
		// balanceOf(address), or sharesOf(address): keccak's first four bytes.
		const char *data = dp_json_text(dp_json_get(param(call, 0), "data"));
		bool shares = strncmp(data, "0xf5eb42dc", 10) == 0;
		assert_true(shares || strncmp(data, "0x70a08231", 10) == 0);
		snprintf(out, ITEM_MAX, height_param(call, 1) < 3 ? "\"0x\"" : "\"0x%064x\"",
		         shares ? 900U : 1000U);
	} else {
		return false;
	}
	return true;
}

static size_t one_answer(char *out, const dp_json *call)
{
	char *result = malloc(8 * ITEM_MAX);
	uint64_t number = 0;
	(void)dp_json_u64(dp_json_get(call, "id"), &number);
	int n = snprintf(out, ITEM_MAX, "{\"jsonrpc\":\"2.0\",\"id\":%llu,",
	                 (unsigned long long)number);
	if (answer(result, dp_json_text(dp_json_get(call, "method")), call))
		n += snprintf(out + n, 8 * ITEM_MAX, "\"result\":%s}", result);
	else
		n += snprintf(out + n, ITEM_MAX, "\"error\":{\"code\":%d,\"message\":\"%s\"}}",
		              node.error_code, node.error);
	free(result);
	return (size_t)n;
}

static void handle(void *context, const t_http_request *request, t_http_reply *io_reply)
{
	(void)context;
	dp_json *doc = NULL;
	char *out = malloc(TEXT_MAX);
	size_t n = 0;
	assert_int_equal(dp_json_parse(&doc, request->body, request->body_size, NULL), DP_OK);
	if (dp_json_is_array(doc)) {
		out[n++] = '[';
		for (const dp_json *c = dp_json_first(doc); c != NULL; c = dp_json_next(c)) {
			if (n > 1) out[n++] = ',';
			n += one_answer(out + n, c);
		}
		out[n++] = ']';
	} else {
		n = one_answer(out, doc);
	}
	dp_json_free(doc);
	io_reply->body = out;
	io_reply->body_size = n;
	io_reply->is_owned = true;
}

static char url[64];
static dp_source_options options;
static char notices[4000];

static void hear(void *context, const char *text)
{
	(void)context;
	size_t n = strlen(notices);
	snprintf(notices + n, sizeof notices - n, "%s", text);
}

static int start(void **state)
{
	(void)state;
	node = (struct node){.chain_id = 10, .tip = 40, .fork = UINT64_MAX, .lacks = 0};
	node.http = t_http_start(handle, NULL);
	snprintf(url, sizeof url, "http://127.0.0.1:%u", t_http_port(node.http));
	options = (dp_source_options){.chain = dp_chain_find("optimism", 8)};
	options.watch.notice = hear;
	notices[0] = 0;
	return 0;
}

static int stop(void **state)
{
	(void)state;
	t_http_stop(node.http);
	return 0;
}

static dp_source *open_node(void)
{
	dp_source *s;
	dp_fault fault;
	const char *paths[] = {url};
	if (dp_source_open(&s, paths, 1, &options, &fault) != DP_OK) fail_msg("%s", fault.text);
	return s;
}

static void refused(dp_code want, const char *words)
{
	dp_source *s;
	dp_fault fault = {0};
	const char *paths[] = {url};
	assert_int_equal(dp_source_open(&s, paths, 1, &options, &fault), want);
	if (strstr(fault.text, words) == NULL) fail_msg("%s", fault.text);
}

static const dp_block *next(dp_source *s)
{
	const dp_block *b;
	dp_fault fault;
	dp_code code = dp_source_next(s, &b, &fault);
	if (code == DP_END) return NULL;
	if (code != DP_OK) fail_msg("%s", fault.text);
	return b;
}

static void assert_rows(const dp_block *b, uint32_t count, uint32_t branch)
{
	char hash[67], is[67] = "0x";
	assert_int_equal(b->mv_count, count);
	id(hash, "b10c", b->height, branch);
	for (int i = 0; i < 32; i++) snprintf(is + 2 + 2 * i, 3, "%02x", b->hash[i]);
	assert_string_equal(is, hash);
}

static void every_block_comes_once_and_in_order_up_to_the_tip(void **state)
{
	(void)state;
	dp_source *s = open_node();
	assert_string_equal(s->kind->name, "evm-rpc");
	for (uint64_t h = 0; h <= 40; h++) {
		const dp_block *b = next(s);
		assert_int_equal(b->height, h);
		// value, what the contract paid on, burnt fee, tip
		assert_rows(b, h == 0 ? 0 : 4, 0);
		if (h == 0) continue;
		assert_int_equal(b->mv[0].amount.w[0], 100 + h);
		assert_int_equal(b->mv[1].kind, DP_MV_INTERNAL);
		assert_int_equal(b->mv[2].amount.w[0], 21000 * 7);
		assert_int_equal(b->mv[3].amount.w[0], 21000 * 3);
	}
	node.tip = 42; // the chain grew meanwhile
	assert_int_equal(next(s)->height, 41);
	assert_int_equal(next(s)->height, 42);
	assert_null(next(s));
	assert_int_equal(s->gaps, DP_GAP_UNPROVEN);
	assert_true(s->stats.requests < 60); // small blocks travel together
	dp_source_close(s);
}

static void what_the_node_cannot_give_is_done_without_and_said(void **state)
{
	(void)state;
	options.has_height_max = true;
	options.height_max = 6;
	node.no_calls = node.no_block_receipts = true;
	dp_source *s = open_node();
	for (uint64_t h = 0; h <= 6; h++) assert_rows(next(s), h == 0 ? 0 : 4, 0);
	assert_null(next(s));
	assert_int_equal(s->gaps, DP_GAP_UNPROVEN);
	assert_int_equal(node.single_receipts, 6);
	dp_source_close(s);
	node.no_parity = node.no_old_state = true;
	s = open_node();
	assert_null(s->opening);
	for (uint64_t h = 0; h <= 6; h++) assert_rows(next(s), h == 0 ? 0 : 3, 0);
	assert_null(next(s));
	assert_int_equal(s->gaps, DP_GAP_UNPROVEN | DP_GAP_TRACES);
	assert_non_null(strstr(notices, "gives no traces (debug_traceBlockByNumber: no such "
	                                "method; trace_block: no such method): what contracts pay "
	                                "is not seen"));
	dp_source_close(s);
	// One block that is too large to trace.
	node.no_calls = node.no_parity = false;
	node.untraceable = 4;
	s = open_node();
	for (uint64_t h = 0; h <= 6; h++) assert_rows(next(s), h == 0 ? 0 : h == 4 ? 3 : 4, 0);
	assert_int_equal(s->gaps, DP_GAP_UNPROVEN | DP_GAP_TRACES);
	assert_non_null(
	    strstr(notices, "gives no traces of block 4 (no such method): taken without"));
	assert_null(strstr(notices, "blocks, the first is"));
	dp_source_close(s);
}

static void expect_opening(dp_source *s, const char *symbol, dp_code want, bool want_known,
                           uint64_t want_amount)
{
	bool known = !want_known;
	dp_u256 amount = DP_U256_ZERO;
	dp_fault fault = {0};
	dp_addr who = {.kind = DP_ADDR_EVM, .len = 20, .bytes = {1}};
	dp_asset asset = dp_asset_by_symbol(options.chain, symbol, strlen(symbol));
	dp_code code = s->opening(s, &known, &amount, &who, asset, 17, &fault);
	if (code != want) fail_msg("%d: %s", code, fault.text);
	if (code != DP_OK) return;
	assert_int_equal(known, want_known);
	if (known) assert_true(dp_u256_eq(amount, dp_u256_of(want_amount)));
}

// A balance that is not known is assumed, so an error that passes must not make it so.
static void an_error_that_passes_does_not_change_a_balance(void **state)
{
	(void)state;
	dp_source *s = open_node();
	trouble("eth_getBalance", 0, 2, -32000, "request timed out");
	expect_opening(s, "ETH", DP_OK, true, 1017);
	trouble("eth_call", 0, 1, -32603, "Internal error");
	expect_opening(s, "USDT", DP_OK, true, 1000);
	trouble("eth_call", 0, 1, -32000, "header not found"); // of a node that is behind
	expect_opening(s, "USDT", DP_OK, true, 1000);
	static const struct {
		int code;
		const char *words;
	} gone[] = {{-32000, "missing trie node 0123 (path ) state 0x01 is not available"},
	            {-32000, "No state available for block 17"},
	            {-32000, "historical state unavailable"},
	            {4444, "pruned"},
	            {-32001, "this needs an Archive node"}};
	for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
		trouble("eth_getBalance", 0, 1, gone[i].code, gone[i].words);
		expect_opening(s, "ETH", DP_OK, false, 0);
		assert_int_equal(node.trouble.times, 0); // asked once
	}
	trouble("eth_call", 0, 1, 3, "execution reverted");
	expect_opening(s, "USDT", DP_OK, false, 0);
	trouble("eth_getBalance", 0, 100, -32000, "request timed out");
	expect_opening(s, "ETH", DP_IO, false, 0);
	assert_true(node.trouble.times > 90);
	dp_source_close(s);
}

static void an_error_that_passes_costs_no_traces_and_no_balances(void **state)
{
	(void)state;
	options.has_height_max = true;
	options.height_max = 3;
	node.no_parity = true;
	trouble("debug_traceBlockByNumber", 0, 2, -32603, "Internal error");
	dp_source *s = open_node();
	for (uint64_t h = 0; h <= 3; h++) assert_rows(next(s), h == 0 ? 0 : 4, 0);
	assert_null(next(s));
	dp_source_close(s);
	trouble("eth_getBalance", 0, 2, -32000, "execution timeout");
	s = open_node();
	assert_non_null(s->opening);
	assert_null(strstr(notices, "gives no traces"));
	dp_source_close(s);
	// What does not pass is done without, and said.
	trouble("debug_traceBlockByNumber", 0, 100, -32603, "Internal error");
	s = open_node();
	assert_non_null(strstr(notices, "gives no traces (debug_traceBlockByNumber: Internal "
	                                "error; trace_block: no such method)"));
	dp_source_close(s);
	trouble("eth_getBalance", 0, 100, -32000, "execution timeout");
	s = open_node();
	assert_null(s->opening);
	assert_non_null(strstr(notices, "tells no balances of block 0x0 (execution timeout)"));
	dp_source_close(s);
}

static void traces_of_one_block_are_asked_for_again(void **state)
{
	(void)state;
	options.has_height_max = true;
	options.height_max = 9;
	trouble("debug_traceBlockByNumber", 4, 2, -32000, "execution timeout");
	dp_source *s = open_node();
	for (uint64_t h = 0; h <= 9; h++) assert_rows(next(s), h == 0 ? 0 : 4, 0);
	assert_null(next(s));
	assert_int_equal(s->gaps, DP_GAP_UNPROVEN);
	assert_null(strstr(notices, "traces"));
	// From block 5 on it is thrown away: the first is told at once, the number at the end.
	s->seek(s, 4, NULL);
	assert_rows(next(s), 4, 0);
	s->seek(s, 5, NULL);
	trouble("debug_traceBlockByNumber", 0, 100, -32000, "historical state unavailable");
	for (uint64_t h = 5; h <= 9; h++) assert_rows(next(s), 3, 0);
	assert_non_null(strstr(notices, "gives no traces of block 5 (historical"));
	assert_null(strstr(notices, "gave no traces"));
	assert_null(next(s));
	assert_non_null(strstr(notices, "gave no traces of 5 blocks, the first is 5: "));
	assert_int_equal(s->gaps, DP_GAP_UNPROVEN | DP_GAP_TRACES);
	dp_source_close(s);
}

static void what_is_not_proven_is_said_once_and_refused_where_all_is_known(void **state)
{
	(void)state;
	dp_source *s = open_node();
	while (next(s) != NULL) {}
	const char *said = strstr(notices, "not proven, taken at its word from here on: block 0: "
	                                   "\"sha3Uncles\" is missing; and it has the field "
	                                   "\"madeUp\", which we do not know");
	assert_non_null(said);
	assert_null(strstr(said + 1, "not proven"));
	dp_source_close(s);
	node.chain_id = 1;
	options.chain = dp_chain_find("ethereum", 8);
	s = open_node();
	const dp_block *b;
	dp_fault fault = {0};
	assert_int_equal(dp_source_next(s, &b, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "the field \"madeUp\", which we do not know"));
	dp_source_close(s);
}

static void what_is_counted_in_shares_is_asked_for_in_shares(void **state)
{
	(void)state;
	node.chain_id = 1;
	options.chain = dp_chain_find("ethereum", 8);
	dp_source *s = open_node();
	expect_opening(s, "stETH-share", DP_OK, true, 900);
	expect_opening(s, "stETH", DP_OK, true, 1000);
	dp_source_close(s);
}

static void an_answer_above_a_sixteenth_of_the_memory_is_refused(void **state)
{
	(void)state;
	options.memory_max = 16 * 20000;
	options.in_flight = 1;
	node.padded = 5;
	node.pad_size = 15000;
	dp_source *s = open_node();
	while (next(s) != NULL) {}
	dp_source_close(s);
	node.pad_size = 21000;
	s = open_node();
	const dp_block *b;
	dp_fault fault = {0};
	dp_code code;
	uint32_t given = 0;
	while ((code = dp_source_next(s, &b, &fault)) == DP_OK) given++;
	assert_int_equal(code, DP_LIMIT);
	assert_int_equal(given, 5);
	dp_source_close(s);
}

// Whoever goes on knows where: the node may have forgotten the theft by now.
static void who_goes_on_looks_nothing_up(void **state)
{
	(void)state;
	uint8_t tx[1][32] = {{0x00, 0x74, [31] = 7}};
	options.begin.tx = (const uint8_t(*)[32])tx;
	options.begin.tx_count = 1;
	options.begin.has_time = true;
	options.begin.has_followed = true;
	options.begin.followed = 30;
	node.no_tx_index = true;
	node.history_from = 20;
	dp_source *s = open_node();
	assert_int_equal(node.txs_asked, 0);
	assert_int_equal(node.headers_asked, 0);
	assert_int_equal(s->stats.height_first, 31);
	assert_int_equal(s->seek(s, 31, NULL), DP_OK);
	for (uint64_t h = 31; h <= 40; h++) assert_int_equal(next(s)->height, h);
	assert_null(next(s));
	dp_source_close(s);
	// All there is has been followed, or more than this node has.
	for (options.begin.followed = 40; options.begin.followed < 42; options.begin.followed++) {
		s = open_node();
		assert_null(next(s));
		node.tip = 41;
		assert_int_equal(next(s)->height, 41);
		node.tip = 40;
		dp_source_close(s);
	}
	options.begin.followed = UINT64_MAX;
	s = open_node();
	assert_null(next(s));
	dp_source_close(s);
}

static void a_node_that_has_thrown_away_its_history_is_searched_by_time(void **state)
{
	(void)state;
	node.history_from = 30;
	for (int i = 0; i < 2; i++) {
		node.says_null = i == 1;
		options.begin = (dp_source_begin){.has_time = true, .time = 1000 + 12 * 33};
		dp_source *s = open_node();
		assert_int_equal(next(s)->height, 33);
		dp_source_close(s);
		options.begin.time = 1000 + 12 * 30;
		s = open_node();
		assert_int_equal(next(s)->height, 30);
		dp_source_close(s);
		options.begin.time--;
		refused(DP_NOT_FOUND, "begin with 30 (1970-01-01T00:22:40Z), and "
		                      "1970-01-01T00:22:39Z is where to begin");
		options.begin.time = 1000;
		refused(DP_NOT_FOUND, "begin with 30 (");
	}
	node.history_from = 0;
	trouble("eth_getBlockByNumber", 20, 2, -32603, "Internal error"); // the first one asked
	options.begin.time = 1000 + 12 * 7;
	dp_source *s = open_node();
	assert_int_equal(next(s)->height, 7);
	dp_source_close(s);
	trouble("eth_getBlockByNumber", 20, 100, -32603, "Internal error");
	refused(DP_IO, "Internal error");
}

static void it_begins_where_the_theft_is(void **state)
{
	(void)state;
	uint8_t tx[2][32] = {{0x00, 0x74}, {0x00, 0x74}};
	tx[0][31] = 30;
	tx[1][31] = 25;
	options.begin.tx = (const uint8_t(*)[32])tx;
	options.begin.tx_count = 2;
	dp_source *s = open_node();
	assert_int_equal(next(s)->height, 25);
	dp_source_close(s);
	node.no_tx_index = true;
	refused(DP_NOT_FOUND, "has no block with transaction 0x0074");
	options.begin.has_tx_time = true;
	options.begin.tx_time = 1000 + 12 * 20 - 5; // between blocks 19 and 20
	s = open_node();
	assert_int_equal(next(s)->height, 20);
	assert_int_equal(s->stats.height_first, 20);
	dp_source_close(s);
	options.begin = (dp_source_begin){.has_time = true, .time = 1000 + 12 * 7};
	s = open_node();
	assert_int_equal(next(s)->height, 7);
	dp_source_close(s);
	options.begin = (dp_source_begin){.has_height = true, .height = 41};
	refused(DP_NOT_FOUND, "has blocks up to 40, and block 41 is where to begin");
}

static void a_node_of_another_chain_or_one_that_syncs_is_refused(void **state)
{
	(void)state;
	node.chain_id = 137;
	refused(DP_BAD_CASE, "is on polygon (eip155:137), and optimism is wanted");
	node.chain_id = 999999;
	refused(DP_BAD_CASE, "is on eip155:999999, and optimism is wanted");
	node.chain_id = 10;
	node.syncs = true;
	refused(DP_BUSY, "still syncing: it has block 5 of 100");
}

static void balances_are_those_of_the_block_that_is_asked_for(void **state)
{
	(void)state;
	dp_source *s = open_node();
	bool known;
	dp_u256 amount;
	dp_fault fault;
	dp_addr who = {.kind = DP_ADDR_EVM, .len = 20, .bytes = {1}};
	dp_asset usdt = dp_asset_by_symbol(options.chain, "USDT", 4);
	assert_int_equal(
	    s->opening(s, &known, &amount, &who, dp_asset_native(options.chain), 17, &fault),
	    DP_OK);
	assert_true(known && dp_u256_eq(amount, dp_u256_of(1017)));
	assert_int_equal(s->opening(s, &known, &amount, &who, usdt, 17, &fault), DP_OK);
	assert_true(known && dp_u256_eq(amount, dp_u256_of(1000)));
	assert_int_equal(s->opening(s, &known, &amount, &who, usdt, 2, &fault), DP_OK);
	assert_true(known && dp_u256_is_zero(amount)); // no contract there yet
	node.no_old_state = true;                      // thrown away meanwhile
	assert_int_equal(s->opening(s, &known, &amount, &who, usdt, 17, &fault), DP_OK);
	assert_false(known);
	dp_source_close(s);
}

static void a_chain_that_reorganises_is_followed_back_and_on(void **state)
{
	(void)state;
	node.reorganise_at = 30;
	node.reorganise_depth = 5;
	options.in_flight = 1;
	dp_source *s = open_node();
	uint64_t last = 0;
	uint32_t back = 0;
	const dp_block *b;
	while ((b = next(s)) != NULL) {
		if (b->height <= last && last != 0) {
			back++;
			assert_int_equal(b->height, 25);
			char prev[67], is[67] = "0x";
			for (int i = 0; i < 32; i++)
				snprintf(is + 2 + 2 * i, 3, "%02x", b->prev[i]);
			assert_string_equal(is, id(prev, "b10c", 24, 0));
		} else if (last != 0) {
			assert_int_equal(b->height, last + 1);
		}
		last = b->height;
		assert_rows(b, b->height == 0 ? 0 : 4, b->height >= 25 && back ? 1 : 0);
	}
	assert_int_equal(back, 1);
	assert_int_equal(last, 40);
	dp_source_close(s);
}

static void deeper_than_can_be_undone_is_refused(void **state)
{
	(void)state;
	node.tip = 400;
	node.reorganise_at = 300;
	node.reorganise_depth = 299;
	options.in_flight = 1;
	options.begin = (dp_source_begin){.has_height = true, .height = 100};
	dp_source *s = open_node();
	const dp_block *b;
	dp_fault fault = {0};
	dp_code code;
	while ((code = dp_source_next(s, &b, &fault)) == DP_OK) {}
	assert_int_equal(code, DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "reorganised by more blocks than are remembered: "
	                                   "trace into a new casebook"));
	dp_source_close(s);
}

static void a_chain_that_reorganises_after_going_on_is_followed_back(void **state)
{
	(void)state;
	node.tip = 240;
	options.in_flight = 1;
	for (uint64_t from = 33; from < 240; from += 200) {
		options.begin = (dp_source_begin){.has_followed = true, .followed = from - 1};
		node.fork = UINT64_MAX;
		node.branch = 0;
		node.reorganise_at = from;
		node.reorganise_depth = from < 100 ? 5 : 127;
		dp_source *s = open_node();
		assert_int_equal(s->seek(s, from, NULL), DP_OK);
		for (uint64_t h = from - node.reorganise_depth; h <= 240; h++) {
			const dp_block *b = next(s);
			assert_int_equal(b->height, h);
			assert_rows(b, 4, 1);
		}
		assert_null(next(s));
		dp_source_close(s);
	}
}

static void a_block_that_is_late_is_waited_for(void **state)
{
	(void)state;
	node.lacks = 12;
	dp_source *s = open_node();
	for (uint64_t h = 0; h <= 40; h++) assert_int_equal(next(s)->height, h);
	assert_null(next(s));
	dp_source_close(s);
}

static void parts_that_do_not_belong_together_are_refused(void **state)
{
	(void)state;
	node.mixes = true;
	dp_source *s = open_node();
	const dp_block *b;
	dp_fault fault = {0};
	assert_int_equal(dp_source_next(s, &b, &fault), DP_OK); // genesis has no receipts
	assert_int_equal(dp_source_next(s, &b, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "block 1"));
	assert_non_null(strstr(fault.file, "127.0.0.1:"));
	dp_source_close(s);
}

static void going_on_from_a_height_checks_what_it_stands_on(void **state)
{
	(void)state;
	dp_source *s = open_node();
	bool known;
	uint8_t hash[32];
	dp_fault fault;
	assert_int_equal(s->hash_at(s, &known, hash, 40, &fault), DP_OK);
	assert_true(known && hash[31] == 40);
	assert_int_equal(s->hash_at(s, &known, hash, 41, &fault), DP_OK);
	assert_false(known);
	assert_int_equal(s->seek(s, 33, &fault), DP_OK);
	for (uint64_t h = 33; h <= 40; h++) assert_int_equal(next(s)->height, h);
	assert_null(next(s));
	dp_source_close(s);
}

// The made-up node reads its questions with the JSON reader that is under test here, so where
// allocations fail it must be another process.
static pid_t start_elsewhere(void)
{
	int ends[2];
	uint16_t port = 0;
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		t_http *http = t_http_start(handle, NULL);
		port = t_http_port(http);
		if (write(ends[1], &port, sizeof port) != sizeof port) _exit(1);
		for (;;) pause();
	}
	assert_true(child > 0);
	assert_int_equal(read(ends[0], &port, sizeof port), sizeof port);
	close(ends[0]);
	close(ends[1]);
	snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
	return child;
}

static void a_failed_allocation_is_told_and_nothing_is_lost(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	pid_t child = start_elsewhere();
	options.has_height_max = true;
	options.height_max = 3;
	for (int64_t n = 0;; n++) {
		dp_source *s = NULL;
		dp_fault fault;
		const char *paths[] = {url};
		const dp_block *b;
		dp_mem_fail_after(n);
		dp_code code = dp_source_open(&s, paths, 1, &options, &fault);
		while (code == DP_OK) code = dp_source_next(s, &b, &fault);
		dp_mem_fail_after(-1);
		dp_source_close(s);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_END) break;
		assert_int_equal(code, DP_NO_MEMORY);
		assert_true(n < 2000);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

#define test(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    test(every_block_comes_once_and_in_order_up_to_the_tip),
	    test(what_the_node_cannot_give_is_done_without_and_said),
	    test(an_error_that_passes_does_not_change_a_balance),
	    test(an_error_that_passes_costs_no_traces_and_no_balances),
	    test(traces_of_one_block_are_asked_for_again),
	    test(what_is_not_proven_is_said_once_and_refused_where_all_is_known),
	    test(what_is_counted_in_shares_is_asked_for_in_shares),
	    test(an_answer_above_a_sixteenth_of_the_memory_is_refused),
	    test(who_goes_on_looks_nothing_up),
	    test(a_node_that_has_thrown_away_its_history_is_searched_by_time),
	    test(a_chain_that_reorganises_after_going_on_is_followed_back),
	    test(it_begins_where_the_theft_is),
	    test(a_node_of_another_chain_or_one_that_syncs_is_refused),
	    test(balances_are_those_of_the_block_that_is_asked_for),
	    test(a_chain_that_reorganises_is_followed_back_and_on),
	    test(deeper_than_can_be_undone_is_refused),
	    test(a_block_that_is_late_is_waited_for),
	    test(parts_that_do_not_belong_together_are_refused),
	    test(going_on_from_a_height_checks_what_it_stands_on),
	    test(a_failed_allocation_is_told_and_nothing_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
