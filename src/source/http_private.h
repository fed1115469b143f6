// What the files of the HTTP client share: the client, a request, and how an answer is judged.
// Nobody else includes this but rpc.c, which slows down and asks for the status of a failure.
#ifndef DP_SOURCE_HTTP_PRIVATE_H
#define DP_SOURCE_HTTP_PRIVATE_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source/http.h"
#include "source/ticket.h"
#include "source/url.h"

enum {
	DP_HTTP_IN_FLIGHT_MAX = 64,
	DP_HTTP_REDIRECTS_MAX = 5,
	DP_HTTP_DISCARD_MAX = 64 << 10, // bytes read of a body that nobody wants
	DP_HTTP_SIZED_MAX = 4 << 20,    // bytes allocated because an answer announces them
	DP_HTTP_WORDS_MAX = 600,
	DP_HTTP_BODY_TOLD_MAX = 4096, // bytes read of a body for what it says of a refusal
	DP_HTTP_SAID_MAX = 120,       // bytes shown of that
	DP_HTTP_PACE_MIN = 1024       // bytes a second, once an answer has begun
};

typedef enum dp_http_state { DP_HTTP_QUEUED, DP_HTTP_FLYING, DP_HTTP_ENDED } dp_http_state;

// What is wrong with a transfer that ended, most of it told apart by `status` and `curl`.
typedef enum dp_http_failure {
	DP_HTTP_FINE,
	DP_HTTP_TOO_LARGE,
	DP_HTTP_NO_MEMORY,
	DP_HTTP_LOGIN,     // 401, 403
	DP_HTTP_ELSEWHERE, // a redirect to another place
	DP_HTTP_CIRCLE,    // too many redirects
	DP_HTTP_STATUS,    // another status
	DP_HTTP_TRANSFER   // libcurl's code says
} dp_http_failure;

typedef enum dp_http_verdict {
	DP_HTTP_TAKE,
	DP_HTTP_AGAIN,
	DP_HTTP_FOLLOW, // to `target`
	DP_HTTP_GIVE_UP
} dp_http_verdict;

typedef struct dp_http_request dp_http_request;
struct dp_http_request {
	dp_http_request *before, *after; // in the queue
	dp_http *http;
	uint64_t ticket;
	char *body; // what is sent
	size_t body_size;
	char *url;                              // where a redirect led; NULL: the endpoint's own
	uint32_t tries, worth, redirects, slot; // worth: of its failures, see send_again
	dp_http_state state;
	// The answer so far, and then the answer.
	char *answer;
	size_t answer_size, answer_cap, discarded;
	uint32_t status;
	CURLcode curl;
	dp_http_failure failure;
	bool is_begun, is_kept, is_told, is_too_large, is_no_memory;
	char said[DP_HTTP_SAID_MAX + 4]; // by the body of a refusal; "" = nothing
	// How fast it comes: since when and how much in all, and of that since `paced_ms`.
	int64_t begun_ms, paced_ms;
	uint64_t received, paced, took_s; // took_s: of the transfer that ended
	bool is_noticed;                  // as slow
};

typedef struct dp_http_slot {
	CURL *easy;
	dp_http_request *request; // NULL: idle
	uint32_t login_version;
} dp_http_slot;

struct dp_http {
	dp_http_options options; // defaults filled in; `login` is not used
	dp_url url;              // points into url_text
	char *url_text, *name;
	char *secret_login, *secret_rest; // never shown
	uint32_t login_version;
	CURLM *multi;
	struct curl_slist *headers;
	dp_http_slot slot[DP_HTTP_IN_FLIGHT_MAX];
	uint32_t flying, allowed, answers_in_row; // allowed: to fly at a time
	dp_http_request *first, *last;            // queue
	dp_tickets tickets;                       // all requests
	uint64_t ticket_last;
	uint64_t uncollected; // bytes of answers that ended and were not waited for
	int64_t pause_until_ms, noticed_until_ms, asked_ms;
	int64_t slow_until_ms; // until then nobody is called slow again
	int64_t turned_ms;     // when bytes were last moved
	uint64_t chance;       // state of the generator that makes delays differ
	bool was_answered, is_global;
	bool is_dead; // a request was given up, and nothing was answered since: no more waiting
	uint32_t status_failed;
	dp_http_stats stats;
};

// Milliseconds of a clock that never steps.
int64_t dp_http_now_ms(void);

void dp_http_free_secret(char *secret); // overwrites it first; NULL is fine

// Is this status's body wanted? Or only for the words in it?
bool dp_http_is_kept(const dp_http *h, uint32_t status);
bool dp_http_is_told(uint32_t status);
// Takes what the body of a refusal says into request->said.
void dp_http_hear(const dp_http *h, dp_http_request *request);
// Is the answer on its way so slow that it counts as a time-out? Tells the watch of one that is
// slow, but comes.
bool dp_http_is_too_slow(dp_http *h, dp_http_request *request, int64_t now_ms);
// Judges the transfer that ended; sets request->failure. For DP_HTTP_FOLLOW *ret_target is the
// URL to go to (dp_free).
dp_http_verdict dp_http_judge(const dp_http *h, dp_http_request *request, const char *redirect,
                              char **ret_target);
// "node:8545 is busy (HTTP 429)": what went wrong, without any secret.
void dp_http_describe(const dp_http *h, const dp_http_request *request,
                      char out[DP_HTTP_WORDS_MAX]);
dp_code dp_http_fail(const dp_http *h, const dp_http_request *request, dp_fault *fault);

// Sends nothing for a while: told_s seconds (0 = not told), else a delay for the `tries`th failure
// in a row. The watch hears `what` and for how long.
void dp_http_pause(dp_http *h, uint32_t tries, uint64_t told_s, const char *what);
// After a failed dp_http_wait: the status that the endpoint answered; 0 = none.
uint32_t dp_http_status_failed(const dp_http *h);
// Does a text (of the endpoint) repeat what must not be shown?
bool dp_http_tells_secret(const dp_http *h, const char *text);

#endif
