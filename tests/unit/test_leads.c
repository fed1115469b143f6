// Leads on the way out of mixers: made-up histories of pools in which each rule has one thing to
// find, and next to it what must not be found; anonymity sets; limits; memory.
// Covers: link/leads.c link/leads_index.c link/leads_find.c link/leads_burst.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "link/leads.h"

enum { EVENTS_MAX = 200 };

static dp_mixer_event event[EVENTS_MAX];
static uint32_t count;
static dp_lead_link links[10];
static uint32_t link_count;
static dp_leads leads;

static void who(uint8_t ret[20], uint64_t n)
{
	memset(ret, 0, 20);
	memcpy(ret + 12, &n, sizeof n);
	if (n != 0) ret[0] = 0xee;
}

static void begin(void)
{
	count = link_count = 0;
}

// The next event, a block and a minute after the last one.
static dp_mixer_event *next(uint8_t kind, uint64_t pool, uint64_t address)
{
	assert_true(count < EVENTS_MAX);
	dp_mixer_event *e = &event[count];
	*e = (dp_mixer_event){.chain = dp_chain_find("ethereum", 8),
	                      .height = 1000 + count,
	                      .time = 1700000000 + 60 * (int64_t)count,
	                      .kind = kind,
	                      .is_fixed = true};
	e->asset = dp_asset_native(e->chain);
	who(e->pool, pool);
	who(e->address, address);
	count++;
	return e;
}

static dp_mixer_event *in(uint64_t pool, uint64_t address, bool is_case)
{
	dp_mixer_event *e = next(DP_MIXER_DEPOSIT, pool, address);
	memcpy(e->sender, e->address, 20);
	e->is_case = is_case;
	return e;
}

static dp_mixer_event *out(uint64_t pool, uint64_t address)
{
	dp_mixer_event *e = next(DP_MIXER_WITHDRAWAL, pool, address);
	e->is_relayed = true;
	return e;
}

static void gas(dp_mixer_event *e, uint64_t price)
{
	e->has_gas = true;
	e->gas_price = price;
	e->is_relayed = false;
}

static void knows(uint64_t a, uint64_t b)
{
	who(links[link_count].a, a);
	who(links[link_count++].b, b);
}

static void find(uint32_t want)
{
	dp_leads_options o = dp_leads_options_default();
	dp_leads_done(&leads);
	assert_int_equal(dp_leads_find(&leads, event, count, links, link_count, &o, NULL), DP_OK);
	for (uint32_t i = 0; i < leads.count && leads.count != want; i++)
		printf("    %s: %s\n", dp_lead_name(leads.lead[i].kind), leads.lead[i].text);
	assert_int_equal(leads.count, want);
}

static uint32_t first_in(const dp_lead *l)
{
	return leads.event[l->deposit];
}

static uint32_t first_out(const dp_lead *l)
{
	return leads.event[l->withdrawal];
}

static void the_same_address_is_found_in_the_same_pool_only(void **state)
{
	(void)state;
	begin();
	(void)out(1, 7); // before it paid in: no lead
	(void)in(1, 5, false);
	(void)in(1, 7, true);
	(void)in(1, 7, false);
	(void)in(1, 7, true);
	(void)out(2, 7); // another pool
	(void)out(1, 7);
	(void)out(1, 7);
	(void)in(1, 7, true);
	(void)out(1, 8);
	find(1);
	const dp_lead *l = &leads.lead[0];
	assert_int_equal(l->kind, DP_LEAD_SAME_ADDRESS);
	assert_int_equal(l->deposits, 2);
	assert_int_equal(l->withdrawals, 2);
	assert_int_equal(first_in(l), 2);
	assert_int_equal(first_out(l), 6);
	assert_int_equal(l->alternatives, 1);
	assert_int_equal(l->confidence, 45);
	assert_string_equal(l->text, "the address that paid in 2 times took out or sent 2 "
	                             "withdrawals of the same pool");
}

// Without a relayer he who sends the withdrawal pays for its gas: with an address that paid in.
static void who_sends_a_withdrawal_himself_is_found(void **state)
{
	(void)state;
	begin();
	(void)in(1, 7, true);
	dp_mixer_event *e = out(1, 8);
	who(e->sender, 7);
	find(0); // sent by a relayer of that address
	e->is_relayed = false;
	find(1);
	assert_int_equal(leads.lead[0].kind, DP_LEAD_SAME_ADDRESS);
}

static void anonymity_sets_count_leaves_and_withdrawals(void **state)
{
	(void)state;
	begin();
	for (uint32_t i = 0; i < 10; i++) {
		dp_mixer_event *e = in(1, i == 3 ? 7 : 100 + i, i == 3);
		e->has_leaf = true;
		e->leaf = i;
	}
	(void)out(1, 50);
	(void)out(1, 51);
	(void)out(1, 7);
	find(1);
	assert_int_equal(leads.lead[0].set, 8);
	assert_true(leads.lead[0].set_is_whole);
	// One deposit unseen: the leaf still counts it, but who knows what was paid out.
	event[5].leaf = 6;
	event[6].leaf = 7;
	event[7].leaf = 8;
	event[8].leaf = 9;
	event[9].leaf = 10;
	find(1);
	assert_int_equal(leads.lead[0].set, 9);
	assert_false(leads.lead[0].set_is_whole);
}

static void an_unusual_gas_price_is_found(void **state)
{
	(void)state;
	begin();
	gas(in(1, 7, true), 41000000123);
	gas(in(1, 9, false), 41000000124);
	gas(in(1, 10, true), 50000000000); // as wallets suggest
	gas(out(1, 20), 50000000000);
	gas(out(2, 21), 41000000123); // another pool
	dp_mixer_event *e = out(1, 22);
	gas(e, 41000000123);
	find(1);
	assert_int_equal(leads.lead[0].kind, DP_LEAD_GAS_PRICE);
	assert_int_equal(first_in(&leads.lead[0]), 0);
	assert_int_equal(first_out(&leads.lead[0]), 5);
	assert_int_equal(leads.lead[0].confidence, 70);
	// A relayer's price is his, and two of one block often pay the same.
	e->is_relayed = true;
	find(0);
	e->is_relayed = false;
	for (uint32_t i = 1; i < 6; i++) event[i].height = event[0].height;
	find(0);
}

static void a_gas_price_that_many_pay_is_not_unusual(void **state)
{
	(void)state;
	begin();
	gas(in(1, 7, true), 41000000123);
	for (uint32_t i = 0; i < 6; i++) gas(in(1, 100 + i, false), 41000000123);
	gas(out(1, 20), 41000000123);
	find(1);
	assert_int_equal(leads.lead[0].alternatives, 6);
	assert_int_equal(leads.lead[0].confidence, 10);
	gas(out(1, 21), 41000000123);
	find(0);
}

static void addresses_that_know_each_other_are_found(void **state)
{
	(void)state;
	begin();
	(void)in(1, 7, true);
	(void)in(1, 8, false);
	(void)in(2, 7, true);
	(void)out(1, 20);
	(void)out(1, 21);
	(void)out(2, 30);
	knows(20, 7);
	knows(7, 20); // the same again
	knows(8, 20);
	knows(7, 99);
	knows(40, 41);
	find(1);
	const dp_lead *l = &leads.lead[0];
	assert_int_equal(l->kind, DP_LEAD_LINKED);
	assert_int_equal(first_in(l), 0);
	assert_int_equal(first_out(l), 3);
	assert_int_equal(l->alternatives, 1);
	assert_int_equal(l->confidence, 20);
}

static void the_same_counts_in_several_pools_are_found(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < 3; i++) (void)in(1, 7, true);
	for (int i = 0; i < 2; i++) (void)in(2, 7, true);
	for (int i = 0; i < 2; i++) (void)out(2, 20);
	for (int i = 0; i < 3; i++) (void)out(1, 20);
	for (int i = 0; i < 3; i++) (void)out(1, 21); // as often, in one pool only
	find(1);
	const dp_lead *l = &leads.lead[0];
	assert_int_equal(l->kind, DP_LEAD_MULTISET);
	assert_int_equal(l->deposits, 5);
	assert_int_equal(l->withdrawals, 5);
	assert_int_equal(first_in(l), 0);
	assert_int_equal(first_out(l), 5);
	assert_int_equal(l->alternatives, 0);
	// Another who was paid out as often is another explanation, and each is a lead.
	for (int i = 0; i < 2; i++) (void)out(2, 22);
	for (int i = 0; i < 3; i++) (void)out(1, 22);
	find(2);
	assert_int_equal(leads.lead[0].alternatives, 1);
	assert_int_equal(leads.lead[1].confidence, 30);
	// One more withdrawal, and it is not the same any more.
	(void)out(1, 22);
	find(1);
}

static void a_multiset_must_come_after_its_deposits(void **state)
{
	(void)state;
	begin();
	(void)in(1, 7, true);
	(void)in(2, 7, true);
	(void)out(1, 20);
	(void)out(1, 20);
	(void)in(1, 7, true);
	(void)out(2, 20);
	find(0);
}

static void bursts_are_found(void **state)
{
	(void)state;
	begin();
	for (uint64_t i = 0; i < 6; i++) (void)in(1, 70 + i, true);
	(void)in(1, 5, false);
	for (int i = 0; i < 6; i++) (void)out(1, 20);
	for (int i = 0; i < 5; i++) (void)out(1, 21);
	find(1);
	const dp_lead *l = &leads.lead[0];
	assert_int_equal(l->kind, DP_LEAD_BURST);
	assert_int_equal(l->deposits, 6);
	assert_int_equal(first_out(l), 7);
	assert_int_equal(l->confidence, 50);
	assert_string_equal(l->text, "6 deposits within 300 seconds, then as many withdrawals to "
	                             "one holder within 300");
}

// Six fresh addresses that deal with each other take one each: one holder.
static void recipients_that_know_each_other_are_one_holder(void **state)
{
	(void)state;
	begin();
	for (uint64_t i = 0; i < 6; i++) (void)in(1, 70, true);
	for (uint64_t i = 0; i < 6; i++) (void)out(1, 20 + i);
	find(0);
	for (uint64_t i = 0; i < 5; i++) knows(20 + i, 21 + i);
	find(1);
	assert_int_equal(leads.lead[0].kind, DP_LEAD_BURST);
	// A stranger's burst of as many before is another explanation.
	for (uint32_t i = count; i > 6; i--) event[i + 5] = event[i - 1];
	for (uint32_t i = 6; i < 12; i++) {
		event[i] = event[0];
		event[i].is_case = false;
		event[i].time = event[5].time;
		event[i].height = event[5].height;
		who(event[i].address, 90);
	}
	count += 6;
	find(1);
	assert_int_equal(leads.lead[0].alternatives, 1);
}

static void slow_bursts_are_none(void **state)
{
	(void)state;
	begin();
	for (uint64_t i = 0; i < 6; i++) (void)in(1, 70, true);
	for (uint64_t i = 0; i < 6; i++) (void)out(1, 20);
	find(1);
	for (uint32_t i = 0; i < 6; i++) event[6 + i].time += 31 * 86400;
	find(0);
	for (uint32_t i = 0; i < 6; i++) event[6 + i].time += 5000 * (int64_t)i - 31 * 86400;
	find(0);
}

// Any amount goes into Railgun: counts say nothing there.
static void pools_of_any_amount_have_no_counts(void **state)
{
	(void)state;
	begin();
	for (uint64_t i = 0; i < 6; i++) (void)in(1, 7, true);
	for (uint64_t i = 0; i < 6; i++) (void)out(1, 20);
	(void)in(2, 7, true);
	(void)out(2, 20);
	find(2);
	for (uint32_t i = 0; i < count; i++) event[i].is_fixed = false;
	find(0);
	(void)out(1, 7);
	event[count - 1].is_fixed = false;
	find(1);
	assert_int_equal(leads.lead[0].set, 6);
	assert_false(leads.lead[0].set_is_whole);
}

static void without_the_case_there_are_none(void **state)
{
	(void)state;
	begin();
	find(0);
	for (uint64_t i = 0; i < 6; i++) gas(in(1 + i % 2, 7, false), 123);
	for (uint64_t i = 0; i < 6; i++) gas(out(1 + i % 2, 20), 123);
	(void)out(1, 7);
	knows(7, 20);
	find(0);
}

static void disorder_is_told(void **state)
{
	(void)state;
	dp_leads_options o = dp_leads_options_default();
	dp_fault fault;
	begin();
	(void)in(1, 7, true);
	(void)out(1, 20);
	event[1].time -= 61;
	dp_leads got = {0};
	assert_int_equal(dp_leads_find(&got, event, count, NULL, 0, &o, &fault), DP_BAD_CASE);
	event[1].time += 61;
	event[1].height -= 2;
	assert_int_equal(dp_leads_find(&got, event, count, NULL, 0, &o, &fault), DP_BAD_CASE);
	assert_null(got.lead);
}

static void memory_may_run_out_anywhere(void **state)
{
	(void)state;
	dp_leads_options o = dp_leads_options_default();
	begin();
	for (uint64_t i = 0; i < 6; i++) gas(in(1 + i % 2, 7, true), 123);
	for (uint64_t i = 0; i < 6; i++) gas(out(1 + i % 2, 20), 123);
	for (uint64_t i = 0; i < 6; i++) (void)in(1, 7, true);
	for (uint64_t i = 0; i < 6; i++) (void)out(1, 21);
	(void)out(1, 7);
	knows(7, 20);
	int64_t live = dp_mem_live();
	dp_code code = DP_NO_MEMORY;
	for (int64_t n = 0; code != DP_OK; n++) {
		dp_leads got = {0};
		dp_mem_fail_after(n);
		code = dp_leads_find(&got, event, count, links, link_count, &o, NULL);
		dp_mem_fail_after(-1);
		assert_true(code == DP_OK || code == DP_NO_MEMORY);
		if (code == DP_OK) assert_true(got.count >= 4 && n > 15);
		dp_leads_done(&got);
		assert_int_equal(dp_mem_live(), live);
	}
}

// More in one lead than it lists: the first are there, and the number of all.
static void long_leads_are_counted_and_cut(void **state)
{
	(void)state;
	begin();
	for (uint64_t i = 0; i < 70; i++) (void)in(1, 7, true);
	for (uint64_t i = 0; i < 80; i++) (void)out(1, 7);
	find(1);
	assert_int_equal(leads.lead[0].deposits, 70);
	assert_int_equal(leads.lead[0].withdrawals, 80);
	assert_int_equal(leads.lead[0].listed_in, DP_LEAD_LIST_MAX);
	assert_int_equal(leads.lead[0].listed_out, DP_LEAD_LIST_MAX);
	assert_false(leads.is_cut);
}

static int done(void **state)
{
	(void)state;
	dp_leads_done(&leads);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_same_address_is_found_in_the_same_pool_only),
	    cmocka_unit_test(who_sends_a_withdrawal_himself_is_found),
	    cmocka_unit_test(anonymity_sets_count_leaves_and_withdrawals),
	    cmocka_unit_test(an_unusual_gas_price_is_found),
	    cmocka_unit_test(a_gas_price_that_many_pay_is_not_unusual),
	    cmocka_unit_test(addresses_that_know_each_other_are_found),
	    cmocka_unit_test(the_same_counts_in_several_pools_are_found),
	    cmocka_unit_test(a_multiset_must_come_after_its_deposits),
	    cmocka_unit_test(bursts_are_found),
	    cmocka_unit_test(recipients_that_know_each_other_are_one_holder),
	    cmocka_unit_test(slow_bursts_are_none),
	    cmocka_unit_test(pools_of_any_amount_have_no_counts),
	    cmocka_unit_test(without_the_case_there_are_none),
	    cmocka_unit_test(disorder_is_told),
	    cmocka_unit_test(memory_may_run_out_anywhere),
	    cmocka_unit_test(long_leads_are_counted_and_cut),
	};
	return cmocka_run_group_tests(tests, NULL, done);
}
