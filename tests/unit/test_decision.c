// Found links and decisions in a casebook: what is stored comes back, ids are stable, decisions are
// only ever added, contradictions are refused, and the engine gets the accepted ones in order.
// Covers: casebook/decision.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "casebook/decision.h"
#include "casebook/sql.h"

static sqlite3 *open_db(void)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	assert_int_equal(dp_sql_run(db, DP_DECISION_SCHEMA, NULL), DP_OK);
	// Who follows looks there whether somebody decided (casebook/docket.h).
	assert_int_equal(dp_sql_run(db,
	                            "create table meta(docket integer);"
	                            "insert into meta values(0)",
	                            NULL),
	                 DP_OK);
	return db;
}

static dp_addr address(const char *text, const char *chain)
{
	dp_addr a;
	assert_int_equal(
	    dp_addr_parse(&a, text, strlen(text), dp_chain_find(chain, strlen(chain)), NULL),
	    DP_OK);
	return a;
}

// Ether went in, bitcoin came out; `number` tells payments apart.
static dp_candidate candidate(uint8_t deposit, uint8_t number)
{
	dp_candidate c = {.rank = number,
	                  .count = 2,
	                  .alternatives = 1,
	                  .rivals = 3,
	                  .confidence = 42,
	                  .has_gap = true,
	                  .gap_bps = 50,
	                  .delay = 600,
	                  .verdict = "best",
	                  .relation = "converted",
	                  .model = "exch",
	                  .service = "eXch",
	                  .reason = "the only one"};
	const char *eth = "0x47666fab8bd0ac7003bce3f5c3585383f09486e2";
	c.in = (dp_link_side){.chain = dp_chain_find("ethereum", 8),
	                      .height = 21900000,
	                      .time = 1740200000,
	                      .from = address(eth, "ethereum"),
	                      .to = address(eth, "ethereum"),
	                      .amount = dp_u256_of(UINT64_MAX)};
	c.in.to.bytes[0] = 0x99;
	c.in.asset = dp_asset_native(c.in.chain);
	c.in.tx[0] = deposit;
	c.out =
	    (dp_link_side){.chain = dp_chain_find("bitcoin", 7),
	                   .height = 885000,
	                   .time = 1740200600,
	                   .to = address("bc1qlu4a33zjspefa3tnq566xszcr0fvwz05ewhqfq", "bitcoin"),
	                   .amount = dp_u256_of(123456789)};
	c.out.asset = dp_asset_native(c.out.chain);
	c.out.tx[0] = number;
	dp_candidate_id(c.id, &c.in, &c.out);
	return c;
}

static dp_candidate store(sqlite3 *db, uint8_t deposit, uint8_t number)
{
	dp_candidate c = candidate(deposit, number);
	assert_int_equal(dp_candidate_store(db, "case", &c, 1, NULL), DP_OK);
	return c;
}

static bool is_same_side(const dp_link_side *a, const dp_link_side *b)
{
	return a->chain == b->chain && memcmp(a->tx, b->tx, 32) == 0 && a->height == b->height &&
	       a->time == b->time && dp_addr_eq(&a->from, &b->from) && dp_addr_eq(&a->to, &b->to) &&
	       a->asset.v == b->asset.v && dp_u256_eq(a->amount, b->amount);
}

static void what_is_stored_comes_back(void **state)
{
	(void)state;
	sqlite3 *db = open_db();
	dp_candidate c = store(db, 1, 1), back;
	dp_decided d;
	dp_arena arena = {0};
	assert_int_equal(dp_candidate_find(db, &back, &d, &arena, "case", c.id, NULL), DP_OK);
	assert_true(is_same_side(&c.in, &back.in) && is_same_side(&c.out, &back.out));
	assert_string_equal(back.service, "eXch");
	assert_string_equal(back.reason, "the only one");
	assert_int_equal(back.confidence, 42);
	assert_int_equal(back.rivals, 3);
	assert_true(back.has_gap && back.gap_bps == 50 && back.delay == 600);
	assert_false(d.is_decided);
	assert_int_equal(dp_candidate_find(db, &back, &d, &arena, "other", c.id, NULL),
	                 DP_NOT_FOUND);
	dp_arena_done(&arena);
	(void)sqlite3_close(db);
}

static void ids_are_of_both_sides_and_of_nothing_else(void **state)
{
	(void)state;
	dp_candidate a = candidate(1, 1), b = candidate(1, 2), c = candidate(2, 1);
	char alone[DP_LINK_ID_MAX];
	dp_candidate_id(alone, &a.in, NULL);
	assert_int_equal(strlen(a.id), 15);
	assert_string_not_equal(a.id, b.id);
	assert_string_not_equal(a.id, c.id);
	assert_string_not_equal(a.id, alone);
	a.in.time++;
	a.out.height++;
	char again[DP_LINK_ID_MAX];
	dp_candidate_id(again, &a.in, &a.out);
	assert_string_equal(again, a.id);
}

static dp_code decide(sqlite3 *db, const char *id, bool accepted)
{
	return dp_decision_store(db, "case", id, accepted, "somebody: because", 77, NULL);
}

static void one_deposit_and_one_payment_have_one_accepted_link(void **state)
{
	(void)state;
	sqlite3 *db = open_db();
	dp_candidate a = store(db, 1, 1), same_in = store(db, 1, 2), same_out = store(db, 2, 1);
	assert_int_equal(decide(db, a.id, true), DP_OK);
	assert_int_equal(decide(db, a.id, true), DP_BAD_CASE);
	assert_int_equal(decide(db, same_in.id, true), DP_BAD_CASE);
	assert_int_equal(decide(db, same_out.id, true), DP_BAD_CASE);
	assert_int_equal(decide(db, same_in.id, false), DP_OK);
	assert_int_equal(decide(db, a.id, false), DP_OK);
	assert_int_equal(decide(db, same_in.id, true), DP_OK);
	assert_int_equal(decide(db, "Lnothing", true), DP_NOT_FOUND);
	assert_int_equal(dp_decision_store(db, "case", a.id, true, "", 1, NULL), DP_BAD_CASE);
	(void)sqlite3_close(db);
}

static void nothing_found_cannot_be_accepted(void **state)
{
	(void)state;
	sqlite3 *db = open_db();
	dp_candidate c = candidate(1, 1);
	c.rank = 0;
	c.out = (dp_link_side){0};
	c.verdict = "none";
	dp_candidate_id(c.id, &c.in, NULL);
	assert_int_equal(dp_candidate_store(db, "case", &c, 1, NULL), DP_OK);
	assert_int_equal(decide(db, c.id, true), DP_BAD_CASE);
	assert_int_equal(decide(db, c.id, false), DP_OK);
	(void)sqlite3_close(db);
}

static dp_code count_one(void *context, const char *id, bool is_accepted, const char *words,
                         int64_t time, dp_fault *fault)
{
	(void)id, (void)is_accepted, (void)fault;
	assert_string_equal(words, "somebody: because");
	assert_int_equal(time, 77);
	++*(uint32_t *)context;
	return DP_OK;
}

static void the_engine_gets_what_is_accepted_now(void **state)
{
	(void)state;
	sqlite3 *db = open_db();
	dp_candidate a = store(db, 1, 1), b = store(db, 2, 2);
	dp_decisions d = {0};
	uint32_t kept = 0;
	assert_int_equal(decide(db, b.id, true), DP_OK);
	assert_int_equal(decide(db, a.id, true), DP_OK);
	assert_int_equal(dp_decisions_load(&d, db, "case", NULL), DP_OK);
	assert_int_equal(d.count, 2);
	const dp_link_claim *l = &d.claim[0]; // the first that was accepted
	assert_int_equal(l->tx_count, 1);
	assert_memory_equal(l->tx[0], b.in.tx, 32);
	assert_true(l->has_to_tx);
	assert_memory_equal(l->to_tx, b.out.tx, 32);
	assert_true(dp_addr_eq(&l->from, &b.in.from) && dp_addr_eq(&l->through, &b.in.to));
	assert_true(dp_addr_eq(&l->to, &b.out.to) && l->to_chain == b.out.chain);
	assert_true(dp_u256_eq(l->amount, b.out.amount) && l->assets[0].v == b.in.asset.v);
	assert_string_equal(l->by, "somebody: because");
	dp_decisions_done(&d);
	assert_int_equal(decide(db, b.id, false), DP_OK);
	assert_int_equal(dp_decisions_load(&d, db, "case", NULL), DP_OK);
	assert_int_equal(d.count, 1);
	assert_memory_equal(d.claim[0].tx[0], a.in.tx, 32);
	dp_decisions_done(&d);
	// Every one of the three is still there to be read.
	assert_int_equal(dp_decisions_visit(db, "case", count_one, &kept, NULL), DP_OK);
	assert_int_equal(kept, 3);
	(void)sqlite3_close(db);
}

static dp_code count_candidate(void *context, const dp_candidate *c, const dp_decided *d,
                               dp_fault *fault)
{
	(void)c, (void)d, (void)fault;
	++*(uint32_t *)context;
	return DP_OK;
}

static void a_new_search_replaces_all_but_what_was_decided(void **state)
{
	(void)state;
	sqlite3 *db = open_db();
	dp_candidate a = store(db, 1, 1), other = store(db, 2, 3);
	uint32_t count = 0;
	(void)store(db, 1, 2);
	assert_int_equal(decide(db, a.id, false), DP_OK);
	assert_int_equal(dp_candidates_forget(db, "case", &a.in, NULL), DP_OK);
	assert_int_equal(dp_candidates_visit(db, "case", count_candidate, &count, NULL), DP_OK);
	assert_int_equal(count, 2); // the rejected one, and the other deposit's
	assert_int_equal(dp_candidates_forget(db, "case", &other.in, NULL), DP_OK);
	count = 0;
	assert_int_equal(dp_candidates_visit(db, "case", count_candidate, &count, NULL), DP_OK);
	assert_int_equal(count, 1);
	(void)sqlite3_close(db);
}

static void edited_rows_are_faults(void **state)
{
	(void)state;
	static const char *const edits[] = {
	    "chain='eip155:999999'", "tx='0x12'",     "place='0x123'",
	    "asset='nothing'",       "amount='-1'",   "height=-5",
	    "confidence=101",        "to_chain=null", "rank=-1",
	    "rivals=5000000000",     "gap_bps=-3",    "to_amount='1e9'"};
	for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
		sqlite3 *db = open_db();
		char sql[100];
		dp_candidate a = store(db, 1, 1);
		dp_decisions d = {0};
		assert_int_equal(decide(db, a.id, true), DP_OK);
		(void)snprintf(sql, sizeof sql, "update candidate set %s", edits[i]);
		assert_int_equal(dp_sql_run(db, sql, NULL), DP_OK);
		assert_int_equal(dp_decisions_load(&d, db, "case", NULL), DP_BAD_BYTES);
		dp_decisions_done(&d);
		(void)sqlite3_close(db);
	}
}

static void no_memory_is_a_fault_and_leaves_nothing_behind(void **state)
{
	(void)state;
	sqlite3 *db = open_db();
	dp_candidate a = store(db, 1, 1);
	assert_int_equal(decide(db, a.id, true), DP_OK);
	int64_t live = dp_mem_live();
	for (int64_t n = 0;; n++) {
		dp_decisions d = {0};
		dp_mem_fail_after(n);
		dp_code code = dp_decisions_load(&d, db, "case", NULL);
		dp_mem_fail_after(-1);
		dp_decisions_done(&d);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_OK) break;
		assert_int_equal(code, DP_NO_MEMORY);
	}
	(void)sqlite3_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_stored_comes_back),
	    cmocka_unit_test(ids_are_of_both_sides_and_of_nothing_else),
	    cmocka_unit_test(one_deposit_and_one_payment_have_one_accepted_link),
	    cmocka_unit_test(nothing_found_cannot_be_accepted),
	    cmocka_unit_test(the_engine_gets_what_is_accepted_now),
	    cmocka_unit_test(a_new_search_replaces_all_but_what_was_decided),
	    cmocka_unit_test(edited_rows_are_faults),
	    cmocka_unit_test(no_memory_is_a_fault_and_leaves_nothing_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
