// Calls as nodes trace them, see evm_json.h: a tree or a list becomes frames in execution order.
//
// callTracer (go-ethereum, eth/tracers/native/call.go; erigon, nethermind, reth and anvil give the
// same shape) nests calls. The tree is walked with a stack of our own, for a node may send
// thousands of levels:
//
//   {"type": "CALL", "calls": [ {"type": "CREATE"}, {"type": "CALL", "calls": [...]} ]}
//
// trace_block (OpenEthereum's) lists the same frames flat, already in execution order;
// "traceAddress" is the way down the tree, so its length is the depth.
//
// Two oddities. revm's tracers (anvil, reth; seen in anvil 1.7.1) take a self-destruction from the
// last entry of their journal. A contract that names itself and stays (EIP-6780) writes no entry,
// so they report whatever stands there: often the payment that called it, a second time. Such a
// frame is known by its sender, who is not the contract that was running, and moves nothing. When
// the last entry is a payment by that very contract nobody can tell (only its balance would show):
// such a frame is believed, since a contract that leaves all to another is the likelier story.
//
// Before Homestead (block 1,150,000 of ethereum, EIP-2) a contract whose code could not be paid for
// came to be without code, and its value moved. go-ethereum's tracer marks such a frame with the
// error of later forks.
#include "source/evm_json.h"

#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "source/evm_fields.h"

enum { CALL_DEPTH_MAX = 2048, HOMESTEAD = 1150000 };

static const char *text_of(const dp_json *object, const char *key)
{
	const dp_json *value = dp_json_get(object, key);
	return value == NULL ? NULL : dp_json_text(value);
}

// Takes out self-destructions that were not what they seem, see above. A delegate call runs for
// its caller, any other for whom it calls; within a static call nothing is destroyed.
static dp_code check_destructions(const dp_evm_place *at, dp_evm_block *b, uint32_t first)
{
	uint32_t running[CALL_DEPTH_MAX];
	for (uint32_t i = first; i < b->frame_count; i++) {
		dp_evm_frame *f = &b->frame[i];
		DP_CHECK(f->depth < CALL_DEPTH_MAX);
		if ((i == first) != (f->depth == 0) ||
		    (i > first && f->depth > b->frame[i - 1].depth + 1))
			return dp_evm_bad(at,
			                  "call %u has depth %u, which does not follow from "
			                  "those before",
			                  i - first, f->depth);
		running[f->depth] = i;
		if (f->kind != DP_EVM_SELFDESTRUCT || i == first) continue;
		const dp_evm_frame *caller = &b->frame[running[f->depth - 1]];
		const uint8_t *who = caller->kind == DP_EVM_NO_VALUE ? caller->from : caller->to;
		if (!caller->has_to || memcmp(who, f->from, 20) == 0) continue;
		if (!b->is_cancun)
			return dp_evm_bad(at,
			                  "call %u destroys another contract than the one "
			                  "that runs",
			                  i - first);
		f->kind = DP_EVM_NO_VALUE;
	}
	return DP_OK;
}

// Frames that are appended count for the last transaction (see dp_evm_block); here all
// transactions stand there already, so each is told which are its own.
static dp_code set_frames(const dp_evm_place *at, dp_evm_block *b, uint32_t index, uint32_t first)
{
	uint32_t end = b->frame_count;
	DP_CHECK(index < b->tx_count && first <= end);
	DP_TRY(check_destructions(at, b, first));
	b->tx[b->tx_count - 1].frame_first = b->frame_count;
	b->tx[b->tx_count - 1].frame_count = 0;
	b->tx[index].frame_first = first;
	b->tx[index].frame_count = end - first;
	b->tx[index].has_frames = true;
	return DP_OK;
}

// How many transactions a node traces. Polygon's blocks may end with one that nobody signed (state
// sync, from the address of zeros), which its nodes list and do not trace.
static uint32_t traced_count(const dp_evm_block *b)
{
	static const uint8_t nobody[20];
	uint32_t n = b->tx_count;
	if (strcmp(b->chain->name, "polygon") != 0) return n;
	while (n > 0 && memcmp(b->tx[n - 1].from, nobody, 20) == 0) n--;
	return n;
}

//- callTracer ------------------------------------------------------------------------------------

static bool kind_of_type(uint8_t *ret_kind, const char *type)
{
	static const struct {
		const char *type;
		uint8_t kind;
	} known[] = {{"CALL", DP_EVM_CALL},
	             {"STATICCALL", DP_EVM_NO_VALUE},
	             {"DELEGATECALL", DP_EVM_NO_VALUE},
	             {"CALLCODE", DP_EVM_NO_VALUE},
	             {"CREATE", DP_EVM_CREATE},
	             {"CREATE2", DP_EVM_CREATE},
	             {"SELFDESTRUCT", DP_EVM_SELFDESTRUCT},
	             {"SUICIDE", DP_EVM_SELFDESTRUCT}};
	for (size_t i = 0; type != NULL && i < sizeof known / sizeof *known; i++) {
		if (strcasecmp(type, known[i].type) != 0) continue;
		*ret_kind = known[i].kind;
		return true;
	}
	return false;
}

static bool has_failed(const dp_evm_block *b, const dp_evm_frame *f, const dp_json *call)
{
	const dp_json *error = dp_json_get(call, "error");
	const char *text = error == NULL ? NULL : dp_json_text(error);
	if (text != NULL && f->kind == DP_EVM_CREATE && b->height < HOMESTEAD &&
	    strcmp(b->chain->name, "ethereum") == 0 &&
	    strcmp(text, "contract creation code storage out of gas") == 0)
		return false;
	if (text != NULL && *text == 0) return false; // some write it so when there is none
	return dp_evm_is_given(error) || dp_evm_is_given(dp_json_get(call, "revertReason"));
}

static dp_code add_call(const dp_evm_place *at, dp_evm_block *b, const dp_json *call,
                        uint32_t depth)
{
	if (!dp_json_is_object(call)) return dp_evm_bad(at, "a call is not an object");
	dp_evm_frame *f;
	bool given;
	DP_TRY(dp_evm_add_frame(b, &f, at->fault));
	const char *type = text_of(call, "type");
	if (type == NULL) return dp_evm_bad(at, "a call has no \"type\"");
	if (!kind_of_type(&f->kind, type))
		return dp_evm_bad(at, "a call has the unknown type \"%.20s\"", type);
	f->depth = depth;
	DP_TRY(dp_evm_field_bytes(at, f->from, 20, call, "from"));
	DP_TRY(dp_evm_maybe_bytes(at, &f->has_to, f->to, 20, call, "to"));
	DP_TRY(dp_evm_maybe_u256(at, &given, &f->value, call, "value"));
	f->failed = has_failed(b, f, call);
	return DP_OK;
}

static dp_code walk_calls(const dp_evm_place *at, dp_evm_block *b, const dp_json *root)
{
	const dp_json *path[CALL_DEPTH_MAX];
	uint32_t depth = 0;
	path[0] = root;
	for (;;) {
		DP_TRY(add_call(at, b, path[depth], depth));
		const dp_json *calls = dp_json_get(path[depth], "calls");
		if (dp_evm_is_given(calls) && !dp_json_is_array(calls))
			return dp_evm_bad(at, "\"calls\" is not an array");
		const dp_json *next = dp_json_first(calls);
		if (next != NULL) {
			if (++depth == CALL_DEPTH_MAX)
				return dp_evm_bad(at, "its calls nest deeper than %d levels",
				                  CALL_DEPTH_MAX);
		} else {
			// Back to the nearest caller that has another call.
			while (depth > 0 && (next = dp_json_next(path[depth])) == NULL) depth--;
			if (depth == 0) return DP_OK;
		}
		path[depth] = next;
	}
}

// An item is {txHash?, result}, {txHash?, error}, or a result by itself.
static dp_code read_trace(const dp_evm_place *at, dp_evm_block *b, const dp_json *item)
{
	const uint32_t index = (uint32_t)at->outer_index;
	uint8_t hash[32];
	bool given;
	if (!dp_json_is_object(item)) return dp_evm_bad(at, "its trace is not an object");
	DP_TRY(dp_evm_maybe_bytes(at, &given, hash, 32, item, "txHash"));
	if (given && memcmp(hash, b->tx[index].hash, 32) != 0)
		return dp_evm_bad(at, "its trace belongs to another transaction");
	const dp_json *root = dp_json_get(item, "result");
	if (!dp_evm_is_given(root)) {
		// A call that failed has a "type" beside its "error".
		root = item;
		// The node's own words stay out: they may repeat the key it was asked with.
		if (text_of(item, "type") == NULL)
			return dp_evm_bad(at, "the node could not trace it");
	}
	uint32_t first = b->frame_count;
	DP_TRY(walk_calls(at, b, root));
	return set_frames(at, b, index, first);
}

dp_code dp_evm_json_calls(dp_evm_block *block, const dp_json *answer, dp_fault *fault)
{
	DP_CHECK(block != NULL && block->chain != NULL);
	dp_evm_place at = {.height = block->height, .fault = fault};
	if (!dp_json_is_array(answer)) return dp_evm_bad(&at, "its traces are not an array");
	dp_evm_place here = at;
	here.outer = "transaction";
	const dp_json *item = dp_json_first(answer);
	for (; item != NULL; item = dp_json_next(item), here.outer_index++) {
		if (here.outer_index == block->tx_count)
			return dp_evm_bad(&at, "it has more traces than its %u transactions",
			                  block->tx_count);
		DP_TRY(read_trace(&here, block, item));
	}
	if (here.outer_index < traced_count(block))
		return dp_evm_bad(&at, "it has %u transactions but only %" PRIu64 " traces",
		                  block->tx_count, here.outer_index);
	return DP_OK;
}

//- trace_block -----------------------------------------------------------------------------------

static dp_code read_call_action(const dp_evm_place *at, dp_evm_frame *f, const dp_json *action)
{
	bool given;
	const char *type = text_of(action, "callType");
	if (!kind_of_type(&f->kind, type) || (f->kind != DP_EVM_CALL && f->kind != DP_EVM_NO_VALUE))
		return dp_evm_bad(at, "a call has the unknown \"callType\" \"%.20s\"",
		                  type == NULL ? "" : type);
	DP_TRY(dp_evm_field_bytes(at, f->from, 20, action, "from"));
	DP_TRY(dp_evm_field_bytes(at, f->to, 20, action, "to"));
	f->has_to = true;
	return dp_evm_maybe_u256(at, &given, &f->value, action, "value");
}

static dp_code read_action(const dp_evm_place *at, dp_evm_frame *f, const dp_json *entry,
                           const char *type)
{
	bool given;
	const dp_json *action = dp_json_get(entry, "action");
	if (!dp_json_is_object(action)) return dp_evm_bad(at, "a call has no \"action\"");
	f->failed = dp_evm_is_given(dp_json_get(entry, "error"));
	if (strcmp(type, "call") == 0) return read_call_action(at, f, action);
	if (strcmp(type, "create") == 0) {
		const dp_json *result = dp_json_get(entry, "result");
		f->kind = DP_EVM_CREATE;
		DP_TRY(dp_evm_field_bytes(at, f->from, 20, action, "from"));
		DP_TRY(dp_evm_maybe_bytes(at, &f->has_to, f->to, 20, result, "address"));
		return dp_evm_maybe_u256(at, &given, &f->value, action, "value");
	}
	if (strcmp(type, "suicide") != 0 && strcmp(type, "selfdestruct") != 0)
		return dp_evm_bad(at, "a call has the unknown type \"%.20s\"", type);
	f->kind = DP_EVM_SELFDESTRUCT;
	f->has_to = true;
	DP_TRY(dp_evm_field_bytes(at, f->from, 20, action, "address"));
	DP_TRY(dp_evm_field_bytes(at, f->to, 20, action, "refundAddress"));
	return dp_evm_maybe_u256(at, &given, &f->value, action, "balance");
}

static dp_code read_depth(const dp_evm_place *at, uint32_t *ret_depth, const dp_json *entry)
{
	const dp_json *way = dp_json_get(entry, "traceAddress");
	uint32_t depth = 0;
	if (!dp_json_is_array(way)) return dp_evm_bad(at, "\"traceAddress\" is not an array");
	for (const dp_json *i = dp_json_first(way); i != NULL; i = dp_json_next(i))
		if (++depth == CALL_DEPTH_MAX)
			return dp_evm_bad(at, "its calls nest deeper than %d levels",
			                  CALL_DEPTH_MAX);
	*ret_depth = depth;
	return DP_OK;
}

// Ours were added before, or there is nothing to compare. The node's list has one entry for each of
// our gifts, with the same payee and sum (miner and uncles may be the same person).
static dp_code check_reward(const dp_evm_place *at, const dp_evm_block *b, const dp_json *entry)
{
	const dp_json *action = dp_json_get(entry, "action");
	uint8_t author[20];
	dp_u256 value;
	DP_TRY(dp_evm_field_bytes(at, author, 20, action, "author"));
	DP_TRY(dp_evm_field_u256(at, &value, action, "value"));
	if (b->gift_count == 0 || strcmp(b->chain->name, "ethereum") != 0 || dp_u256_is_zero(value))
		return DP_OK;
	for (uint32_t i = 0; i < b->gift_count; i++)
		if (memcmp(b->gift[i].to, author, 20) == 0 && dp_u256_eq(b->gift[i].amount, value))
			return DP_OK;
	return dp_evm_bad(at, "the node states a reward that the rules of the chain do not give");
}

typedef struct grouping {
	dp_evm_place at;
	dp_evm_block *b;
	uint32_t count; // transactions begun; the last of them is being read
	uint32_t first; // frame of it
} grouping;

static dp_code leave_tx(grouping *g)
{
	if (g->count == 0) return DP_OK;
	g->at.outer = "transaction";
	g->at.outer_index = g->count - 1;
	return set_frames(&g->at, g->b, g->count - 1, g->first);
}

// Entries of a transaction stand together, transactions in their order, each with one or more.
static dp_code enter_tx(grouping *g, const dp_json *entry)
{
	dp_evm_block *b = g->b;
	uint64_t position;
	uint8_t hash[32];
	bool given;
	g->at.outer = NULL;
	// A plain number here, the only one that we read; some nodes write a quantity.
	const dp_json *stated = dp_json_get(entry, "transactionPosition");
	if (!dp_json_u64(stated, &position) && !dp_evm_json_u64(&position, stated))
		return dp_evm_bad(&g->at, "\"transactionPosition\" of a call is not a number");
	bool same = g->count > 0 && position == g->count - 1;
	if (!same && (position != g->count || position >= b->tx_count))
		return dp_evm_bad(&g->at,
		                  "calls of transaction %" PRIu64 " stand where those of %u are "
		                  "due",
		                  position, g->count);
	if (!same) DP_TRY(leave_tx(g));
	g->at.outer = "transaction";
	g->at.outer_index = position;
	DP_TRY(dp_evm_maybe_bytes(&g->at, &given, hash, 32, entry, "transactionHash"));
	if (given && memcmp(hash, b->tx[position].hash, 32) != 0)
		return dp_evm_bad(&g->at, "calls of another transaction bear its number");
	if (same) return DP_OK;
	g->first = b->frame_count;
	g->count++;
	return DP_OK;
}

static dp_code read_entry(grouping *g, const dp_json *entry)
{
	if (!dp_json_is_object(entry)) return dp_evm_bad(&g->at, "a call is not an object");
	const char *type = text_of(entry, "type");
	if (type == NULL) return dp_evm_bad(&g->at, "a call has no \"type\"");
	if (strcmp(type, "reward") == 0) {
		g->at.outer = NULL;
		return check_reward(&g->at, g->b, entry);
	}
	dp_evm_frame *f;
	DP_TRY(enter_tx(g, entry));
	DP_TRY(dp_evm_add_frame(g->b, &f, g->at.fault));
	DP_TRY(read_depth(&g->at, &f->depth, entry));
	return read_action(&g->at, f, entry, type);
}

dp_code dp_evm_json_parity(dp_evm_block *block, const dp_json *answer, dp_fault *fault)
{
	DP_CHECK(block != NULL && block->chain != NULL);
	grouping g = {.at = {.height = block->height, .fault = fault}, .b = block};
	// A null is what some nodes answer for a block without anything.
	if (!dp_evm_is_given(answer) && answer != NULL && block->tx_count == 0) return DP_OK;
	if (!dp_json_is_array(answer)) return dp_evm_bad(&g.at, "its traces are not an array");
	for (const dp_json *i = dp_json_first(answer); i != NULL; i = dp_json_next(i))
		DP_TRY(read_entry(&g, i));
	g.at.outer = NULL;
	if (g.count < traced_count(block))
		return dp_evm_bad(&g.at, "it has %u transactions but calls of only %u",
		                  block->tx_count, g.count);
	return leave_tx(&g);
}
