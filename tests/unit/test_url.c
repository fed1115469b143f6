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
	    cmocka_unit_test(test_parts),
	    cmocka_unit_test(test_odd_urls_are_refused),
	    cmocka_unit_test(test_places_are_compared),
	    cmocka_unit_test(test_every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
