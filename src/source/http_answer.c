// Judging answers: is it taken, asked for again, followed elsewhere or given up, and how long does
// everybody wait before the next try? See http.h for the rules as promised.
//
// The delay for the n-th failure in a row is first * 2^(n-1), at most the longest, times something
// between 3/4 and 5/4: without chance, all clients that an outage threw off come back together
// (Brooker, "Exponential Backoff and Jitter", 2015). The pause is the endpoint's, not the
// request's: one that has had enough of one request has had enough of all.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "source/http_private.h"

int64_t dp_http_now_ms(void)
{
	struct timespec t;
	DP_CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

//- judging ---------------------------------------------------------------------------------------

bool dp_http_is_kept(const dp_http *h, uint32_t status)
{
	if (status >= 200 && status < 300) return true;
	return h->options.bodies_of_errors &&
	       (status == 400 || status == 404 || status == 413 || status == 500);
}

static bool is_busy(uint32_t status)
{
	return status == 429 || status == 503;
}

// Statuses that pass: RFC 9110's, and Cloudflare's own for an origin that is away (520 to 524).
static bool is_passing(uint32_t status)
{
	return is_busy(status) || status == 408 || status == 500 || status == 502 ||
	       status == 504 || (status >= 520 && status <= 524);
}

static bool looks_like_json(const dp_http_request *q)
{
	size_t i = 0;
	while (i < q->answer_size && memchr(" \t\r\n", q->answer[i], 4) != NULL) i++;
	return i < q->answer_size && (q->answer[i] == '{' || q->answer[i] == '[');
}

static dp_http_verdict give_up(dp_http_request *q, dp_http_failure failure)
{
	q->failure = failure;
	return DP_HTTP_GIVE_UP;
}

// Where a redirect leads is read as strictly as the URL that the user gave, and a login in it is
// dropped: the one we have is enough for the same place.
static dp_http_verdict judge_redirect(const dp_http *h, dp_http_request *q, const char *redirect,
                                      char **ret_target)
{
	dp_url to;
	if (dp_url_split(&to, redirect, NULL) != DP_OK || !dp_url_same_place(&h->url, &to))
		return give_up(q, DP_HTTP_ELSEWHERE);
	if (q->redirects >= DP_HTTP_REDIRECTS_MAX) return give_up(q, DP_HTTP_CIRCLE);
	if (dp_url_without_login(ret_target, &to, NULL) != DP_OK)
		return give_up(q, DP_HTTP_NO_MEMORY);
	return DP_HTTP_FOLLOW;
}

static dp_http_verdict judge_status(const dp_http *h, dp_http_request *q, const char *redirect,
                                    char **ret_target)
{
	q->failure = DP_HTTP_STATUS;
	if (q->status == 401 || q->status == 403) return give_up(q, DP_HTTP_LOGIN);
	if (q->status >= 300 && q->status < 400 && redirect != NULL)
		return judge_redirect(h, q, redirect, ret_target);
	return is_passing(q->status) ? DP_HTTP_AGAIN : DP_HTTP_GIVE_UP;
}

static dp_http_verdict judge_transfer(const dp_http *h, dp_http_request *q)
{
	q->failure = DP_HTTP_TRANSFER;
	switch (q->curl) {
	case CURLE_OUT_OF_MEMORY: return give_up(q, DP_HTTP_NO_MEMORY);
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR: return DP_HTTP_GIVE_UP;
	// A name that never led anywhere is a typing mistake; one that did is an outage.
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_SSL_CONNECT_ERROR: return h->was_answered ? DP_HTTP_AGAIN : DP_HTTP_GIVE_UP;
	default: return DP_HTTP_AGAIN;
	}
}

dp_http_verdict dp_http_judge(const dp_http *h, dp_http_request *q, const char *redirect,
                              char **ret_target)
{
	DP_CHECK(h != NULL && q != NULL && ret_target != NULL);
	if (q->is_no_memory) return give_up(q, DP_HTTP_NO_MEMORY);
	// A body that nobody wants may be cut off by us; its status has said it all.
	if (!dp_http_is_kept(h, q->status) && q->status >= (q->curl == CURLE_OK ? 100 : 200))
		return judge_status(h, q, redirect, ret_target);
	if (q->is_too_large || q->curl == CURLE_FILESIZE_EXCEEDED)
		return give_up(q, DP_HTTP_TOO_LARGE);
	if (q->curl != CURLE_OK) return judge_transfer(h, q);
	q->failure = q->status == 500 && !looks_like_json(q) ? DP_HTTP_STATUS : DP_HTTP_FINE;
	return q->failure == DP_HTTP_FINE ? DP_HTTP_TAKE : DP_HTTP_AGAIN;
}

//- words -----------------------------------------------------------------------------------------

// libcurl's error buffer may quote the URL, its fixed texts cannot; the common ones are put better.
static const char *transfer_words(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_CONNECT: return "does not accept connections";
	case CURLE_COULDNT_RESOLVE_HOST: return "is not found: no such host name";
	case CURLE_PARTIAL_FILE: return "cut its answer short";
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR: return "dropped the connection";
	case CURLE_BAD_CONTENT_ENCODING: return "sent a damaged gzip answer";
	case CURLE_PEER_FAILED_VERIFICATION: return "has a certificate that is not trusted";
	case CURLE_SSL_CONNECT_ERROR: return "does not speak TLS (https) with us";
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY: return "does not speak HTTP";
	default: return NULL;
	}
}

void dp_http_describe(const dp_http *h, const dp_http_request *q, char out[DP_HTTP_WORDS_MAX])
{
	DP_CHECK(q->failure != DP_HTTP_FINE);
	const char *words = transfer_words(q->curl);
	char what[200];
	switch (q->failure) {
	case DP_HTTP_TOO_LARGE:
		(void)snprintf(what, sizeof what, "answers with more than %llu bytes",
		               (unsigned long long)h->options.answer_max);
		break;
	case DP_HTTP_LOGIN:
		(void)snprintf(what, sizeof what, "refused the user and password (HTTP %u)",
		               q->status);
		break;
	case DP_HTTP_ELSEWHERE:
		(void)snprintf(what, sizeof what, "redirects to another place (HTTP %u)",
		               q->status);
		break;
	case DP_HTTP_CIRCLE:
		(void)snprintf(what, sizeof what, "redirects in circles (HTTP %u)", q->status);
		break;
	case DP_HTTP_STATUS:
		(void)snprintf(what, sizeof what,
		               is_busy(q->status) ? "is busy (HTTP %u)" : "answered HTTP %u",
		               q->status);
		break;
	default:
		if (q->curl == CURLE_OPERATION_TIMEDOUT)
			(void)snprintf(what, sizeof what, "sent nothing for %u s",
			               h->options.timeout_s);
		else
			(void)snprintf(what, sizeof what, "%s",
			               words != NULL ? words : curl_easy_strerror(q->curl));
	}
	(void)snprintf(out, DP_HTTP_WORDS_MAX, "%.120s %s", h->name, what);
}

dp_code dp_http_fail(const dp_http *h, const dp_http_request *q, dp_fault *fault)
{
	DP_CHECK(q->failure != DP_HTTP_FINE);
	char what[DP_HTTP_WORDS_MAX];
	dp_http_describe(h, q, what);
	switch (q->failure) {
	case DP_HTTP_NO_MEMORY: return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	case DP_HTTP_TOO_LARGE: return dp_fail(fault, DP_LIMIT, "%s", what);
	case DP_HTTP_LOGIN:
		return dp_fail(fault, DP_IO, "%s: check the login, the cookie file or the key",
		               what);
	case DP_HTTP_ELSEWHERE:
		return dp_fail(fault, DP_IO,
		               "%s: nothing was sent there; if you trust it, give its URL", what);
	default: break;
	}
	if (q->worth < h->options.tries_max) return dp_fail(fault, DP_IO, "%s", what);
	return dp_fail(fault, DP_IO, "%s, %u times in a row: try again later, or ask another node",
	               what, q->tries);
}

bool dp_http_tells_secret(const dp_http *h, const char *text)
{
	DP_CHECK(text != NULL);
	// Short parts ("/", "a") stand in every text by accident, and hide nothing worth hiding.
	const char *login = h->secret_login, *rest = h->secret_rest;
	const char *password = login != NULL ? strchr(login, ':') : NULL;
	if (login != NULL && strlen(login) >= 4 && strstr(text, login) != NULL) return true;
	if (password != NULL && strlen(password + 1) >= 4 && strstr(text, password + 1) != NULL)
		return true;
	if (rest == NULL) return false;
	// Any part of path or query that is long enough to be a key.
	for (const char *p = rest; *p != 0;) {
		size_t n = strcspn(p, "/?&=");
		if (n >= 8 && memmem(text, strlen(text), p, n) != NULL) return true;
		p += n;
		p += *p != 0;
	}
	return false;
}

//- waiting ---------------------------------------------------------------------------------------

// splitmix64 (Steele, Lea, Flood 2014): plenty for a delay.
static uint64_t chance_below(dp_http *h, uint64_t n)
{
	DP_CHECK(n > 0);
	uint64_t z = h->chance += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (z ^ (z >> 31)) % n;
}

static uint64_t delay_ms(dp_http *h, uint32_t tries, uint64_t told_s)
{
	const dp_http_options *o = &h->options;
	uint64_t told_max_s = o->delay_told_max_ms / 1000 + 1;
	uint64_t told = (told_s < told_max_s ? told_s : told_max_s) * 1000;
	if (told > 0) return told < o->delay_told_max_ms ? told : o->delay_told_max_ms;
	uint32_t doublings = tries > 20 ? 19 : tries > 0 ? tries - 1 : 0;
	uint64_t delay = (uint64_t)o->delay_first_ms << doublings;
	if (delay > o->delay_max_ms) delay = o->delay_max_ms;
	delay = delay * 3 / 4 + chance_below(h, delay / 2 + 1);
	return delay < o->delay_max_ms ? delay : o->delay_max_ms;
}

void dp_http_pause(dp_http *h, uint32_t tries, uint64_t told_s, const char *what)
{
	DP_CHECK(h != NULL && what != NULL);
	int64_t now = dp_http_now_ms();
	uint64_t delay = delay_ms(h, tries, told_s);
	int64_t until = now + (int64_t)delay;
	h->stats.retries++;
	h->allowed = h->allowed > 1 ? h->allowed / 2 : 1;
	h->answers_in_row = 0;
	if (until > h->pause_until_ms) h->pause_until_ms = until;
	// All that was in flight tends to fail together: one line says it for all, unless the wait
	// became much longer.
	if (now < h->noticed_until_ms && until < h->noticed_until_ms + 1000) return;
	h->noticed_until_ms = until;
	if (h->options.watch.notice == NULL) return;
	char text[DP_HTTP_WORDS_MAX + 60];
	if (delay < 10000 && delay % 1000 != 0)
		(void)snprintf(text, sizeof text, "%s: trying again in %llu.%02llu s", what,
		               (unsigned long long)(delay / 1000),
		               (unsigned long long)(delay % 1000 / 10));
	else
		(void)snprintf(text, sizeof text, "%s: trying again in %llu s", what,
		               (unsigned long long)(delay / 1000));
	h->options.watch.notice(h->options.watch.context, text);
}
