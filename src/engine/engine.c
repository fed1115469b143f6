// The engine's life, and the loop every block goes through. See engine.h and private.h.
//
// Scanning a block is two look-ups in the filter for each movement, over two columns of 64-bit
// keys; only where one of them says "maybe" is a transaction looked at. That is what makes
// following a theft through a whole chain a matter of memory bandwidth.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "engine/exchange_inner.h"
#include "engine/private.h"

enum { COLOURS_MAX = 60000, UNDO_BLOCKS_MAX = 100000 };

//- making ----------------------------------------------------------------------------------------

static int by_theft_time(const void *a, const void *b)
{
	const dp_case *const *x = a, *const *y = b;
	return ((*x)->theft_time > (*y)->theft_time) - ((*x)->theft_time < (*y)->theft_time);
}

// The colour of (case, stolen asset), made when it is not there yet.
static dp_colour colour_for(dp_engine *e, uint32_t case_index, dp_asset asset)
{
	for (uint32_t i = 1; i <= e->colour_count; i++)
		if (e->colour[i].case_index == case_index && e->colour[i].asset.v == asset.v)
			return (dp_colour){(uint16_t)i};
	e->colour_count++;
	e->colour[e->colour_count].case_index = case_index;
	e->colour[e->colour_count].asset = asset;
	return (dp_colour){(uint16_t)e->colour_count};
}

static bool is_here(const dp_engine *e, const dp_chain *chain)
{
	return chain == NULL || chain == e->options.chain;
}

// A link that a person vouches for: within this chain (claim.c), or with one leg here (legs.c).
static dp_code add_claim(dp_engine *e, const dp_link_claim *c, uint32_t case_index, dp_fault *fault)
{
	bool over = c->has_to_tx || (c->to_chain != NULL && c->to_chain != c->chain);
	if (!over && !is_here(e, c->chain)) {
		// Its place is kept: reports know links by their number.
		e->link[e->link_count].claim = c;
		e->link[e->link_count].done = true;
		e->link[e->link_count++].case_index = case_index;
		return DP_OK;
	}
	if (over) {
		for (uint32_t k = 0; k < c->tx_count && is_here(e, c->chain); k++)
			DP_TRY(dp_txset_add(&e->person_txs, c->tx[k], e->person_count, fault));
		if (c->has_to_tx && is_here(e, c->to_chain))
			DP_TRY(dp_txset_add(&e->landing_txs, c->to_tx, e->person_count, fault));
		e->person[e->person_count++] = c;
		e->link[e->link_count].done = true;
	}
	for (uint32_t k = 0; k < c->tx_count && !over; k++)
		DP_TRY(dp_txset_add(&e->link_txs, c->tx[k], e->link_count, fault));
	e->link[e->link_count].claim = c;
	e->link[e->link_count++].case_index = case_index;
	return DP_OK;
}

static dp_code copy_seeds(dp_engine *e, dp_fault *fault)
{
	uint64_t seeds = 0, links = 0;
	for (uint32_t i = 0; i < e->case_count; i++) {
		seeds += e->cases[i]->seed_count;
		links += e->cases[i]->link_count;
	}
	links += e->options.decision_count;
	if (seeds == 0) return dp_fail(fault, DP_BAD_CASE, "nothing was stolen: no seeds");
	if (seeds > DP_CASE_SEEDS_MAX) return dp_fail(fault, DP_LIMIT, "too many seeds");
	uint64_t colours = seeds < COLOURS_MAX ? seeds + 1 : COLOURS_MAX;
	e->seed = dp_alloc(seeds * sizeof *e->seed);
	e->link = dp_alloc((links + 1) * sizeof *e->link);
	e->person = dp_alloc((links + 1) * sizeof(void *));
	e->colour = dp_alloc(colours * sizeof *e->colour);
	if (e->seed == NULL || e->link == NULL || e->person == NULL || e->colour == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < e->case_count; i++) {
		const dp_case *c = e->cases[i];
		for (uint32_t j = 0; j < c->seed_count; j++) {
			dp_seed_state *s = &e->seed[e->seed_count++];
			s->seed = &c->seed[j];
			s->case_index = i;
			if (e->colour_count + 2 >= colours + 1 && colours == COLOURS_MAX)
				return dp_fail(fault, DP_LIMIT, "too many cases and assets");
			s->colour = colour_for(e, i, c->seed[j].asset);
			// Another engine places those of another chain.
			s->done = !is_here(e, s->seed->chain);
			if (s->done) continue;
			const uint8_t *named = s->seed->has_outpoint ? s->seed->outpoint.txid
			                       : s->seed->has_tx     ? s->seed->tx
			                                             : NULL;
			if (named != NULL)
				DP_TRY(dp_txset_add(&e->seed_txs, named, e->seed_count - 1, fault));
		}
		for (uint32_t j = 0; j < c->link_count; j++)
			DP_TRY(add_claim(e, &c->link[j], i, fault));
		if (c->hub_limit > 0 && (e->hub_limit == 0 || c->hub_limit < e->hub_limit))
			e->hub_limit = c->hub_limit;
	}
	for (uint32_t j = 0; j < e->options.decision_count; j++)
		DP_TRY(add_claim(e, &e->options.decision[j], 0, fault));
	for (uint32_t i = 0; i < e->seed_count; i++) e->seeds_waiting += !e->seed[i].done;
	dp_txset_sort(&e->seed_txs);
	dp_txset_sort(&e->link_txs);
	dp_txset_sort(&e->person_txs);
	dp_txset_sort(&e->landing_txs);
	return DP_OK;
}

static dp_code make(dp_engine *e, const dp_case *const *cases, uint32_t case_count, dp_fault *fault)
{
	e->cases = dp_alloc(case_count * sizeof *e->cases);
	if (e->cases == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < case_count; i++) {
		e->cases[i] = cases[i];
		e->has_openings |= cases[i]->opening_count > 0;
	}
	e->case_count = case_count;
	// The earlier theft keeps a unit that two cases claim: its colours come first. A stable
	// order for cases of one time is the order given; qsort is not stable, so insert.
	for (uint32_t i = 1; i < case_count; i++)
		for (uint32_t j = i; j > 0 && by_theft_time(&e->cases[j - 1], &e->cases[j]) > 0;
		     j--) {
			const dp_case *swap = e->cases[j];
			e->cases[j] = e->cases[j - 1];
			e->cases[j - 1] = swap;
		}
	DP_TRY(copy_seeds(e, fault));
	DP_TRY(dp_stops_make(e, fault));
	size_t colours = (size_t)e->colour_count + 1;
	e->in_tx = dp_alloc(colours * sizeof *e->in_tx);
	e->sum_units = dp_alloc(colours * sizeof *e->sum_units);
	e->sum_origin = dp_alloc(colours * sizeof *e->sum_origin);
	e->undo = dp_alloc(((size_t)e->options.undo_blocks + 1) * sizeof *e->undo);
	e->unchecked = dp_alloc(colours * sizeof *e->unchecked);
	e->is_unchecked = dp_alloc(colours * sizeof *e->is_unchecked);
	if (e->in_tx == NULL || e->sum_units == NULL || e->sum_origin == NULL || e->undo == NULL ||
	    e->unchecked == NULL || e->is_unchecked == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	DP_TRY(dp_holders_init(&e->holders, e->utxo, fault));
	e->opening_mv = DP_NO_INDEX;
	e->watched_key = dp_legs_watched(e->options.chain);
	e->exchange = e->options.exchange;
	e->owns_exchange = e->exchange == NULL;
	if (e->owns_exchange) DP_TRY(dp_exchange_new(&e->exchange, fault));
	for (uint32_t i = 0; e->utxo && i < e->seed_count; i++)
		if (e->seed[i].seed->has_outpoint && !e->seed[i].done)
			DP_TRY(dp_holders_watch(
			    &e->holders, dp_outpoint_key(&e->seed[i].seed->outpoint), fault));
	dp_state_init(e);
	return DP_OK;
}

dp_code dp_engine_new(dp_engine **ret_engine, const dp_engine_options *options,
                      const dp_case *const *cases, uint32_t case_count, dp_fault *fault)
{
	DP_CHECK(options->policy != NULL && options->chain != NULL);
	DP_CHECK(options->undo_blocks <= UNDO_BLOCKS_MAX);
	DP_CHECK(case_count > 0 && case_count < COLOURS_MAX);
	dp_engine *e = dp_alloc(sizeof *e);
	if (e == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	e->options = *options;
	e->policy = options->policy;
	e->utxo = options->chain->kind == DP_CHAIN_UTXO;
	e->native = dp_asset_native(options->chain);
	dp_code code = make(e, cases, case_count, fault);
	if (code != DP_OK) {
		dp_engine_free(e);
		return code;
	}
	*ret_engine = e;
	return DP_OK;
}

static void undo_done(dp_undo *u)
{
	dp_free(u->bytes.bytes);
	dp_free(u->balance_log.bytes);
}

void dp_engine_free(dp_engine *e)
{
	if (e == NULL) return;
	dp_holders_done(&e->holders);
	for (uint32_t i = 0; i < e->link_count; i++) dp_parcels_done(&e->link[i].inside);
	for (uint64_t i = 0; i < e->slot_cap; i++) dp_parcels_done(&e->slot_out[i]);
	for (uint32_t i = 0; e->undo != NULL && i <= e->options.undo_blocks; i++)
		undo_done(&e->undo[i]);
	undo_done(&e->now);
	dp_balances_done(&e->balances);
	dp_parcels_done(&e->scratch_a);
	dp_parcels_done(&e->scratch_b);
	dp_parcels_done(&e->in);
	dp_parcels_done(&e->out);
	dp_free(e->dirty.bytes);
	dp_free(e->changed);
	dp_txset_done(&e->seed_txs);
	dp_txset_done(&e->link_txs);
	dp_free(e->cases);
	dp_free(e->colour);
	dp_free(e->in_tx);
	dp_free(e->sum_units);
	dp_free(e->sum_origin);
	dp_free(e->unchecked);
	dp_free(e->is_unchecked);
	dp_free(e->seed);
	dp_free(e->link);
	dp_free(e->person);
	dp_txset_done(&e->person_txs);
	dp_txset_done(&e->landing_txs);
	if (e->owns_exchange) dp_exchange_free(e->exchange);
	dp_marks_done(&e->marks);
	dp_net_free(e->net);
	dp_shaper_done(&e->shaper);
	for (uint32_t i = 0; e->exit != NULL && i < DP_EXITS_MAX; i++)
		dp_parcels_done(&e->exit[i].inside);
	dp_free(e->leg);
	dp_free(e->exit);
	dp_free(e->entry);
	dp_free(e->record);
	dp_parcels_done(&e->converted);
	dp_free(e->stop);
	dp_free(e->event);
	dp_free(e->undo);
	dp_free(e->slot_out);
	dp_free(e->coin);
	dp_free(e->slot);
	dp_free(e->ahead);
	dp_free(e);
}

dp_code dp_fail_seed(const dp_engine *e, const dp_seed_state *s, dp_fault *fault,
                     const char *format, ...)
{
	char text[DP_FAULT_TEXT_MAX];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	dp_code code = dp_fail_at(fault, DP_BAD_CASE, s->seed->line, 0, "%s", text);
	dp_fault_file(fault, e->cases[s->case_index]->incident);
	return code;
}

//- seeds by position -----------------------------------------------------------------------------

// A seed that is not tied to a transaction of the source: its units lie in the pool from the block
// on. A seed with a transaction and a time waits for the transaction as long as it may still come.
static bool seed_is_due(const dp_seed_state *s, const dp_block *block)
{
	const dp_seed *seed = s->seed;
	if (s->done) return false;
	if (seed->has_tx) {
		if (seed->has_height) return block->height > seed->height;
		if (seed->has_time) return block->time > seed->time;
		return false;
	}
	if (seed->has_height) return block->height >= seed->height;
	if (seed->has_time) return block->time >= seed->time;
	return true;
}

static dp_code place_seeds(dp_engine *e, const dp_block *block, dp_fault *fault)
{
	for (uint32_t i = 0; e->seeds_waiting > 0 && i < e->seed_count; i++) {
		dp_seed_state *s = &e->seed[i];
		if (!seed_is_due(s, block)) continue;
		DP_TRY(dp_touch_books(e, fault));
		uint32_t index;
		e->placing = s;
		dp_code code =
		    dp_pool(e, &index, &s->seed->addr, s->seed->asset, 0, DP_NO_INDEX, fault);
		bool is_old = e->placing != NULL; // who opens a pool takes the seed into account
		e->placing = NULL;
		if (code == DP_OK && is_old) code = dp_pool_make_room(e, index, s, fault);
		if (code != DP_OK) return code;
		dp_parcel p = {.units = s->seed->amount, .origin = s->seed->amount};
		p.colour = s->colour;
		s->done = true;
		e->seeds_waiting--;
		const dp_holder *r = &e->holders.record[index];
		bool hub =
		    (r->flags & DP_HOLDER_HUB) != 0; // swallows what is said to lie there, too
		DP_TRY(dp_flow(e, DP_NO_INDEX, DP_NO_INDEX, DP_PARTY_THEFT,
		               hub ? dp_party_of_bucket(DP_BUCKET_UNRESOLVED) : (dp_party)r->no,
		               s->seed->asset, &p, fault));
		if (hub) continue;
		dp_parcels_clear(&e->in);
		if (e->policy->shape == DP_SHAPE_MARKS)
			DP_TRY(dp_policy_put_clean(e->policy, &e->in, p.units, fault));
		DP_TRY(e->policy->shape == DP_SHAPE_QUEUE ? dp_parcels_push(&e->in, &p, fault)
		                                          : dp_bag_add(&e->in, &p, fault));
		DP_TRY(dp_pool_put(e, index, &e->in, fault));
	}
	return DP_OK;
}

//- a block ---------------------------------------------------------------------------------------

static bool hit(const dp_engine *e, const dp_block *b, uint32_t mv)
{
	uint64_t src = b->src_key[mv], dst = b->dst_key[mv];
	return (src != 0 && dp_holders_maybe(&e->holders, src)) ||
	       (dst != 0 && dp_holders_maybe(&e->holders, dst));
}

// Where much is tainted, what a movement needs lies anywhere in three to five tables, each a cache
// miss or two, and each says where the next one is. So they are asked for some movements ahead,
// step by step. A movement takes about as long as one miss, so short distances are enough: from 10
// to 24 movements measure alike, 48 are a tenth slower. All of it together makes applying to
// 100,000 pools about twice as fast.
enum { FETCH_FILTER = 16, FETCH_SLOT = 11, FETCH_RECORD = 7, FETCH_LIST = 4, FETCH_PARCELS = 2 };
enum { FETCH_DENSE = 8 };   // movements since the last hit up to which it is worth it
enum { FETCH_LIVE = 4096 }; // so many holders fit into a cache near by

// How far each step has come in this block.
typedef struct fetch {
	uint32_t filter, slot, record, list, parcels;
} fetch;

// Sets a step to go on from `mv` if it is behind, and gives where it ends now.
static inline uint32_t fetch_end(uint32_t *at, const dp_block *b, uint32_t mv, uint32_t distance)
{
	if (*at < mv) *at = mv;
	return b->mv_count - mv < distance ? b->mv_count : mv + distance;
}

// Coins have one key a row (the other is 0) and one asset, so that no row
// is needed for it.
static inline dp_asset asset_of(const dp_engine *e, const dp_block *b, uint32_t i)
{
	return e->utxo ? e->native : b->mv[i].asset;
}

static void fetch_lists(const dp_engine *e, const dp_block *b, fetch *f, uint32_t mv)
{
	const dp_holders *h = &e->holders;
	for (uint32_t end = fetch_end(&f->list, b, mv, FETCH_LIST); f->list < end; f->list++) {
		dp_asset asset = asset_of(e, b, f->list);
		uint64_t src = b->src_key[f->list], dst = b->dst_key[f->list];
		if (src != 0) dp_holders_fetch_list(h, src, asset);
		if (dst != 0 && !e->utxo) dp_holders_fetch_list(h, dst, asset);
	}
	for (uint32_t end = fetch_end(&f->parcels, b, mv, FETCH_PARCELS); f->parcels < end;
	     f->parcels++) {
		dp_asset asset = asset_of(e, b, f->parcels);
		uint64_t src = b->src_key[f->parcels], dst = b->dst_key[f->parcels];
		if (src != 0) dp_holders_fetch_parcels(h, src, asset);
		if (dst != 0 && !e->utxo) dp_holders_fetch_parcels(h, dst, asset);
	}
}

static void fetch_ahead(const dp_engine *e, const dp_block *b, fetch *f, uint32_t mv)
{
	const dp_holders *h = &e->holders;
	for (uint32_t end = fetch_end(&f->filter, b, mv, FETCH_FILTER); f->filter < end;
	     f->filter++) {
		uint64_t src = b->src_key[f->filter], dst = b->dst_key[f->filter];
		if (src != 0) dp_holders_fetch_filter(h, src);
		if (dst != 0) dp_holders_fetch_filter(h, dst);
		// The rows lie one behind the other, but the machine fetches ahead only within a
		// page, and 28 rows fill one.
		dp_fetch(&b->mv[f->filter]);
		dp_fetch((const char *)&b->mv[f->filter] + 64);
	}
	for (uint32_t end = fetch_end(&f->slot, b, mv, FETCH_SLOT); f->slot < end; f->slot++) {
		dp_asset asset = asset_of(e, b, f->slot);
		uint64_t src = b->src_key[f->slot], dst = b->dst_key[f->slot];
		if (src != 0) dp_holders_fetch_slot(h, src, asset);
		if (dst != 0) dp_holders_fetch_slot(h, dst, asset);
	}
	for (uint32_t end = fetch_end(&f->record, b, mv, FETCH_RECORD); f->record < end;
	     f->record++) {
		dp_asset asset = asset_of(e, b, f->record);
		uint64_t src = b->src_key[f->record], dst = b->dst_key[f->record];
		if (src != 0) dp_holders_fetch_record(h, src, asset);
		// A new coin has no record yet.
		if (dst != 0 && !e->utxo) dp_holders_fetch_record(h, dst, asset);
	}
	if (h->content_count > h->free_content_count) fetch_lists(e, b, f, mv);
}

static dp_code apply_tx(dp_engine *e, uint32_t tx, dp_fault *fault)
{
	e->tx_index = tx;
	e->tx_mixes = 0;
	return e->utxo ? dp_apply_utxo_tx(e, &e->block->tx[tx], fault)
	               : dp_apply_account_tx(e, &e->block->tx[tx], fault);
}

// Every transaction is looked at: while seeds or links wait for theirs, and where balances are
// kept.
static dp_code apply_each(dp_engine *e, const dp_block *b, dp_fault *fault)
{
	fetch f = {0};
	for (uint32_t t = 0; t < b->tx_count; t++) {
		if (e->holders.live > FETCH_LIVE) fetch_ahead(e, b, &f, b->tx[t].mv_first);
		DP_TRY(apply_tx(e, t, fault));
	}
	return DP_OK;
}

// The first movement of the next transaction with a note, from note *io_note on: it is looked at
// whoever it touches. The number of movements when there is none.
static uint32_t next_noted(const dp_engine *e, const dp_block *b, uint32_t *io_note, uint32_t mv)
{
	if (e->options.no_links) return b->mv_count;
	for (; *io_note < b->note_count; ++*io_note) {
		const dp_tx *tx = &b->tx[b->note[*io_note].tx];
		if (tx->mv_count > 0 && tx->mv_first >= mv) return tx->mv_first;
	}
	return b->mv_count;
}

// The fast way: nothing but the two columns is read until a key may belong to a holder.
static dp_code apply_hits(dp_engine *e, const dp_block *b, dp_fault *fault)
{
	uint32_t t = 0, last_hit = 0, note = 0;
	uint32_t noted = next_noted(e, b, &note, 0);
	fetch f = {0};
	for (uint32_t mv = 0; mv < b->mv_count;) {
		if (__builtin_expect(mv != noted && !hit(e, b, mv), 1)) {
			mv++;
			continue;
		}
		while (b->tx[t].mv_first + b->tx[t].mv_count <= mv) t++;
		uint32_t next = b->tx[t].mv_first + b->tx[t].mv_count;
		if (mv - last_hit < FETCH_DENSE) fetch_ahead(e, b, &f, mv);
		DP_TRY(apply_tx(e, t, fault));
		mv = next;
		last_hit = next;
		if (noted < next) noted = next_noted(e, b, &note, next);
	}
	return DP_OK;
}

static bool links_wait(const dp_engine *e)
{
	for (uint32_t i = 0; i < e->link_count; i++)
		if (!e->link[i].done) return true;
	return false;
}

// A refused block leaves no trace.
static dp_code refuse(dp_engine *e, dp_code code, const dp_fault *first, dp_fault *fault)
{
	e->block = NULL;
	memset(e->in_tx, 0, ((size_t)e->colour_count + 1) * sizeof *e->in_tx);
	memset(e->sum_units, 0, ((size_t)e->colour_count + 1) * sizeof *e->sum_units);
	memset(e->sum_origin, 0, ((size_t)e->colour_count + 1) * sizeof *e->sum_origin);
	memset(e->is_unchecked, 0, ((size_t)e->colour_count + 1) * sizeof *e->is_unchecked);
	e->unchecked_count = 0;
	e->event_count = e->record_count = 0;
	dp_fault second;
	// The record leads back to the last block that was applied; the engine stands where it
	// stood, which is behind those that were passed over since.
	dp_position at = e->at;
	bool has_passed = e->has_passed;
	dp_code undone = dp_undo_apply(e, &e->now.bytes, &e->now.balance_log, &second);
	e->at = at;
	e->has_passed = has_passed;
	if (fault != NULL) *fault = undone == DP_OK ? *first : second;
	return undone == DP_OK ? code : undone;
}

dp_code dp_engine_begin(dp_engine *e, const dp_block *block, dp_fault *fault)
{
	DP_CHECK(e != NULL && block != NULL && e->block == NULL && !e->options.undo_only);
	if (block->chain != e->options.chain)
		return dp_fail(fault, DP_BAD_CASE, "the source is of %s but the case is of %s",
		               block->chain->name, e->options.chain->name);
	if (e->at.blocks > 0 && block->height <= e->at.height)
		return dp_fail(fault, DP_BAD_BYTES, "block %llu comes after block %llu",
		               (unsigned long long)block->height, (unsigned long long)e->at.height);
	e->event_count = e->record_count = 0;
	e->tx_mixes = 0;
	DP_TRY(dp_undo_begin(e, fault));
	e->block = block;
	e->tx_index = DP_NO_INDEX;
	dp_fault first = {0};
	dp_code code = e->utxo ? DP_OK : place_seeds(e, block, &first);
	return code == DP_OK ? DP_OK : refuse(e, code, &first, fault);
}

dp_code dp_engine_transaction(dp_engine *e, uint32_t tx, dp_fault *fault)
{
	DP_CHECK(e->block != NULL && tx < e->block->tx_count);
	DP_CHECK(e->tx_index == DP_NO_INDEX || tx > e->tx_index);
	dp_fault first = {0};
	dp_code code = apply_tx(e, tx, &first);
	return code == DP_OK ? DP_OK : refuse(e, code, &first, fault);
}

dp_code dp_engine_end(dp_engine *e, dp_fault *fault)
{
	const dp_block *block = e->block;
	DP_CHECK(block != NULL);
	e->block = NULL;
	e->at.height = block->height;
	e->at.time = block->time;
	memcpy(e->at.hash, block->hash, 32);
	e->at.blocks++;
	e->has_passed = false;
	DP_TRY(dp_exchange_reached(e->exchange, block->chain, block->height, fault));
	return dp_undo_commit(e, block, fault);
}

dp_code dp_engine_apply(dp_engine *e, const dp_block *block, dp_fault *fault)
{
	DP_TRY(dp_engine_begin(e, block, fault));
	bool each = e->seeds_waiting > 0 || e->options.track_openings || e->person_count > 0 ||
	            links_wait(e);
	dp_fault first = {0};
	dp_code code = each ? apply_each(e, block, &first) : apply_hits(e, block, &first);
	return code == DP_OK ? dp_engine_end(e, fault) : refuse(e, code, &first, fault);
}

bool dp_engine_may_matter(const dp_engine *e, const dp_block *block)
{
	if (block->chain != e->options.chain) return false;
	if (e->seeds_waiting > 0 || links_wait(e)) return true;
	// What comes out of a bridge is paid by nobody who is followed.
	if (!e->options.no_links && block->note_count > 0) return true;
	for (uint32_t i = 0; i < block->mv_count; i++)
		if (block->src_key[i] != 0 && dp_holders_maybe(&e->holders, block->src_key[i]))
			return true;
	return false;
}

static dp_code suppose(dp_engine *e, const dp_block *block,
                       dp_code (*look)(void *context, dp_fault *fault), void *context,
                       dp_fault *fault)
{
	dp_fault first = {0}, second;
	DP_TRY(dp_engine_begin(e, block, fault));
	dp_code code = DP_OK;
	for (uint32_t t = 0; t < block->tx_count && code == DP_OK; t++)
		code = apply_tx(e, t, &first);
	if (code == DP_OK) code = look(context, &first);
	if (code != DP_OK) return refuse(e, code, &first, fault);
	// Taken back as a refused block is; what it gives back is then no failure.
	return refuse(e, DP_OK, &first, &second) == DP_OK
	           ? DP_OK
	           : dp_fail(fault, second.code, "%s", second.text);
}

dp_code dp_engine_suppose(dp_engine *e, const dp_block *block,
                          dp_code (*look)(void *context, dp_fault *fault), void *context,
                          dp_fault *fault)
{
	dp_exchange_mark mark;
	uint64_t dirty = e->dirty.size;
	// Undoing a block asks other chains to go back: rightly where they had something from it.
	// Of what was only supposed nobody had anything, so what was asked is forgotten with it.
	DP_TRY(dp_exchange_keep(e->exchange, &mark, fault));
	dp_code code = suppose(e, block, look, context, fault);
	dp_exchange_back(e->exchange, &mark);
	// Holders that went came back, and those that were made never were.
	e->dirty.size = dirty;
	return code;
}

void dp_engine_pass(dp_engine *e, const dp_block *last, uint64_t count)
{
	DP_CHECK(e->block == NULL && last->chain == e->options.chain);
	DP_CHECK(count > 0 && (e->at.blocks == 0 || last->height >= e->at.height + count));
	if (!e->has_passed) e->applied = e->at;
	e->has_passed = true;
	e->at.height = last->height;
	e->at.time = last->time;
	memcpy(e->at.hash, last->hash, 32);
	e->at.blocks += count;
}

dp_code dp_engine_skip(dp_engine *e, const dp_block *block, dp_fault *fault)
{
	if (e->utxo || !e->options.track_openings) return DP_OK;
	e->now.balance_log.size = 0;
	dp_buffer *log = NULL;
	for (uint32_t i = 0; i < e->undo_count; i++) {
		dp_undo *u = &e->undo[(e->undo_first + i) % e->options.undo_blocks];
		if (u->height == block->height && u->balance_log.size == 0) log = &u->balance_log;
	}
	for (uint32_t t = 0; t < block->tx_count; t++) {
		const dp_tx *tx = &block->tx[t];
		for (uint32_t i = tx->mv_first; i < tx->mv_first + tx->mv_count; i++) {
			const dp_movement *mv = &block->mv[i];
			if (mv->asset.v == 0 || (mv->flags & DP_MVF_UNSIGNED_ZERO) != 0) continue;
			if ((mv->flags & DP_MVF_FAILED) != 0 && mv->kind != DP_MV_FEE) continue;
			DP_TRY(dp_balance_note(e, mv, false, false, fault));
		}
		if (log == NULL) e->now.balance_log.size = 0;
	}
	if (log != NULL) {
		// The block can be rolled back, and its balances with it.
		dp_buffer swap = *log;
		*log = e->now.balance_log;
		e->now.balance_log = swap;
	}
	return DP_OK;
}

dp_code dp_engine_rollback(dp_engine *e, dp_fault *fault)
{
	if (e->undo_count == 0)
		return dp_fail(fault, DP_NOT_FOUND,
		               "block %llu is older than what can be rolled back",
		               (unsigned long long)e->at.height);
	uint32_t at = (e->undo_first + e->undo_count - 1) % e->options.undo_blocks;
	e->event_count = e->record_count = 0;
	e->epoch++;
	DP_TRY(dp_undo_apply(e, &e->undo[at].bytes, &e->undo[at].balance_log, fault));
	e->undo_count--;
	return DP_OK;
}

// What is in the exchange because of this chain goes: as if every block had been rolled back. What
// came out here is undone as well, for what it was is not known any more: its own chain must put
// it in again.
dp_code dp_engine_restart(dp_engine **io_engine, dp_fault *fault)
{
	dp_engine *old = *io_engine, *fresh;
	dp_engine_options options = old->options;
	options.exchange = old->owns_exchange ? NULL : old->exchange;
	DP_TRY(dp_engine_new(&fresh, &options, old->cases, old->case_count, fault));
	dp_code code = dp_exchange_forget(old->exchange, options.chain, fault);
	if (code != DP_OK) {
		dp_engine_free(fresh);
		return code;
	}
	dp_engine_free(old);
	*io_engine = fresh;
	return DP_OK;
}

//- looking ---------------------------------------------------------------------------------------

const dp_event *dp_engine_events(const dp_engine *e, uint32_t *ret_count)
{
	*ret_count = e->event_count;
	return e->event;
}

void dp_event_identity(const dp_engine *e, const dp_block *block, const dp_event *event,
                       uint8_t ret_id[36])
{
	DP_CHECK(event->kind == DP_EV_HOLDER);
	if (event->mv == DP_NO_INDEX) {
		// Placed by a seed or a link: a pool, and pools stay.
		uint32_t i = e->holders.record_count;
		while (i > 0 && e->holders.record[i - 1].no != event->dst) i--;
		DP_CHECK(i > 0);
		memcpy(ret_id, e->holders.record[i - 1].id, 36);
		return;
	}
	const dp_movement *mv = &block->mv[event->mv];
	if (!e->utxo) {
		dp_holder_id_of_addr(ret_id, &mv->to);
	} else if (mv->kind == DP_MV_INPUT) {
		dp_holder_id_of_outpoint(ret_id, &mv->spent);
	} else {
		// Outputs stand behind inputs. The first is found by halves: one transaction may
		// have a million, all of them new holders.
		const dp_tx *tx = &block->tx[event->tx];
		uint32_t first = tx->mv_first, end = event->mv;
		while (first < end) {
			uint32_t mid = first + (end - first) / 2;
			if (block->mv[mid].kind == DP_MV_OUTPUT)
				end = mid;
			else
				first = mid + 1;
		}
		dp_outpoint o = {.vout = event->mv - first};
		memcpy(o.txid, tx->id, 32);
		dp_holder_id_of_outpoint(ret_id, &o);
	}
}

const dp_link_record *dp_engine_links(const dp_engine *e, uint32_t *ret_count)
{
	*ret_count = e->record_count;
	return e->record;
}

const dp_chain *dp_engine_chain(const dp_engine *e)
{
	return e->options.chain;
}

dp_exchange *dp_engine_exchange(const dp_engine *e)
{
	return e->exchange;
}

bool dp_engine_conserves(const dp_engine *e)
{
	return e->policy->conserving;
}

uint64_t dp_engine_height(const dp_engine *e)
{
	return e->at.height;
}

int64_t dp_engine_time(const dp_engine *e)
{
	return e->at.time;
}

const uint8_t *dp_engine_hash(const dp_engine *e)
{
	return e->at.hash;
}

uint64_t dp_engine_blocks(const dp_engine *e)
{
	return e->at.blocks;
}

uint32_t dp_engine_undo_depth(const dp_engine *e)
{
	return e->undo_count;
}

uint32_t dp_engine_colour_count(const dp_engine *e)
{
	return e->colour_count;
}

const dp_colour_info *dp_engine_colour(const dp_engine *e, dp_colour c)
{
	DP_CHECK(c.v > 0 && c.v <= e->colour_count);
	return &e->colour[c.v];
}

const dp_case *dp_engine_case(const dp_engine *e, uint32_t index)
{
	DP_CHECK(index < e->case_count);
	return e->cases[index];
}

uint32_t dp_engine_holder_count(const dp_engine *e)
{
	return e->last_no;
}

uint32_t dp_engine_live_count(const dp_engine *e)
{
	return e->holders.live;
}

uint64_t dp_engine_short_cuts(const dp_engine *e)
{
	return e->short_cuts;
}

uint64_t dp_engine_memory(const dp_engine *e)
{
	const dp_holders *h = &e->holders;
	uint64_t bytes = h->record_count * sizeof *h->record + h->slot_count * sizeof *h->slot +
	                 h->filter_words * sizeof *h->filter +
	                 h->content_count * sizeof *h->content;
	for (uint32_t i = 0; i < h->content_count; i++)
		bytes += h->content[i].cap * sizeof(dp_parcel);
	return bytes;
}

const dp_seed *dp_engine_pending_seed(const dp_engine *e, uint32_t *ret_case_index,
                                      uint32_t *ret_count)
{
	*ret_count = e->seeds_waiting;
	for (uint32_t i = 0; i < e->seed_count; i++)
		if (!e->seed[i].done) {
			*ret_case_index = e->seed[i].case_index;
			return e->seed[i].seed;
		}
	return NULL;
}

bool dp_engine_conserved(const dp_engine *e)
{
	if (!e->policy->conserving) return false;
	// Scratch that is zero between calls: this question must not fail for want of memory.
	dp_u256 *held = e->sum_origin;
	bool right = true;
	for (uint32_t i = 0; i < e->holders.record_count; i++) {
		const dp_holder *r = &e->holders.record[i];
		dp_u256 *sum = &held[r->form == DP_FORM_ONE ? r->colour.v : 0];
		if (r->form == DP_FORM_ONE &&
		    dp_u256_add_over(sum, *sum, dp_u256_of128(dp_holder_units(r))))
			right = false;
		if (r->form != DP_FORM_LIST) continue;
		const dp_parcels *list = &e->holders.content[r->list];
		for (uint32_t j = 0; j < list->count; j++) {
			const dp_parcel *p = dp_parcels_at(list, j);
			if (dp_u256_add_over(&held[p->colour.v], held[p->colour.v], p->origin))
				right = false;
		}
	}
	for (uint32_t i = 1; i <= e->colour_count; i++) {
		const dp_colour_info *c = &e->colour[i];
		dp_u256 sum = held[i], all;
		right &= dp_u256_eq(sum, c->bucket[DP_BUCKET_HELD]);
		right &= !dp_u256_add_over(&sum, sum, c->sent);
		for (int b = 1; b < DP_BUCKET_COUNT; b++)
			right &= !dp_u256_add_over(&sum, sum, c->bucket[b]);
		right &= !dp_u256_add_over(&all, c->stolen, c->received);
		right &= dp_u256_eq(sum, all);
	}
	memset(held, 0, ((size_t)e->colour_count + 1) * sizeof *held);
	return right;
}
