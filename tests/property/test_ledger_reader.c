// The ledger on disk answers like the slow one in memory: random ledgers of both kinds, question by
// question. Written by hand (segments cut at random places, so that nothing hangs on where they
// are), by the writer (segments of all levels and a tail, forks at the tip), and while a writer in
// another process works on.
// Covers: ledger/ledger.c ledger/ledger_read.c ledger/history.c ledger/balance.c ledger/join.c
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "chain/digest.h"
#include "chain/gap.h"
#include "ledger/build.h"
#include "ledger/join.h"
#include "ledger/tail.h"
#include "ledger/writer.h"
#include "support/chance.h"
#include "support/notes.h"
#include "support/slow_ledger.h"

enum { BLOCKS = 60, ADDRESSES = 9, UNIT_ROWS = 50, FINAL = 3, BLOCKS_LIVE = 500 };

static char folder[200], chain_folder[300];
static dp_fault fault;

static void ok_at(dp_code code, int line)
{
	if (code == DP_OK) return;
	char text[700];
	fault.code = code;
	dp_fault_format(&fault, text, sizeof text);
	fail_msg("line %d: code %d: %s", line, (int)code, text);
}
#define OK(expr) ok_at(expr, __LINE__)

static void clear_folder(void)
{
	char command[300];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	if (folder[0] != '\0') assert_int_equal(system(command), 0);
}

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/dyepack-reader-%ld", (long)getpid());
	clear_folder();
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	clear_folder();
	return 0;
}

static void use_chain(bool utxo)
{
	snprintf(chain_folder, sizeof chain_folder, "%s/%s", folder, t_chain(utxo)->name);
}

//- random ledgers --------------------------------------------------------------------------------

// What the generator of the engine's tests does not make: times that go back, wide amounts, noise
// with names, flags, owners of coins that were made outside, and coinbases of one id.
static void season(dp_block_builder *b, t_rng *r)
{
	dp_block *k = &b->block;
	for (uint32_t i = 0; i < k->mv_count; i++) {
		dp_movement *mv = &k->mv[i];
		if (mv->kind == DP_MV_INPUT) {
			if (mv->spent.txid[0] == 0xe0 && t_below(r, 2) == 0)
				mv->from = t_addr(t_below(r, ADDRESSES));
			continue;
		}
		if (mv->kind == DP_MV_OUTPUT) continue;
		if (mv->asset.v == 0) {
			snprintf(mv->noise.symbol, sizeof mv->noise.symbol, "FAKE%u",
			         t_below(r, 3));
			mv->noise.contract[3] = (uint8_t)(1 + t_below(r, 3));
		}
		if (mv->kind == DP_MV_NATIVE && t_below(r, 3) == 0) mv->kind = DP_MV_INTERNAL;
		if (mv->kind == DP_MV_TOKEN && t_below(r, 12) == 0)
			mv->flags |= DP_MVF_UNSIGNED_ZERO;
		if (t_below(r, 9) == 0) mv->amount.w[t_below(r, 3)] = t_rand(r);
	}
	for (uint32_t t = 0; t < k->tx_count; t++)
		if (t_below(r, 15) == 0 && k->chain->kind == DP_CHAIN_ACCOUNT)
			k->tx[t].flags = DP_TXF_FAILED;
}

typedef struct world {
	t_grower g;
	t_ledger rows;
	t_rng rng;
	t_slow slow;
	int64_t again; // a coinbase whose id is taken once more; -1: none yet
	uint32_t again_first, again_count;
} world;

static void world_start(world *w, uint64_t seed, bool utxo)
{
	*w = (world){.rows.utxo = utxo, .rng = {seed * 77 + 5}, .again = -1};
	w->slow.utxo = utxo;
	w->slow.chain = t_chain(utxo);
	t_grower_start(&w->g, seed, utxo);
	w->g.notes = seed % 4 != 0;
}

static void world_done(world *w)
{
	t_ledger_done(&w->rows);
	t_slow_done(&w->slow);
}

// Sometimes the same coinbase comes again: the same id, the same outputs.
static void repeat_coinbase(world *w)
{
	t_ledger *l = &w->rows;
	if (w->again >= 0 && t_below(&w->rng, 12) == 0) {
		t_begin_tx(l, w->again);
		for (uint32_t i = 0; i < w->again_count; i++) t_add(l, l->row[w->again_first + i]);
		return;
	}
	const t_block *k = &l->block[l->blocks - 1];
	const t_tx *tx = &l->tx[k->first];
	if (t_below(&w->rng, 5) > 0 || k->count == 0 || l->row[tx->first].kind == T_IN) return;
	w->again = tx->id;
	w->again_first = tx->first;
	w->again_count = tx->count;
}

// The next block, complete; valid until the builder is used again.
static const dp_block *world_next(world *w, dp_block_builder *b)
{
	t_grow(&w->g, &w->rows);
	if (w->rows.utxo) repeat_coinbase(w);
	(void)t_build(b, &w->rows, w->rows.blocks - 1);
	season(b, &w->rng);
	b->block.time -= t_below(&w->rng, 4) * 7;
	if (t_below(&w->rng, 3) == 0) b->block.time += 3600;
	const dp_block *block;
	OK(dp_builder_finish(b, &block, &fault));
	return block;
}

//- question by question --------------------------------------------------------------------------

static void compare_block(const dp_block *got, const dp_block *want)
{
	uint8_t a[32], b[32];
	assert_int_equal(got->height, want->height);
	assert_int_equal(got->tx_count, want->tx_count);
	assert_int_equal(got->mv_count, want->mv_count);
	assert_memory_equal(got->hash, want->hash, 32);
	assert_memory_equal(got->prev, want->prev, 32);
	for (uint32_t t = 0; t < got->tx_count; t++) {
		assert_int_equal(got->tx[t].flags, want->tx[t].flags);
		assert_int_equal(got->tx[t].no, t);
		assert_int_equal(got->tx[t].mv_no, want->tx[t].mv_first);
	}
	for (uint32_t i = 0; i < got->mv_count; i++) {
		assert_int_equal(got->src_key[i], want->src_key[i]);
		assert_int_equal(got->dst_key[i], want->dst_key[i]);
		assert_int_equal(got->mv[i].flags, want->mv[i].flags);
		assert_u256(got->mv[i].amount, want->mv[i].amount);
	}
	t_notes_same(got, want);
	dp_block_digest(a, got);
	dp_block_digest(b, want);
	assert_memory_equal(a, b, 32);
}

static void compare_blocks(dp_ledger *l, const t_slow *s)
{
	dp_block_builder b = {0};
	for (uint32_t i = 0; i < s->blocks; i++) {
		const dp_block *want = &s->block[i], *got;
		OK(dp_ledger_block(l, &b, &got, i, &fault));
		assert_false(got->is_partial);
		compare_block(got, want);
		uint64_t no;
		OK(dp_ledger_block_at_height(l, &no, want->height, &fault));
		assert_int_equal(no, i);
		OK(dp_ledger_block_at_height(l, &no, want->height + 1, &fault));
		assert_int_equal(no, t_slow_block_at_height(s, want->height + 1));
		for (int64_t d = -1; d <= 1; d++) {
			OK(dp_ledger_block_at_time(l, &no, want->time + d, &fault));
			assert_int_equal(no, t_slow_block_at_time(s, want->time + d));
		}
		OK(dp_ledger_find_block(l, &no, want->hash, &fault));
		assert_int_equal(no, t_slow_find_block(s, want->hash));
	}
	dp_builder_done(&b);
}

// Every other transaction of a block: a partial one.
static void compare_partial(dp_ledger *l, const t_slow *s)
{
	dp_block_builder b = {0};
	for (uint64_t tx = 0; tx < s->txs; tx += 2) {
		const dp_block *k = &s->block[s->tx[tx].block];
		const dp_tx *want = t_slow_tx_at(s, tx);
		uint64_t block_no;
		OK(dp_ledger_block_of_tx(l, &block_no, tx, &fault));
		assert_int_equal(block_no, s->tx[tx].block);
		OK(dp_ledger_start_block(l, &b, block_no, &fault));
		OK(dp_ledger_append_tx(l, &b, tx, &fault));
		assert_true(b.block.is_partial);
		assert_int_equal(b.block.tx_total, k->tx_count);
		assert_int_equal(b.block.mv_total, k->mv_count);
		uint32_t noise = 0;
		for (uint32_t i = 0; i < k->mv_count; i++) noise += k->mv[i].asset.v == 0;
		assert_int_equal(b.block.noise_total, noise);
		assert_int_equal(b.block.tx[0].no, s->tx[tx].tx);
		assert_int_equal(b.block.tx[0].mv_no, want->mv_first);
		assert_int_equal(b.block.tx[0].mv_count, want->mv_count);
		t_notes_same_tx(&b.block, 0, k, s->tx[tx].tx);
	}
	dp_builder_done(&b);
}

static void compare_txs(dp_ledger *l, const t_slow *s, t_rng *r)
{
	for (uint64_t tx = 0; tx < s->txs; tx++) {
		const uint8_t *id = t_slow_tx_at(s, tx)->id;
		uint8_t got[32];
		OK(dp_ledger_txid(l, got, tx, &fault));
		assert_memory_equal(got, id, 32);
		uint64_t no, before = t_below(r, 2) == 0 ? UINT64_MAX : t_below(r, s->txs + 2);
		dp_code code = dp_ledger_find_tx(l, &no, id, before, &fault);
		int64_t want = t_slow_find_tx(s, id, before);
		assert_int_equal(code, want < 0 ? DP_NOT_FOUND : DP_OK);
		if (want >= 0) assert_int_equal(no, want);
	}
	uint8_t none[32] = {1, 2, 3};
	uint64_t no;
	assert_int_equal(dp_ledger_find_tx(l, &no, none, UINT64_MAX, &fault), DP_NOT_FOUND);
	assert_int_equal(dp_ledger_find_block(l, &no, none, &fault), DP_NOT_FOUND);
}

static void compare_outputs(dp_ledger *l, const t_slow *s)
{
	for (uint64_t i = 0; i < s->outputs; i++) {
		const t_slow_output *want = &s->output[i];
		dp_outpoint o;
		uint64_t tx_no, no;
		OK(dp_ledger_outpoint(l, &o, &tx_no, i, &fault));
		assert_int_equal(tx_no, want->tx_no);
		assert_int_equal(o.vout, want->vout);
		assert_memory_equal(o.txid, t_slow_tx_at(s, tx_no)->id, 32);
		OK(dp_ledger_output_of(l, &no, tx_no, o.vout, &fault));
		assert_int_equal(no, i);
		dp_spent_kind kind;
		OK(dp_ledger_spender(l, &kind, &no, i, &fault));
		assert_int_equal(kind, want->kind);
		if (kind != DP_UNSPENT) assert_int_equal(no, want->spender);
	}
	uint64_t no;
	if (s->txs > 0)
		assert_int_equal(dp_ledger_output_of(l, &no, 0, 1000, &fault), DP_NOT_FOUND);
}

static void compare_history(dp_ledger *l, const t_slow *s, const dp_addr *a, uint64_t first,
                            uint64_t end)
{
	dp_history h;
	OK(dp_history_start(&h, l, a, first, end, &fault));
	for (uint64_t tx = first; tx < s->txs && tx < end; tx++) {
		if (!t_slow_has_part(s, a, tx)) continue;
		uint64_t got;
		OK(dp_history_next(&h, &got, &fault));
		assert_int_equal(got, tx);
	}
	uint64_t got;
	assert_int_equal(dp_history_next(&h, &got, &fault), DP_END);
	assert_int_equal(dp_history_next(&h, &got, &fault), DP_END);
	dp_history_done(&h);
}

static void compare_balance(dp_ledger *l, const t_slow *s, const dp_addr *a, dp_asset asset,
                            uint64_t tx, uint32_t mv_no)
{
	dp_balance_at got, want = t_slow_balance(s, a, asset, tx, mv_no);
	OK(dp_ledger_balance(l, &got, a, asset, tx, mv_no, &fault));
	assert_u256(got.balance, want.balance);
	assert_u256(got.received, want.received);
	assert_u256(got.sent, want.sent);
	assert_u256(got.uncovered, want.uncovered);
	assert_int_equal(got.txs, want.txs);
	assert_int_equal(got.seen, want.seen);
}

// At every movement when `whole`, else here and there.
static void compare_addresses(dp_ledger *l, const t_slow *s, t_rng *r, bool whole)
{
	for (int64_t n = 0; n < ADDRESSES; n++) {
		dp_addr a = t_addr(n);
		compare_history(l, s, &a, 0, UINT64_MAX);
		uint64_t first = t_below(r, s->txs + 1);
		compare_history(l, s, &a, first, first + t_below(r, s->txs + 1));
		dp_asset asset = t_asset(s->utxo, s->utxo ? 0 : (int)t_below(r, 3));
		for (uint64_t tx = 0; tx < s->txs; tx += whole ? 1 : 1 + t_below(r, 40)) {
			const dp_tx *t = t_slow_tx_at(s, tx);
			compare_balance(l, s, &a, asset, tx, 0);
			for (uint32_t i = 0; i < t->mv_count + 1 && (whole || i < 2); i++)
				compare_balance(l, s, &a, asset, tx, t->mv_first + i);
		}
		compare_balance(l, s, &a, asset, s->txs, 0);
	}
}

static void compare(dp_ledger *l, const t_slow *s, t_rng *r, bool whole)
{
	dp_ledger_totals t;
	dp_ledger_totals_get(l, &t);
	assert_int_equal(t.blocks, s->blocks);
	assert_int_equal(t.txs, s->txs);
	assert_int_equal(t.outputs, s->outputs);
	uint64_t notes = 0;
	for (uint32_t i = 0; i < s->blocks; i++) notes += s->block[i].note_count;
	assert_int_equal(t.notes, notes);
	if (s->blocks > 0) {
		assert_int_equal(t.height_first, s->block[0].height);
		assert_int_equal(t.height_last, s->block[s->blocks - 1].height);
		assert_int_equal(t.time_last, s->block[s->blocks - 1].time);
		assert_true(t.from_beginning);
		assert_int_equal(t.gaps, DP_GAP_REWARDS);
	}
	compare_blocks(l, s);
	compare_partial(l, s);
	compare_txs(l, s, r);
	if (s->utxo) compare_outputs(l, s);
	compare_addresses(l, s, r, whole);
	uint64_t no;
	OK(dp_ledger_block_at_height(l, &no, UINT64_MAX, &fault));
	assert_int_equal(no, s->blocks);
	OK(dp_ledger_block_at_time(l, &no, INT64_MAX, &fault));
	assert_int_equal(no, s->blocks);
	OK(dp_ledger_block_at_time(l, &no, INT64_MIN, &fault));
	assert_int_equal(no, 0);
}

static dp_ledger *opened(bool utxo)
{
	dp_ledger *l;
	OK(dp_ledger_open(&l, folder, t_chain(utxo), &fault));
	return l;
}

//- by hand ---------------------------------------------------------------------------------------

typedef struct hand {
	dp_manifest manifest;
	dp_build_begin begin;
	dp_segment *segment[BLOCKS];
	uint32_t count;
	dp_bytes_out record[BLOCKS]; // of all blocks
} hand;

static void path_of(char out[DP_PATH_MAX], const char *name)
{
	OK(dp_path_join(out, chain_folder, name, &fault));
}

static void hand_segment(hand *h, const dp_chain *chain, uint32_t first, uint32_t count)
{
	const uint8_t *payload[BLOCKS];
	uint64_t size[BLOCKS];
	for (uint32_t i = 0; i < count; i++) {
		payload[i] = h->record[first + i].bytes;
		size[i] = h->record[first + i].size;
	}
	dp_build *b;
	dp_join join = {h->segment, h->count};
	char name[DP_LEDGER_NAME_MAX], path[DP_PATH_MAX];
	dp_segment_name(name, h->begin.unit_first, 1, "seg");
	path_of(path, name);
	OK(dp_build_new(&b, chain, &h->begin, &fault));
	OK(dp_build_unit(b, payload, size, count, &fault));
	OK(dp_build_sort(b, &fault));
	OK(dp_build_join(b, dp_join_resolve, &join, &fault));
	dp_manifest_segment m = {.unit_first = h->begin.unit_first, .unit_count = 1};
	OK(dp_build_write(b, path, m.header, &fault));
	dp_build_begin next = dp_build_begin_of_next(b);
	dp_build_free(b);
	dp_segment *s;
	OK(dp_segment_open(&s, path, chain, m.header, &fault));
	h->segment[h->count++] = s;
	m.height_first = s->head.height_first;
	m.height_last = s->head.height_last;
	m.blocks = s->head.block_count;
	m.txs = s->head.tx_count;
	m.rows = s->head.row_count;
	m.inputs = s->head.input_count;
	m.outputs = s->head.output_count;
	OK(dp_manifest_add(&h->manifest, &m, &fault));
	if (chain->kind == DP_CHAIN_UTXO) {
		dp_segment_name(name, m.unit_first, 1, "spent");
		path_of(path, name);
		OK(dp_spent_create(path, m.unit_first, 1, s->head.output_first, m.outputs, &fault));
	}
	h->begin = next;
	h->begin.unit_first = m.unit_first + 1;
}

// The writer of .spent files is ahead of the manifest at any time: entries by transactions of the
// tail stand in them, too, now and then.
static void hand_spent(const hand *h, const t_slow *s, t_rng *r)
{
	char name[DP_LEDGER_NAME_MAX], path[DP_PATH_MAX];
	for (uint32_t k = 0; k < h->count; k++) {
		const dp_segment_header *head = &h->segment[k]->head;
		dp_segment_name(name, head->unit_first, 1, "spent");
		path_of(path, name);
		dp_spent sp;
		OK(dp_spent_open(&sp, path, true, head->output_first, head->output_count, &fault));
		for (uint64_t no = head->output_first; no < head->output_first + head->output_count;
		     no++) {
			const t_slow_output *o = &s->output[no];
			if (o->kind == DP_UNSPENT) continue;
			bool sealed = o->spender < h->begin.tx;
			if (!sealed && t_below(r, 2) == 0) continue;
			dp_spent_set(&sp, no, o->kind, o->spender + (sealed ? 0 : 3));
		}
		OK(dp_spent_sync(&sp, &fault));
		dp_spent_close(&sp);
	}
}

static void hand_tail(const hand *h, const dp_chain *chain, uint32_t first, uint32_t end)
{
	char name[DP_LEDGER_NAME_MAX], path[DP_PATH_MAX];
	dp_bytes_out out = {0};
	OK(dp_tail_begin(&out, chain, h->begin.unit_first, &fault));
	for (uint32_t i = first; i < end; i++)
		OK(dp_tail_frame(&out, h->record[i].bytes, h->record[i].size, &fault));
	dp_tail_name(name, h->begin.unit_first);
	path_of(path, name);
	dp_file_log log;
	OK(dp_log_open(&log, path, 0, &fault));
	OK(dp_log_append(&log, out.bytes, out.size, &fault));
	dp_log_close(&log);
	dp_free(out.bytes);
}

// Segments of a few blocks each, the last `tail` blocks in the tail.
static void write_by_hand(world *w, uint32_t blocks, uint32_t tail, uint32_t cut_max)
{
	hand *h = calloc(1, sizeof *h);
	assert_non_null(h);
	bool utxo = w->rows.utxo;
	const dp_chain *chain = t_chain(utxo);
	h->manifest.chain = chain;
	dp_block_builder b = {0};
	for (uint32_t i = 0; i < blocks; i++) {
		const dp_block *block = world_next(w, &b);
		OK(dp_record_put(&h->record[i], block, i == 0 ? DP_GAP_REWARDS : 0,
		                 i == 0 ? DP_LEDGER_BLOCK_BEGINS : 0, &fault));
		t_slow_add(&w->slow, block);
	}
	dp_builder_done(&b);
	OK(dp_folder_make(chain_folder, &fault));
	uint32_t at = 0;
	while (at < blocks - tail) {
		uint32_t n = 1 + t_below(&w->rng, cut_max);
		if (n > blocks - tail - at) n = blocks - tail - at;
		hand_segment(h, chain, at, n);
		at += n;
	}
	if (utxo) hand_spent(h, &w->slow, &w->rng);
	if (tail > 0) hand_tail(h, chain, at, blocks);
	OK(dp_manifest_write(&h->manifest, chain_folder, &fault));
	for (uint32_t i = 0; i < h->count; i++) dp_segment_close(h->segment[i]);
	for (uint32_t i = 0; i < blocks; i++) dp_free(h->record[i].bytes);
	dp_manifest_done(&h->manifest);
	free(h);
}

static void by_hand(bool utxo)
{
	int64_t live = dp_mem_live();
	use_chain(utxo);
	for (uint64_t seed = 1; seed <= 16; seed++) {
		clear_folder();
		world w;
		world_start(&w, seed, utxo);
		uint32_t tail = seed % 4 == 0 ? 0 : t_below(&w.rng, seed % 4 == 1 ? BLOCKS : 20);
		write_by_hand(&w, BLOCKS, seed == 7 ? BLOCKS : tail, 2 + (uint32_t)seed);
		dp_ledger *l = opened(utxo);
		t_rng r = {seed};
		compare(l, &w.slow, &r, seed <= 4);
		dp_ledger_close(l);
		world_done(&w);
	}
	assert_int_equal(dp_mem_live(), live);
}

static void account_ledgers_of_any_cut_answer_like_the_slow_one(void **state)
{
	(void)state;
	by_hand(false);
}

static void utxo_ledgers_of_any_cut_answer_like_the_slow_one(void **state)
{
	(void)state;
	by_hand(true);
}

static void a_ledger_without_blocks_answers(void **state)
{
	(void)state;
	for (int utxo = 0; utxo < 2; utxo++) {
		clear_folder();
		use_chain(utxo);
		world w;
		world_start(&w, 1, utxo);
		write_by_hand(&w, 0, 0, 1);
		dp_ledger *l = opened(utxo);
		t_rng r = {1};
		compare(l, &w.slow, &r, true);
		assert_int_equal(dp_ledger_segment_count(l), 0);
		dp_block_builder b = {0};
		assert_int_equal(dp_ledger_start_block(l, &b, 0, &fault), DP_NOT_FOUND);
		dp_ledger_close(l);
		world_done(&w);
	}
}

//- what is wrong with a folder -------------------------------------------------------------------

static void expect(dp_code want, const char *in_text)
{
	dp_ledger *l = NULL;
	memset(&fault, 0, sizeof fault);
	dp_code code = dp_ledger_open(&l, folder, NULL, &fault);
	if (code == DP_OK) dp_ledger_close(l);
	assert_int_equal(code, want);
	if (strstr(fault.text, in_text) == NULL)
		fail_msg("\"%s\" is not told: %s", in_text, fault.text);
}

static void what_cannot_be_opened_is_told(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	char path[DP_PATH_MAX], other[DP_PATH_MAX];
	clear_folder();
	use_chain(true);
	OK(dp_folder_make(folder, &fault));
	expect(DP_NOT_FOUND, "no ledger");
	world w;
	world_start(&w, 3, true);
	write_by_hand(&w, BLOCKS, 5, 4);
	dp_ledger *l = opened(true);
	dp_ledger_close(l);
	expect(DP_OK, "");
	path_of(path, "00000002-01.seg");
	path_of(other, "moved");
	assert_int_equal(rename(path, other), 0);
	expect(DP_BAD_BYTES, "dyepack ledger verify");
	assert_int_equal(rename(other, path), 0);
	path_of(path, "00000002-01.spent");
	assert_int_equal(rename(path, other), 0);
	expect(DP_BAD_BYTES, "00000002-01.spent");
	assert_int_equal(rename(other, path), 0);
	use_chain(false);
	OK(dp_folder_make(chain_folder, &fault));
	world_done(&w);
	world_start(&w, 3, false);
	write_by_hand(&w, 3, 3, 4);
	expect(DP_BAD_CASE, "bitcoin, ethereum");
	world_done(&w);
	dp_addr nobody = {0};
	dp_history h;
	l = opened(false);
	assert_int_equal(dp_history_start(&h, l, &nobody, 0, 1, &fault), DP_BAD_CASE);
	dp_ledger_close(l);
	assert_int_equal(dp_mem_live(), live);
}

static void without_memory_nothing_is_left(void **state)
{
	(void)state;
	for (int utxo = 0; utxo < 2; utxo++) {
		clear_folder();
		use_chain(utxo);
		world w;
		world_start(&w, 9, utxo);
		write_by_hand(&w, 20, 6, 6);
		dp_addr a = t_addr(1);
		for (int64_t n = 0;; n++) {
			assert_true(n < 5000);
			int64_t live = dp_mem_live();
			dp_ledger *l;
			dp_block_builder b = {0};
			const dp_block *block;
			dp_mem_fail_after(n);
			dp_code code = dp_ledger_open(&l, folder, t_chain(utxo), &fault);
			if (code == DP_OK) {
				dp_history h;
				uint64_t tx;
				dp_balance_at at;
				code = dp_history_start(&h, l, &a, 0, UINT64_MAX, &fault);
				while (code == DP_OK) code = dp_history_next(&h, &tx, &fault);
				dp_history_done(&h);
				if (code == DP_END)
					code = dp_ledger_balance(l, &at, &a, t_asset(utxo, 0), 9, 0,
					                         &fault);
				if (code == DP_OK) code = dp_ledger_block(l, &b, &block, 3, &fault);
				dp_builder_done(&b);
				dp_ledger_close(l);
			}
			dp_mem_fail_after(-1);
			assert_int_equal(dp_mem_live(), live);
			if (code == DP_OK) break;
			assert_int_equal(code, DP_NO_MEMORY);
		}
		world_done(&w);
	}
}

//- damage ----------------------------------------------------------------------------------------

// Asks for everything; what is answered must be right. Returns the first fault.
static dp_code ask_all(const t_slow *s, bool utxo)
{
	dp_ledger *l;
	dp_code code = dp_ledger_open(&l, folder, t_chain(utxo), &fault);
	if (code != DP_OK) return code;
	dp_block_builder b = {0};
	dp_ledger_totals t;
	dp_ledger_totals_get(l, &t);
	assert_true(t.blocks <= s->blocks); // a torn end of the tail is no part of it
	for (uint64_t i = 0; code == DP_OK && i < t.blocks; i++) {
		const dp_block *got;
		code = dp_ledger_block(l, &b, &got, i, &fault);
		if (code == DP_OK) compare_block(got, &s->block[i]);
	}
	for (uint64_t tx = 0; code == DP_OK && tx < t.txs; tx++) {
		uint64_t no;
		code = dp_ledger_find_tx(l, &no, t_slow_tx_at(s, tx)->id, tx + 1, &fault);
		if (code == DP_OK) assert_int_equal(no, tx);
	}
	for (uint64_t i = 0; utxo && code == DP_OK && i < t.outputs; i++) {
		dp_spent_kind kind;
		uint64_t no;
		code = dp_ledger_spender(l, &kind, &no, i, &fault);
		if (code == DP_OK && t.blocks == s->blocks)
			assert_int_equal(kind, s->output[i].kind);
	}
	for (int64_t n = 0; code == DP_OK && n < ADDRESSES; n++) {
		dp_addr a = t_addr(n);
		dp_balance_at got, want;
		want = t_slow_balance(s, &a, t_asset(utxo, 0), t.txs / 2, 0);
		code = dp_ledger_balance(l, &got, &a, t_asset(utxo, 0), t.txs / 2, 0, &fault);
		if (code == DP_OK && t.blocks == s->blocks) assert_u256(got.balance, want.balance);
	}
	dp_builder_done(&b);
	dp_ledger_close(l);
	return code;
}

static char names[100][DP_LEDGER_NAME_MAX];
static uint32_t name_count;

static void note_name(void *context, const char *name)
{
	(void)context;
	if (strlen(name) < DP_LEDGER_NAME_MAX && name_count < 100)
		snprintf(names[name_count++], DP_LEDGER_NAME_MAX, "%s", name);
}

// Flips a bit of a file, asks, and flips it back.
static void flip_and_ask(const t_slow *s, bool utxo, t_rng *r)
{
	char path[DP_PATH_MAX];
	path_of(path, names[t_below(r, name_count)]);
	FILE *f = fopen(path, "r+b");
	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	long at = (long)t_below(r, (uint32_t)ftell(f));
	// Headers are mostly zeros and small, and everything hangs on them.
	if (t_below(r, 3) == 0 && at > 900) at %= 900;
	assert_int_equal(fseek(f, at, SEEK_SET), 0);
	int byte = fgetc(f);
	for (int pass = 0; pass < 2; pass++) {
		assert_int_equal(fseek(f, at, SEEK_SET), 0);
		assert_true(fputc(pass == 0 ? byte ^ 1 << t_below(r, 8) : byte, f) != EOF);
		assert_int_equal(fflush(f), 0);
		if (pass == 1) break;
		fault = (dp_fault){0};
		dp_code code = ask_all(s, utxo);
		if (code != DP_OK && code != DP_BAD_BYTES && code != DP_NOT_FOUND)
			fail_msg("%s, byte %ld: code %d", path, at, (int)code);
		if (code == DP_BAD_BYTES) assert_true(fault.text[0] != 0);
	}
	fclose(f);
}

static void a_flipped_bit_never_makes_an_answer_false(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	for (int utxo = 0; utxo < 2; utxo++) {
		clear_folder();
		use_chain(utxo);
		world w;
		world_start(&w, 21, utxo);
		write_by_hand(&w, 30, 8, 12);
		name_count = 0;
		OK(dp_folder_list(chain_folder, note_name, NULL, &fault));
		t_rng r = {4};
		for (uint32_t i = 0; i < 150; i++) flip_and_ask(&w.slow, utxo, &r);
		OK(ask_all(&w.slow, utxo)); // all is as it was
		world_done(&w);
	}
	assert_int_equal(dp_mem_live(), live);
}

// A source that says that an input was worth more than the output that it spends.
static void an_amount_that_differs_is_told(void **state)
{
	(void)state;
	clear_folder();
	use_chain(true);
	world w;
	world_start(&w, 2, true);
	write_by_hand(&w, 20, 0, 5);
	dp_ledger *l = opened(true);
	dp_segment *segment[BLOCKS];
	dp_join join = {segment, dp_ledger_segment_count(l)};
	for (uint32_t i = 0; i < join.count; i++) segment[i] = dp_ledger_segment(l, i);
	for (uint64_t no = 0; no < w.slow.outputs; no++) {
		const t_slow_output *o = &w.slow.output[no];
		// The other one is of a transaction that nobody knows.
		dp_wanted wanted[2] = {{.vout = o->vout, .amount_known = true}};
		memcpy(wanted[0].txid, t_slow_tx_at(&w.slow, o->tx_no)->id, 32);
		wanted[0].amount = o->amount;
		OK(dp_join_resolve(&join, wanted, 2, &fault));
		assert_false(wanted[1].found);
		assert_true(wanted[0].found && wanted[0].output_no >= no);
		if (o->kind == DP_BURIED) continue; // the later one of the same id is meant
		assert_int_equal(wanted[0].output_no, no);
		wanted[0].amount = dp_u256_add(o->amount, dp_u256_of(1));
		assert_int_equal(dp_join_resolve(&join, wanted, 2, &fault), DP_BAD_BYTES);
		assert_non_null(strstr(fault.text, "one of the sources is false"));
		wanted[0].vout = 9999;
		assert_int_equal(dp_join_resolve(&join, wanted, 2, &fault), DP_BAD_BYTES);
		assert_non_null(strstr(fault.text, "but that transaction has"));
	}
	dp_ledger_close(l);
	world_done(&w);
}

//- by the writer ---------------------------------------------------------------------------------

static dp_writer *writer(bool utxo)
{
	dp_writer_options o = {.threads = 2, .unit_rows = UNIT_ROWS, .final_blocks = FINAL};
	dp_writer *w;
	OK(dp_writer_open(&w, folder, t_chain(utxo), &o, &fault));
	return w;
}

static void append(dp_writer *wr, const dp_block *block)
{
	bool begins = dp_writer_blocks(wr) == 0;
	OK(dp_writer_append(wr, block, begins ? DP_GAP_REWARDS : 0, begins, &fault));
}

// A fork: the state of the generator some blocks ago, grown on with other chances.
typedef struct branch {
	t_grower g;
	uint32_t rows, txs, blocks;
} branch;

static branch branch_at(const world *w)
{
	return (branch){w->g, w->rows.rows, w->rows.txs, w->rows.blocks};
}

static void slow_of_rows(world *w, dp_block_builder *b, const dp_bytes_out *record, uint32_t count)
{
	t_slow_done(&w->slow);
	for (uint32_t i = 0; i < count; i++) {
		const dp_block *block;
		OK(dp_record_get(b, &block, record[i].bytes, record[i].size, t_chain(w->rows.utxo),
		                 &fault));
		t_slow_add(&w->slow, block);
	}
}

static void by_the_writer(bool utxo, uint64_t seed, uint32_t blocks)
{
	clear_folder();
	use_chain(utxo);
	world w;
	world_start(&w, seed, utxo);
	dp_writer *wr = writer(utxo);
	dp_block_builder b = {0};
	dp_bytes_out *record = calloc(blocks + 1, sizeof *record);
	assert_non_null(record);
	t_rng r = {seed};
	branch back = branch_at(&w);
	uint32_t n = 0, at = 0;
	for (uint32_t step = 0; n < blocks && step < 2 * blocks; step++) {
		if (t_below(&r, 12) == 0) {
			back = branch_at(&w);
			at = n;
		}
		if (t_below(&r, 30) == 0 && at > 0 && at < n) { // reorganised
			dp_record_head head;
			OK(dp_record_head_get(&head, record[at - 1].bytes, record[at - 1].size,
			                      &fault));
			OK(dp_writer_truncate(wr, head.height, &fault));
			for (; n > at; n--) record[n - 1].size = 0;
			w.g = back.g;
			w.g.rng.s ^= 0x5eed + step;
			w.rows.rows = back.rows;
			w.rows.txs = back.txs;
			w.rows.blocks = back.blocks;
			w.again = -1; // it may have been in the blocks that are gone
			slow_of_rows(&w, &b, record, n);
		}
		const dp_block *block = world_next(&w, &b);
		append(wr, block);
		OK(dp_record_put(&record[n++], block, 0, 0, &fault));
		t_slow_add(&w.slow, block);
		if (t_below(&r, 25) > 0 && n < blocks) continue;
		OK(dp_writer_commit(wr, t_below(&r, 2) == 0, &fault));
		dp_ledger *l = opened(utxo);
		compare(l, &w.slow, &r, false);
		dp_ledger_close(l);
	}
	dp_writer_close(wr);
	dp_ledger *l = opened(utxo);
	compare(l, &w.slow, &r, false);
	dp_ledger_close(l);
	dp_builder_done(&b);
	for (uint32_t i = 0; i <= blocks; i++) dp_free(record[i].bytes);
	free(record);
	world_done(&w);
}

static void written_ledgers_answer_like_the_slow_one(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	for (uint64_t seed = 1; seed <= 6; seed++) {
		by_the_writer(false, seed, 120);
		by_the_writer(true, seed, 120);
	}
	assert_int_equal(dp_mem_live(), live);
}

// Enough units for segments of 64.
static void large_segments_answer_like_the_slow_one(void **state)
{
	(void)state;
	by_the_writer(false, 101, 700);
	by_the_writer(true, 102, 500);
}

//- while a writer works on -----------------------------------------------------------------------

static void write_on(uint64_t seed, bool utxo)
{
	world w;
	world_start(&w, seed, utxo);
	dp_writer *wr = writer(utxo);
	dp_block_builder b = {0};
	t_rng r = {seed};
	for (uint32_t i = 0; i < BLOCKS_LIVE; i++) {
		append(wr, world_next(&w, &b));
		if (t_below(&r, 3) == 0) OK(dp_writer_commit(wr, t_below(&r, 4) == 0, &fault));
	}
	OK(dp_writer_commit(wr, true, &fault));
	dp_writer_close(wr);
	_exit(0);
}

static void a_reader_sees_one_height_while_a_writer_works(void **state)
{
	(void)state;
	for (int utxo = 0; utxo < 2; utxo++) {
		clear_folder();
		use_chain(utxo);
		dp_writer_close(writer(utxo)); // so that there is a manifest
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) write_on(5, utxo);
		world w;
		world_start(&w, 5, utxo);
		dp_block_builder b = {0};
		t_rng r = {5};
		bool alive = true;
		uint32_t opens = 0;
		while (alive) {
			int status;
			alive = waitpid(child, &status, WNOHANG) == 0;
			if (!alive) assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
			dp_ledger *l = opened(utxo);
			dp_ledger_totals t;
			dp_ledger_totals_get(l, &t);
			assert_true(t.blocks >= w.slow.blocks); // it never goes back
			while (w.slow.blocks < t.blocks) t_slow_add(&w.slow, world_next(&w, &b));
			if (opens++ % 4 == 0 || !alive) compare(l, &w.slow, &r, false);
			dp_ledger_close(l);
		}
		assert_int_equal(w.slow.blocks, BLOCKS_LIVE);
		print_message("opened %u times while it was written\n", opens);
		dp_builder_done(&b);
		world_done(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(account_ledgers_of_any_cut_answer_like_the_slow_one),
	    cmocka_unit_test(utxo_ledgers_of_any_cut_answer_like_the_slow_one),
	    cmocka_unit_test(a_ledger_without_blocks_answers),
	    cmocka_unit_test(what_cannot_be_opened_is_told),
	    cmocka_unit_test(without_memory_nothing_is_left),
	    cmocka_unit_test(a_flipped_bit_never_makes_an_answer_false),
	    cmocka_unit_test(an_amount_that_differs_is_told),
	    cmocka_unit_test(written_ledgers_answer_like_the_slow_one),
	    cmocka_unit_test(large_segments_answer_like_the_slow_one),
	    cmocka_unit_test(a_reader_sees_one_height_while_a_writer_works),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
