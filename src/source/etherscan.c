// The CSV downloads of Etherscan and its siblings: what an address signed or received, what
// contracts paid it, its ERC-20 transfers. Each file is of one address and at most some thousand
// rows, so everything is read into memory, joined by transaction and sorted by block.
//
// Files of several addresses overlap: a payment from one to the other stands in both. A transaction
// is there once whatever number of files tell it, and all must tell the same. Internal and token
// rows have no number of their own, and one transaction may pay the same amount twice between the
// same two; of rows that are alike in everything there are therefore as many as the file that has
// most of them says.
//
// The order within a block is shown by each file for its own transactions only (from its end where
// it begins with the newest). These lists are joined so that every file's order is kept; what none
// of them orders goes by transaction hash, and rows within a transaction by what they say. So the
// order of the files on the command line means nothing. What else is not known is stated as gaps:
// all other transactions of the block (DP_GAP_PARTIAL), who receives the fee, rewards and
// withdrawals. Of the parent of an internal transaction only the hash is used: what it paid stands
// in the normal transactions of its own parties.
//
// Whose a file is, it does not say: the address that stands in every row, on the side that the
// amounts show. One that has its transactions here but not its internal ones (or tokens) is told as
// missing, because the money that contracts paid it would seem not to exist. A file without rows
// may be anybody's and is taken to be of one that lacks it. A file of as many rows as the website
// gives at most is told too: its end may be elsewhere.
#include "source/etherscan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/address.h"
#include "chain/ethereum.h"
#include "source/etherscan_order.h"
#include "source/etherscan_row.h"
#include "codec/input.h"
#include "source/source_kinds.h"

// A row needs its place twice, for they are sorted, and where it stood.
enum { FILES_MAX = 4096, ROW_COST = 2 * sizeof(dp_scan_row) + sizeof(dp_scan_seen) };

static const uint64_t memory_default = (uint64_t)4 << 30;
static const uint64_t memory_least = 64 << 10;

struct scan_file {
	char *path;
	const uint8_t *bytes; // instead of input
	size_t size, at;
	dp_input *input;
	dp_csv csv;
	dp_scan_columns columns;
	uint64_t first, last; // blocks of its first and last row
	uint64_t rows;
	uint8_t own[2][20]; // the addresses that stand in all of its rows
	uint32_t own_count; // 1: whose it is; 2: either's; 0: not known
	bool is_newest_first;
};

// The rows of one transaction, row[first, end), and where they stood, seen[seen_first, seen_end).
struct scan_tx {
	uint32_t first, end, seen_first, seen_end;
	uint32_t place; // among those of the block
};

struct scan_source {
	dp_source base; // first: dp_source_close frees through it
	struct scan_file *file;
	uint32_t file_count;
	dp_scan_row *row;
	uint64_t row_count, row_cap, row_max, at; // at: first row of the next block
	dp_scan_seen *seen; // every row of every file, and which of `row` says the same
	uint64_t seen_count, seen_at;
	struct scan_tx *tx;
	uint64_t tx_cap;
	dp_scan_order order;
	dp_evm_block evm;
	dp_block_builder builder;
	uint64_t memory_max, height_max;
	bool has_height_max;
};

// ---- Faults. -----------------------------------------------------------------------------------

#define FAIL_ROW(s, fault, code, row, ...)                                                         \
	in_file((s), (fault), (row), dp_fail_at((fault), (code), (row)->line, 0, __VA_ARGS__))

static dp_code in_file(const struct scan_source *s, dp_fault *fault, const dp_scan_row *row,
                       dp_code code)
{
	DP_CHECK(code != DP_OK && row->file < s->file_count);
	if (fault != NULL) dp_fault_file(fault, s->file[row->file].path);
	return code;
}

// ---- Reading. ----------------------------------------------------------------------------------

static dp_code read_file(void *context, void *buffer, size_t size, size_t *ret_size,
                         dp_fault *fault)
{
	struct scan_file *f = context;
	if (f->input != NULL) return dp_input_read(f->input, buffer, size, ret_size, fault);
	DP_CHECK(f->at <= f->size);
	size_t n = f->size - f->at < size ? f->size - f->at : size;
	if (n > 0) memcpy(buffer, f->bytes + f->at, n);
	f->at += n;
	*ret_size = n;
	return DP_OK;
}

static dp_code begin_file(struct scan_file *f, dp_fault *fault)
{
	f->csv.read = read_file;
	f->csv.context = f;
	dp_code code = dp_csv_next(&f->csv, fault);
	if (code == DP_END) return dp_fail(fault, DP_BAD_BYTES, "the file is empty");
	return code == DP_OK ? dp_scan_header(&f->columns, &f->csv, fault) : code;
}

// All files are of one chain: the one asked for, else the one whose coin they count.
static dp_code choose_chain(struct scan_source *s, const dp_chain *asked, dp_fault *fault)
{
	const dp_chain *chain = asked;
	for (uint32_t i = 0; i < s->file_count; i++) {
		const char *coin = s->file[i].columns.coin;
		if (coin[0] == 0) continue;
		if (chain == NULL) chain = dp_scan_chain(coin);
		if (chain != NULL && dp_scan_is_coin_of(coin, chain)) continue;
		dp_code code =
		    chain == NULL
		        ? dp_fail(fault, DP_BAD_CASE,
		                  "counts in %.12s, the coin of no chain we know", coin)
		        : dp_fail(fault, DP_BAD_CASE, "counts in %.12s, not in the coin of %s (%s)",
		                  coin, chain->name, chain->native);
		if (fault != NULL) dp_fault_file(fault, s->file[i].path);
		return code;
	}
	if (chain == NULL) chain = dp_chain_find("ethereum", 8);
	DP_CHECK(chain != NULL);
	s->base.chain = chain;
	return DP_OK;
}

// What a row leaves of the addresses that the file may be of.
static void note_owner(struct scan_file *f, const dp_scan_row *row)
{
	const uint8_t *can[2];
	uint32_t count = 0, kept = 0;
	if (row->went_out || !row->came_in) can[count++] = row->from;
	bool other = count == 0 || memcmp(row->to, row->from, 20) != 0;
	if (row->has_to && other && (row->came_in || !row->went_out)) can[count++] = row->to;
	if (f->rows == 1) {
		for (; kept < count; kept++) memcpy(f->own[kept], can[kept], 20);
		f->own_count = kept;
		return;
	}
	for (uint32_t i = 0; i < f->own_count; i++) {
		bool still = false;
		for (uint32_t k = 0; k < count; k++)
			still = still || memcmp(f->own[i], can[k], 20) == 0;
		if (still) memmove(f->own[kept++], f->own[i], 20);
	}
	f->own_count = kept;
}

static dp_code read_rows(struct scan_source *s, uint32_t file, dp_fault *fault)
{
	struct scan_file *f = &s->file[file];
	for (;;) {
		dp_scan_row row;
		dp_code code = dp_csv_next(&f->csv, fault);
		if (code == DP_END) break;
		if (code == DP_OK)
			code = dp_scan_row_read(&row, &f->columns, s->base.chain, &f->csv, fault);
		DP_TRY(code);
		row.file = file;
		if (s->row_count == s->row_max)
			return FAIL_ROW(s, fault, DP_LIMIT, &row,
			                "the rows do not fit in %" PRIu64
			                " bytes of memory: allow more, or give fewer files at a "
			                "time",
			                s->memory_max);
		void *items = s->row;
		DP_TRY(dp_grow(&items, &s->row_cap, sizeof *s->row, s->row_count + 1, s->row_max,
		               fault));
		s->row = items;
		s->row[s->row_count++] = row;
		if (f->rows++ == 0) f->first = row.block;
		f->last = row.block;
		note_owner(f, &row);
	}
	f->is_newest_first = f->rows > 0 && f->first > f->last;
	s->base.stats.bytes_read += f->input != NULL ? dp_input_bytes_read(f->input) : f->at;
	return DP_OK;
}

// ---- Joining. ----------------------------------------------------------------------------------

static int compare_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

// What makes two rows the same statement, file and line apart.
static int compare_said(const dp_scan_row *a, const dp_scan_row *b)
{
	int c = memcmp(a->from, b->from, 20);
	if (c == 0) c = memcmp(a->to, b->to, 20);
	if (c == 0) c = dp_u256_cmp(a->value, b->value);
	if (c == 0) c = memcmp(a->contract, b->contract, 20);
	return c != 0 ? c : compare_u64(a->failed, b->failed);
}

static int compare_rows(const void *pa, const void *pb)
{
	const dp_scan_row *a = pa, *b = pb;
	int c = compare_u64(a->block, b->block);
	if (c == 0) c = memcmp(a->tx, b->tx, 32);
	if (c == 0) c = compare_u64(a->sort, b->sort);
	if (c == 0) c = compare_said(a, b);
	if (c == 0) c = compare_u64(a->file, b->file);
	return c != 0 ? c : compare_u64(a->line, b->line);
}

// Where a row stands in its file, oldest first.
static dp_scan_seen seen_at(const struct scan_source *s, const dp_scan_row *row, uint64_t item)
{
	bool back = s->file[row->file].is_newest_first;
	DP_CHECK(item <= UINT32_MAX);
	return (dp_scan_seen){row->file, back ? UINT32_MAX - row->line : row->line, (uint32_t)item};
}

// A transaction is in one block, and files that tell it tell the same.
static dp_code check_same(struct scan_source *s, const dp_scan_row *a, const dp_scan_row *b,
                          dp_fault *fault)
{
	if (compare_said(a, b) == 0 && a->has_to == b->has_to && a->creates == b->creates &&
	    (!a->has_fee || !b->has_fee || dp_u256_eq(a->fee, b->fee)))
		return DP_OK;
	return FAIL_ROW(s, fault, DP_BAD_BYTES, b,
	                "this transaction is told otherwise in line %u of %.80s", a->line,
	                s->file[a->file].path);
}

// Rows [i, *ret_end) say the same. Keeps those of the file that has most of them, at `kept`.
static uint64_t keep_most(struct scan_source *s, uint64_t i, uint64_t *ret_end, uint64_t kept)
{
	uint64_t end = i, most = i, most_count = 0;
	while (end < s->row_count) {
		uint64_t first = end;
		while (end < s->row_count && s->row[end].file == s->row[first].file &&
		       s->row[end].block == s->row[i].block &&
		       memcmp(s->row[end].tx, s->row[i].tx, 32) == 0 &&
		       s->row[end].sort == s->row[i].sort &&
		       compare_said(&s->row[end], &s->row[i]) == 0)
			end++;
		if (end == first) break;
		for (uint64_t k = first; k < end; k++)
			s->seen[k] = seen_at(s, &s->row[k], kept + (k - first));
		// (What else may differ is what an explorer calls a token, today or then.)
		int symbol = memcmp(s->row[first].symbol, s->row[most].symbol, 16);
		if (end - first > most_count || (end - first == most_count && symbol < 0)) {
			most = first;
			most_count = end - first;
		}
	}
	DP_CHECK(most_count > 0 && kept <= i);
	memmove(&s->row[kept], &s->row[most], most_count * sizeof *s->row);
	*ret_end = end;
	return kept + most_count;
}

static dp_code join(struct scan_source *s, dp_fault *fault)
{
	if (s->row_count > 1) qsort(s->row, s->row_count, sizeof *s->row, compare_rows);
	s->seen = dp_alloc((s->row_count + 1) * sizeof *s->seen);
	if (s->seen == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	s->seen_count = s->row_count;
	uint64_t kept = 0;
	for (uint64_t i = 0; i < s->row_count;) {
		const dp_scan_row *last = kept > 0 ? &s->row[kept - 1] : NULL;
		dp_scan_row *row = &s->row[i];
		bool again = row->sort == DP_SCAN_NORMAL && last != NULL &&
		             last->sort == DP_SCAN_NORMAL && last->block == row->block &&
		             memcmp(last->tx, row->tx, 32) == 0;
		if (again) {
			DP_TRY(check_same(s, last, row, fault));
			s->seen[i] = seen_at(s, row, kept - 1);
			// The file of the receiver may lack the fee.
			if (row->has_fee && !last->has_fee) s->row[kept - 1] = *row;
			i++;
		} else if (row->sort == DP_SCAN_NORMAL) {
			s->seen[i] = seen_at(s, row, kept);
			s->row[kept++] = *row;
			i++;
		} else {
			kept = keep_most(s, i, &i, kept);
		}
	}
	s->row_count = kept;
	return DP_OK;
}

static int compare_hashes(const void *pa, const void *pb)
{
	const dp_scan_row *a = *(const dp_scan_row *const *)pa,
	                  *b = *(const dp_scan_row *const *)pb;
	int c = memcmp(a->tx, b->tx, 32);
	return c != 0 ? c : compare_u64(a->block, b->block);
}

// The same transaction must not stand in two blocks.
static dp_code check_blocks(struct scan_source *s, dp_fault *fault)
{
	if (s->row_count < 2) return DP_OK;
	const dp_scan_row **by_hash = dp_alloc(s->row_count * sizeof *by_hash);
	if (by_hash == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	for (uint64_t i = 0; i < s->row_count; i++) by_hash[i] = &s->row[i];
	qsort(by_hash, s->row_count, sizeof *by_hash, compare_hashes);
	dp_code code = DP_OK;
	for (uint64_t i = 1; i < s->row_count && code == DP_OK; i++) {
		const dp_scan_row *a = by_hash[i - 1], *b = by_hash[i];
		if (a->block != b->block && memcmp(a->tx, b->tx, 32) == 0)
			code = FAIL_ROW(s, fault, DP_BAD_BYTES, b,
			                "this transaction is in block %" PRIu64
			                " here and in block %" PRIu64 " in line %u of %.80s",
			                b->block, a->block, a->line, s->file[a->file].path);
	}
	dp_free(by_hash);
	return code;
}

// ---- Blocks. -----------------------------------------------------------------------------------

static int by_place(const void *pa, const void *pb)
{
	const struct scan_tx *a = pa, *b = pb;
	return compare_u64(a->place, b->place);
}

// Numbers the transactions, which stand by their hashes, as the files have them.
static dp_code order_txs(struct scan_source *s, uint32_t count, dp_fault *fault)
{
	if (count < 2) return DP_OK;
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t k = s->tx[i].seen_first; k < s->tx[i].seen_end; k++) {
			dp_scan_seen seen = s->seen[k];
			seen.item = i;
			DP_TRY(dp_scan_order_add(&s->order, seen, fault));
		}
	}
	DP_TRY(dp_scan_order_make(&s->order, count, fault));
	for (uint32_t i = 0; i < count; i++) s->tx[s->order.item[i]].place = i;
	qsort(s->tx, count, sizeof *s->tx, by_place);
	return DP_OK;
}

// The rows of a transaction, which stand by sort and by what they say, as the files have them:
// s->order.item counts from the first.
static dp_code order_rows(struct scan_source *s, const struct scan_tx *t, dp_fault *fault)
{
	DP_CHECK(t->first < t->end && t->seen_first < t->seen_end);
	for (uint32_t k = t->seen_first; k < t->seen_end; k++) {
		dp_scan_seen seen = s->seen[k];
		seen.item -= t->first;
		DP_TRY(dp_scan_order_add(&s->order, seen, fault));
	}
	return dp_scan_order_make(&s->order, t->end - t->first, fault);
}

// The transactions of the block whose rows begin at s->at, in order.
static dp_code find_txs(struct scan_source *s, uint32_t *ret_count, dp_fault *fault)
{
	uint32_t count = 0;
	const dp_scan_row *first = &s->row[s->at];
	for (; s->at < s->row_count; s->at++) {
		const dp_scan_row *row = &s->row[s->at];
		if (row->block != first->block) break;
		if (row->time != first->time)
			return FAIL_ROW(s, fault, DP_BAD_BYTES, row,
			                "block %" PRIu64 " has another time in line %u of %.80s",
			                row->block, first->line, s->file[first->file].path);
		if (count > 0 && memcmp(row->tx, row[-1].tx, 32) == 0) {
			s->tx[count - 1].end++;
			continue;
		}
		void *items = s->tx;
		DP_TRY(dp_grow(&items, &s->tx_cap, sizeof *s->tx, (uint64_t)count + 1,
		               DP_BLOCK_TX_MAX, fault));
		s->tx = items;
		s->tx[count++] =
		    (struct scan_tx){.first = (uint32_t)s->at, .end = (uint32_t)s->at + 1};
	}
	for (uint32_t i = 0; i < count; i++) {
		struct scan_tx *t = &s->tx[i];
		t->seen_first = (uint32_t)s->seen_at;
		while (s->seen_at < s->seen_count && s->seen[s->seen_at].item < t->end)
			s->seen_at++;
		t->seen_end = (uint32_t)s->seen_at;
	}
	*ret_count = count;
	return order_txs(s, count, fault);
}

static dp_code say_call(struct scan_source *s, const dp_scan_row *row, dp_fault *fault)
{
	dp_evm_frame *f;
	DP_TRY(dp_evm_add_frame(&s->evm, &f, fault));
	f->depth = 1;
	f->kind = row->creates ? DP_EVM_CREATE : DP_EVM_CALL;
	f->value = row->value;
	f->failed = row->failed;
	f->has_to = row->has_to;
	memcpy(f->from, row->from, 20);
	memcpy(f->to, row->to, 20);
	return DP_OK;
}

static dp_code say_transfer(struct scan_source *s, const dp_scan_row *row, dp_fault *fault)
{
	dp_evm_transfer *t;
	DP_TRY(dp_evm_add_transfer(&s->evm, &t, fault));
	t->amount = row->value;
	memcpy(t->contract, row->contract, 20);
	memcpy(t->from, row->from, 20);
	memcpy(t->to, row->to, 20);
	memcpy(t->symbol, row->symbol, sizeof t->symbol);
	return DP_OK;
}

// The transaction itself as the first of its calls, before those that are listed.
static dp_code say_root(struct scan_source *s, uint32_t tx_at, dp_fault *fault)
{
	dp_evm_frame *f;
	DP_TRY(dp_evm_add_frame(&s->evm, &f, fault));
	dp_evm_tx *tx = &s->evm.tx[tx_at];
	tx->has_frames = true;
	f->kind = tx->creates ? DP_EVM_CREATE : DP_EVM_CALL;
	f->value = tx->value;
	f->failed = tx->status == DP_EVM_FAILED;
	f->has_to = tx->has_to;
	memcpy(f->from, tx->from, 20);
	memcpy(f->to, tx->to, 20);
	return DP_OK;
}

static void say_normal(dp_evm_tx *tx, const dp_scan_row *row)
{
	tx->status = row->failed ? DP_EVM_FAILED : DP_EVM_DONE;
	tx->value = row->value;
	tx->has_to = row->has_to;
	tx->creates = row->creates && row->has_to;
	memcpy(tx->from, row->from, 20);
	memcpy(tx->to, row->to, 20);
	// The fee is known as a sum only: one unit of gas at that price.
	tx->has_fee = row->has_fee;
	tx->gas_used = row->has_fee ? 1 : 0;
	tx->gas_price = row->fee;
}

static dp_code say_tx(struct scan_source *s, const struct scan_tx *t, dp_fault *fault)
{
	const dp_scan_row *row = &s->row[t->first];
	dp_evm_tx *tx;
	uint32_t at = s->evm.tx_count;
	DP_TRY(dp_evm_add_tx(&s->evm, &tx, fault));
	memcpy(tx->hash, row->tx, 32);
	tx->source_line = row->line;
	tx->status = DP_EVM_DONE; // a failed one keeps no transfers
	tx->no_sender = row->sort != DP_SCAN_NORMAL;
	if (row->sort == DP_SCAN_NORMAL) say_normal(tx, row);
	DP_TRY(order_rows(s, t, fault));
	for (uint32_t i = 0; i < t->end - t->first; i++) {
		const dp_scan_row *r = &s->row[t->first + s->order.item[i]];
		bool rooted = s->evm.tx[at].has_frames;
		if (r->sort == DP_SCAN_INTERNAL && !rooted) DP_TRY(say_root(s, at, fault));
		if (r->sort == DP_SCAN_INTERNAL) DP_TRY(say_call(s, r, fault));
		if (r->sort == DP_SCAN_TOKENS) DP_TRY(say_transfer(s, r, fault));
	}
	return DP_OK;
}

static dp_code next_block(dp_source *base, const dp_block **ret_block, dp_fault *fault)
{
	struct scan_source *s = (struct scan_source *)base;
	DP_CHECK(ret_block != NULL);
	if (s->at == s->row_count) return DP_END;
	const dp_scan_row first = s->row[s->at];
	if (s->has_height_max && first.block > s->height_max) return DP_END;
	uint32_t count;
	DP_TRY(find_txs(s, &count, fault));
	dp_evm_start(&s->evm, s->base.chain, first.block, first.time);
	for (uint32_t i = 0; i < count; i++) DP_TRY(say_tx(s, &s->tx[i], fault));
	dp_code code = dp_evm_build(&s->builder, ret_block, &s->base.gaps, &s->evm, fault);
	if (code != DP_OK) {
		if (fault != NULL) dp_fault_file(fault, s->file[first.file].path);
		return code;
	}
	const dp_block *b = *ret_block;
	for (uint32_t i = 0; i < b->mv_count; i++)
		s->base.stats.noise += b->mv[i].asset.v == DP_ASSET_NONE.v;
	return DP_OK;
}

// ---- A source's life. --------------------------------------------------------------------------

static void close_source(dp_source *base)
{
	struct scan_source *s = (struct scan_source *)base;
	for (uint32_t i = 0; i < s->file_count; i++) {
		dp_csv_done(&s->file[i].csv);
		dp_input_close(s->file[i].input);
		dp_free(s->file[i].path);
	}
	dp_free(s->file);
	dp_free(s->row);
	dp_free(s->seen);
	dp_free(s->tx);
	dp_scan_order_done(&s->order);
	dp_evm_done(&s->evm);
	dp_builder_done(&s->builder);
	dp_free(s);
}

// ---- What is missing. --------------------------------------------------------------------------

__attribute__((format(printf, 2, 3))) static void notice(const dp_source_watch *watch,
                                                         const char *format, ...)
{
	char line[DP_FAULT_TEXT_MAX];
	va_list args;
	if (watch->notice == NULL) return;
	va_start(args, format);
	(void)vsnprintf(line, sizeof line, format, args);
	va_end(args);
	watch->notice(watch->context, line);
}

static bool may_be_of_one(const struct scan_file *a, const struct scan_file *b)
{
	for (uint32_t i = 0; i < a->own_count; i++)
		for (uint32_t k = 0; k < b->own_count; k++)
			if (memcmp(a->own[i], b->own[k], 20) == 0) return true;
	return false;
}

// Of the files [0, end), is there one of this sort that may be of the same address as `of`?
static bool has_file(const struct scan_source *s, const struct scan_file *of, dp_scan_sort sort,
                     uint32_t end)
{
	for (uint32_t i = 0; i < end; i++)
		if (s->file[i].columns.sort == sort && may_be_of_one(&s->file[i], of)) return true;
	return false;
}

// Every address whose transactions are here should have its file of this sort. Those that tell
// nothing of whose they are (without rows, most often) are taken to be of addresses that lack one.
static void check_sort(struct scan_source *s, dp_scan_sort sort, uint64_t gap, const char *what,
                       const dp_source_watch *watch)
{
	uint32_t files = 0, unclear = 0, lacking = 0;
	const struct scan_file *first = NULL;
	for (uint32_t i = 0; i < s->file_count; i++) {
		const struct scan_file *f = &s->file[i];
		files += f->columns.sort == sort;
		unclear += f->columns.sort == sort && f->own_count == 0;
		if (f->columns.sort != DP_SCAN_NORMAL || f->own_count == 0) continue;
		bool again = has_file(s, f, DP_SCAN_NORMAL, i);
		if (again || has_file(s, f, sort, s->file_count)) continue;
		if (lacking++ == 0) first = f;
	}
	if (files > 0 && lacking <= unclear) return;
	s->base.gaps |= gap;
	if (files == 0) return; // the result says so of all
	char name[DP_ADDR_TEXT_MAX];
	dp_addr addr = {.kind = DP_ADDR_EVM, .len = 20};
	memcpy(addr.bytes, first->own[0], 20);
	(void)dp_addr_format(name, &addr, s->base.chain);
	bool sure = unclear == 0 && first->own_count == 1;
	if (lacking == 1)
		notice(watch, "%s%s (%.200s) has no file of %s", sure ? "" : "perhaps ", name,
		       first->path, what);
	else
		notice(watch, "%u of %u addresses, such as %s%s (%.200s), have no file of %s",
		       lacking - unclear, lacking, sure ? "" : "perhaps ", name, first->path, what);
}

// How many rows explorers put into a download at most: 5,000, and some of them 10,000.
static void check_full(const struct scan_source *s, const dp_source_watch *watch)
{
	for (uint32_t i = 0; i < s->file_count; i++) {
		const char *rows = s->file[i].rows == 5000    ? "5,000"
		                   : s->file[i].rows == 10000 ? "10,000"
		                                              : NULL;
		if (rows != NULL)
			notice(watch,
			       "%.200s has exactly %s rows, the website's limit: it may be cut "
			       "off; download it in parts by date",
			       s->file[i].path, rows);
	}
}

static void note_gaps(struct scan_source *s, const dp_source_watch *watch)
{
	bool normal = false;
	for (uint32_t i = 0; i < s->file_count; i++)
		normal = normal || s->file[i].columns.sort == DP_SCAN_NORMAL;
	s->base.gaps =
	    DP_GAP_PARTIAL | DP_GAP_UNPROVEN | DP_GAP_ORDER | DP_GAP_REWARDS | DP_GAP_NOTES;
	if (!normal) s->base.gaps |= DP_GAP_FEES;
	check_sort(s, DP_SCAN_INTERNAL, DP_GAP_TRACES,
	           "internal transactions: what contracts paid it is not seen", watch);
	check_sort(s, DP_SCAN_TOKENS, DP_GAP_TOKENS,
	           "token transfers: only its native coin is seen", watch);
	check_full(s, watch);
}

// ---- Opening. ----------------------------------------------------------------------------------

static dp_code load(struct scan_source *s, const dp_source_options *options, dp_fault *fault)
{
	for (uint32_t i = 0; i < s->file_count; i++) {
		struct scan_file *f = &s->file[i];
		dp_code code = f->bytes == NULL ? dp_input_open(&f->input, f->path, fault) : DP_OK;
		if (code == DP_OK) code = begin_file(f, fault);
		if (code != DP_OK && fault != NULL) dp_fault_file(fault, f->path);
		DP_TRY(code);
		s->base.stats.bytes_total +=
		    f->input != NULL ? dp_input_bytes_total(f->input) : f->size;
	}
	DP_TRY(choose_chain(s, options->chain, fault));
	for (uint32_t i = 0; i < s->file_count; i++) {
		dp_code code = read_rows(s, i, fault);
		if (code != DP_OK && fault != NULL) dp_fault_file(fault, s->file[i].path);
		DP_TRY(code);
	}
	DP_TRY(join(s, fault));
	DP_TRY(check_blocks(s, fault));
	note_gaps(s, &options->watch);
	if (s->row_count == 0) return DP_OK;
	s->base.stats.height_first = s->row[0].block;
	s->base.stats.height_last = s->row[s->row_count - 1].block;
	return DP_OK;
}

static dp_code start(struct scan_source **ret_source, uint32_t file_count,
                     const dp_source_options *options, dp_fault *fault)
{
	if (options->chain != NULL && options->chain->kind != DP_CHAIN_ACCOUNT)
		return dp_fail(fault, DP_BAD_CASE,
		               "Etherscan and its siblings know EVM chains, not %s",
		               options->chain->name);
	if (file_count > FILES_MAX)
		return dp_fail(fault, DP_LIMIT, "more than %d files", FILES_MAX);
	struct scan_source *s = dp_alloc(sizeof *s);
	struct scan_file *file = dp_alloc(((size_t)file_count + 1) * sizeof *file);
	if (s == NULL || file == NULL) {
		dp_free(s);
		dp_free(file);
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	}
	s->file = file;
	s->base.kind = &dp_source_etherscan;
	s->base.next = next_block;
	s->base.close = close_source;
	s->has_height_max = options->has_height_max;
	s->height_max = options->height_max;
	s->memory_max = options->memory_max == 0 ? memory_default : options->memory_max;
	if (s->memory_max < memory_least) s->memory_max = memory_least;
	s->row_max = s->memory_max / ROW_COST;
	if (s->row_max > UINT32_MAX) s->row_max = UINT32_MAX;
	*ret_source = s;
	return DP_OK;
}

static dp_code add_file(struct scan_source *s, const char *name, dp_fault *fault)
{
	size_t n = strlen(name) + 1;
	char *path = dp_realloc(NULL, n);
	if (path == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	memcpy(path, name, n);
	s->file[s->file_count++].path = path;
	return DP_OK;
}

static dp_code finish_open(struct scan_source *s, dp_source **ret_source,
                           const dp_source_options *options, dp_code code, dp_fault *fault)
{
	if (code == DP_OK) code = load(s, options, fault);
	if (code != DP_OK) {
		close_source(&s->base);
		return code;
	}
	*ret_source = &s->base;
	return DP_OK;
}

dp_code dp_etherscan_open_bytes(dp_source **ret_source, const dp_etherscan_bytes *files,
                                uint32_t file_count, const dp_source_options *options,
                                dp_fault *fault)
{
	DP_CHECK(ret_source != NULL && options != NULL && (files != NULL || file_count == 0));
	struct scan_source *s;
	DP_TRY(start(&s, file_count, options, fault));
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < file_count && code == DP_OK; i++) {
		code = add_file(s, files[i].name, fault);
		s->file[i].bytes = files[i].bytes != NULL ? files[i].bytes : (const uint8_t *)"";
		s->file[i].size = files[i].size;
	}
	return finish_open(s, ret_source, options, code, fault);
}

static dp_code open_paths(dp_source **ret_source, const char *const *paths, uint32_t path_count,
                          const dp_source_options *options, dp_fault *fault)
{
	DP_CHECK(ret_source != NULL && options != NULL);
	struct scan_source *s;
	DP_TRY(start(&s, path_count, options, fault));
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < path_count && code == DP_OK; i++)
		code = add_file(s, paths[i], fault);
	return finish_open(s, ret_source, options, code, fault);
}

static int recognise(const char *path, const uint8_t *head, size_t head_size, bool is_folder)
{
	enum { SURE = 96 };
	(void)path;
	if (is_folder) return 0;
	return dp_scan_sort_of((const char *)head, head_size) < DP_SCAN_NONE ? SURE : 0;
}

const dp_source_kind dp_source_etherscan = {
    .name = "etherscan",
    .summary = "CSV downloads of an address from Etherscan, BscScan, PolygonScan and their like",
    .looks_like = "CSV with the columns Txhash, Blockno, UnixTimestamp, From, To",
    .gives = "one address's payments: its transactions with their fees, what contracts paid it and "
             "ERC-20 transfers (not the wrapping of coins), each from its own file. Not the other "
             "transactions of a block, nor "
             "their order, rewards, or who receives fees",
    .can = DP_CAN_TRACES,
    .recognise = recognise,
    .open = open_paths,
};
