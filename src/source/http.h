// HTTP for sources: one endpoint, several requests in flight over connections that stay open, on
// libcurl's multi interface, in the caller's own thread.
//
// What an endpoint may do to us, and what it gets:
//
//   429 and 503 (with Retry-After, seconds or a date), 408, 500, 502, 504, 520-524, a refused or
//   dropped connection, a time-out: the request is sent again after a delay that doubles from
//   0.25 s to 30 s with some chance in it, or as long as Retry-After says (at most 5 minutes); the
//   watch is told; after `tries_max` in a row (default 8; a time-out counts as 3) it is DP_IO, and
//   so is all that fails before the endpoint has answered something again. While anyone is told to
//   wait, nothing else is sent: the limit is the endpoint's, not the request's.
//   Every answer of the kind also halves how many requests fly at a time, and answers that come
//   win that back one by one.
//   an answer that comes, but slower than 1 KiB/s over `timeout_s` seconds after its first byte: a
//   time-out, too. A whole answer that takes longer than `timeout_s` is told to the watch, once.
//   401, 402, 403: DP_IO at once: "refused the user and password (HTTP 401)". What the body says
//   of it (the message of a JSON error, else the first line of a plain text) is added to the words
//   for these and for 429: 120 bytes of it, no control characters, and nothing that repeats a
//   secret of the URL.
//   a redirect: followed to the same scheme, host and port only; to another one: DP_IO, and
//   neither credentials nor request go there. https never becomes http.
//   other answers below 200 or from 300 on: DP_IO with the code.
//   a certificate that is not trusted, something that does not speak HTTP: DP_IO at once; so is a
//   name that is not found and a failed TLS handshake, unless the endpoint answered before.
//   an answer larger than `answer_max` bytes (after unpacking): DP_LIMIT, the transfer is cut off.
//   an answer cut short (fewer bytes than announced): retried. (libcurl does not notice a gzip
//   stream that ends early although all announced bytes came; whoever parses the answer does.)
//   answers that nobody collects: once they hold more than `answer_max` bytes together, only what
//   is waited for is still sent, so that memory stays bounded by that and what is in flight.
//
// HTTP/1.1, gzip accepted. Certificates are checked. No proxy, no .netrc: libcurl would take a
// proxy from the environment, but where a responder's questions go must stand in the command.
// A fault's `file` is "host:port", its text does not repeat that; a notice begins with it.
// No fault and no notice holds user, password, path or query of the URL.
#ifndef DP_SOURCE_HTTP_H
#define DP_SOURCE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "source/source.h"

typedef struct dp_http dp_http;

typedef struct dp_http_options {
	uint32_t in_flight;  // requests at a time, 1 to 64; 0 = 8
	uint32_t tries_max;  // 0 = 8
	uint64_t answer_max; // bytes; 0 = 256 MiB
	uint32_t timeout_s;  // without a single byte; 0 = 120 (to connect: at most 30)
	// Of the delays before a request is sent again: the first, the longest of our own, and the
	// longest that an endpoint may ask for; 0 = 250, 30,000 and 300,000.
	uint32_t delay_first_ms, delay_max_ms, delay_told_max_ms;
	bool bodies_of_errors; // see dp_http_wait
	const char *login;     // "user:password" or NULL (then the URL's own, if any); copied
	dp_source_watch watch;
} dp_http_options;

// No connection is made yet. DP_BAD_CASE when it is no http or https URL.
DP_MUST dp_code dp_http_open(dp_http **ret_http, const char *url, const dp_http_options *options,
                             dp_fault *fault);
void dp_http_close(dp_http *h); // NULL is fine; what is in flight is dropped

// "host:port", for messages.
const char *dp_http_name(const dp_http *h);
// Another login from now on (a node's cookie changes when it restarts); copied.
DP_MUST dp_code dp_http_login(dp_http *h, const char *login, dp_fault *fault);

// Starts a POST of a JSON text (copied). More than `in_flight` wait their turn.
DP_MUST dp_code dp_http_post(dp_http *h, uint64_t *ret_ticket, const char *body, size_t size,
                             dp_fault *fault);
// Waits for the answer to a ticket; the others go on meanwhile. *ret_body (terminated by a NUL
// that is not counted) is the caller's to dp_free. The ticket is then gone, as it is after an
// error. *ret_status 200 to 299, or, where `bodies_of_errors` was set, 400, 404, 413, and 500 with
// a body that begins like JSON (another 500 is retried): JSON-RPC servers send their error objects
// under these. `stopped` is asked at least ten times a second: then DP_BUSY.
DP_MUST dp_code dp_http_wait(dp_http *h, uint64_t ticket, char **ret_body, size_t *ret_size,
                             uint32_t *ret_status, dp_fault *fault);
// Moves bytes without waiting, so that downloads go on while the caller works.
DP_MUST dp_code dp_http_run(dp_http *h, dp_fault *fault);
void dp_http_drop(dp_http *h, uint64_t ticket); // forgets a ticket

typedef struct dp_http_stats {
	uint64_t requests, retries, bytes_in;
} dp_http_stats;
dp_http_stats dp_http_stats_of(const dp_http *h);

#endif
