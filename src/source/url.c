// See url.h.
//
//   http://user:password@host:8332/path?query#fragment
//          '--- login --' '- place -''- rest --'
//
// A password with a raw '/', '?' or '#' in it moves the end of the place to the left: of
// "http://u:12/x@node" a strict reader makes host "u", port 12. So an '@' behind the place is
// refused, and dp_url_show shows nothing of such a URL but its scheme.
//
// What is shown is decided by a list of what is harmless, not of what is secret: the name of a kind
// of source, letters before "://", a place that can be one. People mistype ("htp://", "wss://",
// "evm_rpc:https://"), and a message about a mistake must not print the key in it.
#include "source/url.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/mem.h"
#include "source/source.h"
#include "source/source_kinds.h"

enum { SCHEME_MAX = 8, PREFIX_MAX = 16 };

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

// What is wrong with it, or NULL. The scheme has `scheme` bytes, with its "://".
static const char *split_behind(dp_url *out, const char *text, size_t scheme)
{
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
	DP_CHECK(out->host_size <= place);
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

static const char *split(dp_url *out, const char *text)
{
	DP_CHECK(out != NULL && text != NULL);
	size_t scheme = scheme_size(text);
	if (scheme == 0) return "not a URL: it must begin with http:// or https://";
	return split_behind(out, text, scheme);
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

//- showing ---------------------------------------------------------------------------------------

// The kind of source of this name. With '_' for '-' and in capitals it is still no secret. "etl" is
// either of two, and both read files.
static const dp_source_kind *kind_meant(const char *name, size_t n)
{
	char plain[PREFIX_MAX + 1] = "";
	if (n == 0 || n > PREFIX_MAX) return NULL;
	for (size_t i = 0; i < n; i++) plain[i] = (char)(name[i] == '_' ? '-' : name[i]);
	if (strcasecmp(plain, "etl") == 0) return &dp_source_eth_etl;
	for (size_t i = 0; dp_source_kinds[i] != NULL; i++)
		if (strcasecmp(plain, dp_source_kinds[i]->name) == 0) return dp_source_kinds[i];
	return NULL;
}

// Where the scheme of something like a URL begins, behind prefixes; NULL: a path, and no secret.
// *ret_end is behind its "://". What is behind "http:" or a kind that takes no files is meant as a
// URL even without slashes; then the scheme ends with the colon, or is empty.
static const char *find_scheme(const char *path, const char **ret_end)
{
	const char *mark = strstr(path, "://"), *begin = path;
	DP_CHECK(ret_end != NULL);
	if (mark != NULL) {
		for (begin = mark; begin > path && begin[-1] != ':';) begin--;
		*ret_end = mark + 3;
		return begin;
	}
	size_t n = strcspn(path, ":");
	const dp_source_kind *kind = path[n] == ':' ? kind_meant(path, n) : NULL;
	if (kind != NULL) begin = path + n + 1;
	n = strcspn(begin, ":");
	bool is_meant = begin[n] == ':' && ((n == 4 && strncasecmp(begin, "http", 4) == 0) ||
	                                    (n == 5 && strncasecmp(begin, "https", 5) == 0));
	*ret_end = is_meant ? begin + n + 1 : begin;
	return is_meant || (kind != NULL && kind->takes_urls) ? begin : NULL;
}

// The letters of a scheme, known or mistyped.
static bool is_scheme(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char lower = (char)(text[i] | 0x20);
		if (lower < 'a' || lower > 'z') return false;
	}
	return n > 0 && n <= SCHEME_MAX;
}

// host:port with what is hidden around it, or only "..." where the place cannot be told for sure.
static int show_place(char *out, size_t cap, const char *text, size_t scheme)
{
	dp_url url;
	DP_CHECK(cap > 0 && text != NULL);
	if (split_behind(&url, text, scheme) != NULL || url.host_size > DP_URL_SHOWN_MAX - 80)
		return snprintf(out, cap, "...");
	bool has_rest = url.rest[0] != 0 && strcmp(url.rest, "/") != 0;
	char port[8] = "";
	if (url.has_port) (void)snprintf(port, sizeof port, ":%u", url.port);
	return snprintf(out, cap, "%s%.*s%s%s", url.login != NULL ? "...@" : "", (int)url.host_size,
	                url.host, port, has_rest ? "/..." : "");
}

// Something like a URL. Where its beginning is none of what we know, a "://" may stand anywhere in
// it, behind a secret or in one: then nothing is shown.
static int show_url(char out[DP_URL_SHOWN_MAX], const char *path, const char *scheme,
                    const char *end)
{
	DP_CHECK(scheme >= path && end >= scheme);
	size_t before = (size_t)(scheme - path), size = (size_t)(end - scheme);
	size_t letters = strcspn(scheme, ":");
	char start[SCHEME_MAX + 4] = "";
	if ((before > 0 && kind_meant(path, before - 1) == NULL) ||
	    (size > 0 && !is_scheme(scheme, letters)))
		return snprintf(out, DP_URL_SHOWN_MAX, "...");
	for (size_t i = 0; i < size; i++)
		start[i] = (char)(i < letters ? scheme[i] | 0x20 : scheme[i]);
	int n = snprintf(out, DP_URL_SHOWN_MAX, "%.*s%s", (int)before, path, start);
	DP_CHECK(n >= 0 && n < DP_URL_SHOWN_MAX);
	return n + show_place(out + n, DP_URL_SHOWN_MAX - (size_t)n, scheme, size);
}

size_t dp_url_show(char out[DP_URL_SHOWN_MAX], const char *path)
{
	DP_CHECK(out != NULL && path != NULL);
	const char *end = NULL, *scheme = find_scheme(path, &end);
	int n = scheme != NULL ? show_url(out, path, scheme, end)
	                       : snprintf(out, DP_URL_SHOWN_MAX, "%s", path);
	DP_CHECK(n >= 0);
	return (size_t)n < DP_URL_SHOWN_MAX ? (size_t)n : DP_URL_SHOWN_MAX - 1;
}
