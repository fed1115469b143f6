// Judging answers: is it taken, asked for again, followed elsewhere or given up, and how long does
// everybody wait before the next try? See http.h for the rules as promised.
//
// The delay for the n-th failure in a row is first * 2^(n-1), at most the longest, times something
// between 3/4 and 5/4: without chance, all clients that an outage threw off come back together
// (Brooker, "Exponential Backoff and Jitter", 2015). The pause is the endpoint's, not the
// request's: one that has had enough of one request has had enough of all.
//
// Hosted endpoints refuse with 401, 402, 403 and 429 for a dozen reasons, and only the body tells
// which: a plan without old state looks like a wrong password otherwise. So its words are passed
// on, as hostile input: bounded, made printable, and searched for our own secrets before the cut.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/json.h"
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

bool dp_http_is_told(uint32_t status)
{
	return (status >= 401 && status <= 403) || status == 429;
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

// A request without login may still bear a key in the path or query of its URL.
static bool has_key(const dp_http *h)
{
	return h->secret_rest != NULL && strlen(h->secret_rest) > 1;
}

static const char *refusal_words(const dp_http *h)
{
	DP_CHECK(h != NULL);
	if (h->secret_login != NULL) return "refused the user and password";
	return has_key(h) ? "refused the key, or the path, in its URL" : "wants a login or key";
}

static void put_status(const dp_http *h, const dp_http_request *q, char *out, size_t cap)
{
	const char *words = "answered";
	DP_CHECK(q->failure != DP_HTTP_FINE && q->failure != DP_HTTP_TRANSFER);
	if (is_busy(q->status)) words = "is busy";
	if (q->status == 402) words = "wants to be paid, or a larger plan";
	if (q->failure == DP_HTTP_LOGIN) words = refusal_words(h);
	if (q->failure == DP_HTTP_ELSEWHERE) words = "redirects to another place";
	if (q->failure == DP_HTTP_CIRCLE) words = "redirects in circles";
	bool is_bare = strcmp(words, "answered") == 0;
	(void)snprintf(out, cap, is_bare ? "%s HTTP %u%s%s%s" : "%s (HTTP %u)%s%s%s", words,
	               q->status, q->said[0] != 0 ? ", it says \"" : "", q->said,
	               q->said[0] != 0 ? "\"" : "");
}

// What went wrong, without the endpoint's name.
static void put_words(const dp_http *h, const dp_http_request *q, char *out, size_t cap)
{
	const char *words = transfer_words(q->curl);
	if (q->failure == DP_HTTP_TOO_LARGE)
		(void)snprintf(out, cap, "answers with more than %llu bytes",
		               (unsigned long long)h->options.answer_max);
	else if (q->failure != DP_HTTP_TRANSFER && q->failure != DP_HTTP_NO_MEMORY)
		put_status(h, q, out, cap);
	else if (q->curl == CURLE_OPERATION_TIMEDOUT && q->received > 0)
		(void)snprintf(out, cap, "sent only %llu bytes of an answer in %llu s",
		               (unsigned long long)q->received, (unsigned long long)q->took_s);
	else if (q->curl == CURLE_OPERATION_TIMEDOUT)
		(void)snprintf(out, cap, "sent nothing for %u s", h->options.timeout_s);
	else
		(void)snprintf(out, cap, "%s", words != NULL ? words : curl_easy_strerror(q->curl));
}

void dp_http_describe(const dp_http *h, const dp_http_request *q, char out[DP_HTTP_WORDS_MAX])
{
	DP_CHECK(q->failure != DP_HTTP_FINE);
	int n = snprintf(out, DP_HTTP_WORDS_MAX, "%.120s ", h->name);
	DP_CHECK(n > 0 && n < DP_HTTP_WORDS_MAX);
	put_words(h, q, out + n, DP_HTTP_WORDS_MAX - (size_t)n);
}

// What to do about it; "" where the endpoint has said that itself, or nobody knows.
static const char *advice(const dp_http *h, const dp_http_request *q)
{
	DP_CHECK(q->failure != DP_HTTP_FINE);
	if (q->failure == DP_HTTP_TOO_LARGE) return ": allow more memory (--memory)";
	if (q->failure == DP_HTTP_ELSEWHERE)
		return ": nothing was sent there; if you trust it, give its URL";
	if (q->failure != DP_HTTP_LOGIN || q->said[0] != 0) return "";
	if (h->secret_login == NULL && !has_key(h))
		return ": give a login, a cookie file, or the URL with its key";
	return ": check the login, the cookie file or the key";
}

dp_code dp_http_fail(const dp_http *h, const dp_http_request *q, dp_fault *fault)
{
	DP_CHECK(q->failure != DP_HTTP_FINE);
	if (q->failure == DP_HTTP_NO_MEMORY) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	dp_code code = q->failure == DP_HTTP_TOO_LARGE ? DP_LIMIT : DP_IO;
	char what[DP_HTTP_WORDS_MAX];
	put_words(h, q, what, sizeof what);
	if (q->worth < h->options.tries_max)
		(void)dp_fail(fault, code, "%s%s", what, advice(h, q));
	else
		(void)dp_fail(fault, code,
		              "%s, %u times in a row: try again later, or ask another node", what,
		              q->tries);
	dp_fault_file(fault, h->name);
	return code;
}

//- what a refusal says ---------------------------------------------------------------------------

// {"error":{"message":"..."}}, {"error":"..."}, {"message":"..."}, or one of these in a list.
static const char *message_of(const dp_json *doc)
{
	if (dp_json_is_array(doc)) doc = dp_json_first(doc);
	for (int depth = 0; doc != NULL && depth < 2; depth++) {
		if (!dp_json_is_object(doc)) return dp_json_text(doc);
		const dp_json *error = dp_json_get(doc, "error");
		const dp_json *message = dp_json_get(doc, "message");
		doc = error != NULL && depth == 0 ? error : message;
	}
	return doc != NULL ? dp_json_text(doc) : NULL;
}

// A secret is looked for in all of the text: what is left of one that was cut is a secret still.
static void say(const dp_http *h, dp_http_request *q, const char *text, size_t size)
{
	dp_fault shown; // makes any bytes printable
	if (size == 0) return;
	if (dp_http_tells_secret(h, text)) {
		(void)snprintf(q->said, sizeof q->said,
		               "(words that repeat a part of the URL or of the login)");
		return;
	}
	(void)dp_fail(&shown, DP_IO, "%.*s", (int)(size < 300 ? size : 300), text);
	size_t n = strlen(shown.text), kept = n <= DP_HTTP_SAID_MAX ? n : DP_HTTP_SAID_MAX;
	while (kept < n && kept > 0 && ((unsigned char)shown.text[kept] & 0xc0) == 0x80) kept--;
	(void)snprintf(q->said, sizeof q->said, "%.*s%s", (int)kept, shown.text,
	               kept < n ? "..." : "");
}

void dp_http_hear(const dp_http *h, dp_http_request *q)
{
	DP_CHECK(q->is_told && q->answer_size <= DP_HTTP_BODY_TOLD_MAX);
	if (q->answer == NULL || q->answer_size == 0) return;
	q->answer[q->answer_size] = 0;
	const char *text = q->answer;
	if (looks_like_json(q)) {
		dp_json *doc = NULL;
		// Without memory, or cut at the maximum, it has said nothing: words only help.
		if (dp_json_parse(&doc, q->answer, q->answer_size, NULL) != DP_OK) return;
		text = message_of(doc);
		if (text != NULL) say(h, q, text, strlen(text));
		dp_json_free(doc);
		return;
	}
	text += strspn(text, " \t\r\n");
	if (text[0] != '<') say(h, q, text, strcspn(text, "\r\n")); // a page is for browsers
}

//- pace ------------------------------------------------------------------------------------------

// libcurl looks after silence. Here: an answer that has begun and comes so slowly that it never
// ends. The count begins with its first bytes, as a node may think for long and then be quick.
bool dp_http_is_too_slow(dp_http *h, dp_http_request *q, int64_t now_ms)
{
	DP_CHECK(q->received > 0 && q->begun_ms <= now_ms);
	int64_t span = (int64_t)h->options.timeout_s * 1000;
	if (q->paced_ms == 0) {
		q->paced_ms = now_ms;
		q->paced = q->received;
	} else if (now_ms - q->paced_ms >= span) {
		uint64_t came = q->received - q->paced;
		if (came < (uint64_t)DP_HTTP_PACE_MIN * h->options.timeout_s) return true;
		q->paced_ms = now_ms;
		q->paced = q->received;
	}
	if (now_ms - q->begun_ms <= span || q->is_noticed) return false;
	q->is_noticed = true;
	// What flies together is slow together: one line says it for all.
	if (now_ms < h->slow_until_ms || h->options.watch.notice == NULL) return false;
	h->slow_until_ms = now_ms + span;
	char text[DP_HTTP_WORDS_MAX];
	(void)snprintf(text, sizeof text, "%.120s is slow: %llu bytes in %llu s", h->name,
	               (unsigned long long)q->received,
	               (unsigned long long)(now_ms - q->begun_ms) / 1000);
	h->options.watch.notice(h->options.watch.context, text);
	return false;
}

//- secrets ---------------------------------------------------------------------------------------

bool dp_http_tells_secret(const dp_http *h, const char *text)
{
	DP_CHECK(text != NULL);
	// Short parts ("/", "a") stand in every text by accident, and hide nothing worth hiding.
	const char *login = h->secret_login, *rest = h->secret_rest;
	const char *password = login != NULL ? strchr(login, ':') : NULL;
	if (login != NULL && strlen(login) >= 4 && strstr(text, login) != NULL) return true;
	if (password != NULL && strlen(password + 1) >= 4 && strstr(text, password + 1) != NULL)
		return true;
	size_t user = login != NULL ? strcspn(login, ":") : 0;
	if (user >= 4 && memmem(text, strlen(text), login, user) != NULL) return true;
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
