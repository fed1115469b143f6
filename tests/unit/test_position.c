// Liquidity positions: from logs that name no asset to legs that do.
// Covers: link/position.c
#include "net_world.h"

#include "link/leg.h"

static const char npm[] = "c36442b4a4522e871399cd717abdd847ab11fe88";
static const char pool_manager[] = "000000000004444c5dc75cb358380d2e3de08a90";
static const char position_manager[] = "bd216513d74c8cf14cf4747e6aaa6420ff64ee9e";

static void from_hex(uint8_t *out, const char *hex)
{
	for (size_t i = 0; hex[i * 2] != 0; i++) {
		char two[3] = {hex[i * 2], hex[i * 2 + 1], 0};
		out[i] = (uint8_t)strtoul(two, NULL, 16);
	}
}

static void topic_of(uint8_t topic[32], const char *reader, const char *event)
{
	uint32_t count;
	const dp_note_topic *t = dp_note_topics(&count);
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(t[i].reader, reader) == 0 &&
		    strncmp(t[i].event, event, strlen(event)) == 0) {
			memcpy(topic, t[i].topic, 32);
			return;
		}
	fail_msg("no topic of %s", event);
}

static void put_word(uint8_t *word, dp_u256 v)
{
	dp_u256_to_be(word, v);
}

static dp_note *add_note(const char *reader, const char *event, const char *contract,
                         const uint8_t *data, size_t size)
{
	dp_note *note;
	assert_int_equal(dp_builder_note(&builder, &note, data, size, NULL), DP_OK);
	note->kind = DP_NOTE_LOG;
	from_hex(note->place, contract);
	topic_of(note->topic[0], reader, event);
	note->topic_count = 2;
	return note;
}

static void increase(const char *contract, uint64_t id, dp_u256 a0, dp_u256 a1)
{
	uint8_t data[96] = {0};
	put_word(data, dp_u256_of(777));
	put_word(data + 32, a0);
	put_word(data + 64, a1);
	put_word(add_note("uniswap3", "IncreaseLiquidity", contract, data, 96)->topic[1],
	         dp_u256_of(id));
}

static void collect(uint64_t id, const char *to, dp_u256 a0, dp_u256 a1)
{
	uint8_t data[96] = {0};
	memcpy(data + 12, addr_of(to).bytes, 20);
	put_word(data + 32, a0);
	put_word(data + 64, a1);
	put_word(add_note("uniswap3", "Collect", npm, data, 96)->topic[1], dp_u256_of(id));
}

static void modify(uint64_t id, bool is_less, const char *sender)
{
	uint8_t data[128] = {0};
	if (is_less) memset(data + 64, 0xff, 32);
	data[95] = 0x55;
	put_word(data + 96, dp_u256_of(id));
	dp_note *n = add_note("uniswap4", "ModifyLiquidity", pool_manager, data, 128);
	n->topic_count = 3;
	from_hex(n->topic[2] + 12, sender);
}

static uint32_t decode(const dp_protocol *p, dp_leg *ret_leg, uint32_t note)
{
	return p->decode(ret_leg, finish(), note);
}

static void check_leg(const dp_leg *l, int side, const char *symbol, const char *amount,
                      const char *place)
{
	dp_asset a = asset_of(symbol);
	dp_addr at = addr_of(place);
	assert_null(l->refused);
	assert_int_equal(l->side, side);
	assert_int_equal(l->store, DP_STORE_POSITION);
	assert_int_equal(l->asset.v, a.v);
	assert_true(dp_u256_eq(l->amount, amount_of(amount, a)));
	assert_int_equal(l->place_count, 1);
	assert_true(dp_addr_eq(&l->place[0], &at));
	assert_true(l->is_proven && l->has_key && l->other == chain);
}

static void version3_in_and_out_have_one_key(void **state)
{
	(void)state;
	dp_leg in[DP_LEGS_MAX], out[DP_LEGS_MAX];
	dp_asset usdc, weth;
	begin();
	usdc = asset_of("USDC");
	weth = asset_of("WETH");
	token("USDC", "thief", "router", "27000"); // the same amount, before it reaches the pool
	token("USDC", "router", "pool", "27000");
	token("WETH", "router", "pool", "10");
	increase(npm, 1234, amount_of("27000", usdc), amount_of("10", weth));
	assert_int_equal(decode(&dp_protocol_uniswap3, out, 0), 2);
	check_leg(&out[0], DP_LEG_OUT, "USDC", "27000", "pool");
	check_leg(&out[1], DP_LEG_OUT, "WETH", "10", "pool");
	assert_string_equal(out[0].text, "position 1234");
	begin();
	token("USDC", "pool", "thief", "20000");
	token("WETH", "pool", "thief", "12.999999999999999999"); // one wei less than said
	collect(1234, "thief", amount_of("20000", usdc), amount_of("13", weth));
	assert_int_equal(decode(&dp_protocol_uniswap3, in, 0), 2);
	check_leg(&in[0], DP_LEG_IN, "USDC", "20000", "pool");
	check_leg(&in[1], DP_LEG_IN, "WETH", "12.999999999999999999", "pool");
	dp_addr thief = addr_of("thief");
	assert_true(dp_addr_eq(&in[0].to, &thief));
	assert_memory_equal(in[0].key, out[1].key, 32);
	begin();
	token("USDC", "pool", "thief", "20000");
	collect(1235, "thief", amount_of("20000", usdc), DP_U256_ZERO);
	assert_int_equal(decode(&dp_protocol_uniswap3, in, 0), 1);
	assert_memory_not_equal(in[0].key, out[0].key, 32);
}

static void version3_one_side_and_unlisted_tokens(void **state)
{
	(void)state;
	dp_leg leg[DP_LEGS_MAX];
	dp_movement *mv;
	begin();
	dp_asset weth = asset_of("WETH");
	token("WETH", "thief", "router", "3");
	token("WETH", "router", "pool", "3");
	increase(npm, 7, DP_U256_ZERO, amount_of("3", weth));
	assert_int_equal(decode(&dp_protocol_uniswap3, leg, 0), 1);
	check_leg(&leg[0], DP_LEG_OUT, "WETH", "3", "pool");
	begin();
	token("WETH", "router", "pool", "3");
	assert_int_equal(dp_builder_movement(&builder, &mv, NULL), DP_OK);
	mv->kind = DP_MV_TOKEN;
	mv->from = addr_of("thief");
	mv->to = addr_of("pool");
	mv->amount = dp_u256_of(500);
	mv->noise.contract[0] = 1; // below WETH's address
	increase(npm, 7, dp_u256_of(500), amount_of("3", weth));
	assert_int_equal(decode(&dp_protocol_uniswap3, leg, 0), 1);
	check_leg(&leg[0], DP_LEG_OUT, "WETH", "3", "pool");
}

// A thief pays his own contract what he pays into a real pool: only one of the two holds the
// position, and the event does not say which.
static void version3_two_pools_of_one_amount_are_refused(void **state)
{
	(void)state;
	dp_leg leg[DP_LEGS_MAX];
	begin();
	dp_asset usdc = asset_of("USDC"), weth = asset_of("WETH");
	token("USDC", "thief", "pool", "100");
	token("WETH", "thief", "pool", "1");
	token("USDC", "thief", "mine", "100");
	token("WETH", "thief", "mine", "1");
	increase(npm, 7, amount_of("100", usdc), amount_of("1", weth));
	increase(npm, 8, amount_of("100", usdc), DP_U256_ZERO);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(decode(&dp_protocol_uniswap3, leg, i), 1);
		assert_non_null(leg[0].refused);
	}
	begin();
	token("USDC", "thief", "pool", "100");
	token("WETH", "thief", "pool", "1");
	token("USDC", "thief", "mine", "100");
	token("WETH", "thief", "mine", "1");
	token("USDC", "mine", "thief", "40"); // he keeps some of it
	increase(npm, 7, amount_of("100", usdc), amount_of("1", weth));
	assert_int_equal(decode(&dp_protocol_uniswap3, leg, 0), 1);
	assert_non_null(leg[0].refused);
}

static void version3_lies_are_refused(void **state)
{
	(void)state;
	dp_leg leg[DP_LEGS_MAX];
	begin();
	dp_asset usdc = asset_of("USDC");
	token("USDC", "thief", "pool", "5");
	increase(position_manager, 1, amount_of("5", usdc), DP_U256_ZERO); // not the manager
	increase(npm, 1, amount_of("6", usdc), DP_U256_ZERO);              // not what moved
	collect(1, "thief", amount_of("5", usdc), DP_U256_ZERO);           // nobody paid him
	uint8_t cut[64] = {0};
	(void)add_note("uniswap3", "IncreaseLiquidity", npm, cut, sizeof cut);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(decode(&dp_protocol_uniswap3, leg, i), 1);
		assert_non_null(leg[0].refused);
	}
	assert_int_equal(decode(&dp_protocol_uniswap4, leg, 0), 0);
}

static void version4_is_what_the_pools_gained_or_lost(void **state)
{
	(void)state;
	dp_leg leg[DP_LEGS_MAX], out[DP_LEGS_MAX];
	begin();
	dp_movement *mv = row(DP_MV_INTERNAL, "ETH", "router", "x", "10");
	from_hex(mv->to.bytes, pool_manager);
	mv = row(DP_MV_INTERNAL, "ETH", "x", "thief", "1"); // too much was sent
	from_hex(mv->from.bytes, pool_manager);
	mv = row(DP_MV_TOKEN, "USDC", "thief", "x", "24300");
	from_hex(mv->to.bytes, pool_manager);
	modify(99, false, position_manager);
	modify(99, false, position_manager);
	assert_int_equal(decode(&dp_protocol_uniswap4, leg, 0), 2);
	assert_true(dp_u256_eq(leg[0].amount, amount_of("9", asset_of("ETH"))));
	assert_int_equal(leg[0].side, DP_LEG_OUT);
	assert_int_equal(leg[1].side, DP_LEG_OUT);
	assert_int_equal(decode(&dp_protocol_uniswap4, out, 1), 0); // said already
	begin();
	mv = row(DP_MV_TOKEN, "USDC", "x", "thief", "100");
	from_hex(mv->from.bytes, pool_manager);
	modify(99, true, position_manager);
	assert_int_equal(decode(&dp_protocol_uniswap4, out, 0), 1);
	assert_int_equal(out[0].side, DP_LEG_IN);
	assert_memory_equal(out[0].key, leg[0].key, 32);
}

static void version4_does_not_guess(void **state)
{
	(void)state;
	dp_leg leg[DP_LEGS_MAX];
	begin();
	dp_movement *mv = row(DP_MV_TOKEN, "USDC", "thief", "x", "100");
	from_hex(mv->to.bytes, pool_manager);
	modify(1, false, position_manager);
	modify(2, false, position_manager);
	modify(3, false, npm); // no position of the manager's
	assert_int_equal(decode(&dp_protocol_uniswap4, leg, 0), 1);
	assert_non_null(leg[0].refused);
	assert_int_equal(decode(&dp_protocol_uniswap4, leg, 2), 0);
	begin();
	mv = row(DP_MV_TOKEN, "USDC", "thief", "x", "100");
	from_hex(mv->to.bytes, pool_manager);
	mv = row(DP_MV_TOKEN, "WETH", "x", "thief", "1");
	from_hex(mv->from.bytes, pool_manager);
	modify(1, false, position_manager);
	assert_int_equal(decode(&dp_protocol_uniswap4, leg, 0), 1);
	assert_non_null(leg[0].refused);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(version3_in_and_out_have_one_key),
	    cmocka_unit_test(version3_one_side_and_unlisted_tokens),
	    cmocka_unit_test(version3_two_pools_of_one_amount_are_refused),
	    cmocka_unit_test(version3_lies_are_refused),
	    cmocka_unit_test(version4_is_what_the_pools_gained_or_lost),
	    cmocka_unit_test(version4_does_not_guess),
	};
	return cmocka_run_group_tests(tests, NULL, end_world);
}
