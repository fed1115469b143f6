// Movements CSV: the plain interchange form, one movement a row, columns found by their headers
// (csv_columns.c), rows checked one by one (csv_row.c), packed and sorted (csv_store.c). This file
// puts them together: rows of several files become transactions become blocks, in order.
//
//   files --> rows --> store --> sort --> one block's rows --> grouped by transaction --> dp_block
//                        +- full --> streaming: the files must be in order --┘
//
// Everything is first read into memory, because exports are seldom in order. Where memory_max does
// not hold it, we stream: each file's rows (those already in memory, then those still unread) must
// come in order of their blocks, and one block at a time is gathered from all files. A row that
// comes too late is refused with its line; nothing is ever put where it does not belong.
//
// Memory is divided once: 5/8 to rows, 1/8 to the block being gathered while streaming, 1/8 to
// the transactions seen, 1/8 to the coins made (their values fill inputs that give none). When
// the transactions seen are too many, all are forgotten: the same transaction in two blocks far
// apart then goes unnoticed, which costs a warning, not the truth. When the coins are too many,
// later ones are not kept, and an input that needs one says so.
#include "source/csv.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "chain/gap.h"
#include "codec/hex.h"
#include "source/csv_row.h"
#include "source/csv_table.h"
#include "codec/input.h"
#include "source/source_kinds.h"

enum { FILES_MAX = 512, TX_SEEN = UINT32_MAX, PATH_SIZE_MAX = 4096, AHEAD = 8 };

static const uint64_t memory_default = (uint64_t)4 << 30;
static const uint64_t memory_least = 64 << 10;

// One file. Its rows not yet used are first those in the store ([segment_at, segment_end) while
// streaming, in the order read), then those still unread.
struct reader {
	char *path;
	dp_input *input;
	const dp_csv_bytes *bytes; // instead of input
	size_t bytes_at;
	dp_csv csv;
	dp_csv_columns columns;
	dp_csv_context context;
	uint64_t block_last, index_last;
	uint64_t segment_at, segment_end;
	bool has_pending, ended;
	dp_csv_row pending;
};

struct seen_tx {
	dp_csv_entry head;
	uint64_t block, index; // of its last row
	uint32_t line, group;
	uint16_t file;
};

struct coin {
	dp_csv_entry head;
	uint64_t value;
	uint32_t line;
	uint16_t file;
	dp_addr to;
};

struct csv_source {
	dp_source base; // first: dp_source_close frees through it
	struct reader *reader;
	uint32_t reader_count;
	dp_csv_store rows, window;
	dp_csv_table seen, coins;
	dp_block_builder builder;
	uint64_t memory_max;
	uint64_t at;             // next key of rows, when not streaming
	uint32_t *group, *order; // of each row of the block: its transaction; rows by transaction
	uint32_t *first;         // of each transaction: where it begins in order; one more behind
	uint64_t group_cap, order_cap, first_cap;
	uint32_t group_count;
	bool utxo, has_index, loaded, streaming;
	bool time_known, has_time; // whether rows give their time: all do or none does
	uint32_t time_line;
	uint16_t time_file;
};

// ---- Places in messages. -----------------------------------------------------------------------

enum { PLACE_MAX = 96 };

// "line 12", or "line 12 of other.csv" when that is not the file the message is about.
static const char *place(char out[PLACE_MAX], const struct csv_source *s, uint32_t line,
                         uint16_t file, uint16_t file_here)
{
	DP_CHECK(file < s->reader_count);
	if (file == file_here)
		(void)snprintf(out, PLACE_MAX, "line %u", line);
	else
		(void)snprintf(out, PLACE_MAX, "line %u of %.64s", line, s->reader[file].path);
	return out;
}

// A fault about the row at (file, line).
#define FAIL_ROW(s, fault, code, file, line, ...)                                                  \
	name_file((s), (fault), (file), dp_fail_at((fault), (code), (line), 0, __VA_ARGS__))

static dp_code name_file(const struct csv_source *s, dp_fault *fault, uint16_t file, dp_code code)
{
	DP_CHECK(file < s->reader_count);
	if (code != DP_OK && code != DP_END) dp_fault_file(fault, s->reader[file].path);
	return code;
}

// ---- Reading rows. -----------------------------------------------------------------------------

static dp_code read_bytes(void *context, void *buffer, size_t size, size_t *ret_size,
                          dp_fault *fault)
{
	struct reader *r = context;
	(void)fault;
	DP_CHECK(r->bytes_at <= r->bytes->size);
	size_t n = r->bytes->size - r->bytes_at;
	if (n > size) n = size;
	if (n > 0) memcpy(buffer, (const char *)r->bytes->bytes + r->bytes_at, n);
	r->bytes_at += n;
	*ret_size = n;
	return DP_OK;
}

static void count_bytes(struct csv_source *s)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < s->reader_count; i++) {
		const struct reader *r = &s->reader[i];
		sum += r->input != NULL ? dp_input_bytes_read(r->input) : r->bytes_at;
	}
	s->base.stats.bytes_read = sum;
}

// A block has its time from its rows; rows without one are right only if all are.
static dp_code check_has_time(struct csv_source *s, const dp_csv_row *row, dp_fault *fault)
{
	if (!s->time_known) {
		s->time_known = true;
		s->has_time = row->has_time;
		s->time_line = row->mv.source_line;
		s->time_file = row->file;
	}
	if (row->has_time == s->has_time) return DP_OK;
	char other[PLACE_MAX];
	place(other, s, s->time_line, s->time_file, row->file);
	return FAIL_ROW(s, fault, DP_BAD_BYTES, row->file, row->mv.source_line,
	                row->has_time ? "time: this row has one, but %s has none: give all or none"
	                              : "time: it is empty here, but %s has one: give all or none",
	                other);
}

// The next row of the file into r->pending, or r->ended.
static dp_code read_row(struct csv_source *s, struct reader *r, dp_fault *fault)
{
	DP_CHECK(!r->has_pending && !r->ended);
	uint16_t file = r->context.file;
	dp_code code = dp_csv_next(&r->csv, fault);
	if (code == DP_END) {
		r->ended = true;
		return DP_OK;
	}
	if (code == DP_OK) code = dp_csv_row_read(&r->context, &r->pending, &r->csv, fault);
	if (code != DP_OK) return name_file(s, fault, file, code);
	DP_TRY(check_has_time(s, &r->pending, fault));
	r->has_pending = true;
	return DP_OK;
}

// Reads all files into the store, or until it is full.
static dp_code load(struct csv_source *s, dp_fault *fault)
{
	for (uint32_t i = 0; i < s->reader_count && !s->streaming; i++) {
		struct reader *r = &s->reader[i];
		r->segment_at = s->rows.key_count;
		for (;;) {
			DP_TRY(read_row(s, r, fault));
			if (r->ended) break;
			bool added;
			const dp_csv_row *row = &r->pending;
			DP_TRY(dp_csv_store_add(&s->rows, &added, row, fault));
			if (!added) {
				s->streaming = true; // the row stays pending, behind the segment
				break;
			}
			bool late = row->block < r->block_last ||
			            (row->block == r->block_last && row->index < r->index_last);
			if (late) {
				s->base.stats.reordered++;
			} else {
				r->block_last = row->block;
				r->index_last = row->index;
			}
			r->has_pending = false;
		}
		r->segment_end = s->rows.key_count;
	}
	s->loaded = true;
	if (s->streaming)
		s->base.stats.reordered = 0; // from here on order is demanded, not made
	else
		DP_TRY(dp_csv_store_sort(&s->rows, fault));
	return DP_OK;
}

// ---- Streaming. --------------------------------------------------------------------------------

// Steps over the row that `peek` showed.
static dp_code advance(struct csv_source *s, struct reader *r, dp_fault *fault)
{
	if (r->segment_at < r->segment_end) {
		r->segment_at++;
	} else {
		DP_CHECK(r->has_pending);
		r->has_pending = false;
	}
	if (r->segment_at < r->segment_end || r->has_pending || r->ended) return DP_OK;
	return read_row(s, r, fault);
}

// The block of the reader's next row; false when there is none.
static bool peek_block(const struct csv_source *s, const struct reader *r, uint64_t *ret_block)
{
	if (r->segment_at < r->segment_end)
		*ret_block = s->rows.key[r->segment_at].block;
	else if (r->has_pending)
		*ret_block = r->pending.block;
	else
		return false;
	return true;
}

static dp_csv_row next_row(const struct csv_source *s, const struct reader *r)
{
	DP_CHECK(r->segment_at < r->segment_end || r->has_pending);
	if (r->segment_at == r->segment_end) return r->pending;
	return dp_csv_store_row(&s->rows, &s->rows.key[r->segment_at]);
}

// Moves the reader's rows of this block into the window, and refuses what comes too late.
static dp_code gather(struct csv_source *s, struct reader *r, uint64_t block, dp_fault *fault)
{
	uint64_t at;
	while (peek_block(s, r, &at) && at == block) {
		dp_csv_row row = next_row(s, r);
		bool added;
		DP_TRY(dp_csv_store_add(&s->window, &added, &row, fault));
		if (!added)
			return FAIL_ROW(
			    s, fault, DP_LIMIT, row.file, row.mv.source_line,
			    "block %llu alone does not fit in its part of %llu bytes of "
			    "memory: allow more",
			    (unsigned long long)block, (unsigned long long)s->memory_max);
		DP_TRY(advance(s, r, fault));
	}
	if (!peek_block(s, r, &at) || at > block) return DP_OK;
	dp_csv_row row = next_row(s, r);
	return FAIL_ROW(
	    s, fault, DP_BAD_BYTES, row.file, row.mv.source_line,
	    "block %llu cannot be placed behind block %llu, because the file does not fit "
	    "in %llu bytes of memory: sort the file by block first, or allow more",
	    (unsigned long long)at, (unsigned long long)block, (unsigned long long)s->memory_max);
}

// Fills the window with the next block's rows, in order; none when all files have ended.
static dp_code stream_block(struct csv_source *s, dp_fault *fault)
{
	dp_csv_store_clear(&s->window);
	bool any = false;
	uint64_t lowest = 0, at;
	for (uint32_t i = 0; i < s->reader_count; i++) {
		struct reader *r = &s->reader[i];
		// Files behind the one that filled the memory have not been begun.
		if (r->segment_at == r->segment_end && !r->has_pending && !r->ended)
			DP_TRY(read_row(s, r, fault));
		if (!peek_block(s, r, &at)) continue;
		if (!any || at < lowest) lowest = at;
		any = true;
	}
	if (!any) return DP_OK;
	for (uint32_t i = 0; i < s->reader_count; i++) {
		struct reader *r = &s->reader[i];
		if (peek_block(s, r, &at) && at == lowest) DP_TRY(gather(s, r, lowest, fault));
	}
	DP_CHECK(s->window.key_count > 0);
	return dp_csv_store_sort(&s->window, fault);
}

// ---- Grouping a block's rows by transaction. ---------------------------------------------------

// Two coinbases stand in two blocks each, because early Bitcoin did not forbid it: the only
// repetitions there are (BIP30; blocks 91722 and 91880, 91812 and 91842).
static bool is_known_repetition(const struct csv_source *s, const uint8_t id[32])
{
	static const char *const known[] = {
	    "e3bf3d07d4b0375638d5f1db5255fe07ba2c4cb067cd81b84ee974b6585fb468",
	    "d5d27987d2a3dfc724e359870c6644b40e497bdc0589a033220fe15429d88599",
	};
	if (!s->utxo) return false;
	char text[65];
	uint8_t printed[32];
	for (int i = 0; i < 32; i++) printed[i] = id[31 - i];
	dp_hex_encode(text, printed, 32);
	return strcmp(text, known[0]) == 0 || strcmp(text, known[1]) == 0;
}

// The transaction of a row that is not of the same one as the row before it.
static dp_code enter_tx(struct csv_source *s, struct seen_tx **ret_tx, bool *ret_again,
                        const dp_csv_glance *g, const dp_csv_key *key, dp_fault *fault)
{
	struct seen_tx *e = dp_csv_table_find(&s->seen, g->tx, TX_SEEN);
	char other[PLACE_MAX];
	*ret_again = e != NULL && e->block == key->block;
	if (*ret_again) {
		*ret_tx = e;
		if (!s->has_index || e->index == key->index) return DP_OK;
		return FAIL_ROW(
		    s, fault, DP_BAD_BYTES, g->file, g->line,
		    "index %llu: another transaction stands between this row and the same "
		    "transaction's %s (index %llu): correct the indices",
		    (unsigned long long)key->index, place(other, s, e->line, e->file, g->file),
		    (unsigned long long)e->index);
	}
	if (e != NULL && !is_known_repetition(s, g->tx))
		return FAIL_ROW(
		    s, fault, DP_BAD_BYTES, g->file, g->line,
		    "tx: this transaction is in block %llu here and in block %llu in %s: "
		    "it can be in one only",
		    (unsigned long long)key->block, (unsigned long long)e->block,
		    place(other, s, e->line, e->file, g->file));
	if (e == NULL) {
		void *fresh;
		DP_TRY(dp_csv_table_put(&s->seen, &fresh, g->tx, TX_SEEN, fault));
		e = fresh;
	}
	e->block = key->block;
	e->line = g->line;
	e->file = g->file;
	e->group = s->group_count++;
	*ret_tx = e;
	return DP_OK;
}

static dp_code check_time(const struct csv_source *s, const dp_csv_glance *first,
                          const dp_csv_glance *g, uint64_t block, dp_fault *fault)
{
	if (g->time == first->time) return DP_OK;
	char other[PLACE_MAX];
	return FAIL_ROW(s, fault, DP_BAD_BYTES, g->file, g->line,
	                "time: block %llu has another time in %s: a block has one time",
	                (unsigned long long)block,
	                place(other, s, first->line, first->file, g->file));
}

// Gives every row of the block its transaction, numbered by first appearance.
static dp_code group_rows(struct csv_source *s, const dp_csv_store *store, const dp_csv_key *key,
                          uint32_t n, dp_fault *fault)
{
	DP_CHECK(n > 0);
	DP_TRY(dp_grow((void **)&s->group, &s->group_cap, sizeof *s->group, n, DP_BLOCK_MV_MAX,
	               fault));
	if (dp_csv_table_full(&s->seen)) dp_csv_table_clear(&s->seen);
	s->group_count = 0;
	dp_csv_glance first = dp_csv_store_glance(store, key), last = first;
	struct seen_tx *tx = NULL;
	bool again = false;
	for (uint32_t i = 0; i < n; i++) {
		if (i + AHEAD < n) dp_csv_store_prefetch(store, &key[i + AHEAD]);
		dp_csv_glance g = dp_csv_store_glance(store, &key[i]);
		DP_TRY(check_time(s, &first, &g, key->block, fault));
		if (tx == NULL || memcmp(g.tx, last.tx, 32) != 0)
			DP_TRY(enter_tx(s, &tx, &again, &g, &key[i], fault));
		DP_CHECK(tx != NULL); // the table moves entries only when one is put: in enter_tx
		tx->index = key[i].index;
		if (again) s->base.stats.reordered++;
		s->group[i] = tx->group;
		last = g;
	}
	return DP_OK;
}

// Rows by transaction, each transaction's in the order they stand: a counting sort.
static dp_code order_rows(struct csv_source *s, uint32_t n, dp_fault *fault)
{
	DP_CHECK(s->group_count > 0 && s->group_count <= n);
	DP_TRY(dp_grow((void **)&s->order, &s->order_cap, sizeof *s->order, n, DP_BLOCK_MV_MAX,
	               fault));
	DP_TRY(dp_grow((void **)&s->first, &s->first_cap, sizeof *s->first,
	               (uint64_t)s->group_count + 2, (uint64_t)DP_BLOCK_MV_MAX + 2, fault));
	// first[g + 1] counts group g, then tells where it begins, and ends where g + 1 begins.
	memset(s->first, 0, ((size_t)s->group_count + 2) * sizeof *s->first);
	for (uint32_t i = 0; i < n; i++) s->first[s->group[i] + 2]++;
	for (uint32_t g = 0; g < s->group_count; g++) s->first[g + 2] += s->first[g + 1];
	for (uint32_t i = 0; i < n; i++) s->order[s->first[s->group[i] + 1]++] = i;
	DP_CHECK(s->first[s->group_count] == n);
	return DP_OK;
}

// ---- Transactions. -----------------------------------------------------------------------------

// The rows of one transaction, as indices into the block's keys.
struct tx_rows {
	const dp_csv_store *store;
	const dp_csv_key *key;
	const uint32_t *row;
	uint32_t count;
};

static dp_csv_glance glance_at(const struct tx_rows *t, uint32_t i)
{
	DP_CHECK(i < t->count);
	return dp_csv_store_glance(t->store, &t->key[t->row[i]]);
}

static dp_code add_movement(struct csv_source *s, dp_movement **ret_mv, const struct tx_rows *t,
                            uint32_t i, dp_fault *fault)
{
	DP_CHECK(i < t->count);
	DP_TRY(dp_builder_movement(&s->builder, ret_mv, fault));
	dp_csv_store_movement(t->store, &t->key[t->row[i]], *ret_mv);
	return DP_OK;
}

// A transaction failed as a whole when its own call (native) or its fee row says so, or when
// nothing in it succeeded; a failed inner call fails alone. Fees are paid either way.
static bool failed_whole(const struct tx_rows *t)
{
	bool any = false, all = true;
	for (uint32_t i = 0; i < t->count; i++) {
		dp_csv_glance g = glance_at(t, i);
		if (g.failed && (g.kind == DP_MV_NATIVE || g.kind == DP_MV_FEE)) return true;
		if (g.kind == DP_MV_FEE) continue;
		any = true;
		all = all && g.failed;
	}
	return any && all;
}

static bool has_input(const struct tx_rows *t)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (glance_at(t, i).kind == DP_MV_INPUT) return true;
	return false;
}

static uint32_t tx_flags(const struct csv_source *s, const struct tx_rows *t)
{
	if (s->utxo) return has_input(t) ? 0 : DP_TXF_COINBASE;
	return failed_whole(t) ? DP_TXF_FAILED : 0;
}

static dp_code emit_account(struct csv_source *s, uint32_t flags, const struct tx_rows *t,
                            dp_fault *fault)
{
	bool failed = (flags & DP_TXF_FAILED) != 0;
	for (uint32_t i = 0; i < t->count; i++) {
		dp_movement *mv;
		bool row_failed = failed || glance_at(t, i).failed;
		DP_TRY(add_movement(s, &mv, t, i, fault));
		if (row_failed && mv->kind != DP_MV_FEE) mv->flags |= DP_MVF_FAILED;
		if (mv->asset.v == 0) s->base.stats.noise++;
	}
	return DP_OK;
}

// What earlier rows know of the coin that an input spends: its value and its address.
static dp_code fill_input(struct csv_source *s, dp_movement *mv, uint16_t file, dp_fault *fault)
{
	DP_CHECK(mv->kind == DP_MV_INPUT);
	struct coin *c = dp_csv_table_find(&s->coins, mv->spent.txid, mv->spent.vout);
	bool unknown = (mv->flags & DP_MVF_VALUE_UNKNOWN) != 0;
	if (c != NULL) {
		char other[PLACE_MAX];
		if (!unknown && !dp_u256_eq(mv->amount, dp_u256_of(c->value)))
			return FAIL_ROW(
			    s, fault, DP_BAD_BYTES, file, mv->source_line,
			    "amount: the coin was made with another amount in %s: correct "
			    "one, or leave the input's empty",
			    place(other, s, c->line, c->file, file));
		mv->amount = dp_u256_of(c->value);
		mv->from = c->to;
		mv->flags &= (uint8_t)~DP_MVF_VALUE_UNKNOWN;
		dp_csv_table_remove(&s->coins, c);
		return DP_OK;
	}
	// Whether that matters depends on where the taint goes: the engine stops where it does, or
	// goes on with --assume-clean.
	if (unknown) s->base.stats.values_unknown++;
	return DP_OK;
}

static dp_code keep_coin(struct csv_source *s, const uint8_t txid[32], uint32_t vout,
                         const dp_movement *mv, uint16_t file, dp_fault *fault)
{
	DP_CHECK(mv->kind == DP_MV_OUTPUT && dp_u256_fits64(mv->amount));
	void *c = dp_csv_table_find(&s->coins, txid, vout); // a known repetition: made anew
	if (c == NULL) {
		if (mv->to.kind == DP_ADDR_NULLDATA || dp_csv_table_full(&s->coins)) return DP_OK;
		DP_TRY(dp_csv_table_put(&s->coins, &c, txid, vout, fault));
	}
	struct coin *made = c;
	made->value = mv->amount.w[0];
	made->line = mv->source_line;
	made->file = file;
	made->to = mv->to;
	return DP_OK;
}

static dp_code emit_utxo(struct csv_source *s, uint32_t flags, const struct tx_rows *t,
                         dp_fault *fault)
{
	bool coinbase = (flags & DP_TXF_COINBASE) != 0, known = true;
	dp_u256 in = DP_U256_ZERO, out = DP_U256_ZERO;
	uint32_t vout = 0;
	for (uint32_t i = 0; i < t->count; i++) {
		dp_csv_glance g = glance_at(t, i);
		if (g.kind != DP_MV_INPUT) continue;
		dp_movement *mv;
		DP_TRY(add_movement(s, &mv, t, i, fault));
		DP_TRY(fill_input(s, mv, g.file, fault));
		known = known && (mv->flags & DP_MVF_VALUE_UNKNOWN) == 0;
		in = dp_u256_add(in, mv->amount); // 2^26 amounts of 64 bits at most
	}
	for (uint32_t i = 0; i < t->count; i++) {
		dp_csv_glance g = glance_at(t, i);
		if (g.kind == DP_MV_INPUT) continue;
		dp_movement *mv;
		DP_TRY(add_movement(s, &mv, t, i, fault));
		DP_TRY(keep_coin(s, g.tx, vout++, mv, g.file, fault));
		out = dp_u256_add(out, mv->amount);
	}
	if (coinbase || !known || !dp_u256_lt(in, out)) return DP_OK;
	dp_csv_glance g = glance_at(t, 0);
	char in_text[DP_U256_DEC_MAX], out_text[DP_U256_DEC_MAX];
	dp_u256_format(in_text, in, 8);
	dp_u256_format(out_text, out, 8);
	return FAIL_ROW(
	    s, fault, DP_BAD_BYTES, g.file, g.line,
	    "the transaction that begins here pays %s from inputs of %s: an input row is "
	    "missing or an amount is wrong",
	    out_text, in_text);
}

// ---- Blocks. -----------------------------------------------------------------------------------

static dp_code emit_block(struct csv_source *s, const dp_block **ret_block,
                          const dp_csv_store *store, const dp_csv_key *key, uint64_t n,
                          dp_fault *fault)
{
	DP_CHECK(n > 0);
	dp_csv_glance g = dp_csv_store_glance(store, key);
	if (n > DP_BLOCK_MV_MAX)
		return FAIL_ROW(s, fault, DP_LIMIT, g.file, g.line,
		                "block %llu has %llu rows, the maximum is %u",
		                (unsigned long long)key->block, (unsigned long long)n,
		                (unsigned)DP_BLOCK_MV_MAX);
	DP_TRY(group_rows(s, store, key, (uint32_t)n, fault));
	DP_TRY(order_rows(s, (uint32_t)n, fault));
	dp_builder_start(&s->builder, s->base.chain, key->block, g.time);
	for (uint32_t i = 0; i < s->group_count; i++) {
		struct tx_rows t = {store, key, s->order + s->first[i],
		                    s->first[i + 1] - s->first[i]};
		dp_tx *tx;
		DP_TRY(dp_builder_tx(&s->builder, &tx, fault));
		memcpy(tx->id, glance_at(&t, 0).tx, 32);
		uint32_t flags = tx_flags(s, &t);
		tx->flags = flags;
		if (s->utxo)
			DP_TRY(emit_utxo(s, flags, &t, fault));
		else
			DP_TRY(emit_account(s, flags, &t, fault));
	}
	return dp_builder_finish(&s->builder, ret_block, fault);
}

static dp_code csv_next(dp_source *base, const dp_block **ret_block, dp_fault *fault)
{
	struct csv_source *s = (struct csv_source *)base;
	DP_CHECK(ret_block != NULL);
	if (!s->loaded) DP_TRY(load(s, fault));
	dp_code code = DP_END;
	if (s->streaming) {
		DP_TRY(stream_block(s, fault));
		if (s->window.key_count > 0)
			code = emit_block(s, ret_block, &s->window, s->window.key,
			                  s->window.key_count, fault);
	} else if (s->at < s->rows.key_count) {
		const dp_csv_key *key = s->rows.key + s->at;
		uint64_t n = 1;
		while (s->at + n < s->rows.key_count && key[n].block == key->block) n++;
		s->at += n;
		code = emit_block(s, ret_block, &s->rows, key, n, fault);
	}
	count_bytes(s);
	return code;
}

static void csv_close(dp_source *base)
{
	struct csv_source *s = (struct csv_source *)base;
	DP_CHECK(s != NULL);
	DP_CHECK(s->reader != NULL || s->reader_count == 0);
	for (uint32_t i = 0; i < s->reader_count; i++) {
		dp_csv_done(&s->reader[i].csv);
		dp_input_close(s->reader[i].input);
		dp_free(s->reader[i].path);
	}
	dp_free(s->reader);
	dp_csv_store_done(&s->rows);
	dp_csv_store_done(&s->window);
	dp_csv_table_done(&s->seen);
	dp_csv_table_done(&s->coins);
	dp_builder_done(&s->builder);
	dp_free(s->group);
	dp_free(s->order);
	dp_free(s->first);
	dp_free(s);
}

// ---- Opening. ----------------------------------------------------------------------------------

// Opens one file and reads its header. What it took is in the reader, for csv_close to give back.
static dp_code open_reader(struct csv_source *s, uint32_t i, const char *path,
                           const dp_csv_bytes *bytes, const char *map, dp_fault *fault)
{
	DP_CHECK(s->reader != NULL && i < s->reader_count);
	struct reader *r = &s->reader[i];
	const char *name = strcmp(path, "-") == 0 ? "standard input" : path; // for messages
	size_t n = strnlen(name, PATH_SIZE_MAX);
	r->path = dp_alloc(n + 1);
	if (r->path == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	memcpy(r->path, name, n);
	r->bytes = bytes;
	if (bytes == NULL) DP_TRY(dp_input_open(&r->input, path, fault));
	r->csv.read = bytes != NULL ? read_bytes : dp_input_read;
	r->csv.context = bytes != NULL ? (void *)r : (void *)r->input;
	r->context = (dp_csv_context){.chain = s->base.chain, .columns = &r->columns};
	r->context.file = (uint16_t)i;
	dp_code code = dp_csv_next(&r->csv, fault);
	if (code == DP_END)
		return dp_fail_at(fault, DP_BAD_BYTES, 1, 0,
		                  "the file is empty: its first line must "
		                  "name the columns (block,time,tx,from,to,asset,amount)");
	if (code == DP_OK) code = dp_csv_columns_read(&r->columns, &r->csv, map, fault);
	if (code != DP_OK) return code;
	bool has_index = dp_csv_columns_has(&r->columns, DP_CSV_INDEX);
	if (i > 0 && has_index != s->has_index)
		return dp_fail_at(fault, DP_BAD_BYTES, r->csv.line, 0,
		                  "this file has %s index column "
		                  "and %s has %s: rows of both cannot be put in one order",
		                  has_index ? "an" : "no", s->reader[0].path,
		                  has_index ? "none" : "one");
	s->has_index = has_index;
	uint64_t total = bytes != NULL ? bytes->size : dp_input_bytes_total(r->input);
	bool known = total > 0 && (i == 0 || s->base.stats.bytes_total > 0);
	s->base.stats.bytes_total = known ? s->base.stats.bytes_total + total : 0;
	return DP_OK;
}

static dp_code open_any(dp_source **ret_source, const char *const *paths, const dp_csv_bytes *bytes,
                        uint32_t count, const dp_source_options *options, dp_fault *fault)
{
	DP_CHECK(ret_source != NULL && options != NULL);
	DP_CHECK(count > 0);
	if (count > FILES_MAX)
		return dp_fail(fault, DP_LIMIT,
		               "%u files at once, the maximum is %u: join some first", count,
		               (unsigned)FILES_MAX);
	struct csv_source *s = dp_alloc(sizeof *s);
	if (s == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	s->base.kind = &dp_source_csv;
	s->base.chain = options->chain != NULL ? options->chain : dp_chain_find("ethereum", 8);
	s->base.gaps = DP_GAP_NOTES; // a table of movements has neither logs nor memos
	DP_CHECK(s->base.chain != NULL);
	s->base.next = csv_next;
	s->base.close = csv_close;
	s->utxo = s->base.chain->kind == DP_CHAIN_UTXO;
	s->memory_max = options->memory_max != 0 ? options->memory_max : memory_default;
	if (s->memory_max < memory_least) s->memory_max = memory_least;
	dp_csv_store_init(&s->rows, s->memory_max / 8 * 5);
	dp_csv_store_init(&s->window, s->memory_max / 8);
	dp_csv_table_init(&s->seen, sizeof(struct seen_tx), s->memory_max / 8);
	dp_csv_table_init(&s->coins, sizeof(struct coin), s->memory_max / 8);
	s->reader = dp_alloc(count * sizeof *s->reader);
	dp_code code = s->reader == NULL ? dp_fail(fault, DP_NO_MEMORY, "out of memory") : DP_OK;
	for (uint32_t i = 0; code == DP_OK && i < count; i++) {
		const char *path = bytes != NULL ? bytes[i].name : paths[i];
		s->reader_count = i + 1;
		code =
		    open_reader(s, i, path, bytes != NULL ? &bytes[i] : NULL, options->map, fault);
		if (code != DP_OK && s->reader[i].path != NULL)
			dp_fault_file(fault, s->reader[i].path);
	}
	if (code != DP_OK) {
		csv_close(&s->base);
		return code;
	}
	*ret_source = &s->base;
	return DP_OK;
}

static dp_code csv_open(dp_source **ret_source, const char *const *paths, uint32_t path_count,
                        const dp_source_options *options, dp_fault *fault)
{
	DP_CHECK(paths != NULL);
	return open_any(ret_source, paths, NULL, path_count, options, fault);
}

dp_code dp_csv_source_open_bytes(dp_source **ret_source, const dp_csv_bytes *files,
                                 uint32_t file_count, const dp_source_options *options,
                                 dp_fault *fault)
{
	DP_CHECK(files != NULL);
	return open_any(ret_source, NULL, files, file_count, options, fault);
}

// ---- Recognising. ------------------------------------------------------------------------------

static bool ends_with(const char *path, const char *tail)
{
	size_t n = strlen(path), k = strlen(tail);
	return n >= k && dp_csv_same_text((dp_csv_field){path + n - k, (uint32_t)k}, tail);
}

// Does the first line look like our header: text, a comma, a column called block?
static bool header_has_block(const uint8_t *head, size_t n)
{
	const uint8_t *line_end = n > 0 ? memchr(head, '\n', n) : NULL;
	if (line_end != NULL) n = (size_t)(line_end - head);
	if (n >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0) head += 3, n -= 3;
	bool comma = false, block = false;
	for (size_t i = 0, from = 0; i <= n; i++) {
		if (i < n && head[i] < 0x20 && head[i] != '\t' && head[i] != '\r') return false;
		if (i < n && head[i] != ',') continue;
		comma = comma || i < n;
		dp_csv_field f = dp_csv_trim((const char *)head + from, i - from);
		if (f.size > 0 && f.text[f.size - 1] == '\r') f.size--;
		if (f.size >= 2 && f.text[0] == '"' && f.text[f.size - 1] == '"')
			f = (dp_csv_field){f.text + 1, f.size - 2};
		block = block || dp_csv_same_text(f, "block");
		from = i + 1;
	}
	return comma && block;
}

// 90: header and name; 70: name alone (a map may be needed); 50: header alone (stdin, .txt).
static int csv_recognise(const char *path, const uint8_t *head, size_t head_size, bool is_folder)
{
	DP_CHECK(path != NULL);
	if (is_folder) return 0;
	bool named =
	    ends_with(path, ".csv") || ends_with(path, ".csv.gz") || ends_with(path, ".csv.zst");
	bool header = head != NULL && header_has_block(head, head_size);
	return named ? (header ? 90 : 70) : header ? 50 : 0;
}

const dp_source_kind dp_source_csv = {
    .name = "csv",
    .summary = "movements, one a row, columns named by a header; gzip and zstd, - for stdin",
    .looks_like = "*.csv, *.csv.gz, *.csv.zst",
    .gives = "movements of either kind of chain as far as the file has them; no block hashes, no "
             "balances before the first row",
    .recognise = csv_recognise,
    .open = csv_open,
};
