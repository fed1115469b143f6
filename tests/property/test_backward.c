// Backward following on random ledgers of both kinds, cut into tiny segments:
//
//   1. it says what a slow twin says that never goes backward (support/origins.h), for every
//      holder, at any moment, with and without a service;
//   2. forward and then backward is the identity under fifo: of what a holder has, exactly as many
//      units lead back to a theft as the engine says are stolen;
//   3. under haircut the two agree but for rounding. Each division rounds by less than a unit, and
//      what becomes of that difference later is at most that difference, for shares are at most
//      all; so forward and exact differ by less than the number of forward divisions (at most one
//      for each output, fee or outflow), and backward and exact by less than the number of backward
//      ones (two for each share). Amounts are scaled up, so that this bound is small beside them;
//   4. with limits of steps and memory, however small, the units still come to those asked for;
//   5. memory that runs out anywhere is said, and nothing is left behind.
//
// DYEPACK_LONG=1 runs many more.
// Covers: engine/backward.c engine/backward_coins.c engine/backward_pools.c
// Covers: engine/backward_history.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "chain/digest.h"
#include "engine/backward.h"
#include "ledger/writer.h"
#include "support/chance.h"
#include "support/folder.h"
#include "support/origins.h"

enum { BLOCKS = 50, ADDRESSES = 7, SERVICE = 6 };
#define SCALE UINT64_C(1000000000000)

static t_ledger world;
static dp_ledger *ledger;
static uint64_t round_seed;
static char folder[T_PATH_MAX];
static uint64_t compared, tainted, cut; // so that the tests prove something

static void must(dp_code code, const dp_fault *fault)
{
	if (code == DP_OK) return;
	char text[1000];
	dp_fault_format(fault, text, sizeof text);
	fail_msg("seed %llu: %s", (unsigned long long)round_seed, text);
}

//- ledgers ---------------------------------------------------------------------------------------

static void import(void)
{
	dp_writer *w;
	dp_fault fault;
	dp_block_builder b = {0};
	dp_writer_options o = {.threads = 1, .unit_rows = 1 + round_seed % 23, .final_blocks = 3};
	must(dp_writer_open(&w, folder, t_chain(world.utxo), &o, &fault), &fault);
	for (uint32_t i = 0; i < world.blocks; i++) {
		(void)t_build(&b, &world, i);
		dp_block_digest(b.block.hash, &b.block);
		must(dp_writer_append(w, &b.block, 0, false, &fault), &fault);
	}
	must(dp_writer_commit(w, round_seed % 5 != 0, &fault), &fault);
	dp_writer_close(w);
	dp_builder_done(&b);
	must(dp_ledger_open(&ledger, folder, t_chain(world.utxo), &fault), &fault);
}

static void begin_round(uint64_t seed, bool utxo)
{
	t_grower g;
	round_seed = seed;
	t_folder_make(folder);
	t_clear(&world);
	world.utxo = utxo;
	t_grower_start(&g, seed, utxo);
	for (int i = 0; i < BLOCKS; i++) t_grow(&g, &world);
	for (uint32_t i = 0; i < world.rows; i++) {
		t_row *r = &world.row[i];
		r->amount = dp_u256_of(r->amount.w[0] * SCALE);
		// Fees that somebody gets lead backward to who paid them, while forward what is
		// stolen of them ends as a fee: not the identity that is tested here.
		if (r->kind == T_FEE && seed % 2 == 0) r->to = T_NOBODY;
	}
	import();
}

static void end_round(void)
{
	dp_ledger_close(ledger);
	t_folder_remove(folder);
}

//- asking ----------------------------------------------------------------------------------------

static dp_stop service;

static dp_backward *ask(const dp_backward_start *start, bool is_haircut, int64_t stop)
{
	service = (dp_stop){.addr = t_addr(stop), .bucket = DP_BUCKET_SERVICE, .name = "Service"};
	dp_backward_options o = {
	    .is_haircut = is_haircut, .stop = &service, .stop_count = stop != T_NOBODY};
	dp_backward *b;
	dp_fault fault;
	must(dp_backward_run(&b, ledger, start, &o, &fault), &fault);
	return b;
}

static dp_backward_start of_pool(int64_t addr, int asset, uint32_t txs)
{
	return (dp_backward_start){
	    .addr = {t_addr(addr)}, .addr_count = 1, .asset = t_asset(false, asset), .tx_end = txs};
}

static dp_backward_start of_coin(uint32_t row)
{
	uint32_t tx = t_tx_of_row(&world, row), first = world.tx[tx].first;
	while (world.row[first].kind == T_IN) first++;
	return (dp_backward_start){.has_outpoint = true,
	                           .outpoint = t_outpoint(world.tx[tx].id, row - first)};
}

// What was found is what the twin found, in the stated order.
static void compare(const dp_backward *b, t_origins *wanted)
{
	uint64_t sum = t_origins_sum(wanted);
	t_origins_merge(wanted);
	assert_u256_is(b->units, sum);
	assert_int_equal(b->origin_count, wanted->count);
	for (uint32_t i = 0; i < wanted->count; i++) {
		const t_origin *x = &wanted->item[i];
		uint32_t k = 0;
		while (k < b->origin_count &&
		       (b->origin[k].kind != x->kind || b->origin[k].tx_no != x->tx ||
		        !dp_addr_eq(&b->origin[k].addr, &x->addr)))
			k++;
		if (k == b->origin_count) fail_msg("seed %llu", (unsigned long long)round_seed);
		assert_u256_is(b->origin[k].units, x->units);
		assert_int_equal(b->origin[k].hops, x->hops);
		compared++;
	}
	for (uint32_t i = 1; i < b->origin_count; i++)
		assert_true(dp_u256_cmp(b->origin[i - 1].units, b->origin[i].units) >= 0);
}

//- 1. the twin -----------------------------------------------------------------------------------

// A moment between two blocks.
static uint32_t some_moment(t_rng *rng)
{
	uint32_t block = t_below(rng, world.blocks + 1);
	return block == world.blocks ? world.txs : world.block[block].first;
}

static void pools_like_the_twin(t_rng *rng, int64_t stop)
{
	uint32_t txs = some_moment(rng);
	t_notes notes;
	t_notes_make(&notes, &world, txs, stop);
	for (int64_t a = 0; a < ADDRESSES; a++)
		for (int asset = 0; asset < 3; asset++) {
			dp_backward_start start = of_pool(a, asset, txs);
			dp_backward *b = ask(&start, false, stop);
			compare(b, &notes.pool[a][asset]);
			dp_backward_free(b);
			t_origins wanted = {0};
			t_haircut_pool(&wanted, &world, txs, a, asset, stop);
			b = ask(&start, true, stop);
			compare(b, &wanted);
			dp_backward_free(b);
			t_origins_done(&wanted);
		}
	t_notes_done(&notes);
}

static void coins_like_the_twin(int64_t stop)
{
	t_notes notes;
	t_notes_make(&notes, &world, world.txs, stop);
	for (uint32_t row = 0; row < world.rows; row++) {
		// Coins that are spent have no notes left.
		if (notes.coin[row].count == 0) continue;
		dp_backward_start start = of_coin(row);
		dp_backward *b = ask(&start, false, stop);
		compare(b, &notes.coin[row]);
		dp_backward_free(b);
		t_origins wanted = {0};
		t_haircut_coin(&wanted, &world, t_tx_of_row(&world, row), start.outpoint.vout,
		               stop);
		b = ask(&start, true, stop);
		compare(b, &wanted);
		dp_backward_free(b);
		t_origins_done(&wanted);
	}
	t_notes_done(&notes);
}

// An address stands for all its coins that were unspent then.
static void addresses_like_the_twin(t_rng *rng)
{
	uint32_t txs = some_moment(rng);
	t_notes notes;
	t_notes_make(&notes, &world, txs, T_NOBODY);
	for (int64_t a = 0; a < ADDRESSES; a++) {
		t_origins wanted = {0};
		for (uint32_t row = 0; row < world.rows; row++)
			for (uint32_t i = 0; i < notes.coin[row].count && world.row[row].to == a;
			     i++) {
				wanted.item =
				    realloc(wanted.item, (wanted.count + 1) * sizeof *wanted.item);
				assert_non_null(wanted.item);
				wanted.item[wanted.count++] = notes.coin[row].item[i];
			}
		dp_backward_start start = {.addr = {t_addr(a)}, .addr_count = 1, .tx_end = txs};
		dp_backward *b = ask(&start, false, T_NOBODY);
		compare(b, &wanted);
		dp_backward_free(b);
		t_origins_done(&wanted);
	}
	t_notes_done(&notes);
}

static uint64_t rounds(void)
{
	return getenv("DYEPACK_LONG") != NULL ? 3000 : 60;
}

static void accounts_say_what_a_forward_twin_says(void **state)
{
	(void)state;
	compared = 0;
	for (uint64_t seed = 1; seed <= rounds(); seed++) {
		t_rng rng = {seed};
		begin_round(seed, false);
		pools_like_the_twin(&rng, T_NOBODY);
		pools_like_the_twin(&rng, SERVICE);
		end_round();
	}
	assert_true(compared > 1000);
}

static void coins_say_what_a_forward_twin_says(void **state)
{
	(void)state;
	compared = 0;
	for (uint64_t seed = 1; seed <= rounds(); seed++) {
		t_rng rng = {seed};
		begin_round(seed, true);
		coins_like_the_twin(T_NOBODY);
		coins_like_the_twin(SERVICE);
		addresses_like_the_twin(&rng);
		end_round();
	}
	assert_true(compared > 1000);
}

//- 2. and 3. forward and backward ----------------------------------------------------------------

// A theft: what arrives in one row (coins: output), or with all outputs of its transaction.
struct theft {
	uint32_t tx, row;
	bool is_whole_tx;
};

// The only arrival of that asset at that address in its transaction, or a coin; one that is
// an origin (minted) when wanted.
static bool choose_theft(struct theft *ret, t_rng *rng, bool is_made)
{
	for (int tries = 0; tries < 200; tries++) {
		uint32_t row = t_below(rng, world.rows);
		const t_row *r = &world.row[row];
		uint32_t tx = t_tx_of_row(&world, row), same = 0;
		if (dp_u256_is_zero(r->amount) || r->kind == T_IN || r->kind == T_FEE) continue;
		if (r->to == T_NOBODY || r->to == r->from) continue;
		bool made =
		    world.utxo ? world.row[world.tx[tx].first].kind != T_IN : r->from == T_NOBODY;
		if (is_made && !made) continue;
		for (uint32_t i = 0; i < world.tx[tx].count && !world.utxo; i++) {
			const t_row *x = &world.row[world.tx[tx].first + i];
			same += x->to == r->to && x->asset == r->asset;
		}
		if (!world.utxo && (same != 1 || !t_row_counts(r))) continue;
		*ret = (struct theft){tx, row, is_made && world.utxo};
		return true;
	}
	return false;
}

static void write_case(char *yaml, size_t size, const struct theft *t)
{
	static const char *const assets[] = {"eth", "steth", "usdc"};
	char id[DP_TXID_TEXT_MAX], addr[DP_ADDR_TEXT_MAX];
	uint8_t txid[32];
	int n = snprintf(yaml, size, "incident: x\nchain: %s\nhub_limit: 0\nstolen:\n",
	                 world.utxo ? "bitcoin" : "ethereum");
	t_txid(txid, world.tx[t->tx].id);
	dp_txid_format(id, txid, t_chain(world.utxo));
	dp_addr a = t_addr(world.row[t->row].to);
	dp_addr_format(addr, &a, t_chain(false));
	if (!world.utxo) {
		(void)snprintf(yaml + n, size - (size_t)n,
		               "  - {tx: '%s', address: '%s', asset: %s}\n", id, addr,
		               assets[world.row[t->row].asset]);
		return;
	}
	uint32_t first = world.tx[t->tx].first;
	while (world.row[first].kind == T_IN) first++;
	for (uint32_t i = first; i < world.tx[t->tx].first + world.tx[t->tx].count; i++) {
		if (!t->is_whole_tx && i != t->row) continue;
		if (dp_u256_is_zero(world.row[i].amount)) continue;
		n += snprintf(yaml + n, size - (size_t)n, "  - {outpoint: '%s:%u'}\n", id,
		              i - first);
	}
}

// Of what was asked for, how much went through the theft.
static uint64_t through(const dp_backward *b, const struct theft *t)
{
	dp_u256 sum = DP_U256_ZERO;
	uint32_t place = t->row - world.tx[t->tx].first;
	assert_int_equal(b->step_count, b->step_total);
	for (uint32_t i = 0; i < b->step_count; i++) {
		const dp_backward_step *s = &b->step[i];
		if (s->tx_no != t->tx) continue;
		if (!t->is_whole_tx && (world.utxo ? s->to_place : s->place) != place) continue;
		sum = dp_u256_add(sum, s->units);
	}
	return sum.w[0];
}

struct check {
	const struct theft *theft;
	bool is_haircut;
};

static dp_code check_holder(void *context, const dp_holder_view *v, dp_fault *fault)
{
	(void)fault;
	const struct check *c = context;
	uint64_t stolen = 0;
	dp_backward_start start = {.asset = v->asset, .tx_end = world.txs};
	for (uint32_t i = 0; i < v->parcel_count; i++)
		if (v->parcel[i].colour.v != 0) stolen += v->parcel[i].units.w[0];
	if (world.utxo) {
		int64_t tx, vout;
		t_outpoint_numbers(v->id, &tx, &vout);
		start.has_outpoint = true;
		start.outpoint = t_outpoint(tx, vout);
	} else {
		memcpy(&start.addr[0], v->id, sizeof start.addr[0]);
		start.addr_count = 1;
	}
	dp_backward *b = ask(&start, c->is_haircut, T_NOBODY);
	uint64_t back = through(b, c->theft);
	// See 3. above.
	uint64_t bound = c->is_haircut ? world.rows + world.txs + 2 * b->shares : 0;
	uint64_t off = back > stolen ? back - stolen : stolen - back;
	if (off > bound)
		fail_msg("seed %llu: forward %llu, backward %llu", (unsigned long long)round_seed,
		         (unsigned long long)stolen, (unsigned long long)back);
	assert_true(bound < SCALE / 1000);
	tainted += stolen > 0;
	dp_backward_free(b);
	return DP_OK;
}

static void forward_and_backward(t_rng *rng, bool is_haircut)
{
	static char yaml[1 << 16];
	struct theft theft;
	dp_case c;
	dp_engine *e;
	dp_fault fault;
	if (!choose_theft(&theft, rng, is_haircut)) return;
	write_case(yaml, sizeof yaml, &theft);
	t_case(&c, yaml);
	const dp_case *list[] = {&c};
	dp_engine_options o = {.policy = dp_policy_find(is_haircut ? "haircut" : "fifo"),
	                       .chain = t_chain(world.utxo),
	                       .track_openings = !world.utxo};
	o.no_links = true; // backward does not go through swaps and bridges
	must(dp_engine_new(&e, &o, list, 1, &fault), &fault);
	dp_block_builder b = {0};
	for (uint32_t i = 0; i < world.blocks; i++) {
		const dp_block *block;
		must(dp_ledger_block(ledger, &b, &block, i, &fault), &fault);
		must(dp_engine_apply(e, block, &fault), &fault);
	}
	struct check check = {&theft, is_haircut};
	must(dp_engine_visit(e, false, check_holder, &check, &fault), &fault);
	dp_builder_done(&b);
	dp_engine_free(e);
	dp_case_done(&c);
}

static void there_and_back(bool is_haircut)
{
	tainted = 0;
	// Even seeds: nobody gets fees.
	for (uint64_t seed = 2; seed <= 2 * rounds(); seed += 2) {
		t_rng rng = {seed};
		begin_round(seed, seed % 4 == 0);
		for (int i = 0; i < 5; i++) forward_and_backward(&rng, is_haircut);
		end_round();
	}
	assert_true(tainted > 100);
}

static void fifo_forward_and_backward_is_the_identity(void **state)
{
	(void)state;
	there_and_back(false);
}

static void haircut_forward_and_backward_agree_but_for_rounding(void **state)
{
	(void)state;
	there_and_back(true);
}

//- 4. and 5. limits ------------------------------------------------------------------------------

static void ask_within(t_rng *rng, const dp_backward_start *start)
{
	dp_backward_options o = {.is_haircut = t_below(rng, 2) == 0,
	                         .hub_limit = t_below(rng, 3) == 0 ? 1 + t_below(rng, 60) : 0,
	                         .steps_max = 1 + t_below(rng, 40),
	                         .kept_max = 1 + t_below(rng, 10)};
	if (t_below(rng, 2) == 0) o.memory_max = 1 + t_below(rng, 1 << 16);
	dp_backward *b;
	dp_fault fault;
	dp_code code = dp_backward_run(&b, ledger, start, &o, &fault);
	if (code == DP_LIMIT) return; // the holder's own history
	must(code, &fault);
	dp_u256 sum = DP_U256_ZERO;
	for (uint32_t i = 0; i < b->origin_count; i++) {
		sum = dp_u256_add(sum, b->origin[i].units);
		cut += b->origin[i].kind == DP_ORIGIN_CUT;
		// What is cut is said.
		if (b->origin[i].kind == DP_ORIGIN_CUT)
			assert_true(b->is_steps_cut || b->is_memory_cut);
	}
	assert_u256(sum, b->units);
	assert_true(b->step_count <= o.kept_max);
	dp_backward_free(b);
}

// Memory runs out at every place in turn, for one holder.
static void ask_without_memory(const dp_backward_start *start, bool is_haircut)
{
	dp_backward_options o = {.is_haircut = is_haircut};
	int64_t live = dp_mem_live();
	for (int64_t n = 0;; n++) {
		dp_backward *b;
		dp_fault fault;
		dp_mem_fail_after(n);
		dp_code code = dp_backward_run(&b, ledger, start, &o, &fault);
		dp_mem_fail_after(-1);
		if (code == DP_OK) dp_backward_free(b);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_OK) break;
		assert_int_equal(code, DP_NO_MEMORY);
	}
}

static void limits_lose_nothing(void **state)
{
	(void)state;
	cut = 0;
	for (uint64_t seed = 1; seed <= rounds(); seed++) {
		t_rng rng = {seed};
		begin_round(seed, seed % 2 == 0);
		for (int i = 0; i < 60; i++) {
			dp_backward_start start =
			    of_pool(t_below(&rng, ADDRESSES), (int)t_below(&rng, 3), world.txs);
			uint32_t row = t_below(&rng, world.rows);
			if (world.utxo && world.row[row].kind == T_OUT) start = of_coin(row);
			ask_within(&rng, &start);
			// What is read once stays checked, so the first run warms the ledger.
			if (i == 0) ask_without_memory(&start, seed % 4 < 2);
		}
		end_round();
	}
	assert_true(cut > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(accounts_say_what_a_forward_twin_says),
	    cmocka_unit_test(coins_say_what_a_forward_twin_says),
	    cmocka_unit_test(fifo_forward_and_backward_is_the_identity),
	    cmocka_unit_test(haircut_forward_and_backward_agree_but_for_rounding),
	    cmocka_unit_test(limits_lose_nothing),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	t_ledger_done(&world);
	return failed;
}
