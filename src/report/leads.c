// Leads out of contract mixers (link/leads.h), found when a result is loaded: in the events that
// the casebook kept of every block it read, and the dealings that the case's own flows show. A lead
// is a place to look. No amount moves by one, and nothing here touches the books.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "casebook/sql.h"
#include "report/private.h"

// The 20 bytes of an address; zeros for none.
static dp_code evm_at(sqlite3_stmt *s, int column, uint8_t ret_bytes[20], const dp_chain *chain,
                      dp_fault *fault)
{
	dp_addr a;
	const char *text = dp_sql_get_text(s, column);
	memset(ret_bytes, 0, 20);
	if (text[0] == 0) return DP_OK;
	DP_TRY(dp_addr_parse(&a, text, strlen(text), chain, fault));
	if (a.kind != DP_ADDR_EVM || a.len != 20)
		return dp_fail(fault, DP_BAD_BYTES, "the casebook is damaged: a mixer's event");
	memcpy(ret_bytes, a.bytes, 20);
	return DP_OK;
}

// Is it a deposit that a link of the case stands for?
static bool is_of_case(const struct dp_loader *l, const dp_mixer_event *m, const char *pool,
                       const char *tx)
{
	const dp_result *r = l->r;
	if (m->kind != DP_MIXER_DEPOSIT) return false;
	for (uint32_t i = dp_result_passage_first(l, m->height, m->tx_no);
	     i < l->run->passage_end && r->passage[i].height == m->height; i++) {
		const dp_result_passage *p = &r->passage[i];
		if (p->is_mine && p->kind == DP_LINK_MIXER && strcmp(p->tx, tx) == 0 &&
		    (p->via[0] == 0 || strcmp(p->via, pool) == 0))
			return true;
	}
	return false;
}

static dp_code read_event(struct dp_loader *l, sqlite3_stmt *s, dp_fault *fault)
{
	dp_result *r = l->r;
	DP_TRY(DP_RESULT_NEXT(r, event, r->event_count, l->event_cap, fault));
	dp_mixer_event *m = &r->event[r->event_count];
	const dp_chain *chain = l->run->chain;
	m->chain = chain;
	m->height = (uint64_t)sqlite3_column_int64(s, 0);
	m->tx_no = (uint32_t)sqlite3_column_int64(s, 1);
	m->log = (uint32_t)sqlite3_column_int64(s, 2);
	m->time = sqlite3_column_int64(s, 3);
	const char *tx = dp_sql_get_text(s, 4);
	DP_TRY(dp_txid_parse(m->txid, tx, strlen(tx), chain, fault));
	m->kind =
	    strcmp(dp_sql_get_text(s, 5), "deposit") == 0 ? DP_MIXER_DEPOSIT : DP_MIXER_WITHDRAWAL;
	DP_TRY(evm_at(s, 6, m->pool, chain, fault));
	DP_TRY(evm_at(s, 7, m->address, chain, fault));
	DP_TRY(evm_at(s, 8, m->sender, chain, fault));
	DP_TRY(evm_at(s, 9, m->relayer, chain, fault));
	DP_TRY(dp_result_asset(l, &m->asset, dp_sql_get_text(s, 10), fault));
	DP_TRY(dp_sql_get_amount(s, 11, &m->amount, fault));
	m->is_fixed = sqlite3_column_int(s, 12) != 0;
	m->is_relayed = sqlite3_column_int(s, 13) != 0;
	m->has_gas = sqlite3_column_type(s, 14) != SQLITE_NULL;
	dp_u256 gas = DP_U256_ZERO;
	if (m->has_gas) DP_TRY(dp_sql_get_amount(s, 14, &gas, fault));
	m->gas_price = gas.w[0];
	m->has_leaf = sqlite3_column_type(s, 15) != SQLITE_NULL;
	m->leaf = (uint32_t)sqlite3_column_int64(s, 15);
	m->is_case = is_of_case(l, m, dp_sql_get_text(s, 6), tx);
	r->event_count++;
	return DP_OK;
}

static dp_code load_events(struct dp_loader *l, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(
	    dp_sql_prepare(l->db, &s,
	                   "select height, tx_index, log, time, tx, kind, pool, address, sender, "
	                   "relayer, asset, amount, fixed, relayed, gas_price, leaf from "
	                   "mixer_event where run=? order by height, tx_index, log, part",
	                   fault));
	dp_code code = DP_END;
	for (uint32_t i = 0; i < l->run_count && code == DP_END; i++) {
		l->run = &l->list[i];
		(void)sqlite3_reset(s);
		dp_sql_i64(s, 1, l->run->id);
		while ((code = dp_sql_row(l->db, s, fault)) == DP_OK) {
			code = read_event(l, s, fault);
			if (code != DP_OK) break;
		}
	}
	l->run = l->list;
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

// By time over all chains; each chain's own order is that of its ledger, whatever its clock says.
static int by_time(const void *a, const void *b)
{
	const dp_mixer_event *x = a, *y = b;
	if (x->time != y->time) return x->time < y->time ? -1 : 1;
	if (x->chain != y->chain) return x->chain->id < y->chain->id ? -1 : 1;
	if (x->height != y->height) return x->height < y->height ? -1 : 1;
	if (x->tx_no != y->tx_no) return x->tx_no < y->tx_no ? -1 : 1;
	return (x->log > y->log) - (x->log < y->log);
}

static bool evm_of(uint8_t ret_bytes[20], const dp_result_node *n)
{
	dp_addr a;
	if (dp_addr_parse(&a, n->address, strlen(n->address), n->chain, NULL) != DP_OK ||
	    a.kind != DP_ADDR_EVM || a.len != 20)
		return false;
	memcpy(ret_bytes, a.bytes, 20);
	return true;
}

// Who dealt with whom, by the case's own movements.
static uint32_t find_dealings(const dp_result *r, dp_lead_link *link)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < r->edge_count && n < DP_LEADS_LINKS_MAX; i++) {
		const dp_result_edge *e = &r->edge[i];
		if (e->src <= 0 || e->dst <= 0 || e->src >= r->node_count ||
		    e->dst >= r->node_count)
			continue;
		if (evm_of(link[n].a, &r->node[e->src]) && evm_of(link[n].b, &r->node[e->dst])) n++;
	}
	return n;
}

dp_code dp_result_leads(struct dp_loader *l, dp_fault *fault)
{
	dp_result *r = l->r;
	bool any = false;
	for (uint32_t i = 0; i < r->passage_count; i++)
		any |= r->passage[i].is_mine && r->passage[i].kind == DP_LINK_MIXER;
	if (!any) return DP_OK;
	DP_TRY(load_events(l, fault));
	if (r->event_count == 0) return DP_OK;
	qsort(r->event, r->event_count, sizeof *r->event, by_time);
	dp_lead_link *link = dp_alloc(((size_t)r->edge_count + 1) * sizeof *link);
	if (link == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	uint32_t links = find_dealings(r, link);
	dp_leads_options options = dp_leads_options_default();
	dp_code code =
	    dp_leads_find(&r->leads, r->event, r->event_count, link, links, &options, fault);
	dp_free(link);
	// A clock that runs backwards: then there are no leads, but there is a result.
	return code == DP_BAD_CASE ? DP_OK : code;
}
