// Who is behind an account: vectors of every heuristic at its bounds. First funders with and
// without dust, deposit addresses a wei or a block inside and outside, off-ramps, airdrops with
// one receiver too few, authorisations, look-alikes.
// Covers: entity/account.c entity/account_deposit.c entity/account_offramp.c
// Covers: entity/account_pairs.c entity/account_airdrop.c entity/approvals.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "entity/approvals.h"
#include "entity/cluster.h"
#include "support/accounts.h"

static t_accounts world;
static dp_account_options options;
static dp_fault fault;
#define NONE ((const int64_t[]){T_NOBODY})
enum { EXCHANGE = 500, SISTER = 501, RIVAL = 610, USER = 1, DEPOSIT = 2, OTHER = 3 };
#define EXCHANGES ((const int64_t[]){EXCHANGE, SISTER, RIVAL, T_NOBODY})
#define ETHER ((uint64_t)1000000000000000000)
#define SLACK ((uint64_t)10000000000000000)

static void must(dp_code code)
{
	char text[1024];
	if (code == DP_OK) return;
	dp_fault_format(&fault, text, sizeof text);
	fail_msg("%s", text);
}

// The exchange signs something at once: else nobody would know that its wallets are accounts.
static void begin(void)
{
	t_accounts_done(&world);
	t_send(&world, 1, EXCHANGE, 900, T_ETH, 5);
	t_send(&world, 1, SISTER, 900, T_ETH, 5);
	t_send(&world, 1, RIVAL, 900, T_ETH, 5);
}

static void open_world(void)
{
	t_accounts_open(&world, EXCHANGES, NONE);
	dp_account_defaults(&options, t_chain(false));
	options.tags = world.tags;
}

static int clean(void **state)
{
	(void)state;
	t_accounts_done(&world);
	return 0;
}

static bool is_deposit(int64_t n, dp_deposit *ret_deposit)
{
	bool is;
	dp_addr a = t_addr(n);
	must(dp_account_deposit(world.ledger, &is, ret_deposit, &a, &options, &fault));
	return is;
}

static bool is_number(const dp_addr *a, int64_t n)
{
	dp_addr b = t_addr(n);
	return dp_addr_eq(a, &b);
}

static void parameters_are_those_of_the_sources(void **state)
{
	(void)state;
	dp_account_defaults(&options, t_chain(false));
	assert_u256_is(options.deposit_slack, SLACK);
	assert_int_equal(options.deposit_blocks, 3200);
	assert_int_equal(options.airdrop_receivers_min, 1000);
	assert_int_equal(options.airdrop_gap_max, 2);
	assert_int_equal(options.history_max, 100000);
}

//- deposits --------------------------------------------------------------------------------------

// One deposit passed on: `left` wei less, `blocks` later.
static bool passes_on(int asset, uint64_t left, uint64_t blocks)
{
	dp_deposit d;
	begin();
	t_send(&world, 10, USER, DEPOSIT, asset, ETHER);
	t_send(&world, 10 + blocks, DEPOSIT, EXCHANGE, asset, ETHER - left);
	open_world();
	return is_deposit(DEPOSIT, &d);
}

static void coins_may_leave_a_hundredth_behind_and_not_a_wei_more(void **state)
{
	(void)state;
	assert_true(passes_on(T_ETH, 0, 5));
	assert_true(passes_on(T_ETH, SLACK, 5));
	assert_false(passes_on(T_ETH, SLACK + 1, 5));
}

static void tokens_must_be_passed_on_to_the_unit(void **state)
{
	(void)state;
	assert_true(passes_on(T_USDC, 0, 5));
	assert_false(passes_on(T_USDC, 1, 5));
}

static void a_deposit_is_passed_on_within_3200_blocks(void **state)
{
	(void)state;
	assert_true(passes_on(T_ETH, 0, 3200));
	assert_false(passes_on(T_ETH, 0, 3201));
	assert_true(passes_on(T_USDC, 0, 0)); // in one block
}

static void more_than_came_in_is_no_deposit(void **state)
{
	(void)state;
	dp_deposit d;
	begin();
	t_send(&world, 10, USER, DEPOSIT, T_ETH, ETHER);
	t_send(&world, 11, DEPOSIT, EXCHANGE, T_ETH, ETHER + 1);
	t_send(&world, 12, USER, OTHER, T_USDC, 100); // passed on as another asset
	t_send(&world, 13, OTHER, EXCHANGE, T_ETH, 100);
	t_send(&world, 14, 7, EXCHANGE, T_ETH, 100); // before it came in
	t_send(&world, 15, USER, 7, T_ETH, 100);
	open_world();
	assert_false(is_deposit(DEPOSIT, &d));
	assert_false(is_deposit(OTHER, &d));
	assert_false(is_deposit(7, &d));
}

static void what_is_found_is_described_with_its_transactions(void **state)
{
	(void)state;
	dp_deposit d;
	begin();
	t_send(&world, 10, USER, DEPOSIT, T_ETH, 2 * ETHER); // number 3
	t_send(&world, 11, OTHER, DEPOSIT, T_USDC, 77);
	t_send(&world, 12, DEPOSIT, EXCHANGE, T_ETH, 2 * ETHER - 21000);
	t_send(&world, 13, DEPOSIT, SISTER, T_USDC, 77);
	t_send(&world, 14, USER, DEPOSIT, T_ETH, ETHER);
	t_send(&world, 15, DEPOSIT, EXCHANGE, T_ETH, ETHER); // the nearest one, not the first
	open_world();
	assert_true(is_deposit(DEPOSIT, &d));
	assert_true(is_number(&d.exchange, EXCHANGE));
	assert_int_equal(d.pairs, 2);
	assert_int_equal(d.ins, 3);
	assert_int_equal(d.outs, 3);
	assert_int_equal(d.senders, 2);
	assert_true(d.is_exclusive); // both wallets are of one actor
	assert_int_equal(d.evidence_count, 2);
	assert_int_equal(d.in[0].tx_no, 3);
	assert_int_equal(d.out[0].tx_no, 5);
	assert_int_equal(d.in[1].tx_no, 7);
	assert_int_equal(d.out[1].height, 15);
	uint8_t id[32];
	t_txid(id, 8);
	assert_memory_equal(d.out[1].txid, id, 32);
}

static void who_sends_to_others_too_is_not_exclusive(void **state)
{
	(void)state;
	dp_deposit d;
	begin();
	t_send(&world, 10, USER, DEPOSIT, T_USDC, 70);
	t_send(&world, 11, DEPOSIT, EXCHANGE, T_USDC, 70);
	t_send(&world, 12, DEPOSIT, RIVAL, T_ETH, 4);
	open_world();
	assert_true(is_deposit(DEPOSIT, &d));
	assert_false(d.is_exclusive);
}

// All of these pass on exactly what they got.
static void exchanges_miners_and_contracts_are_no_deposit_addresses(void **state)
{
	(void)state;
	dp_deposit d;
	begin();
	t_send(&world, 10, USER, RIVAL, T_USDC, 70); // tagged itself
	t_send(&world, 11, RIVAL, EXCHANGE, T_USDC, 70);
	t_send_as(&world, (t_transfer){.height = 12, // gets rewards
	                               .signer = T_NOBODY,
	                               .from = T_NOBODY,
	                               .to = 20,
	                               .kind = DP_MV_REWARD,
	                               .amount = dp_u256_of(9)});
	t_send(&world, 13, USER, 20, T_USDC, 70);
	t_send(&world, 14, 20, EXCHANGE, T_USDC, 70);
	t_send(&world, 15, USER, 21, T_ETH, 70); // signs nothing
	t_send_as(&world, (t_transfer){.height = 16,
	                               .signer = USER,
	                               .from = 21,
	                               .to = EXCHANGE,
	                               .kind = DP_MV_INTERNAL,
	                               .amount = dp_u256_of(70),
	                               .fee = 1});
	open_world();
	assert_false(is_deposit(RIVAL, &d));
	assert_false(is_deposit(20, &d));
	assert_false(is_deposit(21, &d));
}

// Tag files name the contracts of exchanges without custody like their wallets.
static void a_tagged_contract_is_no_wallet(void **state)
{
	(void)state;
	dp_deposit d;
	t_accounts_done(&world);
	t_send(&world, 10, USER, DEPOSIT, T_ETH, ETHER);
	t_send(&world, 11, DEPOSIT, EXCHANGE, T_ETH, ETHER);
	open_world();
	assert_false(is_deposit(DEPOSIT, &d));
}

static void noise_and_look_alikes_are_no_deposits(void **state)
{
	(void)state;
	dp_deposit d;
	begin();
	t_send(&world, 10, USER, DEPOSIT, T_WORTHLESS, 70);
	t_send(&world, 11, DEPOSIT, EXCHANGE, T_WORTHLESS, 70);
	// 4096 apart: the same first and last three digits. The poisoner's dust is what is left.
	t_send(&world, 12, USER, OTHER, T_ETH, ETHER);
	t_send(&world, 13, USER + 4096, OTHER, T_ETH, 5);
	t_send(&world, 14, OTHER, EXCHANGE, T_ETH, 5);
	open_world();
	assert_false(is_deposit(DEPOSIT, &d));
	assert_false(is_deposit(OTHER, &d));
}

static dp_code note_deposit(void *context, const dp_deposit *d, dp_fault *f)
{
	uint32_t *mask = context;
	(void)f;
	*mask |= 1u << t_addr_number(&d->addr);
	return DP_OK;
}

static void all_deposit_addresses_of_a_ledger_are_found(void **state)
{
	(void)state;
	uint32_t mask = 0;
	begin();
	for (int64_t n = 5; n < 12; n++) {
		t_send(&world, 20 + (uint64_t)n * 10, USER, n, T_USDC, 70 + (uint64_t)n);
		// Every third one keeps something.
		t_send(&world, 21 + (uint64_t)n * 10, n, EXCHANGE, T_USDC,
		       70 + (uint64_t)n - (n % 3 == 0));
	}
	open_world();
	must(dp_account_deposits(world.ledger, &options, note_deposit, &mask, &fault));
	assert_int_equal(mask, 1u << 5 | 1u << 7 | 1u << 8 | 1u << 10 | 1u << 11);
	options.tags = NULL;
	mask = 0;
	must(dp_account_deposits(world.ledger, &options, note_deposit, &mask, &fault));
	assert_int_equal(mask, 0);
}

static void what_is_left_out_of_a_long_history_is_said(void **state)
{
	(void)state;
	dp_deposit d;
	begin();
	t_send(&world, 10, USER, DEPOSIT, T_USDC, 70);
	t_send(&world, 11, DEPOSIT, EXCHANGE, T_USDC, 70);
	t_send(&world, 12, USER, DEPOSIT, T_USDC, 71);
	open_world();
	options.history_max = 2;
	assert_true(is_deposit(DEPOSIT, &d));
	assert_true(d.is_cut);
	options.history_max = 3;
	assert_true(is_deposit(DEPOSIT, &d));
	assert_false(d.is_cut);
	options.history_max = 1;
	assert_false(is_deposit(DEPOSIT, &d));
}

//- first funder and activity ---------------------------------------------------------------------

static bool funder_cut; // of the last one asked for

static dp_code funder(int64_t n, dp_evidence *ret_first, bool *ret_had)
{
	dp_addr a = t_addr(n);
	return dp_account_funder(world.ledger, ret_first, ret_had, &funder_cut, &a, &options,
	                         &fault);
}

static void the_first_funder_pays_the_first_gas(void **state)
{
	(void)state;
	dp_evidence e;
	bool had;
	begin();
	t_send(&world, 8, 40, 41, T_USDC, 1000); // tokens pay no gas
	t_send(&world, 9, 40, 41, T_WORTHLESS, 1000);
	t_send(&world, 10, 42, 41, T_ETH, 3); // dust: less than the first fee
	t_send(&world, 11, 43, 41, T_ETH, 100);
	t_send(&world, 12, 44, 41, T_ETH, 1000);
	t_send_as(&world, (t_transfer){.height = 13,
	                               .signer = 41,
	                               .from = 41,
	                               .to = 45,
	                               .asset = T_USDC,
	                               .amount = dp_u256_of(10),
	                               .fee = 50});
	open_world();
	must(funder(41, &e, &had));
	assert_true(is_number(&e.from, 43));
	assert_int_equal(e.height, 11);
	assert_u256_is(e.amount, 100);
	assert_false(had);
	assert_false(funder_cut);
	// Where only payments in were looked at, that the first of them paid the gas is not known.
	options.history_max = 4;
	must(funder(41, &e, &had));
	assert_true(is_number(&e.from, 42));
	assert_true(funder_cut);
	options.history_max = 100000;
	// Nobody paid 45 any coins; 43 spent what it had before.
	assert_int_equal(funder(45, &e, &had), DP_NOT_FOUND);
	assert_false(had);
	assert_int_equal(funder(43, &e, &had), DP_NOT_FOUND);
	assert_true(had);
	// Has paid nothing yet: the first.
	must(funder(900, &e, &had));
	assert_true(is_number(&e.from, EXCHANGE));
}

static void an_account_is_who_signs(void **state)
{
	(void)state;
	dp_activity a;
	dp_addr user = t_addr(USER), contract = t_addr(21), stranger = t_addr(77);
	uint8_t id[32];
	begin();
	t_send(&world, 10, OTHER, USER, T_ETH, 70);
	t_send(&world, 11, USER, 21, T_ETH, 60);
	t_send_as(&world, (t_transfer){.height = 12,
	                               .signer = USER,
	                               .from = 21,
	                               .to = USER,
	                               .kind = DP_MV_INTERNAL,
	                               .amount = dp_u256_of(7),
	                               .fee = 1});
	open_world();
	must(dp_account_activity(world.ledger, &a, &user, &options, &fault));
	assert_int_equal(a.txs, 3);
	assert_int_equal(a.height_first, 10);
	assert_int_equal(a.height_last, 12);
	assert_true(a.is_account);
	t_txid(id, 4);
	assert_memory_equal(a.txid_account, id, 32);
	must(dp_account_activity(world.ledger, &a, &contract, &options, &fault));
	assert_int_equal(a.txs, 2);
	assert_false(a.is_account);
	assert_false(a.is_cut);
	options.history_max = 1;
	must(dp_account_activity(world.ledger, &a, &contract, &options, &fault));
	assert_int_equal(a.txs, 2); // all are counted
	assert_true(a.is_cut);
	must(dp_account_activity(world.ledger, &a, &stranger, &options, &fault));
	assert_int_equal(a.txs, 0);
}

//- off-ramps -------------------------------------------------------------------------------------

static void off_ramps_are_direct_or_through_a_deposit_address(void **state)
{
	(void)state;
	dp_offramp o[DP_OFFRAMP_MAX];
	uint32_t count;
	bool is_cut;
	dp_addr user = t_addr(USER);
	begin();
	t_send(&world, 10, USER, DEPOSIT, T_ETH, 500);
	t_send(&world, 11, DEPOSIT, EXCHANGE, T_ETH, 490);
	t_send(&world, 12, USER, RIVAL, T_ETH, 300);
	t_send(&world, 13, USER, OTHER, T_ETH, 200);
	t_send(&world, 14, USER, DEPOSIT, T_USDC, 7);
	t_send(&world, 15, USER, RIVAL, T_ETH, 10);
	t_send(&world, 16, USER, T_NOBODY, T_UNI, 10); // burnt
	open_world();
	must(dp_account_offramps(world.ledger, o, &count, &is_cut, &user, &options, &fault));
	assert_int_equal(count, 3);
	assert_false(is_cut);
	assert_true(is_number(&o[0].service, EXCHANGE));
	assert_true(is_number(&o[0].deposit, DEPOSIT));
	assert_u256_is(o[0].amount, 500);
	assert_u256_is(o[0].sent, 1010);
	assert_true(is_number(&o[1].service, RIVAL));
	assert_int_equal(o[1].deposit.kind, DP_ADDR_NONE);
	assert_u256_is(o[1].amount, 310);
	assert_int_equal(o[1].transfers, 2);
	assert_int_equal(o[1].first.height, 12);
	assert_int_equal(o[1].largest.height, 12);
	assert_u256_is(o[2].amount, 7);
	assert_u256_is(o[2].sent, 7);
	options.tags = NULL;
	must(dp_account_offramps(world.ledger, o, &count, &is_cut, &user, &options, &fault));
	assert_int_equal(count, 0);
}

static dp_code note_imitation(void *context, const dp_imitation *im, dp_fault *f)
{
	dp_imitation **at = context;
	(void)f;
	*(*at)++ = *im;
	return DP_OK;
}

// A thief pays his exchange, then more to a look-alike of his own; poisoners pay him with tokens of
// which a million are worth a cent.
static void no_look_alike_hides_where_money_went(void **state)
{
	(void)state;
	dp_offramp o[DP_OFFRAMP_MAX];
	dp_imitation im[8], *end = im;
	uint32_t count;
	bool is_cut;
	dp_addr user = t_addr(USER);
	begin();
	t_send(&world, 10, USER, DEPOSIT, T_ETH, 500);
	t_send(&world, 11, DEPOSIT, EXCHANGE, T_ETH, 490);
	t_send(&world, 12, USER, RIVAL, T_ETH, 300);
	t_send(&world, 13, USER, DEPOSIT + 4096, T_ETH, 600);
	t_send(&world, 14, USER, RIVAL + 4096, T_ETH, 400);
	t_send(&world, 15, RIVAL + 8192, USER, T_UNI, 1000);
	open_world();
	must(dp_account_offramps(world.ledger, o, &count, &is_cut, &user, &options, &fault));
	assert_int_equal(count, 2);
	assert_true(is_number(&o[0].deposit, DEPOSIT));
	assert_true(is_number(&o[1].service, RIVAL));
	must(dp_account_imitations(world.ledger, &user, &options, note_imitation, &end, &fault));
	for (dp_imitation *i = im; i < end; i++) assert_false(is_number(&i->addr, RIVAL));
	// Without tags, too, what is nearly worthless makes nobody the original of a real one.
	begin();
	t_send(&world, 10, OTHER, USER, T_ETH, 1000000);
	t_send(&world, 11, OTHER + 4096, USER, T_UNI, 100000000);
	open_world();
	end = im;
	must(dp_account_imitations(world.ledger, &user, &options, note_imitation, &end, &fault));
	assert_int_equal(end - im, 1);
	assert_true(is_number(&im[0].addr, OTHER + 4096));
}

static void dust_to_a_thousand_does_not_hide_the_off_ramp_of_another_asset(void **state)
{
	(void)state;
	dp_offramp o[DP_OFFRAMP_MAX];
	uint32_t count;
	bool is_cut;
	dp_addr user = t_addr(USER);
	begin();
	t_send(&world, 10, USER, DEPOSIT, T_USDC, 500);
	t_send(&world, 11, DEPOSIT, EXCHANGE, T_USDC, 500);
	for (int64_t i = 0; i < 1001; i++) t_send(&world, 12, USER, 2000 + i, T_ETH, 1);
	open_world();
	must(dp_account_offramps(world.ledger, o, &count, &is_cut, &user, &options, &fault));
	assert_int_equal(count, 1);
	assert_true(is_number(&o[0].deposit, DEPOSIT));
	assert_true(is_cut);
}

//- look-alikes -----------------------------------------------------------------------------------

static void who_imitates_a_counterparty_is_told(void **state)
{
	(void)state;
	dp_imitation im[8], *end = im;
	dp_addr user = t_addr(USER);
	begin();
	t_send(&world, 10, USER, OTHER, T_ETH, 500);
	t_send(&world, 11, USER, OTHER + 4096, T_WORTHLESS, 500); // forged in the user's name
	t_send(&world, 12, OTHER + 8192, USER, T_ETH, 1);
	t_send(&world, 13, 5, USER, T_USDC, 1);
	open_world();
	must(dp_account_imitations(world.ledger, &user, &options, note_imitation, &end, &fault));
	assert_int_equal(end - im, 2);
	assert_true(is_number(&im[0].addr, OTHER + 4096));
	assert_true(is_number(&im[0].original, OTHER));
	assert_true(im[0].is_worthless);
	assert_int_equal(im[0].first.height, 11);
	assert_int_equal(im[0].trailing, 3);
	assert_true(is_number(&im[1].addr, OTHER + 8192));
	assert_false(im[1].is_worthless);
}

//- pairs -----------------------------------------------------------------------------------------

enum { PAIRS_MAX = 64 };
static dp_account_pair pairs[PAIRS_MAX];
static uint32_t pair_count;

static dp_code note_pair(void *context, const dp_account_pair *pair, dp_fault *f)
{
	(void)context;
	(void)f;
	assert_true(pair_count < PAIRS_MAX);
	pairs[pair_count++] = *pair;
	return DP_OK;
}

static void find_pairs(void)
{
	pair_count = 0;
	must(dp_account_pairs(world.ledger, &options, note_pair, NULL, &fault));
}

static void senders_of_one_deposit_address_are_one(void **state)
{
	(void)state;
	begin();
	t_send(&world, 10, 30, DEPOSIT, T_USDC, 70);
	t_send(&world, 11, 31, DEPOSIT, T_USDC, 71);
	t_send(&world, 12, 30, DEPOSIT, T_USDC, 72);
	t_send(&world, 13, 32, DEPOSIT, T_USDC, 999);   // never passed on
	t_send(&world, 14, RIVAL, DEPOSIT, T_USDC, 73); // another exchange pays out
	t_send_as(&world, (t_transfer){.height = 15,    // a contract pays
	                               .signer = 33,
	                               .from = 34,
	                               .to = DEPOSIT,
	                               .asset = T_USDC,
	                               .amount = dp_u256_of(74),
	                               .fee = 1});
	for (uint64_t i = 0; i < 5; i++) t_send(&world, 20 + i, DEPOSIT, EXCHANGE, T_USDC, 74 - i);
	open_world();
	find_pairs();
	assert_int_equal(pair_count, 1);
	assert_true(is_number(&pairs[0].a, 30));
	assert_true(is_number(&pairs[0].b, 31));
	assert_true(is_number(&pairs[0].through, DEPOSIT));
	assert_int_equal(pairs[0].heuristic, DP_H_DEPOSIT_REUSE);
	assert_int_equal(pairs[0].first.height, 10);
	assert_int_equal(pairs[0].second.height, 11);
}

// `receivers` get 40 each from 700, `gap` blocks apart; 1000..1002 send theirs to 800, which signs.
static void airdrop(uint32_t receivers, uint64_t gap, int asset)
{
	begin();
	uint64_t height = 10;
	for (uint32_t i = 0; i < receivers; i++, height += gap)
		t_send(&world, height, 700, 1000 + i, asset, 40);
	t_send(&world, height + 1, 1000, 800, asset, 40);
	t_send(&world, height + 2, 1001, 800, asset, 40);
	t_send(&world, height + 3, 1002, 800, asset, 39); // not exactly that
	t_send(&world, height + 4, 1003, 801, asset, 40); // alone
	t_send(&world, height + 5, 1004, 802, asset, 40); // to what never signs
	t_send(&world, height + 6, 1005, 802, asset, 40);
	t_send(&world, height + 7, 1006, EXCHANGE, asset, 40); // as many others do
	t_send(&world, height + 8, 1007, EXCHANGE, asset, 40);
	t_send(&world, height + 9, 800, 900, T_ETH, 1);
	open_world();
	find_pairs();
}

static void takers_of_an_airdrop_that_gather_it_are_one(void **state)
{
	(void)state;
	airdrop(1000, 2, T_UNI);
	assert_int_equal(pair_count, 1);
	assert_int_equal(pairs[0].heuristic, DP_H_AIRDROP);
	assert_true(is_number(&pairs[0].a, 1000));
	assert_true(is_number(&pairs[0].b, 1001));
	assert_true(is_number(&pairs[0].through, 800));
}

static void too_few_too_slow_or_money_is_no_airdrop(void **state)
{
	(void)state;
	airdrop(999, 2, T_UNI);
	assert_int_equal(pair_count, 0);
	airdrop(1000, 3, T_UNI);
	assert_int_equal(pair_count, 0);
	airdrop(1000, 2, T_USDC);
	assert_int_equal(pair_count, 0);
}

// The id of the n-th transaction of a world.
static const char *tx_text(int64_t n)
{
	static char text[DP_TXID_TEXT_MAX];
	uint8_t id[32];
	t_txid(id, n);
	dp_txid_format(text, id, t_chain(false));
	return text;
}

static void owner_and_spender_are_one_if_both_are_accounts(void **state)
{
	(void)state;
	dp_approvals approvals = {0};
	char text[4096];
	int n = snprintf(text, sizeof text, "block,token,owner,spender,tx\n");
	begin();
	// 30 -> 31: both sign. 30 -> 32: signs nothing. 33..38 -> 39: a service of six.
	for (int64_t i = 30; i < 40; i++)
		if (i != 32) t_send(&world, 10 + (uint64_t)i, i, 900, T_ETH, 1);
	open_world();
	for (int64_t i = 30; i < 39; i++) {
		dp_addr owner = t_addr(i == 31 || i == 32 ? 30 : i);
		dp_addr spender = t_addr(i == 30 ? 31 : i < 33 ? 32 : 39);
		char a[DP_ADDR_TEXT_MAX], b[DP_ADDR_TEXT_MAX];
		dp_addr_format(a, &owner, t_chain(false));
		dp_addr_format(b, &spender, t_chain(false));
		n += snprintf(text + n, sizeof text - (size_t)n, "%d,x,%s,%s,%s\n", (int)(100 + i),
		              a, b, tx_text(i < 33 ? 3 : i - 28));
	}
	must(dp_approvals_parse(&approvals, text, (size_t)n, t_chain(false), &fault));
	assert_int_equal(approvals.count, 9);
	options.approval = approvals.item;
	options.approval_count = approvals.count;
	find_pairs();
	assert_int_equal(pair_count, 1);
	assert_int_equal(pairs[0].heuristic, DP_H_AUTHORISATION);
	assert_true(is_number(&pairs[0].a, 30));
	assert_true(is_number(&pairs[0].b, 31));
	assert_int_equal(pairs[0].first.height, 130);
	options.spender_owners_max = 6;
	find_pairs();
	assert_int_equal(pair_count, 7);
	dp_approvals_done(&approvals);
}

// Any contract may claim an approval in anybody's name.
static void an_approval_that_its_owner_did_not_sign_proves_nothing(void **state)
{
	(void)state;
	dp_approvals approvals = {0};
	char text[4096], addr[8][DP_ADDR_TEXT_MAX];
	begin();
	for (int64_t i = 30; i < 38; i++) t_send(&world, 10 + (uint64_t)i, i, 900, T_ETH, 1);
	open_world();
	for (int64_t i = 0; i < 8; i++) {
		dp_addr a = t_addr(30 + i);
		dp_addr_format(addr[i], &a, t_chain(false));
	}
	// 30 -> 31 signed by 32, and in a transaction that nobody knows. 33 -> 31 is signed. With
	// those of four more that 32 forged 31 has six owners, but one whom it is known to have.
	// And one that 32 signed, of a token that it wrote itself.
	int n = snprintf(text, sizeof text, "owner,spender,contract,tx\n%s,%s,%s,%s\n", addr[0],
	                 addr[1], "0xdAC17F958D2ee523a2206206994597C13D831ec7", tx_text(5));
	n += snprintf(text + n, sizeof text - (size_t)n, "%s,%s,%s,%s\n", addr[0], addr[1],
	              "0xdAC17F958D2ee523a2206206994597C13D831ec7", tx_text(999));
	for (int64_t i = 3; i < 8; i++)
		n +=
		    snprintf(text + n, sizeof text - (size_t)n, "%s,%s,%s,%s\n", addr[i], addr[1],
		             "0xdAC17F958D2ee523a2206206994597C13D831ec7", tx_text(i == 3 ? 6 : 5));
	n += snprintf(text + n, sizeof text - (size_t)n, "%s,%s,%s,%s\n", addr[2], addr[0],
	              "0xbad0000000000000000000000000000000000bad", tx_text(5));
	must(dp_approvals_parse(&approvals, text, (size_t)n, t_chain(false), &fault));
	assert_int_equal(approvals.count, 7);
	options.approval = approvals.item;
	options.approval_count = approvals.count;
	find_pairs();
	assert_int_equal(pair_count, 1);
	assert_true(is_number(&pairs[0].a, 33));
	assert_true(is_number(&pairs[0].b, 31));
	dp_approvals_done(&approvals);
}

static void wrong_approvals_are_named_with_their_line(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
		uint32_t line;
	} wrong[] = {
	    {"", "empty", 0},
	    {"owner,tx\n", "spender", 1},
	    {"owner,spender,tx\n0x1,0x2,0x3\n", "owner", 2},
	    {"owner,spender,tx\n\n0x000000000000000000000000000000000000dead", "spender", 3},
	    {"owner,spender,tx,block\n0x000000000000000000000000000000000000dead,"
	     "0x000000000000000000000000000000000000dead,0x"
	     "0000000000000000000000000000000000000000000000000000000000000001,99999999999999999999"
	     "\n",
	     "block", 2},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		dp_approvals a = {0};
		dp_code code = dp_approvals_parse(&a, wrong[i].text, strlen(wrong[i].text),
		                                  t_chain(false), &fault);
		assert_int_not_equal(code, DP_OK);
		assert_non_null(strstr(fault.text, wrong[i].says));
		if (wrong[i].line > 0) assert_int_equal(fault.line, wrong[i].line);
		dp_approvals_done(&a);
	}
}

static dp_code everything(void)
{
	dp_offramp o[DP_OFFRAMP_MAX];
	uint32_t count;
	bool is_cut, had, is;
	dp_addr user = t_addr(USER), deposit = t_addr(DEPOSIT);
	dp_evidence e;
	dp_deposit d;
	dp_imitation im[8], *end = im;
	pair_count = 0;
	DP_TRY(dp_account_deposit(world.ledger, &is, &d, &deposit, &options, &fault));
	DP_TRY(dp_account_funder(world.ledger, &e, &had, &funder_cut, &deposit, &options, &fault));
	DP_TRY(dp_account_offramps(world.ledger, o, &count, &is_cut, &user, &options, &fault));
	DP_TRY(dp_account_imitations(world.ledger, &user, &options, note_imitation, &end, &fault));
	return dp_account_pairs(world.ledger, &options, note_pair, NULL, &fault);
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	begin();
	t_send(&world, 10, USER, DEPOSIT, T_ETH, 500);
	t_send(&world, 11, OTHER, DEPOSIT, T_ETH, 400);
	t_send(&world, 12, DEPOSIT, EXCHANGE, T_ETH, 490);
	t_send(&world, 13, DEPOSIT, EXCHANGE, T_ETH, 390);
	open_world();
	must(everything());
	int64_t live = dp_mem_live();
	for (int64_t n = 0;; n++) {
		dp_mem_fail_after(n);
		dp_code code = everything();
		dp_mem_fail_after(-1);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_OK) break;
		assert_int_equal(code, DP_NO_MEMORY);
		assert_true(n < 2000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parameters_are_those_of_the_sources),
	    cmocka_unit_test(coins_may_leave_a_hundredth_behind_and_not_a_wei_more),
	    cmocka_unit_test(tokens_must_be_passed_on_to_the_unit),
	    cmocka_unit_test(a_deposit_is_passed_on_within_3200_blocks),
	    cmocka_unit_test(more_than_came_in_is_no_deposit),
	    cmocka_unit_test(what_is_found_is_described_with_its_transactions),
	    cmocka_unit_test(who_sends_to_others_too_is_not_exclusive),
	    cmocka_unit_test(exchanges_miners_and_contracts_are_no_deposit_addresses),
	    cmocka_unit_test(a_tagged_contract_is_no_wallet),
	    cmocka_unit_test(noise_and_look_alikes_are_no_deposits),
	    cmocka_unit_test(all_deposit_addresses_of_a_ledger_are_found),
	    cmocka_unit_test(what_is_left_out_of_a_long_history_is_said),
	    cmocka_unit_test(the_first_funder_pays_the_first_gas),
	    cmocka_unit_test(an_account_is_who_signs),
	    cmocka_unit_test(off_ramps_are_direct_or_through_a_deposit_address),
	    cmocka_unit_test(no_look_alike_hides_where_money_went),
	    cmocka_unit_test(dust_to_a_thousand_does_not_hide_the_off_ramp_of_another_asset),
	    cmocka_unit_test(who_imitates_a_counterparty_is_told),
	    cmocka_unit_test(senders_of_one_deposit_address_are_one),
	    cmocka_unit_test(takers_of_an_airdrop_that_gather_it_are_one),
	    cmocka_unit_test(too_few_too_slow_or_money_is_no_airdrop),
	    cmocka_unit_test(owner_and_spender_are_one_if_both_are_accounts),
	    cmocka_unit_test(an_approval_that_its_owner_did_not_sign_proves_nothing),
	    cmocka_unit_test(wrong_approvals_are_named_with_their_line),
	    cmocka_unit_test(every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, clean);
}
