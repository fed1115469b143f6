// What a ledger adds to a verdict, see ledger.h: facts from clusters and from exposure, in the form
// in which the rules take them.
#include "screen/ledger.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "engine/case.h"
#include "entity/cluster.h"
#include "screen/exposure.h"

enum { MEMBERS_MAX = 1000000, CLUSTER_FACTS_MAX = 1000 }; // facts of each class of risk

struct dp_screen_ledger {
	dp_screen_ledger_options options;
	dp_ledger *ledger;
	dp_cluster *cluster; // NULL: the ledger has none
	const dp_network *network;
};

static dp_code open_all(dp_screen_ledger *l, const char *folder, const dp_chain *chain,
                        dp_fault *fault)
{
	DP_TRY(dp_ledger_open(&l->ledger, folder, chain, fault));
	const dp_chain *is = dp_ledger_chain(l->ledger);
	l->network = dp_network_of(is);
	if (is->kind != DP_CHAIN_UTXO) return DP_OK;
	// Bringing clusters up to date is `dyepack cluster`'s work: what is there is used.
	dp_cluster_options options = {.threads = 1};
	dp_code code = dp_cluster_open(&l->cluster, l->ledger, &options, true, fault);
	return code == DP_NOT_FOUND ? DP_OK : code;
}

dp_code dp_screen_ledger_open(dp_screen_ledger **ret_ledger, const char *folder,
                              const dp_chain *chain, const dp_screen_ledger_options *options,
                              dp_fault *fault)
{
	DP_CHECK(ret_ledger != NULL && folder != NULL && options->screener != NULL);
	dp_screen_ledger *l = dp_alloc(sizeof *l);
	if (l == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	l->options = *options;
	if (l->options.hub_limit == 0) l->options.hub_limit = DP_HUB_LIMIT_DEFAULT;
	if (l->options.arrivals_max == 0) l->options.arrivals_max = DP_EXPOSURE_ARRIVALS;
	if (l->options.steps_max == 0) l->options.steps_max = DP_EXPOSURE_STEPS_MAX;
	dp_code code = open_all(l, folder, chain, fault);
	if (code != DP_OK) {
		dp_screen_ledger_close(l);
		return code;
	}
	*ret_ledger = l;
	return DP_OK;
}

void dp_screen_ledger_close(dp_screen_ledger *l)
{
	if (l == NULL) return;
	dp_cluster_close(l->cluster);
	dp_ledger_close(l->ledger);
	dp_free(l);
}

dp_ledger *dp_screen_ledger_of(dp_screen_ledger *l)
{
	return l->ledger;
}

//- clusters --------------------------------------------------------------------------------------

typedef struct neighbours {
	dp_screen_ledger *l;
	dp_verdict *v;
	uint64_t seen;
	uint32_t facts[DP_CLASS_COUNT];
	bool is_tagged, is_cut;
	dp_code code;
	dp_fault *fault;
} neighbours;

static void take_fact(void *context, const dp_screen_fact *fact)
{
	neighbours *n = context;
	n->is_tagged = true;
	if (n->code != DP_OK) return;
	DP_CHECK(fact->risk < DP_CLASS_COUNT);
	// Counted by class: ten thousand names of an exchange must not push out the one sanctioned.
	if (n->facts[fact->risk] == CLUSTER_FACTS_MAX) {
		n->is_cut = true;
		return;
	}
	n->facts[fact->risk]++;
	n->code = dp_verdict_add(n->v, fact, n->fault);
}

static dp_code take_member(void *context, const dp_addr *member, dp_fault *fault)
{
	neighbours *n = context;
	(void)fault;
	if (n->seen++ == MEMBERS_MAX) return DP_END;
	if (dp_addr_eq(member, &n->v->addr)) return DP_OK;
	n->is_tagged = false;
	dp_screener_tag_facts(n->l->options.screener, member, n->l->network, n->v->at, true,
	                      take_fact, n);
	n->v->ledger.cluster_tagged += n->is_tagged;
	return n->code;
}

static dp_code add_note(dp_verdict *v, const char ***io_notes, const char *text, dp_fault *fault)
{
	**io_notes = dp_arena_text(&v->arena, text, strlen(text));
	if (**io_notes == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	(*io_notes)++;
	return DP_OK;
}

static dp_code add_cluster(dp_screen_ledger *l, dp_verdict *v, const char ***io_notes,
                           dp_fault *fault)
{
	neighbours n = {.l = l, .v = v, .fault = fault};
	dp_verdict_ledger *a = &v->ledger;
	// Not asked is not "in no cluster".
	if (l->cluster == NULL && dp_ledger_chain(l->ledger)->kind == DP_CHAIN_UTXO)
		return add_note(v, io_notes,
		                "its cluster is not known: 'dyepack cluster --ledger DIR' finds it",
		                fault);
	if (l->cluster == NULL) return DP_OK;
	dp_code code =
	    dp_cluster_of(l->cluster, &a->cluster_name, &a->cluster_size, &v->addr, fault);
	if (code == DP_NOT_FOUND) return DP_OK;
	DP_TRY(code);
	a->has_cluster = a->cluster_size > 1;
	if (!a->has_cluster) return DP_OK;
	code = dp_cluster_members(l->cluster, &v->addr, take_member, &n, fault);
	if (n.seen > MEMBERS_MAX)
		DP_TRY(add_note(v, io_notes, "only a million members of its cluster were looked at",
		                fault));
	if (n.is_cut)
		DP_TRY(add_note(v, io_notes,
		                "of its cluster only the first 1000 tags of each class are shown",
		                fault));
	return code == DP_END ? DP_OK : code;
}

//- exposure --------------------------------------------------------------------------------------

// The first block behind a time, and its first transaction.
static dp_code moment_of(dp_screen_ledger *l, int64_t at, dp_exposure_options *io_options,
                         dp_fault *fault)
{
	dp_ledger_totals totals;
	dp_ledger_block_row row;
	dp_ledger_totals_get(l->ledger, &totals);
	io_options->block_end = totals.blocks;
	io_options->tx_end = totals.txs;
	if (at == DP_AT_LATEST) return DP_OK;
	DP_TRY(dp_ledger_block_at_time(l->ledger, &io_options->block_end, at + 1, fault));
	if (io_options->block_end >= totals.blocks) return DP_OK;
	uint32_t no = dp_ledger_segment_of_block(l->ledger, io_options->block_end);
	DP_TRY(dp_ledger_block_row_at(l->ledger, &row, io_options->block_end, fault));
	io_options->tx_end = dp_ledger_segment(l->ledger, no)->head.tx_first + row.tx;
	return DP_OK;
}

static dp_code add_exposure(dp_screen_ledger *l, dp_verdict *v, const char ***io_notes,
                            dp_fault *fault)
{
	dp_exposure_options o = {.tags = dp_screener_tags(l->options.screener),
	                         .network = l->network,
	                         .at = v->at,
	                         .hub_limit = l->options.hub_limit,
	                         .arrivals_max = l->options.arrivals_max,
	                         .steps_max = l->options.steps_max};
	dp_exposure e;
	DP_TRY(moment_of(l, v->at, &o, fault));
	DP_TRY(dp_exposure_of(&e, l->ledger, &v->addr, &o, fault));
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < e.row_count && code == DP_OK; i++) {
		const dp_exposure_row *r = &e.row[i];
		dp_screen_fact f = {.kind = DP_FACT_EXPOSURE,
		                    .side = r->side,
		                    .risk = r->tag != NULL ? r->tag->risk : DP_CLASS_NONE,
		                    .dated = DP_DATE_ON,
		                    .tag = r->tag,
		                    .hops = r->hops,
		                    .share = r->share,
		                    .is_uncertain = r->is_uncertain,
		                    .is_inferred = true,
		                    .place = r->place,
		                    .units = r->units,
		                    .asset = r->asset,
		                    .since = DP_NO_DATE,
		                    .incident = "",
		                    .policy = "haircut",
		                    .casebook = ""};
		if (r->tag != NULL && dp_tags_dated(r->tag, v->at) == DP_DATED_GONE)
			f.dated = DP_DATE_GONE;
		if (r->tag != NULL && dp_tags_dated(r->tag, v->at) == DP_DATED_NOT_YET)
			f.dated = DP_DATE_LATER;
		code = dp_verdict_add(v, &f, fault);
	}
	for (uint32_t i = 0; i < e.note_count && code == DP_OK; i++)
		code = add_note(v, io_notes, e.note[i], fault);
	v->ledger.has_exposure = true;
	dp_exposure_done(&e);
	return code;
}

// An address of another chain is no holder here. One of the same key may be, but says so by its own
// chain (--chain). Silence would look like a clean history, so it is noted either way.
static dp_code check_chain(dp_screen_ledger *l, dp_verdict *v, const char ***io_notes,
                           bool *ret_is_here, dp_fault *fault)
{
	char text[160];
	const dp_chain *chain = dp_ledger_chain(l->ledger);
	dp_addr a;
	*ret_is_here = v->network == NULL || v->network == l->network;
	if (*ret_is_here) return DP_OK;
	*ret_is_here = v->is_guessed &&
	               dp_addr_parse(&a, v->text, strlen(v->text), chain, NULL) == DP_OK &&
	               dp_addr_eq(&a, &v->addr);
	(void)snprintf(text, sizeof text,
	               *ret_is_here
	                   ? "cluster and exposure are those of this address on %.40s"
	                   : "not looked for in the ledger, which is of %.40s: cluster and "
	                     "exposure are not known",
	               chain->name);
	return add_note(v, io_notes, text, fault);
}

dp_code dp_screen_ledger_add(dp_screen_ledger *l, dp_verdict *v, bool with_exposure,
                             dp_fault *fault)
{
	enum { NOTES_MAX = DP_EXPOSURE_NOTES_MAX + 4 }; // and two of the cluster, one of the chain
	bool is_here = false;
	DP_CHECK(l != NULL && v != NULL && v->reason_count == 0);
	const char **notes = dp_arena_alloc(&v->arena, NOTES_MAX * sizeof *notes);
	if (notes == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	v->ledger.limit = notes;
	DP_TRY(check_chain(l, v, &notes, &is_here, fault));
	if (!is_here || v->addr.kind >= DP_ADDR_KIND_COUNT) return DP_OK;
	DP_TRY(add_cluster(l, v, &notes, fault));
	if (!with_exposure || l->options.no_exposure) return DP_OK;
	return add_exposure(l, v, &notes, fault);
}
