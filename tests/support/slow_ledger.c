// See slow_ledger.h.
#include "support/slow_ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

//- adding ----------------------------------------------------------------------------------------

static void *copied(const void *items, size_t count, size_t item_size)
{
	void *p = malloc(count * item_size + 1);
	assert_non_null(p);
	if (count > 0) memcpy(p, items, count * item_size);
	return p;
}

// Room for one more; doubles at powers of two.
static void *grown(void *items, uint32_t count, size_t item_size)
{
	if ((count & (count - 1)) != 0) return items;
	void *p = realloc(items, (count == 0 ? 1 : (size_t)count * 2) * item_size);
	assert_non_null(p);
	return p;
}

// Of several transactions with this id, the last one's output.
static t_slow_output *find_output(const t_slow *s, const dp_outpoint *o)
{
	for (uint32_t i = s->outputs; i > 0; i--) {
		t_slow_output *x = &s->output[i - 1];
		if (x->vout == o->vout && memcmp(t_slow_tx_at(s, x->tx_no)->id, o->txid, 32) == 0)
			return x;
	}
	return NULL;
}

static void spend(t_slow *s, dp_movement *mv, uint64_t tx_no)
{
	t_slow_output *o = find_output(s, &mv->spent);
	if (o == NULL) return;
	o->kind = DP_SPENT;
	o->spender = tx_no;
	mv->from = o->addr;
	mv->amount = o->amount;
	mv->flags = 0;
}

static void bury(t_slow *s, const dp_tx *tx, uint64_t tx_no)
{
	int64_t earlier = t_slow_find_tx(s, tx->id, tx_no);
	for (uint32_t i = 0; earlier >= 0 && i < s->outputs; i++) {
		t_slow_output *o = &s->output[i];
		if (o->tx_no != (uint64_t)earlier || o->kind != DP_UNSPENT) continue;
		o->kind = DP_BURIED;
		o->spender = tx_no;
	}
}

static void add_tx(t_slow *s, dp_block *k, const dp_tx *tx, uint64_t tx_no)
{
	if (!s->utxo) return;
	if ((tx->flags & DP_TXF_COINBASE) != 0) bury(s, tx, tx_no);
	uint32_t vout = 0;
	for (uint32_t i = tx->mv_first; i < tx->mv_first + tx->mv_count; i++) {
		dp_movement *mv = &k->mv[i];
		if (mv->kind == DP_MV_INPUT) {
			spend(s, mv, tx_no);
			continue;
		}
		s->output = grown(s->output, s->outputs, sizeof *s->output);
		s->output[s->outputs++] = (t_slow_output){
		    .tx_no = tx_no, .vout = vout++, .addr = mv->to, .amount = mv->amount};
	}
}

void t_slow_add(t_slow *s, const dp_block *block)
{
	s->chain = block->chain;
	s->utxo = block->chain->kind == DP_CHAIN_UTXO;
	s->block = grown(s->block, s->blocks, sizeof *s->block);
	dp_block *k = &s->block[s->blocks++];
	*k = *block;
	k->tx = copied(block->tx, block->tx_count, sizeof *k->tx);
	k->mv = copied(block->mv, block->mv_count, sizeof *k->mv);
	k->src_key = copied(block->src_key, block->mv_count, sizeof *k->src_key);
	k->dst_key = copied(block->dst_key, block->mv_count, sizeof *k->dst_key);
	k->note = copied(block->note, block->note_count, sizeof *k->note);
	k->note_bytes = copied(block->note_bytes, block->note_bytes_size, 1);
	for (uint32_t t = 0; t < k->tx_count; t++) {
		s->tx = grown(s->tx, s->txs, sizeof *s->tx);
		s->tx[s->txs] = (t_slow_tx){s->blocks - 1, t};
		add_tx(s, k, &k->tx[t], s->txs++);
	}
}

void t_slow_done(t_slow *s)
{
	for (uint32_t i = 0; i < s->blocks; i++) {
		free(s->block[i].tx);
		free(s->block[i].mv);
		free(s->block[i].src_key);
		free(s->block[i].dst_key);
		free(s->block[i].note);
		free(s->block[i].note_bytes);
	}
	free(s->block);
	free(s->tx);
	free(s->output);
	*s = (t_slow){0};
}

//- asking ----------------------------------------------------------------------------------------

const dp_tx *t_slow_tx_at(const t_slow *s, uint64_t tx_no)
{
	return &s->block[s->tx[tx_no].block].tx[s->tx[tx_no].tx];
}

const dp_movement *t_slow_rows(const t_slow *s, uint64_t tx_no)
{
	return s->block[s->tx[tx_no].block].mv + t_slow_tx_at(s, tx_no)->mv_first;
}

int64_t t_slow_find_tx(const t_slow *s, const uint8_t id[32], uint64_t before)
{
	int64_t found = -1;
	for (uint64_t i = 0; i < s->txs && i < before; i++)
		if (memcmp(t_slow_tx_at(s, i)->id, id, 32) == 0) found = (int64_t)i;
	return found;
}

uint64_t t_slow_block_at_height(const t_slow *s, uint64_t height)
{
	uint32_t i = 0;
	while (i < s->blocks && s->block[i].height < height) i++;
	return i;
}

uint64_t t_slow_block_at_time(const t_slow *s, int64_t time)
{
	uint32_t i = 0;
	while (i < s->blocks && s->block[i].time < time) i++;
	return i;
}

int64_t t_slow_find_block(const t_slow *s, const uint8_t hash[32])
{
	for (uint32_t i = 0; i < s->blocks; i++)
		if (memcmp(s->block[i].hash, hash, 32) == 0) return i;
	return -1;
}

bool t_slow_has_part(const t_slow *s, const dp_addr *addr, uint64_t tx_no)
{
	const dp_movement *mv = t_slow_rows(s, tx_no);
	for (uint32_t i = 0; i < t_slow_tx_at(s, tx_no)->mv_count; i++)
		if (dp_addr_eq(&mv[i].from, addr) || dp_addr_eq(&mv[i].to, addr)) return true;
	return false;
}

static dp_u256 less(dp_u256 a, dp_u256 b)
{
	return dp_u256_sub(a, dp_u256_min(a, b));
}

static bool account_row(dp_balance_at *b, const dp_movement *mv, const dp_addr *addr,
                        dp_asset asset)
{
	if (mv->asset.v != asset.v || (mv->flags & DP_MVF_UNSIGNED_ZERO) != 0) return false;
	if ((mv->flags & DP_MVF_FAILED) != 0 && mv->kind != DP_MV_FEE) return false;
	bool out = dp_addr_eq(&mv->from, addr), in = dp_addr_eq(&mv->to, addr);
	if (out) {
		b->uncovered = dp_u256_add(b->uncovered, less(mv->amount, b->balance));
		b->balance = less(b->balance, mv->amount);
		b->sent = dp_u256_add(b->sent, mv->amount);
	}
	if (in) {
		b->balance = dp_u256_add(b->balance, mv->amount);
		b->received = dp_u256_add(b->received, mv->amount);
	}
	return out || in;
}

static bool coin_row(const t_slow *s, dp_balance_at *b, const dp_movement *mv, const dp_addr *addr)
{
	if (mv->kind == DP_MV_OUTPUT && dp_addr_eq(&mv->to, addr)) {
		b->received = dp_u256_add(b->received, mv->amount);
		b->balance = dp_u256_add(b->balance, mv->amount);
		return true;
	}
	if (mv->kind != DP_MV_INPUT || !dp_addr_eq(&mv->from, addr)) return false;
	b->sent = dp_u256_add(b->sent, mv->amount);
	if (find_output(s, &mv->spent) == NULL)
		b->uncovered = dp_u256_add(b->uncovered, mv->amount);
	else
		b->balance = dp_u256_sub(b->balance, mv->amount);
	return true;
}

// What was buried before the point is taken off.
static void take_buried(const t_slow *s, dp_balance_at *b, const dp_addr *addr, uint64_t tx_no,
                        bool begun)
{
	for (uint32_t i = 0; i < s->outputs; i++) {
		const t_slow_output *o = &s->output[i];
		if (o->kind != DP_BURIED || !dp_addr_eq(&o->addr, addr)) continue;
		if (o->spender < tx_no || (o->spender == tx_no && begun))
			b->balance = dp_u256_sub(b->balance, o->amount);
	}
}

dp_balance_at t_slow_balance(const t_slow *s, const dp_addr *addr, dp_asset asset, uint64_t tx_no,
                             uint32_t mv_no)
{
	dp_balance_at b = {.seen = false};
	bool begun = false;
	for (uint64_t i = 0; i <= tx_no && i < s->txs; i++) {
		const dp_tx *tx = t_slow_tx_at(s, i);
		const dp_movement *mv = t_slow_rows(s, i);
		bool any = false;
		for (uint32_t r = 0; r < tx->mv_count; r++) {
			if (i == tx_no && tx->mv_first + r >= mv_no) continue;
			begun = begun || i == tx_no;
			any |= s->utxo ? coin_row(s, &b, &mv[r], addr)
			               : account_row(&b, &mv[r], addr, asset);
		}
		b.txs += any;
		b.seen |= any;
	}
	if (s->utxo) take_buried(s, &b, addr, tx_no, begun);
	return b;
}
