// Crossings as bytes: all of it comes back, and whatever is cut, changed or absurd is refused
// without harm.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/exchange_inner.h"
#include "support/links_chance.h"

static dp_crossing sample(void)
{
	dp_crossing c = {.serial = 9, .version = 3, .hop = 4, .mixes = 2, .is_open = true};
	memset(c.key, 0x5a, 32);
	c.leg = (dp_leg){.protocol = &dp_protocol_thorchain,
	                 .side = DP_LEG_OUT,
	                 .is_proven = true,
	                 .has_key = true,
	                 .has_least = true,
	                 .ref_size = 32,
	                 .asset = lw_asset(LW_ETH, "ETH"),
	                 .amount = dp_u256_of(77),
	                 .place_count = 2,
	                 .least = dp_u256_of(5),
	                 .least_decimals = 8,
	                 .other_number = 1,
	                 .text = "what people know it by"};
	c.leg.place[1] = c.leg.to = c.from = lw_addr(LW_ETH, "somebody");
	c.leg.other = dp_chain_find("bitcoin", 7);
	c.leg.other_asset = lw_asset(LW_BTC, "BTC");
	c.in = (dp_place_at){.chain = dp_chain_find("ethereum", 8), .height = 7, .time = -8};
	c.is_out = true;
	c.out = (dp_place_at){.chain = dp_chain_find("base", 4), .height = 70, .time = 80};
	c.out_units = t_u256("123456789012345678901234567890123456789012345678901234567890");
	c.out_asset = lw_asset(LW_BASE, "USDC");
	c.content_count = 2;
	for (uint32_t i = 0; i < 2; i++) {
		dp_parcel p = {dp_u256_of(10 + i), dp_u256_of(i), {(uint16_t)i}};
		c.content[i].asset = lw_asset(LW_ETH, i == 0 ? "ETH" : "USDC");
		assert_int_equal(dp_parcels_push(&c.content[i].parcels, &p, NULL), DP_OK);
	}
	return c;
}

static void what_was_saved_comes_back(void **state)
{
	(void)state;
	dp_crossing c = sample(), got = {0};
	uint8_t *bytes, *again;
	size_t size, size_again;
	assert_int_equal(dp_crossing_save(&c, &bytes, &size, NULL), DP_OK);
	assert_int_equal(dp_crossing_read(&got, bytes, size, NULL), DP_OK);
	assert_int_equal(dp_crossing_save(&got, &again, &size_again, NULL), DP_OK);
	assert_int_equal(size, size_again);
	assert_memory_equal(bytes, again, size);
	assert_ptr_equal(got.leg.protocol, c.leg.protocol);
	assert_ptr_equal(got.in.chain, c.in.chain);
	assert_ptr_equal(got.out.chain, c.out.chain);
	assert_ptr_equal(got.leg.other, c.leg.other);
	assert_string_equal(got.leg.text, c.leg.text);
	assert_u256(got.out_units, c.out_units);
	assert_true(got.is_open && got.is_out && got.leg.has_least && !got.leg.is_refund);
	assert_int_equal(got.in.time, -8);
	assert_int_equal(got.version, 3);
	assert_int_equal(got.content[1].parcels.count, 1);
	dp_free(bytes);
	dp_free(again);
	dp_crossing_done(&c);
	dp_crossing_done(&got);
}

static void what_is_cut_short_is_refused(void **state)
{
	(void)state;
	dp_crossing c = sample();
	uint8_t *bytes;
	size_t size;
	dp_fault fault;
	assert_int_equal(dp_crossing_save(&c, &bytes, &size, NULL), DP_OK);
	for (size_t n = 0; n < size; n++) {
		dp_crossing got = {0};
		uint8_t *cut = malloc(n + 1); // so that reading beyond is seen
		assert_non_null(cut);
		memcpy(cut, bytes, n);
		cut = realloc(cut, n == 0 ? 1 : n);
		assert_int_equal(dp_crossing_read(&got, cut, n, &fault), DP_BAD_BYTES);
		dp_crossing_done(&got);
		free(cut);
	}
	dp_free(bytes);
	dp_crossing_done(&c);
}

static void no_byte_that_changed_does_harm(void **state)
{
	(void)state;
	dp_crossing c = sample();
	uint8_t *bytes;
	size_t size;
	t_rng rng = {5};
	int64_t live = dp_mem_live();
	assert_int_equal(dp_crossing_save(&c, &bytes, &size, NULL), DP_OK);
	for (int round = 0; round < 20000; round++) {
		dp_crossing got = {0};
		dp_fault fault;
		uint32_t at = t_below(&rng, (uint32_t)size);
		uint8_t old = bytes[at];
		bytes[at] = (uint8_t)t_rand(&rng);
		dp_code code = dp_crossing_read(&got, bytes, size, &fault);
		if (code == DP_OK) {
			uint8_t *again;
			size_t n;
			assert_int_equal(dp_crossing_save(&got, &again, &n, NULL), DP_OK);
			dp_free(again);
		} else {
			assert_int_equal(code, DP_BAD_BYTES);
		}
		bytes[at] = old;
		dp_crossing_done(&got);
	}
	dp_free(bytes);
	assert_int_equal(dp_mem_live(), live);
	dp_crossing_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_saved_comes_back),
	    cmocka_unit_test(what_is_cut_short_is_refused),
	    cmocka_unit_test(no_byte_that_changed_does_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
