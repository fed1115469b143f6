// Order and numbers of a verified flow.
//
// Rows are ordered by block, within a block by the place in the file of their transaction's first
// row, then by their own: so a transaction's rows stand together, which is what "equal within one"
// of dp_transfer.tx asks for. Everything that must be recognised again (addresses, hashes) is found
// by sorting texts, not by a hash table: nobody can make that slow, and it needs no second look.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "technique/flow_private.h"

static dp_code no_memory(dp_fault *fault)
{
	return dp_fail(fault, DP_NO_MEMORY, "out of memory for a flow");
}

//- transactions ----------------------------------------------------------------------------------

static int by_tx(const void *a, const void *b)
{
	const dp_flow_row *x = a, *y = b;
	int order = strcmp(x->tx, y->tx);
	if (order != 0) return order;
	return x->edge.line < y->edge.line ? -1 : x->edge.line > y->edge.line;
}

// `edge.tx` is the place of the transaction's first row until the numbers are given.
static int by_time(const void *a, const void *b)
{
	const dp_flow_edge *x = &((const dp_flow_row *)a)->edge,
	                   *y = &((const dp_flow_row *)b)->edge;
	if (x->block != y->block) return x->block < y->block ? -1 : 1;
	if (x->tx != y->tx) return x->tx < y->tx ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

static dp_code order_rows(dp_flow *f, dp_fault *fault)
{
	dp_flow_row *row = f->row;
	if (f->row_count == 0) return DP_OK;
	qsort(row, f->row_count, sizeof *row, by_tx);
	for (uint64_t i = 0, end; i < f->row_count; i = end) {
		for (end = i; end < f->row_count && strcmp(row[end].tx, row[i].tx) == 0; end++) {
			if (row[end].edge.block != row[i].edge.block)
				return dp_fail_at(
				    fault, DP_BAD_BYTES, (uint32_t)row[end].edge.line, 1,
				    "this transaction is in block %llu here and in block "
				    "%llu on line %llu",
				    (unsigned long long)row[end].edge.block,
				    (unsigned long long)row[i].edge.block,
				    (unsigned long long)row[i].edge.line);
			row[end].edge.tx = (uint32_t)row[i].edge.line;
		}
	}
	qsort(row, f->row_count, sizeof *row, by_time);
	uint32_t last = 0, number = 0;
	for (uint64_t i = 0; i < f->row_count; i++) {
		if (i == 0 || row[i].edge.tx != last) number++;
		last = row[i].edge.tx;
		row[i].edge.tx = number;
		if (i > 0 && row[i].edge.time < row[i - 1].edge.time)
			return dp_fail_at(
			    fault, DP_BAD_BYTES, (uint32_t)row[i].edge.line, 1,
			    "block %llu is later than block %llu of line %llu, its time "
			    "is not",
			    (unsigned long long)row[i].edge.block,
			    (unsigned long long)row[i - 1].edge.block,
			    (unsigned long long)row[i - 1].edge.line);
	}
	return DP_OK;
}

//- parties ---------------------------------------------------------------------------------------

// One end of one row.
typedef struct mention {
	const char *address;
	uint32_t row, is_to;
} mention;

static int by_address(const void *a, const void *b)
{
	const mention *x = a, *y = b;
	int order = strcmp(x->address, y->address);
	if (order != 0) return order;
	if (x->row != y->row) return x->row < y->row ? -1 : 1;
	return x->is_to < y->is_to ? -1 : x->is_to > y->is_to;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

// The graph knows nodes by 64 bits. Two addresses that share them do not happen unless somebody
// made them, and would then be one node.
static dp_code check_keys(const dp_flow *f, dp_fault *fault)
{
	uint64_t *key = dp_alloc(((size_t)f->party_count + 1) * sizeof *key);
	if (key == NULL) return no_memory(fault);
	for (uint32_t i = 0; i < f->party_count; i++) key[i] = f->party[i].key;
	if (f->party_count > 0) qsort(key, f->party_count, sizeof *key, by_number);
	dp_code code = DP_OK;
	for (uint32_t i = 1; i < f->party_count && code == DP_OK; i++)
		if (key[i] == key[i - 1])
			code = dp_fail(
			    fault, DP_BAD_BYTES,
			    "two addresses of this flow were made to look like one (the same "
			    "64-bit hash)");
	dp_free(key);
	return code;
}

// Numbers parties in the order in which the rows first name them, payer before payee.
static dp_code number_parties(dp_flow *f, mention *m, dp_fault *fault)
{
	uint64_t mentions = f->row_count * 2;
	uint32_t *number = dp_alloc((mentions + 1) * sizeof *number); // by row and end
	f->party = dp_alloc((mentions + 1) * sizeof *f->party);
	f->by_address = dp_alloc((mentions + 1) * sizeof *f->by_address);
	if (number == NULL || f->party == NULL || f->by_address == NULL) {
		dp_free(number);
		return no_memory(fault);
	}
	// First mark where each address occurs first: there it gets its number.
	for (uint64_t i = 0; i < mentions; i++)
		number[(uint64_t)m[i].row * 2 + m[i].is_to] =
		    i == 0 || strcmp(m[i].address, m[i - 1].address) != 0;
	for (uint64_t i = 0; i < mentions; i++) {
		if (number[i] == 0) continue;
		const dp_flow_row *row = &f->row[i / 2];
		dp_flow_party *p = &f->party[f->party_count];
		*p = (dp_flow_party){.address = i % 2 == 0 ? row->from : row->to, .label = ""};
		p->key = dp_node_key(p->address, strlen(p->address));
		number[i] = ++f->party_count;
	}
	uint32_t at = 0, found = 0;
	for (uint64_t i = 0; i < mentions; i++) {
		uint64_t end = (uint64_t)m[i].row * 2 + m[i].is_to;
		if (number[end] != 0) {
			found = number[end] - 1;
			f->by_address[at++] = found;
		}
		dp_flow_row *row = &f->row[m[i].row];
		*(m[i].is_to ? &row->edge.dst : &row->edge.src) = found;
		const char *label = m[i].is_to ? row->to_label : row->from_label;
		if (f->party[found].label[0] == 0) f->party[found].label = label;
	}
	DP_CHECK(at == f->party_count);
	dp_free(number);
	return check_keys(f, fault);
}

static dp_code find_parties(dp_flow *f, dp_fault *fault)
{
	mention *m = dp_alloc((f->row_count * 2 + 1) * sizeof *m);
	if (m == NULL) return no_memory(fault);
	for (uint64_t i = 0; i < f->row_count; i++) {
		m[2 * i] = (mention){.address = f->row[i].from, .row = (uint32_t)i};
		m[2 * i + 1] = (mention){.address = f->row[i].to, .row = (uint32_t)i, .is_to = 1};
	}
	if (f->row_count > 0) qsort(m, f->row_count * 2, sizeof *m, by_address);
	dp_code code = number_parties(f, m, fault);
	dp_free(m);
	return code;
}

uint32_t dp_flow_party_find(const dp_flow *f, const char *address)
{
	uint32_t low = 0, high = f->party_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = strcmp(f->party[f->by_address[middle]].address, address);
		if (order == 0) return f->by_address[middle];
		if (order < 0) low = middle + 1;
		if (order > 0) high = middle;
	}
	return UINT32_MAX;
}

//- what they are ---------------------------------------------------------------------------------

static void mark_source(dp_flow *f, uint32_t party)
{
	if (!f->party[party].is_source) f->source_count++;
	f->party[party].is_source = true;
}

static void mark_terminal(dp_flow *f, uint32_t party)
{
	dp_flow_party *p = &f->party[party];
	p->is_terminal = true;
	p->class = dp_flow_classify(p->label, strlen(p->label));
}

dp_code dp_flow_settle(dp_flow *f, dp_fault *fault)
{
	DP_CHECK(f->party == NULL && f->row_count <= DP_FLOW_EDGES_MAX);
	DP_TRY(order_rows(f, fault));
	DP_TRY(find_parties(f, fault));
	for (uint64_t i = 0; i < f->named_count; i++) {
		const dp_flow_named *n = &f->named[i];
		uint32_t party = dp_flow_party_find(f, n->address);
		if (party == UINT32_MAX) continue; // lists name more than the rows: a known fault
		if (n->is_terminal && f->party[party].is_source)
			return dp_fail_at(fault, DP_BAD_BYTES, n->line, 1,
			                  "%.60s is a source and a terminal: it can be one of them",
			                  n->address);
		(n->is_terminal ? mark_terminal : mark_source)(f, party);
	}
	return DP_OK;
}

static dp_code mark(dp_flow *f, const char *address, bool is_terminal, dp_fault *fault)
{
	const char *text;
	DP_TRY(dp_flow_address(&text, f, address, strlen(address), fault));
	uint32_t party = dp_flow_party_find(f, text);
	if (party == UINT32_MAX)
		return dp_fail(fault, DP_NOT_FOUND, "%.60s is in no row of this flow", text);
	if (is_terminal ? f->party[party].is_source : f->party[party].is_terminal)
		return dp_fail(fault, DP_BAD_CASE,
		               "%.60s is a source and a terminal: it can be one of them", text);
	(is_terminal ? mark_terminal : mark_source)(f, party);
	return DP_OK;
}

dp_code dp_flow_mark_source(dp_flow *f, const char *address, dp_fault *fault)
{
	return mark(f, address, false, fault);
}

dp_code dp_flow_mark_terminal(dp_flow *f, const char *address, dp_fault *fault)
{
	return mark(f, address, true, fault);
}

uint32_t dp_flow_edge_count(const dp_flow *f)
{
	return (uint32_t)f->row_count;
}

const dp_flow_edge *dp_flow_edge_at(const dp_flow *f, uint32_t edge)
{
	DP_CHECK(edge < f->row_count);
	return &f->row[edge].edge;
}

const char *dp_flow_tx_text(const dp_flow *f, uint32_t edge)
{
	DP_CHECK(edge < f->row_count);
	return f->row[edge].tx;
}

uint32_t dp_flow_party_count(const dp_flow *f)
{
	return f->party_count;
}

const dp_flow_party *dp_flow_party_at(const dp_flow *f, uint32_t party)
{
	DP_CHECK(party < f->party_count);
	return &f->party[party];
}

uint64_t dp_flow_cut(const dp_flow *f)
{
	return f->cut;
}

uint64_t dp_flow_sources_listed(const dp_flow *f)
{
	uint64_t count = 0;
	for (uint64_t i = 0; i < f->named_count; i++) count += !f->named[i].is_terminal;
	return count;
}

const char *dp_flow_asset(const dp_flow *f)
{
	if (!f->has_coins) return NULL;
	return f->asset == NULL ? "" : f->asset;
}

uint64_t dp_flow_skipped(const dp_flow *f)
{
	return f->skipped;
}
