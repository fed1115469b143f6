// Clusters: opening them and bringing them up to date, see cluster.h.
//
//   file --(as far as its blocks are still the ledger's)--> forest, numbers
//   sealed segments behind that --> walked --> the file is written anew
//   the tail --> walked, in memory only
//
// Sealed segments are what a ledger has for final. The tail is a few thousand rows that change with
// every block, so writing it would buy nothing: it takes milliseconds to add.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "entity/cluster_private.h"

// Outputs whose numbers are kept: 32 MiB. The newest coins are spent most.
enum { RECENT_MAX = 1 << 23 };

static const char *const names[DP_H_COUNT] = {
    "common-input",    "change:address-type",
    "change:optimal",  "change:power-of-ten",
    "change:client",   "change:peeling",
    "change:locktime", "change:fixed-fee",
    "change:legacy",   "change:reuse",
    "change:one-time", "change:direct",
    "deposit-reuse",   "airdrop",
    "authorisation",   "same-key",
};
_Static_assert((int)DP_H_COUNT <= (int)DP_FOREST_HEURISTICS, "an edge has four bits for it");

const char *dp_heuristic_name(dp_heuristic h)
{
	DP_CHECK((unsigned)h < DP_H_COUNT);
	return names[h];
}

bool dp_heuristic_find(dp_heuristic *ret_heuristic, const char *name, size_t n)
{
	for (uint32_t h = 0; h < DP_H_COUNT; h++) {
		if (strlen(names[h]) != n || memcmp(names[h], name, n) != 0) continue;
		*ret_heuristic = (dp_heuristic)h;
		return true;
	}
	return false;
}

//- opening ---------------------------------------------------------------------------------------

static dp_code check_options(const dp_cluster_options *o, dp_fault *fault)
{
	if ((o->change & ~dp_change_all()) != 0)
		return dp_fail(fault, DP_BAD_CASE, "these are no heuristics of change");
	uint32_t cannot = o->change & dp_change_unanswerable();
	if (cannot == 0) return DP_OK;
	return dp_fail(fault, DP_BAD_CASE,
	               "%s cannot be told from a ledger: it keeps neither lock times nor sizes of "
	               "transactions; leave it out",
	               names[__builtin_ctz(cannot)]);
}

static dp_code make_segments(dp_cluster *c, dp_fault *fault)
{
	dp_ledger_totals t;
	dp_ledger_totals_get(c->ledger, &t);
	c->count = dp_ledger_segment_count(c->ledger);
	c->sealed = t.tail_blocks > 0 ? c->count - 1 : c->count;
	if (t.txs > DP_FOREST_WHY_MAX)
		return dp_fail(fault, DP_LIMIT, "the ledger has too many transactions to cluster");
	if (c->count == 0) return DP_OK;
	c->segment = dp_alloc(c->count * sizeof *c->segment);
	if (c->segment == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint32_t i = 0; i < c->count; i++) {
		dp_segment *s = dp_ledger_segment(c->ledger, i);
		c->segment[i] =
		    (dp_cluster_segment){.segment = s,
		                         .ids = s->head.address_count + 1,
		                         .block_end = s->head.block_first + s->head.block_count,
		                         .tx_end = s->head.tx_first + s->head.tx_count};
		// The last group may say that it has more than the header does.
		for (uint32_t g = 0; g < s->group_count; g++) {
			uint64_t end = (uint64_t)s->group[g].id_first + s->group[g].count;
			if (end > c->segment[i].ids) c->segment[i].ids = end;
		}
		if (c->segment[i].ids > DP_ADDRESS_IDS_MAX)
			return dp_fail(fault, DP_LIMIT, "a segment has too many addresses");
	}
	return DP_OK;
}

static dp_code make_path(dp_cluster *c, dp_fault *fault)
{
	char name[40] = "clusters";
	uint32_t options = c->options.change | (c->options.joins_coinjoins ? 0x80000000u : 0);
	if (options != 0) (void)snprintf(name, sizeof name, "clusters-%08x", options);
	DP_TRY(dp_path_join(c->path, dp_ledger_folder(c->ledger), name, fault));
	if (c->readonly) return DP_OK;
	char lock[DP_PATH_MAX];
	(void)snprintf(name + strlen(name), sizeof name - strlen(name), ".lock");
	DP_TRY(dp_path_join(lock, dp_ledger_folder(c->ledger), name, fault));
	dp_code code = dp_file_lock(&c->lock_fd, lock, fault);
	if (code != DP_BUSY) return code;
	return dp_fail(fault, DP_BUSY,
	               "another dyepack brings these clusters up to date: wait until it is done");
}

static dp_code new_forest(dp_cluster *c, dp_fault *fault)
{
	dp_forest_free(c->forest);
	c->forest = NULL;
	for (uint32_t i = 0; i < c->count; i++) {
		dp_free(c->segment[i].number);
		c->segment[i].number = NULL;
		c->segment[i].is_numbered = false;
		c->segment[i].coinjoins = 0;
	}
	return dp_forest_new(&c->forest, 0, fault);
}

// A file that does not hold is made again; what a person undid is kept if it can be read.
static dp_code load(dp_cluster *c, dp_cluster_loaded *ret, dp_fault *fault)
{
	dp_fault why = {0};
	DP_TRY(new_forest(c, fault));
	dp_code code = dp_cluster_load(c, ret, &why);
	bool is_new = code == DP_NOT_FOUND && !c->readonly;
	bool is_again = code == DP_BAD_BYTES && !c->readonly;
	if (code != DP_OK && !is_new && !is_again) {
		if (fault != NULL) *fault = why;
		return code;
	}
	if (is_new || is_again) {
		*ret = (dp_cluster_loaded){0};
		DP_TRY(new_forest(c, fault));
	}
	if (is_again) {
		const char *kept = c->undone_count > 0
		                       ? "what was undone was kept"
		                       : "if transactions had been undone, undo them again";
		(void)snprintf(c->notice, sizeof c->notice,
		               "the clusters' file was damaged and was made again; %s", kept);
	}
	return DP_OK;
}

// Room for the newest outputs' numbers, for as long as there is something to walk over.
static dp_code make_recent(dp_cluster *c, uint32_t end, dp_fault *fault)
{
	uint64_t outputs = 0, size = 1;
	for (uint32_t i = 0; i < end; i++) outputs += c->segment[i].segment->head.output_count;
	while (size < RECENT_MAX && size < outputs) size *= 2;
	uint32_t *number = dp_alloc(size * sizeof *number);
	if (number == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_forest_advise(number, size * sizeof *number);
	c->recent = (dp_cluster_recent){.number = number, .size = size};
	return DP_OK;
}

static dp_code extend(dp_cluster *c, uint32_t first, uint32_t end, uint64_t tx_first, bool counts,
                      dp_fault *fault)
{
	for (uint32_t i = first; i < end; i++) {
		dp_cluster_segment *s = &c->segment[i];
		// All that there are, also those behind `end`: together they cost little more.
		if (s->number == NULL) DP_TRY(dp_cluster_look_up(c, i, c->count, fault));
		uint64_t base = s->segment->head.tx_first;
		DP_TRY(dp_cluster_walk(c, i, tx_first > base ? tx_first : base, counts, fault));
		if (counts) s->coinjoins = c->coinjoins;
	}
	return DP_OK;
}

dp_code dp_cluster_extend(dp_cluster *c, uint32_t first, uint32_t end, uint64_t tx_first,
                          bool counts, dp_fault *fault)
{
	DP_CHECK(end <= c->count);
	if (first == end) return DP_OK;
	DP_TRY(make_recent(c, end, fault));
	dp_code code = extend(c, first, end, tx_first, counts, fault);
	dp_free(c->recent.number);
	c->recent = (dp_cluster_recent){0};
	return code;
}

static dp_code bring_up_to_date(dp_cluster *c, dp_fault *fault)
{
	dp_cluster_loaded l = {0};
	DP_TRY(load(c, &l, fault));
	DP_TRY(dp_cluster_resolve_undone(c, fault));
	c->coinjoins = l.coinjoins;
	for (uint32_t i = 0; i < l.segments; i++) {
		if (c->segment[i].number == NULL)
			DP_TRY(dp_cluster_look_up(c, i, l.segments, fault));
		if (!c->segment[i].is_numbered) DP_TRY(dp_cluster_number(c, i, fault));
	}
	// The blocks are the same, so the numbers must be.
	if (l.segments > 0 && c->segment[l.segments - 1].tx_end == l.tx_done &&
	    c->segment[l.segments - 1].number_end != l.number_end)
		return dp_fail(fault, DP_BAD_BYTES, "%s is of another ledger: remove it", c->path);
	DP_TRY(dp_cluster_extend(c, l.segments, c->sealed, l.tx_done, true, fault));
	if (!c->readonly && !l.is_same && !c->needs_future) DP_TRY(dp_cluster_save(c, fault));
	DP_TRY(dp_cluster_extend(c, c->sealed, c->count, 0, true, fault));
	if (!c->readonly && !l.is_same && c->needs_future) DP_TRY(dp_cluster_save(c, fault));
	c->tx_done = c->count > 0 ? c->segment[c->count - 1].tx_end : 0;
	return DP_OK;
}

static dp_code open_all(dp_cluster *c, dp_fault *fault)
{
	DP_TRY(check_options(&c->options, fault));
	c->needs_future = (c->options.change & dp_change_future()) != 0;
	if (dp_ledger_chain(c->ledger)->kind != DP_CHAIN_UTXO)
		return dp_cluster_accounts_open(c, fault);
	DP_TRY(make_segments(c, fault));
	DP_TRY(make_path(c, fault));
	return bring_up_to_date(c, fault);
}

dp_code dp_cluster_open(dp_cluster **ret_cluster, dp_ledger *ledger,
                        const dp_cluster_options *options, bool readonly, dp_fault *fault)
{
	DP_CHECK(ret_cluster != NULL && ledger != NULL);
	dp_cluster *c = dp_alloc(sizeof *c);
	if (c == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	c->ledger = ledger;
	if (options != NULL) c->options = *options;
	c->readonly = readonly;
	c->lock_fd = -1;
	dp_code code = open_all(c, fault);
	if (code == DP_OK)
		*ret_cluster = c;
	else
		dp_cluster_close(c);
	return code;
}

void dp_cluster_close(dp_cluster *c)
{
	if (c == NULL) return;
	for (uint32_t i = 0; c->segment != NULL && i < c->count; i++) dp_free(c->segment[i].number);
	dp_cluster_accounts_close(c->accounts);
	dp_forest_free(c->forest);
	dp_shaper_done(&c->shaper);
	dp_change_done(&c->change);
	dp_free(c->segment);
	dp_free(c->undone);
	dp_free(c->undone_tx);
	dp_free(c->end);
	if (c->lock_fd >= 0) close(c->lock_fd);
	dp_free(c);
}

const char *dp_cluster_notice(const dp_cluster *c)
{
	return c->notice;
}

//- totals ----------------------------------------------------------------------------------------

static uint64_t memory_of(const dp_cluster *c)
{
	uint64_t bytes = sizeof *c + dp_forest_memory(c->forest);
	bytes += c->count * sizeof *c->segment;
	for (uint32_t i = 0; i < c->count; i++)
		if (c->segment[i].number != NULL) bytes += c->segment[i].ids * sizeof(uint32_t);
	return bytes + (c->accounts != NULL ? dp_cluster_accounts_memory(c->accounts) : 0);
}

void dp_cluster_totals_get(const dp_cluster *c, dp_cluster_totals *ret_totals)
{
	DP_CHECK(c != NULL && ret_totals != NULL);
	dp_ledger_totals ledger;
	dp_ledger_totals_get(c->ledger, &ledger);
	dp_cluster_totals t = {.addresses = dp_forest_count(c->forest),
	                       .clusters = dp_forest_sets(c->forest),
	                       .txs = c->tx_done,
	                       .coinjoins = c->coinjoins,
	                       .undone = c->undone_count,
	                       .memory = memory_of(c),
	                       .bytes = c->bytes,
	                       .height_last = ledger.height_last};
	t.unions = t.addresses - t.clusters; // each joined two clusters
	for (uint32_t i = 0; i < t.addresses; i++) {
		if (dp_forest_find(c->forest, i) != i) continue;
		uint32_t size = dp_forest_size(c->forest, i);
		t.clusters_many += size > 1;
		if (size > t.largest) t.largest = size;
	}
	*ret_totals = t;
}
