// record.h: blocks come back as they were, row by row and by digest, on both kinds of chains, from
// exactly the bytes that the layout gives; and no bytes that are not a record are taken for one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "chain/digest.h"
#include "ledger/record.h"
#include "support/notes.h"

static uint64_t seed;

static uint64_t chance(void)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	uint64_t x = seed ^ (seed >> 29);
	return (x * UINT64_C(0xbf58476d1ce4e5b9)) >> 16;
}

static void fill(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) p[i] = (uint8_t)chance();
}

static const dp_chain *chain_named(const char *name)
{
	const dp_chain *chain = dp_chain_find(name, strlen(name));
	assert_non_null(chain);
	return chain;
}

static dp_addr any_addr(dp_addr_kind kind)
{
	static const uint8_t sizes[DP_ADDR_KIND_COUNT] = {0, 20, 20, 20, 20, 32, 32,
	                                                  0, 20, 32, 32, 0,  0};
	dp_addr a = {.kind = (uint8_t)kind, .len = sizes[kind]};
	if (kind == DP_ADDR_WITNESS || kind == DP_ADDR_NAME) a.len = (uint8_t)(1 + chance() % 32);
	for (uint8_t i = 0; i < a.len; i++) a.bytes[i] = (uint8_t)('a' + chance() % 26);
	return a;
}

static dp_u256 any_amount(void)
{
	uint8_t bytes[32];
	size_t n = chance() % 33;
	fill(bytes, n);
	return dp_u256_from_be(bytes, n);
}

static void any_account_row(dp_movement *mv, const dp_chain *chain)
{
	mv->kind = (uint8_t)(DP_MV_NATIVE + chance() % 5);
	mv->flags = (uint8_t)(chance() % 8);
	mv->amount = any_amount();
	mv->from = any_addr(chance() % 3 ? DP_ADDR_EVM : (dp_addr_kind)(chance() % 13));
	mv->to = any_addr(chance() % 3 ? DP_ADDR_EVM : (dp_addr_kind)(chance() % 13));
	switch (chance() % 4) {
	case 0: mv->asset = dp_asset_native(chain); break;
	case 1: mv->asset = dp_asset_by_symbol(chain, "USDT", 4); break;
	case 2: mv->asset = dp_asset_by_symbol(NULL, "usd", 3); break;
	default: fill(mv->noise.contract, 20); memset(mv->noise.symbol, 'x', chance() % 16);
	}
}

static void any_utxo_tx(dp_block_builder *b, const dp_tx *tx, uint32_t rows)
{
	dp_fault fault;
	uint32_t inputs = (tx->flags & DP_TXF_COINBASE) ? 0 : (uint32_t)(chance() % (rows + 1));
	for (uint32_t i = 0; i < rows; i++) {
		dp_movement *mv;
		assert_int_equal(dp_builder_movement(b, &mv, &fault), DP_OK);
		mv->asset = dp_asset_native(b->block.chain);
		mv->kind = i < inputs ? DP_MV_INPUT : DP_MV_OUTPUT;
		mv->flags = i < inputs ? (uint8_t)(chance() % 2) : 0;
		mv->amount = any_amount();
		dp_addr a = any_addr((dp_addr_kind)(chance() % 13));
		if (i < inputs) {
			mv->from = a;
			fill(mv->spent.txid, 32);
			mv->spent.vout = (uint32_t)(chance() >> (chance() % 40));
		} else {
			mv->to = a;
		}
	}
}

static const dp_block *any_block(dp_block_builder *b, const dp_chain *chain, uint64_t height,
                                 uint32_t txs)
{
	dp_fault fault;
	const dp_block *block;
	dp_builder_start(b, chain, height, (int64_t)height * 12 - 5);
	for (uint32_t t = 0; t < txs; t++) {
		dp_tx *tx;
		assert_int_equal(dp_builder_tx(b, &tx, &fault), DP_OK);
		fill(tx->id, 32);
		tx->flags = (uint32_t)(chance() % 4);
		uint32_t rows = (uint32_t)(chance() % 64 == 0 ? 200 : chance() % 5);
		t_rng notes = {chance()};
		if (height % 3 == 0) t_notes_append(b, &notes, t_below(&notes, 4));
		if (chain->kind == DP_CHAIN_UTXO) {
			any_utxo_tx(b, tx, rows);
			continue;
		}
		for (uint32_t i = 0; i < rows; i++) {
			dp_movement *mv;
			assert_int_equal(dp_builder_movement(b, &mv, &fault), DP_OK);
			any_account_row(mv, chain);
		}
	}
	fill(b->block.prev, 32);
	assert_int_equal(dp_builder_finish(b, &block, &fault), DP_OK);
	dp_block_digest(b->block.hash, block);
	return block;
}

// A second block from the record, compared with the first in every field.
static void check_same(const dp_block *a, const dp_block *b)
{
	uint8_t da[32], db[32];
	assert_true(a->height == b->height && a->time == b->time && a->chain == b->chain);
	assert_memory_equal(a->hash, b->hash, 32);
	assert_memory_equal(a->prev, b->prev, 32);
	dp_block_digest(da, a);
	dp_block_digest(db, b);
	assert_memory_equal(da, db, 32);
	assert_int_equal(a->tx_count, b->tx_count);
	assert_int_equal(a->mv_count, b->mv_count);
	assert_false(b->is_partial);
	for (uint32_t t = 0; t < a->tx_count; t++) {
		assert_memory_equal(a->tx[t].id, b->tx[t].id, 32);
		assert_int_equal(a->tx[t].flags, b->tx[t].flags);
		assert_int_equal(a->tx[t].mv_first, b->tx[t].mv_first);
		assert_int_equal(a->tx[t].mv_count, b->tx[t].mv_count);
		assert_int_equal(b->tx[t].no, t);
		assert_int_equal(b->tx[t].mv_no, b->tx[t].mv_first);
	}
	for (uint32_t i = 0; i < a->mv_count; i++) {
		assert_int_equal(a->mv[i].flags, b->mv[i].flags);
		assert_int_equal(a->mv[i].asset.v, b->mv[i].asset.v);
		assert_true(dp_addr_eq(&a->mv[i].from, &b->mv[i].from));
		assert_true(dp_addr_eq(&a->mv[i].to, &b->mv[i].to));
		assert_true(a->src_key[i] == b->src_key[i] && a->dst_key[i] == b->dst_key[i]);
	}
	t_notes_same(b, a);
}

static void round_trip(const char *name, uint32_t rounds)
{
	const dp_chain *chain = chain_named(name);
	dp_block_builder first = {0}, second = {0};
	dp_bytes_out out = {0}, again = {0};
	dp_fault fault = {0};
	for (uint32_t i = 0; i < rounds; i++) {
		const dp_block *block = any_block(&first, chain, i, (uint32_t)(chance() % 40));
		const dp_block *back;
		dp_record_head head;
		out.size = again.size = 0;
		assert_int_equal(dp_record_put(&out, block, 5 + i, i & 1, &fault), DP_OK);
		// An exact copy: the sanitizer sees whoever reads behind it.
		uint8_t *copy = dp_alloc(out.size);
		memcpy(copy, out.bytes, out.size);
		assert_int_equal(dp_record_head_get(&head, copy, out.size, &fault), DP_OK);
		assert_true(head.gaps == 5 + i && (head.flags & 1) == (i & 1));
		bool has_notes = (head.flags & DP_LEDGER_BLOCK_NOTES) != 0;
		assert_int_equal(has_notes, block->note_count > 0);
		uint32_t noise = 0;
		for (uint32_t m = 0; m < block->mv_count; m++) noise += block->mv[m].asset.v == 0;
		assert_int_equal(head.noise_count, noise);
		if (dp_record_get(&second, &back, copy, out.size, chain, &fault) != DP_OK)
			fail_msg("%s", fault.text);
		check_same(block, back);
		assert_int_equal(dp_record_put(&again, back, 5 + i, i & 1, &fault), DP_OK);
		assert_true(again.size == out.size);
		assert_memory_equal(again.bytes, copy, out.size);
		dp_free(copy);
	}
	dp_builder_done(&first);
	dp_builder_done(&second);
	dp_bytes_out_done(&out);
	dp_bytes_out_done(&again);
}

static void a_block_comes_back_as_it_was(void **state)
{
	(void)state;
	seed = 1;
	int64_t live = dp_mem_live();
	round_trip("ethereum", 300);
	round_trip("bitcoin", 300);
	round_trip("bitcoin-cash", 20);
	assert_int_equal(dp_mem_live(), live);
}

// One transfer of 1 wei and one claim, byte by byte as the top of record.c has it.
static void the_layout_is_the_one_that_is_written_down(void **state)
{
	(void)state;
	const dp_chain *chain = chain_named("ethereum");
	dp_block_builder b = {0};
	dp_fault fault;
	dp_tx *tx;
	dp_movement *mv;
	const dp_block *block;
	dp_builder_start(&b, chain, 7, -2);
	memset(b.block.hash, 0xaa, 32);
	assert_int_equal(dp_builder_tx(&b, &tx, &fault), DP_OK);
	memset(tx->id, 0xbb, 32);
	tx->flags = DP_TXF_FAILED;
	assert_int_equal(dp_builder_movement(&b, &mv, &fault), DP_OK);
	*mv = (dp_movement){.kind = DP_MV_FEE,
	                    .flags = DP_MVF_FAILED,
	                    .amount = {{0x1ff, 0, 0, 0}},
	                    .asset = dp_asset_native(chain),
	                    .from = {.kind = DP_ADDR_EVM, .len = 20}};
	memset(mv->from.bytes, 0xcc, 20);
	assert_int_equal(dp_builder_movement(&b, &mv, &fault), DP_OK);
	*mv = (dp_movement){.kind = DP_MV_TOKEN, .to = {.kind = DP_ADDR_NAME, .len = 2}};
	memset(mv->noise.contract, 0xdd, 20);
	memcpy(mv->noise.symbol, "USDT", 4);
	memcpy(mv->to.bytes, "me", 2);
	assert_int_equal(dp_builder_finish(&b, &block, &fault), DP_OK);
	dp_bytes_out out = {0};
	assert_int_equal(dp_record_put(&out, block, 3, DP_LEDGER_BLOCK_BEGINS, &fault), DP_OK);
	uint8_t expected[200] = {7, [8] = 0xfe, 255, 255, 255, 255, 255, 255, 255};
	memset(expected + 16, 0xaa, 32);
	static const uint8_t counts[] = {3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0,
	                                 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0};
	memcpy(expected + 80, counts, sizeof counts);
	uint8_t *p = expected + 104;
	memset(p, 0xbb, 32);
	p[32] = 2, p[33] = 2;
	static const uint8_t fee[] = {5 | 2 << 4, 1, 2, 0xff, 1, 1};
	memcpy(p + 34, fee, sizeof fee);
	memset(p + 40, 0xcc, 20);
	p[60] = 0; // to nobody
	p[61] = 4, p[62] = 0;
	memset(p + 63, 0xdd, 20);
	static const uint8_t rest[] = {4, 'U', 'S', 'D', 'T', 0, 0, 12, 2, 'm', 'e'};
	memcpy(p + 83, rest, sizeof rest);
	assert_int_equal(out.size, 104 + 94);
	assert_memory_equal(out.bytes, expected, out.size);
	dp_bytes_out_done(&out);
	dp_builder_done(&b);
}

static void a_record_is_appended_behind_what_is_there(void **state)
{
	(void)state;
	seed = 9;
	dp_block_builder b = {0};
	dp_bytes_out out = {0};
	dp_fault fault;
	const dp_chain *bitcoin = chain_named("bitcoin");
	const dp_block *block = any_block(&b, bitcoin, 1, 5);
	assert_int_equal(dp_record_put(&out, block, 0, 0, &fault), DP_OK);
	uint64_t size = out.size;
	assert_int_equal(dp_record_put(&out, block, 0, 0, &fault), DP_OK);
	assert_true(out.size == 2 * size);
	assert_memory_equal(out.bytes, out.bytes + size, size);
	// A refused block leaves nothing.
	while (block->mv_count == 0) block = any_block(&b, bitcoin, 1, 5);
	block->mv[block->mv_count - 1].asset = DP_ASSET_NONE;
	assert_int_equal(dp_record_put(&out, block, 0, 0, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "native coin"));
	assert_true(out.size == 2 * size);
	dp_bytes_out_done(&out);
	dp_builder_done(&b);
}

static dp_code get(const uint8_t *bytes, size_t size, const dp_chain *chain, dp_fault *fault)
{
	dp_block_builder b = {0};
	const dp_block *block;
	uint8_t *copy = dp_alloc(size == 0 ? 1 : size);
	memcpy(copy, bytes, size);
	dp_code code = dp_record_get(&b, &block, copy, size, chain, fault);
	dp_free(copy);
	dp_builder_done(&b);
	return code;
}

static void a_cut_or_longer_record_is_refused(void **state)
{
	(void)state;
	seed = 3;
	const char *names[] = {"ethereum", "bitcoin"};
	for (int i = 0; i < 2; i++) {
		const dp_chain *chain = chain_named(names[i]);
		dp_block_builder b = {0};
		dp_bytes_out out = {0};
		dp_fault fault;
		const dp_block *block = any_block(&b, chain, 9, 12);
		assert_int_equal(dp_record_put(&out, block, 0, 0, &fault), DP_OK);
		assert_int_equal(get(out.bytes, out.size, chain, &fault), DP_OK);
		for (uint64_t n = 0; n < out.size; n++) {
			assert_int_equal(get(out.bytes, n, chain, &fault), DP_BAD_BYTES);
			assert_true(fault.has_offset && fault.offset <= n);
		}
		assert_int_equal(dp_bytes_out_room(&out, 300, &fault), DP_OK);
		memset(out.bytes + out.size, 0, 300);
		assert_int_equal(get(out.bytes, out.size + 1, chain, &fault), DP_BAD_BYTES);
		assert_int_equal(get(out.bytes, out.size + 300, chain, &fault), DP_BAD_BYTES);
		dp_bytes_out_done(&out);
		dp_builder_done(&b);
	}
}

// Any byte changed: it is refused, or it is another record that is written as those same bytes.
static void there_is_one_way_to_write_a_block(void **state)
{
	(void)state;
	seed = 4;
	const char *names[] = {"ethereum", "bitcoin"};
	for (int i = 0; i < 2; i++) {
		const dp_chain *chain = chain_named(names[i]);
		dp_block_builder b = {0}, c = {0};
		dp_bytes_out out = {0}, again = {0};
		dp_fault fault;
		const dp_block *back;
		assert_int_equal(dp_record_put(&out, any_block(&b, chain, 9, 12), 0, 0, &fault),
		                 DP_OK);
		for (uint64_t n = 0; n < out.size * 8; n++) {
			out.bytes[n / 8] ^= (uint8_t)(1 << n % 8);
			dp_record_head head;
			if (dp_record_get(&c, &back, out.bytes, out.size, chain, &fault) == DP_OK) {
				memcpy(&head, out.bytes, sizeof head);
				again.size = 0;
				assert_int_equal(dp_record_put(&again, back, head.gaps,
				                               head.flags & DP_LEDGER_BLOCK_BEGINS,
				                               &fault),
				                 DP_OK);
				assert_true(again.size == out.size);
				assert_memory_equal(again.bytes, out.bytes, out.size);
			}
			out.bytes[n / 8] ^= (uint8_t)(1 << n % 8);
		}
		dp_bytes_out_done(&out);
		dp_bytes_out_done(&again);
		dp_builder_done(&b);
		dp_builder_done(&c);
	}
}

static void a_head_that_claims_too_much_costs_nothing(void **state)
{
	(void)state;
	const dp_chain *chain = chain_named("ethereum");
	dp_record_head head = {.height = 1, .hash = {1}, .tx_count = 1, .mv_count = 1 << 26};
	uint8_t bytes[150] = {0};
	dp_fault fault;
	memcpy(bytes, &head, sizeof head);
	int64_t live = dp_mem_live();
	dp_mem_fail_after(2); // the copy and nothing of this size
	assert_int_equal(get(bytes, sizeof bytes, chain, &fault), DP_BAD_BYTES);
	dp_mem_fail_after(-1);
	assert_non_null(strstr(fault.text, "more than its bytes can hold"));
	head.mv_count = (1 << 26) + 1;
	memcpy(bytes, &head, sizeof head);
	assert_int_equal(get(bytes, sizeof bytes, chain, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "than a block can have"));
	assert_int_equal(dp_mem_live(), live);
}

static void an_asset_that_is_not_listed_is_named(void **state)
{
	(void)state;
	const dp_chain *chain = chain_named("ethereum");
	uint8_t contract[20];
	dp_asset a;
	dp_fault fault;
	memset(contract, 0x11, 20);
	assert_int_equal(
	    dp_ledger_asset_find(&a, chain, DP_LEDGER_ASSET_CONTRACT, contract, NULL, 0, &fault),
	    DP_BAD_CASE);
	assert_non_null(strstr(fault.text, "0x1111111111111111111111111111111111111111"));
	assert_non_null(strstr(fault.text, "list"));
	assert_int_equal(
	    dp_ledger_asset_find(&a, chain, DP_LEDGER_ASSET_SYMBOL, NULL, "eur", 3, &fault),
	    DP_BAD_CASE);
	assert_non_null(strstr(fault.text, "\"eur\""));
	assert_int_equal(
	    dp_ledger_asset_find(&a, chain, DP_LEDGER_ASSET_SYMBOL, NULL, "USD", 3, &fault),
	    DP_BAD_CASE); // "usd" is what is written
	assert_int_equal(dp_ledger_asset_find(&a, chain, 9, contract, "", 0, &fault), DP_BAD_BYTES);
	for (uint16_t v = 0; v <= dp_asset_count(); v++) {
		dp_ledger_class class = {0};
		dp_asset before = {v};
		const dp_chain *of = v == 0 ? NULL : dp_asset_info_of(before)->chain;
		dp_ledger_asset_of(before, &class);
		assert_int_equal(dp_ledger_asset_find(&a, of == NULL ? chain : of, class.asset,
		                                      class.contract, class.symbol,
		                                      strlen(class.symbol), &fault),
		                 DP_OK);
		assert_int_equal(a.v, v);
	}
}

static void memory_may_run_out(void **state)
{
	(void)state;
	seed = 5;
	dp_block_builder b = {0};
	const dp_chain *chain = chain_named("ethereum");
	const dp_block *block = any_block(&b, chain, 2, 60), *back;
	int64_t live = dp_mem_live();
	for (int64_t n = 0;; n++) {
		dp_bytes_out out = {0};
		dp_block_builder c = {0};
		dp_fault fault = {0};
		dp_mem_fail_after(n);
		dp_code code = dp_record_put(&out, block, 0, 0, &fault);
		if (code != DP_OK) assert_true(out.size == 0);
		if (code == DP_OK)
			code = dp_record_get(&c, &back, out.bytes, out.size, chain, &fault);
		dp_mem_fail_after(-1);
		dp_bytes_out_done(&out);
		dp_builder_done(&c);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_OK) break;
		assert_int_equal(code, DP_NO_MEMORY);
	}
	dp_builder_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_block_comes_back_as_it_was),
	    cmocka_unit_test(the_layout_is_the_one_that_is_written_down),
	    cmocka_unit_test(a_record_is_appended_behind_what_is_there),
	    cmocka_unit_test(a_cut_or_longer_record_is_refused),
	    cmocka_unit_test(there_is_one_way_to_write_a_block),
	    cmocka_unit_test(a_head_that_claims_too_much_costs_nothing),
	    cmocka_unit_test(an_asset_that_is_not_listed_is_named),
	    cmocka_unit_test(memory_may_run_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
