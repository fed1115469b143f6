// Backward following, what both kinds of chains share: see backward.h.
//
// Wants are kept in one heap, the newest transaction first; within it the last movement first,
// within that the first unit first. Every want leads to older movements (a ledger refuses a block
// that spends what is made later), so the order in which they are handled is that of the ledger,
// backward. Nothing rests on it but the size of the heap: were a transaction met twice, for other
// units each time, it would cost a little work and, with haircut, one more rounding; and were a
// damaged ledger to lead in a circle, the limit of steps ends it.
#include "engine/backward.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "engine/backward_private.h"

enum {
	ORIGIN_SLOTS_FIRST = 256, // a power of two
	// Which part of the memory is for what: a quarter for wants, a quarter for origins, a half
	// for accounts.
	PARTS = 4
};

const char *dp_origin_name(dp_origin_kind kind)
{
	static const char *const names[DP_ORIGIN_KIND_COUNT] = {
	    [DP_ORIGIN_COINBASE] = "coinbase", [DP_ORIGIN_MINT] = "mint",
	    [DP_ORIGIN_SERVICE] = "service",   [DP_ORIGIN_BEFORE] = "before",
	    [DP_ORIGIN_HUB] = "hub",           [DP_ORIGIN_CUT] = "cut"};
	DP_CHECK(kind < DP_ORIGIN_KIND_COUNT && names[kind] != NULL);
	return names[kind];
}

//- reading ---------------------------------------------------------------------------------------

dp_code dp_back_load(dp_back_work *w, const dp_tx **ret_tx, uint64_t tx_no, dp_fault *fault)
{
	if (w->loaded != tx_no) {
		uint64_t block_no;
		w->loaded = DP_BACKWARD_NO_TX;
		DP_TRY(dp_ledger_block_of_tx(w->ledger, &block_no, tx_no, fault));
		DP_TRY(dp_ledger_start_block(w->ledger, &w->builder, block_no, fault));
		DP_TRY(dp_ledger_append_tx(w->ledger, &w->builder, tx_no, fault));
		w->loaded = tx_no;
	}
	DP_CHECK(w->builder.block.tx_count == 1);
	*ret_tx = &w->builder.block.tx[0];
	return DP_OK;
}

//- stops -----------------------------------------------------------------------------------------

static int by_address(const void *a, const void *b, void *context)
{
	const dp_stop *stop = context;
	const uint32_t *x = a, *y = b;
	int order = memcmp(&stop[*x].addr, &stop[*y].addr, sizeof stop->addr);
	return order != 0 ? order : (*x > *y) - (*x < *y);
}

static dp_code sort_stops(dp_back_work *w, dp_fault *fault)
{
	uint32_t n = w->options.stop_count;
	w->stop = dp_alloc(((size_t)n + 1) * sizeof *w->stop);
	if (w->stop == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < n; i++) w->stop[i] = i;
	union {
		const dp_stop *in;
		void *out;
	} stops = {w->options.stop};
	qsort_r(w->stop, n, sizeof *w->stop, by_address, stops.out);
	return DP_OK;
}

// The index of an address among the stops (the first, where it is listed twice), TAGGED, or
// NO_INDEX.
static uint32_t find_stop(const dp_back_work *w, const dp_addr *addr)
{
	const dp_stop *stop = w->options.stop;
	uint32_t low = 0, high = w->options.stop_count;
	dp_addr shown;
	addr = dp_stop_as_listed(&shown, addr);
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (memcmp(&stop[w->stop[middle]].addr, addr, sizeof *addr) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < w->options.stop_count && dp_addr_eq(&stop[w->stop[low]].addr, addr))
		return stop[w->stop[low]].bucket == DP_BUCKET_HELD ? DP_BACKWARD_NO_INDEX
		                                                   : w->stop[low];
	dp_bucket bucket;
	if (w->options.tags != NULL &&
	    dp_stop_tagged(&bucket, w->options.tags, w->network, w->options.stops_at_risk, addr))
		return DP_BACKWARD_TAGGED;
	return DP_BACKWARD_NO_INDEX;
}

bool dp_back_stops(const dp_back_work *w, const dp_addr *addr)
{
	return find_stop(w, addr) != DP_BACKWARD_NO_INDEX;
}

//- origins ---------------------------------------------------------------------------------------

static uint32_t *find_origin(dp_back_work *w, uint8_t kind, const dp_addr *addr, uint64_t tx_no)
{
	uint64_t h = addr->kind == DP_ADDR_NONE ? 0 : dp_addr_key(addr);
	h = (h ^ (tx_no + kind) * 0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd;
	for (uint64_t at = (h >> 20) & (w->origin_slots - 1);;
	     at = (at + 1) & (w->origin_slots - 1)) {
		uint32_t *slot = &w->origin_slot[at];
		if (*slot == 0) return slot;
		const dp_origin *o = &w->result->origin[*slot - 1];
		if (o->kind == kind && o->tx_no == tx_no && dp_addr_eq(&o->addr, addr)) return slot;
	}
}

// Room for one more, at most half of the slots taken.
static dp_code room_for_origin(dp_back_work *w, dp_fault *fault)
{
	dp_backward *r = w->result;
	void *items = r->origin;
	DP_TRY(dp_grow(&items, &w->origin_cap, sizeof *r->origin, (uint64_t)r->origin_count + 1,
	               w->origin_max + 1, fault));
	r->origin = items;
	if (((uint64_t)r->origin_count + 1) * 2 <= w->origin_slots) return DP_OK;
	uint64_t slots = w->origin_slots == 0 ? ORIGIN_SLOTS_FIRST : w->origin_slots * 2;
	uint32_t *slot = dp_alloc(slots * sizeof *slot);
	if (slot == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_free(w->origin_slot);
	w->origin_slot = slot;
	w->origin_slots = slots;
	for (uint32_t i = 0; i < r->origin_count; i++) {
		const dp_origin *o = &r->origin[i];
		*find_origin(w, o->kind, &o->addr, o->tx_no) = i + 1;
	}
	return DP_OK;
}

dp_code dp_back_end(dp_back_work *w, dp_origin_kind kind, const dp_addr *addr, uint64_t tx_no,
                    dp_u256 units, uint32_t hops, dp_fault *fault)
{
	dp_backward *r = w->result;
	dp_addr nobody = {0};
	if (dp_u256_is_zero(units)) return DP_OK;
	DP_TRY(room_for_origin(w, fault));
	uint32_t *slot = find_origin(w, (uint8_t)kind, addr, tx_no);
	// The last place is for what does not find one.
	if (*slot == 0 && r->origin_count + 1 >= w->origin_max) {
		r->is_memory_cut = true;
		kind = DP_ORIGIN_CUT;
		addr = &nobody;
		tx_no = DP_BACKWARD_NO_TX;
		slot = find_origin(w, (uint8_t)kind, addr, tx_no);
	}
	if (*slot == 0) {
		r->origin[r->origin_count] = (dp_origin){
		    .kind = (uint8_t)kind,
		    .addr = *addr,
		    .stop = kind == DP_ORIGIN_SERVICE ? find_stop(w, addr) : DP_BACKWARD_NO_INDEX,
		    .hops = hops,
		    .tx_no = tx_no};
		*slot = ++r->origin_count;
		r->count[kind]++;
	}
	dp_origin *o = &r->origin[*slot - 1];
	DP_CHECK(o->kind == kind && r->origin_count <= w->origin_max);
	o->units = dp_u256_add(o->units, units);
	if (hops < o->hops) o->hops = hops;
	r->sum[kind] = dp_u256_add(r->sum[kind], units);
	return DP_OK;
}

//- evidence --------------------------------------------------------------------------------------

dp_code dp_back_step(dp_back_work *w, const dp_backward_step *step, dp_fault *fault)
{
	dp_backward *r = w->result;
	r->shares++;
	if (dp_u256_is_zero(step->units)) return DP_OK;
	r->step_total++;
	if (r->step_count == w->options.kept_max) return DP_OK;
	void *items = r->step;
	DP_TRY(dp_grow(&items, &w->step_cap, sizeof *r->step, (uint64_t)r->step_count + 1,
	               w->options.kept_max, fault));
	r->step = items;
	r->step[r->step_count++] = *step;
	return DP_OK;
}

//- wants -----------------------------------------------------------------------------------------

// Is `a` to be handled before `b`? A total order but for wants that are equal in all that counts.
static bool is_before(const dp_want *a, const dp_want *b)
{
	if (a->tx_no != b->tx_no) return a->tx_no > b->tx_no;
	if (a->place != b->place) return a->place > b->place;
	int order = dp_u256_cmp(a->lo, b->lo);
	if (order == 0) order = dp_u256_cmp(a->hi, b->hi);
	if (order != 0) return order < 0;
	return a->hops < b->hops;
}

dp_code dp_back_push(dp_back_work *w, const dp_want *want, const dp_addr *addr, dp_fault *fault)
{
	DP_CHECK(dp_u256_cmp(want->lo, want->hi) <= 0);
	if (w->heap_count == w->heap_max) {
		w->result->is_memory_cut = true;
		return dp_back_end(w, DP_ORIGIN_CUT, addr, want->tx_no,
		                   dp_u256_sub(want->hi, want->lo), want->hops, fault);
	}
	void *items = w->heap;
	DP_TRY(
	    dp_grow(&items, &w->heap_cap, sizeof *w->heap, w->heap_count + 1, w->heap_max, fault));
	w->heap = items;
	uint64_t at = w->heap_count++;
	for (; at > 0 && is_before(want, &w->heap[(at - 1) / 2]); at = (at - 1) / 2)
		w->heap[at] = w->heap[(at - 1) / 2];
	w->heap[at] = *want;
	return DP_OK;
}

const dp_want *dp_back_peek(const dp_back_work *w)
{
	return w->heap_count == 0 ? NULL : &w->heap[0];
}

static dp_want take_first(dp_back_work *w)
{
	DP_CHECK(w->heap_count > 0);
	dp_want first = w->heap[0], last = w->heap[--w->heap_count];
	uint64_t at = 0, n = w->heap_count;
	while (at * 2 + 1 < n) {
		uint64_t child = at * 2 + 1;
		if (child + 1 < n && is_before(&w->heap[child + 1], &w->heap[child])) child++;
		if (!is_before(&w->heap[child], &last)) break;
		w->heap[at] = w->heap[child];
		at = child;
	}
	if (n > 0) w->heap[at] = last;
	return first;
}

bool dp_back_pop(dp_back_work *w, dp_want *ret_want)
{
	if (w->heap_count == 0) return false;
	dp_want want = take_first(w);
	bool is_range = !dp_u256_is_zero(want.hi);
	while (is_range && w->heap_count > 0) {
		const dp_want *next = &w->heap[0];
		// Joined only where that loses nothing.
		if (next->tx_no != want.tx_no || next->place != want.place ||
		    next->hops != want.hops || !dp_u256_eq(next->lo, want.hi))
			break;
		want.hi = next->hi;
		(void)take_first(w);
	}
	*ret_want = want;
	return true;
}

bool dp_back_may_go_on(dp_back_work *w)
{
	if (w->heap_count == 0) return false;
	if (w->result->shares < w->options.steps_max) return true;
	w->result->is_steps_cut = true;
	return false;
}

//- the whole of it -------------------------------------------------------------------------------

static int by_units(const void *a, const void *b)
{
	const dp_origin *x = a, *y = b;
	int order = dp_u256_cmp(y->units, x->units);
	if (order == 0) order = memcmp(&x->addr, &y->addr, sizeof x->addr);
	if (order == 0) order = (x->kind > y->kind) - (x->kind < y->kind);
	return order != 0 ? order : (x->tx_no > y->tx_no) - (x->tx_no < y->tx_no);
}

static dp_code name_txs(dp_back_work *w, dp_fault *fault)
{
	dp_backward *r = w->result;
	for (uint32_t i = 0; i < r->origin_count; i++) {
		dp_origin *o = &r->origin[i];
		uint64_t block_no;
		dp_ledger_block_row row;
		if (o->tx_no == DP_BACKWARD_NO_TX) continue;
		DP_TRY(dp_ledger_txid(w->ledger, o->txid, o->tx_no, fault));
		DP_TRY(dp_ledger_block_of_tx(w->ledger, &block_no, o->tx_no, fault));
		DP_TRY(dp_ledger_block_row_at(w->ledger, &row, block_no, fault));
		o->height = row.height;
		o->time = row.time;
	}
	for (uint32_t i = 0; i < r->step_count; i++)
		DP_TRY(dp_ledger_txid(w->ledger, r->step[i].txid, r->step[i].tx_no, fault));
	return DP_OK;
}

static dp_code follow(dp_back_work *w, dp_fault *fault)
{
	dp_backward *r = w->result;
	bool utxo = r->chain->kind == DP_CHAIN_UTXO;
	if (w->options.tags != NULL) w->network = dp_network_of(r->chain);
	DP_TRY(sort_stops(w, fault));
	DP_TRY(utxo ? dp_back_coins_start(w, fault) : dp_back_pools_start(w, fault));
	DP_TRY(utxo ? dp_back_coins_follow(w, fault) : dp_back_pools_follow(w, fault));
	DP_CHECK(w->heap_count == 0);
	// Nothing is lost and nothing made: the books of backward following (I-2).
	dp_u256 sum = DP_U256_ZERO;
	for (int i = 0; i < DP_ORIGIN_KIND_COUNT; i++) sum = dp_u256_add(sum, r->sum[i]);
	DP_CHECK(dp_u256_eq(sum, r->units));
	if (r->origin_count > 0) qsort(r->origin, r->origin_count, sizeof *r->origin, by_units);
	return name_txs(w, fault);
}

static void set_limits(dp_back_work *w, const dp_backward_options *options)
{
	dp_backward_options *o = &w->options;
	*o = *options;
	if (o->steps_max == 0) o->steps_max = DP_BACKWARD_STEPS_MAX;
	if (o->memory_max == 0) o->memory_max = DP_BACKWARD_MEMORY_MAX;
	if (o->kept_max == 0) o->kept_max = DP_BACKWARD_KEPT_MAX;
	uint64_t part = o->memory_max / PARTS;
	w->heap_max = part / sizeof *w->heap + 1;
	// Two slots at least, four at most, stand beside each origin.
	w->origin_max = part / (sizeof(dp_origin) + 4 * sizeof(uint32_t)) + 2;
	if (w->origin_max > UINT32_MAX / 4) w->origin_max = UINT32_MAX / 4;
	w->pool_memory_max = part * 2;
}

dp_code dp_backward_run(dp_backward **ret_backward, dp_ledger *ledger,
                        const dp_backward_start *start, const dp_backward_options *options,
                        dp_fault *fault)
{
	DP_CHECK(ret_backward != NULL && ledger != NULL && start != NULL && options != NULL);
	DP_CHECK(start->has_outpoint || start->addr_count > 0);
	dp_back_work w = {.ledger = ledger,
	                  .start = start,
	                  .loaded = DP_BACKWARD_NO_TX,
	                  .begun = DP_BACKWARD_NO_TX};
	set_limits(&w, options);
	dp_ledger_totals_get(ledger, &w.totals);
	dp_backward *r = dp_alloc(sizeof *r);
	if (r == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	r->chain = dp_ledger_chain(ledger);
	r->asset = r->chain->kind == DP_CHAIN_UTXO ? dp_asset_native(r->chain) : start->asset;
	r->is_haircut = options->is_haircut;
	w.result = r;
	dp_code code = follow(&w, fault);
	dp_back_pools_done(&w);
	dp_builder_done(&w.builder);
	dp_free(w.heap);
	dp_free(w.origin_slot);
	dp_free(w.stop);
	dp_free(w.in_begin);
	dp_free(w.out_begin);
	if (code == DP_OK)
		*ret_backward = r;
	else
		dp_backward_free(r);
	return code;
}

void dp_backward_free(dp_backward *b)
{
	if (b == NULL) return;
	dp_free(b->origin);
	dp_free(b->step);
	dp_free(b);
}
