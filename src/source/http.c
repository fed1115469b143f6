// See http.h.
//
// A request is queued, flies in one of up to 64 slots (a libcurl easy handle each, kept for the
// client's life, as the connections are in the multi handle's pool), and has ended when its answer
// may be collected. One that must be sent again goes back to the front of the queue:
//
//   post ---> queue ---> slot ---> judge ---> ended ---> wait gives it away
//               ^                    |
//               '--- pause of all <--'
//
// Nothing happens behind the caller's back: bytes move in dp_http_wait and dp_http_run only. An
// answer is received into a buffer of its own that doubles; what the endpoint announces is
// believed up to 4 MiB, so that a lie costs nothing.
#include "source/http.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "source/http_private.h"

enum {
	WAIT_MS = 50,
	AWAY_MS = 500,
	RECEIVE_SIZE = 256 << 10,
	CONNECT_S_MAX = 30,
	ANSWER_FIRST = 16 << 10
};

//- the queue -------------------------------------------------------------------------------------

static void queue_last(dp_http *h, dp_http_request *q)
{
	DP_CHECK(q->before == NULL && q->after == NULL);
	q->state = DP_HTTP_QUEUED;
	q->before = h->last;
	*(h->last != NULL ? &h->last->after : &h->first) = q;
	h->last = q;
}

static void queue_first(dp_http *h, dp_http_request *q)
{
	DP_CHECK(q->before == NULL && q->after == NULL);
	q->state = DP_HTTP_QUEUED;
	q->after = h->first;
	*(h->first != NULL ? &h->first->before : &h->last) = q;
	h->first = q;
}

static void unqueue(dp_http *h, dp_http_request *q)
{
	DP_CHECK(q->state == DP_HTTP_QUEUED);
	*(q->before != NULL ? &q->before->after : &h->first) = q->after;
	*(q->after != NULL ? &q->after->before : &h->last) = q->before;
	q->before = q->after = NULL;
}

static void forget_answer(dp_http_request *q)
{
	dp_free(q->answer);
	q->answer = NULL;
	q->answer_size = q->answer_cap = q->discarded = 0;
	q->is_begun = q->is_kept = q->is_told = q->is_too_large = q->is_no_memory = false;
	q->status = 0;
}

static void free_request(dp_http_request *q)
{
	dp_free(q->body);
	dp_free(q->url);
	dp_free(q->answer);
	dp_free(q);
}

//- receiving -------------------------------------------------------------------------------------

// Room for `n` more bytes and the NUL.
static bool make_room(dp_http_request *q, size_t n, uint64_t announced)
{
	size_t need = q->answer_size + n + 1;
	if (need <= q->answer_cap) return true;
	size_t cap = q->answer_cap * 2;
	if (q->answer_cap == 0) cap = announced > ANSWER_FIRST ? (size_t)announced + 1 : need;
	if (cap < need) cap = need;
	char *grown = dp_realloc(q->answer, cap);
	if (grown == NULL) return false;
	q->answer = grown;
	q->answer_cap = cap;
	return true;
}

// libcurl's write callback; anything but `n` ends the transfer.
static size_t receive(char *bytes, size_t size, size_t n, void *context)
{
	dp_http_request *q = context;
	DP_CHECK(size == 1 && q->state == DP_HTTP_FLYING);
	dp_http *h = q->http;
	curl_off_t announced = 0;
	if (!q->is_begun) {
		long status = 0;
		CURL *easy = h->slot[q->slot].easy;
		(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		(void)curl_easy_getinfo(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
		if (announced < 0) announced = 0;
		if (announced > DP_HTTP_SIZED_MAX) announced = DP_HTTP_SIZED_MAX;
		q->is_kept = dp_http_is_kept(h, (uint32_t)status);
		q->is_told = dp_http_is_told((uint32_t)status);
		q->is_begun = true;
	}
	h->stats.bytes_in += n;
	q->received += n;
	size_t wanted = n;
	if (!q->is_kept) {
		size_t max = q->is_told ? DP_HTTP_BODY_TOLD_MAX - q->answer_size : 0;
		q->discarded += n;
		if (q->discarded > DP_HTTP_DISCARD_MAX) return 0;
		if (wanted > max) wanted = max;
		announced = 0; // these are too small to make room for at once
	}
	q->is_too_large = q->is_kept && n > h->options.answer_max - q->answer_size;
	if (q->is_too_large) return 0;
	q->is_no_memory = wanted > 0 && !make_room(q, wanted, (uint64_t)announced);
	if (q->is_no_memory) return 0;
	if (wanted > 0) memcpy(q->answer + q->answer_size, bytes, wanted);
	q->answer_size += wanted;
	return n;
}

//- sending ---------------------------------------------------------------------------------------

// What is the same for every request of a slot.
static bool prepare_slot(dp_http *h, dp_http_slot *slot)
{
	CURL *e = slot->easy = curl_easy_init();
	if (e == NULL) return false;
	long timeout = h->options.timeout_s;
	long connect = timeout < CONNECT_S_MAX ? timeout : CONNECT_S_MAX;
	bool fine = curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
	fine = fine && curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK;
	fine = fine && curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "gzip") == CURLE_OK;
	fine = fine && curl_easy_setopt(e, CURLOPT_USERAGENT, "dyepack") == CURLE_OK;
	fine = fine && curl_easy_setopt(e, CURLOPT_HTTPHEADER, h->headers) == CURLE_OK;
	curl_off_t max = (curl_off_t)h->options.answer_max;
	fine = fine && curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE, max) == CURLE_OK;
	// Plain numbers: these cannot fail for want of memory.
	(void)curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(e, CURLOPT_POST, 1L);
	(void)curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(e, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
	(void)curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	(void)curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, connect);
	(void)curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
	(void)curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, timeout);
	(void)curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)RECEIVE_SIZE);
	(void)curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, receive);
	if (fine) return true;
	curl_easy_cleanup(e);
	slot->easy = NULL;
	return false;
}

static bool fill_slot(dp_http *h, dp_http_slot *slot, dp_http_request *q)
{
	if (slot->easy == NULL && !prepare_slot(h, slot)) return false;
	CURL *e = slot->easy;
	const char *url = q->url != NULL ? q->url : h->url_text;
	if (curl_easy_setopt(e, CURLOPT_URL, url) != CURLE_OK) return false;
	if (slot->login_version != h->login_version) {
		if (curl_easy_setopt(e, CURLOPT_USERPWD, h->secret_login) != CURLE_OK) return false;
		slot->login_version = h->login_version;
	}
	(void)curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body_size);
	(void)curl_easy_setopt(e, CURLOPT_POSTFIELDS, q->body); // not copied
	(void)curl_easy_setopt(e, CURLOPT_WRITEDATA, q);
	(void)curl_easy_setopt(e, CURLOPT_PRIVATE, q);
	return curl_multi_add_handle(h->multi, e) == CURLM_OK;
}

static void end_request(dp_http *h, dp_http_request *q)
{
	q->state = DP_HTTP_ENDED;
	h->uncollected += q->answer_size;
	dp_free(q->body);
	q->body = NULL;
}

static void fly(dp_http *h, dp_http_request *q)
{
	uint32_t i = 0;
	while (h->slot[i].request != NULL) i++;
	DP_CHECK(i < h->options.in_flight);
	unqueue(h, q);
	forget_answer(q);
	q->failure = DP_HTTP_FINE;
	q->said[0] = 0;
	q->received = 0;
	q->paced_ms = 0;
	q->begun_ms = dp_http_now_ms();
	if (!fill_slot(h, &h->slot[i], q)) {
		q->failure = DP_HTTP_NO_MEMORY;
		end_request(h, q);
		return;
	}
	h->slot[i].request = q;
	q->slot = i;
	q->state = DP_HTTP_FLYING;
	h->flying++;
	h->stats.requests++;
}

// Sends what may be sent now. Uncollected answers hold everything back but what is waited for.
static void launch(dp_http *h, dp_http_request *wanted)
{
	if (h->first == NULL || dp_http_now_ms() < h->pause_until_ms) return;
	while (h->first != NULL && h->flying < h->allowed) {
		dp_http_request *q = h->first;
		if (h->uncollected > h->options.answer_max) q = wanted;
		if (q == NULL || q->state != DP_HTTP_QUEUED) return;
		fly(h, q);
	}
}

//- what came back --------------------------------------------------------------------------------

static void land(dp_http *h, dp_http_request *q)
{
	dp_http_slot *slot = &h->slot[q->slot];
	DP_CHECK(slot->request == q && h->flying > 0);
	(void)curl_multi_remove_handle(h->multi, slot->easy);
	slot->request = NULL;
	h->flying--;
}

static void send_again(dp_http *h, dp_http_request *q, uint64_t told_s)
{
	// A time-out has taken minutes already, and counts as several failures.
	bool is_late = q->failure == DP_HTTP_TRANSFER && q->curl == CURLE_OPERATION_TIMEDOUT;
	q->tries++;
	q->worth += is_late ? 3 : 1;
	// Who waits behind one that was given up need not find out for themselves: with many
	// requests in the queue that would take as many times as long.
	if (q->worth >= h->options.tries_max || h->is_dead) {
		h->is_dead = true;
		end_request(h, q);
		return;
	}
	char what[DP_HTTP_WORDS_MAX];
	dp_http_describe(h, q, what);
	dp_http_pause(h, q->tries, told_s, what);
	queue_first(h, q);
}

static void take_answer(dp_http *h, dp_http_request *q)
{
	h->was_answered = true;
	h->is_dead = false;
	// Every so many answers without a failure, one more request may fly.
	if (h->allowed < h->options.in_flight && ++h->answers_in_row >= h->allowed * 4) {
		h->allowed++;
		h->answers_in_row = 0;
	}
	if (q->answer == NULL && !make_room(q, 0, 0)) q->failure = DP_HTTP_NO_MEMORY;
	if (q->answer != NULL) q->answer[q->answer_size] = 0;
	end_request(h, q);
}

static void settle(dp_http *h, dp_http_request *q, CURLcode code)
{
	CURL *e = h->slot[q->slot].easy;
	long status = 0;
	curl_off_t told_s = 0;
	char *redirect = NULL, *target = NULL;
	(void)curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(e, CURLINFO_RETRY_AFTER, &told_s);
	(void)curl_easy_getinfo(e, CURLINFO_REDIRECT_URL, &redirect);
	q->status = (uint32_t)status;
	q->curl = code;
	q->took_s = (uint64_t)(dp_http_now_ms() - q->begun_ms) / 1000;
	dp_http_verdict verdict = dp_http_judge(h, q, redirect, &target);
	land(h, q);
	if (verdict != DP_HTTP_TAKE) {
		if (q->is_told) dp_http_hear(h, q);
		uint32_t kept_status = q->status;
		forget_answer(q);
		q->status = kept_status;
	}
	switch (verdict) {
	case DP_HTTP_TAKE: take_answer(h, q); break;
	case DP_HTTP_AGAIN: send_again(h, q, told_s > 0 ? (uint64_t)told_s : 0); break;
	case DP_HTTP_FOLLOW:
		dp_free(q->url);
		q->url = target;
		q->redirects++;
		queue_first(h, q);
		break;
	case DP_HTTP_GIVE_UP: end_request(h, q); break;
	}
}

// A TLS library writes to sockets without MSG_NOSIGNAL: a connection that the other side closed
// would end the whole process. So SIGPIPE is held back around libcurl's work, and one that came
// meanwhile is taken out.
static CURLMcode perform(dp_http *h, int *ret_running)
{
	if (!h->url.is_https) return curl_multi_perform(h->multi, ret_running);
	sigset_t pipe_only, before, pending;
	(void)sigemptyset(&pipe_only);
	(void)sigaddset(&pipe_only, SIGPIPE);
	(void)sigpending(&pending);
	bool was_pending = sigismember(&pending, SIGPIPE) == 1;
	(void)pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
	CURLMcode code = curl_multi_perform(h->multi, ret_running);
	const struct timespec at_once = {0};
	if (!was_pending)
		while (sigtimedwait(&pipe_only, NULL, &at_once) > 0) {}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code;
}

// Ends the transfers that come too slowly to wait for. Where bytes were not moved for a while the
// fault was ours, and everybody begins anew.
static uint32_t end_slow_ones(dp_http *h)
{
	uint32_t ended = 0;
	int64_t now = dp_http_now_ms();
	bool was_away = now - h->turned_ms > AWAY_MS;
	DP_CHECK(now >= h->turned_ms);
	h->turned_ms = now;
	for (uint32_t i = 0; i < h->options.in_flight; i++) {
		dp_http_request *q = h->slot[i].request;
		if (q == NULL || q->received == 0) continue;
		if (was_away) q->paced_ms = 0;
		if (!dp_http_is_too_slow(h, q, now)) continue;
		settle(h, q, CURLE_OPERATION_TIMEDOUT);
		ended++;
	}
	return ended;
}

static dp_code turn(dp_http *h, dp_http_request *wanted, dp_fault *fault)
{
	launch(h, wanted);
	int running = 0, left = 0;
	CURLMcode code = perform(h, &running);
	if (code == CURLM_OUT_OF_MEMORY) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	if (code != CURLM_OK) {
		(void)dp_fail(fault, DP_IO, "%s", curl_multi_strerror(code));
		dp_fault_file(fault, h->name);
		return DP_IO;
	}
	uint32_t ended = 0;
	for (CURLMsg *m; (m = curl_multi_info_read(h->multi, &left)) != NULL; ended++) {
		if (m->msg != CURLMSG_DONE) continue;
		char *q = NULL;
		CURLcode result = m->data.result; // gone once the handle is removed
		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &q);
		settle(h, (dp_http_request *)(void *)q, result);
	}
	ended += end_slow_ones(h);
	if (ended > 0) launch(h, wanted);
	return DP_OK;
}

//- the caller's side ----------------------------------------------------------------------------

void dp_http_close(dp_http *h)
{
	if (h == NULL) return;
	for (uint64_t i = 0; i < h->tickets.cap; i++) {
		dp_http_request *q = h->tickets.row[i].item;
		if (q == NULL) continue;
		if (q->state == DP_HTTP_FLYING) land(h, q);
		free_request(q);
	}
	dp_tickets_done(&h->tickets);
	for (uint32_t i = 0; i < DP_HTTP_IN_FLIGHT_MAX; i++)
		if (h->slot[i].easy != NULL) curl_easy_cleanup(h->slot[i].easy);
	if (h->multi != NULL) (void)curl_multi_cleanup(h->multi);
	curl_slist_free_all(h->headers);
	if (h->is_global) curl_global_cleanup();
	dp_http_free_secret(h->secret_login);
	dp_http_free_secret(h->secret_rest);
	dp_http_free_secret(h->url_text);
	dp_free(h->name);
	dp_free(h);
}

dp_code dp_http_post(dp_http *h, uint64_t *ret_ticket, const char *body, size_t size,
                     dp_fault *fault)
{
	DP_CHECK(h != NULL && ret_ticket != NULL && body != NULL && size > 0);
	dp_http_request *q = dp_alloc(sizeof *q);
	if (q == NULL) return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	q->http = h;
	q->ticket = h->ticket_last + 1;
	q->body_size = size;
	q->body = dp_alloc(size);
	dp_code code = DP_OK;
	if (q->body == NULL) code = dp_fail(fault, DP_NO_MEMORY, "out of memory");
	if (code == DP_OK) code = dp_tickets_put(&h->tickets, q->ticket, q, fault);
	if (code != DP_OK) {
		free_request(q);
		return code;
	}
	memcpy(q->body, body, size);
	queue_last(h, q);
	*ret_ticket = h->ticket_last = q->ticket;
	return DP_OK;
}

// Sleeps until something arrives, a pause ends, or it is time to ask whether to stop.
static dp_code sleep_a_while(dp_http *h, dp_fault *fault)
{
	int64_t now = dp_http_now_ms(), ms = WAIT_MS;
	const dp_source_watch *w = &h->options.watch;
	if (now - h->asked_ms >= WAIT_MS) {
		h->asked_ms = now;
		if (w->stopped != NULL && w->stopped(w->context))
			return dp_fail(fault, DP_BUSY, "stopped while waiting for %s", h->name);
	}
	int64_t pause = h->pause_until_ms - now;
	if (h->first != NULL && pause > 0 && pause < ms) ms = pause;
	if (curl_multi_poll(h->multi, NULL, 0, (int)ms, NULL) != CURLM_OK)
		return dp_fail(fault, DP_NO_MEMORY, "out of memory");
	return DP_OK;
}

dp_code dp_http_wait(dp_http *h, uint64_t ticket, char **ret_body, size_t *ret_size,
                     uint32_t *ret_status, dp_fault *fault)
{
	DP_CHECK(h != NULL && ret_body != NULL && ret_size != NULL && ret_status != NULL);
	dp_http_request *q = dp_tickets_get(&h->tickets, ticket);
	DP_CHECK(q != NULL); // a ticket is waited for once
	h->status_failed = 0;
	dp_code code = DP_OK;
	while (code == DP_OK && q->state != DP_HTTP_ENDED) {
		code = turn(h, q, fault);
		if (code == DP_OK && q->state != DP_HTTP_ENDED) code = sleep_a_while(h, fault);
	}
	if (code == DP_OK && q->failure != DP_HTTP_FINE) {
		h->status_failed = q->status;
		code = dp_http_fail(h, q, fault);
	}
	if (code == DP_OK) {
		*ret_body = q->answer;
		*ret_size = q->answer_size;
		*ret_status = q->status;
		q->answer = NULL; // the caller's now
	}
	dp_http_drop(h, ticket);
	return code;
}

dp_code dp_http_run(dp_http *h, dp_fault *fault)
{
	DP_CHECK(h != NULL);
	return turn(h, NULL, fault);
}

void dp_http_drop(dp_http *h, uint64_t ticket)
{
	DP_CHECK(h != NULL);
	dp_http_request *q = dp_tickets_take(&h->tickets, ticket);
	DP_CHECK(q != NULL);
	if (q->state == DP_HTTP_QUEUED) unqueue(h, q);
	if (q->state == DP_HTTP_FLYING) land(h, q);
	if (q->state == DP_HTTP_ENDED) {
		DP_CHECK(h->uncollected >= q->answer_size);
		h->uncollected -= q->answer_size;
	}
	free_request(q);
}

uint32_t dp_http_status_failed(const dp_http *h)
{
	return h->status_failed;
}

dp_http_stats dp_http_stats_of(const dp_http *h)
{
	DP_CHECK(h != NULL);
	return h->stats;
}
