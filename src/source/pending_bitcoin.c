// See pending_bitcoin.h.
//
// Sources: Bitcoin Core, src/rpc/mempool.cpp (getrawmempool), src/rpc/rawtransaction.cpp
// (getrawtransaction: of the mempool always, of blocks with txindex=1) and src/rpc/blockchain.cpp
// (gettxout; its third argument false leaves the mempool out of account); btcd, rpcserver.go and
// mempool. Arguments are written in the one form that both accept.
//
// A mempool may hold more than the ids that are remembered as seen, and its list has no order of
// age. So each listing is compared with the one before: what is new in it came last and is fetched
// first, and what was not fetched by then follows, a bounded number each time.
#include "source/pending_bitcoin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/hex.h"

enum {
	ERROR_NO_SUCH = -5, // of the node: no such transaction
	ERROR_NO_METHOD = -32601,
	TX_SIZE_MAX = 4000000, // no node takes larger ones: a block of Bitcoin has no more
	INPUTS_MAX = 200000,   // more than so many bytes can hold, and a round's
	INPUTS_ENOUGH = 2000,  // a round that has so many is full
	ASKED_MAX = 4000,      // inputs of one transaction whose worth is asked for
	SCRIPT_MAX = 10000,    // bytes: a longer one cannot be spent
	POOL_MAX = 1 << 18,    // ids of a listing that are looked at
	FETCHED_MAX = 2000,    // each time the mempool is asked
	PARAMS_MAX = 96,
};

struct dp_pending_tx {
	uint8_t *bytes;
	size_t size;
	uint8_t id[32];
	uint64_t input_first, ticket;
	uint32_t input_count;
	bool is_offered;
	bool is_out; // the node does not have it waiting
};

struct dp_pending_input {
	dp_outpoint spent;
	bool is_known;
	dp_spent_coin coin;
	uint64_t ticket;
};

struct dp_pooled {
	uint8_t id[32];
	uint32_t listing; // in which it came
	bool is_done;
};

//- the round -------------------------------------------------------------------------------------

static void drop_tickets(dp_pending_bitcoin *p)
{
	for (uint32_t i = 0; i < p->tx_count; i++) {
		if (p->tx[i].ticket != 0) dp_rpc_drop(p->node->rpc, p->tx[i].ticket);
		p->tx[i].ticket = 0;
	}
	for (uint64_t i = 0; i < p->input_count; i++) {
		if (p->input[i].ticket != 0) dp_rpc_drop(p->node->rpc, p->input[i].ticket);
		p->input[i].ticket = 0;
	}
}

static void end_round(dp_pending_bitcoin *p)
{
	for (uint32_t i = 0; i < p->tx_count; i++) dp_free(p->tx[i].bytes);
	p->tx_at = p->tx_count = 0;
	p->input_count = 0;
}

static int compare_pooled(const void *a, const void *b)
{
	return memcmp(((const struct dp_pooled *)a)->id, ((const struct dp_pooled *)b)->id, 32);
}

// The node failed in the middle: what was on its way is taken up again when we are asked again.
static void undo_round(dp_pending_bitcoin *p)
{
	drop_tickets(p);
	for (uint32_t i = 0; i < p->tx_count; i++) {
		struct dp_pending_tx *tx = &p->tx[i];
		dp_seen_forget(&p->seen, tx->id);
		if (tx->is_offered) {
			dp_offers_return(&p->offers, tx->bytes, tx->size);
			tx->bytes = NULL;
		}
		struct dp_pooled key = {.listing = 0}, *pooled = NULL;
		memcpy(key.id, tx->id, 32);
		if (p->pool_count > 0)
			pooled = bsearch(&key, p->pool, p->pool_count, sizeof key, compare_pooled);
		if (pooled != NULL) pooled->is_done = false;
	}
	end_round(p);
}

static bool is_full(const dp_pending_bitcoin *p)
{
	return p->tx_count == DP_PENDING_BITCOIN_ROUND || p->input_count >= INPUTS_ENOUGH;
}

// The inputs of the transaction decoded last.
static dp_code add_inputs(dp_pending_bitcoin *p, struct dp_pending_tx *tx, dp_fault *fault)
{
	const dp_block *b = &p->builder.block;
	tx->input_first = p->input_count;
	tx->input_count = 0;
	while (tx->input_count < b->mv_count && b->mv[tx->input_count].kind == DP_MV_INPUT)
		tx->input_count++;
	DP_TRY(dp_grow((void **)&p->input, &p->input_cap, sizeof *p->input,
	               p->input_count + tx->input_count, INPUTS_MAX, fault));
	for (uint32_t i = 0; i < tx->input_count; i++)
		p->input[p->input_count++] = (struct dp_pending_input){.spent = b->mv[i].spent};
	return DP_OK;
}

// Puts a transaction into the round, unless it makes no sense or was seen. Takes the bytes over.
static dp_code add_tx(dp_pending_bitcoin *p, uint8_t *bytes, size_t size, bool is_offered,
                      const uint8_t *wanted_id, dp_fault *fault)
{
	DP_CHECK(p->tx_count < DP_PENDING_BITCOIN_ROUND);
	struct dp_pending_tx tx = {.bytes = bytes, .size = size, .is_offered = is_offered};
	dp_code code = dp_bitcoin_decode_tx(&p->decoder, &p->builder, p->node->chain, 0, 0, bytes,
	                                    size, fault);
	bool good = code == DP_OK;
	if (good) memcpy(tx.id, p->builder.block.tx[0].id, 32);
	if (wanted_id != NULL) good = good && memcmp(tx.id, wanted_id, 32) == 0;
	good = good && !dp_seen_has(&p->seen, tx.id);
	if (code == DP_BAD_BYTES) code = DP_OK;
	if (good) code = add_inputs(p, &tx, fault);
	if (good && code == DP_OK) code = dp_seen_add(&p->seen, tx.id, fault);
	if (!good || code != DP_OK) {
		if (code != DP_OK && is_offered)
			dp_offers_return(&p->offers, bytes, size); // for when there is memory
		else
			dp_free(bytes);
		if (good) p->input_count = tx.input_first;
		return code;
	}
	p->tx[p->tx_count++] = tx;
	return DP_OK;
}

static dp_code fill_from_offers(dp_pending_bitcoin *p, dp_fault *fault)
{
	uint8_t *bytes;
	size_t size;
	while (!is_full(p) && dp_offers_take(&p->offers, &bytes, &size))
		DP_TRY(add_tx(p, bytes, size, true, NULL, fault));
	return DP_OK;
}

//- values ----------------------------------------------------------------------------------------

static void tx_params(char params[PARAMS_MAX], const uint8_t id[32], const char *rest)
{
	char text[DP_BITCOIN_HASH_TEXT];
	dp_bitcoin_hash_text(text, id);
	int n = snprintf(params, PARAMS_MAX, "[\"%s\",%s]", text, rest);
	DP_CHECK(n > 0 && n < PARAMS_MAX);
}

static bool is_asked(const dp_pending_bitcoin *p, uint64_t input)
{
	// A transaction's first so many; the rest of the round's stand in order behind.
	for (uint32_t i = 0; i < p->tx_count; i++) {
		const struct dp_pending_tx *tx = &p->tx[i];
		if (input < tx->input_first + tx->input_count)
			return input - tx->input_first < ASKED_MAX;
	}
	return false;
}

// Asks which of the offered wait, and for the coins that blocks made.
static dp_code ask_coins(dp_pending_bitcoin *p, dp_fault *fault)
{
	char params[PARAMS_MAX], rest[24];
	for (uint32_t t = 0; t < p->tx_count; t++) {
		struct dp_pending_tx *tx = &p->tx[t];
		tx_params(params, tx->id, "1");
		if (tx->is_offered)
			DP_TRY(dp_rpc_start(p->node->rpc, &tx->ticket, "getrawtransaction", params,
			                    fault));
		for (uint32_t i = 0; i < tx->input_count && i < ASKED_MAX; i++) {
			struct dp_pending_input *in = &p->input[tx->input_first + i];
			(void)snprintf(rest, sizeof rest, "%u,false", in->spent.vout);
			tx_params(params, in->spent.txid, rest);
			DP_TRY(dp_rpc_start(p->node->rpc, &in->ticket, "gettxout", params, fault));
		}
	}
	return dp_rpc_flush(p->node->rpc, fault);
}

static dp_code wait_for(dp_pending_bitcoin *p, dp_rpc_answer *ret_answer, uint64_t *io_ticket,
                        dp_fault *fault)
{
	uint64_t ticket = *io_ticket;
	DP_CHECK(ticket != 0);
	*io_ticket = 0;
	return dp_rpc_wait(p->node->rpc, ticket, ret_answer, fault);
}

// An answer to gettxout; null and nonsense leave the coin unknown.
static void read_coin(const dp_pending_bitcoin *p, struct dp_pending_input *in,
                      const dp_json *result)
{
	uint8_t script[SCRIPT_MAX];
	uint64_t value;
	if (!dp_json_is_object(result)) return;
	const dp_json *s = dp_json_get(dp_json_get(result, "scriptPubKey"), "hex");
	const char *hex = s == NULL ? NULL : dp_json_text(s);
	size_t n = hex == NULL ? 1 : strlen(hex);
	if (n % 2 != 0 || n / 2 > sizeof script || !dp_hex_decode(script, n / 2, hex)) return;
	if (!dp_bitcoin_json_amount(&value, dp_json_get(result, "value"))) return;
	if (value > p->node->chain->money_max) return;
	in->coin = (dp_spent_coin){.value = value,
	                           .from = dp_addr_from_output(p->node->chain, script, n / 2)};
	in->is_known = true;
}

static dp_code take_coins(dp_pending_bitcoin *p, dp_fault *fault)
{
	dp_rpc_answer a;
	for (uint32_t t = 0; t < p->tx_count; t++) {
		struct dp_pending_tx *tx = &p->tx[t];
		if (tx->ticket == 0) continue;
		DP_TRY(wait_for(p, &a, &tx->ticket, fault));
		tx->is_out = !dp_json_is_object(a.result) ||
		             dp_json_text(dp_json_get(a.result, "blockhash")) != NULL;
		dp_rpc_answer_done(&a);
		// Should it come after all, it is news.
		if (tx->is_out) dp_seen_forget(&p->seen, tx->id);
	}
	for (uint64_t i = 0; i < p->input_count; i++) {
		if (p->input[i].ticket == 0) continue;
		DP_TRY(wait_for(p, &a, &p->input[i].ticket, fault));
		read_coin(p, &p->input[i], a.result);
		dp_rpc_answer_done(&a);
	}
	return DP_OK;
}

static int compare_inputs(const void *a, const void *b, void *context)
{
	const struct dp_pending_input *input = context;
	const dp_outpoint *x = &input[*(const uint32_t *)a].spent,
	                  *y = &input[*(const uint32_t *)b].spent;
	int order = memcmp(x->txid, y->txid, sizeof x->txid);
	return order != 0 ? order : (x->vout > y->vout) - (x->vout < y->vout);
}

// How many of the inputs from the first on are of one maker.
static uint64_t of_one_maker(const dp_pending_bitcoin *p, uint64_t first, uint64_t count)
{
	uint64_t n = 1;
	const uint8_t *id = p->input[p->order[first]].spent.txid;
	while (first + n < count && memcmp(p->input[p->order[first + n]].spent.txid, id, 32) == 0)
		n++;
	return n;
}

// What a maker's outputs say of the inputs that spend them; both are in order. What makes no sense
// leaves them unknown.
static dp_code take_maker(dp_pending_bitcoin *p, const uint32_t *order, uint64_t count,
                          const dp_json *result, dp_fault *fault)
{
	dp_bitcoin_outputs o;
	dp_spent_coin coin = {0};
	uint64_t at = 0;
	if (result == NULL) return DP_OK;
	dp_code code = dp_bitcoin_answer_hex(&p->answer, result, fault);
	if (code == DP_NO_MEMORY) return code;
	if (code != DP_OK) return DP_OK;
	if (!dp_bitcoin_outputs_of(&o, p->answer.bytes, (size_t)p->answer.size)) return DP_OK;
	if (memcmp(o.txid, p->input[order[0]].spent.txid, 32) != 0) return DP_OK;
	o.chain = p->node->chain;
	for (uint64_t i = 0; i < count; i++) {
		struct dp_pending_input *in = &p->input[order[i]];
		while (at <= in->spent.vout && dp_bitcoin_outputs_next(&o, &coin)) at++;
		if (at <= in->spent.vout) break;
		in->coin = coin;
		in->is_known = coin.value <= o.chain->money_max;
	}
	return DP_OK;
}

// What waiting transactions made: each of them is asked for once.
static dp_code look_at_makers(dp_pending_bitcoin *p, dp_fault *fault)
{
	char params[PARAMS_MAX];
	dp_rpc_answer a;
	uint64_t count = 0;
	DP_TRY(dp_grow((void **)&p->order, &p->order_cap, sizeof *p->order, p->input_count,
	               INPUTS_MAX, fault));
	for (uint64_t i = 0; i < p->input_count; i++)
		if (!p->input[i].is_known && is_asked(p, i)) p->order[count++] = (uint32_t)i;
	if (count == 0) return DP_OK;
	qsort_r(p->order, count, sizeof *p->order, compare_inputs, p->input);
	for (uint64_t i = 0; i < count; i += of_one_maker(p, i, count)) {
		struct dp_pending_input *in = &p->input[p->order[i]];
		tx_params(params, in->spent.txid, "0");
		DP_TRY(dp_rpc_start(p->node->rpc, &in->ticket, "getrawtransaction", params, fault));
	}
	for (uint64_t i = 0, n; i < count; i += n) {
		n = of_one_maker(p, i, count);
		DP_TRY(wait_for(p, &a, &p->input[p->order[i]].ticket, fault));
		dp_code code = take_maker(p, p->order + i, n, a.result, fault);
		dp_rpc_answer_done(&a);
		DP_TRY(code);
	}
	return DP_OK;
}

static dp_code find_values(dp_pending_bitcoin *p, dp_fault *fault)
{
	if (p->tx_count == 0) return DP_OK;
	DP_TRY(ask_coins(p, fault));
	DP_TRY(take_coins(p, fault));
	return look_at_makers(p, fault);
}

//- the mempool -----------------------------------------------------------------------------------

// The ids of a listing into pool_new, in order and each once.
static dp_code read_listing(dp_pending_bitcoin *p, uint64_t *ret_count, const dp_json *result,
                            dp_fault *fault)
{
	uint64_t count = 0, kept = 0;
	struct dp_pooled item = {.listing = p->listing};
	const dp_json *i = dp_json_first(result);
	for (; i != NULL && count < POOL_MAX; i = dp_json_next(i)) {
		if (!dp_bitcoin_json_hash(item.id, i)) continue;
		DP_TRY(dp_grow((void **)&p->pool_new, &p->pool_new_cap, sizeof item, count + 1,
		               POOL_MAX, fault));
		p->pool_new[count++] = item;
	}
	if (count > 1) qsort(p->pool_new, count, sizeof item, compare_pooled);
	for (uint64_t k = 0; k < count; k++)
		if (kept == 0 || compare_pooled(&p->pool_new[kept - 1], &p->pool_new[k]) != 0)
			p->pool_new[kept++] = p->pool_new[k];
	*ret_count = kept;
	return DP_OK;
}

// What was there before keeps its age, and whether it was fetched. Then the new listing counts.
static void merge_listing(dp_pending_bitcoin *p, uint64_t count)
{
	uint64_t old = 0;
	for (uint64_t i = 0; i < count; i++) {
		struct dp_pooled *item = &p->pool_new[i];
		while (old < p->pool_count && compare_pooled(&p->pool[old], item) < 0) old++;
		if (old < p->pool_count && compare_pooled(&p->pool[old], item) == 0)
			*item = p->pool[old];
	}
	struct dp_pooled *spare = p->pool;
	uint64_t spare_cap = p->pool_cap;
	p->pool = p->pool_new;
	p->pool_cap = p->pool_new_cap;
	p->pool_count = count;
	p->pool_new = spare;
	p->pool_new_cap = spare_cap;
}

static dp_code list_pool(dp_pending_bitcoin *p, dp_fault *fault)
{
	static const char *const method = "getrawmempool";
	dp_rpc_answer a;
	uint64_t count = 0;
	DP_TRY(dp_rpc_call(p->node->rpc, &a, method, "[]", fault));
	dp_code code = DP_OK;
	p->listing++;
	if (a.result == NULL && a.error_code != ERROR_NO_METHOD)
		code = dp_rpc_fail(p->node->rpc, &a, method, fault);
	else if (dp_json_is_array(a.result))
		code = read_listing(p, &count, a.result, fault);
	dp_rpc_answer_done(&a);
	if (code == DP_OK) merge_listing(p, count);
	return code;
}

// Places in the pool of those to fetch now, of the newest listing that has any: how many.
static uint32_t pick(dp_pending_bitcoin *p, uint32_t place[DP_PENDING_BITCOIN_ROUND])
{
	uint32_t newest = 0, count = 0;
	for (uint64_t i = 0; i < p->pool_count; i++) {
		struct dp_pooled *item = &p->pool[i];
		if (!item->is_done && dp_seen_has(&p->seen, item->id)) item->is_done = true;
		if (!item->is_done && item->listing > newest) newest = item->listing;
	}
	for (uint64_t i = 0; i < p->pool_count && count < DP_PENDING_BITCOIN_ROUND; i++)
		if (!p->pool[i].is_done && p->pool[i].listing == newest)
			place[count++] = (uint32_t)i;
	return count;
}

// A transaction's bytes as the node gives them. Gone by now, or nonsense: nothing.
static dp_code add_fetched(dp_pending_bitcoin *p, const uint8_t id[32], const dp_json *result,
                           dp_fault *fault)
{
	if (result == NULL) return DP_OK;
	dp_code code = dp_bitcoin_answer_hex(&p->answer, result, fault);
	if (code == DP_NO_MEMORY) return code;
	if (code != DP_OK || p->answer.size > TX_SIZE_MAX || p->answer.size == 0) return DP_OK;
	uint8_t *bytes = dp_alloc((size_t)p->answer.size);
	if (bytes == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	memcpy(bytes, p->answer.bytes, (size_t)p->answer.size);
	return add_tx(p, bytes, (size_t)p->answer.size, false, id, fault);
}

static dp_code fetch(dp_pending_bitcoin *p, const uint32_t *place, uint32_t count, dp_fault *fault)
{
	uint64_t ticket[DP_PENDING_BITCOIN_ROUND];
	char params[PARAMS_MAX];
	dp_rpc_answer a;
	uint32_t started = 0;
	dp_code code = DP_OK;
	while (started < count && code == DP_OK) {
		tx_params(params, p->pool[place[started]].id, "0");
		code = dp_rpc_start(p->node->rpc, &ticket[started], "getrawtransaction", params,
		                    fault);
		started += code == DP_OK;
	}
	for (uint32_t i = 0; i < started; i++) {
		// When a round is full before its end, the others are fetched for the next one.
		if (code != DP_OK || is_full(p)) {
			dp_rpc_drop(p->node->rpc, ticket[i]);
			continue;
		}
		code = dp_rpc_wait(p->node->rpc, ticket[i], &a, fault);
		if (code != DP_OK) continue;
		struct dp_pooled *item = &p->pool[place[i]];
		code = add_fetched(p, item->id, a.result, fault);
		item->is_done = code == DP_OK;
		dp_rpc_answer_done(&a);
	}
	p->fetched += count;
	return code;
}

//- giving ----------------------------------------------------------------------------------------

// Fills what is known of the inputs into the transaction decoded last. False: it pays out more than
// it spends, so that it can be in no block.
static bool fill_values(dp_pending_bitcoin *p, const struct dp_pending_tx *tx)
{
	dp_block *b = &p->builder.block;
	uint64_t most = p->node->chain->money_max, in = 0, out = 0;
	bool is_known = true;
	for (uint32_t i = 0; i < b->mv_count; i++) {
		dp_movement *mv = &b->mv[i];
		if (mv->kind == DP_MV_OUTPUT) {
			out += mv->amount.w[0]; // the decoder has checked that the sum is in range
			continue;
		}
		DP_CHECK(mv->kind == DP_MV_INPUT && i < tx->input_count);
		const struct dp_pending_input *known = &p->input[tx->input_first + i];
		is_known = is_known && known->is_known;
		if (!known->is_known) continue;
		mv->amount = dp_u256_of(known->coin.value);
		mv->from = known->coin.from;
		mv->flags &= (uint8_t)~DP_MVF_VALUE_UNKNOWN;
		in += known->coin.value; // both at most money_max, below 2^60
		if (in > most) return false;
	}
	return !is_known || in >= out;
}

// The next transaction of the round; *ret_block NULL: there is none.
static dp_code give_next(dp_pending_bitcoin *p, const dp_block **ret_block, uint64_t height,
                         int64_t time, dp_fault *fault)
{
	*ret_block = NULL;
	for (; p->tx_at < p->tx_count && *ret_block == NULL; p->tx_at++) {
		struct dp_pending_tx *tx = &p->tx[p->tx_at];
		if (tx->is_out) continue;
		uint64_t tip = p->node->head > height ? p->node->head : height;
		DP_TRY(dp_bitcoin_decode_tx(&p->decoder, &p->builder, p->node->chain, tip + 1, time,
		                            tx->bytes, tx->size, fault));
		if (fill_values(p, tx)) DP_TRY(dp_builder_finish(&p->builder, ret_block, fault));
	}
	return DP_OK;
}

// A round from what was offered, else of the mempool. *ret_is_end: there is nothing more now.
static dp_code next_round(dp_pending_bitcoin *p, bool *ret_is_end, bool has_heads, dp_fault *fault)
{
	uint32_t place[DP_PENDING_BITCOIN_ROUND], count;
	*ret_is_end = false;
	end_round(p);
	if (p->tx == NULL) p->tx = dp_alloc(DP_PENDING_BITCOIN_ROUND * sizeof *p->tx);
	if (p->tx == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	if (p->offers.count > 0) {
		DP_TRY(fill_from_offers(p, fault));
		return find_values(p, fault);
	}
	if (!has_heads && !p->has_asked) {
		DP_TRY(list_pool(p, fault));
		p->has_asked = true;
		p->fetched = 0;
	}
	count = has_heads || p->fetched >= FETCHED_MAX ? 0 : pick(p, place);
	*ret_is_end = count == 0;
	if (count == 0) return DP_OK;
	DP_TRY(fetch(p, place, count, fault));
	return find_values(p, fault);
}

dp_code dp_pending_bitcoin_next(dp_pending_bitcoin *p, const dp_block **ret_block, bool has_heads,
                                uint64_t height, int64_t time, dp_fault *fault)
{
	DP_CHECK(p != NULL && ret_block != NULL && p->node != NULL);
	dp_code code;
	for (;;) {
		bool is_end;
		code = give_next(p, ret_block, height, time, fault);
		if (code != DP_OK || *ret_block != NULL) break;
		code = next_round(p, &is_end, has_heads, fault);
		if (code != DP_OK) undo_round(p);
		if (code == DP_OK && is_end) code = DP_END;
		if (code != DP_OK) break;
	}
	if (code != DP_OK) p->has_asked = false; // whoever asks again wants to know anew
	if (code == DP_BAD_BYTES || code == DP_LIMIT) {
		// A node that makes no sense is a node that failed.
		if (fault != NULL) fault->code = DP_IO;
		code = DP_IO;
	}
	return code;
}

void dp_pending_bitcoin_offer(dp_pending_bitcoin *p, const uint8_t *bytes, size_t size)
{
	DP_CHECK(p != NULL && (bytes != NULL || size == 0));
	if (size <= TX_SIZE_MAX) dp_offers_put(&p->offers, bytes, size);
}

void dp_pending_bitcoin_done(dp_pending_bitcoin *p)
{
	DP_CHECK(p != NULL && p->tx_at <= p->tx_count);
	end_round(p);
	dp_free(p->tx);
	dp_free(p->input);
	dp_free(p->order);
	dp_free(p->pool);
	dp_free(p->pool_new);
	dp_seen_done(&p->seen);
	dp_offers_done(&p->offers);
	dp_bitcoin_decoder_done(&p->decoder);
	dp_builder_done(&p->builder);
	dp_bitcoin_answer_done(&p->answer);
	p->tx = NULL;
}

//- what became of one ----------------------------------------------------------------------------

// The node does not know it. One with an index would, were it in a block; without one it is out of
// the mempool for a block that we have not read yet, or for good.
static dp_waiting judge(const dp_rpc_answer *tx, bool has_output, bool has_all)
{
	if (has_output) return DP_WAITING_IN_BLOCK;
	if (tx->error_code != ERROR_NO_SUCH) return DP_WAITING_UNKNOWN;
	// Core: "No such mempool transaction. Use -txindex ...", "... still in the process of
	// being indexed"; btcd: "The transaction index must be enabled ...".
	bool has_index = strstr(tx->error, "index") == NULL;
	return has_index || has_all ? DP_WAITING_GONE : DP_WAITING_UNKNOWN;
}

// Is it in a block that was given, or in one that is still to be? An answer tells only how many
// blocks stand on it, with itself.
static bool was_given(const dp_pending_bitcoin *p, const dp_json *answer, uint64_t height)
{
	uint64_t count;
	if (!dp_json_u64(dp_json_get(answer, "confirmations"), &count) || count == 0) return false;
	return count > p->node->head || p->node->head + 1 - count <= height;
}

// Three questions at once: the transaction; its first output, should it be in a block of a node
// without an index; and whether the node has blocks that were not given.
dp_code dp_pending_bitcoin_waiting(dp_pending_bitcoin *p, dp_waiting *ret_waiting,
                                   const uint8_t tx[32], uint64_t height, dp_fault *fault)
{
	DP_CHECK(p != NULL && ret_waiting != NULL && tx != NULL);
	char params[PARAMS_MAX];
	uint64_t ticket, output;
	dp_rpc_answer a = {0}, o;
	if (dp_seen_in_block(&p->seen, tx)) {
		*ret_waiting = DP_WAITING_IN_BLOCK;
		return DP_OK;
	}
	tx_params(params, tx, "1");
	DP_TRY(dp_rpc_start(p->node->rpc, &ticket, "getrawtransaction", params, fault));
	tx_params(params, tx, "0,false");
	dp_code code = dp_rpc_start(p->node->rpc, &output, "gettxout", params, fault);
	if (code != DP_OK) {
		dp_rpc_drop(p->node->rpc, ticket);
		return code;
	}
	code = dp_bitcoin_node_tip(p->node, fault);
	if (code != DP_OK) {
		dp_rpc_drop(p->node->rpc, ticket);
		dp_rpc_drop(p->node->rpc, output);
		return code;
	}
	code = dp_rpc_wait(p->node->rpc, output, &o, fault);
	if (code != DP_OK) {
		dp_rpc_drop(p->node->rpc, ticket);
		return code;
	}
	bool has_output = dp_json_is_object(o.result), is_given = false;
	if (has_output) is_given = was_given(p, o.result, height);
	dp_rpc_answer_done(&o);
	DP_TRY(dp_rpc_wait(p->node->rpc, ticket, &a, fault));
	if (dp_json_is_object(a.result)) {
		bool is_in = dp_json_text(dp_json_get(a.result, "blockhash")) != NULL &&
		             was_given(p, a.result, height);
		*ret_waiting = is_in ? DP_WAITING_IN_BLOCK : DP_WAITING_YES;
	} else if (has_output && !is_given) {
		*ret_waiting = DP_WAITING_YES;
	} else {
		*ret_waiting = judge(&a, has_output, p->node->head <= height);
	}
	dp_rpc_answer_done(&a);
	if (*ret_waiting == DP_WAITING_GONE) dp_seen_forget(&p->seen, tx); // it may come back
	return DP_OK;
}
