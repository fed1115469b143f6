// See ledger.h.
#include "support/ledger.h"
#include "support/notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

//- names -----------------------------------------------------------------------------------------

const dp_chain *t_chain(bool utxo)
{
	const char *name = utxo ? "bitcoin" : "ethereum";
	return dp_chain_find(name, strlen(name));
}

dp_asset t_asset(bool utxo, int asset)
{
	static const char *const names[] = {"eth", "steth", "usdc"};
	if (asset == T_NOISE) return DP_ASSET_NONE;
	if (utxo) return dp_asset_native(t_chain(true));
	assert_in_range(asset, 0, 2);
	return dp_asset_by_symbol(t_chain(false), names[asset], strlen(names[asset]));
}

// 0x1000...a0nn, as tests/model/worlds.py writes them.
dp_addr t_addr(int64_t n)
{
	dp_addr a = {0};
	if (n == T_NOBODY) return a;
	a.kind = DP_ADDR_EVM;
	a.len = 20;
	a.bytes[0] = 0x10;
	uint64_t v = 0xa000 + (uint64_t)n;
	for (int i = 0; i < 8; i++) a.bytes[19 - i] = (uint8_t)(v >> (8 * i));
	return a;
}

int64_t t_addr_number(const dp_addr *a)
{
	uint64_t v = 0;
	for (int i = 12; i < 20; i++) v = v << 8 | a->bytes[i];
	return (int64_t)(v - 0xa000);
}

static void number_to_id(uint8_t id[32], uint8_t kind, int64_t n)
{
	memset(id, 0, 32);
	id[0] = kind;
	for (int i = 0; i < 8; i++) id[31 - i] = (uint8_t)((uint64_t)n >> (8 * i));
}

void t_txid(uint8_t ret_id[32], int64_t n)
{
	number_to_id(ret_id, 0xc0, n);
}

dp_outpoint t_outpoint(int64_t tx, int64_t vout)
{
	dp_outpoint o = {0};
	if (tx == T_OUTSIDE) {
		number_to_id(o.txid, 0xe0, vout);
		return o;
	}
	t_txid(o.txid, tx);
	o.vout = (uint32_t)vout;
	return o;
}

void t_outpoint_numbers(const uint8_t id[36], int64_t *ret_tx, int64_t *ret_vout)
{
	uint64_t n = 0;
	for (int i = 24; i < 32; i++) n = n << 8 | id[i];
	*ret_tx = id[0] == 0xe0 ? T_OUTSIDE : (int64_t)n;
	*ret_vout = id[0] == 0xe0 ? (int64_t)n
	                          : (int64_t)((uint32_t)id[32] | (uint32_t)id[33] << 8 |
	                                      (uint32_t)id[34] << 16 | (uint32_t)id[35] << 24);
}

//- ledgers ---------------------------------------------------------------------------------------

// Doubles at powers of two: no capacities to keep.
static void *grown(void *items, uint32_t count, size_t item_size)
{
	if ((count & (count - 1)) != 0) return items;
	void *p = realloc(items, (count == 0 ? 1 : (size_t)count * 2) * item_size);
	assert_non_null(p);
	return p;
}

void t_begin_block(t_ledger *l, uint64_t height, int64_t time)
{
	l->block = grown(l->block, l->blocks, sizeof *l->block);
	l->block[l->blocks++] = (t_block){.height = height, .time = time, .first = l->txs};
}

void t_begin_tx(t_ledger *l, int64_t id)
{
	assert_true(l->blocks > 0);
	l->tx = grown(l->tx, l->txs, sizeof *l->tx);
	l->tx[l->txs++] = (t_tx){.id = id, .first = l->rows};
	l->block[l->blocks - 1].count++;
}

void t_add(t_ledger *l, t_row row)
{
	assert_true(l->txs > 0);
	l->row = grown(l->row, l->rows, sizeof *l->row);
	l->row[l->rows++] = row;
	l->tx[l->txs - 1].count++;
}

void t_move(t_ledger *l, int64_t from, int64_t to, int asset, uint64_t amount)
{
	t_add(l, (t_row){T_MOVE, from, to, asset, 0, dp_u256_of(amount)});
}

void t_fee(t_ledger *l, int64_t from, int64_t to, uint64_t amount)
{
	t_add(l, (t_row){T_FEE, from, to, 0, 0, dp_u256_of(amount)});
}

void t_in(t_ledger *l, int64_t tx, int64_t vout, uint64_t amount)
{
	t_add(l, (t_row){T_IN, tx, vout, 0, 0, dp_u256_of(amount)});
}

void t_out(t_ledger *l, int64_t to, uint64_t amount)
{
	t_add(l, (t_row){T_OUT, T_NOBODY, to, 0, 0, dp_u256_of(amount)});
}

void t_add_notes(t_ledger *l, uint64_t seed)
{
	assert_true(l->txs > 0 && seed != 0);
	l->tx[l->txs - 1].notes = seed;
}

void t_clear(t_ledger *l)
{
	l->rows = l->txs = l->blocks = 0;
}

void t_ledger_done(t_ledger *l)
{
	free(l->row);
	free(l->tx);
	free(l->block);
	*l = (t_ledger){.utxo = l->utxo};
}

static void build_row(dp_movement *m, const t_row *r, bool utxo)
{
	m->amount = r->amount;
	m->asset = t_asset(utxo, r->asset);
	m->flags = r->flags;
	if (r->kind == T_IN) {
		m->kind = DP_MV_INPUT;
		m->spent = t_outpoint(r->from, r->to);
	} else if (r->kind == T_OUT) {
		m->kind = DP_MV_OUTPUT;
		m->to = t_addr(r->to);
		if (r->to == T_NOBODY) m->to.kind = DP_ADDR_NULLDATA;
	} else {
		bool native = m->asset.v == dp_asset_native(t_chain(false)).v;
		m->kind = r->kind == T_FEE ? DP_MV_FEE : native ? DP_MV_NATIVE : DP_MV_TOKEN;
		m->from = t_addr(r->from);
		m->to = t_addr(r->to);
	}
}

const dp_block *t_build(dp_block_builder *b, const t_ledger *l, uint32_t block)
{
	assert_in_range(block, 0, l->blocks - 1);
	const t_block *k = &l->block[block];
	dp_builder_start(b, t_chain(l->utxo), k->height, k->time);
	number_to_id(b->block.hash, 0xb0, (int64_t)k->height);
	dp_fault fault;
	for (uint32_t t = k->first; t < k->first + k->count; t++) {
		dp_tx *tx;
		assert_int_equal(dp_builder_tx(b, &tx, &fault), DP_OK);
		t_txid(tx->id, l->tx[t].id);
		uint32_t first = l->tx[t].first;
		if (l->utxo && (l->tx[t].count == 0 || l->row[first].kind != T_IN))
			tx->flags = DP_TXF_COINBASE;
		for (uint32_t i = first; i < first + l->tx[t].count; i++) {
			dp_movement *m;
			assert_int_equal(dp_builder_movement(b, &m, &fault), DP_OK);
			build_row(m, &l->row[i], l->utxo);
		}
		t_rng notes = {l->tx[t].notes};
		if (notes.s != 0) t_notes_append(b, &notes, 1 + t_below(&notes, 3));
	}
	const dp_block *built;
	assert_int_equal(dp_builder_finish(b, &built, &fault), DP_OK);
	return built;
}

dp_code t_apply(dp_engine *e, const t_ledger *l, uint32_t block, dp_fault *fault)
{
	dp_block_builder b = {0};
	dp_code code = dp_engine_apply(e, t_build(&b, l, block), fault);
	dp_builder_done(&b);
	return code;
}

void t_apply_all(dp_engine *e, const t_ledger *l, uint32_t first)
{
	for (uint32_t i = first; i < l->blocks; i++) {
		dp_fault fault;
		if (t_apply(e, l, i, &fault) == DP_OK) continue;
		char text[DP_FAULT_TEXT_MAX];
		dp_fault_format(&fault, text, sizeof text);
		fail_msg("block %u of the test's ledger was refused: %s", i, text);
	}
}

//- amounts ---------------------------------------------------------------------------------------

dp_u256 t_u256(const char *decimal)
{
	dp_u256 v;
	dp_fault fault;
	assert_int_equal(dp_u256_parse(&v, decimal, strlen(decimal), 0, &fault), DP_OK);
	return v;
}

void t_assert_u256(dp_u256 got, dp_u256 want, const char *file, int line)
{
	if (dp_u256_eq(got, want)) return;
	char g[DP_U256_DEC_MAX], w[DP_U256_DEC_MAX];
	dp_u256_format(g, got, 0);
	dp_u256_format(w, want, 0);
	print_error("%s:%d: %s is not the expected %s\n", file, line, g, w);
	_fail(file, line);
}

//- engines ---------------------------------------------------------------------------------------

void t_case(dp_case *ret_case, const char *yaml)
{
	dp_fault fault;
	if (dp_case_parse(ret_case, yaml, strlen(yaml), &fault) == DP_OK) return;
	char text[DP_FAULT_TEXT_MAX];
	dp_fault_format(&fault, text, sizeof text);
	fail_msg("the test's case is wrong: %s", text);
}

dp_engine *t_engine(const char *policy, const dp_case *const *cases, uint32_t count,
                    bool track_openings, uint32_t undo_blocks)
{
	dp_engine_options o = {.policy = dp_policy_find(policy), .chain = cases[0]->chain};
	o.track_openings = track_openings;
	o.undo_blocks = undo_blocks;
	// Movement by movement: links and net flows have tests and slow models of their own.
	o.no_links = true;
	dp_engine *e;
	dp_fault fault;
	assert_int_equal(dp_engine_new(&e, &o, cases, count, &fault), DP_OK);
	return e;
}

dp_u256 t_bucket(const dp_engine *e, uint16_t colour, dp_bucket b)
{
	return dp_engine_colour(e, (dp_colour){colour})->bucket[b];
}

static void put(t_bytes *b, const void *p, size_t n)
{
	b->bytes = realloc(b->bytes, b->size + n + 1);
	assert_non_null(b->bytes);
	if (n > 0) memcpy(b->bytes + b->size, p, n);
	b->size += n;
}

static dp_code dump_holder(void *context, const dp_holder_view *v, dp_fault *fault)
{
	(void)fault;
	t_bytes *b = context;
	uint32_t head[] = {v->no, v->asset.v, v->hop, v->moves, v->hub, v->gone, v->parcel_count};
	put(b, head, sizeof head);
	put(b, v->id, 36);
	for (uint32_t i = 0; i < v->parcel_count; i++) {
		uint64_t colour = v->parcel[i].colour.v;
		put(b, &colour, sizeof colour);
		put(b, &v->parcel[i].units, sizeof(dp_u256));
		put(b, &v->parcel[i].origin, sizeof(dp_u256));
	}
	return DP_OK;
}

t_bytes t_dump(dp_engine *e)
{
	t_bytes b = {0};
	uint8_t *books;
	size_t size;
	dp_fault fault;
	assert_int_equal(dp_engine_books_save(e, &books, &size, &fault), DP_OK);
	put(&b, books, size);
	dp_free(books);
	assert_int_equal(dp_engine_visit(e, false, dump_holder, &b, &fault), DP_OK);
	return b;
}

void t_bytes_done(t_bytes *b)
{
	free(b->bytes);
	*b = (t_bytes){0};
}

bool t_bytes_eq(const t_bytes *a, const t_bytes *b)
{
	return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static dp_code load_holder(void *context, const dp_holder_view *v, dp_fault *fault)
{
	return dp_engine_holder_load(context, v, fault);
}

dp_engine *t_reload(dp_engine *e, const dp_engine_options *options, const dp_case *const *cases,
                    uint32_t count)
{
	dp_engine *fresh;
	dp_fault fault;
	uint8_t *bytes;
	size_t size;
	assert_int_equal(dp_engine_new(&fresh, options, cases, count, &fault), DP_OK);
	assert_int_equal(dp_engine_books_save(e, &bytes, &size, &fault), DP_OK);
	assert_int_equal(dp_engine_books_load(fresh, bytes, size, &fault), DP_OK);
	dp_free(bytes);
	assert_int_equal(dp_engine_visit(e, false, load_holder, fresh, &fault), DP_OK);
	for (uint32_t back = dp_engine_undo_depth(e); back > 0; back--) {
		uint64_t height;
		assert_int_equal(dp_engine_undo_save(e, back, &height, &bytes, &size, &fault),
		                 DP_OK);
		assert_int_equal(dp_engine_undo_load(fresh, height, bytes, size, &fault), DP_OK);
		dp_free(bytes);
	}
	dp_engine_saved(fresh);
	return fresh;
}

//- chance ----------------------------------------------------------------------------------------

uint64_t t_rand(t_rng *r)
{
	uint64_t x = r->s += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

uint32_t t_below(t_rng *r, uint32_t n)
{
	assert_true(n > 0);
	return (uint32_t)(t_rand(r) % n);
}
