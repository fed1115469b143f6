// What comes behind a CoinJoin: several equal outputs of a round spent together, alone, in another
// round, with its change; how many hands are left; little room; intervals. Beside a slow version
// that remembers everything.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "shape/postmix.h"

enum { DENOMINATION = 1000000, IN_MAX = 64, OUT_MAX = 64 };

typedef struct end {
	uint64_t tx, value; // inputs: of which transaction
	uint32_t vout;
} end;

typedef struct t_tx {
	uint64_t id;
	end in[IN_MAX];
	uint64_t out[OUT_MAX];
	uint32_t ins, outs;
} t_tx;

static dp_block_builder builder;

static dp_addr someone(uint64_t n)
{
	dp_addr a = {.kind = DP_ADDR_P2WPKH, .len = 20};
	memcpy(a.bytes, &n, sizeof n);
	return a;
}

static void txid(uint8_t ret[32], uint64_t id)
{
	memset(ret, 0, 32);
	memcpy(ret, &id, sizeof id);
}

static const dp_block *block_of(const t_tx *t)
{
	const dp_chain *chain = dp_chain_find("bitcoin", 7);
	const dp_block *block;
	dp_tx *tx;
	dp_movement *m;
	dp_builder_start(&builder, chain, 800000 + t->id, 1700000000 + (int64_t)t->id);
	assert_int_equal(dp_builder_tx(&builder, &tx, NULL), DP_OK);
	txid(tx->id, t->id);
	for (uint32_t i = 0; i < t->ins; i++) {
		assert_int_equal(dp_builder_movement(&builder, &m, NULL), DP_OK);
		m->kind = DP_MV_INPUT;
		m->asset = dp_asset_native(chain);
		m->amount = dp_u256_of(t->in[i].value);
		txid(m->spent.txid, t->in[i].tx);
		m->spent.vout = t->in[i].vout;
		m->from = someone(1000 * t->in[i].tx + t->in[i].vout);
	}
	for (uint32_t i = 0; i < t->outs; i++) {
		assert_int_equal(dp_builder_movement(&builder, &m, NULL), DP_OK);
		m->kind = DP_MV_OUTPUT;
		m->asset = dp_asset_native(chain);
		m->amount = dp_u256_of(t->out[i]);
		m->to = someone(1000 * t->id + i);
	}
	assert_int_equal(dp_builder_finish(&builder, &block, NULL), DP_OK);
	return block;
}

static void in(t_tx *t, uint64_t tx, uint32_t vout, uint64_t value)
{
	t->in[t->ins++] = (end){.tx = tx, .value = value, .vout = vout};
}

// A Whirlpool round of five, the first `old` of its inputs from round `from`.
static t_tx whirlpool(uint64_t id, uint64_t from, uint32_t old)
{
	t_tx t = {.id = id};
	for (uint32_t i = 0; i < 5; i++) {
		if (i < old)
			in(&t, from, i, DENOMINATION);
		else
			in(&t, 100000 + id, i, DENOMINATION + 500 + i);
		t.out[t.outs++] = DENOMINATION;
	}
	return t;
}

// Somebody spends outputs [first, first + n) of a transaction, and pays on.
static t_tx payment(uint64_t id, uint64_t from, uint32_t first, uint32_t n)
{
	t_tx t = {.id = id};
	for (uint32_t i = 0; i < n; i++) in(&t, from, first + i, DENOMINATION);
	t.out[t.outs++] = n * (uint64_t)DENOMINATION - 700;
	return t;
}

static const dp_postmix_finding *feed(dp_postmix *p, const t_tx *t, uint32_t want)
{
	const dp_postmix_finding *f;
	uint32_t n;
	assert_int_equal(dp_postmix_feed(p, &f, &n, block_of(t), 0, DP_CJ_KIND_COUNT, NULL), DP_OK);
	assert_int_equal(n, want);
	return f;
}

static dp_postmix *start(uint32_t room)
{
	dp_postmix *p;
	assert_int_equal(dp_postmix_new(&p, room, NULL), DP_OK);
	return p;
}

static void outputs_spent_together_are_a_finding(void **state)
{
	(void)state;
	dp_postmix *p = start(100);
	t_tx round = whirlpool(1, 0, 0), pay = payment(2, 1, 1, 2), more = payment(3, 1, 3, 2);
	uint8_t id[32];
	(void)feed(p, &round, 0);
	const dp_postmix_finding *f = feed(p, &pay, 1);
	txid(id, 2);
	assert_memory_equal(f->txid, id, 32);
	txid(id, 1);
	assert_memory_equal(f->round_txid, id, 32);
	assert_int_equal(f->outputs, 2);
	assert_int_equal(f->round_outputs, 5);
	assert_int_equal(f->hands_left, 4);
	assert_int_equal(f->inputs, 2);
	assert_int_equal(f->round_kind, DP_CJ_WHIRLPOOL);
	assert_int_equal(f->confidence, 60);
	assert_int_equal(f->height - f->round_height, 1);
	assert_string_equal(f->why, "2 of 5 equal outputs of a whirlpool round spent together: at "
	                            "most 4 hands hold them");
	f = feed(p, &more, 1);
	assert_int_equal(f->hands_left, 3);
	dp_postmix_counts c;
	dp_postmix_counted(p, &c);
	assert_int_equal(c.rounds, 1);
	assert_int_equal(c.outputs, 5);
	assert_int_equal(c.outputs_together, 4);
	assert_int_equal(c.transactions_undoing, 2);
	dp_postmix_free(p);
}

static void one_output_alone_is_none(void **state)
{
	(void)state;
	dp_postmix *p = start(100);
	t_tx a = whirlpool(1, 0, 0), b = whirlpool(2, 0, 0), pay = payment(3, 1, 0, 1);
	in(&pay, 2, 0, DENOMINATION); // of another round
	in(&pay, 77, 0, 5);           // and of none
	(void)feed(p, &a, 0);
	(void)feed(p, &b, 0);
	(void)feed(p, &pay, 0);
	dp_postmix_counts c;
	dp_postmix_counted(p, &c);
	assert_int_equal(c.outputs_alone, 2);
	assert_int_equal(c.findings, 0);
	dp_postmix_free(p);
}

static void remixes_are_counted_and_no_finding(void **state)
{
	(void)state;
	dp_postmix *p = start(100);
	t_tx a = whirlpool(1, 0, 0), b = whirlpool(2, 1, 3), pay = payment(3, 1, 3, 2);
	(void)feed(p, &a, 0);
	(void)feed(p, &b, 0);
	dp_postmix_counts c;
	dp_postmix_counted(p, &c);
	assert_int_equal(c.outputs_remixed, 3);
	assert_int_equal(c.rounds, 2);
	(void)feed(p, &pay, 1);
	dp_postmix_free(p);
}

static void two_rounds_may_be_undone_at_once(void **state)
{
	(void)state;
	dp_postmix *p = start(100);
	t_tx a = whirlpool(1, 0, 0), b = whirlpool(2, 0, 0), pay = payment(3, 1, 0, 3);
	in(&pay, 2, 1, DENOMINATION);
	in(&pay, 2, 4, DENOMINATION);
	(void)feed(p, &a, 0);
	(void)feed(p, &b, 0);
	const dp_postmix_finding *f = feed(p, &pay, 2);
	assert_int_equal(f[0].outputs + f[1].outputs, 5);
	assert_int_equal(f[0].confidence, 70);
	dp_postmix_free(p);
}

// What the caller knows is believed: a round of values by hand, with change.
static void change_of_the_round_gives_away_its_owner(void **state)
{
	(void)state;
	dp_postmix *p = start(100);
	t_tx round = {.id = 1, .out = {500, 100, 500, 200, 500}, .outs = 5};
	t_tx pay = {.id = 2, .out = {600}, .outs = 1}, only = {.id = 3, .out = {200}, .outs = 1};
	in(&pay, 1, 2, 500);
	in(&pay, 1, 1, 100);
	in(&only, 1, 3, 200);
	const dp_postmix_finding *f;
	uint32_t n;
	assert_int_equal(dp_postmix_feed(p, &f, &n, block_of(&round), 0, DP_CJ_JOINMARKET, NULL),
	                 DP_OK);
	assert_int_equal(dp_postmix_feed(p, &f, &n, block_of(&pay), 0, DP_CJ_NONE, NULL), DP_OK);
	assert_int_equal(n, 1);
	assert_int_equal(f->outputs, 1);
	assert_int_equal(f->changes, 1);
	assert_int_equal(f->round_outputs, 3);
	assert_int_equal(f->hands_left, 3);
	assert_int_equal(dp_postmix_feed(p, &f, &n, block_of(&only), 0, DP_CJ_NONE, NULL), DP_OK);
	assert_int_equal(n, 0);
	dp_postmix_free(p);
}

// Two makers' worth of equal outputs and change: strangers could have signed it.
static void what_strangers_could_sign_is_doubted(void **state)
{
	(void)state;
	dp_postmix *p = start(100);
	t_tx round = whirlpool(1, 0, 0);
	t_tx pay = {.id = 2, .out = {600000, 600000, 400050, 400060, 999000}, .outs = 5};
	for (uint32_t i = 0; i < 3; i++) in(&pay, 1, i, DENOMINATION);
	(void)feed(p, &round, 0);
	const dp_block *b = block_of(&pay);
	dp_shaper shaper = {0};
	const dp_shape *shape;
	bool may;
	assert_int_equal(dp_shape_of(&shaper, &shape, b, 0, NULL), DP_OK);
	assert_int_equal(dp_coinjoin_may(&shaper, &may, shape, NULL), DP_OK);
	assert_true(may);
	const dp_postmix_finding *f;
	uint32_t n;
	assert_int_equal(dp_postmix_feed(p, &f, &n, b, 0, DP_CJ_NONE, NULL), DP_OK);
	assert_int_equal(n, 1);
	assert_int_equal(f->confidence, 20);
	assert_int_equal(f->hands_left, 5);
	dp_shaper_done(&shaper);
	dp_postmix_free(p);
}

static void the_oldest_round_is_forgotten_first(void **state)
{
	(void)state;
	dp_postmix *p = start(10);
	dp_postmix_counts c;
	for (uint64_t i = 1; i <= 40; i++) {
		t_tx round = whirlpool(i, 0, 0);
		(void)feed(p, &round, 0);
	}
	dp_postmix_counted(p, &c);
	assert_int_equal(c.outputs_forgotten, 38 * 5);
	t_tx old = payment(50, 38, 0, 2), young = payment(51, 39, 0, 2);
	(void)feed(p, &old, 0);
	(void)feed(p, &young, 1);
	t_tx big = {.id = 60, .outs = 11};
	for (int i = 0; i < 11; i++) big.out[i] = 5000;
	const dp_postmix_finding *f;
	uint32_t n;
	assert_int_equal(dp_postmix_feed(p, &f, &n, block_of(&big), 0, DP_CJ_WASABI2, NULL), DP_OK);
	dp_postmix_counted(p, &c);
	assert_int_equal(c.rounds_left_out, 1);
	dp_postmix_free(p);
}

//- beside a slow version -------------------------------------------------------------------------

enum { WORLD_TXS = 300 };

static uint64_t next_random(uint64_t *io)
{
	*io = *io * 6364136223846793005u + 1442695040888963407u;
	return *io >> 33;
}

// A world of rounds and payments; the slow version looks at all pairs of inputs of each payment.
static void the_slow_version_says_the_same(void **state)
{
	(void)state;
	static t_tx world[WORLD_TXS];
	for (uint64_t seed = 1; seed <= 20; seed++) {
		uint64_t r = seed;
		bool spent[WORLD_TXS][8] = {{false}}, is_round[WORLD_TXS];
		dp_postmix *p = start(WORLD_TXS * 8);
		uint64_t found = 0;
		for (uint32_t i = 0; i < WORLD_TXS; i++) {
			t_tx *t = &world[i];
			*t = (t_tx){.id = i + 1};
			is_round[i] = next_random(&r) % 3 == 0;
			uint32_t n = 1 + (uint32_t)(next_random(&r) % 6), groups = 0;
			for (uint32_t k = 0; k < n && i > 0; k++) {
				uint32_t from =
				    i - 1 - (uint32_t)(next_random(&r) % (i < 9 ? i : 9));
				uint32_t vout = (uint32_t)(next_random(&r) % 5);
				if (spent[from][vout]) continue;
				spent[from][vout] = true;
				in(t, from + 1, vout, DENOMINATION);
			}
			for (int k = 0; k < 5; k++) t->out[t->outs++] = DENOMINATION;
			for (uint32_t a = 0; a < t->ins && !is_round[i]; a++) {
				uint32_t same = 0, earlier = 0;
				if (!is_round[t->in[a].tx - 1]) continue;
				for (uint32_t b = 0; b < t->ins; b++) {
					same += t->in[b].tx == t->in[a].tx;
					earlier += b < a && t->in[b].tx == t->in[a].tx;
				}
				groups += same > 1 && earlier == 0;
			}
			const dp_postmix_finding *f;
			uint32_t count;
			assert_int_equal(dp_postmix_feed(p, &f, &count, block_of(t), 0,
			                                 is_round[i] ? DP_CJ_WHIRLPOOL : DP_CJ_NONE,
			                                 NULL),
			                 DP_OK);
			assert_int_equal(count, groups);
			found += count;
		}
		dp_postmix_counts c;
		dp_postmix_counted(p, &c);
		assert_int_equal(c.findings, found);
		assert_true(found > 5);
		dp_postmix_free(p);
	}
}

static void memory_may_run_out_anywhere(void **state)
{
	(void)state;
	t_tx round = whirlpool(1, 0, 0), pay = payment(2, 1, 0, 2);
	int64_t live = dp_mem_live();
	bool is_through = false;
	for (int64_t n = 0; n < 60 && !is_through; n++) {
		dp_postmix *p = NULL;
		const dp_postmix_finding *f;
		uint32_t count = 0;
		const dp_block *b = block_of(&round);
		dp_mem_fail_after(n);
		dp_code code = dp_postmix_new(&p, 100, NULL);
		if (code == DP_OK)
			code = dp_postmix_feed(p, &f, &count, b, 0, DP_CJ_KIND_COUNT, NULL);
		dp_mem_fail_after(-1);
		b = block_of(&pay);
		dp_mem_fail_after(n / 4);
		if (code == DP_OK)
			code = dp_postmix_feed(p, &f, &count, b, 0, DP_CJ_KIND_COUNT, NULL);
		dp_mem_fail_after(-1);
		assert_true(code == DP_OK || code == DP_NO_MEMORY);
		is_through = code == DP_OK;
		if (is_through) assert_int_equal(count, 1);
		dp_postmix_free(p);
	}
	assert_true(is_through);
	assert_true(dp_mem_live() - live <= 8); // the builder's own
}

//- intervals -------------------------------------------------------------------------------------

static void interval(uint64_t amount, uint64_t origin, uint64_t sum, uint64_t high,
                     uint64_t origin_high)
{
	dp_coinjoin_interval v;
	dp_coinjoin_interval_of(&v, dp_u256_of(amount), dp_u256_of(origin), dp_u256_of(sum));
	assert_true(dp_u256_is_zero(v.low) && dp_u256_is_zero(v.origin_low));
	assert_true(dp_u256_eq(v.high, dp_u256_of(high)));
	assert_true(dp_u256_eq(v.origin_high, dp_u256_of(origin_high)));
}

static void intervals_end_at_the_smaller_of_both(void **state)
{
	(void)state;
	interval(100, 100, 500, 100, 100);
	interval(100, 7, 100, 100, 7);
	interval(100, 1000, 50, 50, 500);
	interval(100, 1001, 50, 50, 501); // rounded up: never too little
	interval(100, 1, 50, 50, 1);
	interval(100, 100, 0, 0, 0);
	interval(0, 0, 50, 0, 0);
	interval(3, 10, 2, 2, 7);
}

static void equal_outputs_are_summed(void **state)
{
	(void)state;
	t_tx t = {.id = 1, .out = {500, 100, 500, 200, 500, 100, 7}, .outs = 7};
	dp_u256 sum;
	assert_int_equal(dp_coinjoin_equal_sum(&sum, block_of(&t), 0, NULL), DP_OK);
	assert_true(dp_u256_eq(sum, dp_u256_of(1700)));
	t.outs = 0;
	assert_int_equal(dp_coinjoin_equal_sum(&sum, block_of(&t), 0, NULL), DP_OK);
	assert_true(dp_u256_is_zero(sum));
	const dp_block *b = block_of(&t);
	dp_mem_fail_after(0);
	assert_int_equal(dp_coinjoin_equal_sum(&sum, b, 0, NULL), DP_NO_MEMORY);
	dp_mem_fail_after(-1);
}

static int done(void **state)
{
	(void)state;
	dp_builder_done(&builder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(outputs_spent_together_are_a_finding),
	    cmocka_unit_test(one_output_alone_is_none),
	    cmocka_unit_test(remixes_are_counted_and_no_finding),
	    cmocka_unit_test(two_rounds_may_be_undone_at_once),
	    cmocka_unit_test(change_of_the_round_gives_away_its_owner),
	    cmocka_unit_test(what_strangers_could_sign_is_doubted),
	    cmocka_unit_test(the_oldest_round_is_forgotten_first),
	    cmocka_unit_test(the_slow_version_says_the_same),
	    cmocka_unit_test(memory_may_run_out_anywhere),
	    cmocka_unit_test(intervals_end_at_the_smaller_of_both),
	    cmocka_unit_test(equal_outputs_are_summed),
	};
	return cmocka_run_group_tests(tests, NULL, done);
}
