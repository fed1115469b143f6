// block.h: the builder's rows and key columns on both kinds of ledger, reuse, failing memory, and
// transaction ids in both directions.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "chain/block.h"
#include "chain/digest.h"

static const dp_chain *chain_named(const char *name)
{
	return dp_chain_find(name, strlen(name));
}

static dp_addr evm(uint8_t v)
{
	dp_addr a = {.kind = DP_ADDR_EVM, .len = 20};
	memset(a.bytes, v, 20);
	return a;
}

static void utxo_keys_are_the_coins(void **state)
{
	(void)state;
	dp_block_builder b = {0};
	dp_fault fault;
	dp_tx *tx;
	dp_movement *mv;
	dp_builder_start(&b, chain_named("bitcoin"), 7, 1231006505);
	// A coinbase with two outputs, then a transaction with two inputs and three outputs.
	assert_int_equal(dp_builder_tx(&b, &tx, &fault), DP_OK);
	tx->flags = DP_TXF_COINBASE;
	memset(tx->id, 0xc0, 32);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(dp_builder_movement(&b, &mv, &fault), DP_OK);
		mv->kind = DP_MV_OUTPUT;
	}
	assert_int_equal(dp_builder_tx(&b, &tx, &fault), DP_OK);
	memset(tx->id, 0xab, 32);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(dp_builder_movement(&b, &mv, &fault), DP_OK);
		mv->kind = DP_MV_INPUT;
		memset(mv->spent.txid, 0xc0, 32);
		mv->spent.vout = i;
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(dp_builder_movement(&b, &mv, &fault), DP_OK);
		assert_true(dp_u256_is_zero(mv->amount) && mv->to.kind == DP_ADDR_NONE);
		mv->kind = DP_MV_OUTPUT;
	}
	const dp_block *block;
	assert_int_equal(dp_builder_finish(&b, &block, &fault), DP_OK);
	assert_int_equal(block->height, 7);
	assert_int_equal(block->tx_count, 2);
	assert_int_equal(block->mv_count, 7);
	assert_int_equal(block->tx[1].mv_first, 2);
	assert_int_equal(block->tx[1].mv_count, 5);
	dp_outpoint o;
	memset(o.txid, 0xc0, 32);
	for (uint32_t i = 0; i < 2; i++) {
		o.vout = i;
		assert_true(block->dst_key[i] == dp_outpoint_key(&o) && block->src_key[i] == 0);
		// What the coinbase made is what the second transaction spends.
		assert_true(block->src_key[2 + i] == block->dst_key[i]);
		assert_true(block->dst_key[2 + i] == 0);
	}
	memset(o.txid, 0xab, 32);
	for (uint32_t i = 0; i < 3; i++) {
		o.vout = i;
		assert_true(block->dst_key[4 + i] == dp_outpoint_key(&o));
	}
	dp_builder_done(&b);
}

static void account_keys_are_the_addresses(void **state)
{
	(void)state;
	dp_block_builder b = {0};
	dp_fault fault;
	dp_tx *tx;
	dp_movement *mv;
	dp_builder_start(&b, chain_named("ethereum"), 21895238, 1740147215);
	assert_int_equal(dp_builder_tx(&b, &tx, &fault), DP_OK);
	for (uint8_t i = 0; i < 20; i++) {
		assert_int_equal(dp_builder_movement(&b, &mv, &fault), DP_OK);
		mv->kind = (uint8_t)(DP_MV_NATIVE + i % (DP_MV_KIND_COUNT - DP_MV_NATIVE));
		mv->amount = dp_u256_of(i);
		if (i > 0) mv->from = evm(i);
		if (i < 19) mv->to = evm((uint8_t)(i + 1));
	}
	const dp_block *block;
	assert_int_equal(dp_builder_finish(&b, &block, &fault), DP_OK);
	assert_true(block->src_key[0] == 0);  // minted
	assert_true(block->dst_key[19] == 0); // burnt
	for (uint32_t i = 1; i < 20; i++) {
		assert_true(block->src_key[i] == dp_addr_key(&block->mv[i].from));
		assert_true(block->src_key[i] == block->dst_key[i - 1]);
	}
	dp_builder_done(&b);
}

static void a_builder_is_reused_without_allocating(void **state)
{
	(void)state;
	dp_block_builder b = {0};
	dp_fault fault;
	const dp_block *block = NULL;
	int64_t live = dp_mem_live();
	for (int round = 0; round < 3; round++) {
		if (round == 1) dp_mem_fail_after(0);
		dp_builder_start(&b, chain_named("ethereum"), (uint64_t)round, 0);
		assert_int_equal(b.block.hash[0], 0);
		b.block.hash[0] = 9;
		for (int i = 0; i < 10; i++) {
			dp_tx *tx;
			assert_int_equal(dp_builder_tx(&b, &tx, &fault), DP_OK);
			assert_int_equal(tx->mv_count, 0);
			tx->flags = 7; // must not be seen by the next round
			for (int j = 0; j < i; j++) {
				dp_movement *mv;
				assert_int_equal(dp_builder_movement(&b, &mv, &fault), DP_OK);
				assert_int_equal(mv->kind, 0);
				mv->kind = DP_MV_NATIVE;
			}
		}
		assert_int_equal(dp_builder_finish(&b, &block, &fault), DP_OK);
		assert_int_equal(block->mv_count, 45);
		assert_int_equal(block->height, round);
	}
	dp_mem_fail_after(-1);
	dp_builder_done(&b);
	assert_true(dp_mem_live() == live);
}

static void an_empty_block_is_a_block(void **state)
{
	(void)state;
	dp_block_builder b = {0};
	const dp_block *block;
	dp_builder_start(&b, chain_named("ethereum"), 1, 2);
	assert_int_equal(dp_builder_finish(&b, &block, NULL), DP_OK);
	assert_int_equal(block->tx_count + block->mv_count, 0);
	dp_builder_done(&b);
	dp_builder_done(NULL);
}

static void every_failing_allocation_is_reported_and_nothing_leaks(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	for (int64_t n = 0; n < 8; n++) {
		dp_block_builder b = {0};
		dp_fault fault;
		dp_code code = DP_OK;
		const dp_block *block = NULL;
		dp_mem_fail_after(n);
		dp_builder_start(&b, chain_named("ethereum"), 1, 2);
		for (int i = 0; i < 9 && code == DP_OK; i++) {
			dp_tx *tx;
			dp_movement *mv;
			code = dp_builder_tx(&b, &tx, &fault);
			if (code == DP_OK) code = dp_builder_movement(&b, &mv, &fault);
			if (code == DP_OK) mv->kind = DP_MV_NATIVE;
		}
		if (code == DP_OK) code = dp_builder_finish(&b, &block, &fault);
		dp_mem_fail_after(-1);
		assert_int_equal(code, n < 6 ? DP_NO_MEMORY : DP_OK);
		dp_builder_done(&b);
		assert_true(dp_mem_live() == live);
	}
}

static void transaction_ids_read_as_people_write_them(void **state)
{
	(void)state;
	static const char btc[] =
	    "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b";
	static const char eth[] =
	    "0x46deef0f52e3a983b67abf4714448a41dd7ffd6d32d32da69d62081c68ad7882";
	uint8_t id[32];
	char text[DP_TXID_TEXT_MAX];
	assert_int_equal(dp_txid_parse(id, btc, 64, chain_named("bitcoin"), NULL), DP_OK);
	assert_int_equal(id[0], 0x3b);
	assert_int_equal(dp_txid_format(text, id, chain_named("bitcoin")), 64);
	assert_string_equal(text, btc);
	assert_int_equal(dp_txid_parse(id, eth, 66, chain_named("ethereum"), NULL), DP_OK);
	assert_int_equal(id[0], 0x46);
	assert_int_equal(dp_txid_format(text, id, chain_named("ethereum")), 66);
	assert_string_equal(text, eth);
	assert_int_equal(dp_txid_parse(id, eth + 2, 64, chain_named("ethereum"), NULL), DP_OK);
	dp_fault fault;
	assert_int_equal(dp_txid_parse(id, eth, 66, chain_named("bitcoin"), &fault), DP_BAD_BYTES);
	assert_int_equal(dp_txid_parse(id, btc, 63, chain_named("bitcoin"), &fault), DP_BAD_BYTES);
	assert_int_equal(dp_txid_parse(id, "0x", 2, chain_named("ethereum"), &fault), DP_BAD_BYTES);
	assert_int_equal(dp_txid_parse(id, NULL, 0, chain_named("ethereum"), &fault), DP_BAD_BYTES);
}

// One transaction that spends one coin. What the coin was worth is told where `knows`.
static void digest_of_spend(uint8_t ret_digest[32], bool knows, uint32_t vout)
{
	dp_block_builder b = {0};
	dp_fault fault;
	dp_tx *tx;
	dp_movement *mv;
	const dp_block *block;
	dp_builder_start(&b, chain_named("bitcoin"), 8, 1231006506);
	assert_int_equal(dp_builder_tx(&b, &tx, &fault), DP_OK);
	memset(tx->id, 0xd0, 32);
	assert_int_equal(dp_builder_movement(&b, &mv, &fault), DP_OK);
	mv->kind = DP_MV_INPUT;
	memset(mv->spent.txid, 0xc0, 32);
	mv->spent.vout = vout;
	mv->flags = knows ? 0 : DP_MVF_VALUE_UNKNOWN;
	if (knows) mv->amount = dp_u256_of(50);
	if (knows) mv->from = (dp_addr){.kind = DP_ADDR_P2PKH, .len = 20};
	assert_int_equal(dp_builder_movement(&b, &mv, &fault), DP_OK);
	mv->kind = DP_MV_OUTPUT;
	mv->amount = dp_u256_of(49);
	assert_int_equal(dp_builder_finish(&b, &block, &fault), DP_OK);
	dp_block_digest(ret_digest, block);
	dp_builder_done(&b);
}

// A source that has forgotten an earlier output tells the same block as one that has not.
static void a_digest_hangs_on_the_block_and_not_on_the_sources_memory(void **state)
{
	(void)state;
	uint8_t with[32], without[32], other[32];
	digest_of_spend(with, true, 1);
	digest_of_spend(without, false, 1);
	digest_of_spend(other, true, 2);
	assert_memory_equal(with, without, 32);
	assert_memory_not_equal(with, other, 32);
}

// Notes go with the transaction that was appended last, whatever their number.
static void notes_stand_with_their_transactions(void **state)
{
	(void)state;
	dp_block_builder b = {0};
	const dp_block *k;
	dp_fault fault;
	dp_tx *tx;
	dp_note *note;
	uint32_t first, count;
	dp_builder_start(&b, chain_named("ethereum"), 1, 1);
	for (uint32_t i = 0; i < 300; i++) {
		assert_int_equal(dp_builder_tx(&b, &tx, &fault), DP_OK);
		for (uint32_t j = 0; j < i % 3; j++) {
			uint8_t data[3] = {(uint8_t)i, (uint8_t)j, 7};
			assert_int_equal(dp_builder_note(&b, &note, data, j + 1, &fault), DP_OK);
			note->kind = DP_NOTE_LOG;
			note->at = i * 10 + j;
		}
	}
	assert_int_equal(dp_builder_finish(&b, &k, &fault), DP_OK);
	assert_int_equal(k->note_count, 300);
	for (uint32_t i = 0; i < 300; i++) {
		dp_block_notes(k, &first, &count, i);
		assert_int_equal(count, i % 3);
		for (uint32_t j = 0; j < count; j++) {
			const dp_note *n = &k->note[first + j];
			assert_int_equal(n->tx, i);
			assert_int_equal(n->at, i * 10 + j);
			assert_int_equal(n->data_size, j + 1);
			assert_int_equal(n->full_size, j + 1);
			assert_int_equal(dp_note_data(k, n)[0], i & 255);
			if (j > 0) assert_int_equal(dp_note_data(k, n)[1], 1);
		}
	}
	// The next block has none of them.
	dp_builder_start(&b, chain_named("ethereum"), 2, 1);
	assert_int_equal(dp_builder_tx(&b, &tx, &fault), DP_OK);
	assert_int_equal(dp_builder_finish(&b, &k, &fault), DP_OK);
	dp_block_notes(k, &first, &count, 0);
	assert_int_equal(count, 0);
	dp_builder_done(&b);
}

static void long_notes_are_cut_and_say_so(void **state)
{
	(void)state;
	static uint8_t data[DP_NOTE_DATA_MAX + 1];
	memset(data, 0x5a, sizeof data);
	dp_block_builder b = {0};
	dp_fault fault;
	dp_tx *tx;
	dp_note *note;
	dp_builder_start(&b, chain_named("bitcoin"), 1, 1);
	assert_int_equal(dp_builder_tx(&b, &tx, &fault), DP_OK);
	assert_int_equal(dp_builder_note(&b, &note, data, sizeof data, &fault), DP_OK);
	assert_int_equal(note->data_size, DP_NOTE_DATA_MAX);
	assert_int_equal(note->full_size, DP_NOTE_DATA_MAX + 1);
	assert_int_equal(dp_builder_note(&b, &note, NULL, 0, &fault), DP_OK);
	assert_int_equal(note->data_size + note->full_size, 0);
	assert_int_equal(note->data_at, DP_NOTE_DATA_MAX);
	dp_builder_done(&b);
}

static void notes_without_memory_fail_cleanly(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	for (int64_t n = 0; n < 4; n++) {
		dp_block_builder b = {0};
		dp_fault fault;
		dp_tx *tx;
		dp_note *note = NULL;
		dp_builder_start(&b, chain_named("bitcoin"), 1, 1);
		dp_mem_fail_after(n);
		dp_code code = dp_builder_tx(&b, &tx, &fault);
		if (code == DP_OK)
			code = dp_builder_note(&b, &note, (const uint8_t *)"abc", 3, &fault);
		dp_mem_fail_after(-1);
		assert_int_equal(code, n < 3 ? DP_NO_MEMORY : DP_OK);
		if (code != DP_OK) assert_int_equal(b.block.note_count, 0);
		dp_builder_done(&b);
	}
	assert_int_equal(dp_mem_live(), live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(utxo_keys_are_the_coins),
	    cmocka_unit_test(account_keys_are_the_addresses),
	    cmocka_unit_test(a_builder_is_reused_without_allocating),
	    cmocka_unit_test(an_empty_block_is_a_block),
	    cmocka_unit_test(every_failing_allocation_is_reported_and_nothing_leaks),
	    cmocka_unit_test(transaction_ids_read_as_people_write_them),
	    cmocka_unit_test(a_digest_hangs_on_the_block_and_not_on_the_sources_memory),
	    cmocka_unit_test(notes_stand_with_their_transactions),
	    cmocka_unit_test(long_notes_are_cut_and_say_so),
	    cmocka_unit_test(notes_without_memory_fail_cleanly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
