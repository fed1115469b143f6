// The builder: segments of small random ledgers, every column compared with what a slow reading of
// the same rows says; and what it must refuse.
//
// Test memory comes from malloc, so that dp_mem_live counts the builder's alone.
// Covers: ledger/build.c ledger/build_account.c ledger/build_order.c ledger/build_settle.c
// Covers: ledger/build_table.c ledger/build_utxo.c ledger/build_write.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <xxhash.h>

#include "base/mem.h"
#include "ledger/amount.h"
#include "ledger/build.h"
#include "ledger/filter.h"
#include "support/ledger.h"

enum { ROWS_MAX = 20000, TXS_MAX = 8000, BLOCKS_MAX = 200, PEOPLE = 60 };
#define ROW_MASK ((1u << DP_TXROW_BITS) - 1)

//- a ledger, plainly -----------------------------------------------------------------------------

typedef struct plain_tx {
	uint8_t id[32];
	uint32_t flags, first, count, block;
} plain_tx;

typedef struct world {
	const dp_chain *chain;
	bool utxo;
	dp_movement *row;
	plain_tx *tx;
	uint32_t rows, txs, blocks;
	dp_bytes_out record[BLOCKS_MAX];
	uint32_t first_tx[BLOCKS_MAX + 1], first_row[BLOCKS_MAX + 1];
	dp_block_builder builder;
	t_rng rng;
} world;

static world w;

static void begin_world(const char *chain, uint64_t seed)
{
	memset(&w, 0, sizeof w);
	w.chain = dp_chain_find(chain, strlen(chain));
	assert_non_null(w.chain);
	w.utxo = w.chain->kind == DP_CHAIN_UTXO;
	w.row = calloc(ROWS_MAX, sizeof *w.row);
	w.tx = calloc(TXS_MAX, sizeof *w.tx);
	w.rng.s = seed;
}

static void end_world(void)
{
	for (uint32_t i = 0; i < w.blocks; i++) dp_bytes_out_done(&w.record[i]);
	dp_builder_done(&w.builder);
	free(w.row);
	free(w.tx);
	assert_int_equal(dp_mem_live(), 0);
}

static void begin_block(void)
{
	dp_builder_start(&w.builder, w.chain, 100 + 2 * w.blocks, 1700000000 + 7 * (int)w.blocks);
	memset(w.builder.block.hash, 1 + (int)w.blocks % 200, 32);
	memset(w.builder.block.prev, (int)w.blocks % 200, 32);
}

static void end_block(void)
{
	const dp_block *block;
	dp_fault fault;
	assert_int_equal(dp_builder_finish(&w.builder, &block, &fault), DP_OK);
	assert_int_equal(dp_record_put(&w.record[w.blocks], block, 4, w.blocks == 0, &fault),
	                 DP_OK);
	w.first_tx[w.blocks] = w.txs;
	w.first_row[w.blocks] = w.rows;
	for (uint32_t t = 0; t < block->tx_count; t++) {
		plain_tx *x = &w.tx[w.txs++];
		memcpy(x->id, block->tx[t].id, 32);
		x->flags = block->tx[t].flags;
		x->first = w.rows + block->tx[t].mv_first;
		x->count = block->tx[t].mv_count;
		x->block = w.blocks;
	}
	assert_true(w.rows + block->mv_count <= ROWS_MAX && w.txs <= TXS_MAX);
	if (block->mv_count > 0) memcpy(&w.row[w.rows], block->mv, block->mv_count * sizeof *w.row);
	w.rows += block->mv_count;
	w.first_tx[++w.blocks] = w.txs;
	w.first_row[w.blocks] = w.rows;
}

static void id_of(uint8_t ret_id[32], uint64_t n)
{
	t_rng r = {n * 77 + 5};
	for (int i = 0; i < 4; i++) {
		uint64_t x = t_rand(&r);
		memcpy(ret_id + 8 * i, &x, 8);
	}
	// Some ids agree in their first bytes: four or eight of them.
	if (n % 7 == 0) memset(ret_id, 5, n % 2 == 0 ? 4 : 8);
}

static dp_tx *add_tx(uint64_t id, uint32_t flags)
{
	dp_tx *tx;
	dp_fault fault;
	assert_int_equal(dp_builder_tx(&w.builder, &tx, &fault), DP_OK);
	id_of(tx->id, id);
	tx->flags = flags;
	return tx;
}

static dp_movement *add_row(dp_mv_kind kind, uint64_t amount)
{
	dp_movement *mv;
	dp_fault fault;
	assert_int_equal(dp_builder_movement(&w.builder, &mv, &fault), DP_OK);
	mv->kind = (uint8_t)kind;
	mv->asset = dp_asset_native(w.chain);
	mv->amount = dp_u256_of(amount);
	return mv;
}

static void add_input(uint64_t tx, uint32_t vout, uint64_t amount)
{
	dp_movement *mv = add_row(DP_MV_INPUT, amount);
	id_of(mv->spent.txid, tx);
	mv->spent.vout = vout;
}

// Somebody out of a small crowd of every kind; sometimes nobody.
static dp_addr person(uint32_t n)
{
	static const uint8_t len[DP_ADDR_KIND_COUNT] = {0, 20, 20, 20, 20, 32, 32,
	                                                0, 20, 32, 32, 0,  0};
	dp_addr a = {.kind = (uint8_t)(n % DP_ADDR_KIND_COUNT)};
	if (a.kind == DP_ADDR_NONE) return a;
	a.len = len[a.kind];
	if (a.kind == DP_ADDR_WITNESS || a.kind == DP_ADDR_NAME) a.len = (uint8_t)(1 + n % 32);
	t_rng r = {n};
	for (uint32_t i = 0; i < a.len; i++) a.bytes[i] = (uint8_t)t_rand(&r);
	return a;
}

static dp_addr someone(void)
{
	uint32_t n = t_below(&w.rng, t_below(&w.rng, 4) == 0 ? PEOPLE * 20 : PEOPLE);
	return person(n);
}

static dp_u256 some_amount(void)
{
	dp_u128 v = (dp_u128)t_rand(&w.rng) << 64 | t_rand(&w.rng);
	switch (t_below(&w.rng, 4)) {
	case 0: return dp_u256_of(t_below(&w.rng, 1000));
	case 1: return dp_u256_of128((v >> 90) * dp_amount_ten[t_below(&w.rng, 20)]);
	case 2: return (dp_u256){{t_rand(&w.rng), 0, t_rand(&w.rng), 3}};
	default: return dp_u256_of128(v >> t_below(&w.rng, 128));
	}
}

static void random_account_row(void)
{
	static const char *const symbols[] = {"USDT", "USDC", "DAI"};
	dp_movement *mv = add_row(DP_MV_NATIVE + t_below(&w.rng, 5), 0);
	mv->amount = some_amount();
	mv->from = someone();
	mv->to = t_below(&w.rng, 10) == 0 ? mv->from : someone();
	mv->flags = t_below(&w.rng, 6) == 0 ? DP_MVF_FAILED : 0;
	uint32_t what = t_below(&w.rng, 8);
	if (what < 3) mv->asset = dp_asset_by_symbol(w.chain, symbols[what], strlen(symbols[what]));
	if (what == 3) {
		mv->asset = DP_ASSET_NONE;
		memset(mv->noise.contract, (int)t_below(&w.rng, 9), 20);
		snprintf(mv->noise.symbol, sizeof mv->noise.symbol, "S%u", t_below(&w.rng, 5));
	}
}

static void random_account_world(uint64_t seed, uint32_t blocks)
{
	begin_world("ethereum", seed);
	for (uint32_t i = 0; i < blocks; i++) {
		begin_block();
		for (uint32_t t = t_below(&w.rng, 12); t > 0; t--) {
			add_tx(t_below(&w.rng, 5000), t_below(&w.rng, 4));
			uint32_t rows = t_below(&w.rng, 6);
			if (t_below(&w.rng, 40) == 0) rows = 200;
			for (; rows > 0; rows--) random_account_row();
		}
		end_block();
	}
}

// Coins not yet spent, by transaction number and output.
typedef struct plain_coin {
	uint64_t tx;
	uint32_t vout;
	dp_u256 amount;
	dp_addr owner;
} plain_coin;

static void random_inputs(plain_coin *coins, uint32_t *io_count)
{
	for (uint32_t n = t_below(&w.rng, 4); n > 0; n--) {
		dp_movement *mv = add_row(DP_MV_INPUT, 0);
		bool known = *io_count > 0 && t_below(&w.rng, 5) != 0;
		if (!known) { // what came before the first block
			id_of(mv->spent.txid, 1000000 + t_below(&w.rng, 100000));
			mv->spent.vout = t_below(&w.rng, 1000000);
			mv->from = someone();
			mv->amount = some_amount();
		} else {
			uint32_t i = t_below(&w.rng, *io_count);
			id_of(mv->spent.txid, coins[i].tx);
			mv->spent.vout = coins[i].vout;
			mv->from = coins[i].owner;
			mv->amount = coins[i].amount;
			coins[i] = coins[--*io_count];
		}
		if (t_below(&w.rng, 3) > 0) continue;
		mv->flags = DP_MVF_VALUE_UNKNOWN;
		mv->amount = DP_U256_ZERO;
	}
}

static void random_utxo_world(uint64_t seed, uint32_t blocks)
{
	begin_world("bitcoin", seed);
	plain_coin *coins = calloc(ROWS_MAX, sizeof *coins);
	uint32_t count = 0;
	uint64_t number = 0;
	for (uint32_t i = 0; i < blocks; i++) {
		begin_block();
		for (uint32_t t = 0, n = t_below(&w.rng, 12); t < n; t++) {
			add_tx(++number, t == 0 ? DP_TXF_COINBASE : 0);
			if (t > 0) random_inputs(coins, &count);
			uint32_t outputs = t_below(&w.rng, 30) == 0 ? 150 : t_below(&w.rng, 4);
			for (uint32_t v = 0; v < outputs; v++) {
				dp_movement *mv = add_row(DP_MV_OUTPUT, 0);
				mv->amount = some_amount();
				mv->to = someone();
				coins[count++] = (plain_coin){number, v, mv->amount, mv->to};
			}
		}
		end_block();
	}
	free(coins);
}

//- building --------------------------------------------------------------------------------------

static const dp_build_begin begin_far = {
    .unit_first = 64, .block = 1000, .tx = 2000, .row = 12000, .input = 5000, .output = 7000};

// Nothing is found; but the list must be in order.
static dp_code find_nothing(void *context, dp_wanted *wanted, uint64_t count, dp_fault *fault)
{
	(void)context;
	(void)fault;
	for (uint64_t i = 1; i < count; i++)
		assert_true(memcmp(wanted[i - 1].txid, wanted[i].txid, 32) <= 0);
	return DP_OK;
}

// Every second one is found, at a place of its own.
static dp_code find_some(void *context, dp_wanted *wanted, uint64_t count, dp_fault *fault)
{
	(void)context;
	(void)fault;
	for (uint64_t i = 0; i < count; i++) {
		wanted[i].found = wanted[i].txid[9] % 2 == 0;
		wanted[i].output_no = i;
	}
	return DP_OK;
}

// All are one output.
static dp_code find_same(void *context, dp_wanted *wanted, uint64_t count, dp_fault *fault)
{
	(void)context;
	(void)fault;
	for (uint64_t i = 0; i < count; i++) wanted[i].found = true;
	return DP_OK;
}

// A resolver's own fault comes through.
static dp_code find_fault(void *context, dp_wanted *wanted, uint64_t count, dp_fault *fault)
{
	(void)context;
	return dp_fail(fault, DP_IO, "%llu wanted, first of %u", (unsigned long long)count,
	               wanted[0].vout);
}

static dp_code build_all(dp_build **ret_build, uint32_t units, dp_resolve resolve, dp_fault *fault)
{
	dp_build *b;
	DP_TRY(dp_build_new(&b, w.chain, &begin_far, fault));
	dp_code code = DP_OK;
	uint32_t each = (w.blocks + units - 1) / units, at = 0;
	for (uint32_t u = 0; u < units && code == DP_OK; u++) {
		const uint8_t *payloads[BLOCKS_MAX];
		uint64_t sizes[BLOCKS_MAX], n = 0;
		for (; n < each && at < w.blocks; at++, n++) {
			payloads[n] = w.record[at].bytes;
			sizes[n] = w.record[at].size;
		}
		code = dp_build_unit(b, payloads, sizes, n, fault);
	}
	if (code == DP_OK) code = dp_build_sort(b, fault);
	if (code == DP_OK) code = dp_build_join(b, resolve, NULL, fault);
	if (code == DP_OK)
		*ret_build = b;
	else
		dp_build_free(b);
	return code;
}

typedef struct image {
	uint8_t *bytes;
	uint64_t size;
	const dp_segment_header *head;
} image;

static image make_image(uint32_t units, dp_resolve resolve)
{
	dp_build *b;
	dp_fault fault = {0};
	image m;
	if (build_all(&b, units, resolve, &fault) != DP_OK) fail_msg("%s", fault.text);
	assert_int_equal(dp_build_image(b, &m.bytes, &m.size, &fault), DP_OK);
	m.head = (const dp_segment_header *)(const void *)m.bytes;
	dp_build_free(b);
	return m;
}

static const void *section(const image *m, dp_section_id id)
{
	assert_int_equal(m->head->section[id].offset % DP_SECTION_ALIGN, 0);
	return m->bytes + m->head->section[id].offset;
}

static uint64_t count_of(const image *m, dp_section_id id)
{
	return m->head->section[id].count;
}

//- the slow reading ------------------------------------------------------------------------------

static dp_addr image_addr(const image *m, uint32_t id)
{
	dp_addr a = {0};
	const dp_ledger_group *g = section(m, DP_SEC_GROUP);
	for (uint64_t i = 0; i < count_of(m, DP_SEC_GROUP); i++, g++) {
		if (id < g->id_first || id - g->id_first >= g->count) continue;
		const uint8_t *p = (const uint8_t *)section(m, DP_SEC_ADDR) + g->offset +
		                   (uint64_t)(id - g->id_first) * g->width;
		a.kind = (uint8_t)g->kind;
		a.len = (uint8_t)(g->width == 33 ? p[0] : g->width);
		memcpy(a.bytes, g->width == 33 ? p + 1 : p, g->width == 33 ? 32 : g->width);
		return a;
	}
	assert_int_equal(id, 0);
	return a;
}

static bool addr_is(const image *m, uint32_t id, const dp_addr *want)
{
	dp_addr a = image_addr(m, id);
	return dp_addr_eq(&a, want);
}

static void check_word(const image *m, uint64_t word, dp_u256 want)
{
	if (dp_amount_is_wide(word)) {
		dp_u256 v = DP_U256_ZERO;
		uint64_t fits, at = word & (((uint64_t)1 << 62) - 1);
		bool pair = (word >> 62 & 1) != 0;
		assert_int_equal(pair, (want.w[2] | want.w[3]) != 0);
		assert_true(at + pair < count_of(m, DP_SEC_WIDE));
		memcpy(&v, (const uint8_t *)section(m, DP_SEC_WIDE) + 16 * at, pair ? 32 : 16);
		assert_u256(v, want);
		assert_false(dp_amount_encode(&fits, want));
		return;
	}
	dp_u128 v;
	assert_true(dp_amount_decode(&v, word));
	assert_u256(dp_u256_of128(v), want);
}

static void check_txs(const image *m)
{
	const uint8_t(*id)[32] = section(m, DP_SEC_TXID);
	const uint32_t *sorted = section(m, DP_SEC_TXSORT), *bucket = section(m, DP_SEC_TXBUCKET);
	const uint8_t *filter = section(m, DP_SEC_TXFILTER);
	uint32_t bits = m->head->tx_bits;
	assert_int_equal(count_of(m, DP_SEC_TXID), w.txs);
	assert_int_equal(count_of(m, DP_SEC_TXBUCKET), (1u << bits) + 1);
	assert_int_equal(bucket[1u << bits], w.txs);
	for (uint32_t i = 0; i < w.txs; i++) {
		assert_memory_equal(id[i], w.tx[i].id, 32);
		uint64_t key = dp_filter_txid_key(id[i]), first;
		uint64_t blocks = count_of(m, DP_SEC_TXFILTER);
		assert_true(dp_filter_has(filter + 32 * dp_filter_block_of(key, blocks), key));
		memcpy(&first, id[sorted[i]], 8);
		uint64_t b = bits == 0 ? 0 : __builtin_bswap64(first) >> (64 - bits);
		assert_true(bucket[b] <= i && i < bucket[b + 1]);
		if (i == 0) continue;
		int c = memcmp(id[sorted[i - 1]], id[sorted[i]], 32);
		assert_true(c < 0 || (c == 0 && sorted[i - 1] < sorted[i]));
	}
}

static void check_blocks(const image *m)
{
	const dp_ledger_block_row *row = section(m, DP_SEC_BLOCK);
	assert_int_equal(count_of(m, DP_SEC_BLOCK), w.blocks + 1);
	for (uint32_t i = 0; i <= w.blocks; i++) {
		assert_int_equal(row[i].tx, w.first_tx[i]);
		assert_int_equal(row[i].row, w.first_row[i]);
		if (i == w.blocks) break;
		uint32_t noise = 0;
		for (uint32_t r = w.first_row[i]; r < w.first_row[i + 1]; r++)
			noise += w.row[r].asset.v == 0;
		assert_int_equal(row[i].noise, noise);
		assert_int_equal(row[i].height, 100 + 2 * i);
		assert_int_equal(row[i].time, 1700000000 + 7 * (int)i);
		assert_int_equal(row[i].flags, i == 0);
		assert_int_equal(row[i].hash[31], 1 + i % 200);
	}
	assert_int_equal(m->head->height_last, 100 + 2 * (w.blocks - 1));
	assert_int_equal(m->head->gaps, 4);
	assert_int_equal(m->head->unit_count, 0);
	assert_int_equal(m->head->row_first, begin_far.row);
}

// Does an address have a part in a transaction that deserves a posting? On UTXO chains the outputs,
// and those inputs that SPENT says are foreign. `input_of`: numbers of the inputs, by row.
static bool has_part(const image *m, const dp_addr *a, const plain_tx *tx, const uint32_t *input_of)
{
	const uint64_t *spent = w.utxo ? section(m, DP_SEC_SPENT) : NULL;
	for (uint32_t r = tx->first; r < tx->first + tx->count; r++) {
		const dp_movement *mv = &w.row[r];
		bool counts = mv->kind != DP_MV_INPUT || spent[input_of[r]] >> 63 != 0;
		if (counts && (dp_addr_eq(&mv->from, a) || dp_addr_eq(&mv->to, a))) return true;
	}
	return false;
}

static void check_postings(const image *m)
{
	const uint32_t *first = section(m, DP_SEC_POSTFIRST), *post = section(m, DP_SEC_POST);
	uint32_t n = (uint32_t)m->head->address_count, inputs = 0;
	uint32_t *input_of = calloc(ROWS_MAX, sizeof *input_of);
	for (uint32_t r = 0; r < w.rows; r++) {
		input_of[r] = inputs;
		inputs += w.row[r].kind == DP_MV_INPUT;
	}
	assert_int_equal(count_of(m, DP_SEC_POSTFIRST), n + 2);
	assert_int_equal(first[0] + first[1], 0);
	assert_int_equal(first[n + 1], count_of(m, DP_SEC_POST));
	for (uint32_t id = 1; id <= n; id++) {
		dp_addr a = image_addr(m, id);
		uint32_t at = first[id];
		assert_true(at < first[id + 1]); // nobody without a posting
		for (uint32_t t = 0; t < w.txs; t++) {
			if (!has_part(m, &a, &w.tx[t], input_of)) continue;
			assert_true(at < first[id + 1]);
			assert_int_equal(post[at++], t);
		}
		assert_int_equal(at, first[id + 1]);
	}
	free(input_of);
}

static void check_addresses(const image *m)
{
	const dp_ledger_group *g = section(m, DP_SEC_GROUP);
	const uint32_t *buckets = section(m, DP_SEC_ADDRBUCKET);
	uint64_t blocks = count_of(m, DP_SEC_ADDRFILTER), ids = 0, bucket_next = 0, offset = 0;
	const uint8_t *filter = section(m, DP_SEC_ADDRFILTER);
	for (uint64_t i = 0; i < count_of(m, DP_SEC_GROUP); i++, g++) {
		assert_true(i == 0 || g[-1].kind < g->kind);
		assert_int_equal(g->id_first, ids + 1);
		assert_int_equal(g->bucket_first, bucket_next);
		assert_int_equal(g->offset, offset);
		const uint32_t *bucket = buckets + g->bucket_first;
		assert_int_equal(bucket[1u << g->bits], g->count);
		for (uint32_t j = 0; j < g->count; j++) {
			dp_addr a = image_addr(m, g->id_first + j), before = {0};
			if (j > 0) before = image_addr(m, g->id_first + j - 1);
			uint64_t key = dp_addr_key(&a), key_before = dp_addr_key(&before);
			assert_true(j == 0 || key_before < key ||
			            (key_before == key && memcmp(&before, &a, sizeof a) < 0));
			uint64_t b = g->bits == 0 ? 0 : key >> (64 - g->bits);
			assert_true(bucket[b] <= j && j < bucket[b + 1]);
			assert_true(
			    dp_filter_has(filter + 32 * dp_filter_block_of(key, blocks), key));
		}
		ids += g->count;
		bucket_next += (1u << g->bits) + 1;
		offset += (uint64_t)g->count * g->width;
	}
	assert_int_equal(m->head->address_count, ids);
	assert_int_equal(count_of(m, DP_SEC_ADDRBUCKET), bucket_next);
	assert_int_equal(count_of(m, DP_SEC_ADDR), offset);
}

static void check_class(const image *m, uint32_t row)
{
	const uint8_t *narrow = section(m, DP_SEC_CLASS);
	const uint16_t *wide = section(m, DP_SEC_CLASS);
	bool is_wide = count_of(m, DP_SEC_CLASSES) > 256;
	uint32_t class = is_wide ? wide[row] : narrow[row];
	assert_int_equal(m->head->section[DP_SEC_CLASS].width, is_wide ? 2 : 1);
	const dp_ledger_class *c = section(m, DP_SEC_CLASSES);
	for (uint64_t i = 1; i < count_of(m, DP_SEC_CLASSES); i++)
		assert_true(memcmp(&c[i - 1], &c[i], sizeof *c) < 0);
	assert_true(class < count_of(m, DP_SEC_CLASSES));
	c += class;
	dp_ledger_class want = {.kind = w.row[row].kind, .flags = w.row[row].flags};
	dp_ledger_asset_of(w.row[row].asset, &want);
	assert_memory_equal(c, &want, sizeof want);
}

static void check_account(const image *m)
{
	const uint32_t *txrow = section(m, DP_SEC_TXROW), *src = section(m, DP_SEC_SRC),
	               *dst = section(m, DP_SEC_DST);
	const uint64_t *amount = section(m, DP_SEC_AMOUNT);
	const dp_ledger_noise *noise = section(m, DP_SEC_NOISE);
	const dp_ledger_noise_name *name = section(m, DP_SEC_NOISENAME);
	for (uint32_t t = 0; t < w.txs; t++) {
		assert_int_equal(txrow[t] & ROW_MASK, w.tx[t].first);
		assert_int_equal(txrow[t] >> DP_TXROW_BITS, w.tx[t].flags);
	}
	assert_int_equal(txrow[w.txs], w.rows);
	for (uint64_t i = 1; i < count_of(m, DP_SEC_NOISENAME); i++)
		assert_true(memcmp(&name[i - 1], &name[i], sizeof *name) < 0);
	uint32_t noises = 0;
	for (uint32_t r = 0; r < w.rows; r++) {
		assert_true(addr_is(m, src[r], &w.row[r].from));
		assert_true(addr_is(m, dst[r], &w.row[r].to));
		check_word(m, amount[r], w.row[r].amount);
		check_class(m, r);
		if (w.row[r].asset.v != 0) continue;
		assert_int_equal(noise[noises].row, r);
		assert_memory_equal(&name[noise[noises].name], &w.row[r].noise, sizeof *name);
		noises++;
	}
	assert_int_equal(count_of(m, DP_SEC_NOISE), noises);
	assert_int_equal(m->head->noise_count, noises);
}

// The output that a row spends, by reading all outputs before it; -1 when there is none.
static int64_t slow_spent(const plain_tx *spender, const dp_movement *mv)
{
	int64_t found = -1, outputs = 0;
	for (uint32_t t = 0; &w.tx[t] < spender; t++) {
		uint32_t vout = 0;
		for (uint32_t r = w.tx[t].first; r < w.tx[t].first + w.tx[t].count; r++) {
			if (w.row[r].kind != DP_MV_OUTPUT) continue;
			if (memcmp(w.tx[t].id, mv->spent.txid, 32) == 0 && vout == mv->spent.vout)
				found = outputs;
			vout++;
			outputs++;
		}
	}
	return found;
}

static void check_input(const image *m, const plain_tx *tx, uint32_t row, uint32_t input,
                        uint32_t *io_foreign)
{
	const uint64_t *spent = section(m, DP_SEC_SPENT);
	const dp_ledger_foreign *f = section(m, DP_SEC_FOREIGN);
	const dp_movement *mv = &w.row[row];
	int64_t local = slow_spent(tx, mv);
	if (local >= 0) {
		assert_int_equal(spent[input], begin_far.output + (uint64_t)local);
	} else if ((spent[input] & DP_SPENT_FOREIGN) == 0) {
		assert_true(spent[input] < begin_far.output);
	} else {
		assert_int_equal(spent[input] & ~DP_SPENT_FOREIGN, *io_foreign);
		f += (*io_foreign)++;
		assert_memory_equal(f->txid, mv->spent.txid, 32);
		assert_int_equal(f->vout, mv->spent.vout);
		assert_int_equal(f->flags, mv->flags);
		assert_memory_equal(f->amount, mv->amount.w, 32);
		assert_true(addr_is(m, f->address, &mv->from));
	}
}

static void check_utxo(const image *m)
{
	const uint32_t *txin = section(m, DP_SEC_TXIN), *txout = section(m, DP_SEC_TXOUT),
	               *outtx = section(m, DP_SEC_OUTTX), *outaddr = section(m, DP_SEC_OUTADDR);
	const uint64_t *value = section(m, DP_SEC_VALUE);
	uint32_t in = 0, out = 0, foreign = 0;
	for (uint32_t t = 0; t < w.txs; t++) {
		assert_int_equal(txin[t] & ROW_MASK, in);
		assert_int_equal(txin[t] >> DP_TXROW_BITS, w.tx[t].flags);
		assert_int_equal(txout[t], out);
		for (uint32_t r = w.tx[t].first; r < w.tx[t].first + w.tx[t].count; r++) {
			if (w.row[r].kind == DP_MV_INPUT) {
				check_input(m, &w.tx[t], r, in++, &foreign);
				continue;
			}
			if (out % 32 == 0) assert_int_equal(outtx[out / 32], t);
			assert_true(addr_is(m, outaddr[out], &w.row[r].to));
			check_word(m, value[out++], w.row[r].amount);
		}
	}
	assert_int_equal(txin[w.txs], in);
	assert_int_equal(txout[w.txs], out);
	assert_int_equal(m->head->input_count, in);
	assert_int_equal(m->head->output_count, out);
	assert_int_equal(count_of(m, DP_SEC_OUTTX), (out + 31) / 32);
	assert_int_equal(count_of(m, DP_SEC_FOREIGN), foreign);
}

static void check_checksums(const image *m)
{
	uint64_t data = m->head->data_size, chunks = (data + DP_CHUNK - 1) / DP_CHUNK;
	const uint8_t *at = m->bytes + DP_SEGMENT_HEADER_SIZE, *list = at + data;
	assert_int_equal(m->size, DP_SEGMENT_HEADER_SIZE + data + 8 * chunks);
	for (uint64_t i = 0; i < chunks; i++) {
		uint64_t n = data - i * DP_CHUNK, want;
		memcpy(&want, list + 8 * i, 8);
		assert_true(XXH3_64bits(at + i * DP_CHUNK, n < DP_CHUNK ? n : DP_CHUNK) == want);
	}
	XXH128_canonical_t check;
	XXH128_canonicalFromHash(&check, XXH3_128bits(list, 8 * chunks));
	assert_memory_equal(m->head->chunks_check, check.digest, 16);
}

static void check_image(const image *m)
{
	assert_memory_equal(m->head->magic, "dyeledg", 8);
	assert_int_equal(m->head->row_count, w.rows);
	check_blocks(m);
	check_txs(m);
	check_addresses(m);
	check_postings(m);
	if (w.utxo)
		check_utxo(m);
	else
		check_account(m);
	check_checksums(m);
}

//- tests -----------------------------------------------------------------------------------------

static void random_account_ledgers_are_as_a_slow_reading_says(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		random_account_world(seed, (uint32_t)(1 + seed * 9));
		image m = make_image(1, NULL);
		check_image(&m);
		dp_free(m.bytes);
		end_world();
	}
}

static void random_utxo_ledgers_are_as_a_slow_reading_says(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		random_utxo_world(seed, (uint32_t)(1 + seed * 9));
		image m = make_image(1, seed % 2 == 0 ? find_nothing : find_some);
		check_image(&m);
		dp_free(m.bytes);
		end_world();
	}
}

static void how_blocks_are_cut_into_units_changes_nothing(void **state)
{
	(void)state;
	for (int utxo = 0; utxo < 2; utxo++) {
		if (utxo)
			random_utxo_world(99, 150);
		else
			random_account_world(99, 150);
		image one = make_image(1, find_some);
		for (uint32_t units = 8; units <= 64; units *= 8) {
			image many = make_image(units, find_some);
			assert_int_equal(many.size, one.size);
			assert_memory_equal(many.bytes, one.bytes, one.size);
			dp_free(many.bytes);
		}
		dp_free(one.bytes);
		end_world();
	}
}

static void a_file_is_the_image_with_its_units(void **state)
{
	(void)state;
	random_account_world(5, 60);
	dp_build *b;
	dp_fault fault;
	char path[] = "/tmp/dyepack-test-build-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	uint8_t check[16], header[DP_SEGMENT_HEADER_SIZE], *bytes;
	uint64_t size;
	assert_int_equal(build_all(&b, 8, NULL, &fault), DP_OK);
	assert_int_equal(dp_build_write(b, path, check, &fault), DP_OK);
	dp_build_begin next = dp_build_begin_of_next(b);
	assert_int_equal(next.unit_first, begin_far.unit_first + 8);
	assert_int_equal(next.row, begin_far.row + w.rows);
	assert_int_equal(next.tx, begin_far.tx + w.txs);
	dp_build_free(b);
	assert_int_equal(dp_file_read(&bytes, &size, path, 1u << 30, &fault), DP_OK);
	unlink(path);
	memcpy(header, bytes, sizeof header);
	XXH128_canonical_t canonical;
	XXH128_canonicalFromHash(&canonical, XXH3_128bits(header, sizeof header));
	assert_memory_equal(canonical.digest, check, 16);
	dp_segment_header *h = (dp_segment_header *)(void *)bytes;
	assert_int_equal(h->unit_count, 8);
	h->unit_count = 0;
	image m = make_image(3, NULL);
	assert_int_equal(m.size, size);
	assert_memory_equal(m.bytes, bytes, size);
	dp_free(m.bytes);
	dp_free(bytes);
	end_world();
}

// Anybody can make addresses with one dp_addr_key: where eight of their bytes equal those of XXH3's
// public secret, one factor is zero and the last six bytes change nothing.
static void addresses_ground_to_one_key_are_sorted_by_their_bytes(void **state)
{
	(void)state;
	static const uint8_t secret[8] = {0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb};
	begin_world("ethereum", 1);
	begin_block();
	uint64_t key = 0;
	for (uint32_t i = 0; i < 5000; i++) {
		add_tx(i, 0);
		dp_movement *mv = add_row(DP_MV_NATIVE, 1);
		mv->to = (dp_addr){.kind = DP_ADDR_EVM, .len = 20};
		memcpy(mv->to.bytes + 4, secret, 8);
		uint32_t x = i * 2654435761u;
		memcpy(mv->to.bytes + 14, &x, 4);
		if (i == 0) key = dp_addr_key(&mv->to);
		assert_true(dp_addr_key(&mv->to) == key);
	}
	end_block();
	image m = make_image(1, NULL);
	assert_int_equal(m.head->address_count, 5000);
	check_addresses(&m);
	check_txs(&m);
	dp_free(m.bytes);
	end_world();
}

// The first 256 classes have a byte a row, and all rows two once there is another one.
static void many_classes_take_two_bytes(void **state)
{
	(void)state;
	for (uint32_t most = 255; most <= 259; most++) {
		begin_world("ethereum", 1);
		uint32_t made = 0, assets = dp_asset_count();
		for (uint32_t block = 0; block < 2; block++) {
			begin_block();
			add_tx(block, 0);
			for (uint32_t i = 0; made < (block + 1) * most && i < assets * 40; i++) {
				dp_asset asset = {(uint16_t)(1 + i / 40)};
				if (dp_asset_info_of(asset)->chain != w.chain) continue;
				dp_movement *mv = add_row(DP_MV_NATIVE + i % 5, 1);
				mv->asset = asset;
				mv->flags = (uint8_t)(i / 5 % 8);
				mv->to = person(1);
				made++;
			}
			end_block();
		}
		assert_int_equal(made, 2 * most);
		image m = make_image(1, NULL);
		assert_int_equal(count_of(&m, DP_SEC_CLASSES), most);
		check_account(&m);
		dp_free(m.bytes);
		end_world();
	}
}

//- small chains ----------------------------------------------------------------------------------

static void add_output(uint32_t to, uint64_t amount)
{
	add_row(DP_MV_OUTPUT, amount)->to = person(to);
}

static void small_chain_begin(const char *chain)
{
	begin_world(chain, 1);
	begin_block();
	add_tx(1, DP_TXF_COINBASE);
	add_output(1, 50);
	add_output(2, 70);
	end_block();
	begin_block();
}

static void expect_refusal(const char *words)
{
	end_block();
	dp_build *b;
	dp_fault fault = {0};
	assert_int_equal(build_all(&b, 1, find_nothing, &fault), DP_BAD_BYTES);
	if (strstr(fault.text, words) == NULL) fail_msg("\"%s\" lacks \"%s\"", fault.text, words);
	end_world();
}

static void false_spends_are_refused(void **state)
{
	(void)state;
	small_chain_begin("bitcoin");
	add_tx(2, 0);
	add_input(1, 2, 70);
	expect_refusal("that transaction has 2 outputs");

	small_chain_begin("bitcoin");
	add_tx(2, 0);
	add_input(1, 1, 69);
	expect_refusal("an output of 70 base units, as an input of 69");

	small_chain_begin("bitcoin");
	add_tx(2, 0);
	add_input(1, 1, 70);
	add_tx(3, 0);
	add_input(1, 1, 70);
	expect_refusal("which was spent before");

	small_chain_begin("bitcoin");
	add_tx(2, 0);
	add_input(3, 0, 9);
	end_block();
	begin_block();
	add_tx(3, 0);
	add_output(1, 9);
	expect_refusal("a transaction that comes later");

	small_chain_begin("bitcoin"); // its own output
	add_tx(2, 0);
	add_input(2, 0, 9);
	add_output(1, 9);
	expect_refusal("a transaction that comes later");
}

static void in_any_order_holds_within_a_block_of_chains_that_sort(void **state)
{
	(void)state;
	for (int sorted = 0; sorted < 2; sorted++) {
		small_chain_begin(sorted ? "bitcoin-cash" : "bitcoin");
		assert_int_equal(w.chain->any_order, sorted);
		add_tx(2, 0);
		add_input(3, 0, 9);
		add_tx(3, 0);
		add_output(1, 9);
		if (!sorted) {
			expect_refusal("a transaction that comes later");
			continue;
		}
		end_block();
		image m = make_image(1, find_nothing);
		const uint64_t *spent = section(&m, DP_SEC_SPENT);
		assert_int_equal(spent[0], begin_far.output + 2);
		dp_free(m.bytes);
		end_world();
	}
}

static void a_found_output_is_spent_once(void **state)
{
	(void)state;
	small_chain_begin("bitcoin");
	add_tx(2, 0);
	add_input(500, 0, 9);
	add_input(500, 0, 9);
	end_block();
	dp_build *b;
	dp_fault fault = {0};
	dp_code code = build_all(&b, 1, find_nothing, &fault);
	assert_int_equal(code, DP_OK); // of what nobody knows, nothing can be said
	dp_build_free(b);
	assert_int_equal(build_all(&b, 1, find_same, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "which was spent before"));
	assert_int_equal(build_all(&b, 1, find_fault, &fault), DP_IO);
	end_world();
}

// Two coinbases with one id: the later is what is spent from then on.
static void a_coinbase_with_an_old_id_buries_the_old_one(void **state)
{
	(void)state;
	small_chain_begin("bitcoin");
	add_tx(2, DP_TXF_COINBASE);
	add_output(3, 5);
	add_tx(3, 0);
	add_input(1, 0, 50);
	end_block();
	begin_block();
	add_tx(1, DP_TXF_COINBASE);
	add_output(1, 50);
	add_output(2, 71);
	end_block();
	begin_block();
	add_tx(4, 0);
	add_input(1, 1, 71);
	add_input(777, 3, 1);
	add_input(2, 0, 5);
	end_block();
	dp_build *b;
	dp_fault fault;
	assert_int_equal(build_all(&b, 1, find_nothing, &fault), DP_OK);
	uint64_t n, output_no, tx_no, first;
	const dp_buried *buried = dp_build_buried(b, &n);
	assert_int_equal(n, 1);
	assert_true(buried[0].local);
	assert_int_equal(buried[0].tx_no, begin_far.tx + 3);
	assert_int_equal(buried[0].earlier_tx_no, begin_far.tx);
	dp_build_tx_outputs(b, buried[0].tx_no, &first, &n);
	assert_int_equal(first, begin_far.output + 3);
	assert_int_equal(n, 2);
	assert_int_equal(dp_build_coinbase_count(b), 2);
	uint8_t id[32], want[32];
	dp_build_coinbase(b, 1, &tx_no, id);
	id_of(want, 2);
	assert_int_equal(tx_no, begin_far.tx + 1);
	assert_memory_equal(id, want, 32);
	static const uint64_t spends[3][2] = {{0, 2}, {4, 4}, {2, 4}};
	dp_spend_walk walk = {0};
	for (int i = 0; i < 3; i++) {
		assert_true(dp_build_next_spend(b, &walk, &output_no, &tx_no));
		assert_int_equal(output_no, begin_far.output + spends[i][0]);
		assert_int_equal(tx_no, begin_far.tx + spends[i][1]);
	}
	assert_false(dp_build_next_spend(b, &walk, &output_no, &tx_no));
	dp_build_free(b);
	end_world();
}

static void an_empty_build_is_a_segment_of_nothing(void **state)
{
	(void)state;
	for (int utxo = 0; utxo < 2; utxo++) {
		begin_world(utxo ? "bitcoin" : "ethereum", 1);
		begin_block();
		end_block();
		image m = make_image(1, find_nothing);
		check_image(&m);
		assert_int_equal(count_of(&m, DP_SEC_ADDRFILTER), 1);
		assert_int_equal(count_of(&m, DP_SEC_TXBUCKET), 2);
		dp_free(m.bytes);
		end_world();
	}
}

static void blocks_must_rise_and_records_be_whole(void **state)
{
	(void)state;
	random_account_world(3, 4);
	dp_build *b;
	dp_fault fault = {0};
	const uint8_t *payloads[2] = {w.record[1].bytes, w.record[0].bytes};
	uint64_t sizes[2] = {w.record[1].size, w.record[0].size};
	assert_int_equal(dp_build_new(&b, w.chain, &begin_far, &fault), DP_OK);
	assert_int_equal(dp_build_unit(b, payloads, sizes, 2, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "blocks come in order"));
	dp_build_free(b);
	for (uint64_t cut = 0; cut < w.record[3].size; cut++) {
		sizes[0] = cut;
		payloads[0] = w.record[3].bytes;
		assert_int_equal(dp_build_new(&b, w.chain, &begin_far, &fault), DP_OK);
		assert_int_equal(dp_build_unit(b, payloads, sizes, 1, &fault), DP_BAD_BYTES);
		dp_build_free(b);
	}
	end_world();
}

// Memory runs out at each allocation in turn: an answer, and nothing left behind.
static void without_memory_it_says_so_and_leaves_nothing(void **state)
{
	(void)state;
	for (int utxo = 0; utxo < 2; utxo++) {
		if (utxo)
			random_utxo_world(7, 60);
		else
			random_account_world(7, 60);
		int64_t live = dp_mem_live(), n = 0;
		for (dp_code code = DP_NO_MEMORY; code != DP_OK; n++) {
			assert_true(n < 5000);
			dp_build *b = NULL;
			uint8_t *bytes = NULL;
			uint64_t size;
			dp_fault fault = {0};
			dp_mem_fail_after(n);
			code = build_all(&b, 4, find_nothing, &fault);
			if (code == DP_OK) code = dp_build_image(b, &bytes, &size, &fault);
			dp_mem_fail_after(-1);
			dp_build_free(b);
			dp_free(bytes);
			assert_int_equal(dp_mem_live(), live);
			if (code == DP_OK) break;
			assert_int_equal(code, DP_NO_MEMORY);
			assert_int_equal(fault.code, DP_NO_MEMORY);
		}
		assert_true(n > 30);
		end_world();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(random_account_ledgers_are_as_a_slow_reading_says),
	    cmocka_unit_test(random_utxo_ledgers_are_as_a_slow_reading_says),
	    cmocka_unit_test(how_blocks_are_cut_into_units_changes_nothing),
	    cmocka_unit_test(a_file_is_the_image_with_its_units),
	    cmocka_unit_test(addresses_ground_to_one_key_are_sorted_by_their_bytes),
	    cmocka_unit_test(many_classes_take_two_bytes),
	    cmocka_unit_test(false_spends_are_refused),
	    cmocka_unit_test(in_any_order_holds_within_a_block_of_chains_that_sort),
	    cmocka_unit_test(a_found_output_is_spent_once),
	    cmocka_unit_test(a_coinbase_with_an_old_id_buries_the_old_one),
	    cmocka_unit_test(an_empty_build_is_a_segment_of_nothing),
	    cmocka_unit_test(blocks_must_rise_and_records_be_whole),
	    cmocka_unit_test(without_memory_it_says_so_and_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
