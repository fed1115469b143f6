// Net flows against the slow and obvious, on random transactions of few addresses and assets.
//
//   lots      every base unit walks on its own, carrying its owner's name (one asset)
//   balances  what each party lost and gained is the sum of its rows, and the shares agree with it:
//             every unit lost is in exactly one share, nothing gained is handed out twice
//   order     how the rows of different assets lie between one another changes nothing
// Covers: link/net.c link/net_lots.c link/net_market.c link/net_share.c
#include "../unit/net_world.h"

enum { PEOPLE = 6, UNITS_MAX = 4000, ROWS = 14, ROUNDS = 30000 };
static const char *const names[PEOPLE] = {"ann", "bob", "cid", "dan", "eve", "nobody"};
static const char *const symbols[4] = {"ETH", "USDC", "LINK", "WETH"};
// Some three dollars each, so that worth has a say.
static const uint64_t scales[4] = {1000000000000000, 3000000, 170000000000000000, 1000000000000000};
static uint64_t seed;

static uint32_t draw(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 33) % below;
}

typedef struct plan {
	uint32_t from, to, asset, count;
} plan;

static void put(const plan *p)
{
	dp_movement *mv;
	assert_int_equal(dp_builder_movement(&builder, &mv, NULL), DP_OK);
	mv->kind = p->asset == 0 ? DP_MV_INTERNAL : DP_MV_TOKEN;
	mv->asset = asset_of(symbols[p->asset]);
	mv->from = addr_of(names[p->from]);
	mv->to = addr_of(names[p->to]);
	mv->amount = dp_u256_of(p->count * scales[p->asset]);
}

static uint32_t make_plan(plan *ret_plan, uint32_t assets)
{
	uint32_t count = 1 + draw(ROWS);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t asset = draw(assets);
		ret_plan[i] = (plan){draw(PEOPLE), draw(PEOPLE), asset, 1 + draw(30)};
		// Native coins from or to nobody are rewards and burns: seldom.
		if (asset == 0 && draw(4) != 0)
			while (ret_plan[i].from == PEOPLE - 1 || ret_plan[i].to == PEOPLE - 1) {
				ret_plan[i].from = draw(PEOPLE);
				ret_plan[i].to = draw(PEOPLE);
			}
	}
	return count;
}

static void play(const plan *p, uint32_t count)
{
	begin();
	for (uint32_t i = 0; i < count; i++) put(&p[i]);
}

//- lots ------------------------------------------------------------------------------------------

typedef struct unit {
	uint32_t owner, holder, left, came, order;
	bool is_paired;
} unit;
static unit units[UNITS_MAX];
static uint32_t unit_count;

// Of those at `who`, not his own, the one that came first; in the order in which they came.
static unit *oldest(uint32_t who)
{
	unit *found = NULL;
	for (uint32_t i = 0; i < unit_count; i++)
		if (units[i].holder == who && units[i].owner != who &&
		    (found == NULL || units[i].order < found->order))
			found = &units[i];
	return found;
}

static void walk(const plan *p, uint32_t count)
{
	uint32_t order = 0;
	unit_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (p[i].from == p[i].to) continue;
		for (uint32_t k = 0; k < p[i].count; k++) {
			unit *u = oldest(p[i].from);
			if (u == NULL) {
				u = &units[unit_count++];
				*u = (unit){.owner = p[i].from, .left = i};
			}
			u->holder = p[i].to;
			u->came = i;
			u->order = ++order;
			// At home again: no flow, and not passed on as somebody else's.
			if (u->owner == u->holder) *u = units[--unit_count];
		}
	}
}

static bool before(uint32_t a1, uint32_t a2, uint32_t b1, uint32_t b2)
{
	return a1 != b1 ? a1 < b1 : a2 < b2;
}

// One that he holds takes the place of one of his that others hold, while there are both.
static void drop_from_the_middle(uint32_t who)
{
	for (;;) {
		unit *in = NULL, *out = NULL;
		for (uint32_t i = 0; i < unit_count; i++) {
			unit *u = &units[i];
			if (u->holder == who &&
			    (in == NULL || before(u->came, u->left, in->came, in->left)))
				in = u;
			if (u->owner == who &&
			    (out == NULL || before(u->left, u->came, out->left, out->came)))
				out = u;
		}
		if (in == NULL || out == NULL) return;
		in->holder = out->holder;
		in->came = out->came;
		uint32_t at = (uint32_t)(out - units), last = unit_count - 1;
		units[at] = units[last];
		unit_count--;
		if ((uint32_t)(in - units) == last) in = &units[at];
		if (in->owner == in->holder) *in = units[--unit_count];
	}
}

static uint32_t index_of(const dp_addr *a)
{
	for (uint32_t i = 0; i < PEOPLE; i++) {
		dp_addr known = addr_of(names[i]);
		if (dp_addr_eq(&known, a)) return i;
	}
	fail_msg("a share of a stranger");
	return 0;
}

static void lots_are_what_single_units_do(void **state)
{
	(void)state;
	seed = 88172645463325252u;
	for (int round = 0; round < ROUNDS; round++) {
		plan p[ROWS];
		uint32_t count = make_plan(p, 1), share_count, seen[PEOPLE] = {0};
		const dp_net_share *share;
		bool too_large, is_needed;
		play(p, count);
		walk(p, count);
		bool any = false;
		for (uint32_t i = 0; i < count; i++)
			for (uint32_t k = 0; k < 2 && p[i].from != p[i].to; k++) {
				uint32_t who = k == 0 ? p[i].from : p[i].to;
				if (seen[who]++ == 0) drop_from_the_middle(who);
			}
		const dp_block *b = finish();
		assert_int_equal(dp_net_shares(net, &share, &share_count, &too_large, b, 0, NULL),
		                 DP_OK);
		assert_false(too_large);
		uint64_t total = 0;
		for (uint32_t i = 0; i < share_count; i++) {
			assert_false(share[i].is_swap);
			uint32_t from = index_of(&share[i].loser), to = index_of(&share[i].gainer);
			uint64_t left = (uint64_t)(dp_u256_low128(share[i].units) / scales[0]);
			total += left;
			for (uint32_t k = 0; k < unit_count && left > 0; k++) {
				unit *u = &units[k];
				if (u->is_paired || u->owner != from || u->holder != to ||
				    u->left != share[i].mv_out || u->came != share[i].mv)
					continue;
				u->is_paired = true;
				left--;
			}
			assert_true(left == 0);
		}
		assert_true(total == unit_count);
		// Where nothing is needed the rows say the same.
		assert_int_equal(dp_net_is_needed(net, &is_needed, b, 0, NULL), DP_OK);
		for (uint32_t i = 0; i < count; i++)
			for (uint32_t k = i + 1; k < count; k++)
				any |= p[i].from == p[k].to && p[i].from != p[i].to &&
				       p[k].from != p[k].to && p[i].from != PEOPLE - 1;
		bool nobody = false;
		for (uint32_t i = 0; i < count; i++)
			nobody |= p[i].from == PEOPLE - 1 || p[i].to == PEOPLE - 1;
		if (!nobody) assert_int_equal(is_needed, any);
	}
}

//- balances --------------------------------------------------------------------------------------

// Index of the party that stands for nobody: in tokens their contract, so a further row.
enum { PARTIES = PEOPLE + 4 };

static uint32_t party_of(const dp_addr *a, uint32_t asset)
{
	if (a->kind == DP_ADDR_NONE) return asset == 0 ? PEOPLE - 1 : PEOPLE + asset;
	for (uint32_t i = 1; i < 4; i++) {
		dp_addr contract = {.kind = DP_ADDR_EVM, .len = 20};
		memcpy(contract.bytes, dp_asset_info_of(asset_of(symbols[i]))->contract, 20);
		if (dp_addr_eq(&contract, a)) return PEOPLE + i;
	}
	return index_of(a);
}

static uint32_t number_of(dp_asset a)
{
	uint32_t i = 0;
	while (asset_of(symbols[i]).v != a.v) i++;
	return i;
}

typedef __int128 wide;

static void check_balances(const plan *p, uint32_t count)
{
	wide net_of[PARTIES][4] = {{0}}, lost[PARTIES][4] = {{0}}, gained[PARTIES][4] = {{0}};
	const dp_net_share *share;
	uint32_t share_count;
	bool too_large;
	assert_int_equal(dp_net_shares(net, &share, &share_count, &too_large, finish(), 0, NULL),
	                 DP_OK);
	assert_false(too_large);
	for (uint32_t i = 0; i < count; i++) {
		wide amount = (wide)p[i].count * (wide)scales[p[i].asset];
		dp_addr from = addr_of(names[p[i].from]), to = addr_of(names[p[i].to]);
		net_of[party_of(&from, p[i].asset)][p[i].asset] -= amount;
		net_of[party_of(&to, p[i].asset)][p[i].asset] += amount;
	}
	for (uint32_t i = 0; i < share_count; i++) {
		const dp_net_share *s = &share[i];
		uint32_t asset = number_of(s->asset), into = number_of(s->into);
		assert_false(dp_u256_is_zero(s->units));
		assert_true(s->parts >= 1);
		if (!s->is_swap) assert_true(dp_u256_eq(s->units, s->gained) && asset == into);
		lost[party_of(&s->loser, asset)][asset] += (wide)dp_u256_low128(s->units);
		gained[party_of(&s->gainer, into)][into] += (wide)dp_u256_low128(s->gained);
	}
	for (uint32_t i = 0; i < PARTIES; i++)
		for (uint32_t k = 0; k < 4; k++) {
			wide n = net_of[i][k];
			assert_true(lost[i][k] == (n < 0 ? -n : 0));
			assert_true(gained[i][k] <= (n > 0 ? n : 0));
		}
}

static void every_unit_is_in_one_share(void **state)
{
	(void)state;
	seed = 2463534242u;
	for (int round = 0; round < ROUNDS; round++) {
		plan p[ROWS];
		uint32_t count = make_plan(p, 2 + draw(3));
		play(p, count);
		check_balances(p, count);
	}
}

//- order -----------------------------------------------------------------------------------------

static void order_between_assets_says_nothing(void **state)
{
	(void)state;
	seed = 123456789u;
	static char first[TEXT_MAX];
	for (int round = 0; round < ROUNDS / 3; round++) {
		plan p[ROWS], q[ROWS];
		uint32_t count = make_plan(p, 2 + draw(3)), next[4] = {0}, put_count = 0;
		play(p, count);
		(void)snprintf(first, sizeof first, "%s", shares());
		bool was_needed = needed();
		// Asset by asset in any interleaving, each asset's own order kept.
		while (put_count < count) {
			uint32_t asset = draw(4);
			while (next[asset] < count && p[next[asset]].asset != asset) next[asset]++;
			if (next[asset] < count) q[put_count++] = p[next[asset]++];
		}
		play(q, count);
		assert_string_equal(shares(), first);
		assert_string_equal(shares(), first); // and once more, on the same memory
		assert_int_equal(needed(), was_needed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lots_are_what_single_units_do),
	    cmocka_unit_test(every_unit_is_in_one_share),
	    cmocka_unit_test(order_between_assets_says_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, end_world);
}
