// See evm_node.h. Methods and their answers: ethereum/execution-apis; debug_ and trace_ methods as
// geth, erigon and nethermind document them.
#include "source/evm_node.h"

#include <inttypes.h>
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

dp_code dp_evm_node_ask_tip(dp_evm_node *node, dp_fault *fault)
{
	uint64_t tip;
	DP_TRY(ask_u64(node, &tip, "eth_blockNumber", fault));
	// No chain comes near it, and heights can then be added to without a thought.
	if (tip >> 48 != 0) return nonsense(node, "eth_blockNumber", fault);
	node->tip = tip;
	return DP_OK;
}

dp_code dp_evm_node_open(dp_evm_node *node, const char *url, const dp_source_options *options,
                         dp_fault *fault)
{
	DP_CHECK(node != NULL && url != NULL && options != NULL);
	const dp_rpc_options o = {.login = options->login,
	                          .cookie = options->cookie,
	                          .in_flight = options->in_flight,
	                          .tries_max = options->tries,
	                          .answer_max = options->memory_max / 4,
	                          .watch = options->watch};
	node->watch = options->watch;
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

// Does the node answer this with a list? Any error counts as no: what a node says of methods that
// it does not have, or not for this block, is not the same anywhere.
static dp_code answers_list(dp_evm_node *node, bool *ret_does, const char *method,
                            const char *params, dp_fault *fault)
{
	dp_rpc_answer a;
	DP_TRY(dp_rpc_call(node->rpc, &a, method, params, fault));
	*ret_does = a.result != NULL && dp_json_is_array(a.result);
	dp_rpc_answer_done(&a);
	return DP_OK;
}

dp_code dp_evm_node_probe(dp_evm_node *node, uint64_t height, dp_fault *fault)
{
	char quantity[DP_EVM_QUANTITY_MAX], params[PARAMS_MAX];
	bool does;
	// Genesis has nothing to trace, and some nodes refuse it.
	dp_evm_quantity(quantity, height == 0 && node->tip > 0 ? 1 : height);
	(void)snprintf(params, sizeof params, "[\"%s\"]", quantity);
	DP_TRY(
	    answers_list(node, &node->has_block_receipts, "eth_getBlockReceipts", params, fault));
	DP_TRY(answers_list(node, &does, "trace_block", params, fault));
	if (does) node->traces = DP_EVM_TRACES_PARITY;
	(void)snprintf(params, sizeof params, "[\"%s\",{\"tracer\":\"callTracer\"}]", quantity);
	DP_TRY(answers_list(node, &does, "debug_traceBlockByNumber", params, fault));
	if (does) node->traces = DP_EVM_TRACES_CALLS;
	dp_rpc_answer a;
	dp_u256 balance;
	dp_evm_quantity(quantity, height == 0 ? 0 : height - 1);
	(void)snprintf(params, sizeof params,
	               "[\"0x0000000000000000000000000000000000000000\",\"%s\"]", quantity);
	DP_TRY(dp_rpc_call(node->rpc, &a, "eth_getBalance", params, fault));
	node->has_old_state = a.result != NULL && dp_evm_json_u256(&balance, a.result);
	dp_rpc_answer_done(&a);
	return DP_OK;
}

//- where to begin --------------------------------------------------------------------------------

static dp_code time_of(dp_evm_node *node, int64_t *ret_time, uint64_t height, dp_fault *fault)
{
	char quantity[DP_EVM_QUANTITY_MAX], params[PARAMS_MAX];
	static const char *const method = "eth_getBlockByNumber";
	dp_rpc_answer a;
	uint64_t time = 0;
	dp_evm_quantity(quantity, height);
	(void)snprintf(params, sizeof params, "[\"%s\",false]", quantity);
	DP_TRY(dp_rpc_call(node->rpc, &a, method, params, fault));
	dp_code code = DP_OK;
	if (a.result == NULL)
		code = dp_rpc_fail(node->rpc, &a, method, fault);
	else if (!dp_evm_json_u64(&time, dp_json_get(a.result, "timestamp")) || time > INT64_MAX)
		code = nonsense(node, method, fault);
	dp_rpc_answer_done(&a);
	if (code == DP_OK) *ret_time = (int64_t)time;
	return code;
}

// The first block at or after a time: block times never fall.
static dp_code height_at(dp_evm_node *node, uint64_t *ret_height, int64_t time, dp_fault *fault)
{
	uint64_t low = 0, high = node->tip;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		int64_t at;
		DP_TRY(time_of(node, &at, middle, fault));
		if (at < time)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_height = low;
	return DP_OK;
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
		    "the node at %s does not know transaction 0x%s: check it, or say where "
		    "to begin with --from",
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

dp_code dp_evm_node_hash(dp_evm_node *node, bool *ret_known, uint8_t ret_hash[32], uint64_t height,
                         dp_fault *fault)
{
	char quantity[DP_EVM_QUANTITY_MAX], params[PARAMS_MAX];
	static const char *const method = "eth_getBlockByNumber";
	dp_rpc_answer a;
	uint8_t hash[32];
	dp_evm_quantity(quantity, height);
	(void)snprintf(params, sizeof params, "[\"%s\",false]", quantity);
	DP_TRY(dp_rpc_call(node->rpc, &a, method, params, fault));
	dp_code code = DP_OK;
	bool known = a.result != NULL && dp_json_is_object(a.result);
	if (a.result == NULL)
		code = dp_rpc_fail(node->rpc, &a, method, fault);
	else if (known && !dp_evm_json_bytes(hash, 32, dp_json_get(a.result, "hash")))
		code = nonsense(node, method, fault);
	dp_rpc_answer_done(&a);
	if (code != DP_OK) return code;
	*ret_known = known;
	if (known) memcpy(ret_hash, hash, 32);
	return DP_OK;
}

dp_code dp_evm_node_balance(dp_evm_node *node, bool *ret_known, dp_u256 *ret_amount,
                            const dp_addr *addr, dp_asset asset, uint64_t height, dp_fault *fault)
{
	char quantity[DP_EVM_QUANTITY_MAX], params[PARAMS_MAX];
	char who[2 * 20 + 1] = "", what[2 * 20 + 1] = "";
	const dp_asset_info *info = dp_asset_info_of(asset);
	*ret_known = false;
	if (addr->kind != DP_ADDR_EVM || info->chain != node->chain) return DP_OK;
	dp_hex_encode(who, addr->bytes, 20);
	dp_evm_quantity(quantity, height);
	const char *method = info->has_contract ? "eth_call" : "eth_getBalance";
	if (info->has_contract) {
		// balanceOf(address), the selector 70a08231 of ERC-20.
		dp_hex_encode(what, info->contract, 20);
		(void)snprintf(params, sizeof params,
		               "[{\"to\":\"0x%s\",\"data\":\"0x70a08231"
		               "000000000000000000000000%s\"},\"%s\"]",
		               what, who, quantity);
	} else {
		(void)snprintf(params, sizeof params, "[\"0x%s\",\"%s\"]", who, quantity);
	}
	dp_rpc_answer a;
	DP_TRY(dp_rpc_call(node->rpc, &a, method, params, fault));
	const char *text = a.result != NULL ? dp_json_text(a.result) : NULL;
	dp_u256 amount = DP_U256_ZERO;
	uint8_t word[32];
	bool known = false;
	if (text != NULL && info->has_contract && dp_evm_json_bytes(word, 32, a.result)) {
		amount = dp_u256_from_be(word, 32);
		known = true;
	} else if (text != NULL && info->has_contract) {
		known = strcmp(text, "0x") == 0; // no such contract yet: nobody has any
	} else if (text != NULL) {
		known = dp_evm_json_u256(&amount, a.result);
	}
	// An answer that is no balance is no reason to stop: the node has thrown the state away.
	dp_rpc_answer_done(&a);
	*ret_known = known;
	if (known) *ret_amount = amount;
	return DP_OK;
}
