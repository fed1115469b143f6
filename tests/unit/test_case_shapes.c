// Shapes that a block completes in a case: of a case that was followed for long only what the block
// itself completed is told, however much there is of what came before. Rows are put into the
// casebook by SQL: a case of this size would take a second to trace.
// Covers: report/case_shapes.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "casebook/sql.h"
#include "chain/block.h"
#include "report/case_shapes.h"

// More findings than a block could have: each wallet of the chain passes all of it on.
enum { WALLETS = 66000, BEGIN = 1704067200, BLOCK_S = 12, PER_BLOCK = 200 };

static void must(dp_code code, const dp_fault *fault)
{
	if (code != DP_OK) fail_msg("%s", fault->text);
}

static void run_sql(dp_casebook *cb, const char *sql)
{
	char *text = NULL;
	if (sqlite3_exec(dp_casebook_db(cb), sql, NULL, NULL, &text) != SQLITE_OK)
		fail_msg("%s: %s", sql, text);
}

static void begin_case(dp_casebook *cb, dp_engine **ret_engine, dp_case *ret_case)
{
	static const char yaml[] =
	    "incident: long\ntitle: T\nchain: ethereum\nstolen:\n"
	    "  - {address: '0x0000000000000000000000000000000000000001', amount: '1', block: 1}\n";
	dp_fault fault = {0};
	bool resumed;
	must(dp_case_parse(ret_case, yaml, strlen(yaml), &fault), &fault);
	const dp_case *list[] = {ret_case};
	const dp_engine_options options = {.policy = dp_policy_find("fifo"),
	                                   .chain = ret_case->chain};
	must(dp_engine_new(ret_engine, &options, list, 1, &fault), &fault);
	must(dp_casebook_begin(cb, *ret_engine, &options, 1, &resumed, &fault), &fault);
}

// Money that goes on from wallet to wallet, a transaction each.
static void write_chain(dp_casebook *cb)
{
	char sql[2000];
	run_sql(cb,
	        "insert or ignore into colour select id, 1, 'long', 'eip155:1/slip44:60' from run");
	(void)snprintf(
	    sql, sizeof sql,
	    "with recursive n(i) as (select 1 union all select i+1 from n where i<%d) "
	    "insert into holder(run,no,asset,asset_id,ident,address,hop,since_height,since_time) "
	    "select run.id, i, 'eip155:1/slip44:60', 1, zeroblob(36), printf('0x%%040x', i), i-1, "
	    "1, "
	    "%d from n, run",
	    WALLETS, BEGIN);
	run_sql(cb, sql);
	(void)snprintf(
	    sql, sizeof sql,
	    "with recursive n(i) as (select 1 union all select i+1 from n where i<%d) "
	    "insert into "
	    "flow(run,height,time,tx,tx_index,mv_index,src,dst,src_address,address,colour,"
	    "asset,units,origin,stop,link) select run.id, 1+i/%d, %d+i/%d*%d, printf('0x%%064x', "
	    "i), "
	    "i%%%d, 0, iif(i=1,-1,i-1), i, printf('0x%%040x', i-1), printf('0x%%040x', i), 1, "
	    "'eip155:1/slip44:60', '1000000000000000000', '1000000000000000000', -1, 0 from n, run",
	    WALLETS, PER_BLOCK, BEGIN, PER_BLOCK, BLOCK_S, PER_BLOCK);
	run_sql(cb, sql);
}

static void a_long_history_leaves_room_for_what_is_new(void **state)
{
	(void)state;
	dp_fault fault = {0};
	dp_casebook *cb;
	dp_engine *engine;
	dp_case c;
	dp_case_shapes *shapes;
	const dp_case_shape *list;
	uint32_t count;
	must(dp_casebook_open(&cb, ":memory:", true, &fault), &fault);
	begin_case(cb, &engine, &c);
	write_chain(cb);
	const dp_typology *typology = dp_typology_find("pass-through");
	must(dp_case_shapes_new(&shapes, cb, "long", c.chain, &typology, 1, &fault), &fault);
	// The last transaction of the chain, as its block has it.
	uint32_t last = WALLETS;
	dp_tx tx = {.mv_count = 1};
	dp_movement mv = {.kind = DP_MV_NATIVE,
	                  .from = {.kind = DP_ADDR_EVM, .len = 20},
	                  .to = {.kind = DP_ADDR_EVM, .len = 20}};
	for (int i = 0; i < 4; i++) {
		tx.id[31 - i] = (uint8_t)(last >> 8 * i);
		mv.from.bytes[19 - i] = (uint8_t)((last - 1) >> 8 * i);
		mv.to.bytes[19 - i] = (uint8_t)(last >> 8 * i);
	}
	const dp_block block = {.chain = c.chain,
	                        .height = 1 + WALLETS / PER_BLOCK,
	                        .time = BEGIN + WALLETS / PER_BLOCK * BLOCK_S,
	                        .tx = &tx,
	                        .tx_count = 1,
	                        .mv = &mv,
	                        .mv_count = 1};
	must(dp_case_shapes_look(shapes, &list, &count, &block, &fault), &fault);
	assert_int_equal(count, 1);
	assert_ptr_equal(list[0].typology, typology);
	assert_int_equal(list[0].tx, 0);
	assert_memory_equal(&list[0].address, &mv.from, sizeof mv.from);
	dp_case_shapes_free(shapes);
	dp_casebook_close(cb);
	dp_engine_free(engine);
	dp_case_done(&c);
	assert_int_equal(dp_mem_live(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_long_history_leaves_room_for_what_is_new),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
