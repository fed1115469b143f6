// Blocks from a Bitcoin node over JSON-RPC: Bitcoin Core, btcd, and what descends from them.
//
//   heights --> hashes (batches of getblockhash) --> a window of getblock in flight --> one block
//                                                                                           |
//        what it proves of itself, its height, its parent <-- decode <-- its bytes <--------+
//        what its inputs are worth <-- prevouts, or coins seen before, or getrawtransaction
//
// A block is asked for in one of three ways, the best that the node knows; which one is found out
// by asking, because version numbers of the many programs say little:
//
//   verbosity 3      everything in one answer, with what every input spends (Core 23 and later);
//                    memory then stays flat: of the coins made in this run only the newest are
//                    remembered, and what the node says of them is held against them
//   verbosity 0      the raw block; values come from the outputs seen in this run, then from the
//                    node's transaction index
//   verbose false    the same, as nodes say it that know no numbers there (Dogecoin)
//
// The window (`in_flight` blocks, one at the beginning) shrinks when answers are large, so that
// what is on its way and what is being read fit into a quarter of `memory_max`.
//
// The chain can reorganise while it is read. Each block must name the one given before as its
// parent; where it does not, the newest block given that still stands is looked for, and reading
// goes on above it. The hashes of the last 128 blocks are kept for that. At the tip one request
// asks for all at once: how high the chain is, whether the newest block given still stands, and the
// hash of the next; a new block then costs one more.
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/bitcoin.h"
#include "source/bitcoin_json.h"
#include "source/bitcoin_node.h"
#include "source/bitcoin_zmq.h"
#include "source/pending_bitcoin.h"
#include "source/settle.h"
#include "source/source_kinds.h"

enum {
	GIVEN_MAX = 128,  // hashes kept: as deep as a casebook can undo
	HASHES_MAX = 100, // asked at a time
	WINDOW_MAX = 64,  // blocks in flight
	WINDOW_DEFAULT = 8,
	RESTLESS_MAX = 16, // steps back without a block between them
	ANSWER_COPIES = 8, // an answer as text, checked copy and tree, against its size
	// Of the node. Core: src/rpc/protocol.h; the rest is JSON-RPC 2.0, section 5.1.
	ERROR_NO_SUCH = -5, // no such block
	ERROR_MISC = -1,    // an argument of another type, among other things
	ERROR_TYPE = -3,
	ERROR_PARAMETER = -8,
	ERROR_NO_METHOD = -32601,
	ERROR_ARGUMENTS = -32602,
	FAULT_TEXT_KEPT = 320, // behind the height
	COMPARED_PART = 16,    // of the memory allowed: coins that are only compared
	BLOCK_TRIES_MAX = 5,   // of a block that the node has trouble with
};
#define MEMORY_DEFAULT (UINT64_C(4) << 30)
#define ANSWER_LEAST (UINT64_C(64) << 20) // a block of 4,000,000 bytes at verbosity 3 and to spare
#define ANSWER_MOST (UINT64_C(512) << 20)
#define COMPARED_MOST (UINT64_C(256) << 20)

typedef enum form { FORM_PREVOUTS, FORM_RAW, FORM_RAW_OLD, FORM_COUNT } form;

// A block that was asked for.
typedef struct slot {
	uint64_t height, ticket;
	uint8_t hash[32];
	form form;
	uint32_t tries; // that ended with an error
} slot;

typedef struct bitcoin_rpc {
	dp_source base; // first: see struct dp_source
	dp_bitcoin_node node;
	dp_bitcoin_answer answer;
	dp_settler settler;
	dp_bitcoin_decoder decoder;
	dp_block_builder builder;
	dp_bitcoin_info info;
	dp_spent_coin *coin; // of the inputs that are asked for
	uint64_t coin_cap;
	uint64_t coins_most, compared_most; // bytes for coins; for those that are only compared
	bool is_comparing;                  // values come from prevouts
	form form;
	bool is_form_settled;         // an answer in this form has been good
	bool must_seek;               // the caller goes on from a casebook, and has not said where
	uint64_t height_next;         // of the block to give next
	uint64_t height_ask;          // of the block to ask for next
	uint64_t height_last;         // that is wanted
	uint8_t hash[HASHES_MAX][32]; // of the heights that are not asked for yet
	uint32_t hash_at, hash_count;
	slot slot[WINDOW_MAX]; // a ring; slot i is for height_next + i
	uint32_t slot_at, slot_count, window, window_most;
	uint64_t answer_size, answers_bytes; // of the last block; that all may take
	uint8_t given[GIVEN_MAX][32];        // of height h at h % GIVEN_MAX
	uint32_t given_count;
	uint32_t restless; // steps back since the last block
	bool is_ended_by_fault;
	dp_pending_bitcoin waiting;
	uint64_t given_height; // of the block given last, and its time
	int64_t given_time;
	char heads_url[DP_BITCOIN_ZMQ_MAX];
} bitcoin_rpc;

//- faults ----------------------------------------------------------------------------------------

// Puts the height before what was found wrong in a block.
static dp_code place_fault(uint64_t height, dp_fault *fault, dp_code code)
{
	DP_CHECK(code != DP_OK && code != DP_END);
	if (fault == NULL || code == DP_NO_MEMORY) return code;
	char text[DP_FAULT_TEXT_MAX];
	memcpy(text, fault->text, sizeof text);
	int n = snprintf(fault->text, sizeof fault->text, "block %llu: %.*s",
	                 (unsigned long long)height, FAULT_TEXT_KEPT, text);
	DP_CHECK(n > 0);
	fault->has_offset = 0; // of bytes that nobody but us has seen in a row
	fault->offset = 0;
	return code;
}

static void count_traffic(bitcoin_rpc *b)
{
	dp_http_stats s = dp_rpc_stats(b->node.rpc);
	b->base.stats.bytes_read = s.bytes_in;
	b->base.stats.requests = s.requests;
	b->base.stats.retries = s.retries;
	b->base.stats.values_unknown = b->settler.values_unknown;
	b->base.stats.height_last = b->node.tip < b->height_last ? b->node.tip : b->height_last;
}

//- the window ------------------------------------------------------------------------------------

static void drop_window(bitcoin_rpc *b)
{
	DP_CHECK(b->slot_count <= WINDOW_MAX);
	for (; b->slot_count > 0; b->slot_count--) {
		dp_rpc_drop(b->node.rpc, b->slot[b->slot_at].ticket);
		b->slot_at = (b->slot_at + 1) % WINDOW_MAX;
	}
	b->hash_count = 0;
	b->height_ask = b->height_next;
}

static dp_code ask_block(bitcoin_rpc *b, slot *s, dp_fault *fault)
{
	static const char *const ways[FORM_COUNT] = {"3", "0", "false"};
	char params[DP_BITCOIN_HASH_TEXT + 16], text[DP_BITCOIN_HASH_TEXT];
	DP_CHECK(b->form < FORM_COUNT);
	dp_bitcoin_hash_text(text, s->hash);
	s->form = b->form;
	(void)snprintf(params, sizeof params, "[\"%s\",%s]", text, ways[s->form]);
	DP_TRY(dp_rpc_start(b->node.rpc, &s->ticket, "getblock", params, fault));
	// Not in a batch: one large answer would keep the others waiting.
	return dp_rpc_flush(b->node.rpc, fault);
}

// Asks for blocks until the window is full or there are no more. *ret_short: the node had fewer
// blocks than it said.
static dp_code fill_window(bitcoin_rpc *b, bool *ret_short, dp_fault *fault)
{
	uint64_t last = b->node.tip < b->height_last ? b->node.tip : b->height_last;
	*ret_short = false;
	while (b->slot_count < b->window) {
		uint64_t height = b->height_ask;
		if (height > last) return DP_OK;
		if (b->hash_count == 0) {
			uint64_t n = last - height + 1;
			b->hash_at = 0;
			DP_TRY(dp_bitcoin_node_hashes(&b->node, b->hash, &b->hash_count, height,
			                              n < HASHES_MAX ? (uint32_t)n : HASHES_MAX,
			                              fault));
			if (b->hash_count == 0) {
				*ret_short = true;
				return DP_OK;
			}
		}
		slot *s = &b->slot[(b->slot_at + b->slot_count) % WINDOW_MAX];
		*s = (slot){.height = height};
		memcpy(s->hash, b->hash[b->hash_at++], 32);
		b->hash_count--;
		DP_TRY(ask_block(b, s, fault));
		b->slot_count++;
		b->height_ask++;
	}
	return DP_OK;
}

// How many blocks may be on their way, after one was good.
static void size_window(bitcoin_rpc *b, uint64_t answer_size)
{
	b->answer_size = answer_size > 0 ? answer_size : 1;
	uint64_t fit = b->answers_bytes / b->answer_size;
	fit = fit > ANSWER_COPIES ? fit - ANSWER_COPIES : 1;
	uint64_t window = (uint64_t)b->window * 2;
	if (window > fit) window = fit;
	if (window > b->window_most) window = b->window_most;
	b->window = (uint32_t)window;
	DP_CHECK(b->window >= 1 && b->window <= WINDOW_MAX);
}

//- reorganisations -------------------------------------------------------------------------------

static const uint8_t *given_hash(const bitcoin_rpc *b, uint64_t height)
{
	DP_CHECK(height < b->height_next && b->height_next - height <= b->given_count);
	return b->given[height % GIVEN_MAX];
}

// Finds the newest block given that still stands, and goes on above it.
static dp_code step_back(bitcoin_rpc *b, dp_fault *fault)
{
	uint8_t hash[1][32];
	uint32_t got, depth = 0;
	drop_window(b);
	if (++b->restless > RESTLESS_MAX)
		return dp_fail(fault, DP_IO,
		               "the node gives one chain and then another at block %llu: several "
		               "nodes behind one address? try again later",
		               (unsigned long long)b->height_next);
	for (; depth < b->given_count; depth++) {
		uint64_t height = b->height_next - 1 - depth;
		DP_TRY(dp_bitcoin_node_hashes(&b->node, hash, &got, height, 1, fault));
		if (got == 1 && memcmp(hash[0], given_hash(b, height), 32) == 0) break;
	}
	if (b->given_count > 0 && depth == b->given_count)
		return dp_fail(fault, DP_BAD_BYTES,
		               "the chain reorganised below block %llu, %s: trace into a new "
		               "casebook ('dyepack follow' finds by itself where to go on)",
		               (unsigned long long)(b->height_next - depth),
		               depth == GIVEN_MAX ? "deeper than the 128 blocks that are remembered"
		                                  : "with which this run began");
	if (depth > 0) dp_settle_forget(&b->settler);
	b->height_next -= depth;
	b->height_ask = b->height_next;
	b->given_count -= depth;
	dp_seen_undo(&b->waiting.seen, b->height_next);
	return dp_bitcoin_node_tip(&b->node, fault);
}

//- one block -------------------------------------------------------------------------------------

typedef enum remedy { REMEDY_NONE, REMEDY_STEP_BACK, REMEDY_OTHER_FORM, REMEDY_WAIT } remedy;

// Is the error about what was asked, not about the block? Nodes that do not know a number there
// say so with one of several codes. Core's -1 is also for blocks that it has not got.
static bool is_about_arguments(const dp_rpc_answer *a)
{
	static const int64_t codes[] = {ERROR_MISC, ERROR_TYPE, ERROR_PARAMETER, ERROR_NO_METHOD,
	                                ERROR_ARGUMENTS};
	static const char *const of_blocks[] = {"not available", "not found on disk", "ndo data"};
	for (size_t i = 0; i < sizeof of_blocks / sizeof of_blocks[0]; i++)
		if (strstr(a->error, of_blocks[i]) != NULL) return false;
	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
		if (a->error_code == codes[i]) return true;
	return false;
}

// What helps after an error. The poorer forms are for nodes that do not know the better ones: one
// that cannot read its disk, or is starting, gets time instead, for it would say less from then on.
static remedy remedy_for(const bitcoin_rpc *b, const slot *s, const dp_rpc_answer *a)
{
	uint32_t tries = b->node.tries < BLOCK_TRIES_MAX ? b->node.tries : BLOCK_TRIES_MAX;
	if (a->error_code == ERROR_NO_SUCH) return REMEDY_STEP_BACK;
	if (s->form < b->form) return REMEDY_OTHER_FORM;
	if (strstr(a->error, "prune") != NULL) return REMEDY_NONE; // thrown away for good
	if (!is_about_arguments(a)) return s->tries + 1 < tries ? REMEDY_WAIT : REMEDY_NONE;
	// Nodes that want a truth value say so.
	bool has_other =
	    b->form == FORM_PREVOUTS || (b->form == FORM_RAW && strstr(a->error, "bool") != NULL);
	return has_other && !b->is_form_settled ? REMEDY_OTHER_FORM : REMEDY_NONE;
}

// Asks again for a block after an error. *ret_gone: there is no such block any more.
static dp_code ask_again(bitcoin_rpc *b, slot *s, bool *ret_gone, const dp_rpc_answer *a,
                         dp_fault *fault)
{
	char why[DP_RPC_TEXT_MAX + 40];
	*ret_gone = false;
	switch (remedy_for(b, s, a)) {
	case REMEDY_NONE: return dp_rpc_fail(b->node.rpc, a, "getblock", fault);
	case REMEDY_STEP_BACK: *ret_gone = true; return DP_OK;
	case REMEDY_OTHER_FORM:
		if (s->form == b->form) b->form++;
		break;
	case REMEDY_WAIT:
		s->tries++;
		(void)snprintf(why, sizeof why, "block %llu: %s", (unsigned long long)s->height,
		               a->error);
		DP_TRY(dp_bitcoin_node_pause(&b->node, s->tries, why, fault));
		break;
	}
	return ask_block(b, s, fault);
}

// The block's bytes, and its prevouts where the node gives them, into `answer`. *ret_gone: there is
// no such block any more.
static dp_code take_block(bitcoin_rpc *b, slot *s, bool *ret_gone, dp_fault *fault)
{
	dp_rpc_answer a;
	dp_code code;
	*ret_gone = false;
	for (;;) {
		DP_TRY(dp_rpc_wait(b->node.rpc, s->ticket, &a, fault));
		if (a.result != NULL) break;
		code = ask_again(b, s, ret_gone, &a, fault);
		dp_rpc_answer_done(&a);
		if (code != DP_OK || *ret_gone) return code;
	}
	bool is_full = dp_json_is_object(a.result);
	code = is_full ? dp_bitcoin_answer_full(&b->answer, a.result, fault)
	               : dp_bitcoin_answer_hex(&b->answer, a.result, fault);
	if (code != DP_OK) code = place_fault(s->height, fault, code);
	uint64_t size = a.size;
	dp_rpc_answer_done(&a);
	if (code != DP_OK) return code;
	size_window(b, size);
	// Without prevouts the full answer is ten times the size for nothing.
	bool has_all = is_full && b->answer.has_prevouts;
	if (is_full && !has_all) b->form = FORM_RAW;
	b->is_form_settled = b->is_form_settled || !is_full || b->answer.input_count > 0;
	return DP_OK;
}

// Everything that can be proven of the block.
static dp_code decode(bitcoin_rpc *b, const slot *s, dp_fault *fault)
{
	char text[DP_BITCOIN_HASH_TEXT];
	const uint8_t *bytes = b->answer.bytes;
	DP_TRY(dp_bitcoin_decode(&b->info, &b->decoder, &b->builder, b->base.chain, s->height,
	                         bytes, (size_t)b->answer.size, fault));
	if (memcmp(b->info.header.hash, s->hash, 32) != 0) {
		dp_bitcoin_hash_text(text, s->hash);
		return dp_fail(fault, DP_BAD_BYTES, "is not the block %s that was asked for", text);
	}
	uint64_t ruled_from = b->base.chain->bip34_height;
	bool is_ruled = ruled_from != 0 && s->height >= ruled_from && b->info.has_height;
	if (is_ruled && b->info.height != s->height)
		return dp_fail(fault, DP_BAD_BYTES,
		               "states height %llu in its coinbase: the node gave it for another",
		               (unsigned long long)b->info.height);
	return DP_OK;
}

// Forgets the coins before they fill the memory allowed, where they can be done without: where the
// node's prevouts are only compared with them, or the node can be asked for each.
static dp_code make_room(bitcoin_rpc *b, dp_fault *fault)
{
	const dp_coin_map *coins = &b->settler.coins;
	const dp_block *block = &b->builder.block;
	DP_CHECK(block->tx_count > 0);
	if (coins->bytes <= coins->bytes_max / 4 * 3) return DP_OK;
	if (b->is_comparing) {
		dp_settle_forget(&b->settler);
		return DP_OK;
	}
	DP_TRY(dp_bitcoin_node_try_index(&b->node, block->tx[0].id, fault));
	if (b->node.has_index) dp_settle_forget(&b->settler);
	return DP_OK;
}

// What the inputs are worth, by the node's own word. Nothing in a block proves it; but where the
// block that made a coin was read in this run, that block is the proof. So the newest coins are
// remembered, as many as fit into a small part of the memory, and settling compares.
static dp_code settle_prevouts(bitcoin_rpc *b, dp_settle_beside *beside, dp_fault *fault)
{
	dp_settler *s = &b->settler;
	beside->coin = b->answer.coin;
	beside->count = b->answer.coin_count;
	dp_code code = dp_settle(s, &b->builder, &b->decoder, &b->info, beside, fault);
	if (code == DP_LIMIT) {
		// One block's coins alone are too many: this block goes without.
		dp_settle_forget(s);
		s->keep_no_coins = true;
		code = dp_settle(s, &b->builder, &b->decoder, &b->info, beside, fault);
		s->keep_no_coins = false;
	}
	// Once a node has shown that it gives them, no coin need be remembered for its value.
	if (b->answer.input_count > 0 && !b->is_comparing) {
		b->is_comparing = true;
		s->coins.bytes_max = b->compared_most;
	}
	return code;
}

// What the inputs are worth.
static dp_code settle(bitcoin_rpc *b, dp_fault *fault)
{
	const uint32_t *row = NULL;
	uint32_t count = 0;
	dp_settle_beside beside = {.kind = DP_BESIDE_LIST,
	                           .name = "what the node says of earlier outputs"};
	if (b->settler.keep_no_coins) { // the caller has the outputs that are spent
		beside.kind = DP_BESIDE_NOTHING;
		return dp_settle(&b->settler, &b->builder, &b->decoder, &b->info, &beside, fault);
	}
	DP_TRY(make_room(b, fault));
	if (b->answer.has_prevouts) return settle_prevouts(b, &beside, fault);
	b->is_comparing = false;
	b->settler.coins.bytes_max = b->coins_most;
	DP_TRY(dp_settle_missing(&b->settler, &row, &count, &b->builder, &b->decoder, fault));
	DP_TRY(dp_grow((void **)&b->coin, &b->coin_cap, sizeof *b->coin, count, DP_BLOCK_MV_MAX,
	               fault));
	// Where no coin can be missing, one that is not there is a fault, which settling tells.
	bool is_asked = !b->settler.is_complete;
	if (is_asked)
		DP_TRY(dp_bitcoin_node_values(&b->node, b->coin, &b->builder.block, row, count,
		                              fault));
	beside.kind = is_asked ? DP_BESIDE_MISSING : DP_BESIDE_NOTHING;
	beside.coin = b->coin;
	beside.count = is_asked ? count : 0;
	return dp_settle(&b->settler, &b->builder, &b->decoder, &b->info, &beside, fault);
}

// Takes the first block of the window. *ret_block NULL: the chain has changed.
static dp_code give_block(bitcoin_rpc *b, const dp_block **ret_block, dp_fault *fault)
{
	bool is_gone, is_short;
	slot s = b->slot[b->slot_at];
	*ret_block = NULL;
	DP_CHECK(b->slot_count > 0 && s.height == b->height_next);
	b->slot_at = (b->slot_at + 1) % WINDOW_MAX;
	b->slot_count--;
	DP_TRY(take_block(b, &s, &is_gone, fault));
	if (is_gone) return step_back(b, fault);
	// The next blocks are asked for, and travel, while this one is worked on.
	DP_TRY(fill_window(b, &is_short, fault));
	DP_TRY(dp_rpc_run(b->node.rpc, fault));
	dp_code code = decode(b, &s, fault);
	if (code != DP_OK) return place_fault(s.height, fault, code);
	if (b->given_count > 0 && memcmp(b->info.header.prev, given_hash(b, s.height - 1), 32) != 0)
		return step_back(b, fault);
	code = settle(b, fault);
	if (code == DP_OK) code = dp_builder_finish(&b->builder, ret_block, fault);
	if (code != DP_OK) return place_fault(s.height, fault, code);
	memcpy(b->given[s.height % GIVEN_MAX], s.hash, 32);
	if (b->given_count < GIVEN_MAX) b->given_count++;
	dp_seen_block(&b->waiting.seen, *ret_block);
	b->given_height = b->height_next++;
	b->given_time = (*ret_block)->time;
	b->restless = 0;
	return DP_OK;
}

// Does what was given still stand, on a node whose chain is shorter? It may only be behind (there
// may be many nodes behind one address): its newest block tells.
static dp_code is_behind(bitcoin_rpc *b, bool *ret_behind, dp_fault *fault)
{
	uint8_t hash[1][32];
	uint32_t got;
	uint64_t height = b->node.head;
	*ret_behind = true; // also where it is so far behind that we know nothing of that height
	if (height + 1 >= b->height_next || b->height_next - height > b->given_count) return DP_OK;
	DP_TRY(dp_bitcoin_node_hashes(&b->node, hash, &got, height, 1, fault));
	*ret_behind = got == 1 && memcmp(hash[0], given_hash(b, height), 32) == 0;
	return DP_OK;
}

// At the end of what the node had: has it more now, or has it changed its mind?
static dp_code look_for_more(bitcoin_rpc *b, dp_fault *fault)
{
	dp_bitcoin_below below;
	bool has_next, behind;
	uint8_t hash[32];
	if (b->height_next > b->height_last) return DP_END;
	DP_CHECK(b->slot_count == 0 && b->height_ask == b->height_next);
	const uint8_t *newest = b->given_count > 0 ? given_hash(b, b->height_next - 1) : NULL;
	DP_TRY(
	    dp_bitcoin_node_look(&b->node, &below, &has_next, hash, b->height_next, newest, fault));
	if (below == DP_BITCOIN_BELOW_OTHER) return step_back(b, fault);
	if (b->node.tip >= b->height_next) {
		b->hash_at = 0;
		b->hash_count = has_next;
		if (has_next) memcpy(b->hash[0], hash, 32);
		return DP_OK;
	}
	if (below != DP_BITCOIN_BELOW_NONE) return DP_END;
	DP_TRY(is_behind(b, &behind, fault));
	return behind ? DP_END : step_back(b, fault);
}

static dp_code next_block(bitcoin_rpc *b, const dp_block **ret_block, dp_fault *fault)
{
	bool is_short;
	*ret_block = NULL;
	if (b->must_seek)
		return dp_fail(fault, DP_NOT_FOUND,
		               "none of the blocks that the casebook has followed is in the node's "
		               "chain: trace into a new casebook ('dyepack follow' finds by itself "
		               "where to go on)");
	while (*ret_block == NULL) {
		DP_TRY(fill_window(b, &is_short, fault));
		if (b->slot_count > 0)
			DP_TRY(give_block(b, ret_block, fault));
		else if (is_short)
			DP_TRY(step_back(b, fault));
		else
			DP_TRY(look_for_more(b, fault));
	}
	return DP_OK;
}

static dp_code rpc_next(dp_source *s, const dp_block **ret_block, dp_fault *fault)
{
	bitcoin_rpc *b = (bitcoin_rpc *)(void *)s;
	DP_CHECK(ret_block != NULL);
	DP_CHECK(!b->is_ended_by_fault);
	dp_code code = next_block(b, ret_block, fault);
	b->is_ended_by_fault = code != DP_OK && code != DP_END;
	if (code == DP_END) b->restless = 0;
	count_traffic(b);
	return dp_bitcoin_node_blame(&b->node, code, fault);
}

//- resuming --------------------------------------------------------------------------------------

static dp_code rpc_hash_at(dp_source *s, bool *ret_known, uint8_t ret_hash[32], uint64_t height,
                           dp_fault *fault)
{
	bitcoin_rpc *b = (bitcoin_rpc *)(void *)s;
	uint8_t hash[1][32];
	uint32_t got;
	DP_CHECK(ret_known != NULL && ret_hash != NULL);
	dp_code code = DP_OK;
	// A block that still has to be confirmed is none yet.
	bool is_new = b->node.confirmations > 1 && height > b->node.tip;
	if (is_new) code = dp_bitcoin_node_tip(&b->node, fault);
	if (code == DP_OK && is_new && height > b->node.tip) {
		*ret_known = false;
		return DP_OK;
	}
	if (code == DP_OK) code = dp_bitcoin_node_hashes(&b->node, hash, &got, height, 1, fault);
	if (code != DP_OK) return dp_bitcoin_node_blame(&b->node, code, fault);
	*ret_known = got == 1;
	if (got == 1) memcpy(ret_hash, hash[0], 32);
	return DP_OK;
}

// Whoever goes on from a height has read the blocks below it, and can step back below it: so their
// hashes are asked for first.
static dp_code rpc_seek(dp_source *s, uint64_t height, dp_fault *fault)
{
	bitcoin_rpc *b = (bitcoin_rpc *)(void *)s;
	uint8_t hash[GIVEN_MAX][32];
	uint32_t count = height < GIVEN_MAX ? (uint32_t)height : GIVEN_MAX, got = 0;
	DP_CHECK(!b->is_ended_by_fault);
	drop_window(b);
	if (height != b->height_next) dp_settle_forget(&b->settler);
	dp_seen_undo(&b->waiting.seen, height);
	dp_code code = DP_OK;
	if (count > 0)
		code = dp_bitcoin_node_hashes(&b->node, hash, &got, height - count, count, fault);
	if (code != DP_OK) return dp_bitcoin_node_blame(&b->node, code, fault);
	// Fewer than that: the chain does not reach so far, and nothing can be checked yet.
	b->given_count = got == count ? count : 0;
	for (uint32_t i = 0; i < b->given_count; i++)
		memcpy(b->given[(height - count + i) % GIVEN_MAX], hash[i], 32);
	b->height_next = b->height_ask = height;
	b->restless = 0;
	b->must_seek = false;
	return DP_OK;
}

//- what waits ------------------------------------------------------------------------------------

static dp_code rpc_pending(dp_source *s, const dp_block **ret_block, dp_fault *fault)
{
	bitcoin_rpc *b = (bitcoin_rpc *)(void *)s;
	DP_CHECK(ret_block != NULL);
	dp_code code = dp_pending_bitcoin_next(&b->waiting, ret_block, s->has_heads,
	                                       b->given_height, b->given_time, fault);
	count_traffic(b);
	return dp_bitcoin_node_blame(&b->node, code, fault);
}

static void rpc_offer(dp_source *s, const uint8_t *bytes, size_t size)
{
	bitcoin_rpc *b = (bitcoin_rpc *)(void *)s;
	DP_CHECK(bytes != NULL || size == 0);
	dp_pending_bitcoin_offer(&b->waiting, bytes, size);
}

static dp_code rpc_waiting(dp_source *s, dp_waiting *ret_waiting, const uint8_t tx[32],
                           dp_fault *fault)
{
	bitcoin_rpc *b = (bitcoin_rpc *)(void *)s;
	DP_CHECK(ret_waiting != NULL && tx != NULL);
	dp_code code =
	    dp_pending_bitcoin_waiting(&b->waiting, ret_waiting, tx, b->given_height, fault);
	return dp_bitcoin_node_blame(&b->node, code, fault);
}

//- opening and closing ---------------------------------------------------------------------------

static void rpc_close(dp_source *s)
{
	bitcoin_rpc *b = (bitcoin_rpc *)(void *)s;
	DP_CHECK(b != NULL);
	dp_pending_bitcoin_done(&b->waiting);
	dp_bitcoin_node_done(&b->node);
	dp_bitcoin_answer_done(&b->answer);
	dp_settle_done(&b->settler);
	dp_bitcoin_decoder_done(&b->decoder);
	dp_builder_done(&b->builder);
	dp_free(b->coin);
	dp_free(b);
}

// What depends on the node's chain and on where to begin.
static dp_code prepare(bitcoin_rpc *b, const dp_source_options *options, dp_fault *fault)
{
	const dp_chain *chain = b->node.chain;
	uint64_t height;
	b->base.chain = b->answer.chain = chain;
	// What verbosity 3 shows of a header is less than such chains have in it, or behind it.
	b->form = chain->has_auxpow || chain->has_mweb ? FORM_RAW : FORM_PREVOUTS;
	if (chain->has_mweb) b->base.gaps |= DP_GAP_PRIVATE;
	DP_TRY(dp_bitcoin_node_begin(&b->node, &height, &options->begin, fault));
	b->must_seek = options->begin.has_followed;
	b->height_next = b->height_ask = b->base.stats.height_first = height;
	b->settler.height_next = height;
	// Block 0 makes no coin that can be spent.
	b->base.opening_known_zero = b->settler.is_complete = height <= 1;
	if (options->joins_inputs && (height <= 1 || options->has_all_before)) {
		b->settler.keep_no_coins = true;
		b->form = FORM_RAW; // the smallest answer
	}
	count_traffic(b);
	return DP_OK;
}

static dp_code rpc_open(dp_source **ret_source, const char *const *paths, uint32_t path_count,
                        const dp_source_options *options, dp_fault *fault)
{
	DP_CHECK(ret_source != NULL && paths != NULL && path_count > 0 && options != NULL);
	uint64_t memory = options->memory_max == 0 ? MEMORY_DEFAULT : options->memory_max, seed = 0;
	if (path_count > 1)
		return dp_fail(fault, DP_BAD_CASE, "one node at a time: %u were given", path_count);
	bitcoin_rpc *b = dp_alloc(sizeof *b);
	if (b == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	b->base.kind = &dp_source_bitcoin_rpc;
	b->base.next = rpc_next;
	b->base.close = rpc_close;
	b->base.hash_at = rpc_hash_at;
	b->base.seek = rpc_seek;
	b->base.pending = rpc_pending;
	b->base.offer = rpc_offer;
	b->base.waiting = rpc_waiting;
	b->base.heads_url = b->heads_url;
	b->waiting.node = &b->node;
	b->height_last = options->has_height_max ? options->height_max : UINT64_MAX;
	b->window = 1;
	b->window_most = options->in_flight == 0 ? WINDOW_DEFAULT : options->in_flight;
	if (b->window_most > WINDOW_MAX) b->window_most = WINDOW_MAX;
	b->answers_bytes = memory / 4;
	b->coins_most = b->settler.coins.bytes_max = memory / 2;
	b->compared_most = memory / COMPARED_PART;
	if (b->compared_most > COMPARED_MOST) b->compared_most = COMPARED_MOST;
	// Without the kernel's help the tables still work, only a patient enemy could slow them.
	if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) seed = 0x6479657061636b32;
	b->settler.coins.seed = seed;
	b->decoder.seed = seed + 1;
	b->waiting.seen.seed = seed + 2;
	b->waiting.decoder.seed = seed + 3;
	uint64_t answer_max = b->answers_bytes;
	if (answer_max < ANSWER_LEAST) answer_max = ANSWER_LEAST;
	if (answer_max > ANSWER_MOST) answer_max = ANSWER_MOST;
	dp_code code = dp_bitcoin_node_open(&b->node, paths[0], options, answer_max, fault);
	if (code == DP_OK) code = prepare(b, options, fault);
	if (code == DP_OK) code = dp_bitcoin_zmq_ask(&b->node, b->heads_url, paths[0], fault);
	if (code != DP_OK) {
		(void)dp_bitcoin_node_blame(&b->node, code, fault);
		rpc_close(&b->base);
		return code;
	}
	*ret_source = &b->base;
	return DP_OK;
}

//- the row ---------------------------------------------------------------------------------------

// The port of "http://user:word@host:8332/path"; 0: none is written.
static uint32_t port_of(const char *url)
{
	const char *p = strstr(url, "://");
	if (p == NULL) return 0;
	p += 3;
	size_t n = strcspn(p, "/?#");
	const char *at = memchr(p, '@', n);
	if (at != NULL) {
		n -= (size_t)(at + 1 - p);
		p = at + 1;
	}
	uint32_t port = 0;
	size_t i = n;
	while (i > 0 && p[i - 1] >= '0' && p[i - 1] <= '9') i--;
	if (i == 0 || p[i - 1] != ':' || n - i > 5) return 0;
	for (; i < n; i++) port = port * 10 + (uint32_t)(p[i] - '0');
	return port;
}

// 50: the port is one that Bitcoin-like nodes listen on for calls unless told otherwise: Bitcoin
// Core's networks, btcd's, Litecoin, Dogecoin. Any other port can still be one: that is asked for.
static int rpc_recognise(const char *path, const uint8_t *head, size_t head_size, bool is_folder)
{
	static const uint32_t ports[] = {8332, 18332, 48332, 38332, 18443,
	                                 8334, 18334, 18556, 9332,  22555};
	DP_CHECK(path != NULL);
	(void)head;
	(void)head_size;
	(void)is_folder;
	if (!dp_url_is(path)) return 0;
	uint32_t port = port_of(path);
	for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++)
		if (port == ports[i]) return 50;
	return 0;
}

const dp_source_kind dp_source_bitcoin_rpc = {
    .name = "bitcoin-rpc",
    .summary = "a Bitcoin node: Bitcoin Core, btcd and the like, by JSON-RPC",
    .looks_like = "http://[user:password@]host:8332",
    .gives = "blocks of the node's chain from any height, verified; values of inputs from the node "
             "(Bitcoin Core 23 and later), else from earlier blocks and its transaction index; "
             "transactions that wait for a block",
    .can = DP_CAN_PREVOUTS | DP_CAN_BEGIN | DP_CAN_REORGANISE | DP_CAN_MEMPOOL | DP_CAN_HEADS,
    .recognise = rpc_recognise,
    .takes_urls = true,
    .url_kind = DP_CHAIN_UTXO,
    .open = rpc_open,
};
