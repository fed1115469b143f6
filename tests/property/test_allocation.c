// Memory runs out at each allocation in turn: the n-th fails, and all after it, for n = 0, 1, 2,
// ... until everything succeeds. Parsing a case, making an engine, applying blocks, rolling back,
// saving and loading must each answer DP_NO_MEMORY and leave nothing behind. What a failed block
// leaves is looked at, too: either the state before it, or an engine that is only freed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/chance.h"

enum { BLOCKS = 10, TRIES_MAX = 20000 };

static t_chance_cases cases;
static t_ledger ledger;
static dp_engine_options options;

// Runs `step` with the n-th allocation failing, for each n, until it succeeds. Returns how often it
// failed.
static uint32_t starve(dp_code (*step)(void *context, dp_fault *fault), void *context)
{
	for (int64_t n = 0; n < TRIES_MAX; n++) {
		int64_t live = dp_mem_live();
		dp_fault fault = {0};
		dp_mem_fail_after(n);
		dp_code code = step(context, &fault);
		dp_mem_fail_after(-1);
		if (dp_mem_live() != live)
			fail_msg("allocation %lld: %lld blocks are left over", (long long)n,
			         (long long)(dp_mem_live() - live));
		if (code == DP_OK) return (uint32_t)n;
		if (code != DP_NO_MEMORY)
			fail_msg("allocation %lld: code %d, %s", (long long)n, (int)code,
			         fault.text);
		assert_int_equal(fault.code, DP_NO_MEMORY);
		assert_true(fault.text[0] != '\0');
	}
	fail_msg("it never succeeds");
	return 0;
}

static const char case_text[] =
    "incident: heist\ntitle: A theft\nchain: ethereum\npolicy: fifo\ndust_limit: 3\n"
    "stolen:\n  - {address: '0x100000000000000000000000000000000000a000', amount: '1.5', block: "
    "1}\n"
    "links:\n  - {from: '0x100000000000000000000000000000000000a000', assets: [eth, steth],"
    " to: '0x100000000000000000000000000000000000a001', asset: usdc, amount: '1', by: me,"
    " txs: ['0xc000000000000000000000000000000000000000000000000000000000000001']}\n"
    "opening:\n  - {address: '0x100000000000000000000000000000000000a002', amount: '0', by: me}\n"
    "services:\n  - {address: '0x100000000000000000000000000000000000a006', name: shop}\n";

static dp_code parse_case(void *context, dp_fault *fault)
{
	(void)context;
	dp_case c;
	dp_code code = dp_case_parse(&c, case_text, sizeof case_text - 1, fault);
	if (code == DP_OK) dp_case_done(&c);
	return code;
}

static void a_case_is_read_or_there_is_no_memory(void **state)
{
	(void)state;
	assert_true(starve(parse_case, NULL) >= 1);
}

static void prepare(bool utxo, uint64_t seed, const char *policy)
{
	t_chance_cases_make(&cases, seed, utxo);
	options = (dp_engine_options){.policy = dp_policy_find(policy), .chain = t_chain(utxo)};
	options.track_openings = true;
	options.assume_clean = true;
	options.undo_blocks = 4;
	ledger.utxo = utxo;
	t_clear(&ledger);
	t_grower g;
	t_grower_start(&g, seed, utxo);
	for (int i = 0; i < BLOCKS; i++) t_grow(&g, &ledger);
}

// Blocks are built beforehand: the engine is what is starved.
static dp_block_builder builder[BLOCKS];
static const dp_block *built[BLOCKS];

static void build_all(void)
{
	for (uint32_t i = 0; i < BLOCKS; i++) built[i] = t_build(&builder[i], &ledger, i);
}

static void done_all(void)
{
	for (uint32_t i = 0; i < BLOCKS; i++) dp_builder_done(&builder[i]);
	t_chance_cases_done(&cases);
}

static dp_code make_engine(void *context, dp_fault *fault)
{
	(void)context;
	dp_engine *e;
	dp_code code = dp_engine_new(&e, &options, cases.list, T_CHANCE_CASES, fault);
	if (code == DP_OK) dp_engine_free(e);
	return code;
}

static dp_code keep(void *context, const dp_holder_view *v, dp_fault *fault)
{
	return dp_engine_holder_load(context, v, fault);
}

// One engine into another, by way of bytes.
static dp_code carry_over(dp_engine *from, dp_engine *to, dp_fault *fault)
{
	uint8_t *bytes;
	size_t size;
	DP_TRY(dp_engine_books_save(from, &bytes, &size, fault));
	dp_code code = dp_engine_books_load(to, bytes, size, fault);
	dp_free(bytes);
	if (code != DP_OK) return code;
	DP_TRY(dp_engine_visit(from, false, keep, to, fault));
	for (uint32_t back = dp_engine_undo_depth(from); back > 0; back--) {
		uint64_t height;
		DP_TRY(dp_engine_undo_save(from, back, &height, &bytes, &size, fault));
		code = dp_engine_undo_load(to, height, bytes, size, fault);
		dp_free(bytes);
		if (code != DP_OK) return code;
	}
	return dp_engine_rollback(to, fault);
}

static dp_code live_a_life(void *context, dp_fault *fault)
{
	(void)context;
	dp_engine *e, *other = NULL;
	DP_TRY(dp_engine_new(&e, &options, cases.list, T_CHANCE_CASES, fault));
	dp_code code = DP_OK;
	for (uint32_t i = 0; i < BLOCKS && code == DP_OK; i++)
		code = dp_engine_apply(e, built[i], fault);
	for (int i = 0; i < 3 && code == DP_OK; i++) code = dp_engine_rollback(e, fault);
	if (code == DP_OK)
		code = dp_engine_new(&other, &options, cases.list, T_CHANCE_CASES, fault);
	if (code == DP_OK) code = carry_over(e, other, fault);
	if (code == DP_OK && options.policy->conserving) assert_true(dp_engine_conserved(other));
	dp_engine_free(e);
	dp_engine_free(other);
	return code;
}

static void an_engine_lives_or_there_is_no_memory(void **state)
{
	(void)state;
	static const char *const policies[] = {"fifo", "haircut", "tiho", "poison"};
	uint32_t failures = 0;
	for (uint32_t i = 0; i < 8; i++) {
		prepare(i % 2 == 1, 40 + i, policies[i / 2]);
		build_all();
		assert_true(starve(make_engine, NULL) >= 8);
		failures += starve(live_a_life, NULL);
		done_all();
	}
	print_message("# %u allocations failed\n", failures);
	assert_true(failures > 100);
}

// What engine.h promises about a block that failed: when memory is back by then the state is the
// one before; when even undoing fails the engine is freed. The first is what a passing shortage
// does.
static void a_block_that_met_a_passing_shortage_leaves_no_trace(void **state)
{
	(void)state;
	uint32_t same = 0, lost = 0;
	for (uint32_t round = 0; round < 4; round++) {
		prepare(round % 2 == 1, 60 + round, round < 2 ? "fifo" : "seniority");
		build_all();
		for (uint32_t i = 0; i < BLOCKS; i++) {
			for (int64_t n = 0;; n++) {
				dp_engine *e;
				dp_fault fault;
				assert_int_equal(
				    dp_engine_new(&e, &options, cases.list, T_CHANCE_CASES, &fault),
				    DP_OK);
				for (uint32_t k = 0; k < i; k++)
					assert_int_equal(dp_engine_apply(e, built[k], &fault),
					                 DP_OK);
				t_bytes before = t_dump(e);
				dp_mem_fail_after(n);
				dp_code code = dp_engine_apply(e, built[i], &fault);
				dp_mem_fail_after(-1);
				t_bytes after = t_dump(e);
				if (code != DP_OK) assert_int_equal(code, DP_NO_MEMORY);
				bool equal = t_bytes_eq(&before, &after);
				if (code != DP_OK && equal) same++;
				if (code != DP_OK && !equal) lost++;
				t_bytes_done(&before);
				t_bytes_done(&after);
				dp_engine_free(e);
				if (code == DP_OK) break;
			}
		}
		done_all();
	}
	print_message("# %u failed blocks left the state before, %u did not\n", same, lost);
	assert_true(same > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_case_is_read_or_there_is_no_memory),
	    cmocka_unit_test(an_engine_lives_or_there_is_no_memory),
	    cmocka_unit_test(a_block_that_met_a_passing_shortage_leaves_no_trace),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	t_ledger_done(&ledger);
	return failed;
}
