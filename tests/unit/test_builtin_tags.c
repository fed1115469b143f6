// The built-in tags: read without a complaint, every address carries its checksum, and contracts
// that mix do not stop a trace whatever other lists call them, while mixers with custody do.
// Covers: tag/index_load.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tag/builtin.h"
#include "tag/index.h"

static dp_code leave_out(void *context, const dp_fault *what, bool is_warning, dp_fault *fault)
{
	(void)context;
	(void)what;
	(void)is_warning;
	(void)fault;
	return DP_OK;
}

static dp_tags *load(const char *path)
{
	dp_tags *t;
	dp_fault fault = {0};
	dp_tags_options o = {.path = &path,
	                     .path_count = path == NULL ? 0 : 1,
	                     .now = 1700000000,
	                     .complain = leave_out};
	if (dp_tags_load(&t, &o, &fault) != DP_OK) fail_msg("%s: %s", fault.file, fault.text);
	return t;
}

static bool shared_path(char out[512], const char *name)
{
	const char *shared = getenv("DYEPACK_SHARED");
	snprintf(out, 512, "%s/data/labels/%s", shared == NULL ? "../shared" : shared, name);
	if (access(out, R_OK) == 0) return true;
	print_message("skipped: %s is not there\n", out);
	return false;
}

static dp_place place(const char *text, const char *network)
{
	dp_place p;
	assert_int_equal(
	    dp_place_parse(&p, text, strlen(text), dp_network_find(network, strlen(network)), NULL),
	    DP_OK);
	return p;
}

// The stop at an address; DP_FOLLOW where there is none.
static uint8_t stop_at(const dp_tags *t, const dp_place *p)
{
	dp_tag_stop stop;
	return dp_tags_stop(t, &stop, &p->addr, dp_network_at(p->network)) ? stop.stop : DP_FOLLOW;
}

// Not only right where it is mixed: every address that has letters is in mixed case, so that a
// typing mistake cannot hide.
static void every_address_carries_its_checksum(void **state)
{
	(void)state;
	unsigned count = 0;
	for (uint32_t i = 0; i < dp_builtin_file_count; i++) {
		const char *at = dp_builtin_files[i].text;
		assert_int_equal(strlen(at), dp_builtin_files[i].size);
		for (; (at = strstr(at, "address: '0x")) != NULL; at++) {
			char out[DP_PLACE_TEXT_MAX];
			const char *hex = at + strlen("address: '");
			size_t n = strspn(hex, "0123456789abcdefABCDEFx");
			char text[DP_PLACE_TEXT_MAX];
			assert_int_equal(n, 42);
			memcpy(text, hex, n);
			text[n] = 0;
			dp_place p = place(text, "ETH");
			dp_place_format(out, &p);
			assert_string_equal(out, text);
			count++;
		}
	}
	assert_true(count > 150);
}

static bool check_place(void *context, const dp_addr *addr, const dp_tag_record *tag,
                        uint32_t count)
{
	const dp_tags *t = context;
	assert_true(addr->kind != DP_ADDR_NONE);
	for (uint32_t i = 0; i < count; i++) {
		assert_true((tag[i].flags & DP_TAGF_BUILTIN) != 0);
		assert_int_not_equal(tag[i].network, 0);
		assert_int_not_equal(tag[i].concept, 0);
		assert_true(tag[i].confidence >= 50);
		assert_true(strlen(dp_tags_text(t, tag[i].label)) > 2);
		assert_non_null(strstr(dp_tags_text(t, tag[i].source), "https://"));
		assert_non_null(strstr(dp_tags_text(t, tag[i].list), "dyepack built-in"));
	}
	return true;
}

static void every_tag_has_a_source_and_a_known_category(void **state)
{
	(void)state;
	dp_tags *t = load(NULL);
	assert_true(dp_tags_count(t) > 200);
	dp_tags_each(t, check_place, t);
	dp_tags_free(t);
}

static void mixers_stop_be_they_contracts_or_not_and_bridges_do_not(void **state)
{
	(void)state;
	dp_tags *t = load(NULL);
	dp_place pool = place("0xA160cdAB225685dA1d56aa342Ad8841c3b53f291", "ETH");
	dp_place railgun = place("0xFA7093CDD9EE6932B4eb2c9e1cde7CE00B1FA4b9", "ETH");
	dp_place bridge = place("0xD37BbE5744D730a1d98d8DC97c42F0Ca46aD7146", "ETH");
	dp_place sinbad = place("1JHdQHkBZiim1cb4hyUh2PbzEbbg6z2TrF", "BTC");
	dp_place blender = place("3NDzzVxiLBUs1WPvVGRfCYDTAD2Ua2PvW4", "BTC");
	dp_place chips = place("1LAScEFHGkfpyjtFzA4g9283JmL2cYR9Tx", "BTC");
	dp_place wasabi = place("bc1qs604c7jv6amk4cxqlnvuxv26hv3e48cds4m0ew", "BTC");
	assert_int_equal(stop_at(t, &pool), DP_STOP_MIXER);
	assert_int_equal(stop_at(t, &railgun), DP_STOP_MIXER);
	assert_int_equal(stop_at(t, &bridge), DP_FOLLOW);
	assert_int_equal(stop_at(t, &wasabi), DP_FOLLOW);
	assert_int_equal(stop_at(t, &sinbad), DP_STOP_MIXER);
	assert_int_equal(stop_at(t, &blender), DP_STOP_MIXER);
	assert_int_equal(stop_at(t, &chips), DP_STOP_MIXER);
	uint32_t count;
	const dp_tag_record *tag = dp_tags_find(t, &pool.addr, &count);
	assert_int_equal(count, 1);
	assert_int_equal(tag->risk, DP_CLASS_MIXER);
	// A contract of one network says nothing of the same bytes on another.
	assert_int_equal(dp_tags_match(tag, dp_network_find("BASE", 4)), DP_MATCH_NONE);
	dp_tags_free(t);
}

// GraphSense's own pack calls all of Tornado Cash a mixing service with an authority's confidence.
static void the_built_in_word_on_tornado_agrees_with_a_pack(void **state)
{
	(void)state;
	char path[512], line[512];
	if (!shared_path(path, "tagpacks/tornado_cash.yaml")) {
		skip();
		return;
	}
	dp_tags *t = load(path);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	unsigned count = 0;
	while (fgets(line, sizeof line, f) != NULL) {
		const char *at = strstr(line, "0x");
		if (at == NULL) continue;
		char text[43];
		snprintf(text, sizeof text, "%.42s", at);
		dp_place p = place(text, "ETH");
		uint32_t tags;
		const dp_tag_record *tag = dp_tags_find(t, &p.addr, &tags);
		bool is_stop_elsewhere = false;
		for (uint32_t i = 0; i < tags; i++)
			is_stop_elsewhere |= tag[i].stop == DP_STOP_MIXER;
		assert_true(is_stop_elsewhere);
		assert_int_equal(stop_at(t, &p), DP_STOP_MIXER);
		count++;
	}
	fclose(f);
	assert_true(count >= 38);
	dp_tags_free(t);
}

static bool count_fbi(void *context, const dp_addr *addr, const dp_tag_record *tag, uint32_t count)
{
	(void)addr;
	for (uint32_t i = 0; i < count; i++) {
		// 2025-02-26, the day of the announcement.
		if (tag[i].first_seen != 20145) continue;
		assert_int_equal(tag[i].risk, DP_CLASS_THEFT);
		assert_int_equal(tag[i].stop, DP_FOLLOW);
		assert_int_equal(dp_tags_dated(&tag[i], INT64_C(20144) * 86400), DP_DATED_NOT_YET);
		++*(unsigned *)context;
	}
	return true;
}

static void all_addresses_that_the_fbi_named_are_thieves(void **state)
{
	(void)state;
	dp_tags *t = load(NULL);
	unsigned count = 0;
	dp_tags_each(t, count_fbi, &count);
	assert_int_equal(count, 51);
	dp_tags_free(t);
}

static void wannacry_is_known_from_the_ransomware_pack(void **state)
{
	(void)state;
	static const char *const addresses[] = {"13AM4VW2dhxYgXeQepoHkHSQuy6NgaEb94",
	                                        "12t9YDPgwueZ9NyMgw519p7AA8isjr6SMw",
	                                        "115p7UMMngoj1pMvkpHijcRdfJNXj6LrLn"};
	char path[512];
	if (!shared_path(path, "tagpacks/ransomware.yaml")) {
		skip();
		return;
	}
	dp_tags *t = load(path);
	for (size_t i = 0; i < 3; i++) {
		dp_place p = place(addresses[i], "BTC");
		uint32_t count;
		const dp_tag_record *tag = dp_tags_find(t, &p.addr, &count);
		assert_true(count > 0);
		assert_int_equal(tag->risk, DP_CLASS_EXTORTION);
		assert_int_equal(stop_at(t, &p), DP_FOLLOW);
	}
	dp_tags_free(t);
}

static void no_memory_is_told_and_leaks_nothing(void **state)
{
	(void)state;
	int64_t live = dp_mem_live();
	dp_tags_options o = {0};
	// Every early allocation, then a few of the many.
	for (int64_t n = 0; n < 3000; n += n < 100 ? 1 : 97) {
		dp_tags *t = NULL;
		dp_mem_fail_after(n);
		dp_code code = dp_tags_load(&t, &o, NULL);
		dp_mem_fail_after(-1);
		assert_true(code == DP_OK || code == DP_NO_MEMORY);
		if (code == DP_OK) dp_tags_free(t);
		assert_int_equal(dp_mem_live(), live);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_address_carries_its_checksum),
	    cmocka_unit_test(every_tag_has_a_source_and_a_known_category),
	    cmocka_unit_test(mixers_stop_be_they_contracts_or_not_and_bridges_do_not),
	    cmocka_unit_test(the_built_in_word_on_tornado_agrees_with_a_pack),
	    cmocka_unit_test(all_addresses_that_the_fbi_named_are_thieves),
	    cmocka_unit_test(wannacry_is_known_from_the_ransomware_pack),
	    cmocka_unit_test(no_memory_is_told_and_leaks_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
