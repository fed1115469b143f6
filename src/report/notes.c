// The second half of a result: what the casebook's notes say (uncovered outflows, noise), and equal
// splits.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "casebook/sql.h"
#include "chain/lookalike.h"
#include "report/private.h"
#include "shape/poisoning.h"

enum { SPLIT_MIN = 5 }; // recipients of one amount from one holder that are worth a line

//- uncovered -------------------------------------------------------------------------------------

static dp_code add_uncovered(struct dp_loader *l, sqlite3_stmt *s, dp_fault *fault)
{
	dp_result *r = l->r;
	const char *address = dp_sql_get_text(s, 1);
	dp_asset asset;
	const char *caip = dp_sql_get_text(s, 3);
	DP_TRY(dp_result_asset(l, &asset, caip, fault));
	dp_u256 units;
	DP_TRY(dp_sql_get_amount(s, 4, &units, fault));
	dp_result_uncovered *u = NULL;
	for (uint32_t i = r->uncovered_count; i-- > 0 && u == NULL;)
		if (r->uncovered[i].asset.v == asset.v &&
		    strcmp(r->uncovered[i].address, address) == 0)
			u = &r->uncovered[i];
	if (u == NULL) {
		void *items = r->uncovered;
		DP_TRY(dp_grow(&items, &l->uncovered_cap, sizeof *u,
		               (uint64_t)r->uncovered_count + 1, DP_RESULT_ROWS_MAX, fault));
		r->uncovered = items;
		u = &r->uncovered[r->uncovered_count++];
		*u = (dp_result_uncovered){.asset = asset};
		DP_TRY(dp_result_text(r, &u->address, address, fault));
		DP_TRY(dp_result_text(r, &u->first_tx, dp_sql_get_text(s, 6), fault));
	}
	u->units = dp_u256_add(u->units, units);
	u->count++;
	return DP_OK;
}

//- noise -----------------------------------------------------------------------------------------

static dp_code add_noise(struct dp_loader *l, sqlite3_stmt *s, dp_fault *fault)
{
	void *items = l->noise;
	DP_TRY(dp_grow(&items, &l->noise_cap, sizeof *l->noise, (uint64_t)l->noise_count + 1,
	               DP_RESULT_ROWS_MAX, fault));
	l->noise = items;
	struct dp_noise_row *n = &l->noise[l->noise_count++];
	*n = (struct dp_noise_row){.chain = l->run->chain};
	DP_TRY(dp_result_text(l->r, &n->from, dp_sql_get_text(s, 1), fault));
	DP_TRY(dp_result_text(l->r, &n->to, dp_sql_get_text(s, 2), fault));
	DP_TRY(dp_result_text(l->r, &n->tx, dp_sql_get_text(s, 6), fault));
	DP_TRY(dp_sql_get_amount(s, 4, &n->units, fault));
	// "contract symbol"
	const char *text = dp_sql_get_text(s, 5);
	const char *space = strchr(text, ' ');
	DP_TRY(dp_result_text(l->r, &n->symbol, space != NULL ? space + 1 : "", fault));
	dp_asset genuine = DP_ASSET_NONE;
	if (space != NULL) {
		dp_addr contract;
		size_t size = (size_t)(space - text);
		if (dp_addr_parse(&contract, text, size, n->chain, NULL) == DP_OK)
			genuine = dp_asset_by_contract(n->chain, contract.bytes);
	}
	n->counterfeit = genuine.v == 0;
	return DP_OK;
}

// Which stolen asset does the token's name read as? stolen_count for the chain's own coin when that
// was not stolen, UINT32_MAX for none.
static uint32_t reads_as(const dp_result *r, const char *symbol)
{
	char seen[24], want[24];
	dp_lookalike_symbol(seen, sizeof seen, symbol);
	for (uint32_t i = 0; i < r->stolen_count; i++) {
		dp_lookalike_symbol(want, sizeof want, dp_asset_symbol(r->stolen[i].asset));
		if (strcmp(seen, want) == 0) return i;
	}
	dp_lookalike_symbol(want, sizeof want, r->c.chain->native);
	return strcmp(seen, want) == 0 ? r->stolen_count : UINT32_MAX;
}

// The addresses that the case's money went through: what imitators imitate.
static dp_code find_originals(const dp_result *r, dp_originals **ret_originals, dp_fault *fault)
{
	dp_originals *o;
	DP_TRY(dp_originals_new(&o, DP_ALIKE_MIN, fault));
	dp_code code = DP_OK;
	for (uint32_t i = 1; code == DP_OK && i < r->node_count; i++) {
		dp_addr a;
		const char *text = r->node[i].address;
		if (r->node[i].no == 0 || dp_u256_is_zero(r->node[i].received)) continue;
		if (dp_addr_parse(&a, text, strlen(text), r->node[i].chain, NULL) == DP_OK)
			code = dp_originals_add(o, &a, i, fault);
	}
	if (code == DP_OK) code = dp_originals_finish(o, fault);
	if (code != DP_OK) {
		dp_originals_free(o);
		return code;
	}
	*ret_originals = o;
	return DP_OK;
}

// Is the receiver of worthless transfers made to be taken for one of them?
static dp_code add_lookalike(struct dp_loader *l, const struct dp_noise_row *n,
                             const dp_originals *originals, dp_fault *fault)
{
	dp_result *r = l->r;
	dp_addr a;
	dp_lookalike_hit hit;
	if (dp_addr_parse(&a, n->to, strlen(n->to), n->chain, NULL) != DP_OK ||
	    !dp_originals_find(originals, &hit, &a))
		return DP_OK;
	void *items = r->lookalike;
	DP_TRY(dp_grow(&items, &l->lookalike_cap, sizeof *r->lookalike,
	               (uint64_t)r->lookalike_count + 1, DP_RESULT_ROWS_MAX, fault));
	r->lookalike = items;
	r->lookalike[r->lookalike_count++] =
	    (dp_result_lookalike){.address = n->to,
	                          .imitates = r->node[hit.number].address,
	                          .leading = hit.leading,
	                          .trailing = hit.trailing,
	                          .tx = n->tx};
	return DP_OK;
}

// By receiver, the first transfer to each first.
static int by_receiver(const void *a, const void *b)
{
	const struct dp_noise_row *x = *(const struct dp_noise_row *const *)a;
	const struct dp_noise_row *y = *(const struct dp_noise_row *const *)b;
	int c = strcmp(x->to, y->to);
	return c != 0 ? c : (x > y) - (x < y);
}

static dp_code find_lookalikes(struct dp_loader *l, dp_fault *fault)
{
	const struct dp_noise_row **row = dp_alloc(l->noise_count * sizeof *row);
	if (row == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < l->noise_count; i++) row[i] = &l->noise[i];
	qsort(row, l->noise_count, sizeof *row, by_receiver);
	dp_originals *originals = NULL;
	dp_code code = find_originals(l->r, &originals, fault);
	for (uint32_t i = 0; code == DP_OK && i < l->noise_count; i++) {
		if (i > 0 && strcmp(row[i]->to, row[i - 1]->to) == 0) continue;
		l->r->noise.recipients++;
		code = add_lookalike(l, row[i], originals, fault);
	}
	l->r->noise.lookalikes = l->r->lookalike_count;
	dp_originals_free(originals);
	dp_free(row);
	return code;
}

static int uncovered_by_units(const void *a, const void *b)
{
	const dp_result_uncovered *x = a, *y = b;
	int c = (x->asset.v > y->asset.v) - (x->asset.v < y->asset.v);
	if (c == 0) c = dp_u256_cmp(y->units, x->units);
	return c != 0 ? c : strcmp(x->address, y->address);
}

dp_code dp_result_noise_sum(struct dp_loader *l, dp_fault *fault)
{
	dp_result_noise *sum = &l->r->noise;
	if (l->r->uncovered_count > 0)
		qsort(l->r->uncovered, l->r->uncovered_count, sizeof *l->r->uncovered,
		      uncovered_by_units);
	if (l->noise_count == 0) return DP_OK;
	for (uint32_t i = 0; i < l->noise_count; i++) {
		const struct dp_noise_row *n = &l->noise[i];
		sum->transfers++;
		if (n->counterfeit)
			sum->counterfeit++;
		else
			sum->zero_value++;
		uint32_t like = n->counterfeit ? reads_as(l->r, n->symbol) : UINT32_MAX;
		if (like != UINT32_MAX) sum->named_like++;
		if (like < l->r->stolen_count && like < 4 &&
		    dp_u256_add_over(&sum->claimed[like], sum->claimed[like], n->units))
			memset(&sum->claimed[like], 0xff, sizeof sum->claimed[like]);
	}
	return find_lookalikes(l, fault);
}

static dp_code add_link_out(struct dp_loader *l, sqlite3_stmt *s, dp_fault *fault)
{
	long index = strtol(dp_sql_get_text(s, 5), NULL, 10);
	if (index < l->link_base || index >= l->link_base + (int64_t)l->r->link_count) return DP_OK;
	dp_result_link *k = &l->r->link[index - l->link_base];
	dp_u256 units;
	DP_TRY(dp_sql_get_amount(s, 4, &units, fault));
	k->units_out = dp_u256_add(k->units_out, units);
	k->done = dp_u256_eq(k->units_out, k->claim->amount);
	return DP_OK;
}

dp_code dp_result_notes(struct dp_loader *l, dp_fault *fault)
{
	sqlite3_stmt *s;
	DP_TRY(
	    dp_sql_prepare(l->db, &s,
	                   "select kind, address, counterparty, asset, units, text, tx from note "
	                   "where run=? and kind in ('uncovered','noise','link') order by seq",
	                   fault));
	dp_sql_i64(s, 1, l->run->id);
	dp_code code;
	while ((code = dp_sql_row(l->db, s, fault)) == DP_OK) {
		const char *kind = dp_sql_get_text(s, 0);
		if (strcmp(kind, "uncovered") == 0)
			code = add_uncovered(l, s, fault);
		else if (strcmp(kind, "noise") == 0)
			code = add_noise(l, s, fault);
		else
			code = add_link_out(l, s, fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

//- equal splits ----------------------------------------------------------------------------------

static int by_amount(const void *a, const void *b)
{
	const dp_result_edge *x = *(const dp_result_edge *const *)a;
	const dp_result_edge *y = *(const dp_result_edge *const *)b;
	int c = (x->src > y->src) - (x->src < y->src);
	if (c == 0) c = (x->asset.v > y->asset.v) - (x->asset.v < y->asset.v);
	if (c == 0) c = dp_u256_cmp(x->units, y->units);
	if (c == 0) c = (x->dst > y->dst) - (x->dst < y->dst);
	return c;
}

// Decoys that copy this split: the same sender and amount under a name that reads as genuine.
static uint32_t decoys_of(const struct dp_loader *l, const dp_result_edge *e)
{
	const char *from = l->r->node[e->src].address;
	uint32_t count = 0;
	for (uint32_t i = 0; i < l->noise_count; i++) {
		const struct dp_noise_row *n = &l->noise[i];
		if (!n->counterfeit || !dp_u256_eq(n->units, e->units) ||
		    strcmp(n->from, from) != 0 || reads_as(l->r, n->symbol) == UINT32_MAX)
			continue;
		bool again = false;
		for (uint32_t j = 0; j < i && !again; j++)
			again = l->noise[j].counterfeit && strcmp(l->noise[j].to, n->to) == 0 &&
			        dp_u256_eq(l->noise[j].units, e->units);
		count += !again;
	}
	return count;
}

static dp_code add_split(struct dp_loader *l, dp_result_edge *const *e, uint32_t n, dp_fault *fault)
{
	uint32_t recipients = 0;
	int64_t first = e[0]->time;
	int64_t last = first;
	for (uint32_t i = 0; i < n; i++) {
		recipients += i == 0 || e[i]->dst != e[i - 1]->dst;
		if (e[i]->time < first) first = e[i]->time;
		if (e[i]->time > last) last = e[i]->time;
	}
	if (recipients < SPLIT_MIN) return DP_OK;
	dp_result *r = l->r;
	void *items = r->split;
	DP_TRY(dp_grow(&items, &l->split_cap, sizeof *r->split, (uint64_t)r->split_count + 1,
	               DP_RESULT_ROWS_MAX, fault));
	r->split = items;
	r->split[r->split_count++] = (dp_result_split){
	    .src = (uint32_t)e[0]->src,
	    .asset = e[0]->asset,
	    .units = e[0]->units,
	    .count = recipients,
	    .naive_count = recipients + decoys_of(l, e[0]),
	    .time_first = first,
	    .time_last = last,
	};
	return DP_OK;
}

static int by_count(const void *a, const void *b)
{
	const dp_result_split *x = a, *y = b;
	if (x->count != y->count) return x->count < y->count ? 1 : -1;
	int c = dp_u256_cmp(y->units, x->units);
	return c != 0 ? c : (x->src > y->src) - (x->src < y->src);
}

dp_code dp_result_splits(struct dp_loader *l, dp_fault *fault)
{
	dp_result *r = l->r;
	if (r->edge_count == 0) return DP_OK;
	dp_result_edge **e = dp_alloc(r->edge_count * sizeof(dp_result_edge *));
	if (e == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	uint32_t n = 0;
	for (uint32_t i = 0; i < r->edge_count; i++)
		if (r->edge[i].src > 0 && r->edge[i].dst > 0) e[n++] = &r->edge[i];
	if (n > 0) qsort(e, n, sizeof *e, by_amount);
	dp_code code = DP_OK;
	for (uint32_t first = 0, end; first < n && code == DP_OK; first = end) {
		end = first + 1;
		while (end < n && e[end]->src == e[first]->src &&
		       e[end]->asset.v == e[first]->asset.v &&
		       dp_u256_eq(e[end]->units, e[first]->units))
			end++;
		code = add_split(l, e + first, end - first, fault);
	}
	dp_free(e);
	if (r->split_count > 0) qsort(r->split, r->split_count, sizeof *r->split, by_count);
	return code;
}
