// Rows of account chains: who pays whom, how much of what. See build_private.h.
#include "ledger/build_private.h"

// A row that waits until what it needs has come nearer.
typedef struct waiting {
	dp_record_row row;
	uint64_t from_hash, to_hash;
	uint32_t tx;
} waiting;

static void fetch_slot(const dp_build *b, uint64_t hash)
{
	__builtin_prefetch(&b->slot[hash >> (64 - b->slot_bits)]);
}

// The class of a row that has not been seen lately.
static dp_code class_find(dp_build *b, uint32_t *ret_class, const dp_record_row *row,
                          dp_fault *fault)
{
	dp_ledger_class c = {.kind = row->kind, .flags = row->flags, .asset = row->asset};
	if (row->asset == DP_LEDGER_ASSET_CONTRACT) memcpy(c.contract, row->contract, 20);
	if (row->asset == DP_LEDGER_ASSET_SYMBOL) {
		DP_CHECK(row->symbol_size < sizeof c.symbol);
		memcpy(c.symbol, row->symbol, row->symbol_size);
	}
	DP_TRY(build_name_number(&b->classes, ret_class, &c, b->secret, fault));
	DP_CHECK(*ret_class < BUILD_CLASSES_MAX);
	return DP_OK;
}

// There are few classes: most rows have one that was seen not long ago. The comparison goes by
// fields: as a struct of 48 bytes, just written byte by byte, it waited for its own stores.
static dp_code class_of(dp_build *b, uint16_t *ret_class, const dp_record_row *row, dp_fault *fault)
{
	uint32_t number, what = row->kind | (uint32_t)row->flags << 8 | (uint32_t)row->asset << 16;
	bool contract = row->asset == DP_LEDGER_ASSET_CONTRACT;
	if (row->asset == DP_LEDGER_ASSET_SYMBOL) {
		DP_TRY(class_find(b, &number, row, fault));
		*ret_class = (uint16_t)number;
		return DP_OK;
	}
	uint32_t place = row->kind * 8u ^ row->flags ^ row->asset * 3u;
	if (contract) place ^= row->contract[19];
	build_recent *r = &b->class_recent[place & 63];
	if (r->what != what || (contract && memcmp(r->contract, row->contract, 20) != 0)) {
		DP_TRY(class_find(b, &number, row, fault));
		r->what = what;
		r->number = number;
		if (contract) memcpy(r->contract, row->contract, 20);
	}
	DP_CHECK(r->what != 0); // kinds of account chains are not 0
	*ret_class = (uint16_t)r->number;
	return DP_OK;
}

// What a row of no listed asset claims to be.
static dp_code note_noise(dp_build *b, const dp_record_row *row, dp_fault *fault)
{
	dp_ledger_noise_name name = {0};
	DP_CHECK(row->symbol_size <= sizeof name.symbol);
	memcpy(name.contract, row->contract, sizeof name.contract);
	memcpy(name.symbol, row->symbol, row->symbol_size);
	uint32_t number;
	DP_TRY(build_name_number(&b->names, &number, &name, b->secret, fault));
	DP_TRY(build_reserve(&b->noise, sizeof(dp_ledger_noise), b->noises + 1, BUILD_ROWS_MAX,
	                     fault));
	b->noise.noise[b->noises++] = (dp_ledger_noise){.row = (uint32_t)b->rows, .name = number};
	return DP_OK;
}

// Nearly every segment has few enough classes for a byte each. When the 257th comes, all that are
// there get a second one, once.
static dp_code widen_classes(dp_build *b, dp_fault *fault)
{
	build_column fresh = {0};
	DP_CHECK(!b->wide_class && b->rows < b->class.cap);
	DP_TRY(build_reserve(&fresh, 2, b->class.cap, BUILD_ROWS_MAX + 1, fault));
	for (uint64_t i = 0; i < b->rows; i++) fresh.u16[i] = b->class.u8[i];
	dp_free(b->class.any);
	b->class = fresh;
	b->wide_class = true;
	return DP_OK;
}

static dp_code put_class(dp_build *b, uint64_t at, uint16_t class, dp_fault *fault)
{
	if (__builtin_expect(class > UINT8_MAX && !b->wide_class, 0))
		DP_TRY(widen_classes(b, fault));
	if (b->wide_class)
		b->class.u16[at] = class;
	else
		b->class.u8[at] = (uint8_t) class;
	return DP_OK;
}

static dp_code enter_row(dp_build *b, const waiting *w, dp_fault *fault)
{
	const dp_record_row *row = &w->row;
	uint64_t at = b->rows;
	uint32_t from, to;
	DP_TRY(build_addr_number(b, &from, &row->from, w->from_hash, fault));
	build_addr_count(b, from, w->tx);
	DP_TRY(build_addr_number(b, &to, &row->to, w->to_hash, fault));
	build_addr_count(b, to, w->tx);
	DP_CHECK(at < b->src.cap && at < b->amount.cap);
	b->src.u32[at] = from;
	b->dst.u32[at] = to;
	DP_TRY(build_amount_word(b, &b->amount.u64[at], row->amount, fault));
	uint16_t class;
	DP_TRY(class_of(b, &class, row, fault));
	DP_TRY(put_class(b, at, class, fault));
	if (row->asset == DP_LEDGER_ASSET_NONE) DP_TRY(note_noise(b, row, fault));
	b->rows++;
	return DP_OK;
}

static dp_code enter_rows(dp_build *b, const waiting *list, uint32_t count, dp_fault *fault)
{
	for (uint32_t i = 0; i < count; i++) {
		if (list[i].from_hash != 0) build_addr_look(b, list[i].from_hash);
		if (list[i].to_hash != 0) build_addr_look(b, list[i].to_hash);
	}
	for (uint32_t i = 0; i < count; i++) DP_TRY(enter_row(b, &list[i], fault));
	return DP_OK;
}

// Decodes the rows of a transaction into the list; enters the list whenever it is full.
static dp_code take_tx(dp_build *b, waiting *list, uint32_t *io_count, dp_record_walk *w,
                       uint32_t rows, dp_fault *fault)
{
	for (uint32_t i = 0; i < rows; i++) {
		waiting *x = &list[*io_count];
		DP_TRY(dp_record_walk_row(w, &x->row, fault));
		x->tx = (uint32_t)b->txs;
		x->from_hash = x->to_hash = 0;
		if (x->row.from.kind != DP_ADDR_NONE) {
			x->from_hash = build_addr_hash(b, &x->row.from);
			fetch_slot(b, x->from_hash);
		}
		if (x->row.to.kind != DP_ADDR_NONE) {
			x->to_hash = build_addr_hash(b, &x->row.to);
			fetch_slot(b, x->to_hash);
		}
		if (++*io_count < BUILD_AHEAD) continue;
		DP_TRY(enter_rows(b, list, *io_count, fault));
		*io_count = 0;
		DP_TRY(build_addr_reserve(b, 2 * BUILD_AHEAD, fault));
	}
	return DP_OK;
}

dp_code build_account_block(dp_build *b, dp_record_walk *w, dp_fault *fault)
{
	DP_CHECK(b != NULL && w != NULL && !b->utxo);
	waiting list[BUILD_AHEAD];
	uint32_t count = 0;
	uint64_t row_first = b->rows;
	DP_TRY(build_addr_reserve(b, 2 * BUILD_AHEAD, fault));
	for (uint32_t t = 0; t < w->head.tx_count; t++) {
		dp_record_tx tx;
		DP_TRY(dp_record_walk_tx(w, &tx, fault));
		DP_CHECK(tx.flags < 4 && b->txs < b->txrow.cap);
		memcpy(b->txid.u8 + 32 * b->txs, tx.id, 32);
		b->txrow.u32[b->txs] = (uint32_t)row_first | tx.flags << DP_TXROW_BITS;
		row_first += tx.mv_count;
		DP_TRY(take_tx(b, list, &count, w, tx.mv_count, fault));
		b->txs++;
	}
	return enter_rows(b, list, count, fault);
}

// Classes and names of noise get their final numbers: the order of their bytes.
dp_code build_account_sort(dp_build *b, dp_fault *fault)
{
	DP_CHECK(b != NULL && !b->utxo);
	uint32_t *fresh;
	DP_TRY(build_names_sort(&b->classes, &fresh, fault));
	for (uint64_t i = 0; i < b->rows; i++) {
		if (b->wide_class)
			b->class.u16[i] = (uint16_t)fresh[b->class.u16[i]];
		else
			b->class.u8[i] = (uint8_t)fresh[b->class.u8[i]];
	}
	dp_free(fresh);
	DP_TRY(build_names_sort(&b->names, &fresh, fault));
	for (uint64_t i = 0; i < b->noises; i++) {
		DP_CHECK(b->noise.noise[i].name < b->names.count);
		b->noise.noise[i].name = fresh[b->noise.noise[i].name];
	}
	dp_free(fresh);
	return DP_OK;
}
