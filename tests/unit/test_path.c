// Proves that every figure of a path can be followed back to the theft (I-6): against what small
// ledgers say by hand, and for random ledgers against a model that moves single units about and
// remembers where each has been.
// Covers: report/path.c report/path_share.c report/path_write.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "casebook/sql.h"
#include "codec/csv.h"
#include "codec/json.h"
#include "report/path.h"
#include "report/path_share.h"

//- a small world: blocks made by hand, followed into a casebook in memory
//----------------------------

enum { CASES_MAX = 2, TIME0 = 1735689600 }; // 2025-01-01T00:00:00Z

struct world {
	dp_case c[CASES_MAX];
	uint32_t case_count;
	dp_engine *e;
	dp_casebook *cb;
	dp_engine_options options;
	dp_block_builder b;
	uint64_t height;
	uint32_t txs; // made so far: the next one's number
	dp_movement *mv;
};

static void need(dp_code code, const dp_fault *fault)
{
	if (code != DP_OK) fail_msg("%s", fault->text);
}

static void world_start(struct world *w, const char *chain, const char *policy,
                        const char *const *yaml)
{
	dp_fault fault = {0};
	const dp_case *list[CASES_MAX];
	bool resumed;
	memset(w, 0, sizeof *w);
	for (; w->case_count < CASES_MAX && yaml[w->case_count] != NULL; w->case_count++) {
		dp_case *c = &w->c[w->case_count];
		const char *text = yaml[w->case_count];
		need(dp_case_parse(c, text, strlen(text), &fault), &fault);
		list[w->case_count] = c;
	}
	w->options.policy = dp_policy_find(policy);
	w->options.chain = dp_chain_find(chain, strlen(chain));
	need(dp_engine_new(&w->e, &w->options, list, w->case_count, &fault), &fault);
	need(dp_casebook_open(&w->cb, ":memory:", true, &fault), &fault);
	need(dp_casebook_begin(w->cb, w->e, &w->options, w->case_count, &resumed, &fault), &fault);
	dp_builder_start(&w->b, w->options.chain, w->height, TIME0);
}

// Ends the block: the engine applies it, the casebook keeps it.
static void world_block(struct world *w)
{
	const dp_block *block;
	dp_fault fault = {0};
	need(dp_builder_finish(&w->b, &block, &fault), &fault);
	need(dp_engine_apply(w->e, block, &fault), &fault);
	need(dp_casebook_record(w->cb, w->e, block, &fault), &fault);
	w->height++;
	dp_builder_start(&w->b, w->options.chain, w->height, TIME0 + (int64_t)w->height * 12);
}

static void world_end(struct world *w)
{
	dp_fault fault = {0};
	world_block(w);
	need(dp_casebook_commit(w->cb, &fault), &fault);
}

static void world_done(struct world *w)
{
	dp_casebook_close(w->cb);
	dp_engine_free(w->e);
	dp_builder_done(&w->b);
	for (uint32_t i = 0; i < w->case_count; i++) dp_case_done(&w->c[i]);
}

static dp_addr name(const char *text)
{
	dp_addr a = {.kind = DP_ADDR_NAME, .len = (uint8_t)strlen(text)};
	memcpy(a.bytes, text, a.len);
	return a;
}

static void tx_id(uint8_t id[32], uint32_t no)
{
	memset(id, 0x11, 32);
	memcpy(id, &no, sizeof no);
}

// Begins a transaction; returns its number.
static uint32_t begin(struct world *w)
{
	dp_tx *tx;
	assert_int_equal(dp_builder_tx(&w->b, &tx, NULL), DP_OK);
	tx_id(tx->id, w->txs);
	return w->txs++;
}

static void row(struct world *w, dp_mv_kind kind, const char *from, const char *to,
                const char *asset, uint64_t amount)
{
	assert_int_equal(dp_builder_movement(&w->b, &w->mv, NULL), DP_OK);
	w->mv->kind = (uint8_t)kind;
	w->mv->amount = dp_u256_of(amount);
	w->mv->asset = dp_asset_by_symbol(w->options.chain, asset, strlen(asset));
	assert_int_not_equal(w->mv->asset.v, 0);
	if (from != NULL) w->mv->from = name(from);
	if (to != NULL) w->mv->to = name(to);
}

// A transaction of one transfer.
static uint32_t pay(struct world *w, const char *from, const char *to, const char *asset,
                    uint64_t amount)
{
	uint32_t no = begin(w);
	row(w, strcmp(asset, "eth") == 0 ? DP_MV_NATIVE : DP_MV_TOKEN, from, to, asset, amount);
	return no;
}

static void spend(struct world *w, uint32_t tx, uint32_t vout, uint64_t amount)
{
	row(w, DP_MV_INPUT, NULL, NULL, "btc", amount);
	tx_id(w->mv->spent.txid, tx);
	w->mv->spent.vout = vout;
}

static dp_path *path_to(struct world *w, const char *incident, const char *holder)
{
	dp_path *p;
	dp_fault fault = {0};
	need(dp_path_find(&p, w->cb, incident, holder, &fault), &fault);
	return p;
}

static uint64_t low(dp_u256 v)
{
	assert_true(dp_u256_fits64(v));
	return v.w[0];
}

// The part that transaction `no` carried, all its steps of one stolen asset together; UTXO: of
// those that flow out of it.
static uint64_t part_of(const struct world *w, const dp_path_stolen *st, uint32_t no)
{
	char want[DP_TXID_TEXT_MAX];
	uint8_t id[32];
	uint64_t sum = 0;
	tx_id(id, no);
	dp_txid_format(want, id, w->options.chain);
	for (uint32_t i = 0; i < st->step_count; i++)
		if (strcmp(st->step[i].tx, want) == 0 && st->step[i].to.kind != DP_PATH_TX)
			sum += low(st->step[i].origin);
	return sum;
}

static uint64_t from_theft(const dp_path_stolen *st)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < st->step_count; i++)
		if (st->step[i].from.kind == DP_PATH_THEFT) sum += low(st->step[i].origin);
	return sum;
}

#define HEAD(id, chain) "incident: " id "\ntitle: T\nchain: " chain "\nstolen:\n"
#define ETH(who, n)                                                                                \
	"  - {address: \"name:" who "\", asset: eth, amount_base: \"" n                            \
	"\", time: 2025-01-01T00:00:00Z}\n"
#define STETH(who, n)                                                                              \
	"  - {address: \"name:" who "\", asset: steth, amount_base: \"" n                          \
	"\", time: 2025-01-01T00:00:00Z}\n"

static const char *const hundred[] = {HEAD("heist", "ethereum") ETH("thief", "100"), NULL};

//- account chains --------------------------------------------------------------------------------

static void fifo_follows_exactly_the_units_that_arrive(void **state)
{
	(void)state;
	struct world w;
	world_start(&w, "ethereum", "fifo", hundred);
	uint32_t first = pay(&w, "thief", "a", "eth", 60);  // units 0-59
	uint32_t second = pay(&w, "thief", "b", "eth", 40); // 60-99
	uint32_t b_pays = pay(&w, "b", "a", "eth", 30);     // a: 0-59 60-89
	world_block(&w);
	uint32_t away = pay(&w, "a", "c", "eth", 50);
	uint32_t here = pay(&w, "a", "d", "eth", 25); // 50-59 60-74
	world_end(&w);
	dp_path *p = path_to(&w, "heist", "name:d");
	const dp_path_stolen *st = &p->stolen[0];
	assert_int_equal(p->stolen_count, 1);
	assert_int_equal(low(st->arrived), 25);
	assert_int_equal(low(st->held), 25);
	assert_int_equal(from_theft(st), 25);
	assert_int_equal(part_of(&w, st, first), 10);
	assert_int_equal(part_of(&w, st, second), 15);
	assert_int_equal(part_of(&w, st, b_pays), 15);
	assert_int_equal(part_of(&w, st, away), 0);
	assert_int_equal(part_of(&w, st, here), 25);
	assert_int_equal(st->step_count, 5);
	assert_int_equal(st->step[0].hop, 0);
	assert_int_equal(st->step[1].hop, 1);
	assert_int_equal(st->step[3].hop, 2);
	assert_int_equal(st->step[4].hop, 2);
	assert_true(st->step[4].arrives);
	assert_int_equal(low(st->step[0].units_all), 100);
	assert_int_equal(low(st->step[0].units), 25);
	dp_path_free(p);
	// One that has spent everything still has its path.
	p = path_to(&w, "heist", "name:thief");
	assert_int_equal(low(p->stolen[0].arrived), 100);
	assert_int_equal(low(p->stolen[0].held), 0);
	assert_int_equal(p->stolen[0].step_count, 1);
	dp_path_free(p);
	world_done(&w);
}

static void lifo_follows_the_newest_units(void **state)
{
	(void)state;
	struct world w;
	world_start(&w, "ethereum", "lifo", hundred);
	uint32_t first = pay(&w, "thief", "a", "eth", 60); // 40-99
	uint32_t second = pay(&w, "thief", "b", "eth", 40);
	uint32_t b_pays = pay(&w, "b", "a", "eth", 30);
	uint32_t away = pay(&w, "a", "c", "eth", 20);
	uint32_t here = pay(&w, "a", "d", "eth", 25); // 10 of b's, 15 of the first
	world_end(&w);
	dp_path *p = path_to(&w, "heist", "name:d");
	const dp_path_stolen *st = &p->stolen[0];
	assert_int_equal(low(st->arrived), 25);
	assert_int_equal(part_of(&w, st, first), 15);
	assert_int_equal(part_of(&w, st, second), 10);
	assert_int_equal(part_of(&w, st, b_pays), 10);
	assert_int_equal(part_of(&w, st, away), 0);
	assert_int_equal(part_of(&w, st, here), 25);
	dp_path_free(p);
	world_done(&w);
}

static void haircut_shares_a_pool_in_proportion_and_exactly(void **state)
{
	(void)state;
	struct world w;
	world_start(&w, "ethereum", "haircut", hundred);
	uint32_t one = pay(&w, "thief", "a", "eth", 50);
	uint32_t two = pay(&w, "thief", "b", "eth", 25);
	pay(&w, "b", "a", "eth", 25); // a: 50 by one way, 25 by the other
	uint32_t here = pay(&w, "a", "d", "eth", 31);
	world_end(&w);
	dp_path *p = path_to(&w, "heist", "name:d");
	const dp_path_stolen *st = &p->stolen[0];
	assert_int_equal(low(st->arrived), 31);
	assert_int_equal(part_of(&w, st, here), 31);
	// 31 * 25 / 75 is 10 and a third.
	assert_int_equal(part_of(&w, st, two), 10);
	assert_int_equal(part_of(&w, st, one), 21);
	assert_int_equal(from_theft(st), 31);
	dp_path_free(p);
	world_done(&w);
}

static void units_that_come_back_are_counted_once(void **state)
{
	(void)state;
	struct world w;
	world_start(&w, "ethereum", "fifo", hundred);
	pay(&w, "thief", "a", "eth", 40);
	uint32_t out = pay(&w, "a", "b", "eth", 30);
	uint32_t back = pay(&w, "b", "a", "eth", 20);
	world_end(&w);
	dp_path *p = path_to(&w, "heist", "name:a");
	const dp_path_stolen *st = &p->stolen[0];
	assert_int_equal(low(st->arrived), 40);
	assert_int_equal(low(st->again), 20);
	assert_int_equal(low(st->held), 30);
	assert_int_equal(from_theft(st), 40);
	assert_int_equal(part_of(&w, st, out), 20);
	assert_int_equal(part_of(&w, st, back), 20);
	assert_int_equal(low(st->sum[0].arrived), 60);
	assert_int_equal(low(st->sum[0].held), 30);
	dp_path_free(p);
	world_done(&w);
}

static void each_stolen_asset_has_its_own_path(void **state)
{
	(void)state;
	static const char *const two[] = {
	    HEAD("heist", "ethereum") ETH("thief", "100") STETH("thief", "70"), NULL};
	struct world w;
	world_start(&w, "ethereum", "fifo", two);
	pay(&w, "thief", "a", "steth", 50);
	pay(&w, "thief", "a", "eth", 10);
	pay(&w, "a", "d", "steth", 20);
	pay(&w, "a", "d", "eth", 3);
	world_end(&w);
	dp_path *p = path_to(&w, "heist", "name:d");
	assert_int_equal(p->stolen_count, 2);
	assert_int_equal(low(p->stolen[0].arrived), 3);
	assert_int_equal(low(p->stolen[1].arrived), 20);
	assert_int_equal(from_theft(&p->stolen[0]), 3);
	assert_int_equal(from_theft(&p->stolen[1]), 20);
	assert_int_not_equal(p->stolen[0].asset.v, p->stolen[1].asset.v);
	dp_path_free(p);
	world_done(&w);
}

static void two_cases_keep_apart(void **state)
{
	(void)state;
	static const char *const two[] = {
	    HEAD("heist", "ethereum") ETH("thief", "100"),
	    "incident: other\nchain: ethereum\nstolen:\n"
	    "  - {address: \"name:crook\", asset: eth, amount_base: \"50\", "
	    "time: 2025-01-01T00:00:10Z}\n",
	    NULL};
	struct world w;
	world_start(&w, "ethereum", "fifo", two);
	world_block(&w);
	pay(&w, "thief", "a", "eth", 10);
	pay(&w, "crook", "a", "eth", 20);
	pay(&w, "thief", "a", "eth", 5);
	pay(&w, "a", "d", "eth", 32);
	world_end(&w);
	dp_path *p = path_to(&w, "heist", "name:d");
	assert_int_equal(low(p->stolen[0].arrived), 12);
	dp_path_free(p);
	p = path_to(&w, "other", "name:d");
	assert_int_equal(low(p->stolen[0].arrived), 20);
	assert_int_equal(p->stolen[0].step_count, 3);
	dp_path_free(p);
	world_done(&w);
}

#define LINK_TXS                                                                                   \
	"links:\n  - {from: \"name:a\", to: \"name:a\", assets: [steth], asset: eth, "             \
	"amount_base: \"90\", by: \"Somebody, 2025\", txs: "                                       \
	"[\"0x0100000011111111111111111111111111111111111111111111111111111111\", "                \
	"\"0x0200000011111111111111111111111111111111111111111111111111111111\"]}\n"

static void a_link_with_transactions_is_one_step_of_the_path(void **state)
{
	(void)state;
	static const char *const yaml[] = {HEAD("heist", "ethereum") STETH("thief", "100") LINK_TXS,
	                                   NULL};
	struct world w;
	world_start(&w, "ethereum", "fifo", yaml);
	pay(&w, "thief", "a", "steth", 100);
	uint32_t in1 = pay(&w, "a", "router", "steth", 30);
	uint32_t in2 = pay(&w, "a", "router", "steth", 70); // 90 eth arrive for 100 steth
	pay(&w, "a", "c", "eth", 18); // stands for 20: 18 of the first parcel's 27
	uint32_t here = pay(&w, "a", "d", "eth", 45);
	world_end(&w);
	dp_path *p = path_to(&w, "heist", "name:d");
	const dp_path_stolen *st = &p->stolen[0];
	assert_int_equal(low(st->sum[0].arrived), 45);
	assert_int_equal(low(st->arrived), part_of(&w, st, here));
	assert_int_equal(from_theft(st), low(st->arrived));
	// 18 of 90 units stand for 20 of 100: ten of the first batch are left, the rest is the
	// second's.
	assert_int_equal(low(st->arrived), 50);
	assert_int_equal(part_of(&w, st, in1), 10);
	uint32_t links = 0;
	for (uint32_t i = 0; i < st->step_count; i++) {
		const dp_path_step *s = &st->step[i];
		if (s->from.kind != DP_PATH_LINK && s->to.kind != DP_PATH_LINK) continue;
		links++;
		assert_string_equal(s->link_by, "Somebody, 2025");
		assert_string_equal(s->link_from, "name:a");
		// A link is no transaction: the hop stays that of who paid.
		assert_int_equal(s->hop, 1);
		if (s->to.kind == DP_PATH_LINK)
			assert_true(low(s->origin) == 10 || low(s->origin) == 40);
	}
	assert_int_equal(links, 3);
	assert_int_equal(part_of(&w, st, in2), 40 + 50); // into the link, and out of it
	dp_path_free(p);
	// Another address in another asset, and all of it again.
	p = path_to(&w, "heist", "name:a");
	assert_int_equal(low(p->stolen[0].arrived), 100);
	assert_int_equal(low(p->stolen[0].again), 100);
	dp_path_free(p);
	world_done(&w);
}

static void a_link_without_transactions_delivers_as_it_is_paid(void **state)
{
	(void)state;
	static const char *const yaml[] = {
	    HEAD("heist", "ethereum")
	        STETH("thief", "100") "links:\n  - {from: \"name:thief\", to: \"name:x\", assets: "
	                              "[steth], asset: eth, "
	                              "amount_base: \"60\", by: \"me\"}\n",
	    NULL};
	static const char *const policies[] = {"fifo", "lifo", "haircut", "seniority", NULL};
	for (int i = 0; policies[i] != NULL; i++) {
		struct world w;
		world_start(&w, "ethereum", policies[i], yaml);
		uint32_t one = pay(&w, "thief", "router", "steth", 20);
		uint32_t two = pay(&w, "thief", "router", "steth", 30);
		uint32_t three = pay(&w, "thief", "router", "steth", 30); // 10 through the link
		pay(&w, "x", "d", "eth", 60);
		world_end(&w);
		dp_path *p = path_to(&w, "heist", "name:d");
		const dp_path_stolen *st = &p->stolen[0];
		assert_int_equal(low(st->arrived), 60);
		assert_int_equal(low(st->sum[0].arrived), 60);
		assert_int_equal(part_of(&w, st, one), 40); // in and out
		assert_int_equal(part_of(&w, st, two), 60);
		assert_int_equal(part_of(&w, st, three), 20);
		dp_path_free(p);
		world_done(&w);
	}
}

static void a_service_is_asked_by_its_address(void **state)
{
	(void)state;
	static const char *const yaml[] = {
	    HEAD("heist", "ethereum") ETH(
	        "thief", "100") "services:\n  - {address: \"name:bank\", name: \"First Bank\"}\n",
	    NULL};
	struct world w;
	world_start(&w, "ethereum", "fifo", yaml);
	pay(&w, "thief", "a", "eth", 40);
	pay(&w, "a", "bank", "eth", 15);
	pay(&w, "bank", "c", "eth", 15);
	world_end(&w);
	dp_path *p = path_to(&w, "heist", "name:bank");
	const dp_path_stolen *st = &p->stolen[0];
	assert_int_equal(low(st->arrived), 15);
	assert_int_equal(low(st->stopped), 15);
	assert_int_equal(low(st->held), 0);
	assert_int_equal(st->step_count, 3);
	assert_string_equal(st->step[2].to.name, "First Bank");
	assert_string_equal(st->step[2].to.address, "name:bank");
	dp_path_free(p);
	world_done(&w);
}

// When a movement makes its sender a hub, the rest is booked before the movement, but left after
// it.
static void what_a_new_hub_leaves_behind_did_not_leave_first(void **state)
{
	(void)state;
	static const char *const yaml[] = {
	    HEAD("heist", "ethereum") ETH("t1", "10") ETH("t2", "10") "hub_limit: 2\n", NULL};
	struct world w;
	world_start(&w, "ethereum", "fifo", yaml);
	uint32_t one = pay(&w, "t1", "a", "eth", 10);
	uint32_t two = pay(&w, "t2", "a", "eth", 10);
	pay(&w, "a", "d", "eth", 12); // the third movement of a
	pay(&w, "d", "a", "eth", 5);  // to a hub
	world_end(&w);
	dp_path *p = path_to(&w, "heist", "name:d");
	const dp_path_stolen *st = &p->stolen[0];
	assert_int_equal(low(st->arrived), 12);
	assert_int_equal(part_of(&w, st, one), 10);
	assert_int_equal(part_of(&w, st, two), 2);
	dp_path_free(p);
	p = path_to(&w, "heist", "name:a");
	assert_int_equal(low(p->stolen[0].arrived), 20);
	assert_int_equal(low(p->stolen[0].again), 5);
	assert_int_equal(low(p->stolen[0].stopped), 5);
	dp_path_free(p);
	world_done(&w);
}

static void poison_lists_the_ways_and_no_amounts(void **state)
{
	(void)state;
	struct world w;
	world_start(&w, "ethereum", "poison", hundred);
	pay(&w, "thief", "a", "eth", 10);
	pay(&w, "a", "d", "eth", 5);
	pay(&w, "thief", "a", "eth", 10); // too late for d
	pay(&w, "thief", "b", "eth", 10); // elsewhere
	world_end(&w);
	dp_path *p = path_to(&w, "heist", "name:d");
	assert_int_equal(p->stolen[0].step_count, 3);
	assert_true(dp_u256_is_zero(p->stolen[0].arrived));
	assert_int_equal(p->stolen[0].step[2].hop, 2);
	dp_path_free(p);
	world_done(&w);
}

//- UTXO ------------------------------------------------------------------------------------------

#define TX0 "1111111111111111111111111111111111111111111111111111111100000000"
static const char *const coin50[] = {
    HEAD("heist", "bitcoin") "  - {outpoint: \"" TX0 ":0\", amount_base: \"50\"}\n", NULL};

// t1: the stolen coin and a clean one, three outputs; t2 puts two of them together again.
static void utxo_world(struct world *w, const char *policy)
{
	world_start(w, "bitcoin", policy, coin50);
	w->txs = 1; // number 0 made the stolen coin
	uint32_t t1 = begin(w);
	spend(w, 0, 0, 50);
	spend(w, 900, 0, 30); // clean
	row(w, DP_MV_OUTPUT, NULL, "a", "btc", 20);
	row(w, DP_MV_OUTPUT, NULL, "b", "btc", 25);
	row(w, DP_MV_OUTPUT, NULL, "a", "btc", 30); // 5 are the fee
	world_block(w);
	begin(w);
	spend(w, t1, 2, 30);
	spend(w, t1, 0, 20);
	row(w, DP_MV_OUTPUT, NULL, "d", "btc", 15);
	row(w, DP_MV_OUTPUT, NULL, "a", "btc", 35);
	world_end(w);
}

static void utxo_inputs_and_outputs_are_matched_in_order(void **state)
{
	(void)state;
	struct world w;
	utxo_world(&w, "fifo");
	// t1: a gets 0-19, b 20-44, a 45-49 and 25 clean. t2: 45-49, clean 25, 0-19; d gets 45-49.
	dp_path *p = path_to(&w, "heist", "name:d");
	const dp_path_stolen *st = &p->stolen[0];
	assert_int_equal(low(st->arrived), 5);
	assert_int_equal(st->step_count, 5);
	assert_int_equal(st->step[0].from.kind, DP_PATH_THEFT);
	assert_string_equal(st->step[0].to.outpoint, TX0 ":0");
	assert_int_equal(st->step[1].to.kind, DP_PATH_TX);
	assert_int_equal(st->step[2].hop, 1);
	assert_int_equal(st->step[4].hop, 2);
	for (uint32_t i = 0; i < 5; i++) assert_int_equal(low(st->step[i].origin), 5);
	char coin[DP_OUTPOINT_TEXT_MAX];
	memcpy(coin, st->step[4].to.outpoint, sizeof coin - 8);
	coin[sizeof coin - 8] = 0;
	dp_path_free(p);
	p = path_to(&w, "heist", coin);
	assert_int_equal(low(p->stolen[0].arrived), 5);
	dp_path_free(p);
	// An address that pays itself: its change is no new arrival.
	p = path_to(&w, "heist", "name:a");
	assert_int_equal(low(p->stolen[0].arrived), 25);
	assert_int_equal(low(p->stolen[0].again), 20);
	assert_int_equal(low(p->stolen[0].held), 20);
	assert_int_equal(from_theft(&p->stolen[0]), 25);
	dp_path_free(p);
	world_done(&w);
}

static void utxo_parts_add_up_under_every_policy(void **state)
{
	(void)state;
	static const char *const who[] = {"name:a", "name:b", "name:d"};
	for (int i = 0; dp_policies[i] != NULL; i++) {
		struct world w;
		utxo_world(&w, dp_policies[i]->name);
		for (int k = 0; k < 3; k++) {
			dp_path *p;
			dp_fault fault = {0};
			dp_code code = dp_path_find(&p, w.cb, "heist", who[k], &fault);
			if (code == DP_NOT_FOUND) continue;
			need(code, &fault);
			assert_int_equal(from_theft(&p->stolen[0]), low(p->stolen[0].arrived));
			dp_path_free(p);
		}
		world_done(&w);
	}
}

//- what is refused -------------------------------------------------------------------------------

static void what_is_not_there_is_named(void **state)
{
	(void)state;
	struct world w;
	world_start(&w, "ethereum", "fifo", hundred);
	pay(&w, "thief", "a", "eth", 40);
	world_end(&w);
	dp_path *p;
	dp_fault fault = {0};
	assert_int_equal(dp_path_find(&p, w.cb, "heits", "name:a", &fault), DP_NOT_FOUND);
	assert_non_null(strstr(fault.text, "did you mean 'heist'"));
	assert_non_null(strstr(fault.text, "it has heist"));
	assert_int_equal(dp_path_find(&p, w.cb, "heist", "name:nobody", &fault), DP_NOT_FOUND);
	assert_non_null(
	    strstr(fault.text, "no stolen unit of case heist ever reached name:nobody"));
	assert_int_equal(dp_path_find(&p, w.cb, "heist", "0x12", &fault), DP_BAD_BYTES);
	assert_int_equal(
	    dp_path_find(&p, w.cb, "heist", "0x47666Fab8bd0Ac7003bce3f5C3585383F09486e2", &fault),
	    DP_BAD_BYTES);
	world_done(&w);
}

// Each of these makes books that cannot be right. None may abort or give figures.
static void a_damaged_casebook_is_refused(void **state)
{
	(void)state;
	// Amounts of 2^256-1, whose sum overflows.
	char most[160];
	(void)snprintf(most, sizeof most, "update flow set origin='%s%s', src=-1, dst=2",
	               "1157920892373161954235709850086879078532",
	               "69984665640564039457584007913129639935");
	const char *const damage[] = {
	    most,
	    "update flow set origin='999' where seq=3",
	    "update flow set origin='x' where seq=3",
	    "update flow set src=7 where seq=3",
	    "update flow set src=-4 where seq=3",
	    "update flow set dst=-1 where seq=2",
	    "update flow set dst=-40 where seq=2",
	    "update flow set dst=-5 where seq=2",
	    "update flow set src=-5, stop=7 where seq=3",
	    "update flow set stop=-9",
	    "update flow set mv_index=99999999999",
	    "update flow set asset='eip155:1/erc20:0x00' where seq=1",
	    "update parcel set origin='1'",
	    "update parcel set units='-1'",
	    "delete from holder where no=1",
	    "update run set policy='none'",
	    "update run set chain='none'",
	    "update colour set colour=70000",
	};
	for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
		struct world w;
		world_start(&w, "ethereum", "fifo", hundred);
		pay(&w, "thief", "a", "eth", 40);
		pay(&w, "a", "d", "eth", 30);
		world_end(&w);
		dp_path *p = NULL;
		dp_fault fault = {0};
		need(dp_sql_run(dp_casebook_db(w.cb), damage[i], &fault), &fault);
		assert_int_equal(dp_path_find(&p, w.cb, "heist", "name:d", &fault), DP_BAD_BYTES);
		assert_true(fault.text[0] != 0);
		world_done(&w);
	}
}

static void too_many_parts_are_a_limit_with_advice(void **state)
{
	(void)state;
	// Eight thefts of one unit each go to a pool in turns with what goes elsewhere.
	enum { N = 24 };
	dp_path_row r[N + 1];
	memset(r, 0, sizeof r);
	for (int i = 0; i < N; i++) {
		r[i].origin = dp_u256_of(1);
		r[i].seq = i;
		r[i].tx = (uint32_t)i;
		r[i].stop = -1;
		r[i].src = i < 8 ? DP_PARTY_THEFT : 1;
		r[i].dst = i < 8 ? 1 : i % 2 == 0 ? 2 : 3;
		if (i >= 16) r[i].src = DP_PARTY_THEFT;
	}
	uint32_t here = 2;
	dp_path_totals t = {0};
	dp_fault fault = {0};
	assert_int_equal(dp_path_share(r, 16, &here, 1, &dp_policy_fifo, 3, &t, &fault), DP_LIMIT);
	assert_non_null(strstr(fault.text, "more than 3 parts"));
	for (int i = 0; i < N; i++) r[i].part = DP_U256_ZERO, r[i].arrives = false;
	assert_int_equal(dp_path_share(r, 16, &here, 1, &dp_policy_fifo, 4, &t, &fault), DP_OK);
	assert_int_equal(low(t.stolen), 4);
}

static void running_out_of_memory_anywhere_leaves_nothing_behind(void **state)
{
	(void)state;
	static const char *const yaml[] = {HEAD("heist", "ethereum") STETH("thief", "100") LINK_TXS,
	                                   NULL};
	struct world w;
	world_start(&w, "ethereum", "fifo", yaml);
	pay(&w, "thief", "a", "steth", 100);
	pay(&w, "a", "router", "steth", 30);
	pay(&w, "a", "router", "steth", 70);
	pay(&w, "a", "d", "eth", 45);
	world_end(&w);
	int64_t live = dp_mem_live();
	int64_t n = 0;
	for (dp_code code = DP_NO_MEMORY; code != DP_OK; n++) {
		dp_path *p;
		dp_fault fault = {0};
		dp_mem_fail_after(n);
		code = dp_path_find(&p, w.cb, "heist", "name:d", &fault);
		dp_mem_fail_after(-1);
		if (code == DP_OK) dp_path_free(p);
		assert_int_equal(dp_mem_live(), live);
		assert_true(n < 1000);
	}
	assert_true(n > 10);
	world_done(&w);
}

//- formats ---------------------------------------------------------------------------------------

struct page {
	char text[1 << 16];
	size_t size, read, size_max;
};

static dp_code page_write(void *context, const char *text, size_t n, dp_fault *fault)
{
	struct page *p = context;
	if (p->size + n > p->size_max) return dp_fail(fault, DP_IO, "the page is full");
	memcpy(p->text + p->size, text, n);
	p->size += n;
	p->text[p->size] = 0;
	return DP_OK;
}

static dp_code page_read(void *context, void *buffer, size_t size, size_t *ret_size,
                         dp_fault *fault)
{
	(void)fault;
	struct page *p = context;
	*ret_size = size < p->size - p->read ? size : p->size - p->read;
	memcpy(buffer, p->text + p->read, *ret_size);
	p->read += *ret_size;
	return DP_OK;
}

static struct page page;

static dp_sink fresh_page(size_t size_max)
{
	memset(&page, 0, sizeof page);
	page.size_max = size_max;
	return (dp_sink){page_write, &page};
}

static dp_path *linked_path(struct world *w)
{
	static const char *const yaml[] = {
	    HEAD("heist", "ethereum")
	        STETH("thief", "100") "links:\n  - {from: \"name:a\", to: \"name:a\", assets: "
	                              "[steth], asset: eth, "
	                              "amount_base: \"90\", by: \"Somebody, \\\"2025\\\": a long "
	                              "sentence that has to be "
	                              "folded because it does not fit into the hundred columns of "
	                              "a page, \\e[31mred\"}\n",
	    NULL};
	world_start(w, "ethereum", "fifo", yaml);
	pay(w, "thief", "a", "steth", 100);
	pay(w, "a", "router", "steth", 30);
	pay(w, "a", "d", "eth", 15);
	world_end(w);
	return path_to(w, "heist", "name:d");
}

static void text_fits_a_hundred_columns_and_says_all(void **state)
{
	(void)state;
	struct world w;
	dp_path *p = linked_path(&w);
	dp_sink out = fresh_page(sizeof page.text - 1);
	assert_int_equal(dp_path_text(p, &out, NULL), DP_OK);
	size_t lines = 0;
	for (const char *line = page.text; *line != 0; line = strchr(line, '\n') + 1) {
		assert_true(strcspn(line, "\n") <= 100);
		lines++;
	}
	assert_true(lines > 20);
	assert_non_null(strstr(page.text, "the theft"));
	assert_non_null(strstr(page.text, "via link"));
	assert_non_null(strstr(page.text, "?[31mred"));
	assert_null(strchr(page.text, 0x1b));
	assert_non_null(strstr(page.text, "Parts are exact"));
	char id[DP_TXID_TEXT_MAX];
	uint8_t bytes[32];
	tx_id(bytes, 1);
	dp_txid_format(id, bytes, w.options.chain);
	assert_non_null(strstr(page.text, id));
	dp_path_free(p);
	world_done(&w);
}

static void json_is_complete(void **state)
{
	(void)state;
	struct world w;
	dp_path *p = linked_path(&w);
	dp_sink out = fresh_page(sizeof page.text - 1);
	assert_int_equal(dp_path_json(p, &out, NULL), DP_OK);
	dp_json *doc;
	assert_int_equal(dp_json_parse(&doc, page.text, page.size, NULL), DP_OK);
	assert_string_equal(dp_json_text(dp_json_get(doc, "parts")), "exact");
	const dp_json *stolen = dp_json_first(dp_json_get(doc, "stolen"));
	assert_string_equal(dp_json_text(dp_json_get(stolen, "arrived_base")), "15");
	uint32_t steps = 0;
	const dp_json *s = dp_json_first(dp_json_get(stolen, "steps"));
	for (; s != NULL; s = dp_json_next(s)) {
		assert_non_null(dp_json_get(s, "height"));
		assert_non_null(dp_json_text(dp_json_get(s, "origin_base")));
		assert_non_null(dp_json_text(dp_json_get(dp_json_get(s, "from"), "kind")));
		steps++;
	}
	assert_int_equal(steps, p->stolen[0].step_count);
	dp_json_free(doc);
	dp_path_free(p);
	world_done(&w);
}

static void csv_reads_back(void **state)
{
	(void)state;
	struct world w;
	dp_path *p = linked_path(&w);
	dp_sink out = fresh_page(sizeof page.text - 1);
	assert_int_equal(dp_path_csv(p, &out, NULL), DP_OK);
	static dp_csv csv;
	csv = (dp_csv){.read = page_read, .context = &page};
	uint32_t rows = 0;
	dp_code code;
	while ((code = dp_csv_next(&csv, NULL)) == DP_OK) {
		assert_int_equal(csv.field_count, 29);
		rows++;
	}
	assert_int_equal(code, DP_END);
	dp_csv_done(&csv);
	assert_int_equal(rows, 1 + p->stolen[0].step_count);
	dp_path_free(p);
	world_done(&w);
}

static void a_full_disk_is_not_success(void **state)
{
	(void)state;
	struct world w;
	dp_path *p = linked_path(&w);
	dp_fault fault = {0};
	dp_sink out = fresh_page(40);
	assert_int_equal(dp_path_text(p, &out, &fault), DP_IO);
	out = fresh_page(40);
	assert_int_equal(dp_path_json(p, &out, &fault), DP_IO);
	out = fresh_page(40);
	assert_int_equal(dp_path_csv(p, &out, &fault), DP_IO);
	dp_path_free(p);
	world_done(&w);
}

//- against a model that moves single units -------------------------------------------------------

enum { POOLS = 5, UNITS = 60, MOVES = 50, QUEUE_MAX = 4096, LEDGERS = 120 };

static const char *const pool_name[POOLS + 1] = {"p0", "p1", "p2", "p3", "p4", "thief"};

struct model {
	int queue[POOLS + 1][QUEUE_MAX]; // unit numbers; -1 = clean
	int size[POOLS + 1];
	bool followed[POOLS + 1];
	int dst[MOVES]; // of each movement; -1 = fee
	bool passed[UNITS][MOVES];
};

static uint32_t random_next(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

static void model_move(struct model *m, int k, int src, int dst, int amount, bool lifo)
{
	int out[64], known = 0;
	bool tainted = false;
	if (m->followed[src]) {
		int *q = m->queue[src];
		known = amount < m->size[src] ? amount : m->size[src];
		int at = lifo ? m->size[src] - known : 0;
		memcpy(out, q + at, (size_t)known * sizeof *out);
		m->size[src] -= known;
		if (!lifo) memmove(q, q + known, (size_t)m->size[src] * sizeof *q);
	}
	for (int i = known; i < amount; i++) out[i] = -1;
	m->dst[k] = dst;
	for (int i = 0; i < amount; i++) {
		if (out[i] < 0) continue;
		tainted = true;
		m->passed[out[i]][k] = true;
	}
	if (dst < 0 || (!tainted && !m->followed[dst])) return;
	m->followed[dst] = true;
	assert_true(m->size[dst] + amount <= QUEUE_MAX);
	memcpy(m->queue[dst] + m->size[dst], out, (size_t)amount * sizeof *out);
	m->size[dst] += amount;
}

// A random ledger in the engine and in the model. Transaction k is movement k.
static void random_ledger(struct world *w, struct model *m, const char *policy, uint32_t seed)
{
	static const char *const yaml[] = {HEAD("heist", "ethereum") ETH("thief", "60"), NULL};
	uint32_t x = seed * 2654435761u + 1;
	bool lifo = strcmp(policy, "lifo") == 0;
	memset(m, 0, sizeof *m);
	m->followed[POOLS] = true;
	m->size[POOLS] = UNITS;
	for (int i = 0; i < UNITS; i++) m->queue[POOLS][i] = i;
	world_start(w, "ethereum", policy, yaml);
	for (int k = 0; k < MOVES; k++) {
		int src = k < 4 ? POOLS : (int)(random_next(&x) % (POOLS + 1));
		int dst = (int)(random_next(&x) % (POOLS + 1));
		int amount = 1 + (int)(random_next(&x) % 15);
		if (random_next(&x) % 12 == 0) dst = -1;
		begin(w);
		row(w, dst < 0 ? DP_MV_FEE : DP_MV_NATIVE, pool_name[src],
		    dst < 0 ? NULL : pool_name[dst], "eth", (uint64_t)amount);
		model_move(m, k, src, dst, amount, lifo);
		if (random_next(&x) % 3 == 0) world_block(w);
	}
	world_end(w);
}

// How many of the units that movement k carried arrived at `target` by it or later.
static uint64_t model_part(const struct model *m, int k, int target)
{
	uint64_t part = 0;
	for (int u = 0; u < UNITS; u++) {
		bool later = false;
		for (int j = k; j < MOVES && m->passed[u][k]; j++)
			later |= m->passed[u][j] && m->dst[j] == target;
		part += later;
	}
	return part;
}

static uint64_t model_arrived(const struct model *m, int target)
{
	uint64_t count = 0;
	for (int u = 0; u < UNITS; u++) {
		bool ever = false;
		for (int j = 0; j < MOVES; j++) ever |= m->passed[u][j] && m->dst[j] == target;
		count += ever;
	}
	return count;
}

static void compare_with_model(const char *policy)
{
	static struct model m;
	for (uint32_t seed = 1; seed <= LEDGERS; seed++) {
		struct world w;
		random_ledger(&w, &m, policy, seed);
		for (int target = 0; target < POOLS; target++) {
			char who[16];
			dp_path *p;
			dp_fault fault = {0};
			(void)snprintf(who, sizeof who, "name:%s", pool_name[target]);
			dp_code code = dp_path_find(&p, w.cb, "heist", who, &fault);
			uint64_t want = model_arrived(&m, target);
			assert_int_equal(code, want == 0 ? DP_NOT_FOUND : DP_OK);
			if (want == 0) continue;
			const dp_path_stolen *st = &p->stolen[0];
			assert_int_equal(low(st->arrived), want);
			assert_int_equal(from_theft(st), want);
			for (int k = 0; k < MOVES; k++)
				if (part_of(&w, st, (uint32_t)k) != model_part(&m, k, target))
					fail_msg("%s, seed %u, to %s, movement %d: %llu, not %llu",
					         policy, seed, who, k,
					         (unsigned long long)part_of(&w, st, (uint32_t)k),
					         (unsigned long long)model_part(&m, k, target));
			dp_path_free(p);
		}
		world_done(&w);
	}
}

static void fifo_agrees_with_a_model_of_single_units(void **state)
{
	(void)state;
	compare_with_model("fifo");
}

static void lifo_agrees_with_a_model_of_single_units(void **state)
{
	(void)state;
	compare_with_model("lifo");
}

// Bags have no single units; but what a party hands on of the path it got by the path.
static void check_bag_path(const dp_path_stolen *st)
{
	dp_u256 at[64] = {DP_U256_ZERO};
	char who[64][16];
	uint32_t count = 0;
	for (uint32_t i = 0; i < st->step_count; i++) {
		const dp_path_step *s = &st->step[i];
		assert_true(dp_u256_cmp(s->units, s->units_all) <= 0);
		const dp_path_end *end[2] = {&s->from, &s->to};
		for (int k = 0; k < 2; k++) {
			if (end[k]->kind != DP_PATH_HOLDER) continue;
			uint32_t n = 0;
			while (n < count && strcmp(who[n], end[k]->address) != 0) n++;
			assert_true(n < 64);
			if (n == count)
				(void)snprintf(who[count++], sizeof who[0], "%s", end[k]->address);
			// Never below zero: dp_u256_sub aborts.
			at[n] =
			    k == 0 ? dp_u256_sub(at[n], s->origin) : dp_u256_add(at[n], s->origin);
		}
	}
}

static void bags_add_up_on_random_ledgers(void **state)
{
	(void)state;
	static struct model m;
	static const char *const policies[] = {"haircut", "seniority", "tiho", "tilo", NULL};
	for (int k = 0; policies[k] != NULL; k++)
		for (uint32_t seed = 1; seed <= LEDGERS / 3; seed++) {
			struct world w;
			random_ledger(&w, &m, policies[k], seed);
			for (int target = 0; target <= POOLS; target++) {
				char who[16];
				dp_path *p;
				dp_fault fault = {0};
				(void)snprintf(who, sizeof who, "name:%s", pool_name[target]);
				dp_code code = dp_path_find(&p, w.cb, "heist", who, &fault);
				if (code == DP_NOT_FOUND) continue;
				need(code, &fault);
				const dp_path_stolen *st = &p->stolen[0];
				assert_int_equal(from_theft(st), low(st->arrived));
				check_bag_path(st);
				dp_path_free(p);
			}
			world_done(&w);
		}
}

// Random coins joined and split: every policy's books let themselves be followed back.
static void random_coins(struct world *w, const char *policy, uint32_t seed)
{
	struct coin {
		uint32_t tx, vout;
		uint64_t value;
	} coin[256] = {{0, 0, 50}};
	uint32_t x = seed * 2654435761u + 1, count = 1, foreign = 1000;
	world_start(w, "bitcoin", policy, coin50);
	w->txs = 1;
	for (int t = 0; t < 25; t++) {
		uint64_t total = 0;
		uint32_t tx = begin(w);
		for (uint32_t i = 0; i <= random_next(&x) % 3; i++) {
			bool clean = count == 0 || (t > 0 && random_next(&x) % 4 == 0);
			uint32_t at = count == 0 ? 0 : random_next(&x) % count;
			struct coin c =
			    clean ? (struct coin){foreign++, 0, random_next(&x) % 20} : coin[at];
			if (!clean) coin[at] = coin[--count];
			spend(w, c.tx, c.vout, c.value);
			total += c.value;
		}
		for (uint32_t j = 0; j <= random_next(&x) % 4; j++) {
			uint64_t value = total == 0 ? 0 : random_next(&x) % (total + 1);
			if (count == 255) value = 0;
			total -= value;
			row(w, DP_MV_OUTPUT, NULL, pool_name[random_next(&x) % POOLS], "btc",
			    value);
			coin[count++] = (struct coin){tx, j, value};
		}
		if (random_next(&x) % 2 == 0) world_block(w);
	}
	world_end(w);
}

static void coins_add_up_on_random_ledgers(void **state)
{
	(void)state;
	uint32_t found = 0;
	for (int k = 0; dp_policies[k] != NULL; k++)
		for (uint32_t seed = 1; seed <= LEDGERS / 3; seed++) {
			struct world w;
			random_coins(&w, dp_policies[k]->name, seed);
			for (int target = 0; target < POOLS; target++) {
				char who[16];
				dp_path *p;
				dp_fault fault = {0};
				(void)snprintf(who, sizeof who, "name:%s", pool_name[target]);
				dp_code code = dp_path_find(&p, w.cb, "heist", who, &fault);
				if (code == DP_NOT_FOUND) continue;
				need(code, &fault);
				found++;
				assert_int_equal(from_theft(&p->stolen[0]),
				                 low(p->stolen[0].arrived));
				dp_path_free(p);
			}
			world_done(&w);
		}
	assert_true(found > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fifo_follows_exactly_the_units_that_arrive),
	    cmocka_unit_test(lifo_follows_the_newest_units),
	    cmocka_unit_test(haircut_shares_a_pool_in_proportion_and_exactly),
	    cmocka_unit_test(units_that_come_back_are_counted_once),
	    cmocka_unit_test(each_stolen_asset_has_its_own_path),
	    cmocka_unit_test(two_cases_keep_apart),
	    cmocka_unit_test(a_link_with_transactions_is_one_step_of_the_path),
	    cmocka_unit_test(a_link_without_transactions_delivers_as_it_is_paid),
	    cmocka_unit_test(a_service_is_asked_by_its_address),
	    cmocka_unit_test(what_a_new_hub_leaves_behind_did_not_leave_first),
	    cmocka_unit_test(poison_lists_the_ways_and_no_amounts),
	    cmocka_unit_test(utxo_inputs_and_outputs_are_matched_in_order),
	    cmocka_unit_test(utxo_parts_add_up_under_every_policy),
	    cmocka_unit_test(what_is_not_there_is_named),
	    cmocka_unit_test(a_damaged_casebook_is_refused),
	    cmocka_unit_test(too_many_parts_are_a_limit_with_advice),
	    cmocka_unit_test(running_out_of_memory_anywhere_leaves_nothing_behind),
	    cmocka_unit_test(text_fits_a_hundred_columns_and_says_all),
	    cmocka_unit_test(json_is_complete),
	    cmocka_unit_test(csv_reads_back),
	    cmocka_unit_test(a_full_disk_is_not_success),
	    cmocka_unit_test(fifo_agrees_with_a_model_of_single_units),
	    cmocka_unit_test(lifo_agrees_with_a_model_of_single_units),
	    cmocka_unit_test(bags_add_up_on_random_ledgers),
	    cmocka_unit_test(coins_add_up_on_random_ledgers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
