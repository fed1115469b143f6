// See origins.h. Everything is looked for from the beginning: slow, and plain to see.
#include "support/origins.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

//- lists -----------------------------------------------------------------------------------------

static void push(t_origins *o, t_origin x)
{
	if (x.units == 0) return;
	if (o->count == o->cap) {
		o->cap = o->cap == 0 ? 8 : o->cap * 2;
		o->item = realloc(o->item, o->cap * sizeof *o->item);
		assert_non_null(o->item);
	}
	o->item[o->count++] = x;
}

void t_origins_done(t_origins *o)
{
	free(o->item);
	*o = (t_origins){0};
}

uint64_t t_origins_sum(const t_origins *o)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < o->count; i++) sum += o->item[i].units;
	return sum;
}

void t_origins_merge(t_origins *o)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < o->count; i++) {
		t_origin x = o->item[i];
		uint32_t at = 0;
		while (at < kept && (o->item[at].kind != x.kind || o->item[at].tx != x.tx ||
		                     !dp_addr_eq(&o->item[at].addr, &x.addr)))
			at++;
		if (at == kept) {
			o->item[kept++] = x;
			continue;
		}
		o->item[at].units += x.units;
		if (x.hops < o->item[at].hops) o->item[at].hops = x.hops;
	}
	o->count = kept;
}

// Moves up to `units` from the front of one list to the back of another, one hop further away.
static uint64_t take(t_origins *to, t_origins *from, uint64_t units)
{
	uint64_t taken = 0;
	while (from->count > 0 && taken < units) {
		t_origin x = from->item[0];
		uint64_t n = x.units < units - taken ? x.units : units - taken;
		taken += n;
		from->item[0].units -= n;
		if (from->item[0].units == 0)
			memmove(from->item, from->item + 1, --from->count * sizeof *from->item);
		x.units = n;
		x.hops++;
		push(to, x);
	}
	return taken;
}

//- rows ------------------------------------------------------------------------------------------

bool t_row_counts(const t_row *r)
{
	if (r->asset == T_NOISE || (r->flags & DP_MVF_UNSIGNED_ZERO) != 0) return false;
	return (r->flags & DP_MVF_FAILED) == 0 || r->kind == T_FEE;
}

dp_addr t_paid(const t_row *output)
{
	dp_addr a = t_addr(output->to);
	if (output->to == T_NOBODY) a.kind = DP_ADDR_NULLDATA;
	return a;
}

static bool is_input(const t_ledger *l, uint32_t row)
{
	return l->row[row].kind == T_IN;
}

uint32_t t_row_of_coin(const t_ledger *l, const t_row *input)
{
	if (input->from == T_OUTSIDE) return UINT32_MAX;
	for (uint32_t t = 0; t < l->txs; t++) {
		if (l->tx[t].id != input->from) continue;
		uint32_t row = l->tx[t].first;
		while (is_input(l, row)) row++;
		return row + (uint32_t)input->to;
	}
	return UINT32_MAX;
}

uint32_t t_tx_of_row(const t_ledger *l, uint32_t row)
{
	uint32_t t = 0;
	while (row >= l->tx[t].first + l->tx[t].count) t++;
	return t;
}

//- notes -----------------------------------------------------------------------------------------

static void note_row(t_notes *n, const t_row *r, uint32_t tx, int64_t stop)
{
	t_origins moving = {0};
	uint64_t units = r->amount.w[0], known;
	if (r->from == T_NOBODY) {
		push(&moving, (t_origin){DP_ORIGIN_MINT, t_addr(r->to), tx, 0, units});
	} else {
		known = take(&moving, &n->pool[r->from][r->asset], units);
		push(&moving, (t_origin){DP_ORIGIN_BEFORE, t_addr(r->from), tx, 1, units - known});
	}
	if (r->from != T_NOBODY && r->from == stop) {
		moving.count = 0;
		push(&moving, (t_origin){DP_ORIGIN_SERVICE, t_addr(r->from), tx, 1, units});
	}
	if (r->to != T_NOBODY)
		for (uint32_t i = 0; i < moving.count; i++)
			push(&n->pool[r->to][r->asset], moving.item[i]);
	t_origins_done(&moving);
}

static void note_tx(t_notes *n, const t_ledger *l, uint32_t tx, int64_t stop)
{
	const t_tx *t = &l->tx[tx];
	t_origins run = {0};
	bool is_coinbase = true;
	for (uint32_t i = t->first; i < t->first + t->count; i++) {
		const t_row *r = &l->row[i];
		if (r->kind == T_OUT && is_coinbase) {
			push(&n->coin[i],
			     (t_origin){DP_ORIGIN_COINBASE, t_paid(r), tx, 0, r->amount.w[0]});
			continue;
		}
		if (r->kind == T_OUT) {
			uint64_t got = take(&n->coin[i], &run, r->amount.w[0]);
			assert_int_equal(got, r->amount.w[0]);
			continue;
		}
		is_coinbase = false;
		uint32_t made = t_row_of_coin(l, r);
		// `take` counts this transaction's hop.
		if (made == UINT32_MAX) {
			push(&run, (t_origin){DP_ORIGIN_BEFORE, {0}, tx, 0, r->amount.w[0]});
			continue;
		}
		t_origins *coin = &n->coin[made];
		if (l->row[made].to == stop && stop != T_NOBODY) {
			coin->count = 0;
			push(&run, (t_origin){DP_ORIGIN_SERVICE, t_addr(stop), tx, 0,
			                      l->row[made].amount.w[0]});
		}
		for (uint32_t k = 0; k < coin->count; k++) push(&run, coin->item[k]);
		coin->count = 0;
	}
	t_origins_done(&run);
}

void t_notes_make(t_notes *n, const t_ledger *l, uint32_t txs, int64_t stop)
{
	*n = (t_notes){.rows = l->rows};
	n->coin = calloc((size_t)l->rows + 1, sizeof *n->coin);
	assert_non_null(n->coin);
	for (uint32_t t = 0; t < txs; t++) {
		if (l->utxo) note_tx(n, l, t, stop);
		for (uint32_t i = 0; i < l->tx[t].count && !l->utxo; i++) {
			const t_row *r = &l->row[l->tx[t].first + i];
			if (t_row_counts(r)) note_row(n, r, t, stop);
		}
	}
}

void t_notes_done(t_notes *n)
{
	for (uint32_t i = 0; i < n->rows; i++) t_origins_done(&n->coin[i]);
	free(n->coin);
	for (int a = 0; a < 64; a++)
		for (int k = 0; k < 3; k++) t_origins_done(&n->pool[a][k]);
}

//- haircut ---------------------------------------------------------------------------------------

static uint64_t part(uint64_t whole, uint64_t times, uint64_t by)
{
	return (uint64_t)((dp_u128)whole * times / by);
}

// What each row of the asset found: of an outflow how much was there, and of an inflow what the
// receiver had right after it.
struct found {
	uint64_t known, after;
};

static struct found *find_balances(const t_ledger *l, uint32_t rows, int asset)
{
	uint64_t balance[64] = {0};
	struct found *f = calloc((size_t)rows + 1, sizeof *f);
	assert_non_null(f);
	for (uint32_t i = 0; i < rows; i++) {
		const t_row *r = &l->row[i];
		uint64_t units = r->amount.w[0];
		if (!t_row_counts(r) || r->asset != asset) continue;
		if (r->from != T_NOBODY) {
			f[i].known = balance[r->from] < units ? balance[r->from] : units;
			balance[r->from] -= f[i].known;
		}
		if (r->to == T_NOBODY) continue;
		balance[r->to] += units;
		f[i].after = balance[r->to];
	}
	return f;
}

struct demand {
	uint64_t units;
	uint32_t hops;
};

static void demand_more(struct demand *d, uint64_t units, uint32_t hops)
{
	if (units == 0) return;
	if (d->units == 0 || hops < d->hops) d->hops = hops;
	d->units += units;
}

void t_haircut_pool(t_origins *o, const t_ledger *l, uint32_t txs, int64_t addr, int asset,
                    int64_t stop)
{
	struct demand want[64] = {{0, 0}};
	uint32_t rows = txs == l->txs ? l->rows : l->tx[txs].first;
	struct found *f = find_balances(l, rows, asset);
	for (uint32_t i = 0; i < rows; i++) {
		const t_row *r = &l->row[i];
		if (!t_row_counts(r) || r->asset != asset) continue;
		if (r->from == addr) want[addr].units -= f[i].known;
		if (r->to == addr) want[addr].units += r->amount.w[0];
	}
	for (uint32_t i = rows; i-- > 0;) {
		const t_row *r = &l->row[i];
		uint64_t units = r->amount.w[0];
		if (!t_row_counts(r) || r->asset != asset || r->to == T_NOBODY || units == 0)
			continue;
		struct demand *d = &want[r->to];
		uint64_t share = d->units == 0 ? 0 : part(d->units, units, f[i].after);
		uint32_t tx = t_tx_of_row(l, i), hops = d->hops;
		if (share == 0) continue;
		d->units -= share;
		if (r->from == T_NOBODY) {
			push(o, (t_origin){DP_ORIGIN_MINT, t_addr(r->to), tx, hops, share});
		} else if (r->from == stop) {
			push(o, (t_origin){DP_ORIGIN_SERVICE, t_addr(stop), tx, hops + 1, share});
		} else {
			uint64_t there = part(share, f[i].known, units);
			push(o, (t_origin){DP_ORIGIN_BEFORE, t_addr(r->from), tx, hops + 1,
			                   share - there});
			demand_more(&want[r->from], there, hops + 1);
		}
	}
	free(f);
}

// The share of each input of a transaction.
static void share_inputs(t_origins *o, const t_ledger *l, struct demand *want, uint32_t tx,
                         int64_t stop)
{
	const t_tx *t = &l->tx[tx];
	const struct demand d = want[tx];
	uint64_t all = 0, sum = 0;
	for (uint32_t pass = 0; pass < 2; pass++)
		for (uint32_t i = t->first; i < t->first + t->count && is_input(l, i); i++) {
			const t_row *r = &l->row[i];
			uint32_t made = t_row_of_coin(l, r);
			uint64_t value =
			    made == UINT32_MAX ? r->amount.w[0] : l->row[made].amount.w[0];
			if (pass == 0) {
				all += value;
				continue;
			}
			uint64_t before = part(d.units, sum, all);
			sum += value;
			uint64_t share = part(d.units, sum, all) - before;
			if (made == UINT32_MAX)
				push(o, (t_origin){DP_ORIGIN_BEFORE, {0}, tx, d.hops + 1, share});
			else if (l->row[made].to == stop && stop != T_NOBODY)
				push(o, (t_origin){DP_ORIGIN_SERVICE, t_addr(stop), tx, d.hops + 1,
				                   share});
			else if (is_input(l, l->tx[t_tx_of_row(l, made)].first))
				demand_more(&want[t_tx_of_row(l, made)], share, d.hops + 1);
			else
				push(o, (t_origin){DP_ORIGIN_COINBASE, t_paid(&l->row[made]),
				                   t_tx_of_row(l, made), d.hops + 1, share});
		}
}

void t_haircut_coin(t_origins *o, const t_ledger *l, uint32_t tx, uint32_t vout, int64_t stop)
{
	struct demand *want = calloc((size_t)tx + 1, sizeof *want);
	assert_non_null(want);
	uint32_t row = l->tx[tx].first;
	while (is_input(l, row)) row++;
	const t_row *out = &l->row[row + vout];
	if (is_input(l, l->tx[tx].first))
		want[tx].units = out->amount.w[0];
	else
		push(o, (t_origin){DP_ORIGIN_COINBASE, t_paid(out), tx, 0, out->amount.w[0]});
	for (uint32_t t = tx + 1; t-- > 0;)
		if (want[t].units > 0) share_inputs(o, l, want, t, stop);
	free(want);
}
