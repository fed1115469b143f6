// See case_funders.h. Payers of a case are sorted by address, so two cases are compared in one pass
// over both; who is a service or a hub is asked of those in common only.
#include "report/case_funders.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "report/case_funders_private.h"
#include "report/case_uses_private.h"

enum { TXS_SHOWN = 2 };

static dp_code no_memory(dp_fault *fault)
{
	return dp_fail(fault, DP_NO_MEMORY, "out of memory");
}

//- uses ------------------------------------------------------------------------------------------

// The use that the flow itself gave of this address; NULL: none.
static dp_use *use_at(dp_use *use, uint32_t count, const char *whose, const char *address)
{
	uint64_t key = dp_node_key(address, strlen(address));
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(use[i].whose, whose) == 0 &&
		    dp_node_key(use[i].address, strlen(use[i].address)) == key)
			return &use[i];
	return NULL;
}

// The transactions that show it best: of wallets nobody had seen, nearest to the theft.
static dp_code evidence(const dp_case_funders *f, dp_case_uses *u, dp_use *io_use, const dp_gas *g,
                        const dp_gas_payer *p, const dp_graph *other, dp_fault *fault)
{
	uint32_t txs = 0;
	for (int seen = 0; seen < 2; seen++)
		for (uint32_t i = p->first; i < p->end && txs < TXS_SHOWN; i++) {
			const dp_gas_payment *m = &g->payment[i];
			char tx[DP_TXID_TEXT_MAX];
			if (m->was_unseen == (seen == 1) || dp_gas_is_common(g, m, other)) continue;
			dp_txid_format(tx, m->txid, dp_gas_chain(f, m));
			if (txs == 0) io_use->chain = dp_gas_chain(f, m)->name;
			DP_TRY(dp_case_uses_text(u, &io_use->tx[txs++], tx, fault));
		}
	return DP_OK;
}

static dp_code tell_payer(const dp_case_funders *f, dp_case_uses *u, bool is_mine,
                          const dp_case_side *s, const dp_gas *g, dp_gas_payer *io_payer,
                          const dp_graph *other, dp_fault *fault)
{
	if (io_payer->is_told) return DP_OK;
	io_payer->is_told = true;
	const dp_chain *chain = dp_gas_chain(f, &g->payment[io_payer->first]);
	char address[DP_ADDR_TEXT_MAX];
	dp_addr_format(address, &io_payer->addr, chain);
	dp_use use = {
	    .whose = s->incident, .actor = "", .says = "", .use = DP_USE_FUNDS_GAS, .chain = ""};
	DP_TRY(evidence(f, u, &use, g, io_payer, other, fault));
	dp_use *known = NULL;
	if (dp_gas_node(dp_mine_graph(s->mine), &io_payer->addr, chain) != DP_NODE_NONE)
		known = is_mine ? use_at(u->mine, u->mine_count, s->incident, address)
		                : use_at(u->theirs, u->theirs_count, s->incident, address);
	if (known == NULL) {
		DP_TRY(dp_case_uses_text(u, &use.address, address, fault));
		return dp_case_uses_add(u, is_mine, &use, fault);
	}
	// One address of one case is one use: its transactions, the gas first.
	uint32_t at = 0;
	while (at < DP_OVERLAP_TX_MAX && use.tx[at] != NULL) at++;
	for (uint32_t i = 0; i < DP_OVERLAP_TX_MAX && at < DP_OVERLAP_TX_MAX; i++)
		if (known->tx[i] != NULL) use.tx[at++] = known->tx[i];
	memcpy(known->tx, use.tx, sizeof known->tx);
	known->use |= DP_USE_FUNDS_GAS;
	return DP_OK;
}

static bool is_no_wallet(const dp_case_side *s, const dp_addr *addr, const dp_chain *chain)
{
	const dp_graph *g = dp_mine_graph(s->mine);
	uint32_t node = dp_gas_node(g, addr, chain);
	return node != DP_NODE_NONE && dp_graph_node_at(g, node)->role != DP_NODE_WALLET;
}

// Sharing a service is sharing a bus. `theirs` NULL: it is a tag, called `with`.
static dp_code is_worth_telling(dp_case_funders *f, bool *ret_is, const dp_addr *addr,
                                const dp_chain *chain, const dp_case_side *mine,
                                const dp_case_side *theirs, const char *with, dp_fault *fault)
{
	dp_payer_kind kind = DP_PAYER_SERVICE;
	if (!is_no_wallet(mine, addr, chain) &&
	    (theirs == NULL || !is_no_wallet(theirs, addr, chain)))
		DP_TRY(dp_witness_payer(f->witness, &kind, addr, fault));
	*ret_is = kind == DP_PAYER_PERSON;
	if (*ret_is) return DP_OK;
	f->dropped_count++;
	if (f->dropped_shown == DP_FUNDERS_DROPPED_MAX) return DP_OK;
	char text[DP_ADDR_TEXT_MAX];
	size_t n = dp_addr_format(text, addr, chain);
	dp_gas_dropped d = {.address = dp_arena_text(&f->arena, text, n),
	                    .with = dp_arena_text(&f->arena, with, strlen(with)),
	                    .kind = kind};
	if (d.address == NULL || d.with == NULL) return no_memory(fault);
	f->dropped[f->dropped_shown++] = d;
	return DP_OK;
}

// Payers of one side that are where the other's theft began.
static dp_code tell_roots(dp_case_funders *f, dp_case_uses *u, bool payers_are_mine,
                          const dp_case_side *payers, dp_gas *io_gas, const dp_case_side *roots,
                          dp_fault *fault)
{
	const dp_graph *h = dp_mine_graph(roots->mine);
	for (uint32_t i = 0; i < io_gas->payer_count; i++) {
		dp_gas_payer *p = &io_gas->payer[i];
		const dp_chain *chain = dp_gas_chain(f, &io_gas->payment[p->first]);
		uint32_t node = dp_gas_node(h, &p->addr, chain);
		dp_use root;
		bool is = false;
		if (node == DP_NODE_NONE || !dp_gas_counts(io_gas, p, h)) continue;
		DP_TRY(dp_case_uses_of_node(u, &root, &is, roots, node, fault));
		if (!is || (root.use & DP_USE_ROOT) == 0) continue;
		DP_TRY(is_worth_telling(f, &is, &p->addr, chain, payers, roots, roots->incident,
		                        fault));
		if (!is) continue;
		DP_TRY(tell_payer(f, u, payers_are_mine, payers, io_gas, p, h, fault));
		bool is_known =
		    payers_are_mine
		        ? use_at(u->theirs, u->theirs_count, root.whose, root.address) != NULL
		        : use_at(u->mine, u->mine_count, root.whose, root.address) != NULL;
		if (!is_known) DP_TRY(dp_case_uses_add(u, !payers_are_mine, &root, fault));
	}
	return DP_OK;
}

// Payers of both.
static dp_code tell_common(dp_case_funders *f, dp_case_uses *u, const dp_case_side *mine,
                           const dp_case_side *theirs, dp_gas *io_theirs, dp_fault *fault)
{
	const dp_graph *g = dp_mine_graph(mine->mine), *h = dp_mine_graph(theirs->mine);
	for (uint32_t i = 0, k = 0; i < f->mine.payer_count && k < io_theirs->payer_count;) {
		dp_gas_payer *a = &f->mine.payer[i], *b = &io_theirs->payer[k];
		int order = memcmp(&a->addr, &b->addr, sizeof a->addr);
		if (order <= 0) i++;
		if (order >= 0) k++;
		if (order != 0) continue;
		if (!dp_gas_counts(&f->mine, a, h) || !dp_gas_counts(io_theirs, b, g)) continue;
		bool is;
		DP_TRY(is_worth_telling(f, &is, &a->addr,
		                        dp_gas_chain(f, &f->mine.payment[a->first]), mine, theirs,
		                        theirs->incident, fault));
		if (!is) continue;
		DP_TRY(tell_payer(f, u, true, mine, &f->mine, a, h, fault));
		DP_TRY(tell_payer(f, u, false, theirs, io_theirs, b, g, fault));
	}
	return DP_OK;
}

//- deposit addresses -----------------------------------------------------------------------------

// The case paid it, and the exchange's customer got it; whose wallet it is, the tags may have
// inferred before, and then following ended there: it is no service for that.
static void mark_deposit(dp_use *io_use, const char *tx)
{
	uint32_t at = 0;
	io_use->use |= DP_USE_DEPOSIT;
	io_use->is &= ~(uint32_t)DP_USE_SERVICE;
	while (at < DP_OVERLAP_TX_MAX - 1 && io_use->tx[at] != NULL) at++;
	for (uint32_t i = 0; i < at; i++)
		if (strcmp(io_use->tx[i], tx) == 0) return;
	io_use->tx[at] = tx;
}

// Of addresses that both cases paid, uses `mine_first` and `theirs_first` on.
static dp_code mark_deposits(dp_case_funders *f, dp_case_uses *u, uint32_t mine_first,
                             uint32_t theirs_first, dp_fault *fault)
{
	uint32_t count = u->mine_count - mine_first;
	DP_CHECK(count == u->theirs_count - theirs_first);
	for (uint32_t i = 0; i < count; i++) {
		dp_use *a = &u->mine[mine_first + i], *b = &u->theirs[theirs_first + i];
		uint8_t txid[32];
		uint32_t ledger = 0;
		bool is = false;
		dp_addr addr;
		dp_fault ignored;
		if (i >= DP_FUNDERS_COMMON_MAX) {
			f->deposits_left_out += count - i;
			return DP_OK;
		}
		for (uint32_t k = 0; k < dp_witness_count(f->witness) && !is; k++)
			is = dp_addr_parse(&addr, a->address, strlen(a->address),
			                   dp_witness_at(f->witness, k)->chain, &ignored) == DP_OK;
		if (!is) continue;
		DP_TRY(dp_witness_deposit(f->witness, &is, txid, &ledger, &addr, fault));
		if (!is) continue;
		char text[DP_TXID_TEXT_MAX];
		const char *tx;
		dp_txid_format(text, txid, dp_witness_at(f->witness, ledger)->chain);
		DP_TRY(dp_case_uses_text(u, &tx, text, fault));
		mark_deposit(a, tx);
		mark_deposit(b, tx);
	}
	return DP_OK;
}

//- the whole -------------------------------------------------------------------------------------

dp_code dp_case_funders_new(dp_case_funders **ret_funders, dp_witness *w, const dp_case_side *mine,
                            dp_fault *fault)
{
	DP_CHECK(ret_funders != NULL && w != NULL && mine != NULL);
	dp_case_funders *f = dp_alloc(sizeof *f);
	if (f == NULL) return no_memory(fault);
	f->witness = w;
	dp_code code = dp_gas_collect(f, &f->mine, mine, fault);
	if (code != DP_OK) {
		dp_case_funders_free(f);
		return code;
	}
	*ret_funders = f;
	return DP_OK;
}

void dp_case_funders_free(dp_case_funders *f)
{
	if (f == NULL) return;
	dp_gas_done(&f->mine);
	dp_free(f->of_case);
	dp_arena_done(&f->arena);
	dp_free(f);
}

dp_code dp_case_funders_common(dp_case_funders *f, dp_case_uses *u, const dp_case_side *mine,
                               const dp_case_side *theirs, dp_fault *fault)
{
	DP_CHECK(f != NULL && u != NULL && mine != NULL && theirs != NULL);
	uint32_t mine_first = u->mine_count, theirs_first = u->theirs_count;
	DP_TRY(dp_case_uses_common(u, mine, theirs, fault));
	DP_TRY(mark_deposits(f, u, mine_first, theirs_first, fault));
	dp_gas g = {0};
	dp_code code = dp_gas_collect(f, &g, theirs, fault);
	if (code == DP_OK) code = tell_common(f, u, mine, theirs, &g, fault);
	if (code == DP_OK) code = tell_roots(f, u, true, mine, &f->mine, theirs, fault);
	if (code == DP_OK) code = tell_roots(f, u, false, theirs, &g, mine, fault);
	dp_gas_done(&g);
	return code;
}

typedef struct asking {
	dp_case_funders *f;
	dp_case_uses *u;
	const dp_case_side *mine;
	const dp_tags *tags;
	dp_fault *fault;
	dp_code code;
} asking;

static int payer_order(const void *a, const void *b)
{
	const dp_addr *addr = a;
	const dp_gas_payer *p = b;
	return memcmp(addr, &p->addr, sizeof *addr);
}

static bool visit(void *context, const dp_addr *addr, const dp_tag_record *tag, uint32_t count)
{
	asking *a = context;
	const dp_gas *g = &a->f->mine;
	dp_gas_payer *p = g->payer_count == 0 ? NULL
	                                      : bsearch(addr, g->payer, g->payer_count,
	                                                sizeof *g->payer, payer_order);
	if (p == NULL) return true;
	const dp_chain *chain = dp_gas_chain(a->f, &g->payment[p->first]);
	char address[DP_ADDR_TEXT_MAX];
	dp_addr_format(address, addr, chain);
	bool is_asked = false, is = false;
	for (uint32_t i = 0; i < count && a->code == DP_OK; i++) {
		if (!dp_case_uses_is_claim(&tag[i])) continue;
		if (!is_asked)
			a->code = is_worth_telling(a->f, &is, addr, chain, a->mine, NULL,
			                           dp_tags_text(a->tags, tag[i].label), a->fault);
		is_asked = true;
		if (a->code != DP_OK || !is) break;
		a->code = tell_payer(a->f, a->u, true, a->mine, g, p, NULL, a->fault);
		if (a->code == DP_OK)
			a->code =
			    dp_case_uses_claim(a->u, a->tags, address, &tag[i],
			                       dp_case_feed_theft_time(a->mine->feed), a->fault);
	}
	return a->code == DP_OK;
}

dp_code dp_case_funders_tagged(dp_case_funders *f, dp_case_uses *u, const dp_case_side *mine,
                               const dp_tags *tags, dp_fault *fault)
{
	DP_CHECK(f != NULL && u != NULL && mine != NULL && tags != NULL);
	asking a = {.f = f, .u = u, .mine = mine, .tags = tags, .fault = fault};
	dp_tags_each(tags, visit, &a);
	return a.code;
}

dp_gas_report dp_case_funders_report(const dp_case_funders *f)
{
	DP_CHECK(f != NULL);
	return (dp_gas_report){.witness = f->witness,
	                       .present = f->present,
	                       .of_case = f->of_case,
	                       .case_count = f->case_count,
	                       .dropped = f->dropped,
	                       .dropped_shown = f->dropped_shown,
	                       .dropped_count = f->dropped_count,
	                       .deposits_left_out = f->deposits_left_out};
}
