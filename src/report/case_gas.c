// Who paid the first gas of a case's wallets, from outside the case: see case_funders.h for what
// counts, and why.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "report/case_funders_private.h"
#include "report/case_uses_private.h"

enum { ROWS_TRIED = 4 }; // of a wallet, to find one that names it
// In this order they are asked.
enum { ROOT = 0, GATHERER, OTHER, RANK_COUNT, NO_WALLET = RANK_COUNT };

static dp_code no_memory(dp_fault *fault)
{
	return dp_fail(fault, DP_NO_MEMORY, "out of memory");
}

const dp_chain *dp_gas_chain(const dp_case_funders *f, const dp_gas_payment *p)
{
	return dp_witness_at(f->witness, p->ledger)->chain;
}

void dp_gas_done(dp_gas *g)
{
	dp_free(g->wallet);
	dp_free(g->payment);
	dp_free(g->payer);
	*g = (dp_gas){0};
}

//- which wallets ---------------------------------------------------------------------------------

static void rank_all(const dp_graph *g, uint8_t *rank)
{
	memset(rank, OTHER, (size_t)dp_graph_node_count(g) + 1);
	for (dp_edge e = dp_graph_first(g); e != 0 && e <= dp_graph_last(g); e++)
		if (dp_graph_edge(g, e)->kind == DP_TR_THEFT) rank[dp_graph_edge(g, e)->dst] = ROOT;
	for (uint32_t i = 1; i <= dp_graph_node_count(g); i++) {
		const dp_node *n = dp_graph_node_at(g, i);
		if (n->key == 0 || n->role != DP_NODE_WALLET)
			rank[i] = NO_WALLET;
		else if (rank[i] == OTHER && dp_case_feeders(g, i) == DP_OVERLAP_GATHER_MIN)
			rank[i] = GATHERER;
	}
}

// How much of the loot came to it, and how far from the theft it is.
static dp_gas_wallet wallet_of(const dp_graph *g, uint32_t node, bool is_root)
{
	dp_gas_wallet w = {.node = node,
	                   .key = dp_graph_node_at(g, node)->key,
	                   .hop = UINT16_MAX,
	                   .is_root = is_root};
	uint32_t walked = 0;
	for (dp_edge e = dp_graph_in(g, node); e != 0 && walked < DP_CASE_WALK_MAX;
	     e = dp_graph_before_in(g, e), walked++) {
		const dp_transfer *t = dp_graph_edge(g, e);
		w.loot += t->loot;
		if (t->hop < w.hop) w.hop = t->hop;
	}
	if (w.loot > DP_LOOT_WHOLE) w.loot = DP_LOOT_WHOLE;
	return w;
}

static dp_code choose(dp_gas *io_gas, dp_gas_of_case *io_said, const dp_graph *g, dp_fault *fault)
{
	uint32_t nodes = dp_graph_node_count(g);
	uint8_t *rank = dp_alloc((size_t)nodes + 1);
	if (rank == NULL) return no_memory(fault);
	rank_all(g, rank);
	for (uint32_t i = 1; i <= nodes; i++) io_said->wallets += rank[i] != NO_WALLET;
	io_said->asked =
	    io_said->wallets < DP_FUNDERS_WALLETS_MAX ? io_said->wallets : DP_FUNDERS_WALLETS_MAX;
	io_gas->wallet = dp_alloc((io_said->asked + 1) * sizeof *io_gas->wallet);
	if (io_gas->wallet == NULL) {
		dp_free(rank);
		return no_memory(fault);
	}
	for (int r = ROOT; r < RANK_COUNT; r++)
		for (uint32_t i = 1; i <= nodes && io_gas->wallet_count < io_said->asked; i++)
			if (rank[i] == r)
				io_gas->wallet[io_gas->wallet_count++] = wallet_of(g, i, r == ROOT);
	DP_CHECK(io_gas->wallet_count == io_said->asked);
	dp_free(rank);
	return DP_OK;
}

// The address of a node, out of a row that names it: of a star of inputs and outputs not every row
// does. *ret_is false: it has none that a ledger could know.
static dp_code address_of(const dp_case_side *s, bool *ret_is, char ret_text[DP_ADDR_TEXT_MAX],
                          uint32_t node, dp_fault *fault)
{
	const dp_graph *g = dp_mine_graph(s->mine);
	uint64_t key = dp_graph_node_at(g, node)->key;
	*ret_is = false;
	for (int is_out = 0; is_out < 2; is_out++) {
		dp_edge e = is_out ? dp_graph_out(g, node) : dp_graph_in(g, node);
		for (int tried = 0; e != 0 && tried < ROWS_TRIED; tried++) {
			dp_case_row row;
			DP_TRY(dp_case_feed_row(s->feed, &row, dp_graph_edge(g, e)->ref, fault));
			const char *text = is_out ? row.from : row.to;
			size_t n = strlen(text);
			*ret_is = n > 0 && n < DP_ADDR_TEXT_MAX && dp_node_key(text, n) == key;
			if (*ret_is) memcpy(ret_text, text, n + 1);
			if (*ret_is) return DP_OK;
			e = is_out ? dp_graph_before_out(g, e) : dp_graph_before_in(g, e);
		}
	}
	return DP_OK;
}

//- who paid --------------------------------------------------------------------------------------

uint32_t dp_gas_node(const dp_graph *g, const dp_addr *addr, const dp_chain *chain)
{
	char text[DP_ADDR_TEXT_MAX];
	size_t n = dp_addr_format(text, addr, chain);
	return dp_graph_find(g, dp_node_key(text, n));
}

// Was it the case's own money? The payer passed some of the loot to this wallet; or is the victim,
// a bridge and the like; or the payment is the theft. (Services are left out when they are told.)
static dp_code is_own(const dp_case_side *s, bool *ret_is, const dp_gas_wallet *w,
                      const dp_first_gas *paid, const dp_chain *chain, dp_fault *fault)
{
	const dp_graph *g = dp_mine_graph(s->mine);
	char tx[DP_TXID_TEXT_MAX];
	uint32_t payer = dp_gas_node(g, &paid->payer, chain), walked = 0;
	uint32_t role = payer == DP_NODE_NONE ? DP_NODE_WALLET : dp_graph_node_at(g, payer)->role;
	bool is_party = role != DP_NODE_WALLET && role != DP_NODE_SERVICE;
	*ret_is = is_party || (payer != DP_NODE_NONE && dp_graph_pair(g, payer, w->node) != 0);
	dp_txid_format(tx, paid->txid, chain);
	for (dp_edge e = dp_graph_in(g, w->node);
	     e != 0 && w->is_root && !*ret_is && walked < DP_CASE_WALK_MAX;
	     e = dp_graph_before_in(g, e), walked++) {
		dp_case_row row;
		if (dp_graph_edge(g, e)->kind != DP_TR_THEFT) continue;
		DP_TRY(dp_case_feed_row(s->feed, &row, dp_graph_edge(g, e)->ref, fault));
		*ret_is = strcasecmp(row.tx, tx) == 0;
	}
	return DP_OK;
}

static dp_code add_payment(dp_gas *io_gas, const dp_gas_payment *p, dp_fault *fault)
{
	DP_TRY(dp_grow((void **)&io_gas->payment, &io_gas->payment_cap, sizeof *io_gas->payment,
	               (uint64_t)io_gas->payment_count + 1,
	               (uint64_t)DP_FUNDERS_WALLETS_MAX * DP_WITNESS_LEDGERS_MAX, fault));
	io_gas->payment[io_gas->payment_count++] = *p;
	return DP_OK;
}

// Asks every ledger: on EVM chains the same key has the same address on all of them.
static dp_code ask(dp_case_funders *f, dp_gas *io_gas, dp_gas_of_case *io_said,
                   const dp_case_side *s, uint32_t no, dp_fault *fault)
{
	const dp_gas_wallet *w = &io_gas->wallet[no];
	char text[DP_ADDR_TEXT_MAX];
	dp_gas_answer best = DP_GAS_ABSENT;
	bool is_known, own = false, outside = false;
	DP_TRY(address_of(s, &is_known, text, w->node, fault));
	for (uint32_t i = 0; i < dp_witness_count(f->witness) && is_known; i++) {
		const dp_chain *chain = dp_witness_at(f->witness, i)->chain;
		dp_gas_answer answer;
		dp_first_gas paid;
		dp_addr addr;
		dp_fault ignored;
		bool is = false;
		// An address of another kind of chain is not in this ledger.
		if (dp_addr_parse(&addr, text, strlen(text), chain, &ignored) != DP_OK) continue;
		DP_TRY(dp_witness_first_gas(f->witness, &answer, &paid, i, &addr, fault));
		if (answer > best) best = answer;
		f->present[i] += answer != DP_GAS_ABSENT;
		if (answer != DP_GAS_PAID) continue;
		DP_TRY(is_own(s, &is, w, &paid, chain, fault));
		own |= is;
		outside |= !is;
		dp_gas_payment p = {.payer = paid.payer,
		                    .wallet = no,
		                    .ledger = i,
		                    .hop = w->hop,
		                    .was_unseen = paid.was_unseen};
		memcpy(p.txid, paid.txid, sizeof p.txid);
		if (!is) DP_TRY(add_payment(io_gas, &p, fault));
	}
	io_said->paid += outside;
	io_said->own += own && !outside;
	io_said->nobody += best == DP_GAS_NOBODY;
	io_said->too_late += best == DP_GAS_TOO_LATE;
	io_said->unknown += best == DP_GAS_UNKNOWN;
	io_said->absent += best == DP_GAS_ABSENT;
	return DP_OK;
}

static int by_payer(const void *a, const void *b)
{
	const dp_gas_payment *x = a, *y = b;
	int order = memcmp(&x->payer, &y->payer, sizeof x->payer);
	if (order != 0) return order;
	if (x->hop != y->hop) return x->hop < y->hop ? -1 : 1;
	if (x->wallet != y->wallet) return x->wallet < y->wallet ? -1 : 1;
	return x->ledger < y->ledger ? -1 : x->ledger > y->ledger;
}

bool dp_gas_is_common(const dp_gas *g, const dp_gas_payment *p, const dp_graph *other)
{
	return other != NULL && dp_graph_find(other, g->wallet[p->wallet].key) != DP_NODE_NONE;
}

// Loot passes each distance from the theft once, so at one distance shares of it may be added up; a
// wallet that was paid on several ledgers counts once.
bool dp_gas_counts(const dp_gas *g, const dp_gas_payer *p, const dp_graph *other)
{
	uint64_t here = 0, most = 0;
	uint32_t wallets = 0, unseen = 0, last = UINT32_MAX;
	uint16_t hop = UINT16_MAX;
	bool is_root = false;
	for (uint32_t i = p->first; i < p->end; i++) {
		const dp_gas_payment *m = &g->payment[i];
		const dp_gas_wallet *w = &g->wallet[m->wallet];
		if (dp_gas_is_common(g, m, other)) continue;
		unseen += m->was_unseen;
		is_root |= w->is_root;
		if (m->hop != hop) here = 0;
		hop = m->hop;
		if (m->wallet == last) continue;
		last = m->wallet;
		wallets++;
		here += w->loot;
		if (here > most) most = here;
	}
	bool bears = is_root || most >= DP_OVERLAP_SHARE_MIN * (DP_LOOT_WHOLE / 1000000);
	return bears && (unseen > 0 || wallets >= DP_OVERLAP_GATHER_MIN);
}

static dp_code find_payers(dp_gas *io_gas, dp_gas_of_case *io_said, dp_fault *fault)
{
	if (io_gas->payment_count > 0)
		qsort(io_gas->payment, io_gas->payment_count, sizeof *io_gas->payment, by_payer);
	for (uint32_t i = 0, end; i < io_gas->payment_count; i = end) {
		dp_gas_payer p = {.addr = io_gas->payment[i].payer, .first = i};
		for (end = i + 1; end < io_gas->payment_count &&
		                  dp_addr_eq(&io_gas->payment[end].payer, &p.addr);)
			end++;
		p.end = end;
		io_said->payers++;
		if (!dp_gas_counts(io_gas, &p, NULL)) {
			io_said->light++;
			continue;
		}
		DP_TRY(dp_grow((void **)&io_gas->payer, &io_gas->payer_cap, sizeof *io_gas->payer,
		               (uint64_t)io_gas->payer_count + 1, io_gas->payment_count, fault));
		io_gas->payer[io_gas->payer_count++] = p;
	}
	return DP_OK;
}

dp_code dp_gas_collect(dp_case_funders *f, dp_gas *io_gas, const dp_case_side *s, dp_fault *fault)
{
	dp_gas_of_case said = {0};
	said.incident = dp_arena_text(&f->arena, s->incident, strlen(s->incident));
	if (said.incident == NULL) return no_memory(fault);
	DP_TRY(choose(io_gas, &said, dp_mine_graph(s->mine), fault));
	for (uint32_t i = 0; i < io_gas->wallet_count; i++)
		DP_TRY(ask(f, io_gas, &said, s, i, fault));
	DP_TRY(find_payers(io_gas, &said, fault));
	DP_TRY(dp_grow((void **)&f->of_case, &f->case_cap, sizeof *f->of_case,
	               (uint64_t)f->case_count + 1, DP_FUNDERS_CASES_MAX, fault));
	f->of_case[f->case_count++] = said;
	return DP_OK;
}
