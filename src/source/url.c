// See url.h.
//
//   http://user:password@host:8332/path?query#fragment
//          '--- login --' '- place -''- rest --'
//
// A password with a raw '/', '?' or '#' in it moves the end of the place to the left: of
// "http://u:12/x@node" a strict reader makes host "u", port 12. So an '@' behind the place is
// refused, and dp_url_show shows nothing of such a URL but its scheme.
#include "source/url.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/mem.h"
#include "source/source.h"

// The bytes of "http://" or "https://", in any case; 0 when it is neither.
static size_t scheme_size(const char *text)
{
	if (strncasecmp(text, "http://", 7) == 0) return 7;
	return strncasecmp(text, "https://", 8) == 0 ? 8 : 0;
}

bool dp_url_is(const char *path)
{
	DP_CHECK(path != NULL);
	return scheme_size(path) > 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	char lower = (char)(c | 0x20);
	return is_digit(c) || (lower >= 'a' && lower <= 'f');
}

// Bytes of the host at `p`: a name, an IPv4 address, or an IPv6 address in brackets. 0: none.
static size_t host_size(const char *p, size_t n)
{
	size_t i = 0;
	if (n > 0 && p[0] == '[') {
		for (i = 1; i < n && (is_hex(p[i]) || p[i] == ':' || p[i] == '.');) i++;
		return i > 2 && i < n && p[i] == ']' ? i + 1 : 0;
	}
	for (; i < n; i++) {
		char lower = (char)(p[i] | 0x20);
		if (!is_digit(p[i]) && !(lower >= 'a' && lower <= 'z') && p[i] != '-' &&
		    p[i] != '.' && p[i] != '_')
			break;
	}
	return i <= 253 ? i : 0; // the longest name that DNS knows
}

// What is wrong with it, or NULL.
static const char *split(dp_url *out, const char *text)
{
	size_t scheme = scheme_size(text);
	if (scheme == 0) return "not a URL: it must begin with http:// or https://";
	size_t size = strlen(text);
	if (size > DP_URL_MAX) return "the URL is longer than 8192 bytes";
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f || text[i] == '\\')
			return "the URL holds a blank, a control character or a backslash: write "
			       "it as %xx";
	const char *p = text + scheme;
	size_t place = strcspn(p, "/?#"), rest = strcspn(p, "#") - place;
	if (strchr(p + place, '@') != NULL)
		return "the URL has an '@' behind its host: write '/', '?' and '#' in a password "
		       "as %2F, %3F and %23, and '@' as %40";
	const char *at = memrchr(p, '@', place);
	*out = (dp_url){.is_https = scheme == 8, .rest = p + place, .rest_size = rest};
	if (at != NULL) {
		out->login = p;
		out->login_size = (size_t)(at - p);
		place -= out->login_size + 1;
		p = at + 1;
	}
	out->host = p;
	out->host_size = host_size(p, place);
	if (out->host_size == 0) return "the URL has no host, or one that cannot be";
	out->port = out->is_https ? 443 : 80;
	if (out->host_size == place) return NULL;
	if (p[out->host_size] != ':') return "the URL's host holds a character that it cannot";
	uint32_t port = 0;
	size_t i = out->host_size + 1;
	for (; i < place && is_digit(p[i]) && port <= 65535; i++)
		port = port * 10 + (uint32_t)(p[i] - '0');
	if (i != place || port == 0 || port > 65535)
		return "the URL's port is no number from 1 to 65535";
	out->has_port = true;
	out->port = port;
	return NULL;
}

dp_code dp_url_split(dp_url *ret_url, const char *text, dp_fault *fault)
{
	DP_CHECK(ret_url != NULL && text != NULL);
	dp_url url;
	const char *wrong = split(&url, text);
	if (wrong != NULL) return dp_fail(fault, DP_BAD_CASE, "%s", wrong);
	*ret_url = url;
	return DP_OK;
}

bool dp_url_same_place(const dp_url *a, const dp_url *b)
{
	return a->is_https == b->is_https && a->port == b->port && a->host_size == b->host_size &&
	       strncasecmp(a->host, b->host, a->host_size) == 0;
}

dp_code dp_url_without_login(char **ret_text, const dp_url *url, dp_fault *fault)
{
	DP_CHECK(url->host_size > 0 && url->rest_size <= DP_URL_MAX);
	size_t cap = 32 + url->host_size + url->rest_size;
	char *text = dp_alloc(cap);
	if (text == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	// A query may follow the host at once; a path always begins with '/'.
	bool slash = url->rest_size == 0 || url->rest[0] != '/';
	int n = snprintf(text, cap, "http%s://%.*s:%u%s%.*s", url->is_https ? "s" : "",
	                 (int)url->host_size, url->host, url->port, slash ? "/" : "",
	                 (int)url->rest_size, url->rest);
	DP_CHECK(n > 0 && (size_t)n < cap);
	*ret_text = text;
	return DP_OK;
}

static char hex_value(char c)
{
	return (char)(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
}

dp_code dp_url_login(char **ret_login, const dp_url *url, dp_fault *fault)
{
	DP_CHECK(url->login != NULL);
	char *login = dp_alloc(url->login_size + 1);
	if (login == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	const char *p = url->login, *end = p + url->login_size;
	size_t n = 0;
	for (; p < end; n++) {
		if (*p == '%' && end - p >= 3 && is_hex(p[1]) && is_hex(p[2])) {
			login[n] = (char)(hex_value(p[1]) * 16 + hex_value(p[2]));
			p += 3;
		} else {
			login[n] = *p++;
		}
	}
	if (strlen(login) != n) { // a %00 would cut the password short
		dp_free(login);
		return dp_fail(fault, DP_BAD_CASE, "the URL's user and password hold a %%00");
	}
	*ret_login = login;
	return DP_OK;
}

dp_code dp_url_name(char **ret_name, const dp_url *url, dp_fault *fault)
{
	DP_CHECK(ret_name != NULL && url->host_size > 0);
	size_t cap = url->host_size + 8;
	char *name = dp_alloc(cap);
	if (name == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	(void)snprintf(name, cap, "%.*s:%u", (int)url->host_size, url->host, url->port);
	*ret_name = name;
	return DP_OK;
}

size_t dp_url_show(char out[DP_URL_SHOWN_MAX], const char *path)
{
	DP_CHECK(out != NULL && path != NULL);
	dp_url url;
	int n;
	if (!dp_url_is(path)) {
		n = snprintf(out, DP_URL_SHOWN_MAX, "%s", path);
	} else if (split(&url, path) != NULL || url.host_size > DP_URL_SHOWN_MAX - 40) {
		n = snprintf(out, DP_URL_SHOWN_MAX, "%.*s...", (int)scheme_size(path), path);
	} else {
		bool has_rest = url.rest[0] != 0 && strcmp(url.rest, "/") != 0;
		char port[8] = "";
		if (url.has_port) (void)snprintf(port, sizeof port, ":%u", url.port);
		n = snprintf(out, DP_URL_SHOWN_MAX, "http%s://%s%.*s%s%s", url.is_https ? "s" : "",
		             url.login != NULL ? "...@" : "", (int)url.host_size, url.host, port,
		             has_rest ? "/..." : "");
	}
	DP_CHECK(n >= 0);
	return (size_t)n < DP_URL_SHOWN_MAX ? (size_t)n : DP_URL_SHOWN_MAX - 1;
}
