// What two cases share: real addresses of attributed thefts, the trap of Euler's 100 ether, and
// each rule by itself.
// Covers: technique/overlap.c technique/overlap_flow.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "support/prints.h"
#include "technique/flow_file.h"
#include "technique/overlap.h"

static dp_fault fault;
static dp_overlaps found;

static void find(const dp_use *mine, uint32_t mine_count, const dp_use *theirs,
                 uint32_t theirs_count)
{
	dp_overlaps_done(&found);
	if (dp_overlap_find(&found, mine, mine_count, theirs, theirs_count, &fault) != DP_OK)
		fail_msg("%s", fault.text);
}

static int end(void **state)
{
	(void)state;
	dp_overlaps_done(&found);
	return 0;
}

static dp_use use(const char *address, const char *whose, uint32_t used, uint32_t share_ppm)
{
	return (dp_use){.address = address,
	                .chain = "ethereum",
	                .whose = whose,
	                .actor = "",
	                .says = "",
	                .use = used,
	                .share_ppm = share_ppm};
}

// One address, used by both: the kind that is found, DP_OVERLAP_KIND_COUNT for nothing.
static int meet(uint32_t mine, uint32_t mine_share, uint32_t theirs, uint32_t theirs_share,
                uint32_t is)
{
	dp_use a = use("x", "a", mine, mine_share), b = use("x", "b", theirs, theirs_share);
	a.is = is;
	find(&a, 1, &b, 1);
	assert_true(found.count <= 1);
	return found.count == 0 ? DP_OVERLAP_KIND_COUNT : (int)found.item[0].kind;
}

//- real ones -------------------------------------------------------------------------------------

// CoinEx (12 September 2023) and Stake (4 September 2023), Alphapo (July 2023) and Stake: the same
// 20 bytes on different chains. Stake's addresses are the FBI's word of 6 September 2023.
static void coinex_and_alphapo_share_wallets_with_stake(void **state)
{
	(void)state;
	dp_use stake[] = {
	    use("0x94f1b9b64e2932f6a2db338f616844400cd58e8a", "stake-2023-09", DP_USE_CLAIMED, 0),
	    use("0x75497999432b8701330fb68058bd21918c02ac59", "stake-2023-09", DP_USE_CLAIMED, 0),
	    use("0x22be3b0a943b1bc0ea3aec2cb3ef511f3920a98d", "stake-2023-09", DP_USE_CLAIMED, 0)};
	stake[1].chain = "polygon";
	stake[2].chain = "bsc";
	for (int i = 0; i < 3; i++) {
		stake[i].actor = "lazarusgroup";
		stake[i].says = "FBI, 2023-09-06";
	}
	dp_use coinex = use("0x75497999432B8701330FB68058bd21918C02Ac59", "coinex-2023-09",
	                    DP_USE_ROOT | DP_USE_SPENDS, 300000);
	coinex.chain = "arbitrum";
	find(&coinex, 1, stake, 3);
	assert_int_equal(found.count, 1);
	const dp_overlap *o = &found.item[0];
	assert_int_equal(o->kind, DP_OVERLAP_WALLET);
	assert_int_equal(o->theirs, 1);
	assert_true(o->other_chain && o->by_claim);
	assert_int_equal(o->weight, 950 * 3 / 4);
	assert_int_equal(found.weight, o->weight);
	char line[400];
	dp_overlap_format(line, sizeof line, o, &coinex, stake);
	assert_string_equal(line,
	                    "0x75497999432B8701330FB68058bd21918C02Ac59: the wallet of both "
	                    "(coinex-2023-09 on arbitrum, stake-2023-09 on polygon by the word of "
	                    "FBI, 2023-09-06)");
	char little[20];
	assert_int_equal(dp_overlap_format(little, sizeof little, o, &coinex, stake), 19);

	dp_use alphapo = use("0x22be3b0a943b1bc0ea3aec2cb3ef511f3920a98d", "alphapo-2023-07",
	                     DP_USE_ROOT | DP_USE_SPENDS, 100000);
	find(&alphapo, 1, stake, 3);
	assert_int_equal(found.count, 1);
	assert_int_equal(found.item[0].theirs, 2);
}

// On 17 March 2023 the thief of Euler sent 100 ether, of a loot worth about 110,000, to the address
// of the Ronin theft. It is told, and it is nothing.
static void eulers_hundred_ether_are_exposure(void **state)
{
	(void)state;
	dp_use ronin =
	    use("0x098B716B8Aaf21512996dC57EB0615e2383E2f96", "ronin-2022-03", DP_USE_CLAIMED, 0);
	ronin.says = "OFAC, 2022-04-14";
	dp_use euler = use("0x098b716b8aaf21512996dc57eb0615e2383e2f96", "euler-2023-03",
	                   DP_USE_RECEIVES, 900);
	find(&euler, 1, &ronin, 1);
	assert_int_equal(found.count, 1);
	assert_int_equal(found.item[0].kind, DP_OVERLAP_EXPOSURE);
	assert_int_equal(found.item[0].weight, 0);
	assert_int_equal(found.weight, 0);
	// The receiver moves on, and following goes on through him: still a gift.
	euler.use |= DP_USE_SPENDS;
	find(&euler, 1, &ronin, 1);
	assert_int_equal(found.item[0].kind, DP_OVERLAP_EXPOSURE);
	assert_int_equal(found.weight, 0);
	// Seen from the other side it is the same.
	find(&ronin, 1, &euler, 1);
	assert_int_equal(found.item[0].kind, DP_OVERLAP_EXPOSURE);
	// Had it been a hundredth of the loot, it would have been more than a gift.
	euler.share_ppm = DP_OVERLAP_SHARE_MIN;
	find(&euler, 1, &ronin, 1);
	assert_int_equal(found.item[0].kind, DP_OVERLAP_COMINGLED);
	assert_int_equal(found.weight, 700 * 3 / 4);
}

//- rules -----------------------------------------------------------------------------------------

static void control_is_shared_or_it_is_nothing(void **state)
{
	(void)state;
	enum { NOTHING = DP_OVERLAP_KIND_COUNT, BIG = 500000, SMALL = 100 };
	uint32_t spends = DP_USE_SPENDS | DP_USE_RECEIVES;
	assert_int_equal(meet(DP_USE_ROOT, BIG, DP_USE_ROOT, BIG, 0), DP_OVERLAP_WALLET);
	assert_int_equal(meet(spends, BIG, spends, BIG, 0), DP_OVERLAP_COMINGLED);
	assert_int_equal(meet(spends, BIG, spends, SMALL, 0), DP_OVERLAP_EXPOSURE);
	assert_int_equal(meet(spends, SMALL, spends, SMALL, 0), NOTHING);
	assert_int_equal(meet(spends, BIG, DP_USE_RECEIVES, BIG, 0), DP_OVERLAP_EXPOSURE);
	assert_int_equal(meet(DP_USE_RECEIVES, BIG, DP_USE_RECEIVES, BIG, 0), NOTHING);
	assert_int_equal(meet(DP_USE_ROOT, 0, spends, BIG, 0), DP_OVERLAP_COMINGLED);
	assert_int_equal(meet(DP_USE_ROOT, 0, spends, SMALL, 0), DP_OVERLAP_EXPOSURE);
	assert_int_equal(meet(DP_USE_FUNDS_GAS, 0, DP_USE_FUNDS_GAS, 0, 0), DP_OVERLAP_GAS);
	assert_int_equal(meet(DP_USE_FUNDS_GAS, 0, DP_USE_ROOT, 0, 0), DP_OVERLAP_GAS);
	assert_int_equal(meet(DP_USE_GATHERS, BIG, DP_USE_GATHERS, BIG, 0), DP_OVERLAP_GATHERING);
	assert_int_equal(meet(DP_USE_DEPOSIT, BIG, DP_USE_DEPOSIT, BIG, 0), DP_OVERLAP_DEPOSIT);
	assert_int_equal(meet(DP_USE_DEPOSIT | spends, BIG, spends, BIG, 0), NOTHING);
	// Services share customers, contracts share code.
	assert_int_equal(meet(DP_USE_FUNDS_GAS, 0, DP_USE_FUNDS_GAS, 0, DP_USE_SERVICE), NOTHING);
	assert_int_equal(meet(spends, BIG, spends, BIG, DP_USE_SERVICE), NOTHING);
	assert_int_equal(meet(DP_USE_ROOT, BIG, DP_USE_ROOT, BIG, DP_USE_CONTRACT), NOTHING);
	assert_int_equal(meet(spends, BIG, spends, BIG, DP_USE_CONTRACT), DP_OVERLAP_EXPOSURE);
	assert_int_equal(meet(DP_USE_FUNDS_GAS, 0, DP_USE_FUNDS_GAS, 0, DP_USE_CONTRACT),
	                 DP_OVERLAP_GAS);
}

static void weights_fall_with_doubt(void **state)
{
	(void)state;
	dp_use a = use("x", "a", DP_USE_SPENDS, 20000), b = use("x", "b", DP_USE_SPENDS, 20000);
	find(&a, 1, &b, 1);
	assert_int_equal(found.item[0].weight, 700);
	b.share_ppm = 0; // nobody knows how much
	find(&a, 1, &b, 1);
	assert_int_equal(found.item[0].weight, 350);
	uint32_t count;
	const dp_overlap_row *row = dp_overlap_rows(&count);
	assert_int_equal(count, DP_OVERLAP_KIND_COUNT);
	assert_int_equal(row[DP_OVERLAP_EXPOSURE].weight, 0);
	for (uint32_t i = 1; i < count; i++) assert_true(row[i].weight <= row[0].weight);
}

// Two addresses weigh more than one, one address with two kinds no more than its heaviest.
static void addresses_add_up_kinds_do_not(void **state)
{
	(void)state;
	dp_use mine[] = {use("x", "a", DP_USE_GATHERS, 0), use("y", "a", DP_USE_DEPOSIT, 0),
	                 use("x", "a", DP_USE_FUNDS_GAS, 0)};
	dp_use theirs[] = {use("x", "b", DP_USE_GATHERS | DP_USE_FUNDS_GAS, 0),
	                   use("y", "b", DP_USE_DEPOSIT, 0)};
	find(mine, 3, theirs, 2);
	assert_int_equal(found.count, 3);
	assert_int_equal(found.item[0].kind, DP_OVERLAP_GAS);
	assert_int_equal(found.item[1].kind, DP_OVERLAP_GATHERING);
	assert_int_equal(found.item[2].kind, DP_OVERLAP_DEPOSIT);
	assert_int_equal(found.weight, 1000 - 200 * 250 / 1000);
}

static void other_chains_count_for_evm_keys_alone(void **state)
{
	(void)state;
	dp_use a = use("bc1qq", "a", DP_USE_ROOT, 0), b = use("bc1qq", "b", DP_USE_ROOT, 0);
	a.chain = "bitcoin";
	b.chain = "litecoin";
	find(&a, 1, &b, 1);
	assert_int_equal(found.count, 0);
	b.chain = "";
	find(&a, 1, &b, 1);
	assert_int_equal(found.count, 1);
	b.address = "BC1QQ"; // no EVM address: case counts
	find(&a, 1, &b, 1);
	assert_int_equal(found.count, 0);
}

static void a_case_does_not_overlap_with_itself(void **state)
{
	(void)state;
	dp_use a = use("x", "a", DP_USE_ROOT, 0);
	find(&a, 1, &a, 1);
	assert_int_equal(found.count, 0);
	assert_int_equal(found.weight, 0);
	find(NULL, 0, &a, 1);
	assert_int_equal(found.count, 0);
}

static void of_very_many_some_are_counted_only(void **state)
{
	(void)state;
	enum { MANY = DP_OVERLAP_FOUND_MAX + 100 };
	static char name[MANY][20];
	static dp_use theirs[MANY];
	for (int i = 0; i < MANY; i++) {
		snprintf(name[i], sizeof name[i], "case %d", i);
		theirs[i] = use("x", name[i], DP_USE_ROOT, 0);
	}
	dp_use a = use("x", "a", DP_USE_ROOT, 0);
	find(&a, 1, theirs, MANY);
	assert_int_equal(found.count, DP_OVERLAP_FOUND_MAX);
	assert_int_equal(found.left_out, 100);
	assert_int_equal(found.weight, 950);
}

//- flows -----------------------------------------------------------------------------------------

#define HEAD "Timestamp,Block,Tx_hash,From,From_label,To,To_label,Value_in_USD\n"

static dp_flow *flow_of(const char *edges, const char *sources, const char *terminals)
{
	dp_flow *f = NULL;
	dp_graph *g = NULL;
	const dp_flow_options options = {0};
	const char *text[] = {edges, sources, terminals};
	dp_flow_text t[3];
	for (int i = 0; i < 3; i++) t[i] = (dp_flow_text){text[i], strlen(text[i])};
	if (dp_flow_parse(&f, t[0], t[1], t[2], &options, &fault) != DP_OK ||
	    dp_graph_new(&g, dp_flow_edges_needed(f), 0, &fault) != DP_OK ||
	    dp_flow_fill(f, g, &fault) != DP_OK)
		fail_msg("%s", fault.text);
	dp_graph_free(g);
	return f;
}

static const dp_use *use_of(const dp_use *uses, uint32_t n, const char *address)
{
	for (uint32_t i = 0; i < n; i++)
		if (strcmp(uses[i].address, address) == 0) return &uses[i];
	fail_msg("%s is not used", address);
	return NULL;
}

static void a_flows_uses_are_what_it_shows(void **state)
{
	(void)state;
	dp_flow *f = flow_of(HEAD "2023-01-13,1,0x1,s,,a,,10\n2023-01-13,2,0x2,s,,b,,10\n"
	                          "2023-01-13,3,0x3,s,,c,,80\n2023-01-13,4,0x4,a,,g,,10\n"
	                          "2023-01-13,5,0x5,b,,g,,10\n2023-01-13,6,0x6,c,,g,,40\n"
	                          "2023-01-13,7,0x7,c,,d,Huobi_Deposit_0x09,40\n"
	                          "2023-01-13,8,0x8,d,Huobi_Deposit_0x09,h,HTX 34,40\n",
	                     "s\n", "h\ng\n");
	dp_use *uses;
	uint32_t n;
	assert_int_equal(dp_overlap_uses_of_flow(&uses, &n, f, "mine", "ethereum", &fault), DP_OK);
	assert_int_equal(n, 7);
	const dp_use *u = use_of(uses, n, "s");
	assert_int_equal(u->use, DP_USE_ROOT | DP_USE_SPENDS);
	assert_string_equal(u->tx[0], "0x1");
	u = use_of(uses, n, "c");
	assert_int_equal(u->use, DP_USE_RECEIVES | DP_USE_SPENDS);
	assert_int_equal(u->share_ppm, 800000);
	u = use_of(uses, n, "g");
	assert_int_equal(u->use, DP_USE_RECEIVES | DP_USE_GATHERS);
	assert_int_equal(u->share_ppm, 600000);
	assert_int_equal(use_of(uses, n, "d")->use, DP_USE_RECEIVES | DP_USE_DEPOSIT);
	u = use_of(uses, n, "h");
	assert_int_equal(u->use, DP_USE_RECEIVES);
	assert_int_equal(u->is, DP_USE_SERVICE);
	dp_free(uses);
	dp_flow_free(f);
}

// The trap as flows show it: one thief pays a thousandth of his loot to the other's wallet, which
// spends it on with the rest.
static void a_gift_between_flows_is_no_overlap(void **state)
{
	(void)state;
	dp_flow *euler = flow_of(HEAD "2023-03-17,1,0x1,e,,r,,1\n2023-03-18,2,0x2,e,,f,,999\n"
	                              "2023-03-19,3,0x3,r,,q,,1\n",
	                         "e\n", "");
	dp_flow *ronin =
	    flow_of(HEAD "2022-03-23,1,0x4,r,,p,,500\n2022-03-24,2,0x5,p,,o,,500\n", "r\n", "");
	dp_use *mine, *theirs;
	uint32_t n, m;
	assert_int_equal(dp_overlap_uses_of_flow(&mine, &n, euler, "euler", "ethereum", &fault),
	                 DP_OK);
	assert_int_equal(dp_overlap_uses_of_flow(&theirs, &m, ronin, "ronin", "ethereum", &fault),
	                 DP_OK);
	find(mine, n, theirs, m);
	assert_int_equal(found.count, 1);
	assert_int_equal(found.item[0].kind, DP_OVERLAP_EXPOSURE);
	assert_int_equal(found.weight, 0);
	assert_string_equal(mine[found.item[0].mine].tx[0], "0x1");
	assert_string_equal(theirs[found.item[0].theirs].tx[0], "0x4");
	dp_free(mine);
	dp_free(theirs);
	dp_flow_free(euler);
	dp_flow_free(ronin);
}

static void harmony_and_lifi_share_nothing(void **state)
{
	(void)state;
	static const char *const incident[] = {"harmony-2022-06", "lifi-2024-07"};
	dp_flow *flow[2];
	dp_use *uses[2];
	uint32_t count[2];
	char folder[1000];
	for (int i = 0; i < 2; i++)
		if (!t_print_folder(t_print_recipe_of(incident[i]), folder, sizeof folder)) skip();
	for (int i = 0; i < 2; i++) {
		t_print_make(t_print_recipe_of(incident[i]), &flow[i], NULL);
		assert_int_equal(dp_overlap_uses_of_flow(&uses[i], &count[i], flow[i], incident[i],
		                                         "ethereum", &fault),
		                 DP_OK);
	}
	find(uses[0], count[0], uses[1], count[1]);
	assert_int_equal(found.weight, 0);
	for (int i = 0; i < 2; i++) {
		dp_free(uses[i]);
		dp_flow_free(flow[i]);
	}
}

static void nothing_is_left_when_memory_runs_out(void **state)
{
	(void)state;
	dp_flow *f = flow_of(HEAD "2023-03-17,1,0x1,e,,r,,1\n", "e\n", "");
	int64_t live = dp_mem_live();
	for (int64_t n = 0;; n++) {
		dp_use *uses = NULL;
		uint32_t count = 0;
		dp_overlaps o = {0};
		dp_use other = use("e", "b", DP_USE_ROOT, 0);
		dp_mem_fail_after(n);
		dp_code code = dp_overlap_uses_of_flow(&uses, &count, f, "a", "", &fault);
		if (code == DP_OK) code = dp_overlap_find(&o, uses, count, &other, 1, &fault);
		dp_mem_fail_after(-1);
		dp_overlaps_done(&o);
		dp_free(uses);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_OK) break;
		assert_int_equal(code, DP_NO_MEMORY);
		assert_true(n < 20);
	}
	dp_flow_free(f);
}

#define TEST(f) cmocka_unit_test_teardown(f, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(coinex_and_alphapo_share_wallets_with_stake),
	    TEST(eulers_hundred_ether_are_exposure),
	    TEST(control_is_shared_or_it_is_nothing),
	    TEST(weights_fall_with_doubt),
	    TEST(addresses_add_up_kinds_do_not),
	    TEST(other_chains_count_for_evm_keys_alone),
	    TEST(a_case_does_not_overlap_with_itself),
	    TEST(of_very_many_some_are_counted_only),
	    TEST(a_flows_uses_are_what_it_shows),
	    TEST(a_gift_between_flows_is_no_overlap),
	    TEST(harmony_and_lifi_share_nothing),
	    TEST(nothing_is_left_when_memory_runs_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
