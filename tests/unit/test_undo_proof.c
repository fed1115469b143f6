// What a block shows of the coins that it spends: its own are never disproved, others' wherever a
// key, a script or a sum shows it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bench/ledger_blocks.h"
#include "bitcoin_maker.h"
#include "codec/hash.h"
#include "source/undo_proof.h"

#define COIN UINT64_C(100000000)

static const uint8_t key[33] = {2, 1, 2, 3}, script[3] = {0x51, 0x51, 0x87};

// An input: the script, and the items of its witness.
typedef struct shown {
	const uint8_t *push; // NULL: the script is empty
	size_t push_size;
	const uint8_t *item[2];
	size_t item_size[2], item_count;
} shown;

static void put_tx(lb_bytes *m, const shown *in, uint64_t value)
{
	bool has_witness = in->item_count > 0;
	lb_int(m, 2, 4);
	if (has_witness) lb_put(m, "\0\1", 2);
	lb_compact(m, 1);
	for (int i = 0; i < 9; i++) lb_int(m, 7, 4); // outpoint
	lb_compact(m, in->push == NULL ? 0 : in->push_size + 1);
	if (in->push != NULL) {
		lb_int(m, in->push_size, 1);
		lb_put(m, in->push, in->push_size);
	}
	lb_int(m, 0xffffffff, 4);
	lb_compact(m, 1);
	lb_int(m, value, 8);
	lb_compact(m, 0);
	if (has_witness) lb_compact(m, in->item_count);
	for (size_t i = 0; i < in->item_count; i++) {
		lb_compact(m, in->item_size[i]);
		lb_put(m, in->item[i], in->item_size[i]);
	}
	lb_int(m, 0, 4);
}

// A block whose coinbase takes `reward` and whose one payment shows `in` and pays `out`: does it
// disprove a coin of `value` that `from` held?
static bool is_disproved(const shown *in, dp_addr from, uint64_t value, uint64_t out,
                         uint64_t reward)
{
	static const uint8_t header[80], tag[] = {1, 2};
	lb_bytes m = {0};
	dp_spent_coin coin = {.value = value, .from = from};
	uint32_t one = 1;
	dp_undo undo = {.coin = &coin, .tx_coins = &one, .coin_count = 1, .tx_count = 1};
	lb_put(&m, header, sizeof header);
	lb_compact(&m, 2);
	put_tx(&m, &(shown){.push = tag, .push_size = sizeof tag}, reward);
	put_tx(&m, in, out);
	bool is_bad = dp_undo_is_disproved(&undo, dp_chain_find("bitcoin", 7), 100, m.b, m.n);
	// Whatever is cut off proves nothing, and is not read.
	for (size_t n = 81; n < m.n; n++)
		(void)dp_undo_is_disproved(&undo, dp_chain_find("bitcoin", 7), 100, m.b, n);
	lb_done(&m);
	return is_bad;
}

static dp_addr addr_of(dp_addr_kind kind, const uint8_t *p, size_t n)
{
	dp_addr a = {.kind = (uint8_t)kind, .len = 20};
	if (kind == DP_ADDR_P2WSH) {
		a.len = 32;
		dp_sha256(a.bytes, p, n);
	} else {
		dp_hash160(a.bytes, p, n);
	}
	return a;
}

static void keys_and_scripts_must_hash_to_the_holder(void **state)
{
	(void)state;
	const shown by_key = {.push = key, .push_size = 33};
	const shown by_script = {.push = script, .push_size = 3};
	const shown witness_key = {.item = {script, key}, .item_size = {3, 33}, .item_count = 2};
	const shown witness_script = {.item = {script}, .item_size = {3}, .item_count = 1};
	const shown nothing = {0};
	const dp_addr p2pkh = addr_of(DP_ADDR_P2PKH, key, 33);
	const dp_addr p2sh = addr_of(DP_ADDR_P2SH, script, 3);
	const dp_addr p2wpkh = addr_of(DP_ADDR_P2WPKH, key, 33);
	const dp_addr p2wsh = addr_of(DP_ADDR_P2WSH, script, 3);
	const dp_addr p2tr = {.kind = DP_ADDR_P2TR, .len = 32};
	const dp_addr p2pk = addr_of(DP_ADDR_P2PK, key, 33);
	const struct {
		const shown *in;
		const dp_addr *may_be[3];
	} c[] = {
	    {&by_key, {&p2pkh, &p2pk, NULL}},
	    {&by_script, {&p2sh, &p2pk, NULL}},
	    {&witness_key, {&p2wpkh, &p2tr, NULL}},
	    {&witness_script, {&p2wsh, &p2tr, NULL}},
	    // Before witnesses were a rule such coins could be spent with nothing at all.
	    {&nothing, {NULL}},
	};
	const dp_addr *all[] = {&p2pkh, &p2sh, &p2wpkh, &p2wsh, &p2tr, &p2pk};
	for (size_t i = 0; i < 5; i++) {
		for (size_t k = 0; k < 6; k++) {
			bool may_be = c[i].in == &nothing && k >= 2;
			for (size_t j = 0; j < 3 && c[i].may_be[j] != NULL; j++)
				may_be = may_be || c[i].may_be[j] == all[k];
			bool is_bad = is_disproved(c[i].in, *all[k], COIN, COIN, 50 * COIN);
			if (is_bad == may_be) fail_msg("input %zu, holder %zu", i, k);
		}
	}
	// Of the same kind, and somebody else's.
	assert_true(is_disproved(&by_key, addr_of(DP_ADDR_P2PKH, key, 32), 1, 1, 1));
	assert_true(is_disproved(&witness_key, addr_of(DP_ADDR_P2WPKH, key, 32), 1, 1, 1));
	assert_true(is_disproved(&witness_script, addr_of(DP_ADDR_P2WSH, script, 2), 1, 1, 1));
	assert_true(is_disproved(&by_script, addr_of(DP_ADDR_P2SH, script, 2), 1, 1, 1));
}

static void sums_must_come_out(void **state)
{
	(void)state;
	const shown in = {.push = key, .push_size = 33};
	const dp_addr from = addr_of(DP_ADDR_P2PKH, key, 33);
	assert_false(is_disproved(&in, from, 7 * COIN, 7 * COIN, 50 * COIN));
	assert_true(is_disproved(&in, from, 7 * COIN - 1, 7 * COIN, 50 * COIN));
	assert_false(is_disproved(&in, from, 7 * COIN + 5, 7 * COIN, 50 * COIN + 5));
	assert_true(is_disproved(&in, from, 7 * COIN + 4, 7 * COIN, 50 * COIN + 5));
	assert_true(is_disproved(&in, from, 21000001 * COIN, 1, 1));
}

// A real block never disproves its own undo data, and two coins that changed places nearly always.
static void a_real_block_knows_its_own(void **state)
{
	(void)state;
	char block_path[4096], spent_path[4096];
	if (!mk_shared(block_path, "mainnet-866342.blk")) {
		print_message("SKIPPED: the shared data is missing\n");
		skip();
	}
	assert_true(mk_shared(spent_path, "mainnet-866342.spent.json.zst"));
	const dp_chain *chain = dp_chain_find("bitcoin", 7);
	lb_template *t = lb_load(block_path, spent_path);
	size_t n;
	uint8_t *block = mk_load(block_path, &n);
	dp_undo undo = {0};
	dp_fault fault;
	assert_int_equal(dp_undo_decode(&undo, chain, lb_undo(t)->b, lb_undo(t)->n, &fault), DP_OK);
	assert_false(dp_undo_is_disproved(&undo, chain, 866342, block, n));
	uint64_t told = 0, tried = 0;
	for (uint64_t i = 0; i + 1 < undo.coin_count && tried < 200; i += 3) {
		dp_spent_coin a = undo.coin[i], b = undo.coin[i + 1];
		if (dp_addr_eq(&a.from, &b.from)) continue;
		undo.coin[i].from = b.from;
		undo.coin[i + 1].from = a.from;
		told += dp_undo_is_disproved(&undo, chain, 866342, block, n);
		undo.coin[i] = a;
		undo.coin[i + 1] = b;
		tried++;
	}
	assert_true(tried > 100 && told * 10 >= tried * 8);
	dp_undo_done(&undo);
	lb_free(t);
	free(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys_and_scripts_must_hash_to_the_holder),
	    cmocka_unit_test(sums_must_come_out),
	    cmocka_unit_test(a_real_block_knows_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
