// The history of one account in one asset, for backward following: see backward_pools.c.
//
// It is read once, from the ledger's postings, when the account is first met, up to the transaction
// in which it is met; whatever is asked of it later is older (backward.c). What leaves beyond what
// was seen coming in is not part of the streams: it was there before the ledger, or came in unseen.
//
// An account with more movements than the hub limit is not kept. Movements that carry nothing do
// not count, or anybody could make a hub of a stranger's account by sending it rubbish.
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "engine/backward_private.h"

enum { POOL_SLOTS_FIRST = 256 }; // a power of two

//- the table of accounts -------------------------------------------------------------------------

static uint32_t *find_slot(dp_back_work *w, const dp_addr *addr)
{
	uint64_t key = dp_addr_key(addr);
	for (uint64_t at = key & (w->pool_slots - 1);; at = (at + 1) & (w->pool_slots - 1)) {
		uint32_t *slot = &w->pool_slot[at];
		if (*slot == 0 || dp_addr_eq(&w->pool[*slot - 1].addr, addr)) return slot;
	}
}

static dp_code room_for_pool(dp_back_work *w, dp_fault *fault)
{
	void *items = w->pool;
	DP_TRY(dp_grow(&items, &w->pool_cap, sizeof *w->pool, w->pool_count + 1, UINT32_MAX / 4,
	               fault));
	w->pool = items;
	if ((w->pool_count + 1) * 2 <= w->pool_slots) return DP_OK;
	uint64_t slots = w->pool_slots == 0 ? POOL_SLOTS_FIRST : w->pool_slots * 2;
	uint32_t *slot = dp_alloc(slots * sizeof *slot);
	if (slot == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_free(w->pool_slot);
	w->pool_slot = slot;
	w->pool_slots = slots;
	for (uint32_t i = 0; i < w->pool_count; i++) *find_slot(w, &w->pool[i].addr) = i + 1;
	return DP_OK;
}

void dp_back_pools_done(dp_back_work *w)
{
	for (uint64_t i = 0; i < w->pool_count; i++) {
		dp_free(w->pool[i].in);
		dp_free(w->pool[i].out);
	}
	dp_free(w->pool);
	dp_free(w->pool_slot);
}

//- reading ---------------------------------------------------------------------------------------

// Room for one more item of a pool's list; *ret_full when the memory for histories is used up.
static dp_code room_for_row(dp_back_work *w, bool *ret_full, void **items, uint64_t *cap,
                            size_t size, uint64_t count, dp_fault *fault)
{
	uint64_t before = *cap;
	*ret_full = false;
	if (count < before) return DP_OK;
	// A list grows to twice its size, and at first to a few items.
	if (w->pool_memory + (before + 64) * size > w->pool_memory_max) {
		*ret_full = true;
		return DP_OK;
	}
	DP_TRY(dp_grow(items, cap, size, count + 1, UINT32_MAX, fault));
	w->pool_memory += (*cap - before) * size;
	return DP_OK;
}

static dp_code add_out(dp_back_work *w, dp_back_pool *p, bool *ret_full, uint64_t tx_no,
                       uint32_t place, dp_u256 amount, dp_fault *fault)
{
	void *items = p->out;
	DP_TRY(room_for_row(w, ret_full, &items, &p->out_cap, sizeof *p->out, p->out_count, fault));
	if (*ret_full) return DP_OK;
	p->out = items;
	p->out[p->out_count++] = (dp_back_out){.tx_no = tx_no, .place = place, .begin = p->gone};
	dp_u256 known = dp_u256_min(dp_u256_sub(p->came, p->gone), amount);
	p->gone = dp_u256_add(p->gone, known);
	return DP_OK;
}

static dp_code add_in(dp_back_work *w, dp_back_pool *p, bool *ret_full, uint64_t tx_no,
                      uint32_t place, const dp_movement *mv, dp_fault *fault)
{
	void *items = p->in;
	DP_TRY(room_for_row(w, ret_full, &items, &p->in_cap, sizeof *p->in, p->in_count, fault));
	if (*ret_full) return DP_OK;
	p->in = items;
	p->in[p->in_count++] = (dp_back_in){
	    .tx_no = tx_no, .place = place, .from = mv->from, .begin = p->came, .gone = p->gone};
	if (dp_u256_add_over(&p->came, p->came, mv->amount))
		return dp_fail(fault, DP_BAD_BYTES,
		               "an account received more than 256 bits hold: "
		               "the amounts of the source cannot be right");
	return DP_OK;
}

static dp_code add_tx(dp_back_work *w, dp_back_pool *p, uint64_t *io_rows, bool *ret_full,
                      uint64_t tx_no, dp_fault *fault)
{
	const dp_tx *tx;
	DP_TRY(dp_back_load(w, &tx, tx_no, fault));
	for (uint32_t i = 0; i < tx->mv_count && !*ret_full; i++) {
		const dp_movement *mv = &w->builder.block.mv[i];
		bool is_out = dp_addr_eq(&mv->from, &p->addr),
		     is_in = dp_addr_eq(&mv->to, &p->addr);
		if ((!is_out && !is_in) || !dp_back_counts(mv, w->result->asset)) continue;
		++*io_rows;
		if (dp_u256_is_zero(mv->amount)) continue;
		// A transfer to itself leaves before it comes.
		if (is_out) DP_TRY(add_out(w, p, ret_full, tx_no, i, mv->amount, fault));
		if (is_in && !*ret_full) DP_TRY(add_in(w, p, ret_full, tx_no, i, mv, fault));
	}
	return DP_OK;
}

static void forget_rows(dp_back_work *w, dp_back_pool *p)
{
	w->pool_memory -= p->in_cap * sizeof *p->in + p->out_cap * sizeof *p->out;
	dp_free(p->in);
	dp_free(p->out);
	p->in = NULL;
	p->out = NULL;
	p->in_count = p->in_cap = p->out_count = p->out_cap = 0;
}

static dp_code read_history(dp_back_work *w, dp_back_pool *p, uint64_t upto, bool is_start,
                            dp_fault *fault)
{
	dp_history h;
	uint64_t tx_no, rows = 0;
	uint64_t end = upto < w->totals.txs ? upto + 1 : w->totals.txs;
	bool is_full = false;
	DP_TRY(dp_history_start(&h, w->ledger, &p->addr, 0, end, fault));
	dp_code code = DP_OK;
	p->state = DP_BACK_OPEN;
	while (code == DP_OK) {
		code = dp_history_next(&h, &tx_no, fault);
		if (code == DP_OK) code = add_tx(w, p, &rows, &is_full, tx_no, fault);
		if (code != DP_OK) break;
		p->is_hub = w->options.hub_limit != 0 && rows > w->options.hub_limit;
		if (is_full) p->state = DP_BACK_FULL;
		if (p->is_hub && !is_start) p->state = DP_BACK_HUB;
		if (p->state != DP_BACK_OPEN) break;
	}
	dp_history_done(&h);
	if (p->state != DP_BACK_OPEN) forget_rows(w, p);
	return code == DP_END ? DP_OK : code;
}

dp_code dp_back_pool_of(dp_back_work *w, uint32_t *ret_index, const dp_addr *addr, uint64_t upto,
                        bool is_start, dp_fault *fault)
{
	DP_CHECK(addr->kind != DP_ADDR_NONE);
	DP_TRY(room_for_pool(w, fault));
	uint32_t *slot = find_slot(w, addr);
	if (*slot == 0) {
		// A table's place is at most four slots' worth beside the account itself.
		uint64_t size = sizeof *w->pool + 4 * sizeof *w->pool_slot;
		if (w->pool_memory + size > w->pool_memory_max) {
			*ret_index = DP_BACKWARD_NO_INDEX;
			return DP_OK;
		}
		w->pool_memory += size;
		w->pool[w->pool_count] = (dp_back_pool){.addr = *addr};
		*slot = (uint32_t)++w->pool_count;
		DP_TRY(read_history(w, &w->pool[*slot - 1], upto, is_start, fault));
	}
	*ret_index = *slot - 1;
	DP_CHECK(w->pool[*ret_index].state != DP_BACK_NEW);
	return DP_OK;
}
