// Webhooks, Slack's and Telegram's among them: one POST for each message, with libcurl.
//
// The signature is that of Stripe's and Slack's webhooks in spirit: HMAC-SHA-256 (RFC 2104,
// nettle's) over the timestamp, a full stop and the body. A receiver computes it again over the
// bytes it got, compares in constant time, and refuses timestamps that are too old: so nobody can
// forge an alert, nor send a true one again next week.
//
// Not followed: redirects, because whoever may redirect may send our alerts and their signature
// elsewhere. Not read: netrc, proxies of the environment, HTTP/0.9.
//
// An answer counts when its headers are whole. What comes after a 2xx is of no interest; it is read
// for a second, up to 64 KiB, so that the connection can be used again, and then cut: an endless
// answer costs a second and not the timeout. Of a refusal a few words are kept, because "HTTP 400"
// alone helps nobody: those of Slack ("channel_not_found") and Telegram ("description").
#include "alert/sink.h"

#include <curl/curl.h>
#include <nettle/hmac.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "source/url.h"

enum { HEARD_MAX = 4096, READ_ON_MS = 1000, WORDS_MAX = DP_SINK_SAID_MAX * 4 + 8 };

typedef struct web {
	CURLM *multi;
	CURL *easy;
	char *host; // "desk.example:443": all of the URL that may be told
	// Of the answer that is being read.
	char heard[HEARD_MAX];
	size_t heard_size, body_size, head_size;
	int64_t answered_ms; // when its headers were whole; 0: not yet
} web;

//- what comes back -------------------------------------------------------------------------------

static size_t take_header(char *bytes, size_t one, size_t n, void *context)
{
	web *w = context;
	n *= one;
	w->head_size += n;
	if (w->head_size > DP_SINK_ANSWER_MAX) return 0; // headers without end
	bool is_last =
	    (n == 2 && bytes[0] == '\r' && bytes[1] == '\n') || (n == 1 && *bytes == '\n');
	long status = 0;
	(void)curl_easy_getinfo(w->easy, CURLINFO_RESPONSE_CODE, &status);
	// 1xx are only announcements.
	if (is_last && status >= 200 && w->answered_ms == 0) w->answered_ms = dp_sink_now_ms();
	return n;
}

static size_t take_body(char *bytes, size_t one, size_t n, void *context)
{
	web *w = context;
	n *= one;
	size_t wanted = sizeof w->heard - w->heard_size;
	if (n < wanted) wanted = n;
	memcpy(w->heard + w->heard_size, bytes, wanted);
	w->heard_size += wanted;
	w->body_size += n;
	return w->body_size > DP_SINK_ANSWER_MAX ? 0 : n;
}

// Does it repeat a part of what must not be shown? Pieces of six characters and more count.
static bool tells_secret(const dp_sink *s, const char *said)
{
	const char *secret = s->config.secret, *p = strstr(s->config.url, "://");
	if (secret != NULL && secret[0] != 0 && strstr(said, secret) != NULL) return true;
	for (p = p == NULL ? s->config.url : p + 3; *p != 0;) {
		char piece[256];
		size_t n = strcspn(p, "/?&=:@");
		if (n >= 6 && n < sizeof piece) {
			memcpy(piece, p, n);
			piece[n] = 0;
			if (strstr(said, piece) != NULL) return true;
		}
		p += n;
		p += *p != 0;
	}
	return false;
}

// What the body says about a refusal, into `words`; "" for nothing fit to be told. Telegram also
// tells there how long to wait.
static void read_refusal(const dp_sink *s, web *w, char words[WORDS_MAX], int64_t *io_wait_s)
{
	dp_json *doc = NULL;
	const char *text = NULL;
	words[0] = 0;
	if (s->config.kind == DP_SINK_TELEGRAM) {
		if (dp_json_parse(&doc, w->heard, w->heard_size, NULL) != DP_OK) return;
		bool is_object = dp_json_is_object(doc);
		const dp_json *v = NULL, *more = is_object ? dp_json_get(doc, "parameters") : NULL;
		uint64_t wait_s;
		if (more != NULL && dp_json_is_object(more)) v = dp_json_get(more, "retry_after");
		if (v != NULL && dp_json_u64(v, &wait_s) && wait_s < INT32_MAX &&
		    (int64_t)wait_s > *io_wait_s)
			*io_wait_s = (int64_t)wait_s;
		v = is_object ? dp_json_get(doc, "description") : NULL;
		text = v == NULL ? NULL : dp_json_text(v);
		if (text != NULL) dp_sink_said(words, WORDS_MAX, text, strlen(text));
	} else if (s->config.kind == DP_SINK_SLACK) {
		dp_sink_said(words, WORDS_MAX, w->heard, w->heard_size);
		if (words[0] == '<') words[0] = 0; // a page of some machine in between
	}
	dp_json_free(doc);
	if (tells_secret(s, words)) words[0] = 0;
}

static void judge_redirect(web *w, dp_delivery *d, long status)
{
	char *target = NULL, *name = NULL;
	dp_url url;
	(void)curl_easy_getinfo(w->easy, CURLINFO_REDIRECT_URL, &target);
	bool is_known = target != NULL && dp_url_split(&url, target, NULL) == DP_OK &&
	                dp_url_name(&name, &url, NULL) == DP_OK;
	dp_delivery_fail(d, "HTTP %ld: %s redirects to %s, which is not followed", status, w->host,
	                 is_known ? name : "another place");
	dp_free(name);
}

static void judge_answer(dp_sink *s, web *w, dp_delivery *d)
{
	long status = 0;
	curl_off_t told_s = 0;
	char words[WORDS_MAX];
	(void)curl_easy_getinfo(w->easy, CURLINFO_RESPONSE_CODE, &status);
	DP_CHECK(status >= 200);
	if (status < 300) {
		d->is_taken = true;
		return;
	}
	if (status < 400) {
		judge_redirect(w, d, status);
		return;
	}
	(void)curl_easy_getinfo(w->easy, CURLINFO_RETRY_AFTER, &told_s);
	int64_t wait_s = told_s > 0 && told_s < INT32_MAX ? (int64_t)told_s : 0;
	read_refusal(s, w, words, &wait_s);
	d->is_refused = status == 410; // Gone, and "likely to be permanent" (RFC 9110)
	if (status == 429 || status == 503) d->wait_ms = wait_s * 1000;
	if (d->wait_ms > DP_SINK_WAIT_MAX_MS) d->wait_ms = DP_SINK_WAIT_MAX_MS;
	dp_delivery_fail(d, "HTTP %ld%s%s%s", status, status == 410 ? " (gone)" : "",
	                 words[0] == 0 ? "" : ": ", words);
}

// No answer, or none with whole headers. libcurl's own words, but where they would puzzle.
static void judge_failure(dp_sink *s, web *w, dp_delivery *d, CURLcode code)
{
	const char *what = curl_easy_strerror(code);
	d->is_unreachable = true;
	if (code == CURLE_OPERATION_TIMEDOUT) {
		dp_delivery_fail(d, "%s does not answer within %lld ms", w->host,
		                 (long long)s->config.timeout_ms);
		return;
	}
	if (code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR)
		what = "closes the connection without an answer";
	else if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY ||
	         code == CURLE_WRITE_ERROR)
		what = "answers with something that is not HTTP";
	else if (code == CURLE_COULDNT_CONNECT)
		what = "cannot be connected to";
	else if (code == CURLE_COULDNT_RESOLVE_HOST)
		what = "is no name that can be resolved";
	dp_delivery_fail(d, "%s %s", w->host, what);
}

//- sending ---------------------------------------------------------------------------------------

static bool add_line(struct curl_slist **io_list, const char *format, ...) DP_PRINTF(2, 3);
static bool add_line(struct curl_slist **io_list, const char *format, ...)
{
	char line[256];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	DP_CHECK(n > 0 && (size_t)n < sizeof line);
	struct curl_slist *longer = curl_slist_append(*io_list, line);
	if (longer != NULL) *io_list = longer;
	return longer != NULL;
}

static void sign(char ret_hex[65], const char *secret, const char *stamp, const dp_letter *letter)
{
	struct hmac_sha256_ctx ctx;
	uint8_t digest[SHA256_DIGEST_SIZE];
	hmac_sha256_set_key(&ctx, strlen(secret), (const uint8_t *)secret);
	hmac_sha256_update(&ctx, strlen(stamp), (const uint8_t *)stamp);
	hmac_sha256_update(&ctx, 1, (const uint8_t *)".");
	hmac_sha256_update(&ctx, letter->body_size, (const uint8_t *)letter->body);
	hmac_sha256_digest(&ctx, sizeof digest, digest);
	dp_hex_encode(ret_hex, digest, sizeof digest);
	explicit_bzero(&ctx, sizeof ctx);
}

static bool make_headers(struct curl_slist **io_list, const dp_sink *s, const dp_letter *letter)
{
	char stamp[24], signature[65];
	(void)snprintf(stamp, sizeof stamp, "%lld", (long long)(letter->now_ms / 1000));
	// "Expect:" switches off a round trip that libcurl makes before it sends large bodies.
	bool fine = add_line(io_list, "Content-Type: application/json; charset=utf-8") &&
	            add_line(io_list, "Expect:");
	if (!fine || s->config.kind != DP_SINK_WEBHOOK) return fine;
	fine = add_line(io_list, "X-Dyepack-Message: %lld", (long long)letter->seq) &&
	       add_line(io_list, "X-Dyepack-Timestamp: %s", stamp);
	if (!fine || s->config.secret == NULL) return fine;
	sign(signature, s->config.secret, stamp, letter);
	return add_line(io_list, "X-Dyepack-Signature: v1=%s", signature);
}

// Moves bytes until the transfer has ended, has told enough, or we are to stop.
static void transfer(dp_sink *s, web *w, dp_delivery *d)
{
	for (;;) {
		int running = 0, left = 0;
		if (curl_multi_perform(w->multi, &running) != CURLM_OK) {
			dp_delivery_fail(d, "out of memory");
			return;
		}
		CURLMsg *message = curl_multi_info_read(w->multi, &left);
		bool is_over = message != NULL && message->msg == CURLMSG_DONE;
		bool is_enough =
		    w->answered_ms != 0 && dp_sink_now_ms() - w->answered_ms >= READ_ON_MS;
		if ((is_over || is_enough) && w->answered_ms != 0) {
			judge_answer(s, w, d);
			return;
		}
		if (is_over) {
			judge_failure(s, w, d, message->data.result);
			return;
		}
		struct curl_waitfd stop = {.fd = s->stop_fd, .events = CURL_WAIT_POLLIN};
		(void)curl_multi_poll(w->multi, &stop, 1, w->answered_ms != 0 ? 50 : 1000, NULL);
		if (dp_sink_stops(s)) {
			d->is_broken_off = true;
			return;
		}
	}
}

static void send_webhook(dp_sink *s, dp_delivery *d, const dp_letter *letter)
{
	web *w = s->own;
	DP_CHECK(w != NULL && letter->body != NULL);
	struct curl_slist *headers = NULL;
	w->heard_size = w->body_size = w->head_size = 0;
	w->answered_ms = 0;
	bool fine = make_headers(&headers, s, letter) &&
	            curl_easy_setopt(w->easy, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
	            curl_easy_setopt(w->easy, CURLOPT_POSTFIELDSIZE_LARGE,
	                             (curl_off_t)letter->body_size) == CURLE_OK &&
	            curl_easy_setopt(w->easy, CURLOPT_POSTFIELDS, letter->body) == CURLE_OK &&
	            curl_multi_add_handle(w->multi, w->easy) == CURLM_OK;
	if (fine) {
		transfer(s, w, d);
		(void)curl_multi_remove_handle(w->multi, w->easy);
	} else {
		dp_delivery_fail(d, "out of memory");
	}
	(void)curl_easy_setopt(w->easy, CURLOPT_HTTPHEADER, NULL);
	(void)curl_easy_setopt(w->easy, CURLOPT_POSTFIELDS, NULL);
	curl_slist_free_all(headers);
}

//- opening ---------------------------------------------------------------------------------------

static bool set_options(const dp_sink *s, web *w)
{
	CURL *e = w->easy;
	return curl_easy_setopt(e, CURLOPT_URL, s->config.url) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_POST, 1L) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       // A name that is just being resolved is not waited for when we stop.
	       curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)s->config.timeout_ms) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_USERAGENT, "dyepack") == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_HEADERDATA, w) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_WRITEDATA, w) == CURLE_OK;
}

static void close_webhook(dp_sink *s)
{
	web *w = s->own;
	if (w == NULL) return;
	if (w->easy != NULL) curl_easy_cleanup(w->easy);
	if (w->multi != NULL) (void)curl_multi_cleanup(w->multi);
	dp_free(w->host);
	dp_free(w);
	s->own = NULL;
}

static dp_code open_webhook(dp_sink *s, dp_fault *fault)
{
	dp_url url;
	const dp_sink_config *c = &s->config;
	if (c->url == NULL) return dp_fail(fault, DP_BAD_CASE, "sink %s: no URL", c->name);
	if (c->kind == DP_SINK_TELEGRAM && c->chat == NULL)
		return dp_fail(fault, DP_BAD_CASE, "sink %s: no chat", c->name);
	if (dp_url_split(&url, c->url, fault) != DP_OK)
		return dp_fail(fault, DP_BAD_CASE, "sink %s: no http or https URL", c->name);
	web *w = s->own = dp_alloc(sizeof *w);
	if (w == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	DP_TRY(dp_url_name(&w->host, &url, fault));
	w->multi = curl_multi_init();
	w->easy = curl_easy_init();
	if (w->multi == NULL || w->easy == NULL || !set_options(s, w))
		return dp_fail(fault, DP_NO_MEMORY, "sink %s: libcurl cannot be set up", c->name);
	return DP_OK;
}

const dp_sink_ops dp_sink_webhook = {
    .form = DP_BODY_JSON, .open = open_webhook, .send = send_webhook, .close = close_webhook};
