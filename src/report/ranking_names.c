// The names of a ranking: what somebody says of the addresses of a flow.
//
// A whole result (report/result.h) would know them too, but adds up a million rows for it, which
// takes ten times as long as the walk. So they are read here, in the order in which they count: the
// case file's own word, a tag's as the casebook kept it, a mixer's contract.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "casebook/sql.h"
#include "chain/address.h"
#include "engine/case.h"
#include "link/leg.h"
#include "report/ranking_private.h"

static dp_code keep(ranking_view *v, const char **ret_text, const char *s, dp_fault *fault)
{
	*ret_text = dp_arena_text(&v->arena, s, strlen(s));
	return *ret_text == NULL ? dp_fail(fault, DP_NO_MEMORY, "out of memory") : DP_OK;
}

// A protocol as people know it.
static const char *title_of(const char *name)
{
	const dp_protocol *p = dp_protocol_find(name);
	return p != NULL ? p->title : name;
}

// Texts are copied.
static dp_code add_name(ranking_view *v, const ranking_name *name, dp_fault *fault)
{
	ranking_name n = *name;
	if (n.address[0] == 0) return DP_OK;
	DP_TRY(keep(v, &n.address, n.address, fault));
	const char *label = n.word == RANKING_LOGGED ? title_of(n.label) : n.label;
	DP_TRY(keep(v, &n.label, label, fault));
	DP_TRY(keep(v, &n.by, n.by, fault));
	n.key = dp_node_key(n.address, strlen(n.address));
	DP_TRY(dp_grow((void **)&v->name, &v->name_cap, sizeof *v->name,
	               (uint64_t)v->name_count + 1, DP_RESULT_ROWS_MAX, fault));
	v->name[v->name_count++] = n;
	return DP_OK;
}

//- a case ----------------------------------------------------------------------------------------

// Every case that was followed together ends where any of them says so.
static dp_code add_stops(ranking_view *v, const void *yaml, size_t size, dp_fault *fault)
{
	dp_case c;
	DP_TRY(dp_case_parse(&c, yaml, size, fault));
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < c.stop_count && code == DP_OK; i++) {
		char address[DP_ADDR_TEXT_MAX];
		dp_addr_format(address, &c.stop[i].addr, c.stop[i].chain);
		code =
		    add_name(v,
		             &(ranking_name){.address = address,
		                             .label = c.stop[i].name != NULL ? c.stop[i].name : "",
		                             .by = c.stop[i].by != NULL ? c.stop[i].by : "",
		                             .word = RANKING_STATED},
		             fault);
	}
	dp_case_done(&c);
	return code;
}

// Rows of (address, label, by, inferred) of a case's runs.
static dp_code add_rows(ranking_view *v, ranking_word word, const char *sql, dp_fault *fault)
{
	sqlite3 *db = dp_casebook_db(v->input->cb);
	sqlite3_stmt *s;
	DP_TRY(dp_sql_prepare(db, &s, sql, fault));
	dp_sql_text(s, 1, v->input->subject);
	dp_code code;
	while ((code = dp_sql_row(db, s, fault)) == DP_OK) {
		if (word == RANKING_STATED)
			code = add_stops(v, sqlite3_column_blob(s, 0),
			                 (size_t)sqlite3_column_bytes(s, 0), fault);
		else
			code =
			    add_name(v,
			             &(ranking_name){.address = dp_sql_get_text(s, 0),
			                             .label = dp_sql_get_text(s, 1),
			                             .by = dp_sql_get_text(s, 2),
			                             .is_inferred = sqlite3_column_int(s, 3) != 0,
			                             .word = word},
			             fault);
		if (code != DP_OK) break;
	}
	(void)sqlite3_finalize(s);
	return code == DP_END ? DP_OK : code;
}

#define RUNS "(select run from cases where incident=?1)"

// No row of the flow shows the address of whom the case file places a theft at, nor one of coins
// that have none: these are known by their outpoints.
static dp_code add_case(ranking_view *v, dp_fault *fault)
{
	DP_TRY(add_rows(v, RANKING_STATED,
	                "select yaml from cases where run in " RUNS " order by incident<>?1, run, "
	                "position",
	                fault));
	DP_TRY(add_rows(v, RANKING_TAGGED,
	                "select address, label, source, inferred from service where run in " RUNS
	                " order by run, address",
	                fault));
	DP_TRY(add_rows(v, RANKING_LOGGED,
	                "select distinct flow.address, link.protocol, 'its contract''s own log', 0 "
	                "from flow join link on link.seq=flow.link where flow.run in " RUNS
	                " and flow.dst=-4 and flow.address<>'' and link.protocol<>'' order by 1, 2",
	                fault));
	return add_rows(v, RANKING_NONE,
	                "select iif(address<>'', address, outpoint), '', '', 0 from holder where "
	                "run in " RUNS " and (hop=0 or address='') order by run, no",
	                fault);
}

//- both ------------------------------------------------------------------------------------------

static int by_key(const void *a, const void *b)
{
	const ranking_name *x = a, *y = b;
	if (x->key != y->key) return x->key < y->key ? -1 : 1;
	if (x->word != y->word) return x->word < y->word ? -1 : 1;
	int order = strcmp(x->label, y->label);
	return order != 0 ? order : strcmp(x->by, y->by);
}

dp_code ranking_names_load(ranking_view *v, dp_fault *fault)
{
	const dp_flow *flow = v->input->flow;
	for (uint32_t i = 0; flow != NULL && i < dp_flow_party_count(flow); i++) {
		const dp_flow_party *p = dp_flow_party_at(flow, i);
		DP_TRY(add_name(
		    v,
		    &(ranking_name){
		        .address = p->address, .label = p->label, .by = "", .word = RANKING_STATED},
		    fault));
	}
	if (v->input->cb != NULL) DP_TRY(add_case(v, fault));
	if (v->name_count > 0) qsort(v->name, v->name_count, sizeof *v->name, by_key);
	return DP_OK;
}

const ranking_name *ranking_name_of(const ranking_view *v, uint64_t key)
{
	uint32_t low = 0, high = v->name_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (v->name[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low < v->name_count && v->name[low].key == key ? &v->name[low] : NULL;
}
