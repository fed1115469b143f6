// URLs: what is taken, what is refused, and what may be shown: never a part of login, path, query.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "source/source.h"
#include "source/url.h"

static void test_only_http_and_https_are_urls(void **state)
{
	(void)state;
	assert_true(dp_url_is("http://node:8545"));
	assert_true(dp_url_is("HTTPS://x"));
	assert_false(dp_url_is("http:/x"));
	assert_false(dp_url_is("ftp://x"));
	assert_false(dp_url_is("blocks/http://x"));
	assert_false(dp_url_is(""));
}

static void test_what_is_shown(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
	    {"http://node:8332", "http://node:8332"},
	    {"http://node:8332/", "http://node:8332"},
	    {"HTTP://Node", "http://Node"},
	    {"http://user:word@node:8332/", "http://...@node:8332"},
	    {"https://mainnet.infura.io/v3/KEY", "https://mainnet.infura.io/..."},
	    {"https://node?key=KEY", "https://node/..."},
	    {"https://node#KEY", "https://node/..."},
	    {"http://u:w@[::1]:8545/KEY?KEY#KEY", "http://...@[::1]:8545/..."},
	    // What is no URL after all might be a login in its wrong place.
	    {"http://user:12/word@node:8332", "http://..."},
	    {"http://user:word", "http://..."},
	    {"https://KEY KEY/", "https://..."},
	    {"http://", "http://..."},
	    {"dump/blocks.csv", "dump/blocks.csv"},
	    {"a@b:c/d?e", "a@b:c/d?e"},
	    // With the name of a kind before it, in any writing.
	    {"evm-rpc:http://user:PASSWORD99@host:1/v3/KEY", "evm-rpc:http://...@host:1/..."},
	    {"bitcoin-rpc:https://host/KEY", "bitcoin-rpc:https://host/..."},
	    {"evm_rpc:https://u:p@h/KEY", "evm_rpc:https://...@h/..."},
	    {"EVM-RPC:HTTP://h?KEY", "EVM-RPC:http://h/..."},
	    {"etl:http://h/KEY", "etl:http://h/..."},
	    {"secret:http://h/KEY", "..."},
	    {"csv:evm-rpc:http://h/KEY", "..."},
	    {"user:word@http://h/KEY", "..."},
	    // Mistyped: nobody knows any more what is what.
	    {"wss://host/v3/KEY", "wss://host/..."},
	    {"htp://u:w@host/v3/KEY", "htp://...@host/..."},
	    {"htp://u:w/x@host/v3/KEY", "htp://..."},
	    {"4ttp://host/v3/KEY", "..."},
	    {"mysecretscheme://host", "..."},
	    {"://KEY@host", "..."},
	    {"http:/u:w@h/p://KEY", "..."},
	    {"evm-rpc:http://h:8545,http://u:w@h", "evm-rpc:http://..."},
	    {"http:/u:w@host/KEY", "http:..."},
	    {"https:u:w@host/KEY", "https:...@host/..."},
	    {"evm-rpc:http:/host/KEY", "evm-rpc:http:..."},
	    {"evm-rpc:u:w@host:8545/KEY", "evm-rpc:...@host:8545/..."},
	    {"evm-rpc:node:8545", "evm-rpc:node:8545"},
	    {"evm-rpc:", "evm-rpc:..."},
	    // Files.
	    {"csv:/data/a:b/c@d.csv", "csv:/data/a:b/c@d.csv"},
	    {"httpd.csv:old", "httpd.csv:old"},
	    {"https", "https"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char out[DP_URL_SHOWN_MAX];
		size_t n = dp_url_show(out, rows[i][0]);
		assert_string_equal(out, rows[i][1]);
		assert_int_equal(n, strlen(out));
	}
	char longest[1000], out[DP_URL_SHOWN_MAX];
	memset(longest, 'x', sizeof longest);
	longest[999] = 0;
	assert_int_equal(dp_url_show(out, longest), DP_URL_SHOWN_MAX - 1);
	memcpy(longest, "http://", 7);
	assert_int_equal(dp_url_show(out, longest), strlen("http://..."));
}

// splitmix64: the same on every machine, so that a seed is a test.
static uint32_t below(uint64_t *io_state, uint32_t n)
{
	uint64_t z = *io_state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ (z >> 31)) % n);
}

// A secret of 4 to 12 characters that begins with a capital S, as no other part of a URL does.
static void make_secret(char out[16], uint64_t *io_state)
{
	static const char any[] = "SSabz019-._~!$&'()*+,;=:@/?#% \\\x01\xff\"[]://";
	uint32_t n = 4 + below(io_state, 9);
	memset(out, 0, 16);
	for (uint32_t i = 0; i < n; i++)
		out[i] = i % 4 == 0 ? 'S' : any[below(io_state, sizeof any - 1)];
}

// Every secret begins with "S" and has one at each fourth place: of any four characters of it that
// are shown, one is an S.
static void test_no_part_of_a_secret_is_shown(void **state)
{
	(void)state;
	static const char *const starts[] = {"http://",         "https://",
	                                     "HTTP://",         "evm-rpc:http://",
	                                     "wss://",          "bitcoin-rpc:https://",
	                                     "htp://",          "evm_rpc:https://",
	                                     "http:/",          "x:http://",
	                                     "bitcoin-rpc:",    "://",
	                                     "evm-rpc:htts://", "evm-rpc:evm-rpc:http://"};
	static const char *const hosts[] = {"node", "10.0.0.1:8545", "[::1]:1", "", "a.b:", "n:x"};
	uint64_t rng = 4242;
	for (int i = 0; i < 200000; i++) {
		char secret[5][16], url[200], shown[DP_URL_SHOWN_MAX];
		for (int k = 0; k < 5; k++) make_secret(secret[k], &rng);
		uint32_t has = 1 + below(&rng, 31); // which parts there are
		const char *host = hosts[below(&rng, sizeof hosts / sizeof *hosts)];
		// Where no '@' and no '/' stand between, nobody can tell a secret from a host.
		snprintf(url, sizeof url, "%s%s%s%s%s%s%s%s%s%s%s%s",
		         starts[below(&rng, sizeof starts / sizeof *starts)],
		         has & 3 ? secret[0] : "", has & 2 ? ":" : "", has & 2 ? secret[1] : "",
		         has & 3 ? "@" : "", host, has & 4 ? "/v3/" : "", has & 4 ? secret[2] : "",
		         has & 8 ? "?key=" : "", has & 8 ? secret[3] : "", has & 16 ? "#" : "",
		         has & 16 ? secret[4] : "");
		dp_url_show(shown, url);
		if (strchr(shown, 'S') != NULL) fail_msg("%s is shown as %s", url, shown);
	}
}

static void assert_parts(const char *text, const char *without, const char *name, const char *login)
{
	dp_url url;
	dp_fault fault;
	char *got;
	assert_int_equal(dp_url_split(&url, text, &fault), DP_OK);
	assert_int_equal(dp_url_without_login(&got, &url, &fault), DP_OK);
	assert_string_equal(got, without);
	dp_free(got);
	assert_int_equal(dp_url_name(&got, &url, &fault), DP_OK);
	assert_string_equal(got, name);
	dp_free(got);
	assert_int_equal(url.login != NULL, login != NULL);
	if (login == NULL) return;
	assert_int_equal(dp_url_login(&got, &url, &fault), DP_OK);
	assert_string_equal(got, login);
	dp_free(got);
}

static void test_parts(void **state)
{
	(void)state;
	assert_parts("http://node", "http://node:80/", "node:80", NULL);
	assert_parts("https://node/", "https://node:443/", "node:443", NULL);
	assert_parts("https://node:8/p/q?r=s#t", "https://node:8/p/q?r=s", "node:8", NULL);
	assert_parts("http://node?r", "http://node:80/?r", "node:80", NULL);
	assert_parts("http://u%40:w%3a%zz@10.0.0.1:1", "http://10.0.0.1:1/", "10.0.0.1:1",
	             "u@:w:%zz");
	assert_parts("http://a@b@c", "http://c:80/", "c:80", "a@b");
	assert_parts("http://[2001:db8::1]:8545/x", "http://[2001:db8::1]:8545/x",
	             "[2001:db8::1]:8545", NULL);
	assert_int_equal(dp_mem_live(), 0);
}

static void test_odd_urls_are_refused(void **state)
{
	(void)state;
	static const char *const odd[] = {"",
	                                  "node:8545",
	                                  "ftp://node",
	                                  "http://",
	                                  "http:///p",
	                                  "http://a b",
	                                  "http://a\\b",
	                                  "http://a:",
	                                  "http://a:0",
	                                  "http://a:65536",
	                                  "http://a:x",
	                                  "http://a:1x",
	                                  "http://[::1",
	                                  "http://[]",
	                                  "http://u@",
	                                  "http://[x]",
	                                  "http://u:w/x@h:1",
	                                  "http://h/\r\nX: y",
	                                  "http://h/\x7f",
	                                  "http://h%41/"};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		dp_url url;
		dp_fault fault;
		if (dp_url_split(&url, odd[i], &fault) != DP_BAD_CASE) fail_msg("%s", odd[i]);
	}
	static char longest[DP_URL_MAX + 100] = "http://h/";
	memset(longest + 9, 'x', DP_URL_MAX);
	dp_url url;
	assert_int_equal(dp_url_split(&url, longest, NULL), DP_BAD_CASE);
	dp_fault fault;
	char *login;
	assert_int_equal(dp_url_split(&url, "http://a:%00b@h", &fault), DP_OK);
	assert_int_equal(dp_url_login(&login, &url, &fault), DP_BAD_CASE);
}

static void test_places_are_compared(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
	    {"http://node", "http://NODE:80/x", true},  {"http://node", "https://node:80", false},
	    {"https://node:443", "https://node", true}, {"http://node:1", "http://node:2", false},
	    {"http://node", "http://node.com", false},  {"http://u@node", "http://node", true},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		dp_url a, b;
		assert_int_equal(dp_url_split(&a, rows[i].a, NULL), DP_OK);
		assert_int_equal(dp_url_split(&b, rows[i].b, NULL), DP_OK);
		assert_int_equal(dp_url_same_place(&a, &b), rows[i].same);
	}
}

static void test_every_allocation_may_fail(void **state)
{
	(void)state;
	dp_url url;
	dp_fault fault;
	char *got;
	assert_int_equal(dp_url_split(&url, "http://u:w@h/p", &fault), DP_OK);
	dp_mem_fail_after(0);
	assert_int_equal(dp_url_without_login(&got, &url, &fault), DP_NO_MEMORY);
	assert_int_equal(dp_url_login(&got, &url, &fault), DP_NO_MEMORY);
	assert_int_equal(dp_url_name(&got, &url, &fault), DP_NO_MEMORY);
	dp_mem_fail_after(-1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_only_http_and_https_are_urls),
	    cmocka_unit_test(test_what_is_shown),
	    cmocka_unit_test(test_no_part_of_a_secret_is_shown),
	    cmocka_unit_test(test_parts),
	    cmocka_unit_test(test_odd_urls_are_refused),
	    cmocka_unit_test(test_places_are_compared),
	    cmocka_unit_test(test_every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
