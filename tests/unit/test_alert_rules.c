// Rules of alerting: what is read, what is refused and where it stands, and what a rule wants.
// Covers: alert/rules.c alert/rules_sinks.c alert/rules_amounts.c alert/rules_match.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "alert/rules.h"
#include "base/mem.h"

// A folder with files of secrets.
static char folder[64];

static void put(const char *name, const char *bytes, size_t n)
{
	char path[128];
	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static const char *const files[] = {"good.key", "crlf.key", "empty.key", "line.key",
                                    "zero.key", "full.key", "long.key",  "pipe.key"};

static int make_folder(void **state)
{
	(void)state;
	char full[4097], path[128];
	memset(full, 'k', sizeof full);
	(void)snprintf(folder, sizeof folder, "/tmp/dyepack-test-rules-XXXXXX");
	assert_non_null(mkdtemp(folder));
	put("good.key", "s3cret\n", 7);
	put("crlf.key", "s3cret\r\n", 8);
	put("empty.key", "", 0);
	put("line.key", "\n", 1);
	put("zero.key", "a\0b", 3);
	put("full.key", full, 4096);
	put("long.key", full, 4097);
	(void)snprintf(path, sizeof path, "%s/pipe.key", folder);
	return mkfifo(path, 0600);
}

static int drop_folder(void **state)
{
	(void)state;
	char path[128];
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", folder, files[i]);
		(void)unlink(path);
	}
	return rmdir(folder);
}

static dp_alert_rules parse(const char *yaml)
{
	dp_alert_rules r = {0};
	dp_fault fault = {0};
	dp_code code = dp_alert_rules_parse(&r, yaml, strlen(yaml), folder, &fault);
	if (code != DP_OK) fail_msg("%u:%u: %s", fault.line, fault.column, fault.text);
	return r;
}

static void refused(const char *yaml, uint32_t line, uint32_t column, const char *says)
{
	dp_alert_rules r = {0};
	dp_fault fault = {0};
	int64_t live = dp_mem_live();
	assert_int_not_equal(dp_alert_rules_parse(&r, yaml, strlen(yaml), folder, &fault), DP_OK);
	if (strstr(fault.text, says) == NULL) fail_msg("'%s' lacks '%s'", fault.text, says);
	if (fault.line != line || fault.column != column)
		fail_msg("%u:%u, not %u:%u: %s", fault.line, fault.column, line, column,
		         fault.text);
	assert_null(r.rule);
	assert_null(strstr(fault.text, "s3cret"));
	assert_int_equal(dp_mem_live(), live);
}

// One rule in line 2, and one sink called desk in line 1 of a file.
#define RULE(keys) "sinks: {desk: {file: a}}\nrules: [{" keys "}]\n"
#define SINK(keys) "sinks: {desk: {" keys "}}\nrules: [{name: a, when: move, to: desk}]\n"

static void reads_all_kinds_of_sinks(void **state)
{
	(void)state;
	dp_alert_rules r = parse(
	    "sinks:\n"
	    "  desk: {webhook: \"https://desk.example/hook\", secret-file: good.key, "
	    "give-up: 2h, timeout: 500ms}\n"
	    "  chat: {slack: \"https://hooks.example/services/x\"}\n"
	    "  group: {telegram: \"https://api.example/bot1:A/sendMessage\", chat: \"-100\"}\n"
	    "  pager: {command: [./page, --loud], timeout: 30s}\n"
	    "  file: {file: alerts.jsonl}\n"
	    "  log: {syslog: local3}\n"
	    "  mail: {mail: [a@b.example, c@d.example], from: e@f.example, "
	    "sendmail: /bin/true}\n"
	    "rules: [{name: all, when: arrival, to: [desk, mail]}]\n");
	char path[128];
	assert_int_equal(r.sink_count, 7);
	assert_string_equal(r.sink[0].name, "desk");
	assert_int_equal(r.sink[0].kind, DP_SINK_WEBHOOK);
	assert_string_equal(r.sink[0].url, "https://desk.example/hook");
	assert_string_equal(r.sink[0].secret, "s3cret");
	assert_int_equal(r.sink[0].give_up_ms, 7200000);
	assert_int_equal(r.sink[0].timeout_ms, 500);
	assert_int_equal(r.sink[1].kind, DP_SINK_SLACK);
	assert_null(r.sink[1].secret);
	assert_int_equal(r.sink[1].timeout_ms, 10000);
	assert_int_equal(r.sink[1].give_up_ms, 86400000);
	assert_int_equal(r.sink[2].kind, DP_SINK_TELEGRAM);
	assert_string_equal(r.sink[2].chat, "-100");
	assert_int_equal(r.sink[3].kind, DP_SINK_COMMAND);
	assert_int_equal(r.sink[3].list_count, 2);
	(void)snprintf(path, sizeof path, "%s/./page", folder);
	assert_string_equal(r.sink[3].list[0], path);
	assert_string_equal(r.sink[3].list[1], "--loud");
	(void)snprintf(path, sizeof path, "%s/alerts.jsonl", folder);
	assert_string_equal(r.sink[4].path, path);
	assert_int_equal(r.sink[5].facility, LOG_LOCAL3);
	assert_int_equal(r.sink[6].list_count, 2);
	assert_string_equal(r.sink[6].from, "e@f.example");
	assert_string_equal(r.sink[6].path, "/bin/true");
	assert_int_equal(r.sink[6].timeout_ms, 30000);
	assert_int_equal(r.rule[0].route.sink_count, 2);
	assert_ptr_equal(r.rule[0].route.sink[1], r.sink[6].name);
	dp_alert_rules_done(&r);
}

static void refuses_sinks_that_cannot_be(void **state)
{
	(void)state;
	refused(SINK("webhok: \"http://a\""), 1, 16, "did you mean 'webhook'");
	refused(SINK("timeout: 5s"), 1, 15, "has one of webhook");
	refused(SINK("webhook: \"http://a\", file: b"), 1, 37, "has `webhook` already");
	refused(SINK("webhook: \"ftp://a\""), 1, 25, "");
	refused(SINK("webhook: \"http://\""), 1, 25, "");
	refused(SINK("webhook: \"http://a b/\""), 1, 25, "");
	refused(SINK("webhook: \"http://me:s3cret@a/\""), 1, 25, "login");
	refused(SINK("webhook: [a]"), 1, 25, "one word");
	refused(SINK("file: a, timeout: 5s"), 1, 25, "means nothing for this kind");
	refused(SINK("file: a, secret-file: good.key"), 1, 25, "means nothing for this kind");
	refused(SINK("file: a/"), 1, 22, "not of a folder");
	refused(SINK("telegram: \"http://a\""), 1, 15, "needs `chat`");
	refused(SINK("mail: a@b"), 1, 15, "needs `from`");
	refused(SINK("mail: \"-oQ/tmp@b\", from: a@b"), 1, 22, "an address of mail");
	refused(SINK("mail: \"a@b, c@d\", from: a@b"), 1, 22, "an address of mail");
	refused(SINK("syslog: deamon"), 1, 24, "did you mean 'daemon'");
	refused(SINK("command: []"), 1, 25, "a word or a list");
	refused(SINK("webhook: \"http://a\", timeout: 11m"), 1, 46, "between");
	refused(SINK("webhook: \"http://a\", timeout: 99ms"), 1, 46, "between");
	refused(SINK("webhook: \"http://a\", give-up: 9 h"), 1, 46, "a time is written");
	refused(SINK("webhook: \"http://a\", secret-file: none.key"), 1, 50, "cannot be read");
	refused(SINK("webhook: \"http://a\", secret-file: empty.key"), 1, 50, "is empty");
	refused(SINK("webhook: \"http://a\", secret-file: line.key"), 1, 50, "is empty");
	refused(SINK("webhook: \"http://a\", secret-file: zero.key"), 1, 50, "byte of zero");
	refused(SINK("webhook: \"http://a\", secret-file: long.key"), 1, 50, "4096 bytes");
	refused(SINK("webhook: \"http://a\", secret-file: pipe.key"), 1, 50, "plain file");
	refused(SINK("webhook: \"http://a\", secret-file: ."), 1, 50, "plain file");
	refused("sinks: {\"a b\": {file: a}}\nrules: []\n", 1, 9, "a sink's name");
	refused("sinks: [a]\nrules: []\n", 1, 8, "is a map");
	refused("sinks: {a: b}\nrules: []\n", 1, 12, "is a map");
}

static void a_secret_ends_before_its_new_line(void **state)
{
	(void)state;
	dp_alert_rules r = parse(SINK("webhook: \"http://a\", secret-file: crlf.key"));
	assert_string_equal(r.sink[0].secret, "s3cret");
	dp_alert_rules_done(&r);
	r = parse(SINK("webhook: \"http://a\", secret-file: full.key"));
	assert_int_equal(strlen(r.sink[0].secret), 4096);
	dp_alert_rules_done(&r);
}

static void reads_every_key_of_a_rule(void **state)
{
	(void)state;
	dp_alert_rules r = parse(
	    "sinks: {desk: {file: a}}\n"
	    "rules:\n"
	    "- {name: a, when: arrival, severity: high, cases: [\"bybit-*\", x], categories: "
	    "exchange, services: [\"Binance*\"], min: [\"100 eth\"], only-listed: true, pending: "
	    "false, to: []}\n"
	    "- {name: b, when: wake, dormant: 30d, group: 90s, throttle: {within: 10m, burst: 5}, "
	    "to: desk}\n"
	    "- {name: c, when: link, kinds: [bridge, mixer], first: yes, to: desk}\n"
	    "- {name: d, when: watched, to: desk, addresses: "
	    "[\"ethereum:0x47666fab8bd0ac7003bce3f5c3585383f09486e2\", "
	    "\"0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2\", "
	    "\"eip155:1:0x47666fab8bd0ac7003bce3f5c3585383f09486e2\", "
	    "bc1qlu4a33zjspefa3tnq566xszcr0fvwz05ewhqfq]}\n"
	    "- {name: e, when: move, to: desk, group: 0}\n");
	assert_int_equal(r.rule_count, 5);
	assert_int_equal(r.rule[0].when, DP_WHEN_ARRIVAL);
	assert_string_equal(r.rule[0].severity, "high");
	assert_int_equal(r.rule[0].case_count, 2);
	assert_true(r.rule[0].min_only);
	assert_false(r.rule[0].pending);
	assert_int_equal(r.rule[0].route.sink_count, 0);
	assert_int_equal(r.rule[0].line, 3);
	assert_int_equal(r.rule[1].dormant_s, 30 * 86400);
	assert_int_equal(r.rule[1].route.group_ms, 90000);
	assert_int_equal(r.rule[1].route.burst, 5);
	assert_int_equal(r.rule[1].route.burst_ms, 600000);
	assert_string_equal(r.rule[1].severity, "medium");
	assert_false(r.rule[1].pending);
	assert_true(r.rule[2].first);
	assert_int_equal(r.rule[2].kind_count, 2);
	assert_int_equal(r.rule[3].address_count, 4);
	assert_ptr_equal(r.rule[3].address[0].chain, dp_chain_find("ethereum", 8));
	assert_null(r.rule[3].address[1].chain);
	assert_true(dp_addr_eq(&r.rule[3].address[0].addr, &r.rule[3].address[1].addr));
	assert_ptr_equal(r.rule[3].address[2].chain, dp_chain_find("ethereum", 8));
	assert_int_equal(r.rule[3].address[3].addr.kind, DP_ADDR_P2WPKH);
	assert_true(r.rule[3].pending);
	assert_true(r.rule[4].pending);
	assert_int_equal(r.rule[4].route.group_ms, 0);
	dp_alert_rules_done(&r);
}

static void refuses_rules_that_cannot_be(void **state)
{
	(void)state;
	refused("", 1, 1, "has no `rules`");
	refused("rules: []\n", 1, 8, "at least one");
	refused("rulez: []\n", 1, 1, "did you mean 'rules'");
	refused("rules: [a]\n", 1, 9, "a rule is a map");
	refused("[a]", 1, 1, "a map");
	refused("rules: [{a: 1, a: 2}]", 1, 16, "");
	refused(RULE("when: move, to: desk"), 2, 9, "no `name`");
	refused(RULE("name: a, to: desk"), 2, 9, "no `when`");
	refused(RULE("name: a, when: arival, to: desk"), 2, 25, "did you mean 'arrival'");
	refused(RULE("name: a, when: move, too: desk"), 2, 31, "did you mean 'to'");
	refused(RULE("name: a, when: move"), 2, 9, "does not say where");
	refused(RULE("name: a, when: move, to: dsk"), 2, 35, "did you mean 'desk'");
	refused(RULE("name: a, when: move, to: [desk, desk]"), 2, 42, "named twice");
	refused(RULE("name: a, when: move, to: desk, severity: hihg"), 2, 51,
	        "did you mean 'high'");
	refused(RULE("name: a, when: move, to: desk}, {name: a, when: wake, dormant: 1d, to: desk"),
	        2, 42, "in line 2");
	refused(RULE("name: \"a\\u001bb\", when: move, to: desk"), 2, 16, "control character");
	refused(RULE("name: a, when: move, to: desk, kinds: [mixer]"), 2, 41,
	        "`kinds` means nothing in a rule with `when: move`");
	refused(RULE("name: a, when: finding, to: desk, min: [1 eth]"), 2, 44, "means nothing");
	refused(RULE("name: a, when: link, to: desk, pending: true"), 2, 41, "means nothing");
	refused(RULE("name: a, when: move, to: desk, dormant: 3d"), 2, 41, "means nothing");
	refused(RULE("name: a, when: move, to: desk, addresses: [a]"), 2, 41, "means nothing");
	refused(RULE("name: a, when: watched, to: desk, cases: [a], addresses: [a]"), 2, 44,
	        "means nothing");
	refused(RULE("name: a, when: watched, to: desk"), 2, 9, "needs `addresses`");
	refused(RULE("name: a, when: wake, to: desk"), 2, 9, "needs `dormant");
	refused(RULE("name: a, when: wake, to: desk, dormant: 30"), 2, 50, "a time is written");
	refused(RULE("name: a, when: wake, to: desk, dormant: 0"), 2, 50, "between");
	refused(RULE("name: a, when: wake, to: desk, dormant: 99999999999d"), 2, 50, "between");
	refused(RULE("name: a, when: link, to: desk, kinds: [brige]"), 2, 49,
	        "did you mean 'bridge'");
	refused(RULE("name: a, when: finding, to: desk, kinds: [bridge]"), 2, 52,
	        "no kind of finding");
	refused(RULE("name: a, when: freeze, to: desk, kinds: [froze]"), 2, 51, "'frozen'");
	refused(RULE("name: a, when: arrival, to: desk, categories: [exchnge]"), 2, 57,
	        "did you mean 'exchange'");
	refused(RULE("name: a, when: move, to: desk, cases: [\"by bit\"]"), 2, 49,
	        "no case can be");
	refused(RULE("name: a, when: move, to: desk, only-listed: true"), 2, 9, "needs a list");
	refused(RULE("name: a, when: move, to: desk, pending: maybe"), 2, 50, "true or false");
	refused(RULE("name: a, when: move, to: desk, group: 25h"), 2, 48, "between");
	refused(RULE("name: a, when: move, to: desk, throttle: 5"), 2, 51, "is written {burst");
	refused(RULE("name: a, when: move, to: desk, throttle: {burst: 5}"), 2, 51, "needs both");
	refused(RULE("name: a, when: move, to: desk, throttle: {burst: 0, within: 1m}"), 2, 59,
	        "from 1 to 1000");
	refused(RULE("name: a, when: move, to: desk, throttle: {brust: 5, within: 1m}"), 2, 52,
	        "did you mean 'burst'");
}

static void refuses_amounts_and_addresses_that_cannot_be(void **state)
{
	(void)state;
#define MIN(text) RULE("name: a, when: move, to: desk, min: [" text "]")
	refused(MIN("100eth"), 2, 47, "is written \"100 eth\"");
	refused(MIN("\"1,5 eth\""), 2, 47, "");
	refused(MIN("\"-1 eth\""), 2, 47, "");
	refused(MIN("\"1e3 eth\""), 2, 47, "");
	refused(MIN("0 eth"), 2, 47, "zero");
	refused(MIN("1 etth"), 2, 47, "did you mean");
	refused(MIN("1 zzzzzzzzz"), 2, 47, "by its contract");
	refused(MIN("0.0000001 usdt"), 2, 47, "");
	refused(MIN("1 eth, 2 ETH"), 2, 54, "already");
	refused(MIN("\"1 etherum:usdt\""), 2, 47, "did you mean 'ethereum'");
	refused(MIN("\"1 etherum/x:usdt\""), 2, 47, "is not known");
	refused(MIN("\"1 ethereum:0x47666fab8bd0ac7003bce3f5c3585383f09486e2\""), 2, 47, "");
	refused(MIN("999999999999999999999999999999999999999999999999999999999999999999999999 eth"),
	        2, 47, "");
	refused(MIN("[a]"), 2, 47, "one word");
#define WATCH(text) RULE("name: a, when: watched, to: desk, addresses: [" text "]")
	refused(WATCH("0x47666Fab8bd0Ac7003bce3f5C3585383F09486E3"), 2, 56, "");
	refused(WATCH("0x47"), 2, 56, "");
	refused(WATCH("hello"), 2, 56, "");
	refused(WATCH("\"etherum:0x47666fab8bd0ac7003bce3f5c3585383f09486e2\""), 2, 56,
	        "did you mean 'ethereum'");
	refused(WATCH("\"bitcoin:0x47666fab8bd0ac7003bce3f5c3585383f09486e2\""), 2, 56, "");
	refused(WATCH(""), 2, 55, "is a list");
}

static bool wants(const dp_alert_rules *r, const char *chain, const char *symbol, const char *units)
{
	dp_u256 n;
	const dp_chain *c = dp_chain_find(chain, strlen(chain));
	dp_asset a = dp_asset_by_symbol(c, symbol, strlen(symbol));
	assert_int_not_equal(a.v, 0);
	assert_int_equal(dp_u256_parse(&n, units, strlen(units), 0, NULL), DP_OK);
	return dp_alert_rule_wants_amount(&r->rule[0], a, n);
}

static void amounts_are_exact_in_each_assets_units(void **state)
{
	(void)state;
	dp_alert_rules r = parse(MIN("\"1.5 eth\", \"2.50000001 btc\", \"1000 usdt\""));
	assert_true(wants(&r, "ethereum", "eth", "1500000000000000000"));
	assert_false(wants(&r, "ethereum", "eth", "1499999999999999999"));
	// Ether on a rollup is ether.
	assert_false(wants(&r, "arbitrum", "eth", "1499999999999999999"));
	assert_true(wants(&r, "bitcoin", "btc", "250000001"));
	assert_false(wants(&r, "bitcoin", "btc", "250000000"));
	// The same dollar, with 6 decimals here and 18 there.
	assert_true(wants(&r, "ethereum", "usdt", "1000000000"));
	assert_false(wants(&r, "ethereum", "usdt", "999999999"));
	assert_true(wants(&r, "bsc", "usdt", "1000000000000000000000"));
	assert_false(wants(&r, "bsc", "usdt", "1000000000"));
	// What is not listed is told.
	assert_true(wants(&r, "ethereum", "usdc", "1"));
	dp_alert_rules_done(&r);
	r = parse(RULE("name: a, when: move, to: desk, only-listed: true, min: "
	               "[\"1 ethereum:usdt\", \"1 eip155:1/slip44:60\"]"));
	assert_int_equal(r.rule[0].min_count, 2);
	assert_false(wants(&r, "ethereum", "usdc", "999999999999"));
	assert_false(wants(&r, "bsc", "usdt", "1000000000000000000000"));
	assert_true(wants(&r, "ethereum", "usdt", "1000000"));
	assert_true(wants(&r, "ethereum", "eth", "1000000000000000000"));
	dp_alert_rules_done(&r);
}

static void patterns_match_as_file_names_do(void **state)
{
	(void)state;
	assert_true(dp_alert_rule_matches("*", ""));
	assert_true(dp_alert_rule_matches("", ""));
	assert_false(dp_alert_rule_matches("", "a"));
	assert_false(dp_alert_rule_matches("?", ""));
	assert_true(dp_alert_rule_matches("bybit-*", "bybit-2025-02"));
	assert_true(dp_alert_rule_matches("*-02", "bybit-2025-02-02"));
	assert_true(dp_alert_rule_matches("a*b?c*d", "axxbxbycccd"));
	assert_false(dp_alert_rule_matches("a*b?c*d", "axxbxbyccce"));
	assert_false(dp_alert_rule_matches("Bybit", "bybit"));
	assert_false(dp_alert_rule_matches("a?", "a"));
	// No explosion: this would take for ever with a naive recursion.
	char pattern[201], text[5001];
	for (int i = 0; i < 200; i += 2) memcpy(pattern + i, "*a", 2);
	pattern[200] = 0;
	memset(text, 'a', 5000);
	text[4999] = 'b';
	text[5000] = 0;
	assert_false(dp_alert_rule_matches(pattern, text));
}

static void a_rule_wants_what_it_names(void **state)
{
	(void)state;
	dp_alert_rules r = parse(RULE("name: a, when: arrival, to: desk, cases: [\"by*\"], "
	                              "categories: [exchange, abuse], services: [\"binance*\"]"));
	const dp_alert_rule *a = &r.rule[0];
	assert_true(dp_alert_rule_wants_case(a, "bybit"));
	assert_false(dp_alert_rule_wants_case(a, "ronin"));
	assert_true(dp_alert_rule_wants_category(a, "exchange"));
	assert_true(dp_alert_rule_wants_category(a, "Exchange"));
	assert_true(dp_alert_rule_wants_category(a, "ransomware")); // below `abuse`
	assert_false(dp_alert_rule_wants_category(a, "service"));
	assert_false(dp_alert_rule_wants_category(a, "no such thing"));
	assert_false(dp_alert_rule_wants_category(a, NULL));
	assert_true(dp_alert_rule_wants_service(a, "Binance 14", NULL));
	assert_true(dp_alert_rule_wants_service(a, NULL, "binance"));
	assert_false(dp_alert_rule_wants_service(a, "OKX", ""));
	assert_false(dp_alert_rule_wants_service(a, NULL, NULL));
	dp_alert_rules_done(&r);
	r = parse(RULE("name: a, when: link, to: desk"));
	assert_true(dp_alert_rule_wants_kind(&r.rule[0], "bridge"));
	assert_false(dp_alert_rule_wants_kind(&r.rule[0], "swap"));
	assert_true(dp_alert_rule_wants_case(&r.rule[0], "any"));
	assert_true(dp_alert_rule_wants_category(&r.rule[0], NULL));
	assert_true(dp_alert_rule_wants_service(&r.rule[0], NULL, NULL));
	dp_alert_rules_done(&r);
	r = parse(RULE("name: a, when: link, to: desk, kinds: swap"));
	assert_true(dp_alert_rule_wants_kind(&r.rule[0], "swap"));
	assert_false(dp_alert_rule_wants_kind(&r.rule[0], "bridge"));
	dp_alert_rules_done(&r);
}

static void there_are_rules_without_a_file(void **state)
{
	(void)state;
	dp_alert_rules r;
	dp_fault fault = {0};
	assert_int_equal(dp_alert_rules_default(&r, NULL, NULL, &fault), DP_OK);
	assert_int_equal(r.rule_count, 4);
	assert_int_equal(r.sink_count, 0);
	assert_int_equal(r.rule[0].route.sink_count, 0);
	dp_alert_rules_done(&r);
	assert_int_equal(dp_alert_rules_default(&r, "http://127.0.0.1:9/x", "key", &fault), DP_OK);
	assert_int_equal(r.sink_count, 1);
	assert_string_equal(r.sink[0].secret, "key");
	assert_string_equal(r.rule[3].route.sink[0], "webhook");
	assert_int_equal(r.rule[3].route.burst, 20);
	dp_alert_rules_done(&r);
	assert_int_not_equal(dp_alert_rules_default(&r, "gopher://a", NULL, &fault), DP_OK);
	assert_int_not_equal(dp_alert_rules_default(&r, "http://me:pw@a", NULL, &fault), DP_OK);
}

// Tests run in the project's root.
static void the_rules_that_ship_are_good(void **state)
{
	(void)state;
	dp_alert_rules r;
	dp_fault fault = {0};
	char text[16384];
	FILE *f = fopen("rules/example.yaml", "rb");
	assert_non_null(f);
	size_t n = fread(text, 1, sizeof text, f);
	(void)fclose(f);
	assert_true(n > 0 && n < sizeof text);
	if (dp_alert_rules_parse(&r, text, n, "rules", &fault) != DP_OK)
		fail_msg("%u:%u: %s", fault.line, fault.column, fault.text);
	assert_true(r.rule_count >= 5 && r.sink_count >= 2);
	assert_string_equal(r.sink[0].path, "rules/alerts.jsonl");
	dp_alert_rules_done(&r);
}

static void memory_may_run_out_anywhere(void **state)
{
	(void)state;
	const char *yaml =
	    "sinks: {desk: {webhook: \"http://a\", secret-file: good.key}, p: {command: [./a, "
	    "b]}}\n"
	    "rules: [{name: a, when: arrival, to: [desk, p], cases: [a, b], min: [1 eth, 1 btc]}, "
	    "{name: b, when: watched, to: desk, addresses: "
	    "[0x47666fab8bd0ac7003bce3f5c3585383f09486e2]}]\n";
	int64_t live = dp_mem_live();
	for (int64_t n = 0; n < 1000; n++) {
		dp_alert_rules r;
		dp_fault fault = {0};
		dp_mem_fail_after(n);
		dp_code code = dp_alert_rules_parse(&r, yaml, strlen(yaml), folder, &fault);
		if (code == DP_OK) code = (dp_alert_rules_done(&r), DP_OK);
		dp_code other = dp_alert_rules_default(&r, "http://a", "k", NULL);
		if (other == DP_OK) dp_alert_rules_done(&r);
		dp_mem_fail_after(-1);
		assert_int_equal(dp_mem_live(), live);
		if (code == DP_OK && other == DP_OK) return;
		assert_true(code == DP_OK || code == DP_NO_MEMORY);
		assert_true(other == DP_OK || other == DP_NO_MEMORY);
	}
	fail_msg("it never was enough");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_all_kinds_of_sinks),
	    cmocka_unit_test(refuses_sinks_that_cannot_be),
	    cmocka_unit_test(a_secret_ends_before_its_new_line),
	    cmocka_unit_test(reads_every_key_of_a_rule),
	    cmocka_unit_test(refuses_rules_that_cannot_be),
	    cmocka_unit_test(refuses_amounts_and_addresses_that_cannot_be),
	    cmocka_unit_test(amounts_are_exact_in_each_assets_units),
	    cmocka_unit_test(patterns_match_as_file_names_do),
	    cmocka_unit_test(a_rule_wants_what_it_names),
	    cmocka_unit_test(there_are_rules_without_a_file),
	    cmocka_unit_test(the_rules_that_ship_are_good),
	    cmocka_unit_test(memory_may_run_out_anywhere),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
