// Numbers of addresses, in order of first appearance in the ledger, see cluster.h.
//
// A segment has ids of its own for its addresses, sorted by a hash. Which of them are new is found
// out for all segments at once by merging (cluster_merge.c), or, where little is added to much,
// asked of the segments before: in batches and in order of the hash, so that the filters and
// buckets of each earlier segment are walked through from front to back, on several threads. Most
// questions end at a filter. Then the segment's rows are read once, from front to back: whoever is
// new gets the next number at the first row that names it. So numbers depend on the order of rows
// alone, and a segment that eight others became gives the same ones again.
//
// The table "id -> number" is the only way that is kept, 4 bytes an id. Back from a number to an
// address goes by looking through the table of the segment that it was given in, which takes some
// milliseconds for the largest; a list of numbers is answered in one such pass.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/team.h"
#include "entity/cluster_private.h"

enum { BATCH = 64, PIECE = 1 << 15, AHEAD = 24 };
#define LINKS_MAX (DP_NUMBER_OPEN - DP_NUMBER_LINK)

//- which are new ---------------------------------------------------------------------------------

typedef struct search {
	dp_cluster *c;
	uint32_t index; // of the segment
	pthread_mutex_t lock;
	dp_code code; // the first thing that went wrong
	dp_fault fault;
} search;

static dp_code load_batch(const search *k, dp_addr *addr, uint64_t *key, uint32_t first,
                          uint32_t count, dp_fault *fault)
{
	dp_cluster_segment *s = &k->c->segment[k->index];
	for (uint32_t i = 0; i < count; i++) {
		DP_TRY(dp_segment_addr(s->segment, &addr[i], first + i, fault));
		key[i] = dp_addr_key(&addr[i]);
	}
	return DP_OK;
}

// The newest segments first: most of those that come back come back soon.
static dp_code search_batch(const search *k, uint32_t first, uint32_t count, dp_fault *fault)
{
	dp_addr addr[BATCH];
	uint64_t key[BATCH];
	uint32_t *number = k->c->segment[k->index].number + first;
	DP_TRY(load_batch(k, addr, key, first, count, fault));
	for (uint32_t e = k->index; e > 0; e--) {
		const dp_cluster_segment *earlier = &k->c->segment[e - 1];
		for (uint32_t i = 0; i < count; i++)
			dp_segment_prefetch_addr(earlier->segment, key[i]);
		for (uint32_t i = 0; i < count; i++) {
			uint32_t id = 0;
			if (number[i] != DP_NUMBER_OPEN) continue;
			DP_TRY(
			    dp_segment_find_addr(earlier->segment, &id, &addr[i], key[i], fault));
			if (id > 0 && id < earlier->ids) number[i] = earlier->number[id];
		}
	}
	return DP_OK;
}

static void search_piece(void *context, uint64_t piece)
{
	search *k = context;
	uint64_t ids = k->c->segment[k->index].ids;
	uint64_t first = 1 + piece * PIECE, end = first + PIECE < ids ? first + PIECE : ids;
	dp_code code = DP_OK;
	dp_fault fault = {0};
	for (; first < end && code == DP_OK; first += BATCH) {
		uint64_t count = end - first < BATCH ? end - first : BATCH;
		code = search_batch(k, (uint32_t)first, (uint32_t)count, &fault);
	}
	if (code == DP_OK) return;
	pthread_mutex_lock(&k->lock);
	if (k->code == DP_OK) {
		k->code = code;
		k->fault = fault;
	}
	pthread_mutex_unlock(&k->lock);
}

static dp_code search_all(dp_cluster *c, uint32_t index, dp_fault *fault)
{
	search k = {.c = c, .index = index};
	if (pthread_mutex_init(&k.lock, NULL) != 0)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	uint64_t pieces = (c->segment[index].ids - 1 + PIECE - 1) / PIECE;
	dp_team_run(c->options.threads, pieces, search_piece, &k);
	pthread_mutex_destroy(&k.lock);
	if (k.code != DP_OK && fault != NULL) *fault = k.fault;
	return k.code;
}

// All open, but for nobody.
static void begin_numbers(dp_cluster_segment *s)
{
	for (uint64_t id = 0; id < s->ids; id++) s->number[id] = DP_NUMBER_OPEN;
	s->number[0] = DP_NUMBER_NOBODY;
	for (uint32_t g = 0; g < s->segment->group_count; g++) {
		const dp_ledger_group *group = &s->segment->group[g];
		if (group->kind != DP_ADDR_NULLDATA && group->kind != DP_ADDR_NONE) continue;
		for (uint32_t i = 0; i < group->count; i++)
			s->number[group->id_first + i] = DP_NUMBER_NOBODY;
	}
}

// How many segments from `first` on can be told from each other by links.
static uint32_t at_once(dp_cluster *c, uint32_t first, uint32_t end)
{
	uint64_t ids = 0;
	uint32_t i = first;
	for (; i < end && c->segment[i].number == NULL; i++) {
		dp_cluster_segment *s = &c->segment[i];
		if (i > first && ids + s->ids > LINKS_MAX) break;
		s->link_segment = first;
		s->link_first = (uint32_t)ids;
		ids += s->ids;
	}
	return i;
}

// Merging reads all addresses of all segments, asking one by one those filters that the new ones
// fall on: so much is merged at once as there is, unless it is little beside what is known.
static bool is_worth_merging(const dp_cluster *c, uint32_t first, uint32_t end)
{
	uint64_t before = 0, now = 0;
	for (uint32_t i = 0; i < first; i++) before += c->segment[i].ids;
	for (uint32_t i = first; i < end; i++) now += c->segment[i].ids;
	return end > 1 && now * end / 2 >= before;
}

// The forest's columns are made as long as they will get: what is moved loses its large pages.
static dp_code reserve(dp_cluster *c, uint32_t first, uint32_t end, dp_fault *fault)
{
	uint64_t count = first > 0 ? c->segment[first - 1].number_end : 0;
	for (uint32_t i = first; i < end; i++) {
		const dp_cluster_segment *s = &c->segment[i];
		for (uint64_t id = 1; id < s->ids; id++) count += s->number[id] == DP_NUMBER_OPEN;
	}
	return count > DP_FOREST_MAX ? DP_OK // refused when it grows so far
	                             : dp_forest_reserve(c->forest, (uint32_t)count, fault);
}

dp_code dp_cluster_look_up(dp_cluster *c, uint32_t first, uint32_t end, dp_fault *fault)
{
	DP_CHECK(first < end && end <= c->count && c->segment[first].number == NULL);
	end = at_once(c, first, end);
	bool merges = is_worth_merging(c, first, end), done = false;
	if (!merges) end = first + 1;
	for (uint32_t i = first; i < end; i++) {
		dp_cluster_segment *s = &c->segment[i];
		DP_CHECK(s->number == NULL && s->ids >= 1);
		s->number = dp_alloc(s->ids * sizeof *s->number);
		if (s->number == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
		dp_forest_advise(s->number, s->ids * sizeof *s->number);
		begin_numbers(s);
	}
	if (merges) DP_TRY(dp_cluster_merge(c, &done, first, end, fault));
	if (done) return reserve(c, first, end, fault);
	for (uint32_t i = first + 1; i < end; i++) {
		dp_free(c->segment[i].number);
		c->segment[i].number = NULL;
	}
	if (merges) begin_numbers(&c->segment[first]);
	return search_all(c, first, fault);
}

//- one key, two addresses ------------------------------------------------------------------------

static dp_code add_pair(dp_cluster_naming *n, dp_cluster_same_key pair, dp_fault *fault)
{
	void *items = n->pair;
	DP_TRY(dp_grow(&items, &n->pair_cap, sizeof *n->pair, n->pair_count + 1,
	               2 * (uint64_t)DP_FOREST_MAX, fault));
	n->pair = items;
	n->pair[n->pair_count++] = pair;
	return DP_OK;
}

// A bare key of segment `of` (this one, or one before), and the hash of it wherever that is.
static dp_code match_key(dp_cluster_naming *n, uint32_t of, uint32_t id, dp_fault *fault)
{
	dp_addr addr;
	DP_TRY(dp_segment_addr(n->c->segment[of].segment, &addr, id, fault));
	addr.kind = DP_ADDR_P2PKH;
	uint64_t key = dp_addr_key(&addr);
	uint32_t hash = 0, bare = n->c->segment[of].number[id];
	DP_TRY(dp_segment_find_addr(n->s->segment, &hash, &addr, key, fault));
	bool is_here = of == n->index;
	if (hash >= n->s->ids) hash = 0;
	if (hash > 0 && n->s->number[hash] == DP_NUMBER_OPEN) {
		dp_cluster_same_key pair = {
		    .id = hash, .other = is_here ? id : bare, .is_number = !is_here};
		DP_TRY(add_pair(n, pair, fault));
	}
	if (!is_here || bare != DP_NUMBER_OPEN) return DP_OK;
	if (hash > 0) return add_pair(n, (dp_cluster_same_key){.id = id, .other = hash}, fault);
	for (uint32_t e = n->index; e > 0; e--) {
		const dp_cluster_segment *earlier = &n->c->segment[e - 1];
		DP_TRY(dp_segment_find_addr(earlier->segment, &hash, &addr, key, fault));
		if (hash == 0 || hash >= earlier->ids) continue;
		dp_cluster_same_key pair = {
		    .id = id, .other = earlier->number[hash], .is_number = true};
		return add_pair(n, pair, fault);
	}
	return DP_OK;
}

static int by_id(const void *a, const void *b)
{
	uint32_t x = ((const dp_cluster_same_key *)a)->id, y = ((const dp_cluster_same_key *)b)->id;
	return (x > y) - (x < y);
}

// Bare keys are few: the addresses of 2009 and of a few stubborn miners.
static dp_code match_keys(dp_cluster_naming *n, dp_fault *fault)
{
	for (uint32_t e = 0; e <= n->index; e++) {
		const dp_segment *s = n->c->segment[e].segment;
		for (uint32_t g = 0; g < s->group_count; g++) {
			if (s->group[g].kind != DP_ADDR_P2PK) continue;
			for (uint32_t i = 0; i < s->group[g].count; i++)
				DP_TRY(match_key(n, e, s->group[g].id_first + i, fault));
		}
	}
	if (n->pair_count > 1) qsort(n->pair, n->pair_count, sizeof *n->pair, by_id);
	return DP_OK;
}

// An address that just got its number is nobody's yet: this is always a join, if the other has one.
static dp_code join_keys(dp_cluster_naming *n, uint32_t id, uint64_t tx_no, dp_fault *fault)
{
	uint64_t lo = 0, hi = n->pair_count;
	while (lo < hi) {
		uint64_t middle = lo + (hi - lo) / 2;
		if (n->pair[middle].id < id)
			lo = middle + 1;
		else
			hi = middle;
	}
	for (; lo < n->pair_count && n->pair[lo].id == id; lo++) {
		const dp_cluster_same_key *p = &n->pair[lo];
		uint32_t other = p->is_number ? p->other : n->s->number[p->other];
		if (other >= DP_NUMBER_OPEN) continue;
		void *items = n->edge;
		DP_TRY(dp_grow(&items, &n->edge_cap, sizeof *n->edge, n->edge_count + 1,
		               2 * (uint64_t)DP_FOREST_MAX, fault));
		n->edge = items;
		n->edge[n->edge_count++] = (dp_forest_edge){
		    .a = n->s->number[id], .b = other, .why = tx_no, .heuristic = DP_H_SAME_KEY};
	}
	return DP_OK;
}

//- giving numbers --------------------------------------------------------------------------------

static dp_code bad_id(dp_segment *s, dp_fault *fault)
{
	dp_code code = dp_fail(fault, DP_BAD_BYTES,
	                       "a row names an address that the segment does not have: run "
	                       "'dyepack ledger verify'");
	dp_fault_file(fault, s->path);
	return code;
}

static dp_code give(dp_cluster_naming *n, uint32_t id, uint64_t tx_no, dp_fault *fault)
{
	if (id >= n->s->ids) return bad_id(n->s->segment, fault);
	if (n->s->number[id] != DP_NUMBER_OPEN) return DP_OK;
	n->s->number[id] = n->next++;
	return n->pair_count > 0 ? join_keys(n, id, tx_no, fault) : DP_OK;
}

static dp_code key_of_output(dp_cluster_naming *n, uint32_t id, uint32_t output, dp_fault *fault)
{
	uint32_t tx;
	DP_TRY(dp_segment_tx_of_output(n->s->segment, &tx, output, fault));
	return join_keys(n, id, n->s->segment->head.tx_first + tx, fault);
}

// Two loops in one: numbers for those who are new, and everybody's for c->recent. The table of
// numbers is read here and there, so each line of it is asked for AHEAD rows before.
dp_code dp_cluster_naming_outputs(dp_cluster_naming *n, uint64_t end, dp_fault *fault)
{
	dp_cluster_recent *r = &n->c->recent;
	uint64_t base = n->s->segment->head.output_first, mask = r->size - 1, ids = n->s->ids;
	uint64_t count = n->s->segment->head.output_count, next = n->next;
	uint32_t *number = n->s->number, nowhere, *keep = r->size > 0 ? r->number : &nowhere;
	const uint32_t *to = n->to;
	DP_CHECK(end <= count && (to != NULL || count == 0));
	if (r->size == 0) mask = 0;
	if (n->at >= end) return DP_OK;
	if (r->end != base + n->at) r->first = base + n->at;
	for (uint64_t i = n->at; i < end; i++) {
		if (i + AHEAD < count && to[i + AHEAD] < ids)
			__builtin_prefetch(&number[to[i + AHEAD]]);
		uint32_t id = to[i];
		if (id >= ids) return bad_id(n->s->segment, fault);
		bool is_new = number[id] == DP_NUMBER_OPEN;
		uint32_t v = is_new ? (uint32_t)next : number[id];
		keep[(base + i) & mask] = v;
		// Written only where it changes: what is not need not go back to memory. That is
		// worth more than the branch costs.
		if (!is_new) continue;
		number[id] = v;
		next++;
		if (n->pair_count > 0) DP_TRY(key_of_output(n, id, (uint32_t)i, fault));
	}
	n->next = (uint32_t)next;
	n->at = end;
	r->end = base + end;
	return DP_OK;
}

static dp_code give_foreign(dp_cluster_naming *n, uint64_t input, uint64_t tx_no, dp_fault *fault)
{
	dp_segment *s = n->s->segment;
	uint64_t spent = 0;
	if (!dp_segment_u64(s, DP_SEC_SPENT, input, &spent))
		return dp_segment_fault(s, DP_SEC_SPENT, input, fault);
	if ((spent & DP_SPENT_FOREIGN) == 0) return DP_OK;
	const dp_ledger_foreign *f = dp_segment_at(s, DP_SEC_FOREIGN, spent & ~DP_SPENT_FOREIGN);
	if (f == NULL) return dp_segment_fault(s, DP_SEC_FOREIGN, spent & ~DP_SPENT_FOREIGN, fault);
	return give(n, f->address, tx_no, fault);
}

// Where inputs can name an address that no output did, the order of rows is inputs, then outputs.
static dp_code give_mixed(dp_cluster_naming *n, dp_fault *fault)
{
	dp_segment *s = n->s->segment;
	for (uint32_t tx = 0; tx < s->head.tx_count; tx++) {
		dp_tx_rows r = {0};
		uint64_t tx_no = s->head.tx_first + tx;
		DP_TRY(dp_segment_tx_rows(s, &r, tx, fault));
		for (uint32_t i = 0; i < r.input_count; i++)
			DP_TRY(give_foreign(n, (uint64_t)r.input_first + i, tx_no, fault));
		DP_CHECK(r.output_count == 0 || n->to != NULL);
		for (uint32_t i = 0; i < r.output_count; i++)
			DP_TRY(give(n, n->to[r.output_first + i], tx_no, fault));
	}
	return DP_OK;
}

// Links lead to segments that have their numbers by now. Both tables are in the order of the same
// keys, so that what is read over there lies in a row, too.
static uint64_t follow_links(dp_cluster_naming *n)
{
	dp_cluster_segment *s = n->s, *all = n->c->segment;
	uint64_t open = 0;
	for (uint64_t id = 1; id < s->ids; id++) {
		uint32_t v = s->number[id];
		open += v == DP_NUMBER_OPEN;
		if (v < DP_NUMBER_LINK || v >= DP_NUMBER_OPEN) continue;
		uint32_t link = v & ~DP_NUMBER_LINK, lo = s->link_segment, hi = n->index;
		while (hi - lo > 1) {
			uint32_t middle = lo + (hi - lo) / 2;
			if (all[middle].link_first <= link)
				lo = middle;
			else
				hi = middle;
		}
		s->number[id] = all[lo].number[link - all[lo].link_first];
	}
	return open;
}

static dp_code begin_new(dp_cluster_naming *n, dp_fault *fault)
{
	dp_cluster_segment *s = n->s;
	uint64_t end = n->next + follow_links(n), have = dp_forest_count(n->c->forest);
	if (end > DP_FOREST_MAX) end = (uint64_t)DP_FOREST_MAX + 1; // refused below
	if (end > have) DP_TRY(dp_forest_grow(n->c->forest, (uint32_t)end, fault));
	n->end = (uint32_t)end;
	DP_TRY(match_keys(n, fault));
	return s->segment->head.section[DP_SEC_FOREIGN].count > 0 ? give_mixed(n, fault) : DP_OK;
}

dp_code dp_cluster_naming_begin(dp_cluster_naming *n, dp_cluster *c, uint32_t index,
                                dp_fault *fault)
{
	dp_cluster_segment *s = &c->segment[index];
	DP_CHECK(s->number != NULL);
	*n = (dp_cluster_naming){.c = c, .s = s, .index = index, .next = s->number_end};
	uint64_t outputs = s->segment->head.output_count;
	if (outputs > 0) n->to = dp_segment_span_slow(s->segment, DP_SEC_OUTADDR, 0, outputs);
	if (outputs > 0 && n->to == NULL)
		return dp_segment_fault(s->segment, DP_SEC_OUTADDR, 0, fault);
	n->end = n->next;
	if (s->is_numbered) return DP_OK;
	n->next = s->number_first = index > 0 ? c->segment[index - 1].number_end : 0;
	return begin_new(n, fault);
}

dp_code dp_cluster_naming_finish(dp_cluster_naming *n, dp_fault *fault)
{
	DP_TRY(dp_cluster_naming_outputs(n, n->s->segment->head.output_count, fault));
	if (n->next != n->end) return bad_id(n->s->segment, fault); // an address that no row names
	n->s->number_end = n->end;
	n->s->is_numbered = true;
	return DP_OK;
}

void dp_cluster_naming_done(dp_cluster_naming *n)
{
	dp_free(n->pair);
	dp_free(n->edge);
}

dp_code dp_cluster_number(dp_cluster *c, uint32_t index, dp_fault *fault)
{
	dp_cluster_naming n;
	dp_code code = dp_cluster_naming_begin(&n, c, index, fault);
	if (code == DP_OK) code = dp_cluster_naming_finish(&n, fault);
	if (code == DP_OK) dp_forest_join_all(c->forest, n.edge, n.edge_count);
	dp_cluster_naming_done(&n);
	return code;
}

//- there and back --------------------------------------------------------------------------------

dp_code dp_cluster_find(dp_cluster *c, uint32_t *ret_number, const dp_addr *addr, dp_fault *fault)
{
	uint64_t key = dp_addr_key(addr);
	for (uint32_t i = c->count; i > 0; i--) {
		const dp_cluster_segment *s = &c->segment[i - 1];
		uint32_t id = 0;
		DP_TRY(dp_segment_find_addr(s->segment, &id, addr, key, fault));
		if (id == 0 || id >= s->ids || s->number[id] >= dp_forest_count(c->forest))
			continue;
		*ret_number = s->number[id];
		return DP_OK;
	}
	return DP_NOT_FOUND;
}

static uint32_t position(const uint32_t *number, uint32_t count, uint32_t wanted)
{
	uint32_t lo = 0, hi = count;
	while (lo < hi) {
		uint32_t middle = lo + (hi - lo) / 2;
		if (number[middle] < wanted)
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo;
}

dp_code dp_cluster_addresses(dp_cluster *c, dp_addr *ret_addr, const uint32_t *number,
                             uint32_t count, dp_fault *fault)
{
	for (uint32_t i = 0; i < c->count; i++) {
		dp_cluster_segment *s = &c->segment[i];
		uint32_t first = position(number, count, s->number_first);
		uint32_t end = position(number, count, s->number_end), found = 0;
		if (first == end) continue;
		uint32_t least = number[first], most = number[end - 1];
		for (uint32_t id = 1; id < s->ids && found < end - first; id++) {
			uint32_t no = s->number[id];
			if (no < least || no > most) continue;
			uint32_t at = position(number + first, end - first, no) + first;
			if (number[at] != no) continue;
			DP_TRY(dp_segment_addr(s->segment, &ret_addr[at], id, fault));
			found++;
		}
		if (found < end - first) return bad_id(s->segment, fault);
	}
	return DP_OK;
}
