// Choosing a chain from headers alone. Hashes are made up here, so that shapes can be tested which
// real hashing could never make.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "source/block_index.h"

enum { NO_HEIGHT = -1 };

typedef struct heights {
	int64_t of[256]; // by the first byte of the hash
} heights;

static dp_code ask(void *context, bool *ret_known, uint64_t *ret_height,
                   const dp_block_place *place, dp_fault *fault)
{
	(void)fault;
	int64_t h = ((heights *)context)->of[place->hash[0]];
	*ret_known = h != NO_HEIGHT;
	if (h != NO_HEIGHT) *ret_height = (uint64_t)h;
	return DP_OK;
}

static dp_code put(dp_block_index *x, bool *ret_is_new, const dp_bitcoin_header *h, uint32_t file,
                   uint64_t offset)
{
	dp_block_spot spot = {.offset = offset, .file = file, .size = 100, .tx_count = 1};
	return dp_block_index_add(x, ret_is_new, h, dp_chain_find("bitcoin", 7), &spot, NULL);
}

// A block whose hash is `hash` and zeros, so that it meets any target: its work is 2^32 or so for
// 1d00ffff, 2 for 207fffff. Parent 0 is the genesis of nothing: all zeros.
static void add(dp_block_index *x, uint8_t hash, uint8_t prev, uint32_t bits)
{
	dp_bitcoin_header h = {.bits = bits};
	bool is_new;
	h.hash[0] = hash;
	h.prev[0] = prev;
	assert_int_equal(put(x, &is_new, &h, 0, 1000u * hash), DP_OK);
}

static dp_code order(dp_block_index *x, heights *known, dp_fault *fault)
{
	dp_block_height_of h = {.ask = ask, .context = known};
	return dp_block_index_order(x, &h, fault);
}

static void assert_order(const dp_block_index *x, const char *hashes)
{
	assert_int_equal(x->order_count, strlen(hashes));
	for (size_t i = 0; i < strlen(hashes); i++)
		assert_int_equal(x->place[x->order[i]].hash[0], hashes[i]);
}

static heights none_known(void)
{
	heights h;
	for (size_t i = 0; i < 256; i++) h.of[i] = NO_HEIGHT;
	return h;
}

static void blocks_in_any_order_make_the_chain(void **state)
{
	(void)state;
	static const char *const arrivals[] = {"abcd", "dcba", "bdac", "cadb"};
	heights h = none_known();
	for (size_t k = 0; k < 4; k++) {
		dp_block_index x = {.seed = k};
		for (size_t i = 0; i < 4; i++) {
			uint8_t c = (uint8_t)arrivals[k][i];
			add(&x, c, c == 'a' ? 0 : (uint8_t)(c - 1), 0x1d00ffff);
		}
		assert_int_equal(order(&x, &h, NULL), DP_OK);
		assert_order(&x, "abcd");
		for (uint32_t i = 0; i < 4; i++) assert_int_equal(x.place[x.order[i]].height, i);
		assert_true(x.is_from_start);
		assert_int_equal(x.stale_count, 0);
		dp_block_index_done(&x);
	}
}

static void most_work_wins_and_of_equals_the_first_seen(void **state)
{
	(void)state;
	heights h = none_known();
	dp_block_index x = {0};
	add(&x, 'a', 0, 0x1d00ffff);
	add(&x, 'c', 'a', 0x1d00ffff); // seen first
	add(&x, 'b', 'a', 0x1d00ffff);
	assert_int_equal(order(&x, &h, NULL), DP_OK);
	assert_order(&x, "ac");
	assert_int_equal(x.stale_count, 1);
	dp_block_index_done(&x);
	// One hard block outweighs three easy ones.
	add(&x, 'a', 0, 0x1d00ffff);
	add(&x, 'b', 'a', 0x207fffff);
	add(&x, 'c', 'b', 0x207fffff);
	add(&x, 'd', 'c', 0x207fffff);
	add(&x, 'e', 'a', 0x1d00ffff);
	assert_int_equal(order(&x, &h, NULL), DP_OK);
	assert_order(&x, "ae");
	assert_int_equal(x.stale_count, 3);
	dp_block_index_done(&x);
}

static void a_block_given_twice_counts_once(void **state)
{
	(void)state;
	heights h = none_known();
	dp_block_index x = {0};
	dp_bitcoin_header header = {.hash = {'a'}, .bits = 0x1d00ffff};
	bool is_new = false;
	assert_int_equal(put(&x, &is_new, &header, 1, 50), DP_OK);
	assert_true(is_new);
	assert_int_equal(put(&x, &is_new, &header, 2, 60), DP_OK);
	assert_false(is_new);
	assert_int_equal(order(&x, &h, NULL), DP_OK);
	assert_order(&x, "a");
	assert_int_equal(x.place[0].file, 1); // where it was first seen
	dp_block_index_done(&x);
}

static void blocks_that_loop_are_refused(void **state)
{
	(void)state;
	heights h = none_known();
	dp_fault fault;
	dp_block_index x = {0};
	add(&x, 'a', 'b', 0x1d00ffff);
	add(&x, 'b', 'a', 0x1d00ffff);
	assert_int_equal(order(&x, &h, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "one another"));
	dp_block_index_done(&x);
	add(&x, 'g', 0, 0x1d00ffff); // beside a chain that does not
	add(&x, 'a', 'c', 0x1d00ffff);
	add(&x, 'b', 'a', 0x1d00ffff);
	add(&x, 'c', 'b', 0x1d00ffff);
	assert_int_equal(order(&x, &h, &fault), DP_BAD_BYTES);
	dp_block_index_done(&x);
	add(&x, 's', 's', 0x1d00ffff); // its own parent
	assert_int_equal(order(&x, &h, &fault), DP_BAD_BYTES);
	dp_block_index_done(&x);
}

static void pieces_that_do_not_connect_stand_by_height(void **state)
{
	(void)state;
	heights h = none_known();
	dp_block_index x = {0};
	h.of['p'] = 500;
	h.of['a'] = 100;
	add(&x, 'p', 'o', 0x1d00ffff);
	add(&x, 'q', 'p', 0x1d00ffff);
	add(&x, 'a', '9', 0x1d00ffff);
	add(&x, 'b', 'a', 0x1d00ffff);
	assert_int_equal(order(&x, &h, NULL), DP_OK);
	assert_order(&x, "abpq");
	assert_int_equal(x.place[x.order[1]].height, 101);
	assert_int_equal(x.place[x.order[3]].height, 501);
	assert_false(x.is_from_start);
	dp_block_index_done(&x);
}

static const char *name_of(void *context, uint32_t file)
{
	(void)context;
	static const char *const names[] = {"blk00000.dat", "blk00001.dat"};
	return names[file];
}

// Adds a block of a file with a number.
static void add_in(dp_block_index *x, uint8_t hash, uint8_t prev, uint32_t file)
{
	dp_bitcoin_header h = {.hash = {hash}, .prev = {prev}, .bits = 0x1d00ffff};
	bool is_new;
	assert_int_equal(put(x, &is_new, &h, file, 1000u * hash), DP_OK);
}

// Their work counts from different blocks and cannot be compared: whichever was followed might be
// the one that lost.
static void pieces_that_touch_or_overlap_are_refused(void **state)
{
	(void)state;
	// a is block 100, and c its second; the other piece begins with p.
	static const struct {
		int64_t p;
		const char *text;
	} c[] = {
	    {100, "block 100 in blk00001.dat and another block 100 in blk00000.dat follow blocks"},
	    {101, "block 101 in blk00001.dat follows a block that is in none of the files, where "
	          "block 100 in blk00000.dat is another one: a file is missing"},
	    {102, "block 102 in blk00001.dat follows a block that is in none of the files, where "
	          "block 101 in blk00000.dat is another one"},
	    {103, "block 103 in blk00001.dat follows a block that is in none of the files, where "
	          "block 102 in blk00000.dat is another one"},
	};
	heights h = none_known();
	dp_fault fault;
	for (size_t i = 0; i < 4; i++) {
		dp_block_index x = {0};
		dp_block_height_of of = {.ask = ask, .file_name = name_of, .context = &h};
		h.of['a'] = 100;
		h.of['p'] = c[i].p;
		add_in(&x, 'a', '9', 0);
		add_in(&x, 'b', 'a', 0);
		add_in(&x, 'c', 'b', 0);
		add_in(&x, 'p', 'o', 1);
		assert_int_equal(dp_block_index_order(&x, &of, &fault), DP_BAD_BYTES);
		if (strstr(fault.text, c[i].text) == NULL) fail_msg("%s", fault.text);
		dp_block_index_done(&x);
	}
	// The piece that begins lower reaches up to the other.
	dp_block_index x = {0};
	h.of['p'] = 99;
	h.of['a'] = 101;
	add(&x, 'a', '9', 0x1d00ffff);
	add(&x, 'p', 'o', 0x1d00ffff);
	add(&x, 'q', 'p', 0x1d00ffff);
	assert_int_equal(order(&x, &h, &fault), DP_BAD_BYTES);
	dp_block_index_done(&x);
}

// The parent need not be here to know that it is the same.
static void first_blocks_of_one_parent_are_branches(void **state)
{
	(void)state;
	static const char *const arrivals[] = {"spqa", "apqs", "qpas"};
	heights h = none_known();
	for (size_t i = 0; i < 3; i++) {
		dp_block_index x = {0};
		h.of['s'] = h.of['p'] = h.of['a'] = 100;
		for (const char *c = arrivals[i]; *c != 0; c++)
			add(&x, (uint8_t)*c, *c == 'q' ? 'p' : '9', 0x1d00ffff);
		assert_int_equal(order(&x, &h, NULL), DP_OK);
		assert_order(&x, "pq");
		assert_int_equal(x.stale_count, 2);
		assert_int_equal(dp_block_index_siblings(&x, x.order[0]), 3);
		assert_int_equal(dp_block_index_siblings(&x, x.order[1]), 1);
		dp_block_index_done(&x);
	}
}

// Miners of 2012 wrote what they liked where the height stands today.
static void a_height_that_nobody_demanded_is_only_a_hint(void **state)
{
	(void)state;
	heights h = none_known();
	dp_fault fault;
	dp_block_index x = {0};
	dp_block_height_of of = {.ask = ask, .context = &h, .chain = dp_chain_find("bitcoin", 7)};
	h.of['b'] = 100000; // BIP 34 begins at 227931
	add(&x, 'b', 'a', 0x1d00ffff);
	assert_int_equal(dp_block_index_order(&x, &of, &fault), DP_BAD_CASE);
	assert_non_null(strstr(fault.text, "--start-height"));
	dp_block_index_done(&x);
	// A child that states one more bears it out.
	add(&x, 'b', 'a', 0x1d00ffff);
	add(&x, 'c', 'b', 0x1d00ffff);
	h.of['c'] = 100001;
	assert_int_equal(dp_block_index_order(&x, &of, NULL), DP_OK);
	assert_int_equal(x.place[x.order[1]].height, 100001);
	dp_block_index_done(&x);
	// The user knows better: below what any rule demands, and above it where that is the same.
	static const struct {
		int64_t stated;
		uint64_t said;
		dp_code code;
	} c[] = {{100000, 203000, DP_OK},          {486604799, 203000, DP_OK},
	         {300000, 300000, DP_OK},          {300000, 300001, DP_BAD_CASE},
	         {486604799, 300000, DP_BAD_CASE}, {NO_HEIGHT, 300000, DP_OK}};
	of.has_height_start = true;
	for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
		h = none_known();
		h.of['b'] = c[i].stated;
		of.height_start = c[i].said;
		add(&x, 'b', 'a', 0x1d00ffff);
		assert_int_equal(dp_block_index_order(&x, &of, &fault), c[i].code);
		if (c[i].code == DP_OK)
			assert_int_equal(x.place[x.order[0]].height, c[i].said);
		else
			assert_non_null(strstr(fault.text, "not of --start-height"));
		dp_block_index_done(&x);
	}
	// The first block of all has its height from nobody.
	of.height_start = 5;
	add(&x, 'b', 0, 0x1d00ffff);
	assert_int_equal(dp_block_index_order(&x, &of, &fault), DP_BAD_CASE);
	dp_block_index_done(&x);
}

static void a_height_nobody_states_must_be_given(void **state)
{
	(void)state;
	heights h = none_known();
	dp_fault fault;
	dp_block_index x = {0};
	add(&x, 'b', 'a', 0x1d00ffff);
	assert_int_equal(order(&x, &h, &fault), DP_BAD_CASE);
	assert_non_null(strstr(fault.text, "--start-height"));
	dp_block_height_of said = {
	    .ask = ask, .context = &h, .has_height_start = true, .height_start = 1234};
	assert_int_equal(dp_block_index_order(&x, &said, NULL), DP_OK);
	assert_int_equal(x.place[x.order[0]].height, 1234);
	dp_block_index_done(&x);
	// One number cannot say where two pieces stand.
	add(&x, 'b', 'a', 0x1d00ffff);
	add(&x, 'q', 'p', 0x1d00ffff);
	assert_int_equal(dp_block_index_order(&x, &said, &fault), DP_BAD_BYTES);
	assert_non_null(strstr(fault.text, "do not connect"));
	dp_block_index_done(&x);
}

static void impossible_heights_are_refused(void **state)
{
	(void)state;
	heights h = none_known();
	dp_fault fault;
	dp_block_index x = {0};
	h.of['b'] = INT64_MAX;
	add(&x, 'b', 'a', 0x1d00ffff);
	assert_int_equal(order(&x, &h, &fault), DP_BAD_BYTES);
	h.of['b'] = NO_HEIGHT;
	dp_block_height_of said = {
	    .ask = ask, .context = &h, .has_height_start = true, .height_start = UINT64_MAX};
	assert_int_equal(dp_block_index_order(&x, &said, &fault), DP_BAD_CASE);
	dp_block_index_done(&x);
}

static void the_parent_named_by_the_chain_makes_height_one(void **state)
{
	(void)state;
	heights h = none_known();
	dp_block_index x = {0};
	const dp_chain *chain = dp_chain_find("bitcoin", 7);
	assert_non_null(chain);
	// 000000000019d6689c085ae165831e93 4ff763ae46a2a6c172b3f1b60a8ce26f, reversed.
	static const uint8_t genesis[32] = {0x6f, 0xe2, 0x8c, 0x0a, 0xb6, 0xf1, 0xb3, 0x72, 0xc1,
	                                    0xa6, 0xa2, 0x46, 0xae, 0x63, 0xf7, 0x4f, 0x93, 0x1e,
	                                    0x83, 0x65, 0xe1, 0x5a, 0x08, 0x9c, 0x68, 0xd6, 0x19};
	dp_bitcoin_header header = {.hash = {'a'}, .bits = 0x1d00ffff};
	bool is_new;
	memcpy(header.prev, genesis, 32);
	assert_int_equal(put(&x, &is_new, &header, 0, 0), DP_OK);
	dp_block_height_of of = {.ask = ask, .context = &h, .chain = chain};
	assert_int_equal(dp_block_index_order(&x, &of, NULL), DP_OK);
	assert_int_equal(x.place[x.order[0]].height, 1);
	assert_true(x.is_from_start);
	dp_block_index_done(&x);
}

static void a_long_chain_needs_no_stack(void **state)
{
	(void)state;
	enum { LONG = 200000 };
	heights h = none_known();
	dp_block_index x = {0};
	bool is_new;
	for (uint32_t i = LONG; i > 0; i--) { // children first
		dp_bitcoin_header header = {.bits = 0x207fffff};
		uint32_t prev = i - 1;
		memcpy(header.hash, &i, sizeof i);
		memcpy(header.prev, &prev, sizeof prev);
		assert_int_equal(put(&x, &is_new, &header, 0, 0), DP_OK);
	}
	assert_int_equal(order(&x, &h, NULL), DP_OK);
	assert_int_equal(x.order_count, LONG);
	assert_int_equal(x.place[x.order[LONG - 1]].height, LONG - 1);
	assert_true(dp_block_index_bytes(&x) < (uint64_t)LONG * 250);
	dp_block_index_done(&x);
}

static void a_failed_allocation_is_told(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	for (int64_t n = 0;; n++) {
		heights h = none_known();
		dp_block_index x = {0};
		dp_code code = DP_OK;
		dp_mem_fail_after(n);
		for (uint8_t i = 1; i < 100 && code == DP_OK; i++) {
			dp_bitcoin_header header = {.hash = {i}, .prev = {(uint8_t)(i - 1)}};
			bool is_new;
			code = put(&x, &is_new, &header, 0, 0);
		}
		if (code == DP_OK) code = order(&x, &h, NULL);
		dp_mem_fail_after(-1);
		dp_block_index_done(&x);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_OK) break;
		assert_int_equal(code, DP_NO_MEMORY);
		assert_true(n < 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(blocks_in_any_order_make_the_chain),
	    cmocka_unit_test(most_work_wins_and_of_equals_the_first_seen),
	    cmocka_unit_test(a_block_given_twice_counts_once),
	    cmocka_unit_test(blocks_that_loop_are_refused),
	    cmocka_unit_test(pieces_that_do_not_connect_stand_by_height),
	    cmocka_unit_test(pieces_that_touch_or_overlap_are_refused),
	    cmocka_unit_test(first_blocks_of_one_parent_are_branches),
	    cmocka_unit_test(a_height_that_nobody_demanded_is_only_a_hint),
	    cmocka_unit_test(a_height_nobody_states_must_be_given),
	    cmocka_unit_test(impossible_heights_are_refused),
	    cmocka_unit_test(the_parent_named_by_the_chain_makes_height_one),
	    cmocka_unit_test(a_long_chain_needs_no_stack),
	    cmocka_unit_test(a_failed_allocation_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
