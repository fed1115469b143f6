// See evm_node.h. Methods and their answers: ethereum/execution-apis; debug_ and trace_ methods as
// geth, erigon and nethermind document them.
#include "source/evm_node.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/hex.h"
#include "source/evm_json.h"

enum {
	PARAMS_MAX = 300,
	SYNC_SLACK = 2, // blocks that a node may be behind what it has heard of
	WAIT_STEP_MS = 50,
	LOOKUPS_MAX = 1 << 20, // transactions to look up
	LOOKUPS_AT_ONCE = 1000,
	TRIES_MAX = 4, // of a question that is answered with an error
	WAIT_FIRST_MS = 250,
	ANSWER_SHARE = 16, // of the memory allowed, for one answer: it grows to 13 times as a tree
	NOTICE_MAX = 500,
	TIME_MAX = 32,
};

void dp_evm_quantity(char out[DP_EVM_QUANTITY_MAX], uint64_t v)
{
	int n = snprintf(out, DP_EVM_QUANTITY_MAX, "0x%" PRIx64, v);
	DP_CHECK(n > 2 && n < DP_EVM_QUANTITY_MAX);
}

dp_code dp_evm_node_wait(const dp_evm_node *node, uint32_t ms, dp_fault *fault)
{
	DP_CHECK(node != NULL);
	const struct timespec step = {.tv_nsec = WAIT_STEP_MS * 1000000L};
	for (uint32_t waited = 0; waited < ms; waited += WAIT_STEP_MS) {
		if (node->watch.stopped != NULL && node->watch.stopped(node->watch.context))
			return dp_fail(fault, DP_BUSY, "interrupted while waiting for %s",
			               dp_rpc_name(node->rpc));
		(void)nanosleep(&step, NULL);
	}
	return DP_OK;
}

void dp_evm_node_notice(const dp_evm_node *node, const char *format, ...)
{
	char text[NOTICE_MAX];
	va_list args;
	if (node->watch.notice == NULL) return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	node->watch.notice(node->watch.context, text);
}

static dp_code nonsense(const dp_evm_node *node, const char *method, dp_fault *fault)
{
	return dp_fail(fault, DP_BAD_BYTES, "%s answers %s with something else than it must",
	               dp_rpc_name(node->rpc), method);
}

// A question whose answer is one quantity.
static dp_code ask_u64(dp_evm_node *node, uint64_t *ret_value, const char *method, dp_fault *fault)
{
	dp_rpc_answer a;
	DP_TRY(dp_rpc_call(node->rpc, &a, method, "[]", fault));
	dp_code code = DP_OK;
	uint64_t v = 0;
	if (a.result == NULL)
		code = dp_rpc_fail(node->rpc, &a, method, fault);
	else if (!dp_evm_json_u64(&v, a.result))
		code = nonsense(node, method, fault);
	dp_rpc_answer_done(&a);
	if (code == DP_OK) *ret_value = v;
	return code;
}

//- errors ----------------------------------------------------------------------------------------

static bool has_one_of(const char *text, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcasestr(text, *list) != NULL) return true;
	return false;
}

// The words of geth, erigon, nethermind, reth, besu and of the endpoints that people hire. Codes
// are those of JSON-RPC and of EIP-1474 (-32004: method not supported); 4444 is the execution
// APIs' "pruned history unavailable" (EIP-4444); -32604 is what some endpoints say of methods that
// are not in the plan one pays for.
dp_evm_verdict dp_evm_node_verdict(int64_t error_code, const char *error)
{
	static const char *const gone[] = {"missing trie", "pruned",  "pruning",  "historical",
	                                   "archive",      "history", "no state", NULL};
	static const char *const lacking[] = {"not available", "unavailable", "not found",
	                                      "missing", NULL};
	static const char *const unable[] = {"not supported",
	                                     "unsupported",
	                                     "not available",
	                                     "does not exist",
	                                     "not found",
	                                     "disabled",
	                                     "not enabled",
	                                     "not whitelisted",
	                                     "not allowed",
	                                     "upgrade",
	                                     NULL};
	// The node that answered may be a block behind another one of the same address.
	static const char *const behind[] = {"header not found", "block not found", "unknown block",
	                                     NULL};
	if (error_code == 3 || strcasestr(error, "revert") != NULL) return DP_EVM_REVERTED;
	if (error_code == 4444 || has_one_of(error, gone)) return DP_EVM_GONE;
	if (strcasestr(error, "state") != NULL && has_one_of(error, lacking)) return DP_EVM_GONE;
	if (error_code == -32601 || error_code == -32602 || error_code == -32604 ||
	    error_code == -32004)
		return DP_EVM_UNABLE;
	if (has_one_of(error, behind)) return DP_EVM_UNCLEAR;
	return has_one_of(error, unable) ? DP_EVM_UNABLE : DP_EVM_UNCLEAR;
}

static bool is_wanted(const dp_json *result, dp_evm_want want)
{
	if (result == NULL) return false;
	switch (want) {
	case DP_EVM_TEXT: return dp_json_text(result) != NULL;
	case DP_EVM_OBJECT: return dp_json_is_object(result);
	case DP_EVM_LIST: return dp_json_is_array(result);
	case DP_EVM_ANYTHING: break;
	}
	return true;
}

dp_code dp_evm_node_ask(dp_evm_node *node, dp_rpc_answer *ret_answer, dp_evm_verdict *ret_verdict,
                        bool *ret_good, dp_evm_want want, const char *method, const char *params,
                        dp_fault *fault)
{
	DP_CHECK(ret_answer != NULL && ret_verdict != NULL && ret_good != NULL);
	uint32_t wait_ms = WAIT_FIRST_MS;
	for (uint32_t tries = 1;; tries++, wait_ms *= 2) {
		dp_rpc_answer a;
		DP_TRY(dp_rpc_call(node->rpc, &a, method, params, fault));
		bool good = is_wanted(a.result, want);
		dp_evm_verdict verdict = good || a.result != NULL
		                             ? DP_EVM_UNCLEAR
		                             : dp_evm_node_verdict(a.error_code, a.error);
		if (good || verdict != DP_EVM_UNCLEAR || tries == TRIES_MAX) {
			*ret_answer = a;
			*ret_verdict = verdict;
			*ret_good = good;
			return DP_OK;
		}
		dp_rpc_answer_done(&a);
		DP_TRY(dp_evm_node_wait(node, wait_ms, fault));
	}
}

// A fault for an answer that was not the one wanted.
static dp_code ask_failed(const dp_evm_node *node, const dp_rpc_answer *a, const char *method,
                          dp_fault *fault)
{
	return a->result == NULL ? dp_rpc_fail(node->rpc, a, method, fault)
	                         : nonsense(node, method, fault);
}

//- opening ---------------------------------------------------------------------------------------

static dp_code check_chain(dp_evm_node *node, const dp_chain *wanted, dp_fault *fault)
{
	uint64_t id;
	char name[32];
	DP_TRY(ask_u64(node, &id, "eth_chainId", fault));
	int n = snprintf(name, sizeof name, "eip155:%" PRIu64, id);
	DP_CHECK(n > 0 && (size_t)n < sizeof name);
	const dp_chain *chain = dp_chain_find(name, (size_t)n);
	if (wanted != NULL && chain != wanted)
		return dp_fail(
		    fault, DP_BAD_CASE,
		    "the node at %s is on %s%s%s%s, and %s is wanted: give a node of that "
		    "chain",
		    dp_rpc_name(node->rpc), chain != NULL ? chain->name : name,
		    chain != NULL ? " (" : "", chain != NULL ? name : "", chain != NULL ? ")" : "",
		    wanted->name);
	if (chain == NULL)
		return dp_fail(fault, DP_BAD_CASE,
		               "the node at %s is on %s, which is none of the chains we know "
		               "(dyepack list chains)",
		               dp_rpc_name(node->rpc), name);
	node->chain = chain;
	return DP_OK;
}

// eth_syncing is false, or an object with how far the node is. Some nodes keep answering with an
// object when they are at the tip.
static dp_code check_synced(dp_evm_node *node, dp_fault *fault)
{
	dp_rpc_answer a;
	bool syncing = false;
	DP_TRY(dp_rpc_call(node->rpc, &a, "eth_syncing", "[]", fault));
	dp_code code = DP_OK;
	// Hosted endpoints may not have the method: what they give out is synced.
	if (a.result != NULL && dp_json_is_object(a.result)) {
		uint64_t at = 0, of = 0;
		(void)dp_evm_json_u64(&at, dp_json_get(a.result, "currentBlock"));
		(void)dp_evm_json_u64(&of, dp_json_get(a.result, "highestBlock"));
		if (of == 0 || at + SYNC_SLACK < of)
			code =
			    dp_fail(fault, DP_BUSY,
			            "the node at %s is still syncing: it has block %" PRIu64
			            " of %" PRIu64 "; wait until it is done, or give another one",
			            dp_rpc_name(node->rpc), at, of);
	} else if (a.result != NULL && (!dp_json_bool(a.result, &syncing) || syncing)) {
		code = nonsense(node, "eth_syncing", fault);
	}
	dp_rpc_answer_done(&a);
	return code;
}

// Where there are not so many blocks yet, the first is taken: nothing can come before it.
void dp_evm_node_set_tip(dp_evm_node *node, uint64_t head)
{
	DP_CHECK(node != NULL && head >> 48 == 0);
	uint64_t behind = node->confirmations > 1 ? node->confirmations - 1 : 0;
	node->head = head;
	node->tip = head > behind ? head - behind : 0;
}

// An answer to eth_blockNumber.
static dp_code read_tip(dp_evm_node *node, const dp_rpc_answer *a, dp_fault *fault)
{
	static const char *const method = "eth_blockNumber";
	uint64_t head;
	if (a->result == NULL) return dp_rpc_fail(node->rpc, a, method, fault);
	// No chain comes near 2^48, and heights can then be added to without a thought.
	if (!dp_evm_json_u64(&head, a->result) || head >> 48 != 0)
		return nonsense(node, method, fault);
	dp_evm_node_set_tip(node, head);
	return DP_OK;
}

dp_code dp_evm_node_ask_tip(dp_evm_node *node, dp_fault *fault)
{
	dp_rpc_answer a;
	DP_TRY(dp_rpc_call(node->rpc, &a, "eth_blockNumber", "[]", fault));
	dp_code code = read_tip(node, &a, fault);
	dp_rpc_answer_done(&a);
	return code;
}

dp_code dp_evm_node_look(dp_evm_node *node, dp_evm_below *ret_below, uint64_t next,
                         const uint8_t *hash, dp_fault *fault)
{
	char quantity[DP_EVM_QUANTITY_MAX], params[PARAMS_MAX];
	uint64_t tip, below = 0;
	uint8_t is[32];
	dp_rpc_answer a;
	DP_CHECK(node != NULL && ret_below != NULL && (hash == NULL || next > 0));
	dp_evm_below said = DP_EVM_BELOW_UNKNOWN;
	DP_TRY(dp_rpc_start(node->rpc, &tip, "eth_blockNumber", "[]", fault));
	dp_evm_quantity(quantity, next - 1);
	(void)snprintf(params, sizeof params, "[\"%s\",false]", quantity);
	if (hash != NULL)
		DP_TRY(dp_rpc_start(node->rpc, &below, "eth_getBlockByNumber", params, fault));
	DP_TRY(dp_rpc_wait(node->rpc, tip, &a, fault));
	dp_code code = read_tip(node, &a, fault);
	dp_rpc_answer_done(&a);
	if (code != DP_OK || hash == NULL) {
		*ret_below = said;
		return code;
	}
	// What it does not tell, or says with an error, is no word about the block.
	DP_TRY(dp_rpc_wait(node->rpc, below, &a, fault));
	if (dp_json_is_object(a.result) &&
	    dp_evm_json_bytes(is, sizeof is, dp_json_get(a.result, "hash")))
		said = memcmp(is, hash, sizeof is) == 0 ? DP_EVM_BELOW_SAME : DP_EVM_BELOW_OTHER;
	dp_rpc_answer_done(&a);
	*ret_below = said;
	return DP_OK;
}

dp_code dp_evm_node_open(dp_evm_node *node, const char *url, const dp_source_options *options,
                         dp_fault *fault)
{
	DP_CHECK(node != NULL && url != NULL && options != NULL);
	uint64_t memory = options->memory_max == 0 ? DP_EVM_MEMORY_DEFAULT : options->memory_max;
	const dp_rpc_options o = {.login = options->login,
	                          .cookie = options->cookie,
	                          .in_flight = options->in_flight,
	                          .tries_max = options->tries,
	                          .timeout_s = options->timeout_s,
	                          .answer_max = memory / ANSWER_SHARE,
	                          .watch = options->watch};
	node->watch = options->watch;
	node->confirmations = options->confirmations;
	DP_TRY(dp_rpc_open(&node->rpc, url, &o, fault));
	DP_TRY(check_chain(node, options->chain, fault));
	DP_TRY(check_synced(node, fault));
	return dp_evm_node_ask_tip(node, fault);
}

void dp_evm_node_close(dp_evm_node *node)
{
	dp_rpc_close(node->rpc);
	node->rpc = NULL;
}

//- what it can -----------------------------------------------------------------------------------

// Does the node answer this with a list? `ret_why` gets its words where it does not.
static dp_code answers_list(dp_evm_node *node, bool *ret_does, char ret_why[DP_RPC_TEXT_MAX + 4],
                            const char *method, const char *params, dp_fault *fault)
{
	dp_rpc_answer a;
	dp_evm_verdict verdict;
	DP_TRY(dp_evm_node_ask(node, &a, &verdict, ret_does, DP_EVM_LIST, method, params, fault));
	(void)snprintf(ret_why, DP_RPC_TEXT_MAX + 4, "%s",
	               a.result == NULL ? a.error : "its answer is no list");
	dp_rpc_answer_done(&a);
	return DP_OK;
}

// Two kinds of traces say the same; one that is there is enough.
static dp_code probe_traces(dp_evm_node *node, const char *quantity, dp_fault *fault)
{
	char params[PARAMS_MAX], why[2][DP_RPC_TEXT_MAX + 4];
	bool does;
	node->traces = DP_EVM_TRACES_CALLS;
	(void)snprintf(params, sizeof params, "[\"%s\",{\"tracer\":\"callTracer\"}]", quantity);
	DP_TRY(answers_list(node, &does, why[0], "debug_traceBlockByNumber", params, fault));
	if (does) return DP_OK;
	node->traces = DP_EVM_TRACES_PARITY;
	(void)snprintf(params, sizeof params, "[\"%s\"]", quantity);
	DP_TRY(answers_list(node, &does, why[1], "trace_block", params, fault));
	if (does) return DP_OK;
	node->traces = DP_EVM_TRACES_NONE;
	dp_evm_node_notice(node,
	                   "%.120s gives no traces (debug_traceBlockByNumber: %.100s; trace_block: "
	                   "%.100s): what contracts pay is not seen",
	                   dp_rpc_name(node->rpc), why[0], why[1]);
	return DP_OK;
}

static dp_code probe_state(dp_evm_node *node, const char *quantity, dp_fault *fault)
{
	static const char *const method = "eth_getBalance";
	char params[PARAMS_MAX];
	dp_rpc_answer a;
	dp_u256 balance;
	dp_evm_verdict verdict;
	bool good;
	(void)snprintf(params, sizeof params,
	               "[\"0x0000000000000000000000000000000000000000\",\"%s\"]", quantity);
	DP_TRY(dp_evm_node_ask(node, &a, &verdict, &good, DP_EVM_TEXT, method, params, fault));
	node->has_old_state = good && dp_evm_json_u256(&balance, a.result);
	if (!node->has_old_state && verdict == DP_EVM_UNCLEAR)
		dp_evm_node_notice(node,
		                   "%.120s tells no balances of block %s (%.200s): what wallets "
		                   "had before is not asked for",
		                   dp_rpc_name(node->rpc), quantity,
		                   a.result == NULL ? a.error : "its answer is no quantity");
	dp_rpc_answer_done(&a);
	return DP_OK;
}

dp_code dp_evm_node_probe(dp_evm_node *node, uint64_t height, dp_fault *fault)
{
	char quantity[DP_EVM_QUANTITY_MAX], params[PARAMS_MAX], why[DP_RPC_TEXT_MAX + 4];
	// Genesis has nothing to trace, and some nodes refuse it.
	dp_evm_quantity(quantity, height == 0 && node->tip > 0 ? 1 : height);
	(void)snprintf(params, sizeof params, "[\"%s\"]", quantity);
	// Where not, they are asked for one by one: that is slower, and gives the same.
	DP_TRY(answers_list(node, &node->has_block_receipts, why, "eth_getBlockReceipts", params,
	                    fault));
	DP_TRY(probe_traces(node, quantity, fault));
	dp_evm_quantity(quantity, height == 0 ? 0 : height - 1);
	return probe_state(node, quantity, fault);
}

//- where to begin --------------------------------------------------------------------------------

// *ret_known is false when the node no longer has (or does not yet have) this block.
static dp_code time_of(dp_evm_node *node, bool *ret_known, int64_t *ret_time, uint64_t height,
                       dp_fault *fault)
{
	char quantity[DP_EVM_QUANTITY_MAX], params[PARAMS_MAX];
	static const char *const method = "eth_getBlockByNumber";
	dp_rpc_answer a;
	dp_evm_verdict verdict;
	bool good;
	uint64_t time = 0;
	dp_evm_quantity(quantity, height);
	(void)snprintf(params, sizeof params, "[\"%s\",false]", quantity);
	// null is how nodes that have pruned their history said it before there was a code.
	DP_TRY(dp_evm_node_ask(node, &a, &verdict, &good, DP_EVM_ANYTHING, method, params, fault));
	dp_code code = DP_OK;
	bool known = good && dp_json_is_object(a.result);
	bool is_null = good && !known && dp_json_text(a.result) == NULL &&
	               dp_json_number(a.result) == NULL && !dp_json_is_array(a.result);
	if (known &&
	    (!dp_evm_json_u64(&time, dp_json_get(a.result, "timestamp")) || time > INT64_MAX))
		code = nonsense(node, method, fault);
	else if (!known && !is_null && verdict == DP_EVM_UNCLEAR)
		code = ask_failed(node, &a, method, fault);
	dp_rpc_answer_done(&a);
	if (code != DP_OK) return code;
	*ret_known = known;
	*ret_time = (int64_t)time;
	return DP_OK;
}

static void format_time(char out[TIME_MAX], int64_t time)
{
	struct tm tm;
	time_t t = (time_t)time;
	if (gmtime_r(&t, &tm) == NULL || strftime(out, TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		(void)snprintf(out, TIME_MAX, "%" PRId64, time);
}

// The first block at or after a time: block times never fall. A node that keeps no old blocks
// (EIP-4444) has none below some height: what it does not have counts as too early.
static dp_code height_at(dp_evm_node *node, uint64_t *ret_height, int64_t time, dp_fault *fault)
{
	uint64_t low = 0, high = node->tip;
	bool known, lacks_before = false; // the block below `low` is not there
	int64_t at;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		DP_TRY(time_of(node, &known, &at, middle, fault));
		if (known && at >= time) {
			high = middle;
		} else {
			low = middle + 1;
			lacks_before = !known;
		}
	}
	*ret_height = low;
	if (!lacks_before) return DP_OK;
	DP_TRY(time_of(node, &known, &at, low, fault));
	if (known && at <= time) return DP_OK;
	char begins[TIME_MAX], wanted[TIME_MAX];
	format_time(begins, at);
	format_time(wanted, time);
	if (!known)
		return dp_fail(fault, DP_NOT_FOUND, "the node at %s does not have its blocks",
		               dp_rpc_name(node->rpc));
	return dp_fail(fault, DP_NOT_FOUND,
	               "the blocks of %s begin with %" PRIu64 " (%s), and %s is where to begin: "
	               "give a node that keeps older blocks, or say --from %" PRIu64,
	               dp_rpc_name(node->rpc), low, begins, wanted, low);
}

// The block of one transaction, from the answer to eth_getTransactionByHash.
static bool block_of(const dp_rpc_answer *a, uint64_t *ret_height)
{
	return a->result != NULL && dp_json_is_object(a->result) &&
	       dp_evm_json_u64(ret_height, dp_json_get(a->result, "blockNumber"));
}

// Looks up transactions, and lowers *io_height to the earliest. *ret_lost: the first that the node
// does not know, or `count`.
static dp_code look_up(dp_evm_node *node, uint64_t *io_height, uint32_t *ret_lost,
                       const uint8_t (*tx)[32], uint32_t count, dp_fault *fault)
{
	uint64_t ticket[LOOKUPS_AT_ONCE];
	static const char *const method = "eth_getTransactionByHash";
	DP_CHECK(count <= LOOKUPS_AT_ONCE);
	*ret_lost = count;
	for (uint32_t i = 0; i < count; i++) {
		char params[PARAMS_MAX] = "[\"0x";
		dp_hex_encode(params + 4, tx[i], 32);
		memcpy(params + 4 + 64, "\"]", 3);
		DP_TRY(dp_rpc_start(node->rpc, &ticket[i], method, params, fault));
	}
	for (uint32_t i = 0; i < count; i++) {
		dp_rpc_answer a;
		uint64_t height;
		DP_TRY(dp_rpc_wait(node->rpc, ticket[i], &a, fault));
		if (!block_of(&a, &height)) {
			if (*ret_lost == count) *ret_lost = i;
		} else if (height < *io_height) {
			*io_height = height;
		}
		dp_rpc_answer_done(&a);
	}
	return DP_OK;
}

dp_code dp_evm_node_begin(dp_evm_node *node, uint64_t *ret_height, const dp_source_begin *begin,
                          dp_fault *fault)
{
	DP_CHECK(begin->tx_count == 0 || begin->tx != NULL);
	uint64_t height = UINT64_MAX, at;
	bool is_lost = false;
	char lost[2 * 32 + 1] = "";
	uint32_t count = begin->tx_count < LOOKUPS_MAX ? begin->tx_count : LOOKUPS_MAX;
	for (uint32_t i = 0; i < count; i += LOOKUPS_AT_ONCE) {
		uint32_t some = count - i < LOOKUPS_AT_ONCE ? count - i : LOOKUPS_AT_ONCE, which;
		DP_TRY(look_up(node, &height, &which, begin->tx + i, some, fault));
		if (which < some && !is_lost) dp_hex_encode(lost, begin->tx[i + which], 32);
		is_lost = is_lost || which < some;
	}
	if (begin->has_height && begin->height < height) height = begin->height;
	if (is_lost && !begin->has_tx_time)
		return dp_fail(
		    fault, DP_NOT_FOUND,
		    "the node at %s has no block with transaction 0x%s (yet): check it, or "
		    "give the theft's time in the case file, or where to begin with --from",
		    dp_rpc_name(node->rpc), lost);
	if (is_lost) {
		DP_TRY(height_at(node, &at, begin->tx_time, fault));
		if (at < height) height = at;
	}
	if (begin->has_time) {
		DP_TRY(height_at(node, &at, begin->time, fault));
		if (at < height) height = at;
	}
	*ret_height = height == UINT64_MAX ? 0 : height;
	if (*ret_height <= node->tip) return DP_OK;
	return dp_fail(fault, DP_NOT_FOUND,
	               "the node at %s has blocks up to %" PRIu64 ", and block %" PRIu64
	               " is where to begin",
	               dp_rpc_name(node->rpc), node->tip, *ret_height);
}

//- single questions ------------------------------------------------------------------------------

// false: there is no such block (null). An answer that is neither is a fault.
static dp_code hash_of(const dp_evm_node *node, bool *ret_known, uint8_t ret_hash[32],
                       const dp_rpc_answer *a, const char *method, dp_fault *fault)
{
	if (a->result == NULL) return dp_rpc_fail(node->rpc, a, method, fault);
	*ret_known = dp_json_is_object(a->result);
	if (*ret_known && !dp_evm_json_bytes(ret_hash, 32, dp_json_get(a->result, "hash")))
		return nonsense(node, method, fault);
	return DP_OK;
}

static const char *const block_method = "eth_getBlockByNumber";

dp_code dp_evm_node_hash(dp_evm_node *node, bool *ret_known, uint8_t ret_hash[32], uint64_t height,
                         dp_fault *fault)
{
	char quantity[DP_EVM_QUANTITY_MAX], params[PARAMS_MAX];
	dp_rpc_answer a;
	dp_evm_verdict verdict;
	uint8_t hash[32];
	bool good, known = false;
	dp_evm_quantity(quantity, height);
	(void)snprintf(params, sizeof params, "[\"%s\",false]", quantity);
	DP_TRY(dp_evm_node_ask(node, &a, &verdict, &good, DP_EVM_ANYTHING, block_method, params,
	                       fault));
	dp_code code = hash_of(node, &known, hash, &a, block_method, fault);
	dp_rpc_answer_done(&a);
	if (code != DP_OK) return code;
	*ret_known = known;
	if (known) memcpy(ret_hash, hash, 32);
	return DP_OK;
}

dp_code dp_evm_node_hashes(dp_evm_node *node, uint8_t (*ret_hash)[32], uint32_t *ret_got,
                           uint64_t end, uint32_t count, dp_fault *fault)
{
	uint64_t ticket[LOOKUPS_AT_ONCE];
	uint32_t got = 0;
	bool is_whole = true;
	DP_CHECK(count <= LOOKUPS_AT_ONCE && count <= end);
	for (uint32_t i = 0; i < count; i++) {
		char quantity[DP_EVM_QUANTITY_MAX], params[PARAMS_MAX];
		dp_evm_quantity(quantity, end - 1 - i);
		(void)snprintf(params, sizeof params, "[\"%s\",false]", quantity);
		DP_TRY(dp_rpc_start(node->rpc, &ticket[i], block_method, params, fault));
	}
	for (uint32_t i = 0; i < count; i++) {
		dp_rpc_answer a;
		bool known = false;
		DP_TRY(dp_rpc_wait(node->rpc, ticket[i], &a, fault));
		// What it does not tell cannot be stepped back to, and is no reason to stop.
		if (hash_of(node, &known, ret_hash[i], &a, block_method, NULL) != DP_OK)
			known = false;
		dp_rpc_answer_done(&a);
		is_whole = is_whole && known;
		got += is_whole;
	}
	*ret_got = got;
	return DP_OK;
}

// balanceOf(address), the selector 70a08231 of ERC-20; sharesOf(address), f5eb42dc, for what is
// counted in shares (stETH); or the native coin's own method.
static const char *balance_question(char params[PARAMS_MAX], const dp_addr *addr,
                                    const dp_asset_info *info, uint64_t height)
{
	char quantity[DP_EVM_QUANTITY_MAX];
	char who[2 * 20 + 1] = "", what[2 * 20 + 1] = "";
	dp_hex_encode(who, addr->bytes, 20);
	dp_evm_quantity(quantity, height);
	if (!info->has_contract) {
		(void)snprintf(params, PARAMS_MAX, "[\"0x%s\",\"%s\"]", who, quantity);
		return "eth_getBalance";
	}
	const char *selector = dp_asset_nominal(info->id).v != 0 ? "f5eb42dc" : "70a08231";
	dp_hex_encode(what, info->contract, 20);
	(void)snprintf(params, PARAMS_MAX,
	               "[{\"to\":\"0x%s\",\"data\":\"0x%s"
	               "000000000000000000000000%s\"},\"%s\"]",
	               what, selector, who, quantity);
	return "eth_call";
}

// Reads a balance. False: the contract answers with something else than one.
static bool read_balance(dp_u256 *ret_amount, const dp_json *result, bool is_token)
{
	uint8_t word[32];
	*ret_amount = DP_U256_ZERO;
	if (!is_token) return dp_evm_json_u256(ret_amount, result);
	if (dp_evm_json_bytes(word, 32, result)) {
		*ret_amount = dp_u256_from_be(word, 32);
		return true;
	}
	return strcmp(dp_json_text(result), "0x") == 0; // no such contract yet: nobody has any
}

// Is the state that was asked for not there? After the tries, "header not found" counts, too: geth
// says it of what it no longer has.
static bool is_state_gone(const dp_rpc_answer *a, dp_evm_verdict verdict)
{
	return verdict == DP_EVM_GONE || strcasestr(a->error, "header not found") != NULL;
}

dp_code dp_evm_node_balance(dp_evm_node *node, bool *ret_known, dp_u256 *ret_amount,
                            const dp_addr *addr, dp_asset asset, uint64_t height, dp_fault *fault)
{
	char params[PARAMS_MAX];
	const dp_asset_info *info = dp_asset_info_of(asset);
	*ret_known = false;
	if (addr->kind != DP_ADDR_EVM || info->chain != node->chain) return DP_OK;
	const char *method = balance_question(params, addr, info, height);
	dp_rpc_answer a;
	dp_evm_verdict verdict;
	dp_u256 amount;
	bool good, known = false;
	DP_TRY(dp_evm_node_ask(node, &a, &verdict, &good, DP_EVM_TEXT, method, params, fault));
	dp_code code = DP_OK;
	if (good) known = read_balance(&amount, a.result, info->has_contract);
	bool is_refused = info->has_contract && verdict == DP_EVM_REVERTED;
	if (good && !known && !info->has_contract)
		code = nonsense(node, method, fault);
	else if (!good && !is_refused && !is_state_gone(&a, verdict))
		code = ask_failed(node, &a, method, fault);
	dp_rpc_answer_done(&a);
	if (code != DP_OK) return code;
	*ret_known = known;
	if (known) *ret_amount = amount;
	return DP_OK;
}
