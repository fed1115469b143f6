// The taxonomy: one table, consistent in itself, and what each kind of place means for following.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <string.h>

#include "tag/taxonomy.h"

static const dp_concept *concept(const char *name)
{
	const dp_concept *c = dp_concept_find(name, strlen(name));
	if (c == NULL) fail_msg("%s is not in the table", name);
	return c;
}

// Parents stand before their children, so that every walk upwards ends at the root.
static void every_concept_has_its_parent(void **state)
{
	(void)state;
	for (uint16_t id = 1; id <= dp_concept_count(); id++) {
		const dp_concept *c = dp_concept_at(id);
		assert_int_equal(c->id, id);
		assert_ptr_equal(concept(c->name), c);
		assert_true(c->stop <= DP_STOP_MIXER && c->risk < DP_CLASS_COUNT);
		if (c->parent[0] == 0) {
			assert_string_equal(c->name, "concept");
			continue;
		}
		assert_true(concept(c->parent)->id < id);
		// What stops says who has custody, or that nobody can tell what comes out.
		if (c->stop != DP_FOLLOW) assert_true(c->decides);
		if (c->stop == DP_STOP_SERVICE) assert_false(c->is_contract);
		if (c->is_contract) assert_true(c->decides);
		if (c->is_abuse) assert_int_equal(c->stop, DP_FOLLOW);
		bool is_child = strcmp(c->name, "abuse") != 0 && concept(c->parent)->is_abuse;
		if (is_child) assert_true(c->is_abuse);
	}
}

// Of GraphSense's taxonomy and of the tag files in use, all of them.
// clang-format off
static const char *const names[] = {
    "concept", "entity", "abuse", "behaviour", "source", "item", "user", "organization",
    "service", "exchange", "wallet_service", "escrow_wallet", "ico_wallet", "cold_wallet",
    "hot_wallet", "warm_wallet", "mixing_service", "coinjoin", "miner", "mining_service",
    "gambling", "market", "shop", "faucet", "payment_processor", "atm", "donation", "hosting",
    "vpn", "filesharing", "messaging_service", "search_engine", "nameservice", "index", "defi",
    "defi_token", "defi_lending", "defi_dex", "defi_dex_pair", "defi_derivative", "defi_bridge",
    "defi_dao", "defi_staking", "defi_custody", "victim", "perpetrator", "scam",
    "financial_crime", "investment_fraud", "ponzi_scheme", "pyramid_scheme", "money_laundering",
    "extortion", "sextortion", "phishing", "hacking", "service_hack", "account_hack", "exploit",
    "data_breach", "social_engineering", "malware", "ransomware", "sanction", "drugs", "weapons",
    "payment_card_fraud", "counterfeit", "extremism", "terrorism", "terrorism_financing",
    "sexual_abuse", "child_sexual_abuse", "violence", "human_trafficking", "murder", "torture",
    "mixing", "white_usage", "gray_usage", "mention", "website_mention", "forum_mention",
    "dark_web", "unknown"};
// clang-format on

static void graphsense_names_are_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) concept(names[i]);
}

static void names_are_found_as_people_write_them(void **state)
{
	(void)state;
	assert_ptr_equal(concept("Mixing Service"), concept("mixing_service"));
	assert_ptr_equal(concept(" MIXING-SERVICE "), concept("mixing_service"));
	assert_null(dp_concept_find("black_list", 10));
	assert_null(dp_concept_find("", 0));
	assert_null(dp_concept_find(NULL, 0));
	assert_null(dp_concept_find("   ", 3));
	char longest[300];
	memset(longest, 'a', sizeof longest);
	assert_null(dp_concept_find(longest, sizeof longest));
	assert_null(dp_concept_find("exchange\0", 9));
}

static void custody_decides_what_stops(void **state)
{
	(void)state;
	static const char *const services[] = {
	    "exchange", "payment_processor", "wallet_service", "gambling", "market", "atm",
	    "service"};
	static const char *const follows[] = {
	    "user",       "perpetrator", "victim",   "defi_bridge", "defi_dex", "coinjoin",
	    "hot_wallet", "cold_wallet", "sanction", "ransomware",  "donation"};
	for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
		assert_int_equal(concept(services[i])->stop, DP_STOP_SERVICE);
	for (size_t i = 0; i < sizeof follows / sizeof follows[0]; i++)
		assert_int_equal(concept(follows[i])->stop, DP_FOLLOW);
	assert_int_equal(concept("mixing_service")->stop, DP_STOP_MIXER);
	assert_int_equal(concept("contract_mixer")->stop, DP_STOP_MIXER);
	// Silent about custody: the tag of the exchange beside them decides.
	assert_false(concept("hot_wallet")->decides);
	assert_false(concept("sanction")->decides);
	assert_true(concept("contract_mixer")->decides);
}

static void classes_of_risk_have_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < DP_CLASS_COUNT; i++) {
		const char *name = dp_risk_class_name((dp_risk_class)i);
		dp_risk_class back;
		assert_true(dp_risk_class_find(&back, name, strlen(name)));
		assert_int_equal(back, i);
	}
	dp_risk_class c;
	assert_false(dp_risk_class_find(&c, "harmless", 8));
	assert_int_equal(concept("sanction")->risk, DP_CLASS_SANCTION);
	assert_int_equal(concept("ransomware")->risk, DP_CLASS_EXTORTION);
	assert_int_equal(concept("service_hack")->risk, DP_CLASS_THEFT);
	assert_int_equal(concept("user")->risk, DP_CLASS_NONE);
	assert_int_equal(concept("coinjoin")->risk, DP_CLASS_MIXER);
}

static void confidence_is_a_level_or_a_number(void **state)
{
	(void)state;
	uint8_t value = 0;
	assert_true(dp_confidence_find(&value, "authority_data", 14) && value == 60);
	assert_true(dp_confidence_find(&value, "Override", 8) && value == 100);
	assert_true(dp_confidence_find(&value, "unknown", 7) && value == DP_CONFIDENCE_UNKNOWN);
	assert_true(dp_confidence_find(&value, "0", 1) && value == 0);
	assert_true(dp_confidence_find(&value, "100", 3) && value == 100);
	assert_false(dp_confidence_find(&value, "101", 3));
	assert_false(dp_confidence_find(&value, "-1", 2));
	assert_false(dp_confidence_find(&value, "5.5", 3));
	assert_false(dp_confidence_find(&value, "sure", 4));
	assert_false(dp_confidence_find(&value, "", 0));
	assert_string_equal(dp_confidence_name(100), "override");
	assert_string_equal(dp_confidence_name(59), "trusted_provider");
	assert_string_equal(dp_confidence_name(5), "unknown");
	assert_string_equal(dp_confidence_name(4), "");
	assert_true(dp_confidence_is_one(60) && dp_confidence_is_one(20));
	assert_false(dp_confidence_is_one(50) || dp_confidence_is_one(61));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_concept_has_its_parent),
	    cmocka_unit_test(graphsense_names_are_known),
	    cmocka_unit_test(names_are_found_as_people_write_them),
	    cmocka_unit_test(custody_decides_what_stops),
	    cmocka_unit_test(classes_of_risk_have_names),
	    cmocka_unit_test(confidence_is_a_level_or_a_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
