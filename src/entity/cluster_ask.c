// Asking clusters: whose is an address, who else is in it, and why, see cluster.h.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "entity/cluster_private.h"

enum { NAMES_AT_ONCE = 1 << 16 };

//- there and back --------------------------------------------------------------------------------

// An address as people write it is the hash of a key; the bare key is another holder, but of the
// same owner: it is asked for when the ledger never paid to the hash.
static dp_code number_of(dp_cluster *c, uint32_t *ret_number, const dp_addr *addr, dp_fault *fault)
{
	dp_code code = c->accounts != NULL ? dp_cluster_accounts_find(c->accounts, ret_number, addr)
	                                   : dp_cluster_find(c, ret_number, addr, fault);
	if (code != DP_NOT_FOUND) return code;
	if (addr->kind == DP_ADDR_P2PKH) {
		dp_addr bare = *addr;
		bare.kind = DP_ADDR_P2PK;
		code = dp_cluster_find(c, ret_number, &bare, fault);
		if (code != DP_NOT_FOUND) return code;
	}
	char text[DP_ADDR_TEXT_MAX];
	(void)dp_addr_format(text, addr, dp_ledger_chain(c->ledger));
	return dp_fail(fault, DP_NOT_FOUND, "no cluster has %s: the ledger %s", text,
	               c->accounts != NULL ? "joins it with nobody" : "never paid it");
}

// Rising numbers to addresses.
static dp_code addresses_of(dp_cluster *c, dp_addr *ret_addr, const uint32_t *number,
                            uint32_t count, dp_fault *fault)
{
	if (c->accounts == NULL) return dp_cluster_addresses(c, ret_addr, number, count, fault);
	for (uint32_t i = 0; i < count; i++)
		ret_addr[i] = dp_cluster_accounts_address(c->accounts, number[i]);
	return DP_OK;
}

dp_code dp_cluster_of(dp_cluster *c, dp_addr *ret_name, uint64_t *ret_size, const dp_addr *addr,
                      dp_fault *fault)
{
	DP_CHECK(c != NULL && ret_name != NULL && ret_size != NULL && addr != NULL);
	uint32_t number, name;
	DP_TRY(number_of(c, &number, addr, fault));
	name = dp_forest_find(c->forest, number);
	DP_TRY(addresses_of(c, ret_name, &name, 1, fault));
	*ret_size = dp_forest_size(c->forest, number);
	return DP_OK;
}

dp_code dp_cluster_key(dp_cluster *c, uint32_t *ret_key, uint64_t *ret_size, const dp_addr *addr,
                       dp_fault *fault)
{
	DP_CHECK(c != NULL && ret_key != NULL && ret_size != NULL && addr != NULL);
	uint32_t number;
	DP_TRY(number_of(c, &number, addr, fault));
	*ret_key = dp_forest_find(c->forest, number);
	*ret_size = dp_forest_size(c->forest, number);
	return DP_OK;
}

//- members ---------------------------------------------------------------------------------------

typedef struct batch {
	uint32_t number[NAMES_AT_ONCE];
	dp_addr addr[NAMES_AT_ONCE];
	uint32_t count;
} batch;

static dp_code visit_batch(dp_cluster *c, batch *b,
                           dp_code (*visit)(void *context, const dp_addr *member, dp_fault *fault),
                           void *context, dp_fault *fault)
{
	DP_TRY(addresses_of(c, b->addr, b->number, b->count, fault));
	for (uint32_t i = 0; i < b->count; i++) DP_TRY(visit(context, &b->addr[i], fault));
	b->count = 0;
	return DP_OK;
}

dp_code dp_cluster_members(dp_cluster *c, const dp_addr *addr,
                           dp_code (*visit)(void *context, const dp_addr *member, dp_fault *fault),
                           void *context, dp_fault *fault)
{
	DP_CHECK(c != NULL && addr != NULL && visit != NULL);
	uint32_t number;
	DP_TRY(number_of(c, &number, addr, fault));
	uint32_t name = dp_forest_find(c->forest, number), size = dp_forest_size(c->forest, number);
	batch *b = dp_alloc(sizeof *b);
	if (b == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = DP_OK;
	// The name is the smallest; behind the last member nobody needs to be asked.
	for (uint32_t i = name, found = 0; found < size && code == DP_OK; i++) {
		if (dp_forest_find(c->forest, i) != name) continue;
		found++;
		b->number[b->count++] = i;
		if (b->count == NAMES_AT_ONCE || found == size)
			code = visit_batch(c, b, visit, context, fault);
	}
	dp_free(b);
	return code;
}

//- the greatest ----------------------------------------------------------------------------------

typedef struct great {
	uint32_t size, number;
} great;

static bool is_greater(great a, great b)
{
	return a.size != b.size ? a.size > b.size : a.number < b.number;
}

// A heap whose top is the least of those that are kept.
static void sink(great *heap, uint32_t count, uint32_t at)
{
	for (;;) {
		uint32_t least = at;
		for (uint32_t child = 2 * at + 1; child <= 2 * at + 2; child++)
			if (child < count && is_greater(heap[least], heap[child])) least = child;
		if (least == at) return;
		great swap = heap[at];
		heap[at] = heap[least];
		heap[least] = swap;
		at = least;
	}
}

static uint32_t find_greatest(dp_cluster *c, great *heap, uint32_t max)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < dp_forest_count(c->forest); i++) {
		if (dp_forest_find(c->forest, i) != i) continue;
		great g = {.size = dp_forest_size(c->forest, i), .number = i};
		if (count < max) {
			heap[count++] = g;
			for (uint32_t k = count / 2; count == max && k > 0; k--)
				sink(heap, count, k - 1);
		} else if (is_greater(g, heap[0])) {
			heap[0] = g;
			sink(heap, count, 0);
		}
	}
	return count;
}

static int by_greatness(const void *a, const void *b)
{
	const great *x = a, *y = b;
	return is_greater(*x, *y) ? -1 : is_greater(*y, *x);
}

dp_code dp_cluster_largest(dp_cluster *c, uint32_t max,
                           dp_code (*visit)(void *context, const dp_addr *name, uint64_t size,
                                            dp_fault *fault),
                           void *context, dp_fault *fault)
{
	DP_CHECK(c != NULL && visit != NULL && max <= DP_CLUSTER_LARGEST_MAX);
	if (max == 0 || dp_forest_count(c->forest) == 0) return DP_OK;
	great *heap = dp_alloc(max * sizeof *heap);
	if (heap == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	uint32_t count = find_greatest(c, heap, max);
	qsort(heap, count, sizeof *heap, by_greatness);
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < count && code == DP_OK; i++) {
		dp_addr name;
		code = addresses_of(c, &name, &heap[i].number, 1, fault);
		if (code == DP_OK) code = visit(context, &name, heap[i].size, fault);
	}
	dp_free(heap);
	return code;
}

//- reasons ---------------------------------------------------------------------------------------

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

typedef struct path {
	dp_forest_edge *edge;
	uint32_t count, names;
	uint32_t *number; // of all that are on it, rising
	dp_addr *addr;    // of these
} path;

static const dp_addr *name_of(const path *p, uint32_t number)
{
	const uint32_t *at = bsearch(&number, p->number, p->names, sizeof number, by_number);
	DP_CHECK(at != NULL);
	return &p->addr[at - p->number];
}

// The transaction and block of an edge.
static dp_code place_edge(dp_cluster *c, dp_cluster_reason *r, const dp_forest_edge *e,
                          dp_fault *fault)
{
	uint64_t block;
	dp_ledger_block_row row;
	r->heuristic = e->heuristic;
	r->tx_no = e->why;
	DP_TRY(dp_ledger_txid(c->ledger, r->txid, e->why, fault));
	DP_TRY(dp_ledger_block_of_tx(c->ledger, &block, e->why, fault));
	DP_TRY(dp_ledger_block_row_at(c->ledger, &row, block, fault));
	r->height = row.height;
	return DP_OK;
}

static dp_code visit_path(dp_cluster *c, const path *p,
                          dp_code (*visit)(void *context, const dp_cluster_reason *reason,
                                           dp_fault *fault),
                          void *context, dp_fault *fault)
{
	for (uint32_t i = 0; i < p->count; i++) {
		const dp_forest_edge *e = &p->edge[i];
		dp_cluster_reason r = {.a = *name_of(p, e->a), .b = *name_of(p, e->b)};
		DP_TRY(place_edge(c, &r, e, fault));
		DP_TRY(visit(context, &r, fault));
	}
	return DP_OK;
}

// A path of edges goes through one member more than it has edges.
static dp_code name_path(dp_cluster *c, path *p, dp_fault *fault)
{
	p->names = p->count + 1;
	p->number = dp_alloc(p->names * sizeof *p->number);
	p->addr = dp_alloc(p->names * sizeof *p->addr);
	if (p->number == NULL || p->addr == NULL)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	p->number[0] = p->edge[0].a;
	for (uint32_t i = 0; i < p->count; i++) p->number[i + 1] = p->edge[i].b;
	qsort(p->number, p->names, sizeof *p->number, by_number);
	return addresses_of(c, p->addr, p->number, p->names, fault);
}

dp_code dp_cluster_why(dp_cluster *c, const dp_addr *a, const dp_addr *b,
                       dp_code (*visit)(void *context, const dp_cluster_reason *reason,
                                        dp_fault *fault),
                       void *context, dp_fault *fault)
{
	DP_CHECK(c != NULL && a != NULL && b != NULL && visit != NULL);
	uint32_t x, y;
	path p = {0};
	DP_TRY(number_of(c, &x, a, fault));
	DP_TRY(number_of(c, &y, b, fault));
	DP_TRY(dp_forest_path(c->forest, &p.edge, &p.count, x, y, fault));
	dp_code code = p.count > 0 ? name_path(c, &p, fault) : DP_OK;
	if (code == DP_OK) code = visit_path(c, &p, visit, context, fault);
	dp_free(p.edge);
	dp_free(p.number);
	dp_free(p.addr);
	return code;
}

typedef struct reasoning {
	dp_cluster *c;
	dp_code (*visit)(void *context, const dp_cluster_reason *reason, dp_fault *fault);
	void *context;
	uint32_t name, next; // of the cluster; the member to come
} reasoning;

// Members come in order of number, so their numbers are found by going along.
static dp_code visit_reason(void *context, const dp_addr *member, dp_fault *fault)
{
	reasoning *k = context;
	dp_forest_edge edge;
	while (dp_forest_find(k->c->forest, k->next) != k->name) k->next++;
	uint32_t number = k->next++;
	if (!dp_forest_edge_of(k->c->forest, &edge, number)) return DP_OK;
	dp_cluster_reason r = {.a = *member};
	DP_TRY(place_edge(k->c, &r, &edge, fault));
	return k->visit(k->context, &r, fault);
}

dp_code dp_cluster_reasons(dp_cluster *c, const dp_addr *addr,
                           dp_code (*visit)(void *context, const dp_cluster_reason *reason,
                                            dp_fault *fault),
                           void *context, dp_fault *fault)
{
	DP_CHECK(c != NULL && addr != NULL && visit != NULL);
	uint32_t number;
	DP_TRY(number_of(c, &number, addr, fault));
	dp_forest_turn(c->forest, number);
	uint32_t name = dp_forest_find(c->forest, number);
	reasoning k = {.c = c, .visit = visit, .context = context, .name = name, .next = name};
	return dp_cluster_members(c, addr, visit_reason, &k, fault);
}
