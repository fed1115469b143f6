// Blocks of an EVM chain from a node (kind "evm-rpc").
//
// For each height three questions are asked at once: the block with its transactions, the receipts,
// and the calls inside the transactions. Several heights are asked ahead, as many as the sizes of
// recent answers and the memory allowed let in; small blocks travel many to a request. Giving a
// block then goes
//
//   wait      for the answers                              source/rpc.c
//   prove     hash, transactions, receipts                 source/evm_proof.c
//   follow    the parent must be the block given before
//   decode    block, receipts, calls; rewards              source/evm_json.c
//   build     movements                                    chain/ethereum.c
//
// A chain changes while it is read. Where the parent is another one, the window is thrown away and
// the newest block given that still stands is looked for, over the last 128; the source goes on
// above it (see source.h). The three answers may also come from both sides of a change: when they
// do not fit together the block's hash is asked for again, and if it is another one now, all three.
//
// What nodes cannot give is chosen once, for the first block (evm_node.c), and a gap is stated.
// When the calls of a single block cannot be had (nodes give up on very large ones, and sometimes
// on others), they are asked for again a few times; then the block is taken without, that is said
// for the first of such blocks and, with their number, at the end, and the same gap is stated.
//
// At the tip one request asks for all at once: how high the chain is, whether the newest block
// given still stands, and the next block with its receipts and calls, should it be there by now. So
// a new block costs one round trip, and a chain that was replaced without growing is noticed.
//
// A block that does not prove itself is refused where every form of the chain is known, else taken
// with a word on the first (evm_proof.h): one made-up key is enough to bring it about.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/team.h"
#include "chain/ethereum.h"
#include "codec/hex.h"
#include "source/evm_json.h"
#include "source/evm_node.h"
#include "source/evm_proof.h"
#include "source/pending_evm.h"
#include "source/source_kinds.h"

enum {
	KEPT = 128,       // hashes of blocks given, for stepping back
	WINDOW_MAX = 128, // heights asked ahead
	TRIES_MAX = 6,    // for a block that changes or that the node has not got yet
	WAIT_FIRST_MS = 250,
	PARAMS_MAX = 100,
	CALLS_A_BATCH = 100,
	BYTES_HELD = 4, // for a byte of JSON: itself, and three of the tree it is made into
};
#define GROUP_BYTES (UINT64_C(1) << 20) // blocks are sent for in requests of about this answer
#define SIZE_GUESS (UINT64_C(1) << 20)  // of a block's answers, before the first

// A height that was asked for. Tickets are 0 where nothing was asked.
typedef struct asked {
	uint64_t block, receipts, calls;
} asked;

typedef struct evm_rpc {
	dp_source base; // first: see struct dp_source
	dp_evm_node node;
	uint64_t memory_max, height_max;
	uint64_t next;                 // height to give next
	asked window[WINDOW_MAX];      // ring: height h at h % WINDOW_MAX
	bool is_hasty;                 // `next` was asked for before it was known to be there
	uint64_t asked_end, group_end; // heights below these were asked, will be sent together
	uint64_t size_mean;            // of a block's answers, of late
	uint8_t kept[KEPT][32];        // ring: hash of height h at h % KEPT
	uint64_t kept_first, kept_end; // heights whose hashes are kept
	dp_evm_block evm;
	dp_block_builder builder;
	dp_evm_proof proof, receipt_proof;
	const dp_json **receipt; // of the current block, one a transaction
	dp_rpc_answer *single;   // receipts that were asked for one by one
	uint64_t receipt_cap, single_cap;
	uint32_t single_count;
	uint64_t untraced_count, untraced_told, untraced_first; // blocks taken without calls
	dp_pending_evm waiting;
	uint64_t given_height; // of the block given last, and its time
	int64_t given_time;
	bool is_measured, is_ended_by_fault, is_doubt_told;
} evm_rpc;

// The answers for one height. Zero where there is none.
typedef struct answers {
	dp_rpc_answer block, receipts, calls;
	bool has_block, has_receipts, has_calls;
} answers;

//- asking ahead ----------------------------------------------------------------------------------

static dp_code ask_one(evm_rpc *e, uint64_t height, dp_fault *fault)
{
	asked *a = &e->window[height % WINDOW_MAX];
	char quantity[DP_EVM_QUANTITY_MAX], params[PARAMS_MAX];
	dp_rpc *rpc = e->node.rpc;
	*a = (asked){0};
	dp_evm_quantity(quantity, height);
	(void)snprintf(params, sizeof params, "[\"%s\",true]", quantity);
	DP_TRY(dp_rpc_start(rpc, &a->block, "eth_getBlockByNumber", params, fault));
	if (height == 0) return DP_OK; // genesis has no transactions
	(void)snprintf(params, sizeof params, "[\"%s\"]", quantity);
	if (e->node.has_block_receipts)
		DP_TRY(dp_rpc_start(rpc, &a->receipts, "eth_getBlockReceipts", params, fault));
	if (e->node.traces == DP_EVM_TRACES_PARITY)
		DP_TRY(dp_rpc_start(rpc, &a->calls, "trace_block", params, fault));
	(void)snprintf(params, sizeof params, "[\"%s\",{\"tracer\":\"callTracer\"}]", quantity);
	if (e->node.traces == DP_EVM_TRACES_CALLS)
		DP_TRY(dp_rpc_start(rpc, &a->calls, "debug_traceBlockByNumber", params, fault));
	return DP_OK;
}

static uint64_t last_wanted(const evm_rpc *e)
{
	return e->node.tip < e->height_max ? e->node.tip : e->height_max;
}

// Keeps the window full, in groups that make good batches.
static dp_code ask_ahead(evm_rpc *e, dp_fault *fault)
{
	uint64_t fits = e->memory_max / 4 / BYTES_HELD / e->size_mean,
	         group = GROUP_BYTES / e->size_mean;
	if (fits > WINDOW_MAX) fits = WINDOW_MAX;
	if (fits < 1) fits = 1;
	if (group > CALLS_A_BATCH / 3) group = CALLS_A_BATCH / 3;
	if (group > fits / 2) group = fits / 2;
	if (group < 1) group = 1;
	uint64_t end = e->next + fits;
	if (end > last_wanted(e) + 1) end = last_wanted(e) + 1;
	// A few at a time would make small batches; what is nearest is always asked.
	if (e->asked_end > e->next && end - e->asked_end < group && end <= last_wanted(e))
		return DP_OK;
	while (e->asked_end < end) {
		uint64_t stop = e->asked_end + group < end ? e->asked_end + group : end;
		for (; e->asked_end < stop; e->asked_end++) DP_TRY(ask_one(e, e->asked_end, fault));
		DP_TRY(dp_rpc_flush(e->node.rpc, fault));
	}
	return DP_OK;
}

static void forget_window(evm_rpc *e)
{
	for (uint64_t h = e->next; h < e->asked_end; h++) {
		asked *a = &e->window[h % WINDOW_MAX];
		if (a->block != 0) dp_rpc_drop(e->node.rpc, a->block);
		if (a->receipts != 0) dp_rpc_drop(e->node.rpc, a->receipts);
		if (a->calls != 0) dp_rpc_drop(e->node.rpc, a->calls);
		*a = (asked){0};
	}
	e->asked_end = e->next;
	e->is_hasty = false;
}

static void release(evm_rpc *e, answers *a)
{
	if (a->has_block) dp_rpc_answer_done(&a->block);
	if (a->has_receipts) dp_rpc_answer_done(&a->receipts);
	if (a->has_calls) dp_rpc_answer_done(&a->calls);
	for (uint32_t i = 0; i < e->single_count; i++) dp_rpc_answer_done(&e->single[i]);
	e->single_count = 0;
	*a = (answers){0};
}

static dp_code take(evm_rpc *e, uint64_t *io_ticket, dp_rpc_answer *ret_answer, bool *ret_has,
                    dp_fault *fault)
{
	if (*io_ticket == 0) return DP_OK;
	uint64_t ticket = *io_ticket;
	*io_ticket = 0;
	DP_TRY(dp_rpc_wait(e->node.rpc, ticket, ret_answer, fault));
	*ret_has = true;
	return DP_OK;
}

// The answers for the next height. A single receipt each where the node cannot give them together.
static dp_code wait_for(evm_rpc *e, answers *ret_answers, dp_fault *fault)
{
	asked *a = &e->window[e->next % WINDOW_MAX];
	DP_CHECK(e->asked_end > e->next && a->block != 0);
	DP_TRY(take(e, &a->block, &ret_answers->block, &ret_answers->has_block, fault));
	DP_TRY(take(e, &a->receipts, &ret_answers->receipts, &ret_answers->has_receipts, fault));
	DP_TRY(take(e, &a->calls, &ret_answers->calls, &ret_answers->has_calls, fault));
	uint64_t size =
	    ret_answers->block.size + ret_answers->receipts.size + ret_answers->calls.size;
	e->size_mean = e->is_measured ? (7 * e->size_mean + size) / 8 + 1 : size + 1;
	e->is_measured = true;
	// One large block counts at once: the next ones may be as large.
	if (size > e->size_mean) e->size_mean = size;
	return DP_OK;
}

//- one block -------------------------------------------------------------------------------------

// Puts the node and the height before what was found wrong.
static dp_code place(const evm_rpc *e, dp_code code, dp_fault *fault)
{
	if (code != DP_BAD_BYTES || fault == NULL || fault->file[0] != 0) return code;
	dp_fault_file(fault, dp_rpc_name(e->node.rpc));
	return code;
}

static dp_code single_receipts(evm_rpc *e, dp_fault *fault)
{
	static const char *const method = "eth_getTransactionReceipt";
	uint32_t count = e->evm.tx_count;
	uint64_t *ticket = dp_alloc(((size_t)count + 1) * sizeof *ticket);
	if (ticket == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = dp_grow((void **)&e->single, &e->single_cap, sizeof *e->single, count,
	                       DP_BLOCK_TX_MAX, fault);
	for (uint32_t i = 0; i < count && code == DP_OK; i++) {
		char params[PARAMS_MAX] = "[\"0x";
		dp_hex_encode(params + 4, e->evm.tx[i].hash, 32);
		memcpy(params + 4 + 64, "\"]", 3);
		code = dp_rpc_start(e->node.rpc, &ticket[i], method, params, fault);
	}
	for (uint32_t i = 0; i < count && code == DP_OK; i++) {
		code = dp_rpc_wait(e->node.rpc, ticket[i], &e->single[i], fault);
		if (code != DP_OK) break;
		e->single_count++;
		if (e->single[i].result == NULL)
			code = dp_rpc_fail(e->node.rpc, &e->single[i], method, fault);
		e->receipt[i] = e->single[i].result;
	}
	dp_free(ticket);
	return code;
}

// What a block's hashes do not prove is taken at the node's word. The first time is worth a line:
// on these chains it may be all blocks, or the one that somebody has changed on the way.
static void note_doubt(evm_rpc *e, const dp_evm_proof *proof)
{
	e->base.gaps |= DP_GAP_UNPROVEN;
	if (e->is_doubt_told) return;
	e->is_doubt_told = true;
	dp_evm_node_notice(&e->node, "%.120s: not proven, taken at its word from here on: %.330s",
	                   dp_rpc_name(e->node.rpc), proof->doubt);
}

// Room for the current block's receipts in receipt[].
static dp_code make_room(evm_rpc *e, dp_fault *fault)
{
	return dp_grow((void **)&e->receipt, &e->receipt_cap, sizeof *e->receipt, e->evm.tx_count,
	               DP_BLOCK_TX_MAX, fault);
}

// The receipts out of the one answer into receipt[]: how many there are of those wanted; *ret_more:
// there are others.
static uint32_t gather_receipts(evm_rpc *e, const answers *a, bool *ret_more)
{
	uint32_t found = 0;
	const dp_json *r = dp_json_first(a->receipts.result);
	for (; r != NULL && found < e->evm.tx_count; r = dp_json_next(r)) e->receipt[found++] = r;
	*ret_more = r != NULL;
	return found;
}

static bool has_receipt_list(const answers *a)
{
	return a->has_receipts && a->receipts.result != NULL &&
	       dp_json_is_array(a->receipts.result);
}

// Gathers the receipts, from the one answer or one by one, proves and decodes them.
static dp_code read_receipts(evm_rpc *e, const answers *a, dp_fault *fault)
{
	uint32_t count = e->evm.tx_count;
	bool proven = true, more;
	if (count == 0) return DP_OK;
	DP_TRY(make_room(e, fault));
	if (has_receipt_list(a)) {
		if (gather_receipts(e, a, &more) != count || more)
			return dp_fail(fault, DP_BAD_BYTES,
			               "block %" PRIu64 ": has %u transactions and %s receipts",
			               e->evm.height, count, more ? "more" : "fewer");
	} else {
		DP_TRY(single_receipts(e, fault));
	}
	DP_TRY(
	    dp_evm_proof_receipts(&e->proof, &proven, a->block.result, e->receipt, count, fault));
	if (!proven) note_doubt(e, &e->proof);
	return dp_evm_json_receipts(&e->evm, e->receipt, count, fault);
}

// The calls of the current block once more. It is a question of its own: what made the batch fail
// (its size, one of many nodes behind an address) need not hold for it.
static dp_code ask_calls_again(evm_rpc *e, answers *a, dp_fault *fault)
{
	char quantity[DP_EVM_QUANTITY_MAX], params[PARAMS_MAX];
	bool calls = e->node.traces == DP_EVM_TRACES_CALLS, good;
	dp_evm_verdict verdict;
	dp_evm_quantity(quantity, e->evm.height);
	(void)snprintf(params, sizeof params,
	               calls ? "[\"%s\",{\"tracer\":\"callTracer\"}]" : "[\"%s\"]", quantity);
	DP_TRY(dp_evm_node_wait(&e->node, WAIT_FIRST_MS, fault));
	dp_rpc_answer_done(&a->calls);
	a->has_calls = false;
	DP_TRY(dp_evm_node_ask(&e->node, &a->calls, &verdict, &good, DP_EVM_LIST,
	                       calls ? "debug_traceBlockByNumber" : "trace_block", params, fault));
	a->has_calls = true;
	return DP_OK;
}

// Very large blocks are beyond what some nodes will trace; the run goes on, and says so.
static void take_untraced(evm_rpc *e, const answers *a)
{
	e->base.gaps |= DP_GAP_TRACES;
	if (e->untraced_count++ > 0) return;
	e->untraced_first = e->evm.height;
	e->untraced_told = 1;
	dp_evm_node_notice(&e->node,
	                   "%.120s gives no traces of block %" PRIu64 " (%s): taken without",
	                   dp_rpc_name(e->node.rpc), e->evm.height,
	                   a->calls.result == NULL ? a->calls.error : "its answer is no list");
}

static void tell_untraced(evm_rpc *e)
{
	if (e->untraced_count <= e->untraced_told) return;
	e->untraced_told = e->untraced_count;
	dp_evm_node_notice(&e->node,
	                   "%.120s gave no traces of %" PRIu64 " blocks, the first is %" PRIu64
	                   ": what contracts paid in them is not seen",
	                   dp_rpc_name(e->node.rpc), e->untraced_count, e->untraced_first);
}

static dp_code read_calls(evm_rpc *e, answers *a, dp_fault *fault)
{
	if (!a->has_calls || e->evm.tx_count == 0) return DP_OK;
	const dp_rpc_answer *calls = &a->calls;
	bool is_unclear = calls->result != NULL ||
	                  dp_evm_node_verdict(calls->error_code, calls->error) == DP_EVM_UNCLEAR;
	if (!dp_json_is_array(calls->result) && is_unclear) DP_TRY(ask_calls_again(e, a, fault));
	if (!dp_json_is_array(calls->result)) {
		take_untraced(e, a);
		return DP_OK;
	}
	return e->node.traces == DP_EVM_TRACES_CALLS
	           ? dp_evm_json_calls(&e->evm, calls->result, fault)
	           : dp_evm_json_parity(&e->evm, calls->result, fault);
}

// Proof of work paid the miners of the block and of its uncles, whose headers are asked for.
static dp_code read_rewards(evm_rpc *e, const answers *a, dp_fault *fault)
{
	enum { UNCLES_MAX = 2 }; // of Ethereum's rules
	static const char *const method = "eth_getUncleByBlockNumberAndIndex";
	uint8_t miner[UNCLES_MAX][20];
	uint64_t height[UNCLES_MAX];
	uint32_t count = dp_evm_json_uncle_count(a->block.result);
	if (!dp_evm_json_pays_reward(a->block.result)) return DP_OK;
	if (count > UNCLES_MAX)
		return dp_fail(fault, DP_BAD_BYTES, "block %" PRIu64 ": has %u uncles",
		               e->evm.height, count);
	for (uint32_t i = 0; i < count; i++) {
		char quantity[DP_EVM_QUANTITY_MAX], params[PARAMS_MAX];
		dp_rpc_answer uncle;
		dp_evm_quantity(quantity, e->evm.height);
		(void)snprintf(params, sizeof params, "[\"%s\",\"0x%x\"]", quantity, i);
		DP_TRY(dp_rpc_call(e->node.rpc, &uncle, method, params, fault));
		dp_code code = uncle.result == NULL
		                   ? dp_rpc_fail(e->node.rpc, &uncle, method, fault)
		                   : dp_evm_json_uncle(miner[i], &height[i], uncle.result, fault);
		dp_rpc_answer_done(&uncle);
		if (code != DP_OK) return code;
	}
	return dp_evm_add_rewards(&e->evm, (const uint8_t(*)[20])miner, height, count, fault);
}

//- a large block, by two threads -----------------------------------------------------------------

// At the tip nothing is decoded ahead, and proving a busy block takes longer than all the rest of
// reading it. Its receipts and its transactions are proven apart from one another.
enum { LARGE_TXS = 64 };

typedef struct proving {
	evm_rpc *e;
	const dp_json *block;
	bool receipts_proven, block_proven;
	dp_code receipts_code, block_code, decoded_code;
	dp_fault receipts_fault, block_fault, decoded_fault;
} proving;

static void prove_piece(void *context, uint64_t piece)
{
	proving *p = context;
	evm_rpc *e = p->e;
	uint32_t count = e->evm.tx_count;
	if (piece == 0) {
		p->receipts_code =
		    dp_evm_proof_receipts(&e->receipt_proof, &p->receipts_proven, p->block,
		                          e->receipt, count, &p->receipts_fault);
		return;
	}
	p->block_code = dp_evm_proof_block(&e->proof, &p->block_proven, p->block, &p->block_fault);
	if (p->block_code == DP_OK)
		p->decoded_code =
		    dp_evm_json_receipts(&e->evm, e->receipt, count, &p->decoded_fault);
}

// What is wrong is told in the order in which one thread would have found it.
static dp_code prove_large(evm_rpc *e, const answers *a, dp_fault *fault)
{
	proving p = {.e = e, .block = a->block.result};
	e->receipt_proof.is_strict = e->proof.is_strict;
	dp_team_run(2, 2, prove_piece, &p);
	dp_code code = p.block_code;
	const dp_fault *why = &p.block_fault;
	if (code == DP_OK) {
		if (!p.block_proven) note_doubt(e, &e->proof);
		code = p.receipts_code;
		why = &p.receipts_fault;
	}
	if (code == DP_OK) {
		if (!p.receipts_proven) note_doubt(e, &e->receipt_proof);
		code = p.decoded_code;
		why = &p.decoded_fault;
	}
	if (code != DP_OK && fault != NULL) *fault = *why;
	return code;
}

static dp_code is_large(evm_rpc *e, const answers *a, bool *ret_large, dp_fault *fault)
{
	bool more = false;
	*ret_large = false;
	if (e->evm.tx_count < LARGE_TXS || !has_receipt_list(a)) return DP_OK;
	DP_TRY(make_room(e, fault));
	*ret_large = gather_receipts(e, a, &more) == e->evm.tx_count && !more;
	return DP_OK;
}

static dp_code decode(evm_rpc *e, answers *a, const dp_block **ret_block, dp_fault *fault)
{
	bool proven, large = false;
	dp_fault first = {0};
	dp_code code = dp_evm_json_block(&e->evm, e->base.chain, e->next, a->block.result, &first);
	if (code == DP_OK) DP_TRY(is_large(e, a, &large, fault));
	if (large) {
		DP_TRY(prove_large(e, a, fault));
	} else {
		DP_TRY(dp_evm_proof_block(&e->proof, &proven, a->block.result, fault));
		if (!proven) note_doubt(e, &e->proof);
		if (code != DP_OK && fault != NULL) *fault = first;
		DP_TRY(code);
		DP_TRY(read_receipts(e, a, fault));
	}
	DP_TRY(read_rewards(e, a, fault)); // before the calls: trace_block states rewards, too
	DP_TRY(read_calls(e, a, fault));
	return dp_evm_build(&e->builder, ret_block, &e->base.gaps, &e->evm, fault);
}

//- following the chain ---------------------------------------------------------------------------

static void keep(evm_rpc *e, const dp_block *b)
{
	memcpy(e->kept[b->height % KEPT], b->hash, 32);
	if (e->kept_end == e->kept_first) e->kept_first = b->height;
	e->kept_end = b->height + 1;
	if (e->kept_end - e->kept_first > KEPT) e->kept_first = e->kept_end - KEPT;
}

static bool follows(const evm_rpc *e, const dp_evm_block *b)
{
	if (e->kept_end == e->kept_first) return true;
	DP_CHECK(e->kept_end == e->next);
	return memcmp(b->prev, e->kept[(e->next - 1) % KEPT], 32) == 0;
}

// Looks for the newest block given that still stands, and goes on above it.
static dp_code step_back(evm_rpc *e, dp_fault *fault)
{
	forget_window(e);
	while (e->kept_end > e->kept_first) {
		uint8_t hash[32];
		bool known;
		uint64_t height = e->kept_end - 1;
		DP_TRY(dp_evm_node_hash(&e->node, &known, hash, height, fault));
		if (known && memcmp(hash, e->kept[height % KEPT], 32) == 0) break;
		e->kept_end--;
		e->base.stats.blocks_stale++;
	}
	if (e->kept_end == e->kept_first)
		return dp_fail(fault, DP_BAD_BYTES,
		               "block %" PRIu64 ": the chain of %s reorganised by more blocks than "
		               "are remembered: trace into a new casebook ('dyepack follow' finds "
		               "by itself where to go on)",
		               e->next, dp_rpc_name(e->node.rpc));
	e->next = e->asked_end = e->kept_end;
	dp_seen_undo(&e->waiting.seen, e->next);
	return dp_evm_node_ask_tip(&e->node, fault);
}

// Did the chain change at the next height since its block was answered?
static dp_code has_changed(evm_rpc *e, const answers *a, bool *ret_changed, dp_fault *fault)
{
	uint8_t was[32], is[32];
	bool known;
	DP_TRY(dp_evm_node_hash(&e->node, &known, is, e->next, fault));
	bool had = a->block.result != NULL && dp_json_is_object(a->block.result) &&
	           dp_evm_json_bytes(was, 32, dp_json_get(a->block.result, "hash"));
	*ret_changed = !known || !had || memcmp(was, is, 32) != 0;
	return DP_OK;
}

typedef enum outcome { GIVEN, AGAIN, STEPPED_BACK } outcome;

// Is there anything missing in answers that were asked for in haste? Their parts may have been
// answered before and after the block came; an error then says nothing about the node.
static bool is_half(const evm_rpc *e, const answers *a)
{
	if (!dp_json_is_object(a->block.result)) return true;
	return (a->has_receipts && e->node.has_block_receipts &&
	        !dp_json_is_array(a->receipts.result)) ||
	       (a->has_calls && !dp_json_is_array(a->calls.result));
}

// The block at the next height, or why not yet: the node has not got it although it named it, or
// the chain changed while its parts were answered.
static dp_code try_block(evm_rpc *e, outcome *ret_outcome, const dp_block **ret_block,
                         dp_fault *fault)
{
	answers a = {0};
	DP_TRY(ask_ahead(e, fault));
	dp_code code = wait_for(e, &a, fault);
	if (code == DP_OK && e->is_hasty && is_half(e, &a)) {
		release(e, &a);
		forget_window(e);
		DP_TRY(ask_ahead(e, fault));
		code = wait_for(e, &a, fault);
	}
	bool is_hasty = e->is_hasty;
	e->is_hasty = false;
	if (code == DP_OK && a.block.result == NULL)
		code = dp_rpc_fail(e->node.rpc, &a.block, "eth_getBlockByNumber", fault);
	*ret_outcome = AGAIN;
	if (code == DP_OK && dp_json_is_object(a.block.result)) {
		dp_fault first = {0};
		code = decode(e, &a, ret_block, &first);
		*ret_outcome = GIVEN;
		if (code == DP_BAD_BYTES) {
			bool changed = is_hasty;
			code = is_hasty ? DP_OK : has_changed(e, &a, &changed, fault);
			if (code == DP_OK && changed)
				*ret_outcome = AGAIN;
			else if (code == DP_OK)
				code = DP_BAD_BYTES;
		}
		if (code != DP_OK && fault != NULL && first.code == code) *fault = first;
	}
	release(e, &a);
	if (code != DP_OK) return code;
	if (*ret_outcome == GIVEN && !follows(e, &e->evm)) {
		*ret_outcome = STEPPED_BACK;
		return step_back(e, fault);
	}
	return DP_OK;
}

// Does what was given still stand, on a node whose chain is shorter? It may only be behind (there
// may be many nodes behind one address): its newest block tells.
static dp_code is_behind(evm_rpc *e, bool *ret_behind, dp_fault *fault)
{
	uint8_t hash[32];
	uint64_t height = e->node.head;
	bool known;
	*ret_behind = true;
	if (height + 1 >= e->kept_end || height < e->kept_first) return DP_OK;
	DP_TRY(dp_evm_node_hash(&e->node, &known, hash, height, fault));
	*ret_behind = !known || memcmp(hash, e->kept[height % KEPT], 32) == 0;
	return DP_OK;
}

// Has the chain grown since its end was reached, or changed? The next block is asked for along with
// the question; with confirmations to wait for it would be there long before it is wanted.
static dp_code look_for_more(evm_rpc *e, bool *ret_changed, dp_fault *fault)
{
	DP_CHECK(e->asked_end == e->next && e->next <= e->height_max);
	dp_evm_below below;
	bool has_kept = e->kept_end > e->kept_first && e->kept_end == e->next;
	*ret_changed = false;
	if (e->node.confirmations <= 1) {
		e->asked_end++;
		e->is_hasty = true;
		DP_TRY(ask_one(e, e->next, fault));
	}
	DP_TRY(dp_evm_node_look(&e->node, &below, e->next,
	                        has_kept ? e->kept[(e->next - 1) % KEPT] : NULL, fault));
	bool has_more = e->next <= last_wanted(e), behind = true;
	if (!has_more) forget_window(e);
	if (below == DP_EVM_BELOW_UNKNOWN && has_kept && !has_more)
		DP_TRY(is_behind(e, &behind, fault));
	*ret_changed = below == DP_EVM_BELOW_OTHER || !behind;
	return *ret_changed ? step_back(e, fault) : DP_OK;
}

static dp_code give(evm_rpc *e, const dp_block **ret_block, dp_fault *fault)
{
	uint32_t tries = 0, wait_ms = WAIT_FIRST_MS;
	for (;;) {
		outcome came = STEPPED_BACK;
		bool changed = false;
		if (e->next > last_wanted(e) && e->next <= e->height_max)
			DP_TRY(look_for_more(e, &changed, fault));
		if (e->next > last_wanted(e)) return DP_END;
		if (!changed) DP_TRY(try_block(e, &came, ret_block, fault));
		if (came == GIVEN) break;
		if (came == STEPPED_BACK && ++tries < TRIES_MAX) continue;
		forget_window(e);
		if (++tries >= TRIES_MAX)
			return dp_fail(fault, DP_IO,
			               "%s names block %" PRIu64 " and does not give it, or gives "
			               "another one each time: try again later",
			               dp_rpc_name(e->node.rpc), e->next);
		DP_TRY(dp_evm_node_wait(&e->node, wait_ms, fault));
		wait_ms *= 2;
	}
	keep(e, *ret_block);
	dp_seen_block(&e->waiting.seen, *ret_block);
	e->given_height = e->next++;
	e->given_time = (*ret_block)->time;
	return DP_OK;
}

static void note_stats(evm_rpc *e)
{
	dp_http_stats s = dp_rpc_stats(e->node.rpc);
	e->base.stats.bytes_read = s.bytes_in;
	e->base.stats.requests = s.requests;
	e->base.stats.retries = s.retries;
	e->base.stats.height_last = last_wanted(e);
}

static dp_code evm_next(dp_source *s, const dp_block **ret_block, dp_fault *fault)
{
	evm_rpc *e = (evm_rpc *)(void *)s;
	DP_CHECK(ret_block != NULL && !e->is_ended_by_fault);
	dp_code code = place(e, give(e, ret_block, fault), fault);
	e->is_ended_by_fault = code != DP_OK && code != DP_END;
	if (code == DP_END) tell_untraced(e);
	note_stats(e);
	return code;
}

//- answering -------------------------------------------------------------------------------------

static dp_code evm_opening(dp_source *s, bool *ret_known, dp_u256 *ret_amount, const dp_addr *addr,
                           dp_asset asset, uint64_t height, dp_fault *fault)
{
	evm_rpc *e = (evm_rpc *)(void *)s;
	DP_CHECK(ret_known != NULL && ret_amount != NULL && addr != NULL);
	return dp_evm_node_balance(&e->node, ret_known, ret_amount, addr, asset, height, fault);
}

static dp_code evm_hash_at(dp_source *s, bool *ret_known, uint8_t ret_hash[32], uint64_t height,
                           dp_fault *fault)
{
	evm_rpc *e = (evm_rpc *)(void *)s;
	DP_CHECK(ret_known != NULL && ret_hash != NULL);
	// A block that still has to be confirmed is none yet.
	if (e->node.confirmations > 1 && height > e->node.tip)
		DP_TRY(dp_evm_node_ask_tip(&e->node, fault));
	if (e->node.confirmations > 1 && height > e->node.tip) {
		*ret_known = false;
		return DP_OK;
	}
	return dp_evm_node_hash(&e->node, ret_known, ret_hash, height, fault);
}

static dp_code evm_pending(dp_source *s, const dp_block **ret_block, dp_fault *fault)
{
	evm_rpc *e = (evm_rpc *)(void *)s;
	DP_CHECK(ret_block != NULL);
	dp_code code = dp_pending_evm_next(&e->waiting, ret_block, s->has_heads, e->given_height,
	                                   e->given_time, fault);
	note_stats(e);
	return code;
}

static void evm_offer(dp_source *s, const uint8_t *bytes, size_t size)
{
	evm_rpc *e = (evm_rpc *)(void *)s;
	DP_CHECK(bytes != NULL || size == 0);
	dp_pending_evm_offer(&e->waiting, bytes, size);
}

static dp_code evm_waiting(dp_source *s, dp_waiting *ret_waiting, const uint8_t tx[32],
                           dp_fault *fault)
{
	evm_rpc *e = (evm_rpc *)(void *)s;
	DP_CHECK(ret_waiting != NULL && tx != NULL);
	return dp_pending_evm_waiting(&e->waiting, ret_waiting, tx, e->next, fault);
}

static dp_code evm_ask_contract(dp_source *s, bool *ret_known, uint8_t ret_word[32],
                                const uint8_t to[20], const uint8_t *data, size_t size,
                                dp_fault *fault)
{
	evm_rpc *e = (evm_rpc *)(void *)s;
	DP_CHECK(ret_known != NULL && ret_word != NULL);
	return dp_evm_node_ask_contract(&e->node, ret_known, ret_word, to, data, size, fault);
}

static dp_code evm_seek(dp_source *s, uint64_t height, dp_fault *fault)
{
	evm_rpc *e = (evm_rpc *)(void *)s;
	DP_CHECK(!e->is_ended_by_fault);
	forget_window(e);
	dp_seen_undo(&e->waiting.seen, height);
	e->next = e->asked_end = height;
	e->kept_first = e->kept_end = height;
	e->base.stats.height_first = height;
	// The block below is where the caller goes on: what follows must stand on it. Those below
	// that are what can be stepped back to when it soon does not.
	if (height == 0) return DP_OK;
	bool known;
	uint8_t hash[KEPT][32];
	uint32_t got = 0, count = height < KEPT ? (uint32_t)height : KEPT;
	DP_TRY(dp_evm_node_hash(&e->node, &known, hash[0], height - 1, fault));
	if (!known) return DP_OK;
	DP_TRY(dp_evm_node_hashes(&e->node, hash + 1, &got, height - 1, count - 1, fault));
	for (uint32_t i = 0; i < got + 1; i++)
		memcpy(e->kept[(height - 1 - i) % KEPT], hash[i], 32);
	e->kept_first = height - 1 - got;
	return DP_OK;
}

//- opening ---------------------------------------------------------------------------------------

static void evm_close(dp_source *s)
{
	evm_rpc *e = (evm_rpc *)(void *)s;
	DP_CHECK(e != NULL);
	dp_pending_evm_done(&e->waiting); // holds answers of the node
	dp_evm_node_close(&e->node);
	dp_evm_done(&e->evm);
	dp_builder_done(&e->builder);
	dp_evm_proof_done(&e->proof);
	dp_evm_proof_done(&e->receipt_proof);
	dp_free((void *)e->receipt);
	dp_free(e->single);
	dp_free(e);
}

// The tables of evm_proof.c hold every form of Ethereum and of its test chain; others have their
// own.
static bool knows_every_form(const dp_chain *chain)
{
	return strcmp(chain->name, "ethereum") == 0 || strcmp(chain->name, "sepolia") == 0;
}

static dp_code prepare(evm_rpc *e, const char *url, const dp_source_options *options,
                       dp_fault *fault)
{
	DP_TRY(dp_evm_node_open(&e->node, url, options, fault));
	// Where a casebook goes on, the theft need not be looked up again, and by now the node may
	// have forgotten it.
	const dp_source_begin *begin = &options->begin;
	uint64_t tip = e->node.tip;
	if (begin->has_followed)
		e->next = begin->followed < tip ? begin->followed + 1 : tip + 1;
	else
		DP_TRY(dp_evm_node_begin(&e->node, &e->next, begin, fault));
	DP_TRY(dp_evm_node_probe(&e->node, e->next < tip ? e->next : tip, fault));
	e->base.chain = e->node.chain;
	e->proof.is_strict = knows_every_form(e->node.chain);
	if (e->node.traces == DP_EVM_TRACES_NONE) e->base.gaps |= DP_GAP_TRACES;
	if (e->node.has_old_state) e->base.opening = evm_opening;
	e->asked_end = e->kept_first = e->kept_end = e->next;
	e->base.stats.height_first = e->next;
	note_stats(e);
	return DP_OK;
}

static dp_code evm_open(dp_source **ret_source, const char *const *paths, uint32_t path_count,
                        const dp_source_options *options, dp_fault *fault)
{
	DP_CHECK(ret_source != NULL && paths != NULL && path_count > 0 && options != NULL);
	if (path_count > 1)
		return dp_fail(fault, DP_BAD_CASE, "give one node: a chain is read from one place");
	evm_rpc *e = dp_alloc(sizeof *e);
	if (e == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	e->base.kind = &dp_source_evm_rpc;
	e->base.next = evm_next;
	e->base.close = evm_close;
	e->base.hash_at = evm_hash_at;
	e->base.seek = evm_seek;
	e->base.pending = evm_pending;
	e->base.offer = evm_offer;
	e->base.waiting = evm_waiting;
	e->base.ask_contract = evm_ask_contract;
	e->base.heads_url = ""; // no node says where else it listens
	e->waiting.node = &e->node;
	// Without the kernel's help the table still works, only a patient enemy could slow it.
	if (getrandom(&e->waiting.seen.seed, sizeof e->waiting.seen.seed, 0) < 0)
		e->waiting.seen.seed = 0x6479657061636b32;
	e->memory_max = options->memory_max == 0 ? DP_EVM_MEMORY_DEFAULT : options->memory_max;
	e->height_max = options->has_height_max ? options->height_max : UINT64_MAX - 1;
	e->size_mean = SIZE_GUESS;
	dp_code code = place(e, prepare(e, paths[0], options, fault), fault);
	if (code != DP_OK) {
		evm_close(&e->base);
		return code;
	}
	*ret_source = &e->base;
	return DP_OK;
}

//- the row ---------------------------------------------------------------------------------------

// Only the port can be looked at: 8545 is the custom of every EVM node.
static int evm_recognise(const char *path, const uint8_t *head, size_t head_size, bool is_folder)
{
	(void)head;
	(void)head_size;
	(void)is_folder;
	DP_CHECK(path != NULL);
	return dp_url_is(path) && strstr(path, ":8545") != NULL ? 50 : 0;
}

const dp_source_kind dp_source_evm_rpc = {
    .name = "evm-rpc",
    .summary = "Ethereum and every EVM chain from a node: geth, reth, erigon, nethermind, anvil, "
               "hosted",
    .looks_like = "http://127.0.0.1:8545, https://host/key",
    .gives = "blocks proven by their hashes; receipts; transfers by contracts where the node has "
             "debug_traceBlockByNumber or trace_block; opening balances where it keeps old state; "
             "transactions that wait for a block",
    .can = DP_CAN_TRACES | DP_CAN_OPENINGS | DP_CAN_BEGIN | DP_CAN_REORGANISE | DP_CAN_MEMPOOL |
           DP_CAN_HEADS,
    .takes_urls = true,
    .url_kind = DP_CHAIN_ACCOUNT,
    .recognise = evm_recognise,
    .open = evm_open,
};
