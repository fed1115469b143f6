// See pending_evm.h.
//
// Sources: ethereum/execution-apis (eth_getBlockByNumber with "pending", eth_getTransactionByHash,
// eth_call); geth's txpool namespace (txpool_content: {"pending": {sender: {nonce: object}},
// "queued": ...}; what is queued waits for another one and cannot be in the next block). Selectors
// are the first four bytes of keccak256 of "transfer(address,uint256)", a9059cbb, and of
// "transferFrom(address,address,uint256)", 23b872dd (EIP-20). Contracts do not look at what stands
// behind the arguments, and neither is it looked at here; a word that is no address makes the call
// fail in every listed token.
//
// Nodes that build no pending block answer with their newest one: such a block's height is not
// above the tip, which is asked for in the same request. anvil gives an empty one while it mines
// each transaction at once.
#include "source/pending_evm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/hex.h"
#include "source/evm_fields.h"
#include "source/evm_json.h"

enum {
	OFFER_MAX = 1 << 20,    // bytes of an object: nodes take transactions of 128 KiB
	POOL_TXS_MAX = 1 << 14, // objects looked at each time the node is asked
	SELECTOR = 4,           // bytes
	ARGUMENTS_MAX = 3 * 32, // of the calls that are read
	HASH_PARAMS_MAX = 80,   // ["0x<64 digits>"]
	HASH_TEXT = 2 + 2 * 32,
};

static const char *const by_hash = "eth_getTransactionByHash";

//- reading ---------------------------------------------------------------------------------------

bool dp_pending_evm_hash_of(uint8_t ret_hash[32], const uint8_t *bytes, size_t size)
{
	DP_CHECK(ret_hash != NULL && (bytes != NULL || size == 0));
	dp_json *doc = NULL;
	if (size > OFFER_MAX) return false;
	if (dp_json_parse(&doc, (const char *)bytes, size, NULL) != DP_OK) return false;
	const dp_json *hash = dp_json_is_object(doc) ? dp_json_get(doc, "hash") : doc;
	bool good = dp_evm_json_bytes(ret_hash, 32, hash);
	dp_json_free(doc);
	return good;
}

static bool address_of_word(uint8_t ret_address[20], const uint8_t word[32])
{
	static const uint8_t zeros[12];
	if (memcmp(word, zeros, sizeof zeros) != 0) return false;
	memcpy(ret_address, word + 12, 20);
	return true;
}

// The token transfer that a call asks for, as the log of one that succeeds would say it.
static dp_code read_call(dp_evm_block *b, const dp_evm_tx *tx, const uint8_t *data, size_t size,
                         dp_fault *fault)
{
	static const uint8_t transfer[SELECTOR] = {0xa9, 0x05, 0x9c, 0xbb},
	                     transfer_from[SELECTOR] = {0x23, 0xb8, 0x72, 0xdd};
	dp_evm_transfer t = {.log_index = 0}, *added;
	const uint8_t *amount;
	if (!tx->has_to || dp_asset_by_contract(b->chain, tx->to).v == 0) return DP_OK;
	if (size >= SELECTOR + 64 && memcmp(data, transfer, SELECTOR) == 0) {
		memcpy(t.from, tx->from, 20);
		if (!address_of_word(t.to, data + SELECTOR)) return DP_OK;
		amount = data + SELECTOR + 32;
	} else if (size >= SELECTOR + 96 && memcmp(data, transfer_from, SELECTOR) == 0) {
		if (!address_of_word(t.from, data + SELECTOR) ||
		    !address_of_word(t.to, data + SELECTOR + 32))
			return DP_OK;
		amount = data + SELECTOR + 64;
	} else {
		return DP_OK;
	}
	t.amount = dp_u256_from_be(amount, 32);
	// Of nothing: that needs no word before it is in a block.
	if (dp_u256_is_zero(t.amount)) return DP_OK;
	memcpy(t.contract, tx->to, 20);
	DP_TRY(dp_evm_add_transfer(b, &added, fault));
	*added = t;
	return DP_OK;
}

// The call data, as far as anything is read of it: a call to a token, or what could be a memo.
static dp_code read_input(const dp_evm_place *at, dp_evm_block *b, dp_evm_tx *tx,
                          const dp_json *object)
{
	uint8_t data[DP_MEMO_MAX];
	_Static_assert(sizeof data >= SELECTOR + ARGUMENTS_MAX, "both fit");
	const dp_json *value = dp_json_get(object, "input");
	if (!dp_evm_is_given(value)) value = dp_json_get(object, "data");
	if (!dp_evm_is_given(value)) return DP_OK;
	const char *text = dp_json_text(value);
	size_t n = text == NULL ? 0 : strlen(text);
	if (n < 2 || n % 2 != 0 || text[0] != '0' || (text[1] | 0x20) != 'x')
		return dp_evm_bad(at, "\"input\" is not hexadecimal");
	size_t size = (n - 2) / 2, part = size < sizeof data ? size : sizeof data;
	if (!dp_hex_decode(data, part, text + 2))
		return dp_evm_bad(at, "\"input\" is not hexadecimal");
	DP_TRY(read_call(b, tx, data, part, at->fault));
	if (!tx->has_to || dp_u256_is_zero(tx->value) || size > DP_MEMO_MAX) return DP_OK;
	return dp_evm_add_input(b, tx, data, size, at->fault);
}

dp_code dp_pending_evm_read(dp_block_builder *builder, const dp_block **ret_block,
                            dp_evm_block *scratch, const dp_chain *chain, uint64_t height,
                            int64_t time, const dp_json *object, dp_fault *fault)
{
	DP_CHECK(builder != NULL && ret_block != NULL && scratch != NULL && chain != NULL);
	dp_evm_place at = {.height = height, .outer = "waiting transaction", .fault = fault};
	dp_evm_tx *tx;
	uint64_t gaps = 0; // of blocks; that less is known of what waits is told where it is given
	dp_evm_start(scratch, chain, height, time);
	if (!dp_json_is_object(object)) return dp_evm_bad(&at, "it is not an object");
	DP_TRY(dp_evm_add_tx(scratch, &tx, fault));
	DP_TRY(dp_evm_field_bytes(&at, tx->hash, 32, object, "hash"));
	DP_TRY(dp_evm_field_bytes(&at, tx->from, 20, object, "from"));
	DP_TRY(dp_evm_maybe_bytes(&at, &tx->has_to, tx->to, 20, object, "to"));
	DP_TRY(dp_evm_field_u256(&at, &tx->value, object, "value"));
	tx->status = DP_EVM_DONE;
	DP_TRY(read_input(&at, scratch, tx, object));
	return dp_evm_build(builder, ret_block, &gaps, scratch, fault);
}

//- what was offered ------------------------------------------------------------------------------

void dp_pending_evm_offer(dp_pending_evm *p, const uint8_t *bytes, size_t size)
{
	DP_CHECK(p != NULL && (bytes != NULL || size == 0));
	uint8_t hash[32];
	if (dp_pending_evm_hash_of(hash, bytes, size) && !dp_seen_has(&p->seen, hash))
		dp_offers_put(&p->offers, hash, sizeof hash);
}

static void hash_params(char params[HASH_PARAMS_MAX], const uint8_t hash[32])
{
	memcpy(params, "[\"0x", 4);
	dp_hex_encode(params + 4, hash, 32);
	memcpy(params + 4 + 64, "\"]", 3);
}

// The next offers into `hash`: how many.
static uint32_t take_offers(dp_pending_evm *p)
{
	uint8_t *bytes;
	size_t size;
	uint32_t count = 0;
	while (count < DP_PENDING_EVM_ROUND && dp_offers_take(&p->offers, &bytes, &size)) {
		DP_CHECK(size == 32);
		if (!dp_seen_has(&p->seen, bytes)) memcpy(p->hash[count++], bytes, 32);
		dp_free(bytes);
	}
	return count;
}

// Asks the node for the transactions that were offered, all in one request. When that fails the
// answers that came are still used, and the other offers are lost.
static dp_code look_up(dp_pending_evm *p, dp_fault *fault)
{
	uint64_t ticket[DP_PENDING_EVM_ROUND];
	char params[HASH_PARAMS_MAX];
	dp_rpc *rpc = p->node->rpc;
	uint32_t count = take_offers(p), started = 0;
	dp_code code = DP_OK;
	DP_CHECK(p->answer_at == p->answer_count);
	p->answer_at = p->answer_count = 0;
	while (started < count && code == DP_OK) {
		hash_params(params, p->hash[started]);
		code = dp_rpc_start(rpc, &ticket[started], by_hash, params, fault);
		started += code == DP_OK;
	}
	for (uint32_t i = 0; i < started; i++) {
		if (code != DP_OK) {
			dp_rpc_drop(rpc, ticket[i]);
			continue;
		}
		code = dp_rpc_wait(rpc, ticket[i], &p->answer[p->answer_count], fault);
		// They are taken in order, so that each stands beside its hash.
		p->answer_count += code == DP_OK;
	}
	return code;
}

// The next transaction that was looked up and waits, or NULL.
static const dp_json *next_offered(dp_pending_evm *p)
{
	uint8_t hash[32];
	while (p->answer_at < p->answer_count) {
		const dp_rpc_answer *a = &p->answer[p->answer_at];
		const uint8_t *wanted = p->hash[p->answer_at++];
		bool is_it = dp_json_is_object(a->result) &&
		             dp_evm_json_bytes(hash, 32, dp_json_get(a->result, "hash")) &&
		             memcmp(hash, wanted, 32) == 0;
		// In a block already: that block tells of it.
		if (is_it && !dp_evm_is_given(dp_json_get(a->result, "blockHash")))
			return a->result;
	}
	for (uint32_t i = 0; i < p->answer_count; i++) dp_rpc_answer_done(&p->answer[i]);
	p->answer_at = p->answer_count = 0;
	return NULL;
}

//- what the node has waiting ---------------------------------------------------------------------

// A call that may fail for reasons of the node's own: then there is nothing, and *ret_lacks says
// whether there never will be. An answer that is too large is one of those.
static dp_code ask(dp_pending_evm *p, dp_rpc_answer *ret_answer, bool *ret_lacks, uint64_t ticket,
                   dp_fault *fault)
{
	dp_rpc_answer a;
	*ret_answer = (dp_rpc_answer){0};
	*ret_lacks = false;
	dp_code code = dp_rpc_wait(p->node->rpc, ticket, &a, fault);
	if (code == DP_LIMIT) {
		*ret_lacks = true;
		return DP_OK;
	}
	if (code != DP_OK) return code;
	if (a.result == NULL)
		*ret_lacks = dp_evm_node_verdict(a.error_code, a.error) == DP_EVM_UNABLE;
	*ret_answer = a;
	return DP_OK;
}

// Keeps an answer whose list is gone through; `first` NULL: there is nothing in it.
static void keep_pool(dp_pending_evm *p, dp_rpc_answer *a, const dp_json *first, bool by_sender)
{
	DP_CHECK(!p->has_pool);
	if (first == NULL) {
		dp_rpc_answer_done(a);
		return;
	}
	p->pool = *a;
	p->has_pool = true;
	p->pool_count = 0;
	p->sender = by_sender ? first : NULL;
	p->item = by_sender ? dp_json_first(first) : first;
}

// The pending block. Where it is the newest block in disguise, nothing of it waits.
static dp_code ask_block(dp_pending_evm *p, dp_fault *fault)
{
	dp_rpc_answer tip, a;
	uint64_t ticket, tip_ticket, number, head = 0;
	bool lacks, is_known = false;
	dp_rpc *rpc = p->node->rpc;
	DP_TRY(dp_rpc_start(rpc, &tip_ticket, "eth_blockNumber", "[]", fault));
	dp_code code =
	    dp_rpc_start(rpc, &ticket, "eth_getBlockByNumber", "[\"pending\",true]", fault);
	if (code != DP_OK) {
		dp_rpc_drop(rpc, tip_ticket);
		return code;
	}
	code = dp_rpc_wait(rpc, tip_ticket, &tip, fault);
	if (code != DP_OK) {
		dp_rpc_drop(rpc, ticket);
		return code;
	}
	is_known = tip.result != NULL && dp_evm_json_u64(&head, tip.result) && head >> 48 == 0;
	dp_rpc_answer_done(&tip);
	DP_TRY(ask(p, &a, &lacks, ticket, fault));
	if (is_known) dp_evm_node_set_tip(p->node, head);
	p->lacks_block = lacks;
	const dp_json *list =
	    dp_json_is_object(a.result) ? dp_json_get(a.result, "transactions") : NULL;
	bool is_old = a.result != NULL &&
	              dp_evm_json_u64(&number, dp_json_get(a.result, "number")) &&
	              number <= p->node->head;
	keep_pool(p, &a, is_old || !dp_json_is_array(list) ? NULL : dp_json_first(list), false);
	return DP_OK;
}

static dp_code ask_pool(dp_pending_evm *p, dp_fault *fault)
{
	dp_rpc_answer a;
	uint64_t ticket;
	DP_TRY(dp_rpc_start(p->node->rpc, &ticket, "txpool_content", "[]", fault));
	DP_TRY(ask(p, &a, &p->lacks_pool, ticket, fault));
	const dp_json *list = dp_json_is_object(a.result) ? dp_json_get(a.result, "pending") : NULL;
	keep_pool(p, &a, dp_json_is_object(list) ? dp_json_first(list) : NULL, true);
	return DP_OK;
}

static dp_code ask_node(dp_pending_evm *p, dp_fault *fault)
{
	bool told = p->lacks_block && p->lacks_pool;
	p->has_asked = true;
	if (!p->lacks_block) DP_TRY(ask_block(p, fault));
	if (!p->has_pool && !p->lacks_pool) DP_TRY(ask_pool(p, fault));
	if (!told && p->lacks_block && p->lacks_pool)
		dp_evm_node_notice(p->node,
		                   "%.120s tells of no transactions that wait (it answers neither "
		                   "the pending block nor txpool_content)",
		                   dp_rpc_name(p->node->rpc));
	return DP_OK;
}

static void drop_pool(dp_pending_evm *p)
{
	if (p->has_pool) dp_rpc_answer_done(&p->pool);
	p->has_pool = false;
	p->item = p->sender = NULL;
}

// The next object of what the node has waiting, or NULL.
static const dp_json *next_of_pool(dp_pending_evm *p)
{
	while (p->has_pool) {
		while (p->item == NULL && p->sender != NULL) {
			p->sender = dp_json_next(p->sender);
			p->item = p->sender != NULL && dp_json_is_object(p->sender)
			              ? dp_json_first(p->sender)
			              : NULL;
		}
		if (p->item == NULL || p->pool_count++ == POOL_TXS_MAX) break;
		const dp_json *item = p->item;
		p->item = dp_json_next(item);
		return item;
	}
	drop_pool(p);
	return NULL;
}

//- giving ----------------------------------------------------------------------------------------

// The next object, wherever it comes from; NULL: no more now.
static dp_code next_object(dp_pending_evm *p, const dp_json **ret_object, bool has_heads,
                           dp_fault *fault)
{
	for (;;) {
		*ret_object = next_offered(p);
		if (*ret_object == NULL && p->offers.count > 0) {
			DP_TRY(look_up(p, fault));
			continue;
		}
		if (*ret_object == NULL) *ret_object = next_of_pool(p);
		if (*ret_object != NULL || has_heads || p->has_asked) return DP_OK;
		DP_TRY(ask_node(p, fault));
	}
}

static dp_code give(dp_pending_evm *p, const dp_block **ret_block, bool has_heads, uint64_t height,
                    int64_t time, dp_fault *fault)
{
	uint8_t hash[32];
	const dp_json *object;
	for (;;) {
		DP_TRY(next_object(p, &object, has_heads, fault));
		if (object == NULL) return DP_END;
		if (!dp_json_is_object(object) ||
		    !dp_evm_json_bytes(hash, 32, dp_json_get(object, "hash")) ||
		    dp_seen_has(&p->seen, hash))
			continue;
		DP_TRY(dp_seen_add(&p->seen, hash, fault));
		uint64_t tip = p->node->head > height ? p->node->head : height;
		dp_code code = dp_pending_evm_read(&p->builder, ret_block, &p->evm, p->node->chain,
		                                   tip + 1, time, object, fault);
		if (code == DP_NO_MEMORY) dp_seen_forget(&p->seen, hash);
		if (code != DP_BAD_BYTES) return code;
	}
}

dp_code dp_pending_evm_next(dp_pending_evm *p, const dp_block **ret_block, bool has_heads,
                            uint64_t height, int64_t time, dp_fault *fault)
{
	DP_CHECK(p != NULL && ret_block != NULL && p->node != NULL);
	dp_code code = give(p, ret_block, has_heads, height, time, fault);
	if (code != DP_OK) p->has_asked = false; // whoever asks again wants to know anew
	if (code == DP_BAD_BYTES || code == DP_LIMIT) {
		// A node that makes no sense is a node that failed.
		if (fault != NULL) fault->code = DP_IO;
		code = DP_IO;
	}
	return code;
}

void dp_pending_evm_done(dp_pending_evm *p)
{
	DP_CHECK(p != NULL && p->answer_count <= DP_PENDING_EVM_ROUND);
	for (uint32_t i = 0; i < p->answer_count; i++) dp_rpc_answer_done(&p->answer[i]);
	drop_pool(p);
	dp_seen_done(&p->seen);
	dp_offers_done(&p->offers);
	dp_evm_done(&p->evm);
	dp_builder_done(&p->builder);
	p->answer_at = p->answer_count = 0;
}

//- single questions ------------------------------------------------------------------------------

dp_code dp_pending_evm_waiting(dp_pending_evm *p, dp_waiting *ret_waiting, const uint8_t tx[32],
                               uint64_t next, dp_fault *fault)
{
	DP_CHECK(p != NULL && ret_waiting != NULL && tx != NULL);
	char params[HASH_PARAMS_MAX];
	uint8_t hash[32];
	dp_rpc_answer a;
	dp_waiting waiting = DP_WAITING_UNKNOWN;
	hash_params(params, tx);
	DP_TRY(dp_rpc_call(p->node->rpc, &a, by_hash, params, fault));
	if (a.result != NULL && !dp_evm_is_given(a.result)) {
		waiting = DP_WAITING_GONE;
		dp_seen_forget(&p->seen, tx); // should it come back, it is news
	} else if (dp_json_is_object(a.result) &&
	           dp_evm_json_bytes(hash, 32, dp_json_get(a.result, "hash")) &&
	           memcmp(hash, tx, 32) == 0) {
		// In a block that is still to be given, it waits as far as we are concerned.
		uint64_t height;
		bool is_in = dp_evm_is_given(dp_json_get(a.result, "blockHash")) &&
		             dp_evm_json_u64(&height, dp_json_get(a.result, "blockNumber")) &&
		             height < next;
		waiting = is_in ? DP_WAITING_IN_BLOCK : DP_WAITING_YES;
	}
	dp_rpc_answer_done(&a);
	*ret_waiting = waiting;
	return DP_OK;
}

dp_code dp_evm_node_ask_contract(dp_evm_node *node, bool *ret_known, uint8_t ret_word[32],
                                 const uint8_t to[20], const uint8_t *data, size_t size,
                                 dp_fault *fault)
{
	char params[2 * DP_EVM_CALL_DATA_MAX + 200], what[2 * DP_EVM_CALL_DATA_MAX + 1] = "";
	char contract[2 * 20 + 1];
	dp_rpc_answer a;
	dp_evm_verdict verdict;
	bool good, known = false;
	uint8_t word[32];
	DP_CHECK(node != NULL && ret_known != NULL && ret_word != NULL && to != NULL);
	DP_CHECK(size <= DP_EVM_CALL_DATA_MAX && (data != NULL || size == 0));
	dp_hex_encode(contract, to, 20);
	if (size > 0) dp_hex_encode(what, data, size);
	(void)snprintf(params, sizeof params, "[{\"to\":\"0x%s\",\"data\":\"0x%s\"},\"latest\"]",
	               contract, what);
	DP_TRY(dp_evm_node_ask(node, &a, &verdict, &good, DP_EVM_TEXT, "eth_call", params, fault));
	dp_code code = DP_OK;
	if (good) {
		// One word or more; the first is what is wanted.
		const char *text = dp_json_text(a.result);
		size_t n = strlen(text);
		known = n >= HASH_TEXT && (n - 2) % 64 == 0 && text[0] == '0' && text[1] == 'x' &&
		        dp_hex_decode(word, 32, text + 2);
		if (known) memcpy(ret_word, word, sizeof word);
	} else if (a.result == NULL && verdict == DP_EVM_UNCLEAR) {
		code = dp_rpc_fail(node->rpc, &a, "eth_call", fault);
	}
	dp_rpc_answer_done(&a);
	if (code == DP_OK) *ret_known = known;
	return code;
}
