// Rules 1 and 2 of net.h: from the rows of a transaction to who paid whom in the end.
//
// Asset by asset, every address has a queue of the pieces that it received. A payment takes pieces
// from the front of the payer's queue and, when that is empty, makes one of the payer's own money.
//
//   rows          A -> R 10,  R -> P 9,  R -> A 1
//   queues        R: [A 10]   R: [A 1], P: [A 9]   R: []   (A's own piece came home: no flow)
//   lots          A -> P 9
//
// What is left in the queues are the lots. Whoever paid before it was paid (a pool that lends, a
// pool that pays out first) then has pieces of its own lying elsewhere and others' pieces in its
// queue; those are paired, and it vanishes from between payer and payee.
//
// Cost: a row may pass on every piece that its payer holds. In real transactions that is one or
// two; rows can be made so that it is thousands each time, which is what DP_NET_WORK_MAX is for.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "link/net_private.h"

enum { PARTIES_MAX = DP_NET_ROWS_MAX * 2 };

//- parties ---------------------------------------------------------------------------------------

bool dp_net_contract(dp_addr *ret_addr, dp_asset asset)
{
	const dp_asset_info *info = dp_asset_info_of(asset);
	if (!info->has_contract) return false;
	*ret_addr = (dp_addr){.kind = DP_ADDR_EVM, .len = 20};
	memcpy(ret_addr->bytes, info->contract, 20);
	return true;
}

uint32_t dp_net_party(const dp_net *n, const dp_addr *addr, uint64_t key)
{
	DP_CHECK(n->table_size > 0 && n->party_count < n->table_size);
	uint32_t mask = n->table_size - 1, slot = (uint32_t)key & mask;
	for (; n->table[slot] != 0; slot = (slot + 1) & mask) {
		uint32_t p = n->table[slot] - 1;
		if (n->party[p].key == key && dp_addr_eq(&n->party[p].addr, addr)) return p;
	}
	return NET_NOBODY;
}

static dp_code add_party(dp_net *n, uint32_t *ret_party, const dp_addr *addr, uint64_t key,
                         dp_fault *fault)
{
	*ret_party = dp_net_party(n, addr, key);
	if (*ret_party != NET_NOBODY) return DP_OK;
	DP_TRY(NET_PUSH(n, party, PARTIES_MAX, fault));
	uint32_t mask = n->table_size - 1, slot = (uint32_t)key & mask;
	while (n->table[slot] != 0) slot = (slot + 1) & mask;
	n->party[n->party_count] = (net_party){.addr = *addr,
	                                       .key = key,
	                                       .head = NET_NOBODY,
	                                       .tail = NET_NOBODY,
	                                       .parent = n->party_count};
	*ret_party = n->party_count++;
	n->table[slot] = n->party_count;
	return DP_OK;
}

// One end of a row. `key` is what the block's column says, 0 for nobody.
static dp_code add_end(dp_net *n, uint32_t *ret_party, bool *ret_nobody, const dp_addr *addr,
                       uint64_t key, dp_asset asset, dp_fault *fault)
{
	dp_addr contract;
	*ret_nobody = addr->kind == DP_ADDR_NONE;
	if (*ret_nobody && dp_net_contract(&contract, asset))
		return add_party(n, ret_party, &contract, dp_addr_key(&contract), fault);
	return add_party(n, ret_party, addr, key, fault);
}

//- rows ------------------------------------------------------------------------------------------

static int by_asset(const void *a, const void *b)
{
	const net_row *x = a, *y = b;
	if (x->asset.v != y->asset.v) return x->asset.v < y->asset.v ? -1 : 1;
	return x->mv < y->mv ? -1 : x->mv > y->mv;
}

static dp_code size_table(dp_net *n, uint32_t value_rows, dp_fault *fault)
{
	uint32_t size = 16;
	while (size < value_rows * 4) size *= 2;
	DP_TRY(NET_HOLD(n, table, size, fault));
	memset(n->table, 0, size * sizeof *n->table);
	n->table_size = size;
	return DP_OK;
}

static dp_code add_rows(dp_net *n, dp_fault *fault)
{
	const dp_block *b = n->block;
	const dp_tx *tx = &b->tx[n->tx];
	uint32_t count = 0, end = tx->mv_first + tx->mv_count;
	bool is_sorted = true;
	for (uint32_t i = tx->mv_first; i < end; i++) count += net_is_value(&b->mv[i]);
	if (count > DP_NET_ROWS_MAX) return DP_LIMIT;
	DP_TRY(size_table(n, count, fault));
	for (uint32_t i = tx->mv_first; i < end; i++) {
		const dp_movement *mv = &b->mv[i];
		if (!net_is_value(mv)) continue;
		if (mv->amount.w[3] >> 46 != 0) return DP_LIMIT; // sums must stay below 2^254
		net_row row = {.mv = i, .asset = mv->asset};
		DP_TRY(add_end(n, &row.from, &row.is_mint, &mv->from, b->src_key[i], mv->asset,
		               fault));
		DP_TRY(add_end(n, &row.to, &row.is_burn, &mv->to, b->dst_key[i], mv->asset, fault));
		if (row.from == row.to) continue;
		DP_TRY(NET_PUSH(n, row, DP_NET_ROWS_MAX, fault));
		is_sorted &= n->row_count == 0 || n->row[n->row_count - 1].asset.v <= row.asset.v;
		n->row[n->row_count++] = row;
	}
	if (!is_sorted) qsort(n->row, n->row_count, sizeof *n->row, by_asset);
	return DP_OK;
}

//- queues ----------------------------------------------------------------------------------------

static dp_code new_piece(dp_net *n, uint32_t *ret_piece, const net_piece *like, dp_fault *fault)
{
	DP_TRY(net_spend(n, 1));
	DP_TRY(NET_PUSH(n, piece, DP_NET_WORK_MAX + 1, fault));
	n->piece[n->piece_count] = *like;
	*ret_piece = n->piece_count++;
	return DP_OK;
}

static void append(dp_net *n, uint32_t party, uint32_t piece)
{
	net_party *p = &n->party[party];
	n->piece[piece].next = NET_NOBODY;
	n->piece[piece].holder = party;
	if (p->head == NET_NOBODY)
		p->head = piece;
	else
		n->piece[p->tail].next = piece;
	p->tail = piece;
}

// A piece, or so much of it as is wanted, leaves the front of a queue.
static dp_code take_front(dp_net *n, uint32_t *ret_piece, uint32_t party, dp_u256 most,
                          dp_fault *fault)
{
	uint32_t front = n->party[party].head;
	if (!dp_u256_lt(most, n->piece[front].units)) {
		n->party[party].head = n->piece[front].next;
		*ret_piece = front;
		return net_spend(n, 1);
	}
	net_piece cut = n->piece[front];
	cut.units = most;
	n->piece[front].units = dp_u256_sub(n->piece[front].units, most);
	return new_piece(n, ret_piece, &cut, fault);
}

static dp_code pay(dp_net *n, const net_row *row, dp_fault *fault)
{
	dp_u256 left = n->block->mv[row->mv].amount;
	while (!dp_u256_is_zero(left)) {
		uint32_t at;
		if (n->party[row->from].head != NET_NOBODY) {
			DP_TRY(take_front(n, &at, row->from, left, fault));
		} else {
			net_piece own = {.units = left,
			                 .loser = row->from,
			                 .mv_out = row->mv,
			                 .is_minted = row->is_mint};
			DP_TRY(new_piece(n, &at, &own, fault));
		}
		net_piece *piece = &n->piece[at];
		left = dp_u256_sub(left, piece->units);
		piece->mv = row->mv;
		piece->is_burnt = row->is_burn;
		if (piece->loser == row->to)
			piece->is_gone = true;
		else
			append(n, row->to, at);
	}
	return DP_OK;
}

//- who paid before he was paid -------------------------------------------------------------------

// qsort has no context. Copies of what is compared go along.
typedef struct pick {
	uint32_t first, second, at;
} pick;

static int by_pick(const void *a, const void *b)
{
	const pick *x = a, *y = b;
	if (x->first != y->first) return x->first < y->first ? -1 : 1;
	if (x->second != y->second) return x->second < y->second ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

// The pieces that this party holds (or that were its own), in order, into a list of the net.
static dp_code pick_pieces(dp_net *n, bool own, uint32_t party, uint32_t first, uint32_t *ret_count,
                           dp_fault *fault)
{
	uint32_t count = 0;
	DP_TRY(net_spend(n, n->piece_count - first));
	DP_TRY(NET_HOLD(n, probe, (uint64_t)(n->piece_count - first) * 2 + 2, fault));
	pick *picks = (pick *)(void *)n->probe;
	_Static_assert(sizeof(pick) <= 2 * sizeof(uint64_t), "two words hold a pick");
	for (uint32_t i = first; i < n->piece_count; i++) {
		const net_piece *p = &n->piece[i];
		if (p->is_gone || (own ? p->loser : p->holder) != party) continue;
		picks[count++] = own ? (pick){p->mv_out, p->mv, i} : (pick){p->mv, p->mv_out, i};
	}
	qsort(picks, count, sizeof *picks, by_pick);
	if (own) {
		DP_TRY(NET_HOLD(n, list_other, count, fault));
	} else {
		DP_TRY(NET_HOLD(n, list, count, fault));
	}
	uint32_t *list = own ? n->list_other : n->list;
	for (uint32_t i = 0; i < count; i++) list[i] = picks[i].at;
	*ret_count = count;
	return DP_OK;
}

// What it got takes the place of what it gave, until it has only one of both.
static dp_code drop_middle(dp_net *n, uint32_t party, uint32_t first, dp_fault *fault)
{
	uint32_t got_count, gave_count, got = 0, gave = 0;
	DP_TRY(pick_pieces(n, false, party, first, &got_count, fault));
	DP_TRY(pick_pieces(n, true, party, first, &gave_count, fault));
	while (got < got_count && gave < gave_count) {
		net_piece *in = &n->piece[n->list[got]], *out = &n->piece[n->list_other[gave]];
		dp_u256 units = dp_u256_min(in->units, out->units);
		net_piece through = {.units = units,
		                     .loser = in->loser,
		                     .holder = out->holder,
		                     .mv = out->mv,
		                     .mv_out = in->mv_out,
		                     .next = NET_NOBODY,
		                     .is_minted = in->is_minted,
		                     .is_burnt = out->is_burnt};
		in->units = dp_u256_sub(in->units, units);
		out->units = dp_u256_sub(out->units, units);
		in->is_gone = dp_u256_is_zero(in->units);
		out->is_gone = dp_u256_is_zero(out->units);
		got += in->is_gone;
		gave += out->is_gone;
		uint32_t at;
		if (through.loser != through.holder) DP_TRY(new_piece(n, &at, &through, fault));
	}
	return DP_OK;
}

static dp_code drop_middles(dp_net *n, uint32_t row_first, uint32_t row_end, uint32_t piece_first,
                            dp_fault *fault)
{
	for (uint32_t i = piece_first; i < n->piece_count; i++)
		if (!n->piece[i].is_gone) n->party[n->piece[i].loser].paid_own = 1;
	for (uint32_t i = row_first; i < row_end; i++) {
		uint32_t ends[2] = {n->row[i].from, n->row[i].to};
		for (int k = 0; k < 2; k++) {
			net_party *p = &n->party[ends[k]];
			if (p->is_seen) continue;
			p->is_seen = true;
			if (p->head != NET_NOBODY && p->paid_own != 0)
				DP_TRY(drop_middle(n, ends[k], piece_first, fault));
		}
	}
	return DP_OK;
}

//- lots ------------------------------------------------------------------------------------------

static int by_departure(const void *a, const void *b)
{
	const net_lot *x = a, *y = b;
	if (x->mv_out != y->mv_out) return x->mv_out < y->mv_out ? -1 : 1;
	return x->mv < y->mv ? -1 : x->mv > y->mv;
}

static dp_code keep_lots(dp_net *n, dp_asset asset, uint32_t first, dp_fault *fault)
{
	uint32_t lot_first = n->lot_count;
	for (uint32_t i = first; i < n->piece_count; i++) {
		const net_piece *p = &n->piece[i];
		if (p->is_gone) continue;
		DP_TRY(NET_PUSH(n, lot, DP_NET_WORK_MAX + 1, fault));
		n->lot[n->lot_count++] = (net_lot){.units = p->units,
		                                   .loser = p->loser,
		                                   .gainer = p->holder,
		                                   .mv = p->mv,
		                                   .mv_out = p->mv_out,
		                                   .asset = asset,
		                                   .is_minted = p->is_minted,
		                                   .is_burnt = p->is_burnt};
	}
	if (n->lot_count - lot_first > 1)
		qsort(n->lot + lot_first, n->lot_count - lot_first, sizeof *n->lot, by_departure);
	return DP_OK;
}

dp_code dp_net_lots(dp_net *n, dp_fault *fault)
{
	n->party_count = n->row_count = n->lot_count = n->piece_count = 0;
	DP_TRY(add_rows(n, fault));
	for (uint32_t i = 0, end; i < n->row_count; i = end) {
		dp_asset asset = n->row[i].asset;
		for (end = i; end < n->row_count && n->row[end].asset.v == asset.v; end++) {
			net_party *ends[2] = {&n->party[n->row[end].from],
			                      &n->party[n->row[end].to]};
			for (int k = 0; k < 2; k++) {
				ends[k]->head = ends[k]->tail = NET_NOBODY;
				ends[k]->paid_own = 0;
				ends[k]->is_seen = false;
			}
		}
		n->piece_count = 0;
		for (uint32_t k = i; k < end; k++) DP_TRY(pay(n, &n->row[k], fault));
		DP_TRY(drop_middles(n, i, end, 0, fault));
		DP_TRY(keep_lots(n, asset, 0, fault));
	}
	return DP_OK;
}
