// The same for chains of coins: the cluster, who signed the first transaction that pays the
// address, and what the transactions that it signed paid to services. A CoinJoin says nothing of
// either: whose coins went where is what it hides.
#include <string.h>

#include "base/check.h"
#include "cli/who.h"
#include "entity/cluster.h"

static dp_code find_cluster(dp_who *w, dp_finding *f, dp_fault *fault)
{
	dp_cluster *c;
	dp_cluster_options options = {0};
	dp_code code = dp_cluster_open(&c, w->ledger, &options, true, fault);
	if (code == DP_NOT_FOUND) return DP_OK;
	DP_TRY(code);
	f->has_clusters = true;
	code = dp_cluster_of(c, &f->cluster, &f->cluster_size, &f->addr, fault);
	dp_cluster_close(c);
	f->has_cluster = code == DP_OK;
	return code == DP_NOT_FOUND ? DP_OK : code;
}

static bool has_input_of(const dp_block *b, const dp_addr *addr)
{
	for (uint32_t i = 0; i < b->mv_count && b->mv[i].kind == DP_MV_INPUT; i++)
		if (dp_addr_eq(&b->mv[i].from, addr)) return true;
	return false;
}

static dp_evidence evidence_of(const dp_block *b, uint64_t tx_no, uint32_t mv)
{
	dp_evidence e = {.tx_no = tx_no,
	                 .height = b->height,
	                 .time = b->time,
	                 .mv_no = dp_block_mv_no(b, 0, mv),
	                 .to = b->mv[mv].to,
	                 .asset = b->mv[mv].asset,
	                 .amount = b->mv[mv].amount};
	memcpy(e.txid, b->tx[0].id, sizeof e.txid);
	return e;
}

// The first output to the address that it did not pay itself.
static void note_funding(dp_finding *f, const dp_block *b, uint64_t tx_no, const dp_coinjoin *shape)
{
	if (f->is_funded || has_input_of(b, &f->addr)) return;
	for (uint32_t i = 0; i < b->mv_count && !f->is_funded; i++) {
		if (b->mv[i].kind != DP_MV_OUTPUT || !dp_addr_eq(&b->mv[i].to, &f->addr)) continue;
		f->funded = evidence_of(b, tx_no, i);
		f->is_funded = true;
	}
	if (!f->is_funded) return;
	f->funded_shape = *shape;
	for (uint32_t i = 0; i < b->mv_count && b->mv[i].kind == DP_MV_INPUT; i++) {
		const dp_addr *from = &b->mv[i].from;
		bool is_known = from->kind == DP_ADDR_NONE;
		for (uint32_t j = 0; j < f->funder_count && !is_known; j++)
			is_known = dp_addr_eq(&f->funder[j], from);
		if (is_known) continue;
		if (f->funder_count < DP_WHO_SHOWN_MAX)
			f->funder[f->funder_count++] = *from;
		else
			f->funder_more++;
	}
}

static dp_code add_payment(dp_finding *f, const dp_block *b, uint64_t tx_no, uint32_t mv,
                           dp_fault *fault)
{
	const dp_movement *m = &b->mv[mv];
	uint32_t at = 0;
	while (at < f->payment_count && !dp_addr_eq(&f->payment[at].service, &m->to)) at++;
	if (at == DP_OFFRAMP_MAX) {
		f->payments_cut = true;
		return DP_OK;
	}
	dp_who_payment *p = &f->payment[at];
	if (at == f->payment_count) {
		f->payment_count++;
		*p = (dp_who_payment){.service = m->to, .first = evidence_of(b, tx_no, mv)};
	}
	p->transfers++;
	if (dp_u256_add_over(&p->amount, p->amount, m->amount))
		return dp_fail(fault, DP_BAD_BYTES, "what the address paid does not fit 256 bits");
	return DP_OK;
}

static dp_code note_payments(dp_who *w, dp_finding *f, const dp_block *b, uint64_t tx_no,
                             const dp_coinjoin *shape, dp_fault *fault)
{
	dp_tag_stop stop;
	if (!has_input_of(b, &f->addr)) return DP_OK;
	if (shape->kind != DP_CJ_NONE && shape->kind != DP_CJ_WHIRLPOOL_TX0) {
		f->coinjoins++;
		return DP_OK;
	}
	for (uint32_t i = 0; i < b->mv_count; i++) {
		const dp_movement *m = &b->mv[i];
		if (m->kind != DP_MV_OUTPUT || has_input_of(b, &m->to)) continue;
		if (dp_u256_add_over(&f->paid_all, f->paid_all, m->amount))
			return dp_fail(fault, DP_BAD_BYTES,
			               "what the address paid does not fit 256 bits");
		if (dp_tags_stop(w->tags, &stop, &m->to, dp_network_of(w->chain)))
			DP_TRY(add_payment(f, b, tx_no, i, fault));
	}
	return DP_OK;
}

static dp_code look_at_tx(dp_who *w, dp_finding *f, uint64_t tx_no, dp_fault *fault)
{
	uint64_t block_no;
	const dp_shape *shape;
	dp_coinjoin verdict;
	DP_TRY(dp_ledger_block_of_tx(w->ledger, &block_no, tx_no, fault));
	DP_TRY(dp_ledger_start_block(w->ledger, &w->builder, block_no, fault));
	DP_TRY(dp_ledger_append_tx(w->ledger, &w->builder, tx_no, fault));
	const dp_block *b = &w->builder.block;
	DP_TRY(dp_shape_of(&w->shaper, &shape, b, 0, fault));
	DP_TRY(dp_coinjoin_judge(&w->shaper, &verdict, shape, fault));
	note_funding(f, b, tx_no, &verdict);
	return note_payments(w, f, b, tx_no, &verdict, fault);
}

dp_code dp_who_find_utxo(dp_who *w, dp_finding *f, dp_fault *fault)
{
	dp_history h;
	DP_CHECK(w->chain->kind == DP_CHAIN_UTXO);
	DP_TRY(find_cluster(w, f, fault));
	DP_TRY(dp_history_start(&h, w->ledger, &f->addr, 0, UINT64_MAX, fault));
	dp_code code = DP_OK;
	for (uint64_t txs = 0; code == DP_OK; txs++) {
		uint64_t tx_no;
		code = dp_history_next(&h, &tx_no, fault);
		if (code == DP_OK && txs == w->options.history_max) {
			f->payments_cut = true;
			break;
		}
		if (code == DP_OK) code = look_at_tx(w, f, tx_no, fault);
	}
	dp_history_done(&h);
	return code == DP_END ? DP_OK : code;
}
