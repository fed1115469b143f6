// See settle.h.
//
// Settling costs two look-ups in a large table for each coin. The keys of a whole block are hashed
// first and their places fetched a few rows ahead, so that the memory latency of one overlaps
// with the work on others. Where every block brings its own entries the large table is not needed:
// what stays are look-ups of the makers of coins among the block's own transactions, in a table of
// a few kilobytes, which prove that nothing is spent before it is made.
//
// On a chain that lets transactions stand in any order (Bitcoin Cash since 2018 sorts them by their
// hashes) the decoder has put spenders behind those they spend from. What stands beside a block
// follows the serialised order, so that entries are then found by the place of their transaction.
#include "source/settle.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum { PREFETCH_ROWS = 12, SIEVE_BITS = 1 << 16 };

// One block on its way through.
typedef struct settling {
	dp_settler *s;
	dp_block *block;
	const dp_bitcoin_decoder *decoder;
	const dp_settle_beside *beside;
	bool is_outer_only; // DP_BESIDE_LIST: no entries for inputs that spend the block's own
	const uint32_t
	    *order;        // places of transactions in the serialised block; NULL: as they stand
	uint64_t at, used; // next entry; how many were taken
	uint64_t fees;     // each at most money_max, and their sum is kept below it
	bool is_known;     // every value so far
	dp_fault *fault;
	uint8_t sieve[SIEVE_BITS / 8]; // which beginnings of txids the block has
} settling;

//- faults ----------------------------------------------------------------------------------------

// "transaction 3, input 1: why"
static dp_code fail_row(const settling *g, uint32_t tx, const char *part, uint32_t item,
                        const char *why)
{
	DP_CHECK(part != NULL && why != NULL);
	return dp_fail(g->fault, DP_BAD_BYTES, "transaction %u, %s %u: %s", tx, part, item, why);
}

static dp_code fail_money(const settling *g, uint32_t tx, const char *part, uint32_t item)
{
	const dp_chain *chain = g->block->chain;
	return dp_fail(g->fault, DP_BAD_BYTES,
	               "transaction %u, %s %u: makes the inputs worth more than %llu %s", tx, part,
	               item, (unsigned long long)(chain->money_max / 100000000), chain->native);
}

static dp_code fail_count(const settling *g, uint64_t inputs, uint64_t outer)
{
	return dp_fail(g->fault, DP_BAD_BYTES,
	               "%s has %llu entries where the block has %llu inputs, %llu of them spending "
	               "earlier blocks: it belongs to another block",
	               g->beside->name, (unsigned long long)g->beside->count,
	               (unsigned long long)inputs, (unsigned long long)outer);
}

//- what the block itself knows -------------------------------------------------------------------

// Two bytes of a txid are enough to say of most coins that the block did not make them, without a
// look into the decoder's table, whose places are all over the cache.
static uint32_t sieve_at(const uint8_t txid[32])
{
	return (uint32_t)txid[0] | (uint32_t)txid[1] << 8;
}

static void fill_sieve(settling *g)
{
	for (uint32_t t = 0; t < g->block->tx_count; t++) {
		uint32_t at = sieve_at(g->block->tx[t].id);
		g->sieve[at / 8] |= (uint8_t)(1u << at % 8);
	}
}

// The transaction of the block that made what this input spends; false when none did.
static inline bool find_maker(const settling *g, uint32_t *ret_maker, const dp_movement *mv)
{
	uint32_t at = sieve_at(mv->spent.txid);
	DP_CHECK(mv->kind == DP_MV_INPUT);
	return (g->sieve[at / 8] >> at % 8 & 1) != 0 &&
	       dp_bitcoin_find_tx(g->decoder, ret_maker, mv->spent.txid);
}

// Output number `vout` of transaction `tx`, NULL when it has none of that number. Rows are inputs,
// then outputs: the boundary is found by halving, for a transaction of many inputs may be spent by
// as many others.
static const dp_movement *output_of(const dp_block *block, uint32_t tx, uint32_t vout)
{
	DP_CHECK(tx < block->tx_count);
	const dp_tx *t = &block->tx[tx];
	const dp_movement *mv = block->mv + t->mv_first;
	uint32_t low = 0, high = t->mv_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (mv[middle].kind == DP_MV_INPUT)
			low = middle + 1;
		else
			high = middle;
	}
	return vout < t->mv_count - low ? &mv[low + vout] : NULL;
}

// What is wrong with input of transaction `tx` that spends an output of `maker`; NULL: nothing,
// and the output is *ret_made.
static const char *find_inner(const settling *g, const dp_movement **ret_made, uint32_t maker,
                              uint32_t tx, uint32_t vout)
{
	if (maker >= tx)
		return "spends an output of a transaction that comes later in the block (Bitcoin "
		       "Cash does so: if these are its blocks, name the chain)";
	const dp_movement *made = output_of(g->block, maker, vout);
	if (made == NULL)
		return "spends an output that its transaction, in the same block, does not have";
	if (made->to.kind == DP_ADDR_NULLDATA)
		return "spends an output of the same block that can not be spent";
	*ret_made = made;
	return NULL;
}

//- inputs ----------------------------------------------------------------------------------------

// What is known of a coin.
typedef struct coin {
	bool is_known;
	uint64_t value;
	dp_addr from;
} coin;

// What the map or the block knows. Returns what is wrong with the input, or NULL; unknown and
// nothing wrong: the coin is of a block that was not read.
static const char *look_up(const settling *g, coin *ret_coin, uint32_t tx, const dp_movement *mv)
{
	const dp_movement *made = NULL;
	uint32_t maker;
	dp_settler *s = g->s;
	*ret_coin = (coin){0};
	if (!s->keep_no_coins) {
		dp_coin_key key = s->key[mv - g->block->mv];
		ret_coin->is_known =
		    dp_coin_take(&s->coins, &ret_coin->value, &ret_coin->from, key);
		if (ret_coin->is_known) return NULL;
	}
	if (!find_maker(g, &maker, mv))
		return s->is_complete && !s->keep_no_coins
		           ? "spends a coin that was never made or is spent already"
		           : NULL;
	const char *why = find_inner(g, &made, maker, tx, mv->spent.vout);
	if (why != NULL) return why;
	// With a map it would have stood there, unless it is the first coinbase of all.
	if (!s->keep_no_coins) return "spends an output of the same block that can not be spent";
	*ret_coin = (coin){.is_known = true, .value = made->amount.w[0], .from = made->to};
	return NULL;
}

// The entry that stands beside for this input; NULL where there is none.
static const dp_spent_coin *entry_of(settling *g, const dp_movement *mv)
{
	uint32_t maker;
	bool has_entry = false;
	switch (g->beside->kind) {
	case DP_BESIDE_NOTHING: break;
	case DP_BESIDE_LIST: has_entry = !g->is_outer_only || !find_maker(g, &maker, mv); break;
	case DP_BESIDE_MISSING:
		has_entry = g->at < g->s->missing_count &&
		            g->s->missing[g->at] == (uint32_t)(mv - g->block->mv);
		break;
	}
	if (!has_entry) return NULL;
	DP_CHECK(g->at < g->beside->count);
	g->used++;
	return &g->beside->coin[g->at++];
}

// One input: what is known here and what stands beside must agree.
static dp_code settle_input(settling *g, uint32_t tx, uint32_t item, dp_movement *mv)
{
	coin c;
	const char *why = look_up(g, &c, tx, mv);
	if (why != NULL) return fail_row(g, tx, "input", item, why);
	const dp_spent_coin *said = entry_of(g, mv);
	if (said != NULL && said->value != DP_SETTLE_UNKNOWN) {
		if (c.is_known && (said->value != c.value || !dp_addr_eq(&said->from, &c.from)))
			return dp_fail(g->fault, DP_BAD_BYTES,
			               "transaction %u, input %u: %s does not say what the block "
			               "that made this coin says",
			               tx, item, g->beside->name);
		c = (coin){.is_known = true, .value = said->value, .from = said->from};
	}
	if (!c.is_known) {
		g->s->values_unknown++;
		return DP_OK;
	}
	if (c.value > g->block->chain->money_max) return fail_money(g, tx, "input", item);
	mv->amount = dp_u256_of(c.value);
	mv->from = c.from;
	mv->flags &= (uint8_t)~DP_MVF_VALUE_UNKNOWN;
	return DP_OK;
}

//- transactions ----------------------------------------------------------------------------------

// Enters the coin that a row makes.
static dp_code put_output(const settling *g, const dp_movement *mv)
{
	DP_CHECK(mv->kind == DP_MV_OUTPUT);
	DP_CHECK(dp_u256_fits64(mv->amount) && mv->amount.w[0] <= g->block->chain->money_max);
	// Nobody can spend what pays to nothing, nor the first coinbase of all.
	bool is_dead = mv->to.kind == DP_ADDR_NULLDATA || g->block->height == 0;
	if (g->s->keep_no_coins || is_dead) return DP_OK;
	return dp_coin_put(&g->s->coins, g->s->key[mv - g->block->mv], mv->amount.w[0], &mv->to,
	                   g->fault);
}

// One transaction: takes its inputs' coins, makes its outputs' coins, and adds its fee.
static dp_code settle_tx(settling *g, uint32_t t)
{
	dp_block *block = g->block;
	const dp_tx *tx = &block->tx[t];
	uint64_t in = 0, out = 0;
	bool is_known = true;
	if (g->order != NULL) g->at = g->s->first_entry[g->order[t]];
	for (uint32_t k = 0; k < tx->mv_count; k++) {
		uint32_t i = tx->mv_first + k;
		dp_movement *mv = &block->mv[i];
		if (!g->s->keep_no_coins && i + PREFETCH_ROWS < block->mv_count)
			dp_coin_prefetch(&g->s->coins, g->s->key[i + PREFETCH_ROWS]);
		if (mv->kind == DP_MV_INPUT) {
			DP_TRY(settle_input(g, t, k, mv));
			is_known = is_known && (mv->flags & DP_MVF_VALUE_UNKNOWN) == 0;
			in += mv->amount.w[0]; // both at most money_max, below 2^60
			if (in > block->chain->money_max) return fail_money(g, t, "input", k);
			continue;
		}
		out += mv->amount.w[0]; // the decoder has checked that the sum is in range
		DP_TRY(put_output(g, mv));
	}
	if ((tx->flags & DP_TXF_COINBASE) != 0) return DP_OK;
	g->is_known = g->is_known && is_known;
	if (!is_known) return DP_OK;
	if (in < out)
		return dp_fail(g->fault, DP_BAD_BYTES,
		               "transaction %u: pays out %llu satoshi and spends only %llu", t,
		               (unsigned long long)out, (unsigned long long)in);
	g->fees += in - out;
	if (g->fees > block->chain->money_max)
		return dp_fail(g->fault, DP_BAD_BYTES, "the fees come to more than %llu %s",
		               (unsigned long long)(block->chain->money_max / 100000000),
		               block->chain->native);
	return DP_OK;
}

//- the block -------------------------------------------------------------------------------------

// The keys of all rows: inputs by what they spend, outputs by what they make.
static dp_code hash_keys(const settling *g)
{
	dp_settler *s = g->s;
	const dp_block *block = g->block;
	DP_TRY(dp_grow((void **)&s->key, &s->key_cap, sizeof *s->key, block->mv_count,
	               DP_BLOCK_MV_MAX, g->fault));
	for (uint32_t t = 0; t < block->tx_count; t++) {
		const dp_tx *tx = &block->tx[t];
		uint32_t vout = 0;
		for (uint32_t i = tx->mv_first; i < tx->mv_first + tx->mv_count; i++) {
			const dp_movement *mv = &block->mv[i];
			s->key[i] = mv->kind == DP_MV_INPUT
			                ? dp_coin_key_of(&s->coins, mv->spent.txid, mv->spent.vout)
			                : dp_coin_key_of(&s->coins, tx->id, vout++);
		}
	}
	return DP_OK;
}

// Decides which inputs the entries belong to, by their number.
static dp_code match_entries(settling *g, uint32_t input_count)
{
	const dp_block *block = g->block;
	uint64_t outer = 0;
	uint32_t maker;
	DP_CHECK(g->beside->count == 0 || (g->beside->coin != NULL && g->beside->name != NULL));
	if (g->beside->kind == DP_BESIDE_MISSING) {
		if (g->beside->count == g->s->missing_count) return DP_OK;
		return dp_fail(g->fault, DP_BAD_BYTES, "%s has %llu entries where %llu are wanted",
		               g->beside->name, (unsigned long long)g->beside->count,
		               (unsigned long long)g->s->missing_count);
	}
	if (g->beside->kind == DP_BESIDE_NOTHING || g->beside->count == input_count) return DP_OK;
	for (uint32_t i = 0; i < block->mv_count; i++) {
		const dp_movement *mv = &block->mv[i];
		if (mv->kind == DP_MV_INPUT && !find_maker(g, &maker, mv)) outer++;
	}
	g->is_outer_only = true;
	return g->beside->count == outer ? DP_OK : fail_count(g, input_count, outer);
}

// Where the transactions were moved: the first entry of each by its place in the serialised block.
static dp_code place_entries(settling *g)
{
	dp_settler *s = g->s;
	const dp_block *block = g->block;
	uint32_t maker;
	uint64_t next = 0;
	DP_TRY(dp_grow((void **)&s->first_entry, &s->first_entry_cap, sizeof *s->first_entry,
	               block->tx_count, DP_BLOCK_TX_MAX, g->fault));
	for (uint32_t t = 0; t < block->tx_count; t++) {
		const dp_tx *tx = &block->tx[t];
		uint32_t count = 0;
		for (uint32_t k = 0; k < tx->mv_count; k++) {
			const dp_movement *mv = &block->mv[tx->mv_first + k];
			if (mv->kind != DP_MV_INPUT) break; // outputs follow the inputs
			count += !g->is_outer_only || !find_maker(g, &maker, mv);
		}
		DP_CHECK(g->order[t] < block->tx_count);
		s->first_entry[g->order[t]] = count;
	}
	for (uint32_t place = 0; place < block->tx_count; place++) {
		uint32_t count = s->first_entry[place];
		s->first_entry[place] = (uint32_t)next;
		next += count;
	}
	DP_CHECK(next == g->beside->count);
	return DP_OK;
}

static dp_code check_coinbase(const settling *g, const dp_bitcoin_info *info)
{
	uint64_t most = dp_chain_subsidy(g->block->chain, g->block->height) + g->fees;
	if (!g->is_known || info->coinbase_value <= most) return DP_OK;
	return dp_fail(g->fault, DP_BAD_BYTES,
	               "the coinbase takes %llu satoshi where subsidy and fees make %llu",
	               (unsigned long long)info->coinbase_value, (unsigned long long)most);
}

dp_code dp_settle(dp_settler *s, dp_block_builder *builder, const dp_bitcoin_decoder *decoder,
                  const dp_bitcoin_info *info, const dp_settle_beside *beside, dp_fault *fault)
{
	DP_CHECK(s != NULL && builder != NULL && decoder != NULL);
	DP_CHECK(info != NULL && beside != NULL);
	settling g = {.s = s,
	              .block = &builder->block,
	              .decoder = decoder,
	              .beside = beside,
	              .is_known = true,
	              .fault = fault};
	fill_sieve(&g);
	if (g.block->height != s->height_next) s->is_complete = false;
	if (!s->keep_no_coins) DP_TRY(hash_keys(&g));
	DP_TRY(match_entries(&g, info->input_count));
	if (beside->kind == DP_BESIDE_LIST) g.order = dp_bitcoin_order(decoder);
	if (g.order != NULL) DP_TRY(place_entries(&g));
	for (uint32_t t = 0; t < g.block->tx_count; t++) DP_TRY(settle_tx(&g, t));
	DP_CHECK(beside->kind == DP_BESIDE_NOTHING || g.used == beside->count);
	DP_TRY(check_coinbase(&g, info));
	s->height_next = g.block->height + 1;
	return DP_OK;
}

dp_code dp_settle_missing(dp_settler *s, const uint32_t **ret_row, uint32_t *ret_count,
                          const dp_block_builder *builder, const dp_bitcoin_decoder *decoder,
                          dp_fault *fault)
{
	const dp_block *block = &builder->block;
	uint32_t maker;
	DP_CHECK(s != NULL && ret_row != NULL && ret_count != NULL && decoder != NULL);
	DP_TRY(dp_grow((void **)&s->missing, &s->missing_cap, sizeof *s->missing, block->mv_count,
	               DP_BLOCK_MV_MAX, fault));
	s->missing_count = 0;
	for (uint32_t i = 0; i < block->mv_count; i++) {
		const dp_movement *mv = &block->mv[i];
		if (mv->kind != DP_MV_INPUT) continue;
		if (dp_bitcoin_find_tx(decoder, &maker, mv->spent.txid)) continue;
		dp_coin_key key = dp_coin_key_of(&s->coins, mv->spent.txid, mv->spent.vout);
		if (!dp_coin_has(&s->coins, key)) s->missing[s->missing_count++] = i;
	}
	*ret_row = s->missing;
	*ret_count = s->missing_count;
	return DP_OK;
}

void dp_settle_forget(dp_settler *s)
{
	DP_CHECK(s != NULL);
	dp_coin_map_done(&s->coins);
	s->is_complete = false;
}

void dp_settle_done(dp_settler *s)
{
	DP_CHECK(s != NULL);
	dp_coin_map_done(&s->coins);
	dp_free(s->key);
	dp_free(s->missing);
	dp_free(s->first_entry);
	s->key = NULL;
	s->missing = s->first_entry = NULL;
	s->key_cap = s->missing_cap = s->first_entry_cap = 0;
	s->missing_count = 0;
}
