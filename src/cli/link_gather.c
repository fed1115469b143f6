// Which addresses a service has, and what went in and out of them: out of tags and ledgers. See
// link.h.
//
// A service's payment is what one transaction moves from its addresses to one other address, in one
// asset, put together: a payout in two outputs is one payout. On UTXO chains a transaction is the
// service's when one of its inputs is; its change goes to an address that no tag may know, and
// stands among the payments as one more candidate.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/link.h"
#include "cli/run.h"

//- addresses -------------------------------------------------------------------------------------

struct places {
	const dp_link_find *f;
	const dp_link_deposit *d;
	const dp_network *network;
	dp_addr *item;
	uint64_t count, cap;
	dp_code code;
	dp_fault *fault;
};

static bool is_of_service(const struct places *p, const dp_tag_record *tag)
{
	const char *label = dp_tags_text(p->f->tags, tag->label);
	const char *actor = dp_tags_text(p->f->tags, tag->actor), *name = p->f->service;
	if (dp_tags_match(tag, p->network) != DP_MATCH_EXACT) return false;
	if (p->d->actor[0] != 0 && strcmp(actor, p->d->actor) == 0) return true;
	if (strncmp(label, p->d->service, DP_LINK_NAME_MAX - 1) == 0) return true;
	return name != NULL && (strcasestr(label, name) != NULL || strcasecmp(actor, name) == 0);
}

static dp_code add_place(struct places *p, const dp_addr *addr)
{
	void *items = p->item;
	DP_TRY(
	    dp_grow(&items, &p->cap, sizeof *p->item, p->count + 1, DP_LINK_PLACES_MAX, p->fault));
	p->item = items;
	p->item[p->count++] = *addr;
	return DP_OK;
}

static bool visit_place(void *context, const dp_addr *addr, const dp_tag_record *tag,
                        uint32_t count)
{
	struct places *p = context;
	for (uint32_t i = 0; i < count; i++)
		if (is_of_service(p, &tag[i])) {
			p->code = add_place(p, addr);
			break;
		}
	return p->code == DP_OK;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(dp_addr));
}

dp_code dp_link_places(const dp_link_find *f, dp_addr **ret_addr, uint32_t *ret_count,
                       const dp_link_deposit *d, const dp_chain *chain, dp_fault *fault)
{
	struct places p = {.f = f, .d = d, .network = dp_network_of(chain), .fault = fault};
	DP_CHECK(d->side.chain != NULL);
	if (d->side.chain == chain && d->side.to.kind != DP_ADDR_NONE)
		p.code = add_place(&p, &d->side.to);
	if (p.code == DP_OK) dp_tags_each(f->tags, visit_place, &p);
	if (p.code != DP_OK) {
		dp_free(p.item);
		return p.code;
	}
	uint32_t count = 0;
	if (p.count > 0) qsort(p.item, p.count, sizeof *p.item, by_bytes);
	for (uint64_t i = 0; i < p.count; i++)
		if (i == 0 || !dp_addr_eq(&p.item[i], &p.item[count - 1]))
			p.item[count++] = p.item[i];
	*ret_addr = p.item;
	*ret_count = count;
	return DP_OK;
}

static bool is_place(const dp_addr *place, uint32_t count, const dp_addr *a)
{
	return count > 0 && a->kind != DP_ADDR_NONE &&
	       bsearch(a, place, count, sizeof *place, by_bytes) != NULL;
}

//- movements -------------------------------------------------------------------------------------

// Can this address be written down and read again? Bare keys and scripts cannot.
static bool has_text(const dp_addr *a)
{
	return a->kind != DP_ADDR_NONE && a->kind != DP_ADDR_P2PK && a->kind < DP_ADDR_MULTISIG;
}

struct gather {
	dp_link_moves *moves;
	const dp_block *block;
	const dp_tx *tx;
	uint64_t first; // of this transaction's among the moves
	const dp_addr *place;
	uint32_t place_count;
	bool is_in;
};

static dp_code add_move(struct gather *g, const dp_addr *from, const dp_addr *to,
                        const dp_movement *mv, dp_fault *fault)
{
	dp_link_moves *m = g->moves;
	for (uint64_t i = g->first; i < m->count; i++) {
		dp_link_side *s = &m->item[i];
		if (!dp_addr_eq(&s->from, from) || !dp_addr_eq(&s->to, to)) continue;
		if (s->asset.v != mv->asset.v) continue;
		if (dp_u256_add_over(&s->amount, s->amount, mv->amount))
			return dp_fail(fault, DP_BAD_BYTES,
			               "amounts of a transaction do not fit "
			               "256 bits: they cannot be right");
		return DP_OK;
	}
	void *items = m->item;
	if (m->count == DP_LINK_MOVES_MAX)
		return dp_fail(fault, DP_LIMIT,
		               "the service moved money more than %d times in the window: give a "
		               "shorter --window",
		               (int)DP_LINK_MOVES_MAX);
	DP_TRY(dp_grow(&items, &m->cap, sizeof *m->item, m->count + 1, DP_LINK_MOVES_MAX, fault));
	m->item = items;
	dp_link_side *s = &m->item[m->count++];
	*s = (dp_link_side){.chain = g->block->chain,
	                    .height = g->block->height,
	                    .time = g->block->time,
	                    .from = *from,
	                    .to = *to,
	                    .asset = mv->asset,
	                    .amount = mv->amount};
	memcpy(s->tx, g->tx->id, 32);
	return DP_OK;
}

// Movements that carry value from one to another.
static bool is_payment(const dp_movement *mv)
{
	if (mv->asset.v == 0 || dp_u256_is_zero(mv->amount)) return false;
	if (mv->kind == DP_MV_FEE || mv->kind == DP_MV_REWARD || mv->kind == DP_MV_INPUT)
		return false;
	return !dp_cli_is_failed(mv);
}

static dp_code gather_account(struct gather *g, dp_fault *fault)
{
	for (uint32_t i = 0; i < g->tx->mv_count; i++) {
		const dp_movement *mv = &g->block->mv[g->tx->mv_first + i];
		bool from = is_place(g->place, g->place_count, &mv->from);
		bool to = is_place(g->place, g->place_count, &mv->to);
		// Within the service nothing goes in or out.
		if (!is_payment(mv) || from == to || to != g->is_in) continue;
		if (!has_text(&mv->from) || !has_text(&mv->to)) continue;
		DP_TRY(add_move(g, &mv->from, &mv->to, mv, fault));
	}
	return DP_OK;
}

static dp_code gather_coins(struct gather *g, dp_fault *fault)
{
	static const dp_addr nobody;
	dp_addr signer = nobody;
	for (uint32_t i = 0; i < g->tx->mv_count && signer.kind == DP_ADDR_NONE; i++) {
		const dp_movement *mv = &g->block->mv[g->tx->mv_first + i];
		if (mv->kind == DP_MV_INPUT && is_place(g->place, g->place_count, &mv->from))
			signer = mv->from;
	}
	bool is_own = signer.kind != DP_ADDR_NONE;
	if (is_own == g->is_in) return DP_OK; // what it pays to itself comes in from nobody
	for (uint32_t i = 0; i < g->tx->mv_count; i++) {
		const dp_movement *mv = &g->block->mv[g->tx->mv_first + i];
		bool to = is_place(g->place, g->place_count, &mv->to);
		if (!is_payment(mv) || to != g->is_in || !has_text(&mv->to)) continue;
		DP_TRY(add_move(g, &signer, &mv->to, mv, fault));
	}
	return DP_OK;
}

static dp_code gather_tx(dp_link_find *f, struct gather *g, dp_ledger *l, uint64_t tx_no,
                         dp_fault *fault)
{
	uint64_t block_no;
	DP_TRY(dp_ledger_block_of_tx(l, &block_no, tx_no, fault));
	DP_TRY(dp_ledger_start_block(l, &f->builder, block_no, fault));
	DP_TRY(dp_ledger_append_tx(l, &f->builder, tx_no, fault));
	DP_CHECK(f->builder.block.tx_count == 1);
	g->block = &f->builder.block;
	g->tx = &g->block->tx[0];
	g->first = g->moves->count;
	return g->block->chain->kind == DP_CHAIN_UTXO ? gather_coins(g, fault)
	                                              : gather_account(g, fault);
}

//- transactions ----------------------------------------------------------------------------------

struct numbers {
	uint64_t *item;
	uint64_t count, cap;
};

static dp_code add_history(struct numbers *n, dp_ledger *l, const dp_addr *addr, uint64_t first,
                           uint64_t end, dp_fault *fault)
{
	dp_history h;
	uint64_t tx_no;
	DP_TRY(dp_history_start(&h, l, addr, first, end, fault));
	dp_code code;
	while ((code = dp_history_next(&h, &tx_no, fault)) == DP_OK) {
		void *items = n->item;
		code = dp_grow(&items, &n->cap, sizeof *n->item, n->count + 1, DP_LINK_MOVES_MAX,
		               fault);
		if (code != DP_OK) break;
		n->item = items;
		n->item[n->count++] = tx_no;
	}
	dp_history_done(&h);
	return code == DP_END ? DP_OK : code;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

// The transactions of blocks in a span of time.
static dp_code span(dp_ledger *l, uint64_t *ret_first, uint64_t *ret_end, int64_t time_first,
                    int64_t time_last, dp_fault *fault)
{
	uint64_t block_first, block_end;
	int64_t behind;
	dp_ledger_totals totals;
	dp_ledger_totals_get(l, &totals);
	DP_TRY(dp_ledger_block_at_time(l, &block_first, time_first, fault));
	if (__builtin_add_overflow(time_last, 1, &behind))
		block_end = totals.blocks;
	else
		DP_TRY(dp_ledger_block_at_time(l, &block_end, behind, fault));
	if (block_end < block_first) block_end = block_first;
	DP_TRY(dp_cli_ledger_tx_of_block(l, ret_first, block_first, fault));
	return dp_cli_ledger_tx_of_block(l, ret_end, block_end, fault);
}

dp_code dp_link_gather(dp_link_find *f, dp_link_moves *io, dp_ledger *l, const dp_addr *place,
                       uint32_t place_count, bool is_in, int64_t time_first, int64_t time_last,
                       dp_fault *fault)
{
	struct numbers n = {0};
	struct gather g = {.moves = io, .place = place, .place_count = place_count, .is_in = is_in};
	uint64_t first, end;
	DP_CHECK(time_first <= time_last);
	DP_TRY(span(l, &first, &end, time_first, time_last, fault));
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < place_count && code == DP_OK; i++)
		code = add_history(&n, l, &place[i], first, end, fault);
	if (n.count > 0) qsort(n.item, n.count, sizeof *n.item, by_number);
	for (uint64_t i = 0; i < n.count && code == DP_OK; i++) {
		if (i > 0 && n.item[i] == n.item[i - 1]) continue; // of two of its addresses
		if (dp_run_interrupted()) code = dp_fail(fault, DP_BUSY, "interrupted");
		if (code == DP_OK) code = gather_tx(f, &g, l, n.item[i], fault);
	}
	dp_free(n.item);
	return code;
}

dp_code dp_link_whole(dp_link_find *f, dp_link_deposit *io_deposit, dp_fault *fault)
{
	dp_link_side *side = &io_deposit->side;
	dp_ledger *l = NULL;
	uint64_t tx_no;
	for (uint32_t i = 0; i < f->ledger_count; i++)
		if (dp_ledger_chain(f->ledger[i]) == side->chain) l = f->ledger[i];
	if (l == NULL) return DP_OK;
	dp_code code = dp_ledger_find_tx(l, &tx_no, side->tx, UINT64_MAX, fault);
	if (code == DP_NOT_FOUND) return DP_OK;
	DP_TRY(code);
	dp_link_moves moves = {0};
	struct gather g = {.moves = &moves, .place = &side->to, .place_count = 1, .is_in = true};
	code = gather_tx(f, &g, l, tx_no, fault);
	for (uint64_t i = 0; i < moves.count && code == DP_OK; i++) {
		const dp_link_side *m = &moves.item[i];
		bool is_it = m->asset.v == side->asset.v && dp_addr_eq(&m->from, &side->from);
		// Never less than what is known to be stolen of it.
		if (!is_it || dp_u256_lt(m->amount, side->amount)) continue;
		side->amount = m->amount;
		io_deposit->is_whole = true;
	}
	dp_free(moves.item);
	return code;
}
