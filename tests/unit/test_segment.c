// Segments: what the builder writes of random blocks is read back, accessor by accessor, and
// compared with the blocks themselves; as it is, packed, from a file and from an image. Then every
// way in which a file can be wrong: a flipped bit anywhere, an end that is missing, the header of
// another segment, numbers that lie under right checksums, no memory at any moment.
// Covers: ledger/segment.c ledger/segment_open.c ledger/segment_find.c ledger/segment_rows.c
// Covers: ledger/segment_noise.c ledger/chunk.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "base/mem.h"
#include "chain/digest.h"
#include "ledger/amount.h"
#include "ledger/build.h"
#include "ledger/chunk.h"
#include "ledger/segment.h"

//- random blocks ---------------------------------------------------------------------------------

enum { BLOCKS_MAX = 64, POOL = 120 };

typedef struct world {
	const dp_chain *chain;
	dp_block_builder block[BLOCKS_MAX];
	dp_bytes_out record[BLOCKS_MAX];
	uint32_t blocks;
	uint64_t seed;
	dp_outpoint coin[4096]; // UTXO: unspent
	dp_addr coin_addr[4096];
	dp_u256 coin_amount[4096];
	uint32_t coins;
} world;

static uint64_t dice(world *w, uint64_t sides)
{
	w->seed += UINT64_C(0x9e3779b97f4a7c15); // splitmix64
	uint64_t z = w->seed;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31)) % sides;
}

static void fill(world *w, uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) bytes[i] = (uint8_t)dice(w, 256);
}

static const dp_chain *chain_of(const char *name)
{
	const dp_chain *chain = dp_chain_find(name, strlen(name));
	assert_non_null(chain);
	return chain;
}

// One of a pool, so that addresses come again; the first far more often than the others.
static dp_addr some_addr(world *w)
{
	uint64_t which = dice(w, 3) == 0 ? 0 : dice(w, POOL);
	world pool = {.seed = which * 1000 + 7};
	dp_addr a = {0};
	bool account = w->chain->kind == DP_CHAIN_ACCOUNT;
	static const uint8_t size[DP_ADDR_KIND_COUNT] = {0, 20, 20, 20, 20, 32, 32, 0, 20, 32, 32};
	if (account)
		a.kind = which % 10 == 9 ? DP_ADDR_NAME : DP_ADDR_EVM;
	else
		a.kind = (uint8_t)(DP_ADDR_P2PKH + which % (DP_ADDR_KIND_COUNT - DP_ADDR_P2PKH));
	a.len = size[a.kind];
	if (a.kind == DP_ADDR_NAME || a.kind == DP_ADDR_WITNESS) a.len = (uint8_t)(3 + which % 30);
	fill(&pool, a.bytes, a.len);
	if (a.kind == DP_ADDR_NAME) memset(a.bytes, (int)('a' + which % 26), a.len);
	if (a.kind == DP_ADDR_WITNESS) a.bytes[0] = (uint8_t)(1 + which % 16);
	return a;
}

static dp_u256 some_amount(world *w)
{
	dp_u256 a = dp_u256_of(dice(w, 1000));
	switch (dice(w, 5)) {
	case 0: return a;
	case 1: return dp_u256_mul_div(a, dp_u256_of(UINT64_C(1000000000000000000)), dp_u256_of(1));
	case 2: return dp_u256_of(dice(w, UINT64_MAX));
	case 3: fill(w, (uint8_t *)&a, 16); return a;
	default: fill(w, (uint8_t *)&a, 32); return a;
	}
}

static void put_account_row(world *w, dp_block_builder *b)
{
	dp_movement *mv;
	assert_int_equal(dp_builder_movement(b, &mv, NULL), DP_OK);
	mv->kind = (uint8_t)(DP_MV_NATIVE + dice(w, DP_MV_KIND_COUNT - DP_MV_NATIVE));
	mv->flags = dice(w, 4) == 0 ? DP_MVF_FAILED : 0;
	mv->asset = dp_asset_native(w->chain);
	mv->amount = some_amount(w);
	if (dice(w, 8) != 0) mv->from = some_addr(w);
	if (dice(w, 8) != 0) mv->to = some_addr(w);
	if (mv->kind != DP_MV_TOKEN) return;
	const char *symbol = dice(w, 2) ? "USDT" : "DAI";
	mv->asset = dp_asset_by_symbol(w->chain, symbol, strlen(symbol));
	assert_int_not_equal(mv->asset.v, 0);
	if (dice(w, 2) != 0) return;
	memcpy(mv->noise.contract, dp_asset_info_of(mv->asset)->contract, 20);
	mv->asset = DP_ASSET_NONE;
	if (dice(w, 2) == 0) {
		mv->flags = DP_MVF_UNSIGNED_ZERO;
		mv->amount = DP_U256_ZERO;
	} else {
		memset(mv->noise.contract, (int)dice(w, 9), 20);
	}
	(void)snprintf(mv->noise.symbol, sizeof mv->noise.symbol, "decoy%d", (int)dice(w, 5));
}

static void put_coin(world *w, dp_block_builder *b, const dp_tx *tx, uint32_t vout)
{
	dp_movement *mv;
	uint32_t at = w->coins < 4096 ? w->coins++ : (uint32_t)dice(w, 4096);
	memcpy(w->coin[at].txid, tx->id, 32);
	w->coin[at].vout = vout;
	assert_int_equal(dp_builder_movement(b, &mv, NULL), DP_OK);
	mv->kind = DP_MV_OUTPUT;
	mv->asset = dp_asset_native(w->chain);
	mv->to = w->coin_addr[at] = some_addr(w);
	mv->amount = w->coin_amount[at] = dp_u256_of(dice(w, w->chain->money_max));
}

static void spend_coin(world *w, dp_block_builder *b)
{
	dp_movement *mv;
	assert_int_equal(dp_builder_movement(b, &mv, NULL), DP_OK);
	mv->kind = DP_MV_INPUT;
	mv->asset = dp_asset_native(w->chain);
	if (w->coins > 0 && dice(w, 4) != 0) {
		uint32_t at = (uint32_t)dice(w, w->coins--);
		mv->spent = w->coin[at];
		mv->from = w->coin_addr[at];
		mv->amount = w->coin_amount[at];
		w->coin[at] = w->coin[w->coins];
		w->coin_addr[at] = w->coin_addr[w->coins];
		w->coin_amount[at] = w->coin_amount[w->coins];
		return;
	}
	// What the ledger has no transaction of.
	fill(w, mv->spent.txid, 32);
	mv->spent.vout = (uint32_t)dice(w, 9);
	if (dice(w, 3) == 0)
		mv->flags = DP_MVF_VALUE_UNKNOWN;
	else
		mv->amount = dp_u256_of(dice(w, w->chain->money_max));
	if (dice(w, 3) != 0) mv->from = some_addr(w);
}

static void put_tx(world *w, dp_block_builder *b, bool first, uint32_t rows)
{
	dp_tx *tx;
	assert_int_equal(dp_builder_tx(b, &tx, NULL), DP_OK);
	fill(w, tx->id, 32);
	uint32_t at = b->block.tx_count - 1;
	if (w->chain->kind == DP_CHAIN_ACCOUNT) {
		if (dice(w, 5) == 0) tx->flags = DP_TXF_FAILED;
		for (uint32_t i = 0; i < rows; i++) put_account_row(w, b);
		return;
	}
	if (first) tx->flags = DP_TXF_COINBASE;
	for (uint64_t n = first ? 0 : 1 + dice(w, 3); n > 0; n--) spend_coin(w, b);
	for (uint32_t i = 0; i <= rows; i++) put_coin(w, b, &b->block.tx[at], i);
}

static void make_world(world *w, const char *chain, uint32_t blocks, uint32_t txs, uint64_t seed)
{
	memset(w, 0, sizeof *w);
	w->chain = chain_of(chain);
	w->seed = seed;
	w->blocks = blocks;
	uint64_t height = 1000;
	for (uint32_t k = 0; k < blocks; k++) {
		dp_block_builder *b = &w->block[k];
		dp_builder_start(b, w->chain, height, (int64_t)(1600000000 + 12 * height));
		// Heights leave gaps, as blocks without rows in an export do.
		height += 1 + (dice(w, 6) == 0 ? dice(w, 5) : 0);
		bool utxo = w->chain->kind == DP_CHAIN_UTXO;
		uint64_t n = utxo + dice(w, txs + 1);
		for (uint32_t i = 0; i < n; i++) put_tx(w, b, i == 0, (uint32_t)dice(w, 6));
		const dp_block *block;
		assert_int_equal(dp_builder_finish(b, &block, NULL), DP_OK);
		dp_block_digest(b->block.hash, block);
		if (k > 0) memcpy(b->block.prev, w->block[k - 1].block.hash, 32);
	}
}

static void put_records(world *w)
{
	for (uint32_t k = 0; k < w->blocks; k++)
		assert_int_equal(dp_record_put(&w->record[k], &w->block[k].block, 0,
		                               k == 0 ? DP_LEDGER_BLOCK_BEGINS : 0, NULL),
		                 DP_OK);
}

static void done(world *w)
{
	for (uint32_t k = 0; k < w->blocks; k++) {
		dp_builder_done(&w->block[k]);
		dp_free(w->record[k].bytes);
	}
}

static dp_code nothing_earlier(void *context, dp_wanted *wanted, uint64_t count, dp_fault *fault)
{
	(void)context;
	(void)fault;
	for (uint64_t i = 0; i < count; i++) wanted[i].found = false;
	return DP_OK;
}

static dp_build *build(world *w)
{
	const uint8_t *payload[BLOCKS_MAX];
	uint64_t size[BLOCKS_MAX];
	put_records(w);
	for (uint32_t k = 0; k < w->blocks; k++) {
		payload[k] = w->record[k].bytes;
		size[k] = w->record[k].size;
	}
	dp_build_begin begin = {.unit_first = 8, .block = 11, .tx = 22, .row = 77, .input = 0};
	if (w->chain->kind == DP_CHAIN_UTXO) begin.input = 33, begin.output = 44;
	dp_build *b;
	dp_fault fault = {0};
	assert_int_equal(dp_build_new(&b, w->chain, &begin, &fault), DP_OK);
	dp_code code = dp_build_unit(b, payload, size, w->blocks, &fault);
	if (code == DP_OK) code = dp_build_sort(b, &fault);
	if (code == DP_OK) code = dp_build_join(b, nothing_earlier, NULL, &fault);
	if (code != DP_OK) print_error("%s\n", fault.text);
	assert_int_equal(code, DP_OK);
	return b;
}

typedef struct image {
	uint8_t *bytes;
	uint64_t size;
} image;

static image image_of(world *w)
{
	dp_build *b = build(w);
	image i;
	assert_int_equal(dp_build_image(b, &i.bytes, &i.size, NULL), DP_OK);
	dp_build_free(b);
	return i;
}

static image copy(image i)
{
	image to = {dp_alloc(i.size), i.size};
	assert_non_null(to.bytes);
	memcpy(to.bytes, i.bytes, i.size);
	return to;
}

static dp_segment *open_image(image i, const dp_chain *chain)
{
	dp_segment *s;
	dp_fault fault = {0};
	dp_code code = dp_segment_of_image(&s, i.bytes, i.size, chain, &fault);
	if (code != DP_OK) print_error("%s\n", fault.text);
	assert_int_equal(code, DP_OK);
	return s;
}

//- images made anew ------------------------------------------------------------------------------

// Puts the checksums right again.
static void seal(image *i)
{
	dp_segment_header h;
	memcpy(&h, i->bytes, sizeof h);
	uint8_t *data = i->bytes + DP_SEGMENT_HEADER_SIZE;
	uint64_t chunks = (h.data_size + DP_CHUNK - 1) / DP_CHUNK;
	if (h.data_size > i->size - DP_SEGMENT_HEADER_SIZE ||
	    i->size - DP_SEGMENT_HEADER_SIZE - h.data_size < 8 * chunks)
		return;
	for (uint64_t c = 0; c < chunks; c++) {
		uint64_t left = h.data_size - c * DP_CHUNK;
		uint64_t check =
		    XXH3_64bits(data + c * DP_CHUNK, left < DP_CHUNK ? left : DP_CHUNK);
		memcpy(data + h.data_size + 8 * c, &check, 8);
	}
	XXH128_canonical_t list;
	XXH128_canonicalFromHash(&list, XXH3_128bits(data + h.data_size, 8 * chunks));
	memcpy(h.chunks_check, list.digest, 16);
	memcpy(i->bytes, &h, sizeof h);
}

// The same segment with all sections packed that may be.
static image packed(image from)
{
	dp_segment_header h;
	memcpy(&h, from.bytes, sizeof h);
	image to = {dp_alloc(2 * from.size + 65536), DP_SEGMENT_HEADER_SIZE};
	assert_non_null(to.bytes);
	for (int id = 0; id < DP_SEC_COUNT; id++) {
		dp_section_entry *e = &h.section[id];
		if (e->stored == 0) continue;
		const uint8_t *bytes = from.bytes + e->offset;
		bool plain = id == DP_SEC_BLOCK || id == DP_SEC_GROUP || id == DP_SEC_TXFILTER ||
		             id == DP_SEC_ADDRFILTER;
		e->offset = to.size;
		if (plain) {
			memcpy(to.bytes + to.size, bytes, e->stored);
		} else {
			e->stored = ZSTD_compress(to.bytes + to.size, ZSTD_compressBound(e->stored),
			                          bytes, e->stored, 3);
			assert_false(ZSTD_isError(e->stored));
			e->codec = 1;
		}
		to.size = (to.size + e->stored + 63) / 64 * 64;
	}
	h.data_size = to.size - DP_SEGMENT_HEADER_SIZE;
	to.size += (h.data_size + DP_CHUNK - 1) / DP_CHUNK * 8;
	memcpy(to.bytes, &h, sizeof h);
	seal(&to);
	return to;
}

//- against the blocks ----------------------------------------------------------------------------

static void same_amount(dp_u256 a, dp_u256 b)
{
	assert_memory_equal(&a, &b, sizeof a);
}

static void check_account_tx(dp_segment *s, const dp_block *want, uint32_t t, uint32_t tx,
                             uint32_t block)
{
	dp_block_builder b = {0};
	dp_builder_start(&b, want->chain, want->height, want->time);
	dp_fault fault = {0};
	dp_code code = dp_segment_append_account_tx(s, &b, tx, block, &fault);
	if (code != DP_OK) print_error("%s\n", fault.text);
	assert_int_equal(code, DP_OK);
	assert_int_equal(dp_builder_finish_tx(&b, NULL), DP_OK);
	const dp_tx *have = &b.block.tx[0], *tx_want = &want->tx[t];
	assert_memory_equal(have->id, tx_want->id, 32);
	assert_int_equal(have->flags, tx_want->flags);
	assert_int_equal(have->no, t);
	assert_int_equal(have->mv_no, tx_want->mv_first);
	assert_int_equal(have->mv_count, tx_want->mv_count);
	for (uint32_t i = 0; i < have->mv_count; i++) {
		const dp_movement *a = &b.block.mv[i], *m = &want->mv[tx_want->mv_first + i];
		assert_memory_equal(a, m, sizeof *a);
		assert_int_equal(b.block.src_key[i], want->src_key[tx_want->mv_first + i]);
		assert_int_equal(b.block.dst_key[i], want->dst_key[tx_want->mv_first + i]);
	}
	dp_builder_done(&b);
}

static void check_input(dp_segment *s, const dp_movement *mv, uint32_t input)
{
	uint64_t spent = 0;
	dp_addr from;
	dp_u256 amount;
	assert_true(dp_segment_u64(s, DP_SEC_SPENT, input, &spent));
	if ((spent & DP_SPENT_FOREIGN) != 0) {
		const void *p = dp_segment_at(s, DP_SEC_FOREIGN, spent & ~DP_SPENT_FOREIGN);
		assert_non_null(p);
		dp_ledger_foreign f;
		memcpy(&f, p, sizeof f);
		assert_memory_equal(f.txid, mv->spent.txid, 32);
		assert_int_equal(f.vout, mv->spent.vout);
		assert_int_equal(f.flags, mv->flags);
		assert_int_equal(dp_segment_addr(s, &from, f.address, NULL), DP_OK);
		memcpy(&amount, f.amount, sizeof amount);
	} else {
		uint32_t output = (uint32_t)(spent - s->head.output_first), tx, first = 0;
		assert_int_equal(dp_segment_output(s, &from, &amount, output, NULL), DP_OK);
		assert_int_equal(dp_segment_tx_of_output(s, &tx, output, NULL), DP_OK);
		assert_true(dp_segment_u32(s, DP_SEC_TXOUT, tx, &first));
		assert_int_equal(output - first, mv->spent.vout);
		assert_memory_equal(dp_segment_at(s, DP_SEC_TXID, tx), mv->spent.txid, 32);
	}
	assert_true(dp_addr_eq(&from, &mv->from));
	same_amount(amount, mv->amount);
}

static void check_utxo_tx(dp_segment *s, const dp_block *want, uint32_t t, uint32_t tx)
{
	dp_tx_rows rows;
	assert_int_equal(dp_segment_tx_rows(s, &rows, tx, NULL), DP_OK);
	assert_int_equal(rows.flags, want->tx[t].flags);
	assert_int_equal(rows.row_count, want->tx[t].mv_count);
	assert_int_equal(rows.input_count + rows.output_count, rows.row_count);
	const dp_movement *mv = &want->mv[want->tx[t].mv_first];
	for (uint32_t i = 0; i < rows.input_count; i++) check_input(s, mv++, rows.input_first + i);
	for (uint32_t i = 0; i < rows.output_count; i++, mv++) {
		dp_addr to;
		dp_u256 amount;
		uint32_t owner, output = rows.output_first + i;
		assert_int_equal(dp_segment_output(s, &to, &amount, output, NULL), DP_OK);
		assert_true(dp_addr_eq(&to, &mv->to));
		same_amount(amount, mv->amount);
		assert_int_equal(dp_segment_tx_of_output(s, &owner, output, NULL), DP_OK);
		assert_int_equal(owner, tx);
	}
}

static void check_tx(dp_segment *s, const dp_block *want, uint32_t t, uint32_t tx, uint32_t block)
{
	uint32_t found;
	assert_int_equal(dp_segment_find_tx(s, &found, want->tx[t].id, UINT32_MAX, NULL), DP_OK);
	assert_int_equal(found, tx);
	assert_int_equal(dp_segment_find_tx(s, &found, want->tx[t].id, tx, NULL), DP_NOT_FOUND);
	assert_int_equal(dp_segment_block_of_tx(s, &found, tx, NULL), DP_OK);
	assert_int_equal(found, block);
	dp_segment_prefetch_tx(s, tx);
	if (s->utxo)
		check_utxo_tx(s, want, t, tx);
	else
		check_account_tx(s, want, t, tx, block);
}

// Has the transaction a part of the address that postings tell of?
static bool is_posted(dp_segment *s, const dp_block *b, uint32_t t, uint32_t tx, const dp_addr *a)
{
	dp_tx_rows rows;
	assert_int_equal(dp_segment_tx_rows(s, &rows, tx, NULL), DP_OK);
	for (uint32_t i = 0; i < b->tx[t].mv_count; i++) {
		const dp_movement *mv = &b->mv[b->tx[t].mv_first + i];
		if (dp_addr_eq(&mv->to, a)) return true;
		if (!dp_addr_eq(&mv->from, a)) continue;
		uint64_t spent = DP_SPENT_FOREIGN;
		if (s->utxo)
			assert_true(dp_segment_u64(s, DP_SEC_SPENT, rows.input_first + i, &spent));
		if ((spent & DP_SPENT_FOREIGN) != 0) return true;
	}
	return false;
}

static void check_address(dp_segment *s, world *w, uint32_t id)
{
	dp_addr a;
	uint32_t found, count, at = 0, tx = 0;
	const uint32_t *list;
	assert_int_equal(dp_segment_addr(s, &a, id, NULL), DP_OK);
	dp_segment_prefetch_addr(s, dp_addr_key(&a));
	assert_int_equal(dp_segment_find_addr(s, &found, &a, dp_addr_key(&a), NULL), DP_OK);
	assert_int_equal(found, id);
	assert_int_equal(dp_segment_postings(s, &list, &count, id, NULL), DP_OK);
	for (uint32_t k = 0; k < w->blocks; k++) {
		const dp_block *b = &w->block[k].block;
		for (uint32_t t = 0; t < b->tx_count; t++, tx++) {
			if (!is_posted(s, b, t, tx, &a)) continue;
			assert_true(at < count);
			assert_int_equal(list[at++], tx);
		}
	}
	assert_int_equal(at, count);
}

static void check_all(dp_segment *s, world *w)
{
	uint32_t tx = 0, row = 0;
	uint64_t at;
	assert_int_equal(s->head.block_count, w->blocks);
	for (uint32_t k = 0; k < w->blocks; k++) {
		const dp_block *b = &w->block[k].block;
		dp_ledger_block_row r;
		assert_int_equal(dp_segment_block_row(s, &r, k, NULL), DP_OK);
		assert_true(r.height == b->height && r.time == b->time);
		assert_memory_equal(r.hash, b->hash, 32);
		assert_memory_equal(r.prev, b->prev, 32);
		assert_true(r.tx == tx && r.row == row);
		assert_int_equal(r.flags, k == 0 ? DP_LEDGER_BLOCK_BEGINS : 0);
		assert_int_equal(dp_segment_block_at_height(s, &at, b->height, NULL), DP_OK);
		assert_int_equal(at, k);
		assert_int_equal(dp_segment_block_at_height(s, &at, b->height + 1, NULL), DP_OK);
		assert_int_equal(at, k + 1);
		for (uint32_t t = 0; t < b->tx_count; t++) check_tx(s, b, t, tx++, k);
		row += b->mv_count;
	}
	assert_int_equal(tx, s->head.tx_count);
	for (uint32_t id = 1; id <= s->head.address_count; id++) check_address(s, w, id);
	// What is not there is not found.
	dp_addr nobody = {.kind = s->utxo ? DP_ADDR_P2PKH : DP_ADDR_EVM, .len = 20};
	uint32_t found;
	for (int i = 0; i < 500; i++) {
		uint8_t id[32];
		fill(w, nobody.bytes, 20);
		assert_int_equal(
		    dp_segment_find_addr(s, &found, &nobody, dp_addr_key(&nobody), NULL), DP_OK);
		assert_int_equal(found, 0);
		fill(w, id, 32);
		assert_int_equal(dp_segment_find_tx(s, &found, id, UINT32_MAX, NULL), DP_NOT_FOUND);
	}
	nobody.len = 19;
	assert_int_equal(dp_segment_find_addr(s, &found, &nobody, 1, NULL), DP_OK);
	assert_int_equal(found, 0);
}

static void read_back(const char *chain, bool pack)
{
	int64_t live = dp_mem_live();
	for (uint64_t seed = 1; seed <= 6; seed++) {
		world w;
		make_world(&w, chain, seed == 1 ? 1 : 40, seed == 2 ? 0 : 12, seed);
		image i = image_of(&w);
		if (pack) {
			image p = packed(i);
			dp_free(i.bytes);
			i = p;
		}
		dp_segment *s = open_image(i, w.chain);
		check_all(s, &w);
		dp_segment_close(s);
		done(&w);
	}
	assert_int_equal(dp_mem_live(), live);
}

static void account_segments_read_back(void **state)
{
	(void)state;
	read_back("ethereum", false);
}

static void utxo_segments_read_back(void **state)
{
	(void)state;
	read_back("bitcoin", false);
}

static void packed_segments_read_the_same(void **state)
{
	(void)state;
	read_back("ethereum", true);
	read_back("bitcoin", true);
}

//- damage ----------------------------------------------------------------------------------------

static char path[] = "/tmp/dyepack-segment-XXXXXX";

static void write_file(const uint8_t *bytes, uint64_t size)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

static void header_check_of(uint8_t check[16], image i)
{
	XXH128_canonical_t c;
	XXH128_canonicalFromHash(&c, XXH3_128bits(i.bytes, DP_SEGMENT_HEADER_SIZE));
	memcpy(check, c.digest, 16);
}

// Reads every section from end to end; the first failure's code.
static dp_code touch(dp_segment *s, dp_fault *fault)
{
	for (int id = 0; id < DP_SEC_COUNT; id++) {
		uint64_t count = s->head.section[id].count;
		if (count == 0) continue;
		if (dp_segment_span_slow(s, (dp_section_id)id, 0, count) == NULL)
			return dp_segment_fault(s, (dp_section_id)id, 0, fault);
	}
	return DP_OK;
}

static dp_code open_and_touch(image i, const dp_chain *chain, const uint8_t check[16],
                              dp_fault *fault)
{
	write_file(i.bytes, i.size);
	dp_segment *s;
	DP_TRY(dp_segment_open(&s, path, chain, check, fault));
	dp_code code = touch(s, fault);
	dp_segment_close(s);
	return code;
}

// Zero bytes between sections belong to no section, but their chunk does.
static bool is_padding(const dp_segment_header *h, uint64_t at)
{
	uint64_t chunk = (at - DP_SEGMENT_HEADER_SIZE) / DP_CHUNK;
	for (int id = 0; id < DP_SEC_COUNT; id++) {
		const dp_section_entry *e = &h->section[id];
		if (e->stored == 0) continue;
		uint64_t first = (e->offset - DP_SEGMENT_HEADER_SIZE) / DP_CHUNK;
		uint64_t last = (e->offset + e->stored - 1 - DP_SEGMENT_HEADER_SIZE) / DP_CHUNK;
		if (chunk >= first && chunk <= last) return false;
	}
	return true;
}

static void flipped_bits_are_found(void **state)
{
	(void)state;
	for (int pack = 0; pack < 2; pack++) {
		world w;
		make_world(&w, pack ? "bitcoin" : "ethereum", 40, 12, 77);
		image i = image_of(&w);
		if (pack) {
			image p = packed(i);
			dp_free(i.bytes);
			i = p;
		}
		uint8_t check[16];
		header_check_of(check, i);
		dp_segment_header h;
		memcpy(&h, i.bytes, sizeof h);
		dp_fault fault;
		assert_int_equal(open_and_touch(i, w.chain, check, &fault), DP_OK);
		for (uint64_t at = dice(&w, 97); at < i.size; at += 1 + dice(&w, 97)) {
			uint8_t bit = (uint8_t)(1 << dice(&w, 8));
			i.bytes[at] ^= bit;
			bool padding = at >= DP_SEGMENT_HEADER_SIZE &&
			               at < DP_SEGMENT_HEADER_SIZE + h.data_size &&
			               is_padding(&h, at);
			dp_code code = open_and_touch(i, w.chain, check, &fault);
			assert_int_equal(code, padding ? DP_OK : DP_BAD_BYTES);
			if (code != DP_OK) assert_string_equal(fault.file, path);
			i.bytes[at] ^= bit;
		}
		dp_free(i.bytes);
		done(&w);
	}
}

static void truncated_files_are_found(void **state)
{
	(void)state;
	world w;
	make_world(&w, "ethereum", 20, 12, 5);
	image i = image_of(&w);
	dp_fault fault;
	for (uint64_t size = 0; size < i.size; size += 1 + dice(&w, 200)) {
		image cut = {i.bytes, size};
		dp_code code = open_and_touch(cut, w.chain, NULL, &fault);
		assert_int_equal(code, DP_BAD_BYTES);
		assert_string_equal(fault.file, path);
		if (size == 0) continue; // no file holds nothing: that is told by file.c
		image c = copy(cut);
		dp_segment *s;
		assert_int_equal(dp_segment_of_image(&s, c.bytes, c.size, w.chain, &fault),
		                 DP_BAD_BYTES);
	}
	// Longer than its header says is as wrong.
	image longer = {dp_alloc(i.size + 8), i.size + 8};
	memcpy(longer.bytes, i.bytes, i.size);
	assert_int_equal(open_and_touch(longer, w.chain, NULL, &fault), DP_BAD_BYTES);
	dp_free(longer.bytes);
	dp_free(i.bytes);
	done(&w);
}

static void other_headers_are_refused(void **state)
{
	(void)state;
	world w;
	make_world(&w, "ethereum", 20, 12, 6);
	image i = image_of(&w);
	uint8_t check[16];
	header_check_of(check, i);
	dp_fault fault;
	assert_int_equal(open_and_touch(i, w.chain, check, &fault), DP_OK);
	check[3] ^= 1;
	assert_int_equal(open_and_touch(i, w.chain, check, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "manifest"));
	assert_int_equal(open_and_touch(i, chain_of("bsc"), NULL, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "not one of eip155:56"));
	assert_int_equal(open_and_touch(i, chain_of("bitcoin"), NULL, &fault), DP_BAD_BYTES);
	i.bytes[8]++;
	assert_int_equal(open_and_touch(i, w.chain, NULL, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "has format 3"));
	assert_int_equal(unlink(path), 0);
	dp_segment *s;
	assert_int_equal(dp_segment_open(&s, path, w.chain, NULL, &fault), DP_NOT_FOUND);
	dp_free(i.bytes);
	done(&w);
}

// Calls everything with everything that is in range and a little more. Nothing may crash.
static void exercise(dp_segment *s)
{
	dp_fault fault;
	dp_block_builder b = {0};
	uint32_t at, n, txs = (uint32_t)s->head.tx_count;
	for (uint32_t id = 0; id <= s->head.address_count + 1 && id < 1000; id++) {
		dp_addr a;
		const uint32_t *list;
		if (dp_segment_addr(s, &a, id, &fault) == DP_OK && id > 0)
			(void)!dp_segment_find_addr(s, &at, &a, dp_addr_key(&a), &fault);
		if (dp_segment_postings(s, &list, &n, id, &fault) != DP_OK) continue;
		for (uint32_t k = 0; k < n; k++) assert_true(list[k] < txs);
	}
	for (uint32_t tx = 0; tx < txs + 2 && tx < 1000; tx++) {
		const uint8_t *id = dp_segment_at(s, DP_SEC_TXID, tx);
		if (id != NULL) (void)!dp_segment_find_tx(s, &at, id, tx, &fault);
		dp_tx_rows rows;
		(void)!dp_segment_tx_rows(s, &rows, tx, &fault);
		dp_segment_prefetch_tx(s, tx);
		if (dp_segment_block_of_tx(s, &at, tx, &fault) != DP_OK || s->utxo) continue;
		dp_builder_start(&b, s->chain, 1, 1);
		if (dp_segment_append_account_tx(s, &b, tx, at, &fault) == DP_OK)
			assert_int_equal(dp_builder_finish_tx(&b, &fault), DP_OK);
	}
	for (uint64_t k = 0; k < s->head.block_count + 2 && k < 1000; k++) {
		dp_ledger_block_row r;
		uint64_t block;
		if (dp_segment_block_row(s, &r, k, &fault) == DP_OK)
			(void)!dp_segment_block_at_height(s, &block, r.height, &fault);
	}
	for (uint32_t o = 0; o < s->head.output_count + 2 && o < 1000; o++) {
		dp_addr a;
		dp_u256 amount;
		(void)!dp_segment_output(s, &a, &amount, o, &fault);
		if (dp_segment_tx_of_output(s, &at, o, &fault) == DP_OK) assert_true(at < txs);
	}
	dp_builder_done(&b);
}

static void lies_under_right_checksums_harm_nothing(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	int opened = 0, refused = 0;
	for (int kind = 0; kind < 4; kind++) {
		world w;
		make_world(&w, kind & 1 ? "bitcoin" : "ethereum", 12, 6, 9);
		image i = image_of(&w);
		if (kind & 2) {
			image p = packed(i);
			dp_free(i.bytes);
			i = p;
		}
		for (int round = 0; round < 4000; round++) {
			image c = copy(i);
			static const uint64_t odd[] = {
			    0, 1, 0xff, 0x7fffffff, 0xffffffff, 0x3fffffff, UINT64_MAX, 64};
			for (uint64_t k = 1 + dice(&w, 3); k > 0; k--) {
				uint64_t v = dice(&w, 2) ? odd[dice(&w, 8)] : dice(&w, 300);
				bool in_header = dice(&w, 3) == 0;
				uint64_t at = dice(&w, in_header ? 1160 : c.size - 8) / 4 * 4;
				memcpy(c.bytes + at, &v, dice(&w, 2) ? 4 : 8);
			}
			seal(&c);
			dp_segment *s;
			dp_fault fault = {0};
			dp_code code = dp_segment_of_image(&s, c.bytes, c.size, w.chain, &fault);
			if (code == DP_OK) {
				opened++;
				exercise(s);
				dp_segment_close(s);
			} else {
				refused++;
				assert_true(code == DP_BAD_BYTES || code == DP_BAD_CASE);
				assert_true(fault.text[0] != 0 && fault.file[0] != 0);
			}
		}
		dp_free(i.bytes);
		done(&w);
	}
	assert_true(opened > 1000 && refused > 1000);
	assert_int_equal(dp_mem_live(), live);
}

static void no_memory_is_told(void **state)
{
	(void)state;
	world w;
	make_world(&w, "ethereum", 12, 6, 9);
	image i = image_of(&w), p = packed(i);
	int64_t live = dp_mem_live();
	bool went_through = false;
	for (int64_t n = 0; !went_through; n++) {
		image c = copy(p);
		dp_segment *s;
		dp_fault fault = {0};
		dp_mem_fail_after(n);
		dp_code code = dp_segment_of_image(&s, c.bytes, c.size, w.chain, &fault);
		if (code == DP_OK) {
			code = touch(s, &fault);
			dp_mem_fail_after(-1);
			went_through = code == DP_OK;
			// What failed for want of memory works when there is some.
			if (!went_through) assert_int_equal(touch(s, NULL), DP_OK);
			dp_segment_close(s);
		}
		dp_mem_fail_after(-1);
		if (!went_through) assert_int_equal(code, DP_NO_MEMORY);
		assert_int_equal(dp_mem_live(), live);
	}
	dp_free(i.bytes);
	dp_free(p.bytes);
	done(&w);
}

static void *touch_all(void *segment)
{
	return touch(segment, NULL) == DP_OK ? segment : NULL;
}

static void threads_may_read_one_segment(void **state)
{
	(void)state;
	world w;
	make_world(&w, "bitcoin", 40, 12, 9);
	image i = image_of(&w);
	for (int round = 0; round < 20; round++) {
		dp_segment *s = open_image(round % 2 ? packed(i) : copy(i), w.chain);
		pthread_t thread[4];
		for (int t = 0; t < 4; t++)
			assert_int_equal(pthread_create(&thread[t], NULL, touch_all, s), 0);
		for (int t = 0; t < 4; t++) {
			void *result;
			assert_int_equal(pthread_join(thread[t], &result), 0);
			assert_ptr_equal(result, s);
		}
		dp_segment_close(s);
	}
	dp_free(i.bytes);
	done(&w);
}

//- long lists ------------------------------------------------------------------------------------

static void hubs_are_looked_through_once(void **state)
{
	(void)state;
	world w;
	memset(&w, 0, sizeof w);
	w.chain = chain_of("ethereum");
	w.seed = 3;
	w.blocks = 1;
	dp_block_builder *b = &w.block[0];
	dp_builder_start(b, w.chain, 7, 8);
	dp_addr hub = some_addr(&w);
	enum { TXS = 3 * DP_ORDERED_RUN + 100 };
	for (uint32_t i = 0; i < TXS; i++) {
		dp_tx *tx;
		dp_movement *mv;
		assert_int_equal(dp_builder_tx(b, &tx, NULL), DP_OK);
		fill(&w, tx->id, 32);
		assert_int_equal(dp_builder_movement(b, &mv, NULL), DP_OK);
		mv->kind = DP_MV_NATIVE;
		mv->asset = dp_asset_native(w.chain);
		mv->from = some_addr(&w);
		mv->to = hub;
	}
	const dp_block *block;
	assert_int_equal(dp_builder_finish(b, &block, NULL), DP_OK);
	dp_block_digest(b->block.hash, block);
	image i = image_of(&w);
	dp_segment *s = open_image(copy(i), w.chain);
	uint32_t id, count;
	const uint32_t *list;
	dp_fault fault;
	assert_int_equal(dp_segment_find_addr(s, &id, &hub, dp_addr_key(&hub), NULL), DP_OK);
	for (int again = 0; again < 2; again++) {
		assert_int_equal(dp_segment_postings(s, &list, &count, id, NULL), DP_OK);
		assert_int_equal(count, TXS);
		for (uint32_t k = 0; k < TXS; k++) assert_int_equal(list[k], k);
	}
	assert_true(atomic_load(&s->ordered[0]) != 0);
	uint64_t first = (uint64_t)((const uint8_t *)list - i.bytes - (s->image - i.bytes));
	dp_segment_close(s);
	// An entry out of order anywhere is refused, first, last and where two runs meet included.
	for (uint32_t at = 0; at < TXS; at += at % 97 == 0 ? 1 : 31) {
		image c = copy(i);
		uint32_t v = at == 0 ? 5 : at - 1;
		memcpy(c.bytes + first + 4 * (uint64_t)at, &v, 4);
		seal(&c);
		s = open_image(c, w.chain);
		assert_int_equal(dp_segment_postings(s, &list, &count, id, &fault), DP_BAD_BYTES);
		assert_non_null(strstr(fault.text, "POST"));
		dp_segment_close(s);
	}
	dp_free(i.bytes);
	done(&w);
}

//- assets that were noise ------------------------------------------------------------------------

// One block: a genuine USDT transfer if asked for, and a row that names DAI as noise.
static dp_code open_decoy(bool listed_too, uint8_t flags, uint64_t amount, bool append,
                          dp_fault *fault)
{
	world w;
	memset(&w, 0, sizeof w);
	w.chain = chain_of("ethereum");
	w.blocks = 1;
	dp_block_builder *b = &w.block[0], read = {0};
	dp_builder_start(b, w.chain, 7, 8);
	dp_asset dai = dp_asset_by_symbol(w.chain, "DAI", 3);
	dp_tx *tx;
	assert_int_equal(dp_builder_tx(b, &tx, NULL), DP_OK);
	tx->id[0] = 1;
	for (int i = 0; i < 2; i++) {
		dp_movement *mv;
		if (i == 0 && !listed_too) continue;
		assert_int_equal(dp_builder_movement(b, &mv, NULL), DP_OK);
		mv->kind = DP_MV_TOKEN;
		mv->from = some_addr(&w);
		mv->to = some_addr(&w);
		mv->amount = dp_u256_of(i == 0 ? 5 : amount);
		if (i == 0) {
			mv->asset = dai;
			continue;
		}
		mv->flags = flags;
		memcpy(mv->noise.contract, dp_asset_info_of(dai)->contract, 20);
	}
	const dp_block *block;
	assert_int_equal(dp_builder_finish(b, &block, NULL), DP_OK);
	dp_block_digest(b->block.hash, block);
	image i = image_of(&w);
	dp_segment *s;
	dp_code code = dp_segment_of_image(&s, i.bytes, i.size, w.chain, fault);
	if (code == DP_OK) {
		dp_builder_start(&read, w.chain, 7, 8);
		if (append) code = dp_segment_append_account_tx(s, &read, 0, 0, fault);
		dp_segment_close(s);
	}
	dp_builder_done(&read);
	done(&w);
	return code;
}

static void tokens_listed_since_are_refused(void **state)
{
	(void)state;
	dp_fault fault = {0};
	// Nobody signed it, or it moves nothing: noise whoever the contract is.
	assert_int_equal(open_decoy(false, DP_MVF_UNSIGNED_ZERO, 0, true, &fault), DP_OK);
	assert_int_equal(open_decoy(false, 0, 0, true, &fault), DP_OK);
	// A movement of what is genuine by now: told on opening.
	assert_int_equal(open_decoy(false, 0, 9, false, &fault), DP_BAD_CASE);
	assert_non_null(strstr(fault.text, "DAI (0x6B175474E89094C44Da98b954EedeAC495271d0F)"));
	assert_non_null(strstr(fault.text, "blocks 7 to 7"));
	// Where the same segment knows it as genuine the row itself tells.
	assert_int_equal(open_decoy(true, 0, 9, false, &fault), DP_OK);
	assert_int_equal(open_decoy(true, 0, 9, true, &fault), DP_BAD_CASE);
	assert_int_equal(open_decoy(true, DP_MVF_UNSIGNED_ZERO, 0, true, &fault), DP_OK);
}

static void amount_words_are_read(void **state)
{
	(void)state;
	world w;
	make_world(&w, "ethereum", 3, 3, 1);
	dp_segment *s = open_image(image_of(&w), w.chain);
	dp_u256 have, want;
	dp_fault fault;
	assert_int_equal(dp_segment_amount(s, &have, 12345, NULL), DP_OK);
	same_amount(have, dp_u256_of(12345));
	uint64_t m = ((uint64_t)1 << 57) - 1;
	assert_int_equal(dp_segment_amount(s, &have, (uint64_t)21 << 57 | m, NULL), DP_OK);
	assert_int_equal(
	    dp_u256_parse(&want, "144115188075855871000000000000000000000", 39, 0, NULL), DP_OK);
	same_amount(have, want);
	assert_int_equal(dp_segment_amount(s, &have, (uint64_t)22 << 57 | 1, &fault), DP_BAD_BYTES);
	assert_int_equal(dp_segment_amount(s, &have, UINT64_MAX, &fault), DP_BAD_BYTES);
	dp_segment_close(s);
	done(&w);
}

// All words that a segment has, and those that reach beyond WIDE.
static void wide_words_are_bounded(void **state)
{
	(void)state;
	world w;
	make_world(&w, "ethereum", 5, 20, 9);
	dp_segment *s = open_image(image_of(&w), w.chain);
	uint64_t count = s->head.section[DP_SEC_WIDE].count, at[2] = {UINT64_MAX, UINT64_MAX};
	assert_int_equal(s->head.section[DP_SEC_WIDE].width, 16);
	for (uint64_t i = 0; i < s->head.row_count; i++) {
		uint64_t word = 0;
		assert_true(dp_segment_u64(s, DP_SEC_AMOUNT, i, &word));
		if (dp_amount_is_wide(word)) at[word >> 62 & 1] = i;
	}
	assert_true(count > 2 && at[0] != UINT64_MAX && at[1] != UINT64_MAX);
	const uint64_t one = DP_AMOUNT_WIDE, two = DP_AMOUNT_WIDE | DP_AMOUNT_PAIR;
	dp_u256 a, b;
	dp_fault fault;
	assert_int_equal(dp_segment_amount(s, &a, one | (count - 1), NULL), DP_OK);
	assert_true((a.w[2] | a.w[3]) == 0);
	assert_int_equal(dp_segment_amount(s, &b, two | (count - 2), NULL), DP_OK);
	assert_true(b.w[2] == a.w[0] && b.w[3] == a.w[1]);
	const uint64_t beyond[] = {one | count, two | count, two | (count - 1), two | (count + 1)};
	for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++) {
		assert_int_equal(dp_segment_amount(s, &a, beyond[i], &fault), DP_BAD_BYTES);
		assert_non_null(strstr(fault.text, "WIDE"));
	}
	dp_segment_close(s);
	done(&w);
}

static void chunk_checks_are_xxh3(void **state)
{
	(void)state;
	uint8_t bytes[DP_CHUNK];
	world w = {.seed = 4};
	fill(&w, bytes, sizeof bytes);
	for (size_t n = 0; n <= sizeof bytes; n += n < 300 ? 1 : 61)
		assert_true(dp_chunk_check(bytes, n) == XXH3_64bits(bytes, n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(account_segments_read_back),
	    cmocka_unit_test(utxo_segments_read_back),
	    cmocka_unit_test(packed_segments_read_the_same),
	    cmocka_unit_test(flipped_bits_are_found),
	    cmocka_unit_test(truncated_files_are_found),
	    cmocka_unit_test(other_headers_are_refused),
	    cmocka_unit_test(lies_under_right_checksums_harm_nothing),
	    cmocka_unit_test(no_memory_is_told),
	    cmocka_unit_test(threads_may_read_one_segment),
	    cmocka_unit_test(hubs_are_looked_through_once),
	    cmocka_unit_test(tokens_listed_since_are_refused),
	    cmocka_unit_test(amount_words_are_read),
	    cmocka_unit_test(wide_words_are_bounded),
	    cmocka_unit_test(chunk_checks_are_xxh3),
	};
	int fd = mkstemp(path);
	if (fd < 0) return 1;
	(void)close(fd);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(path);
	return failed;
}
