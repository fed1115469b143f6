// What joined nothing after all, see cluster.h.
//
// Edges of the forest stand in the order of transactions, and a later one never changes an earlier
// one. So clusters without a transaction are: the edges before it as they are, all others made
// again from the ledger, leaving it out. That is one pass over what came after it, at worst as long
// as clustering the ledger anew, and it is the same code: there is no second truth to keep in step.
// Unions of one key with itself are no transaction's verdict, and stay.
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "entity/cluster_private.h"

static uint64_t position(const dp_cluster *c, const uint8_t txid[32])
{
	uint64_t lo = 0, hi = c->undone_count;
	while (lo < hi) {
		uint64_t middle = lo + (hi - lo) / 2;
		if (memcmp(c->undone[middle], txid, 32) < 0)
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo;
}

static dp_code insert(dp_cluster *c, uint64_t at, const uint8_t txid[32], dp_fault *fault)
{
	void *items = c->undone;
	if (c->undone_count == DP_CLUSTER_UNDONE_MAX)
		return dp_fail(fault, DP_LIMIT, "at most %d transactions can be undone",
		               DP_CLUSTER_UNDONE_MAX);
	DP_TRY(dp_grow(&items, &c->undone_cap, sizeof *c->undone, c->undone_count + 1,
	               DP_CLUSTER_UNDONE_MAX, fault));
	c->undone = items;
	memmove(c->undone[at + 1], c->undone[at], (c->undone_count - at) * sizeof *c->undone);
	memcpy(c->undone[at], txid, sizeof *c->undone);
	c->undone_count++;
	return DP_OK;
}

static void take_out(dp_cluster *c, uint64_t at)
{
	DP_CHECK(at < c->undone_count);
	c->undone_count--;
	memmove(c->undone[at], c->undone[at + 1], (c->undone_count - at) * sizeof *c->undone);
}

static void insert_number(uint64_t *numbers, uint64_t count, uint64_t number)
{
	while (count > 0 && numbers[count - 1] > number) {
		numbers[count] = numbers[count - 1];
		count--;
	}
	numbers[count] = number;
}

dp_code dp_cluster_resolve_undone(dp_cluster *c, dp_fault *fault)
{
	dp_free(c->undone_tx);
	c->undone_tx = NULL;
	c->undone_tx_count = 0;
	if (c->undone_count == 0) return DP_OK;
	c->undone_tx = dp_alloc(c->undone_count * sizeof *c->undone_tx);
	if (c->undone_tx == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint64_t i = 0; i < c->undone_count; i++) {
		uint64_t tx_no;
		dp_code code =
		    dp_ledger_find_tx(c->ledger, &tx_no, c->undone[i], UINT64_MAX, fault);
		if (code == DP_NOT_FOUND) continue; // reorganised away; it may come back
		if (code != DP_OK) return code;
		insert_number(c->undone_tx, c->undone_tx_count++, tx_no);
	}
	return DP_OK;
}

// The last segment whose transactions begin at or before it.
static uint32_t segment_of(const dp_cluster *c, uint64_t tx_no)
{
	uint32_t i = 0;
	while (i + 1 < c->count && c->segment[i].tx_end <= tx_no) i++;
	return i;
}

// The file holds none of the tail's addresses and unions. So the tail's part is forgotten before
// writing, numbers and all, and added again: it is small.
static dp_code save_without_tail(dp_cluster *c, dp_fault *fault)
{
	dp_cluster_segment *tail = &c->segment[c->sealed];
	uint64_t sealed_end = c->sealed > 0 ? c->segment[c->sealed - 1].tx_end : 0;
	uint32_t sealed_numbers = c->sealed > 0 ? c->segment[c->sealed - 1].number_end : 0;
	bool has_tail = c->count > c->sealed;
	if (has_tail) {
		dp_forest_cut(c->forest, sealed_numbers, sealed_end, 0);
		dp_free(tail->number);
		tail->number = NULL;
		tail->is_numbered = false;
	}
	DP_TRY(dp_cluster_save(c, fault));
	return has_tail ? dp_cluster_extend(c, c->sealed, c->count, sealed_end, false, fault)
	                : DP_OK;
}

static dp_code make_again(dp_cluster *c, uint64_t tx_no, dp_fault *fault)
{
	// With heuristics that ask what became of outputs the file has no addresses anyway.
	uint32_t end = c->needs_future ? c->count : c->sealed;
	dp_forest_cut(c->forest, dp_forest_count(c->forest), tx_no, 1u << DP_H_SAME_KEY);
	DP_TRY(dp_cluster_extend(c, segment_of(c, tx_no), end, tx_no, false, fault));
	return c->needs_future ? dp_cluster_save(c, fault) : save_without_tail(c, fault);
}

dp_code dp_cluster_undo(dp_cluster *c, bool *ret_changed, const uint8_t txid[32], bool undone,
                        dp_fault *fault)
{
	DP_CHECK(c != NULL && ret_changed != NULL && txid != NULL);
	if (c->accounts != NULL)
		return dp_fail(fault, DP_BAD_CASE,
		               "unions of accounts are found anew each time: none can be undone");
	if (c->readonly)
		return dp_fail(fault, DP_BAD_CASE, "the clusters were opened for reading only");
	uint64_t at = position(c, txid), tx_no = 0;
	bool is_undone = at < c->undone_count && memcmp(c->undone[at], txid, 32) == 0;
	dp_code code = dp_ledger_find_tx(c->ledger, &tx_no, txid, UINT64_MAX, fault);
	bool is_there = code == DP_OK;
	if (!is_there && (code != DP_NOT_FOUND || !is_undone)) {
		if (code != DP_NOT_FOUND) return code;
		return dp_fail(fault, DP_NOT_FOUND, "the ledger has no such transaction");
	}
	*ret_changed = is_undone != undone;
	if (is_undone == undone) return DP_OK;
	if (undone)
		DP_TRY(insert(c, at, txid, fault));
	else
		take_out(c, at);
	DP_TRY(dp_cluster_resolve_undone(c, fault));
	return make_again(c, is_there ? tx_no : c->tx_done, fault);
}
