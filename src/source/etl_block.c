// See etl_block.h.
//
// Rows are sorted by the hash of their transaction, so that what different files say of one stands
// together, and within it by log index and trace address: their order in the files does not count.
// Transactions are then put in order by the index that any of their rows gives. GraphSense's traces
// give none; where such a trace belongs to no transaction of the transactions' file, its place
// among the traces of the block tells, and failing that the place of its logs:
//
//   trace index      0     1 2     3           A transaction without an index stands right behind
//   transaction      A     B       C           the one before it that has one: A, B, C.
//   index            0     -       7
//
// Contradictions between files are faults, because one of the two is false and we cannot know
// which. What is merely not there is a gap: dp_evm_build and we note which.
#include "source/etl_block.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define NOT_KNOWN UINT64_MAX

// A transaction: its rows are order[first, end), of each sort a stretch.
struct dp_etl_group {
	const dp_etl_row *tx, *receipt;
	uint32_t first, end;
	uint32_t stretch[DP_ETL_SORT_COUNT + 1]; // where each sort begins
	uint64_t index, trace_at, log_at;        // NOT_KNOWN: no row says
	uint64_t major, minor;                   // what transactions are put in order by
};

// ---- Faults. -----------------------------------------------------------------------------------

#define FAIL_ROW(m, fault, row, ...)                                                               \
	in_file((m), (fault), (row), dp_fail_at((fault), DP_BAD_BYTES, (row)->line, 0, __VA_ARGS__))

static dp_code in_file(const dp_etl_maker *m, dp_fault *fault, const dp_etl_row *row, dp_code code)
{
	DP_CHECK(code != DP_OK);
	if (fault != NULL) dp_fault_file(fault, m->file_name(m->context, row->file));
	return code;
}

// ---- Taking the rows apart. --------------------------------------------------------------------

static int compare_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static uint64_t number_or_none(const dp_etl_row *row, dp_etl_value value)
{
	return dp_etl_has(row, value) ? dp_etl_number(row, value) : NOT_KNOWN;
}

static int compare_places(const dp_etl_row *a, const dp_etl_row *b)
{
	return a->file != b->file ? compare_u64(a->file, b->file) : compare_u64(a->line, b->line);
}

// In order of execution: a caller's address is the beginning of those of its calls. Traces without
// addresses come as they are numbered, and as they stand where not even that is said.
static int compare_traces(const dp_etl_row *a, const dp_etl_row *b)
{
	bool a_path = (a->flags & DP_ETLF_PATH) != 0, b_path = (b->flags & DP_ETLF_PATH) != 0;
	if (a_path != b_path) return a_path ? -1 : 1;
	if (a_path) {
		uint32_t n = a->extra_size < b->extra_size ? a->extra_size : b->extra_size;
		int c = n > 0 ? memcmp(a->extra, b->extra, n) : 0;
		if (c != 0) return c;
		if (a->extra_size != b->extra_size)
			return compare_u64(a->extra_size, b->extra_size);
	}
	return compare_u64(number_or_none(a, DP_ETL_TRACE_INDEX),
	                   number_or_none(b, DP_ETL_TRACE_INDEX));
}

static int compare_rows(const void *pa, const void *pb)
{
	const dp_etl_row *a = *(const dp_etl_row *const *)pa, *b = *(const dp_etl_row *const *)pb;
	int c = memcmp(dp_etl_hash(a, DP_ETL_TX), dp_etl_hash(b, DP_ETL_TX), 32);
	if (c == 0) c = compare_u64(a->sort, b->sort);
	if (c == 0 && (a->sort == DP_ETL_LOGS || a->sort == DP_ETL_TRANSFERS))
		c = compare_u64(dp_etl_number(a, DP_ETL_LOG_INDEX),
		                dp_etl_number(b, DP_ETL_LOG_INDEX));
	if (c == 0 && a->sort == DP_ETL_TRACES) c = compare_traces(a, b);
	return c != 0 ? c : compare_places(a, b);
}

// A block's own reward before those of uncles, then as numbered, then by amount.
static int compare_gifts(const void *pa, const void *pb)
{
	const dp_etl_row *a = *(const dp_etl_row *const *)pa, *b = *(const dp_etl_row *const *)pb;
	int c = compare_u64(a->trace, b->trace);
	if (c == 0) c = compare_u64(a->flags & DP_ETLF_UNCLE, b->flags & DP_ETLF_UNCLE);
	if (c == 0)
		c = compare_u64(number_or_none(a, DP_ETL_TRACE_INDEX),
		                number_or_none(b, DP_ETL_TRACE_INDEX));
	if (c == 0)
		c = dp_u256_cmp(dp_etl_amount(b, DP_ETL_AMOUNT), dp_etl_amount(a, DP_ETL_AMOUNT));
	if (c == 0) c = memcmp(dp_etl_addr(a, DP_ETL_TO), dp_etl_addr(b, DP_ETL_TO), 20);
	if (c == 0) c = memcmp(dp_etl_addr(a, DP_ETL_FROM), dp_etl_addr(b, DP_ETL_FROM), 20);
	if (c == 0) c = compare_u64(number_or_none(a, DP_ETL_ID), number_or_none(b, DP_ETL_ID));
	return c != 0 ? c : compare_places(a, b);
}

static bool is_special(const dp_etl_row *row)
{
	return row->sort == DP_ETL_TRACES && row->trace >= DP_ETL_REWARD;
}

static dp_code split(dp_etl_maker *m, const dp_etl_row *row, uint32_t n, dp_fault *fault)
{
	void *items = m->order;
	DP_TRY(dp_grow(&items, &m->order_cap, sizeof *m->order, n, DP_BLOCK_MV_MAX, fault));
	m->order = items;
	m->block = NULL;
	m->order_count = m->special_count = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (row[i].sort == DP_ETL_BLOCKS) {
			if (m->block != NULL)
				return FAIL_ROW(m, fault, &row[i],
				                "block %" PRIu64 " stands in line %u of %.80s too",
				                row[i].block, m->block->line,
				                m->file_name(m->context, m->block->file));
			m->block = &row[i];
		} else if (is_special(&row[i])) {
			items = m->special;
			DP_TRY(dp_grow(&items, &m->special_cap, sizeof *m->special,
			               (uint64_t)m->special_count + 1, DP_BLOCK_MV_MAX, fault));
			m->special = items;
			m->special[m->special_count++] = &row[i];
		} else {
			m->order[m->order_count++] = &row[i];
		}
	}
	if (m->order_count > 1) qsort(m->order, m->order_count, sizeof *m->order, compare_rows);
	if (m->special_count > 1)
		qsort(m->special, m->special_count, sizeof *m->special, compare_gifts);
	return DP_OK;
}

// All rows that name the block's hash or time name the same, and where there are files of blocks
// the block stands in one. (The allocation of the first block has no block in exports.)
static dp_code check_block(dp_etl_maker *m, const dp_etl_row **ret_hash,
                           const dp_etl_row **ret_time, const dp_etl_row *row, uint32_t n,
                           dp_fault *fault)
{
	const dp_etl_row *hash = NULL, *time = NULL;
	if (m->block != NULL && dp_etl_has(m->block, DP_ETL_HASH)) hash = m->block;
	if (m->block != NULL && dp_etl_has(m->block, DP_ETL_TIME)) time = m->block;
	for (uint32_t i = 0; i < n; i++) {
		const dp_etl_row *r = &row[i];
		if (m->block == NULL && (m->seen >> DP_ETL_BLOCKS & 1) != 0 &&
		    !(r->sort == DP_ETL_TRACES && r->trace == DP_ETL_GENESIS))
			return FAIL_ROW(m, fault, r,
			                "block %" PRIu64 " is in no file of blocks: leave these "
			                "rows out or add its block",
			                r->block);
		if (dp_etl_has(r, DP_ETL_HASH)) {
			if (hash == NULL) hash = r;
			if (memcmp(dp_etl_hash(r, DP_ETL_HASH), dp_etl_hash(hash, DP_ETL_HASH),
			           32) != 0)
				return FAIL_ROW(m, fault, r,
				                "block %" PRIu64 " has another hash in line %u of "
				                "%.80s: the files are of different branches",
				                r->block, hash->line,
				                m->file_name(m->context, hash->file));
		}
		if (dp_etl_has(r, DP_ETL_TIME)) {
			if (time == NULL) time = r;
			if (dp_etl_number(r, DP_ETL_TIME) != dp_etl_number(time, DP_ETL_TIME))
				return FAIL_ROW(
				    m, fault, r,
				    "block %" PRIu64 " has another time in line %u of %.80s",
				    r->block, time->line, m->file_name(m->context, time->file));
		}
	}
	*ret_hash = hash;
	*ret_time = time;
	return DP_OK;
}

// ---- Rewards and such. -------------------------------------------------------------------------

enum { UNCLES_MAX = 2 }; // of a block: Yellow Paper, 11.1

// Two rows, alike in what they give to whom, that are of the same gift. An address is allocated its
// first balance once, and is emptied by the DAO fork once. Two uncles may be of one miner and worth
// the same: they are told apart by their numbers, and where they have none, they stand in one file.
static bool is_gift_twice(const dp_etl_row *a, const dp_etl_row *b)
{
	if (a->trace != b->trace || ((a->flags ^ b->flags) & DP_ETLF_UNCLE) != 0) return false;
	if (!dp_u256_eq(dp_etl_amount(a, DP_ETL_AMOUNT), dp_etl_amount(b, DP_ETL_AMOUNT)) ||
	    memcmp(dp_etl_addr(a, DP_ETL_TO), dp_etl_addr(b, DP_ETL_TO), 20) != 0 ||
	    memcmp(dp_etl_addr(a, DP_ETL_FROM), dp_etl_addr(b, DP_ETL_FROM), 20) != 0)
		return false;
	if (a->trace != DP_ETL_REWARD) return true;
	static const dp_etl_value numbers[] = {DP_ETL_TRACE_INDEX, DP_ETL_ID};
	for (size_t i = 0; i < 2; i++)
		if (dp_etl_has(a, numbers[i]) && dp_etl_has(b, numbers[i]))
			return dp_etl_number(a, numbers[i]) == dp_etl_number(b, numbers[i]);
	return (a->flags & DP_ETLF_UNCLE) == 0 || a->file != b->file;
}

static dp_code check_gifts(dp_etl_maker *m, dp_fault *fault)
{
	const dp_etl_row *own = NULL;
	uint32_t uncles = 0;
	for (uint32_t i = 0; i < m->special_count; i++) {
		const dp_etl_row *r = m->special[i], *before = i == 0 ? NULL : m->special[i - 1];
		if (before != NULL && is_gift_twice(before, r))
			return FAIL_ROW(m, fault, r, "this row repeats line %u of %.80s",
			                before->line, m->file_name(m->context, before->file));
		bool is_own = r->trace == DP_ETL_REWARD && (r->flags & DP_ETLF_OWN) != 0;
		if (is_own && own != NULL)
			return FAIL_ROW(m, fault, r,
			                "block %" PRIu64
			                " has its reward in line %u of %.80s already",
			                r->block, own->line, m->file_name(m->context, own->file));
		if (is_own) own = r;
		uncles += r->trace == DP_ETL_REWARD && (r->flags & DP_ETLF_UNCLE) != 0;
		if (uncles > UNCLES_MAX)
			return FAIL_ROW(m, fault, r,
			                "block %" PRIu64
			                " has more than %d rewards for uncles: a row stands twice",
			                r->block, UNCLES_MAX);
	}
	return DP_OK;
}

// ---- Transactions. -----------------------------------------------------------------------------

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

// What one row adds to its transaction.
static dp_code note_row(dp_etl_maker *m, dp_etl_group *g, const dp_etl_row *r, dp_fault *fault)
{
	if (r->sort == DP_ETL_TXS || r->sort == DP_ETL_RECEIPTS) {
		const dp_etl_row **one = r->sort == DP_ETL_TXS ? &g->tx : &g->receipt;
		if (*one != NULL)
			return FAIL_ROW(m, fault, r,
			                "this transaction's row stands in line %u of %.80s too",
			                (*one)->line, m->file_name(m->context, (*one)->file));
		*one = r;
	}
	if (dp_etl_has(r, DP_ETL_LOG_INDEX))
		g->log_at = least(g->log_at, dp_etl_number(r, DP_ETL_LOG_INDEX));
	if (dp_etl_has(r, DP_ETL_TRACE_INDEX))
		g->trace_at = least(g->trace_at, dp_etl_number(r, DP_ETL_TRACE_INDEX));
	if (!dp_etl_has(r, DP_ETL_INDEX)) return DP_OK;
	uint64_t index = dp_etl_number(r, DP_ETL_INDEX);
	if (index >= DP_BLOCK_TX_MAX || (g->index != NOT_KNOWN && g->index != index))
		return FAIL_ROW(m, fault, r,
		                "this transaction has index %" PRIu64
		                " here, which it cannot have or has not elsewhere",
		                index);
	g->index = index;
	return DP_OK;
}

// Two rows of one transaction that say the same thing of the same place.
static bool is_twice(const dp_etl_row *a, const dp_etl_row *b)
{
	if (a->sort != b->sort) return false;
	if (a->sort == DP_ETL_LOGS || a->sort == DP_ETL_TRANSFERS)
		return dp_etl_number(a, DP_ETL_LOG_INDEX) == dp_etl_number(b, DP_ETL_LOG_INDEX);
	if (a->sort != DP_ETL_TRACES) return false;
	if ((a->flags & b->flags & DP_ETLF_PATH) != 0)
		return a->extra_size == b->extra_size &&
		       (a->extra_size == 0 || memcmp(a->extra, b->extra, a->extra_size) == 0);
	return dp_etl_has(a, DP_ETL_TRACE_INDEX) && compare_traces(a, b) == 0;
}

static dp_code make_group(dp_etl_maker *m, uint32_t first, uint32_t *ret_end, dp_fault *fault)
{
	void *items = m->group;
	DP_TRY(dp_grow(&items, &m->group_cap, sizeof *m->group, (uint64_t)m->group_count + 1,
	               DP_BLOCK_TX_MAX, fault));
	m->group = items;
	dp_etl_group *g = &m->group[m->group_count++];
	*g = (dp_etl_group){.first = first, .end = first};
	g->index = g->trace_at = g->log_at = NOT_KNOWN;
	const uint8_t *hash = dp_etl_hash(m->order[first], DP_ETL_TX);
	uint32_t i = first, sort = 0;
	for (; i < m->order_count; i++) {
		const dp_etl_row *r = m->order[i];
		if (memcmp(dp_etl_hash(r, DP_ETL_TX), hash, 32) != 0) break;
		if (i > first && is_twice(m->order[i - 1], r))
			return FAIL_ROW(m, fault, r, "this row repeats line %u of %.80s",
			                m->order[i - 1]->line,
			                m->file_name(m->context, m->order[i - 1]->file));
		while (sort <= r->sort) g->stretch[sort++] = i;
		DP_TRY(note_row(m, g, r, fault));
	}
	while (sort <= DP_ETL_SORT_COUNT) g->stretch[sort++] = i;
	m->tx_count += g->tx != NULL;
	g->end = *ret_end = i;
	return DP_OK;
}

// Where all transactions are there, a row of another is a contradiction. Blocks tell how many they
// have; when there are fewer, the export is of some only, and others may be known by their traces.
static dp_code check_complete(dp_etl_maker *m, dp_fault *fault)
{
	if ((m->seen >> DP_ETL_TXS & 1) == 0) {
		if ((m->seen >> DP_ETL_TRACES & 1) == 0) m->gaps |= DP_GAP_PARTIAL;
		return DP_OK;
	}
	if (m->block != NULL && dp_etl_has(m->block, DP_ETL_TX_COUNT)) {
		uint64_t count = dp_etl_number(m->block, DP_ETL_TX_COUNT);
		if (m->tx_count > count)
			return FAIL_ROW(m, fault, m->block,
			                "block %" PRIu64 " says that it has %" PRIu64
			                " transactions, but there are %u",
			                m->block->block, count, m->tx_count);
		if (m->tx_count < count) {
			m->gaps |= DP_GAP_PARTIAL;
			return DP_OK;
		}
	}
	for (uint32_t i = 0; i < m->group_count; i++)
		if (m->group[i].tx == NULL)
			return FAIL_ROW(m, fault, m->order[m->group[i].first],
			                "this row's transaction is in no file of transactions: "
			                "give all transactions of the block, or none");
	return DP_OK;
}

static dp_code make_groups(dp_etl_maker *m, dp_fault *fault)
{
	m->group_count = m->tx_count = 0;
	for (uint32_t i = 0; i < m->order_count;) DP_TRY(make_group(m, i, &i, fault));
	return check_complete(m, fault);
}

// ---- Their order. ------------------------------------------------------------------------------

static int by_trace(const void *pa, const void *pb)
{
	const dp_etl_group *a = pa, *b = pb;
	int c = compare_u64(a->trace_at, b->trace_at);
	return c != 0 ? c : compare_u64(a->first, b->first);
}

static int by_log(const void *pa, const void *pb)
{
	const dp_etl_group *a = pa, *b = pb;
	int c = compare_u64(a->log_at, b->log_at);
	return c != 0 ? c : compare_u64(a->first, b->first);
}

static int by_place(const void *pa, const void *pb)
{
	const dp_etl_group *a = pa, *b = pb;
	int c = compare_u64(a->major, b->major);
	if (c == 0) c = compare_u64(a->minor, b->minor);
	return c != 0 ? c : compare_u64(a->first, b->first); // by hash
}

// Gives those without a place the place behind the one before them along one of the two numberings.
static void infer(dp_etl_maker *m, bool along_traces)
{
	qsort(m->group, m->group_count, sizeof *m->group, along_traces ? by_trace : by_log);
	uint64_t major = 0;
	for (uint32_t i = 0; i < m->group_count; i++) {
		dp_etl_group *g = &m->group[i];
		uint64_t at = along_traces ? g->trace_at : g->log_at;
		if (at == NOT_KNOWN) break; // these stand last
		if (g->major != NOT_KNOWN) {
			major = g->major;
			continue;
		}
		g->major = major;
		g->minor = at + 1;
	}
}

static dp_code place_groups(dp_etl_maker *m, dp_fault *fault)
{
	bool all = true;
	for (uint32_t i = 0; i < m->group_count; i++) {
		dp_etl_group *g = &m->group[i];
		all = all && g->index != NOT_KNOWN;
		g->major = g->index == NOT_KNOWN ? NOT_KNOWN : g->index + 1;
		g->minor = 0;
	}
	if (!all) {
		infer(m, true);
		infer(m, false);
	}
	if (m->group_count > 1) qsort(m->group, m->group_count, sizeof *m->group, by_place);
	for (uint32_t i = 0; i < m->group_count; i++) {
		const dp_etl_group *g = &m->group[i];
		if (g->major == NOT_KNOWN) m->gaps |= DP_GAP_ORDER;
		if (i == 0 || g->index == NOT_KNOWN || g[-1].index != g->index) continue;
		return FAIL_ROW(m, fault, m->order[g->first],
		                "another transaction of this block has index %" PRIu64
		                " too (line %u of %.80s)",
		                g->index, m->order[g[-1].first]->line,
		                m->file_name(m->context, m->order[g[-1].first]->file));
	}
	return DP_OK;
}

// ---- Saying it. --------------------------------------------------------------------------------

static void copy_addr(uint8_t out[20], const dp_etl_row *row, dp_etl_value value)
{
	memcpy(out, dp_etl_addr(row, value), 20);
}

// The row of the transaction or its receipt that has the value; NULL when neither has.
static const dp_etl_row *which(const dp_etl_group *g, dp_etl_value value)
{
	if (g->receipt != NULL && dp_etl_has(g->receipt, value)) return g->receipt;
	return g->tx != NULL && dp_etl_has(g->tx, value) ? g->tx : NULL;
}

static dp_u256 value_of(const dp_etl_row *row)
{
	return dp_etl_has(row, DP_ETL_AMOUNT) ? dp_etl_amount(row, DP_ETL_AMOUNT) : DP_U256_ZERO;
}

// The trace that is the transaction itself. Without addresses it is the first, unless that says
// something else than the transaction (a file that somebody filtered).
static const dp_etl_row *root_of(const dp_etl_maker *m, const dp_etl_group *g)
{
	if (g->stretch[DP_ETL_TRACES] == g->end) return NULL;
	const dp_etl_row *r = m->order[g->stretch[DP_ETL_TRACES]];
	if ((r->flags & DP_ETLF_PATH) != 0) return r->extra_size == 0 ? r : NULL;
	if (r->trace == DP_ETL_SUICIDE || r->trace == DP_ETL_NO_VALUE) return NULL;
	if (g->tx == NULL) return r;
	bool same = memcmp(dp_etl_addr(r, DP_ETL_FROM), dp_etl_addr(g->tx, DP_ETL_FROM), 20) == 0 &&
	            dp_u256_eq(value_of(r), value_of(g->tx));
	return same ? r : NULL;
}

static void say_parties(dp_evm_tx *tx, const dp_etl_group *g, const dp_etl_row *root)
{
	const dp_etl_row *row = g->tx != NULL ? g->tx : root;
	if (row == NULL) {
		tx->no_sender = true;
		return;
	}
	copy_addr(tx->from, row, DP_ETL_FROM);
	tx->value = value_of(row);
	bool creates = root != NULL ? root->trace == DP_ETL_CREATE
	                            : g->tx != NULL && !dp_etl_has(g->tx, DP_ETL_TO);
	if (!creates || (g->tx != NULL && dp_etl_has(g->tx, DP_ETL_TO))) {
		tx->has_to = dp_etl_has(row, DP_ETL_TO);
		if (tx->has_to) copy_addr(tx->to, row, DP_ETL_TO);
		return;
	}
	const dp_etl_row *made = which(g, DP_ETL_WHO);
	if (made != NULL)
		copy_addr(tx->to, made, DP_ETL_WHO);
	else if (root != NULL && dp_etl_has(root, DP_ETL_TO))
		copy_addr(tx->to, root, DP_ETL_TO);
	else
		return;
	tx->has_to = tx->creates = true;
}

enum { TYPE_BLOB = 3, TYPE_DEPOSIT = 126 }; // EIP-4844; OP stack specs, Deposits

static void say_fee(dp_etl_maker *m, dp_evm_tx *tx, const dp_etl_group *g)
{
	const dp_etl_row *gas = which(g, DP_ETL_GAS_USED), *price = which(g, DP_ETL_PRICE_PAID);
	const dp_etl_row *type = which(g, DP_ETL_TYPE), *l1 = which(g, DP_ETL_L1_FEE);
	const dp_etl_row *blob = which(g, DP_ETL_BLOB_GAS);
	const dp_etl_row *blob_price = which(g, DP_ETL_BLOB_PRICE);
	bool paid = price != NULL;
	if (!paid) price = which(g, DP_ETL_PRICE);
	tx->has_fee = gas != NULL && price != NULL && !tx->no_sender;
	if (gas != NULL) tx->gas_used = dp_etl_number(gas, DP_ETL_GAS_USED);
	if (price != NULL)
		tx->gas_price = dp_etl_amount(price, paid ? DP_ETL_PRICE_PAID : DP_ETL_PRICE);
	uint64_t number = type == NULL ? 0 : dp_etl_number(type, DP_ETL_TYPE);
	bool op = strcmp(m->chain->name, "optimism") == 0 || strcmp(m->chain->name, "base") == 0;
	if (l1 != NULL) tx->l1_fee = dp_etl_amount(l1, DP_ETL_L1_FEE);
	if (op && l1 == NULL && number != TYPE_DEPOSIT) tx->has_unknown_fee = true;
	// What a deposit makes from nothing is in no column.
	if (op && number == TYPE_DEPOSIT) m->gaps |= DP_GAP_REWARDS;
	if (blob != NULL && blob_price != NULL) {
		tx->blob_gas_used = dp_etl_number(blob, DP_ETL_BLOB_GAS);
		tx->blob_gas_price = dp_etl_amount(blob_price, DP_ETL_BLOB_PRICE);
	} else if (number == TYPE_BLOB) {
		tx->has_unknown_fee = true;
	}
}

static dp_code say_status(dp_etl_maker *m, dp_evm_tx *tx, const dp_etl_group *g,
                          const dp_etl_row *root, dp_fault *fault)
{
	const dp_etl_row *row = which(g, DP_ETL_STATUS);
	tx->status = DP_EVM_STATUS_UNKNOWN;
	if (row != NULL) {
		uint64_t status = dp_etl_number(row, DP_ETL_STATUS);
		if (status > 1)
			return FAIL_ROW(m, fault, row, "status %" PRIu64 " is neither 1 nor 0",
			                status);
		tx->status = status == 1 ? DP_EVM_DONE : DP_EVM_FAILED;
		if (root != NULL && status == 1 && (root->flags & DP_ETLF_FAILED) != 0)
			return FAIL_ROW(m, fault, root,
			                "this trace says that the transaction failed, line %u of "
			                "%.80s that it did not",
			                row->line, m->file_name(m->context, row->file));
	} else if (root != NULL) {
		tx->status = (root->flags & DP_ETLF_FAILED) != 0 ? DP_EVM_FAILED : DP_EVM_DONE;
	} else if (g->stretch[DP_ETL_LOGS] < g->stretch[DP_ETL_TRACES]) {
		tx->status = DP_EVM_DONE; // a failed transaction keeps no logs
	}
	return DP_OK;
}

// ---- Calls. ------------------------------------------------------------------------------------

static bool is_under(const dp_etl_row *call, const dp_etl_row *caller)
{
	return call->extra_size > caller->extra_size &&
	       (caller->extra_size == 0 ||
	        memcmp(call->extra, caller->extra, caller->extra_size) == 0);
}

static dp_code say_frame(dp_etl_maker *m, const dp_etl_row *r, uint32_t depth, dp_fault *fault)
{
	static const uint8_t kinds[] = {[DP_ETL_CALL] = DP_EVM_CALL,
	                                [DP_ETL_CREATE] = DP_EVM_CREATE,
	                                [DP_ETL_SUICIDE] = DP_EVM_SELFDESTRUCT,
	                                [DP_ETL_NO_VALUE] = DP_EVM_NO_VALUE};
	DP_CHECK(r->trace < DP_ETL_REWARD);
	dp_evm_frame *f;
	DP_TRY(dp_evm_add_frame(&m->evm, &f, fault));
	f->depth = depth;
	f->kind = kinds[r->trace];
	f->value = value_of(r);
	f->failed = (r->flags & DP_ETLF_FAILED) != 0;
	copy_addr(f->from, r, DP_ETL_FROM);
	f->has_to = dp_etl_has(r, DP_ETL_TO);
	if (f->has_to) copy_addr(f->to, r, DP_ETL_TO);
	// A file that somebody made smaller may have lost the column.
	if (f->kind == DP_EVM_SELFDESTRUCT && !f->has_to && !f->failed)
		return FAIL_ROW(m, fault, r, "a self-destruction without an heir");
	return DP_OK;
}

// The transaction itself, where no trace of it is given.
static dp_code say_root(dp_etl_maker *m, const dp_evm_tx *tx, dp_fault *fault)
{
	dp_evm_frame *f;
	DP_TRY(dp_evm_add_frame(&m->evm, &f, fault));
	f->kind = tx->creates ? DP_EVM_CREATE : DP_EVM_CALL;
	f->value = tx->value;
	memcpy(f->from, tx->from, 20);
	memcpy(f->to, tx->to, 20);
	f->has_to = tx->has_to;
	f->failed = tx->status == DP_EVM_FAILED;
	return DP_OK;
}

// Depth counts the callers that are there: traces that somebody left out leave no holes.
static dp_code say_calls(dp_etl_maker *m, uint32_t tx_at, const dp_etl_group *g,
                         const dp_etl_row *root, dp_fault *fault)
{
	dp_evm_tx *tx = &m->evm.tx[tx_at];
	uint32_t first = g->stretch[DP_ETL_TRACES], depth = 0;
	tx->has_frames = first < g->end;
	if (!tx->has_frames) {
		// A plain payment runs no code, and what failed moved nothing.
		bool plain = tx->has_fee && tx->gas_used == 21000;
		if (!plain && !tx->no_sender && tx->status != DP_EVM_FAILED)
			m->gaps |= DP_GAP_TRACES;
		return DP_OK;
	}
	if (root == NULL) {
		m->gaps |= DP_GAP_TRACES;
		DP_TRY(say_root(m, tx, fault));
	}
	uint32_t base = root == NULL ? 1 : 0;
	for (uint32_t i = first; i < g->end; i++) {
		const dp_etl_row *r = m->order[i];
		if ((r->flags & DP_ETLF_PATH) != 0) {
			while (depth > 0 && !is_under(r, m->stack[depth - 1])) depth--;
			DP_CHECK(depth < DP_ETL_DEPTH_MAX + 1);
			m->stack[depth] = r;
			DP_TRY(say_frame(m, r, base + depth++, fault));
		} else {
			if (!dp_etl_has(r, DP_ETL_TRACE_INDEX)) m->gaps |= DP_GAP_ORDER;
			DP_TRY(say_frame(m, r, r == root ? 0 : 1, fault));
		}
	}
	return DP_OK;
}

// ---- Transfers. --------------------------------------------------------------------------------

static bool same_transfer(const dp_etl_row *a, const dp_etl_row *b)
{
	return dp_u256_eq(dp_etl_amount(a, DP_ETL_AMOUNT), dp_etl_amount(b, DP_ETL_AMOUNT)) &&
	       memcmp(a->addr, b->addr, sizeof a->addr) == 0;
}

static dp_code say_transfer(dp_etl_maker *m, const dp_etl_row *r, dp_fault *fault)
{
	dp_evm_transfer *t;
	DP_TRY(dp_evm_add_transfer(&m->evm, &t, fault));
	t->amount = dp_etl_amount(r, DP_ETL_AMOUNT);
	t->log_index = dp_etl_number(r, DP_ETL_LOG_INDEX);
	copy_addr(t->contract, r, DP_ETL_WHO);
	copy_addr(t->from, r, DP_ETL_FROM);
	copy_addr(t->to, r, DP_ETL_TO);
	t->is_shares = (r->flags & DP_ETLF_SHARES) != 0;
	return DP_OK;
}

// A log that somebody reads, as etl_row.c packed it.
static dp_code say_log(dp_etl_maker *m, const dp_etl_row *r, dp_fault *fault)
{
	dp_etl_log log;
	if ((r->flags & DP_ETLF_NOTE) == 0) return DP_OK;
	DP_CHECK(r->extra_size >= sizeof log);
	memcpy(&log, r->extra, sizeof log);
	return dp_evm_add_log(&m->evm, dp_etl_addr(r, DP_ETL_WHO),
	                      (const uint8_t(*)[32])(const void *)log.topic, log.topic_count,
	                      dp_etl_number(r, DP_ETL_LOG_INDEX), r->extra + sizeof log,
	                      r->extra_size - sizeof log, log.full_size, fault);
}

// Logs and token transfers tell the same; where both are given they must agree. A log that is no
// transfer of a fungible token goes before a token transfer of its index: ethereum-etl lists
// ERC-721 too, with the token's number as value.
static dp_code say_transfers(dp_etl_maker *m, const dp_etl_group *g, dp_fault *fault)
{
	uint32_t l = g->stretch[DP_ETL_LOGS], l_end = g->stretch[DP_ETL_TRANSFERS];
	uint32_t t = l_end, t_end = g->stretch[DP_ETL_TRACES];
	while (l < l_end || t < t_end) {
		const dp_etl_row *log = l < l_end ? m->order[l] : NULL;
		const dp_etl_row *transfer = t < t_end ? m->order[t] : NULL;
		uint64_t at = log == NULL ? NOT_KNOWN : dp_etl_number(log, DP_ETL_LOG_INDEX);
		uint64_t to =
		    transfer == NULL ? NOT_KNOWN : dp_etl_number(transfer, DP_ETL_LOG_INDEX);
		if (log == NULL || (transfer != NULL && to < at)) {
			DP_TRY(say_transfer(m, transfer, fault));
			t++;
			continue;
		}
		bool is_transfer = (log->flags & DP_ETLF_TRANSFER) != 0;
		if (transfer != NULL && at == to) {
			if (is_transfer && !same_transfer(log, transfer))
				return FAIL_ROW(m, fault, transfer,
				                "log %" PRIu64
				                " says something else in line %u of %.80s",
				                at, log->line, m->file_name(m->context, log->file));
			t++;
		}
		if (is_transfer || (log->flags & DP_ETLF_SHARES) != 0)
			DP_TRY(say_transfer(m, log, fault));
		DP_TRY(say_log(m, log, fault));
		l++;
	}
	return DP_OK;
}

static dp_code say_tx(dp_etl_maker *m, const dp_etl_group *g, dp_fault *fault)
{
	const dp_etl_row *root = root_of(m, g);
	bool has_calls = g->stretch[DP_ETL_TRACES] < g->end;
	bool has_logs = g->stretch[DP_ETL_LOGS] < g->stretch[DP_ETL_TRACES];
	// A receipt alone names no payer.
	if (g->tx == NULL && !has_calls && !has_logs) return DP_OK;
	dp_evm_tx *tx;
	uint32_t at = m->evm.tx_count;
	DP_TRY(dp_evm_add_tx(&m->evm, &tx, fault));
	memcpy(tx->hash, dp_etl_hash(m->order[g->first], DP_ETL_TX), 32);
	tx->source_line = m->order[g->first]->line;
	say_parties(tx, g, root);
	DP_TRY(say_status(m, tx, g, root, fault));
	say_fee(m, tx, g);
	if (g->tx != NULL && (g->tx->flags & DP_ETLF_MEMO) != 0)
		DP_TRY(dp_evm_add_input(&m->evm, tx, g->tx->extra, g->tx->extra_size, fault));
	if (g->tx != NULL && (g->tx->flags & DP_ETLF_SAFE) != 0) {
		size_t full;
		DP_CHECK(g->tx->extra_size >= sizeof full);
		memcpy(&full, g->tx->extra, sizeof full);
		DP_TRY(dp_evm_add_safe(&m->evm, tx, g->tx->extra + sizeof full,
		                       g->tx->extra_size - sizeof full, full, fault));
	}
	DP_TRY(say_calls(m, at, g, root, fault));
	return say_transfers(m, g, fault);
}

// ---- What is made from nothing. ----------------------------------------------------------------

// The DAO fork moved balances by decree, before the block's transactions ran. It becomes a
// transaction of its own, named by these bytes, which are no hash of anything.
static dp_code say_dao_fork(dp_etl_maker *m, dp_fault *fault)
{
	static const char name[32] = "DAO fork: moved by decree";
	dp_evm_tx *tx = NULL;
	for (uint32_t i = 0; i < m->special_count; i++) {
		const dp_etl_row *r = m->special[i];
		if (r->trace != DP_ETL_DAOFORK) continue;
		dp_evm_frame *f;
		if (tx == NULL) {
			DP_TRY(dp_evm_add_tx(&m->evm, &tx, fault));
			memcpy(tx->hash, name, 32);
			tx->source_line = r->line;
			tx->no_sender = tx->has_fee = tx->has_frames = true;
			DP_TRY(dp_evm_add_frame(&m->evm, &f, fault));
		}
		DP_TRY(dp_evm_add_frame(&m->evm, &f, fault));
		f->depth = 1;
		f->has_to = true;
		f->value = value_of(r);
		copy_addr(f->from, r, DP_ETL_FROM);
		copy_addr(f->to, r, DP_ETL_TO);
	}
	return DP_OK;
}

static dp_code say_gift(dp_etl_maker *m, const uint8_t to[20], dp_u256 amount, dp_fault *fault)
{
	dp_evm_gift *gift;
	DP_TRY(dp_evm_add_gift(&m->evm, &gift, fault));
	memcpy(gift->to, to, 20);
	gift->amount = amount;
	return DP_OK;
}

// Since when blocks have withdrawals (EIP-4895): Shanghai, by time.
static bool has_withdrawals(const dp_evm_block *b)
{
	if (strcmp(b->chain->name, "ethereum") == 0) return b->time >= 1681338455;
	return strcmp(b->chain->name, "sepolia") == 0 && b->time >= 1677557088;
}

static dp_code say_withdrawals(dp_etl_maker *m, dp_fault *fault)
{
	const dp_etl_row *b = m->block;
	if (b == NULL || (b->flags & DP_ETLF_WITHDRAWALS) == 0) {
		if (has_withdrawals(&m->evm)) m->gaps |= DP_GAP_REWARDS;
		return DP_OK;
	}
	DP_CHECK(b->extra_size % DP_ETL_WITHDRAWAL_SIZE == 0);
	for (uint32_t i = 0; i < b->extra_size; i += DP_ETL_WITHDRAWAL_SIZE) {
		dp_u256 gwei = dp_u256_from_be(b->extra + i + 20, 8), wei;
		if (dp_u256_mul_over(&wei, gwei, dp_u256_of(1000000000)))
			return FAIL_ROW(m, fault, b, "a withdrawal is too large");
		DP_TRY(say_gift(m, b->extra + i, wei, fault));
	}
	return DP_OK;
}

// Rewards as traces tell them; else computed, which needs the miner and is the whole truth only
// where the block provably has no uncles.
static dp_code say_rewards(dp_etl_maker *m, dp_fault *fault)
{
	bool told = false;
	for (uint32_t i = 0; i < m->special_count; i++) {
		const dp_etl_row *r = m->special[i];
		if (r->trace == DP_ETL_DAOFORK) continue;
		told = true;
		DP_TRY(say_gift(m, dp_etl_addr(r, DP_ETL_TO), value_of(r), fault));
	}
	bool is_ethereum = strcmp(m->chain->name, "ethereum") == 0;
	bool pays = is_ethereum || strcmp(m->chain->name, "sepolia") == 0;
	uint16_t flags = m->block == NULL ? 0 : m->block->flags;
	if (told || !pays || (flags & DP_ETLF_STAKE) != 0) return DP_OK;
	// When proof of work ended is known by height on ethereum only.
	bool can = m->evm.has_miner && (is_ethereum || (flags & DP_ETLF_WORK) != 0);
	uint32_t before = m->evm.gift_count;
	if (can) DP_TRY(dp_evm_add_rewards(&m->evm, NULL, NULL, 0, fault));
	bool computed = m->evm.gift_count > before;
	if (!can || (computed && (flags & DP_ETLF_NO_UNCLES) == 0)) m->gaps |= DP_GAP_REWARDS;
	return DP_OK;
}

// ---- What is missing. --------------------------------------------------------------------------

// Did it certainly run no code that paid anybody? A plain payment runs none, and what failed moved
// nothing.
static bool calls_nobody(const dp_etl_group *g)
{
	const dp_etl_row *gas = which(g, DP_ETL_GAS_USED), *status = which(g, DP_ETL_STATUS);
	return (gas != NULL && dp_etl_number(gas, DP_ETL_GAS_USED) == 21000) ||
	       (status != NULL && dp_etl_number(status, DP_ETL_STATUS) == 0);
}

// A sort of which there are files may still lack this block: one part of the export that was not
// fetched, say. Its bloom filter tells whether it has logs, its count how many transactions.
static void find_absent(dp_etl_maker *m)
{
	uint32_t logs = 0, transfers = 0, receipts = 0, explained = 0;
	for (uint32_t i = 0; i < m->group_count; i++) {
		const dp_etl_group *g = &m->group[i];
		logs += g->stretch[DP_ETL_TRANSFERS] - g->stretch[DP_ETL_LOGS];
		transfers += g->stretch[DP_ETL_TRACES] - g->stretch[DP_ETL_TRANSFERS];
		receipts += which(g, DP_ETL_GAS_USED) != NULL || g->receipt != NULL;
		explained += g->stretch[DP_ETL_TRACES] < g->end || calls_nobody(g);
	}
	uint64_t txs = m->group_count;
	if (m->block != NULL && dp_etl_has(m->block, DP_ETL_TX_COUNT) &&
	    dp_etl_number(m->block, DP_ETL_TX_COUNT) > txs)
		txs = dp_etl_number(m->block, DP_ETL_TX_COUNT);
	uint32_t flags = m->block == NULL ? 0 : m->block->flags;
	m->absent = 0;
	// (check_complete has made a gap of these.)
	if ((m->seen >> DP_ETL_TXS & 1) != 0 && m->tx_count < txs) m->absent |= 1U << DP_ETL_TXS;
	if ((m->seen >> DP_ETL_LOGS & 1) != 0) {
		if (logs == 0 && (flags & DP_ETLF_LOGS) != 0) m->absent |= 1U << DP_ETL_LOGS;
	} else if ((m->seen >> DP_ETL_TRANSFERS & 1) != 0) {
		if (transfers == 0 && (flags & DP_ETLF_TOKENS) != 0)
			m->absent |= 1U << DP_ETL_TRANSFERS;
	}
	if ((m->seen >> DP_ETL_RECEIPTS & 1) != 0 && receipts < m->group_count)
		m->absent |= 1U << DP_ETL_RECEIPTS;
	if ((m->seen >> DP_ETL_TRACES & 1) != 0 && explained < txs)
		m->absent |= 1U << DP_ETL_TRACES;
	if ((m->absent & (1U << DP_ETL_LOGS | 1U << DP_ETL_TRANSFERS)) != 0)
		m->gaps |= DP_GAP_TOKENS;
	if ((m->absent >> DP_ETL_LOGS & 1) != 0) m->gaps |= DP_GAP_NOTES;
	if ((m->absent >> DP_ETL_TRACES & 1) != 0) m->gaps |= DP_GAP_TRACES;
	// What is not known without a receipt, dp_evm_build finds out by itself.
}

// ---- A block. ----------------------------------------------------------------------------------

static void say_header(dp_etl_maker *m, const dp_etl_row *hash)
{
	const dp_etl_row *b = m->block;
	if (hash != NULL) memcpy(m->evm.hash, dp_etl_hash(hash, DP_ETL_HASH), 32);
	if (b == NULL) return;
	if (dp_etl_has(b, DP_ETL_PARENT)) memcpy(m->evm.prev, dp_etl_hash(b, DP_ETL_PARENT), 32);
	m->evm.has_miner = dp_etl_has(b, DP_ETL_WHO);
	if (m->evm.has_miner) copy_addr(m->evm.miner, b, DP_ETL_WHO);
	m->evm.has_base_fee = dp_etl_has(b, DP_ETL_AMOUNT);
	if (m->evm.has_base_fee) m->evm.base_fee = dp_etl_amount(b, DP_ETL_AMOUNT);
	if ((b->flags & DP_ETLF_CANCUN) != 0) m->evm.is_cancun = true;
}

static void note_missing(dp_etl_maker *m)
{
	bool traces = (m->seen >> DP_ETL_TRACES & 1) != 0;
	bool logs = (m->seen >> DP_ETL_LOGS & 1) != 0;
	bool tokens = logs || (m->seen >> DP_ETL_TRANSFERS & 1) != 0;
	m->gaps |= DP_GAP_UNPROVEN | (traces ? 0U : (uint32_t)DP_GAP_TRACES) |
	           (tokens ? 0U : (uint32_t)DP_GAP_TOKENS) | (logs ? 0U : (uint32_t)DP_GAP_NOTES);
}

dp_code dp_etl_make(dp_etl_maker *m, const dp_etl_row *row, uint32_t row_count, uint32_t seen,
                    dp_fault *fault)
{
	DP_CHECK(m != NULL && m->chain != NULL && m->file_name != NULL);
	DP_CHECK(row != NULL && row_count > 0);
	const dp_etl_row *hash = NULL, *time = NULL;
	m->seen = seen;
	note_missing(m);
	DP_TRY(split(m, row, row_count, fault));
	DP_TRY(check_block(m, &hash, &time, row, row_count, fault));
	DP_TRY(check_gifts(m, fault));
	DP_TRY(make_groups(m, fault));
	DP_TRY(place_groups(m, fault));
	find_absent(m);
	dp_evm_start(&m->evm, m->chain, row[0].block,
	             time == NULL ? 0 : (int64_t)dp_etl_number(time, DP_ETL_TIME));
	say_header(m, hash);
	DP_TRY(say_dao_fork(m, fault));
	for (uint32_t i = 0; i < m->group_count; i++) DP_TRY(say_tx(m, &m->group[i], fault));
	DP_TRY(say_withdrawals(m, fault));
	return say_rewards(m, fault);
}

void dp_etl_maker_done(dp_etl_maker *m)
{
	if (m == NULL) return;
	dp_evm_done(&m->evm);
	dp_free(m->order);
	dp_free(m->special);
	dp_free(m->group);
	m->order = m->special = NULL;
	m->group = NULL;
}
