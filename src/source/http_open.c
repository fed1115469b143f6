// Opening an HTTP client: its options, its URL cut into what is sent and what is never shown, and
// libcurl. See http.h and http.c.
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "source/http_private.h"

static const uint64_t answer_default = 256u << 20;

void dp_http_free_secret(char *secret)
{
	if (secret != NULL) explicit_bzero(secret, strlen(secret));
	dp_free(secret);
}

static dp_code copy_text(char **ret_copy, const char *text, dp_fault *fault)
{
	size_t size = strlen(text) + 1;
	char *copy = dp_alloc(size);
	if (copy == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	memcpy(copy, text, size);
	*ret_copy = copy;
	return DP_OK;
}

static dp_code fill_options(dp_http *h, const dp_http_options *options, dp_fault *fault)
{
	dp_http_options *o = &h->options;
	if (options != NULL) *o = *options;
	o->login = NULL;
	if (o->in_flight == 0) o->in_flight = 8;
	if (o->tries_max == 0) o->tries_max = 8;
	if (o->answer_max == 0) o->answer_max = answer_default;
	if (o->timeout_s == 0) o->timeout_s = 120;
	if (o->delay_first_ms == 0) o->delay_first_ms = 250;
	if (o->delay_max_ms == 0) o->delay_max_ms = 30000;
	if (o->delay_told_max_ms == 0) o->delay_told_max_ms = 300000;
	if (o->in_flight > DP_HTTP_IN_FLIGHT_MAX)
		return dp_fail(fault, DP_BAD_CASE, "at most %d requests fly at a time",
		               DP_HTTP_IN_FLIGHT_MAX);
	if (o->answer_max > SIZE_MAX / 4)
		return dp_fail(fault, DP_BAD_CASE, "the maximum of an answer is too large");
	h->allowed = o->in_flight;
	return DP_OK;
}

static dp_code fill_url(dp_http *h, const char *url, const char *login, dp_fault *fault)
{
	dp_url given;
	DP_TRY(dp_url_split(&given, url, fault));
	DP_TRY(dp_url_without_login(&h->url_text, &given, fault));
	DP_TRY(dp_url_split(&h->url, h->url_text, fault));
	DP_TRY(dp_url_name(&h->name, &given, fault));
	DP_TRY(copy_text(&h->secret_rest, h->url.rest, fault));
	if (login != NULL) return dp_http_login(h, login, fault);
	if (given.login == NULL) return DP_OK;
	h->login_version = 1;
	return dp_url_login(&h->secret_login, &given, fault);
}

static dp_code fill_curl(dp_http *h, dp_fault *fault)
{
	// Counted by libcurl: the last dp_http_close undoes it.
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return dp_fail(fault, DP_NO_MEMORY, "libcurl cannot be set up");
	h->is_global = true;
	h->multi = curl_multi_init();
	if (h->multi == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	(void)curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)h->options.in_flight);
	// "Expect:" switches off a round trip that libcurl makes before it sends large bodies.
	static const char *const lines[] = {"Content-Type: application/json",
	                                    "Accept: application/json", "Expect:"};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct curl_slist *longer = curl_slist_append(h->headers, lines[i]);
		if (longer == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
		h->headers = longer;
	}
	return DP_OK;
}

dp_code dp_http_open(dp_http **ret_http, const char *url, const dp_http_options *options,
                     dp_fault *fault)
{
	DP_CHECK(ret_http != NULL && url != NULL);
	dp_http *h = dp_alloc(sizeof *h);
	if (h == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	h->chance = (uint64_t)dp_http_now_ms() ^ (uint64_t)(uintptr_t)h;
	dp_code code = fill_options(h, options, fault);
	if (code == DP_OK) code = fill_url(h, url, options != NULL ? options->login : NULL, fault);
	if (code == DP_OK) code = fill_curl(h, fault);
	if (code != DP_OK) {
		dp_http_close(h);
		return code;
	}
	*ret_http = h;
	return DP_OK;
}

const char *dp_http_name(const dp_http *h)
{
	DP_CHECK(h != NULL);
	return h->name;
}

dp_code dp_http_login(dp_http *h, const char *login, dp_fault *fault)
{
	DP_CHECK(h != NULL && login != NULL);
	char *copy = NULL;
	DP_TRY(copy_text(&copy, login, fault));
	dp_http_free_secret(h->secret_login);
	h->secret_login = copy;
	h->login_version++;
	return DP_OK;
}
