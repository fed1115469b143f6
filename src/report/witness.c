// See witness.h. The walk over a wallet's beginning is the entity room's own (dp_account_funder)
// twice: it tells who paid, and what else has to be known of the same transactions is read here.
#include "report/witness.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/gap.h"
#include "engine/case.h"
#include "entity/account.h"
#include "ledger/ledger.h"

typedef struct source {
	dp_ledger *ledger;
	dp_witness_ledger info;
	dp_account_options options;
} source;

struct dp_witness {
	const dp_tags *tags;
	dp_block_builder builder;
	source source[DP_WITNESS_LEDGERS_MAX];
	uint32_t count;
};

//- opening ---------------------------------------------------------------------------------------

typedef struct listing {
	const dp_chain *chain[DP_WITNESS_LEDGERS_MAX];
	uint32_t count, coins; // chains of accounts, of coins
	bool is_full;
} listing;

static bool list_chain(void *context, const dp_chain *chain)
{
	listing *l = context;
	if (chain->kind != DP_CHAIN_ACCOUNT) {
		l->coins++;
		return true;
	}
	l->is_full = l->count == DP_WITNESS_LEDGERS_MAX;
	if (!l->is_full) l->chain[l->count++] = chain;
	return !l->is_full;
}

static dp_code open_one(dp_witness *w, const char *folder, const dp_chain *chain, dp_fault *fault)
{
	if (w->count == DP_WITNESS_LEDGERS_MAX)
		return dp_fail(fault, DP_LIMIT, "more than %d ledgers", DP_WITNESS_LEDGERS_MAX);
	source *s = &w->source[w->count];
	dp_ledger_totals totals;
	DP_TRY(dp_ledger_open(&s->ledger, folder, chain, fault));
	w->count++; // from here on dp_witness_close closes it
	dp_ledger_totals_get(s->ledger, &totals);
	s->info = (dp_witness_ledger){.folder = folder,
	                              .chain = chain,
	                              .height_first = totals.height_first,
	                              .time_first = totals.time_first,
	                              .from_beginning = totals.from_beginning,
	                              .gaps = totals.gaps};
	dp_account_defaults(&s->options, chain);
	s->options.tags = w->tags;
	return DP_OK;
}

static dp_code open_folder(dp_witness *w, const char *folder, dp_fault *fault)
{
	listing l = {0};
	dp_code code = dp_ledger_chains(folder, list_chain, &l, fault);
	if (code == DP_OK && l.is_full)
		code = dp_fail(fault, DP_LIMIT, "more than %d ledgers", DP_WITNESS_LEDGERS_MAX);
	if (code == DP_OK && l.count == 0 && l.coins > 0)
		code = dp_fail(fault, DP_BAD_CASE,
		               "a ledger of coins only: nobody pays gas there; name one of a chain "
		               "of accounts");
	if (code == DP_OK && l.count == 0)
		code = dp_fail(fault, DP_NOT_FOUND,
		               "holds no ledger: 'dyepack import' makes one (--ledger DIR)");
	for (uint32_t i = 0; i < l.count && code == DP_OK; i++)
		code = open_one(w, folder, l.chain[i], fault);
	if (code != DP_OK && fault != NULL) dp_fault_file(fault, folder);
	return code;
}

dp_code dp_witness_open(dp_witness **ret_witness, const char *const *folder, const dp_tags *tags,
                        dp_fault *fault)
{
	DP_CHECK(ret_witness != NULL && folder != NULL);
	dp_witness *w = dp_alloc(sizeof *w);
	if (w == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	w->tags = tags;
	dp_code code = DP_OK;
	for (uint32_t i = 0; folder[i] != NULL && code == DP_OK; i++)
		code = open_folder(w, folder[i], fault);
	if (code != DP_OK) {
		dp_witness_close(w);
		return code;
	}
	*ret_witness = w;
	return DP_OK;
}

void dp_witness_close(dp_witness *w)
{
	if (w == NULL) return;
	for (uint32_t i = 0; i < w->count; i++) dp_ledger_close(w->source[i].ledger);
	dp_builder_done(&w->builder);
	dp_free(w);
}

uint32_t dp_witness_count(const dp_witness *w)
{
	DP_CHECK(w != NULL);
	return w->count;
}

const dp_witness_ledger *dp_witness_at(const dp_witness *w, uint32_t ledger)
{
	DP_CHECK(w != NULL && ledger < w->count);
	return &w->source[ledger].info;
}

//- first gas -------------------------------------------------------------------------------------

static dp_code read_tx(dp_witness *w, dp_ledger *l, uint64_t tx_no, dp_fault *fault)
{
	uint64_t block_no;
	DP_TRY(dp_ledger_block_of_tx(l, &block_no, tx_no, fault));
	DP_TRY(dp_ledger_start_block(l, &w->builder, block_no, fault));
	return dp_ledger_append_tx(l, &w->builder, tx_no, fault);
}

// A wallet up to the first transaction in which it spent coins: the same end as the entity room's.
typedef struct youth {
	uint64_t tx_first, txs;
	bool is_spent, has_fee; // the fee of that transaction is known
} youth;

static void look_at_tx(youth *y, const dp_block *b, const dp_addr *wallet)
{
	dp_asset native = dp_asset_native(b->chain);
	for (uint32_t i = 0; i < b->mv_count; i++) {
		const dp_movement *mv = &b->mv[i];
		bool is_fee = mv->kind == DP_MV_FEE;
		bool is_void = (mv->flags & DP_MVF_FAILED) != 0 && !is_fee;
		if (mv->asset.v != native.v || is_void || dp_u256_is_zero(mv->amount)) continue;
		if (!dp_addr_eq(&mv->from, wallet) || dp_addr_eq(&mv->to, wallet)) continue;
		y->is_spent = true;
		y->has_fee |= is_fee;
	}
}

static dp_code look_at_youth(dp_witness *w, dp_ledger *l, youth *y, const dp_addr *wallet,
                             dp_fault *fault)
{
	dp_history h;
	DP_TRY(dp_history_start(&h, l, wallet, 0, UINT64_MAX, fault));
	dp_code code = DP_OK;
	while (code == DP_OK && !y->is_spent && y->txs < DP_WITNESS_WALLET_TXS_MAX) {
		uint64_t tx_no;
		code = dp_history_next(&h, &tx_no, fault);
		if (code != DP_OK) break;
		if (y->txs++ == 0) y->tx_first = tx_no;
		code = read_tx(w, l, tx_no, fault);
		if (code == DP_OK) look_at_tx(y, &w->builder.block, wallet);
	}
	dp_history_done(&h);
	return code == DP_END ? DP_OK : code;
}

// Did the payer sign the payment? By who paid its fee; where fees are not known, a transfer that is
// the transaction's own was signed by its sender.
static dp_code is_signed(dp_witness *w, const source *s, bool *ret_is, const dp_evidence *e,
                         dp_fault *fault)
{
	DP_TRY(read_tx(w, s->ledger, e->tx_no, fault));
	const dp_block *b = &w->builder.block;
	*ret_is = false;
	for (uint32_t i = 0; i < b->mv_count; i++) {
		const dp_movement *mv = &b->mv[i];
		bool shows = mv->kind == DP_MV_FEE ||
		             (mv->kind == DP_MV_NATIVE && (s->info.gaps & DP_GAP_FEES) != 0);
		if (shows && dp_addr_eq(&mv->from, &e->from)) *ret_is = true;
	}
	return DP_OK;
}

// The entity room has said who; the rest is whether that is worth anything.
static dp_code weigh(dp_witness *w, const source *s, dp_gas_answer *ret_answer,
                     dp_first_gas *ret_gas, const youth *y, const dp_evidence *e, dp_fault *fault)
{
	bool is = false;
	if (e->from.kind != DP_ADDR_NONE) DP_TRY(is_signed(w, s, &is, e, fault));
	*ret_answer = is ? DP_GAS_PAID : DP_GAS_NOBODY;
	if (!is) return DP_OK;
	*ret_gas = (dp_first_gas){
	    .payer = e->from, .time = e->time, .was_unseen = e->tx_no == y->tx_first};
	memcpy(ret_gas->txid, e->txid, sizeof ret_gas->txid);
	return DP_OK;
}

dp_code dp_witness_first_gas(dp_witness *w, dp_gas_answer *ret_answer, dp_first_gas *ret_gas,
                             uint32_t ledger, const dp_addr *wallet, dp_fault *fault)
{
	DP_CHECK(w != NULL && ledger < w->count);
	DP_CHECK(ret_answer != NULL && ret_gas != NULL && wallet != NULL);
	source *s = &w->source[ledger];
	youth y = {0};
	DP_TRY(look_at_youth(w, s->ledger, &y, wallet, fault));
	*ret_answer = y.txs == 0 ? DP_GAS_ABSENT : DP_GAS_UNKNOWN;
	// Of who has never spent, or paid a fee that is not known, the first payment may be dust.
	if (!y.is_spent || !y.has_fee) return DP_OK;
	dp_evidence e;
	bool had_before, is_cut;
	dp_account_options o = s->options;
	o.history_max = DP_WITNESS_WALLET_TXS_MAX;
	dp_code code = dp_account_funder(s->ledger, &e, &had_before, &is_cut, wallet, &o, fault);
	if (code == DP_NOT_FOUND) {
		*ret_answer = had_before ? DP_GAS_TOO_LATE : DP_GAS_UNKNOWN;
		return DP_OK;
	}
	DP_TRY(code);
	if (is_cut) return DP_OK;
	return weigh(w, s, ret_answer, ret_gas, &y, &e, fault);
}

//- who pays --------------------------------------------------------------------------------------

static dp_code is_hub(const source *s, bool *ret_is, const dp_addr *addr, dp_fault *fault)
{
	dp_history h;
	uint64_t tx_no;
	uint32_t txs = 0;
	DP_TRY(dp_history_start(&h, s->ledger, addr, 0, UINT64_MAX, fault));
	dp_code code = DP_OK;
	while (txs <= DP_HUB_LIMIT_DEFAULT && code == DP_OK) {
		code = dp_history_next(&h, &tx_no, fault);
		if (code == DP_OK) txs++;
	}
	dp_history_done(&h);
	if (code != DP_OK && code != DP_END) return code;
	*ret_is = txs > DP_HUB_LIMIT_DEFAULT;
	return DP_OK;
}

dp_code dp_witness_payer(dp_witness *w, dp_payer_kind *ret_kind, const dp_addr *addr,
                         dp_fault *fault)
{
	DP_CHECK(w != NULL && ret_kind != NULL && addr != NULL);
	dp_payer_kind kind = DP_PAYER_PERSON;
	for (uint32_t i = 0; i < w->count && kind == DP_PAYER_PERSON; i++) {
		const source *s = &w->source[i];
		dp_tag_stop stop;
		// What we inferred ourselves must not prove itself.
		bool is_tagged = w->tags != NULL &&
		                 dp_tags_stop(w->tags, &stop, addr, dp_network_of(s->info.chain)) &&
		                 (stop.tag->flags & DP_TAGF_INFERRED) == 0;
		bool is = false;
		if (is_tagged) kind = DP_PAYER_SERVICE;
		if (!is_tagged) DP_TRY(is_hub(s, &is, addr, fault));
		if (is) kind = DP_PAYER_HUB;
	}
	*ret_kind = kind;
	return DP_OK;
}

dp_code dp_witness_deposit(dp_witness *w, bool *ret_is, uint8_t ret_txid[32], uint32_t *ret_ledger,
                           const dp_addr *addr, dp_fault *fault)
{
	DP_CHECK(w != NULL && ret_is != NULL && ret_txid != NULL && ret_ledger != NULL);
	bool is = false;
	for (uint32_t i = 0; i < w->count && !is; i++) {
		dp_deposit d;
		dp_account_options o = w->source[i].options;
		o.history_max = DP_WITNESS_DEPOSIT_TXS_MAX;
		DP_TRY(dp_account_deposit(w->source[i].ledger, &is, &d, addr, &o, fault));
		// Who sends to others, too, may be anybody who once passed something on.
		is = is && d.is_exclusive && !d.is_cut && d.evidence_count > 0;
		if (!is) continue;
		memcpy(ret_txid, d.out[0].txid, 32);
		*ret_ledger = i;
	}
	*ret_is = is;
	return DP_OK;
}
