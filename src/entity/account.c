// See account.h: the genuine transfers of one address, its activity, its first funder, and those
// that imitate its counterparties. Deposits are in account_deposit.c, off-ramps in
// account_offramp.c, pairs in account_pairs.c and account_airdrop.c.
//
// Everything is read through the ledger's postings of one address, transaction by transaction, so
// that it takes as long as the address is busy, whatever the size of the ledger.
#include "entity/account.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/gap.h"
#include "entity/account_private.h"

// Victor, "Address clustering heuristics for Ethereum" (FC 2020), algorithm 1, with the values that
// Tutela takes from it (DepositCluster(a_max=0.01, t_max=3200)); airdrops as etherclust's config.py
// has them. The paper names no bound for spenders: beyond five owners a spender is taken for a
// service that they all use.
void dp_account_defaults(dp_account_options *ret_options, const dp_chain *chain)
{
	DP_CHECK(ret_options != NULL && chain != NULL);
	uint32_t decimals = dp_asset_info_of(dp_asset_native(chain))->decimals;
	dp_u256 slack = dp_u256_of(1);
	for (uint32_t i = 2; i < decimals; i++)
		if (dp_u256_mul_over(&slack, slack, dp_u256_of(10))) DP_CHECK(false);
	*ret_options = (dp_account_options){.deposit_slack = slack,
	                                    .deposit_blocks = 3200,
	                                    .airdrop_receivers_min = 1000,
	                                    .airdrop_gap_max = 2,
	                                    .history_max = 100000,
	                                    .spender_owners_max = 5};
}

//- reading transactions --------------------------------------------------------------------------

dp_code dp_account_read_tx(dp_ledger *l, dp_block_builder *b, uint64_t tx_no, dp_fault *fault)
{
	uint64_t block_no;
	DP_TRY(dp_ledger_block_of_tx(l, &block_no, tx_no, fault));
	DP_TRY(dp_ledger_start_block(l, b, block_no, fault));
	DP_TRY(dp_ledger_append_tx(l, b, tx_no, fault));
	DP_CHECK(b->block.tx_count == 1);
	return DP_OK;
}

bool dp_account_moves(const dp_movement *mv)
{
	bool is_transfer =
	    mv->kind == DP_MV_NATIVE || mv->kind == DP_MV_INTERNAL || mv->kind == DP_MV_TOKEN;
	return is_transfer && mv->asset.v != 0 && (mv->flags & DP_MVF_FAILED) == 0 &&
	       !dp_u256_is_zero(mv->amount);
}

bool dp_account_signed(const dp_block *b, const dp_addr *addr, uint64_t gaps)
{
	DP_CHECK(b != NULL && addr != NULL);
	for (uint32_t i = 0; i < b->mv_count; i++) {
		const dp_movement *mv = &b->mv[i];
		bool shows = mv->kind == DP_MV_FEE ||
		             (mv->kind == DP_MV_NATIVE && (gaps & DP_GAP_FEES) != 0);
		if (shows && dp_addr_eq(&mv->from, addr)) return true;
	}
	return false;
}

dp_evidence dp_account_evidence(const dp_block *b, uint64_t tx_no, uint32_t mv)
{
	DP_CHECK(b->tx_count == 1 && mv < b->mv_count);
	const dp_movement *m = &b->mv[mv];
	dp_evidence e = {.tx_no = tx_no,
	                 .height = b->height,
	                 .time = b->time,
	                 .mv_no = dp_block_mv_no(b, 0, mv),
	                 .from = m->from,
	                 .to = m->to,
	                 .asset = m->asset,
	                 .amount = m->amount};
	memcpy(e.txid, b->tx[0].id, sizeof e.txid);
	return e;
}

//- the view of an address ------------------------------------------------------------------------

const dp_addr *dp_flow_other(const dp_flow *f)
{
	return f->is_out ? &f->e.to : &f->e.from;
}

void dp_view_done(dp_view *v)
{
	dp_free(v->flow);
	*v = (dp_view){0};
}

static dp_code add_flow(dp_view *v, const dp_flow *flow, dp_fault *fault)
{
	if (v->count == DP_FLOWS_MAX) {
		v->is_cut = true;
		return DP_OK;
	}
	void *items = v->flow;
	DP_TRY(dp_grow(&items, &v->cap, sizeof *v->flow, v->count + 1, DP_FLOWS_MAX, fault));
	v->flow = items;
	v->flow[v->count++] = *flow;
	return DP_OK;
}

static dp_code view_tx(dp_view *v, const dp_block *b, uint64_t tx_no, const dp_addr *addr,
                       uint64_t gaps, bool with_noise, dp_fault *fault)
{
	bool is_signed = dp_account_signed(b, addr, gaps);
	if (is_signed) v->is_account = true;
	for (uint32_t i = 0; i < b->mv_count; i++) {
		const dp_movement *mv = &b->mv[i];
		bool is_out = dp_addr_eq(&mv->from, addr), is_in = dp_addr_eq(&mv->to, addr);
		// Who makes blocks gets their rewards and the tips in them. A withdrawal is told
		// the same way: who validates is left out as who mines.
		if (is_in && (mv->kind == DP_MV_REWARD || mv->kind == DP_MV_FEE))
			v->is_miner = true;
		if (is_out == is_in) continue; // another's, or to itself
		bool moves = dp_account_moves(mv);
		bool is_noise = mv->kind == DP_MV_TOKEN && !moves;
		if (!moves && !(with_noise && is_noise)) continue;
		dp_flow flow = {.e = dp_account_evidence(b, tx_no, i), .is_out = is_out};
		if (!moves) {
			flow.e.asset = DP_ASSET_NONE;
			flow.e.amount = DP_U256_ZERO;
		}
		flow.is_signed = is_out ? is_signed : dp_account_signed(b, &mv->from, gaps);
		DP_TRY(add_flow(v, &flow, fault));
	}
	return DP_OK;
}

static dp_code view_read(dp_view *v, dp_ledger *l, dp_history *h, dp_block_builder *b,
                         uint64_t txs_max, bool with_noise, dp_fault *fault)
{
	dp_ledger_totals totals;
	dp_ledger_totals_get(l, &totals);
	for (;;) {
		uint64_t tx_no;
		dp_code code = dp_history_next(h, &tx_no, fault);
		if (code == DP_END) return DP_OK;
		DP_TRY(code);
		if (v->txs == txs_max) {
			v->is_cut = true;
			return DP_OK;
		}
		v->txs++;
		DP_TRY(dp_account_read_tx(l, b, tx_no, fault));
		DP_TRY(view_tx(v, &b->block, tx_no, &h->addr, totals.gaps, with_noise, fault));
	}
}

dp_code dp_view_make(dp_view *ret_view, dp_ledger *l, const dp_addr *addr, uint64_t txs_max,
                     bool with_noise, dp_fault *fault)
{
	DP_CHECK(l != NULL && addr != NULL);
	dp_view v = {0};
	dp_block_builder b = {0};
	dp_history h;
	DP_TRY(dp_history_start(&h, l, addr, 0, UINT64_MAX, fault));
	dp_code code = view_read(&v, l, &h, &b, txs_max, with_noise, fault);
	dp_history_done(&h);
	dp_builder_done(&b);
	if (code != DP_OK) {
		dp_view_done(&v);
		return code;
	}
	*ret_view = v;
	return DP_OK;
}

//- counterparties and those that imitate them ----------------------------------------------------

static int by_other(const void *a, const void *b)
{
	const dp_flow *const *x = a, *const *y = b;
	int c = memcmp(dp_flow_other(*x), dp_flow_other(*y), sizeof(dp_addr));
	if (c == 0) c = ((*x)->e.asset.v > (*y)->e.asset.v) - ((*x)->e.asset.v < (*y)->e.asset.v);
	return c != 0 ? c : *x < *y ? -1 : *x > *y;
}

// A sum in whole units of its asset, to eighteen decimals: what dust and real money differ in is
// orders of magnitude, so that coins may be compared so without prices. Not so the tokens that
// nobody pays with: of some a million are worth a meal, so that a poisoner would outdo a real
// counterparty for a cent. They count a thousand millionth.
static dp_u256 scaled(dp_u256 sum, dp_asset asset)
{
	if (asset.v == 0) return DP_U256_ZERO;
	static const uint64_t ten = 10;
	const dp_asset_info *info = dp_asset_info_of(asset);
	uint32_t decimals = info->decimals + (info->class == DP_ASSET_TOKEN ? 9 : 0);
	for (; decimals < 18; decimals++)
		if (dp_u256_mul_over(&sum, sum, dp_u256_of(ten)))
			return (dp_u256){{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	for (; decimals > 18; decimals--) dp_u256_div(&sum, NULL, sum, dp_u256_of(ten));
	return sum;
}

// Whom somebody else's tag calls a service imitates nobody, whatever was paid to whom: else a thief
// would hide his exchange behind a richer look-alike of his own.
static void exempt_services(dp_counterparty *list, uint32_t count, bool is_marked,
                            const dp_account_options *options, const dp_chain *chain)
{
	static const dp_u256 most = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	for (uint32_t i = 0; i < count; i++) {
		if (!dp_account_is_service(options, chain, &list[i].addr)) continue;
		if (is_marked)
			list[i].original = UINT32_MAX;
		else
			list[i].value = most;
	}
}

// Counterparties in order of their bytes, marked; *ret_of_flow: the counterparty of each flow.
static dp_code counterparties(const dp_view *v, const dp_account_options *options,
                              const dp_chain *chain, dp_counterparty **ret_list,
                              uint32_t *ret_count, uint32_t **ret_of_flow, dp_fault *fault)
{
	const dp_flow **sorted = dp_alloc((v->count + 1) * sizeof *sorted);
	dp_counterparty *list = dp_alloc((v->count + 1) * sizeof *list);
	uint32_t *of_flow = dp_alloc((v->count + 1) * sizeof *of_flow);
	uint32_t count = 0;
	dp_code code = DP_OK;
	if (sorted == NULL || list == NULL || of_flow == NULL) {
		code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
		goto out;
	}
	for (uint64_t i = 0; i < v->count; i++) sorted[i] = &v->flow[i];
	if (v->count > 0) qsort(sorted, v->count, sizeof *sorted, by_other);
	dp_u256 sum = DP_U256_ZERO;
	for (uint64_t i = 0; i < v->count; i++) {
		const dp_flow *f = sorted[i];
		const dp_addr *other = dp_flow_other(f);
		uint64_t no = (uint64_t)(f - v->flow);
		bool is_new = i == 0 || !dp_addr_eq(other, dp_flow_other(sorted[i - 1]));
		if (is_new) list[count++] = (dp_counterparty){.addr = *other, .first = no};
		if (is_new || sorted[i - 1]->e.asset.v != f->e.asset.v) sum = DP_U256_ZERO;
		if (dp_u256_add_over(&sum, sum, f->e.amount)) sum = f->e.amount;
		dp_counterparty *party = &list[count - 1];
		dp_u256 value = scaled(sum, f->e.asset);
		if (dp_u256_lt(party->value, value)) party->value = value;
		if (no < party->first) party->first = no;
		of_flow[no] = count - 1;
	}
	exempt_services(list, count, false, options, chain);
	code = dp_poisoning_mark(list, count, fault);
	exempt_services(list, count, true, options, chain);
out:
	dp_free(sorted);
	if (code != DP_OK) {
		dp_free(list);
		dp_free(of_flow);
		return code;
	}
	*ret_list = list;
	*ret_count = count;
	*ret_of_flow = of_flow;
	return DP_OK;
}

dp_code dp_view_drop_lookalikes(dp_view *v, const dp_account_options *options,
                                const dp_chain *chain, dp_fault *fault)
{
	dp_counterparty *list;
	uint32_t count, *of_flow;
	DP_CHECK(v != NULL && options != NULL);
	DP_TRY(counterparties(v, options, chain, &list, &count, &of_flow, fault));
	uint64_t kept = 0;
	for (uint64_t i = 0; i < v->count; i++)
		if (v->flow[i].is_out || list[of_flow[i]].original == UINT32_MAX)
			v->flow[kept++] = v->flow[i];
	DP_CHECK(kept <= v->count);
	v->count = kept;
	dp_free(list);
	dp_free(of_flow);
	return DP_OK;
}

dp_code dp_account_imitations(dp_ledger *l, const dp_addr *addr, const dp_account_options *options,
                              dp_code (*visit)(void *context, const dp_imitation *imitation,
                                               dp_fault *fault),
                              void *context, dp_fault *fault)
{
	dp_view v;
	dp_counterparty *list;
	uint32_t count, *of_flow;
	DP_CHECK(options != NULL && visit != NULL);
	DP_TRY(dp_view_make(&v, l, addr, options->history_max, true, fault));
	dp_code code =
	    counterparties(&v, options, dp_ledger_chain(l), &list, &count, &of_flow, fault);
	if (code != DP_OK) {
		dp_view_done(&v);
		return code;
	}
	for (uint64_t i = 0; i < v.count && code == DP_OK; i++) {
		const dp_counterparty *party = &list[of_flow[i]];
		if (party->original == UINT32_MAX || party->first != i) continue;
		dp_imitation im = {.addr = party->addr,
		                   .original = list[party->original].addr,
		                   .is_worthless = dp_u256_is_zero(party->value),
		                   .first = v.flow[i].e};
		dp_poisoning_shared(&im.addr, &im.original, &im.leading, &im.trailing);
		code = visit(context, &im, fault);
	}
	dp_free(list);
	dp_free(of_flow);
	dp_view_done(&v);
	return code;
}

//- who is tagged ---------------------------------------------------------------------------------

bool dp_account_is_service(const dp_account_options *options, const dp_chain *chain,
                           const dp_addr *addr)
{
	dp_tag_stop stop;
	DP_CHECK(options != NULL && addr != NULL);
	if (options->tags == NULL) return false;
	if (!dp_tags_stop(options->tags, &stop, addr, dp_network_of(chain))) return false;
	// What we inferred ourselves must not prove itself.
	return (stop.tag->flags & DP_TAGF_INFERRED) == 0;
}

static bool is_exchange(uint16_t concept)
{
	const dp_concept *c = concept != 0 ? dp_concept_at(concept) : NULL;
	// Parents are few; a table that names itself would go on for ever.
	for (int depth = 0; c != NULL && depth < 16; depth++) {
		if (strcmp(c->name, "exchange") == 0) return true;
		c = c->parent[0] != 0 ? dp_concept_find(c->parent, strlen(c->parent)) : NULL;
	}
	return false;
}

const dp_tag_record *dp_account_exchange(const dp_account_options *options, const dp_chain *chain,
                                         const dp_addr *addr)
{
	dp_tag_stop stop;
	DP_CHECK(options != NULL && addr != NULL);
	if (options->tags == NULL) return NULL;
	if (!dp_tags_stop(options->tags, &stop, addr, dp_network_of(chain))) return NULL;
	bool is = stop.stop == DP_STOP_SERVICE && (stop.tag->flags & DP_TAGF_INFERRED) == 0 &&
	          is_exchange(stop.tag->concept);
	return is ? stop.tag : NULL;
}

//- activity --------------------------------------------------------------------------------------

static void activity_block(dp_activity *a, const dp_block *b)
{
	if (a->txs == 0) {
		a->height_first = b->height;
		a->time_first = b->time;
		memcpy(a->txid_first, b->tx[0].id, sizeof a->txid_first);
	}
	a->height_last = b->height;
	a->time_last = b->time;
	memcpy(a->txid_last, b->tx[0].id, sizeof a->txid_last);
}

// Transactions are read until one shows an account, at most history_max of them; all are counted.
static dp_code activity_read(dp_activity *a, dp_ledger *l, dp_history *h, dp_block_builder *b,
                             uint64_t txs_max, dp_fault *fault)
{
	dp_ledger_totals totals;
	uint64_t tx_no, last = 0;
	dp_ledger_totals_get(l, &totals);
	bool is_utxo = dp_ledger_chain(l)->kind == DP_CHAIN_UTXO;
	for (;; a->txs++) {
		dp_code code = dp_history_next(h, &tx_no, fault);
		if (code == DP_END) break;
		DP_TRY(code);
		last = tx_no;
		bool is_looked_for = !is_utxo && !a->is_account;
		if (is_looked_for && a->txs >= txs_max) a->is_cut = true;
		if (a->txs > 0 && (!is_looked_for || a->is_cut)) continue;
		DP_TRY(dp_account_read_tx(l, b, tx_no, fault));
		if (a->txs == 0) activity_block(a, &b->block);
		if (!is_looked_for || !dp_account_signed(&b->block, &h->addr, totals.gaps))
			continue;
		a->is_account = true;
		memcpy(a->txid_account, b->block.tx[0].id, sizeof a->txid_account);
	}
	if (a->txs == 0) return DP_OK;
	DP_TRY(dp_account_read_tx(l, b, last, fault));
	activity_block(a, &b->block);
	return DP_OK;
}

dp_code dp_account_activity(dp_ledger *l, dp_activity *ret_activity, const dp_addr *addr,
                            const dp_account_options *options, dp_fault *fault)
{
	dp_activity a = {0};
	dp_block_builder b = {0};
	dp_history h;
	DP_CHECK(l != NULL && options != NULL);
	DP_TRY(dp_history_start(&h, l, addr, 0, UINT64_MAX, fault));
	dp_code code = activity_read(&a, l, &h, &b, options->history_max, fault);
	dp_history_done(&h);
	dp_builder_done(&b);
	if (code == DP_OK) *ret_activity = a;
	return code;
}

//- first funder ----------------------------------------------------------------------------------

// What an address had of the native asset, from its first movement to the first transaction in
// which it spent some. Not further: where the source has no traces, what contracts paid it is not
// seen, and its sums go wrong sooner or later.
struct purse {
	dp_evidence *payment; // transfers in, in order
	dp_u256 *so_far;      // the sum with each of them
	uint64_t count, payment_cap, so_far_cap;
	dp_u256 received, spent, fee;
	bool is_cut; // its history goes on, and it has not spent yet
};

enum { PAYMENTS_MAX = 1 << 20 }; // before it spends; more are a contract's

static dp_code receive(struct purse *p, const dp_evidence *e, dp_fault *fault)
{
	if (dp_u256_add_over(&p->received, p->received, e->amount))
		return dp_fail(fault, DP_BAD_BYTES, "what an address got does not fit 256 bits");
	if (p->count == PAYMENTS_MAX) return DP_OK;
	void *payments = p->payment, *sums = p->so_far;
	DP_TRY(dp_grow(&payments, &p->payment_cap, sizeof *p->payment, p->count + 1, PAYMENTS_MAX,
	               fault));
	p->payment = payments;
	DP_TRY(
	    dp_grow(&sums, &p->so_far_cap, sizeof *p->so_far, p->count + 1, PAYMENTS_MAX, fault));
	p->so_far = sums;
	p->payment[p->count] = *e;
	p->so_far[p->count++] = p->received;
	return DP_OK;
}

// DP_END: it spent more than it had got.
static dp_code purse_tx(struct purse *p, const dp_block *b, uint64_t tx_no, const dp_addr *addr,
                        dp_fault *fault)
{
	dp_asset native = dp_asset_native(b->chain);
	for (uint32_t i = 0; i < b->mv_count; i++) {
		const dp_movement *mv = &b->mv[i];
		bool is_out = dp_addr_eq(&mv->from, addr), is_in = dp_addr_eq(&mv->to, addr);
		bool is_void = (mv->flags & DP_MVF_FAILED) != 0 && mv->kind != DP_MV_FEE;
		if (mv->asset.v != native.v || is_out == is_in || is_void) continue;
		if (dp_u256_is_zero(mv->amount)) continue;
		if (is_out && dp_u256_add_over(&p->spent, p->spent, mv->amount)) return DP_END;
		if (is_out && mv->kind == DP_MV_FEE &&
		    dp_u256_add_over(&p->fee, p->fee, mv->amount))
			return DP_END;
		// A tip is no transfer: it has something, but nobody sent it.
		dp_evidence e = dp_account_evidence(b, tx_no, i);
		if (is_in && mv->kind == DP_MV_FEE) e.from = (dp_addr){0};
		if (is_in) DP_TRY(receive(p, &e, fault));
		if (dp_u256_lt(p->received, p->spent)) return DP_END;
	}
	return DP_OK;
}

static dp_code purse_read(struct purse *p, dp_ledger *l, dp_history *h, dp_block_builder *b,
                          uint64_t txs_max, dp_fault *fault)
{
	for (uint64_t txs = 0; dp_u256_is_zero(p->spent); txs++) {
		uint64_t tx_no;
		dp_code code = dp_history_next(h, &tx_no, fault);
		if (code == DP_END) break;
		DP_TRY(code);
		p->is_cut = txs == txs_max;
		if (p->is_cut) break;
		DP_TRY(dp_account_read_tx(l, b, tx_no, fault));
		DP_TRY(purse_tx(p, &b->block, tx_no, &h->addr, fault));
	}
	return DP_OK;
}

dp_code dp_account_funder(dp_ledger *l, dp_evidence *ret_first, bool *ret_had_before,
                          bool *ret_is_cut, const dp_addr *addr, const dp_account_options *options,
                          dp_fault *fault)
{
	struct purse p = {0};
	dp_block_builder b = {0};
	dp_history h;
	DP_CHECK(l != NULL && options != NULL);
	DP_CHECK(ret_first != NULL && ret_had_before != NULL && ret_is_cut != NULL);
	*ret_had_before = *ret_is_cut = false;
	DP_TRY(dp_history_start(&h, l, addr, 0, UINT64_MAX, fault));
	dp_code code = purse_read(&p, l, &h, &b, options->history_max, fault);
	if (code == DP_END) {
		*ret_had_before = true;
		code = DP_NOT_FOUND;
	} else if (code == DP_OK) {
		uint64_t i = 0;
		while (i < p.count && dp_u256_lt(p.so_far[i], p.fee)) i++;
		if (i < p.count)
			*ret_first = p.payment[i];
		else
			code = DP_NOT_FOUND;
	}
	*ret_is_cut = p.is_cut;
	dp_history_done(&h);
	dp_builder_done(&b);
	dp_free(p.payment);
	dp_free(p.so_far);
	return code;
}
